/* Damaged disks under a whole cluster, as named facts: what is damaged is found, its replica is fenced, and
 * comes back whole from the others. */
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "shard/shard_int.h"
#include "tests/sim/check/register.h"
#include "tests/sim/cluster/ts_check.h"
#include "tests/sim/cluster/workload.h"

struct scene {
    struct cluster *cluster;
    struct workload *workload;
};

/* A cluster of three that has written for a while, so that there are tables and several log segments. log_cache_bytes: of
 * the log that is kept in memory, too; 0: all of it. */
static struct scene scene_make_with(uint64_t seed, uint32_t wal_segment_bytes, uint64_t log_bytes_max,
                                    uint64_t log_cache_bytes)
{
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    if (mutant != NULL) assert_true(mutant_select(mutant) > 0);
    struct cluster_options o;
    cluster_options_init(&o, seed);
    o.memory_bytes = 2u << 20;
    o.wal_segment_bytes = wal_segment_bytes;
    o.table_bytes = 64u << 10;
    o.log_bytes_max = log_bytes_max;
    o.log_cache_bytes = log_cache_bytes;
    o.verbose = getenv("OSTRAKA_VERBOSE") != NULL;
    struct scene scene = {.cluster = cluster_create(&o)};
    assert_true(cluster_boot(scene.cluster, 60 * SIM_SEC));
    struct workload_options w = {
        .client_count = 8, .key_count = 40, .think_mean_ns = 3 * SIM_MS, .operation_max = 100000};
    scene.workload = workload_create(scene.cluster, &w);
    cluster_run(scene.cluster, 2 * SIM_SEC);
    return scene;
}

