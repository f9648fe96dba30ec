/* Nodes of several releases: those that have a version of the protocol in common work together while ranges divide and
 * unite, one that has none is refused and disturbs nobody. */
#include "tests/test.h"

#include <string.h>

#include "net/net.h"
#include "shard/shard_int.h"
#include "tests/sim/cluster/scene.h"

#define KEYS SCENE_KEYS
#define NOW  NET_VERSION_MAX

static bool is_member(struct scene *s, uint64_t machine)
{
    const struct cluster_machine *m = cluster_machine(s->cluster, machine);
    const struct store *store = m->env == NULL || m->ended ? NULL : core_store(m->core);
    return store != NULL && store_identity(store)->node.value != 0;
}

static void restart(struct scene *s, uint64_t machine, uint16_t min, uint16_t max)
{
    cluster_crash(s->cluster, machine, SIM_CRASH_PROCESS);
    cluster_set_versions(s->cluster, machine, min, max);
    cluster_start(s->cluster, machine);
}

/* Who asks a machine that nobody talks to waits until its time runs out. */
static void expect_progress(struct scene *s)
{
    uint64_t before = workload_committed(s->workload);
    for (int i = 0; i < 300 && workload_committed(s->workload) < before + 30; i++) cluster_run(s->cluster, 100 * SIM_MS);
    assert_true(workload_committed(s->workload) >= before + 30);
}

TEST(scenario_73, nodes_of_the_next_release_come_one_by_one_while_ranges_change)
{
    for (uint64_t seed = 1; seed <= scene_seeds(1, 2, 20); seed++) {
        struct cluster_options o = scene_options(seed, 3);
        struct scene s = scene_begin(&o);
        for (uint64_t machine = 1; machine <= 3; machine++) {
            uint64_t number = machine * KEYS / 4;
            scene_split_at(&s, number);
            scene_order_merge(&s, number);
            cluster_run(s.cluster, sim_below(scene_sim(&s), 500) * SIM_MS);
            restart(&s, machine, NOW, NOW + 1);
            assert_true(cluster_run_until(s.cluster, scene_settled, &s, 120 * SIM_SEC));
            expect_progress(&s);
        }
        scene_end(&s);
    }
}

TEST(scenario_73, a_node_of_a_release_too_new_is_refused_and_the_others_go_on)
{
    struct cluster_options o = scene_options(5, 3);
    struct scene s = scene_begin(&o);
    uint64_t odd = cluster_leader(s.cluster, RANGE_DATA);
    restart(&s, odd, NOW + 1, NOW + 2);
    cluster_run(s.cluster, 5 * SIM_SEC);
    uint64_t leader = cluster_leader(s.cluster, RANGE_DATA);
    assert_true(leader != 0 && leader != odd);
    expect_progress(&s);
    restart(&s, odd, NOW, NOW + 2); /* the release in between, which speaks both */
    assert_true(cluster_run_until(s.cluster, scene_settled, &s, 120 * SIM_SEC));
    scene_end(&s);
}

struct lines {
    uint32_t refused; /* by a peer, for its version */
};

static void note_refusal(void *ctx, const char *line, int size)
{
    struct lines *l = ctx;
    (void)size;
    if (strstr(line, "refused by a peer") == NULL) return;
    assert_non_null(strstr(line, "no protocol version in common"));
    l->refused++;
}

/* What it would send is read otherwise by now. */
TEST(scenario_73, a_node_of_the_release_before_is_refused_in_words_and_the_others_go_on)
{
    struct cluster_options o = scene_options(7, 3);
    struct scene s = scene_begin(&o);
    uint64_t odd = cluster_leader(s.cluster, RANGE_DATA);
    struct lines lines = {0};
    assert_true(NOW > 1);
    restart(&s, odd, NOW - 1, NOW - 1);
    struct cluster_machine *m = cluster_machine(s.cluster, odd);
    m->logger.write = note_refusal;
    m->logger.ctx = &lines;
    cluster_run(s.cluster, 5 * SIM_SEC);
    assert_u64_equal(lines.refused, 2); /* by each of the others, however often it tries */
    assert_true(net_metrics(core_net(m->core))->refused > 10);
    uint64_t leader = cluster_leader(s.cluster, RANGE_DATA);
    assert_true(leader != 0 && leader != odd);
    expect_progress(&s);
    restart(&s, odd, NOW, NOW);
    assert_true(cluster_run_until(s.cluster, scene_settled, &s, 120 * SIM_SEC));
    scene_end(&s);
}

TEST(scenario_73, a_newcomer_of_a_release_too_new_does_not_join)
{
    struct cluster_options o = scene_options(6, 4);
    o.boot_count = 3;
    o.version_min[4] = o.version_max[4] = NOW + 1;
    struct scene s = scene_begin(&o);
    if (cluster_machine(s.cluster, 4)->env == NULL) cluster_start(s.cluster, 4);
    cluster_run(s.cluster, 10 * SIM_SEC);
    assert_true(cluster_up(s.cluster, 4));
    assert_false(is_member(&s, 4));
    expect_progress(&s);
    restart(&s, 4, NOW, NOW + 1);
    for (int i = 0; i < 60 && !is_member(&s, 4); i++) cluster_run(s.cluster, SIM_SEC);
    assert_true(is_member(&s, 4));
    scene_end(&s);
}
