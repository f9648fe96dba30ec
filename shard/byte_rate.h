/* Spreads bytes over time: who has something to send takes a place in line and learns when it may go.
 * Who comes late for that, because of a slow turn or disk, makes up for it: else every delay would cost rate.
 * What was not sent while nobody wanted to, that is for longer, is not made up for. */
#ifndef OSTRAKA_SHARD_BYTE_RATE_H
#define OSTRAKA_SHARD_BYTE_RATE_H

#include <stdbool.h>
#include <stdint.h>

#define BYTE_RATE_LATE_NS 250000000u

struct byte_rate {
    uint64_t bytes_per_s; /* 0: no limit */
    bool gentle;          /* nothing is made up for */
    uint64_t free_ns;     /* when the line is empty; 0: nobody has asked yet */
};

/* When these bytes, at most 2^32, may go: now, or after all that asked before; never in the past. */
uint64_t byte_rate_take(struct byte_rate *r, uint64_t now_ns, uint64_t bytes);

#endif
