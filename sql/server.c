/* The SQL port. A connection is a small state machine around two buffers; it holds a fiber only while it
 * works on what the client sent. Replies leave when the work pauses or the buffer is full. */
#include "sql/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/list.h"
#include "sql/extended.h"
#include "sql/pgwire.h"
#include "sql/reclaim.h"
#include "sql/session.h"
#include "sql/types_io.h"

#define INPUT_BYTES_MAX (2 * PGWIRE_MESSAGE_BYTES_MAX)
#define INPUT_PAUSE_BYTES (1u << 20)   /* beyond, while busy, the client has to wait */
#define OUTPUT_FLUSH_BYTES (128u << 10)
#define OUTPUT_BYTES_MAX (64u << 20)   /* one row and what stands before it */

enum connection_state { CONNECTION_STARTUP, CONNECTION_READY, CONNECTION_CLOSING };

struct connection {
    struct list link;
    struct sql_server *server;
    struct env_socket *socket;   /* NULL once closed */
    enum connection_state state;
    uint64_t id, cancel_key;
    struct buf in, out, flying;  /* flying: handed to the kernel */
    size_t discard;              /* bytes of an oversized message still to be passed over */
    bool sending, paused, busy, skip_to_sync, close_after_send;
    struct fiber *waiting;       /* the connection's fiber, when it waits for the client */
    struct sql_session *session;
    struct arena arena;          /* of one message */
    size_t consume;              /* bytes of `in` that the message under way takes */
    uint32_t row_columns, type_capacity, unknown_options;
    uint32_t *types;             /* of the result under way */
    struct extended extended;
    struct reader startup_reader; /* the start-up packet's parameters, while it is handled */
};

struct sql_server {
    struct sql_server_options options;
    struct env_listener *listener;
    uint16_t port;
    struct kv *kv;
    struct fiber_pool *fibers;
    struct timer_heap *timers;
    struct sql_reclaimer *reclaimer; /* NULL until attached */
    struct list connections;
    uint64_t next_id;
    bool draining, stopping;
    struct sql_server_metrics metrics;
};

static void work(struct connection *c);
static void connection_free(struct connection *c);

/* ---- output ---- */

static void flush(struct connection *c)
{
    if (c->socket == NULL || c->sending || c->out.size == 0) return;
    struct buf swap = c->flying;
    c->flying = c->out;
    c->out = swap;
    buf_reset(&c->out);
    c->sending = true;
    c->server->metrics.bytes_out += c->flying.size;
    env_send(c->server->options.env, c->socket, c->flying.data, c->flying.size);
}

static bool gone(const struct connection *c)
{
    return c->socket == NULL || c->out.failed || c->server->stopping;
}

/* Suspends the connection's fiber until the socket reports something. */
static void wait_for_client(struct connection *c)
{
    ASSERT(c->waiting == NULL);
    c->waiting = fiber_current(c->server->fibers);
    fiber_suspend(c->server->fibers);
}

static void wake(struct connection *c)
{
    if (c->waiting == NULL) return;
    struct fiber *fiber = c->waiting;
    c->waiting = NULL;
    fiber_resume(fiber);
}

/* Sends when enough has gathered, and waits while the client is slow. */
static bool flush_when_full(struct connection *c)
{
    while (c->out.size >= OUTPUT_FLUSH_BYTES && !gone(c)) {
        flush(c);
        if (c->out.size < OUTPUT_FLUSH_BYTES) break;
        wait_for_client(c);
    }
    return !gone(c);
}

static void put_ready(struct connection *c)
{
    size_t start = pgwire_begin(&c->out, 'Z');
    put_u8(&c->out, (uint8_t)sql_session_state(c->session));
    pgwire_end(&c->out, start);
}

static void put_parameter(struct connection *c, const char *name, const char *value)
{
    size_t start = pgwire_begin(&c->out, 'S');
    pgwire_put_text(&c->out, name);
    pgwire_put_text(&c->out, value);
    pgwire_end(&c->out, start);
}

static void put_error(struct connection *c, const struct sql_error *error)
{
    c->server->metrics.errors++;
    pgwire_put_error(&c->out, 'E', "ERROR", error);
}

