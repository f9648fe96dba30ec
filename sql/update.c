/* UPDATE and DELETE: first find, then write, so that no row is met twice. */
#include <string.h>

#include "sql/write.h"

/* ---- SET ---- */

bool write_find_column(struct exec *x, const struct sql_table *t, const char *name, uint32_t position,
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

/* One column and what it is set to. */
static bool bind_assignment(struct exec *x, struct binder *b, const struct sql_table *t,
                            const struct sql_set_target *target, const struct sql_node *value,
                            struct assignment *a)
{
    if (target->steps.count > 0) return exec_unsupported(x, target->position, "a part of a column");
    if (!write_find_column(x, t, target->column, target->position, &a->place)) return false;
    if (value->kind == SQL_EXPR_DEFAULT) return true;
    const struct sql_table_column *c = &t->columns[a->place];
    a->expr = bind_cast(b, bind_expr_kept(b, value), c->type, SQL_CAST_ASSIGNMENT, c->name);
    return a->expr != NULL && exec_fold(x, a->expr);
}

/* (a, b) = (SELECT x, y ...): for each column a subquery of its own, which is the same query with one target. What looks
 * at the other targets, or may differ from one to the other, is refused. */
static bool bind_subquery(struct exec *x, struct binder *b, const struct sql_table *t,
                          const struct sql_set_clause *clause, struct assignment *out)
{
    const struct sql_subquery *source = sql_as_subquery(clause->expr);
    const struct sql_select *query = source->query;
    bool simple = source->subquery == SQL_SUBQUERY_SCALAR && query->op == SQL_SELECT_PLAIN && !query->distinct &&
                  query->distinct_on.count == 0 && query->order_by.count == 0 && query->group_by.count == 0 && query->limit == NULL &&
                  query->offset == NULL;
    for (uint32_t i = 0; simple && i < query->targets.count; i++) {
        const struct sql_node *e = query->targets.items[i].expr;
        simple = e->kind != SQL_EXPR_COLUMN || !sql_as_column(e)->star;
    }
    if (!simple) return exec_unsupported(x, source->node.position, "SET of several columns to such a subquery");
    if (query->targets.count != clause->target_count)
        return sql_error_set(x->error, x->arena, SQLSTATE_SYNTAX_ERROR, source->node.position,
                             "number of columns does not match number of values");
    for (uint32_t i = 0; i < clause->target_count; i++) {
        struct sql_select *one = ARENA_NEW(x->arena, struct sql_select);
        struct sql_subquery *scalar = ARENA_NEW(x->arena, struct sql_subquery);
        if (one == NULL || scalar == NULL) return sql_error_out_of_memory(x->error);
        *one = *query;
        one->targets = (struct sql_targets){&query->targets.items[i], 1};
        *scalar = *source;
        scalar->query = one;
        if (!bind_assignment(x, b, t, &clause->targets[i], &scalar->node, &out[i])) return false;
    }
    return true;
}

static bool bind_clause(struct exec *x, struct binder *b, const struct sql_table *t,
                        const struct sql_set_clause *clause, struct assignment *out)
{
    const struct sql_node *source = clause->expr;
    if (!clause->multiple) return bind_assignment(x, b, t, &clause->targets[0], source, out);
    if (source->kind == SQL_EXPR_SUBQUERY) return bind_subquery(x, b, t, clause, out);
    if (source->kind != SQL_EXPR_ROW)
        return sql_error_set(x->error, x->arena, SQLSTATE_FEATURE_NOT_SUPPORTED, source->position,
                             "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression");
    const struct sql_list *values = &sql_as_row(source)->fields;
    if (values->count != clause->target_count)
        return sql_error_set(x->error, x->arena, SQLSTATE_SYNTAX_ERROR, source->position,
                             "number of columns does not match number of values");
    for (uint32_t i = 0; i < values->count; i++)
        if (!bind_assignment(x, b, t, &clause->targets[i], values->items[i], &out[i])) return false;
    return true;
}

bool write_bind_assignments(struct exec *x, const struct sql_set_clauses *set, struct binder *b,
                            const struct sql_table *t, struct assignment **out, uint32_t *count_out)
{
    uint32_t count = 0, at = 0;
    for (uint32_t i = 0; i < set->count; i++) count += set->items[i].target_count;
    struct assignment *list = ARENA_ARRAY(x->arena, struct assignment, count + 1);
    if (list == NULL) return sql_error_out_of_memory(x->error);
    b->clause = "UPDATE";
    for (uint32_t i = 0; i < set->count; at += set->items[i++].target_count)
        if (!bind_clause(x, b, t, &set->items[i], list + at)) return false;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < i; k++)
            if (list[k].place == list[i].place)
                return sql_error_set(x->error, x->arena, SQLSTATE_SYNTAX_ERROR, 0,
                                     "multiple assignments to same column \"%s\"",
                                     t->columns[list[i].place].name);
    *out = list;
    *count_out = count;
    return true;
}

