/* Planning and execution of statements on one table. A plan is made for one execution and lives in the
 * statement's arena. */
#ifndef OSTRAKA_SQL_QUERY_H
#define OSTRAKA_SQL_QUERY_H

#include "sql/bindings.h"
#include "sql/catalog_cache.h"
#include "sql/expr.h"
#include "sql/session.h"
#include "sql/virtual.h"

struct held_rows;

/* Everything one statement needs while it is executed. */
struct exec {
    struct arena *arena;      /* of the statement: plan and results that stay */
    struct arena *row_arena;  /* of one row: reset between rows */
    struct sql_error *error;
    struct buf *key, *value;  /* the session's, for a key and a row while they are made or written */
    struct sql_eval eval;     /* allocates in row_arena while rows run */
    struct txn *txn;
    struct env *env;
    const struct sql_sink *sink;
    struct parameters *parameters; /* of a prepared statement, or NULL */
    struct bindings *bindings; /* of the prepared statement; NULL: nothing is kept, or used of what is */
    uint32_t binding_at;      /* the next that will be asked for, most likely */
    bool null_parameter;      /* one of the parameters is null */
    bool describe;            /* bind only: find the parameters' types and the result's columns */
    bool read_only;           /* so the transaction is */
    const struct sql_node *as_of; /* AS OF SYSTEM TIME of the statement as a whole; NULL: it has none */
    const struct sql_result_column *columns; /* of the result: found, or (expected) what they must be */
    uint32_t column_count;
    bool expected;
    enum { EXEC_LOCK_NOTHING, EXEC_LOCK_POINTS, EXEC_LOCK_ROWS } locks; /* of what UPDATE and DELETE find: rows
                                * that are looked up by their whole key, or all */
    const struct sql_table *ranges_of; /* SHOW RANGES FROM TABLE: ostraka.ranges holds only its ranges; NULL: all */
    const char *locked_table; /* where a lock was asked for last */
    bool rows_sent;           /* the statement cannot be tried again unseen */
    bool check_now;           /* look for duplicate keys at once; else the commit does (STATUS_EXISTS) */
    const char *key_name;     /* of the table that was inserted into last, for that case */
    struct catalog_cache *cache;
    struct sql_session *session;
    struct catalog_entry *assumed; /* the table that the statement relies on without having read it; NULL */
    bool alone;               /* the statement is a transaction of its own */
    int notice_level;         /* SETTING_LEVEL_*: what is sent of notices */
    bool piecemeal;           /* the client may take some of the rows now, and others later or never */
    bool changes;             /* INSERT, UPDATE, DELETE: their subqueries see what was there before */
    bool has_start;
    struct txn_mark start;    /* then: before the first change */
    uint32_t breaths;         /* rows since the statement has let others go on */
    struct select *queries;   /* that are bound: exec_end closes them */
    uint64_t *rows_read;      /* counts the rows that scans and lookups deliver */
    struct held_rows *held;   /* the result of a statement with RETURNING; NULL: it has none */
    char tag[64];
};

/* ---- access to a table: access.c plans, scan.c runs ---- */

/* One key (start), or the keys of [start, end). */
struct key_span {
    struct bytes start, end;
    bool point;
};

