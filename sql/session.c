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
    idem_init(s);
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
    arena_share(&s->query_arena, session_memory_account(s));
    arena_share(&s->statement_arena, session_memory_account(s));
    arena_share(&s->row_arena, session_memory_account(s));
    arena_share(&s->transaction_arena, session_memory_account(s));
    if (options->client_address != NULL)
        snprintf(s->client_address, sizeof s->client_address, "%s", options->client_address);
    activity_enter(s);
    if (options->activity != NULL && !activity_defaults(s)) {
        sql_session_destroy(s);
        return STATUS_NO_MEMORY;
    }
    *session_out = s;
    return STATUS_OK;
}

void sql_session_destroy(struct sql_session *s)
{
    activity_leave(s);
    session_transaction_end(s, TRANSACTION_NONE);
    session_portals_end(s);
    session_prepared_close_all(s);
    idem_deinit(s);
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

int64_t session_now_us(const struct sql_session *s)
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
    session_exec_set(s, x, sink, error, arena, row_arena);
}

void session_exec_set(struct sql_session *s, struct exec *x, const struct sql_sink *sink, struct sql_error *error,
                      struct arena *arena, struct arena *row_arena)
{
    *x = (struct exec){.arena = arena, .row_arena = row_arena, .error = error, .txn = s->txn, .sink = sink};
    session_bind_parameters(s, x);
    sql_eval_init(&x->eval, x->arena, error);
    if (x->parameters != NULL) x->eval.parameters = x->parameters->values;
    x->env = s->options.env;
    x->rows_read = &s->rows_read;
    if (s->portal_count == 0) catalog_cache_sweep(&s->cache);
    x->cache = &s->cache;
    x->session = s;
    x->key = &s->key;
    x->value = &s->value;
    x->eval.transaction_us = s->transaction_us;
    x->eval.statement_us = x->eval.clock_us = session_now_us(s);
    x->eval.random = fill_random;
    x->eval.random_ctx = s->options.env;
    x->eval.backend_pid = s->options.pid;
    x->eval.signal = activity_signal_from;
    x->eval.signal_ctx = x;
    x->eval.object_find = virtual_object_find;
    x->eval.object_name = virtual_object_name;
    x->eval.catalog_ctx = x;
    x->eval.txn_status = session_txn_status;
    x->eval.txn_ctx = s;
    x->eval.read_times = session_read_times;
    x->eval.user_name = x->eval.session_user_name = s->user;
    x->eval.database_name = s->database;
    x->eval.schema_name = "public";
    x->eval.version = "PostgreSQL 15.0 (Ostraka " OSTRAKA_VERSION ")";
    x->eval.extra_float_digits = s->settings.extra_float_digits;
    x->eval.date_order = s->settings.date_order;
    x->eval.zones = s->settings.zones;
    x->eval.zone = &s->settings.zone;
    x->eval.session = &session_surroundings;
    x->eval.session_ctx = s;
    x->notice_level = s->settings.notice_level;
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
    case SQL_STMT_ALTER_TABLE:
    case SQL_STMT_RENAME: return "ALTER TABLE";
    case SQL_STMT_ALTER_CLUSTER: return "ALTER RANGE or NODE";
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
    case SQL_STMT_ALTER_SEQUENCE: return "ALTER SEQUENCE";
    case SQL_STMT_ALTER_ROLE: return "ALTER ROLE";
    case SQL_STMT_GRANT: return "GRANT or REVOKE";
    case SQL_STMT_LISTEN: return "LISTEN";
    case SQL_STMT_NOTIFY: return "NOTIFY";
    case SQL_STMT_LOCK: return "LOCK TABLE";
    default: return "this statement";
    }
}

static bool execute(struct sql_session *s, struct exec *x, const struct sql_node *node);

static bool run_explained(void *ctx, struct exec *x, const struct sql_node *node)
{
    return execute(ctx, x, node);
}

static bool execute(struct sql_session *s, struct exec *x, const struct sql_node *node)
{
    if (!as_of_statement(s, x, node)) return false;
    x->read_only = s->read_only;
    if (s->read_only && !x->describe && writes(node) != NULL)
        return sql_error_set(x->error, x->arena, SQLSTATE_READ_ONLY_SQL_TRANSACTION, 0,
                             "cannot execute %s in a read-only transaction", writes(node));
    x->changes = node->kind == SQL_STMT_INSERT || node->kind == SQL_STMT_UPDATE || node->kind == SQL_STMT_DELETE;
    switch ((enum sql_node_kind)node->kind) {
    case SQL_STMT_SELECT: return exec_select(x, sql_as_select(node));
    case SQL_STMT_EXPLAIN: return exec_explain(x, sql_as_explain(node), run_explained, s);
    case SQL_STMT_INSERT: return exec_insert(x, sql_as_insert(node));
    case SQL_STMT_UPDATE: return exec_update(x, sql_as_update(node));
    case SQL_STMT_DELETE: return exec_delete(x, sql_as_delete(node));
    case SQL_STMT_COPY: return exec_copy(x, sql_as_copy(node));
    case SQL_STMT_CREATE_TABLE: return exec_create_table(x, sql_as_create_table(node));
    case SQL_STMT_CREATE_TABLE_AS: return exec_create_table_as(x, sql_as_create_table_as(node));
    case SQL_STMT_DROP: return exec_drop(x, sql_as_drop(node));
    case SQL_STMT_ALTER_CLUSTER: return exec_alter_cluster(x, sql_as_alter_cluster(node));
    case SQL_STMT_ALTER_SYSTEM: return exec_alter_system(x, sql_as_alter_system(node));
    case SQL_STMT_ALTER_TABLE: return exec_alter_table(x, sql_as_alter_table(node));
    case SQL_STMT_RENAME: return exec_rename(x, sql_as_rename(node));
    case SQL_STMT_TRUNCATE: return exec_truncate(x, sql_as_truncate(node));
    case SQL_STMT_SHOW: return session_show(s, x, sql_as_show(node));
    case SQL_STMT_SHOW_RANGES: return exec_show_ranges(x, sql_as_show_ranges(node));
    case SQL_STMT_SET: return session_set(s, x, sql_as_set(node));
    case SQL_STMT_SET_TRANSACTION: return session_set_transaction(s, x, sql_as_set_transaction(node));
    case SQL_STMT_VACUUM: return vacuum(x, sql_as_vacuum(node));
    case SQL_STMT_PREPARE: return session_prepare_statement(s, x, sql_as_prepare(node));
    case SQL_STMT_EXECUTE: return session_execute_statement(s, x, sql_as_execute(node));
    case SQL_STMT_DEALLOCATE: return session_deallocate(s, x, sql_as_named(node));
    case SQL_STMT_DISCARD: return session_discard(s, x, sql_as_discard(node));
    case SQL_STMT_DECLARE_CURSOR: return session_declare(s, x, sql_as_declare_cursor(node));
    case SQL_STMT_FETCH: return session_fetch(s, x, sql_as_fetch(node));
    case SQL_STMT_CLOSE: return session_close_cursor(s, x, sql_as_named(node));
    case SQL_STMT_UNLISTEN: /* nothing can be listened to; pools send it when a connection is given back */
        snprintf(x->tag, sizeof x->tag, "UNLISTEN");
        return true;
    case SQL_STMT_UNSUPPORTED: return exec_unsupported(x, node->position, sql_as_unsupported(node)->name);
    default: return exec_unsupported(x, node->position, unsupported_name(node));
    }
}

