/* The interval clock in whole clusters: its bounds hold whoever is master, and what rests on them waits for them. Each
 * step of a story is followed by the look that the simulator takes as well (cluster_check): all machines' bounds have an instant in
 * common, which never goes back. */
#include "tests/test.h"

#include <stdlib.h>

#include "shard/admin.h"
#include "tests/txn/world.h"

struct asker {
    struct clock_wait wait;
    bool ended;
    enum status status;
    uint64_t ts;
};

static void open_world(struct world *w, uint32_t nodes)
{
    struct cluster_options o;
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    if (mutant != NULL) assert_true(mutant_select(mutant) > 0);
    cluster_options_init(&o, 8);
    o.node_count = nodes;
    o.clock_source = KV_CLOCK_INTERVAL;
    w->cluster = cluster_create(&o);
    assert_true(cluster_boot(w->cluster, 60 * SIM_SEC));
}

static struct clock *clock_of(struct world *w, uint64_t machine)
{
    return &world_kv(w, machine)->clock;
}

static void run_ms(struct world *w, uint64_t ms)
{
    for (uint64_t i = 0; i < ms; i++) {
        world_run_ms(w, 1);
        cluster_check(w->cluster);
        if (cluster_violation(w->cluster) != NULL) fail_msg("%s", cluster_violation(w->cluster));
    }
}

static bool knows(struct world *w, uint64_t machine)
{
    uint64_t low, high;
    return clock_interval_at(clock_of(w, machine), &low, &high);
}

static uint64_t high_of(struct world *w, uint64_t machine)
{
    uint64_t low, high = 0;
    assert_true(clock_interval_at(clock_of(w, machine), &low, &high));
    return high;
}

static void on_reading(struct clock_wait *w, enum status status, uint64_t ts)
{
    struct asker *a = w->ctx;
    a->ended = true;
    a->status = status;
    a->ts = ts;
}

static struct asker *asker_make(struct asker *a)
{
    *a = (struct asker){.wait = {.on_done = on_reading}};
    a->wait.ctx = a;
    return a;
}

static void await(struct world *w, uint64_t machine, struct asker *a)
{
    struct cluster_machine *m = cluster_machine(w->cluster, machine);
    sim_env_set_deadline(m->env, env_now_ns(m->env));
    for (int i = 0; i < 5000 && !a->ended; i++) run_ms(w, 1);
    assert_true(a->ended);
    assert_int_equal(a->status, STATUS_OK);
}

static uint64_t reading(struct world *w, uint64_t machine, uint64_t after)
{
    struct asker a;
    clock_now(clock_of(w, machine), &asker_make(&a)->wait, after, 30 * SIM_SEC);
    await(w, machine, &a);
    return a.ts;
}

TEST(txn_clock_interval, a_reading_costs_no_request)
{
    struct world w;
    open_world(&w, 3);
    run_ms(&w, 1000);
    for (uint64_t machine = 1; machine <= 3; machine++) {
        struct asker a;
        struct cluster_machine *m = cluster_machine(w.cluster, machine);
        clock_now(clock_of(&w, machine), &asker_make(&a)->wait, 0, SIM_SEC);
        sim_env_set_deadline(m->env, env_now_ns(m->env));
        cluster_run(w.cluster, 30 * SIM_US); /* less than a wire takes */
        assert_true(a.ended);
        assert_int_equal(a.status, STATUS_OK);
        assert_true(a.ts >= clock_seen(clock_of(&w, machine)));
    }
    world_close(&w);
}

/* Machine `slow` has wide bounds, since its requests take long to arrive. */
static uint64_t make_slow(struct world *w)
{
    uint64_t master = cluster_leader(w->cluster, RANGE_META), slow = master % 3 + 1;
    struct sim *sim = cluster_sim(w->cluster);
    sim_net_delay(sim, slow, master, 1200 * SIM_US);
    run_ms(w, 600); /* those from before are worth nothing any more */
    assert_true(knows(w, slow));
    return slow;
}

/* A3, and what it rests on. */
TEST(txn_clock_interval, a_new_leaders_floor_is_above_what_any_other_may_have_served)
{
    struct world w;
    struct asker floor;
    open_world(&w, 3);
    run_ms(&w, 1000);
    uint64_t slow = make_slow(&w), master = cluster_leader(w.cluster, RANGE_META);
    clock_floor(clock_of(&w, master), &asker_make(&floor)->wait, SIM_SEC);
    sim_env_set_deadline(cluster_machine(w.cluster, master)->env, env_now_ns(cluster_machine(w.cluster, master)->env));
    uint64_t served = high_of(&w, slow);
    cluster_run(w.cluster, 30 * SIM_US);
    assert_true(floor.ended);
    assert_true(served > clock_seen(clock_of(&w, master)) + 200 * SIM_US); /* else this shows nothing */
    assert_true(floor.ts >= served);
    world_close(&w);
}

