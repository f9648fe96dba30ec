/* A range changes hands: what its leader does about the order to live on other nodes, and how the metadata
 * range learns of it. One change at a time: learners join and fetch the range, and when all of them have it,
 * a joint configuration makes the target's replicas the voters. A leader that shall not stay hands over just
 * before that, to one that stays. The descriptor alone says how far a move is, so whoever leads next goes
 * on where this one stopped, as soon as it is told the target, too.
 *
 * RPC_RANGE_TARGET: range u64, epoch u64, count u8, node ids u64.
 * RPC_RANGE_TRANSFER: range u64, node u64. OK: it has begun; BUSY: that node is behind. */
#include <stdlib.h>

#include "shard/nodes.h"
#include "shard/range_change.h"

#define CAUGHT_UP_ENTRIES 256u
#define HAND_OVER_ENTRIES 16u /* the range is closed while the successor takes what it lacks */
#define MOVING_PER_TICK   512u
#define LOOKED_AT_PER_TICK 256u
#define CALL_TIMEOUT_NS   2000000000u

static bool in_set(const uint64_t *nodes, uint32_t count, uint64_t node)
{
    for (uint32_t i = 0; i < count; i++)
        if (nodes[i] == node) return true;
    return false;
}

bool move_settled(const struct raft_config *c, const uint64_t *nodes, uint32_t count)
{
    if (c->voter_count != count || c->outgoing_count + c->learner_count > 0) return false;
    for (uint32_t i = 0; i < count; i++)
        if (!in_set(nodes, count, c->voters[i].node)) return false;
    return true;
}

void move_touch(struct replica *r)
{
    if (list_empty(&r->moving_link)) list_push_back(&r->store->moving, &r->moving_link);
}

/* ---- leadership ---- */

static bool near_end(const struct replica *r, uint64_t member, uint64_t last, uint64_t entries)
{
    struct raft_progress p;
    if (replica_progress(r, member, &p) != STATUS_OK) return false;
    if (env_now_ns(r->store->env) - p.last_contact_ns > r->store->options.election_timeout_ns) return false;
    return !p.probing && !p.snapshotting && p.match_index + entries >= last;
}

static enum status transfer_to(struct replica *r, struct node_id to)
{
    struct raft_status status;
    raft_status(r->raft, &status);
    const struct raft_member *m = descriptor_member_on(&r->descriptor, to);
    if (m == NULL || !raft_config_is_voter(status.config, m->id)) return STATUS_NOT_FOUND;
    if (m->id == r->id) return STATUS_OK;
    if (merge_under_way(r->store, r->range)) return STATUS_BUSY; /* who leads both sides has to see it through */
    if (!near_end(r, m->id, status.last.index, HAND_OVER_ENTRIES)) return STATUS_BUSY;
    return replica_transfer(r, to);
}

static void serve_transfer(void *ctx, struct rpc_token token, struct bytes body)
{
    struct store *s = ctx;
    struct reader in = reader_make(body);
    struct range_id range = {get_u64(&in)};
    struct node_id to = {get_u64(&in)};
    struct replica *r = store_replica(s, range);
    enum status status = STATUS_INVALID;
    if (reader_done(&in)) status = r != NULL && replica_serving(r) ? transfer_to(r, to) : STATUS_NOT_LEADER;
    rpc_reply(s->rpc, token, status, BYTES_EMPTY);
}

/* ---- the target ---- */

static void serve_target(void *ctx, struct rpc_token token, struct bytes body)
{
    struct store *s = ctx;
    struct reader in = reader_make(body);
    struct range_id range = {get_u64(&in)};
    uint64_t epoch = get_u64(&in);
    uint8_t count = get_u8(&in);
    uint64_t nodes[RAFT_VOTERS_MAX];
    if (count == 0 || count > RAFT_VOTERS_MAX) in.failed = true;
    for (uint8_t i = 0; !in.failed && i < count; i++) {
        nodes[i] = get_u64(&in);
        if (nodes[i] == 0 || in_set(nodes, i, nodes[i])) in.failed = true; /* no two voters on one node */
    }
    struct replica *r = store_replica(s, range);
    enum status status = STATUS_OK;
    if (!reader_done(&in)) status = STATUS_INVALID;
    else if (r == NULL || !replica_serving(r)) status = STATUS_NOT_LEADER;
    else if (epoch != r->descriptor.epoch) status = STATUS_STALE_ROUTE; /* the mirror follows */
    if (status == STATUS_OK) {
        memcpy(r->target, nodes, count * sizeof nodes[0]);
        r->target_count = count;
        move_touch(r);
    }
    rpc_reply(s->rpc, token, status, BYTES_EMPTY);
}

static int member_order(const void *a, const void *b)
{
    uint64_t x = ((const struct raft_member *)a)->id, y = ((const struct raft_member *)b)->id;
    return (x > y) - (x < y);
}

/* Learners on those of the target's nodes that have no replica, and on no others: one that was given up, or
 * has died, fetches nothing more. Returns true when something was proposed. */
