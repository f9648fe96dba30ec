/* Aggregates as state machines: a row's arguments go in, a result can be had at any time. What a
 * state keeps it copies into the arena it was made in; its buffers double, so that they hold at
 * most twice what is needed. What a step needs only for a moment comes from the arena of the
 * caller. */
#include <math.h>

#include "sql/datetime.h"
#include "sql/function_int.h"
#include "sql/numeric.h"

/* Text or bytes that are replaced or added to. */
struct buffer {
    uint8_t *data;
    size_t size, capacity;
};

struct sql_aggregate_state {
    struct arena *arena;   /* of init: what lasts */
    struct arena *scratch; /* the caller's, during a step: e->arena is `arena` then */
    const struct sql_function *function;
    struct sql_type type; /* of the first argument */
    bool any;             /* there was a row that counts */
    uint64_t count;
    union {
        __int128 wide; /* sum and avg of integers */
        double sum;    /* of floats */
        bool boolean;
        struct sql_datum best; /* min, max */
        struct sql_interval interval;
        struct sql_numeric_sum numeric;
    };
    double squares; /* variance of floats: the sum of squared distances from the mean */
    struct sql_numeric_sum numeric_squares;
    struct buffer buffer;
};

typedef enum status aggregate_step(struct sql_eval *e, struct sql_aggregate_state *s,
                                   const struct sql_datum *args);
typedef enum status aggregate_final(struct sql_eval *e, struct sql_aggregate_state *s,
                                    struct sql_datum *out);
struct sql_aggregate {
    aggregate_step *step;
    aggregate_final *final; /* not called when no row counted: then the result is NULL */
    bool counts_nulls;      /* step sees NULLs too, and final is always called */
};

static enum status make_room(struct sql_eval *e, struct buffer *b, size_t size)
{
    if (size <= b->capacity) return STATUS_OK;
    size_t capacity = size > SIZE_MAX / 2 ? size : size * 2;
    uint8_t *data = sql_eval_alloc(e, capacity);
    if (data == NULL) return STATUS_NO_MEMORY;
    if (b->size > 0) memcpy(data, b->data, b->size);
    b->data = data;
    b->capacity = capacity;
    return STATUS_OK;
}

/* --- Counting -------------------------------------------------------------------------------- */

static enum status step_count(struct sql_eval *e, struct sql_aggregate_state *s,
                              const struct sql_datum *args)
{
    (void)e;
    /* count(*) has no arguments. */
    if (s->function->arg_count == 0 || !args[0].is_null) s->count++;
    return STATUS_OK;
}

static enum status final_count(struct sql_eval *e, struct sql_aggregate_state *s,
                               struct sql_datum *out)
{
    (void)e;
    out->integer = (int64_t)s->count;
    return STATUS_OK;
}

/* --- Sums of integers ------------------------------------------------------------------------ */

/* 2^63 rows of 64 bits fit 128. */
static enum status step_wide(struct sql_eval *e, struct sql_aggregate_state *s,
                             const struct sql_datum *args)
{
    (void)e;
    s->count++;
    s->wide += args[0].integer;
    return STATUS_OK;
}

static enum status final_wide_integer(struct sql_eval *e, struct sql_aggregate_state *s,
                                      struct sql_datum *out)
{
    if (s->wide < INT64_MIN || s->wide > INT64_MAX) return sql_eval_out_of_range(e, SQL_TYPE_INT8);
    out->integer = (int64_t)s->wide;
    return STATUS_OK;
}

static enum status final_wide_numeric(struct sql_eval *e, struct sql_aggregate_state *s,
                                      struct sql_datum *out)
{
    return sql_numeric_from_wide(e, s->wide, 0, &out->bytes);
}

static enum status divide_by_count(struct sql_eval *e, struct sql_aggregate_state *s,
                                   struct bytes sum, struct sql_datum *out)
{
    struct bytes count;
    enum status status = sql_numeric_from_integer(e, (int64_t)s->count, &count);
    if (status != STATUS_OK) return status;
    return sql_numeric_apply2(e, SQL_NUMERIC_DIVIDE, sum, count, &out->bytes);
}

