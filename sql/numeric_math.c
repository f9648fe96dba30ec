/* Roots, exponentials, logarithms and powers of numerics. The digits shown are chosen by
 * PostgreSQL's rules; what is computed behind them carries guard digits, so the last digit shown is
 * right. */
#include "sql/numeric_int.h"

#include <math.h>

#define GUARD_DIGITS 8
#define LOG10_2      0.30103
#define LOG10_E      0.434294481903252
#define LN_10        2.302585092994046
/* exp() of more than this overflows, of less than its negative is 0. */
#define EXP_ARGUMENT_MAX 6000

static int32_t max32(int32_t a, int32_t b)
{
    return a > b ? a : b;
}
static int32_t min32(int32_t a, int32_t b)
{
    return a < b ? a : b;
}
static int32_t clamp_scale(int32_t scale)
{
    return min32(max32(scale, 0), NUMERIC_DISPLAY_SCALE_MAX);
}

static enum status set_special(struct sql_eval *e, enum numeric_kind kind, struct numeric *out)
{
    enum status status = numeric_allocate(e, 0, out);
    out->kind = kind;
    return status;
}

static enum status set_zero(struct sql_eval *e, int32_t scale, struct numeric *out)
{
    enum status status = numeric_allocate(e, 0, out);
    out->scale = scale;
    return status;
}

static enum status set_one(struct sql_eval *e, int32_t scale, struct numeric *out)
{
    enum status status = numeric_from_integer(e, 1, out);
    out->scale = scale;
    return status;
}

static enum status from_double(struct sql_eval *e, double v, struct numeric *out)
{
    ASSERT(isfinite(v));
    struct bytes payload;
    enum status status = sql_numeric_from_real(e, v, 17, &payload);
    return status != STATUS_OK ? status : numeric_load(e, payload, out);
}

/* Divides by a small integer. */
static enum status divide_by(struct sql_eval *e, const struct numeric *a, int64_t b, int32_t scale,
                             struct numeric *out)
{
    struct numeric divisor;
    enum status status = numeric_from_integer(e, b, &divisor);
    return status != STATUS_OK ? status : numeric_divide(e, a, &divisor, scale, true, out);
}

/* --- Square root ----------------------------------------------------------------------------- */

/* The root of m, 1 <= m < 10^8, good to `digits` significant digits: Newton's iteration, each step
 * with twice the digits of the one before. */
static enum status newton_root(struct sql_eval *e, const struct numeric *m, int32_t digits,
                               struct numeric *out)
{
    ASSERT(m->weight == 0 || m->weight == 1);
    struct numeric x;
    enum status status = from_double(e, sqrt(numeric_to_double(m)), &x);
    for (int32_t good = 14; status == STATUS_OK && good < digits; good *= 2) {
        int32_t scale = min32(2 * good, digits) + 2;
        struct numeric quotient, sum;
        status = numeric_divide(e, m, &x, scale, true, &quotient);
        if (status == STATUS_OK) status = numeric_add(e, &x, &quotient, &sum);
        if (status == STATUS_OK) status = divide_by(e, &sum, 2, scale, &x);
    }
    *out = x;
    return status;
}

/* 5 * 10^-(scale + 1): half a unit of the last digit behind the point. */
static enum status half_unit(struct sql_eval *e, int32_t scale, struct numeric *out)
{
    enum status status = numeric_allocate(e, 1, out);
    if (status != STATUS_OK) return status;
    int32_t place = scale + 1, group = (place + NUMERIC_BASE_DIGITS - 1) / NUMERIC_BASE_DIGITS;
    out->digits[0] = 5;
    for (int32_t i = place; i < group * NUMERIC_BASE_DIGITS; i++)
        out->digits[0] *= 10;
    out->weight = -group;
    out->scale = place;
    return STATUS_OK;
}

/* Moves r, the root rounded to `scale`, by one unit u when it is not the nearest: when a lies
 * outside of
 * [(r - u/2)^2, (r + u/2)^2). A root is never halfway between two decimals of a scale, but it may
 * be nearer to the middle than guard digits reach. */
