/* A transaction at the gateway: what txn.c, txn_read.c, txn_scan.c and txn_lock.c share. */
#ifndef OSTRAKA_TXN_TXN_STATE_H
#define OSTRAKA_TXN_TXN_STATE_H

#include "txn/gateway.h"
#include "txn/lock_table.h"
#include "txn/spill.h"
#include "txn/write_set.h"

#define HEAD_BYTES GATEWAY_HEAD_BYTES

/* A key whose value the transaction relies on and has not seen itself. */
struct assumption {
    struct bytes key;
    uint64_t ts;
};

/* Keys that were locked in one range, as it was then: from `low` to `high`. */
struct lock_area {
    struct lock_area *next;
    struct range_id range;
    struct buf low, high;
    bool given_back;         /* by its leader, when the commit went to its log */
    uint64_t waited_ns;      /* until what was locked there was granted, the longest time */
    uint8_t low_room[48], high_room[48];
};

/* What it reads of the past (txn_past.c). */
struct txn_past {
    bool on, stale;                /* stale: the timestamp is picked with the first read, */
    uint64_t ts, least_ts, age_ns; /* within these bounds; else it is ts */
    uint64_t at_replica, at_leader; /* requests */
};

struct txn {
    struct kv *kv;
    struct txn *next_kept;
    struct arena *arena;
    struct txn_id id;
    uint64_t last_ct;              /* it may not commit above */
    uint64_t leased_until;         /* nor above this: what it relies on is promised so long; 0: on nothing of the kind */
    uint64_t lease_missed;         /* a promise until then was too short */
    uint64_t read_ts, deadline_ns, no_quorum_ns;
    bool read_ts_assumed;          /* it is that of an assumption, from before the transaction began: nothing was read at it */
    struct txn_past past;
    struct gateway_interrupt interrupt;
    uint64_t write_bytes_max;
    size_t refused_key_bytes, refused_value_bytes; /* of the last write: for txn_explain_limit */
    struct txn_name name;          /* number 0: it has never asked for a lock */
    uint64_t begin_ts, lock_timeout_ns;
    struct lock_area *locked;      /* where to give locks back, in the order in which they were taken; of kv.pool */
    struct bytes waits_at;         /* a key of the range where it waits for locks; empty: it does not */
    bool overlay;
    bool apart;                    /* what it writes was found in several ranges: it is shown nothing in flight any more */
    uint64_t pending_term;         /* of the leader that has shown it writes in flight; 0: none has */
    struct range_id pending_range; /* which it leads */
    struct write_set writes;
    struct spill *spill;           /* NULL: all of them are in memory */
    bool spill_full;               /* the last write found no room on this node's disk */
    uint64_t view;                 /* of the writes, for what is read; WRITE_SET_NOW */
    struct span *spans;
    uint32_t span_count, span_capacity;
    struct buf request, reply;
    struct buf bounds[2];          /* of the range that was found last */
    struct assumption assumed[TXN_ASSUMPTIONS_MAX]; /* those that are to be checked */
    uint32_t assumed_count;
    uint32_t cuts;                 /* in a row that came to nothing */
    uint32_t asked_count;          /* the first of them are asked for by the request under way */
    bool ended;
};

/* ---- txn_range.c: what lies where ---- */

/* A request of the transaction, which the range of `key` serves. */
struct gateway_request txn_request(struct txn *t, enum rpc_kind kind, struct bytes key);
/* [fiber] The range that holds the key (before: the keys just below it; an empty one: the last). Bounds are borrowed
 * until the next call of this transaction. */
enum status txn_find(struct txn *t, struct bytes key, bool before, struct route *route_out);
/* A request that was cut for a range as it was before is cut anew, but not for ever. */
bool txn_cut_again(struct txn *t, enum status *status);
/* Appends the parts of the transaction's spans that lie in the range, and returns how many. */
uint32_t txn_put_spans(struct txn *t, const struct route *route, struct hull *hull);
/* Appends the others. */
enum status txn_put_spans_elsewhere(struct txn *t, const struct route *route);
/* There is something outside [start, end) that has to be asked for to read it at ts. */
bool txn_has_read_elsewhere(struct txn *t, const struct route *route, uint64_t ts);
/* [fiber] What was read outside [start, end) is read at ts as it was at read_ts. STATUS_CONFLICT: it is not. */
enum status txn_refresh_elsewhere(struct txn *t, const struct route *route, uint64_t ts);

/* ---- txn_read.c ---- */

/* What the transaction has read: validated by its commit. Copied. */
enum status txn_span_add(struct txn *t, const struct span *span);
/* A READ of `count` operations, which the caller appends to t->request, is begun, then sent to the range. */
void txn_read_begin(struct txn *t, const struct route *route, uint32_t count);
/* [fiber] STATUS_STALE_ROUTE: the range is another one now; begin again. */
enum status txn_read_send(struct txn *t, struct gateway_request *q, struct reader *results);
/* Assumptions become spans of the request that follows; see README.md, Assumptions. */
enum status txn_assumed_to_leader(struct txn *t);

/* ---- txn_past.c ---- */

/* A read is made: it has its timestamp, if one is to be picked. */
void txn_past_begin(struct txn *t);
/* [fiber] The request, to the replica of this node. STATUS_NOT_FOUND: ask the leader. */
enum status txn_past_ask(struct txn *t, struct gateway_request *q, struct buf *reply);

/* ---- txn_lock.c ---- */

/* The transaction gets a name, under which this node answers for it. */
enum status txn_locks_begin(struct txn *t);
/* Gives the locks back, unless the commit has. */
void txn_locks_end(struct txn *t);
/* The leader of that range has given them back. */
void txn_locks_given_back(struct txn *t, struct range_id range);
/* [fiber] txn_lock, within the commit, of keys that it writes; what they hold is not of interest. */
enum status txn_lock_written(struct txn *t, const struct bytes *keys, uint32_t count);
/* [fiber] Locks nothing more, and moves to a new timestamp if what was read is unchanged there. key: of something read. */
enum status txn_lock_nothing(struct txn *t, struct bytes key);

/* ---- txn.c ---- */

/* For an attempt to commit: what belongs to the one before is not taken for its own. */
uint64_t txn_tag_draw(struct kv *kv);

/* ---- two_phase.c ---- */

/* [fiber] Commits writes that lie in several ranges. Statuses as txn_commit. route: what txn_find has just found for the first of them. */
enum status two_phase_commit(struct txn *t, const struct route *route, uint64_t start_ns, uint64_t *ct_out);

/* ---- deadlock.c ---- */

/* [fiber] It waits for locks in a circle with others, and is the youngest of them. */
bool txn_is_deadlocked(struct txn *t);

#endif