static enum status final_wide_average(struct sql_eval *e, struct sql_aggregate_state *s,
                                      struct sql_datum *out)
{
    struct bytes sum;
    enum status status = sql_numeric_from_wide(e, s->wide, 0, &sum);
    return status != STATUS_OK ? status : divide_by_count(e, s, sum, out);
}

/* --- Sums of numerics ------------------------------------------------------------------------ */

static enum status step_numeric(struct sql_eval *e, struct sql_aggregate_state *s,
                                const struct sql_datum *args)
{
    s->count++;
    return sql_numeric_sum_add(e, &s->numeric, args[0].bytes);
}

static enum status final_numeric_sum(struct sql_eval *e, struct sql_aggregate_state *s,
                                     struct sql_datum *out)
{
    return sql_numeric_sum_result(e, &s->numeric, &out->bytes);
}

static enum status final_numeric_average(struct sql_eval *e, struct sql_aggregate_state *s,
                                         struct sql_datum *out)
{
    struct bytes sum;
    enum status status = sql_numeric_sum_result(e, &s->numeric, &sum);
    return status != STATUS_OK ? status : divide_by_count(e, s, sum, out);
}

/* --- Sums of floats -------------------------------------------------------------------------- */

/* Youngs and Cramer, 1971, as PostgreSQL has it: the squares are of distances from the running
 * mean. */
static enum status step_real(struct sql_eval *e, struct sql_aggregate_state *s,
                             const struct sql_datum *args)
{
    double x = args[0].real, before = s->sum, n = (double)++s->count;
    s->sum += x;
    if (s->function->result == SQL_TYPE_FLOAT4) s->sum = (double)(float)s->sum;
    if (s->count > 1) {
        double distance = x * n - s->sum;
        s->squares += distance * distance / (n * (n - 1));
    } else if (!isfinite(x)) {
        s->squares = (double)NAN;
    }
    if (isinf(s->sum) && !isinf(before) && !isinf(x))
        return sql_eval_fail(e, SQLSTATE_NUMERIC_VALUE_OUT_OF_RANGE,
                             "value out of range: overflow");
    return STATUS_OK;
}

static enum status final_real_sum(struct sql_eval *e, struct sql_aggregate_state *s,
                                  struct sql_datum *out)
{
    (void)e;
    out->real = s->sum;
    return STATUS_OK;
}

static enum status final_real_average(struct sql_eval *e, struct sql_aggregate_state *s,
                                      struct sql_datum *out)
{
    (void)e;
    ASSERT(s->count > 0);
    out->real = s->sum / (double)s->count;
    return STATUS_OK;
}

/* --- Variance -------------------------------------------------------------------------------- */

/* Of a population, or a sample: then one value has none. */
static enum status real_variance(struct sql_aggregate_state *s, bool sample, bool root,
                                 struct sql_datum *out)
{
    ASSERT(s->count > 0);
    out->is_null = sample && s->count == 1;
    if (out->is_null) return STATUS_OK;
    double variance = s->squares / (double)(s->count - sample);
    out->real = root ? sqrt(variance) : variance;
    return STATUS_OK;
}

static enum status step_numeric_squares(struct sql_eval *e, struct sql_aggregate_state *s,
                                        const struct sql_datum *args)
{
    struct bytes value = args[0].bytes, square;
    enum status status = STATUS_OK;
    e->arena = s->scratch;
    if (s->type.oid != SQL_TYPE_NUMERIC)
        status = sql_numeric_from_integer(e, args[0].integer, &value);
    if (status == STATUS_OK)
        status = sql_numeric_apply2(e, SQL_NUMERIC_MULTIPLY, value, value, &square);
    e->arena = s->arena;
    s->count++;
    if (status == STATUS_OK) status = sql_numeric_sum_add(e, &s->numeric, value);
    return status != STATUS_OK ? status : sql_numeric_sum_add(e, &s->numeric_squares, square);
}

