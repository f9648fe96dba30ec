/* What a session's results become on the wire, and how COPY reads from it. A slow client makes its own
 * statement wait (SQL-6), until the statement's time is over or somebody cancels it. */
#include "sql/server_int.h"

#include <stdlib.h>

#include "base/utf8.h"
#include "sql/types_io.h"

/* ---- waiting ---- */

void connection_wait(struct connection *c)
{
    struct sql_server *s = c->server;
    uint64_t deadline_ns = c->committed ? 0 : sql_session_deadline(c->session);
    ASSERT(c->waiting == NULL);
    if (deadline_ns != 0 && c->state == CONNECTION_READY) timer_arm(s->timers, &c->timer, deadline_ns);
    c->waiting = fiber_current(s->fibers);
    fiber_suspend(s->fibers);
    if (c->state == CONNECTION_READY) timer_cancel(s->timers, &c->timer);
}

/* Nobody waits for the rest of the statement's result. */
static bool is_over(const struct connection *c)
{
    return connection_gone(c) || (c->interrupted && !c->committed);
}

bool connection_flush_when_full(struct connection *c)
{
    while (c->out.size >= SERVER_OUTPUT_FLUSH_BYTES && !is_over(c)) {
        connection_flush(c);
        if (c->out.size < SERVER_OUTPUT_FLUSH_BYTES) break;
        connection_account(c);
        connection_wait(c);
    }
    return !is_over(c);
}

void connection_put_ready(struct connection *c)
{
    if (c->terminated) return;
    size_t start = pgwire_begin(&c->out, 'Z');
    put_u8(&c->out, (uint8_t)sql_session_state(c->session));
    pgwire_end(&c->out, start);
    c->ready_ns = env_lately_ns(c->server->options.env);
}

void connection_put_parameter(struct connection *c, const char *name, const char *value)
{
    size_t start = pgwire_begin(&c->out, 'S');
    pgwire_put_text(&c->out, name);
    pgwire_put_text(&c->out, value);
    pgwire_end(&c->out, start);
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
    return connection_flush_when_full(c);
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
    return connection_flush_when_full(c);
}

static bool sink_complete(void *ctx, const char *tag)
{
    struct connection *c = ctx;
    size_t start = pgwire_begin(&c->out, 'C');
    pgwire_put_text(&c->out, tag);
    pgwire_end(&c->out, start);
    sql_session_tagged(c->session, tag);
    /* Never refused because of an interrupt, nor waited with: the statement may have committed. */
    if (c->out.size >= SERVER_OUTPUT_FLUSH_BYTES) connection_flush(c);
    return !connection_gone(c);
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
    connection_put_parameter(ctx, name, value);
}

/* CopyInResponse and CopyOutResponse. csv is text, too. */
static void put_copy_response(struct connection *c, uint8_t type, enum sql_copy_format format, uint32_t column_count)
{
    uint16_t code = format == SQL_COPY_BINARY;
    size_t start = pgwire_begin(&c->out, type);
    put_u8(&c->out, (uint8_t)code);
    put_be16(&c->out, (uint16_t)column_count);
    for (uint32_t i = 0; i < column_count; i++) put_be16(&c->out, code);
    pgwire_end(&c->out, start);
}

static bool sink_copy_begin(void *ctx, enum sql_copy_format format, uint32_t column_count)
{
    struct connection *c = ctx;
    put_copy_response(c, 'G', format, column_count);
    connection_flush(c);
    return !connection_gone(c);
}

static bool sink_copy_out_begin(void *ctx, enum sql_copy_format format, uint32_t column_count)
{
    put_copy_response(ctx, 'H', format, column_count);
    return true;
}

static bool sink_copy_out_data(void *ctx, struct bytes data)
{
    struct connection *c = ctx;
    size_t start = pgwire_begin(&c->out, 'd');
    buf_append_bytes(&c->out, data);
    pgwire_end(&c->out, start);
    return connection_flush_when_full(c);
}

static bool sink_copy_out_end(void *ctx)
{
    struct connection *c = ctx;
    pgwire_end(&c->out, pgwire_begin(&c->out, 'c'));
    return true;
}

/* Consumes what the last call gave, then waits for the next message of the copy. */
static bool sink_copy_read(void *ctx, struct bytes *data_out, bool *end_out, struct sql_error *error)
{
    struct connection *c = ctx;
    *end_out = false;
    for (;;) {
        connection_consume(c, c->consume);
        c->consume = 0;
        if (is_over(c)) return false;
        struct pgwire_message m;
        enum pgwire_parse parsed = pgwire_next(connection_input(c), false, &m);
        if (parsed == PGWIRE_MORE) {
            if (c->paused) {
                c->paused = false;
                env_receive_enable(c->server->options.env, c->socket, true);
            }
            connection_wait(c);
            continue;
        }
        if (parsed == PGWIRE_TOO_LARGE)
            return sql_error_set(error, &c->arena, SQLSTATE_PROGRAM_LIMIT_EXCEEDED, 0,
                                 "a message of COPY is limited to %u bytes; this one has %zu", PGWIRE_MESSAGE_BYTES_MAX + 1,
                                 m.size);
        if (parsed == PGWIRE_BAD)
            return sql_error_set(error, &c->arena, SQLSTATE_PROTOCOL_VIOLATION, 0, "invalid message length");
        c->consume = m.size;
        switch (m.type) {
        case 'd': *data_out = m.body; return true;
        case 'c': *end_out = true; return true;
        case 'f': {
            struct reader r = reader_make(m.body);
            const char *text = pgwire_text(&r);
            return sql_error_set(error, &c->arena, SQLSTATE_QUERY_CANCELED, 0, "COPY from stdin failed: %s",
                                 utf8_valid(bytes_of_string(text)) ? text : "its reason is no UTF-8");
        }
        case 'H':
        case 'S': continue; /* PostgreSQL passes over Flush and Sync here */
        default:
            c->consume = 0;
            return sql_error_set(error, &c->arena, SQLSTATE_PROTOCOL_VIOLATION, 0,
                                 "unexpected message type 0x%02X during COPY from stdin", m.type);
        }
    }
}

static void sink_committed(void *ctx)
{
    struct connection *c = ctx;
    c->committed = true;
}

static uint64_t sink_mark(void *ctx)
{
    const struct connection *c = ctx;
    return c->handed_over + c->out.size;
}

/* What was handed to the kernel may have been seen. */
static bool sink_rewind(void *ctx, uint64_t mark)
{
    struct connection *c = ctx;
    if (mark < c->handed_over || c->out.failed) return false;
    ASSERT(mark - c->handed_over <= c->out.size);
    c->out.size = (size_t)(mark - c->handed_over);
    return true;
}

struct sql_sink connection_sink(struct connection *c)
{
    return (struct sql_sink){.begin = sink_begin,
                             .row = sink_row,
                             .complete = sink_complete,
                             .empty = sink_empty,
                             .notice = sink_notice,
                             .parameter = sink_parameter,
                             .copy_begin = sink_copy_begin,
                             .copy_read = sink_copy_read,
                             .committed = sink_committed,
                             .mark = sink_mark,
                             .rewind = sink_rewind,
                             .copy_out_begin = sink_copy_out_begin,
                             .copy_out_data = sink_copy_out_data,
                             .copy_out_end = sink_copy_out_end,
                             .ctx = c};
}
