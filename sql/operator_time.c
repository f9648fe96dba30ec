/* Arithmetic of dates, times, timestamps and intervals. */
#include "sql/datetime.h"
#include "sql/function_int.h"

static enum status fail_range(struct sql_eval *e, const char *what)
{
    return sql_eval_fail(e, SQLSTATE_DATETIME_FIELD_OVERFLOW, "%s", what);
}

/* --- Dates and days -------------------------------------------------------------------------- */

static enum status move_date(struct sql_eval *e, int64_t date, int64_t days, struct sql_datum *out)
{
    out->integer = date;
    if (!sql_date_is_finite(date)) return STATUS_OK;
    out->integer = date + days; /* both fit 32 bits */
    if (out->integer < SQL_DATE_MIN || out->integer > SQL_DATE_MAX)
        return fail_range(e, "date out of range");
    return STATUS_OK;
}

EVALUATE(date_plus_days)
{
    return move_date(e, call->args[0].integer, call->args[1].integer, out);
}

EVALUATE(days_plus_date)
{
    return move_date(e, call->args[1].integer, call->args[0].integer, out);
}

EVALUATE(date_minus_days)
{
    return move_date(e, call->args[0].integer, -call->args[1].integer, out);
}

EVALUATE(date_minus_date)
{
    int64_t a = call->args[0].integer, b = call->args[1].integer;
    if (!sql_date_is_finite(a) || !sql_date_is_finite(b))
        return fail_range(e, "cannot subtract infinite dates");
    out->integer = a - b;
    return STATUS_OK;
}

/* --- Timestamps and intervals ---------------------------------------------------------------- */

/* `moment` is a date, timestamp or timestamptz; the result a timestamp or timestamptz. */
static enum status move(struct sql_eval *e, const struct sql_call *call, uint32_t moment,
                        bool backwards, struct sql_datum *out)
{
    struct sql_interval i = call->args[1 - moment].interval;
    int64_t t = call->args[moment].integer;
    enum status status = STATUS_OK;
    if (call->types[moment].oid == SQL_TYPE_DATE) status = sql_timestamp_of_date(e, t, &t);
    if (status == STATUS_OK && backwards) status = sql_interval_negate(e, &i, &i);
    if (status != STATUS_OK) return status;
    return sql_timestamp_add(e, call->result, t, &i, &out->integer);
}

EVALUATE(moment_plus_interval)
{
    return move(e, call, 0, false, out);
}
EVALUATE(interval_plus_moment)
{
    return move(e, call, 1, false, out);
}
EVALUATE(moment_minus_interval)
{
    return move(e, call, 0, true, out);
}

EVALUATE(moment_minus_moment)
{
    return sql_timestamp_subtract(e, call->args[0].integer, call->args[1].integer, &out->interval);
}

static enum status join_date_time(struct sql_eval *e, int64_t date, int64_t time,
                                  struct sql_datum *out)
{
    enum status status = sql_timestamp_of_date(e, date, &out->integer);
    if (status != STATUS_OK || !sql_timestamp_is_finite(out->integer)) return status;
    out->integer += time;
    return sql_timestamp_is_valid(out->integer) ? STATUS_OK
                                                : fail_range(e, "timestamp out of range");
}

EVALUATE(date_plus_time)
{
    return join_date_time(e, call->args[0].integer, call->args[1].integer, out);
}

EVALUATE(time_plus_date)
{
    return join_date_time(e, call->args[1].integer, call->args[0].integer, out);
}

/* --- Times of day ---------------------------------------------------------------------------- */

/* Around the clock: 24:00 is 00:00 again. */
static int64_t around(int64_t us)
{
    us %= US_PER_DAY;
    return us < 0 ? us + US_PER_DAY : us;
}

EVALUATE(time_plus_interval)
{
    out->integer = around(call->args[0].integer + call->args[1].interval.us % US_PER_DAY);
    return STATUS_OK;
}

EVALUATE(interval_plus_time)
{
    out->integer = around(call->args[1].integer + call->args[0].interval.us % US_PER_DAY);
    return STATUS_OK;
}

EVALUATE(time_minus_interval)
{
    out->integer = around(call->args[0].integer - call->args[1].interval.us % US_PER_DAY);
    return STATUS_OK;
}

