/* Numerics against 128-bit integers, against Python's decimals, and at their limits. */
#include "sql/numeric_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/codec.h"
#include "sql/types_io.h"
#include "tests/sql/types_golden.h"
#include "tests/sql/types_random.h"
#include "tests/test.h"

static struct bytes parse(struct golden *g, const char *text)
{
    struct bytes out = BYTES_EMPTY;
    assert_int_equal(sql_numeric_parse(&g->eval, bytes_of_string(text), SQL_TYPMOD_NONE, &out),
                     STATUS_OK);
    return out;
}

static const char *format(struct golden *g, struct bytes a)
{
    char *text = arena_alloc(&g->arena, sql_numeric_text_bound(a) + 1);
    assert_non_null(text);
    text[sql_numeric_format(a, text)] = 0;
    return text;
}

static struct bytes apply(struct golden *g, enum sql_numeric_binary op, struct bytes a,
                          struct bytes b)
{
    struct bytes out = BYTES_EMPTY;
    assert_int_equal(sql_numeric_apply2(&g->eval, op, a, b, &out), STATUS_OK);
    assert_true(sql_numeric_check(out));
    return out;
}

/* --- Against 128-bit integers ---------------------------------------------------------------- */

static __int128 random_wide(struct prng *p, unsigned bits)
{
    unsigned __int128 v = (unsigned __int128)prng_next(p) << 64 | prng_next(p);
    v >>= 128 - (1 + prng_below(p, bits));
    return prng_chance(p, 1, 2) ? -(__int128)v : (__int128)v;
}

static struct bytes of_wide(struct golden *g, __int128 v)
{
    struct bytes out = BYTES_EMPTY;
    assert_int_equal(sql_numeric_from_wide(&g->eval, v, 0, &out), STATUS_OK);
    return out;
}

static void assert_wide(struct golden *g, struct bytes actual, __int128 expected)
{
    struct bytes wide = of_wide(g, expected);
    if (sql_numeric_compare(actual, wide) != 0)
        fail_msg("%s is not %s", format(g, actual), format(g, wide));
}

TEST(numeric, agrees_with_128_bit_integers)
{
    struct golden g;
    struct prng p;
    golden_init(&g, NULL);
    prng_init(&p, 1);
    for (int i = 0; i < 100000; i++) {
        golden_reset(&g);
        __int128 a = random_wide(&p, 125), b = random_wide(&p, 125);
        struct bytes x = of_wide(&g, a), y = of_wide(&g, b);
        assert_wide(&g, apply(&g, SQL_NUMERIC_ADD, x, y), a + b);
        assert_wide(&g, apply(&g, SQL_NUMERIC_SUBTRACT, x, y), a - b);
        assert_int_equal(sql_numeric_compare(x, y) < 0, a < b);
        assert_int_equal(sql_numeric_compare(x, y) == 0, a == b);
        if (b != 0) {
            assert_wide(&g, apply(&g, SQL_NUMERIC_QUOTIENT, x, y), a / b);
            assert_wide(&g, apply(&g, SQL_NUMERIC_REMAINDER, x, y), a % b);
        }
        __int128 c = random_wide(&p, 60), d = random_wide(&p, 60);
        assert_wide(&g, apply(&g, SQL_NUMERIC_MULTIPLY, of_wide(&g, c), of_wide(&g, d)), c * d);
    }
    golden_deinit(&g);
}

/* Divisors near powers of 10000 drive Knuth's algorithm into its rare branch. */
TEST(numeric, divides_where_the_guess_is_wrong)
{
    struct golden g;
    struct prng p;
    golden_init(&g, NULL);
    prng_init(&p, 2);
    for (int i = 0; i < 200000; i++) {
        golden_reset(&g);
        static const int edges[] = {0, 1, 4999, 5000, 9998, 9999};
        __int128 a = 0, b = 0;
        for (int k = 0; k < 7; k++)
            a = a * 10000 + edges[prng_below(&p, 6)];
        for (int k = 0; k < 4; k++)
            b = b * 10000 + edges[prng_below(&p, 6)];
        if (b == 0) continue;
        struct bytes x = of_wide(&g, a), y = of_wide(&g, b);
        assert_wide(&g, apply(&g, SQL_NUMERIC_QUOTIENT, x, y), a / b);
        assert_wide(&g, apply(&g, SQL_NUMERIC_REMAINDER, x, y), a % b);
    }
    golden_deinit(&g);
}

