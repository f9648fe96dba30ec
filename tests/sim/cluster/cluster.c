#include "tests/sim/cluster/cluster.h"

#include <stdlib.h>

#include "base/assert.h"
#include "lsm/lsm.h"
#include "shard/meta.h"
#include "txn/range.h"
#include "tests/sim/cluster/splits.h"
#include "tests/sim/cluster/owners.h"

#define TERM_LEADERS_MAX 4096
#define WITNESSES_MAX 4096
#define RANGE_BUCKETS 1024
#define RANGES_WATCHED 64 /* for two leases at a time */

/* Who led a range in a term: election safety says there is one. */
struct term_leader {
    uint64_t range, term, replica;
    uint32_t next; /* + 1: an earlier one of the same bucket, by range */
};

/* What a machine's leadership of a range has answered so far. */
struct witness {
    uint64_t range, term, answered;
    uint32_t next;
};

struct cluster {
    struct cluster_options options;
    struct sim *sim;
    struct cluster_machine machines[CLUSTER_NODE_MAX + 1];
    char seeds[256];
    uint32_t ended_count;
    struct env *client_env;
    struct logger client_logger;
    struct term_leader leaders[TERM_LEADERS_MAX];
    uint32_t leader_count, leader_first[RANGE_BUCKETS];
    char violation[192]; /* the first one */
    struct witness witnesses[WITNESSES_MAX];
    uint32_t witness_count, witness_first[RANGE_BUCKETS];
    struct owners *owners; /* who served what */
    uint64_t clock_low;    /* the highest lower bound of the clock that any machine has had */
};

void cluster_options_init(struct cluster_options *o, uint64_t seed)
{
    *o = (struct cluster_options){
        .seed = seed,
        .node_count = 3,
        .heartbeat_ns = 50 * SIM_MS,
        .no_leases = seed % 4 == 3, /* and then any clock fault */
        .turn_rounds_max = seed % 8 < 4 ? 1 : 0, /* with one, other nodes may come between any two steps */
        .election_timeout_ns = 300 * SIM_MS,
        .memory_bytes = 8u << 20,
        .wal_segment_bytes = 1u << 20,
        .table_bytes = 256u << 10,
        .log_bytes_max = 512u << 10,
    };
    sim_options_init(&o->sim, seed);
}

enum kv_clock_source cluster_clock_source(const struct cluster *c)
{
    return c->options.clock_source;
}

void cluster_set_versions(struct cluster *c, uint64_t number, uint16_t min, uint16_t max)
{
    ASSERT(number >= 1 && number <= c->options.node_count && min <= max);
    c->options.version_min[number] = min;
    c->options.version_max[number] = max;
}

static enum kv_clock_source source_of(const struct cluster *c, uint64_t number)
{
    enum kv_clock_source common = c->options.clock_source;
    if (number != c->options.odd_clock) return common;
    return common == KV_CLOCK_INTERVAL ? KV_CLOCK_ORACLE : KV_CLOCK_INTERVAL;
}

bool cluster_leases(const struct cluster *c)
{
    return !c->options.no_leases;
}

bool cluster_interval_is_wanted(void)
{
    const char *wanted = getenv("OSTRAKA_CLOCK");
    return wanted != NULL && strcmp(wanted, "interval") == 0;
}

struct cluster *cluster_create(const struct cluster_options *options)
{
    ASSERT(options->node_count >= 1 && options->node_count <= CLUSTER_NODE_MAX);
    struct cluster *c = calloc(1, sizeof *c);
    ASSERT(c != NULL);
    c->options = *options;
    c->options.sim.seed = options->seed;
    c->options.sim.trace = options->trace;
    bool by_test = options->no_leases || options->odd_clock != 0; /* it depends on the clock */
    if (cluster_interval_is_wanted() && !by_test) c->options.clock_source = KV_CLOCK_INTERVAL;
    c->sim = sim_create(&c->options.sim);
    c->owners = owners_create();
    int at = 0;
    for (uint32_t i = 1; i <= options->node_count; i++) {
        c->machines[i].cluster = c;
        c->machines[i].number = i;
        at += snprintf(c->seeds + at, sizeof c->seeds - (size_t)at, "%s10.0.0.%u:%u", i > 1 ? "," : "",
                       i, CLUSTER_PEER_PORT);
    }
    return c;
}

