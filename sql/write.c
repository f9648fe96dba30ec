/* INSERT, UPDATE, DELETE and what every written row goes through. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "sql/parser.h"
#include "sql/query.h"
#include "sql/types_io.h"

/* ---- the writer ---- */

/* Binds an expression that the catalog keeps as text. */
static struct expr *bind_text(struct exec *x, const struct sql_table *table, const char *text)
{
    const struct sql_node *node;
    if (!sql_parse_expression(x->arena, bytes_of_string(text), &node, x->error)) return NULL;
    struct binder b;
    binder_init(&b, x->arena, x->error, &x->eval);
    b.scope.table = table;
    b.scope.alias = table == NULL ? NULL : table->name;
    return bind_expr(&b, node);
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
        w->defaults[i] = bind_cast(&b, bind_text(x, NULL, c->default_text), c->type, SQL_CAST_ASSIGNMENT,
                                   c->name);
        if (w->defaults[i] == NULL) return false;
    }
    for (uint32_t i = 0; i < table->check_count; i++) {
        w->checks[i] = bind_text(x, table, table->checks[i]);
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
static const char *show_values(struct exec *x, const struct sql_table *t, const struct sql_datum *values,
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
                         show_values(x, t, values, NULL, t->column_count));
        sql_error_names(x->error, "public", t->name, t->columns[i].name, NULL, NULL);
        return false;
    }
    for (uint32_t i = 0; i < t->check_count; i++) {
        struct sql_datum v;
        if (!expr_eval(&x->eval, w->checks[i], values, NULL, &v)) return false;
        if (v.is_null || v.boolean) continue;
        sql_error_set(x->error, x->arena, SQLSTATE_CHECK_VIOLATION, 0,
                      "new row for relation \"%s\" violates check constraint \"%s\"", t->name, t->check_names[i]);
        sql_error_detail(x->error, x->arena, "Failing row contains (%s).",
                         show_values(x, t, values, NULL, t->column_count));
        sql_error_names(x->error, "public", t->name, NULL, NULL, t->check_names[i]);
        return false;
    }
    return true;
}

static bool refuse_duplicate(struct exec *x, const struct sql_table *t, const struct sql_datum *values)
{
    struct buf columns;
    buf_init(&columns, 4096); /* 32 names, each quoted */
    for (uint32_t i = 0; i < t->key_count; i++) {
        if (i > 0) buf_append_string(&columns, ", ");
        sql_ast_print_identifier(t->columns[t->key[i]].name, &columns);
    }
    sql_error_set(x->error, x->arena, SQLSTATE_UNIQUE_VIOLATION, 0,
                  "duplicate key value violates unique constraint \"%s\"", t->key_name);
    sql_error_detail(x->error, x->arena, "Key (%.*s)=(%s) already exists.", (int)columns.size,
                     (const char *)columns.data, show_values(x, t, values, t->key, t->key_count));
    buf_deinit(&columns);
    sql_error_names(x->error, "public", t->name, NULL, NULL, t->key_name);
    return false;
}

/* Does the key in x->key have a row? Locked where rows are: who inserts the same one waits. */
static bool look_for(struct exec *x, const struct sql_table *table, bool *exists)
{
    struct bytes existing;
    if (x->locks == EXEC_LOCK_ROWS) return exec_lock_key(x, table, buf_view(x->key), exists);
    enum status status = txn_get(x->txn, buf_view(x->key), &existing);
    *exists = status == STATUS_OK;
    return status == STATUS_OK || status == STATUS_NOT_FOUND || exec_fail(x, status);
}

bool writer_put(struct exec *x, struct writer *w, const struct sql_datum *values, struct bytes old_key)
{
    if (!check_nulls(x, w, values)) return false;
    uint8_t row_id[16];
    if (w->table->key_count == 0 && old_key.size == 0) {
        x->eval.random(x->eval.random_ctx, row_id, sizeof row_id);
    } else if (w->table->key_count == 0) {
        ASSERT(old_key.size > sizeof row_id);
        memcpy(row_id, old_key.data + old_key.size - sizeof row_id, sizeof row_id);
    }
    buf_reset(x->key);
    buf_reset(x->value);
    enum status status = catalog_row_key(w->table, values, row_id, x->key);
    if (status == STATUS_OK) status = catalog_row_value(w->table, values, x->value);
    if (status != STATUS_OK) return exec_fail(x, status);
    bool moved = old_key.size > 0 && !bytes_equal(old_key, buf_view(x->key));
    if (w->table->key_count > 0 && old_key.size == 0 && !x->check_now) {
        x->key_name = w->table->key_name;
        status = txn_insert(x->txn, buf_view(x->key), buf_view(x->value));
        if (status == STATUS_EXISTS) return refuse_duplicate(x, w->table, values);
        return status == STATUS_OK || exec_fail(x, status);
    }
    if (w->table->key_count > 0 && (old_key.size == 0 || moved)) {
        bool exists;
        if (!look_for(x, w->table, &exists)) return false;
        if (exists) return refuse_duplicate(x, w->table, values);
    }
    if (moved) {
        status = txn_delete(x->txn, old_key);
        if (status != STATUS_OK) return exec_fail(x, status);
    }
    status = txn_put(x->txn, buf_view(x->key), buf_view(x->value));
    return status == STATUS_OK || exec_fail(x, status);
}

