#include "tests/sim/cluster/sql_client.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "sql/pgwire.h"

#define PIECE_PAUSE_NS (2 * SIM_MS)

enum client_state {
    CLIENT_CLOSED,
    CLIENT_CONNECTING,
    CLIENT_SSL,       /* SSLRequest sent: one byte comes */
    CLIENT_STARTUP,   /* until the first ReadyForQuery */
    CLIENT_IDLE,
    CLIENT_QUERY,     /* until the next ReadyForQuery */
};

struct sql_client {
    struct sql_client_options options;
    enum client_state state;
    struct env_socket *socket; /* may outlive the conversation until on_closed */
    struct buf in, out;
    size_t out_at;             /* sent so far */
    size_t out_stop;           /* a cut: no more than this is sent */
    uint32_t piece_bytes;
    bool sending, terminating, rows_open, authenticated;
    enum sql_cut cut;
    uint64_t deadline_ns, piece_ns, read_ns; /* virtual times; UINT64_MAX: none */
    uint64_t timer_ns;                       /* of the call that is pending; UINT64_MAX: none */
    struct sql_result result;
    struct sql_cell cells[SQL_CLIENT_CELLS_MAX];
    uint32_t cell_count;
    size_t *offsets;           /* of cells in `text`, until the result is given out */
    struct buf text;
    char violation[160];
};

static void pump(struct sql_client *c);
static void end(struct sql_client *c, enum sql_end how);

static uint64_t now(const struct sql_client *c)
{
    return sim_now(c->options.sim);
}

/* ---- the end of a conversation ---- */

static void drop_socket(struct sql_client *c)
{
    if (c->socket != NULL) env_close(c->options.env, c->socket);
}

static void lose(struct sql_client *c)
{
    drop_socket(c);
    c->result.state = 0;
    end(c, SQL_END_LOST);
}

static void violate(struct sql_client *c, const char *what, uint8_t type)
{
    if (c->violation[0] == '\0')
        snprintf(c->violation, sizeof c->violation, "%s (message '%c', state %d)", what,
                 type >= 32 && type < 127 ? type : '?', c->state);
    lose(c);
}

static void cut_here(struct sql_client *c)
{
    c->cut = SQL_CUT_NONE;
    sim_fault_hit(c->options.sim, SIM_FAULT_CLIENT_DISCONNECT);
    lose(c);
}

/* ---- the timer: one call pending at most, early calls do no harm ---- */

static void timer_set(struct sql_client *c);

static void on_timer(void *ctx)
{
    struct sql_client *c = ctx;
    c->timer_ns = UINT64_MAX;
    if (c->read_ns <= now(c)) {
        c->read_ns = UINT64_MAX;
        if (c->socket != NULL) env_receive_enable(c->options.env, c->socket, true);
    }
    if (c->piece_ns <= now(c)) {
        c->piece_ns = UINT64_MAX;
        pump(c);
    }
    if (c->deadline_ns <= now(c)) {
        c->deadline_ns = UINT64_MAX;
        snprintf(c->result.message, sizeof c->result.message, "timed out");
        lose(c);
    }
    timer_set(c);
}

static void timer_set(struct sql_client *c)
{
    uint64_t next = c->deadline_ns < c->piece_ns ? c->deadline_ns : c->piece_ns;
    if (c->read_ns < next) next = c->read_ns;
    if (next >= c->timer_ns) return; /* the pending call comes first and sets the next */
    c->timer_ns = next;
    sim_call_after(c->options.sim, next > now(c) ? next - now(c) : 0, on_timer, c);
}

/* ---- sending ---- */

static void pump(struct sql_client *c)
{
    if (c->socket == NULL || c->sending || c->piece_ns != UINT64_MAX || c->state == CLIENT_CONNECTING) return;
    size_t left = c->out_stop - c->out_at;
    if (left == 0) return;
    size_t part = c->piece_bytes > 0 && left > c->piece_bytes
                      ? 1 + (size_t)sim_below(c->options.sim, c->piece_bytes) : left;
    c->sending = true;
    env_send(c->options.env, c->socket, c->out.data + c->out_at, part);
    c->out_at += part;
    if (c->out_at == c->out.size && c->state == CLIENT_QUERY) c->result.sent = true;
}