/* (N * sum of squares - square of the sum) / (N * (N - 1)), or N * N. */
static enum status numeric_variance(struct sql_eval *e, struct sql_aggregate_state *s, bool sample,
                                    bool root, struct sql_datum *out)
{
    out->is_null = sample && s->count == 1;
    if (out->is_null) return STATUS_OK;
    struct bytes sum, squares, n, below, a, b;
    enum status status = sql_numeric_sum_result(e, &s->numeric, &sum);
    if (status == STATUS_OK) status = sql_numeric_sum_result(e, &s->numeric_squares, &squares);
    if (status == STATUS_OK && (!sql_numeric_is_finite(sum) || !sql_numeric_is_finite(squares)))
        return sql_numeric_parse(e, BYTES_LITERAL("NaN"), SQL_TYPMOD_NONE, &out->bytes);
    __int128 divisor = (__int128)s->count * (__int128)(s->count - sample);
    if (status == STATUS_OK) status = sql_numeric_from_integer(e, (int64_t)s->count, &n);
    if (status == STATUS_OK) status = sql_numeric_from_wide(e, divisor, 0, &below);
    if (status == STATUS_OK) status = sql_numeric_apply2(e, SQL_NUMERIC_MULTIPLY, n, squares, &a);
    if (status == STATUS_OK) status = sql_numeric_apply2(e, SQL_NUMERIC_MULTIPLY, sum, sum, &b);
    if (status == STATUS_OK) status = sql_numeric_apply2(e, SQL_NUMERIC_SUBTRACT, a, b, &a);
    if (status != STATUS_OK) return status;
    if (sql_numeric_sign(a) <= 0) return sql_numeric_from_integer(e, 0, &out->bytes);
    status = sql_numeric_apply2(e, SQL_NUMERIC_DIVIDE, a, below, &out->bytes);
    if (status == STATUS_OK && root)
        status = sql_numeric_sqrt(e, out->bytes, sql_numeric_scale(out->bytes), &out->bytes);
    return status;
}

#define VARIANCE(name, sample, root) \
    static enum status name(struct sql_eval *e, struct sql_aggregate_state *s, \
                            struct sql_datum *out) \
    { \
        return s->function->result == SQL_TYPE_FLOAT8 \
                   ? real_variance(s, (sample), (root), out) \
                   : numeric_variance(e, s, (sample), (root), out); \
    }
VARIANCE(final_variance_sample, true, false)
VARIANCE(final_variance_population, false, false)
VARIANCE(final_deviation_sample, true, true)
VARIANCE(final_deviation_population, false, true)
#undef VARIANCE

/* --- Intervals ------------------------------------------------------------------------------- */

static enum status step_interval(struct sql_eval *e, struct sql_aggregate_state *s,
                                 const struct sql_datum *args)
{
    s->count++;
    return sql_interval_add(e, &s->interval, &args[0].interval, &s->interval);
}

static enum status final_interval_sum(struct sql_eval *e, struct sql_aggregate_state *s,
                                      struct sql_datum *out)
{
    (void)e;
    out->interval = s->interval;
    return STATUS_OK;
}

static enum status final_interval_average(struct sql_eval *e, struct sql_aggregate_state *s,
                                          struct sql_datum *out)
{
    return sql_interval_divide(e, &s->interval, (double)s->count, &out->interval);
}

/* --- Least and greatest ---------------------------------------------------------------------- */

static enum status keep(struct sql_eval *e, struct sql_aggregate_state *s,
                        const struct sql_datum *value)
{
    s->best = *value;
    if (sql_type_find(s->type.oid)->storage != SQL_STORAGE_BYTES) return STATUS_OK;
    s->buffer.size = 0;
    enum status status = make_room(e, &s->buffer, value->bytes.size);
    if (status != STATUS_OK) return status;
    if (value->bytes.size > 0) memcpy(s->buffer.data, value->bytes.data, value->bytes.size);
    s->best.bytes.data = s->buffer.data;
    return STATUS_OK;
}

static enum status step_min(struct sql_eval *e, struct sql_aggregate_state *s,
                            const struct sql_datum *args)
{
    if (s->any && sql_datum_compare(s->type.oid, &args[0], &s->best) >= 0) return STATUS_OK;
    return keep(e, s, &args[0]);
}

