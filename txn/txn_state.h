/* A transaction at the gateway: what txn.c, txn_read.c, txn_scan.c and txn_lock.c share. */
#ifndef OSTRAKA_TXN_TXN_STATE_H
#define OSTRAKA_TXN_TXN_STATE_H

#include "txn/txn_int.h"

#define HEAD_BYTES 16            /* of a request: range id and epoch, filled in by the gateway */

/* A key whose value the transaction relies on and has not seen itself. */
struct assumption {
    struct bytes key;
    uint64_t ts;
};

struct txn {
    struct kv *kv;
    struct txn *next_kept;
    struct arena *arena;
    struct txn_id id;
    uint64_t last_ct;              /* it may not commit above */
    uint64_t read_ts, deadline_ns, no_quorum_ns;
    struct gateway_interrupt interrupt;
    size_t refused_key_bytes, refused_value_bytes; /* of the last write: for txn_explain_limit */
    struct txn_name name;          /* number 0: it has never asked for a lock */
    uint64_t begin_ts, lock_timeout_ns;
    uint8_t *lock_key;             /* the first it locked: where to give locks back */
    size_t lock_key_size;
    bool overlay;
    uint64_t pending_term;         /* of the leader that has shown it writes in flight; 0: none has */
    bool released;                 /* the commit has given the locks back */
    struct write_set writes;
    uint64_t view;                 /* of the writes, for what is read; WRITE_SET_NOW */
    struct span *spans;
    uint32_t span_count, span_capacity;
    struct buf request, reply;
    struct assumption assumed[TXN_ASSUMPTIONS_MAX]; /* those that are to be checked */
    uint32_t assumed_count;
    bool ended;
};

/* ---- txn_read.c ---- */

/* What the transaction has read: validated by its commit. Copied. */
enum status txn_span_add(struct txn *t, const struct span *span);
void txn_put_spans(struct txn *t);
/* A READ of `count` operations, which the caller appends to t->request, is begun, then sent to the range of `key`. */
void txn_read_begin(struct txn *t, uint32_t count);
enum status txn_read_send(struct txn *t, struct bytes key, struct reader *results);
/* Assumptions become spans of the request that follows; see README.md, Assumptions. */
enum status txn_assumed_to_leader(struct txn *t);

/* ---- txn_lock.c ---- */

/* The transaction gets a name, under which this node answers for it. key: where it begins to lock. */
enum status txn_locks_begin(struct txn *t, struct bytes key);
/* Gives the locks back, unless the commit has. */
void txn_locks_end(struct txn *t);
/* [fiber] Locks nothing more, and moves to a new timestamp if what was read is unchanged there. */
enum status txn_lock_nothing(struct txn *t, struct bytes key);

#endif