struct access {
    const struct sql_table *table;
    struct expr *filter;      /* over the table's columns; NULL: all rows */
    bool empty;               /* the condition can hold for no row */
    bool reverse;
    struct key_span *spans;   /* ascending, apart from each other: together, all rows that may pass */
    uint32_t span_count;
    uint64_t limit;           /* rows the caller will take at most, as far as known; 0: all */
    enum txn_lock_mode lock;  /* locks the rows it gives; 0: none */
    bool lock_points_only;    /* those of scans are locked by the caller, all at once */
    bool lock_ahead;          /* several rows of those that are given may be locked before the first of them is */
    enum txn_lock_wait lock_wait;
    struct sql_datum *values; /* of the current row: one per column */
    struct sql_datum *row;    /* what the filter is evaluated on: the values, or those of a join with them at base */
    uint32_t base;
    bool joined;              /* the filter may read other parts of the row, which are set before it is planned */
    struct arena *plan_arena, *row_arena; /* of the plan; of the current row */
    bool fixed[SQL_KEY_COLUMNS_MAX]; /* key columns of which the condition leaves one value */
    /* running */
    uint32_t span_at;         /* counted from the other end when reverse */
    struct txn_scan *scan;
    bool started;
    bool locked;              /* the current row is */
    struct bytes *ahead;      /* values of points that were fetched together: of the spans from ahead_from on */
    uint32_t ahead_from, ahead_count;
    struct bytes key;         /* of the current row */
    struct virtual_rows *made; /* of a table whose rows are made when they are read; NULL: not yet */
    uint32_t made_at;         /* the next of them */
    struct lock_batch *batch; /* rows that are locked and were not given yet; NULL: not begun */
    uint64_t given;           /* rows, with lock_ahead */
};
/* Finds the spans from the conjuncts of the filter, which must be folded. */
bool access_plan(struct exec *x, struct access *a, const struct sql_table *table, struct expr *filter);
/* The same for an access whose table, filter, values, row, base, joined and arenas are set, and nothing else. */
bool access_replan(struct exec *x, struct access *a);
/* True when the condition gives values to the column at this place of the row: those of *other_out, NULL: constants. */
bool access_binds(const struct expr *condition, uint32_t index, const struct expr **other_out);
/* For EXPLAIN: whether a conjunct of the filter helps to find the keys. */
bool access_uses(const struct sql_table *t, uint32_t base, const struct expr *filter, const struct expr *condition);
void access_close(struct access *a);
/* [fiber] The next row that passes the filter: *found_out false at the end. False: the error is set. */
bool access_next(struct exec *x, struct access *a, bool *found_out);

/* For scan.c and scan_lock.c: the next row that passes the filter, locked or not, and its value; rows as access_next gives them
 * with lock_ahead; the locks of several keys, in the order that they are read in; how many of `most` the caller may still take. */
bool access_read(struct exec *x, struct access *a, struct bytes *value_out, bool *found_out);
bool access_next_locked(struct exec *x, struct access *a, bool *found_out);
MUST_USE enum status access_lock_keys(struct exec *x, const struct access *a, const struct bytes *keys, uint32_t count,
                                      struct txn_locked *out);
uint32_t access_wanted(const struct access *a, uint32_t most);
void lock_batch_close(struct access *a);

/* [fiber] For every row or pair of rows that is looked at without asking the range for it: long work lets others of
 * the core go on, and ends when it is interrupted. False: the error is set. */
bool exec_breathe(struct exec *x);
/* expr_fold, unless the statement is only described: then parameters have no values. */
bool exec_fold(struct exec *x, struct expr *e);
/* A binder for this statement's expressions. */
void exec_binder(struct exec *x, struct binder *b);
/* Tells what the result looks like; refuses what differs from what the client was told at Describe. */
bool exec_columns(struct exec *x, const struct sql_result_column *columns, uint32_t count);
/* [fiber] Locks a key of a table and tells whether it has a value. False: the error is set. */
bool exec_lock_key(struct exec *x, const struct sql_table *table, struct bytes key, bool *found_out);
/* Turns a status of txn/ into an error of the statement. Returns false. */
bool exec_fail(struct exec *x, enum status status);
/* The same for a transaction that reads the past, where it means something else there; else false (as_of.c). */
bool as_of_fail(struct exec *x, enum status status);
/* The command tag: words and a number of rows. */
void exec_tag(struct exec *x, const char *words, uint64_t count);
/* severity "NOTICE" or "WARNING"; format with one %s or none. Returns true. */
bool exec_notice(struct exec *x, const char *severity, const char *sqlstate, const char *format,
                 const char *name);
/* 0A000 "WHAT is not supported yet", with its place in the statement. Returns false. */
bool exec_unsupported(struct exec *x, uint32_t position, const char *what);
/* [fiber] Before anything of the statement is seen: makes sure that what it relies on is so. No request when all has been
 * read. */
