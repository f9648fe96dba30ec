#include "tests/test.h"

#include "base/parse.h"

typedef enum status parser(struct bytes text, uint64_t *value_out);

static void gives(parser *parse, const char *text, uint64_t expected)
{
    uint64_t value = ~expected;
    assert_int_equal(parse(bytes_of_string(text), &value), STATUS_OK);
    assert_u64_equal(value, expected);
}

static void refuses(parser *parse, const char *text, enum status expected)
{
    uint64_t value = 77;
    assert_int_equal(parse(bytes_of_string(text), &value), expected);
    assert_u64_equal(value, 77); /* untouched */
}

TEST(parse, u64_takes_digits_and_nothing_else)
{
    gives(parse_u64, "0", 0);
    gives(parse_u64, "007", 7);
    gives(parse_u64, "18446744073709551615", UINT64_MAX);
    static const char *const bad[] = {"", " 1", "1 ", "+1", "-1", "0x1", "1.0", "1e3", "a"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refuses(parse_u64, bad[i], STATUS_INVALID);
    uint64_t value;
    assert_int_equal(parse_u64(BYTES_EMPTY, &value), STATUS_INVALID);
    assert_int_equal(parse_u64(BYTES_LITERAL("1\0"), &value), STATUS_INVALID);
}

TEST(parse, u64_that_does_not_fit_is_too_large)
{
    refuses(parse_u64, "18446744073709551616", STATUS_TOO_LARGE);
    refuses(parse_u64, "99999999999999999999999999999999999999", STATUS_TOO_LARGE);
    refuses(parse_u64, "36893488147419103232", STATUS_TOO_LARGE); /* 2^65: wraps to a small value */
    refuses(parse_u64, "99999999999999999999x", STATUS_INVALID);
}

TEST(parse, sizes_are_powers_of_1024)
{
    gives(parse_size, "0", 0);
    gives(parse_size, "4096", 4096);
    gives(parse_size, "12B", 12);
    gives(parse_size, "4K", 4096);
    gives(parse_size, "4KiB", 4096);
    gives(parse_size, "64MiB", 64ull << 20);
    gives(parse_size, "64mib", 64ull << 20);
    gives(parse_size, "1G", 1ull << 30);
    gives(parse_size, "3TiB", 3ull << 40);
    static const char *const bad[] = {"", "K", "MiB", "1MB", "1 MiB", "1Mi", "1KK", "1.5G", "-1K"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refuses(parse_size, bad[i], STATUS_INVALID);
    gives(parse_size, "16777215T", 16777215ull << 40);
    refuses(parse_size, "16777216T", STATUS_TOO_LARGE);
    refuses(parse_size, "18446744073709551616K", STATUS_TOO_LARGE);
    refuses(parse_size, "18446744073709551616", STATUS_TOO_LARGE);
    refuses(parse_size, "18446744073709551616MB", STATUS_INVALID);
}

TEST(parse, durations_need_a_unit)
{
    gives(parse_duration, "0", 0);
    gives(parse_duration, "7ns", 7);
    gives(parse_duration, "7us", 7000);
    gives(parse_duration, "100ms", 100000000);
    gives(parse_duration, "5s", 5000000000);
    gives(parse_duration, "2m", 120000000000);
    gives(parse_duration, "1h", 3600000000000);
    gives(parse_duration, "1d", 86400000000000);
    static const char *const bad[] = {"", "5", "00", "s", "5 s", "5sec", "1m30s", "1.5s", "-1s"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refuses(parse_duration, bad[i], STATUS_INVALID);
    gives(parse_duration, "213503d", 213503ull * 86400000000000);
    refuses(parse_duration, "213504d", STATUS_TOO_LARGE);
}
