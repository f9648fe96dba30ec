/* Two neighbours become one range, on the word of the left one's leader (README, Merges).
 *
 *   PREPARING: both as the metadata range knows them, same voters, both led from here
 *     -> FREEZING: latch closed, proposed in the right side's log
 *     -> FROZEN: until every voter has it, and the right side is on disk here
 *     -> MERGING: proposed in the left side's log, at the epoch for which the right side was frozen
 *
 * Whatever ends before MERGING leaves at most a frozen right side, which its leader, whoever that is then, thaws: it has the
 * left side's leader move on to another epoch, at which the merge does not count any more, and asks the metadata range whether
 * there still is a right side. Who is killed in between changes nothing: all of it stands in the two logs.
 *
 * RPC_RANGE_MERGE: range u64, epoch u64 (0: as it is). Reply: id of the right side u64. NOT_LEADER with the leader's node u64;
 *   STALE_ROUTE; NOT_FOUND: nothing is on its right; UNSUPPORTED: the metadata range; INVALID: other voters; BUSY: again.
 * RPC_MERGE_GIVE_UP: range u64, epoch u64. Reply: the range's descriptor, whose epoch is above that one. BUSY. */
#include <stdlib.h>

#include "shard/range_change.h"

#define PREPARE_NS 4000000000u
#define FROZEN_NS 2000000000u      /* closed for longer than that it is thawed */
#define POLL_NS 1000000u
#define ASK_AGAIN_NS 200000000u
#define CALL_TIMEOUT_NS 1000000000u
#define THAW_AFTER_NS 1000000000u  /* whoever froze it is at work for so long, perhaps */
#define UNBORN_TICKS 30
#define PROPOSE_TIMEOUT_NS (UINT64_C(1) << 62)

/* A command and its end, waited for by a fiber that may end first. */
struct merge_step {
    struct proposal proposal;
    bool done, left_alone;
    enum status status;
};

struct merge_order {
    struct list link; /* store.merges */
    struct store *store;
    struct rpc_token token;
    struct range_id left, right; /* right 0: not known yet */
    uint64_t epoch, deadline_ns;
    bool closed;      /* the right side takes no proposals but that to thaw */
    struct rpc_call call;
    uint64_t asked_ns;
};

static bool stopped(const struct store *s)
{
    return s->failed || s->stopping;
}

/* ---- commands ---- */

static void on_step_done(struct proposal *p, enum status status, struct bytes result)
{
    struct merge_step *step = CONTAINER_OF(p, struct merge_step, proposal);
    if (step->left_alone) {
        free(step);
        return;
    }
    if (status == STATUS_OK && (result.size != 1 || result.data[0] == 0)) status = STATUS_BUSY; /* it did not count */
    step->status = status;
    step->done = true;
}

/* NULL, or the proposal on its way. */
static struct merge_step *propose(struct replica *r, const struct range_change *c, enum status *status_out)
{
    struct merge_step *step = calloc(1, sizeof *step);
    *status_out = STATUS_NO_MEMORY;
    if (step == NULL) return NULL;
    struct buf command;
    buf_init(&command, 1 << 16);
    merge_encode(c, &command);
    ASSERT(!command.failed);
    step->proposal.on_done = on_step_done;
    *status_out = replica_propose(r, buf_view(&command), PROPOSE_TIMEOUT_NS, &step->proposal);
    buf_deinit(&command);
    if (*status_out == STATUS_OK) return step;
    free(step);
    return NULL;
}

/* Until it is applied or lost. STATUS_BUSY: it did not count. */
static enum status wait_for(struct store *s, struct merge_step *step)
{
    while (!step->done && !stopped(s)) store_fiber_sleep(s, POLL_NS);
    enum status status = step->done ? step->status : STATUS_CANCELLED;
    if (step->done) free(step);
    else step->left_alone = true;
    return status;
}

bool merge_closes(const struct replica *r, struct bytes command)
{
    bool thaw = command.size > 1 && command.data[0] == SHARD_COMMAND_RANGE && command.data[1] == RANGE_COMMAND_THAW;
    if (thaw || MUTANT("k29_write_after_freeze")) return false;
    if (replica_frozen(r)) return true;
    LIST_FOR_EACH(item, &r->store->merges) {
        const struct merge_order *o = CONTAINER_OF(item, struct merge_order, link);
        if (o->closed && o->right.value == r->range.value) return true;
    }
    return false;
}

