/* Ranges are split while clients read and write, and things fail at every step of it. Afterwards nothing that was
 * acknowledged is lost, what clients saw is explained, every range has its replicas, and these hold the same bytes. */
#include "tests/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/codec.h"
#include "raft/raft_int.h"
#include "shard/shard_int.h"
#include "tests/sim/check/register.h"
#include "tests/sim/cluster/meta_check.h"
#include "tests/sim/cluster/scene.h"
#include "tests/sim/cluster/splits.h"
#include "tests/sim/cluster/ts_check.h"
#include "tests/sim/cluster/workload.h"
#include "txn/txn_int.h"

#define KEYS SCENE_KEYS

/* ---- facts ---- */

TEST(split, gives_two_ranges_that_go_on_under_load)
{
    uint64_t worst = 0;
    for (uint64_t seed = 1; seed <= scene_seeds(1, 2, 40); seed++) {
        struct cluster_options o = scene_options(seed, 3);
        struct scene s = scene_begin(&o);
        for (uint64_t i = 1; i <= 5; i++) {
            scene_split_at(&s, i * KEYS / 6);
            cluster_run(s.cluster, 100 * SIM_MS);
        }
        assert_true(splits_count(s.splits) >= 5);
        uint64_t ns = scene_end(&s);
        if (ns > worst) worst = ns;
    }
    printf("closed for %.1f ms at worst\n", (double)worst / 1e6);
    assert_true(worst > 0 && worst <= 10 * SIM_MS); /* nothing is slow here */
}

TEST(split, of_a_single_node)
{
    struct cluster_options o = scene_options(3, 1);
    struct scene s = scene_begin(&o);
    scene_split_at(&s, 8);
    scene_split_at(&s, 16);
    cluster_crash(s.cluster, 1, SIM_CRASH_POWER);
    cluster_run(s.cluster, 100 * SIM_MS);
    cluster_start(s.cluster, 1);
    cluster_run(s.cluster, SIM_SEC);
    scene_split_at(&s, 12);
    scene_end(&s);
}

/* The leader goes down after some steps of the split, whatever it has got to by then. */
TEST(split, survives_its_leader_at_every_step)
{
    for (uint64_t seed = 1; seed <= scene_seeds(3, 8, 200); seed++) {
        struct cluster_options o = scene_options(1000 + seed, 3);
        struct scene s = scene_begin(&o);
        for (uint64_t i = 1; i <= 3; i++) {
            uint64_t number = i * KEYS / 4, leader = cluster_leader(s.cluster, RANGE_DATA);
            scene_order(&s, number);
            uint64_t steps = sim_below(scene_sim(&s), 300);
            while (steps-- > 0 && sim_step(scene_sim(&s))) continue;
            if (leader != 0)
                cluster_crash(s.cluster, leader, sim_chance(scene_sim(&s), 500000) ? SIM_CRASH_POWER : SIM_CRASH_PROCESS);
            cluster_run(s.cluster, sim_below(scene_sim(&s), 1000) * SIM_MS);
            if (leader != 0) cluster_start(s.cluster, leader);
            scene_split_at(&s, number);
        }
        scene_end(&s);
    }
}

static uint64_t splits_on(struct scene *s, uint64_t machine)
{
    return store_metrics(core_store(cluster_machine(s->cluster, machine)->core))->splits;
}

/* The leader applies the split and is cut off in that moment: the others apply it under another one, in a later term. */
TEST(split, has_one_leader_in_its_first_term)
{
    for (uint64_t seed = 1; seed <= scene_seeds(2, 2, 40); seed++) {
        struct cluster_options o = scene_options(7000 + seed, 3);
        struct scene s = scene_begin(&o);
        uint64_t leader = cluster_leader(s.cluster, RANGE_DATA);
        assert_true(leader != 0);
        uint64_t other = leader % 3 + 1, third = other % 3 + 1, before = splits_on(&s, leader);
        scene_order(&s, KEYS / 2);
        while (splits_on(&s, leader) == before) assert_true(sim_step(scene_sim(&s)));
        assert_u64_equal(splits_on(&s, other), before);
        sim_net_cut_pair(scene_sim(&s), leader, other);
        sim_net_cut_pair(scene_sim(&s), leader, third);
        cluster_run(s.cluster, 5 * SIM_SEC);
        assert_true(splits_on(&s, other) > before);
        sim_net_heal(scene_sim(&s));
        cluster_run(s.cluster, SIM_SEC);
        scene_split_at(&s, KEYS / 2);
        scene_end(&s);
    }
}

/* Who inherits the right side serves it when the split is applied, before an entry of its own is durable anywhere; reads need
 * promises beside that, which the others make as soon as they are born. */
