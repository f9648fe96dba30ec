/* Requests from this node to the leaders of ranges: finds the route, asks, and asks again where that cannot
 * do harm. A commit that was sent and not answered is never sent again: its outcome is unknown. */
#include <stdlib.h>

#include "txn/txn_int.h"

#define BACKOFF_NS_MIN 2000000u
#define BACKOFF_NS_MAX 100000000u
#define INTERRUPT_GRACE_NS 1000000000u /* for the answer to a commit that was sent */

/* One attempt, or one pause, of a fiber. */
struct gateway_wait {
    struct list link; /* kv.calls */
    struct kv *kv;
    struct fiber *fiber;
    struct rpc_call call;
    struct timer timer;     /* ends a pause, or what is left to an interrupted commit */
    enum rpc_kind kind;
    bool pausing, repeatable, done;
    enum status status;
    struct buf *reply;
};

static void wake(struct gateway_wait *w)
{
    w->done = true;
    fiber_resume(w->fiber);
}

static void on_reply(struct rpc_call *call, enum status status, struct bytes body)
{
    struct gateway_wait *w = call->ctx;
    w->status = status;
    buf_reset(w->reply);
    buf_append_bytes(w->reply, body);
    if (w->reply->failed) w->status = STATUS_NO_MEMORY;
    wake(w);
}

static void on_grace_over(struct timer *t, void *ctx)
{
    (void)t;
    struct gateway_wait *w = ctx;
    ASSERT(w->call.active);
    rpc_cancel(&w->call);
    w->status = STATUS_UNKNOWN_OUTCOME;
    wake(w);
}

static void on_pause_over(struct timer *t, void *ctx)
{
    (void)t;
    wake(ctx);
}

static void wait_begin(struct gateway_wait *w, struct kv *kv)
{
    *w = (struct gateway_wait){.kv = kv, .fiber = fiber_current(store_fibers(kv->store))};
    ASSERT(w->fiber != NULL);
    list_push_back(&kv->calls, &w->link);
}

static void wait_end(struct gateway_wait *w, struct gateway_interrupt *i)
{
    if (i != NULL) i->wait = w;
    while (!w->done) fiber_suspend(store_fibers(w->kv->store));
    if (i != NULL) i->wait = NULL;
    timer_cancel(store_timers(w->kv->store), &w->timer);
    list_remove(&w->link);
}

/* A commit that is on its way may already be in the log: its answer is worth a moment, and when it does not
 * come nobody may say that nothing happened. */
void gateway_interrupt(struct gateway_interrupt *i)
{
    i->requested = true;
    struct gateway_wait *w = i->wait;
    if (w == NULL || w->done) return;
    struct kv *kv = w->kv;
    if (!w->pausing && !w->repeatable && !MUTANT("interrupt_forgets_commit")) {
        COVER("txn_commit_interrupted");
        if (timer_armed(&w->timer)) return;
        timer_init(&w->timer, on_grace_over, w);
        timer_arm(store_timers(kv->store), &w->timer, env_now_ns(store_env(kv->store)) + INTERRUPT_GRACE_NS);
        return;
    }
    if (w->call.active) rpc_cancel(&w->call);
    timer_cancel(store_timers(kv->store), &w->timer);
    w->status = STATUS_TIMEOUT;
    wake(w);
}

enum rpc_kind gateway_waits_for(const struct gateway_interrupt *i)
{
    return i->wait == NULL ? 0 : i->wait->kind;
}

void gateway_pause(struct kv *kv, uint64_t duration_ns, struct gateway_interrupt *i)
{
    struct gateway_wait w;
    wait_begin(&w, kv);
    w.pausing = true;
    timer_init(&w.timer, on_pause_over, &w);
    timer_arm(store_timers(kv->store), &w.timer, env_now_ns(store_env(kv->store)) + duration_ns);
    wait_end(&w, i);
}

enum status gateway_breathe(struct kv *kv, struct gateway_interrupt *i)
{
    if (!kv->stopping && !i->requested) gateway_pause(kv, 0, i);
    return kv->stopping ? STATUS_CANCELLED : i->requested ? STATUS_TIMEOUT : STATUS_OK;
}

