/* Numerics as text, integers and floating-point numbers, and back. */
#include "sql/numeric_int.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/codec.h"
#include "sql/text_ascii.h"

#define EXPONENT_MAX (INT32_MAX / 2)

/* --- Reading --------------------------------------------------------------------------------- */

/* The digits of a literal: where they stand, and what the exponent does to them. */
struct literal {
    bool negative, too_large;
    const uint8_t *digits; /* digits and at most one point */
    size_t size;
    int32_t digit_count, behind_point; /* decimal digits in all, and behind the point */
    int64_t exponent;
};

static bool parse_special(struct bytes text, enum numeric_kind *kind_out)
{
    if (ascii_equals_word(text, "nan")) {
        *kind_out = NUMERIC_NAN;
        return true;
    }
    bool negative = text.size > 0 && text.data[0] == '-';
    if (negative || (text.size > 0 && text.data[0] == '+')) {
        text.data++;
        text.size--;
    }
    if (!ascii_equals_word(text, "infinity") && !ascii_equals_word(text, "inf")) return false;
    *kind_out = negative ? NUMERIC_NEGATIVE_INFINITY : NUMERIC_POSITIVE_INFINITY;
    return true;
}

/* The exponent behind the e, all of `text`. */
static bool parse_exponent(struct bytes text, struct literal *l)
{
    size_t at = 0;
    bool negative = text.size > 0 && text.data[0] == '-';
    if (text.size > 0 && (text.data[0] == '-' || text.data[0] == '+')) at++;
    if (at == text.size) return false;
    for (; at < text.size; at++) {
        if (!ascii_is_digit(text.data[at])) return false;
        l->exponent = l->exponent * 10 + (text.data[at] - '0');
        if (l->exponent >= EXPONENT_MAX) {
            l->too_large = true;
            l->exponent = EXPONENT_MAX;
        }
    }
    if (negative) l->exponent = -l->exponent;
    return true;
}

static bool parse_literal(struct bytes text, struct literal *l)
{
    *l = (struct literal){0};
    size_t at = 0;
    bool point = false;
    if (text.size > 0 && (text.data[0] == '-' || text.data[0] == '+')) {
        l->negative = text.data[0] == '-';
        at++;
    }
    l->digits = text.data + at;
    size_t start = at;
    for (; at < text.size; at++) {
        uint8_t c = text.data[at];
        if (ascii_is_digit(c)) {
            l->digit_count++;
            l->behind_point += point;
        } else if (c == '.' && !point) {
            point = true;
        } else {
            break;
        }
    }
    l->size = at - start;
    if (l->digit_count == 0) return false;
    if (at == text.size) return true;
    if (text.data[at] != 'e' && text.data[at] != 'E') return false;
    return parse_exponent(bytes_make(text.data + at + 1, text.size - at - 1), l);
}

/* Groups decimal digits by four around the point. */
static enum status literal_value(struct sql_eval *e, const struct literal *l, struct numeric *out)
{
    int64_t behind = l->behind_point - l->exponent; /* digits behind the point in the end */
    int64_t scale = behind < 0 ? 0 : behind;
    int32_t zeros = 0; /* leading ones need no room */
    for (size_t i = 0; i < l->size && (l->digits[i] == '0' || l->digits[i] == '.'); i++)
        zeros += l->digits[i] == '0';
    int32_t count = l->digit_count - zeros;
    int64_t top = count - 1 - behind; /* decimal weight of the first digit that is not zero */
    if (scale > SQL_NUMERIC_SCALE_MAX) return numeric_overflow(e);
    if (count > 0 && top >= (SQL_NUMERIC_WEIGHT_MAX + 1) * NUMERIC_BASE_DIGITS)
        return numeric_overflow(e);
    int64_t weight = (top < 0 ? top - (NUMERIC_BASE_DIGITS - 1) : top) / NUMERIC_BASE_DIGITS;
    int32_t pad = (int32_t)(weight * NUMERIC_BASE_DIGITS + NUMERIC_BASE_DIGITS - 1 - top);
    enum status status =
        numeric_allocate(e, (pad + count + NUMERIC_BASE_DIGITS - 1) / NUMERIC_BASE_DIGITS, out);
    if (status != STATUS_OK) return status;
    memset(out->digits, 0, (size_t)out->digit_count * sizeof *out->digits);
    out->negative = l->negative;
    out->weight = (int32_t)weight;
    out->scale = (int32_t)scale;
    int32_t place = pad;
    for (size_t i = 0; i < l->size; i++) {
        if (l->digits[i] == '.') continue;
        if (zeros > 0) {
            zeros--;
            continue;
        }
        static const int32_t unit[NUMERIC_BASE_DIGITS] = {1000, 100, 10, 1};
        out->digits[place / NUMERIC_BASE_DIGITS] +=
            (l->digits[i] - '0') * unit[place % NUMERIC_BASE_DIGITS];
        place++;
    }
    ASSERT(place == pad + count);
    numeric_normalize(out);
    return STATUS_OK;
}

