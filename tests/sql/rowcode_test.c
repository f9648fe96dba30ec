/* Rows come back as they were stored, through schemas that have changed since. */
#include "sql/rowcode.h"

#include <math.h>
#include <string.h>

#include "sql/types_io.h"
#include "tests/sql/types_random.h"
#include "tests/test.h"

#define COLUMNS_MAX 24

struct fixture {
    struct prng p;
    struct arena arena;
    struct buf row;
    struct sql_row_column columns[COLUMNS_MAX];
    struct sql_datum values[COLUMNS_MAX], read[COLUMNS_MAX];
    uint32_t count;
};

static void set_up(struct fixture *f, uint64_t seed)
{
    prng_init(&f->p, seed);
    arena_init(&f->arena, 1 << 20);
    buf_init(&f->row, 1 << 20);
}

static void tear_down(struct fixture *f)
{
    arena_deinit(&f->arena);
    buf_deinit(&f->row);
}

static void random_row(struct fixture *f)
{
    f->count = (uint32_t)prng_below(&f->p, COLUMNS_MAX + 1);
    uint32_t id = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        id += 1 + (uint32_t)(prng_chance(&f->p, 1, 5) ? prng_below(&f->p, 40) : 0);
        uint32_t oid = random_key_types[prng_below(&f->p, random_key_type_count)];
        f->columns[i] = (struct sql_row_column){id, sql_type_of(oid)};
        f->values[i] = prng_chance(&f->p, 1, 6) ? SQL_NULL : random_datum(&f->p, &f->arena, oid);
    }
    buf_reset(&f->row);
    sql_row_encode(&f->row, 7, f->columns, f->values, f->count);
    assert_int_equal(buf_status(&f->row), STATUS_OK);
}

/* As identical as a row keeps it: a char(n) without a length loses its padding only. */
static void assert_same(uint32_t oid, const struct sql_datum *a, const struct sql_datum *b)
{
    assert_int_equal(a->is_null, b->is_null);
    if (a->is_null) return;
    assert_int_equal(sql_datum_compare(oid, a, b), 0);
    if (sql_type_find(oid)->storage == SQL_STORAGE_BYTES && oid != SQL_TYPE_BPCHAR)
        assert_true(bytes_equal(a->bytes, b->bytes));
    if (oid == SQL_TYPE_INTERVAL)
        assert_memory_equal(&a->interval, &b->interval, sizeof a->interval);
    if (sql_type_find(oid)->storage == SQL_STORAGE_REAL)
        assert_int_equal(signbit(a->real) != 0, signbit(b->real) != 0);
}

TEST(rowcode, gives_back_what_was_stored)
{
    struct fixture f;
    set_up(&f, 1);
    for (int i = 0; i < 5000; i++) {
        random_row(&f);
        assert_int_equal(sql_row_decode(&f.arena, buf_view(&f.row), f.columns, f.count, f.read),
                         STATUS_OK);
        for (uint32_t c = 0; c < f.count; c++)
            assert_same(f.columns[c].type.oid, &f.values[c], &f.read[c]);
        uint32_t version = 0;
        assert_int_equal(sql_row_schema_version(buf_view(&f.row), &version), STATUS_OK);
        assert_int_equal(version, 7);
        arena_reset(&f.arena);
    }
    tear_down(&f);
}

/* Some columns are not asked for (dropped since), some asked for that the row has not (added
 * since). */
TEST(rowcode, reads_through_added_and_dropped_columns)
{
    struct fixture f;
    set_up(&f, 2);
    for (int i = 0; i < 5000; i++) {
        random_row(&f);
        struct sql_row_column wanted[2 * COLUMNS_MAX];
        struct sql_datum read[2 * COLUMNS_MAX];
        int source[2 * COLUMNS_MAX];
        uint32_t count = 0, last = 0;
        for (uint32_t c = 0; c < f.count; c++) {
            if (f.columns[c].id > last + 1 && prng_chance(&f.p, 1, 2)) {
                source[count] = -1;
                wanted[count++] = (struct sql_row_column){last + 1, sql_type_of(SQL_TYPE_INT8)};
            }
            if (prng_chance(&f.p, 2, 3)) {
                source[count] = (int)c;
                wanted[count++] = f.columns[c];
            }
            last = f.columns[c].id;
        }
        for (uint32_t c = 0; c < count; c++)
            read[c] = sql_integer(4711); /* the default */
        assert_int_equal(sql_row_decode(&f.arena, buf_view(&f.row), wanted, count, read),
                         STATUS_OK);
        for (uint32_t c = 0; c < count; c++) {
            if (source[c] < 0)
                assert_true(!read[c].is_null && read[c].integer == 4711);
            else
                assert_same(wanted[c].type.oid, &f.values[source[c]], &read[c]);
        }
        arena_reset(&f.arena);
    }
    tear_down(&f);
}

