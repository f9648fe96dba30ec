/* Functions of dates, times, timestamps and intervals. */
#include <math.h>

#include "sql/datetime.h"
#include "sql/datetime_zone.h"
#include "sql/function_int.h"
#include "sql/text.h"
#include "sql/types_io.h"

static uint32_t type_of(const struct sql_call *call, uint32_t i)
{
    ASSERT(i < call->count);
    return call->types[i].oid;
}

/* --- The clock ------------------------------------------------------------------------------- */

EVALUATE(transaction_time)
{
    out->integer = e->transaction_us;
    return STATUS_OK;
}

EVALUATE(statement_time)
{
    out->integer = e->statement_us;
    return STATUS_OK;
}

EVALUATE(clock_time)
{
    out->integer = e->clock_us;
    return STATUS_OK;
}

/* current_date, localtime and localtimestamp: the transaction's time on the session's clock. */
EVALUATE(local_time)
{
    struct sql_datum now = sql_integer(e->transaction_us);
    return sql_cast(e, SQL_TYPE_TIMESTAMPTZ, sql_type_of(call->result), SQL_CAST_EXPLICIT, &now,
                    out);
}

/* --- Fields ---------------------------------------------------------------------------------- */

EVALUATE(extract)
{
    return sql_datetime_extract(e, call->args[0].bytes, type_of(call, 1), &call->args[1], out);
}

/* date_part(text, date) is that of midnight: it has hours, which extract(hour from date) has not.
 */
EVALUATE(date_part)
{
    struct sql_datum value = call->args[1];
    uint32_t oid = type_of(call, 1);
    if (oid == SQL_TYPE_DATE) {
        enum status status = sql_timestamp_of_date(e, value.integer, &value.integer);
        if (status != STATUS_OK) return status;
        oid = SQL_TYPE_TIMESTAMP;
    }
    return sql_datetime_part(e, call->args[0].bytes, oid, &value, out);
}

static enum status fail_zone(struct sql_eval *e, struct bytes name)
{
    return sql_eval_fail(e, SQLSTATE_INVALID_PARAMETER_VALUE, "time zone \"%.*s\" not recognized",
                         SQL_SHOWN(name));
}

/* A zone given as text: an abbreviation, a name or a POSIX rule. */
static enum status find_zone(struct sql_eval *e, struct bytes name, struct sql_zone *out)
{
    struct bytes lower;
    enum status status = text_change_case(e, name, TEXT_LOWER, &lower);
    if (status != STATUS_OK) return status;
    int32_t offset;
    if (sql_zone_abbreviation(lower, &offset))
        sql_zone_fixed(offset, out);
    else if (sql_zone_resolve(e->zones, name, out) != STATUS_OK)
        return fail_zone(e, name);
    return STATUS_OK;
}

EVALUATE(truncate)
{
    if (type_of(call, 1) == SQL_TYPE_INTERVAL)
        return sql_interval_truncate(e, call->args[0].bytes, &call->args[1].interval,
                                     &out->interval);
    struct sql_zone zone;
    const struct sql_zone *in = e->zone;
    if (call->count > 2) {
        enum status status = find_zone(e, call->args[2].bytes, &zone);
        if (status != STATUS_OK) return status;
        in = &zone;
    }
    return sql_timestamp_truncate(e, call->args[0].bytes, type_of(call, 1), call->args[1].integer,
                                  in, &out->integer);
}

/* --- Zones ----------------------------------------------------------------------------------- */

/* x AT TIME ZONE z is timezone(z, x): from UTC to the zone's clock or back. */
static enum status shift(struct sql_eval *e, const struct sql_call *call,
                         const struct sql_zone *zone, struct sql_datum *out)
{
    int64_t t = call->args[1].integer;
    if (type_of(call, 1) == SQL_TYPE_TIMESTAMPTZ)
        return sql_local_of_timestamptz(e, zone, t, &out->integer);
    return sql_timestamptz_of_local(e, zone, t, &out->integer);
}

EVALUATE(at_zone)
{
    struct sql_zone zone;
    out->integer = call->args[1].integer;
    if (!sql_timestamp_is_finite(out->integer)) return STATUS_OK;
    enum status status = find_zone(e, call->args[0].bytes, &zone);
    return status != STATUS_OK ? status : shift(e, call, &zone, out);
}

EVALUATE(at_offset)
{
    const struct sql_interval *i = &call->args[0].interval;
    int64_t seconds = i->us / US_PER_SECOND;
    if (i->months != 0 || i->days != 0) {
        char text[SQL_INTERVAL_TEXT_BYTES_MAX];
        size_t size = sql_interval_format(i, text);
        return sql_eval_fail(e, SQLSTATE_INVALID_PARAMETER_VALUE,
                             "interval time zone \"%.*s\" must not include months or days",
                             (int)size, text);
    }
    if (seconds > SQL_ZONE_OFFSET_MAX || seconds < -SQL_ZONE_OFFSET_MAX)
        return sql_eval_fail(e, SQLSTATE_DATETIME_FIELD_OVERFLOW, "timestamp out of range");
    struct sql_zone zone;
    sql_zone_fixed((int32_t)seconds, &zone);
    return shift(e, call, &zone, out);
}

