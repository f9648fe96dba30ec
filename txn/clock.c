/* Timestamps. The clock master is the leader of the metadata range. M(t), its clock, is its monotonic
 * clock plus a constant of its term; it never goes back, across masters and restarts (I2), because a new
 * master begins at the replicated limit below which its predecessors stayed.
 *
 * This is the `oracle` source: every reading is a request to the master, one batch under way per core.
 * The master confirms, after the requests came, that it still is the leader: by its lease, else by a quorum
 * round. So a reading is above every reading answered before the request was made. Leases trust clocks to
 * measure durations (shard/README.md, Liveness); without leases nothing here trusts the rate of any clock. */
#include "txn/txn_int.h"

#include <stdlib.h>

#define LIMIT_AHEAD_NS 3000000000u  /* a limit reaches so far ahead */
#define LIMIT_RAISE_NS 1500000000u  /* and is raised when less is left */
#define RETRY_NS 10000000u
#define ROUND_TIMEOUT_NS 2000000000u
#define IDLE_ASK_NS 1000000000u

struct clock_request {
    struct list link;
    struct rpc_token token;
    uint64_t past;
};

static struct env *env_of(struct clock *c)
{
    return store_env(c->kv->store);
}

/* ================================ the master ================================ */

static void master_work(struct clock *c);

static void request_reply(struct clock *c, struct clock_request *q, enum status status, uint64_t ts)
{
    uint8_t body[8];
    store_le64(body, ts);
    rpc_reply(store_rpc(c->kv->store), q->token, status, bytes_make(body, sizeof body));
    list_remove(&q->link);
    free(q);
}

static void requests_end(struct clock *c, struct list *requests, enum status status)
{
    while (!list_empty(requests))
        request_reply(c, CONTAINER_OF(requests->next, struct clock_request, link), status, 0);
}

static uint64_t master_reading(struct clock *c)
{
    struct clock_master *m = &c->master;
    return m->base + (env_now_ns(env_of(c)) - m->base_ns);
}

static void on_raised(struct proposal *p, enum status status, struct bytes result)
{
    (void)result;
    struct clock *c = p->ctx;
    c->master.raising = false;
    if (status == STATUS_CANCELLED || c->kv->stopping) return;
    master_work(c);
}

static void master_raise(struct clock *c, uint64_t at_least)
{
    struct clock_master *m = &c->master;
    if (m->raising) return;
    m->raise = (struct proposal){.on_done = on_raised, .ctx = c};
    m->raising =
        store_clock_limit_raise(c->kv->store, at_least + LIMIT_AHEAD_NS, &m->raise) == STATUS_OK;
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
        master_work(c);
        return;
    }
    uint64_t ts = master_reading(c);
    if (ts <= m->last) ts = m->last + 1;
    LIST_FOR_EACH(item, &m->batch) {
        struct clock_request *q = CONTAINER_OF(item, struct clock_request, link);
        if (ts <= q->past) ts = q->past + 1;
    }
    if (MUTANT("clock_master_ignores_limit") || ts < store_clock_limit(c->kv->store)) {
        m->last = ts;
        while (!list_empty(&m->batch))
            request_reply(c, CONTAINER_OF(m->batch.next, struct clock_request, link), STATUS_OK, ts);
    } else {
        COVER("clock_limit_reached");
        requests_end(c, &m->batch, STATUS_BUSY); /* asked again when the limit is up */
    }
    master_work(c);
}

/* Starts what is due: the term's base, a higher limit, a round for those who wait. */
static void master_work(struct clock *c)
{
    struct clock_master *m = &c->master;
    struct replica *r = store_replica(c->kv->store, RANGE_META);
    if (r == NULL || !replica_serving(r)) {
        m->ready = false;
        requests_end(c, &m->queue, STATUS_NOT_LEADER);
        return;
    }
    if (!m->ready || m->term != replica_term(r)) {
        /* Everything earlier masters issued is below the limit that this term has applied. */
        uint64_t limit = store_clock_limit(c->kv->store);
        uint64_t wall = env_wall_ns(env_of(c));
        m->base = limit > wall ? limit : wall;
        if (MUTANT("clock_master_restarts_at_wall")) m->base = wall;
        m->base_ns = env_now_ns(env_of(c));
        m->last = m->base;
        m->term = replica_term(r);
        m->ready = true;
        COVER("clock_new_master");
    }
    uint64_t reading = master_reading(c);
    if (reading < m->last) reading = m->last;
    if (reading + LIMIT_RAISE_NS >= store_clock_limit(c->kv->store)) master_raise(c, reading);
    if (m->reading || list_empty(&m->queue)) return;
    struct list *item;
    while ((item = list_pop_front(&m->queue)) != NULL) list_push_back(&m->batch, item);
    m->reading = true;
    m->read = (struct read_wait){.on_done = on_confirmed, .ctx = c};
    c->kv->metrics.clock_rounds++;
    replica_read(r, ROUND_TIMEOUT_NS, &m->read);
}

