/* Locks in several ranges at once: one request to each, under way together.
 *
 * Who waits in one range must not hold what it took in another one out of turn: two who want the same keys would wait for each
 * other, which those who ask range after range, in the order of the keys, do not. So nobody waits for a lock here. All of them are
 * there at once, or all are given back, and asked for one range after the other.
 *
 * Each grant has its own timestamp. They are taken as if one had been asked for behind the other, in the order of these: what a
 * leader has validated up to its own holds at all before. */
#include "txn/txn_lock.h"

#define PARTS_MAX 16u
#define GIVE_BACK_NS 1000000000u /* then it is left to the end of the transaction */

/* What lies in one range. */
struct part {
    struct gateway_request q;
    struct route route; /* start and end live in the transaction's arena */
    struct buf body, reply;
    uint32_t first, count; /* in `keys` and `results` */
    bool taken;
    uint8_t body_room[256], reply_room[512];
};

struct at_once {
    struct txn *t;
    const struct locking *all;
    struct part *parts;         /* no more than keys */
    uint32_t part_count;
    uint8_t *part_of;           /* of each key, as they were given */
    struct bytes *keys;         /* part by part */
    struct txn_locked *results;
};

static struct locking locking_of(const struct at_once *o, const struct part *p)
{
    enum txn_lock_wait wait = o->all->wait == TXN_LOCK_WAIT ? TXN_LOCK_NOWAIT : o->all->wait;
    return (struct locking){.keys = o->keys + p->first, .count = p->count, .mode = o->all->mode, .wait = wait};
}

/* ---- cutting ---- */

static enum status part_add(struct at_once *o, struct bytes key)
{
    struct txn *t = o->t;
    struct part *p = &o->parts[o->part_count];
    memset(p, 0, offsetof(struct part, body_room));
    enum status status = txn_find(t, key, false, &p->route);
    if (status != STATUS_OK) return status;
    p->route.start = arena_copy(t->arena, p->route.start);
    p->route.end = arena_copy(t->arena, p->route.end);
    if (p->route.start.data == NULL || p->route.end.data == NULL) return STATUS_NO_MEMORY;
    buf_init_lent(&p->body, NET_MESSAGE_BYTES_MAX - 4096, p->body_room, sizeof p->body_room);
    buf_init_lent(&p->reply, NET_MESSAGE_BYTES_MAX, p->reply_room, sizeof p->reply_room);
    o->part_count++;
    return STATUS_OK;
}

/* The range of each key. *fits_out false: there are too many. */
static enum status find_parts(struct at_once *o, bool *fits_out)
{
    size_t bytes = 0;
    *fits_out = false;
    for (uint32_t i = 0, at = 0; i < o->all->count; i++) {
        struct bytes key = o->all->keys[i];
        bytes += key.size;
        if (key.size == 0 || key.size > SHARD_KEY_BYTES_MAX || bytes > LOCK_REQUEST_BYTES) return STATUS_OK;
        if (o->part_count == 0 || !route_holds(&o->parts[at].route, key)) { /* mostly they are sorted */
            for (at = 0; at < o->part_count && !route_holds(&o->parts[at].route, key);) at++;
            if (at == PARTS_MAX) return STATUS_OK;
            enum status status = at == o->part_count ? part_add(o, key) : STATUS_OK;
            if (status != STATUS_OK) return status;
        }
        o->part_of[i] = (uint8_t)at;
        o->parts[at].count++;
    }
    *fits_out = true;
    return STATUS_OK;
}

static void sort_keys(struct at_once *o)
{
    uint32_t next[PARTS_MAX];
    for (uint32_t n = 0, at = 0; n < o->part_count; at += o->parts[n++].count) next[n] = o->parts[n].first = at;
    for (uint32_t i = 0; i < o->all->count; i++) o->keys[next[o->part_of[i]]++] = o->all->keys[i];
}

/* Where locks are held already those that are taken here cannot be given back by themselves. */
static bool holds_some(const struct at_once *o)
{
    for (uint32_t n = 0; n < o->part_count; n++)
        if (txn_locks_reach(o->t, &o->parts[n].route)) return true;
    return false;
}

/* ---- asking ---- */

static enum status note(struct at_once *o, const struct part *p)
{
    struct bytes low = o->keys[p->first], high = low;
    for (uint32_t i = 1; i < p->count; i++) {
        struct bytes key = o->keys[p->first + i];
        if (bytes_compare(key, low) < 0) low = key;
        if (bytes_compare(key, high) > 0) high = key;
    }
    return txn_lock_note(o->t, &p->route, low, high);
}

static enum status encode(struct at_once *o, struct part *p)
{
    struct txn *t = o->t;
    struct locking l = locking_of(o, p);
    p->q = txn_request(t, RPC_LOCK, l.keys[0]);
    p->q.body = &p->body;
    p->q.reply = &p->reply;
    p->q.found = &p->route;
    txn_lock_encode(t, &l, &p->route, t->lock_timeout_ns, &p->q.hull);
    buf_append_bytes(&p->body, buf_view(&t->request));
    return t->request.failed || p->body.failed ? STATUS_TOO_LARGE : STATUS_OK;
}

static enum status prepare(struct at_once *o)
{
    enum status status = STATUS_OK;
    /* All are noted first: nothing in flight is shown then (txn_lock_encode). */
    for (uint32_t n = 0; n < o->part_count && status == STATUS_OK; n++) status = note(o, &o->parts[n]);
    for (uint32_t n = 0; n < o->part_count && status == STATUS_OK; n++) status = encode(o, &o->parts[n]);
    return status;
}

