/* The syntax tree of SQL statements, as the parser leaves it: PostgreSQL 15's grammar, nothing resolved.
 *
 * Everything lies in the arena handed to sql_parse, is never changed afterwards and dies with the arena;
 * texts may also be constant. A node is a struct that begins with `struct sql_node`, whose kind says
 * which; sql_as_NAME(node) casts with a check. A pointer or text is NULL, and an array has count 0 (and
 * any pointer), when the part was not written. Names are as PostgreSQL would store them: folded,
 * unquoted, at most 63 bytes, no NUL.
 *
 * position is the 1-based character where the construct starts in the whole text (that of the operator
 * for an infix expression, as PostgreSQL reports it): what sql_error_set takes. 0: none.
 *
 * The tree is at most about SQL_NESTING_MAX levels of expressions, queries and joins high, so consumers
 * may recurse. AND and OR take a list each and do not count per operand. */
#ifndef OSTRAKA_SQL_AST_H
#define OSTRAKA_SQL_AST_H

#include "base/assert.h"
#include "base/buf.h"
#include "base/bytes.h"

#define SQL_NESTING_MAX 500

enum sql_node_kind {
    SQL_NODE_NONE = 0,
    /* Expressions. */
    SQL_EXPR_CONST = 1,
    SQL_EXPR_PARAM,
    SQL_EXPR_COLUMN,
    SQL_EXPR_DEFAULT,      /* struct sql_node: the word DEFAULT */
    SQL_EXPR_OPERATOR,
    SQL_EXPR_AND,          /* struct sql_expr_list, at least two */
    SQL_EXPR_OR,           /* the same */
    SQL_EXPR_NOT,          /* struct sql_expr_unary */
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
    SQL_EXPR_COALESCE,     /* struct sql_expr_list */
    SQL_EXPR_GREATEST,     /* the same */
    SQL_EXPR_LEAST,        /* the same */
    SQL_EXPR_NULLIF,       /* struct sql_expr_list of two */
    SQL_EXPR_ARRAY,        /* struct sql_expr_list: ARRAY[..]; nested ones are items */
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

/* Names for one thing, in order: column lists, aliases' columns, FOR UPDATE OF is of sql_name. */
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
 * TIMESTAMP WITH TIME ZONE pg_catalog.timestamptz, DECIMAL pg_catalog.numeric. CHAR and BIT without a
 * length have modifier 1. */
struct sql_type_name {
    struct sql_name name;
    struct sql_list modifiers;    /* of INTERVAL: the precision */
    const int32_t *array_bounds;  /* one per dimension, -1 where no bound was written */
    uint32_t array_bound_count;   /* 0: not an array */
    uint16_t interval_fields;     /* SQL_INTERVAL_*; 0: not restricted */
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
    struct sql_list values;       /* of a parenthesised list of columns (constants); `*` is SQL_EXPR_COLUMN */
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
    SQL_CONST_NUMBER,  /* text: digits with point or exponent, or too many for 64 bits; may start with - */
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

/* left operator ANY (array), ALL (array), ANY (subquery), ALL (subquery). LIKE and its kin come as the
 * operators ~~, !~~, ~~*, !~~*. */
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
    bool variadic;                /* the last argument */
    bool within_group;            /* order_by is WITHIN GROUP's */
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

/* --- FROM --- */

struct sql_alias {
    const char *name; /* NULL: no alias */
    struct sql_name_list columns;
};

struct sql_from_table {
    struct sql_node node;
    struct sql_name name;
    bool only;
    struct sql_alias alias;
};

struct sql_from_subquery {
    struct sql_node node;
    bool lateral;
    const struct sql_select *query;
    struct sql_alias alias; /* its name is never NULL */
};

struct sql_column_definition;
struct sql_from_function {
    struct sql_node node;
    bool lateral, ordinality;
    const struct sql_node *call; /* SQL_EXPR_CALL, or what else PostgreSQL lets stand for one */
    struct sql_alias alias;
    const struct sql_column_definition *columns; /* AS alias (name type, ...): no constraints */
    uint32_t column_count;
};

enum sql_join_type { SQL_JOIN_INNER = 1, SQL_JOIN_LEFT, SQL_JOIN_RIGHT, SQL_JOIN_FULL, SQL_JOIN_CROSS };

struct sql_from_join {
    struct sql_node node;
    enum sql_join_type join;
    bool natural;
    const struct sql_node *left, *right;
    struct sql_name_list using_columns;
    const char *using_alias;
    const struct sql_node *on;
    struct sql_alias alias; /* of (a JOIN b ...) AS alias */
};

/* --- Queries --- */

struct sql_target {
    const struct sql_node *expr;
    const char *alias; /* NULL: none was written */
    uint32_t position;
};

struct sql_targets {
    const struct sql_target *items;
    uint32_t count;
};

enum sql_materialized { SQL_MATERIALIZED_DEFAULT = 0, SQL_MATERIALIZED, SQL_NOT_MATERIALIZED };

struct sql_cte {
    const char *name;
    struct sql_name_list columns;
    enum sql_materialized materialized;
    const struct sql_node *statement; /* SELECT, INSERT, UPDATE or DELETE */
    uint32_t position;
};

struct sql_with {
    bool recursive;
    const struct sql_cte *ctes;
    uint32_t count; /* 0: no WITH */
    uint32_t position;
};

enum sql_lock_strength {
    SQL_LOCK_FOR_KEY_SHARE = 1,
    SQL_LOCK_FOR_SHARE,
    SQL_LOCK_FOR_NO_KEY_UPDATE,
    SQL_LOCK_FOR_UPDATE,
};
enum sql_lock_wait { SQL_LOCK_WAIT = 0, SQL_LOCK_NOWAIT, SQL_LOCK_SKIP_LOCKED };

struct sql_locking {
    enum sql_lock_strength strength;
    enum sql_lock_wait wait;
    struct sql_names tables; /* empty: all */
    uint32_t position;
};

enum sql_select_op {
    SQL_SELECT_PLAIN = 1, /* targets, from, ..., windows; TABLE t is SELECT * FROM t */
    SQL_SELECT_VALUES,    /* rows */
    SQL_SELECT_UNION,     /* left, right, all; so the next two */
    SQL_SELECT_INTERSECT,
    SQL_SELECT_EXCEPT,
};

struct sql_select {
    struct sql_node node;
    enum sql_select_op op;
    struct sql_with with;
    /* Plain. */
    bool distinct;
    struct sql_list distinct_on; /* of DISTINCT ON (..) */
    struct sql_targets targets;
    struct sql_list from;
    const struct sql_node *as_of; /* AS OF SYSTEM TIME expr, an extension */
    const struct sql_node *where;
    bool group_distinct;
    struct sql_list group_by;
    const struct sql_node *having;
    const struct sql_window *windows;
    uint32_t window_count;
    /* VALUES: all rows have as many items as the parser saw in each; the binder compares. */
    const struct sql_list *rows;
    uint32_t row_count;
    /* Set operations. */
    bool all;
    const struct sql_select *left, *right;
    /* Any. */
    struct sql_sorts order_by;
    const struct sql_node *limit; /* NULL: none, or LIMIT ALL */
    const struct sql_node *offset;
    bool with_ties;
    const struct sql_locking *locking;
    uint32_t locking_count;
};

/* --- INSERT, UPDATE, DELETE, COPY --- */

/* A column that is assigned to, perhaps a part of it. */
struct sql_set_target {
    const char *column;
    struct sql_steps steps;
    uint32_t position;
};

/* column = expr, or (columns) = expr where expr is a row or a subquery. */
struct sql_set_clause {
    const struct sql_set_target *targets;
    uint32_t target_count;
    bool multiple; /* written with parentheses */
    const struct sql_node *expr;
};

struct sql_set_clauses {
    const struct sql_set_clause *items;
    uint32_t count;
};

/* A column or expression with its index properties. */
struct sql_index_element {
    const char *column;          /* or */
    const struct sql_node *expr; /* exactly one is not NULL */
    struct sql_name collation, operator_class; /* name NULL: none */
    struct sql_options operator_class_options;
    bool ascending, descending, nulls_first, nulls_last; /* as written */
    uint32_t position;
};

struct sql_index_elements {
    const struct sql_index_element *items;
    uint32_t count;
};

enum sql_conflict_action { SQL_CONFLICT_NONE = 0, SQL_CONFLICT_NOTHING, SQL_CONFLICT_UPDATE };

struct sql_on_conflict {
    enum sql_conflict_action action; /* NONE: no ON CONFLICT */
    struct sql_index_elements elements;
    const struct sql_node *elements_where;
    const char *constraint; /* ON CONSTRAINT name */
    struct sql_set_clauses set;
    const struct sql_node *where;
    uint32_t position;
};

enum sql_overriding { SQL_OVERRIDING_NONE = 0, SQL_OVERRIDING_USER, SQL_OVERRIDING_SYSTEM };

struct sql_insert {
    struct sql_node node;
    struct sql_with with;
    struct sql_name table;
    const char *alias;
    const struct sql_set_target *columns;
    uint32_t column_count; /* 0: all */
    enum sql_overriding overriding;
    const struct sql_select *source; /* NULL: DEFAULT VALUES */
    struct sql_on_conflict on_conflict;
    struct sql_targets returning;
};

struct sql_update {
    struct sql_node node;
    struct sql_with with;
    struct sql_name table;
    bool only;
    const char *alias;
    struct sql_set_clauses set;
    struct sql_list from;
    const struct sql_node *where;
    struct sql_targets returning;
};

struct sql_delete {
    struct sql_node node;
    struct sql_with with;
    struct sql_name table;
    bool only;
    const char *alias;
    struct sql_list using_from;
    const struct sql_node *where;
    struct sql_targets returning;
};

/* Both option syntaxes give the same options: format ('csv', 'binary', 'text'), delimiter, null, header,
 * quote, escape, encoding, freeze, force_quote, force_not_null, force_null (with lists of columns). */
struct sql_copy {
    struct sql_node node;
    struct sql_name table;         /* name NULL: a query */
    const struct sql_node *query;  /* SELECT, or INSERT, UPDATE, DELETE with RETURNING */
    struct sql_name_list columns;  /* empty: all */
    bool from;                     /* FROM, else TO */
    bool program;
    const char *file; /* NULL: STDIN or STDOUT */
    struct sql_options options;
    const struct sql_node *where;
};

/* --- Definitions --- */

enum sql_persistence { SQL_PERMANENT = 1, SQL_TEMPORARY, SQL_UNLOGGED };

enum sql_constraint_kind {
    SQL_CONSTRAINT_NOT_NULL = 1,
    SQL_CONSTRAINT_NULL,
    SQL_CONSTRAINT_DEFAULT,   /* expr */
    SQL_CONSTRAINT_CHECK,     /* expr */
    SQL_CONSTRAINT_PRIMARY_KEY,
    SQL_CONSTRAINT_UNIQUE,
    SQL_CONSTRAINT_FOREIGN_KEY,
    SQL_CONSTRAINT_IDENTITY,  /* GENERATED {ALWAYS | BY DEFAULT} AS IDENTITY */
    SQL_CONSTRAINT_GENERATED, /* GENERATED ALWAYS AS (expr) STORED */
};
enum sql_match { SQL_MATCH_SIMPLE = 0, SQL_MATCH_PARTIAL, SQL_MATCH_FULL };
enum sql_reference_action {
    SQL_REFERENCE_NO_ACTION = 0,
    SQL_REFERENCE_RESTRICT,
    SQL_REFERENCE_CASCADE,
    SQL_REFERENCE_SET_NULL,
    SQL_REFERENCE_SET_DEFAULT,
};

struct sql_constraint {
    enum sql_constraint_kind kind;
    uint32_t position;
    const char *name; /* CONSTRAINT name, else NULL */
    const struct sql_node *expr;
    struct sql_name_list columns; /* of a table constraint; empty for a column's own */
    /* PRIMARY KEY and UNIQUE. */
    struct sql_name_list include;
    bool nulls_not_distinct;
    struct sql_options options;  /* WITH (..); of IDENTITY: the sequence's */
    const char *tablespace, *using_index;
    /* FOREIGN KEY. */
    struct sql_name references;
    struct sql_name_list reference_columns;
    enum sql_match match;
    enum sql_reference_action on_delete, on_update;
    struct sql_name_list on_delete_columns; /* SET NULL (a, b) */
    bool deferrable, initially_deferred, not_valid, no_inherit;
    bool generated_always;
};

struct sql_constraints {
    const struct sql_constraint *items;
    uint32_t count;
};

struct sql_column_definition {
    const char *name;
    struct sql_type_name type;
    struct sql_name collation; /* name NULL: none */
    struct sql_constraints constraints;
    uint32_t position;
};

enum sql_on_commit {
    SQL_ON_COMMIT_NONE = 0,
    SQL_ON_COMMIT_PRESERVE_ROWS,
    SQL_ON_COMMIT_DELETE_ROWS,
    SQL_ON_COMMIT_DROP,
};

struct sql_create_table {
    struct sql_node node;
    struct sql_name name;
    enum sql_persistence persistence;
    bool if_not_exists;
    const struct sql_column_definition *columns;
    uint32_t column_count;
    struct sql_constraints constraints; /* those of the table */
    struct sql_options options;
    const char *access_method, *tablespace;
    enum sql_on_commit on_commit;
};

struct sql_create_table_as {
    struct sql_node node;
    struct sql_name name;
    enum sql_persistence persistence;
    bool if_not_exists, with_no_data;
    struct sql_name_list columns;
    struct sql_options options;
    const char *access_method, *tablespace;
    enum sql_on_commit on_commit;
    const struct sql_select *query;
};

struct sql_create_index {
    struct sql_node node;
    const char *name; /* NULL: to be chosen */
    bool unique, concurrently, if_not_exists, nulls_not_distinct, only;
    struct sql_name table;
    const char *access_method; /* NULL: btree */
    struct sql_index_elements elements;
    struct sql_index_elements include;
    struct sql_options options;
    const char *tablespace;
    const struct sql_node *where;
};

/* Options by the names as, cache, cycle, increment, maxvalue, minvalue, owned_by, sequence_name, start,
 * restart; NO MAXVALUE and NO MINVALUE have no value, NO CYCLE is cycle = false. The value of `as` is a
 * cast of NULL to the type, that of owned_by a column (`none` for NONE). */
struct sql_sequence {
    struct sql_node node; /* CREATE_SEQUENCE or ALTER_SEQUENCE */
    struct sql_name name;
    enum sql_persistence persistence;
    bool if_not_exists, if_exists;
    struct sql_options options;
};

enum sql_check_option { SQL_CHECK_OPTION_NONE = 0, SQL_CHECK_OPTION_LOCAL, SQL_CHECK_OPTION_CASCADED };

struct sql_create_view {
    struct sql_node node;
    struct sql_name name;
    enum sql_persistence persistence;
    bool replace;
    struct sql_name_list columns;
    struct sql_options options;
    const struct sql_select *query;
    enum sql_check_option check_option;
};

struct sql_create_schema {
    struct sql_node node;
    const char *name;          /* NULL: that of the role */
    const char *authorization; /* NULL: none */
    bool if_not_exists;
};

struct sql_create_database {
    struct sql_node node;
    const char *name;
    struct sql_options options;
};

enum sql_role_kind { SQL_ROLE = 1, SQL_ROLE_USER, SQL_ROLE_GROUP };

/* CREATE and ALTER of ROLE, USER and GROUP. Options: password (a constant, NULL too), superuser,
 * createdb, createrole, inherit, login, replication, bypassrls (booleans), connection_limit, valid_until,
 * admin, members, in_role (lists of names), sysid. */
struct sql_role_statement {
    struct sql_node node; /* CREATE_ROLE or ALTER_ROLE */
    enum sql_role_kind role;
    const char *name; /* "current_user", "session_user", "current_role" stand for those words */
    struct sql_options options;
};

enum sql_alter_kind {
    SQL_ALTER_ADD_COLUMN = 1,  /* column_definition, if_exists means IF NOT EXISTS */
    SQL_ALTER_DROP_COLUMN,     /* name, if_exists, cascade */
    SQL_ALTER_COLUMN_TYPE,     /* name, type, collation, expr of USING */
    SQL_ALTER_SET_DEFAULT,     /* name, expr */
    SQL_ALTER_DROP_DEFAULT,    /* name */
    SQL_ALTER_SET_NOT_NULL,    /* name */
    SQL_ALTER_DROP_NOT_NULL,   /* name */
    SQL_ALTER_ADD_CONSTRAINT,  /* constraint */
    SQL_ALTER_DROP_CONSTRAINT, /* name, if_exists, cascade */
    SQL_ALTER_VALIDATE_CONSTRAINT, /* name */
    SQL_ALTER_OWNER,           /* name */
    SQL_ALTER_SET_OPTIONS,     /* options */
    SQL_ALTER_RESET_OPTIONS,   /* options */
    SQL_ALTER_SET_SCHEMA,      /* name; alone */
    SQL_ALTER_SPLIT_AT,        /* split_rows: SPLIT AT VALUES (..), (..); alone, an extension */
};

struct sql_alter_action {
    enum sql_alter_kind kind;
    uint32_t position;
    const char *name;
    bool if_exists, cascade;
    const struct sql_column_definition *column;
    const struct sql_constraint *constraint;
    struct sql_type_name type;
    struct sql_name collation;
    const struct sql_node *expr;
    struct sql_options options;
    const struct sql_list *split_rows;
    uint32_t split_row_count;
};

struct sql_alter_table {
    struct sql_node node;
    struct sql_name table;
    bool if_exists, only;
    const struct sql_alter_action *actions;
    uint32_t action_count;
};

enum sql_object {
    SQL_OBJECT_TABLE = 1,
    SQL_OBJECT_INDEX,
    SQL_OBJECT_SEQUENCE,
    SQL_OBJECT_VIEW,
    SQL_OBJECT_SCHEMA,
    SQL_OBJECT_DATABASE,
    SQL_OBJECT_ROLE,
    SQL_OBJECT_USER,
    SQL_OBJECT_GROUP,
    SQL_OBJECT_COLUMN,
    SQL_OBJECT_CONSTRAINT,
};

/* ALTER object name RENAME [COLUMN part | CONSTRAINT part] TO new_name. */
struct sql_rename {
    struct sql_node node;
    enum sql_object object;  /* what is renamed: COLUMN and CONSTRAINT are those of a table */
    enum sql_object within;  /* of which `name` is the name: TABLE, VIEW, INDEX, ... */
    struct sql_name name;
    bool if_exists, only;
    const char *part, *new_name;
};

struct sql_drop {
    struct sql_node node;
    enum sql_object object;
    bool if_exists, concurrently, cascade, force;
    struct sql_names names;
};

struct sql_truncate {
    struct sql_node node;
    struct sql_names tables;
    const bool *only; /* per table */
    bool restart_identity, cascade;
};

struct sql_privilege {
    const char *name; /* "select", ...; in a grant of roles: the role */
    struct sql_name_list columns;
};

/* GRANT and REVOKE of privileges on objects, and of roles (object 0). */
struct sql_grant {
    struct sql_node node;
    bool revoke;
    enum sql_object object; /* TABLE, SEQUENCE, SCHEMA, DATABASE; 0: roles */
    bool all_in_schema;     /* ON ALL TABLES IN SCHEMA: names are schemas */
    const struct sql_privilege *privileges;
    uint32_t privilege_count; /* 0: ALL */
    struct sql_names names;
    struct sql_name_list grantees; /* "public", "current_user", ... stand for those words */
    bool grant_option; /* WITH GRANT OPTION, WITH ADMIN OPTION; REVOKE GRANT OPTION FOR */
    bool cascade;
};

/* --- Sessions and transactions --- */

enum sql_transaction_kind {
    SQL_TRANSACTION_BEGIN = 1, /* BEGIN */
    SQL_TRANSACTION_START,     /* START TRANSACTION: another command tag */
    SQL_TRANSACTION_COMMIT,    /* COMMIT, END */
    SQL_TRANSACTION_ROLLBACK,  /* ROLLBACK, ABORT */
    SQL_TRANSACTION_SAVEPOINT,
    SQL_TRANSACTION_RELEASE,
    SQL_TRANSACTION_ROLLBACK_TO,
};
enum sql_isolation {
    SQL_ISOLATION_NONE = 0,
    SQL_ISOLATION_READ_UNCOMMITTED,
    SQL_ISOLATION_READ_COMMITTED,
    SQL_ISOLATION_REPEATABLE_READ,
    SQL_ISOLATION_SERIALIZABLE,
};
enum sql_choice { SQL_CHOICE_NONE = 0, SQL_CHOICE_NO, SQL_CHOICE_YES };

/* When a mode is given twice the last one counts. */
struct sql_transaction_modes {
    enum sql_isolation isolation;
    enum sql_choice read_only, deferrable;
    const struct sql_node *as_of; /* AS OF SYSTEM TIME expr, an extension */
};

struct sql_transaction {
    struct sql_node node;
    enum sql_transaction_kind transaction;
    struct sql_transaction_modes modes; /* of BEGIN and START */
    const char *savepoint;
    bool chain; /* AND CHAIN */
};

enum sql_set_kind {
    SQL_SET_VALUE = 1,   /* values */
    SQL_SET_DEFAULT,     /* SET name TO DEFAULT */
    SQL_SET_RESET,       /* RESET name */
    SQL_SET_RESET_ALL,   /* RESET ALL: no name */
    SQL_SET_FROM_CURRENT,
};

/* Special spellings come by their setting's name: SET TIME ZONE is timezone, NAMES client_encoding,
 * SCHEMA search_path, ROLE role, SESSION AUTHORIZATION session_authorization. */
struct sql_set {
    struct sql_node node;
    enum sql_set_kind set;
    bool local;       /* SET LOCAL */
    const char *name; /* with dots as written: "ostraka.idempotency_key" */
    struct sql_list values; /* constants (words are strings), or SQL_EXPR_CAST to interval */
};

struct sql_set_transaction {
    struct sql_node node;
    bool session; /* SESSION CHARACTERISTICS: for later transactions */
    struct sql_transaction_modes modes;
};

struct sql_show {
    struct sql_node node;
    const char *name; /* NULL: ALL */
};

/* SHOW RANGES FROM TABLE name, FROM INDEX name, or of all (object 0). An extension. */
struct sql_show_ranges {
    struct sql_node node;
    enum sql_object object;
    struct sql_name name;
};

struct sql_explain {
    struct sql_node node;
    struct sql_options options; /* EXPLAIN ANALYZE VERBOSE is analyze, verbose */
    const struct sql_node *statement;
};

struct sql_prepare {
    struct sql_node node;
    const char *name;
    const struct sql_type_name *types;
    uint32_t type_count;
    const struct sql_node *statement;
    uint32_t offset, size; /* the statement's bytes in the whole text */
};

struct sql_execute {
    struct sql_node node;
    const char *name;
    struct sql_list args;
};

/* DEALLOCATE, CLOSE, LISTEN, UNLISTEN. */
struct sql_named {
    struct sql_node node;
    const char *name; /* NULL: ALL, * */
};

struct sql_declare_cursor {
    struct sql_node node;
    const char *name;
    bool binary, insensitive, asensitive, scroll, no_scroll, hold;
    const struct sql_select *query;
};

enum sql_fetch_direction {
    SQL_FETCH_FORWARD = 1,
    SQL_FETCH_BACKWARD,
    SQL_FETCH_ABSOLUTE,
    SQL_FETCH_RELATIVE,
};
#define SQL_FETCH_ALL INT64_MAX

/* NEXT is FORWARD 1, PRIOR BACKWARD 1, FIRST ABSOLUTE 1, LAST ABSOLUTE -1. */
struct sql_fetch {
    struct sql_node node;
    enum sql_fetch_direction direction;
    int64_t count;
    const char *cursor;
    bool move; /* MOVE, not FETCH */
};

enum sql_discard_kind {
    SQL_DISCARD_ALL = 1,
    SQL_DISCARD_PLANS,
    SQL_DISCARD_SEQUENCES,
    SQL_DISCARD_TEMP,
};

struct sql_discard {
    struct sql_node node;
    enum sql_discard_kind discard;
};

struct sql_vacuum_table {
    struct sql_name name;
    struct sql_name_list columns;
};

/* VACUUM and ANALYZE. */
struct sql_vacuum {
    struct sql_node node;
    bool analyze_only; /* the statement is ANALYZE */
    struct sql_options options; /* full, freeze, verbose, analyze, ... */
    const struct sql_vacuum_table *tables;
    uint32_t table_count; /* 0: all */
};

struct sql_notify {
    struct sql_node node;
    const char *channel;
    const char *payload; /* NULL: none */
};

struct sql_lock {
    struct sql_node node;
    struct sql_names tables;
    const char *mode; /* "access exclusive", ... in lower case */
    bool nowait;
};

/* A statement of PostgreSQL that Ostraka does not have; what follows its name was not read. */
struct sql_unsupported {
    struct sql_node node;
    const char *name; /* "CREATE FUNCTION" */
};

/* --- Casts: const struct sql_NAME *sql_as_NAME(node) --- */

#define SQL_NODE_CAST(name, condition)                                                     \
    static inline const struct sql_##name *sql_as_##name(const struct sql_node *node)      \
    {                                                                                      \
        unsigned kind = node->kind;                                                        \
        ASSERT(condition);                                                                 \
        return (const struct sql_##name *)node;                                            \
    }

SQL_NODE_CAST(const, kind == SQL_EXPR_CONST)
SQL_NODE_CAST(param, kind == SQL_EXPR_PARAM)
SQL_NODE_CAST(column, kind == SQL_EXPR_COLUMN)
SQL_NODE_CAST(operator_expr, kind == SQL_EXPR_OPERATOR)
SQL_NODE_CAST(expr_list, kind == SQL_EXPR_AND || kind == SQL_EXPR_OR || kind == SQL_EXPR_COALESCE ||
                             kind == SQL_EXPR_GREATEST || kind == SQL_EXPR_LEAST ||
                             kind == SQL_EXPR_NULLIF || kind == SQL_EXPR_ARRAY ||
                             kind == SQL_EXPR_GROUPING)
SQL_NODE_CAST(expr_unary, kind == SQL_EXPR_NOT)
SQL_NODE_CAST(is, kind == SQL_EXPR_IS)
SQL_NODE_CAST(is_distinct, kind == SQL_EXPR_IS_DISTINCT)
SQL_NODE_CAST(in, kind == SQL_EXPR_IN)
SQL_NODE_CAST(between, kind == SQL_EXPR_BETWEEN)
SQL_NODE_CAST(like, kind == SQL_EXPR_LIKE)
SQL_NODE_CAST(quantified, kind == SQL_EXPR_QUANTIFIED)
SQL_NODE_CAST(case, kind == SQL_EXPR_CASE)
SQL_NODE_CAST(cast, kind == SQL_EXPR_CAST)
SQL_NODE_CAST(collate, kind == SQL_EXPR_COLLATE)
SQL_NODE_CAST(call_expr, kind == SQL_EXPR_CALL)
SQL_NODE_CAST(row, kind == SQL_EXPR_ROW)
SQL_NODE_CAST(subquery, kind == SQL_EXPR_SUBQUERY)
SQL_NODE_CAST(indirection, kind == SQL_EXPR_INDIRECTION)
SQL_NODE_CAST(value_function_expr, kind == SQL_EXPR_VALUE_FUNCTION)
SQL_NODE_CAST(grouping_set, kind == SQL_EXPR_GROUPING_SET)
SQL_NODE_CAST(from_table, kind == SQL_FROM_TABLE)
SQL_NODE_CAST(from_subquery, kind == SQL_FROM_SUBQUERY)
SQL_NODE_CAST(from_function, kind == SQL_FROM_FUNCTION)
SQL_NODE_CAST(from_join, kind == SQL_FROM_JOIN)
SQL_NODE_CAST(select, kind == SQL_STMT_SELECT)
SQL_NODE_CAST(insert, kind == SQL_STMT_INSERT)
SQL_NODE_CAST(update, kind == SQL_STMT_UPDATE)
SQL_NODE_CAST(delete, kind == SQL_STMT_DELETE)
SQL_NODE_CAST(copy, kind == SQL_STMT_COPY)
SQL_NODE_CAST(create_table, kind == SQL_STMT_CREATE_TABLE)
SQL_NODE_CAST(create_table_as, kind == SQL_STMT_CREATE_TABLE_AS)
SQL_NODE_CAST(create_index, kind == SQL_STMT_CREATE_INDEX)
SQL_NODE_CAST(sequence, kind == SQL_STMT_CREATE_SEQUENCE || kind == SQL_STMT_ALTER_SEQUENCE)
SQL_NODE_CAST(create_view, kind == SQL_STMT_CREATE_VIEW)
SQL_NODE_CAST(create_schema, kind == SQL_STMT_CREATE_SCHEMA)
SQL_NODE_CAST(create_database, kind == SQL_STMT_CREATE_DATABASE)
SQL_NODE_CAST(role_statement, kind == SQL_STMT_CREATE_ROLE || kind == SQL_STMT_ALTER_ROLE)
SQL_NODE_CAST(alter_table, kind == SQL_STMT_ALTER_TABLE)
SQL_NODE_CAST(rename, kind == SQL_STMT_RENAME)
SQL_NODE_CAST(drop, kind == SQL_STMT_DROP)
SQL_NODE_CAST(truncate, kind == SQL_STMT_TRUNCATE)
SQL_NODE_CAST(grant, kind == SQL_STMT_GRANT)
SQL_NODE_CAST(transaction, kind == SQL_STMT_TRANSACTION)
SQL_NODE_CAST(set, kind == SQL_STMT_SET)
SQL_NODE_CAST(set_transaction, kind == SQL_STMT_SET_TRANSACTION)
SQL_NODE_CAST(show, kind == SQL_STMT_SHOW)
SQL_NODE_CAST(show_ranges, kind == SQL_STMT_SHOW_RANGES)
SQL_NODE_CAST(explain, kind == SQL_STMT_EXPLAIN)
SQL_NODE_CAST(prepare, kind == SQL_STMT_PREPARE)
SQL_NODE_CAST(execute, kind == SQL_STMT_EXECUTE)
SQL_NODE_CAST(named, kind == SQL_STMT_DEALLOCATE || kind == SQL_STMT_CLOSE ||
                         kind == SQL_STMT_LISTEN || kind == SQL_STMT_UNLISTEN)
SQL_NODE_CAST(declare_cursor, kind == SQL_STMT_DECLARE_CURSOR)
SQL_NODE_CAST(fetch, kind == SQL_STMT_FETCH)
SQL_NODE_CAST(discard, kind == SQL_STMT_DISCARD)
SQL_NODE_CAST(vacuum, kind == SQL_STMT_VACUUM)
SQL_NODE_CAST(notify, kind == SQL_STMT_NOTIFY)
SQL_NODE_CAST(lock, kind == SQL_STMT_LOCK)
SQL_NODE_CAST(unsupported, kind == SQL_STMT_UNSUPPORTED)

#undef SQL_NODE_CAST

/* Appends the text of a statement, expression or FROM item. Parsing it gives the same tree but for
 * positions: every nested expression is in parentheses where it might need them, strings that need it
 * are E'', and names are quoted when they are not plain or are key words. */
void sql_ast_print(const struct sql_node *node, struct buf *out);
void sql_ast_print_type(const struct sql_type_name *type, struct buf *out);
/* Appends a name as an identifier, in quotes when it needs them. */
void sql_ast_print_identifier(const char *name, struct buf *out);

#endif
