/* Private to sessions:
 *   session.c              what a session is, texts, one statement
 *   session_run.c          statements within transactions, and again after conflicts
 *   session_transaction.c  BEGIN, COMMIT, ROLLBACK   session_savepoint.c  SAVEPOINT and what belongs to it
 *   as_of.c                AS OF SYSTEM TIME
 *   session_set.c          SET, SHOW, DISCARD        prepared*.c, portal.c, cursor.c */
#ifndef OSTRAKA_SQL_SESSION_INT_H
#define OSTRAKA_SQL_SESSION_INT_H

#include "base/fiber.h"
#include "base/list.h"
#include "sql/activity_int.h"
#include "sql/idempotency.h"
#include "sql/parser.h"
#include "sql/query.h"
#include "sql/session.h"
#include "sql/setting.h"

#define SESSION_PREPARED_MAX 10000
#define SESSION_PORTALS_MAX 1000
#define SESSION_SAVEPOINTS_MAX 10000
#define SESSION_KEPT_BYTES_MAX (128u << 20) /* by its prepared statements and portals, before another one */

enum transaction_state { TRANSACTION_NONE, TRANSACTION_IMPLICIT, TRANSACTION_OPEN, TRANSACTION_FAILED };

/* A statement that was parsed and described once. Portals pin it: it may be closed while one is open. */
struct sql_prepared {
    struct list link;            /* session.prepared, newest use first; not linked once closed */
    char *name;                  /* "": the unnamed one */
    struct bindings bindings;
    struct arena arena;          /* everything below */
    struct sql_statement statement; /* node NULL: an empty text */
    struct bytes text;           /* that the statement is a part of */
    struct parameters parameters;   /* types; no values */
    const struct sql_result_column *columns;
    uint32_t column_count;
    bool has_columns;
    uint32_t shift;              /* characters that stood before it in the text of its PREPARE */
    uint32_t pins;
    size_t kept_bytes;           /* its part of the session's */
};

enum portal_state { PORTAL_READY, PORTAL_RUNNING, PORTAL_PAUSED, PORTAL_DONE };

/* A statement with values for its parameters. One that was told to stop after some rows keeps its fiber,
 * which waits inside the sink for the next Execute. */
struct sql_portal {
    struct list link;
    char *name;
    struct sql_session *session;
    struct sql_prepared *prepared;
    struct arena arena;          /* values and formats */
    struct parameters parameters;
    const uint16_t *formats;
    uint32_t format_count;
    enum portal_state state;
    /* with a fiber of its own */
    bool has_fiber, cancelled, ok;
    struct arena statement_arena, row_arena;
    struct fiber *fiber, *host;  /* host waits for it to pause or end */
    const struct sql_sink *sink; /* the client's */
    uint64_t rows_wanted, rows_given; /* of the turn under way */
    uint64_t position;           /* rows given in all */
    uint64_t seq;                /* later portals have higher ones */
    struct txn_mark view;        /* what it sees of the transaction's writes */
    bool has_view, is_cursor, failed;
    struct sql_error error;
    char tag[64];                /* of the whole statement */
    size_t kept_bytes;           /* its part of the session's */
};

struct savepoint {
    char name[SQL_NAME_BYTES_MAX + 1];
    struct txn_mark mark;
    uint64_t portal_seq;         /* portals with higher numbers came later */
    bool read_only;
};

/* What the server may run again by itself: a transaction of which nothing has left. */
struct session_region {
    bool possible;
    uint64_t mark;               /* of the sink, before its first result */
    uint32_t attempts;
};

/* What the statement under way takes from a prepared one. */
struct running {
    struct parameters *parameters;
    struct sql_prepared *prepared;
};

struct sql_session {
    struct sql_session_options options;
    struct settings settings;
    bool read_only, deferrable;  /* the transaction */
    bool queried;                /* it has looked at data */
    bool commit_tried;
    bool irrevocable;            /* it did something that no rollback takes back */
    struct savepoint *savepoints; /* oldest first */
    uint32_t savepoint_count, savepoint_capacity;
    char user[64], database[64];
    char client_address[64];
    struct session_activity activity;
    enum transaction_state state;
    struct arena query_arena;    /* of one call: trees, errors */
    struct arena statement_arena, row_arena, transaction_arena;
    struct txn *txn;
    struct idem idem;
    int64_t transaction_us;
    struct list prepared, portals;
    struct sql_prepared *unnamed; /* the unnamed statement; NULL: none */
    struct sql_portal *spare_portal; /* what was the unnamed one, with a little memory; NULL: none */
    uint64_t portal_seq;         /* of the newest portal */
    uint32_t prepared_count, portal_count;
    size_t kept_bytes;           /* of prepared statements and portals */
    size_t bindings_bytes;       /* of what their expressions were bound to */
    const struct running *running; /* NULL: a simple query */
    struct bytes text;           /* of the query under way */
    uint64_t rows_read;
    struct catalog_cache cache;
    struct session_region batch; /* of the extended protocol */
    uint64_t commit_ts;          /* of the last commit */
    struct buf key, value;       /* of the statement under way */
    bool works;                  /* on a message of the client */
    enum { INTERRUPT_NONE, INTERRUPT_USER, INTERRUPT_TIMEOUT } interrupt;
    uint64_t deadline_ns;        /* of the statement under way; 0: none */
};