static enum status step_max(struct sql_eval *e, struct sql_aggregate_state *s,
                            const struct sql_datum *args)
{
    if (s->any && sql_datum_compare(s->type.oid, &args[0], &s->best) <= 0) return STATUS_OK;
    return keep(e, s, &args[0]);
}

/* A copy: the buffer may be written over by the next row. */
static enum status final_best(struct sql_eval *e, struct sql_aggregate_state *s,
                              struct sql_datum *out)
{
    enum status status = sql_datum_copy(e->arena, s->type.oid, &s->best, out);
    return status == STATUS_NO_MEMORY ? sql_eval_no_memory(e) : status;
}

/* --- Booleans -------------------------------------------------------------------------------- */

static enum status step_and(struct sql_eval *e, struct sql_aggregate_state *s,
                            const struct sql_datum *args)
{
    (void)e;
    s->boolean = args[0].boolean && (!s->any || s->boolean);
    return STATUS_OK;
}

static enum status step_or(struct sql_eval *e, struct sql_aggregate_state *s,
                           const struct sql_datum *args)
{
    (void)e;
    s->boolean = args[0].boolean || (s->any && s->boolean);
    return STATUS_OK;
}

static enum status final_boolean(struct sql_eval *e, struct sql_aggregate_state *s,
                                 struct sql_datum *out)
{
    (void)e;
    out->boolean = s->boolean;
    return STATUS_OK;
}

/* --- Bits ------------------------------------------------------------------------------------ */

static enum status step_bit_and(struct sql_eval *e, struct sql_aggregate_state *s,
                                const struct sql_datum *args)
{
    (void)e;
    s->wide = s->any ? s->wide & args[0].integer : args[0].integer;
    return STATUS_OK;
}

static enum status step_bit_or(struct sql_eval *e, struct sql_aggregate_state *s,
                               const struct sql_datum *args)
{
    (void)e;
    s->wide = s->any ? s->wide | args[0].integer : args[0].integer;
    return STATUS_OK;
}

/* --- Strings --------------------------------------------------------------------------------- */

static enum status append(struct sql_eval *e, struct buffer *b, struct bytes text)
{
    size_t size;
    if (__builtin_add_overflow(b->size, text.size, &size)) return sql_eval_no_memory(e);
    enum status status = make_room(e, b, size);
    if (status != STATUS_OK) return status;
    if (text.size > 0) memcpy(b->data + b->size, text.data, text.size);
    b->size = size;
    return STATUS_OK;
}

/* string_agg(text, separator): rows with no text are passed over, a separator that is NULL is
 * empty. */
static enum status step_string(struct sql_eval *e, struct sql_aggregate_state *s,
                               const struct sql_datum *args)
{
    if (args[0].is_null) return STATUS_OK;
    enum status status = STATUS_OK;
    if (s->count > 0 && !args[1].is_null) status = append(e, &s->buffer, args[1].bytes);
    if (status == STATUS_OK) status = append(e, &s->buffer, args[0].bytes);
    s->count++;
    return status;
}

static enum status final_string(struct sql_eval *e, struct sql_aggregate_state *s,
                                struct sql_datum *out)
{
    out->is_null = s->count == 0;
    if (out->is_null) return STATUS_OK;
    out->bytes = arena_copy(e->arena, bytes_make(s->buffer.data, s->buffer.size));
    return out->bytes.data == NULL ? sql_eval_no_memory(e) : STATUS_OK;
}

/* --- The machine ----------------------------------------------------------------------------- */

enum status sql_aggregate_init(struct sql_eval *e, const struct sql_function *f,
                               const struct sql_type *types, uint32_t count,
                               struct sql_aggregate_state **out)
{
    ASSERT(f->aggregate != NULL);
    ASSERT(count == f->arg_count);
    struct sql_aggregate_state *s = ARENA_NEW(e->arena, struct sql_aggregate_state);
    if (s == NULL) return sql_eval_no_memory(e);
    s->arena = e->arena;
    s->function = f;
    if (count > 0) s->type = types[0];
    *out = s;
    return STATUS_OK;
}

