/* A range is divided at a key, on the word of its leader (README, Splits).
 *
 *   (CHOOSING a key) --> ASKING --the metadata range gave an id--> PROPOSED: latch closed --applied, or lost--> answered
 *
 * RPC_RANGE_SPLIT: range u64, epoch u64 (0: as it is), sized key (empty: one that halves its bytes; NOT_FOUND when there
 *   is none), kept u8 (1: somebody asked for it, so no merge by itself takes it back). Reply: id of the right side u64. NOT_LEADER with the
 *   leader's node u64, STALE_ROUTE (the epoch, or the key, is not this range's) with, mostly, sized descriptor and leader
 *   u64, INVALID (never at this key), UNSUPPORTED
 *   (the metadata range), BUSY (members change, another split is under way, or the range changed meanwhile: again).
 * Command: SHARD_COMMAND_RANGE u8, kind u8 (1), epoch u64, id of the right side u64, sized key, sized part of the
 *   application, u8 1 if it is to be kept. Result: 1 u8 when it counted, 0 when it did not. */
#include <stdlib.h>

#include "shard/range_change.h"

#define META_TIMEOUT_NS 3000000000u
/* The latch opens when the entry is applied or certainly lost, however long that takes: a commit that went by it would
 * be in the log behind the split, outside of its range. */
#define PROPOSE_TIMEOUT_NS (UINT64_C(1) << 62)

struct split_order {
    struct proposal proposal;
    struct rpc_call call; /* to the metadata range */
    struct store *store;
    struct replica *replica;
    struct rpc_token token;
    uint64_t epoch;
    struct range_id right;
    bool kept;
    struct buf key;
    struct lsm_waiter chosen; /* CHOOSING */
};

static void order_free(struct split_order *o)
{
    o->replica->split = NULL;
    lsm_waiter_cancel(&o->chosen);
    buf_deinit(&o->key);
    free(o);
}

static void answer(struct split_order *o, enum status status)
{
    uint8_t body[8];
    store_le64(body, o->right.value);
    rpc_reply(o->store->rpc, o->token, status, bytes_make(body, status == STATUS_OK ? sizeof body : 0));
    order_free(o);
}

/* ---- may it be? ---- */

static enum status may_split(struct replica *r, uint64_t epoch, struct bytes key)
{
    const struct descriptor *d = &r->descriptor;
    if (r->range.value == RANGE_META.value) return STATUS_UNSUPPORTED;
    if (!replica_serving(r)) return STATUS_NOT_LEADER;
    if (epoch != d->epoch || !descriptor_contains(d, key)) return STATUS_STALE_ROUTE;
    if (bytes_equal(key, d->start)) return STATUS_INVALID;
    struct raft_status status;
    raft_status(r->raft, &status);
    if (status.config_pending || status.transferring || d->config.outgoing_count > 0) return STATUS_BUSY;
    if (replica_frozen(r) || merge_under_way(r->store, r->range)) return STATUS_BUSY;
    return r->store->options.app->divide_may(r->app, key);
}

/* ---- proposing ---- */

static void on_split_done(struct proposal *p, enum status status, struct bytes result)
{
    struct split_order *o = CONTAINER_OF(p, struct split_order, proposal);
    if (status == STATUS_CANCELLED) { /* the replica goes */
        order_free(o);
        return;
    }
    if (status == STATUS_OK && (result.size != 1 || result.data[0] == 0)) {
        COVER("shard_split_of_another_epoch");
        status = STATUS_BUSY;
    }
    struct replica *r = o->replica;
    r->store->options.app->divide_end(r->app);
    answer(o, status);
}

static void propose(struct split_order *o)
{
    struct replica *r = o->replica;
    struct store *s = o->store;
    struct buf command, part;
    buf_init(&part, SHARD_APP_STATE_BYTES_MAX);
    buf_init(&command, 1 << 16);
    enum status status = s->options.app->divide_begin(r->app, buf_view(&o->key), &part);
    if (status == STATUS_OK) {
        put_u8(&command, SHARD_COMMAND_RANGE);
        put_u8(&command, RANGE_COMMAND_SPLIT);
        put_u64(&command, o->epoch);
        put_u64(&command, o->right.value);
        put_sized(&command, buf_view(&o->key));
        put_sized(&command, buf_view(&part));
        if (o->kept) put_u8(&command, 1);
        ASSERT(!command.failed && !part.failed);
        o->proposal.on_done = on_split_done;
        status = replica_propose(r, buf_view(&command), PROPOSE_TIMEOUT_NS, &o->proposal);
        if (status != STATUS_OK) s->options.app->divide_end(r->app);
    }
    buf_deinit(&command);
    buf_deinit(&part);
    if (status != STATUS_OK) answer(o, status);
}

/* What the metadata range's refusal means to who asked for the split. Nothing was done. */
static enum status id_refused(enum status status)
{
    switch (status) {
    case STATUS_NOT_FOUND: /* its mirror does not have the range as it is now: it was split just before */
    case STATUS_STALE_ROUTE:
    case STATUS_BUSY: return STATUS_BUSY;
    case STATUS_INVALID:
    case STATUS_TOO_LARGE: return status;
    default: return STATUS_UNAVAILABLE;
    }
}

