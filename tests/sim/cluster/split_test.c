/* Ranges are split while clients read and write, and things fail at every step of it. Afterwards nothing that was
 * acknowledged is lost, what clients saw is explained, every range has its replicas, and these hold the same bytes. */
#include "tests/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/codec.h"
#include "shard/shard_int.h"
#include "tests/sim/check/register.h"
#include "tests/sim/cluster/meta_check.h"
#include "tests/sim/cluster/splits.h"
#include "tests/sim/cluster/ts_check.h"
#include "tests/sim/cluster/workload.h"
#include "txn/txn_int.h"

#define KEYS 24

struct scene {
    struct cluster *cluster;
    struct workload *workload;
    struct splits *splits;
    uint32_t voters;
};

static uint64_t seeds(uint64_t quick, uint64_t normal, uint64_t full)
{
    const char *size = getenv("OSTRAKA_TEST_SIZE");
    if (size != NULL && strcmp(size, "quick") == 0) return quick;
    return size != NULL && strcmp(size, "full") == 0 ? full : normal;
}

static struct cluster_options options_of(uint64_t seed, uint32_t machines)
{
    struct cluster_options o;
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    if (mutant != NULL) assert_true(mutant_select(mutant) > 0);
    cluster_options_init(&o, seed);
    o.node_count = machines;
    o.memory_bytes = 2u << 20;
    o.wal_segment_bytes = 128u << 10;
    o.verbose = getenv("OSTRAKA_VERBOSE") != NULL;
    return o;
}

static struct scene scene_begin(const struct cluster_options *o)
{
    uint32_t factor = o->replication_factor != 0 ? o->replication_factor : 3;
    struct scene s = {.voters = o->node_count < factor ? o->node_count : factor};
    s.cluster = cluster_create(o);
    s.splits = splits_create(s.cluster);
    assert_true(cluster_boot(s.cluster, 60 * SIM_SEC));
    struct workload_options w = {
        .client_count = 10, .key_count = KEYS, .think_mean_ns = 2 * SIM_MS, .operation_max = 100000};
    s.workload = workload_create(s.cluster, &w);
    cluster_run(s.cluster, 300 * SIM_MS);
    return s;
}

static struct sim *sim_in(const struct scene *s)
{
    return cluster_sim(s->cluster);
}

/* ---- splits ---- */

struct key {
    uint8_t bytes[9];
};

static struct key key_of(uint64_t number)
{
    struct key k = {{KEY_PREFIX_TABLE}};
    store_be64(k.bytes + 1, number);
    return k;
}

static struct bytes view(const struct key *k)
{
    return bytes_make(k->bytes, sizeof k->bytes);
}

static struct replica *any_replica_for(struct scene *s, uint64_t number)
{
    struct key k = key_of(number);
    for (uint64_t i = 1; i <= cluster_size(s->cluster); i++) {
        struct cluster_machine *m = cluster_machine(s->cluster, i);
        if (m->env == NULL || m->ended || core_store(m->core) == NULL) continue;
        struct replica *r = store_replica_for_key(core_store(m->core), view(&k));
        if (r != NULL && replica_serving(r)) return r;
    }
    return NULL;
}

/* Orders a split before the key of that number; NULL: nobody leads. */
static const struct split_result *order(struct scene *s, uint64_t number)
{
    struct replica *r = any_replica_for(s, number);
    struct key k = key_of(number);
    return r == NULL ? NULL : splits_order(s->splits, replica_range(r), view(&k));
}

struct cut {
    struct scene *scene;
    uint64_t number;
};

static bool is_cut(struct cluster *c, void *ctx)
{
    (void)c;
    const struct cut *cut = ctx;
    const struct replica *r = any_replica_for(cut->scene, cut->number);
    struct key k = key_of(cut->number);
    return r != NULL && bytes_equal(replica_descriptor(r)->start, view(&k));
}

