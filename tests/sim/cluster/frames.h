/* Tells which kind of request a frame carries, or answers: for faults that aim at one step of a protocol. Requests of a
 * node to itself are no frames. */
#ifndef OSTRAKA_TESTS_SIM_FRAMES_H
#define OSTRAKA_TESTS_SIM_FRAMES_H

#include "shard/rpc.h"
#include "tests/sim/env/sim.h"

#define FRAMES_ASKED 512u /* requests whose answers are told apart */

/* A request that was seen: its answer is known by who was asked, and by its id. */
struct frames_request {
    uint64_t from, to, id;
    uint16_t kind;
};

struct frames {
    struct frames_request asked[FRAMES_ASKED]; /* the latest ones, round and round */
    uint64_t asked_count;
};

struct frames_step {
    uint16_t kind;        /* enum rpc_kind; 0: neither a request nor the answer to one that was seen */
    bool reply;
    uint64_t asker, asked; /* nodes */
};
/* f: zeroed at first. */
struct frames_step frames_step(struct frames *f, const struct sim_frame *frame);

#endif