static enum status settle_root(struct sql_eval *e, const struct numeric *a, int32_t scale,
                               struct numeric *r)
{
    struct numeric half, edge, square;
    enum status status = half_unit(e, scale, &half);
    for (int side = -1; status == STATUS_OK && side <= 1; side += 2) {
        status = side < 0 ? numeric_subtract(e, r, &half, &edge) : numeric_add(e, r, &half, &edge);
        if (status == STATUS_OK)
            status = numeric_multiply(e, &edge, &edge, 2 * half.scale, &square);
        if (status != STATUS_OK) return status;
        int order = numeric_compare(a, &square);
        if (side < 0 ? order >= 0 : order < 0) continue;
        COVER("numeric_root_moves");
        status = side < 0 ? numeric_subtract(e, &edge, &half, r) : numeric_add(e, &edge, &half, r);
        if (status == STATUS_OK) numeric_round(r, scale);
        return status;
    }
    return status;
}

enum status numeric_sqrt(struct sql_eval *e, const struct numeric *a, int32_t scale,
                         struct numeric *out)
{
    ASSERT(a->kind == NUMERIC_FINITE && !a->negative);
    ASSERT(scale >= 0);
    if (a->digit_count == 0) return set_zero(e, scale, out);
    struct numeric m = *a, root;
    int32_t shift = (a->weight - (a->weight & 1)) / 2; /* a = m * 10000^(2 shift) */
    m.weight = a->weight & 1;
    int32_t digits = scale + (shift + 2) * NUMERIC_BASE_DIGITS + GUARD_DIGITS;
    enum status status = newton_root(e, &m, max32(digits, GUARD_DIGITS), &root);
    if (status != STATUS_OK) return status;
    root.weight += shift;
    numeric_round(&root, scale);
    if (root.digit_count > 0) status = settle_root(e, a, scale, &root);
    *out = root;
    return status;
}

enum status numeric_apply_sqrt(struct sql_eval *e, const struct numeric *a, struct numeric *out)
{
    if (a->kind == NUMERIC_NEGATIVE_INFINITY || (a->kind == NUMERIC_FINITE && a->negative))
        return sql_eval_fail(e, SQLSTATE_INVALID_ARGUMENT_FOR_POWER_FUNCTION,
                             "cannot take square root of a negative number");
    if (a->kind != NUMERIC_FINITE) return set_special(e, a->kind, out);
    int32_t weight = (a->weight + 1) * NUMERIC_BASE_DIGITS / 2 - 1;
    return numeric_sqrt(e, a, clamp_scale(max32(NUMERIC_SIGNIFICANT_MIN - weight, a->scale)), out);
}

/* --- Exponential ----------------------------------------------------------------------------- */

/* The Taylor series of exp(y), 0 <= y < 0.02. */
static enum status exp_series(struct sql_eval *e, const struct numeric *y, int32_t scale,
                              struct numeric *out)
{
    struct numeric sum, term;
    enum status status = set_one(e, 0, &sum);
    if (status == STATUS_OK) status = set_one(e, 0, &term);
    for (int64_t n = 1; status == STATUS_OK && term.digit_count > 0; n++) {
        struct numeric product;
        status = numeric_multiply(e, &term, y, scale, &product);
        if (status == STATUS_OK) status = divide_by(e, &product, n, scale, &term);
        if (status == STATUS_OK) status = numeric_add(e, &sum, &term, &sum);
    }
    *out = sum;
    return status;
}

enum status numeric_exp(struct sql_eval *e, const struct numeric *a, int32_t scale,
                        struct numeric *out)
{
    ASSERT(a->kind == NUMERIC_FINITE);
    ASSERT(scale >= 0);
    double value = numeric_to_double(a);
    if (fabs(value) >= EXP_ARGUMENT_MAX) {
        if (value > 0) return numeric_overflow(e);
        return set_zero(e, scale, out);
    }
    /* exp(|a|) = exp(|a| / 2^halvings)^(2^halvings): each squaring doubles the relative error. */
    int32_t halvings = 0;
    for (double rest = fabs(value); rest >= 0.01; rest /= 2)
        halvings++;
    int32_t before = (int32_t)(fabs(value) * LOG10_E) + 1; /* digits of exp(|a|) before the point */
    int32_t significant = max32(scale + (value > 0 ? before : -before), 0) + before + GUARD_DIGITS;
    int32_t local = significant + (int32_t)(halvings * LOG10_2) + 1;
    struct numeric y, power, magnitude = *a;
    magnitude.negative = false;
    enum status status = divide_by(e, &magnitude, (int64_t)1 << halvings, local, &y);
    if (status == STATUS_OK) status = exp_series(e, &y, local, &power);
    for (int32_t i = 0; status == STATUS_OK && i < halvings; i++)
        status = numeric_multiply(e, &power, &power, local, &power);
    if (status != STATUS_OK) return status;
    if (!a->negative) {
        numeric_round(&power, scale);
        *out = power;
        return STATUS_OK;
    }
    struct numeric one;
    status = set_one(e, 0, &one);
    return status != STATUS_OK ? status : numeric_divide(e, &one, &power, scale, true, out);
}

