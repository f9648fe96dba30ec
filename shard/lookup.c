/* RPC_META_LOOKUP: which ranges hold these keys, or what of this range? Any replica of range 1 answers from what it
 * has applied. A stale answer is harmless for routing: the owner checks. Where an answer shall prove something (that
 * a range is gone), the leader answers, and only after it has confirmed that it leads.
 *
 * request  by u8 (1 key, 2 range id, 3 the last keys before a key), proof u8, count u8, sized key or range id u64
 * reply    proof u8, verdict u8, level u8, repeated { sized descriptor, leader u64 }
 *
 * Level 0: these are the ranges that were asked for. A higher level means ranges that hold descriptors: ask their
 * members the same. There is none today; who asks walks down all the same (route.c). */
#include <stdlib.h>

#include "shard/meta_int.h"
#include "shard/nodes.h"

#define PROOF_TIMEOUT_NS  2000000000u
#define LOOKUP_TIMEOUT_NS 1000000000u
#define REPLY_BYTES_MAX   (256u << 10)

enum { BY_KEY = 1, BY_RANGE = 2, BY_KEY_DOWNWARDS = 3 };

struct question {
    uint8_t by;
    bool proof;
    uint32_t count;
    struct bytes key;
    struct range_id range;
};

static bool question_decode(struct bytes body, struct question *q)
{
    struct reader in = reader_make(body);
    *q = (struct question){.by = get_u8(&in), .proof = get_u8(&in) != 0, .count = get_u8(&in)};
    if (q->by == BY_RANGE) q->range.value = get_u64(&in);
    else q->key = get_sized(&in);
    return reader_done(&in) && q->by >= BY_KEY && q->by <= BY_KEY_DOWNWARDS && q->count >= 1 &&
           q->count <= LOOKUP_COUNT_MAX && q->key.size <= SHARD_KEY_BYTES_MAX;
}

void lookup_encode_key(struct buf *out, struct bytes key, bool downwards, uint32_t count)
{
    put_u8(out, downwards ? BY_KEY_DOWNWARDS : BY_KEY);
    put_u8(out, 0);
    put_u8(out, (uint8_t)count);
    put_sized(out, key);
}

/* ---- answering ---- */

static void put_range(struct store *s, const struct descriptor *d, struct buf *out)
{
    struct buf encoded;
    buf_init(&encoded, DESCRIPTOR_BYTES_MAX);
    descriptor_encode(d, &encoded);
    ASSERT(!encoded.failed);
    put_sized(out, buf_view(&encoded));
    put_u64(out, route_leader_hint(s, d->range).value);
    buf_deinit(&encoded);
}

enum range_verdict meta_verdict(const struct meta_state *m, struct range_id range)
{
    if (meta_range(m, range) != NULL) return RANGE_VERDICT_KNOWN;
    if (meta_split(m, range) != NULL) return RANGE_VERDICT_PENDING;
    return range.value >= m->next_range_id ? RANGE_VERDICT_NEVER : RANGE_VERDICT_GONE;
}

static void answer_encode(struct store *s, const struct question *q, struct buf *out)
{
    const struct meta_state *m = &s->meta;
    put_u8(out, q->proof);
    if (q->by == BY_RANGE) {
        const struct descriptor *d = meta_range(m, q->range);
        put_u8(out, (uint8_t)meta_verdict(m, q->range));
        put_u8(out, 0);
        if (d != NULL) put_range(s, d, out);
        return;
    }
    put_u8(out, RANGE_VERDICT_KNOWN);
    put_u8(out, 0);
    bool downwards = q->by == BY_KEY_DOWNWARDS;
    uint32_t at = downwards ? key_index_before(&m->ranges, q->key) : key_index_upto(&m->ranges, q->key);
    ASSERT(at > 0 || downwards); /* META-1: the first range starts at the first key */
    for (uint32_t i = 0; i < q->count && at >= 1 && at <= m->ranges.count && out->size < REPLY_BYTES_MAX; i++) {
        put_range(s, m->ranges.items[at - 1], out);
        at = downwards ? at - 1 : at + 1;
    }
}

static void answer(struct store *s, struct rpc_token token, const struct question *q)
{
    struct buf reply;
    buf_init(&reply, REPLY_BYTES_MAX + (64u << 10));
    answer_encode(s, q, &reply);
    ASSERT(!reply.failed);
    rpc_reply(s->rpc, token, STATUS_OK, buf_view(&reply));
    buf_deinit(&reply);
}