/* ---- INSERT ---- */

static bool find_column(struct exec *x, const struct sql_table *t, const char *name, uint32_t position,
                        uint32_t *place_out)
{
    for (uint32_t i = 0; i < t->column_count; i++) {
        if (strcmp(t->columns[i].name, name) != 0) continue;
        *place_out = i;
        return true;
    }
    return sql_error_set(x->error, x->arena, SQLSTATE_UNDEFINED_COLUMN, position,
                         "column \"%s\" of relation \"%s\" does not exist", name, t->name);
}

static bool target_columns(struct exec *x, const struct sql_table *t, const struct sql_insert *n,
                           uint32_t *places, uint32_t *count_out)
{
    *count_out = n->column_count == 0 ? t->column_count : n->column_count;
    for (uint32_t i = 0; i < *count_out; i++) {
        places[i] = i;
        if (n->column_count == 0) continue;
        const struct sql_set_target *c = &n->columns[i];
        if (c->steps.count > 0) return exec_unsupported(x, c->position, "a part of a column");
        if (!find_column(x, t, c->column, c->position, &places[i])) return false;
        for (uint32_t k = 0; k < i; k++)
            if (places[k] == places[i])
                return sql_error_set(x->error, x->arena, SQLSTATE_DUPLICATE_COLUMN, c->position,
                                     "column \"%s\" specified more than once", c->column);
    }
    return true;
}

static bool insert_supported(struct exec *x, const struct sql_insert *n)
{
    uint32_t p = n->node.position;
    if (n->with.count > 0) return exec_unsupported(x, n->with.position, "WITH");
    if (n->on_conflict.action != SQL_CONFLICT_NONE) return exec_unsupported(x, n->on_conflict.position, "ON CONFLICT");
    if (n->returning.count > 0) return exec_unsupported(x, n->returning.items[0].position, "RETURNING");
    if (n->overriding != SQL_OVERRIDING_NONE) return exec_unsupported(x, p, "OVERRIDING");
    if (n->source != NULL && n->source->op != SQL_SELECT_VALUES)
        return exec_unsupported(x, n->source->node.position, "INSERT from a query");
    return true;
}

static bool insert_row(struct exec *x, struct writer *w, const struct sql_list *row, const uint32_t *places,
                       struct sql_datum *values)
{
    const struct sql_table *t = w->table;
    struct binder b;
    exec_binder(x, &b);
    b.clause = "VALUES";
    b.scope.hidden = t;
    bool *given = ARENA_ARRAY(x->arena, bool, t->column_count + 1);
    if (given == NULL) return sql_error_out_of_memory(x->error);
    for (uint32_t i = 0; row != NULL && i < row->count; i++) {
        const struct sql_node *node = row->items[i];
        if (node->kind == SQL_EXPR_DEFAULT) continue;
        const struct sql_table_column *c = &t->columns[places[i]];
        struct expr *e = bind_cast(&b, bind_expr(&b, node), c->type, SQL_CAST_ASSIGNMENT, c->name);
        if (e == NULL) return false;
        if (!x->describe && !expr_eval(&x->eval, e, NULL, NULL, &values[places[i]])) return false;
        given[places[i]] = true;
    }
    if (x->describe) return true;
    for (uint32_t i = 0; i < t->column_count; i++)
        if (!given[i] && !writer_default(x, w, i, &values[i])) return false;
    return writer_put(x, w, values, BYTES_EMPTY);
}

static bool insert_rows(struct exec *x, struct writer *w, const struct sql_insert *n)
{
    uint32_t *places = ARENA_ARRAY(x->arena, uint32_t, w->table->column_count + n->column_count + 1);
    struct sql_datum *values = ARENA_ARRAY(x->arena, struct sql_datum, w->table->column_count + 1);
    uint32_t place_count;
    if (places == NULL || values == NULL) return sql_error_out_of_memory(x->error);
    if (!target_columns(x, w->table, n, places, &place_count)) return false;
    uint32_t count = n->source == NULL ? 1 : n->source->row_count;
    for (uint32_t i = 0; i < count; i++) {
        const struct sql_list *row = n->source == NULL ? NULL : &n->source->rows[i];
        if (row != NULL && row->count > place_count)
            return sql_error_set(x->error, x->arena, SQLSTATE_SYNTAX_ERROR, row->items[place_count]->position,
                                 "INSERT has more expressions than target columns");
        if (row != NULL && n->column_count > 0 && row->count < place_count)
            return sql_error_set(x->error, x->arena, SQLSTATE_SYNTAX_ERROR,
                                 n->columns[row->count].position,
                                 "INSERT has more target columns than expressions");
        if (row != NULL && i > 0 && row->count != n->source->rows[0].count)
            return sql_error_set(x->error, x->arena, SQLSTATE_SYNTAX_ERROR,
                                 row->count > 0 ? row->items[0]->position : 0,
                                 "VALUES lists must all be the same length");
        if (!insert_row(x, w, row, places, values)) return false;
    }
    exec_tag(x, "INSERT 0 ", count);
    return true;
}