bool merge_under_way(const struct store *s, struct range_id range)
{
    LIST_FOR_EACH(item, &s->merges) {
        const struct merge_order *o = CONTAINER_OF(item, struct merge_order, link);
        if (o->left.value == range.value || o->right.value == range.value) return true;
    }
    return false;
}

/* ---- may it be? ---- */

static bool same_nodes(const struct raft_config *a, const struct raft_config *b)
{
    if (a->voter_count != b->voter_count || a->outgoing_count + b->outgoing_count + a->learner_count + b->learner_count > 0)
        return false;
    for (uint32_t i = 0; i < a->voter_count; i++) {
        bool found = false;
        for (uint32_t j = 0; j < b->voter_count; j++) found |= a->voters[i].node == b->voters[j].node;
        if (!found) return false;
    }
    return true;
}

/* Its bounds and members are what the log and the metadata range say, and nothing is about to change them. */
static enum status settled(struct replica *r)
{
    struct raft_status status;
    raft_status(r->raft, &status);
    if (status.config_pending || status.transferring || replica_frozen(r) || r->split != NULL || r->target_count > 0)
        return STATUS_BUSY;
    return r->mirrored_epoch == r->descriptor.epoch ? STATUS_OK : STATUS_WAIT;
}

/* Every voter has the log up to there, and was heard of lately. */
static bool all_have(struct replica *r, uint64_t index)
{
    const struct raft_config *c = raft_config(r->raft);
    uint64_t now_ns = env_now_ns(r->store->env);
    for (uint32_t i = 0; i < c->voter_count; i++) {
        struct raft_progress p;
        if (c->voters[i].id == r->id) continue;
        if (replica_progress(r, c->voters[i].id, &p) != STATUS_OK || p.snapshotting || p.match_index < index) return false;
        if (now_ns - p.last_contact_ns > r->store->options.election_timeout_ns && !r->resting) return false;
    }
    struct raft_status status;
    raft_status(r->raft, &status);
    return status.persisted_index >= index;
}

static bool all_up(struct replica *r)
{
    struct raft_status status;
    raft_status(r->raft, &status);
    return all_have(r, status.commit_index);
}

/* The left side may begin, or go on, at the order's epoch. */
static enum status left_fits(const struct merge_order *o, struct replica **left_out)
{
    struct replica *r = store_replica(o->store, o->left);
    if (r == NULL || stopped(o->store) || !replica_serving(r)) return STATUS_NOT_LEADER;
    if (r->descriptor.epoch != o->epoch) return STATUS_STALE_ROUTE;
    if (r->descriptor.end.size == 0) return STATUS_NOT_FOUND;
    *left_out = r;
    return STATUS_OK;
}

static struct replica *neighbour(const struct replica *left)
{
    struct replica *r = store_replica_for_key(left->store, left->descriptor.end);
    return r != NULL && bytes_equal(r->descriptor.start, left->descriptor.end) ? r : NULL;
}

const struct replica *merge_partner(const struct replica *left)
{
    if (left->descriptor.end.size == 0 || left->range.value == RANGE_META.value) return NULL;
    const struct replica *right = neighbour(left);
    return right != NULL && same_nodes(&left->descriptor.config, &right->descriptor.config) ? right : NULL;
}

/* ---- the leadership of the right side comes here ---- */

static void on_transferred(struct rpc_call *call, enum status status, struct bytes body)
{
    (void)call, (void)status, (void)body; /* seen by who leads */
}

static void ask_for_leadership(struct merge_order *o, const struct replica *right)
{
    struct store *s = o->store;
    uint64_t now_ns = env_now_ns(s->env);
    struct node_id leader = replica_leader_hint(right);
    if (o->call.active || leader.value == 0 || leader.value == s->identity.node.value) return;
    if (o->asked_ns != 0 && now_ns - o->asked_ns < ASK_AGAIN_NS) return;
    uint8_t body[16];
    store_le64(body, right->range.value);
    store_le64(body + 8, s->identity.node.value);
    o->asked_ns = now_ns;
    o->call = (struct rpc_call){.on_done = on_transferred};
    if (rpc_start(s->rpc, &o->call, leader, RPC_RANGE_TRANSFER, bytes_make(body, sizeof body), CALL_TIMEOUT_NS) != STATUS_OK)
        o->call.active = false;
}

