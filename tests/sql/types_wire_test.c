/* The binary format, against PostgreSQL's bytes and against anything else. */
#include "base/hex.h"
#include "sql/datetime.h"
#include "sql/numeric.h"
#include "sql/types_io.h"
#include "tests/sql/types_golden.h"
#include "tests/sql/types_random.h"
#include "tests/test.h"

static void check_wire(struct golden *g, const struct golden_row *row)
{
    struct sql_type type = golden_type(g, row->columns[0]);
    struct sql_datum value, back;
    struct buf wire;
    assert_int_equal(golden_value(g, type, row, 1, &value), STATUS_OK);
    buf_init(&wire, 1 << 20);
    sql_type_send(&g->eval, type.oid, &value, &wire);
    assert_int_equal(buf_status(&wire), STATUS_OK);
    char *hex = arena_alloc(&g->arena, wire.size * 2 + 1);
    hex_encode(buf_view(&wire), hex);
    bool nan = sql_type_find(type.oid)->storage == SQL_STORAGE_REAL && value.real != value.real;
    /* Any NaN is one NaN to us; PostgreSQL keeps its sign, and sends infinities with bits of its
     * own header for their scale. */
    bool infinite = type.oid == SQL_TYPE_NUMERIC && !sql_numeric_is_finite(value.bytes);
    if (!nan && !infinite && !bytes_equal(row->columns[2], bytes_of_string(hex)))
        golden_fail(g, row, "sent %s", hex);
    assert_int_equal(sql_type_receive(&g->eval, type, buf_view(&wire), &back), STATUS_OK);
    assert_int_equal(sql_datum_compare(type.oid, &value, &back), 0);
    buf_deinit(&wire);
}

TEST(wire, sends_what_postgresql_sends)
{
    struct golden g;
    golden_init(&g, NULL);
    golden_replay(&g, "wire.txt", check_wire);
    golden_deinit(&g);
}

TEST(wire, receives_what_was_sent)
{
    struct golden g;
    struct prng p;
    struct buf wire, again;
    golden_init(&g, NULL);
    prng_init(&p, 1);
    buf_init(&wire, 4096);
    buf_init(&again, 4096);
    for (int i = 0; i < 60000; i++) {
        golden_reset(&g);
        buf_reset(&wire);
        buf_reset(&again);
        uint32_t oid = random_key_types[prng_below(&p, random_key_type_count)];
        struct sql_datum value = random_datum(&p, &g.arena, oid), back;
        sql_type_send(&g.eval, oid, &value, &wire);
        assert_int_equal(sql_type_receive(&g.eval, sql_type_of(oid), buf_view(&wire), &back),
                         STATUS_OK);
        sql_type_send(&g.eval, oid, &back, &again);
        assert_true(bytes_equal(buf_view(&wire), buf_view(&again)));
    }
    buf_deinit(&wire);
    buf_deinit(&again);
    golden_deinit(&g);
}

/* Text is as good a carrier as binary: what is written reads back the same. */
TEST(wire, text_reads_back)
{
    struct golden g;
    struct prng p;
    golden_init(&g, "America/New_York");
    prng_init(&p, 2);
    for (int i = 0; i < 60000; i++) {
        golden_reset(&g);
        uint32_t oid = random_key_types[prng_below(&p, random_key_type_count)];
        struct sql_datum value = random_datum(&p, &g.arena, oid), back;
        struct bytes text;
        /* Intervals can be beyond what their text's parser takes: each field is bounded there. */
        if (oid == SQL_TYPE_INTERVAL) value.interval.us %= INT64_C(1) << 62;
        assert_int_equal(sql_type_output(&g.eval, oid, &value, &text), STATUS_OK);
        enum status status = sql_type_input(&g.eval, sql_type_of(oid), text, &back);
        if (status != STATUS_OK)
            fail_msg("type %u: %.*s: %s", oid, (int)text.size, text.data, g.error.message);
        if (sql_datum_compare(oid, &value, &back) != 0)
            fail_msg("type %u: %.*s", oid, (int)text.size, text.data);
    }
    golden_deinit(&g);
}

TEST(wire, survives_what_is_no_value)
{
    struct golden g;
    struct prng p;
    golden_init(&g, NULL);
    prng_init(&p, 3);
    for (int i = 0; i < 300000; i++) {
        struct sql_eval *e = golden_reset(&g);
        uint32_t oid = random_key_types[prng_below(&p, random_key_type_count)];
        uint8_t bytes[24];
        size_t size = prng_below(&p, sizeof bytes + 1);
        static const size_t sizes[] = {1, 2, 4, 8, 16};
        if (prng_chance(&p, 1, 2)) size = sizes[prng_below(&p, 5)];
        for (size_t k = 0; k < size; k++)
            bytes[k] = (uint8_t)(prng_chance(&p, 1, 3) ? 0 : prng_next(&p));
        struct sql_datum value;
        enum status status = sql_type_receive(e, sql_type_of(oid), bytes_make(bytes, size), &value);
        if (status != STATUS_OK) {
            assert_int_equal(status, STATUS_INVALID);
            assert_true(sql_error_is_set(&g.error));
            continue;
        }
        struct bytes text; /* what was accepted can be shown */
        assert_int_equal(sql_type_output(e, oid, &value, &text), STATUS_OK);
    }
    golden_deinit(&g);
}

/* Any text for any type: an answer or an error, never more. */
TEST(wire, survives_any_text)
{
    struct golden g;
    struct prng p;
    golden_init(&g, NULL);
    prng_init(&p, 4);
    static const char alphabet[] = "0123456789 +-.:/,eEtTzZpPaAmMdDyYxX\\{}janfebnowinfinitydays";
    for (int i = 0; i < 400000; i++) {
        struct sql_eval *e = golden_reset(&g);
        uint32_t oid = random_key_types[prng_below(&p, random_key_type_count)];
        uint8_t bytes[40];
        size_t size = prng_below(&p, sizeof bytes + 1);
        for (size_t k = 0; k < size; k++)
            bytes[k] = (uint8_t)(prng_chance(&p, 1, 30)
                                     ? prng_next(&p)
                                     : (uint64_t)alphabet[prng_below(&p, sizeof alphabet - 1)]);
        struct sql_datum value;
        struct sql_type type = {oid, prng_chance(&p, 1, 3) ? (int32_t)prng_below(&p, 7) : -1};
        if (type.typmod >= 0 && (oid == SQL_TYPE_NUMERIC || oid == SQL_TYPE_INTERVAL))
            type.typmod = -1;
        enum status status = sql_type_input(e, type, bytes_make(bytes, size), &value);
        assert_true(status == STATUS_OK || status == STATUS_INVALID);
        if (status == STATUS_INVALID) assert_true(sql_error_is_set(&g.error));
        if (status != STATUS_OK) continue;
        struct bytes text;
        assert_int_equal(sql_type_output(e, oid, &value, &text), STATUS_OK);
        if (sql_type_find(oid)->category == SQL_CATEGORY_DATETIME)
            assert_true(sql_datetime_check(oid, value.integer));
        if (oid == SQL_TYPE_NUMERIC) assert_true(sql_numeric_check(value.bytes));
    }
    golden_deinit(&g);
}
