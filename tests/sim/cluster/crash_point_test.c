/* The power fails right before every single write, sync and change of a name of one machine, with some of
 * what was not synced kept and the rest lost (scenarios 30, 31, 32, 44). The run forks at each such point:
 * the child loses its power there, starts again, and has to boot with everything that was acknowledged.
 * OSTRAKA_TEST_SIZE: quick and normal visit every n-th point, full all of them. */
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "tests/sim/check/register.h"
#include "tests/sim/cluster/ts_check.h"
#include "tests/sim/cluster/workload.h"

struct scene {
    struct cluster *cluster;
    struct workload *workload; /* NULL: none yet */
    uint64_t machine;          /* the one that loses its power */
    uint32_t voters;
    bool may_fence;            /* what it starts from is damaged */
    uint64_t stride, visited, failed;
};

static uint64_t by_size(uint64_t quick, uint64_t normal, uint64_t full)
{
    const char *size = getenv("OSTRAKA_TEST_SIZE");
    if (size != NULL && strcmp(size, "quick") == 0) return quick;
    return size != NULL && strcmp(size, "full") == 0 ? full : normal;
}

static struct scene scene_make(uint64_t seed, uint32_t machines)
{
    struct cluster_options o;
    cluster_options_init(&o, seed);
    o.node_count = machines;
    o.memory_bytes = 1u << 20;
    o.wal_segment_bytes = 64u << 10;
    o.table_bytes = 16u << 10;
    o.log_bytes_max = 12u << 10;
    o.verbose = getenv("OSTRAKA_VERBOSE") != NULL;
    return (struct scene){.cluster = cluster_create(&o), .machine = 1,
                          .voters = machines < 3 ? machines : 3};
}

static void load_begin(struct scene *scene)
{
    struct workload_options w = {
        .client_count = 6, .key_count = 30, .think_mean_ns = 2 * SIM_MS, .operation_max = 100000};
    scene->workload = workload_create(scene->cluster, &w);
}

static void scene_deinit(struct scene *scene)
{
    cluster_destroy(scene->cluster);
    if (scene->workload != NULL) workload_destroy(scene->workload);
}

static struct sim_disk *disk_of(const struct scene *scene)
{
    return sim_disk(cluster_sim(scene->cluster), scene->machine);
}

/* ---- the child ---- */

/* What survives: nothing, everything, the later half (a hole before it), or each by chance. */
static void choose(struct scene *scene, uint64_t pattern)
{
    struct sim *sim = cluster_sim(scene->cluster);
    size_t count = sim_disk_crash_choices(disk_of(scene));
    bool *keep = calloc(count + 1, sizeof *keep);
    ASSERT(keep != NULL);
    for (size_t i = 0; i < count; i++) {
        switch (pattern % 4) {
        case 0: keep[i] = false; break;
        case 1: keep[i] = i >= count / 2; break;
        case 2: keep[i] = sim_chance(sim, 500000); break;
        default: keep[i] = true;
        }
    }
    sim_disk_crash_choose(disk_of(scene), keep, count);
    free(keep);
}

static bool all_up(struct cluster *c, void *ctx)
{
    const struct scene *scene = ctx;
    if (!cluster_settled(c, scene->voters)) return false;
    for (uint64_t i = 1; i <= cluster_size(c); i++) {
        struct cluster_machine *m = cluster_machine(c, i);
        if (!cluster_up(c, i) || core_store(m->core) == NULL) return false;
        struct replica *r = NULL;
        while ((r = store_replica_next(core_store(m->core), r)) != NULL)
            if (replica_fenced(r)) return false;
    }
    return true;
}

static bool store_is_open(struct cluster *c, void *ctx)
{
    const struct scene *scene = ctx;
    struct cluster_machine *m = cluster_machine(c, scene->machine);
    return m->env == NULL || core_store(m->core) != NULL;
}

static void on_init(void *ctx, enum status status)
{
    struct scene *scene = ctx;
    sim_trace(cluster_sim(scene->cluster), "created again: %s", status_name(status));
}

