/* What happens to ranges and nodes on purpose while everything else fails: ranges are split and moved, leaders handed
 * about, nodes drained, decommissioned, replaced by fresh ones, added, away for a while; who leads the metadata range is killed
 * or cut off. Each run draws what it uses. */
#ifndef OSTRAKA_TESTS_SIM_RANGE_NEMESIS_H
#define OSTRAKA_TESTS_SIM_RANGE_NEMESIS_H

#include "tests/sim/cluster/nemesis.h"
#include "tests/sim/cluster/orders.h"

struct range_nemesis_options {
    bool splits; /* ranges are split, leaders handed about */
    bool merges; /* and united again */
    bool moves;  /* and all the rest; machines that are down at the start are those to be added */
};
struct range_nemesis;
/* nemesis: may be NULL; it has to know of machines that are down. It outlives this. */
struct range_nemesis *range_nemesis_create(struct cluster *c, struct nemesis *nemesis,
                                           const struct range_nemesis_options *options);
/* Nothing new. Nodes that were decommissioned before may still be replaced when they are empty. */
void range_nemesis_heal(struct range_nemesis *n);
/* After cluster_destroy. */
void range_nemesis_destroy(struct range_nemesis *n);
/* How many splits came true. */
uint32_t range_nemesis_splits(const struct range_nemesis *n);
uint32_t range_nemesis_merges(const struct range_nemesis *n);
struct orders_counts range_nemesis_orders(const struct range_nemesis *n);
/* Nodes that were removed and replaced. */
uint32_t range_nemesis_replaced(const struct range_nemesis *n);

#endif
