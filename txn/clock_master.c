/* The clock master: the leader of the metadata range. Everybody's readings come from here.
 *
 * The master confirms, after a request came, that it still is the leader: by its lease, else by a quorum round. So a
 * reading is above every reading answered before the request was made, and a new master, which begins at the replicated
 * limit below which its predecessors stayed, is above all of theirs.
 *
 * Nodes should all have the same source. Who has another one than the master gets nothing from it and says so. The
 * limit's lowest bit tells which source the master had that raised it: who follows one of another source begins at its
 * limit, and answers nothing before it has raised one of its own. So whoever comes after a master of samples knows that
 * they may be believed somewhere, and ends their time before it begins, whatever its own source is (A5). */
#include "txn/txn_int.h"

#include <stdlib.h>

#define LIMIT_AHEAD_NS 3000000000u  /* a limit reaches so far ahead */
#define LIMIT_RAISE_NS 1500000000u  /* and is raised when less is left */
#define AHEAD_SLOWER_PART 16u       /* readings ahead of the wall clock advance by so much of the time less */
#define ROUND_TIMEOUT_NS 2000000000u
#define LIMIT_OF_SAMPLES UINT64_C(1) /* in a limit: raised by a master of the source INTERVAL */
#define TELL_EVERY_NS UINT64_C(60000000000)

struct clock_request {
    struct list link;
    struct rpc_token token;
    uint64_t past;
};

/* With a reading, or the node to ask instead (0: not known). */
static void request_reply(struct clock *c, struct clock_request *q, enum status status, uint64_t value)
{
    uint8_t body[8];
    store_le64(body, value);
    rpc_reply(store_rpc(c->kv->store), q->token, status, bytes_make(body, sizeof body));
    list_remove(&q->link);
    free(q);
}

static uint64_t leader_hint(const struct clock *c)
{
    const struct replica *r = store_replica(c->kv->store, RANGE_META);
    uint64_t hint = r == NULL ? 0 : replica_leader_hint(r).value;
    return hint == store_identity(c->kv->store)->node.value ? 0 : hint;
}

static void requests_end(struct clock *c, struct list *requests, enum status status)
{
    while (!list_empty(requests))
        request_reply(c, CONTAINER_OF(requests->next, struct clock_request, link), status,
                      status == STATUS_NOT_LEADER ? leader_hint(c) : 0);
}

static void sample_reply(struct clock *c, struct clock_request *q, uint64_t reading)
{
    uint8_t body[16];
    store_le64(body, c->master.term);
    store_le64(body + 8, reading);
    rpc_reply(store_rpc(c->kv->store), q->token, STATUS_OK, bytes_make(body, sizeof body));
    list_remove(&q->link);
    free(q);
}

/* Every master begins up to LIMIT_AHEAD_NS above its predecessor's readings. Those of the oracle measure no time, so they let the
 * wall clock catch up: it is what clients name times of the past and make keys by. */
static uint64_t master_reading(struct clock *c)
{
    struct clock_master *m = &c->master;
    uint64_t now_ns = env_now_ns(clock_env(c)), gone_ns = now_ns - m->base_ns, wall = env_wall_ns(clock_env(c));
    uint64_t reading = m->base + gone_ns, least = reading - gone_ns / AHEAD_SLOWER_PART;
    if (c->source == KV_CLOCK_ORACLE && reading > wall && !MUTANT("clock_master_stays_ahead"))
        reading = least > wall ? least : wall;
    m->base = reading;
    m->base_ns = now_ns;
    return reading;
}

static void on_raised(struct proposal *p, enum status status, struct bytes result)
{
    (void)result;
    struct clock *c = p->ctx;
    c->master.raising = false;
    if (status == STATUS_CANCELLED || c->kv->stopping) return;
    clock_master_work(c);
}

/* The master that raised it had the same source. */
static bool limit_is_ours(const struct clock *c)
{
    bool samples = (store_clock_limit(c->kv->store) & LIMIT_OF_SAMPLES) != 0;
    return samples == (c->source == KV_CLOCK_INTERVAL);
}

