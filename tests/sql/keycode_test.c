/* Keys sort as their values do, and come back as they were. */
#include "sql/keycode.h"

#include <stdio.h>

#include "sql/collation.h"
#include "sql/numeric.h"
#include "tests/sql/types_random.h"
#include "tests/test.h"

#define ROUNDS 4000

static const unsigned orders[] = {SQL_KEY_ASCENDING, SQL_KEY_DESCENDING,
                                  SQL_KEY_ASCENDING | SQL_KEY_NULLS_FIRST,
                                  SQL_KEY_DESCENDING | SQL_KEY_NULLS_FIRST};

static struct sql_datum maybe_null(struct prng *p, struct arena *arena, uint32_t oid)
{
    return prng_chance(p, 1, 10) ? SQL_NULL : random_datum(p, arena, oid);
}

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

/* What ORDER BY would say. */
static int expected_order(uint32_t oid, unsigned order, const struct sql_datum *a,
                          const struct sql_datum *b)
{
    if (a->is_null || b->is_null) {
        int first = order & SQL_KEY_NULLS_FIRST ? -1 : 1;
        return a->is_null == b->is_null ? 0 : a->is_null ? first : -first;
    }
    int compared = sign(sql_datum_compare(oid, a, b));
    return order & SQL_KEY_DESCENDING ? -compared : compared;
}

TEST(keycode, sorts_as_the_values_do)
{
    struct prng p;
    struct arena arena;
    struct buf a, b;
    prng_init(&p, 1);
    arena_init(&arena, 1 << 20);
    buf_init(&a, 4096);
    buf_init(&b, 4096);
    for (size_t t = 0; t < random_key_type_count; t++) {
        uint32_t oid = random_key_types[t];
        for (int i = 0; i < ROUNDS; i++) {
            unsigned order = orders[i % 4];
            struct sql_datum x = maybe_null(&p, &arena, oid), y = maybe_null(&p, &arena, oid);
            if (i % 16 == 0) y = x;
            buf_reset(&a);
            buf_reset(&b);
            sql_key_encode(&a, oid, order, &x);
            sql_key_encode(&b, oid, order, &y);
            int actual = sign(bytes_compare(buf_view(&a), buf_view(&b)));
            if (actual != expected_order(oid, order, &x, &y))
                fail_msg("type %u, order %u, round %d", oid, order, i);
            arena_reset(&arena);
        }
    }
    buf_deinit(&a);
    buf_deinit(&b);
    arena_deinit(&arena);
}

/* Columns one behind the other sort column by column; no encoding begins another. */
TEST(keycode, sorts_composite_keys_column_by_column)
{
    enum { COLUMNS = 3 };
    struct prng p;
    struct arena arena;
    struct buf a, b;
    prng_init(&p, 2);
    arena_init(&arena, 1 << 20);
    buf_init(&a, 4096);
    buf_init(&b, 4096);
    for (int i = 0; i < 40000; i++) {
        int expected = 0;
        buf_reset(&a);
        buf_reset(&b);
        for (int c = 0; c < COLUMNS; c++) {
            uint32_t oid = random_key_types[prng_below(&p, random_key_type_count)];
            unsigned order = orders[prng_below(&p, 4)];
            struct sql_datum x = maybe_null(&p, &arena, oid);
            struct sql_datum y = prng_chance(&p, 1, 2) ? x : maybe_null(&p, &arena, oid);
            sql_key_encode(&a, oid, order, &x);
            sql_key_encode(&b, oid, order, &y);
            if (expected == 0) expected = expected_order(oid, order, &x, &y);
        }
        assert_int_equal(sign(bytes_compare(buf_view(&a), buf_view(&b))), expected);
        arena_reset(&arena);
    }
    buf_deinit(&a);
    buf_deinit(&b);
    arena_deinit(&arena);
}

TEST(keycode, gives_back_what_was_encoded)
{
    struct prng p;
    struct arena arena;
    struct buf key;
    prng_init(&p, 3);
    arena_init(&arena, 1 << 20);
    buf_init(&key, 4096);
    for (size_t t = 0; t < random_key_type_count; t++) {
        uint32_t oid = random_key_types[t];
        for (int i = 0; i < ROUNDS; i++) {
            unsigned order = orders[i % 4];
            struct sql_datum x = maybe_null(&p, &arena, oid), y;
            buf_reset(&key);
            sql_key_encode(&key, oid, order, &x);
            buf_append_byte(&key, 0x5A); /* what follows is left alone */
            struct bytes rest = buf_view(&key), skipped = rest;
            assert_int_equal(sql_key_decode(&arena, &rest, oid, order, &y), STATUS_OK);
            assert_int_equal(rest.size, 1);
            assert_int_equal(sql_key_skip(&skipped, oid, order), STATUS_OK);
            assert_int_equal(skipped.size, 1);
            assert_int_equal(x.is_null, y.is_null);
            if (!x.is_null) {
                assert_int_equal(sql_datum_compare(oid, &x, &y), 0);
                assert_u64_equal(sql_datum_hash(oid, &x, 7), sql_datum_hash(oid, &y, 7));
                if (sql_key_is_exact(oid) && sql_type_find(oid)->storage == SQL_STORAGE_BYTES)
                    assert_true(bytes_equal(x.bytes, y.bytes));
                if (oid == SQL_TYPE_NUMERIC) assert_true(sql_numeric_check(y.bytes));
            }
            arena_reset(&arena);
        }
    }
    buf_deinit(&key);
    arena_deinit(&arena);
}

