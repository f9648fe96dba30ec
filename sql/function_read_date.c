/* to_date(text, format), to_timestamp(text, format): a moment as a picture says it is written (PostgreSQL 15, 9.8). Keys that
 * only to_char knows here are refused. */
#include <strings.h>

#include "base/utf8.h"
#include "sql/datetime.h"
#include "sql/datetime_zone.h"
#include "sql/function_int.h"

#define STEPS_PER_ITEM 256 /* of a picture, as sql_eval_effort counts */

enum key {
    KEY_YEAR = 1, /* up to `digits` digits */
    KEY_YEAR_COMMA,
    KEY_MONTH,
    KEY_MONTH_NAME,
    KEY_DAY,
    KEY_DAY_OF_YEAR,
    KEY_JULIAN,
    KEY_HOUR24,
    KEY_HOUR12,
    KEY_MINUTE,
    KEY_SECOND,
    KEY_SECOND_OF_DAY,
    KEY_FRACTION, /* `digits` digits of a second */
    KEY_MERIDIEM,
    KEY_ERA,
    KEY_DAY_NAME, /* read and not looked at, as in PostgreSQL */
    KEY_ZONE_HOUR,
    KEY_ZONE_MINUTE,
};

/* Longer ones stand before those that they begin with. */
static const struct key_word {
    const char *word;
    enum key key;
    uint32_t digits;
} words[] = {
    {"y,yyy", KEY_YEAR_COMMA, 5}, {"yyyy", KEY_YEAR, 4},      {"yyy", KEY_YEAR, 3},         {"yy", KEY_YEAR, 2},
    {"y", KEY_YEAR, 1},           {"month", KEY_MONTH_NAME, 0}, {"mon", KEY_MONTH_NAME, 3}, {"mm", KEY_MONTH, 2},
    {"mi", KEY_MINUTE, 2},        {"ms", KEY_FRACTION, 3},    {"us", KEY_FRACTION, 6},      {"ff1", KEY_FRACTION, 1},
    {"ff2", KEY_FRACTION, 2},     {"ff3", KEY_FRACTION, 3},   {"ff4", KEY_FRACTION, 4},     {"ff5", KEY_FRACTION, 5},
    {"ff6", KEY_FRACTION, 6},     {"ddd", KEY_DAY_OF_YEAR, 3}, {"dd", KEY_DAY, 2},          {"day", KEY_DAY_NAME, 0},
    {"dy", KEY_DAY_NAME, 3},      {"hh24", KEY_HOUR24, 2},    {"hh12", KEY_HOUR12, 2},      {"hh", KEY_HOUR12, 2},
    {"sssss", KEY_SECOND_OF_DAY, 5}, {"ssss", KEY_SECOND_OF_DAY, 5}, {"ss", KEY_SECOND, 2}, {"am", KEY_MERIDIEM, 2},
    {"pm", KEY_MERIDIEM, 2},      {"a.m.", KEY_MERIDIEM, 4},  {"p.m.", KEY_MERIDIEM, 4},    {"bc", KEY_ERA, 2},
    {"ad", KEY_ERA, 2},           {"b.c.", KEY_ERA, 4},       {"a.d.", KEY_ERA, 4},         {"tzh", KEY_ZONE_HOUR, 2},
    {"tzm", KEY_ZONE_MINUTE, 2},  {"j", KEY_JULIAN, 7},
};

/* Keys of to_char that are not read. */
static const char *const unread[] = {"iyyy", "iyy", "iy", "iw", "iddd", "id", "i", "ww", "w", "q", "cc", "rm", "tz", "of", "d"};

struct reading {
    struct sql_eval *e;
    struct bytes text, picture;
    size_t at, place;       /* in text, in picture */
    size_t key_place;       /* of the key under way */
    int64_t year, month, day, day_of_year, julian, hour, minute, second, second_of_day, us;
    bool has_julian, has_day_of_year, has_second_of_day, twelve, pm, has_meridiem, bc, has_zone;
    int64_t zone_hour, zone_minute;
    bool zone_west;
};

