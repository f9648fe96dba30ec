/* The packets that open a connection: a session's parameters, or a request to cancel another's statement. */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "sql/activity_int.h"
#include "sql/server_int.h"

/* What a client of PostgreSQL's replication would send next is no SQL. */
static bool check_replication(struct connection *c, const char *value, struct sql_error *error)
{
    static const char *const no[] = {"false", "off", "no", "0"};
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        if (strcmp(value, no[i]) == 0) return true;
    sql_error_set(error, &c->arena, SQLSTATE_FEATURE_NOT_SUPPORTED, 0, "replication connections are not offered");
    return false;
}

/* What others are shown of it (SHOW SESSIONS, messages) has to be text. */
static bool is_text(struct connection *c, const char *text, struct sql_error *error)
{
    return utf8_valid(bytes_of_string(text)) ||
           sql_error_set(error, &c->arena, SQLSTATE_CHARACTER_NOT_IN_REPERTOIRE, 0,
                         "invalid byte sequence for encoding \"UTF8\" in the startup packet");
}

static bool read_parameters(struct connection *c, struct reader *r, const char **user, const char **database,
                            struct sql_error *error)
{
    bool ok = true;
    while (reader_left(r) > 1 && !r->failed) {
        const char *name = pgwire_text(r), *value = pgwire_text(r);
        if (r->failed) break;
        if (!is_text(c, name, error) || !is_text(c, value, error)) return false;
        if (strcmp(name, "user") == 0) *user = value;
        else if (strcmp(name, "database") == 0) *database = value;
        else if (strncmp(name, "_pq_.", 5) == 0) c->unknown_options++;
        else if (c->session == NULL) continue; /* looked at again when there is one */
        else if (strcmp(name, "options") == 0) ok = connection_set_options(c, value, error);
        else if (strcmp(name, "replication") == 0) ok = check_replication(c, value, error);
        else ok = sql_session_set(c->session, &c->arena, name, value, error);
        if (!ok) return false;
    }
    return !r->failed && reader_left(r) == 1; /* the terminator */
}

static void put_negotiation(struct connection *c, struct reader r, uint32_t count)
{
    size_t start = pgwire_begin(&c->out, 'v');
    put_be32(&c->out, PGWIRE_VERSION_3);
    put_be32(&c->out, count);
    while (reader_left(&r) > 1 && !r.failed) {
        const char *name = pgwire_text(&r);
        pgwire_text(&r);
        if (!r.failed && strncmp(name, "_pq_.", 5) == 0) pgwire_put_text(&c->out, name);
    }
    pgwire_end(&c->out, start);
}

static void welcome(struct connection *c)
{
    size_t start = pgwire_begin(&c->out, 'R');
    put_be32(&c->out, 0);
    pgwire_end(&c->out, start);
    const char *name, *value;
    for (uint32_t i = 0; (name = sql_session_reported(c->session, i, &value)) != NULL; i++)
        connection_put_parameter(c, name, value);
    start = pgwire_begin(&c->out, 'K');
    put_be32(&c->out, (uint32_t)c->pid);
    put_be32(&c->out, c->cancel_key);
    pgwire_end(&c->out, start);
    connection_put_ready(c);
    c->state = CONNECTION_READY;
    timer_cancel(c->server->timers, &c->timer);
    connection_flush(c);
    connection_idle(c);
}

