#include "tests/test.h"

#include <string.h>

#include "base/arena.h"
#include "base/prng.h"
#include "base/sanitize_int.h"

#define PIECES 400

TEST(arena, pieces_are_aligned_and_do_not_overlap)
{
    struct arena a;
    struct prng p;
    uint8_t *pieces[PIECES];
    size_t sizes[PIECES];
    prng_init(&p, 1);
    arena_init(&a, 16 << 20);
    for (size_t i = 0; i < PIECES; i++) {
        sizes[i] = prng_chance(&p, 1, 20) ? prng_below(&p, 200000) : prng_below(&p, 300);
        pieces[i] = arena_alloc(&a, sizes[i]);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)(i & 0xff), sizes[i]);
    }
    for (size_t i = 0; i < PIECES; i++)
        for (size_t j = 0; j < sizes[i]; j++)
            assert_int_equal(pieces[i][j], i & 0xff);
    assert_false(a.failed);
    arena_deinit(&a);
    assert_int_equal(a.size, 0);
}

TEST(arena, pieces_of_no_size_are_pieces)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    void *first = arena_alloc(&a, 0), *second = arena_alloc(&a, 0);
    assert_non_null(first);
    assert_non_null(second);
    assert_ptr_not_equal(first, second);
    arena_deinit(&a);
}

TEST(arena, chunks_grow_from_4_kib_to_64_kib)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    static const size_t expected[] = {4096, 8192, 16384, 32768, 65536, 131072, 196608, 262144};
    size_t step = 0, last = 0;
    while (step < sizeof expected / sizeof expected[0]) {
        assert_non_null(arena_alloc(&a, 100));
        if (a.size == last) continue;
        assert_int_equal(a.size, expected[step]);
        last = a.size;
        step++;
    }
    arena_deinit(&a);
}

TEST(arena, a_big_piece_leaves_the_room_in_the_chunk_before_in_use)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    uint8_t *small = arena_alloc(&a, 16);
    assert_non_null(arena_alloc(&a, 100000));
    uint8_t *next = arena_alloc(&a, 16);
    assert_ptr_equal(next, small + 16);
    arena_deinit(&a);
}

TEST(arena, held_memory_never_exceeds_the_bound)
{
    for (size_t size_max = 0; size_max < 20000; size_max += 611) {
        struct arena a;
        arena_init(&a, size_max);
        while (arena_alloc(&a, 100) != NULL)
            assert_true(a.size <= size_max);
        assert_true(a.failed);
        assert_true(a.size <= size_max);
        /* What is wasted is a head and a rest per chunk. */
        assert_true(a.used + 4 * 200 >= size_max || size_max < 200);
        arena_deinit(&a);
    }
}

TEST(arena, failed_stays_set_until_reset)
{
    struct arena a;
    arena_init(&a, 8192);
    assert_null(arena_alloc(&a, 10000));
    assert_true(a.failed);
    assert_non_null(arena_alloc(&a, 10)); /* room for the message about it */
    assert_true(a.failed);
    arena_reset(&a);
    assert_false(a.failed);
    arena_deinit(&a);
}

TEST(arena, sizes_that_overflow_fail)
{
    struct arena a;
    arena_init(&a, SIZE_MAX);
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 16));
    assert_null(arena_zalloc(&a, SIZE_MAX / 2, 3));
    assert_null(arena_zalloc(&a, (size_t)1 << 33, (size_t)1 << 33));
    assert_true(a.failed);
    assert_int_equal(a.size, 0);
    arena_deinit(&a);
}

TEST(arena, after_a_reset_one_chunk_holds_what_took_several)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 70; i++) assert_non_null(arena_alloc(&a, 100)); /* 7,840 bytes */
        assert_int_equal(a.size, 8192);
        arena_reset(&a);
        assert_int_equal(a.size, round == 0 ? 0 : 8192);
        assert_int_equal(a.used, 0);
    }
    for (int i = 0; i < 1000; i++) assert_non_null(arena_alloc(&a, 100));
    arena_reset(&a);
    assert_non_null(arena_alloc(&a, 10));
    assert_int_equal(a.size, 16384); /* no more is kept */
    arena_deinit(&a);
}

TEST(arena, what_fits_into_the_kept_chunk_gets_the_same_memory_again)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    void *first = arena_alloc(&a, 100);
    arena_reset(&a);
    assert_ptr_equal(arena_alloc(&a, 100), first);
    arena_deinit(&a);
}

TEST(arena, reset_does_not_keep_a_big_first_chunk)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    assert_non_null(arena_alloc(&a, 300000));
    assert_non_null(arena_alloc(&a, 10));
    arena_reset(&a);
    assert_int_equal(a.size, 0);
    assert_non_null(arena_alloc(&a, 10));
    arena_reset(&a);
    arena_reset(&a);
    arena_deinit(&a);
}