/* --- Ages ------------------------------------------------------------------------------------ */

EVALUATE(age_between)
{
    return sql_timestamp_age(e, type_of(call, 0), call->args[0].integer, call->args[1].integer,
                             &out->interval);
}

/* From midnight of today. */
EVALUATE(age_today)
{
    struct sql_datum now = sql_integer(e->transaction_us), today;
    enum status status = sql_cast(e, SQL_TYPE_TIMESTAMPTZ, sql_type_of(SQL_TYPE_DATE),
                                  SQL_CAST_EXPLICIT, &now, &today);
    if (status == STATUS_OK)
        status = sql_cast(e, SQL_TYPE_DATE, sql_type_of(type_of(call, 0)), SQL_CAST_EXPLICIT,
                          &today, &today);
    if (status != STATUS_OK) return status;
    return sql_timestamp_age(e, type_of(call, 0), today.integer, call->args[0].integer,
                             &out->interval);
}

EVALUATE(justify_hours)
{
    return sql_interval_justify(e, SQL_JUSTIFY_HOURS, &call->args[0].interval, &out->interval);
}

EVALUATE(justify_days)
{
    return sql_interval_justify(e, SQL_JUSTIFY_DAYS, &call->args[0].interval, &out->interval);
}

EVALUATE(justify_interval)
{
    return sql_interval_justify(e, SQL_JUSTIFY_ALL, &call->args[0].interval, &out->interval);
}

EVALUATE(is_finite)
{
    switch (type_of(call, 0)) {
    case SQL_TYPE_DATE: out->boolean = sql_date_is_finite(call->args[0].integer); break;
    case SQL_TYPE_INTERVAL: out->boolean = true; break;
    default: out->boolean = sql_timestamp_is_finite(call->args[0].integer); break;
    }
    return STATUS_OK;
}

/* date_bin(stride, t, origin): the last multiple of the stride since the origin. */
EVALUATE(bin)
{
    const struct sql_interval *stride = &call->args[0].interval;
    int64_t t = call->args[1].integer, origin = call->args[2].integer;
    if (!sql_timestamp_is_finite(t)) {
        out->integer = t;
        return STATUS_OK;
    }
    if (!sql_timestamp_is_finite(origin))
        return sql_eval_fail(e, SQLSTATE_DATETIME_FIELD_OVERFLOW, "origin out of range");
    if (stride->months != 0)
        return sql_eval_fail(
            e, SQLSTATE_FEATURE_NOT_SUPPORTED,
            "timestamps cannot be binned into intervals containing months or years");
    __int128 length = sql_interval_length(stride);
    if (length <= 0)
        return sql_eval_fail(e, SQLSTATE_DATETIME_FIELD_OVERFLOW,
                             "stride must be greater than zero");
    __int128 distance = (__int128)t - origin, rest = distance % length;
    if (rest < 0) rest += length;
    __int128 start = t - rest;
    if (start < SQL_TIMESTAMP_MIN)
        return sql_eval_fail(e, SQLSTATE_DATETIME_FIELD_OVERFLOW, "timestamp out of range");
    out->integer = (int64_t)start;
    return STATUS_OK;
}

/* --- Making ---------------------------------------------------------------------------------- */

static enum status fail_date(struct sql_eval *e, int64_t year, int64_t month, int64_t day)
{
    return sql_eval_fail(e, SQLSTATE_DATETIME_FIELD_OVERFLOW,
                         "date field value out of range: %d-%02d-%02d", (int)year, (int)month,
                         (int)day);
}

/* Days from year, month and day; a negative year is BC. */
static enum status make_days(struct sql_eval *e, const struct sql_datum *args, int64_t *out)
{
    int64_t year = args[0].integer, month = args[1].integer, day = args[2].integer;
    if (year == 0 || year < -5000 || year > 6000000) return fail_date(e, year, month, day);
    if (year < 0) year++;
    if (month < 1 || month > 12 || day < 1 ||
        day > sql_days_in_month((int32_t)year, (int32_t)month))
        return fail_date(e, year, month, day);
    int64_t days = sql_days_of_civil((int32_t)year, (int32_t)month, (int32_t)day);
    if (days < SQL_DATE_MIN || days > SQL_DATE_MAX)
        return sql_eval_fail(e, SQLSTATE_DATETIME_FIELD_OVERFLOW, "date out of range: %d-%02d-%02d",
                             (int)args[0].integer, (int)month, (int)day);
    *out = days;
    return STATUS_OK;
}

