/* Who waits for an intent finds out what becomes of it (T9). The leader that holds it asks the anchor's range; when nobody
 * has decided there it asks the node that the transaction runs on; and when that does not know it any more, or does not
 * answer, it has the anchor's range decide that it is aborted, unless it was decided meanwhile. */
#include <stdlib.h>

#include "txn/gateway.h"
#include "txn/two_phase_leader.h"

#define PUSH_AFTER_NS 10000000u      /* somebody has waited for so long */
#define PAUSE_NS_MIN 10000000u
#define PAUSE_NS_MAX 320000000u
#define ASK_TIMEOUT_NS 500000000u    /* of its node */
#define SILENT_NS 2000000000u        /* a node that does not answer for so long is taken for gone */
#define DECIDE_TIMEOUT_NS 2000000000u

struct push {
    struct kv *kv;
    struct range_op *op; /* NULL: it is gone */
    struct attempt attempt;
    struct txn_name name;
    struct gateway_interrupt interrupt;
    struct buf body, reply;
    struct bytes anchor; /* follows the struct */
};

enum verdict { VERDICT_WAIT, VERDICT_COMMITTED, VERDICT_ABORTED };

/* What the range of the anchor says. */
static enum verdict ask_anchor(struct push *h, enum decide_what what, uint64_t *ct_out)
{
    struct kv *kv = h->kv;
    struct gateway_request q = {.kind = RPC_DECIDE, .key = h->anchor, .body = &h->body, .repeatable = true, .interrupt = &h->interrupt,
                                .deadline_ns = env_now_ns(store_env(kv->store)) + DECIDE_TIMEOUT_NS};
    buf_reset(&h->body);
    buf_append_zero(&h->body, GATEWAY_HEAD_BYTES);
    decide_encode(&h->body, h->name, h->attempt, what, 0, h->anchor, BYTES_EMPTY);
    hull_add(&q.hull, &(struct span){.start = h->anchor, .point = true});
    if (h->body.failed || gateway_call(kv, &q, &h->reply) != STATUS_OK) return VERDICT_WAIT;
    struct reader in = reader_make(buf_view(&h->reply));
    uint8_t state = get_u8(&in);
    *ct_out = get_u64(&in);
    if (!reader_done(&in)) return VERDICT_WAIT;
    bool valid = clock_may_be(&kv->clock, *ct_out) && *ct_out > h->attempt.sent;
    if (state == DECIDED_STANDS && valid && h->op != NULL) known_note(h->op, *ct_out);
    if (state == RECORD_COMMITTED && *ct_out != 0) return MUTANT("push_aborts_committed") ? VERDICT_ABORTED : VERDICT_COMMITTED;
    return state == RECORD_ABORTED ? VERDICT_ABORTED : VERDICT_WAIT;
}

enum life { LIFE_ALIVE, LIFE_OVER, LIFE_UNKNOWN };

static enum life ask_its_node(struct push *h)
{
    struct gateway_request q = {.kind = RPC_TXN_ALIVE, .body = &h->body, .repeatable = true, .interrupt = &h->interrupt};
    buf_reset(&h->body);
    put_u16(&h->body, 1);
    put_u64(&h->body, h->name.number);
    put_u64(&h->body, h->attempt.tag);
    if (h->body.failed || gateway_ask(h->kv, &q, (struct node_id){h->name.node}, ASK_TIMEOUT_NS, &h->reply) != STATUS_OK ||
        h->reply.size != 1)
        return LIFE_UNKNOWN;
    return h->reply.data[0] == 1 ? LIFE_ALIVE : LIFE_OVER;
}

static bool goes_on(const struct push *h)
{
    return h->op != NULL && !h->kv->stopping && !h->interrupt.requested;
}

static enum verdict look(struct push *h, uint64_t *silent_since_ns, uint64_t *ct_out)
{
    enum verdict verdict = ask_anchor(h, DECIDE_ASK, ct_out);
    if (verdict != VERDICT_WAIT || !goes_on(h) || h->op->known) return verdict;
    enum life life = ask_its_node(h);
    uint64_t now_ns = env_now_ns(store_env(h->kv->store));
    if (life != LIFE_UNKNOWN) *silent_since_ns = 0;
    else if (*silent_since_ns == 0) *silent_since_ns = now_ns;
    bool gone = life == LIFE_OVER || (life == LIFE_UNKNOWN && now_ns >= *silent_since_ns + SILENT_NS);
    if (!gone || !goes_on(h)) return VERDICT_WAIT;
    verdict = MUTANT("push_without_record") ? VERDICT_ABORTED : ask_anchor(h, DECIDE_ABORT, ct_out);
    if (verdict == VERDICT_ABORTED) h->kv->metrics.pushed_aborts++;
    return verdict;
}

static void run(void *arg)
{
    struct push *h = arg;
    uint64_t pause_ns = PAUSE_NS_MIN, silent_since_ns = 0, ct = 0;
    while (goes_on(h)) {
        enum verdict verdict = look(h, &silent_since_ns, &ct);
        if (!goes_on(h)) break;
        bool open = h->op->state == OP_PREPARED && h->op->range->ready;
        if (verdict != VERDICT_WAIT && open && resolve_propose(h->op, verdict == VERDICT_COMMITTED ? ct : 0) == STATUS_OK) break;
        gateway_pause(h->kv, pause_ns, &h->interrupt);
        if (pause_ns < PAUSE_NS_MAX) pause_ns *= 2;
    }
    if (h->op != NULL) h->op->push = NULL;
    buf_deinit(&h->body);
    buf_deinit(&h->reply);
    free(h);
}

void push_begin(struct range_op *op)
{
    struct kv *kv = op->range->kv;
    if (op->push != NULL || op->state != OP_PREPARED || kv->stopping) return;
    struct push *h = calloc(1, sizeof *h + op->anchor.size);
    if (h == NULL) return; /* the next look begins it */
    h->kv = kv;
    h->op = op;
    h->attempt = op->attempt;
    h->name = op->name;
    memcpy(h + 1, op->anchor.data, op->anchor.size);
    h->anchor = bytes_make(h + 1, op->anchor.size);
    buf_init(&h->body, 1 << 16);
    buf_init(&h->reply, NET_MESSAGE_BYTES_MAX);
    op->push = h;
    kv->metrics.pushes++;
    if (fiber_spawn(store_fibers(kv->store), run, h, NULL) == STATUS_OK) return;
    op->push = NULL;
    free(h);
}

void push_soon(struct range_op *op)
{
    struct kv *kv = op->range->kv;
    if (op->state != OP_PREPARED || op->push != NULL || timer_armed(&op->lock_timer)) return;
    timer_arm(store_timers(kv->store), &op->lock_timer, env_now_ns(store_env(kv->store)) + PUSH_AFTER_NS);
}

void push_end(struct range_op *op)
{
    struct push *h = op->push;
    if (h == NULL) return;
    op->push = NULL;
    h->op = NULL;
    gateway_interrupt(&h->interrupt);
}
