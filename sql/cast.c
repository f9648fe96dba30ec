#include "sql/cast.h"

#include <math.h>

#include "base/assert.h"
#include "sql/collation.h"
#include "sql/datetime.h"
#include "sql/numeric.h"
#include "sql/types_io.h"

/* --- Which exist ----------------------------------------------------------------------------- */

#define I SQL_CAST_IMPLICIT
#define A SQL_CAST_ASSIGNMENT
#define E SQL_CAST_EXPLICIT
#define B SQL_CAST_RELABEL
#define F SQL_CAST_CONVERT
#define C(source, target, context, method) \
    { \
        SQL_TYPE_##source, SQL_TYPE_##target, (context), (method) \
    }
/* Casts between the whole numbers and one of the types that name a catalogue object. */
#define OBJECT(type) \
    C(INT2, type, I, F), C(INT4, type, I, B), C(INT8, type, I, F), C(OID, type, I, B), \
        C(type, INT8, A, F), C(type, INT4, A, B), C(type, OID, I, B)

static const struct sql_cast_entry casts[] = {
    C(BOOL, INT4, E, F),
    C(BOOL, TEXT, A, F),
    C(BOOL, BPCHAR, A, F),
    C(BOOL, VARCHAR, A, F),
    C(CHAR, INT4, E, F),
    C(CHAR, TEXT, I, F),
    C(CHAR, BPCHAR, A, F),
    C(CHAR, VARCHAR, A, F),
    C(NAME, TEXT, I, F),
    C(NAME, BPCHAR, A, F),
    C(NAME, VARCHAR, A, F),
    C(INT2, INT4, I, F),
    C(INT2, INT8, I, F),
    C(INT2, FLOAT4, I, F),
    C(INT2, FLOAT8, I, F),
    C(INT2, NUMERIC, I, F),
    C(INT2, OID, I, F),
    C(INT4, BOOL, E, F),
    C(INT4, CHAR, E, F),
    C(INT4, INT2, A, F),
    C(INT4, INT8, I, F),
    C(INT4, FLOAT4, I, F),
    C(INT4, FLOAT8, I, F),
    C(INT4, NUMERIC, I, F),
    C(INT4, OID, I, B),
    C(INT8, INT2, A, F),
    C(INT8, INT4, A, F),
    C(INT8, FLOAT4, I, F),
    C(INT8, FLOAT8, I, F),
    C(INT8, NUMERIC, I, F),
    C(INT8, OID, I, F),
    C(TEXT, CHAR, A, F),
    C(TEXT, NAME, I, F),
    C(TEXT, BPCHAR, I, B),
    C(TEXT, VARCHAR, I, B),
    C(TEXT, REGCLASS, I, F),
    C(OID, INT8, A, F),
    C(OID, INT4, A, B),
    C(FLOAT4, INT2, A, F),
    C(FLOAT4, INT4, A, F),
    C(FLOAT4, INT8, A, F),
    C(FLOAT4, FLOAT8, I, F),
    C(FLOAT4, NUMERIC, A, F),
    C(FLOAT8, INT2, A, F),
    C(FLOAT8, INT4, A, F),
    C(FLOAT8, INT8, A, F),
    C(FLOAT8, FLOAT4, A, F),
    C(FLOAT8, NUMERIC, A, F),
    C(BPCHAR, CHAR, A, F),
    C(BPCHAR, NAME, I, F),
    C(BPCHAR, TEXT, I, F),
    C(BPCHAR, VARCHAR, I, F),
    C(VARCHAR, CHAR, A, F),
    C(VARCHAR, NAME, I, F),
    C(VARCHAR, TEXT, I, B),
    C(VARCHAR, BPCHAR, I, B),
    C(VARCHAR, REGCLASS, I, F),
    C(DATE, TIMESTAMP, I, F),
    C(DATE, TIMESTAMPTZ, I, F),
    C(TIME, INTERVAL, I, F),
    C(TIMESTAMP, DATE, A, F),
    C(TIMESTAMP, TIME, A, F),
    C(TIMESTAMP, TIMESTAMPTZ, I, F),
    C(TIMESTAMPTZ, DATE, A, F),
    C(TIMESTAMPTZ, TIME, A, F),
    C(TIMESTAMPTZ, TIMESTAMP, A, F),
    C(INTERVAL, TIME, A, F),
    C(NUMERIC, INT2, A, F),
    C(NUMERIC, INT4, A, F),
    C(NUMERIC, INT8, A, F),
    C(NUMERIC, FLOAT4, I, F),
    C(NUMERIC, FLOAT8, I, F),
    OBJECT(REGPROC),
    OBJECT(REGCLASS),
    OBJECT(REGTYPE),
    OBJECT(REGNAMESPACE),
    OBJECT(REGROLE),
};
#undef I
#undef A
#undef E
#undef B
#undef F
#undef C
#undef OBJECT
#define CAST_COUNT (sizeof casts / sizeof casts[0])

