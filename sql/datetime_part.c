/* date_trunc and extract: one field of a date or time. */
#include <math.h>

#include "sql/datetime_int.h"
#include "sql/datetime_zone.h"
#include "sql/numeric.h"
#include "sql/text.h"

static enum status fail_unit(struct sql_eval *e, enum datetime_unit unit, struct bytes word,
                             uint32_t oid)
{
    const char *name = sql_type_find(oid)->sql_name;
    struct bytes lower;
    enum status status = text_change_case(e, word, TEXT_LOWER, &lower);
    if (status != STATUS_OK) return status;
    if (unit == UNIT_NONE)
        return sql_eval_fail(e, SQLSTATE_INVALID_PARAMETER_VALUE,
                             "unit \"%.*s\" not recognized for type %s", SQL_SHOWN(lower), name);
    return sql_eval_fail(e, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "unit \"%.*s\" not supported for type %s", SQL_SHOWN(lower), name);
}

/* --- Years in larger units ------------------------------------------------------------------- */

/* Which century (decade 10, millennium 1000) a year belongs to; year 0 is 1 BC. There is no century
 * 0: 100 AD ends the 1st, 1 BC begins the -1st. Decades do have a 0th. */
static int32_t span_of_year(int32_t year, int32_t span)
{
    if (span == 10) return year >= 0 ? year / 10 : -((9 - year) / 10);
    return year > 0 ? (year + span - 1) / span : -((span - year) / span);
}

/* The first year of that span. */
static int32_t span_start(int32_t year, int32_t span)
{
    if (span == 10) return year >= 0 ? year / 10 * 10 : -((9 - year) / 10) * 10;
    return year > 0 ? (year + span - 1) / span * span - (span - 1)
                    : -((span - year) / span) * span + 1;
}

/* Years as people count them: no year 0. */
static int32_t shown_year(int32_t year)
{
    return year > 0 ? year : year - 1;
}

/* The units that have a length, and the zone's parts; PostgreSQL knows the others in extract only.
 */
static enum datetime_unit unit_with_length(struct bytes word)
{
    enum datetime_unit unit = datetime_unit(word);
    return unit >= UNIT_DOW && unit <= UNIT_JULIAN ? UNIT_NONE : unit;
}

/* --- Truncation ------------------------------------------------------------------------------ */

/* Every field below the unit goes to its least value. False when the unit cannot be truncated to.
 */
static bool truncate_datetime(struct sql_datetime *d, enum datetime_unit unit)
{
    switch (unit) {
    case UNIT_WEEK: {
        int64_t days = sql_days_of_civil(d->year, d->month, d->day);
        days -= (sql_day_of_week(days) + 6) % 7;
        sql_civil_of_days(days, &d->year, &d->month, &d->day);
        unit = UNIT_DAY;
        break;
    }
    case UNIT_MILLENNIUM: d->year = span_start(d->year, 1000); break;
    case UNIT_CENTURY: d->year = span_start(d->year, 100); break;
    case UNIT_DECADE: d->year = span_start(d->year, 10); break;
    case UNIT_QUARTER:
        d->month = (d->month - 1) / 3 * 3 + 1;
        unit = UNIT_MONTH;
        break;
    default:
        if (unit < UNIT_MICROSECOND || unit > UNIT_YEAR) return false;
    }
    if (unit >= UNIT_YEAR) d->month = 1;
    if (unit >= UNIT_MONTH) d->day = 1;
    if (unit >= UNIT_DAY) d->hour = 0;
    if (unit >= UNIT_HOUR) d->minute = 0;
    if (unit >= UNIT_MINUTE) d->second = 0;
    if (unit >= UNIT_SECOND) d->us = 0;
    if (unit == UNIT_MILLISECOND) d->us -= d->us % 1000;
    return true;
}

