/* Part of sql/ast.h: definitions of tables and other objects, roles and privileges. */
#ifndef OSTRAKA_SQL_AST_DDL_H
#define OSTRAKA_SQL_AST_DDL_H

#include "sql/ast_query.h"

/* --- Definitions --- */

enum sql_persistence { SQL_PERMANENT = 1, SQL_TEMPORARY, SQL_UNLOGGED };

enum sql_constraint_kind {
    SQL_CONSTRAINT_NOT_NULL = 1,
    SQL_CONSTRAINT_NULL,
    SQL_CONSTRAINT_DEFAULT, /* expr */
    SQL_CONSTRAINT_CHECK,   /* expr */
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
    struct sql_options options; /* WITH (..); of IDENTITY: the sequence's */
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

/* Options by the names as, cache, cycle, increment, maxvalue, minvalue, owned_by, sequence_name,
 * start, restart; NO MAXVALUE and NO MINVALUE have no value, NO CYCLE is cycle = false. The value
 * of `as` is a cast of NULL to the type, that of owned_by a column (`none` for NONE). */
struct sql_sequence {
    struct sql_node node; /* CREATE_SEQUENCE or ALTER_SEQUENCE */
    struct sql_name name;
    enum sql_persistence persistence;
    bool if_not_exists, if_exists;
    struct sql_options options;
};

enum sql_check_option {
    SQL_CHECK_OPTION_NONE = 0,
    SQL_CHECK_OPTION_LOCAL,
    SQL_CHECK_OPTION_CASCADED
};

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
 *        createdb, createrole, inherit, login, replication, bypassrls (booleans), connection_limit,
 *        valid_until, admin, members, in_role (lists of names), sysid. */
struct sql_role_statement {
    struct sql_node node; /* CREATE_ROLE or ALTER_ROLE */
    enum sql_role_kind role;
    const char *name; /* "current_user", "session_user", "current_role" stand for those words */
    struct sql_options options;
};

enum sql_alter_kind {
    SQL_ALTER_ADD_COLUMN = 1,      /* column_definition, if_exists means IF NOT EXISTS */
    SQL_ALTER_DROP_COLUMN,         /* name, if_exists, cascade */
    SQL_ALTER_COLUMN_TYPE,         /* name, type, collation, expr of USING */
    SQL_ALTER_SET_DEFAULT,         /* name, expr */
    SQL_ALTER_DROP_DEFAULT,        /* name */
    SQL_ALTER_SET_NOT_NULL,        /* name */
    SQL_ALTER_DROP_NOT_NULL,       /* name */
    SQL_ALTER_ADD_CONSTRAINT,      /* constraint */
    SQL_ALTER_DROP_CONSTRAINT,     /* name, if_exists, cascade */
    SQL_ALTER_VALIDATE_CONSTRAINT, /* name */
    SQL_ALTER_OWNER,               /* name */
    SQL_ALTER_SET_OPTIONS,         /* options, dry_run */
    SQL_ALTER_RESET_OPTIONS,       /* options, dry_run */
    SQL_ALTER_SET_SCHEMA,          /* name; alone */
    SQL_ALTER_SPLIT_AT,            /* split_rows: SPLIT AT VALUES (..), (..); alone, an extension */
};

struct sql_alter_action {
    enum sql_alter_kind kind;
    uint32_t position;
    const char *name;
    bool if_exists, cascade, dry_run;
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
    enum sql_object object; /* what is renamed: COLUMN and CONSTRAINT are those of a table */
    enum sql_object within; /* of which `name` is the name: TABLE, VIEW, INDEX, ... */
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

#endif
