/* A staged commit without a record (staged.c) whose coordinator does not answer: the leader of its anchor finds out what became
 * of it. Everything that it lists is asked for; if all is prepared, it is committed at the highest lb, as its coordinator may have said
 * to its client already, and that is put on record. If something is missing it is missing for ever by then (S1), and the record says that it is
 * aborted. The record decides (I7): its coordinator, or another leader that recovers the same, may have been there before. */
#include <stdlib.h>

#include "txn/gateway.h"
#include "txn/two_phase_leader.h"

#define RECOVERIES_MAX 256u
#define ASK_TIMEOUT_NS 2000000000u
#define CUTS_MAX 1000u

struct recovery {
    struct kv *kv;
    struct range_op *op; /* NULL: it is gone, or another leader looks after it */
    struct attempt attempt;
    struct txn_name name;
    uint64_t ct;         /* the highest lb so far */
    struct gateway_interrupt interrupt;
    struct buf body, reply, bounds[2], participants;
    uint16_t participant_count;
    struct bytes anchor, keys; /* follow the struct */
};

static bool goes_on(const struct recovery *r)
{
    return r->op != NULL && !r->kv->stopping && !r->interrupt.requested;
}

static uint64_t deadline_of(const struct recovery *r)
{
    return env_now_ns(store_env(r->kv->store)) + ASK_TIMEOUT_NS;
}

static void put_head(struct recovery *r)
{
    buf_reset(&r->body);
    buf_append_zero(&r->body, GATEWAY_HEAD_BYTES);
}

static void participant_add(struct recovery *r, struct bytes low, struct bytes high)
{
    put_sized(&r->participants, low);
    put_sized(&r->participants, high);
    store_le16(r->participants.data, ++r->participant_count);
}

/* Those from *rest on that lie in one range; *rest goes on behind them when there is an answer. */
static enum status ask_some(struct recovery *r, struct reader *rest, uint16_t *left, bool *all_out)
{
    struct reader in = *rest;
    struct bytes first = get_sized(&in), last = first;
    struct gateway_request q = {.kind = RPC_STAGED, .key = first, .body = &r->body, .repeatable = true, .interrupt = &r->interrupt,
                                .deadline_ns = deadline_of(r)};
    struct route route;
    enum status status = gateway_find(r->kv, &q, false, r->bounds, &route);
    if (status != STATUS_OK) return status;
    put_head(r);
    put_u64(&r->body, r->name.node);
    put_u64(&r->body, r->name.number);
    put_u64(&r->body, r->attempt.sent);
    put_u64(&r->body, r->attempt.tag);
    size_t count_at = r->body.size;
    uint16_t count = 1;
    put_u16(&r->body, 0);
    put_sized(&r->body, first);
    struct reader behind = in;
    for (; count < *left; count++) {
        struct bytes next = get_sized(&in);
        if (!route_holds(&route, next)) break;
        put_sized(&r->body, next);
        last = next;
        behind = in;
    }
    if (r->body.failed) return STATUS_NO_MEMORY;
    store_le16(r->body.data + count_at, count);
    hull_add(&q.hull, &(struct span){.start = first, .point = true});
    hull_add(&q.hull, &(struct span){.start = last, .point = true});
    status = gateway_call(r->kv, &q, &r->reply);
    if (status != STATUS_OK) return status;
    struct reader answer = reader_make(buf_view(&r->reply));
    *all_out = get_u8(&answer) == 1;
    uint64_t lb = get_u64(&answer);
    if (!reader_done(&answer) || (*all_out && lb == 0)) return STATUS_INVALID;
    if (lb > r->ct) r->ct = lb;
    participant_add(r, first, last);
    *rest = behind;
    *left = (uint16_t)(*left - count);
    return STATUS_OK;
}