enum status sql_timestamp_truncate(struct sql_eval *e, struct bytes word, uint32_t oid, int64_t t,
                                   const struct sql_zone *zone, int64_t *out)
{
    ASSERT(oid == SQL_TYPE_TIMESTAMP || oid == SQL_TYPE_TIMESTAMPTZ);
    enum datetime_unit unit = unit_with_length(word);
    bool zoned = oid == SQL_TYPE_TIMESTAMPTZ;
    if (!sql_timestamp_is_finite(t)) {
        *out = t;
        return STATUS_OK;
    }
    int64_t local = t, cut;
    enum status status = zoned ? sql_local_of_timestamptz(e, zone, t, &local) : STATUS_OK;
    if (status != STATUS_OK) return status;
    struct sql_datetime d;
    sql_datetime_of_timestamp(local, &d);
    if (!truncate_datetime(&d, unit)) return fail_unit(e, unit, word, oid);
    if (sql_timestamp_of_datetime(&d, &cut) != STATUS_OK)
        return sql_eval_fail(e, SQLSTATE_DATETIME_FIELD_OVERFLOW, "timestamp out of range");
    if (zoned && unit >= UNIT_DAY) return sql_timestamptz_of_local(e, zone, cut, out);
    *out = t - (local - cut); /* within a day the offset stays as it was */
    return STATUS_OK;
}

enum status sql_interval_truncate(struct sql_eval *e, struct bytes word,
                                  const struct sql_interval *i, struct sql_interval *out)
{
    enum datetime_unit unit = unit_with_length(word);
    struct sql_interval r = *i;
    int64_t us = 0;
    int32_t months = 0;
    switch (unit) {
    case UNIT_MICROSECOND: us = 1; break;
    case UNIT_MILLISECOND: us = 1000; break;
    case UNIT_SECOND: us = US_PER_SECOND; break;
    case UNIT_MINUTE: us = US_PER_MINUTE; break;
    case UNIT_HOUR: us = US_PER_HOUR; break;
    case UNIT_DAY: us = INT64_MAX; break;
    case UNIT_MONTH: months = 1; break;
    case UNIT_QUARTER: months = 3; break;
    case UNIT_YEAR: months = 12; break;
    case UNIT_DECADE: months = 120; break;
    case UNIT_CENTURY: months = 1200; break;
    case UNIT_MILLENNIUM: months = 12000; break;
    case UNIT_WEEK:
        fail_unit(e, unit, word, SQL_TYPE_INTERVAL);
        sql_error_detail(e->error, e->arena, "Months usually have fractional weeks.");
        return STATUS_INVALID;
    default: return fail_unit(e, unit, word, SQL_TYPE_INTERVAL);
    }
    if (months > 0) {
        r.months -= r.months % months;
        r.days = 0;
        r.us = 0;
    } else {
        r.us = us == INT64_MAX ? 0 : r.us - r.us % us;
    }
    *out = r;
    return STATUS_OK;
}

/* --- Extraction ------------------------------------------------------------------------------ */

/* A field's value: value / 10^scale, an infinity, or null. A Julian date of a timestamp is
 * value + us_of_day / day. */
struct part {
    __int128 value;
    int32_t scale;
    int infinite; /* -1 or 1 */
    bool is_null, with_time;
    int64_t us_of_day;
};

/* Fields of an infinite date or timestamp: those that grow without bound are infinite themselves.
 */
static bool infinite_part(enum datetime_unit unit, bool positive, struct part *p)
{
    switch (unit) {
    case UNIT_YEAR:
    case UNIT_DECADE:
    case UNIT_CENTURY:
    case UNIT_MILLENNIUM:
    case UNIT_JULIAN:
    case UNIT_ISOYEAR:
    case UNIT_EPOCH: p->infinite = positive ? 1 : -1; return true;
    case UNIT_NONE: return false;
    default: p->is_null = true; return true;
    }
}

