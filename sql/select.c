/* Queries: bound once, then opened and read row by row. Scan, filter, group, sort, cut. */
#include "sql/select_int.h"

/* ---- planning ---- */

/* True when the scan delivers the order that is asked for; sets its direction. Key columns with one value may
 * stand anywhere in the order, and behind the whole key nothing is left to be sorted. */
static bool scan_sorts(struct select *s)
{
    const struct sql_table *t = s->table;
    if (!s->has_access || s->grouped || s->sort_count == 0 || s->node->distinct || t->key_count == 0) return false;
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

static bool plan_access(struct select *s)
{
    if (!access_plan(s->x, &s->access, s->table, s->where)) return false;
    s->has_access = true;
    s->access.lock = s->lock;
    s->access.lock_wait = s->lock_wait;
    s->sorted_by_scan = scan_sorts(s);
    bool streams = !s->grouped && (s->sort_count == 0 || s->sorted_by_scan) && !s->node->distinct;
    if (streams && s->limit < UINT32_MAX && s->offset < UINT32_MAX) s->access.limit = s->limit + s->offset;
    return true;
}

/* The value of LIMIT or OFFSET; `none` where it is not given or null. */
static bool count_value(struct select *s, const struct expr *e, const char *clause, uint64_t none, uint64_t *out)
{
    struct sql_datum v = SQL_NULL;
    *out = none;
    if (e != NULL && !expr_eval(&s->x->eval, e, NULL, NULL, &v)) return false;
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
    if (s->where != NULL && !expr_eval(&s->x->eval, s->where, NULL, NULL, &passes)) return false;
    s->input_done = passes.is_null || !passes.boolean;
    return true;
}

bool query_open(struct select *s)
{
    s->sent = s->skipped = 0;
    s->filled = s->input_done = s->sorted_by_scan = false;
    s->row_count = s->row_at = s->group_count = s->group_at = 0;
    s->finals = NULL;
    s->open = true;
    if (!count_value(s, s->offset_expr, "OFFSET", 0, &s->offset) ||
        !count_value(s, s->limit_expr, "LIMIT", UINT64_MAX, &s->limit))
        return false;
    bool ok = s->table != NULL ? plan_access(s) : open_single(s);
    s->keeps = (s->sort_count > 0 && !s->sorted_by_scan) || s->node->distinct;
    return ok;
}

void query_close(struct select *s)
{
    if (!s->open) return;
    s->open = false;
    if (s->has_access) access_close(&s->access);
    select_forget_groups(s);
}

/* ---- rows ---- */

/* The next row of FROM that passes WHERE. */
bool select_input(struct select *s, const struct sql_datum **row_out, bool *found_out)
{
    if (s->has_access) {
        *row_out = s->access.values;
        return access_next(s->x, &s->access, found_out);
    }
    *found_out = !s->input_done;
    *row_out = NULL;
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

static bool next_row(struct select *s, const struct sql_datum **values_out)
{
    *values_out = NULL;
    while (s->sent < s->limit) {
        if (!(s->keeps ? next_kept(s, values_out) : next_made(s, values_out))) return false;
        if (*values_out == NULL) return true;
        if (s->skipped == s->offset) {
            s->sent++;
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

struct select *query_bind(struct exec *x, const struct sql_select *node, const struct sql_type *want,
                          uint32_t want_count)
{
    struct select *s = ARENA_NEW(x->arena, struct select);
    if (s == NULL) {
        sql_error_out_of_memory(x->error);
        return NULL;
    }
    s->x = x;
    s->node = node;
    s->want = want;
    s->want_count = want_count;
    s->run_arena = x->arena;
    s->row_arena = x->row_arena;
    map_init(&s->groups);
    s->next = x->queries;
    x->queries = s;
    if (!select_bind(s)) return NULL;
    s->values = ARENA_ARRAY(x->arena, struct sql_datum, s->target_count + s->sort_count + 1);
    if (s->values != NULL) return s;
    sql_error_out_of_memory(x->error);
    return NULL;
}

const struct sql_result_column *query_columns(const struct select *s, uint32_t *count_out)
{
    *count_out = s->target_count;
    return s->columns;
}

void exec_end(struct exec *x)
{
    for (struct select *s = x->queries; s != NULL; s = s->next) query_close(s);
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
