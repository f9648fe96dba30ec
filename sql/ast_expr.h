/* Part of sql/ast.h: nodes, names, types and expressions. */
#ifndef OSTRAKA_SQL_AST_EXPR_H
#define OSTRAKA_SQL_AST_EXPR_H

#include "base/assert.h"
#include "base/bytes.h"

#define SQL_NESTING_MAX 500

enum sql_node_kind {
    SQL_NODE_NONE = 0,
    /* Expressions. */
    SQL_EXPR_CONST = 1,
    SQL_EXPR_PARAM,
    SQL_EXPR_COLUMN,
    SQL_EXPR_DEFAULT, /* struct sql_node: the word DEFAULT */
    SQL_EXPR_OPERATOR,
    SQL_EXPR_AND, /* struct sql_expr_list, at least two */
    SQL_EXPR_OR,  /* the same */
    SQL_EXPR_NOT, /* struct sql_expr_unary */
    SQL_EXPR_IS,
    SQL_EXPR_IS_DISTINCT,
    SQL_EXPR_IN,
    SQL_EXPR_BETWEEN,
    SQL_EXPR_LIKE,
    SQL_EXPR_QUANTIFIED,
    SQL_EXPR_CASE,
    SQL_EXPR_CAST,
    SQL_EXPR_COLLATE,
    SQL_EXPR_CALL,
    SQL_EXPR_COALESCE, /* struct sql_expr_list */
    SQL_EXPR_GREATEST, /* the same */
    SQL_EXPR_LEAST,    /* the same */
    SQL_EXPR_NULLIF,   /* struct sql_expr_list of two */
    SQL_EXPR_ARRAY,    /* struct sql_expr_list: ARRAY[..]; nested ones are items */
    SQL_EXPR_ROW,
    SQL_EXPR_SUBQUERY,
    SQL_EXPR_INDIRECTION,
    SQL_EXPR_VALUE_FUNCTION,
    SQL_EXPR_GROUPING,     /* struct sql_expr_list: GROUPING(a, b) */
    SQL_EXPR_GROUPING_SET, /* only in GROUP BY */
    /* What FROM is made of. */
    SQL_FROM_TABLE = 64,
    SQL_FROM_SUBQUERY,
    SQL_FROM_FUNCTION,
    SQL_FROM_JOIN,
    /* Statements. */
    SQL_STMT_SELECT = 128, /* struct sql_select, also VALUES and TABLE; as a subquery too */
    SQL_STMT_INSERT,
    SQL_STMT_UPDATE,
    SQL_STMT_DELETE,
    SQL_STMT_COPY,
    SQL_STMT_CREATE_TABLE,
    SQL_STMT_CREATE_TABLE_AS,
    SQL_STMT_CREATE_INDEX,
    SQL_STMT_CREATE_SEQUENCE,
    SQL_STMT_CREATE_VIEW,
    SQL_STMT_CREATE_SCHEMA,
    SQL_STMT_CREATE_DATABASE,
    SQL_STMT_CREATE_ROLE,
    SQL_STMT_ALTER_TABLE,
    SQL_STMT_ALTER_SEQUENCE,
    SQL_STMT_ALTER_ROLE,
    SQL_STMT_RENAME,
    SQL_STMT_DROP,
    SQL_STMT_TRUNCATE,
    SQL_STMT_GRANT,
    SQL_STMT_TRANSACTION,
    SQL_STMT_SET,
    SQL_STMT_SET_TRANSACTION,
    SQL_STMT_SHOW,
    SQL_STMT_SHOW_RANGES,
    SQL_STMT_EXPLAIN,
    SQL_STMT_PREPARE,
    SQL_STMT_EXECUTE,
    SQL_STMT_DEALLOCATE,
    SQL_STMT_DECLARE_CURSOR,
    SQL_STMT_FETCH,
    SQL_STMT_CLOSE,
    SQL_STMT_DISCARD,
    SQL_STMT_VACUUM,
    SQL_STMT_LISTEN,
    SQL_STMT_NOTIFY,
    SQL_STMT_UNLISTEN,
    SQL_STMT_LOCK,
    SQL_STMT_ALTER_CLUSTER,
    SQL_STMT_ALTER_SYSTEM,
    SQL_STMT_UNSUPPORTED,
};

struct sql_node {
    uint16_t kind;     /* enum sql_node_kind */
    uint16_t reserved; /* 0 */
    uint32_t position;
};

struct sql_list {
    const struct sql_node *const *items;
    uint32_t count;
};

/* Names without qualifiers, in order: lists of columns, grantees. */
struct sql_name_list {
    const char *const *items;
    uint32_t count;
};

/* A name that may be qualified. */
struct sql_name {
    const char *catalog, *schema; /* NULL when not written */
    const char *name;
    uint32_t position;
};

struct sql_names {
    const struct sql_name *items;
    uint32_t count;
};

/* A type as written. Types that have grammar of their own come by their pg_catalog names: INT is
 * pg_catalog.int4, CHAR(3) pg_catalog.bpchar with modifier 3, DOUBLE PRECISION pg_catalog.float8,
 * TIMESTAMP WITH TIME ZONE pg_catalog.timestamptz, DECIMAL pg_catalog.numeric. CHAR and BIT without
 * a length have modifier 1. */
