/* A cluster as the allocator sees it, whose decisions take their time: jobs are under way while other decisions are
 * made, leaders report late. For tests of what many decisions do together. */
#ifndef OSTRAKA_TESTS_SHARD_ALLOCATOR_WORLD_H
#define OSTRAKA_TESTS_SHARD_ALLOCATOR_WORLD_H

#include "base/prng.h"
#include "shard/allocator.h"

#define WORLD_RANGES_MAX 128
#define WORLD_MOVES_MAX  4096

struct world_range {
    struct raft_config config;
    uint32_t factor;
    uint64_t bytes, load;
    struct node_id leader, reported; /* reported: as the allocator has heard */
    uint64_t target[RAFT_VOTERS_MAX]; /* a job, or count 0 */
    uint32_t target_count, left;      /* left: rounds until it is done */
    enum allocator_reason reason;
    struct node_id successor;         /* who shall lead; 0: nobody else */
    uint32_t successor_left;
};

/* A replica that went for balance. */
struct world_move {
    uint32_t range;
    uint64_t from, to;
};

struct world {
    struct prng prng;
    struct allocator nodes; /* what they are; its sums mean nothing */
    struct world_range ranges[WORLD_RANGES_MAX];
    uint32_t range_count;
    uint32_t delay_max; /* rounds that a job or a transfer takes at most */
    struct world_move moves[WORLD_MOVES_MAX]; /* since world_forget */
    uint32_t move_count, transfer_count, decision_count;
};

void world_init(struct world *w, uint64_t seed, uint32_t node_count);
void world_draw_ranges(struct world *w, uint32_t count, uint32_t factor);
/* A round: sums from nothing, one look at each range, then time passes. Asserts the rules that hold for each decision
 * (ALLOC-2 to ALLOC-4), and that no range has two changes at a time. Returns how many decisions were made or are under
 * way. */
uint32_t world_round(struct world *w);
/* Until nothing is decided any more and nothing under way; asserts that it ends. Returns the rounds. */
uint32_t world_settle(struct world *w);
void world_forget(struct world *w);
/* Every range has what it can have: `factor` voters, or as many as make sense, none on a node that is lost or leaves while
 * another could take it, and no exchange would set them further apart. Asserts it. */
void world_expect_placed(struct world *w);
/* No replica went for balance to where another of the same range had left for balance before. Asserts it. */
void world_expect_no_way_back(struct world *w);

#endif
