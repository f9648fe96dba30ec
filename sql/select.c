/* SELECT over one table or none: scan, filter, group, sort, cut, send. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/map.h"
#include "sql/query.h"

#define SORT_KEYS_MAX 64

struct sort_key {
    struct expr *expr;
    uint32_t target;  /* place in the targets when expr is NULL */
    bool descending, nulls_first;
};

/* One output row that waits to be sorted: targets, then sort keys. */
struct out_row {
    struct sql_datum *values;
    uint64_t order;
};

struct group {
    struct group *next; /* of the same hash */
    struct sql_datum *keys, *row; /* row: the first one's columns, for expressions of the keys */
    struct sql_aggregate_state **states;
};

struct select {
    struct exec *x;
    struct binder binder;
    const struct sql_select *node;
    const struct sql_table *table;
    struct access access;
    bool has_access;
    struct expr **targets;
    struct sql_result_column *columns;
    uint32_t target_count;
    struct sort_key sorts[SORT_KEYS_MAX];
    uint32_t sort_count;
    struct expr **keys; /* GROUP BY */
    uint32_t key_count;
    struct expr *having;
    bool grouped, sorted_by_scan;
    uint64_t limit, offset; /* UINT64_MAX: none */
    uint64_t sent, skipped;
    struct out_row *rows;
    uint32_t row_count, row_capacity;
    struct map groups;
    struct group **group_list;
    uint32_t group_count, group_capacity;
};

/* ---- binding ---- */

static bool refuse(struct select *s, uint32_t position, const char *what)
{
    return sql_error_set(s->x->error, s->x->arena, SQLSTATE_FEATURE_NOT_SUPPORTED, position,
                         "%s is not supported yet", what);
}

/* What this executor does not do is refused with its position, never answered wrongly. */
static bool check_supported(struct select *s)
{
    const struct sql_select *n = s->node;
    uint32_t p = n->node.position;
    if (n->op != SQL_SELECT_PLAIN) return refuse(s, p, "UNION, INTERSECT, EXCEPT or VALUES as a query");
    if (n->with.count > 0) return refuse(s, n->with.position, "WITH");
    if (n->distinct_on.count > 0) return refuse(s, p, "DISTINCT ON");
    if (n->window_count > 0) return refuse(s, n->windows[0].position, "a window");
    if (n->locking_count > 0) return refuse(s, n->locking[0].position, "FOR UPDATE and FOR SHARE");
    if (n->as_of != NULL) return refuse(s, n->as_of->position, "AS OF SYSTEM TIME");
    if (n->with_ties) return refuse(s, p, "WITH TIES");
    if (n->from.count > 1) return refuse(s, n->from.items[1]->position, "a join");
    if (n->from.count == 1 && n->from.items[0]->kind != SQL_FROM_TABLE)
        return refuse(s, n->from.items[0]->position, "a join, a subquery or a function in FROM");
    return true;
}

static bool bind_from(struct select *s)
{
    if (s->node->from.count == 0) return true;
    const struct sql_from_table *from = sql_as_from_table(s->node->from.items[0]);
    struct sql_table *table = exec_table(s->x, &from->name);
    if (table == NULL) return false;
    if (from->alias.columns.count > 0) return refuse(s, from->node.position, "an alias for columns");
    s->table = table;
    s->binder.scope.table = table;
    s->binder.scope.alias = from->alias.name != NULL ? from->alias.name : from->name.name;
    return true;
}

static uint32_t count_targets(const struct select *s)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->node->targets.count; i++) {
        const struct sql_node *e = s->node->targets.items[i].expr;
        bool star = e->kind == SQL_EXPR_COLUMN && sql_as_column(e)->star;
        count += star && s->table != NULL ? s->table->column_count : 1;
    }
    return count;
}

static bool add_star(struct select *s, const struct sql_column *c)
{
    if (s->table == NULL)
        return sql_error_set(s->x->error, s->x->arena, SQLSTATE_SYNTAX_ERROR, c->node.position,
                             "SELECT * with no tables specified is not valid");
    if (c->names.count > 0 && strcmp(c->names.items[c->names.count - 1], s->binder.scope.alias) != 0)
        return sql_error_set(s->x->error, s->x->arena, SQLSTATE_UNDEFINED_TABLE, c->node.position,
                             "missing FROM-clause entry for table \"%s\"", c->names.items[c->names.count - 1]);
    for (uint32_t i = 0; i < s->table->column_count; i++) {
        struct sql_name_list names = {&s->table->columns[i].name, 1};
        struct sql_column column = {.node = {.kind = SQL_EXPR_COLUMN, .position = c->node.position},
                                    .names = names};
        struct expr *e = bind_expr(&s->binder, &column.node);
        if (e == NULL) return false;
        s->columns[s->target_count].name = s->table->columns[i].name;
        s->targets[s->target_count++] = e;
    }
    return true;
}

