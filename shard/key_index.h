/* Descriptors in order of their start keys: an array searched by halving. It owns nothing. Those in it do not
 * overlap, or only while something changes; two with the same start stand in order of their range ids. A descriptor
 * must not change its start or its range while it is in. */
#ifndef OSTRAKA_SHARD_KEY_INDEX_H
#define OSTRAKA_SHARD_KEY_INDEX_H

#include "shard/descriptor.h"

struct key_index {
    struct descriptor **items;
    uint32_t count, capacity;
};

void key_index_init(struct key_index *x);
void key_index_deinit(struct key_index *x);
/* Makes room, so that key_index_put cannot fail up to `count` items. */
MUST_USE enum status key_index_reserve(struct key_index *x, uint32_t count);
/* d: borrowed until it is removed. STATUS_NO_MEMORY. */
MUST_USE enum status key_index_put(struct key_index *x, struct descriptor *d);
/* False: it was not in. */
bool key_index_remove(struct key_index *x, const struct descriptor *d);
/* How many start at or before the key; so the last of them is items[n - 1]. */
uint32_t key_index_upto(const struct key_index *x, struct bytes key);
/* How many start before the key; empty: all. */
uint32_t key_index_before(const struct key_index *x, struct bytes key);
/* One of them holds keys of [start, end); end empty: unbounded. */
bool key_index_overlaps(const struct key_index *x, struct bytes start, struct bytes end);
/* The one that contains the key, or NULL. */
struct descriptor *key_index_find(const struct key_index *x, struct bytes key);

#endif
