#include "tests/sql/exec/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

#define TEXT_BYTES_MAX (8u << 20)

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

/* Goes behind the line at *at and gives its size with the newline; 0 at the end. */
static size_t next_line(const char **at, const char **line, int *number)
{
    if (**at == 0) return 0;
    *line = *at;
    const char *end = strchr(*at, '\n');
    size_t size = end == NULL ? strlen(*at) : (size_t)(end - *at) + 1;
    *at += size;
    ++*number;
    return size;
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

static bool is_line(const char *line, size_t size, const char *text)
{
    return size == strlen(text) + 1 && memcmp(line, text, size - 1) == 0;
}

static void read_option(struct script_case *c, const char *line, size_t size)
{
    if (is_line(line, size, "@reads"))
        c->counts_reads = true;
    else
        snprintf(c->session, sizeof c->session, "%.*s", (int)size - 2, line + 1);
}

static void read_case(const char **at, struct script_case *c, int *number)
{
    struct buf parts[5]; /* comment, options, text, copy, expected */
    for (int i = 0; i < 5; i++)
        buf_init(&parts[i], TEXT_BYTES_MAX);
    *c = (struct script_case){.session = "a"};
    int part = 0;
    bool has_copy = false;
    const char *line;
    size_t size;
    while ((size = next_line(at, &line, number)) > 0) {
        if (part <= 1 && *line == '#') {
            buf_append(&parts[0], line, size);
        } else if (part <= 1 && *line == '@') {
            part = 1;
            read_option(c, line, size);
            buf_append(&parts[1], line, size);
        } else if (part < 4 && is_line(line, size, "----")) {
            part = 4;
        } else if (part == 2 && is_line(line, size, "<<")) {
            part = 3;
            has_copy = true;
        } else if (part == 4 && size == 1) {
            break;
        } else {
            if (part < 2) {
                part = 2;
                c->line = *number;
            }
            buf_append(&parts[part], line, size);
        }
    }
    if (parts[2].size > 0) buf_truncate(&parts[2], parts[2].size - 1);
    c->comment = take(&parts[0]);
    c->options = take(&parts[1]);
    c->text = take(&parts[2]);
    c->copy = take(&parts[3]);
    c->expected = take(&parts[4]);
    if (has_copy) return;
    free(c->copy);
    c->copy = NULL;
}

void script_load(struct script *s, const char *path)
{
    *s = (struct script){.count = 0};
    snprintf(s->path, sizeof s->path, "%s", path);
    char *text = read_all(path);
    const char *at = text;
    int number = 0;
    while (*at != 0) {
        s->cases = realloc(s->cases, (s->count + 1) * sizeof *s->cases);
        assert_non_null(s->cases);
        read_case(&at, &s->cases[s->count++], &number);
    }
    free(text);
}

void script_free(struct script *s)
{
    for (size_t i = 0; i < s->count; i++) {
        struct script_case *c = &s->cases[i];
        free(c->comment);
        free(c->options);
        free(c->text);
        free(c->copy);
        free(c->expected);
    }
    free(s->cases);
}

void script_save(const struct script *s)
{
    FILE *file = fopen(s->path, "wb");
    assert_non_null(file);
    for (size_t i = 0; i < s->count; i++) {
        const struct script_case *c = &s->cases[i];
        fprintf(file, "%s%s%s%s\n%s%s----\n%s", i > 0 ? "\n" : "", c->comment, c->options, c->text,
                c->copy != NULL ? "<<\n" : "", c->copy != NULL ? c->copy : "", c->expected);
    }
    fclose(file);
}