/* STATUS_OK: *all_out says whether it is committed. */
static enum status ask_all(struct recovery *r, bool *all_out)
{
    struct reader rest = reader_make(r->keys);
    uint16_t left = get_u16(&rest);
    *all_out = true;
    for (uint32_t cuts = 0; left > 0 && *all_out;) {
        enum status status = ask_some(r, &rest, &left, all_out);
        if (status == STATUS_STALE_ROUTE && ++cuts < CUTS_MAX && goes_on(r)) continue; /* it is cut anew */
        if (status != STATUS_OK) return status;
        if (!goes_on(r)) return STATUS_CANCELLED;
    }
    return STATUS_OK;
}

static void decide(struct recovery *r, bool committed)
{
    struct gateway_request q = {.kind = RPC_DECIDE, .key = r->anchor, .body = &r->body, .repeatable = true, .interrupt = &r->interrupt,
                                .deadline_ns = deadline_of(r)};
    put_head(r);
    decide_encode(&r->body, r->name, r->attempt, committed ? DECIDE_COMMIT : DECIDE_GIVE_UP, committed ? r->ct : 0, r->anchor,
                  committed ? buf_view(&r->participants) : BYTES_EMPTY);
    hull_add(&q.hull, &(struct span){.start = r->anchor, .point = true});
    if (r->body.failed || r->participants.failed) return;
    if (committed) r->kv->metrics.recovered_commits++;
    else r->kv->metrics.recovered_aborts++;
    /* Its answer does not matter: who pushes it asks the record, and this is begun anew when there is none. */
    if (gateway_call(r->kv, &q, &r->reply) != STATUS_OK) COVER("txn_recovery_unanswered");
}

static void run(void *arg)
{
    struct recovery *r = arg;
    bool all;
    participant_add(r, r->anchor, r->anchor);
    if (ask_all(r, &all) == STATUS_OK && goes_on(r)) {
        if (all) COVER("txn_recovered_as_committed");
        else COVER("txn_recovered_as_aborted");
        decide(r, all);
    }
    if (r->op != NULL) r->op->recovery = NULL;
    r->kv->recoveries--;
    buf_deinit(&r->body);
    buf_deinit(&r->reply);
    buf_deinit(&r->participants);
    buf_deinit(&r->bounds[0]);
    buf_deinit(&r->bounds[1]);
    free(r);
}

void recover_begin(struct range_op *op)
{
    struct kv *kv = op->range->kv;
    ASSERT(op->staged.size > 0);
    if (op->recovery != NULL || op->state != OP_PREPARED || kv->stopping || kv->recoveries >= RECOVERIES_MAX) return;
    struct recovery *r = calloc(1, sizeof *r + op->anchor.size + op->staged.size);
    if (r == NULL) return; /* who pushes it asks again */
    *r = (struct recovery){.kv = kv, .op = op, .attempt = op->attempt, .name = op->name, .ct = op->ct};
    uint8_t *at = (uint8_t *)(r + 1);
    memcpy(at, op->anchor.data, op->anchor.size);
    r->anchor = bytes_make(at, op->anchor.size);
    at += op->anchor.size;
    memcpy(at, op->staged.data, op->staged.size);
    r->keys = bytes_make(at, op->staged.size);
    buf_init(&r->body, NET_MESSAGE_BYTES_MAX);
    buf_init(&r->reply, NET_MESSAGE_BYTES_MAX);
    buf_init(&r->participants, NET_MESSAGE_BYTES_MAX);
    buf_init(&r->bounds[0], SHARD_KEY_BYTES_MAX);
    buf_init(&r->bounds[1], SHARD_KEY_BYTES_MAX);
    put_u16(&r->participants, 0);
    op->recovery = r;
    kv->recoveries++;
    kv->metrics.recovery_runs++;
    if (!r->participants.failed && fiber_spawn(store_fibers(kv->store), run, r, NULL) == STATUS_OK) return;
    op->recovery = NULL;
    kv->recoveries--;
    buf_deinit(&r->participants);
    free(r);
}

void recover_end(struct range_op *op)
{
    struct recovery *r = op->recovery;
    if (r == NULL) return;
    op->recovery = NULL;
    r->op = NULL;
    gateway_interrupt(&r->interrupt);
}
