/* Statements within transactions: alone, inside one, and again after a conflict while nobody has
 * seen anything. */
#include "sql/session_int.h"

#include <stdio.h>

#include "base/assert.h"

#define ATTEMPTS_MAX 200
#define REFRESHES_MAX 20         /* each keeps memory of the transaction */
#define REGION_ATTEMPTS_MAX 50

static void transaction_limits(struct sql_session *s)
{
    txn_set_deadline(s->txn, s->deadline_ns);
    txn_set_lock_timeout(s->txn, s->settings.lock_timeout_ns);
}

/* [fiber] What went wrong may have gone wrong because the statement relied on an old table. True:
 * it did, and the next attempt will read the table. */
static bool relied_on_old_table(struct sql_session *s, struct exec *x, enum status commit_status)
{
    if (x->assumed == NULL) return false;
    bool old = commit_status == STATUS_CONFLICT || commit_status == STATUS_SNAPSHOT_TOO_OLD ||
               sql_error_is(x->error, SQLSTATE_SERIALIZATION_FAILURE) ||
               sql_error_is(x->error, SQLSTATE_SNAPSHOT_TOO_OLD);
    if (!old && commit_status == STATUS_OK) { /* it failed before the commit */
        enum status status = txn_verify(s->txn);
        old = status == STATUS_CONFLICT || status == STATUS_SNAPSHOT_TOO_OLD;
    }
    if (old) catalog_cache_forget(&s->cache, x->assumed);
    if (old) COVER("sql_relied_on_old_table");
    return old;
}

/* Of which nothing is seen before the commit: a count, and the rows that RETURNING holds. */
static bool shows_after_commit(const struct sql_node *node)
{
    if (node->kind == SQL_STMT_INSERT) return sql_as_insert(node)->on_conflict.action != SQL_CONFLICT_NONE;
    return node->kind == SQL_STMT_UPDATE || node->kind == SQL_STMT_DELETE;
}

/* [fiber] A statement that is a transaction of its own: tried again while nobody has seen anything
 * of it. The first attempt locks only what it looks up by key; those that follow lock all they
 * change. */
bool session_run_alone(struct sql_session *s, const struct sql_statement *statement, const struct sql_sink *sink,
                      struct sql_error *error)
{
    bool check_now = false, ok = false;
    bool overlay = shows_after_commit(statement->node);
    struct exec x;
    if (!session_transaction_begin(s, TRANSACTION_IMPLICIT, error)) return false;
    for (int attempt = 1;; attempt++) {
        enum status status = STATUS_OK;
        session_exec_init(s, &x, sink, error);
        transaction_limits(s);
        x.check_now = check_now;
        x.locks = attempt == 1 ? EXEC_LOCK_POINTS : EXEC_LOCK_ROWS;
        x.alone = true;
        txn_set_overlay(s->txn, overlay);
        ok = idem_execute(s, &x, statement) &&
             (!MUTANT("returning_before_commit") || exec_held_send(&x)) &&
             session_transaction_commit(s, &x, &status);
        /* Up to just before: TRUNCATE relies on the record and replaces it, at this very
         * timestamp. */
        if (ok && x.assumed != NULL && s->commit_ts > x.assumed->ts) x.assumed->ts = s->commit_ts - 1;
        bool old = !ok && relied_on_old_table(s, &x, status);
        /* An error may rest on writes that are never committed: the next attempt waits for them. */
        bool pending = txn_is_pending(s->txn) && status != STATUS_UNKNOWN_OUTCOME;
        bool doubtful = idem_again(s, &x, ok, status);
        bool again = !ok && !x.rows_sent && attempt < ATTEMPTS_MAX &&
                     (old || status == STATUS_CONFLICT || (status == STATUS_EXISTS && !check_now) || pending ||
                      doubtful || sql_error_is(error, SQLSTATE_SERIALIZATION_FAILURE));
        if (!again) break;
        if (pending) overlay = false;
        if (status == STATUS_EXISTS) check_now = true; /* this time with the key in the message */
        COVER("sql_statement_retried");
        if (!session_transaction_restart(s, error)) break;
    }
    if (ok) ok = idem_deliver(s, &x, sink);
    session_transaction_end(s, TRANSACTION_NONE);
    if (ok) {
        if (x.held != NULL && sink->committed != NULL) sink->committed(sink->ctx);
        return (exec_held_send(&x) && sink->complete(sink->ctx, x.tag)) || exec_fail(&x, STATUS_CANCELLED);
    }
    struct sql_error copy = {0};
    sql_error_copy(&copy, &s->query_arena, error);
    *error = copy;
    return false;
}

/* What the statement has done is undone, and what was read before it moved to now. False: the error
 * says why not. */
static bool statement_restart(struct sql_session *s, struct exec *x, struct txn_mark start, bool first)
{
    enum status status;
    if (first) { /* nothing else lies in the transaction's memory */
        arena_reset(&s->transaction_arena);
        status = txn_restart(s->txn, &s->transaction_arena);
    } else {
        status = txn_back_and_refresh(s->txn, start);
    }
    if (status == STATUS_CONFLICT) return false; /* what was read before has changed: as the error says */
    sql_error_clear(x->error);
    if (status == STATUS_OK && !first) COVER("sql_statement_refreshed");
    return status == STATUS_OK || exec_fail(x, status);
}

