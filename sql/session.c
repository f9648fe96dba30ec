/* A session: settings, transaction state, and the loop over statements. */
#include "sql/session_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/parse.h"
#include "sql/parser.h"
#include "sql/query.h"
#include "sql/types_io.h"

#define STATEMENT_BYTES_DEFAULT (64u << 20)
#define TRANSACTION_BYTES_MAX (96u << 20)
#define ROW_BYTES_MAX (16u << 20)
#define ATTEMPTS_MAX 200
#define SETTINGS_MAX 64
#define POSTGRES_EPOCH_US 946684800000000 /* 2000-01-01 since 1970 */

const char *sql_session_reported(const struct sql_session *s, uint32_t index, const char **value_out)
{
    return settings_reported(&s->settings, index, value_out);
}

bool sql_session_set(struct sql_session *s, struct arena *arena, const char *name, const char *value,
                     struct sql_error *error)
{
    return settings_set(&s->settings, arena, name, value, SETTING_START, error);
}

/* Tells the client of settings that have changed. */
void session_report(struct sql_session *s, const struct sql_sink *sink)
{
    const char *name, *value;
    while ((name = settings_unreported(&s->settings, &value)) != NULL) sink->parameter(sink->ctx, name, value);
}

/* ---- lifecycle ---- */

enum status sql_session_create(const struct sql_session_options *options, struct sql_session **session_out)
{
    struct sql_session *s = calloc(1, sizeof *s);
    if (s == NULL) return STATUS_NO_MEMORY;
    s->options = *options;
    settings_init(&s->settings, options->zones);
    snprintf(s->user, sizeof s->user, "%s", options->user);
    snprintf(s->database, sizeof s->database, "%s", options->database);
    uint64_t bytes = options->statement_memory_bytes != 0 ? options->statement_memory_bytes
                                                          : STATEMENT_BYTES_DEFAULT;
    list_init(&s->prepared);
    list_init(&s->portals);
    catalog_cache_init(&s->cache);
    buf_init(&s->key, TXN_KEY_BYTES_MAX);
    buf_init(&s->value, TXN_VALUE_BYTES_MAX);
    arena_init(&s->query_arena, bytes);
    arena_init(&s->statement_arena, bytes);
    arena_init(&s->row_arena, ROW_BYTES_MAX);
    arena_init(&s->transaction_arena, TRANSACTION_BYTES_MAX);
    *session_out = s;
    return STATUS_OK;
}

void session_transaction_end(struct sql_session *s, enum transaction_state state)
{
    session_portals_close(s); /* what they have not shown yet belongs to the transaction */
    if (s->txn != NULL) txn_destroy(s->txn);
    s->txn = NULL;
    settings_end(&s->settings, false);
    arena_reset(&s->transaction_arena);
    s->state = state;
}

void sql_session_destroy(struct sql_session *s)
{
    session_transaction_end(s, TRANSACTION_NONE);
    session_prepared_close_all(s);
    settings_deinit(&s->settings);
    catalog_cache_deinit(&s->cache);
    buf_deinit(&s->key);
    buf_deinit(&s->value);
    arena_deinit(&s->query_arena);
    arena_deinit(&s->statement_arena);
    arena_deinit(&s->row_arena);
    arena_deinit(&s->transaction_arena);
    free(s);
}

uint64_t sql_session_rows_read(const struct sql_session *s) { return s->rows_read; }

char sql_session_state(const struct sql_session *s)
{
    switch (s->state) {
    case TRANSACTION_OPEN: return 'T';
    case TRANSACTION_FAILED: return 'E';
    default: return 'I';
    }
}

uint64_t session_statement_deadline(const struct sql_session *s)
{
    uint64_t ns = s->settings.statement_timeout_ns;
    return ns == 0 ? 0 : env_now_ns(s->options.env) + ns;
}

/* ---- one statement ---- */

static void fill_random(void *ctx, uint8_t *out, size_t size)
{
    struct env *env = ctx;
    while (size > 0) {
        uint64_t r = env_random_u64(env);
        size_t n = size < sizeof r ? size : sizeof r;
        memcpy(out, &r, n);
        out += n;
        size -= n;
    }
}