TEST(split, is_served_when_it_is_applied)
{
    for (uint64_t seed = 1; seed <= scene_seeds(2, 4, 40); seed++) {
        struct cluster_options o = scene_options(8000 + seed, 3);
        o.no_leases = false;
        struct scene s = scene_begin(&o);
        uint64_t leader = cluster_leader(s.cluster, RANGE_DATA), before = splits_on(&s, leader);
        scene_order(&s, KEYS / 2);
        while (splits_on(&s, leader) == before) assert_true(sim_step(scene_sim(&s)));
        struct replica *right = scene_leader_for(&s, KEYS / 2);
        assert_non_null(right);
        assert_u64_equal(right->range.value, RANGE_DATA.value + 1);
        assert_u64_equal(raft_persisted_index(right->raft), raft_log_start(right->raft));
        assert_true(replica_serving(right));
        assert_false(replica_leased(right));
        cluster_run(s.cluster, 50 * SIM_MS); /* less than a heartbeat: what they are asked waits for their birth */
        assert_true(replica_leased(scene_leader_for(&s, KEYS / 2)));
        scene_end(&s);
    }
}

/* A follower is born and crashes before its log knows. Born again it is silent, since it may have promised something. */
TEST(split, is_applied_again_in_silence)
{
    uint64_t silent = scene_hits("shard_newborn_in_silence");
    for (uint64_t seed = 1; seed <= scene_seeds(3, 4, 40); seed++) {
        struct cluster_options o = scene_options(9000 + seed, 3);
        o.no_leases = false;
        struct scene s = scene_begin(&o);
        uint64_t leader = cluster_leader(s.cluster, RANGE_DATA), other = leader % 3 + 1, before = splits_on(&s, other);
        struct range_id right = {RANGE_DATA.value + 1};
        scene_order(&s, KEYS / 2);
        while (splits_on(&s, other) == before) assert_true(sim_step(scene_sim(&s)));
        scene_crash(&s, other);
        cluster_start(s.cluster, other);
        struct cluster_machine *m = cluster_machine(s.cluster, other);
        struct replica *born = NULL;
        while (born == NULL) {
            assert_true(sim_step(scene_sim(&s)));
            if (m->core != NULL && core_store(m->core) != NULL) born = store_replica(core_store(m->core), right);
        }
        assert_true(lease_silent(born->raft));
        scene_end(&s);
    }
    assert_true(scene_hits("shard_newborn_in_silence") > silent);
}

/* Power fails everywhere behind splits that no engine has written, while the right sides have voted and acknowledged
 * already. */
TEST(split, forgets_nothing_when_all_lose_power_before_any_flush)
{
    uint64_t born = scene_hits("shard_unborn_born");
    for (uint64_t seed = 1; seed <= scene_seeds(2, 4, 100); seed++) {
        struct cluster_options o = scene_options(2000 + seed, 3);
        struct scene s = scene_begin(&o);
        for (uint64_t round = 0; round < 2; round++) {
            assert_true(cluster_run_until(s.cluster, scene_settled, &s, 30 * SIM_SEC));
            cluster_run(s.cluster, SIM_SEC);
            scene_hold_engines(&s); /* a disk that is full stops the writes, too, but not at once */
            uint64_t number = 2 + 12 * round, count = 1 + sim_below(scene_sim(&s), 3);
            for (uint64_t i = 0; i < count; i++) {
                struct scene_cut cut = {&s, number + 3 * i};
                scene_order(&s, cut.number);
                if (!cluster_run_until(s.cluster, scene_is_cut, &cut, 100 * SIM_MS)) break;
            }
            uint64_t before = workload_committed(s.workload);
            for (int i = 0; i < 40 && workload_committed(s.workload) < before + 40; i++) cluster_run(s.cluster, SIM_MS);
            for (uint64_t i = 1; i <= 3; i++) scene_crash(&s, i);
            cluster_run(s.cluster, sim_below(scene_sim(&s), 300) * SIM_MS);
            scene_start_all(&s);
        }
        scene_end(&s);
    }
    assert_true(scene_hits("shard_unborn_born") > born);
}

/* The same, when only some go, at any moment of a split, and come back at any time. */
TEST(split, survives_power_loss_before_any_flush)
{
    for (uint64_t seed = 1; seed <= scene_seeds(2, 6, 200); seed++) {
        struct cluster_options o = scene_options(7000 + seed, 3);
        struct scene s = scene_begin(&o);
        for (uint64_t i = 1; i <= 6; i++) {
            cluster_run(s.cluster, sim_below(scene_sim(&s), 600) * SIM_MS);
            scene_hold_engines(&s);
            scene_order(&s, 4 * i - 2);
            cluster_run(s.cluster, sim_below(scene_sim(&s), 15 * SIM_MS));
            for (uint64_t m = 1; m <= 3; m++) {
                if (sim_chance(scene_sim(&s), 500000)) scene_crash(&s, m);
                else sim_disk_heal(sim_disk(scene_sim(&s), m));
            }
            cluster_run(s.cluster, sim_below(scene_sim(&s), 300) * SIM_MS);
            scene_start_all(&s);
        }
        scene_end(&s);
    }
}

