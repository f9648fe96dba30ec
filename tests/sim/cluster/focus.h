/* Faults that aim: where the nemesis strikes anybody, these look for who leads, and repeat one pattern that a rule
 * of the transactions exists for. Most runs have none. */
#ifndef OSTRAKA_TESTS_SIM_CLUSTER_FOCUS_H
#define OSTRAKA_TESTS_SIM_CLUSTER_FOCUS_H

#include "tests/sim/cluster/cluster.h"

enum focus_kind {
    FOCUS_NONE,
    FOCUS_SLOW_LOG,    /* bursts of stalled disks: commits stay in flight, reads overtake them */
    FOCUS_LEADERS,     /* leadership of the data range moves in bursts, by transfer and by force */
    FOCUS_DELUDED,     /* a leader with a stopped clock that only the clock master still talks to */
    FOCUS_CLOCK_STOPS, /* the clock master's clock stands still for a while */
    FOCUS_CLOCK_LIMIT, /* the master's clock jumps while its log is slow, then the master goes */
    FOCUS_COUNT
};

const char *focus_name(enum focus_kind kind);
/* NULL: the seed decides, FOCUS_NONE four times of five. FOCUS_COUNT: no such name. */
enum focus_kind focus_choose(uint64_t seed, const char *name);
/* Does more to clocks than leases allow. */
bool focus_breaks_clocks(enum focus_kind kind);

struct focus;
struct focus *focus_create(struct cluster *c, enum focus_kind kind);
/* Ends the pattern and undoes what it did, but for what heals by itself. */
void focus_heal(struct focus *f);
/* After the cluster. */
void focus_destroy(struct focus *f);

#endif
