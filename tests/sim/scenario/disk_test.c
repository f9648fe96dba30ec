/* Disks that lose, lie and fail: scenarios 31 to 34, 36 and 44 (README.md). */
#include <errno.h>
#include <stdio.h>

#include "base/assert.h"
#include "shard/shard_int.h"
#include "tests/sim/scenario/scenario.h"
#include "tests/test.h"

#define BOUND_NS (4 * SCENARIO_TIMEOUT_NS)

static void power_off_all(struct scenario *s)
{
    for (uint64_t i = 1; i <= s->size; i++)
        cluster_crash(s->c, i, SIM_CRASH_POWER);
}

static void start_all(struct scenario *s)
{
    for (uint64_t i = 1; i <= s->size; i++)
        if (!cluster_up(s->c, i)) cluster_start(s->c, i);
}

static uint64_t hits(struct scenario *s, enum sim_fault fault)
{
    return sim_fault_hits(s->sim, fault);
}

/* ---- 31: any subset of what was not synced ---- */

static void any_subset(struct scenario *s)
{
    struct cluster_options options;
    scenario_options(s, 3, &options);
    options.sim.sector_bytes = s->seed % 2 == 0 ? 512 : 4096;
    options.sim.disk_sync_ns = 2 * SIM_MS; /* much is under way at any moment */
    scenario_boot_with(s, &options);
    scenario_load_with(s, &(struct workload_options){.client_count = 20,
                                                     .key_count = 8,
                                                     .think_mean_ns = SIM_MS,
                                                     .operation_max = 200000});
    for (int round = 0; round < 10; round++) {
        scenario_run(s, 200 * SIM_MS + sim_below(s->sim, 500 * SIM_MS));
        power_off_all(s);
        start_all(s);
        scenario_await_write(s, 20 * SIM_SEC);
    }
    EXPECT(s, hits(s, SIM_FAULT_UNSYNCED_LOST) > 0);
    scenario_end(s);
}

TEST(scenario_31, any_subset_of_unsynced_sectors_may_survive_a_power_loss)
{
    scenario_seeds(10, any_subset);
}

/* ---- 32: the name of a new segment is lost ---- */

static void names_lost(struct scenario *s)
{
    struct cluster_options options;
    scenario_options(s, 3, &options);
    options.wal_segment_bytes = 64u << 10; /* a new one every few moments */
    options.log_bytes_max = 16u << 10;
    options.memory_bytes = 1u << 20;
    scenario_boot_with(s, &options);
    scenario_load_with(s, &(struct workload_options){.client_count = 20,
                                                     .key_count = 8,
                                                     .think_mean_ns = SIM_MS,
                                                     .operation_max = 200000});
    for (int round = 0; round < 15; round++) {
        scenario_run(s, 100 * SIM_MS + sim_below(s->sim, 400 * SIM_MS));
        power_off_all(s);
        start_all(s);
        scenario_await_write(s, 20 * SIM_SEC);
    }
    scenario_end(s);
}

TEST(scenario_32, names_of_segments_survive_with_what_was_acknowledged_in_them)
{
    scenario_seeds(10, names_lost);
}

/* ---- 33: no vote is told before it is durable ---- */

/* Election after election, and the power fails at voters while they vote. Two leaders in one term
 * would stop the run (CLUSTER-2). */
static void votes_at_risk(struct scenario *s)
{
    struct cluster_options options;
    scenario_options(s, 3, &options);
    options.sim.disk_sync_ns = 5 * SIM_MS;
    scenario_boot_with(s, &options);
    scenario_load(s, 4, 2);
    for (int round = 0; round < 25; round++) {
        uint64_t old = scenario_leader(s, RANGE_DATA), term = scenario_term(s, RANGE_DATA);
        if (old != 0) cluster_crash(s->c, old, SIM_CRASH_POWER);
        uint64_t end = sim_now(s->sim) + 3 * SIM_SEC;
        while (scenario_term(s, RANGE_DATA) == term && sim_now(s->sim) < end)
            sim_step(s->sim);
        sim_run_for(s->sim, sim_below(s->sim, 8 * SIM_MS)); /* asked, written, synced or answered */
        for (uint64_t i = 1; i <= 3; i++)
            if (i != old && sim_chance(s->sim, SIM_ALWAYS / 2))
                cluster_crash(s->c, i, SIM_CRASH_POWER);
        start_all(s);
        scenario_await_leader(s, 20 * SIM_SEC);
    }
    scenario_end(s);
}

TEST(scenario_33, votes_survive_the_power_loss_of_the_voter)
{
    scenario_seeds(10, votes_at_risk);
}

/* ---- 34: the first failed write or sync ---- */

