/* Leases under whole clusters, as named facts: what they save, and that nothing they serve is old.
 */
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "tests/sim/check/register.h"
#include "tests/sim/cluster/ts_check.h"
#include "tests/sim/cluster/workload.h"

struct scene {
    struct cluster *cluster;
    struct workload *workload;
};

/* Support lasts much longer than an election takes, so that leases rest on promises alone. */
static struct scene scene_make(uint64_t seed, uint64_t support_ns)
{
    struct cluster_options o;
    cluster_options_init(&o, seed);
    o.no_leases = false;
    o.support_ns = support_ns;
    o.verbose = getenv("OSTRAKA_VERBOSE") != NULL;
    struct scene scene = {.cluster = cluster_create(&o)};
    assert_true(cluster_boot(scene.cluster, 60 * SIM_SEC));
    struct workload_options w = {
        .client_count = 9, .key_count = 2, .think_mean_ns = 3 * SIM_MS, .operation_max = 100000};
    scene.workload = workload_create(scene.cluster, &w);
    cluster_run(scene.cluster, SIM_SEC);
    return scene;
}

static struct store *store_on(const struct scene *scene, uint64_t machine)
{
    struct cluster_machine *m = cluster_machine(scene->cluster, machine);
    return m->env == NULL || m->ended ? NULL : core_store(m->core);
}

static bool explained(const struct scene *scene)
{
    if (cluster_violation(scene->cluster) != NULL) return false;
    char why[512];
    if (!ts_check(scene->workload, why, sizeof why)) return false;
    struct buf report;
    buf_init(&report, 1 << 16);
    enum check_result verdict = register_check(workload_seen(scene->workload), 0, &report);
    buf_deinit(&report);
    return verdict != CHECK_INVALID;
}

/* Heals, waits for the clients, and says whether what they saw can be explained. */
static bool scene_end(struct scene *scene)
{
    struct cluster *c = scene->cluster;
    sim_net_heal(cluster_sim(c));
    for (uint64_t i = 1; i <= cluster_size(c); i++) {
        sim_disk_heal(sim_disk(cluster_sim(c), i));
        sim_node_resume(cluster_sim(c), i);
        if (cluster_machine(c, i)->env == NULL) cluster_start(c, i);
    }
    cluster_run(c, 5 * SIM_SEC);
    workload_stop(scene->workload);
    cluster_run(c, 10 * SIM_SEC);
    assert_true(workload_idle(scene->workload));
    bool good = explained(scene);
    cluster_destroy(c);
    workload_destroy(scene->workload);
    return good;
}

/* One machine leads both ranges, so that an old leader finds its old clock master. */
static uint64_t lead_both(struct scene *scene)
{
    struct cluster *c = scene->cluster;
    for (int tries = 0; tries < 20; tries++) {
        uint64_t leader = cluster_leader(c, RANGE_DATA), master = cluster_leader(c, RANGE_META);
        if (leader != 0 && leader == master) {
            cluster_run(c, 500 * SIM_MS);
            if (cluster_leader(c, RANGE_DATA) == leader && cluster_leader(c, RANGE_META) == leader)
                return leader;
            continue;
        }
        struct store *s = master == 0 || leader == 0 ? NULL : store_on(scene, master);
        if (s != NULL) {
            struct node_id to = store_identity(store_on(scene, leader))->node;
            if (replica_transfer(store_replica(s, RANGE_META), to) != STATUS_OK) continue;
        }
        cluster_run(c, 300 * SIM_MS);
    }
    return 0;
}

static uint64_t rounds(const struct scene *scene, bool leased)
{
    uint64_t sum = 0;
    for (uint64_t i = 1; i <= cluster_size(scene->cluster); i++) {
        const struct store_metrics *m = store_metrics(store_on(scene, i));
        sum += leased ? m->reads_leased : m->reads_confirmed;
    }
    return sum;
}

TEST(lease, reads_and_clock_batches_cost_no_round)
{
    struct scene scene = scene_make(1, 0);
    uint64_t before = rounds(&scene, false), leased = rounds(&scene, true);
    cluster_run(scene.cluster, 2 * SIM_SEC);
    assert_int_equal(rounds(&scene, false), before);
    assert_true(rounds(&scene, true) > leased + 1000);
    assert_true(scene_end(&scene));
}

/* Both leaders on one machine that nobody hears any more, while its clients go on reading (K18). */
static bool isolated_leader(uint64_t seed, bool restart_others)
{
    struct scene scene = scene_make(seed, 2 * SIM_SEC);
    struct cluster *c = scene.cluster;
    for (int round = 0; round < 2; round++) {
        uint64_t leader = lead_both(&scene);
        if (leader == 0) break;
        for (uint64_t i = 1; i <= 3; i++)
            if (i != leader) sim_net_cut_pair(cluster_sim(c), leader, i);
        for (uint64_t i = 1; i <= 3 && restart_others; i++) {
            if (i == leader) continue;
            cluster_crash(c, i, SIM_CRASH_PROCESS);
            cluster_start(c, i);
        }
        cluster_run(c, 6 * SIM_SEC);
        sim_net_heal(cluster_sim(c));
        cluster_run(c, 2 * SIM_SEC);
    }
    return scene_end(&scene);
}

