/* Timers of one core: a binary heap of intrusive nodes ordered by (deadline, arming order), so
 * equal deadlines fire in the order they were armed, on every machine. */
#ifndef OSTRAKA_BASE_TIMER_H
#define OSTRAKA_BASE_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define TIMER_NEVER UINT64_MAX

struct timer {
    uint64_t deadline_ns, order;
    size_t heap_index; /* 0: not armed; else 1 + place in the heap */
    void (*on_fire)(struct timer *t, void *ctx);
    void *ctx;
};
struct timer_heap {
    struct timer **items;
    size_t count, capacity;
    uint64_t next_order;
    uint64_t firing_ns; /* the `now` of a running timer_heap_fire, else 0 */
};

void timer_heap_init(struct timer_heap *h);
/* Timers that are still armed are disarmed. */
void timer_heap_deinit(struct timer_heap *h);
void timer_init(struct timer *t, void (*on_fire)(struct timer *t, void *ctx), void *ctx);
/* Makes room for `count` armed timers, so that arming them allocates nothing. STATUS_NO_MEMORY. */
MUST_USE enum status timer_heap_reserve(struct timer_heap *h, size_t count);
/* Arms or moves (then the timer counts as armed last). Grows the heap when it is over its reserve,
 * and aborts when that fails. */
void timer_arm(struct timer_heap *h, struct timer *t, uint64_t deadline_ns);
/* No effect on a timer that is not armed. */
void timer_cancel(struct timer_heap *h, struct timer *t);
static inline bool timer_armed(const struct timer *t)
{
    return t->heap_index != 0;
}
/* The earliest deadline or TIMER_NEVER. */
uint64_t timer_heap_next(const struct timer_heap *h);
/* Fires, in order, every timer with deadline <= now_ns; a handler may arm and cancel any timer.
 * Timers armed by handlers for now or earlier fire in the next call. */
void timer_heap_fire(struct timer_heap *h, uint64_t now_ns);

#endif
