/* The transaction at the gateway: one read timestamp, spans read, writes buffered. */
#include <stdio.h>
#include <stdlib.h>

#include "txn/txn_int.h"

#define HEAD_BYTES 16            /* range id and epoch, filled in by the gateway */
#define PAGE_BYTES (256u << 10)
#define WRITE_HEAD_BYTES 8       /* of one write in a commit, at most */
#define SPANS_MAX 4096           /* beyond, spans are widened to what lies between them */

/* A value that the transaction relies on and has not seen itself. */
struct assumption {
    struct bytes key, value;
    uint64_t ts;
};

struct txn {
    struct kv *kv;
    struct arena *arena;
    uint8_t id[16];
    uint64_t read_ts, deadline_ns, no_quorum_ns;
    struct gateway_interrupt interrupt;
    size_t refused_key_bytes, refused_value_bytes; /* of the last write: for txn_explain_limit */
    struct txn_name name;          /* number 0: it has never asked for a lock */
    uint64_t begin_ts, lock_timeout_ns;
    uint8_t *lock_key;             /* the first it locked: where to give locks back */
    size_t lock_key_size;
    bool overlay;
    uint64_t pending_term;         /* of the leader that has shown it writes in flight; 0: none has */
    bool released;                 /* the commit has given the locks back */
    struct write_set writes;
    struct span *spans;
    uint32_t span_count, span_capacity;
    struct buf request, reply;
    struct assumption assumed[TXN_ASSUMPTIONS_MAX]; /* those that are to be checked */
    uint32_t assumed_count;
    bool ended;
};

static void locks_end(struct txn *t);

enum status txn_create(struct kv *kv, struct arena *arena, struct txn **txn_out)
{
    struct txn *t = calloc(1, sizeof *t);
    if (t == NULL) return STATUS_NO_MEMORY;
    t->kv = kv;
    t->arena = arena;
    struct env *env = store_env(kv->store);
    store_le64(t->id, env_random_u64(env));
    store_le64(t->id + 8, env_random_u64(env));
    enum status status = write_set_init(&t->writes, arena, prng_next(&kv->prng));
    if (status != STATUS_OK) {
        free(t);
        return status;
    }
    buf_init(&t->request, NET_MESSAGE_BYTES_MAX - 4096);
    buf_init(&t->reply, NET_MESSAGE_BYTES_MAX);
    *txn_out = t;
    return STATUS_OK;
}

void txn_destroy(struct txn *t)
{
    locks_end(t);
    free(t->lock_key);
    buf_deinit(&t->request);
    buf_deinit(&t->reply);
    free(t->spans);
    free(t);
}

void txn_set_deadline(struct txn *t, uint64_t deadline_ns)
{
    t->deadline_ns = deadline_ns;
}

void txn_set_no_quorum_timeout(struct txn *t, uint64_t timeout_ns)
{
    t->no_quorum_ns = timeout_ns;
}

void txn_interrupt(struct txn *t)
{
    gateway_interrupt(&t->interrupt);
}

bool txn_is_fresh(const struct txn *t) { return t->read_ts == 0 && t->span_count == 0 && t->writes.count == 0; }

void txn_explain_limit(const struct txn *t, char *text, size_t size)
{
    if (t->refused_key_bytes > TXN_KEY_BYTES_MAX)
        snprintf(text, size, "a key is limited to %d bytes; this one has %zu", TXN_KEY_BYTES_MAX, t->refused_key_bytes);
    else if (t->refused_value_bytes > TXN_VALUE_BYTES_MAX)
        snprintf(text, size, "a row is limited to %u bytes; this one has %zu", TXN_VALUE_BYTES_MAX,
                 t->refused_value_bytes);
    else if (t->writes.bytes + t->refused_key_bytes + t->refused_value_bytes + WRITE_HEAD_BYTES > TXN_COMMIT_BYTES_MAX)
        snprintf(text, size, "a transaction is limited to %u bytes of writes; it has %llu, and %zu more are too many",
                 TXN_COMMIT_BYTES_MAX, (unsigned long long)t->writes.bytes,
                 t->refused_key_bytes + t->refused_value_bytes);
    else
        snprintf(text, size, "a key is limited to %d bytes, a row to %u and the writes of a transaction to %u",
                 TXN_KEY_BYTES_MAX, TXN_VALUE_BYTES_MAX, TXN_COMMIT_BYTES_MAX);
}

