/* Intents of which it is known what becomes of them before their range's log says so. A decision that stands whatever becomes of its
 * entry (DECIDE 5) and what carries one out (RESOLVE) wait for company on their way to the log (later.c); meanwhile whoever reads a
 * key sees it through them. The leader of another range than the anchor's hears of a decision only behind its entry; when
 * somebody meets an intent there it asks the anchor's, once if that answers; then the decision waits for company no longer. */
#include "txn/divide.h"
#include "txn/leader.h"
#include "txn/two_phase_leader.h"

#define ASK_TIMEOUT_NS 10000000u /* then it is pushed */

struct known_question {
    struct kv *kv;
    struct range_op *op; /* NULL: it is gone */
    struct range_id asked;
    struct rpc_call call;
    struct list link;    /* kv.questions */
};

void known_note(struct range_op *op, uint64_t ct)
{
    ASSERT(op_is_prepare(op));
    if (op->state != OP_PREPARED || op->known) return;
    op->decided_ct = ct;
    op->known = true;
    range_unblock_all(op); /* who only reads */
}

bool known_at(const struct range_op *other, struct bytes key, uint64_t ts)
{
    return op_is_prepare(other) && other->known && (other->decided_ct <= ts || MUTANT("known_above_grant")) &&
           (range_op_write(other, key) != NULL || MUTANT("known_by_hash"));
}

bool known_for_nothing(const struct range_op *other)
{
    return op_is_prepare(other) && other->decided_ct < other->ct && !MUTANT("gone_intent_shown");
}

/* ---- asking ---- */

static void question_end(struct known_question *q)
{
    if (q->op != NULL) q->op->question = NULL;
    list_remove(&q->link);
    pool_free(&q->kv->pool, q);
}

/* Is it decided, as far as that matters to who waits here? *ct_out 0: it was aborted. */
static bool decode_answer(const struct range_op *op, struct bytes body, uint64_t *ct_out)
{
    struct reader in = reader_make(body);
    uint8_t state = get_u8(&in);
    *ct_out = get_u64(&in);
    if (!reader_done(&in)) return false;
    if (state == RECORD_ABORTED) *ct_out = 0;
    else if (!clock_may_be(&op->range->kv->clock, *ct_out) || *ct_out <= op->attempt.sent) return false;
    return state == RECORD_ABORTED || state == RECORD_COMMITTED || state == DECIDED_STANDS;
}

static void on_answer(struct rpc_call *call, enum status status, struct bytes body)
{
    struct known_question *q = call->ctx;
    struct range_op *op = q->op;
    uint64_t ct;
    if (status != STATUS_OK) store_route_refused(q->kv->store, q->asked, call->to, status, body);
    question_end(q);
    if (op == NULL) {
        COVER("txn_known_for_nobody");
        return;
    }
    op->questioned = status == STATUS_OK;
    if (status != STATUS_OK || !decode_answer(op, body, &ct)) return;
    COVER("txn_known_by_asking");
    known_note(op, ct);
}

/* False: it is not known who leads there, or nothing can be sent. */
static bool ask(struct known_question *q, const struct range_op *op)
{
    struct route route;
    uint8_t room[256];
    struct buf body;
    if (store_route(q->kv->store, op->anchor, &route) != STATUS_OK || route.leader.value == 0) return false;
    buf_init_lent(&body, SHARD_KEY_BYTES_MAX + 256, room, sizeof room);
    q->asked = route.range;
    put_u64(&body, route.range.value);
    put_u64(&body, route.epoch);
    decide_encode(&body, op->name, op->attempt, DECIDE_ASK, 0, op->anchor, BYTES_EMPTY);
    q->call = (struct rpc_call){.on_done = on_answer, .ctx = q};
    bool sent = !body.failed && rpc_start(store_rpc(q->kv->store), &q->call, route.leader, RPC_DECIDE, buf_view(&body), ASK_TIMEOUT_NS) == STATUS_OK;
    buf_deinit(&body);
    return sent;
}

void known_wanted(struct range_op *op)
{
    struct kv *kv = op->range->kv;
    later_go(kv);
    bool elsewhere = !descriptor_contains(replica_descriptor(op->range->replica), op->anchor);
    if (op->state != OP_PREPARED || op->known || op->question != NULL || op->questioned || kv->stopping || !elsewhere || MUTANT("intents_not_asked_about")) return;
    struct known_question *q = pool_alloc(&kv->pool, sizeof *q);
    if (q == NULL) return; /* it is pushed when that is due */
    *q = (struct known_question){.kv = kv, .op = op};
    list_push_back(&kv->questions, &q->link);
    op->question = q;
    if (ask(q, op)) kv->metrics.questions++;
    else question_end(q);
}

void known_wanted_soon(struct range_op *op)
{
    op->asked = true;
    known_wanted(op);
}

void known_end(struct range_op *op)
{
    if (op->question == NULL) return;
    op->question->op = NULL;
    op->question = NULL;
}

void known_attach(struct kv *kv)
{
    list_init(&kv->questions);
}

void known_stop(struct kv *kv)
{
    ASSERT(kv->stopping);
    while (!list_empty(&kv->questions)) {
        struct known_question *q = CONTAINER_OF(kv->questions.next, struct known_question, link);
        rpc_cancel(&q->call);
        question_end(q);
    }
}
