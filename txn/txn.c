/* The transaction at the gateway: one read timestamp, spans read, writes buffered, one commit. */
#include <stdio.h>
#include <stdlib.h>

#include "txn/leader.h"
#include "txn/txn_state.h"

#ifdef __SANITIZE_ADDRESS__
#define KEPT_MAX 0               /* so that it sees every use after the end */
#else
#define KEPT_MAX 1024
#endif
#define KEPT_BYTES_MAX 4096      /* of buffers of one */
#define WRITE_HEAD_BYTES 8       /* of one write in a commit, at most */
#define COMMIT_ID_AT (HEAD_BYTES + 32) /* tag and highest ct in RPC_COMMIT */

/* Memory of a transaction that has ended, with its buffers; NULL: none is kept. */
static struct txn *kept_take(struct kv *kv)
{
    struct txn *t = kv->kept;
    if (t == NULL) return NULL;
    kv->kept = t->next_kept;
    kv->kept_count--;
    buf_reset(&t->request);
    buf_reset(&t->reply);
    *t = (struct txn){.request = t->request, .reply = t->reply, .bounds = {t->bounds[0], t->bounds[1]}, .spans = t->spans,
                      .span_capacity = t->span_capacity};
    return t;
}

static struct txn *memory_new(void)
{
    struct txn *t = calloc(1, sizeof *t);
    if (t == NULL) return NULL;
    buf_init(&t->request, NET_MESSAGE_BYTES_MAX - 4096);
    buf_init(&t->reply, NET_MESSAGE_BYTES_MAX);
    buf_init(&t->bounds[0], SHARD_KEY_BYTES_MAX);
    buf_init(&t->bounds[1], SHARD_KEY_BYTES_MAX);
    return t;
}

static void memory_free(struct txn *t)
{
    buf_deinit(&t->request);
    buf_deinit(&t->reply);
    buf_deinit(&t->bounds[0]);
    buf_deinit(&t->bounds[1]);
    free(t->spans);
    free(t);
}

static void keep_or_free(struct kv *kv, struct txn *t)
{
    size_t bytes = t->request.capacity + t->reply.capacity + t->bounds[0].capacity + t->bounds[1].capacity +
                   t->span_capacity * sizeof *t->spans;
    if (kv->kept_count == KEPT_MAX || bytes > KEPT_BYTES_MAX) {
        memory_free(t);
        return;
    }
    t->next_kept = kv->kept;
    kv->kept = t;
    kv->kept_count++;
}

void txn_kept_free(struct kv *kv)
{
    for (struct txn *t; (t = kept_take(kv)) != NULL;) memory_free(t);
}

uint64_t txn_tag_draw(struct kv *kv)
{
    return (env_random_u64(store_env(kv->store)) >> (64 - OUTCOME_TAG_BITS)) | 1;
}

enum status txn_create(struct kv *kv, struct arena *arena, struct txn **txn_out)
{
    struct txn *t = kept_take(kv);
    if (t == NULL) t = memory_new();
    if (t == NULL) return STATUS_NO_MEMORY;
    t->kv = kv;
    t->arena = arena;
    t->last_ct = UINT64_MAX;
    t->write_bytes_max = TXN_WRITE_BYTES_DEFAULT;
    t->id.tag = txn_tag_draw(kv);
    enum status status = write_set_init(&t->writes, arena, prng_next(&kv->prng));
    if (status != STATUS_OK) {
        keep_or_free(kv, t);
        return status;
    }
    t->view = WRITE_SET_NOW;
    *txn_out = t;
    return STATUS_OK;
}