static void serve_now(void *ctx, struct rpc_token token, struct bytes body)
{
    struct clock *c = ctx;
    struct reader in = reader_make(body);
    uint64_t past = get_u64(&in);
    struct clock_request *q = reader_done(&in) ? malloc(sizeof *q) : NULL;
    /* A reading a day ahead of ours is no reading of this cluster's clock. */
    if (q != NULL && c->master.ready && past > master_reading(c) + 86400000000000u) {
        free(q);
        q = NULL;
    }
    if (q == NULL || c->kv->stopping) {
        free(q);
        rpc_reply(store_rpc(c->kv->store), token, STATUS_INVALID, BYTES_EMPTY);
        return;
    }
    q->token = token;
    q->past = past;
    list_push_back(&c->master.queue, &q->link);
    master_work(c);
}

void clock_role_changed(struct clock *c)
{
    if (!c->kv->stopping && c->kv->store != NULL) master_work(c);
}

/* ================================ everybody ================================ */

static void ask(struct clock *c);

static void on_retry(struct timer *t, void *ctx)
{
    (void)t;
    ask(ctx);
}

static void retry_later(struct clock *c)
{
    if (!timer_armed(&c->retry) && !c->kv->stopping)
        timer_arm(store_timers(c->kv->store), &c->retry, env_now_ns(env_of(c)) + RETRY_NS);
}

static void wait_end(struct clock_wait *w, enum status status, uint64_t ts)
{
    list_remove(&w->link);
    w->on_done(w, status, ts);
}

/* Nobody answered: those whose time is up learn it, the others stay. */
static void waits_expire(struct clock *c, struct list *waits)
{
    uint64_t now_ns = env_now_ns(env_of(c));
    struct list keep;
    list_init(&keep);
    struct list *item;
    while ((item = list_pop_front(waits)) != NULL) {
        struct clock_wait *w = CONTAINER_OF(item, struct clock_wait, link);
        list_push_back(&keep, item);
        if (now_ns >= w->deadline_ns) wait_end(w, STATUS_UNAVAILABLE, 0);
    }
    while ((item = list_pop_front(&keep)) != NULL) list_push_back(waits, item);
}

static void on_answer(struct rpc_call *call, enum status status, struct bytes body)
{
    struct clock *c = call->ctx;
    c->asking = false;
    struct reader in = reader_make(body);
    uint64_t ts = status == STATUS_OK ? get_u64(&in) : 0;
    if (status == STATUS_OK && reader_done(&in)) {
        if (ts > c->seen) c->seen = ts;
        c->unanswered_since_ns = list_empty(&c->waiting) ? 0 : env_now_ns(env_of(c));
        while (!list_empty(&c->asked))
            wait_end(CONTAINER_OF(c->asked.next, struct clock_wait, link), STATUS_OK, ts);
    } else {
        store_route_refused(c->kv->store, RANGE_META, call->to, status, body);
        /* Back to the front of the queue, in order. */
        while (!list_empty(&c->asked)) {
            struct list *last = c->asked.prev;
            list_remove(last);
            list_push_front(&c->waiting, last);
        }
        waits_expire(c, &c->waiting);
        if (!list_empty(&c->waiting)) retry_later(c);
        return;
    }
    if (!list_empty(&c->waiting)) ask(c);
}

