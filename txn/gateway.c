/* Requests from this node to the leaders of ranges: finds the route, asks, and asks again where that cannot
 * do harm. A commit that was sent and not answered is never sent again: its outcome is unknown. */
#include <stdlib.h>

#include "txn/gateway.h"

#define BACKOFF_NS_MIN 2000000u
#define BACKOFF_NS_MAX 100000000u
#define INTERRUPT_GRACE_NS 1000000000u /* for the answer to a commit that was sent */
#define AT_ONCE_MAX 16                 /* requests of one call that are under way */

/* A request on its way, or a pause. Callbacks say what has happened, the fiber goes on with it (task_step). */
struct gateway_task {
    struct gateway_wait *wait;
    struct gateway_request *q; /* NULL: only a pause */
    enum { TASK_READY, TASK_CALLING, TASK_ANSWERED, TASK_PAUSING, TASK_DONE } state;
    struct rpc_call call;
    struct timer timer;        /* ends a pause, or what is left to an interrupted commit */
    struct range_id range;     /* asked last, */
    struct node_id leader;     /* at that node */
    uint64_t give_up_ns, backoff_ns;
    enum status status;        /* of the last attempt */
    bool tried, lingering;
    bool locks;                /* it is counted among the requests for locks */
    bool last;                 /* it ends behind the pause, or the attempt */
};

/* What a fiber waits for. */
struct gateway_wait {
    struct list link; /* kv.calls */
    struct kv *kv;
    struct fiber *fiber;
    struct gateway_interrupt *interrupt; /* NULL: nobody ends it */
    struct gateway_task *tasks;
    uint32_t count;
    bool woken;
};

/* ---- waiting ---- */

static void wake(struct gateway_wait *w)
{
    if (w->woken) return;
    w->woken = true;
    fiber_resume(w->fiber);
}

static void wait_begin(struct gateway_wait *w, struct kv *kv, struct gateway_interrupt *i, struct gateway_task *tasks)
{
    *w = (struct gateway_wait){.kv = kv, .fiber = fiber_current(store_fibers(kv->store)), .interrupt = i, .tasks = tasks};
    ASSERT(w->fiber != NULL);
    ASSERT(i == NULL || i->wait == NULL);
    list_push_back(&kv->calls, &w->link);
    if (i != NULL) i->wait = w;
}

/* Until something has happened to one of the tasks. */
static void wait_event(struct gateway_wait *w)
{
    while (!w->woken) fiber_suspend(store_fibers(w->kv->store));
    w->woken = false;
}

static void wait_end(struct gateway_wait *w)
{
    for (uint32_t i = 0; i < w->count; i++) ASSERT(w->tasks[i].state == TASK_DONE);
    if (w->interrupt != NULL) w->interrupt->wait = NULL;
    list_remove(&w->link);
}

static void task_begin(struct gateway_task *k, struct gateway_wait *w, struct gateway_request *q)
{
    *k = (struct gateway_task){.wait = w, .q = q, .status = STATUS_WAIT, .backoff_ns = BACKOFF_NS_MIN};
}

static struct timer_heap *timers_of(const struct gateway_task *k) { return store_timers(k->wait->kv->store); }
static uint64_t now_of(const struct gateway_task *k) { return env_lately_ns(store_env(k->wait->kv->store)); }

static void count_lock_time(struct gateway_task *k)
{
    struct gateway_interrupt *i = k->wait->interrupt;
    if (k->locks && --i->lock_calls == 0) i->lock_ns += now_of(k) - i->lock_since_ns;
    k->locks = false;
}

/* Ends what it waits for. */
static void task_end(struct gateway_task *k, enum status status)
{
    count_lock_time(k);
    if (k->call.active) rpc_cancel(&k->call);
    timer_cancel(timers_of(k), &k->timer);
    if (k->state == TASK_CALLING && k->q->asked) k->q->doubt = true;
    k->status = status;
    k->state = TASK_DONE;
    if (k->q != NULL) k->q->result = status;
}

static void on_reply(struct rpc_call *call, enum status status, struct bytes body)
{
    struct gateway_task *k = call->ctx;
    ASSERT(k->state == TASK_CALLING);
    timer_cancel(timers_of(k), &k->timer);
    buf_reset(k->q->reply);
    buf_append_bytes(k->q->reply, body);
    k->status = k->q->reply->failed ? STATUS_NO_MEMORY : status;
    k->state = TASK_ANSWERED;
    wake(k->wait);
}

static void on_grace_over(struct timer *t, void *ctx)
{
    (void)t;
    struct gateway_task *k = ctx;
    ASSERT(k->state == TASK_CALLING);
    rpc_cancel(&k->call);
    k->status = STATUS_UNKNOWN_OUTCOME;
    k->state = TASK_ANSWERED;
    wake(k->wait);
}