void txn_destroy(struct txn *t)
{
    txn_locks_end(t);
    spill_drop(t);
    keep_or_free(t->kv, t);
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

void txn_set_write_bytes_max(struct txn *t, uint64_t bytes)
{
    t->write_bytes_max = bytes;
}

uint64_t txn_write_bytes_max(const struct txn *t)
{
    return t->write_bytes_max;
}

void txn_set_last_ct(struct txn *t, uint64_t ts)
{
    t->last_ct = ts;
}

void txn_resume(struct txn *t)
{
    ASSERT(t->interrupt.wait == NULL);
    t->interrupt.requested = false;
}

enum status txn_breathe(struct txn *t)
{
    enum status status = gateway_breathe(t->kv, &t->interrupt);
    if (status != STATUS_OK || t->deadline_ns == 0) return status;
    return env_now_ns(store_env(t->kv->store)) >= t->deadline_ns ? STATUS_TIMEOUT : STATUS_OK;
}

void txn_requests(const struct txn *t, uint64_t *requests_out, uint64_t *retries_out)
{
    *requests_out = t->interrupt.requests;
    *retries_out = t->interrupt.requests - t->interrupt.calls;
}

enum status txn_sleep(struct txn *t, uint64_t duration_ns)
{
    struct env *env = store_env(t->kv->store);
    uint64_t now_ns = env_now_ns(env), end_ns = now_ns + duration_ns;
    bool late = t->deadline_ns != 0 && t->deadline_ns < end_ns;
    if (late) end_ns = t->deadline_ns;
    /* A pause may end early: it is not said why. */
    while (!t->interrupt.requested && !t->kv->stopping && (now_ns = env_now_ns(env)) < end_ns)
        gateway_pause(t->kv, end_ns - now_ns, &t->interrupt);
    if (t->interrupt.requested || (late && !t->kv->stopping)) return STATUS_TIMEOUT;
    return t->kv->stopping ? STATUS_CANCELLED : STATUS_OK;
}

bool txn_is_fresh(const struct txn *t) { return !t->past.on && t->read_ts == 0 && t->span_count == 0 && t->writes.count == 0; }

void txn_explain_limit(const struct txn *t, char *text, size_t size)
{
    if (t->refused_key_bytes > TXN_KEY_BYTES_MAX)
        snprintf(text, size, "a key is limited to %d bytes; this one has %zu", TXN_KEY_BYTES_MAX, t->refused_key_bytes);
    else if (t->refused_value_bytes > TXN_VALUE_BYTES_MAX)
        snprintf(text, size, "a row is limited to %u bytes; this one has %zu", TXN_VALUE_BYTES_MAX,
                 t->refused_value_bytes);
    else if (t->writes.bytes + t->refused_key_bytes + t->refused_value_bytes + WRITE_HEAD_BYTES > t->write_bytes_max)
        snprintf(text, size, "a transaction is limited to %llu bytes of writes; it has %llu, and %zu more are too many",
                 (unsigned long long)t->write_bytes_max, (unsigned long long)t->writes.bytes,
                 t->refused_key_bytes + t->refused_value_bytes);
    else if (t->apart && t->ended)
        snprintf(text, size, "a transaction is limited to writes in %d ranges", TXN_PARTS_MAX);
    else
        snprintf(text, size, "a key is limited to %d bytes, a row to %u and the writes of a transaction to %llu",
                 TXN_KEY_BYTES_MAX, TXN_VALUE_BYTES_MAX, (unsigned long long)t->write_bytes_max);
}

bool txn_has_writes(const struct txn *t) { return t->writes.count > 0; }
bool txn_has_put(const struct txn *t, struct bytes key)
{
    const struct write *own = write_set_find(&t->writes, key);
    return own != NULL && !own->tombstone;
}
bool txn_is_spill_full(const struct txn *t) { return t->spill_full; }
uint64_t txn_write_bytes(const struct txn *t) { return t->writes.bytes; }
uint64_t txn_read_ts(const struct txn *t) { return t->read_ts; }

void txn_id_format(struct txn_id id, char text[TXN_ID_BYTES])
{
    snprintf(text, TXN_ID_BYTES, "%012llx%08llx%012llx", (unsigned long long)(id.sent_ts >> OUTCOME_SENT_SHIFT),
             (unsigned long long)id.range.value, (unsigned long long)id.tag);
}

void txn_id(const struct txn *t, char id[TXN_ID_BYTES]) { txn_id_format(t->id, id); }

struct txn_id txn_id_of(const struct txn *t) { return t->id; }

enum status txn_restart(struct txn *t, struct arena *arena)
{
    t->arena = arena;
    t->id.tag = txn_tag_draw(t->kv); /* who asks for it asks for one attempt */
    t->read_ts = 0;
    t->past = (struct txn_past){.on = false};
    t->read_ts_assumed = false;
    t->pending_term = 0;
    t->span_count = 0;
    t->assumed_count = 0;
    t->ended = false;
    spill_drop(t);
    return write_set_clear(&t->writes, arena);
}

/* ---- writes ---- */

static __attribute__((noinline)) enum status put_spilled(struct txn *t, const struct write *write)
{
    struct write spilled = *write;
    enum status status = spill_put(t, write->value, &spilled);
    return status == STATUS_OK ? write_set_put(&t->writes, &spilled) : status;
}

static enum status buffer_write(struct txn *t, const struct write *write)
{
    ASSERT(!t->ended);
    if (t->past.on) return STATUS_UNSUPPORTED;
    struct bytes key = write->key, value = write->value;
    t->refused_key_bytes = key.size;
    t->refused_value_bytes = value.size;
    if (key.size == 0 || key.size > SHARD_KEY_BYTES_MAX || value.size > TXN_VALUE_BYTES_MAX)
        return STATUS_TOO_LARGE;
    if (t->writes.bytes + key.size + value.size + WRITE_HEAD_BYTES > t->write_bytes_max) return STATUS_TOO_LARGE;
    /* Most are small, and need not ask. */
    if (value.size >= t->kv->spill.value_bytes && spill_is_due(t, value)) return put_spilled(t, write);
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

/* The writes, what was read in their range, and what was read elsewhere. */
static enum status encode_commit(struct txn *t, const struct route *route, struct hull *hull)
{
    struct buf *b = &t->request;
    buf_reset(b);
    buf_append_zero(b, HEAD_BYTES);
    put_u64(b, t->name.node);
    put_u64(b, t->name.number);
    put_u64(b, t->pending_term == 0 ? 0 : leader_mark(t->pending_range, t->pending_term));
    put_u64(b, t->read_ts);
    ASSERT(b->failed || b->size == COMMIT_ID_AT);
    put_u64(b, t->id.tag);
    put_u64(b, 0); /* stamp */
    if (t->span_count > 1 && MUTANT("earlier_reads_forgotten")) {
        t->spans[0] = t->spans[t->span_count - 1];
        t->span_count = 1;
    }
    txn_put_spans(t, route, hull);
    enum status status = txn_put_spans_elsewhere(t, route);
    put_u32(b, t->writes.count);
    if (t->spill != NULL && status == STATUS_OK) status = spill_encode(t, b, write_set_first(&t->writes), NULL);
    for (const struct write *w = write_set_first(&t->writes); w != NULL; w = write_set_next(w)) {
        if (t->spill == NULL) encode_write(b, w);
        hull_add(hull, &(struct span){.start = w->key, .point = true});
    }
    return b->failed ? STATUS_TOO_LARGE : status;
}

/* The id says since when the commit was under way; an attempt that was refused for certain leaves no trace. */
static bool stamp(struct gateway_request *q)
{
    struct txn *t = q->ctx;
    uint64_t seen = clock_seen(&t->kv->clock);
    uint64_t sent_ts = seen > q->refused_at ? seen : q->refused_at;
    sent_ts = sent_ts >> OUTCOME_SENT_SHIFT << OUTCOME_SENT_SHIFT; /* as the id says */
    uint64_t last_ct = t->last_ct;
    if (t->leased_until != 0 && t->leased_until < last_ct && !MUTANT("catalog_lease_outlived")) last_ct = t->leased_until;
    if (sent_ts > last_ct) return false;
    ASSERT(q->served_by.value <= UINT32_MAX);
    t->id.sent_ts = sent_ts;
    t->id.range = q->served_by;
    uint64_t ct_max = sent_ts + OUTCOME_WINDOW_NS;
    store_le64(t->request.data + COMMIT_ID_AT + 8, ct_max < last_ct ? ct_max : last_ct);
    return true;
}

/* [fiber] To the range that holds all writes. STATUS_STALE_ROUTE: the ranges have changed, nothing was proposed. */
static enum status commit_one_phase(struct txn *t, struct gateway_request *q, const struct route *route, uint64_t start_ns)
{
    struct env *env = store_env(t->kv->store);
    /* What it has built upon is not proposed there. */
    if (t->pending_term != 0 && t->pending_range.value != route->range.value) return STATUS_CONFLICT;
    q->hull = (struct hull){.any = false};
    q->found = route;
    enum status status = encode_commit(t, route, &q->hull);
    if (status != STATUS_OK) return status;
    while ((status = gateway_call(t->kv, q, &t->reply)) == STATUS_WAIT) { /* for those that hold locks */
        if (t->lock_timeout_ns != 0 && env_now_ns(env) >= start_ns + t->lock_timeout_ns) return STATUS_LOCKED;
        if (t->deadline_ns != 0 && env_now_ns(env) >= t->deadline_ns) return STATUS_TIMEOUT;
    }
    if (status == STATUS_EXPIRED && t->leased_until != 0 && q->refused_at <= t->last_ct) {
        COVER("txn_lease_too_short");
        t->lease_missed = t->leased_until;
        status = STATUS_STALE_ROUTE; /* with a later lease, or with a look at what it speaks of */
    }
    if (status == STATUS_OK) txn_locks_given_back(t, q->served_by);
    return status;
}

static enum status commit_send(struct txn *t, struct gateway_request *q, uint64_t start_ns, uint64_t *ct_out)
{
    struct route route;
    enum status status = txn_find(t, q->key, false, &route);
    if (status != STATUS_OK) return status;
    const struct write *last = write_set_seek_before(&t->writes, BYTES_EMPTY, WRITE_SET_NOW);
    if (!route_holds(&route, last->key) || t->writes.bytes > t->kv->entry_bytes) return two_phase_commit(t, &route, start_ns, ct_out);
    status = commit_one_phase(t, q, &route, start_ns);
    if (status != STATUS_OK) return status;
    struct reader in = reader_make(buf_view(&t->reply));
    uint64_t ct = get_u64(&in);
    if (!reader_done(&in)) return STATUS_UNKNOWN_OUTCOME;
    *ct_out = ct;
    return STATUS_OK;
}

enum status txn_commit(struct txn *t, uint64_t *ts_out)
{
    ASSERT(!t->ended);
    enum status assumed = (t->writes.count == 0 ? txn_verify(t) : txn_assumed_to_leader(t));
    t->ended = true;
    t->spill_full = false;
    if (assumed != STATUS_OK) return assumed;
    if (t->writes.count == 0 && t->pending_term != 0 && !MUTANT("pending_believed")) return STATUS_CONFLICT; /* nobody knows whether it is so */
    if (t->writes.count == 0) { /* everything it saw is of one timestamp */
        if (ts_out != NULL) *ts_out = t->read_ts;
        return STATUS_OK;
    }
    struct gateway_request q = txn_request(t, RPC_COMMIT, write_set_first(&t->writes)->key);
    q.before_attempt = stamp;
    q.ctx = t;
    uint64_t start_ns = env_lately_ns(store_env(t->kv->store));
    enum status status;
    uint64_t ct = 0;
    do status = commit_send(t, &q, start_ns, &ct);
    while (txn_cut_again(t, &status));
    if (status == STATUS_UNKNOWN_OUTCOME) t->kv->metrics.unknown_outcomes++;
    if (status != STATUS_OK) return status;
    histogram_add(&t->kv->metrics.commit_ns, env_lately_ns(store_env(t->kv->store)) - start_ns);
    if (ts_out != NULL) *ts_out = ct;
    return STATUS_OK;
}
