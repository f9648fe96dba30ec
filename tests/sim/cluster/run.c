#include "tests/sim/cluster/run.h"

#include "tests/sim/cluster/bounds.h"
#include "tests/sim/cluster/deaths.h"
#include "tests/sim/cluster/focus.h"
#include "tests/sim/cluster/meta_check.h"
#include "tests/sim/cluster/mix.h"
#include "tests/sim/cluster/nemesis.h"
#include "tests/sim/cluster/owners.h"
#include "tests/sim/cluster/range_nemesis.h"
#include "tests/sim/cluster/unbounded.h"

#define BOOT_TIMEOUT_NS (60 * SIM_SEC)
#define COLD_MEMORY_BYTES (64u << 10)
#define SERVERS_IDLE_NS (20 * SIM_SEC)
#define CONVERGE_TIMEOUT_NS (60 * SIM_SEC)
#define QUIET_TRIES 60 /* seconds: snapshots are sent, orphans find out that they are */
/* Who changes a table waits until what was promised of the catalog is over, and must not be too old then. */
#define CATALOG_WAIT_NS SIM_SEC
#define FLUSH_MEAN_NS (100 * SIM_MS)
#define FAULTS_NS (8 * SIM_SEC)
#define MOVES_NS  (12 * SIM_SEC) /* nodes that leave, come and are given up take their time */

static bool fail(struct run_result *result, const char *what)
{
    if (result->failure[0] == '\0') snprintf(result->failure, sizeof result->failure, "%s", what);
    return false;
}

/* Phase one: anything may fail. Phase two: everything works, and must converge. */
struct faults {
    struct nemesis *nemesis; /* NULL: none */
    struct focus *focus;
    struct range_nemesis *ranges; /* NULL: ranges stay as they are */
    struct deaths *deaths;        /* NULL: no message is aimed at */
};

static struct faults faults_begin(struct cluster *c, const struct run_options *options, enum focus_kind kind,
                                  const struct range_nemesis_options *on_purpose, bool aimed)
{
    struct sim *sim = cluster_sim(c);
    /* Faults that aim are undone by those that do not: half of the time they are alone. */
    bool alone = kind != FOCUS_NONE && sim_chance(sim, SIM_ALWAYS / 2);
    struct nemesis *n = options->no_faults || alone ? NULL : nemesis_create(c, !options->no_crashes);
    bool any = on_purpose->splits || on_purpose->moves;
    struct range_nemesis *ranges = any ? range_nemesis_create(c, n, on_purpose) : NULL;
    struct deaths *deaths = aimed ? deaths_create(c, n) : NULL;
    return (struct faults){.nemesis = n, .focus = focus_create(c, kind), .ranges = ranges, .deaths = deaths};
}

static void faults_heal(struct faults *f)
{
    focus_heal(f->focus);
    if (f->deaths != NULL) deaths_heal(f->deaths);
    if (f->nemesis != NULL) nemesis_heal(f->nemesis);
    if (f->ranges != NULL) range_nemesis_heal(f->ranges);
}

/* After the cluster: what they had put off until later is gone only then. */
static void faults_end(struct faults *f)
{
    if (f->nemesis != NULL) nemesis_destroy(f->nemesis);
    if (f->ranges != NULL) range_nemesis_destroy(f->ranges);
    if (f->deaths != NULL) deaths_destroy(f->deaths);
    focus_destroy(f->focus);
}

static bool load_and_heal(struct cluster *c, const struct run_options *options, struct faults *faults, struct mix *m,
                          struct run_result *result)
{
    struct sim *sim = cluster_sim(c);
    cluster_run(c, options->fault_phase_ns);
    faults_heal(faults);
    mix_calm(m);
    uint64_t before = mix_counts(m).committed;
    uint64_t end = sim_now(sim) + CONVERGE_TIMEOUT_NS;
    while (sim_now(sim) < end && mix_counts(m).committed < before + 50)
        cluster_run(c, 100 * SIM_MS);
    bool live = mix_counts(m).committed >= before + 50;
    mix_stop(m);
    while (sim_now(sim) < end && !mix_idle(m)) cluster_run(c, 100 * SIM_MS);
    /* Long enough for the last commit index to reach everybody. */
    if (live && mix_idle(m)) cluster_run(c, 3 * SIM_SEC);
    if (!live) return fail(result, "liveness: no progress after everything was healed");
    if (!mix_idle(m)) return fail(result, "liveness: an operation never ended");
    return true;
}

