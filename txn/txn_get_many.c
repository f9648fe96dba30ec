/* Several keys in as few requests as their ranges and values allow: ranges are asked at once. */
#include <stdlib.h>

#include "txn/txn_state.h"

#define PARTS_MAX 16 /* ranges that are asked at once */

/* What txn_get_many is asked for. */
struct wanted {
    const struct bytes *keys;
    struct bytes *values_out;
    uint32_t count, left;
    bool done[TXN_GET_MANY_MAX];
};

/* Those of them that lie in one range. */
struct part {
    uint32_t keys[TXN_GET_MANY_MAX], count;
    struct gateway_request q;
    struct buf body, reply; /* when there are several */
};

/* The transaction's own writes need no request. */
static enum status take_own(struct txn *t, struct wanted *w)
{
    for (uint32_t i = 0; i < w->count; i++) {
        if (w->keys[i].size == 0 || w->keys[i].size > SHARD_KEY_BYTES_MAX) return STATUS_TOO_LARGE;
        const struct write *own = write_set_find_at(&t->writes, w->keys[i], t->view);
        if (own == NULL) continue;
        w->values_out[i] = (struct bytes){NULL, 0};
        enum status status = own->tombstone ? STATUS_OK : spill_value(t, own, t->arena, &w->values_out[i]);
        if (status != STATUS_OK) return status;
        w->done[i] = true;
        w->left--;
    }
    return STATUS_OK;
}

static enum status take_values(struct txn *t, struct wanted *w, const struct part *p, struct reader *in)
{
    for (uint32_t k = 0; k < p->count; k++) {
        uint32_t i = p->keys[k];
        uint8_t found = get_u8(in);
        if (found == 3 && k > 0) return STATUS_OK; /* the reply was full */
        get_u64(in);
        struct bytes value = get_sized(in);
        if (in->failed || found > 1) return STATUS_INVALID;
        enum status status = txn_span_add(t, &(struct span){.start = w->keys[i], .point = true});
        w->values_out[i] = (struct bytes){NULL, 0};
        if (status == STATUS_OK && found) {
            w->values_out[i] = arena_copy(t->arena, value);
            if (w->values_out[i].data == NULL) status = STATUS_NO_MEMORY;
        }
        if (status != STATUS_OK) return status;
        w->done[i] = true;
        w->left--;
    }
    return STATUS_OK;
}

/* The request for the range of the first key that is neither done nor taken; false: there is none. Built in t->request. */
static enum status part_make(struct txn *t, const struct wanted *w, bool taken[TXN_GET_MANY_MAX], struct part *p, bool *any_out)
{
    uint32_t first = 0;
    while (first < w->count && (w->done[first] || taken[first])) first++;
    *any_out = first < w->count;
    if (!*any_out) return STATUS_OK;
    struct route route;
    enum status status = txn_find(t, w->keys[first], false, &route);
    if (status != STATUS_OK) return status;
    p->q = txn_request(t, RPC_READ, w->keys[first]);
    p->count = 0;
    for (uint32_t i = first; i < w->count; i++) {
        if (w->done[i] || taken[i] || !route_holds(&route, w->keys[i])) continue;
        taken[i] = true;
        p->keys[p->count++] = i;
    }
    txn_read_begin(t, &route, p->count);
    for (uint32_t k = 0; k < p->count; k++) {
        struct bytes key = w->keys[p->keys[k]];
        put_u8(&t->request, 1);
        put_sized(&t->request, key);
        hull_add(&p->q.hull, &(struct span){.start = key, .point = true});
    }
    return STATUS_OK;
}

/* Asks one range. */
static enum status get_some(struct txn *t, struct wanted *w)
{
    bool taken[TXN_GET_MANY_MAX] = {false}, any;
    struct part p;
    struct reader in = {0};
    enum status status = part_make(t, w, taken, &p, &any);
    ASSERT(status != STATUS_OK || any);
    if (status == STATUS_OK) status = txn_read_send(t, &p.q, &in);
    return status == STATUS_OK ? take_values(t, w, &p, &in) : status;
}

