/* A session: what one connection may do, statement by statement. The wire (sql/server.c, pgwire) hands in
 * texts and takes results through a sink; it knows nothing of plans, and this knows nothing of messages.
 *
 * Calls marked [fiber] run on a fiber of the core; the session serves one at a time. */
#ifndef OSTRAKA_SQL_SESSION_H
#define OSTRAKA_SQL_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "sql/datum.h"
#include "sql/error.h"
#include "txn/txn.h"

struct sql_session;

/* A column of a result, as RowDescription tells it. */
struct sql_result_column {
    const char *name;
    struct sql_type type;
    uint32_t table_oid;     /* 0: not a column of a table */
    int16_t column_number;  /* attribute number, from 1; 0 */
};

enum sql_copy_format { SQL_COPY_TEXT, SQL_COPY_CSV, SQL_COPY_BINARY };

/* Where results go. Functions that answer false say that the client is gone (or the sink's bound is hit): the
 * statement ends. All may suspend the fiber, to wait for the client. */
struct sql_sink {
    /* Before the first row of a result; columns are borrowed for the call. */
    bool (*begin)(void *ctx, const struct sql_result_column *columns, uint32_t count);
    /* One row; values are borrowed. eval: for writing the values (types_io.h). */
    bool (*row)(void *ctx, struct sql_eval *eval, const struct sql_datum *values);
    /* The end of one statement: its command tag, "INSERT 0 1". */
    bool (*complete)(void *ctx, const char *tag);
    /* A text without any statement. */
    bool (*empty)(void *ctx);
    /* severity: "NOTICE", "WARNING". */
    void (*notice)(void *ctx, const char *severity, const struct sql_error *notice);
    /* A setting that clients are told about has changed. */
    void (*parameter)(void *ctx, const char *name, const char *value);
    /* COPY FROM STDIN: tells the client to send (column_count columns), then copy_read gives what it sent,
     * piece by piece: true with a view that is valid until the next call, *end_out true at CopyDone; false:
     * *error says why (CopyFail, or a message that cannot be here), or the client is gone (it is not set). */
    bool (*copy_begin)(void *ctx, enum sql_copy_format format, uint32_t column_count);
    bool (*copy_read)(void *ctx, struct bytes *data_out, bool *end_out, struct sql_error *error);
    /* COPY TO STDOUT: tells the client what comes, then one piece per row (and the header of csv, the head and trailer
     * of binary), then the end. */
    bool (*copy_out_begin)(void *ctx, enum sql_copy_format format, uint32_t column_count);
    bool (*copy_out_data)(void *ctx, struct bytes data);
    bool (*copy_out_end)(void *ctx);
    /* The statement is committed, and rows and the tag follow: no interrupt ends it any more. May be NULL. */
    void (*committed)(void *ctx);
    void *ctx;
    /* Both may be NULL. A place in what was handed in; and taking back all that came after it: false when some of
     * it has left, then nothing is taken back. */
    uint64_t (*mark)(void *ctx);
    bool (*rewind)(void *ctx, uint64_t mark);
};

struct sql_session_options {
    struct kv *kv;
    struct env *env;
    struct fiber_pool *fibers;      /* portals that pause run on fibers of their own */
    const char *user, *database, *application_name; /* copied */
    uint64_t statement_memory_bytes;
    const struct sql_zones *zones;  /* named time zones, borrowed; NULL: UTC and fixed offsets only */
    struct sql_activity *activity;  /* where the session is listed; NULL: nowhere */
    void *owner;                    /* for sql_activity_options.signal */
    int32_t pid;                    /* sql_activity_new_pid; 0: none */
    const char *client_address;     /* copied; NULL: not known */
    struct idempotency *idempotency; /* the port's: limits and counters (idempotency.h); NULL: the usual limits */
};

/* STATUS_NO_MEMORY. */
MUST_USE enum status sql_session_create(const struct sql_session_options *options,
                                        struct sql_session **session_out);
/* No call may be under way. An open transaction is rolled back. */
void sql_session_destroy(struct sql_session *s);

/* A setting from the start-up packet ("TimeZone", "client_encoding", "options" are handled by the wire by
 * splitting them into settings). False with *error set (texts in arena) for an unknown or invalid one. */
MUST_USE bool sql_session_set(struct sql_session *s, struct arena *arena, const char *name,
                              const char *value, struct sql_error *error);
/* The settings that PostgreSQL 15 reports at the start (ParameterStatus), in order; NULL past the end. */
const char *sql_session_reported(const struct sql_session *s, uint32_t index, const char **value_out);

