/* Merges of ranges, ordered as a person or a nemesis would: by a request to whoever leads the left side. */
#ifndef OSTRAKA_TESTS_SIM_MERGES_H
#define OSTRAKA_TESTS_SIM_MERGES_H

#include "tests/sim/cluster/cluster.h"

/* What became of a request. Lives until merges_destroy. */
struct merge_result {
    bool done;
    enum status status; /* CANCELLED: the machine that asked went down */
    uint64_t right;
};
struct merges;
struct merges *merges_create(struct cluster *c);
/* After cluster_destroy: until then replies may come. */
void merges_destroy(struct merges *s);
/* Asks the machine that leads the range, from itself, to take in the right neighbour. NULL: nobody leads. */
const struct merge_result *merges_order(struct merges *s, struct range_id left);
/* The nemesis' way: a random range. False: none was to be had. */
bool merges_strike(struct merges *s);
/* How many came true. */
uint32_t merges_count(const struct merges *s);

#endif
