/* Locks as requests: a transaction locks keys at the leader and reads them at one new timestamp, above every version
 * that was proposed before the locks were granted (rule W2). In the same step what it has read earlier is
 * validated for that timestamp, so the transaction's view moves forward as a whole or not at all.
 *
 * RPC_LOCK: range u64, epoch u64, node u64, number u64 (the transaction), begin ts u64, mode u8, wait u8,
 *   overlay u8 (show writes in flight), time-out in ns u64 (0: none), read ts u64, span count u32, spans (what it has read), key count u16, sized keys.
 *   Without keys it only moves the transaction's view (a refresh).
 * Reply: ts u64, term u64 (0: all that is shown is committed; else it is proposed in that term), then per key: 0 no value, 1 value, 2 passed over because it was locked: u8, ct u64, sized value.
 *   WAIT: still in the queue, where its place is kept for a while: ask again. CONFLICT: locked, but what it read
 *   has changed. LOCKED, DEADLOCK: not all keys were locked; those that were stay so.
 * RPC_UNLOCK: range u64, epoch u64, node u64, number u64. Gives back everything. Reply: empty.
 * RPC_TXN_ALIVE: count u16, numbers u64, and, if it is one that has prepared something, the tag u64 of that attempt. Reply: one
 *   u8 each, 1 while the transaction lives, and makes that attempt. */
#include <stdlib.h>

#include "txn/leader.h"
#include "txn/lock.h"
#include "txn/two_phase_leader.h"

#define KEYS_MAX 4096
#define SPANS_MAX 65536
/* A request that waits is answered, so that both sides know of each other; the first time soon, since that is when circles over
 * several ranges are looked for (deadlock.c). */
#define FIRST_ANSWER_NS 50000000u
#define ANSWER_AFTER_NS 500000000u
#define PLACE_KEPT_NS 3000000000u    /* for the next one of its transaction */
#define CHECK_EVERY_NS 2000000000u
#define CHECK_SOON_NS 100000000u     /* of locks that came from another leader */
#define ORPHAN_AFTER_NS 10000000000u /* nobody answers for it */
#define ASKED_MAX 256

enum lock_result { RESULT_NONE = 0, RESULT_VALUE = 1, RESULT_PASSED_OVER = 2 };

/* ================================ getting the locks ================================ */

static void enter(struct range_op *op);
static void go_on(struct range_op *op);

static void detach(struct range_op *op)
{
    if (op->detached) return;
    rpc_reply(store_rpc(op->range->kv->store), op->token, STATUS_WAIT, BYTES_EMPTY);
    op->detached = true;
}

void lock_on_timer(struct timer *t, void *ctx)
{
    struct range_op *op = ctx;
    struct kv *kv = op->range->kv;
    if (op->state == OP_LEASED) {
        catalog_lease_over(op);
        return;
    }
    if (op_is_prepare(op)) {
        push_begin(op);
        return;
    }
    if (op->kind == RANGE_OP_COMMIT) { /* nothing was proposed: it may be asked for again */
        ASSERT(op->state == OP_LOCKING || op->state == OP_BLOCKED);
        range_op_reply(op, STATUS_WAIT, BYTES_EMPTY);
        return;
    }
    uint64_t now_ns = env_now_ns(store_env(kv->store));
    if (op->detached) { /* nobody has asked again */
        COVER("txn_lock_place_lost");
        range_op_free(op);
        return;
    }
    if (op->lock_deadline_ns != 0 && now_ns >= op->lock_deadline_ns) {
        range_op_reply(op, STATUS_LOCKED, BYTES_EMPTY);
        return;
    }
    detach(op);
    timer_arm(store_timers(kv->store), t, now_ns + PLACE_KEPT_NS);
}

void lock_queued(struct range_op *op)
{
    struct kv *kv = op->range->kv;
    uint64_t now_ns = env_lately_ns(store_env(kv->store));
    uint64_t at_ns = now_ns + (op->queued_ns == 0 ? FIRST_ANSWER_NS : ANSWER_AFTER_NS);
    if (op->lock_deadline_ns != 0 && op->lock_deadline_ns < at_ns) at_ns = op->lock_deadline_ns;
    if (op->queued_ns == 0) {
        kv->metrics.lock_waits++;
        op->queued_ns = now_ns;
    }
    if (!timer_armed(&op->lock_timer)) timer_arm(store_timers(kv->store), &op->lock_timer, at_ns);
}

