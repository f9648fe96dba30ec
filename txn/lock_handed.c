/* Locks that go along when a range changes hands on purpose (W4). The right side of a split begins with those of its keys, and a range
 * that takes in its neighbour with those of both, as far as one node goes on to lead; whoever hands a range over tells the next leader
 * which are held. Those that wait ask again.
 *
 * Nothing rests on it: a lock that does not come over is lost, as with a leader that dies, and the commit validates what was read
 * under it. One whose transaction has ended meanwhile is found out about like any other (lock.c, orphans).
 *
 * RPC_LOCKS: range u64, term u64 (of the leader that was), locks: { node u64, number u64 (the transaction), begin ts u64, mode u8, sized key }.
 * Nobody waits for the answer. */
#include <stdlib.h>

#include "txn/txn_int.h"

#define LOCKS_BYTES_MAX (256u << 10) /* of what is handed on; what is beyond is lost */
#define LATE_NS 2000000000u          /* then they are not those of the leader before any more */
#define TELL_TIMEOUT_NS 1000000000u

struct noting {
    struct buf *out;
    struct bytes from;
};

static void note(void *ctx, struct bytes key, const struct lock_owner *owner, enum lock_mode mode, const struct lock_request *waiting)
{
    struct noting *n = ctx;
    if (waiting != NULL || bytes_compare(key, n->from) < 0 || n->out->size > LOCKS_BYTES_MAX) return;
    put_u64(n->out, owner->name.node);
    put_u64(n->out, owner->name.number);
    put_u64(n->out, owner->begin_ts);
    put_u8(n->out, (uint8_t)mode);
    put_sized(n->out, key);
}

void locks_handed_init(struct range *g)
{
    buf_init(&g->handed, NET_MESSAGE_BYTES_MAX);
}

void locks_handed_deinit(struct range *g)
{
    buf_deinit(&g->handed);
}

void locks_hand_on(const struct range *g, struct bytes from, struct range *to)
{
    struct noting n = {.out = &to->handed, .from = from};
    locks_handed_deinit(to);
    locks_handed_init(to);
    lock_table_visit(&g->locks, note, &n);
    to->handed_ns = env_now_ns(store_env(to->kv->store));
}

static void never_done(struct lock_request *q, enum status status)
{
    (void)q;
    (void)status;
    UNREACHABLE(); /* it was not queued */
}

static bool take_one(struct range *g, struct reader *in)
{
    struct txn_name name = {get_u64(in), get_u64(in)};
    uint64_t begin_ts = get_u64(in);
    uint8_t mode = get_u8(in);
    struct bytes key = get_sized(in);
    bool valid = !in->failed && name.node != 0 && name.number != 0 && (mode == LOCK_SHARED || mode == LOCK_EXCLUSIVE) &&
                 key.size > 0 && key.size <= SHARD_KEY_BYTES_MAX;
    if (!valid) return false;
    const struct lock_owner *known = lock_owner_find(&g->locks, name);
    if (!descriptor_contains(replica_descriptor(g->replica), key) || (known != NULL && known->waiting != NULL)) return true;
    struct lock_request q = {.on_done = never_done};
    enum status status = lock_acquire(&g->locks, name, begin_ts, key, (enum lock_mode)mode, false, &q);
    if (status == STATUS_OK) {
        g->kv->metrics.locks_handed++;
        lock_ask_soon(g, name);
    }
    return status == STATUS_OK || status == STATUS_LOCKED;
}

void locks_take(struct range *g)
{
    uint64_t now_ns = env_now_ns(store_env(g->kv->store));
    if (g->handed.size == 0) return;
    struct reader in = reader_make(buf_view(&g->handed));
    bool takes = now_ns < g->handed_ns + LATE_NS && !g->handed.failed && !MUTANT("locks_not_handed_on");
    if (takes) COVER("txn_locks_taken");
    while (takes && reader_left(&in) > 0) takes = take_one(g, &in);
    locks_handed_deinit(g);
    locks_handed_init(g);
}

/* ---- to another node ---- */

struct telling {
    struct rpc_call call;
};

static void on_told(struct rpc_call *call, enum status status, struct bytes body)
{
    (void)status;
    (void)body;
    free(CONTAINER_OF(call, struct telling, call));
}

void locks_hand_over(const struct range *g)
{
    struct node_id to = replica_handed_to(g->replica);
    if (g->locks.lock_count == 0 || to.value == 0) return;
    struct telling *x = calloc(1, sizeof *x);
    if (x == NULL) return;
    struct buf body;
    buf_init(&body, NET_MESSAGE_BYTES_MAX);
    put_u64(&body, replica_range(g->replica).value);
    put_u64(&body, g->term);
    lock_table_visit(&g->locks, note, &(struct noting){.out = &body, .from = BYTES_EMPTY});
    x->call = (struct rpc_call){.on_done = on_told, .ctx = x};
    if (body.failed || rpc_start(store_rpc(g->kv->store), &x->call, to, RPC_LOCKS, buf_view(&body), TELL_TIMEOUT_NS) != STATUS_OK) free(x);
    buf_deinit(&body);
}

static void locks_serve(void *ctx, struct rpc_token token, struct bytes body)
{
    struct kv *kv = ctx;
    struct reader in = reader_make(body);
    struct range_id range = {get_u64(&in)};
    uint64_t term = get_u64(&in);
    struct replica *r = in.failed ? NULL : store_replica(kv->store, range);
    struct range *g = r == NULL ? NULL : replica_app(r);
    bool of_use = g != NULL && range.value != RANGE_META.value && replica_term(r) >= term;
    rpc_reply(store_rpc(kv->store), token, of_use ? STATUS_OK : STATUS_INVALID, BYTES_EMPTY);
    if (!of_use) return;
    locks_handed_deinit(g);
    locks_handed_init(g);
    buf_append_bytes(&g->handed, bytes_make(in.at, reader_left(&in)));
    g->handed_ns = env_now_ns(store_env(kv->store));
    if (g->ready && replica_serving(r) && g->term > term) locks_take(g);
}

void lock_handed_attach(struct kv *kv)
{
    rpc_serve(store_rpc(kv->store), RPC_LOCKS, locks_serve, kv);
}
