/* Frames and streams that go wrong while clients work: scenarios 11, 12 and 14 (README.md). */
#include "base/assert.h"
#include "tests/sim/scenario/scenario.h"
#include "tests/test.h"

#define BOUND_NS (4 * SCENARIO_TIMEOUT_NS)

/* ---- 11 ---- */

static void swizzle_clog(struct scenario *s)
{
    uint64_t nodes[5] = {1, 2, 3, 4, 5};
    scenario_boot(s, 5);
    scenario_load(s, 10, 5);
    for (int round = 0; round < 6; round++) {
        sim_net_swizzle(s->sim, nodes, 5, 3 * SIM_SEC);
        scenario_run(s, 2 * SIM_SEC + sim_below(s->sim, 3 * SIM_SEC));
    }
    EXPECT(s, sim_fault_hits(s->sim, SIM_FAULT_CLOG) >= 6);
    scenario_heal_network(s);
    scenario_await_leader(s, BOUND_NS); /* convergence */
    scenario_await_write(s, 5 * SIM_SEC);
    scenario_end(s);
}

TEST(scenario_11, swizzle_clogs_lose_nothing_and_end_in_convergence)
{
    scenario_seeds(10, swizzle_clog);
}

/* ---- 12: copies, late copies, very late copies ---- */

/* Commit never falls and acknowledged entries stay: SHARD-2 and RAFT-1 are asserted at every step,
 * and the registers tell of lost writes. */
static void frames_go_wrong(struct scenario *s, uint64_t delay_max_ns)
{
    scenario_boot(s, 3);
    struct sim_options *o = sim_options(s->sim);
    scenario_load(s, 8, 4);
    o->frame_duplicate_ppm = 100000;
    o->frame_delay_ppm = 30000;
    o->frame_loss_ppm = 5000;
    o->frame_delay_max_ns = delay_max_ns;
    for (int round = 0; round < 5; round++) {
        /* Terms and histories change under what is still under way. */
        uint64_t leader = scenario_leader(s, RANGE_DATA);
        scenario_run(s, 2 * SIM_SEC);
        if (leader == 0) continue;
        if (round % 2 == 0) {
            cluster_crash(s->c, leader, round == 0 ? SIM_CRASH_PROCESS : SIM_CRASH_POWER);
            scenario_run(s, SIM_SEC);
            cluster_start(s->c, leader);
        } else {
            for (uint64_t other = 1; other <= 3; other++)
                if (other != leader) sim_net_cut_pair(s->sim, leader, other);
            scenario_run(s, 2 * SIM_SEC);
            sim_net_heal(s->sim);
        }
    }
    EXPECT(s, sim_fault_hits(s->sim, SIM_FAULT_MESSAGE_DUPLICATE) > 100);
    EXPECT(s, sim_fault_hits(s->sim, SIM_FAULT_MESSAGE_DELAY) > 100);
    scenario_run(s, delay_max_ns); /* the last of them arrives */
    scenario_end(s);
}

static void frames_overtake(struct scenario *s)
{
    frames_go_wrong(s, 200 * SIM_MS);
}
static void frames_arrive_minutes_late(struct scenario *s)
{
    frames_go_wrong(s, 180 * SIM_SEC);
}

TEST(scenario_12, doubled_and_overtaken_frames_change_nothing)
{
    scenario_seeds(10, frames_overtake);
}

TEST(scenario_12, frames_that_arrive_minutes_late_change_nothing)
{
    scenario_seeds(4, frames_arrive_minutes_late);
}

/* Snapshots too: one machine is away until the log is cut, and is brought back over a bad network.
 */
