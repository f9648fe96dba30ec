/* Reads and acknowledgements around crashes, pauses and changes of leaders: scenarios 18 to 20 and
 * 22 (README.md). */
#include "base/assert.h"
#include "shard/shard_int.h"
#include "tests/sim/scenario/scenario.h"
#include "tests/test.h"

#define BOUND_NS (4 * SCENARIO_TIMEOUT_NS)

/* Runs event by event until that many more operations were acknowledged, and not one event longer.
 */
static void until_acknowledged(struct scenario *s, uint64_t more)
{
    uint64_t wanted = scenario_commits(s) + more, end = sim_now(s->sim) + 20 * SIM_SEC;
    while (scenario_commits(s) < wanted) {
        EXPECT(s, sim_now(s->sim) < end);
        EXPECT(s, sim_step(s->sim));
    }
}

/* ---- 18: one replica, power lost right after an acknowledgement ---- */

static void sole_replica(struct scenario *s)
{
    scenario_boot(s, 1);
    scenario_load(s, 4, 2);
    for (int round = 0; round < 20; round++) {
        until_acknowledged(s, 1 + sim_below(s->sim, 5));
        cluster_crash(s->c, 1, SIM_CRASH_POWER);
        cluster_start(s->c, 1);
        scenario_await_write(s, 10 * SIM_SEC);
    }
    scenario_end(s);
}

TEST(scenario_18, a_sole_replica_that_loses_power_after_an_acknowledgement_has_the_write)
{
    scenario_seeds(10, sole_replica);
}

/* The same with three, all of which lose power at that moment. */
static void all_lose_power(struct scenario *s)
{
    scenario_boot(s, 3);
    scenario_load(s, 6, 2);
    for (int round = 0; round < 8; round++) {
        until_acknowledged(s, 1 + sim_below(s->sim, 5));
        for (uint64_t i = 1; i <= 3; i++)
            cluster_crash(s->c, i, SIM_CRASH_POWER);
        for (uint64_t i = 1; i <= 3; i++)
            cluster_start(s->c, i);
        scenario_await_write(s, 20 * SIM_SEC);
    }
    scenario_end(s);
}

TEST(scenario_18, three_replicas_that_lose_power_after_an_acknowledgement_have_the_write)
{
    scenario_seeds(6, all_lose_power);
}

/* ---- 19: reads at leaders that have committed nothing yet ---- */

/* Every new leader is asked at once, while its first entry is slow to reach the others. */
static void fresh_leaders(struct scenario *s)
{
    scenario_boot(s, 3);
    scenario_load_with(s, &(struct workload_options){.client_count = 12,
                                                     .key_count = 2,
                                                     .think_mean_ns = 2 * SIM_MS,
                                                     .operation_max = 200000});
    for (int round = 0; round < 10; round++) {
        uint64_t old = scenario_leader(s, RANGE_DATA);
        for (uint64_t a = 1; a <= 3; a++)
            for (uint64_t b = 1; b <= 3; b++)
                if (a != b) sim_net_delay(s->sim, a, b, sim_below(s->sim, 50 * SIM_MS));
        if (old != 0) cluster_crash(s->c, old, SIM_CRASH_PROCESS);
        scenario_await_leader(s, 2 * BOUND_NS); /* slow links: votes take their time, too */
        EXPECT(s, scenario_leader(s, RANGE_DATA) != old);
        scenario_run(s, 500 * SIM_MS);
        if (old != 0) cluster_start(s->c, old);
        sim_net_heal(s->sim);
        scenario_await_write(s, 10 * SIM_SEC);
    }
    scenario_end(s);
}

TEST(scenario_19, a_fresh_leader_answers_no_read_before_its_first_commit)
{
    scenario_seeds(10, fresh_leaders);
}

/* ---- 20: a process is paused with a read in flight, and another one leads meanwhile ---- */

static bool read_in_flight(struct scenario *s, uint64_t machine)
{
    struct replica *r = scenario_replica(s, machine, RANGE_DATA);
    return r != NULL && replica_serving(r) && !list_empty(&r->reads);
}

