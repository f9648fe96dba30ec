/* Rows that are kept, and found by a hash: of joins, UNION and its kind, IN with a query. */
#include "sql/select_int.h"

void row_table_init(struct row_table *t, struct arena *arena, const struct sql_type *types, uint32_t width)
{
    *t = (struct row_table){.arena = arena, .types = types, .width = width};
}

static bool grow_rows(struct row_table *t)
{
    uint32_t capacity = t->capacity == 0 ? 16 : t->capacity * 2;
    if (t->capacity > UINT32_MAX / 4) return false;
    struct row_entry *rows = arena_alloc(t->arena, capacity * sizeof *rows);
    if (rows == NULL) return false;
    if (t->count > 0) memcpy(rows, t->rows, t->count * sizeof *rows);
    t->rows = rows;
    t->capacity = capacity;
    return true;
}

static void link_entry(struct row_table *t, uint32_t at)
{
    uint32_t *bucket = &t->buckets[t->rows[at].hash & (t->bucket_count - 1)];
    t->rows[at].next = *bucket;
    *bucket = at + 1;
}

/* As many buckets as there is room for rows. */
static bool grow_buckets(struct row_table *t)
{
    uint32_t *buckets = ARENA_ARRAY(t->arena, uint32_t, t->capacity);
    if (buckets == NULL) return false;
    t->buckets = buckets;
    t->bucket_count = t->capacity;
    for (uint32_t i = 0; i < t->count; i++) link_entry(t, i);
    return true;
}

struct row_entry *row_table_add(struct row_table *t, const struct sql_datum *values, uint64_t hash)
{
    struct sql_datum *copy = arena_alloc(t->arena, (t->width + 1) * sizeof *copy);
    if (copy == NULL) return NULL;
    for (uint32_t i = 0; i < t->width; i++) {
        copy[i] = SQL_NULL;
        if (!values[i].is_null && sql_datum_copy(t->arena, t->types[i].oid, &values[i], &copy[i]) != STATUS_OK)
            return NULL;
    }
    if (t->count == t->capacity && (!grow_rows(t) || !grow_buckets(t))) return NULL;
    ASSERT(t->bucket_count == t->capacity);
    t->rows[t->count] = (struct row_entry){.values = copy, .hash = hash};
    link_entry(t, t->count++);
    return &t->rows[t->count - 1];
}

struct row_entry *row_table_find(const struct row_table *t, uint64_t hash, const struct row_entry *previous)
{
    if (t->bucket_count == 0) return NULL;
    uint32_t at = previous != NULL ? previous->next : t->buckets[hash & (t->bucket_count - 1)];
    while (at != 0 && t->rows[at - 1].hash != hash) at = t->rows[at - 1].next;
    return at == 0 ? NULL : &t->rows[at - 1];
}

uint64_t row_hash(const struct sql_type *types, const struct sql_datum *values, uint32_t count)
{
    uint64_t hash = 0x9e3779b97f4a7c15u;
    for (uint32_t i = 0; i < count; i++)
        hash = values[i].is_null ? hash * 31 + 1 : sql_datum_hash(types[i].oid, &values[i], hash);
    return hash;
}

bool row_equal(const struct sql_type *types, const struct sql_datum *a, const struct sql_datum *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (a[i].is_null != b[i].is_null) return false;
        if (!a[i].is_null && sql_datum_compare(types[i].oid, &a[i], &b[i]) != 0) return false;
    }
    return true;
}

struct row_entry *row_table_find_equal(const struct row_table *t, const struct sql_datum *values, uint64_t hash)
{
    struct row_entry *e = NULL;
    while ((e = row_table_find(t, hash, e)) != NULL)
        if (row_equal(t->types, values, e->values, t->width)) return e;
    return NULL;
}
