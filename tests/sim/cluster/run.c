#include "tests/sim/cluster/run.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/sim/check/register.h"
#include "tests/sim/cluster/nemesis.h"
#include "tests/sim/cluster/ts_check.h"
#include "tests/sim/cluster/unbounded.h"
#include "tests/sim/cluster/workload.h"

#define BOOT_TIMEOUT_NS (60 * SIM_SEC)
#define CONVERGE_TIMEOUT_NS (60 * SIM_SEC)
#define FLUSH_MEAN_NS (100 * SIM_MS)

static bool fail(struct run_result *result, const char *what)
{
    if (result->failure[0] == '\0') snprintf(result->failure, sizeof result->failure, "%s", what);
    return false;
}

/* Phase one: anything may fail. Phase two: everything works, and must converge. */
static bool load_and_heal(struct cluster *c, const struct run_options *options, struct workload *w,
                          struct nemesis *n, struct run_result *result)
{
    cluster_run(c, options->fault_phase_ns != 0 ? options->fault_phase_ns : 8 * SIM_SEC);
    if (n != NULL) nemesis_heal(n);
    uint64_t before = workload_committed(w);
    uint64_t end = sim_now(cluster_sim(c)) + CONVERGE_TIMEOUT_NS;
    while (sim_now(cluster_sim(c)) < end && workload_committed(w) < before + 50)
        cluster_run(c, 100 * SIM_MS);
    bool live = workload_committed(w) >= before + 50;
    workload_stop(w);
    while (sim_now(cluster_sim(c)) < end && !workload_idle(w)) cluster_run(c, 100 * SIM_MS);
    /* Long enough for the last commit index to reach everybody. */
    if (live && workload_idle(w)) cluster_run(c, 3 * SIM_SEC);
    if (!live) return fail(result, "liveness: no progress after everything was healed");
    if (!workload_idle(w)) return fail(result, "liveness: an operation never ended");
    return true;
}

/* Nothing has to go on; whatever was answered has to be right. What is still under way has no outcome. */
static struct unbounded *load_beyond_tolerance(struct cluster *c, const struct run_options *options,
                                               struct workload *w, struct nemesis *n)
{
    struct unbounded *u = unbounded_create(c);
    cluster_run(c, options->fault_phase_ns != 0 ? options->fault_phase_ns : 8 * SIM_SEC);
    unbounded_stop(u);
    if (n != NULL) nemesis_heal(n);
    cluster_run(c, 8 * SIM_SEC); /* those who can, answer */
    workload_stop(w);
    cluster_run(c, 8 * SIM_SEC);
    return u;
}

static bool check(struct cluster *c, struct workload *w, const struct run_options *options,
                  struct run_result *result)
{
    size_t count;
    if (cluster_violation(c) != NULL) return fail(result, cluster_violation(c));
    const struct operation *history = workload_history(w, &count);
    if (!ts_check(history, count, result->failure, sizeof result->failure)) return false;
    struct buf report;
    buf_init(&report, 1 << 16);
    enum check_result verdict = register_check(workload_seen(w), 0, &report);
    if (verdict == CHECK_INVALID)
        snprintf(result->failure, sizeof result->failure, "not linearizable: %.*s", (int)report.size,
                 (const char *)report.data);
    buf_deinit(&report);
    if (verdict == CHECK_INVALID) return false;
    if (options->unbounded) return true;
    for (int tries = 0; tries < 20; tries++) {
        if (cluster_replicas_equal(c)) return true;
        cluster_run(c, SIM_SEC);
    }
    return fail(result, "replicas differ after everything was healed");
}

