/* What happens when the allocator refuses: the heap functions of the C library are replaced by ones
 * that fail on demand. AddressSanitizer replaces them itself, so there these tests are skipped. */
#include "tests/test.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/fiber.h"
#include "base/map.h"
#include "base/sanitize_int.h"
#include "base/timer.h"
#include "tests/base/dies.h"

#include <signal.h>

static bool refuse;

#ifdef OSTRAKA_ASAN
#define SKIP_WITHOUT_CONTROL() skip()
#else
#define SKIP_WITHOUT_CONTROL() ((void)0)
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
    return refuse ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return refuse ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return refuse ? NULL : __libc_realloc(old, size);
}
#endif

TEST(alloc, a_buffer_that_cannot_grow_fails_and_keeps_its_content)
{
    SKIP_WITHOUT_CONTROL();
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_append_string(&b, "abc");
    refuse = true;
    buf_append_zero(&b, 1000);
    refuse = false;
    assert_int_equal(buf_status(&b), STATUS_TOO_LARGE);
    assert_true(bytes_equal(buf_view(&b), BYTES_LITERAL("abc")));
    buf_reset(&b);
    buf_append_zero(&b, 1000);
    assert_int_equal(buf_status(&b), STATUS_OK);
    buf_deinit(&b);
}

TEST(alloc, an_arena_that_cannot_grow_fails_and_keeps_its_pieces)
{
    SKIP_WITHOUT_CONTROL();
    struct arena a;
    arena_init(&a, 1 << 20);
    char *piece = arena_strdup(&a, "abc");
    size_t size = a.size;
    refuse = true;
    void *refused = arena_alloc(&a, 5000);
    refuse = false;
    assert_null(refused);
    assert_true(a.failed);
    assert_int_equal(a.size, size);
    assert_string_equal(piece, "abc");
    arena_deinit(&a);
}

TEST(alloc, a_map_that_cannot_grow_stays_as_it_was)
{
    SKIP_WITHOUT_CONTROL();
    struct map m;
    int value = 0;
    map_init(&m);
    refuse = true;
    enum status status = map_put(&m, 1, &value);
    refuse = false;
    assert_int_equal(status, STATUS_NO_MEMORY);
    assert_int_equal(m.count, 0);
    for (uint64_t i = 0; i < 12; i++)
        assert_int_equal(map_put(&m, i, &value), STATUS_OK);
    refuse = true;
    status = map_put(&m, 12, &value);
    enum status replaced = map_put(&m, 3, &m); /* needs no room */
    refuse = false;
    assert_int_equal(status, STATUS_NO_MEMORY);
    assert_int_equal(replaced, STATUS_OK);
    assert_int_equal(m.count, 12);
    assert_null(map_get(&m, 12));
    for (uint64_t i = 0; i < 12; i++)
        assert_non_null(map_get(&m, i));
    map_deinit(&m);
}

static void on_fire(struct timer *t, void *ctx)
{
    (void)t;
    (void)ctx;
}

static void arm_refused(void *ctx)
{
    struct timer t;
    timer_init(&t, on_fire, NULL);
    refuse = true;
    timer_arm(ctx, &t, 1);
}

TEST(alloc, a_timer_heap_reports_a_refused_reserve_and_aborts_on_a_refused_arm)
{
    SKIP_WITHOUT_CONTROL();
    struct timer_heap h;
    timer_heap_init(&h);
    refuse = true;
    enum status status = timer_heap_reserve(&h, 10);
    refuse = false;
    assert_int_equal(status, STATUS_NO_MEMORY);
    assert_int_equal(h.capacity, 0);
    assert_int_equal(dies_of(arm_refused, &h, NULL, 0), SIGABRT);
    assert_int_equal(timer_heap_reserve(&h, 1), STATUS_OK);
    assert_int_equal(dies_of(arm_refused, &h, NULL, 0), 0);
    timer_heap_deinit(&h);
}

TEST(alloc, a_fiber_pool_that_cannot_be_had_is_null)
{
    SKIP_WITHOUT_CONTROL();
    refuse = true;
    struct fiber_pool *pool = fiber_pool_create(1 << 16, 4);
    refuse = false;
    assert_null(pool);
    assert_null(fiber_pool_create(1 << 16, SIZE_MAX / 8));
}
