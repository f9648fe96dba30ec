/* Portals: statements with values for their parameters, and their execution, whole or some rows at a time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/codec.h"
#include "sql/session_int.h"
#include "sql/types_io.h"

#define PORTAL_BYTES_MAX (64u << 20)
#define ROW_BYTES_MAX (16u << 20)

struct sql_portal *session_portal_find(struct sql_session *s, const char *name)
{
    LIST_FOR_EACH(item, &s->portals) {
        struct sql_portal *p = CONTAINER_OF(item, struct sql_portal, link);
        if (strcmp(p->name, name) == 0) return p;
    }
    return NULL;
}

static struct sql_portal *portal_named(struct sql_session *s, const char *name, struct sql_error *error)
{
    struct sql_portal *p = session_portal_find(s, name);
    if (p == NULL)
        sql_error_set(error, &s->query_arena, SQLSTATE_INVALID_CURSOR_NAME, 0, "portal \"%s\" does not exist",
                      name);
    return p;
}

static bool is_query(const struct sql_portal *p)
{
    return p->prepared->statement.node->kind == SQL_STMT_SELECT;
}

/* Whatever the transaction writes later, its portals do not see. A statement that writes has read all when it gives
 * its first row, and has to see what it writes until then. */
static void view_enter(struct sql_portal *p)
{
    if (p->session->txn == NULL || !is_query(p)) return;
    if (!p->has_view) p->view = txn_mark(p->session->txn);
    p->has_view = true;
    if (!MUTANT("cursor_sees_later_writes")) txn_view(p->session->txn, &p->view);
}

static void view_leave(struct sql_portal *p)
{
    if (p->session->txn != NULL) txn_view(p->session->txn, NULL);
}

/* Lets the portal's fiber run until it pauses or ends. From the core's own stack it does so at once; from another
 * fiber that one waits. */
static void portal_turn(struct sql_portal *p)
{
    struct fiber_pool *fibers = p->session->options.fibers;
    p->host = fiber_current(fibers);
    p->state = PORTAL_RUNNING;
    view_enter(p);
    fiber_resume(p->fiber);
    while (p->state == PORTAL_RUNNING) {
        ASSERT(p->host != NULL);
        fiber_suspend(fibers);
    }
    view_leave(p);
}

static void portal_destroy(struct sql_portal *p)
{
    arena_deinit(&p->arena);
    free(p->name);
    free(p);
}

void session_portal_free(struct sql_portal *p)
{
    if (p->state == PORTAL_PAUSED) {
        p->cancelled = true;
        portal_turn(p);
    }
    ASSERT(p->state == PORTAL_READY || p->state == PORTAL_DONE);
    list_remove(&p->link);
    p->session->portal_count--;
    session_account(p->session, &p->kept_bytes, 0);
    session_prepared_unpin(p->session, p->prepared);
    if (p->has_fiber) {
        arena_deinit(&p->statement_arena);
        arena_deinit(&p->row_arena);
    }
    if (p->name[0] == '\0' && p->session->spare_portal == NULL) { /* the unnamed one: the next is not far */
        arena_reset(&p->arena);
        p->session->spare_portal = p;
        return;
    }
    portal_destroy(p);
}

void session_portals_end(struct sql_session *s)
{
    if (s->spare_portal != NULL) portal_destroy(s->spare_portal);
    s->spare_portal = NULL;
}

void session_portals_close(struct sql_session *s)
{
    LIST_FOR_EACH_SAFE(item, &s->portals) {
        struct sql_portal *p = CONTAINER_OF(item, struct sql_portal, link);
        if (p->state != PORTAL_RUNNING) session_portal_free(p); /* the one that ends the transaction ends later */
    }
}

void session_portals_close_since(struct sql_session *s, uint64_t seq)
{
    LIST_FOR_EACH_SAFE(item, &s->portals) {
        struct sql_portal *p = CONTAINER_OF(item, struct sql_portal, link);
        if (p->seq > seq && p->state != PORTAL_RUNNING) session_portal_free(p);
    }
}

void session_portal_close_unnamed(struct sql_session *s)
{
    struct sql_portal *p = session_portal_find(s, "");
    if (p != NULL && p->state != PORTAL_RUNNING) session_portal_free(p);
}

