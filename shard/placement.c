/* Who shall hold what. The metadata leader compares every descriptor with the live nodes and tells the
 * range's leader which nodes shall hold it; the range's leader gets there by one change at a time: add
 * learners, wait until they caught up, make them voters by joint consensus. Both sides repeat themselves,
 * so a lost message or a dead leader costs a tick.
 *
 * RPC_RANGE_TARGET: range u64, epoch u64, count u8, node ids u64. */
#include <stdlib.h>

#include "shard/shard_int.h"

#define ORDER_TICKS 5
#define CAUGHT_UP_ENTRIES 256
#define ALIVE_NS 3000000000u

/* ---- ordering, on the metadata leader ---- */

static bool usable(const struct store *s, const struct node_record *n)
{
    return !n->removed && nodes_alive(s, n->node, ALIVE_NS);
}

/* A node is gone for good when it was removed, was silent for long, or another took its address. */
static bool gone(struct store *s, uint64_t node)
{
    const struct node_record *record = meta_node(&s->meta, (struct node_id){node});
    if (record == NULL || record->removed) return true;
    for (uint32_t i = 0; i < s->meta.node_count; i++) {
        const struct node_record *other = s->meta.nodes[i];
        if (other->node.value > node && usable(s, other) &&
            strcmp(other->peer_address, record->peer_address) == 0)
            return true;
    }
    struct node_entry *n = nodes_find(s, (struct node_id){node});
    uint64_t now_ns = env_now_ns(s->env);
    if (node == s->identity.node.value || n == NULL) return false;
    uint64_t since_ns = n->last_seen_ns == 0 ? s->started_ns : n->last_seen_ns;
    return now_ns - since_ns > s->options.dead_after_ns;
}

static bool in_set(const uint64_t *nodes, uint32_t count, uint64_t node)
{
    for (uint32_t i = 0; i < count; i++)
        if (nodes[i] == node) return true;
    return false;
}

static uint32_t target_of(struct store *s, const struct descriptor *d, uint64_t nodes[RAFT_VOTERS_MAX])
{
    uint32_t count = 0, wanted = s->options.replication_factor;
    for (uint32_t i = 0; i < d->config.voter_count; i++)
        if (!gone(s, d->config.voters[i].node)) nodes[count++] = d->config.voters[i].node;
    /* Newcomers in id order: those that are learners already stand first by having been chosen before. */
    for (uint32_t i = 0; i < s->meta.node_count && count < wanted; i++) {
        uint64_t node = s->meta.nodes[i]->node.value;
        if (!in_set(nodes, count, node) && usable(s, s->meta.nodes[i]) && !gone(s, node))
            nodes[count++] = node;
    }
    return count;
}

static bool settled(const struct descriptor *d, const uint64_t *nodes, uint32_t count)
{
    if (d->config.voter_count != count || d->config.outgoing_count + d->config.learner_count > 0)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!in_set(nodes, count, d->config.voters[i].node)) return false;
    return true;
}

static void on_order_done(struct rpc_call *call, enum status status, struct bytes body)
{
    (void)body;
    if (status != STATUS_OK) COVER("shard_order_refused");
    free(call);
}

static void order(struct store *s, const struct descriptor *d)
{
    uint64_t nodes[RAFT_VOTERS_MAX];
    uint32_t count = target_of(s, d, nodes);
    if (count == 0 || settled(d, nodes, count)) return;
    struct rpc_call *call = calloc(1, sizeof *call);
    struct route route;
    if (call != NULL && store_route(s, d->start, &route) == STATUS_OK && route.leader.value != 0) {
        buf_reset(&s->scratch);
        put_u64(&s->scratch, d->range.value);
        put_u64(&s->scratch, d->epoch);
        put_u8(&s->scratch, (uint8_t)count);
        for (uint32_t i = 0; i < count; i++) put_u64(&s->scratch, nodes[i]);
        call->on_done = on_order_done;
        if (rpc_start(s->rpc, call, route.leader, RPC_RANGE_TARGET, buf_view(&s->scratch), 2000000000u) ==
            STATUS_OK)
            call = NULL;
    }
    free(call);
}

/* ---- carrying out, on the range's leader ---- */

static void serve_target(void *ctx, struct rpc_token token, struct bytes body)
{
    struct store *s = ctx;
    struct reader in = reader_make(body);
    struct range_id range = {get_u64(&in)};
    uint64_t epoch = get_u64(&in);
    uint8_t count = get_u8(&in);
    uint64_t nodes[RAFT_VOTERS_MAX];
    if (count == 0 || count > RAFT_VOTERS_MAX) in.failed = true;
    for (uint8_t i = 0; !in.failed && i < count; i++) nodes[i] = get_u64(&in);
    struct replica *r = store_replica(s, range);
    enum status status = STATUS_OK;
    if (!reader_done(&in)) status = STATUS_INVALID;
    else if (r == NULL || !replica_serving(r)) status = STATUS_NOT_LEADER;
    else if (epoch != r->descriptor.epoch) status = STATUS_STALE_ROUTE; /* the mirror follows */
    if (status == STATUS_OK) {
        memcpy(r->target, nodes, count * sizeof nodes[0]);
        r->target_count = count;
        r->target_epoch = epoch;
    }
    rpc_reply(s->rpc, token, status, BYTES_EMPTY);
}

