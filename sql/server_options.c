/* The start-up parameter "options": what a command line would be, `-c name=value` and `--name=value`, as PGOPTIONS and
 * libpq's options=... send it. Words are separated by white space; a backslash takes the next character as it is. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "sql/server_int.h"

/* The next word of *text into `word`; false: there is none. */
static bool next_word(const char **text, char *word, size_t size)
{
    const char *at = *text;
    size_t used = 0;
    while (isspace((unsigned char)*at)) at++;
    if (*at == '\0') return false;
    while (*at != '\0' && !isspace((unsigned char)*at)) {
        if (*at == '\\' && at[1] != '\0') at++;
        if (used + 1 < size) word[used++] = *at;
        at++;
    }
    word[used] = '\0';
    *text = at;
    return true;
}

static bool invalid(struct connection *c, struct sql_error *error, const char *format, const char *word)
{
    sql_error_set(error, &c->arena, SQLSTATE_SYNTAX_ERROR, 0, format, word);
    return false;
}

/* name=value, where dashes of the name stand for underscores. */
static bool assign(struct connection *c, char *assignment, const char *shown, struct sql_error *error)
{
    char *equals = strchr(assignment, '=');
    if (equals == NULL) return invalid(c, error, "%s requires a value", shown);
    *equals = '\0';
    for (char *at = assignment; *at != '\0'; at++)
        if (*at == '-') *at = '_';
    return sql_session_set(c->session, &c->arena, assignment, equals + 1, error);
}

bool connection_set_options(struct connection *c, const char *text, struct sql_error *error)
{
    size_t size = strlen(text) + 1;
    char *word = arena_alloc(&c->arena, size), *shown = arena_alloc(&c->arena, size + 4);
    if (word == NULL || shown == NULL) return sql_error_out_of_memory(error);
    while (next_word(&text, word, size)) {
        char *assignment = word + 2;
        if (word[0] != '-' || (word[1] != 'c' && word[1] != '-') || strcmp(word, "--") == 0)
            return invalid(c, error, "invalid command-line argument for server process: %s", word);
        snprintf(shown, size + 4, "%s", word);
        if (strcmp(word, "-c") == 0) {
            if (!next_word(&text, word, size)) return invalid(c, error, "%s requires a value", shown);
            assignment = word;
            snprintf(shown, size + 4, "-c %s", word);
        }
        if (!assign(c, assignment, shown, error)) return false;
    }
    return true;
}
