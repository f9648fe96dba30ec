/* Reading dates, times and timestamps. Fields (datetime_split.c) are taken in turn; what a number
 * means depends on what is known already, as in PostgreSQL: see take_number. */
#include <stdlib.h>

#include "sql/datetime_int.h"
#include "sql/datetime_zone.h"
#include "sql/text_ascii.h"

/* What a text has told so far. */
enum {
    HAVE_YEAR = 1,
    HAVE_MONTH = 2,
    HAVE_DAY = 4,
    HAVE_DATE = HAVE_YEAR | HAVE_MONTH | HAVE_DAY,
    HAVE_DOY = 8, /* day of the year, instead of month and day */
    HAVE_TIME = 16,
    HAVE_ZONE = 32,
    HAVE_MERIDIEM = 64,
    HAVE_ERA = 128,
    HAVE_WEEKDAY = 256,
    HAVE_SPECIAL = 512, /* epoch or an infinity */
};

struct parser {
    struct sql_eval *e;
    bool time_only; /* reading a time: bare numbers are times */
    uint32_t have;
    struct sql_datetime d;
    int32_t day_of_year;
    bool text_month, two_digit_year, julian;
    bool pm, bc;
    bool expect_julian, expect_time; /* the field before was a J or a T */
    enum special special;
    int32_t offset;              /* HAVE_ZONE: seconds east, or */
    const struct sql_zone *zone; /* a zone that decides when the date is known */
    struct sql_zone zone_rule;   /* holds *zone when it is a POSIX rule */
};

static enum datetime_fault know(struct parser *p, uint32_t what)
{
    if (p->have & what) return DATETIME_BAD_FORMAT;
    p->have |= what;
    return DATETIME_SOUND;
}

static int32_t digits_value(const char *text, size_t size)
{
    int64_t value = 0;
    for (size_t i = 0; i < size && value < INT32_MAX; i++)
        value = value * 10 + (text[i] - '0');
    return value > INT32_MAX ? INT32_MAX : (int32_t)value;
}

static size_t digit_count(const char *text)
{
    return strspn(text, "0123456789");
}

/* --- Numbers --------------------------------------------------------------------------------- */

/* Digits that run together: YYYYMMDD, YYMMDD, HHMMSS, HHMM, with or without a fraction of a second.
 */
static enum datetime_fault take_run(struct parser *p, const char *text, bool date_known)
{
    size_t size = digit_count(text);
    if (text[size] == '.') {
        if (!datetime_read_fraction(text + size, &p->d.us)) return DATETIME_BAD_FORMAT;
    } else if (text[size] != 0) {
        return DATETIME_BAD_FORMAT;
    } else if (!date_known && (p->have & HAVE_DATE) != HAVE_DATE && size >= 6) {
        p->d.day = digits_value(text + size - 2, 2);
        p->d.month = digits_value(text + size - 4, 2);
        p->d.year = digits_value(text, size - 4);
        p->two_digit_year = size - 4 == 2;
        return know(p, HAVE_DATE);
    }
    if (p->have & HAVE_TIME || (size != 6 && size != 4)) return DATETIME_BAD_FORMAT;
    p->d.hour = digits_value(text, 2);
    p->d.minute = digits_value(text + 2, 2);
    p->d.second = size == 6 ? digits_value(text + 4, 2) : 0;
    return know(p, HAVE_TIME);
}

static enum datetime_fault set_year(struct parser *p, int32_t value, size_t size)
{
    p->d.year = value;
    p->two_digit_year = size <= 2;
    return know(p, HAVE_YEAR);
}

static enum datetime_fault set_month(struct parser *p, int32_t value)
{
    p->d.month = value;
    return know(p, HAVE_MONTH);
}

static enum datetime_fault set_day(struct parser *p, int32_t value)
{
    p->d.day = value;
    return know(p, HAVE_DAY);
}

