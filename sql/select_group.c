/* GROUP BY and aggregates: one state per group, and the distinct arguments where DISTINCT asks for
 * them. */
#include "sql/select_int.h"
#include "sql/sort.h"

/* Arguments of a DISTINCT aggregate that were seen, each once. */
struct seen {
    struct seen *next; /* of the same hash */
    struct sql_datum args[];
};

struct seen_set {
    struct map by_hash;
    struct seen **items;
    uint32_t count, capacity;
};

struct group {
    struct group *next;           /* of the same hash */
    struct sql_datum *keys, *row; /* row: the first one's columns, for expressions of the keys */
    struct sql_aggregate_state **states;
    struct seen_set *seen; /* one per aggregate; NULL: none is DISTINCT */
};

static bool any_distinct(const struct select *s)
{
    for (uint32_t i = 0; i < s->binder.aggregate_count; i++)
        if (s->binder.aggregates[i].distinct) return true;
    return false;
}

static struct group *group_new(struct select *s, const struct sql_datum *keys,
                               const struct sql_datum *row)
{
    struct arena *arena = s->run_arena;
    uint32_t aggregates = s->binder.aggregate_count,
             columns = s->table == NULL ? s->width : s->table->column_count;
    struct group *g = ARENA_NEW(arena, struct group);
    if (g == NULL) return NULL;
    g->keys = ARENA_ARRAY(arena, struct sql_datum, s->key_count + 1);
    g->row = ARENA_ARRAY(arena, struct sql_datum, columns + 1);
    g->states = ARENA_ARRAY(arena, struct sql_aggregate_state *, aggregates + 1);
    if (g->keys == NULL || g->row == NULL || g->states == NULL) return NULL;
    if (any_distinct(s)) {
        g->seen = ARENA_ARRAY(arena, struct seen_set, aggregates + 1);
        if (g->seen == NULL) return NULL;
        for (uint32_t i = 0; i < aggregates; i++)
            map_init(&g->seen[i].by_hash);
    }
    for (uint32_t i = 0; i < s->key_count; i++)
        if (sql_datum_copy(arena, s->keys[i]->type.oid, &keys[i], &g->keys[i]) != STATUS_OK)
            return NULL;
    for (uint32_t i = 0; i < columns; i++) {
        g->row[i] = SQL_NULL;
        if (row != NULL &&
            sql_datum_copy(arena, select_row_type(s, i).oid, &row[i], &g->row[i]) != STATUS_OK)
            return NULL;
    }
    struct arena *before = s->x->eval.arena;
    s->x->eval.arena = arena;
    bool ok = true;
    for (uint32_t i = 0; ok && i < aggregates; i++) {
        const struct aggregate *a = &s->binder.aggregates[i];
        ok = sql_aggregate_init(&s->x->eval, a->function, a->types, a->arg_count, &g->states[i]) ==
             STATUS_OK;
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
    uint64_t hash = select_hash(s->keys, keys, s->key_count);
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

static bool step(struct select *s, struct group *g, uint32_t at, const struct sql_datum *args)
{
    struct arena *before = s->x->eval.arena;
    s->x->eval.arena = s->run_arena;
    enum status status = sql_aggregate_step(&s->x->eval, g->states[at], args);
    s->x->eval.arena = before;
    return status == STATUS_OK;
}

static int compare_seen(const void *a, const void *b, void *ctx)
{
    const struct aggregate *aggregate = ctx;
    const struct sql_datum *x = (*(struct seen *const *)a)->args,
                           *y = (*(struct seen *const *)b)->args;
    int order = 0;
    for (uint32_t i = 0; order == 0 && i < aggregate->arg_count; i++) {
        if (x[i].is_null || y[i].is_null)
            order = (int)x[i].is_null - (int)y[i].is_null;
        else
            order = sql_datum_compare(aggregate->types[i].oid, &x[i], &y[i]);
    }
    return order;
}

/* Keeps the arguments unless equal ones are there. */
static bool see(struct select *s, const struct aggregate *a, struct seen_set *set,
                const struct sql_datum *args)
{
    struct arena *arena = s->run_arena;
    struct seen *item = arena_zalloc(arena, 1, sizeof *item + a->arg_count * sizeof *args);
    if (item == NULL) return sql_error_out_of_memory(s->x->error);
    memcpy(item->args, args, a->arg_count * sizeof *args);
    uint64_t hash = select_hash(a->args, args, a->arg_count);
    struct seen *first = map_get(&set->by_hash, hash);
    for (struct seen *k = first; k != NULL; k = k->next)
        if (compare_seen(&k, &item, (void *)a) == 0) return true;
    for (uint32_t i = 0; i < a->arg_count; i++)
        if (sql_datum_copy(arena, a->types[i].oid, &args[i], &item->args[i]) != STATUS_OK)
            return sql_error_out_of_memory(s->x->error);
    if (set->count == set->capacity) {
        uint32_t capacity = set->capacity == 0 ? 16 : set->capacity * 2;
        struct seen **items = ARENA_ARRAY(arena, struct seen *, capacity);
        if (items == NULL) return sql_error_out_of_memory(s->x->error);
        if (set->count > 0) memcpy(items, set->items, set->count * sizeof *items);
        set->items = items;
        set->capacity = capacity;
    }
    item->next = first;
    set->items[set->count++] = item;
    return map_put(&set->by_hash, hash, item) == STATUS_OK || sql_error_out_of_memory(s->x->error);
}

/* In order of the arguments, as PostgreSQL does it, so that string_agg(DISTINCT ...) is the same.
 */
static bool step_seen(struct select *s, struct group *g)
{
    for (uint32_t i = 0; i < s->binder.aggregate_count; i++) {
        struct aggregate *a = &s->binder.aggregates[i];
        if (!a->distinct) continue;
        struct seen_set *set = &g->seen[i];
        if (sql_sort(&s->x->eval, s->run_arena, set->items, set->count, sizeof *set->items, compare_seen, a) != STATUS_OK)
            return false;
        for (uint32_t k = 0; k < set->count; k++)
            if (!step(s, g, i, set->items[k]->args)) return false;
    }
    return true;
}

static bool aggregate_row(struct select *s, struct group *g, const struct sql_datum *row)
{
    for (uint32_t i = 0; i < s->binder.aggregate_count; i++) {
        const struct aggregate *a = &s->binder.aggregates[i];
        struct sql_datum args[SQL_ARGUMENTS_MAX], passes = sql_boolean(true);
        if (a->filter != NULL && !expr_eval(&s->x->eval, a->filter, row, NULL, &passes))
            return false;
        if (passes.is_null || !passes.boolean) continue;
        for (uint32_t k = 0; k < a->arg_count; k++)
            if (!expr_eval(&s->x->eval, a->args[k], row, NULL, &args[k])) return false;
        if (a->distinct ? !see(s, a, &g->seen[i], args) : !step(s, g, i, args)) return false;
    }
    return true;
}

static bool read_input(struct select *s)
{
    const struct sql_datum *row;
    bool found = true;
    while (select_input(s, &row, &found) && found) {
        struct group *g = group_find(s, row);
        if (g == NULL || !aggregate_row(s, g, row)) return false;
    }
    if (sql_error_is_set(s->x->error)) return false;
    /* An aggregate of nothing is a row. */
    if (s->group_count > 0 || s->key_count > 0 || group_new(s, NULL, NULL) != NULL) return true;
    return sql_error_out_of_memory(s->x->error);
}

/* Computes the aggregates of a group; *passes_out: HAVING lets it pass, and s->values are made. */
static bool finish_group(struct select *s, struct group *g, bool *passes_out)
{
    arena_reset(s->row_arena);
    s->x->eval.arena = s->run_arena;
    bool ok = step_seen(s, g);
    for (uint32_t k = 0; ok && k < s->binder.aggregate_count; k++)
        ok = sql_aggregate_final(&s->x->eval, g->states[k], &s->finals[k]) == STATUS_OK;
    s->x->eval.arena = s->row_arena;
    struct sql_datum passes = sql_boolean(true);
    if (!ok || (s->having != NULL && !expr_eval(&s->x->eval, s->having, g->row, s->finals, &passes)))
        return false;
    *passes_out = !passes.is_null && passes.boolean;
    return !*passes_out || select_compute(s, g->row, s->finals);
}

bool select_next_group(struct select *s, const struct sql_datum **values_out)
{
    bool passes = false;
    *values_out = NULL;
    if (s->finals == NULL) {
        s->finals = ARENA_ARRAY(s->run_arena, struct sql_datum, s->binder.aggregate_count + 1);
        if (s->finals == NULL) return sql_error_out_of_memory(s->x->error);
        if (!read_input(s)) return false;
    }
    while (!passes && s->group_at < s->group_count)
        if (!finish_group(s, s->group_list[s->group_at++], &passes)) return false;
    if (passes) *values_out = s->values;
    return true;
}

void select_forget_groups(struct select *s)
{
    for (uint32_t i = 0; i < s->group_count; i++)
        for (uint32_t k = 0; s->group_list[i]->seen != NULL && k < s->binder.aggregate_count; k++)
            map_deinit(&s->group_list[i]->seen[k].by_hash);
    s->group_count = 0;
    map_deinit(&s->groups);
    map_init(&s->groups);
}
