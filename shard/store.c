/* The store: lifecycle, the turn, and what happens when it fails. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "shard/nodes.h"
#include "shard/range_change.h"

#define SIM_HOLD_NS UINT64_C(1500000)
#define TICK_NS 100000000u
#define MEMTABLE_BYTES_DEFAULT (64u << 20)
#define CACHE_BYTES_DEFAULT (64u << 20)

void store_fail(struct store *s, enum status status, const char *what)
{
    if (s->failed) return;
    s->failed = true;
    LOG_ERROR(s->logger, "shard", "store failed", "status=%s what=\"%s\"", status_name(status), what);
    s->options.on_failed(s->options.ctx, status, what);
}

void store_mark_dirty(struct store *s, struct replica *r)
{
    if (list_empty(&r->dirty_link)) list_push_back(&s->dirty, &r->dirty_link);
}

/* ---- fibers ---- */

enum status store_fiber(struct store *s, void (*entry)(void *arg), void *arg)
{
    s->fiber_count++;
    enum status status = fiber_spawn(s->options.fibers, entry, arg, NULL);
    if (status != STATUS_OK) s->fiber_count--;
    return status;
}

void store_fiber_end(struct store *s)
{
    ASSERT(s->fiber_count > 0);
    s->fiber_count--;
}

struct sleeper {
    struct list link;
    struct timer timer;
    struct fiber *fiber;
};

static void on_sleep_over(struct timer *t, void *ctx)
{
    (void)t;
    struct sleeper *sleeper = ctx;
    list_remove(&sleeper->link);
    fiber_resume(sleeper->fiber);
}

void store_fiber_sleep(struct store *s, uint64_t duration_ns)
{
    if (s->failed) return;
    struct sleeper sleeper = {.fiber = fiber_current(s->options.fibers)};
    timer_init(&sleeper.timer, on_sleep_over, &sleeper);
    timer_arm(s->options.timers, &sleeper.timer, env_now_ns(s->env) + duration_ns);
    list_push_back(&s->sleepers, &sleeper.link);
    fiber_suspend(s->options.fibers);
}

/* At the end: nobody sleeps on (s->failed is set, so nobody goes to sleep again). */
static void wake_sleepers(struct store *s)
{
    ASSERT(s->failed);
    struct list *item;
    while ((item = list_pop_front(&s->sleepers)) != NULL) {
        struct sleeper *sleeper = CONTAINER_OF(item, struct sleeper, link);
        timer_cancel(s->options.timers, &sleeper->timer);
        fiber_resume(sleeper->fiber);
    }
}

/* ---- what the log and the engine report ---- */

static void on_log_failed(void *ctx, enum status status, const char *what)
{
    store_fail(ctx, status, what);
}

static void on_engine_failed(void *ctx, enum status status, const char *what)
{
    store_fail(ctx, status, what);
}

static void on_engine_corrupt(void *ctx, struct range_id range, const char *what)
{
    struct replica *r = store_replica(ctx, range);
    if (r != NULL) replica_fence(r, what);
}

static void on_engine_meta(void *ctx, struct range_id range, struct buf *out)
{
    struct replica *r = store_replica(ctx, range);
    ASSERT(r != NULL);
    range_meta_of(r, r->id, r->applied, out);
}

static void on_flushed(void *ctx, struct range_id range, uint64_t index)
{
    /* The log is shortened by the tick, which also looks at who still needs it (log_trim.c). */
    struct store *s = ctx;
    LOG_DEBUG(s->logger, "shard", "range flushed", "range=%llu index=%llu",
              (unsigned long long)range.value, (unsigned long long)index);
    merge_on_flushed(s, range, index);
}

/* ---- the tick ---- */

/* Once every group knows its log to be whole again, the log need not remember its doubt or damage. */
static void settle_doubt(struct store *s)
{
    if (!s->log_in_doubt || !list_empty(&s->overflow)) return;
    LIST_FOR_EACH(item, &s->replicas) {
        struct replica *r = CONTAINER_OF(item, struct replica, link);
        struct raft_status status;
        raft_status(r->raft, &status);
        if (status.uncertain || replica_fenced(r)) return;
    }
    struct lsn lsn;
    if (wal_append_settled(s->wal, &lsn) != STATUS_OK) return;
    COVER("shard_log_settled");
    s->log_in_doubt = false;
}

