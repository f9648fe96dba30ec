/* What was decided is carried out: intents become versions at ct, or go (T8). Who has it done: resolver.c, two_phase_undo.c. It
 * may be told twice.
 *
 * An intent whose lb lies above ct was not counted when ct was picked: a PREPARE that came late. It goes.
 *
 * RPC_RESOLVE: range u64, epoch u64, then repeated { sent u64, tag u64 (the attempt), ct u64 (0: aborted), sized low, sized high
 *   (both inclusive, in this range) }. Reply: empty, when nothing of these attempts is left there. */
#include "txn/divide.h"
#include "txn/leader.h"
#include "txn/two_phase_leader.h"

#define ITEM_BYTES_MIN 26                      /* of a request */

/* What was decided about an attempt, for the intents that have keys in [low, high]. */
struct resolve_item {
    struct attempt attempt;
    uint64_t ct;
    struct bytes low, high;
};

/* ================================ one intent ================================ */

static void on_resolved(struct proposal *p, enum status status, struct bytes result)
{
    (void)result;
    struct range_op *op = p->ctx;
    if (status == STATUS_OK) prepared_end(op, op->decided_ct);
    else prepared_drop(op); /* the leadership is gone: the next leader reads it back, if it is still there */
}

void resolve_note(struct range_op *op, uint64_t ct, bool known)
{
    struct range *g = op->range;
    for (uint32_t i = 0; i < op->write_count && ct != 0; i++) range_note_write(g, op->writes[i].key, ct);
    if (ct > g->high) g->high = ct;
    op->decided_ct = ct;
    op->known = known;
    op->owner_epoch = replica_descriptor(g->replica)->epoch; /* as of a commit: whoever goes behind it has the same, or a later one */
    op->state = OP_RESOLVING;
}

/* What becomes of it, when its attempt is committed at ct. */
static uint64_t ct_for(const struct range_op *p, uint64_t ct)
{
    if (ct >= p->ct || ct == 0 || MUTANT("late_prepare_resolved")) return ct;
    COVER("txn_intent_not_counted");
    return 0;
}

enum status resolve_propose(struct range_op *op, uint64_t ct)
{
    struct range *g = op->range;
    ASSERT(op->state == OP_PREPARED && g->ready);
    if (divide_latched(op)) return STATUS_BUSY;
    ct = ct_for(op, ct);
    struct buf command;
    buf_init(&command, RAFT_ENTRY_BYTES_MAX);
    shard_command_begin(&command);
    command_begin_resolve(&command);
    command_add_resolved(ct, op->writes_encoded, &command);
    op->proposal.on_done = on_resolved;
    op->proposal.ctx = op;
    enum status status = command_propose(g, &command, COMMAND_FOREVER_NS, &op->proposal);
    buf_deinit(&command);
    if (status != STATUS_OK) return status;
    g->kv->metrics.resolutions++;
    resolve_note(op, ct, true);
    range_unblock_known(op);
    return STATUS_OK;
}

/* ================================ a request ================================ */

static bool lies_within(const struct range_op *p, struct bytes low, struct bytes high)
{
    for (uint32_t i = 0; i < p->write_count; i++)
        if (bytes_compare(p->writes[i].key, low) >= 0 && bytes_compare(p->writes[i].key, high) <= 0) return true;
    return false;
}

static struct range_op *intent_next(const struct range *g, const struct resolve_item *item, const struct range_op *after)
{
    struct range_op *p = prepared_next(g, item->attempt, after);
    while (p != NULL && !lies_within(p, item->low, item->high)) p = prepared_next(g, item->attempt, p);
    return p;
}

/* A PREPARE that still waits for something comes too late: what it would place nobody would resolve but by a push. */
static struct range_op *on_its_way(const struct range *g, struct attempt a)
{
    struct range_op *op = attempt_next(g, a, NULL);
    while (op != NULL && !(op_is_prepare(op) && !range_op_in_flight(op))) op = attempt_next(g, a, op);
    return op;
}