EVALUATE(time_minus_time)
{
    out->interval.us = call->args[0].integer - call->args[1].integer;
    return STATUS_OK;
}

/* --- Intervals ------------------------------------------------------------------------------- */

EVALUATE(add_intervals)
{
    return sql_interval_add(e, &call->args[0].interval, &call->args[1].interval, &out->interval);
}

EVALUATE(subtract_intervals)
{
    struct sql_interval b;
    enum status status = sql_interval_negate(e, &call->args[1].interval, &b);
    if (status != STATUS_OK) return status;
    return sql_interval_add(e, &call->args[0].interval, &b, &out->interval);
}

EVALUATE(negate_interval)
{
    return sql_interval_negate(e, &call->args[0].interval, &out->interval);
}

EVALUATE(interval_times_real)
{
    return sql_interval_multiply(e, &call->args[0].interval, call->args[1].real, &out->interval);
}

EVALUATE(real_times_interval)
{
    return sql_interval_multiply(e, &call->args[1].interval, call->args[0].real, &out->interval);
}

EVALUATE(interval_by_real)
{
    return sql_interval_divide(e, &call->args[0].interval, call->args[1].real, &out->interval);
}

#define ROW(o, n, l, r, result, f) \
    { \
        (o), (n), SQL_TYPE_##l, SQL_TYPE_##r, SQL_TYPE_##result, SQL_RELATION_NONE, (f) \
    }

static const struct sql_operator rows[] = {
    ROW(1100, "+", DATE, INT4, DATE, date_plus_days),
    ROW(2555, "+", INT4, DATE, DATE, days_plus_date),
    ROW(1101, "-", DATE, INT4, DATE, date_minus_days),
    ROW(1099, "-", DATE, DATE, INT4, date_minus_date),
    ROW(1076, "+", DATE, INTERVAL, TIMESTAMP, moment_plus_interval),
    ROW(2551, "+", INTERVAL, DATE, TIMESTAMP, interval_plus_moment),
    ROW(1077, "-", DATE, INTERVAL, TIMESTAMP, moment_minus_interval),
    ROW(2066, "+", TIMESTAMP, INTERVAL, TIMESTAMP, moment_plus_interval),
    ROW(2553, "+", INTERVAL, TIMESTAMP, TIMESTAMP, interval_plus_moment),
    ROW(2068, "-", TIMESTAMP, INTERVAL, TIMESTAMP, moment_minus_interval),
    ROW(2067, "-", TIMESTAMP, TIMESTAMP, INTERVAL, moment_minus_moment),
    ROW(1327, "+", TIMESTAMPTZ, INTERVAL, TIMESTAMPTZ, moment_plus_interval),
    ROW(2554, "+", INTERVAL, TIMESTAMPTZ, TIMESTAMPTZ, interval_plus_moment),
    ROW(1329, "-", TIMESTAMPTZ, INTERVAL, TIMESTAMPTZ, moment_minus_interval),
    ROW(1328, "-", TIMESTAMPTZ, TIMESTAMPTZ, INTERVAL, moment_minus_moment),
    ROW(1360, "+", DATE, TIME, TIMESTAMP, date_plus_time),
    ROW(1363, "+", TIME, DATE, TIMESTAMP, time_plus_date),
    ROW(1800, "+", TIME, INTERVAL, TIME, time_plus_interval),
    ROW(1849, "+", INTERVAL, TIME, TIME, interval_plus_time),
    ROW(1801, "-", TIME, INTERVAL, TIME, time_minus_interval),
    ROW(1399, "-", TIME, TIME, INTERVAL, time_minus_time),
    ROW(1337, "+", INTERVAL, INTERVAL, INTERVAL, add_intervals),
    ROW(1338, "-", INTERVAL, INTERVAL, INTERVAL, subtract_intervals),
    {1336, "-", 0, SQL_TYPE_INTERVAL, SQL_TYPE_INTERVAL, SQL_RELATION_NONE, negate_interval},
    ROW(1583, "*", INTERVAL, FLOAT8, INTERVAL, interval_times_real),
    ROW(1584, "*", FLOAT8, INTERVAL, INTERVAL, real_times_interval),
    ROW(1585, "/", INTERVAL, FLOAT8, INTERVAL, interval_by_real),
};

const struct operator_table operator_time_table = {rows, sizeof rows / sizeof rows[0], "+-*/"};