/* One look; STATUS_WAIT: another one. */
static enum status prepare(struct merge_order *o)
{
    struct replica *left, *right;
    enum status status = left_fits(o, &left);
    if (status != STATUS_OK) return status;
    right = neighbour(left);
    if (right == NULL) return STATUS_WAIT; /* it lags here, or the left side does */
    if (o->right.value != 0 && o->right.value != right->range.value) return STATUS_BUSY;
    if (o->right.value == 0 && merge_under_way(o->store, right->range)) return STATUS_BUSY;
    o->right = right->range;
    if (!same_nodes(&left->descriptor.config, &right->descriptor.config)) return STATUS_INVALID;
    if (!replica_serving(right)) {
        ask_for_leadership(o, right);
        return STATUS_WAIT;
    }
    status = settled(left);
    if (status == STATUS_OK) status = settled(right);
    if (status != STATUS_OK) return status;
    return all_up(left) && all_up(right) ? STATUS_OK : STATUS_WAIT;
}

/* ---- the order ---- */

static enum status wait_prepared(struct merge_order *o)
{
    struct store *s = o->store;
    enum status status;
    while ((status = prepare(o)) == STATUS_WAIT && env_now_ns(s->env) < o->deadline_ns) store_fiber_sleep(s, 5 * POLL_NS);
    return status == STATUS_WAIT ? STATUS_BUSY : status;
}

/* In the same step as the last look of `prepare`. STATUS_WAIT: the right side's leader has only just become one. */
static enum status freeze(struct merge_order *o, struct log_pos *pos_out)
{
    struct store *s = o->store;
    struct replica *right = store_replica(s, o->right);
    struct range_change c = {
        .kind = RANGE_COMMAND_FREEZE, .epoch = right->descriptor.epoch, .left = o->left, .left_epoch = o->epoch};
    enum status status = s->options.app->unite_begin(right->app);
    if (status != STATUS_OK) return status == STATUS_BUSY ? STATUS_WAIT : status;
    struct merge_step *step = propose(right, &c, &status);
    if (step != NULL) {
        *pos_out = step->proposal.pos;
        o->closed = true;
        status = wait_for(s, step);
    }
    right = stopped(s) ? NULL : store_replica(s, o->right);
    if (status == STATUS_OK || right == NULL) return status;
    o->closed = false;
    if (!replica_frozen(right)) s->options.app->unite_end(right->app);
    return status;
}

/* What has to hold in the very step that proposes the merge. STATUS_WAIT: not yet. */
static enum status frozen_everywhere(struct merge_order *o, struct log_pos frozen, struct replica **left_out,
                                     struct replica **right_out)
{
    enum status status = left_fits(o, left_out);
    if (status != STATUS_OK) return status;
    struct replica *right = store_replica(o->store, o->right);
    if (right == NULL || !replica_serving(right)) return STATUS_BUSY;
    const struct descriptor *d = &right->descriptor;
    if (d->frozen_for.value != o->left.value || d->frozen_epoch != o->epoch) return STATUS_BUSY;
    status = settled(*left_out);
    if (status != STATUS_OK) return STATUS_BUSY;
    *right_out = right;
    if (!all_have(right, frozen.index) && !MUTANT("merge_before_all_froze")) return STATUS_WAIT;
    replica_limit_flush(right);
    status = lsm_range_merge_ready(o->store->lsm, o->left, o->right);
    return status == STATUS_BUSY ? STATUS_WAIT : status;
}

static struct merge_step *propose_merge(struct merge_order *o, struct log_pos frozen, struct replica *left,
                                        struct replica *right, enum status *status_out)
{
    struct buf part;
    buf_init(&part, SHARD_APP_STATE_BYTES_MAX);
    o->store->options.app->unite_part(right->app, &part);
    ASSERT(!part.failed);
    struct range_change c = {.kind = RANGE_COMMAND_MERGE,
                             .epoch = o->epoch,
                             .right = o->right,
                             .frozen = frozen,
                             .key = right->descriptor.start,
                             .part = buf_view(&part)};
    struct merge_step *step = propose(left, &c, status_out);
    buf_deinit(&part);
    return step;
}