static int64_t now_us(const struct sql_session *s)
{
    return (int64_t)(env_wall_ns(s->options.env) / 1000) - POSTGRES_EPOCH_US;
}

void session_exec_init(struct sql_session *s, struct exec *x, const struct sql_sink *sink,
                      struct sql_error *error)
{
    session_exec_init_in(s, x, sink, error, &s->statement_arena, &s->row_arena);
}

void session_exec_init_in(struct sql_session *s, struct exec *x, const struct sql_sink *sink,
                          struct sql_error *error, struct arena *arena, struct arena *row_arena)
{
    arena_reset(arena);
    arena_reset(row_arena);
    *x = (struct exec){.arena = arena, .row_arena = row_arena, .error = error, .txn = s->txn, .sink = sink};
    session_bind_parameters(s, x);
    sql_eval_init(&x->eval, x->arena, error);
    x->rows_read = &s->rows_read;
    if (s->portal_count == 0) catalog_cache_sweep(&s->cache);
    x->cache = &s->cache;
    x->key = &s->key;
    x->value = &s->value;
    x->eval.transaction_us = s->transaction_us;
    x->eval.statement_us = x->eval.clock_us = now_us(s);
    x->eval.random = fill_random;
    x->eval.random_ctx = s->options.env;
    x->eval.user_name = x->eval.session_user_name = s->user;
    x->eval.database_name = s->database;
    x->eval.schema_name = "public";
    x->eval.version = "PostgreSQL 15.0 (Ostraka " OSTRAKA_VERSION ")";
    x->eval.extra_float_digits = s->settings.extra_float_digits;
    x->eval.date_order = s->settings.date_order;
    x->eval.zones = s->settings.zones;
    x->eval.zone = &s->settings.zone;
    x->notice_level = s->settings.notice_level;
}

static bool show_setting(struct sql_session *s, struct exec *x, const struct sql_show *n)
{
    if (n->name == NULL) return exec_unsupported(x, n->node.position, "SHOW ALL");
    const char *name = "transaction_read_only", *value = s->read_only ? "on" : "off";
    if (strcasecmp(n->name, name) != 0) value = settings_get(&s->settings, n->name, &name);
    if (value == NULL)
        return sql_error_set(x->error, x->arena, SQLSTATE_UNDEFINED_OBJECT, 0,
                             "unrecognized configuration parameter \"%s\"", n->name);
    struct sql_result_column column = {.name = name, .type = sql_type_of(SQL_TYPE_TEXT)};
    struct sql_datum text = sql_bytes(bytes_of_string(value));
    if (!exec_columns(x, &column, 1)) return false;
    if (x->describe) return true;
    if (!x->sink->begin(x->sink->ctx, &column, 1) || !x->sink->row(x->sink->ctx, &x->eval, &text))
        return exec_fail(x, STATUS_CANCELLED);
    snprintf(x->tag, sizeof x->tag, "SHOW");
    return true;
}

/* One value of SET as text; NULL: none that is done yet. */
static const char *value_text(struct exec *x, const struct sql_set *n, const struct sql_node *v)
{
    if (v->kind != SQL_EXPR_CONST) return NULL;
    const struct sql_const *c = sql_as_const(v);
    if (c->type == SQL_CONST_INTEGER) return arena_printf(x->arena, "%lld", (long long)c->integer);
    if (c->type == SQL_CONST_BOOL) return c->integer ? "on" : "off";
    if (!settings_quotes(n->name) || c->text == NULL) return c->text;
    struct buf quoted;
    buf_init(&quoted, 4 * SQL_NAME_BYTES_MAX);
    sql_ast_print_identifier(c->text, &quoted);
    struct bytes copy = quoted.failed ? BYTES_EMPTY : arena_copy(x->arena, buf_view(&quoted));
    buf_deinit(&quoted);
    return (const char *)copy.data;
}

/* The values of SET joined as PostgreSQL joins them: "a, b". */
static const char *set_text(struct exec *x, const struct sql_set *n)
{
    const char *text = "";
    for (uint32_t i = 0; i < n->values.count && text != NULL; i++) {
        const char *one = value_text(x, n, n->values.items[i]);
        text = one == NULL ? NULL : arena_printf(x->arena, "%s%s%s", text, i > 0 ? ", " : "", one);
    }
    return text;
}

