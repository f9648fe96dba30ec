/* The SQL port. A connection is a small state machine around two buffers; it holds a fiber only while it
 * works on what the client sent. Replies leave when the work pauses or the buffer is full. What all
 * connections buffer together is bounded: a message that does not fit is refused with 53200. */
#include "sql/server_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_BYTES_MAX (3 * PGWIRE_MESSAGE_BYTES_MAX) /* what was passed may be as large as what is left */
#define OUTPUT_BYTES_MAX (64u << 20) /* one row and what stands before it */
#define CONNECTION_MAX_DEFAULT 3000u
#define BUFFERED_BYTES_DEFAULT ((uint64_t)256 << 20)
#define INPUT_FREE_BYTES (256u << 10) /* what each client may send whatever the others do */
#define STRANGERS_MAX 256u            /* connections over the limit that have not said what they want */

/* ---- buffers ---- */

struct bytes connection_input(const struct connection *c)
{
    return bytes_make(c->in.data + c->in_start, c->in.size - c->in_start);
}

/* Moves what is left to the front when that is less than what has been passed, so that many small messages cost
 * no more than one large. */
void connection_consume(struct connection *c, size_t size)
{
    ASSERT(size <= c->in.size - c->in_start);
    c->in_start += size;
    if (c->in_start < c->in.size - c->in_start) return;
    buf_consume(&c->in, c->in_start);
    c->in_start = 0;
}

static void give_back(struct buf *b)
{
    if (b->size > 0 || b->capacity <= SERVER_KEEP_BYTES) return;
    size_t bound = b->size_max;
    buf_deinit(b);
    buf_init(b, bound);
}

void connection_account(struct connection *c)
{
    if (!c->busy) {
        give_back(&c->in);
        give_back(&c->out);
        if (!c->sending) give_back(&c->flying);
    }
    size_t held = c->in.size + c->out.size + c->flying.size;
    struct sql_server *s = c->server;
    ASSERT(s->buffered_bytes >= c->accounted);
    s->buffered_bytes = s->buffered_bytes - c->accounted + held;
    s->metrics.buffered_bytes = s->buffered_bytes;
    struct arena_account *memory = sql_activity_memory(s->activity);
    memory->held = memory->held - c->accounted + held; /* bounded apart: buffered_bytes_max */
    c->accounted = held;
}

void connection_flush(struct connection *c)
{
    if (c->socket == NULL || c->sending || c->out.size == 0) return;
    struct buf swap = c->flying;
    c->flying = c->out;
    c->out = swap;
    buf_reset(&c->out);
    c->sending = true;
    c->handed_over += c->flying.size;
    c->server->metrics.bytes_out += c->flying.size;
    env_send(c->server->options.env, c->socket, c->flying.data, c->flying.size);
}

bool connection_gone(const struct connection *c)
{
    return c->socket == NULL || c->out.failed || c->server->stopping;
}

void connection_put_error(struct connection *c, const struct sql_error *error)
{
    c->server->metrics.errors++;
    pgwire_put_error(&c->out, 'E', "ERROR", error);
}

static void arm(struct connection *c, uint64_t wait_ns)
{
    struct sql_server *s = c->server;
    if (s->timers != NULL) timer_arm(s->timers, &c->timer, env_lately_ns(s->options.env) + wait_ns);
}

void connection_end(struct connection *c, const char *sqlstate, const char *message, const char *detail)
{
    struct sql_error e = {.message = message, .detail = detail};
    memcpy(e.sqlstate, sqlstate, 6);
    pgwire_put_error(&c->out, 'E', "FATAL", &e);
    c->state = CONNECTION_CLOSING;
    c->close_after_send = true;
    arm(c, SERVER_PATIENCE_NS); /* a client that does not read it has no right to our memory */
    connection_flush(c);
}

void connection_leave(struct connection *c)
{
    c->state = CONNECTION_CLOSING;
    if (c->socket == NULL) return;
    if (!c->sending && c->out.size == 0) {
        env_close(c->server->options.env, c->socket);
        return;
    }
    c->close_after_send = true;
    arm(c, SERVER_PATIENCE_NS);
    connection_flush(c);
}

