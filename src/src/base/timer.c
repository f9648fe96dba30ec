#include "base/timer.h"

#include <stdlib.h>

#include "base/assert.h"

#define CAPACITY_MIN 16

void timer_heap_init(struct timer_heap *h)
{
    *h = (struct timer_heap){.next_order = 1};
}

void timer_heap_deinit(struct timer_heap *h)
{
    for (size_t i = 0; i < h->count; i++)
        h->items[i]->heap_index = 0;
    free(h->items);
    *h = (struct timer_heap){0};
}

enum status timer_heap_reserve(struct timer_heap *h, size_t count)
{
    if (count <= h->capacity) return STATUS_OK;
    if (count > SIZE_MAX / sizeof(struct timer *)) return STATUS_NO_MEMORY;
    struct timer **items = realloc(h->items, count * sizeof(struct timer *));
    if (items == NULL) return STATUS_NO_MEMORY;
    h->items = items;
    h->capacity = count;
    return STATUS_OK;
}

void timer_init(struct timer *t, void (*on_fire)(struct timer *t, void *ctx), void *ctx)
{
    ASSERT(on_fire != NULL);
    *t = (struct timer){.on_fire = on_fire, .ctx = ctx};
}

static bool before(const struct timer *a, const struct timer *b)
{
    if (a->deadline_ns != b->deadline_ns) return a->deadline_ns < b->deadline_ns;
    return a->order < b->order;
}

static void place(struct timer_heap *h, size_t i, struct timer *t)
{
    h->items[i] = t;
    t->heap_index = i + 1;
}

static void sift_up(struct timer_heap *h, size_t i)
{
    struct timer *t = h->items[i];
    while (i > 0 && before(t, h->items[(i - 1) / 2])) {
        place(h, i, h->items[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    place(h, i, t);
}

static void sift_down(struct timer_heap *h, size_t i)
{
    struct timer *t = h->items[i];
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= h->count) break;
        if (child + 1 < h->count && before(h->items[child + 1], h->items[child])) child++;
        if (!before(h->items[child], t)) break;
        place(h, i, h->items[child]);
        i = child;
    }
    place(h, i, t);
}

static bool ordered(const struct timer_heap *h)
{
    for (size_t i = 0; i < h->count; i++) {
        if (h->items[i]->heap_index != i + 1) return false;
        if (i > 0 && before(h->items[i], h->items[(i - 1) / 2])) return false;
    }
    return true;
}

static void check(const struct timer_heap *h)
{
    ASSERT(h->count <= h->capacity);
    /* Quadratic over a long run with many timers, so only small heaps are scanned. */
    ASSERT_SLOW(h->count > 64 || ordered(h));
}

static void remove_at(struct timer_heap *h, size_t i)
{
    ASSERT(i < h->count);
    h->items[i]->heap_index = 0;
    struct timer *last = h->items[--h->count];
    if (i == h->count) return;
    place(h, i, last);
    sift_down(h, i);
    sift_up(h, last->heap_index - 1);
}

void timer_arm(struct timer_heap *h, struct timer *t, uint64_t deadline_ns)
{
    ASSERT(t->on_fire != NULL);
    if (timer_armed(t)) timer_cancel(h, t);
    if (h->count == h->capacity) {
        size_t capacity = h->capacity == 0 ? CAPACITY_MIN : h->capacity * 2;
        enum status status = timer_heap_reserve(h, capacity);
        ASSERT(status == STATUS_OK);
    }
    /* While firing, the past is now: such a timer sorts behind all that are due already. */
    t->deadline_ns = deadline_ns < h->firing_ns ? h->firing_ns : deadline_ns;
    t->order = h->next_order++;
    h->items[h->count++] = t;
    sift_up(h, h->count - 1);
    ASSERT(timer_armed(t));
    check(h);
}

void timer_cancel(struct timer_heap *h, struct timer *t)
{
    if (!timer_armed(t)) return;
    ASSERT(t->heap_index <= h->count);
    ASSERT(h->items[t->heap_index - 1] == t);
    remove_at(h, t->heap_index - 1);
    ASSERT(!timer_armed(t));
    check(h);
}

uint64_t timer_heap_next(const struct timer_heap *h)
{
    return h->count == 0 ? TIMER_NEVER : h->items[0]->deadline_ns;
}

void timer_heap_fire(struct timer_heap *h, uint64_t now_ns)
{
    ASSERT(h->firing_ns == 0); /* a handler must not fire the heap it is called from */
    uint64_t order_end = h->next_order;
    h->firing_ns = now_ns;
    while (h->count > 0) {
        struct timer *t = h->items[0];
        if (t->deadline_ns > now_ns || t->order >= order_end) break;
        remove_at(h, 0);
        check(h);
        t->on_fire(t, t->ctx);
    }
    h->firing_ns = 0;
}