static bool date_part(enum datetime_unit unit, int64_t days, struct part *p)
{
    int32_t year, month, day, iso_year;
    sql_civil_of_days(days, &year, &month, &day);
    switch (unit) {
    case UNIT_DAY: p->value = day; return true;
    case UNIT_MONTH: p->value = month; return true;
    case UNIT_QUARTER: p->value = (month - 1) / 3 + 1; return true;
    case UNIT_WEEK: p->value = sql_iso_week(days, &iso_year); return true;
    case UNIT_YEAR: p->value = shown_year(year); return true;
    case UNIT_DECADE: p->value = span_of_year(year, 10); return true;
    case UNIT_CENTURY: p->value = span_of_year(year, 100); return true;
    case UNIT_MILLENNIUM: p->value = span_of_year(year, 1000); return true;
    case UNIT_DOW: p->value = sql_day_of_week(days); return true;
    case UNIT_ISODOW: p->value = (sql_day_of_week(days) + 6) % 7 + 1; return true;
    case UNIT_DOY: p->value = days - sql_days_of_civil(year, 1, 1) + 1; return true;
    case UNIT_ISOYEAR:
        sql_iso_week(days, &iso_year);
        p->value = shown_year(iso_year);
        return true;
    case UNIT_JULIAN: p->value = days + SQL_JULIAN_EPOCH_DAYS; return true;
    case UNIT_EPOCH: p->value = (days + SQL_UNIX_EPOCH_DAYS) * INT64_C(86400); return true;
    default: return false;
    }
}

/* The time of day, or the time of an interval: then it may be negative, and hours go on past 24. */
static bool time_part(enum datetime_unit unit, int64_t us, struct part *p)
{
    switch (unit) {
    case UNIT_MICROSECOND: p->value = us % US_PER_MINUTE; return true;
    case UNIT_MILLISECOND:
        p->value = us % US_PER_MINUTE;
        p->scale = 3;
        return true;
    case UNIT_SECOND:
        p->value = us % US_PER_MINUTE;
        p->scale = 6;
        return true;
    case UNIT_MINUTE: p->value = us / US_PER_MINUTE % 60; return true;
    case UNIT_HOUR: p->value = us / US_PER_HOUR; return true;
    default: return false;
    }
}

static bool zone_part(enum datetime_unit unit, int64_t offset, struct part *p)
{
    switch (unit) {
    case UNIT_TIMEZONE: p->value = offset; return true;
    case UNIT_TIMEZONE_HOUR: p->value = offset / 3600; return true;
    case UNIT_TIMEZONE_MINUTE: p->value = offset / 60 % 60; return true;
    default: return false;
    }
}

static bool timestamp_part(struct sql_eval *e, enum datetime_unit unit, bool zoned, int64_t t,
                           struct part *p)
{
    if (!sql_timestamp_is_finite(t)) return infinite_part(unit, t > 0, p);
    int64_t local = t;
    if (zoned) {
        int64_t seconds = t / US_PER_SECOND - (t % US_PER_SECOND < 0);
        int32_t offset =
            sql_zone_offset_at(e->zone, seconds + SQL_UNIX_EPOCH_DAYS * INT64_C(86400));
        if (zone_part(unit, offset, p)) return true;
        local += offset * US_PER_SECOND;
    }
    if (unit == UNIT_EPOCH) {
        p->value = (__int128)t + SQL_UNIX_EPOCH_DAYS * US_PER_DAY;
        p->scale = 6;
        return true;
    }
    int64_t days = sql_date_of_timestamp(local);
    p->us_of_day = local - days * US_PER_DAY;
    p->with_time = unit == UNIT_JULIAN;
    return time_part(unit, p->us_of_day, p) || date_part(unit, days, p);
}

static bool interval_part(enum datetime_unit unit, const struct sql_interval *i, struct part *p)
{
    int32_t years = i->months / MONTHS_PER_YEAR, months = i->months % MONTHS_PER_YEAR;
    switch (unit) {
    case UNIT_DAY: p->value = i->days; return true;
    case UNIT_MONTH: p->value = months; return true;
    case UNIT_QUARTER: p->value = months / 3 + 1; return true;
    case UNIT_YEAR: p->value = years; return true;
    case UNIT_DECADE: p->value = years / 10; return true;
    case UNIT_CENTURY: p->value = years / 100; return true;
    case UNIT_MILLENNIUM: p->value = years / 1000; return true;
    case UNIT_EPOCH: /* a year is 365.25 days here */
        p->value =
            (__int128)years * 31557600 + (__int128)months * 30 * 86400 + (__int128)i->days * 86400;
        p->value = p->value * US_PER_SECOND + i->us;
        p->scale = 6;
        return true;
    default: return time_part(unit, i->us, p);
    }
}

