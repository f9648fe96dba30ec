#include "tests/sql/exec/show.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/test.h"

void show_init(struct show *s, struct buf *out)
{
    *s = (struct show){.out = out};
}

void show_deinit(struct show *s)
{
    free(s->types);
}

void show_begin(struct show *s)
{
    s->column_count = 0;
}

void show_column(struct show *s, const char *name, struct sql_type type)
{
    const struct sql_type_info *info = sql_type_find(type.oid);
    if (s->column_count > 0) buf_append_string(s->out, ", ");
    buf_printf(s->out, "%s %s", name, info != NULL ? info->name : "?");
    s->types = realloc(s->types, (s->column_count + 1) * sizeof *s->types);
    assert_non_null(s->types);
    s->types[s->column_count++] = type;
}

void show_columns_end(struct show *s)
{
    buf_append_string(s->out, s->column_count > 0 ? "\n" : "(no columns)\n");
}

void show_value(struct show *s, const char *text)
{
    buf_append_string(s->out, "| ");
    if (text == NULL) buf_append_string(s->out, "<null>");
    for (; text != NULL && *text != 0; text++) {
        if (*text == '\n')
            buf_append_string(s->out, "\\n");
        else
            buf_append_byte(s->out, (uint8_t)*text);
    }
    buf_append_byte(s->out, ' ');
}

void show_row_end(struct show *s)
{
    buf_append_string(s->out, "|\n");
}

void show_tag(struct show *s, const char *tag)
{
    buf_printf(s->out, "%s\n", tag);
}

/* How much memory was held is no promise: N. */
static void put_detail(struct buf *out, const struct sql_error *error)
{
    bool hides = sql_error_is(error, SQLSTATE_OUT_OF_MEMORY), inside = false;
    buf_append_string(out, "  detail: ");
    for (const char *at = error->detail; *at != 0; at++) {
        bool digit = hides && *at >= '0' && *at <= '9';
        if (!digit) buf_append_byte(out, (uint8_t)*at);
        else if (!inside) buf_append_byte(out, 'N');
        inside = digit;
    }
    buf_append_byte(out, '\n');
}

void show_message(struct show *s, const char *severity, const struct sql_error *error)
{
    buf_printf(s->out, "%s %s", severity, error->sqlstate);
    if (error->position != 0) buf_printf(s->out, " at %u", error->position);
    buf_printf(s->out, ": %s\n", error->message);
    if (error->detail != NULL) put_detail(s->out, error);
    if (error->hint != NULL) buf_printf(s->out, "  hint: %s\n", error->hint);
    if (error->context != NULL) buf_printf(s->out, "  context: %s\n", error->context);
}

void show_parameter(struct show *s, const char *name, const char *value)
{
    buf_printf(s->out, "(%s is now \"%s\")\n", name, value);
}

void show_state(struct show *s, char state)
{
    if (state != 'I') buf_printf(s->out, "[%c]\n", state);
}

void show_copy(struct show *s, uint32_t column_count, bool binary)
{
    buf_printf(s->out, "copy of %u column%s%s\n", column_count, column_count == 1 ? "" : "s", binary ? ", binary" : "");
}

void show_copy_data(struct show *s, struct bytes data, bool binary)
{
    buf_append_string(s->out, "> ");
    for (size_t i = 0; !binary && i < data.size; i++) {
        buf_append_byte(s->out, data.data[i]);
        if (data.data[i] == '\n' && i + 1 < data.size) buf_append_string(s->out, "> ");
    }
    if (!binary) return;
    for (size_t i = 0; i < data.size; i++) buf_printf(s->out, "%02x", data.data[i]);
    buf_append_byte(s->out, '\n');
}

void show_copy_input(const char *copy, struct buf *out)
{
    buf_init(out, 64u << 20);
    if (copy == NULL) return;
    if (strncmp(copy, "hex:\n", 5) != 0) {
        buf_append_string(out, copy);
        return;
    }
    unsigned value;
    for (const char *at = copy + 5; sscanf(at, " %2x", &value) == 1;) {
        buf_append_byte(out, (uint8_t)value);
        while (*at == '\n' || *at == ' ') at++;
        at += 2;
    }
}
