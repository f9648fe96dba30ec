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
    EXPR_OUTER,     /* *slot: a value of the query around this one, or of a subquery's row */
    EXPR_SUBQUERY,  /* args: what it takes from this query, then the comparison of ANY or ALL */
    EXPR_PARAMETER, /* in what is kept of a prepared statement (bindings.h): the value that the execution has for it */
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
    uint32_t parameter;         /* CONST, PARAMETER: the parameter it stands for, from 1; 0: none */
    struct sql_datum value;
    const struct sql_datum *slot;
    struct subquery *subquery;
    const struct sql_operator *op;
    const struct sql_function *function;
    struct expr **args;
    uint32_t arg_count;
    struct sql_type *arg_types; /* OPERATOR, FUNCTION */
    bool items_sorted;          /* IN: the items are constants, ascending, without nulls and duplicates */
    bool has_null_item;         /* IN, when they are: there was a null */
    bool shared;                /* it is kept, and there is nothing to fold: it is not to be changed */
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

/* A column that can be named. */
struct scope_column {
    const char *name;
    struct sql_type type;
    uint32_t index;      /* in the row */
    struct expr *merged; /* of USING: what it is made of; else NULL */
};

/* What can stand in front of a dot, and its columns. */
struct scope_item {
    const char *name;       /* NULL: a join without alias */
    const char *table_name; /* of a table: what the catalog calls it, else NULL */
    struct scope_column *columns;
    uint32_t column_count;
    bool join;              /* a join: its columns are those of other items */
    bool only_qualified;    /* a join has taken its columns over: they need the name in front */
    bool unseen;            /* below a join's alias: there, but not to be named */
    uint32_t blocked;       /* the same, while the other sides of so many joins are bound */
};

/* What names may mean while a query is bound: one table, or the items from first to end. */
struct scope {
    const struct sql_table *table; /* NULL: no FROM, or items */
    const char *alias;             /* what it is called here */
    bool excluded;                 /* its columns stand in the row a second time, behind the first: as `excluded` */
    const struct sql_table *hidden; /* has to do with the statement, but cannot be named here: for hints */
    struct scope_item *items;
    uint32_t first, end, item_count;
};

/* A value that a query takes from the one around it. */
struct outer {
    struct expr *value; /* over the row of the query around */
    struct sql_datum slot;
    struct outer *next;
};

enum bind_columns {
    BIND_COLUMNS_ALLOWED,
    BIND_COLUMNS_NONE,           /* LIMIT: "argument of LIMIT must not contain variables" */
    BIND_COLUMNS_NOT_IN_DEFAULT, /* DEFAULT: "cannot use column reference in DEFAULT expression" */
};

struct cte;
struct exec;

struct binder {
    struct exec *x;             /* NULL: no subqueries here */
    const char *no_subquery;    /* then: what they are refused in */
    struct binder *parent;      /* of the query around, where its names may be used here */
    const struct binder *around; /* of the query around, in any case */
    uint32_t depth;             /* of queries around it */
    struct outer *outers;       /* what is taken from parent; in order */
    uint32_t outer_count;
    struct cte *ctes;           /* of this query's WITH, newest first */
    struct arena *arena;
    struct sql_error *error;
    struct sql_eval *eval;      /* for constants */
    struct parameters *parameters; /* NULL: there are none */
    struct scope scope;
    /* Aggregates: collected when allowed. */
    bool aggregates_allowed, in_aggregate;
    enum bind_columns columns;
    const char *clause;         /* for messages: "WHERE" */
    bool passing;               /* something was bound whose value depends on a setting or the time */
    uint32_t cast_position;     /* of the CAST or :: that is being bound; 0 */
    uint32_t aggregate_position; /* of the aggregate that was bound last */
    struct aggregate *aggregates;
    uint32_t aggregate_count, aggregate_capacity;
};

void binder_init(struct binder *b, struct arena *arena, struct sql_error *error, struct sql_eval *eval);
/* NULL with the error set. Types may be unknown (a bare literal). */
struct expr *bind_expr(struct binder *b, const struct sql_node *node);
/* The same, of a whole clause of the statement: what it was bound to before may have been kept (bindings.h). */
struct expr *bind_expr_kept(struct binder *b, const struct sql_node *node);
/* The same, then cast. `what` names the place for 42804: "column \"a\" is of type integer but expression is of
 * type text" is given for SQL_CAST_ASSIGNMENT, with column as its name. */
struct expr *bind_cast(struct binder *b, struct expr *e, struct sql_type target,
                       enum sql_cast_context context, const char *column);
/* Checks what stands before a column's name or a star: 42P01 when it is not the scope's table. *item_out: the
 * item it means, NULL: the scope's table. */
bool bind_qualifier(struct binder *b, const struct sql_column *c, const struct scope_item **item_out);
/* The expression that a column of the scope stands for. */
struct expr *bind_scope_column(struct binder *b, const struct scope_column *c, uint32_t position);
/* What the query takes from the one around: an expression over its row becomes one of this query. */
struct expr *bind_outer(struct binder *b, struct expr *value);
/* A boolean condition: "argument of WHERE must be type boolean, not type integer". */
struct expr *bind_condition(struct binder *b, const struct sql_node *node, const char *clause);
struct expr *bind_condition_kept(struct binder *b, const struct sql_node *node, const char *clause);
/* Decides bare literals that nothing has decided: they are text. */
struct expr *bind_settle(struct binder *b, struct expr *e);
/* Where the expression begins in the statement, for errors about it as a whole; 0: nowhere. */
uint32_t expr_location(const struct expr *e);
/* Computes what can be computed without a row, once: operators, casts and functions of constants (not volatile
 * ones), and branches of AND, OR, CASE and COALESCE that constants decide. Sorts constant items of IN. In
 * place. False with eval->error set when a computation fails, as it would for every row. Values live in
 * eval->arena. */
bool expr_fold(struct sql_eval *eval, struct expr *e);
/* True when that may change it, parameters being constants that are not null. */
bool expr_may_fold(const struct expr *e);
/* Copies, NULL when the arena is full: to be kept, with EXPR_PARAMETER for each parameter's value; of what was kept, with their
 * values (texts are borrowed) and to be folded. */
struct expr *expr_without_values(struct arena *arena, const struct expr *e);
struct expr *expr_with_values(struct arena *arena, const struct expr *e, const struct sql_datum *values);
bool expr_has_subquery(const struct expr *e);
/* True when the expression calls something volatile. */
bool expr_is_volatile(const struct expr *e);
/* True when the expression reads no column and calls nothing volatile: it may be computed once. */
bool expr_is_constant(const struct expr *e);
bool expr_equal(const struct expr *a, const struct expr *b);
/* Resolves a type's name: false with 42704 or 0A000. */
bool bind_type(struct binder *b, const struct sql_type_name *name, struct sql_type *type_out);
/* What a column of a result is called when nobody says (PostgreSQL's FigureColname). */
const char *bind_column_name(const struct sql_node *node);

/* [fiber] subquery.c: evaluates EXPR_SUBQUERY. */
bool subquery_eval(struct sql_eval *eval, const struct expr *e, const struct sql_datum *row,
                   const struct sql_datum *aggregates, struct sql_datum *out);

/* [fiber] when there are subqueries. row: datums of the scope's columns; aggregates: of the group (NULL where none are). False with the error
 * in eval->error set. */
bool expr_eval(struct sql_eval *eval, const struct expr *e, const struct sql_datum *row,
               const struct sql_datum *aggregates, struct sql_datum *out);

#endif
