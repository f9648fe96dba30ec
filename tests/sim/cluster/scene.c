#include "tests/sim/cluster/scene.h"

#include "tests/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/codec.h"
#include "shard/meta_int.h"
#include "shard/shard_int.h"
#include "tests/sim/check/register.h"
#include "tests/sim/cluster/meta_check.h"
#include "tests/sim/cluster/splits.h"
#include "tests/sim/cluster/ts_check.h"
#include "tests/sim/cluster/workload.h"
#include "txn/txn_int.h"


uint64_t scene_seeds(uint64_t quick, uint64_t normal, uint64_t full)
{
    const char *size = getenv("OSTRAKA_TEST_SIZE");
    if (getenv("OSTRAKA_MUTANT") != NULL) return 2 * normal; /* which ends with the first seed that notices */
    if (size != NULL && strcmp(size, "quick") == 0) return quick;
    return size != NULL && strcmp(size, "full") == 0 ? full : normal;
}

struct cluster_options scene_options(uint64_t seed, uint32_t machines)
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

struct scene scene_begin(const struct cluster_options *o)
{
    return scene_begin_calm(o, 2 * SIM_MS);
}

struct scene scene_begin_calm(const struct cluster_options *o, uint64_t think_ns)
{
    uint32_t factor = o->replication_factor != 0 ? o->replication_factor : 3;
    struct scene s = {.voters = o->node_count < factor ? o->node_count : factor};
    s.cluster = cluster_create(o);
    s.splits = splits_create(s.cluster);
    s.merges = merges_create(s.cluster);
    assert_true(cluster_boot(s.cluster, 60 * SIM_SEC));
    struct workload_options w = {
        .client_count = 10, .key_count = SCENE_KEYS, .think_mean_ns = think_ns, .operation_max = 400000};
    s.workload = workload_create(s.cluster, &w);
    cluster_run(s.cluster, 300 * SIM_MS);
    return s;
}

struct sim *scene_sim(const struct scene *s)
{
    return cluster_sim(s->cluster);
}

/* ---- splits ---- */

struct scene_key scene_key(uint64_t number)
{
    struct scene_key k = {{KEY_PREFIX_TABLE}};
    store_be64(k.bytes + 1, number);
    return k;
}

struct bytes scene_key_view(const struct scene_key *k)
{
    return bytes_make(k->bytes, sizeof k->bytes);
}

struct replica *scene_leader_for(struct scene *s, uint64_t number)
{
    struct scene_key k = scene_key(number);
    for (uint64_t i = 1; i <= cluster_size(s->cluster); i++) {
        struct cluster_machine *m = cluster_machine(s->cluster, i);
        if (m->env == NULL || m->ended || core_store(m->core) == NULL) continue;
        struct replica *r = store_replica_for_key(core_store(m->core), scene_key_view(&k));
        if (r != NULL && replica_serving(r)) return r;
    }
    return NULL;
}

/* Orders a split before the key of that number; NULL: nobody leads. */
const struct split_result *scene_order(struct scene *s, uint64_t number)
{
    struct replica *r = scene_leader_for(s, number);
    struct scene_key k = scene_key(number);
    return r == NULL ? NULL : splits_order(s->splits, replica_range(r), scene_key_view(&k));
}

bool scene_is_cut(struct cluster *c, void *ctx)
{
    (void)c;
    const struct scene_cut *cut = ctx;
    const struct replica *r = scene_leader_for(cut->scene, cut->number);
    struct scene_key k = scene_key(cut->number);
    return r != NULL && bytes_equal(replica_descriptor(r)->start, scene_key_view(&k));
}

void scene_print(struct scene *s)
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
void scene_split_at(struct scene *s, uint64_t number)
{
    struct scene_cut cut = {s, number};
    for (int i = 0; i < 60 && !scene_is_cut(s->cluster, &cut); i++) {
        scene_order(s, number);
        if (cluster_run_until(s->cluster, scene_is_cut, &cut, SIM_SEC)) break;
    }
    if (!scene_is_cut(s->cluster, &cut)) scene_print(s);
    assert_true(scene_is_cut(s->cluster, &cut));
}

const struct merge_result *scene_order_merge(struct scene *s, uint64_t number)
{
    struct replica *r = scene_leader_for(s, number - 1);
    return r == NULL ? NULL : merges_order(s->merges, replica_range(r));
}

