/* Reads of a transaction: single keys, what it assumes, and the spans that its commit validates. */
#include <stdlib.h>

#include "txn/txn_state.h"

#define PAGE_BYTES (256u << 10)
#define SPANS_MAX 4096           /* beyond, spans are widened to what lies between them */

/* ---- spans ---- */

enum status txn_span_add(struct txn *t, const struct span *span)
{
    if (t->span_count > 0) { /* the same key or the next page of the same scan again */
        struct span *last = &t->spans[t->span_count - 1];
        if (last->point == span->point && bytes_equal(last->start, span->start) &&
            bytes_equal(last->end, span->end))
            return STATUS_OK;
    }
    if (t->span_count == t->span_capacity) {
        uint32_t capacity = t->span_capacity == 0 ? 8 : t->span_capacity * 2;
        struct span *spans = realloc(t->spans, capacity * sizeof *spans);
        if (spans == NULL) return STATUS_NO_MEMORY;
        t->spans = spans;
        t->span_capacity = capacity;
    }
    struct span *copy = &t->spans[t->span_count];
    *copy = *span;
    copy->start = arena_copy(t->arena, span->start);
    copy->end = arena_copy(t->arena, span->end);
    if (copy->start.data == NULL || copy->end.data == NULL) return STATUS_NO_MEMORY;
    t->span_count++;
    return STATUS_OK;
}

/* Many spans become one that covers them all: validation may then refuse more than it must. */
static void spans_widen(struct txn *t)
{
    if (t->span_count <= SPANS_MAX) return;
    COVER("txn_spans_widened");
    struct bytes low = t->spans[0].start, high = t->spans[0].start;
    bool unbounded = false;
    for (uint32_t i = 0; i < t->span_count; i++) {
        const struct span *s = &t->spans[i];
        if (bytes_compare(s->start, low) < 0) low = s->start;
        struct bytes end = s->point ? s->start : s->end;
        if (!s->point && end.size == 0) unbounded = true;
        if (bytes_compare(end, high) > 0) high = end;
    }
    uint8_t *past = arena_alloc(t->arena, high.size + 1);
    if (past == NULL) unbounded = true;
    else {
        memcpy(past, high.data, high.size);
        past[high.size] = 0; /* the first key after `high` */
    }
    struct bytes end = unbounded ? BYTES_EMPTY : bytes_make(past, high.size + 1);
    t->spans[0] = (struct span){.start = low, .end = end};
    t->span_count = 1;
}

void txn_put_spans(struct txn *t)
{
    spans_widen(t);
    put_u32(&t->request, t->span_count);
    for (uint32_t i = 0; i < t->span_count; i++) encode_span(&t->request, &t->spans[i]);
}

/* ---- reads ---- */

/* Assumptions come first, so that the page's end does not cut them off. */
void txn_read_begin(struct txn *t, uint32_t count)
{
    buf_reset(&t->request);
    buf_append_zero(&t->request, HEAD_BYTES);
    put_u64(&t->request, t->read_ts);
    put_u32(&t->request, PAGE_BYTES);
    put_u16(&t->request, (uint16_t)(count + t->assumed_count));
    for (uint32_t i = 0; i < t->assumed_count; i++) {
        put_u8(&t->request, 3);
        put_sized(&t->request, t->assumed[i].key);
        put_u64(&t->request, t->assumed[i].ts);
    }
}

/* What was assumed is still so at the read's timestamp; from then on it has been read. */
static enum status check_assumed(struct txn *t, struct reader *results)
{
    for (uint32_t i = 0; i < t->assumed_count; i++) {
        const struct assumption *a = &t->assumed[i];
        uint8_t unchanged = get_u8(results);
        if (results->failed || unchanged > 1) return STATUS_INVALID;
        if (!unchanged && !MUTANT("assumption_unread")) {
            COVER("txn_assumption_wrong");
            return STATUS_CONFLICT;
        }
        enum status status = txn_span_add(t, &(struct span){.start = a->key, .point = true});
        if (status != STATUS_OK) return status;
    }
    t->assumed_count = 0;
    return STATUS_OK;
}

enum status txn_read_send(struct txn *t, struct bytes key, struct reader *results)
{
    if (t->request.failed) return STATUS_TOO_LARGE;
    struct gateway_request q = {.kind = RPC_READ, .key = key, .body = &t->request,
                                .deadline_ns = t->deadline_ns, .no_quorum_ns = t->no_quorum_ns,
                                .repeatable = true, .interrupt = &t->interrupt};
    uint64_t start_ns = env_now_ns(store_env(t->kv->store));
    enum status status = gateway_call(t->kv, &q, &t->reply);
    if (status != STATUS_OK) return status;
    histogram_add(&t->kv->metrics.read_ns, env_now_ns(store_env(t->kv->store)) - start_ns);
    *results = reader_make(buf_view(&t->reply));
    uint64_t ts = get_u64(results);
    if (results->failed || ts == 0 || (t->read_ts != 0 && ts != t->read_ts)) return STATUS_INVALID;
    t->read_ts = ts;
    return check_assumed(t, results);
}