/* ---- several ranges at once ---- */

static enum status take_part(struct txn *t, struct wanted *w, struct part *p)
{
    struct reader in = reader_make(buf_view(&p->reply));
    if (p->q.result == STATUS_STALE_ROUTE) return STATUS_OK; /* asked for again */
    if (get_u64(&in) != t->read_ts || in.failed) return STATUS_INVALID;
    return take_values(t, w, p, &in);
}

static enum status cut(struct txn *t, const struct wanted *w, struct part *parts, uint32_t *count_out)
{
    bool taken[TXN_GET_MANY_MAX] = {false}, any = true;
    enum status status = STATUS_OK;
    for (uint32_t n = 0; n < PARTS_MAX && status == STATUS_OK; n++) {
        struct part *p = &parts[n];
        status = part_make(t, w, taken, p, &any);
        if (status != STATUS_OK || !any) break;
        buf_init(&p->body, NET_MESSAGE_BYTES_MAX);
        buf_init(&p->reply, NET_MESSAGE_BYTES_MAX);
        *count_out = n + 1;
        buf_append_bytes(&p->body, buf_view(&t->request));
        p->q.body = &p->body;
        p->q.reply = &p->reply;
        if (t->request.failed || p->body.failed) status = STATUS_TOO_LARGE;
    }
    return status;
}

/* Of the past: what this node's replicas serve need not be asked for elsewhere. Lists the others. */
static enum status ask_here(struct txn *t, struct part *parts, uint32_t count, struct gateway_request **rest, uint32_t *rest_count_out)
{
    uint32_t rest_count = 0;
    for (uint32_t n = 0; n < count; n++) {
        struct gateway_request *q = &parts[n].q;
        q->result = txn_past_ask(t, q, &parts[n].reply);
        if (q->result == STATUS_NOT_FOUND) rest[rest_count++] = q;
        else if (q->result != STATUS_OK) return q->result;
    }
    *rest_count_out = rest_count;
    return STATUS_OK;
}

/* All ranges are given the timestamp that the first one has picked. */
static enum status get_rest(struct txn *t, struct wanted *w)
{
    ASSERT(t->read_ts != 0 && t->assumed_count == 0);
    struct part *parts = malloc(PARTS_MAX * sizeof *parts);
    struct gateway_request *requests[PARTS_MAX];
    uint32_t count = 0, asked = 0;
    if (parts == NULL) return STATUS_NO_MEMORY;
    enum status status = cut(t, w, parts, &count);
    uint64_t start_ns = env_now_ns(store_env(t->kv->store));
    if (count > 1) COVER("txn_get_from_several");
    if (status == STATUS_OK) status = ask_here(t, parts, count, requests, &asked);
    if (status == STATUS_OK) status = gateway_call_all(t->kv, requests, asked, false);
    bool stale = status == STATUS_STALE_ROUTE;
    if (stale) status = STATUS_OK;
    if (status == STATUS_OK) histogram_add(&t->kv->metrics.read_ns, env_now_ns(store_env(t->kv->store)) - start_ns);
    for (uint32_t n = 0; n < count && status == STATUS_OK; n++) status = take_part(t, w, &parts[n]);
    for (uint32_t n = 0; n < count; n++) {
        buf_deinit(&parts[n].body);
        buf_deinit(&parts[n].reply);
    }
    free(parts);
    return status == STATUS_OK && stale ? STATUS_STALE_ROUTE : status;
}

enum status txn_get_many(struct txn *t, const struct bytes *keys, uint32_t count, struct bytes *values_out)
{
    ASSERT(!t->ended);
    ASSERT(count <= TXN_GET_MANY_MAX);
    struct wanted w = {.keys = keys, .values_out = values_out, .count = count, .left = count};
    enum status status = take_own(t, &w);
    while (status == STATUS_OK && w.left > 0) {
        status = t->read_ts != 0 && t->assumed_count == 0 ? get_rest(t, &w) : get_some(t, &w);
        if (txn_cut_again(t, &status)) status = STATUS_OK; /* the keys are sorted anew */
    }
    return status;
}