/* ---- session.c ---- */

void session_exec_init(struct sql_session *s, struct exec *x, const struct sql_sink *sink,
                       struct sql_error *error);
void session_exec_init_in(struct sql_session *s, struct exec *x, const struct sql_sink *sink,
                          struct sql_error *error, struct arena *arena, struct arena *row_arena);
/* The same, and what the arenas hold stays. */
void session_exec_set(struct sql_session *s, struct exec *x, const struct sql_sink *sink, struct sql_error *error,
                      struct arena *arena, struct arena *row_arena);
/* [fiber] */
bool session_execute(struct sql_session *s, struct exec *x, const struct sql_node *node);
/* For its arenas; NULL: none. */
struct arena_account *session_memory_account(const struct sql_session *s);
/* What it holds in memory now: arenas, prepared statements, portals. */
size_t session_memory(const struct sql_session *s);
void session_report(struct sql_session *s, const struct sql_sink *sink);
uint64_t session_statement_deadline(const struct sql_session *s);
/* Microseconds since 2000. */
int64_t session_now_us(const struct sql_session *s);

/* ---- session_run.c; [fiber] ---- */

bool session_run_alone(struct sql_session *s, const struct sql_statement *statement,
                       const struct sql_sink *sink, struct sql_error *error);
/* last: of a text whose statements are one implicit transaction. After false: session_region_again, or
 * session_transaction_fail. */
bool session_run_inside(struct sql_session *s, const struct sql_statement *statement, bool last,
                        const struct sql_sink *sink, struct sql_error *error);
/* Where a transaction may begin. */
void session_region_begin(struct sql_session *s, struct session_region *r, const struct sql_sink *sink);
/* After an error: true when everything since session_region_begin is to be run again. The transaction keeps its
 * locks, and so its place in line. */
bool session_region_again(struct sql_session *s, struct session_region *r, const struct sql_sink *sink,
                          struct sql_error *error);

/* ---- session_transaction.c ---- */

bool session_transaction_begin(struct sql_session *s, enum transaction_state state, struct sql_error *error);
/* [fiber] Commits; the caller ends the transaction, or lets it fail. */
bool session_transaction_commit(struct sql_session *s, struct exec *x, enum status *status_out);
void session_transaction_end(struct sql_session *s, enum transaction_state state);
/* After an error: over, or failed until the client ends it or goes back to a savepoint. */
void session_transaction_fail(struct sql_session *s);
/* Everything it has read and written is forgotten; its locks stay. The error is cleared. */
bool session_transaction_restart(struct sql_session *s, struct sql_error *error);
/* [fiber] BEGIN, COMMIT, SAVEPOINT and the like. */
bool session_control(struct sql_session *s, struct exec *x, const struct sql_transaction *n);
bool session_is_control(const struct sql_node *node);
bool session_refuse_failed(struct exec *x);
/* "WHAT can only be used in transaction blocks" */
bool session_needs_block(struct exec *x, const char *what);

/* ---- session_savepoint.c ---- */

bool session_savepoint(struct sql_session *s, struct exec *x, const char *name);
bool session_savepoint_release(struct sql_session *s, struct exec *x, const char *name);
bool session_savepoint_back(struct sql_session *s, struct exec *x, const char *name);
void session_savepoints_end(struct sql_session *s);

/* ---- session_set.c ---- */

/* The values of SET as one text: "a, b". NULL: they are none that are done yet, or the error is set. */
const char *session_set_text(struct exec *x, const struct sql_set *n);
bool session_set(struct sql_session *s, struct exec *x, const struct sql_set *n);
/* NULL: there is no setting of that name. */
const char *session_setting(const struct sql_session *s, const char *name);
bool session_show(struct sql_session *s, struct exec *x, const struct sql_show *n);
bool session_set_transaction(struct sql_session *s, struct exec *x, const struct sql_set_transaction *n);
/* The modes of BEGIN and of SET TRANSACTION. */
bool session_set_modes(struct sql_session *s, struct exec *x, const struct sql_transaction_modes *modes);
bool session_discard(struct sql_session *s, struct exec *x, const struct sql_discard *n);

