/* One-phase commit at the leader (T1): validate what was read, pick ct, propose one entry, answer when it
 * is applied and the clock is past ct.
 *
 * RPC_COMMIT: range u64, epoch u64, node u64, number u64 (the transaction, number 0 when it has locked
 *   nothing), leader u64 (leader_mark of the one that has shown it writes in flight; 0: none), read ts u64, tag u64, highest ct u64
 *   (outcome.c), span count u32, spans, span count u32, spans in other ranges (hold.c), write count u32, writes
 *   (command.c).
 * Reply: ct u64. WAIT: nothing was proposed, because somebody holds a lock on what it writes: ask again. BUSY with a
 *   reading u64: nothing was proposed, because ct would have been above the highest. */
#include <stdlib.h>

#include "txn/divide.h"
#include "txn/leader.h"
#include "txn/lock.h"
#include "txn/two_phase_leader.h"

/* The op stays in flight until its entry is applied or overwritten, however long that takes: a read that
 * did not see it must never be overtaken by it. It is the gateway that gives up waiting. */
#define SPANS_MAX 65536
#define WRITES_MAX 1000000
#define COMMAND_ROOM_BYTES 64 /* beside the writes */
#define LOOKED_PER_STEP 2048u /* keys that a step of a validation looks at */

static void finish(struct range_op *op)
{
    if (!op->applied || !op->past) return;
    uint8_t body[8];
    store_le64(body, op->ct);
    range_op_reply(op, STATUS_OK, bytes_make(body, sizeof body));
}

static void on_applied(struct proposal *p, enum status status, struct bytes result)
{
    (void)result;
    struct range_op *op = p->ctx;
    if (op_is_prepare(op)) {
        prepare_applied(op, status);
        return;
    }
    if (status != STATUS_OK) {
        /* A store that closes knows no more than one whose leadership is gone. */
        bool certain = status == STATUS_NOT_LEADER;
        range_op_reply(op, certain ? STATUS_NOT_LEADER : STATUS_UNKNOWN_OUTCOME, BYTES_EMPTY);
        return;
    }
    op->applied = true;
    for (uint32_t i = 0; i < op->write_count; i++)
        range_op_served(op, op->ct, true, &(struct span){.point = true, .start = op->writes[i].key});
    range_in_flight_remove(op);
    range_unblock_all(op);
    finish(op);
}

/* What was read is as it was then, not as it was when the commit arrived. */
static uint64_t validated_from(const struct range_op *op)
{
    return MUTANT("refresh_at_ct0") ? op->ts : op->read_ts;
}

/* What lies above the timestamp of a refresh comes after it. */
static uint64_t validated_upto(const struct range_op *op)
{
    return op->kind == RANGE_OP_REFRESH ? op->ts : LSM_TS_MAX;
}

/* STATUS_CONFLICT: the span holds a version above read_ts. */
static enum status check_key(struct range_op *op, const struct span *span)
{
    struct lsm_version version = {0};
    enum status status =
        lsm_get(store_lsm(op->range->kv->store), replica_range(op->range->replica), LSM_SPACE_VERSIONS,
                span->start, validated_upto(op), &op->block, &version, NULL);
    if (status == STATUS_NOT_FOUND) return STATUS_OK;
    return status == STATUS_OK && version.ts > validated_from(op) ? STATUS_CONFLICT : status;
}