static struct scene scene_make(uint64_t seed)
{
    return scene_make_with(seed, 256u << 10, 64u << 10, 0);
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

#define GOES_ON 20 /* commits */

struct goal {
    struct workload *workload;
    uint64_t committed;
};

static bool reached(struct cluster *c, void *ctx)
{
    (void)c;
    const struct goal *goal = ctx;
    return workload_committed(goal->workload) >= goal->committed;
}

/* Everybody is whole, what the clients saw is explained, and the replicas are the same. */
static void scene_end(struct scene *scene)
{
    struct cluster *c = scene->cluster;
    assert_true(cluster_run_until(c, all_whole, NULL, 60 * SIM_SEC));
    /* Locks of statements whose node died stand in the way for 10 seconds. */
    struct goal goal = {scene->workload, workload_committed(scene->workload) + GOES_ON};
    assert_true(cluster_run_until(c, reached, &goal, 12 * SIM_SEC));
    workload_stop(scene->workload);
    cluster_run(c, 10 * SIM_SEC);
    assert_true(workload_idle(scene->workload));
    assert_true(cluster_await_equal(c, 20, 500 * SIM_MS));
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

/* Reads all of the replicas, which finds what is damaged; true when nothing is. */
static bool scrub(struct scene *scene)
{
    return cluster_replicas_equal(scene->cluster, NULL);
}

static bool is_fenced(struct scene *scene, uint64_t machine, uint64_t range)
{
    return replica_fenced(store_replica(store_on(scene, machine), (struct range_id){range}));
}

static uint64_t fenced_ever(struct scene *scene, uint64_t machine)
{
    struct store *s = store_on(scene, machine);
    return s == NULL ? 0 : store_metrics(s)->replicas_fenced;
}

/* What was sent went at the cluster's rate, which nobody has set. */
static uint32_t senders_at_rate(struct scene *scene)
{
    uint32_t senders = 0;
    for (uint64_t machine = 1; machine <= 3; machine++) {
        struct store *s = store_on(scene, machine);
        if (s == NULL || s->snapshot_rate.free_ns == 0) continue;
        senders += s->snapshot_rate.bytes_per_s == cluster_setting_info(SETTING_SNAPSHOT_RATE)->fallback;
    }
    return senders;
}

TEST(disk, damaged_table_is_refetched)
{
    uint32_t found = 0;
    for (uint64_t seed = 20; seed <= 32 && found < 4; seed++) {
        struct scene scene = scene_make(seed);
        uint64_t machine = 1 + seed % 3;
        cluster_crash(scene.cluster, machine, SIM_CRASH_PROCESS); /* so that no block is in memory */
        for (int i = 0; i < 3; i++) {
            bool any = sim_disk_rot_random(sim_disk(cluster_sim(scene.cluster), machine), ".tbl");
            assert_true(any);
        }
        assert_non_null(restart(&scene, machine));
        cluster_run(scene.cluster, 2 * SIM_SEC);
        if (!scrub(&scene)) cluster_run(scene.cluster, SIM_SEC);
        bool fenced = fenced_ever(&scene, machine) > 0; /* a compaction may have dropped the table unread */
        found += fenced;
        if (fenced) {
            assert_true(cluster_run_until(scene.cluster, all_whole, NULL, 60 * SIM_SEC));
            assert_true(senders_at_rate(&scene) > 0);
        }
        scene_end(&scene);
    }
    assert_int_equal(found, 4);
}

/* The leader's disk fails while it serves: others lead at once, and it comes back as a follower. */
TEST(disk, leader_that_cannot_read_hands_over)
{
    struct scene scene = scene_make(40);
    uint64_t machine = cluster_leader(scene.cluster, (struct range_id){2});
    assert_true(machine != 0);
    struct sim_disk *disk = sim_disk(cluster_sim(scene.cluster), machine);
    struct sim_disk_fault fault = {.kind = SIM_FAULT_READ_ERROR, .path_part = ".tbl"};
    sim_disk_inject(disk, &fault);
    for (int i = 0; i < 4000 && !is_fenced(&scene, machine, 2); i++)
        cluster_run(scene.cluster, 5 * SIM_MS); /* a compaction reads */
    assert_true(is_fenced(&scene, machine, 2));
    cluster_run(scene.cluster, 50 * SIM_MS); /* no election timeout: it said so */
    uint64_t next = cluster_leader(scene.cluster, (struct range_id){2});
    assert_true(next != 0 && next != machine);
    sim_disk_heal(disk);
    scene_end(&scene);
}

/* Somebody was away, and the leader reads its log for it, where a bit has changed since it was written: it finds that out
 * before it sends anything, is fenced and refetched, and the one who was away gets the entries from the next leader. */
TEST(disk, leader_that_reads_a_damaged_entry_is_refetched)
{
    uint32_t found = 0;
    for (uint64_t seed = 80; seed <= 95 && found < 3; seed++) {
        struct scene scene = scene_make_with(seed, 2u << 20, 8u << 20, 4u << 10);
        uint64_t machine = cluster_leader(scene.cluster, (struct range_id){2});
        if (machine == 0) continue;
        uint64_t away = 1 + machine % 3;
        cluster_crash(scene.cluster, away, SIM_CRASH_PROCESS);
        cluster_run(scene.cluster, 2 * SIM_SEC);
        bool same = cluster_leader(scene.cluster, (struct range_id){2}) == machine;
        struct sim_disk *disk = sim_disk(cluster_sim(scene.cluster), machine);
        for (int i = 0; i < 40; i++) assert_true(sim_disk_rot_random(disk, "/wal/"));
        cluster_start(scene.cluster, away);
        cluster_run(scene.cluster, 2 * SIM_SEC);
        found += same && fenced_ever(&scene, machine) > 0;
        scene_end(&scene);
    }
    assert_int_equal(found, 3);
}

/* One reads what is damaged everywhere but in one place: the range stands still rather than forget. */
TEST(disk, damage_of_a_majority_halts_and_loses_nothing)
{
    struct scene scene = scene_make(50);
    struct cluster *c = scene.cluster;
    workload_stop(scene.workload);
    cluster_run(c, 5 * SIM_SEC);
    for (uint64_t i = 1; i <= 2; i++) {
        cluster_crash(c, i, SIM_CRASH_PROCESS);
        for (int k = 0; k < 40; k++) (void)!sim_disk_rot_random(sim_disk(cluster_sim(c), i), "/wal/");
        struct store *s = restart(&scene, i);
        if (s != NULL) assert_int_equal(store_metrics(s)->replicas_fenced, 2);
        if (i == 1) sim_net_cut_pair(cluster_sim(c), 1, 3); /* before it is refetched */
        if (i == 1) sim_net_cut_pair(cluster_sim(c), 1, 2);
    }
    sim_net_heal(cluster_sim(c));
    cluster_run(c, 10 * SIM_SEC);
    assert_u64_equal(cluster_leader(c, (struct range_id){2}), 0);
    assert_u64_equal(cluster_leader(c, (struct range_id){1}), 0);
    cluster_destroy(c);
    workload_destroy(scene.workload);
}

/* The manifest is from before a flush whose entries have left the log since (K21): what lies between is
 * nowhere here, and must not be skipped. */
TEST(disk, engine_older_than_its_log_is_refetched)
{
    struct scene scene = scene_make(60);
    uint64_t machine = 2;
    cluster_crash(scene.cluster, machine, SIM_CRASH_PROCESS);
    struct sim_disk *disk = sim_disk(cluster_sim(scene.cluster), machine);
    struct sim_disk_image *image = sim_disk_snapshot(disk);
    assert_non_null(restart(&scene, machine));
    cluster_run(scene.cluster, 3 * SIM_SEC);
    cluster_crash(scene.cluster, machine, SIM_CRASH_PROCESS);
    sim_disk_restore_part(disk, image, "store1/lsm");
    sim_disk_image_destroy(image);
    struct store *s = restart(&scene, machine);
    assert_non_null(s);
    assert_true(store_metrics(s)->replicas_fenced > 0);
    scene_end(&scene);
}

/* ---- full disks (scenario 45) ---- */

static uint64_t ended_well(struct scene *scene, enum operation_kind kind, uint64_t since_ns)
{
    size_t count;
    const struct operation *history = workload_history(scene->workload, &count);
    uint64_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += (history[i].kind == OPERATION_READ) == (kind == OPERATION_READ) &&
                 history[i].outcome == OUTCOME_OK && history[i].invoked_ns >= since_ns;
    return found;
}

static bool is_full(struct scene *scene, uint64_t machine)
{
    struct store *s = store_on(scene, machine);
    return s != NULL && store_metrics(s)->disk_full > 0;
}

static void fill_disk(struct scene *scene, uint64_t machine)
{
    struct sim_disk *disk = sim_disk(cluster_sim(scene->cluster), machine);
    sim_disk_set_quota(disk, sim_disk_used_bytes(disk) + (8u << 10));
}

static int full_count(struct scene *scene)
{
    return is_full(scene, 1) + is_full(scene, 2) + is_full(scene, 3);
}

/* False when one keeps its last bytes for ever: once two are full nothing is committed that would need them. */
static bool fill_all(struct scene *scene)
{
    for (uint64_t i = 1; i <= 3; i++) fill_disk(scene, i);
    for (int i = 0; i < 200 && full_count(scene) < 3; i++) cluster_run(scene->cluster, 100 * SIM_MS);
    assert_true(full_count(scene) >= 2);
    return full_count(scene) == 3;
}

TEST(disk, all_full_refuse_writes_serve_reads_and_go_on_by_themselves)
{
    bool all = false;
    for (uint64_t seed = 70; seed < 90 && !all; seed++) {
        struct scene scene = scene_make(seed);
        struct cluster *c = scene.cluster;
        all = fill_all(&scene);
        if (all) {
            cluster_run(c, 5 * SIM_SEC);
            uint64_t since_ns = sim_now(cluster_sim(c));
            cluster_run(c, 10 * SIM_SEC); /* most clients wait with a write that is refused in the end */
            print_message("%llu reads\n", (unsigned long long)ended_well(&scene, OPERATION_READ, since_ns));
            assert_true(ended_well(&scene, OPERATION_READ, since_ns) > 10);
            assert_int_equal(ended_well(&scene, OPERATION_WRITE, since_ns), 0);
        }
        for (uint64_t i = 1; i <= 3; i++) sim_disk_heal(sim_disk(cluster_sim(c), i));
        if (!all) cluster_run(c, 5 * SIM_SEC);
        scene_end(&scene); /* nobody was started anew, and writes are taken again */
    }
    assert_true(all);
}

TEST(disk, full_leader_leaves_the_writes_to_others)
{
    struct scene scene = scene_make(71);
    struct cluster *c = scene.cluster;
    uint64_t machine = cluster_leader(c, (struct range_id){2});
    fill_disk(&scene, machine);
    for (int i = 0; i < 200 && !is_full(&scene, machine); i++) cluster_run(c, 100 * SIM_MS);
    assert_true(is_full(&scene, machine));
    cluster_run(c, 2 * SIM_SEC);
    uint64_t since_ns = sim_now(cluster_sim(c));
    cluster_run(c, 3 * SIM_SEC);
    assert_true(cluster_leader(c, (struct range_id){2}) != machine);
    assert_true(ended_well(&scene, OPERATION_WRITE, since_ns) > 50);
    sim_disk_heal(sim_disk(cluster_sim(c), machine));
    scene_end(&scene);
}