static enum status carry_through(struct merge_order *o)
{
    struct store *s = o->store;
    struct replica *left = NULL, *right = NULL;
    struct log_pos frozen = {0, 0};
    enum status status;
    while ((status = wait_prepared(o)) == STATUS_OK && (status = freeze(o, &frozen)) == STATUS_WAIT) {
        if (env_now_ns(s->env) >= o->deadline_ns) return STATUS_BUSY;
        store_fiber_sleep(s, 5 * POLL_NS);
    }
    if (status != STATUS_OK) return status;
    o->deadline_ns = env_now_ns(s->env) + FROZEN_NS;
    while ((status = frozen_everywhere(o, frozen, &left, &right)) == STATUS_WAIT && env_now_ns(s->env) < o->deadline_ns)
        store_fiber_sleep(s, POLL_NS);
    if (status != STATUS_OK) return STATUS_BUSY;
    struct merge_step *step = propose_merge(o, frozen, left, right, &status);
    return step == NULL ? status : wait_for(s, step);
}

static void reply(struct store *s, struct rpc_token token, struct range_id range, enum status status, struct range_id right)
{
    uint8_t body[8];
    const struct replica *r = store_replica(s, range);
    store_le64(body, status == STATUS_OK ? right.value : r == NULL ? 0 : replica_leader_hint(r).value);
    bool has_body = status == STATUS_OK || status == STATUS_NOT_LEADER;
    rpc_reply(s->rpc, token, status, bytes_make(body, has_body ? sizeof body : 0));
}

static void order_run(void *arg)
{
    struct merge_order *o = arg;
    struct store *s = o->store;
    enum status status = carry_through(o);
    if (!s->failed) {
        LOG_INFO(s->logger, "shard", "merge ended", "range=%llu right=%llu epoch=%llu status=%s",
                 (unsigned long long)o->left.value, (unsigned long long)o->right.value, (unsigned long long)o->epoch,
                 status_name(status));
        reply(s, o->token, o->left, status, o->right);
    }
    if (o->call.active) rpc_cancel(&o->call);
    list_remove(&o->link);
    free(o);
    store_fiber_end(s);
}

static enum status start(struct store *s, struct replica *r, uint64_t epoch, struct rpc_token token)
{
    if (r == NULL || stopped(s) || !replica_serving(r)) return STATUS_NOT_LEADER;
    if (r->range.value == RANGE_META.value) return STATUS_UNSUPPORTED;
    if (epoch != 0 && epoch != r->descriptor.epoch) return STATUS_STALE_ROUTE;
    if (r->descriptor.end.size == 0) return STATUS_NOT_FOUND;
    if (r->split != NULL || merge_under_way(s, r->range) || replica_frozen(r)) return STATUS_BUSY;
    struct merge_order *o = calloc(1, sizeof *o);
    if (o == NULL) return STATUS_NO_MEMORY;
    o->store = s;
    o->token = token;
    o->left = r->range;
    o->epoch = r->descriptor.epoch;
    o->deadline_ns = env_now_ns(s->env) + PREPARE_NS;
    list_push_back(&s->merges, &o->link);
    enum status status = store_fiber(s, order_run, o);
    if (status == STATUS_OK) return STATUS_OK;
    list_remove(&o->link);
    free(o);
    return status;
}

static void serve_merge(void *ctx, struct rpc_token token, struct bytes body)
{
    struct store *s = ctx;
    struct reader in = reader_make(body);
    struct range_id range = {get_u64(&in)};
    uint64_t epoch = get_u64(&in);
    enum status status = STATUS_INVALID;
    if (reader_done(&in)) status = start(s, store_replica(s, range), epoch, token);
    if (status != STATUS_OK) reply(s, token, range, status, (struct range_id){0});
}

/* ---- giving up, at the left side ---- */

struct give_up {
    struct store *store;
    struct rpc_token token;
    struct range_id range;
    uint64_t epoch;
};