const struct sql_cast_entry *sql_cast_at(size_t index)
{
    return index < CAST_COUNT ? &casts[index] : NULL;
}

enum sql_cast_method sql_cast_find(uint32_t source, uint32_t target, enum sql_cast_context context)
{
    if (source == target || target == SQL_TYPE_ANY) return SQL_CAST_SAME;
    const struct sql_type_info *from = sql_type_find(source), *to = sql_type_find(target);
    if (from == NULL || to == NULL) return SQL_CAST_NONE;
    if (to->storage == SQL_STORAGE_NONE || from->storage == SQL_STORAGE_NONE) return SQL_CAST_NONE;
    if (source == SQL_TYPE_UNKNOWN) return SQL_CAST_TEXT;
    for (size_t i = 0; i < CAST_COUNT; i++)
        if (casts[i].source == source && casts[i].target == target)
            return context >= casts[i].context ? casts[i].method : SQL_CAST_NONE;
    /* Anything may be stored as a string; a string may be asked to become anything. */
    if (context >= SQL_CAST_ASSIGNMENT && to->category == SQL_CATEGORY_STRING) return SQL_CAST_TEXT;
    if (context == SQL_CAST_EXPLICIT && from->category == SQL_CATEGORY_STRING) return SQL_CAST_TEXT;
    return SQL_CAST_NONE;
}

/* --- What they do ---------------------------------------------------------------------------- */

static bool is_unsigned(uint32_t oid)
{
    return oid == SQL_TYPE_OID || oid == SQL_TYPE_REGPROC || oid == SQL_TYPE_REGCLASS ||
           oid == SQL_TYPE_REGTYPE || oid == SQL_TYPE_REGNAMESPACE || oid == SQL_TYPE_REGROLE;
}

static bool is_whole(uint32_t oid)
{
    return oid == SQL_TYPE_INT2 || oid == SQL_TYPE_INT4 || oid == SQL_TYPE_INT8 || is_unsigned(oid);
}

static bool is_real(uint32_t oid)
{
    return oid == SQL_TYPE_FLOAT4 || oid == SQL_TYPE_FLOAT8;
}

static enum status whole_to_whole(struct sql_eval *e, uint32_t source, int64_t value,
                                  uint32_t target, int64_t *out)
{
    if (is_unsigned(target)) {
        /* From 64 bits it must fit; the shorter ones are taken as their bits. */
        if (source == SQL_TYPE_INT8 && (value < 0 || value > UINT32_MAX))
            return sql_eval_out_of_range(e, SQL_TYPE_OID);
        *out = value & UINT32_MAX;
        return STATUS_OK;
    }
    if (is_unsigned(source) && target == SQL_TYPE_INT4) {
        *out = (int32_t)(uint32_t)value;
        return STATUS_OK;
    }
    if ((target == SQL_TYPE_INT4 && value != (int32_t)value) ||
        (target == SQL_TYPE_INT2 && value != (int16_t)value))
        return sql_eval_out_of_range(e, target);
    *out = value;
    return STATUS_OK;
}

/* Rounded to the nearest, halves to even, as the processor does. */
static enum status real_to_whole(struct sql_eval *e, double value, uint32_t target, int64_t *out)
{
    double rounded = rint(value);
    double bound = target == SQL_TYPE_INT2 ? 0x1p15 : target == SQL_TYPE_INT4 ? 0x1p31 : 0x1p63;
    if (isnan(rounded) || rounded < -bound || rounded >= bound)
        return sql_eval_out_of_range(e, target);
    *out = (int64_t)rounded;
    return STATUS_OK;
}

static enum status real_to_float4(struct sql_eval *e, double value, double *out)
{
    float narrow = (float)value;
    if (isinf(narrow) && !isinf(value))
        return sql_eval_fail(e, SQLSTATE_NUMERIC_VALUE_OUT_OF_RANGE,
                             "value out of range: overflow");
    if (narrow == 0 && value != 0)
        return sql_eval_fail(e, SQLSTATE_NUMERIC_VALUE_OUT_OF_RANGE,
                             "value out of range: underflow");
    *out = (double)narrow;
    return STATUS_OK;
}