TEST(numeric, converts_to_integers_and_back)
{
    struct golden g;
    struct prng p;
    golden_init(&g, NULL);
    prng_init(&p, 3);
    for (int i = 0; i < 100000; i++) {
        golden_reset(&g);
        int64_t v = (int64_t)(prng_next(&p) >> prng_below(&p, 64)), back = 0;
        struct bytes n;
        assert_int_equal(sql_numeric_from_integer(&g.eval, v, &n), STATUS_OK);
        assert_int_equal(sql_numeric_to_integer(&g.eval, n, SQL_TYPE_INT8, &back), STATUS_OK);
        assert_true(back == v);
        char text[32];
        snprintf(text, sizeof text, "%lld", (long long)v);
        assert_string_equal(format(&g, n), text);
    }
    golden_deinit(&g);
}

/* --- Against Python -------------------------------------------------------------------------- */

static enum status compute(struct golden *g, char op, const struct numeric *a,
                           const struct numeric *b, int32_t scale, struct numeric *out)
{
    struct sql_eval *e = &g->eval;
    switch (op) {
    case '+': return numeric_add(e, a, b, out);
    case '-': return numeric_subtract(e, a, b, out);
    case '*': return numeric_multiply(e, a, b, scale, out);
    case '/': return numeric_divide(e, a, b, scale, true, out);
    case 's': return numeric_sqrt(e, a, scale, out);
    case 'l': return numeric_ln(e, a, scale, out);
    case 'e': return numeric_exp(e, a, scale, out);
    case 'r': {
        enum status status = numeric_copy(e, a, out);
        numeric_round(out, scale);
        return status;
    }
    default: fail(); return STATUS_INVALID;
    }
}

static void check_decimal(struct golden *g, const struct golden_row *row)
{
    struct bytes a, b = BYTES_EMPTY, expected, result;
    char op = (char)row->columns[0].data[0];
    bool binary = !bytes_equal(row->columns[2], BYTES_LITERAL("-"));
    struct numeric x, y = {.kind = NUMERIC_FINITE}, z;
    struct sql_eval *e = &g->eval;
    assert_int_equal(sql_numeric_parse(e, row->columns[1], -1, &a), STATUS_OK);
    if (binary) assert_int_equal(sql_numeric_parse(e, row->columns[2], -1, &b), STATUS_OK);
    assert_int_equal(sql_numeric_parse(e, row->columns[4], -1, &expected), STATUS_OK);
    if (op == '%') {
        result = apply(g, SQL_NUMERIC_REMAINDER, a, b);
    } else {
        assert_int_equal(numeric_load(e, a, &x), STATUS_OK);
        if (binary) assert_int_equal(numeric_load(e, b, &y), STATUS_OK);
        int32_t scale = bytes_equal(row->columns[3], BYTES_LITERAL("-"))
                            ? 0
                            : atoi((const char *)row->columns[3].data);
        assert_int_equal(compute(g, op, &x, &y, scale, &z), STATUS_OK);
        assert_int_equal(numeric_store(e, &z, &result), STATUS_OK);
    }
    if (sql_numeric_compare(result, expected) != 0)
        golden_fail(g, row, "answered %.200s", format(g, result));
}

TEST(numeric, agrees_with_python)
{
    struct golden g;
    golden_init(&g, NULL);
    golden_replay(&g, "numeric_decimal.txt", check_decimal);
    golden_deinit(&g);
}

/* --- Laws ------------------------------------------------------------------------------------ */

TEST(numeric, text_reads_back_as_the_same_payload)
{
    struct golden g;
    struct prng p;
    golden_init(&g, NULL);
    prng_init(&p, 4);
    for (int i = 0; i < 20000; i++) {
        golden_reset(&g);
        struct bytes a = random_datum(&p, &g.arena, SQL_TYPE_NUMERIC).bytes;
        assert_true(sql_numeric_check(a));
        assert_true(bytes_equal(a, parse(&g, format(&g, a))));
    }
    golden_deinit(&g);
}

