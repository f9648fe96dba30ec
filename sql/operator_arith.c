/* Arithmetic and bits of numbers: overflow is 22003, division by zero 22012. */
#include <math.h>

#include "sql/function_int.h"
#include "sql/numeric.h"

/* --- Whole numbers --------------------------------------------------------------------------- */

static enum status fail_zero(struct sql_eval *e)
{
    return sql_eval_fail(e, SQLSTATE_DIVISION_BY_ZERO, "division by zero");
}

/* Stores a result of type call->result, or says that it does not fit. */
static enum status give(struct sql_eval *e, const struct sql_call *call, bool overflow, int64_t v,
                        struct sql_datum *out)
{
    bool fits = call->result == SQL_TYPE_INT2   ? v == (int16_t)v
                : call->result == SQL_TYPE_INT4 ? v == (int32_t)v
                                                : true;
    if (overflow || !fits) return sql_eval_out_of_range(e, call->result);
    out->integer = v;
    return STATUS_OK;
}

EVALUATE(add_integers)
{
    int64_t v;
    bool overflow = __builtin_add_overflow(call->args[0].integer, call->args[1].integer, &v);
    return give(e, call, overflow, v, out);
}

EVALUATE(subtract_integers)
{
    int64_t v;
    bool overflow = __builtin_sub_overflow(call->args[0].integer, call->args[1].integer, &v);
    return give(e, call, overflow, v, out);
}

EVALUATE(multiply_integers)
{
    int64_t v;
    bool overflow = __builtin_mul_overflow(call->args[0].integer, call->args[1].integer, &v);
    return give(e, call, overflow, v, out);
}

EVALUATE(divide_integers)
{
    int64_t a = call->args[0].integer, b = call->args[1].integer;
    if (b == 0) return fail_zero(e);
    if (b == -1) { /* the one quotient that can overflow */
        bool overflow = a == INT64_MIN;
        return give(e, call, overflow, overflow ? 0 : -a, out);
    }
    return give(e, call, false, a / b, out);
}

EVALUATE(remainder_integers)
{
    int64_t a = call->args[0].integer, b = call->args[1].integer;
    if (b == 0) return fail_zero(e);
    return give(e, call, false, b == -1 ? 0 : a % b, out);
}

EVALUATE(negate_integer)
{
    int64_t v;
    bool overflow = __builtin_sub_overflow(INT64_C(0), call->args[0].integer, &v);
    return give(e, call, overflow, v, out);
}

EVALUATE(absolute_integer)
{
    int64_t v = call->args[0].integer;
    return give(e, call, v == INT64_MIN, v < 0 && v != INT64_MIN ? -v : v, out);
}

EVALUATE(same)
{
    *out = call->args[0];
    return STATUS_OK;
}

EVALUATE(and_integers)
{
    out->integer = call->args[0].integer & call->args[1].integer;
    return STATUS_OK;
}

EVALUATE(or_integers)
{
    out->integer = call->args[0].integer | call->args[1].integer;
    return STATUS_OK;
}

EVALUATE(xor_integers)
{
    out->integer = call->args[0].integer ^ call->args[1].integer;
    return STATUS_OK;
}

EVALUATE(not_integer)
{
    out->integer = ~call->args[0].integer;
    return STATUS_OK;
}

/* Shifts count modulo the width, as the processor does (32 for int2 as well). */
static int64_t shift_count(const struct sql_call *call)
{
    return call->args[1].integer & (call->result == SQL_TYPE_INT8 ? 63 : 31);
}

EVALUATE(shift_left)
{
    uint64_t v = (uint64_t)call->args[0].integer << shift_count(call);
    out->integer = call->result == SQL_TYPE_INT2   ? (int16_t)v
                   : call->result == SQL_TYPE_INT4 ? (int32_t)v
                                                   : (int64_t)v;
    return STATUS_OK;
}

EVALUATE(shift_right)
{
    out->integer = call->args[0].integer >> shift_count(call);
    return STATUS_OK;
}

/* --- Floating point -------------------------------------------------------------------------- */