static bool set_setting(struct sql_session *s, struct exec *x, const struct sql_set *n)
{
    snprintf(x->tag, sizeof x->tag, n->set == SQL_SET_RESET || n->set == SQL_SET_RESET_ALL ? "RESET" : "SET");
    if (n->local && s->state != TRANSACTION_OPEN)
        exec_notice(x, "WARNING", SQLSTATE_NO_ACTIVE_SQL_TRANSACTION,
                    "SET LOCAL can only be used in transaction blocks", "");
    if (n->set == SQL_SET_RESET_ALL) return settings_reset_all(&s->settings) || sql_error_out_of_memory(x->error);
    const char *value = n->set == SQL_SET_VALUE ? set_text(x, n) : NULL;
    if (n->set == SQL_SET_VALUE && value == NULL) return exec_unsupported(x, n->node.position, "this value");
    if (strcasecmp(n->name, "transaction_read_only") == 0 && value != NULL) {
        s->read_only = strcmp(value, "on") == 0 || strcmp(value, "1") == 0 || strcasecmp(value, "true") == 0;
        return true;
    }
    return settings_set(&s->settings, x->arena, n->name, value, n->local ? SETTING_LOCAL : SETTING_SESSION,
                        x->error);
}

static bool set_transaction(struct sql_session *s, struct exec *x, const struct sql_set_transaction *n)
{
    snprintf(x->tag, sizeof x->tag, "SET");
    if (n->modes.as_of != NULL) return exec_unsupported(x, n->node.position, "AS OF SYSTEM TIME");
    if (n->session) {
        if (n->modes.read_only == SQL_CHOICE_NONE) return true;
        return settings_set(&s->settings, x->arena, "default_transaction_read_only",
                            n->modes.read_only == SQL_CHOICE_YES ? "on" : "off", SETTING_SESSION, x->error);
    }
    if (s->state != TRANSACTION_OPEN)
        exec_notice(x, "WARNING", SQLSTATE_NO_ACTIVE_SQL_TRANSACTION,
                    "SET TRANSACTION can only be used in transaction blocks", "");
    if (n->modes.read_only != SQL_CHOICE_NONE) s->read_only = n->modes.read_only == SQL_CHOICE_YES;
    return true;
}

static bool discard(struct sql_session *s, struct exec *x, const struct sql_discard *n)
{
    static const char *const tags[] = {[SQL_DISCARD_ALL] = "DISCARD ALL", [SQL_DISCARD_PLANS] = "DISCARD PLANS",
                                       [SQL_DISCARD_SEQUENCES] = "DISCARD SEQUENCES",
                                       [SQL_DISCARD_TEMP] = "DISCARD TEMP"};
    snprintf(x->tag, sizeof x->tag, "%s", tags[n->discard]);
    if (n->discard != SQL_DISCARD_ALL) return true; /* nothing of that kind is kept */
    if (s->state == TRANSACTION_OPEN || !x->alone)
        return sql_error_set(x->error, x->arena, SQLSTATE_ACTIVE_SQL_TRANSACTION, 0,
                             "DISCARD ALL cannot run inside a transaction block");
    session_prepared_close_all(s);
    return settings_reset_all(&s->settings) || sql_error_out_of_memory(x->error);
}

/* There is nothing to do, but what is named has to be there. */
static bool vacuum(struct exec *x, const struct sql_vacuum *n)
{
    snprintf(x->tag, sizeof x->tag, n->analyze_only ? "ANALYZE" : "VACUUM");
    if (!n->analyze_only && !x->alone)
        return sql_error_set(x->error, x->arena, SQLSTATE_ACTIVE_SQL_TRANSACTION, 0,
                             "VACUUM cannot run inside a transaction block");
    for (uint32_t i = 0; i < n->table_count; i++) {
        struct sql_name name = n->tables[i].name;
        name.position = 0; /* as PostgreSQL reports it */
        const struct sql_table *t = exec_table(x, &name);
        if (t == NULL) return false;
        for (uint32_t k = 0; k < n->tables[i].columns.count; k++) {
            const char *column = n->tables[i].columns.items[k];
            uint32_t place = 0;
            while (place < t->column_count && strcmp(t->columns[place].name, column) != 0) place++;
            if (place < t->column_count) continue;
            return sql_error_set(x->error, x->arena, SQLSTATE_UNDEFINED_COLUMN, 0,
                                 "column \"%s\" of relation \"%s\" does not exist", column, t->name);
        }
    }
    return true;
}