bool write_assign(struct exec *x, struct writer *w, const struct assignment *assignments, uint32_t count,
                  const struct sql_datum *row, struct sql_datum *values)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct assignment *a = &assignments[i];
        bool ok = a->expr == NULL ? writer_default(x, w, a->place, &values[a->place])
                                  : expr_eval(&x->eval, a->expr, row, NULL, &values[a->place]);
        if (!ok) return false;
    }
    return true;
}

/* ---- rows that are found ---- */

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

/* ---- the statements ---- */

/* What UPDATE and DELETE have in common: one table, the rows that pass, what is returned of them. */
struct change {
    const struct sql_table *table;
    struct binder binder;
    struct expr *where;
    struct returning returning;
    struct found found;
};

static bool change_bind(struct exec *x, struct change *c, const struct sql_name *name, const char *alias,
                        const struct sql_node *where, const struct sql_targets *returning)
{
    *c = (struct change){.table = exec_table_to_write(x, name)};
    if (c->table == NULL) return false;
    exec_binder(x, &c->binder);
    c->binder.scope = (struct scope){.table = c->table, .alias = alias != NULL ? alias : name->name};
    c->binder.clause = "WHERE";
    if (where != NULL) {
        c->where = bind_condition_kept(&c->binder, where, "WHERE");
        if (c->where == NULL || !exec_fold(x, c->where)) return false;
    }
    return returning_bind(x, &c->returning, &c->binder, returning);
}

static bool change_find(struct exec *x, struct change *c, bool with_values)
{
    struct access a;
    bool ok = access_plan(x, &a, c->table, c->where) && scan_all(x, &a, &c->found, with_values);
    access_close(&a);
    return ok;
}

static bool update_row(struct exec *x, struct change *c, struct writer *w, const struct found_row *row,
                       const struct assignment *assignments, uint32_t count)
{
    uint32_t columns = c->table->column_count;
    struct sql_datum *values = ARENA_ARRAY(x->row_arena, struct sql_datum, columns + 1);
    if (values == NULL) return sql_error_out_of_memory(x->error);
    memcpy(values, row->values, columns * sizeof *values);
    return write_assign(x, w, assignments, count, row->values, values) && writer_update(x, w, values, row->key) &&
           returning_row(x, &c->returning, values);
}

static bool update_rows(struct exec *x, struct change *c, const struct assignment *assignments, uint32_t count)
{
    struct writer w;
    bool ok = writer_open(x, &w, c->table) && change_find(x, c, true);
    x->eval.arena = x->row_arena;
    for (uint32_t i = 0; ok && i < c->found.count; i++) {
        arena_reset(x->row_arena);
        ok = update_row(x, c, &w, &c->found.rows[i], assignments, count);
    }
    x->eval.arena = x->arena;
    if (ok) exec_tag(x, "UPDATE ", c->found.count);
    return ok;
}

bool exec_update(struct exec *x, const struct sql_update *n)
{
    if (n->with.count > 0 || n->from.count > 0) return exec_update_from(x, n);
    struct change c;
    struct assignment *assignments;
    uint32_t count;
    return change_bind(x, &c, &n->table, n->alias, n->where, &n->returning) &&
           write_bind_assignments(x, &n->set, &c.binder, c.table, &assignments, &count) &&
           (x->describe || update_rows(x, &c, assignments, count));
}

bool exec_delete(struct exec *x, const struct sql_delete *n)
{
    if (n->with.count > 0 || n->using_from.count > 0) return exec_delete_using(x, n);
    struct change c;
    if (!change_bind(x, &c, &n->table, n->alias, n->where, &n->returning)) return false;
    if (x->describe) return true;
    bool ok = change_find(x, &c, c.returning.count > 0);
    x->eval.arena = x->arena;
    for (uint32_t i = 0; ok && i < c.found.count; i++) {
        const struct found_row *row = &c.found.rows[i];
        enum status status = txn_delete(x->txn, row->key);
        ok = status == STATUS_OK ? returning_row(x, &c.returning, row->values) : exec_fail(x, status);
    }
    if (ok) exec_tag(x, "DELETE ", c.found.count);
    return ok;
}
