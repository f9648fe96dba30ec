/* Floats as text: always the same number again, and never longer than need be. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/prng.h"
#include "sql/types_io.h"
#include "tests/test.h"

static double random_double(struct prng *p, bool single)
{
    if (single) {
        uint32_t bits = (uint32_t)prng_next(p);
        if (prng_chance(p, 1, 4)) bits &= 0xFF800000u; /* powers of two: uneven neighbours */
        if (prng_chance(p, 1, 8)) bits &= 0x007FFFFFu; /* subnormal */
        float v;
        memcpy(&v, &bits, sizeof v);
        return (double)v;
    }
    uint64_t bits = prng_next(p);
    if (prng_chance(p, 1, 4)) bits &= UINT64_C(0xFFF0000000000000);
    if (prng_chance(p, 1, 8)) bits &= UINT64_C(0x000FFFFFFFFFFFFF);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static double read_back(const char *text, bool single)
{
    return single ? (double)strtof(text, NULL) : strtod(text, NULL);
}

static int digit_count(const char *text)
{
    int count = 0, zeros = 0;
    for (const char *c = text; *c != 0 && *c != 'e'; c++) {
        if (*c < '0' || *c > '9') continue;
        if (*c == '0' && count == 0) continue;
        zeros = *c == '0' ? zeros + 1 : 0;
        count++;
    }
    return count - zeros;
}

static void check_shortest(uint32_t oid, double v)
{
    bool single = oid == SQL_TYPE_FLOAT4;
    char text[SQL_REAL_TEXT_BYTES_MAX + 1], shorter[64];
    size_t size = sql_real_format(oid, v, 1, text);
    assert_true(size < SQL_REAL_TEXT_BYTES_MAX);
    text[size] = 0;
    if (read_back(text, single) != v) fail_msg("%s is not %.17g", text, v);
    /* Rounding to fewer digits does not give the number again (a tie aside, of which one side
     * does). */
    int digits = digit_count(text);
    if (digits <= 1) return;
    snprintf(shorter, sizeof shorter, "%.*e", digits - 2, v);
    if (read_back(shorter, single) != v) return;
    long double distance = fabsl(strtold(shorter, NULL) - (long double)v);
    double next = single ? (double)nextafterf((float)v, (float)(v > 0 ? INFINITY : -INFINITY))
                         : nextafter(v, v > 0 ? INFINITY : -INFINITY);
    if (distance < fabsl((long double)next - (long double)v) / 2 * 0.999999L &&
        frexp(v, &(int){0}) != 0.5)
        fail_msg("%s could be %s", text, shorter);
}

TEST(real, doubles_are_written_as_short_as_can_be)
{
    struct prng p;
    prng_init(&p, 1);
    for (int i = 0; i < 200000; i++) {
        double v = random_double(&p, false);
        if (isfinite(v) && v != 0) check_shortest(SQL_TYPE_FLOAT8, v);
    }
}

TEST(real, singles_are_written_as_short_as_can_be)
{
    struct prng p;
    prng_init(&p, 2);
    for (int i = 0; i < 200000; i++) {
        double v = random_double(&p, true);
        if (isfinite(v) && v != 0) check_shortest(SQL_TYPE_FLOAT4, v);
    }
}

TEST(real, extra_float_digits_counts_digits)
{
    char text[SQL_REAL_TEXT_BYTES_MAX];
    size_t size = sql_real_format(SQL_TYPE_FLOAT8, 0.1, 0, text);
    assert_true(size == 3 && memcmp(text, "0.1", 3) == 0);
    size = sql_real_format(SQL_TYPE_FLOAT8, 1.0 / 3, -10, text);
    assert_true(size == 7 && memcmp(text, "0.33333", 7) == 0);
    size = sql_real_format(SQL_TYPE_FLOAT8, 1.0 / 3, -15, text);
    assert_true(size == 3 && memcmp(text, "0.3", 3) == 0);
    size = sql_real_format(SQL_TYPE_FLOAT8, 0.1 + 0.2, 3, text);
    assert_true(size == 19 && memcmp(text, "0.30000000000000004", 19) == 0);
}