static void start_session(struct connection *c, struct reader r, uint32_t version)
{
    struct sql_server *s = c->server;
    const char *user = NULL, *database = NULL;
    struct sql_error error = {0};
    struct reader again = r;
    if (!read_parameters(c, &r, &user, &database, &error)) {
        if (sql_error_is_set(&error)) connection_end(c, error.sqlstate, error.message, NULL);
        else connection_end(c, SQLSTATE_PROTOCOL_VIOLATION, "invalid startup packet layout", NULL);
        return;
    }
    if (user == NULL || *user == '\0') {
        connection_end(c, SQLSTATE_INVALID_AUTHORIZATION_SPECIFICATION,
                 "no PostgreSQL user name specified in startup packet", NULL);
        return;
    }
    if (s->kv == NULL || s->draining) {
        connection_end(c, SQLSTATE_CANNOT_CONNECT_NOW,
                 s->draining ? "the node is shutting down" : "the node is starting up", NULL);
        return;
    }
    if (strcmp(user, "postgres") != 0) {
        connection_end(c, SQLSTATE_INVALID_AUTHORIZATION_SPECIFICATION, "only the role \"postgres\" exists", NULL);
        return;
    }
    if (database != NULL && strcmp(database, "postgres") != 0) {
        sql_error_set(&error, &c->arena, SQLSTATE_INVALID_CATALOG_NAME, 0, "database \"%s\" does not exist", database);
        connection_end(c, error.sqlstate, error.message, "Ostraka has one database, \"postgres\".");
        return;
    }
    if (s->metrics.sessions >= s->options.connection_max) {
        char detail[96];
        snprintf(detail, sizeof detail, "This node serves at most %u sessions; --max-connections says how many.",
                 s->options.connection_max);
        s->metrics.refused++;
        connection_end(c, SQLSTATE_TOO_MANY_CONNECTIONS, "sorry, too many clients already", detail);
        return;
    }
    c->pid = sql_activity_new_pid(s->activity);
    struct sql_session_options o = {.kv = s->kv, .env = s->options.env, .fibers = s->fibers, .user = user, .database = "postgres",
                                    .statement_memory_bytes = s->options.session_memory_bytes,
                                    .zones = s->options.zones, .activity = s->activity, .owner = c,
                                    .pid = c->pid, .client_address = c->client_address,
                                    .idempotency = &s->idempotency};
    if (sql_session_create(&o, &c->session) != STATUS_OK) {
        connection_end(c, SQLSTATE_OUT_OF_MEMORY, "out of memory", NULL);
        return;
    }
    s->metrics.sessions++;
    uint32_t unknown = c->unknown_options;
    if (!read_parameters(c, &again, &user, &database, &error)) {
        connection_end(c, error.sqlstate, error.message, error.detail);
        return;
    }
    if ((version & 0xffff) != 0 || unknown > 0) {
        put_negotiation(c, c->startup_reader, unknown);
    }
    welcome(c);
}

/* A request to cancel names a session by what BackendKeyData told it, of this node or, behind a proxy, of another. No
 * reply, whatever comes of it, as the protocol says. */
static void cancel(struct sql_server *s, struct bytes body)
{
    struct reader r = reader_make(body);
    get_be32(&r);
    uint32_t id = get_be32(&r), key = get_be32(&r);
    if (!reader_done(&r)) return;
    s->metrics.cancels++;
    LIST_FOR_EACH(item, &s->connections) {
        struct connection *c = CONTAINER_OF(item, struct connection, link);
        if (c->state != CONNECTION_READY || (uint32_t)c->pid != id || c->cancel_key != key) continue;
        connection_signal(c, false);
        return;
    }
    activity_forward_cancel(s->activity, (int32_t)id, key);
}

void connection_start(struct connection *c)
{
    struct pgwire_message m;
    while (c->state == CONNECTION_STARTUP) {
        enum pgwire_parse parsed = pgwire_next(connection_input(c), true, &m);
        if (parsed == PGWIRE_MORE) return;
        if (parsed != PGWIRE_MESSAGE) { /* no PostgreSQL client: nothing it would understand */
            c->state = CONNECTION_CLOSING;
            env_close(c->server->options.env, c->socket);
            return;
        }
        struct reader r = reader_make(m.body);
        uint32_t code = get_be32(&r);
        if (code == PGWIRE_SSL_REQUEST || code == PGWIRE_GSSENC_REQUEST) {
            put_u8(&c->out, 'N');
            connection_consume(c, m.size);
            connection_flush(c);
        } else if (code == PGWIRE_CANCEL_REQUEST) {
            c->state = CONNECTION_CLOSING;
            cancel(c->server, m.body);
            env_close(c->server->options.env, c->socket);
        } else if (code >> 16 == 3) {
            c->startup_reader = r;
            start_session(c, r, code);
            connection_consume(c, m.size);
        } else {
            connection_end(c, SQLSTATE_FEATURE_NOT_SUPPORTED, "unsupported frontend protocol: 3.0 is spoken here", NULL);
        }
    }
}
