/* Requests and replies between nodes (and of a node with itself, without a network). A call ends exactly
 * once: with the reply's status and body, or with
 *   STATUS_CLOSED   never sent: no link, or its output is full; the callee saw nothing
 *   STATUS_UNKNOWN_OUTCOME  sent, and the link or the time ended before a reply
 *   STATUS_CANCELLED  the caller's store is closing.
 * Nothing completes inside rpc_start. A request that the network repeats is executed once (RPC-1). */
#ifndef OSTRAKA_SHARD_RPC_H
#define OSTRAKA_SHARD_RPC_H

#include "base/buf.h"
#include "base/ids.h"
#include "base/list.h"
#include "base/map.h"
#include "base/timer.h"
#include "net/net.h"

enum rpc_kind {
    RPC_META_JOIN = 1,    /* a new node asks for an id (forwarded by whoever it asked) */
    RPC_META_RANGE = 2,   /* a range leader reports its descriptor to the metadata range */
    RPC_RANGE_SPLIT = 3,  /* to the leader of a range: divide it at a key */
    RPC_RANGE_TARGET = 4, /* placement tells a range leader which nodes shall hold the range */
    RPC_CLOCK_NOW = 5,    /* a timestamp from the clock master; body: lower bound (advance) */
    RPC_READ = 6,         /* txn/: read operations of one range at one timestamp */
    RPC_COMMIT = 7,       /* txn/: one-phase commit */
    RPC_LOCK = 8,         /* txn/: locks keys and reads them */
    RPC_UNLOCK = 9,       /* txn/: gives back what a transaction has locked */
    RPC_TXN_ALIVE = 10,   /* txn/: does a transaction that holds locks still live? */
    RPC_OUTCOME = 11,     /* txn/: what became of a transaction? */
    RPC_META_LOOKUP = 12, /* which ranges hold these keys, or: what of this range? (any replica of range 1) */
    RPC_META_SPLIT = 13,  /* a range leader wants to divide its range: an id for the right side */
    RPC_META_CHANGE = 14, /* a command for the metadata range: states of nodes, settings, jobs, merges */
    RPC_ACTIVITY = 15,    /* sql/: what a node knows of its sessions; or: end one */
    RPC_RANGE_TRANSFER = 16, /* placement tells a range leader who shall lead instead */
    RPC_NODE_LOAD = 17,   /* a node tells the metadata leader what it holds and how busy it is */
    RPC_RANGE_MERGE = 18, /* to the leader of a range: take in the right neighbour */
    RPC_CATALOG_LEASE = 19, /* txn/: until when no record of the catalog changes */
    RPC_RANGE_INFO = 20,  /* the descriptor of a range, asked of a node that has a replica */
    RPC_OVERVIEW = 21,    /* what does the leader of the metadata range see of the cluster? (overview.h) */
    RPC_REFRESH = 22,     /* txn/: is what was read unchanged at a later timestamp? */
    RPC_LOCK_WAITS = 23,  /* txn/: for whom does a transaction wait? */
    RPC_REPLICA_LEFT = 24, /* a leader tells a replica that it is not one of the range any more */
    RPC_NODE_CHANGE = 25,  /* an operator asks what would come of a node's change, or for it (admin.h) */
    RPC_MERGE_GIVE_UP = 26, /* to the leader of a left side: what you began at that epoch shall not happen */
    RPC_RANGE_COLD = 27,    /* to the leader of a range: is it small, and has it long been little used? */
    RPC_PREPARE = 28,     /* txn/: first phase of a commit over several ranges */
    RPC_DECIDE = 29,      /* txn/: its decision, at the range of its anchor */
    RPC_RESOLVE = 30,     /* txn/: what it wrote becomes versions, or goes */
    RPC_CLOCK_SYNC = 31,  /* txn/: a sample of the master's clock */
    RPC_CLOCK_FENCE = 32, /* txn/: a new clock master ends what samples of earlier ones say */
    RPC_PROMISE = 33,     /* txn/: up to when is nothing new proposed behind which entry? */
    RPC_REPLICA_READ = 34, /* txn/: read operations of the past, at any replica that was promised so */
    RPC_STAGED = 35,      /* txn/: is there everything that a staged commit lists? */
    RPC_LOCKS = 36,       /* txn/: which locks are held in a range, to whoever leads it next */
    RPC_KIND_COUNT
};