/* Says why and closes once that is sent. */
static void end_with(struct connection *c, const char *sqlstate, const char *message)
{
    struct sql_error e = {.message = message};
    memcpy(e.sqlstate, sqlstate, 6);
    pgwire_put_error(&c->out, 'E', "FATAL", &e);
    c->state = CONNECTION_CLOSING;
    c->close_after_send = true;
    flush(c);
}

/* ---- the sink ---- */

static bool sink_begin(void *ctx, const struct sql_result_column *columns, uint32_t count)
{
    struct connection *c = ctx;
    if (!c->extended.executing) extended_put_columns(&c->out, columns, count, NULL, 0);
    c->row_columns = count;
    if (count > c->type_capacity) {
        uint32_t *types = realloc(c->types, count * sizeof *types);
        if (types == NULL) return false;
        c->types = types;
        c->type_capacity = count;
    }
    for (uint32_t i = 0; i < count; i++) c->types[i] = columns[i].type.oid;
    return flush_when_full(c);
}

static bool sink_row(void *ctx, struct sql_eval *eval, const struct sql_datum *values)
{
    struct connection *c = ctx;
    size_t start = pgwire_begin(&c->out, 'D');
    put_be16(&c->out, (uint16_t)c->row_columns);
    for (uint32_t i = 0; i < c->row_columns; i++) {
        size_t at = c->out.size;
        put_be32(&c->out, UINT32_MAX);
        if (values[i].is_null) continue;
        if (extended_format(&c->extended, i) == 1) sql_type_send(eval, c->types[i], &values[i], &c->out);
        else sql_type_write(eval, c->types[i], &values[i], &c->out);
        if (!c->out.failed) store_be32(c->out.data + at, (uint32_t)(c->out.size - at - 4));
    }
    pgwire_end(&c->out, start);
    return flush_when_full(c);
}

static bool sink_complete(void *ctx, const char *tag)
{
    struct connection *c = ctx;
    size_t start = pgwire_begin(&c->out, 'C');
    pgwire_put_text(&c->out, tag);
    pgwire_end(&c->out, start);
    return flush_when_full(c);
}

static bool sink_empty(void *ctx)
{
    struct connection *c = ctx;
    pgwire_end(&c->out, pgwire_begin(&c->out, 'I'));
    return true;
}

static void sink_notice(void *ctx, const char *severity, const struct sql_error *notice)
{
    struct connection *c = ctx;
    pgwire_put_error(&c->out, 'N', severity, notice);
}

static void sink_parameter(void *ctx, const char *name, const char *value)
{
    put_parameter(ctx, name, value);
}

static bool sink_copy_begin(void *ctx, enum sql_copy_format format, uint32_t column_count)
{
    struct connection *c = ctx;
    (void)format;
    size_t start = pgwire_begin(&c->out, 'G');
    put_u8(&c->out, 0); /* text, which csv is too */
    put_be16(&c->out, (uint16_t)column_count);
    for (uint32_t i = 0; i < column_count; i++) put_be16(&c->out, 0);
    pgwire_end(&c->out, start);
    flush(c);
    return !gone(c);
}

/* Consumes what the last call gave, then waits for the next message of the copy. */
static bool sink_copy_read(void *ctx, struct bytes *data_out, bool *end_out, const char **failure_out)
{
    struct connection *c = ctx;
    *end_out = false;
    for (;;) {
        buf_consume(&c->in, c->consume);
        c->consume = 0;
        if (gone(c)) return false;
        struct pgwire_message m;
        enum pgwire_parse parsed = pgwire_next(buf_view(&c->in), false, &m);
        if (parsed == PGWIRE_MORE) {
            if (c->paused) {
                c->paused = false;
                env_receive_enable(c->server->options.env, c->socket, true);
            }
            wait_for_client(c);
            continue;
        }
        if (parsed != PGWIRE_MESSAGE) {
            *failure_out = "a message is too large";
            return false;
        }
        c->consume = m.size;
        switch (m.type) {
        case 'd': *data_out = m.body; return true;
        case 'c': *end_out = true; return true;
        case 'f': {
            struct reader r = reader_make(m.body);
            const char *text = arena_strdup(&c->arena, pgwire_text(&r));
            *failure_out = text != NULL ? text : "";
            return false;
        }
        case 'H':
        case 'S': continue; /* PostgreSQL passes over Flush and Sync here */
        default:
            c->consume = 0;
            *failure_out = "unexpected message type during COPY from stdin";
            return false;
        }
    }
}

