/* RETURNING. Its rows are held in the statement's arena until they may be shown: a statement alone may be run again,
 * and may have built on writes that are not committed, until its commit is decided (SQL-2, TXN-11). */
#include <string.h>

#include "base/assert.h"
#include "sql/write.h"

#define TARGETS_MAX 1664 /* PostgreSQL's MaxTupleAttributeNumber */

struct held_row {
    struct held_row *next;
    struct sql_datum values[];
};

struct held_rows {
    const struct sql_result_column *columns;
    uint32_t column_count;
    struct held_row *first, *last;
};

/* ---- binding ---- */

static bool is_star(const struct sql_node *node)
{
    return node->kind == SQL_EXPR_COLUMN && sql_as_column(node)->star;
}

static bool add(struct exec *x, struct returning *r, struct expr *e, const char *name, const struct sql_table *t)
{
    if (e == NULL) return false;
    struct sql_result_column *c = &r->columns[r->count];
    *c = (struct sql_result_column){.name = name, .type = e->type};
    if (e->kind == EXPR_COLUMN && t != NULL && e->index < t->column_count) {
        c->table_oid = t->id;
        c->column_number = (int16_t)(e->index + 1);
    }
    r->exprs[r->count++] = e;
    return exec_fold(x, e);
}

/* Of several tables: all that may be named without a qualifier, or those of one. */
static bool add_items(struct exec *x, struct returning *r, struct binder *b, const struct scope_item *only,
                      uint32_t position)
{
    for (uint32_t i = 0; i < b->scope.item_count; i++) {
        const struct scope_item *item = &b->scope.items[i];
        if (only != NULL ? item != only : item->only_qualified || item->unseen) continue;
        for (uint32_t k = 0; k < item->column_count; k++)
            if (!add(x, r, bind_scope_column(b, &item->columns[k], position), item->columns[k].name, NULL))
                return false;
    }
    return true;
}

static bool add_star(struct exec *x, struct returning *r, struct binder *b, const struct sql_column *star)
{
    const struct sql_table *t = b->scope.table;
    const struct scope_item *item = NULL;
    if (star->names.count > 0) {
        /* In t.* the qualifier is the last name: bind_qualifier looks at the one before the last. */
        struct sql_column qualified = *star;
        qualified.names.count++;
        if (!bind_qualifier(b, &qualified, &item)) return false;
    }
    if (t == NULL) return add_items(x, r, b, item, star->node.position);
    for (uint32_t i = 0; i < t->column_count; i++) {
        struct sql_name_list names = {&t->columns[i].name, 1};
        struct sql_column column = {.node = {.kind = SQL_EXPR_COLUMN, .position = star->node.position},
                                    .names = names};
        if (!add(x, r, bind_expr(b, &column.node), t->columns[i].name, t)) return false;
    }
    return true;
}

bool returning_bind(struct exec *x, struct returning *r, struct binder *b, const struct sql_targets *targets)
{
    *r = (struct returning){.count = 0};
    if (targets->count == 0) return true;
    const struct sql_table *t = b->scope.table;
    uint32_t count = 0, all = t != NULL ? t->column_count : 0;
    for (uint32_t i = 0; i < b->scope.item_count; i++) all += b->scope.items[i].column_count;
    for (uint32_t i = 0; i < targets->count; i++) count += is_star(targets->items[i].expr) ? all : 1;
    if (count > TARGETS_MAX)
        return sql_error_set(x->error, x->arena, SQLSTATE_TOO_MANY_COLUMNS, 0,
                             "target lists can have at most %d entries", TARGETS_MAX);
    r->exprs = ARENA_ARRAY(x->arena, struct expr *, count + 1);
    r->columns = ARENA_ARRAY(x->arena, struct sql_result_column, count + 1);
    if (r->exprs == NULL || r->columns == NULL) return sql_error_out_of_memory(x->error);
    b->clause = "RETURNING";
    b->aggregates_allowed = false;
    for (uint32_t i = 0; i < targets->count; i++) {
        const struct sql_target *target = &targets->items[i];
        if (is_star(target->expr)) {
            if (!add_star(x, r, b, sql_as_column(target->expr))) return false;
            continue;
        }
        const char *name = target->alias != NULL ? target->alias : bind_column_name(target->expr);
        if (!add(x, r, bind_settle(b, bind_expr_kept(b, target->expr)), name, t)) return false;
    }
    if (!exec_columns(x, r->columns, r->count)) return false;
    x->held = ARENA_NEW(x->arena, struct held_rows);
    if (x->held == NULL) return sql_error_out_of_memory(x->error);
    *x->held = (struct held_rows){.columns = r->columns, .column_count = r->count};
    return true;
}

/* ---- rows ---- */

bool returning_row(struct exec *x, const struct returning *r, const struct sql_datum *row)
{
    if (r->count == 0) return true;
    struct held_row *held = arena_alloc(x->arena, sizeof *held + r->count * sizeof held->values[0]);
    if (held == NULL) return sql_error_out_of_memory(x->error);
    held->next = NULL;
    for (uint32_t i = 0; i < r->count; i++) {
        struct sql_datum v;
        if (!expr_eval(&x->eval, r->exprs[i], row, NULL, &v)) return false;
        if (sql_datum_copy(x->arena, r->columns[i].type.oid, &v, &held->values[i]) != STATUS_OK)
            return sql_error_out_of_memory(x->error);
    }
    if (x->held->last != NULL) x->held->last->next = held;
    else x->held->first = held;
    x->held->last = held;
    return true;
}

bool exec_held_send(struct exec *x)
{
    const struct held_rows *held = x->held;
    if (held == NULL) return true;
    const struct sql_sink *sink = x->sink;
    x->rows_sent = true;
    x->held = NULL;
    struct arena *arena = x->eval.arena;
    x->eval.arena = x->row_arena;
    bool ok = sink->begin(sink->ctx, held->columns, held->column_count);
    for (const struct held_row *row = held->first; ok && row != NULL; row = row->next) {
        arena_reset(x->row_arena);
        ok = sink->row(sink->ctx, &x->eval, row->values);
    }
    x->eval.arena = arena;
    return ok || exec_fail(x, STATUS_CANCELLED);
}
