/* Pairs of keys for compare-and-swap: the first key of a pair is one of the lower half of the keys, the second one of the
 * upper half, and each has a version that only this generator changes, by one at a time. No two requests under
 * way share a key, so each comparison should succeed. */
#ifndef OSTRAKA_BENCH_PAIRS_H
#define OSTRAKA_BENCH_PAIRS_H

#include "bench/load.h"

struct pair_key {
    uint64_t key, version; /* that it has now */
};

struct pairs {
    uint32_t *versions; /* of keys 1 to count; at first 0 */
    bool *taken;
    uint64_t count;
};

void pairs_init(struct pairs *p, uint64_t count);
void pairs_deinit(struct pairs *p);
/* Two free keys. More than half of the keys have to be free. */
void pairs_take(struct pairs *p, struct load *l, struct pair_key out[2]);
/* They are free again; swapped: their versions have risen. */
void pairs_give_back(struct pairs *p, const struct pair_key pair[2], bool swapped);

#endif
