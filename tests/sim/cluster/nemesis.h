/* Faults over time. Every run draws which kinds it uses and how often (swarm testing), so that rare
 * combinations meet. nemesis_heal ends the safety phase: everything works again from then on. */
#ifndef OSTRAKA_TESTS_SIM_NEMESIS_H
#define OSTRAKA_TESTS_SIM_NEMESIS_H

#include "tests/sim/cluster/cluster.h"

struct nemesis;
/* Sizes for this seed: small ones make logs wrap, memtables flush and tables merge within a run. */
void nemesis_draw_sizes(struct cluster_options *o);
struct nemesis *nemesis_create(struct cluster *c, bool crashes);
/* After cluster_destroy: until then it looks after machines that end by themselves. */
void nemesis_destroy(struct nemesis *n);
/* The process of a machine ends, by itself or with the power; it comes back within seconds. */
void nemesis_kill(struct nemesis *n, uint64_t machine);
/* It ends, or was never started, and stays away until nemesis_return, at most until all is healed. False: not now, for
 * what its disk has lost would not show. */
MUST_USE bool nemesis_away(struct nemesis *n, uint64_t machine);
void nemesis_return(struct nemesis *n, uint64_t machine);
/* Whoever ran there is given up: what starts next finds an empty disk. False: not now, as above. */
MUST_USE bool nemesis_replace(struct nemesis *n, uint64_t machine);
/* Heals network, disks and clocks, resumes and starts every machine; nothing new fails any more. */
void nemesis_heal(struct nemesis *n);

#endif
