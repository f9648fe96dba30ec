/* Reading intervals: "1 year 2 mons -3 days", "1-2", "3 04:05:06", "P1Y2M3DT4H5M6S". */
#include <math.h>
#include <stdlib.h>

#include "sql/datetime_int.h"
#include "sql/text_ascii.h"

/* A quantity as written: its whole part, and the fraction behind the point with the same sign. */
struct quantity {
    int64_t whole;
    double fraction;
};

/* What has been read so far. Months may exceed what an interval holds until all is added up. */
struct total {
    int64_t us, months;
    int32_t days;
};

/* The units that a text may give once each. */
#define UNIT_BIT(unit) (1u << (unit))
#define CLOCK_BITS \
    (UNIT_BIT(UNIT_HOUR) | UNIT_BIT(UNIT_MINUTE) | UNIT_BIT(UNIT_SECOND) | \
     UNIT_BIT(UNIT_MILLISECOND) | UNIT_BIT(UNIT_MICROSECOND))
#define SECOND_BITS \
    (UNIT_BIT(UNIT_SECOND) | UNIT_BIT(UNIT_MILLISECOND) | UNIT_BIT(UNIT_MICROSECOND))

/* --- Adding up ------------------------------------------------------------------------------- */

static bool add_us(struct total *t, int64_t count, int64_t unit_us)
{
    int64_t us;
    return !__builtin_mul_overflow(count, unit_us, &us) &&
           !__builtin_add_overflow(t->us, us, &t->us);
}

/* A fraction of a unit, to the nearest us; exact halves go towards zero as PostgreSQL lets them. */
static bool add_fraction_us(struct total *t, double fraction, int64_t unit_us)
{
    if (fraction == 0) return true;
    double exact = fraction * (double)unit_us;
    int64_t us = (int64_t)exact;
    exact -= (double)us;
    us += exact > 0.5 ? 1 : exact < -0.5 ? -1 : 0;
    return !__builtin_add_overflow(t->us, us, &t->us);
}

static bool add_days(struct total *t, struct quantity q, int32_t unit_days)
{
    int64_t days;
    if (__builtin_mul_overflow(q.whole, (int64_t)unit_days, &days)) return false;
    double exact = q.fraction * unit_days;
    int32_t extra = (int32_t)exact;
    if (days > INT32_MAX || days < INT32_MIN) return false;
    return !__builtin_add_overflow(t->days, (int32_t)days, &t->days) &&
           !__builtin_add_overflow(t->days, extra, &t->days) &&
           add_fraction_us(t, exact - extra, US_PER_DAY);
}

static bool add_months(struct total *t, int64_t count, int64_t unit_months)
{
    if (count > INT32_MAX || count < INT32_MIN) return false;
    return !__builtin_add_overflow(t->months, count * unit_months, &t->months);
}

static bool add_years(struct total *t, struct quantity q, int32_t unit_years)
{
    int64_t unit = (int64_t)unit_years * MONTHS_PER_YEAR;
    return add_months(t, q.whole, unit) &&
           add_months(t, (int64_t)rint(q.fraction * (double)unit), 1);
}

static bool add_time(struct total *t, struct quantity q, int64_t unit_us)
{
    return add_us(t, q.whole, unit_us) && add_fraction_us(t, q.fraction, unit_us);
}