/* ---- messages ---- */

static struct sql_sink sink_of(struct connection *c)
{
    return (struct sql_sink){sink_begin, sink_row, sink_complete, sink_empty, sink_notice, sink_parameter,
                             sink_copy_begin, sink_copy_read, c};
}

static void run_query(struct connection *c, struct bytes body)
{
    struct reader r = reader_make(body);
    const char *text = pgwire_text(&r);
    struct sql_error error = {0};
    struct sql_sink sink = sink_of(c);
    uint64_t start_ns = env_now_ns(c->server->options.env);
    c->server->metrics.statements++;
    arena_reset(&c->arena);
    if (!reader_done(&r)) {
        sql_error_set(&error, &c->arena, SQLSTATE_PROTOCOL_VIOLATION, 0, "invalid message format");
        put_error(c, &error);
    } else {
        /* The text has to outlive what COPY does to the input. */
        struct bytes copy = arena_copy(&c->arena, bytes_of_string(text));
        if (copy.data == NULL) {
            sql_error_out_of_memory(&error);
            put_error(c, &error);
        } else if (!sql_session_query(c->session, copy, &sink, &error)) {
            put_error(c, &error);
        }
    }
    histogram_add(&c->server->metrics.statement_ns, env_now_ns(c->server->options.env) - start_ns);
    put_ready(c);
}

/* A message of the extended protocol; after an error all up to the next Sync is passed over. */
static void run_extended(struct connection *c, const struct pgwire_message *m)
{
    struct sql_error error = {0};
    struct sql_sink sink = sink_of(c);
    uint64_t start_ns = env_now_ns(c->server->options.env);
    struct bytes behind = bytes_make(c->in.data + m->size, c->in.size - m->size);
    c->extended.session = c->session;
    c->extended.out = &c->out;
    c->extended.sink = &sink;
    arena_reset(&c->arena);
    if (m->type == 'E') c->server->metrics.statements++;
    if (!extended_handle(&c->extended, m, behind, &error)) {
        put_error(c, &error);
        c->skip_to_sync = true;
    }
    if (m->type == 'E')
        histogram_add(&c->server->metrics.statement_ns, env_now_ns(c->server->options.env) - start_ns);
}

static void run_sync(struct connection *c)
{
    struct sql_error error = {0};
    struct sql_sink sink = sink_of(c);
    c->skip_to_sync = false;
    if (!sql_session_sync(c->session, &sink, &error)) put_error(c, &error);
    put_ready(c);
}

static void handle(struct connection *c, const struct pgwire_message *m)
{
    if (c->skip_to_sync && m->type != 'S' && m->type != 'X') return;
    switch (m->type) {
    case 'Q': run_query(c, m->body); break;
    case 'X':
        c->state = CONNECTION_CLOSING;
        if (c->socket != NULL) env_close(c->server->options.env, c->socket);
        break;
    case 'S': run_sync(c); break;
    case 'P': case 'B': case 'D': case 'E': case 'C': run_extended(c, m); break;
    case 'H': flush(c); break;
    case 'd': case 'c': case 'f': break; /* the rest of a COPY that failed */
    case 'F': {
        struct sql_error error = {0};
        arena_reset(&c->arena);
        sql_error_set(&error, &c->arena, SQLSTATE_FEATURE_NOT_SUPPORTED, 0,
                      "the function call protocol is not supported");
        put_error(c, &error);
        put_ready(c);
        break;
    }
    default:
        end_with(c, SQLSTATE_PROTOCOL_VIOLATION, "invalid frontend message type");
        break;
    }
}

static void pass_over(struct connection *c)
{
    size_t size = c->in.size < c->discard ? c->in.size : c->discard;
    buf_consume(&c->in, size);
    c->discard -= size;
}