/* A2: what one machine has read at is not served by another before its own clock has come there. */
TEST(txn_clock_interval, a_reading_of_another_machine_is_waited_for)
{
    struct world w;
    open_world(&w, 3);
    run_ms(&w, 1000);
    uint64_t slow = make_slow(&w), master = cluster_leader(w.cluster, RANGE_META);
    uint64_t ts = high_of(&w, slow);
    struct clock *c = clock_of(&w, master);
    assert_false(clock_has_reached_reading(c, ts));
    struct asker a;
    clock_wait_reached(c, &asker_make(&a)->wait, ts, SIM_SEC);
    await(&w, master, &a);
    assert_true(a.ts >= ts);
    assert_true(clock_has_reached_reading(c, ts));
    /* And what is done after it lies above it. */
    ts = high_of(&w, slow);
    assert_true(reading(&w, master, ts) > ts);
    world_close(&w);
}

/* A1. */
TEST(txn_clock_interval, what_is_past_is_past_for_everybody)
{
    struct world w;
    open_world(&w, 3);
    run_ms(&w, 1000);
    uint64_t slow = make_slow(&w), master = cluster_leader(w.cluster, RANGE_META);
    uint64_t ct = high_of(&w, slow);
    struct asker a;
    assert_false(clock_is_past(clock_of(&w, slow), ct));
    clock_wait_past(clock_of(&w, slow), &asker_make(&a)->wait, ct, SIM_SEC);
    struct cluster_machine *m = cluster_machine(w.cluster, slow);
    sim_env_set_deadline(m->env, env_now_ns(m->env));
    for (int i = 0; i < 5000 && !a.ended; i++) cluster_run(w.cluster, 2 * SIM_US);
    assert_true(a.ended);
    assert_true(high_of(&w, master) > ct);
    assert_true(high_of(&w, slow) > ct);
    world_close(&w);
}

static uint64_t await_master(struct world *w, uint64_t other_than)
{
    for (int i = 0; i < 20000; i++) {
        for (uint64_t machine = 1; machine <= 5; machine++) {
            struct cluster_machine *m = cluster_machine(w->cluster, machine);
            if (machine != other_than && m->env != NULL && clock_of(w, machine)->master.ready) return machine;
        }
        run_ms(w, 1);
    }
    fail_msg("no other machine has become clock master");
    return 0;
}

/* The master and another machine are cut off from the rest: for a while it believes its samples, and the new master waits. */
TEST(txn_clock_interval, a_new_master_waits_for_those_that_do_not_answer)
{
    struct world w;
    open_world(&w, 5);
    run_ms(&w, 1000);
    uint64_t old = cluster_leader(w.cluster, RANGE_META), deluded = old % 5 + 1;
    for (uint64_t machine = 1; machine <= 5; machine++) {
        if (machine == old || machine == deluded) continue;
        sim_net_cut_pair(cluster_sim(w.cluster), machine, old);
        sim_net_cut_pair(cluster_sim(w.cluster), machine, deluded);
    }
    uint64_t next = await_master(&w, old);
    assert_true(next != deluded);
    assert_false(knows(&w, deluded));
    for (uint64_t machine = 1; machine <= 5; machine++)
        for (int i = 0; i < 2000 && machine != old && machine != deluded && !knows(&w, machine); i++) run_ms(&w, 1);
    for (uint64_t machine = 1; machine <= 5; machine++) assert_int_equal(knows(&w, machine), machine != old && machine != deluded);
    sim_net_heal(cluster_sim(w.cluster));
    run_ms(&w, 3000);
    assert_true(knows(&w, deluded) && knows(&w, old));
    world_close(&w);
}

static void hand_over(struct world *w, uint64_t to)
{
    world_transfer(w, RANGE_META, to);
    for (int i = 0; i < 20000 && !clock_of(w, to)->master.ready; i++) {
        cluster_run(w->cluster, 100 * SIM_US);
        cluster_check(w->cluster);
        if (cluster_violation(w->cluster) != NULL) fail_msg("%s", cluster_violation(w->cluster));
    }
    assert_true(clock_of(w, to)->master.ready);
}

/* When all answer, nobody waits, and the clock goes on where it was. */
TEST(txn_clock_interval, a_new_master_goes_on_where_the_old_one_was)
{
    struct world w;
    open_world(&w, 3);
    run_ms(&w, 1000);
    for (int round = 0; round < 6; round++) {
        uint64_t old = cluster_leader(w.cluster, RANGE_META), next = old % 3 + 1;
        uint64_t before = high_of(&w, old), start_ns = sim_now(cluster_sim(w.cluster));
        hand_over(&w, next);
        uint64_t took_ns = sim_now(cluster_sim(w.cluster)) - start_ns;
        assert_true(took_ns < 300 * SIM_MS);
        run_ms(&w, 100);
        uint64_t after = high_of(&w, old);
        assert_true(after > before);
        assert_true(after < before + took_ns + 130 * SIM_MS); /* not from the limit, seconds ahead */
    }
    world_close(&w);
}

static void on_admin(struct admin_call *c, enum status status, const struct admin_answer *answer)
{
    (void)answer;
    *(enum status *)c->ctx = status;
}

