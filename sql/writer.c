/* What every written row goes through: defaults, constraints, its key, and whether that is taken. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "sql/parser.h"
#include "sql/types_io.h"
#include "sql/write.h"

#define ROWS_MAX 256          /* that wait to be looked for in one request */
#define ROW_BYTES_MAX (256u << 10)

/* ---- defaults and constraints ---- */

/* Binds an expression that the record of `of` keeps as text. table: whose columns it names. */
static struct expr *bind_text(struct exec *x, const struct sql_table *of, const struct sql_table *table, const char *text)
{
    const struct sql_node *node;
    struct expr *e = bindings_find(x, text, of);
    if (e != NULL) return e;
    if (!sql_parse_expression(x->arena, bytes_of_string(text), &node, x->error)) return NULL;
    struct binder b;
    binder_init(&b, x->arena, x->error, &x->eval);
    b.scope.table = table;
    b.scope.alias = table == NULL ? NULL : table->name;
    e = bind_expr(&b, node);
    if (e != NULL) bindings_add(x, text, of, e, !b.passing);
    return e;
}

bool writer_open(struct exec *x, struct writer *w, const struct sql_table *table)
{
    *w = (struct writer){.table = table};
    w->defaults = ARENA_ARRAY(x->arena, struct expr *, table->column_count + 1);
    w->checks = ARENA_ARRAY(x->arena, struct expr *, table->check_count + 1);
    if (w->defaults == NULL || w->checks == NULL) return sql_error_out_of_memory(x->error);
    struct binder b;
    binder_init(&b, x->arena, x->error, &x->eval);
    for (uint32_t i = 0; i < table->column_count; i++) {
        const struct sql_table_column *c = &table->columns[i];
        if (c->default_text == NULL) continue;
        w->defaults[i] = bind_cast(&b, bind_text(x, table, NULL, c->default_text), c->type, SQL_CAST_ASSIGNMENT,
                                   c->name);
        if (w->defaults[i] == NULL) return false;
    }
    for (uint32_t i = 0; i < table->check_count; i++) {
        w->checks[i] = bind_text(x, table, table, table->checks[i]);
        if (w->checks[i] == NULL) return false;
    }
    return true;
}

bool writer_default(struct exec *x, struct writer *w, uint32_t column, struct sql_datum *out)
{
    *out = SQL_NULL;
    return w->defaults[column] == NULL || expr_eval(&x->eval, w->defaults[column], NULL, NULL, out);
}

/* "(1, abc, null)", as PostgreSQL's details show rows and keys. */
const char *writer_show_values(struct exec *x, const struct sql_table *t, const struct sql_datum *values,
                               const uint16_t *places, uint32_t count)
{
    struct buf b;
    buf_init(&b, 512);
    for (uint32_t i = 0; i < count && !b.failed; i++) {
        uint32_t column = places == NULL ? i : places[i];
        struct bytes text = BYTES_LITERAL("null");
        if (i > 0) buf_append_string(&b, ", ");
        if (!values[column].is_null &&
            sql_type_output(&x->eval, t->columns[column].type.oid, &values[column], &text) != STATUS_OK)
            break;
        buf_append_bytes(&b, text);
    }
    const char *copy = arena_printf(x->arena, "%.*s%s", (int)b.size, (const char *)b.data, b.failed ? "..." : "");
    buf_deinit(&b);
    return copy == NULL ? "" : copy;
}

static bool check_nulls(struct exec *x, const struct writer *w, const struct sql_datum *values)
{
    const struct sql_table *t = w->table;
    for (uint32_t i = 0; i < t->column_count; i++) {
        if (!t->columns[i].not_null || !values[i].is_null) continue;
        sql_error_set(x->error, x->arena, SQLSTATE_NOT_NULL_VIOLATION, 0,
                      "null value in column \"%s\" of relation \"%s\" violates not-null constraint",
                      t->columns[i].name, t->name);
        sql_error_detail(x->error, x->arena, "Failing row contains (%s).",
                         writer_show_values(x, t, values, NULL, t->column_count));
        sql_error_names(x->error, "public", t->name, t->columns[i].name, NULL, NULL);
        return false;
    }
    return true;
}