static void snapshot_over_a_bad_network(struct scenario *s)
{
    struct cluster_options options;
    scenario_options(s, 3, &options);
    options.log_bytes_max = 16u << 10;
    options.memory_bytes = 1u << 20;
    scenario_boot_with(s, &options);
    scenario_lead(s, 1);
    scenario_load(s, 10, 4);
    cluster_crash(s->c, 3, SIM_CRASH_PROCESS);
    scenario_run(s, 10 * SIM_SEC);
    struct sim_options *o = sim_options(s->sim);
    o->frame_duplicate_ppm = o->frame_delay_ppm = 50000;
    o->frame_loss_ppm = 5000;
    o->frame_delay_max_ns = 100 * SIM_MS;
    o->connection_reset_ppm = 2000; /* in the middle of frames */
    cluster_start(s->c, 3);
    scenario_run(s, 10 * SIM_SEC);
    scenario_heal_network(s);
    scenario_run(s, 10 * SIM_SEC);
    struct store *store = core_store(cluster_machine(s->c, 3)->core);
    EXPECT(s, store != NULL && store_metrics(store)->snapshots_received > 0);
    scenario_end(s);
}

TEST(scenario_12, snapshots_arrive_whole_over_a_bad_network)
{
    scenario_seeds(8, snapshot_over_a_bad_network);
}

/* Streams break inside frames all the time. */
static void resets_inside_frames(struct scenario *s)
{
    scenario_boot(s, 3);
    scenario_load(s, 8, 4);
    sim_options(s->sim)->connection_reset_ppm = 8000; /* of the frames: a group at rest sends none */
    scenario_run(s, 10 * SIM_SEC);
    EXPECT(s, sim_fault_hits(s->sim, SIM_FAULT_CONNECTION_RESET) > 20);
    scenario_end(s);
}

TEST(scenario_12, streams_that_break_inside_frames_lose_no_acknowledged_write)
{
    scenario_seeds(8, resets_inside_frames);
}

/* One link stands still for minutes while everything else works. */
static void link_stalled_for_minutes(struct scenario *s)
{
    struct cluster_options options;
    scenario_options(s, 3, &options);
    options.sim.reset_min_ns = 200 * SIM_SEC; /* nobody resets it meanwhile */
    options.sim.reset_max_ns = 300 * SIM_SEC;
    scenario_boot_with(s, &options);
    scenario_lead(s, 1);
    scenario_load(s, 4, 4);
    sim_net_cut_pair(s->sim, 1, 3);
    workload_gateways(s->w, 1 << 1 | 1 << 2);
    uint64_t term = scenario_term(s, RANGE_DATA);
    EXPECT(s, scenario_commits_in(s, 150 * SIM_SEC) > 10000);
    EXPECT(s, scenario_term(s, RANGE_DATA) == term);
    scenario_heal_network(s);
    scenario_run(s, 5 * SIM_SEC);
    EXPECT(s, scenario_term(s, RANGE_DATA) == term);
    scenario_end(s);
}

TEST(scenario_12, a_link_that_stalls_for_minutes_brings_nothing_back_to_life)
{
    scenario_seeds(2, link_stalled_for_minutes);
}

/* ---- 14: the log is cut while a follower is far behind ---- */

static void log_cut_under_a_slow_follower(struct scenario *s)
{
    struct cluster_options options;
    scenario_options(s, 3, &options);
    options.log_bytes_max = 8u << 10;
    options.memory_bytes = 1u << 20;
    scenario_boot_with(s, &options);
    scenario_lead(s, 1);
    scenario_load(s, 10, 4);
    struct raft_status status;
    scenario_status(s, 1, RANGE_DATA, &status);
    uint64_t cut_at = status.start.index;
    for (int round = 0; round < 8; round++) {
        sim_net_cut_pair(s->sim, 1, 3);
        scenario_run(s, 500 * SIM_MS + sim_below(s->sim, 2 * SIM_SEC));
        scenario_heal_network(s);
        sim_net_delay(s->sim, 3, 1, sim_below(s->sim, 300 * SIM_MS)); /* refusals come late */
        scenario_run(s, sim_below(s->sim, SIM_SEC));
    }
    scenario_status(s, 1, RANGE_DATA, &status);
    EXPECT(s, status.start.index > cut_at);
    scenario_end(s);
}

TEST(scenario_14, the_log_is_cut_while_a_slow_follower_refuses)
{
    scenario_seeds(10, log_cut_under_a_slow_follower);
}
