/* Nodes that come, go and fail while clients work: replicas and leaders end where they belong, nothing that was
 * acknowledged is lost, no operation fails that could have succeeded. */
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/codec.h"
#include "shard/admin.h"
#include "shard/meta_int.h"
#include "tests/sim/cluster/cluster.h"
#include "tests/sim/cluster/scene.h"
#include "tests/sim/cluster/workload.h"
#include "txn/txn.h"

#define KEYS   16
#define RANGES 8 /* that hold data */

struct world {
    struct cluster *c;
    struct workload *w;
    uint8_t key_bytes[RANGES - 1][9];
    struct bytes keys[RANGES - 1];
};

static uint64_t seeds(void)
{
    const char *size = getenv("OSTRAKA_TEST_SIZE");
    if (getenv("OSTRAKA_MUTANT") != NULL) return 4;
    if (size != NULL && strcmp(size, "quick") == 0) return 1;
    return size != NULL && strcmp(size, "full") == 0 ? 40 : 2;
}

static void options_init(struct world *x, struct cluster_options *o, uint64_t seed, uint32_t machines, uint32_t boot)
{
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    if (mutant != NULL) mutant_select(mutant);
    cluster_options_init(o, seed);
    o->node_count = machines;
    o->boot_count = boot;
    o->verbose = getenv("OSTRAKA_VERBOSE") != NULL;
    o->dead_after_ns = 8 * SIM_SEC;
    o->log_bytes_max = 64u << 10; /* newcomers need snapshots */
    for (uint32_t i = 0; i < RANGES - 1; i++) {
        x->key_bytes[i][0] = KEY_PREFIX_TABLE;
        store_be64(x->key_bytes[i] + 1, 1 + (i + 1) * KEYS / RANGES);
        x->keys[i] = bytes_make(x->key_bytes[i], 9);
    }
    o->split_keys = x->keys;
    o->split_count = RANGES - 1;
}

static void world_open(struct world *x, const struct cluster_options *o)
{
    x->c = cluster_create(o);
    assert_true(cluster_boot(x->c, 60 * SIM_SEC));
    struct workload_options wo = {
        .client_count = 10, .key_count = KEYS, .think_mean_ns = 10 * SIM_MS, .operation_max = 400000, .value_bytes = 200};
    x->w = workload_create(x->c, &wo);
    cluster_run(x->c, 2 * SIM_SEC);
}

static struct store *store_on(struct cluster *c, uint64_t number)
{
    struct cluster_machine *m = cluster_machine(c, number);
    return m->env == NULL || m->ended ? NULL : core_store(m->core);
}

/* The machine that a node runs on: nodes get their ids in the order in which they join. */
static uint64_t node_on(struct cluster *c, uint64_t number)
{
    struct store *s = store_on(c, number);
    return s == NULL ? 0 : store_identity(s)->node.value;
}

static const struct descriptor *mirrored(struct cluster *c, uint64_t range)
{
    uint64_t machine = cluster_leader(c, (struct range_id){range});
    if (machine == 0) return NULL;
    return replica_descriptor(store_replica(store_on(c, machine), (struct range_id){range}));
}

struct wanted {
    uint64_t without;       /* node that holds nothing; 0: any may */
    uint32_t voters;
    uint32_t least, most;   /* replicas of data ranges on each other node that is up; most 0: any number */
};

static uint32_t held_by(struct cluster *c, uint64_t node)
{
    uint32_t held = 0;
    for (uint64_t range = 2; range <= RANGES + 1; range++) {
        const struct descriptor *d = mirrored(c, range);
        held += d != NULL && descriptor_member_on(d, (struct node_id){node}) != NULL;
    }
    return held;
}