/* A number of a date: which part it is follows from DateStyle's order and the parts before it. */
static enum datetime_fault take_date_number(struct parser *p, int32_t value, size_t size)
{
    enum sql_date_order order = p->e->date_order;
    bool year_first = size >= 3 || order == SQL_DATE_ORDER_YMD;
    if (size == 3 && (p->have & HAVE_DATE) == HAVE_YEAR && value >= 1 && value <= 366) {
        p->day_of_year = value;
        return know(p, HAVE_DOY | HAVE_MONTH | HAVE_DAY);
    }
    switch (p->have & HAVE_DATE) {
    case 0:
        if (year_first) return set_year(p, value, size);
        return order == SQL_DATE_ORDER_DMY ? set_day(p, value) : set_month(p, value);
    case HAVE_YEAR: return set_month(p, value);
    case HAVE_MONTH:
        if (p->text_month && year_first) return set_year(p, value, size);
        return set_day(p, value);
    case HAVE_YEAR | HAVE_MONTH:
        /* DD-MON-YYYY in YMD order: what was taken for the year is the day. */
        if (p->text_month && size >= 3 && p->two_digit_year) {
            p->d.day = p->d.year;
            p->d.year = value;
            p->two_digit_year = false;
            return know(p, HAVE_DAY);
        }
        return set_day(p, value);
    case HAVE_DAY: return set_month(p, value);
    case HAVE_MONTH | HAVE_DAY: return set_year(p, value, size);
    default: return DATETIME_BAD_FORMAT;
    }
}

static enum datetime_fault take_number(struct parser *p, const char *text)
{
    size_t size = digit_count(text);
    bool date_known = p->time_only || (p->have & HAVE_DATE) == HAVE_DATE;
    if (size == 0) return DATETIME_BAD_FORMAT;
    if (text[size] == '.' && size > 2) return take_run(p, text, date_known);
    if (text[size] != 0) return DATETIME_BAD_FORMAT;
    if (date_known) return take_run(p, text, true);
    return take_date_number(p, digits_value(text, size), size);
}

static enum datetime_fault take_julian(struct parser *p, const char *text)
{
    size_t size = digit_count(text);
    p->expect_julian = false;
    if (size == 0 || size > 10) return DATETIME_BAD_FORMAT;
    if (text[size] == '.') { /* the fraction is the time since midnight */
        struct bytes rest = bytes_of_string(text + size);
        if (digit_count(text + size + 1) + 1 != rest.size) return DATETIME_BAD_FORMAT;
        int64_t us = (int64_t)(strtod(text + size, NULL) * (double)US_PER_DAY);
        p->d.hour = (int32_t)(us / US_PER_HOUR);
        p->d.minute = (int32_t)(us / US_PER_MINUTE % 60);
        p->d.second = (int32_t)(us / US_PER_SECOND % 60);
        p->d.us = (int32_t)(us % US_PER_SECOND);
        if (know(p, HAVE_TIME) != DATETIME_SOUND) return DATETIME_BAD_FORMAT;
    } else if (text[size] != 0) {
        return DATETIME_BAD_FORMAT;
    }
    p->julian = true;
    int64_t days = (int64_t)digits_value(text, size) - SQL_JULIAN_EPOCH_DAYS;
    sql_civil_of_days(days, &p->d.year, &p->d.month, &p->d.day);
    return know(p, HAVE_DATE);
}

/* --- Dates ----------------------------------------------------------------------------------- */

#define PARTS_MAX 4

/* Cuts 8-jan-1999 into its parts, at most PARTS_MAX; `buffer` receives the text with NULs. */
static size_t cut_parts(const char *text, char *buffer, const char **parts)
{
    size_t count = 0;
    const char *at = text;
    while (*at != 0) {
        if (!ascii_is_digit(*at) && !ascii_is_letter(*at)) {
            at++;
            continue;
        }
        if (count == PARTS_MAX) return 0;
        parts[count++] = buffer;
        bool digits = ascii_is_digit(*at);
        while (digits ? ascii_is_digit(*at) : ascii_is_letter(*at))
            *buffer++ = *at++;
        *buffer++ = 0;
    }
    return count;
}

static enum datetime_fault take_date(struct parser *p, const char *text)
{
    char buffer[DATETIME_INPUT_BYTES_MAX * 2 + 1];
    const char *parts[PARTS_MAX];
    size_t count = cut_parts(text, buffer, parts);
    if (count == 0) return DATETIME_BAD_FORMAT;
    /* A month in letters tells how to read the numbers around it. */
    for (size_t i = 0; i < count; i++) {
        if (!ascii_is_letter(parts[i][0])) continue;
        int32_t value;
        if (datetime_word(parts[i], &value) != WORD_MONTH) return DATETIME_BAD_FORMAT;
        if (set_month(p, value) != DATETIME_SOUND) return DATETIME_BAD_FORMAT;
        p->text_month = true;
    }
    for (size_t i = 0; i < count; i++) {
        if (ascii_is_letter(parts[i][0])) continue;
        size_t size = digit_count(parts[i]);
        enum datetime_fault fault = take_date_number(p, digits_value(parts[i], size), size);
        if (fault != DATETIME_SOUND) return fault;
    }
    /* In front of a date in one field nothing may stand but a zone. */
    uint32_t rest = p->have & ~(uint32_t)(HAVE_DOY | HAVE_ZONE);
    return rest == HAVE_DATE ? DATETIME_SOUND : DATETIME_BAD_FORMAT;
}

