/* Damaged disks under a whole cluster, as named facts: what is damaged is found, its replica is fenced, and
 * comes back whole from the others. */
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

/* A cluster of three that has written for a while, so that there are tables and several log segments. */
static struct scene scene_make(uint64_t seed)
{
    struct cluster_options o;
    cluster_options_init(&o, seed);
    o.memory_bytes = 2u << 20;
    o.wal_segment_bytes = 256u << 10;
    o.table_bytes = 64u << 10;
    o.log_bytes_max = 64u << 10;
    o.verbose = getenv("OSTRAKA_VERBOSE") != NULL;
    struct scene scene = {.cluster = cluster_create(&o)};
    assert_true(cluster_boot(scene.cluster, 60 * SIM_SEC));
    struct workload_options w = {
        .client_count = 8, .key_count = 40, .think_mean_ns = 3 * SIM_MS, .operation_max = 100000};
    scene.workload = workload_create(scene.cluster, &w);
    cluster_run(scene.cluster, 2 * SIM_SEC);
    return scene;
}

static struct store *store_on(struct scene *scene, uint64_t machine)
{
    struct cluster_machine *m = cluster_machine(scene->cluster, machine);
    return m->env == NULL || m->ended ? NULL : core_store(m->core);
}

static bool all_whole(struct cluster *c, void *ctx)
{
    (void)ctx;
    for (uint64_t i = 1; i <= cluster_size(c); i++) {
        struct cluster_machine *m = cluster_machine(c, i);
        if (m->env == NULL || m->ended || core_store(m->core) == NULL) return false;
        struct replica *r = NULL;
        while ((r = store_replica_next(core_store(m->core), r)) != NULL)
            if (replica_fenced(r)) return false;
    }
    return cluster_settled(c, 3);
}

/* Everybody is whole, what the clients saw is explained, and the replicas are the same. */
static void scene_end(struct scene *scene)
{
    struct cluster *c = scene->cluster;
    assert_true(cluster_run_until(c, all_whole, NULL, 60 * SIM_SEC));
    uint64_t before = workload_committed(scene->workload);
    cluster_run(c, 2 * SIM_SEC);
    assert_true(workload_committed(scene->workload) > before + 20);
    workload_stop(scene->workload);
    cluster_run(c, 10 * SIM_SEC);
    assert_true(workload_idle(scene->workload));
    assert_true(cluster_replicas_equal(c));
    struct buf report;
    buf_init(&report, 1 << 16);
    enum check_result verdict = register_check(workload_seen(scene->workload), 0, &report);
    if (verdict == CHECK_INVALID) fprintf(stderr, "%.*s\n", (int)report.size, (const char *)report.data);
    buf_deinit(&report);
    assert_true(verdict != CHECK_INVALID);
    cluster_destroy(c);
    workload_destroy(scene->workload);
}

static bool opened(struct cluster *c, void *ctx)
{
    struct cluster_machine *m = cluster_machine(c, *(uint64_t *)ctx);
    return m->env == NULL || core_store(m->core) != NULL;
}

/* Starts a machine and waits until its store is open, or has refused to. */
static struct store *restart(struct scene *scene, uint64_t machine)
{
    cluster_start(scene->cluster, machine);
    assert_true(cluster_run_until(scene->cluster, opened, &machine, 10 * SIM_SEC));
    return store_on(scene, machine);
}

TEST(disk, damaged_log_is_refetched_and_settled)
{
    uint32_t fenced = 0;
    for (uint64_t seed = 1; seed <= 12 && fenced < 3; seed++) {
        struct scene scene = scene_make(seed);
        uint64_t machine = 1 + seed % 3;
        cluster_crash(scene.cluster, machine, SIM_CRASH_PROCESS);
        for (int i = 0; i < 4; i++)
            if (!sim_disk_rot_random(sim_disk(cluster_sim(scene.cluster), machine), "/wal/")) break;
        struct store *s = restart(&scene, machine);
        if (s != NULL && store_metrics(s)->replicas_fenced == 2) {
            fenced++;
            assert_true(cluster_run_until(scene.cluster, all_whole, NULL, 60 * SIM_SEC));
            assert_int_equal(store_metrics(s)->replicas_refetched, 2);
            cluster_run(scene.cluster, SIM_SEC); /* the log's memory of it is settled */
            cluster_crash(scene.cluster, machine, SIM_CRASH_POWER);
            s = restart(&scene, machine);
            assert_non_null(s);
            assert_int_equal(store_metrics(s)->replicas_fenced, 0);
        }
        if (s == NULL) { /* it may have hit what must not be guessed: then the node starts anew */
            sim_disk_wipe(sim_disk(cluster_sim(scene.cluster), machine));
            cluster_start(scene.cluster, machine);
        }
        scene_end(&scene);
    }
    assert_int_equal(fenced, 3);
}