static enum datetime_fault add_unit(struct total *t, enum datetime_unit unit, struct quantity q)
{
    bool fits;
    switch (unit) {
    case UNIT_MICROSECOND: fits = add_time(t, q, 1); break;
    case UNIT_MILLISECOND: fits = add_time(t, q, 1000); break;
    case UNIT_SECOND: fits = add_time(t, q, US_PER_SECOND); break;
    case UNIT_MINUTE: fits = add_time(t, q, US_PER_MINUTE); break;
    case UNIT_HOUR: fits = add_time(t, q, US_PER_HOUR); break;
    case UNIT_DAY: fits = add_days(t, q, 1); break;
    case UNIT_WEEK: fits = add_days(t, q, 7); break;
    case UNIT_MONTH:
        fits = add_months(t, q.whole, 1) &&
               add_days(t, (struct quantity){0, q.fraction}, DAYS_PER_MONTH);
        break;
    case UNIT_YEAR: fits = add_years(t, q, 1); break;
    case UNIT_DECADE: fits = add_years(t, q, 10); break;
    case UNIT_CENTURY: fits = add_years(t, q, 100); break;
    case UNIT_MILLENNIUM: fits = add_years(t, q, 1000); break;
    default: return DATETIME_BAD_FORMAT;
    }
    return fits ? DATETIME_SOUND : DATETIME_FIELD_OVERFLOW;
}

/* --- The PostgreSQL and SQL styles ----------------------------------------------------------- */

struct interval_parser {
    struct total value;
    enum datetime_unit unit; /* of the number to the left: fields are read backwards */
    uint32_t seen;           /* UNIT_BITs */
    int32_t fields;          /* of the type, SQL_INTERVAL_* */
    bool ago;
};

static enum datetime_fault see(struct interval_parser *p, uint32_t bits)
{
    if (p->seen & bits) return DATETIME_BAD_FORMAT;
    p->seen |= bits;
    return DATETIME_SOUND;
}

/* What a number without a unit counts: the lowest field of the type. */
static enum datetime_unit default_unit(int32_t fields)
{
    if (fields & SQL_INTERVAL_SECOND) return UNIT_SECOND;
    if (fields & SQL_INTERVAL_MINUTE) return UNIT_MINUTE;
    if (fields & SQL_INTERVAL_HOUR) return UNIT_HOUR;
    if (fields & SQL_INTERVAL_DAY) return UNIT_DAY;
    if (fields & SQL_INTERVAL_MONTH) return UNIT_MONTH;
    if (fields & SQL_INTERVAL_YEAR) return UNIT_YEAR;
    return UNIT_SECOND;
}

static enum datetime_fault take_clock(struct interval_parser *p, const char *text, bool negative)
{
    struct clock_reading clock;
    bool minutes_first = p->fields == (SQL_INTERVAL_MINUTE | SQL_INTERVAL_SECOND);
    enum datetime_fault fault = datetime_read_clock(text, minutes_first, &clock);
    if (fault != DATETIME_SOUND) return fault;
    int64_t sign = negative ? -1 : 1;
    int64_t rest = clock.minutes * US_PER_MINUTE + clock.seconds * US_PER_SECOND + clock.us;
    if (!add_us(&p->value, sign * clock.hours, US_PER_HOUR) || !add_us(&p->value, sign * rest, 1))
        return DATETIME_FIELD_OVERFLOW;
    p->unit = UNIT_DAY; /* "1 02:03" */
    return see(p, CLOCK_BITS);
}

/* Years and months, "1-2": *at is at the minus, q has the years. */
static enum datetime_fault read_months(const char *at, bool negative, struct quantity *q)
{
    char *end;
    if (!ascii_is_digit(at[1])) return DATETIME_BAD_FORMAT;
    long months = strtol(at + 1, &end, 10);
    if (months < 0 || months >= MONTHS_PER_YEAR) return DATETIME_FIELD_OVERFLOW;
    if (*end != 0) return DATETIME_BAD_FORMAT;
    if (__builtin_mul_overflow(q->whole, INT64_C(12), &q->whole) ||
        __builtin_add_overflow(q->whole, negative ? -months : months, &q->whole))
        return DATETIME_FIELD_OVERFLOW;
    return DATETIME_SOUND;
}