static void master_raise(struct clock *c, uint64_t at_least)
{
    struct clock_master *m = &c->master;
    if (m->raising) return;
    uint64_t limit = store_clock_limit(c->kv->store);
    if (at_least < limit && !limit_is_ours(c)) at_least = limit; /* else it would not be raised */
    limit = (at_least + LIMIT_AHEAD_NS) & ~LIMIT_OF_SAMPLES;
    if (c->source == KV_CLOCK_INTERVAL) limit |= LIMIT_OF_SAMPLES;
    m->raise = (struct proposal){.on_done = on_raised, .ctx = c};
    m->raising = store_clock_limit_raise(c->kv->store, limit, &m->raise) == STATUS_OK;
}

/* Samples: the instant is what counts, and never more than the clock shows. */
static void answer_samples(struct clock *c)
{
    struct clock_master *m = &c->master;
    uint64_t reading = master_reading(c);
    if (!MUTANT("clock_master_ignores_limit") && reading + CLOCK_ISSUED_AHEAD_NS >= store_clock_limit(c->kv->store)) {
        COVER("clock_limit_reached");
        requests_end(c, &m->batch, STATUS_BUSY);
        return;
    }
    /* Who follows a master of another source begins at its limit, so it has raised one of its own by now. */
    ASSERT(limit_is_ours(c) || MUTANT("clock_master_ignores_limit"));
    m->last = reading;
    while (!list_empty(&m->batch)) sample_reply(c, CONTAINER_OF(m->batch.next, struct clock_request, link), reading);
}

static void answer_readings(struct clock *c)
{
    struct clock_master *m = &c->master;
    uint64_t ts = master_reading(c);
    if (ts <= m->last) ts = m->last + 1;
    LIST_FOR_EACH(item, &m->batch) {
        struct clock_request *q = CONTAINER_OF(item, struct clock_request, link);
        if (ts <= q->past) ts = q->past + 1;
    }
    if (!MUTANT("clock_master_ignores_limit") && ts >= store_clock_limit(c->kv->store)) {
        COVER("clock_limit_reached");
        requests_end(c, &m->batch, STATUS_BUSY); /* asked again when the limit is up */
        return;
    }
    m->last = ts;
    while (!list_empty(&m->batch))
        request_reply(c, CONTAINER_OF(m->batch.next, struct clock_request, link), STATUS_OK, ts);
}

static void on_confirmed(struct read_wait *w, enum status status)
{
    struct clock *c = w->ctx;
    struct clock_master *m = &c->master;
    m->reading = false;
    if (status == STATUS_CANCELLED || c->kv->stopping) {
        requests_end(c, &m->batch, STATUS_UNAVAILABLE);
        return;
    }
    if (status != STATUS_OK || !m->ready) {
        requests_end(c, &m->batch, STATUS_NOT_LEADER);
        clock_master_work(c);
        return;
    }
    if (c->source == KV_CLOCK_INTERVAL) answer_samples(c);
    else answer_readings(c);
    clock_master_work(c);
}

/* Everything earlier masters issued is below the limit that this term has applied. */
static uint64_t restart_reading(struct clock *c)
{
    uint64_t limit = store_clock_limit(c->kv->store);
    uint64_t wall = env_wall_ns(clock_env(c));
    return limit > wall && !MUTANT("clock_master_restarts_at_wall") ? limit : wall;
}

static void term_begin(struct clock *c, uint64_t term, uint64_t base)
{
    struct clock_master *m = &c->master;
    m->base = base;
    m->base_ns = env_now_ns(clock_env(c));
    m->last = m->base;
    m->term = term;
    m->ready = true;
    COVER("clock_new_master");
}

void clock_master_fenced(struct clock *c, uint64_t reached)
{
    struct clock_fence *f = &c->master.fence;
    struct replica *r = store_replica(c->kv->store, RANGE_META);
    if (r == NULL || !replica_serving(r) || replica_term(r) != f->epoch) {
        clock_master_work(c);
        return;
    }
    /* Others have relied on readings up to that much above the clock (A3). */
    bool goes_on = reached != 0 && c->source == KV_CLOCK_INTERVAL && limit_is_ours(c);
    if (goes_on) COVER("clock_goes_on_from_samples");
    term_begin(c, f->epoch, goes_on ? reached + CLOCK_WIDTH_NS_MAX : restart_reading(c));
    LOG_INFO(store_logger(c->kv->store), "txn", "this node is clock master", "epoch=%llu reading=%llu from=%s",
             (unsigned long long)f->epoch, (unsigned long long)c->master.base, goes_on ? "samples" : "limit");
    clock_master_work(c);
}

