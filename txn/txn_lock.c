/* Locks of a transaction: asked for at the range's leader, given back when it ends. */
#include <stdlib.h>

#include "txn/txn_state.h"

#define LOCK_KEYS_PER_REQUEST 1000u
#define LOCK_REQUEST_BYTES (1u << 20)

void txn_set_lock_timeout(struct txn *t, uint64_t timeout_ns)
{
    t->lock_timeout_ns = timeout_ns;
}

void txn_set_overlay(struct txn *t, bool on)
{
    t->overlay = on;
}

bool txn_is_pending(const struct txn *t)
{
    return t->pending_term != 0;
}

enum status txn_locks_begin(struct txn *t, struct bytes key)
{
    if (t->name.number != 0) return STATUS_OK;
    const struct net_identity *self = store_identity(t->kv->store);
    if (self->node.value == 0) { /* not a member yet: leaders could not ask about the transaction */
        COVER("txn_lock_before_joining");
        return STATUS_UNAVAILABLE;
    }
    uint64_t number = self->incarnation << 40 | ++t->kv->txn_numbers;
    t->lock_key = malloc(key.size);
    if (t->lock_key == NULL || map_put(&t->kv->locking, number, t) != STATUS_OK) return STATUS_NO_MEMORY;
    memcpy(t->lock_key, key.data, key.size);
    t->lock_key_size = key.size;
    t->name = (struct txn_name){self->node.value, number};
    if (t->begin_ts == 0) t->begin_ts = t->read_ts != 0 ? t->read_ts : t->kv->clock.seen;
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
    struct route route;
    struct unlock *u = calloc(1, sizeof *u);
    bool known = u != NULL && !kv->stopping &&
                 store_route(kv->store, bytes_make(t->lock_key, t->lock_key_size), &route) == STATUS_OK &&
                 route.leader.value != 0;
    if (known) {
        uint8_t body[32];
        store_le64(body, route.range.value);
        store_le64(body + 8, route.epoch);
        store_le64(body + 16, t->name.node);
        store_le64(body + 24, t->name.number);
        u->call = (struct rpc_call){.on_done = on_unlocked, .ctx = u};
        list_push_back(&kv->unlocks, &u->link);
        known = rpc_start(store_rpc(kv->store), &u->call, route.leader, RPC_UNLOCK, bytes_make(body, sizeof body),
                          REQUEST_TIMEOUT_NS) == STATUS_OK;
        if (!known) list_remove(&u->link);
    }
    if (!known) free(u);
}

void txn_locks_end(struct txn *t)
{
    if (t->name.number == 0) return;
    map_remove(&t->kv->locking, t->name.number);
    if (!t->released) unlock_send(t);
}

void txn_unlock(struct txn *t)
{
    txn_locks_end(t);
    free(t->lock_key);
    t->lock_key = NULL;
    t->lock_key_size = 0;
    t->name = (struct txn_name){0};
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
    txn_put_spans(t);
    put_u16(b, (uint16_t)count);
    for (uint32_t i = 0; i < count; i++) put_sized(b, keys[i]);
}

/* [fiber] Asks until the locks are there: a leader answers now and then that they are not yet. key: of the range. */
static enum status lock_send(struct txn *t, struct bytes key, const struct bytes *keys, uint32_t count,
                             enum txn_lock_mode mode, enum txn_lock_wait wait)
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
        struct gateway_request q = {.kind = RPC_LOCK, .key = key, .body = &t->request,
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
    if (MUTANT("grant_ts") && t->kv->clock.seen > ts) t->read_ts = t->kv->clock.seen;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t result = get_u8(&in);
        uint64_t version_ts = get_u64(&in);
        struct bytes value = get_sized(&in);
        if (in.failed || result > 2) return STATUS_INVALID;
        out[i] = (struct txn_locked){.found = result == 1, .passed_over = result == 2, .ts = version_ts};
        if (result == 2) continue;
        enum status status = STATUS_OK;
        if (!MUTANT("locked_keys_unvalidated"))
            status = txn_span_add(t, &(struct span){.start = keys[i], .point = true});
        if (status != STATUS_OK) return status;
        const struct write *own = write_set_find_at(&t->writes, keys[i], t->view);
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
        status = txn_locks_begin(t, keys[at]);
        if (status == STATUS_OK) status = txn_assumed_to_leader(t);
        if (status == STATUS_OK) status = lock_send(t, keys[at], keys + at, n, mode, wait);
        if (status == STATUS_OK) status = lock_results(t, keys + at, n, out + at);
        at += n;
    }
    return status;
}

enum status txn_lock_nothing(struct txn *t, struct bytes key)
{
    enum status status = txn_locks_begin(t, key);
    if (status == STATUS_OK) status = lock_send(t, key, NULL, 0, TXN_LOCK_SHARED, TXN_LOCK_WAIT);
    return status == STATUS_OK ? lock_results(t, NULL, 0, NULL) : status;
}
