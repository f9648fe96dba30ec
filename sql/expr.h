/* Expressions after binding: names resolved, types known, casts explicit. Evaluation is a walk over the
 * tree with a row of datums. */
#ifndef OSTRAKA_SQL_EXPR_H
#define OSTRAKA_SQL_EXPR_H

#include "sql/ast.h"
#include "sql/cast.h"
#include "sql/catalog.h"
#include "sql/function.h"
#include "sql/operator.h"

enum expr_kind {
    EXPR_CONST,
    EXPR_COLUMN,    /* index into the row */
    EXPR_OPERATOR,
    EXPR_FUNCTION,
    EXPR_CAST,
    EXPR_AND,
    EXPR_OR,
    EXPR_NOT,
    EXPR_IS,        /* test, negated */
    EXPR_DISTINCT,  /* IS [NOT] DISTINCT FROM */
    EXPR_CASE,      /* args: condition, result, ..., otherwise (always present) */
    EXPR_COALESCE,
    EXPR_NULLIF,    /* args: value, comparison of both */
    EXPR_IN,        /* args: value, items; all of one type that can_be_key */
    EXPR_EXTREME,   /* GREATEST, or LEAST when negated */
    EXPR_AGGREGATE, /* index into the aggregates of the query; the row is one of groups */
};

/* The parameters of a prepared statement, $1 and up. While it is described their types are decided by their
 * first use and there are no values; when it runs, both are known. */
struct parameters {
    uint32_t count;
    uint32_t *types;                /* SQL_TYPE_UNKNOWN: not decided yet */
    const struct sql_datum *values; /* NULL while described */
    uint32_t capacity;              /* described: types grow in arena as numbers are met */
    struct arena *arena;
};
#define PARAMETERS_MAX 65535 /* Bind counts them in two bytes */

struct expr {
    enum expr_kind kind;
    struct sql_type type;
    uint32_t position;
    bool negated;
    enum sql_is_test test;
    uint32_t index;
    enum sql_cast_context context;
    uint32_t parameter;         /* CONST: the parameter it stands for, from 1; 0: none */
    struct sql_datum value;
    const struct sql_operator *op;
    const struct sql_function *function;
    struct expr **args;
    uint32_t arg_count;
    struct sql_type *arg_types; /* OPERATOR, FUNCTION */
    bool items_sorted;          /* IN: the items are constants, ascending, without nulls and duplicates */
    bool has_null_item;         /* IN, when they are: there was a null */
};

/* An aggregate call of a query. */
struct aggregate {
    const struct sql_function *function;
    struct expr **args; /* over the input row */
    struct sql_type *types;
    uint32_t arg_count;
    bool distinct;
    struct expr *filter;
};

/* What names may mean while a query is bound. */
struct scope {
    const struct sql_table *table; /* NULL: no FROM */
    const char *alias;             /* what it is called here */
    bool excluded;                 /* its columns stand in the row a second time, behind the first: as `excluded` */
    const struct sql_table *hidden; /* has to do with the statement, but cannot be named here: for hints */
};

enum bind_columns {
    BIND_COLUMNS_ALLOWED,
    BIND_COLUMNS_NONE,           /* LIMIT: "argument of LIMIT must not contain variables" */
    BIND_COLUMNS_NOT_IN_DEFAULT, /* DEFAULT: "cannot use column reference in DEFAULT expression" */
};

struct binder {
    struct arena *arena;
    struct sql_error *error;
    struct sql_eval *eval;      /* for constants */
    struct parameters *parameters; /* NULL: there are none */
    struct scope scope;
    /* Aggregates: collected when allowed. */
    bool aggregates_allowed, in_aggregate;
    enum bind_columns columns;
    const char *clause;         /* for messages: "WHERE" */
    uint32_t cast_position;     /* of the CAST or :: that is being bound; 0 */
    uint32_t aggregate_position; /* of the aggregate that was bound last */
    struct aggregate *aggregates;
    uint32_t aggregate_count, aggregate_capacity;
};

void binder_init(struct binder *b, struct arena *arena, struct sql_error *error, struct sql_eval *eval);
/* NULL with the error set. Types may be unknown (a bare literal). */
struct expr *bind_expr(struct binder *b, const struct sql_node *node);
/* The same, then cast. `what` names the place for 42804: "column \"a\" is of type integer but expression is of
 * type text" is given for SQL_CAST_ASSIGNMENT, with column as its name. */
struct expr *bind_cast(struct binder *b, struct expr *e, struct sql_type target,
                       enum sql_cast_context context, const char *column);
/* Checks what stands before a column's name or a star: 42P01 when it is not the scope's table. */
bool bind_qualifier(struct binder *b, const struct sql_column *c);
/* A boolean condition: "argument of WHERE must be type boolean, not type integer". */
struct expr *bind_condition(struct binder *b, const struct sql_node *node, const char *clause);
/* Decides bare literals that nothing has decided: they are text. */
struct expr *bind_settle(struct binder *b, struct expr *e);
/* Where the expression begins in the statement, for errors about it as a whole; 0: nowhere. */
uint32_t expr_location(const struct expr *e);
/* Computes what can be computed without a row, once: operators, casts and functions of constants (not volatile
 * ones), and branches of AND, OR, CASE and COALESCE that constants decide. Sorts constant items of IN. In
 * place. False with eval->error set when a computation fails, as it would for every row. Values live in
 * eval->arena. */
bool expr_fold(struct sql_eval *eval, struct expr *e);
/* True when the expression reads no column and calls nothing volatile: it may be computed once. */
bool expr_is_constant(const struct expr *e);
bool expr_equal(const struct expr *a, const struct expr *b);
/* Resolves a type's name: false with 42704 or 0A000. */
bool bind_type(struct binder *b, const struct sql_type_name *name, struct sql_type *type_out);
/* What a column of a result is called when nobody says (PostgreSQL's FigureColname). */
const char *bind_column_name(const struct sql_node *node);

/* row: datums of the scope's columns; aggregates: of the group (NULL where none are). False with the error
 * in eval->error set. */
bool expr_eval(struct sql_eval *eval, const struct expr *e, const struct sql_datum *row,
               const struct sql_datum *aggregates, struct sql_datum *out);

#endif