static enum status to_whole(struct sql_eval *e, uint32_t source, uint32_t target,
                            const struct sql_datum *v, int64_t *out)
{
    if (is_whole(source)) return whole_to_whole(e, source, v->integer, target, out);
    if (is_real(source)) return real_to_whole(e, v->real, target, out);
    if (source == SQL_TYPE_NUMERIC) return sql_numeric_to_integer(e, v->bytes, target, out);
    if (source == SQL_TYPE_BOOL) {
        *out = v->boolean;
        return STATUS_OK;
    }
    if (source == SQL_TYPE_CHAR) { /* its byte, with a sign */
        *out = v->bytes.size == 0 ? 0 : (int8_t)v->bytes.data[0];
        return STATUS_OK;
    }
    ASSERT(target == SQL_TYPE_REGCLASS); /* from text or varchar */
    struct sql_datum object;
    enum status status = sql_type_input(e, sql_type_of(target), v->bytes, &object);
    if (status == STATUS_OK) *out = object.integer;
    return status;
}

static enum status to_real(struct sql_eval *e, uint32_t source, uint32_t target,
                           const struct sql_datum *v, double *out)
{
    if (source == SQL_TYPE_NUMERIC) return sql_numeric_to_real(e, v->bytes, target, out);
    if (is_whole(source)) {
        *out = target == SQL_TYPE_FLOAT4 ? (double)(float)v->integer : (double)v->integer;
        return STATUS_OK;
    }
    ASSERT(is_real(source));
    if (target == SQL_TYPE_FLOAT4) return real_to_float4(e, v->real, out);
    *out = v->real;
    return STATUS_OK;
}

static enum status to_numeric(struct sql_eval *e, uint32_t source, const struct sql_datum *v,
                              struct bytes *out)
{
    if (is_whole(source)) return sql_numeric_from_integer(e, v->integer, out);
    ASSERT(is_real(source));
    return sql_numeric_from_real(e, v->real, source == SQL_TYPE_FLOAT4 ? 6 : 15, out);
}

/* To text, varchar, char(n), name and "char" from one of them or bool. */
static enum status to_string(struct sql_eval *e, uint32_t source, uint32_t target,
                             const struct sql_datum *v, struct sql_datum *out)
{
    if (target == SQL_TYPE_CHAR) {
        if (source == SQL_TYPE_INT4) {
            if (v->integer != (int8_t)v->integer)
                return sql_eval_fail(e, SQLSTATE_NUMERIC_VALUE_OUT_OF_RANGE,
                                     "\"char\" out of range");
            uint8_t *byte = sql_eval_alloc(e, 1);
            if (byte == NULL) return STATUS_NO_MEMORY;
            *byte = (uint8_t)v->integer;
            out->bytes = bytes_make(byte, *byte != 0);
            return STATUS_OK;
        }
        return sql_type_input(e, sql_type_of(target), v->bytes, out);
    }
    struct bytes text = v->bytes;
    if (source == SQL_TYPE_BOOL)
        text = v->boolean ? BYTES_LITERAL("true") : BYTES_LITERAL("false");
    else if (source == SQL_TYPE_BPCHAR)
        text = sql_collation_trim_padding(text);
    else if (source == SQL_TYPE_CHAR) {
        enum status status = sql_type_output(e, source, v, &text);
        if (status != STATUS_OK) return status;
    }
    if (target == SQL_TYPE_NAME) return sql_type_input(e, sql_type_of(target), text, out);
    out->bytes = text;
    return STATUS_OK;
}

/* A time of day from a span: what is left over whole days. */
static int64_t time_of_interval(const struct sql_interval *i)
{
    int64_t us = i->us % US_PER_DAY;
    return us < 0 ? us + US_PER_DAY : us;
}

static enum status to_timestamp(struct sql_eval *e, uint32_t source, uint32_t target, int64_t value,
                                int64_t *out)
{
    int64_t t = value;
    enum status status = STATUS_OK;
    if (source == SQL_TYPE_DATE) status = sql_timestamp_of_date(e, value, &t);
    if (status != STATUS_OK) return status;
    if (target == SQL_TYPE_TIMESTAMPTZ) return sql_timestamptz_of_local(e, e->zone, t, out);
    if (source == SQL_TYPE_TIMESTAMPTZ) return sql_local_of_timestamptz(e, e->zone, t, out);
    *out = t;
    return STATUS_OK;
}

