/* From text to fields and from words to meanings. What counts as one field is PostgreSQL's rule: a
 * field is begun by a digit, a letter or a sign, and goes on over the separators that can be inside
 * of it. */
#include "sql/datetime_int.h"

#include <math.h>
#include <stdlib.h>

#include "sql/text_ascii.h"

/* --- Splitting ------------------------------------------------------------------------------- */

struct splitter {
    const uint8_t *at, *end;
    char *to;
    struct fields *out;
};

static int peek(const struct splitter *s)
{
    return s->at < s->end ? *s->at : 0;
}
static bool is_punctuation(int c)
{
    return c > ' ' && c < 127 && !ascii_is_digit(c) && !ascii_is_letter(c);
}

static void take(struct splitter *s)
{
    ASSERT(s->at < s->end);
    *s->to++ = (char)ascii_lower(*s->at++);
}

static void take_digits(struct splitter *s)
{
    while (ascii_is_digit(peek(s)))
        take(s);
}

/* A field that starts with a digit. */
static enum field_kind split_number(struct splitter *s)
{
    take_digits(s);
    int c = peek(s);
    if (c == ':') {
        while (ascii_is_digit(peek(s)) || peek(s) == ':' || peek(s) == '.')
            take(s);
        return FIELD_TIME;
    }
    if (c != '-' && c != '/' && c != '.') return FIELD_NUMBER;
    take(s);
    if (!ascii_is_digit(peek(s))) {
        if (c == '.' && !ascii_is_letter(peek(s))) return FIELD_NUMBER;
        while (ascii_is_letter(peek(s)) || ascii_is_digit(peek(s)) || peek(s) == c)
            take(s);
        return FIELD_DATE;
    }
    take_digits(s);
    if (peek(s) != c) return c == '.' ? FIELD_NUMBER : FIELD_DATE;
    while (ascii_is_digit(peek(s)) || peek(s) == c)
        take(s);
    return FIELD_DATE;
}

/* A field that starts with a letter: a word, a date with a month in front, or a zone's name. */
static enum field_kind split_word(struct splitter *s)
{
    const char *start = s->to;
    while (ascii_is_letter(peek(s)))
        take(s);
    bool is_date = false;
    int c = peek(s);
    if (c == '-' || c == '/' || c == '.') {
        is_date = true;
    } else if (c == '+' || ascii_is_digit(c)) {
        /* A POSIX zone such as est5edt: but only where no word of ours ends ("t12:00", "y1"). */
        *s->to = 0;
        int32_t value;
        is_date = s->to - start > 1 && datetime_word(start, &value) == WORD_NONE &&
                  datetime_unit(bytes_make(start, (size_t)(s->to - start))) == UNIT_NONE;
    }
    if (!is_date) return FIELD_WORD;
    do {
        take(s);
        c = peek(s);
    } while (c == '+' || c == '-' || c == '/' || c == '_' || c == '.' || c == ':' ||
             ascii_is_digit(c) || ascii_is_letter(c));
    return FIELD_DATE;
}

/* A field that starts with a sign; blanks may follow it. 0 when nothing sensible does. */
static int split_signed(struct splitter *s)
{
    take(s);
    while (ascii_is_space(peek(s)))
        s->at++;
    if (ascii_is_digit(peek(s)) || peek(s) == '.') {
        while (ascii_is_digit(peek(s)) || peek(s) == ':' || peek(s) == '.' || peek(s) == '-')
            take(s);
        return FIELD_OFFSET;
    }
    if (!ascii_is_letter(peek(s))) return 0;
    while (ascii_is_letter(peek(s)))
        take(s);
    return FIELD_SIGNED_WORD;
}

bool datetime_split(struct bytes text, struct fields *out)
{
    ASSERT(out != NULL);
    if (text.size > DATETIME_INPUT_BYTES_MAX) return false;
    struct splitter s = {text.data, text.data + text.size, out->text, out};
    out->count = 0;
    while (s.at < s.end) {
        int c = peek(&s);
        if (ascii_is_space(c)) {
            s.at++;
            continue;
        }
        if (out->count == DATETIME_FIELDS_MAX) return false;
        struct field *f = &out->list[out->count];
        f->text = s.to;
        int kind;
        if (ascii_is_digit(c)) {
            kind = (int)split_number(&s);
        } else if (c == '.') {
            take(&s);
            take_digits(&s);
            kind = FIELD_NUMBER;
        } else if (ascii_is_letter(c)) {
            kind = (int)split_word(&s);
        } else if (c == '+' || c == '-') {
            kind = split_signed(&s);
        } else if (is_punctuation(c)) {
            s.at++; /* commas and the like only part fields */
            continue;
        } else {
            return false;
        }
        if (kind == 0) return false;
        f->kind = (enum field_kind)kind;
        *s.to++ = 0;
        out->count++;
    }
    return true;
}

