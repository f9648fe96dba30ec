/* A range as a sorted array: what the engine must answer. */
#ifndef OSTRAKA_TESTS_LSM_MODEL_H
#define OSTRAKA_TESTS_LSM_MODEL_H

#include "base/prng.h"
#include "lsm/lsm.h"

struct model_item {
    enum lsm_space space;
    bool tombstone;
    uint64_t ts;
    uint8_t *key, *value;
    size_t key_size, value_size;
};
struct model {
    struct model_item *items; /* in engine order */
    size_t count, capacity;
};

void model_init(struct model *m);
void model_deinit(struct model *m);
void model_copy(struct model *to, const struct model *from);
void model_write(struct model *m, const struct lsm_write *w);
/* Index of the first item at or after the place. */
size_t model_seek(const struct model *m, enum lsm_space space, struct bytes key, uint64_t ts);
/* The newest version with ts <= ts_max, or NULL. */
const struct model_item *model_get(const struct model *m, enum lsm_space space, struct bytes key,
                                   uint64_t ts_max);
static inline struct bytes model_key(const struct model_item *i)
{
    return bytes_make(i->key, i->key_size);
}
static inline struct bytes model_value(const struct model_item *i)
{
    return bytes_make(i->value, i->value_size);
}
/* For lsm_options: of some keys all values end, each key's at a timestamp of its own. */
uint64_t model_value_ends(struct bytes value);
bool model_key_may_end(struct bytes key);
/* The same by the key; 0: never. */
uint64_t model_key_ends(struct bytes key);
/* Removes what garbage collection may, everything of it. */
void model_collect(struct model *m, uint64_t gc_ts);
bool model_equal(const struct model *a, const struct model *b);

/* One Raft entry. */
struct entry {
    uint64_t index;
    struct lsm_write *writes; /* owned, with keys and values */
    uint32_t count;
};
/* The Raft log of a range: what has to be applied again after a restart. */
struct entries {
    struct entry *items;
    size_t count, capacity;
};
void entries_deinit(struct entries *e);
/* Takes copies. */
void entries_add(struct entries *e, uint64_t index, const struct lsm_write *writes, uint32_t count);
/* The range after all entries with index <= last. */
void model_replay(struct model *m, const struct entries *e, uint64_t last);

/* Random writes over a small set of keys: long and short ones, the empty one, prefixes of others.
 * ts rises from one call to the next, above *ts. */
#define WRITES_MAX 8
struct random_writes {
    struct lsm_write writes[WRITES_MAX];
    uint32_t count;
    uint8_t keys[WRITES_MAX][600], values[WRITES_MAX][2000];
};
void random_key(struct prng *p, uint64_t key_count, uint8_t key[600], size_t *size_out);
void random_writes_make(struct random_writes *w, struct prng *p, uint64_t key_count, uint64_t *ts);
/* Says of intents that they are alone where the model, which has not got these writes yet, holds none; and deletes more of those
 * that it holds. */
void random_writes_alone(struct random_writes *w, const struct model *m);
/* Makes the values those of their keys, for a store with model_value_ends, whose places are written once. */
void random_writes_end(struct random_writes *w, uint64_t *ts);

#endif