static void on_pause_over(struct timer *t, void *ctx)
{
    (void)t;
    struct gateway_task *k = ctx;
    ASSERT(k->state == TASK_PAUSING);
    k->state = TASK_READY;
    wake(k->wait);
}

static void task_pause(struct gateway_task *k, uint64_t duration_ns)
{
    k->state = TASK_PAUSING;
    timer_init(&k->timer, on_pause_over, k);
    timer_arm(timers_of(k), &k->timer, now_of(k) + duration_ns);
}

/* A commit that is on its way may already be in the log: its answer is worth a moment, and when it does not
 * come nobody may say that nothing happened. */
static bool task_lingers(struct gateway_task *k)
{
    struct gateway_request *q = k->q;
    if (q == NULL || MUTANT("interrupt_forgets_commit")) return false;
    if (k->state == TASK_CALLING ? q->repeatable && !q->decides : !q->decides || !q->doubt) return false;
    COVER("txn_commit_interrupted");
    uint64_t end_ns = now_of(k) + INTERRUPT_GRACE_NS;
    k->lingering = true;
    if (k->give_up_ns > end_ns) k->give_up_ns = end_ns;
    if (k->state != TASK_CALLING || timer_armed(&k->timer)) return true;
    timer_init(&k->timer, on_grace_over, k);
    timer_arm(timers_of(k), &k->timer, end_ns);
    return true;
}

void gateway_interrupt(struct gateway_interrupt *i)
{
    bool ended = false;
    struct gateway_wait *w = i->wait;
    i->requested = true;
    for (uint32_t n = 0; w != NULL && n < w->count; n++) {
        struct gateway_task *k = &w->tasks[n];
        if (k->state != TASK_CALLING && k->state != TASK_PAUSING) continue;
        if (k->lingering || task_lingers(k)) continue;
        task_end(k, STATUS_TIMEOUT);
        ended = true;
    }
    if (ended) wake(w);
}

enum rpc_kind gateway_waits_for(const struct gateway_interrupt *i)
{
    for (uint32_t n = 0; i->wait != NULL && n < i->wait->count; n++)
        if (i->wait->tasks[n].state == TASK_CALLING) return i->wait->tasks[n].q->kind;
    return 0;
}

void gateway_stop(struct kv *kv)
{
    ASSERT(kv->stopping);
    while (!list_empty(&kv->calls)) {
        struct gateway_wait *w = CONTAINER_OF(kv->calls.next, struct gateway_wait, link);
        list_remove(&w->link);
        for (uint32_t n = 0; n < w->count; n++)
            if (w->tasks[n].state != TASK_DONE) task_end(&w->tasks[n], STATUS_CANCELLED);
        wake(w);
    }
}

void gateway_pause(struct kv *kv, uint64_t duration_ns, struct gateway_interrupt *i)
{
    struct gateway_wait w;
    struct gateway_task k;
    wait_begin(&w, kv, i, &k);
    w.count = 1;
    task_begin(&k, &w, NULL);
    task_pause(&k, duration_ns);
    wait_event(&w);
    if (k.state != TASK_DONE) task_end(&k, STATUS_OK);
    wait_end(&w);
}

enum status gateway_breathe(struct kv *kv, struct gateway_interrupt *i)
{
    if (!kv->stopping && !i->requested) gateway_pause(kv, 0, i);
    return kv->stopping ? STATUS_CANCELLED : i->requested ? STATUS_TIMEOUT : STATUS_OK;
}

/* Sends it to k->leader. */
static void task_call(struct gateway_task *k, uint64_t timeout_ns)
{
    struct gateway_request *q = k->q;
    struct gateway_interrupt *i = k->wait->interrupt;
    buf_reset(q->reply);
    k->call = (struct rpc_call){.on_done = on_reply, .ctx = k};
    k->status = rpc_start(store_rpc(k->wait->kv->store), &k->call, k->leader, q->kind, buf_view(q->body), timeout_ns);
    k->state = k->status == STATUS_OK ? TASK_CALLING : TASK_ANSWERED;
    if (k->status != STATUS_OK) return;
    if (i != NULL) {
        i->calls += !q->asked;
        i->requests++;
        k->locks = q->kind == RPC_LOCK;
        if (k->locks && i->lock_calls++ == 0) i->lock_since_ns = now_of(k);
    }
    q->asked = true;
}