void connection_wake(struct connection *c)
{
    if (c->waiting == NULL) return;
    struct fiber *fiber = c->waiting;
    c->waiting = NULL;
    fiber_resume(fiber);
}

/* ---- socket events ---- */

void connection_free(struct connection *c)
{
    ASSERT(!c->busy && c->waiting == NULL && c->socket == NULL);
    struct sql_server *s = c->server;
    if (c->session != NULL) {
        sql_session_destroy(c->session);
        s->metrics.sessions--;
    }
    if (s->timers != NULL) timer_cancel(s->timers, &c->timer);
    list_remove(&c->link);
    s->metrics.connections--;
    s->buffered_bytes -= c->accounted;
    sql_activity_memory(s->activity)->held -= c->accounted;
    s->metrics.buffered_bytes = s->buffered_bytes;
    buf_deinit(&c->in);
    buf_deinit(&c->out);
    buf_deinit(&c->flying);
    buf_deinit(&c->batch);
    arena_deinit(&c->arena);
    free(c->types);
    free(c);
}

void connection_work(struct connection *c)
{
    if (c->state == CONNECTION_STARTUP) connection_start(c);
    if (c->state != CONNECTION_READY || c->busy || c->in.size == 0) return;
    c->busy = true;
    timer_cancel(c->server->timers, &c->timer);
    c->server->metrics.connections_busy++;
    enum status status = fiber_spawn(c->server->fibers, connection_serve, c, NULL);
    if (status == STATUS_OK) return;
    c->busy = false;
    c->server->metrics.connections_busy--;
    connection_end(c, SQLSTATE_TOO_MANY_CONNECTIONS, "too many statements at once", NULL);
}

void connection_idle(struct connection *c)
{
    bool in_transaction;
    if (c->state != CONNECTION_READY || c->socket == NULL || c->ready_ns == 0 || c->busy) return;
    uint64_t idle_ns = sql_session_idle_timeout(c->session, &in_transaction);
    if (idle_ns != 0) timer_arm(c->server->timers, &c->timer, c->ready_ns + idle_ns);
}

/* As PostgreSQL: the session ends, and its transaction with it. */
static void end_idle(struct connection *c)
{
    bool in_transaction;
    (void)sql_session_idle_timeout(c->session, &in_transaction);
    COVER("sql_session_idle_ended");
    if (in_transaction)
        connection_end(c, SQLSTATE_IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
                       "terminating connection due to idle-in-transaction timeout", NULL);
    else
        connection_end(c, SQLSTATE_IDLE_SESSION_TIMEOUT, "terminating connection due to idle-session timeout", NULL);
}

/* The client's time to open a session, to take the last reply, or of its statement is over. */
static void on_timer(struct timer *t, void *ctx)
{
    struct connection *c = ctx;
    ASSERT(t == &c->timer);
    if (c->state != CONNECTION_READY) {
        if (c->state == CONNECTION_STARTUP) c->server->metrics.silent++;
        if (c->socket != NULL) env_close(c->server->options.env, c->socket);
    } else if (c->waiting != NULL) {
        c->interrupted = true;
        sql_session_interrupt(c->session, true);
        connection_wake(c);
    } else if (!c->busy) {
        end_idle(c);
    }
}

void connection_signal(void *connection, bool terminate)
{
    struct connection *c = connection;
    if (c->state != CONNECTION_READY) return;
    bool waits = c->waiting != NULL;
    if (terminate) c->terminated = true;
    if (sql_session_works(c->session)) {
        c->interrupted = true;
        sql_session_interrupt(c->session, false); /* when it waited for others, it may be over with this */
        if (waits) connection_wake(c);
    } else if (terminate && !c->busy) {
        connection_end(c, SQLSTATE_ADMIN_SHUTDOWN, "terminating connection due to administrator command", NULL);
    }
}

static uint32_t connection_cancel_key(void *connection)
{
    return ((const struct connection *)connection)->cancel_key;
}

/* True when the port holds as much as it may and this client is one of those who made it so. */
static bool hoards(struct connection *c)
{
    const struct sql_server *s = c->server;
    return s->buffered_bytes > s->options.buffered_bytes_max && c->in.size > INPUT_FREE_BYTES &&
           (!c->busy || c->waiting != NULL);
}

