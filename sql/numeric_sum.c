/* Sums of numerics for aggregates. Digits of all addends are added column by column in 64 bits and
 * carried only now and then: memory is bounded by the widest addend, however many there are. */
#include "sql/numeric_int.h"

#include "base/codec.h"

/* A column gains at most 9999 per addition: carries must be settled long before 2^63 / 9999. */
#define PENDING_MAX  (1u << 30)
#define SLACK_DIGITS 4 /* room in front for carries, so that growing is rare */

/* Carries upwards until every column but the first is in 0 to 9999. */
static void settle(struct sql_numeric_sum *sum)
{
    int64_t carry = 0;
    for (int32_t i = sum->digit_count - 1; i > 0; i--) {
        int64_t digit = sum->digits[i] + carry;
        carry = digit / NUMERIC_BASE;
        digit %= NUMERIC_BASE;
        if (digit < 0) {
            digit += NUMERIC_BASE;
            carry--;
        }
        sum->digits[i] = digit;
    }
    if (sum->digit_count > 0) sum->digits[0] += carry;
    sum->pending = 0;
}

/* Makes room for weights `bottom` to `top`, and for half as much again on a side that grows: so the
 * room of a sum is made anew only as often as its width doubles. */
static enum status widen(struct sql_eval *e, struct sql_numeric_sum *sum, int32_t top,
                         int32_t bottom)
{
    ASSERT(top >= bottom);
    int32_t old_bottom = sum->weight - sum->digit_count + 1;
    if (sum->digit_count > 0 && top <= sum->weight && bottom >= old_bottom) return STATUS_OK;
    if (sum->digit_count == 0) {
        old_bottom = bottom;
        sum->weight = top;
    }
    int32_t new_top = top > sum->weight ? top : sum->weight;
    int32_t new_bottom = bottom < old_bottom ? bottom : old_bottom;
    int32_t growth = (new_top - new_bottom) / 2;
    if (new_top > sum->weight || sum->digit_count == 0) new_top += SLACK_DIGITS + growth;
    if (new_bottom < old_bottom) new_bottom -= growth;
    int32_t count = new_top - new_bottom + 1;
    int64_t *digits = sql_eval_alloc(e, (size_t)count * sizeof *digits);
    if (digits == NULL) return STATUS_NO_MEMORY;
    memset(digits, 0, (size_t)count * sizeof *digits);
    if (sum->digit_count > 0)
        memcpy(digits + (new_top - sum->weight), sum->digits,
               (size_t)sum->digit_count * sizeof *digits);
    sum->digits = digits;
    sum->digit_count = count;
    sum->weight = new_top;
    return STATUS_OK;
}

/* True when `a` was NaN or infinite, and counted as such. */
static bool count_special(struct sql_numeric_sum *sum, struct bytes a)
{
    if (sql_numeric_is_finite(a)) return false;
    if (sql_numeric_is_nan(a))
        sum->nan_count++;
    else if (sql_numeric_sign(a) > 0)
        sum->positive_infinity_count++;
    else
        sum->negative_infinity_count++;
    return true;
}

enum status sql_numeric_sum_add(struct sql_eval *e, struct sql_numeric_sum *sum, struct bytes a)
{
    ASSERT(sum != NULL);
    ASSERT_SLOW(sql_numeric_check(a));
    if (count_special(sum, a)) return STATUS_OK;
    int32_t count = load_be16(a.data), weight = (int16_t)load_be16(a.data + 2);
    int32_t scale = sql_numeric_scale(a);
    if (scale > sum->scale) sum->scale = scale;
    if (count == 0) return STATUS_OK;
    enum status status = widen(e, sum, weight, weight - count + 1);
    if (status != STATUS_OK) return status;
    int64_t *column = sum->digits + (sum->weight - weight);
    int sign = sql_numeric_sign(a);
    for (int32_t i = 0; i < count; i++)
        column[i] += sign * (int32_t)load_be16(a.data + SQL_NUMERIC_HEAD_BYTES + 2 * i);
    if (++sum->pending >= PENDING_MAX) settle(sum);
    return STATUS_OK;
}

/* The settled columns as a number; the first may hold several digits, and the sign of them all. */
static enum status columns_value(struct sql_eval *e, struct sql_numeric_sum *sum,
                                 struct numeric *out)
{
    enum { TOP_DIGITS = 5 }; /* 10000^5 > 2^63 */
    int32_t count = sum->digit_count;
    struct numeric n;
    enum status status = numeric_allocate(e, count + TOP_DIGITS, &n);
    if (status != STATUS_OK) return status;
    memset(n.digits, 0, (size_t)n.digit_count * sizeof *n.digits);
    n.scale = sum->scale;
    n.weight = sum->weight + TOP_DIGITS;
    settle(sum);
    n.negative = count > 0 && sum->digits[0] < 0;
    if (n.negative)
        for (int32_t i = 0; i < count; i++)
            sum->digits[i] = -sum->digits[i];
    settle(sum);
    for (int32_t i = 1; i < count; i++)
        n.digits[TOP_DIGITS + i] = (int32_t)sum->digits[i];
    int64_t top = count > 0 ? sum->digits[0] : 0;
    ASSERT(top >= 0);
    for (int32_t i = TOP_DIGITS; top > 0; i--) {
        ASSERT(i >= 0);
        n.digits[i] = (int32_t)(top % NUMERIC_BASE);
        top /= NUMERIC_BASE;
    }
    if (n.negative) /* the sum goes on from where it was */
        for (int32_t i = 0; i < count; i++)
            sum->digits[i] = -sum->digits[i];
    numeric_normalize(&n);
    *out = n;
    return STATUS_OK;
}

enum status sql_numeric_sum_result(struct sql_eval *e, struct sql_numeric_sum *sum,
                                   struct bytes *out)
{
    ASSERT(sum != NULL);
    struct numeric n = {.kind = NUMERIC_FINITE};
    bool both = sum->positive_infinity_count > 0 && sum->negative_infinity_count > 0;
    if (sum->nan_count > 0 || both)
        n.kind = NUMERIC_NAN;
    else if (sum->positive_infinity_count > 0)
        n.kind = NUMERIC_POSITIVE_INFINITY;
    else if (sum->negative_infinity_count > 0)
        n.kind = NUMERIC_NEGATIVE_INFINITY;
    else {
        enum status status = columns_value(e, sum, &n);
        if (status != STATUS_OK) return status;
    }
    return numeric_store(e, &n, out);
}
