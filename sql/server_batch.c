/* Batches of the extended protocol: what a client sends up to a Sync. While nothing of the answers
 * has left, a conflict is the server's affair: the whole batch is run again from a copy of its
 * messages. So the answers are held back until the Sync, or a Flush, or until they are more than a
 * moment's worth; PostgreSQL sends no earlier either. */
#include "sql/server_int.h"

#define RESULTS_BYTES_MAX (16u << 10) /* of answers that are held back */

static bool closes_statement(const struct pgwire_message *m)
{
    return m->type == 'C' && m->body.size > 0 && m->body.data[0] == 'S';
}

void connection_batch_add(struct connection *c, const struct pgwire_message *m)
{
    struct sql_sink sink = connection_sink(c);
    if (!c->batch_open) {
        c->batch_open = true;
        c->batch_whole = sql_session_batch_begin(c->session, &sink);
        buf_reset(&c->batch);
    }
    if (!c->batch_whole) return;
    struct bytes input = connection_input(c);
    ASSERT(m->size <= input.size);
    if (closes_statement(m) || c->batch.size + m->size > SERVER_BATCH_BYTES_MAX) c->batch_whole = false;
    else buf_append_bytes(&c->batch, bytes_make(input.data, m->size));
}

void connection_batch_end(struct connection *c)
{
    c->batch_open = c->batch_whole = false;
    buf_reset(&c->batch);
}

bool connection_holds_back(const struct connection *c)
{
    return c->batch_open && c->batch_whole && !c->skip_to_sync && c->out.size < RESULTS_BYTES_MAX;
}

/* A statement of the batch that has a name is there already. */
static void forget_statement(struct connection *c, const struct pgwire_message *m)
{
    struct reader r = reader_make(m->body);
    const char *name = m->type == 'P' ? pgwire_text(&r) : "";
    if (!r.failed && name[0] != '\0') sql_session_close_statement(c->session, name);
}

/* [fiber] All messages again. */
static bool replay(struct connection *c, struct sql_error *error)
{
    struct bytes left = buf_view(&c->batch);
    while (left.size > 0) {
        struct pgwire_message m;
        enum pgwire_parse parsed = pgwire_next(left, false, &m);
        ASSERT(parsed == PGWIRE_MESSAGE);
        forget_statement(c, &m);
        if (!extended_handle(&c->extended, &m, BYTES_EMPTY, error)) return false;
        left = bytes_make(left.data + m.size, left.size - m.size);
    }
    return true;
}

bool connection_batch_again(struct connection *c, bool sync, struct sql_error *error)
{
    struct sql_sink sink = connection_sink(c);
    bool ok = false;
    while (!ok && c->batch_open && c->batch_whole && sql_session_batch_again(c->session, &sink, error)) {
        struct extended before = c->extended;
        c->extended.session = c->session;
        c->extended.out = &c->out;
        c->extended.sink = &sink;
        ok = replay(c, error) && (!sync || sql_session_sync(c->session, &sink, error));
        c->extended = before;
    }
    return ok;
}
