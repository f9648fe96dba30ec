#include "shard/rpc.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/codec.h"
#include "base/pool.h"
#include "shard/shard.h"

/* REQUEST: id u64, kind u16, body. REPLY: id u64, status u16, body. */
/* Call ids rise over the life of a node: the incarnation stands above a counter. */
#define INCARNATION_SHIFT 40
#define RPC_BODY_BYTES_MAX (NET_MESSAGE_BYTES_MAX - 64)
#define HEAD_BYTES 10 /* without a stamp */
#define SLOTS_MIN 64u
#define FOLLOWED_MAX 8

struct rpc_handler {
    void (*handle)(void *ctx, struct rpc_token token, struct bytes body);
    void *ctx;
};

/* A message of this node to itself, waiting for the next rpc_step; the payload follows. */
struct rpc_local {
    struct list link;
    uint16_t type;
    size_t size;
    uint8_t payload[];
};

/* Requests of one peer that were seen: its ids only rise, so one bit for each of the last WINDOW_IDS tells
 * a repeated frame from a new one. What is older than that is taken for a repetition; its caller has long
 * given up. */
#define WINDOW_IDS 65536u
struct rpc_window {
    uint64_t highest;
    uint64_t bits[WINDOW_IDS / 64];
};

struct rpc {
    struct rpc_options options;
    struct map windows; /* node id -> struct rpc_window */
    struct rpc_handler handlers[RPC_KIND_COUNT];
    struct rpc_call **slots; /* of calls, by the low bits of their ids: no two that are under way share them */
    uint32_t slot_count, call_count; /* a power of 2; calls under way */
    struct list order; /* calls, oldest first */
    struct timer sweep; /* when the first of them is due, or earlier: most calls end long before, at no cost */
    struct list local; /* struct rpc_local */
    struct pool pool;  /* of those */
    uint64_t next_id;
    struct buf scratch;
    const struct rpc_stamp *stamp;
    struct rpc_metrics metrics;
};

/* ---- calls under way ---- */

static struct rpc_call **slot_of(const struct rpc *r, uint64_t id)
{
    return &r->slots[id & (r->slot_count - 1)];
}

static bool slots_grow(struct rpc *r)
{
    uint32_t count = r->slot_count == 0 ? SLOTS_MIN : r->slot_count * 2;
    struct rpc_call **slots = calloc(count, sizeof *slots);
    if (slots == NULL) return false;
    for (uint32_t i = 0; i < r->slot_count; i++)
        if (r->slots[i] != NULL) slots[r->slots[i]->id & (count - 1)] = r->slots[i]; /* what differed in fewer bits does so in more */
    free(r->slots);
    r->slots = slots;
    r->slot_count = count;
    return true;
}

/* Ids rise; those are left out whose slot a call has that lasts. False: no memory. */
static bool call_enter(struct rpc *r, struct rpc_call *call)
{
    if (2 * (r->call_count + 1) > r->slot_count && !slots_grow(r)) return false;
    while (*slot_of(r, r->next_id) != NULL) r->next_id++;
    call->id = r->next_id++;
    *slot_of(r, call->id) = call;
    r->call_count++;
    call->rpc = r;
    call->active = true;
    list_push_back(&r->order, &call->link);
    return true;
}

static struct rpc_call *call_find(const struct rpc *r, uint64_t id)
{
    struct rpc_call *call = r->slot_count == 0 ? NULL : *slot_of(r, id);
    return call != NULL && call->id == id ? call : NULL;
}

void rpc_cancel(struct rpc_call *call)
{
    if (!call->active) return;
    struct rpc *r = call->rpc;
    ASSERT(*slot_of(r, call->id) == call);
    *slot_of(r, call->id) = NULL;
    r->call_count--;
    call->active = false;
    list_remove(&call->link);
}

static void call_end(struct rpc_call *call, enum status status, struct bytes body)
{
    rpc_cancel(call);
    call->on_done(call, status, body);
}