/* ---- processes ---- */

static void on_turn(void *ctx)
{
    struct cluster_machine *m = ctx;
    uint64_t wake_ns = core_step(m->core);
    if (!m->attached && core_store(m->core) != NULL) {
        enum status status =
            sql_server_attach(m->sql, core_kv(m->core), core_fibers(m->core), core_timers(m->core));
        ASSERT(status == STATUS_OK);
        m->attached = true;
    }
    if (m->env != NULL) sim_env_set_deadline(m->env, wake_ns);
}

static void on_end(void *ctx, int exit_status, const char *why)
{
    struct cluster_machine *m = ctx;
    (void)exit_status;
    m->ended = true;
    snprintf(m->why, sizeof m->why, "%s", why);
    sim_trace(m->cluster->sim, "machine %llu ended: %s", (unsigned long long)m->number, why);
}

static void log_to_stderr(void *ctx, const char *line, int size)
{
    struct cluster_machine *m = ctx;
    fprintf(stderr, "%12.6f m%llu %.*s", (double)sim_now(m->cluster->sim) / 1e9,
            (unsigned long long)m->number, size, line);
}

void cluster_start(struct cluster *c, uint64_t number)
{
    struct cluster_machine *m = cluster_machine(c, number);
    ASSERT(m->env == NULL);
    if (c->options.verbose)
        m->logger = (struct logger){.level = LOG_LEVEL_INFO, .write = log_to_stderr, .ctx = m};
    else
        sim_logger_init(c->sim, number, &m->logger);
    sim_env_create(c->sim, number, &m->logger, &m->env);
    m->ended = m->attached = false;
    m->starts++;
    struct sql_server_options sql = {.env = m->env, .logger = &m->logger, .log_slow_ms = -1,
                                     .listen = sim_addr(number, CLUSTER_SQL_PORT),
                                     .idempotency_life_ns = c->options.idempotency_life_ns};
    enum status status = sql_server_create(&sql, &m->sql);
    ASSERT(status == STATUS_OK);
    struct core_options o = {
        .env = m->env,
        .logger = &m->logger,
        .seed = sim_random(c->sim),
        .listen = sim_addr(number, CLUSTER_PEER_PORT),
        .join = c->seeds,
        .memory_bytes = c->options.memory_bytes,
        .table_bytes = c->options.table_bytes,
        .wal_segment_bytes = c->options.wal_segment_bytes,
        .wal_sync_mode = WAL_SYNC_FDATASYNC,
        .heartbeat_ns = c->options.heartbeat_ns,
        .support_ns = c->options.support_ns,
        .no_leases = c->options.no_leases,
        .clock_source = source_of(c, m->number),
        .version_min = c->options.version_min[number],
        .version_max = c->options.version_max[number],
        .election_timeout_ns = c->options.election_timeout_ns,
        .log_bytes_max = c->options.log_bytes_max,
        .log_cache_bytes = c->options.log_cache_bytes,
        .replication_factor = c->options.replication_factor,
        .turn_rounds_max = c->options.turn_rounds_max,
        .dead_after_ns = c->options.dead_after_ns,
        .version_retention_ns = c->options.version_retention_ns,
        .fiber_count_max = 512,
        .on_end = on_end,
        .ctx = m,
    };
    snprintf(o.sql_address, sizeof o.sql_address, "10.0.0.%llu:%u", (unsigned long long)number,
             CLUSTER_SQL_PORT);
    if (c->options.localities != NULL)
        snprintf(o.locality, sizeof o.locality, "%s", c->options.localities[number - 1]);
    status = core_create(&o, &m->core);
    ASSERT(status == STATUS_OK);
    kv_set_witness(core_kv(m->core), owners_witness(c->owners));
    kv_set_parallel_commit(core_kv(m->core), !c->options.no_parallel_commit);
    if (c->options.spill_early) kv_set_spill(core_kv(m->core), &(struct kv_spill){.kept_bytes = 0, .value_bytes = 1, .buffer_bytes = 24});
    sim_env_on_turn(m->env, on_turn, m);
    sim_env_set_deadline(m->env, env_now_ns(m->env));
}