enum status numeric_apply_exp(struct sql_eval *e, const struct numeric *a, struct numeric *out)
{
    if (a->kind == NUMERIC_NEGATIVE_INFINITY) return set_zero(e, 0, out);
    if (a->kind != NUMERIC_FINITE) return set_special(e, a->kind, out);
    double weight = numeric_to_double(a) * LOG10_E;
    weight = fmin(fmax(weight, -EXP_ARGUMENT_MAX), EXP_ARGUMENT_MAX);
    int32_t scale = NUMERIC_SIGNIFICANT_MIN - (int32_t)weight;
    return numeric_exp(e, a, clamp_scale(max32(scale, a->scale)), out);
}

/* --- Logarithm ------------------------------------------------------------------------------- */

/* 2 artanh((f - 1) / (f + 1)) for f near 1. */
static enum status ln_series(struct sql_eval *e, const struct numeric *f, int32_t scale,
                             struct numeric *out)
{
    struct numeric one, above, below, z, square, power, sum;
    enum status status = set_one(e, 0, &one);
    if (status == STATUS_OK) status = numeric_subtract(e, f, &one, &above);
    if (status == STATUS_OK) status = numeric_add(e, f, &one, &below);
    if (status == STATUS_OK) status = numeric_divide(e, &above, &below, scale, true, &z);
    if (status == STATUS_OK) status = numeric_multiply(e, &z, &z, scale, &square);
    if (status != STATUS_OK) return status;
    power = sum = z;
    for (int64_t n = 3; status == STATUS_OK && power.digit_count > 0; n += 2) {
        struct numeric term;
        status = numeric_multiply(e, &power, &square, scale, &power);
        if (status == STATUS_OK) status = divide_by(e, &power, n, scale, &term);
        if (status == STATUS_OK) status = numeric_add(e, &sum, &term, &sum);
    }
    if (status != STATUS_OK) return status;
    return numeric_add(e, &sum, &sum, out);
}

/* ln(f) for 1/2 < f < 10^4 or so: roots are taken until f is near 1. */
static enum status ln_reduced(struct sql_eval *e, const struct numeric *f, int32_t scale,
                              struct numeric *out)
{
    struct numeric x = *f, sum;
    int32_t roots = 0, local = scale + GUARD_DIGITS;
    for (double v = numeric_to_double(f); v > 1.02 || v < 0.98; v = sqrt(v)) {
        enum status status = numeric_sqrt(e, &x, local, &x);
        if (status != STATUS_OK) return status;
        roots++;
    }
    ASSERT(roots < 30);
    enum status status = ln_series(e, &x, local, &sum);
    struct numeric factor;
    if (status == STATUS_OK) status = numeric_from_integer(e, (int64_t)1 << roots, &factor);
    return status != STATUS_OK ? status : numeric_multiply(e, &sum, &factor, scale, out);
}

enum status numeric_ln(struct sql_eval *e, const struct numeric *a, int32_t scale,
                       struct numeric *out)
{
    ASSERT(a->kind == NUMERIC_FINITE && !a->negative);
    ASSERT(a->digit_count > 0);
    int32_t local = scale + GUARD_DIGITS;
    struct numeric f = *a, ln_f;
    double value = numeric_to_double(a);
    /* a = f * 10000^weight, but near 1 as it is. */
    int32_t weight = value > 0.5 && value < 10000 ? 0 : a->weight;
    f.weight -= weight;
    numeric_round(&f, max32(local + 2 * NUMERIC_BASE_DIGITS, 0));
    enum status status = ln_reduced(e, &f, local, &ln_f);
    if (status == STATUS_OK && weight != 0) {
        struct numeric ten, ln_ten, factor, part;
        status = numeric_from_integer(e, 10, &ten);
        if (status == STATUS_OK) status = ln_reduced(e, &ten, local, &ln_ten);
        if (status == STATUS_OK)
            status = numeric_from_integer(e, (int64_t)weight * NUMERIC_BASE_DIGITS, &factor);
        if (status == STATUS_OK) status = numeric_multiply(e, &ln_ten, &factor, local, &part);
        if (status == STATUS_OK) status = numeric_add(e, &ln_f, &part, &ln_f);
    }
    if (status != STATUS_OK) return status;
    numeric_round(&ln_f, scale);
    *out = ln_f;
    return STATUS_OK;
}

