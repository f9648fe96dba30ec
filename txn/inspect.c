/* What an operator may see of transactions and locks. Nothing here changes anything. */
#include "txn/range.h"
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

static uint32_t staged_count(const struct range_op *op)
{
    struct reader in = reader_make(op->staged);
    return op->staged.size == 0 ? 0 : get_u16(&in);
}

static void visit_prepared(const struct range *g, void (*visit)(void *ctx, const struct kv_prepared *prepared), void *ctx)
{
    LIST_FOR_EACH(item, &g->ops)
    {
        const struct range_op *op = CONTAINER_OF(item, struct range_op, link);
        if (op->state != OP_PREPARED && op->state != OP_RESOLVING) continue;
        struct kv_prepared p = {.range = replica_range(g->replica),
                                .id = {.sent_ts = op->attempt.sent, .tag = op->attempt.tag},
                                .node = op->name.node,
                                .number = op->name.number,
                                .key_count = op->write_count,
                                .first_key = op->writes[0].key,
                                .staged_count = staged_count(op),
                                .since_ns = op->prepared_ns,
                                .ends = op->state == OP_RESOLVING,
                                .pushed = op->push != NULL || op->recovery != NULL};
        struct route route;
        if (store_route(g->kv->store, op->anchor, &route) == STATUS_OK) p.id.range = route.range;
        visit(ctx, &p);
    }
}

void kv_prepared(const struct kv *kv, void (*visit)(void *ctx, const struct kv_prepared *prepared), void *ctx)
{
    LIST_FOR_EACH(item, &kv->two_phase)
    {
        const struct range *g = CONTAINER_OF(item, struct range, two_phase);
        if (g->prepared_count > 0) visit_prepared(g, visit, ctx);
    }
}

struct prepared_count {
    uint64_t count, since_ns;
};

static void count_prepared(void *ctx, const struct kv_prepared *p)
{
    struct prepared_count *c = ctx;
    if (c->count++ == 0 || p->since_ns < c->since_ns) c->since_ns = p->since_ns;
}

uint64_t kv_prepared_count(const struct kv *kv, uint64_t *oldest_ns_out)
{
    struct prepared_count c = {0};
    kv_prepared(kv, count_prepared, &c);
    *oldest_ns_out = c.count == 0 ? 0 : env_now_ns(store_env(kv->store)) - c.since_ns;
    return c.count;
}