TEST(arena, zalloc_zeroes_memory_that_was_used_before)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    memset(arena_alloc(&a, 1000), 0xff, 1000);
    arena_reset(&a);
    uint8_t *zeroed = arena_zalloc(&a, 10, 100);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(zeroed[i], 0);
    uint64_t *array = ARENA_ARRAY(&a, uint64_t, 5);
    assert_u64_equal(array[4], 0);
    assert_u64_equal(*ARENA_NEW(&a, uint64_t), 0);
    arena_deinit(&a);
}

TEST(arena, copies_end_in_a_nul_that_is_not_counted)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    struct bytes copy = arena_copy(&a, BYTES_LITERAL("a\0b"));
    assert_true(bytes_equal(copy, BYTES_LITERAL("a\0b")));
    assert_int_equal(copy.data[3], 0);
    copy = arena_copy(&a, BYTES_EMPTY);
    assert_non_null(copy.data);
    assert_int_equal(copy.size, 0);
    assert_int_equal(copy.data[0], 0);
    assert_string_equal(arena_strdup(&a, "text"), "text");
    assert_string_equal(arena_printf(&a, "%d%%-%s", 7, "x"), "7%-x");
    arena_deinit(&a);
}

TEST(arena, copies_over_the_bound_are_null)
{
    struct arena a;
    arena_init(&a, 100);
    char text[200];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    assert_null(arena_copy(&a, bytes_of_string(text)).data);
    assert_null(arena_strdup(&a, text));
    assert_null(arena_printf(&a, "%s", text));
    assert_true(a.failed);
    arena_deinit(&a);
}

TEST(arena, asan_sees_memory_that_is_not_handed_out_as_poisoned)
{
#ifdef OSTRAKA_ASAN
    struct arena a;
    arena_init(&a, 1 << 20);
    uint8_t *piece = arena_alloc(&a, 20);
    assert_false(__asan_address_is_poisoned(piece + 19));
    assert_true(__asan_address_is_poisoned(piece + 20));
    assert_true(__asan_address_is_poisoned(piece + 40));
    arena_reset(&a);
    assert_true(__asan_address_is_poisoned(piece));
    arena_deinit(&a);
#else
    skip();
#endif
}

TEST(arena, arenas_with_one_account_hold_no_more_than_it_says)
{
    struct arena_account account = {.held_max = 1u << 20};
    struct arena large, other;
    arena_init(&large, 8u << 20);
    arena_init(&other, 8u << 20);
    arena_share(&large, &account);
    arena_share(&other, &account);
    while (arena_alloc(&large, 100000) != NULL) {}
    assert_true(account.held <= account.held_max && account.held > account.held_max / 2);
    assert_true(account.refused > 0);
    assert_null(arena_alloc(&other, 400000));
    assert_non_null(arena_alloc(&other, 1000)); /* small work goes on */
    arena_reset(&large);
    assert_non_null(arena_alloc(&other, 400000));
    size_t held = account.held;
    arena_deinit(&other);
    assert_true(account.held < held);
    assert_true(account.held_peak <= account.held_max + account.held_max / 8);
    arena_deinit(&large);
    assert_int_equal(account.held, 0);
}

TEST(arena, what_holds_little_may_pass_the_account_by_an_eighth)
{
    struct arena_account account = {.held_max = 256u << 10, .held = 256u << 10};
    struct arena a[16];
    int given = 0;
    for (int i = 0; i < 16; i++) {
        arena_init(&a[i], 8u << 20);
        arena_share(&a[i], &account);
        given += arena_alloc(&a[i], 4000) != NULL;
    }
    assert_true(given >= 7 && given < 10);
    for (int i = 0; i < 16; i++) arena_deinit(&a[i]);
    assert_int_equal(account.held, 256u << 10);
}

TEST(arena, parts_share_the_bound_of_their_lender)
{
    struct arena lender, a, b;
    arena_init(&lender, 64 << 10);
    arena_init_part(&a, &lender, 1 << 20);
    arena_init_part(&b, &lender, 16 << 10);
    assert_non_null(arena_alloc(&a, 30 << 10));
    assert_non_null(arena_alloc(&b, 10 << 10));
    assert_null(arena_alloc(&b, 10 << 10)); /* its own bound */
    assert_null(arena_alloc(&a, 40 << 10)); /* the lender's */
    assert_null(arena_alloc(&lender, 40 << 10));
    arena_deinit(&a);
    assert_non_null(arena_alloc(&lender, 40 << 10));
    assert_null(arena_alloc(&a, 30 << 10));
    arena_deinit(&b);
    arena_deinit(&a);
    assert_int_equal(lender.lent, 0);
    arena_deinit(&lender);
}