/* --- Words ----------------------------------------------------------------------------------- */

static const struct {
    char word[10];
    uint8_t kind, value;
} words[] = {
    {"-infinity", WORD_SPECIAL, SPECIAL_MINUS_INFINITY},
    {"ad", WORD_ERA, 0},
    {"allballs", WORD_SPECIAL, SPECIAL_ALLBALLS},
    {"am", WORD_MERIDIEM, 0},
    {"apr", WORD_MONTH, 4},
    {"april", WORD_MONTH, 4},
    {"at", WORD_IGNORED, 0},
    {"aug", WORD_MONTH, 8},
    {"august", WORD_MONTH, 8},
    {"bc", WORD_ERA, 1},
    {"dec", WORD_MONTH, 12},
    {"december", WORD_MONTH, 12},
    {"dst", WORD_DAYLIGHT, 0},
    {"epoch", WORD_SPECIAL, SPECIAL_EPOCH},
    {"feb", WORD_MONTH, 2},
    {"february", WORD_MONTH, 2},
    {"fri", WORD_WEEKDAY, 5},
    {"friday", WORD_WEEKDAY, 5},
    {"infinity", WORD_SPECIAL, SPECIAL_INFINITY},
    {"j", WORD_JULIAN, 0},
    {"jan", WORD_MONTH, 1},
    {"january", WORD_MONTH, 1},
    {"jd", WORD_JULIAN, 0},
    {"jul", WORD_MONTH, 7},
    {"julian", WORD_JULIAN, 0},
    {"july", WORD_MONTH, 7},
    {"jun", WORD_MONTH, 6},
    {"june", WORD_MONTH, 6},
    {"mar", WORD_MONTH, 3},
    {"march", WORD_MONTH, 3},
    {"may", WORD_MONTH, 5},
    {"mon", WORD_WEEKDAY, 1},
    {"monday", WORD_WEEKDAY, 1},
    {"nov", WORD_MONTH, 11},
    {"november", WORD_MONTH, 11},
    {"now", WORD_SPECIAL, SPECIAL_NOW},
    {"oct", WORD_MONTH, 10},
    {"october", WORD_MONTH, 10},
    {"on", WORD_IGNORED, 0},
    {"pm", WORD_MERIDIEM, 1},
    {"sat", WORD_WEEKDAY, 6},
    {"saturday", WORD_WEEKDAY, 6},
    {"sep", WORD_MONTH, 9},
    {"sept", WORD_MONTH, 9},
    {"september", WORD_MONTH, 9},
    {"sun", WORD_WEEKDAY, 0},
    {"sunday", WORD_WEEKDAY, 0},
    {"t", WORD_TIME_MARK, 0},
    {"thu", WORD_WEEKDAY, 4},
    {"thur", WORD_WEEKDAY, 4},
    {"thurs", WORD_WEEKDAY, 4},
    {"thursday", WORD_WEEKDAY, 4},
    {"today", WORD_SPECIAL, SPECIAL_TODAY},
    {"tomorrow", WORD_SPECIAL, SPECIAL_TOMORROW},
    {"tue", WORD_WEEKDAY, 2},
    {"tues", WORD_WEEKDAY, 2},
    {"tuesday", WORD_WEEKDAY, 2},
    {"wed", WORD_WEEKDAY, 3},
    {"wednesday", WORD_WEEKDAY, 3},
    {"weds", WORD_WEEKDAY, 3},
    {"yesterday", WORD_SPECIAL, SPECIAL_YESTERDAY},
};

enum word_kind datetime_word(const char *word, int32_t *value_out)
{
    ASSERT(value_out != NULL);
    if (strlen(word) >= sizeof words[0].word) return WORD_NONE;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].word, word) != 0) continue;
        *value_out = words[i].value;
        return words[i].kind;
    }
    return WORD_NONE;
}