static void count_all(struct cluster *c, struct workload *w, struct run_result *result)
{
    struct sim *sim = cluster_sim(c);
    size_t count;
    const struct operation *history = workload_history(w, &count);
    result->operations = count;
    result->committed = workload_committed(w);
    for (size_t i = 0; i < count; i++)
        if (history[i].outcome == OUTCOME_UNKNOWN) result->unknown++;
    for (int f = 0; f < SIM_FAULT_COUNT; f++) result->faults += sim_fault_hits(sim, (enum sim_fault)f);
    for (uint64_t i = 1; i <= cluster_size(c); i++) {
        const struct cluster_machine *m = cluster_machine(c, i);
        if (m->env == NULL || core_store(m->core) == NULL) continue;
        const struct store_metrics *metrics = store_metrics(core_store(m->core));
        result->reads_leased += metrics->reads_leased;
        result->reads_confirmed += metrics->reads_confirmed;
        result->raft_messages += metrics->raft_messages_out;
    }
    result->virtual_ns = sim_now(sim);
    result->events = sim_event_count(sim);
    uint64_t hash = sim_trace_hash(sim);
    for (uint64_t i = 1; i <= cluster_size(c); i++)
        hash = hash * 1099511628211u ^ sim_disk_hash(sim_disk(sim, i));
    result->hash = hash;
}

/* Old versions are only collected on disk, so the memtables have to get there now and then. */
struct flusher {
    struct cluster *cluster;
    bool enabled;
};

static void on_flush(void *ctx)
{
    struct flusher *f = ctx;
    struct sim *sim = cluster_sim(f->cluster);
    if (!f->enabled) return;
    cluster_flush(f->cluster, 1 + sim_below(sim, cluster_size(f->cluster)), (struct range_id){2});
    sim_call_after(sim, sim_exponential(sim, FLUSH_MEAN_NS), on_flush, f);
}

/* In two runs of three versions are kept for a moment only: transactions meet the end of their snapshots. */
static uint64_t retention_of(uint64_t seed)
{
    static const uint64_t choices[] = {20, 50, 100, 200, 500, 1000};
    return seed % 3 == 0 ? 0 : choices[seed / 3 % 6] * SIM_MS;
}

void run_once(const struct run_options *options, struct run_result *result, FILE *faults_out)
{
    *result = (struct run_result){0};
    struct cluster_options o;
    cluster_options_init(&o, options->seed);
    o.node_count = options->node_count != 0 ? options->node_count : 3 + (uint32_t)(options->seed % 3);
    o.trace = options->trace;
    if (options->no_leases) o.no_leases = true;
    o.version_retention_ns = retention_of(options->seed);
    o.verbose = options->verbose;
    nemesis_draw_sizes(&o);
    struct cluster *c = cluster_create(&o);
    if (!cluster_boot(c, BOOT_TIMEOUT_NS)) {
        fail(result, "the cluster did not form");
        result->hash = sim_trace_hash(cluster_sim(c));
        cluster_destroy(c);
        return;
    }
    struct workload_options wo = {.client_count = 4 + (uint32_t)sim_below(cluster_sim(c), 12),
                                  .key_count = 1 + (uint32_t)sim_below(cluster_sim(c), 8),
                                  .think_mean_ns = 10 * SIM_MS,
                                  .pause_mean_ns = o.version_retention_ns,
                                  .operation_max = 20000};
    struct flusher flusher = {.cluster = c, .enabled = o.version_retention_ns != 0};
    on_flush(&flusher);
    struct workload *w = workload_create(c, &wo);
    struct nemesis *n = options->no_faults ? NULL : nemesis_create(c, !options->no_crashes);
    struct unbounded *beyond = options->unbounded ? load_beyond_tolerance(c, options, w, n) : NULL;
    result->passed = (beyond != NULL || load_and_heal(c, options, w, n, result)) &&
                     check(c, w, options, result);
    count_all(c, w, result);
    if (faults_out != NULL) sim_faults_print(cluster_sim(c), faults_out);
    cluster_destroy(c);
    if (beyond != NULL) unbounded_destroy(beyond);
    if (n != NULL) nemesis_destroy(n); /* what it had put off until later is gone only now */
    workload_destroy(w);
}
