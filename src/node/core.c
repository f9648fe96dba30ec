#include "node/core.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

#define FIBER_STACK_BYTES (2u << 20) /* the deepest statement binds and evaluates 1,000 levels; touched lazily */
#define TURN_LONG_NS 5000000u
#define TURN_ROUNDS_MAX 1000
#define TURN_WORK_NS 500000u /* then what there is for peers, disk and clients goes out before more is done */
#define STOP_GRACE_NS 2000000000u

enum exit_status { EXIT_ERROR = 1 };

struct core {
    struct core_options options;
    struct env *env;
    struct timer_heap timers;
    struct fiber_pool *fibers;
    struct net *net;
    struct kv *kv;
    struct store *store;
    struct store *refused;      /* one that could not be opened, until it can be closed */
    uint16_t peer_port;
    bool opening, joined, ended, stopping, abandoned;
    uint64_t stop_ns;
    struct core_metrics metrics;
};

static void core_end(struct core *c, int exit_status, const char *why)
{
    if (c->ended) return;
    c->ended = true;
    c->options.on_end(c->options.ctx, exit_status, why);
}

/* ---- network events, for the store ---- */

static void on_message(void *ctx, struct node_id from, enum net_link link, uint16_t type,
                       uint16_t from_store, uint16_t to_store, struct bytes payload)
{
    struct core *c = ctx;
    (void)link;
    (void)from_store;
    if (c->store != NULL && to_store == 1) store_on_message(c->store, from, type, payload);
}

static void on_guest_message(void *ctx, struct net_guest *guest, uint16_t type, struct bytes payload)
{
    struct core *c = ctx;
    if (c->store != NULL) store_on_guest_message(c->store, guest, type, payload);
}

static void on_guest_closed(void *ctx, struct net_guest *guest)
{
    struct core *c = ctx;
    if (c->store != NULL) store_on_guest_closed(c->store, guest);
}

static void on_link(void *ctx, struct node_id peer, enum net_link link, bool up)
{
    struct core *c = ctx;
    if (c->store != NULL) store_on_link(c->store, peer, link, up);
}

static void on_peer_seen(void *ctx, const struct net_identity *peer)
{
    struct core *c = ctx;
    if (c->store != NULL) store_on_peer_seen(c->store, peer);
}

static void on_refused(void *ctx, struct node_id peer, enum net_refusal refusal)
{
    struct core *c = ctx;
    LOG_ERROR(c->options.logger, "node", "refused by a peer", "peer=%llu reason=\"%s\"",
              (unsigned long long)peer.value, net_refusal_text(refusal));
    if (refusal != NET_REFUSAL_INCARNATION && refusal != NET_REFUSAL_REMOVED) return;
    char why[512];
    store_explain_refusal(c->store, refusal, why, sizeof why); /* whoever dials has a store */
    core_end(c, EXIT_ERROR, why);
}

static enum net_refusal admit(void *ctx, const struct net_identity *peer)
{
    struct core *c = ctx;
    if (c->store == NULL) return NET_REFUSAL_NOT_READY;
    return store_admit(c->store, peer);
}

static const struct net_handler net_events = {
    .on_message = on_message,
    .on_guest_message = on_guest_message,
    .on_guest_closed = on_guest_closed,
    .on_link = on_link,
    .on_peer_seen = on_peer_seen,
    .on_refused = on_refused,
    .admit = admit,
};

/* ---- start ---- */

static void on_store_failed(void *ctx, enum status status, const char *what)
{
    (void)status;
    core_end(ctx, EXIT_ERROR, what);
}

static void on_identity(void *ctx)
{
    struct core *c = ctx;
    if (c->store == NULL || c->joined) return; /* store_attach_net tells again */
    c->joined = true;
    net_set_identity(c->net, store_identity(c->store));
    if (c->options.on_joined != NULL) c->options.on_joined(c->options.ctx);
}

