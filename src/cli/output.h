/* -o: how a command prints. */
#ifndef OSTRAKA_CLI_OUTPUT_H
#define OSTRAKA_CLI_OUTPUT_H

#include "cli/cli.h"

enum cli_format { CLI_FORMAT_TABLE, CLI_FORMAT_JSON, CLI_FORMAT_CSV, CLI_FORMAT_PLAIN };
#define CLI_FORMAT_FLAG(value) \
    { \
        "output", 'o', CLI_TEXT, (value), "table|json|csv|plain", "how to print (table)" \
    }

/* False, with a message, when it is none of them. */
bool cli_format_of(const struct cli_command *command, const char *text,
                   enum cli_format *format_out);
/* One line; cells with commas, quotes or line ends are quoted (RFC 4180). */
void cli_print_csv(const char *const *cells, size_t count);
/* One line, cells between tabs: for awk. Tabs and line ends within become spaces. */
void cli_print_plain(const char *const *cells, size_t count);

/* "512 B", "1.5 MiB": into text, which is returned. */
#define CLI_BYTES_TEXT 24
const char *cli_bytes_text(uint64_t bytes, char text[CLI_BYTES_TEXT]);

#endif