static bool is_whole_at(struct cluster *c, void *ctx)
{
    const struct scene_cut *cut = ctx;
    const struct replica *r = scene_leader_for(cut->scene, cut->number);
    return r != NULL && !scene_is_cut(c, ctx);
}

void scene_merge_at(struct scene *s, uint64_t number)
{
    struct scene_cut cut = {s, number};
    bool done = false;
    for (int i = 0; i < 60 && !done; i++) {
        scene_order_merge(s, number);
        done = cluster_run_until(s->cluster, is_whole_at, &cut, SIM_SEC);
    }
    if (!done) scene_print(s);
    assert_true(done);
}

uint64_t scene_merges_applied(struct scene *s)
{
    uint64_t count = 0;
    for (uint64_t i = 1; i <= cluster_size(s->cluster); i++) {
        struct cluster_machine *m = cluster_machine(s->cluster, i);
        if (m->env != NULL && !m->ended && core_store(m->core) != NULL) count += store_metrics(core_store(m->core))->merges;
    }
    return count;
}

uint64_t scene_holder(struct scene *s, struct range_id range)
{
    for (uint64_t i = 1; i <= cluster_size(s->cluster); i++) {
        struct cluster_machine *m = cluster_machine(s->cluster, i);
        if (m->env == NULL || m->ended || core_store(m->core) == NULL) continue;
        if (store_replica(core_store(m->core), range) != NULL) return i;
    }
    return 0;
}

/* ---- the end ---- */

void scene_explain(struct workload *w)
{
    char text[512];
    if (!ts_check(w, text, sizeof text)) fail_msg("%s", text);
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

bool scene_settled(struct cluster *c, void *ctx)
{
    struct scene *s = ctx;
    return cluster_settled(c, s->voters) && whole(s);
}

static uint64_t scene_worst_closed_ns(struct scene *s)
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
bool scene_mirrored(struct cluster *c, void *ctx)
{
    (void)ctx;
    return meta_check_quiet(c) == NULL;
}

uint64_t scene_end(struct scene *s)
{
    struct cluster *c = s->cluster;
    sim_net_heal(scene_sim(s));
    for (uint64_t i = 1; i <= cluster_size(c); i++)
        if (!cluster_up(c, i)) cluster_start(c, i);
    bool is_settled = cluster_run_until(c, scene_settled, s, 60 * SIM_SEC);
    if (!is_settled) scene_print(s);
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
        equal = cluster_run_until(c, scene_settled, s, 5 * SIM_SEC) && cluster_replicas_equal(c, i == 59 ? stderr : NULL);
    }
    if (!equal) scene_print(s);
    assert_true(equal);
    check_cover(s);
    if (!cluster_run_until(c, scene_mirrored, NULL, 20 * SIM_SEC)) fail_msg("%s", meta_check_quiet(c));
    if (cluster_violation(c) != NULL) fail_msg("%s", cluster_violation(c));
    scene_explain(s->workload);
    uint64_t worst = scene_worst_closed_ns(s);
    cluster_destroy(c);
    workload_destroy(s->workload);
    splits_destroy(s->splits);
    merges_destroy(s->merges);
    return worst;
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

uint64_t scene_hits(const char *name)
{
    struct marked m = {.name = name};
    cover_visit(add_hits, &m);
    return m.hits;
}

/* From now on the engines write nothing, and the logs go on. */
void scene_hold_engines(struct scene *s)
{
    struct sim_disk_fault full = {.kind = SIM_FAULT_WRITE_ERROR, .path_part = ".tbl", .error = ENOSPC};
    for (uint64_t i = 1; i <= cluster_size(s->cluster); i++) sim_disk_inject(sim_disk(scene_sim(s), i), &full);
}

void scene_crash(struct scene *s, uint64_t machine)
{
    cluster_crash(s->cluster, machine, SIM_CRASH_POWER);
    sim_disk_heal(sim_disk(scene_sim(s), machine));
}

void scene_start_all(struct scene *s)
{
    for (uint64_t i = 1; i <= cluster_size(s->cluster); i++)
        if (!cluster_up(s->cluster, i)) cluster_start(s->cluster, i);
}

void scene_isolate(struct scene *s, uint64_t machine)
{
    for (uint64_t other = 1; other <= cluster_size(s->cluster); other++)
        if (other != machine) sim_net_cut_pair(scene_sim(s), machine, other);
}