/* [fiber] Executes a simple query: all statements of the text, in one implicit transaction unless they
 * say otherwise; the first error ends it and rolls that transaction back. Results go to the sink in order.
 * False: *error is set (its texts live in the session until the next call) and has to be sent. */
MUST_USE bool sql_session_query(struct sql_session *s, struct bytes text, const struct sql_sink *sink,
                                struct sql_error *error);

/* ---- the end of a statement before its time ----
 *
 * Whoever hands in messages says where the work on one begins and ends. In between it may be interrupted, from
 * anywhere but its own fiber: it ends with 57014 as soon as it may; a commit that was sent is waited for, for a
 * moment. */
void sql_session_work_begin(struct sql_session *s);
/* error (may be NULL: none): of what ended; says what interrupted it. */
void sql_session_work_end(struct sql_session *s, struct sql_error *error);
/* How long the client may send nothing now; 0: as long as it likes. *in_transaction_out: it holds one open. */
uint64_t sql_session_idle_timeout(const struct sql_session *s, bool *in_transaction_out);
/* Work is under way. */
bool sql_session_works(const struct sql_session *s);
/* No effect when no work is under way. timeout: because its time is over, else because the user asked. */
void sql_session_interrupt(struct sql_session *s, bool timeout);
/* When statement_timeout ends the statement under way; 0: never. For what the wire waits for: a client that
 * sends nothing or takes nothing. */
uint64_t sql_session_deadline(const struct sql_session *s);

/* ---- the extended query protocol (PostgreSQL 15, 55.2.3) ----
 *
 * All [fiber], but for the questions. False: *error is set as above, and what follows has to be passed over
 * up to the next Sync, which ends in sql_session_sync. Work between two Syncs is one implicit transaction. */

/* Parse: name "" replaces the unnamed statement. types: what the client says, 0 for what it leaves open. */
MUST_USE bool sql_session_parse(struct sql_session *s, const char *name, struct bytes text,
                                const uint32_t *types, uint32_t type_count, struct sql_error *error);
/* Describe of a statement: parameter types, and the columns of its result (has_columns false: none). Views until the
 * statement is closed. */
struct sql_description {
    const uint32_t *parameter_types;
    uint32_t parameter_count;
    bool has_columns;
    const struct sql_result_column *columns;
    uint32_t column_count;
    const uint16_t *formats; /* of a portal: 0 text, 1 binary, per column or one for all; none: text */
    uint32_t format_count;
};
MUST_USE bool sql_session_describe_statement(struct sql_session *s, const char *name,
                                             struct sql_description *out, struct sql_error *error);
MUST_USE bool sql_session_describe_portal(struct sql_session *s, const char *name, struct sql_description *out,
                                          struct sql_error *error);
/* Bind. body: what follows the two names in the message: formats, values, result formats. */
MUST_USE bool sql_session_bind(struct sql_session *s, const char *portal, const char *statement,
                               struct bytes body, struct sql_error *error);
/* Execute. rows_max: 0 for all; *paused_out true when it stopped there (then the sink heard no complete).
 * alone: a Sync follows at once, so the statement may be committed, and tried again, by itself. */
MUST_USE bool sql_session_execute(struct sql_session *s, const char *portal, uint64_t rows_max, bool alone,
                                  const struct sql_sink *sink, bool *paused_out, struct sql_error *error);
/* Close; a name that does not exist is no error. */
void sql_session_close_statement(struct sql_session *s, const char *name);
void sql_session_close_portal(struct sql_session *s, const char *name);
/* The first message behind a Sync comes. False: in a transaction that began earlier. */
bool sql_session_batch_begin(struct sql_session *s, const struct sql_sink *sink);
/* After an error: true when everything since then is to be handed in again. The sink is as it was then, the error
 * cleared, and the transaction keeps its locks. */
bool sql_session_batch_again(struct sql_session *s, const struct sql_sink *sink, struct sql_error *error);
/* Sync: ends the implicit transaction. False: its commit failed: sql_session_batch_again or sql_session_failed. */
MUST_USE bool sql_session_sync(struct sql_session *s, const struct sql_sink *sink, struct sql_error *error);
/* After an error of the extended protocol: the transaction is over or failed. */
void sql_session_failed(struct sql_session *s);

/* 'I' idle, 'T' in a transaction, 'E' in a failed one: what ReadyForQuery says. */
char sql_session_state(const struct sql_session *s);
/* The client is told this command tag: it says how many rows there were. */
void sql_session_tagged(struct sql_session *s, const char *tag);
/* Rows of tables that its statements have looked at so far, whether they passed the condition or not. */
uint64_t sql_session_rows_read(const struct sql_session *s);

#endif
