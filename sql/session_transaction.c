/* The transaction of a session: BEGIN, COMMIT, ROLLBACK, and how it ends otherwise. */
#include "sql/session_int.h"

#include <stdio.h>

#include "base/assert.h"

static void transaction_defaults(struct sql_session *s)
{
    s->read_only = s->settings.read_only_default;
    s->deferrable = s->settings.deferrable_default;
    s->queried = s->commit_tried = s->irrevocable = false;
    s->transaction_us = session_now_us(s);
}

bool session_transaction_begin(struct sql_session *s, enum transaction_state state, struct sql_error *error)
{
    ASSERT(s->txn == NULL && s->savepoint_count == 0);
    if (txn_create(s->options.kv, &s->transaction_arena, &s->txn) != STATUS_OK)
        return sql_error_out_of_memory(error);
    txn_set_no_quorum_timeout(s->txn, s->settings.no_quorum_timeout_ns);
    txn_set_write_bytes_max(s->txn, s->settings.write_bytes_max);
    if (s->interrupt != INTERRUPT_NONE) txn_interrupt(s->txn);
    transaction_defaults(s);
    s->state = state;
    return true;
}

/* What belongs to it beside its reads and writes. */
static void transaction_forget(struct sql_session *s)
{
    session_portals_close(s); /* what they have not shown yet belongs to the transaction */
    session_savepoints_end(s);
    settings_end(&s->settings, false);
}

void session_transaction_end(struct sql_session *s, enum transaction_state state)
{
    transaction_forget(s);
    activity_transaction_end(s);
    idem_ended(s);
    if (s->txn != NULL) txn_destroy(s->txn);
    s->txn = NULL;
    arena_reset(&s->transaction_arena);
    s->state = state;
}

bool session_transaction_restart(struct sql_session *s, struct sql_error *error)
{
    ASSERT(s->txn != NULL);
    transaction_forget(s);
    idem_restarted(s);
    sql_error_clear(error);
    arena_reset(&s->transaction_arena);
    activity_retry(s);
    if (txn_restart(s->txn, &s->transaction_arena) != STATUS_OK) return sql_error_out_of_memory(error);
    transaction_defaults(s);
    s->state = TRANSACTION_IMPLICIT;
    return true;
}

bool session_transaction_commit(struct sql_session *s, struct exec *x, enum status *status_out)
{
    s->commit_tried = true;
    *status_out = idem_commits(s) ? idem_commit(s, x) : txn_commit(s->txn, &s->commit_ts);
    bool ok = *status_out == STATUS_OK;
    if (ok) settings_end(&s->settings, true);
    if (*status_out == STATUS_EXISTS)
        sql_error_set(x->error, x->arena, SQLSTATE_UNIQUE_VIOLATION, 0,
                      "duplicate key value violates unique constraint \"%s\"",
                      x->key_name != NULL ? x->key_name : "?");
    else if (!ok)
        exec_fail(x, *status_out);
    return ok;
}

/* With savepoints it waits to be taken back to one; a commit that failed leaves nothing to go back
 * to. */
void session_transaction_fail(struct sql_session *s)
{
    bool was_open = (s->state == TRANSACTION_OPEN && !s->commit_tried) || s->state == TRANSACTION_FAILED;
    if (was_open && s->savepoint_count > 0) s->state = TRANSACTION_FAILED;
    else session_transaction_end(s, was_open ? TRANSACTION_FAILED : TRANSACTION_NONE);
}

bool session_refuse_failed(struct exec *x)
{
    return sql_error_set(x->error, x->arena, SQLSTATE_IN_FAILED_SQL_TRANSACTION, 0,
                         "current transaction is aborted, commands ignored until end of transaction block");
}

bool session_needs_block(struct exec *x, const char *what)
{
    return sql_error_set(x->error, x->arena, SQLSTATE_NO_ACTIVE_SQL_TRANSACTION, 0,
                         "%s can only be used in transaction blocks", what);
}

/* ---- BEGIN, COMMIT, ROLLBACK ---- */

static bool begin(struct sql_session *s, struct exec *x, const struct sql_transaction *n)
{
    snprintf(x->tag, sizeof x->tag, n->transaction == SQL_TRANSACTION_START ? "START TRANSACTION" : "BEGIN");
    if (s->state == TRANSACTION_FAILED) return session_refuse_failed(x);
    if (s->state == TRANSACTION_OPEN)
        exec_notice(x, "WARNING", SQLSTATE_ACTIVE_SQL_TRANSACTION, "there is already a transaction in progress", "");
    else if (s->txn == NULL && !session_transaction_begin(s, TRANSACTION_OPEN, x->error)) return false;
    s->state = TRANSACTION_OPEN; /* an implicit one becomes it */
    return session_set_modes(s, x, &n->modes);
}

/* The next transaction begins at once, with the modes of this one. */
static bool chain(struct sql_session *s, struct exec *x)
{
    bool read_only = s->read_only, deferrable = s->deferrable;
    session_transaction_end(s, TRANSACTION_NONE);
    if (!session_transaction_begin(s, TRANSACTION_OPEN, x->error)) return false;
    s->read_only = read_only;
    s->deferrable = deferrable;
    return true;
}

static bool end(struct sql_session *s, struct exec *x, const struct sql_transaction *n)
{
    bool asked = n->transaction == SQL_TRANSACTION_COMMIT, commit = asked && s->state != TRANSACTION_FAILED;
    bool in_block = s->state == TRANSACTION_OPEN || s->state == TRANSACTION_FAILED;
    enum status status;
    snprintf(x->tag, sizeof x->tag, commit ? "COMMIT" : "ROLLBACK");
    if (n->chain && s->txn != NULL && txn_reads_past(s->txn))
        return exec_unsupported(x, n->node.position, "AND CHAIN behind AS OF SYSTEM TIME");
    if (!in_block && n->chain) return session_needs_block(x, asked ? "COMMIT AND CHAIN" : "ROLLBACK AND CHAIN");
    if (!in_block)
        exec_notice(x, "WARNING", SQLSTATE_NO_ACTIVE_SQL_TRANSACTION, "there is no transaction in progress", "");
    if (commit && s->txn != NULL && !session_transaction_commit(s, x, &status)) return false;
    if (n->chain) return chain(s, x);
    session_transaction_end(s, TRANSACTION_NONE);
    return true;
}

bool session_control(struct sql_session *s, struct exec *x, const struct sql_transaction *n)
{
    switch (n->transaction) {
    case SQL_TRANSACTION_BEGIN:
    case SQL_TRANSACTION_START: return begin(s, x, n);
    case SQL_TRANSACTION_COMMIT:
    case SQL_TRANSACTION_ROLLBACK: return end(s, x, n);
    case SQL_TRANSACTION_SAVEPOINT: return session_savepoint(s, x, n->savepoint);
    case SQL_TRANSACTION_RELEASE: return session_savepoint_release(s, x, n->savepoint);
    case SQL_TRANSACTION_ROLLBACK_TO: return session_savepoint_back(s, x, n->savepoint);
    }
    UNREACHABLE();
}

bool session_is_control(const struct sql_node *node)
{
    return node->kind == SQL_STMT_TRANSACTION;
}