bool exec_insert(struct exec *x, const struct sql_insert *n)
{
    if (!insert_supported(x, n)) return false;
    struct sql_table *table = exec_table(x, &n->table);
    if (table == NULL) return false;
    struct writer w;
    bool ok = writer_open(x, &w, table) && insert_rows(x, &w, n);
    return ok;
}

/* ---- UPDATE and DELETE: first find, then write, so that no row is met twice ---- */

struct found_row {
    struct bytes key;
    bool locked;
    struct sql_datum *values;
};

struct found {
    struct found_row *rows;
    uint32_t count, capacity;
};

static bool keep(struct exec *x, struct found *f, const struct access *a, const struct sql_datum *values)
{
    if (f->count == f->capacity) {
        uint32_t capacity = f->capacity == 0 ? 16 : f->capacity * 2;
        struct found_row *rows = ARENA_ARRAY(x->arena, struct found_row, capacity);
        if (rows == NULL) return sql_error_out_of_memory(x->error);
        if (f->count > 0) memcpy(rows, f->rows, f->count * sizeof *rows);
        f->rows = rows;
        f->capacity = capacity;
    }
    struct found_row *row = &f->rows[f->count];
    row->key = arena_copy(x->arena, a->key);
    row->locked = a->locked;
    if (row->key.data == NULL) return sql_error_out_of_memory(x->error);
    if (values != NULL) {
        row->values = ARENA_ARRAY(x->arena, struct sql_datum, a->table->column_count + 1);
        if (row->values == NULL) return sql_error_out_of_memory(x->error);
        for (uint32_t i = 0; i < a->table->column_count; i++)
            if (sql_datum_copy(x->arena, a->table->columns[i].type.oid, &values[i], &row->values[i]) !=
                STATUS_OK)
                return sql_error_out_of_memory(x->error);
    }
    f->count++;
    return true;
}

/* Assigned columns: place -> expression over the old row, NULL for DEFAULT. */
struct assignment {
    uint32_t place;
    struct expr *expr;
};

static bool bind_assignments(struct exec *x, const struct sql_update *n, struct binder *b,
                             const struct sql_table *t, struct assignment *out)
{
    b->clause = "UPDATE";
    for (uint32_t i = 0; i < n->set.count; i++) {
        const struct sql_set_clause *clause = &n->set.items[i];
        if (clause->multiple) return exec_unsupported(x, clause->targets[0].position, "SET with a list of columns");
        const struct sql_set_target *target = &clause->targets[0];
        if (target->steps.count > 0) return exec_unsupported(x, target->position, "a part of a column");
        if (!find_column(x, t, target->column, target->position, &out[i].place)) return false;
        for (uint32_t k = 0; k < i; k++)
            if (out[k].place == out[i].place)
                return sql_error_set(x->error, x->arena, SQLSTATE_SYNTAX_ERROR, 0,
                                     "multiple assignments to same column \"%s\"", target->column);
        if (clause->expr->kind == SQL_EXPR_DEFAULT) continue;
        const struct sql_table_column *c = &t->columns[out[i].place];
        out[i].expr = bind_cast(b, bind_expr(b, clause->expr), c->type, SQL_CAST_ASSIGNMENT, c->name);
        if (out[i].expr == NULL || !exec_fold(x, out[i].expr)) return false;
    }
    return true;
}

static bool update_row(struct exec *x, struct writer *w, const struct found_row *row,
                       const struct assignment *assignments, uint32_t count)
{
    const struct sql_table *t = w->table;
    struct sql_datum *values = ARENA_ARRAY(x->row_arena, struct sql_datum, t->column_count + 1);
    if (values == NULL) return sql_error_out_of_memory(x->error);
    memcpy(values, row->values, t->column_count * sizeof *values);
    for (uint32_t i = 0; i < count; i++) {
        const struct assignment *a = &assignments[i];
        bool ok = a->expr == NULL ? writer_default(x, w, a->place, &values[a->place])
                                  : expr_eval(&x->eval, a->expr, row->values, NULL, &values[a->place]);
        if (!ok) return false;
    }
    return writer_put(x, w, values, row->key);
}

