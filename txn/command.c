/* What transactions put into a range's log, and into requests.
 *
 * Command: version u8 (2), kind u8, then
 *   1 COMMIT      ct u64, tag u64 (of the transaction's id: outcome.c), write count u32, writes
 *   2 SAFE_POINT  ts u64: no read below it is served any more (gc.c)
 *   3 HELD        ct u64, tag u64, before u64 (a commit with that ct may stand before this one in the log), write count
 *                 u32, writes. Of a COMMIT nothing with a higher ct stands before it.
 * and of commits over several ranges (prepare.c, decide.c, resolve.c, record.c):
 *   4 PREPARE     lb u64, sent u64, tag u64, node u64, number u64, sized anchor, write count u32, writes: each an intent
 *   5 DECIDE      sized anchor, tag u64, sized record, before u64 (as HELD), write count u32, writes: they were intents of that attempt, and are
 *                 versions at ct now, or gone
 *   6 RESOLVE     repeated, each of one attempt: ct u64 (0: they go), write count u32, writes: as of DECIDE
 *   7 FORGET      none u8 (1: there are no intents and no records at this place in the log), count u32, { sized anchor, tag u64 } (records)
 *   8 STAGED      as PREPARE, with the sized keys of the others (staged.c) behind the anchor: they stand in the anchor's intent
 *   9 REFUSE      sent u64, tag u64, node u64, number u64, count u32, sized keys: none of them gets an intent of that attempt any more
 * Record, under its anchor and tag in LSM_SPACE_LOCAL: state u8 (1 committed, 2 aborted, 3 a refusal, under its key), sent u64, ct u64, node u64, number u64, and participants
 *   (of a committed one: count u16, { sized low, sized high }).
 * Intent, under its key: sent u64, tag u64, lb u64, node u64, number u64, sized anchor, flags u8 (1 tombstone, 2 staged), sized value, and
 *   the keys of the others if it is staged.
 * Write: flags u8 (0: put, 1: tombstone, 2: put where there is no value), sized key, sized value.  Span: flags u8 (1: point), sized start, and
 * sized end unless point. */
#include "txn/leader.h"
#include "txn/two_phase_leader.h"

#define COMMAND_VERSION 2 /* 1: commits without a tag */
enum command_kind {
    COMMAND_COMMIT = 1, COMMAND_SAFE_POINT = 2, COMMAND_HELD = 3, COMMAND_PREPARE = 4, COMMAND_DECIDE = 5, COMMAND_RESOLVE = 6,
    COMMAND_FORGET = 7, COMMAND_STAGED = 8, COMMAND_REFUSE = 9
};

enum status command_propose(struct range *g, struct buf *command, uint64_t timeout_ns, struct proposal *p)
{
    shard_command_end(command);
    return command->failed ? STATUS_TOO_LARGE : replica_propose(g->replica, buf_view(command), timeout_ns, p);
}

void encode_span(struct buf *out, const struct span *span)
{
    put_u8(out, span->point);
    put_sized(out, span->start);
    if (!span->point) put_sized(out, span->end);
}

bool decode_span(struct reader *r, struct span *span)
{
    uint8_t flags = get_u8(r);
    span->point = flags == 1;
    span->start = get_sized(r);
    span->end = span->point ? BYTES_EMPTY : get_sized(r);
    return !r->failed && flags <= 1 && span->start.size <= SHARD_KEY_BYTES_MAX &&
           span->end.size <= SHARD_KEY_BYTES_MAX;
}

void encode_write_head(struct buf *out, const struct write *write)
{
    ASSERT(!write->tombstone || !write->insert);
    put_u8(out, write->tombstone ? 1 : write->insert ? 2 : 0);
    put_sized(out, write->key);
    put_varint(out, write->value.size);
}

void encode_write(struct buf *out, const struct write *write)
{
    encode_write_head(out, write);
    buf_append_bytes(out, write->value);
}

bool decode_write(struct reader *r, struct write *write)
{
    uint8_t flags = get_u8(r);
    write->tombstone = flags == 1;
    write->insert = flags == 2;
    write->key = get_sized(r);
    write->value = get_sized(r);
    return !r->failed && flags <= 2 && write->key.size > 0 &&
           write->key.size <= SHARD_KEY_BYTES_MAX && write->value.size <= LSM_VALUE_BYTES_MAX;
}