static bool set_learners(struct replica *r, const struct raft_config *now)
{
    struct raft_config next = *now;
    next.learner_count = 0;
    for (uint32_t i = 0; i < now->learner_count; i++)
        if (in_set(r->target, r->target_count, now->learners[i].node))
            next.learners[next.learner_count++] = now->learners[i];
    uint32_t kept = next.learner_count;
    uint64_t id = r->descriptor.next_replica_id;
    for (uint32_t i = 0; i < r->target_count && next.learner_count < RAFT_LEARNERS_MAX; i++)
        if (descriptor_member_on(&r->descriptor, (struct node_id){r->target[i]}) == NULL)
            next.learners[next.learner_count++] = (struct raft_member){id++, r->target[i]};
    if (kept == now->learner_count && next.learner_count == kept) return false;
    for (uint32_t i = next.learner_count; i < RAFT_LEARNERS_MAX; i++) next.learners[i] = (struct raft_member){0, 0};
    struct raft_event event = {.kind = RAFT_EVENT_CHANGE_CONFIG, .config = &next};
    return replica_step(r, &event) == STATUS_OK;
}

/* The target's replicas as voters; false: one of them lacks too much of the log. */
static bool next_voters(struct replica *r, const struct raft_status *status, struct raft_config *next)
{
    *next = (struct raft_config){0};
    for (uint32_t i = 0; i < r->target_count; i++) {
        const struct raft_member *m = descriptor_member_on(&r->descriptor, (struct node_id){r->target[i]});
        if (m == NULL) return false;
        bool votes = raft_config_is_voter(status->config, m->id);
        if (!votes && !near_end(r, m->id, status->last.index, CAUGHT_UP_ENTRIES))
            return false;
        next->voters[next->voter_count++] = *m;
    }
    qsort(next->voters, next->voter_count, sizeof next->voters[0], member_order);
    return true;
}

/* Hands over to a voter that stays. False: there is none that could; the group then elects one itself, when
 * the change has taken the leader out. */
static bool leave_first(struct replica *r, const struct raft_status *status, const struct raft_config *next)
{
    if (raft_config_is_voter(next, r->id)) return false;
    for (uint32_t i = 0; i < next->voter_count; i++) {
        const struct raft_member *m = &next->voters[i];
        if (!raft_config_is_voter(status->config, m->id)) continue;
        if (transfer_to(r, (struct node_id){m->node}) != STATUS_OK) continue;
        COVER("shard_leader_leaves_first");
        return true;
    }
    return false;
}

static void pursue(struct replica *r)
{
    struct raft_status status;
    raft_status(r->raft, &status);
    if (status.config_pending || status.config->outgoing_count > 0 || status.transferring) return;
    if (r->applied.index < status.commit_index) return; /* the descriptor lags behind */
    if (replica_frozen(r) || merge_under_way(r->store, r->range)) return;
    if (move_settled(&r->descriptor.config, r->target, r->target_count)) {
        r->target_count = 0;
        return;
    }
    struct raft_config now = *status.config, next;
    if (set_learners(r, &now) || !next_voters(r, &status, &next) || leave_first(r, &status, &next)) return;
    struct raft_event event = {.kind = RAFT_EVENT_CHANGE_CONFIG, .config = &next};
    if (replica_step(r, &event) != STATUS_OK) COVER("shard_change_refused");
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
    struct replica *r = status == STATUS_CANCELLED ? NULL : store_replica(m->store, m->range);
    if (status != STATUS_OK && status != STATUS_CANCELLED)
        store_route_refused(m->store, RANGE_META, call->to, status, body);
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
    if (rpc_start(s->rpc, &m->call, leader, RPC_META_RANGE, buf_view(&s->scratch), CALL_TIMEOUT_NS) == STATUS_OK)
        r->mirror_busy = true;
    else
        free(m);
}

/* ---- the tick: those that have something to do, and a few of the others ---- */

/* Returns true when it is to be looked at again. */
static bool work_on(struct replica *r)
{
    if (!raft_leads(r->raft)) return false;
    if (!replica_serving(r)) return true;
    mirror(r);
    if (r->target_count > 0) pursue(r);
    return r->target_count > 0 || r->mirrored_epoch != r->descriptor.epoch;
}

/* Whoever was forgotten is found by going round. */
static void look_around(struct store *s)
{
    struct replica *r = store_replica_next(s, store_replica(s, s->moving_cursor)); /* from the first, if that one is gone */
    uint32_t seen = 0;
    for (; r != NULL && seen < LOOKED_AT_PER_TICK; r = store_replica_next(s, r), seen++) {
        s->moving_cursor = r->range;
        if (raft_leads(r->raft) && r->mirrored_epoch != r->descriptor.epoch) move_touch(r);
    }
    if (r == NULL) s->moving_cursor.value = 0;
}

void move_tick(struct store *s)
{
    if (s->tick_count % 10 == 0) look_around(s);
    struct list now;
    list_init(&now);
    struct list *item;
    for (uint32_t i = 0; i < MOVING_PER_TICK && (item = list_pop_front(&s->moving)) != NULL; i++)
        list_push_back(&now, item);
    while ((item = list_pop_front(&now)) != NULL) {
        struct replica *r = CONTAINER_OF(item, struct replica, moving_link);
        if (work_on(r)) move_touch(r);
    }
}

void move_serve(struct store *s)
{
    rpc_serve(s->rpc, RPC_RANGE_TARGET, serve_target, s);
    rpc_serve(s->rpc, RPC_RANGE_TRANSFER, serve_transfer, s);
}