static bool in_place(struct cluster *c, void *ctx)
{
    const struct wanted *want = ctx;
    if (!cluster_settled(c, want->voters)) return false;
    for (uint64_t range = 1; range <= RANGES + 1 && want->without != 0; range++)
        if (descriptor_member_on(mirrored(c, range), (struct node_id){want->without}) != NULL) return false;
    for (uint64_t i = 1; i <= cluster_size(c) && want->most != 0; i++) {
        uint64_t node = node_on(c, i);
        if (node == 0 || node == want->without) continue;
        uint32_t held = held_by(c, node);
        if (held < want->least || held > want->most) return false;
    }
    return true;
}

static void expect_in_place(struct world *x, struct wanted want, uint64_t timeout_ns)
{
    if (cluster_run_until(x->c, in_place, &want, timeout_ns)) return;
    for (uint64_t i = 1; i <= cluster_size(x->c); i++)
        fprintf(stderr, "machine %llu node %llu holds %u\n", (unsigned long long)i,
                (unsigned long long)node_on(x->c, i), held_by(x->c, node_on(x->c, i)));
    for (uint64_t range = 1; range <= RANGES + 1; range++) {
        const struct descriptor *d = mirrored(x->c, range);
        fprintf(stderr, "range %llu leader on machine %llu:", (unsigned long long)range,
                (unsigned long long)cluster_leader(x->c, (struct range_id){range}));
        for (uint32_t i = 0; d != NULL && i < d->config.voter_count; i++)
            fprintf(stderr, " %llu", (unsigned long long)d->config.voters[i].node);
        for (uint32_t i = 0; d != NULL && i < d->config.learner_count; i++)
            fprintf(stderr, " (%llu)", (unsigned long long)d->config.learners[i].node);
        fprintf(stderr, "\n");
    }
    fail();
}

/* Everybody back to rest: what clients saw is explained, and all copies are alike. */
static void world_close(struct world *x)
{
    workload_stop(x->w);
    cluster_run(x->c, 10 * SIM_SEC);
    assert_true(workload_idle(x->w));
    assert_true(cluster_await_equal(x->c, 30, 100 * SIM_MS));
    assert_null(cluster_violation(x->c));
    scene_explain(x->w);
    cluster_destroy(x->c);
    workload_destroy(x->w);
}

static void progress(struct world *x, uint64_t operations)
{
    uint64_t before = workload_committed(x->w);
    for (int i = 0; i < 300 && workload_committed(x->w) < before + operations; i++) cluster_run(x->c, 100 * SIM_MS);
    assert_true(workload_committed(x->w) >= before + operations);
}

/* ---- asking ---- */

struct asked {
    struct admin_call call;
    bool done;
    enum status status;
    struct admin_answer answer;
};

static void on_admin(struct admin_call *c, enum status status, const struct admin_answer *answer)
{
    struct asked *a = CONTAINER_OF(c, struct asked, call);
    a->done = true;
    a->status = status;
    a->answer = *answer;
}

static bool is_done(struct cluster *c, void *ctx)
{
    (void)c;
    return ((struct asked *)ctx)->done;
}

/* Asks by way of some machine that is up, again and again until somebody answers. */
static enum status ask(struct world *x, uint64_t node, enum node_state state, uint32_t flags, struct admin_answer *answer)
{
    static struct asked a;
    const struct admin_question q = {.node = {node}, .state = state, .flags = flags};
    for (int i = 0; i < 100; i++) {
        uint64_t via = 1 + (uint64_t)i % cluster_size(x->c);
        a = (struct asked){.call = {.on_done = on_admin}};
        if (store_on(x->c, via) == NULL || store_admin(store_on(x->c, via), &a.call, &q) != STATUS_OK) {
            cluster_run(x->c, 50 * SIM_MS);
            continue;
        }
        sim_env_set_deadline(cluster_machine(x->c, via)->env, env_now_ns(cluster_machine(x->c, via)->env));
        if (!cluster_run_until(x->c, is_done, &a, 10 * SIM_SEC)) continue;
        if (a.status == STATUS_NOT_LEADER || a.status == STATUS_CLOSED || a.status == STATUS_UNKNOWN_OUTCOME) {
            cluster_run(x->c, 100 * SIM_MS);
            continue;
        }
        *answer = a.answer;
        return a.status;
    }
    fail_msg("nobody answers");
    return STATUS_TIMEOUT;
}

