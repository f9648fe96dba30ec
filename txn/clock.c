#include "txn/txn_int.h"

#define RETRY_NS 10000000u
#define IDLE_ASK_NS 1000000000u

struct env *clock_env(const struct clock *c)
{
    return store_env(c->kv->store);
}

const char *clock_source_name(enum kv_clock_source source)
{
    return source == KV_CLOCK_INTERVAL ? "interval" : "oracle";
}

void clock_master_said(struct clock *c, struct node_id master, enum status status, struct bytes body)
{
    bool differs = status == STATUS_UNSUPPORTED && body.size == 1; /* its source; else it is not up yet */
    if (differs == c->differs || (!differs && status != STATUS_OK)) return;
    c->differs = differs;
    if (!differs) {
        LOG_INFO(store_logger(c->kv->store), "txn", "the clock master has the same source of timestamps as this node again",
                 "master=%llu here=%s", (unsigned long long)master.value, clock_source_name(c->source));
        return;
    }
    COVER("clock_master_differs");
    LOG_WARN(store_logger(c->kv->store), "txn",
             "the clock master has another source of timestamps than this node (--clock, the same on all nodes): nothing is read or "
             "committed at its ranges", "master=%llu here=%s", (unsigned long long)master.value, clock_source_name(c->source));
}

void clock_wait_end(struct clock_wait *w, enum status status, uint64_t ts)
{
    list_remove(&w->link);
    w->on_done(w, status, ts);
}

/* Nobody answered: those whose time is up learn it, the others stay. */
void clock_waits_expire(struct clock *c, struct list *waits)
{
    uint64_t now_ns = env_now_ns(clock_env(c));
    struct list keep;
    list_init(&keep);
    struct list *item;
    while ((item = list_pop_front(waits)) != NULL) {
        struct clock_wait *w = CONTAINER_OF(item, struct clock_wait, link);
        list_push_back(&keep, item);
        if (now_ns >= w->deadline_ns) clock_wait_end(w, STATUS_UNAVAILABLE, 0);
    }
    while ((item = list_pop_front(&keep)) != NULL) list_push_back(waits, item);
}

static void wait_begin(struct clock *c, struct clock_wait *w, enum clock_want want, uint64_t past, uint64_t timeout_ns)
{
    ASSERT(w->on_done != NULL);
    uint64_t now_ns = env_lately_ns(clock_env(c));
    w->want = want;
    w->past = past;
    w->deadline_ns = now_ns + timeout_ns;
    if (c->unanswered_since_ns == 0) c->unanswered_since_ns = now_ns;
    /* Of a node that ends no timer is left: its owner gives up such a wait with the rest. */
    if (c->kv->stopping) list_push_back(&c->waiting, &w->link);
    else if (c->source == KV_CLOCK_INTERVAL) clock_interval_wait(c, w);
    else clock_oracle_wait(c, w);
}

void clock_now(struct clock *c, struct clock_wait *w, uint64_t after, uint64_t timeout_ns)
{
    clock_now_above(c, w, 0, after, timeout_ns);
}

void clock_now_above(struct clock *c, struct clock_wait *w, uint64_t above, uint64_t after, uint64_t timeout_ns)
{
    /* What another node has read lies below every later reading of the master's, but not below our upper bound. */
    if (c->source == KV_CLOCK_INTERVAL && after > above && !MUTANT("clock_reading_below_another")) above = after;
    wait_begin(c, w, CLOCK_WANT_READING, above, timeout_ns);
}

void clock_floor(struct clock *c, struct clock_wait *w, uint64_t timeout_ns)
{
    wait_begin(c, w, CLOCK_WANT_FLOOR, 0, timeout_ns);
}

bool clock_has_reached_reading(const struct clock *c, uint64_t ts)
{
    return c->source == KV_CLOCK_ORACLE || clock_has_reached(c, ts) || MUTANT("clock_cap");
}

bool clock_has_reached(const struct clock *c, uint64_t ts)
{
    uint64_t low, high;
    if (c->source == KV_CLOCK_ORACLE) return c->seen >= ts;
    return clock_interval_at(c, &low, &high) && high >= ts;
}

