#include "shard/byte_rate.h"
#include "tests/test.h"

TEST(byte_rate, without_a_limit_everything_goes_at_once)
{
    struct byte_rate r = {0};
    for (uint64_t now = 5; now < 10; now++)
        assert_u64_equal(byte_rate_take(&r, now, UINT64_C(1) << 32), now);
}

TEST(byte_rate, bytes_go_one_after_the_other_at_the_rate)
{
    struct byte_rate r = {.bytes_per_s = 1000};
    assert_u64_equal(byte_rate_take(&r, 7, 500), 7);
    assert_u64_equal(byte_rate_take(&r, 7, 250), 7 + 500000000u);
    assert_u64_equal(byte_rate_take(&r, 100, 1), 7 + 750000000u);
}

TEST(byte_rate, what_was_not_sent_is_not_made_up_for)
{
    struct byte_rate r = {.bytes_per_s = 1000};
    assert_u64_equal(byte_rate_take(&r, 0, 1000), 0);
    assert_u64_equal(byte_rate_take(&r, 60000000000u, 1000), 60000000000u);
    assert_u64_equal(byte_rate_take(&r, 60000000000u, 1), 61000000000u);
}

TEST(byte_rate, who_comes_a_little_late_keeps_the_rate)
{
    struct byte_rate r = {.bytes_per_s = 1000};
    uint64_t now = 1, late = BYTE_RATE_LATE_NS;
    for (uint64_t i = 0; i < 100; i++) {
        assert_u64_equal(byte_rate_take(&r, now, 500), now);
        assert_u64_equal(r.free_ns, 1 + (i + 1) * 500000000u);
        now = r.free_ns + late; /* as the turns of a busy core may have it, each time */
    }
    assert_u64_equal(byte_rate_take(&r, now, 500), now);
    assert_u64_equal(byte_rate_take(&r, now, 1), now - late + 500000000u);
}

TEST(byte_rate, who_comes_later_than_that_starts_anew)
{
    struct byte_rate r = {.bytes_per_s = 1000};
    assert_u64_equal(byte_rate_take(&r, 0, 500), 0);
    uint64_t now = 500000000u + BYTE_RATE_LATE_NS + 1;
    assert_u64_equal(byte_rate_take(&r, now, 500), now);
    assert_u64_equal(byte_rate_take(&r, now, 500), now + 500000000u);
}
