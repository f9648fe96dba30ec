/* Mathematical functions of integers, floats and numerics. */
#include <math.h>

#include "sql/function_int.h"
#include "sql/numeric.h"

/* --- Whole numbers --------------------------------------------------------------------------- */

static int64_t max_of(uint32_t oid)
{
    return oid == SQL_TYPE_INT2 ? INT16_MAX : oid == SQL_TYPE_INT4 ? INT32_MAX : INT64_MAX;
}

EVALUATE(absolute_integer)
{
    int64_t v = call->args[0].integer;
    if (v == -max_of(call->result) - 1) return sql_eval_out_of_range(e, call->result);
    out->integer = v < 0 ? -v : v;
    return STATUS_OK;
}

EVALUATE(remainder_integers)
{
    int64_t a = call->args[0].integer, b = call->args[1].integer;
    if (b == 0) return sql_eval_fail(e, SQLSTATE_DIVISION_BY_ZERO, "division by zero");
    out->integer = b == -1 ? 0 : a % b;
    return STATUS_OK;
}

static uint64_t magnitude(int64_t v)
{
    return v < 0 ? -(uint64_t)v : (uint64_t)v;
}

static uint64_t greatest_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

EVALUATE(gcd_integers)
{
    uint64_t gcd =
        greatest_divisor(magnitude(call->args[0].integer), magnitude(call->args[1].integer));
    if (gcd > (uint64_t)max_of(call->result)) return sql_eval_out_of_range(e, call->result);
    out->integer = (int64_t)gcd;
    return STATUS_OK;
}

EVALUATE(lcm_integers)
{
    uint64_t a = magnitude(call->args[0].integer), b = magnitude(call->args[1].integer);
    if (a == 0 || b == 0) return STATUS_OK;
    unsigned __int128 lcm = (unsigned __int128)(a / greatest_divisor(a, b)) * b;
    if (lcm > (unsigned __int128)max_of(call->result))
        return sql_eval_out_of_range(e, call->result);
    out->integer = (int64_t)lcm;
    return STATUS_OK;
}

/* --- Floats ---------------------------------------------------------------------------------- */

