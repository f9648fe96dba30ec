/* Identifiers that travel together are types of their own, so that the compiler tells them apart.
 * 0 is never a valid id. */
#ifndef OSTRAKA_BASE_IDS_H
#define OSTRAKA_BASE_IDS_H

#include <stdbool.h>
#include <stdint.h>

struct range_id {
    uint64_t value;
};
struct node_id {
    uint64_t value;
};

/* A place in a Raft log: compared by term first. */
struct log_pos {
    uint64_t term, index;
};

static inline bool log_pos_at_least(struct log_pos a, struct log_pos b)
{
    return a.term != b.term ? a.term > b.term : a.index >= b.index;
}

#endif
