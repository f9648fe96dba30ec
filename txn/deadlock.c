/* Circles of transactions that wait for each other's locks in several ranges. A leader sees those among its own locks at
 * once (lock_table.c). For the others each gateway looks, whenever a leader tells it that the lock is not there yet
 * (after 50 ms, then every half second): whom does this transaction wait for there, where do they wait, for whom, and so on. The edges
 * are asked for one after the other, but a transaction that waits lets go of nothing, so a circle that is found is one, or
 * was one until somebody gave up. Only the youngest of a circle gives up, and each looks only for itself: all but it go on.
 *
 * RPC_LOCK_WAITS: range u64, epoch u64, node u64, number u64 (a transaction): for whom does it wait in that range?
 *     Reply: count u16, { node u64, number u64, begin ts u64 }.
 *   With range 0: does this transaction of yours wait for a lock? Reply: nothing, or a key of the range where it does. */
#include "txn/lock.h"
#include "txn/txn_state.h"

#define SEEN_MAX 64
#define ASK_TIMEOUT_NS 1000000000u

/* ================================ who is asked ================================ */

static void put_owner(void *ctx, const struct lock_owner *owner)
{
    struct buf *out = ctx;
    if (load_le16(out->data) == SEEN_MAX) return;
    put_u64(out, owner->name.node);
    put_u64(out, owner->name.number);
    put_u64(out, owner->begin_ts);
    if (!out->failed) store_le16(out->data, (uint16_t)(load_le16(out->data) + 1));
}

static void answer_as_leader(struct kv *kv, struct rpc_token token, uint64_t range, uint64_t epoch, struct txn_name name)
{
    struct range *g = range_admit(kv, token, range, epoch);
    if (g == NULL) return;
    struct buf reply;
    buf_init(&reply, 4096);
    put_u16(&reply, 0);
    if (!reply.failed) lock_waits_for(&g->locks, name, put_owner, &reply);
    rpc_reply(store_rpc(kv->store), token, reply.failed ? STATUS_NO_MEMORY : STATUS_OK, buf_view(&reply));
    buf_deinit(&reply);
}

static void waits_serve(void *ctx, struct rpc_token token, struct bytes body)
{
    struct kv *kv = ctx;
    struct reader in = reader_make(body);
    uint64_t range = get_u64(&in), epoch = get_u64(&in);
    struct txn_name name = {get_u64(&in), get_u64(&in)};
    if (!reader_done(&in)) {
        rpc_reply(store_rpc(kv->store), token, STATUS_INVALID, BYTES_EMPTY);
        return;
    }
    if (range != 0) {
        answer_as_leader(kv, token, range, epoch, name);
        return;
    }
    const struct txn *t = map_get(&kv->locking, name.number);
    bool waits = t != NULL && t->name.node == name.node;
    rpc_reply(store_rpc(kv->store), token, STATUS_OK, waits ? t->waits_at : BYTES_EMPTY);
}

void deadlock_attach(struct kv *kv)
{
    rpc_serve(store_rpc(kv->store), RPC_LOCK_WAITS, waits_serve, kv);
}

/* ================================ who asks ================================ */

struct seen {
    struct txn_name name;
    uint64_t begin_ts;
    uint32_t from; /* who waits for it */
};

struct search {
    struct txn *txn;
    struct buf body, reply, key;
    struct seen seen[SEEN_MAX]; /* 0: the transaction itself */
    uint32_t count;
    bool youngest_of_circle;
};

static void put_question(struct search *s, struct txn_name name)
{
    buf_reset(&s->body);
    buf_append_zero(&s->body, HEAD_BYTES);
    put_u64(&s->body, name.node);
    put_u64(&s->body, name.number);
}

/* [fiber] A key of the range where the transaction waits, in s->key; false when it does not, or nobody says so. */
static bool where(struct search *s, uint32_t at)
{
    struct txn *t = s->txn;
    if (at == 0) {
        buf_append_bytes(&s->key, t->waits_at);
        return !s->key.failed;
    }
    put_question(s, s->seen[at].name);
    struct gateway_request q = {.kind = RPC_LOCK_WAITS, .body = &s->body, .repeatable = true, .interrupt = &t->interrupt};
    if (s->body.failed ||
        gateway_ask(t->kv, &q, (struct node_id){s->seen[at].name.node}, ASK_TIMEOUT_NS, &s->reply) != STATUS_OK)
        return false;
    buf_append_bytes(&s->key, buf_view(&s->reply));
    return s->key.size > 0 && !s->key.failed;
}

static bool younger(const struct seen *a, const struct seen *b)
{
    if (a->begin_ts != b->begin_ts) return a->begin_ts > b->begin_ts;
    if (a->name.node != b->name.node) return a->name.node > b->name.node;
    return a->name.number > b->name.number;
}

/* seen[at] waits for the transaction itself. */
static void circle_found(struct search *s, uint32_t at)
{
    COVER("txn_deadlock_over_ranges");
    for (; at != 0; at = s->seen[at].from)
        if (younger(&s->seen[at], &s->seen[0])) return;
    s->youngest_of_circle = true;
}

static void take_edges(struct search *s, uint32_t at)
{
    struct reader in = reader_make(buf_view(&s->reply));
    uint16_t count = get_u16(&in);
    for (uint16_t i = 0; i < count; i++) {
        struct seen next = {.name = {get_u64(&in), get_u64(&in)}, .begin_ts = get_u64(&in), .from = at};
        if (in.failed) return;
        uint32_t known = 0;
        while (known < s->count &&
               (s->seen[known].name.node != next.name.node || s->seen[known].name.number != next.name.number))
            known++;
        if (known == 0) circle_found(s, at);
        else if (known == s->count && s->count < SEEN_MAX) s->seen[s->count++] = next;
    }
}

static void look(struct search *s, uint32_t at)
{
    struct txn *t = s->txn;
    buf_reset(&s->key);
    if (!where(s, at)) return;
    put_question(s, s->seen[at].name);
    struct gateway_request q = {.kind = RPC_LOCK_WAITS, .key = buf_view(&s->key), .body = &s->body, .repeatable = true,
                                .interrupt = &t->interrupt,
                                .deadline_ns = env_now_ns(store_env(t->kv->store)) + ASK_TIMEOUT_NS};
    if (!s->body.failed && gateway_call(t->kv, &q, &s->reply) == STATUS_OK) take_edges(s, at);
}

bool txn_is_deadlocked(struct txn *t)
{
    struct search s = {.txn = t, .count = 1};
    s.seen[0] = (struct seen){.name = t->name, .begin_ts = t->begin_ts};
    buf_init(&s.body, 4096);
    buf_init(&s.reply, NET_MESSAGE_BYTES_MAX);
    buf_init(&s.key, SHARD_KEY_BYTES_MAX);
    for (uint32_t at = 0; at < s.count && !s.youngest_of_circle && !MUTANT("deadlock_over_ranges_unseen"); at++)
        look(&s, at);
    buf_deinit(&s.body);
    buf_deinit(&s.reply);
    buf_deinit(&s.key);
    if (s.youngest_of_circle) t->kv->metrics.deadlocks++;
    return s.youngest_of_circle;
}
