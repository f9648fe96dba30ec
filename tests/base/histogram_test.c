#include "tests/test.h"

#include <stdlib.h>

#include "base/histogram.h"
#include "base/prng.h"

TEST(histogram, an_empty_one_answers_zero)
{
    struct histogram h;
    histogram_init(&h);
    assert_u64_equal(histogram_quantile(&h, 0.5), 0);
    assert_u64_equal(histogram_count_below(&h, 0), 0);
    assert_u64_equal(histogram_count_below(&h, UINT64_MAX), 0);
}

TEST(histogram, small_values_are_exact)
{
    struct histogram h;
    histogram_init(&h);
    for (uint64_t i = 0; i < 16; i++)
        histogram_add(&h, i);
    for (unsigned i = 1; i <= 16; i++)
        assert_u64_equal(histogram_quantile(&h, i / 16.0), i - 1);
    assert_u64_equal(histogram_quantile(&h, 0.0), 0);
    for (uint64_t i = 0; i < 16; i++)
        assert_u64_equal(histogram_count_below(&h, i), i + 1);
}

/* One sample: every quantile is its bucket's upper edge capped at max, that is the sample itself.
 * Two samples tell the edge. */
TEST(histogram, every_power_of_two_has_sixteen_buckets)
{
    for (unsigned exponent = 4; exponent < 64; exponent++) {
        uint64_t width = (uint64_t)1 << (exponent - 4);
        for (uint64_t i = 0; i < 16; i++) {
            uint64_t low = (16 + i) * width;
            struct histogram h;
            histogram_init(&h);
            histogram_add(&h, low);
            histogram_add(&h, UINT64_MAX);
            assert_u64_equal(histogram_quantile(&h, 0.5), low + (width - 1));
            histogram_init(&h);
            histogram_add(&h, low + (width - 1));
            histogram_add(&h, UINT64_MAX);
            assert_u64_equal(histogram_quantile(&h, 0.5), low + (width - 1));
        }
    }
}

TEST(histogram, keeps_count_sum_min_and_max)
{
    struct histogram h;
    histogram_init(&h);
    histogram_add(&h, 70);
    histogram_add(&h, 1000);
    histogram_add(&h, 9);
    assert_u64_equal(h.count, 3);
    assert_u64_equal(h.sum, 1079);
    assert_u64_equal(h.min, 9);
    assert_u64_equal(h.max, 1000);
    assert_u64_equal(histogram_quantile(&h, 1.0), 1000);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

TEST(histogram, a_quantile_is_at_most_a_sixteenth_above_the_sample_of_that_rank)
{
    enum { COUNT = 5000 };
    static uint64_t samples[COUNT];
    struct histogram h;
    struct prng p;
    prng_init(&p, 7);
    histogram_init(&h);
    for (size_t i = 0; i < COUNT; i++) {
        samples[i] = prng_next(&p) >> prng_below(&p, 64);
        histogram_add(&h, samples[i]);
    }
    qsort(samples, COUNT, sizeof samples[0], compare);
    for (size_t rank = 1; rank <= COUNT; rank++) {
        uint64_t exact = samples[rank - 1];
        uint64_t answer = histogram_quantile(&h, ((double)rank - 0.5) / COUNT);
        assert_true(answer >= exact);
        assert_true(answer - exact <= exact / 16);
    }
}

TEST(histogram, counts_below_are_exact_at_edges_and_never_too_high)
{
    struct histogram h;
    histogram_init(&h);
    for (uint64_t i = 0; i < 4096; i++)
        histogram_add(&h, i);
    assert_u64_equal(histogram_count_below(&h, 31), 32);
    assert_u64_equal(histogram_count_below(&h, 1023), 1024);
    for (uint64_t i = 0; i < 5000; i++) {
        uint64_t exact = i < 4096 ? i + 1 : 4096;
        assert_true(histogram_count_below(&h, i) <= exact);
        assert_true(histogram_count_below(&h, i) + i / 16 + 1 >= exact);
    }
}

TEST(histogram, all_samples_lie_at_or_below_the_largest)
{
    struct histogram h;
    histogram_init(&h);
    histogram_add(&h, 1000); /* inside a bucket that ends at 1023 */
    assert_u64_equal(histogram_count_below(&h, 1000), 1);
    assert_u64_equal(histogram_count_below(&h, 999), 0);
}

TEST(histogram, merging_equals_adding_all_to_one)
{
    struct histogram a, b, all;
    struct prng p;
    prng_init(&p, 8);
    histogram_init(&a);
    histogram_init(&b);
    histogram_init(&all);
    for (int i = 0; i < 1000; i++) {
        uint64_t value = prng_below(&p, 1000000);
        histogram_add(i % 3 == 0 ? &a : &b, value);
        histogram_add(&all, value);
    }
    histogram_merge(&a, &b);
    assert_memory_equal(&a, &all, sizeof all);
    struct histogram empty;
    histogram_init(&empty);
    histogram_merge(&a, &empty);
    assert_memory_equal(&a, &all, sizeof all);
    histogram_merge(&empty, &all);
    assert_memory_equal(&empty, &all, sizeof all);
}