/* The environment is down: ends the core through its own error paths. */
static void tear_down(struct cluster_machine *m)
{
    sql_server_stop(m->sql);
    core_abandon(m->core);
    for (int round = 0; round < 8; round++) {
        sim_env_drain(m->env);
        fiber_run_ready(core_fibers(m->core));
    }
    sql_server_destroy(m->sql);
    core_destroy(m->core);
    sim_env_drain(m->env); /* files that were closed last */
    m->core = NULL;
    m->sql = NULL;
    env_destroy(m->env);
    m->env = NULL;
    m->ended = false;
}

void cluster_crash(struct cluster *c, uint64_t number, enum sim_crash kind)
{
    struct cluster_machine *m = cluster_machine(c, number);
    if (m->env == NULL) return;
    sim_node_crash(c->sim, number, kind);
    tear_down(m);
}

bool cluster_up(const struct cluster *c, uint64_t number)
{
    return c->machines[number].env != NULL && !c->machines[number].ended;
}

uint32_t cluster_ended(const struct cluster *c)
{
    return c->ended_count;
}

void cluster_destroy(struct cluster *c)
{
    for (uint64_t i = 1; i <= c->options.node_count; i++) cluster_crash(c, i, SIM_CRASH_PROCESS);
    if (c->client_env != NULL) {
        sim_env_drain(c->client_env);
        env_destroy(c->client_env);
    }
    sim_destroy(c->sim);
    owners_destroy(c->owners);
    free(c);
}

struct owners *cluster_owners(struct cluster *c)
{
    return c->owners;
}

struct sim *cluster_sim(struct cluster *c)
{
    return c->sim;
}

uint32_t cluster_size(const struct cluster *c)
{
    return c->options.node_count;
}

struct cluster_machine *cluster_machine(struct cluster *c, uint64_t number)
{
    ASSERT(number >= 1 && number <= c->options.node_count);
    return &c->machines[number];
}

struct env *cluster_client_env(struct cluster *c)
{
    if (c->client_env != NULL) return c->client_env;
    sim_logger_init(c->sim, CLUSTER_CLIENT_HOST, &c->client_logger);
    sim_env_create(c->sim, CLUSTER_CLIENT_HOST, &c->client_logger, &c->client_env);
    return c->client_env;
}

/* ---- running ---- */

static void reap(struct cluster *c)
{
    for (uint64_t i = 1; i <= c->options.node_count; i++) {
        struct cluster_machine *m = &c->machines[i];
        if (m->env == NULL || !m->ended) continue;
        c->ended_count++;
        sim_node_crash(c->sim, i, SIM_CRASH_PROCESS);
        tear_down(m);
    }
}

bool cluster_run_until(struct cluster *c, bool (*holds)(struct cluster *c, void *ctx), void *ctx,
                       uint64_t timeout_ns)
{
    uint64_t end = sim_now(c->sim) + timeout_ns;
    while (sim_now(c->sim) < end) {
        if (holds != NULL && holds(c, ctx)) return true;
        uint64_t slice = end - sim_now(c->sim) < 5 * SIM_MS ? end - sim_now(c->sim) : 5 * SIM_MS;
        sim_run_for(c->sim, slice);
        cluster_check(c);
        reap(c);
    }
    return holds != NULL && holds(c, ctx);
}

void cluster_run(struct cluster *c, uint64_t duration_ns)
{
    if (cluster_run_until(c, NULL, NULL, duration_ns)) UNREACHABLE();
}