/* What a statement that writes is called in "cannot execute ..."; NULL: it does not write. */
static const char *writes(const struct sql_node *node)
{
    switch ((enum sql_node_kind)node->kind) {
    case SQL_STMT_INSERT: return "INSERT";
    case SQL_STMT_UPDATE: return "UPDATE";
    case SQL_STMT_DELETE: return "DELETE";
    case SQL_STMT_COPY: return sql_as_copy(node)->from ? "COPY FROM" : NULL;
    case SQL_STMT_CREATE_TABLE: return "CREATE TABLE";
    case SQL_STMT_CREATE_TABLE_AS: return "CREATE TABLE AS";
    case SQL_STMT_DROP: return "DROP TABLE";
    case SQL_STMT_TRUNCATE: return "TRUNCATE TABLE";
    default: return NULL;
    }
}

/* What a statement that is parsed and not executed is called. */
static const char *unsupported_name(const struct sql_node *node)
{
    switch ((enum sql_node_kind)node->kind) {
    case SQL_STMT_CREATE_INDEX: return "CREATE INDEX";
    case SQL_STMT_CREATE_SEQUENCE: return "CREATE SEQUENCE";
    case SQL_STMT_CREATE_VIEW: return "CREATE VIEW";
    case SQL_STMT_CREATE_SCHEMA: return "CREATE SCHEMA";
    case SQL_STMT_CREATE_DATABASE: return "CREATE DATABASE";
    case SQL_STMT_CREATE_ROLE: return "CREATE ROLE";
    case SQL_STMT_ALTER_TABLE: return "ALTER TABLE";
    case SQL_STMT_ALTER_SEQUENCE: return "ALTER SEQUENCE";
    case SQL_STMT_ALTER_ROLE: return "ALTER ROLE";
    case SQL_STMT_RENAME: return "ALTER ... RENAME";
    case SQL_STMT_GRANT: return "GRANT or REVOKE";
    case SQL_STMT_SHOW_RANGES: return "SHOW RANGES";
    case SQL_STMT_EXPLAIN: return "EXPLAIN";
    case SQL_STMT_DECLARE_CURSOR: return "DECLARE CURSOR";
    case SQL_STMT_FETCH: return "FETCH or MOVE";
    case SQL_STMT_CLOSE: return "CLOSE";
    case SQL_STMT_LISTEN: return "LISTEN";
    case SQL_STMT_NOTIFY: return "NOTIFY";
    case SQL_STMT_UNLISTEN: return "UNLISTEN";
    case SQL_STMT_LOCK: return "LOCK TABLE";
    default: return "this statement";
    }
}

