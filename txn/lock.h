/* Locks at the leader (W2), on lock_table.h, and what becomes of them when a range changes hands (W4). */
#ifndef OSTRAKA_TXN_LOCK_H
#define OSTRAKA_TXN_LOCK_H

#include "txn/range.h"

/* ---- lock.c ---- */

void lock_attach(struct kv *kv);
void lock_stop(struct kv *kv);
void lock_run(struct range_op *op);
/* It waits in a queue: its gateway will be told. */
void lock_queued(struct range_op *op);
/* It has what it waited for, if it did. */
void lock_waited(struct range_op *op);
/* It was blocked on `other`. An intent is to whoever meets it what a lock is: op waits no longer than its transaction waits for
 * locks. A commit, which does not know how long that is, is sent back to ask again. */
void lock_meets(struct range_op *op, const struct range_op *other);
/* It goes on. */
void lock_met(struct range_op *op);
void lock_on_timer(struct timer *t, void *op);
/* Ends what the transaction waits for, and gives back its locks. */
void lock_forget(struct range *g, struct txn_name name);
/* One that waits, for the first of its keys that it does not get. */
struct lock_place {
    struct txn_name name;
    uint64_t begin_ts, waited_ns;
    enum lock_mode mode;
    struct bytes keys; /* sized, one behind the other */
    uint32_t key_count;
};
/* It stands in the queue, until its transaction asks again or does not. */
void lock_keep_place(struct range *g, const struct lock_place *place);
/* The nodes of all those that hold something are asked in a moment. */
void lock_ask_soon(struct range *g);

/* ---- lock_handed.c ---- */

void locks_handed_attach(struct kv *kv);
void locks_handed_stop(struct kv *kv);
void locks_handed_init(struct locks_handed *h);
void locks_handed_drop(struct locks_handed *h);
/* struct shard_app */
void locks_hand_over(void *state, struct node_id to, uint64_t life_ns);
/* Nobody gets a lock any more: who leads next would not know of it. */
bool locks_handing_over(struct range *g);
/* The range is divided at key in this very step, and right begins there: before anything has gone. */
void locks_divide(const struct range *g, struct bytes key, struct range *right);
/* The left range takes in the right one in this very step: before anybody has gone. */
void locks_unite(struct range *left, const struct range *right);
/* The transaction gives back what it holds, which is perhaps not taken over yet. */
void locks_handed_forget(struct range *g, struct txn_name name);
/* The range is served from here on: what is meant for it is locked. */
void locks_take_over(struct range *g);
/* Some were taken over just now. What is too old is dropped here. */
bool locks_asked_soon(struct range *g, uint64_t now_ns);

/* ---- deadlock.c ---- */

void deadlock_attach(struct kv *kv);

#endif