static void ask(struct clock *c)
{
    if (c->asking || list_empty(&c->waiting) || c->kv->stopping) return;
    struct node_id master = store_meta_leader(c->kv->store);
    if (master.value == 0) {
        waits_expire(c, &c->waiting);
        if (!list_empty(&c->waiting)) retry_later(c);
        return;
    }
    uint64_t past = 0;
    struct list *item;
    while ((item = list_pop_front(&c->waiting)) != NULL) {
        struct clock_wait *w = CONTAINER_OF(item, struct clock_wait, link);
        if (w->past > past) past = w->past;
        list_push_back(&c->asked, item);
    }
    uint8_t body[8];
    store_le64(body, past);
    c->call = (struct rpc_call){.on_done = on_answer, .ctx = c};
    c->asking = true;
    enum status status = rpc_start(store_rpc(c->kv->store), &c->call, master, RPC_CLOCK_NOW,
                                   bytes_make(body, sizeof body), ROUND_TIMEOUT_NS);
    if (status != STATUS_OK) on_answer(&c->call, status, BYTES_EMPTY);
}

void clock_now(struct clock *c, struct clock_wait *w, uint64_t timeout_ns)
{
    clock_wait_past(c, w, 0, timeout_ns);
}

bool clock_is_past(const struct clock *c, uint64_t ts)
{
    return ts < c->seen || MUTANT("gate_clock");
}

void clock_wait_past(struct clock *c, struct clock_wait *w, uint64_t ts, uint64_t timeout_ns)
{
    ASSERT(w->on_done != NULL);
    uint64_t now_ns = env_now_ns(env_of(c));
    w->past = ts;
    w->deadline_ns = now_ns + timeout_ns;
    if (c->unanswered_since_ns == 0) c->unanswered_since_ns = now_ns;
    list_push_back(&c->waiting, &w->link);
    /* Collected for a moment: the timer fires before the turn ends. */
    if (!c->asking && !timer_armed(&c->retry))
        timer_arm(store_timers(c->kv->store), &c->retry, now_ns);
}

void clock_cancel(struct clock_wait *w)
{
    if (w->link.next != NULL && !list_empty(&w->link)) list_remove(&w->link);
}

/* Every node asks now and then, also when nobody needs it: so /readyz knows that it could. */
static void on_idle_answer(struct clock_wait *w, enum status status, uint64_t ts)
{
    (void)status;
    (void)ts;
    struct clock *c = w->ctx;
    if (!c->kv->stopping)
        timer_arm(store_timers(c->kv->store), &c->idle, env_now_ns(env_of(c)) + IDLE_ASK_NS);
}

static void on_idle(struct timer *t, void *ctx)
{
    (void)t;
    struct clock *c = ctx;
    c->idle_wait = (struct clock_wait){.on_done = on_idle_answer, .ctx = c};
    clock_now(c, &c->idle_wait, IDLE_ASK_NS);
}

void clock_ask_soon(struct clock *c)
{
    if (!timer_armed(&c->idle)) return; /* it is being asked */
    timer_cancel(store_timers(c->kv->store), &c->idle);
    on_idle(&c->idle, c);
}

void clock_init(struct clock *c, struct kv *kv)
{
    c->kv = kv;
    list_init(&c->waiting);
    list_init(&c->asked);
    list_init(&c->master.queue);
    list_init(&c->master.batch);
    timer_init(&c->retry, on_retry, c);
    timer_init(&c->idle, on_idle, c);
}

void clock_attach(struct clock *c)
{
    rpc_serve(store_rpc(c->kv->store), RPC_CLOCK_NOW, serve_now, c);
    timer_arm(store_timers(c->kv->store), &c->idle, env_now_ns(env_of(c)) + RETRY_NS);
}

void clock_stop(struct clock *c)
{
    ASSERT(c->kv->stopping);
    timer_cancel(store_timers(c->kv->store), &c->retry);
    timer_cancel(store_timers(c->kv->store), &c->idle);
    if (c->asking) rpc_cancel(&c->call);
    c->asking = false;
    requests_end(c, &c->master.queue, STATUS_UNAVAILABLE);
    while (!list_empty(&c->asked))
        wait_end(CONTAINER_OF(c->asked.next, struct clock_wait, link), STATUS_CANCELLED, 0);
    while (!list_empty(&c->waiting))
        wait_end(CONTAINER_OF(c->waiting.next, struct clock_wait, link), STATUS_CANCELLED, 0);
}