void lock_meets(struct range_op *op, const struct range_op *other)
{
    if (!op_is_prepare(other) || op_is_prepare(op) || MUTANT("lock_timeout_passes_intents")) return;
    struct kv *kv = op->range->kv;
    uint64_t at_ns = op->kind == RANGE_OP_LOCK ? op->lock_deadline_ns : env_now_ns(store_env(kv->store)) + FIRST_ANSWER_NS;
    if (at_ns != 0) timer_arm(store_timers(kv->store), &op->lock_timer, at_ns);
}

void lock_met(struct range_op *op)
{
    timer_cancel(store_timers(op->range->kv->store), &op->lock_timer);
}

void lock_waited(struct range_op *op)
{
    struct kv *kv = op->range->kv;
    if (op->queued_ns == 0) return;
    histogram_add(&kv->metrics.lock_wait_ns, env_lately_ns(store_env(kv->store)) - op->queued_ns);
    op->queued_ns = 0;
}

static void on_granted(struct lock_request *q, enum status status)
{
    struct range_op *op = q->ctx;
    if (status == STATUS_OK) {
        op->keys_done++;
        lock_waited(op);
        go_on(op);
        return;
    }
    if (status == STATUS_DEADLOCK) op->range->kv->metrics.deadlocks++;
    if (op->detached) { /* it will hear of it: its transaction is remembered as doomed by asking again */
        range_op_free(op);
        return;
    }
    range_op_reply(op, status, BYTES_EMPTY);
}

/* Above every version that has been proposed here. */
static void take_timestamp(struct range_op *op)
{
    struct range *g = op->range;
    op->outdated = false;
    op->state = OP_CLOCK;
    clock_now_above(&g->kv->clock, &op->clock, g->high, op->read_ts, REQUEST_TIMEOUT_NS);
}

/* Takes lock after lock, in the order given; then a timestamp. */
static void go_on(struct range_op *op)
{
    struct range *g = op->range;
    while (op->keys_done < op->key_count) {
        struct lock_key *k = &op->keys[op->keys_done];
        op->request = (struct lock_request){.on_done = on_granted, .ctx = op};
        enum status status = lock_acquire(&g->locks, op->name, op->begin_ts, k->key, op->lock_mode,
                                          op->lock_wait == TXN_LOCK_WAIT, &op->request);
        if (status == STATUS_WAIT) {
            lock_queued(op);
            return;
        }
        if (status == STATUS_LOCKED && op->lock_wait == TXN_LOCK_SKIP) k->passed_over = true;
        else if (status != STATUS_OK) {
            if (status == STATUS_DEADLOCK) g->kv->metrics.deadlocks++;
            range_op_reply(op, status, BYTES_EMPTY);
            return;
        }
        op->keys_done++;
    }
    timer_cancel(store_timers(g->kv->store), &op->lock_timer);
    if (op->detached) { /* the locks are kept; the next request of the transaction finds them */
        range_op_free(op);
        return;
    }
    take_timestamp(op);
}

/* ================================ reading under them ================================ */

/* Those that are carried out: the next to prepare these keys goes behind that entry, and is not refused. */
static bool is_known(const struct range_op *other, struct bytes key, uint64_t ts)
{
    return other->state == OP_RESOLVING && known_at(other, key, ts);
}

static struct range_op *meets_in_flight(struct range_op *op)
{
    struct range *g = op->range;
    struct range_op *other = NULL;
    for (uint32_t i = 0; i < op->key_count && other == NULL; i++) {
        struct span span = {.start = op->keys[i].key, .point = true};
        if (!op->keys[i].passed_over) other = range_in_flight(g, &span, 0, op->ts);
        if (other != NULL && is_known(other, op->keys[i].key, op->ts)) other = NULL;
        /* An intent becomes a version above its lb, perhaps above this timestamp, too: it would be missed. */
        if (other != NULL && op_is_prepare(other) && !MUTANT("grant_before_intent")) op->outdated = true;
        /* A held one may come to nothing while its leader goes on. */
        if (other != NULL && op->overlay && !op_is_prepare(other) && (other->held == NULL || MUTANT("held_commit_shown")) &&
            range_op_write(other, op->keys[i].key) != NULL)
            other = NULL;
    }
    for (uint32_t i = 0; i < op->span_count && other == NULL; i++)
        other = range_in_flight(g, &op->spans[i], op->read_ts, op->ts);
    return other;
}