struct led {
    uint64_t node;
};

static bool leads_nothing(struct cluster *c, void *ctx)
{
    const struct led *l = ctx;
    for (uint64_t range = 1; range <= RANGES + 1; range++) {
        uint64_t machine = cluster_leader(c, (struct range_id){range});
        if (machine == 0 || node_on(c, machine) == l->node) return false;
    }
    return true;
}

/* Who leads the metadata range goes for a moment, in the middle of whatever is under way. */
static void kill_meta_leader(struct world *x)
{
    uint64_t machine = cluster_leader(x->c, RANGE_META);
    if (machine == 0) return;
    cluster_crash(x->c, machine, SIM_CRASH_PROCESS);
    cluster_run(x->c, 1500 * SIM_MS);
    if (!cluster_up(x->c, machine)) cluster_start(x->c, machine);
}

TEST(placement, drained_node_leads_nothing_and_may_come_back)
{
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        struct world x;
        struct cluster_options o;
        struct admin_answer a;
        options_init(&x, &o, 4 * seed + 2, 4, 0);
        world_open(&x, &o);
        struct led led = {node_on(x.c, cluster_leader(x.c, RANGE_META))};
        assert_int_equal(ask(&x, led.node, NODE_STATE_DRAINING, 0, &a), STATUS_OK);
        assert_true(cluster_run_until(x.c, leads_nothing, &led, 20 * SIM_SEC));
        cluster_run(x.c, 3 * SIM_SEC);
        assert_true(leads_nothing(x.c, &led)); /* and none came back */
        assert_int_equal(ask(&x, led.node, 0, ADMIN_ASK, &a), STATUS_OK);
        assert_int_equal(a.state, NODE_STATE_DRAINING);
        assert_int_equal(a.leaders, 0);
        assert_int_equal(ask(&x, led.node, NODE_STATE_ACTIVE, 0, &a), STATUS_OK);
        for (int i = 0; i < 300 && leads_nothing(x.c, &led); i++) cluster_run(x.c, 100 * SIM_MS);
        assert_false(leads_nothing(x.c, &led)); /* balance gives it some again */
        progress(&x, 50);
        world_close(&x);
    }
}

static bool is_removed(struct cluster *c, void *ctx)
{
    uint64_t machine = cluster_leader(c, RANGE_META), node = *(uint64_t *)ctx;
    return machine != 0 && meta_node_state(&store_on(c, machine)->meta, (struct node_id){node}) == NODE_STATE_REMOVED;
}

TEST(placement, decommissioned_node_empties_and_is_removed_whoever_leads_the_metadata)
{
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        struct world x;
        struct cluster_options o;
        struct admin_answer a;
        options_init(&x, &o, 4 * seed + 1, 5, 0);
        world_open(&x, &o);
        uint64_t machine = 1 + seed % 5, node = node_on(x.c, machine);
        assert_int_equal(ask(&x, node, NODE_STATE_DECOMMISSIONING, ADMIN_DRY_RUN, &a), STATUS_OK);
        assert_true(a.moves > 0);
        assert_int_equal(a.stuck, 0);
        assert_int_equal(a.then.tolerance, 1);
        assert_int_equal(a.state, NODE_STATE_ACTIVE);
        assert_int_equal(ask(&x, node, NODE_STATE_DECOMMISSIONING, 0, &a), STATUS_OK);
        cluster_run(x.c, 1000 * SIM_MS);
        kill_meta_leader(&x);
        assert_true(cluster_run_until(x.c, is_removed, &node, 180 * SIM_SEC));
        progress(&x, 50);
        cluster_crash(x.c, machine, SIM_CRASH_PROCESS);
        expect_in_place(&x, (struct wanted){.without = node, .voters = 3}, 60 * SIM_SEC);
        progress(&x, 50);
        world_close(&x);
    }
}

