/* What the two halves of the nemesis share: nemesis.c (processes, network, time), nemesis_disk.c. */
#ifndef OSTRAKA_TESTS_SIM_NEMESIS_INT_H
#define OSTRAKA_TESTS_SIM_NEMESIS_INT_H

#include "base/assert.h"
#include "tests/sim/cluster/nemesis.h"

enum nemesis_kind {
    NEMESIS_CRASH,
    NEMESIS_POWER,
    NEMESIS_POWER_ALL,
    NEMESIS_PARTITION,
    NEMESIS_ONE_WAY,
    NEMESIS_CLOG,
    NEMESIS_SWIZZLE,
    NEMESIS_RESET,
    NEMESIS_PAUSE,
    NEMESIS_SLOW,
    NEMESIS_FRAMES,
    NEMESIS_CLOCK,
    NEMESIS_DISK_SLOW,
    NEMESIS_DISK_STALL,
    /* on any machine: it ends, or waits, and loses nothing */
    NEMESIS_DISK_FULL,
    NEMESIS_WRITE_ERROR,
    NEMESIS_SYNC_ERROR,
    /* on the victim: a copy is lost */
    NEMESIS_READ_ERROR,
    NEMESIS_BIT_ROT,
    NEMESIS_DISK_LIES,
    NEMESIS_WIPE,
    NEMESIS_ROLL_BACK,
    NEMESIS_KINDS
};

#define NEMESIS_GONE_MAX 32 /* ids that the victim has had */

/* Of one machine. */
struct care {
    struct nemesis *nemesis;
    uint64_t machine;
    bool start_pending, resume_pending, heal_pending;
    bool away;             /* not to be started before it returns */
    bool opened;           /* its store was open since the last start */
    bool crashed;          /* it is down because of us */
    bool troubled;         /* its disk has had an error of ours, or no room, since the last start */
    uint32_t refusals;     /* starts in a row that ended before the store was open, and not for that */
};

struct nemesis {
    struct cluster *cluster;
    bool enabled[NEMESIS_KINDS];
    bool healed;
    uint64_t mean_ns, disk_mean_ns;
    struct care care[CLUSTER_NODE_MAX + 1];
    /* The one machine whose disk damages what it was given. All others keep what they acknowledged, so every
     * entry has an intact copy. */
    uint64_t victim;
    bool lying;            /* its disk does things that show only later */
    uint64_t groups_due;   /* the log of the victim has to get here before it may lose its process */
    bool rolled_back;      /* it runs on an old image: its peers will not have it */
    bool damaged;          /* what is wrong on its disk may be found at any time */
    uint32_t wipes;
    uint64_t victim_node;         /* its id, as far as it is known; 0: not yet */
    uint64_t gone[NEMESIS_GONE_MAX]; /* those that it had before its disk was wiped */
    uint32_t gone_count;
    struct sim_disk_image *image; /* of the victim */
    uint64_t image_starts, known_starts, known_ns;
};

static inline struct sim *sim_of_nemesis(struct nemesis *n)
{
    return cluster_sim(n->cluster);
}
uint64_t nemesis_any_machine(struct nemesis *n);
void nemesis_crash(struct nemesis *n, uint64_t machine, enum sim_crash kind);

/* ---- nemesis_disk.c ---- */

void disk_enable(struct nemesis *n);
/* False: nothing was to be done. */
bool disk_strike(struct nemesis *n, enum nemesis_kind kind);
/* The victim must not lose its process now: what its disk has lost could not be told from what was never
 * written. */
bool disk_held(struct nemesis *n);
/* The victim is whole: power may be lost elsewhere. */
bool disk_others_may_doubt(struct nemesis *n);
/* Looks after machines that ended by themselves. */
void disk_care(struct nemesis *n);
void disk_before_start(struct nemesis *n, uint64_t machine);
/* Of a machine that is down: healthy and empty. */
void disk_renew(struct nemesis *n, uint64_t machine);
void disk_deinit(struct nemesis *n);

#endif
