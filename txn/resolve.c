/* What was decided is carried out: intents become versions at ct, or go (T8). The leader of the anchor tells the other
 * participants as soon as the decision is applied, and a new leader of it does so again for what it finds; they are named
 * by their keys, so whatever splits and merges lie in between, each intent is met. It may be told twice.
 *
 * An intent whose lb lies above ct was not counted when ct was picked: a PREPARE that came late. It goes.
 *
 * RPC_RESOLVE: range u64, epoch u64, sent u64, tag u64 (the attempt), ct u64 (0: aborted), sized low, sized high (both
 *   inclusive, in this range). Reply: empty, when nothing of that attempt is left there. */
#include <stdlib.h>

#include "txn/txn_int.h"

#define RESOLVERS_MAX 256u
#define RESOLVE_TIMEOUT_NS 2000000000u
#define PROPOSE_TIMEOUT_NS (UINT64_C(1) << 62) /* as in commit.c */
#define STEPS_MAX 100000u

/* ================================ the leader ================================ */

static void on_resolved(struct proposal *p, enum status status, struct bytes result)
{
    (void)result;
    struct range_op *op = p->ctx;
    if (status == STATUS_OK) prepared_end(op, op->decided_ct);
    else range_op_free(op); /* the leadership is gone: the next leader reads it back, if it is still there */
}

void resolve_note(struct range_op *op, uint64_t ct)
{
    struct range *g = op->range;
    for (uint32_t i = 0; i < op->write_count && ct != 0; i++) range_note_write(g, op->writes[i].key, ct);
    if (ct > g->high) g->high = ct;
    op->decided_ct = ct;
    op->state = OP_RESOLVING;
}

enum status resolve_propose(struct range_op *op, uint64_t ct)
{
    struct range *g = op->range;
    ASSERT(op->state == OP_PREPARED && g->ready);
    if (divide_latched(op)) return STATUS_BUSY;
    if (ct < op->ct && ct != 0 && !MUTANT("late_prepare_resolved")) {
        COVER("txn_intent_not_counted");
        ct = 0;
    }
    struct buf command;
    buf_init(&command, RAFT_ENTRY_BYTES_MAX);
    put_u8(&command, SHARD_COMMAND_APP);
    command_encode_resolve(ct, op->writes_encoded, &command);
    op->proposal.on_done = on_resolved;
    op->proposal.ctx = op;
    enum status status = command.failed ? STATUS_TOO_LARGE
                                        : replica_propose(g->replica, buf_view(&command), PROPOSE_TIMEOUT_NS, &op->proposal);
    buf_deinit(&command);
    if (status != STATUS_OK) return status;
    g->kv->metrics.resolutions++;
    resolve_note(op, ct);
    return STATUS_OK;
}

static bool lies_within(const struct range_op *p, struct bytes low, struct bytes high)
{
    for (uint32_t i = 0; i < p->write_count; i++)
        if (bytes_compare(p->writes[i].key, low) >= 0 && bytes_compare(p->writes[i].key, high) <= 0) return true;
    return false;
}

/* A PREPARE that still waits for something comes too late: what it would place nobody would resolve but by a push. */
static struct range_op *on_its_way(const struct range *g, struct attempt a)
{
    LIST_FOR_EACH(item, &g->ops) {
        struct range_op *op = CONTAINER_OF(item, struct range_op, link);
        if (op_is_prepare(op) && attempt_equal(op->attempt, a) && !range_op_in_flight(op)) return op;
    }
    return NULL;
}

static void evaluate(struct range_op *op)
{
    struct range *g = op->range;
    if (!range_op_may_evaluate(op)) return;
    for (struct range_op *late; (late = on_its_way(g, op->attempt)) != NULL;) {
        COVER("txn_prepare_resolved_before");
        range_op_reply(late, STATUS_CONFLICT, BYTES_EMPTY);
    }
    struct range_op *p = prepared_next(g, op->attempt, NULL);
    while (p != NULL && !lies_within(p, op->low, op->high)) p = prepared_next(g, op->attempt, p);
    if (p == NULL) {
        range_op_reply(op, STATUS_OK, BYTES_EMPTY);
        return;
    }
    if (divide_holds(op)) return;
    enum status status = p->state == OP_PREPARED ? resolve_propose(p, op->decided_ct) : STATUS_OK;
    if (status == STATUS_OK) range_block(op, p);
    else range_op_reply(op, status, BYTES_EMPTY);
}

void resolve_run(struct range_op *op)
{
    switch (op->state) {
    case OP_EVALUATE:
    case OP_BLOCKED: evaluate(op); return;
    default: UNREACHABLE();
    }
}

static void resolve_serve(void *ctx, struct rpc_token token, struct bytes body)
{
    struct range_op *op = range_op_open(ctx, RANGE_OP_RESOLVE, token, body);
    if (op == NULL) return;
    struct reader in = reader_make(op->body);
    in.at += GATEWAY_HEAD_BYTES;
    op->attempt = (struct attempt){get_u64(&in), get_u64(&in)};
    op->decided_ct = get_u64(&in);
    op->low = get_sized(&in);
    op->high = get_sized(&in);
    if (!reader_done(&in) || op->attempt.tag == 0 || !descriptor_contains(replica_descriptor(op->range->replica), op->low)) {
        range_op_reply(op, STATUS_INVALID, BYTES_EMPTY);
        return;
    }
    /* That nothing is left is said by who leads, and knows everything that was committed before. */
    range_op_confirm(op);
}

