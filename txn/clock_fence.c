/* A new clock master begins only when no node relies on what it knows of the one before it (A5): else some would read at
 * timestamps that the new master's clock has left behind, and miss what is acknowledged meanwhile.
 *
 * It asks every node of the cluster to forget its samples; a node does so and says how far the old clock may have come. Who does
 * not answer is waited out: samples are believed for CLOCK_SAMPLE_NS from when their request left, and the old master
 * answers none that left after its leadership ended, which it has when this begins. Nobody can ask a node that was removed: it
 * is waited out from when this one learnt of the removal, since no master that knows of it answers it any more. The new clock
 * goes on above the highest answer; when nobody knows anything, above the limit.
 *
 * RPC_CLOCK_FENCE: epoch u64. Reply: u64, the earlier epochs' clock is below it; 0: nothing is known here. INVALID: there is a
 * later epoch. */
#include <stdlib.h>

#include "txn/txn_int.h"

#define ASK_EVERY_NS 20000000u
#define ASK_TIMEOUT_NS 100000000u
/* By our clock, which may be as wrong as theirs. */
#define WAIT_NS clock_rate_up(clock_rate_up(CLOCK_SAMPLE_NS))

struct clock_fence_call {
    struct rpc_call call;
    struct clock *clock;
    struct node_id node;
    uint64_t sent_ns;
    bool asking, answered;
};

static uint64_t now_of(const struct clock *c)
{
    return env_now_ns(clock_env(c));
}

/* ---- every node ---- */

static void serve_fence(void *ctx, struct rpc_token token, struct bytes body)
{
    struct clock *c = ctx;
    struct reader in = reader_make(body);
    uint64_t epoch = get_u64(&in), low, high = 0;
    bool samples = c->source == KV_CLOCK_INTERVAL; /* else nothing is relied upon here */
    bool valid = reader_done(&in) && (epoch >= c->bounds.epoch || !samples);
    uint8_t reply[8];
    if (!samples || !valid || epoch == c->bounds.epoch || !clock_interval_at(c, &low, &high)) high = 0;
    if (valid && samples && !MUTANT("clock_fence_ignored")) clock_bounds_fence(&c->bounds, epoch);
    store_le64(reply, high);
    rpc_reply(store_rpc(c->kv->store), token, valid ? STATUS_OK : STATUS_INVALID,
              valid ? bytes_make(reply, sizeof reply) : BYTES_EMPTY);
}

/* ---- the new master ---- */

static void on_answer(struct rpc_call *call, enum status status, struct bytes body)
{
    struct clock_fence_call *q = CONTAINER_OF(call, struct clock_fence_call, call);
    struct clock_fence *f = &q->clock->master.fence;
    struct reader in = reader_make(body);
    uint64_t reached = get_u64(&in);
    q->asking = false;
    if (status != STATUS_OK || !reader_done(&in)) return; /* the timer asks again */
    q->answered = true;
    timer_cancel(store_timers(q->clock->kv->store), &f->timer); /* it looks at once */
    timer_arm(store_timers(q->clock->kv->store), &f->timer, now_of(q->clock));
    if (reached == 0) return;
    /* Where that clock may be by now; both are carried on to the same instant. */
    uint64_t now_ns = now_of(q->clock);
    uint64_t here = reached + clock_rate_up(now_ns - q->sent_ns);
    uint64_t known = f->reached == 0 ? 0 : f->reached + clock_rate_up(now_ns - f->reached_ns);
    f->reached = here > known ? here : known;
    if (MUTANT("clock_fence_max")) f->reached = reached - 2 * CLOCK_WIDTH_NS_MAX;
    f->reached_ns = now_ns;
}

static void ask(struct clock *c, struct clock_fence_call *q)
{
    uint8_t body[8];
    store_le64(body, c->master.fence.epoch);
    q->call = (struct rpc_call){.on_done = on_answer};
    q->sent_ns = now_of(c);
    q->asking = rpc_start(store_rpc(c->kv->store), &q->call, q->node, RPC_CLOCK_FENCE, bytes_make(body, sizeof body),
                          ASK_TIMEOUT_NS) == STATUS_OK;
}

static bool is_over(const struct clock *c)
{
    const struct clock_fence *f = &c->master.fence;
    if (now_of(c) >= f->until_ns) {
        COVER("clock_fence_waited_out");
        return true;
    }
    if (f->calls == NULL || (now_of(c) < f->removed_until_ns && !MUTANT("clock_fence_removed"))) return false;
    for (uint32_t i = 0; i < f->call_count; i++)
        if (!f->calls[i].answered && !MUTANT("clock_fence_silent")) return false;
    return true;
}

static void on_fence(struct timer *t, void *ctx)
{
    struct clock *c = ctx;
    struct clock_fence *f = &c->master.fence;
    if (is_over(c) || MUTANT("clock_no_fence")) {
        uint64_t reached = f->reached == 0 ? 0 : f->reached + clock_rate_up(now_of(c) - f->reached_ns);
        clock_fence_end(c);
        c->kv->metrics.clock_fences++;
        clock_master_fenced(c, reached);
        return;
    }
    for (uint32_t i = 0; i < f->call_count; i++)
        if (!f->calls[i].answered && !f->calls[i].asking) ask(c, &f->calls[i]);
    timer_arm(store_timers(c->kv->store), t, now_of(c) + ASK_EVERY_NS);
}

/* All nodes that the cluster has. Without memory all of them are waited out. */
static void list_nodes(struct clock *c)
{
    struct clock_fence *f = &c->master.fence;
    struct node_view *nodes = malloc(SHARD_NODES_MAX * sizeof *nodes);
    f->calls = calloc(SHARD_NODES_MAX, sizeof *f->calls);
    f->call_count = 0;
    uint32_t count = nodes == NULL ? 0 : store_nodes(c->kv->store, nodes, SHARD_NODES_MAX);
    f->removed_until_ns = 0;
    for (uint32_t i = 0; i < count && f->calls != NULL; i++) {
        uint64_t until_ns = nodes[i].removed_ns + WAIT_NS;
        if (!nodes[i].record.removed) f->calls[f->call_count++] = (struct clock_fence_call){.clock = c, .node = nodes[i].record.node};
        else if (until_ns > f->removed_until_ns) f->removed_until_ns = until_ns;
    }
    if (nodes == NULL) {
        free(f->calls);
        f->calls = NULL;
    }
    free(nodes);
}

void clock_fence_begin(struct clock *c, uint64_t epoch)
{
    struct clock_fence *f = &c->master.fence;
    if (f->under_way && f->epoch == epoch) return;
    clock_fence_end(c);
    f->under_way = true;
    f->epoch = epoch;
    f->reached = f->reached_ns = 0;
    f->until_ns = now_of(c) + WAIT_NS;
    list_nodes(c);
    timer_arm(store_timers(c->kv->store), &f->timer, now_of(c));
}

void clock_fence_end(struct clock *c)
{
    struct clock_fence *f = &c->master.fence;
    if (!f->under_way) return;
    f->under_way = false;
    timer_cancel(store_timers(c->kv->store), &f->timer);
    for (uint32_t i = 0; i < f->call_count; i++)
        if (f->calls[i].asking) rpc_cancel(&f->calls[i].call);
    free(f->calls);
    f->calls = NULL;
    f->call_count = 0;
}

void clock_fence_attach(struct clock *c)
{
    timer_init(&c->master.fence.timer, on_fence, c);
    rpc_serve(store_rpc(c->kv->store), RPC_CLOCK_FENCE, serve_fence, c);
}