TEST(placement, decommission_that_would_cost_copies_is_refused_unless_forced)
{
    struct world x;
    struct cluster_options o;
    struct admin_answer a;
    options_init(&x, &o, 5, 3, 0);
    world_open(&x, &o);
    uint64_t node = node_on(x.c, 3);
    assert_int_equal(ask(&x, node, NODE_STATE_DECOMMISSIONING, 0, &a), STATUS_CONFLICT);
    assert_int_equal(a.now.tolerance, 1);
    assert_int_equal(a.then.tolerance, 0);
    assert_true(a.fewer > 0);
    assert_int_equal(ask(&x, node, 0, ADMIN_ASK, &a), STATUS_OK);
    assert_int_equal(a.state, NODE_STATE_ACTIVE);
    assert_string_equal(a.text, "can lose 1 more node");
    assert_int_equal(ask(&x, node, NODE_STATE_DECOMMISSIONING, ADMIN_FORCE, &a), STATUS_OK);
    expect_in_place(&x, (struct wanted){.without = node, .voters = 2}, 60 * SIM_SEC);
    progress(&x, 50);
    world_close(&x);
}

/* Scenario 70: what was removed while it was away destroys itself when it wakes, and nothing it says counts. */
TEST(placement, removed_replicas_that_wake_are_destroyed)
{
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        struct world x;
        struct cluster_options o;
        options_init(&x, &o, 4 * seed + 1, 5, 0);
        world_open(&x, &o);
        uint64_t victim = 1 + (seed + 1) % 5, node = node_on(x.c, victim);
        cluster_crash(x.c, victim, SIM_CRASH_POWER);
        expect_in_place(&x, (struct wanted){.without = node, .voters = 3}, 180 * SIM_SEC);
        cluster_start(x.c, victim);
        cluster_run(x.c, 30 * SIM_SEC); /* it gets replicas again, where it had some too */
        struct store *s = store_on(x.c, victim);
        assert_non_null(s);
        for (struct replica *r = NULL; (r = store_replica_next(s, r)) != NULL;) {
            const struct descriptor *d = mirrored(x.c, replica_range(r).value);
            assert_non_null(d);
            assert_non_null(descriptor_member_on(d, (struct node_id){node}));
            assert_int_equal(descriptor_member_on(d, (struct node_id){node})->id, r->id);
        }
        progress(&x, 50);
        world_close(&x);
    }
}

/* A wiped disk comes back as a new node on the old address, and takes the old one's place (K26). */
TEST(placement, wiped_node_comes_back_as_a_new_one)
{
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        struct world x;
        struct cluster_options o;
        options_init(&x, &o, 4 * seed, 3, 0);
        o.dead_after_ns = 1000 * SIM_SEC; /* only that it was succeeded tells that the old one is gone */
        world_open(&x, &o);
        uint64_t victim = 1 + seed % 3, node = node_on(x.c, victim);
        cluster_crash(x.c, victim, SIM_CRASH_POWER);
        sim_disk_wipe(sim_disk(cluster_sim(x.c), victim));
        cluster_run(x.c, SIM_SEC);
        cluster_start(x.c, victim);
        expect_in_place(&x, (struct wanted){.without = node, .voters = 3}, 180 * SIM_SEC);
        progress(&x, 50);
        world_close(&x);
    }
}

static uint32_t range_count(struct cluster *c)
{
    uint64_t machine = cluster_leader(c, RANGE_META);
    return machine == 0 ? 0 : store_on(c, machine)->meta.ranges.count;
}

