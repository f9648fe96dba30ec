#include "tests/sql/types_random.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sql/datetime.h"
#include "sql/numeric.h"
#include "sql/types_io.h"
#include "tests/test.h"

const uint32_t random_key_types[] = {
    SQL_TYPE_BOOL,      SQL_TYPE_BYTEA,       SQL_TYPE_CHAR,     SQL_TYPE_NAME,    SQL_TYPE_INT8,
    SQL_TYPE_INT2,      SQL_TYPE_INT4,        SQL_TYPE_TEXT,     SQL_TYPE_OID,     SQL_TYPE_FLOAT4,
    SQL_TYPE_FLOAT8,    SQL_TYPE_BPCHAR,      SQL_TYPE_VARCHAR,  SQL_TYPE_DATE,    SQL_TYPE_TIME,
    SQL_TYPE_TIMESTAMP, SQL_TYPE_TIMESTAMPTZ, SQL_TYPE_INTERVAL, SQL_TYPE_NUMERIC, SQL_TYPE_UUID,
    SQL_TYPE_REGCLASS,
};
const size_t random_key_type_count = sizeof random_key_types / sizeof random_key_types[0];

static int64_t random_integer(struct prng *p, int64_t min, int64_t max)
{
    switch (prng_below(p, 8)) {
    case 0: return min;
    case 1: return max;
    case 2: return min + (int64_t)prng_below(p, 3);
    case 3: return max - (int64_t)prng_below(p, 3);
    case 4:
    case 5: {
        int64_t near = (int64_t)prng_below(p, 600) - 300;
        return near < min ? min : near > max ? max : near;
    }
    default: {
        uint64_t span = (uint64_t)max - (uint64_t)min;
        uint64_t offset = span == UINT64_MAX ? prng_next(p) : prng_below(p, span + 1);
        return (int64_t)((uint64_t)min + (offset >> prng_below(p, 60)));
    }
    }
}

static double random_real(struct prng *p, bool single)
{
    static const double edges[] = {0.0, -0.0, 1, -1, 0.5, 1e-300, -1e300, 3, 1e15, 5e-324, 1e-40};
    double v;
    switch (prng_below(p, 6)) {
    case 0: v = edges[prng_below(p, sizeof edges / sizeof edges[0])]; break;
    case 1: v = (double)INFINITY; break;
    case 2: v = -(double)INFINITY; break;
    case 3: v = (double)NAN; break;
    case 4: v = (double)random_integer(p, -1000, 1000) / 8; break;
    default: {
        uint64_t bits = prng_next(p);
        memcpy(&v, &bits, sizeof v);
    }
    }
    return single ? (double)(float)v : v;
}

static struct bytes random_bytes(struct prng *p, struct arena *arena, size_t size_max)
{
    size_t size = prng_below(p, size_max + 1);
    uint8_t *data = arena_alloc(arena, size);
    assert_non_null(data);
    static const uint8_t common[] = {0, 1, 2, 0xFE, 0xFF, 'a', 'b', ' '};
    for (size_t i = 0; i < size; i++)
        data[i] =
            prng_chance(p, 3, 4) ? common[prng_below(p, sizeof common)] : (uint8_t)prng_next(p);
    return bytes_make(data, size);
}

static struct bytes random_text(struct prng *p, struct arena *arena, size_t count_max)
{
    static const char *const characters[] = {
        "a", "b", "A", " ", "\x01", "é", "日", "\xF0\x9F\x98\x80", "z", "~"};
    size_t count = prng_below(p, count_max + 1), size = 0;
    uint8_t *data = arena_alloc(arena, count * 4);
    assert_non_null(data);
    for (size_t i = 0; i < count; i++) {
        const char *c = characters[prng_below(p, 10)];
        memcpy(data + size, c, strlen(c));
        size += strlen(c);
    }
    return bytes_make(data, size);
}