enum status gateway_ask(struct kv *kv, struct gateway_request *q, struct node_id node, uint64_t timeout_ns, struct buf *reply)
{
    struct gateway_wait w;
    struct gateway_task k;
    if (kv->stopping) return STATUS_CANCELLED;
    if (q->interrupt != NULL && q->interrupt->requested) return STATUS_TIMEOUT;
    q->reply = reply;
    wait_begin(&w, kv, q->interrupt, &k);
    w.count = 1;
    task_begin(&k, &w, q);
    k.leader = node;
    task_call(&k, timeout_ns);
    while (k.state == TASK_CALLING) wait_event(&w);
    if (k.state != TASK_DONE) task_end(&k, k.status);
    wait_end(&w);
    return k.status;
}

/* ---- what is asked again ---- */

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
    uint64_t give_up_ns = 0, backoff_ns = BACKOFF_NS_MIN;
    for (;;) {
        if (kv->stopping) return STATUS_CANCELLED;
        if (q->interrupt != NULL && q->interrupt->requested) return STATUS_TIMEOUT;
        enum status status = before ? store_route_before(kv->store, q->key, route_out) : route_of(kv, q, route_out);
        if (status == STATUS_OK) {
            route_out->turn = route_out->guessed ? 0 : fiber_turn(store_fibers(kv->store)); /* another guess may be better */
            return keep_bounds(bounds, route_out);
        }
        uint64_t now_ns = env_now_ns(store_env(kv->store));
        if (give_up_ns == 0) give_up_ns = give_up_at(kv, q, now_ns);
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
    if (q->before_attempt == NULL || clock_seen(&kv->clock) != 0 || MUTANT("outcome_untimed")) return true;
    COVER("txn_stamp_waits_for_clock");
    clock_ask_soon(&kv->clock);
    return false;
}

static bool task_late(const struct gateway_task *k)
{
    const struct gateway_interrupt *i = k->wait->interrupt;
    return i != NULL && i->requested && !k->lingering;
}

/* Behind an attempt that may be of more use later, or at once. */
static void task_pause_again(struct gateway_task *k, bool at_once)
{
    uint64_t now_ns = now_of(k), left_ns = k->give_up_ns > now_ns ? k->give_up_ns - now_ns : 0;
    if (at_once) k->backoff_ns = BACKOFF_NS_MIN;
    uint64_t pause_ns = at_once ? BACKOFF_NS_MIN / 4 : k->backoff_ns;
    task_pause(k, pause_ns < left_ns ? pause_ns : left_ns);
    if (!at_once && k->backoff_ns < BACKOFF_NS_MAX) k->backoff_ns *= 2;
}

static void task_answered(struct gateway_task *k)
{
    struct gateway_request *q = k->q;
    struct kv *kv = k->wait->kv;
    enum status status = k->status;
    count_lock_time(k);
    if (status == STATUS_UNKNOWN_OUTCOME) q->doubt = true;
    bool again = status == STATUS_NOT_LEADER || status == STATUS_STALE_ROUTE || status == STATUS_CLOSED ||
                 status == STATUS_BUSY || status == STATUS_UNAVAILABLE ||
                 (status == STATUS_UNKNOWN_OUTCOME && (q->repeatable || MUTANT("k34_unknown_sent_again")));
    if (again && status == STATUS_BUSY && q->reply->size == 8) {
        q->refused_at = load_le64(q->reply->data);
        again = !q->stamped; /* else it is of no use unless it is made anew */
        status = again ? status : STATUS_EXPIRED;
    }
    if (again && k->lingering && !(q->decides && q->doubt) && !MUTANT("interrupted_commit_goes_on")) {
        COVER("txn_interrupted_commit_refused"); /* now it is certain that nothing happened */
        task_end(k, STATUS_TIMEOUT);
        return;
    }
    if (!again) {
        task_end(k, kv->stopping && status != STATUS_OK && status != STATUS_UNKNOWN_OUTCOME ? STATUS_CANCELLED : status);
        return;
    }
    kv->metrics.retries++;
    task_pause_again(k, learn(kv, status, k->range, k->leader, q->reply));
}

static void task_send(struct gateway_task *k, const struct route *route, uint64_t now_ns)
{
    struct gateway_request *q = k->q;
    q->served_by = k->range = route->range;
    k->leader = route->leader;
    k->tried = true;
    if (q->before_attempt != NULL && !q->before_attempt(q)) {
        task_end(k, STATUS_EXPIRED);
        return;
    }
    store_le64(q->body->data, route->range.value);
    store_le64(q->body->data + 8, route->epoch);
    uint64_t left_ns = k->give_up_ns - now_ns;
    /* A read tries another node soon; a commit waits for its answer as long as it may. */
    bool soon = q->repeatable && left_ns > REQUEST_TIMEOUT_NS / 3;
    task_call(k, soon ? REQUEST_TIMEOUT_NS / 3 : left_ns);
}