enum status sql_aggregate_step(struct sql_eval *e, struct sql_aggregate_state *s,
                               const struct sql_datum *args)
{
    const struct sql_aggregate *a = s->function->aggregate;
    if (!a->counts_nulls && args[0].is_null) return STATUS_OK;
    s->scratch = e->arena;
    e->arena = s->arena;
    enum status status = a->step(e, s, args);
    e->arena = s->scratch;
    s->any = true;
    if (status != STATUS_OK || s->function->arg_count == 0) return status;
    struct sql_datum nothing = SQL_NULL;
    return sql_eval_effort_call(e, &s->type, args, 1, s->type.oid, &nothing);
}

enum status sql_aggregate_final(struct sql_eval *e, struct sql_aggregate_state *s,
                                struct sql_datum *out)
{
    const struct sql_aggregate *a = s->function->aggregate;
    struct sql_datum result = {.is_null = !s->any && !a->counts_nulls};
    enum status status = result.is_null ? STATUS_OK : a->final(e, s, &result);
    if (status == STATUS_OK) *out = result;
    return status;
}

static const struct sql_aggregate
    count_all = {step_count, final_count, true},
    string_of_all = {step_string, final_string, true},
    sum_wide_integer = {step_wide, final_wide_integer, false},
    sum_wide_numeric = {step_wide, final_wide_numeric, false},
    average_wide = {step_wide, final_wide_average, false},
    sum_numeric = {step_numeric, final_numeric_sum, false},
    average_numeric = {step_numeric, final_numeric_average, false},
    sum_real = {step_real, final_real_sum, false},
    average_real = {step_real, final_real_average, false},
    sum_interval = {step_interval, final_interval_sum, false},
    average_interval = {step_interval, final_interval_average, false},
    least = {step_min, final_best, false}, greatest = {step_max, final_best, false},
    all_true = {step_and, final_boolean, false}, any_true = {step_or, final_boolean, false},
    bits_and = {step_bit_and, final_wide_integer, false},
    bits_or = {step_bit_or, final_wide_integer, false},
    variance_sample = {step_numeric_squares, final_variance_sample, false},
    variance_population = {step_numeric_squares, final_variance_population, false},
    deviation_sample = {step_numeric_squares, final_deviation_sample, false},
    deviation_population = {step_numeric_squares, final_deviation_population, false},
    variance_sample_real = {step_real, final_variance_sample, false},
    variance_population_real = {step_real, final_variance_population, false},
    deviation_sample_real = {step_real, final_deviation_sample, false},
    deviation_population_real = {step_real, final_deviation_population, false};

#define T(t) SQL_TYPE_##t
#define AGGREGATE(o, n, r, a, ...) \
    { \
        .oid = (o), .name = (n), .result = SQL_TYPE_##r, .aggregate = &(a), \
        .volatility = SQL_IMMUTABLE, SIGNATURE(__VA_ARGS__) \
    }