/* With its name and its arena. NULL: out of memory. */
static struct sql_portal *portal_create(struct sql_session *s, const char *name)
{
    struct sql_portal *p = s->spare_portal;
    if (name[0] == '\0' && p != NULL) {
        s->spare_portal = NULL;
        *p = (struct sql_portal){.name = p->name, .arena = p->arena};
        return p;
    }
    p = calloc(1, sizeof *p);
    if (p != NULL) p->name = strdup(name);
    if (p == NULL || p->name == NULL) {
        free(p);
        return NULL;
    }
    arena_init(&p->arena, PORTAL_BYTES_MAX);
    arena_share(&p->arena, session_memory_account(s));
    return p;
}

struct sql_portal *session_portal_new(struct sql_session *s, const char *name, struct sql_prepared *prepared,
                                      struct sql_error *error)
{
    if (!session_check_kept(s, error)) return NULL;
    struct sql_portal *p = s->portal_count < SESSION_PORTALS_MAX ? portal_create(s, name) : NULL;
    if (p == NULL) {
        sql_error_set(error, &s->query_arena, SQLSTATE_CONFIGURATION_LIMIT_EXCEEDED, 0,
                      "a session keeps at most %d portals open", SESSION_PORTALS_MAX);
        return NULL;
    }
    p->session = s;
    p->seq = ++s->portal_seq;
    p->prepared = prepared;
    prepared->pins++;
    list_push_back(&s->portals, &p->link);
    s->portal_count++;
    return p;
}

/* ---- Bind ---- */

static bool malformed(struct sql_session *s, struct sql_error *error)
{
    return sql_error_set(error, &s->query_arena, SQLSTATE_PROTOCOL_VIOLATION, 0, "invalid message format");
}

static bool read_formats(struct sql_session *s, struct sql_portal *p, struct reader *r, const uint16_t **out,
                         uint32_t *count_out, struct sql_error *error)
{
    uint32_t count = get_be16(r);
    if (r->failed || reader_left(r) < 2 * (size_t)count) return malformed(s, error);
    *out = NULL;
    *count_out = count;
    if (count == 0) return true;
    uint16_t *formats = ARENA_ARRAY(&p->arena, uint16_t, count + 1);
    if (formats == NULL) return sql_error_out_of_memory(error);
    for (uint32_t i = 0; i < count; i++) {
        formats[i] = get_be16(r);
        if (formats[i] > 1)
            return sql_error_set(error, &s->query_arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                                 "unsupported format code: %u", formats[i]);
    }
    *out = formats;
    return true;
}

static uint16_t format_of(const uint16_t *formats, uint32_t count, uint32_t index)
{
    return count == 0 ? 0 : formats[count == 1 ? 0 : index];
}

static bool read_value(struct sql_portal *p, struct sql_eval *eval, uint32_t oid, uint16_t format,
                       struct bytes wire, struct sql_datum *out)
{
    struct bytes copy = arena_copy(&p->arena, wire);
    if (copy.data == NULL) return sql_error_out_of_memory(eval->error);
    enum status status = format == 1 ? sql_type_receive(eval, sql_type_of(oid), copy, out)
                                     : sql_type_input(eval, sql_type_of(oid), copy, out);
    return status == STATUS_OK;
}

static bool read_values(struct sql_session *s, struct sql_portal *p, struct reader *r, const uint16_t *formats,
                        uint32_t format_count, struct sql_error *error)
{
    uint32_t count = get_be16(r), wanted = p->prepared->parameters.count;
    if (r->failed) return malformed(s, error);
    if (format_count > 1 && format_count != count)
        return sql_error_set(error, &s->query_arena, SQLSTATE_PROTOCOL_VIOLATION, 0,
                             "bind message has %u parameter formats but %u parameters", format_count, count);
    if (count != wanted)
        return sql_error_set(error, &s->query_arena, SQLSTATE_PROTOCOL_VIOLATION, 0,
                             "bind message supplies %u parameters, but prepared statement \"%s\" requires %u",
                             count, p->prepared->name, wanted);
    struct sql_datum *values = ARENA_ARRAY(&p->arena, struct sql_datum, count + 1);
    if (values == NULL) return sql_error_out_of_memory(error);
    struct exec x;
    struct sql_error found = {0};
    session_exec_set(s, &x, NULL, &found, &p->arena, &p->arena);
    x.eval.session = NULL; /* nothing gives way here: the message that is read lies in the connection's input */
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size = get_be32(r);
        values[i] = SQL_NULL;
        if (r->failed || (size != UINT32_MAX && size > reader_left(r))) return malformed(s, error);
        if (size == UINT32_MAX) continue;
        struct bytes wire = get_bytes(r, size);
        if (!read_value(p, &x.eval, p->prepared->parameters.types[i], format_of(formats, format_count, i), wire,
                        &values[i])) {
            sql_error_copy(error, &s->query_arena, &found);
            return false;
        }
    }
    p->parameters = (struct parameters){.count = count, .types = p->prepared->parameters.types, .values = values};
    return true;
}