/* Nothing has to go on; whatever was answered has to be right. What is still under way has no outcome. */
static struct unbounded *load_beyond_tolerance(struct cluster *c, const struct run_options *options,
                                               struct faults *faults, struct mix *m)
{
    struct unbounded *u = unbounded_create(c);
    cluster_run(c, options->fault_phase_ns);
    unbounded_stop(u);
    faults_heal(faults);
    cluster_run(c, 8 * SIM_SEC); /* those who can, answer */
    mix_stop(m);
    cluster_run(c, 8 * SIM_SEC);
    return u;
}

static bool servers_idle(struct cluster *c, void *ctx)
{
    struct run_result *result = ctx;
    for (uint64_t i = 1; i <= cluster_size(c); i++) {
        const struct cluster_machine *m = cluster_machine(c, i);
        if (m->sql == NULL) continue;
        const struct sql_server_metrics *metrics = sql_server_metrics(m->sql);
        if (metrics->connections == 0 && metrics->connections_busy == 0) continue;
        snprintf(result->failure, sizeof result->failure,
                 "machine %llu keeps %llu sessions, %llu of them busy, without clients", (unsigned long long)i,
                 (unsigned long long)metrics->connections, (unsigned long long)metrics->connections_busy);
        return false;
    }
    return true;
}

static bool check(struct cluster *c, struct mix *m, const struct run_options *options, struct run_result *result)
{
    if (cluster_violation(c) != NULL) return fail(result, cluster_violation(c));
    if (!mix_check(m, result->failure, sizeof result->failure)) return false;
    if (!owners_check(cluster_owners(c), result->failure, sizeof result->failure)) return false;
    if (options->unbounded) return true;
    /* Clients are gone, and so are soon their sessions: a statement may still wait for what it asked. */
    if (!cluster_run_until(c, servers_idle, result, SERVERS_IDLE_NS)) return false;
    result->failure[0] = '\0';
    const char *mirror = NULL;
    for (int tries = 0; tries < QUIET_TRIES; tries++) {
        mirror = meta_check_quiet(c);
        if (mirror == NULL) mirror = meta_check_orphans(c);
        if (mirror == NULL && cluster_replicas_equal(c, tries + 1 == QUIET_TRIES ? stderr : NULL)) return true;
        cluster_run(c, SIM_SEC);
    }
    return fail(result, mirror != NULL ? mirror : "replicas differ after everything was healed");
}