static void sweep_by(struct rpc *r, uint64_t deadline_ns)
{
    if (timer_armed(&r->sweep) && r->sweep.deadline_ns <= deadline_ns) return;
    timer_arm(r->options.timers, &r->sweep, deadline_ns);
}

/* Ends what is due. Ending a call may start others and cancel any. */
static void on_sweep(struct timer *t, void *ctx)
{
    (void)t;
    struct rpc *r = ctx;
    uint64_t now_ns = env_now_ns(r->options.env);
    struct list due;
    list_init(&due);
    LIST_FOR_EACH_SAFE(item, &r->order) {
        struct rpc_call *call = CONTAINER_OF(item, struct rpc_call, link);
        if (call->deadline_ns > now_ns) {
            sweep_by(r, call->deadline_ns);
            continue;
        }
        list_remove(item);
        list_push_back(&due, item);
    }
    struct list *item;
    while ((item = due.next) != &due) {
        struct rpc_call *call = CONTAINER_OF(item, struct rpc_call, link);
        if (call->sent) COVER("rpc_timeout");
        call_end(call, call->sent ? STATUS_UNKNOWN_OUTCOME : STATUS_CLOSED, BYTES_EMPTY);
    }
}

enum status rpc_create(const struct rpc_options *options, struct rpc **rpc_out)
{
    ASSERT(options->env != NULL && options->timers != NULL);
    struct rpc *r = calloc(1, sizeof *r);
    if (r == NULL) return STATUS_NO_MEMORY;
    r->options = *options;
    if (r->options.call_count_max == 0) r->options.call_count_max = 65536;
    map_init(&r->windows);
    list_init(&r->order);
    timer_init(&r->sweep, on_sweep, r);
    list_init(&r->local);
    pool_init(&r->pool);
    buf_init(&r->scratch, NET_MESSAGE_BYTES_MAX);
    r->next_id = 1; /* of incarnation 0: until rpc_set_self the node only talks to itself */
    *rpc_out = r;
    return STATUS_OK;
}

void rpc_destroy(struct rpc *r)
{
    while (!list_empty(&r->order))
        call_end(CONTAINER_OF(r->order.next, struct rpc_call, link), STATUS_CANCELLED, BYTES_EMPTY);
    struct list *item;
    while ((item = list_pop_front(&r->local)) != NULL)
        pool_free(&r->pool, CONTAINER_OF(item, struct rpc_local, link));
    pool_deinit(&r->pool);
    timer_cancel(r->options.timers, &r->sweep);
    free(r->slots);
    size_t cursor = 0;
    for (struct map_slot *slot; (slot = map_next(&r->windows, &cursor)) != NULL;) free(slot->value);
    map_deinit(&r->windows);
    buf_deinit(&r->scratch);
    free(r);
}

void rpc_set_self(struct rpc *r, struct node_id self, uint64_t incarnation)
{
    r->options.self = self;
    uint64_t first = incarnation << INCARNATION_SHIFT;
    ASSERT(first >> INCARNATION_SHIFT == incarnation);
    if (first > r->next_id) r->next_id = first;
}

void rpc_set_stamp(struct rpc *r, const struct rpc_stamp *stamp)
{
    r->stamp = stamp;
}

void rpc_set_net(struct rpc *r, struct net *net)
{
    r->options.net = net;
}

void rpc_serve(struct rpc *r, enum rpc_kind kind,
               void (*handler)(void *ctx, struct rpc_token token, struct bytes body), void *ctx)
{
    ASSERT(kind > 0 && kind < RPC_KIND_COUNT);
    ASSERT(r->handlers[kind].handle == NULL);
    r->handlers[kind] = (struct rpc_handler){handler, ctx};
}

void rpc_serve_instead(struct rpc *r, enum rpc_kind kind,
                       void (*handler)(void *ctx, struct rpc_token token, struct bytes body), void *ctx)
{
    ASSERT(kind > 0 && kind < RPC_KIND_COUNT);
    r->handlers[kind] = (struct rpc_handler){handler, ctx};
}

