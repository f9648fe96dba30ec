/* Faults beyond what any system survives (scenario 92): disks of any number of machines wiped,
 * rotten, refusing. Nothing has to go on then, and still no answer may be wrong. Lies that nobody
 * can find out are not among them: a disk that drops what it has synced, or is rolled back, on a
 * majority at once. */
#ifndef OSTRAKA_TESTS_SIM_UNBOUNDED_H
#define OSTRAKA_TESTS_SIM_UNBOUNDED_H

#include "tests/sim/cluster/cluster.h"

struct unbounded;
/* Begins to strike; the other nemesis may go on beside it. */
struct unbounded *unbounded_create(struct cluster *c);
/* No further faults; disks work again, but nothing comes back by that. */
void unbounded_stop(struct unbounded *u);
/* After the simulation's last event. */
void unbounded_destroy(struct unbounded *u);

#endif
