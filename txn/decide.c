/* The decision about a commit over several ranges: one entry in the log of the range that holds its anchor (T6). Whoever
 * comes first decides: the transaction's gateway, that it is committed at ct; or somebody who found its intents and nobody who
 * answers for it (push.c), that it is aborted. Whoever comes later is told. Nobody acts on a decision that is only proposed.
 *
 * The entry also carries out the decision for the intents of this range, if they are not too many. The others are seen to by
 * resolve.c.
 *
 * A decision to commit is refused when the floor is at or above `sent` + OUTCOME_WINDOW_NS (the end of the window). One to abort
 * needs no record when a reading is past that, too: there is none, and there never will be (record.c, attempt_is_over).
 *
 * Of a staged attempt (staged.c) only its coordinator may say that it is aborted (GIVE_UP), or who has found that a part of it is
 * missing for ever. Whoever else wants that has recover.c find out, and asks again. Where a staged intent stands no record was ever made, and
 * its time is not over: it may be committed since long.
 *
 * RPC_DECIDE: range u64, epoch u64, node u64, number u64 (the transaction), sent u64, tag u64 (the attempt), what u8 (1 it is
 *   committed, 2 it is aborted if nobody has decided, 3 what is it?, 4 as 2, but staged or not, 5 as 1, and that stands whatever becomes of this
 *   request, 6 as 5, and others may wait for it, also in other ranges), ct u64 (0 unless committed), sized anchor, participants:
 *   count u16, { sized low, sized high } (of the keys that were prepared together; count 0 unless committed).
 * Reply: state u8 (0 nobody has decided, 1 committed, 2 aborted, 4 committed, but not in the log yet: known.c), ct u64. BUSY with a reading u64: it is too late to commit.
 *   It may be asked for again. */
#include "txn/divide.h"
#include "txn/leader.h"
#include "txn/two_phase_leader.h"


void decide_encode(struct buf *out, struct txn_name name, struct attempt a, enum decide_what what, uint64_t ct, struct bytes anchor,
                   struct bytes participants)
{
    put_u64(out, name.node);
    put_u64(out, name.number);
    put_u64(out, a.sent);
    put_u64(out, a.tag);
    put_u8(out, (uint8_t)what);
    put_u64(out, ct);
    put_sized(out, anchor);
    if (participants.size == 0) put_u16(out, 0);
    else buf_append_bytes(out, participants);
}

static void finish(struct range_op *op)
{
    if (op->applied && op->past) range_op_reply(op, STATUS_OK, buf_view(&op->reply));
}

/* The gate (A1): who is told of a commit may rely on it that whatever begins then comes after it. */
static void await_past(struct range_op *op, uint64_t ct)
{
    struct clock *clock = &op->range->kv->clock;
    op->ct = ct;
    op->past = ct == 0 || clock_is_past(clock, ct) || MUTANT("commit_wait");
    if (!op->past) clock_wait_past(clock, &op->clock, ct, REQUEST_TIMEOUT_NS);
}

/* When the clock, which somebody waits for already, is past ct. */
static void answer_past(struct range_op *op, enum record_state state, uint64_t ct)
{
    ASSERT(op->ct == ct);
    buf_reset(&op->reply);
    put_u8(&op->reply, (uint8_t)state);
    put_u64(&op->reply, ct);
    op->applied = true;
    op->state = OP_GATE;
    finish(op);
}

static void answer(struct range_op *op, enum record_state state, uint64_t ct)
{
    await_past(op, ct);
    answer_past(op, state, ct);
}

static struct record record_of(const struct range_op *op)
{
    return (struct record){.attempt = op->attempt, .name = op->name, .ct = op->decided_ct, .anchor = op->anchor,
                           .state = op->decided_ct == 0 ? RECORD_ABORTED : RECORD_COMMITTED, .participants = op->participants};
}

