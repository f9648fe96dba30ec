#include "sql/types.h"

#include "base/assert.h"
#include "sql/datetime.h"

#define NUMERIC_PRECISION_MAX 1000
#define NUMERIC_SCALE_MAX     1000

#define T(o, n, s, size, c, p, k, st, a) \
    { \
        .oid = (o), .name = (n), .sql_name = (s), .size_bytes = (size), \
        .category = SQL_CATEGORY_##c, .preferred = (p), .can_be_key = (k), \
        .storage = SQL_STORAGE_##st, .array_oid = (a) \
    }

/* In OID order, as the catalogue tables list them. */
static const struct sql_type_info types[] = {
    T(SQL_TYPE_BOOL, "bool", "boolean", 1, BOOLEAN, true, true, BOOLEAN, 1000),
    T(SQL_TYPE_BYTEA, "bytea", "bytea", -1, USER, false, true, BYTES, 1001),
    T(SQL_TYPE_CHAR, "char", "\"char\"", 1, INTERNAL, false, true, BYTES, 1002),
    T(SQL_TYPE_NAME, "name", "name", 64, STRING, false, true, BYTES, 1003),
    T(SQL_TYPE_INT8, "int8", "bigint", 8, NUMERIC, false, true, INTEGER, 1016),
    T(SQL_TYPE_INT2, "int2", "smallint", 2, NUMERIC, false, true, INTEGER, 1005),
    T(SQL_TYPE_INT4, "int4", "integer", 4, NUMERIC, false, true, INTEGER, 1007),
    T(SQL_TYPE_REGPROC, "regproc", "regproc", 4, NUMERIC, false, true, INTEGER, 1008),
    T(SQL_TYPE_TEXT, "text", "text", -1, STRING, true, true, BYTES, 1009),
    T(SQL_TYPE_OID, "oid", "oid", 4, NUMERIC, true, true, INTEGER, 1028),
    T(SQL_TYPE_FLOAT4, "float4", "real", 4, NUMERIC, false, true, REAL, 1021),
    T(SQL_TYPE_FLOAT8, "float8", "double precision", 8, NUMERIC, true, true, REAL, 1022),
    T(SQL_TYPE_UNKNOWN, "unknown", "unknown", -2, UNKNOWN, false, false, BYTES, 0),
    T(SQL_TYPE_BPCHAR, "bpchar", "character", -1, STRING, false, true, BYTES, 1014),
    T(SQL_TYPE_VARCHAR, "varchar", "character varying", -1, STRING, false, true, BYTES, 1015),
    T(SQL_TYPE_DATE, "date", "date", 4, DATETIME, false, true, INTEGER, 1182),
    T(SQL_TYPE_TIME, "time", "time without time zone", 8, DATETIME, false, true, INTEGER, 1183),
    T(SQL_TYPE_TIMESTAMP, "timestamp", "timestamp without time zone", 8, DATETIME, false, true,
      INTEGER, 1115),
    T(SQL_TYPE_TIMESTAMPTZ, "timestamptz", "timestamp with time zone", 8, DATETIME, true, true,
      INTEGER, 1185),
    T(SQL_TYPE_INTERVAL, "interval", "interval", 16, TIMESPAN, true, true, INTERVAL, 1187),
    T(SQL_TYPE_NUMERIC, "numeric", "numeric", -1, NUMERIC, false, true, BYTES, 1231),
    T(SQL_TYPE_REGCLASS, "regclass", "regclass", 4, NUMERIC, false, true, INTEGER, 2210),
    T(SQL_TYPE_REGTYPE, "regtype", "regtype", 4, NUMERIC, false, true, INTEGER, 2211),
    T(SQL_TYPE_RECORD, "record", "record", -1, PSEUDO, false, false, NONE, 2287),
    T(SQL_TYPE_ANY, "any", "\"any\"", 4, PSEUDO, false, false, NONE, 0),
    T(SQL_TYPE_VOID, "void", "void", 4, PSEUDO, false, false, NONE, 0),
    T(SQL_TYPE_UUID, "uuid", "uuid", 16, USER, false, true, BYTES, 2951),
    T(SQL_TYPE_REGNAMESPACE, "regnamespace", "regnamespace", 4, NUMERIC, false, true, INTEGER,
      4090),
    T(SQL_TYPE_REGROLE, "regrole", "regrole", 4, NUMERIC, false, true, INTEGER, 4097),
};
#undef T
#define TYPE_COUNT (sizeof types / sizeof types[0])

