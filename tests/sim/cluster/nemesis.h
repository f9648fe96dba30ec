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
/* Heals network, disks and clocks, resumes and starts every machine; nothing new fails any more. */
void nemesis_heal(struct nemesis *n);

#endif
