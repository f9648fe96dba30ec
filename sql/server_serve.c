/* The messages of a connection, one after the other, on its fiber. */
#include "sql/server_int.h"

/* Ends the work on a message; its error, if any, is told. */
static void end_work(struct connection *c, struct sql_error *error)
{
    sql_session_work_end(c->session, error);
    c->interrupted = c->committed = false;
    if (error != NULL && !c->terminated) connection_put_error(c, error); /* what follows says it */
}

/* What has arrived behind a message at the front of the input. */
static struct bytes behind(const struct connection *c, const struct pgwire_message *m)
{
    struct bytes input = connection_input(c);
    return bytes_make(input.data + m->size, input.size - m->size);
}

static void run_query(struct connection *c, struct bytes body)
{
    struct reader r = reader_make(body);
    const char *text = pgwire_text(&r);
    struct sql_error error = {0};
    struct sql_sink sink = connection_sink(c);
    bool ok = false;
    sql_session_work_begin(c->session);
    if (!reader_done(&r)) {
        sql_error_set(&error, &c->arena, SQLSTATE_PROTOCOL_VIOLATION, 0, "invalid message format");
    } else {
        /* The text has to outlive what COPY does to the input. */
        struct bytes copy = arena_copy(&c->arena, bytes_of_string(text));
        if (copy.data == NULL) sql_error_out_of_memory(&error);
        else ok = sql_session_query(c->session, copy, &sink, &error);
    }
    end_work(c, ok ? NULL : &error);
    connection_put_ready(c);
}

/* A message of the extended protocol; after an error all up to the next Sync is passed over. */
static void run_extended(struct connection *c, const struct pgwire_message *m)
{
    struct sql_error error = {0};
    struct sql_sink sink = connection_sink(c);
    c->extended.session = c->session;
    c->extended.out = &c->out;
    c->extended.sink = &sink;
    sql_session_work_begin(c->session);
    connection_batch_add(c, m);
    bool ok = extended_handle(&c->extended, m, behind(c, m), &error) || connection_batch_again(c, false, &error);
    if (!ok) sql_session_failed(c->session);
    end_work(c, ok ? NULL : &error);
    c->skip_to_sync = !ok;
}

static void run_sync(struct connection *c)
{
    struct sql_error error = {0};
    struct sql_sink sink = connection_sink(c);
    c->skip_to_sync = false;
    sql_session_work_begin(c->session);
    bool ok = sql_session_sync(c->session, &sink, &error) || connection_batch_again(c, true, &error);
    if (!ok) sql_session_failed(c->session);
    end_work(c, ok ? NULL : &error);
    connection_batch_end(c);
    connection_put_ready(c);
}

/* A message that makes statements run. */
static void run(struct connection *c, const struct pgwire_message *m)
{
    bool statement = m->type == 'Q' || m->type == 'E';
    uint64_t start_ns = env_lately_ns(c->server->options.env);
    arena_reset(&c->arena);
    if (m->type == 'Q') connection_batch_end(c);
    if (m->type == 'Q') run_query(c, m->body);
    else if (m->type == 'S') run_sync(c);
    else run_extended(c, m);
    if (!statement) return;
    c->server->metrics.statements++;
    histogram_add(&c->server->metrics.statement_ns, env_lately_ns(c->server->options.env) - start_ns);
}

static void handle(struct connection *c, const struct pgwire_message *m)
{
    c->ready_ns = 0;
    if (c->skip_to_sync && m->type != 'S' && m->type != 'X') return;
    switch (m->type) {
    case 'Q': case 'S': case 'P': case 'B': case 'D': case 'E': case 'C': run(c, m); break;
    case 'X': connection_leave(c); break;
    case 'H': connection_flush(c); break;
    case 'd': case 'c': case 'f': break; /* the rest of a COPY that failed */
    case 'F': {
        struct sql_error error = {0};
        arena_reset(&c->arena);
        sql_error_set(&error, &c->arena, SQLSTATE_FEATURE_NOT_SUPPORTED, 0,
                      "the function call protocol is not supported");
        connection_put_error(c, &error);
        connection_put_ready(c);
        break;
    }
    default:
        connection_end(c, SQLSTATE_PROTOCOL_VIOLATION, "invalid frontend message type", NULL);
        break;
    }
}

static void pass_over(struct connection *c)
{
    size_t held = c->in.size - c->in_start, size = held < c->discard ? held : c->discard;
    connection_consume(c, size);
    c->discard -= size;
}

static void refuse_large(struct connection *c, const struct pgwire_message *m)
{
    struct sql_error error = {0};
    arena_reset(&c->arena);
    c->discard = m->size;
    bool copies = m->type == 'd' || m->type == 'c' || m->type == 'f';
    if (c->skip_to_sync || copies) return; /* passed over, whatever their size */
    sql_error_set(&error, &c->arena, SQLSTATE_PROGRAM_LIMIT_EXCEEDED, 0,
                  "a statement is limited to %u bytes; this message has %zu", PGWIRE_STATEMENT_BYTES_MAX,
                  m->size);
    connection_put_error(c, &error);
    if (m->type == 'Q') connection_put_ready(c);
    else c->skip_to_sync = true;
}

void connection_serve(void *arg)
{
    struct connection *c = arg;
    while (!connection_gone(c) && c->state == CONNECTION_READY && !c->terminated) {
        if (c->discard > 0) pass_over(c);
        struct pgwire_message m;
        enum pgwire_parse parsed = c->discard > 0 ? PGWIRE_MORE : pgwire_next(connection_input(c), false, &m);
        if (parsed == PGWIRE_MORE) break;
        if (parsed == PGWIRE_BAD) {
            connection_end(c, SQLSTATE_PROTOCOL_VIOLATION, "invalid message length", NULL);
            break;
        }
        if (parsed == PGWIRE_TOO_LARGE) {
            refuse_large(c, &m);
            continue;
        }
        if (!c->skip_to_sync && extended_waits(m.type, behind(c, &m))) break;
        c->consume = m.size;
        handle(c, &m);
        connection_consume(c, c->consume);
        c->consume = 0;
        if (!connection_flush_when_full(c)) break;
    }
    if (c->out.failed && c->socket != NULL) env_close(c->server->options.env, c->socket);
    if (!connection_holds_back(c)) connection_flush(c);
    c->busy = false;
    c->server->metrics.connections_busy--;
    connection_account(c);
    if ((c->server->draining || c->terminated) && c->state == CONNECTION_READY && c->socket != NULL)
        connection_end(c, SQLSTATE_ADMIN_SHUTDOWN, "terminating connection due to administrator command", NULL);
    if (c->socket != NULL && c->paused && c->in.size - c->in_start < SERVER_INPUT_PAUSE_BYTES) {
        c->paused = false;
        env_receive_enable(c->server->options.env, c->socket, true);
    }
    if (c->socket == NULL) connection_free(c);
    else connection_idle(c);
}
