/* What an operator asks about nodes and ranges, and changes: answered by the leader of the metadata range, asked
 * from any node. */
#ifndef OSTRAKA_SHARD_ADMIN_H
#define OSTRAKA_SHARD_ADMIN_H

#include "shard/shard.h"

#define ADMIN_TEXT_MAX 2048

/* The cluster as it is, or would be: whichever nodes are lost, so many more may be before a range stops. */
struct admin_outlook {
    uint32_t ranges, unavailable, under; /* without a majority that answers; with fewer voters than wanted */
    uint32_t voters_min, voters_max;     /* of a range; the quorum of v voters is v / 2 + 1 */
    int tolerance;                       /* -1: a range has stopped */
};

enum admin_flag {
    ADMIN_FORCE = 1,   /* change it even though ranges would stay on the node, or end with fewer voters */
    ADMIN_DRY_RUN = 2, /* only tell what would come of it */
    ADMIN_ASK = 4,     /* only tell how things are; state is not looked at */
};

/* What is asked. node 0: of no node in particular. */
struct admin_question {
    struct node_id node;
    enum node_state state;   /* that the node shall have; not looked at with ADMIN_ASK */
    uint32_t flags;          /* enum admin_flag */
    /* With ADMIN_ASK and node 0, `then` in the answer tells what one of these would make of the cluster: */
    bool adds;               /* another node, which stands at `locality`, */
    struct bytes locality;
    uint32_t factor;         /* or another number of voters of ranges with keys of that scope; 0: none */
    struct bytes scope;
};

struct admin_answer {
    struct admin_outlook now, then; /* then: with the change, when all that can be moved has been */
    /* What the change means. */
    uint32_t moves;      /* ranges that have to move */
    uint64_t move_bytes;
    uint32_t stuck;      /* ranges that cannot leave the node */
    uint32_t fewer;      /* ranges that end with fewer voters than wanted */
    uint32_t stops_now;  /* ranges that would stop if the node were stopped at once */
    /* How far the node is. A drained one leads nothing; a decommissioned one holds nothing, and is then removed. */
    enum node_state state;
    uint32_t replicas, leaders, jobs; /* in the mirror; by its own report; ranges that are moving now, anywhere */
    uint32_t reported_replicas;       /* by its own report: orphans count until they are destroyed */
    bool reported;                    /* it has reported within the last seconds */
    char text[ADMIN_TEXT_MAX];        /* "can lose 1 more node; loss of rack=b stops 12 ranges" */
};

/* on_done: STATUS_OK, with an answer. STATUS_CONFLICT: refused, the answer says why (ADMIN_FORCE overrules).
 * STATUS_BUSY: the leaders of some ranges have not told yet how these are, so nobody knows what a decommission would
 * cost: ask again. STATUS_NOT_FOUND: no such node. STATUS_INVALID: it was removed, or is not empty yet. Or the call's
 * failure. Called once, never from inside. */
struct admin_call {
    struct rpc_call call;
    struct store *store;
    void (*on_done)(struct admin_call *c, enum status status, const struct admin_answer *answer);
    void *ctx;
};
/* STATUS_UNAVAILABLE: nobody to ask is known. */
MUST_USE enum status store_admin(struct store *s, struct admin_call *c, const struct admin_question *q);

/* The same for who asks by itself: the body of RPC_NODE_CHANGE, its reply, and the body of RPC_META_CHANGE that has a
 * range moved. */
void admin_encode(struct buf *out, const struct admin_question *q);
MUST_USE bool admin_decode(struct bytes reply, struct admin_answer *answer_out);
void admin_encode_move(const struct store *s, struct buf *out, struct range_id range, const struct node_id *nodes,
                       uint32_t count);

/* Has the metadata range move a range to these nodes (of the number that is wanted), or lets a running move go on
 * differently. Ends like an rpc call: STATUS_NOT_FOUND, STATUS_INVALID, STATUS_NOT_LEADER... */
MUST_USE enum status store_range_move(struct store *s, struct rpc_call *call, struct range_id range,
                                      const struct node_id *nodes, uint32_t count);
/* Asks the leader of a range to hand over to a node. STATUS_BUSY: that one is behind. */
MUST_USE enum status store_range_transfer(struct store *s, struct rpc_call *call, struct range_id range, struct node_id to);

#endif