static const struct {
    enum sim_fault kind;
    int error;
} first_errors[] = {
    {SIM_FAULT_SYNC_ERROR, EIO},
    {SIM_FAULT_SYNC_ERROR, ENOSPC},
    {SIM_FAULT_WRITE_ERROR, EIO},
};

static void inject_first_error(struct scenario *s, uint64_t victim, size_t which)
{
    sim_disk_inject(sim_disk(s->sim, victim), &(struct sim_disk_fault){.kind = first_errors[which].kind,
                                                                       .error = first_errors[which].error,
                                                                       .path_part = s->seed % 2 == 0 ? ".wal" : NULL,
                                                                       .skip = sim_below(s->sim, 20),
                                                                       .count = 1});
}

/* Later calls succeed. The machine ends at once, says nothing more, and comes back with a log that
 * was checked. Without room a new segment or table is only put off; then the next error counts. */
static void first_error(struct scenario *s)
{
    size_t which = s->seed % (sizeof first_errors / sizeof first_errors[0]);
    scenario_boot(s, 3);
    scenario_load(s, 8, 4);
    s->lossy = true; /* it stops by itself */
    for (int round = 0; round < 4; round++) {
        uint64_t victim = scenario_leader(s, RANGE_DATA);
        EXPECT(s, victim != 0);
        if (round % 2 == 1) victim = victim % 3 + 1;
        uint32_t ended = cluster_ended(s->c);
        uint64_t seen = hits(s, first_errors[which].kind);
        inject_first_error(s, victim, which);
        uint64_t end = sim_now(s->sim) + 10 * SIM_SEC;
        while (cluster_ended(s->c) == ended) {
            EXPECT(s, sim_now(s->sim) < end);
            bool struck = hits(s, first_errors[which].kind) > seen;
            scenario_run(s, 5 * SIM_MS);
            if (!struck || cluster_ended(s->c) > ended) continue;
            EXPECT(s, first_errors[which].error == ENOSPC); /* any other ends it at once */
            seen = hits(s, first_errors[which].kind);
            inject_first_error(s, victim, which);
        }
        EXPECT(s, !cluster_up(s->c, victim));
        scenario_await_leader(s, BOUND_NS);
        scenario_await_write(s, 10 * SIM_SEC);
        sim_disk_heal(sim_disk(s->sim, victim));
        if (sim_chance(s->sim, SIM_ALWAYS / 2)) sim_node_crash(s->sim, victim, SIM_CRASH_POWER);
        cluster_start(s->c, victim);
        scenario_run(s, 3 * SIM_SEC);
        EXPECT(s, cluster_up(s->c, victim));
    }
    scenario_end(s);
}

TEST(scenario_34, the_first_failed_write_or_sync_ends_the_process)
{
    scenario_seeds(12, first_error);
}

/* ---- 36: a bit flips in the middle of a log, and its owner is needed ---- */

static void bit_flip(struct scenario *s)
{
    struct cluster_options options;
    scenario_options(s, 3, &options);
    options.log_bytes_max = 16u << 10;
    scenario_boot_with(s, &options);
    scenario_lead(s, 1);
    scenario_load(s, 8, 4);
    scenario_run(s, 3 * SIM_SEC);
    s->lossy = true;
    cluster_crash(s->c, 2, SIM_CRASH_PROCESS);
    for (int i = 0; i < 3; i++)
        EXPECT(s, sim_disk_rot_random(sim_disk(s->sim, 2), ".wal"));
    cluster_start(s->c, 2);
    scenario_run(s, 500 * SIM_MS);
    /* The leader goes: only the damaged one and machine 3 are left. Whoever leads must have
     * everything. */
    cluster_crash(s->c, 1, SIM_CRASH_PROCESS);
    scenario_run(s, 5 * SIM_SEC);
    cluster_start(s->c, 1);
    scenario_await_leader(s, 20 * SIM_SEC);
    scenario_await_write(s, 20 * SIM_SEC);
    /* Repaired: it takes part again, so that the third may go. */
    uint64_t end = sim_now(s->sim) + 60 * SIM_SEC;
    for (uint64_t range = 1; range <= 2; range++) {
        struct replica *r;
        while ((r = scenario_replica(s, 2, (struct range_id){range})) == NULL ||
               r->state != REPLICA_STATE_RUNNING) {
            EXPECT(s, sim_now(s->sim) < end);
            if (!cluster_up(s->c, 2)) cluster_start(s->c, 2);
            scenario_run(s, 100 * SIM_MS);
        }
    }
    scenario_end(s);
}

TEST(scenario_36, a_flipped_bit_in_a_log_is_repaired_and_never_cut_as_a_tail)
{
    scenario_seeds(20, bit_flip);
}

/* ---- 44: crashes around snapshots ---- */