static void count_all(struct cluster *c, const struct mix *m, struct run_result *result)
{
    struct sim *sim = cluster_sim(c);
    struct mix_counts counts = mix_counts(m);
    result->operations = counts.operations;
    result->committed = counts.committed;
    result->unknown = counts.unknown;
    result->disconnects = counts.disconnects;
    result->at_replica = counts.at_replica;
    for (int f = 0; f < SIM_FAULT_COUNT; f++) result->faults += sim_fault_hits(sim, (enum sim_fault)f);
    for (uint64_t i = 1; i <= cluster_size(c); i++) {
        const struct cluster_machine *machine = cluster_machine(c, i);
        if (machine->env == NULL || core_store(machine->core) == NULL) continue;
        const struct store_metrics *metrics = store_metrics(core_store(machine->core));
        result->reads_leased += metrics->reads_leased;
        result->reads_confirmed += metrics->reads_confirmed;
        result->raft_messages += metrics->raft_messages_out;
        result->conflicts += kv_metrics(core_kv(machine->core))->conflicts;
        result->two_phase += kv_metrics(core_kv(machine->core))->two_phase_commits;
        result->staged += kv_metrics(core_kv(machine->core))->staged_commits;
        result->recovered += kv_metrics(core_kv(machine->core))->recovered_commits;
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

/* Some runs keep hardly anything in memory: reads and validations wait for the disk. */
static bool runs_cold(const struct run_options *options, enum focus_kind kind)
{
    return kind == FOCUS_SLOW_LOG || (options->focus == NULL && options->seed % 5 == 2);
}

/* By a chance of its own: what else a run draws does not depend on it. Who asks for a workload, a focus or a number of
 * ranges gets what he asks for. Else some runs begin with several ranges, in a third ranges split, in half of those
 * they unite, and in a third they move. */
static struct range_nemesis_options draw_ranges(const struct run_options *options, struct bounds *b,
                                                struct cluster_options *o)
{
    struct prng prng;
    prng_init(&prng, options->seed ^ UINT64_C(0x72616e676573));
    bool drawn = options->range_count == 0 && options->workload == NULL && options->focus == NULL;
    uint32_t bounds = options->range_count != 0 ? options->range_count - 1 : 0;
    struct range_nemesis_options on_purpose = {.splits = options->splits, .moves = options->moves};
    if (drawn) {
        struct prng own;
        prng_init(&own, options->seed ^ UINT64_C(0x737761726d));
        if (prng_below(&own, 4) == 0) bounds = 1 + (uint32_t)prng_below(&own, 3);
        if (prng_below(&own, 3) == 0) on_purpose.splits = true;
        on_purpose.merges = on_purpose.splits && prng_below(&own, 2) == 0;
        if (prng_below(&own, 3) == 0) on_purpose.moves = true;
    }
    if (options->merges) on_purpose.merges = on_purpose.splits = true;
    bounds_draw(b, &prng, bounds, options->workload);
    o->split_keys = b->keys;
    o->split_count = b->count;
    return on_purpose;
}

/* Some machines join later, and in some runs who is away for some seconds is given up. */
static void draw_nodes(const struct run_options *options, struct cluster_options *o)
{
    struct prng prng;
    prng_init(&prng, options->seed ^ UINT64_C(0x6e6f646573));
    o->boot_count = o->node_count;
    o->node_count += (uint32_t)prng_below(&prng, 3);
    if (prng_below(&prng, 2) == 0) o->dead_after_ns = (3 + prng_below(&prng, 4)) * SIM_SEC;
}

/* What a run draws of the cluster itself. */
struct setup {
    struct cluster_options cluster;
    struct bounds bounds;
    struct range_nemesis_options on_purpose;
    struct mix_options mix;
    bool deaths;
    enum focus_kind focus;
};

static void draw_mix(const struct run_options *options, struct setup *x)
{
    bool faultless = options->no_faults && options->cut == SQL_CUT_NONE && options->cancel_ppm == 0;
    x->mix = (struct mix_options){.name = options->workload,
                                  .several_ranges = x->cluster.split_count > 0 || x->on_purpose.splits,
                                  .seed = options->seed,
                                  .keys_expire = options->seed / 4 % 3 == 0,
                                  .calm = faultless,
                                  .hot = options->hot || (x->focus != FOCUS_NONE && x->focus != FOCUS_LEADERS),
                                  .cut = options->cut,
                                  .cancel_ppm = options->cancel_ppm};
    /* Reads of the past meet what is prepared. */
    x->mix.pairs = x->mix.several_ranges && options->workload != NULL && strcmp(options->workload, "past") == 0;
    if (x->mix.keys_expire) x->cluster.idempotency_life_ns = 3 * SIM_SEC;
    uint64_t *retention_ns = &x->cluster.version_retention_ns;
    if (x->mix.several_ranges && *retention_ns != 0) *retention_ns += CATALOG_WAIT_NS;
    x->mix.pause_mean_ns = *retention_ns;
}

/* In a third of the runs with several ranges, unless something is asked for. */
static bool draw_deaths(const struct run_options *options, const struct setup *x)
{
    struct prng prng;
    prng_init(&prng, options->seed ^ UINT64_C(0x646561746873));
    bool drawn = options->range_count == 0 && options->workload == NULL && options->focus == NULL && !options->no_faults &&
                 !options->no_crashes;
    return options->deaths || (drawn && x->mix.several_ranges && prng_below(&prng, 3) == 0);
}

static bool draws_plain(uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed ^ UINT64_C(0x706c61696e));
    return prng_below(&prng, 3) == 0;
}

/* One seed of four, whatever else is drawn. */
static bool draws_spill(uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed ^ UINT64_C(0x7370696c6c));
    return prng_below(&prng, 4) == 0;
}

