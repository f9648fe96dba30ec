#include "tests/isolation/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

#define FILE_BYTES_MAX (1u << 20)

static bool starts_with_word(const char *text, const char *word)
{
    size_t size = strlen(word);
    return strncmp(text, word, size) == 0 && (text[size] == 0 || strchr(" ;", text[size]) != NULL);
}

bool spec_begins(const char *sql)
{
    return starts_with_word(sql, "BEGIN") || starts_with_word(sql, "START");
}

bool spec_ends(const char *sql)
{
    const char *last = strrchr(sql, ';');
    const char *at = last == NULL ? sql : last + 1;
    while (*at == ' ') at++;
    bool to_savepoint = strncmp(at, "ROLLBACK TO", 11) == 0;
    return !to_savepoint && (starts_with_word(at, "COMMIT") || starts_with_word(at, "ROLLBACK"));
}

static void wrong(const struct spec *s, int line, const char *what)
{
    fail_msg("%s:%d: %s", s->path, line, what);
}

static uint32_t find_step(const struct spec *s, int line, const char *name)
{
    for (uint32_t i = 0; i < s->step_count; i++)
        if (strcmp(s->steps[i].name, name) == 0) return i;
    wrong(s, line, "there is no such step");
    return 0;
}

static void read_order(struct spec *s, int line, char *names)
{
    if (s->order_count == SPEC_ORDERS_MAX) wrong(s, line, "too many orders");
    struct spec_order *o = &s->orders[s->order_count++];
    uint32_t next[SPEC_SESSIONS_MAX] = {0};
    char *rest = NULL;
    for (char *name = strtok_r(names, " ", &rest); name != NULL; name = strtok_r(NULL, " ", &rest)) {
        uint32_t step = find_step(s, line, name), session = s->steps[step].session;
        if (o->count == SPEC_STEPS_MAX) wrong(s, line, "too many steps");
        if (step < next[session]) wrong(s, line, "a session's steps out of their order");
        next[session] = step + 1;
        o->steps[o->count++] = step;
    }
}

static void read_step(struct spec *s, int line, char *text)
{
    char *colon = strchr(text, ':');
    if (colon == NULL || s->session_count == 0 || s->step_count == SPEC_STEPS_MAX) wrong(s, line, "no step");
    *colon = 0;
    s->steps[s->step_count++] =
        (struct spec_step){.name = text, .sql = colon + 1 + strspn(colon + 1, " "), .session = s->session_count - 1};
}

static void add_line(struct spec *s, int line, char **lines, uint32_t *count, char *text)
{
    if (*count == SPEC_LINES_MAX) wrong(s, line, "too many lines of a kind");
    lines[(*count)++] = text;
}

static void read_line(struct spec *s, int number, char *line)
{
    if (line[0] == 0 || line[0] == '#') return;
    if (line[0] == ' ') {
        read_step(s, number, line + strspn(line, " "));
        return;
    }
    char *text = strchr(line, ' ');
    if (text == NULL) wrong(s, number, "half a line");
    *text++ = 0;
    text += strspn(text, " ");
    if (strcmp(line, "table") == 0) add_line(s, number, s->tables, &s->table_count, text);
    else if (strcmp(line, "rows") == 0) add_line(s, number, s->rows, &s->row_count, text);
    else if (strcmp(line, "final") == 0) add_line(s, number, s->finals, &s->final_count, text);
    else if (strcmp(line, "session") == 0 && s->session_count < SPEC_SESSIONS_MAX)
        s->sessions[s->session_count++] = text;
    else if (strcmp(line, "order") == 0) read_order(s, number, text);
    else if (strcmp(line, "orders") == 0 && strcmp(text, "all") == 0) s->all = true;
    else if (strcmp(line, "orders") == 0) s->sample = (uint32_t)strtoul(text, NULL, 10);
    else if (strcmp(line, "levels") == 0) s->levels = true;
    else if (strcmp(line, "unordered") == 0) s->unordered = true;
    else wrong(s, number, "no such directive");
}

/* A block runs from BEGIN to its end; what stands outside of blocks is a transaction each. */
static void number_transactions(struct spec *s)
{
    bool open = false;
    for (uint32_t i = 0; i < s->step_count; i++) {
        struct spec_step *step = &s->steps[i];
        if (i > 0 && step->session != s->steps[i - 1].session) open = false;
        if (!open) s->txn_count++;
        step->txn = s->txn_count - 1;
        if (spec_begins(step->sql)) open = true;
        if (spec_ends(step->sql)) open = false;
    }
}

static char *read_all(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) fail_msg("cannot open %s", path);
    char *text = calloc(1, FILE_BYTES_MAX);
    assert_non_null(text);
    size_t size = fread(text, 1, FILE_BYTES_MAX - 1, file);
    assert_true(size < FILE_BYTES_MAX - 1);
    fclose(file);
    return text;
}

void spec_load(struct spec *s, const char *path)
{
    *s = (struct spec){.text = read_all(path)};
    snprintf(s->path, sizeof s->path, "%s", path);
    int number = 1;
    for (char *line = s->text; *line != 0; number++) {
        char *end = strchr(line, '\n');
        if (end == NULL) fail_msg("%s ends within a line", path);
        *end = 0;
        read_line(s, number, line);
        line = end + 1;
    }
    number_transactions(s);
    if (s->step_count == 0 || s->row_count == 0 || s->final_count == 0) fail_msg("%s is not complete", path);
}

void spec_free(struct spec *s)
{
    free(s->text);
}