static enum status put_result(struct range_op *op, enum lock_result result, uint64_t ct, struct bytes value)
{
    struct buf *out = &op->reply;
    put_u8(out, (uint8_t)result);
    put_u64(out, ct);
    put_sized(out, value);
    if (ct > op->ct) op->ct = ct;
    return out->failed ? STATUS_TOO_LARGE : STATUS_OK;
}

/* Newer than all that is applied: of a commit that is proposed, or an intent whose ct is known. */
static enum status put_in_flight(struct range_op *op, const struct range_op *other, struct lock_key *k)
{
    const struct write *w = range_op_write(other, k->key);
    ASSERT(w != NULL);
    k->foreseen = op_is_prepare(other);
    if (k->foreseen) COVER("txn_lock_shows_what_is_known");
    else op->pending = true;
    return put_result(op, w->tombstone ? RESULT_NONE : RESULT_VALUE, op_is_prepare(other) ? other->decided_ct : 0,
                      w->tombstone ? BYTES_EMPTY : w->value);
}

static enum status read_key(struct range_op *op, struct lock_key *k)
{
    struct range *g = op->range;
    if (k->passed_over) return put_result(op, RESULT_PASSED_OVER, 0, BYTES_EMPTY);
    struct span span = {.start = k->key, .point = true};
    struct range_op *other = range_in_flight(g, &span, 0, op->ts);
    k->foreseen = false;
    if (other != NULL && !known_for_nothing(other)) return put_in_flight(op, other, k);
    struct lsm_version version = {0};
    struct buf value;
    uint8_t room[512];
    buf_init_lent(&value, LSM_VALUE_BYTES_MAX, room, sizeof room);
    enum status status = lsm_get(store_lsm(g->kv->store), replica_range(g->replica), LSM_SPACE_VERSIONS, k->key,
                                 op->ts, &op->block, &version, &value);
    bool found = status == STATUS_OK && !version.tombstone;
    if (status == STATUS_OK || status == STATUS_NOT_FOUND)
        status = put_result(op, found ? RESULT_VALUE : RESULT_NONE, version.ts, found ? buf_view(&value) : BYTES_EMPTY);
    buf_deinit(&value);
    return status;
}

static enum status read_keys(struct range_op *op)
{
    buf_reset(&op->reply);
    put_u64(&op->reply, op->ts);
    size_t term_at = op->reply.size;
    put_u64(&op->reply, 0);
    op->ct = 0;
    op->pending = false;
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < op->key_count && status == STATUS_OK; i++) status = read_key(op, &op->keys[i]);
    if (op->pending && !op->reply.failed) {
        op->range->kv->metrics.overlay_reads++;
        store_le64(op->reply.data + term_at, op->range->term);
    }
    return status;
}

/* In R2's order: the timestamp is there, leadership was confirmed since; now floor, validation and data in one
 * step. */
static void evaluate(struct range_op *op)
{
    struct range *g = op->range;
    if (!range_op_may_evaluate(op)) return;
    if (op->ts > g->floor && !MUTANT("lock_floor")) g->floor = op->ts;
    struct range_op *other = MUTANT("lock_ignores_in_flight") ? NULL : meets_in_flight(op);
    if (other != NULL) {
        range_block(op, other);
        lock_meets(op, other);
        return;
    }
    bool moves = op->read_ts != 0 && !MUTANT("lock_view_unvalidated"); /* the view of what was read earlier */
    enum status status = moves ? commit_validate(op) : STATUS_OK;
    if (status == STATUS_OK) status = read_keys(op);
    if (status == STATUS_WAIT) {
        op->state = OP_LOADING;
        g->kv->metrics.waits_on_blocks++;
        return;
    }
    if (status != STATUS_OK) {
        if (status == STATUS_CONFLICT) g->kv->metrics.conflicts++;
        range_op_reply(op, status, BYTES_EMPTY);
        return;
    }
    op->state = OP_GATE;
    if (op->ct == 0 || clock_is_past(&g->kv->clock, op->ct)) range_op_answer(op);
    else clock_wait_past(&g->kv->clock, &op->clock, op->ct, REQUEST_TIMEOUT_NS);
}

void lock_run(struct range_op *op)
{
    switch (op->state) {
    case OP_CLOCK:
        if (MUTANT("lock_without_leadership")) {
            evaluate(op);
            return;
        }
        range_op_confirm(op);
        return;
    case OP_LOCKING: /* the range has become ready; another request of the transaction may have come first */
        enter(op);
        return;
    case OP_EVALUATE:
    case OP_BLOCKED:
    case OP_LOADING:
        lock_met(op);
        if (op->outdated) take_timestamp(op);
        else evaluate(op);
        return;
    case OP_GATE: range_op_answer(op); return;
    default: UNREACHABLE();
    }
}

