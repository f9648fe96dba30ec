/* Reads at the leader. The order is that of rule R2: the timestamp first, then leadership (by a lease that is
 * looked at afterwards, or a round that begins afterwards), then the floor and the data, in one step. The gate (R4) comes last.
 *
 * RPC_READ: range u64, epoch u64, ts u64 (0: the leader picks), bytes_max u32, count u16, then ops:
 *   1 GET  sized key             -> found u8, ct u64, sized value
 *   3 UNCHANGED sized key, ts u64 -> u8: 1 when the key has no version above that ts that the read would see
 *   2 SCAN sized start, sized end, rows_max u32 (0: any), flags u8 (1 backwards, 2 nothing that stands beside rows)
 *          -> rows { 1 u8, sized key, sized value }, then 0 u8 (the end) or 2 u8 (more may follow, behind
 *             the last row or behind the key of { 4 u8, sized key }, which stands for no row)
 * Reply: ts u64, results in order. A reply that grew past bytes_max ends with 2 (SCAN) and skips the
 * ops that follow: 3 u8 each. */
#include <stdlib.h>

#include "txn/leader.h"
#include "txn/two_phase_leader.h"

enum read_op { READ_GET = 1, READ_SCAN = 2, READ_UNCHANGED = 3 };
#define READ_REPLY_BYTES_MAX (4u << 20)
#define LOOKED_MAX 8192u /* keys that one scan of a request looks at */
#define ASIDES_STEPPED_MAX 16u /* one after the other; beyond it is cheaper to seek */

struct read_head {
    uint64_t range, epoch, ts;
    uint32_t bytes_max;
    uint16_t count;
};

static bool decode_head(struct reader *in, struct read_head *head)
{
    head->range = get_u64(in);
    head->epoch = get_u64(in);
    head->ts = get_u64(in);
    head->bytes_max = get_u32(in);
    head->count = get_u16(in);
    if (head->bytes_max > READ_REPLY_BYTES_MAX) head->bytes_max = READ_REPLY_BYTES_MAX;
    return !in->failed && head->count > 0;
}

struct read_item {
    uint8_t kind;
    struct span span;
    uint32_t rows_max;
    bool reverse, rows_alone;
    uint64_t since;
};

static bool decode_item(struct reader *in, struct read_item *item)
{
    *item = (struct read_item){.kind = get_u8(in)};
    item->span.start = get_sized(in);
    item->span.point = item->kind != READ_SCAN;
    if (item->kind == READ_UNCHANGED) item->since = get_u64(in);
    if (item->kind == READ_SCAN) {
        item->span.end = get_sized(in);
        item->rows_max = get_u32(in);
        uint8_t flags = get_u8(in);
        item->reverse = (flags & READ_SCAN_REVERSE) != 0;
        item->rows_alone = (flags & READ_SCAN_ROWS_ALONE) != 0;
        if ((flags & ~(READ_SCAN_REVERSE | READ_SCAN_ROWS_ALONE)) != 0) return false;
    }
    return !in->failed && item->kind >= READ_GET && item->kind <= READ_UNCHANGED;
}

/* ---- evaluating ---- */

static void show(struct range_op *op, uint64_t ct)
{
    if (ct > op->ct) op->ct = ct;
}

/* Intents on the key of which it is known that ts sees what becomes of them; NULL: none. */
static const struct range_op *known_here(const struct range_op *op, const struct read_item *item)
{
    if (item->kind != READ_GET || op->at_replica || op->range->prepared_count == 0) return NULL;
    const struct range_op *other = range_in_flight(op->range, &item->span, 0, op->ts);
    return other != NULL && known_at(other, item->span.start, op->ts) ? other : NULL;
}

static enum status put_known(struct range_op *op, const struct range_op *other, struct bytes key)
{
    COVER("txn_read_shows_what_is_known");
    const struct write *w = range_op_write(other, key);
    ASSERT(w != NULL);
    op->range->kv->metrics.known_reads++;
    op->foreseen = true;
    show(op, other->decided_ct);
    put_u8(&op->reply, !w->tombstone);
    put_u64(&op->reply, other->decided_ct);
    put_sized(&op->reply, w->tombstone ? BYTES_EMPTY : w->value);
    return op->reply.failed ? STATUS_TOO_LARGE : STATUS_OK;
}

