/* Pessimistic locks on keys, with FIFO queues: memory of a range's leader, lost with it. They keep transactions from
 * working in vain; what makes a commit right is its validation, never a lock (rules W2 and W4).
 *
 * Pure: no clock, no I/O. A request is a place in the queue of one key; its owner, a transaction, waits for at
 * most one at a time. */
#ifndef OSTRAKA_TXN_LOCK_TABLE_H
#define OSTRAKA_TXN_LOCK_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/list.h"
#include "base/map.h"
#include "base/pool.h"
#include "base/status.h"

/* A transaction: the node it runs on, and a number that node never uses twice. number 0: none. */
struct txn_name {
    uint64_t node, number;
};

enum lock_mode { LOCK_SHARED = 1, LOCK_EXCLUSIVE = 2 };

struct lock;
struct lock_owner {
    struct list link;           /* table.all, oldest first */
    struct lock_owner *next;    /* same hash */
    struct txn_name name;
    uint64_t begin_ts;          /* the youngest of a deadlock dies */
    struct list holds;
    struct lock_request *waiting;
    uint64_t seen_ns;           /* for the user of the table */
    uint64_t visit;
};

/* Zeroed by the caller but for on_done and ctx; must stay while it is queued. */
struct lock_request {
    struct list link;
    struct lock *lock;          /* NULL: not queued */
    struct lock_owner *owner;   /* NULL: passes by when nobody holds the lock, and holds nothing */
    enum lock_mode mode;
    /* Queued before: STATUS_OK now it is granted, STATUS_DEADLOCK it is the victim. May call the table. */
    void (*on_done)(struct lock_request *q, enum status status);
    void *ctx;
};

struct lock_table {
    struct pool *pool;          /* borrowed: of what they are made of, which comes and goes with each transaction */
    struct map locks, owners;
    struct list all;
    uint32_t lock_count, owner_count, waiting_count;
    uint64_t visits;
};

void lock_table_init(struct lock_table *t, struct pool *pool);
/* Forgets all locks. Nobody may be queued. */
void lock_table_reset(struct lock_table *t);
/* Forgets the locks on keys from `key` on. Nobody may be queued there. */
void lock_table_cut(struct lock_table *t, struct bytes key);

/* Asks for a lock. STATUS_OK: held (also when it was already). STATUS_WAIT: queued. STATUS_LOCKED: somebody else
 * holds it, and `wait` was false. STATUS_DEADLOCK: waiting would close a circle and this transaction is its youngest;
 * when another one is, that one is told and this one waits. STATUS_NO_MEMORY. */
MUST_USE enum status lock_acquire(struct lock_table *t, struct txn_name name, uint64_t begin_ts,
                                  struct bytes key, enum lock_mode mode, bool wait, struct lock_request *q);
/* As another table had it: held, whatever else it waits for. STATUS_LOCKED: others hold it here. STATUS_NO_MEMORY. */
MUST_USE enum status lock_put(struct lock_table *t, struct txn_name name, uint64_t begin_ts, struct bytes key,
                              enum lock_mode mode);
/* STATUS_OK: nobody holds the key. STATUS_WAIT: queued until then, as somebody who takes no lock. */
MUST_USE enum status lock_pass(struct lock_table *t, struct bytes key, struct lock_request *q);
/* Somebody holds the key. */
bool lock_is_held(const struct lock_table *t, struct bytes key);
/* Leaves the queue. No effect when it is in none. */
void lock_request_cancel(struct lock_table *t, struct lock_request *q);
/* Gives back all a transaction holds; those that waited get theirs, in order. Its own request, if any, stays. */
void lock_release(struct lock_table *t, struct txn_name name);
/* Every hold and every place in a queue, by owner: oldest owner first; then requests without an owner, which wait behind
 * them. waiting NULL: it holds the lock. key is borrowed for the call. */
void lock_table_visit(const struct lock_table *t,
                      void (*visit)(void *ctx, struct bytes key, const struct lock_owner *owner, enum lock_mode mode,
                                    const struct lock_request *waiting),
                      void *ctx);
/* Every place in a queue, the queues one after the other and each in its order. */
void lock_table_visit_queues(const struct lock_table *t, void (*visit)(void *ctx, const struct lock_request *q), void *ctx);
/* Those it waits for: that hold the lock, or stand before it in the queue. Borrowed for the call. */
void lock_waits_for(const struct lock_table *t, struct txn_name name,
                    void (*visit)(void *ctx, const struct lock_owner *owner), void *ctx);
/* NULL: it holds and wants nothing. */
struct lock_owner *lock_owner_find(const struct lock_table *t, struct txn_name name);

#endif
