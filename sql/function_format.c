/* to_char of timestamps and intervals. */
#include <stdio.h>
#include <stdlib.h>

#include "sql/datetime.h"
#include "sql/datetime_zone.h"
#include "sql/function_format_int.h"
#include "sql/text_ascii.h"

/* --- Output ---------------------------------------------------------------------------------- */

enum status format_put(struct sql_eval *e, struct format_text *t, struct bytes text)
{
    if (t->size + text.size > t->capacity) {
        size_t capacity = (t->size + text.size) * 2 + 64;
        uint8_t *data = sql_eval_alloc(e, capacity);
        if (data == NULL) return STATUS_NO_MEMORY;
        if (t->size > 0) memcpy(data, t->data, t->size);
        t->data = data;
        t->capacity = capacity;
    }
    if (text.size > 0) memcpy(t->data + t->size, text.data, text.size);
    t->size += text.size;
    return STATUS_OK;
}

/* --- What a pattern can ask for -------------------------------------------------------------- */

enum keyword {
    KEY_NONE = 0,
    KEY_MERIDIEM,
    KEY_MERIDIEM_DOTS,
    KEY_ERA,
    KEY_ERA_DOTS,
    KEY_CENTURY,
    KEY_DAY,
    KEY_DAY_SHORT,
    KEY_DAY_OF_YEAR,
    KEY_DAY_OF_MONTH,
    KEY_WEEKDAY,
    KEY_FRACTION,
    KEY_HOUR24,
    KEY_HOUR12,
    KEY_ISO_DAY_OF_YEAR,
    KEY_ISO_WEEKDAY,
    KEY_ISO_WEEK,
    KEY_ISO_YEAR,
    KEY_JULIAN,
    KEY_MINUTE,
    KEY_MONTH_NUMBER,
    KEY_MONTH,
    KEY_MONTH_SHORT,
    KEY_MILLISECOND,
    KEY_OFFSET,
    KEY_QUARTER,
    KEY_ROMAN,
    KEY_SECOND_OF_DAY,
    KEY_SECOND,
    KEY_ZONE_HOUR,
    KEY_ZONE_MINUTE,
    KEY_ZONE,
    KEY_MICROSECOND,
    KEY_WEEK_OF_YEAR,
    KEY_WEEK_OF_MONTH,
    KEY_YEAR_COMMA,
    KEY_YEAR,
};

/* Longer words before those they begin with. `digits`: how many of a year or a fraction. */
static const struct {
    char word[8];
    uint8_t key, digits;
} keywords[] = {
    {"a.d.", KEY_ERA_DOTS, 0},
    {"b.c.", KEY_ERA_DOTS, 0},
    {"a.m.", KEY_MERIDIEM_DOTS, 0},
    {"p.m.", KEY_MERIDIEM_DOTS, 0},
    {"ad", KEY_ERA, 0},
    {"bc", KEY_ERA, 0},
    {"am", KEY_MERIDIEM, 0},
    {"pm", KEY_MERIDIEM, 0},
    {"cc", KEY_CENTURY, 0},
    {"day", KEY_DAY, 0},
    {"ddd", KEY_DAY_OF_YEAR, 0},
    {"dd", KEY_DAY_OF_MONTH, 0},
    {"dy", KEY_DAY_SHORT, 0},
    {"d", KEY_WEEKDAY, 0},
    {"ff1", KEY_FRACTION, 1},
    {"ff2", KEY_FRACTION, 2},
    {"ff3", KEY_FRACTION, 3},
    {"ff4", KEY_FRACTION, 4},
    {"ff5", KEY_FRACTION, 5},
    {"ff6", KEY_FRACTION, 6},
    {"hh24", KEY_HOUR24, 0},
    {"hh12", KEY_HOUR12, 0},
    {"hh", KEY_HOUR12, 0},
    {"iddd", KEY_ISO_DAY_OF_YEAR, 0},
    {"id", KEY_ISO_WEEKDAY, 0},
    {"iw", KEY_ISO_WEEK, 0},
    {"iyyy", KEY_ISO_YEAR, 4},
    {"iyy", KEY_ISO_YEAR, 3},
    {"iy", KEY_ISO_YEAR, 2},
    {"i", KEY_ISO_YEAR, 1},
    {"j", KEY_JULIAN, 0},
    {"mi", KEY_MINUTE, 0},
    {"mm", KEY_MONTH_NUMBER, 0},
    {"month", KEY_MONTH, 0},
    {"mon", KEY_MONTH_SHORT, 0},
    {"ms", KEY_MILLISECOND, 0},
    {"of", KEY_OFFSET, 0},
    {"q", KEY_QUARTER, 0},
    {"rm", KEY_ROMAN, 0},
    {"sssss", KEY_SECOND_OF_DAY, 0},
    {"ssss", KEY_SECOND_OF_DAY, 0},
    {"ss", KEY_SECOND, 0},
    {"tzh", KEY_ZONE_HOUR, 0},
    {"tzm", KEY_ZONE_MINUTE, 0},
    {"tz", KEY_ZONE, 0},
    {"us", KEY_MICROSECOND, 0},
    {"ww", KEY_WEEK_OF_YEAR, 0},
    {"w", KEY_WEEK_OF_MONTH, 0},
    {"y,yyy", KEY_YEAR_COMMA, 0},
    {"yyyy", KEY_YEAR, 4},
    {"yyy", KEY_YEAR, 3},
    {"yy", KEY_YEAR, 2},
    {"y", KEY_YEAR, 1},
};