bool writer_check(struct exec *x, const struct writer *w, const struct sql_datum *values)
{
    const struct sql_table *t = w->table;
    if (!check_nulls(x, w, values)) return false;
    for (uint32_t i = 0; i < t->check_count; i++) {
        struct sql_datum v;
        if (!expr_eval(&x->eval, w->checks[i], values, NULL, &v)) return false;
        if (v.is_null || v.boolean) continue;
        sql_error_set(x->error, x->arena, SQLSTATE_CHECK_VIOLATION, 0,
                      "new row for relation \"%s\" violates check constraint \"%s\"", t->name, t->check_names[i]);
        sql_error_detail(x->error, x->arena, "Failing row contains (%s).",
                         writer_show_values(x, t, values, NULL, t->column_count));
        sql_error_names(x->error, "public", t->name, NULL, NULL, t->check_names[i]);
        return false;
    }
    return true;
}

const char *writer_show_key_columns(struct exec *x, const struct sql_table *t)
{
    struct buf columns;
    buf_init(&columns, 4096); /* 32 names, each quoted */
    for (uint32_t i = 0; i < t->key_count; i++) {
        if (i > 0) buf_append_string(&columns, ", ");
        sql_ast_print_identifier(t->columns[t->key[i]].name, &columns);
    }
    const char *copy = arena_printf(x->arena, "%.*s", (int)columns.size, (const char *)columns.data);
    buf_deinit(&columns);
    return copy == NULL ? "" : copy;
}

bool writer_refuse_duplicate(struct exec *x, const struct sql_table *t, const struct sql_datum *values)
{
    sql_error_set(x->error, x->arena, SQLSTATE_UNIQUE_VIOLATION, 0,
                  "duplicate key value violates unique constraint \"%s\"", t->key_name);
    sql_error_detail(x->error, x->arena, "Key (%s)=(%s) already exists.", writer_show_key_columns(x, t),
                     writer_show_values(x, t, values, t->key, t->key_count));
    sql_error_names(x->error, "public", t->name, NULL, NULL, t->key_name);
    return false;
}

/* ---- rows ---- */

/* row_id: of a table without a primary key. */
static bool encode(struct exec *x, const struct writer *w, const struct sql_datum *values, const uint8_t row_id[16])
{
    buf_reset(x->key);
    buf_reset(x->value);
    enum status status = catalog_row_key(w->table, values, row_id, x->key);
    if (status == STATUS_OK) status = catalog_row_value(w->table, values, x->value);
    return status == STATUS_OK || exec_fail(x, status);
}

bool writer_encode(struct exec *x, const struct writer *w, const struct sql_datum *values)
{
    uint8_t row_id[16] = {0};
    if (w->table->key_count == 0) x->eval.random(x->eval.random_ctx, row_id, sizeof row_id);
    return encode(x, w, values, row_id);
}

/* ---- new rows ---- */

static bool reserve_row(struct exec *x, struct writer *w)
{
    if (w->row_count < w->row_capacity) return true;
    uint32_t capacity = w->row_capacity == 0 ? 4 : w->row_capacity * 2;
    struct writer_row *rows = ARENA_ARRAY(x->arena, struct writer_row, capacity);
    if (rows == NULL) return sql_error_out_of_memory(x->error);
    if (w->row_count > 0) memcpy(rows, w->rows, w->row_count * sizeof *rows);
    w->rows = rows;
    w->row_capacity = capacity;
    return true;
}

/* The row in x->key and x->value waits for those that come after it. */
static bool keep_row(struct exec *x, struct writer *w)
{
    if (!reserve_row(x, w)) return false;
    struct writer_row *row = &w->rows[w->row_count];
    *row = (struct writer_row){arena_copy(x->arena, buf_view(x->key)), arena_copy(x->arena, buf_view(x->value)),
                               w->line};
    if (row->key.data == NULL || row->value.data == NULL) return sql_error_out_of_memory(x->error);
    w->row_count++;
    w->row_bytes += row->key.size + row->value.size;
    /* More than a transaction may write is not gathered: writing it says so. */
    if (w->deferred) return w->row_bytes < txn_write_bytes_max(x->txn) || writer_flush(x, w);
    return (w->row_count < ROWS_MAX && w->row_bytes < ROW_BYTES_MAX) || writer_flush(x, w);
}

/* Leaves it to the commit whether the key is taken. STATUS_EXISTS: by this transaction. */
static enum status put_new(struct exec *x, const struct writer *w, struct bytes key, struct bytes value)
{
    if (w->table->key_count == 0) return txn_put(x->txn, key, value);
    x->key_name = w->table->key_name;
    return txn_insert(x->txn, key, value);
}

bool writer_insert(struct exec *x, struct writer *w, const struct sql_datum *values)
{
    if (!writer_check(x, w, values) || !writer_encode(x, w, values)) return false;
    if (w->deferred || (w->table->key_count > 0 && x->check_now)) return keep_row(x, w);
    enum status status = put_new(x, w, buf_view(x->key), buf_view(x->value));
    if (status == STATUS_EXISTS) return writer_refuse_duplicate(x, w->table, values);
    return status == STATUS_OK || exec_fail(x, status);
}

