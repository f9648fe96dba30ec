/* A range as its leader serves it. All of it is memory of the leader: it begins anew with each term, from
 * what the log says (high) and what the clock says (the floor, rule A3). */
#include <stdlib.h>

#include "txn/divide.h"
#include "txn/leader.h"
#include "txn/lock.h"
#include "txn/two_phase_leader.h"

#define FLOOR_TIMEOUT_NS 1000000000u

static void range_prepare(struct range *g);

void *range_open(void *ctx, struct replica *r)
{
    struct kv *kv = ctx;
    struct range *g = calloc(1, sizeof *g);
    if (g == NULL) return NULL;
    g->kv = kv;
    g->replica = r;
    list_init(&g->ops);
    list_init(&g->waiting);
    map_init(&g->in_flight);
    map_init(&g->records);
    map_init(&g->attempts);
    list_init(&g->record_list);
    list_init(&g->settled);
    list_init(&g->forgotten);
    list_init(&g->refusals);
    list_init(&g->two_phase);
    list_init(&g->forgetting.link);
    lock_table_init(&g->locks, &kv->pool);
    locks_handed_init(&g->handed);
    g->outcomes.of_node = &kv->outcome_chunks;
    list_push_back(&kv->ranges, &g->link);
    return g;
}

/* Ends every op that has proposed nothing; those that have are ended by their proposal. */
static void range_drop_ops(struct range *g, enum status status)
{
    LIST_FOR_EACH_SAFE(item, &g->ops) {
        struct range_op *op = CONTAINER_OF(item, struct range_op, link);
        if (op->state == OP_COMMITTING) continue;
        range_op_reply(op, status, BYTES_EMPTY);
        item_next = g->ops.next; /* answering may have freed others that were blocked on it */
    }
    lock_table_reset(&g->locks); /* W4: lost with the leadership, but for what was handed on */
    g->handing_over = false;
    records_clear(g);
    divide_forget(g);
}

void range_close(void *state)
{
    struct range *g = state;
    clock_cancel(&g->clock);
    load_end(g);
    list_remove(&g->two_phase);
    list_remove(&g->forgetting.link);
    while (!list_empty(&g->ops)) {
        struct range_op *op = CONTAINER_OF(g->ops.next, struct range_op, link);
        range_op_free(op);
    }
    ASSERT(g->in_flight_count == 0);
    divide_forget(g);
    promise_close(g);
    map_deinit(&g->in_flight);
    records_clear(g);
    map_deinit(&g->records);
    ASSERT(g->attempts.count == 0);
    map_deinit(&g->attempts);
    lock_table_reset(&g->locks);
    locks_handed_drop(&g->handed);
    outcomes_deinit(&g->outcomes);
    list_remove(&g->link);
    free(g);
}

void range_run_waiting(struct range *g)
{
    struct list now, *item;
    list_init(&now);
    while ((item = list_pop_front(&g->waiting)) != NULL) list_push_back(&now, item);
    while ((item = list_pop_front(&now)) != NULL) range_op_run(CONTAINER_OF(item, struct range_op, blocked_link));
}

void range_become_ready(struct range *g, uint64_t now_ts)
{
    struct lsm_range_stats stats;
    struct lsm *lsm = store_lsm(g->kv->store);
    enum status status = lsm_range_stats(lsm, replica_range(g->replica), &stats);
    ASSERT(status == STATUS_OK);
    if (stats.newest_ts > g->high) g->high = stats.newest_ts;
    g->system_high = g->high; /* from here on this leader sees every write before it has a version */
    if (MUTANT("leader_high")) g->high = 0;
    /* Readings and reads of earlier leaders lie below now_ts; commits they logged, at or below high. */
    g->floor = now_ts > g->high ? now_ts : g->high;
    bool forgets = g->closed_ns != 0 && MUTANT("k30_split_forgets_reads");
    if (MUTANT("leader_floor") || forgets) g->floor = 0;
    if (g->floor < g->floor_least && !forgets) g->floor = g->floor_least;
    catalog_lease_ready(g, now_ts);
    if (g->floor < g->safe.applied) g->floor = g->safe.applied; /* TXN-9 */
    ASSERT(g->floor >= g->answered); /* A3, of this replica's earlier terms, and of the left side before a split (K30) */
    g->first_floor = g->floor;
    g->preparing = false;
    g->ready = true;
    divide_served(g);
    locks_take_over(g);
    range_run_waiting(g);
}

static uint64_t current_term(const struct range *g)
{
    return replica_term(g->replica);
}

/* What was prepared by earlier leaders, before anybody is served who would have to meet it. */
static enum status read_back(struct range *g, uint64_t ts)
{
    g->preparing = true;
    enum status status = load_begin(g, ts);
    if (status != STATUS_OK) g->preparing = false;
    return status;
}