bool exec_verify(struct exec *x);
/* [fiber] Looks a table up: 42P01, or 0A000 for what is no table of ours. NULL with the error set. */
struct sql_table *exec_table(struct exec *x, const struct sql_name *name);
/* The same, for a statement that writes: 42501 for a table that only nodes fill. */
/* [fiber] Constant values for the first columns of the primary key, of their types; not NULL. what: of the error about one
 * that is not constant. */
bool exec_key_values(struct exec *x, const struct sql_table *t, const struct sql_list *row, const char *what,
                     struct sql_datum *values);
struct sql_table *exec_table_to_write(struct exec *x, const struct sql_name *name);
/* 42501: such a table cannot be written. Returns false. */
bool exec_refuse_system(struct exec *x, const char *name);

/* ---- queries (select.c): bound once, then opened and read row by row ---- */

struct select;
/* [fiber] Binds a query that is the statement or a part of it. want: what columns become whose type nothing decides
 * (bare literals, parameters), by assignment; text behind want_count. NULL: the error is set. The query lives as
 * long as the statement. */
struct select *query_bind(struct exec *x, const struct sql_select *node, const struct sql_type *want,
                          uint32_t want_count);
const struct sql_result_column *query_columns(const struct select *q, uint32_t *count_out);
/* [fiber] Not while the statement is only described. May be opened again. */
bool query_open(struct select *q);
/* [fiber] *values_out: the next row, valid until the next call and as long as x->row_arena is not reset; NULL at
 * the end. False: the error is set. */
bool query_next(struct select *q, const struct sql_datum **values_out);
void query_close(struct select *q);
/* Closes what the statement has left open. No effect when there is nothing. */
void exec_end(struct exec *x);

/* ---- statements; all [fiber]; false with the error set ---- */

bool exec_select(struct exec *x, const struct sql_select *select);
/* run: executes a statement, for ANALYZE. */
bool exec_explain(struct exec *x, const struct sql_explain *n,
                  bool (*run)(void *ctx, struct exec *x, const struct sql_node *node), void *ctx);
bool exec_insert(struct exec *x, const struct sql_insert *insert);
bool exec_update(struct exec *x, const struct sql_update *update);
bool exec_delete(struct exec *x, const struct sql_delete *delete);
bool exec_copy(struct exec *x, const struct sql_copy *copy);
bool exec_create_table(struct exec *x, const struct sql_create_table *create);
bool exec_create_table_as(struct exec *x, const struct sql_create_table_as *create);
bool exec_drop(struct exec *x, const struct sql_drop *drop);
bool exec_alter_table(struct exec *x, const struct sql_alter_table *alter);
bool exec_rename(struct exec *x, const struct sql_rename *rename);
bool exec_truncate(struct exec *x, const struct sql_truncate *truncate);

/* SHOW SESSIONS and its kind (show.c): what a query of a virtual table answers. */
bool exec_show_exists(const char *name);
bool exec_show(struct exec *x, const char *name);
/* [fiber] cluster.c */
bool exec_alter_cluster(struct exec *x, const struct sql_alter_cluster *n);
/* [fiber] What comes of a change of nodes or settings, in words: a NOTICE. */
struct admin_answer;
bool cluster_notice(struct exec *x, const struct admin_answer *a);

/* ---- settings of the cluster (cluster_setting.c) ---- */

/* [fiber] */
bool exec_alter_system(struct exec *x, const struct sql_alter_system *n);
/* [fiber] ALTER TABLE t SET (replication_factor = n), RESET (replication_factor). */
bool cluster_table_option(struct exec *x, const struct sql_table *t, const struct sql_alter_action *n);
/* [fiber] What was set for a table holds for it under its new id, too; nothing holds for an id that is new. */
bool cluster_table_renumbered(struct exec *x, uint32_t old_id, uint32_t new_id);
bool cluster_table_new(struct exec *x, uint32_t id);
bool exec_show_ranges(struct exec *x, const struct sql_show_ranges *n);

/* ---- rows that are held until they may be shown (returning.c) ---- */

/* [fiber] Sends what RETURNING has held: when the statement cannot be run again any more, which for a statement alone is
 * after its commit. False: the client is gone. */
bool exec_held_send(struct exec *x);

#endif