void command_encode_commit(uint64_t ct, uint64_t before, uint64_t tag, struct bytes writes_encoded, struct buf *out)
{
    put_u8(out, COMMAND_VERSION);
    put_u8(out, before < ct ? COMMAND_COMMIT : COMMAND_HELD);
    put_u64(out, ct);
    put_u64(out, tag);
    if (before >= ct) put_u64(out, before);
    buf_append_bytes(out, writes_encoded);
}

static void begin(struct buf *out, enum command_kind kind)
{
    put_u8(out, COMMAND_VERSION);
    put_u8(out, (uint8_t)kind);
}

void command_encode_prepare(const struct range_op *op, struct buf *out)
{
    begin(out, op->staged.size > 0 ? COMMAND_STAGED : COMMAND_PREPARE);
    put_u64(out, op->ct);
    put_u64(out, op->attempt.sent);
    put_u64(out, op->attempt.tag);
    put_u64(out, op->name.node);
    put_u64(out, op->name.number);
    put_sized(out, op->anchor);
    if (op->staged.size > 0) put_sized(out, op->staged);
    buf_append_bytes(out, op->writes_encoded);
}

void command_encode_refuse(const struct record *r, const struct range_op *op, struct buf *out)
{
    begin(out, COMMAND_REFUSE);
    put_u64(out, r->attempt.sent);
    put_u64(out, r->attempt.tag);
    put_u64(out, r->name.node);
    put_u64(out, r->name.number);
    put_u32(out, op->key_count);
    for (uint32_t i = 0; i < op->key_count; i++) put_sized(out, op->keys[i].key);
}

void command_encode_decide(const struct record *r, uint64_t before, const struct buf *writes, uint32_t write_count, struct buf *out)
{
    struct buf value;
    uint8_t room[512];
    buf_init_lent(&value, RAFT_ENTRY_BYTES_MAX, room, sizeof room);
    record_encode(&value, r);
    begin(out, COMMAND_DECIDE);
    put_sized(out, r->anchor);
    put_u64(out, r->attempt.tag);
    put_sized(out, buf_view(&value));
    put_u64(out, before);
    put_u32(out, write_count);
    buf_append_bytes(out, buf_view(writes));
    if (value.failed || writes->failed) out->failed = true;
    buf_deinit(&value);
}

void command_begin_resolve(struct buf *out)
{
    begin(out, COMMAND_RESOLVE);
}

void command_add_resolved(uint64_t ct, struct bytes writes_encoded, struct buf *out)
{
    put_u64(out, ct);
    buf_append_bytes(out, writes_encoded);
}

void command_encode_forget(bool none, const struct buf *keys, uint32_t count, struct buf *out)
{
    begin(out, COMMAND_FORGET);
    put_u8(out, none);
    put_u32(out, count);
    buf_append_bytes(out, buf_view(keys));
    if (keys->failed) out->failed = true;
}

void command_encode_safe_point(uint64_t safe_point, struct buf *out)
{
    put_u8(out, COMMAND_VERSION);
    put_u8(out, COMMAND_SAFE_POINT);
    put_u64(out, safe_point);
}

static void apply_version(struct range *g, const struct write *w, uint64_t ct, struct shard_batch *batch)
{
    if (w->tombstone) {
        shard_batch_delete(batch, LSM_SPACE_VERSIONS, w->key, ct);
        return;
    }
    uint64_t end = txn_aside_ends(w->value);
    if (end > g->asides_end) g->asides_end = end;
    shard_batch_put(batch, LSM_SPACE_VERSIONS, w->key, ct, w->value);
}