#define SAME(o, n, t, a) AGGREGATE(o, n, t, a, SQL_TYPE_##t)
/* OIDs for int8, int4, int2, float4, float8, numeric. */
#define SPREAD(n, i8, i4, i2, f4, f8, num, a) \
    AGGREGATE(i8, n, NUMERIC, a, T(INT8)), AGGREGATE(i4, n, NUMERIC, a, T(INT4)), \
        AGGREGATE(i2, n, NUMERIC, a, T(INT2)), AGGREGATE(f4, n, FLOAT8, a##_real, T(FLOAT4)), \
        AGGREGATE(f8, n, FLOAT8, a##_real, T(FLOAT8)), AGGREGATE(num, n, NUMERIC, a, T(NUMERIC))

static const struct sql_function rows[] = {
    {.oid = 2803,
     .name = "count",
     .result = T(INT8),
     .aggregate = &count_all,
     .volatility = SQL_IMMUTABLE},
    AGGREGATE(2147, "count", INT8, count_all, T(ANY)),
    AGGREGATE(2107, "sum", NUMERIC, sum_wide_numeric, T(INT8)),
    AGGREGATE(2108, "sum", INT8, sum_wide_integer, T(INT4)),
    AGGREGATE(2109, "sum", INT8, sum_wide_integer, T(INT2)),
    SAME(2110, "sum", FLOAT4, sum_real),
    SAME(2111, "sum", FLOAT8, sum_real),
    SAME(2114, "sum", NUMERIC, sum_numeric),
    SAME(2113, "sum", INTERVAL, sum_interval),
    AGGREGATE(2100, "avg", NUMERIC, average_wide, T(INT8)),
    AGGREGATE(2101, "avg", NUMERIC, average_wide, T(INT4)),
    AGGREGATE(2102, "avg", NUMERIC, average_wide, T(INT2)),
    AGGREGATE(2104, "avg", FLOAT8, average_real, T(FLOAT4)),
    SAME(2105, "avg", FLOAT8, average_real),
    SAME(2103, "avg", NUMERIC, average_numeric),
    SAME(2106, "avg", INTERVAL, average_interval),
    SAME(2115, "max", INT8, greatest),
    SAME(2116, "max", INT4, greatest),
    SAME(2117, "max", INT2, greatest),
    SAME(2118, "max", OID, greatest),
    SAME(2119, "max", FLOAT4, greatest),
    SAME(2120, "max", FLOAT8, greatest),
    SAME(2122, "max", DATE, greatest),
    SAME(2123, "max", TIME, greatest),
    SAME(2126, "max", TIMESTAMP, greatest),
    SAME(2127, "max", TIMESTAMPTZ, greatest),
    SAME(2128, "max", INTERVAL, greatest),
    SAME(2129, "max", TEXT, greatest),
    SAME(2130, "max", NUMERIC, greatest),
    SAME(2244, "max", BPCHAR, greatest),
    SAME(2131, "min", INT8, least),
    SAME(2132, "min", INT4, least),
    SAME(2133, "min", INT2, least),
    SAME(2134, "min", OID, least),
    SAME(2135, "min", FLOAT4, least),
    SAME(2136, "min", FLOAT8, least),
    SAME(2138, "min", DATE, least),
    SAME(2139, "min", TIME, least),
    SAME(2142, "min", TIMESTAMP, least),
    SAME(2143, "min", TIMESTAMPTZ, least),
    SAME(2144, "min", INTERVAL, least),
    SAME(2145, "min", TEXT, least),
    SAME(2146, "min", NUMERIC, least),
    SAME(2245, "min", BPCHAR, least),
    SAME(2517, "bool_and", BOOL, all_true),
    SAME(2518, "bool_or", BOOL, any_true),
    SAME(2519, "every", BOOL, all_true),
    SAME(2236, "bit_and", INT2, bits_and),
    SAME(2238, "bit_and", INT4, bits_and),
    SAME(2240, "bit_and", INT8, bits_and),
    SAME(2237, "bit_or", INT2, bits_or),
    SAME(2239, "bit_or", INT4, bits_or),
    SAME(2241, "bit_or", INT8, bits_or),
    AGGREGATE(3538, "string_agg", TEXT, string_of_all, T(TEXT), T(TEXT)),
    AGGREGATE(3545, "string_agg", BYTEA, string_of_all, T(BYTEA), T(BYTEA)),
    SPREAD("variance", 2148, 2149, 2150, 2151, 2152, 2153, variance_sample),
    SPREAD("var_samp", 2641, 2642, 2643, 2644, 2645, 2646, variance_sample),
    SPREAD("var_pop", 2718, 2719, 2720, 2721, 2722, 2723, variance_population),
    SPREAD("stddev", 2154, 2155, 2156, 2157, 2158, 2159, deviation_sample),
    SPREAD("stddev_samp", 2712, 2713, 2714, 2715, 2716, 2717, deviation_sample),
    SPREAD("stddev_pop", 2724, 2725, 2726, 2727, 2728, 2729, deviation_population),
};

const struct function_table function_aggregate_table = {rows, sizeof rows / sizeof rows[0]};
