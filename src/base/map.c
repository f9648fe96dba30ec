#include "base/map.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"

#define CAPACITY_MIN 16

static void check(const struct map *m)
{
    ASSERT((m->capacity & (m->capacity - 1)) == 0);
    ASSERT(m->count <= m->capacity / 4 * 3);
    ASSERT((m->slots == NULL) == (m->capacity == 0));
}

void map_init(struct map *m)
{
    *m = (struct map){0};
}

void map_deinit(struct map *m)
{
    check(m);
    free(m->slots);
    *m = (struct map){0};
}

static size_t home_of(const struct map *m, uint64_t key)
{
    return (size_t)hash_u64(key) & (m->capacity - 1);
}

/* The slot that holds the key, or the free one where it would go. At least a quarter of the slots
 * is free, as check says after each change, so the walk ends. */
static inline struct map_slot *slot_of(const struct map *m, uint64_t key)
{
    struct map_slot *slot = &m->slots[home_of(m, key)], *end = m->slots + m->capacity;
    while (slot->value != NULL && slot->key != key)
        if (++slot == end) slot = m->slots;
    return slot;
}

void *map_get(const struct map *m, uint64_t key)
{
    return m->count == 0 ? NULL : slot_of(m, key)->value;
}

static enum status grow(struct map *m)
{
    if (m->capacity > SIZE_MAX / 2 / sizeof(struct map_slot)) return STATUS_NO_MEMORY;
    size_t capacity = m->capacity == 0 ? CAPACITY_MIN : m->capacity * 2;
    struct map_slot *slots = calloc(capacity, sizeof *slots);
    if (slots == NULL) return STATUS_NO_MEMORY;
    struct map old = *m;
    m->slots = slots;
    m->capacity = capacity;
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slots[i].value != NULL) *slot_of(m, old.slots[i].key) = old.slots[i];
    free(old.slots);
    check(m);
    return STATUS_OK;
}

enum status map_put(struct map *m, uint64_t key, void *value)
{
    ASSERT(value != NULL);
    struct map_slot *slot = m->capacity == 0 ? NULL : slot_of(m, key);
    if (slot == NULL || slot->value == NULL) {
        if (m->count + 1 > m->capacity / 4 * 3) {
            enum status status = grow(m);
            if (status != STATUS_OK) return status;
            slot = slot_of(m, key);
        }
        m->count++;
    }
    *slot = (struct map_slot){key, value};
    check(m);
    return STATUS_OK;
}

/* Pulls later members of the run into the hole, so that no tombstone is left: an entry may move
 * when the hole lies on its probe path, that is between its home and its present place. */
static void close_hole(struct map *m, size_t hole)
{
    size_t mask = m->capacity - 1;
    for (size_t i = (hole + 1) & mask; m->slots[i].value != NULL; i = (i + 1) & mask) {
        size_t distance_from_home = (i - home_of(m, m->slots[i].key)) & mask;
        size_t distance_from_hole = (i - hole) & mask;
        if (distance_from_home < distance_from_hole) continue;
        m->slots[hole] = m->slots[i];
        hole = i;
    }
    m->slots[hole] = (struct map_slot){0};
}

void *map_remove(struct map *m, uint64_t key)
{
    if (m->count == 0) return NULL;
    struct map_slot *slot = slot_of(m, key);
    void *value = slot->value;
    if (value == NULL) return NULL;
    close_hole(m, (size_t)(slot - m->slots));
    m->count--;
    check(m);
    return value;
}

struct map_slot *map_next(const struct map *m, size_t *cursor)
{
    while (*cursor < m->capacity) {
        struct map_slot *slot = &m->slots[(*cursor)++];
        if (slot->value != NULL) return slot;
    }
    return NULL;
}