static struct replica *replica_on(struct cluster *c, uint64_t number, struct range_id range)
{
    struct cluster_machine *m = &c->machines[number];
    if (m->env == NULL || m->ended || core_store(m->core) == NULL) return NULL;
    return store_replica(core_store(m->core), range);
}

void cluster_flush(struct cluster *c, uint64_t number, struct range_id range)
{
    struct replica *r = replica_on(c, number, range);
    if (r == NULL || !lsm_range_exists(store_lsm(replica_store(r)), range)) return;
    lsm_range_flush(store_lsm(replica_store(r)), range);
    sim_env_set_deadline(c->machines[number].env, env_now_ns(c->machines[number].env));
}

uint64_t cluster_leader(struct cluster *c, struct range_id range)
{
    uint64_t found = 0, found_term = 0;
    for (uint64_t i = 1; i <= c->options.node_count; i++) {
        struct replica *r = replica_on(c, i, range);
        if (r == NULL || !replica_serving(r)) continue;
        struct raft_status status;
        replica_raft_status(r, &status);
        if (status.term < found_term) continue;
        found = i;
        found_term = status.term;
    }
    return found;
}

/* Some machine has a replica of it. */
static bool range_is_there(struct cluster *c, uint64_t id)
{
    for (uint64_t i = 1; i <= c->options.node_count; i++)
        if (replica_on(c, i, (struct range_id){id}) != NULL) return true;
    return false;
}

bool cluster_settled(struct cluster *c, uint32_t voters)
{
    uint64_t max = cluster_range_max(c), founded = RANGE_DATA.value + c->options.split_count;
    if (max < founded) max = founded;
    for (uint64_t id = 1; id <= max; id++) {
        if (id > founded && !range_is_there(c, id)) continue; /* a number that was never used */
        uint64_t leader = cluster_leader(c, (struct range_id){id});
        if (leader == 0) return false;
        const struct descriptor *d = replica_descriptor(replica_on(c, leader, (struct range_id){id}));
        if (d->config.voter_count != voters || d->config.outgoing_count + d->config.learner_count != 0)
            return false;
    }
    return true;
}

static bool store_open_on_1(struct cluster *c, void *ctx)
{
    (void)ctx;
    struct cluster_machine *m = &c->machines[1];
    return m->env != NULL && core_store(m->core) != NULL;
}

static uint32_t boot_count(const struct cluster *c)
{
    return c->options.boot_count != 0 ? c->options.boot_count : c->options.node_count;
}

static bool settled_all(struct cluster *c, void *ctx)
{
    (void)ctx;
    uint32_t voters = c->options.replication_factor != 0 ? c->options.replication_factor : 3;
    return cluster_settled(c, boot_count(c) < voters ? boot_count(c) : voters);
}

static void on_initialized(void *ctx, enum status status)
{
    struct cluster *c = ctx;
    sim_trace(c->sim, "cluster created: %s", status_name(status));
}

bool cluster_boot(struct cluster *c, uint64_t timeout_ns)
{
    for (uint64_t i = 1; i <= boot_count(c); i++) cluster_start(c, i);
    uint64_t end = sim_now(c->sim) + timeout_ns;
    if (!cluster_run_until(c, store_open_on_1, NULL, timeout_ns)) return false;
    store_init_cluster(core_store(c->machines[1].core), c->options.split_keys, c->options.split_count, on_initialized, c);
    sim_env_set_deadline(c->machines[1].env, env_now_ns(c->machines[1].env));
    return cluster_run_until(c, settled_all, NULL, end - sim_now(c->sim));
}

/* ---- checks ---- */