double numeric_log10_estimate(const struct numeric *a)
{
    ASSERT(a->digit_count > 0);
    double top = a->digits[0];
    int32_t place = a->weight * NUMERIC_BASE_DIGITS;
    for (int32_t i = 1; i < a->digit_count && i < 4; i++) {
        top = top * NUMERIC_BASE + a->digits[i];
        place -= NUMERIC_BASE_DIGITS;
    }
    return log10(top) + place;
}

/* Roughly floor(log10(|ln(a)|)): where its first significant digit stands. */
static enum status ln_weight(struct sql_eval *e, const struct numeric *a, int32_t *out)
{
    ASSERT(a->digit_count > 0);
    double value = numeric_to_double(a);
    if (value < 0.9 || value > 1.1) {
        double ln = numeric_log10_estimate(a) * LN_10;
        *out = (int32_t)log10(fabs(ln));
        return STATUS_OK;
    }
    struct numeric one, distance;
    enum status status = set_one(e, 0, &one);
    if (status == STATUS_OK) status = numeric_subtract(e, a, &one, &distance);
    if (status != STATUS_OK) return status;
    *out = distance.digit_count == 0 ? 0 : numeric_decimal_weight(&distance);
    return STATUS_OK;
}

/* STATUS_OK when a logarithm of it exists. */
static enum status check_ln(struct sql_eval *e, const struct numeric *a)
{
    bool negative =
        a->kind == NUMERIC_NEGATIVE_INFINITY || (a->kind == NUMERIC_FINITE && a->negative);
    if (negative)
        return sql_eval_fail(e, SQLSTATE_INVALID_ARGUMENT_FOR_LOG,
                             "cannot take logarithm of a negative number");
    if (a->kind == NUMERIC_FINITE && a->digit_count == 0)
        return sql_eval_fail(e, SQLSTATE_INVALID_ARGUMENT_FOR_LOG, "cannot take logarithm of zero");
    return STATUS_OK;
}

enum status numeric_apply_ln(struct sql_eval *e, const struct numeric *a, struct numeric *out)
{
    enum status status = check_ln(e, a);
    if (status != STATUS_OK) return status;
    if (a->kind != NUMERIC_FINITE) return set_special(e, a->kind, out);
    int32_t weight;
    status = ln_weight(e, a, &weight);
    if (status != STATUS_OK) return status;
    return numeric_ln(e, a, clamp_scale(max32(NUMERIC_SIGNIFICANT_MIN - weight, a->scale)), out);
}

static enum status log_infinite(struct sql_eval *e, const struct numeric *b,
                                const struct numeric *x, struct numeric *out)
{
    if (b->kind == NUMERIC_FINITE) return set_special(e, NUMERIC_POSITIVE_INFINITY, out);
    return x->kind == NUMERIC_FINITE ? set_zero(e, 0, out) : set_special(e, NUMERIC_NAN, out);
}

enum status numeric_apply_log(struct sql_eval *e, const struct numeric *b, const struct numeric *x,
                              struct numeric *out)
{
    if (b->kind == NUMERIC_NAN || x->kind == NUMERIC_NAN) return set_special(e, NUMERIC_NAN, out);
    enum status status = check_ln(e, b);
    if (status == STATUS_OK) status = check_ln(e, x);
    if (status != STATUS_OK) return status;
    if (b->kind != NUMERIC_FINITE || x->kind != NUMERIC_FINITE) return log_infinite(e, b, x, out);
    int32_t weight_b, weight_x;
    status = ln_weight(e, b, &weight_b);
    if (status == STATUS_OK) status = ln_weight(e, x, &weight_x);
    if (status != STATUS_OK) return status;
    int32_t scale = NUMERIC_SIGNIFICANT_MIN - (weight_x - weight_b);
    scale = clamp_scale(max32(scale, max32(b->scale, x->scale)));
    int32_t digits = scale + weight_x - weight_b + GUARD_DIGITS;
    struct numeric ln_b, ln_x;
    status = numeric_ln(e, b, max32(digits - weight_b, 0), &ln_b);
    if (status == STATUS_OK) status = numeric_ln(e, x, max32(digits - weight_x, 0), &ln_x);
    if (status != STATUS_OK) return status;
    if (ln_b.digit_count == 0)
        return sql_eval_fail(e, SQLSTATE_DIVISION_BY_ZERO, "division by zero");
    return numeric_divide(e, &ln_x, &ln_b, scale, true, out);
}