static void refuse_large(struct connection *c, const struct pgwire_message *m)
{
    struct sql_error error = {0};
    arena_reset(&c->arena);
    c->discard = m->size;
    sql_error_set(&error, &c->arena, SQLSTATE_PROGRAM_LIMIT_EXCEEDED, 0,
                  "a statement is limited to %u bytes; this message has %zu", PGWIRE_STATEMENT_BYTES_MAX,
                  m->size);
    put_error(c, &error);
    if (m->type == 'Q') put_ready(c);
    else c->skip_to_sync = true;
}

/* Works through everything that is there. */
static void serve(void *arg)
{
    struct connection *c = arg;
    while (!gone(c) && c->state == CONNECTION_READY) {
        if (c->discard > 0) pass_over(c);
        struct pgwire_message m;
        enum pgwire_parse parsed = c->discard > 0 ? PGWIRE_MORE : pgwire_next(buf_view(&c->in), false, &m);
        if (parsed == PGWIRE_MORE) break;
        if (parsed == PGWIRE_BAD) {
            end_with(c, SQLSTATE_PROTOCOL_VIOLATION, "invalid message length");
            break;
        }
        if (parsed == PGWIRE_TOO_LARGE) {
            refuse_large(c, &m);
            continue;
        }
        if (!c->skip_to_sync && extended_waits(m.type, bytes_make(c->in.data + m.size, c->in.size - m.size))) break;
        c->consume = m.size;
        handle(c, &m);
        buf_consume(&c->in, c->consume);
        c->consume = 0;
        if (!flush_when_full(c)) break;
    }
    if (c->out.failed && c->socket != NULL) env_close(c->server->options.env, c->socket);
    flush(c);
    c->busy = false;
    if (c->server->draining && c->state == CONNECTION_READY && c->socket != NULL)
        end_with(c, SQLSTATE_ADMIN_SHUTDOWN, "terminating connection due to administrator command");
    if (c->socket != NULL && c->paused && c->in.size < INPUT_PAUSE_BYTES) {
        c->paused = false;
        env_receive_enable(c->server->options.env, c->socket, true);
    }
    if (c->socket == NULL) connection_free(c);
}

/* ---- start-up ---- */

static bool read_parameters(struct connection *c, struct reader *r, const char **user, const char **database,
                            struct sql_error *error)
{
    while (reader_left(r) > 1 && !r->failed) {
        const char *name = pgwire_text(r), *value = pgwire_text(r);
        if (r->failed) break;
        if (strcmp(name, "user") == 0) *user = value;
        else if (strcmp(name, "database") == 0) *database = value;
        else if (strncmp(name, "_pq_.", 5) == 0) c->unknown_options++;
        else if (strcmp(name, "options") == 0 || strcmp(name, "replication") == 0) continue;
        else if (c->session != NULL && !sql_session_set(c->session, &c->arena, name, value, error)) return false;
    }
    return !r->failed;
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
        put_parameter(c, name, value);
    start = pgwire_begin(&c->out, 'K');
    put_be32(&c->out, (uint32_t)c->id);
    put_be32(&c->out, (uint32_t)c->cancel_key);
    pgwire_end(&c->out, start);
    put_ready(c);
    c->state = CONNECTION_READY;
    flush(c);
}