static enum status eval_get(struct range_op *op, const struct read_item *item)
{
    const struct range_op *other = known_here(op, item);
    if (other != NULL && !known_for_nothing(other)) return put_known(op, other, item->span.start);
    struct buf *out = &op->reply;
    struct lsm_version version;
    size_t head = out->size;
    put_u8(out, 1);
    put_u64(out, 0);
    struct buf value;
    buf_init(&value, LSM_VALUE_BYTES_MAX);
    enum status status =
        lsm_get(store_lsm(op->range->kv->store), replica_range(op->range->replica),
                LSM_SPACE_VERSIONS, item->span.start, op->ts, &op->block, &version, &value);
    if (status == STATUS_OK) {
        show(op, version.ts);
        if (out->failed) status = STATUS_TOO_LARGE;
        else {
            out->data[head] = !version.tombstone;
            store_le64(out->data + head + 1, version.ts);
            put_sized(out, version.tombstone ? BYTES_EMPTY : buf_view(&value));
        }
    } else if (status == STATUS_NOT_FOUND) {
        out->data[head] = 0;
        put_sized(out, BYTES_EMPTY);
        status = STATUS_OK;
    }
    buf_deinit(&value);
    if (status == STATUS_WAIT) buf_truncate(out, head);
    return status;
}

static enum status eval_unchanged(struct range_op *op, const struct read_item *item)
{
    struct range *g = op->range;
    struct lsm_version version = {.ts = 0};
    enum status status = STATUS_OK;
    if (op->at_replica || !range_unchanged_since(g, &item->span, item->since))
        status = lsm_get(store_lsm(g->kv->store), replica_range(g->replica), LSM_SPACE_VERSIONS, item->span.start,
                         op->ts, &op->block, &version, NULL);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) return status;
    bool unchanged = status == STATUS_OK && version.ts <= item->since;
    if (!unchanged) show(op, version.ts);
    put_u8(&op->reply, unchanged);
    return op->reply.failed ? STATUS_TOO_LARGE : STATUS_OK;
}

/* One row of a scan, or what stands for it. aside: it is passed over. */
static void put_row(struct range_op *op, const struct lsm_item *row, bool aside)
{
    struct buf *out = &op->reply;
    struct range_progress *at = &op->at;
    at->looked++;
    if (!aside) show(op, row->ts);
    if (!row->tombstone && !aside) {
        put_u8(out, 1);
        put_sized(out, row->key);
        put_sized(out, row->value);
        at->rows++;
    } else if (at->looked == LOOKED_MAX) { /* where a page that found little has to go on */
        put_u8(out, 4);
        put_sized(out, row->key);
    }
}

static enum status scan_from(struct range_op *op, const struct read_item *item, struct bytes start, struct bytes end)
{
    return lsm_iter_open(store_lsm(op->range->kv->store), replica_range(op->range->replica), LSM_SPACE_VERSIONS, start, end,
                         op->ts, item->rows_alone ? LSM_ITER_LASTING : LSM_ITER_NEWEST, item->reverse, &op->at.scan);
}

/* A row may have any number of records beside it: when there are many in a row the scan goes on behind all of them (before,
 * when reverse). STATUS_NOT_FOUND: nothing of the span lies there. */
static enum status pass_asides(struct range_op *op, const struct read_item *item, struct bytes key)
{
    struct bytes row = txn_aside_row(key), start = item->span.start, end = item->span.end;
    if (++op->at.asides < ASIDES_STEPPED_MAX || row.size == key.size) return STATUS_OK;
    COVER("txn_scan_passes_asides");
    op->at.asides = 0;
    struct buf bound;
    buf_init(&bound, SHARD_KEY_BYTES_MAX);
    buf_append_bytes(&bound, row);
    buf_append_byte(&bound, item->reverse ? TXN_ASIDE_MARK : TXN_ASIDE_MARK + 1);
    range_scan_end(op);
    *(item->reverse ? &end : &start) = buf_view(&bound);
    bool any = end.size == 0 || bytes_compare(start, end) < 0;
    enum status status = any ? scan_from(op, item, start, end) : STATUS_NOT_FOUND;
    buf_deinit(&bound);
    return status;
}

