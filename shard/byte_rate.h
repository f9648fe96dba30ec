/* Spreads bytes over time: who has something to send takes a place in line and learns when it may go.
 * What was not sent while nobody wanted to is not made up for. */
#ifndef OSTRAKA_SHARD_BYTE_RATE_H
#define OSTRAKA_SHARD_BYTE_RATE_H

#include <stdint.h>

struct byte_rate {
    uint64_t bytes_per_s; /* 0: no limit */
    uint64_t free_ns;     /* when the line is empty */
};

/* When these bytes, at most 2^32, may go: now, or after all that asked before. */
uint64_t byte_rate_take(struct byte_rate *r, uint64_t now_ns, uint64_t bytes);

#endif
