/* Leaders that are level stay where they are: when another node comes to decide about them, and when a load begins. */
#include "tests/test.h"

#include "shard/shard_int.h"
#include "tests/sim/cluster/scene.h"

#define RANGES 12

static struct scene begin(uint64_t seed, uint64_t think_ns)
{
    struct scene_key at[RANGES - 1];
    struct bytes keys[RANGES - 1];
    struct cluster_options o = scene_options(seed, 3);
    for (uint32_t i = 0; i < RANGES - 1; i++) {
        at[i] = scene_key(1 + (i + 1) * SCENE_KEYS / RANGES);
        keys[i] = scene_key_view(&at[i]);
    }
    o.split_keys = keys;
    o.split_count = RANGES - 1;
    struct scene s = scene_begin_calm(&o, think_ns);
    cluster_run(s.cluster, 5 * SIM_SEC);
    for (uint64_t i = 1; i <= 3; i++) { /* they tell of their ranges at different times of a second */
        scene_crash(&s, i);
        cluster_run(s.cluster, 300 * SIM_MS + sim_below(scene_sim(&s), SIM_SEC));
        cluster_start(s.cluster, i);
        cluster_run(s.cluster, 3 * SIM_SEC);
    }
    return s;
}

/* Orders to hand a range over, of all metadata leaders so far. */
static uint64_t orders(struct scene *s)
{
    uint64_t sum = 0;
    for (uint64_t i = 1; i <= 3; i++) sum += store_metrics(core_store(cluster_machine(s->cluster, i)->core))->leaders_ordered;
    return sum;
}

static void await_calm(struct scene *s)
{
    for (int i = 0; i < 20; i++) {
        uint64_t before = orders(s);
        cluster_run(s->cluster, 8 * SIM_SEC);
        if (orders(s) == before && before > 0) return;
    }
    fail_msg("leaders move on and on");
}

TEST(level, who_comes_to_lead_the_metadata_hears_all_before_it_moves_leaders)
{
    for (uint64_t seed = 1; seed <= scene_seeds(1, 2, 20); seed++) {
        struct scene s = begin(seed, 200 * SIM_MS);
        await_calm(&s);
        uint64_t before = orders(&s);
        for (int round = 0; round < 4; round++) {
            uint64_t from = cluster_leader(s.cluster, RANGE_META), to = from % 3 + 1;
            struct cluster_machine *m = cluster_machine(s.cluster, from);
            struct node_id node = store_identity(core_store(cluster_machine(s.cluster, to)->core))->node;
            assert_int_equal(replica_transfer(store_replica(core_store(m->core), RANGE_META), node), STATUS_OK);
            sim_env_set_deadline(m->env, env_now_ns(m->env));
            cluster_run(s.cluster, 4 * SIM_SEC);
            assert_true(cluster_leader(s.cluster, RANGE_META) != from);
        }
        assert_u64_equal(orders(&s), before);
        scene_end(&s);
    }
}

TEST(level, load_that_begins_on_all_ranges_moves_no_leaders)
{
    for (uint64_t seed = 1; seed <= scene_seeds(1, 2, 20); seed++) {
        struct scene s = begin(100 + seed, 2 * SIM_SEC);
        await_calm(&s);
        uint64_t before = orders(&s);
        struct workload_options w = {.client_count = 40, .key_count = SCENE_KEYS, .think_mean_ns = 2 * SIM_MS, .operation_max = 400000};
        struct workload *load = workload_create(s.cluster, &w);
        cluster_run(s.cluster, 5 * SIM_SEC);
        workload_stop(load);
        cluster_run(s.cluster, 2 * SIM_SEC);
        assert_u64_equal(orders(&s), before);
        assert_true(workload_idle(load));
        workload_stop(s.workload);
        cluster_run(s.cluster, 5 * SIM_SEC);
        if (cluster_violation(s.cluster) != NULL) fail_msg("%s", cluster_violation(s.cluster));
        cluster_destroy(s.cluster);
        workload_destroy(load);
        workload_destroy(s.workload);
        splits_destroy(s.splits);
        merges_destroy(s.merges);
    }
}