void clock_wait_reached(struct clock *c, struct clock_wait *w, uint64_t ts, uint64_t timeout_ns)
{
    ASSERT(ts > 0);
    wait_begin(c, w, CLOCK_WANT_READING, ts - 1, timeout_ns);
}

bool clock_is_past(const struct clock *c, uint64_t ts)
{
    return ts < clock_seen(c) || MUTANT("gate_clock");
}

void clock_wait_past(struct clock *c, struct clock_wait *w, uint64_t ts, uint64_t timeout_ns)
{
    wait_begin(c, w, CLOCK_WANT_PAST, ts, timeout_ns);
}

void clock_cancel(struct clock_wait *w)
{
    if (w->link.next != NULL && !list_empty(&w->link)) list_remove(&w->link);
}

uint64_t clock_seen(const struct clock *c)
{
    uint64_t low, high;
    if (c->source == KV_CLOCK_ORACLE || !clock_interval_at(c, &low, &high)) return c->seen;
    return low > c->seen ? low : c->seen;
}

uint64_t clock_estimate(const struct clock *c)
{
    uint64_t low, high;
    if (c->source == KV_CLOCK_INTERVAL && clock_interval_at(c, &low, &high)) return low > c->seen ? low : c->seen;
    return c->seen == 0 ? 0 : c->seen + (env_now_ns(clock_env(c)) - c->seen_ns);
}

bool clock_may_be(const struct clock *c, uint64_t ts)
{
    uint64_t now = clock_estimate(c), most = now == 0 ? UINT64_MAX / 2 : now + CLOCK_AHEAD_NS_MAX;
    return ts < most || MUTANT("clock_believes_anything");
}

void clock_note_seen(struct clock *c, uint64_t ts)
{
    if (ts <= c->seen) return;
    c->seen = ts;
    c->seen_ns = env_now_ns(clock_env(c));
}

uint64_t clock_passed(const struct clock *c, uint64_t reading)
{
    uint64_t seen = clock_seen(c);
    return c->source == KV_CLOCK_ORACLE || reading < seen ? reading : seen;
}

void clock_role_changed(struct clock *c)
{
    if (!c->kv->stopping && c->kv->store != NULL) clock_master_work(c);
}

/* Every node asks now and then, also when nobody needs it: so /readyz knows that it could. */
static void on_idle_answer(struct clock_wait *w, enum status status, uint64_t ts)
{
    (void)status;
    (void)ts;
    struct clock *c = w->ctx;
    if (!c->kv->stopping)
        timer_arm(store_timers(c->kv->store), &c->idle, env_now_ns(clock_env(c)) + IDLE_ASK_NS);
}

static void on_idle(struct timer *t, void *ctx)
{
    (void)t;
    struct clock *c = ctx;
    c->idle_wait = (struct clock_wait){.on_done = on_idle_answer, .ctx = c};
    clock_now(c, &c->idle_wait, 0, IDLE_ASK_NS);
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
    timer_init(&c->idle, on_idle, c);
    clock_master_init(c);
}

void clock_attach(struct clock *c)
{
    clock_master_attach(c);
    if (c->source == KV_CLOCK_INTERVAL) clock_interval_attach(c);
    else clock_oracle_attach(c);
    timer_arm(store_timers(c->kv->store), &c->idle, env_now_ns(clock_env(c)) + RETRY_NS);
}

void clock_stop(struct clock *c)
{
    ASSERT(c->kv->stopping);
    timer_cancel(store_timers(c->kv->store), &c->idle);
    if (c->source == KV_CLOCK_INTERVAL) clock_interval_stop(c);
    else clock_oracle_stop(c);
    clock_master_stop(c);
    while (!list_empty(&c->asked))
        clock_wait_end(CONTAINER_OF(c->asked.next, struct clock_wait, link), STATUS_CANCELLED, 0);
    while (!list_empty(&c->waiting))
        clock_wait_end(CONTAINER_OF(c->waiting.next, struct clock_wait, link), STATUS_CANCELLED, 0);
}
