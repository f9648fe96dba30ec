/* Open-addressing hash map from a u64 key to a pointer (linear probing, tombstone-free deletion by
 * backward shift). Iteration order depends only on the sequence of calls, never on addresses, so
 * simulation stays deterministic. Values are never NULL. */
#ifndef OSTRAKA_BASE_MAP_H
#define OSTRAKA_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct map_slot {
    uint64_t key;
    void *value; /* NULL: free */
};
struct map {
    struct map_slot *slots;
    size_t count, capacity; /* capacity is 0 or a power of two */
};

void map_init(struct map *m);
void map_deinit(struct map *m);
void *map_get(const struct map *m, uint64_t key);
/* Inserts or replaces. STATUS_NO_MEMORY leaves the map as it was. */
MUST_USE enum status map_put(struct map *m, uint64_t key, void *value);
/* Returns the value that was there, or NULL. */
void *map_remove(struct map *m, uint64_t key);
/* The next occupied slot at or after *cursor (start with 0), or NULL; advances the cursor. The map
 * must not change meanwhile. */
struct map_slot *map_next(const struct map *m, size_t *cursor);

#endif