struct sql_type_name {
    struct sql_name name;
    struct sql_list modifiers;   /* of INTERVAL: the precision */
    const int32_t *array_bounds; /* one per dimension, -1 where no bound was written */
    uint32_t array_bound_count;  /* 0: not an array */
    uint16_t interval_fields;    /* SQL_INTERVAL_*; 0: not restricted */
    bool setof;
};

enum {
    SQL_INTERVAL_MONTH = 1 << 1, /* PostgreSQL's INTERVAL_MASK bits */
    SQL_INTERVAL_YEAR = 1 << 2,
    SQL_INTERVAL_DAY = 1 << 3,
    SQL_INTERVAL_HOUR = 1 << 10,
    SQL_INTERVAL_MINUTE = 1 << 11,
    SQL_INTERVAL_SECOND = 1 << 12,
};

/* `name = value` in WITH (...), EXPLAIN (...), COPY ... (...) and the like. */
struct sql_option {
    const char *name_space; /* of `toast.fillfactor`, else NULL */
    const char *name;
    const struct sql_node *value; /* an expression: constants mostly. NULL: none was written */
    struct sql_list
        values; /* of a parenthesised list of columns (constants); `*` is SQL_EXPR_COLUMN */
    uint32_t position;
};

struct sql_options {
    const struct sql_option *items;
    uint32_t count;
};

/* --- Expressions --- */

enum sql_const_type {
    SQL_CONST_NULL = 1,
    SQL_CONST_BOOL,    /* integer is 0 or 1 */
    SQL_CONST_INTEGER, /* integer; int4 when it fits, else int8 */
    SQL_CONST_NUMBER,  /* text: digits with point or exponent, or too many for 64 bits; may start
                          with - */
    SQL_CONST_STRING,  /* text; of unknown type until resolved */
    SQL_CONST_BIT,     /* text: what stood between the quotes of b'' */
    SQL_CONST_HEX,     /* the same of x'' */
};

struct sql_const {
    struct sql_node node;
    enum sql_const_type type;
    uint32_t text_size;
    int64_t integer;
    const char *text; /* NUL behind it, none in it */
};

struct sql_param {
    struct sql_node node;
    uint32_t number; /* 1 to SQL_PARAM_MAX */
};

/* a, t.a, s.t.a, t.*, or * alone (no names). */
struct sql_column {
    struct sql_node node;
    struct sql_name_list names;
    bool star;
};

/* A prefix operator has no left. != comes as <>. */
struct sql_operator_expr {
    struct sql_node node;
    const char *schema; /* of OPERATOR(schema.=), else NULL */
    const char *name;
    const struct sql_node *left, *right;
};

struct sql_expr_list {
    struct sql_node node;
    struct sql_list list;
};

struct sql_expr_unary {
    struct sql_node node;
    const struct sql_node *arg;
};

enum sql_is_test { SQL_IS_NULL = 1, SQL_IS_TRUE, SQL_IS_FALSE, SQL_IS_UNKNOWN };

/* arg IS [NOT] test; also ISNULL and NOTNULL. */
struct sql_is {
    struct sql_node node;
    enum sql_is_test test;
    bool negated;
    const struct sql_node *arg;
};

struct sql_is_distinct {
    struct sql_node node;
    bool negated; /* IS NOT DISTINCT FROM */
    const struct sql_node *left, *right;
};

/* left [NOT] IN (list), or IN (subquery): then list is empty. */
struct sql_in {
    struct sql_node node;
    bool negated;
    const struct sql_node *left;
    struct sql_list list;
    const struct sql_select *subquery;
};

struct sql_between {
    struct sql_node node;
    bool negated, symmetric;
    const struct sql_node *arg, *low, *high;
};

enum sql_like_kind { SQL_LIKE = 1, SQL_ILIKE, SQL_SIMILAR_TO };

struct sql_like {
    struct sql_node node;
    enum sql_like_kind like;
    bool negated;
    const struct sql_node *left, *pattern;
    const struct sql_node *escape; /* NULL: none was written */
};

/* left operator ANY (array), ALL (array), ANY (subquery), ALL (subquery). LIKE and its kin come as
 * the operators ~~, !~~, ~~*, !~~*. */
struct sql_quantified {
    struct sql_node node;
    const char *schema, *name; /* of the operator */
    bool all;
    const struct sql_node *left;
    const struct sql_node *array; /* exactly one of these */
    const struct sql_select *subquery;
};

struct sql_when {
    const struct sql_node *condition, *result;
};

struct sql_case {
    struct sql_node node;
    const struct sql_node *arg; /* NULL: CASE WHEN condition */
    const struct sql_when *whens;
    uint32_t when_count; /* at least 1 */
    const struct sql_node *otherwise;
};

/* CAST(arg AS type), arg::type, and type 'literal'. */
struct sql_cast {
    struct sql_node node;
    const struct sql_node *arg;
    struct sql_type_name type;
};

struct sql_collate {
    struct sql_node node;
    const struct sql_node *arg;
    struct sql_name collation;
};

