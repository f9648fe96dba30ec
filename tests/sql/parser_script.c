#include "tests/sql/parser_script.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/test.h"

#define ARENA_BYTES_MAX (64u << 20)
#define TEXT_BYTES_MAX  (4u << 20)

/* --- Reading --- */

static char *read_all(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) fail_msg("cannot open %s", path);
    char *text = calloc(1, TEXT_BYTES_MAX);
    assert_non_null(text);
    size_t size = fread(text, 1, TEXT_BYTES_MAX - 1, file);
    assert_true(size < TEXT_BYTES_MAX - 1);
    fclose(file);
    return text;
}

/* The line at *at with its newline; goes behind it. NULL at the end. */
static char *next_line(const char **at)
{
    if (**at == 0) return NULL;
    const char *end = strchr(*at, '\n');
    size_t size = end == NULL ? strlen(*at) : (size_t)(end - *at) + 1;
    char *line = strndup(*at, size);
    assert_non_null(line);
    *at += size;
    return line;
}

static void append(struct buf *b, char *line)
{
    buf_append_string(b, line);
    free(line);
}

static char *take(struct buf *b)
{
    buf_append_byte(b, 0);
    assert_int_equal(buf_status(b), STATUS_OK);
    char *text = strdup((const char *)b->data);
    assert_non_null(text);
    buf_deinit(b);
    return text;
}

/* Lines up to one that is `stop`, which is consumed. */
static void read_until(const char **at, const char *stop, struct buf *out, int *line)
{
    char *text;
    while ((text = next_line(at)) != NULL) {
        (*line)++;
        if (strcmp(text, stop) == 0) {
            free(text);
            return;
        }
        append(out, text);
    }
}

static void read_case(const char **at, struct parser_script_case *c, int *line)
{
    struct buf comment, input, expected;
    buf_init(&comment, TEXT_BYTES_MAX);
    buf_init(&input, TEXT_BYTES_MAX);
    buf_init(&expected, TEXT_BYTES_MAX);
    while (**at == '#') {
        append(&comment, next_line(at));
        (*line)++;
    }
    c->line = *line + 1;
    read_until(at, "----\n", &input, line);
    read_until(at, "\n", &expected, line);
    if (input.size > 0) buf_truncate(&input, input.size - 1);
    c->comment = take(&comment);
    c->input = take(&input);
    c->expected = take(&expected);
}

void parser_script_load(struct parser_script *s, const char *name)
{
    *s = (struct parser_script){.count = 0};
    snprintf(s->path, sizeof s->path, "%s/sql/parser/%s.txt", TEST_DATA_DIR, name);
    char *text = read_all(s->path);
    const char *at = text;
    int line = 0;
    while (*at != 0) {
        s->cases = realloc(s->cases, (s->count + 1) * sizeof s->cases[0]);
        assert_non_null(s->cases);
        read_case(&at, &s->cases[s->count++], &line);
    }
    free(text);
}

void parser_script_free(struct parser_script *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->cases[i].comment);
        free(s->cases[i].input);
        free(s->cases[i].expected);
    }
    free(s->cases);
}

/* --- Running --- */

static void show_error(const struct sql_error *error, struct buf *out)
{
    buf_printf(out, "%s at %u: %s\n", error->sqlstate, error->position, error->message);
    if (error->detail != NULL) buf_printf(out, "  detail: %s\n", error->detail);
    if (error->hint != NULL) buf_printf(out, "  hint: %s\n", error->hint);
}

/* What comes of a text. True when it parsed. */
static bool run(const char *text, struct buf *out)
{
    struct arena arena;
    struct sql_script script = {.count = 0};
    struct sql_error error = {.message = NULL};
    arena_init(&arena, ARENA_BYTES_MAX);
    bool parsed = sql_parse(&arena, bytes_of_string(text), &script, &error);
    assert_int_equal(parsed, !sql_error_is_set(&error));
    if (!parsed) show_error(&error, out);
    for (uint32_t i = 0; i < script.count; i++) {
        sql_ast_print(script.statements[i].node, out);
        buf_append_string(out, ";\n");
    }
    arena_deinit(&arena);
    return parsed;
}

static bool rewriting(void)
{
    const char *set = getenv("OSTRAKA_REWRITE");
    return set != NULL && strcmp(set, "1") == 0;
}

static void rewrite(const struct parser_script *s)
{
    FILE *file = fopen(s->path, "wb");
    assert_non_null(file);
    for (size_t i = 0; i < s->count; i++) {
        const struct parser_script_case *c = &s->cases[i];
        fprintf(file, "%s%s%s\n----\n%s", i > 0 ? "\n" : "", c->comment, c->input, c->expected);
    }
    fclose(file);
}

static void run_case(const struct parser_script *s, struct parser_script_case *c)
{
    struct buf got, again;
    buf_init(&got, TEXT_BYTES_MAX);
    buf_init(&again, TEXT_BYTES_MAX);
    bool parsed = run(c->input, &got);
    char *first = take(&got);
    if (parsed && strstr(first, "-- ") == NULL) { /* an unsupported statement prints as a comment */
        assert_true(run(first, &again));
        char *second = take(&again);
        if (strcmp(first, second) != 0)
            fail_msg("%s:%d: prints\n%sand that\n%s", s->path, c->line, first, second);
        free(second);
    }
    if (rewriting()) {
        free(c->expected);
        c->expected = first;
        return;
    }
    if (strcmp(first, c->expected) != 0)
        fail_msg("%s:%d: expected\n%sgot\n%s", s->path, c->line, c->expected, first);
    free(first);
}

void parser_script_run(const char *name)
{
    struct parser_script s;
    parser_script_load(&s, name);
    assert_true(s.count > 0);
    for (size_t i = 0; i < s.count; i++)
        run_case(&s, &s.cases[i]);
    if (rewriting()) rewrite(&s);
    parser_script_free(&s);
}