static enum status find_part(struct sql_eval *e, struct bytes word, uint32_t oid,
                             const struct sql_datum *v, struct part *p)
{
    ASSERT(!v->is_null);
    enum datetime_unit unit = datetime_unit(word);
    bool found = false;
    *p = (struct part){.scale = 0};
    switch (oid) {
    case SQL_TYPE_DATE:
        found = sql_date_is_finite(v->integer)             ? date_part(unit, v->integer, p)
                : unit < UNIT_DAY || unit >= UNIT_TIMEZONE ? false
                                                           : infinite_part(unit, v->integer > 0, p);
        break;
    case SQL_TYPE_TIME:
        found = time_part(unit, v->integer, p);
        if (unit == UNIT_EPOCH) {
            p->value = v->integer;
            p->scale = 6;
            found = true;
        }
        break;
    case SQL_TYPE_TIMESTAMP:
    case SQL_TYPE_TIMESTAMPTZ:
        found = timestamp_part(e, unit, oid == SQL_TYPE_TIMESTAMPTZ, v->integer, p);
        break;
    case SQL_TYPE_INTERVAL: found = interval_part(unit, &v->interval, p); break;
    default: UNREACHABLE();
    }
    return found ? STATUS_OK : fail_unit(e, unit, word, oid);
}

/* days + us / day, at the scale numeric division chooses. */
static enum status julian_numeric(struct sql_eval *e, const struct part *p, struct bytes *out)
{
    struct bytes days, us, day, fraction;
    enum status status = sql_numeric_from_integer(e, (int64_t)p->value, &days);
    if (status == STATUS_OK) status = sql_numeric_from_integer(e, p->us_of_day, &us);
    if (status == STATUS_OK) status = sql_numeric_from_integer(e, US_PER_DAY, &day);
    if (status == STATUS_OK) status = sql_numeric_apply2(e, SQL_NUMERIC_DIVIDE, us, day, &fraction);
    if (status != STATUS_OK) return status;
    return sql_numeric_apply2(e, SQL_NUMERIC_ADD, days, fraction, out);
}

enum status sql_datetime_extract(struct sql_eval *e, struct bytes field, uint32_t oid,
                                 const struct sql_datum *value, struct sql_datum *out)
{
    struct part p;
    enum status status = find_part(e, field, oid, value, &p);
    if (status != STATUS_OK) return status;
    struct sql_datum result = {.is_null = p.is_null};
    if (p.infinite != 0)
        status = sql_numeric_from_real(e, p.infinite > 0 ? HUGE_VAL : -HUGE_VAL, 15, &result.bytes);
    else if (p.with_time)
        status = julian_numeric(e, &p, &result.bytes);
    else if (!p.is_null)
        status = sql_numeric_from_wide(e, p.value, p.scale, &result.bytes);
    if (status == STATUS_OK) *out = result;
    return status;
}

enum status sql_datetime_part(struct sql_eval *e, struct bytes field, uint32_t oid,
                              const struct sql_datum *value, struct sql_datum *out)
{
    struct part p;
    enum status status = find_part(e, field, oid, value, &p);
    if (status != STATUS_OK) return status;
    double result = (double)p.value / (p.scale == 6 ? 1e6 : p.scale == 3 ? 1e3 : 1);
    if (p.infinite != 0) result = p.infinite > 0 ? HUGE_VAL : -HUGE_VAL;
    if (p.with_time) result += (double)p.us_of_day / (double)US_PER_DAY;
    *out = (struct sql_datum){.is_null = p.is_null, .real = result};
    return STATUS_OK;
}
