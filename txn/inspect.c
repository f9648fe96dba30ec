/* What an operator may see of transactions and locks. Nothing here changes anything. */
#include "txn/txn_state.h"

void txn_inspect(const struct txn *t, struct txn_inspection *out)
{
    *out = (struct txn_inspection){
        .node = t->name.node,
        .number = t->name.number,
        .read_ts = t->read_ts,
        .write_count = t->writes.count,
        .write_bytes = t->writes.bytes,
        .span_count = t->span_count,
        .requests = t->interrupt.requests,
        .repeats = t->interrupt.requests - t->interrupt.calls,
        .lock_ns = t->interrupt.lock_ns,
    };
    switch (gateway_waits_for(&t->interrupt)) {
    case RPC_READ: out->waits_for = TXN_WAITS_READ; break;
    case RPC_LOCK: out->waits_for = TXN_WAITS_LOCK; break;
    case RPC_COMMIT:
    case RPC_PREPARE:
    case RPC_REFRESH:
    case RPC_DECIDE: out->waits_for = TXN_WAITS_COMMIT; break;
    default: out->waits_for = TXN_WAITS_NOTHING; break;
    }
}

struct lock_walk {
    void (*visit)(void *ctx, const struct kv_lock *lock);
    void *ctx;
    const struct range *range;
};

static void visit_lock(void *ctx, struct bytes key, const struct lock_owner *owner,
                       enum lock_mode mode, const struct lock_request *waiting)
{
    const struct lock_walk *w = ctx;
    struct kv_lock lock = {.range = replica_range(w->range->replica),
                           .key = key,
                           .granted = waiting == NULL,
                           .exclusive = mode == LOCK_EXCLUSIVE};
    if (owner != NULL) {
        lock.node = owner->name.node;
        lock.number = owner->name.number;
        lock.begin_ts = owner->begin_ts;
    }
    if (waiting != NULL) lock.since_ns = CONTAINER_OF(waiting, struct range_op, request)->queued_ns;
    w->visit(w->ctx, &lock);
}

void kv_locks(const struct kv *kv, void (*visit)(void *ctx, const struct kv_lock *lock), void *ctx)
{
    LIST_FOR_EACH(item, &kv->ranges)
    {
        const struct range *g = CONTAINER_OF(item, struct range, link);
        struct lock_walk w = {visit, ctx, g};
        lock_table_visit(&g->locks, visit_lock, &w);
    }
}

void kv_lock_counts(const struct kv *kv, uint64_t *held_out, uint64_t *waiting_out)
{
    *held_out = *waiting_out = 0;
    LIST_FOR_EACH(item, &kv->ranges)
    {
        const struct range *g = CONTAINER_OF(item, struct range, link);
        *held_out += g->locks.lock_count;
        *waiting_out += g->locks.waiting_count;
    }
}
