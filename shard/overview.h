/* The cluster at a glance, as the leader of the metadata range sees it: what each node holds, what is on its way, how much
 * may be lost. For people; nothing is decided by it. */
#ifndef OSTRAKA_SHARD_OVERVIEW_H
#define OSTRAKA_SHARD_OVERVIEW_H

#include "shard/admin.h"
#include "shard/allocator.h"

struct overview_node {
    struct node_id node;
    enum node_state state;
    enum allocator_health health;
    bool reported, full;     /* it told of itself within the last seconds; its disk refuses writes */
    uint32_t replicas;       /* that the metadata range names: voters and learners */
    uint32_t leaders;        /* by its own report */
    uint32_t own_replicas;   /* the same: orphans count until they are destroyed */
    uint32_t incoming, outgoing; /* replicas that were decided to come and to go, and have not yet */
    uint64_t bytes, load;    /* of its replicas; requests each second to those that it leads */
    uint64_t incoming_bytes;
};

#define OVERVIEW_JOBS_MAX 64 /* that are told one by one */

/* A range on its way. */
struct overview_job {
    struct range_id range;
    enum allocator_reason reason;
    uint64_t since_ms; /* by the clock of who decided it */
    uint32_t node_count;
    uint64_t nodes[RAFT_VOTERS_MAX]; /* that shall hold it */
};

struct overview {
    uint32_t ranges;
    uint32_t unavailable;    /* no majority that answers */
    uint32_t under, over;    /* fewer voters that answer than wanted; more voters than wanted */
    uint32_t holes;          /* places where a range does not begin where the one before ends: 0, or something is broken */
    uint32_t jobs;           /* ranges that are moving */
    int tolerance;           /* struct outlook */
    uint64_t bytes, load;    /* of all ranges, each counted once */
    uint32_t node_count;
    struct overview_node nodes[ALLOCATOR_NODES_MAX]; /* by id; removed ones are left out */
    uint32_t job_count;
    struct overview_job list[OVERVIEW_JOBS_MAX]; /* the first of them */
    char text[ADMIN_TEXT_MAX]; /* outlook_text */
};

/* How many replicas each node that takes some has when all have the same. */
uint32_t overview_share(const struct overview *o);
const char *overview_state_name(enum node_state state);

/* on_done: STATUS_OK with what was told, borrowed for the call; or the call's failure. Called once, never from inside. */
struct overview_call {
    struct rpc_call call;
    struct store *store;
    void (*on_done)(struct overview_call *c, enum status status, const struct overview *o);
    void *ctx;
};
/* STATUS_UNAVAILABLE: nobody to ask is known. */
MUST_USE enum status store_overview(struct store *s, struct overview_call *c);

/* The same for who asks by itself: the reply of RPC_OVERVIEW, whose request is empty. */
MUST_USE bool overview_decode(struct bytes reply, struct overview *out);

#endif