enum status txn_assume(struct txn *t, struct bytes key, uint64_t ts)
{
    ASSERT(!t->ended);
    ASSERT(ts > 0);
    if (t->assumed_count == TXN_ASSUMPTIONS_MAX || write_set_find(&t->writes, key) != NULL) return STATUS_BUSY;
    t->assumed[t->assumed_count++] = (struct assumption){key, ts};
    return STATUS_OK;
}

enum status txn_verify(struct txn *t)
{
    if (t->assumed_count == 0) return STATUS_OK;
    struct reader in;
    txn_read_begin(t, 0);
    return txn_read_send(t, t->assumed[0].key, &in);
}

/* A commit, or a request for locks, validates from the oldest of them on. A transaction that has read at a later
 * timestamp cannot leave it to them: they would validate from there only. */
enum status txn_assumed_to_leader(struct txn *t)
{
    if (t->read_ts != 0) return txn_verify(t);
    for (uint32_t i = 0; i < t->assumed_count; i++) {
        const struct assumption *a = &t->assumed[i];
        if (t->read_ts == 0 || a->ts < t->read_ts) t->read_ts = a->ts;
        if (MUTANT("assumption_uncommitted")) continue;
        enum status status = txn_span_add(t, &(struct span){.start = a->key, .point = true});
        if (status != STATUS_OK) return status;
    }
    t->assumed_count = 0;
    return STATUS_OK;
}

enum status txn_get(struct txn *t, struct bytes key, struct bytes *value_out)
{
    ASSERT(!t->ended);
    t->refused_key_bytes = key.size;
    t->refused_value_bytes = 0;
    if (key.size == 0 || key.size > SHARD_KEY_BYTES_MAX) return STATUS_TOO_LARGE;
    const struct write *own = write_set_find_at(&t->writes, key, t->view);
    if (own != NULL) {
        if (own->tombstone) return STATUS_NOT_FOUND;
        *value_out = own->value;
        return STATUS_OK;
    }
    txn_read_begin(t, 1);
    put_u8(&t->request, 1);
    put_sized(&t->request, key);
    struct reader in;
    enum status status = txn_read_send(t, key, &in);
    if (status != STATUS_OK) return status;
    status = txn_span_add(t, &(struct span){.start = key, .point = true});
    if (status != STATUS_OK) return status;
    uint8_t found = get_u8(&in);
    get_u64(&in);
    struct bytes value = get_sized(&in);
    if (!reader_done(&in) || found > 1) return STATUS_INVALID;
    if (!found) return STATUS_NOT_FOUND;
    struct bytes copy = arena_copy(t->arena, value);
    if (copy.data == NULL) return STATUS_NO_MEMORY;
    *value_out = copy;
    return STATUS_OK;
}

/* Asks for what is not the transaction's own, and answers how far the reply went. */
static enum status get_some(struct txn *t, const struct bytes *keys, uint32_t count, struct bytes *values_out,
                            uint32_t *done_out)
{
    const struct write *own[TXN_GET_MANY_MAX];
    uint32_t asked = 0, first = 0;
    for (uint32_t i = count; i-- > 0;) {
        if (keys[i].size == 0 || keys[i].size > SHARD_KEY_BYTES_MAX) return STATUS_TOO_LARGE;
        own[i] = write_set_find_at(&t->writes, keys[i], t->view);
        if (own[i] != NULL) continue;
        asked++;
        first = i;
    }
    struct reader in = {0};
    if (asked > 0) {
        txn_read_begin(t, asked);
        for (uint32_t i = 0; i < count; i++) {
            if (own[i] != NULL) continue;
            put_u8(&t->request, 1);
            put_sized(&t->request, keys[i]);
        }
        enum status status = txn_read_send(t, keys[first], &in);
        if (status != STATUS_OK) return status;
    }
    for (*done_out = 0; *done_out < count; ++*done_out) {
        uint32_t i = *done_out;
        values_out[i] = own[i] == NULL || own[i]->tombstone ? (struct bytes){NULL, 0} : own[i]->value;
        if (own[i] != NULL) continue;
        uint8_t found = get_u8(&in);
        if (found == 3 && i > first) return STATUS_OK; /* the reply was full */
        get_u64(&in);
        struct bytes value = get_sized(&in);
        if (in.failed || found > 1) return STATUS_INVALID;
        enum status status = txn_span_add(t, &(struct span){.start = keys[i], .point = true});
        if (status == STATUS_OK && found) {
            values_out[i] = arena_copy(t->arena, value);
            if (values_out[i].data == NULL) status = STATUS_NO_MEMORY;
        }
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}

enum status txn_get_many(struct txn *t, const struct bytes *keys, uint32_t count, struct bytes *values_out)
{
    ASSERT(!t->ended);
    ASSERT(count <= TXN_GET_MANY_MAX);
    enum status status = STATUS_OK;
    for (uint32_t at = 0, done; status == STATUS_OK && at < count; at += done) {
        status = get_some(t, keys + at, count - at, values_out + at, &done);
        ASSERT(status != STATUS_OK || done > 0);
    }
    return status;
}
