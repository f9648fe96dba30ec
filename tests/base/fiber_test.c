#include "tests/test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fiber.h"
#include "base/hash.h"
#include "base/prng.h"
#include "tests/base/dies.h"

#define STACK_BYTES (64u << 10)

struct scene {
    struct fiber_pool *pool;
    struct fiber *fiber;
    int step;
    size_t depth;
};

static void spawn(struct fiber_pool *pool, void (*entry)(void *), void *arg, struct fiber **out)
{
    assert_int_equal(fiber_spawn(pool, entry, arg, out), STATUS_OK);
}

static void three_steps(void *arg)
{
    struct scene *scene = arg;
    assert_ptr_equal(fiber_current(scene->pool), scene->fiber); /* written before we run */
    for (scene->step = 1; scene->step < 3; scene->step++)
        fiber_suspend(scene->pool);
}

TEST(fiber, runs_at_once_until_it_suspends_and_goes_on_where_it_was)
{
    struct scene scene = {.pool = fiber_pool_create(STACK_BYTES, 2)};
    spawn(scene.pool, three_steps, &scene, &scene.fiber);
    assert_int_equal(scene.step, 1);
    assert_null(fiber_current(scene.pool));
    assert_int_equal(fiber_pool_live(scene.pool), 1);
    fiber_resume(scene.fiber);
    assert_int_equal(scene.step, 2);
    assert_int_equal(fiber_pool_live(scene.pool), 1);
    fiber_resume(scene.fiber);
    assert_int_equal(scene.step, 3);
    assert_int_equal(fiber_pool_live(scene.pool), 0);
    fiber_pool_destroy(scene.pool);
}

static void return_at_once(void *arg)
{
    ++*(int *)arg;
}

TEST(fiber, one_that_never_suspends_is_over_when_spawn_returns)
{
    struct fiber_pool *pool = fiber_pool_create(STACK_BYTES, 1);
    int count = 0;
    for (int i = 0; i < 1000; i++)
        spawn(pool, return_at_once, &count, NULL);
    assert_int_equal(count, 1000);
    assert_int_equal(fiber_pool_live(pool), 0);
    fiber_pool_destroy(pool);
}

struct turns {
    struct fiber_pool *pool;
    uint64_t first, again, later;
};

static void note_turns(void *arg)
{
    static int count;
    struct turns *t = arg;
    t->first = fiber_turn(t->pool);
    spawn(t->pool, return_at_once, &count, NULL); /* it only becomes ready */
    t->again = fiber_turn(t->pool);
    fiber_suspend(t->pool);
    t->later = fiber_turn(t->pool);
}

TEST(fiber, a_turn_is_over_when_the_fiber_waits)
{
    struct turns t = {.pool = fiber_pool_create(STACK_BYTES, 2)};
    struct fiber *fiber;
    spawn(t.pool, note_turns, &t, &fiber);
    assert_int_not_equal(t.first, 0);
    assert_int_equal(t.again, t.first);
    fiber_resume(fiber);
    assert_int_not_equal(t.later, t.first);
    fiber_run_ready(t.pool);
    fiber_pool_destroy(t.pool);
}

static void suspend_once(void *arg)
{
    fiber_suspend(arg);
}

TEST(fiber, a_full_pool_is_busy_and_a_finished_fiber_makes_room)
{
    struct fiber_pool *pool = fiber_pool_create(STACK_BYTES, 3);
    struct fiber *fibers[3], *more;
    for (int i = 0; i < 3; i++)
        spawn(pool, suspend_once, pool, &fibers[i]);
    assert_int_equal(fiber_pool_live(pool), 3);
    assert_int_equal(fiber_spawn(pool, suspend_once, pool, &more), STATUS_BUSY);
    fiber_resume(fibers[1]);
    spawn(pool, suspend_once, pool, &more);
    assert_int_equal(fiber_spawn(pool, suspend_once, pool, NULL), STATUS_BUSY);
    fiber_resume(fibers[0]);
    fiber_resume(fibers[2]);
    fiber_resume(more);
    assert_int_equal(fiber_pool_live(pool), 0);
    fiber_pool_destroy(pool);
}

/* Many fibers, each with a computation of its own in registers and on its stack, resumed in a
 * random order: each must come to the result it would have reached alone. */
#define WORKERS 50
struct worker {
    struct fiber_pool *pool;
    struct fiber *fiber;
    uint64_t seed, result;
    bool done;
};