/* One word of the pattern as it stands there. */
struct item {
    enum keyword key;
    uint8_t digits;
    bool fill;         /* FM: no padding */
    int ordinal;       /* 0, or 'T' for TH, 't' for th */
    struct bytes word; /* in the pattern: its case decides that of names */
};

struct moment {
    struct sql_datetime d;
    int64_t days;  /* since 2000-01-01 */
    int64_t hours; /* of an interval: not bounded by a day */
    int32_t offset;
    bool is_interval, zoned, utc;
};

static bool begins(struct bytes text, const char *word)
{
    size_t size = strlen(word);
    return text.size >= size && ascii_equals_word(bytes_make(text.data, size), word);
}

/* Takes a keyword with its prefix and suffix off the front; false when there is none. */
static bool take_item(struct bytes *pattern, struct item *out)
{
    struct bytes rest = *pattern;
    *out = (struct item){.key = KEY_NONE};
    if (begins(rest, "fm")) {
        out->fill = true;
        rest = bytes_make(rest.data + 2, rest.size - 2);
    }
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
        if (!begins(rest, keywords[i].word)) continue;
        size_t size = strlen(keywords[i].word);
        out->key = keywords[i].key;
        out->digits = keywords[i].digits;
        out->word = bytes_make(rest.data, size);
        rest = bytes_make(rest.data + size, rest.size - size);
        if (begins(rest, "th")) {
            out->ordinal = rest.data[0];
            rest = bytes_make(rest.data + 2, rest.size - 2);
        }
        *pattern = rest;
        return true;
    }
    if (out->fill) *pattern = rest; /* FM alone says nothing */
    return out->fill;
}

/* --- Names ----------------------------------------------------------------------------------- */

static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
static const char *const day_names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};
static const char *const roman_months[] = {"I",   "II",   "III", "IV", "V",  "VI",
                                           "VII", "VIII", "IX",  "X",  "XI", "XII"};

/* A name in the case of the pattern's word, cut to `size` or padded to `width`. */
static size_t put_name(const struct item *item, const char *name, size_t size, size_t width,
                       char *to)
{
    bool upper = item->word.data[0] <= 'Z', all_upper = upper && item->word.data[1] <= 'Z';
    size_t length = strlen(name) < size ? strlen(name) : size;
    for (size_t i = 0; i < length; i++)
        to[i] =
            (char)(all_upper || (upper && i == 0) ? ascii_upper(name[i]) : ascii_lower(name[i]));
    for (; length < width && !item->fill; length++)
        to[length] = ' ';
    return length;
}

static size_t put_number(const struct item *item, int width, int64_t value, char *to)
{
    if (item->fill) width = 0;
    size_t size =
        (size_t)sprintf(to, "%0*lld", value < 0 && width > 0 ? width + 1 : width, (long long)value);
    if (item->ordinal == 0) return size;
    int64_t n = llabs(value), last = n % 10;
    const char *suffix = n % 100 / 10 == 1 ? "th"
                         : last == 1       ? "st"
                         : last == 2       ? "nd"
                         : last == 3       ? "rd"
                                           : "th";
    for (int i = 0; i < 2; i++)
        to[size + (size_t)i] = (char)(item->ordinal == 'T' ? ascii_upper(suffix[i]) : suffix[i]);
    return size + 2;
}