static const char *boot(struct scene *scene)
{
    struct cluster *c = scene->cluster;
    struct cluster_machine *m = cluster_machine(c, scene->machine);
    cluster_start(c, scene->machine);
    if (!cluster_run_until(c, store_is_open, scene, 10 * SIM_SEC)) return "does not open";
    if (m->env == NULL) return m->why;
    struct store *s = core_store(m->core);
    if (!scene->may_fence && store_metrics(s)->replicas_fenced > 0) return "takes the crash for damage";
    if (store_identity(s)->node.value == 0 && cluster_size(c) == 1) {
        store_init_cluster(s, NULL, 0, on_init, scene); /* it died in the middle of that */
        sim_env_set_deadline(m->env, env_now_ns(m->env));
    }
    return cluster_run_until(c, all_up, scene, 30 * SIM_SEC) ? NULL : "is not whole again";
}

static const char *history_explained(struct scene *scene)
{
    static char text[600];
    if (!ts_check(scene->workload, text, sizeof text)) return text;
    struct buf report;
    buf_init(&report, 1 << 16);
    enum check_result verdict = register_check(workload_seen(scene->workload), 0, &report);
    snprintf(text, sizeof text, "not linearizable: %.*s", (int)report.size, (const char *)report.data);
    buf_deinit(&report);
    return verdict == CHECK_INVALID ? text : NULL;
}

static const char *goes_on(struct scene *scene)
{
    struct cluster *c = scene->cluster;
    if (scene->workload == NULL) return NULL;
    uint64_t before = workload_committed(scene->workload);
    cluster_run(c, 200 * SIM_MS);
    /* Clients that were turned away a moment ago try again in theirs. */
    for (int i = 0; i < 20 && workload_committed(scene->workload) == before; i++) cluster_run(c, 100 * SIM_MS);
    workload_stop(scene->workload);
    for (int i = 0; i < 100 && !workload_idle(scene->workload); i++) cluster_run(c, 100 * SIM_MS);
    if (!workload_idle(scene->workload)) return "an operation never ended";
    if (workload_committed(scene->workload) == before) return "commits nothing";
    return cluster_await_equal(c, 20, 100 * SIM_MS) ? history_explained(scene) : "replicas differ";
}

static int lose_power_here(struct scene *scene, uint64_t pattern)
{
    struct sim *sim = cluster_sim(scene->cluster);
    uint64_t op = sim_disk_op_count(disk_of(scene)), end = sim_now(sim) + SIM_SEC;
    sim_disk_crash_after(disk_of(scene), op);
    while (!sim_disk_crash_reached(disk_of(scene)) && sim_now(sim) < end)
        if (!sim_step(sim)) break;
    if (!sim_disk_crash_reached(disk_of(scene))) return 0;
    choose(scene, pattern);
    cluster_crash(scene->cluster, scene->machine, SIM_CRASH_POWER);
    const char *wrong = boot(scene);
    if (wrong == NULL) wrong = goes_on(scene);
    if (wrong == NULL) return 0;
    fprintf(stderr, "power lost before operation %llu, pattern %llu: %s\n", (unsigned long long)op + 1,
            (unsigned long long)pattern % 4, wrong);
    return 1;
}

/* ---- the parent ---- */

static bool child_passes(struct scene *scene, uint64_t pattern)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (getenv("OSTRAKA_VERBOSE") == NULL) alarm(60);
        _exit(lose_power_here(scene, pattern));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Runs for so long, and loses power at every stride-th operation of the machine's disk on the way. */
static void visit(struct scene *scene, uint64_t duration_ns)
{
    struct sim *sim = cluster_sim(scene->cluster);
    uint64_t end = sim_now(sim) + duration_ns, last = UINT64_MAX;
    while (sim_now(sim) < end && scene->failed < 3) {
        uint64_t op = sim_disk_op_count(disk_of(scene));
        if (op != last && op % scene->stride == 0) {
            /* Strides that share no factor with the patterns meet all of them. */
            scene->failed += !child_passes(scene, op / scene->stride);
            scene->visited++;
        }
        last = op;
        if (!sim_step(sim)) break;
    }
}

static void scene_end(struct scene *scene, uint64_t points_min)
{
    print_message("%llu points\n", (unsigned long long)scene->visited);
    assert_u64_equal(scene->failed, 0);
    assert_true(scene->visited >= points_min);
    scene_deinit(scene);
}

TEST(crash_point, while_a_cluster_is_created)
{
    struct scene scene = scene_make(1, 1);
    scene.stride = by_size(7, 5, 1);
    struct cluster *c = scene.cluster;
    cluster_start(c, 1);
    visit(&scene, 20 * SIM_MS);
    assert_true(cluster_run_until(c, store_is_open, &scene, SIM_SEC));
    store_init_cluster(core_store(cluster_machine(c, 1)->core), NULL, 0, on_init, &scene);
    sim_env_set_deadline(cluster_machine(c, 1)->env, env_now_ns(cluster_machine(c, 1)->env));
    visit(&scene, 3 * SIM_SEC);
    scene_end(&scene, 10);
}