/* A sum of many takes the same memory as a sum of few, and is right whatever the order. */
TEST(numeric, sums_in_bounded_memory)
{
    struct golden g;
    struct prng p;
    struct sql_numeric_sum sum = {.digits = NULL};
    golden_init(&g, NULL);
    prng_init(&p, 5);
    struct bytes total = parse(&g, "0");
    for (int i = 0; i < 2000; i++) {
        struct bytes a = random_datum(&p, &g.arena, SQL_TYPE_NUMERIC).bytes;
        if (!sql_numeric_is_finite(a)) continue;
        assert_int_equal(sql_numeric_sum_add(&g.eval, &sum, a), STATUS_OK);
        total = apply(&g, SQL_NUMERIC_ADD, total, a);
        if (i % 100 == 0) {
            struct bytes so_far;
            assert_int_equal(sql_numeric_sum_result(&g.eval, &sum, &so_far), STATUS_OK);
            assert_true(bytes_equal(so_far, total));
        }
    }
    struct bytes one = parse(&g, "-123456789.123456789");
    assert_int_equal(sql_numeric_sum_add(&g.eval, &sum, one), STATUS_OK);
    size_t used = g.arena.used;
    for (int i = 0; i < 1000000; i++)
        assert_int_equal(sql_numeric_sum_add(&g.eval, &sum, one), STATUS_OK);
    assert_int_equal(g.arena.used, used);
    golden_deinit(&g);
}

/* The root of n*n + n lies below n + 1/2 by 1/(8n), that of n*n + n + 1 above it: no fixed count of
 * guard digits tells them apart. */
TEST(numeric, roots_round_to_the_nearest_however_close_to_the_middle)
{
    struct golden g;
    struct prng p;
    golden_init(&g, NULL);
    prng_init(&p, 7);
    for (int i = 0; i < 300; i++) {
        golden_reset(&g);
        char text[80];
        int size = 0;
        text[size++] = (char)('1' + prng_below(&p, 9));
        for (uint64_t k = 20 + prng_below(&p, 40); k > 0; k--)
            text[size++] = (char)('0' + prng_below(&p, 10));
        text[size] = 0;
        struct bytes n = parse(&g, text), one = parse(&g, "1"), root;
        struct bytes below = apply(&g, SQL_NUMERIC_ADD, apply(&g, SQL_NUMERIC_MULTIPLY, n, n), n);
        struct bytes above = apply(&g, SQL_NUMERIC_ADD, below, one);
        assert_int_equal(sql_numeric_sqrt(&g.eval, below, 0, &root), STATUS_OK);
        assert_int_equal(sql_numeric_compare(root, n), 0);
        assert_int_equal(sql_numeric_sqrt(&g.eval, above, 0, &root), STATUS_OK);
        assert_int_equal(sql_numeric_compare(root, apply(&g, SQL_NUMERIC_ADD, n, one)), 0);
    }
    golden_deinit(&g);
}

/* --- Limits ---------------------------------------------------------------------------------- */

TEST(numeric, reaches_postgresqls_limits_and_no_further)
{
    struct golden g;
    golden_init(&g, NULL);
    struct sql_eval *e = &g.eval;
    struct bytes largest = parse(&g, "1e131071"), smallest = parse(&g, "1e-16383"), out;
    assert_int_equal(strlen(format(&g, largest)), 131072);
    assert_int_equal(strlen(format(&g, smallest)), 16385);
    assert_int_equal(sql_numeric_scale(smallest), 16383);
    assert_int_equal(sql_numeric_apply2(e, SQL_NUMERIC_MULTIPLY, largest, parse(&g, "10"), &out),
                     STATUS_INVALID);
    assert_true(sql_error_is(&g.error, SQLSTATE_NUMERIC_VALUE_OUT_OF_RANGE));
    e = golden_reset(&g);
    largest = parse(&g, "1e131071");
    assert_int_equal(sql_numeric_apply2(e, SQL_NUMERIC_MULTIPLY, largest, largest, &out),
                     STATUS_INVALID);
    e = golden_reset(&g);
    /* The product of two of the smallest is 0 at the largest scale. */
    smallest = parse(&g, "1e-16383");
    out = apply(&g, SQL_NUMERIC_MULTIPLY, smallest, smallest);
    assert_int_equal(sql_numeric_sign(out), 0);
    assert_int_equal(sql_numeric_scale(out), 16383);
    /* All nines, rounded up at the top. */
    char *nines = arena_alloc(&g.arena, 131072 + 3);
    memset(nines, '9', 131072);
    memcpy(nines + 131072, ".9", 3);
    struct bytes full = parse(&g, nines);
    assert_int_equal(sql_numeric_round(e, full, 0, &out), STATUS_INVALID);
    golden_deinit(&g);
}

