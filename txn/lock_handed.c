/* Locks go along where a range changes hands on purpose (W4). A leader that offers its range to another node tells it beforehand what
 * is locked and who waits; the right side of a split begins with the locks and the queues of its keys, where the same node leads
 * both; and who takes in its right neighbour goes on with those of both, where it led both.
 *
 * They are kept beside the range until it is served in that one term which they are meant for, and are thrown away in any other.
 * Nothing rests on them: what is lost on the way, or comes to nobody, is as if a leader had died, and every commit validates what was
 * read under a lock, whoever granted it.
 *
 * RPC_LOCKS: range u64, term u64 (in which the receiver would lead), life in ns u64 (it leads until then, or not by this offer), then
 *   { 1 u8, owner, sized key } for each lock that is held, { 2 u8, owner, waited ns u64, count u16, sized keys } for each place in a
 *   queue, in the order of the queues. Beside the range only, { 3 u8, owner }: given back since. owner: node u64, number u64 (the transaction), begin ts u64, mode u8. Nobody waits for the reply. */
#include <stdlib.h>

#include "txn/lock.h"

#define LOCKS_MAX       4096u        /* of what goes along; what is beyond is lost */
#define LOCKS_BYTES_MAX (256u << 10)
#define GIVEN_BACK_BYTES (8u << 10)
#define LIFE_NS         2000000000u  /* of what stays on this node */
#define LIFE_NS_MAX     10000000000u
#define TELL_TIMEOUT_NS 1000000000u
#define ASKED_SOON_FOR_NS 2000000000u /* whether they live: what gave them back may have gone to who led before */

enum handed_kind { HANDED_LOCK = 1, HANDED_PLACE = 2, HANDED_BACK = 3 };

void locks_handed_init(struct locks_handed *h)
{
    *h = (struct locks_handed){0};
    buf_init(&h->records, LOCKS_BYTES_MAX + GIVEN_BACK_BYTES);
}

void locks_handed_drop(struct locks_handed *h)
{
    buf_deinit(&h->records);
    buf_init(&h->records, LOCKS_BYTES_MAX + GIVEN_BACK_BYTES);
}

/* ---- what is locked ---- */

struct noting {
    struct buf *out;
    struct bytes from; /* keys below it are left out */
    uint32_t count;
};

static void put_owner(struct buf *out, enum handed_kind kind, const struct lock_owner *owner, enum lock_mode mode)
{
    put_u8(out, (uint8_t)kind);
    put_u64(out, owner->name.node);
    put_u64(out, owner->name.number);
    put_u64(out, owner->begin_ts);
    put_u8(out, (uint8_t)mode);
}

/* The record that begins at `begin` is whole, or there is no room for it. */
static void noted(struct noting *n, size_t begin)
{
    if (n->out->failed || n->out->size > LOCKS_BYTES_MAX || n->count == LOCKS_MAX) {
        COVER("txn_locks_beyond_bound");
        n->out->failed = false;
        buf_truncate(n->out, begin);
    } else {
        n->count++;
    }
}

static void note_lock(void *ctx, struct bytes key, const struct lock_owner *owner, enum lock_mode mode, const struct lock_request *waiting)
{
    struct noting *n = ctx;
    if (waiting != NULL || bytes_compare(key, n->from) < 0) return;
    size_t begin = n->out->size;
    put_owner(n->out, HANDED_LOCK, owner, mode);
    put_sized(n->out, key);
    noted(n, begin);
}

static struct range_op *waits_by(const struct lock_request *q)
{
    return CONTAINER_OF((struct lock_request *)(uintptr_t)q, struct range_op, request);
}

/* One that asks for keys of both sides of a split has to ask anew, in another place. */
static void note_place(void *ctx, const struct lock_request *q)
{
    struct noting *n = ctx;
    const struct range_op *op = waits_by(q);
    if (q->owner == NULL || op->kind != RANGE_OP_LOCK || MUTANT("lock_places_not_handed")) return;
    for (uint32_t i = 0; i < op->key_count; i++)
        if (bytes_compare(op->keys[i].key, n->from) < 0) return;
    size_t begin = n->out->size;
    put_owner(n->out, HANDED_PLACE, q->owner, q->mode);
    put_u64(n->out, env_now_ns(store_env(op->range->kv->store)) - op->queued_ns);
    put_u16(n->out, (uint16_t)op->key_count);
    for (uint32_t i = 0; i < op->key_count; i++) put_sized(n->out, op->keys[i].key);
    noted(n, begin);
}

static uint32_t note_all(const struct range *g, struct bytes from, struct buf *out)
{
    struct noting n = {.out = out, .from = from};
    lock_table_visit(&g->locks, note_lock, &n);
    lock_table_visit_queues(&g->locks, note_place, &n);
    return n.count;
}

