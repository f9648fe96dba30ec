#include "tests/test.h"

#include <signal.h>

#include "base/prng.h"
#include "tests/base/dies.h"

/* Seeds of failing simulations are kept for years: the sequence may never change. */
TEST(prng, is_xoshiro256_starstar)
{
    struct prng p = {{1, 2, 3, 4}};
    static const uint64_t expected[] = {
        11520, 0, 1509978240, 1215971899390074240u, 1216172134540287360u, 607988272756665600u};
    for (int i = 0; i < 6; i++)
        assert_u64_equal(prng_next(&p), expected[i]);
}

TEST(prng, is_seeded_by_splitmix64)
{
    struct prng p;
    prng_init(&p, 0);
    assert_u64_equal(p.s[0], 0xe220a8397b1dcdafu);
    assert_u64_equal(p.s[1], 0x6e789e6aa1b965f4u);
    assert_u64_equal(p.s[2], 0x06c45d188009454fu);
    assert_u64_equal(p.s[3], 0xf88bb8a8724c81ecu);
}

TEST(prng, below_reaches_every_value_about_equally_often)
{
    struct prng p;
    unsigned counts[7] = {0};
    prng_init(&p, 1);
    for (int i = 0; i < 70000; i++)
        counts[prng_below(&p, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_in_range(counts[i], 9600, 10400);
    for (int i = 0; i < 100; i++)
        assert_u64_equal(prng_below(&p, 1), 0);
}

/* A bound of 3 * 2^62 is where a plain modulo or an unrejected product gives some values twice the
 * chance: without rejection the lowest quarter comes up half of the time. */
TEST(prng, below_is_unbiased_for_large_bounds)
{
    struct prng p;
    unsigned counts[3] = {0};
    prng_init(&p, 2);
    uint64_t third = (uint64_t)1 << 62;
    for (int i = 0; i < 30000; i++)
        counts[prng_below(&p, 3 * third) / third]++;
    for (int i = 0; i < 3; i++)
        assert_in_range(counts[i], 9600, 10400);
    unsigned odd = 0, multiples = 0;
    for (int i = 0; i < 30000; i++) {
        uint64_t value = prng_below(&p, 3 * third);
        odd += (unsigned)(value & 1);
        multiples += value % 3 == 0;
    }
    assert_in_range(odd, 14600, 15400);
    assert_in_range(multiples, 9600, 10400);
}

TEST(prng, between_includes_both_ends_and_the_full_range)
{
    struct prng p;
    bool low = false, high = false;
    prng_init(&p, 3);
    for (int i = 0; i < 1000; i++) {
        uint64_t value = prng_between(&p, 5, 8);
        assert_in_range(value, 5, 8);
        low |= value == 5;
        high |= value == 8;
    }
    assert_true(low && high);
    assert_u64_equal(prng_between(&p, 9, 9), 9);
    uint64_t seen = 0;
    for (int i = 0; i < 100; i++)
        seen |= prng_between(&p, 0, UINT64_MAX);
    assert_u64_equal(seen, UINT64_MAX);
}

TEST(prng, chance_has_the_odds_it_is_given)
{
    struct prng p;
    unsigned hits = 0;
    prng_init(&p, 4);
    for (int i = 0; i < 40000; i++) {
        hits += prng_chance(&p, 1, 4);
        assert_false(prng_chance(&p, 0, 10));
        assert_true(prng_chance(&p, 10, 10));
    }
    assert_in_range(hits, 9600, 10400);
}

TEST(prng, unit_lies_in_zero_to_one)
{
    struct prng p;
    double sum = 0;
    prng_init(&p, 5);
    for (int i = 0; i < 10000; i++) {
        double value = prng_unit(&p);
        assert_true(value >= 0.0 && value < 1.0);
        sum += value;
    }
    assert_in_range((uint64_t)sum, 4850, 5150);
}

static void below_zero(void *ctx)
{
    prng_below(ctx, 0);
}

TEST(prng, an_empty_range_aborts)
{
    struct prng p;
    prng_init(&p, 6);
    assert_int_equal(dies_of(below_zero, &p, NULL, 0), SIGABRT);
}