static int member_order(const void *a, const void *b)
{
    uint64_t x = ((const struct raft_member *)a)->id, y = ((const struct raft_member *)b)->id;
    return (x > y) - (x < y);
}

/* Adds learners for the target's nodes that have no replica. Returns true when something was proposed. */
static bool add_learners(struct replica *r, const struct raft_config *now)
{
    struct raft_config next = *now;
    uint64_t id = r->descriptor.next_replica_id;
    for (uint32_t i = 0; i < r->target_count; i++) {
        if (descriptor_member_on(&r->descriptor, (struct node_id){r->target[i]}) != NULL) continue;
        if (next.learner_count == RAFT_LEARNERS_MAX) break;
        next.learners[next.learner_count++] = (struct raft_member){id++, r->target[i]};
    }
    if (next.learner_count == now->learner_count) return false;
    struct raft_event event = {.kind = RAFT_EVENT_CHANGE_CONFIG, .config = &next};
    return replica_step(r, &event) == STATUS_OK;
}

static bool caught_up(const struct replica *r, uint64_t member, uint64_t last)
{
    struct raft_progress p;
    if (raft_progress(r->raft, member, &p) != STATUS_OK) return false;
    return !p.probing && !p.snapshotting && p.match_index + CAUGHT_UP_ENTRIES >= last;
}

/* Makes the target's replicas the voters, once every one of them has the log. */
static void set_voters(struct replica *r, const struct raft_status *status)
{
    struct raft_config next = {0};
    for (uint32_t i = 0; i < r->target_count; i++) {
        const struct raft_member *m =
            descriptor_member_on(&r->descriptor, (struct node_id){r->target[i]});
        if (m == NULL) return;
        if (!raft_config_is_voter(status->config, m->id) && !caught_up(r, m->id, status->last.index))
            return;
        next.voters[next.voter_count++] = *m;
    }
    qsort(next.voters, next.voter_count, sizeof next.voters[0], member_order);
    struct raft_event event = {.kind = RAFT_EVENT_CHANGE_CONFIG, .config = &next};
    if (replica_step(r, &event) != STATUS_OK) COVER("shard_change_refused");
}

static void pursue_target(struct replica *r)
{
    if (r->target_count == 0) return;
    struct raft_status status;
    raft_status(r->raft, &status);
    if (status.config_pending || status.config->outgoing_count > 0) return;
    if (r->applied.index < status.commit_index) return; /* the descriptor lags behind */
    if (settled(&r->descriptor, r->target, r->target_count)) {
        r->target_count = 0;
        return;
    }
    struct raft_config now = *status.config;
    if (!add_learners(r, &now)) set_voters(r, &status);
}

/* ---- the mirror ---- */

struct mirror_call {
    struct rpc_call call;
    struct store *store;
    struct range_id range;
    uint64_t epoch;
};

static void on_mirrored(struct rpc_call *call, enum status status, struct bytes body)
{
    struct mirror_call *m = CONTAINER_OF(call, struct mirror_call, call);
    (void)body;
    struct replica *r = status == STATUS_CANCELLED ? NULL : store_replica(m->store, m->range);
    if (r != NULL) {
        r->mirror_busy = false;
        if (status == STATUS_OK) r->mirrored_epoch = m->epoch;
    }
    free(m);
}

static void mirror(struct replica *r)
{
    struct store *s = r->store;
    struct node_id leader = store_meta_leader(s);
    if (r->mirror_busy || r->mirrored_epoch == r->descriptor.epoch || leader.value == 0) return;
    struct mirror_call *m = calloc(1, sizeof *m);
    if (m == NULL) return;
    m->store = s;
    m->range = r->range;
    m->epoch = r->descriptor.epoch;
    m->call.on_done = on_mirrored;
    buf_reset(&s->scratch);
    descriptor_encode(&r->descriptor, &s->scratch);
    if (rpc_start(s->rpc, &m->call, leader, RPC_META_RANGE, buf_view(&s->scratch), 2000000000u) ==
        STATUS_OK)
        r->mirror_busy = true;
    else
        free(m);
}

void placement_tick(struct store *s)
{
    LIST_FOR_EACH(item, &s->replicas) {
        struct replica *r = CONTAINER_OF(item, struct replica, link);
        if (!replica_serving(r)) continue;
        mirror(r);
        pursue_target(r);
    }
    struct replica *meta = store_replica(s, RANGE_META);
    if (meta == NULL || !replica_serving(meta) || !s->meta.initialized) return;
    if (s->tick_count % ORDER_TICKS != 0 || s->stopping) return;
    for (uint32_t i = 0; i < s->meta.range_count; i++) order(s, s->meta.ranges[i]);
}

void placement_serve(struct store *s)
{
    rpc_serve(s->rpc, RPC_RANGE_TARGET, serve_target, s);
}