/* ---- on this node ---- */

static void keep_here(const struct range *g, struct bytes from, struct range *to, uint64_t term)
{
    if (!g->ready || !replica_serving(g->replica) || g->locks.lock_count == 0) return;
    struct locks_handed *h = &to->handed;
    locks_handed_drop(h);
    note_all(g, from, &h->records);
    h->term = term;
    h->until_ns = env_now_ns(store_env(g->kv->store)) + LIFE_NS;
}

void locks_divide(const struct range *g, struct bytes key, struct range *right)
{
    /* Who leads the right side at once does so in the term behind (shard/split_apply.c). */
    if (!MUTANT("split_forgets_locks")) keep_here(g, key, right, g->term + 1);
}

void locks_unite(struct range *left, const struct range *right)
{
    if (!MUTANT("merge_forgets_locks")) keep_here(right, BYTES_EMPTY, left, left->term);
}

/* ---- to another node ---- */

struct telling {
    struct rpc_call call;
    struct list link; /* kv.tellings */
};

static void on_told(struct rpc_call *call, enum status status, struct bytes body)
{
    (void)status;
    (void)body;
    struct telling *x = call->ctx;
    list_remove(&x->link);
    free(x);
}

static void tell(struct range *g, struct node_id to, struct bytes body, uint32_t count)
{
    struct kv *kv = g->kv;
    struct telling *x = calloc(1, sizeof *x);
    if (x == NULL) return;
    x->call = (struct rpc_call){.on_done = on_told, .ctx = x};
    list_push_back(&kv->tellings, &x->link);
    if (rpc_start(store_rpc(kv->store), &x->call, to, RPC_LOCKS, body, TELL_TIMEOUT_NS) == STATUS_OK) {
        COVER("txn_locks_shipped");
        kv->metrics.locks_shipped += count;
        return;
    }
    list_remove(&x->link);
    free(x);
}

static void gather(void *ctx, const struct lock_request *q)
{
    struct range_op *op = waits_by(q);
    if (op->kind == RANGE_OP_LOCK) list_push_front(ctx, &op->blocked_link);
}

/* The last of each queue first: nobody gets a lock because another goes. */
static void send_waiters_away(struct range *g)
{
    struct list away, *item;
    list_init(&away);
    lock_table_visit_queues(&g->locks, gather, &away);
    while ((item = list_pop_front(&away)) != NULL)
        range_op_reply(CONTAINER_OF(item, struct range_op, blocked_link), STATUS_NOT_LEADER, BYTES_EMPTY);
}

void locks_hand_over(void *state, struct node_id to, uint64_t life_ns)
{
    struct range *g = state;
    if (!g->ready || g->kv->stopping) return;
    g->handing_over = true;
    if (g->locks.lock_count == 0 || to.value == 0 || MUTANT("locks_not_shipped")) return;
    struct buf body, records;
    buf_init(&body, LOCKS_BYTES_MAX + 64);
    buf_init(&records, LOCKS_BYTES_MAX);
    uint32_t count = note_all(g, BYTES_EMPTY, &records);
    put_u64(&body, replica_range(g->replica).value);
    put_u64(&body, g->term + 1); /* who is told to stand stands at once */
    put_u64(&body, life_ns);
    buf_append_bytes(&body, buf_view(&records));
    if (!body.failed) tell(g, to, buf_view(&body), count);
    buf_deinit(&records);
    buf_deinit(&body);
    send_waiters_away(g);
}

bool locks_handing_over(struct range *g)
{
    if (!g->handing_over) return false;
    g->handing_over = replica_handing_over(g->replica); /* it may have come to nothing */
    return g->handing_over && !MUTANT("lock_granted_after_shipping");
}

static void locks_serve(void *ctx, struct rpc_token token, struct bytes body)
{
    struct kv *kv = ctx;
    struct reader in = reader_make(body);
    struct range_id range = {get_u64(&in)};
    uint64_t term = get_u64(&in), life_ns = get_u64(&in);
    bool valid = !in.failed && range.value != RANGE_META.value && reader_left(&in) <= LOCKS_BYTES_MAX;
    rpc_reply(store_rpc(kv->store), token, valid ? STATUS_OK : STATUS_INVALID, BYTES_EMPTY);
    struct replica *r = valid ? store_replica(kv->store, range) : NULL;
    if (r == NULL || kv->stopping) return;
    struct range *g = replica_app(r);
    if (replica_term(r) > term || g->ready) { /* it would come too late for those who were served meanwhile */
        COVER("txn_locks_came_late");
        return;
    }
    struct locks_handed *h = &g->handed;
    locks_handed_drop(h);
    buf_append_bytes(&h->records, bytes_make(in.at, reader_left(&in)));
    h->term = term;
    h->until_ns = env_now_ns(store_env(kv->store)) + (life_ns < LIFE_NS_MAX ? life_ns : LIFE_NS_MAX);
}

