/* More than there is room for: scenarios 84 and 86 (README.md). */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "shard/shard_int.h"
#include "tests/sim/scenario/scenario.h"
#include "tests/test.h"
#include "txn/txn_int.h"

/* ---- what must stay bounded, whatever comes ---- */

#define MIB (UINT64_C(1) << 20)
#define OVERFLOW_BYTES_MAX \
    (32 * MIB) /* proposals stop at 8; a window of each range may be under way */
#define UNCOMMITTED_BYTES_MAX (36 * MIB) /* 32, and the entry that went over */
#define QUEUED_BYTES_MAX      (16 * MIB)
#define CALLS_MAX             65536

struct peaks {
    uint64_t overflow, uncommitted, queued, calls, refused;
};

static void raise_to(uint64_t *peak, uint64_t value)
{
    if (value > *peak) *peak = value;
}

static void look(struct scenario *s, struct peaks *p)
{
    for (uint64_t i = 1; i <= s->size; i++) {
        if (!cluster_up(s->c, i)) continue;
        struct store *store = core_store(cluster_machine(s->c, i)->core);
        if (store == NULL) continue;
        raise_to(&p->overflow, store->overflow_bytes);
        raise_to(&p->calls, rpc_in_flight(store->rpc));
        raise_to(&p->refused, store->metrics.proposals_refused);
        for (uint64_t range = 1; range <= 2; range++) {
            struct raft_status status;
            if (scenario_replica(s, i, (struct range_id){range}) == NULL) continue;
            scenario_status(s, i, (struct range_id){range}, &status);
            raise_to(&p->uncommitted, status.uncommitted_bytes);
        }
        for (uint32_t n = 0; n < store->node_count; n++)
            for (int link = 0; link < NET_LINK_COUNT; link++)
                raise_to(&p->queued,
                         net_queued(store->net, store->nodes[n]->record.node, (enum net_link)link));
    }
}

static void run_bounded(struct scenario *s, uint64_t duration_ns, struct peaks *p)
{
    for (uint64_t end = sim_now(s->sim) + duration_ns; sim_now(s->sim) < end;) {
        scenario_run(s, 5 * SIM_MS);
        look(s, p);
        EXPECT(s, p->overflow <= OVERFLOW_BYTES_MAX);
        EXPECT(s, p->uncommitted <= UNCOMMITTED_BYTES_MAX);
        EXPECT(s, p->queued <= QUEUED_BYTES_MAX);
        EXPECT(s, p->calls <= CALLS_MAX);
    }
}

/* ---- 84: ten times the load, then as before ---- */

static void surge(struct scenario *s)
{
    struct cluster_options options;
    scenario_options(s, 3, &options);
    options.sim.disk_bytes_per_sec =
        20 * MIB; /* what the surge wants is more than the disks give */
    scenario_boot_with(s, &options);
    scenario_lead(s, 1);
    scenario_load_with(s, &(struct workload_options){.client_count = 200,
                                                     .client_count_start = 20,
                                                     .key_count = 100,
                                                     .think_mean_ns = 50 * SIM_MS,
                                                     .value_bytes = 16 << 10,
                                                     .operation_max = 200000});
    struct peaks peaks = {0};
    uint64_t normal = scenario_commits_in(s, 5 * SIM_SEC);
    workload_use(s->w, 200);
    run_bounded(s, 2 * SIM_SEC, &peaks);
    sim_node_pause(s->sim, 3); /* a replica that lags when it is over */
    run_bounded(s, 8 * SIM_SEC, &peaks);
    sim_node_resume(s->sim, 3);
    workload_use(s->w, 20);
    uint64_t end = sim_now(s->sim) + 30 * SIM_SEC;
    while (scenario_commits_in(s, 5 * SIM_SEC) < normal * 9 / 10)
        EXPECT(s, sim_now(s->sim) < end);
    workload_use(s->w, 0);
    scenario_run(s, 5 * SIM_SEC);
    struct raft_status leader, lagging;
    scenario_status(s, 1, RANGE_DATA, &leader);
    scenario_status(s, 3, RANGE_DATA, &lagging);
    EXPECT(s, lagging.applied_index == leader.applied_index);
    scenario_end(s);
}

