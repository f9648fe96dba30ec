/* Spans and the bounds of ranges: what of them lies where. Bounds are compared as [start, end); an empty end
 * is behind all keys. */
#include <stdlib.h>

#include "txn/span.h"

bool span_contains(const struct span *span, struct bytes key)
{
    if (span->point) return bytes_equal(span->start, key);
    return bytes_compare(span->start, key) <= 0 &&
           (span->end.size == 0 || bytes_compare(key, span->end) < 0);
}

/* True when end a is not behind end b. */
static bool end_within(struct bytes a, struct bytes b)
{
    if (b.size == 0) return true;
    return a.size > 0 && bytes_compare(a, b) <= 0;
}

static bool key_within(struct bytes key, struct bytes start, struct bytes end)
{
    return bytes_compare(start, key) <= 0 && (end.size == 0 || bytes_compare(key, end) < 0);
}

/* ---- hulls ---- */

void hull_add(struct hull *h, const struct span *span)
{
    if (!h->any || bytes_compare(span->start, h->low) < 0) h->low = span->start;
    if (!h->any) h->high = span->start;
    h->any = true;
    if (bytes_compare(span->start, h->high) > 0) h->high = span->start;
    if (span->point) return;
    if (!h->has_end || !end_within(span->end, h->end)) h->end = span->end;
    h->has_end = true;
}

bool hull_fits(const struct hull *h, const struct route *route)
{
    if (!h->any) return true;
    return bytes_compare(route->start, h->low) <= 0 && key_within(h->high, route->start, route->end) &&
           (!h->has_end || end_within(h->end, route->end));
}

/* ---- cutting ---- */

bool route_holds(const struct route *route, struct bytes key)
{
    return key_within(key, route->start, route->end);
}

bool span_inside(const struct span *span, const struct route *route, struct span *inside_out)
{
    if (span->point) {
        *inside_out = *span;
        return route_holds(route, span->start);
    }
    struct span cut = *span;
    if (bytes_compare(cut.start, route->start) < 0) cut.start = route->start;
    if (!end_within(cut.end, route->end)) cut.end = route->end;
    *inside_out = cut;
    return cut.end.size == 0 || bytes_compare(cut.start, cut.end) < 0;
}

uint32_t span_outside(const struct span *span, const struct route *route, struct span outside_out[2])
{
    struct span inside;
    if (!span_inside(span, route, &inside)) {
        outside_out[0] = *span;
        return 1;
    }
    uint32_t count = 0;
    if (span->point) return 0;
    if (bytes_compare(span->start, inside.start) < 0)
        outside_out[count++] = (struct span){.start = span->start, .end = inside.start};
    if (!end_within(span->end, route->end))
        outside_out[count++] = (struct span){.start = route->end, .end = span->end};
    return count;
}

uint32_t spans_put_inside(struct buf *out, const struct span *spans, uint32_t count, const struct route *route,
                          struct hull *hull)
{
    size_t count_at = out->size;
    uint32_t put = 0;
    put_u32(out, 0);
    for (uint32_t i = 0; i < count; i++) {
        struct span inside;
        if (!span_inside(&spans[i], route, &inside)) continue;
        encode_span(out, &inside);
        hull_add(hull, &inside);
        put++;
    }
    if (!out->failed) store_le32(out->data + count_at, put);
    return put;
}

/* ---- lists ---- */

void span_list_init(struct span_list *l)
{
    *l = (struct span_list){0};
    arena_init(&l->arena, NET_MESSAGE_BYTES_MAX);
}

void span_list_deinit(struct span_list *l)
{
    arena_deinit(&l->arena);
    free(l->spans);
}

enum status span_list_add(struct span_list *l, const struct span *span)
{
    if (l->count == l->capacity) {
        uint32_t capacity = l->capacity == 0 ? 8 : 2 * l->capacity;
        struct span *spans = realloc(l->spans, capacity * sizeof *spans);
        if (spans == NULL) return STATUS_NO_MEMORY;
        l->spans = spans;
        l->capacity = capacity;
    }
    struct span *copy = &l->spans[l->count];
    *copy = *span;
    copy->start = arena_copy(&l->arena, span->start);
    copy->end = arena_copy(&l->arena, span->end);
    if (copy->start.data == NULL || copy->end.data == NULL) return STATUS_NO_MEMORY;
    l->count++;
    return STATUS_OK;
}