/* ================================ requests ================================ */

static bool decode(struct range_op *op, struct reader *in)
{
    const struct descriptor *d = replica_descriptor(op->range->replica);
    op->name = (struct txn_name){get_u64(in), get_u64(in)};
    op->begin_ts = get_u64(in);
    op->lock_mode = get_u8(in);
    op->lock_wait = get_u8(in);
    op->overlay = get_u8(in) != 0;
    uint64_t timeout_ns = get_u64(in);
    op->read_ts = get_u64(in);
    if (in->failed || op->name.node == 0 || op->name.number == 0 || (op->lock_mode != LOCK_SHARED && op->lock_mode != LOCK_EXCLUSIVE) ||
        op->lock_wait > TXN_LOCK_SKIP || !commit_decode_spans(op, in, d))
        return false;
    uint64_t now_ns = env_lately_ns(store_env(op->range->kv->store));
    op->lock_deadline_ns = timeout_ns == 0 || timeout_ns > UINT64_MAX / 4 ? 0 : now_ns + timeout_ns;
    uint16_t count = get_u16(in);
    if (in->failed || count > KEYS_MAX) return false;
    op->keys = pool_alloc(&op->range->kv->pool, (count + 1u) * sizeof *op->keys);
    if (op->keys == NULL) return false;
    memset(op->keys, 0, (count + 1u) * sizeof *op->keys);
    op->key_count = count;
    for (uint16_t i = 0; i < count; i++) {
        op->keys[i].key = get_sized(in);
        if (in->failed || op->keys[i].key.size > SHARD_KEY_BYTES_MAX || !descriptor_contains(d, op->keys[i].key))
            return false;
    }
    return reader_done(in);
}

/* The transaction asks again: its new request takes the place of the old one in the queue. */
static void take_over(struct range_op *op, struct range_op *old)
{
    COVER("txn_lock_asked_again");
    uint32_t at = old->keys_done;
    bool same = old->key_count == op->key_count && bytes_equal(old->keys[at].key, op->keys[at].key);
    if (!same) {
        range_op_free(old);
        go_on(op);
        return;
    }
    for (uint32_t i = 0; i < at; i++) op->keys[i].passed_over = old->keys[i].passed_over;
    op->keys_done = at;
    op->queued_ns = old->queued_ns;
    op->request = old->request;
    op->request.ctx = op;
    list_init(&op->request.link);
    list_insert_before(&old->request.link, &op->request.link);
    list_remove(&old->request.link);
    op->request.owner->waiting = &op->request;
    old->request.lock = NULL;
    if (!old->detached) detach(old);
    range_op_free(old);
    lock_queued(op);
}

static void enter(struct range_op *op)
{
    if (op->key_count > 0 && locks_handing_over(op->range)) {
        COVER("txn_lock_while_handing_over");
        range_op_reply(op, STATUS_NOT_LEADER, BYTES_EMPTY);
        return;
    }
    struct lock_owner *owner = lock_owner_find(&op->range->locks, op->name);
    if (owner != NULL && owner->waiting != NULL) take_over(op, CONTAINER_OF(owner->waiting, struct range_op, request));
    else go_on(op);
}

void lock_keep_place(struct range *g, const struct lock_place *place)
{
    struct range_op *op = range_op_create(g, RANGE_OP_LOCK, (struct rpc_token){{0}, 0}, place->keys);
    if (op == NULL) return;
    op->detached = true; /* its gateway was told to ask again, and does so here */
    op->state = OP_LOCKING;
    op->name = place->name;
    op->begin_ts = place->begin_ts;
    op->lock_mode = (uint8_t)place->mode;
    op->lock_wait = TXN_LOCK_WAIT;
    op->keys = pool_alloc(&g->kv->pool, place->key_count * sizeof *op->keys);
    if (op->keys == NULL) {
        range_op_free(op);
        return;
    }
    memset(op->keys, 0, place->key_count * sizeof *op->keys);
    op->key_count = place->key_count;
    struct reader in = reader_make(op->body);
    for (uint32_t i = 0; i < op->key_count; i++) op->keys[i].key = get_sized(&in);
    ASSERT(reader_done(&in));
    uint64_t now_ns = env_now_ns(store_env(g->kv->store));
    op->queued_ns = place->waited_ns < now_ns ? now_ns - place->waited_ns : now_ns;
    timer_arm(store_timers(g->kv->store), &op->lock_timer, now_ns + PLACE_KEPT_NS);
    go_on(op);
}