/* Statements that look at data, or may; PostgreSQL takes a snapshot for them. */
static bool queries(const struct sql_node *node)
{
    switch ((enum sql_node_kind)node->kind) {
    case SQL_STMT_SET:
    case SQL_STMT_SET_TRANSACTION:
    case SQL_STMT_SHOW:
    case SQL_STMT_FETCH: return false;
    default: return true;
    }
}

/* Statements whose effects no rollback takes back. */
static bool is_irrevocable(const struct sql_node *node)
{
    switch ((enum sql_node_kind)node->kind) {
    case SQL_STMT_COPY: /* the client sends what it takes only once */
    case SQL_STMT_PREPARE:
    case SQL_STMT_DEALLOCATE:
    case SQL_STMT_DISCARD: return true;
    default: return false;
    }
}

/* [fiber] Executes a statement within s->txn. It is tried again while nobody has seen anything of
 * it: the first one of a transaction from the start, another as long as what was read before it has
 * not changed. */
static bool execute_inside(struct sql_session *s, struct exec *x, const struct sql_statement *statement,
                           const struct sql_sink *sink, struct sql_error *error)
{
    bool queried = s->queried;
    transaction_limits(s);
    if (!idem_prepare(s, x, statement)) return false; /* what it reads is not the statement's */
    bool first = txn_is_fresh(s->txn);
    struct txn_mark start = txn_mark(s->txn);
    if (is_irrevocable(statement->node)) s->irrevocable = true;
    for (int attempt = 1;; attempt++) {
        transaction_limits(s);
        x->txn = s->txn;
        x->check_now = true;
        x->locks = EXEC_LOCK_ROWS;
        x->eval.transaction_us = s->transaction_us;
        s->queried = queried || queries(statement->node);
        if (idem_execute(s, x, statement)) return exec_held_send(x);
        if (x->rows_sent || attempt == (first ? ATTEMPTS_MAX : REFRESHES_MAX) ||
            !sql_error_is(error, SQLSTATE_SERIALIZATION_FAILURE) || !statement_restart(s, x, start, first))
            return false;
        session_exec_init(s, x, sink, error);
    }
}

/* [fiber] A statement inside a transaction that outlives it. False: the transaction is as the
 * statement left it. */
bool session_run_inside(struct sql_session *s, const struct sql_statement *statement, bool last,
                       const struct sql_sink *sink, struct sql_error *error)
{
    struct exec x;
    session_exec_init(s, &x, sink, error);
    if (s->txn != NULL) txn_set_deadline(s->txn, s->deadline_ns); /* also for its commit */
    x.check_now = true;
    bool ok;
    if (session_is_control(statement->node)) {
        ok = idem_may_run(s, statement->node, x.arena, error) &&
             session_control(s, &x, sql_as_transaction(statement->node));
    } else if (s->state == TRANSACTION_FAILED) {
        ok = session_refuse_failed(&x);
    } else {
        ok = (s->txn != NULL || session_transaction_begin(s, TRANSACTION_IMPLICIT, error)) &&
             execute_inside(s, &x, statement, sink, error);
    }
    /* The last statement's tag stands for the commit of the implicit transaction, too. */
    if (ok && last && s->state == TRANSACTION_IMPLICIT) {
        enum status status;
        ok = session_transaction_commit(s, &x, &status);
        if (ok) session_transaction_end(s, TRANSACTION_NONE);
    }
    if (ok) ok = sink->complete(sink->ctx, x.tag) || exec_fail(&x, STATUS_CANCELLED);
    if (ok) return true;
    struct sql_error copy = {0};
    sql_error_copy(&copy, &s->query_arena, error);
    *error = copy;
    /* Whoever it waited for goes on; it may be rolled back to a savepoint and begin to lock
     * again. */
    if (s->txn != NULL && sql_error_is(error, SQLSTATE_DEADLOCK_DETECTED)) txn_unlock(s->txn);
    return false;
}

/* ---- whole transactions again ---- */

void session_region_begin(struct sql_session *s, struct session_region *r, const struct sql_sink *sink)
{
    *r = (struct session_region){.possible = s->state == TRANSACTION_NONE && sink->mark != NULL};
    if (r->possible) r->mark = sink->mark(sink->ctx);
}

bool session_region_again(struct sql_session *s, struct session_region *r, const struct sql_sink *sink,
                          struct sql_error *error)
{
    bool retryable = sql_error_is(error, SQLSTATE_SERIALIZATION_FAILURE) ||
                     sql_error_is(error, SQLSTATE_DEADLOCK_DETECTED);
    if (!r->possible || !retryable || s->txn == NULL || s->irrevocable || s->state == TRANSACTION_FAILED ||
        s->interrupt != INTERRUPT_NONE || ++r->attempts > REGION_ATTEMPTS_MAX || !sink->rewind(sink->ctx, r->mark))
        return false;
    COVER("sql_transaction_retried");
    return session_transaction_restart(s, error);
}

bool sql_session_batch_begin(struct sql_session *s, const struct sql_sink *sink)
{
    session_region_begin(s, &s->batch, sink);
    return s->batch.possible;
}

bool sql_session_batch_again(struct sql_session *s, const struct sql_sink *sink, struct sql_error *error)
{
    return session_region_again(s, &s->batch, sink, error);
}