static enum status eval_scan(struct range_op *op, const struct read_item *item, size_t bytes_max)
{
    struct range_progress *at = &op->at;
    enum status status = STATUS_OK;
    if (at->scan == NULL) {
        at->rows = at->looked = at->asides = 0;
        status = scan_from(op, item, item->span.start, item->span.end);
    }
    uint8_t end = 0;
    while (status == STATUS_OK) {
        struct lsm_item row;
        if ((item->rows_max != 0 && at->rows == item->rows_max) || op->reply.size >= bytes_max ||
            at->looked >= LOOKED_MAX) {
            end = 2;
            break;
        }
        status = lsm_iter_next(at->scan, &op->block, &row);
        if (status != STATUS_OK) break;
        bool aside = item->rows_alone && !row.tombstone && txn_is_aside(row.value) && !MUTANT("scan_shows_asides");
        put_row(op, &row, aside);
        if (aside) status = pass_asides(op, item, row.key);
        else at->asides = 0;
    }
    if (status == STATUS_WAIT) return status;
    range_scan_end(op);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) return status;
    put_u8(&op->reply, end);
    return op->reply.failed ? STATUS_TOO_LARGE : STATUS_OK;
}

/* Goes on where the last attempt had to wait: begun anew each time, a page over more blocks than the cache
 * holds would never end. What it has passed is still right, because everything at or below ts was there in
 * the first step, which raised the floor. */
enum status read_eval(struct range_op *op)
{
    struct reader in = reader_make(op->body);
    struct read_head head;
    bool ok = decode_head(&in, &head);
    ASSERT(ok);
    range_progress_begin(op);
    if (op->reply.size == 0) put_u64(&op->reply, op->ts);
    for (uint16_t i = 0; i < head.count; i++) {
        struct read_item item;
        ok = decode_item(&in, &item);
        ASSERT(ok); /* read_serve looked through the body */
        if (i < op->at.done) continue;
        enum status status = STATUS_OK;
        if (i > 0 && op->at.scan == NULL && op->reply.size >= head.bytes_max) put_u8(&op->reply, 3);
        else if (item.kind == READ_GET) status = eval_get(op, &item);
        else if (item.kind == READ_UNCHANGED) status = eval_unchanged(op, &item);
        else status = eval_scan(op, &item, head.bytes_max);
        if (status != STATUS_OK) return status;
        op->at.done++;
    }
    return STATUS_OK;
}

/* The items of a request, one after the other: read_serve has looked through its body. */
struct read_walk {
    struct reader in;
    struct read_head head;
    uint16_t next;
};

static struct read_walk walk_make(const struct range_op *op)
{
    struct read_walk w = {.in = reader_make(op->body)};
    bool ok = decode_head(&w.in, &w.head);
    ASSERT(ok);
    return w;
}

static bool walk_next(struct read_walk *w, struct read_item *item_out)
{
    if (w->next == w->head.count) return false;
    bool ok = decode_item(&w->in, item_out);
    ASSERT(ok);
    w->next++;
    return true;
}

/* Something in flight that the timestamp should see? */
static struct range_op *meets_in_flight(struct range_op *op)
{
    struct read_walk w = walk_make(op);
    for (struct read_item item; walk_next(&w, &item);) {
        struct range_op *other = range_in_flight(op->range, &item.span, 0, op->ts);
        if (other != NULL && known_here(op, &item) == NULL) return other;
    }
    return NULL;
}

static void evaluate(struct range_op *op)
{
    struct range *g = op->range;
    if (!range_op_may_evaluate(op)) return;
    if (op->ts > g->floor && !MUTANT("read_floor")) g->floor = op->ts;
    struct range_op *other = MUTANT("read_ignores_in_flight") ? NULL : meets_in_flight(op);
    if (other != NULL && op_is_prepare(other) && MUTANT("prepared_intents_invisible")) other = NULL;
    if (other != NULL) {
        range_block(op, other);
        return;
    }
    if (gc_too_old(g, op->ts) && !MUTANT("gc_no_read_check")) {
        g->kv->metrics.snapshots_too_old++;
        range_op_reply(op, STATUS_SNAPSHOT_TOO_OLD, BYTES_EMPTY);
        return;
    }
    enum status status = read_eval(op);
    if (status == STATUS_WAIT) {
        op->state = OP_LOADING;
        g->kv->metrics.waits_on_blocks++;
        return;
    }
    if (status != STATUS_OK) {
        range_op_reply(op, status, BYTES_EMPTY);
        return;
    }
    op->state = OP_GATE;
    if (op->ct == 0 || clock_is_past(&g->kv->clock, op->ct)) {
        range_op_answer(op);
        return;
    }
    g->kv->metrics.gate_waits++;
    clock_wait_past(&g->kv->clock, &op->clock, op->ct, REQUEST_TIMEOUT_NS);
}