TEST(scenario_84, goodput_returns_after_a_surge_and_a_lagging_replica_catches_up)
{
    scenario_seeds(2, surge);
}

/* ---- 86: queues that are full refuse, and empty again ---- */

/* All disks stand still while large writes come: the log's buffers fill, then the bound of what is
 * uncommitted. */
static void stalled_disks(struct scenario *s)
{
    struct cluster_options options;
    scenario_options(s, 3, &options);
    options.wal_segment_bytes = 16 * MIB;
    options.memory_bytes = 64 * MIB;
    options.log_bytes_max = 64 * MIB;
    scenario_boot_with(s, &options);
    scenario_lead(s, 1);
    scenario_load_with(s, &(struct workload_options){.client_count = 200,
                                                     .client_count_start = 4,
                                                     .key_count = 400,
                                                     .think_mean_ns = 100 * SIM_MS,
                                                     .value_bytes = 256 << 10,
                                                     .operation_max = 200000});
    struct peaks peaks = {0};
    workload_use(s->w, 200);
    for (uint64_t i = 1; i <= 3; i++)
        sim_disk_stall(sim_disk(s->sim, i), 2 * SIM_SEC);
    run_bounded(s, 2500 * SIM_MS, &peaks);
    EXPECT(s, peaks.refused > 0); /* something was full */
    workload_use(s->w, 4);
    run_bounded(s, 3 * SIM_SEC, &peaks);
    if (getenv("OSTRAKA_VERBOSE") != NULL)
        fprintf(stderr,
                "peaks: overflow %llu uncommitted %llu queued %llu calls %llu refused %llu\n",
                (unsigned long long)peaks.overflow, (unsigned long long)peaks.uncommitted,
                (unsigned long long)peaks.queued, (unsigned long long)peaks.calls,
                (unsigned long long)peaks.refused);
    scenario_end(s);
}

TEST(scenario_86, disks_that_stand_still_fill_queues_that_refuse_and_empty_again)
{
    scenario_seeds(2, stalled_disks);
}

/* A follower that takes nothing: frames for it are dropped at the bound of its link. */
static void stalled_follower(struct scenario *s)
{
    struct cluster_options options;
    scenario_options(s, 3, &options);
    options.sim.reset_min_ns = 60 * SIM_SEC;
    options.sim.reset_max_ns = 90 * SIM_SEC;
    options.log_bytes_max = 64 * MIB;
    scenario_boot_with(s, &options);
    scenario_lead(s, 1);
    scenario_load_with(s, &(struct workload_options){.client_count = 30,
                                                     .key_count = 100,
                                                     .think_mean_ns = 100 * SIM_MS,
                                                     .value_bytes = 64 << 10,
                                                     .operation_max = 200000});
    struct peaks peaks = {0};
    sim_node_pause(s->sim, 3);
    workload_gateways(s->w, 1 << 1 | 1 << 2);
    run_bounded(s, 10 * SIM_SEC, &peaks);
    sim_node_resume(s->sim, 3);
    run_bounded(s, 5 * SIM_SEC, &peaks);
    scenario_end(s);
}

TEST(scenario_86, a_follower_that_takes_nothing_costs_bounded_memory)
{
    scenario_seeds(2, stalled_follower);
}

/* ---- 86: calls ---- */

struct caller {
    struct rpc_call call;
    enum status status;
    uint32_t ended;
};

static void on_call(struct rpc_call *call, enum status status, struct bytes body)
{
    struct caller *caller = call->ctx;
    ASSERT(body.size == 0 || body.data != NULL);
    caller->status = status;
    caller->ended++;
}

/* One node's requests to itself, and nothing else of a node. */
struct talk {
    struct sim *sim;
    struct logger logger;
    struct env *env;
    struct timer_heap timers;
    struct rpc *rpc;
};

static void talk_begin(struct talk *t, uint32_t call_count_max)
{
    struct sim_options options;
    sim_options_init(&options, 1);
    t->sim = sim_create(&options);
    sim_logger_init(t->sim, 1, &t->logger);
    sim_env_create(t->sim, 1, &t->logger, &t->env);
    timer_heap_init(&t->timers);
    const struct rpc_options o = {.env = t->env, .timers = &t->timers, .self = {1}, .call_count_max = call_count_max};
    assert_int_equal(rpc_create(&o, &t->rpc), STATUS_OK);
}