/* Leader of the same term: what the entry says of this range's intents is done; the others are told. */
static void carry_out(struct range_op *op)
{
    struct range *g = op->range;
    struct record made = record_of(op), *r = NULL;
    if (record_add(g, &made, &r) != STATUS_OK) COVER("txn_record_without_memory"); /* the next leader reads it back */
    for (struct range_op *next, *p = prepared_beside(op, NULL); p != NULL; p = next) {
        next = prepared_beside(op, p);
        if (p->decided_with == op) prepared_end(p, op->decided_ct);
    }
    if (r == NULL) return;
    if (r->state == RECORD_COMMITTED) resolver_start(g, r);
}

static void on_decided(struct proposal *p, enum status status, struct bytes result)
{
    (void)result;
    struct range_op *op = p->ctx;
    struct range *g = op->range;
    if (status != STATUS_OK) {
        range_op_reply(op, status == STATUS_NOT_LEADER ? STATUS_NOT_LEADER : STATUS_UNKNOWN_OUTCOME, BYTES_EMPTY);
        return;
    }
    if (range_has_led_since(g, op)) carry_out(op);
    enum record_state state = op->decided_ct == 0 ? RECORD_ABORTED : RECORD_COMMITTED;
    range_unblock_all(op);
    if (MUTANT("decision_before_clock")) await_past(op, op->decided_ct);
    answer_past(op, state, op->decided_ct);
}

struct range_op *decided_in_flight(const struct range_op *op)
{
    struct range_op *other = attempt_beside(op, NULL);
    while (other != NULL && !(other->kind == RANGE_OP_DECIDE && other->state == OP_COMMITTING && !other->applied))
        other = attempt_beside(op, other);
    return other;
}

static uint32_t take_along(struct range_op *op, struct range_op *p, struct buf *writes)
{
    for (uint32_t i = 0; i < p->write_count; i++) encode_write(writes, &p->writes[i]);
    p->decided_with = op;
    return p->write_count;
}

static enum status propose(struct range_op *op)
{
    struct range *g = op->range;
    uint64_t ct = op->decided_ct;
    struct buf command, writes;
    struct record r = record_of(op);
    struct range_op *staged = staged_beside(op);
    uint32_t count = 0;
    uint8_t command_room[1024], writes_room[512];
    buf_init_lent(&command, RAFT_ENTRY_BYTES_MAX, command_room, sizeof command_room);
    buf_init_lent(&writes, RAFT_ENTRY_BYTES_MAX, writes_room, sizeof writes_room);
    /* First of all: behind the decision nobody may take it for undecided, and the record may be forgotten. */
    if (staged != NULL) count = take_along(op, staged, &writes);
    for (struct range_op *p = prepared_beside(op, NULL); p != NULL; p = prepared_beside(op, p)) {
        if (p == staged) continue;
        p->decided_with = NULL;
        if (writes.size + p->writes_encoded.size > g->kv->entry_bytes / 2) continue; /* RESOLVE comes to it */
        count += take_along(op, p, &writes);
    }
    shard_command_begin(&command);
    command_encode_decide(&r, g->high > ct ? g->high : ct - (ct > 0), &writes, count, &command);
    op->proposal.on_done = on_decided;
    op->proposal.ctx = op;
    enum status status = command_propose(g, &command, COMMAND_FOREVER_NS, &op->proposal);
    buf_deinit(&command);
    buf_deinit(&writes);
    return status;
}

/* The deliberate bug of who acts on a decision that is only proposed. */
static void count_proposed(struct range_op *op)
{
    struct record made = record_of(op), *r = NULL;
    if (record_add(op->range, &made, &r) == STATUS_OK && r->state == RECORD_COMMITTED) resolver_start(op->range, r);
}

/* Does anybody wait for what it takes away? */
static bool is_awaited(const struct range_op *op)
{
    bool awaited = op->wanted;
    for (struct range_op *p = prepared_beside(op, NULL); p != NULL; p = prepared_beside(op, p))
        awaited |= (p->asked && !MUTANT("who_asks_is_kept_waiting")) || !list_empty(&p->blocked);
    return awaited;
}

/* What waits for company stands already: whoever reads is shown it. */
static bool held_for_company(struct range_op *op)
{
    if (!op->known || !later_hold(op, is_awaited(op))) return false;
    for (struct range_op *p = prepared_beside(op, NULL); p != NULL; p = prepared_beside(op, p)) known_note(p, op->decided_ct);
    return true;
}

