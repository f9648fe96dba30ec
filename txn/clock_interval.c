/* The `interval` source: samples of the master's clock every 15 ms, and between them two bounds of it (clock_bounds.h).
 * Readings cost no request: M is below the upper bound, so whatever is acknowledged later and waited for lies above.
 * What is known to have passed is the lower bound.
 *
 * It trusts this machine's clock, and the master's, to measure time to 1000 ppm. Where samples contradict each other nothing is
 * given until they agree again; lower bounds of the past stay (clock_bounds.least), so that nothing that was shown can be
 * unseen.
 *
 * RPC_CLOCK_SYNC: no body. Reply: epoch u64, the master's reading u64. UNSUPPORTED, its source u8: the master has another one. */
#include "txn/txn_int.h"

#define SAMPLE_EVERY_NS 15000000u
#define SAMPLE_TIMEOUT_NS 60000000u
#define WAKE_NS_MIN 1000u

static uint64_t now_of(const struct clock *c)
{
    return env_now_ns(clock_env(c));
}

bool clock_interval_at(const struct clock *c, uint64_t *low_out, uint64_t *high_out)
{
    return clock_bounds_at(&c->bounds, now_of(c), low_out, high_out);
}

static void look(struct clock *c)
{
    if (!clock_bounds_look(&c->bounds, now_of(c))) return;
    COVER("clock_gap");
    c->kv->metrics.clock_gaps++;
    LOG_WARN(store_logger(c->kv->store), "txn", "this process stood still: nothing is read or committed before the clock is known again",
             "%s", "");
}

/* ---- those who wait ---- */

struct bounds_now {
    bool known;
    uint64_t low, high, seen;
};

/* What it wants, or 0; then *ahead_ns_out: so long it will take at least. */
static uint64_t give(const struct bounds_now *b, const struct clock_wait *w, uint64_t *ahead_ns_out)
{
    *ahead_ns_out = 0;
    if (w->want == CLOCK_WANT_PAST) {
        if (b->seen > w->past || (MUTANT("gate_above_upper_bound") && b->high > w->past)) return b->seen;
        *ahead_ns_out = w->past - b->seen + 1;
        return 0;
    }
    if (!b->known) return 0;
    if (w->want == CLOCK_WANT_FLOOR) return b->high + (MUTANT("clock_floor_without_width") ? 0 : CLOCK_WIDTH_NS_MAX);
    if (MUTANT("clock_reads_lower_bound")) return b->low > w->past ? b->low : w->past + 1;
    if (b->high > w->past) return b->high;
    *ahead_ns_out = w->past - b->high + 1;
    return 0;
}

static void wake_in(struct clock *c, uint64_t ahead_ns)
{
    struct timer_heap *timers = store_timers(c->kv->store);
    timer_cancel(timers, &c->retry);
    timer_arm(timers, &c->retry, now_of(c) + ahead_ns);
}

static void serve(struct clock *c)
{
    uint64_t now_ns = now_of(c), soonest_ns = UINT64_MAX;
    struct bounds_now b = {.known = clock_interval_at(c, &b.low, &b.high)};
    b.seen = clock_seen(c);
    struct list keep, *item;
    list_init(&keep);
    while ((item = list_pop_front(&c->waiting)) != NULL) {
        struct clock_wait *w = CONTAINER_OF(item, struct clock_wait, link);
        list_push_back(&keep, item);
        uint64_t ahead_ns, ts = give(&b, w, &ahead_ns);
        if (ts != 0) clock_wait_end(w, STATUS_OK, ts);
        else if (now_ns >= w->deadline_ns) clock_wait_end(w, STATUS_UNAVAILABLE, 0);
        else if (b.known && ahead_ns < soonest_ns) soonest_ns = ahead_ns;
    }
    /* Those that were given something may have begun another wait: their timer is armed. */
    bool more = !list_empty(&c->waiting);
    while ((item = keep.prev) != &keep) {
        list_remove(item);
        list_push_front(&c->waiting, item);
    }
    if (b.known) c->unanswered_since_ns = list_empty(&c->waiting) ? 0 : now_ns;
    if (!more && soonest_ns != UINT64_MAX) wake_in(c, soonest_ns > WAKE_NS_MIN ? soonest_ns : WAKE_NS_MIN);
}