/* An answer that waits until it is certain who leads. */
struct proof_wait {
    struct read_wait wait;
    struct store *store;
    struct rpc_token token;
    struct range_id range;
};

static void on_confirmed(struct read_wait *w, enum status status)
{
    struct proof_wait *p = CONTAINER_OF(w, struct proof_wait, wait);
    struct question q = {.by = BY_RANGE, .proof = true, .count = 1, .range = p->range};
    if (status == STATUS_OK && !meta_serving(p->store)) status = STATUS_NOT_LEADER;
    if (status == STATUS_OK) answer(p->store, p->token, &q);
    else if (status != STATUS_CANCELLED) rpc_reply(p->store->rpc, p->token, STATUS_NOT_LEADER, BYTES_EMPTY);
    free(p);
}

static void prove(struct store *s, struct rpc_token token, const struct question *q)
{
    struct proof_wait *p = calloc(1, sizeof *p);
    if (p == NULL) {
        rpc_reply(s->rpc, token, STATUS_NO_MEMORY, BYTES_EMPTY);
        return;
    }
    p->store = s;
    p->token = token;
    p->range = q->range;
    p->wait.on_done = on_confirmed;
    replica_read(store_replica(s, RANGE_META), PROOF_TIMEOUT_NS, &p->wait);
}

static void serve_lookup(void *ctx, struct rpc_token token, struct bytes body)
{
    struct store *s = ctx;
    struct question q;
    if (!question_decode(body, &q) || (q.proof && q.by != BY_RANGE)) {
        rpc_reply(s->rpc, token, STATUS_INVALID, BYTES_EMPTY);
    } else if (q.proof ? !meta_serving(s) : !meta_ready(s)) {
        uint8_t hint[8];
        store_le64(hint, route_leader_hint(s, RANGE_META).value);
        rpc_reply(s->rpc, token, STATUS_NOT_LEADER, bytes_make(hint, sizeof hint));
    } else if (q.proof && !MUTANT("meta_proof_without_round")) {
        prove(s, token, &q);
    } else {
        answer(s, token, &q);
    }
}

void lookup_serve(struct store *s)
{
    rpc_serve(s->rpc, RPC_META_LOOKUP, serve_lookup, s);
}

/* ---- asking what is known of a range ---- */

static void on_looked_up(struct rpc_call *call, enum status status, struct bytes body)
{
    struct range_lookup *l = CONTAINER_OF(call, struct range_lookup, call);
    struct reader in = reader_make(body);
    if (status != STATUS_OK) {
        if (status != STATUS_CANCELLED) store_route_refused(l->store, RANGE_META, call->to, status, body);
        l->on_done(l, status, 0, NULL);
        return;
    }
    bool proof = get_u8(&in) != 0;
    enum range_verdict verdict = (enum range_verdict)get_u8(&in);
    uint8_t level = get_u8(&in);
    struct descriptor d, *known = NULL;
    if (reader_left(&in) > 0) {
        known = &d;
        if (descriptor_decode(get_sized(&in), &d) != STATUS_OK || d.range.value != l->range.value) in.failed = true;
        (void)get_u64(&in);
    }
    if (verdict < RANGE_VERDICT_KNOWN || verdict > RANGE_VERDICT_GONE) in.failed = true;
    if (!reader_done(&in) || level != 0 || (l->proof && !proof) || (known != NULL) != (verdict == RANGE_VERDICT_KNOWN))
        l->on_done(l, STATUS_INVALID, 0, NULL);
    else l->on_done(l, STATUS_OK, verdict, known);
}

enum status store_range_lookup(struct store *s, struct range_lookup *l, struct range_id range, bool proof)
{
    ASSERT(l->on_done != NULL);
    struct node_id to = store_meta_leader(s);
    if (to.value == 0) return STATUS_UNAVAILABLE;
    l->store = s;
    l->range = range;
    l->proof = proof;
    l->call.on_done = on_looked_up;
    uint8_t body[11] = {BY_RANGE, proof, 1};
    store_le64(body + 3, range.value);
    return rpc_start(s->rpc, &l->call, to, RPC_META_LOOKUP, bytes_make(body, sizeof body),
                     proof ? 2 * (uint64_t)PROOF_TIMEOUT_NS : LOOKUP_TIMEOUT_NS);
}