TEST(placement, busy_range_divides_and_its_halves_spread)
{
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        struct world x;
        struct cluster_options o;
        options_init(&x, &o, 4 * seed + 2, 3, 0);
        o.split_count = 0;
        world_open(&x, &o);
        assert_int_equal(range_count(x.c), 2);
        cluster_set(x.c, SETTING_AUTO_SPLIT, 0);
        cluster_set(x.c, SETTING_RANGE_SPLIT_LOAD, 100);
        cluster_run(x.c, 5 * SIM_SEC);
        assert_int_equal(range_count(x.c), 2);
        cluster_set(x.c, SETTING_AUTO_SPLIT, 1);
        for (int i = 0; i < 600 && range_count(x.c) < 5; i++) cluster_run(x.c, 100 * SIM_MS);
        assert_true(range_count(x.c) >= 5);
        cluster_set(x.c, SETTING_AUTO_SPLIT, 0);
        cluster_run(x.c, 20 * SIM_SEC);
        uint32_t leaders[4] = {0};
        for (uint64_t range = 2; range <= 5; range++) leaders[cluster_leader(x.c, (struct range_id){range})]++;
        assert_true(leaders[1] < 4 && leaders[2] < 4 && leaders[3] < 4);
        progress(&x, 50);
        world_close(&x);
    }
}

/* Those that were divided for their load unite when it is gone, not at once, and stay so. */
TEST(placement, cold_neighbours_unite)
{
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        struct world x;
        struct cluster_options o;
        options_init(&x, &o, 8 * seed + 3, 3, 0);
        o.split_count = 0;
        world_open(&x, &o);
        cluster_set(x.c, SETTING_RANGE_SPLIT_LOAD, 100);
        cluster_set(x.c, SETTING_AUTO_SPLIT, 1);
        cluster_set(x.c, SETTING_AUTO_MERGE, 1);
        for (int i = 0; i < 600 && range_count(x.c) < 4; i++) cluster_run(x.c, 100 * SIM_MS);
        assert_true(range_count(x.c) >= 4);
        progress(&x, 50);
        workload_stop(x.w);
        uint32_t divided = range_count(x.c);
        cluster_run(x.c, 15 * SIM_SEC);
        assert_true(range_count(x.c) >= divided);
        for (int i = 0; i < 300 && range_count(x.c) > 2; i++) cluster_run(x.c, SIM_SEC);
        assert_int_equal(range_count(x.c), 2);
        cluster_run(x.c, 30 * SIM_SEC);
        assert_int_equal(range_count(x.c), 2);
        world_close(&x);
    }
}

TEST(placement, large_range_divides_in_its_middle)
{
    struct world x;
    struct cluster_options o;
    options_init(&x, &o, 5, 3, 0);
    o.split_count = 0;
    world_open(&x, &o);
    cluster_set(x.c, SETTING_RANGE_SPLIT_BYTES, 64u << 10);
    cluster_set(x.c, SETTING_AUTO_SPLIT, 1);
    for (int i = 0; i < 600 && range_count(x.c) < 4; i++) cluster_run(x.c, 100 * SIM_MS);
    assert_true(range_count(x.c) >= 4);
    cluster_set(x.c, SETTING_AUTO_SPLIT, 0);
    progress(&x, 50);
    world_close(&x);
}

static bool stands_apart(struct cluster *c, void *ctx)
{
    (void)ctx;
    if (!cluster_settled(c, 3)) return false;
    for (uint64_t range = 1; range <= RANGES + 1; range++) {
        uint32_t racks = 0; /* by the digit of "rack=N" */
        const struct descriptor *d = mirrored(c, range);
        for (uint64_t i = 1; i <= cluster_size(c); i++)
            if (descriptor_member_on(d, (struct node_id){node_on(c, i)}) != NULL)
                racks |= 1u << (store_on(c, i)->options.locality[5] - '0');
        if (racks != 7) return false;
    }
    return true;
}

TEST(placement, voters_stand_in_different_racks)
{
    static const char *const racks[] = {"rack=0", "rack=0", "rack=0", "rack=1", "rack=1", "rack=2"};
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        struct world x;
        struct cluster_options o;
        options_init(&x, &o, 4 * seed + 2, 6, 3); /* at first there is but one */
        o.localities = racks;
        world_open(&x, &o);
        for (uint64_t i = 4; i <= 6; i++) cluster_start(x.c, i);
        assert_true(cluster_run_until(x.c, stands_apart, NULL, 120 * SIM_SEC));
        progress(&x, 50);
        world_close(&x);
    }
}