static const struct {
    char word[16];
    uint8_t unit;
} units[] = {
    {"c", UNIT_CENTURY},
    {"cent", UNIT_CENTURY},
    {"centuries", UNIT_CENTURY},
    {"century", UNIT_CENTURY},
    {"d", UNIT_DAY},
    {"day", UNIT_DAY},
    {"days", UNIT_DAY},
    {"dec", UNIT_DECADE},
    {"decade", UNIT_DECADE},
    {"decades", UNIT_DECADE},
    {"decs", UNIT_DECADE},
    {"dow", UNIT_DOW},
    {"doy", UNIT_DOY},
    {"epoch", UNIT_EPOCH},
    {"h", UNIT_HOUR},
    {"hour", UNIT_HOUR},
    {"hours", UNIT_HOUR},
    {"hr", UNIT_HOUR},
    {"hrs", UNIT_HOUR},
    {"isodow", UNIT_ISODOW},
    {"isoyear", UNIT_ISOYEAR},
    {"julian", UNIT_JULIAN},
    {"m", UNIT_MINUTE},
    {"microsecon", UNIT_MICROSECOND},
    {"microsecond", UNIT_MICROSECOND},
    {"microseconds", UNIT_MICROSECOND},
    {"mil", UNIT_MILLENNIUM},
    {"millennia", UNIT_MILLENNIUM},
    {"millennium", UNIT_MILLENNIUM},
    {"millisecon", UNIT_MILLISECOND},
    {"millisecond", UNIT_MILLISECOND},
    {"milliseconds", UNIT_MILLISECOND},
    {"mils", UNIT_MILLENNIUM},
    {"min", UNIT_MINUTE},
    {"mins", UNIT_MINUTE},
    {"minute", UNIT_MINUTE},
    {"minutes", UNIT_MINUTE},
    {"mon", UNIT_MONTH},
    {"mons", UNIT_MONTH},
    {"month", UNIT_MONTH},
    {"months", UNIT_MONTH},
    {"ms", UNIT_MILLISECOND},
    {"msec", UNIT_MILLISECOND},
    {"mseconds", UNIT_MILLISECOND},
    {"msecs", UNIT_MILLISECOND},
    {"qtr", UNIT_QUARTER},
    {"quarter", UNIT_QUARTER},
    {"s", UNIT_SECOND},
    {"sec", UNIT_SECOND},
    {"second", UNIT_SECOND},
    {"seconds", UNIT_SECOND},
    {"secs", UNIT_SECOND},
    {"timezone", UNIT_TIMEZONE},
    {"timezone_h", UNIT_TIMEZONE_HOUR},
    {"timezone_hour", UNIT_TIMEZONE_HOUR},
    {"timezone_m", UNIT_TIMEZONE_MINUTE},
    {"timezone_minute", UNIT_TIMEZONE_MINUTE},
    {"us", UNIT_MICROSECOND},
    {"usec", UNIT_MICROSECOND},
    {"useconds", UNIT_MICROSECOND},
    {"usecs", UNIT_MICROSECOND},
    {"w", UNIT_WEEK},
    {"week", UNIT_WEEK},
    {"weeks", UNIT_WEEK},
    {"y", UNIT_YEAR},
    {"year", UNIT_YEAR},
    {"years", UNIT_YEAR},
    {"yr", UNIT_YEAR},
    {"yrs", UNIT_YEAR},
};

enum datetime_unit datetime_unit(struct bytes word)
{
    char lower[16];
    if (word.size >= sizeof lower) return UNIT_NONE;
    for (size_t i = 0; i < word.size; i++)
        lower[i] = (char)ascii_lower(word.data[i]);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (bytes_equal(bytes_make(lower, word.size), bytes_of_string(units[i].word)))
            return units[i].unit;
    return UNIT_NONE;
}

/* --- Numbers --------------------------------------------------------------------------------- */

bool datetime_read_fraction(const char *text, int32_t *us_out)
{
    ASSERT(text[0] == '.');
    for (const char *c = text + 1; *c != 0; c++)
        if (!ascii_is_digit(*c)) return false;
    char *end;
    double fraction = text[1] == 0 ? 0 : strtod(text, &end);
    *us_out = (int32_t)rint(fraction * 1e6);
    return true;
}

/* Digits at *at, none being 0; false when there are too many. */
static bool read_digits(const char **at, int64_t *out)
{
    int64_t value = 0;
    const char *c = *at;
    for (; ascii_is_digit(*c); c++) {
        if (value > INT64_MAX / 100) return false;
        value = value * 10 + (*c - '0');
    }
    *at = c;
    *out = value;
    return true;
}