/* Who has just cut it has looked where it goes, and nothing has happened since. */
static bool was_found(const struct gateway_task *k)
{
    const struct route *found = k->q->found;
    if (found == NULL || found->turn != fiber_turn(store_fibers(k->wait->kv->store))) return false;
    ASSERT_SLOW(hull_fits(&k->q->hull, found));
    return true;
}

/* Before an attempt. */
static void task_go(struct gateway_task *k, uint64_t now_ns)
{
    struct kv *kv = k->wait->kv;
    struct route route;
    if (kv->stopping) {
        task_end(k, STATUS_CANCELLED);
    } else if (k->last) { /* what is known contradicted itself a moment ago */
        task_end(k, STATUS_STALE_ROUTE);
    } else if (task_late(k)) {
        task_end(k, STATUS_TIMEOUT);
    } else if (now_ns >= k->give_up_ns) {
        task_end(k, gave_up(k->q, k->status));
    } else if (was_found(k) && k->q->found->leader.value != 0 && may_stamp(kv, k->q)) {
        task_send(k, k->q->found, now_ns);
    } else if (route_of(kv, k->q, &route) != STATUS_OK) {
        k->status = STATUS_UNAVAILABLE;
        task_pause_again(k, false);
    } else if (!hull_fits(&k->q->hull, &route)) { /* who cut it has to cut it anew */
        COVER("txn_request_cut_anew");
        k->last = true;
        if (!k->tried) task_pause(k, BACKOFF_NS_MIN / 4);
    } else if (route.leader.value == 0 || !may_stamp(kv, k->q)) {
        k->status = STATUS_UNAVAILABLE;
        task_pause_again(k, false);
    } else {
        task_send(k, &route, now_ns);
    }
}

/* Until it waits, or is done. */
static void task_step(struct gateway_task *k)
{
    while (k->state == TASK_READY || k->state == TASK_ANSWERED) {
        if (k->state == TASK_READY) task_go(k, now_of(k));
        else task_answered(k);
    }
}

static void task_start(struct gateway_task *k, struct gateway_wait *w, struct gateway_request *q)
{
    ASSERT(q->interrupt == w->interrupt);
    task_begin(k, w, q);
    uint64_t now_ns = now_of(k);
    k->give_up_ns = give_up_at(w->kv, q, now_ns);
    task_go(k, now_ns);
    task_step(k);
}

enum status gateway_call(struct kv *kv, struct gateway_request *q, struct buf *reply)
{
    struct gateway_wait w;
    struct gateway_task k;
    q->reply = reply;
    wait_begin(&w, kv, q->interrupt, &k);
    w.count = 1;
    for (task_start(&k, &w, q); k.state != TASK_DONE; task_step(&k)) wait_event(&w);
    wait_end(&w);
    return k.status;
}

/* ---- several at once ---- */

/* It was of no use, and neither are the others. */
static bool is_failure(enum status status) { return status != STATUS_OK && status != STATUS_STALE_ROUTE; }

/* Of those that are done one says what the whole comes to. */
static void take_result(enum status status, enum status *result)
{
    if (is_failure(*result) || status == STATUS_OK) return;
    *result = status;
}

static void give_up_rest(struct gateway_wait *w)
{
    COVER("txn_call_all_given_up");
    for (uint32_t i = 0; i < w->count; i++) {
        if (w->tasks[i].state != TASK_DONE) task_end(&w->tasks[i], STATUS_CANCELLED);
        w->tasks[i].q = NULL;
    }
}

enum status gateway_call_all(struct kv *kv, struct gateway_request *const *requests, uint32_t count, bool to_the_end)
{
    struct gateway_wait w;
    struct gateway_task tasks[AT_ONCE_MAX];
    enum status result = STATUS_OK;
    uint32_t begun = 0;
    if (count == 0) return STATUS_OK;
    for (uint32_t i = 0; i < count; i++) requests[i]->result = STATUS_CANCELLED;
    wait_begin(&w, kv, requests[0]->interrupt, tasks);
    while (w.count < AT_ONCE_MAX && begun < count) task_start(&tasks[w.count++], &w, requests[begun++]);
    for (;;) {
        uint32_t under_way = 0;
        for (uint32_t i = 0; i < w.count; i++) {
            struct gateway_task *k = &tasks[i];
            for (task_step(k); k->state == TASK_DONE && k->q != NULL;) {
                take_result(k->status, &result);
                k->q = NULL;
                if (begun < count && (to_the_end || !is_failure(result))) task_start(k, &w, requests[begun++]);
            }
            under_way += k->state != TASK_DONE;
        }
        if (under_way > 0 && is_failure(result) && !to_the_end) give_up_rest(&w);
        else if (under_way > 0) wait_event(&w);
        else break;
    }
    wait_end(&w);
    return result;
}
