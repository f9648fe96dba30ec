/* = <> < > <= >= of all types, and across types where PostgreSQL has such operators. */
#include <math.h>

#include "sql/collation.h"
#include "sql/datetime.h"
#include "sql/function_int.h"

/* --- Across types ---------------------------------------------------------------------------- */

/* A moment for comparison: a date or a local timestamp beyond what a timestamp can hold is beyond
 * all of them. */
static int64_t moment_of(struct sql_eval *e, uint32_t oid, int64_t value, bool zoned)
{
    struct sql_error ignored = {.sqlstate = ""};
    struct sql_error *error = e->error;
    e->error = &ignored;
    int64_t t = value;
    if (oid == SQL_TYPE_DATE && sql_timestamp_of_date(e, value, &t) != STATUS_OK)
        t = SQL_TIMESTAMP_INFINITY;
    int64_t local = t;
    if (zoned && oid != SQL_TYPE_TIMESTAMPTZ &&
        sql_timestamptz_of_local(e, e->zone, local, &t) != STATUS_OK)
        t = local > 0 ? SQL_TIMESTAMP_INFINITY : SQL_TIMESTAMP_MINUS_INFINITY;
    e->error = error;
    return t;
}

static int compare_moments(struct sql_eval *e, uint32_t left, int64_t a, uint32_t right, int64_t b)
{
    bool zoned = left == SQL_TYPE_TIMESTAMPTZ || right == SQL_TYPE_TIMESTAMPTZ;
    int64_t x = moment_of(e, left, a, zoned), y = moment_of(e, right, b, zoned);
    return (x > y) - (x < y);
}

int sql_compare_across(struct sql_eval *e, uint32_t left, const struct sql_datum *a, uint32_t right,
                       const struct sql_datum *b)
{
    if (left == right) return sql_datum_compare(left, a, b);
    const struct sql_type_info *info = sql_type_find(left);
    ASSERT(info->storage == sql_type_find(right)->storage);
    if (info->category == SQL_CATEGORY_DATETIME)
        return compare_moments(e, left, a->integer, right, b->integer);
    /* The integers, the floats and the strings are stored alike. */
    if (info->storage == SQL_STORAGE_BYTES) return sql_collation_compare(a->bytes, b->bytes);
    return sql_datum_compare(info->storage == SQL_STORAGE_REAL ? SQL_TYPE_FLOAT8 : SQL_TYPE_INT8, a,
                             b);
}

static int compare(struct sql_eval *e, const struct sql_call *call)
{
    ASSERT(call->count == 2);
    return sql_compare_across(e, call->types[0].oid, &call->args[0], call->types[1].oid,
                              &call->args[1]);
}

/* --- The six --------------------------------------------------------------------------------- */

#define RELATION(name, test) \
    EVALUATE(name) \
    { \
        out->boolean = compare(e, call) test 0; \
        return STATUS_OK; \
    }
RELATION(equal, ==)
RELATION(not_equal, !=)
RELATION(less, <)
RELATION(less_equal, <=)
RELATION(greater, >)
RELATION(greater_equal, >=)
#undef RELATION

/* The common case of keys: whole numbers of any width. */
EVALUATE(equal_integer)
{
    out->boolean = call->args[0].integer == call->args[1].integer;
    return STATUS_OK;
}

#define ROW(o, n, l, r, relation_, f) \
    { \
        (o), (n), SQL_TYPE_##l, SQL_TYPE_##r, SQL_TYPE_BOOL, (relation_), (f) \
    }
/* OIDs in the order = <> < > <= >= */
#define SIX(l, r, eq, f_eq, ne, lt, gt, le, ge) \
    ROW(eq, "=", l, r, SQL_RELATION_EQUAL, f_eq), \
        ROW(ne, "<>", l, r, SQL_RELATION_NOT_EQUAL, not_equal), \
        ROW(lt, "<", l, r, SQL_RELATION_LESS, less), \
        ROW(gt, ">", l, r, SQL_RELATION_GREATER, greater), \
        ROW(le, "<=", l, r, SQL_RELATION_LESS_EQUAL, less_equal), \
        ROW(ge, ">=", l, r, SQL_RELATION_GREATER_EQUAL, greater_equal)