bool session_execute(struct sql_session *s, struct exec *x, const struct sql_node *node)
{
    struct bindings *bindings = bindings_enter(x, node);
    bool ok = execute(s, x, node);
    exec_end(x);
    bindings_leave(bindings);
    return ok;
}

void sql_session_work_begin(struct sql_session *s)
{
    ASSERT(!s->works);
    s->works = true;
    activity_work(s);
    s->interrupt = INTERRUPT_NONE;
    s->deadline_ns = session_statement_deadline(s);
    if (s->txn == NULL) return;
    txn_set_deadline(s->txn, s->deadline_ns);
    txn_resume(s->txn);
}

/* An interrupted statement ends as one whose time is over, or whose client is gone: says what it was. */
void sql_session_work_end(struct sql_session *s, struct sql_error *error)
{
    ASSERT(s->works);
    s->works = false;
    if (error != NULL) activity_explain(s, error);
    activity_work(s);
    if (error == NULL || s->interrupt == INTERRUPT_NONE) return;
    if (!sql_error_is(error, SQLSTATE_QUERY_CANCELED) && !sql_error_is(error, SQLSTATE_ADMIN_SHUTDOWN)) return;
    sql_error_clear(error);
    sql_error_set(error, &s->query_arena, SQLSTATE_QUERY_CANCELED, 0, "canceling statement due to %s",
                  s->interrupt == INTERRUPT_USER ? "user request" : "statement timeout");
}

uint64_t sql_session_idle_timeout(const struct sql_session *s, bool *in_transaction_out)
{
    *in_transaction_out = s->state == TRANSACTION_OPEN || s->state == TRANSACTION_FAILED;
    return *in_transaction_out ? s->settings.idle_in_transaction_timeout_ns : s->settings.idle_timeout_ns;
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

/* The statements of a text, one after the other. A transaction that begins in it and meets a conflict is run again
 * from its first statement on, as long as none of its results has left. */
static bool run_statements(struct sql_session *s, const struct sql_script *script, const struct sql_sink *sink,
                           struct sql_error *error)
{
    struct session_region region = {0};
    uint32_t first = 0;
    for (uint32_t i = 0; i < script->count; i++) {
        const struct sql_statement *statement = &script->statements[i];
        bool alone = script->count == 1 && s->state == TRANSACTION_NONE && !session_is_control(statement->node);
        if (s->state == TRANSACTION_NONE) {
            session_region_begin(s, &region, sink);
            first = i;
        }
        s->deadline_ns = session_statement_deadline(s);
        activity_statement_begin(s);
        bool ok = alone ? session_run_alone(s, statement, sink, error)
                        : session_run_inside(s, statement, i + 1 == script->count, sink, error);
        activity_statement_end(s, statement->node, bytes_make(s->text.data + statement->offset, statement->size), 0,
                               ok ? NULL : error);
        if (ok) continue;
        if (alone || !session_region_again(s, &region, sink, error)) return false;
        i = first - 1; /* the loop goes on with the first */
    }
    return true;
}

static bool run_text(struct sql_session *s, struct bytes text, const struct sql_sink *sink,
                     struct sql_error *error)
{
    arena_reset(&s->query_arena);
    sql_error_clear(error);
    session_portal_close_unnamed(s);
    session_prepared_close_unnamed(s);
    s->running = NULL;
    s->text = text;
    activity_statement(s, text);
    struct sql_script script;
    bool ok = sql_parse(&s->query_arena, text, &script, error);
    if (ok && script.count == 0) return sink->empty(sink->ctx);
    ok = ok && run_statements(s, &script, sink, error);
    if (!ok) session_transaction_fail(s);
    ASSERT(s->state != TRANSACTION_IMPLICIT);
    return ok;
}

bool sql_session_query(struct sql_session *s, struct bytes text, const struct sql_sink *sink,
                       struct sql_error *error)
{
    bool ok = run_text(s, text, sink, error);
    session_report(s, sink);
    return ok;
}