static enum status apply_commit(struct range *g, struct reader *r, struct shard_batch *batch, bool held)
{
    uint64_t ct = get_u64(r), tag = get_u64(r);
    uint64_t before = held ? get_u64(r) : ct - 1;
    uint32_t count = get_u32(r);
    if (r->failed || ct == 0) return STATUS_VERSION;
    /* TXN-9: the engine may have forgotten what such a version would have to be put beside. */
    if (ct <= g->safe.applied) return STATUS_INVALID;
    for (uint32_t i = 0; i < count; i++) {
        struct write w;
        if (!decode_write(r, &w)) return STATUS_VERSION;
        range_note_write(g, w.key, ct);
        apply_version(g, &w, ct, batch);
    }
    if (!reader_done(r)) return STATUS_VERSION;
    if (ct > g->high) g->high = ct;
    outcomes_add(&g->outcomes, tag, ct, before);
    return STATUS_OK;
}

static void intent_encode(struct buf *out, const struct prepared_facts *facts, const struct write *w)
{
    put_u64(out, facts->attempt.sent);
    put_u64(out, facts->attempt.tag);
    put_u64(out, facts->lb);
    put_u64(out, facts->name.node);
    put_u64(out, facts->name.number);
    put_sized(out, facts->anchor);
    bool staged = facts->staged.size > 0 && bytes_equal(facts->anchor, w->key);
    put_u8(out, (uint8_t)(w->tombstone | staged << 1));
    put_sized(out, w->value);
    if (staged) buf_append_bytes(out, facts->staged);
}

bool intent_decode(struct bytes value, struct prepared_facts *facts, struct write *write)
{
    struct reader r = reader_make(value);
    facts->attempt = (struct attempt){get_u64(&r), get_u64(&r)};
    facts->lb = get_u64(&r);
    facts->name = (struct txn_name){get_u64(&r), get_u64(&r)};
    facts->anchor = get_sized(&r);
    uint8_t flags = get_u8(&r);
    write->tombstone = (flags & 1) != 0;
    write->insert = false;
    write->value = get_sized(&r);
    facts->staged = BYTES_EMPTY;
    if (r.failed || flags > 3 || facts->attempt.tag == 0 || facts->lb == 0) return false;
    if ((flags & 2) == 0) return reader_done(&r);
    facts->staged = bytes_make(r.at, reader_left(&r));
    return staged_keys_valid(facts->staged);
}

static enum status apply_prepare(struct range *g, struct reader *r, bool staged, struct shard_batch *batch)
{
    struct prepared_facts facts = {.lb = get_u64(r)};
    facts.attempt = (struct attempt){get_u64(r), get_u64(r)};
    facts.name = (struct txn_name){get_u64(r), get_u64(r)};
    facts.anchor = get_sized(r);
    if (staged) facts.staged = get_sized(r);
    uint32_t count = get_u32(r);
    if (r->failed || facts.lb == 0 || (staged && !staged_keys_valid(facts.staged))) return STATUS_VERSION;
    struct buf value;
    uint8_t room[512];
    buf_init_lent(&value, LSM_VALUE_BYTES_MAX, room, sizeof room);
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        struct write w;
        if (!decode_write(r, &w)) status = STATUS_VERSION;
        if (status != STATUS_OK) break;
        buf_reset(&value);
        intent_encode(&value, &facts, &w);
        if (value.failed) status = STATUS_NO_MEMORY;
        else shard_batch_put_alone(batch, LSM_SPACE_INTENTS, w.key, buf_view(&value));
    }
    buf_deinit(&value);
    if (status == STATUS_OK && !reader_done(r)) status = STATUS_VERSION;
    if (facts.lb > g->high) g->high = facts.lb;
    g->may_hold = true;
    return status;
}

/* Versions below the safe point may come of them: nothing newer of these keys has been there since they were prepared, and
 * what reads at or above the safe point see of them is what they were waited for. */
static enum status apply_resolved(struct range *g, struct reader *r, uint64_t ct, struct shard_batch *batch)
{
    uint32_t count = get_u32(r);
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        struct write w;
        if (!decode_write(r, &w)) return STATUS_VERSION;
        shard_batch_delete(batch, LSM_SPACE_INTENTS, w.key, 0);
        if (ct == 0) continue;
        range_note_write(g, w.key, ct);
        apply_version(g, &w, ct, batch);
    }
    if (ct > g->high) g->high = ct;
    return r->failed ? STATUS_VERSION : STATUS_OK;
}

