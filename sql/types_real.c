/* float4 and float8 as text. */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "sql/text_ascii.h"
#include "sql/types_io.h"

enum status sql_real_parse(struct sql_eval *e, uint32_t oid, struct bytes text, double *out)
{
    ASSERT(oid == SQL_TYPE_FLOAT4 || oid == SQL_TYPE_FLOAT8);
    const char *type_name = sql_type_find(oid)->sql_name;
    struct bytes inner = arena_copy(e->arena, ascii_trim(text)); /* strtod wants a NUL */
    if (inner.data == NULL) return sql_eval_no_memory(e);
    const char *start = (const char *)inner.data;
    char *end;
    errno = 0;
    double value = oid == SQL_TYPE_FLOAT4 ? (double)strtof(start, &end) : strtod(start, &end);
    if (end == start || (size_t)(end - start) != inner.size)
        return sql_eval_fail(e, SQLSTATE_INVALID_TEXT_REPRESENTATION,
                             "invalid input syntax for type %s: \"%.*s\"", type_name,
                             SQL_SHOWN(text));
    /* What is too small for a normal number but not for a subnormal one is fine. */
    if (errno == ERANGE && (value == 0 || isinf(value)))
        return sql_eval_fail(e, SQLSTATE_NUMERIC_VALUE_OUT_OF_RANGE,
                             "\"%.*s\" is out of range for type %s", SQL_SHOWN(inner), type_name);
    *out = isnan(value) ? (double)NAN : value;
    return STATUS_OK;
}

/* --- Shortest digits ------------------------------------------------------------------------- */

/* A positive number as 0.digits times 10^point, without trailing zeros. */
struct decimal {
    char digits[32];
    int count, point;
};

static struct decimal decimal_of_text(const char *text)
{
    struct decimal d = {.count = 0};
    const char *at = text;
    for (; *at != 'e'; at++)
        if (*at != '.') d.digits[d.count++] = *at;
    d.point = atoi(at + 1) + 1;
    while (d.count > 1 && d.digits[d.count - 1] == '0')
        d.count--;
    d.digits[d.count] = 0;
    return d;
}

static double read_back(const char *text, bool single)
{
    return single ? (double)strtof(text, NULL) : strtod(text, NULL);
}

/* True when `text` lies exactly between v and a neighbour. Reading it back depends on rounding ties
 * to even; PostgreSQL does not ask that of readers, and writes one digit more. */
static bool is_tie(const char *text, double v, bool single)
{
    for (int direction = -1; direction <= 1; direction += 2) {
        long double far = direction * HUGE_VALL;
        long double next =
            single ? (long double)nexttowardf((float)v, far) : (long double)nexttoward(v, far);
        long double middle = ((long double)v + next) / 2;
        if (!isfinite(next) || strtold(text, NULL) != middle) continue;
        /* Equal as far as long double goes; are all its digits? */
        char exact[80];
        snprintf(exact, sizeof exact, "%.60Le", middle);
        struct decimal text_digits = decimal_of_text(text);
        size_t digit = 0;
        bool equal = true;
        for (const char *c = exact; *c != 'e'; c++) {
            if (*c == '.') continue;
            char expected = digit < (size_t)text_digits.count ? text_digits.digits[digit] : '0';
            equal = equal && *c == expected;
            digit++;
        }
        if (equal) return true;
    }
    return false;
}

/* v rounded to `precision` digits, when it reads back as v; else, below a power of two where
 * neighbours are nearer than above it, the next decimal up. */
static bool try_precision(double v, bool single, int precision, struct decimal *out)
{
    char text[64];
    snprintf(text, sizeof text, "%.*e", precision - 1, v);
    if (read_back(text, single) == v && !is_tie(text, v, single)) {
        *out = decimal_of_text(text);
        return true;
    }
    int exponent;
    if (frexp(v, &exponent) != 0.5) return false;
    size_t last = strcspn(text, "e") - 1;
    if (text[last] == '9' || text[last] == '.') return false;
    text[last]++;
    if (read_back(text, single) != v || is_tie(text, v, single)) return false;
    COVER("real_shortest_above_power_of_two");
    *out = decimal_of_text(text);
    return true;
}

static struct decimal shortest(double v, bool single)
{
    ASSERT(v > 0 && isfinite(v));
    /* Any text of so few digits survives being read and written: when a shorter one reads back as
     * v, it is what rounding to that many digits gives. Subnormal numbers have fewer. */
    int precision = single ? FLT_DIG : DBL_DIG;
    if (v < (single ? (double)FLT_MIN : DBL_MIN)) precision = 1;
    struct decimal d;
    for (int max = single ? 9 : 17; precision < max; precision++)
        if (try_precision(v, single, precision, &d)) return d;
    char text[64];
    snprintf(text, sizeof text, "%.*e", precision - 1, v);
    return decimal_of_text(text);
}

/* 123.45, 0.001, 1e+15: an exponent where PostgreSQL writes one. */
static size_t put_decimal(const struct decimal *d, int exponent_from, char *to)
{
    char *at = to;
    int exponent = d->point - 1;
    if (exponent < -4 || exponent >= exponent_from) {
        *at++ = d->digits[0];
        if (d->count > 1) *at++ = '.';
        for (int i = 1; i < d->count; i++)
            *at++ = d->digits[i];
        at += sprintf(at, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
        return (size_t)(at - to);
    }
    if (d->point <= 0) {
        *at++ = '0';
        *at++ = '.';
        for (int i = d->point; i < 0; i++)
            *at++ = '0';
    }
    for (int i = 0; i < d->count || i < d->point; i++) {
        if (i == d->point && i > 0) *at++ = '.';
        *at++ = i < d->count ? d->digits[i] : '0';
    }
    return (size_t)(at - to);
}

size_t sql_real_format(uint32_t oid, double v, int32_t extra_digits, char *text_out)
{
    ASSERT(oid == SQL_TYPE_FLOAT4 || oid == SQL_TYPE_FLOAT8);
    bool single = oid == SQL_TYPE_FLOAT4;
    int digits = single ? FLT_DIG : DBL_DIG;
    const char *word = isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity";
    if (!isfinite(v)) {
        memcpy(text_out, word, strlen(word));
        return strlen(word);
    }
    if (extra_digits <= 0) {
        int precision = digits + extra_digits < 1 ? 1 : digits + extra_digits;
        return (size_t)sprintf(text_out, "%.*g", precision, v);
    }
    size_t sign = signbit(v) != 0;
    if (sign) *text_out = '-';
    if (v == 0) {
        text_out[sign] = '0';
        return sign + 1;
    }
    struct decimal d = shortest(fabs(v), single);
    return sign + put_decimal(&d, digits, text_out + sign);
}
