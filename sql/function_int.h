/* The parts of the catalogue, and resolution, for sql/function*.c and sql/operator*.c. */
#ifndef OSTRAKA_SQL_FUNCTION_INT_H
#define OSTRAKA_SQL_FUNCTION_INT_H

#include "base/assert.h"
#include "sql/cast.h"
#include "sql/function.h"
#include "sql/operator.h"

#define EVALUATE(name) \
    static enum status name(__attribute__((unused)) struct sql_eval *e, \
                            __attribute__((unused)) const struct sql_call *call, \
                            __attribute__((unused)) struct sql_datum *out)

/* A row of a function table: F(oid, "name", result, strict and volatility, evaluate, arguments...).
 */
#define SIGNATURE(...) \
    .args = {__VA_ARGS__}, .arg_count = sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)
#define FUNCTION(o, n, r, f, ...) \
    { \
        .oid = (o), .name = (n), .result = SQL_TYPE_##r, .evaluate = (f), .strict = true, \
        .volatility = SQL_IMMUTABLE, SIGNATURE(__VA_ARGS__) \
    }

struct function_table {
    const struct sql_function *rows;
    size_t count;
};
/* Each defined in the file of its name. */
extern const struct function_table function_math_table, function_string_table, function_code_table,
    function_time_table, function_system_table, function_ostraka_table, function_aggregate_table,
    function_regex_table, function_format_table, function_hash_table, function_trig_table, function_session_table, function_format_text_table,
    function_read_date_table;
struct operator_table {
    const struct sql_operator *rows;
    size_t count;
    const char *first; /* the characters that their names begin with */
};
extern const struct operator_table operator_compare_table, operator_arith_table,
    operator_time_table, operator_text_table;

/* --- Resolution ------------------------------------------------------------------------------ */

#define CANDIDATES_MAX 128

struct candidate {
    const uint32_t *args; /* the last is repeated when there are fewer than arguments */
    uint32_t arg_count;
    const void *item;
};
struct candidates {
    struct candidate list[CANDIDATES_MAX];
    uint32_t count;
};

static inline uint32_t candidate_type(const struct candidate *c, uint32_t i)
{
    ASSERT(c->arg_count > 0);
    return c->args[i < c->arg_count ? i : c->arg_count - 1];
}

/* Narrows the candidates, all of which take `count` arguments, to the one that is called: 1. 0:
 * none can be. More: ambiguous. */
uint32_t candidates_select(struct candidates *c, const uint32_t *types, uint32_t count);
/* "integer, text" */
const char *describe_types(struct arena *arena, const uint32_t *types, uint32_t count);

#endif
