/* Queries: bound once, then opened and read row by row. Scan, filter, group, sort, cut. */
#include "sql/select_int.h"

/* ---- planning ---- */

/* True when the scan delivers the order that is asked for; sets its direction. Key columns with one value may
 * stand anywhere in the order, and behind the whole key nothing is left to be sorted. */
static bool scan_sorts(struct select *s)
{
    const struct sql_table *t = s->table;
    if (!s->has_access || s->grouped || s->sort_count == 0 || s->node->with_ties || s->node->distinct || t->key_count == 0) return false;
    uint32_t place = 0;
    bool directed = false, reverse = false;
    for (uint32_t i = 0; i < s->sort_count; i++) {
        const struct expr *e = select_sort_expr(s, i);
        if (e->kind == EXPR_CONST) continue;
        if (e->kind != EXPR_COLUMN) return false;
        bool fixed = false;
        for (uint32_t k = 0; k < t->key_count && !fixed; k++) fixed = s->access.fixed[k] && t->key[k] == e->index;
        if (fixed) continue;
        while (place < t->key_count && s->access.fixed[place]) place++;
        if (place == t->key_count) break; /* no two rows are equal so far */
        if (t->key[place++] != e->index || (directed && reverse != s->sorts[i].descending)) return false;
        reverse = s->sorts[i].descending;
        directed = true;
    }
    s->access.reverse = reverse;
    return true;
}

/* The access is planned for the values that the query takes from around it, if any. */
static bool plan_access(struct select *s)
{
    struct access *a = &s->access;
    *a = (struct access){.table = s->table, .filter = s->where, .values = s->row, .row = s->row,
                         .plan_arena = s->run_arena, .row_arena = s->row_arena, .lock = s->lock,
                         .lock_wait = s->lock_wait, .lock_ahead = s->lock != 0 && !s->is_child && !s->x->piecemeal};
    if (!access_replan(s->x, a)) return false;
    s->has_access = true;
    s->sorted_by_scan = scan_sorts(s);
    bool streams = !s->grouped && (s->sort_count == 0 || s->sorted_by_scan) && !s->node->distinct;
    if (streams && s->limit < UINT32_MAX && s->offset < UINT32_MAX) a->limit = s->limit + s->offset;
    return true;
}

bool select_foresee(struct select *s)
{
    if (s->table == NULL || s->open || s->loops > 0 || s->binder.outers != NULL) return true;
    if (s->where != NULL && expr_has_subquery(s->where)) return true;
    s->limit = UINT64_MAX;
    return plan_access(s);
}

/* The value of LIMIT or OFFSET; null is as if it were not there. */
static bool count_value(struct select *s, const struct expr *e, const char *clause, uint64_t *out)
{
    struct sql_datum v;
    if (!expr_eval(&s->x->eval, e, NULL, NULL, &v)) return false;
    if (v.is_null) return true;
    if (v.integer < 0)
        return sql_error_set(s->x->error, s->x->arena,
                             clause[0] == 'L' ? SQLSTATE_INVALID_ROW_COUNT_IN_LIMIT_CLAUSE
                                              : SQLSTATE_INVALID_ROW_COUNT_IN_OFFSET_CLAUSE,
                             0, "%s must not be negative", clause);
    *out = (uint64_t)v.integer;
    return true;
}

/* A query without FROM has one row, unless its condition says otherwise. */
static bool open_single(struct select *s)
{
    struct sql_datum passes = sql_boolean(true);
    const struct expr *condition = s->root != NULL ? s->gate : s->where;
    if (condition != NULL && !expr_eval(&s->x->eval, condition, NULL, NULL, &passes)) return false;
    s->input_done = passes.is_null || !passes.boolean;
    return s->root == NULL || s->input_done || source_open(s->root);
}

/* What a child keeps while it runs is forgotten when it is opened again. */
static void forget_run(struct select *s)
{
    if (s->is_child) {
        arena_reset(s->run_arena);
        s->row_capacity = s->group_capacity = 0;
    }
    for (struct cte *c = s->binder.ctes; c != NULL; c = c->next) {
        c->started = false;
        row_table_init(&c->rows, s->run_arena, c->rows.types, c->rows.width);
    }
}