/* To this node itself: it waits for the next rpc_step. */
static void local_push(struct rpc *r, uint16_t type, uint64_t id, uint16_t word, struct bytes body)
{
    size_t size = HEAD_BYTES + body.size;
    struct rpc_local *m = pool_alloc(&r->pool, sizeof *m + size);
    ASSERT(m != NULL);
    m->type = type;
    m->size = size;
    store_le64(m->payload, id);
    store_le16(m->payload + 8, word);
    if (body.size > 0) memcpy(m->payload + HEAD_BYTES, body.data, body.size);
    list_push_back(&r->local, &m->link);
}

/* To another one. */
static enum status transmit(struct rpc *r, struct node_id to, uint16_t type, uint64_t id, uint16_t word, struct bytes body)
{
    uint64_t stamp = r->stamp != NULL ? r->stamp->make(r->stamp->ctx) : 0;
    buf_reset(&r->scratch);
    put_u64(&r->scratch, id);
    put_u16(&r->scratch, (uint16_t)(word | (stamp != 0 ? RPC_STAMPED : 0)));
    if (stamp != 0) put_u64(&r->scratch, stamp);
    buf_append_bytes(&r->scratch, body);
    if (r->scratch.failed) return STATUS_TOO_LARGE;
    if (r->options.net == NULL) return STATUS_CLOSED;
    return net_send(r->options.net, to, NET_LINK_DATA, type, 1, 1, buf_view(&r->scratch));
}

static enum status send(struct rpc *r, struct node_id to, uint16_t type, uint64_t id, uint16_t word, struct bytes body)
{
    if (to.value != r->options.self.value) return transmit(r, to, type, id, word, body);
    local_push(r, type, id, word, body);
    return STATUS_OK;
}

static uint16_t get_word(struct rpc *r, struct node_id from, struct reader *in)
{
    uint16_t word = get_u16(in);
    if ((word & RPC_STAMPED) == 0) return word;
    uint64_t stamp = get_u64(in);
    if (!in->failed && r->stamp != NULL) r->stamp->take(r->stamp->ctx, from, stamp);
    return (uint16_t)(word & ~RPC_STAMPED);
}

enum status rpc_start(struct rpc *r, struct rpc_call *call, struct node_id to, enum rpc_kind kind,
                      struct bytes body, uint64_t timeout_ns)
{
    ASSERT(!call->active && call->on_done != NULL);
    ASSERT(to.value != 0);
    if (r->call_count >= r->options.call_count_max) return STATUS_BUSY;
    if (body.size > RPC_BODY_BYTES_MAX) return STATUS_TOO_LARGE;
    if (!call_enter(r, call)) return STATUS_BUSY;
    call->to = to;
    call->sent = send(r, to, SHARD_MESSAGE_REQUEST, call->id, (uint16_t)kind, body) == STATUS_OK;
    call->deadline_ns = env_lately_ns(r->options.env) + (call->sent ? timeout_ns : 0);
    sweep_by(r, call->deadline_ns);
    return STATUS_OK;
}

void rpc_reply(struct rpc *r, struct rpc_token token, enum status status, struct bytes body)
{
    ASSERT(HEAD_BYTES + sizeof(uint64_t) + body.size <= NET_MESSAGE_BYTES_MAX); /* repliers bound what they build */
    /* A lost reply ends the call by its link or its time-out. */
    enum status sent = send(r, token.from, SHARD_MESSAGE_REPLY, token.id, (uint16_t)status, body);
    if (sent != STATUS_OK) COVER("rpc_reply_not_sent");
}

static bool repeated(struct rpc *r, struct node_id from, uint64_t id)
{
    struct rpc_window *w = map_get(&r->windows, from.value);
    if (w == NULL) {
        w = calloc(1, sizeof *w);
        if (w == NULL || map_put(&r->windows, from.value, w) != STATUS_OK) {
            free(w);
            return true; /* the caller's time-out says that the outcome is unknown */
        }
    }
    if (id > w->highest) {
        uint64_t gap = id - w->highest;
        if (gap >= WINDOW_IDS) memset(w->bits, 0, sizeof w->bits);
        else for (uint64_t i = w->highest + 1; i <= id; i++) w->bits[i % WINDOW_IDS / 64] &= ~(UINT64_C(1) << (i % 64));
        w->highest = id;
    } else if (w->highest - id >= WINDOW_IDS) {
        return true;
    }
    uint64_t *word = &w->bits[id % WINDOW_IDS / 64], bit = UINT64_C(1) << (id % 64);
    bool seen = (*word & bit) != 0;
    *word |= bit;
    return seen;
}

