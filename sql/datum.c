#include "sql/datum.h"

#include <math.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "sql/collation.h"
#include "sql/datetime.h"
#include "sql/numeric.h"
#include "sql/text_ascii.h"
#include "sql/types_io.h"

#define STEPS_PER_CALL 4
#define BYTES_PER_STEP 2

void sql_eval_init(struct sql_eval *e, struct arena *arena, struct sql_error *error)
{
    ASSERT(arena != NULL);
    ASSERT(error != NULL);
    *e = (struct sql_eval){
        .arena = arena,
        .error = error,
        .extra_float_digits = 1,
        .user_name = "",
        .session_user_name = "",
        .database_name = "",
        .schema_name = "public",
        .version = "",
    };
}

enum status sql_eval_fail(struct sql_eval *e, const char *sqlstate, const char *format, ...)
{
    ASSERT(e->error != NULL);
    va_list args;
    va_start(args, format);
    sql_error_vset(e->error, e->arena, sqlstate, 0, format, args);
    va_end(args);
    return STATUS_INVALID;
}

enum status sql_eval_breathe(struct sql_eval *e)
{
    e->effort = 0;
    return e->session == NULL ? STATUS_OK : e->session->breathe(e->session_ctx, e);
}

static size_t held_bytes(uint32_t oid, const struct sql_datum *value)
{
    return !value->is_null && sql_type_find(oid)->storage == SQL_STORAGE_BYTES ? value->bytes.size : 0;
}

enum status sql_eval_effort_call(struct sql_eval *e, const struct sql_type *types, const struct sql_datum *args,
                                 uint32_t count, uint32_t result, const struct sql_datum *out)
{
    size_t bytes = held_bytes(result, out);
    for (uint32_t i = 0; i < count; i++) bytes += held_bytes(types[i].oid, &args[i]);
    return sql_eval_effort(e, STEPS_PER_CALL + bytes / BYTES_PER_STEP);
}

enum status sql_eval_no_memory(struct sql_eval *e)
{
    sql_error_out_of_memory(e->error);
    return STATUS_NO_MEMORY;
}

enum status sql_eval_out_of_range(struct sql_eval *e, uint32_t oid)
{
    const struct sql_type_info *info = sql_type_find(oid);
    ASSERT(info != NULL);
    return sql_eval_fail(e, SQLSTATE_NUMERIC_VALUE_OUT_OF_RANGE, "%s out of range",
                         oid == SQL_TYPE_OID ? "OID" : info->sql_name);
}

void *sql_eval_alloc(struct sql_eval *e, size_t size)
{
    void *memory = arena_alloc(e->arena, size);
    if (memory == NULL) sql_eval_no_memory(e);
    return memory;
}

static int compare_real(double a, double b)
{
    if (isnan(a) || isnan(b)) return (isnan(a) != 0) - (isnan(b) != 0);
    return (a > b) - (a < b);
}

static int compare_interval(const struct sql_interval *a, const struct sql_interval *b)
{
    __int128 length_a = sql_interval_length(a), length_b = sql_interval_length(b);
    return (length_a > length_b) - (length_a < length_b);
}

int sql_datum_compare(uint32_t oid, const struct sql_datum *a, const struct sql_datum *b)
{
    ASSERT(!a->is_null);
    ASSERT(!b->is_null);
    switch (sql_type_find(oid)->storage) {
    case SQL_STORAGE_BOOLEAN: return a->boolean - b->boolean;
    case SQL_STORAGE_INTEGER: return (a->integer > b->integer) - (a->integer < b->integer);
    case SQL_STORAGE_REAL: return compare_real(a->real, b->real);
    case SQL_STORAGE_INTERVAL: return compare_interval(&a->interval, &b->interval);
    case SQL_STORAGE_BYTES: break;
    case SQL_STORAGE_NONE: UNREACHABLE();
    }
    if (oid == SQL_TYPE_NUMERIC) return sql_numeric_compare(a->bytes, b->bytes);
    if (oid == SQL_TYPE_BPCHAR) return sql_collation_compare_padded(a->bytes, b->bytes);
    return sql_collation_compare(a->bytes, b->bytes);
}