static const struct {
    const char *spelling;
    uint32_t oid;
} aliases[] = {
    {"boolean", SQL_TYPE_BOOL},
    {"smallint", SQL_TYPE_INT2},
    {"int", SQL_TYPE_INT4},
    {"integer", SQL_TYPE_INT4},
    {"bigint", SQL_TYPE_INT8},
    {"real", SQL_TYPE_FLOAT4},
    {"float", SQL_TYPE_FLOAT8},
    {"double precision", SQL_TYPE_FLOAT8},
    {"decimal", SQL_TYPE_NUMERIC},
    {"dec", SQL_TYPE_NUMERIC},
    {"char", SQL_TYPE_BPCHAR},
    {"character", SQL_TYPE_BPCHAR},
    {"nchar", SQL_TYPE_BPCHAR},
    {"character varying", SQL_TYPE_VARCHAR},
    {"char varying", SQL_TYPE_VARCHAR},
    {"time without time zone", SQL_TYPE_TIME},
    {"timestamp without time zone", SQL_TYPE_TIMESTAMP},
    {"timestamp with time zone", SQL_TYPE_TIMESTAMPTZ},
};

/* Where each OID stands in types, from 1; it is asked for many times by every statement. */
static const uint8_t places[] = {
    [SQL_TYPE_BOOL] = 1, [SQL_TYPE_BYTEA] = 2, [SQL_TYPE_CHAR] = 3, [SQL_TYPE_NAME] = 4,
    [SQL_TYPE_INT8] = 5, [SQL_TYPE_INT2] = 6, [SQL_TYPE_INT4] = 7, [SQL_TYPE_REGPROC] = 8,
    [SQL_TYPE_TEXT] = 9, [SQL_TYPE_OID] = 10, [SQL_TYPE_FLOAT4] = 11, [SQL_TYPE_FLOAT8] = 12,
    [SQL_TYPE_UNKNOWN] = 13, [SQL_TYPE_BPCHAR] = 14, [SQL_TYPE_VARCHAR] = 15,
    [SQL_TYPE_DATE] = 16, [SQL_TYPE_TIME] = 17, [SQL_TYPE_TIMESTAMP] = 18,
    [SQL_TYPE_TIMESTAMPTZ] = 19, [SQL_TYPE_INTERVAL] = 20, [SQL_TYPE_NUMERIC] = 21,
    [SQL_TYPE_REGCLASS] = 22, [SQL_TYPE_REGTYPE] = 23, [SQL_TYPE_RECORD] = 24,
    [SQL_TYPE_ANY] = 25, [SQL_TYPE_VOID] = 26, [SQL_TYPE_UUID] = 27, [SQL_TYPE_REGNAMESPACE] = 28,
    [SQL_TYPE_REGROLE] = 29,
};

const struct sql_type_info *sql_type_find(uint32_t oid)
{
    if (oid >= sizeof places || places[oid] == 0) return NULL;
    const struct sql_type_info *info = &types[places[oid] - 1];
    ASSERT(info->oid == oid);
    return info;
}

const struct sql_type_info *sql_type_find_name(struct bytes name, bool quoted)
{
    if (!quoted)
        for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
            if (bytes_equal(name, bytes_of_string(aliases[i].spelling)))
                return sql_type_find(aliases[i].oid);
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (bytes_equal(name, bytes_of_string(types[i].name))) return &types[i];
    return NULL;
}