static bool execute(struct sql_session *s, struct exec *x, const struct sql_node *node)
{
    if (s->read_only && !x->describe && writes(node) != NULL)
        return sql_error_set(x->error, x->arena, SQLSTATE_READ_ONLY_SQL_TRANSACTION, 0,
                             "cannot execute %s in a read-only transaction", writes(node));
    switch ((enum sql_node_kind)node->kind) {
    case SQL_STMT_SELECT: return exec_select(x, sql_as_select(node));
    case SQL_STMT_INSERT: return exec_insert(x, sql_as_insert(node));
    case SQL_STMT_UPDATE: return exec_update(x, sql_as_update(node));
    case SQL_STMT_DELETE: return exec_delete(x, sql_as_delete(node));
    case SQL_STMT_COPY: return exec_copy(x, sql_as_copy(node));
    case SQL_STMT_CREATE_TABLE: return exec_create_table(x, sql_as_create_table(node));
    case SQL_STMT_CREATE_TABLE_AS: return exec_create_table_as(x, sql_as_create_table_as(node));
    case SQL_STMT_DROP: return exec_drop(x, sql_as_drop(node));
    case SQL_STMT_TRUNCATE: return exec_truncate(x, sql_as_truncate(node));
    case SQL_STMT_SHOW: return show_setting(s, x, sql_as_show(node));
    case SQL_STMT_SET: return set_setting(s, x, sql_as_set(node));
    case SQL_STMT_SET_TRANSACTION: return set_transaction(s, x, sql_as_set_transaction(node));
    case SQL_STMT_VACUUM: return vacuum(x, sql_as_vacuum(node));
    case SQL_STMT_PREPARE: return session_prepare_statement(s, x, sql_as_prepare(node));
    case SQL_STMT_EXECUTE: return session_execute_statement(s, x, sql_as_execute(node));
    case SQL_STMT_DEALLOCATE: return session_deallocate(s, x, sql_as_named(node));
    case SQL_STMT_DISCARD: return discard(s, x, sql_as_discard(node));
    case SQL_STMT_UNSUPPORTED: return exec_unsupported(x, node->position, sql_as_unsupported(node)->name);
    default: return exec_unsupported(x, node->position, unsupported_name(node));
    }
}

bool session_execute(struct sql_session *s, struct exec *x, const struct sql_node *node)
{
    bool ok = execute(s, x, node);
    exec_end(x);
    return ok;
}

/* ---- transactions ---- */

bool session_transaction_begin(struct sql_session *s, enum transaction_state state, struct sql_error *error)
{
    ASSERT(s->txn == NULL);
    if (txn_create(s->options.kv, &s->transaction_arena, &s->txn) != STATUS_OK)
        return sql_error_out_of_memory(error);
    txn_set_no_quorum_timeout(s->txn, s->settings.no_quorum_timeout_ns);
    if (s->interrupt != INTERRUPT_NONE) txn_interrupt(s->txn);
    s->transaction_us = now_us(s);
    s->state = state;
    s->read_only = s->settings.read_only_default;
    return true;
}

