/* Part of sql/ast.h: transactions, settings, prepared statements, cursors and the rest. */
#ifndef OSTRAKA_SQL_AST_SESSION_H
#define OSTRAKA_SQL_AST_SESSION_H

#include "sql/ast_query.h"

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
    SQL_SET_VALUE = 1, /* values */
    SQL_SET_DEFAULT,   /* SET name TO DEFAULT */
    SQL_SET_RESET,     /* RESET name */
    SQL_SET_RESET_ALL, /* RESET ALL: no name */
    SQL_SET_FROM_CURRENT,
};

/* Special spellings come by their setting's name: SET TIME ZONE is timezone, NAMES client_encoding,
 * SCHEMA search_path, ROLE role, SESSION AUTHORIZATION session_authorization. */
struct sql_set {
    struct sql_node node;
    enum sql_set_kind set;
    bool local;             /* SET LOCAL */
    const char *name;       /* with dots as written: "ostraka.idempotency_key" */
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

enum sql_cluster_change {
    SQL_CLUSTER_TRANSFER = 1, /* ALTER RANGE id TRANSFER TO to */
    SQL_CLUSTER_MOVE,         /* ALTER RANGE id MOVE FROM from TO to */
    SQL_CLUSTER_MERGE,        /* ALTER RANGE id MERGE */
    SQL_CLUSTER_DRAIN,        /* ALTER NODE id DRAIN, and so on */
    SQL_CLUSTER_DECOMMISSION,
    SQL_CLUSTER_ACTIVATE,
    SQL_CLUSTER_ADD_NODE, /* ALTER CLUSTER ADD NODE [LOCALITY locality] DRY RUN */
};

/* Extensions. */
struct sql_alter_cluster {
    struct sql_node node;
    enum sql_cluster_change change;
    int32_t id, from, to;
    bool force, dry_run; /* of a node: FORCE, DRY RUN */
    const char *locality; /* NULL when not written */
};

/* ALTER SYSTEM SET, RESET; DRY RUN is an extension. */
struct sql_alter_system {
    struct sql_node node;
    struct sql_set set; /* VALUE, DEFAULT, RESET, RESET_ALL */
    bool dry_run;
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
    bool analyze_only;          /* the statement is ANALYZE */
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

#endif