static void reply_descriptor(struct store *s, struct rpc_token token, const struct replica *r)
{
    struct buf encoded;
    buf_init(&encoded, DESCRIPTOR_BYTES_MAX);
    descriptor_encode(&r->descriptor, &encoded);
    rpc_reply(s->rpc, token, encoded.failed ? STATUS_NO_MEMORY : STATUS_OK, buf_view(&encoded));
    buf_deinit(&encoded);
}

static void give_up_run(void *arg)
{
    struct give_up *g = arg;
    struct store *s = g->store;
    struct replica *r = store_replica(s, g->range);
    struct range_change c = {.kind = RANGE_COMMAND_BUMP, .epoch = g->epoch};
    enum status status = STATUS_NOT_LEADER;
    struct merge_step *step = r == NULL || !replica_serving(r) ? NULL : propose(r, &c, &status);
    if (step != NULL) status = wait_for(s, step);
    r = s->failed ? NULL : store_replica(s, g->range);
    if (r != NULL && replica_serving(r) && r->descriptor.epoch > g->epoch) reply_descriptor(s, g->token, r);
    else if (!s->failed) reply(s, g->token, g->range, status == STATUS_OK ? STATUS_BUSY : status, (struct range_id){0});
    free(g);
    store_fiber_end(s);
}

static void serve_give_up(void *ctx, struct rpc_token token, struct bytes body)
{
    struct store *s = ctx;
    struct reader in = reader_make(body);
    struct range_id range = {get_u64(&in)};
    uint64_t epoch = get_u64(&in);
    struct replica *r = store_replica(s, range);
    enum status status = STATUS_OK;
    if (!reader_done(&in)) status = STATUS_INVALID;
    else if (r == NULL || stopped(s) || !replica_serving(r)) status = STATUS_NOT_LEADER;
    else if (r->descriptor.epoch > epoch) {
        reply_descriptor(s, token, r);
        return;
    } else if (r->descriptor.epoch < epoch || merge_under_way(s, range)) status = STATUS_BUSY;
    struct give_up *g = status == STATUS_OK ? malloc(sizeof *g) : NULL;
    if (status == STATUS_OK && g == NULL) status = STATUS_NO_MEMORY;
    if (g != NULL) {
        *g = (struct give_up){s, token, range, epoch};
        status = store_fiber(s, give_up_run, g);
        if (status == STATUS_OK) return;
        free(g);
    }
    reply(s, token, range, status, (struct range_id){0});
}

/* ---- thawing, at the right side ---- */

struct thaw {
    struct store *store;
    struct range_id range, left;
    uint64_t left_epoch;
    struct range_lookup lookup;
    struct rpc_call call;
    bool answered, passed;    /* passed: the left side has moved on without this range */
    enum status status;
    enum range_verdict verdict;
};

static void on_verdict(struct range_lookup *l, enum status status, enum range_verdict verdict, const struct descriptor *d)
{
    struct thaw *t = l->ctx;
    (void)d;
    t->status = status;
    t->verdict = verdict;
    t->answered = true;
}

/* What the metadata range says of a range, for sure. */
static bool ask_verdict(struct thaw *t, struct range_id range)
{
    t->lookup = (struct range_lookup){.on_done = on_verdict, .ctx = t};
    t->answered = false;
    if (store_range_lookup(t->store, &t->lookup, range, true) != STATUS_OK) return false;
    while (!t->answered && !stopped(t->store)) store_fiber_sleep(t->store, POLL_NS);
    if (!t->answered && t->lookup.call.active) rpc_cancel(&t->lookup.call);
    return t->answered && t->status == STATUS_OK;
}

static void on_moved_on(struct rpc_call *call, enum status status, struct bytes body)
{
    struct thaw *t = call->ctx;
    struct descriptor d;
    t->answered = true;
    t->status = status;
    const struct replica *r = stopped(t->store) ? NULL : store_replica(t->store, t->range);
    if (status != STATUS_OK || r == NULL || descriptor_decode(body, &d) != STATUS_OK) return;
    store_route_learn(t->store, &d);
    t->passed = d.range.value == t->left.value && d.epoch > t->left_epoch &&
                !descriptor_contains(&d, r->descriptor.start);
}