TEST(rowcode, puts_padding_back)
{
    struct fixture f;
    set_up(&f, 3);
    struct sql_row_column column = {1, {SQL_TYPE_BPCHAR, 5 + SQL_TYPMOD_EXTRA}};
    struct sql_datum value = sql_bytes(BYTES_LITERAL("\xC3\xA9x   ")), read;
    sql_row_encode(&f.row, 1, &column, &value, 1);
    assert_int_equal(f.row.size, 3 + 1 + 1 + 3); /* the blanks are not stored */
    assert_int_equal(sql_row_decode(&f.arena, buf_view(&f.row), &column, 1, &read), STATUS_OK);
    assert_true(bytes_equal(read.bytes, value.bytes));
    tear_down(&f);
}

TEST(rowcode, survives_what_is_no_row)
{
    struct fixture f;
    set_up(&f, 4);
    for (int i = 0; i < 60000; i++) {
        random_row(&f);
        /* Cut, changed, or read with other types than it was written with. */
        uint64_t how = prng_below(&f.p, 4);
        if (how == 0) buf_truncate(&f.row, prng_below(&f.p, f.row.size + 1));
        for (uint64_t k = 0; how == 1 && k < 1 + prng_below(&f.p, 4); k++)
            f.row.data[prng_below(&f.p, f.row.size)] = (uint8_t)prng_next(&f.p);
        for (uint32_t c = 0; how == 2 && c < f.count; c++)
            f.columns[c].type.oid = random_key_types[prng_below(&f.p, random_key_type_count)];
        if (how == 3) buf_append_byte(&f.row, (uint8_t)prng_next(&f.p));
        enum status status = sql_row_decode(&f.arena, buf_view(&f.row), f.columns, f.count, f.read);
        assert_true(status == STATUS_OK || status == STATUS_CORRUPT || status == STATUS_VERSION);
        if (how == 3) assert_int_equal(status, STATUS_CORRUPT);
        arena_reset(&f.arena);
    }
    tear_down(&f);
}

/* The format is fixed: these bytes are on disks. */
TEST(rowcode, has_the_documented_bytes)
{
    static const struct sql_row_column columns[] = {
        {1, {SQL_TYPE_INT4, -1}}, {2, {SQL_TYPE_TEXT, -1}},   {3, {SQL_TYPE_BOOL, -1}},
        {5, {SQL_TYPE_INT8, -1}}, {6, {SQL_TYPE_FLOAT8, -1}}, {300, {SQL_TYPE_INTERVAL, -1}},
    };
    struct sql_interval interval = {.us = 1, .days = -1, .months = 2};
    struct sql_datum values[] = {sql_integer(-3),   sql_bytes(BYTES_LITERAL("hi")),
                                 sql_boolean(true), SQL_NULL,
                                 sql_real(1),       sql_interval(interval)};
    static const uint8_t expected[] = {
        1,          9,    6,         /* format, schema version, columns */
        1 << 3 | 3, 5,               /* column 1: integer -3 */
        1 << 3 | 6, 2,    'h',  'i', /* column 2 */
        1 << 3 | 2,                  /* column 3: true */
        2 << 3 | 0,                  /* column 5: null */
        1 << 3 | 5, 0,    0,    0,    0, 0, 0,
        0xf0,       0x3f, 0xb7, 0x12, 2, 1, 4, /* column 300: 294 << 3 | 7 as a varint */
    };
    struct buf row;
    buf_init(&row, 100);
    sql_row_encode(&row, 9, columns, values, 6);
    assert_true(bytes_equal(buf_view(&row), bytes_make(expected, sizeof expected)));
    buf_deinit(&row);
}

TEST(rowcode, refuses_later_formats)
{
    struct arena arena;
    uint32_t version;
    arena_init(&arena, 4096);
    static const uint8_t later[] = {2, 0, 0}, none[] = {0, 0, 0};
    assert_int_equal(sql_row_schema_version(bytes_make(later, 3), &version), STATUS_VERSION);
    assert_int_equal(sql_row_schema_version(bytes_make(none, 3), &version), STATUS_CORRUPT);
    assert_int_equal(sql_row_schema_version(BYTES_EMPTY, &version), STATUS_CORRUPT);
    arena_deinit(&arena);
}