static enum status make_us(struct sql_eval *e, const struct sql_datum *args, int64_t *out)
{
    int64_t hour = args[0].integer, minute = args[1].integer;
    double seconds = args[2].real;
    bool sound =
        hour >= 0 && hour <= 24 && minute >= 0 && minute <= 59 && seconds >= 0 && seconds <= 60;
    int64_t us = sound ? (hour * 60 + minute) * US_PER_MINUTE + (int64_t)rint(seconds * 1e6) : 0;
    if (!sound || us > US_PER_DAY)
        return sql_eval_fail(e, SQLSTATE_DATETIME_FIELD_OVERFLOW,
                             "time field value out of range: %d:%02d:%02g", (int)hour, (int)minute,
                             seconds);
    *out = us;
    return STATUS_OK;
}

EVALUATE(make_date)
{
    return make_days(e, call->args, &out->integer);
}
EVALUATE(make_time)
{
    return make_us(e, call->args, &out->integer);
}

EVALUATE(make_timestamp)
{
    int64_t days, us;
    enum status status = make_days(e, call->args, &days);
    if (status == STATUS_OK) status = make_us(e, call->args + 3, &us);
    if (status != STATUS_OK) return status;
    __int128 local = (__int128)days * US_PER_DAY + us;
    if (local < SQL_TIMESTAMP_MIN || local > SQL_TIMESTAMP_MAX)
        return sql_eval_fail(e, SQLSTATE_DATETIME_FIELD_OVERFLOW,
                             "timestamp out of range: %d-%02d-%02d %d:%02d:%02g",
                             (int)call->args[0].integer, (int)call->args[1].integer,
                             (int)call->args[2].integer, (int)call->args[3].integer,
                             (int)call->args[4].integer, call->args[5].real);
    out->integer = (int64_t)local;
    if (call->result == SQL_TYPE_TIMESTAMP) return STATUS_OK;
    struct sql_zone zone;
    const struct sql_zone *in = e->zone;
    if (call->count > 6) {
        status = find_zone(e, call->args[6].bytes, &zone);
        if (status != STATUS_OK) return status;
        in = &zone;
    }
    return sql_timestamptz_of_local(e, in, (int64_t)local, &out->integer);
}

/* to_timestamp(seconds since 1970) */
EVALUATE(from_epoch)
{
    double seconds = call->args[0].real;
    if (isnan(seconds))
        return sql_eval_fail(e, SQLSTATE_DATETIME_FIELD_OVERFLOW, "timestamp cannot be NaN");
    if (isinf(seconds)) {
        out->integer = seconds > 0 ? SQL_TIMESTAMP_INFINITY : SQL_TIMESTAMP_MINUS_INFINITY;
        return STATUS_OK;
    }
    double us = rint((seconds - SQL_UNIX_EPOCH_DAYS * 86400.0) * 1e6);
    if (us < (double)SQL_TIMESTAMP_MIN || us >= (double)SQL_TIMESTAMP_MAX)
        return sql_eval_fail(e, SQLSTATE_DATETIME_FIELD_OVERFLOW, "timestamp out of range: \"%g\"",
                             seconds);
    out->integer = (int64_t)us;
    return STATUS_OK;
}

#define T(t) SQL_TYPE_##t
#define STABLE(o, n, r, f, ...) \
    { \
        .oid = (o), .name = (n), .result = SQL_TYPE_##r, .evaluate = (f), .strict = true, \
        .volatility = SQL_STABLE, SIGNATURE(__VA_ARGS__) \
    }
#define CLOCK(o, n, r, f, v) \
    { \
        .oid = (o), .name = (n), .result = SQL_TYPE_##r, .evaluate = (f), .strict = true, \
        .volatility = (v) \
    }

