/* What the sessions of nodes do: pg_stat_activity, ostraka.sessions, ostraka.transactions,
 * pg_settings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/utf8.h"
#include "sql/activity_int.h"
#include "sql/query.h"
#include "sql/session_int.h"

#define T(t) SQL_TYPE_##t

static uint64_t node_of(const struct virtual_source *source)
{
    struct store *store = source->kv == NULL ? NULL : kv_store(source->kv);
    return store == NULL ? 0 : store_identity(store)->node.value;
}

static const struct session_activity *next_session(const struct virtual_source *source,
                                                   struct list *after)
{
    if (source->activity == NULL) return NULL;
    struct list *item = after == NULL ? source->activity->sessions.next : after->next;
    return item == &source->activity->sessions ? NULL
                                               : CONTAINER_OF(item, struct session_activity, link);
}

#define FOR_EACH_SESSION(a, source) \
    for (const struct session_activity *a = next_session(source, NULL); (a) != NULL; \
         (a) = next_session(source, (struct list *)&(a)->link))

/* ---- what several tables show of a session ---- */

static void put_setting(struct virtual_rows *r, const struct sql_session *s, const char *name)
{
    const char *spelled;
    virtual_text(r, settings_get(&s->settings, name, &spelled));
}

/* "127.0.0.1:5432", "[::1]:5432" */
static void put_client_host(struct virtual_rows *r, const struct sql_session *s)
{
    const char *text = s->client_address, *colon = strrchr(text, ':');
    size_t size = colon == NULL ? 0 : (size_t)(colon - text);
    bool bracketed = size > 2 && text[0] == '[';
    virtual_bytes(r, size == 0 ? BYTES_EMPTY
                               : bytes_make(text + bracketed, size - (bracketed ? 2 : 0)));
}

static void put_client_port(struct virtual_rows *r, const struct sql_session *s)
{
    const char *colon = strrchr(s->client_address, ':');
    if (colon == NULL)
        virtual_null(r);
    else
        virtual_integer(r, strtol(colon + 1, NULL, 10));
}

static int64_t transaction_start(const struct sql_session *s)
{
    return s->txn == NULL ? INT64_MIN : s->transaction_us;
}

static enum txn_waits_for waits_for(const struct sql_session *s)
{
    if (!s->works || s->txn == NULL) return TXN_WAITS_NOTHING;
    struct txn_inspection t;
    txn_inspect(s->txn, &t);
    return t.waits_for;
}

static void put_wait(struct virtual_rows *r, const struct sql_session *s)
{
    static const char *const types[] = {
        [TXN_WAITS_READ] = "IPC", [TXN_WAITS_LOCK] = "Lock", [TXN_WAITS_COMMIT] = "IPC"};
    static const char *const events[] = {
        [TXN_WAITS_READ] = "Read", [TXN_WAITS_LOCK] = "tuple", [TXN_WAITS_COMMIT] = "Commit"};
    enum txn_waits_for waits = waits_for(s);
    virtual_text(r, !s->works ? "Client" : types[waits]);
    virtual_text(r, !s->works ? "ClientRead" : events[waits]);
}

static void put_query(struct virtual_rows *r, const struct session_activity *a)
{
    struct bytes text = bytes_make(a->text, a->text_size);
    virtual_bytes(r, utf8_valid(text) ? text : BYTES_LITERAL("<not UTF-8>"));
}

/* ---- pg_stat_activity ---- */

static const struct virtual_column activity_columns[] = {{"datid", T(OID)},
                                                         {"datname", T(NAME)},
                                                         {"pid", T(INT4)},
                                                         {"leader_pid", T(INT4)},
                                                         {"usesysid", T(OID)},
                                                         {"usename", T(NAME)},
                                                         {"application_name", T(TEXT)},
                                                         {"client_addr", T(TEXT)},
                                                         {"client_hostname", T(TEXT)},
                                                         {"client_port", T(INT4)},
                                                         {"backend_start", T(TIMESTAMPTZ)},
                                                         {"xact_start", T(TIMESTAMPTZ)},
                                                         {"query_start", T(TIMESTAMPTZ)},
                                                         {"state_change", T(TIMESTAMPTZ)},
                                                         {"wait_event_type", T(TEXT)},
                                                         {"wait_event", T(TEXT)},
                                                         {"state", T(TEXT)},
                                                         {"backend_xid", T(INT8)},
                                                         {"backend_xmin", T(INT8)},
                                                         {"query_id", T(INT8)},
                                                         {"query", T(TEXT)},
                                                         {"backend_type", T(TEXT)}};

#define DATABASE_OID  5 /* of postgres in a PostgreSQL 15 */
#define SUPERUSER_OID 10