static void on_tick(struct timer *t, void *ctx)
{
    struct store *s = ctx;
    uint64_t now_ns = env_now_ns(s->env);
    timer_arm(s->options.timers, t, now_ns + TICK_NS);
    if (s->failed) return;
    s->tick_count++;
    fence_tick(s);
    space_tick(s);
    log_trim_tick(s, now_ns);
    settle_doubt(s);
    bootstrap_tick(s);
    snapshot_tick(s);
    gossip_tick(s);
    placement_tick(s);
    merge_tick(s);
    orphan_tick(s);
}

/* ---- lifecycle ---- */

static enum status store_init(struct store *s, const struct store_options *options)
{
    s->options = *options;
    s->env = options->env;
    s->logger = options->logger;
    struct store_options *o = &s->options;
    if (o->heartbeat_ns == 0) o->heartbeat_ns = 100000000u;
    if (o->election_timeout_ns == 0) o->election_timeout_ns = 600000000u;
    if (o->support_ns == 0) o->support_ns = o->election_timeout_ns;
    if (o->replication_factor == 0) o->replication_factor = 3;
    if (o->log_bytes_max == 0) o->log_bytes_max = 64u << 20;
    if (o->log_cache_bytes == 0) o->log_cache_bytes = 16u << 20;
    if (o->dead_after_ns == 0) o->dead_after_ns = 300000000000u;
    if (o->memtable_bytes == 0) o->memtable_bytes = MEMTABLE_BYTES_DEFAULT;
    if (o->cache_bytes == 0) o->cache_bytes = CACHE_BYTES_DEFAULT;
    if (o->reserve_bytes == 0) o->reserve_bytes = 16u << 20;
    if (o->reserve_bytes > o->memtable_bytes) o->reserve_bytes = o->memtable_bytes;
    s->started_ns = env_now_ns(s->env);
    prng_init(&s->prng, options->seed);
    list_init(&s->replicas);
    map_init(&s->replicas_by_id);
    key_index_init(&s->replicas_by_key);
    key_index_init(&s->empty_by_key);
    list_init(&s->dirty);
    list_init(&s->held);
    list_init(&s->moving);
    list_init(&s->job_calls);
    list_init(&s->orphans);
    list_init(&s->tickets);
    list_init(&s->overflow);
    list_init(&s->incoming_snapshots);
    list_init(&s->outgoing_snapshots);
    pace_init(&s->pace);
    list_init(&s->births_open);
    list_init(&s->births_waiting);
    list_init(&s->joins);
    list_init(&s->sleepers);
    list_init(&s->early);
    list_init(&s->unborn);
    list_init(&s->merging);
    list_init(&s->merges);
    list_init(&s->united);
    s->receive_entries = calloc(RECEIVE_ENTRIES_MAX, sizeof *s->receive_entries);
    if (s->receive_entries == NULL) return STATUS_NO_MEMORY;
    batch_init(&s->batch);
    buf_init(&s->scratch, NET_MESSAGE_BYTES_MAX);
    buf_init(&s->command, NET_MESSAGE_BYTES_MAX);
    meta_state_init(&s->meta);
    cluster_settings_init(&s->settings);
    routes_init(&s->routes);
    timer_init(&s->tick, on_tick, s);
    merge_timer_init(s);
    campaigns_init(s);
    histogram_init(&s->metrics.commit_ns);
    histogram_init(&s->metrics.transfer_closed_ns);
    snprintf(s->identity.advertise, sizeof s->identity.advertise, "%s", options->peer_address);
    struct rpc_options rpc = {.env = s->env, .timers = options->timers};
    return rpc_create(&rpc, &s->rpc);
}

static enum status open_engine_and_log(struct store *s, const char **why)
{
    *why = "";
    enum status status = recover_store(s, why);
    if (status != STATUS_OK) return status;
    meta_serve(s);
    split_serve(s);
    merge_serve(s);
    placement_serve(s);
    orphan_serve(s);
    admin_serve(s);
    overview_serve(s);
    return STATUS_OK;
}