/* Rows that a scan has found: unchanged when the locks are granted, or that is a conflict. */
static bool lock_found(struct exec *x, const struct found *f)
{
    uint32_t count = 0;
    struct bytes *keys = ARENA_ARRAY(x->arena, struct bytes, f->count + 1);
    struct txn_locked *locked = ARENA_ARRAY(x->arena, struct txn_locked, f->count + 1);
    if (keys == NULL || locked == NULL) return sql_error_out_of_memory(x->error);
    for (uint32_t i = 0; i < f->count; i++)
        if (!f->rows[i].locked) keys[count++] = f->rows[i].key;
    if (count == 0) return true;
    x->locked_table = NULL;
    enum status status = txn_lock(x->txn, keys, count, TXN_LOCK_EXCLUSIVE, TXN_LOCK_WAIT, locked);
    return status == STATUS_OK || exec_fail(x, status);
}

static bool scan_all(struct exec *x, struct access *a, struct found *f, bool with_values)
{
    bool found = true;
    x->eval.arena = x->row_arena;
    if (x->locks != EXEC_LOCK_NOTHING) a->lock = TXN_LOCK_EXCLUSIVE;
    a->lock_points_only = true;
    bool ok = true;
    while (ok && (ok = access_next(x, a, &found)) && found)
        ok = keep(x, f, a, with_values ? a->values : NULL);
    return ok && (x->locks != EXEC_LOCK_ROWS || lock_found(x, f));
}

static bool update_table(struct exec *x, const struct sql_update *n, const struct sql_table *t)
{
    struct binder b;
    exec_binder(x, &b);
    b.scope = (struct scope){.table = t, .alias = n->alias != NULL ? n->alias : n->table.name};
    b.clause = "WHERE";
    struct expr *where = n->where == NULL ? NULL : bind_condition(&b, n->where, "WHERE");
    if (n->where != NULL && (where == NULL || !exec_fold(x, where))) return false;
    struct assignment *assignments = ARENA_ARRAY(x->arena, struct assignment, n->set.count + 1);
    if (assignments == NULL) return sql_error_out_of_memory(x->error);
    if (!bind_assignments(x, n, &b, t, assignments)) return false;
    if (x->describe) return true;
    struct writer w;
    struct access a;
    struct found f = {0};
    bool ok = writer_open(x, &w, t);
    if (ok) {
        ok = access_plan(x, &a, t, where) && scan_all(x, &a, &f, true);
        access_close(&a);
    }
    x->eval.arena = x->row_arena;
    for (uint32_t i = 0; ok && i < f.count; i++) {
        arena_reset(x->row_arena);
        ok = update_row(x, &w, &f.rows[i], assignments, n->set.count);
    }
    x->eval.arena = x->arena;
    if (ok) exec_tag(x, "UPDATE ", f.count);
    return ok;
}

bool exec_update(struct exec *x, const struct sql_update *n)
{
    if (n->with.count > 0) return exec_unsupported(x, n->with.position, "WITH");
    if (n->from.count > 0) return exec_unsupported(x, n->from.items[0]->position, "UPDATE FROM");
    if (n->returning.count > 0) return exec_unsupported(x, n->returning.items[0].position, "RETURNING");
    struct sql_table *table = exec_table(x, &n->table);
    return table != NULL && update_table(x, n, table);
}

bool exec_delete(struct exec *x, const struct sql_delete *n)
{
    if (n->with.count > 0) return exec_unsupported(x, n->with.position, "WITH");
    if (n->using_from.count > 0) return exec_unsupported(x, n->using_from.items[0]->position, "DELETE USING");
    if (n->returning.count > 0) return exec_unsupported(x, n->returning.items[0].position, "RETURNING");
    struct sql_table *t = exec_table(x, &n->table);
    if (t == NULL) return false;
    struct binder b;
    exec_binder(x, &b);
    b.scope = (struct scope){.table = t, .alias = n->alias != NULL ? n->alias : n->table.name};
    b.clause = "WHERE";
    struct expr *where = n->where == NULL ? NULL : bind_condition(&b, n->where, "WHERE");
    if (n->where != NULL && (where == NULL || !exec_fold(x, where))) return false;
    if (x->describe) return true;
    struct access a;
    struct found f = {0};
    bool ok = access_plan(x, &a, t, where) && scan_all(x, &a, &f, false);
    access_close(&a);
    x->eval.arena = x->arena;
    for (uint32_t i = 0; ok && i < f.count; i++) {
        enum status status = txn_delete(x->txn, f.rows[i].key);
        ok = status == STATUS_OK || exec_fail(x, status);
    }
    if (ok) exec_tag(x, "DELETE ", f.count);
    return ok;
}
