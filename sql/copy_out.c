/* COPY ... TO STDOUT: the rows of a table or a query, one message each. */
#include <string.h>

#include "base/assert.h"
#include "base/codec.h"
#include "sql/copy_int.h"

#define ROW_BYTES_MAX (64u << 20)

struct sending {
    struct copy *copy;
    struct select *query;
    const struct sql_result_column *columns;
    uint32_t column_count;
    const bool *force_quote;
    struct buf row, text;
    uint64_t rows;
};

/* ---- what is read ---- */

/* SELECT columns FROM table. */
static const struct sql_select *select_of_table(struct copy *c)
{
    struct arena *arena = c->x->arena;
    uint32_t count = c->options.column_count;
    struct sql_select *select = ARENA_NEW(arena, struct sql_select);
    struct sql_from_table *from = ARENA_NEW(arena, struct sql_from_table);
    const struct sql_node **items = ARENA_ARRAY(arena, const struct sql_node *, 1);
    struct sql_target *targets = ARENA_ARRAY(arena, struct sql_target, count + 1);
    struct sql_column *columns = ARENA_ARRAY(arena, struct sql_column, count + 1);
    if (select == NULL || from == NULL || items == NULL || targets == NULL || columns == NULL) return NULL;
    *from = (struct sql_from_table){.node = {.kind = SQL_FROM_TABLE}, .name = c->node->table};
    items[0] = &from->node;
    for (uint32_t i = 0; i < count; i++) {
        columns[i] = (struct sql_column){.node = {.kind = SQL_EXPR_COLUMN}, .names = {&c->names[i], 1}};
        targets[i].expr = &columns[i].node;
    }
    *select = (struct sql_select){.node = {.kind = SQL_STMT_SELECT}, .op = SQL_SELECT_PLAIN,
                                  .targets = {targets, count}, .from = {items, 1}};
    return select;
}

static bool bind_source(struct sending *s)
{
    struct copy *c = s->copy;
    const struct sql_select *select;
    if (c->table == NULL) {
        if (c->node->query->kind != SQL_STMT_SELECT)
            return exec_unsupported(c->x, c->node->query->position, "COPY of a statement that writes");
        select = sql_as_select(c->node->query);
    } else {
        select = select_of_table(c);
    }
    if (select == NULL) return sql_error_out_of_memory(c->x->error);
    s->query = query_bind(c->x, select, NULL, 0);
    if (s->query == NULL) return false;
    s->columns = query_columns(s->query, &s->column_count);
    c->options.column_count = s->column_count;
    return true;
}

/* Of a query the columns get their names here, for FORCE_QUOTE and the header. */
static bool name_columns(struct sending *s)
{
    struct copy *c = s->copy;
    if (c->table == NULL) {
        c->names = ARENA_ARRAY(c->x->arena, const char *, s->column_count + 1);
        if (c->names == NULL) return sql_error_out_of_memory(c->x->error);
        for (uint32_t i = 0; i < s->column_count; i++) c->names[i] = s->columns[i].name;
    }
    return copy_force_flags(c, c->force_quote, "FORCE_QUOTE", &s->force_quote);
}

/* ---- what is sent ---- */

static bool send_row(struct sending *s)
{
    struct exec *x = s->copy->x;
    if (s->row.failed || s->text.failed)
        return sql_error_set(x->error, x->arena, SQLSTATE_PROGRAM_LIMIT_EXCEEDED, 0,
                             "a row of COPY is limited to %u bytes; this one has %zu or more", ROW_BYTES_MAX,
                             s->row.size + s->row.refused + s->text.refused);
    bool ok = x->sink->copy_out_data(x->sink->ctx, buf_view(&s->row));
    buf_reset(&s->row);
    return ok || exec_fail(x, STATUS_CANCELLED);
}

static bool send_header(struct sending *s)
{
    const struct copy_options *o = &s->copy->options;
    for (uint32_t i = 0; i < s->column_count; i++)
        copy_write_field(o, i == 0, bytes_of_string(s->copy->names[i]), false, &s->row);
    buf_append_byte(&s->row, '\n');
    return send_row(s);
}

static bool send_text(struct sending *s, const struct sql_datum *values)
{
    struct exec *x = s->copy->x;
    for (uint32_t i = 0; i < s->column_count; i++) {
        struct bytes text = {NULL, 0};
        buf_reset(&s->text);
        if (!values[i].is_null) {
            sql_type_write(&x->eval, s->columns[i].type.oid, &values[i], &s->text);
            text = s->text.size == 0 ? BYTES_LITERAL("") : buf_view(&s->text);
        }
        copy_write_field(&s->copy->options, i == 0, text, s->force_quote != NULL && s->force_quote[i], &s->row);
    }
    buf_append_byte(&s->row, '\n');
    return send_row(s);
}

static bool send_binary(struct sending *s, const struct sql_datum *values)
{
    struct exec *x = s->copy->x;
    put_be16(&s->row, (uint16_t)s->column_count);
    for (uint32_t i = 0; i < s->column_count; i++) {
        size_t at = s->row.size;
        put_be32(&s->row, UINT32_MAX);
        if (values[i].is_null) continue;
        sql_type_send(&x->eval, s->columns[i].type.oid, &values[i], &s->row);
        if (!s->row.failed) store_be32(s->row.data + at, (uint32_t)(s->row.size - at - 4));
    }
    return send_row(s);
}

/* Once, with the first row or at the end: until then the statement may be run again unseen. */
static bool begin(struct sending *s)
{
    struct exec *x = s->copy->x;
    const struct copy *c = s->copy;
    if (x->rows_sent) return true;
    if (!exec_verify(x)) return false;
    x->rows_sent = true;
    enum sql_copy_format format = c->binary ? SQL_COPY_BINARY : c->options.csv ? SQL_COPY_CSV : SQL_COPY_TEXT;
    if (!x->sink->copy_out_begin(x->sink->ctx, format, s->column_count)) return exec_fail(x, STATUS_CANCELLED);
    if (c->binary) copy_binary_put_header(&s->row); /* it goes with what follows */
    return c->binary || !c->options.header || send_header(s);
}

static bool send_end(struct sending *s)
{
    struct exec *x = s->copy->x;
    if (!begin(s)) return false;
    if (s->copy->binary) {
        copy_binary_put_trailer(&s->row);
        if (!send_row(s)) return false;
    }
    return x->sink->copy_out_end(x->sink->ctx) || exec_fail(x, STATUS_CANCELLED);
}

static bool send_rows(struct sending *s)
{
    struct exec *x = s->copy->x;
    const struct sql_datum *values;
    bool ok;
    if (!query_open(s->query)) return false;
    while ((ok = query_next(s->query, &values)) && values != NULL) {
        x->eval.arena = x->row_arena;
        ok = begin(s) && (s->copy->binary ? send_binary(s, values) : send_text(s, values));
        x->eval.arena = x->arena;
        if (!ok) break;
        s->rows++;
    }
    query_close(s->query);
    return ok && send_end(s);
}

bool copy_send(struct copy *c)
{
    struct sending s = {.copy = c};
    if (!bind_source(&s) || !name_columns(&s)) return false;
    buf_init(&s.row, ROW_BYTES_MAX);
    buf_init(&s.text, ROW_BYTES_MAX);
    bool ok = send_rows(&s);
    buf_deinit(&s.row);
    buf_deinit(&s.text);
    if (ok) exec_tag(c->x, "COPY ", s.rows);
    return ok;
}