/* A follower that was away finds the splits in its log, or, when the log was cut, gets snapshots of both sides. */
static void lag(uint64_t seed, bool cut_log)
{
    struct cluster_options o = scene_options(seed, 3);
    if (cut_log) {
        o.log_bytes_max = 4u << 10;
        o.log_cache_bytes = 4u << 10;
    }
    struct scene s = scene_begin(&o);
    uint64_t leader = cluster_leader(s.cluster, RANGE_DATA), away = leader % 3 + 1;
    scene_isolate(&s, away);
    uint64_t shrunk = scene_hits("shard_split_only_shrinks");
    for (uint64_t i = 1; i <= 3; i++) {
        scene_split_at(&s, i * KEYS / 4);
        cluster_run(s.cluster, 50 * SIM_MS);
    }
    cluster_run(s.cluster, cut_log ? 12 * SIM_SEC : SIM_SEC);
    if (cut_log) {
        for (uint64_t id = 2; id <= cluster_range_max(s.cluster); id++)
            for (uint64_t i = 1; i <= 3; i++) cluster_flush(s.cluster, i, (struct range_id){id});
        cluster_run(s.cluster, 2 * SIM_SEC);
    }
    if (sim_chance(scene_sim(&s), 500000)) {
        cluster_crash(s.cluster, away, SIM_CRASH_POWER);
        cluster_start(s.cluster, away);
    }
    scene_end(&s);
    /* Its own log makes the right sides, with all they hold; none was there before, empty. */
    assert_u64_equal(scene_hits("shard_split_only_shrinks"), shrunk);
}

TEST(split, is_caught_up_with_from_the_log)
{
    for (uint64_t seed = 1; seed <= scene_seeds(1, 3, 60); seed++) lag(3000 + seed, false);
}

TEST(split, is_caught_up_with_by_snapshots)
{
    for (uint64_t seed = 1; seed <= scene_seeds(1, 3, 60); seed++) lag(4000 + seed, true);
}

/* A machine that lost its disk comes back as a new node and is sent snapshots, while ranges are split. */
TEST(split, while_a_newcomer_takes_snapshots)
{
    for (uint64_t seed = 1; seed <= scene_seeds(1, 3, 60); seed++) {
        struct cluster_options o = scene_options(5000 + seed, 3);
        o.dead_after_ns = SIM_SEC;
        struct scene s = scene_begin(&o);
        uint64_t leader = cluster_leader(s.cluster, RANGE_DATA), newcomer = leader % 3 + 1;
        cluster_crash(s.cluster, newcomer, SIM_CRASH_POWER);
        sim_disk_wipe(sim_disk(scene_sim(&s), newcomer));
        cluster_run(s.cluster, sim_below(scene_sim(&s), 1500) * SIM_MS);
        cluster_start(s.cluster, newcomer);
        for (uint64_t i = 1; i <= 5; i++) {
            scene_order(&s, i * KEYS / 6);
            cluster_run(s.cluster, sim_below(scene_sim(&s), 700) * SIM_MS);
        }
        scene_end(&s);
    }
}

/* Everything at once, for as long as it takes: machines go down and come back while ranges are split at random. */
TEST(split, of_random_ranges_at_random_times)
{
    uint32_t count = 0;
    for (uint64_t seed = 1; seed <= scene_seeds(3, 8, 200); seed++) {
        struct cluster_options o = scene_options(6000 + seed, (uint32_t)(3 + 2 * (seed % 2)));
        o.replication_factor = o.node_count; /* nothing is moved */
        o.memory_bytes = 1u << 20;
        o.table_bytes = 16u << 10;
        o.log_bytes_max = 16u << 10;
        struct scene s = scene_begin(&o);
        for (int i = 0; i < 16; i++) {
            if (sim_chance(scene_sim(&s), 700000)) splits_strike(s.splits);
            cluster_run(s.cluster, sim_exponential(scene_sim(&s), 150 * SIM_MS));
            uint64_t machine = 1 + sim_below(scene_sim(&s), o.node_count);
            uint64_t id = 2 + sim_below(scene_sim(&s), cluster_range_max(s.cluster) - 1);
            switch (sim_below(scene_sim(&s), 6)) {
            case 0: cluster_crash(s.cluster, machine, SIM_CRASH_POWER); break;
            case 1: cluster_crash(s.cluster, machine, SIM_CRASH_PROCESS); break;
            case 2: scene_isolate(&s, machine); break;
            case 3: sim_net_heal(scene_sim(&s)); break;
            default: cluster_flush(s.cluster, machine, (struct range_id){id}); break;
            }
            for (uint64_t m = 1; m <= o.node_count; m++)
                if (!cluster_up(s.cluster, m) && sim_chance(scene_sim(&s), 400000)) cluster_start(s.cluster, m);
        }
        count += splits_count(s.splits);
        scene_end(&s);
    }
    assert_true(count > 0);
}
