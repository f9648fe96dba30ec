#include "tests/lsm/crash.h"

/* testing.md scenarios 30, 31, 44 and 49. */
TEST(lsm_crash, every_crash_point_recovers_to_a_state_that_was_told)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        uint64_t points = crash_points(seed, 10);
        assert_true(points > 100); /* the script does what it should */
    }
}