static void lock_serve(void *ctx, struct rpc_token token, struct bytes body)
{
    struct range_op *op = range_op_open(ctx, RANGE_OP_LOCK, token, body, decode);
    if (op == NULL) return;
    op->state = OP_LOCKING;
    if (range_op_wait_ready(op)) return;
    enter(op);
}

static void unlock_serve(void *ctx, struct rpc_token token, struct bytes body)
{
    struct kv *kv = ctx;
    struct reader in = reader_make(body);
    uint64_t range_id = get_u64(&in), epoch = get_u64(&in);
    struct txn_name name = {get_u64(&in), get_u64(&in)};
    if (!reader_done(&in) || name.number == 0) {
        rpc_reply(store_rpc(kv->store), token, STATUS_INVALID, BYTES_EMPTY);
        return;
    }
    struct range *g = range_admit(kv, token, range_id, epoch);
    if (g == NULL) return;
    lock_forget(g, name);
    locks_handed_forget(g, name);
    bool told = locks_handing_over(g) && !MUTANT("unlock_before_handing_over"); /* whoever leads next was told that they are held */
    if (told) COVER("txn_unlock_while_handing_over");
    rpc_reply(store_rpc(kv->store), token, told ? STATUS_NOT_LEADER : STATUS_OK, BYTES_EMPTY);
}

void lock_forget(struct range *g, struct txn_name name)
{
    struct lock_owner *owner = lock_owner_find(&g->locks, name);
    if (owner != NULL && owner->waiting != NULL) {
        struct range_op *op = CONTAINER_OF(owner->waiting, struct range_op, request);
        if (op->detached) range_op_free(op);
        else range_op_reply(op, STATUS_CANCELLED, BYTES_EMPTY);
    }
    lock_release(&g->locks, name);
}

/* ================================ orphans ================================ */

/* Asks one node which of its transactions still live. */
struct inquiry {
    struct rpc_call call;
    struct list link; /* kv.inquiries */
    struct kv *kv;
    struct range_id range;
    uint64_t node;
    uint16_t count;
    uint64_t numbers[ASKED_MAX];
};

static void on_alive(struct rpc_call *call, enum status status, struct bytes body)
{
    struct inquiry *q = call->ctx;
    struct replica *r = store_replica(q->kv->store, q->range);
    struct range *g = r == NULL ? NULL : replica_app(r);
    uint64_t now_ns = env_now_ns(store_env(q->kv->store));
    list_remove(&q->link);
    for (uint16_t i = 0; g != NULL && status == STATUS_OK && body.size == q->count && i < q->count; i++) {
        struct txn_name name = {q->node, q->numbers[i]};
        struct lock_owner *o = lock_owner_find(&g->locks, name);
        if (o == NULL) continue;
        if (body.data[i] == 1) {
            o->seen_ns = now_ns;
        } else {
            COVER("txn_lock_orphan");
            lock_forget(g, name);
        }
    }
    free(q);
}

static void inquire(struct range *g, uint64_t node, uint64_t now_ns, uint64_t every_ns)
{
    struct kv *kv = g->kv;
    struct inquiry *q = calloc(1, sizeof *q);
    if (q == NULL) return; /* the next look asks again */
    *q = (struct inquiry){.kv = kv, .range = replica_range(g->replica), .node = node};
    LIST_FOR_EACH(item, &g->locks.all) {
        struct lock_owner *o = CONTAINER_OF(item, struct lock_owner, link);
        if (o->name.node == node && now_ns >= o->seen_ns + every_ns && q->count < ASKED_MAX)
            q->numbers[q->count++] = o->name.number;
    }
    struct buf body;
    buf_init(&body, 16 + 8 * ASKED_MAX);
    put_u16(&body, q->count);
    for (uint16_t i = 0; i < q->count; i++) put_u64(&body, q->numbers[i]);
    q->call = (struct rpc_call){.on_done = on_alive, .ctx = q};
    list_push_back(&kv->inquiries, &q->link);
    if (rpc_start(store_rpc(kv->store), &q->call, (struct node_id){node}, RPC_TXN_ALIVE, buf_view(&body),
                  REQUEST_TIMEOUT_NS) != STATUS_OK) {
        list_remove(&q->link);
        free(q);
    }
    buf_deinit(&body);
}

