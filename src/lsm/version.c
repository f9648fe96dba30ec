#include "lsm/version_int.h"

#include <stdlib.h>

uint32_t version_table_count(const struct version *v)
{
    uint32_t count = 0;
    for (uint32_t level = 0; level < LSM_LEVELS; level++)
        count += v->counts[level];
    return count;
}

uint64_t version_level_bytes(const struct version *v, uint32_t level)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < v->counts[level]; i++)
        bytes += v->levels[level][i]->size_bytes;
    return bytes;
}

bool version_has(const struct version *v, const struct table *t)
{
    uint32_t count = version_table_count(v);
    for (uint32_t i = 0; i < count; i++)
        if (v->tables[i] == t) return true;
    return false;
}

/* In level 0 a later flush has the higher number and stands first. */
static bool stands_before(const struct table *a, const struct table *b, uint32_t level)
{
    if (level == 0) return a->number > b->number;
    return item_key_compare(&a->facts.first, &b->facts.first) < 0;
}

static void level_insert(struct version *v, uint32_t level, struct table *t)
{
    struct table **tables = v->levels[level];
    uint32_t i = v->counts[level]++;
    while (i > 0 && stands_before(t, tables[i - 1], level)) {
        tables[i] = tables[i - 1];
        i--;
    }
    tables[i] = t;
    v->bytes += t->size_bytes;
    v->entry_count += t->facts.entry_count;
    table_pin(t);
}

static void check_levels(const struct version *v)
{
    for (uint32_t level = 1; level < LSM_LEVELS; level++) {
        for (uint32_t i = 1; i < v->counts[level]; i++) {
            const struct table *a = v->levels[level][i - 1], *b = v->levels[level][i];
            if (a->top == NULL || b->top == NULL) continue; /* not opened: bounds unknown */
            ASSERT(item_key_compare(&a->facts.last, &b->facts.first) < 0); /* LSM-4 */
        }
    }
}

static bool is_removed(const struct table *t, struct table *const *removed, uint32_t removed_count)
{
    for (uint32_t i = 0; i < removed_count; i++)
        if (removed[i] == t) return true;
    return false;
}

/* Lays the levels out in one array, with room for what is added to each. */
static void lay_out(struct version *v, const struct version *base,
                    const struct leveled_table *added, uint32_t added_count)
{
    struct table **next = v->tables;
    for (uint32_t level = 0; level < LSM_LEVELS; level++) {
        v->levels[level] = next;
        if (base != NULL) next += base->counts[level];
        for (uint32_t i = 0; i < added_count; i++)
            next += added[i].level == level;
    }
}

/* Closes the gaps between the levels, so that tables[] is one array of all. */
static void pack(struct version *v)
{
    struct table **next = v->tables;
    for (uint32_t level = 0; level < LSM_LEVELS; level++) {
        memmove(next, v->levels[level], v->counts[level] * sizeof *next);
        v->levels[level] = next;
        next += v->counts[level];
    }
}

enum status version_edit(const struct version *base, struct table *const *removed,
                         uint32_t removed_count, const struct leveled_table *added,
                         uint32_t added_count, struct version **version_out)
{
    size_t room = added_count + (base == NULL ? 0 : version_table_count(base));
    struct version *v = calloc(1, sizeof *v + room * sizeof v->tables[0]);
    if (v == NULL) return STATUS_NO_MEMORY;
    v->refs = 1;
    lay_out(v, base, added, added_count);
    for (uint32_t level = 0; base != NULL && level < LSM_LEVELS; level++)
        for (uint32_t i = 0; i < base->counts[level]; i++)
            if (!is_removed(base->levels[level][i], removed, removed_count))
                level_insert(v, level, base->levels[level][i]);
    for (uint32_t i = 0; i < added_count; i++) {
        ASSERT(added[i].level < LSM_LEVELS);
        level_insert(v, added[i].level, added[i].table);
    }
    pack(v);
    check_levels(v);
    *version_out = v;
    return STATUS_OK;
}

void version_pin(struct version *v)
{
    ASSERT(v->refs > 0);
    v->refs++;
}

void version_unpin(struct version *v)
{
    ASSERT(v->refs > 0);
    if (--v->refs > 0) return;
    uint32_t count = version_table_count(v);
    for (uint32_t i = 0; i < count; i++)
        table_unpin(v->tables[i]);
    free(v);
}