static void print_ranges(struct scene *s)
{
    for (uint64_t i = 1; i <= cluster_size(s->cluster); i++) {
        struct cluster_machine *m = cluster_machine(s->cluster, i);
        if (m->env == NULL || m->ended || core_store(m->core) == NULL) continue;
        struct replica *r = NULL;
        while ((r = store_replica_next(core_store(m->core), r)) != NULL) {
            const struct descriptor *d = replica_descriptor(r);
            struct raft_status st;
            replica_raft_status(r, &st);
            fprintf(stderr,
                    "machine %llu range %llu epoch %llu voters %u outgoing %u learners %u id %llu role %d term %llu applied "
                    "%llu commit %llu last %llu fenced %d\n",
                    (unsigned long long)i, (unsigned long long)replica_range(r).value, (unsigned long long)d->epoch,
                    d->config.voter_count, d->config.outgoing_count, d->config.learner_count, (unsigned long long)st.id,
                    (int)st.role, (unsigned long long)st.term, (unsigned long long)st.applied_index,
                    (unsigned long long)st.commit_index, (unsigned long long)st.last.index, replica_fenced(r));
        }
    }
}

/* Orders it until it is there. */
static void split_at(struct scene *s, uint64_t number)
{
    struct cut cut = {s, number};
    for (int i = 0; i < 60 && !is_cut(s->cluster, &cut); i++) {
        order(s, number);
        if (cluster_run_until(s->cluster, is_cut, &cut, SIM_SEC)) break;
    }
    if (!is_cut(s->cluster, &cut)) print_ranges(s);
    assert_true(is_cut(s->cluster, &cut));
}

/* ---- the end ---- */

static void explain(struct workload *w)
{
    char text[512];
    size_t count;
    const struct operation *history = workload_history(w, &count);
    if (!ts_check(history, count, text, sizeof text)) fail_msg("%s", text);
    struct buf report;
    buf_init(&report, 1 << 16);
    enum check_result verdict = register_check(workload_seen(w), 0, &report);
    if (verdict == CHECK_INVALID) fprintf(stderr, "%.*s\n", (int)report.size, (const char *)report.data);
    buf_deinit(&report);
    assert_true(verdict != CHECK_INVALID);
}

static struct store *store_of_node(struct scene *s, uint64_t node)
{
    for (uint64_t i = 1; i <= cluster_size(s->cluster); i++) {
        struct cluster_machine *m = cluster_machine(s->cluster, i);
        struct store *store = m->env == NULL || m->ended ? NULL : core_store(m->core);
        if (store != NULL && store_identity(store)->node.value == node) return store;
    }
    return NULL;
}

/* Every member of every range has a replica with that range's bounds. */
static bool whole(struct scene *s)
{
    uint64_t max = cluster_range_max(s->cluster);
    for (uint64_t id = 1; id <= max; id++) {
        uint64_t leader = cluster_leader(s->cluster, (struct range_id){id});
        if (leader == 0) continue;
        struct replica *led = store_replica(core_store(cluster_machine(s->cluster, leader)->core), (struct range_id){id});
        const struct descriptor *d = replica_descriptor(led);
        for (uint32_t i = 0; i < d->config.voter_count; i++) {
            struct store *store = store_of_node(s, d->config.voters[i].node);
            struct replica *r = store == NULL ? NULL : store_replica(store, (struct range_id){id});
            if (r == NULL || replica_descriptor(r)->epoch != d->epoch) return false;
        }
    }
    return true;
}

/* The ranges follow each other without a hole or an overlap. */
static void check_cover(struct scene *s)
{
    uint64_t max = cluster_range_max(s->cluster), found = 0;
    struct bytes at = BYTES_EMPTY;
    for (bool last = false; !last; found++) {
        const struct descriptor *next = NULL;
        for (uint64_t id = 1; id <= max; id++) {
            uint64_t leader = cluster_leader(s->cluster, (struct range_id){id});
            if (leader == 0) continue;
            struct store *store = core_store(cluster_machine(s->cluster, leader)->core);
            const struct descriptor *d = replica_descriptor(store_replica(store, (struct range_id){id}));
            if (!bytes_equal(d->start, at)) continue;
            assert_null(next); /* an overlap */
            next = d;
        }
        assert_non_null(next); /* a hole */
        at = next->end;
        last = at.size == 0;
        assert_true(found < max);
    }
}

static bool settled(struct cluster *c, void *ctx)
{
    struct scene *s = ctx;
    return cluster_settled(c, s->voters) && whole(s);
}

static uint64_t worst_closed_ns(struct scene *s)
{
    uint64_t worst = 0;
    for (uint64_t i = 1; i <= cluster_size(s->cluster); i++) {
        struct cluster_machine *m = cluster_machine(s->cluster, i);
        if (m->env == NULL || core_kv(m->core) == NULL) continue;
        uint64_t ns = histogram_quantile(&kv_metrics(core_kv(m->core))->split_closed_ns, 1.0);
        if (ns > worst) worst = ns;
    }
    return worst;
}