TEST(lease, isolated_leader_serves_nothing_old)
{
    for (uint64_t seed = 1; seed <= 3; seed++)
        assert_true(isolated_leader(seed, false));
}

/* The same, with a leader that never looks at the clock again: somebody has to read what was old.
 */
TEST(lease, lease_that_never_ends_is_noticed)
{
    assert_true(mutant_select("lease_never_ends") > 0);
    bool caught = false;
    for (uint64_t seed = 1; seed <= 10 && !caught; seed++)
        caught = !isolated_leader(seed, false);
    mutant_select(NULL);
    assert_true(caught);
}

TEST(lease, voters_that_restart_wait_out_what_they_promised)
{
    for (uint64_t seed = 1; seed <= 3; seed++)
        assert_true(isolated_leader(seed, true));
}

/* SIGSTOP for longer than the lease, again and again (scenarios 21, 83). */
static bool paused_leader(uint64_t seed)
{
    struct scene scene = scene_make(seed, 0);
    struct sim *sim = cluster_sim(scene.cluster);
    for (int i = 0; i < 6; i++) {
        uint64_t leader =
            i % 2 == 0 ? lead_both(&scene) : cluster_leader(scene.cluster, RANGE_DATA);
        if (leader == 0) continue;
        sim_node_pause(sim, leader);
        cluster_run(scene.cluster, 200 * SIM_MS + sim_below(sim, 2 * SIM_SEC));
        sim_node_resume(sim, leader);
        cluster_run(scene.cluster, 700 * SIM_MS);
    }
    return scene_end(&scene);
}

TEST(lease, paused_leader_serves_nothing_old)
{
    for (uint64_t seed = 1; seed <= 3; seed++)
        assert_true(paused_leader(seed));
}

/* The machine stands still, and for a part of the time its clock with it: by that clock the lease lasts (A9). */
static bool stopped_with_its_clock(uint64_t seed)
{
    struct scene scene = scene_make(seed, 0);
    struct sim *sim = cluster_sim(scene.cluster);
    for (int i = 0; i < 6; i++) {
        uint64_t leader = lead_both(&scene);
        if (leader == 0) continue;
        sim_node_pause(sim, leader);
        cluster_run(scene.cluster, 210 * SIM_MS + sim_below(sim, 100 * SIM_MS));
        sim_clock_freeze(sim, leader, true);
        cluster_run(scene.cluster, 1500 * SIM_MS + sim_below(sim, SIM_SEC));
        sim_clock_freeze(sim, leader, false);
        sim_node_resume(sim, leader);
        cluster_run(scene.cluster, 700 * SIM_MS);
    }
    return scene_end(&scene);
}

TEST(lease, machine_that_stood_still_with_its_clock_serves_nothing_old)
{
    for (uint64_t seed = 1; seed <= 3; seed++)
        assert_true(stopped_with_its_clock(seed));
}

TEST(lease, loop_gap_that_is_not_noticed_is)
{
    assert_true(mutant_select("lease_gap_unnoticed") > 0);
    bool caught = false;
    for (uint64_t seed = 1; seed <= 10 && !caught; seed++)
        caught = !stopped_with_its_clock(seed);
    mutant_select(NULL);
    assert_true(caught);
}

static bool led_elsewhere(struct cluster *c, void *ctx)
{
    uint64_t machine = *(uint64_t *)ctx;
    uint64_t data = cluster_leader(c, RANGE_DATA), meta = cluster_leader(c, RANGE_META);
    return data != 0 && meta != 0 && data != machine && meta != machine;
}

/* K28, scenario 46: a leader whose disk stands still is a leader no more within two seconds. */
TEST(lease, stalled_disk_sheds_leadership_and_then_the_node)
{
    struct scene scene = scene_make(4, 0);
    struct cluster *c = scene.cluster;
    uint64_t leader = lead_both(&scene);
    assert_true(leader != 0);
    sim_disk_stall(sim_disk(cluster_sim(c), leader), 60 * SIM_SEC);
    assert_true(cluster_run_until(c, led_elsewhere, &leader, 2 * SIM_SEC));
    uint64_t before = workload_committed(scene.workload);
    cluster_run(c, 2 * SIM_SEC);
    assert_true(workload_committed(scene.workload) > before + 20);
    assert_true(cluster_up(c, leader));
    cluster_run(c, 10 * SIM_SEC);
    assert_false(cluster_up(c, leader)); /* ten seconds are too long */
    assert_true(scene_end(&scene));
}

/* What SIGTERM does: leadership is handed over first, and nobody waits for a time-out. */
TEST(lease, orderly_stop_hands_over_at_once)
{
    struct scene scene = scene_make(5, 2 * SIM_SEC);
    struct cluster *c = scene.cluster;
    uint64_t leader = lead_both(&scene);
    assert_true(leader != 0);
    core_stop(cluster_machine(c, leader)->core);
    assert_true(cluster_run_until(c, led_elsewhere, &leader, 100 * SIM_MS));
    assert_true(core_stopped(cluster_machine(c, leader)->core));
    cluster_crash(c, leader, SIM_CRASH_PROCESS); /* the process ends */
    uint64_t before = workload_committed(scene.workload);
    cluster_run(c, SIM_SEC);
    assert_true(workload_committed(scene.workload) > before + 20);
    assert_true(scene_end(&scene));
}