static void talk_end(struct talk *t)
{
    rpc_destroy(t->rpc);
    timer_heap_deinit(&t->timers);
    sim_env_drain(t->env);
    env_destroy(t->env);
    sim_destroy(t->sim);
}

static enum status talk_call(struct talk *t, struct caller *c)
{
    c->call.ctx = c;
    return rpc_start(t->rpc, &c->call, (struct node_id){1}, RPC_READ, BYTES_EMPTY, SIM_SEC);
}

TEST(scenario_86, calls_beyond_the_bound_are_refused_and_the_count_returns_to_zero)
{
    struct talk t;
    talk_begin(&t, 4);
    struct caller callers[6] = {{.ended = 0}};
    for (int i = 0; i < 6; i++) {
        callers[i].call.on_done = on_call;
        assert_int_equal(talk_call(&t, &callers[i]), i < 4 ? STATUS_OK : STATUS_BUSY);
    }
    assert_int_equal(rpc_in_flight(t.rpc), 4);
    rpc_cancel(&callers[3].call);
    assert_int_equal(rpc_in_flight(t.rpc), 3);
    while (rpc_step(t.rpc))
        continue; /* nobody serves reads here */
    assert_int_equal(rpc_in_flight(t.rpc), 0);
    for (int i = 0; i < 6; i++)
        assert_int_equal(callers[i].ended, i < 3);
    assert_int_equal(callers[0].status, STATUS_UNSUPPORTED);
    talk_end(&t);
}

static struct talk *endless;

static void ask_again(struct rpc_call *call, enum status status, struct bytes body)
{
    on_call(call, status, body);
    if (status != STATUS_CANCELLED) assert_int_equal(talk_call(endless, call->ctx), STATUS_OK);
}

/* What comes of a request is gone through at once, but not for ever. */
TEST(scenario_86, who_asks_without_end_lets_others_ask)
{
    struct talk t;
    talk_begin(&t, 0);
    endless = &t;
    struct caller greedy = {.call.on_done = ask_again}, other = {.call.on_done = on_call};
    assert_int_equal(talk_call(&t, &greedy), STATUS_OK);
    assert_int_equal(talk_call(&t, &other), STATUS_OK);
    assert_true(rpc_step(t.rpc));
    assert_true(greedy.ended >= 2);
    assert_int_equal(other.ended, 1);
    for (int i = 0; i < 100; i++) assert_true(rpc_step(t.rpc));
    talk_end(&t);
}

/* Ids go round the slots of calls that last, also when there get to be more of them. */
TEST(scenario_86, calls_that_last_are_found_by_their_ids_among_many_that_do_not)
{
    struct talk t;
    talk_begin(&t, 0);
    static struct caller lasting[300], quick;
    quick.call.on_done = on_call;
    for (int i = 0; i < 300; i++) { /* answered by nobody, for it goes to another node */
        lasting[i].call.on_done = on_call;
        lasting[i].call.ctx = &lasting[i];
        assert_int_equal(rpc_start(t.rpc, &lasting[i].call, (struct node_id){2}, RPC_READ, BYTES_EMPTY, SIM_SEC), STATUS_OK);
        for (int k = 0; k < 20; k++) {
            uint32_t ended = quick.ended;
            assert_int_equal(talk_call(&t, &quick), STATUS_OK);
            while (rpc_step(t.rpc)) continue;
            assert_int_equal(quick.ended, ended + 1);
        }
    }
    assert_int_equal(rpc_in_flight(t.rpc), 300);
    for (int i = 0; i < 300; i += 2) rpc_cancel(&lasting[i].call);
    assert_int_equal(rpc_in_flight(t.rpc), 150);
    for (int i = 0; i < 300; i++) assert_int_equal(lasting[i].ended, 0);
    talk_end(&t);
    for (int i = 0; i < 300; i++) assert_int_equal(lasting[i].ended, i % 2);
}
