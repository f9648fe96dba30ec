/* Pieces of memory that are used again. */
#include <stdint.h>
#include <string.h>

#include "base/pool.h"
#include "base/sanitize_int.h"
#include "tests/test.h"

TEST(pool, pieces_are_aligned_and_as_large_as_asked)
{
    struct pool p;
    void *pieces[300];
    pool_init(&p);
    for (size_t i = 0; i < 300; i++) {
        pieces[i] = pool_alloc(&p, i * 11);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)i, i * 11);
    }
    for (size_t i = 0; i < 300; i++)
        for (size_t k = 0; k < i * 11; k++) assert_int_equal(((uint8_t *)pieces[i])[k], i & 0xff);
    assert_int_equal(p.live_count, 300);
    for (size_t i = 0; i < 300; i++) pool_free(&p, pieces[i]);
    pool_deinit(&p);
}

TEST(pool, what_was_given_back_is_handed_out_again)
{
#ifdef OSTRAKA_ASAN
    skip(); /* nothing is kept */
#endif
    struct pool p;
    pool_init(&p);
    void *first = pool_alloc(&p, 240), *second = pool_alloc(&p, 241); /* of another size */
    pool_free(&p, first);
    pool_free(&p, second);
    assert_ptr_equal(pool_alloc(&p, 300), second);
    assert_ptr_equal(pool_alloc(&p, 130), first);
    pool_free(&p, first);
    pool_free(&p, second);
    pool_deinit(&p);
}

TEST(pool, no_more_than_the_limit_is_kept)
{
    static void *pieces[POOL_KEPT_MAX + 10];
    struct pool p;
    pool_init(&p);
    for (size_t i = 0; i < POOL_KEPT_MAX + 10; i++) pieces[i] = pool_alloc(&p, 10);
    for (size_t i = 0; i < POOL_KEPT_MAX + 10; i++) pool_free(&p, pieces[i]);
    assert_true(p.kept_count[0] <= POOL_KEPT_MAX);
    void *large = pool_alloc(&p, 1 << 20);
    pool_free(&p, large);
    pool_free(&p, NULL);
    assert_int_equal(p.live_count, 0);
    pool_deinit(&p);
}