/* The part of a payload that equal numerics share: all but the scale. */
static uint64_t hash_numeric(struct bytes payload, uint64_t seed)
{
    ASSERT(payload.size >= SQL_NUMERIC_HEAD_BYTES);
    uint64_t head = hash64(payload.data, 6, seed);
    return hash64(payload.data + SQL_NUMERIC_HEAD_BYTES, payload.size - SQL_NUMERIC_HEAD_BYTES,
                  head);
}

static uint64_t hash_real(double v, uint64_t seed)
{
    if (v == 0) v = 0; /* -0 equals 0 */
    if (isnan(v)) v = (double)NAN;
    return hash64(&v, sizeof v, seed);
}

uint64_t sql_datum_hash(uint32_t oid, const struct sql_datum *value, uint64_t seed)
{
    ASSERT(!value->is_null);
    switch (sql_type_find(oid)->storage) {
    case SQL_STORAGE_BOOLEAN: return hash_u64(seed ^ value->boolean);
    case SQL_STORAGE_INTEGER: return hash64(&value->integer, sizeof value->integer, seed);
    case SQL_STORAGE_REAL: return hash_real(value->real, seed);
    case SQL_STORAGE_INTERVAL: {
        __int128 length = sql_interval_length(&value->interval);
        return hash64(&length, sizeof length, seed);
    }
    case SQL_STORAGE_BYTES: break;
    case SQL_STORAGE_NONE: UNREACHABLE();
    }
    if (oid == SQL_TYPE_NUMERIC) return hash_numeric(value->bytes, seed);
    struct bytes bytes = value->bytes;
    if (oid == SQL_TYPE_BPCHAR) bytes = sql_collation_trim_padding(bytes);
    return hash64(bytes.data, bytes.size, seed);
}

static bool check_integer(uint32_t oid, int64_t v)
{
    switch (oid) {
    case SQL_TYPE_INT2: return v == (int16_t)v;
    case SQL_TYPE_INT4: return v == (int32_t)v;
    case SQL_TYPE_INT8: return true;
    case SQL_TYPE_DATE:
    case SQL_TYPE_TIME:
    case SQL_TYPE_TIMESTAMP:
    case SQL_TYPE_TIMESTAMPTZ: return sql_datetime_check(oid, v);
    default: return v >= 0 && v <= UINT32_MAX; /* oid and reg* */
    }
}

bool sql_datum_check(uint32_t oid, const struct sql_datum *value)
{
    const struct sql_type_info *info = sql_type_find(oid);
    if (value->is_null || oid == SQL_TYPE_ANY) return true;
    switch (info->storage) {
    case SQL_STORAGE_NONE: return oid == SQL_TYPE_VOID;
    case SQL_STORAGE_BOOLEAN: return true;
    case SQL_STORAGE_INTEGER: return check_integer(oid, value->integer);
    case SQL_STORAGE_REAL:
        return oid == SQL_TYPE_FLOAT8 || isnan(value->real) ||
               value->real == (double)(float)value->real;
    case SQL_STORAGE_INTERVAL: return true;
    case SQL_STORAGE_BYTES: break;
    }
    switch (oid) {
    case SQL_TYPE_BYTEA: return true;
    case SQL_TYPE_CHAR: return value->bytes.size <= 1;
    case SQL_TYPE_UUID: return value->bytes.size == SQL_UUID_BYTES;
    case SQL_TYPE_NUMERIC: return sql_numeric_check(value->bytes);
    case SQL_TYPE_NAME: return value->bytes.size <= SQL_NAME_BYTES_MAX && utf8_valid(value->bytes);
    default: return ascii_only(value->bytes) || utf8_valid(value->bytes);
    }
}

enum status sql_datum_copy(struct arena *arena, uint32_t oid, const struct sql_datum *value,
                           struct sql_datum *out)
{
    ASSERT(out != NULL);
    struct sql_datum copy = *value;
    if (!value->is_null && sql_type_find(oid)->storage == SQL_STORAGE_BYTES) {
        copy.bytes = arena_copy(arena, value->bytes);
        if (copy.bytes.data == NULL) return STATUS_NO_MEMORY;
    }
    *out = copy;
    return STATUS_OK;
}