/* date and time from a timestamp; the time of an infinity is NULL. */
static enum status from_timestamp(struct sql_eval *e, uint32_t source, uint32_t target, int64_t t,
                                  struct sql_datum *out)
{
    int64_t local = t;
    enum status status = STATUS_OK;
    if (source == SQL_TYPE_TIMESTAMPTZ) status = sql_local_of_timestamptz(e, e->zone, t, &local);
    if (status != STATUS_OK) return status;
    out->integer = sql_date_of_timestamp(local);
    if (target == SQL_TYPE_DATE) return STATUS_OK;
    out->is_null = !sql_timestamp_is_finite(t);
    if (!out->is_null) out->integer = local - out->integer * US_PER_DAY;
    return STATUS_OK;
}

static enum status convert(struct sql_eval *e, uint32_t source, uint32_t target,
                           const struct sql_datum *v, struct sql_datum *out)
{
    *out = (struct sql_datum){.is_null = false};
    switch (target) {
    case SQL_TYPE_BOOL: out->boolean = v->integer != 0; return STATUS_OK;
    case SQL_TYPE_FLOAT4:
    case SQL_TYPE_FLOAT8: return to_real(e, source, target, v, &out->real);
    case SQL_TYPE_NUMERIC: return to_numeric(e, source, v, &out->bytes);
    case SQL_TYPE_TEXT:
    case SQL_TYPE_VARCHAR:
    case SQL_TYPE_BPCHAR:
    case SQL_TYPE_NAME:
    case SQL_TYPE_CHAR: return to_string(e, source, target, v, out);
    case SQL_TYPE_TIMESTAMP:
    case SQL_TYPE_TIMESTAMPTZ: return to_timestamp(e, source, target, v->integer, &out->integer);
    case SQL_TYPE_DATE: return from_timestamp(e, source, target, v->integer, out);
    case SQL_TYPE_TIME:
        if (source != SQL_TYPE_INTERVAL) return from_timestamp(e, source, target, v->integer, out);
        out->integer = time_of_interval(&v->interval);
        return STATUS_OK;
    case SQL_TYPE_INTERVAL: out->interval.us = v->integer; return STATUS_OK;
    default: ASSERT(is_whole(target)); return to_whole(e, source, target, v, &out->integer);
    }
}

enum status sql_cast(struct sql_eval *e, uint32_t source, struct sql_type target,
                     enum sql_cast_context context, const struct sql_datum *value,
                     struct sql_datum *out)
{
    enum sql_cast_method method = sql_cast_find(source, target.oid, context);
    ASSERT(method != SQL_CAST_NONE);
    if (value->is_null) {
        *out = SQL_NULL;
        return STATUS_OK;
    }
    ASSERT_SLOW(sql_datum_check(source, value));
    struct sql_datum cast = *value;
    enum status status = STATUS_OK;
    switch (method) {
    case SQL_CAST_NONE: UNREACHABLE();
    case SQL_CAST_SAME: break;
    case SQL_CAST_RELABEL:
        if (is_whole(target.oid))
            status = whole_to_whole(e, source, value->integer, target.oid, &cast.integer);
        break;
    case SQL_CAST_CONVERT: status = convert(e, source, target.oid, value, &cast); break;
    case SQL_CAST_TEXT: {
        struct bytes text;
        status = sql_type_output(e, source, value, &text);
        if (status != STATUS_OK) return status;
        /* INTERVAL's fields decide how a bare number is read; other modifiers wait for
         * sql_type_fit. */
        struct sql_type bare = {target.oid,
                                target.oid == SQL_TYPE_INTERVAL ? target.typmod : SQL_TYPMOD_NONE};
        status = sql_type_input(e, bare, text, &cast);
        break;
    }
    }
    if (status == STATUS_OK) {
        struct sql_type from = {source, SQL_TYPMOD_NONE};
        status = sql_eval_effort_call(e, &from, value, 1, target.oid, &cast);
    }
    if (status != STATUS_OK) return status;
    ASSERT_SLOW(sql_datum_check(target.oid, &cast));
    return sql_type_fit(e, target, context == SQL_CAST_EXPLICIT, &cast, out);
}