static void pause_when_ahead(struct connection *c)
{
    struct pgwire_message m;
    bool whole = c->state == CONNECTION_READY && c->consume == 0 &&
                 pgwire_next(connection_input(c), false, &m) != PGWIRE_MORE;
    if (!c->busy || c->paused || !(whole || c->consume > 0)) return;
    if (c->in.size - c->in_start <= SERVER_INPUT_PAUSE_BYTES) return;
    c->paused = true;
    env_receive_enable(c->server->options.env, c->socket, false);
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
    connection_account(c);
    if (hoards(c)) {
        c->server->metrics.refused++;
        connection_end(c, SQLSTATE_OUT_OF_MEMORY, "out of memory",
                       "The messages that clients have begun to send fill the port's memory.");
        c->interrupted = true;
        connection_wake(c);
        return;
    }
    pause_when_ahead(c);
    if (c->waiting != NULL) connection_wake(c);
    else connection_work(c);
}

static void on_sent(void *ctx, struct env_socket *socket)
{
    struct connection *c = ctx;
    c->sending = false;
    buf_reset(&c->flying);
    bool now = c->out.size >= SERVER_OUTPUT_FLUSH_BYTES || (!c->busy && !connection_holds_back(c));
    if (c->out.size > 0 && now) connection_flush(c);
    else if (c->close_after_send && c->out.size == 0) env_close(c->server->options.env, socket);
    connection_account(c);
    if (c->waiting != NULL) connection_wake(c);
}

static void on_closed(void *ctx, struct env_socket *socket, enum status reason)
{
    struct connection *c = ctx;
    (void)socket;
    (void)reason;
    c->socket = NULL;
    c->sending = false;
    c->state = CONNECTION_CLOSING;
    if (c->waiting != NULL) connection_wake(c); /* its fiber sees that nobody is there, and frees the connection */
    else if (!c->busy) connection_free(c);
    else if (c->session != NULL) sql_session_interrupt(c->session, false); /* nobody waits for what it does */
}

static const struct env_socket_handler socket_handler = {
    .on_received = on_received, .on_sent = on_sent, .on_closed = on_closed};

static struct connection *connection_create(struct sql_server *s, struct env_socket *socket,
                                            const struct env_addr *peer)
{
    struct connection *c = calloc(1, sizeof *c);
    if (c == NULL) return NULL;
    c->server = s;
    c->socket = socket;
    env_addr_format(peer, c->client_address);
    c->cancel_key = (uint32_t)env_random_u64(s->options.env);
    timer_init(&c->timer, on_timer, c);
    buf_init(&c->in, INPUT_BYTES_MAX);
    buf_init(&c->out, OUTPUT_BYTES_MAX);
    buf_init(&c->flying, OUTPUT_BYTES_MAX);
    buf_init(&c->batch, SERVER_BATCH_BYTES_MAX);
    arena_init(&c->arena, 2 * PGWIRE_MESSAGE_BYTES_MAX);
    arena_share(&c->arena, sql_activity_memory(s->activity));
    list_push_back(&s->connections, &c->link);
    s->metrics.connections++;
    s->metrics.connections_total++;
    return c;
}

/* Sessions are limited where they begin (server_start.c), so that a cancel request gets through when no session
 * does; this bounds those who have not said what they want. */
static bool on_accepted(void *ctx, struct env_socket *socket, const struct env_addr *peer)
{
    struct sql_server *s = ctx;
    if (s->stopping) return false;
    struct connection *c = connection_create(s, socket, peer);
    if (c == NULL) return false;
    env_socket_attach(s->options.env, socket, &socket_handler, c);
    arm(c, SERVER_PATIENCE_NS);
    if (s->metrics.connections <= s->options.connection_max + STRANGERS_MAX) return true;
    s->metrics.refused++;
    connection_end(c, SQLSTATE_TOO_MANY_CONNECTIONS, "sorry, too many clients already", NULL);
    return true;
}

/* ---- lifecycle ---- */

static const struct env_listener_handler listener_handler = {on_accepted, false};