/* ---- as_of.c; [fiber] ---- */

/* BEGIN and SET TRANSACTION with AS OF SYSTEM TIME. */
bool as_of_set(struct sql_session *s, struct exec *x, const struct sql_node *node, bool read_write);
/* Before a statement is executed or described: it reads where it says, or where the session's default says. */
bool as_of_statement(struct sql_session *s, struct exec *x, const struct sql_node *node);
/* For struct sql_eval: ctx is the session. */
void session_read_times(void *ctx, uint64_t *follower_ts_out, uint64_t *read_ts_out);

/* ---- txn_status.c ---- */

/* [fiber] For struct sql_eval: ctx is the session. */
enum status session_txn_status(void *ctx, struct sql_eval *e, struct bytes id, const char **status_out);

/* ---- session_surroundings.c ---- */

extern const struct sql_surroundings session_surroundings; /* of a session, which is the ctx */

/* ---- prepared.c ---- */

/* Every call of the extended protocol begins so: what the last one left is forgotten. */
void session_call_begin(struct sql_session *s, struct sql_error *error);
/* [fiber] Parses and describes a query that no name is kept for; the caller has to pin it, then unpin this. NULL with
 * the error set. */
struct sql_prepared *session_prepare_query(struct sql_session *s, struct bytes text, const uint32_t *types,
                                           uint32_t count, struct sql_error *error);
/* [fiber] Parses and describes `text`, and keeps it under `name`. */
bool session_prepare(struct sql_session *s, const char *name, struct bytes text, const uint32_t *types,
                     uint32_t count, struct sql_error *error);
/* NULL: there is none. */
struct sql_prepared *session_prepared_find(struct sql_session *s, const char *name);
struct sql_prepared *session_prepared_named(struct sql_session *s, const char *name, struct sql_error *error);
void session_prepared_close(struct sql_session *s, struct sql_prepared *p);
void session_prepared_close_all(struct sql_session *s);
/* The unnamed one, if there is one. */
void session_prepared_close_unnamed(struct sql_session *s);
void session_prepared_unpin(struct sql_session *s, struct sql_prepared *p);
void session_describe_prepared(const struct sql_prepared *p, struct sql_description *out);
/* Lets x see the parameters and the promised columns of what is running. */
void session_bind_parameters(struct sql_session *s, struct exec *x);
/* What a prepared statement or a portal keeps, and whether the session may keep more. */
void session_account(struct sql_session *s, size_t *kept_bytes, size_t bytes);
bool session_check_kept(struct sql_session *s, struct sql_error *error);

/* ---- portal.c ---- */

void session_portals_close(struct sql_session *s);
/* Those that were opened after the portal of this number. */
void session_portals_close_since(struct sql_session *s, uint64_t seq);
void session_portal_close_unnamed(struct sql_session *s);

/* Opens a portal on the prepared statement, which it pins. NULL with the error set. */
struct sql_portal *session_portal_new(struct sql_session *s, const char *name, struct sql_prepared *prepared,
                                      struct sql_error *error);
struct sql_portal *session_portal_find(struct sql_session *s, const char *name);
void session_portal_free(struct sql_portal *p);
/* The session ends: all portals are free. */
void session_portals_end(struct sql_session *s);
/* [fiber] The next rows_max (0: all) rows to the sink, whose complete is not called. *count_out: how many there were.
 * The portal is PORTAL_DONE when fewer came. */
bool session_portal_run(struct sql_portal *p, uint64_t rows_max, const struct sql_sink *sink, uint64_t *count_out,
                        struct sql_error *error);

/* ---- cursor.c; [fiber] ---- */

bool session_declare(struct sql_session *s, struct exec *x, const struct sql_declare_cursor *n);
bool session_fetch(struct sql_session *s, struct exec *x, const struct sql_fetch *n);
bool session_close_cursor(struct sql_session *s, struct exec *x, const struct sql_named *n);

/* ---- prepared_sql.c ---- */

bool session_prepare_statement(struct sql_session *s, struct exec *x, const struct sql_prepare *n);
bool session_execute_statement(struct sql_session *s, struct exec *x, const struct sql_execute *n);
bool session_deallocate(struct sql_session *s, struct exec *x, const struct sql_named *n);

#endif