enum status store_open(const struct store_options *options, struct store **store_out, const char **why)
{
    ASSERT(options->app != NULL && options->on_failed != NULL && options->on_identity != NULL);
    ASSERT(fiber_current(options->fibers) != NULL);
    struct store *s = calloc(1, sizeof *s);
    if (s == NULL) return STATUS_NO_MEMORY;
    enum status status = store_init(s, options);
    if (status == STATUS_OK) status = open_engine_and_log(s, why);
    *store_out = s;
    if (status != STATUS_OK) {
        store_abandon(s);
        return status;
    }
    timer_arm(options->timers, &s->tick, env_now_ns(s->env) + TICK_NS);
    liveness_start(s);
    return STATUS_OK;
}

void store_abandon(struct store *s)
{
    s->failed = true; /* nothing that ends now may start something */
    snapshot_abort_all(s);
    wake_sleepers(s);
    if (s->lsm != NULL) lsm_abandon(s->lsm);
}

void store_close(struct store *s)
{
    store_abandon(s);
    while (!list_empty(&s->replicas))
        replica_destroy(CONTAINER_OF(s->replicas.next, struct replica, link));
    if (s->rpc != NULL) rpc_destroy(s->rpc);
    ASSERT(s->fiber_count == 0);
    timer_cancel(s->options.timers, &s->tick);
    timer_cancel(s->options.timers, &s->merge_timer);
    campaigns_deinit(s);
    liveness_stop(s);
    nodes_deinit(s);
    birth_deinit(s);
    unborn_deinit(s);
    merges_deinit(s);
    journal_deinit(s);
    if (s->wal != NULL) wal_close(s->wal);
    if (s->lsm != NULL) lsm_close(s->lsm);
    for (uint32_t i = 0; i < s->transport_count; i++) {
        buf_deinit(&s->transport[i][0]);
        buf_deinit(&s->transport[i][1]);
    }
    orphan_deinit(s);
    placement_forget(s);
    routes_deinit(s);
    meta_state_deinit(&s->meta);
    cluster_settings_deinit(&s->settings);
    ASSERT(s->replicas_by_id.count == 0);
    map_deinit(&s->replicas_by_id);
    key_index_deinit(&s->replicas_by_key);
    key_index_deinit(&s->empty_by_key);
    batch_deinit(&s->batch);
    buf_deinit(&s->scratch);
    buf_deinit(&s->command);
    free(s->receive_entries);
    free(s);
}

/* Who shall lead instead. False: nobody whose store may. Node 0: the best of all voters. */
static bool successor(struct store *s, const struct replica *r, struct node_id *node_out)
{
    const struct raft_config *c = &r->descriptor.config;
    uint32_t fit = 0, others = 0;
    for (uint32_t i = 0; i < c->voter_count; i++) {
        if (c->voters[i].node == s->identity.node.value) continue;
        others++;
        const struct node_entry *n = nodes_find(s, (struct node_id){c->voters[i].node});
        if (n == NULL || !liveness_may_lead(s, n)) continue;
        if (fit++ == 0) *node_out = n->record.node;
    }
    if (fit == others) *node_out = (struct node_id){0};
    return fit > 0;
}

/* The lease ends with the order to stand, whose vote releases the promises (raft/). */
void store_hand_over(struct store *s, uint32_t most)
{
    LIST_FOR_EACH_SAFE(item, &s->replicas) {
        struct replica *r = CONTAINER_OF(item, struct replica, link);
        struct node_id to = {0};
        if (most == 0) return;
        if (!raft_leads(r->raft) || !successor(s, r, &to) || replica_transfer(r, to) != STATUS_OK) continue;
        COVER("shard_leadership_handed_over");
        most--;
    }
}

void store_stop(struct store *s)
{
    if (s->stopping) return;
    store_hand_over(s, HAND_OVER_AT_ONCE);
    s->stopping = true;
}

bool store_idle(const struct store *s)
{
    return s->fiber_count == 0 && wal_idle(s->wal) && lsm_idle(s->lsm);
}

void store_attach_net(struct store *s, struct net *net)
{
    s->net = net;
    rpc_set_net(s->rpc, net);
    for (uint32_t i = 0; i < s->node_count; i++) {
        const struct node_record *n = &s->nodes[i]->record;
        if (n->node.value != s->identity.node.value && !n->removed)
            net_set_peer(net, n->node, n->peer_address);
    }
    if (s->identity_durable) s->options.on_identity(s->options.ctx);
}