/* Starts what is due: the term's base, a higher limit, a round for those who wait. */
void clock_master_work(struct clock *c)
{
    struct clock_master *m = &c->master;
    struct replica *r = store_replica(c->kv->store, RANGE_META);
    if (r == NULL || !replica_serving(r)) {
        m->ready = false;
        clock_fence_end(c);
        requests_end(c, &m->queue, STATUS_NOT_LEADER);
        return;
    }
    if (!m->ready || m->term != replica_term(r)) {
        if (c->source == KV_CLOCK_INTERVAL || (!limit_is_ours(c) && !MUTANT("clock_samples_outlive_master"))) {
            m->ready = false;
            clock_fence_begin(c, replica_term(r));
            return;
        }
        term_begin(c, replica_term(r), restart_reading(c));
    }
    uint64_t reading = master_reading(c);
    if (reading < m->last) reading = m->last;
    if (reading + LIMIT_RAISE_NS >= store_clock_limit(c->kv->store) || !limit_is_ours(c)) master_raise(c, reading);
    if (m->reading || list_empty(&m->queue)) return;
    struct list *item;
    while ((item = list_pop_front(&m->queue)) != NULL) list_push_back(&m->batch, item);
    m->reading = true;
    m->read = (struct read_wait){.on_done = on_confirmed, .ctx = c};
    c->kv->metrics.clock_rounds++;
    replica_read(r, ROUND_TIMEOUT_NS, &m->read);
}

static void request_queue(struct clock *c, struct clock_request *q, struct rpc_token token, uint64_t past)
{
    if (q == NULL || c->kv->stopping) {
        free(q);
        rpc_reply(store_rpc(c->kv->store), token, STATUS_INVALID, BYTES_EMPTY);
        return;
    }
    q->token = token;
    q->past = past;
    list_push_back(&c->master.queue, &q->link);
    clock_master_work(c);
}

/* A node asks for what a master of another source would give. */
static void refuse_source(struct clock *c, struct rpc_token token)
{
    uint64_t now_ns = env_now_ns(clock_env(c));
    uint8_t source = (uint8_t)c->source;
    rpc_reply(store_rpc(c->kv->store), token, STATUS_UNSUPPORTED, bytes_make(&source, 1));
    if (c->master.told_ns != 0 && now_ns - c->master.told_ns < TELL_EVERY_NS) return;
    c->master.told_ns = now_ns;
    COVER("clock_of_another_source");
    LOG_WARN(store_logger(c->kv->store), "txn",
             "a node has another source of timestamps (--clock) than this one, the clock master: it gets none", "node=%llu here=%s",
             (unsigned long long)token.from.value, clock_source_name(c->source));
}

static void serve_now(void *ctx, struct rpc_token token, struct bytes body)
{
    struct clock *c = ctx;
    struct reader in = reader_make(body);
    uint64_t past = get_u64(&in);
    if (c->source != KV_CLOCK_ORACLE && c->master.ready) {
        refuse_source(c, token);
        return;
    }
    struct clock_request *q = reader_done(&in) && c->source == KV_CLOCK_ORACLE ? malloc(sizeof *q) : NULL;
    /* A reading a day ahead of ours is no reading of this cluster's clock. */
    if (q != NULL && c->master.ready && past > master_reading(c) + CLOCK_AHEAD_NS_MAX) {
        free(q);
        q = NULL;
    }
    request_queue(c, q, token, past);
}

static void serve_sync(void *ctx, struct rpc_token token, struct bytes body)
{
    struct clock *c = ctx;
    if (c->source != KV_CLOCK_INTERVAL && c->master.ready) {
        refuse_source(c, token);
        return;
    }
    struct clock_request *q = body.size == 0 && c->source == KV_CLOCK_INTERVAL ? malloc(sizeof *q) : NULL;
    request_queue(c, q, token, 0);
}

void clock_master_init(struct clock *c)
{
    list_init(&c->master.queue);
    list_init(&c->master.batch);
}

void clock_master_attach(struct clock *c)
{
    rpc_serve(store_rpc(c->kv->store), RPC_CLOCK_NOW, serve_now, c);
    rpc_serve(store_rpc(c->kv->store), RPC_CLOCK_SYNC, serve_sync, c);
    clock_fence_attach(c);
}

void clock_master_stop(struct clock *c)
{
    clock_fence_end(c);
    requests_end(c, &c->master.queue, STATUS_UNAVAILABLE);
}