static void start_session(struct connection *c, struct reader r, uint32_t version)
{
    struct sql_server *s = c->server;
    const char *user = NULL, *database = NULL;
    struct sql_error error = {0};
    struct reader again = r;
    if (!read_parameters(c, &r, &user, &database, &error)) {
        end_with(c, SQLSTATE_PROTOCOL_VIOLATION, "invalid startup packet layout");
        return;
    }
    if (user == NULL || *user == '\0') {
        end_with(c, SQLSTATE_INVALID_AUTHORIZATION_SPECIFICATION,
                 "no PostgreSQL user name specified in startup packet");
        return;
    }
    if (s->kv == NULL || s->draining) {
        end_with(c, SQLSTATE_CANNOT_CONNECT_NOW,
                 s->draining ? "the node is shutting down" : "the node is starting up");
        return;
    }
    if (strcmp(user, "postgres") != 0) {
        end_with(c, SQLSTATE_INVALID_AUTHORIZATION_SPECIFICATION, "only the role \"postgres\" exists");
        return;
    }
    if (database != NULL && strcmp(database, "postgres") != 0) {
        end_with(c, SQLSTATE_INVALID_CATALOG_NAME, "only the database \"postgres\" exists");
        return;
    }
    struct sql_session_options o = {.kv = s->kv, .env = s->options.env, .fibers = s->fibers, .user = user, .database = "postgres",
                                    .id = c->id, .statement_memory_bytes = s->options.session_memory_bytes,
                                    .zones = s->options.zones};
    if (sql_session_create(&o, &c->session) != STATUS_OK) {
        end_with(c, SQLSTATE_OUT_OF_MEMORY, "out of memory");
        return;
    }
    uint32_t unknown = c->unknown_options;
    if (!read_parameters(c, &again, &user, &database, &error)) {
        pgwire_put_error(&c->out, 'E', "FATAL", &error);
        c->state = CONNECTION_CLOSING;
        c->close_after_send = true;
        flush(c);
        return;
    }
    if ((version & 0xffff) != 0 || unknown > 0) {
        put_negotiation(c, c->startup_reader, unknown);
    }
    welcome(c);
}

static void startup(struct connection *c)
{
    struct pgwire_message m;
    while (c->state == CONNECTION_STARTUP) {
        enum pgwire_parse parsed = pgwire_next(buf_view(&c->in), true, &m);
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
            buf_consume(&c->in, m.size);
            flush(c);
        } else if (code == PGWIRE_CANCEL_REQUEST) {
            c->state = CONNECTION_CLOSING; /* nothing can be cancelled yet; no reply, as the protocol says */
            env_close(c->server->options.env, c->socket);
        } else if (code >> 16 == 3) {
            c->startup_reader = r;
            start_session(c, r, code);
            buf_consume(&c->in, m.size);
        } else {
            end_with(c, SQLSTATE_FEATURE_NOT_SUPPORTED, "unsupported frontend protocol: 3.0 is spoken here");
        }
    }
}

/* ---- socket events ---- */

static void connection_free(struct connection *c)
{
    ASSERT(!c->busy && c->waiting == NULL && c->socket == NULL);
    if (c->session != NULL) sql_session_destroy(c->session);
    list_remove(&c->link);
    c->server->metrics.connections--;
    buf_deinit(&c->in);
    buf_deinit(&c->out);
    buf_deinit(&c->flying);
    arena_deinit(&c->arena);
    free(c->types);
    free(c);
}

static void work(struct connection *c)
{
    if (c->state == CONNECTION_STARTUP) startup(c);
    if (c->state != CONNECTION_READY || c->busy || c->in.size == 0) return;
    c->busy = true;
    enum status status = fiber_spawn(c->server->fibers, serve, c, NULL);
    if (status == STATUS_OK) return;
    c->busy = false;
    end_with(c, SQLSTATE_TOO_MANY_CONNECTIONS, "too many statements at once");
}

static void on_received(void *ctx, struct env_socket *socket, struct bytes bytes)
{
    struct connection *c = ctx;
    c->server->metrics.bytes_in += bytes.size;
    if (c->state == CONNECTION_CLOSING) return;
    buf_append_bytes(&c->in, bytes);
    if (c->in.failed) {
        env_close(c->server->options.env, socket);
        return;
    }
    struct pgwire_message m;
    bool whole = c->state == CONNECTION_READY && c->consume == 0 &&
                 pgwire_next(buf_view(&c->in), false, &m) != PGWIRE_MORE;
    if (c->busy && (whole || c->consume > 0) && c->in.size > INPUT_PAUSE_BYTES && !c->paused) {
        c->paused = true;
        env_receive_enable(c->server->options.env, socket, false);
    }
    if (c->waiting != NULL) wake(c);
    else work(c);
}

static void on_sent(void *ctx, struct env_socket *socket)
{
    struct connection *c = ctx;
    c->sending = false;
    buf_reset(&c->flying);
    if (c->out.size > 0 && (!c->busy || c->out.size >= OUTPUT_FLUSH_BYTES)) flush(c);
    else if (c->close_after_send && c->out.size == 0) env_close(c->server->options.env, socket);
    if (c->waiting != NULL) wake(c);
}

