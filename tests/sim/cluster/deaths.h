/* Faults that aim at the steps of two-phase commit: whoever asked or was asked goes down at the very message, or
 * their link is reset; the message is lost, late, or arrives first. So coordinators die before anybody has prepared, when all have, with the decision under way, with it
 * made and unanswered, and leaders while they resolve. */
#ifndef OSTRAKA_TESTS_SIM_DEATHS_H
#define OSTRAKA_TESTS_SIM_DEATHS_H

#include "tests/sim/cluster/nemesis.h"

struct deaths;
/* nemesis: may be NULL; then who goes down comes back after a while by itself. It outlives this. */
struct deaths *deaths_create(struct cluster *c, struct nemesis *nemesis);
/* Nothing new. */
void deaths_heal(struct deaths *d);
/* After cluster_destroy. */
void deaths_destroy(struct deaths *d);
/* How many messages were struck. */
uint64_t deaths_count(const struct deaths *d);

#endif
