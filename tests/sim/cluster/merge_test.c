/* Ranges are split and united while clients read and write, and things fail at every step of it. Afterwards nothing that was
 * acknowledged is lost, what clients saw is explained, every range has its replicas, and these hold the same bytes. */
#include "tests/test.h"

#include "base/assert.h"
#include "shard/shard_int.h"
#include "tests/sim/cluster/scene.h"
#include "txn/txn_int.h"

#define KEYS SCENE_KEYS

TEST(merge, gives_one_range_that_goes_on_under_load)
{
    for (uint64_t seed = 1; seed <= scene_seeds(1, 2, 40); seed++) {
        struct cluster_options o = scene_options(seed, 3);
        struct scene s = scene_begin(&o);
        for (uint64_t i = 1; i <= 3; i++) scene_split_at(&s, i * KEYS / 4);
        cluster_run(s.cluster, 500 * SIM_MS);
        for (uint64_t i = 3; i >= 1; i--) {
            scene_merge_at(&s, i * KEYS / 4);
            cluster_run(s.cluster, 100 * SIM_MS);
        }
        assert_true(merges_count(s.merges) >= 3);
        scene_end(&s);
    }
}

/* A split and a merge by turns; the leader of the left side, or of the right one, or anybody, goes down after some steps of
 * the merge, whatever it has got to by then. */
TEST(merge, survives_whoever_goes_down_at_any_step)
{
    uint32_t merged = 0;
    for (uint64_t seed = 1; seed <= scene_seeds(3, 8, 200); seed++) {
        struct cluster_options o = scene_options(1000 + seed, 3);
        struct scene s = scene_begin(&o);
        for (uint64_t i = 1; i <= 3; i++) {
            uint64_t number = i * KEYS / 4;
            scene_split_at(&s, number);
            cluster_run(s.cluster, sim_below(scene_sim(&s), 1000) * SIM_MS);
            const struct merge_result *result = scene_order_merge(&s, number);
            if (sim_chance(scene_sim(&s), 500000)) { /* there is no time for it to be frozen otherwise */
                cluster_run(s.cluster, sim_below(scene_sim(&s), 400) * SIM_MS);
                scene_order_merge(&s, number);
            }
            uint64_t steps = sim_below(scene_sim(&s), 600), machine = 1 + sim_below(scene_sim(&s), 3);
            while (steps-- > 0 && sim_step(scene_sim(&s))) continue;
            bool power = sim_chance(scene_sim(&s), 500000);
            cluster_crash(s.cluster, machine, power ? SIM_CRASH_POWER : SIM_CRASH_PROCESS);
            cluster_run(s.cluster, sim_below(scene_sim(&s), 3000) * SIM_MS);
            cluster_start(s.cluster, machine);
            cluster_run(s.cluster, sim_below(scene_sim(&s), 3000) * SIM_MS);
            if (result != NULL && result->done && result->status == STATUS_OK) merged++;
        }
        scene_end(&s);
    }
    assert_true(merged > 0);
}

/* Power fails everywhere, behind merges that no engine has written. */
TEST(merge, survives_power_loss_before_any_flush)
{
    for (uint64_t seed = 1; seed <= scene_seeds(2, 6, 200); seed++) {
        struct cluster_options o = scene_options(2000 + seed, 3);
        struct scene s = scene_begin(&o);
        for (uint64_t i = 1; i <= 3; i++) {
            scene_split_at(&s, i * KEYS / 4);
            cluster_run(s.cluster, sim_below(scene_sim(&s), 2000) * SIM_MS);
            scene_order_merge(&s, i * KEYS / 4);
            cluster_run(s.cluster, sim_below(scene_sim(&s), 400 * SIM_MS));
            scene_hold_engines(&s);
            cluster_run(s.cluster, sim_below(scene_sim(&s), 300 * SIM_MS));
            for (uint64_t m = 1; m <= 3; m++) {
                if (i == 3 || sim_chance(scene_sim(&s), 700000)) scene_crash(&s, m);
                else sim_disk_heal(sim_disk(scene_sim(&s), m));
            }
            cluster_run(s.cluster, sim_below(scene_sim(&s), 300) * SIM_MS);
            scene_start_all(&s);
        }
        scene_end(&s);
    }
}

/* A follower that was away finds the merge in its log, or, when the log was cut, gets a snapshot that takes the place of both
 * sides. A merge is not begun while somebody is away, so it goes between the freeze and the merge's apply. */
static void lag(uint64_t seed, bool cut_log)
{
    struct cluster_options o = scene_options(seed, 3);
    if (cut_log) {
        o.log_bytes_max = 4u << 10;
        o.log_cache_bytes = 4u << 10;
    }
    struct scene s = scene_begin(&o);
    for (uint64_t i = 1; i <= 2; i++) scene_split_at(&s, i * KEYS / 3);
    cluster_run(s.cluster, 2 * SIM_SEC);
    for (uint64_t i = 2; i >= 1; i--) {
        uint64_t merges = scene_merges_applied(&s);
        const struct replica *right = scene_leader_for(&s, i * KEYS / 3);
        struct range_id gone = right == NULL ? (struct range_id){0} : replica_range(right);
        for (int tries = 0; tries < 5 && scene_merges_applied(&s) == merges; tries++) {
            const struct merge_result *result = scene_order_merge(&s, i * KEYS / 3);
            while (result != NULL && !result->done && scene_merges_applied(&s) == merges && sim_step(scene_sim(&s))) continue;
            if (result == NULL || result->done) cluster_run(s.cluster, 200 * SIM_MS);
        }
        uint64_t away = scene_holder(&s, gone);
        if (away != 0) scene_isolate(&s, away);
        scene_merge_at(&s, i * KEYS / 3);
        cluster_run(s.cluster, cut_log ? 11 * SIM_SEC : SIM_SEC);
        if (cut_log) {
            for (uint64_t id = 2; id <= cluster_range_max(s.cluster); id++)
                for (uint64_t m = 1; m <= 3; m++) cluster_flush(s.cluster, m, (struct range_id){id});
            cluster_run(s.cluster, 2 * SIM_SEC);
        }
        if (away != 0 && sim_chance(scene_sim(&s), 500000)) {
            cluster_crash(s.cluster, away, SIM_CRASH_POWER);
            cluster_start(s.cluster, away);
        }
        sim_net_heal(scene_sim(&s));
        cluster_run_until(s.cluster, scene_settled, &s, 30 * SIM_SEC);
        cluster_run(s.cluster, SIM_SEC);
    }
    scene_end(&s);
}