/* --- Times and zones ------------------------------------------------------------------------- */

static enum datetime_fault take_time(struct parser *p, const char *text)
{
    struct clock_reading clock;
    enum datetime_fault fault = datetime_read_clock(text, false, &clock);
    if (fault != DATETIME_SOUND) return fault;
    if (clock.hours > 24) return DATETIME_FIELD_OVERFLOW;
    p->d.hour = (int32_t)clock.hours;
    p->d.minute = clock.minutes;
    p->d.second = clock.seconds;
    p->d.us = clock.us;
    return know(p, HAVE_TIME);
}

static enum datetime_fault take_offset(struct parser *p, const char *text)
{
    enum datetime_fault fault = datetime_read_offset(text, &p->offset);
    if (fault != DATETIME_SOUND) return fault;
    return know(p, HAVE_ZONE);
}

/* A zone by its full name, or a POSIX rule. `must` makes an unknown one an error of its own. */
static enum datetime_fault take_zone_name(struct parser *p, const char *text, bool must)
{
    struct bytes name = bytes_of_string(text);
    p->zone = sql_zones_find(p->e->zones, name);
    if (p->zone == NULL) {
        if (sql_zone_parse_rule(name, &p->zone_rule.rule) == STATUS_OK) {
            p->zone_rule.has_rule = true;
            p->zone = &p->zone_rule;
        } else if (must) {
            sql_eval_fail(p->e, SQLSTATE_INVALID_PARAMETER_VALUE, "time zone \"%s\" not recognized",
                          text);
            return DATETIME_REPORTED;
        } else {
            return DATETIME_BAD_FORMAT;
        }
    }
    return know(p, HAVE_ZONE);
}

/* A field with separators: a date, or after one a zone's name or hhmmss-zz. */
static enum datetime_fault take_date_field(struct parser *p, const char *text)
{
    bool digit = ascii_is_digit(text[0]);
    /* jan-8-1999 begins like america/new_york. */
    char word[12];
    size_t letters = 0;
    while (ascii_is_letter(text[letters]) && letters < sizeof word - 1) {
        word[letters] = text[letters];
        letters++;
    }
    word[letters] = 0;
    int32_t value;
    bool month = letters > 0 && datetime_word(word, &value) == WORD_MONTH;
    bool date_known = (p->have & HAVE_DATE) == HAVE_DATE || p->special != 0;
    if (!date_known && (digit || month)) return take_date(p, text);
    if (!digit) return take_zone_name(p, text, true);
    const char *sign = strchr(text, '-');
    if (sign == NULL) return p->time_only ? take_date(p, text) : DATETIME_BAD_FORMAT;
    if (p->time_only && (p->have & HAVE_DATE) == 0 && sign - text <= 4 &&
        strchr(sign + 1, '-') != NULL)
        return take_date(p, text);
    enum datetime_fault fault = take_offset(p, sign);
    if (fault != DATETIME_SOUND) return fault;
    char run[DATETIME_INPUT_BYTES_MAX + 1];
    memcpy(run, text, (size_t)(sign - text));
    run[sign - text] = 0;
    return take_run(p, run, true);
}

/* --- Words ----------------------------------------------------------------------------------- */

static enum datetime_fault take_month(struct parser *p, int32_t value)
{
    /* "8 January": the number before was taken for the month, and is the day. */
    if (p->have & HAVE_MONTH && !p->text_month && !(p->have & HAVE_DAY) && p->d.month >= 1 &&
        p->d.month <= 31) {
        p->d.day = p->d.month;
        p->have = (p->have & ~(uint32_t)HAVE_MONTH) | HAVE_DAY;
    }
    p->text_month = true;
    return set_month(p, value);
}