static void refuse_late_ones(struct range_op *op)
{
    for (uint32_t i = 0; i < op->item_count; i++)
        for (struct range_op *late; (late = on_its_way(op->range, op->items[i].attempt)) != NULL;) {
            COVER("txn_prepare_resolved_before");
            range_op_reply(late, STATUS_CONFLICT, BYTES_EMPTY);
        }
}

/* One of its intents whose entry carries out what this op says; the entry is done. */
static struct range_op *done_with(const struct range_op *op, const struct resolve_item *item)
{
    struct range_op *p = intent_next(op->range, item, NULL);
    while (p != NULL && p->decided_with != op) p = intent_next(op->range, item, p);
    return p;
}

static void evaluate(struct range_op *op);

static void on_all_resolved(struct proposal *proposal, enum status status, struct bytes result)
{
    (void)result;
    struct range_op *op = proposal->ctx;
    for (uint32_t i = 0; i < op->item_count; i++)
        for (struct range_op *p; (p = done_with(op, &op->items[i])) != NULL;) {
            if (status == STATUS_OK) prepared_end(p, p->decided_ct);
            else prepared_drop(p); /* as in on_resolved */
        }
    if (status == STATUS_OK) evaluate(op);
    else range_op_reply(op, status == STATUS_NOT_LEADER ? STATUS_NOT_LEADER : STATUS_UNKNOWN_OUTCOME, BYTES_EMPTY);
}

/* Marks the intents that fit into one entry with op; the others have their turn when it is done. */
static void gather(struct range_op *op, struct buf *command)
{
    struct range *g = op->range;
    size_t head = command->size;
    for (uint32_t i = 0; i < op->item_count; i++) {
        const struct resolve_item *item = &op->items[i];
        for (struct range_op *p = intent_next(g, item, NULL); p != NULL; p = intent_next(g, item, p)) {
            if (p->decided_with == op) continue; /* of an item before, of the same attempt */
            if (p->state != OP_PREPARED) continue;
            if (command->size > head && command->size + p->writes_encoded.size > g->kv->entry_bytes) continue;
            command_add_resolved(ct_for(p, item->ct), p->writes_encoded, command);
            p->decided_with = op;
        }
    }
}

/* Nobody's proposal has it: what is marked was so by an op that is gone. */
static void unmark(struct range_op *op)
{
    for (uint32_t i = 0; i < op->item_count; i++)
        for (struct range_op *p = intent_next(op->range, &op->items[i], NULL); p != NULL; p = intent_next(op->range, &op->items[i], p))
            if (p->state == OP_PREPARED) p->decided_with = NULL;
}

static void propose(struct range_op *op)
{
    struct range *g = op->range;
    struct buf command;
    buf_init(&command, RAFT_ENTRY_BYTES_MAX);
    shard_command_begin(&command);
    command_begin_resolve(&command);
    unmark(op);
    gather(op, &command);
    op->proposal.on_done = on_all_resolved;
    op->proposal.ctx = op;
    enum status status = command_propose(g, &command, COMMAND_FOREVER_NS, &op->proposal);
    buf_deinit(&command);
    if (status != STATUS_OK) {
        range_op_reply(op, status, BYTES_EMPTY);
        return;
    }
    op->state = OP_COMMITTING;
    op->at.term = g->term;
    for (uint32_t i = 0; i < op->item_count; i++)
        for (struct range_op *p = intent_next(g, &op->items[i], NULL); p != NULL; p = intent_next(g, &op->items[i], p)) {
            if (p->decided_with != op || p->state != OP_PREPARED) continue;
            g->kv->metrics.resolutions++;
            resolve_note(p, ct_for(p, op->items[i].ct), true);
        }
    for (uint32_t i = 0; i < op->item_count; i++)
        for (struct range_op *p = intent_next(g, &op->items[i], NULL); p != NULL; p = intent_next(g, &op->items[i], p))
            if (p->decided_with == op) range_unblock_known(p);
}