/* [fiber] Commits and ends the transaction. */
bool session_transaction_commit(struct sql_session *s, struct exec *x, enum status *status_out)
{
    *status_out = txn_commit(s->txn, &s->commit_ts);
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

static bool refuse_failed(struct exec *x)
{
    return sql_error_set(x->error, x->arena, SQLSTATE_IN_FAILED_SQL_TRANSACTION, 0,
                         "current transaction is aborted, commands ignored until end of transaction block");
}

static bool control(struct sql_session *s, struct exec *x, const struct sql_transaction *n)
{
    enum status status;
    switch (n->transaction) {
    case SQL_TRANSACTION_BEGIN:
    case SQL_TRANSACTION_START:
        snprintf(x->tag, sizeof x->tag, n->transaction == SQL_TRANSACTION_START ? "START TRANSACTION" : "BEGIN");
        if (n->modes.as_of != NULL) return exec_unsupported(x, n->node.position, "AS OF SYSTEM TIME");
        if (s->state == TRANSACTION_FAILED) return refuse_failed(x);
        if (s->state == TRANSACTION_OPEN)
            exec_notice(x, "WARNING", SQLSTATE_ACTIVE_SQL_TRANSACTION,
                        "there is already a transaction in progress", "");
        else if (s->txn == NULL && !session_transaction_begin(s, TRANSACTION_OPEN, x->error)) return false;
        s->state = TRANSACTION_OPEN; /* an implicit one becomes it */
        if (n->modes.read_only != SQL_CHOICE_NONE) s->read_only = n->modes.read_only == SQL_CHOICE_YES;
        return true;
    case SQL_TRANSACTION_COMMIT:
    case SQL_TRANSACTION_ROLLBACK: {
        bool commit = n->transaction == SQL_TRANSACTION_COMMIT && s->state != TRANSACTION_FAILED;
        snprintf(x->tag, sizeof x->tag, commit ? "COMMIT" : "ROLLBACK");
        if (n->chain) return exec_unsupported(x, n->node.position, "AND CHAIN");
        if (s->state != TRANSACTION_OPEN && s->state != TRANSACTION_FAILED)
            exec_notice(x, "WARNING", SQLSTATE_NO_ACTIVE_SQL_TRANSACTION, "there is no transaction in progress", "");
        bool ok = !commit || s->txn == NULL || session_transaction_commit(s, x, &status);
        session_transaction_end(s, TRANSACTION_NONE);
        return ok;
    }
    default: return exec_unsupported(x, n->node.position, "SAVEPOINT");
    }
}

void session_transaction_fail(struct sql_session *s)
{
    bool was_open = s->state == TRANSACTION_OPEN || s->state == TRANSACTION_FAILED;
    session_transaction_end(s, was_open ? TRANSACTION_FAILED : TRANSACTION_NONE);
}

static void transaction_limits(struct sql_session *s)
{
    txn_set_deadline(s->txn, s->deadline_ns);
    txn_set_lock_timeout(s->txn, s->settings.lock_timeout_ns);
}

/* Everything the transaction has read and written is forgotten; its locks stay, and so its place in line. */
static bool transaction_restart(struct sql_session *s, struct sql_error *error)
{
    COVER("sql_statement_retried");
    sql_error_clear(error);
    arena_reset(&s->transaction_arena);
    return txn_restart(s->txn, &s->transaction_arena) == STATUS_OK || sql_error_out_of_memory(error);
}

/* [fiber] What went wrong may have gone wrong because the statement relied on an old table. True: it did, and the next
 * attempt will read the table. */
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

/* [fiber] A statement that is a transaction of its own: tried again while nobody has seen anything of it. The first
 * attempt locks only what it looks up by key; those that follow lock all they change. */
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
        ok = session_execute(s, &x, statement->node) &&
             (!MUTANT("returning_before_commit") || exec_held_send(&x)) &&
             session_transaction_commit(s, &x, &status);
        if (ok && x.assumed != NULL && s->commit_ts > x.assumed->ts) x.assumed->ts = s->commit_ts;
        bool old = !ok && relied_on_old_table(s, &x, status);
        /* An error may rest on writes that are never committed: the next attempt waits for them. */
        bool pending = txn_is_pending(s->txn) && status != STATUS_UNKNOWN_OUTCOME;
        bool again = !ok && !x.rows_sent && attempt < ATTEMPTS_MAX &&
                     (old || status == STATUS_CONFLICT || (status == STATUS_EXISTS && !check_now) || pending ||
                      sql_error_is(error, SQLSTATE_SERIALIZATION_FAILURE));
        if (!again) break;
        if (pending) overlay = false;
        if (status == STATUS_EXISTS) check_now = true; /* this time with the key in the message */
        if (!transaction_restart(s, error)) break;
    }
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

/* [fiber] Executes a statement within s->txn. The first one of a transaction may be tried again: nobody has seen
 * anything of it. */
static bool execute_inside(struct sql_session *s, struct exec *x, const struct sql_statement *statement,
                           const struct sql_sink *sink, struct sql_error *error)
{
    bool first = txn_is_fresh(s->txn);
    for (int attempt = 1;; attempt++) {
        transaction_limits(s);
        x->txn = s->txn;
        x->check_now = true;
        x->locks = EXEC_LOCK_ROWS;
        x->eval.transaction_us = s->transaction_us;
        if (session_execute(s, x, statement->node)) return exec_held_send(x);
        if (!first || x->rows_sent || attempt == ATTEMPTS_MAX ||
            !sql_error_is(error, SQLSTATE_SERIALIZATION_FAILURE) || !transaction_restart(s, error))
            return false;
        session_exec_init(s, x, sink, error);
    }
}

bool session_is_control(const struct sql_node *node)
{
    return node->kind == SQL_STMT_TRANSACTION;
}