static enum datetime_fault take_unknown(struct parser *p, const char *text)
{
    if (sql_zone_abbreviation(bytes_of_string(text), &p->offset)) return know(p, HAVE_ZONE);
    return take_zone_name(p, text, false);
}

/* The days may have a time beside them. What is not on the calendar overrides all else. */
static enum datetime_fault take_special(struct parser *p, enum special special)
{
    if (p->special < SPECIAL_EPOCH) p->special = special;
    switch (special) {
    case SPECIAL_NOW: return know(p, HAVE_DATE | HAVE_TIME | HAVE_ZONE);
    case SPECIAL_TODAY:
    case SPECIAL_TOMORROW:
    case SPECIAL_YESTERDAY: return know(p, HAVE_DATE);
    case SPECIAL_ALLBALLS: return know(p, HAVE_TIME | HAVE_ZONE);
    default: return know(p, HAVE_SPECIAL);
    }
}

static enum datetime_fault take_word(struct parser *p, const char *text, bool last)
{
    int32_t value;
    switch (datetime_word(text, &value)) {
    case WORD_MONTH: return take_month(p, value);
    case WORD_WEEKDAY: return know(p, HAVE_WEEKDAY);
    case WORD_MERIDIEM: p->pm = value == 1; return know(p, HAVE_MERIDIEM);
    case WORD_ERA: p->bc = value == 1; return know(p, HAVE_ERA);
    case WORD_SPECIAL: return take_special(p, (enum special)value);
    case WORD_TIME_MARK:
        if (!p->time_only && (p->have & HAVE_DATE) != HAVE_DATE) return DATETIME_BAD_FORMAT;
        if (last) return DATETIME_BAD_FORMAT;
        p->expect_time = true;
        return DATETIME_SOUND;
    case WORD_JULIAN: p->expect_julian = true; return last ? DATETIME_BAD_FORMAT : DATETIME_SOUND;
    case WORD_DAYLIGHT:
        if (!(p->have & HAVE_ZONE) || p->zone != NULL) return DATETIME_BAD_FORMAT;
        p->offset += 3600;
        return DATETIME_SOUND;
    case WORD_IGNORED: return DATETIME_SOUND;
    case WORD_NONE: return take_unknown(p, text);
    }
    UNREACHABLE();
}

/* --- All of it ------------------------------------------------------------------------------- */

static enum datetime_fault take_field(struct parser *p, const struct field *f, bool last)
{
    if (p->expect_julian && f->kind != FIELD_NUMBER) return DATETIME_BAD_FORMAT;
    if (p->expect_time) {
        p->expect_time = false;
        if (f->kind == FIELD_NUMBER) return take_run(p, f->text, true);
        if (f->kind != FIELD_TIME && f->kind != FIELD_DATE) return DATETIME_BAD_FORMAT;
    }
    switch (f->kind) {
    case FIELD_DATE: return take_date_field(p, f->text);
    case FIELD_TIME: return take_time(p, f->text);
    case FIELD_OFFSET: return take_offset(p, f->text);
    case FIELD_NUMBER: {
        if (p->expect_julian) return take_julian(p, f->text);
        size_t size = digit_count(f->text);
        bool run = f->text[size] == 0 && size >= 6 && (p->have & (HAVE_DATE | HAVE_TIME)) != 0;
        bool first = f->text[size] == 0 && size >= 6 && (p->have & HAVE_DATE) == 0;
        if (run || first) return take_run(p, f->text, p->time_only);
        if (f->text[size] == '.' && (p->have & HAVE_DATE) == 0 && !p->time_only && size <= 4)
            return take_date(p, f->text);
        return take_number(p, f->text);
    }
    case FIELD_WORD:
    case FIELD_SIGNED_WORD: return take_word(p, f->text, last);
    }
    UNREACHABLE();
}

static enum datetime_fault check_date(struct parser *p)
{
    struct sql_datetime *d = &p->d;
    if (p->julian) return DATETIME_SOUND;
    if (p->bc) {
        if (d->year <= 0) return DATETIME_FIELD_OVERFLOW;
        d->year = 1 - d->year;
    } else if (p->two_digit_year) {
        d->year += d->year < 70 ? 2000 : 1900;
    } else if (d->year <= 0) {
        return DATETIME_FIELD_OVERFLOW;
    }
    /* Wide enough for every date there is; keeps the calendar's arithmetic in bounds. */
    if (d->year > 6000000) return DATETIME_FIELD_OVERFLOW;
    if (p->have & HAVE_DOY) {
        int64_t days = sql_days_of_civil(d->year, 1, 1) + p->day_of_year - 1;
        sql_civil_of_days(days, &d->year, &d->month, &d->day);
    }
    if (d->month < 1 || d->month > 12 || d->day < 1 || d->day > 31) return DATETIME_MONTH_DAY;
    if (d->day > sql_days_in_month(d->year, d->month)) return DATETIME_FIELD_OVERFLOW;
    return DATETIME_SOUND;
}

