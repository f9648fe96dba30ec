/* `doctor`: looks at the machine, the disk and the cluster, and says what to do about what it
 * finds. Changes nothing. */
#include "cli/doctor.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/output.h"

static const char *const level_names[] = {
    [DOCTOR_OK] = "ok", [DOCTOR_WARN] = "warn", [DOCTOR_ERROR] = "error"};

void doctor_add(struct doctor *d, enum doctor_level level, const char *check, const char *advice,
                const char *format, ...)
{
    if (d->count == DOCTOR_FINDINGS_MAX) return;
    struct doctor_finding *f = &d->findings[d->count++];
    va_list args;
    f->level = level;
    snprintf(f->check, sizeof f->check, "%s", check);
    snprintf(f->advice, sizeof f->advice, "%s", advice);
    va_start(args, format);
    vsnprintf(f->found, sizeof f->found, format, args);
    va_end(args);
}

static unsigned count_of(const struct doctor *d, enum doctor_level level)
{
    unsigned count = 0;
    for (unsigned i = 0; i < d->count; i++)
        count += d->findings[i].level == level;
    return count;
}

static void print_table(const struct doctor *d)
{
    for (unsigned i = 0; i < d->count; i++) {
        const struct doctor_finding *f = &d->findings[i];
        printf("%-6s %-20s %s\n", level_names[f->level], f->check, f->found);
        if (f->advice[0] != '\0') printf("%-6s %-20s -> %s\n", "", "", f->advice);
    }
    uint32_t warnings = count_of(d, DOCTOR_WARN), errors = count_of(d, DOCTOR_ERROR);
    printf("\n%u checked, %u warning%s, %u error%s\n", d->count, warnings, warnings == 1 ? "" : "s", errors,
           errors == 1 ? "" : "s");
}

static void print_json(const struct doctor *d)
{
    json_t *findings = json_array();
    for (unsigned i = 0; i < d->count; i++) {
        const struct doctor_finding *f = &d->findings[i];
        json_array_append_new(findings,
                              json_pack("{s:s, s:s, s:s, s:s}", "level", level_names[f->level],
                                        "check", f->check, "found", f->found, "advice", f->advice));
    }
    json_t *root =
        json_pack("{s:o, s:i, s:i}", "findings", findings, "warnings",
                  (int)count_of(d, DOCTOR_WARN), "errors", (int)count_of(d, DOCTOR_ERROR));
    json_dumpf(root, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(root);
}

static void print_lines(const struct doctor *d, bool csv)
{
    if (csv) printf("level,check,found,advice\n");
    for (unsigned i = 0; i < d->count; i++) {
        const struct doctor_finding *f = &d->findings[i];
        const char *const cells[] = {level_names[f->level], f->check, f->found, f->advice};
        if (csv)
            cli_print_csv(cells, 4);
        else
            cli_print_plain(cells, 4);
    }
}

/* README, Exit statuses. */
static int verdict(const struct doctor *d)
{
    if (d->no_quorum) return CLI_NO_QUORUM;
    if (d->unreachable) return CLI_ERROR;
    return count_of(d, DOCTOR_WARN) + count_of(d, DOCTOR_ERROR) > 0 ? CLI_DEGRADED : CLI_OK;
}

int cli_doctor(int argc, char **argv)
{
    struct doctor *d = calloc(1, sizeof *d);
    if (d == NULL) return CLI_ERROR;
    const char *host = NULL, *format = "table";
    enum cli_format output;
    d->timeout_ns = 2000000000u;
    const struct cli_flag flags[] = {
        {"host", 'H', CLI_PLACE, &host, "H:P", "admin (HTTP) address of any node (127.0.0.1:7480)"},
        {"data", 'd', CLI_TEXT, &d->data, "DIR", "measure the disk under this directory"},
        {"timeout", 0, CLI_DURATION, &d->timeout_ns, "TIME",
         "how long to wait for each answer (2s)"},
        CLI_FORMAT_FLAG(&format),
    };
    const struct cli_command command = {
        "doctor",
        "Looks at this machine, at a disk and at a cluster, and says what to do. Works with no "
        "quorum.",
        "doctor [--host H:P] [--data DIR] [-o table|json|csv|plain]",
        flags,
        4,
        NULL};
    int status = cli_parse(&command, argc, argv, NULL, 0, NULL);
    if (status == CLI_OK && !cli_format_of(&command, format, &output)) status = CLI_USAGE;
    if (status == CLI_OK) {
        d->host_given = host != NULL;
        d->host = host != NULL ? host : "127.0.0.1:7480";
        doctor_machine(d);
        doctor_disk(d);
        doctor_cluster(d);
        if (output == CLI_FORMAT_TABLE)
            print_table(d);
        else if (output == CLI_FORMAT_JSON)
            print_json(d);
        else
            print_lines(d, output == CLI_FORMAT_CSV);
        status = verdict(d);
    }
    free(d);
    return status < 0 ? CLI_OK : status;
}