bool store_work(struct store *s, uint64_t now_ns)
{
    if (s->failed) return false;
    liveness_look(s, now_ns);
    bool more = rpc_step(s->rpc);
    /* Each replica that is dirty now gets one turn; what becomes dirty meanwhile waits for the next. */
    struct list batch;
    list_init(&batch);
    struct list *item;
    while ((item = list_pop_front(&s->dirty)) != NULL) list_push_back(&batch, item);
    while ((item = list_pop_front(&batch)) != NULL) {
        struct replica *r = CONTAINER_OF(item, struct replica, dirty_link);
        if (replica_turn(r, now_ns)) store_mark_dirty(s, r);
    }
    return more || rpc_waits(s->rpc) || !list_empty(&s->dirty);
}

/* Commands wait for the end of their turn. In simulation, where turns take no time and few commands would meet in one, every
 * other time for longer: until then, or 0. */
static uint64_t held_until(struct store *s, uint64_t now_ns)
{
#ifdef OSTRAKA_SIM
    if (s->held_ns == 0) s->held_ns = now_ns;
    uint64_t until_ns = s->held_ns + (hash_u64(s->held_count) % 2) * SIM_HOLD_NS;
    if (until_ns > now_ns && !s->failed) return until_ns;
    s->held_ns = 0;
    s->held_count++;
#endif
    (void)s, (void)now_ns;
    return 0;
}

static uint64_t flush_held(struct store *s, uint64_t now_ns)
{
    uint64_t until_ns = list_empty(&s->held) ? 0 : held_until(s, now_ns);
    if (until_ns != 0) return until_ns;
    while (!list_empty(&s->held)) replica_flush(CONTAINER_OF(s->held.next, struct replica, held_link));
    return TIMER_NEVER;
}

uint64_t store_step(struct store *s, uint64_t now_ns)
{
    if (s->failed) return TIMER_NEVER;
    uint64_t engine_wake_ns = lsm_step(s->lsm, now_ns), held_wake_ns = flush_held(s, now_ns);
    transport_flush(s);
    if (!s->failed) wal_submit(s->wal);
    if (rpc_waits(s->rpc) || !list_empty(&s->dirty)) return now_ns;
    return held_wake_ns < engine_wake_ns ? held_wake_ns : engine_wake_ns;
}

/* ---- messages ---- */

void store_on_message(struct store *s, struct node_id from, uint16_t type, struct bytes payload)
{
    if (s->failed) return;
    struct node_entry *n = nodes_find(s, from);
    if (n != NULL) n->last_seen_ns = env_now_ns(s->env);
    if (type < SHARD_MESSAGE_KIND_COUNT) {
        s->metrics.messages_in[type]++;
        s->metrics.message_bytes_in[type] += payload.size;
    }
    switch (type) {
    case SHARD_MESSAGE_RAFT: transport_receive(s, from, payload); break;
    case SHARD_MESSAGE_NODES: gossip_on_message(s, from, payload); break;
    case SHARD_MESSAGE_LIVENESS: liveness_on_message(s, from, payload); break;
    case SHARD_MESSAGE_ROUTES: route_on_message(s, payload); break;
    case SHARD_MESSAGE_SETTINGS: settings_on_message(s, payload); break;
    case SHARD_MESSAGE_SNAPSHOT_BEGIN:
    case SHARD_MESSAGE_SNAPSHOT_CHUNK:
    case SHARD_MESSAGE_SNAPSHOT_END:
    case SHARD_MESSAGE_SNAPSHOT_REPLY: snapshot_on_message(s, from, type, payload); break;
    case SHARD_MESSAGE_REQUEST:
    case SHARD_MESSAGE_REPLY: rpc_on_message(s->rpc, from, type, payload); break;
    default:
        LOG_WARN(s->logger, "shard", "unknown message", "from=%llu type=%u",
                 (unsigned long long)from.value, type);
    }
}