static bool is_removed(struct store *s, struct node_id node)
{
    struct node_view views[SHARD_NODES_MAX];
    uint32_t count = store_nodes(s, views, SHARD_NODES_MAX);
    for (uint32_t i = 0; i < count; i++)
        if (views[i].record.node.value == node.value) return views[i].record.removed;
    return false;
}

/* One that holds nothing leaves the cluster. It has not heard of it yet, and believes its samples for a while. */
static void remove_node(struct world *w, uint64_t via, uint64_t machine)
{
    struct store *s = core_store(cluster_machine(w->cluster, via)->core);
    struct node_id node = store_identity(core_store(cluster_machine(w->cluster, machine)->core))->node;
    enum status status = STATUS_WAIT;
    struct admin_call call = {.on_done = on_admin, .ctx = &status};
    const struct admin_question q = {.node = node, .state = NODE_STATE_DECOMMISSIONING};
    assert_int_equal(store_admin(s, &call, &q), STATUS_OK);
    sim_env_set_deadline(cluster_machine(w->cluster, via)->env, env_now_ns(cluster_machine(w->cluster, via)->env));
    for (int i = 0; i < 60000 && !is_removed(s, node); i++) run_ms(w, 1);
    assert_int_equal(status, STATUS_OK);
    assert_true(is_removed(s, node));
}

TEST(txn_clock_interval, a_new_master_waits_for_who_was_removed_just_now)
{
    struct world w;
    open_world(&w, 4);
    run_ms(&w, 10000);
    uint64_t old = cluster_leader(w.cluster, RANGE_META), next = 0, leaves = 0;
    for (uint64_t machine = 1; machine <= 4; machine++) {
        bool holds = store_replica(core_store(cluster_machine(w.cluster, machine)->core), RANGE_META) != NULL;
        if (!holds) leaves = machine;
        else if (machine != old) next = machine;
    }
    assert_true(next != 0 && leaves != 0);
    remove_node(&w, old, leaves);
    assert_true(knows(&w, leaves));
    hand_over(&w, next);
    run_ms(&w, 1000);
    world_close(&w);
}

/* Everything stops at once: nobody knows where the clock was, and the limit is above it. */
TEST(txn_clock_interval, a_cluster_that_starts_again_goes_on_above_what_was)
{
    struct world w;
    open_world(&w, 3);
    run_ms(&w, 5000);
    uint64_t before = 0;
    for (uint64_t machine = 1; machine <= 3; machine++)
        if (high_of(&w, machine) > before) before = high_of(&w, machine);
    for (uint64_t machine = 1; machine <= 3; machine++) {
        cluster_crash(w.cluster, machine, SIM_CRASH_POWER);
        sim_wall_set(cluster_sim(w.cluster), machine, -(int64_t)3600 * (int64_t)SIM_SEC);
    }
    for (uint64_t machine = 1; machine <= 3; machine++) cluster_start(w.cluster, machine);
    for (int i = 0; i < 20000 && (core_store(cluster_machine(w.cluster, 1)->core) == NULL || !knows(&w, 1)); i++) run_ms(&w, 1);
    assert_true(high_of(&w, 1) > before);
    world_close(&w);
}

/* A9, as far as it can be seen: a clock that jumps, and a process that stands still. */
TEST(txn_clock_interval, a_clock_that_jumps_is_found_out_and_believed_again_when_samples_agree)
{
    struct world w;
    open_world(&w, 3);
    run_ms(&w, 1000);
    uint64_t master = cluster_leader(w.cluster, RANGE_META), other = master % 3 + 1;
    uint64_t found = kv_metrics(world_kv(&w, other))->clock_contradictions;
    sim_clock_jump(cluster_sim(w.cluster), other, 50 * SIM_MS);
    for (int i = 0; i < 100; i++) world_run_ms(&w, 1); /* the bounds are wrong until the next sample */
    assert_true(kv_metrics(world_kv(&w, other))->clock_contradictions > found);
    assert_true(knows(&w, other));
    world_close(&w);
}

/* The machine stood still with its clock, and did not notice: the first message that reaches it says so. */
TEST(txn_clock_interval, a_message_from_later_ends_what_a_stopped_clock_says)
{
    struct world w;
    open_world(&w, 3);
    run_ms(&w, 1000);
    uint64_t master = cluster_leader(w.cluster, RANGE_META), frozen = master % 3 + 1, other = frozen % 3 + 1;
    struct kv *kv = world_kv(&w, frozen);
    sim_clock_freeze(cluster_sim(w.cluster), frozen, true);
    sim_net_cut_pair(cluster_sim(w.cluster), frozen, master); /* no sample comes first */
    world_run_ms(&w, 30);
    assert_true(knows(&w, frozen)); /* what it takes for the time is long over */
    struct clock *c = clock_of(&w, other);
    c->stamp.take(&kv->clock, (struct node_id){1}, clock_seen(c));
    assert_false(knows(&w, frozen));
    world_close(&w);
}