static void on_wake(struct timer *t, void *ctx)
{
    (void)t;
    struct clock *c = ctx;
    look(c);
    serve(c);
}

/* Collected for a moment: the timer fires before the turn ends. */
void clock_interval_wait(struct clock *c, struct clock_wait *w)
{
    list_push_back(&c->waiting, &w->link);
    wake_in(c, 0);
}

/* ---- samples ---- */

static void take(struct clock *c, uint64_t epoch, uint64_t reading)
{
    struct clock_bounds *b = &c->bounds;
    switch (clock_bounds_add(b, epoch, c->asked_ns, now_of(c), reading)) {
    case CLOCK_SAMPLE_TAKEN:
        c->kv->metrics.clock_samples++;
        clock_note_seen(c, b->least);
        serve(c);
        return;
    case CLOCK_SAMPLE_OLD: COVER("clock_sample_refused"); return;
    case CLOCK_SAMPLE_CONTRADICTS:
        COVER("clock_samples_contradict");
        c->kv->metrics.clock_contradictions++;
        LOG_WARN(store_logger(c->kv->store), "txn",
                 "this clock and the clock master's contradict each other: one of them is wrong. Nothing is read or committed before "
                 "they agree", "epoch=%llu master=%llu", (unsigned long long)epoch, (unsigned long long)c->call.to.value);
        return;
    }
}

static void on_sample(struct rpc_call *call, enum status status, struct bytes body)
{
    struct clock *c = call->ctx;
    c->asking = false;
    struct reader in = reader_make(body);
    uint64_t epoch = get_u64(&in), reading = get_u64(&in);
    clock_master_said(c, call->to, status, body);
    if (status == STATUS_OK && reader_done(&in)) take(c, epoch, reading);
    else if (status != STATUS_OK) store_route_refused(c->kv->store, RANGE_META, call->to, status, body);
}

static void sample(struct clock *c)
{
    struct node_id master = store_meta_leader(c->kv->store);
    if (c->asking || c->kv->stopping || master.value == 0) return;
    c->call = (struct rpc_call){.on_done = on_sample, .ctx = c};
    c->asked_ns = now_of(c);
    c->asking = rpc_start(store_rpc(c->kv->store), &c->call, master, RPC_CLOCK_SYNC, BYTES_EMPTY, SAMPLE_TIMEOUT_NS) == STATUS_OK;
}

static void on_tick(struct timer *t, void *ctx)
{
    struct clock *c = ctx;
    look(c);
    sample(c);
    clock_note_seen(c, clock_seen(c));
    serve(c);
    timer_arm(store_timers(c->kv->store), t, now_of(c) + SAMPLE_EVERY_NS);
}

/* ---- messages of other nodes ---- */

static uint64_t stamp_make(void *ctx)
{
    return clock_seen(ctx);
}

/* M is there already. When that is beyond our upper bound our clock has stood still, or theirs is wrong. */
static void stamp_take(void *ctx, struct node_id from, uint64_t stamp)
{
    struct clock *c = ctx;
    if (c->kv->stopping || !clock_bounds_heard(&c->bounds, now_of(c), stamp)) return;
    COVER("clock_behind_others");
    c->kv->metrics.clock_contradictions++;
    LOG_WARN(store_logger(c->kv->store), "txn", "another node knows of a later time than is possible by this clock: nothing is read or "
             "committed before it is known again", "node=%llu", (unsigned long long)from.value);
    sample(c);
}

void clock_interval_attach(struct clock *c)
{
    c->stamp = (struct rpc_stamp){.make = stamp_make, .take = stamp_take, .ctx = c};
    rpc_set_stamp(store_rpc(c->kv->store), &c->stamp);
    timer_init(&c->retry, on_wake, c);
    timer_init(&c->tick, on_tick, c);
    timer_arm(store_timers(c->kv->store), &c->tick, now_of(c));
}

void clock_interval_stop(struct clock *c)
{
    rpc_set_stamp(store_rpc(c->kv->store), NULL);
    timer_cancel(store_timers(c->kv->store), &c->retry);
    timer_cancel(store_timers(c->kv->store), &c->tick);
    if (c->asking) rpc_cancel(&c->call);
    c->asking = false;
}
