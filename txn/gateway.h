/* Requests to leaders, from the node of a transaction (gateway.c), and what asks all of them (refresh_ask.c). */
#ifndef OSTRAKA_TXN_GATEWAY_H
#define OSTRAKA_TXN_GATEWAY_H

#include "txn/span.h"
#include "txn/txn_int.h"

struct gateway_wait;
/* Lets somebody else end what a fiber waits for (txn_interrupt). */
struct gateway_interrupt {
    uint64_t calls, requests; /* that were sent; some calls take several requests */
    bool requested;
    struct gateway_wait *wait; /* NULL: nothing is under way */
    uint64_t lock_ns;           /* spent in requests for locks: */
    uint32_t lock_calls;        /* that are under way, since */
    uint64_t lock_since_ns;
};
void gateway_interrupt(struct gateway_interrupt *i);
/* The request under way; 0: none, or the pause before the next attempt. */
enum rpc_kind gateway_waits_for(const struct gateway_interrupt *i);

struct gateway_request {
    enum rpc_kind kind;
    struct bytes key;
    struct range_id range;  /* not 0: sent there, wherever the key is */
    const struct route *found; /* by gateway_find, for what it was cut for: it goes there, if the fiber has not waited since. NULL: nobody has */
    struct hull hull;       /* STATUS_STALE_ROUTE: the range that holds the key does not hold all of this (any more) */
    struct range_id served_by; /* where it was sent last */
    struct buf *body;       /* range id and epoch (first 16 bytes) are filled in here */
    uint64_t deadline_ns;
    uint64_t no_quorum_ns;  /* how long a leader is looked for when there is no deadline; 0: default */
    bool repeatable;        /* a lost answer may be asked for again */
    /* Before each attempt; false ends the call with STATUS_EXPIRED. NULL: nothing to do. */
    bool (*before_attempt)(struct gateway_request *q);
    void *ctx;
    uint64_t refused_at;    /* the leader's reading when it refused the last attempt as too late; 0: it has not */
    struct gateway_interrupt *interrupt;
    bool stamped;           /* it names a time, and is of no use when that is over (BUSY with a reading): STATUS_EXPIRED */
    bool decides;           /* repeatable; but an interrupt leaves what was sent one more second, as it does a commit */
    struct buf *reply;
    enum status result;     /* gateway_call_all: what became of it */
    bool asked;             /* a request was sent */
    bool doubt;             /* one was sent and not answered: it may have been done, or be done later */
};
/* [fiber] Lets the core do what else there is. STATUS_CANCELLED, STATUS_TIMEOUT: it was interrupted. */
enum status gateway_breathe(struct kv *kv, struct gateway_interrupt *i);
/* [fiber] Sends it to the leader of the range that holds its key, and again where that is safe. The reply's body is copied
 * into *reply. */
enum status gateway_call(struct kv *kv, struct gateway_request *q, struct buf *reply);
/* [fiber] Several at once, some at a time, under one interrupt: each has its `reply` set and gets its `result`. The first one that
 * fails ends the others (STATUS_CANCELLED; they may have been done), unless they shall all be asked to the end; its status
 * is returned. One to be cut anew (STATUS_STALE_ROUTE) ends no others, and is returned when none has failed. */
enum status gateway_call_all(struct kv *kv, struct gateway_request *const *requests, uint32_t count, bool to_the_end);
/* [fiber] One attempt, at a node that is no leader of anything for this. */
enum status gateway_ask(struct kv *kv, struct gateway_request *q, struct node_id node, uint64_t timeout_ns, struct buf *reply);
/* [fiber] The range that holds q->key, or the keys just below it; waits until it is known. The bounds are kept in the two buffers. */
enum status gateway_find(struct kv *kv, const struct gateway_request *q, bool before, struct buf bounds[2],
                         struct route *route_out);
/* [fiber] Waits; less long when it is interrupted or the kv stops. */
void gateway_pause(struct kv *kv, uint64_t duration_ns, struct gateway_interrupt *i);
void gateway_stop(struct kv *kv);

/* ---- refresh_ask.c ---- */

struct refresh {
    struct kv *kv;
    uint64_t read_ts, ts;
    struct attempt attempt;             /* that has prepared what it writes; tag 0: of none */
    uint64_t deadline_ns, no_quorum_ns; /* as in struct gateway_request */
    struct gateway_interrupt *interrupt;
};
/* [fiber] No version in the spans, wherever they lie, above read_ts and at or below ts, and there will be none.
 * STATUS_CONFLICT: there is. STATUS_SNAPSHOT_TOO_OLD; others as of gateway_call. */
MUST_USE enum status refresh_spans(const struct refresh *how, const struct span *spans, uint32_t count);

#endif