static void on_sent(void *ctx, struct env_socket *socket)
{
    struct sql_client *c = ctx;
    c->sending = false;
    if (c->terminating) {
        env_close(c->options.env, socket);
    } else if (c->out_at < c->out_stop) {
        c->piece_ns = now(c) + sim_exponential(c->options.sim, PIECE_PAUSE_NS);
        timer_set(c);
    } else if (c->out_stop < c->out.size || c->cut == SQL_CUT_STARTUP_SENT || c->cut == SQL_CUT_QUERY_SENT) {
        bool startup = c->cut == SQL_CUT_STARTUP_HALF || c->cut == SQL_CUT_STARTUP_SENT;
        if (startup ? c->state == CLIENT_STARTUP : c->state == CLIENT_QUERY) cut_here(c);
    }
}

/* Sends what is in `out`, or a part of it when the client is to walk away there. */
static void send_all(struct sql_client *c, enum sql_cut half)
{
    ASSERT(!c->sending && !c->out.failed);
    c->out_at = 0;
    c->out_stop = c->out.size;
    if (c->cut == half) c->out_stop = 1 + (size_t)sim_below(c->options.sim, c->out.size - 1);
    pump(c);
}

static void send_startup(struct sql_client *c)
{
    c->state = CLIENT_STARTUP;
    buf_reset(&c->out);
    put_be32(&c->out, 0);
    put_be32(&c->out, PGWIRE_VERSION_3);
    pgwire_put_text(&c->out, "user");
    pgwire_put_text(&c->out, "postgres");
    pgwire_put_text(&c->out, "database");
    pgwire_put_text(&c->out, "postgres");
    pgwire_put_text(&c->out, "application_name");
    pgwire_put_text(&c->out, "ostraka-sim");
    put_u8(&c->out, 0);
    store_be32(c->out.data, (uint32_t)c->out.size);
    send_all(c, SQL_CUT_STARTUP_HALF);
}

static void on_connected(void *ctx, struct env_socket *socket)
{
    struct sql_client *c = ctx;
    (void)socket;
    if (c->state != CLIENT_CONNECTING) return; /* given up meanwhile: it is being closed */
    if (c->cut == SQL_CUT_CONNECTED) {
        cut_here(c);
        return;
    }
    if (!sim_chance(c->options.sim, SIM_ALWAYS / 4)) {
        send_startup(c);
        return;
    }
    c->state = CLIENT_SSL; /* as psql does by default */
    buf_reset(&c->out);
    put_be32(&c->out, 8);
    put_be32(&c->out, PGWIRE_SSL_REQUEST);
    send_all(c, SQL_CUT_COUNT);
}

/* ---- receiving ---- */

static struct sql_rows *rows_now(struct sql_client *c)
{
    return c->result.count < SQL_CLIENT_RESULTS_MAX ? &c->result.results[c->result.count] : NULL;
}

static bool take_columns(struct sql_client *c, struct reader *r)
{
    struct sql_rows *rows = rows_now(c);
    uint16_t count = get_be16(r);
    for (uint16_t i = 0; i < count && !r->failed; i++) {
        pgwire_text(r);
        get_bytes(r, 18);
    }
    if (rows == NULL || c->rows_open) return false;
    rows->column_count = count;
    c->rows_open = true;
    return reader_done(r);
}

static bool take_row(struct sql_client *c, struct reader *r)
{
    struct sql_rows *rows = rows_now(c);
    uint16_t count = get_be16(r);
    if (rows == NULL || !c->rows_open || count != rows->column_count) return false;
    if (c->cell_count + count > SQL_CLIENT_CELLS_MAX) return false;
    for (uint16_t i = 0; i < count && !r->failed; i++) {
        uint32_t size = get_be32(r);
        struct bytes value = size == UINT32_MAX ? BYTES_EMPTY : get_bytes(r, size);
        c->offsets[c->cell_count] = size == UINT32_MAX ? SIZE_MAX : c->text.size;
        c->cells[c->cell_count++] = (struct sql_cell){.size = value.size};
        buf_append_bytes(&c->text, value);
        buf_append_byte(&c->text, 0);
    }
    rows->row_count++;
    return reader_done(r) && !c->text.failed;
}

static bool take_complete(struct sql_client *c, struct reader *r)
{
    struct sql_rows *rows = rows_now(c);
    const char *tag = pgwire_text(r);
    if (rows == NULL || !reader_done(r) || *tag == '\0' || c->result.sqlstate[0] != '\0') return false;
    snprintf(rows->tag, sizeof rows->tag, "%s", tag);
    c->result.count++;
    c->rows_open = false;
    return true;
}

