#include "cli/output.h"

#include <stdio.h>
#include <string.h>

bool cli_format_of(const struct cli_command *command, const char *text, enum cli_format *format_out)
{
    static const char *const names[] = {"table", "json", "csv", "plain"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(names[i], text) != 0) continue;
        *format_out = (enum cli_format)i;
        return true;
    }
    fprintf(stderr, "ostraka %s: -o is table, json, csv or plain\n", command->name);
    return false;
}

void cli_print_csv(const char *const *cells, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0) putchar(',');
        if (strpbrk(cells[i], ",\"\r\n") == NULL) {
            fputs(cells[i], stdout);
            continue;
        }
        putchar('"');
        for (const char *p = cells[i]; *p != '\0'; p++) {
            if (*p == '"') putchar('"');
            putchar(*p);
        }
        putchar('"');
    }
    putchar('\n');
}

void cli_print_plain(const char *const *cells, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0) putchar('\t');
        for (const char *p = cells[i]; *p != '\0'; p++)
            putchar(strchr("\t\r\n", *p) != NULL ? ' ' : *p);
    }
    putchar('\n');
}

const char *cli_bytes_text(uint64_t bytes, char text[CLI_BYTES_TEXT])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    int unit = 0;
    while (value >= 1024 && unit < 4) {
        value /= 1024;
        unit++;
    }
    snprintf(text, CLI_BYTES_TEXT, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return text;
}