/* Scenario 16: the number of voters goes from five to one and back, on the same nodes. */
TEST(placement, five_voters_become_one_and_five_again)
{
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        struct world x;
        struct cluster_options o;
        options_init(&x, &o, 4 * seed + 1, 5, 0);
        o.replication_factor = 5;
        world_open(&x, &o);
        for (int round = 0; round < 2; round++) {
            cluster_set(x.c, SETTING_REPLICATION_FACTOR, 1);
            expect_in_place(&x, (struct wanted){.voters = 1}, 60 * SIM_SEC);
            progress(&x, 30);
            cluster_set(x.c, SETTING_REPLICATION_FACTOR, 5);
            expect_in_place(&x, (struct wanted){.voters = 5}, 120 * SIM_SEC);
        }
        progress(&x, 50);
        world_close(&x);
    }
}

struct moved {
    uint64_t range;
    struct node_id nodes[3];
};

static bool is_moved(struct cluster *c, void *ctx)
{
    const struct moved *m = ctx;
    const struct descriptor *d = mirrored(c, m->range);
    if (d == NULL || d->config.voter_count != 3 || d->config.outgoing_count + d->config.learner_count > 0) return false;
    for (int i = 0; i < 3; i++) {
        const struct raft_member *on = descriptor_member_on(d, m->nodes[i]);
        if (on == NULL || !raft_config_is_voter(&d->config, on->id)) return false;
    }
    return true;
}

/* To the three nodes that follow on the last of them: two of three are new, and the leader goes with the others. */
static void on_moved(struct rpc_call *call, enum status status, struct bytes body)
{
    (void)body;
    *(enum status *)call->ctx = status;
}

static void move_on(struct world *x, struct moved *m)
{
    const struct descriptor *d = NULL;
    for (int i = 0; i < 100 && d == NULL; i++) {
        d = mirrored(x->c, m->range);
        if (d == NULL) cluster_run(x->c, 100 * SIM_MS);
    }
    assert_non_null(d);
    uint64_t first = d->config.voters[d->config.voter_count - 1].node;
    for (uint64_t i = 0; i < 3; i++) m->nodes[i].value = 1 + (first - 1 + i) % 5;
    uint64_t machine = cluster_leader(x->c, RANGE_META);
    enum status status = STATUS_WAIT;
    struct rpc_call call = {.on_done = on_moved, .ctx = &status};
    assert_int_equal(store_range_move(store_on(x->c, machine), &call, (struct range_id){m->range}, m->nodes, 3), STATUS_OK);
    sim_env_set_deadline(cluster_machine(x->c, machine)->env, env_now_ns(cluster_machine(x->c, machine)->env));
    for (int i = 0; i < 100 && status == STATUS_WAIT; i++) cluster_run(x->c, 50 * SIM_MS);
    assert_int_equal(status, STATUS_OK);
}

/* Scenario 68, and 69 by the way: round and round, while machines fail; whoever is asked on an old epoch says so. */
TEST(placement, ranges_move_round_while_leaders_die)
{
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        struct world x;
        struct cluster_options o;
        options_init(&x, &o, 4 * seed, 5, 0);
        o.split_count = 1;
        world_open(&x, &o);
        cluster_set(x.c, SETTING_REBALANCE, 0);
        for (uint64_t i = 0; i < 8; i++) {
            struct moved m = {.range = 2 + i % 2};
            move_on(&x, &m);
            cluster_run(x.c, 100 * SIM_MS + sim_below(cluster_sim(x.c), 900) * SIM_MS);
            uint64_t machine = cluster_leader(x.c, i % 3 == 0 ? RANGE_META : (struct range_id){m.range});
            if (i % 4 != 3 && machine != 0) {
                cluster_crash(x.c, machine, i % 2 == 0 ? SIM_CRASH_PROCESS : SIM_CRASH_POWER);
                cluster_run(x.c, SIM_SEC);
                cluster_start(x.c, machine);
            }
            assert_true(cluster_run_until(x.c, is_moved, &m, 60 * SIM_SEC));
        }
        progress(&x, 50);
        world_close(&x);
    }
}

