/* COPY ... FROM STDIN: what the client sends becomes rows of a table. */
#include <stdio.h>
#include <string.h>

#include "sql/copy_int.h"

#define CONTEXT_BYTES_MAX 100

struct receiving {
    struct copy *copy;
    struct writer writer;
    struct expr *where;        /* rows that pass are inserted; NULL: all */
    struct copy_parser *parser; /* of text and csv */
    struct copy_binary binary;
    struct copy_field *fields;
    struct bytes *wires;       /* fields of the binary format */
    bool *given;               /* per column of the table */
    struct sql_datum *values;
    uint64_t rows;
};

static uint64_t line_of(const struct receiving *s)
{
    return s->copy->binary ? s->binary.row : copy_parse_line(s->parser);
}

/* What PostgreSQL's context says: the line, and the value or the whole line as far as 100 bytes go. */
static bool context(struct receiving *s, const char *column, struct bytes text)
{
    struct exec *x = s->copy->x;
    int shown = text.size > CONTEXT_BYTES_MAX ? CONTEXT_BYTES_MAX : (int)text.size;
    while (shown < (int)text.size && shown > 0 && (text.data[shown] & 0xc0) == 0x80) shown--;
    sql_error_context(x->error, x->arena, "COPY %s, line %llu%s%s: \"%.*s%s\"", s->copy->table->name,
                      (unsigned long long)line_of(s), column != NULL ? ", column " : "",
                      column != NULL ? column : "", shown, (const char *)text.data,
                      shown < (int)text.size ? "..." : "");
    return false;
}

/* No text to be shown: of the binary format, or of a row that came earlier. */
static bool context_of_line(struct receiving *s, uint64_t line, const char *column)
{
    struct exec *x = s->copy->x;
    sql_error_context(x->error, x->arena, "COPY %s, line %llu%s%s", s->copy->table->name, (unsigned long long)line,
                      column != NULL ? ", column " : "", column != NULL ? column : "");
    return false;
}

/* ---- rows ---- */

static bool read_text(struct receiving *s)
{
    const struct copy *c = s->copy;
    struct exec *x = c->x;
    for (uint32_t i = 0; i < c->options.column_count; i++) {
        const struct sql_table_column *column = &c->table->columns[c->places[i]];
        struct sql_datum *out = &s->values[c->places[i]];
        *out = SQL_NULL;
        if (s->fields[i].is_null) continue;
        if (sql_type_input(&x->eval, column->type, s->fields[i].text, out) != STATUS_OK)
            return context(s, column->name, s->fields[i].text);
    }
    return true;
}

static bool read_binary(struct receiving *s)
{
    const struct copy *c = s->copy;
    struct exec *x = c->x;
    for (uint32_t i = 0; i < c->options.column_count; i++) {
        const struct sql_table_column *column = &c->table->columns[c->places[i]];
        struct sql_datum *out = &s->values[c->places[i]];
        *out = SQL_NULL;
        if (s->wires[i].data == NULL) continue;
        if (sql_type_receive(&x->eval, column->type, s->wires[i], out) != STATUS_OK)
            return context_of_line(s, s->binary.row, column->name);
    }
    return true;
}

static bool put_row(struct receiving *s)
{
    const struct copy *c = s->copy;
    struct exec *x = c->x;
    if (!(c->binary ? read_binary(s) : read_text(s))) return false;
    for (uint32_t i = 0; i < c->table->column_count; i++)
        if (!s->given[i] && !writer_default(x, &s->writer, i, &s->values[i])) return false;
    if (s->where != NULL) {
        struct sql_datum passes;
        if (!expr_eval(&x->eval, s->where, s->values, NULL, &passes)) return false;
        if (passes.is_null || !passes.boolean) return true;
    }
    s->rows++;
    s->writer.line = line_of(s);
    return writer_insert(x, &s->writer, s->values);
}

static bool refuse_row(struct receiving *s)
{
    if (s->writer.line_failed) return context_of_line(s, s->writer.line, NULL);
    bool is_row = !s->copy->binary && copy_parse_row(s->parser).data != NULL;
    if (is_row) return context(s, NULL, copy_parse_row(s->parser));
    if (!s->copy->binary) return context_of_line(s, line_of(s), NULL);
    uint32_t column = s->binary.column;
    if (!s->binary.header_done) return false;
    return context_of_line(s, s->binary.row, column == UINT32_MAX ? NULL : s->copy->names[column]);
}

static enum status next_row(struct receiving *s)
{
    const struct copy *c = s->copy;
    struct exec *x = c->x;
    if (c->binary) return copy_binary_next(&s->binary, x->arena, s->wires, x->error);
    return copy_parse_next(s->parser, x->arena, c->names, s->fields, x->error);
}