/* [fiber] What became of each is said in its result. */
static void call_all(struct at_once *o)
{
    struct gateway_request *requests[PARTS_MAX];
    for (uint32_t n = 0; n < o->part_count; n++) requests[n] = &o->parts[n].q;
    (void)gateway_call_all(o->t->kv, requests, o->part_count, true);
}

/* [fiber] Until it is so, as far as the leaders can be reached. */
static void give_back(struct at_once *o)
{
    struct txn *t = o->t;
    uint64_t end_ns = env_now_ns(store_env(t->kv->store)) + GIVE_BACK_NS;
    if (MUTANT("locks_kept_out_of_turn")) return;
    COVER("txn_locks_not_at_once");
    for (uint32_t n = 0; n < o->part_count; n++) {
        struct part *p = &o->parts[n];
        buf_reset(&p->body);
        buf_append_zero(&p->body, HEAD_BYTES);
        put_u64(&p->body, t->name.node);
        put_u64(&p->body, t->name.number);
        p->q = txn_request(t, RPC_UNLOCK, o->keys[p->first]);
        p->q.body = &p->body;
        p->q.reply = &p->reply;
        if (p->q.deadline_ns == 0 || p->q.deadline_ns > end_ns) p->q.deadline_ns = end_ns;
    }
    call_all(o);
    for (uint32_t n = 0; n < o->part_count; n++)
        if (o->parts[n].q.result == STATUS_OK) txn_locks_given_back(t, o->parts[n].q.served_by);
}

/* ---- what was answered ---- */

static bool is_refusal(enum status status)
{
    return status == STATUS_LOCKED || status == STATUS_WAIT || status == STATUS_STALE_ROUTE ||
           status == STATUS_TOO_LARGE; /* the values: one range after the other is asked for fewer */
}

/* The first one that says why it is no use to go on; else one that has to be asked for again; else STATUS_OK. */
static enum status result_of(const struct at_once *o)
{
    enum status result = STATUS_OK;
    for (uint32_t n = 0; n < o->part_count; n++) {
        enum status status = o->parts[n].q.result;
        if (status == STATUS_OK || status == result) continue;
        if (!is_refusal(status) && status != STATUS_CONFLICT) return status;
        if (result == STATUS_OK || result == STATUS_CONFLICT) result = status;
    }
    return result;
}

static uint64_t grant_ts(const struct part *p)
{
    struct reader in = reader_make(buf_view(&p->reply));
    return get_u64(&in); /* 0, which is none, if it fails */
}

static enum status take_all(struct at_once *o)
{
    enum status status = STATUS_OK;
    for (uint32_t n = 0; n < o->part_count && status == STATUS_OK; n++) {
        struct part *next = NULL;
        for (uint32_t i = 0; i < o->part_count; i++) {
            struct part *p = &o->parts[i];
            if (!p->taken && (next == NULL || grant_ts(p) < grant_ts(next))) next = p;
        }
        struct locking l = locking_of(o, next);
        next->taken = true;
        status = txn_lock_take(o->t, &l, &next->route, buf_view(&next->reply), o->results + next->first);
    }
    return status;
}

static void put_results(const struct at_once *o, struct txn_locked *out)
{
    uint32_t next[PARTS_MAX];
    for (uint32_t n = 0; n < o->part_count; n++) next[n] = o->parts[n].first;
    for (uint32_t i = 0; i < o->all->count; i++) out[i] = o->results[next[o->part_of[i]]++];
}

static enum status run(struct at_once *o, struct txn_locked *out, bool *done_out)
{
    bool fits;
    enum status status = find_parts(o, &fits);
    if (status != STATUS_OK || !fits || o->part_count == 1) return status;
    bool waits = o->all->wait == TXN_LOCK_WAIT;
    if (waits && holds_some(o)) return STATUS_OK;
    sort_keys(o);
    status = prepare(o);
    if (status != STATUS_OK) return status;
    call_all(o);
    status = result_of(o);
    bool again = is_refusal(status) && (waits || status != STATUS_LOCKED);
    if (again && waits) give_back(o);
    if (again) return STATUS_OK;
    if (status != STATUS_OK) return status;
    COVER("txn_locked_at_once");
    *done_out = true;
    status = take_all(o);
    if (status == STATUS_OK) put_results(o, out);
    return status;
}

enum status txn_lock_at_once(struct txn *t, const struct locking *l, struct txn_locked *out, bool *done_out)
{
    struct at_once o = {.t = t, .all = l};
    *done_out = false;
    if (l->count > LOCK_KEYS_PER_REQUEST) return STATUS_OK;
    o.part_of = ARENA_ARRAY(t->arena, uint8_t, l->count);
    o.keys = ARENA_ARRAY(t->arena, struct bytes, l->count);
    o.results = ARENA_ARRAY(t->arena, struct txn_locked, l->count);
    o.parts = arena_alloc(t->arena, (l->count < PARTS_MAX ? l->count : PARTS_MAX) * sizeof *o.parts);
    enum status status = o.part_of == NULL || o.keys == NULL || o.results == NULL || o.parts == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    if (status == STATUS_OK) status = run(&o, out, done_out);
    for (uint32_t n = 0; n < o.part_count; n++) {
        buf_deinit(&o.parts[n].body);
        buf_deinit(&o.parts[n].reply);
    }
    return status;
}