TEST(merge, is_caught_up_with_from_the_log)
{
    for (uint64_t seed = 1; seed <= scene_seeds(1, 3, 60); seed++) lag(3000 + seed, false);
}

TEST(merge, is_caught_up_with_by_snapshots)
{
    uint64_t before = scene_hits("shard_snapshot_past_a_merge");
    for (uint64_t seed = 1; seed <= scene_seeds(2, 3, 60); seed++) lag(4000 + seed, true);
    assert_true(scene_hits("shard_snapshot_past_a_merge") > before);
}

static void lead(struct scene *s, struct range_id range, uint64_t machine)
{
    struct node_id node = store_identity(core_store(cluster_machine(s->cluster, machine)->core))->node;
    for (int i = 0; i < 50 && cluster_leader(s->cluster, range) != machine; i++) {
        uint64_t at = cluster_leader(s->cluster, range);
        struct replica *r = at == 0 ? NULL : store_replica(core_store(cluster_machine(s->cluster, at)->core), range);
        if (r != NULL && replica_transfer(r, node) != STATUS_OK) r = NULL;
        cluster_run(s->cluster, 200 * SIM_MS);
    }
    assert_u64_equal(cluster_leader(s->cluster, range), machine);
}

/* Machine 3 hears nothing of who leads the ranges, and of the metadata range that the right side is no more. Its own is still
 * needed: the left side there has not taken it in. */
TEST(merge, a_frozen_replica_is_there_when_its_left_side_comes_to_it)
{
    uint64_t kept = scene_hits("shard_frozen_is_no_orphan");
    for (uint64_t seed = 1; seed <= scene_seeds(1, 1, 20); seed++) {
        struct cluster_options o = scene_options(8000 + seed, 3);
        struct scene s = scene_begin(&o);
        scene_split_at(&s, KEYS / 2);
        struct replica *right = scene_leader_for(&s, KEYS / 2);
        assert_non_null(right);
        struct range_id gone = replica_range(right);
        lead(&s, RANGE_META, 2);
        lead(&s, RANGE_DATA, 1);
        lead(&s, gone, 1);
        cluster_run(s.cluster, 2 * SIM_SEC);
        uint64_t merges = scene_merges_applied(&s);
        const struct merge_result *result = scene_order_merge(&s, KEYS / 2);
        assert_non_null(result);
        while (!result->done && scene_merges_applied(&s) == merges && sim_step(scene_sim(&s))) continue;
        assert_true(scene_merges_applied(&s) > merges);
        sim_net_cut_pair(scene_sim(&s), 1, 3);
        cluster_run(s.cluster, 15 * SIM_SEC);
        struct store *store = core_store(cluster_machine(s.cluster, 3)->core);
        assert_u64_equal(store_metrics(store)->orphans_destroyed, 0);
        scene_end(&s);
    }
    assert_true(scene_hits("shard_frozen_is_no_orphan") > kept);
}

/* Everything at once, for as long as it takes: machines go down and come back while ranges are split and united. */
TEST(merge, of_random_ranges_at_random_times)
{
    uint32_t count = 0;
    for (uint64_t seed = 1; seed <= scene_seeds(3, 8, 200); seed++) {
        struct cluster_options o = scene_options(6000 + seed, (uint32_t)(3 + 2 * (seed % 2)));
        o.replication_factor = o.node_count; /* nothing is moved */
        o.memory_bytes = 1u << 20;
        o.table_bytes = 16u << 10;
        o.log_bytes_max = 16u << 10;
        struct scene s = scene_begin(&o);
        struct sim *sim = scene_sim(&s);
        for (int i = 0; i < 24; i++) {
            if (sim_chance(sim, 500000)) splits_strike(s.splits);
            if (sim_chance(sim, 800000)) merges_strike(s.merges);
            cluster_run(s.cluster, sim_exponential(sim, 250 * SIM_MS));
            uint64_t machine = 1 + sim_below(sim, o.node_count);
            uint64_t id = 2 + sim_below(sim, cluster_range_max(s.cluster) - 1);
            switch (sim_below(sim, 8)) {
            case 0: cluster_crash(s.cluster, machine, SIM_CRASH_POWER); break;
            case 1: cluster_crash(s.cluster, machine, SIM_CRASH_PROCESS); break;
            case 2: scene_isolate(&s, machine); break;
            case 3:
            case 4: sim_net_heal(sim); break;
            default: cluster_flush(s.cluster, machine, (struct range_id){id}); break;
            }
            for (uint64_t m = 1; m <= o.node_count; m++)
                if (!cluster_up(s.cluster, m) && sim_chance(sim, 600000)) cluster_start(s.cluster, m);
        }
        count += merges_count(s.merges);
        scene_end(&s);
    }
    assert_true(count > 0);
}