static bool bind_targets(struct select *s)
{
    uint32_t count = count_targets(s);
    if (count > SQL_COLUMNS_MAX)
        return sql_error_set(s->x->error, s->x->arena, SQLSTATE_TOO_MANY_COLUMNS, 0,
                             "target lists can have at most %d entries", SQL_COLUMNS_MAX);
    s->targets = ARENA_ARRAY(s->x->arena, struct expr *, count + 1);
    s->columns = ARENA_ARRAY(s->x->arena, struct sql_result_column, count + 1);
    if (s->targets == NULL || s->columns == NULL) return sql_error_out_of_memory(s->x->error);
    s->binder.aggregates_allowed = true;
    for (uint32_t i = 0; i < s->node->targets.count; i++) {
        const struct sql_target *t = &s->node->targets.items[i];
        if (t->expr->kind == SQL_EXPR_COLUMN && sql_as_column(t->expr)->star) {
            if (!add_star(s, sql_as_column(t->expr))) return false;
            continue;
        }
        struct expr *e = bind_settle(&s->binder, bind_expr(&s->binder, t->expr));
        if (e == NULL) return false;
        s->columns[s->target_count].name = t->alias != NULL ? t->alias : bind_column_name(t->expr);
        s->targets[s->target_count++] = e;
    }
    for (uint32_t i = 0; i < s->target_count; i++) {
        const struct expr *e = s->targets[i];
        s->columns[i].type = e->type;
        if (e->kind != EXPR_COLUMN) continue;
        s->columns[i].table_oid = s->table->id;
        s->columns[i].column_number = (int16_t)(e->index + 1);
    }
    return true;
}

/* A name or number in GROUP BY and ORDER BY may mean an output column. UINT32_MAX: it does not. */
static bool output_place(struct select *s, const struct sql_node *node, const char *clause,
                         uint32_t *place_out)
{
    *place_out = UINT32_MAX;
    if (node->kind == SQL_EXPR_CONST && sql_as_const(node)->type == SQL_CONST_INTEGER) {
        int64_t n = sql_as_const(node)->integer;
        if (n < 1 || n > (int64_t)s->target_count)
            return sql_error_set(s->x->error, s->x->arena, SQLSTATE_INVALID_COLUMN_REFERENCE, node->position,
                                 "%s position %lld is not in select list", clause, (long long)n);
        *place_out = (uint32_t)n - 1;
        return true;
    }
    if (node->kind != SQL_EXPR_COLUMN || sql_as_column(node)->names.count != 1) return true;
    const char *name = sql_as_column(node)->names.items[0];
    /* GROUP BY prefers input columns, ORDER BY output columns (PostgreSQL, SELECT). */
    if (clause[0] == 'G')
        for (uint32_t i = 0; s->table != NULL && i < s->table->column_count; i++)
            if (strcmp(s->table->columns[i].name, name) == 0) return true;
    for (uint32_t i = 0; i < s->target_count; i++) {
        if (strcmp(s->columns[i].name, name) != 0) continue;
        *place_out = i;
        return true;
    }
    return true;
}

static bool check_orderable(struct select *s, const struct expr *e, const char *what)
{
    const struct sql_type_info *info = sql_type_find(e->type.oid);
    if (info != NULL && info->can_be_key) return true;
    return sql_error_set(s->x->error, s->x->arena, SQLSTATE_UNDEFINED_FUNCTION, e->position,
                         "could not identify %s operator for type %s", what,
                         info != NULL ? info->sql_name : "unknown");
}

