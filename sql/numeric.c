/* The payload and the working form of a numeric, and what needs no arithmetic: order, rounding,
 * fit. */
#include "sql/numeric_int.h"

#include "base/codec.h"

#define SIGN_MINUS             0x4000
#define SIGN_NAN               0xC000
#define SIGN_POSITIVE_INFINITY 0xD000
#define SIGN_NEGATIVE_INFINITY 0xF000
#define RESULT_SCALE_MAX       2000 /* of round() and trunc() */
#define HEAD                   SQL_NUMERIC_HEAD_BYTES

static const int32_t power_of_ten[NUMERIC_BASE_DIGITS + 1] = {1, 10, 100, 1000, 10000};

/* --- The payload ----------------------------------------------------------------------------- */

static int32_t payload_count(struct bytes p)
{
    return load_be16(p.data);
}
static int32_t payload_weight(struct bytes p)
{
    return (int16_t)load_be16(p.data + 2);
}
static uint16_t payload_sign(struct bytes p)
{
    return load_be16(p.data + 4);
}
static int32_t payload_scale(struct bytes p)
{
    return load_be16(p.data + 6);
}
static int32_t payload_digit(struct bytes p, int32_t i)
{
    return load_be16(p.data + HEAD + 2 * i);
}
static bool payload_is_special(struct bytes p)
{
    return payload_sign(p) >= SIGN_NAN;
}

/* The decimal digits behind the point that the last digit of base 10000 needs. */
static int32_t digits_behind_point(int32_t last_digit, int32_t last_weight)
{
    int32_t shown = -last_weight * NUMERIC_BASE_DIGITS;
    while (shown > 0 && last_digit != 0 && last_digit % 10 == 0) {
        last_digit /= 10;
        shown--;
    }
    return shown < 0 ? 0 : shown;
}

bool sql_numeric_check(struct bytes p)
{
    if (p.size < HEAD || p.size % 2 != 0) return false;
    int32_t count = payload_count(p);
    if ((size_t)count * 2 + HEAD != p.size) return false;
    if (payload_scale(p) > SQL_NUMERIC_SCALE_MAX) return false;
    uint16_t sign = payload_sign(p);
    if (payload_is_special(p)) {
        bool known =
            sign == SIGN_NAN || sign == SIGN_POSITIVE_INFINITY || sign == SIGN_NEGATIVE_INFINITY;
        return known && count == 0 && payload_weight(p) == 0 && payload_scale(p) == 0;
    }
    if (sign != 0 && sign != SIGN_MINUS) return false;
    if (count == 0) return sign == 0 && payload_weight(p) == 0;
    for (int32_t i = 0; i < count; i++)
        if (payload_digit(p, i) >= NUMERIC_BASE) return false;
    int32_t last = payload_digit(p, count - 1);
    return payload_digit(p, 0) != 0 && last != 0 &&
           digits_behind_point(last, payload_weight(p) - count + 1) <= payload_scale(p);
}

bool sql_numeric_is_nan(struct bytes p)
{
    ASSERT_SLOW(sql_numeric_check(p));
    return payload_sign(p) == SIGN_NAN;
}

bool sql_numeric_is_finite(struct bytes p)
{
    ASSERT_SLOW(sql_numeric_check(p));
    return !payload_is_special(p);
}

int sql_numeric_sign(struct bytes p)
{
    ASSERT_SLOW(sql_numeric_check(p));
    switch (payload_sign(p)) {
    case SIGN_NAN: return 0;
    case SIGN_POSITIVE_INFINITY: return 1;
    case SIGN_NEGATIVE_INFINITY:
    case SIGN_MINUS: return -1;
    default: return payload_count(p) > 0;
    }
}

int32_t sql_numeric_scale(struct bytes p)
{
    ASSERT_SLOW(sql_numeric_check(p));
    return payload_scale(p);
}

int32_t sql_numeric_scale_min(struct bytes p)
{
    ASSERT_SLOW(sql_numeric_check(p));
    int32_t count = payload_count(p);
    if (count == 0) return 0;
    return digits_behind_point(payload_digit(p, count - 1), payload_weight(p) - count + 1);
}

/* NaN above Infinity above the numbers above -Infinity. */
static int rank(struct bytes p)
{
    switch (payload_sign(p)) {
    case SIGN_NAN: return 3;
    case SIGN_POSITIVE_INFINITY: return 2;
    case SIGN_NEGATIVE_INFINITY: return 0;
    default: return 1;
    }
}