static void activity_fill(const struct virtual_source *source, struct virtual_rows *r)
{
    FOR_EACH_SESSION(a, source)
    {
        const struct sql_session *s = a->session;
        virtual_row(r);
        virtual_integer(r, DATABASE_OID);
        virtual_text(r, s->database);
        virtual_integer(r, a->pid);
        virtual_null(r);
        virtual_integer(r, SUPERUSER_OID);
        virtual_text(r, s->user);
        put_setting(r, s, "application_name");
        put_client_host(r, s);
        virtual_null(r);
        put_client_port(r, s);
        virtual_moment(r, a->started_us);
        virtual_moment(r, transaction_start(s));
        virtual_moment(r, a->query_us);
        virtual_moment(r, a->state_us);
        put_wait(r, s);
        virtual_text(r, activity_state(s));
        virtual_null(r);
        virtual_null(r);
        virtual_null(r);
        put_query(r, a);
        virtual_text(r, "client backend");
    }
}

/* ---- ostraka.sessions: of the whole cluster ---- */

static const struct virtual_column session_columns[] = {{"node", T(INT8)},
                                                        {"pid", T(INT4)},
                                                        {"user_name", T(TEXT)},
                                                        {"application_name", T(TEXT)},
                                                        {"client", T(TEXT)},
                                                        {"started", T(TIMESTAMPTZ)},
                                                        {"state", T(TEXT)},
                                                        {"state_since", T(TIMESTAMPTZ)},
                                                        {"waits_for", T(TEXT)},
                                                        {"transaction", T(TEXT)},
                                                        {"transaction_started", T(TIMESTAMPTZ)},
                                                        {"query_started", T(TIMESTAMPTZ)},
                                                        {"query", T(TEXT)},
                                                        {"prepared_statements", T(INT4)},
                                                        {"portals", T(INT4)},
                                                        {"memory_bytes", T(INT8)}};

static void put_transaction_id(struct virtual_rows *r, const struct sql_session *s)
{
    char id[TXN_ID_BYTES] = "0";
    if (s->txn != NULL) txn_id(s->txn, id);
    virtual_text(r, strspn(id, "0") < strlen(id) ? id : NULL); /* it has none before it commits */
}

static const char *waits_word(const struct sql_session *s)
{
    static const char *const words[] = {
        [TXN_WAITS_READ] = "read", [TXN_WAITS_LOCK] = "lock", [TXN_WAITS_COMMIT] = "commit"};
    return s->works ? words[waits_for(s)] : "client";
}

static void sessions_fill(const struct virtual_source *source, struct virtual_rows *r)
{
    FOR_EACH_SESSION(a, source)
    {
        const struct sql_session *s = a->session;
        virtual_row(r);
        virtual_count(r, node_of(source));
        virtual_integer(r, a->pid);
        virtual_text(r, s->user);
        put_setting(r, s, "application_name");
        virtual_text(r, s->client_address[0] != '\0' ? s->client_address : NULL);
        virtual_moment(r, a->started_us);
        virtual_text(r, activity_state(s));
        virtual_moment(r, a->state_us);
        virtual_text(r, waits_word(s));
        put_transaction_id(r, s);
        virtual_moment(r, transaction_start(s));
        virtual_moment(r, a->query_us);
        put_query(r, a);
        virtual_integer(r, s->prepared_count);
        virtual_integer(r, s->portal_count);
        virtual_count(r, session_memory(s));
    }
}

/* ---- ostraka.transactions ---- */

static const struct virtual_column transaction_columns[] = {
    {"id", T(TEXT)},         {"node", T(INT8)},           {"pid", T(INT4)},
    {"state", T(TEXT)},      {"started", T(TIMESTAMPTZ)}, {"read_timestamp", T(INT8)},
    {"spans_read", T(INT8)}, {"rows_written", T(INT8)},   {"bytes_written", T(INT8)},
    {"waits_for", T(TEXT)},  {"lock_name", T(TEXT)}};

static const char *transaction_state(const struct sql_session *s)
{
    return s->state == TRANSACTION_OPEN     ? "open"
           : s->state == TRANSACTION_FAILED ? "failed"
                                            : "implicit";
}

static void transactions_fill(const struct virtual_source *source, struct virtual_rows *r)
{
    FOR_EACH_SESSION(a, source)
    {
        const struct sql_session *s = a->session;
        if (s->txn == NULL) continue;
        struct txn_inspection t;
        char name[LOCK_NAME_BYTES];
        txn_inspect(s->txn, &t);
        virtual_row(r);
        put_transaction_id(r, s);
        virtual_count(r, node_of(source));
        virtual_integer(r, a->pid);
        virtual_text(r, transaction_state(s));
        virtual_moment(r, transaction_start(s));
        if (t.read_ts == 0)
            virtual_null(r);
        else
            virtual_count(r, t.read_ts);
        virtual_count(r, t.span_count);
        virtual_count(r, t.write_count);
        virtual_count(r, t.write_bytes);
        virtual_text(r, waits_word(s));
        virtual_text(r, virtual_lock_name(t.node, t.number, name));
    }
}