enum status sql_server_create(const struct sql_server_options *options, struct sql_server **server_out)
{
    struct sql_server *s = calloc(1, sizeof *s);
    if (s == NULL) return STATUS_NO_MEMORY;
    s->options = *options;
    if (s->options.connection_max == 0) s->options.connection_max = CONNECTION_MAX_DEFAULT;
    if (s->options.buffered_bytes_max == 0) s->options.buffered_bytes_max = BUFFERED_BYTES_DEFAULT;
    list_init(&s->connections);
    s->idempotency.life_ns = options->idempotency_life_ns;
    histogram_init(&s->metrics.statement_ns);
    struct sql_activity_options activity = {.env = options->env, .logger = options->logger,
                                            .memory_bytes = options->memory_bytes, .log_slow_ms = options->log_slow_ms,
                                            .signal = connection_signal, .cancel_key = connection_cancel_key};
    enum status status = sql_activity_create(&activity, &s->activity);
    if (status == STATUS_OK) status =
        env_listen(options->env, &options->listen, &listener_handler, s, &s->listener, &s->port);
    if (status != STATUS_OK) {
        sql_activity_destroy(s->activity);
        free(s);
        return status;
    }
    *server_out = s;
    return STATUS_OK;
}

uint32_t sql_server_sessions_max(const struct sql_server *s) { return s->options.connection_max; }
struct sql_activity *sql_server_activity(struct sql_server *s) { return s->activity; }
uint16_t sql_server_port(const struct sql_server *s) { return s->port; }

const struct sql_server_metrics *sql_server_metrics(struct sql_server *s)
{
    if (s->reclaimer != NULL) s->metrics.rows_reclaimed = sql_reclaimer_metrics(s->reclaimer)->rows;
    s->metrics.idempotency_replays = s->idempotency.replays;
    s->metrics.idempotency_mismatches = s->idempotency.mismatches;
    s->metrics.idempotency_expired = s->idempotency.expired;
    s->metrics.idempotency_waits = s->idempotency.waits;
    s->metrics.idempotency_emptied = s->idempotency.emptied;
    s->metrics.idempotency_removed = s->idempotency.removed;
    return &s->metrics;
}

enum status sql_server_attach(struct sql_server *s, struct kv *kv, struct fiber_pool *fibers,
                              struct timer_heap *timers)
{
    s->kv = kv;
    s->fibers = fibers;
    s->timers = timers;
    sql_activity_attach(s->activity, kv);
    LIST_FOR_EACH(item, &s->connections) arm(CONTAINER_OF(item, struct connection, link), SERVER_PATIENCE_NS);
    struct sql_reclaimer_options o = {kv, fibers, timers, s->options.env, s->options.logger};
    enum status status = sql_reclaimer_create(&o, &s->reclaimer);
    if (status != STATUS_OK) return status;
    struct idempotency_sweeper_options w = {kv, fibers, timers, s->options.env, &s->idempotency};
    return idempotency_sweeper_create(&w, &s->sweeper);
}

void sql_server_drain(struct sql_server *s)
{
    s->draining = true;
    LIST_FOR_EACH_SAFE(item, &s->connections) {
        struct connection *c = CONTAINER_OF(item, struct connection, link);
        if (c->state == CONNECTION_READY && !c->busy)
            connection_end(c, SQLSTATE_ADMIN_SHUTDOWN, "terminating connection due to administrator command", NULL);
    }
}

void sql_server_stop(struct sql_server *s)
{
    s->stopping = true;
    sql_activity_stop(s->activity);
    if (s->reclaimer != NULL) sql_reclaimer_stop(s->reclaimer);
    if (s->sweeper != NULL) idempotency_sweeper_stop(s->sweeper);
}

void sql_server_destroy(struct sql_server *s)
{
    ASSERT(list_empty(&s->connections));
    ASSERT(s->buffered_bytes == 0 && s->metrics.sessions == 0);
    if (s->reclaimer != NULL) sql_reclaimer_destroy(s->reclaimer);
    sql_activity_destroy(s->activity);
    if (s->sweeper != NULL) idempotency_sweeper_destroy(s->sweeper);
    free(s);
}
