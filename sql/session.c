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

struct setting {
    const char *name, *initial;
    bool reported, fixed; /* fixed: other values are refused */
};

/* The thirteen that PostgreSQL 15 reports, then others that clients set or show. */
static const struct setting settings[SESSION_SETTINGS] = {
    {"application_name", "", true, false},
    {"client_encoding", "UTF8", true, true},
    {"DateStyle", "ISO, MDY", true, true},
    {"default_transaction_read_only", "off", true, true},
    {"in_hot_standby", "off", true, true},
    {"integer_datetimes", "on", true, true},
    {"IntervalStyle", "postgres", true, true},
    {"is_superuser", "on", true, true},
    {"server_encoding", "UTF8", true, true},
    {"server_version", "15.0 (Ostraka " OSTRAKA_VERSION ")", true, true},
    {"session_authorization", "postgres", true, true},
    {"standard_conforming_strings", "on", true, true},
    {"TimeZone", "UTC", true, false},
    {"extra_float_digits", "1", false, false},
    {"search_path", "\"$user\", public", false, false},
    {"client_min_messages", "notice", false, false},
    {"statement_timeout", "0", false, false},
    {"lock_timeout", "0", false, false},
    {"idle_in_transaction_session_timeout", "0", false, false},
    {"default_transaction_isolation", "serializable", false, false},
    {"transaction_isolation", "serializable", false, false},
    {"transaction_read_only", "off", false, false},
    {"synchronous_commit", "on", false, false},
    {"bytea_output", "hex", false, true},
    {"row_security", "on", false, false},
    {"server_version_num", "150000", false, true},
    {"max_identifier_length", "63", false, true},
};
#define SETTING_COUNT SESSION_SETTINGS

/* ---- settings ---- */

static bool timeout_of(const char *text, uint64_t *ns_out);

static int setting_find(const char *name)
{
    for (size_t i = 0; i < SETTING_COUNT; i++)
        if (strcasecmp(settings[i].name, name) == 0) return (int)i;
    return -1;
}

static const char *setting_value(const struct sql_session *s, size_t at)
{
    return s->values[at] != NULL ? s->values[at] : settings[at].initial;
}

const char *sql_session_reported(const struct sql_session *s, uint32_t index, const char **value_out)
{
    uint32_t seen = 0;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (!settings[i].reported || seen++ != index) continue;
        *value_out = setting_value(s, i);
        return settings[i].name;
    }
    return NULL;
}

/* What a fixed setting accepts besides its value: spellings that clients are known to send. */
static bool accepted_spelling(const char *name, const char *value)
{
    if (strcmp(name, "client_encoding") == 0) {
        char plain[16];
        size_t n = 0;
        for (const char *p = value; *p && n + 1 < sizeof plain; p++)
            if (*p != '\'' && *p != '-' && *p != '_') plain[n++] = *p;
        plain[n] = '\0';
        return strcasecmp(plain, "utf8") == 0 || strcasecmp(plain, "unicode") == 0;
    }
    if (strcmp(name, "DateStyle") == 0) return strncasecmp(value, "iso", 3) == 0;
    if (strcmp(name, "session_authorization") == 0) return strcmp(value, "default") == 0;
    return false;
}

bool sql_session_set(struct sql_session *s, struct arena *arena, const char *name, const char *value,
                     struct sql_error *error)
{
    int at = setting_find(name);
    if (at < 0)
        return sql_error_set(error, arena, SQLSTATE_UNDEFINED_OBJECT, 0,
                             "unrecognized configuration parameter \"%s\"", name);
    const struct setting *g = &settings[at];
    if (g->fixed) {
        if (strcasecmp(value, g->initial) == 0 || accepted_spelling(g->name, value)) return true;
        return sql_error_set(error, arena, SQLSTATE_CANT_CHANGE_RUNTIME_PARAM, 0,
                             "parameter \"%s\" can only be \"%s\"", g->name, g->initial);
    }
    if (strcmp(g->name, "TimeZone") == 0 && strcasecmp(value, "utc") != 0 && strcasecmp(value, "gmt") != 0 &&
        strcasecmp(value, "etc/utc") != 0 && strcasecmp(value, "default") != 0)
        return sql_error_set(error, arena, SQLSTATE_FEATURE_NOT_SUPPORTED, 0,
                             "time zones other than UTC are not supported yet");
    uint64_t ns;
    if (strcmp(g->name, "statement_timeout") == 0 && !timeout_of(value, &ns))
        return sql_error_set(error, arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                             "invalid value for parameter \"%s\": \"%s\"", g->name, value);
    if (strlen(value) > 1024)
        return sql_error_set(error, arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                             "the value of \"%s\" is longer than 1024 bytes", g->name);
    char *copy = strcmp(g->name, "TimeZone") == 0 ? strdup("UTC") : strdup(value);
    if (copy == NULL) return sql_error_out_of_memory(error);
    free(s->values[at]);
    s->values[at] = copy;
    return true;
}

