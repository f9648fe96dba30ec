#include "tests/test.h"

#include <signal.h>
#include <string.h>

#include "base/prng.h"
#include "base/timer.h"
#include "tests/base/dies.h"

#define TIMERS 200

struct world {
    struct timer_heap heap;
    struct timer timers[TIMERS];
    size_t fired[TIMERS * 50], fired_count;
    void (*handler)(struct world *w, size_t i);
};

static void record(struct timer *t, void *ctx)
{
    struct world *w = ctx;
    size_t i = (size_t)(t - w->timers);
    assert_false(timer_armed(t));
    w->fired[w->fired_count++] = i;
    if (w->handler != NULL) w->handler(w, i);
}

static void world_init(struct world *w)
{
    memset(w, 0, sizeof *w);
    timer_heap_init(&w->heap);
    for (size_t i = 0; i < TIMERS; i++)
        timer_init(&w->timers[i], record, w);
}

static void arm(struct world *w, size_t i, uint64_t deadline_ns)
{
    timer_arm(&w->heap, &w->timers[i], deadline_ns);
}

/* Fires and says in which order, as decimal digits. */
static uint64_t fire(struct world *w, uint64_t now_ns)
{
    uint64_t digits = 0;
    w->fired_count = 0;
    timer_heap_fire(&w->heap, now_ns);
    for (size_t i = 0; i < w->fired_count; i++)
        digits = digits * 10 + w->fired[i];
    return digits;
}

static struct world world;

TEST(timer, fires_by_deadline_and_not_before)
{
    struct world *w = &world;
    world_init(w);
    arm(w, 1, 30);
    arm(w, 2, 10);
    arm(w, 3, 20);
    assert_u64_equal(timer_heap_next(&w->heap), 10);
    assert_u64_equal(fire(w, 9), 0);
    assert_u64_equal(fire(w, 20), 23);
    assert_true(timer_armed(&w->timers[1]));
    assert_u64_equal(timer_heap_next(&w->heap), 30);
    assert_u64_equal(fire(w, 1000), 1);
    assert_u64_equal(timer_heap_next(&w->heap), TIMER_NEVER);
    timer_heap_deinit(&w->heap);
}

TEST(timer, equal_deadlines_fire_in_arming_order)
{
    struct world *w = &world;
    world_init(w);
    for (size_t i = 1; i <= 9; i++)
        arm(w, i, 50);
    arm(w, 3, 50); /* moved: armed last now */
    assert_u64_equal(fire(w, 50), 124567893);
    timer_heap_deinit(&w->heap);
}

TEST(timer, cancel_and_move_take_effect_anywhere_in_the_heap)
{
    struct world *w = &world;
    world_init(w);
    for (size_t i = 1; i <= 9; i++)
        arm(w, i, 100 - i);
    timer_cancel(&w->heap, &w->timers[9]);
    timer_cancel(&w->heap, &w->timers[9]);
    timer_cancel(&w->heap, &w->timers[4]);
    arm(w, 1, 5);
    arm(w, 8, 200);
    assert_u64_equal(fire(w, 1000), 1765328);
    timer_heap_deinit(&w->heap);
}

TEST(timer, fires_what_a_sorted_list_would_over_random_steps)
{
    struct world *w = &world;
    struct prng p;
    uint64_t deadlines[TIMERS], orders[TIMERS] = {0}, order = 0, now = 0;
    world_init(w);
    prng_init(&p, 12);
    for (int step = 0; step < 4000; step++) {
        size_t i = prng_below(&p, TIMERS);
        if (prng_chance(&p, 1, 4)) {
            timer_cancel(&w->heap, &w->timers[i]);
            orders[i] = 0;
        } else {
            deadlines[i] = now + prng_below(&p, 50);
            orders[i] = ++order;
            arm(w, i, deadlines[i]);
        }
        if (!prng_chance(&p, 1, 10)) continue;
        now += prng_below(&p, 30);
        w->fired_count = 0;
        timer_heap_fire(&w->heap, now);
        for (size_t k = 0;; k++) {
            size_t best = TIMERS;
            for (size_t j = 0; j < TIMERS; j++) {
                if (orders[j] == 0 || deadlines[j] > now) continue;
                if (best == TIMERS || deadlines[j] < deadlines[best] ||
                    (deadlines[j] == deadlines[best] && orders[j] < orders[best]))
                    best = j;
            }
            if (best == TIMERS) {
                assert_int_equal(k, w->fired_count);
                break;
            }
            assert_true(k < w->fired_count);
            assert_int_equal(w->fired[k], best);
            orders[best] = 0;
        }
    }
    timer_heap_deinit(&w->heap);
}

static void rearm_in_the_past(struct world *w, size_t i)
{
    if (i < 3) arm(w, i, 1);
}

TEST(timer, armed_by_a_handler_for_the_past_waits_for_the_next_call)
{
    struct world *w = &world;
    world_init(w);
    w->handler = rearm_in_the_past;
    for (size_t i = 1; i <= 5; i++)
        arm(w, i, 10 + i);
    assert_u64_equal(fire(w, 100),
                     12345); /* each once, the new deadlines do not hold up the rest */
    assert_u64_equal(fire(w, 100), 12);
    w->handler = NULL;
    assert_u64_equal(fire(w, 100), 12);
    timer_heap_deinit(&w->heap);
}

static void cancel_others(struct world *w, size_t i)
{
    if (i == 1) timer_cancel(&w->heap, &w->timers[3]);
    if (i == 2) arm(w, 4, 500);
    if (i == 5) arm(w, 6, 100);
}

TEST(timer, a_handler_may_cancel_and_move_timers_that_are_due)
{
    struct world *w = &world;
    world_init(w);
    w->handler = cancel_others;
    for (size_t i = 1; i <= 6; i++)
        arm(w, i, 10);
    assert_u64_equal(fire(w, 100), 125);
    assert_u64_equal(fire(w, 100), 6);
    assert_u64_equal(timer_heap_next(&w->heap), 500);
    timer_heap_deinit(&w->heap);
    assert_false(timer_armed(&w->timers[4]));
}

TEST(timer, a_timer_for_never_is_armed_and_does_not_fire_early)
{
    struct world *w = &world;
    world_init(w);
    arm(w, 1, TIMER_NEVER);
    assert_u64_equal(fire(w, TIMER_NEVER - 1), 0);
    assert_true(timer_armed(&w->timers[1]));
    timer_heap_deinit(&w->heap);
}

TEST(timer, arming_within_the_reserve_does_not_move_the_heap)
{
    struct world *w = &world;
    world_init(w);
    assert_int_equal(timer_heap_reserve(&w->heap, TIMERS), STATUS_OK);
    struct timer **items = w->heap.items;
    for (size_t i = 0; i < TIMERS; i++)
        arm(w, i, i);
    assert_ptr_equal(w->heap.items, items);
    assert_int_equal(w->heap.capacity, TIMERS);
    assert_int_equal(timer_heap_reserve(&w->heap, SIZE_MAX), STATUS_NO_MEMORY);
    timer_heap_deinit(&w->heap);
}

static void fire_again(struct world *w, size_t i)
{
    (void)i;
    timer_heap_fire(&w->heap, 200);
}

static void fire_nested(void *ctx)
{
    timer_heap_fire(&((struct world *)ctx)->heap, 100);
}

TEST(timer, firing_from_a_handler_aborts)
{
    struct world *w = &world;
    world_init(w);
    w->handler = fire_again;
    arm(w, 1, 10);
    assert_int_equal(dies_of(fire_nested, w, NULL, 0), SIGABRT);
    timer_heap_deinit(&w->heap);
}