static bool receives(struct scenario *s, uint64_t machine)
{
    if (!cluster_up(s->c, machine)) return false;
    struct store *store = core_store(cluster_machine(s->c, machine)->core);
    return store != NULL && !list_empty(&store->incoming_snapshots);
}

static void crash_while_receiving(struct scenario *s)
{
    struct cluster_options options;
    scenario_options(s, 3, &options);
    options.log_bytes_max = 8u << 10;
    options.memory_bytes = 1u << 20;
    options.sim.disk_bytes_per_sec = 20u << 20;
    scenario_boot_with(s, &options);
    scenario_lead(s, 1);
    scenario_load_with(s, &(struct workload_options){.client_count = 12,
                                                     .key_count = 64,
                                                     .think_mean_ns = 5 * SIM_MS,
                                                     .operation_max = 200000});
    uint32_t caught = 0;
    for (int round = 0; round < 6; round++) {
        cluster_crash(s->c, 3, SIM_CRASH_PROCESS);
        scenario_run(s, 3 * SIM_SEC); /* the log is cut beyond it */
        cluster_start(s->c, 3);
        uint64_t end = sim_now(s->sim) + 5 * SIM_SEC;
        while (!receives(s, 3) && sim_now(s->sim) < end)
            sim_step(s->sim);
        if (!receives(s, 3)) continue;
        caught++;
        sim_run_for(s->sim,
                    sim_below(s->sim, 20 * SIM_MS)); /* begun, written, adopted, or next one */
        cluster_crash(s->c, 3, round % 3 == 0 ? SIM_CRASH_PROCESS : SIM_CRASH_POWER);
        cluster_start(s->c, 3);
        if (round % 2 == 0) scenario_run(s, sim_below(s->sim, SIM_SEC));
        if (round == 3) { /* the sender goes in the middle */
            cluster_crash(s->c, 1, SIM_CRASH_POWER);
            scenario_run(s, 2 * SIM_SEC);
            cluster_start(s->c, 1);
        }
    }
    EXPECT(s, caught > 0);
    scenario_run(s, 5 * SIM_SEC);
    scenario_end(s);
}

TEST(scenario_44, crashes_while_a_snapshot_is_received_leave_no_gap)
{
    scenario_seeds(12, crash_while_receiving);
}

/* The engine has adopted the snapshot, and the log on disk is still the old one: snapshot newer
 * than log. The same snapshot may come twice, back to back. */
static void crash_as_adopted(struct scenario *s)
{
    struct cluster_options options;
    scenario_options(s, 3, &options);
    options.log_bytes_max = 8u << 10;
    options.memory_bytes = 1u << 20;
    scenario_boot_with(s, &options);
    scenario_lead(s, 1);
    scenario_load_with(s, &(struct workload_options){.client_count = 12,
                                                     .key_count = 64,
                                                     .think_mean_ns = 5 * SIM_MS,
                                                     .operation_max = 200000});
    uint32_t caught = 0;
    for (int round = 0; round < 5; round++) {
        cluster_crash(s->c, 3, SIM_CRASH_PROCESS);
        scenario_run(s, 3 * SIM_SEC); /* the log is cut beyond it */
        cluster_start(s->c, 3);
        for (uint64_t end = sim_now(s->sim) + 5 * SIM_SEC; sim_now(s->sim) < end;
             sim_step(s->sim)) {
            struct store *store = core_store(cluster_machine(s->c, 3)->core);
            if (store == NULL || store_metrics(store)->snapshots_received == 0) continue;
            caught++;
            cluster_crash(s->c, 3, round % 2 == 0 ? SIM_CRASH_POWER : SIM_CRASH_PROCESS);
            cluster_start(s->c, 3);
            break;
        }
    }
    EXPECT(s, caught > 0);
    scenario_run(s, 5 * SIM_SEC);
    scenario_end(s);
}

TEST(scenario_44, a_snapshot_that_is_newer_than_the_log_on_disk_is_gone_on_from)
{
    scenario_seeds(10, crash_as_adopted);
}

/* ---- 46: a disk stands still while its network is fine (K28) ---- */

static void stalled_leader(struct scenario *s)
{
    scenario_boot(s, 3);
    scenario_lead(s, 1);
    scenario_load(s, 6, 4);
    sim_disk_stall(sim_disk(s->sim, 1), 8 * SIM_SEC);
    scenario_run(s, 2 * SIM_SEC);
    EXPECT(s, scenario_leader(s, RANGE_DATA) > 1);
    EXPECT(s, scenario_leader(s, RANGE_META) > 1);
    scenario_await_write(s, SIM_SEC);
    scenario_end(s);
}

TEST(scenario_46, leadership_leaves_a_stalled_disk_within_two_seconds)
{
    scenario_seeds(6, stalled_leader);
}
