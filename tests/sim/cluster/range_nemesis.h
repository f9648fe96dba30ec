/* What happens to ranges while everything else fails: they are split at keys that exist, and their leadership is handed
 * about, by the same requests that operators and balancing send. */
#ifndef OSTRAKA_TESTS_SIM_RANGE_NEMESIS_H
#define OSTRAKA_TESTS_SIM_RANGE_NEMESIS_H

#include "tests/sim/cluster/cluster.h"

struct range_nemesis;
struct range_nemesis *range_nemesis_create(struct cluster *c);
/* Nothing new is ordered; what was may still come true. */
void range_nemesis_heal(struct range_nemesis *n);
/* After cluster_destroy. */
void range_nemesis_destroy(struct range_nemesis *n);
uint32_t range_nemesis_splits(const struct range_nemesis *n);

#endif
