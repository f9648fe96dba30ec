/* Requests to leaders that are elsewhere, move, or are gone: what is asked again, and what never is. */
#include "tests/test.h"

#include <stdio.h>

#include "tests/txn/world.h"

static uint64_t other_than(uint64_t machine)
{
    return machine % 3 + 1;
}

static const struct kv_metrics *metrics_of(struct world *w, uint64_t machine)
{
    return kv_metrics(world_kv(w, machine));
}

TEST(txn_gateway, any_node_reaches_the_leader)
{
    struct world w;
    world_open(&w, 3, 0);
    for (uint64_t machine = 1; machine <= 3; machine++) {
        struct actor a;
        char value[16];
        snprintf(value, sizeof value, "%u", (unsigned)machine);
        actor_begin(&a, &w, machine);
        actor_put(&a, "a", value);
        assert_int_equal(actor_commit(&a), STATUS_OK);
        actor_end(&a);
        actor_begin(&a, &w, machine % 3 + 1);
        assert_int_equal(actor_get(&a, "a"), STATUS_OK);
        assert_string_equal(a.value, value);
        actor_end(&a);
    }
    world_close(&w);
}

TEST(txn_gateway, the_next_leader_is_found)
{
    struct world w;
    world_open(&w, 3, 0);
    world_put(&w, "a", "1");
    uint64_t leader = world_leader(&w), gateway = other_than(leader);
    cluster_crash(w.cluster, leader, SIM_CRASH_PROCESS);
    struct actor a; /* at once: there is no leader, and then another one */
    actor_begin(&a, &w, gateway);
    assert_int_equal(actor_get(&a, "a"), STATUS_OK);
    actor_put(&a, "a", "2");
    assert_int_equal(actor_commit(&a), STATUS_OK);
    actor_end(&a);
    assert_true(metrics_of(&w, gateway)->retries > 0);
    world_close(&w);
}

static bool proposed(struct cluster *c, void *ctx)
{
    (void)c;
    struct range *g = ctx;
    return g->in_flight_count > 0;
}

/* The leader has it in its log, and goes: nobody can say what became of it, and it is not sent again. */
TEST(txn_gateway, a_commit_whose_answer_is_lost_is_of_unknown_outcome_and_not_sent_again)
{
    struct world w;
    world_open(&w, 3, 0);
    uint64_t leader = world_leader(&w), gateway = other_than(leader);
    world_put(&w, "a", "1");
    struct actor a;
    actor_begin(&a, &w, gateway);
    actor_put(&a, "a", "2");
    actor_start_commit(&a);
    struct range *g = world_range(&w);
    for (int i = 0; i < 100000 && !proposed(w.cluster, g); i++) sim_run_for(cluster_sim(w.cluster), 10000);
    assert_true(proposed(w.cluster, g));
    cluster_crash(w.cluster, leader, SIM_CRASH_POWER);
    assert_int_equal(actor_await(&a), STATUS_UNKNOWN_OUTCOME);
    assert_u64_equal(metrics_of(&w, gateway)->unknown_outcomes, 1);
    actor_end(&a);
    world_leader(&w);
    for (uint64_t machine = 1; machine <= 3; machine++)
        if (machine != leader) assert_u64_equal(metrics_of(&w, machine)->commits, 0);
    /* It happened or it did not, and stays that way. */
    char first[sizeof a.value];
    actor_begin(&a, &w, gateway);
    assert_int_equal(actor_get(&a, "a"), STATUS_OK);
    memcpy(first, a.value, sizeof first);
    actor_end(&a);
    assert_true(strcmp(first, "1") == 0 || strcmp(first, "2") == 0);
    cluster_start(w.cluster, leader);
    world_run_ms(&w, 5000);
    actor_begin(&a, &w, gateway);
    assert_int_equal(actor_get(&a, "a"), STATUS_OK);
    assert_string_equal(a.value, first);
    actor_end(&a);
    world_close(&w);
}