static void note_leader(struct cluster *c, const struct replica *r)
{
    struct raft_status status;
    replica_raft_status(r, &status);
    if (status.role != RAFT_ROLE_LEADER) return;
    uint64_t range = replica_range(r).value;
    uint32_t *first = &c->leader_first[range % RANGE_BUCKETS];
    for (uint32_t i = *first; i != 0; i = c->leaders[i - 1].next) {
        struct term_leader *t = &c->leaders[i - 1];
        if (t->range != range || t->term != status.term) continue;
        if (t->replica != status.id) {
            fprintf(stderr, "election safety: range %llu term %llu has leaders %llu and %llu\n",
                    (unsigned long long)range, (unsigned long long)status.term,
                    (unsigned long long)t->replica, (unsigned long long)status.id);
            abort();
        }
        return;
    }
    if (c->leader_count == TERM_LEADERS_MAX) return;
    c->leaders[c->leader_count++] = (struct term_leader){range, status.term, status.id, *first};
    *first = c->leader_count;
}

/* No two machines may believe at one instant, each by its own clock, that nobody else leads a range. */
static void note_lease(struct cluster *c, const struct replica *r, uint64_t machine, uint64_t *holders)
{
    uint64_t range = replica_range(r).value;
    if (range >= RANGES_WATCHED || !replica_leased(r)) return;
    if (holders[range] != 0 && c->violation[0] == '\0')
        snprintf(c->violation, sizeof c->violation, "two leases: range %llu on machines %llu and %llu at %.6f",
                 (unsigned long long)range, (unsigned long long)holders[range], (unsigned long long)machine,
                 (double)sim_now(c->sim) / 1e9);
    holders[range] = machine;
}

const char *cluster_violation(const struct cluster *c)
{
    return c->violation[0] == '\0' ? NULL : c->violation;
}

/* A3: a leader begins with a floor that is above every read which the leaders before it have answered. */
static void check_floor(struct cluster *c, const struct replica *r)
{
    const struct range *g = replica_app(r);
    uint64_t range = replica_range(r).value;
    if (range == RANGE_META.value || g == NULL || !g->ready) return;
    struct witness *own = NULL;
    uint32_t *first = &c->witness_first[range % RANGE_BUCKETS];
    for (uint32_t i = *first; i != 0; i = c->witnesses[i - 1].next) {
        struct witness *w = &c->witnesses[i - 1];
        if (w->range != range) continue;
        if (w->term == g->term) own = w;
        if (w->term >= g->term || w->answered <= g->first_floor) continue;
        if (c->violation[0] != '\0') continue;
        snprintf(c->violation, sizeof c->violation,
                 "range %llu: term %llu began with floor %llu, term %llu had answered a read at %llu",
                 (unsigned long long)range, (unsigned long long)g->term, (unsigned long long)g->first_floor,
                 (unsigned long long)w->term, (unsigned long long)w->answered);
    }
    if (own == NULL && c->witness_count < WITNESSES_MAX) {
        own = &c->witnesses[c->witness_count++];
        *own = (struct witness){.range = range, .term = g->term, .next = *first};
        *first = c->witness_count;
    }
    if (own != NULL && g->answered > own->answered) own->answered = g->answered;
}

/* What the clock shows; 0: nobody leads for certain. */
static uint64_t master_shows(struct cluster *c)
{
    for (uint64_t i = 1; i <= c->options.node_count; i++) {
        struct cluster_machine *m = &c->machines[i];
        if (m->env == NULL || m->ended || core_store(m->core) == NULL || !m->attached) continue;
        const struct clock_master *master = &core_kv(m->core)->clock.master;
        const struct replica *r = store_replica(core_store(m->core), RANGE_META);
        if (r == NULL || !replica_leased(r) || !master->ready || master->term != replica_term(r)) continue;
        uint64_t shown = master->base + (env_now_ns(m->env) - master->base_ns);
        /* Above, nobody is told, and the next master may begin below. */
        if (shown + CLOCK_ISSUED_AHEAD_NS < store_clock_limit(core_store(m->core))) return shown;
    }
    return 0;
}

