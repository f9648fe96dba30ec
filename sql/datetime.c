/* The calendar, and what changes a date or time without text: rounding, conversion, arithmetic. */
#include "sql/datetime.h"

#include <math.h>

#include "base/assert.h"
#include "sql/datetime_zone.h"

/* --- Calendar -------------------------------------------------------------------------------- */

/* Floor division: the calendar goes on to the left of its epoch. */
static int64_t floor_divide(int64_t a, int64_t b)
{
    ASSERT(b > 0);
    return a / b - (a % b < 0);
}

#define DAYS_PER_ERA  146097 /* 400 Gregorian years */
#define DAYS_TO_MARCH 60     /* from January 1, 2000 to March 1, 2000 */

/* Years are counted from March, so that the leap day is a year's last: then the days before a month
 * are the whole part of a straight line. */
int64_t sql_days_of_civil(int32_t year, int32_t month, int32_t day)
{
    ASSERT(month >= 1 && month <= 12);
    int64_t shifted = (int64_t)year - (month <= 2);
    int64_t era = floor_divide(shifted, 400), year_of_era = shifted - era * 400;
    int64_t month_index = month > 2 ? month - 3 : month + 9;
    int64_t day_of_year = (153 * month_index + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (era - 5) * DAYS_PER_ERA + day_of_era + DAYS_TO_MARCH;
}

void sql_civil_of_days(int64_t days, int32_t *year_out, int32_t *month_out, int32_t *day_out)
{
    int64_t shifted = days - DAYS_TO_MARCH;
    int64_t era = floor_divide(shifted, DAYS_PER_ERA), day_of_era = shifted - era * DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_index = (5 * day_of_year + 2) / 153;
    *day_out = (int32_t)(day_of_year - (153 * month_index + 2) / 5 + 1);
    *month_out = (int32_t)(month_index < 10 ? month_index + 3 : month_index - 9);
    *year_out = (int32_t)(year_of_era + (era + 5) * 400 + (*month_out <= 2));
}

int32_t sql_days_in_month(int32_t year, int32_t month)
{
    ASSERT(month >= 1 && month <= 12);
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

int32_t sql_day_of_week(int64_t days)
{
    int64_t day = (days + 6) % 7; /* 2000-01-01 was a Saturday */
    return (int32_t)(day < 0 ? day + 7 : day);
}

/* The Monday of ISO week 1: that of the week which holds January 4. */
static int64_t first_monday(int32_t year)
{
    int64_t fourth = sql_days_of_civil(year, 1, 4);
    return fourth - (sql_day_of_week(fourth) + 6) % 7;
}

int32_t sql_iso_week(int64_t days, int32_t *year_out)
{
    int32_t year, month, day;
    sql_civil_of_days(days, &year, &month, &day);
    if (days < first_monday(year))
        year--;
    else if (days >= first_monday(year + 1))
        year++;
    *year_out = year;
    return (int32_t)((days - first_monday(year)) / 7) + 1;
}

void sql_datetime_of_timestamp(int64_t t, struct sql_datetime *out)
{
    ASSERT(sql_timestamp_is_finite(t));
    int64_t days = floor_divide(t, US_PER_DAY), us = t - days * US_PER_DAY;
    sql_civil_of_days(days, &out->year, &out->month, &out->day);
    out->hour = (int32_t)(us / US_PER_HOUR);
    out->minute = (int32_t)(us / US_PER_MINUTE % 60);
    out->second = (int32_t)(us / US_PER_SECOND % 60);
    out->us = (int32_t)(us % US_PER_SECOND);
}

enum status sql_timestamp_of_datetime(const struct sql_datetime *d, int64_t *out)
{
    ASSERT(out != NULL);
    __int128 t = (__int128)sql_days_of_civil(d->year, d->month, d->day) * US_PER_DAY;
    t += d->hour * US_PER_HOUR + d->minute * US_PER_MINUTE + d->second * US_PER_SECOND + d->us;
    if (t < SQL_TIMESTAMP_MIN || t > SQL_TIMESTAMP_MAX) return STATUS_TOO_LARGE;
    *out = (int64_t)t;
    return STATUS_OK;
}

bool sql_datetime_check(uint32_t oid, int64_t v)
{
    switch (oid) {
    case SQL_TYPE_DATE: return !sql_date_is_finite(v) || (v >= SQL_DATE_MIN && v <= SQL_DATE_MAX);
    case SQL_TYPE_TIME: return v >= 0 && v <= US_PER_DAY;
    case SQL_TYPE_TIMESTAMP:
    case SQL_TYPE_TIMESTAMPTZ: return !sql_timestamp_is_finite(v) || sql_timestamp_is_valid(v);
    default: UNREACHABLE();
    }
}

/* --- Rounding -------------------------------------------------------------------------------- */

static const int64_t unit_of_precision[SQL_TIME_PRECISION_MAX + 1] = {1000000, 100000, 10000, 1000,
                                                                      100,     10,     1};

int64_t sql_time_round(int64_t us, int32_t precision)
{
    if (precision < 0 || precision >= SQL_TIME_PRECISION_MAX) return us;
    int64_t unit = unit_of_precision[precision], half = unit / 2;
    return us >= 0 ? (us + half) / unit * unit : -((half - us) / unit * unit);
}

static enum status fail_timestamp(struct sql_eval *e)
{
    return sql_eval_fail(e, SQLSTATE_DATETIME_FIELD_OVERFLOW, "timestamp out of range");
}

static enum status fail_interval(struct sql_eval *e)
{
    return sql_eval_fail(e, SQLSTATE_DATETIME_FIELD_OVERFLOW, "interval out of range");
}

enum status sql_timestamp_fit(struct sql_eval *e, int64_t t, int32_t typmod, int64_t *out)
{
    ASSERT(out != NULL);
    if (sql_timestamp_is_finite(t)) {
        t = sql_time_round(t, typmod);
        if (!sql_timestamp_is_valid(t)) return fail_timestamp(e);
    }
    *out = t;
    return STATUS_OK;
}

/* Drops the fields that an INTERVAL type does not have: PostgreSQL's, all below the lowest named.
 */
static void keep_fields(struct sql_interval *i, int32_t fields)
{
    if (fields & SQL_INTERVAL_SECOND || fields == SQL_INTERVAL_FIELDS_ALL) return;
    if (fields & SQL_INTERVAL_MINUTE) {
        i->us -= i->us % US_PER_MINUTE;
    } else if (fields & SQL_INTERVAL_HOUR) {
        i->us -= i->us % US_PER_HOUR;
    } else {
        i->us = 0;
        if (fields & SQL_INTERVAL_DAY) return;
        i->days = 0;
        if (fields & SQL_INTERVAL_MONTH) return;
        i->months -= i->months % MONTHS_PER_YEAR;
    }
}

enum status sql_interval_fit(struct sql_eval *e, const struct sql_interval *i, int32_t typmod,
                             struct sql_interval *out)
{
    ASSERT(out != NULL);
    struct sql_interval fitted = *i;
    if (typmod >= 0) {
        keep_fields(&fitted, sql_interval_typmod_fields(typmod));
        int32_t precision = sql_interval_typmod_precision(typmod);
        if (precision >= 0 && precision < SQL_TIME_PRECISION_MAX) {
            int64_t unit = unit_of_precision[precision];
            if (fitted.us > INT64_MAX - unit || fitted.us < INT64_MIN + unit)
                return fail_interval(e);
            fitted.us = sql_time_round(fitted.us, precision);
        }
    }
    *out = fitted;
    return STATUS_OK;
}

/* --- Conversions ----------------------------------------------------------------------------- */

enum status sql_timestamp_of_date(struct sql_eval *e, int64_t date, int64_t *out)
{
    ASSERT(sql_datetime_check(SQL_TYPE_DATE, date));
    if (!sql_date_is_finite(date)) {
        *out = date > 0 ? SQL_TIMESTAMP_INFINITY : SQL_TIMESTAMP_MINUS_INFINITY;
        return STATUS_OK;
    }
    if (date > SQL_TIMESTAMP_MAX / US_PER_DAY)
        return sql_eval_fail(e, SQLSTATE_DATETIME_FIELD_OVERFLOW,
                             "date out of range for timestamp");
    *out = date * US_PER_DAY;
    return STATUS_OK;
}

int64_t sql_date_of_timestamp(int64_t t)
{
    if (t == SQL_TIMESTAMP_INFINITY) return SQL_DATE_INFINITY;
    if (t == SQL_TIMESTAMP_MINUS_INFINITY) return SQL_DATE_MINUS_INFINITY;
    return floor_divide(t, US_PER_DAY);
}

/* Timestamps count from 2000, zones from 1970. */
static int64_t unix_seconds(int64_t t)
{
    return floor_divide(t, US_PER_SECOND) + SQL_UNIX_EPOCH_DAYS * INT64_C(86400);
}

enum status sql_timestamptz_of_local(struct sql_eval *e, const struct sql_zone *zone, int64_t local,
                                     int64_t *out)
{
    if (!sql_timestamp_is_finite(local)) {
        *out = local;
        return STATUS_OK;
    }
    ASSERT(sql_timestamp_is_valid(local));
    int64_t t = local - sql_zone_offset_of_local(zone, unix_seconds(local)) * US_PER_SECOND;
    if (!sql_timestamp_is_valid(t)) return fail_timestamp(e);
    *out = t;
    return STATUS_OK;
}

enum status sql_local_of_timestamptz(struct sql_eval *e, const struct sql_zone *zone, int64_t t,
                                     int64_t *out)
{
    if (!sql_timestamp_is_finite(t)) {
        *out = t;
        return STATUS_OK;
    }
    ASSERT(sql_timestamp_is_valid(t));
    int64_t local = t + sql_zone_offset_at(zone, unix_seconds(t)) * US_PER_SECOND;
    if (!sql_timestamp_is_valid(local)) return fail_timestamp(e);
    *out = local;
    return STATUS_OK;
}

/* --- Intervals ------------------------------------------------------------------------------- */

__int128 sql_interval_length(const struct sql_interval *i)
{
    __int128 days = (__int128)i->months * DAYS_PER_MONTH + i->days;
    return days * US_PER_DAY + i->us;
}

enum status sql_interval_negate(struct sql_eval *e, const struct sql_interval *a,
                                struct sql_interval *out)
{
    if (a->us == INT64_MIN || a->days == INT32_MIN || a->months == INT32_MIN)
        return fail_interval(e);
    *out = (struct sql_interval){.us = -a->us, .days = -a->days, .months = -a->months};
    return STATUS_OK;
}

enum status sql_interval_add(struct sql_eval *e, const struct sql_interval *a,
                             const struct sql_interval *b, struct sql_interval *out)
{
    struct sql_interval sum;
    if (__builtin_add_overflow(a->us, b->us, &sum.us) ||
        __builtin_add_overflow(a->days, b->days, &sum.days) ||
        __builtin_add_overflow(a->months, b->months, &sum.months))
        return fail_interval(e);
    *out = sum;
    return STATUS_OK;
}

/* Rounds away what binary fractions get wrong: to whole us of a day. */
static double round_to_us(double seconds)
{
    return rint(seconds * 1e6) / 1e6;
}

static bool fits_int32(double v)
{
    return v >= INT32_MIN && v <= INT32_MAX;
}

/* The common end of multiplication and division: months, days and us are scaled already; the
 * fraction of a month is handed down to days, and that of a day to time. */
static enum status hand_down(struct sql_eval *e, double months, double days, double us,
                             struct sql_interval *out)
{
    if (!fits_int32(months) || !fits_int32(days)) return fail_interval(e);
    struct sql_interval result = {.months = (int32_t)months, .days = (int32_t)days};
    double month_days = round_to_us((months - result.months) * DAYS_PER_MONTH);
    int32_t whole_days = (int32_t)month_days;
    double seconds = round_to_us((days - result.days + month_days - whole_days) * 86400.0);
    /* Rounding, or the sum of two fractions, may have made a whole day of it. */
    int32_t extra = (int32_t)(seconds / 86400.0);
    seconds -= extra * 86400.0;
    double time = rint(us + seconds * 1e6);
    if (__builtin_add_overflow(result.days, extra + whole_days, &result.days) || isnan(time) ||
        time >= 9223372036854775808.0 || time < -9223372036854775808.0)
        return fail_interval(e);
    result.us = (int64_t)time;
    *out = result;
    return STATUS_OK;
}

enum status sql_interval_multiply(struct sql_eval *e, const struct sql_interval *a, double factor,
                                  struct sql_interval *out)
{
    return hand_down(e, a->months * factor, a->days * factor, (double)a->us * factor, out);
}

enum status sql_interval_divide(struct sql_eval *e, const struct sql_interval *a, double divisor,
                                struct sql_interval *out)
{
    if (divisor == 0) return sql_eval_fail(e, SQLSTATE_DIVISION_BY_ZERO, "division by zero");
    return hand_down(e, a->months / divisor, a->days / divisor, (double)a->us / divisor, out);
}

/* Whole days of the time become days. */
static bool carry_time(struct sql_interval *i)
{
    int64_t days = i->us / US_PER_DAY;
    i->us -= days * US_PER_DAY;
    return !__builtin_add_overflow(i->days, (int32_t)days, &i->days);
}

static bool carry_days(struct sql_interval *i)
{
    int32_t months = i->days / DAYS_PER_MONTH;
    i->days -= months * DAYS_PER_MONTH;
    return !__builtin_add_overflow(i->months, months, &i->months);
}

/* Gives days the sign of months. Days that are 0 have the sign of the time when `with_time`. */
static void align_days(struct sql_interval *i, bool with_time)
{
    int64_t below = i->days != 0 || !with_time ? i->days : i->us;
    if (i->months > 0 && below < 0) {
        i->days += DAYS_PER_MONTH;
        i->months--;
    } else if (i->months < 0 && below > 0) {
        i->days -= DAYS_PER_MONTH;
        i->months++;
    }
}

static void align_time(struct sql_interval *i)
{
    if (i->days > 0 && i->us < 0) {
        i->us += US_PER_DAY;
        i->days--;
    } else if (i->days < 0 && i->us > 0) {
        i->us -= US_PER_DAY;
        i->days++;
    }
}

enum status sql_interval_justify(struct sql_eval *e, enum sql_justify what,
                                 const struct sql_interval *a, struct sql_interval *out)
{
    struct sql_interval i = *a;
    bool fits = true;
    switch (what) {
    case SQL_JUSTIFY_HOURS:
        fits = carry_time(&i);
        align_time(&i);
        break;
    case SQL_JUSTIFY_DAYS:
        fits = carry_days(&i);
        align_days(&i, false);
        break;
    case SQL_JUSTIFY_ALL:
        /* Days first when time would only add to them, lest they overflow. */
        if ((i.days > 0 && i.us > 0) || (i.days < 0 && i.us < 0)) fits = carry_days(&i);
        fits = fits && carry_time(&i) && carry_days(&i);
        align_days(&i, true);
        align_time(&i);
        break;
    }
    if (!fits) return fail_interval(e);
    *out = i;
    return STATUS_OK;
}

/* --- Timestamps and intervals ---------------------------------------------------------------- */

static enum status add_months(struct sql_eval *e, int64_t t, int32_t months, int64_t *out)
{
    struct sql_datetime d;
    sql_datetime_of_timestamp(t, &d);
    int64_t month = (int64_t)d.year * MONTHS_PER_YEAR + d.month - 1 + months;
    d.year = (int32_t)floor_divide(month, MONTHS_PER_YEAR);
    d.month = (int32_t)(month - (int64_t)d.year * MONTHS_PER_YEAR) + 1;
    if (d.year > 300000 || d.year < -5000) return fail_timestamp(e);
    int32_t last = sql_days_in_month(d.year, d.month);
    if (d.day > last) d.day = last;
    return sql_timestamp_of_datetime(&d, out) == STATUS_OK ? STATUS_OK : fail_timestamp(e);
}

static enum status add_us(struct sql_eval *e, int64_t t, int64_t us, int64_t *out)
{
    int64_t sum;
    if (__builtin_add_overflow(t, us, &sum) || !sql_timestamp_is_valid(sum))
        return fail_timestamp(e);
    *out = sum;
    return STATUS_OK;
}

static enum status add_days(struct sql_eval *e, int64_t t, int32_t days, int64_t *out)
{
    int64_t us;
    if (__builtin_mul_overflow((int64_t)days, US_PER_DAY, &us)) return fail_timestamp(e);
    return add_us(e, t, us, out);
}

enum status sql_timestamp_add(struct sql_eval *e, uint32_t oid, int64_t t,
                              const struct sql_interval *i, int64_t *out)
{
    ASSERT(oid == SQL_TYPE_TIMESTAMP || oid == SQL_TYPE_TIMESTAMPTZ);
    if (!sql_timestamp_is_finite(t)) {
        *out = t;
        return STATUS_OK;
    }
    bool zoned = oid == SQL_TYPE_TIMESTAMPTZ;
    enum status status = STATUS_OK;
    for (int step = 0; step < 2; step++) { /* months, then days, each on the local clock */
        if (step == 0 ? i->months == 0 : i->days == 0) continue;
        if (zoned) status = sql_local_of_timestamptz(e, e->zone, t, &t);
        if (status == STATUS_OK)
            status = step == 0 ? add_months(e, t, i->months, &t) : add_days(e, t, i->days, &t);
        if (status == STATUS_OK && zoned) status = sql_timestamptz_of_local(e, e->zone, t, &t);
        if (status != STATUS_OK) return status;
    }
    return add_us(e, t, i->us, out);
}

enum status sql_timestamp_subtract(struct sql_eval *e, int64_t a, int64_t b,
                                   struct sql_interval *out)
{
    if (!sql_timestamp_is_finite(a) || !sql_timestamp_is_finite(b))
        return sql_eval_fail(e, SQLSTATE_DATETIME_FIELD_OVERFLOW,
                             "cannot subtract infinite timestamps");
    struct sql_interval difference = {0};
    if (__builtin_sub_overflow(a, b, &difference.us)) return fail_interval(e);
    return sql_interval_justify(e, SQL_JUSTIFY_HOURS, &difference, out);
}

enum status sql_timestamp_age(struct sql_eval *e, uint32_t oid, int64_t a, int64_t b,
                              struct sql_interval *out)
{
    if (!sql_timestamp_is_finite(a) || !sql_timestamp_is_finite(b)) return fail_timestamp(e);
    enum status status = STATUS_OK;
    bool swap = a < b;
    if (oid == SQL_TYPE_TIMESTAMPTZ) {
        status = sql_local_of_timestamptz(e, e->zone, a, &a);
        if (status == STATUS_OK) status = sql_local_of_timestamptz(e, e->zone, b, &b);
        if (status != STATUS_OK) return status;
    }
    struct sql_datetime later, earlier;
    sql_datetime_of_timestamp(swap ? b : a, &later);
    sql_datetime_of_timestamp(swap ? a : b, &earlier);
    int32_t months = (later.year - earlier.year) * MONTHS_PER_YEAR + later.month - earlier.month;
    int32_t days = later.day - earlier.day;
    int64_t time_later = later.hour * US_PER_HOUR + later.minute * US_PER_MINUTE +
                         later.second * US_PER_SECOND + later.us;
    int64_t time_earlier = earlier.hour * US_PER_HOUR + earlier.minute * US_PER_MINUTE +
                           earlier.second * US_PER_SECOND + earlier.us;
    int64_t us = time_later - time_earlier;
    if (us < 0) {
        us += US_PER_DAY;
        days--;
    }
    /* Days are borrowed from the month that the period begins in. */
    while (days < 0) {
        days += sql_days_in_month(earlier.year, earlier.month);
        months--;
    }
    struct sql_interval age = {.us = us, .days = days, .months = months};
    if (!swap) {
        *out = age;
        return STATUS_OK;
    }
    return sql_interval_negate(e, &age, out);
}
