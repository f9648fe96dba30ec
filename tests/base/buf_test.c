#include "tests/test.h"

#include <signal.h>
#include <string.h>

#include "base/buf.h"
#include "tests/base/dies.h"

TEST(buf, appends_come_out_in_order)
{
    struct buf b;
    buf_init(&b, 1000);
    buf_append(&b, "ab", 2);
    buf_append_string(&b, "cd");
    buf_append_byte(&b, 'e');
    buf_append_bytes(&b, BYTES_LITERAL("fg"));
    buf_append_zero(&b, 2);
    buf_printf(&b, "%d-%s", 42, "x");
    assert_true(bytes_equal(buf_view(&b), BYTES_LITERAL("abcdefg\0\0"
                                                        "42-x")));
    assert_int_equal(buf_status(&b), STATUS_OK);
    buf_deinit(&b);
}

TEST(buf, empty_appends_are_fine_before_anything_is_allocated)
{
    struct buf b;
    buf_init(&b, 0);
    buf_append_bytes(&b, BYTES_EMPTY);
    buf_append_zero(&b, 0);
    buf_printf(&b, "%s", "");
    buf_consume(&b, 0);
    assert_int_equal(b.size, 0);
    assert_non_null(buf_reserve(&b, 0));
    assert_int_equal(buf_status(&b), STATUS_OK);
    buf_deinit(&b);
}

TEST(buf, leaves_memory_that_is_lent_when_it_is_full)
{
    struct buf b;
    uint8_t room[4];
    buf_init_lent(&b, 1000, room, sizeof room);
    buf_append(&b, "abcd", 4);
    assert_ptr_equal(b.data, room);
    buf_append_string(&b, "efg");
    assert_ptr_not_equal(b.data, room);
    assert_true(bytes_equal(buf_view(&b), BYTES_LITERAL("abcdefg")));
    buf_deinit(&b);
    buf_init_lent(&b, 3, room, sizeof room);
    buf_append(&b, "abcd", 4);
    assert_int_equal(buf_status(&b), STATUS_TOO_LARGE);
    buf_reset(&b);
    buf_append(&b, "abc", 3);
    assert_int_equal(buf_status(&b), STATUS_OK);
    assert_ptr_equal(b.data, room);
    buf_deinit(&b);
}

TEST(buf, fills_up_to_exactly_its_bound)
{
    for (size_t size_max = 0; size_max < 300; size_max++) {
        struct buf b;
        buf_init(&b, size_max);
        for (size_t i = 0; i < size_max; i++)
            buf_append_byte(&b, (uint8_t)i);
        assert_int_equal(buf_status(&b), STATUS_OK);
        assert_int_equal(b.size, size_max);
        assert_true(b.capacity <= size_max + 1);
        buf_append_byte(&b, 0);
        assert_int_equal(buf_status(&b), STATUS_TOO_LARGE);
        assert_int_equal(b.size, size_max);
        for (size_t i = 0; i < size_max; i++)
            assert_int_equal(b.data[i], (uint8_t)i);
        buf_deinit(&b);
    }
}

TEST(buf, printf_fills_the_bound_without_its_nul)
{
    struct buf b;
    buf_init(&b, 5);
    buf_printf(&b, "%s", "12345");
    assert_int_equal(buf_status(&b), STATUS_OK);
    assert_true(bytes_equal(buf_view(&b), BYTES_LITERAL("12345")));
    buf_reset(&b);
    buf_printf(&b, "%s", "123456");
    assert_int_equal(buf_status(&b), STATUS_TOO_LARGE);
    assert_int_equal(b.size, 0);
    buf_deinit(&b);
}

TEST(buf, once_failed_nothing_is_appended_until_reset)
{
    struct buf b;
    buf_init(&b, 4);
    buf_append_string(&b, "abc");
    buf_append_string(&b, "toolong");
    buf_append_byte(&b, 'd'); /* would fit, and must not leave a gap unnoticed */
    buf_printf(&b, "%d", 1);
    buf_append_zero(&b, 1);
    assert_null(buf_reserve(&b, 1));
    assert_true(bytes_equal(buf_view(&b), BYTES_LITERAL("abc")));
    assert_int_equal(buf_status(&b), STATUS_TOO_LARGE);
    buf_reset(&b);
    buf_append_byte(&b, 'd');
    assert_true(bytes_equal(buf_view(&b), BYTES_LITERAL("d")));
    assert_int_equal(buf_status(&b), STATUS_OK);
    buf_deinit(&b);
}

TEST(buf, sizes_near_overflow_fail)
{
    struct buf b;
    buf_init(&b, 100);
    buf_append_string(&b, "abc");
    assert_null(buf_reserve(&b, SIZE_MAX));
    buf_reset(&b);
    buf_append_string(&b, "abc");
    assert_null(buf_reserve(&b, SIZE_MAX - 2));
    assert_int_equal(b.size, 3);
    buf_deinit(&b);
}

TEST(buf, capacity_doubles)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    int growths = 0;
    size_t last = 0;
    for (int i = 0; i < 100000; i++) {
        buf_append_byte(&b, 1);
        if (b.capacity != last) growths++;
        last = b.capacity;
    }
    assert_int_equal(growths, 10); /* 256 << 9 is the first to hold 100000 */
    buf_deinit(&b);
}

TEST(buf, reserved_room_becomes_content_when_counted)
{
    struct buf b;
    buf_init(&b, 100);
    uint8_t *place = buf_reserve(&b, 10);
    assert_non_null(place);
    assert_int_equal(b.size, 0);
    memcpy(place, "hello", 5);
    b.size += 5;
    assert_true(bytes_equal(buf_view(&b), BYTES_LITERAL("hello")));
    buf_deinit(&b);
}

TEST(buf, consume_drops_the_front_and_truncate_the_back)
{
    struct buf b;
    buf_init(&b, 100);
    buf_append_string(&b, "abcdef");
    buf_consume(&b, 2);
    assert_true(bytes_equal(buf_view(&b), BYTES_LITERAL("cdef")));
    buf_truncate(&b, 3);
    assert_true(bytes_equal(buf_view(&b), BYTES_LITERAL("cde")));
    buf_consume(&b, 3);
    assert_int_equal(b.size, 0);
    buf_deinit(&b);
}

static void consume_too_much(void *ctx)
{
    buf_consume(ctx, 4);
}

static void truncate_longer(void *ctx)
{
    buf_truncate(ctx, 4);
}

TEST(buf, cutting_more_than_there_is_aborts)
{
    struct buf b;
    buf_init(&b, 100);
    buf_append_string(&b, "abc");
    assert_int_equal(dies_of(consume_too_much, &b, NULL, 0), SIGABRT);
    assert_int_equal(dies_of(truncate_longer, &b, NULL, 0), SIGABRT);
    buf_deinit(&b);
}