static int compare_digits(struct bytes a, struct bytes b)
{
    int32_t count_a = payload_count(a), count_b = payload_count(b);
    if (payload_weight(a) != payload_weight(b))
        return payload_weight(a) < payload_weight(b) ? -1 : 1;
    for (int32_t i = 0; i < count_a && i < count_b; i++)
        if (payload_digit(a, i) != payload_digit(b, i))
            return payload_digit(a, i) < payload_digit(b, i) ? -1 : 1;
    return (count_a > count_b) - (count_a < count_b);
}

int sql_numeric_compare(struct bytes a, struct bytes b)
{
    ASSERT_SLOW(sql_numeric_check(a));
    ASSERT_SLOW(sql_numeric_check(b));
    int rank_a = rank(a), rank_b = rank(b);
    if (rank_a != rank_b || rank_a != 1) return rank_a - rank_b;
    int sign_a = sql_numeric_sign(a), sign_b = sql_numeric_sign(b);
    if (sign_a != sign_b || sign_a == 0) return sign_a - sign_b;
    return sign_a * compare_digits(a, b);
}

/* --- Working form ---------------------------------------------------------------------------- */

enum status numeric_overflow(struct sql_eval *e)
{
    return sql_eval_fail(e, SQLSTATE_NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format");
}

enum status numeric_allocate(struct sql_eval *e, int32_t digit_count, struct numeric *out)
{
    ASSERT(digit_count >= 0);
    ASSERT(out != NULL);
    int32_t *digits = sql_eval_alloc(e, ((size_t)digit_count + 1) * sizeof *digits);
    if (digits == NULL) return STATUS_NO_MEMORY;
    *out = (struct numeric){.digit_count = digit_count, .digits = digits + 1};
    digits[0] = 0;
    return STATUS_OK;
}

enum status numeric_load(struct sql_eval *e, struct bytes p, struct numeric *out)
{
    ASSERT(sql_numeric_check(p));
    enum status status = numeric_allocate(e, payload_count(p), out);
    if (status != STATUS_OK) return status;
    out->negative = payload_sign(p) == SIGN_MINUS;
    out->weight = payload_weight(p);
    out->scale = payload_scale(p);
    for (int32_t i = 0; i < out->digit_count; i++)
        out->digits[i] = payload_digit(p, i);
    switch (payload_sign(p)) {
    case SIGN_NAN: out->kind = NUMERIC_NAN; break;
    case SIGN_POSITIVE_INFINITY: out->kind = NUMERIC_POSITIVE_INFINITY; break;
    case SIGN_NEGATIVE_INFINITY: out->kind = NUMERIC_NEGATIVE_INFINITY; break;
    default: break;
    }
    return STATUS_OK;
}

static uint16_t sign_of(const struct numeric *n)
{
    switch (n->kind) {
    case NUMERIC_NAN: return SIGN_NAN;
    case NUMERIC_POSITIVE_INFINITY: return SIGN_POSITIVE_INFINITY;
    case NUMERIC_NEGATIVE_INFINITY: return SIGN_NEGATIVE_INFINITY;
    default: return n->negative ? SIGN_MINUS : 0;
    }
}

enum status numeric_store(struct sql_eval *e, struct numeric *n, struct bytes *out)
{
    ASSERT(out != NULL);
    if (n->kind != NUMERIC_FINITE) numeric_set_zero(n, 0);
    numeric_normalize(n);
    ASSERT(n->scale >= 0);
    if (n->weight > SQL_NUMERIC_WEIGHT_MAX || n->scale > SQL_NUMERIC_SCALE_MAX)
        return numeric_overflow(e);
    ASSERT(n->weight >= INT16_MIN);
    ASSERT(n->digit_count <= UINT16_MAX);
    size_t size = HEAD + 2 * (size_t)n->digit_count;
    uint8_t *p = sql_eval_alloc(e, size);
    if (p == NULL) return STATUS_NO_MEMORY;
    store_be16(p, (uint16_t)n->digit_count);
    store_be16(p + 2, (uint16_t)n->weight);
    store_be16(p + 4, sign_of(n));
    store_be16(p + 6, (uint16_t)n->scale);
    for (int32_t i = 0; i < n->digit_count; i++)
        store_be16(p + HEAD + 2 * i, (uint16_t)n->digits[i]);
    *out = bytes_make(p, size);
    ASSERT_SLOW(sql_numeric_check(*out));
    return STATUS_OK;
}

enum status numeric_copy(struct sql_eval *e, const struct numeric *a, struct numeric *out)
{
    enum status status = numeric_allocate(e, a->digit_count, out);
    if (status != STATUS_OK) return status;
    int32_t *digits = out->digits;
    *out = *a;
    out->digits = digits;
    memcpy(digits, a->digits, (size_t)a->digit_count * sizeof *digits);
    return STATUS_OK;
}

void numeric_set_zero(struct numeric *n, int32_t scale)
{
    n->digit_count = 0;
    n->weight = 0;
    n->negative = false;
    n->scale = scale;
}

void numeric_normalize(struct numeric *n)
{
    ASSERT(n->digit_count >= 0);
    int32_t leading = 0;
    while (leading < n->digit_count && n->digits[leading] == 0)
        leading++;
    n->digits += leading;
    n->digit_count -= leading;
    n->weight -= leading;
    while (n->digit_count > 0 && n->digits[n->digit_count - 1] == 0)
        n->digit_count--;
    if (n->digit_count == 0) numeric_set_zero(n, n->scale);
}

enum status numeric_from_integer(struct sql_eval *e, int64_t v, struct numeric *out)
{
    enum status status = numeric_allocate(e, 5, out); /* 10000^5 > 2^63 */
    if (status != STATUS_OK) return status;
    out->negative = v < 0;
    out->weight = 4;
    uint64_t left = v < 0 ? -(uint64_t)v : (uint64_t)v;
    for (int32_t i = 4; i >= 0; i--) {
        out->digits[i] = (int32_t)(left % NUMERIC_BASE);
        left /= NUMERIC_BASE;
    }
    ASSERT(left == 0);
    numeric_normalize(out);
    return STATUS_OK;
}

/* --- Rounding -------------------------------------------------------------------------------- */

/* Adds `unit` to digit `at` (-1: the place in front of the first) and carries upwards. */
static void carry_up(struct numeric *n, int32_t at, int32_t unit)
{
    ASSERT(at < n->digit_count);
    while (at >= 0) {
        n->digits[at] += unit;
        if (n->digits[at] < NUMERIC_BASE) return;
        n->digits[at--] -= NUMERIC_BASE;
        unit = 1;
    }
    n->digits--; /* the spare place in front */
    n->digits[0] = 1;
    n->digit_count++;
    n->weight++;
}

static void cut(struct numeric *n, int32_t scale, bool round)
{
    ASSERT(n->kind == NUMERIC_FINITE);
    numeric_normalize(n);
    n->scale = scale < 0 ? 0 : scale;
    int64_t keep = ((int64_t)n->weight + 1) * NUMERIC_BASE_DIGITS + scale; /* decimal digits */
    if (keep < 0) {
        numeric_set_zero(n, n->scale);
        return;
    }
    if (keep / NUMERIC_BASE_DIGITS >= n->digit_count) return;
    int32_t whole = (int32_t)(keep / NUMERIC_BASE_DIGITS);
    int32_t unit = power_of_ten[NUMERIC_BASE_DIGITS - keep % NUMERIC_BASE_DIGITS];
    int32_t dropped = n->digits[whole] % unit;
    n->digits[whole] -= dropped;
    n->digit_count = whole + 1;
    if (round && dropped * 2 >= unit) carry_up(n, whole, unit);
    numeric_normalize(n);
}

void numeric_round(struct numeric *n, int32_t scale)
{
    cut(n, scale, true);
}
void numeric_truncate(struct numeric *n, int32_t scale)
{
    cut(n, scale, false);
}

/* --- Order ----------------------------------------------------------------------------------- */

int numeric_compare_magnitude(const struct numeric *a, const struct numeric *b)
{
    ASSERT(a->kind == NUMERIC_FINITE);
    ASSERT(b->kind == NUMERIC_FINITE);
    if (a->digit_count == 0 || b->digit_count == 0)
        return (a->digit_count > 0) - (b->digit_count > 0);
    if (a->weight != b->weight) return a->weight < b->weight ? -1 : 1;
    for (int32_t i = 0; i < a->digit_count && i < b->digit_count; i++)
        if (a->digits[i] != b->digits[i]) return a->digits[i] < b->digits[i] ? -1 : 1;
    return (a->digit_count > b->digit_count) - (a->digit_count < b->digit_count);
}

int numeric_compare(const struct numeric *a, const struct numeric *b)
{
    if (a->negative != b->negative) return a->negative ? -1 : 1;
    int order = numeric_compare_magnitude(a, b);
    return a->negative ? -order : order;
}

/* --- Fitting a column ------------------------------------------------------------------------ */

int32_t numeric_decimal_weight(const struct numeric *a)
{
    ASSERT(a->digit_count > 0);
    ASSERT(a->digits[0] > 0);
    int32_t top = a->digits[0], weight = a->weight * NUMERIC_BASE_DIGITS;
    while (top >= 10) {
        top /= 10;
        weight++;
    }
    return weight;
}

static enum status fail_fit(struct sql_eval *e, int32_t precision, int32_t scale, bool infinite)
{
    enum status status =
        sql_eval_fail(e, SQLSTATE_NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow");
    if (infinite)
        sql_error_detail(e->error, e->arena,
                         "A field with precision %d, scale %d cannot hold an infinite value.",
                         precision, scale);
    else
        sql_error_detail(
            e->error, e->arena,
            "A field with precision %d, scale %d must round to an absolute value less than %s%d.",
            precision, scale, precision == scale ? "" : "10^",
            precision == scale ? 1 : precision - scale);
    return status;
}

enum status sql_numeric_fit(struct sql_eval *e, struct bytes a, int32_t typmod, struct bytes *out)
{
    ASSERT(out != NULL);
    if (typmod < SQL_TYPMOD_EXTRA || sql_numeric_is_nan(a)) {
        *out = a;
        return STATUS_OK;
    }
    int32_t precision = sql_typmod_numeric_precision(typmod);
    int32_t scale = sql_typmod_numeric_scale(typmod);
    struct numeric n;
    enum status status = numeric_load(e, a, &n);
    if (status != STATUS_OK) return status;
    if (n.kind != NUMERIC_FINITE) return fail_fit(e, precision, scale, true);
    numeric_round(&n, scale);
    if (n.digit_count > 0 && numeric_decimal_weight(&n) >= precision - scale)
        return fail_fit(e, precision, scale, false);
    return numeric_store(e, &n, out);
}

static enum status change_scale(struct sql_eval *e, struct bytes a, int32_t scale, bool round,
                                struct bytes *out)
{
    if (payload_is_special(a)) {
        *out = a;
        return STATUS_OK;
    }
    /* PostgreSQL clamps so, whatever is asked for. */
    if (scale > RESULT_SCALE_MAX) scale = RESULT_SCALE_MAX;
    if (scale < -RESULT_SCALE_MAX) scale = -RESULT_SCALE_MAX;
    struct numeric n;
    enum status status = numeric_load(e, a, &n);
    if (status != STATUS_OK) return status;
    cut(&n, scale, round);
    return numeric_store(e, &n, out);
}

enum status sql_numeric_round(struct sql_eval *e, struct bytes a, int32_t scale, struct bytes *out)
{
    return change_scale(e, a, scale, true, out);
}

enum status sql_numeric_truncate(struct sql_eval *e, struct bytes a, int32_t scale,
                                 struct bytes *out)
{
    return change_scale(e, a, scale, false, out);
}

/* --- From the wire --------------------------------------------------------------------------- */

static enum status fail_wire(struct sql_eval *e, const char *what)
{
    return sql_eval_fail(e, SQLSTATE_INVALID_BINARY_REPRESENTATION,
                         "invalid %s in external \"numeric\" value", what);
}

enum status sql_numeric_receive(struct sql_eval *e, struct bytes wire, int32_t typmod,
                                struct bytes *out)
{
    if (wire.size < HEAD || wire.size != HEAD + 2 * (size_t)payload_count(wire))
        return fail_wire(e, "length");
    uint16_t sign = payload_sign(wire);
    struct numeric n;
    enum status status = numeric_allocate(e, payload_count(wire), &n);
    if (status != STATUS_OK) return status;
    switch (sign) {
    case 0:
    case SIGN_MINUS: n.negative = sign == SIGN_MINUS; break;
    case SIGN_NAN: n.kind = NUMERIC_NAN; break;
    case SIGN_POSITIVE_INFINITY: n.kind = NUMERIC_POSITIVE_INFINITY; break;
    case SIGN_NEGATIVE_INFINITY: n.kind = NUMERIC_NEGATIVE_INFINITY; break;
    default: return fail_wire(e, "sign");
    }
    if (payload_scale(wire) > SQL_NUMERIC_SCALE_MAX) return fail_wire(e, "scale");
    n.weight = payload_weight(wire);
    for (int32_t i = 0; i < n.digit_count; i++) {
        n.digits[i] = payload_digit(wire, i);
        if (n.digits[i] >= NUMERIC_BASE) return fail_wire(e, "digit");
    }
    if (n.kind == NUMERIC_FINITE) numeric_truncate(&n, payload_scale(wire));
    struct bytes whole;
    status = numeric_store(e, &n, &whole);
    if (status != STATUS_OK) return status;
    return sql_numeric_fit(e, whole, typmod, out);
}