/* [+-]digits[.digits]; *end_out is what follows. */
static bool read_quantity(const char *text, struct quantity *q, const char **end_out)
{
    bool negative = *text == '-';
    const char *at = text + (*text == '-' || *text == '+');
    q->whole = 0;
    q->fraction = 0;
    for (; ascii_is_digit(*at); at++)
        if (__builtin_mul_overflow(q->whole, INT64_C(10), &q->whole) ||
            __builtin_add_overflow(q->whole, *at - '0', &q->whole))
            return false;
    if (negative) q->whole = -q->whole;
    if (*at == '.') {
        size_t digits = strspn(at + 1, "0123456789");
        if (digits > 0) q->fraction = strtod(at, NULL);
        if (negative) q->fraction = -q->fraction;
        at += 1 + digits;
    }
    *end_out = at;
    return true;
}

static enum datetime_fault take_quantity(struct interval_parser *p, const char *text)
{
    if (p->unit == UNIT_NONE) p->unit = default_unit(p->fields);
    struct quantity q;
    const char *end;
    if (!read_quantity(text, &q, &end)) return DATETIME_FIELD_OVERFLOW;
    if (*end == '-') {
        enum datetime_fault fault = read_months(end, *text == '-', &q);
        if (fault != DATETIME_SOUND) return fault;
        p->unit = UNIT_MONTH;
    } else if (*end != 0) {
        return DATETIME_BAD_FORMAT;
    }
    enum datetime_fault fault = add_unit(&p->value, p->unit, q);
    if (fault != DATETIME_SOUND) return fault;
    uint32_t bits = p->unit == UNIT_SECOND && q.fraction != 0 ? SECOND_BITS : UNIT_BIT(p->unit);
    if (p->unit == UNIT_HOUR) p->unit = UNIT_DAY;
    return see(p, bits);
}

static enum datetime_fault take_interval_field(struct interval_parser *p, const struct field *f)
{
    switch (f->kind) {
    case FIELD_TIME: return take_clock(p, f->text, false);
    case FIELD_OFFSET:
        if (strchr(f->text, ':') != NULL) return take_clock(p, f->text + 1, *f->text == '-');
        return take_quantity(p, f->text);
    case FIELD_DATE:
    case FIELD_NUMBER: return take_quantity(p, f->text);
    case FIELD_SIGNED_WORD: return DATETIME_BAD_FORMAT;
    case FIELD_WORD:
        if (strcmp(f->text, "ago") == 0) {
            p->ago = true;
            return DATETIME_SOUND;
        }
        p->unit = datetime_unit(bytes_of_string(f->text));
        return p->unit == UNIT_NONE || p->unit == UNIT_QUARTER || p->unit >= UNIT_DOW
                   ? DATETIME_BAD_FORMAT
                   : DATETIME_SOUND;
    }
    UNREACHABLE();
}

static enum datetime_fault parse_words(struct interval_parser *p, struct bytes text)
{
    struct fields fields;
    if (!datetime_split(text, &fields)) return DATETIME_BAD_FORMAT;
    for (uint32_t i = fields.count; i > 0; i--) {
        enum datetime_fault fault = take_interval_field(p, &fields.list[i - 1]);
        if (fault != DATETIME_SOUND) return fault;
    }
    if (p->seen == 0) return DATETIME_BAD_FORMAT;
    if (!p->ago) return DATETIME_SOUND;
    struct total *v = &p->value;
    if (v->us == INT64_MIN || v->days == INT32_MIN) return DATETIME_FIELD_OVERFLOW;
    *v = (struct total){.us = -v->us, .months = -v->months, .days = -v->days};
    return DATETIME_SOUND;
}

/* --- ISO 8601 -------------------------------------------------------------------------------- */

static enum datetime_unit iso_unit(char letter, bool time)
{
    switch (letter) {
    case 'Y': return time ? UNIT_NONE : UNIT_YEAR;
    case 'M': return time ? UNIT_MINUTE : UNIT_MONTH;
    case 'W': return time ? UNIT_NONE : UNIT_WEEK;
    case 'D': return time ? UNIT_NONE : UNIT_DAY;
    case 'H': return time ? UNIT_HOUR : UNIT_NONE;
    case 'S': return time ? UNIT_SECOND : UNIT_NONE;
    default: return UNIT_NONE;
    }
}

