/* Until when the catalog does not change: its leader promises it, and gateways rely upon it (catalog_lease.c). */
#ifndef OSTRAKA_TXN_CATALOG_LEASE_H
#define OSTRAKA_TXN_CATALOG_LEASE_H

#include "shard/rpc.h"
#include "shard/shard.h"
#include "txn/span.h"

struct kv;
struct range;

#define CATALOG_LEASE_NS 300000000u /* the same on all nodes: a new leader counts on it */
/* A promise that this gateway has. */
struct catalog_lease {
    uint64_t from, until;    /* no record of a table has a version in (from, until] */
    uint64_t until_ns;       /* the clock is not there before this time of ours */
    uint64_t used_ns, asked_ns;
    bool asking;
    struct rpc_call call;
    struct timer timer;
};
void catalog_lease_attach(struct kv *kv);
void catalog_lease_stop(struct kv *kv);
void catalog_lease_run(struct range_op *op);
/* The record of a table. */
bool catalog_lease_key(struct bytes key);
/* The leader has its floor, now_ts or more. */
void catalog_lease_ready(struct range *g, uint64_t now_ts);
/* True: the commit waits until what was promised is over, and runs again. */
bool catalog_lease_holds(struct range_op *op);
/* It changes a record. */
bool catalog_lease_touched(const struct range_op *op);
void catalog_lease_over(struct range_op *op);
void catalog_lease_let_go(struct range_op *op);
/* The gateway knows that nothing in the span has a version in (from, upto]. */
bool catalog_lease_covers(struct kv *kv, const struct span *span, uint64_t from, uint64_t upto);
/* Until when it knows that of versions above `from`, if that is later than `above` and not over soon; else 0. */
uint64_t catalog_lease_until(struct kv *kv, const struct span *span, uint64_t from, uint64_t above);

#endif