static void check_owners(struct range *g, uint64_t now_ns, uint64_t every_ns)
{
    uint64_t asked[64];
    uint32_t asked_count = 0;
    LIST_FOR_EACH_SAFE(item, &g->locks.all) {
        struct lock_owner *o = CONTAINER_OF(item, struct lock_owner, link);
        if (o->seen_ns == 0) o->seen_ns = now_ns;
        if (now_ns >= o->seen_ns + ORPHAN_AFTER_NS && !MUTANT("lock_kept_for_ever")) {
            COVER("txn_lock_nobody_answers");
            lock_forget(g, o->name);
            return; /* others may have gone with it: the next look sees the rest */
        }
        bool known = now_ns < o->seen_ns + every_ns;
        for (uint32_t i = 0; i < asked_count && !known; i++) known = asked[i] == o->name.node;
        if (!known && asked_count < 64) asked[asked_count++] = o->name.node;
    }
    for (uint32_t i = 0; i < asked_count; i++) inquire(g, asked[i], now_ns, every_ns);
}

static void on_check(struct timer *t, void *ctx)
{
    struct kv *kv = ctx;
    uint64_t now_ns = env_now_ns(store_env(kv->store)), next_ns = CHECK_EVERY_NS;
    LIST_FOR_EACH(item, &kv->ranges) {
        struct range *g = CONTAINER_OF(item, struct range, link);
        bool soon = locks_asked_soon(g, now_ns);
        bool locked = !list_empty(&g->locks.all); /* mostly not: there may be thousands of ranges */
        if (!locked || !g->ready || !replica_serving(g->replica)) continue;
        check_owners(g, now_ns, soon ? CHECK_SOON_NS : CHECK_EVERY_NS);
        if (soon) next_ns = CHECK_SOON_NS;
    }
    timer_arm(store_timers(kv->store), t, now_ns + next_ns);
}

void lock_ask_soon(struct range *g)
{
    struct kv *kv = g->kv;
    uint64_t now_ns = env_now_ns(store_env(kv->store));
    LIST_FOR_EACH(item, &g->locks.all) {
        struct lock_owner *o = CONTAINER_OF(item, struct lock_owner, link);
        if (o->seen_ns == 0) o->seen_ns = now_ns;
    }
    uint64_t at_ns = now_ns + CHECK_SOON_NS;
    if (kv->lock_timer.deadline_ns > at_ns) timer_arm(store_timers(kv->store), &kv->lock_timer, at_ns);
}

static void alive_serve(void *ctx, struct rpc_token token, struct bytes body)
{
    struct kv *kv = ctx;
    struct reader in = reader_make(body);
    uint16_t count = get_u16(&in);
    uint8_t alive[ASKED_MAX];
    size_t left = reader_left(&in);
    bool tagged = count == 1 && left == 16;
    if (in.failed || count > ASKED_MAX || (left != 8 * (size_t)count && !tagged)) {
        rpc_reply(store_rpc(kv->store), token, STATUS_INVALID, BYTES_EMPTY);
        return;
    }
    for (uint16_t i = 0; i < count; i++) {
        const struct txn *t = map_get(&kv->locking, get_u64(&in));
        uint64_t tag = tagged ? get_u64(&in) : 0;
        alive[i] = (t != NULL && (!tagged || txn_id_of(t).tag == tag || MUTANT("alive_whatever_attempt"))) ||
                   (tagged && map_get(&kv->settling, tag) != NULL);
    }
    rpc_reply(store_rpc(kv->store), token, STATUS_OK, bytes_make(alive, count));
}

void lock_attach(struct kv *kv)
{
    struct rpc *rpc = store_rpc(kv->store);
    rpc_serve(rpc, RPC_LOCK, lock_serve, kv);
    rpc_serve(rpc, RPC_UNLOCK, unlock_serve, kv);
    rpc_serve(rpc, RPC_TXN_ALIVE, alive_serve, kv);
    timer_init(&kv->lock_timer, on_check, kv);
    timer_arm(store_timers(kv->store), &kv->lock_timer, env_now_ns(store_env(kv->store)) + CHECK_EVERY_NS);
}

void lock_stop(struct kv *kv)
{
    timer_cancel(store_timers(kv->store), &kv->lock_timer);
    while (!list_empty(&kv->inquiries)) {
        struct inquiry *q = CONTAINER_OF(kv->inquiries.next, struct inquiry, link);
        rpc_cancel(&q->call);
        list_remove(&q->link);
        free(q);
    }
}