static bool bind_group_by(struct select *s)
{
    const struct sql_list *list = &s->node->group_by;
    s->keys = ARENA_ARRAY(s->x->arena, struct expr *, list->count + 1);
    if (s->keys == NULL) return sql_error_out_of_memory(s->x->error);
    s->binder.aggregates_allowed = false;
    s->binder.clause = "GROUP BY";
    for (uint32_t i = 0; i < list->count; i++) {
        const struct sql_node *node = list->items[i];
        if (node->kind == SQL_EXPR_GROUPING_SET) return refuse(s, node->position, "GROUPING SETS");
        uint32_t place;
        if (!output_place(s, node, "GROUP BY", &place)) return false;
        struct expr *e = place != UINT32_MAX ? s->targets[place]
                                             : bind_settle(&s->binder, bind_expr(&s->binder, node));
        if (e == NULL || !check_orderable(s, e, "an equality")) return false;
        if (e->kind == EXPR_AGGREGATE)
            return sql_error_set(s->x->error, s->x->arena, SQLSTATE_GROUPING_ERROR, node->position,
                                 "aggregate functions are not allowed in GROUP BY");
        s->keys[s->key_count++] = e;
    }
    s->binder.aggregates_allowed = true;
    if (s->node->having != NULL) {
        s->having = bind_condition(&s->binder, s->node->having, "HAVING");
        if (s->having == NULL) return false;
    }
    return true;
}

/* In a grouped query a column may stand only inside a key or an aggregate. */
static bool check_grouped(struct select *s, const struct expr *e)
{
    for (uint32_t i = 0; i < s->key_count; i++)
        if (expr_equal(e, s->keys[i])) return true;
    if (e->kind == EXPR_COLUMN) {
        /* The primary key decides all other columns. */
        uint32_t found = 0;
        for (uint32_t k = 0; k < s->table->key_count; k++)
            for (uint32_t i = 0; i < s->key_count; i++)
                if (s->keys[i]->kind == EXPR_COLUMN && s->keys[i]->index == s->table->key[k]) {
                    found++;
                    break;
                }
        if (s->table->key_count > 0 && found == s->table->key_count) return true;
        return sql_error_set(s->x->error, s->x->arena, SQLSTATE_GROUPING_ERROR, e->position,
                             "column \"%s.%s\" must appear in the GROUP BY clause or be used in an "
                             "aggregate function",
                             s->binder.scope.alias, s->table->columns[e->index].name);
    }
    for (uint32_t i = 0; i < e->arg_count; i++)
        if (!check_grouped(s, e->args[i])) return false;
    return true;
}

static bool bind_order_by(struct select *s)
{
    const struct sql_sorts *sorts = &s->node->order_by;
    if (sorts->count > SORT_KEYS_MAX) return refuse(s, s->node->node.position, "so long an ORDER BY");
    s->binder.clause = "ORDER BY";
    for (uint32_t i = 0; i < sorts->count; i++) {
        const struct sql_sort *sort = &sorts->items[i];
        if (sort->using_operator.name != NULL) return refuse(s, sort->expr->position, "ORDER BY USING");
        struct sort_key *key = &s->sorts[s->sort_count++];
        key->descending = sort->descending;
        key->nulls_first = sort->nulls_first || (sort->descending && !sort->nulls_last);
        if (!output_place(s, sort->expr, "ORDER BY", &key->target)) return false;
        if (key->target == UINT32_MAX) {
            key->expr = bind_settle(&s->binder, bind_expr(&s->binder, sort->expr));
            if (key->expr == NULL) return false;
            if (s->node->distinct)
                return sql_error_set(s->x->error, s->x->arena, SQLSTATE_INVALID_COLUMN_REFERENCE,
                                     sort->expr->position,
                                     "for SELECT DISTINCT, ORDER BY expressions must appear in select list");
        }
        const struct expr *e = key->expr != NULL ? key->expr : s->targets[key->target];
        if (!check_orderable(s, e, "an ordering")) return false;
    }
    return true;
}

static bool bind_count(struct select *s, const struct sql_node *node, const char *clause, uint64_t *out)
{
    if (node == NULL) return true;
    s->binder.aggregates_allowed = false;
    s->binder.clause = clause;
    struct sql_table const *before = s->binder.scope.table;
    s->binder.scope.table = NULL; /* no variables here */
    struct expr *e = bind_cast(&s->binder, bind_expr(&s->binder, node), sql_type_of(SQL_TYPE_INT8),
                               SQL_CAST_IMPLICIT, NULL);
    s->binder.scope.table = before;
    struct sql_datum v;
    if (e == NULL || !expr_eval(&s->x->eval, e, NULL, NULL, &v)) return false;
    if (v.is_null) return true;
    if (v.integer < 0)
        return sql_error_set(s->x->error, s->x->arena,
                             clause[0] == 'L' ? SQLSTATE_INVALID_ROW_COUNT_IN_LIMIT_CLAUSE
                                              : SQLSTATE_INVALID_ROW_COUNT_IN_OFFSET_CLAUSE,
                             0, "%s must not be negative", clause);
    *out = (uint64_t)v.integer;
    return true;
}