bool txn_has_writes(const struct txn *t) { return t->writes.count > 0; }
uint64_t txn_write_bytes(const struct txn *t) { return t->writes.bytes; }
uint64_t txn_read_ts(const struct txn *t) { return t->read_ts; }

void txn_id(const struct txn *t, char id[33])
{
    for (int i = 0; i < 16; i++) snprintf(id + 2 * i, 3, "%02x", t->id[i]);
}

/* ---- spans ---- */

static enum status span_add(struct txn *t, const struct span *span)
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

/* ---- reads ---- */

/* Assumptions come first, so that the page's end does not cut them off. */
static void read_begin(struct txn *t, uint32_t count)
{
    buf_reset(&t->request);
    buf_append_zero(&t->request, HEAD_BYTES);
    put_u64(&t->request, t->read_ts);
    put_u32(&t->request, PAGE_BYTES);
    put_u16(&t->request, (uint16_t)(count + t->assumed_count));
    for (uint32_t i = 0; i < t->assumed_count; i++) {
        put_u8(&t->request, 1);
        put_sized(&t->request, t->assumed[i].key);
    }
}

/* Compares what was assumed with what is there, at the read's timestamp; from then on it has been read. */
static enum status check_assumed(struct txn *t, struct reader *results)
{
    for (uint32_t i = 0; i < t->assumed_count; i++) {
        const struct assumption *a = &t->assumed[i];
        uint8_t found = get_u8(results);
        get_u64(results);
        struct bytes value = get_sized(results);
        if (results->failed || found > 1) return STATUS_INVALID;
        if ((!found || !bytes_equal(value, a->value)) && !MUTANT("assumption_unread")) {
            COVER("txn_assumption_wrong");
            return STATUS_CONFLICT;
        }
        enum status status = span_add(t, &(struct span){.start = a->key, .point = true});
        if (status != STATUS_OK) return status;
    }
    t->assumed_count = 0;
    return STATUS_OK;
}

static enum status read_send(struct txn *t, struct bytes key, struct reader *results)
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

enum status txn_assume(struct txn *t, struct bytes key, struct bytes value, uint64_t ts)
{
    ASSERT(!t->ended);
    ASSERT(ts > 0);
    if (t->assumed_count == TXN_ASSUMPTIONS_MAX || write_set_find(&t->writes, key) != NULL) return STATUS_BUSY;
    t->assumed[t->assumed_count++] = (struct assumption){key, value, ts};
    return STATUS_OK;
}

enum status txn_verify(struct txn *t)
{
    if (t->assumed_count == 0) return STATUS_OK;
    struct reader in;
    read_begin(t, 0);
    return read_send(t, t->assumed[0].key, &in);
}

/* A commit, or a request for locks, validates from the oldest of them on. A transaction that has read at a later
 * timestamp cannot leave it to them: they would validate from there only. */