static void on_floor(struct clock_wait *w, enum status status, uint64_t ts)
{
    struct range *g = w->ctx;
    if (status == STATUS_CANCELLED) return;
    g->preparing = false;
    if (!replica_serving(g->replica) || current_term(g) != g->term) {
        range_role_changed(g);
        return;
    }
    if (status == STATUS_OK && g->may_hold && !MUTANT("prepared_forgotten_by_new_leader")) status = read_back(g, ts);
    else if (status == STATUS_OK) range_become_ready(g, ts);
    if (status != STATUS_OK) range_prepare(g); /* no clock: nobody is served meanwhile */
}

static void range_prepare(struct range *g)
{
    if (g->preparing || g->kv->stopping) return;
    g->preparing = true;
    g->term = current_term(g);
    g->clock = (struct clock_wait){.on_done = on_floor, .ctx = g};
    clock_floor(&g->kv->clock, &g->clock, FLOOR_TIMEOUT_NS);
}

void range_role_changed(void *state)
{
    struct range *g = state;
    if (replica_range(g->replica).value == RANGE_META.value) {
        clock_role_changed(&g->kv->clock);
        return; /* the metadata range serves no transactions */
    }
    if (g->kv->stopping || g->kv->store == NULL) return;
    bool serving = replica_serving(g->replica);
    if (serving && (g->ready || g->joining) && g->term == current_term(g)) return;
    if (g->ready || g->joining || !serving) {
        if (g->load != NULL) g->preparing = false;
        load_end(g);
        g->ready = false;
        range_drop_ops(g, STATUS_NOT_LEADER);
    }
    if (serving) range_prepare(g);
}

void range_installed(void *state)
{
    struct range *g = state;
    g->high = 0; /* read again from the engine when it leads */
    promise_forget(g);
    outcomes_deinit(&g->outcomes);
    range_role_changed(g);
}

/* ---- requests ---- */

static void reply_not_leader(struct kv *kv, struct rpc_token token, struct node_id hint)
{
    uint8_t body[8];
    store_le64(body, hint.value);
    rpc_reply(store_rpc(kv->store), token, STATUS_NOT_LEADER, bytes_make(body, sizeof body));
}

struct range *range_admit(struct kv *kv, struct rpc_token token, uint64_t range_id, uint64_t epoch)
{
    struct replica *r = store_replica(kv->store, (struct range_id){range_id});
    if (r == NULL || kv->stopping) {
        reply_not_leader(kv, token, (struct node_id){0});
        return NULL;
    }
    if (!replica_serving(r)) {
        struct node_id hint = replica_leader_hint(r);
        if (hint.value == store_identity(kv->store)->node.value) hint.value = 0; /* not yet */
        reply_not_leader(kv, token, hint);
        return NULL;
    }
    const struct descriptor *d = replica_descriptor(r);
    if (d->epoch != epoch && !MUTANT("k31_epoch_ignored")) {
        struct buf body;
        buf_init(&body, 1 << 16);
        divide_stale_body(kv, r, &body);
        COVER("txn_stale_route");
        rpc_reply(store_rpc(kv->store), token, STATUS_STALE_ROUTE, buf_view(&body));
        buf_deinit(&body);
        return NULL;
    }
    return replica_app(r);
}

static void on_clock(struct clock_wait *w, enum status status, uint64_t ts)
{
    struct range_op *op = w->ctx;
    if (status == STATUS_CANCELLED) return;
    if (op->state == OP_CLOCK) {
        if (status != STATUS_OK) {
            range_op_reply(op, STATUS_UNAVAILABLE, BYTES_EMPTY);
            return;
        }
        if (op->kind != RANGE_OP_READ || op->ts == 0) op->ts = ts; /* else it waited until it may be served */
    } else if (status != STATUS_OK) {
        /* Committed, perhaps; the clock's master does not answer: ask on, the gateway has a time-out. */
        COVER("txn_gate_without_clock");
        clock_wait_past(&op->range->kv->clock, &op->clock, op->ct, REQUEST_TIMEOUT_NS);
        return;
    }
    range_op_run(op);
}

static void on_block(struct lsm_waiter *w)
{
    range_op_run(CONTAINER_OF(w, struct range_op, block));
}