static void paused_with_a_read(struct scenario *s)
{
    struct cluster_options options;
    scenario_options(s, 3, &options);
    options.no_leases = true; /* a lease answers at once: no read would be under way when the pause comes */
    scenario_boot_with(s, &options);
    scenario_load_with(s, &(struct workload_options){.client_count = 12,
                                                     .key_count = 2,
                                                     .think_mean_ns = 3 * SIM_MS,
                                                     .operation_max = 200000});
    for (int round = 0; round < 12; round++) {
        uint64_t old = scenario_leader(s, RANGE_DATA), end = sim_now(s->sim) + SIM_SEC;
        EXPECT(s, old != 0);
        while (!read_in_flight(s, old) && sim_now(s->sim) < end)
            sim_step(s->sim);
        EXPECT(s, read_in_flight(s, old));
        sim_node_pause(s->sim, old);
        /* Long enough for another leader, or just about, or not. */
        scenario_run(s, 200 * SIM_MS + sim_below(s->sim, 3 * SIM_SEC));
        sim_node_resume(s->sim, old);
        scenario_run(s, 50 * SIM_MS + sim_below(s->sim, 500 * SIM_MS));
        scenario_await_leader(s, BOUND_NS);
        scenario_await_write(s, 10 * SIM_SEC);
    }
    scenario_end(s);
}

TEST(scenario_20, a_read_that_slept_through_a_change_of_leaders_sees_nothing_old)
{
    scenario_seeds(10, paused_with_a_read);
}

/* ---- 22: a voter that restarts has promised ---- */

/* Two replicas of a range that both believe, each by its own clock, that they need to ask nobody.
 */
static void expect_one_lease(struct scenario *s, struct range_id range)
{
    uint64_t holder = 0;
    for (uint64_t i = 1; i <= s->size; i++) {
        struct replica *r = scenario_replica(s, i, range);
        if (r == NULL) continue;
        struct raft_status status;
        replica_raft_status(r, &status);
        if (status.role != RAFT_ROLE_LEADER) continue;
        if (status.lease_until_ns <= env_now_ns(cluster_machine(s->c, i)->env)) continue;
        EXPECT(s, holder == 0);
        holder = i;
    }
}

static void run_watching_leases(struct scenario *s, uint64_t duration_ns)
{
    for (uint64_t end = sim_now(s->sim) + duration_ns; sim_now(s->sim) < end;) {
        scenario_run(s, SIM_MS);
        expect_one_lease(s, RANGE_META);
        expect_one_lease(s, RANGE_DATA);
    }
}

static void voter_restarts(struct scenario *s)
{
    scenario_boot(s, 3);
    scenario_load(s, 6, 2);
    for (int round = 0; round < 8; round++) {
        uint64_t old = scenario_leader(s, RANGE_DATA);
        EXPECT(s, old != 0);
        uint64_t voter = old % 3 + 1;
        run_watching_leases(s, sim_below(s->sim, 200 * SIM_MS));
        cluster_crash(s->c, voter,
                      sim_chance(s->sim, SIM_ALWAYS / 2) ? SIM_CRASH_PROCESS : SIM_CRASH_POWER);
        cluster_start(s->c, voter);
        /* The other two could elect one of them at once; the old leader does not hear of it. */
        for (uint64_t other = 1; other <= 3; other++)
            if (other != old) sim_net_cut_pair(s->sim, old, other);
        run_watching_leases(s, 3 * SIM_SEC);
        scenario_heal_network(s);
        run_watching_leases(s, SIM_SEC);
        scenario_await_leader(s, BOUND_NS);
    }
    scenario_end(s);
}

TEST(scenario_22, a_voter_that_restarts_helps_no_second_holder_of_a_lease)
{
    scenario_seeds(10, voter_restarts);
}

/* What a leased read looks at before it goes on without a wait. What is committed and not applied yet lasts for an instant, so
 * it is made believe here. */
static void at_once(struct scenario *s)
{
    scenario_boot(s, 3);
    scenario_load(s, 2, 2);
    scenario_await_write(s, 10 * SIM_SEC);
    struct replica *r = NULL;
    uint64_t leader = 0, end = sim_now(s->sim) + 20 * SIM_SEC;
    while (r == NULL || !replica_leased(r) || r->applied.index < raft_commit_index(r->raft)) {
        EXPECT(s, sim_now(s->sim) < end);
        EXPECT(s, sim_step(s->sim));
        leader = scenario_leader(s, RANGE_DATA);
        r = leader == 0 ? NULL : scenario_replica(s, leader, RANGE_DATA);
    }
    EXPECT(s, replica_read_at_once(r));
    uint64_t applied = r->applied.index;
    r->applied.index--;
    bool behind = replica_read_at_once(r);
    r->applied.index = applied;
    EXPECT(s, !behind);
    for (uint64_t i = 1; i <= 3; i++) {
        struct replica *other = scenario_replica(s, i, RANGE_DATA);
        EXPECT(s, i == leader || other == NULL || !replica_read_at_once(other));
    }
    scenario_end(s);
}

TEST(reads, go_on_at_once_under_a_lease_when_all_that_is_committed_is_applied)
{
    scenario_seeds(4, at_once);
}