static void on_closed(void *ctx, struct env_socket *socket, enum status reason)
{
    struct connection *c = ctx;
    (void)socket;
    (void)reason;
    c->socket = NULL;
    c->sending = false;
    c->state = CONNECTION_CLOSING;
    if (c->waiting != NULL) wake(c); /* its fiber sees that nobody is there, and frees the connection */
    else if (!c->busy) connection_free(c);
}

static const struct env_socket_handler socket_handler = {
    .on_received = on_received, .on_sent = on_sent, .on_closed = on_closed};

static bool on_accepted(void *ctx, struct env_socket *socket, const struct env_addr *peer)
{
    struct sql_server *s = ctx;
    (void)peer;
    if (s->stopping) return false;
    struct connection *c = calloc(1, sizeof *c);
    if (c == NULL) return false;
    c->server = s;
    c->socket = socket;
    c->id = ++s->next_id;
    c->cancel_key = env_random_u64(s->options.env);
    buf_init(&c->in, INPUT_BYTES_MAX);
    buf_init(&c->out, OUTPUT_BYTES_MAX);
    buf_init(&c->flying, OUTPUT_BYTES_MAX);
    arena_init(&c->arena, 2 * PGWIRE_MESSAGE_BYTES_MAX);
    list_push_back(&s->connections, &c->link);
    s->metrics.connections++;
    s->metrics.connections_total++;
    env_socket_attach(s->options.env, socket, &socket_handler, c);
    if (s->metrics.connections > s->options.connection_max) {
        s->metrics.refused++;
        end_with(c, SQLSTATE_TOO_MANY_CONNECTIONS, "sorry, too many clients already");
    }
    return true;
}

/* ---- lifecycle ---- */

static const struct env_listener_handler listener_handler = {on_accepted};

enum status sql_server_create(const struct sql_server_options *options, struct sql_server **server_out)
{
    struct sql_server *s = calloc(1, sizeof *s);
    if (s == NULL) return STATUS_NO_MEMORY;
    s->options = *options;
    if (s->options.connection_max == 0) s->options.connection_max = 4096;
    list_init(&s->connections);
    histogram_init(&s->metrics.statement_ns);
    enum status status =
        env_listen(options->env, &options->listen, &listener_handler, s, &s->listener, &s->port);
    if (status != STATUS_OK) {
        free(s);
        return status;
    }
    *server_out = s;
    return STATUS_OK;
}

uint16_t sql_server_port(const struct sql_server *s) { return s->port; }

const struct sql_server_metrics *sql_server_metrics(struct sql_server *s)
{
    if (s->reclaimer != NULL) s->metrics.rows_reclaimed = sql_reclaimer_metrics(s->reclaimer)->rows;
    return &s->metrics;
}

enum status sql_server_attach(struct sql_server *s, struct kv *kv, struct fiber_pool *fibers,
                              struct timer_heap *timers)
{
    s->kv = kv;
    s->fibers = fibers;
    s->timers = timers;
    struct sql_reclaimer_options o = {kv, fibers, timers, s->options.env, s->options.logger};
    return sql_reclaimer_create(&o, &s->reclaimer);
}

void sql_server_drain(struct sql_server *s)
{
    s->draining = true;
    LIST_FOR_EACH_SAFE(item, &s->connections) {
        struct connection *c = CONTAINER_OF(item, struct connection, link);
        if (c->state == CONNECTION_READY && !c->busy)
            end_with(c, SQLSTATE_ADMIN_SHUTDOWN, "terminating connection due to administrator command");
    }
}

void sql_server_stop(struct sql_server *s)
{
    s->stopping = true;
    if (s->reclaimer != NULL) sql_reclaimer_stop(s->reclaimer);
}

void sql_server_destroy(struct sql_server *s)
{
    ASSERT(list_empty(&s->connections));
    if (s->reclaimer != NULL) sql_reclaimer_destroy(s->reclaimer);
    free(s);
}