struct sql_sort {
    const struct sql_node *expr;
    bool descending, nulls_first, nulls_last;
    struct sql_name using_operator; /* name NULL: none */
};

struct sql_sorts {
    const struct sql_sort *items;
    uint32_t count;
};

enum sql_frame_mode { SQL_FRAME_NONE = 0, SQL_FRAME_RANGE, SQL_FRAME_ROWS, SQL_FRAME_GROUPS };
enum sql_frame_bound {
    SQL_FRAME_UNBOUNDED_PRECEDING = 1,
    SQL_FRAME_OFFSET_PRECEDING,
    SQL_FRAME_CURRENT_ROW,
    SQL_FRAME_OFFSET_FOLLOWING,
    SQL_FRAME_UNBOUNDED_FOLLOWING,
};
enum sql_frame_exclusion {
    SQL_FRAME_EXCLUDE_NO_OTHERS = 0,
    SQL_FRAME_EXCLUDE_CURRENT_ROW,
    SQL_FRAME_EXCLUDE_GROUP,
    SQL_FRAME_EXCLUDE_TIES,
};

struct sql_window {
    const char *name;      /* in WINDOW name AS (...), and OVER name */
    const char *base_name; /* in OVER (base_name ...) */
    struct sql_list partition_by;
    struct sql_sorts order_by;
    enum sql_frame_mode frame_mode;
    enum sql_frame_bound frame_start, frame_end; /* without BETWEEN the end is CURRENT_ROW */
    const struct sql_node *frame_start_offset, *frame_end_offset;
    enum sql_frame_exclusion frame_exclusion;
    uint32_t position;
};

/* Function calls, and the constructs that PostgreSQL makes calls of pg_catalog functions:
 * EXTRACT(f FROM x) is extract('f', x), POSITION(a IN b) position(b, a), SUBSTRING(s FROM a FOR b)
 * substring(s, a, b), OVERLAY(..) overlay(..), TRIM(LEADING c FROM s) ltrim(s, c), TRAILING rtrim,
 * BOTH btrim, x AT TIME ZONE z timezone(z, x), (a, b) OVERLAPS (c, d) overlaps(a, b, c, d),
 * COLLATION FOR (x) pg_collation_for(x), SUBSTRING(s SIMILAR p ESCAPE e) substring(s, p, e),
 * NORMALIZE(s, NFC) normalize(s, 'NFC'), x IS NFC NORMALIZED is_normalized(x, 'NFC'). */
struct sql_call_expr {
    struct sql_node node;
    struct sql_name name;
    struct sql_list args;
    const char *const *arg_names; /* NULL, or per argument the name of `name => value` or NULL */
    bool star;                    /* count(*) */
    bool distinct;
    bool variadic;     /* the last argument */
    bool within_group; /* order_by is WITHIN GROUP's */
    struct sql_sorts order_by;
    const struct sql_node *filter;
    const struct sql_window *over;
};

struct sql_row {
    struct sql_node node;
    struct sql_list fields;
    bool explicit_row; /* ROW(..), not (.., ..) */
};

enum sql_subquery_kind { SQL_SUBQUERY_SCALAR = 1, SQL_SUBQUERY_EXISTS, SQL_SUBQUERY_ARRAY };

struct sql_subquery {
    struct sql_node node;
    enum sql_subquery_kind subquery;
    const struct sql_select *query;
};

enum sql_step_kind { SQL_STEP_FIELD = 1, SQL_STEP_STAR, SQL_STEP_SUBSCRIPT, SQL_STEP_SLICE };

/* .field, .*, [index] (in low), [low:high] (either may be NULL). */
struct sql_step {
    enum sql_step_kind kind;
    uint32_t position;
    const char *field;
    const struct sql_node *low, *high;
};

struct sql_steps {
    const struct sql_step *items;
    uint32_t count;
};

struct sql_indirection {
    struct sql_node node;
    const struct sql_node *arg;
    struct sql_steps steps; /* at least one */
};

enum sql_value_function {
    SQL_VALUE_CURRENT_DATE = 1,
    SQL_VALUE_CURRENT_TIME,
    SQL_VALUE_CURRENT_TIMESTAMP,
    SQL_VALUE_LOCALTIME,
    SQL_VALUE_LOCALTIMESTAMP,
    SQL_VALUE_CURRENT_ROLE,
    SQL_VALUE_CURRENT_USER,
    SQL_VALUE_USER,
    SQL_VALUE_SESSION_USER,
    SQL_VALUE_CURRENT_CATALOG,
    SQL_VALUE_CURRENT_SCHEMA,
};

struct sql_value_function_expr {
    struct sql_node node;
    enum sql_value_function function;
    int32_t precision; /* -1: none */
};

enum sql_grouping_kind {
    SQL_GROUPING_EMPTY = 1, /* () */
    SQL_GROUPING_ROLLUP,
    SQL_GROUPING_CUBE,
    SQL_GROUPING_SETS,
};

struct sql_grouping_set {
    struct sql_node node;
    enum sql_grouping_kind grouping;
    struct sql_list items;
};

#endif