void store_on_link(struct store *s, struct node_id peer, enum net_link link, bool up)
{
    if (s->failed) return;
    struct node_entry *n = nodes_find(s, peer);
    if (n != NULL) n->link_up[link] = up;
    if (up && link == NET_LINK_CONTROL) gossip_on_link_up(s, peer);
    if (up) return;
    if (link == NET_LINK_DATA) rpc_on_link_down(s->rpc, peer);
    if (link == NET_LINK_BULK) snapshot_on_link_down(s, peer);
    if (link != NET_LINK_DATA) return; /* appends travel on that one */
    LIST_FOR_EACH_SAFE(item, &s->replicas) {
        struct replica *r = CONTAINER_OF(item, struct replica, link);
        const struct raft_member *m = descriptor_member_on(&r->descriptor, peer);
        if (m == NULL) continue;
        struct raft_event event = {.kind = RAFT_EVENT_UNREACHABLE, .member = m->id};
        if (replica_step(r, &event) != STATUS_OK) COVER("shard_unreachable_refused");
    }
}

/* ---- questions ---- */

struct replica *store_replica(struct store *s, struct range_id range)
{
    return map_get(&s->replicas_by_id, range.value);
}

struct replica *store_replica_next(struct store *s, const struct replica *after)
{
    struct list *next = after == NULL ? s->replicas.next : after->link.next;
    return next == &s->replicas ? NULL : CONTAINER_OF(next, struct replica, link);
}

static bool any_overlaps(const struct key_index *x, struct range_id but, struct bytes start, struct bytes end)
{
    for (uint32_t i = 0; i < x->count; i++)
        if (x->items[i]->range.value != but.value && descriptor_overlaps(x->items[i], start, end)) return true;
    return false;
}

/* Nobody in an index overlaps another one (SHARD-16): the last one before the end says it, or the one before that. */
static bool index_overlaps(const struct key_index *x, struct range_id but, struct bytes start, struct bytes end)
{
    uint32_t n = key_index_before(x, end);
    while (n > 0 && x->items[n - 1]->range.value == but.value) n--;
    bool overlaps = n > 0 && descriptor_overlaps(x->items[n - 1], start, end);
    ASSERT_SLOW(overlaps == any_overlaps(x, but, start, end));
    return overlaps;
}

bool store_keys_taken(const struct store *s, struct range_id but, struct bytes start, struct bytes end)
{
    return index_overlaps(&s->replicas_by_key, but, start, end) || index_overlaps(&s->empty_by_key, but, start, end) ||
           birth_keeps(s, but, start, end);
}

struct replica *store_replica_for_key(struct store *s, struct bytes key)
{
    struct descriptor *d = key_index_find(&s->replicas_by_key, key);
    return d == NULL ? NULL : CONTAINER_OF(d, struct replica, descriptor);
}

struct rpc *store_rpc(struct store *s) { return s->rpc; }
struct lsm *store_lsm(struct store *s) { return s->lsm; }
struct wal *store_wal(struct store *s) { return s->wal; }
struct env *store_env(struct store *s) { return s->env; }
struct timer_heap *store_timers(struct store *s) { return s->options.timers; }
struct fiber_pool *store_fibers(struct store *s) { return s->options.fibers; }
struct logger *store_logger(struct store *s) { return s->logger; }
const char *store_directory(const struct store *s) { return s->options.directory; }

const struct store_metrics *store_metrics(const struct store *s)
{
    struct store *mutable = (struct store *)(uintptr_t)s;
    mutable->metrics.leaders = 0;
    LIST_FOR_EACH(item, &mutable->replicas)
        if (replica_serving(CONTAINER_OF(item, struct replica, link))) mutable->metrics.leaders++;
    const struct replica *meta = store_replica(mutable, RANGE_META);
    mutable->metrics.jobs = meta != NULL && replica_serving(meta) ? s->meta.job_count : 0;
    return &s->metrics;
}

/* recover.c wires these into the options of the log and the engine. */
void store_log_callbacks(struct wal_options *o, struct store *s)
{
    o->on_durable = journal_on_durable;
    o->on_failed = on_log_failed;
    o->ctx = s;
}

void store_engine_callbacks(struct lsm_options *o, struct store *s)
{
    o->on_flushed = on_flushed;
    o->on_meta = on_engine_meta;
    o->on_corrupt = on_engine_corrupt;
    o->on_failed = on_engine_failed;
    o->value_ends = s->options.app->value_ends;
    o->key_may_end = s->options.app->key_may_end;
    o->ctx = s;
}