void resolve_attach(struct kv *kv)
{
    rpc_serve(store_rpc(kv->store), RPC_RESOLVE, resolve_serve, kv);
}

/* ================================ who tells the participants ================================ */

struct resolver {
    struct kv *kv;
    struct range_id range;     /* of the record, and the term of its leader */
    uint64_t term;
    struct attempt attempt;
    uint64_t ct;
    struct bytes participants; /* follow the struct */
};

/* All that lies in [low, high], range by range. */
static enum status resolve_span(const struct resolver *v, struct bytes low, struct bytes high, struct buf *body, struct buf *reply)
{
    struct kv *kv = v->kv;
    struct buf bounds[2], from;
    buf_init(&bounds[0], SHARD_KEY_BYTES_MAX);
    buf_init(&bounds[1], SHARD_KEY_BYTES_MAX);
    buf_init(&from, SHARD_KEY_BYTES_MAX);
    buf_append_bytes(&from, low);
    enum status status = from.failed ? STATUS_NO_MEMORY : STATUS_OK;
    uint64_t deadline_ns = env_now_ns(store_env(kv->store)) + RESOLVE_TIMEOUT_NS;
    for (uint32_t step = 0; status == STATUS_OK && bytes_compare(buf_view(&from), high) <= 0; step++) {
        struct gateway_request q = {.kind = RPC_RESOLVE, .key = buf_view(&from), .body = body, .deadline_ns = deadline_ns,
                                    .repeatable = true};
        struct route route;
        if (step == STEPS_MAX) status = STATUS_UNAVAILABLE;
        if (status == STATUS_OK) status = gateway_find(kv, &q, false, bounds, &route);
        if (status != STATUS_OK) break;
        bool ends = route.end.size > 0 && bytes_compare(route.end, high) <= 0;
        buf_reset(body);
        buf_append_zero(body, GATEWAY_HEAD_BYTES);
        put_u64(body, v->attempt.sent);
        put_u64(body, v->attempt.tag);
        put_u64(body, v->ct);
        put_sized(body, buf_view(&from));
        put_sized(body, ends ? route.end : high);
        hull_add(&q.hull, &(struct span){.start = buf_view(&from), .end = ends ? route.end : BYTES_EMPTY, .point = !ends});
        if (!ends) hull_add(&q.hull, &(struct span){.start = high, .point = true});
        status = body->failed ? STATUS_NO_MEMORY : gateway_call(kv, &q, reply);
        if (status == STATUS_STALE_ROUTE) status = STATUS_OK; /* it is cut anew */
        else if (status == STATUS_OK && !ends) break;
        else if (status == STATUS_OK) {
            buf_reset(&from);
            buf_append_bytes(&from, route.end);
            if (from.failed) status = STATUS_NO_MEMORY;
        }
    }
    buf_deinit(&bounds[0]);
    buf_deinit(&bounds[1]);
    buf_deinit(&from);
    return status;
}

/* The decision's entry has done it already. */
static bool is_done_here(const struct resolver *v, struct bytes low, struct bytes high)
{
    struct replica *r = store_replica(v->kv->store, v->range);
    const struct range *g = r == NULL ? NULL : replica_app(r);
    if (g == NULL || !g->ready || !replica_serving(r) || g->term != v->term) return false;
    const struct descriptor *d = replica_descriptor(r);
    return descriptor_contains(d, low) && descriptor_contains(d, high) && prepared_next(g, v->attempt, NULL) == NULL;
}

static struct record *record_of(const struct resolver *v)
{
    struct replica *r = store_replica(v->kv->store, v->range);
    struct range *g = r == NULL ? NULL : replica_app(r);
    return g == NULL ? NULL : record_find(g, v->attempt);
}

static void run(void *arg)
{
    struct resolver *v = arg;
    struct buf body, reply;
    buf_init(&body, 1 << 16);
    buf_init(&reply, NET_MESSAGE_BYTES_MAX);
    struct reader in = reader_make(v->participants);
    enum status status = STATUS_OK;
    for (uint16_t count = get_u16(&in); count > 0 && status == STATUS_OK; count--) {
        struct bytes low = get_sized(&in), high = get_sized(&in);
        ASSERT(!in.failed); /* participants_valid */
        if (!is_done_here(v, low, high)) status = resolve_span(v, low, high, &body, &reply);
    }
    buf_deinit(&body);
    buf_deinit(&reply);
    struct record *record = record_of(v);
    if (record != NULL) { /* it may be another leader's record of the same by now, which is as good */
        record->resolving = false;
        if (status == STATUS_OK) record->resolved = true;
    }
    v->kv->resolvers--;
    free(v);
}

void resolver_start(struct range *g, struct record *r)
{
    struct kv *kv = g->kv;
    if (r->resolving || kv->resolvers >= RESOLVERS_MAX || kv->stopping) return; /* the next look begins it */
    struct resolver *v = malloc(sizeof *v + r->participants.size);
    if (v == NULL) return;
    *v = (struct resolver){.kv = kv, .range = replica_range(g->replica), .term = g->term, .attempt = r->attempt, .ct = r->ct};
    memcpy(v + 1, r->participants.data, r->participants.size);
    v->participants = bytes_make(v + 1, r->participants.size);
    r->resolving = true;
    kv->resolvers++;
    if (fiber_spawn(store_fibers(kv->store), run, v, NULL) == STATUS_OK) return;
    r->resolving = false;
    kv->resolvers--;
    free(v);
}
