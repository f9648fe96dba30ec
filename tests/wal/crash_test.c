/* The power fails at every single write, sync and change of a name: acknowledged appends survive,
 * what is recovered is a state that was, nothing is called damaged or uncertain that is not, and
 * the log goes on (scenarios 29 to 33, traps K10, K21, K23, K24). */
#include <stdio.h>

#include "tests/test.h"
#include "tests/wal/crash.h"

static void must_hold(const struct crash_plan *plan, unsigned bits, unsigned samples)
{
    struct crash_count count = {0};
    const char *wrong = crash_all(plan, bits, samples, &count);
    if (wrong != NULL) fail_msg("%s", wrong);
    assert_true(count.runs > 10 && count.together > 10);
    print_message("%llu crashes, %llu of them with two groups in flight\n",
                  (unsigned long long)count.runs, (unsigned long long)count.together);
}

TEST(crash, every_subset_of_a_short_life)
{
    must_hold(&(struct crash_plan){.seed = 1, .append_count = 12, .sector_bytes = 4096}, 6, 16);
}

TEST(crash, every_subset_of_a_short_life_with_dsync)
{
    must_hold(&(struct crash_plan){.seed = 2, .append_count = 12, .sector_bytes = 4096,
                                   .dsync = true}, 6, 16);
}

TEST(crash, every_point_of_lives_that_rotate)
{
    for (uint64_t seed = 10; seed < 14; seed++)
        must_hold(&(struct crash_plan){.seed = seed, .append_count = 150, .sector_bytes = 4096,
                                       .dsync = seed % 2 == 0, .compress = seed % 3 == 0}, 3, 5);
}

TEST(crash, every_point_in_recycled_segments)
{
    for (uint64_t seed = 20; seed < 24; seed++)
        must_hold(&(struct crash_plan){.seed = seed, .append_count = 60, .sector_bytes = 4096,
                                       .warm = true, .crash_again = true}, 3, 5);
}

TEST(crash, sectors_that_tear_inside)
{
    for (uint64_t seed = 30; seed < 33; seed++)
        must_hold(&(struct crash_plan){.seed = seed, .append_count = 40, .sector_bytes = 512,
                                       .warm = seed % 2 == 0, .crash_again = true}, 3, 6);
}