static void on_leadership(struct read_wait *w, enum status status)
{
    struct range_op *op = w->ctx;
    if (status == STATUS_OK && op->ts == 0) { /* only under a mutant, which asks in the wrong order */
        op->state = OP_CLOCK;
        clock_now(&op->range->kv->clock, &op->clock, 0, REQUEST_TIMEOUT_NS);
    } else if (status == STATUS_OK) evaluate(op);
    else if (status != STATUS_CANCELLED)
        range_op_reply(op, status == STATUS_TIMEOUT ? STATUS_UNAVAILABLE : STATUS_NOT_LEADER,
                       BYTES_EMPTY);
}

static void confirm_leadership(struct range_op *op)
{
    if (op->ts != 0 && replica_read_at_once(op->range->replica)) {
        evaluate(op);
        return;
    }
    op->state = OP_LEADERSHIP;
    op->leadership.on_done = on_leadership;
    op->leadership.ctx = op;
    replica_read(op->range->replica, REQUEST_TIMEOUT_NS, &op->leadership);
}

void read_run(struct range_op *op)
{
    if (op->at_replica) {
        replica_read_run(op);
        return;
    }
    switch (op->state) {
    case OP_CLOCK:
        if (MUTANT("read_without_leadership") || op->leadership.on_done != NULL) evaluate(op);
        else confirm_leadership(op);
        return;
    case OP_EVALUATE:
    case OP_BLOCKED:
    case OP_LOADING: evaluate(op); return;
    case OP_GATE: range_op_answer(op); return;
    default: UNREACHABLE();
    }
}

bool read_reaches(const struct range_op *op, struct bytes key)
{
    struct read_walk w = walk_make(op);
    for (struct read_item item; walk_next(&w, &item);) {
        if (span_reaches(&item.span, key)) return true;
    }
    return false;
}

bool read_span(const struct range_op *op, uint32_t place, struct span *span_out)
{
    struct read_walk w = walk_make(op);
    for (struct read_item item; walk_next(&w, &item);) {
        *span_out = item.span;
        if (w.next == place + 1) return true;
    }
    return false;
}

void read_witness(const struct range_op *op)
{
    if (op->foreseen) return; /* as of a lock: who owns the key when it is written has been shown it before */
    struct read_walk w = walk_make(op);
    for (struct read_item item; walk_next(&w, &item);) {
        range_op_served(op, op->ts, false, &item.span);
    }
}

bool read_well_formed(const struct descriptor *d, struct bytes body)
{
    struct reader in = reader_make(body);
    struct read_head head;
    if (!decode_head(&in, &head)) return false;
    for (uint16_t i = 0; i < head.count; i++) {
        struct read_item item;
        if (!decode_item(&in, &item) || item.span.start.size > SHARD_KEY_BYTES_MAX) return false;
        if (item.span.point ? !descriptor_contains(d, item.span.start)
                            : !descriptor_covers(d, item.span.start, item.span.end))
            return false;
    }
    return reader_done(&in);
}

void read_serve(void *ctx, struct rpc_token token, struct bytes body)
{
    struct kv *kv = ctx;
    struct reader in = reader_make(body);
    struct read_head head;
    struct range *g = NULL;
    bool ok = decode_head(&in, &head);
    if (ok) {
        g = range_admit(kv, token, head.range, head.epoch);
        if (g == NULL) return;
        ok = read_well_formed(replica_descriptor(g->replica), body) && clock_may_be(&kv->clock, head.ts);
        struct read_item first;
        if (ok && head.count > 0 && decode_item(&in, &first)) replica_note_request(g->replica, first.span.start);
    }
    struct range_op *op = ok ? range_op_create(g, RANGE_OP_READ, token, body) : NULL;
    if (op == NULL) {
        rpc_reply(store_rpc(kv->store), token, ok ? STATUS_NO_MEMORY : STATUS_INVALID, BYTES_EMPTY);
        return;
    }
    kv->metrics.reads++;
    op->state = OP_CLOCK;
    op->ts = head.ts;
    if (op->ts == 0 && MUTANT("read_leadership_before_ts")) confirm_leadership(op);
    else if (op->ts == 0) clock_now(&kv->clock, &op->clock, 0, REQUEST_TIMEOUT_NS);
    else if (clock_has_reached_reading(&kv->clock, op->ts)) read_run(op);
    else clock_wait_reached(&kv->clock, &op->clock, op->ts, REQUEST_TIMEOUT_NS);
}
