#include <string.h>

#include "sql/types.h"
#include "tests/sim/cluster/sql_client_int.h"

/* ---- receiving ---- */

struct sql_rows *client_rows(struct sql_client *c)
{
    return c->result.count < SQL_CLIENT_RESULTS_MAX ? &c->result.results[c->result.count] : NULL;
}

static bool take_columns(struct sql_client *c, struct reader *r)
{
    struct sql_rows *rows = client_rows(c);
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

/* The text of one cell is about to be appended to c->text; NULL: none. */
static void open_cell(struct sql_client *c, bool null)
{
    c->offsets[c->cell_count] = null ? SIZE_MAX : c->text.size;
}

static void close_cell(struct sql_client *c)
{
    size_t start = c->offsets[c->cell_count];
    c->cells[c->cell_count++] = (struct sql_cell){.size = start == SIZE_MAX ? 0 : c->text.size - start};
    buf_append_byte(&c->text, 0);
}

/* An integer of PostgreSQL's numeric: digits of base 10000, the first of weight 10000^weight. */
static bool write_numeric(struct bytes value, struct buf *out)
{
    struct reader r = reader_make(value);
    uint16_t count = get_be16(&r);
    int weight = (int16_t)get_be16(&r);
    uint16_t sign = get_be16(&r);
    uint16_t scale = get_be16(&r);
    int64_t number = 0;
    if (r.failed || scale != 0 || weight > 4 || count > weight + 1) return false;
    for (int i = 0; i <= weight; i++) number = number * 10000 + (i < count ? get_be16(&r) : 0);
    buf_printf(out, "%lld", (long long)(sign == 0x4000 ? -number : number));
    return reader_done(&r) && (sign == 0 || sign == 0x4000);
}

static bool write_binary(struct bytes value, uint32_t type, struct buf *out)
{
    switch (type) {
    case SQL_TYPE_INT4:
        if (value.size == 4) buf_printf(out, "%d", (int)(int32_t)load_be32(value.data));
        return value.size == 4;
    case SQL_TYPE_INT8:
        if (value.size == 8) buf_printf(out, "%lld", (long long)(int64_t)load_be64(value.data));
        return value.size == 8;
    case SQL_TYPE_TEXT: buf_append_bytes(out, value); return true;
    case SQL_TYPE_NUMERIC: return write_numeric(value, out);
    default: return false;
    }
}

bool client_take_row(struct sql_client *c, struct reader *r, const uint32_t *types)
{
    struct sql_rows *rows = client_rows(c);
    uint16_t count = get_be16(r);
    if (rows == NULL || !c->rows_open || count != rows->column_count) return false;
    if (c->cell_count + count > SQL_CLIENT_CELLS_MAX) return false;
    for (uint16_t i = 0; i < count && !r->failed; i++) {
        uint32_t size = get_be32(r);
        bool null = size == UINT32_MAX;
        struct bytes value = null ? BYTES_EMPTY : get_bytes(r, size);
        open_cell(c, null);
        if (types == NULL) buf_append_bytes(&c->text, value);
        else if (!null && !write_binary(value, types[i], &c->text)) return false;
        close_cell(c);
    }
    rows->row_count++;
    return reader_done(r) && !c->text.failed;
}


static bool take_complete(struct sql_client *c, struct reader *r)
{
    struct sql_rows *rows = client_rows(c);
    const char *tag = pgwire_text(r);
    if (rows == NULL || !reader_done(r) || *tag == '\0' || c->result.sqlstate[0] != '\0') return false;
    snprintf(rows->tag, sizeof rows->tag, "%s", tag);
    c->result.count++;
    c->rows_open = false;
    return true;
}

/* Of several errors of one request the first one counts. */
static bool take_error(struct sql_client *c, struct reader *r, bool *fatal_out)
{
    const char *severity = NULL, *code = NULL, *message = NULL;
    for (uint8_t field; (field = get_u8(r)) != 0 && !r->failed;) {
        const char *text = pgwire_text(r);
        if (field == 'S') severity = text;
        if (field == 'C') code = text;
        if (field == 'M') message = text;
    }
    if (!reader_done(r) || severity == NULL || code == NULL || message == NULL || strlen(code) != 5) return false;
    *fatal_out = strcmp(severity, "FATAL") == 0;
    if (c->result.sqlstate[0] == '\0' || *fatal_out) {
        snprintf(c->result.sqlstate, sizeof c->result.sqlstate, "%s", code);
        snprintf(c->result.message, sizeof c->result.message, "%s", message);
    }
    return true;
}

static bool take_ready(struct sql_client *c, struct reader *r)
{
    bool last = true;
    c->result.state = (char)get_u8(r);
    if (!reader_done(r) || strchr("ITE", c->result.state) == NULL || c->result.state == 0) return false;
    if (c->state == CLIENT_STARTUP && (!c->authenticated || c->result.state != 'I')) return false;
    if (c->extended && !extended_ready(c, &last)) return false;
    if (!last) return true;
    /* The last answer must not come before the whole question was there. */
    if (c->out_at < c->out_stop) return false;
    bool failed = c->result.sqlstate[0] != '\0';
    c->state = CLIENT_IDLE;
    client_end(c, failed ? SQL_END_ERROR : SQL_END_OK);
    return true;
}

static bool take_message(struct sql_client *c, const struct pgwire_message *m)
{
    struct reader r = reader_make(m->body);
    bool startup = c->state == CLIENT_STARTUP, query = c->state == CLIENT_QUERY, fatal;
    if (query && c->extended && strchr("SNEZ", m->type) == NULL) return extended_take(c, m);
    switch (m->type) {
    case 'S': pgwire_text(&r); pgwire_text(&r); return reader_done(&r);
    case 'N': return true;
    case 'R':
        if (!startup || get_be32(&r) != 0 || !reader_done(&r)) return false;
        c->authenticated = true;
        return true;
    case 'K':
        c->key_pid = get_be32(&r);
        c->key_secret = get_be32(&r);
        return startup && reader_done(&r);
    case 'T': return query && take_columns(c, &r);
    case 'D': return query && client_take_row(c, &r, NULL);
    case 'C': return query && take_complete(c, &r);
    case 'I': return query;
    case 'E':
        if (!take_error(c, &r, &fatal)) return false;
        if (fatal) client_lose(c); /* the server ends the connection, and may do so at any time */
        else if (c->extended) return query && extended_failed(c);
        return fatal || query;
    case 'Z': return (startup || query) && take_ready(c, &r);
    default: return false;
    }
}

static void take_ssl_answer(struct sql_client *c)
{
    if (c->in.data[0] != 'N') {
        client_violate(c, "an answer to SSLRequest", c->in.data[0]);
        return;
    }
    buf_consume(&c->in, 1);
    client_send_startup(c);
}


/* The client walks away in the middle of the answer. */
static bool cut_now(struct sql_client *c)
{
    return c->cut == SQL_CUT_LATER_REPLY && c->state == CLIENT_QUERY && c->cut_after-- == 0;
}

void client_take(struct sql_client *c, struct env_socket *socket)
{
    if (c->state == CLIENT_SSL && !c->sending) take_ssl_answer(c);
    while (c->socket == socket && c->state != CLIENT_CLOSED && c->state != CLIENT_SSL) {
        struct pgwire_message m;
        enum pgwire_parse parsed = pgwire_next(buf_view(&c->in), false, &m);
        if (parsed == PGWIRE_MORE) break;
        if (parsed == PGWIRE_MESSAGE && cut_now(c)) {
            client_cut_here(c);
            break;
        }
        if (parsed != PGWIRE_MESSAGE || !take_message(c, &m)) {
            client_violate(c, "a message out of place or malformed", m.type);
            break;
        }
        if (c->state != CLIENT_CLOSED) buf_consume(&c->in, m.size);
    }
}