/* --- Powers ---------------------------------------------------------------------------------- */

/* a^n by squaring, good to `digits` significant digits; a is not 0, n > 0. */
static enum status power_by_squaring(struct sql_eval *e, const struct numeric *a, uint32_t n,
                                     int32_t digits, struct numeric *out)
{
    struct numeric base = *a, product;
    enum status status = set_one(e, 0, &product);
    while (status == STATUS_OK) {
        if (n & 1) {
            int32_t scale = digits - (product.weight + base.weight) * NUMERIC_BASE_DIGITS;
            scale = max32(min32(scale, product.scale + base.scale), 0);
            status = numeric_multiply(e, &product, &base, scale, &product);
        }
        n >>= 1;
        if (n == 0 || status != STATUS_OK) break;
        int32_t scale = digits - 2 * base.weight * NUMERIC_BASE_DIGITS;
        scale = max32(min32(scale, 2 * base.scale), 0);
        status = numeric_multiply(e, &base, &base, scale, &base);
        /* Only 1/x of something this large can still be wanted, and that is 0. */
        if (status == STATUS_OK && base.weight > SQL_NUMERIC_WEIGHT_MAX) return STATUS_TOO_LARGE;
        if (product.digit_count == 0 || base.digit_count == 0) break;
    }
    *out = product;
    return status;
}

static enum status power_integer(struct sql_eval *e, const struct numeric *a, int32_t n,
                                 struct numeric *out)
{
    double weight = a->digit_count == 0 ? 0 : n * numeric_log10_estimate(a);
    if (weight > (SQL_NUMERIC_WEIGHT_MAX + 1) * NUMERIC_BASE_DIGITS) return numeric_overflow(e);
    int32_t scale = clamp_scale(max32(NUMERIC_SIGNIFICANT_MIN, a->scale));
    if (weight + 1 < -scale) return set_zero(e, scale, out);
    if (n == 0) return set_one(e, scale, out);
    if (a->digit_count == 0) {
        if (n < 0) return sql_eval_fail(e, SQLSTATE_DIVISION_BY_ZERO, "division by zero");
        return set_zero(e, scale, out);
    }
    struct numeric power, one;
    uint32_t magnitude = n < 0 ? -(uint32_t)n : (uint32_t)n;
    int32_t digits = 1 + scale + (int32_t)weight + (int32_t)log(magnitude) + 2 * GUARD_DIGITS;
    enum status status = magnitude == 2 && n > 0
                             ? numeric_multiply(e, a, a, scale, &power)
                             : power_by_squaring(e, a, magnitude, digits, &power);
    if (status == STATUS_TOO_LARGE) {
        if (n > 0) return numeric_overflow(e);
        return set_zero(e, scale, out);
    }
    if (status == STATUS_OK) status = set_one(e, 0, &one);
    if (status != STATUS_OK) return status;
    if (n < 0) {
        if (power.digit_count == 0) return numeric_overflow(e);
        return numeric_divide(e, &one, &power, scale, true, out);
    }
    numeric_round(&power, scale);
    *out = power;
    return STATUS_OK;
}

static bool is_integral(const struct numeric *n)
{
    return n->kind != NUMERIC_FINITE || n->digit_count <= n->weight + 1 || n->digit_count == 0;
}

static bool is_odd(const struct numeric *n)
{
    ASSERT(is_integral(n));
    return n->digit_count == n->weight + 1 && n->digit_count > 0 &&
           n->digits[n->digit_count - 1] % 2 != 0;
}

/* a^b = exp(b ln a) for a > 0. */
static enum status power_general(struct sql_eval *e, const struct numeric *a,
                                 const struct numeric *b, struct numeric *out)
{
    int32_t weight;
    struct numeric ln_a, exponent;
    enum status status = ln_weight(e, a, &weight);
    if (status != STATUS_OK) return status;
    int32_t local = max32(8 - weight, 0);
    status = numeric_ln(e, a, local, &ln_a);
    if (status == STATUS_OK) status = numeric_multiply(e, &ln_a, b, local, &exponent);
    if (status != STATUS_OK) return status;
    double estimate = numeric_to_double(&exponent);
    if (fabs(estimate) > EXP_ARGUMENT_MAX + 20) {
        if (estimate > 0) return numeric_overflow(e);
        return set_zero(e, NUMERIC_DISPLAY_SCALE_MAX, out);
    }
    int32_t places = (int32_t)(estimate * LOG10_E);
    int32_t scale = max32(NUMERIC_SIGNIFICANT_MIN - places, max32(a->scale, b->scale));
    scale = clamp_scale(scale);
    local = max32(scale + places - weight + GUARD_DIGITS, 0);
    /* The error of ln a is multiplied by b: give it b's digits as well. */
    int32_t extra = b->digit_count == 0 ? 0 : max32(numeric_decimal_weight(b) + 1, 0);
    status = numeric_ln(e, a, local + extra + GUARD_DIGITS, &ln_a);
    if (status == STATUS_OK)
        status = numeric_multiply(e, &ln_a, b, local + GUARD_DIGITS, &exponent);
    return status != STATUS_OK ? status : numeric_exp(e, &exponent, scale, out);
}