/* The mirror is what the ranges say. */
static bool mirrored(struct cluster *c, void *ctx)
{
    (void)ctx;
    return meta_check_quiet(c) == NULL;
}

/* Everything works again, goes on for a while, and is looked at. Returns how long a split closed its right side. */
static uint64_t scene_end(struct scene *s)
{
    struct cluster *c = s->cluster;
    sim_net_heal(sim_in(s));
    for (uint64_t i = 1; i <= cluster_size(c); i++)
        if (!cluster_up(c, i)) cluster_start(c, i);
    bool is_settled = cluster_run_until(c, settled, s, 60 * SIM_SEC);
    if (!is_settled) print_ranges(s);
    assert_true(is_settled);
    uint64_t before = workload_committed(s->workload);
    for (int i = 0; i < 300 && workload_committed(s->workload) < before + 50; i++) cluster_run(c, 100 * SIM_MS);
    assert_true(workload_committed(s->workload) >= before + 50);
    workload_stop(s->workload);
    for (int i = 0; i < 60 && !workload_idle(s->workload); i++) cluster_run(c, 500 * SIM_MS);
    assert_true(workload_idle(s->workload));
    assert_int_equal(cluster_ended(c), 0);
    bool equal = false; /* housekeeping of the leader may be on its way to the others */
    for (int i = 0; i < 60 && !equal; i++) { /* so may replicas that are moved to balance the nodes */
        cluster_run(c, 100 * SIM_MS);
        equal = cluster_run_until(c, settled, s, 5 * SIM_SEC) && cluster_replicas_equal(c);
    }
    if (!equal) print_ranges(s);
    assert_true(equal);
    check_cover(s);
    if (!cluster_run_until(c, mirrored, NULL, 20 * SIM_SEC)) fail_msg("%s", meta_check_quiet(c));
    if (cluster_violation(c) != NULL) fail_msg("%s", cluster_violation(c));
    explain(s->workload);
    uint64_t worst = worst_closed_ns(s);
    cluster_destroy(c);
    workload_destroy(s->workload);
    splits_destroy(s->splits);
    return worst;
}

/* ---- facts ---- */

