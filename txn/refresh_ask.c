/* Asks the leaders of all ranges where something was read whether it is unchanged at a later timestamp (refresh.c): those of
 * all of them at once. */
#include <stdlib.h>

#include "txn/gateway.h"

#define PARTS_MAX 64  /* ranges that are asked in one round */
#define ROUNDS_MAX 2000u /* ranges, and bounds that changed meanwhile */

/* What lies in one range. */
struct part {
    struct gateway_request q;
    struct span_list spans;
    struct buf body, reply;
};

struct round {
    const struct refresh *how;
    struct part *parts[PARTS_MAX];
    struct gateway_request *requests[PARTS_MAX];
    uint32_t count;
};

static struct part *part_make(struct round *r)
{
    struct part *p = calloc(1, sizeof *p);
    if (p == NULL) return NULL;
    span_list_init(&p->spans);
    buf_init(&p->body, NET_MESSAGE_BYTES_MAX - 4096);
    buf_init(&p->reply, NET_MESSAGE_BYTES_MAX);
    r->requests[r->count] = &p->q;
    r->parts[r->count++] = p;
    return p;
}

static void round_end(struct round *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        span_list_deinit(&r->parts[i]->spans);
        buf_deinit(&r->parts[i]->body);
        buf_deinit(&r->parts[i]->reply);
        free(r->parts[i]);
    }
    r->count = 0;
}

static enum status part_encode(struct part *p, const struct refresh *how, const struct route *route)
{
    p->q = (struct gateway_request){.kind = RPC_REFRESH, .key = p->spans.spans[0].start, .body = &p->body,
                                    .reply = &p->reply, .deadline_ns = how->deadline_ns, .no_quorum_ns = how->no_quorum_ns,
                                    .repeatable = true, .interrupt = how->interrupt};
    buf_append_zero(&p->body, GATEWAY_HEAD_BYTES);
    put_u64(&p->body, how->read_ts);
    put_u64(&p->body, how->ts);
    put_u64(&p->body, how->attempt.sent);
    put_u64(&p->body, how->attempt.tag);
    spans_put_inside(&p->body, p->spans.spans, p->spans.count, route, &p->q.hull);
    how->kv->metrics.refreshes++;
    return p->body.failed ? STATUS_TOO_LARGE : STATUS_OK;
}

/* The part of `what` that lies in the range of its first span; the others go to `left`. */
static enum status cut(struct round *r, const struct span_list *what, const struct route *route, struct span_list *left)
{
    struct part *p = part_make(r);
    enum status status = p == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    for (uint32_t i = 0; i < what->count && status == STATUS_OK; i++) {
        struct span inside, outside[2];
        if (span_inside(&what->spans[i], route, &inside)) status = span_list_add(&p->spans, &inside);
        uint32_t count = span_outside(&what->spans[i], route, outside);
        for (uint32_t k = 0; k < count && status == STATUS_OK; k++) status = span_list_add(left, &outside[k]);
    }
    return status == STATUS_OK ? part_encode(p, r->how, route) : status;
}

static void list_swap(struct span_list *a, struct span_list *b)
{
    struct span_list kept = *a;
    *a = *b;
    *b = kept;
    span_list_deinit(b);
    span_list_init(b);
}

/* Takes as many ranges of `what` as one round asks. */
static enum status cut_round(struct round *r, struct span_list *what)
{
    struct gateway_request find = {.deadline_ns = r->how->deadline_ns, .no_quorum_ns = r->how->no_quorum_ns,
                                   .interrupt = r->how->interrupt};
    struct buf bounds[2];
    struct span_list left;
    enum status status = STATUS_OK;
    buf_init(&bounds[0], SHARD_KEY_BYTES_MAX);
    buf_init(&bounds[1], SHARD_KEY_BYTES_MAX);
    span_list_init(&left);
    while (status == STATUS_OK && what->count > 0 && r->count < PARTS_MAX) {
        struct route route;
        find.key = what->spans[0].start;
        status = gateway_find(r->how->kv, &find, false, bounds, &route);
        if (status == STATUS_OK) status = cut(r, what, &route, &left);
        if (status == STATUS_OK) list_swap(what, &left);
    }
    span_list_deinit(&left);
    buf_deinit(&bounds[0]);
    buf_deinit(&bounds[1]);
    return status;
}

/* Those whose range has other bounds now are asked for again. */
static enum status take_back(const struct round *r, struct span_list *what)
{
    for (uint32_t i = 0; i < r->count; i++) {
        if (r->parts[i]->q.result != STATUS_STALE_ROUTE) continue;
        for (uint32_t k = 0; k < r->parts[i]->spans.count; k++) {
            enum status status = span_list_add(what, &r->parts[i]->spans.spans[k]);
            if (status != STATUS_OK) return status;
        }
    }
    return STATUS_OK;
}

enum status refresh_spans(const struct refresh *how, const struct span *spans, uint32_t count)
{
    struct span_list what;
    enum status status = STATUS_OK;
    span_list_init(&what);
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) status = span_list_add(&what, &spans[i]);
    for (uint32_t rounds = 0; status == STATUS_OK && what.count > 0; rounds++) {
        struct round r = {.how = how};
        if (rounds == ROUNDS_MAX) status = STATUS_UNAVAILABLE;
        if (status == STATUS_OK) status = cut_round(&r, &what);
        if (status == STATUS_OK) status = gateway_call_all(how->kv, r.requests, r.count, false);
        if (status == STATUS_STALE_ROUTE) status = take_back(&r, &what);
        round_end(&r);
    }
    span_list_deinit(&what);
    return status;
}