static struct bytes random_numeric(struct prng *p, struct arena *arena)
{
    char text[128];
    int size = 0;
    if (prng_chance(p, 1, 12)) {
        static const char *const specials[] = {"NaN", "Infinity", "-Infinity", "0", "0.000", "-0"};
        size = snprintf(text, sizeof text, "%s", specials[prng_below(p, 6)]);
    } else {
        if (prng_chance(p, 1, 2)) text[size++] = '-';
        int digits = (int)prng_below(p, 24) + 1, point = (int)prng_below(p, 24);
        for (int i = 0; i < digits; i++) {
            if (i == point) text[size++] = '.';
            text[size++] = (char)('0' + (prng_chance(p, 1, 3) ? 0 : prng_below(p, 10)));
        }
        if (prng_chance(p, 1, 4))
            size += snprintf(text + size, sizeof text - (size_t)size, "e%d",
                             (int)prng_below(p, 60) - 30);
    }
    struct sql_error error = {.sqlstate = ""};
    struct sql_eval e;
    struct bytes out;
    sql_eval_init(&e, arena, &error);
    assert_int_equal(sql_numeric_parse(&e, bytes_make(text, (size_t)size), SQL_TYPMOD_NONE, &out),
                     STATUS_OK);
    return out;
}

static struct sql_interval random_interval(struct prng *p)
{
    if (prng_chance(p, 1, 2)) /* small enough for equal lengths to differ in their fields */
        return (struct sql_interval){.us = (int64_t)prng_below(p, 3) * 12 * US_PER_HOUR,
                                     .days = (int32_t)prng_below(p, 62) - 31,
                                     .months = (int32_t)prng_below(p, 3) - 1};
    return (struct sql_interval){.us = random_integer(p, INT64_MIN, INT64_MAX),
                                 .days = (int32_t)random_integer(p, INT32_MIN, INT32_MAX),
                                 .months = (int32_t)random_integer(p, INT32_MIN, INT32_MAX)};
}

static int64_t random_moment(struct prng *p, uint32_t oid)
{
    if (oid == SQL_TYPE_TIME) return random_integer(p, 0, US_PER_DAY);
    bool date = oid == SQL_TYPE_DATE;
    switch (prng_below(p, 10)) {
    case 0: return date ? SQL_DATE_INFINITY : SQL_TIMESTAMP_INFINITY;
    case 1: return date ? SQL_DATE_MINUS_INFINITY : SQL_TIMESTAMP_MINUS_INFINITY;
    default:
        return date ? random_integer(p, SQL_DATE_MIN, SQL_DATE_MAX)
                    : random_integer(p, SQL_TIMESTAMP_MIN, SQL_TIMESTAMP_MAX);
    }
}

struct sql_datum random_datum(struct prng *p, struct arena *arena, uint32_t oid)
{
    switch (oid) {
    case SQL_TYPE_BOOL: return sql_boolean(prng_chance(p, 1, 2));
    case SQL_TYPE_INT2: return sql_integer(random_integer(p, INT16_MIN, INT16_MAX));
    case SQL_TYPE_INT4: return sql_integer(random_integer(p, INT32_MIN, INT32_MAX));
    case SQL_TYPE_INT8: return sql_integer(random_integer(p, INT64_MIN, INT64_MAX));
    case SQL_TYPE_OID:
    case SQL_TYPE_REGCLASS: return sql_integer(random_integer(p, 0, UINT32_MAX));
    case SQL_TYPE_FLOAT4: return sql_real(random_real(p, true));
    case SQL_TYPE_FLOAT8: return sql_real(random_real(p, false));
    case SQL_TYPE_DATE:
    case SQL_TYPE_TIME:
    case SQL_TYPE_TIMESTAMP:
    case SQL_TYPE_TIMESTAMPTZ: return sql_integer(random_moment(p, oid));
    case SQL_TYPE_INTERVAL: return sql_interval(random_interval(p));
    case SQL_TYPE_NUMERIC: return sql_bytes(random_numeric(p, arena));
    case SQL_TYPE_BYTEA: return sql_bytes(random_bytes(p, arena, 6));
    case SQL_TYPE_CHAR:
        return sql_bytes(random_text(p, arena, 1).size == 1 ? BYTES_LITERAL("x")
                                                            : BYTES_LITERAL(""));
    case SQL_TYPE_UUID: {
        struct bytes bytes = random_bytes(p, arena, 2);
        uint8_t *uuid = arena_zalloc(arena, 1, SQL_UUID_BYTES);
        assert_non_null(uuid);
        if (bytes.size > 0) memcpy(uuid + prng_below(p, 14), bytes.data, bytes.size);
        return sql_bytes(bytes_make(uuid, SQL_UUID_BYTES));
    }
    default: return sql_bytes(random_text(p, arena, 6));
    }
}