struct range_op *range_op_create(struct range *g, enum range_op_kind kind, struct rpc_token token,
                                 struct bytes body)
{
    struct range_op *op = pool_alloc(&g->kv->pool, sizeof *op + body.size);
    if (op == NULL) return NULL;
    memset(op, 0, offsetof(struct range_op, reply_room));
    memcpy(op + 1, body.data, body.size);
    op->body = bytes_make(op + 1, body.size);
    op->range = g;
    op->kind = kind;
    op->token = token;
    list_init(&op->blocked_link);
    list_init(&op->blocked);
    list_init(&op->attempt_link);
    list_init(&op->proposal.link);
    list_init(&op->leadership.link);
    list_init(&op->clock.link);
    op->clock.on_done = on_clock;
    op->clock.ctx = op;
    lsm_waiter_init(&op->block, on_block);
    timer_init(&op->lock_timer, lock_on_timer, op);
    buf_init_lent(&op->reply, NET_MESSAGE_BYTES_MAX - 4096, op->reply_room, sizeof op->reply_room);
    list_push_back(&g->ops, &op->link);
    return op;
}

struct range_op *range_op_open(struct kv *kv, enum range_op_kind kind, struct rpc_token token, struct bytes body,
                               bool (*decode)(struct range_op *op, struct reader *in))
{
    struct reader head = reader_make(body);
    uint64_t range_id = get_u64(&head), epoch = get_u64(&head);
    if (head.failed) {
        rpc_reply(store_rpc(kv->store), token, STATUS_INVALID, BYTES_EMPTY);
        return NULL;
    }
    struct range *g = range_admit(kv, token, range_id, epoch);
    if (g == NULL) return NULL;
    struct range_op *op = range_op_create(g, kind, token, body);
    if (op == NULL) {
        rpc_reply(store_rpc(kv->store), token, STATUS_NO_MEMORY, BYTES_EMPTY);
        return NULL;
    }
    op->epoch = epoch;
    struct reader in = reader_make(op->body);
    in.at += GATEWAY_HEAD_BYTES;
    if (decode(op, &in)) return op;
    range_op_reply(op, STATUS_INVALID, BYTES_EMPTY);
    return NULL;
}

void range_op_free(struct range_op *op)
{
    struct range *g = op->range;
    list_remove(&op->link); /* those that waited for it look through the lists, and must not find it again */
    attempt_leave(op);
    range_in_flight_remove(op);
    range_unblock_all(op);
    range_progress_end(op);
    hold_end(op);
    push_end(op);
    known_end(op);
    recover_end(op);
    prepare_let_go(op);
    catalog_lease_let_go(op);
    timer_cancel(store_timers(g->kv->store), &op->lock_timer);
    lock_request_cancel(&g->locks, &op->request);
    clock_cancel(&op->clock);
    replica_read_cancel(&op->leadership);
    list_remove(&op->proposal.link);
    lsm_waiter_cancel(&op->block);
    list_remove(&op->blocked_link);
    buf_deinit(&op->reply);
    struct pool *pool = &g->kv->pool;
    pool_free(pool, op->keys);
    pool_free(pool, op->spans);
    pool_free(pool, op->foreign);
    pool_free(pool, op->writes);
    pool_free(pool, op->cut_writes);
    pool_free(pool, op->items);
    pool_free(pool, op);
}

void range_scan_end(struct range_op *op)
{
    if (op->at.scan != NULL) lsm_iter_close(op->at.scan);
    op->at.scan = NULL;
}

void range_progress_end(struct range_op *op)
{
    range_scan_end(op);
    if (op->at.begun && op->kind != RANGE_OP_READ) {
        ASSERT(op->range->validating > 0);
        op->range->validating--;
    }
    op->at = (struct range_progress){.begun = false};
}

void range_progress_begin(struct range_op *op)
{
    if (op->at.begun && op->at.term == op->range->term) return;
    range_progress_end(op);
    if (op->kind == RANGE_OP_READ) { /* nothing was shown so far */
        buf_reset(&op->reply);
        op->ct = 0;
    }
    op->at.begun = true;
    op->at.term = op->range->term;
    if (op->kind != RANGE_OP_READ) op->range->validating++;
}

/* A damaged replica is about to be fenced and another will lead: who asked finds it there. */
static bool found_damage(const struct range_op *op, enum status status)
{
    if ((status != STATUS_CORRUPT && status != STATUS_IO) || op->state == OP_COMMITTING) return false;
    struct lsm_range_stats stats;
    const struct replica *r = op->range->replica;
    return lsm_range_stats(store_lsm(op->range->kv->store), replica_range(r), &stats) == STATUS_OK &&
           stats.corrupt;
}

void range_op_reply(struct range_op *op, enum status status, struct bytes body)
{
    struct kv *kv = op->range->kv;
    if (found_damage(op, status)) {
        COVER("txn_damage_found_by_request");
        status = STATUS_NOT_LEADER;
    }
    /* Those that wait for the clock: nobody may conclude that they are not prepared. */
    if (op_is_prepare(op) && (op->state == OP_PREPARED || op->state == OP_RESOLVING)) status = STATUS_UNKNOWN_OUTCOME;
    if (op->detached) COVER("txn_lock_answered_before");
    else if (status == STATUS_NOT_LEADER) reply_not_leader(kv, op->token, replica_leader_hint(op->range->replica));
    else rpc_reply(store_rpc(kv->store), op->token, status, body);
    range_op_free(op);
}

