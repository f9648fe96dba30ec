/* Dates, times, timestamps and intervals as PostgreSQL 15 has them: proleptic Gregorian calendar,
 * 4713 BC to 294276 AD (dates to 5874897), microseconds, no leap seconds. Output is ISO always.
 *
 * date         days since 2000-01-01
 * time         us since midnight, 0 to 86,400,000,000 (24:00:00) both included
 * timestamp    us since 2000-01-01 00:00:00 on the local clock
 * timestamptz  us since 2000-01-01 00:00:00 UTC */
#ifndef OSTRAKA_SQL_DATETIME_H
#define OSTRAKA_SQL_DATETIME_H

#include "sql/datum.h"

#define US_PER_SECOND   INT64_C(1000000)
#define US_PER_MINUTE   (60 * US_PER_SECOND)
#define US_PER_HOUR     (60 * US_PER_MINUTE)
#define US_PER_DAY      (24 * US_PER_HOUR)
#define DAYS_PER_MONTH  30 /* where an interval is measured, not added */
#define MONTHS_PER_YEAR 12

/* Days from 1970-01-01, Unix's epoch, to 2000-01-01, PostgreSQL's. */
#define SQL_UNIX_EPOCH_DAYS 10957
/* Days from Julian day 0 to 2000-01-01. */
#define SQL_JULIAN_EPOCH_DAYS 2451545

#define SQL_DATE_MIN                 (-SQL_JULIAN_EPOCH_DAYS)
#define SQL_DATE_MAX                 (INT32_C(2147483493) - SQL_JULIAN_EPOCH_DAYS)
#define SQL_DATE_INFINITY            INT64_C(2147483647)
#define SQL_DATE_MINUS_INFINITY      (-SQL_DATE_INFINITY - 1)
#define SQL_TIMESTAMP_MIN            (-INT64_C(211813488000000000))
#define SQL_TIMESTAMP_MAX            (INT64_C(9223371331200000000) - 1)
#define SQL_TIMESTAMP_INFINITY       INT64_MAX
#define SQL_TIMESTAMP_MINUS_INFINITY INT64_MIN

/* A moment on a calendar and a clock. year 0 is 1 BC. */
struct sql_datetime {
    int32_t year, month, day, hour, minute, second, us;
};

/* --- Calendar -------------------------------------------------------------------------------- */

/* Days since 2000-01-01 of a date that exists. */
int64_t sql_days_of_civil(int32_t year, int32_t month, int32_t day);
void sql_civil_of_days(int64_t days, int32_t *year_out, int32_t *month_out, int32_t *day_out);
int32_t sql_days_in_month(int32_t year, int32_t month);
/* 0 is Sunday. */
int32_t sql_day_of_week(int64_t days);
/* ISO 8601 week, 1 to 53, and the year it belongs to. */
int32_t sql_iso_week(int64_t days, int32_t *year_out);
void sql_datetime_of_timestamp(int64_t timestamp_us, struct sql_datetime *out);
/* STATUS_TOO_LARGE (no message) outside of what a timestamp can hold. */
MUST_USE enum status sql_timestamp_of_datetime(const struct sql_datetime *d, int64_t *out);

static inline bool sql_timestamp_is_finite(int64_t t)
{
    return t != SQL_TIMESTAMP_INFINITY && t != SQL_TIMESTAMP_MINUS_INFINITY;
}
static inline bool sql_date_is_finite(int64_t d)
{
    return d != SQL_DATE_INFINITY && d != SQL_DATE_MINUS_INFINITY;
}
static inline bool sql_timestamp_is_valid(int64_t t)
{
    return t >= SQL_TIMESTAMP_MIN && t <= SQL_TIMESTAMP_MAX;
}
/* Infinities too: what may come from a row or a client. */
bool sql_datetime_check(uint32_t oid, int64_t value);

/* --- Text ------------------------------------------------------------------------------------ */

#define SQL_DATETIME_TEXT_BYTES_MAX 64
#define SQL_INTERVAL_TEXT_BYTES_MAX 96

/* `oid` is date, time, timestamp or timestamptz; typmod rounds. 22007, 22008, 22009, 22023. */
MUST_USE enum status sql_datetime_parse(struct sql_eval *e, uint32_t oid, struct bytes text,
                                        int32_t typmod, int64_t *out);
/* Writes at most SQL_DATETIME_TEXT_BYTES_MAX bytes, no NUL; returns how many. */
size_t sql_datetime_format(const struct sql_eval *e, uint32_t oid, int64_t value, char *text_out);
/* 22007, 22015. */
MUST_USE enum status sql_interval_parse(struct sql_eval *e, struct bytes text, int32_t typmod,
                                        struct sql_interval *out);
size_t sql_interval_format(const struct sql_interval *i, char *text_out);

/* --- Modifiers ------------------------------------------------------------------------------- */