static struct store_options store_options_of(struct core *c)
{
    const struct core_options *o = &c->options;
    uint64_t memory = o->memory_bytes != 0 ? o->memory_bytes : 256u << 20;
    struct store_options s = {
        .env = c->env,
        .timers = &c->timers,
        .fibers = c->fibers,
        .logger = o->logger,
        .directory = "store1",
        .store_id = 1,
        .seed = o->seed,
        .app = kv_app(c->kv),
        .memtable_bytes = memory / 2,
        .cache_bytes = memory / 4,
        .table_bytes = o->table_bytes,
        .wal_segment_bytes = o->wal_segment_bytes,
        .wal_sync_mode = o->wal_sync_mode,
        .heartbeat_ns = o->heartbeat_ns,
        .election_timeout_ns = o->election_timeout_ns,
        .support_ns = o->support_ns,
        .no_leases = o->no_leases,
        .replication_factor = o->replication_factor,
        .log_bytes_max = o->log_bytes_max,
        .log_cache_bytes = o->log_cache_bytes,
        .dead_after_ns = o->dead_after_ns,
        .on_failed = on_store_failed,
        .on_identity = on_identity,
        .ctx = c,
    };
    snprintf(s.peer_address, sizeof s.peer_address, "%s", o->advertise);
    snprintf(s.sql_address, sizeof s.sql_address, "%s", o->sql_address);
    snprintf(s.http_address, sizeof s.http_address, "%s", o->http_address);
    snprintf(s.locality, sizeof s.locality, "%s", o->locality);
    return s;
}

static void open_run(void *arg)
{
    struct core *c = arg;
    struct store_options options = store_options_of(c);
    const char *why = "";
    struct store *store = NULL;
    enum status status = store_open(&options, &store, &why);
    c->opening = false;
    if (status != STATUS_OK) {
        c->refused = store;
        if (status != STATUS_CANCELLED) core_end(c, EXIT_ERROR, why);
        return;
    }
    c->store = store;
    if (c->abandoned) return;
    if (c->options.version_retention_ns != 0)
        kv_set_version_retention(c->kv, c->options.version_retention_ns);
    kv_set_clock_source(c->kv, c->options.clock_source);
    kv_attach(c->kv, store);
    if (c->options.no_quorum_timeout_ns != 0)
        kv_set_no_quorum_timeout(c->kv, c->options.no_quorum_timeout_ns);
    store_attach_net(store, c->net);
    if (c->options.join != NULL && store_join(store, c->options.join) != STATUS_OK)
        core_end(c, EXIT_ERROR, "the list of nodes to join is too long");
}

static enum status core_init(struct core *c)
{
    timer_heap_init(&c->timers);
    histogram_init(&c->metrics.turn_ns);
    size_t fibers = c->options.fiber_count_max != 0 ? c->options.fiber_count_max : 4096;
    c->fibers = fiber_pool_create(FIBER_STACK_BYTES, fibers);
    if (c->fibers == NULL) return STATUS_NO_MEMORY;
    enum status status = kv_create(&c->kv);
    if (status != STATUS_OK) return status;
    struct net_options net = {.env = c->env, .timers = &c->timers, .logger = c->options.logger,
                              .version_min = c->options.version_min, .version_max = c->options.version_max,
                              .handler = &net_events, .ctx = c};
    status = net_create(&net, &c->net);
    if (status != STATUS_OK) return status;
    status = net_listen(c->net, &c->options.listen, &c->peer_port);
    if (status != STATUS_OK) return status;
    if (c->options.advertise[0] == '\0') {
        struct env_addr addr = c->options.listen;
        addr.port = c->peer_port;
        char text[ENV_ADDR_TEXT_MAX];
        env_addr_format(&addr, text);
        snprintf(c->options.advertise, sizeof c->options.advertise, "%s", text);
    }
    c->opening = true;
    status = fiber_spawn(c->fibers, open_run, c, NULL);
    if (status != STATUS_OK) c->opening = false;
    return status;
}

enum status core_create(const struct core_options *options, struct core **core_out)
{
    ASSERT(options->env != NULL && options->on_end != NULL);
    struct core *c = calloc(1, sizeof *c);
    if (c == NULL) return STATUS_NO_MEMORY;
    c->options = *options;
    c->env = options->env;
    enum status status = core_init(c);
    if (status != STATUS_OK) {
        /* Nothing of the environment is in use yet but the listener. */
        if (c->net != NULL) net_destroy(c->net);
        if (c->kv != NULL) kv_destroy(c->kv);
        if (c->fibers != NULL) fiber_pool_destroy(c->fibers);
        timer_heap_deinit(&c->timers);
        free(c);
        return status;
    }
    *core_out = c;
    return STATUS_OK;
}