static enum datetime_fault check_time(struct parser *p)
{
    struct sql_datetime *d = &p->d;
    if (p->have & HAVE_MERIDIEM) {
        if (d->hour > 12) return DATETIME_FIELD_OVERFLOW;
        d->hour = d->hour % 12 + (p->pm ? 12 : 0);
    }
    bool midnight = d->hour == 24 && d->minute == 0 && d->second == 0 && d->us == 0;
    if ((d->hour > 23 && !midnight) || d->minute > 59 || d->second > 60 ||
        (d->second == 60 && d->us != 0))
        return DATETIME_FIELD_OVERFLOW;
    return DATETIME_SOUND;
}

static enum datetime_fault parse_fields(struct parser *p, struct bytes text)
{
    struct fields fields;
    if (!datetime_split(text, &fields) || fields.count == 0) return DATETIME_BAD_FORMAT;
    for (uint32_t i = 0; i < fields.count; i++) {
        enum datetime_fault fault = take_field(p, &fields.list[i], i + 1 == fields.count);
        if (fault != DATETIME_SOUND) return fault;
    }
    if (p->expect_julian || p->expect_time) return DATETIME_BAD_FORMAT;
    if (p->special == 0 && p->have & HAVE_DATE) {
        if ((p->have & HAVE_DATE) != HAVE_DATE) return DATETIME_BAD_FORMAT;
        enum datetime_fault fault = check_date(p);
        if (fault != DATETIME_SOUND) return fault;
    }
    return check_time(p);
}

/* --- Values ---------------------------------------------------------------------------------- */

static int64_t time_of(const struct sql_datetime *d)
{
    return d->hour * US_PER_HOUR + d->minute * US_PER_MINUTE + d->second * US_PER_SECOND + d->us;
}

static enum datetime_fault fail_range(struct parser *p, const char *what, struct bytes text)
{
    sql_eval_fail(p->e, SQLSTATE_DATETIME_FIELD_OVERFLOW, "%s out of range: \"%.*s\"", what,
                  SQL_SHOWN(text));
    return DATETIME_REPORTED;
}

/* The moment of today, tomorrow or yesterday's midnight, with the time given beside it. */
static enum datetime_fault relative_day(struct parser *p)
{
    int64_t now;
    if (sql_local_of_timestamptz(p->e, p->e->zone, p->e->transaction_us, &now) != STATUS_OK)
        return DATETIME_REPORTED;
    int64_t day = sql_date_of_timestamp(now);
    day += p->special == SPECIAL_TOMORROW ? 1 : p->special == SPECIAL_YESTERDAY ? -1 : 0;
    sql_civil_of_days(day, &p->d.year, &p->d.month, &p->d.day);
    return DATETIME_SOUND;
}

/* The reading of a local clock. It may lie a little outside of what a timestamp holds: its zone can
 * bring it back in. */
static bool reading_of(const struct sql_datetime *d, int64_t *out)
{
    __int128 t = (__int128)sql_days_of_civil(d->year, d->month, d->day) * US_PER_DAY + time_of(d);
    if (t < SQL_TIMESTAMP_MIN - US_PER_DAY || t > SQL_TIMESTAMP_MAX + (__int128)US_PER_DAY)
        return false;
    *out = (int64_t)t;
    return true;
}

static int64_t to_utc(const struct parser *p, int64_t local)
{
    int64_t seconds = local / US_PER_SECOND - (local % US_PER_SECOND < 0);
    const struct sql_zone *zone = p->have & HAVE_ZONE ? p->zone : p->e->zone;
    int32_t offset =
        p->have & HAVE_ZONE && zone == NULL
            ? p->offset
            : sql_zone_offset_of_local(zone, seconds + SQL_UNIX_EPOCH_DAYS * INT64_C(86400));
    return local - offset * US_PER_SECOND;
}