static bool is_one(const struct numeric *n)
{
    return n->kind == NUMERIC_FINITE && n->digit_count == 1 && n->weight == 0 && n->digits[0] == 1;
}

/* One of the two is NaN or infinite; POSIX's rules for pow(). The errors have been ruled out. */
static enum status power_special(struct sql_eval *e, const struct numeric *a,
                                 const struct numeric *b, struct numeric *out)
{
    bool zero_b = b->kind == NUMERIC_FINITE && b->digit_count == 0;
    if (zero_b || (is_one(a) && !a->negative)) return set_one(e, 0, out);
    if (a->kind == NUMERIC_NAN || b->kind == NUMERIC_NAN) return set_special(e, NUMERIC_NAN, out);
    bool up = b->kind == NUMERIC_POSITIVE_INFINITY || (b->kind == NUMERIC_FINITE && !b->negative);
    if (a->kind == NUMERIC_FINITE) { /* to an infinite power */
        if (is_one(a)) return set_one(e, 0, out);
        bool grows = a->digit_count > 0 && a->weight >= 0;
        if (grows == up) return set_special(e, NUMERIC_POSITIVE_INFINITY, out);
        return set_zero(e, 0, out);
    }
    if (!up) return set_zero(e, 0, out);
    bool negative = a->kind == NUMERIC_NEGATIVE_INFINITY && b->kind == NUMERIC_FINITE && is_odd(b);
    return set_special(e, negative ? NUMERIC_NEGATIVE_INFINITY : NUMERIC_POSITIVE_INFINITY, out);
}

enum status numeric_apply_power(struct sql_eval *e, const struct numeric *a,
                                const struct numeric *b, struct numeric *out)
{
    bool nan = a->kind == NUMERIC_NAN || b->kind == NUMERIC_NAN;
    bool zero_a = a->kind == NUMERIC_FINITE && a->digit_count == 0;
    bool negative_a = a->kind == NUMERIC_NEGATIVE_INFINITY || a->negative;
    bool negative_b = b->kind == NUMERIC_NEGATIVE_INFINITY || b->negative;
    if (!nan && zero_a && negative_b)
        return sql_eval_fail(e, SQLSTATE_INVALID_ARGUMENT_FOR_POWER_FUNCTION,
                             "zero raised to a negative power is undefined");
    if (!nan && negative_a && !is_integral(b))
        return sql_eval_fail(
            e, SQLSTATE_INVALID_ARGUMENT_FOR_POWER_FUNCTION,
            "a negative number raised to a non-integer power yields a complex result");
    if (a->kind != NUMERIC_FINITE || b->kind != NUMERIC_FINITE) return power_special(e, a, b, out);
    double exponent = numeric_to_double(b);
    if (is_integral(b) && exponent >= INT32_MIN && exponent <= INT32_MAX)
        return power_integer(e, a, (int32_t)exponent, out);
    if (zero_a) return set_zero(e, NUMERIC_SIGNIFICANT_MIN, out);
    struct numeric magnitude = *a;
    magnitude.negative = false;
    enum status status = power_general(e, &magnitude, b, out);
    if (status == STATUS_OK && a->negative && is_odd(b)) out->negative = out->digit_count > 0;
    return status;
}

enum status sql_numeric_sqrt(struct sql_eval *e, struct bytes a, int32_t scale, struct bytes *out)
{
    ASSERT(sql_numeric_is_finite(a) && sql_numeric_sign(a) >= 0);
    struct numeric n, root;
    enum status status = numeric_load(e, a, &n);
    if (status == STATUS_OK) status = numeric_sqrt(e, &n, scale, &root);
    return status != STATUS_OK ? status : numeric_store(e, &root, out);
}