TEST(keycode, survives_what_is_no_key)
{
    struct prng p;
    struct arena arena;
    struct buf key;
    prng_init(&p, 4);
    arena_init(&arena, 1 << 20);
    buf_init(&key, 4096);
    for (int i = 0; i < 200000; i++) {
        uint32_t oid = random_key_types[prng_below(&p, random_key_type_count)];
        unsigned order = orders[prng_below(&p, 4)];
        buf_reset(&key);
        if (prng_chance(&p, 1, 2)) { /* a sound key, cut and changed */
            struct sql_datum x = random_datum(&p, &arena, oid);
            sql_key_encode(&key, oid, order, &x);
            buf_truncate(&key, prng_below(&p, key.size + 1));
            if (key.size > 0 && prng_chance(&p, 1, 2))
                key.data[prng_below(&p, key.size)] = (uint8_t)prng_next(&p);
        } else {
            size_t size = prng_below(&p, 12);
            for (size_t k = 0; k < size; k++)
                buf_append_byte(
                    &key, (uint8_t)(prng_chance(&p, 1, 2) ? prng_below(&p, 4) : prng_next(&p)));
        }
        struct bytes rest = buf_view(&key), before = rest;
        struct sql_datum y;
        enum status status = sql_key_decode(&arena, &rest, oid, order, &y);
        if (status != STATUS_OK) {
            assert_int_equal(status, STATUS_CORRUPT);
            assert_true(rest.data == before.data && rest.size == before.size);
        } else if (!y.is_null) { /* what was accepted is a value that encodes to the same order */
            struct buf again;
            buf_init(&again, 4096);
            sql_key_encode(&again, oid, order, &y);
            assert_int_equal(buf_status(&again), STATUS_OK);
            buf_deinit(&again);
        }
        arena_reset(&arena);
    }
    buf_deinit(&key);
    arena_deinit(&arena);
}

static void expect_key(uint32_t oid, unsigned order, struct sql_datum value, const char *hex)
{
    struct buf key;
    char text[256] = "";
    buf_init(&key, 100);
    sql_key_encode(&key, oid, order, &value);
    for (size_t i = 0; i < key.size; i++)
        snprintf(text + 2 * i, sizeof text - 2 * i, "%02x", key.data[i]);
    assert_string_equal(text, hex);
    buf_deinit(&key);
}

/* The format is fixed: these bytes are on disks. */
TEST(keycode, has_the_documented_bytes)
{
    expect_key(SQL_TYPE_INT4, SQL_KEY_ASCENDING, sql_integer(1), "0280000001");
    expect_key(SQL_TYPE_INT4, SQL_KEY_DESCENDING, sql_integer(1), "027ffffffe");
    expect_key(SQL_TYPE_INT2, SQL_KEY_ASCENDING, sql_integer(-2), "027ffe");
    expect_key(SQL_TYPE_INT8, SQL_KEY_ASCENDING, sql_integer(-1), "027fffffffffffffff");
    expect_key(SQL_TYPE_INT8, SQL_KEY_ASCENDING, SQL_NULL, "03");
    expect_key(SQL_TYPE_INT8, SQL_KEY_NULLS_FIRST, SQL_NULL, "01");
    expect_key(SQL_TYPE_BOOL, SQL_KEY_ASCENDING, sql_boolean(true), "0201");
    expect_key(SQL_TYPE_FLOAT8, SQL_KEY_ASCENDING, sql_real(1), "02bff0000000000000");
    expect_key(SQL_TYPE_FLOAT8, SQL_KEY_ASCENDING, sql_real(-0.0), "028000000000000000");
    expect_key(SQL_TYPE_TEXT, SQL_KEY_ASCENDING, sql_bytes(BYTES_LITERAL("a")), "02610001");
    expect_key(SQL_TYPE_BYTEA, SQL_KEY_ASCENDING, sql_bytes(BYTES_LITERAL("\0z")), "0200ff7a0001");
    expect_key(SQL_TYPE_BPCHAR, SQL_KEY_ASCENDING, sql_bytes(BYTES_LITERAL("a  ")), "02610001");
    struct sql_interval day = {.days = 1};
    expect_key(SQL_TYPE_INTERVAL, SQL_KEY_ASCENDING, sql_interval(day),
               "028000000000000000000000141dd76000");
    static const uint8_t numeric[] = {0, 2, 0, 0, 0, 0, 0, 1, 0, 12, 0x13, 0x88}; /* 12.5 */
    expect_key(SQL_TYPE_NUMERIC, SQL_KEY_ASCENDING, sql_bytes(bytes_make(numeric, sizeof numeric)),
               "02048000000d13890000");
    static const uint8_t minus[] = {0, 1, 0, 0, 0x40, 0, 0, 0, 0, 1};
    expect_key(SQL_TYPE_NUMERIC, SQL_KEY_ASCENDING, sql_bytes(bytes_make(minus, sizeof minus)),
               "02027ffffffdffff");
}

TEST(keycode, successor_ends_a_prefix)
{
    struct buf key;
    buf_init(&key, 16);
    buf_append(&key, "\x02\xFF\xFF", 3);
    assert_true(sql_key_successor(&key));
    assert_true(bytes_equal(buf_view(&key), BYTES_LITERAL("\x03")));
    buf_reset(&key);
    buf_append(&key, "\xFF\xFF", 2);
    assert_false(sql_key_successor(&key));
    buf_deinit(&key);
}
