/* A commit that writes to several ranges: what two_phase.c, two_phase_cut.c, two_phase_staged.c and two_phase_undo.c share. */
#ifndef OSTRAKA_TXN_TWO_PHASE_H
#define OSTRAKA_TXN_TWO_PHASE_H

#include "txn/two_phase_leader.h"
#include "txn/txn_state.h"

#define FEW_GROUPS 4

/* What it writes to one range, as the ranges were when it was cut. */
struct group {
    struct gateway_request q;         /* PREPARE */
    const struct write *first, *last; /* of those that follow each other in the write set */
    struct route route;               /* start and end live in the transaction's arena */
    struct buf body, reply;
    uint64_t lb;                      /* it is prepared, and may be committed from there on; 0: it is not */
    uint8_t body_room[384], reply_room[64]; /* last: they are not zeroed */
};

struct two_phase {
    struct txn *t;
    struct group **groups;
    uint32_t count, capacity;
    uint64_t start_ns;
    uint64_t sent_ts, last_ct;        /* of the attempt under way, */
    const struct route *found;        /* of the first key, as txn_find said last; NULL: it has been asked since */
    struct bytes anchor;              /* and one of the keys that it writes: its range decides */
    uint64_t refused_at;              /* a leader's reading that was above last_ct; 0: none was */
    uint64_t ct;
    /* Parallel commit (two_phase_staged.c) */
    bool staged;                      /* the attempt under way is */
    bool plain;                       /* those that follow are not: one has failed */
    struct buf keys;                  /* all but the anchor, as they travel */
    struct group *few[FEW_GROUPS];    /* what groups is to begin with */
    uint8_t keys_room[256];
};

/* ---- two_phase.c ---- */

/* It has waited for what it writes: others may, too. */
bool two_phase_is_contended(const struct two_phase *p);
/* A DECIDE of this attempt, without its body, which names it in the transaction's id. */
struct gateway_request two_phase_decide_request(struct two_phase *p);
/* The body of the one that commits at p->ct, in the transaction's request. */
MUST_USE enum status two_phase_encode_decision(struct two_phase *p, enum decide_what what);
/* [fiber] Has it decided that it is committed at p->ct. STATUS_WAIT: somebody had aborted it. */
enum status two_phase_decide(struct two_phase *p);
/* Names the attempt in the transaction's id, before a request for it goes out; ctx: the struct two_phase. */
bool two_phase_stamp(struct gateway_request *q);

/* ---- two_phase_staged.c ---- */

/* Behind the naming of an attempt: may it be staged? Lowers p->last_ct. */
void two_phase_stage(struct two_phase *p);
/* What that group's PREPARE lists; empty: nothing. */
struct bytes two_phase_staged_keys(const struct two_phase *p, const struct group *g);
/* [fiber] All has been prepared, or `status` says why not: what the attempt comes to. */
enum status two_phase_end_staged(struct two_phase *p, enum status status);
/* Nobody is told of what this node has committed and is not on record yet: it is left to who meets the intents. */
void two_phase_settle_stop(struct kv *kv);

/* ---- two_phase_cut.c ---- */

/* *p stays where it is. */
void two_phase_init(struct two_phase *p, struct txn *t, const struct route *found, uint64_t start_ns);
void two_phase_deinit(struct two_phase *p);
/* Where the key is, if it is where the first one was found before two_phase_commit, and this fiber has not waited since. */
bool two_phase_find_first(const struct two_phase *p, struct bytes key, struct route *route_out);
/* [fiber] Appends groups for the writes from `first` to `last`, with their requests. */
MUST_USE enum status two_phase_cut(struct two_phase *p, const struct write *first, const struct write *last);
/* [fiber] The body of its request. Groups have it when they are cut, unless values lie in a file: then it is made before it goes out. */
MUST_USE enum status two_phase_encode(struct two_phase *p, struct group *g);
/* [fiber] Those whose range has other bounds now (STATUS_STALE_ROUTE) are cut anew; the others keep what they have. */
MUST_USE enum status two_phase_cut_anew(struct two_phase *p);
void two_phase_drop_groups(struct two_phase *p);

/* ---- two_phase_undo.c ---- */

/* [fiber] What may have been prepared goes, as far as its leaders can be reached within a second. */
void two_phase_undo(struct two_phase *p);
/* The same, on a fiber of its own: nobody waits for it. */
void two_phase_undo_behind(struct two_phase *p);

#endif