static bool bind_body(struct sql_session *s, struct sql_portal *p, struct bytes body, struct sql_error *error)
{
    struct reader r = reader_make(body);
    const uint16_t *formats;
    uint32_t format_count;
    if (!read_formats(s, p, &r, &formats, &format_count, error) ||
        !read_values(s, p, &r, formats, format_count, error) ||
        !read_formats(s, p, &r, &p->formats, &p->format_count, error))
        return false;
    if (!reader_done(&r)) return malformed(s, error);
    if (p->format_count > 1 && p->format_count != p->prepared->column_count)
        return sql_error_set(error, &s->query_arena, SQLSTATE_PROTOCOL_VIOLATION, 0,
                             "bind message has %u result formats but query has %u columns", p->format_count,
                             p->prepared->column_count);
    return true;
}

bool sql_session_bind(struct sql_session *s, const char *portal, const char *statement, struct bytes body,
                      struct sql_error *error)
{
    session_call_begin(s, error);
    struct sql_prepared *prepared = session_prepared_named(s, statement, error);
    if (prepared == NULL) return false;
    const struct sql_node *node = prepared->statement.node;
    if (s->state == TRANSACTION_FAILED && node != NULL && !session_is_control(node))
        return sql_error_set(error, &s->query_arena, SQLSTATE_IN_FAILED_SQL_TRANSACTION, 0,
                             "current transaction is aborted, commands ignored until end of transaction block");
    struct sql_portal *old = session_portal_find(s, portal);
    if (old != NULL && portal[0] != '\0')
        return sql_error_set(error, &s->query_arena, SQLSTATE_DUPLICATE_CURSOR, 0, "cursor \"%s\" already exists",
                             portal);
    if (old != NULL) session_portal_free(old);
    struct sql_portal *p = session_portal_new(s, portal, prepared, error);
    if (p == NULL) return false;
    if (!bind_body(s, p, body, error)) {
        session_portal_free(p);
        return false;
    }
    session_account(s, &p->kept_bytes, p->arena.size);
    return true;
}

bool sql_session_describe_portal(struct sql_session *s, const char *name, struct sql_description *out,
                                 struct sql_error *error)
{
    session_call_begin(s, error);
    const struct sql_portal *p = portal_named(s, name, error);
    if (p == NULL) return false;
    session_describe_prepared(p->prepared, out);
    out->formats = p->formats;
    out->format_count = p->format_count;
    return true;
}

/* ---- Execute ---- */

static bool pausing_begin(void *ctx, const struct sql_result_column *columns, uint32_t count)
{
    struct sql_portal *p = ctx;
    /* FETCH has told the columns itself, every time. */
    return p->is_cursor || p->sink->begin(p->sink->ctx, columns, count);
}

/* Hands the turn to whoever waits for the portal. */
static void portal_yield(struct sql_portal *p, enum portal_state state)
{
    p->state = state;
    if (p->host != NULL) fiber_resume(p->host);
    p->host = NULL;
}

/* Pauses behind the last row that was asked for; whether another one follows is found out when it is asked for. */
static bool pausing_row(void *ctx, struct sql_eval *eval, const struct sql_datum *values)
{
    struct sql_portal *p = ctx;
    if (!p->sink->row(p->sink->ctx, eval, values)) return false;
    p->rows_given++;
    if (p->rows_given < p->rows_wanted) return true;
    portal_yield(p, PORTAL_PAUSED);
    while (p->state == PORTAL_PAUSED) fiber_suspend(p->session->options.fibers);
    return !p->cancelled;
}