TEST(txn_gateway, without_a_quorum_nothing_is_written_and_that_is_said_in_time)
{
    struct world w;
    world_open(&w, 3, 0);
    uint64_t leader = world_leader(&w), second = other_than(leader), third = other_than(second);
    world_put(&w, "a", "1");
    cluster_crash(w.cluster, second, SIM_CRASH_PROCESS);
    cluster_crash(w.cluster, third, SIM_CRASH_PROCESS);
    world_run_ms(&w, 3000); /* the leader has noticed */
    struct actor a;
    uint64_t start = sim_now(cluster_sim(w.cluster));
    actor_begin(&a, &w, leader);
    assert_int_equal(actor_get(&a, "a"), STATUS_UNAVAILABLE);
    actor_end(&a);
    actor_begin(&a, &w, leader);
    actor_put(&a, "a", "2");
    assert_int_equal(actor_commit(&a), STATUS_UNAVAILABLE);
    actor_end(&a);
    assert_true(sim_now(cluster_sim(w.cluster)) - start < 2 * NO_QUORUM_TIMEOUT_NS + SIM_SEC);
    cluster_start(w.cluster, second);
    cluster_start(w.cluster, third);
    world_leader(&w);
    actor_begin(&a, &w, leader);
    assert_int_equal(actor_get(&a, "a"), STATUS_OK);
    assert_string_equal(a.value, "1");
    actor_end(&a);
    world_close(&w);
}

TEST(txn_gateway, an_earlier_deadline_ends_the_search)
{
    struct world w;
    world_open(&w, 3, 0);
    uint64_t leader = world_leader(&w), second = other_than(leader), third = other_than(second);
    cluster_crash(w.cluster, second, SIM_CRASH_PROCESS);
    cluster_crash(w.cluster, third, SIM_CRASH_PROCESS);
    world_run_ms(&w, 3000);
    struct actor a;
    struct env *env = cluster_machine(w.cluster, leader)->env;
    uint64_t start = env_now_ns(env);
    actor_begin(&a, &w, leader);
    txn_set_deadline(a.txn, start + 500 * SIM_MS);
    assert_int_equal(actor_get(&a, "a"), STATUS_UNAVAILABLE); /* nobody was there to ask */
    assert_true(env_now_ns(env) - start < 2 * SIM_SEC);
    actor_end(&a);
    world_close(&w);
}

/* A gateway that has heard nothing of a change of members is told by the leader. */
TEST(txn_gateway, a_route_that_is_stale_is_replaced_by_the_leaders)
{
    struct world w;
    world_open(&w, 3, 0);
    uint64_t leader = world_leader(&w), gateway = other_than(leader);
    world_put(&w, "a", "1");
    /* The leader is ahead by one epoch, as after a change that nobody else has heard of. */
    struct replica *r = world_range(&w)->replica;
    struct descriptor *d = (struct descriptor *)(uintptr_t)replica_descriptor(r);
    d->epoch++;
    uint64_t before = metrics_of(&w, gateway)->retries;
    struct actor a;
    actor_begin(&a, &w, gateway);
    assert_int_equal(actor_get(&a, "a"), STATUS_OK);
    assert_true(metrics_of(&w, gateway)->retries > before);
    uint64_t after = metrics_of(&w, gateway)->retries;
    assert_int_equal(actor_get(&a, "b"), STATUS_NOT_FOUND); /* it has learnt */
    assert_u64_equal(metrics_of(&w, gateway)->retries, after);
    actor_end(&a);
    world_close(&w);
}

/* The process ends in the middle: whoever waits is told, and nothing is left behind. */
TEST(txn_gateway, the_end_of_the_node_ends_what_waits)
{
    for (int kind = 0; kind < 2; kind++) {
        struct world w;
        world_open(&w, 3, 0);
        uint64_t leader = world_leader(&w), gateway = other_than(leader);
        struct actor a;
        actor_begin(&a, &w, gateway);
        a.ends_itself = true;
        if (kind == 0) actor_start_get(&a, "a");
        else {
            actor_put(&a, "a", "1");
            actor_start_commit(&a);
        }
        sim_run_for(cluster_sim(w.cluster), 100000);
        assert_true(a.running);
        cluster_crash(w.cluster, gateway, SIM_CRASH_PROCESS);
        assert_false(a.running);
        assert_true(a.status == STATUS_CANCELLED || a.status == STATUS_UNKNOWN_OUTCOME);
        actor_end(&a);
        world_close(&w);
    }
}

