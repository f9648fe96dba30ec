/* Locks of a transaction: asked for at the range's leader, given back when it ends. */
#include <stdlib.h>

#include "txn/txn_lock.h"

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

enum status txn_locks_begin(struct txn *t)
{
    if (t->name.number != 0) return STATUS_OK;
    const struct net_identity *self = store_identity(t->kv->store);
    if (self->node.value == 0) { /* not a member yet: leaders could not ask about the transaction */
        COVER("txn_lock_before_joining");
        return STATUS_UNAVAILABLE;
    }
    uint64_t number = self->incarnation << 40 | ++t->kv->txn_numbers;
    if (map_put(&t->kv->locking, number, t) != STATUS_OK) return STATUS_NO_MEMORY;
    t->name = (struct txn_name){self->node.value, number};
    if (t->begin_ts == 0) t->begin_ts = t->read_ts != 0 ? t->read_ts : clock_seen(&t->kv->clock);
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

/* ---- where the locks are ---- */

static enum status area_widen(struct lock_area *a, struct bytes low, struct bytes high)
{
    bool first = a->low.size == 0;
    if (first || bytes_compare(low, buf_view(&a->low)) < 0) {
        buf_reset(&a->low);
        buf_append_bytes(&a->low, low);
    }
    if (first || bytes_compare(high, buf_view(&a->high)) > 0) {
        buf_reset(&a->high);
        buf_append_bytes(&a->high, high);
    }
    return a->low.failed || a->high.failed ? STATUS_NO_MEMORY : STATUS_OK;
}

bool txn_locks_reach(const struct txn *t, const struct route *route)
{
    for (const struct lock_area *a = t->locked; a != NULL; a = a->next) {
        bool below = route->end.size > 0 && bytes_compare(route->end, buf_view(&a->low)) <= 0;
        if (!a->given_back && !below && bytes_compare(buf_view(&a->high), route->start) >= 0) return true;
    }
    return false;
}

enum status txn_lock_note(struct txn *t, const struct route *route, struct bytes low, struct bytes high)
{
    struct lock_area **place = &t->locked;
    for (; *place != NULL; place = &(*place)->next)
        if ((*place)->range.value == route->range.value) {
            (*place)->given_back = false;
            return area_widen(*place, low, high);
        }
    struct lock_area *a = pool_alloc(&t->kv->pool, sizeof *a);
    if (a == NULL) return STATUS_NO_MEMORY;
    a->next = NULL;
    a->range = route->range;
    a->given_back = false;
    a->waited_ns = 0;
    buf_init_lent(&a->low, SHARD_KEY_BYTES_MAX, a->low_room, sizeof a->low_room);
    buf_init_lent(&a->high, SHARD_KEY_BYTES_MAX, a->high_room, sizeof a->high_room);
    *place = a;
    return area_widen(a, low, high);
}

static void areas_free(struct txn *t)
{
    for (struct lock_area *a; (a = t->locked) != NULL;) {
        t->locked = a->next;
        buf_deinit(&a->low);
        buf_deinit(&a->high);
        pool_free(&t->kv->pool, a);
    }
}

/* Whether it arrives or not: a leader asks about the transaction by itself. */
static void unlock_range(struct txn *t, const struct route *route)
{
    struct kv *kv = t->kv;
    struct unlock *u = route->leader.value == 0 ? NULL : calloc(1, sizeof *u);
    if (u == NULL) return;
    uint8_t body[32];
    store_le64(body, route->range.value);
    store_le64(body + 8, route->epoch);
    store_le64(body + 16, t->name.node);
    store_le64(body + 24, t->name.number);
    u->call = (struct rpc_call){.on_done = on_unlocked, .ctx = u};
    list_push_back(&kv->unlocks, &u->link);
    if (rpc_start(store_rpc(kv->store), &u->call, route->leader, RPC_UNLOCK, bytes_make(body, sizeof body),
                  REQUEST_TIMEOUT_NS) == STATUS_OK)
        return;
    list_remove(&u->link);
    free(u);
}

/* In all ranges that hold those keys now. */
static void unlock_area(struct txn *t, const struct lock_area *a)
{
    struct route route;
    struct buf at;
    buf_init(&at, SHARD_KEY_BYTES_MAX);
    buf_append_bytes(&at, buf_view(&a->low));
    for (bool more = true; more && store_route(t->kv->store, buf_view(&at), &route) == STATUS_OK;) {
        unlock_range(t, &route);
        more = route.end.size > 0 && bytes_compare(route.end, buf_view(&a->high)) <= 0;
        buf_reset(&at);
        if (more) buf_append_bytes(&at, route.end);
    }
    buf_deinit(&at);
}

void txn_locks_end(struct txn *t)
{
    if (t->name.number != 0) {
        map_remove(&t->kv->locking, t->name.number);
        for (const struct lock_area *a = t->locked; a != NULL && !t->kv->stopping; a = a->next)
            if (!a->given_back) unlock_area(t, a);
    }
    areas_free(t); /* noted by a request, perhaps, that was under way when the locks were given back */
}

void txn_locks_given_back(struct txn *t, struct range_id range)
{
    struct route route;
    if (store_route_of(t->kv->store, range, &route) != STATUS_OK) return;
    for (struct lock_area *a = t->locked; a != NULL; a = a->next) {
        bool whole = route_holds(&route, buf_view(&a->low)) && route_holds(&route, buf_view(&a->high)); /* else others have a part by now */
        if (a->range.value == range.value && whole) a->given_back = true;
    }
}

void txn_unlock(struct txn *t)
{
    txn_locks_end(t);
    t->name = (struct txn_name){0};
}

/* ---- asking ---- */

void txn_lock_encode(struct txn *t, const struct locking *l, const struct route *route, uint64_t timeout_ns, struct hull *hull)
{
    struct buf *b = &t->request;
    buf_reset(b);
    buf_append_zero(b, HEAD_BYTES);
    put_u64(b, t->name.node);
    put_u64(b, t->name.number);
    put_u64(b, t->begin_ts);
    put_u8(b, (uint8_t)l->mode);
    put_u8(b, (uint8_t)l->wait);
    /* Writes in flight of one range only: the commit goes behind them in its log. */
    bool alone = t->locked != NULL && t->locked->next == NULL && t->locked->range.value == route->range.value;
    put_u8(b, t->overlay && !t->apart && alone);
    put_u64(b, timeout_ns);
    put_u64(b, t->read_ts); /* also without spans: the grant is not below it */
    txn_put_spans(t, route, hull);
    put_u16(b, (uint16_t)l->count);
    for (uint32_t i = 0; i < l->count; i++) {
        put_sized(b, l->keys[i]);
        hull_add(hull, &(struct span){.start = l->keys[i], .point = true});
    }
}

static void note_waited(struct txn *t, const struct route *route, uint64_t waited_ns)
{
    for (struct lock_area *a = t->locked; a != NULL; a = a->next)
        if (a->range.value == route->range.value && a->waited_ns < waited_ns) a->waited_ns = waited_ns;
}

/* [fiber] Asks until the locks are there: a leader answers now and then that they are not yet. */
static enum status lock_send(struct txn *t, const struct locking *l, const struct route *route, struct bytes key)
{
    struct env *env = store_env(t->kv->store);
    uint64_t since_ns = l->since_ns != 0 ? l->since_ns : env_now_ns(env);
    uint64_t give_up_ns = t->lock_timeout_ns == 0 ? 0 : since_ns + t->lock_timeout_ns;
    for (;;) {
        uint64_t now_ns = env_now_ns(env), left_ns = 0;
        if (give_up_ns != 0) {
            if (now_ns >= give_up_ns) return STATUS_LOCKED;
            left_ns = give_up_ns - now_ns;
        }
        if (t->deadline_ns != 0 && now_ns >= t->deadline_ns) return STATUS_TIMEOUT;
        struct gateway_request q = txn_request(t, RPC_LOCK, key);
        q.found = route;
        txn_lock_encode(t, l, route, left_ns, &q.hull);
        if (t->request.failed) return STATUS_TOO_LARGE;
        t->waits_at = key;
        enum status status = gateway_call(t->kv, &q, &t->reply);
        bool dies = status == STATUS_WAIT && txn_is_deadlocked(t);
        t->waits_at = BYTES_EMPTY;
        if (dies) return STATUS_DEADLOCK;
        if (status == STATUS_OK) note_waited(t, route, env_now_ns(env) - since_ns);
        if (status != STATUS_WAIT) return status;
    }
}

/* What was granted is committed, and was there already at the timestamp that the transaction reads at; it has begun by then. */
static bool view_stands(const struct txn *t, const struct locking *l, struct bytes reply)
{
    struct reader in = reader_make(reply);
    get_u64(&in);
    bool begun = !t->read_ts_assumed || MUTANT("view_stands_on_assumption");
    bool stands = t->read_ts != 0 && begun && l->count > 0 && get_u64(&in) == 0;
    for (uint32_t i = 0; i < l->count && stands; i++) {
        get_u8(&in);
        stands = get_u64(&in) <= t->read_ts;
        get_sized(&in);
    }
    return stands && !in.failed;
}

/* The leader has found what was read in its range unchanged up to ts; what was read elsewhere is asked for there, unless the view
 * need not be moved for what was granted. */
static enum status move_view(struct txn *t, const struct locking *l, const struct route *route, struct bytes reply, uint64_t ts)
{
    if (view_stands(t, l, reply) && txn_has_read_elsewhere(t, route, ts)) {
        COVER("txn_view_stands");
        return STATUS_OK;
    }
    enum status status = txn_refresh_elsewhere(t, route, ts);
    if (status != STATUS_OK) return status;
    t->read_ts = ts;
    t->read_ts_assumed = false;
    if (MUTANT("grant_ts") && clock_seen(&t->kv->clock) > ts) t->read_ts = clock_seen(&t->kv->clock);
    return STATUS_OK;
}

static enum status lock_results(struct txn *t, const struct locking *l, struct bytes reply, struct txn_locked *out)
{
    struct reader in = reader_make(reply);
    in.at += 2 * sizeof(uint64_t); /* read already */
    for (uint32_t i = 0; i < l->count; i++) {
        uint8_t result = get_u8(&in);
        uint64_t version_ts = get_u64(&in);
        struct bytes value = get_sized(&in);
        if (in.failed || result > 2) return STATUS_INVALID;
        out[i] = (struct txn_locked){.found = result == 1, .passed_over = result == 2, .ts = version_ts};
        if (result == 2) continue;
        enum status status = STATUS_OK;
        if (!MUTANT("locked_keys_unvalidated"))
            status = txn_span_add(t, &(struct span){.start = l->keys[i], .point = true});
        if (status != STATUS_OK) return status;
        const struct write *own = write_set_find_at(&t->writes, l->keys[i], t->view);
        if (own != NULL) {
            out[i].found = !own->tombstone;
            status = spill_value(t, own, t->arena, &out[i].value);
            if (status != STATUS_OK) return status;
        } else if (result == 1) {
            out[i].value = arena_copy(t->arena, value);
            if (out[i].value.data == NULL) return STATUS_NO_MEMORY;
        }
    }
    return reader_done(&in) ? STATUS_OK : STATUS_INVALID;
}

/* What the leader said: the timestamp, and the term in which what it has shown is proposed. */
static enum status take_grant(struct txn *t, struct range_id range, struct bytes reply, uint64_t *ts_out)
{
    struct reader in = reader_make(reply);
    uint64_t ts = get_u64(&in), term = get_u64(&in);
    if (in.failed || ts < t->read_ts || (term != 0 && (!t->overlay || t->apart))) return STATUS_INVALID;
    if (term != 0 && t->pending_term != 0 && (term != t->pending_term || range.value != t->pending_range.value))
        return STATUS_CONFLICT;
    if (term != 0) {
        t->pending_term = term;
        t->pending_range = range;
    }
    *ts_out = ts;
    return STATUS_OK;
}

enum status txn_lock_take(struct txn *t, const struct locking *l, const struct route *route, struct bytes reply,
                          struct txn_locked *out)
{
    uint64_t ts;
    enum status status = take_grant(t, route->range, reply, &ts);
    if (status == STATUS_OK) status = move_view(t, l, route, reply, ts);
    return status == STATUS_OK ? lock_results(t, l, reply, out) : status;
}

/* The first of the keys that lie in one range together, at most so many as fit a request. */
static enum status take_keys(struct locking *l, uint32_t left, const struct route *route, struct span *hull)
{
    l->count = 0;
    for (size_t bytes = 0; l->count < left && l->count < LOCK_KEYS_PER_REQUEST && bytes < LOCK_REQUEST_BYTES; l->count++) {
        struct bytes next = l->keys[l->count];
        if (next.size == 0 || next.size > SHARD_KEY_BYTES_MAX) return STATUS_TOO_LARGE;
        if (!route_holds(route, next)) break;
        if (bytes_compare(next, hull->start) < 0) hull->start = next;
        if (bytes_compare(next, hull->end) > 0) hull->end = next;
        bytes += next.size;
    }
    return STATUS_OK;
}

static enum status lock_in_range(struct txn *t, struct locking *l, uint32_t left, struct bytes key,
                                 const struct route *route, struct txn_locked *out)
{
    enum status status;
    do { /* for fewer keys when their values are more than a reply holds: what is locked by then stays so */
        struct span hull = {.start = key, .end = key};
        status = take_keys(l, left, route, &hull);
        if (status == STATUS_OK) status = txn_lock_note(t, route, hull.start, hull.end);
        if (status == STATUS_OK) status = lock_send(t, l, route, key);
        left = l->count / 2;
    } while (status == STATUS_TOO_LARGE && left > 0);
    return status == STATUS_OK ? txn_lock_take(t, l, route, buf_view(&t->reply), out) : status;
}

/* [fiber] What the leader validates with the locks lies within the bounds that are known now, and what is looked at
 * afterwards outside the same: whatever becomes of the range meanwhile, nothing is left out. */
static enum status lock_some(struct txn *t, struct locking *l, uint32_t left, struct bytes key, struct txn_locked *out)
{
    struct route route;
    enum status status = txn_find(t, key, false, &route);
    if (status != STATUS_OK) return status;
    struct buf start, end;
    buf_init(&start, SHARD_KEY_BYTES_MAX);
    buf_init(&end, SHARD_KEY_BYTES_MAX);
    buf_append_bytes(&start, route.start);
    buf_append_bytes(&end, route.end);
    route.start = buf_view(&start);
    route.end = buf_view(&end);
    status = start.failed || end.failed ? STATUS_NO_MEMORY : lock_in_range(t, l, left, key, &route, out);
    buf_deinit(&start);
    buf_deinit(&end);
    return status;
}

static enum status lock_begin(struct txn *t)
{
    enum status status = txn_locks_begin(t);
    return status == STATUS_OK ? txn_assumed_to_leader(t) : status;
}

/* One range after the other, in the order of the keys: so those who want the same keys do not wait for each other in a circle. */
static enum status lock_all(struct txn *t, const struct locking *all, struct txn_locked *out)
{
    enum status status = STATUS_OK;
    for (uint32_t at = 0; at < all->count && status == STATUS_OK;) {
        struct bytes key = all->keys[at];
        struct locking l = {.keys = all->keys + at, .mode = all->mode, .wait = all->wait, .since_ns = at == 0 ? all->since_ns : 0};
        if (key.size == 0 || key.size > SHARD_KEY_BYTES_MAX) return STATUS_TOO_LARGE;
        status = lock_some(t, &l, all->count - at, key, out + at);
        if (txn_cut_again(t, &status)) status = STATUS_OK;
        else at += l.count;
    }
    return status;
}

enum status txn_lock(struct txn *t, const struct bytes *keys, uint32_t count, enum txn_lock_mode mode,
                     enum txn_lock_wait wait, struct txn_locked *out)
{
    ASSERT(!t->ended);
    if (t->past.on) return STATUS_UNSUPPORTED;
    if (count == 0) return STATUS_OK;
    struct locking all = {.keys = keys, .count = count, .mode = mode, .wait = wait};
    bool done = false;
    enum status status = lock_begin(t);
    if (status == STATUS_OK && count > 1) {
        all.since_ns = env_lately_ns(store_env(t->kv->store));
        status = txn_lock_at_once(t, &all, out, &done);
    }
    return status == STATUS_OK && !done ? lock_all(t, &all, out) : status;
}

enum status txn_lock_written(struct txn *t, const struct bytes *keys, uint32_t count)
{
    ASSERT(t->apart); /* what is in flight is not shown */
    struct txn_locked *out = ARENA_ARRAY(t->arena, struct txn_locked, count);
    if (out == NULL) return STATUS_NO_MEMORY;
    struct locking all = {.keys = keys, .count = count, .mode = TXN_LOCK_EXCLUSIVE, .wait = TXN_LOCK_WAIT};
    enum status status = lock_begin(t);
    return status == STATUS_OK ? lock_all(t, &all, out) : status;
}

enum status txn_lock_nothing(struct txn *t, struct bytes key)
{
    struct locking l = {.mode = TXN_LOCK_SHARED, .wait = TXN_LOCK_WAIT};
    enum status status = txn_locks_begin(t);
    while (status == STATUS_OK) {
        status = lock_some(t, &l, 0, key, NULL);
        if (!txn_cut_again(t, &status)) break;
        status = STATUS_OK;
    }
    return status;
}