bool sql_type_is_known(const char *name)
{
    static const char *const names[] = {
        "aclitem", "bigserial", "bit", "box", "cid", "cidr", "circle", "datemultirange", "daterange", "inet",
        "int2vector", "int4multirange", "int4range", "int8multirange", "int8range", "json", "jsonb", "jsonpath",
        "line", "lseg", "macaddr", "macaddr8", "money", "nummultirange", "numrange", "oidvector", "path", "pg_lsn",
        "point", "polygon", "refcursor", "regcollation", "regconfig", "regdictionary", "regoper", "regoperator",
        "regprocedure", "serial", "serial2", "serial4", "serial8", "smallserial", "tid", "timetz", "tsmultirange",
        "tsquery", "tsrange", "tstzmultirange", "tstzrange", "tsvector", "txid_snapshot", "varbit", "xid", "xid8",
        "xml"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

const struct sql_type_info *sql_type_at(size_t index)
{
    return index < TYPE_COUNT ? &types[index] : NULL;
}

/* char(n) and varchar(n). `name` is the word that messages use. */
static enum status make_length(struct arena *arena, const char *name, const int64_t *arguments,
                               size_t count, int32_t *typmod_out, struct sql_error *error_out)
{
    if (count != 1)
        sql_error_set(error_out, arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                      "invalid type modifier");
    else if (arguments[0] < 1)
        sql_error_set(error_out, arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                      "length for type %s must be at least 1", name);
    else if (arguments[0] > SQL_VARCHAR_LENGTH_MAX)
        sql_error_set(error_out, arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                      "length for type %s cannot exceed %d", name, SQL_VARCHAR_LENGTH_MAX);
    else {
        *typmod_out = (int32_t)arguments[0] + SQL_TYPMOD_EXTRA;
        return STATUS_OK;
    }
    return STATUS_INVALID;
}

static enum status make_numeric(struct arena *arena, const int64_t *arguments, size_t count,
                                int32_t *typmod_out, struct sql_error *error_out)
{
    int64_t precision = arguments[0], scale = count == 2 ? arguments[1] : 0;
    if (count > 2)
        sql_error_set(error_out, arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                      "invalid NUMERIC type modifier");
    else if (precision < 1 || precision > NUMERIC_PRECISION_MAX)
        sql_error_set(error_out, arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                      "NUMERIC precision %lld must be between 1 and %d", (long long)precision,
                      NUMERIC_PRECISION_MAX);
    else if (scale < -NUMERIC_SCALE_MAX || scale > NUMERIC_SCALE_MAX)
        sql_error_set(error_out, arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                      "NUMERIC scale %lld must be between %d and %d", (long long)scale,
                      -NUMERIC_SCALE_MAX, NUMERIC_SCALE_MAX);
    else {
        *typmod_out = (int32_t)((precision << 16) | (scale & 0x7ff)) + SQL_TYPMOD_EXTRA;
        return STATUS_OK;
    }
    return STATUS_INVALID;
}

/* Digits behind the second. PostgreSQL warns of too many and takes the most there is. */
static enum status make_precision(struct arena *arena, const char *name, const int64_t *arguments,
                                  size_t count, int32_t *typmod_out, struct sql_error *error_out)
{
    if (count != 1)
        sql_error_set(error_out, arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                      "invalid type modifier");
    else if (arguments[0] < 0 || arguments[0] > INT32_MAX)
        sql_error_set(error_out, arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                      "%s(%lld) precision must not be negative", name, (long long)arguments[0]);
    else {
        *typmod_out =
            arguments[0] > SQL_TIME_PRECISION_MAX ? SQL_TIME_PRECISION_MAX : (int32_t)arguments[0];
        return STATUS_OK;
    }
    return STATUS_INVALID;
}

enum status sql_type_make_typmod(struct arena *arena, uint32_t oid, const int64_t *arguments,
                                 size_t count, int32_t *typmod_out, struct sql_error *error_out)
{
    ASSERT(typmod_out != NULL);
    ASSERT(count == 0 || arguments != NULL);
    if (count == 0) {
        *typmod_out = SQL_TYPMOD_NONE;
        return STATUS_OK;
    }
    switch (oid) {
    case SQL_TYPE_BPCHAR:
        return make_length(arena, "char", arguments, count, typmod_out, error_out);
    case SQL_TYPE_VARCHAR:
        return make_length(arena, "varchar", arguments, count, typmod_out, error_out);
    case SQL_TYPE_NUMERIC: return make_numeric(arena, arguments, count, typmod_out, error_out);
    case SQL_TYPE_TIME:
        return make_precision(arena, "TIME", arguments, count, typmod_out, error_out);
    case SQL_TYPE_TIMESTAMP:
    case SQL_TYPE_TIMESTAMPTZ:
        return make_precision(arena, "TIMESTAMP", arguments, count, typmod_out, error_out);
    case SQL_TYPE_INTERVAL: {
        int32_t precision;
        enum status status =
            make_precision(arena, "INTERVAL", arguments, count, &precision, error_out);
        if (status == STATUS_OK)
            *typmod_out = SQL_INTERVAL_TYPMOD(SQL_INTERVAL_FIELDS_ALL, precision);
        return status;
    }
    default: break;
    }
    const struct sql_type_info *info = sql_type_find(oid);
    sql_error_set(error_out, arena, SQLSTATE_SYNTAX_ERROR, 0,
                  "type modifier is not allowed for type \"%s\"",
                  info == NULL ? "???" : info->name);
    return STATUS_INVALID;
}

int32_t sql_typmod_length(int32_t typmod)
{
    return typmod < SQL_TYPMOD_EXTRA ? -1 : typmod - SQL_TYPMOD_EXTRA;
}

int32_t sql_typmod_numeric_precision(int32_t typmod)
{
    ASSERT(typmod >= SQL_TYPMOD_EXTRA);
    return (typmod - SQL_TYPMOD_EXTRA) >> 16 & 0xffff;
}

int32_t sql_typmod_numeric_scale(int32_t typmod)
{
    ASSERT(typmod >= SQL_TYPMOD_EXTRA);
    /* 11 bits in two's complement. */
    return (((typmod - SQL_TYPMOD_EXTRA) & 0x7ff) ^ 1024) - 1024;
}

static const char *interval_fields(int32_t fields)
{
    switch (fields) {
    case SQL_INTERVAL_YEAR: return " year";
    case SQL_INTERVAL_MONTH: return " month";
    case SQL_INTERVAL_DAY: return " day";
    case SQL_INTERVAL_HOUR: return " hour";
    case SQL_INTERVAL_MINUTE: return " minute";
    case SQL_INTERVAL_SECOND: return " second";
    case SQL_INTERVAL_YEAR | SQL_INTERVAL_MONTH: return " year to month";
    case SQL_INTERVAL_DAY | SQL_INTERVAL_HOUR: return " day to hour";
    case SQL_INTERVAL_DAY | SQL_INTERVAL_HOUR | SQL_INTERVAL_MINUTE: return " day to minute";
    case SQL_INTERVAL_DAY | SQL_INTERVAL_HOUR | SQL_INTERVAL_MINUTE | SQL_INTERVAL_SECOND:
        return " day to second";
    case SQL_INTERVAL_HOUR | SQL_INTERVAL_MINUTE: return " hour to minute";
    case SQL_INTERVAL_HOUR | SQL_INTERVAL_MINUTE | SQL_INTERVAL_SECOND: return " hour to second";
    case SQL_INTERVAL_MINUTE | SQL_INTERVAL_SECOND: return " minute to second";
    default: return "";
    }
}

static const char *format_interval(struct arena *arena, int32_t typmod)
{
    const char *fields = interval_fields(sql_interval_typmod_fields(typmod));
    int32_t precision = sql_interval_typmod_precision(typmod);
    if (precision < 0) return arena_printf(arena, "interval%s", fields);
    return arena_printf(arena, "interval%s(%d)", fields, precision);
}

const char *sql_type_format(struct arena *arena, struct sql_type type)
{
    ASSERT(arena != NULL);
    const struct sql_type_info *info = sql_type_find(type.oid);
    if (info == NULL) return "???";
    if (type.typmod < 0) return type.oid == SQL_TYPE_BPCHAR ? "bpchar" : info->sql_name;
    switch (type.oid) {
    case SQL_TYPE_BPCHAR:
    case SQL_TYPE_VARCHAR:
        if (type.typmod < SQL_TYPMOD_EXTRA) return info->sql_name;
        return arena_printf(arena, "%s(%d)", info->sql_name, sql_typmod_length(type.typmod));
    case SQL_TYPE_NUMERIC:
        if (type.typmod < SQL_TYPMOD_EXTRA) return info->sql_name;
        return arena_printf(arena, "numeric(%d,%d)", sql_typmod_numeric_precision(type.typmod),
                            sql_typmod_numeric_scale(type.typmod));
    case SQL_TYPE_TIME: return arena_printf(arena, "time(%d) without time zone", type.typmod);
    case SQL_TYPE_TIMESTAMP:
        return arena_printf(arena, "timestamp(%d) without time zone", type.typmod);
    case SQL_TYPE_TIMESTAMPTZ:
        return arena_printf(arena, "timestamp(%d) with time zone", type.typmod);
    case SQL_TYPE_INTERVAL: return format_interval(arena, type.typmod);
    default: return info->sql_name;
    }
}
