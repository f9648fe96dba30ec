/* Operators: catalogue, resolution and evaluation. AND, OR, NOT, IS NULL, IN and BETWEEN are
 * syntax, not operators; LIKE is ~~, ILIKE is ~~*. */
#ifndef OSTRAKA_SQL_OPERATOR_H
#define OSTRAKA_SQL_OPERATOR_H

#include "sql/function.h"

/* What an operator says of the order of its operands: for index conditions. */
enum sql_relation {
    SQL_RELATION_NONE = 0,
    SQL_RELATION_LESS,
    SQL_RELATION_LESS_EQUAL,
    SQL_RELATION_EQUAL,
    SQL_RELATION_GREATER_EQUAL,
    SQL_RELATION_GREATER,
    SQL_RELATION_NOT_EQUAL,
};

struct sql_operator {
    uint32_t oid; /* pg_operator.oid of PostgreSQL 15 */
    const char *name;
    uint32_t left, right, result; /* left 0: a prefix operator */
    enum sql_relation relation;
    sql_evaluate *evaluate;
};

/* Finds the operator and the types its operands are to be cast to (right_out is never 0; left is 0
 * for a prefix operator). STATUS_NOT_FOUND with 42883 or 42725. */
MUST_USE enum status sql_operator_resolve(struct arena *arena, struct bytes name, uint32_t left,
                                          uint32_t right, uint32_t *left_out, uint32_t *right_out,
                                          const struct sql_operator **out,
                                          struct sql_error *error_out);
bool sql_operator_exists(struct bytes name);
const struct sql_operator *sql_operator_find(uint32_t oid);
/* The operator of a relation for two types exactly, or NULL: "=" of a column and its own type. */
const struct sql_operator *sql_operator_of_relation(enum sql_relation relation, uint32_t left,
                                                    uint32_t right);
const struct sql_operator *sql_operator_at(size_t index);

/* a < b is b > a; not a < b is a >= b. */
enum sql_relation sql_relation_swap(enum sql_relation relation);
enum sql_relation sql_relation_negate(enum sql_relation relation);

/* args has one datum for a prefix operator, else two; types likewise, after coercion. All operators
 * are strict. */
MUST_USE enum status sql_operator_call(struct sql_eval *e, const struct sql_operator *op,
                                       const struct sql_type *types, const struct sql_datum *args,
                                       struct sql_datum *out);

/* Order of two values whose types may differ where PostgreSQL compares them directly: the integers
 * among themselves, the floats, date and the timestamps, text and name. */
int sql_compare_across(struct sql_eval *e, uint32_t left, const struct sql_datum *a, uint32_t right,
                       const struct sql_datum *b);

#endif