static void portal_entry(void *arg)
{
    struct sql_portal *p = arg;
    struct sql_session *s = p->session;
    struct sql_sink sink = *p->sink;
    sink.begin = pausing_begin;
    sink.row = pausing_row;
    sink.ctx = p;
    struct exec x;
    struct sql_error error = {0};
    struct running running = {&p->parameters, p->prepared};
    const struct running *outer = s->running; /* of a FETCH */
    s->running = &running;
    session_exec_init_in(s, &x, &sink, &error, &p->statement_arena, &p->row_arena);
    s->running = outer;
    x.txn = s->txn;
    x.check_now = true;
    x.locks = EXEC_LOCK_ROWS;
    x.piecemeal = true;
    x.eval.transaction_us = s->transaction_us;
    p->ok = session_execute(s, &x, p->prepared->statement.node);
    snprintf(p->tag, sizeof p->tag, "%s", x.tag);
    p->ok = p->ok && exec_held_send(&x);
    if (!p->ok) sql_error_copy(&p->error, &p->arena, &error);
    portal_yield(p, PORTAL_DONE);
}

static bool portal_start(struct sql_portal *p, struct sql_error *error)
{
    struct sql_session *s = p->session;
    if (!session_check_kept(s, error)) return false;
    if (s->txn == NULL && !session_transaction_begin(s, TRANSACTION_IMPLICIT, error)) return false;
    txn_set_deadline(s->txn, s->deadline_ns);
    txn_set_lock_timeout(s->txn, s->settings.lock_timeout_ns);
    arena_init(&p->statement_arena, PORTAL_BYTES_MAX);
    arena_init(&p->row_arena, ROW_BYTES_MAX);
    arena_share(&p->statement_arena, session_memory_account(s));
    arena_share(&p->row_arena, session_memory_account(s));
    p->has_fiber = true;
    p->state = PORTAL_RUNNING;
    p->host = fiber_current(s->options.fibers);
    ASSERT(p->host != NULL);
    view_enter(p);
    if (fiber_spawn(s->options.fibers, portal_entry, p, &p->fiber) != STATUS_OK) {
        p->state = PORTAL_DONE;
        view_leave(p);
        return sql_error_set(error, &s->query_arena, SQLSTATE_TOO_MANY_CONNECTIONS, 0,
                             "too many statements at once");
    }
    while (p->state == PORTAL_RUNNING) fiber_suspend(s->options.fibers);
    view_leave(p);
    return true;
}

bool session_portal_run(struct sql_portal *p, uint64_t rows_max, const struct sql_sink *sink, uint64_t *count_out,
                        struct sql_error *error)
{
    ASSERT(p->state == PORTAL_READY || p->state == PORTAL_PAUSED);
    p->sink = sink;
    p->rows_wanted = rows_max == 0 ? UINT64_MAX : rows_max;
    p->rows_given = 0;
    if (p->state == PORTAL_READY) {
        if (!portal_start(p, error)) return false;
    } else {
        portal_turn(p);
    }
    p->position += p->rows_given;
    *count_out = p->rows_given;
    session_account(p->session, &p->kept_bytes, p->arena.size + p->statement_arena.size + p->row_arena.size);
    if (p->state == PORTAL_PAUSED || p->ok) return true;
    p->failed = true;
    sql_error_copy(error, &p->session->query_arena, &p->error);
    return false;
}

/* A query whose rows are asked for piece by piece. */
static bool run_pausing(struct sql_portal *p, uint64_t rows_max, const struct sql_sink *sink, bool *paused_out,
                        struct sql_error *error)
{
    uint64_t count;
    const struct sql_prepared *q = p->prepared;
    /* Other results may have passed since it paused. */
    bool tell = (p->state == PORTAL_PAUSED || p->is_cursor) && q->has_columns;
    if (tell && !sink->begin(sink->ctx, q->columns, q->column_count))
        return sql_error_set(error, &p->session->query_arena, SQLSTATE_QUERY_CANCELED, 0, "the client is gone");
    if (!session_portal_run(p, rows_max, sink, &count, error)) return false;
    *paused_out = p->state == PORTAL_PAUSED;
    if (*paused_out) return true;
    /* A query's is of the last piece, as in PostgreSQL. */
    if (is_query(p)) snprintf(p->tag, sizeof p->tag, "SELECT %llu", (unsigned long long)count);
    return sink->complete(sink->ctx, p->tag) ||
           sql_error_set(error, &p->session->query_arena, SQLSTATE_QUERY_CANCELED, 0, "the client is gone");
}

