/* What a node knows of the master's clock M without asking: two bounds of it at any instant of its own clock, from samples
 * (transactions 1.2). Pure: no clock, no network.
 *
 * A sample: a request that left at `sent_ns`, its answer that came at `received_ns`, both by our clock, and the master's
 * reading m in between. At our time x
 *     M >= m + (x - received) * (1 - rho)        M <= m + (x - sent) * (1 + rho)
 * and the bounds are the intersection of what all samples of an epoch say. rho is how far two clocks may drift apart. */
#ifndef OSTRAKA_TXN_CLOCK_BOUNDS_H
#define OSTRAKA_TXN_CLOCK_BOUNDS_H

#include <stdbool.h>
#include <stdint.h>

/* Each clock measures durations to 1000 ppm, as leases assume (shard/README.md, Liveness): 1.001 / 0.999, rounded up. */
#define CLOCK_RATE_PPM UINT64_C(2003)
/* A sample is believed so long, from when its request left: its master, or the one before a new one, may be gone after that. */
#define CLOCK_SAMPLE_NS UINT64_C(500000000)
/* Bounds wider than this are of no use: leaders that follow count on it (A3). */
#define CLOCK_WIDTH_NS_MAX UINT64_C(2000000)
/* Nobody looked for so long: the process stood still, and so may have the clock (A9). */
#define CLOCK_GAP_NS UINT64_C(200000000)

struct clock_bounds {
    uint64_t epoch;     /* of the master; samples of earlier ones are refused */
    bool known;
    uint64_t at_ns;     /* our clock; at that time M was in [low, high) */
    uint64_t low, high;
    uint64_t sent_ns;   /* of the newest sample */
    uint64_t looked_ns; /* our clock, when it was last looked at */
    uint64_t least;     /* the highest that a master has shown: M never goes back below */
};

enum clock_verdict {
    CLOCK_SAMPLE_TAKEN = 1,
    CLOCK_SAMPLE_OLD = 2,         /* of an earlier epoch, or of a request that left too long ago */
    CLOCK_SAMPLE_CONTRADICTS = 3, /* a clock is wrong, ours or the master's: nothing is known any more */
};

enum clock_verdict clock_bounds_add(struct clock_bounds *b, uint64_t epoch, uint64_t sent_ns, uint64_t received_ns,
                                    uint64_t reading);
/* A new master: what was known is of an earlier epoch. */
void clock_bounds_fence(struct clock_bounds *b, uint64_t epoch);
/* The loop looks at the clock now. True: it has not for too long, and nothing is known any more. */
bool clock_bounds_look(struct clock_bounds *b, uint64_t now_ns);
/* Somebody knows that M is at least ts. True: we did not take that for possible, and know nothing any more. Nothing else of it is
 * believed: they may be wrong. */
bool clock_bounds_heard(struct clock_bounds *b, uint64_t now_ns, uint64_t ts);
/* low <= M < high now. False: nothing is known that may be relied upon. */
bool clock_bounds_at(const struct clock_bounds *b, uint64_t now_ns, uint64_t *low_out, uint64_t *high_out);
/* So far ahead of an upper bound M may be when our clock has gone on by so much. */
uint64_t clock_rate_up(uint64_t elapsed_ns);

#endif
