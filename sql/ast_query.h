/* Part of sql/ast.h: FROM, queries, and the statements that change rows. */
#ifndef OSTRAKA_SQL_AST_QUERY_H
#define OSTRAKA_SQL_AST_QUERY_H

#include "sql/ast_expr.h"

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

enum sql_join_type {
    SQL_JOIN_INNER = 1,
    SQL_JOIN_LEFT,
    SQL_JOIN_RIGHT,
    SQL_JOIN_FULL,
    SQL_JOIN_CROSS
};

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
    const char *column;                        /* or */
    const struct sql_node *expr;               /* exactly one is not NULL */
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
    uint32_t position, target_position; /* target: of what stands behind ON CONFLICT */
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

/* Both option syntaxes give the same options: format ('csv', 'binary', 'text'), delimiter, null,
 * header, quote, escape, encoding, freeze, force_quote, force_not_null, force_null (with lists of
 * columns). */
struct sql_copy {
    struct sql_node node;
    struct sql_name table;        /* name NULL: a query */
    const struct sql_node *query; /* SELECT, or INSERT, UPDATE, DELETE with RETURNING */
    struct sql_name_list columns; /* empty: all */
    bool from;                    /* FROM, else TO */
    bool program;
    const char *file; /* NULL: STDIN or STDOUT */
    struct sql_options options;
    const struct sql_node *where;
};

#endif