bool query_open(struct select *s)
{
    query_close(s);
    forget_run(s);
    s->sent = s->skipped = 0;
    s->filled = s->input_done = s->sorted_by_scan = false;
    s->row_count = s->row_at = s->group_count = s->group_at = 0;
    s->finals = NULL;
    s->loops++;
    s->open = true;
    s->offset = 0;
    s->limit = UINT64_MAX;
    if (s->offset_expr != NULL && !count_value(s, s->offset_expr, "OFFSET", &s->offset)) return false;
    if (s->limit_expr != NULL && !count_value(s, s->limit_expr, "LIMIT", &s->limit)) return false;
    if (s->exists_only && s->limit > 1) s->limit = 1;
    struct arena *before = s->x->eval.arena;
    s->x->eval.arena = s->run_arena;
    bool ok = s->table != NULL ? plan_access(s) : open_single(s);
    s->x->eval.arena = before;
    s->keeps = (s->sort_count > 0 && !s->sorted_by_scan) || s->node->distinct;
    return ok;
}

void query_close(struct select *s)
{
    if (!s->open) return;
    s->open = false;
    if (s->has_access) access_close(&s->access);
    if (s->has_access) lock_batch_close(&s->access);
    if (s->root != NULL) source_close(s->root);
    for (struct cte *c = s->binder.ctes; c != NULL; c = c->next) query_close(c->query);
    if (s->group_count > 0) select_forget_groups(s);
}

/* ---- rows ---- */

/* The next row of FROM that passes WHERE. */
bool select_input(struct select *s, const struct sql_datum **row_out, bool *found_out)
{
    if (s->has_access) {
        *row_out = s->access.values;
        if (!access_next(s->x, &s->access, found_out)) return false;
        s->inputs += *found_out;
        return true;
    }
    *found_out = !s->input_done;
    *row_out = s->row;
    if (s->root != NULL) {
        arena_reset(s->row_arena);
        return s->input_done || source_next(s->root, found_out);
    }
    s->input_done = true;
    return true;
}

/* Targets and sort keys of one input row or group. */
bool select_compute(struct select *s, const struct sql_datum *row, const struct sql_datum *aggregates)
{
    for (uint32_t i = 0; i < s->target_count; i++)
        if (!expr_eval(&s->x->eval, s->targets[i], row, aggregates, &s->values[i])) return false;
    for (uint32_t i = 0; i < s->sort_count; i++) {
        struct sql_datum *out = &s->values[s->target_count + i];
        if (s->sorts[i].expr == NULL)
            *out = s->values[s->sorts[i].target];
        else if (!expr_eval(&s->x->eval, s->sorts[i].expr, row, aggregates, out))
            return false;
    }
    return true;
}

/* The next row as it is before it is sorted; NULL at the end. */
static bool next_made(struct select *s, const struct sql_datum **values_out)
{
    const struct sql_datum *row;
    bool found;
    *values_out = NULL;
    if (s->grouped) return select_next_group(s, values_out);
    if (!select_input(s, &row, &found)) return false;
    if (!found) return true;
    *values_out = s->values;
    return select_compute(s, row, NULL);
}

static bool next_kept(struct select *s, const struct sql_datum **values_out)
{
    const struct sql_datum *made = NULL;
    while (!s->filled) {
        if (!next_made(s, &made)) return false;
        if (made != NULL && !select_keep(s, made)) return false;
        if (made == NULL && !select_order_kept(s)) return false;
        s->filled = made == NULL;
    }
    arena_reset(s->row_arena);
    *values_out = s->row_at < s->row_count ? s->rows[s->row_at++].values : NULL;
    return true;
}

/* WITH TIES: rows beyond the limit that are equal to the last one in the order belong to it. */
static bool next_is_tie(const struct select *s)
{
    return s->keeps && s->sent > 0 && s->row_at < s->row_count &&
           select_ties(s, s->rows[s->row_at - 1].values, s->rows[s->row_at].values);
}

