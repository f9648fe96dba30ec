/* How much of snapshot_rate a store uses: all of it, unless its log's syncs take longer than they do while nothing is moved.
 * Then less, down to five eighths: commits wait for those syncs, a move waits for nothing. Additive increase, multiplicative
 * decrease. Pure: no clock, no store. */
#ifndef OSTRAKA_SHARD_PACE_H
#define OSTRAKA_SHARD_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_WHOLE 1024u
#define PACE_LEAST (PACE_WHOLE / 8 * 5) /* a move has to end; snapshot_rate is there for who wants less */
#define PACE_LOOK_NS UINT64_C(200000000)
#define PACE_SYNCS_MIN 8 /* fewer say nothing, and nobody waits for a log that writes but its markers */

struct pace {
    uint64_t looked_ns;
    uint64_t count, sum_ns; /* of all syncs so far, then */
    uint64_t calm_ns;       /* what one takes while nothing is moved; 0: not known yet */
    uint64_t moving_ns;     /* and while something is; 0: nothing is */
    uint32_t share;         /* of PACE_WHOLE */
};

void pace_init(struct pace *p);
/* Now and then: count and sum_ns are those of all syncs of the log; moving: a snapshot is sent or received. */
void pace_look(struct pace *p, uint64_t now_ns, uint64_t count, uint64_t sum_ns, bool moving);

#endif