/* ---- the turn ---- */

/* True: another round would find work. */
static bool core_round(struct core *c, uint64_t now_ns)
{
    timer_heap_fire(&c->timers, now_ns);
    bool more = fiber_run_ready(c->fibers);
    if (c->store == NULL || c->ended) return more;
    more = store_work(c->store, now_ns);
    more |= fiber_run_ready(c->fibers);
    return more || timer_heap_next(&c->timers) <= now_ns;
}

/* Statements that are served here go through several requests of this node to itself: each round takes all of them
 * one further. Waiting and sending in between would cost far more than the rounds do. */
uint64_t core_step(struct core *c)
{
    uint64_t start_ns = env_now_ns(c->env), now_ns = start_ns;
    uint64_t wake_ns = TIMER_NEVER;
    uint32_t rounds = c->options.turn_rounds_max != 0 ? c->options.turn_rounds_max : TURN_ROUNDS_MAX;
    bool more = core_round(c, now_ns);
    while (more && --rounds > 0 && now_ns - start_ns < TURN_WORK_NS) {
        now_ns = env_now_ns(c->env);
        more = core_round(c, now_ns);
    }
    if (c->store != NULL && !c->ended) wake_ns = store_step(c->store, now_ns);
    bool ran = fiber_run_ready(c->fibers);
    net_flush(c->net);
    uint64_t end_ns = env_now_ns(c->env);
    c->metrics.turns++;
    histogram_add(&c->metrics.turn_ns, end_ns - start_ns);
    if (end_ns - start_ns > TURN_LONG_NS) c->metrics.turns_long++;
    uint64_t timer_ns = timer_heap_next(&c->timers);
    if (timer_ns < wake_ns) wake_ns = timer_ns;
    return ran || more ? start_ns : wake_ns;
}

/* ---- end ---- */

void core_stop(struct core *c)
{
    if (c->stopping) return;
    c->stopping = true;
    c->stop_ns = env_now_ns(c->env);
    if (c->store != NULL) store_stop(c->store);
}

bool core_stopped(const struct core *c)
{
    if (!c->stopping || c->opening) return false;
    if (c->store == NULL) return true;
    /* Long enough for others to take over; what is acknowledged is durable anyway. */
    bool over = env_now_ns(c->env) - c->stop_ns > STOP_GRACE_NS;
    struct replica *r = NULL;
    while (!over && (r = store_replica_next(c->store, r)) != NULL)
        if (replica_serving(r) && replica_descriptor(r)->config.voter_count > 1) return false;
    return true;
}

void core_abandon(struct core *c)
{
    c->abandoned = true;
    c->ended = true;
    kv_stop(c->kv);
    if (c->store != NULL) store_abandon(c->store);
}

void core_destroy(struct core *c)
{
    core_abandon(c);
    fiber_run_ready(c->fibers);
    ASSERT(!c->opening);
    if (c->store != NULL) store_close(c->store);
    if (c->refused != NULL) store_close(c->refused);
    fiber_run_ready(c->fibers);
    net_destroy(c->net);
    kv_destroy(c->kv);
    ASSERT(fiber_pool_live(c->fibers) == 0);
    fiber_pool_destroy(c->fibers);
    timer_heap_deinit(&c->timers);
    free(c);
}

struct store *core_store(struct core *c) { return c->store; }
struct kv *core_kv(struct core *c) { return c->kv; }
struct net *core_net(struct core *c) { return c->net; }
struct fiber_pool *core_fibers(struct core *c) { return c->fibers; }
struct timer_heap *core_timers(struct core *c) { return &c->timers; }
struct env *core_env(struct core *c) { return c->env; }
struct logger *core_logger(struct core *c) { return c->options.logger; }
uint16_t core_peer_port(const struct core *c) { return c->peer_port; }
bool core_joined(const struct core *c) { return c->joined; }
const struct core_metrics *core_metrics(const struct core *c) { return &c->metrics; }
