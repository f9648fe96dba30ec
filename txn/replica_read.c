/* Reads of the past at any replica that was promised that nothing of that time is missing (promise.c). There is nothing to wait
 * for: no leadership, no clock, no writes in flight. What does not fit is refused, and asked for at the leader:
 *   - a timestamp that no promise covers, or bounds that are other ones by now;
 *   - an intent at or below ts in what is read: only the record says what became of it, and when (R3).
 * The intents are looked at once, before the data: what is prepared later has its timestamp above what was promised.
 *
 * RPC_REPLICA_READ: as RPC_READ, with a timestamp and without UNCHANGED. NOT_FOUND: ask the leader. SNAPSHOT_TOO_OLD. */
#include "txn/leader.h"
#include "txn/two_phase_leader.h"

#define INTENTS_LOOKED_MAX 1024u /* in one span */
#define WAITS_MAX 64u            /* for blocks with intents: each time it begins anew */

static void refuse(struct range_op *op)
{
    op->range->kv->metrics.replica_reads_refused++;
    range_op_reply(op, STATUS_NOT_FOUND, BYTES_EMPTY);
}

/* STATUS_OK: an intent; STATUS_NOT_FOUND: the end. */
static enum status next_intent(struct range_op *op, struct lsm_iter *iter, struct prepared_facts *facts)
{
    for (;;) {
        struct lsm_item item;
        struct write w = {.key = BYTES_EMPTY};
        enum status status = lsm_iter_next(iter, &op->block, &item);
        if (status != STATUS_OK) return status;
        if (item.tombstone) continue;
        return intent_decode(item.value, facts, &w) ? STATUS_OK : STATUS_CORRUPT;
    }
}

/* STATUS_OK: none at or below ts. STATUS_CONFLICT: one. */
static enum status look_for_intents(struct range_op *op, const struct span *span)
{
    struct lsm_iter *iter;
    struct prepared_facts facts;
    struct buf end;
    buf_init(&end, SHARD_KEY_BYTES_MAX + 1);
    buf_append_bytes(&end, span->point ? span->start : span->end);
    if (span->point) buf_append_byte(&end, 0); /* behind that key */
    enum status status = end.failed ? STATUS_NO_MEMORY
                                    : lsm_iter_open(store_lsm(op->range->kv->store), replica_range(op->range->replica),
                                                    LSM_SPACE_INTENTS, span->start, buf_view(&end), LSM_TS_MAX, LSM_ITER_NEWEST,
                                                    false, &iter);
    bool open = status == STATUS_OK;
    for (uint32_t looked = 0; status == STATUS_OK; looked++) {
        status = next_intent(op, iter, &facts);
        if (status == STATUS_OK && (facts.lb <= op->ts || looked == INTENTS_LOOKED_MAX)) status = STATUS_CONFLICT;
    }
    if (open) lsm_iter_close(iter);
    buf_deinit(&end);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status look_for_all_intents(struct range_op *op)
{
    struct span span;
    if (MUTANT("promise_ignores_intents")) return STATUS_OK;
    enum status status = STATUS_OK;
    for (; op->range->may_hold && status == STATUS_OK && read_span(op, op->spans_done, &span); op->spans_done += status == STATUS_OK)
        status = look_for_intents(op, &span);
    return status;
}

static void evaluate(struct range_op *op)
{
    struct range *g = op->range;
    op->state = OP_EVALUATE;
    if (replica_descriptor(g->replica)->epoch != op->epoch || replica_applied(g->replica) == 0) {
        refuse(op);
        return;
    }
    op->owner_epoch = op->epoch;
    enum status status = STATUS_OK;
    if (gc_too_old(g, op->ts)) status = STATUS_SNAPSHOT_TOO_OLD;
    if (status == STATUS_OK && !op->confirmed) status = look_for_all_intents(op);
    op->confirmed |= status == STATUS_OK;
    if (status == STATUS_OK) status = read_eval(op);
    if (status == STATUS_WAIT && (op->confirmed || op->waits++ < WAITS_MAX)) {
        op->state = OP_LOADING;
        g->kv->metrics.waits_on_blocks++;
    } else if (status == STATUS_OK) {
        g->kv->metrics.replica_reads++;
        range_op_answer(op);
    } else if (status == STATUS_SNAPSHOT_TOO_OLD) {
        g->kv->metrics.snapshots_too_old++;
        range_op_reply(op, status, BYTES_EMPTY);
    } else {
        if (status == STATUS_CONFLICT) COVER("txn_replica_read_meets_intent");
        refuse(op);
    }
}

void replica_read_run(struct range_op *op)
{
    switch (op->state) {
    case OP_EVALUATE:
    case OP_LOADING: evaluate(op); return;
    default: UNREACHABLE();
    }
}

static void replica_read_serve(void *ctx, struct rpc_token token, struct bytes body)
{
    struct kv *kv = ctx;
    struct reader in = reader_make(body);
    uint64_t range_id = get_u64(&in), epoch = get_u64(&in), ts = get_u64(&in);
    struct replica *r = in.failed || kv->stopping ? NULL : store_replica(kv->store, (struct range_id){range_id});
    const struct descriptor *d = r == NULL ? NULL : replica_descriptor(r);
    struct range *g = r == NULL ? NULL : replica_app(r);
    bool fits = d != NULL && d->epoch == epoch && ts != 0 && promise_covers(g, ts) && read_well_formed(d, body);
    struct range_op *op = fits ? range_op_create(g, RANGE_OP_READ, token, body) : NULL;
    if (op == NULL) {
        kv->metrics.replica_reads_refused++;
        rpc_reply(store_rpc(kv->store), token, STATUS_NOT_FOUND, BYTES_EMPTY);
        return;
    }
    op->at_replica = true;
    op->ts = ts;
    op->epoch = epoch;
    evaluate(op);
}

void replica_read_attach(struct kv *kv)
{
    rpc_serve(store_rpc(kv->store), RPC_REPLICA_READ, replica_read_serve, kv);
}