static enum status check_keys(struct range_op *op, const struct span *span)
{
    struct lsm *lsm = store_lsm(op->range->kv->store);
    enum status status = STATUS_OK;
    if (op->at.scan == NULL)
        status = lsm_iter_open(lsm, replica_range(op->range->replica), LSM_SPACE_VERSIONS, span->start,
                               span->end, validated_upto(op), MUTANT("asides_conflict") ? LSM_ITER_NEWEST : LSM_ITER_LASTING,
                               false, &op->at.scan);
    for (uint32_t looked = 0; status == STATUS_OK; looked++) {
        struct lsm_item item;
        if (looked == LOOKED_PER_STEP) {
            lsm_wait_turn(lsm, &op->block);
            return STATUS_WAIT;
        }
        status = lsm_iter_next(op->at.scan, &op->block, &item);
        bool beside = status == STATUS_OK && txn_is_aside(item.value) && !MUTANT("asides_conflict"); /* only points speak of it */
        if (status == STATUS_OK && item.ts > validated_from(op) && !beside) status = STATUS_CONFLICT;
    }
    if (status == STATUS_WAIT) return status;
    range_scan_end(op);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* Those that validate and had to wait stand in the middle of an older view. */
static void tell_validating(struct range *g, const struct range_op *proposed)
{
    if (g->validating == 0) return;
    LIST_FOR_EACH(item, &g->ops) {
        struct range_op *op = CONTAINER_OF(item, struct range_op, link);
        if (op->kind == RANGE_OP_READ || op->kind == RANGE_OP_REFRESH || !op->at.begun || op->at.overtaken) continue;
        if (op->attempt.tag != 0 && attempt_equal(op->attempt, proposed->attempt)) continue; /* another part of what it writes */
        for (uint32_t s = 0; s < op->span_count && !op->at.overtaken; s++)
            for (uint32_t i = 0; i < proposed->write_count && !op->at.overtaken; i++)
                op->at.overtaken = span_contains(&op->spans[s], proposed->writes[i].key);
    }
}

static bool is_aside(const struct write *w)
{
    return !w->tombstone && txn_aside_key_like(w->key) && txn_is_aside(w->value);
}

/* STATUS_EXISTS when a key that is inserted has a value. What stands beside a row is never older than its end allows: that is
 * seen to here (else STATUS_CONFLICT: the clock is behind), and relied on, so that hardly any table is asked for it. */
static enum status check_inserts(struct range_op *op)
{
    struct range *g = op->range;
    for (uint32_t i = 0; i < op->write_count; i++) {
        const struct write *w = &op->writes[i];
        uint64_t ts_min = is_aside(w) ? txn_aside_begins(txn_aside_ends(w->value)) : 0;
        if (ts_min > op->ts && !MUTANT("aside_of_any_age")) return STATUS_CONFLICT;
        if (!w->insert || MUTANT("insert_unchecked")) continue;
        struct lsm_version version = {0};
        struct lsm *lsm = store_lsm(g->kv->store);
        struct range_id range = replica_range(g->replica);
        enum status status =
            is_aside(w)
                ? lsm_find_ending(lsm, range, w->key, ts_min, &op->block, &version)
                : lsm_get(lsm, range, LSM_SPACE_VERSIONS, w->key, LSM_TS_MAX, &op->block, &version, NULL);
        if (status == STATUS_NOT_FOUND) continue;
        if (status != STATUS_OK) return status;
        if (!version.tombstone) return STATUS_EXISTS;
    }
    return STATUS_OK;
}

/* STATUS_OK: everything read is still current. Goes on behind a wait, and then knows from tell_validating what
 * it could not see. */
enum status commit_validate(struct range_op *op)
{
    struct range *g = op->range;
    if (op->span_count == 0 || MUTANT("refresh")) return STATUS_OK;
    /* What was deleted since it read may have left no trace. */
    if (gc_too_old(g, op->read_ts) && !MUTANT("gc_no_commit_check")) return STATUS_SNAPSHOT_TOO_OLD;
    struct lsm_range_stats stats;
    enum status status =
        lsm_range_stats(store_lsm(g->kv->store), replica_range(g->replica), &stats);
    if (status != STATUS_OK) return status;
    if (stats.newest_ts <= op->read_ts) return STATUS_OK;
    range_progress_begin(op);
    if (op->at.overtaken && !MUTANT("validation_overtaken")) status = STATUS_CONFLICT;
    while (status == STATUS_OK && op->at.done < op->span_count) {
        const struct span *span = &op->spans[op->at.done];
        if (!range_unchanged_since(g, span, op->read_ts))
            status = span->point ? check_key(op, span) : check_keys(op, span);
        if (status == STATUS_OK) op->at.done++;
    }
    if (status == STATUS_CONFLICT) COVER("txn_commit_conflict");
    return status;
}

/* What it writes has a place in the log: behind that op may write the same key, without waiting until it is applied. */
static bool has_its_place(const struct range_op *other)
{
    if (op_is_prepare(other)) return other->state == OP_RESOLVING || MUTANT("written_behind_intents");
    return other->held == NULL;
}

static struct range_op *meets_in_flight(struct range_op *op)
{
    struct range *g = op->range;
    for (uint32_t i = 0; i < op->write_count && g->in_flight_count > 0; i++) {
        const struct write *w = &op->writes[i];
        struct range_op *other = map_get(&g->in_flight, w->key_hash);
        if (other == NULL) continue;
        bool looks = w->insert && !MUTANT("insert_behind_writes"); /* at what is applied */
        if (looks || !has_its_place(other) || !range_op_pipelines(op, other)) return other;
        if (op_is_prepare(other)) COVER("txn_written_behind_resolution");
    }
    /* What is in flight at or below read_ts it has seen: reads wait for it, or have been shown it. */
    for (uint32_t i = 0; i < op->span_count; i++) {
        struct range_op *other =
            range_in_flight_of_others(g, &op->spans[i], op->read_ts, LSM_TS_MAX, op->attempt.tag);
        if (other != NULL && !MUTANT("commit_ignores_in_flight")) return other;
    }
    return NULL;
}

/* Whoever asks for the outcome relies on it that nothing is committed above ct_max, and so does whoever refuses a key
 * that is too old. */
static void refuse_late(struct range_op *op)
{
    COVER("txn_commit_too_late");
    uint8_t body[8];
    store_le64(body, clock_passed(&op->range->kv->clock, op->ts));
    range_op_reply(op, STATUS_BUSY, bytes_make(body, sizeof body));
}

/* From here on whoever comes later finds it, as if it were in the log. */
static void enter_flight(struct range_op *op)
{
    struct range *g = op->range;
    g->high = op->ct;
    for (uint32_t i = 0; i < op->write_count; i++) range_note_write(g, op->writes[i].key, op->ct);
    range_progress_end(op);
    catalog_lease_let_go(op);
    tell_validating(g, op);
    if (op->span_count > 0 && op->ct > g->floor) g->floor = op->ct;
    if (range_in_flight_add(op) != STATUS_OK) UNREACHABLE(); /* reserved by commit_serve's bound */
}

/* A held one has raised `high` to its own ct; others have since. */
static enum status propose(struct range_op *op)
{
    struct range *g = op->range;
    uint64_t before = g->high > op->ct ? g->high : op->ct - 1;
    struct buf command;
    uint8_t room[1024];
    buf_init_lent(&command, RAFT_ENTRY_BYTES_MAX, room, sizeof room);
    buf_reserve(&command, op->writes_encoded.size + COMMAND_ROOM_BYTES);
    shard_command_begin(&command);
    if (op_is_prepare(op)) command_encode_prepare(op, &command);
    else command_encode_commit(op->ct, before, op->tag, op->writes_encoded, &command);
    op->proposal.on_done = on_applied;
    op->proposal.ctx = op;
    enum status status = command_propose(g, &command, COMMAND_FOREVER_NS, &op->proposal);
    buf_deinit(&command);
    return status;
}

/* It stands in the log. */
static void committing(struct range_op *op)
{
    struct range *g = op->range;
    op->state = OP_COMMITTING;
    later_go(g->kv);
    if (op_is_prepare(op)) {
        prepare_proposed(op);
        return;
    }
    g->kv->metrics.commits++;
    op->past = clock_is_past(&g->kv->clock, op->ct) || MUTANT("commit_wait");
    if (!op->past) clock_wait_past(&g->kv->clock, &op->clock, op->ct, REQUEST_TIMEOUT_NS);
    /* The place in the log is fixed: whoever locks these keys next comes after it. */
    if (op->name.number != 0) lock_release(&g->locks, op->name);
}

/* Its timestamp, and then the log; or, when it has read in other ranges, first their leaders. */
static void commit(struct range_op *op)
{
    struct range *g = op->range;
    uint64_t ct = op->ts;
    if (ct <= g->floor && !MUTANT("onepc_floor")) ct = g->floor + 1;
    if (ct <= g->high && !MUTANT("onepc_high")) ct = g->high + 1; /* above every version of every key */
    ASSERT(ct > g->answered); /* TXN-2: nothing appears below a read that somebody has seen */
    if (ct > op->ct_max && !MUTANT("commit_after_its_window")) {
        refuse_late(op);
        return;
    }
    op->ct = ct;
    ASSERT(ct > g->safe.applied);
    bool held = op->foreign_count > 0 && !MUTANT("foreign_reads_forgotten");
    enum status status = held ? STATUS_OK : propose(op);
    if (status == STATUS_OK) {
        enter_flight(op);
        if (!held) committing(op);
        else status = hold_begin(op);
    }
    if (status != STATUS_OK) range_op_reply(op, status, BYTES_EMPTY);
}

void commit_go_on(struct range_op *op)
{
    struct range *g = op->range;
    ASSERT(op->state == OP_HELD);
    enum status status = STATUS_OK;
    if (!replica_serving(g->replica) || !g->ready || g->term != replica_term(g->replica)) status = STATUS_NOT_LEADER;
    /* What it validated may lie elsewhere now; it begins anew with the range's new bounds. */
    else if (op->epoch != replica_descriptor(g->replica)->epoch) status = STATUS_BUSY;
    /* A split was proposed meanwhile: nothing that touches its right half may stand behind it (TXN-14). */
    else if (divide_latched(op) && !MUTANT("held_commit_unlatched")) {
        COVER("txn_held_commit_behind_split");
        status = STATUS_BUSY;
    }
    /* The ring of outcomes relies on it (outcome.c). */
    else if (g->high > op->ct + OUTCOME_DISORDER_NS) status = STATUS_BUSY;
    else status = propose(op);
    if (status == STATUS_OK) committing(op);
    else range_op_reply(op, status, BYTES_EMPTY);
}

static void on_passed(struct lock_request *q, enum status status)
{
    struct range_op *op = q->ctx;
    ASSERT(status == STATUS_OK);
    timer_cancel(store_timers(op->range->kv->store), &op->lock_timer);
    lock_waited(op);
    range_op_run(op);
}

/* One that takes no locks lets those go first that hold some: it would make their work void. */
static bool waits_for_locks(struct range_op *op)
{
    struct range *g = op->range;
    if (op->name.number != 0 || g->locks.lock_count == 0 || MUTANT("lock_ignored_by_commit")) return false;
    for (uint32_t i = 0; i < op->write_count; i++) {
        op->request = (struct lock_request){.on_done = on_passed, .ctx = op};
        if (lock_pass(&g->locks, op->writes[i].key, &op->request) == STATUS_OK) continue;
        op->state = OP_LOCKING;
        lock_queued(op);
        return true;
    }
    return false;
}

/* Who leads a range in a term. The term alone would do, if ranges did not unite: a commit that was meant for one is sent to
 * the other then, whose terms may be the same numbers. */
uint64_t leader_mark(struct range_id range, uint64_t term)
{
    uint64_t both[2] = {range.value, term};
    return hash64(both, sizeof both, 0) | 1;
}

static void evaluate(struct range_op *op)
{
    struct range *g = op->range;
    if (!range_op_may_evaluate(op) || divide_holds(op)) return;
    if (op_is_prepare(op) ? prepare_is_answered(op) : waits_for_locks(op)) return;
    if (catalog_lease_holds(op)) return;
    if (op->name.number != 0 && MUTANT("unlock_before_proposal")) lock_release(&g->locks, op->name);
    struct range_op *other = meets_in_flight(op);
    if (other != NULL && op_is_prepare(op) && !prepare_may_wait(op, other)) {
        op->range->kv->metrics.prepares_refused++;
        if (op_is_prepare(other)) known_wanted_soon(other);
        range_op_reply(op, STATUS_WAIT, BYTES_EMPTY);
        return;
    }
    if (other != NULL) {
        range_block(op, other);
        lock_meets(op, other);
        return;
    }
    enum status status = commit_validate(op);
    /* It builds on what only that leader had: here it may be lost. There it stands before this in the log. */
    if (op->pending_leader != 0 && op->pending_leader != leader_mark(replica_range(g->replica), g->term) &&
        !MUTANT("overlay_of_another_term"))
        status = STATUS_CONFLICT;
    if (status == STATUS_OK) status = check_inserts(op);
    if (status == STATUS_WAIT) {
        op->state = OP_LOADING;
        g->kv->metrics.waits_on_blocks++;
    } else if (status == STATUS_OK) {
        commit(op);
    } else {
        if (status == STATUS_CONFLICT) g->kv->metrics.conflicts++;
        if (status == STATUS_SNAPSHOT_TOO_OLD) g->kv->metrics.snapshots_too_old++;
        range_op_reply(op, status, BYTES_EMPTY);
    }
}

void commit_run(struct range_op *op)
{
    switch (op->state) {
    case OP_CLOCK:
    case OP_EVALUATE:
    case OP_LOCKING:
    case OP_LOADING: evaluate(op); return;
    case OP_BLOCKED:
        lock_met(op);
        evaluate(op);
        return;
    case OP_COMMITTING:
    case OP_PREPARED:
    case OP_RESOLVING:
        if (op_is_prepare(op)) {
            prepare_passed(op);
            return;
        }
        op->past = true;
        finish(op);
        return;
    default: UNREACHABLE();
    }
}

/* ---- decoding ---- */

/* d: they have to lie in it; NULL: anywhere. */
static bool decode_spans(struct kv *kv, struct reader *in, const struct descriptor *d, struct span **spans_out,
                         uint32_t *count_out)
{
    uint32_t count = get_u32(in);
    if (in->failed || count > SPANS_MAX || count > reader_left(in) / 2 + 1) return false;
    struct span *spans = pool_alloc(&kv->pool, (count + 1) * sizeof *spans);
    if (spans == NULL) return false;
    *spans_out = spans;
    *count_out = count;
    for (uint32_t i = 0; i < count; i++) {
        struct span *span = &spans[i];
        if (!decode_span(in, span)) return false;
        if (d != NULL && !(span->point ? descriptor_contains(d, span->start)
                                       : descriptor_covers(d, span->start, span->end)))
            return false;
    }
    return true;
}

bool commit_decode_spans(struct range_op *op, struct reader *in, const struct descriptor *d)
{
    return decode_spans(op->range->kv, in, d, &op->spans, &op->span_count);
}

bool commit_decode_writes(struct range_op *op, struct reader *in, const struct descriptor *d)
{
    const uint8_t *start = in->at;
    op->write_count = get_u32(in);
    /* A write takes three bytes at least: the count cannot ask for more memory than the body has. */
    if (in->failed || op->write_count == 0 || op->write_count > WRITES_MAX ||
        op->write_count > reader_left(in) / 3 + 1) {
        op->write_count = 0;
        return false;
    }
    op->writes = pool_alloc(&op->range->kv->pool, op->write_count * sizeof *op->writes);
    if (op->writes == NULL) {
        op->write_count = 0;
        return false;
    }
    memset(op->writes, 0, op->write_count * sizeof *op->writes);
    op->writes_ascend = true;
    for (uint32_t i = 0; i < op->write_count; i++) {
        struct write *w = &op->writes[i];
        if (!decode_write(in, w) || (d != NULL && !descriptor_contains(d, w->key))) return false;
        if (i > 0 && bytes_compare(w[-1].key, w->key) >= 0) op->writes_ascend = false;
        w->key_hash = hash64(w->key.data, w->key.size, op->range->kv->key_seed);
    }
    op->writes_encoded = bytes_make(start, (size_t)(in->at - start));
    return reader_done(in);
}

static bool decode(struct range_op *op, struct reader *in)
{
    const struct descriptor *d = replica_descriptor(op->range->replica);
    op->name = (struct txn_name){get_u64(in), get_u64(in)};
    op->pending_leader = get_u64(in);
    op->read_ts = get_u64(in);
    op->tag = get_u64(in);
    op->ct_max = get_u64(in);
    return commit_decode_spans(op, in, d) && decode_spans(op->range->kv, in, NULL, &op->foreign, &op->foreign_count) &&
           commit_decode_writes(op, in, d);
}

void commit_serve(void *ctx, struct rpc_token token, struct bytes body)
{
    struct range_op *op = range_op_open(ctx, RANGE_OP_COMMIT, token, body, decode);
    if (op == NULL) return;
    struct range *g = op->range;
    replica_note_request(g->replica, op->writes[0].key);
    op->state = OP_CLOCK;
    clock_now(&g->kv->clock, &op->clock, op->read_ts, REQUEST_TIMEOUT_NS);
}