/* What waits for company stands already: whoever reads is shown it. */
static bool held_for_company(struct range_op *op, bool awaited)
{
    if (!later_hold(op, awaited)) return false;
    for (uint32_t i = 0; i < op->item_count; i++)
        for (struct range_op *p = intent_next(op->range, &op->items[i], NULL); p != NULL; p = intent_next(op->range, &op->items[i], p))
            known_note(p, ct_for(p, op->items[i].ct));
    return true;
}

static void evaluate(struct range_op *op)
{
    struct range *g = op->range;
    struct range_op *prepared = NULL, *busy = NULL; /* busy: it is in an entry on its way, or is placed only now */
    bool awaited = false;
    if (!range_op_may_evaluate(op)) return;
    refuse_late_ones(op);
    for (uint32_t i = 0; i < op->item_count; i++) {
        awaited |= op->items[i].ct == 0; /* who has given way comes again when that is done */
        for (struct range_op *p = intent_next(g, &op->items[i], NULL); p != NULL; p = intent_next(g, &op->items[i], p)) {
            if (p->state == OP_PREPARED) prepared = p;
            else busy = p;
            awaited |= p->asked || !list_empty(&p->blocked);
        }
    }
    if (prepared == NULL && busy == NULL) range_op_reply(op, STATUS_OK, BYTES_EMPTY);
    else if (divide_holds(op)) return;
    else if (prepared != NULL && held_for_company(op, awaited)) return;
    else if (prepared != NULL) propose(op);
    else range_block(op, busy);
}

void resolve_run(struct range_op *op)
{
    switch (op->state) {
    case OP_EVALUATE:
    case OP_LATER:
    case OP_BLOCKED: evaluate(op); return;
    default: UNREACHABLE();
    }
}

bool resolve_reaches(const struct range_op *op, struct bytes key)
{
    for (uint32_t i = 0; i < op->item_count; i++) {
        if (bytes_compare(op->items[i].high, key) >= 0) return true;
        for (struct range_op *p = prepared_next(op->range, op->items[i].attempt, NULL); p != NULL;
             p = prepared_next(op->range, op->items[i].attempt, p))
            for (uint32_t w = 0; w < p->write_count; w++)
                if (bytes_compare(p->writes[w].key, key) >= 0) return true;
    }
    return false;
}

static bool decode(struct range_op *op, struct reader *in)
{
    op->items = pool_alloc(&op->range->kv->pool, (reader_left(in) / ITEM_BYTES_MIN + 1) * sizeof *op->items);
    if (op->items == NULL) return false;
    while (reader_left(in) > 0) {
        if (reader_left(in) < ITEM_BYTES_MIN) return false;
        struct resolve_item *item = &op->items[op->item_count++];
        item->attempt = (struct attempt){get_u64(in), get_u64(in)};
        item->ct = get_u64(in);
        item->low = get_sized(in);
        item->high = get_sized(in);
        if (in->failed || item->attempt.tag == 0 || !clock_may_be(&op->range->kv->clock, item->ct) || !descriptor_contains(replica_descriptor(op->range->replica), item->low)) return false;
    }
    if (op->item_count > 1 && MUTANT("resolve_hears_first_only")) op->item_count = 1;
    return op->item_count > 0;
}

static void resolve_serve(void *ctx, struct rpc_token token, struct bytes body)
{
    struct range_op *op = range_op_open(ctx, RANGE_OP_RESOLVE, token, body, decode);
    if (op == NULL) return;
    /* That nothing is left is said by who leads, and knows everything that was committed before. */
    range_op_confirm(op);
}

void resolve_encode(struct buf *out, struct attempt a, uint64_t ct, struct bytes low, struct bytes high)
{
    put_u64(out, a.sent);
    put_u64(out, a.tag);
    put_u64(out, ct);
    put_sized(out, low);
    put_sized(out, high);
}

void resolve_attach(struct kv *kv)
{
    rpc_serve(store_rpc(kv->store), RPC_RESOLVE, resolve_serve, kv);
}