/* ---- lifecycle ---- */

enum status sql_session_create(const struct sql_session_options *options, struct sql_session **session_out)
{
    struct sql_session *s = calloc(1, sizeof *s);
    if (s == NULL) return STATUS_NO_MEMORY;
    s->options = *options;
    snprintf(s->user, sizeof s->user, "%s", options->user);
    snprintf(s->database, sizeof s->database, "%s", options->database);
    uint64_t bytes = options->statement_memory_bytes != 0 ? options->statement_memory_bytes
                                                          : STATEMENT_BYTES_DEFAULT;
    list_init(&s->prepared);
    list_init(&s->portals);
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
    arena_reset(&s->transaction_arena);
    s->state = state;
}

void sql_session_destroy(struct sql_session *s)
{
    session_transaction_end(s, TRANSACTION_NONE);
    session_prepared_close_all(s);
    for (size_t i = 0; i < SETTING_COUNT; i++) free(s->values[i]);
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

/* statement_timeout: milliseconds, or a number with a unit; 0: none. */
static bool timeout_of(const char *text, uint64_t *ns_out)
{
    struct bytes bytes = bytes_of_string(text);
    uint64_t ms;
    if (parse_u64(bytes, &ms) == STATUS_OK && ms <= INT32_MAX) {
        *ns_out = ms * 1000000;
        return true;
    }
    return parse_duration(bytes, ns_out) == STATUS_OK;
}

uint64_t session_statement_deadline(const struct sql_session *s)
{
    uint64_t ns = 0;
    if (!timeout_of(setting_value(s, (size_t)setting_find("statement_timeout")), &ns) || ns == 0) return 0;
    return env_now_ns(s->options.env) + ns;
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
    x->eval.transaction_us = s->transaction_us;
    x->eval.statement_us = x->eval.clock_us = now_us(s);
    x->eval.random = fill_random;
    x->eval.random_ctx = s->options.env;
    x->eval.user_name = x->eval.session_user_name = s->user;
    x->eval.database_name = s->database;
    x->eval.schema_name = "public";
    x->eval.version = "PostgreSQL 15.0 (Ostraka " OSTRAKA_VERSION ")";
    x->eval.extra_float_digits = 1;
}

static bool show_setting(struct sql_session *s, struct exec *x, const struct sql_show *n)
{
    if (n->name == NULL) return exec_unsupported(x, n->node.position, "SHOW ALL");
    int at = setting_find(n->name);
    if (at < 0)
        return sql_error_set(x->error, x->arena, SQLSTATE_UNDEFINED_OBJECT, 0,
                             "unrecognized configuration parameter \"%s\"", n->name);
    struct sql_result_column column = {.name = settings[at].name, .type = sql_type_of(SQL_TYPE_TEXT)};
    struct sql_datum value = sql_bytes(bytes_of_string(setting_value(s, (size_t)at)));
    if (!exec_columns(x, &column, 1)) return false;
    if (x->describe) return true;
    if (!x->sink->begin(x->sink->ctx, &column, 1) || !x->sink->row(x->sink->ctx, &x->eval, &value))
        return exec_fail(x, STATUS_CANCELLED);
    snprintf(x->tag, sizeof x->tag, "SHOW");
    return true;
}

/* The values of SET joined as PostgreSQL joins them: "a, b". */
static const char *set_text(struct exec *x, const struct sql_set *n)
{
    const char *text = "";
    for (uint32_t i = 0; i < n->values.count; i++) {
        const struct sql_node *v = n->values.items[i];
        if (v->kind != SQL_EXPR_CONST) return NULL;
        const struct sql_const *c = sql_as_const(v);
        const char *one = c->type == SQL_CONST_INTEGER ? arena_printf(x->arena, "%lld", (long long)c->integer)
                          : c->type == SQL_CONST_BOOL  ? (c->integer ? "on" : "off")
                                                       : c->text;
        if (one != NULL) text = arena_printf(x->arena, "%s%s%s", text, i > 0 ? ", " : "", one);
        if (one == NULL || text == NULL) return NULL;
    }
    return text;
}

static bool set_setting(struct sql_session *s, struct exec *x, const struct sql_set *n)
{
    snprintf(x->tag, sizeof x->tag, n->set == SQL_SET_RESET || n->set == SQL_SET_RESET_ALL ? "RESET" : "SET");
    if (n->set == SQL_SET_RESET_ALL) {
        for (size_t i = 0; i < SETTING_COUNT; i++) {
            free(s->values[i]);
            s->values[i] = NULL;
        }
        return true;
    }
    int at = setting_find(n->name);
    const char *value = n->set == SQL_SET_VALUE ? set_text(x, n) : at >= 0 ? settings[at].initial : "";
    if (value == NULL) return exec_unsupported(x, n->node.position, "this value");
    if (!sql_session_set(s, x->arena, n->name, value, x->error)) return false;
    if (at >= 0 && settings[at].reported)
        x->sink->parameter(x->sink->ctx, settings[at].name, setting_value(s, (size_t)at));
    return true;
}

bool session_execute(struct sql_session *s, struct exec *x, const struct sql_node *node)
{
    switch ((enum sql_node_kind)node->kind) {
    case SQL_STMT_SELECT: return exec_select(x, sql_as_select(node));
    case SQL_STMT_INSERT: return exec_insert(x, sql_as_insert(node));
    case SQL_STMT_UPDATE: return exec_update(x, sql_as_update(node));
    case SQL_STMT_DELETE: return exec_delete(x, sql_as_delete(node));
    case SQL_STMT_COPY: return exec_copy(x, sql_as_copy(node));
    case SQL_STMT_CREATE_TABLE: return exec_create_table(x, sql_as_create_table(node));
    case SQL_STMT_DROP: return exec_drop(x, sql_as_drop(node));
    case SQL_STMT_TRUNCATE: return exec_truncate(x, sql_as_truncate(node));
    case SQL_STMT_SHOW: return show_setting(s, x, sql_as_show(node));
    case SQL_STMT_SET: return set_setting(s, x, sql_as_set(node));
    case SQL_STMT_SET_TRANSACTION: snprintf(x->tag, sizeof x->tag, "SET"); return true;
    case SQL_STMT_VACUUM:
        snprintf(x->tag, sizeof x->tag, sql_as_vacuum(node)->analyze_only ? "ANALYZE" : "VACUUM");
        return true;
    case SQL_STMT_PREPARE: return session_prepare_statement(s, x, sql_as_prepare(node));
    case SQL_STMT_EXECUTE: return session_execute_statement(s, x, sql_as_execute(node));
    case SQL_STMT_DEALLOCATE: return session_deallocate(s, x, sql_as_named(node));
    case SQL_STMT_DISCARD: snprintf(x->tag, sizeof x->tag, "DISCARD ALL"); return true;
    case SQL_STMT_UNSUPPORTED: return exec_unsupported(x, node->position, sql_as_unsupported(node)->name);
    default: return exec_unsupported(x, node->position, "this statement");
    }
}

/* ---- transactions ---- */

bool session_transaction_begin(struct sql_session *s, enum transaction_state state, struct sql_error *error)
{
    ASSERT(s->txn == NULL);
    if (txn_create(s->options.kv, &s->transaction_arena, &s->txn) != STATUS_OK)
        return sql_error_out_of_memory(error);
    s->transaction_us = now_us(s);
    s->state = state;
    return true;
}

/* [fiber] Commits and ends the transaction. */
bool session_transaction_commit(struct sql_session *s, struct exec *x, enum status *status_out)
{
    *status_out = txn_commit(s->txn, NULL);
    bool ok = *status_out == STATUS_OK;
    if (*status_out == STATUS_EXISTS)
        sql_error_set(x->error, x->arena, SQLSTATE_UNIQUE_VIOLATION, 0,
                      "duplicate key value violates unique constraint \"%s\"",
                      x->key_name != NULL ? x->key_name : "?");
    else if (!ok)
        exec_fail(x, *status_out);
    return ok;
}

static bool control(struct sql_session *s, struct exec *x, const struct sql_transaction *n)
{
    struct sql_error note = {0};
    enum status status;
    switch (n->transaction) {
    case SQL_TRANSACTION_BEGIN:
    case SQL_TRANSACTION_START:
        snprintf(x->tag, sizeof x->tag, n->transaction == SQL_TRANSACTION_START ? "START TRANSACTION" : "BEGIN");
        if (n->modes.as_of != NULL) return exec_unsupported(x, n->node.position, "AS OF SYSTEM TIME");
        if (s->state == TRANSACTION_OPEN) {
            sql_error_set(&note, x->arena, SQLSTATE_ACTIVE_SQL_TRANSACTION, 0,
                          "there is already a transaction in progress");
            x->sink->notice(x->sink->ctx, "WARNING", &note);
            return true;
        }
        if (s->txn == NULL) return session_transaction_begin(s, TRANSACTION_OPEN, x->error);
        s->state = TRANSACTION_OPEN; /* the implicit one becomes it */
        return true;
    case SQL_TRANSACTION_COMMIT:
    case SQL_TRANSACTION_ROLLBACK: {
        bool commit = n->transaction == SQL_TRANSACTION_COMMIT && s->state != TRANSACTION_FAILED;
        snprintf(x->tag, sizeof x->tag, commit ? "COMMIT" : "ROLLBACK");
        if (n->chain) return exec_unsupported(x, n->node.position, "AND CHAIN");
        if (s->state != TRANSACTION_OPEN && s->state != TRANSACTION_FAILED) {
            sql_error_set(&note, x->arena, SQLSTATE_NO_ACTIVE_SQL_TRANSACTION, 0,
                          "there is no transaction in progress");
            x->sink->notice(x->sink->ctx, "WARNING", &note);
        }
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

/* [fiber] A statement that is a transaction of its own: tried again while nobody has seen anything of it. */
bool session_run_alone(struct sql_session *s, const struct sql_statement *statement, const struct sql_sink *sink,
                      struct sql_error *error)
{
    bool check_now = false;
    for (int attempt = 1;; attempt++) {
        struct exec x;
        enum status status = STATUS_OK;
        session_exec_init(s, &x, sink, error);
        if (!session_transaction_begin(s, TRANSACTION_IMPLICIT, error)) return false;
        x.txn = s->txn;
        txn_set_deadline(s->txn, session_statement_deadline(s));
        x.check_now = check_now;
        x.eval.transaction_us = s->transaction_us;
        bool ok = session_execute(s, &x, statement->node) && session_transaction_commit(s, &x, &status);
        bool again = !ok && !x.rows_sent && attempt < ATTEMPTS_MAX &&
                     (status == STATUS_CONFLICT || (status == STATUS_EXISTS && !check_now) ||
                      sql_error_is(error, SQLSTATE_SERIALIZATION_FAILURE));
        session_transaction_end(s, TRANSACTION_NONE);
        if (ok) {
            if (!sink->complete(sink->ctx, x.tag)) return exec_fail(&x, STATUS_CANCELLED);
            return true;
        }
        if (!again) {
            struct sql_error copy = {0};
            sql_error_copy(&copy, &s->query_arena, error);
            *error = copy;
            return false;
        }
        COVER("sql_statement_retried");
        if (status == STATUS_EXISTS) check_now = true; /* this time with the key in the message */
        sql_error_clear(error);
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
    x.check_now = true;
    bool ok;
    if (session_is_control(statement->node)) {
        ok = control(s, &x, sql_as_transaction(statement->node));
    } else if (s->state == TRANSACTION_FAILED) {
        ok = sql_error_set(error, x.arena, SQLSTATE_IN_FAILED_SQL_TRANSACTION, 0,
                           "current transaction is aborted, commands ignored until end of transaction block");
    } else {
        ok = s->txn != NULL || session_transaction_begin(s, TRANSACTION_IMPLICIT, error);
        x.txn = s->txn;
        if (s->txn != NULL) txn_set_deadline(s->txn, session_statement_deadline(s));
        x.eval.transaction_us = s->transaction_us;
        ok = ok && session_execute(s, &x, statement->node);
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

bool sql_session_query(struct sql_session *s, struct bytes text, const struct sql_sink *sink,
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
        bool ok = alone ? session_run_alone(s, statement, sink, error)
                        : session_run_inside(s, statement, last, sink, error);
        if (ok) continue;
        if (s->state == TRANSACTION_IMPLICIT) session_transaction_end(s, TRANSACTION_NONE);
        return false;
    }
    ASSERT(s->state != TRANSACTION_IMPLICIT);
    return true;
}
