/* Faults over time. Every run draws which kinds it uses and how often (swarm testing), so that rare
 * combinations meet. nemesis_heal ends the safety phase: everything works again from then on. */
#ifndef OSTRAKA_TESTS_SIM_NEMESIS_H
#define OSTRAKA_TESTS_SIM_NEMESIS_H

#include "tests/sim/cluster/cluster.h"

struct nemesis;
struct nemesis *nemesis_create(struct cluster *c, bool crashes);
void nemesis_destroy(struct nemesis *n);
/* Heals network, disks and clocks, resumes and starts every machine; nothing fails any more. */
void nemesis_heal(struct nemesis *n);

#endif