/* Either of two words, in the case of the pattern. */
static size_t put_either(const struct item *item, bool second, const char *first_word,
                         const char *second_word, char *to)
{
    const char *word = second ? second_word : first_word;
    bool upper = item->word.data[0] <= 'Z';
    size_t size = strlen(word);
    for (size_t i = 0; i < size; i++)
        to[i] = (char)(upper ? ascii_upper(word[i]) : word[i]);
    return size;
}

/* --- Items ----------------------------------------------------------------------------------- */

static int64_t last_digits(int64_t year, uint8_t digits)
{
    int64_t unit = digits == 1 ? 10 : digits == 2 ? 100 : digits == 3 ? 1000 : INT64_MAX;
    return year % unit;
}

static int64_t shown_year(const struct moment *m, int32_t year)
{
    return m->is_interval || year > 0 ? year : 1 - year;
}

static size_t format_time(const struct item *item, const struct moment *m, char *to)
{
    static const int32_t units[] = {100000, 10000, 1000, 100, 10, 1};
    switch (item->key) {
    case KEY_MERIDIEM: return put_either(item, m->hours % 24 >= 12, "am", "pm", to);
    case KEY_MERIDIEM_DOTS: return put_either(item, m->hours % 24 >= 12, "a.m.", "p.m.", to);
    case KEY_HOUR12: return put_number(item, 2, m->hours % 12 == 0 ? 12 : m->hours % 12, to);
    case KEY_HOUR24: return put_number(item, 2, m->hours, to);
    case KEY_MINUTE: return put_number(item, 2, m->d.minute, to);
    case KEY_SECOND: return put_number(item, 2, m->d.second, to);
    case KEY_MILLISECOND: {
        struct item padded = *item;
        padded.fill = false;
        return put_number(&padded, 3, m->d.us / 1000, to);
    }
    case KEY_MICROSECOND: {
        struct item padded = *item;
        padded.fill = false;
        return put_number(&padded, 6, m->d.us, to);
    }
    case KEY_FRACTION: {
        struct item padded = *item;
        padded.fill = false;
        return put_number(&padded, item->digits, m->d.us / units[item->digits - 1], to);
    }
    case KEY_SECOND_OF_DAY:
        return put_number(item, 0, m->hours * 3600 + m->d.minute * 60 + m->d.second, to);
    case KEY_ZONE_HOUR:
        return (size_t)sprintf(to, "%c%02d", m->offset < 0 ? '-' : '+', abs(m->offset) / 3600);
    case KEY_ZONE_MINUTE: return (size_t)sprintf(to, "%02d", abs(m->offset) / 60 % 60);
    case KEY_ZONE:
        if (!m->zoned) return 0;
        if (m->utc) return put_either(item, false, "utc", "", to);
        __attribute__((fallthrough));
    case KEY_OFFSET: {
        size_t size =
            (size_t)sprintf(to, "%c%02d", m->offset < 0 ? '-' : '+', abs(m->offset) / 3600);
        if (m->offset % 3600 != 0)
            size += (size_t)sprintf(to + size, ":%02d", abs(m->offset) / 60 % 60);
        return size;
    }
    default: UNREACHABLE();
    }
}

static size_t format_year(const struct item *item, const struct moment *m, char *to)
{
    int64_t year = shown_year(m, m->d.year);
    switch (item->key) {
    case KEY_ERA: return put_either(item, m->d.year <= 0, "ad", "bc", to);
    case KEY_ERA_DOTS: return put_either(item, m->d.year <= 0, "a.d.", "b.c.", to);
    case KEY_YEAR: return put_number(item, item->digits, last_digits(year, item->digits), to);
    case KEY_YEAR_COMMA:
        return (size_t)sprintf(to, "%lld,%03lld", (long long)(year / 1000),
                               (long long)(year % 1000));
    case KEY_ISO_YEAR: {
        int32_t iso;
        sql_iso_week(m->days, &iso);
        return put_number(item, item->digits, last_digits(shown_year(m, iso), item->digits), to);
    }
    case KEY_CENTURY: {
        int32_t y = m->d.year;
        int64_t century = m->is_interval ? y / 100 : y > 0 ? (y - 1) / 100 + 1 : y / 100 - 1;
        return put_number(item, century >= -99 && century <= 99 ? 2 : 0, century, to);
    }
    default: UNREACHABLE();
    }
}

