/* What an operator asks of ranges: to divide one, and which there are. */
#include <stdlib.h>

#include "txn/txn_state.h"

#define LIST_ATTEMPT_NS 1000000000u
#define LIST_PAUSE_NS   50000000u
#define LIST_ATTEMPTS   6
#define LISTED_PAUSE_NS 20000000u
#define LISTED_ATTEMPTS 100

static bool begins_at(struct txn *t, struct bytes key)
{
    struct route route;
    return txn_find(t, key, false, &route) == STATUS_OK && bytes_equal(route.start, key);
}

/* One question for ranges upwards from a key; the reply is in t->reply. */
static enum status ask(struct txn *t, struct bytes from)
{
    struct gateway_request q = txn_request(t, RPC_META_LOOKUP, from);
    enum status status = STATUS_UNAVAILABLE;
    for (int i = 0; i < LIST_ATTEMPTS && status != STATUS_OK; i++) {
        if (i > 0) gateway_pause(t->kv, LIST_PAUSE_NS, &t->interrupt);
        struct node_id to = store_meta_leader(t->kv->store);
        buf_reset(&t->request);
        lookup_encode_key(&t->request, from, false, LOOKUP_COUNT_MAX);
        if (t->request.failed) return STATUS_NO_MEMORY;
        if (to.value == 0) continue;
        status = gateway_ask(t->kv, &q, to, LIST_ATTEMPT_NS, &t->reply);
        if (status == STATUS_CANCELLED || status == STATUS_TIMEOUT || status == STATUS_NO_MEMORY) return status;
    }
    return status == STATUS_OK ? STATUS_OK : STATUS_UNAVAILABLE;
}

struct listing {
    struct bytes end;   /* nothing behind is wanted */
    struct buf from;    /* where to go on */
    bool whole;
    void (*visit)(void *ctx, const struct descriptor *d, struct node_id leader);
    void *ctx;
};

/* Visits what the reply holds. STATUS_INVALID: it is none, or does not get on. */
static enum status take(struct listing *l, struct bytes reply)
{
    struct reader in = reader_make(reply);
    (void)get_u8(&in); /* proof */
    (void)get_u8(&in); /* verdict */
    if (get_u8(&in) != 0 || reader_left(&in) == 0) return STATUS_INVALID;
    while (reader_left(&in) > 0 && !l->whole) {
        struct descriptor d;
        struct bytes encoded = get_sized(&in);
        struct node_id leader = {get_u64(&in)};
        if (in.failed || descriptor_decode(encoded, &d) != STATUS_OK) return STATUS_INVALID;
        if (d.end.size != 0 && bytes_compare(d.end, buf_view(&l->from)) <= 0) return STATUS_INVALID;
        l->visit(l->ctx, &d, leader);
        l->whole = d.end.size == 0 || (l->end.size != 0 && bytes_compare(d.end, l->end) >= 0);
        buf_reset(&l->from);
        buf_append_bytes(&l->from, d.end);
        if (l->from.failed) return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

enum status txn_ranges(struct txn *t, struct bytes from, struct bytes end,
                       void (*visit)(void *ctx, const struct descriptor *d, struct node_id leader), void *ctx)
{
    struct listing l = {.end = end, .visit = visit, .ctx = ctx};
    buf_init(&l.from, SHARD_KEY_BYTES_MAX);
    buf_append_bytes(&l.from, from);
    enum status status = buf_status(&l.from);
    while (status == STATUS_OK && !l.whole) {
        status = ask(t, buf_view(&l.from));
        if (status == STATUS_OK) status = take(&l, buf_view(&t->reply));
    }
    buf_deinit(&l.from);
    return status;
}

static void first_start(void *ctx, const struct descriptor *d, struct node_id leader)
{
    (void)leader;
    struct buf *start = ctx;
    buf_append_bytes(start, d->start);
}

/* The split is made; who then asks for the ranges should see it. The leader tells the metadata range a little later. */
static void await_listed(struct txn *t, struct bytes key)
{
    bool listed = false;
    for (int i = 0; i < LISTED_ATTEMPTS && !listed && !t->interrupt.requested; i++) {
        struct buf start;
        if (i > 0) gateway_pause(t->kv, LISTED_PAUSE_NS, &t->interrupt);
        buf_init(&start, SHARD_KEY_BYTES_MAX);
        if (txn_ranges(t, key, key, first_start, &start) != STATUS_OK) i = LISTED_ATTEMPTS;
        listed = bytes_equal(buf_view(&start), key);
        buf_deinit(&start);
    }
}

/* A request whose answer was lost is sent again: then the key may be a beginning already. */
enum status txn_split(struct txn *t, struct bytes key)
{
    if (begins_at(t, key)) return STATUS_OK;
    struct gateway_request q = txn_request(t, RPC_RANGE_SPLIT, key);
    buf_reset(&t->request);
    put_u64(&t->request, 0); /* range and epoch: gateway_call */
    put_u64(&t->request, 0);
    put_sized(&t->request, key);
    put_u8(&t->request, 1); /* it stays until somebody unites the two */
    if (t->request.failed) return STATUS_NO_MEMORY;
    enum status status = gateway_call(t->kv, &q, &t->reply);
    if (status == STATUS_INVALID && begins_at(t, key)) return STATUS_OK;
    if (status == STATUS_OK) await_listed(t, key);
    return status == STATUS_UNKNOWN_OUTCOME ? STATUS_UNAVAILABLE : status;
}
