#include "cli/cli.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

static const struct cli_flag *find_flag(const struct cli_command *c, const char *name, size_t size)
{
    for (size_t i = 0; i < c->flag_count; i++)
        if (strlen(c->flags[i].name) == size && strncmp(c->flags[i].name, name, size) == 0)
            return &c->flags[i];
    return NULL;
}

static const struct cli_flag *find_short(const struct cli_command *c, char name)
{
    for (size_t i = 0; i < c->flag_count; i++)
        if (c->flags[i].short_name == name && name != '\0') return &c->flags[i];
    return NULL;
}

static bool parse_switch(const char *text, bool *value)
{
    if (strcmp(text, "true") == 0 || strcmp(text, "1") == 0) *value = true;
    else if (strcmp(text, "false") == 0 || strcmp(text, "0") == 0) *value = false;
    else return false;
    return true;
}

/* host:port of a peer; the host may be a name, which is looked up later. */
static bool is_place(struct bytes text)
{
    size_t colon = text.size;
    while (colon > 0 && text.data[colon - 1] != ':') colon--;
    uint64_t port;
    if (colon < 2 || text.size >= 256) return false; /* an empty host, or no colon */
    for (size_t i = 0; i < colon; i++) {
        uint8_t c = text.data[i];
        if (!isalnum(c) && strchr("-._:[]%", c) == NULL) return false;
    }
    return parse_u64(bytes_make(text.data + colon, text.size - colon), &port) == STATUS_OK && port >= 1 &&
           port <= UINT16_MAX;
}

static bool are_places(const char *text)
{
    for (;;) {
        size_t size = strcspn(text, ",");
        if (!is_place(bytes_make(text, size))) return false;
        if (text[size] == '\0') return true;
        text += size + 1;
    }
}

static int set_flag(const struct cli_command *c, const struct cli_flag *f, const char *text,
                    const char *origin)
{
    bool ok = true;
    struct bytes bytes = bytes_of_string(text);
    switch (f->kind) {
    case CLI_TEXT: *(const char **)f->value = text; break;
    case CLI_SWITCH: ok = parse_switch(text, f->value); break;
    case CLI_NUMBER: ok = parse_u64(bytes, f->value) == STATUS_OK; break;
    case CLI_SIZE: ok = parse_size(bytes, f->value) == STATUS_OK; break;
    case CLI_DURATION: ok = parse_duration(bytes, f->value) == STATUS_OK; break;
    case CLI_ADDRESS: ok = env_addr_parse(bytes, f->value) == STATUS_OK; break;
    case CLI_PLACE:
        ok = is_place(bytes);
        if (ok) *(const char **)f->value = text;
        break;
    case CLI_PLACES:
        ok = are_places(text);
        if (ok) *(const char **)f->value = text;
        break;
    }
    if (ok) return CLI_OK;
    fprintf(stderr, "ostraka %s: %s: \"%s\" is not a %s\n", c->name, origin, text,
            f->argument != NULL ? f->argument : "true or false");
    return CLI_USAGE;
}

static int from_environment(const struct cli_command *c)
{
    for (size_t i = 0; i < c->flag_count; i++) {
        char name[64];
        int size = snprintf(name, sizeof name, "OSTRAKA_%s", c->flags[i].name);
        for (int k = 0; k < size; k++)
            name[k] = name[k] == '-' ? '_' : (char)toupper((unsigned char)name[k]);
        const char *value = getenv(name);
        if (value == NULL || *value == '\0') continue;
        int status = set_flag(c, &c->flags[i], value, name);
        if (status != CLI_OK) return status;
    }
    return CLI_OK;
}

static int unknown_flag(const struct cli_command *c, const char *text)
{
    fprintf(stderr, "ostraka %s: unknown flag %s; see ostraka %s --help\n", c->name, text, c->name);
    return CLI_USAGE;
}

int cli_parse(const struct cli_command *c, int argc, char **argv, const char **words_out,
              size_t words_max, size_t *word_count_out)
{
    size_t words = 0;
    bool only_words = false;
    int status = from_environment(c);
    for (int i = 0; i < argc && status == CLI_OK; i++) {
        char *text = argv[i];
        if (only_words || text[0] != '-' || text[1] == '\0') {
            if (words == words_max) {
                fprintf(stderr, "ostraka %s: one word too many: %s\n", c->name, text);
                return CLI_USAGE;
            }
            words_out[words++] = text;
            continue;
        }
        if (strcmp(text, "--") == 0) {
            only_words = true;
            continue;
        }
        if (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0) {
            cli_print_help(c);
            return -1;
        }
        bool is_long = text[1] == '-';
        char *equals = is_long ? strchr(text, '=') : NULL;
        size_t size = equals != NULL ? (size_t)(equals - text - 2) : strlen(text) - (is_long ? 2 : 1);
        const struct cli_flag *f =
            is_long ? find_flag(c, text + 2, size) : size == 1 ? find_short(c, text[1]) : NULL;
        if (f == NULL) return unknown_flag(c, text);
        const char *value = equals != NULL ? equals + 1 : NULL;
        if (value == NULL && f->kind == CLI_SWITCH) value = "true";
        if (value == NULL && i + 1 < argc) value = argv[++i];
        if (value == NULL) {
            fprintf(stderr, "ostraka %s: %s wants %s\n", c->name, text, f->argument);
            return CLI_USAGE;
        }
        status = set_flag(c, f, value, text);
    }
    if (word_count_out != NULL) *word_count_out = words;
    return status;
}

void cli_print_help(const struct cli_command *c)
{
    printf("%s\n\nusage: ostraka %s\n", c->summary, c->usage);
    if (c->flag_count > 0) printf("\n");
    for (size_t i = 0; i < c->flag_count; i++) {
        const struct cli_flag *f = &c->flags[i];
        char left[64];
        snprintf(left, sizeof left, "%s%c%s--%s%s%s", f->short_name ? "-" : "",
                 f->short_name ? f->short_name : ' ', f->short_name ? ", " : "   ", f->name,
                 f->argument ? " " : "", f->argument ? f->argument : "");
        printf("  %-32s %s\n", left, f->help);
    }
    if (c->flag_count > 0)
        printf("\nEvery flag can be given as OSTRAKA_<FLAG> in the environment; the flag wins.\n");
}
