/* ALTER TABLE t SPLIT AT VALUES (..), ...: ranges begin at these keys from now on. Values for the first columns of the
 * primary key are enough. */
#include <stdio.h>

#include "base/assert.h"
#include "sql/ddl_int.h"

/* An integer in its range for a column of integers: it is its value. */
static bool is_own_value(const struct sql_node *node, uint32_t oid)
{
    if (node->kind != SQL_EXPR_CONST || sql_as_const(node)->type != SQL_CONST_INTEGER) return false;
    int64_t value = sql_as_const(node)->integer;
    return oid == SQL_TYPE_INT8 || (oid == SQL_TYPE_INT4 && value >= INT32_MIN && value <= INT32_MAX);
}

bool exec_key_values(struct exec *x, const struct sql_table *t, const struct sql_list *row, const char *what,
                     struct sql_datum *values)
{
    ASSERT(row->count <= t->key_count);
    for (uint32_t i = 0; i < row->count; i++) {
        const struct sql_table_column *c = &t->columns[t->key[i]];
        if (is_own_value(row->items[i], c->type.oid)) {
            values[i] = (struct sql_datum){.integer = sql_as_const(row->items[i])->integer};
            continue;
        }
        struct binder b;
        exec_binder(x, &b);
        struct expr *e = bind_cast(&b, bind_expr(&b, row->items[i]), c->type, SQL_CAST_ASSIGNMENT, c->name);
        if (e == NULL) return false;
        if (x->describe) continue;
        if (!expr_is_constant(e))
            return exec_unsupported(x, row->items[i]->position, what);
        if (!expr_eval(&x->eval, e, NULL, NULL, &values[i])) return false;
        if (values[i].is_null)
            return sql_error_set(x->error, x->arena, SQLSTATE_NOT_NULL_VIOLATION, row->items[i]->position,
                                 "null value in column \"%s\" of relation \"%s\" violates not-null constraint", c->name,
                                 t->name);
    }
    return true;
}

static bool split_failed(struct exec *x, enum status status)
{
    if (status == STATUS_BUSY) {
        sql_error_set(x->error, x->arena, SQLSTATE_OBJECT_IN_USE, 0, "the range is being changed by something else");
        sql_error_hint(x->error, x->arena, "Try again; SHOW RANGES tells which splits were made.");
        return false;
    }
    if (status == STATUS_TOO_LARGE) {
        sql_error_set(x->error, x->arena, SQLSTATE_PROGRAM_LIMIT_EXCEEDED, 0, "there are as many ranges as there may be");
        sql_error_hint(x->error, x->arena, "The bound is the cluster's setting ranges_max: see SHOW CLUSTER SETTINGS.");
        return false;
    }
    return exec_fail(x, status);
}

static bool split_at(struct exec *x, const struct sql_table *t, const struct sql_list *row)
{
    struct sql_datum values[SQL_KEY_COLUMNS_MAX];
    if (row->count > t->key_count)
        return sql_error_set(x->error, x->arena, SQLSTATE_SYNTAX_ERROR, row->items[t->key_count]->position,
                             "SPLIT AT has more values than the primary key has columns");
    if (!exec_key_values(x, t, row, "SPLIT AT an expression that is not constant", values)) return false;
    if (x->describe) return true;
    buf_reset(x->key);
    enum status status = catalog_key_prefix(t, values, row->count, x->key);
    if (status != STATUS_OK) return exec_fail(x, status);
    struct bytes key = arena_copy(x->arena, buf_view(x->key));
    if (key.data == NULL) return sql_error_out_of_memory(x->error);
    status = txn_split(x->txn, key);
    return status == STATUS_OK || split_failed(x, status);
}

bool ddl_split(struct exec *x, const struct sql_table *t, const struct sql_alter_action *n)
{
    if (!x->alone)
        return sql_error_set(x->error, x->arena, SQLSTATE_ACTIVE_SQL_TRANSACTION, 0,
                             "ALTER TABLE ... SPLIT AT cannot run inside a transaction block");
    if (t->key_count == 0)
        return sql_error_set(x->error, x->arena, SQLSTATE_WRONG_OBJECT_TYPE, 0,
                             "table \"%s\" has no primary key to be split by", t->name);
    for (uint32_t i = 0; i < n->split_row_count; i++)
        if (!split_at(x, t, &n->split_rows[i])) return false;
    return true;
}