/* The decision on op's attempt that stands and is not in the log yet; NULL: there is none. */
static struct range_op *standing(const struct range_op *op)
{
    struct range_op *other = attempt_beside(op, NULL);
    while (other != NULL && !(other->kind == RANGE_OP_DECIDE && (other->state == OP_LATER || other->state == OP_COMMITTING)))
        other = attempt_beside(op, other);
    return other != NULL && (other->known || MUTANT("told_before_decided")) ? other : NULL;
}

/* Somebody waits in another range. If the decision stands that is the answer; else it is not to wait for company when it comes. */
static bool asked_about(struct range_op *op)
{
    struct range_op *decision = standing(op);
    for (struct range_op *p = prepared_beside(op, NULL); p != NULL; p = prepared_beside(op, p)) p->asked = true;
    if (decision == NULL) return false;
    uint64_t ct = decision->decided_ct;
    later_go(op->range->kv);
    answer(op, (enum record_state)DECIDED_STANDS, ct);
    return true;
}

static void decide(struct range_op *op)
{
    struct range *g = op->range;
    for (struct range_op *p = prepared_beside(op, NULL); p != NULL; p = prepared_beside(op, p)) {
        if (p->state == OP_PREPARED) continue;
        range_block(op, p); /* a late or a second one: it is in the log first */
        return;
    }
    if (held_for_company(op)) return;
    enum status status = propose(op);
    if (status != STATUS_OK) {
        range_op_reply(op, status, BYTES_EMPTY);
        return;
    }
    op->state = OP_COMMITTING;
    op->at.term = g->term;
    if (!MUTANT("decision_before_clock")) await_past(op, op->decided_ct); /* while the entry is on its way: one round, not two */
    if (MUTANT("decision_proposed_counts")) count_proposed(op);
    g->kv->metrics.decisions++;
    for (struct range_op *p = prepared_beside(op, NULL); p != NULL; p = prepared_beside(op, p))
        if (p->decided_with == op) resolve_note(p, op->decided_ct, op->known);
    two_phase_note(g);
    for (struct range_op *p = op->known ? prepared_beside(op, NULL) : NULL; p != NULL; p = prepared_beside(op, p))
        if (p->decided_with == op) range_unblock_known(p);
}

static void refuse_late(struct range_op *op)
{
    COVER("txn_decision_too_late");
    uint8_t body[8];
    store_le64(body, kv_timestamp_seen(op->range->kv));
    range_op_reply(op, STATUS_BUSY, bytes_make(body, sizeof body));
}

static uint64_t end_of_window(const struct range_op *op)
{
    return op->attempt.sent + OUTCOME_WINDOW_NS;
}

/* This leader commits nothing of it any more, but the next one might: until a reading says that the window is over. */
static void await_end(struct range_op *op)
{
    COVER("txn_decision_awaits_end_of_window");
    op->state = OP_CLOCK; /* then it looks again */
    clock_wait_past(&op->range->kv->clock, &op->clock, end_of_window(op), REQUEST_TIMEOUT_NS);
}