static enum status attempt(struct kv *kv, struct gateway_request *q, struct node_id leader,
                           uint64_t timeout_ns, struct buf *reply)
{
    struct gateway_wait w;
    wait_begin(&w, kv);
    w.reply = reply;
    w.repeatable = q->repeatable;
    w.kind = q->kind;
    w.call.on_done = on_reply;
    w.call.ctx = &w;
    enum status status = rpc_start(store_rpc(kv->store), &w.call, leader, q->kind, buf_view(q->body),
                                   timeout_ns);
    if (status != STATUS_OK) {
        list_remove(&w.link);
        return status;
    }
    uint64_t start_ns = q->kind == RPC_LOCK ? env_now_ns(store_env(kv->store)) : 0;
    if (q->interrupt != NULL) {
        q->interrupt->calls += !q->asked;
        q->interrupt->requests++;
    }
    q->asked = true;
    wait_end(&w, q->interrupt);
    if (q->interrupt != NULL && q->kind == RPC_LOCK)
        q->interrupt->lock_ns += env_now_ns(store_env(kv->store)) - start_ns;
    return w.status;
}

enum status gateway_ask(struct kv *kv, struct gateway_request *q, struct node_id node, uint64_t timeout_ns, struct buf *reply)
{
    if (kv->stopping) return STATUS_CANCELLED;
    if (q->interrupt != NULL && q->interrupt->requested) return STATUS_TIMEOUT;
    buf_reset(reply);
    return attempt(kv, q, node, timeout_ns, reply);
}

void gateway_stop(struct kv *kv)
{
    ASSERT(kv->stopping);
    while (!list_empty(&kv->calls)) {
        struct gateway_wait *w = CONTAINER_OF(kv->calls.next, struct gateway_wait, link);
        list_remove(&w->link);
        if (w->call.active) rpc_cancel(&w->call);
        timer_cancel(store_timers(kv->store), &w->timer);
        w->status = STATUS_CANCELLED;
        wake(w);
    }
}

/* Learns from a refusal; returns whether another attempt may be better at once. */
static bool learn(struct kv *kv, enum status status, struct range_id range, struct node_id asked,
                  const struct buf *reply)
{
    struct reader in = reader_make(buf_view(reply));
    if (status == STATUS_STALE_ROUTE) {
        struct descriptor *d = calloc(1, sizeof *d);
        while (d != NULL && reader_left(&in) > 0) { /* the range itself, and perhaps the one behind it */
            struct bytes encoded = get_sized(&in);
            struct node_id leader = {get_u64(&in)};
            if (in.failed || descriptor_decode(encoded, d) != STATUS_OK) break;
            store_route_learn(kv->store, d);
            if (leader.value != 0) store_route_learn_leader(kv->store, d->range, leader);
        }
        free(d);
        return true;
    }
    if (status == STATUS_NOT_LEADER && reply->size == 8) {
        struct node_id hint = {get_u64(&in)};
        store_route_learn_leader(kv->store, range, hint);
        return hint.value != 0 && hint.value != asked.value;
    }
    if (status != STATUS_BUSY) store_route_learn_leader(kv->store, range, (struct node_id){0});
    return false;
}

/* Nobody serves the range, as far as the last attempt could tell. */
static bool no_quorum(enum status status)
{
    return status == STATUS_UNAVAILABLE || status == STATUS_NOT_LEADER || status == STATUS_CLOSED;
}

/* What to say when the time is over and nothing was proposed. */
static enum status gave_up(const struct gateway_request *q, enum status last)
{
    if (no_quorum(last)) return STATUS_UNAVAILABLE;
    if (q->deadline_ns != 0) return STATUS_TIMEOUT;
    return last == STATUS_BUSY || last == STATUS_NO_SPACE ? last : STATUS_UNAVAILABLE;
}

static uint64_t give_up_at(const struct kv *kv, const struct gateway_request *q, uint64_t now_ns)
{
    if (q->deadline_ns != 0) return q->deadline_ns;
    return now_ns + (q->no_quorum_ns != 0 ? q->no_quorum_ns : kv->no_quorum_timeout_ns);
}

static enum status route_of(struct kv *kv, const struct gateway_request *q, struct route *route_out)
{
    return q->range.value != 0 ? store_route_of(kv->store, q->range, route_out)
                               : store_route(kv->store, q->key, route_out);
}

/* What is borrowed from the store's routes may go with the next one that is learnt. */
static enum status keep_bounds(struct buf bounds[2], struct route *route)
{
    buf_reset(&bounds[0]);
    buf_reset(&bounds[1]);
    buf_append_bytes(&bounds[0], route->start);
    buf_append_bytes(&bounds[1], route->end);
    route->start = buf_view(&bounds[0]);
    route->end = buf_view(&bounds[1]);
    return bounds[0].failed || bounds[1].failed ? STATUS_NO_MEMORY : STATUS_OK;
}

