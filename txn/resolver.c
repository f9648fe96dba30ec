/* Who has decisions carried out: the leader of the range that holds the record tells the other participants as soon as the
 * decision is applied, and a new leader of it does so again for what it finds; they are named by their keys, so whatever
 * splits and merges lie in between, each intent is met.
 *
 * What is decided in one round of the loop goes to each range in one request, of which nobody waits (a batch). Where that does not
 * succeed, or keys that were prepared together lie in several ranges now, a fiber goes through the participants one by one until
 * they have all answered. */
#include "txn/gateway.h"
#include "txn/two_phase_leader.h"

#define FIBERS_MAX 256u
#define RESOLVE_TIMEOUT_NS 2000000000u
#define STEPS_MAX 100000u
#define BATCH_COUNT_MAX 64u
#define BATCH_BYTES_MAX (256u << 10)

/* A record whose participants are told. */
struct resolver {
    struct kv *kv;
    struct range_id range;     /* of the record, and the term of its leader */
    uint64_t term;
    struct attempt attempt;
    uint64_t ct;
    uint32_t open;             /* batches that speak of it, and who makes them */
    bool missed;               /* one of them was of no use, or some of it lies in none */
    struct bytes participants; /* follow the struct */
};

/* What one range is told by one request. */
struct resolve_batch {
    struct list link;          /* kv.resolve_batches */
    struct rpc_call call;
    struct kv *kv;
    struct range_id range;
    struct node_id leader;
    struct buf body;
    bool sent;
    uint32_t count;
    struct resolver *members[BATCH_COUNT_MAX];
};

/* ================================ one by one ================================ */

/* All that lies in [low, high], range by range. */
static enum status resolve_span(const struct resolver *v, struct bytes low, struct bytes high, struct buf *body, struct buf *reply)
{
    struct kv *kv = v->kv;
    struct buf bounds[2], from;
    buf_init(&bounds[0], SHARD_KEY_BYTES_MAX);
    buf_init(&bounds[1], SHARD_KEY_BYTES_MAX);
    buf_init(&from, SHARD_KEY_BYTES_MAX);
    buf_append_bytes(&from, low);
    enum status status = from.failed ? STATUS_NO_MEMORY : STATUS_OK;
    uint64_t deadline_ns = env_now_ns(store_env(kv->store)) + RESOLVE_TIMEOUT_NS;
    for (uint32_t step = 0; status == STATUS_OK && bytes_compare(buf_view(&from), high) <= 0; step++) {
        struct gateway_request q = {.kind = RPC_RESOLVE, .key = buf_view(&from), .body = body, .deadline_ns = deadline_ns,
                                    .repeatable = true};
        struct route route;
        if (step == STEPS_MAX) status = STATUS_UNAVAILABLE;
        if (status == STATUS_OK) status = gateway_find(kv, &q, false, bounds, &route);
        if (status != STATUS_OK) break;
        bool ends = route.end.size > 0 && bytes_compare(route.end, high) <= 0;
        buf_reset(body);
        buf_append_zero(body, GATEWAY_HEAD_BYTES);
        resolve_encode(body, v->attempt, v->ct, buf_view(&from), ends ? route.end : high);
        hull_add(&q.hull, &(struct span){.start = buf_view(&from), .end = ends ? route.end : BYTES_EMPTY, .point = !ends});
        if (!ends) hull_add(&q.hull, &(struct span){.start = high, .point = true});
        status = body->failed ? STATUS_NO_MEMORY : gateway_call(kv, &q, reply);
        if (status == STATUS_STALE_ROUTE) status = STATUS_OK; /* it is cut anew */
        else if (status == STATUS_OK && (!ends || MUTANT("resolved_by_first_range"))) break;
        else if (status == STATUS_OK) {
            buf_reset(&from);
            buf_append_bytes(&from, route.end);
            if (from.failed) status = STATUS_NO_MEMORY;
        }
    }
    buf_deinit(&bounds[0]);
    buf_deinit(&bounds[1]);
    buf_deinit(&from);
    return status;
}

/* The decision's entry has done it already. */
static bool is_done_here(const struct resolver *v, struct bytes low, struct bytes high)
{
    struct replica *r = store_replica(v->kv->store, v->range);
    const struct range *g = r == NULL ? NULL : replica_app(r);
    if (g == NULL || !g->ready || !replica_serving(r) || g->term != v->term) return false;
    const struct descriptor *d = replica_descriptor(r);
    return descriptor_contains(d, low) && descriptor_contains(d, high) && prepared_next(g, v->attempt, NULL) == NULL;
}

static struct record *record_of(const struct resolver *v)
{
    struct replica *r = store_replica(v->kv->store, v->range);
    struct range *g = r == NULL ? NULL : replica_app(r);
    return g == NULL ? NULL : record_find(g, v->attempt);
}

static void end(struct resolver *v, bool resolved)
{
    struct record *record = record_of(v);
    if (record != NULL) { /* it may be another leader's record of the same by now, which is as good */
        record->resolving = false;
        if (resolved) record->resolved = true;
    }
    v->kv->resolvers--;
    pool_free(&v->kv->pool, v);
}

static void run(void *arg)
{
    struct resolver *v = arg;
    struct buf body, reply;
    buf_init(&body, 1 << 16);
    buf_init(&reply, NET_MESSAGE_BYTES_MAX);
    struct reader in = reader_make(v->participants);
    enum status status = STATUS_OK;
    for (uint16_t count = get_u16(&in); count > 0 && status == STATUS_OK; count--) {
        struct bytes low = get_sized(&in), high = get_sized(&in);
        ASSERT(!in.failed); /* participants_valid */
        if (!is_done_here(v, low, high)) status = resolve_span(v, low, high, &body, &reply);
    }
    buf_deinit(&body);
    buf_deinit(&reply);
    v->kv->resolve_fibers--;
    end(v, status == STATUS_OK);
}

