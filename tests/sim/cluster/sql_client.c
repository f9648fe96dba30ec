#include <stdlib.h>
#include <string.h>

#include "tests/sim/cluster/sql_client_int.h"

#define PIECE_PAUSE_NS (2 * SIM_MS)

static void pump(struct sql_client *c);

static uint64_t now(const struct sql_client *c)
{
    return sim_now(c->options.sim);
}

/* ---- the end of a conversation ---- */

static void drop_socket(struct sql_client *c)
{
    if (c->socket != NULL) env_close(c->options.env, c->socket);
}

void client_lose(struct sql_client *c)
{
    drop_socket(c);
    c->result.state = 0;
    client_end(c, SQL_END_LOST);
}

void client_violate(struct sql_client *c, const char *what, uint8_t type)
{
    if (c->violation[0] == '\0')
        snprintf(c->violation, sizeof c->violation, "%s (message '%c', state %d)", what,
                 type >= 32 && type < 127 ? type : '?', c->state);
    client_lose(c);
}

void client_cut_here(struct sql_client *c)
{
    c->cut = SQL_CUT_NONE;
    sim_fault_hit(c->options.sim, SIM_FAULT_CLIENT_DISCONNECT);
    client_lose(c);
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
        client_lose(c);
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
    if (c->state == CLIENT_QUERY && c->out_at >= c->commit_at) c->result.sent = true;
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
        if (startup ? c->state == CLIENT_STARTUP : c->state == CLIENT_QUERY) client_cut_here(c);
    } else if (c->extended && c->state == CLIENT_QUERY) {
        extended_proceed(c);
    }
}

/* Sends what is in `out`, or a part of it when the client is to walk away there. */
void client_send_all(struct sql_client *c, enum sql_cut half)
{
    ASSERT(!c->sending && !c->out.failed);
    c->out_at = 0;
    c->out_stop = c->out.size;
    if (c->cut == half) c->out_stop = 1 + (size_t)sim_below(c->options.sim, c->out.size - 1);
    pump(c);
}

void client_send_startup(struct sql_client *c)
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
    client_send_all(c, SQL_CUT_STARTUP_HALF);
}

static void on_connected(void *ctx, struct env_socket *socket)
{
    struct sql_client *c = ctx;
    (void)socket;
    if (c->state != CLIENT_CONNECTING) return; /* given up meanwhile: it is being closed */
    if (c->cut == SQL_CUT_CONNECTED) {
        client_cut_here(c);
        return;
    }
    if (!sim_chance(c->options.sim, SIM_ALWAYS / 4)) {
        client_send_startup(c);
        return;
    }
    c->state = CLIENT_SSL; /* as psql does by default */
    buf_reset(&c->out);
    put_be32(&c->out, 8);
    put_be32(&c->out, PGWIRE_SSL_REQUEST);
    client_send_all(c, SQL_CUT_COUNT);
}

/* ---- receiving ---- */

static void on_received(void *ctx, struct env_socket *socket, struct bytes bytes)
{
    struct sql_client *c = ctx;
    if (c->state == CLIENT_CLOSED) return;
    buf_append_bytes(&c->in, bytes);
    if (c->in.failed) {
        client_violate(c, "more than the client takes", 0);
        return;
    }
    if (c->cut == SQL_CUT_FIRST_REPLY && c->state == CLIENT_QUERY) {
        client_cut_here(c);
        return;
    }
    client_take(c, socket);
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
    else if (c->state != CLIENT_CLOSED) client_lose(c);
}

static const struct env_socket_handler socket_handler = {
    .on_connected = on_connected, .on_received = on_received, .on_sent = on_sent, .on_closed = on_closed};

/* Gives the result out. The owner may go on at once. */
void client_end(struct sql_client *c, enum sql_end how)
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
    c->rows_open = c->extended = false;
    c->commit_at = SIZE_MAX;
    buf_reset(&c->text);
    c->deadline_ns = now(c) + timeout_ns;
    timer_set(c);
}

/* ---- calls ---- */

static void on_refused(void *ctx)
{
    client_lose(ctx);
}

void sql_client_connect(struct sql_client *c, struct env_addr addr, uint64_t timeout_ns)
{
    ASSERT(sql_client_closed(c));
    begin(c, CLIENT_CONNECTING, timeout_ns);
    buf_reset(&c->in);
    c->authenticated = c->sending = c->terminating = false;
    c->piece_bytes = 0;
    c->addr = addr;
    c->key_pid = c->key_secret = 0;
    extended_forget(c);
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
    c->commit_at = c->out.size;
    client_send_all(c, SQL_CUT_QUERY_HALF);
}

void sql_client_execute(struct sql_client *c, const char *const *texts, uint32_t count, bool sync_each,
                        uint64_t timeout_ns, uint32_t piece_bytes)
{
    ASSERT(c->state == CLIENT_IDLE || c->state == CLIENT_CLOSED);
    bool gone = c->state == CLIENT_CLOSED || c->socket == NULL;
    begin(c, CLIENT_QUERY, timeout_ns);
    if (gone) {
        sim_call_after(c->options.sim, SIM_US, on_refused, c);
        return;
    }
    c->piece_bytes = piece_bytes;
    c->extended = true;
    extended_begin(c, texts, count, sync_each);
}

void sql_client_cut(struct sql_client *c, enum sql_cut cut)
{
    c->cut = cut;
    if (cut == SQL_CUT_LATER_REPLY) c->cut_after = (uint32_t)sim_below(c->options.sim, 12);
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
    client_send_all(c, SQL_CUT_COUNT);
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
    buf_init(&c->out, 2 * SQL_CLIENT_TEXT_BYTES_MAX);
    buf_init(&c->text, SQL_CLIENT_INPUT_BYTES_MAX);
    buf_init(&c->cancel_out, 16);
    buf_init(&c->request.texts, 2 * SQL_CLIENT_TEXT_BYTES_MAX);
    buf_init(&c->request.strings, 2 * SQL_CLIENT_TEXT_BYTES_MAX);
    c->deadline_ns = c->piece_ns = c->read_ns = c->timer_ns = UINT64_MAX;
    return c;
}

void sql_client_destroy(struct sql_client *c)
{
    ASSERT(c->socket == NULL && c->cancel_socket == NULL);
    extended_forget(c);
    buf_deinit(&c->cancel_out);
    buf_deinit(&c->request.texts);
    buf_deinit(&c->request.strings);
    buf_deinit(&c->in);
    buf_deinit(&c->out);
    buf_deinit(&c->text);
    free(c->offsets);
    free(c);
}