/* [fiber] A statement inside a transaction that outlives it. */
bool session_run_inside(struct sql_session *s, const struct sql_statement *statement, bool last,
                       const struct sql_sink *sink, struct sql_error *error)
{
    struct exec x;
    session_exec_init(s, &x, sink, error);
    if (s->txn != NULL) txn_set_deadline(s->txn, s->deadline_ns); /* also for its commit */
    x.check_now = true;
    bool ok;
    if (session_is_control(statement->node)) {
        ok = control(s, &x, sql_as_transaction(statement->node));
    } else if (s->state == TRANSACTION_FAILED) {
        ok = refuse_failed(&x);
    } else {
        ok = (s->txn != NULL || session_transaction_begin(s, TRANSACTION_IMPLICIT, error)) &&
             execute_inside(s, &x, statement, sink, error);
    }
    /* The last statement's tag stands for the commit of the implicit transaction, too. */
    if (ok && last && s->state == TRANSACTION_IMPLICIT) {
        enum status status;
        ok = session_transaction_commit(s, &x, &status);
        session_transaction_end(s, TRANSACTION_NONE);
    }
    if (ok) ok = sink->complete(sink->ctx, x.tag) || exec_fail(&x, STATUS_CANCELLED);
    if (ok) return true;
    struct sql_error copy = {0};
    sql_error_copy(&copy, &s->query_arena, error);
    *error = copy;
    if (!session_is_control(statement->node)) session_transaction_fail(s);
    return false;
}

void sql_session_work_begin(struct sql_session *s)
{
    ASSERT(!s->works);
    s->works = true;
    s->interrupt = INTERRUPT_NONE;
    s->deadline_ns = session_statement_deadline(s);
    if (s->txn != NULL) txn_set_deadline(s->txn, s->deadline_ns);
}

/* An interrupted statement ends as one whose time is over, or whose client is gone: says what it was. */
void sql_session_work_end(struct sql_session *s, struct sql_error *error)
{
    ASSERT(s->works);
    s->works = false;
    if (error == NULL || s->interrupt == INTERRUPT_NONE) return;
    if (!sql_error_is(error, SQLSTATE_QUERY_CANCELED) && !sql_error_is(error, SQLSTATE_ADMIN_SHUTDOWN)) return;
    sql_error_clear(error);
    sql_error_set(error, &s->query_arena, SQLSTATE_QUERY_CANCELED, 0, "canceling statement due to %s",
                  s->interrupt == INTERRUPT_USER ? "user request" : "statement timeout");
}

bool sql_session_works(const struct sql_session *s) { return s->works; }

void sql_session_interrupt(struct sql_session *s, bool timeout)
{
    if (!s->works || s->interrupt != INTERRUPT_NONE) return;
    s->interrupt = timeout ? INTERRUPT_TIMEOUT : INTERRUPT_USER;
    if (s->txn != NULL) txn_interrupt(s->txn);
}

uint64_t sql_session_deadline(const struct sql_session *s)
{
    return s->works ? s->deadline_ns : 0;
}

static bool run_text(struct sql_session *s, struct bytes text, const struct sql_sink *sink,
                     struct sql_error *error)
{
    arena_reset(&s->query_arena);
    sql_error_clear(error);
    session_portal_close_unnamed(s);
    s->running = NULL;
    s->text = text;
    struct sql_script script;
    if (!sql_parse(&s->query_arena, text, &script, error)) {
        session_transaction_fail(s);
        return false;
    }
    if (script.count == 0) return sink->empty(sink->ctx);
    for (uint32_t i = 0; i < script.count; i++) {
        const struct sql_statement *statement = &script.statements[i];
        bool alone = script.count == 1 && s->state == TRANSACTION_NONE && !session_is_control(statement->node);
        bool last = i + 1 == script.count;
        s->deadline_ns = session_statement_deadline(s);
        bool ok = alone ? session_run_alone(s, statement, sink, error)
                        : session_run_inside(s, statement, last, sink, error);
        if (ok) continue;
        if (s->state == TRANSACTION_IMPLICIT) session_transaction_end(s, TRANSACTION_NONE);
        return false;
    }
    ASSERT(s->state != TRANSACTION_IMPLICIT);
    return true;
}

bool sql_session_query(struct sql_session *s, struct bytes text, const struct sql_sink *sink,
                       struct sql_error *error)
{
    bool ok = run_text(s, text, sink, error);
    session_report(s, sink);
    return ok;
}