/* 99...9 squared is 99...98 00...01: every column as full as it can be, and thousands of them. */
TEST(numeric, multiplies_numbers_of_many_digits)
{
    enum { DIGITS = 20000 };
    struct golden g;
    golden_init(&g, NULL);
    char *nines = arena_alloc(&g.arena, DIGITS + 1);
    char *expected = arena_alloc(&g.arena, 2 * DIGITS + 1);
    memset(nines, '9', DIGITS);
    nines[DIGITS] = 0;
    memset(expected, '9', DIGITS);
    memset(expected + DIGITS, '0', DIGITS);
    expected[DIGITS - 1] = '8';
    expected[2 * DIGITS - 1] = '1';
    expected[2 * DIGITS] = 0;
    struct bytes n = parse(&g, nines), square = apply(&g, SQL_NUMERIC_MULTIPLY, n, n);
    assert_string_equal(format(&g, square), expected);
    assert_int_equal(sql_numeric_compare(apply(&g, SQL_NUMERIC_QUOTIENT, square, n), n), 0);
    assert_int_equal(sql_numeric_sign(apply(&g, SQL_NUMERIC_REMAINDER, square, n)), 0);
    golden_deinit(&g);
}

TEST(numeric, says_no_memory_when_there_is_none)
{
    struct arena arena;
    struct sql_error error = {.sqlstate = ""};
    struct sql_eval e;
    struct bytes out;
    arena_init(&arena, 8192);
    sql_eval_init(&e, &arena, &error);
    char digits[8000];
    memset(digits, '7', sizeof digits);
    assert_int_equal(sql_numeric_parse(&e, bytes_make(digits, sizeof digits), -1, &out),
                     STATUS_NO_MEMORY);
    assert_true(sql_error_is(&error, SQLSTATE_OUT_OF_MEMORY));
    arena_deinit(&arena);
}

/* --- Hostile payloads ------------------------------------------------------------------------ */

TEST(numeric, checks_what_it_receives)
{
    struct golden g;
    struct prng p;
    golden_init(&g, NULL);
    prng_init(&p, 6);
    for (int i = 0; i < 100000; i++) {
        golden_reset(&g);
        struct bytes a = random_datum(&p, &g.arena, SQL_TYPE_NUMERIC).bytes, out;
        uint8_t *copy = arena_alloc(&g.arena, a.size + 8);
        memcpy(copy, a.data, a.size);
        size_t size = a.size;
        for (uint64_t k = prng_below(&p, 3); k > 0; k--)
            copy[prng_below(&p, size)] = (uint8_t)(prng_chance(&p, 1, 2) ? 0 : prng_next(&p));
        if (prng_chance(&p, 1, 8)) size = prng_below(&p, size + 1);
        struct bytes wire = bytes_make(copy, size);
        bool sound = sql_numeric_check(wire);
        enum status status = sql_numeric_receive(&g.eval, wire, SQL_TYPMOD_NONE, &out);
        if (sound) assert_int_equal(status, STATUS_OK);
        if (sound) assert_true(bytes_equal(wire, out));
        if (status == STATUS_OK) assert_true(sql_numeric_check(out));
    }
    golden_deinit(&g);
}

TEST(numeric, refuses_payloads_that_are_not_canonical)
{
    static const uint8_t leading_zero[] = {0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1};
    static const uint8_t trailing_zero[] = {0, 2, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0};
    static const uint8_t minus_zero[] = {0, 0, 0, 0, 0x40, 0, 0, 0};
    static const uint8_t hidden_digits[] = {0, 1, 0xff, 0xff, 0,
                                            0, 0, 1,    0,    1}; /* 0.0001, scale 1 */
    static const uint8_t large_digit[] = {0, 1, 0, 0, 0, 0, 0, 0, 0x27, 0x10};
    static const uint8_t sound[] = {0, 1, 0, 0, 0, 0, 0, 0, 0x27, 0x0f};
    assert_false(sql_numeric_check(bytes_make(leading_zero, sizeof leading_zero)));
    assert_false(sql_numeric_check(bytes_make(trailing_zero, sizeof trailing_zero)));
    assert_false(sql_numeric_check(bytes_make(minus_zero, sizeof minus_zero)));
    assert_false(sql_numeric_check(bytes_make(hidden_digits, sizeof hidden_digits)));
    assert_false(sql_numeric_check(bytes_make(large_digit, sizeof large_digit)));
    assert_true(sql_numeric_check(bytes_make(sound, sizeof sound)));
    assert_false(sql_numeric_check(bytes_make(sound, sizeof sound - 1)));
    assert_false(sql_numeric_check(BYTES_EMPTY));
}