static bool bind_select(struct select *s)
{
    exec_binder(s->x, &s->binder);
    if (!check_supported(s) || !bind_from(s)) return false;
    struct expr *where = NULL;
    if (s->node->where != NULL) {
        where = bind_condition(&s->binder, s->node->where, "WHERE");
        if (where == NULL) return false;
    }
    if (!bind_targets(s) || !bind_group_by(s) || !bind_order_by(s)) return false;
    s->grouped = s->binder.aggregate_count > 0 || s->key_count > 0 || s->having != NULL;
    for (uint32_t i = 0; s->grouped && i < s->target_count; i++)
        if (!check_grouped(s, s->targets[i])) return false;
    if (s->grouped && s->having != NULL && !check_grouped(s, s->having)) return false;
    for (uint32_t i = 0; s->grouped && i < s->sort_count; i++)
        if (s->sorts[i].expr != NULL && !check_grouped(s, s->sorts[i].expr)) return false;
    s->limit = UINT64_MAX;
    if (!bind_count(s, s->node->limit, "LIMIT", &s->limit)) return false;
    if (!bind_count(s, s->node->offset, "OFFSET", &s->offset)) return false;
    if (s->table == NULL) {
        if (where == NULL) return true;
        struct sql_datum v;
        if (!expr_eval(&s->x->eval, where, NULL, NULL, &v)) return false;
        if (v.is_null || !v.boolean) s->limit = 0;
        return true;
    }
    s->has_access = true;
    return access_plan(s->x, &s->access, s->table, where);
}

/* ---- output ---- */

static int compare_keys(const struct select *s, const struct sql_datum *a, const struct sql_datum *b)
{
    for (uint32_t i = 0; i < s->sort_count; i++) {
        const struct sort_key *key = &s->sorts[i];
        const struct sql_datum *x = &a[s->target_count + i], *y = &b[s->target_count + i];
        int order;
        if (x->is_null || y->is_null) {
            order = (int)x->is_null - (int)y->is_null;
            if (key->nulls_first) order = -order;
        } else {
            const struct expr *e = key->expr != NULL ? key->expr : s->targets[key->target];
            order = sql_datum_compare(e->type.oid, x, y);
            if (key->descending) order = -order;
        }
        if (order != 0) return order;
    }
    return 0;
}