static bool too_large(struct receiving *s)
{
    struct exec *x = s->copy->x;
    size_t held = s->copy->binary ? copy_binary_held(&s->binary) : copy_parse_held(s->parser);
    sql_error_set(x->error, x->arena, SQLSTATE_PROGRAM_LIMIT_EXCEEDED, 0,
                  "a row of COPY is limited to %u bytes; this one has %zu or more", COPY_BINARY_ROW_BYTES_MAX, held);
    return context_of_line(s, line_of(s) + 1, NULL);
}

/* All rows that are complete so far. *end_out: the data has ended by itself. */
static bool put_rows(struct receiving *s, bool *end_out)
{
    for (;;) {
        arena_reset(s->copy->x->row_arena);
        enum status status = next_row(s);
        if (status == STATUS_NOT_FOUND) *end_out = true;
        if (status == STATUS_WAIT || status == STATUS_NOT_FOUND) return true;
        if (status == STATUS_OK && put_row(s)) continue;
        if (status == STATUS_OK || status == STATUS_INVALID) return refuse_row(s);
        if (status == STATUS_TOO_LARGE) return too_large(s);
        return exec_fail(s->copy->x, status);
    }
}

/* ---- pieces ---- */

static enum status feed(struct receiving *s, struct bytes data)
{
    return s->copy->binary ? copy_binary_feed(&s->binary, data) : copy_parse_feed(s->parser, data);
}

static void feed_end(struct receiving *s)
{
    if (s->copy->binary) copy_binary_end(&s->binary);
    else copy_parse_end(s->parser);
}

static bool receive(struct receiving *s)
{
    struct exec *x = s->copy->x;
    const struct sql_sink *sink = x->sink;
    enum sql_copy_format format = s->copy->binary ? SQL_COPY_BINARY : s->copy->options.csv ? SQL_COPY_CSV : SQL_COPY_TEXT;
    if (!sink->copy_begin(sink->ctx, format, s->copy->options.column_count)) return exec_fail(x, STATUS_CANCELLED);
    x->rows_sent = true; /* what the client sent is gone: no second try */
    bool over = false, ended = false;
    while (!over) {
        struct bytes data;
        if (!sink->copy_read(sink->ctx, &data, &over, x->error))
            return !sql_error_is_set(x->error) && exec_fail(x, STATUS_CANCELLED);
        if (ended) continue; /* behind the end marker: passed over */
        if (over) feed_end(s);
        else if (feed(s, data) != STATUS_OK) return too_large(s);
        if (!put_rows(s, &ended)) return false;
    }
    return writer_flush(x, &s->writer) || context_of_line(s, s->writer.line, NULL);
}

static bool bind_where(struct receiving *s)
{
    struct copy *c = s->copy;
    if (c->node->where == NULL) return true;
    struct binder b;
    exec_binder(c->x, &b);
    b.clause = "COPY FROM WHERE conditions";
    b.scope = (struct scope){.table = c->table, .alias = c->table->name};
    s->where = bind_condition(&b, c->node->where, "WHERE");
    return s->where != NULL && exec_fold(c->x, s->where);
}

static bool open_receiving(struct receiving *s)
{
    struct copy *c = s->copy;
    struct exec *x = c->x;
    uint32_t count = c->options.column_count, columns = c->table->column_count;
    s->fields = ARENA_ARRAY(x->arena, struct copy_field, count + 1);
    s->wires = ARENA_ARRAY(x->arena, struct bytes, count + 1);
    s->given = ARENA_ARRAY(x->arena, bool, columns + 1);
    s->values = ARENA_ARRAY(x->arena, struct sql_datum, columns + 1);
    if (s->fields == NULL || s->wires == NULL || s->given == NULL || s->values == NULL)
        return sql_error_out_of_memory(x->error);
    for (uint32_t i = 0; i < count; i++) s->given[c->places[i]] = true;
    return copy_force_flags(c, c->force_not_null, "FORCE_NOT_NULL", &c->options.force_not_null) &&
           copy_force_flags(c, c->force_null, "FORCE_NULL", &c->options.force_null) && bind_where(s) &&
           writer_open(x, &s->writer, c->table);
}

bool copy_receive(struct copy *c)
{
    struct exec *x = c->x;
    struct receiving s = {.copy = c};
    if (!open_receiving(&s)) return false;
    enum status status = copy_parser_create(&c->options, &s.parser);
    if (status != STATUS_OK) return exec_fail(x, status);
    copy_binary_init(&s.binary, c->options.column_count);
    x->eval.arena = x->row_arena;
    bool ok = receive(&s);
    x->eval.arena = x->arena;
    copy_parser_destroy(s.parser);
    copy_binary_deinit(&s.binary);
    if (ok) exec_tag(x, "COPY ", s.rows);
    return ok;
}