static void evaluate(struct range_op *op)
{
    struct range *g = op->range;
    bool confirmed = op->confirmed;
    op->confirmed = false;
    if (!range_op_may_evaluate(op)) return;
    const struct record *r = record_find(g, op->attempt);
    if (r != NULL && (op->what != DECIDE_COMMIT || !MUTANT("decided_twice"))) {
        /* A part that was asked for twice may have been prepared again, behind the decision: then the record's ct is the lower one. Nobody
         * asks for a lower one than that, but what comes from a peer is no reason to stop (two_phase.c:take_decision). */
        if (r->state == RECORD_COMMITTED && op->what == DECIDE_COMMIT && r->ct > op->decided_ct) COVER("txn_decision_of_another_time");
        if (op->what == DECIDE_COMMIT && r->state == RECORD_ABORTED) COVER("txn_commit_was_aborted");
        answer(op, r->state, r->ct);
        return;
    }
    if (op->what == DECIDE_ASK && asked_about(op)) return;
    struct range_op *other = decided_in_flight(op);
    if (other != NULL) {
        range_block(op, other);
        return;
    }
    struct range_op *staged = staged_beside(op);
    if (staged != NULL && staged->state == OP_COMMITTING && op->what != DECIDE_ASK) {
        range_block(op, staged);
        return;
    }
    bool over = g->floor >= end_of_window(op) && !MUTANT("decision_after_its_window");
    if (staged != NULL && !MUTANT("staged_too_late")) over = false;
    bool finds_out = staged != NULL && op->what == DECIDE_ABORT && !MUTANT("staged_aborted_by_others");
    if (finds_out) recover_begin(staged);
    if (op->what == DECIDE_ASK || finds_out) answer(op, RECORD_NONE, 0);
    /* It may have been committed, carried out and forgotten: its coordinator is not told that it was not. */
    else if (over && op->what == DECIDE_GIVE_UP && !MUTANT("give_up_too_late")) answer(op, RECORD_NONE, 0);
    else if (over && op->what != DECIDE_COMMIT && !attempt_is_over(g, op->attempt)) await_end(op);
    else if (over && op->what != DECIDE_COMMIT && !confirmed) range_op_confirm(op); /* behind the look at the floor */
    else if (over && op->what != DECIDE_COMMIT) answer(op, RECORD_ABORTED, 0);
    else if (over) refuse_late(op);
    /* The ring of outcomes relies on it (outcome.c). */
    else if (op->what == DECIDE_COMMIT && staged == NULL && g->high > op->decided_ct + OUTCOME_DISORDER_NS) refuse_late(op);
    else if (!divide_holds(op)) decide(op);
}

void decide_run(struct range_op *op)
{
    switch (op->state) {
    case OP_CLOCK:
    case OP_EVALUATE:
    case OP_LATER:
    case OP_BLOCKED: evaluate(op); return;
    case OP_COMMITTING:
    case OP_GATE:
        op->past = true;
        finish(op);
        return;
    default: UNREACHABLE();
    }
}

static bool decode(struct range_op *op, struct reader *in)
{
    op->name = (struct txn_name){get_u64(in), get_u64(in)};
    op->attempt = (struct attempt){get_u64(in), get_u64(in)};
    op->what = get_u8(in);
    op->wanted = op->what == DECIDE_WANTED && !MUTANT("wanted_waits_for_company");
    op->known = op->what == DECIDE_KNOWN || op->what == DECIDE_WANTED || (op->what == DECIDE_COMMIT && MUTANT("decision_known_early"));
    if (op->known) op->what = DECIDE_COMMIT;
    op->decided_ct = get_u64(in);
    op->anchor = get_sized(in);
    if (in->failed || op->attempt.tag == 0 || !clock_may_be(&op->range->kv->clock, op->attempt.sent) ||
        !clock_may_be(&op->range->kv->clock, op->decided_ct) || op->anchor.size == 0 ||
        op->anchor.size > SHARD_KEY_BYTES_MAX || !descriptor_contains(replica_descriptor(op->range->replica), op->anchor))
        return false;
    struct bytes rest = bytes_make(in->at, reader_left(in));
    bool commits = op->what == DECIDE_COMMIT;
    if (commits) op->participants = rest;
    if (commits) return op->decided_ct > op->attempt.sent && participants_valid(rest);
    return op->what >= DECIDE_ABORT && op->what <= DECIDE_GIVE_UP && op->decided_ct == 0 && get_u16(in) == 0 && reader_done(in);
}

static void decide_serve(void *ctx, struct rpc_token token, struct bytes body)
{
    struct range_op *op = range_op_open(ctx, RANGE_OP_DECIDE, token, body, decode);
    if (op == NULL) return;
    if (attempt_enter(op) != STATUS_OK) {
        range_op_reply(op, STATUS_NO_MEMORY, BYTES_EMPTY);
        return;
    }
    /* What was decided, and that nothing was, is said by who leads and knows everything that was committed before. A commit's
     * entry says so itself. */
    op->state = OP_EVALUATE;
    if (op->what == DECIDE_COMMIT) evaluate(op);
    else range_op_confirm(op);
}

void decide_attach(struct kv *kv)
{
    rpc_serve(store_rpc(kv->store), RPC_DECIDE, decide_serve, kv);
}
