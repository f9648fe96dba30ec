/* Background work on a fiber: file calls, and slices of at most 200 us between which the core goes
 * on with other work. A fiber that gave way goes on from lsm_step. */
#ifndef OSTRAKA_LSM_WORKER_INT_H
#define OSTRAKA_LSM_WORKER_INT_H

#include "lsm/lsm_int.h"

struct worker {
    struct lsm *lsm;
    struct fio fio;
    uint64_t slice_start_ns;
    uint64_t slice_bytes; /* handled since then */
};

void worker_init(struct worker *w, struct lsm *l);
/* Tells that so much data was handled; gives way when the slice is used up. */
void worker_handled(struct worker *w, size_t bytes);
/* Gives way until the next lsm_step. */
void worker_give_way(struct worker *w);
/* The fiber has just come back from waiting: a new slice begins. */
void worker_resumed(struct worker *w);

/* A file call, unless the store has failed or was abandoned: then STATUS_CANCELLED without asking
 * the environment, so that background work ends where it stands. */
#define WORKER_IO(w, call) \
    (__extension__({ \
        enum status worker_io_status = (w)->lsm->failed ? STATUS_CANCELLED : (call); \
        worker_resumed(w); \
        worker_io_status; \
    }))

/* A suspended fiber in line for lsm_step. */
struct paused {
    struct list link;
    struct fiber *fiber;
};

#endif