static bool take_error(struct sql_client *c, struct reader *r, bool *fatal_out)
{
    bool severity = false, code = false, message = false;
    *fatal_out = false;
    for (uint8_t field; (field = get_u8(r)) != 0 && !r->failed;) {
        const char *text = pgwire_text(r);
        if (field == 'S') severity = true, *fatal_out = strcmp(text, "FATAL") == 0;
        if (field == 'C') code = true, snprintf(c->result.sqlstate, sizeof c->result.sqlstate, "%s", text);
        if (field == 'M') message = true, snprintf(c->result.message, sizeof c->result.message, "%s", text);
    }
    return reader_done(r) && severity && code && message && strlen(c->result.sqlstate) == 5;
}

static bool take_ready(struct sql_client *c, struct reader *r)
{
    c->result.state = (char)get_u8(r);
    if (!reader_done(r) || strchr("ITE", c->result.state) == NULL || c->result.state == 0) return false;
    if (c->state == CLIENT_STARTUP && (!c->authenticated || c->result.state != 'I')) return false;
    /* The first answer must not come before the whole question was there. */
    if (c->out_at < c->out_stop) return false;
    bool failed = c->result.sqlstate[0] != '\0';
    c->state = CLIENT_IDLE;
    end(c, failed ? SQL_END_ERROR : SQL_END_OK);
    return true;
}

static bool take_message(struct sql_client *c, const struct pgwire_message *m)
{
    struct reader r = reader_make(m->body);
    bool startup = c->state == CLIENT_STARTUP, query = c->state == CLIENT_QUERY, fatal;
    switch (m->type) {
    case 'S': pgwire_text(&r); pgwire_text(&r); return reader_done(&r);
    case 'N': return true;
    case 'R':
        if (!startup || get_be32(&r) != 0 || !reader_done(&r)) return false;
        c->authenticated = true;
        return true;
    case 'K': return startup && m->body.size == 8;
    case 'T': return query && take_columns(c, &r);
    case 'D': return query && take_row(c, &r);
    case 'C': return query && take_complete(c, &r);
    case 'I': return query;
    case 'E':
        if (!take_error(c, &r, &fatal)) return false;
        if (fatal) lose(c); /* the server ends the connection, and may do so at any time */
        return fatal || query;
    case 'Z': return (startup || query) && take_ready(c, &r);
    default: return false;
    }
}

static void take_ssl_answer(struct sql_client *c)
{
    if (c->in.data[0] != 'N') {
        violate(c, "an answer to SSLRequest", c->in.data[0]);
        return;
    }
    buf_consume(&c->in, 1);
    send_startup(c);
}

static void on_received(void *ctx, struct env_socket *socket, struct bytes bytes)
{
    struct sql_client *c = ctx;
    if (c->state == CLIENT_CLOSED) return;
    buf_append_bytes(&c->in, bytes);
    if (c->in.failed) {
        violate(c, "more than the client takes", 0);
        return;
    }
    if (c->cut == SQL_CUT_FIRST_REPLY && c->state == CLIENT_QUERY) {
        cut_here(c);
        return;
    }
    if (c->state == CLIENT_SSL && !c->sending) take_ssl_answer(c);
    while (c->socket == socket && c->state != CLIENT_CLOSED && c->state != CLIENT_SSL) {
        struct pgwire_message m;
        enum pgwire_parse parsed = pgwire_next(buf_view(&c->in), false, &m);
        if (parsed == PGWIRE_MORE) break;
        if (parsed != PGWIRE_MESSAGE || !take_message(c, &m)) {
            violate(c, "a message out of place or malformed", m.type);
            break;
        }
        if (c->state != CLIENT_CLOSED) buf_consume(&c->in, m.size);
    }
}

static void on_closed(void *ctx, struct env_socket *socket, enum status reason)
{
    struct sql_client *c = ctx;
    (void)socket;
    (void)reason;
    c->socket = NULL;
    c->sending = c->terminating = false;
    c->read_ns = UINT64_MAX;
    if (c->state == CLIENT_IDLE) c->state = CLIENT_CLOSED;
    else if (c->state != CLIENT_CLOSED) lose(c);
}

static const struct env_socket_handler socket_handler = {
    .on_connected = on_connected, .on_received = on_received, .on_sent = on_sent, .on_closed = on_closed};

/* Gives the result out. The owner may go on at once. */
static void end(struct sql_client *c, enum sql_end how)
{
    if (how == SQL_END_LOST) {
        if (c->state == CLIENT_CLOSED) return;
        bool idle = c->state == CLIENT_IDLE;
        c->state = CLIENT_CLOSED;
        if (idle) return; /* nothing was under way: the next query tells */
    }
    uint32_t cell = 0;
    for (uint32_t i = 0; i < c->cell_count; i++)
        c->cells[i].text = c->offsets[i] == SIZE_MAX ? NULL : (const char *)c->text.data + c->offsets[i];
    for (uint32_t i = 0; i < SQL_CLIENT_RESULTS_MAX; i++) {
        c->result.results[i].cells = c->cells + cell;
        cell += c->result.results[i].column_count * c->result.results[i].row_count;
    }
    c->deadline_ns = c->piece_ns = UINT64_MAX;
    c->result.end = how;
    c->options.on_done(c->options.ctx, &c->result);
}

