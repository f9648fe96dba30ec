/* Working form of a numeric, for sql/numeric*.c and its tests. */
#ifndef OSTRAKA_SQL_NUMERIC_INT_H
#define OSTRAKA_SQL_NUMERIC_INT_H

#include "base/assert.h"
#include "sql/numeric.h"

#define NUMERIC_BASE        10000
#define NUMERIC_BASE_DIGITS 4 /* decimal digits in one digit of base 10000 */
/* PostgreSQL's rules for how many digits a quotient, root or logarithm shows. */
#define NUMERIC_SIGNIFICANT_MIN   16
#define NUMERIC_DISPLAY_SCALE_MAX 1000

enum numeric_kind {
    NUMERIC_FINITE,
    NUMERIC_NAN,
    NUMERIC_POSITIVE_INFINITY,
    NUMERIC_NEGATIVE_INFINITY,
};

/* digits[0] stands for itself times 10000^weight. While one is worked on it may have zeros at both
 * ends; numeric_normalize takes them off. digits has room for one more in front: a carry out of the
 * top moves the pointer back by one. */
struct numeric {
    enum numeric_kind kind;
    bool negative;
    int32_t weight, digit_count, scale;
    int32_t *digits;
};

MUST_USE enum status numeric_allocate(struct sql_eval *e, int32_t digit_count, struct numeric *out);
MUST_USE enum status numeric_load(struct sql_eval *e, struct bytes payload, struct numeric *out);
/* Normalizes n. 22003 when it exceeds what the format can hold. */
MUST_USE enum status numeric_store(struct sql_eval *e, struct numeric *n, struct bytes *out);
MUST_USE enum status numeric_copy(struct sql_eval *e, const struct numeric *a, struct numeric *out);
void numeric_normalize(struct numeric *n);
void numeric_set_zero(struct numeric *n, int32_t scale);
enum status numeric_overflow(struct sql_eval *e);

/* The small constants that roots and logarithms need. */
MUST_USE enum status numeric_from_integer(struct sql_eval *e, int64_t v, struct numeric *out);

/* In place; half away from zero or towards zero. scale may be negative. */
void numeric_round(struct numeric *n, int32_t scale);
void numeric_truncate(struct numeric *n, int32_t scale);

static inline bool numeric_is_zero(const struct numeric *n)
{
    ASSERT(n->kind == NUMERIC_FINITE);
    return n->digit_count == 0;
}
/* Of finite, normalized numbers, without and with the sign. */
int numeric_compare_magnitude(const struct numeric *a, const struct numeric *b);
int numeric_compare(const struct numeric *a, const struct numeric *b);

/* Of finite, normalized numbers; the result is normalized. Multiplication rounds to `scale`;
 * division rounds to it or, when `round` is false, cuts. b of a division is not zero. */
MUST_USE enum status numeric_add(struct sql_eval *e, const struct numeric *a,
                                 const struct numeric *b, struct numeric *out);
MUST_USE enum status numeric_subtract(struct sql_eval *e, const struct numeric *a,
                                      const struct numeric *b, struct numeric *out);
MUST_USE enum status numeric_multiply(struct sql_eval *e, const struct numeric *a,
                                      const struct numeric *b, int32_t scale, struct numeric *out);
MUST_USE enum status numeric_divide(struct sql_eval *e, const struct numeric *a,
                                    const struct numeric *b, int32_t scale, bool round,
                                    struct numeric *out);
/* The scale that PostgreSQL gives a quotient. */
int32_t numeric_division_scale(const struct numeric *a, const struct numeric *b);

/* An approximation for estimates: log10 of a positive number. */
double numeric_log10_estimate(const struct numeric *a);
/* floor(log10(a)) of a positive, normalized number. */
int32_t numeric_decimal_weight(const struct numeric *a);
double numeric_to_double(const struct numeric *a);

/* sql/numeric_math.c; results rounded to `scale`. a > 0 for the root and the logarithm. */
MUST_USE enum status numeric_sqrt(struct sql_eval *e, const struct numeric *a, int32_t scale,
                                  struct numeric *out);
MUST_USE enum status numeric_exp(struct sql_eval *e, const struct numeric *a, int32_t scale,
                                 struct numeric *out);
MUST_USE enum status numeric_ln(struct sql_eval *e, const struct numeric *a, int32_t scale,
                                struct numeric *out);
MUST_USE enum status numeric_apply_sqrt(struct sql_eval *e, const struct numeric *a,
                                        struct numeric *out);
MUST_USE enum status numeric_apply_exp(struct sql_eval *e, const struct numeric *a,
                                       struct numeric *out);
MUST_USE enum status numeric_apply_ln(struct sql_eval *e, const struct numeric *a,
                                      struct numeric *out);
/* log of x to the base b. */
MUST_USE enum status numeric_apply_log(struct sql_eval *e, const struct numeric *b,
                                       const struct numeric *x, struct numeric *out);
MUST_USE enum status numeric_apply_power(struct sql_eval *e, const struct numeric *a,
                                         const struct numeric *b, struct numeric *out);

#endif