static void on_id(struct rpc_call *call, enum status status, struct bytes body)
{
    struct split_order *o = CONTAINER_OF(call, struct split_order, call);
    struct reader in = reader_make(body);
    if (status == STATUS_CANCELLED) { /* the store closes */
        order_free(o);
        return;
    }
    if (status == STATUS_OK) {
        o->right.value = get_u64(&in);
        if (!reader_done(&in) || o->right.value <= RANGE_DATA.value) status = STATUS_INVALID;
    } else {
        status = id_refused(status);
    }
    if (status == STATUS_OK) status = may_split(o->replica, o->epoch, buf_view(&o->key));
    if (status == STATUS_OK) propose(o);
    else answer(o, status);
}

static enum status ask_for_id(struct split_order *o)
{
    struct store *s = o->store;
    struct node_id leader = store_meta_leader(s);
    if (leader.value == 0) return STATUS_UNAVAILABLE;
    buf_reset(&s->scratch);
    put_u64(&s->scratch, o->replica->range.value);
    put_u64(&s->scratch, o->epoch);
    put_sized(&s->scratch, buf_view(&o->key));
    o->call.on_done = on_id;
    return rpc_start(s->rpc, &o->call, leader, RPC_META_SPLIT, buf_view(&s->scratch), META_TIMEOUT_NS);
}

/* ---- requests ---- */

static void on_chosen(struct lsm_waiter *w);

void split_near(const struct replica *r, struct buf *key)
{
    const struct shard_app *app = r->store->options.app;
    if (app->divide_near == NULL) return;
    struct bytes near = app->divide_near(buf_view(key));
    ASSERT(near.data == key->data && near.size <= key->size);
    bool inside = descriptor_contains(&r->descriptor, near) && !bytes_equal(near, r->descriptor.start);
    if (inside) buf_truncate(key, near.size);
}

/* Finds the key when none was given, then asks for an id. STATUS_OK: on its way. */
static enum status go_on(struct split_order *o)
{
    struct replica *r = o->replica;
    enum status status = STATUS_OK;
    if (o->key.size == 0) {
        status = lsm_range_middle(o->store->lsm, r->range, &o->chosen, &o->key);
        if (status == STATUS_WAIT) return STATUS_OK;
        if (status == STATUS_OK) split_near(r, &o->key);
    }
    if (status == STATUS_OK) status = may_split(r, o->epoch, buf_view(&o->key));
    return status == STATUS_OK ? ask_for_id(o) : status;
}

static void on_chosen(struct lsm_waiter *w)
{
    struct split_order *o = CONTAINER_OF(w, struct split_order, chosen);
    enum status status = go_on(o);
    if (status != STATUS_OK) answer(o, status);
}

static enum status start(struct store *s, struct replica *r, struct rpc_token token, uint64_t epoch, struct bytes key,
                         bool kept)
{
    if (!replica_serving(r)) return STATUS_NOT_LEADER;
    if (r->split != NULL) return STATUS_BUSY;
    struct split_order *o = calloc(1, sizeof *o);
    if (o == NULL) return STATUS_NO_MEMORY;
    o->store = s;
    o->replica = r;
    o->token = token;
    o->kept = kept;
    o->epoch = epoch != 0 ? epoch : r->descriptor.epoch;
    lsm_waiter_init(&o->chosen, on_chosen);
    buf_init(&o->key, LSM_KEY_BYTES_MAX);
    buf_append_bytes(&o->key, key);
    r->split = o;
    enum status status = o->key.failed ? STATUS_NO_MEMORY : go_on(o);
    if (status != STATUS_OK) order_free(o);
    return status;
}

/* Who asked learns what the range is now. */
static void reply_stale(struct store *s, struct rpc_token token, struct replica *r)
{
    struct buf body, encoded;
    buf_init(&body, DESCRIPTOR_BYTES_MAX + 64);
    buf_init(&encoded, DESCRIPTOR_BYTES_MAX);
    descriptor_encode(&r->descriptor, &encoded);
    put_sized(&body, buf_view(&encoded));
    put_u64(&body, replica_leader_hint(r).value);
    rpc_reply(s->rpc, token, STATUS_STALE_ROUTE, body.failed || encoded.failed ? BYTES_EMPTY : buf_view(&body));
    buf_deinit(&encoded);
    buf_deinit(&body);
}

static void serve_split(void *ctx, struct rpc_token token, struct bytes body)
{
    struct store *s = ctx;
    struct reader in = reader_make(body);
    struct range_id range = {get_u64(&in)};
    uint64_t epoch = get_u64(&in);
    struct bytes key = get_sized(&in);
    uint8_t kept = get_u8(&in);
    struct replica *r = store_replica(s, range);
    enum status status = STATUS_OK;
    uint8_t hint[8];
    store_le64(hint, r == NULL ? 0 : replica_leader_hint(r).value);
    if (!reader_done(&in) || key.size > SHARD_KEY_BYTES_MAX || kept > 1) status = STATUS_INVALID;
    else if (r == NULL || s->stopping) status = STATUS_NOT_LEADER;
    else status = start(s, r, token, epoch, key, kept == 1);
    if (status == STATUS_STALE_ROUTE) reply_stale(s, token, r);
    else if (status != STATUS_OK)
        rpc_reply(s->rpc, token, status, bytes_make(hint, status == STATUS_NOT_LEADER ? sizeof hint : 0));
}

void split_serve(struct store *s)
{
    rpc_serve(s->rpc, RPC_RANGE_SPLIT, serve_split, s);
    rpc_serve(s->rpc, RPC_RANGE_INFO, birth_serve_info, s);
}

void split_forget_replica(struct replica *r)
{
    struct split_order *o = r->split;
    if (o == NULL) return;
    if (o->call.active) rpc_cancel(&o->call);
    order_free(o);
}