/* I1, I2: there is one clock that lies between the bounds of every machine, at any instant, and it never goes back. */
static void check_clock(struct cluster *c)
{
    uint64_t lows[CLUSTER_NODE_MAX + 1] = {0}, highs[CLUSTER_NODE_MAX + 1] = {0};
    if (c->options.clock_source != KV_CLOCK_INTERVAL) return;
    for (uint64_t i = 1; i <= c->options.node_count; i++) {
        struct cluster_machine *m = &c->machines[i];
        if (m->env == NULL || m->ended || core_store(m->core) == NULL || !m->attached) continue;
        if (kv_metrics(core_kv(m->core))->clock_contradictions > 0 && c->violation[0] == '\0')
            snprintf(c->violation, sizeof c->violation, "machine %llu found a clock wrong, and none is, at %.6f", (unsigned long long)i,
                     (double)sim_now(c->sim) / 1e9);
        if (!clock_interval_at(&core_kv(m->core)->clock, &lows[i], &highs[i])) continue;
        if (lows[i] > c->clock_low) c->clock_low = lows[i];
    }
    uint64_t shown = master_shows(c);
    if (shown != 0 && shown < c->clock_low && c->violation[0] == '\0')
        snprintf(c->violation, sizeof c->violation, "the clock shows %llu, and was taken to be at %llu, at %.6f", (unsigned long long)shown,
                 (unsigned long long)c->clock_low, (double)sim_now(c->sim) / 1e9);
    if (shown > c->clock_low) c->clock_low = shown;
    for (uint64_t i = 1; i <= c->options.node_count; i++) {
        if (highs[i] == 0 || highs[i] > c->clock_low || c->violation[0] != '\0') continue;
        snprintf(c->violation, sizeof c->violation, "machine %llu takes the clock to be before %llu, another had it at %llu, at %.6f",
                 (unsigned long long)i, (unsigned long long)highs[i], (unsigned long long)c->clock_low,
                 (double)sim_now(c->sim) / 1e9);
    }
}

void cluster_check(struct cluster *c)
{
    uint64_t holders[RANGES_WATCHED] = {0};
    for (uint64_t i = 1; i <= c->options.node_count; i++) {
        struct cluster_machine *m = &c->machines[i];
        if (m->env == NULL || m->ended || core_store(m->core) == NULL) continue;
        struct replica *r = NULL;
        while ((r = store_replica_next(core_store(m->core), r)) != NULL) {
            note_leader(c, r);
            note_lease(c, r, i, holders);
            check_floor(c, r);
            owners_see(c->owners, replica_descriptor(r));
        }
    }
    check_clock(c);
}

struct hash_wait {
    struct lsm_waiter waiter;
    bool ready;
};

static void on_hash_ready(struct lsm_waiter *w)
{
    CONTAINER_OF(w, struct hash_wait, waiter)->ready = true;
}

/* Versions that only reads below it could see may be gone. */
static uint64_t safe_point_of(struct replica *r)
{
    struct lsm_range_stats stats;
    enum status status = lsm_range_stats(store_lsm(replica_store(r)), replica_range(r), &stats);
    ASSERT(status == STATUS_OK);
    return stats.gc_ts;
}

/* False: reading it found damage, for which it will be fenced. */
static bool replica_hash(struct cluster *c, struct replica *r, uint64_t *hash_out)
{
    struct lsm_hash *h;
    enum status status = lsm_hash_open(store_lsm(replica_store(r)), replica_range(r), &h);
    if (status == STATUS_CORRUPT) return false;
    ASSERT(status == STATUS_OK);
    struct hash_wait w = {0};
    lsm_waiter_init(&w.waiter, on_hash_ready);
    uint64_t hash = 0;
    while ((status = lsm_hash_step(h, &w.waiter, &hash)) == STATUS_WAIT) {
        w.ready = false;
        for (int i = 0; i < 100000 && !w.ready; i++)
            if (!sim_step(c->sim)) break;
    }
    lsm_hash_close(h);
    if (status == STATUS_CORRUPT) return false;
    ASSERT(status == STATUS_OK);
    *hash_out = hash;
    return true;
}

/* What one replica holds, compared with the first of its range that was looked at. */
struct likeness {
    uint64_t range, first, hash, applied, safe;
};