static size_t format_date(const struct item *item, const struct moment *m, char *to)
{
    int32_t iso, weekday = sql_day_of_week(m->days);
    int64_t day_of_year = m->days - sql_days_of_civil(m->d.year, 1, 1) + 1;
    switch (item->key) {
    case KEY_DAY: return put_name(item, day_names[weekday], 9, 9, to);
    case KEY_DAY_SHORT: return put_name(item, day_names[weekday], 3, 3, to);
    case KEY_DAY_OF_YEAR: return put_number(item, 3, day_of_year, to);
    case KEY_DAY_OF_MONTH: return put_number(item, 2, m->d.day, to);
    case KEY_WEEKDAY: return put_number(item, 0, weekday + 1, to);
    case KEY_ISO_WEEKDAY: return put_number(item, 0, (weekday + 6) % 7 + 1, to);
    case KEY_ISO_WEEK: return put_number(item, 2, sql_iso_week(m->days, &iso), to);
    case KEY_ISO_DAY_OF_YEAR:
        return put_number(item, 3, (sql_iso_week(m->days, &iso) - 1) * 7 + (weekday + 6) % 7 + 1,
                          to);
    case KEY_JULIAN: return put_number(item, 0, m->days + SQL_JULIAN_EPOCH_DAYS, to);
    case KEY_WEEK_OF_YEAR: return put_number(item, 2, (day_of_year - 1) / 7 + 1, to);
    case KEY_WEEK_OF_MONTH: return put_number(item, 0, (m->d.day - 1) / 7 + 1, to);
    case KEY_QUARTER: return put_number(item, 0, (m->d.month - 1) / 3 + 1, to);
    case KEY_MONTH_NUMBER: return put_number(item, 2, m->d.month, to);
    case KEY_MONTH: return put_name(item, month_names[m->d.month - 1], 9, 9, to);
    case KEY_MONTH_SHORT: return put_name(item, month_names[m->d.month - 1], 3, 3, to);
    case KEY_ROMAN: {
        const char *roman = roman_months[m->d.month - 1];
        struct item all = *item;
        if (item->word.data[0] <= 'Z') all.word = BYTES_LITERAL("RM"); /* never mixed */
        return put_name(&all, roman, 4, 4, to);
    }
    default: return format_year(item, m, to);
    }
}

static bool is_time(enum keyword key)
{
    switch (key) {
    case KEY_MERIDIEM:
    case KEY_MERIDIEM_DOTS:
    case KEY_HOUR12:
    case KEY_HOUR24:
    case KEY_MINUTE:
    case KEY_SECOND:
    case KEY_MILLISECOND:
    case KEY_MICROSECOND:
    case KEY_FRACTION:
    case KEY_SECOND_OF_DAY:
    case KEY_ZONE_HOUR:
    case KEY_ZONE_MINUTE:
    case KEY_ZONE:
    case KEY_OFFSET: return true;
    default: return false;
    }
}

/* Of the calendar an interval has only years, months and days. */
static bool suits_interval(enum keyword key)
{
    return is_time(key) || key == KEY_YEAR || key == KEY_YEAR_COMMA || key == KEY_MONTH_NUMBER ||
           key == KEY_DAY_OF_MONTH || key == KEY_CENTURY;
}

/* "Text" in quotes as it is; a backslash takes the next character. */
static enum status take_quoted(struct sql_eval *e, struct bytes *pattern, struct format_text *t)
{
    enum status status = STATUS_OK;
    size_t at = 1;
    for (; at < pattern->size && pattern->data[at] != '"' && status == STATUS_OK; at++) {
        if (pattern->data[at] == '\\' && at + 1 < pattern->size) at++;
        status = format_put(e, t, bytes_make(pattern->data + at, 1));
    }
    size_t used = at < pattern->size ? at + 1 : at;
    *pattern = bytes_make(pattern->data + used, pattern->size - used);
    return status;
}