static enum status leave_assumed_to_leader(struct txn *t)
{
    if (t->read_ts != 0) return txn_verify(t);
    for (uint32_t i = 0; i < t->assumed_count; i++) {
        const struct assumption *a = &t->assumed[i];
        if (t->read_ts == 0 || a->ts < t->read_ts) t->read_ts = a->ts;
        if (MUTANT("assumption_uncommitted")) continue;
        enum status status = span_add(t, &(struct span){.start = a->key, .point = true});
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
    const struct write *own = write_set_find(&t->writes, key);
    if (own != NULL) {
        if (own->tombstone) return STATUS_NOT_FOUND;
        *value_out = own->value;
        return STATUS_OK;
    }
    read_begin(t, 1);
    put_u8(&t->request, 1);
    put_sized(&t->request, key);
    struct reader in;
    enum status status = read_send(t, key, &in);
    if (status != STATUS_OK) return status;
    status = span_add(t, &(struct span){.start = key, .point = true});
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

/* ---- locks ---- */

#define LOCK_KEYS_PER_REQUEST 1000u
#define LOCK_REQUEST_BYTES (1u << 20)

void txn_set_lock_timeout(struct txn *t, uint64_t timeout_ns)
{
    t->lock_timeout_ns = timeout_ns;
}

static void put_spans(struct txn *t)
{
    spans_widen(t);
    put_u32(&t->request, t->span_count);
    for (uint32_t i = 0; i < t->span_count; i++) encode_span(&t->request, &t->spans[i]);
}

void txn_set_overlay(struct txn *t, bool on)
{
    t->overlay = on;
}

bool txn_is_pending(const struct txn *t)
{
    return t->pending_term != 0;
}

/* The transaction gets a name, under which this node answers for it. */
static enum status locks_begin(struct txn *t, struct bytes key)
{
    if (t->name.number != 0) return STATUS_OK;
    const struct net_identity *self = store_identity(t->kv->store);
    uint64_t number = self->incarnation << 40 | ++t->kv->txn_numbers;
    t->lock_key = malloc(key.size);
    if (t->lock_key == NULL || map_put(&t->kv->locking, number, t) != STATUS_OK) return STATUS_NO_MEMORY;
    memcpy(t->lock_key, key.data, key.size);
    t->lock_key_size = key.size;
    t->name = (struct txn_name){self->node.value, number};
    t->begin_ts = t->read_ts != 0 ? t->read_ts : t->kv->clock.seen;
    return STATUS_OK;
}

/* Nobody waits for the answer: a leader that does not get it asks about the transaction by itself. */
struct unlock {
    struct rpc_call call;
    struct list link;
};

static void on_unlocked(struct rpc_call *call, enum status status, struct bytes body)
{
    (void)status;
    (void)body;
    struct unlock *u = call->ctx;
    list_remove(&u->link);
    free(u);
}

void txn_unlocks_stop(struct kv *kv)
{
    struct list *item;
    while ((item = list_pop_front(&kv->unlocks)) != NULL) {
        struct unlock *u = CONTAINER_OF(item, struct unlock, link);
        rpc_cancel(&u->call);
        free(u);
    }
}

static void unlock_send(struct txn *t)
{
    struct kv *kv = t->kv;
    struct node_id leader = {0};
    struct descriptor *d = calloc(1, sizeof *d);
    struct unlock *u = calloc(1, sizeof *u);
    bool known = d != NULL && u != NULL && !kv->stopping &&
                 store_route(kv->store, bytes_make(t->lock_key, t->lock_key_size), d, &leader) == STATUS_OK &&
                 leader.value != 0;
    if (known) {
        uint8_t body[32];
        store_le64(body, d->range.value);
        store_le64(body + 8, d->epoch);
        store_le64(body + 16, t->name.node);
        store_le64(body + 24, t->name.number);
        u->call = (struct rpc_call){.on_done = on_unlocked, .ctx = u};
        list_push_back(&kv->unlocks, &u->link);
        known = rpc_start(store_rpc(kv->store), &u->call, leader, RPC_UNLOCK, bytes_make(body, sizeof body),
                          REQUEST_TIMEOUT_NS) == STATUS_OK;
        if (!known) list_remove(&u->link);
    }
    if (!known) free(u);
    free(d);
}

static void locks_end(struct txn *t)
{
    if (t->name.number == 0) return;
    map_remove(&t->kv->locking, t->name.number);
    if (!t->released) unlock_send(t);
}

enum status txn_restart(struct txn *t, struct arena *arena)
{
    t->arena = arena;
    t->read_ts = 0;
    t->pending_term = 0;
    t->span_count = 0;
    t->assumed_count = 0;
    t->ended = false;
    return write_set_init(&t->writes, arena, prng_next(&t->kv->prng));
}

static void encode_lock(struct txn *t, const struct bytes *keys, uint32_t count, enum txn_lock_mode mode,
                        enum txn_lock_wait wait, uint64_t timeout_ns)
{
    struct buf *b = &t->request;
    buf_reset(b);
    buf_append_zero(b, HEAD_BYTES);
    put_u64(b, t->name.node);
    put_u64(b, t->name.number);
    put_u64(b, t->begin_ts);
    put_u8(b, (uint8_t)mode);
    put_u8(b, (uint8_t)wait);
    put_u8(b, t->overlay);
    put_u64(b, timeout_ns);
    put_u64(b, t->span_count == 0 ? 0 : t->read_ts);
    put_spans(t);
    put_u16(b, (uint16_t)count);
    for (uint32_t i = 0; i < count; i++) put_sized(b, keys[i]);
}

/* [fiber] Asks until the locks are there: a leader answers now and then that they are not yet. */
static enum status lock_send(struct txn *t, const struct bytes *keys, uint32_t count, enum txn_lock_mode mode,
                             enum txn_lock_wait wait)
{
    struct env *env = store_env(t->kv->store);
    uint64_t give_up_ns = t->lock_timeout_ns == 0 ? 0 : env_now_ns(env) + t->lock_timeout_ns;
    for (;;) {
        uint64_t now_ns = env_now_ns(env), left_ns = 0;
        if (give_up_ns != 0) {
            if (now_ns >= give_up_ns) return STATUS_LOCKED;
            left_ns = give_up_ns - now_ns;
        }
        if (t->deadline_ns != 0 && now_ns >= t->deadline_ns) return STATUS_TIMEOUT;
        encode_lock(t, keys, count, mode, wait, left_ns);
        if (t->request.failed) return STATUS_TOO_LARGE;
        struct gateway_request q = {.kind = RPC_LOCK, .key = keys[0], .body = &t->request,
                                    .deadline_ns = t->deadline_ns, .no_quorum_ns = t->no_quorum_ns,
                                    .repeatable = true, .interrupt = &t->interrupt};
        enum status status = gateway_call(t->kv, &q, &t->reply);
        if (status != STATUS_WAIT) return status;
    }
}

static enum status lock_results(struct txn *t, const struct bytes *keys, uint32_t count, struct txn_locked *out)
{
    struct reader in = reader_make(buf_view(&t->reply));
    uint64_t ts = get_u64(&in), term = get_u64(&in);
    if (in.failed || ts < t->read_ts || (term != 0 && !t->overlay)) return STATUS_INVALID;
    if (term != 0 && t->pending_term != 0 && term != t->pending_term) return STATUS_CONFLICT;
    if (term != 0) t->pending_term = term;
    t->read_ts = ts; /* the leader has found everything else unchanged up to here */
    for (uint32_t i = 0; i < count; i++) {
        uint8_t result = get_u8(&in);
        get_u64(&in);
        struct bytes value = get_sized(&in);
        if (in.failed || result > 2) return STATUS_INVALID;
        out[i] = (struct txn_locked){.found = result == 1, .passed_over = result == 2};
        if (result == 2) continue;
        enum status status = span_add(t, &(struct span){.start = keys[i], .point = true});
        if (status != STATUS_OK) return status;
        const struct write *own = write_set_find(&t->writes, keys[i]);
        if (own != NULL) {
            out[i].found = !own->tombstone;
            out[i].value = own->value;
        } else if (result == 1) {
            out[i].value = arena_copy(t->arena, value);
            if (out[i].value.data == NULL) return STATUS_NO_MEMORY;
        }
    }
    return reader_done(&in) ? STATUS_OK : STATUS_INVALID;
}

enum status txn_lock(struct txn *t, const struct bytes *keys, uint32_t count, enum txn_lock_mode mode,
                     enum txn_lock_wait wait, struct txn_locked *out)
{
    ASSERT(!t->ended);
    enum status status = STATUS_OK;
    for (uint32_t at = 0; at < count && status == STATUS_OK;) {
        uint32_t n = 0;
        for (size_t bytes = 0; at + n < count && n < LOCK_KEYS_PER_REQUEST && bytes < LOCK_REQUEST_BYTES; n++) {
            if (keys[at + n].size == 0 || keys[at + n].size > SHARD_KEY_BYTES_MAX) return STATUS_TOO_LARGE;
            bytes += keys[at + n].size;
        }
        status = locks_begin(t, keys[at]);
        if (status == STATUS_OK) status = leave_assumed_to_leader(t);
        if (status == STATUS_OK) status = lock_send(t, keys + at, n, mode, wait);
        if (status == STATUS_OK) status = lock_results(t, keys + at, n, out + at);
        at += n;
    }
    return status;
}

/* Asks for what is not the transaction's own, and answers how far the reply went. */
static enum status get_some(struct txn *t, const struct bytes *keys, uint32_t count, struct bytes *values_out,
                            uint32_t *done_out)
{
    const struct write *own[TXN_GET_MANY_MAX];
    uint32_t asked = 0, first = 0;
    for (uint32_t i = count; i-- > 0;) {
        if (keys[i].size == 0 || keys[i].size > SHARD_KEY_BYTES_MAX) return STATUS_TOO_LARGE;
        own[i] = write_set_find(&t->writes, keys[i]);
        if (own[i] != NULL) continue;
        asked++;
        first = i;
    }
    struct reader in = {0};
    if (asked > 0) {
        read_begin(t, asked);
        for (uint32_t i = 0; i < count; i++) {
            if (own[i] != NULL) continue;
            put_u8(&t->request, 1);
            put_sized(&t->request, keys[i]);
        }
        enum status status = read_send(t, keys[first], &in);
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
        enum status status = span_add(t, &(struct span){.start = keys[i], .point = true});
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

/* ---- scans: pages from the leader, merged with the transaction's own writes ---- */

struct txn_scan {
    struct txn *txn;
    struct buf page;            /* the reply; rows are views into it */
    struct reader rows;
    struct buf start, end;      /* what is left to ask for */
    bool reverse, exhausted, has_row, started_own;
    uint64_t limit, taken;
    uint32_t pages;
    struct bytes row_key, row_value;
    struct buf own_key;         /* of the own write that was looked at last */
    const struct write *own;
};

enum status txn_scan_open(struct txn *t, struct bytes start, struct bytes end, bool reverse,
                          uint64_t limit, struct txn_scan **scan_out)
{
    ASSERT(!t->ended);
    struct txn_scan *scan = calloc(1, sizeof *scan);
    if (scan == NULL) return STATUS_NO_MEMORY;
    scan->txn = t;
    scan->reverse = reverse;
    scan->limit = limit;
    buf_init(&scan->page, NET_MESSAGE_BYTES_MAX);
    buf_init(&scan->start, SHARD_KEY_BYTES_MAX + 1);
    buf_init(&scan->end, SHARD_KEY_BYTES_MAX + 1);
    buf_init(&scan->own_key, SHARD_KEY_BYTES_MAX + 1);
    buf_append_bytes(&scan->start, start);
    buf_append_bytes(&scan->end, end);
    enum status status = span_add(t, &(struct span){.start = start, .end = end});
    if (status != STATUS_OK || scan->start.failed || scan->end.failed) {
        txn_scan_close(scan);
        return status != STATUS_OK ? status : STATUS_TOO_LARGE;
    }
    *scan_out = scan;
    return STATUS_OK;
}

void txn_scan_close(struct txn_scan *scan)
{
    buf_deinit(&scan->page);
    buf_deinit(&scan->start);
    buf_deinit(&scan->end);
    buf_deinit(&scan->own_key);
    free(scan);
}

static enum status page_fetch(struct txn_scan *scan)
{
    struct txn *t = scan->txn;
    /* The first page is as large as the caller hopes; the others grow. */
    uint64_t rows_max = scan->limit == 0 ? 0 : scan->limit + t->writes.count;
    if (rows_max > 100000 || scan->pages > 0) rows_max = 0;
    read_begin(t, 1);
    put_u8(&t->request, 2);
    put_sized(&t->request, buf_view(&scan->start));
    put_sized(&t->request, buf_view(&scan->end));
    put_u32(&t->request, (uint32_t)rows_max);
    put_u8(&t->request, scan->reverse);
    struct reader in;
    enum status status = read_send(t, buf_view(&scan->start), &in);
    if (status != STATUS_OK) return status;
    buf_reset(&scan->page);
    buf_append(&scan->page, in.at, reader_left(&in));
    if (scan->page.failed) return STATUS_NO_MEMORY;
    scan->rows = reader_make(buf_view(&scan->page));
    scan->pages++;
    return STATUS_OK;
}

/* Remembers where the next page goes on. */
static void page_after(struct txn_scan *scan, struct bytes key)
{
    struct buf *bound = scan->reverse ? &scan->end : &scan->start;
    buf_reset(bound);
    buf_append_bytes(bound, key);
    if (!scan->reverse) buf_append_byte(bound, 0);
}

/* Makes has_row true, or exhausted. */
static enum status row_next(struct txn_scan *scan)
{
    while (!scan->has_row && !scan->exhausted) {
        if (scan->pages == 0 || reader_left(&scan->rows) == 0) {
            enum status status = page_fetch(scan);
            if (status != STATUS_OK) return status;
        }
        uint8_t kind = get_u8(&scan->rows);
        if (kind == 1 || kind == 4) {
            scan->row_key = get_sized(&scan->rows);
            if (kind == 1) scan->row_value = get_sized(&scan->rows);
            page_after(scan, scan->row_key);
            scan->has_row = kind == 1;
        } else if (kind == 0) {
            scan->exhausted = true;
        } else if (kind != 2) {
            return STATUS_INVALID;
        }
        if (scan->rows.failed) return STATUS_INVALID;
    }
    return STATUS_OK;
}

/* The own write at or after (before, when reverse) where the scan stands. */
static void own_next(struct txn_scan *scan)
{
    const struct write_set *ws = &scan->txn->writes;
    if (!scan->reverse) {
        scan->own = scan->started_own ? write_set_seek(ws, buf_view(&scan->own_key), true)
                                      : write_set_seek(ws, buf_view(&scan->start), false);
        if (scan->own != NULL && scan->end.size > 0 &&
            bytes_compare(scan->own->key, buf_view(&scan->end)) >= 0)
            scan->own = NULL;
    } else {
        scan->own = write_set_seek_before(ws, scan->started_own ? buf_view(&scan->own_key)
                                                                : buf_view(&scan->end));
        if (scan->own != NULL && bytes_compare(scan->own->key, buf_view(&scan->start)) < 0)
            scan->own = NULL;
    }
}

static void own_take(struct txn_scan *scan)
{
    buf_reset(&scan->own_key);
    buf_append_bytes(&scan->own_key, scan->own->key);
    scan->started_own = true;
}

enum status txn_scan_next(struct txn_scan *scan, struct bytes *key_out, struct bytes *value_out)
{
    ASSERT(!scan->txn->ended);
    /* Where own writes begin has to be known before the first page moves the bounds. */
    if (scan->txn->writes.count > 0 && !scan->started_own && scan->pages == 0) {
        buf_reset(&scan->own_key);
        own_next(scan);
        if (scan->own == NULL && !scan->reverse) buf_append_bytes(&scan->own_key, buf_view(&scan->start));
        if (scan->own == NULL && scan->reverse) buf_append_bytes(&scan->own_key, buf_view(&scan->end));
        if (scan->own == NULL) scan->started_own = true;
    } else if (scan->txn->writes.count > 0 && scan->started_own) {
        own_next(scan);
    }
    for (;;) {
        enum status status = row_next(scan);
        if (status != STATUS_OK) return status;
        if (!scan->has_row && scan->own == NULL) return STATUS_NOT_FOUND;
        int order = !scan->has_row ? -1
                    : scan->own == NULL
                        ? 1
                        : bytes_compare(scan->own->key, scan->row_key) * (scan->reverse ? -1 : 1);
        if (order <= 0) { /* the own write comes first, or replaces the row */
            const struct write *own = scan->own;
            own_take(scan);
            if (order == 0) scan->has_row = false;
            if (own->tombstone) {
                own_next(scan);
                continue;
            }
            *key_out = own->key;
            *value_out = own->value;
        } else {
            *key_out = scan->row_key;
            *value_out = scan->row_value;
            scan->has_row = false;
        }
        scan->taken++;
        return STATUS_OK;
    }
}

/* ---- writes ---- */

static enum status buffer_write(struct txn *t, const struct write *write)
{
    ASSERT(!t->ended);
    struct bytes key = write->key, value = write->value;
    t->refused_key_bytes = key.size;
    t->refused_value_bytes = value.size;
    if (key.size == 0 || key.size > SHARD_KEY_BYTES_MAX || value.size > TXN_VALUE_BYTES_MAX)
        return STATUS_TOO_LARGE;
    if (t->writes.bytes + key.size + value.size + WRITE_HEAD_BYTES > TXN_COMMIT_BYTES_MAX) return STATUS_TOO_LARGE;
    return write_set_put(&t->writes, write);
}

enum status txn_put(struct txn *t, struct bytes key, struct bytes value)
{
    return buffer_write(t, &(struct write){.key = key, .value = value});
}

enum status txn_insert(struct txn *t, struct bytes key, struct bytes value)
{
    const struct write *own = write_set_find(&t->writes, key);
    if (own != NULL && !own->tombstone) return STATUS_EXISTS;
    return buffer_write(t, &(struct write){.key = key, .value = value, .insert = own == NULL});
}

enum status txn_delete(struct txn *t, struct bytes key)
{
    return buffer_write(t, &(struct write){.key = key, .tombstone = true});
}

static void encode_commit(struct txn *t)
{
    struct buf *b = &t->request;
    buf_reset(b);
    buf_append_zero(b, HEAD_BYTES);
    put_u64(b, t->name.node);
    put_u64(b, t->name.number);
    put_u64(b, t->pending_term);
    put_u64(b, t->read_ts);
    if (t->span_count > 1 && MUTANT("earlier_reads_forgotten")) {
        t->spans[0] = t->spans[t->span_count - 1];
        t->span_count = 1;
    }
    put_spans(t);
    put_u32(b, t->writes.count);
    for (const struct write *w = write_set_first(&t->writes); w != NULL; w = write_set_next(w))
        encode_write(b, w);
}

enum status txn_commit(struct txn *t, uint64_t *ts_out)
{
    ASSERT(!t->ended);
    enum status assumed = (t->writes.count == 0 ? txn_verify(t) : leave_assumed_to_leader(t));
    t->ended = true;
    if (assumed != STATUS_OK) return assumed;
    if (t->writes.count == 0 && t->pending_term != 0) return STATUS_CONFLICT; /* nobody knows whether it is so */
    if (t->writes.count == 0) { /* everything it saw is of one timestamp */
        if (ts_out != NULL) *ts_out = t->read_ts;
        return STATUS_OK;
    }
    encode_commit(t);
    if (t->request.failed) return STATUS_TOO_LARGE;
    struct gateway_request q = {.kind = RPC_COMMIT, .key = write_set_first(&t->writes)->key,
                                .body = &t->request, .deadline_ns = t->deadline_ns,
                                .no_quorum_ns = t->no_quorum_ns, .interrupt = &t->interrupt};
    struct env *env = store_env(t->kv->store);
    uint64_t start_ns = env_now_ns(env);
    enum status status;
    while ((status = gateway_call(t->kv, &q, &t->reply)) == STATUS_WAIT) { /* for those that hold locks */
        if (t->lock_timeout_ns != 0 && env_now_ns(env) >= start_ns + t->lock_timeout_ns) return STATUS_LOCKED;
        if (t->deadline_ns != 0 && env_now_ns(env) >= t->deadline_ns) return STATUS_TIMEOUT;
    }
    t->released = status == STATUS_OK;
    if (status == STATUS_UNKNOWN_OUTCOME) t->kv->metrics.unknown_outcomes++;
    if (status != STATUS_OK) return status;
    histogram_add(&t->kv->metrics.commit_ns, env_now_ns(store_env(t->kv->store)) - start_ns);
    struct reader in = reader_make(buf_view(&t->reply));
    uint64_t ct = get_u64(&in);
    if (!reader_done(&in)) return STATUS_UNKNOWN_OUTCOME;
    if (ts_out != NULL) *ts_out = ct;
    return STATUS_OK;
}