static enum status apply_resolve(struct range *g, struct reader *r, struct shard_batch *batch)
{
    enum status status = STATUS_OK;
    do {
        uint64_t ct = get_u64(r);
        status = apply_resolved(g, r, ct, batch);
    } while (status == STATUS_OK && reader_left(r) > 0);
    return status;
}

static enum status apply_decide(struct range *g, struct reader *r, struct shard_batch *batch)
{
    struct bytes anchor = get_sized(r);
    uint64_t tag = get_u64(r);
    struct bytes value = get_sized(r);
    uint64_t before = get_u64(r);
    struct record record;
    if (r->failed || !record_decode(anchor, tag, value, &record)) return STATUS_VERSION;
    shard_batch_put(batch, LSM_SPACE_LOCAL, anchor, tag, value);
    g->may_hold = true;
    bool committed = record.state == RECORD_COMMITTED;
    enum status status = apply_resolved(g, r, committed ? record.ct : 0, batch);
    /* A staged one may be put on record long after it was committed. */
    bool late = before > record.ct + OUTCOME_DISORDER_NS;
    if (status == STATUS_OK && !reader_done(r)) status = STATUS_VERSION;
    if (status != STATUS_OK || !committed) return status;
    if (late) outcomes_missed(&g->outcomes, record.ct);
    else outcomes_add(&g->outcomes, record.attempt.tag, record.ct, before);
    return STATUS_OK;
}

static enum status apply_refuse(struct range *g, struct reader *r, struct shard_batch *batch)
{
    struct record record = {.state = RECORD_REFUSED, .attempt = {get_u64(r), get_u64(r)}};
    record.name = (struct txn_name){get_u64(r), get_u64(r)};
    uint32_t count = get_u32(r);
    if (r->failed || record.attempt.tag == 0) return STATUS_VERSION;
    struct buf value;
    buf_init(&value, 4096);
    record_encode(&value, &record);
    for (uint32_t i = 0; i < count && !r->failed && !value.failed; i++) {
        struct bytes key = get_sized(r);
        if (key.size == 0 || key.size > SHARD_KEY_BYTES_MAX) r->failed = true;
        if (!r->failed) shard_batch_put(batch, LSM_SPACE_LOCAL, key, record.attempt.tag, buf_view(&value));
    }
    bool failed = value.failed;
    buf_deinit(&value);
    g->may_hold = true;
    if (failed) return STATUS_NO_MEMORY;
    return reader_done(r) ? STATUS_OK : STATUS_VERSION;
}

static enum status apply_forget(struct range *g, struct reader *r, struct shard_batch *batch)
{
    bool none = get_u8(r) == 1;
    uint32_t count = get_u32(r);
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        struct bytes anchor = get_sized(r);
        uint64_t tag = get_u64(r);
        if (!r->failed) shard_batch_delete(batch, LSM_SPACE_LOCAL, anchor, tag);
    }
    if (none) g->may_hold = false;
    return reader_done(r) ? STATUS_OK : STATUS_VERSION;
}

static enum status apply_safe_point(struct range *g, struct reader *r)
{
    uint64_t safe_point = get_u64(r);
    if (!reader_done(r)) return STATUS_VERSION;
    gc_apply(g, safe_point);
    return STATUS_OK;
}

enum status command_apply(void *state, struct log_pos pos, struct bytes command,
                          struct shard_batch *batch)
{
    (void)pos;
    struct reader r = reader_make(command);
    if (get_u8(&r) != COMMAND_VERSION) return STATUS_VERSION;
    switch (get_u8(&r)) {
    case COMMAND_COMMIT: return apply_commit(state, &r, batch, false);
    case COMMAND_HELD: return apply_commit(state, &r, batch, true);
    case COMMAND_SAFE_POINT: return apply_safe_point(state, &r);
    case COMMAND_PREPARE: return apply_prepare(state, &r, false, batch);
    case COMMAND_STAGED: return apply_prepare(state, &r, true, batch);
    case COMMAND_REFUSE: return apply_refuse(state, &r, batch);
    case COMMAND_DECIDE: return apply_decide(state, &r, batch);
    case COMMAND_RESOLVE: return apply_resolve(state, &r, batch);
    case COMMAND_FORGET: return apply_forget(state, &r, batch);
    default: return STATUS_VERSION;
    }
}