/* A batch that speaks of it is over. */
static void let_go(struct resolver *v)
{
    ASSERT(v->open > 0);
    if (--v->open > 0) return;
    if (!v->missed) {
        end(v, true);
        return;
    }
    COVER("txn_resolved_one_by_one");
    struct kv *kv = v->kv;
    bool spawns = !kv->stopping && kv->resolve_fibers < FIBERS_MAX;
    kv->resolve_fibers += spawns; /* it may run to its end at once */
    if (spawns && fiber_spawn(store_fibers(kv->store), run, v, NULL) == STATUS_OK) return;
    kv->resolve_fibers -= spawns;
    end(v, false); /* the next look begins it */
}

/* ================================ batches ================================ */

static void batch_end(struct resolve_batch *b, bool resolved)
{
    list_remove(&b->link);
    for (uint32_t i = 0; i < b->count; i++) {
        b->members[i]->missed |= !resolved;
        let_go(b->members[i]);
    }
    buf_deinit(&b->body);
    pool_free(&b->kv->pool, b);
}

static void on_answered(struct rpc_call *call, enum status status, struct bytes body)
{
    (void)body;
    batch_end(call->ctx, status == STATUS_OK);
}

static void batch_send(struct resolve_batch *b)
{
    ASSERT(!b->sent);
    b->sent = true;
    b->call = (struct rpc_call){.on_done = on_answered, .ctx = b};
    if (b->body.failed || rpc_start(store_rpc(b->kv->store), &b->call, b->leader, RPC_RESOLVE, buf_view(&b->body), RESOLVE_TIMEOUT_NS) != STATUS_OK)
        batch_end(b, false);
}

static void on_round(struct timer *t, void *ctx)
{
    (void)t;
    struct kv *kv = ctx;
    struct list batch, *item;
    list_init(&batch);
    LIST_FOR_EACH_SAFE(at, &kv->resolve_batches) {
        if (CONTAINER_OF(at, struct resolve_batch, link)->sent) continue;
        list_remove(at);
        list_push_back(&batch, at);
    }
    while ((item = list_pop_front(&batch)) != NULL) {
        list_push_back(&kv->resolve_batches, item);
        batch_send(CONTAINER_OF(item, struct resolve_batch, link));
    }
}

/* The one that is open for that range. NULL: no memory. */
static struct resolve_batch *batch_for(struct kv *kv, const struct route *route)
{
    LIST_FOR_EACH(item, &kv->resolve_batches) {
        struct resolve_batch *b = CONTAINER_OF(item, struct resolve_batch, link);
        if (!b->sent && b->range.value == route->range.value) return b;
    }
    struct resolve_batch *b = pool_alloc(&kv->pool, sizeof *b);
    if (b == NULL) return NULL;
    memset(b, 0, sizeof *b);
    b->kv = kv;
    b->range = route->range;
    b->leader = route->leader;
    buf_init(&b->body, BATCH_BYTES_MAX + 4 * SHARD_KEY_BYTES_MAX);
    put_u64(&b->body, route->range.value);
    put_u64(&b->body, route->epoch);
    list_push_back(&kv->resolve_batches, &b->link);
    if (!timer_armed(&kv->resolve_timer)) timer_arm(store_timers(kv->store), &kv->resolve_timer, env_now_ns(store_env(kv->store)));
    return b;
}

static void tell(struct resolver *v, struct bytes low, struct bytes high)
{
    struct route route;
    bool known = store_route(v->kv->store, low, &route) == STATUS_OK && route.leader.value != 0 && route_holds(&route, high);
    struct resolve_batch *b = known ? batch_for(v->kv, &route) : NULL;
    if (b == NULL) {
        v->missed = true;
        return;
    }
    resolve_encode(&b->body, v->attempt, v->ct, low, high);
    b->members[b->count++] = v;
    v->open++;
    if (b->count == BATCH_COUNT_MAX || b->body.size >= BATCH_BYTES_MAX) batch_send(b);
}

void resolver_start(struct range *g, struct record *r)
{
    struct kv *kv = g->kv;
    if (r->resolving || kv->resolvers >= RESOLVERS_MAX || kv->stopping) return; /* the next look begins it */
    struct resolver *v = pool_alloc(&kv->pool, sizeof *v + r->participants.size);
    if (v == NULL) return;
    *v = (struct resolver){.kv = kv, .range = replica_range(g->replica), .term = g->term, .attempt = r->attempt, .ct = r->ct, .open = 1};
    memcpy(v + 1, r->participants.data, r->participants.size);
    v->participants = bytes_make(v + 1, r->participants.size);
    r->resolving = true;
    kv->resolvers++;
    struct reader in = reader_make(v->participants);
    for (uint16_t count = get_u16(&in); count > 0; count--) {
        struct bytes low = get_sized(&in), high = get_sized(&in);
        ASSERT(!in.failed); /* participants_valid */
        if (!is_done_here(v, low, high)) tell(v, low, high);
    }
    let_go(v);
}

void resolver_attach(struct kv *kv)
{
    list_init(&kv->resolve_batches);
    timer_init(&kv->resolve_timer, on_round, kv);
}

void resolver_stop(struct kv *kv)
{
    ASSERT(kv->stopping);
    timer_cancel(store_timers(kv->store), &kv->resolve_timer);
    while (!list_empty(&kv->resolve_batches)) {
        struct resolve_batch *b = CONTAINER_OF(kv->resolve_batches.next, struct resolve_batch, link);
        rpc_cancel(&b->call);
        batch_end(b, false);
    }
}