static void draw_all(const struct run_options *options, struct setup *x)
{
    struct cluster_options *o = &x->cluster;
    x->focus = options->no_faults ? FOCUS_NONE : focus_choose(options->seed, options->focus);
    cluster_options_init(o, options->seed);
    o->node_count = options->node_count != 0 ? options->node_count : 3 + (uint32_t)(options->seed % 3);
    o->trace = options->trace;
    if (options->no_leases || focus_breaks_clocks(x->focus)) o->no_leases = true;
    /* It trusts clocks as leases do. */
    if (options->clock == RUN_CLOCK_INTERVAL && !options->no_leases) o->no_leases = focus_breaks_clocks(x->focus);
    bool interval = options->clock == RUN_CLOCK_DRAWN ? options->seed / 8 % 2 == 1 : options->clock == RUN_CLOCK_INTERVAL;
    if (interval && !o->no_leases) o->clock_source = KV_CLOCK_INTERVAL;
    o->no_parallel_commit = options->parallel == RUN_PARALLEL_OFF || (options->parallel == RUN_PARALLEL_DRAWN && draws_plain(options->seed));
    o->spill_early = draws_spill(options->seed);
    o->version_retention_ns = retention_of(options->seed);
    o->verbose = options->verbose;
    nemesis_draw_sizes(o);
    if (runs_cold(options, x->focus)) {
        o->memory_bytes = COLD_MEMORY_BYTES;
        o->table_bytes = COLD_MEMORY_BYTES / 8;
    }
    x->on_purpose = draw_ranges(options, &x->bounds, o);
    if (x->on_purpose.moves) draw_nodes(options, o);
    draw_mix(options, x);
    x->deaths = draw_deaths(options, x);
}

static void count_orders(const struct range_nemesis *n, struct run_result *result)
{
    struct orders_counts orders = range_nemesis_orders(n);
    result->splits = range_nemesis_splits(n);
    result->merges = range_nemesis_merges(n);
    result->moves = orders.moves;
    result->states = orders.states;
    result->replaced = range_nemesis_replaced(n);
}

static void run(struct cluster *c, const struct setup *x, const struct run_options *options, struct run_result *result,
                FILE *faults_out)
{
    struct flusher flusher = {.cluster = c, .enabled = x->cluster.version_retention_ns != 0};
    on_flush(&flusher);
    struct mix *m;
    struct unbounded *beyond = NULL;
    struct faults faults = {0};
    if (!mix_create(c, &x->mix, &m)) {
        fail(result, "liveness: the tables could not be made");
    } else {
        faults = faults_begin(c, options, x->focus, &x->on_purpose, x->deaths);
        if (options->unbounded) beyond = load_beyond_tolerance(c, options, &faults, m);
        result->passed = (beyond != NULL || load_and_heal(c, options, &faults, m, result)) &&
                         check(c, m, options, result);
    }
    if (faults.ranges != NULL) count_orders(faults.ranges, result);
    if (faults.deaths != NULL) result->deaths = deaths_count(faults.deaths);
    count_all(c, m, result);
    if (faults_out != NULL) sim_faults_print(cluster_sim(c), faults_out);
    cluster_destroy(c);
    if (beyond != NULL) unbounded_destroy(beyond);
    if (faults.focus != NULL) faults_end(&faults);
    mix_destroy(m);
}

void run_once(const struct run_options *options, struct run_result *result, FILE *faults_out)
{
    *result = (struct run_result){0};
    struct setup x;
    draw_all(options, &x);
    struct run_options timed = *options;
    if (timed.fault_phase_ns == 0) timed.fault_phase_ns = x.on_purpose.moves ? MOVES_NS : FAULTS_NS;
    struct cluster *c = cluster_create(&x.cluster);
    if (cluster_boot(c, BOOT_TIMEOUT_NS)) {
        run(c, &x, &timed, result, faults_out);
        return;
    }
    fail(result, "the cluster did not form");
    result->hash = sim_trace_hash(cluster_sim(c));
    cluster_destroy(c);
}