static int compare_rows(const void *a, const void *b, void *ctx)
{
    const struct out_row *x = a, *y = b;
    int order = compare_keys(ctx, x->values, y->values);
    return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

static bool send_row(struct select *s, const struct sql_datum *values, bool *more_out)
{
    *more_out = s->sent < s->limit;
    if (!*more_out) return true;
    if (s->skipped < s->offset) {
        s->skipped++;
        return true;
    }
    s->x->rows_sent = true;
    if (!s->x->sink->row(s->x->sink->ctx, &s->x->eval, values)) return exec_fail(s->x, STATUS_CANCELLED);
    s->sent++;
    *more_out = s->sent < s->limit;
    return true;
}

static bool keep_row(struct select *s, const struct sql_datum *values)
{
    if (s->row_count == s->row_capacity) {
        uint32_t capacity = s->row_capacity == 0 ? 64 : s->row_capacity * 2;
        struct out_row *rows = ARENA_ARRAY(s->x->arena, struct out_row, capacity);
        if (rows == NULL) return sql_error_out_of_memory(s->x->error);
        if (s->row_count > 0) memcpy(rows, s->rows, s->row_count * sizeof *rows);
        s->rows = rows;
        s->row_capacity = capacity;
    }
    uint32_t count = s->target_count + s->sort_count;
    struct sql_datum *copy = ARENA_ARRAY(s->x->arena, struct sql_datum, count + 1);
    if (copy == NULL) return sql_error_out_of_memory(s->x->error);
    for (uint32_t i = 0; i < count; i++) {
        const struct expr *e = i < s->target_count ? s->targets[i]
                               : s->sorts[i - s->target_count].expr != NULL
                                   ? s->sorts[i - s->target_count].expr
                                   : s->targets[s->sorts[i - s->target_count].target];
        copy[i] = values[i];
        if (!values[i].is_null &&
            sql_datum_copy(s->x->arena, e->type.oid, &values[i], &copy[i]) != STATUS_OK)
            return sql_error_out_of_memory(s->x->error);
    }
    s->rows[s->row_count] = (struct out_row){copy, s->row_count};
    s->row_count++;
    return true;
}

/* Evaluates targets and sort keys of one input row (or group) and sends or keeps the result. */
static bool emit(struct select *s, const struct sql_datum *row, const struct sql_datum *aggregates,
                 struct sql_datum *values, bool *more_out)
{
    *more_out = true;
    for (uint32_t i = 0; i < s->target_count; i++)
        if (!expr_eval(&s->x->eval, s->targets[i], row, aggregates, &values[i])) return false;
    for (uint32_t i = 0; i < s->sort_count; i++) {
        struct sql_datum *out = &values[s->target_count + i];
        if (s->sorts[i].expr == NULL) *out = values[s->sorts[i].target];
        else if (!expr_eval(&s->x->eval, s->sorts[i].expr, row, aggregates, out)) return false;
    }
    bool keep = (s->sort_count > 0 && !s->sorted_by_scan) || s->node->distinct;
    return keep ? keep_row(s, values) : send_row(s, values, more_out);
}

static bool same_targets(const struct select *s, const struct sql_datum *a, const struct sql_datum *b)
{
    for (uint32_t i = 0; i < s->target_count; i++) {
        if (a[i].is_null != b[i].is_null) return false;
        if (!a[i].is_null && sql_datum_compare(s->targets[i]->type.oid, &a[i], &b[i]) != 0) return false;
    }
    return true;
}

static uint64_t hash_values(struct expr **exprs, const struct sql_datum *values, uint32_t count)
{
    uint64_t hash = 0x9e3779b97f4a7c15u;
    for (uint32_t i = 0; i < count; i++)
        hash = values[i].is_null ? hash * 31 + 1 : sql_datum_hash(exprs[i]->type.oid, &values[i], hash);
    return hash | 1;
}

/* DISTINCT: keeps the first of equal rows. */
static bool drop_duplicates(struct select *s)
{
    struct map seen;
    map_init(&seen);
    uint32_t kept = 0;
    uint32_t *next = ARENA_ARRAY(s->x->arena, uint32_t, s->row_count + 1);
    bool ok = next != NULL || sql_error_out_of_memory(s->x->error);
    for (uint32_t i = 0; ok && i < s->row_count; i++) {
        uint64_t hash = hash_values(s->targets, s->rows[i].values, s->target_count);
        uintptr_t at = (uintptr_t)map_get(&seen, hash);
        bool duplicate = false;
        for (uintptr_t k = at; k != 0 && !duplicate; k = next[k - 1])
            duplicate = same_targets(s, s->rows[k - 1].values, s->rows[i].values);
        if (duplicate) continue;
        s->rows[kept] = s->rows[i];
        next[kept] = (uint32_t)at;
        kept++;
        if (map_put(&seen, hash, (void *)(uintptr_t)kept) != STATUS_OK)
            ok = sql_error_out_of_memory(s->x->error);
    }
    map_deinit(&seen);
    s->row_count = kept;
    return ok;
}

static bool send_kept(struct select *s)
{
    for (uint32_t i = 0; s->node->distinct && i < s->target_count; i++)
        if (!check_orderable(s, s->targets[i], "an equality")) return false;
    if (s->node->distinct && !drop_duplicates(s)) return false;
    if (s->sort_count > 0 && s->row_count > 1)
        qsort_r(s->rows, s->row_count, sizeof *s->rows, compare_rows, s);
    bool more = true;
    for (uint32_t i = 0; i < s->row_count && more; i++) {
        arena_reset(s->x->row_arena);
        if (!send_row(s, s->rows[i].values, &more)) return false;
    }
    return true;
}

/* ---- grouping ---- */

static struct group *group_new(struct select *s, const struct sql_datum *keys, const struct sql_datum *row)
{
    struct arena *arena = s->x->arena;
    uint32_t aggregates = s->binder.aggregate_count, columns = s->table == NULL ? 0 : s->table->column_count;
    struct group *g = ARENA_NEW(arena, struct group);
    if (g == NULL) return NULL;
    g->keys = ARENA_ARRAY(arena, struct sql_datum, s->key_count + 1);
    g->row = ARENA_ARRAY(arena, struct sql_datum, columns + 1);
    g->states = ARENA_ARRAY(arena, struct sql_aggregate_state *, aggregates + 1);
    if (g->keys == NULL || g->row == NULL || g->states == NULL) return NULL;
    for (uint32_t i = 0; i < s->key_count; i++)
        if (sql_datum_copy(arena, s->keys[i]->type.oid, &keys[i], &g->keys[i]) != STATUS_OK) return NULL;
    for (uint32_t i = 0; i < columns; i++) {
        g->row[i] = SQL_NULL;
        if (row != NULL && sql_datum_copy(arena, s->table->columns[i].type.oid, &row[i], &g->row[i]) != STATUS_OK)
            return NULL;
    }
    struct arena *before = s->x->eval.arena;
    s->x->eval.arena = arena;
    bool ok = true;
    for (uint32_t i = 0; ok && i < aggregates; i++) {
        const struct aggregate *a = &s->binder.aggregates[i];
        ok = sql_aggregate_init(&s->x->eval, a->function, a->types, a->arg_count, &g->states[i]) == STATUS_OK;
    }
    s->x->eval.arena = before;
    if (!ok) return NULL;
    if (s->group_count == s->group_capacity) {
        uint32_t capacity = s->group_capacity == 0 ? 64 : s->group_capacity * 2;
        struct group **list = ARENA_ARRAY(arena, struct group *, capacity);
        if (list == NULL) return NULL;
        if (s->group_count > 0) memcpy(list, s->group_list, s->group_count * sizeof *list);
        s->group_list = list;
        s->group_capacity = capacity;
    }
    s->group_list[s->group_count++] = g;
    return g;
}

static struct group *group_find(struct select *s, const struct sql_datum *row)
{
    struct sql_datum keys[SORT_KEYS_MAX];
    for (uint32_t i = 0; i < s->key_count; i++)
        if (!expr_eval(&s->x->eval, s->keys[i], row, NULL, &keys[i])) return NULL;
    uint64_t hash = hash_values(s->keys, keys, s->key_count);
    struct group *first = map_get(&s->groups, hash);
    for (struct group *g = first; g != NULL; g = g->next) {
        bool same = true;
        for (uint32_t i = 0; same && i < s->key_count; i++) {
            same = g->keys[i].is_null == keys[i].is_null;
            if (same && !keys[i].is_null)
                same = sql_datum_compare(s->keys[i]->type.oid, &g->keys[i], &keys[i]) == 0;
        }
        if (same) return g;
    }
    struct group *g = group_new(s, keys, row);
    if (g == NULL || map_put(&s->groups, hash, g) != STATUS_OK) {
        sql_error_out_of_memory(s->x->error);
        return NULL;
    }
    g->next = first;
    return g;
}

static bool aggregate_row(struct select *s, struct group *g, const struct sql_datum *row)
{
    for (uint32_t i = 0; i < s->binder.aggregate_count; i++) {
        const struct aggregate *a = &s->binder.aggregates[i];
        struct sql_datum args[SQL_ARGUMENTS_MAX], passes = sql_boolean(true);
        if (a->filter != NULL && !expr_eval(&s->x->eval, a->filter, row, NULL, &passes)) return false;
        if (passes.is_null || !passes.boolean) continue;
        for (uint32_t k = 0; k < a->arg_count; k++)
            if (!expr_eval(&s->x->eval, a->args[k], row, NULL, &args[k])) return false;
        struct arena *before = s->x->eval.arena;
        s->x->eval.arena = s->x->arena;
        enum status status = sql_aggregate_step(&s->x->eval, g->states[i], args);
        s->x->eval.arena = before;
        if (status != STATUS_OK) return false;
    }
    return true;
}

static bool run_grouped(struct select *s, struct sql_datum *values)
{
    if (s->key_count > SORT_KEYS_MAX) return refuse(s, s->node->node.position, "so long a GROUP BY");
    for (uint32_t i = 0; i < s->binder.aggregate_count; i++)
        if (s->binder.aggregates[i].distinct) return refuse(s, s->node->node.position, "DISTINCT in an aggregate");
    if (s->has_access) {
        bool found = true;
        while (access_next(s->x, &s->access, &found) && found) {
            struct group *g = group_find(s, s->access.values);
            if (g == NULL || !aggregate_row(s, g, s->access.values)) return false;
        }
        if (sql_error_is_set(s->x->error)) return false;
    } else if (s->limit > 0) {
        struct group *g = group_find(s, NULL);
        if (g == NULL || !aggregate_row(s, g, NULL)) return false;
    }
    if (s->group_count == 0 && s->key_count == 0 && group_new(s, NULL, NULL) == NULL)
        return sql_error_out_of_memory(s->x->error); /* an aggregate of nothing is a row */
    struct sql_datum *finals = ARENA_ARRAY(s->x->arena, struct sql_datum, s->binder.aggregate_count + 1);
    if (finals == NULL) return sql_error_out_of_memory(s->x->error);
    bool more = true;
    for (uint32_t i = 0; i < s->group_count && more; i++) {
        struct group *g = s->group_list[i];
        arena_reset(s->x->row_arena);
        s->x->eval.arena = s->x->arena;
        for (uint32_t k = 0; k < s->binder.aggregate_count; k++)
            if (sql_aggregate_final(&s->x->eval, g->states[k], &finals[k]) != STATUS_OK) return false;
        s->x->eval.arena = s->x->row_arena;
        struct sql_datum passes = sql_boolean(true);
        if (s->having != NULL && !expr_eval(&s->x->eval, s->having, g->row, finals, &passes)) return false;
        if (passes.is_null || !passes.boolean) continue;
        if (!emit(s, g->row, finals, values, &more)) return false;
    }
    return true;
}

/* ---- the whole ---- */

/* True when the scan delivers the order that is asked for; sets its direction. */
static bool scan_sorts(struct select *s)
{
    if (!s->has_access || s->grouped || s->sort_count == 0 || s->node->distinct) return false;
    if (s->table->key_count == 0 || s->access.equal_count + s->sort_count > s->table->key_count) return false;
    bool descending = s->sorts[0].descending;
    for (uint32_t i = 0; i < s->sort_count; i++) {
        const struct sort_key *key = &s->sorts[i];
        const struct expr *e = key->expr != NULL ? key->expr : s->targets[key->target];
        uint32_t column = s->table->key[s->access.equal_count + i];
        if (e->kind != EXPR_COLUMN || e->index != column || key->descending != descending) return false;
    }
    s->access.reverse = descending;
    return true;
}

static bool run_plain(struct select *s, struct sql_datum *values)
{
    bool more = s->limit > 0, found = true;
    if (!s->has_access) return more ? emit(s, NULL, NULL, values, &more) : true;
    while (more && access_next(s->x, &s->access, &found) && found)
        if (!emit(s, s->access.values, NULL, values, &more)) return false;
    return !sql_error_is_set(s->x->error);
}

static bool run_select(struct select *s)
{
    struct exec *x = s->x;
    struct sql_datum *values =
        ARENA_ARRAY(x->arena, struct sql_datum, s->target_count + s->sort_count + 1);
    if (values == NULL) return sql_error_out_of_memory(x->error);
    s->sorted_by_scan = scan_sorts(s);
    bool streams = !s->grouped && (s->sort_count == 0 || s->sorted_by_scan) && !s->node->distinct;
    if (s->has_access && streams && s->limit != UINT64_MAX && s->access.filter == NULL)
        s->access.limit = s->limit + s->offset;
    if (!x->sink->begin(x->sink->ctx, s->columns, s->target_count)) return exec_fail(x, STATUS_CANCELLED);
    x->eval.arena = x->row_arena;
    bool ok = s->grouped ? run_grouped(s, values) : run_plain(s, values);
    if (ok && s->row_count > 0) ok = send_kept(s);
    x->eval.arena = x->arena;
    if (ok) snprintf(x->tag, sizeof x->tag, "SELECT %llu", (unsigned long long)s->sent);
    return ok;
}

bool exec_select(struct exec *x, const struct sql_select *node)
{
    struct select *s = ARENA_NEW(x->arena, struct select);
    if (s == NULL) return sql_error_out_of_memory(x->error);
    s->x = x;
    s->node = node;
    map_init(&s->groups);
    bool ok = bind_select(s) && exec_columns(x, s->columns, s->target_count) &&
              (x->describe || run_select(s));
    if (s->has_access) access_close(&s->access);
    map_deinit(&s->groups);
    return ok;
}