static void begin(struct sql_client *c, enum client_state state, uint64_t timeout_ns)
{
    c->state = state;
    c->result = (struct sql_result){0};
    c->cell_count = 0;
    c->rows_open = false;
    buf_reset(&c->text);
    c->deadline_ns = now(c) + timeout_ns;
    timer_set(c);
}

/* ---- calls ---- */

static void on_refused(void *ctx)
{
    lose(ctx);
}

void sql_client_connect(struct sql_client *c, struct env_addr addr, uint64_t timeout_ns)
{
    ASSERT(sql_client_closed(c));
    begin(c, CLIENT_CONNECTING, timeout_ns);
    buf_reset(&c->in);
    c->authenticated = c->sending = c->terminating = false;
    c->piece_bytes = 0;
    if (env_connect(c->options.env, &addr, &socket_handler, c, &c->socket) == STATUS_OK) return;
    c->socket = NULL;
    sim_call_after(c->options.sim, SIM_MS, on_refused, c);
}

void sql_client_query(struct sql_client *c, const char *text, uint64_t timeout_ns, uint32_t piece_bytes)
{
    ASSERT(c->state == CLIENT_IDLE || c->state == CLIENT_CLOSED);
    bool gone = c->state == CLIENT_CLOSED || c->socket == NULL;
    begin(c, CLIENT_QUERY, timeout_ns);
    if (gone) {
        sim_call_after(c->options.sim, SIM_US, on_refused, c);
        return;
    }
    c->piece_bytes = piece_bytes;
    buf_reset(&c->out);
    size_t start = pgwire_begin(&c->out, 'Q');
    pgwire_put_text(&c->out, text);
    pgwire_end(&c->out, start);
    ASSERT(!c->out.failed);
    send_all(c, SQL_CUT_QUERY_HALF);
}

void sql_client_cut(struct sql_client *c, enum sql_cut cut)
{
    c->cut = cut;
}

void sql_client_read_later(struct sql_client *c, uint64_t duration_ns)
{
    if (c->socket == NULL || c->state == CLIENT_CONNECTING || c->state == CLIENT_CLOSED) return;
    env_receive_enable(c->options.env, c->socket, false);
    c->read_ns = now(c) + duration_ns;
    timer_set(c);
}

void sql_client_close(struct sql_client *c, bool politely)
{
    ASSERT(c->state == CLIENT_IDLE || c->state == CLIENT_CLOSED);
    if (c->state == CLIENT_CLOSED || c->socket == NULL || !politely || c->sending) {
        c->state = CLIENT_CLOSED;
        drop_socket(c);
        return;
    }
    c->state = CLIENT_CLOSED;
    c->terminating = true;
    c->piece_bytes = 0;
    buf_reset(&c->out);
    pgwire_end(&c->out, pgwire_begin(&c->out, 'X'));
    send_all(c, SQL_CUT_COUNT);
}

bool sql_client_connected(const struct sql_client *c)
{
    return c->state == CLIENT_IDLE && c->socket != NULL;
}

bool sql_client_closed(const struct sql_client *c)
{
    return c->state == CLIENT_CLOSED && c->socket == NULL;
}

const char *sql_client_violation(const struct sql_client *c)
{
    return c->violation[0] != '\0' ? c->violation : NULL;
}

struct sql_client *sql_client_create(const struct sql_client_options *options)
{
    struct sql_client *c = calloc(1, sizeof *c);
    ASSERT(c != NULL);
    c->options = *options;
    c->offsets = calloc(SQL_CLIENT_CELLS_MAX, sizeof *c->offsets);
    ASSERT(c->offsets != NULL);
    buf_init(&c->in, SQL_CLIENT_INPUT_BYTES_MAX);
    buf_init(&c->out, SQL_CLIENT_TEXT_BYTES_MAX + 16);
    buf_init(&c->text, SQL_CLIENT_INPUT_BYTES_MAX);
    c->deadline_ns = c->piece_ns = c->read_ns = c->timer_ns = UINT64_MAX;
    return c;
}

void sql_client_destroy(struct sql_client *c)
{
    ASSERT(c->socket == NULL);
    buf_deinit(&c->in);
    buf_deinit(&c->out);
    buf_deinit(&c->text);
    free(c->offsets);
    free(c);
}
