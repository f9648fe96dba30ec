/* Trigonometric and hyperbolic functions. PostgreSQL's rules for what they refuse: its float.c. */
#include <math.h>

#include "sql/function_int.h"

static enum status out_of_range(struct sql_eval *e)
{
    return sql_eval_fail(e, SQLSTATE_NUMERIC_VALUE_OUT_OF_RANGE, "input is out of range");
}

/* Of one argument between low and high; NaN stays NaN. */
static enum status within(struct sql_eval *e, const struct sql_call *call, double low, double high,
                          double (*function)(double), struct sql_datum *out)
{
    double x = call->args[0].real;
    if (x < low || x > high) return out_of_range(e);
    out->real = function(x);
    return STATUS_OK;
}

EVALUATE(arc_cosine)
{
    return within(e, call, -1, 1, acos, out);
}
EVALUATE(arc_sine)
{
    return within(e, call, -1, 1, asin, out);
}
EVALUATE(arc_tangent)
{
    return within(e, call, -INFINITY, INFINITY, atan, out);
}
EVALUATE(arc_tangent_of_two)
{
    out->real = atan2(call->args[0].real, call->args[1].real);
    return STATUS_OK;
}
EVALUATE(cotangent)
{
    double x = call->args[0].real;
    if (isinf(x)) return out_of_range(e);
    out->real = 1.0 / tan(x);
    return STATUS_OK;
}
EVALUATE(hyperbolic_sine)
{
    return within(e, call, -INFINITY, INFINITY, sinh, out);
}
EVALUATE(hyperbolic_cosine)
{
    return within(e, call, -INFINITY, INFINITY, cosh, out);
}
EVALUATE(hyperbolic_tangent)
{
    return within(e, call, -INFINITY, INFINITY, tanh, out);
}
EVALUATE(arc_hyperbolic_sine)
{
    return within(e, call, -INFINITY, INFINITY, asinh, out);
}
EVALUATE(arc_hyperbolic_cosine)
{
    return within(e, call, 1, INFINITY, acosh, out);
}
EVALUATE(arc_hyperbolic_tangent)
{
    return within(e, call, -1, 1, atanh, out); /* of 1 it is infinite */
}

#define ONE(o, n, f) FUNCTION(o, n, FLOAT8, f, SQL_TYPE_FLOAT8)

static const struct sql_function rows[] = {
    ONE(1601, "acos", arc_cosine),
    ONE(1600, "asin", arc_sine),
    ONE(1602, "atan", arc_tangent),
    FUNCTION(1603, "atan2", FLOAT8, arc_tangent_of_two, SQL_TYPE_FLOAT8, SQL_TYPE_FLOAT8),
    ONE(1607, "cot", cotangent),
    ONE(2462, "sinh", hyperbolic_sine),
    ONE(2463, "cosh", hyperbolic_cosine),
    ONE(2464, "tanh", hyperbolic_tangent),
    ONE(2465, "asinh", arc_hyperbolic_sine),
    ONE(2466, "acosh", arc_hyperbolic_cosine),
    ONE(2467, "atanh", arc_hyperbolic_tangent),
};

const struct function_table function_trig_table = {rows, sizeof rows / sizeof rows[0]};
