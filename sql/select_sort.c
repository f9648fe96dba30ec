/* Output rows that are kept: DISTINCT and ORDER BY. */
#include "sql/select_int.h"
#include "sql/sort.h"

const struct expr *select_sort_expr(const struct select *s, uint32_t at)
{
    const struct sort_key *key = &s->sorts[at];
    return key->expr != NULL ? key->expr : s->targets[key->target];
}

static int compare_keys(const struct select *s, const struct sql_datum *a,
                        const struct sql_datum *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct sort_key *key = &s->sorts[i];
        const struct sql_datum *x = &a[s->target_count + i], *y = &b[s->target_count + i];
        int order;
        if (x->is_null || y->is_null) {
            order = (int)x->is_null - (int)y->is_null;
            if (key->nulls_first) order = -order;
        } else {
            order = sql_datum_compare(select_sort_expr(s, i)->type.oid, x, y);
            if (key->descending) order = -order;
        }
        if (order != 0) return order;
    }
    return 0;
}

static int compare_rows(const void *a, const void *b, void *ctx)
{
    const struct out_row *x = a, *y = b;
    const struct select *s = ctx;
    int order = compare_keys(s, x->values, y->values, s->sort_count);
    return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

bool select_keep(struct select *s, const struct sql_datum *values)
{
    if (s->row_count == s->row_capacity) {
        uint32_t capacity = s->row_capacity == 0 ? 64 : s->row_capacity * 2;
        struct out_row *rows = ARENA_ARRAY(s->run_arena, struct out_row, capacity);
        if (rows == NULL) return sql_error_out_of_memory(s->x->error);
        if (s->row_count > 0) memcpy(rows, s->rows, s->row_count * sizeof *rows);
        s->rows = rows;
        s->row_capacity = capacity;
    }
    uint32_t count = s->target_count + s->sort_count;
    struct sql_datum *copy = ARENA_ARRAY(s->run_arena, struct sql_datum, count + 1);
    if (copy == NULL) return sql_error_out_of_memory(s->x->error);
    for (uint32_t i = 0; i < count; i++) {
        const struct expr *e =
            i < s->target_count ? s->targets[i] : select_sort_expr(s, i - s->target_count);
        copy[i] = values[i];
        if (!values[i].is_null &&
            sql_datum_copy(s->run_arena, e->type.oid, &values[i], &copy[i]) != STATUS_OK)
            return sql_error_out_of_memory(s->x->error);
    }
    s->rows[s->row_count] = (struct out_row){copy, s->row_count};
    s->row_count++;
    return true;
}

static bool same_targets(const struct select *s, const struct sql_datum *a,
                         const struct sql_datum *b)
{
    for (uint32_t i = 0; i < s->target_count; i++) {
        if (a[i].is_null != b[i].is_null) return false;
        if (!a[i].is_null && sql_datum_compare(s->targets[i]->type.oid, &a[i], &b[i]) != 0)
            return false;
    }
    return true;
}

uint64_t select_hash(struct expr **exprs, const struct sql_datum *values, uint32_t count)
{
    uint64_t hash = 0x9e3779b97f4a7c15u;
    for (uint32_t i = 0; i < count; i++)
        hash = values[i].is_null ? hash * 31 + 1
                                 : sql_datum_hash(exprs[i]->type.oid, &values[i], hash);
    return hash | 1;
}

/* DISTINCT: keeps the first of equal rows. */
static bool drop_duplicates(struct select *s)
{
    struct map seen;
    map_init(&seen);
    uint32_t kept = 0;
    uint32_t *next = ARENA_ARRAY(s->run_arena, uint32_t, s->row_count + 1);
    bool ok = next != NULL || sql_error_out_of_memory(s->x->error);
    for (uint32_t i = 0; ok && i < s->row_count; i++) {
        uint64_t hash = select_hash(s->targets, s->rows[i].values, s->target_count);
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

bool select_ties(const struct select *s, const struct sql_datum *a, const struct sql_datum *b)
{
    return compare_keys(s, a, b, s->sort_count) == 0;
}

/* DISTINCT ON: the first of those that begin alike. */
static void keep_first(struct select *s)
{
    uint32_t kept = s->row_count > 0;
    for (uint32_t i = 1; i < s->row_count; i++)
        if (compare_keys(s, s->rows[kept - 1].values, s->rows[i].values, s->on_count) != 0)
            s->rows[kept++] = s->rows[i];
    s->row_count = kept;
}

bool select_order_kept(struct select *s)
{
    if (s->node->distinct && s->on_count == 0 && !drop_duplicates(s)) return false;
    if (s->sort_count > 0 &&
        sql_sort(&s->x->eval, s->run_arena, s->rows, s->row_count, sizeof *s->rows, compare_rows, s) != STATUS_OK)
        return false;
    if (s->on_count > 0) keep_first(s);
    return true;
}
