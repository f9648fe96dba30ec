/* Sums, products and quotients of numerics, and the operators' rules for NaN and the infinities. */
#include "sql/numeric_int.h"

static int32_t max32(int32_t a, int32_t b)
{
    return a > b ? a : b;
}
static int32_t min32(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* The weight of the last digit. */
static int32_t last_weight(const struct numeric *n)
{
    return n->weight - n->digit_count + 1;
}

static int32_t digit_at(const struct numeric *n, int32_t weight)
{
    int32_t i = n->weight - weight;
    return i < 0 || i >= n->digit_count ? 0 : n->digits[i];
}

/* --- Sums ------------------------------------------------------------------------------------ */

/* |a| + |b| or, with subtract, |a| - |b| where |a| >= |b|. Never aliases its arguments. */
static enum status combine(struct sql_eval *e, const struct numeric *a, const struct numeric *b,
                           bool subtract, struct numeric *out)
{
    ASSERT(!subtract || numeric_compare_magnitude(a, b) >= 0);
    int32_t top = max32(a->weight, b->weight) + 1, bottom = min32(last_weight(a), last_weight(b));
    struct numeric sum;
    enum status status = numeric_allocate(e, top - bottom + 1, &sum);
    if (status != STATUS_OK) return status;
    sum.weight = top;
    sum.scale = max32(a->scale, b->scale);
    int32_t carry = 0;
    for (int32_t weight = bottom; weight <= top; weight++) {
        int32_t other = digit_at(b, weight);
        int32_t digit = digit_at(a, weight) + (subtract ? -other : other) + carry;
        carry = digit >= NUMERIC_BASE ? 1 : digit < 0 ? -1 : 0;
        sum.digits[top - weight] = digit - carry * NUMERIC_BASE;
    }
    ASSERT(carry == 0);
    numeric_normalize(&sum);
    *out = sum;
    return STATUS_OK;
}

static enum status add_signed(struct sql_eval *e, const struct numeric *a, const struct numeric *b,
                              bool negate_b, struct numeric *out)
{
    ASSERT(a->kind == NUMERIC_FINITE);
    ASSERT(b->kind == NUMERIC_FINITE);
    bool negative_a = a->negative, negative_b = b->negative != negate_b;
    bool swap = negative_a != negative_b && numeric_compare_magnitude(a, b) < 0;
    enum status status = combine(e, swap ? b : a, swap ? a : b, negative_a != negative_b, out);
    if (status != STATUS_OK) return status;
    out->negative = out->digit_count > 0 && (swap ? negative_b : negative_a);
    return STATUS_OK;
}

enum status numeric_add(struct sql_eval *e, const struct numeric *a, const struct numeric *b,
                        struct numeric *out)
{
    return add_signed(e, a, b, false, out);
}

enum status numeric_subtract(struct sql_eval *e, const struct numeric *a, const struct numeric *b,
                             struct numeric *out)
{
    return add_signed(e, a, b, true, out);
}

/* --- Products -------------------------------------------------------------------------------- */

/* Products are worked out in base 10^8: a quarter of the steps. */
#define LIMB_BASE UINT64_C(100000000)
/* A column gains less than 10^16 per row: carries are settled well before it could overflow. */
#define ROWS_PENDING_MAX 1024
#define LIMBS_PER_STEP 4 /* as sql_eval_effort counts */

/* Two digits each; an odd last one is the upper half of its limb. */
static void pack_limbs(const struct numeric *a, int32_t limb_count, uint32_t *limbs)
{
    for (int32_t i = 0; i < limb_count; i++) {
        int32_t low = 2 * i + 1 < a->digit_count ? a->digits[2 * i + 1] : 0;
        limbs[i] = (uint32_t)(a->digits[2 * i] * NUMERIC_BASE + low);
    }
}

static void settle_columns(uint64_t *columns, int32_t count)
{
    uint64_t carry = 0;
    for (int32_t i = count - 1; i >= 0; i--) {
        columns[i] += carry;
        carry = columns[i] / LIMB_BASE;
        columns[i] %= LIMB_BASE;
    }
    ASSERT(carry == 0);
}

/* columns has count_a + count_b zeros. */
static enum status multiply_limbs(struct sql_eval *e, const uint32_t *a, int32_t count_a, const uint32_t *b,
                                  int32_t count_b, uint64_t *columns)
{
    for (int32_t i = 0; i < count_a; i++) {
        uint64_t limb = a[i], *row = columns + i + 1;
        for (int32_t j = 0; j < count_b; j++)
            row[j] += limb * b[j];
        enum status status = sql_eval_effort(e, (size_t)count_b / LIMBS_PER_STEP);
        if (status != STATUS_OK) return status;
        if (i % ROWS_PENDING_MAX == ROWS_PENDING_MAX - 1)
            settle_columns(columns, count_a + count_b);
    }
    settle_columns(columns, count_a + count_b);
    return STATUS_OK;
}

enum status numeric_multiply(struct sql_eval *e, const struct numeric *a, const struct numeric *b,
                             int32_t scale, struct numeric *out)
{
    ASSERT(a->kind == NUMERIC_FINITE);
    ASSERT(b->kind == NUMERIC_FINITE);
    int32_t count_a = (a->digit_count + 1) / 2, count_b = (b->digit_count + 1) / 2;
    int32_t count = count_a + count_b;
    struct numeric product;
    enum status status = numeric_allocate(e, 2 * count, &product);
    if (status != STATUS_OK) return status;
    uint64_t *columns = sql_eval_alloc(e, ((size_t)count + 1) * sizeof *columns);
    uint32_t *limbs = sql_eval_alloc(e, ((size_t)count + 1) * sizeof *limbs);
    if (columns == NULL || limbs == NULL) return STATUS_NO_MEMORY;
    memset(columns, 0, (size_t)count * sizeof *columns);
    pack_limbs(a, count_a, limbs);
    pack_limbs(b, count_b, limbs + count_a);
    status = multiply_limbs(e, limbs, count_a, limbs + count_a, count_b, columns);
    if (status != STATUS_OK) return status;
    for (int32_t i = 0; i < count; i++) {
        product.digits[2 * i] = (int32_t)(columns[i] / NUMERIC_BASE);
        product.digits[2 * i + 1] = (int32_t)(columns[i] % NUMERIC_BASE);
    }
    product.weight = a->weight + b->weight + 1;
    product.negative = a->negative != b->negative;
    numeric_round(&product, scale);
    *out = product;
    return STATUS_OK;
}

/* --- Quotients ------------------------------------------------------------------------------- */

int32_t numeric_division_scale(const struct numeric *a, const struct numeric *b)
{
    ASSERT(b->digit_count > 0);
    int32_t first_a = a->digit_count > 0 ? a->digits[0] : 0;
    int32_t weight = a->weight - b->weight; /* of the quotient, in digits of base 10000 */
    if (first_a <= b->digits[0]) weight--;
    int32_t scale = NUMERIC_SIGNIFICANT_MIN - weight * NUMERIC_BASE_DIGITS;
    scale = max32(max32(scale, max32(a->scale, b->scale)), 0);
    return min32(scale, NUMERIC_DISPLAY_SCALE_MAX);
}

/* Knuth, TAOCP 2, 4.3.1, algorithm D, in base 10000: u (count + n digits, u[0] spare) by v (n >= 2
 * digits, v[0] >= 5000) gives count digits in q; u is left with the remainder. */
static enum status divide_long(struct sql_eval *e, int32_t *u, const int32_t *v, int32_t n, int32_t *q, int32_t count)
{
    ASSERT(n >= 2);
    ASSERT(v[0] >= NUMERIC_BASE / 2);
    for (int32_t j = 0; j < count; j++) {
        int64_t top = ((int64_t)u[j] * NUMERIC_BASE + u[j + 1]) * NUMERIC_BASE + u[j + 2];
        int64_t divisor = (int64_t)v[0] * NUMERIC_BASE + v[1];
        int64_t guess = top / divisor; /* right, or one too large */
        if (guess >= NUMERIC_BASE) guess = NUMERIC_BASE - 1;
        int64_t borrow = 0;
        for (int32_t i = n - 1; i >= 0; i--) {
            int64_t digit = u[j + 1 + i] - guess * v[i] + borrow;
            borrow = digit >= 0 ? 0 : -((-digit + NUMERIC_BASE - 1) / NUMERIC_BASE);
            u[j + 1 + i] = (int32_t)(digit - borrow * NUMERIC_BASE);
        }
        if (u[j] + borrow < 0) {
            COVER("numeric_division_adds_back");
            guess--;
            int32_t carry = 0;
            for (int32_t i = n - 1; i >= 0; i--) {
                int32_t digit = u[j + 1 + i] + v[i] + carry;
                carry = digit >= NUMERIC_BASE;
                u[j + 1 + i] = digit - carry * NUMERIC_BASE;
            }
        }
        u[j] = 0;
        q[j] = (int32_t)guess;
        enum status status = sql_eval_effort(e, (size_t)n);
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}

static void divide_short(const int32_t *u, int32_t v, int32_t *q, int32_t count)
{
    ASSERT(v > 0);
    int64_t rest = u[0];
    for (int32_t j = 0; j < count; j++) {
        rest = rest * NUMERIC_BASE + u[j + 1];
        q[j] = (int32_t)(rest / v);
        rest %= v;
    }
}

/* Copies n digits times `factor` into to[0 .. count], to[0] taking the carry; zeros follow. */
static void scale_digits(const int32_t *from, int32_t n, int32_t factor, int32_t *to, int32_t count)
{
    ASSERT(n <= count);
    memset(to, 0, ((size_t)count + 1) * sizeof *to);
    int32_t carry = 0;
    for (int32_t i = n - 1; i >= 0; i--) {
        int32_t digit = from[i] * factor + carry;
        to[i + 1] = digit % NUMERIC_BASE;
        carry = digit / NUMERIC_BASE;
    }
    to[0] = carry;
}

enum status numeric_divide(struct sql_eval *e, const struct numeric *a, const struct numeric *b,
                           int32_t scale, bool round, struct numeric *out)
{
    ASSERT(b->kind == NUMERIC_FINITE && b->digit_count > 0);
    ASSERT(a->kind == NUMERIC_FINITE);
    /* The quotient's first digit has weight a.weight - b.weight; one decimal digit past the scale
     * decides how to round, because the quotient is cut there and never rounded before. */
    int32_t weight = a->weight - b->weight;
    int32_t behind = (scale + 1 + NUMERIC_BASE_DIGITS - 1) / NUMERIC_BASE_DIGITS;
    int32_t count = weight + 1 + behind;
    if (a->digit_count == 0 || count <= 0) {
        enum status status = numeric_allocate(e, 0, out);
        numeric_set_zero(out, max32(scale, 0));
        return status;
    }
    int32_t n = b->digit_count, size = max32(count + n, a->digit_count) + 1;
    struct numeric q;
    enum status status = numeric_allocate(e, count, &q);
    if (status != STATUS_OK) return status;
    int32_t *u = sql_eval_alloc(e, ((size_t)size + (size_t)n + 2) * sizeof *u);
    if (u == NULL) return STATUS_NO_MEMORY;
    int32_t *v = u + size + 1, factor = NUMERIC_BASE / (b->digits[0] + 1);
    scale_digits(a->digits, a->digit_count, factor, u, size);
    scale_digits(b->digits, n, factor, v, n);
    ASSERT(v[0] == 0);
    if (n == 1)
        divide_short(u, v[1], q.digits, count);
    else
        status = divide_long(e, u, v + 1, n, q.digits, count);
    if (status != STATUS_OK) return status;
    q.weight = weight;
    q.negative = a->negative != b->negative;
    if (round)
        numeric_round(&q, scale);
    else
        numeric_truncate(&q, scale);
    *out = q;
    return STATUS_OK;
}

static enum status fail_division(struct sql_eval *e)
{
    return sql_eval_fail(e, SQLSTATE_DIVISION_BY_ZERO, "division by zero");
}

static enum status apply_divide(struct sql_eval *e, enum sql_numeric_binary op,
                                const struct numeric *a, const struct numeric *b,
                                struct numeric *out)
{
    if (b->digit_count == 0) return fail_division(e);
    if (op == SQL_NUMERIC_DIVIDE)
        return numeric_divide(e, a, b, numeric_division_scale(a, b), true, out);
    struct numeric quotient, product;
    enum status status = numeric_divide(e, a, b, 0, false, &quotient);
    if (op == SQL_NUMERIC_QUOTIENT || status != STATUS_OK) {
        *out = quotient;
        return status;
    }
    status = numeric_multiply(e, &quotient, b, b->scale, &product);
    if (status != STATUS_OK) return status;
    return numeric_subtract(e, a, &product, out);
}

/* Euclid; the result is not negative and shows the larger scale. */
static enum status apply_gcd(struct sql_eval *e, const struct numeric *a, const struct numeric *b,
                             struct numeric *out)
{
    struct numeric x = *a, y = *b;
    x.negative = y.negative = false;
    while (y.digit_count > 0) {
        struct numeric rest;
        enum status status = apply_divide(e, SQL_NUMERIC_REMAINDER, &x, &y, &rest);
        if (status != STATUS_OK) return status;
        x = y;
        y = rest;
    }
    *out = x;
    out->scale = max32(a->scale, b->scale);
    return STATUS_OK;
}

static enum status apply_lcm(struct sql_eval *e, const struct numeric *a, const struct numeric *b,
                             struct numeric *out)
{
    int32_t scale = max32(a->scale, b->scale);
    if (a->digit_count == 0 || b->digit_count == 0) {
        enum status status = numeric_allocate(e, 0, out);
        numeric_set_zero(out, scale);
        return status;
    }
    struct numeric gcd, part;
    enum status status = apply_gcd(e, a, b, &gcd);
    if (status != STATUS_OK) return status;
    status = numeric_divide(e, a, &gcd, 0, false, &part);
    if (status != STATUS_OK) return status;
    status = numeric_multiply(e, &part, b, scale, out);
    if (status == STATUS_OK) out->negative = false;
    return status;
}

/* --- Operators ------------------------------------------------------------------------------- */

/* -1, 0 or 1; of an infinity too. */
static int sign_of(const struct numeric *n)
{
    if (n->kind == NUMERIC_POSITIVE_INFINITY) return 1;
    if (n->kind == NUMERIC_NEGATIVE_INFINITY) return -1;
    return n->digit_count == 0 ? 0 : n->negative ? -1 : 1;
}

static void set_infinity(struct numeric *out, int sign)
{
    *out = (struct numeric){.kind = sign == 0  ? NUMERIC_NAN
                                    : sign > 0 ? NUMERIC_POSITIVE_INFINITY
                                               : NUMERIC_NEGATIVE_INFINITY};
}

/* At least one operand is infinite and none is NaN. PostgreSQL's rules, which are IEEE 754's. */
static enum status apply_infinite(struct sql_eval *e, enum sql_numeric_binary op,
                                  const struct numeric *a, const struct numeric *b,
                                  struct numeric *out)
{
    bool infinite_a = a->kind != NUMERIC_FINITE, infinite_b = b->kind != NUMERIC_FINITE;
    int sign_a = sign_of(a), sign_b = sign_of(b);
    enum status status = numeric_allocate(e, 0, out); /* zero */
    if (status != STATUS_OK) return status;
    switch (op) {
    case SQL_NUMERIC_ADD:
    case SQL_NUMERIC_SUBTRACT:
        if (op == SQL_NUMERIC_SUBTRACT) sign_b = -sign_b;
        set_infinity(out, infinite_a && infinite_b && sign_a != sign_b ? 0
                          : infinite_a                                 ? sign_a
                                                                       : sign_b);
        return STATUS_OK;
    case SQL_NUMERIC_MULTIPLY: set_infinity(out, sign_a * sign_b); return STATUS_OK;
    case SQL_NUMERIC_DIVIDE:
    case SQL_NUMERIC_QUOTIENT:
        if (sign_b == 0) return fail_division(e);
        if (infinite_a) set_infinity(out, infinite_b ? 0 : sign_a * sign_b);
        return STATUS_OK; /* finite / infinite is 0 */
    case SQL_NUMERIC_REMAINDER:
        if (sign_b == 0) return fail_division(e);
        if (infinite_a)
            set_infinity(out, 0);
        else
            return numeric_copy(e, a, out);
        return STATUS_OK;
    case SQL_NUMERIC_GCD:
    case SQL_NUMERIC_LCM: set_infinity(out, 0); return STATUS_OK;
    default: UNREACHABLE();
    }
}

static enum status apply_finite(struct sql_eval *e, enum sql_numeric_binary op,
                                const struct numeric *a, const struct numeric *b,
                                struct numeric *out)
{
    switch (op) {
    case SQL_NUMERIC_ADD: return numeric_add(e, a, b, out);
    case SQL_NUMERIC_SUBTRACT: return numeric_subtract(e, a, b, out);
    case SQL_NUMERIC_MULTIPLY:
        return numeric_multiply(e, a, b, min32(a->scale + b->scale, SQL_NUMERIC_SCALE_MAX), out);
    case SQL_NUMERIC_DIVIDE:
    case SQL_NUMERIC_QUOTIENT:
    case SQL_NUMERIC_REMAINDER: return apply_divide(e, op, a, b, out);
    case SQL_NUMERIC_GCD: return apply_gcd(e, a, b, out);
    case SQL_NUMERIC_LCM: return apply_lcm(e, a, b, out);
    default: UNREACHABLE();
    }
}

enum status sql_numeric_apply2(struct sql_eval *e, enum sql_numeric_binary op, struct bytes a,
                               struct bytes b, struct bytes *out)
{
    ASSERT(out != NULL);
    struct numeric x, y, result;
    enum status status = numeric_load(e, a, &x);
    if (status != STATUS_OK) return status;
    status = numeric_load(e, b, &y);
    if (status != STATUS_OK) return status;
    bool finite = x.kind == NUMERIC_FINITE && y.kind == NUMERIC_FINITE;
    if (op == SQL_NUMERIC_POWER)
        status = numeric_apply_power(e, &x, &y, &result);
    else if (op == SQL_NUMERIC_LOG)
        status = numeric_apply_log(e, &x, &y, &result);
    else if (x.kind == NUMERIC_NAN || y.kind == NUMERIC_NAN)
        set_infinity(&result, 0);
    else if (finite)
        status = apply_finite(e, op, &x, &y, &result);
    else
        status = apply_infinite(e, op, &x, &y, &result);
    if (status != STATUS_OK) return status;
    return numeric_store(e, &result, out);
}

/* --- One operand ----------------------------------------------------------------------------- */

/* Rounds towards +infinity (up) or -infinity. */
static enum status round_towards(struct sql_eval *e, struct numeric *n, bool up,
                                 struct numeric *out)
{
    struct numeric whole, one;
    enum status status = numeric_copy(e, n, &whole);
    if (status != STATUS_OK) return status;
    numeric_truncate(&whole, 0);
    *out = whole;
    if (numeric_compare(&whole, n) == 0 || n->negative == up) return STATUS_OK;
    status = numeric_from_integer(e, up ? 1 : -1, &one);
    if (status != STATUS_OK) return status;
    return numeric_add(e, &whole, &one, out);
}

static enum status apply_unary(struct sql_eval *e, enum sql_numeric_unary op, struct numeric *n,
                               struct numeric *out)
{
    *out = *n;
    switch (op) {
    case SQL_NUMERIC_NEGATE: out->negative = !n->negative && n->digit_count > 0; return STATUS_OK;
    case SQL_NUMERIC_ABS: out->negative = false; return STATUS_OK;
    case SQL_NUMERIC_SIGN: return numeric_from_integer(e, sign_of(n), out);
    case SQL_NUMERIC_CEIL: return round_towards(e, n, true, out);
    case SQL_NUMERIC_FLOOR: return round_towards(e, n, false, out);
    case SQL_NUMERIC_SQRT: return numeric_apply_sqrt(e, n, out);
    case SQL_NUMERIC_EXP: return numeric_apply_exp(e, n, out);
    case SQL_NUMERIC_LN: return numeric_apply_ln(e, n, out);
    case SQL_NUMERIC_LOG10: {
        struct numeric ten;
        enum status status = numeric_from_integer(e, 10, &ten);
        return status != STATUS_OK ? status : numeric_apply_log(e, &ten, n, out);
    }
    case SQL_NUMERIC_TRIM_SCALE: UNREACHABLE(); /* the payload says it all: see below */
    }
    UNREACHABLE();
}

static enum status apply_unary_infinite(struct sql_eval *e, enum sql_numeric_unary op,
                                        struct numeric *n, struct numeric *out)
{
    int sign = sign_of(n);
    switch (op) {
    case SQL_NUMERIC_NEGATE: set_infinity(out, -sign); return STATUS_OK;
    case SQL_NUMERIC_ABS: set_infinity(out, 1); return STATUS_OK;
    case SQL_NUMERIC_SIGN: return numeric_from_integer(e, sign, out);
    case SQL_NUMERIC_SQRT: return numeric_apply_sqrt(e, n, out);
    case SQL_NUMERIC_EXP: return numeric_apply_exp(e, n, out);
    case SQL_NUMERIC_LN:
    case SQL_NUMERIC_LOG10: return numeric_apply_ln(e, n, out);
    default: *out = *n; return STATUS_OK;
    }
}

enum status sql_numeric_apply1(struct sql_eval *e, enum sql_numeric_unary op, struct bytes a,
                               struct bytes *out)
{
    ASSERT(out != NULL);
    if (sql_numeric_is_nan(a)) {
        *out = a;
        return STATUS_OK;
    }
    struct numeric n, result;
    enum status status = numeric_load(e, a, &n);
    if (status != STATUS_OK) return status;
    if (op == SQL_NUMERIC_TRIM_SCALE) {
        result = n;
        if (n.kind == NUMERIC_FINITE) result.scale = sql_numeric_scale_min(a);
    } else if (n.kind == NUMERIC_FINITE) {
        status = apply_unary(e, op, &n, &result);
    } else {
        status = apply_unary_infinite(e, op, &n, &result);
    }
    if (status != STATUS_OK) return status;
    return numeric_store(e, &result, out);
}