static void ask_left(struct thaw *t)
{
    struct store *s = t->store;
    struct route route;
    if (store_route_of(s, t->left, &route) != STATUS_OK || route.leader.value == 0) return;
    uint8_t body[16];
    store_le64(body, t->left.value);
    store_le64(body + 8, t->left_epoch);
    t->call = (struct rpc_call){.on_done = on_moved_on, .ctx = t};
    t->answered = false;
    struct node_id leader = route.leader;
    if (rpc_start(s->rpc, &t->call, leader, RPC_MERGE_GIVE_UP, bytes_make(body, sizeof body), CALL_TIMEOUT_NS) != STATUS_OK)
        return;
    while (!t->answered && !stopped(s)) store_fiber_sleep(s, POLL_NS);
    if (!t->answered && t->call.active) rpc_cancel(&t->call);
    else if (t->status != STATUS_OK) store_route_refused(s, t->left, leader, t->status, BYTES_EMPTY);
}

/* True: the merge it was frozen for has not happened, and never will. */
static bool proven(struct thaw *t)
{
    if (MUTANT("k29_thaw_without_proof")) return true;
    if (!MUTANT("k29_thaw_without_bump")) {
        if (!ask_verdict(t, t->left)) return false;
        /* Taken in itself, or divided: then its descriptor was newer than the one at which this is decided. */
        if (t->verdict == RANGE_VERDICT_GONE) t->passed = true;
        else ask_left(t);
        if (!t->passed) return false;
    }
    return ask_verdict(t, t->range) && t->verdict == RANGE_VERDICT_KNOWN;
}

static void thaw_run(void *arg)
{
    struct thaw *t = arg;
    struct store *s = t->store;
    bool may = proven(t);
    struct replica *r = stopped(s) ? NULL : store_replica(s, t->range);
    struct range_change c = {.kind = RANGE_COMMAND_THAW, .left = t->left, .left_epoch = t->left_epoch};
    if (may && r != NULL && replica_serving(r) && merge_counts(r, &c)) {
        enum status status;
        struct merge_step *step = propose(r, &c, &status);
        if (step != NULL) status = wait_for(s, step);
        if (status != STATUS_OK) COVER("shard_thaw_lost");
    }
    r = s->failed ? NULL : store_replica(s, t->range);
    if (r != NULL) r->thawing = false;
    free(t);
    store_fiber_end(s);
}

static void thaw_begin(struct replica *r)
{
    struct thaw *t = calloc(1, sizeof *t);
    if (t == NULL) return;
    t->store = r->store;
    t->range = r->range;
    t->left = r->descriptor.frozen_for;
    t->left_epoch = r->descriptor.frozen_epoch;
    r->thawing = store_fiber(r->store, thaw_run, t) == STATUS_OK;
    if (!r->thawing) free(t);
}

/* ---- the tick ---- */

/* Returns true when it is to be looked at again. */
static bool look_at(struct replica *r, uint64_t now_ns)
{
    struct store *s = r->store;
    if (r->applied.index < r->commit_index) store_mark_dirty(s, r);
    if (!replica_frozen(r)) return r->applied.index < r->commit_index;
    if (r->frozen_ns == 0) r->frozen_ns = now_ns;
    if (!r->thawing && replica_serving(r) && !merge_under_way(s, r->range) && now_ns - r->frozen_ns > THAW_AFTER_NS)
        thaw_begin(r);
    return true;
}

void merge_tick(struct store *s)
{
    struct list now, *item;
    uint64_t now_ns = env_now_ns(s->env);
    if (!list_empty(&s->united)) merge_drop_logs(s);
    if (s->tick_count % UNBORN_TICKS == 0) merge_look_at_unborn(s);
    list_init(&now);
    while ((item = list_pop_front(&s->merging)) != NULL) list_push_back(&now, item);
    while ((item = list_pop_front(&now)) != NULL) {
        struct replica *r = CONTAINER_OF(item, struct replica, merging_link);
        if (look_at(r, now_ns)) merge_note(r);
    }
}

void merge_serve(struct store *s)
{
    rpc_serve(s->rpc, RPC_RANGE_MERGE, serve_merge, s);
    rpc_serve(s->rpc, RPC_MERGE_GIVE_UP, serve_give_up, s);
    automerge_serve(s);
}

void merges_deinit(struct store *s)
{
    ASSERT(list_empty(&s->merges)); /* their fibers have ended */
    merge_forget_united(s);
}