static uint64_t compute(struct fiber_pool *pool, uint64_t seed, int depth)
{
    uint8_t local[64];
    struct prng p;
    prng_init(&p, seed);
    uint64_t a = seed, b = seed * 3, c = seed * 5, d = seed * 7, e = seed * 11, f = seed * 13;
    double x = (double)seed / 3.0;
    for (size_t i = 0; i < sizeof local; i++)
        local[i] = (uint8_t)prng_next(&p);
    for (int round = 0; round < 4; round++) {
        if (prng_chance(&p, 1, 2) && pool != NULL) fiber_suspend(pool);
        a += b ^ prng_next(&p);
        b += c * 3;
        c ^= d + a;
        d += e * 5;
        e ^= f + b;
        f += a * 7;
        x = x * 1.000001 + (double)(a >> 40);
    }
    if (depth > 0) a += compute(pool, a, depth - 1);
    return a ^ b ^ c ^ d ^ e ^ f ^ (uint64_t)x ^ hash64(local, sizeof local, a);
}

static void work(void *arg)
{
    struct worker *worker = arg;
    worker->result = compute(worker->pool, worker->seed, 5);
    worker->done = true;
}

TEST(fiber, interleaved_fibers_keep_their_registers_and_stacks_apart)
{
    static struct worker workers[WORKERS];
    struct fiber_pool *pool = fiber_pool_create(STACK_BYTES, WORKERS);
    struct prng p;
    prng_init(&p, 21);
    for (int round = 0; round < 5; round++) {
        size_t left = 0;
        for (size_t i = 0; i < WORKERS; i++) {
            workers[i] = (struct worker){.pool = pool, .seed = prng_next(&p)};
            spawn(pool, work, &workers[i], &workers[i].fiber);
            left += !workers[i].done;
        }
        while (left > 0) {
            struct worker *worker = &workers[prng_below(&p, WORKERS)];
            if (worker->done) continue;
            fiber_resume(worker->fiber);
            left -= worker->done;
        }
        for (size_t i = 0; i < WORKERS; i++)
            assert_u64_equal(workers[i].result, compute(NULL, workers[i].seed, 5));
    }
    assert_int_equal(fiber_pool_live(pool), 0);
    fiber_pool_destroy(pool);
}

/* Rounding of SSE and of the x87 unit, or of the one unit that aarch64 has: 0 is to nearest. */
static void set_rounding(unsigned mode)
{
#if defined(__x86_64__)
    unsigned mxcsr = 0x1f80 | mode << 13;
    unsigned short x87 = (unsigned short)(0x037f | mode << 10);
    __asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(mxcsr), "m"(x87));
#else
    uint64_t fpcr = (uint64_t)mode << 22;
    __asm__ volatile("msr fpcr, %0" : : "r"(fpcr));
#endif
}

static int rounding(void)
{
#if defined(__x86_64__)
    unsigned mxcsr;
    unsigned short x87;
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr), "=m"(x87));
    assert_int_equal(mxcsr >> 13 & 3, x87 >> 10 & 3);
    return (int)(mxcsr >> 13 & 3);
#else
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    return (int)(fpcr >> 22 & 3);
#endif
}

static void round_otherwise(void *arg)
{
    struct scene *scene = arg;
    scene->step = rounding();
    set_rounding(2);
    fiber_suspend(scene->pool);
    scene->step = rounding();
    set_rounding(1);
}

TEST(fiber, the_rounding_mode_belongs_to_each_side)
{
    struct scene scene = {.pool = fiber_pool_create(STACK_BYTES, 1)};
    set_rounding(1);
    spawn(scene.pool, round_otherwise, &scene, &scene.fiber);
    assert_int_equal(scene.step, 0); /* a fiber starts as a program does */
    assert_int_equal(rounding(), 1);
    set_rounding(3);
    fiber_resume(scene.fiber);
    assert_int_equal(scene.step, 2);
    assert_int_equal(rounding(), 3);
    set_rounding(0);
    fiber_pool_destroy(scene.pool);
}

static void print_floats(void *arg)
{
    char *text = arg;
    snprintf(text, 100, "%.3f %Lf", 1.5, (long double)2.25); /* needs an aligned stack */
}