static enum datetime_fault timestamp_value(struct parser *p, uint32_t oid, struct bytes text,
                                           int64_t *out)
{
    bool zoned = oid == SQL_TYPE_TIMESTAMPTZ;
    switch (p->special) {
    case SPECIAL_INFINITY: *out = SQL_TIMESTAMP_INFINITY; return DATETIME_SOUND;
    case SPECIAL_MINUS_INFINITY: *out = SQL_TIMESTAMP_MINUS_INFINITY; return DATETIME_SOUND;
    case SPECIAL_EPOCH: *out = -SQL_UNIX_EPOCH_DAYS * US_PER_DAY; return DATETIME_SOUND;
    case SPECIAL_NOW:
        *out = p->e->transaction_us;
        if (zoned) return DATETIME_SOUND;
        return sql_local_of_timestamptz(p->e, p->e->zone, p->e->transaction_us, out) == STATUS_OK
                   ? DATETIME_SOUND
                   : DATETIME_REPORTED;
    case SPECIAL_ALLBALLS: return DATETIME_BAD_FORMAT;
    default: break;
    }
    if (p->special != 0 && relative_day(p) != DATETIME_SOUND) return DATETIME_REPORTED;
    if ((p->have & HAVE_DATE) != HAVE_DATE) return DATETIME_BAD_FORMAT;
    int64_t t;
    if (!reading_of(&p->d, &t)) return fail_range(p, "timestamp", text);
    if (zoned) t = to_utc(p, t);
    if (!sql_timestamp_is_valid(t)) return fail_range(p, "timestamp", text);
    *out = t;
    return DATETIME_SOUND;
}

static enum datetime_fault date_value(struct parser *p, struct bytes text, int64_t *out)
{
    if (p->special != 0) {
        int64_t t;
        enum datetime_fault fault = timestamp_value(p, SQL_TYPE_TIMESTAMP, text, &t);
        if (fault == DATETIME_SOUND) *out = sql_date_of_timestamp(t);
        return fault;
    }
    if ((p->have & HAVE_DATE) != HAVE_DATE) return DATETIME_BAD_FORMAT;
    int64_t days = sql_days_of_civil(p->d.year, p->d.month, p->d.day);
    if (days < SQL_DATE_MIN || days > SQL_DATE_MAX) return fail_range(p, "date", text);
    *out = days;
    return DATETIME_SOUND;
}

static enum datetime_fault time_value(struct parser *p, int64_t *out)
{
    if (p->special == SPECIAL_NOW) {
        int64_t local;
        if (sql_local_of_timestamptz(p->e, p->e->zone, p->e->transaction_us, &local) != STATUS_OK)
            return DATETIME_REPORTED;
        *out = local - sql_date_of_timestamp(local) * US_PER_DAY;
        return DATETIME_SOUND;
    }
    if (p->special != 0 && p->special != SPECIAL_ALLBALLS) return DATETIME_BAD_FORMAT;
    if (!(p->have & HAVE_TIME)) return DATETIME_BAD_FORMAT;
    *out = time_of(&p->d);
    return *out > US_PER_DAY ? DATETIME_FIELD_OVERFLOW : DATETIME_SOUND;
}

enum status sql_datetime_parse(struct sql_eval *e, uint32_t oid, struct bytes text, int32_t typmod,
                               int64_t *out)
{
    ASSERT(out != NULL);
    ASSERT(e->error != NULL);
    struct parser p = {.e = e, .time_only = oid == SQL_TYPE_TIME};
    int64_t value = 0;
    enum datetime_fault fault = parse_fields(&p, text);
    if (fault == DATETIME_SOUND) {
        switch (oid) {
        case SQL_TYPE_DATE: fault = date_value(&p, text, &value); break;
        case SQL_TYPE_TIME: fault = time_value(&p, &value); break;
        case SQL_TYPE_TIMESTAMP:
        case SQL_TYPE_TIMESTAMPTZ: fault = timestamp_value(&p, oid, text, &value); break;
        default: UNREACHABLE();
        }
    }
    if (fault != DATETIME_SOUND) return datetime_fail(e, fault, oid, text);
    if (oid == SQL_TYPE_TIME) value = sql_time_round(value, typmod);
    if (oid == SQL_TYPE_DATE || oid == SQL_TYPE_TIME) {
        *out = value;
        return STATUS_OK;
    }
    return sql_timestamp_fit(e, value, typmod, out);
}