static void on_transfer(struct rpc_call *call, enum status status, struct bytes body)
{
    (void)body;
    if (status != STATUS_CANCELLED) *(uint64_t *)call->ctx += status == STATUS_OK;
    free(call);
}

/* The next of its voters shall lead. */
static void hand_on(struct world *x, uint64_t range, uint64_t *begun)
{
    const struct descriptor *d = mirrored(x->c, range);
    uint64_t machine = cluster_leader(x->c, (struct range_id){range});
    if (d == NULL || machine == 0) return;
    uint32_t at = 0;
    while (d->config.voters[at].node != node_on(x->c, machine)) at++;
    struct rpc_call *call = calloc(1, sizeof *call);
    assert_non_null(call);
    *call = (struct rpc_call){.on_done = on_transfer, .ctx = begun};
    struct node_id to = {d->config.voters[(at + 1) % d->config.voter_count].node};
    if (store_range_transfer(store_on(x->c, machine), call, (struct range_id){range}, to) != STATUS_OK) free(call);
    sim_env_set_deadline(cluster_machine(x->c, machine)->env, env_now_ns(cluster_machine(x->c, machine)->env));
}

/* A leader that hands over costs nobody an operation, and the range no more than some round trips (K20). */
TEST(placement, transfers_under_load_fail_no_request)
{
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        struct world x;
        struct cluster_options o;
        options_init(&x, &o, 4 * seed, 3, 0);
        world_open(&x, &o);
        uint64_t begun = 0;
        for (uint64_t i = 0; i < 60; i++) {
            hand_on(&x, 2 + i % RANGES, &begun);
            cluster_run(x.c, 100 * SIM_MS);
        }
        assert_true(begun >= 50);
        uint64_t measured = 0, worst_ns = 0;
        for (uint64_t i = 1; i <= 3; i++) {
            const struct histogram *h = &store_metrics(store_on(x.c, i))->transfer_closed_ns;
            measured += h->count;
            if (h->count > 0 && h->max > worst_ns) worst_ns = h->max;
        }
        assert_true(measured >= begun);
        assert_true(worst_ns <= 20 * SIM_MS);
        workload_stop(x.w);
        cluster_run(x.c, 5 * SIM_SEC);
        size_t count;
        const struct operation *history = workload_history(x.w, &count);
        for (size_t i = 0; i < count; i++) { /* a compare-and-set fails when it does not match */
            assert_true(history[i].outcome != OUTCOME_UNKNOWN);
            assert_true(history[i].outcome != OUTCOME_FAIL || history[i].kind == OPERATION_CAS);
        }
        world_close(&x);
    }
}

TEST(placement, nodes_that_join_under_load_fill_up)
{
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        struct world x;
        struct cluster_options o;
        options_init(&x, &o, 4 * seed, 5, 3);
        world_open(&x, &o);
        cluster_start(x.c, 4);
        cluster_run(x.c, SIM_SEC);
        cluster_start(x.c, 5);
        expect_in_place(&x, (struct wanted){.voters = 3, .least = 4, .most = 6}, 120 * SIM_SEC);
        progress(&x, 100);
        world_close(&x);
    }
}

TEST(placement, node_killed_for_good_is_replaced)
{
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        struct world x;
        struct cluster_options o;
        options_init(&x, &o, 4 * seed + 1, 5, 0);
        world_open(&x, &o);
        uint64_t victim = 1 + seed % 5, node = node_on(x.c, victim);
        cluster_crash(x.c, victim, SIM_CRASH_POWER);
        expect_in_place(&x, (struct wanted){.without = node, .voters = 3}, 180 * SIM_SEC);
        progress(&x, 100);
        world_close(&x);
    }
}