static enum status invalid(struct reading *r, const char *message)
{
    return sql_eval_fail(r->e, SQLSTATE_INVALID_DATETIME_FORMAT, "%s", message);
}

static bool is_letter(uint8_t c)
{
    return (c | 32) >= 'a' && (c | 32) <= 'z';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* Printable, and neither a letter nor a digit. */
static bool is_separator(uint8_t c)
{
    return c > 32 && c < 127 && !is_letter(c) && !is_digit(c);
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool starts_with(struct bytes text, size_t at, const char *word)
{
    size_t size = strlen(word);
    return text.size - at >= size && strncasecmp((const char *)text.data + at, word, size) == 0;
}

/* ---- pieces of the text ---- */

static void skip_spaces(struct reading *r)
{
    while (r->at < r->text.size && is_space(r->text.data[r->at])) r->at++;
}

/* When no digit stands behind the key in the picture the number may have any length. */
static bool ends_openly(const struct reading *r)
{
    if (r->place >= r->picture.size) return true;
    return !is_letter(r->picture.data[r->place]) && !is_digit(r->picture.data[r->place]);
}

/* The key under way as the picture spells it. */
static const char *key_text(const struct reading *r)
{
    return (const char *)r->picture.data + r->key_place;
}

static enum status read_number(struct reading *r, const struct key_word *k, uint32_t digits_max, bool any_length,
                               int64_t *out, uint32_t *digits_out)
{
    skip_spaces(r);
    uint32_t digits = 0;
    *out = 0;
    while (r->at < r->text.size && is_digit(r->text.data[r->at]) && (any_length || digits < digits_max)) {
        *out = *out * 10 + (r->text.data[r->at++] - '0');
        if (++digits > 10)
            return sql_eval_fail(r->e, SQLSTATE_DATETIME_FIELD_OVERFLOW, "value for \"%s\" in source string is out of range",
                                 k->word);
    }
    *digits_out = digits;
    if (digits > 0) return STATUS_OK;
    size_t rest = r->text.size - r->at, shown = rest < digits_max ? rest : digits_max;
    sql_eval_fail(r->e, SQLSTATE_INVALID_DATETIME_FORMAT, "invalid value \"%.*s\" for \"%.*s\"", (int)shown,
                  (const char *)r->text.data + r->at, (int)strlen(k->word), key_text(r));
    sql_error_detail(r->e->error, r->e->arena, "Value must be an integer.");
    return STATUS_INVALID;
}

/* The month or day whose name stands here; 0: none. */
static int64_t read_name(struct reading *r, const char *const *names, int64_t count, bool brief)
{
    skip_spaces(r);
    for (int64_t i = 0; i < count; i++) {
        char word[16];
        size_t size = strlen(names[i]);
        if (brief) size = 3;
        memcpy(word, names[i], size);
        word[size] = 0;
        if (!starts_with(r->text, r->at, word)) continue;
        r->at += size;
        return i + 1;
    }
    return 0;
}

static enum status read_year(struct reading *r, const struct key_word *k)
{
    uint32_t digits;
    int64_t n;
    enum status status = read_number(r, k, k->digits, ends_openly(r), &n, &digits);
    if (status != STATUS_OK) return status;
    /* Fewer than four digits mean the year nearest to 2020. */
    if (k->digits < 4 && digits < 4) n += digits == 3 ? (n < 520 ? 2000 : 1000) : n < 70 ? 2000 : n < 100 ? 1900 : 0;
    r->year = n;
    return STATUS_OK;
}

static enum status read_year_comma(struct reading *r, const struct key_word *k)
{
    uint32_t digits;
    int64_t thousands, rest;
    enum status status = read_number(r, k, 3, false, &thousands, &digits);
    if (status != STATUS_OK) return status;
    if (r->at >= r->text.size || r->text.data[r->at] != ',') return invalid(r, "invalid input string for \"Y,YYY\"");
    r->at++;
    status = read_number(r, k, 3, false, &rest, &digits);
    r->year = thousands * 1000 + rest;
    return status;
}

static enum status read_fraction(struct reading *r, const struct key_word *k)
{
    static const int64_t scale[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    uint32_t digits;
    int64_t n;
    enum status status = read_number(r, k, k->digits, false, &n, &digits);
    if (status == STATUS_OK) r->us = n * scale[digits];
    return status;
}

static enum status read_word(struct reading *r, const char *first, const char *second, bool *is_second)
{
    skip_spaces(r);
    for (int i = 0; i < 2; i++) {
        const char *word = i == 0 ? first : second;
        if (!starts_with(r->text, r->at, word)) continue;
        r->at += strlen(word);
        *is_second = i == 1;
        return STATUS_OK;
    }
    return sql_eval_fail(r->e, SQLSTATE_INVALID_DATETIME_FORMAT, "invalid value \"%.*s\" for \"%s\"", 2,
                         (const char *)r->text.data + r->at, first);
}

static const char *const month_names[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};
static const char *const day_names[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

static enum status read_month_name(struct reading *r, const struct key_word *k)
{
    r->month = read_name(r, month_names, 12, k->digits == 3);
    if (r->month != 0) return STATUS_OK;
    size_t size = r->at;
    while (size < r->text.size && is_letter(r->text.data[size])) size++;
    sql_eval_fail(r->e, SQLSTATE_INVALID_DATETIME_FORMAT, "invalid value \"%.*s\" for \"%.*s\"", (int)(size - r->at),
                  (const char *)r->text.data + r->at, (int)strlen(k->word), key_text(r));
    sql_error_detail(r->e->error, r->e->arena, "The given value did not match any of the allowed values for this field.");
    return STATUS_INVALID;
}

static enum status read_zone_hour(struct reading *r, const struct key_word *k)
{
    uint32_t digits;
    skip_spaces(r);
    if (r->at < r->text.size && (r->text.data[r->at] == '+' || r->text.data[r->at] == '-'))
        r->zone_west = r->text.data[r->at++] == '-';
    r->has_zone = true;
    return read_number(r, k, 2, false, &r->zone_hour, &digits);
}

static enum status read_key(struct reading *r, const struct key_word *k)
{
    uint32_t digits;
    int64_t *number = NULL;
    switch (k->key) {
    case KEY_YEAR: return read_year(r, k);
    case KEY_YEAR_COMMA: return read_year_comma(r, k);
    case KEY_MONTH_NAME: return read_month_name(r, k);
    case KEY_DAY_NAME: return read_name(r, day_names, 7, k->digits == 3) != 0 ? STATUS_OK : invalid(r, "invalid name of a day");
    case KEY_FRACTION: return read_fraction(r, k);
    case KEY_MERIDIEM:
        r->has_meridiem = true;
        return k->digits == 2 ? read_word(r, "am", "pm", &r->pm) : read_word(r, "a.m.", "p.m.", &r->pm);
    case KEY_ERA: return k->digits == 2 ? read_word(r, "ad", "bc", &r->bc) : read_word(r, "a.d.", "b.c.", &r->bc);
    case KEY_ZONE_HOUR: return read_zone_hour(r, k);
    case KEY_MONTH: number = &r->month; break;
    case KEY_DAY: number = &r->day; break;
    case KEY_DAY_OF_YEAR: number = &r->day_of_year, r->has_day_of_year = true; break;
    case KEY_JULIAN: number = &r->julian, r->has_julian = true; break;
    case KEY_HOUR24: number = &r->hour, r->twelve = false; break;
    case KEY_HOUR12: number = &r->hour, r->twelve = true; break;
    case KEY_MINUTE: number = &r->minute; break;
    case KEY_SECOND: number = &r->second; break;
    case KEY_SECOND_OF_DAY: number = &r->second_of_day, r->has_second_of_day = true; break;
    case KEY_ZONE_MINUTE: number = &r->zone_minute; break;
    }
    ASSERT(number != NULL);
    return read_number(r, k, k->digits, ends_openly(r), number, &digits);
}

/* ---- the picture ---- */

static const struct key_word *find_key(const struct reading *r)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (starts_with(r->picture, r->place, words[i].word)) return &words[i];
    return NULL;
}

static enum status refuse_unread(struct reading *r)
{
    for (size_t i = 0; i < sizeof unread / sizeof unread[0]; i++)
        if (starts_with(r->picture, r->place, unread[i]))
            return sql_eval_fail(r->e, SQLSTATE_FEATURE_NOT_SUPPORTED, "\"%s\" in to_date and to_timestamp is not supported yet",
                                 unread[i]);
    return STATUS_OK;
}

/* "quoted": as many characters of the text are passed over. */
static void skip_quoted(struct reading *r)
{
    for (r->place++; r->place < r->picture.size && r->picture.data[r->place] != '"'; r->place++) {
        if (r->picture.data[r->place] == '\\' && r->place + 1 < r->picture.size) r->place++;
        if (r->at < r->text.size) r->at++;
    }
    if (r->place < r->picture.size) r->place++;
}

/* A separator or blank of the picture stands for at most one separator, and for any blanks around it. */
static void skip_separator(struct reading *r)
{
    bool space = is_space(r->picture.data[r->place++]);
    skip_spaces(r);
    if (!space && r->at < r->text.size && is_separator(r->text.data[r->at])) {
        r->at++;
        skip_spaces(r);
    } else if (space && r->at < r->text.size && is_separator(r->text.data[r->at]) && r->text.data[r->at] != '-' &&
               r->text.data[r->at] != '+') {
        r->at++;
    }
}

static enum status read_picture(struct reading *r)
{
    enum status status = STATUS_OK;
    skip_spaces(r);
    while (status == STATUS_OK && r->place < r->picture.size) {
        uint8_t c = r->picture.data[r->place];
        if (r->at >= r->text.size) return STATUS_OK; /* the rest is as if it were not asked for */
        if ((status = sql_eval_effort(r->e, STEPS_PER_ITEM)) != STATUS_OK) return status;
        if (starts_with(r->picture, r->place, "fm")) {
            r->place += 2;
            continue;
        }
        const struct key_word *k = find_key(r);
        if (k == NULL && (status = refuse_unread(r)) != STATUS_OK) return status;
        if (k != NULL) {
            r->key_place = r->place;
            r->place += strlen(k->word);
            if (starts_with(r->picture, r->place, "th")) r->place += 2;
            status = read_key(r, k);
        } else if (c == '"') {
            skip_quoted(r);
        } else if (is_separator(c) || is_space(c)) {
            skip_separator(r);
        } else {
            r->place++; /* a letter that means nothing stands for any character */
            r->at++;
        }
    }
    return status;
}

/* ---- what was read ---- */

static enum status out_of_range(struct reading *r)
{
    return sql_eval_fail(r->e, SQLSTATE_DATETIME_FIELD_OVERFLOW, "date/time field value out of range: \"%.*s\"",
                         SQL_SHOWN(r->text));
}

static enum status day_of(struct reading *r, int64_t *days_out)
{
    if (r->has_julian) {
        *days_out = r->julian - SQL_JULIAN_EPOCH_DAYS;
        return STATUS_OK;
    }
    if (r->bc && r->year > 0) r->year = 1 - r->year; /* year 0 is 1 BC, as when nothing is said */
    if (r->year < -4712 || r->year > 5874897) return out_of_range(r);
    if (r->has_day_of_year) {
        if (r->day_of_year < 1 || r->day_of_year > 366) return out_of_range(r);
        *days_out = sql_days_of_civil((int32_t)r->year, 1, 1) + r->day_of_year - 1;
        return STATUS_OK;
    }
    if (r->month < 1 || r->month > 12 || r->day < 1) return out_of_range(r);
    if (r->day > sql_days_in_month((int32_t)r->year, (int32_t)r->month)) return out_of_range(r);
    *days_out = sql_days_of_civil((int32_t)r->year, (int32_t)r->month, (int32_t)r->day);
    return STATUS_OK;
}

static enum status time_of(struct reading *r, int64_t *us_out)
{
    if (r->has_second_of_day) {
        r->hour = r->second_of_day / 3600;
        r->minute = r->second_of_day / 60 % 60;
        r->second = r->second_of_day % 60;
        r->twelve = false;
    }
    if (r->twelve) {
        if (r->hour < 1 || r->hour > 12) {
            sql_eval_fail(r->e, SQLSTATE_INVALID_DATETIME_FORMAT, "hour \"%lld\" is invalid for the 12-hour clock",
                          (long long)r->hour);
            sql_error_hint(r->e->error, r->e->arena, "Use the 24-hour clock, or give an hour between 1 and 12.");
            return STATUS_INVALID;
        }
        if (r->pm && r->hour < 12) r->hour += 12;
        else if (r->has_meridiem && !r->pm && r->hour == 12) r->hour = 0;
    }
    if (r->hour > 23 || r->minute > 59 || r->second > 59) return out_of_range(r);
    *us_out = r->hour * US_PER_HOUR + r->minute * US_PER_MINUTE + r->second * US_PER_SECOND + r->us;
    return STATUS_OK;
}

static enum status read_moment(struct sql_eval *e, const struct sql_call *call, struct reading *r, int64_t *days,
                               int64_t *us)
{
    *r = (struct reading){.e = e, .text = call->args[0].bytes, .picture = call->args[1].bytes, .month = 1, .day = 1};
    enum status status = read_picture(r);
    if (status == STATUS_OK) status = day_of(r, days);
    return status == STATUS_OK ? time_of(r, us) : status;
}

EVALUATE(to_date)
{
    struct reading r;
    int64_t us = 0;
    enum status status = read_moment(e, call, &r, &out->integer, &us);
    return status == STATUS_OK && !sql_datetime_check(SQL_TYPE_DATE, out->integer) ? out_of_range(&r) : status;
}

EVALUATE(to_timestamp)
{
    struct reading r;
    int64_t days = 0, us = 0, local;
    enum status status = read_moment(e, call, &r, &days, &us);
    if (status != STATUS_OK) return status;
    if (__builtin_mul_overflow(days, US_PER_DAY, &local) || __builtin_add_overflow(local, us, &local))
        return out_of_range(&r);
    if (r.has_zone) {
        int64_t offset = r.zone_hour * US_PER_HOUR + r.zone_minute * US_PER_MINUTE;
        if (r.zone_hour > 15 || r.zone_minute > 59) return out_of_range(&r);
        out->integer = r.zone_west ? local + offset : local - offset;
    } else if ((status = sql_cast(e, SQL_TYPE_TIMESTAMP, sql_type_of(SQL_TYPE_TIMESTAMPTZ), SQL_CAST_EXPLICIT,
                                  &(struct sql_datum){.integer = local}, out)) != STATUS_OK) {
        return status;
    }
    return sql_datetime_check(SQL_TYPE_TIMESTAMPTZ, out->integer) ? STATUS_OK : out_of_range(&r);
}

#define T(t) SQL_TYPE_##t
#define STABLE(o, n, r, f, ...) \
    { \
        .oid = (o), .name = (n), .result = SQL_TYPE_##r, .evaluate = (f), .strict = true, \
        .volatility = SQL_STABLE, SIGNATURE(__VA_ARGS__) \
    }

static const struct sql_function rows[] = {
    STABLE(1780, "to_date", DATE, to_date, T(TEXT), T(TEXT)),
    STABLE(1778, "to_timestamp", TIMESTAMPTZ, to_timestamp, T(TEXT), T(TEXT)),
};

const struct function_table function_read_date_table = {rows, sizeof rows / sizeof rows[0]};
