/* A transaction over several ranges: which of what it has read lies in the range that a request goes to, and what
 * becomes of the rest. */
#include <stdlib.h>

#include "txn/txn_state.h"

#define CUTS_MAX 1000            /* half a second at least, when no request is sent in between */
#define SPANS_MAX 4096           /* beyond, spans are widened to what lies between them */

struct gateway_request txn_request(struct txn *t, enum rpc_kind kind, struct bytes key)
{
    return (struct gateway_request){.kind = kind, .key = key, .body = &t->request, .deadline_ns = t->deadline_ns,
                                    .no_quorum_ns = t->no_quorum_ns, .repeatable = kind != RPC_COMMIT,
                                    .interrupt = &t->interrupt};
}

enum status txn_find(struct txn *t, struct bytes key, bool before, struct route *route_out)
{
    struct gateway_request q = txn_request(t, RPC_READ, key);
    return gateway_find(t->kv, &q, before, t->bounds, route_out);
}

enum status txn_range_end(struct txn *t, struct arena *arena, struct bytes key, struct bytes *end_out)
{
    struct route route;
    enum status status = txn_find(t, key, false, &route);
    if (status != STATUS_OK) return status;
    struct bytes copy = arena_copy(arena, route.end);
    if (copy.data == NULL) return STATUS_NO_MEMORY;
    *end_out = copy;
    return STATUS_OK;
}

bool txn_cut_again(struct txn *t, enum status *status)
{
    if (*status != STATUS_STALE_ROUTE) {
        t->cuts = 0;
        return false;
    }
    if (++t->cuts < CUTS_MAX) return true;
    *status = STATUS_UNAVAILABLE;
    return false;
}

/* ---- spans ---- */

/* Many spans become one that covers them all: validation may then refuse more than it must. */
static void spans_widen(struct txn *t)
{
    if (t->span_count <= SPANS_MAX) return;
    COVER("txn_spans_widened");
    if (MUTANT("spans_cut_off")) {
        t->span_count = SPANS_MAX;
        return;
    }
    struct bytes low = t->spans[0].start, high = t->spans[0].start;
    bool unbounded = false;
    for (uint32_t i = 0; i < t->span_count; i++) {
        const struct span *s = &t->spans[i];
        if (bytes_compare(s->start, low) < 0) low = s->start;
        struct bytes end = s->point ? s->start : s->end;
        if (!s->point && end.size == 0) unbounded = true;
        if (bytes_compare(end, high) > 0) high = end;
    }
    uint8_t *past = arena_alloc(t->arena, high.size + 1);
    if (past == NULL) unbounded = true;
    else {
        memcpy(past, high.data, high.size);
        past[high.size] = 0; /* the first key after `high` */
    }
    struct bytes end = unbounded ? BYTES_EMPTY : bytes_make(past, high.size + 1);
    t->spans[0] = (struct span){.start = low, .end = end};
    t->span_count = 1;
}

uint32_t txn_put_spans(struct txn *t, const struct route *route, struct hull *hull)
{
    spans_widen(t);
    return spans_put_inside(&t->request, t->spans, t->span_count, route, hull);
}

/* Views of the spans and of the route. */
static enum status visit_elsewhere(struct txn *t, const struct route *route,
                                   enum status (*visit)(void *ctx, const struct span *part), void *ctx)
{
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < t->span_count && status == STATUS_OK; i++) {
        struct span parts[2];
        uint32_t count = span_outside(&t->spans[i], route, parts);
        for (uint32_t k = 0; k < count && status == STATUS_OK; k++) status = visit(ctx, &parts[k]);
    }
    return status;
}

struct putting {
    struct txn *txn;
    uint32_t count;
};

/* What is under a lease needs no look, as long as the commit keeps below its end. */
static enum status put_part(void *ctx, const struct span *part)
{
    struct putting *p = ctx;
    struct txn *t = p->txn;
    uint64_t until = catalog_lease_until(t->kv, part, t->read_ts, t->lease_missed);
    if (until != 0) {
        if (t->leased_until == 0 || until < t->leased_until) t->leased_until = until;
        return STATUS_OK;
    }
    encode_span(&t->request, part);
    p->count++;
    return STATUS_OK;
}

enum status txn_put_spans_elsewhere(struct txn *t, const struct route *route)
{
    struct putting p = {.txn = t};
    t->leased_until = 0;
    size_t count_at = t->request.size;
    put_u32(&t->request, 0);
    enum status status = visit_elsewhere(t, route, put_part, &p);
    if (!t->request.failed) store_le32(t->request.data + count_at, p.count);
    return status;
}

struct listing {
    struct txn *txn;
    uint64_t ts;
    struct span_list list;
};

static enum status list_part(void *ctx, const struct span *part)
{
    struct listing *l = ctx;
    if (catalog_lease_covers(l->txn->kv, part, l->txn->read_ts, l->ts)) return STATUS_OK;
    return span_list_add(&l->list, part);
}

static enum status note_part(void *ctx, const struct span *part)
{
    const struct listing *l = ctx;
    return catalog_lease_covers(l->txn->kv, part, l->txn->read_ts, l->ts) ? STATUS_OK : STATUS_EXISTS;
}

bool txn_has_read_elsewhere(struct txn *t, const struct route *route, uint64_t ts)
{
    struct listing l = {.txn = t, .ts = ts};
    return visit_elsewhere(t, route, note_part, &l) != STATUS_OK;
}

enum status txn_refresh_elsewhere(struct txn *t, const struct route *route, uint64_t ts)
{
    ASSERT(t->span_count == 0 || t->read_ts <= ts);
    struct listing l = {.txn = t, .ts = ts};
    span_list_init(&l.list);
    enum status status = visit_elsewhere(t, route, list_part, &l);
    struct refresh how = {.kv = t->kv, .read_ts = t->read_ts, .ts = ts, .deadline_ns = t->deadline_ns,
                          .no_quorum_ns = t->no_quorum_ns, .interrupt = &t->interrupt};
    if (status == STATUS_OK && l.list.count > 0 && !MUTANT("moved_without_refresh")) {
        COVER("txn_refreshed_elsewhere");
        status = refresh_spans(&how, l.list.spans, l.list.count);
    }
    span_list_deinit(&l.list);
    return status;
}
