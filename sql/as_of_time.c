#include "sql/as_of.h"

#include <ctype.h>
#include <string.h>

#include "sql/cast.h"
#include "sql/datetime.h"
#include "sql/types_io.h"

static enum status fail(struct sql_eval *e, const char *what)
{
    return sql_eval_fail(e, SQLSTATE_INVALID_PARAMETER_VALUE, "AS OF SYSTEM TIME: %s", what);
}

static enum status of_us(struct sql_eval *e, int64_t us, uint64_t *ts_out)
{
    const int64_t epoch_us = SQL_UNIX_EPOCH_DAYS * US_PER_DAY;
    if (us == SQL_TIMESTAMP_INFINITY || us > INT64_MAX / 1000 - epoch_us) {
        *ts_out = AS_OF_FUTURE;
        return STATUS_OK;
    }
    if (us <= -epoch_us) return fail(e, "the time is before 1970");
    *ts_out = (uint64_t)(us + epoch_us) * 1000;
    return STATUS_OK;
}

static enum status of_integer(struct sql_eval *e, int64_t ns, uint64_t *ts_out)
{
    if (ns <= 0) return fail(e, "the time is before 1970");
    *ts_out = (uint64_t)ns;
    return STATUS_OK;
}

static bool is_decimal(struct bytes text)
{
    size_t digits = 0, points = 0;
    for (size_t i = 0; i < text.size; i++) {
        digits += isdigit(text.data[i]) != 0;
        points += text.data[i] == '.';
    }
    return digits > 0 && points <= 1 && digits + points == text.size && text.data[0] != '.';
}

/* Whole nanoseconds; what stands behind a point is left out. */
static enum status of_decimal(struct sql_eval *e, struct bytes text, uint64_t *ts_out)
{
    const uint8_t *point = memchr(text.data, '.', text.size);
    int64_t ns;
    if (point != NULL) text.size = (size_t)(point - text.data);
    enum status status = sql_integer_parse(e, SQL_TYPE_INT8, text, &ns);
    return status == STATUS_OK ? of_integer(e, ns, ts_out) : status;
}

/* So long before now. */
static enum status of_interval(struct sql_eval *e, const struct sql_interval *i, uint64_t now, uint64_t *ts_out)
{
    __int128 us = sql_interval_length(i), ns = (__int128)now + us * 1000;
    if (us > 0) return fail(e, "an interval has to be negative: a time before now");
    if (ns <= 0) return fail(e, "the time is before 1970");
    *ts_out = (uint64_t)ns;
    return STATUS_OK;
}

static enum status of_text(struct sql_eval *e, struct bytes text, uint64_t now, uint64_t *ts_out)
{
    while (text.size > 0 && isspace(text.data[0])) text = bytes_make(text.data + 1, text.size - 1);
    while (text.size > 0 && isspace(text.data[text.size - 1])) text.size--;
    if (is_decimal(text)) return of_decimal(e, text, ts_out);
    if (text.size > 0 && text.data[0] == '-') {
        struct sql_interval interval;
        enum status status = sql_interval_parse(e, text, SQL_TYPMOD_NONE, &interval);
        return status == STATUS_OK ? of_interval(e, &interval, now, ts_out) : status;
    }
    int64_t us;
    enum status status = sql_datetime_parse(e, SQL_TYPE_TIMESTAMPTZ, text, SQL_TYPMOD_NONE, &us);
    return status == STATUS_OK ? of_us(e, us, ts_out) : status;
}

enum status as_of_time(struct sql_eval *e, uint32_t oid, const struct sql_datum *value, uint64_t now, uint64_t *ts_out)
{
    struct sql_datum cast;
    enum status status;
    switch (oid) {
    case SQL_TYPE_UNKNOWN:
    case SQL_TYPE_TEXT:
    case SQL_TYPE_VARCHAR: return of_text(e, value->bytes, now, ts_out);
    case SQL_TYPE_INTERVAL: return of_interval(e, &value->interval, now, ts_out);
    case SQL_TYPE_TIMESTAMPTZ: return of_us(e, value->integer, ts_out);
    case SQL_TYPE_TIMESTAMP:
    case SQL_TYPE_DATE:
        status = sql_cast(e, oid, sql_type_of(SQL_TYPE_TIMESTAMPTZ), SQL_CAST_ASSIGNMENT, value, &cast);
        return status == STATUS_OK ? of_us(e, cast.integer, ts_out) : status;
    case SQL_TYPE_INT4:
    case SQL_TYPE_INT8: return of_integer(e, value->integer, ts_out);
    case SQL_TYPE_NUMERIC: /* by its text: at or below what it says */
        status = sql_cast(e, oid, sql_type_of(SQL_TYPE_TEXT), SQL_CAST_ASSIGNMENT, value, &cast);
        return status == STATUS_OK ? of_text(e, cast.bytes, now, ts_out) : status;
    default: return fail(e, "a time, an interval or nanoseconds are expected");
    }
}

enum status as_of_age(struct sql_eval *e, uint32_t oid, const struct sql_datum *value, uint64_t *age_ns_out)
{
    struct sql_datum interval = *value;
    enum status status = STATUS_OK;
    if (oid != SQL_TYPE_INTERVAL && oid != SQL_TYPE_UNKNOWN && oid != SQL_TYPE_TEXT && oid != SQL_TYPE_VARCHAR)
        return fail(e, "an interval is expected");
    if (oid != SQL_TYPE_INTERVAL) status = sql_type_input(e, sql_type_of(SQL_TYPE_INTERVAL), value->bytes, &interval);
    if (status != STATUS_OK) return status;
    __int128 us = sql_interval_length(&interval.interval);
    if (us <= 0) return fail(e, "the staleness has to be positive");
    *age_ns_out = us > INT64_MAX / 1000 ? AS_OF_FUTURE : (uint64_t)us * 1000;
    return STATUS_OK;
}
