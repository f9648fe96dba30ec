/* Functions and aggregates: their catalogue, how a call finds one, and how it is evaluated.
 *
 * Resolution is PostgreSQL's (its documentation, chapter 10): an exact match; else the candidates
 * that the arguments can be cast to implicitly, narrowed by exact matches, preferred types and the
 * category of quoted literals; else a call of a type's name is a cast. */
#ifndef OSTRAKA_SQL_FUNCTION_H
#define OSTRAKA_SQL_FUNCTION_H

#include "sql/datum.h"

#define SQL_ARGUMENTS_MAX 100 /* PostgreSQL's FUNC_MAX_ARGS */
#define SQL_SIGNATURE_MAX 7

/* One call. types are those of the arguments after coercion; where a signature says ANY, the actual
 * ones. */
struct sql_call {
    const struct sql_datum *args;
    const struct sql_type *types;
    uint32_t count;
    uint32_t result; /* type of the result */
};
/* *out is a non-null zero when this is called. On failure e->error is set. */
typedef enum status sql_evaluate(struct sql_eval *e, const struct sql_call *call,
                                 struct sql_datum *out);

enum sql_volatility {
    SQL_IMMUTABLE = 'i', /* may be computed while planning */
    SQL_STABLE = 's',    /* the same for one statement */
    SQL_VOLATILE = 'v',
};

struct sql_aggregate;

struct sql_function {
    uint32_t oid; /* pg_proc.oid of PostgreSQL 15 */
    const char *name;
    uint8_t arg_count;     /* of `args`; more may follow a last ANY when variadic */
    bool variadic, strict; /* strict: NULL in, NULL out, not evaluated */
    enum sql_volatility volatility;
    uint32_t result;
    uint32_t args[SQL_SIGNATURE_MAX];
    sql_evaluate *evaluate;                /* NULL for an aggregate */
    const struct sql_aggregate *aggregate; /* NULL for a function */
};

/* What a call means: a function, or a cast to `result` written like one ("int4(x)"). */
struct sql_function_match {
    const struct sql_function *function; /* NULL: cast the only argument explicitly */
    uint32_t result;
};

/* Finds the function that name(types...) calls, and writes to arg_types_out[0 .. count - 1] the
 * type each argument is to be cast to. `name` is in lower case as the lexer gives it. count(*) is
 * count with no arguments. STATUS_NOT_FOUND with 42883 or 42725 otherwise. */
MUST_USE enum status sql_function_resolve(struct arena *arena, struct bytes name,
                                          const uint32_t *types, uint32_t count,
                                          uint32_t *arg_types_out, struct sql_function_match *out,
                                          struct sql_error *error_out);
/* True when there is any function or aggregate of that name. */
bool sql_function_exists(struct bytes name);
const struct sql_function *sql_function_find(uint32_t oid);
/* For pg_proc: NULL past the end. */
const struct sql_function *sql_function_at(size_t index);

/* Evaluates, with strictness. For aggregates see below. */
MUST_USE enum status sql_function_call(struct sql_eval *e, const struct sql_function *f,
                                       const struct sql_call *call, struct sql_datum *out);

/* The one type that CASE, UNION, VALUES, COALESCE, IN and the like give their branches. `construct`
 * is for the message: "CASE". 42804 when the types do not go together. */
MUST_USE enum status sql_type_common(struct arena *arena, const char *construct,
                                     const uint32_t *types, uint32_t count, uint32_t *out,
                                     struct sql_error *error_out);

/* --- Aggregates ------------------------------------------------------------------------------ */

/* One group's state. It lives in the arena of init, which must outlive it, and grows only with the
 * widest number, or the text that string_agg makes: not with the count of rows. */
struct sql_aggregate_state;

/* Creates the state of one group. types are those of the arguments after coercion. */
MUST_USE enum status sql_aggregate_init(struct sql_eval *e, const struct sql_function *f,
                                        const struct sql_type *types, uint32_t count,
                                        struct sql_aggregate_state **out);
/* Takes one row's arguments. DISTINCT, FILTER and ORDER BY are the executor's. e->arena may be one
 * that is reset after every row: the state keeps copies. */
MUST_USE enum status sql_aggregate_step(struct sql_eval *e, struct sql_aggregate_state *state,
                                        const struct sql_datum *args);
/* The result so far; more rows may follow. */
MUST_USE enum status sql_aggregate_final(struct sql_eval *e, struct sql_aggregate_state *state,
                                         struct sql_datum *out);

#endif