/* P1Y2M3DT4H5M6S */
static enum datetime_fault parse_designators(const char *at, struct total *out)
{
    bool time = false;
    while (*at != 0) {
        if (*at == 'T' && !time) {
            time = true;
            at++;
            continue;
        }
        struct quantity q;
        const char *end;
        if (!read_quantity(at, &q, &end)) return DATETIME_FIELD_OVERFLOW;
        enum datetime_unit unit = iso_unit(*end, time);
        if (end == at || !ascii_is_digit(end[-1]) || unit == UNIT_NONE) return DATETIME_BAD_FORMAT;
        enum datetime_fault fault = add_unit(out, unit, q);
        if (fault != DATETIME_SOUND) return fault;
        at = end + 1;
    }
    return DATETIME_SOUND;
}

/* P0001-02-03T04:05:06 */
static enum datetime_fault parse_alternative(const char *at, struct total *out)
{
    static const enum datetime_unit date_units[] = {UNIT_YEAR, UNIT_MONTH, UNIT_DAY};
    static const enum datetime_unit time_units[] = {UNIT_HOUR, UNIT_MINUTE, UNIT_SECOND};
    for (int part = 0; part < 2; part++) {
        const enum datetime_unit *units = part == 0 ? date_units : time_units;
        for (int i = 0; i < 3 && *at != 0 && *at != 'T'; i++) {
            struct quantity q;
            const char *end;
            if (!read_quantity(at, &q, &end)) return DATETIME_FIELD_OVERFLOW;
            if (end == at) return DATETIME_BAD_FORMAT;
            enum datetime_fault fault = add_unit(out, units[i], q);
            if (fault != DATETIME_SOUND) return fault;
            at = end;
            if (*at == (part == 0 ? '-' : ':') && i < 2) at++;
        }
        if (part == 0 && *at == 'T') at++;
    }
    return *at == 0 ? DATETIME_SOUND : DATETIME_BAD_FORMAT;
}

static enum datetime_fault parse_iso(struct bytes text, struct total *out)
{
    char copy[DATETIME_INPUT_BYTES_MAX + 1];
    if (text.size < 2 || text.size > DATETIME_INPUT_BYTES_MAX || text.data[0] != 'P')
        return DATETIME_BAD_FORMAT;
    memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    if (strlen(copy) != text.size) return DATETIME_BAD_FORMAT;
    *out = (struct total){0};
    size_t digits = strspn(copy + 1, "0123456789");
    char next = copy[1 + digits];
    bool alternative = (digits > 0 && (next == '-' || next == 0)) || strchr(copy, ':') != NULL;
    return alternative ? parse_alternative(copy + 1, out) : parse_designators(copy + 1, out);
}

enum status sql_interval_parse(struct sql_eval *e, struct bytes text, int32_t typmod,
                               struct sql_interval *out)
{
    ASSERT(out != NULL);
    ASSERT(e->error != NULL);
    struct interval_parser p = {.fields = sql_interval_typmod_fields(typmod)};
    if (p.fields == SQL_INTERVAL_FIELDS_ALL) p.fields = 0;
    enum datetime_fault fault = parse_words(&p, text);
    if (fault == DATETIME_BAD_FORMAT) fault = parse_iso(text, &p.value);
    if (fault == DATETIME_FIELD_OVERFLOW) fault = DATETIME_INTERVAL_OVERFLOW;
    if (fault != DATETIME_SOUND) return datetime_fail(e, fault, SQL_TYPE_INTERVAL, text);
    if (p.value.months > INT32_MAX || p.value.months < INT32_MIN)
        return sql_eval_fail(e, SQLSTATE_DATETIME_FIELD_OVERFLOW, "interval out of range");
    struct sql_interval value = {p.value.us, p.value.days, (int32_t)p.value.months};
    return sql_interval_fit(e, &value, typmod, out);
}