struct rpc;

struct rpc_call {
    struct list link;      /* the rest is private until on_done */
    uint64_t id;
    struct node_id to;
    uint64_t deadline_ns;
    struct rpc *rpc;
    bool active, sent;
    /* body: borrowed for the call of on_done */
    void (*on_done)(struct rpc_call *call, enum status status, struct bytes body);
    void *ctx;
};

/* A request under way on the answering side: copy it, answer once, from anywhere, later. */
struct rpc_token {
    struct node_id from;
    uint64_t id;
};

struct rpc_options {
    struct env *env;
    struct timer_heap *timers;
    struct net *net;
    struct node_id self;
    size_t call_count_max; /* calls in flight; beyond STATUS_BUSY; default 65536 */
};

MUST_USE enum status rpc_create(const struct rpc_options *options, struct rpc **rpc_out);
/* Ends every call with STATUS_CANCELLED first. */
void rpc_destroy(struct rpc *r);
/* Who this node is; rises the ids of calls above those of its earlier incarnations. */
void rpc_set_self(struct rpc *r, struct node_id self, uint64_t incarnation);
void rpc_set_net(struct rpc *r, struct net *net);
/* handler: body is borrowed for the call. */
void rpc_serve(struct rpc *r, enum rpc_kind kind,
               void (*handler)(void *ctx, struct rpc_token token, struct bytes body), void *ctx);
/* The same, in place of whoever serves it now, if anybody does: tests stand in for others. */
void rpc_serve_instead(struct rpc *r, enum rpc_kind kind,
                       void (*handler)(void *ctx, struct rpc_token token, struct bytes body), void *ctx);
/* call: zeroed by the caller but for on_done and ctx; stays until on_done. STATUS_BUSY: not started. */
MUST_USE enum status rpc_start(struct rpc *r, struct rpc_call *call, struct node_id to,
                               enum rpc_kind kind, struct bytes body, uint64_t timeout_ns);
/* Forgets the call: on_done will not be called. */
void rpc_cancel(struct rpc_call *call);
void rpc_reply(struct rpc *r, struct rpc_token token, enum status status, struct bytes body);
/* Delivers local requests and replies that were queued; returns true when there were any. */
bool rpc_step(struct rpc *r);
/* True: rpc_step has something to deliver. */
bool rpc_waits(const struct rpc *r);
/* From the net handler. */
void rpc_on_message(struct rpc *r, struct node_id from, uint16_t type, struct bytes payload);
void rpc_on_link_down(struct rpc *r, struct node_id peer);
size_t rpc_in_flight(const struct rpc *r);

/* A number that goes with every request and reply to other nodes, and is looked at before what it comes with: txn/ tells
 * how late it is at least. Borrowed; NULL: none. */
struct rpc_stamp {
    uint64_t (*make)(void *ctx); /* 0: none this time */
    void (*take)(void *ctx, struct node_id from, uint64_t stamp);
    void *ctx;
};
void rpc_set_stamp(struct rpc *r, const struct rpc_stamp *stamp);
#define RPC_STAMPED 0x8000u /* in the u16 of a frame (README, Formats): a stamp u64 follows */

struct rpc_metrics {
    uint64_t requests[RPC_KIND_COUNT], request_bytes[RPC_KIND_COUNT]; /* taken in, this node's own too, by kind */
};
const struct rpc_metrics *rpc_metrics(const struct rpc *r);

#endif