enum status sql_numeric_parse(struct sql_eval *e, struct bytes text, int32_t typmod,
                              struct bytes *out)
{
    ASSERT(out != NULL);
    struct bytes inner = ascii_trim(text);
    struct numeric n;
    struct literal l;
    enum numeric_kind kind;
    enum status status;
    if (parse_special(inner, &kind)) {
        status = numeric_allocate(e, 0, &n);
        n.kind = kind;
    } else if (inner.size > INT32_MAX / 2 || !parse_literal(inner, &l)) {
        return sql_eval_fail(e, SQLSTATE_INVALID_TEXT_REPRESENTATION,
                             "invalid input syntax for type numeric: \"%.*s\"", SQL_SHOWN(text));
    } else if (l.too_large) {
        return numeric_overflow(e);
    } else {
        status = literal_value(e, &l, &n);
    }
    if (status != STATUS_OK) return status;
    struct bytes whole;
    status = numeric_store(e, &n, &whole);
    if (status != STATUS_OK) return status;
    return sql_numeric_fit(e, whole, typmod, out);
}

/* --- Writing --------------------------------------------------------------------------------- */

size_t sql_numeric_text_bound(struct bytes p)
{
    ASSERT(p.size >= SQL_NUMERIC_HEAD_BYTES);
    int32_t weight = (int16_t)load_be16(p.data + 2), scale = load_be16(p.data + 6);
    size_t front = weight < 0 ? 1 : ((size_t)weight + 1) * NUMERIC_BASE_DIGITS;
    return sizeof "-Infinity" + front + 2 + (size_t)scale + NUMERIC_BASE_DIGITS;
}

static char *put_digit(char *at, int32_t digit)
{
    ASSERT(digit >= 0 && digit < NUMERIC_BASE);
    *at++ = (char)('0' + digit / 1000);
    *at++ = (char)('0' + digit / 100 % 10);
    *at++ = (char)('0' + digit / 10 % 10);
    *at++ = (char)('0' + digit % 10);
    return at;
}

static int32_t digit_at_weight(struct bytes p, int32_t weight)
{
    int32_t count = load_be16(p.data), i = (int16_t)load_be16(p.data + 2) - weight;
    return i < 0 || i >= count ? 0 : load_be16(p.data + SQL_NUMERIC_HEAD_BYTES + 2 * i);
}

size_t sql_numeric_format(struct bytes p, char *text_out)
{
    ASSERT(sql_numeric_check(p));
    ASSERT(text_out != NULL);
    int sign = sql_numeric_sign(p);
    if (!sql_numeric_is_finite(p)) {
        const char *word = sign == 0 ? "NaN" : sign > 0 ? "Infinity" : "-Infinity";
        memcpy(text_out, word, strlen(word));
        return strlen(word);
    }
    char *at = text_out;
    if (sign < 0) *at++ = '-';
    char *front = at;
    for (int32_t weight = (int16_t)load_be16(p.data + 2); weight >= 0; weight--)
        at = put_digit(at, digit_at_weight(p, weight));
    /* The first group of four without its leading zeros, but at least one digit. */
    size_t zeros = 0;
    while (zeros + 1 < (size_t)(at - front) && front[zeros] == '0')
        zeros++;
    memmove(front, front + zeros, (size_t)(at - front) - zeros);
    at -= zeros;
    if (at == front) *at++ = '0';
    int32_t scale = sql_numeric_scale(p);
    if (scale > 0) {
        *at++ = '.';
        char *end = at + scale;
        for (int32_t weight = -1; at < end; weight--)
            at = put_digit(at, digit_at_weight(p, weight));
        at = end;
    }
    ASSERT((size_t)(at - text_out) <= sql_numeric_text_bound(p));
    return (size_t)(at - text_out);
}

/* --- Integers -------------------------------------------------------------------------------- */

enum status sql_numeric_from_integer(struct sql_eval *e, int64_t v, struct bytes *out)
{
    struct numeric n;
    enum status status = numeric_from_integer(e, v, &n);
    if (status != STATUS_OK) return status;
    return numeric_store(e, &n, out);
}

enum status sql_numeric_from_wide(struct sql_eval *e, __int128 v, int32_t scale, struct bytes *out)
{
    ASSERT(scale >= 0 && scale <= SQL_NUMERIC_SCALE_MAX);
    char text[64]; /* 39 digits, sign */
    char *at = text + sizeof text;
    unsigned __int128 left = v < 0 ? -(unsigned __int128)v : (unsigned __int128)v;
    do {
        *--at = (char)('0' + (int)(left % 10));
        left /= 10;
    } while (left != 0);
    struct literal l = {.negative = v < 0, .digits = (const uint8_t *)at, .exponent = -scale};
    l.size = (size_t)(text + sizeof text - at);
    l.digit_count = (int32_t)l.size;
    struct numeric n;
    enum status status = literal_value(e, &l, &n);
    if (status != STATUS_OK) return status;
    return numeric_store(e, &n, out);
}