static void deliver_request(struct rpc *r, struct node_id from, struct bytes payload)
{
    struct reader in = reader_make(payload);
    struct rpc_token token = {from, get_u64(&in)};
    uint16_t kind = get_word(r, from, &in);
    if (in.failed) return;
    bool local = from.value == r->options.self.value; /* nothing repeats these */
    if (!local && repeated(r, from, token.id) && !MUTANT("rpc_executes_twice")) {
        COVER("rpc_request_repeated");
        return;
    }
    if (kind == 0 || kind >= RPC_KIND_COUNT || r->handlers[kind].handle == NULL) {
        rpc_reply(r, token, STATUS_UNSUPPORTED, BYTES_EMPTY);
        return;
    }
    r->metrics.requests[kind]++;
    r->metrics.request_bytes[kind] += reader_left(&in);
    r->handlers[kind].handle(r->handlers[kind].ctx, token, bytes_make(in.at, reader_left(&in)));
}

static void deliver_reply(struct rpc *r, struct node_id from, struct bytes payload)
{
    struct reader in = reader_make(payload);
    uint64_t id = get_u64(&in);
    uint16_t status = get_word(r, from, &in);
    if (in.failed || status >= STATUS_COUNT) return;
    struct rpc_call *call = call_find(r, id);
    if (call == NULL || call->to.value != from.value) return; /* late */
    call_end(call, (enum status)status, bytes_make(in.at, reader_left(&in)));
}

static void local_take(struct rpc *r, struct list *item)
{
    struct rpc_local *m = CONTAINER_OF(item, struct rpc_local, link);
    rpc_on_message(r, r->options.self, m->type, bytes_make(m->payload, m->size));
    pool_free(&r->pool, m);
}

/* Takes what was there at the start, and what comes of each before the next one, while the processor's caches still have what it is
 * about; up to a bound, for one may lead to another without end. */
bool rpc_step(struct rpc *r)
{
    struct list batch;
    list_init(&batch);
    struct list *item;
    while ((item = list_pop_front(&r->local)) != NULL) list_push_back(&batch, item);
    bool any = !list_empty(&batch);
    while ((item = list_pop_front(&batch)) != NULL) {
        local_take(r, item);
        for (int i = 0; i < FOLLOWED_MAX && (item = list_pop_front(&r->local)) != NULL; i++) local_take(r, item);
    }
    return any;
}

bool rpc_waits(const struct rpc *r)
{
    return !list_empty(&r->local);
}

void rpc_on_message(struct rpc *r, struct node_id from, uint16_t type, struct bytes payload)
{
    if (type == SHARD_MESSAGE_REQUEST) deliver_request(r, from, payload);
    else deliver_reply(r, from, payload);
}

void rpc_on_link_down(struct rpc *r, struct node_id peer)
{
    /* Ending a call may start others towards the same peer; only those of before are ended. */
    uint64_t end = r->next_id;
    struct list *item = r->order.next;
    while (item != &r->order) {
        struct rpc_call *call = CONTAINER_OF(item, struct rpc_call, link);
        if (call->id >= end) break;
        if (call->to.value != peer.value) {
            item = item->next;
            continue;
        }
        call_end(call, STATUS_UNKNOWN_OUTCOME, BYTES_EMPTY);
        item = r->order.next; /* on_done may have changed the list anywhere */
    }
}

size_t rpc_in_flight(const struct rpc *r)
{
    return r->call_count;
}

const struct rpc_metrics *rpc_metrics(const struct rpc *r)
{
    return &r->metrics;
}
