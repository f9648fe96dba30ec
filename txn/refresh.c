/* What was read at one timestamp is read again at a later one: nothing changed in between, and nothing will (T4). So a
 * transaction that has read in several ranges moves on as a whole, and so it commits in one of them (README.md, Commits).
 *
 * RPC_REFRESH: range u64, epoch u64, read ts u64, ts u64 (above it), sent u64, tag u64 (the attempt that has prepared what it
 *   writes; tag 0: none has), span count u32, spans. Reply: empty. CONFLICT: one of them has a version above the read
 *   timestamp and at or below the other. WAIT: it is asked for by one that has prepared, and meets a held commit, or an intent of
 *   an older attempt: waiting for it might close a circle (prepare.c); ask with another attempt. Who asks: refresh_ask.c.
 *
 * ts need not be a reading of the clock: it is served when the clock has reached it (A2). The next leader takes its floor
 * from a later reading, so nothing is ever committed below, whoever leads. */
#include "txn/leader.h"
#include "txn/two_phase_leader.h"

static struct range_op *meets_in_flight(struct range_op *op)
{
    for (uint32_t i = 0; i < op->span_count; i++) {
        struct range_op *other =
            range_in_flight_of_others(op->range, &op->spans[i], op->read_ts, op->ts, op->attempt.tag);
        if (other != NULL) return other;
    }
    return NULL;
}

static void evaluate(struct range_op *op)
{
    struct range *g = op->range;
    if (!range_op_may_evaluate(op)) return;
    if (op->ts > g->floor && !MUTANT("span_refresh_floor")) g->floor = op->ts;
    struct range_op *other = meets_in_flight(op);
    enum status status = STATUS_OK;
    if (other != NULL && op->attempt.tag != 0 && !prepare_may_wait(op, other)) {
        COVER("txn_refresh_gives_way");
        if (op_is_prepare(other)) known_wanted_soon(other);
        range_op_reply(op, STATUS_WAIT, BYTES_EMPTY);
        return;
    }
    /* Two that are held at one timestamp, each of which reads what the other writes, would wait for each other. */
    if (other != NULL && MUTANT("refresh_passes_intents") && op_is_prepare(other)) {
        status = STATUS_OK;
    } else if (other != NULL && other->held != NULL && other->ct == op->ts) {
        COVER("txn_refresh_tie");
        status = STATUS_CONFLICT;
    } else if (other != NULL) {
        range_block(op, other);
        return;
    }
    if (status == STATUS_OK && !MUTANT("span_refresh_unvalidated")) status = commit_validate(op);
    if (status == STATUS_WAIT) {
        op->state = OP_LOADING;
        g->kv->metrics.waits_on_blocks++;
    } else if (status == STATUS_OK) {
        range_op_answer(op);
    } else {
        if (status == STATUS_CONFLICT) g->kv->metrics.conflicts++;
        range_op_reply(op, status, BYTES_EMPTY);
    }
}

void refresh_run(struct range_op *op)
{
    question_run(op, evaluate);
}

static bool decode(struct range_op *op, struct reader *in)
{
    op->read_ts = get_u64(in);
    op->ts = get_u64(in);
    op->attempt = (struct attempt){get_u64(in), get_u64(in)};
    if (in->failed || op->read_ts == 0 || op->read_ts > op->ts || !clock_may_be(&op->range->kv->clock, op->ts)) return false;
    return commit_decode_spans(op, in, replica_descriptor(op->range->replica)) && reader_done(in);
}

static void refresh_serve(void *ctx, struct rpc_token token, struct bytes body)
{
    struct range_op *op = range_op_open(ctx, RANGE_OP_REFRESH, token, body, decode);
    if (op == NULL) return;
    struct clock *clock = &op->range->kv->clock;
    op->state = OP_CLOCK;
    if (clock_has_reached(clock, op->ts)) range_op_run(op);
    else clock_wait_reached(clock, &op->clock, op->ts, REQUEST_TIMEOUT_NS);
}

void refresh_attach(struct kv *kv)
{
    rpc_serve(store_rpc(kv->store), RPC_REFRESH, refresh_serve, kv);
}