/* ---- taken over ---- */

struct owner_facts {
    struct txn_name name;
    uint64_t begin_ts;
    enum lock_mode mode;
};

static bool get_owner(struct reader *in, struct owner_facts *out)
{
    out->name = (struct txn_name){get_u64(in), get_u64(in)};
    out->begin_ts = get_u64(in);
    uint8_t mode = get_u8(in);
    out->mode = (enum lock_mode)mode;
    return !in->failed && out->name.node != 0 && out->name.number != 0 && (mode == LOCK_SHARED || mode == LOCK_EXCLUSIVE);
}

static bool key_fits(const struct range *g, struct bytes key)
{
    return key.size <= SHARD_KEY_BYTES_MAX && descriptor_contains(replica_descriptor(g->replica), key);
}

static bool take_lock(struct range *g, struct reader *in)
{
    struct owner_facts o;
    if (!get_owner(in, &o)) return false;
    struct bytes key = get_sized(in);
    if (in->failed || !key_fits(g, key)) return false;
    if (lock_put(&g->locks, o.name, o.begin_ts, key, o.mode) != STATUS_OK) return true; /* lost */
    g->kv->metrics.locks_handed++;
    return true;
}

static bool take_place(struct range *g, struct reader *in)
{
    struct owner_facts o;
    if (!get_owner(in, &o)) return false;
    uint64_t waited_ns = get_u64(in);
    uint16_t count = get_u16(in);
    const uint8_t *begin = in->at;
    for (uint16_t i = 0; i < count; i++)
        if (!key_fits(g, get_sized(in)) || in->failed) return false;
    if (in->failed || count == 0 || count > LOCKS_MAX) return false;
    const struct lock_owner *known = lock_owner_find(&g->locks, o.name);
    if (known != NULL && known->waiting != NULL) return true;
    COVER("txn_lock_place_taken_over");
    struct lock_place place = {.name = o.name, .begin_ts = o.begin_ts, .mode = o.mode, .waited_ns = waited_ns,
                               .keys = bytes_make(begin, (size_t)(in->at - begin)), .key_count = count};
    lock_keep_place(g, &place);
    return true;
}

static bool give_back(struct range *g, struct reader *in)
{
    struct owner_facts o;
    if (!get_owner(in, &o)) return false;
    lock_forget(g, o.name);
    return true;
}

static void take_all(struct range *g, struct bytes records)
{
    struct reader in = reader_make(records);
    bool well = true;
    while (well && reader_left(&in) > 0) {
        uint8_t kind = get_u8(&in);
        well = (kind == HANDED_LOCK && take_lock(g, &in)) || (kind == HANDED_PLACE && take_place(g, &in)) ||
               (kind == HANDED_BACK && give_back(g, &in));
    }
    if (!well) COVER("txn_locks_malformed");
}

void locks_take_over(struct range *g)
{
    struct locks_handed *h = &g->handed;
    if (h->records.size == 0 || g->kv->stopping) return;
    uint64_t now_ns = env_now_ns(store_env(g->kv->store));
    if ((g->term == h->term || MUTANT("handed_locks_of_any_term")) && now_ns < h->until_ns &&
        !MUTANT("locks_not_handed_on")) {
        COVER("txn_locks_taken_over");
        take_all(g, buf_view(&h->records));
        h->asked_soon_until_ns = now_ns + ASKED_SOON_FOR_NS;
        lock_ask_soon(g);
    } else {
        COVER("txn_locks_thrown_away");
    }
    locks_handed_drop(h);
}

void locks_handed_forget(struct range *g, struct txn_name name)
{
    struct buf *records = &g->handed.records;
    if (records->size == 0) return; /* mostly: it is served, or nothing is on its way */
    struct lock_owner owner = {.name = name};
    size_t begin = records->size;
    put_owner(records, HANDED_BACK, &owner, LOCK_SHARED);
    if (!records->failed) return;
    records->failed = false;
    buf_truncate(records, begin); /* found out about later */
}

bool locks_asked_soon(struct range *g, uint64_t now_ns)
{
    struct locks_handed *h = &g->handed;
    if (h->records.size > 0 && now_ns >= h->until_ns) locks_handed_drop(h);
    return now_ns < h->asked_soon_until_ns && !MUTANT("handed_locks_asked_late");
}

void locks_handed_attach(struct kv *kv)
{
    rpc_serve(store_rpc(kv->store), RPC_LOCKS, locks_serve, kv);
}

void locks_handed_stop(struct kv *kv)
{
    struct list *item;
    while ((item = list_pop_front(&kv->tellings)) != NULL) {
        struct telling *x = CONTAINER_OF(item, struct telling, link);
        rpc_cancel(&x->call);
        free(x);
    }
}