/* OIDs from 60000 on are ours: what is syntax in PostgreSQL has no pg_proc row there. */
static const struct sql_function rows[] = {
    CLOCK(1299, "now", TIMESTAMPTZ, transaction_time, SQL_STABLE),
    CLOCK(2647, "transaction_timestamp", TIMESTAMPTZ, transaction_time, SQL_STABLE),
    CLOCK(2648, "statement_timestamp", TIMESTAMPTZ, statement_time, SQL_STABLE),
    CLOCK(2649, "clock_timestamp", TIMESTAMPTZ, clock_time, SQL_VOLATILE),
    CLOCK(60001, "current_timestamp", TIMESTAMPTZ, transaction_time, SQL_STABLE),
    CLOCK(60002, "current_date", DATE, local_time, SQL_STABLE),
    CLOCK(60003, "localtimestamp", TIMESTAMP, local_time, SQL_STABLE),
    CLOCK(60004, "localtime", TIME, local_time, SQL_STABLE),
    FUNCTION(6199, "extract", NUMERIC, extract, T(TEXT), T(DATE)),
    FUNCTION(6200, "extract", NUMERIC, extract, T(TEXT), T(TIME)),
    FUNCTION(6202, "extract", NUMERIC, extract, T(TEXT), T(TIMESTAMP)),
    STABLE(6203, "extract", NUMERIC, extract, T(TEXT), T(TIMESTAMPTZ)),
    FUNCTION(6204, "extract", NUMERIC, extract, T(TEXT), T(INTERVAL)),
    FUNCTION(1384, "date_part", FLOAT8, date_part, T(TEXT), T(DATE)),
    FUNCTION(1385, "date_part", FLOAT8, date_part, T(TEXT), T(TIME)),
    FUNCTION(2021, "date_part", FLOAT8, date_part, T(TEXT), T(TIMESTAMP)),
    STABLE(1171, "date_part", FLOAT8, date_part, T(TEXT), T(TIMESTAMPTZ)),
    FUNCTION(1172, "date_part", FLOAT8, date_part, T(TEXT), T(INTERVAL)),
    FUNCTION(2020, "date_trunc", TIMESTAMP, truncate, T(TEXT), T(TIMESTAMP)),
    STABLE(1217, "date_trunc", TIMESTAMPTZ, truncate, T(TEXT), T(TIMESTAMPTZ)),
    STABLE(1284, "date_trunc", TIMESTAMPTZ, truncate, T(TEXT), T(TIMESTAMPTZ), T(TEXT)),
    FUNCTION(1218, "date_trunc", INTERVAL, truncate, T(TEXT), T(INTERVAL)),
    FUNCTION(6177, "date_bin", TIMESTAMP, bin, T(INTERVAL), T(TIMESTAMP), T(TIMESTAMP)),
    FUNCTION(6178, "date_bin", TIMESTAMPTZ, bin, T(INTERVAL), T(TIMESTAMPTZ), T(TIMESTAMPTZ)),
    FUNCTION(1159, "timezone", TIMESTAMP, at_zone, T(TEXT), T(TIMESTAMPTZ)),
    FUNCTION(2069, "timezone", TIMESTAMPTZ, at_zone, T(TEXT), T(TIMESTAMP)),
    FUNCTION(1026, "timezone", TIMESTAMP, at_offset, T(INTERVAL), T(TIMESTAMPTZ)),
    FUNCTION(2070, "timezone", TIMESTAMPTZ, at_offset, T(INTERVAL), T(TIMESTAMP)),
    FUNCTION(1199, "age", INTERVAL, age_between, T(TIMESTAMPTZ), T(TIMESTAMPTZ)),
    FUNCTION(2058, "age", INTERVAL, age_between, T(TIMESTAMP), T(TIMESTAMP)),
    STABLE(1386, "age", INTERVAL, age_today, T(TIMESTAMPTZ)),
    STABLE(2059, "age", INTERVAL, age_today, T(TIMESTAMP)),
    FUNCTION(1175, "justify_hours", INTERVAL, justify_hours, T(INTERVAL)),
    FUNCTION(1295, "justify_days", INTERVAL, justify_days, T(INTERVAL)),
    FUNCTION(2711, "justify_interval", INTERVAL, justify_interval, T(INTERVAL)),
    FUNCTION(1373, "isfinite", BOOL, is_finite, T(DATE)),
    FUNCTION(2048, "isfinite", BOOL, is_finite, T(TIMESTAMP)),
    FUNCTION(1389, "isfinite", BOOL, is_finite, T(TIMESTAMPTZ)),
    FUNCTION(1390, "isfinite", BOOL, is_finite, T(INTERVAL)),
    FUNCTION(3846, "make_date", DATE, make_date, T(INT4), T(INT4), T(INT4)),
    FUNCTION(3847, "make_time", TIME, make_time, T(INT4), T(INT4), T(FLOAT8)),
    FUNCTION(3461, "make_timestamp", TIMESTAMP, make_timestamp, T(INT4), T(INT4), T(INT4), T(INT4),
             T(INT4), T(FLOAT8)),
    STABLE(3462, "make_timestamptz", TIMESTAMPTZ, make_timestamp, T(INT4), T(INT4), T(INT4),
           T(INT4), T(INT4), T(FLOAT8)),
    STABLE(3463, "make_timestamptz", TIMESTAMPTZ, make_timestamp, T(INT4), T(INT4), T(INT4),
           T(INT4), T(INT4), T(FLOAT8), T(TEXT)),
    FUNCTION(1158, "to_timestamp", TIMESTAMPTZ, from_epoch, T(FLOAT8)),
};

const struct function_table function_time_table = {rows, sizeof rows / sizeof rows[0]};