TEST(split, gives_two_ranges_that_go_on_under_load)
{
    uint64_t worst = 0;
    for (uint64_t seed = 1; seed <= seeds(1, 4, 40); seed++) {
        struct cluster_options o = options_of(seed, 3);
        struct scene s = scene_begin(&o);
        for (uint64_t i = 1; i <= 5; i++) {
            split_at(&s, i * KEYS / 6);
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
    struct cluster_options o = options_of(3, 1);
    struct scene s = scene_begin(&o);
    split_at(&s, 8);
    split_at(&s, 16);
    cluster_crash(s.cluster, 1, SIM_CRASH_POWER);
    cluster_run(s.cluster, 100 * SIM_MS);
    cluster_start(s.cluster, 1);
    cluster_run(s.cluster, SIM_SEC);
    split_at(&s, 12);
    scene_end(&s);
}

/* The leader goes down after some steps of the split, whatever it has got to by then. */
TEST(split, survives_its_leader_at_every_step)
{
    for (uint64_t seed = 1; seed <= seeds(3, 16, 200); seed++) {
        struct cluster_options o = options_of(1000 + seed, 3);
        struct scene s = scene_begin(&o);
        for (uint64_t i = 1; i <= 3; i++) {
            uint64_t number = i * KEYS / 4, leader = cluster_leader(s.cluster, RANGE_DATA);
            order(&s, number);
            uint64_t steps = sim_below(sim_in(&s), 300);
            while (steps-- > 0 && sim_step(sim_in(&s))) continue;
            if (leader != 0)
                cluster_crash(s.cluster, leader, sim_chance(sim_in(&s), 500000) ? SIM_CRASH_POWER : SIM_CRASH_PROCESS);
            cluster_run(s.cluster, sim_below(sim_in(&s), 1000) * SIM_MS);
            if (leader != 0) cluster_start(s.cluster, leader);
            split_at(&s, number);
        }
        scene_end(&s);
    }
}

/* ---- rare branches ---- */

struct marked {
    const char *name;
    uint64_t hits;
};

static void add_hits(const struct cover_mark *mark, void *ctx)
{
    struct marked *m = ctx;
    if (strcmp(mark->name, m->name) == 0) m->hits += mark->hits;
}

static uint64_t hits_of(const char *name)
{
    struct marked m = {.name = name};
    cover_visit(add_hits, &m);
    return m.hits;
}

/* From now on the engines write nothing, and the logs go on. */
static void hold_engines(struct scene *s)
{
    struct sim_disk_fault full = {.kind = SIM_FAULT_WRITE_ERROR, .path_part = ".tbl", .error = ENOSPC};
    for (uint64_t i = 1; i <= cluster_size(s->cluster); i++) sim_disk_inject(sim_disk(sim_in(s), i), &full);
}

static void crash(struct scene *s, uint64_t machine)
{
    cluster_crash(s->cluster, machine, SIM_CRASH_POWER);
    sim_disk_heal(sim_disk(sim_in(s), machine));
}

static void start_all(struct scene *s)
{
    for (uint64_t i = 1; i <= cluster_size(s->cluster); i++)
        if (!cluster_up(s->cluster, i)) cluster_start(s->cluster, i);
}

/* Power fails everywhere behind splits that no engine has written, while the right sides have voted and acknowledged
 * already. */
TEST(split, forgets_nothing_when_all_lose_power_before_any_flush)
{
    uint64_t born = hits_of("shard_unborn_born");
    for (uint64_t seed = 1; seed <= seeds(2, 8, 100); seed++) {
        struct cluster_options o = options_of(2000 + seed, 3);
        struct scene s = scene_begin(&o);
        for (uint64_t round = 0; round < 2; round++) {
            assert_true(cluster_run_until(s.cluster, settled, &s, 30 * SIM_SEC));
            cluster_run(s.cluster, SIM_SEC);
            hold_engines(&s); /* a disk that is full stops the writes, too, but not at once */
            uint64_t number = 2 + 12 * round, count = 1 + sim_below(sim_in(&s), 3);
            for (uint64_t i = 0; i < count; i++) {
                struct cut cut = {&s, number + 3 * i};
                order(&s, cut.number);
                if (!cluster_run_until(s.cluster, is_cut, &cut, 100 * SIM_MS)) break;
            }
            uint64_t before = workload_committed(s.workload);
            for (int i = 0; i < 40 && workload_committed(s.workload) < before + 40; i++) cluster_run(s.cluster, SIM_MS);
            for (uint64_t i = 1; i <= 3; i++) crash(&s, i);
            cluster_run(s.cluster, sim_below(sim_in(&s), 300) * SIM_MS);
            start_all(&s);
        }
        scene_end(&s);
    }
    assert_true(hits_of("shard_unborn_born") > born);
}

/* The same, when only some go, at any moment of a split, and come back at any time. */
TEST(split, survives_power_loss_before_any_flush)
{
    for (uint64_t seed = 1; seed <= seeds(2, 12, 200); seed++) {
        struct cluster_options o = options_of(7000 + seed, 3);
        struct scene s = scene_begin(&o);
        for (uint64_t i = 1; i <= 6; i++) {
            cluster_run(s.cluster, sim_below(sim_in(&s), 600) * SIM_MS);
            hold_engines(&s);
            order(&s, 4 * i - 2);
            cluster_run(s.cluster, sim_below(sim_in(&s), 15 * SIM_MS));
            for (uint64_t m = 1; m <= 3; m++) {
                if (sim_chance(sim_in(&s), 500000)) crash(&s, m);
                else sim_disk_heal(sim_disk(sim_in(&s), m));
            }
            cluster_run(s.cluster, sim_below(sim_in(&s), 300) * SIM_MS);
            start_all(&s);
        }
        scene_end(&s);
    }
}

static void isolate(struct scene *s, uint64_t machine)
{
    for (uint64_t other = 1; other <= cluster_size(s->cluster); other++)
        if (other != machine) sim_net_cut_pair(sim_in(s), machine, other);
}

/* A follower that was away finds the splits in its log, or, when the log was cut, gets snapshots of both sides. */
static void lag(uint64_t seed, bool cut_log)
{
    struct cluster_options o = options_of(seed, 3);
    if (cut_log) {
        o.log_bytes_max = 4u << 10;
        o.log_cache_bytes = 4u << 10;
    }
    struct scene s = scene_begin(&o);
    uint64_t leader = cluster_leader(s.cluster, RANGE_DATA), away = leader % 3 + 1;
    isolate(&s, away);
    uint64_t shrunk = hits_of("shard_split_only_shrinks");
    for (uint64_t i = 1; i <= 3; i++) {
        split_at(&s, i * KEYS / 4);
        cluster_run(s.cluster, 50 * SIM_MS);
    }
    cluster_run(s.cluster, cut_log ? 12 * SIM_SEC : SIM_SEC);
    if (cut_log) {
        for (uint64_t id = 2; id <= cluster_range_max(s.cluster); id++)
            for (uint64_t i = 1; i <= 3; i++) cluster_flush(s.cluster, i, (struct range_id){id});
        cluster_run(s.cluster, 2 * SIM_SEC);
    }
    if (sim_chance(sim_in(&s), 500000)) {
        cluster_crash(s.cluster, away, SIM_CRASH_POWER);
        cluster_start(s.cluster, away);
    }
    scene_end(&s);
    /* Its own log makes the right sides, with all they hold; none was there before, empty. */
    assert_u64_equal(hits_of("shard_split_only_shrinks"), shrunk);
}

TEST(split, is_caught_up_with_from_the_log)
{
    for (uint64_t seed = 1; seed <= seeds(1, 6, 60); seed++) lag(3000 + seed, false);
}

TEST(split, is_caught_up_with_by_snapshots)
{
    for (uint64_t seed = 1; seed <= seeds(1, 6, 60); seed++) lag(4000 + seed, true);
}

/* A machine that lost its disk comes back as a new node and is sent snapshots, while ranges are split. */
TEST(split, while_a_newcomer_takes_snapshots)
{
    for (uint64_t seed = 1; seed <= seeds(1, 6, 60); seed++) {
        struct cluster_options o = options_of(5000 + seed, 3);
        o.dead_after_ns = SIM_SEC;
        struct scene s = scene_begin(&o);
        uint64_t leader = cluster_leader(s.cluster, RANGE_DATA), newcomer = leader % 3 + 1;
        cluster_crash(s.cluster, newcomer, SIM_CRASH_POWER);
        sim_disk_wipe(sim_disk(sim_in(&s), newcomer));
        cluster_run(s.cluster, sim_below(sim_in(&s), 1500) * SIM_MS);
        cluster_start(s.cluster, newcomer);
        for (uint64_t i = 1; i <= 5; i++) {
            order(&s, i * KEYS / 6);
            cluster_run(s.cluster, sim_below(sim_in(&s), 700) * SIM_MS);
        }
        scene_end(&s);
    }
}

/* Everything at once, for as long as it takes: machines go down and come back while ranges are split at random. */
TEST(split, of_random_ranges_at_random_times)
{
    uint32_t count = 0;
    for (uint64_t seed = 1; seed <= seeds(3, 16, 200); seed++) {
        struct cluster_options o = options_of(6000 + seed, (uint32_t)(3 + 2 * (seed % 2)));
        o.replication_factor = o.node_count; /* nothing is moved */
        o.memory_bytes = 1u << 20;
        o.table_bytes = 16u << 10;
        o.log_bytes_max = 16u << 10;
        struct scene s = scene_begin(&o);
        for (int i = 0; i < 16; i++) {
            if (sim_chance(sim_in(&s), 700000)) splits_strike(s.splits);
            cluster_run(s.cluster, sim_exponential(sim_in(&s), 150 * SIM_MS));
            uint64_t machine = 1 + sim_below(sim_in(&s), o.node_count);
            uint64_t id = 2 + sim_below(sim_in(&s), cluster_range_max(s.cluster) - 1);
            switch (sim_below(sim_in(&s), 6)) {
            case 0: cluster_crash(s.cluster, machine, SIM_CRASH_POWER); break;
            case 1: cluster_crash(s.cluster, machine, SIM_CRASH_PROCESS); break;
            case 2: isolate(&s, machine); break;
            case 3: sim_net_heal(sim_in(&s)); break;
            default: cluster_flush(s.cluster, machine, (struct range_id){id}); break;
            }
            for (uint64_t m = 1; m <= o.node_count; m++)
                if (!cluster_up(s.cluster, m) && sim_chance(sim_in(&s), 400000)) cluster_start(s.cluster, m);
        }
        count += splits_count(s.splits);
        scene_end(&s);
    }
    assert_true(count > 0);
}
