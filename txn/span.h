/* Keys that are read and what is written: spans, which of them lies in which range (spans.c), and how both travel (command.c). */
#ifndef OSTRAKA_TXN_SPAN_H
#define OSTRAKA_TXN_SPAN_H

#include "base/arena.h"
#include "base/codec.h"
#include "shard/shard.h"

struct range_op;

/* A span of keys: one key when point. */
struct span {
    struct bytes start, end;
    bool point;
};

struct write {
    struct bytes key, value;
    bool tombstone;
    bool insert;             /* refused when the key has a value (STATUS_EXISTS) */
    bool in_flight;          /* counted in range.in_flight; */
    union {
        struct {                    /* at the leader */
            uint64_t key_hash;
            struct range_op *older; /* what is in flight on the same key and was proposed before */
        };
        struct {                    /* in a write set, of one whose value has a size and no data (spill.c) */
            uint64_t spilled_at, spilled_hash;
        };
    };
};

bool span_contains(const struct span *span, struct bytes key);
/* Does the span hold keys from `key` on? */
bool span_reaches(const struct span *span, struct bytes key);

/* ---- spans.c: what lies in which range ---- */

/* The keys that a request names: the lowest; the highest single key; the highest end of a span. */
struct hull {
    struct bytes low, high, end;
    bool any, has_end;      /* an empty end: unbounded */
};
void hull_add(struct hull *h, const struct span *span);
/* All of it lies in that range. */
bool hull_fits(const struct hull *h, const struct route *route);

bool route_holds(const struct route *route, struct bytes key);
/* False: no part of the span lies in the range. The parts are views of the span and of the route. */
bool span_inside(const struct span *span, const struct route *route, struct span *inside_out);
uint32_t span_outside(const struct span *span, const struct route *route, struct span outside_out[2]);
/* Appends the parts that lie in the range, behind their number, which it returns. */
uint32_t spans_put_inside(struct buf *out, const struct span *spans, uint32_t count, const struct route *route,
                          struct hull *hull);

/* Spans with memory of their own. */
struct span_list {
    struct arena arena;
    struct span *spans;
    uint32_t count, capacity;
};
void span_list_init(struct span_list *l);
void span_list_deinit(struct span_list *l);
MUST_USE enum status span_list_add(struct span_list *l, const struct span *span);

/* ---- command.c ---- */

/* Spans and writes as they travel. */
void encode_span(struct buf *out, const struct span *span);
bool decode_span(struct reader *r, struct span *span);
void encode_write(struct buf *out, const struct write *write);
/* All of it but the value itself. */
void encode_write_head(struct buf *out, const struct write *write);
bool decode_write(struct reader *r, struct write *write);

#endif
