/* What transactions put into a range's log, and into requests.
 *
 * Command: version u8 (2), kind u8, then
 *   1 COMMIT      ct u64, tag u64 (of the transaction's id: outcome.c), write count u32, writes
 *   2 SAFE_POINT  ts u64: no read below it is served any more (gc.c)
 *   3 HELD        ct u64, tag u64, before u64 (a commit with that ct may stand before this one in the log), write count
 *                 u32, writes. Of a COMMIT nothing with a higher ct stands before it.
 * Write: flags u8 (0: put, 1: tombstone, 2: put where there is no value), sized key, sized value.  Span: flags u8 (1: point), sized start, and
 * sized end unless point. */
#include "txn/txn_int.h"

#define COMMAND_VERSION 2 /* 1: commits without a tag */
enum command_kind { COMMAND_COMMIT = 1, COMMAND_SAFE_POINT = 2, COMMAND_HELD = 3 };

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

void encode_write(struct buf *out, const struct write *write)
{
    ASSERT(!write->tombstone || !write->insert);
    put_u8(out, write->tombstone ? 1 : write->insert ? 2 : 0);
    put_sized(out, write->key);
    put_sized(out, write->value);
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

void command_encode_safe_point(uint64_t safe_point, struct buf *out)
{
    put_u8(out, COMMAND_VERSION);
    put_u8(out, COMMAND_SAFE_POINT);
    put_u64(out, safe_point);
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
        if (w.tombstone) shard_batch_delete(batch, LSM_SPACE_VERSIONS, w.key, ct);
        else shard_batch_put(batch, LSM_SPACE_VERSIONS, w.key, ct, w.value);
    }
    if (!reader_done(r)) return STATUS_VERSION;
    if (ct > g->high) g->high = ct;
    outcomes_add(&g->outcomes, tag, ct, before);
    return STATUS_OK;
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
    default: return STATUS_VERSION;
    }
}