void range_op_served(const struct range_op *op, uint64_t ts, bool wrote, const struct span *span)
{
    const struct kv_witness *w = op->range->kv->witness;
    if (w == NULL) return;
    struct kv_served served = {.range = replica_range(op->range->replica), .epoch = op->owner_epoch, .ts = ts, .wrote = wrote,
                               .point = span->point, .start = span->start, .end = span->end};
    w->on_served(w->ctx, &served);
}

static void tell_witness(const struct range_op *op)
{
    if (op->range->kv->witness == NULL) return;
    if (op->kind == RANGE_OP_READ) read_witness(op);
    for (uint32_t i = 0; i < op->key_count; i++) {
        const struct lock_key *k = &op->keys[i];
        if (k->passed_over || k->foreseen) continue; /* it may be written below ts, by who owns it then: it was shown already */
        range_op_served(op, op->ts, false, &(struct span){.point = true, .start = k->key});
    }
}

void range_op_answer(struct range_op *op)
{
    tell_witness(op);
    if (op->ts > op->range->answered) op->range->answered = op->ts;
    range_op_reply(op, STATUS_OK, buf_view(&op->reply));
}

bool range_op_wait_ready(struct range_op *op)
{
    struct range *g = op->range;
    bool ready = g->ready && g->term == current_term(g), frozen = replica_frozen(g->replica);
    if (ready && (!frozen || MUTANT("merge_reads_after_freeze"))) return false;
    if (frozen) COVER("txn_waits_for_merge");
    list_push_back(&g->waiting, &op->blocked_link);
    if (!ready && replica_serving(g->replica)) range_prepare(g);
    return true;
}

bool range_op_may_evaluate(struct range_op *op)
{
    op->state = OP_EVALUATE;
    op->owner_epoch = replica_descriptor(op->range->replica)->epoch;
    if (replica_serving(op->range->replica)) return !range_op_wait_ready(op);
    range_op_reply(op, STATUS_NOT_LEADER, BYTES_EMPTY);
    return false;
}

static void on_confirmed(struct read_wait *w, enum status status)
{
    struct range_op *op = w->ctx;
    if (status == STATUS_OK) {
        op->state = OP_EVALUATE;
        op->confirmed = true;
        range_op_run(op);
    } else if (status != STATUS_CANCELLED) {
        range_op_reply(op, status == STATUS_TIMEOUT ? STATUS_UNAVAILABLE : STATUS_NOT_LEADER, BYTES_EMPTY);
    }
}

void range_op_confirm(struct range_op *op)
{
    if (replica_read_at_once(op->range->replica)) {
        op->state = OP_EVALUATE;
        op->confirmed = true;
        range_op_run(op);
        return;
    }
    op->state = OP_LEADERSHIP;
    op->leadership.on_done = on_confirmed;
    op->leadership.ctx = op;
    replica_read(op->range->replica, REQUEST_TIMEOUT_NS, &op->leadership);
}

void range_op_run(struct range_op *op)
{
    switch (op->kind) {
    case RANGE_OP_READ: read_run(op); return;
    case RANGE_OP_COMMIT: commit_run(op); return;
    case RANGE_OP_LOCK: lock_run(op); return;
    case RANGE_OP_OUTCOME: outcome_run(op); return;
    case RANGE_OP_REFRESH: refresh_run(op); return;
    case RANGE_OP_LEASE: catalog_lease_run(op); return;
    case RANGE_OP_PREPARE: commit_run(op); return;
    case RANGE_OP_DECIDE: decide_run(op); return;
    case RANGE_OP_RESOLVE: resolve_run(op); return;
    case RANGE_OP_PROMISE: promise_run(op); return;
    case RANGE_OP_STAGED: staged_run(op); return;
    }
}

/* ---- what has been written ---- */

bool range_unchanged_since(const struct range *g, const struct span *span, uint64_t ts)
{
    ASSERT(g->ready);
    if (ts < g->system_high) return false;
    struct bytes last = span->point ? span->start : span->end;
    return last.size > 0 && last.data[0] < KEY_PREFIX_TABLE;
}

void range_note_write(struct range *g, struct bytes key, uint64_t ct)
{
    if (key.size > 0 && key.data[0] < KEY_PREFIX_TABLE && ct > g->system_high && !MUTANT("system_write_unnoticed"))
        g->system_high = ct;
    if (catalog_lease_key(key) && ct > g->record_high) g->record_high = ct;
}