static bool run_whole(struct sql_session *s, struct sql_portal *p, bool alone, const struct sql_sink *sink,
                      struct sql_error *error)
{
    struct sql_prepared *prepared = p->prepared;
    const struct sql_statement *statement = &prepared->statement;
    struct running running = {&p->parameters, prepared};
    bool control = session_is_control(statement->node);
    p->state = PORTAL_RUNNING; /* it outlives the transaction that it may end */
    s->running = &running;
    bool ok = alone && s->state == TRANSACTION_NONE && !control
                  ? session_run_alone(s, statement, sink, error)
                  : session_run_inside(s, statement, false, sink, error);
    s->running = NULL;
    p->state = PORTAL_DONE;
    if (control) session_portal_free(p); /* portals do not outlive their transaction */
    return ok;
}

static bool portal_execute(struct sql_session *s, struct sql_portal *p, uint64_t rows_max, bool alone,
                           const struct sql_sink *sink, bool *paused_out, struct sql_error *error)
{
    const struct sql_node *node = p->prepared->statement.node;
    if (node == NULL) return sink->empty(sink->ctx);
    if (s->state == TRANSACTION_FAILED && !session_is_control(node))
        return sql_error_set(error, &s->query_arena, SQLSTATE_IN_FAILED_SQL_TRANSACTION, 0,
                             "current transaction is aborted, commands ignored until end of transaction block");
    if (p->state == PORTAL_DONE) {
        if (node->kind == SQL_STMT_SELECT) return sink->complete(sink->ctx, "SELECT 0");
        return sql_error_set(error, &s->query_arena, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE, 0,
                             "portal \"%s\" cannot be run", p->name);
    }
    /* FETCH runs a portal itself. */
    bool pieces = rows_max > 0 && p->prepared->has_columns && node->kind != SQL_STMT_FETCH;
    if (p->state == PORTAL_PAUSED || p->is_cursor || pieces)
        return idem_may_pause(s, error) && run_pausing(p, rows_max, sink, paused_out, error);
    return run_whole(s, p, alone, sink, error);
}

bool sql_session_execute(struct sql_session *s, const char *portal, uint64_t rows_max, bool alone,
                         const struct sql_sink *sink, bool *paused_out, struct sql_error *error)
{
    session_call_begin(s, error);
    *paused_out = false;
    struct sql_portal *p = portal_named(s, portal, error);
    if (p == NULL) return false;
    struct sql_prepared *prepared = p->prepared;
    prepared->pins++; /* what runs may close it */
    activity_statement(s, prepared->text);
    activity_statement_begin(s);
    bool ok = portal_execute(s, p, rows_max, alone, sink, paused_out, error);
    if (prepared->statement.node != NULL)
        activity_statement_end(s, prepared->statement.node, prepared->text, prepared->parameters.count, ok ? NULL : error);
    session_prepared_unpin(s, prepared);
    return ok;
}

void sql_session_close_portal(struct sql_session *s, const char *name)
{
    struct sql_portal *p = session_portal_find(s, name);
    if (p != NULL) session_portal_free(p);
}

bool sql_session_sync(struct sql_session *s, const struct sql_sink *sink, struct sql_error *error)
{
    session_call_begin(s, error);
    bool ok = true;
    if (s->state == TRANSACTION_IMPLICIT) {
        session_portals_close(s);
        struct exec x;
        struct sql_error found = {0};
        enum status status;
        session_exec_init(s, &x, sink, &found);
        ok = session_transaction_commit(s, &x, &status);
        if (ok) session_transaction_end(s, TRANSACTION_NONE);
        else sql_error_copy(error, &s->query_arena, &found);
    } else if (s->state == TRANSACTION_NONE) {
        session_portals_close(s);
    }
    session_report(s, sink);
    return ok;
}

void sql_session_failed(struct sql_session *s)
{
    session_transaction_fail(s);
}