/* STATUS_TOO_LARGE without a message when the rounded value exceeds 64 bits. */
static enum status rounded_integer(struct sql_eval *e, struct bytes a, int64_t *out)
{
    struct numeric n;
    enum status status = numeric_load(e, a, &n);
    if (status != STATUS_OK) return status;
    ASSERT(n.kind == NUMERIC_FINITE);
    numeric_round(&n, 0);
    if (n.weight > 4) return STATUS_TOO_LARGE;
    __int128 value = 0;
    for (int32_t i = 0; i <= n.weight && n.digit_count > 0; i++)
        value = value * NUMERIC_BASE + (i < n.digit_count ? n.digits[i] : 0);
    if (n.negative) value = -value;
    if (value < INT64_MIN || value > INT64_MAX) return STATUS_TOO_LARGE;
    *out = (int64_t)value;
    return STATUS_OK;
}

enum status sql_numeric_to_integer(struct sql_eval *e, struct bytes a, uint32_t oid, int64_t *out)
{
    const struct sql_type_info *info = sql_type_find(oid);
    ASSERT(info != NULL);
    ASSERT(info->storage == SQL_STORAGE_INTEGER);
    if (!sql_numeric_is_finite(a))
        return sql_eval_fail(e, SQLSTATE_FEATURE_NOT_SUPPORTED, "cannot convert %s to %s",
                             sql_numeric_is_nan(a) ? "NaN" : "infinity", info->sql_name);
    int64_t value = 0;
    enum status status = rounded_integer(e, a, &value);
    if (status == STATUS_NO_MEMORY) return status;
    int64_t max = oid == SQL_TYPE_INT2 ? INT16_MAX : oid == SQL_TYPE_INT4 ? INT32_MAX : INT64_MAX;
    if (status != STATUS_OK || value > max || value < -max - 1)
        return sql_eval_out_of_range(e, oid);
    *out = value;
    return STATUS_OK;
}

/* --- Floating point -------------------------------------------------------------------------- */

enum status sql_numeric_from_real(struct sql_eval *e, double v, int digits, struct bytes *out)
{
    ASSERT(digits > 0 && digits <= 17);
    char text[64];
    if (isnan(v)) return sql_numeric_parse(e, BYTES_LITERAL("NaN"), SQL_TYPMOD_NONE, out);
    if (isinf(v))
        return sql_numeric_parse(e, bytes_of_string(v > 0 ? "Infinity" : "-Infinity"),
                                 SQL_TYPMOD_NONE, out);
    snprintf(text, sizeof text, "%.*g", digits, v);
    return sql_numeric_parse(e, bytes_of_string(text), SQL_TYPMOD_NONE, out);
}

/* 24 significant digits and the place of the point: more never change the nearest double, but for
 * the digit that says whether anything follows them. */
static double nearest(const struct numeric *a, bool single)
{
    ASSERT(a->kind == NUMERIC_FINITE);
    enum { GROUPS_MAX = 200 }; /* 800 digits: past the longest tie between two doubles (767) */
    char text[GROUPS_MAX * NUMERIC_BASE_DIGITS + 32];
    char *at = text;
    if (a->negative) *at++ = '-';
    int32_t groups = a->digit_count < GROUPS_MAX ? a->digit_count : GROUPS_MAX;
    for (int32_t i = 0; i < groups; i++)
        at = put_digit(at, a->digits[i]);
    bool more = groups < a->digit_count;
    if (more) *at++ = '1';
    int32_t exponent = (a->weight + 1 - groups) * NUMERIC_BASE_DIGITS - more;
    snprintf(at, 16, "e%d", groups == 0 ? 0 : exponent);
    if (groups == 0) return 0;
    return single ? (double)strtof(text, NULL) : strtod(text, NULL);
}

double numeric_to_double(const struct numeric *a)
{
    return nearest(a, false);
}

enum status sql_numeric_to_real(struct sql_eval *e, struct bytes a, uint32_t oid, double *out)
{
    ASSERT(oid == SQL_TYPE_FLOAT4 || oid == SQL_TYPE_FLOAT8);
    struct numeric n;
    enum status status = numeric_load(e, a, &n);
    if (status != STATUS_OK) return status;
    if (n.kind != NUMERIC_FINITE) {
        *out = n.kind == NUMERIC_NAN                 ? (double)NAN
               : n.kind == NUMERIC_POSITIVE_INFINITY ? HUGE_VAL
                                                     : -HUGE_VAL;
        return STATUS_OK;
    }
    double value = nearest(&n, oid == SQL_TYPE_FLOAT4);
    if (isinf(value) || (value == 0 && n.digit_count > 0)) {
        size_t size = sql_numeric_text_bound(a);
        char *text = sql_eval_alloc(e, size);
        if (text == NULL) return STATUS_NO_MEMORY;
        size = sql_numeric_format(a, text);
        return sql_eval_fail(e, SQLSTATE_NUMERIC_VALUE_OUT_OF_RANGE,
                             "\"%.*s\" is out of range for type %s",
                             SQL_SHOWN(bytes_make(text, size)), sql_type_find(oid)->sql_name);
    }
    *out = value;
    return STATUS_OK;
}