/* The only copy there is: log, flushes, compactions, segments that wrap. */
TEST(crash_point, under_load_on_the_only_replica)
{
    struct scene scene = scene_make(2, 1);
    scene.stride = by_size(61, 17, 1);
    assert_true(cluster_boot(scene.cluster, 60 * SIM_SEC));
    load_begin(&scene);
    cluster_run(scene.cluster, SIM_SEC);
    visit(&scene, 2 * SIM_SEC);
    scene_end(&scene, 20);
}

static uint64_t replica_end(struct cluster *c, uint64_t machine)
{
    struct raft_status status;
    struct store *s = core_store(cluster_machine(c, machine)->core);
    replica_raft_status(store_replica(s, RANGE_DATA), &status);
    return status.last.index;
}

/* The leader's log begins after that index. */
static bool log_is_cut(struct cluster *c, void *ctx)
{
    uint64_t leader = cluster_leader(c, RANGE_DATA);
    if (leader == 0) return false;
    struct raft_status status;
    replica_raft_status(store_replica(core_store(cluster_machine(c, leader)->core), RANGE_DATA), &status);
    return status.start.index > *(uint64_t *)ctx;
}

/* A follower that was away so long that the log it needs is gone. */
TEST(crash_point, while_a_snapshot_is_installed)
{
    struct scene scene = scene_make(3, 3);
    struct cluster *c = scene.cluster;
    scene.machine = 3;
    scene.stride = by_size(31, 9, 1);
    assert_true(cluster_boot(c, 60 * SIM_SEC));
    load_begin(&scene);
    cluster_run(c, SIM_SEC);
    uint64_t last = replica_end(c, 3);
    cluster_crash(c, 3, SIM_CRASH_POWER);
    assert_true(cluster_run_until(c, log_is_cut, &last, 90 * SIM_SEC));
    cluster_start(c, 3);
    visit(&scene, 400 * SIM_MS);
    assert_true(store_metrics(core_store(cluster_machine(c, 3)->core))->snapshots_received > 0);
    scene_end(&scene, 10);
}

/* A damaged log: fenced, refetched, settled; then back under load. */
TEST(crash_point, while_a_fenced_replica_is_refetched)
{
    struct scene scene = scene_make(5, 3);
    struct cluster *c = scene.cluster;
    scene.machine = 2;
    scene.may_fence = true;
    scene.stride = by_size(31, 9, 1);
    assert_true(cluster_boot(c, 60 * SIM_SEC));
    load_begin(&scene);
    cluster_run(c, SIM_SEC);
    cluster_crash(c, 2, SIM_CRASH_POWER);
    for (int i = 0; i < 30; i++)
        if (!sim_disk_rot_random(disk_of(&scene), "/wal/")) break;
    cluster_start(c, 2);
    visit(&scene, 400 * SIM_MS);
    assert_int_equal(store_metrics(core_store(cluster_machine(c, 2)->core))->replicas_refetched, 2);
    scene_end(&scene, 10);
}

static bool noticed_under_load(const char *mutant, uint64_t seed)
{
    assert_true(mutant_select(mutant) > 0);
    struct scene scene = scene_make(seed, 1);
    scene.stride = 5;
    assert_true(cluster_boot(scene.cluster, 60 * SIM_SEC));
    load_begin(&scene);
    cluster_run(scene.cluster, SIM_SEC);
    struct sim *sim = cluster_sim(scene.cluster);
    uint64_t end = sim_now(sim) + 4 * SIM_SEC;
    while (sim_now(sim) < end && scene.failed == 0) visit(&scene, 10 * SIM_MS);
    scene_deinit(&scene);
    mutant_select(NULL);
    return scene.failed > 0;
}

TEST(crash_point, mutants_are_caught)
{
    static const char *const names[] = {"k10_ack_before_sync", "k23_no_directory_sync",
                                        "lsm_manifest_not_synced"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        bool noticed = noticed_under_load(names[i], 7 + i);
        if (!noticed) fprintf(stderr, "mutant %s was not caught\n", names[i]);
        assert_true(noticed);
    }
}