static const struct sql_operator rows[] = {
    SIX(BOOL, BOOL, 91, equal, 85, 58, 59, 1694, 1695),
    SIX(INT2, INT2, 94, equal_integer, 519, 95, 520, 522, 524),
    SIX(INT2, INT4, 532, equal_integer, 538, 534, 536, 540, 542),
    SIX(INT2, INT8, 1862, equal_integer, 1863, 1864, 1865, 1866, 1867),
    SIX(INT4, INT2, 533, equal_integer, 539, 535, 537, 541, 543),
    SIX(INT4, INT4, 96, equal_integer, 518, 97, 521, 523, 525),
    SIX(INT4, INT8, 15, equal_integer, 36, 37, 76, 80, 82),
    SIX(INT8, INT2, 1868, equal_integer, 1869, 1870, 1871, 1872, 1873),
    SIX(INT8, INT4, 416, equal_integer, 417, 418, 419, 420, 430),
    SIX(INT8, INT8, 410, equal_integer, 411, 412, 413, 414, 415),
    SIX(OID, OID, 607, equal_integer, 608, 609, 610, 611, 612),
    SIX(FLOAT4, FLOAT4, 620, equal, 621, 622, 623, 624, 625),
    SIX(FLOAT4, FLOAT8, 1120, equal, 1121, 1122, 1123, 1124, 1125),
    SIX(FLOAT8, FLOAT4, 1130, equal, 1131, 1132, 1133, 1134, 1135),
    SIX(FLOAT8, FLOAT8, 670, equal, 671, 672, 674, 673, 675),
    SIX(NUMERIC, NUMERIC, 1752, equal, 1753, 1754, 1756, 1755, 1757),
    SIX(CHAR, CHAR, 92, equal, 630, 631, 633, 632, 634),
    SIX(NAME, NAME, 93, equal, 643, 660, 662, 661, 663),
    SIX(NAME, TEXT, 254, equal, 259, 255, 258, 256, 257),
    SIX(TEXT, NAME, 260, equal, 265, 261, 264, 262, 263),
    SIX(TEXT, TEXT, 98, equal, 531, 664, 666, 665, 667),
    SIX(BPCHAR, BPCHAR, 1054, equal, 1057, 1058, 1060, 1059, 1061),
    SIX(BYTEA, BYTEA, 1955, equal, 1956, 1957, 1959, 1958, 1960),
    SIX(UUID, UUID, 2972, equal, 2973, 2974, 2975, 2976, 2977),
    SIX(DATE, DATE, 1093, equal, 1094, 1095, 1097, 1096, 1098),
    SIX(DATE, TIMESTAMP, 2347, equal, 2350, 2345, 2349, 2346, 2348),
    SIX(DATE, TIMESTAMPTZ, 2360, equal, 2363, 2358, 2362, 2359, 2361),
    SIX(TIME, TIME, 1108, equal, 1109, 1110, 1112, 1111, 1113),
    SIX(TIMESTAMP, DATE, 2373, equal, 2376, 2371, 2375, 2372, 2374),
    SIX(TIMESTAMP, TIMESTAMP, 2060, equal, 2061, 2062, 2064, 2063, 2065),
    SIX(TIMESTAMP, TIMESTAMPTZ, 2536, equal, 2539, 2534, 2538, 2535, 2537),
    SIX(TIMESTAMPTZ, DATE, 2386, equal, 2389, 2384, 2388, 2385, 2387),
    SIX(TIMESTAMPTZ, TIMESTAMP, 2542, equal, 2545, 2540, 2544, 2541, 2543),
    SIX(TIMESTAMPTZ, TIMESTAMPTZ, 1320, equal, 1321, 1322, 1324, 1323, 1325),
    SIX(INTERVAL, INTERVAL, 1330, equal, 1331, 1332, 1334, 1333, 1335),
    /* What < is where texts are compared by their bytes, as they always are here. */
    ROW(2314, "~<~", TEXT, TEXT, SQL_RELATION_NONE, less),
    ROW(2315, "~<=~", TEXT, TEXT, SQL_RELATION_NONE, less_equal),
    ROW(2317, "~>=~", TEXT, TEXT, SQL_RELATION_NONE, greater_equal),
    ROW(2318, "~>~", TEXT, TEXT, SQL_RELATION_NONE, greater),
    ROW(2326, "~<~", BPCHAR, BPCHAR, SQL_RELATION_NONE, less),
    ROW(2327, "~<=~", BPCHAR, BPCHAR, SQL_RELATION_NONE, less_equal),
    ROW(2329, "~>=~", BPCHAR, BPCHAR, SQL_RELATION_NONE, greater_equal),
    ROW(2330, "~>~", BPCHAR, BPCHAR, SQL_RELATION_NONE, greater),
};

const struct operator_table operator_compare_table = {rows, sizeof rows / sizeof rows[0], "=<>~"};
