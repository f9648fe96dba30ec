/* Commits over several ranges that are acknowledged before their record is there (T10), at the leaders. The anchor's PREPARE is
 * *staged*: it lists all other keys that the transaction writes. The attempt is committed, at the highest lb, from the moment on at which
 * an intent of it stands in the log on every key, if it was not aborted before; its coordinator knows that when all have
 * answered. Everybody else goes by the record: where there is none, whoever leads the anchor's range finds out (recover.c), and asks
 * the leaders of what is listed whether it is there.
 *
 * **S1** A leader that finds a listed key without an intent puts that on record, under the key and the attempt's tag: a *refusal*. No
 * PREPARE places that intent any more; so what was found missing once is missing for ever, and the attempt may be aborted.
 * Refusals name single keys, so they go with them whatever becomes of ranges. They are forgotten as records are: when the
 * floor is above the attempt's window it refuses the PREPARE by itself.
 * **S2** Only what is applied counts, be it an intent or a refusal: who meets a proposed one waits for it.
 * **S3** A refusal counts for a PREPARE from its proposal on: nothing of the attempt is placed behind it in the log.
 *
 * RPC_STAGED: range u64, epoch u64, node u64, number u64 (the transaction), sent u64, tag u64 (the attempt), keys (in this
 *   range). Reply: u8 (1: all of them have an intent of that attempt; 0: one never will), lb u64 (the highest). It may be asked for again.
 * Keys, there and in PREPARE: count u16, sized keys, in their order. */
#include <stdlib.h>

#include "txn/divide.h"
#include "txn/leader.h"
#include "txn/two_phase_leader.h"


/* ================================ keys ================================ */

bool staged_keys_valid(struct bytes keys)
{
    struct reader in = reader_make(keys);
    uint16_t count = get_u16(&in);
    struct bytes last = BYTES_EMPTY;
    if (in.failed || count == 0 || count > STAGED_KEYS_MAX) return false;
    for (uint16_t i = 0; i < count; i++) {
        struct bytes key = get_sized(&in);
        if (in.failed || key.size == 0 || key.size > SHARD_KEY_BYTES_MAX || bytes_compare(key, last) <= 0) return false;
        last = key;
    }
    return reader_done(&in);
}

bool staged_keys_hold(struct bytes keys, struct bytes key)
{
    struct reader in = reader_make(keys);
    for (uint16_t count = get_u16(&in); count > 0; count--)
        if (bytes_equal(get_sized(&in), key)) return true;
    return false;
}

struct range_op *staged_find(const struct range *g, struct attempt a)
{
    for (struct range_op *p = prepared_next(g, a, NULL); p != NULL; p = prepared_next(g, a, p))
        if (p->staged.size > 0) return p;
    return NULL;
}

struct range_op *staged_beside(const struct range_op *op)
{
    struct range_op *p = prepared_beside(op, NULL);
    while (p != NULL && p->staged.size == 0) p = prepared_beside(op, p);
    return p;
}

/* ================================ refusals ================================ */

static struct record *refusal_find(const struct range *g, struct attempt a, struct bytes key)
{
    LIST_FOR_EACH(item, &g->refusals) {
        struct record *r = CONTAINER_OF(item, struct record, link);
        if (attempt_equal(r->attempt, a) && bytes_equal(r->anchor, key)) return r;
    }
    return NULL;
}

bool refusals_meet(const struct range_op *op)
{
    if (list_empty(&op->range->refusals) || MUTANT("refusal_forgotten")) return false;
    for (uint32_t i = 0; i < op->write_count; i++)
        if (refusal_find(op->range, op->attempt, op->writes[i].key) != NULL) return true;
    return false;
}

enum status refusal_add(struct range *g, const struct record *from, struct record **out)
{
    struct record *r = refusal_find(g, from->attempt, from->anchor);
    if (r == NULL) r = malloc(sizeof *r + from->anchor.size);
    else list_remove(&r->link); /* read back once more */
    if (r == NULL) return STATUS_NO_MEMORY;
    uint8_t *at = (uint8_t *)(r + 1);
    *r = *from;
    list_init(&r->link);
    memcpy(at, from->anchor.data, from->anchor.size);
    r->anchor = bytes_make(at, from->anchor.size);
    list_push_back(&g->refusals, &r->link);
    two_phase_note(g);
    *out = r;
    return STATUS_OK;
}

void refusals_clear(struct range *g)
{
    while (!list_empty(&g->refusals)) {
        struct record *r = CONTAINER_OF(g->refusals.next, struct record, link);
        list_remove(&r->link);
        free(r);
    }
}

void refusals_cut(struct range *g, struct bytes key)
{
    LIST_FOR_EACH_SAFE(item, &g->refusals) {
        struct record *r = CONTAINER_OF(item, struct record, link);
        if (bytes_compare(r->anchor, key) < 0) continue;
        list_remove(&r->link);
        free(r);
    }
}

/* ================================ is it there? ================================ */

static void answer(struct range_op *op, bool all, uint64_t lb)
{
    uint8_t body[9] = {all};
    store_le64(body + 1, lb);
    range_op_reply(op, STATUS_OK, bytes_make(body, sizeof body));
}

static struct range_op *holder_of(const struct range_op *op, struct bytes key)
{
    const struct range *g = op->range;
    for (struct range_op *p = prepared_next(g, op->attempt, NULL); p != NULL; p = prepared_next(g, op->attempt, p))
        if (range_op_write(p, key) != NULL || MUTANT("staged_found_by_range")) return p;
    return NULL;
}