TEST(fiber, the_stack_is_aligned_for_the_c_library)
{
    struct fiber_pool *pool = fiber_pool_create(STACK_BYTES, 1);
    char text[100];
    spawn(pool, print_floats, text, NULL);
    assert_string_equal(text, "1.500 2.250000");
    fiber_pool_destroy(pool);
}

/* The frame of each call is read by the next and after it, so no compiler turns this into a loop.
 */
__attribute__((noinline)) static size_t descend(struct scene *scene, size_t left_last,
                                                const volatile char *above)
{
    volatile char frame[512];
    frame[0] = *above;
    size_t left = fiber_stack_left(scene->pool);
    assert_true(left + sizeof frame <= left_last);
    scene->depth++;
    size_t deepest = left < 8192 ? left : descend(scene, left, frame);
    return deepest + (size_t)(frame[0] != 0);
}

static void measure(void *arg)
{
    struct scene *scene = arg;
    size_t left = fiber_stack_left(scene->pool);
    assert_in_range(left, STACK_BYTES - 4096, STACK_BYTES);
    assert_true(descend(scene, left, "") < 8192);
}

TEST(fiber, the_stack_left_shrinks_with_depth)
{
    struct scene scene = {.pool = fiber_pool_create(STACK_BYTES, 1)};
    assert_true(fiber_stack_left(scene.pool) == SIZE_MAX);
    spawn(scene.pool, measure, &scene, NULL);
    assert_true(scene.depth > 10);
    fiber_pool_destroy(scene.pool);
}

__attribute__((noinline)) static int sink_down(const volatile int *depth)
{
    volatile int frame[256];
    frame[0] = *depth + 1;
    return frame[0] < 1 << 20 ? sink_down(frame) + frame[0] : 0;
}

static void overflow_entry(void *arg)
{
    volatile int zero = 0;
    *(volatile int *)arg = sink_down(&zero);
}

static void overflow_on_fiber(void *ctx)
{
    int result;
    spawn(ctx, overflow_entry, &result, NULL);
}

TEST(fiber, running_off_the_stack_faults_instead_of_corrupting)
{
    struct fiber_pool *pool = fiber_pool_create(STACK_BYTES, 2);
    assert_int_equal(dies_of(overflow_on_fiber, pool, NULL, 0), SIGSEGV);
    fiber_pool_destroy(pool);
}

static void write_below(void *arg)
{
    struct scene *scene = arg;
    uint8_t *here = __builtin_frame_address(0);
    scene->depth = fiber_stack_left(scene->pool);
    /* fiber_stack_left measures from a frame a little below this one: step well past that. */
    *(volatile uint8_t *)(here - scene->depth - 4096) = 1;
}

static void write_below_on_fiber(void *ctx)
{
    spawn(((struct scene *)ctx)->pool, write_below, ctx, NULL);
}

TEST(fiber, the_bytes_below_a_stack_cannot_be_written)
{
    struct scene scene = {.pool = fiber_pool_create(STACK_BYTES, 1)};
    assert_int_equal(dies_of(write_below_on_fiber, &scene, NULL, 0), SIGSEGV);
    fiber_pool_destroy(scene.pool);
}

static void resume_ended(void *ctx)
{
    struct scene *scene = ctx;
    fiber_resume(scene->fiber);
}

static void resume_self(void *arg)
{
    struct scene *scene = arg;
    fiber_suspend(scene->pool);
    if (scene->step != 0) fiber_resume(scene->fiber);
}

static void resume_running(void *ctx)
{
    struct scene *scene = ctx;
    scene->step = 1;
    fiber_resume(scene->fiber);
}

static void suspend_outside(void *ctx)
{
    fiber_suspend(ctx);
}

static void destroy_live(void *ctx)
{
    fiber_pool_destroy(ctx);
}

TEST(fiber, misuse_aborts)
{
    struct scene scene = {.pool = fiber_pool_create(STACK_BYTES, 2)};
    int count = 0;
    assert_int_equal(dies_of(suspend_outside, scene.pool, NULL, 0), SIGABRT);
    spawn(scene.pool, return_at_once, &count, &scene.fiber);
    assert_int_equal(dies_of(resume_ended, &scene, NULL, 0), SIGABRT);
    spawn(scene.pool, resume_self, &scene, &scene.fiber);
    assert_int_equal(dies_of(resume_running, &scene, NULL, 0), SIGABRT);
    assert_int_equal(dies_of(destroy_live, scene.pool, NULL, 0), SIGABRT);
    fiber_resume(scene.fiber);
    fiber_pool_destroy(scene.pool);
}

