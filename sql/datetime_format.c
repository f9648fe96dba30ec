/* Dates, times, timestamps and intervals as ISO text, the way DateStyle ISO and IntervalStyle
 * postgres write them. */
#include <stdio.h>
#include <stdlib.h>

#include "sql/datetime_int.h"
#include "sql/datetime_zone.h"

static size_t put_literal(char *to, const char *text)
{
    memcpy(to, text, strlen(text));
    return strlen(text);
}

/* At least two digits. */
static char *put_two(char *to, int32_t value)
{
    ASSERT(value >= 0 && value < 100);
    *to++ = (char)('0' + value / 10);
    *to++ = (char)('0' + value % 10);
    return to;
}

/* The fraction of a second without trailing zeros, or nothing. */
static char *put_fraction(char *to, int32_t us)
{
    ASSERT(us >= 0 && us < US_PER_SECOND);
    if (us == 0) return to;
    *to++ = '.';
    for (int32_t unit = 100000; us > 0; unit /= 10) {
        *to++ = (char)('0' + us / unit);
        us %= unit;
    }
    return to;
}

static char *put_date(char *to, int32_t year, int32_t month, int32_t day)
{
    to += sprintf(to, "%04d-", year > 0 ? year : 1 - year);
    to = put_two(to, month);
    *to++ = '-';
    return put_two(to, day);
}

static char *put_time(char *to, int32_t hour, int32_t minute, int32_t second, int32_t us)
{
    to = put_two(to, hour);
    *to++ = ':';
    to = put_two(to, minute);
    *to++ = ':';
    return put_fraction(put_two(to, second), us);
}

static char *put_offset(char *to, int32_t offset)
{
    *to++ = offset < 0 ? '-' : '+';
    int32_t size = abs(offset);
    to = put_two(to, size / 3600);
    if (size % 3600 != 0) {
        *to++ = ':';
        to = put_two(to, size / 60 % 60);
    }
    if (size % 60 != 0) {
        *to++ = ':';
        to = put_two(to, size % 60);
    }
    return to;
}

static size_t format_date(int64_t date, char *text_out)
{
    if (!sql_date_is_finite(date))
        return put_literal(text_out, date > 0 ? "infinity" : "-infinity");
    int32_t year, month, day;
    sql_civil_of_days(date, &year, &month, &day);
    char *at = put_date(text_out, year, month, day);
    if (year <= 0) at += put_literal(at, " BC");
    return (size_t)(at - text_out);
}

static size_t format_timestamp(const struct sql_eval *e, bool zoned, int64_t t, char *text_out)
{
    if (!sql_timestamp_is_finite(t)) return put_literal(text_out, t > 0 ? "infinity" : "-infinity");
    int32_t offset = 0;
    if (zoned) {
        int64_t seconds = t / US_PER_SECOND - (t % US_PER_SECOND < 0);
        offset = sql_zone_offset_at(e->zone, seconds + SQL_UNIX_EPOCH_DAYS * INT64_C(86400));
    }
    struct sql_datetime d;
    sql_datetime_of_timestamp(t + offset * US_PER_SECOND, &d);
    char *at = put_date(text_out, d.year, d.month, d.day);
    *at++ = ' ';
    at = put_time(at, d.hour, d.minute, d.second, d.us);
    if (zoned) at = put_offset(at, offset);
    if (d.year <= 0) at += put_literal(at, " BC");
    return (size_t)(at - text_out);
}

size_t sql_datetime_format(const struct sql_eval *e, uint32_t oid, int64_t value, char *text_out)
{
    ASSERT(sql_datetime_check(oid, value));
    ASSERT(text_out != NULL);
    size_t size = 0;
    switch (oid) {
    case SQL_TYPE_DATE: size = format_date(value, text_out); break;
    case SQL_TYPE_TIME: {
        char *end = put_time(
            text_out, (int32_t)(value / US_PER_HOUR), (int32_t)(value / US_PER_MINUTE % 60),
            (int32_t)(value / US_PER_SECOND % 60), (int32_t)(value % US_PER_SECOND));
        size = (size_t)(end - text_out);
        break;
    }
    case SQL_TYPE_TIMESTAMP: size = format_timestamp(e, false, value, text_out); break;
    case SQL_TYPE_TIMESTAMPTZ: size = format_timestamp(e, true, value, text_out); break;
    default: UNREACHABLE();
    }
    ASSERT(size <= SQL_DATETIME_TEXT_BYTES_MAX);
    return size;
}

/* "2 years", "-1 mons": a plus is written where a minus went before. */
static char *put_part(char *to, int64_t value, const char *unit, bool *first, bool *negative_before)
{
    if (value == 0) return to;
    to += sprintf(to, "%s%s%lld %s%s", *first ? "" : " ", *negative_before && value > 0 ? "+" : "",
                  (long long)value, unit, value == 1 ? "" : "s");
    *negative_before = value < 0;
    *first = false;
    return to;
}

size_t sql_interval_format(const struct sql_interval *i, char *text_out)
{
    ASSERT(i != NULL);
    ASSERT(text_out != NULL);
    bool first = true, negative_before = false;
    char *at = text_out;
    at = put_part(at, i->months / MONTHS_PER_YEAR, "year", &first, &negative_before);
    at = put_part(at, i->months % MONTHS_PER_YEAR, "mon", &first, &negative_before);
    at = put_part(at, i->days, "day", &first, &negative_before);
    if (first || i->us != 0) {
        uint64_t us = i->us < 0 ? -(uint64_t)i->us : (uint64_t)i->us;
        at += sprintf(at, "%s%s%02llu:", first ? "" : " ",
                      i->us < 0         ? "-"
                      : negative_before ? "+"
                                        : "",
                      (unsigned long long)(us / (uint64_t)US_PER_HOUR));
        at = put_two(at, (int32_t)(us / (uint64_t)US_PER_MINUTE % 60));
        *at++ = ':';
        at = put_two(at, (int32_t)(us / (uint64_t)US_PER_SECOND % 60));
        at = put_fraction(at, (int32_t)(us % (uint64_t)US_PER_SECOND));
    }
    ASSERT(at - text_out <= SQL_INTERVAL_TEXT_BYTES_MAX);
    return (size_t)(at - text_out);
}
