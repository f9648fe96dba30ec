/* Memtables by themselves. */
#ifndef OSTRAKA_TESTS_LSM_MEMORY_H
#define OSTRAKA_TESTS_LSM_MEMORY_H

#include "lsm/memtable_int.h"
#include "tests/lsm/model.h"
#include "tests/test.h"

static inline const struct mem_entry *memory_find(const struct memtable *m, enum lsm_space space, struct bytes key, uint64_t ts_max)
{
    return memtable_find(m, space, key, ts_max, filter_hash(space, key));
}

/* A memtable with values that end by themselves, and what it should hold. */
struct memory {
    struct memtable *m;
    struct model model;
    uint64_t index;
};
void memory_open(struct memory *x);
void memory_close(struct memory *x);
MUST_USE enum status memory_put(struct memory *x, const char *key, uint64_t ts, const char *value);
/* So many keys, in an order and at times that tell nothing. */
void memory_fill(struct memory *x, uint64_t count);
/* A cursor in either direction, from the place on (NULL: from the end where it begins), shows what the model says and the window has. */
void memory_expect(const struct memory *x, bool reverse, const struct window *window, const struct item_key *from);
/* Each is found at its time, and no other; they come in order, also in a window. */
void memory_run(void);

#endif