/* Which of the rows that wait have a key that is taken? Locked where rows are: who inserts the same one waits. */
static bool look_for_rows(struct exec *x, const struct writer *w, struct txn_locked *out)
{
    struct bytes *keys = ARENA_ARRAY(x->arena, struct bytes, w->row_count), values[TXN_GET_MANY_MAX];
    if (keys == NULL) return sql_error_out_of_memory(x->error);
    for (uint32_t i = 0; i < w->row_count; i++) keys[i] = w->rows[i].key;
    x->locked_table = NULL;
    if (x->locks == EXEC_LOCK_ROWS) {
        enum status status = txn_lock(x->txn, keys, w->row_count, TXN_LOCK_EXCLUSIVE, TXN_LOCK_WAIT, out);
        return status == STATUS_OK || exec_fail(x, status);
    }
    for (uint32_t at = 0; at < w->row_count;) {
        uint32_t n = w->row_count - at < TXN_GET_MANY_MAX ? w->row_count - at : TXN_GET_MANY_MAX;
        enum status status = txn_get_many(x->txn, keys + at, n, values);
        if (status != STATUS_OK) return exec_fail(x, status);
        for (uint32_t i = 0; i < n; i++) out[at + i] = (struct txn_locked){.found = values[i].data != NULL};
        at += n;
    }
    return true;
}

static bool refuse_row(struct exec *x, struct writer *w, const struct writer_row *row)
{
    struct sql_datum *values = ARENA_ARRAY(x->arena, struct sql_datum, w->table->column_count + 1);
    if (values == NULL) return sql_error_out_of_memory(x->error);
    w->line = row->line;
    w->line_failed = true;
    enum status status = catalog_row_decode(x->arena, w->table, row->value, values);
    return status == STATUS_OK ? writer_refuse_duplicate(x, w->table, values) : exec_fail(x, status);
}

/* A row whose key was looked for. */
static enum status put_looked_for(struct exec *x, const struct writer_row *row, bool found)
{
    if (found || txn_has_put(x->txn, row->key)) return STATUS_EXISTS;
    return txn_put(x->txn, row->key, row->value);
}

bool writer_flush(struct exec *x, struct writer *w)
{
    bool look = x->check_now && w->table->key_count > 0;
    if (w->row_count == 0) return true;
    struct txn_locked *found = ARENA_ARRAY(x->arena, struct txn_locked, w->row_count);
    if (found == NULL) return sql_error_out_of_memory(x->error);
    if (look && !look_for_rows(x, w, found)) return false;
    for (uint32_t i = 0; i < w->row_count; i++) {
        const struct writer_row *row = &w->rows[i];
        enum status status = look ? put_looked_for(x, row, found[i].found) : put_new(x, w, row->key, row->value);
        if (status == STATUS_EXISTS) return refuse_row(x, w, row);
        if (status != STATUS_OK) return exec_fail(x, status);
    }
    w->row_count = 0;
    w->row_bytes = 0;
    return true;
}

/* ---- rows that are replaced ---- */

/* Does the key in x->key have a row? */
static bool look_for(struct exec *x, const struct sql_table *table, bool *exists)
{
    struct bytes existing;
    if (x->locks == EXEC_LOCK_ROWS) return exec_lock_key(x, table, buf_view(x->key), exists);
    enum status status = txn_get(x->txn, buf_view(x->key), &existing);
    *exists = status == STATUS_OK;
    return status == STATUS_OK || status == STATUS_NOT_FOUND || exec_fail(x, status);
}

bool writer_update(struct exec *x, struct writer *w, const struct sql_datum *values, struct bytes old_key)
{
    uint8_t row_id[16] = {0};
    if (w->table->key_count == 0) {
        ASSERT(old_key.size > sizeof row_id);
        memcpy(row_id, old_key.data + old_key.size - sizeof row_id, sizeof row_id);
    }
    if (!writer_check(x, w, values) || !encode(x, w, values, row_id)) return false;
    if (!bytes_equal(old_key, buf_view(x->key))) {
        bool exists;
        if (!look_for(x, w->table, &exists)) return false;
        if (exists) return writer_refuse_duplicate(x, w->table, values);
        enum status status = txn_delete(x->txn, old_key);
        if (status != STATUS_OK) return exec_fail(x, status);
    }
    enum status status = txn_put(x->txn, buf_view(x->key), buf_view(x->value));
    return status == STATUS_OK || exec_fail(x, status);
}