static enum status fail_real(struct sql_eval *e, const char *what)
{
    return sql_eval_fail(e, SQLSTATE_NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: %s", what);
}

#define REAL1(name, expression) \
    EVALUATE(name) \
    { \
        double x = call->args[0].real; \
        out->real = (expression); \
        return STATUS_OK; \
    }
REAL1(absolute_real, fabs(x))
REAL1(ceil_real, ceil(x))
REAL1(floor_real, floor(x))
REAL1(round_real, rint(x))
REAL1(truncate_real, trunc(x))
REAL1(sign_real, x > 0 ? 1 : x < 0 ? -1 : 0)
REAL1(cube_root_real, cbrt(x))
#undef REAL1

EVALUATE(sqrt_real)
{
    if (call->args[0].real < 0)
        return sql_eval_fail(e, SQLSTATE_INVALID_ARGUMENT_FOR_POWER_FUNCTION,
                             "cannot take square root of a negative number");
    out->real = sqrt(call->args[0].real);
    return STATUS_OK;
}

EVALUATE(exp_real)
{
    double x = call->args[0].real;
    out->real = exp(x);
    if (isinf(out->real) && !isinf(x)) return fail_real(e, "overflow");
    if (out->real == 0 && !isinf(x)) return fail_real(e, "underflow");
    return STATUS_OK;
}

static enum status logarithm(struct sql_eval *e, double x, double (*function)(double), double *out)
{
    if (x == 0)
        return sql_eval_fail(e, SQLSTATE_INVALID_ARGUMENT_FOR_LOG, "cannot take logarithm of zero");
    if (x < 0)
        return sql_eval_fail(e, SQLSTATE_INVALID_ARGUMENT_FOR_LOG,
                             "cannot take logarithm of a negative number");
    *out = function(x);
    return STATUS_OK;
}

EVALUATE(ln_real)
{
    return logarithm(e, call->args[0].real, log, &out->real);
}
EVALUATE(log10_real)
{
    return logarithm(e, call->args[0].real, log10, &out->real);
}

EVALUATE(power_real)
{
    double a = call->args[0].real, b = call->args[1].real;
    if (a == 0 && b < 0)
        return sql_eval_fail(e, SQLSTATE_INVALID_ARGUMENT_FOR_POWER_FUNCTION,
                             "zero raised to a negative power is undefined");
    if (a < 0 && !isnan(b) && floor(b) != b)
        return sql_eval_fail(
            e, SQLSTATE_INVALID_ARGUMENT_FOR_POWER_FUNCTION,
            "a negative number raised to a non-integer power yields a complex result");
    out->real = pow(a, b);
    if (!isfinite(a) || !isfinite(b)) return STATUS_OK;
    if (isinf(out->real)) return fail_real(e, "overflow");
    if (out->real == 0 && a != 0) return fail_real(e, "underflow");
    return STATUS_OK;
}

static enum status circular(struct sql_eval *e, double x, double (*function)(double), double *out)
{
    if (isinf(x))
        return sql_eval_fail(e, SQLSTATE_NUMERIC_VALUE_OUT_OF_RANGE, "input is out of range");
    *out = function(x);
    return STATUS_OK;
}

EVALUATE(sin_real)
{
    return circular(e, call->args[0].real, sin, &out->real);
}
EVALUATE(cos_real)
{
    return circular(e, call->args[0].real, cos, &out->real);
}
EVALUATE(tan_real)
{
    return circular(e, call->args[0].real, tan, &out->real);
}

EVALUATE(degrees_real)
{
    out->real = call->args[0].real / (M_PI / 180.0);
    if (isinf(out->real) && !isinf(call->args[0].real)) return fail_real(e, "overflow");
    return STATUS_OK;
}

EVALUATE(radians_real)
{
    out->real = call->args[0].real * (M_PI / 180.0);
    return STATUS_OK;
}

EVALUATE(pi_real)
{
    out->real = M_PI;
    return STATUS_OK;
}

/* Uniform in [0, 1). */
EVALUATE(random_real)
{
    ASSERT(e->random != NULL);
    uint64_t bits;
    e->random(e->random_ctx, (uint8_t *)&bits, sizeof bits);
    out->real = (double)(bits >> 11) * 0x1p-53;
    return STATUS_OK;
}

/* --- Numerics -------------------------------------------------------------------------------- */

#define NUMERIC1(name, op) \
    EVALUATE(name) \
    { \
        return sql_numeric_apply1(e, (op), call->args[0].bytes, &out->bytes); \
    }
NUMERIC1(absolute_numeric, SQL_NUMERIC_ABS)
NUMERIC1(sign_numeric, SQL_NUMERIC_SIGN)
NUMERIC1(ceil_numeric, SQL_NUMERIC_CEIL)
NUMERIC1(floor_numeric, SQL_NUMERIC_FLOOR)
NUMERIC1(sqrt_numeric, SQL_NUMERIC_SQRT)
NUMERIC1(exp_numeric, SQL_NUMERIC_EXP)
NUMERIC1(ln_numeric, SQL_NUMERIC_LN)
NUMERIC1(log10_numeric, SQL_NUMERIC_LOG10)
NUMERIC1(trim_scale_numeric, SQL_NUMERIC_TRIM_SCALE)
#undef NUMERIC1

#define NUMERIC2(name, op) \
    EVALUATE(name) \
    { \
        return sql_numeric_apply2(e, (op), call->args[0].bytes, call->args[1].bytes, &out->bytes); \
    }
NUMERIC2(remainder_numeric, SQL_NUMERIC_REMAINDER)
NUMERIC2(quotient_numeric, SQL_NUMERIC_QUOTIENT)
NUMERIC2(power_numeric, SQL_NUMERIC_POWER)
NUMERIC2(log_numeric, SQL_NUMERIC_LOG)
NUMERIC2(gcd_numeric, SQL_NUMERIC_GCD)
NUMERIC2(lcm_numeric, SQL_NUMERIC_LCM)
#undef NUMERIC2

static int32_t scale_argument(const struct sql_call *call)
{
    return call->count > 1 ? (int32_t)call->args[1].integer : 0;
}

EVALUATE(round_numeric)
{
    return sql_numeric_round(e, call->args[0].bytes, scale_argument(call), &out->bytes);
}

EVALUATE(truncate_numeric)
{
    return sql_numeric_truncate(e, call->args[0].bytes, scale_argument(call), &out->bytes);
}

EVALUATE(scale_of_numeric)
{
    out->is_null = !sql_numeric_is_finite(call->args[0].bytes);
    if (!out->is_null) out->integer = sql_numeric_scale(call->args[0].bytes);
    return STATUS_OK;
}

EVALUATE(least_scale_of_numeric)
{
    out->is_null = !sql_numeric_is_finite(call->args[0].bytes);
    if (!out->is_null) out->integer = sql_numeric_scale_min(call->args[0].bytes);
    return STATUS_OK;
}

#define T(t) SQL_TYPE_##t

static const struct sql_function rows[] = {
    FUNCTION(1398, "abs", INT2, absolute_integer, T(INT2)),
    FUNCTION(1397, "abs", INT4, absolute_integer, T(INT4)),
    FUNCTION(1396, "abs", INT8, absolute_integer, T(INT8)),
    FUNCTION(1394, "abs", FLOAT4, absolute_real, T(FLOAT4)),
    FUNCTION(1395, "abs", FLOAT8, absolute_real, T(FLOAT8)),
    FUNCTION(1705, "abs", NUMERIC, absolute_numeric, T(NUMERIC)),
    FUNCTION(940, "mod", INT2, remainder_integers, T(INT2), T(INT2)),
    FUNCTION(941, "mod", INT4, remainder_integers, T(INT4), T(INT4)),
    FUNCTION(947, "mod", INT8, remainder_integers, T(INT8), T(INT8)),
    FUNCTION(1728, "mod", NUMERIC, remainder_numeric, T(NUMERIC), T(NUMERIC)),
    FUNCTION(1973, "div", NUMERIC, quotient_numeric, T(NUMERIC), T(NUMERIC)),
    FUNCTION(5044, "gcd", INT4, gcd_integers, T(INT4), T(INT4)),
    FUNCTION(5045, "gcd", INT8, gcd_integers, T(INT8), T(INT8)),
    FUNCTION(5048, "gcd", NUMERIC, gcd_numeric, T(NUMERIC), T(NUMERIC)),
    FUNCTION(5046, "lcm", INT4, lcm_integers, T(INT4), T(INT4)),
    FUNCTION(5047, "lcm", INT8, lcm_integers, T(INT8), T(INT8)),
    FUNCTION(5049, "lcm", NUMERIC, lcm_numeric, T(NUMERIC), T(NUMERIC)),
    FUNCTION(2308, "ceil", FLOAT8, ceil_real, T(FLOAT8)),
    FUNCTION(1711, "ceil", NUMERIC, ceil_numeric, T(NUMERIC)),
    FUNCTION(2320, "ceiling", FLOAT8, ceil_real, T(FLOAT8)),
    FUNCTION(2167, "ceiling", NUMERIC, ceil_numeric, T(NUMERIC)),
    FUNCTION(2309, "floor", FLOAT8, floor_real, T(FLOAT8)),
    FUNCTION(1712, "floor", NUMERIC, floor_numeric, T(NUMERIC)),
    FUNCTION(1342, "round", FLOAT8, round_real, T(FLOAT8)),
    FUNCTION(1708, "round", NUMERIC, round_numeric, T(NUMERIC)),
    FUNCTION(1707, "round", NUMERIC, round_numeric, T(NUMERIC), T(INT4)),
    FUNCTION(1343, "trunc", FLOAT8, truncate_real, T(FLOAT8)),
    FUNCTION(1710, "trunc", NUMERIC, truncate_numeric, T(NUMERIC)),
    FUNCTION(1709, "trunc", NUMERIC, truncate_numeric, T(NUMERIC), T(INT4)),
    FUNCTION(2310, "sign", FLOAT8, sign_real, T(FLOAT8)),
    FUNCTION(1706, "sign", NUMERIC, sign_numeric, T(NUMERIC)),
    FUNCTION(1344, "sqrt", FLOAT8, sqrt_real, T(FLOAT8)),
    FUNCTION(1730, "sqrt", NUMERIC, sqrt_numeric, T(NUMERIC)),
    FUNCTION(1345, "cbrt", FLOAT8, cube_root_real, T(FLOAT8)),
    FUNCTION(1347, "exp", FLOAT8, exp_real, T(FLOAT8)),
    FUNCTION(1732, "exp", NUMERIC, exp_numeric, T(NUMERIC)),
    FUNCTION(1341, "ln", FLOAT8, ln_real, T(FLOAT8)),
    FUNCTION(1734, "ln", NUMERIC, ln_numeric, T(NUMERIC)),
    FUNCTION(1340, "log", FLOAT8, log10_real, T(FLOAT8)),
    FUNCTION(1741, "log", NUMERIC, log10_numeric, T(NUMERIC)),
    FUNCTION(1736, "log", NUMERIC, log_numeric, T(NUMERIC), T(NUMERIC)),
    FUNCTION(1194, "log10", FLOAT8, log10_real, T(FLOAT8)),
    FUNCTION(1481, "log10", NUMERIC, log10_numeric, T(NUMERIC)),
    FUNCTION(1368, "power", FLOAT8, power_real, T(FLOAT8), T(FLOAT8)),
    FUNCTION(2169, "power", NUMERIC, power_numeric, T(NUMERIC), T(NUMERIC)),
    FUNCTION(1346, "pow", FLOAT8, power_real, T(FLOAT8), T(FLOAT8)),
    FUNCTION(1738, "pow", NUMERIC, power_numeric, T(NUMERIC), T(NUMERIC)),
    FUNCTION(1604, "sin", FLOAT8, sin_real, T(FLOAT8)),
    FUNCTION(1605, "cos", FLOAT8, cos_real, T(FLOAT8)),
    FUNCTION(1606, "tan", FLOAT8, tan_real, T(FLOAT8)),
    FUNCTION(1608, "degrees", FLOAT8, degrees_real, T(FLOAT8)),
    FUNCTION(1609, "radians", FLOAT8, radians_real, T(FLOAT8)),
    {.oid = 1610,
     .name = "pi",
     .result = T(FLOAT8),
     .evaluate = pi_real,
     .strict = true,
     .volatility = SQL_IMMUTABLE},
    {.oid = 1598,
     .name = "random",
     .result = T(FLOAT8),
     .evaluate = random_real,
     .strict = true,
     .volatility = SQL_VOLATILE},
    FUNCTION(3281, "scale", INT4, scale_of_numeric, T(NUMERIC)),
    FUNCTION(5042, "min_scale", INT4, least_scale_of_numeric, T(NUMERIC)),
    FUNCTION(5043, "trim_scale", NUMERIC, trim_scale_numeric, T(NUMERIC)),
};

const struct function_table function_math_table = {rows, sizeof rows / sizeof rows[0]};
