/* Reads of a transaction: single keys, what it assumes, and the spans that its commit validates. */
#include <stdlib.h>

#include "txn/txn_state.h"

#define PAGE_BYTES (256u << 10)

/* ---- spans ---- */

enum status txn_span_add(struct txn *t, const struct span *span)
{
    if (t->past.on) return STATUS_OK; /* nothing will be validated */
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

/* ---- reads ---- */

/* Assumptions come first, so that the page's end does not cut them off; those that lie elsewhere are looked at
 * afterwards. */
void txn_read_begin(struct txn *t, const struct route *route, uint32_t count)
{
    t->asked_count = 0;
    txn_past_begin(t);
    for (uint32_t i = 0; i < t->assumed_count; i++) {
        if (!route_holds(route, t->assumed[i].key)) continue;
        struct assumption a = t->assumed[i];
        t->assumed[i] = t->assumed[t->asked_count];
        t->assumed[t->asked_count++] = a;
    }
    buf_reset(&t->request);
    buf_append_zero(&t->request, HEAD_BYTES);
    put_u64(&t->request, MUTANT("range_picks_its_own_ts") ? 0 : t->read_ts);
    put_u32(&t->request, PAGE_BYTES);
    put_u16(&t->request, (uint16_t)(count + t->asked_count));
    for (uint32_t i = 0; i < t->asked_count; i++) {
        put_u8(&t->request, 3);
        put_sized(&t->request, t->assumed[i].key);
        put_u64(&t->request, t->assumed[i].ts);
    }
}

/* What was assumed is still so at the read's timestamp; from then on it has been read. */
static enum status check_asked(struct txn *t, struct reader *results)
{
    for (uint32_t i = 0; i < t->asked_count; i++) {
        uint8_t unchanged = get_u8(results);
        if (results->failed || unchanged > 1) return STATUS_INVALID;
        if (!unchanged && !MUTANT("assumption_unread")) {
            COVER("txn_assumption_wrong");
            return STATUS_CONFLICT;
        }
        enum status status = txn_span_add(t, &(struct span){.start = t->assumed[i].key, .point = true});
        if (status != STATUS_OK) return status;
    }
    t->assumed_count -= t->asked_count;
    for (uint32_t i = 0; i < t->assumed_count; i++) t->assumed[i] = t->assumed[i + t->asked_count];
    t->asked_count = 0;
    return STATUS_OK;
}

static enum status read_once(struct txn *t, struct gateway_request *q, struct buf *reply, struct reader *results)
{
    for (uint32_t i = 0; i < t->asked_count; i++)
        hull_add(&q->hull, &(struct span){.start = t->assumed[i].key, .point = true});
    if (t->request.failed) return STATUS_TOO_LARGE;
    uint64_t start_ns = env_now_ns(store_env(t->kv->store));
    enum status status = txn_past_ask(t, q, reply);
    if (status == STATUS_NOT_FOUND) status = gateway_call(t->kv, q, reply);
    if (status != STATUS_OK) return status;
    histogram_add(&t->kv->metrics.read_ns, env_now_ns(store_env(t->kv->store)) - start_ns);
    *results = reader_make(buf_view(reply));
    uint64_t ts = get_u64(results);
    if (results->failed || ts == 0 || (t->read_ts != 0 && ts != t->read_ts && !MUTANT("range_picks_its_own_ts"))) return STATUS_INVALID;
    t->read_ts = ts;
    return check_asked(t, results);
}

/* Those that a lease speaks for need no request. */
static enum status take_leased(struct txn *t)
{
    for (uint32_t i = 0; i < t->assumed_count;) {
        struct span span = {.start = t->assumed[i].key, .point = true};
        if (t->read_ts == 0 || !catalog_lease_covers(t->kv, &span, t->assumed[i].ts, t->read_ts)) {
            i++;
            continue;
        }
        enum status status = txn_span_add(t, &span);
        if (status != STATUS_OK) return status;
        t->assumed[i] = t->assumed[--t->assumed_count];
    }
    return STATUS_OK;
}

/* Those that are left lie in other ranges. */
static enum status verify_rest(struct txn *t)
{
    struct buf reply;
    struct reader results;
    enum status status = take_leased(t);
    buf_init(&reply, NET_MESSAGE_BYTES_MAX);
    while (status == STATUS_OK && t->assumed_count > 0) {
        struct route route;
        struct gateway_request q = txn_request(t, RPC_READ, t->assumed[0].key);
        status = txn_find(t, q.key, false, &route);
        if (status != STATUS_OK) break;
        txn_read_begin(t, &route, 0);
        status = read_once(t, &q, &reply, &results);
        if (txn_cut_again(t, &status)) status = STATUS_OK;
    }
    buf_deinit(&reply);
    return status;
}

enum status txn_read_send(struct txn *t, struct gateway_request *q, struct reader *results)
{
    enum status status = read_once(t, q, &t->reply, results);
    return status == STATUS_OK && t->assumed_count > 0 ? verify_rest(t) : status;
}

enum status txn_assume(struct txn *t, struct bytes key, uint64_t ts)
{
    ASSERT(!t->ended);
    ASSERT(ts > 0);
    if (t->past.on || t->assumed_count == TXN_ASSUMPTIONS_MAX || write_set_find(&t->writes, key) != NULL) return STATUS_BUSY;
    t->assumed[t->assumed_count++] = (struct assumption){key, ts};
    return STATUS_OK;
}

enum status txn_verify(struct txn *t)
{
    return verify_rest(t);
}

/* A commit, or a request for locks, validates from the oldest of them on. A transaction that has read at a later
 * timestamp cannot leave it to them: they would validate from there only. */
enum status txn_assumed_to_leader(struct txn *t)
{
    if (t->read_ts != 0) return txn_verify(t);
    t->read_ts_assumed = t->assumed_count > 0;
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

static enum status get_one(struct txn *t, struct bytes key, struct reader *in)
{
    enum status status;
    do {
        struct route route;
        status = txn_find(t, key, false, &route);
        if (status != STATUS_OK) return status;
        struct gateway_request q = txn_request(t, RPC_READ, key);
        q.found = &route;
        txn_read_begin(t, &route, 1);
        put_u8(&t->request, 1);
        put_sized(&t->request, key);
        status = txn_read_send(t, &q, in);
    } while (txn_cut_again(t, &status));
    return status;
}

enum status txn_get(struct txn *t, struct bytes key, struct bytes *value_out)
{
    uint64_t ts;
    return txn_get_version(t, key, value_out, &ts);
}

enum status txn_get_version(struct txn *t, struct bytes key, struct bytes *value_out, uint64_t *ts_out)
{
    ASSERT(!t->ended);
    t->refused_key_bytes = key.size;
    t->refused_value_bytes = 0;
    if (key.size == 0 || key.size > SHARD_KEY_BYTES_MAX) return STATUS_TOO_LARGE;
    const struct write *own = write_set_find_at(&t->writes, key, t->view);
    if (own != NULL) {
        if (own->tombstone) return STATUS_NOT_FOUND;
        *ts_out = 0;
        return spill_value(t, own, t->arena, value_out);
    }
    struct reader in;
    enum status status = get_one(t, key, &in);
    if (status != STATUS_OK) return status;
    status = txn_span_add(t, &(struct span){.start = key, .point = true});
    if (status != STATUS_OK) return status;
    uint8_t found = get_u8(&in);
    uint64_t ts = get_u64(&in);
    struct bytes value = get_sized(&in);
    if (!reader_done(&in) || found > 1) return STATUS_INVALID;
    if (!found) return STATUS_NOT_FOUND;
    struct bytes copy = arena_copy(t->arena, value);
    if (copy.data == NULL) return STATUS_NO_MEMORY;
    *value_out = copy;
    *ts_out = ts;
    return STATUS_OK;
}