static bool next_row(struct select *s, const struct sql_datum **values_out)
{
    *values_out = NULL;
    while (s->sent < s->limit || (s->node->with_ties && next_is_tie(s))) {
        if (!(s->keeps ? next_kept(s, values_out) : next_made(s, values_out))) return false;
        if (*values_out == NULL) return true;
        if (s->skipped == s->offset) {
            s->sent++;
            s->rows_total++;
            return true;
        }
        s->skipped++;
        *values_out = NULL;
    }
    return true;
}

bool query_next(struct select *s, const struct sql_datum **values_out)
{
    ASSERT(s->open);
    struct arena *before = s->x->eval.arena;
    s->x->eval.arena = s->row_arena;
    bool ok = next_row(s, values_out);
    s->x->eval.arena = before;
    return ok;
}

/* ---- the whole ---- */

static struct select *create(struct exec *x, const struct sql_select *node)
{
    struct select *s = ARENA_NEW(x->arena, struct select);
    if (s == NULL) {
        sql_error_out_of_memory(x->error);
        return NULL;
    }
    s->x = x;
    s->node = node;
    s->run_arena = x->arena;
    s->row_arena = x->row_arena;
    s->settles = true;
    map_init(&s->groups);
    s->next = x->queries;
    x->queries = s;
    exec_binder(x, &s->binder);
    return s;
}

struct select *query_bind(struct exec *x, const struct sql_select *node, const struct sql_type *want,
                          uint32_t want_count)
{
    struct select *s = create(x, node);
    if (s == NULL) return NULL;
    s->want = want;
    s->want_count = want_count;
    return select_bind(s) && select_finish(s) ? s : NULL;
}

struct select *select_of_change(struct exec *x, const struct sql_with *with, const struct sql_name *table,
                                const char *alias, const struct sql_list *more, const struct sql_node *where)
{
    struct sql_select *n = ARENA_NEW(x->arena, struct sql_select);
    struct sql_from_table *from = ARENA_NEW(x->arena, struct sql_from_table);
    const struct sql_node **items = ARENA_ARRAY(x->arena, const struct sql_node *, more->count + 1);
    if (n == NULL || from == NULL || items == NULL) {
        sql_error_out_of_memory(x->error);
        return NULL;
    }
    *from = (struct sql_from_table){.node = {.kind = SQL_FROM_TABLE, .position = table->position}, .name = *table};
    from->alias.name = alias;
    items[0] = &from->node;
    for (uint32_t i = 0; i < more->count; i++) items[i + 1] = more->items[i];
    *n = (struct sql_select){.node = {.kind = SQL_STMT_SELECT}, .op = SQL_SELECT_PLAIN, .with = *with,
                             .from = {items, more->count + 1}, .where = where};
    struct select *s = create(x, n);
    if (s == NULL) return NULL;
    s->keyed = true;
    return select_bind(s) ? s : NULL;
}

struct select *select_child(struct binder *around, struct binder *parent, const struct sql_select *node, bool settles)
{
    struct exec *x = around->x;
    if (around->depth >= QUERY_NESTING_MAX) {
        sql_error_set(x->error, x->arena, SQLSTATE_STATEMENT_TOO_COMPLEX, node->node.position,
                      "queries are nested deeper than %d levels", QUERY_NESTING_MAX);
        return NULL;
    }
    struct select *s = create(x, node);
    if (s == NULL) return NULL;
    s->is_child = true;
    s->settles = settles;
    arena_init_part(&s->own_run, x->arena, x->arena->size_max);
    arena_init_part(&s->own_row, x->arena, x->row_arena->size_max);
    arena_init_part(&s->own_outer, x->arena, x->row_arena->size_max);
    s->run_arena = &s->own_run;
    s->row_arena = &s->own_row;
    s->binder.around = around;
    s->binder.parent = parent;
    s->binder.depth = around->depth + 1;
    return select_bind(s) ? s : NULL;
}