/* PostgreSQL's bits for the fields an INTERVAL type may keep. */
#define SQL_INTERVAL_MONTH                     (1 << 1)
#define SQL_INTERVAL_YEAR                      (1 << 2)
#define SQL_INTERVAL_DAY                       (1 << 3)
#define SQL_INTERVAL_HOUR                      (1 << 10)
#define SQL_INTERVAL_MINUTE                    (1 << 11)
#define SQL_INTERVAL_SECOND                    (1 << 12)
#define SQL_INTERVAL_FIELDS_ALL                0x7fff
#define SQL_INTERVAL_PRECISION_NONE            0xffff
#define SQL_INTERVAL_TYPMOD(fields, precision) (((fields) << 16) | ((precision)&0xffff))

static inline int32_t sql_interval_typmod_fields(int32_t typmod)
{
    return typmod < 0 ? SQL_INTERVAL_FIELDS_ALL : typmod >> 16 & SQL_INTERVAL_FIELDS_ALL;
}
/* Digits behind the second, or -1. */
static inline int32_t sql_interval_typmod_precision(int32_t typmod)
{
    if (typmod < 0 || (typmod & 0xffff) == SQL_INTERVAL_PRECISION_NONE) return -1;
    return typmod & 0xffff;
}

/* Rounds a time of day or timestamp to `precision` digits behind the second. */
int64_t sql_time_round(int64_t us, int32_t precision);
MUST_USE enum status sql_timestamp_fit(struct sql_eval *e, int64_t t, int32_t typmod, int64_t *out);
MUST_USE enum status sql_interval_fit(struct sql_eval *e, const struct sql_interval *i,
                                      int32_t typmod, struct sql_interval *out);

/* --- Conversions ----------------------------------------------------------------------------- */

/* 22008 "timestamp out of range" or "date out of range for timestamp". */
MUST_USE enum status sql_timestamp_of_date(struct sql_eval *e, int64_t date, int64_t *out);
int64_t sql_date_of_timestamp(int64_t t);
/* Between the session's clock and UTC. */
MUST_USE enum status sql_timestamptz_of_local(struct sql_eval *e, const struct sql_zone *zone,
                                              int64_t local, int64_t *out);
MUST_USE enum status sql_local_of_timestamptz(struct sql_eval *e, const struct sql_zone *zone,
                                              int64_t t, int64_t *out);

/* --- Arithmetic ------------------------------------------------------------------------------ */

/* A month counted as 30 days and a day as 24 hours: what intervals are ordered by. In us. */
__int128 sql_interval_length(const struct sql_interval *i);
/* 22008 "interval out of range". */
MUST_USE enum status sql_interval_negate(struct sql_eval *e, const struct sql_interval *a,
                                         struct sql_interval *out);
MUST_USE enum status sql_interval_add(struct sql_eval *e, const struct sql_interval *a,
                                      const struct sql_interval *b, struct sql_interval *out);
MUST_USE enum status sql_interval_multiply(struct sql_eval *e, const struct sql_interval *a,
                                           double factor, struct sql_interval *out);
MUST_USE enum status sql_interval_divide(struct sql_eval *e, const struct sql_interval *a,
                                         double divisor, struct sql_interval *out);
/* Months first (to the last day of a shorter month), then days, then time. For timestamptz months
 * and days move on the session's clock. */
MUST_USE enum status sql_timestamp_add(struct sql_eval *e, uint32_t oid, int64_t t,
                                       const struct sql_interval *i, int64_t *out);
/* Days and time; no months. */
MUST_USE enum status sql_timestamp_subtract(struct sql_eval *e, int64_t a, int64_t b,
                                            struct sql_interval *out);
/* Years, months, days and time, as one would say it (for timestamptz on the session's clock). */
MUST_USE enum status sql_timestamp_age(struct sql_eval *e, uint32_t oid, int64_t a, int64_t b,
                                       struct sql_interval *out);
enum sql_justify { SQL_JUSTIFY_HOURS, SQL_JUSTIFY_DAYS, SQL_JUSTIFY_ALL };
MUST_USE enum status sql_interval_justify(struct sql_eval *e, enum sql_justify what,
                                          const struct sql_interval *a, struct sql_interval *out);

/* date_trunc: `unit` as in 'month'. oid is timestamp, timestamptz (in `zone`) or interval. */
MUST_USE enum status sql_timestamp_truncate(struct sql_eval *e, struct bytes unit, uint32_t oid,
                                            int64_t t, const struct sql_zone *zone, int64_t *out);
MUST_USE enum status sql_interval_truncate(struct sql_eval *e, struct bytes unit,
                                           const struct sql_interval *i, struct sql_interval *out);
/* extract: a numeric; date_part: the same as a float8. oid may be any date or time type. A null
 * result (a field of an infinity that has no meaning) is null. */
MUST_USE enum status sql_datetime_extract(struct sql_eval *e, struct bytes field, uint32_t oid,
                                          const struct sql_datum *value, struct sql_datum *out);
MUST_USE enum status sql_datetime_part(struct sql_eval *e, struct bytes field, uint32_t oid,
                                       const struct sql_datum *value, struct sql_datum *out);

#endif