/* ---- pg_settings, of the session that asks ---- */

static const struct virtual_column setting_columns[] = {
    {"name", T(TEXT)},           {"setting", T(TEXT)},    {"unit", T(TEXT)},
    {"category", T(TEXT)},       {"short_desc", T(TEXT)}, {"extra_desc", T(TEXT)},
    {"context", T(TEXT)},        {"vartype", T(TEXT)},    {"source", T(TEXT)},
    {"min_val", T(TEXT)},        {"max_val", T(TEXT)},    {"boot_val", T(TEXT)},
    {"reset_val", T(TEXT)},      {"sourcefile", T(TEXT)}, {"sourceline", T(INT4)},
    {"pending_restart", T(BOOL)}};

static void settings_fill(const struct virtual_source *source, struct virtual_rows *r)
{
    ASSERT(source->session != NULL);
    struct setting_view v;
    const char *name, *about;
    for (uint32_t i = 0; (name = settings_sorted(i, &about)) != NULL; i++) {
        if (!settings_view(&source->session->settings, name, &v))
            continue; /* a transaction's own */
        virtual_row(r);
        virtual_text(r, name);
        virtual_text(r, v.value);
        virtual_null(r);
        virtual_null(r);
        virtual_text(r, about);
        virtual_null(r);
        virtual_text(r, v.fixed ? "internal" : "user");
        virtual_null(r);
        virtual_text(r, strcmp(v.value, v.start) != 0  ? "session"
                        : strcmp(v.start, v.boot) != 0 ? "client"
                                                       : "default");
        virtual_null(r);
        virtual_null(r);
        virtual_text(r, v.boot);
        virtual_text(r, v.start);
        virtual_null(r);
        virtual_null(r);
        virtual_boolean(r, false);
    }
}

/* ---- ostraka.statements ---- */

static const struct virtual_column statement_columns[] = {
    {"node", T(INT8)},      {"fingerprint", T(TEXT)}, {"calls", T(INT8)},
    {"errors", T(INT8)},    {"rows", T(INT8)},        {"total_ms", T(FLOAT8)},
    {"mean_ms", T(FLOAT8)}, {"max_ms", T(FLOAT8)},    {"lock_ms", T(FLOAT8)},
    {"requests", T(INT8)},  {"retries", T(INT8)},     {"statement", T(TEXT)}};

static void statements_fill(const struct virtual_source *source, struct virtual_rows *r)
{
    if (source->activity == NULL) return;
    LIST_FOR_EACH(item, &source->activity->statements)
    {
        const struct statement_stats *st = CONTAINER_OF(item, struct statement_stats, link);
        char fingerprint[17];
        snprintf(fingerprint, sizeof fingerprint, "%016llx", (unsigned long long)st->fingerprint);
        virtual_row(r);
        virtual_count(r, node_of(source));
        virtual_text(r, fingerprint);
        virtual_count(r, st->calls);
        virtual_count(r, st->errors);
        virtual_count(r, st->rows);
        virtual_real(r, (double)st->total_ns / 1e6);
        virtual_real(r, (double)st->total_ns / 1e6 / (double)st->calls);
        virtual_real(r, (double)st->max_ns / 1e6);
        virtual_real(r, (double)st->lock_ns / 1e6);
        virtual_count(r, st->requests);
        virtual_count(r, st->retries);
        virtual_text(r, st->text);
    }
}

#define TABLE(i, s, n, where, c, f) \
    { \
        .id = (i), .schema = (s), .name = (n), .scope = (where), .columns = (c), \
        .column_count = sizeof(c) / sizeof((c)[0]), .fill = (f) \
    }

const struct virtual_table virtual_session_tables[] = {
    TABLE(12223, "pg_catalog", "pg_stat_activity", VIRTUAL_HERE, activity_columns, activity_fill),
    TABLE(12100, "pg_catalog", "pg_settings", VIRTUAL_HERE, setting_columns, settings_fill),
    TABLE(13001, "ostraka", "sessions", VIRTUAL_CLUSTER, session_columns, sessions_fill),
    TABLE(13002, "ostraka", "transactions", VIRTUAL_CLUSTER, transaction_columns,
          transactions_fill),
    TABLE(13003, "ostraka", "statements", VIRTUAL_CLUSTER, statement_columns, statements_fill),
};
const size_t virtual_session_table_count =
    sizeof virtual_session_tables / sizeof virtual_session_tables[0];
