/* Splits of ranges, ordered as a person or a nemesis would: by a request to whoever leads. */
#ifndef OSTRAKA_TESTS_SIM_SPLITS_H
#define OSTRAKA_TESTS_SIM_SPLITS_H

#include "tests/sim/cluster/cluster.h"

/* What became of a request. Lives until splits_destroy. */
struct split_result {
    bool done;
    enum status status; /* CANCELLED: the machine that asked went down */
    uint64_t right;
};
struct splits;
struct splits *splits_create(struct cluster *c);
/* After cluster_destroy: until then replies may come. */
void splits_destroy(struct splits *s);
/* Whether the splits ordered from now on are those of a person, which no merge by itself takes back. They are not. */
void splits_keep(struct splits *s, bool kept);
/* Asks the machine that leads the range, from itself. NULL: nobody leads. */
const struct split_result *splits_order(struct splits *s, struct range_id range, struct bytes key);
/* The nemesis' way: a random range, at a random key that it holds. False: none was to be had. */
bool splits_strike(struct splits *s);
/* How many came true. */
uint32_t splits_count(const struct splits *s);

/* The highest range id of which some machine that is up has a replica. */
uint64_t cluster_range_max(struct cluster *c);

#endif