/* Who has proposed it. */
static struct range_op *refusing(const struct range_op *op)
{
    LIST_FOR_EACH(item, &op->range->ops) {
        struct range_op *other = CONTAINER_OF(item, struct range_op, link);
        if (other->kind == RANGE_OP_STAGED && other->state == OP_COMMITTING && attempt_equal(other->attempt, op->attempt)) return other;
    }
    return NULL;
}

static struct record refusal_of(const struct range_op *op, struct bytes key, bool proposed)
{
    return (struct record){.attempt = op->attempt, .name = op->name, .anchor = key, .state = RECORD_REFUSED, .proposed = proposed};
}

static void on_refused(struct proposal *p, enum status status, struct bytes result)
{
    (void)result;
    struct range_op *op = p->ctx;
    struct range *g = op->range;
    bool leads = range_has_led_since(g, op);
    for (uint32_t i = 0; i < op->key_count && leads; i++) {
        struct record *r = refusal_find(g, op->attempt, op->keys[i].key);
        if (r != NULL && status == STATUS_OK) r->proposed = false;
    }
    if (status == STATUS_OK) answer(op, false, 0);
    else range_op_reply(op, status == STATUS_NOT_LEADER ? STATUS_NOT_LEADER : STATUS_UNKNOWN_OUTCOME, BYTES_EMPTY);
}

static enum status propose(struct range_op *op)
{
    struct range *g = op->range;
    struct buf command;
    buf_init(&command, RAFT_ENTRY_BYTES_MAX);
    shard_command_begin(&command);
    struct record r = refusal_of(op, BYTES_EMPTY, false);
    command_encode_refuse(&r, op, &command);
    op->proposal.on_done = on_refused;
    op->proposal.ctx = op;
    enum status status = command_propose(g, &command, COMMAND_FOREVER_NS, &op->proposal);
    buf_deinit(&command);
    return status;
}

/* None of the keys that are left in op->keys has an intent. */
static void refuse(struct range_op *op)
{
    struct range *g = op->range;
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < op->key_count && status == STATUS_OK; i++) {
        struct record r = refusal_of(op, op->keys[i].key, true), *added;
        status = refusal_add(g, &r, &added); /* those that are not proposed refuse what may be tried again */
    }
    if (status == STATUS_OK) status = propose(op);
    if (status != STATUS_OK) {
        for (uint32_t i = 0; i < op->key_count; i++) {
            struct record *r = refusal_find(g, op->attempt, op->keys[i].key);
            if (r == NULL) continue;
            list_remove(&r->link);
            free(r);
        }
        range_op_reply(op, status, BYTES_EMPTY);
        return;
    }
    COVER("txn_staged_refused");
    op->state = OP_COMMITTING;
    op->at.term = g->term;
    g->kv->metrics.refusals++;
}

static void evaluate(struct range_op *op)
{
    struct range *g = op->range;
    uint64_t lb = 0;
    uint32_t missing = 0;
    if (!range_op_may_evaluate(op)) return;
    for (uint32_t i = 0; i < op->key_count; i++) {
        struct range_op *p = holder_of(op, op->keys[i].key);
        if (p != NULL && p->state == OP_COMMITTING && !MUTANT("staged_counts_proposals")) {
            COVER("txn_staged_waits_for_prepare");
            range_block(op, p);
            return;
        }
        if (p != NULL && p->ct > lb) lb = p->ct;
        missing += p == NULL;
    }
    if (missing == 0) {
        answer(op, true, lb);
        return;
    }
    bool refused = false;
    for (uint32_t i = 0; i < op->key_count; i++) {
        const struct record *r = refusal_find(g, op->attempt, op->keys[i].key);
        if (r != NULL && !r->proposed) refused = true;
    }
    struct range_op *other = refused ? NULL : refusing(op);
    if (refused || MUTANT("missing_not_refused")) {
        answer(op, false, 0);
        return;
    }
    if (other != NULL) {
        range_block(op, other);
        return;
    }
    if (divide_holds(op)) return;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < op->key_count; i++)
        if (holder_of(op, op->keys[i].key) == NULL) op->keys[kept++] = op->keys[i];
    op->key_count = kept;
    refuse(op);
}

void staged_run(struct range_op *op)
{
    switch (op->state) {
    case OP_EVALUATE:
    case OP_BLOCKED: evaluate(op); return;
    default: UNREACHABLE();
    }
}

static bool decode(struct range_op *op, struct reader *in)
{
    op->name = (struct txn_name){get_u64(in), get_u64(in)};
    op->attempt = (struct attempt){get_u64(in), get_u64(in)};
    if (in->failed || op->attempt.tag == 0 || !clock_may_be(&op->range->kv->clock, op->attempt.sent)) return false;
    if (!staged_keys_valid(bytes_make(in->at, reader_left(in)))) return false;
    uint16_t count = get_u16(in);
    op->keys = pool_alloc(&op->range->kv->pool, count * sizeof *op->keys);
    if (op->keys == NULL) return false;
    for (; op->key_count < count; op->key_count++) {
        op->keys[op->key_count] = (struct lock_key){.key = get_sized(in)};
        if (!descriptor_contains(replica_descriptor(op->range->replica), op->keys[op->key_count].key)) return false;
    }
    return true;
}

static void staged_serve(void *ctx, struct rpc_token token, struct bytes body)
{
    struct range_op *op = range_op_open(ctx, RANGE_OP_STAGED, token, body, decode);
    if (op == NULL) return;
    /* That an intent is not here is said by who leads, and knows everything that was committed before. */
    range_op_confirm(op);
}

void staged_attach(struct kv *kv)
{
    rpc_serve(store_rpc(kv->store), RPC_STAGED, staged_serve, kv);
}
