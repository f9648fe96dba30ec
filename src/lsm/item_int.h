/* Engine order: by space, then key bytewise (a proper prefix first), then timestamp, falling. */
#ifndef OSTRAKA_LSM_ITEM_INT_H
#define OSTRAKA_LSM_ITEM_INT_H

#include "base/assert.h"
#include "lsm/lsm.h"

#define LSM_SPACE_FIRST LSM_SPACE_VERSIONS
#define LSM_SPACE_LAST  LSM_SPACE_LOCAL
#define LSM_SPACE_COUNT 3

/* The place of an item in engine order; the key is borrowed. */
struct item_key {
    enum lsm_space space;
    struct bytes key;
    uint64_t ts;
};

static inline int item_key_compare(const struct item_key *a, const struct item_key *b)
{
    if (a->space != b->space) return a->space < b->space ? -1 : 1;
    int order = bytes_compare(a->key, b->key);
    if (order != 0) return order;
    return (a->ts < b->ts) - (a->ts > b->ts);
}

static inline struct item_key item_key_of(const struct lsm_item *item)
{
    return (struct item_key){item->space, item->key, item->ts};
}

static inline int item_compare(const struct lsm_item *a, const struct lsm_item *b)
{
    struct item_key left = item_key_of(a), right = item_key_of(b);
    return item_key_compare(&left, &right);
}

/* Two versions of one key, or one item twice. */
static inline bool item_same_key(const struct lsm_item *a, const struct lsm_item *b)
{
    return a->space == b->space && bytes_equal(a->key, b->key);
}

/* May entries of one key differ by their timestamp? */
static inline bool lsm_space_times(enum lsm_space space)
{
    return space == LSM_SPACE_VERSIONS || space == LSM_SPACE_LOCAL;
}

static inline bool lsm_space_valid(unsigned space)
{
    return space >= LSM_SPACE_FIRST && space <= LSM_SPACE_LAST;
}

#endif