static enum status format_moment(struct sql_eval *e, const struct moment *m, struct bytes pattern,
                                 struct bytes *out)
{
    struct format_text t = {.size = 0};
    enum status status = STATUS_OK;
    while (pattern.size > 0 && status == STATUS_OK) {
        struct item item;
        if ((status = sql_eval_effort(e, FORMAT_STEPS_PER_ITEM)) != STATUS_OK) break;
        if (pattern.data[0] == '"') {
            status = take_quoted(e, &pattern, &t);
            continue;
        }
        if (!take_item(&pattern, &item)) {
            bool escaped = pattern.data[0] == '\\' && pattern.size > 1 && pattern.data[1] == '"';
            status = format_put(e, &t, bytes_make(pattern.data + escaped, 1));
            pattern = bytes_make(pattern.data + 1 + escaped, pattern.size - 1 - escaped);
            continue;
        }
        if (item.key == KEY_NONE) continue;
        if (m->is_interval && !suits_interval(item.key)) {
            status = sql_eval_fail(e, SQLSTATE_INVALID_DATETIME_FORMAT,
                                   "invalid format specification for an interval value");
            if (status != STATUS_OK)
                sql_error_hint(e->error, e->arena,
                               "Intervals are not tied to specific calendar dates.");
            break;
        }
        char text[96];
        size_t size = is_time(item.key) ? format_time(&item, m, text) : format_date(&item, m, text);
        ASSERT(size < sizeof text);
        status = format_put(e, &t, bytes_make(text, size));
    }
    *out = bytes_make(t.data, t.size);
    return status;
}

EVALUATE(format_timestamp)
{
    int64_t t = call->args[0].integer;
    struct bytes pattern = call->args[1].bytes;
    if (pattern.size == 0 || !sql_timestamp_is_finite(t)) {
        *out = SQL_NULL;
        return STATUS_OK;
    }
    struct moment m = {.zoned = call->types[0].oid == SQL_TYPE_TIMESTAMPTZ};
    if (m.zoned) {
        int64_t seconds = t / US_PER_SECOND - (t % US_PER_SECOND < 0);
        m.offset = sql_zone_offset_at(e->zone, seconds + SQL_UNIX_EPOCH_DAYS * INT64_C(86400));
        m.utc = e->zone == NULL || strcmp(e->zone->name, "UTC") == 0;
    }
    int64_t local = t + m.offset * US_PER_SECOND;
    sql_datetime_of_timestamp(local, &m.d);
    m.days = sql_date_of_timestamp(local);
    m.hours = m.d.hour;
    return format_moment(e, &m, pattern, &out->bytes);
}

EVALUATE(format_interval)
{
    const struct sql_interval *i = &call->args[0].interval;
    struct bytes pattern = call->args[1].bytes;
    if (pattern.size == 0) {
        *out = SQL_NULL;
        return STATUS_OK;
    }
    struct moment m = {.is_interval = true, .hours = i->us / US_PER_HOUR};
    m.d.year = i->months / MONTHS_PER_YEAR;
    m.d.month = i->months % MONTHS_PER_YEAR;
    m.d.day = i->days;
    m.d.minute = (int32_t)(i->us / US_PER_MINUTE % 60);
    m.d.second = (int32_t)(i->us / US_PER_SECOND % 60);
    m.d.us = (int32_t)(i->us % US_PER_SECOND);
    return format_moment(e, &m, pattern, &out->bytes);
}

#define T(t) SQL_TYPE_##t
#define STABLE(o, n, r, f, ...) \
    { \
        .oid = (o), .name = (n), .result = SQL_TYPE_##r, .evaluate = (f), .strict = true, \
        .volatility = SQL_STABLE, SIGNATURE(__VA_ARGS__) \
    }

static const struct sql_function rows[] = {
    STABLE(1768, "to_char", TEXT, format_interval, T(INTERVAL), T(TEXT)),
    STABLE(1770, "to_char", TEXT, format_timestamp, T(TIMESTAMPTZ), T(TEXT)),
    STABLE(2049, "to_char", TEXT, format_timestamp, T(TIMESTAMP), T(TEXT)),
    STABLE(1772, "to_char", TEXT, function_format_number, T(NUMERIC), T(TEXT)),
    STABLE(1773, "to_char", TEXT, function_format_number, T(INT4), T(TEXT)),
    STABLE(1774, "to_char", TEXT, function_format_number, T(INT8), T(TEXT)),
    STABLE(1775, "to_char", TEXT, function_format_number, T(FLOAT4), T(TEXT)),
    STABLE(1776, "to_char", TEXT, function_format_number, T(FLOAT8), T(TEXT)),
};

const struct function_table function_format_table = {rows, sizeof rows / sizeof rows[0]};