enum status gateway_find(struct kv *kv, const struct gateway_request *q, bool before, struct buf bounds[2],
                         struct route *route_out)
{
    struct env *env = store_env(kv->store);
    uint64_t now_ns = env_now_ns(env), give_up_ns = give_up_at(kv, q, now_ns), backoff_ns = BACKOFF_NS_MIN;
    for (;; now_ns = env_now_ns(env)) {
        if (kv->stopping) return STATUS_CANCELLED;
        if (q->interrupt != NULL && q->interrupt->requested) return STATUS_TIMEOUT;
        enum status status = before ? store_route_before(kv->store, q->key, route_out) : route_of(kv, q, route_out);
        if (status == STATUS_OK) return keep_bounds(bounds, route_out);
        if (now_ns >= give_up_ns) return gave_up(q, STATUS_UNAVAILABLE);
        COVER("txn_route_awaited");
        gateway_pause(kv, backoff_ns < give_up_ns - now_ns ? backoff_ns : give_up_ns - now_ns, q->interrupt);
        if (backoff_ns < BACKOFF_NS_MAX) backoff_ns *= 2;
    }
}

/* What is stamped needs a time at or above which it happens: after a start none is known before the clock has answered,
 * and an id with time 0 would be refused by everybody. */
static bool may_stamp(struct kv *kv, const struct gateway_request *q)
{
    if (q->before_attempt == NULL || kv->clock.seen != 0 || MUTANT("outcome_untimed")) return true;
    COVER("txn_stamp_waits_for_clock");
    clock_ask_soon(&kv->clock);
    return false;
}

enum status gateway_call(struct kv *kv, struct gateway_request *q, struct buf *reply)
{
    struct env *env = store_env(kv->store);
    uint64_t now_ns = env_now_ns(env);
    uint64_t give_up_ns = give_up_at(kv, q, now_ns);
    uint64_t backoff_ns = BACKOFF_NS_MIN;
    enum status status = STATUS_WAIT; /* of the last attempt */
    bool tried = false;
    for (; !kv->stopping; now_ns = env_now_ns(env)) {
        if (q->interrupt != NULL && q->interrupt->requested) {
            status = STATUS_TIMEOUT;
            break;
        }
        if (now_ns >= give_up_ns) {
            status = gave_up(q, status);
            break;
        }
        struct route route;
        bool at_once = false;
        bool known = route_of(kv, q, &route) == STATUS_OK;
        if (known && !hull_fits(&q->hull, &route)) { /* who cut it has to cut it anew */
            COVER("txn_request_cut_anew");
            status = STATUS_STALE_ROUTE;
            if (!tried) gateway_pause(kv, BACKOFF_NS_MIN / 4, q->interrupt); /* what is known contradicts itself */
            break;
        }
        if (known && route.leader.value != 0 && may_stamp(kv, q)) {
            q->served_by = route.range;
            tried = true;
            if (q->before_attempt != NULL && !q->before_attempt(q)) {
                status = STATUS_EXPIRED;
                break;
            }
            store_le64(q->body->data, route.range.value);
            store_le64(q->body->data + 8, route.epoch);
            uint64_t left_ns = give_up_ns - now_ns;
            /* A read tries another node soon; a commit waits for its answer as long as it may. */
            uint64_t timeout_ns = q->repeatable && left_ns > REQUEST_TIMEOUT_NS / 3
                                      ? REQUEST_TIMEOUT_NS / 3 : left_ns;
            buf_reset(reply);
            status = attempt(kv, q, route.leader, timeout_ns, reply);
            if (status == STATUS_UNKNOWN_OUTCOME && !q->repeatable) break;
            bool again = status == STATUS_NOT_LEADER || status == STATUS_STALE_ROUTE ||
                         status == STATUS_CLOSED || status == STATUS_BUSY ||
                         status == STATUS_UNAVAILABLE || status == STATUS_UNKNOWN_OUTCOME;
            if (!again) break;
            kv->metrics.retries++;
            if (status == STATUS_BUSY && reply->size == 8) q->refused_at = load_le64(reply->data);
            at_once = learn(kv, status, route.range, route.leader, reply);
        } else {
            status = STATUS_UNAVAILABLE;
        }
        if (kv->stopping) break;
        if (at_once) backoff_ns = BACKOFF_NS_MIN;
        uint64_t left_ns = give_up_ns - now_ns, pause_ns = at_once ? BACKOFF_NS_MIN / 4 : backoff_ns;
        gateway_pause(kv, pause_ns < left_ns ? pause_ns : left_ns, q->interrupt);
        if (!at_once && backoff_ns < BACKOFF_NS_MAX) backoff_ns *= 2;
    }
    return kv->stopping && status != STATUS_OK && status != STATUS_UNKNOWN_OUTCOME ? STATUS_CANCELLED
                                                                                  : status;
}
