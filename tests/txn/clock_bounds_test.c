/* What samples say of the master's clock: pure arithmetic, with clocks that are made up. */
#include "tests/test.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/prng.h"
#include "txn/clock_bounds.h"

#define MS 1000000u
#define US 1000u

static struct clock_bounds begin(void)
{
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    if (mutant != NULL) assert_true(mutant_select(mutant) > 0);
    return (struct clock_bounds){0};
}

static uint64_t low_of(const struct clock_bounds *b, uint64_t now_ns)
{
    uint64_t low = 0, high = 0;
    assert_true(clock_bounds_at(b, now_ns, &low, &high));
    assert_true(low < high);
    return low;
}

static uint64_t high_of(const struct clock_bounds *b, uint64_t now_ns)
{
    uint64_t low = 0, high = 0;
    assert_true(clock_bounds_at(b, now_ns, &low, &high));
    return high;
}

static bool knows(const struct clock_bounds *b, uint64_t now_ns)
{
    uint64_t low, high;
    return clock_bounds_at(b, now_ns, &low, &high);
}

TEST(clock_bounds, a_sample_may_be_as_old_as_its_request)
{
    struct clock_bounds b = begin();
    assert_false(knows(&b, 5));
    assert_int_equal(clock_bounds_add(&b, 1, 1000, 1000 + 100 * US, 7000000), CLOCK_SAMPLE_TAKEN);
    uint64_t now_ns = 1000 + 100 * US;
    assert_u64_equal(low_of(&b, now_ns), 7000000);
    assert_true(high_of(&b, now_ns) > 7000000 + 100 * US);
    assert_true(high_of(&b, now_ns) < 7000000 + 101 * US);
}

TEST(clock_bounds, they_part_as_far_as_clocks_may_drift)
{
    struct clock_bounds b = begin();
    assert_int_equal(clock_bounds_add(&b, 1, 0, 0, 5000000), CLOCK_SAMPLE_TAKEN);
    clock_bounds_look(&b, 100 * MS);
    assert_true(low_of(&b, 100 * MS) <= 5000000 + 100 * MS - 200 * US);
    assert_true(high_of(&b, 100 * MS) >= 5000000 + 100 * MS + 200 * US);
    assert_true(high_of(&b, 100 * MS) < 5000000 + 100 * MS + 202 * US);
}

/* A master and a node whose clocks go wrong as far as they may, over a network of any delay: M is always in between, and
 * where samples are frequent the bounds are narrow. */
TEST(clock_bounds, the_masters_clock_is_always_between_them)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct prng p;
        prng_init(&p, seed);
        struct clock_bounds b = begin();
        int64_t own_ppm = (int64_t)prng_below(&p, 2001) - 1000, master_ppm = (int64_t)prng_below(&p, 2001) - 1000;
        uint64_t own = 1000000000, master = UINT64_C(5000000000000), sent_own = 0, known = 0;
        for (unsigned step = 0; step < 300; step++) {
            uint64_t delays[3] = {prng_below(&p, 15 * MS), prng_below(&p, 400 * US), prng_below(&p, 400 * US)};
            uint64_t reading = 0;
            for (unsigned leg = 0; leg < 3; leg++) {
                own += (uint64_t)((int64_t)delays[leg] + (int64_t)delays[leg] * own_ppm / 1000000);
                master += (uint64_t)((int64_t)delays[leg] + (int64_t)delays[leg] * master_ppm / 1000000);
                if (leg == 0) sent_own = own;
                if (leg == 1) reading = master;
                clock_bounds_look(&b, own);
                uint64_t low, high;
                if (!clock_bounds_at(&b, own, &low, &high)) continue;
                known++;
                assert_true(low <= master + 2);
                assert_true(master < high + 2); /* what the test itself rounds */
            }
            assert_int_equal(clock_bounds_add(&b, 1, sent_own, own, reading), CLOCK_SAMPLE_TAKEN);
        }
        assert_true(known > 800);
        assert_true(high_of(&b, own) - low_of(&b, own) < 800 * US);
    }
}

TEST(clock_bounds, a_sample_is_believed_for_half_a_second_from_its_request)
{
    struct clock_bounds b = begin();
    assert_int_equal(clock_bounds_add(&b, 1, 1000, 2000, 7000000), CLOCK_SAMPLE_TAKEN);
    for (uint64_t at_ns = 0; at_ns < 1000 + CLOCK_SAMPLE_NS; at_ns += 100 * MS) clock_bounds_look(&b, at_ns);
    b.at_ns = 300 * MS; /* narrow enough to the end */
    b.low = 7000000 + 300 * MS;
    b.high = b.low + 100 * US;
    assert_true(knows(&b, 1000 + CLOCK_SAMPLE_NS));
    assert_false(knows(&b, 1001 + CLOCK_SAMPLE_NS));
    /* One that took as long is worth nothing. */
    struct clock_bounds late = {0};
    assert_int_equal(clock_bounds_add(&late, 1, 1000, 1001 + CLOCK_SAMPLE_NS, 7000000), CLOCK_SAMPLE_OLD);
}