static enum status fail_real(struct sql_eval *e, const char *what)
{
    return sql_eval_fail(e, SQLSTATE_NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: %s", what);
}

/* float4 operations are rounded to float4: for + - * / that is the same as computing in float4. An
 * infinity that no operand had is overflow. */
static enum status give_real(struct sql_eval *e, const struct sql_call *call, double v,
                             bool may_underflow, struct sql_datum *out)
{
    double a = call->args[0].real, b = call->args[1].real;
    double result = call->result == SQL_TYPE_FLOAT4 ? (double)(float)v : v;
    if (isinf(result) && !isinf(a) && !isinf(b)) return fail_real(e, "overflow");
    if (may_underflow && result == 0) return fail_real(e, "underflow");
    out->real = result;
    return STATUS_OK;
}

EVALUATE(add_reals)
{
    return give_real(e, call, call->args[0].real + call->args[1].real, false, out);
}

EVALUATE(subtract_reals)
{
    return give_real(e, call, call->args[0].real - call->args[1].real, false, out);
}

EVALUATE(multiply_reals)
{
    double a = call->args[0].real, b = call->args[1].real;
    return give_real(e, call, a * b, a != 0 && b != 0, out);
}

EVALUATE(divide_reals)
{
    double a = call->args[0].real, b = call->args[1].real;
    if (b == 0 && !isnan(a)) return fail_zero(e);
    return give_real(e, call, a / b, a != 0 && !isinf(b), out);
}

EVALUATE(negate_real)
{
    out->real = -call->args[0].real;
    return STATUS_OK;
}

EVALUATE(absolute_real)
{
    out->real = fabs(call->args[0].real);
    return STATUS_OK;
}

/* --- Through the functions of the same meaning ----------------------------------------------- */

static enum status call_function(struct sql_eval *e, uint32_t oid, const struct sql_call *call,
                                 struct sql_datum *out)
{
    const struct sql_function *f = sql_function_find(oid);
    ASSERT(f != NULL);
    return sql_function_call(e, f, call, out);
}

EVALUATE(power_reals)
{
    return call_function(e, 1368, call, out);
}
EVALUATE(power_numerics)
{
    return call_function(e, 2169, call, out);
}
EVALUATE(root_real)
{
    return call_function(e, 1344, call, out);
}
EVALUATE(cube_root_real)
{
    return call_function(e, 1345, call, out);
}

/* --- Numeric --------------------------------------------------------------------------------- */

#define NUMERIC2(name, op) \
    EVALUATE(name) \
    { \
        return sql_numeric_apply2(e, (op), call->args[0].bytes, call->args[1].bytes, &out->bytes); \
    }
NUMERIC2(add_numerics, SQL_NUMERIC_ADD)
NUMERIC2(subtract_numerics, SQL_NUMERIC_SUBTRACT)
NUMERIC2(multiply_numerics, SQL_NUMERIC_MULTIPLY)
NUMERIC2(divide_numerics, SQL_NUMERIC_DIVIDE)
NUMERIC2(remainder_numerics, SQL_NUMERIC_REMAINDER)
#undef NUMERIC2

EVALUATE(negate_numeric)
{
    return sql_numeric_apply1(e, SQL_NUMERIC_NEGATE, call->args[0].bytes, &out->bytes);
}

EVALUATE(absolute_numeric)
{
    return sql_numeric_apply1(e, SQL_NUMERIC_ABS, call->args[0].bytes, &out->bytes);
}

/* --- The table ------------------------------------------------------------------------------- */

#define ROW(o, n, l, r, result, f) \
    { \
        (o), (n), SQL_TYPE_##l, SQL_TYPE_##r, SQL_TYPE_##result, SQL_RELATION_NONE, (f) \
    }
#define PREFIX(o, n, r, f) \
    { \
        (o), (n), 0, SQL_TYPE_##r, SQL_TYPE_##r, SQL_RELATION_NONE, (f) \
    }
#define FOUR(l, r, result, add, sub, mul, div) \
    ROW(add, "+", l, r, result, add_integers), ROW(sub, "-", l, r, result, subtract_integers), \
        ROW(mul, "*", l, r, result, multiply_integers), \
        ROW(div, "/", l, r, result, divide_integers)
#define FOUR_REAL(l, r, result, add, sub, mul, div) \
    ROW(add, "+", l, r, result, add_reals), ROW(sub, "-", l, r, result, subtract_reals), \
        ROW(mul, "*", l, r, result, multiply_reals), ROW(div, "/", l, r, result, divide_reals)
#define BITS(t, and_, or_, xor_, not_, left_, right_) \
    ROW(and_, "&", t, t, t, and_integers), ROW(or_, "|", t, t, t, or_integers), \
        ROW(xor_, "#", t, t, t, xor_integers), PREFIX(not_, "~", t, not_integer), \
        ROW(left_, "<<", t, INT4, t, shift_left), ROW(right_, ">>", t, INT4, t, shift_right)

static const struct sql_operator rows[] = {
    FOUR(INT2, INT2, INT2, 550, 554, 526, 527),
    FOUR(INT2, INT4, INT4, 552, 556, 544, 546),
    FOUR(INT2, INT8, INT8, 822, 823, 824, 825),
    FOUR(INT4, INT2, INT4, 553, 557, 545, 547),
    FOUR(INT4, INT4, INT4, 551, 555, 514, 528),
    FOUR(INT4, INT8, INT8, 692, 693, 694, 695),
    FOUR(INT8, INT2, INT8, 818, 819, 820, 821),
    FOUR(INT8, INT4, INT8, 688, 689, 690, 691),
    FOUR(INT8, INT8, INT8, 684, 685, 686, 687),
    ROW(529, "%", INT2, INT2, INT2, remainder_integers),
    ROW(530, "%", INT4, INT4, INT4, remainder_integers),
    ROW(439, "%", INT8, INT8, INT8, remainder_integers),
    FOUR_REAL(FLOAT4, FLOAT4, FLOAT4, 586, 587, 589, 588),
    FOUR_REAL(FLOAT4, FLOAT8, FLOAT8, 1116, 1117, 1119, 1118),
    FOUR_REAL(FLOAT8, FLOAT4, FLOAT8, 1126, 1127, 1129, 1128),
    FOUR_REAL(FLOAT8, FLOAT8, FLOAT8, 591, 592, 594, 593),
    ROW(1758, "+", NUMERIC, NUMERIC, NUMERIC, add_numerics),
    ROW(1759, "-", NUMERIC, NUMERIC, NUMERIC, subtract_numerics),
    ROW(1760, "*", NUMERIC, NUMERIC, NUMERIC, multiply_numerics),
    ROW(1761, "/", NUMERIC, NUMERIC, NUMERIC, divide_numerics),
    ROW(1762, "%", NUMERIC, NUMERIC, NUMERIC, remainder_numerics),
    ROW(965, "^", FLOAT8, FLOAT8, FLOAT8, power_reals),
    ROW(1038, "^", NUMERIC, NUMERIC, NUMERIC, power_numerics),
    PREFIX(1917, "+", INT2, same),
    PREFIX(1918, "+", INT4, same),
    PREFIX(1916, "+", INT8, same),
    PREFIX(1919, "+", FLOAT4, same),
    PREFIX(1920, "+", FLOAT8, same),
    PREFIX(1921, "+", NUMERIC, same),
    PREFIX(559, "-", INT2, negate_integer),
    PREFIX(558, "-", INT4, negate_integer),
    PREFIX(484, "-", INT8, negate_integer),
    PREFIX(584, "-", FLOAT4, negate_real),
    PREFIX(585, "-", FLOAT8, negate_real),
    PREFIX(1751, "-", NUMERIC, negate_numeric),
    PREFIX(682, "@", INT2, absolute_integer),
    PREFIX(773, "@", INT4, absolute_integer),
    PREFIX(473, "@", INT8, absolute_integer),
    PREFIX(590, "@", FLOAT4, absolute_real),
    PREFIX(595, "@", FLOAT8, absolute_real),
    PREFIX(1763, "@", NUMERIC, absolute_numeric),
    PREFIX(596, "|/", FLOAT8, root_real),
    PREFIX(597, "||/", FLOAT8, cube_root_real),
    BITS(INT2, 1874, 1875, 1876, 1877, 1878, 1879),
    BITS(INT4, 1880, 1881, 1882, 1883, 1884, 1885),
    BITS(INT8, 1886, 1887, 1888, 1889, 1890, 1891),
};

const struct operator_table operator_arith_table = {rows, sizeof rows / sizeof rows[0], "+-*/%^|@&#~<>"};
