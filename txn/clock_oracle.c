/* The `oracle` source: every reading is a request to the clock master, one batch under way per node. It asks nothing of
 * this machine's clock; the price is a round trip per reading. A request may carry a timestamp that the reading has to exceed;
 * the master's clock jumps there then. */
#include "txn/txn_int.h"

#define RETRY_NS 10000000u
#define ROUND_TIMEOUT_NS 2000000000u

static void ask(struct clock *c);

static void on_retry(struct timer *t, void *ctx)
{
    (void)t;
    ask(ctx);
}

static void retry_later(struct clock *c)
{
    if (!timer_armed(&c->retry) && !c->kv->stopping)
        timer_arm(store_timers(c->kv->store), &c->retry, env_now_ns(clock_env(c)) + RETRY_NS);
}

static void on_answer(struct rpc_call *call, enum status status, struct bytes body)
{
    struct clock *c = call->ctx;
    c->asking = false;
    struct reader in = reader_make(body);
    uint64_t ts = status == STATUS_OK ? get_u64(&in) : 0;
    clock_master_said(c, call->to, status, body);
    if (status == STATUS_OK && reader_done(&in)) {
        clock_note_seen(c, ts);
        c->unanswered_since_ns = list_empty(&c->waiting) ? 0 : env_now_ns(clock_env(c));
        while (!list_empty(&c->asked))
            clock_wait_end(CONTAINER_OF(c->asked.next, struct clock_wait, link), STATUS_OK, ts);
    } else {
        store_route_refused(c->kv->store, RANGE_META, call->to, status, body);
        /* Back to the front of the queue, in order. */
        while (!list_empty(&c->asked)) {
            struct list *last = c->asked.prev;
            list_remove(last);
            list_push_front(&c->waiting, last);
        }
        clock_waits_expire(c, &c->waiting);
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
        clock_waits_expire(c, &c->waiting);
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

void clock_oracle_wait(struct clock *c, struct clock_wait *w)
{
    list_push_back(&c->waiting, &w->link);
    /* Collected for a moment: the timer fires before the turn ends. */
    if (!c->asking && !timer_armed(&c->retry))
        timer_arm(store_timers(c->kv->store), &c->retry, env_now_ns(clock_env(c)));
}

void clock_oracle_attach(struct clock *c)
{
    timer_init(&c->retry, on_retry, c);
}

void clock_oracle_stop(struct clock *c)
{
    timer_cancel(store_timers(c->kv->store), &c->retry);
    if (c->asking) rpc_cancel(&c->call);
    c->asking = false;
}