TEST(clock_bounds, wide_ones_are_not_given)
{
    struct clock_bounds b = begin();
    assert_int_equal(clock_bounds_add(&b, 1, 1000, 1000 + 3 * MS, 7000000), CLOCK_SAMPLE_TAKEN);
    assert_false(knows(&b, 1000 + 3 * MS));
    assert_int_equal(clock_bounds_add(&b, 1, 1000 + 4 * MS, 1000 + 4 * MS + 90 * US, 7000000 + 3 * MS), CLOCK_SAMPLE_TAKEN);
    assert_true(knows(&b, 1000 + 5 * MS));
}

TEST(clock_bounds, samples_that_contradict_end_what_is_known)
{
    struct clock_bounds b = begin();
    assert_int_equal(clock_bounds_add(&b, 1, 1000, 2000, 7000000), CLOCK_SAMPLE_TAKEN);
    assert_int_equal(clock_bounds_add(&b, 1, 1000 + 10 * MS, 2000 + 10 * MS, 7000000 + 12 * MS), CLOCK_SAMPLE_CONTRADICTS);
    assert_false(knows(&b, 2000 + 10 * MS));
    /* Nor may it go back below what it was once, however often it says so. */
    assert_int_equal(clock_bounds_add(&b, 1, 1000 + 20 * MS, 2000 + 20 * MS, 7000000 + 22 * MS), CLOCK_SAMPLE_TAKEN);
    assert_int_equal(clock_bounds_add(&b, 1, 1000 + 30 * MS, 2000 + 30 * MS, 7000000), CLOCK_SAMPLE_CONTRADICTS);
    assert_int_equal(clock_bounds_add(&b, 1, 1000 + 40 * MS, 2000 + 40 * MS, 7000000 + 10 * MS), CLOCK_SAMPLE_CONTRADICTS);
    assert_false(knows(&b, 2000 + 40 * MS));
}

TEST(clock_bounds, a_new_epoch_ends_what_is_known_of_the_old_one)
{
    struct clock_bounds b = begin();
    assert_int_equal(clock_bounds_add(&b, 3, 1000, 2000, 7000000), CLOCK_SAMPLE_TAKEN);
    clock_bounds_fence(&b, 5);
    assert_false(knows(&b, 3000));
    assert_int_equal(clock_bounds_add(&b, 4, 3000, 4000, 7002000), CLOCK_SAMPLE_OLD);
    assert_false(knows(&b, 4000));
    assert_int_equal(clock_bounds_add(&b, 5, 5000, 6000, 9000000), CLOCK_SAMPLE_TAKEN);
    assert_u64_equal(low_of(&b, 6000), 9000000);
    /* Who was silent learns of it from a sample. */
    assert_int_equal(clock_bounds_add(&b, 6, 7000, 8000, 90000000), CLOCK_SAMPLE_TAKEN);
    assert_u64_equal(low_of(&b, 8000), 90000000);
}

TEST(clock_bounds, who_stood_still_knows_nothing)
{
    struct clock_bounds b = begin();
    assert_int_equal(clock_bounds_add(&b, 1, 1000, 2000, 7000000), CLOCK_SAMPLE_TAKEN);
    assert_true(knows(&b, 2000 + CLOCK_GAP_NS));
    assert_false(knows(&b, 2001 + CLOCK_GAP_NS)); /* in the very step after it, too */
    assert_true(clock_bounds_look(&b, 2001 + CLOCK_GAP_NS));
    assert_false(knows(&b, 2001 + CLOCK_GAP_NS));
}

TEST(clock_bounds, who_hears_of_a_later_time_than_it_knows_is_behind)
{
    struct clock_bounds b = begin();
    assert_int_equal(clock_bounds_add(&b, 1, 1000, 2000, 7000000), CLOCK_SAMPLE_TAKEN);
    assert_false(clock_bounds_heard(&b, 3000, 7000900));
    assert_true(knows(&b, 3000));
    assert_true(clock_bounds_heard(&b, 4000, 7009000));
    assert_false(knows(&b, 4000));
    /* The master knows better than who said so. */
    assert_int_equal(clock_bounds_add(&b, 1, 5000, 6000, 7004000), CLOCK_SAMPLE_TAKEN);
    assert_true(knows(&b, 6000));
}