/* A statement that is cancelled, or whose time is over, while its commit is under way: it has one more second, for nobody may say
 * that nothing happened. As soon as it is certain that nothing did, it ends, and is not sent again (57014). */
TEST(txn_gateway, an_interrupted_commit_that_is_refused_ends_at_once)
{
    static const enum status refusals[] = {STATUS_NOT_LEADER, STATUS_BUSY, STATUS_STALE_ROUTE, STATUS_UNAVAILABLE, STATUS_CLOSED};
    struct world w;
    struct late_leader l;
    uint8_t ct[8];
    world_open(&w, 3, 0);
    world_put(&w, "a", "1");
    late_leader_begin(&l, &w, world_leader(&w), RPC_COMMIT);
    for (size_t i = 0; i <= sizeof refusals / sizeof refusals[0]; i++) {
        bool refused = i < sizeof refusals / sizeof refusals[0];
        struct actor a;
        l.asked = 0;
        actor_begin(&a, &w, other_than(l.machine->number));
        actor_put(&a, "a", "2");
        actor_start_commit(&a);
        for (int turns = 0; turns < 1000 && l.asked == 0; turns++) world_run_ms(&w, 1);
        txn_interrupt(a.txn);
        world_run_ms(&w, 300);
        assert_true(a.running);
        store_le64(ct, kv_timestamp_seen(world_kv(&w, l.machine->number)));
        if (refused) late_leader_answer(&l, refusals[i], BYTES_EMPTY);
        else late_leader_answer(&l, STATUS_OK, bytes_make(ct, sizeof ct));
        world_run_ms(&w, 50);
        assert_false(a.running);
        assert_int_equal(a.status, refused ? STATUS_TIMEOUT : STATUS_OK);
        assert_u64_equal(l.asked, 1);
        actor_end(&a);
    }
    world_close(&w);
}

static bool leads_again(struct cluster *c, void *ctx)
{
    return cluster_leader(c, WORLD_RANGE) == *(uint64_t *)ctx;
}

/* Who led, was deposed and leads again has proposals of its first term that stand at higher places of the log than
 * those of its second: these are answered all the same, as what they are. */
TEST(txn_gateway, what_a_leader_has_lost_hides_nothing_of_its_next_term)
{
    struct world w;
    struct actor lost[8], next;
    world_open_leased(&w, 3);
    uint64_t leader = world_leader(&w);
    struct sim *sim = cluster_sim(w.cluster);
    world_isolate(&w, leader);
    for (size_t i = 0; i < 8; i++) {
        char key[8];
        snprintf(key, sizeof key, "l%u", (unsigned)i);
        actor_begin(&lost[i], &w, leader);
        actor_put(&lost[i], key, "x");
        struct env *env = cluster_machine(w.cluster, leader)->env; /* it is not asked for again, later */
        txn_set_deadline(lost[i].txn, env_now_ns(env) + 500 * SIM_MS);
        actor_start_commit(&lost[i]);
        world_run_ms(&w, 4); /* an entry of its own; under its lease it proposes still */
    }
    assert_true(world_range(&w)->in_flight_count >= 8);
    world_run_ms(&w, 3000); /* the others have a leader */
    sim_net_heal(sim);
    world_run_ms(&w, 300);
    if (cluster_leader(w.cluster, WORLD_RANGE) != leader) {
        struct node_id home = store_identity(core_store(cluster_machine(w.cluster, leader)->core))->node;
        assert_int_equal(replica_transfer(world_range(&w)->replica, home), STATUS_OK);
    }
    assert_true(cluster_run_until(w.cluster, leads_again, &leader, 10 * SIM_SEC));
    actor_begin(&next, &w, leader);
    assert_int_equal(actor_insert(&next, "fresh", "y"), STATUS_OK);
    assert_int_equal(actor_commit(&next), STATUS_OK); /* at once, and not behind what is lost */
    actor_end(&next);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(actor_await(&lost[i]), STATUS_UNKNOWN_OUTCOME);
        actor_end(&lost[i]);
    }
    world_close(&w);
}