bool select_finish(struct select *s)
{
    if (s->x->describe) return true;
    if (s->exists_only && s->node->op == SQL_SELECT_PLAIN && !s->grouped && !s->node->distinct)
        s->target_count = s->sort_count = 0; /* they are not even evaluated */
    if (!select_fold(s) || (s->from != NULL && !from_plan(s))) return false;
    s->values = ARENA_ARRAY(s->x->arena, struct sql_datum, s->target_count + s->sort_count + 1);
    if (s->table != NULL) s->row = ARENA_ARRAY(s->x->arena, struct sql_datum, s->table->column_count + 1);
    if (s->values != NULL && (s->table == NULL || s->row != NULL)) return true;
    return sql_error_out_of_memory(s->x->error);
}

bool select_coerce(struct select *s, uint32_t column, struct sql_type type)
{
    struct expr *e = bind_cast(&s->binder, s->targets[column], type, SQL_CAST_IMPLICIT, NULL);
    if (e == NULL) return false;
    s->targets[column] = e;
    s->columns[column].type = e->type;
    return true;
}

bool select_hand_through(struct select *s, struct select *child)
{
    for (struct outer *o = child->binder.outers; o != NULL; o = o->next) {
        o->value = bind_outer(&s->binder, o->value);
        if (o->value == NULL) return false;
    }
    return true;
}

bool select_take_outers(struct select *child, const struct sql_datum *row, const struct sql_datum *aggregates)
{
    if (child->binder.outers == NULL) return true;
    struct sql_eval *eval = &child->x->eval;
    struct arena *before = eval->arena;
    bool ok = true;
    arena_reset(&child->own_outer);
    eval->arena = &child->own_outer;
    for (struct outer *o = child->binder.outers; ok && o != NULL; o = o->next) {
        struct sql_datum v;
        ok = expr_eval(eval, o->value, row, aggregates, &v);
        o->slot = SQL_NULL;
        if (ok && !v.is_null && sql_datum_copy(eval->arena, o->value->type.oid, &v, &o->slot) != STATUS_OK)
            ok = sql_error_out_of_memory(child->x->error);
    }
    eval->arena = before;
    return ok;
}

const struct sql_result_column *query_columns(const struct select *s, uint32_t *count_out)
{
    *count_out = s->target_count;
    return s->columns;
}

static void release(struct select *s)
{
    query_close(s);
    for (struct source *o = s->made; o != NULL; o = o->made_before) {
        source_close(o);
        if (o->ops->release != NULL) o->ops->release(o);
        arena_deinit(&o->arena);
    }
    if (!s->is_child) return;
    arena_deinit(&s->own_run);
    arena_deinit(&s->own_row);
    arena_deinit(&s->own_outer);
}

void exec_end(struct exec *x)
{
    for (struct select *s = x->queries; s != NULL; s = s->next) release(s);
    x->queries = NULL;
}

/* The client learns the columns with the first row or at the end, so that until then the statement may be run again
 * unseen. */
static bool begin(struct exec *x, const struct select *s)
{
    if (!exec_verify(x)) return false;
    return x->sink->begin(x->sink->ctx, s->columns, s->target_count) || exec_fail(x, STATUS_CANCELLED);
}

static bool send_all(struct exec *x, struct select *s)
{
    const struct sql_datum *values;
    if (!query_open(s)) return false;
    while (query_next(s, &values) && values != NULL) {
        if (!x->rows_sent && !begin(x, s)) return false;
        x->rows_sent = true;
        x->eval.arena = x->row_arena;
        bool ok = x->sink->row(x->sink->ctx, &x->eval, values);
        x->eval.arena = x->arena;
        if (!ok) return exec_fail(x, STATUS_CANCELLED);
    }
    if (sql_error_is_set(x->error)) return false;
    if (!x->rows_sent && !begin(x, s)) return false;
    exec_tag(x, "SELECT ", s->sent);
    return true;
}

bool exec_select(struct exec *x, const struct sql_select *node)
{
    struct select *s = query_bind(x, node, NULL, 0);
    if (s == NULL || !exec_columns(x, s->columns, s->target_count)) return false;
    return x->describe || send_all(x, s);
}