/* Fibers of one pool that spawn and resume each other, and a record of who ran. */
struct crew {
    struct fiber_pool *pool;
    struct fiber *fibers[3];
    char text[64];
    size_t size;
};

static void say(struct crew *crew, char c)
{
    assert_true(crew->size + 1 < sizeof crew->text);
    crew->text[crew->size++] = c;
}

static void crew_member(void *arg)
{
    struct crew *crew = arg;
    assert_ptr_equal(fiber_current(crew->pool), crew->fibers[1]);
    say(crew, 'b');
    fiber_suspend(crew->pool);
    say(crew, 'B');
}

static void crew_last(void *arg)
{
    say(arg, 'c');
}

static void crew_chief(void *arg)
{
    struct crew *crew = arg;
    say(crew, 'a');
    spawn(crew->pool, crew_member, crew, &crew->fibers[1]);
    spawn(crew->pool, crew_last, crew, NULL);
    say(crew, 'A');
    fiber_suspend(crew->pool);
    say(crew, 'd');
    fiber_resume(crew->fibers[1]);
    say(crew, 'D');
}

TEST(fiber, what_a_fiber_spawns_or_resumes_runs_in_that_order_when_the_core_says_so)
{
    struct crew crew = {.pool = fiber_pool_create(STACK_BYTES, 3)};
    assert_false(fiber_run_ready(crew.pool));
    spawn(crew.pool, crew_chief, &crew, &crew.fibers[0]);
    assert_string_equal(crew.text, "aA");
    assert_int_equal(fiber_pool_live(crew.pool), 3);
    assert_true(fiber_run_ready(crew.pool));
    assert_string_equal(crew.text, "aAbc");
    assert_false(fiber_run_ready(crew.pool));
    fiber_resume(crew.fibers[0]);
    assert_string_equal(crew.text, "aAbcdD");
    assert_true(fiber_run_ready(crew.pool));
    assert_string_equal(crew.text, "aAbcdDB");
    assert_int_equal(fiber_pool_live(crew.pool), 0);
    fiber_pool_destroy(crew.pool);
}

static void crew_passes_on(void *arg)
{
    struct crew *crew = arg;
    say(crew, 'x');
    if (crew->size < 5) spawn(crew->pool, crew_passes_on, crew, NULL);
}

TEST(fiber, the_ready_queue_runs_what_its_fibers_add)
{
    struct crew crew = {.pool = fiber_pool_create(STACK_BYTES, 2)};
    spawn(crew.pool, crew_passes_on, &crew, NULL);
    assert_true(fiber_run_ready(crew.pool));
    assert_string_equal(crew.text, "xxxxx");
    fiber_pool_destroy(crew.pool);
}

static void resume_twice(void *arg)
{
    struct scene *scene = arg;
    fiber_resume(scene->fiber);
    fiber_resume(scene->fiber);
}

static void resume_twice_on_fiber(void *ctx)
{
    spawn(((struct scene *)ctx)->pool, resume_twice, ctx, NULL);
}

TEST(fiber, resuming_a_fiber_that_is_ready_already_aborts)
{
    struct scene scene = {.pool = fiber_pool_create(STACK_BYTES, 2)};
    spawn(scene.pool, suspend_once, scene.pool, &scene.fiber);
    assert_int_equal(dies_of(resume_twice_on_fiber, &scene, NULL, 0), SIGABRT);
    fiber_resume(scene.fiber);
    fiber_pool_destroy(scene.pool);
}

static void hand_over(void *arg)
{
    struct scene *scene = arg;
    int count = 0;
    spawn(scene[1].pool, return_at_once, &count, NULL); /* another pool may be used from a fiber */
    scene->step = count;
}

TEST(fiber, pools_are_independent)
{
    struct scene scenes[2] = {{.pool = fiber_pool_create(STACK_BYTES, 1)},
                              {.pool = fiber_pool_create(STACK_BYTES, 1)}};
    spawn(scenes[0].pool, hand_over, scenes, NULL);
    assert_int_equal(scenes[0].step, 1);
    fiber_pool_destroy(scenes[0].pool);
    fiber_pool_destroy(scenes[1].pool);
    fiber_pool_destroy(NULL);
}