enum datetime_fault datetime_read_clock(const char *text, bool minutes_first,
                                        struct clock_reading *out)
{
    const char *at = text;
    int64_t first, second, third = 0;
    int32_t us = 0;
    if (!read_digits(&at, &first)) return DATETIME_FIELD_OVERFLOW;
    if (*at != ':') return DATETIME_BAD_FORMAT;
    at++;
    if (!read_digits(&at, &second)) return DATETIME_FIELD_OVERFLOW;
    if (*at == 0) {
        if (minutes_first) {
            third = second;
            second = first;
            first = 0;
        }
    } else if (*at == '.') { /* mm:ss.ffffff */
        if (!datetime_read_fraction(at, &us)) return DATETIME_BAD_FORMAT;
        third = second;
        second = first;
        first = 0;
    } else if (*at == ':') {
        at++;
        if (!read_digits(&at, &third)) return DATETIME_BAD_FORMAT;
        if (*at == '.' && !datetime_read_fraction(at, &us)) return DATETIME_BAD_FORMAT;
        if (*at != '.' && *at != 0) return DATETIME_BAD_FORMAT;
    } else {
        return DATETIME_BAD_FORMAT;
    }
    if (second > 59 || third > 60) return DATETIME_FIELD_OVERFLOW;
    *out = (struct clock_reading){first, (int32_t)second, (int32_t)third, us};
    return DATETIME_SOUND;
}

enum datetime_fault datetime_read_offset(const char *text, int32_t *offset_out)
{
    if (*text != '+' && *text != '-') return DATETIME_BAD_FORMAT;
    const char *at = text + 1;
    int64_t hours, minutes = 0, seconds = 0;
    size_t digits = strspn(at, "0123456789");
    if (digits == 0 || !read_digits(&at, &hours)) return DATETIME_BAD_FORMAT;
    if (*at == ':') {
        at++;
        if (!read_digits(&at, &minutes)) return DATETIME_BAD_FORMAT;
        if (*at == ':') {
            at++;
            if (!read_digits(&at, &seconds)) return DATETIME_BAD_FORMAT;
        }
    } else if (digits > 2) {
        minutes = hours % 100;
        hours /= 100;
    }
    if (hours > 15 || minutes > 59 || seconds > 59) return DATETIME_OFFSET_OVERFLOW;
    if (*at != 0) return DATETIME_BAD_FORMAT;
    int32_t offset = (int32_t)(hours * 3600 + minutes * 60 + seconds);
    *offset_out = *text == '-' ? -offset : offset;
    return DATETIME_SOUND;
}

enum status datetime_fail(struct sql_eval *e, enum datetime_fault fault, uint32_t oid,
                          struct bytes text)
{
    switch (fault) {
    case DATETIME_SOUND: UNREACHABLE();
    case DATETIME_REPORTED: return STATUS_INVALID;
    case DATETIME_BAD_FORMAT:
        return sql_eval_fail(
            e, SQLSTATE_INVALID_DATETIME_FORMAT, "invalid input syntax for type %s: \"%.*s\"",
            oid == SQL_TYPE_TIMESTAMPTZ ? "timestamp with time zone" : sql_type_find(oid)->name,
            SQL_SHOWN(text));
    case DATETIME_FIELD_OVERFLOW:
    case DATETIME_MONTH_DAY:
        sql_eval_fail(e, SQLSTATE_DATETIME_FIELD_OVERFLOW,
                      "date/time field value out of range: \"%.*s\"", SQL_SHOWN(text));
        if (fault == DATETIME_MONTH_DAY)
            sql_error_hint(e->error, e->arena,
                           "Perhaps you need a different \"datestyle\" setting.");
        return STATUS_INVALID;
    case DATETIME_INTERVAL_OVERFLOW:
        return sql_eval_fail(e, SQLSTATE_INTERVAL_FIELD_OVERFLOW,
                             "interval field value out of range: \"%.*s\"", SQL_SHOWN(text));
    case DATETIME_OFFSET_OVERFLOW:
        return sql_eval_fail(e, SQLSTATE_INVALID_TIME_ZONE_DISPLACEMENT_VALUE,
                             "time zone displacement out of range: \"%.*s\"", SQL_SHOWN(text));
    }
    UNREACHABLE();
}
