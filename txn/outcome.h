/* What became of commits that were not answered: the ring of those that were applied, and who asks (outcome.c). */
#ifndef OSTRAKA_TXN_OUTCOME_H
#define OSTRAKA_TXN_OUTCOME_H

#include "txn/txn_int.h"

struct range_op;

/* The last commits that were applied (outcome.c): memory of this replica, a ring in chunks that are allocated when
 * they are needed: so many for one range, and for all ranges of a node together; beyond, a range keeps one. */
#define OUTCOME_CHUNKS 8192u
#define OUTCOME_CHUNK_ENTRIES 128u
#define OUTCOME_CHUNKS_OF_NODE 16384u /* 32 MiB */
struct outcomes {
    struct outcome_entry **chunks; /* chunk i at i mod capacity */
    uint32_t capacity;
    uint64_t begin, end;     /* numbers of the oldest entry, and of the next one */
    uint64_t floor;          /* commits at or below may be missing; counts while there is an entry */
    uint32_t *of_node;       /* chunks of all ranges; NULL: nobody counts */
};

/* A commit with the tag t is sent when the clock was seen at T, and refused above T + this. */
#define OUTCOME_WINDOW_NS UINT64_C(10000000000)
/* An id is written in 32 hex digits: T without its last bits, the range, the tag. */
#define OUTCOME_SENT_SHIFT 16
#define OUTCOME_TAG_BITS 48
/* So far, at most, a commit's ct lies below that of one which stands before it in the log: it was held (hold.c). */
#define OUTCOME_DISORDER_NS UINT64_C(3000000000)
void outcome_attach(struct kv *kv);
void outcome_run(struct range_op *op);
/* before: no commit with a higher ct stands before this one in the log. */
void outcomes_add(struct outcomes *o, uint64_t tag, uint64_t ct, uint64_t before);
/* The ct of the commit with this tag and above < ct <= ct_max; 0: none is remembered. */
uint64_t outcomes_find(const struct outcomes *o, uint64_t tag, uint64_t above, uint64_t ct_max);
/* One with that ct is not remembered, though it stands behind those that are. */
void outcomes_missed(struct outcomes *o, uint64_t ct);
void outcomes_deinit(struct outcomes *o);

#endif