static bool is_alike(struct cluster *c, uint64_t machine, struct replica *r, struct likeness *like, FILE *out)
{
    uint64_t hash, range = like->range;
    const char *why = replica_fenced(r) ? "fenced" : NULL;
    if (why == NULL && replica_descriptor(r)->epoch == 0) return true;
    if (why == NULL && !replica_hash(c, r, &hash)) why = "damaged";
    if (why != NULL) {
        if (out != NULL)
            fprintf(out, "range %llu machine %llu is %s\n", (unsigned long long)range, (unsigned long long)machine, why);
        return false;
    }
    struct raft_status status;
    replica_raft_status(r, &status);
    uint64_t safe = safe_point_of(r);
    if (like->first == 0) {
        *like = (struct likeness){range, machine, hash, status.applied_index, safe};
        return true;
    }
    if (hash == like->hash && status.applied_index == like->applied && safe == like->safe) return true;
    if (out == NULL) return false;
    fprintf(out,
            "replicas differ: range %llu machine %llu applied %llu safe point %llu hash %016llx, machine %llu "
            "applied %llu safe point %llu hash %016llx\n",
            (unsigned long long)range, (unsigned long long)like->first,
            (unsigned long long)like->applied, (unsigned long long)like->safe,
            (unsigned long long)like->hash, (unsigned long long)machine,
            (unsigned long long)status.applied_index, (unsigned long long)safe,
            (unsigned long long)hash);
    return false;
}

/* A replica that was taken out of its range may lag behind for ever. */
static bool is_member(struct cluster *c, const struct replica *r)
{
    uint64_t leader = cluster_leader(c, replica_range(r));
    if (leader == 0) return true;
    const struct descriptor *d = replica_descriptor(replica_on(c, leader, replica_range(r)));
    struct raft_status status;
    replica_raft_status(r, &status);
    return raft_config_has(&d->config, status.id);
}

bool cluster_replicas_equal(struct cluster *c, FILE *why)
{
    bool equal = true;
    uint64_t max = cluster_range_max(c);
    for (uint64_t id = 1; id <= max; id++) {
        struct likeness like = {.range = id};
        for (uint64_t i = 1; i <= c->options.node_count; i++) {
            struct replica *r = replica_on(c, i, (struct range_id){id});
            if (r != NULL && is_member(c, r)) equal = is_alike(c, i, r, &like, why) && equal;
        }
    }
    return equal;
}

bool cluster_await_equal(struct cluster *c, uint32_t tries, uint64_t pause_ns)
{
    for (uint32_t i = 1; i <= tries; i++) {
        if (cluster_replicas_equal(c, i == tries ? stderr : NULL)) return true;
        cluster_run(c, pause_ns);
    }
    return false;
}

/* ---- settings ---- */

static void on_set(struct rpc_call *call, enum status status, struct bytes body)
{
    (void)body;
    *(enum status *)call->ctx = status;
}

void cluster_set(struct cluster *c, enum cluster_setting setting, uint64_t value)
{
    enum status status = STATUS_WAIT;
    struct rpc_call call = {.on_done = on_set, .ctx = &status};
    struct cluster_machine *m = cluster_machine(c, cluster_leader(c, RANGE_META));
    struct store *s = core_store(m->core);
    struct buf body;
    buf_init(&body, 100);
    put_u8(&body, META_SETTING_PUT);
    put_u16(&body, (uint16_t)setting);
    put_sized(&body, BYTES_EMPTY);
    put_u64(&body, value);
    enum status sent = rpc_start(store_rpc(s), &call, store_identity(s)->node, RPC_META_CHANGE, buf_view(&body), 5 * SIM_SEC);
    ASSERT(sent == STATUS_OK);
    buf_deinit(&body);
    sim_env_set_deadline(m->env, env_now_ns(m->env));
    for (int i = 0; i < 100 && status == STATUS_WAIT; i++) cluster_run(c, 50 * SIM_MS);
    ASSERT(status == STATUS_OK);
}
