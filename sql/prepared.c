/* Prepared statements and portals: the extended query protocol's half of a session, and PREPARE, EXECUTE,
 * DEALLOCATE. A statement is parsed and described once; it is bound and planned anew for every execution,
 * with the values of its parameters as constants. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/codec.h"
#include "sql/session_int.h"
#include "sql/types_io.h"

#define PREPARED_BYTES_MAX (64u << 20)
#define PORTAL_BYTES_MAX (64u << 20)
#define ROW_BYTES_MAX (16u << 20)

/* ---- what a statement looks like ---- */

void exec_binder(struct exec *x, struct binder *b)
{
    binder_init(b, x->arena, x->error, &x->eval);
    b->parameters = x->parameters;
}

static bool same_columns(const struct exec *x, const struct sql_result_column *columns, uint32_t count)
{
    if (count != x->column_count) return false;
    for (uint32_t i = 0; i < count; i++)
        if (columns[i].type.oid != x->columns[i].type.oid || strcmp(columns[i].name, x->columns[i].name) != 0)
            return false;
    return true;
}

bool exec_columns(struct exec *x, const struct sql_result_column *columns, uint32_t count)
{
    if (x->expected && !same_columns(x, columns, count))
        return sql_error_set(x->error, x->arena, SQLSTATE_FEATURE_NOT_SUPPORTED, 0,
                             "cached plan must not change result type");
    x->columns = columns;
    x->column_count = count;
    return true;
}

void session_bind_parameters(struct sql_session *s, struct exec *x)
{
    if (s->running == NULL) return;
    x->parameters = s->running->parameters;
    x->columns = s->running->prepared->columns;
    x->column_count = s->running->prepared->column_count;
    x->expected = s->running->prepared->has_columns;
}

static bool describes(const struct sql_node *node)
{
    switch ((enum sql_node_kind)node->kind) {
    case SQL_STMT_SELECT:
    case SQL_STMT_INSERT:
    case SQL_STMT_UPDATE:
    case SQL_STMT_DELETE:
    case SQL_STMT_SHOW: return true;
    default: return false;
    }
}

static bool keep_columns(struct sql_prepared *p, const struct exec *x, struct sql_error *error)
{
    if (x->columns == NULL) return true;
    struct sql_result_column *columns = ARENA_ARRAY(&p->arena, struct sql_result_column, x->column_count + 1);
    if (columns == NULL) return sql_error_out_of_memory(error);
    for (uint32_t i = 0; i < x->column_count; i++) {
        columns[i] = x->columns[i];
        columns[i].name = arena_strdup(&p->arena, x->columns[i].name);
        if (columns[i].name == NULL) return sql_error_out_of_memory(error);
    }
    p->columns = columns;
    p->column_count = x->column_count;
    p->has_columns = true;
    return true;
}

static bool check_decided(struct sql_session *s, const struct parameters *p, struct sql_error *error)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (p->types[i] == SQL_TYPE_UNKNOWN)
            return sql_error_set(error, &s->query_arena, SQLSTATE_INDETERMINATE_DATATYPE, 0,
                                 "could not determine data type of parameter $%u", i + 1);
    return true;
}

/* [fiber] Binds without running: parameter types and result columns. */
static bool describe(struct sql_session *s, struct sql_prepared *p, struct sql_error *error)
{
    const struct sql_node *node = p->statement.node;
    if (node == NULL || !describes(node)) return check_decided(s, &p->parameters, error);
    bool own = s->txn == NULL;
    if (own && !session_transaction_begin(s, TRANSACTION_NONE, error)) return false;
    txn_set_deadline(s->txn, s->deadline_ns);
    struct exec x;
    struct sql_error found = {0};
    const struct running *before = s->running;
    s->running = NULL;
    session_exec_init(s, &x, NULL, &found);
    s->running = before;
    x.txn = s->txn;
    x.describe = true;
    x.parameters = &p->parameters;
    bool ok = session_execute(s, &x, node) && check_decided(s, &p->parameters, &found) &&
              keep_columns(p, &x, &found);
    if (!ok) sql_error_copy(error, &s->query_arena, &found);
    if (own) session_transaction_end(s, TRANSACTION_NONE);
    return ok;
}

/* ---- what a session keeps between messages ---- */

static void account(struct sql_session *s, size_t *kept_bytes, size_t bytes)
{
    ASSERT(s->kept_bytes >= *kept_bytes);
    s->kept_bytes = s->kept_bytes - *kept_bytes + bytes;
    *kept_bytes = bytes;
}

/* What this message adds is bounded by itself (a message, an arena): the session holds little more than the limit. */
static bool check_kept(struct sql_session *s, struct sql_error *error)
{
    if (s->kept_bytes < SESSION_KEPT_BYTES_MAX) return true;
    sql_error_set(error, &s->query_arena, SQLSTATE_OUT_OF_MEMORY, 0,
                  "the prepared statements and portals of a session are limited to %u MiB",
                  SESSION_KEPT_BYTES_MAX >> 20);
    sql_error_hint(error, &s->query_arena, "Close those that are no longer needed: DEALLOCATE, or Close.");
    return false;
}

/* ---- prepared statements ---- */

static struct sql_prepared *prepared_find(struct sql_session *s, const char *name)
{
    LIST_FOR_EACH(item, &s->prepared) {
        struct sql_prepared *p = CONTAINER_OF(item, struct sql_prepared, link);
        if (strcmp(p->name, name) != 0) continue;
        list_remove(&p->link); /* clients use the same few: the next search ends soon */
        list_push_front(&s->prepared, &p->link);
        return p;
    }
    return NULL;
}

static struct sql_prepared *prepared_named(struct sql_session *s, const char *name, struct sql_error *error)
{
    struct sql_prepared *p = prepared_find(s, name);
    if (p == NULL && name[0] == '\0')
        sql_error_set(error, &s->query_arena, SQLSTATE_INVALID_SQL_STATEMENT_NAME, 0,
                      "unnamed prepared statement does not exist");
    else if (p == NULL)
        sql_error_set(error, &s->query_arena, SQLSTATE_INVALID_SQL_STATEMENT_NAME, 0,
                      "prepared statement \"%s\" does not exist", name);
    return p;
}

static void prepared_unpin(struct sql_session *s, struct sql_prepared *p)
{
    ASSERT(p->pins > 0);
    if (--p->pins > 0) return;
    account(s, &p->kept_bytes, 0);
    arena_deinit(&p->arena);
    free(p->name);
    free(p);
}

static void prepared_close(struct sql_session *s, struct sql_prepared *p)
{
    list_remove(&p->link);
    s->prepared_count--;
    prepared_unpin(s, p);
}

void session_prepared_close_all(struct sql_session *s)
{
    while (!list_empty(&s->prepared))
        prepared_close(s, CONTAINER_OF(s->prepared.next, struct sql_prepared, link));
}

static struct sql_prepared *prepared_new(struct sql_session *s, const char *name, struct sql_error *error)
{
    if (s->prepared_count >= SESSION_PREPARED_MAX) {
        sql_error_set(error, &s->query_arena, SQLSTATE_CONFIGURATION_LIMIT_EXCEEDED, 0,
                      "a session keeps at most %d prepared statements", SESSION_PREPARED_MAX);
        sql_error_hint(error, &s->query_arena, "Close those that are no longer needed: DEALLOCATE, or Close.");
        return NULL;
    }
    if (!check_kept(s, error)) return NULL;
    struct sql_prepared *p = calloc(1, sizeof *p);
    if (p != NULL) p->name = strdup(name);
    if (p == NULL || p->name == NULL) {
        free(p);
        sql_error_out_of_memory(error);
        return NULL;
    }
    arena_init(&p->arena, PREPARED_BYTES_MAX);
    p->parameters.arena = &p->arena;
    p->pins = 1;
    list_init(&p->link);
    return p;
}

static bool prepared_types(struct sql_session *s, struct sql_prepared *p, const uint32_t *types,
                           uint32_t count, struct sql_error *error)
{
    uint32_t highest = p->statement.param_max > count ? p->statement.param_max : count;
    if (highest > PARAMETERS_MAX)
        return sql_error_set(error, &s->query_arena, SQLSTATE_PROGRAM_LIMIT_EXCEEDED, 0,
                             "a statement has at most %d parameters", PARAMETERS_MAX);
    p->parameters.types = ARENA_ARRAY(&p->arena, uint32_t, highest + 1);
    if (p->parameters.types == NULL) return sql_error_out_of_memory(error);
    p->parameters.count = p->parameters.capacity = highest;
    for (uint32_t i = 0; i < highest; i++) {
        uint32_t oid = i < count && types[i] != 0 ? types[i] : SQL_TYPE_UNKNOWN;
        if (oid != SQL_TYPE_UNKNOWN && sql_type_find(oid) == NULL)
            return sql_error_set(error, &s->query_arena, SQLSTATE_UNDEFINED_OBJECT, 0,
                                 "type with OID %u, of parameter $%u, does not exist", oid, i + 1);
        p->parameters.types[i] = oid;
    }
    return true;
}

static bool prepared_fill(struct sql_session *s, struct sql_prepared *p, struct bytes text,
                          const uint32_t *types, uint32_t count, struct sql_error *error)
{
    struct sql_script script;
    struct sql_error found = {0};
    struct bytes copy = arena_copy(&p->arena, text);
    if (copy.data == NULL) return sql_error_out_of_memory(error);
    if (!sql_parse(&p->arena, copy, &script, &found)) {
        sql_error_copy(error, &s->query_arena, &found);
        return false;
    }
    if (script.count > 1)
        return sql_error_set(error, &s->query_arena, SQLSTATE_SYNTAX_ERROR, 0,
                             "cannot insert multiple commands into a prepared statement");
    if (script.count == 1) p->statement = script.statements[0];
    if (s->state == TRANSACTION_FAILED && script.count == 1 && !session_is_control(p->statement.node))
        return sql_error_set(error, &s->query_arena, SQLSTATE_IN_FAILED_SQL_TRANSACTION, 0,
                             "current transaction is aborted, commands ignored until end of transaction block");
    return prepared_types(s, p, types, count, error) && describe(s, p, error);
}

static bool prepare(struct sql_session *s, const char *name, struct bytes text, const uint32_t *types,
                    uint32_t count, struct sql_error *error)
{
    struct sql_prepared *old = prepared_find(s, name);
    if (old != NULL && name[0] != '\0')
        return sql_error_set(error, &s->query_arena, SQLSTATE_DUPLICATE_PREPARED_STATEMENT, 0,
                             "prepared statement \"%s\" already exists", name);
    if (old != NULL) prepared_close(s, old);
    struct sql_prepared *p = prepared_new(s, name, error);
    if (p == NULL) return false;
    if (!prepared_fill(s, p, text, types, count, error)) {
        prepared_unpin(s, p);
        return false;
    }
    account(s, &p->kept_bytes, p->arena.size);
    list_push_front(&s->prepared, &p->link);
    s->prepared_count++;
    return true;
}

static void call_begin(struct sql_session *s, struct sql_error *error)
{
    arena_reset(&s->query_arena);
    sql_error_clear(error);
    s->running = NULL;
}

bool sql_session_parse(struct sql_session *s, const char *name, struct bytes text, const uint32_t *types,
                       uint32_t type_count, struct sql_error *error)
{
    call_begin(s, error);
    return prepare(s, name, text, types, type_count, error);
}

static void describe_prepared(const struct sql_prepared *p, struct sql_description *out)
{
    *out = (struct sql_description){.parameter_types = p->parameters.types,
                                    .parameter_count = p->parameters.count,
                                    .has_columns = p->has_columns,
                                    .columns = p->columns,
                                    .column_count = p->column_count};
}

bool sql_session_describe_statement(struct sql_session *s, const char *name, struct sql_description *out,
                                    struct sql_error *error)
{
    call_begin(s, error);
    const struct sql_prepared *p = prepared_named(s, name, error);
    if (p == NULL) return false;
    describe_prepared(p, out);
    return true;
}

/* ---- portals ---- */

static struct sql_portal *portal_find(struct sql_session *s, const char *name)
{
    LIST_FOR_EACH(item, &s->portals) {
        struct sql_portal *p = CONTAINER_OF(item, struct sql_portal, link);
        if (strcmp(p->name, name) == 0) return p;
    }
    return NULL;
}

static struct sql_portal *portal_named(struct sql_session *s, const char *name, struct sql_error *error)
{
    struct sql_portal *p = portal_find(s, name);
    if (p == NULL)
        sql_error_set(error, &s->query_arena, SQLSTATE_INVALID_CURSOR_NAME, 0, "portal \"%s\" does not exist",
                      name);
    return p;
}

/* Lets the portal's fiber run until it pauses or ends. From the core's own stack it does so at once; from another
 * fiber that one waits. */
static void portal_turn(struct sql_portal *p)
{
    struct fiber_pool *fibers = p->session->options.fibers;
    p->host = fiber_current(fibers);
    p->state = PORTAL_RUNNING;
    fiber_resume(p->fiber);
    while (p->state == PORTAL_RUNNING) {
        ASSERT(p->host != NULL);
        fiber_suspend(fibers);
    }
}

static void portal_free(struct sql_portal *p)
{
    if (p->state == PORTAL_PAUSED) {
        p->cancelled = true;
        portal_turn(p);
    }
    ASSERT(p->state == PORTAL_READY || p->state == PORTAL_DONE);
    list_remove(&p->link);
    p->session->portal_count--;
    account(p->session, &p->kept_bytes, 0);
    prepared_unpin(p->session, p->prepared);
    if (p->has_fiber) {
        arena_deinit(&p->statement_arena);
        arena_deinit(&p->row_arena);
    }
    arena_deinit(&p->arena);
    free(p->name);
    free(p);
}

void session_portals_close(struct sql_session *s)
{
    LIST_FOR_EACH_SAFE(item, &s->portals) {
        struct sql_portal *p = CONTAINER_OF(item, struct sql_portal, link);
        if (p->state != PORTAL_RUNNING) portal_free(p); /* the one that ends the transaction ends later */
    }
}

void session_portal_close_unnamed(struct sql_session *s)
{
    struct sql_portal *p = portal_find(s, "");
    if (p != NULL && p->state != PORTAL_RUNNING) portal_free(p);
}

static struct sql_portal *portal_new(struct sql_session *s, const char *name, struct sql_prepared *prepared,
                                     struct sql_error *error)
{
    if (!check_kept(s, error)) return NULL;
    struct sql_portal *p = s->portal_count < SESSION_PORTALS_MAX ? calloc(1, sizeof *p) : NULL;
    if (p != NULL) p->name = strdup(name);
    if (p == NULL || p->name == NULL) {
        free(p);
        sql_error_set(error, &s->query_arena, SQLSTATE_CONFIGURATION_LIMIT_EXCEEDED, 0,
                      "a session keeps at most %d portals open", SESSION_PORTALS_MAX);
        return NULL;
    }
    p->session = s;
    p->prepared = prepared;
    prepared->pins++;
    arena_init(&p->arena, PORTAL_BYTES_MAX);
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
    uint16_t *formats = ARENA_ARRAY(&p->arena, uint16_t, count + 1);
    if (formats == NULL) return sql_error_out_of_memory(error);
    for (uint32_t i = 0; i < count; i++) {
        formats[i] = get_be16(r);
        if (formats[i] > 1)
            return sql_error_set(error, &s->query_arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                                 "unsupported format code: %u", formats[i]);
    }
    *out = formats;
    *count_out = count;
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
    session_exec_init(s, &x, NULL, &found);
    x.eval.arena = &p->arena;
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
    call_begin(s, error);
    struct sql_prepared *prepared = prepared_named(s, statement, error);
    if (prepared == NULL) return false;
    const struct sql_node *node = prepared->statement.node;
    if (s->state == TRANSACTION_FAILED && node != NULL && !session_is_control(node))
        return sql_error_set(error, &s->query_arena, SQLSTATE_IN_FAILED_SQL_TRANSACTION, 0,
                             "current transaction is aborted, commands ignored until end of transaction block");
    struct sql_portal *old = portal_find(s, portal);
    if (old != NULL && portal[0] != '\0')
        return sql_error_set(error, &s->query_arena, SQLSTATE_DUPLICATE_CURSOR, 0, "cursor \"%s\" already exists",
                             portal);
    if (old != NULL) portal_free(old);
    struct sql_portal *p = portal_new(s, portal, prepared, error);
    if (p == NULL) return false;
    if (!bind_body(s, p, body, error)) {
        portal_free(p);
        return false;
    }
    account(s, &p->kept_bytes, p->arena.size);
    return true;
}

bool sql_session_describe_portal(struct sql_session *s, const char *name, struct sql_description *out,
                                 struct sql_error *error)
{
    call_begin(s, error);
    const struct sql_portal *p = portal_named(s, name, error);
    if (p == NULL) return false;
    describe_prepared(p->prepared, out);
    out->formats = p->formats;
    out->format_count = p->format_count;
    return true;
}

/* ---- Execute ---- */

static bool pausing_begin(void *ctx, const struct sql_result_column *columns, uint32_t count)
{
    struct sql_portal *p = ctx;
    return p->sink->begin(p->sink->ctx, columns, count);
}

/* Hands the turn to whoever waits for the portal. */
static void portal_yield(struct sql_portal *p, enum portal_state state)
{
    p->state = state;
    if (p->host != NULL) fiber_resume(p->host);
    p->host = NULL;
}

static bool pausing_row(void *ctx, struct sql_eval *eval, const struct sql_datum *values)
{
    struct sql_portal *p = ctx;
    if (p->rows_left == 0) {
        portal_yield(p, PORTAL_PAUSED);
        while (p->state == PORTAL_PAUSED) fiber_suspend(p->session->options.fibers);
        if (p->cancelled) return false;
    }
    p->rows_left--;
    return p->sink->row(p->sink->ctx, eval, values);
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
    s->running = &running;
    session_exec_init_in(s, &x, &sink, &error, &p->statement_arena, &p->row_arena);
    s->running = NULL;
    x.txn = s->txn;
    x.check_now = true;
    x.locks = EXEC_LOCK_ROWS;
    x.eval.transaction_us = s->transaction_us;
    p->ok = session_execute(s, &x, p->prepared->statement.node);
    if (!p->ok) sql_error_copy(&p->error, &p->arena, &error);
    snprintf(p->tag, sizeof p->tag, "%s", x.tag);
    portal_yield(p, PORTAL_DONE);
}

static bool portal_start(struct sql_portal *p, struct sql_error *error)
{
    struct sql_session *s = p->session;
    if (!check_kept(s, error)) return false;
    if (s->txn == NULL && !session_transaction_begin(s, TRANSACTION_IMPLICIT, error)) return false;
    txn_set_deadline(s->txn, s->deadline_ns);
    txn_set_lock_timeout(s->txn, s->settings.lock_timeout_ns);
    arena_init(&p->statement_arena, PORTAL_BYTES_MAX);
    arena_init(&p->row_arena, ROW_BYTES_MAX);
    p->has_fiber = true;
    p->state = PORTAL_RUNNING;
    p->host = fiber_current(s->options.fibers);
    ASSERT(p->host != NULL);
    if (fiber_spawn(s->options.fibers, portal_entry, p, &p->fiber) != STATUS_OK) {
        p->state = PORTAL_DONE;
        return sql_error_set(error, &s->query_arena, SQLSTATE_TOO_MANY_CONNECTIONS, 0,
                             "too many statements at once");
    }
    while (p->state == PORTAL_RUNNING) fiber_suspend(s->options.fibers);
    return true;
}

/* A query whose rows are asked for piece by piece. */
static bool run_pausing(struct sql_portal *p, uint64_t rows_max, const struct sql_sink *sink, bool *paused_out,
                        struct sql_error *error)
{
    p->sink = sink;
    p->rows_left = rows_max == 0 ? UINT64_MAX : rows_max;
    if (p->state == PORTAL_READY) {
        if (!portal_start(p, error)) return false;
    } else {
        portal_turn(p);
    }
    account(p->session, &p->kept_bytes, p->arena.size + p->statement_arena.size + p->row_arena.size);
    *paused_out = p->state == PORTAL_PAUSED;
    if (*paused_out) return true;
    if (!p->ok) {
        sql_error_copy(error, &p->session->query_arena, &p->error);
        return false;
    }
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
    if (control) portal_free(p); /* portals do not outlive their transaction */
    return ok;
}

bool sql_session_execute(struct sql_session *s, const char *portal, uint64_t rows_max, bool alone,
                         const struct sql_sink *sink, bool *paused_out, struct sql_error *error)
{
    call_begin(s, error);
    *paused_out = false;
    struct sql_portal *p = portal_named(s, portal, error);
    if (p == NULL) return false;
    const struct sql_node *node = p->prepared->statement.node;
    if (node == NULL) return sink->empty(sink->ctx);
    if (s->state == TRANSACTION_FAILED && !session_is_control(node))
        return sql_error_set(error, &s->query_arena, SQLSTATE_IN_FAILED_SQL_TRANSACTION, 0,
                             "current transaction is aborted, commands ignored until end of transaction block");
    if (p->state == PORTAL_DONE) {
        if (node->kind == SQL_STMT_SELECT) return sink->complete(sink->ctx, "SELECT 0");
        return sql_error_set(error, &s->query_arena, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE, 0,
                             "portal \"%s\" cannot be run", portal);
    }
    if (p->state == PORTAL_PAUSED || (rows_max > 0 && node->kind == SQL_STMT_SELECT))
        return run_pausing(p, rows_max, sink, paused_out, error);
    return run_whole(s, p, alone, sink, error);
}

void sql_session_close_statement(struct sql_session *s, const char *name)
{
    struct sql_prepared *p = prepared_find(s, name);
    if (p != NULL) prepared_close(s, p);
}

void sql_session_close_portal(struct sql_session *s, const char *name)
{
    struct sql_portal *p = portal_find(s, name);
    if (p != NULL) portal_free(p);
}

bool sql_session_sync(struct sql_session *s, const struct sql_sink *sink, struct sql_error *error)
{
    call_begin(s, error);
    bool ok = true;
    if (s->state == TRANSACTION_IMPLICIT) {
        session_portals_close(s);
        struct exec x;
        struct sql_error found = {0};
        enum status status;
        session_exec_init(s, &x, sink, &found);
        ok = session_transaction_commit(s, &x, &status);
        if (!ok) sql_error_copy(error, &s->query_arena, &found);
        session_transaction_end(s, TRANSACTION_NONE);
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

/* ---- the same in SQL ---- */

bool session_prepare_statement(struct sql_session *s, struct exec *x, const struct sql_prepare *n)
{
    uint32_t *types = ARENA_ARRAY(x->arena, uint32_t, n->type_count + 1);
    if (types == NULL) return sql_error_out_of_memory(x->error);
    struct binder b;
    exec_binder(x, &b);
    for (uint32_t i = 0; i < n->type_count; i++) {
        struct sql_type type;
        if (!bind_type(&b, &n->types[i], &type)) return false;
        types[i] = type.oid;
    }
    /* Describing uses the statement's arena again: what is needed afterwards is copied first. */
    char name[256];
    if (strlen(n->name) >= sizeof name)
        return sql_error_set(x->error, x->arena, SQLSTATE_NAME_TOO_LONG, 0, "the name is longer than %zu bytes",
                             sizeof name - 1);
    snprintf(name, sizeof name, "%s", n->name);
    uint32_t *kept = n->type_count == 0 ? NULL : malloc(n->type_count * sizeof *kept);
    if (n->type_count > 0 && kept == NULL) return sql_error_out_of_memory(x->error);
    if (kept != NULL) memcpy(kept, types, n->type_count * sizeof *kept);
    ASSERT((size_t)n->offset + n->size <= s->text.size);
    struct sql_error error = {0};
    bool ok = prepare(s, name, bytes_make(s->text.data + n->offset, n->size), kept, n->type_count, &error);
    free(kept);
    if (!ok) sql_error_copy(x->error, x->arena, &error);
    else snprintf(x->tag, sizeof x->tag, "PREPARE");
    return ok;
}

static bool execute_arguments(struct exec *x, const struct sql_execute *n, const struct sql_prepared *p,
                              struct sql_datum *values)
{
    struct binder b;
    exec_binder(x, &b);
    b.clause = "EXECUTE";
    for (uint32_t i = 0; i < n->args.count; i++) {
        struct expr *e = bind_cast(&b, bind_expr(&b, n->args.items[i]), sql_type_of(p->parameters.types[i]),
                                   SQL_CAST_ASSIGNMENT, NULL);
        if (e == NULL || !expr_eval(&x->eval, e, NULL, NULL, &values[i])) return false;
    }
    return true;
}

bool session_execute_statement(struct sql_session *s, struct exec *x, const struct sql_execute *n)
{
    struct sql_error missing = {0};
    struct sql_prepared *p = prepared_named(s, n->name, &missing);
    if (p == NULL) {
        sql_error_copy(x->error, x->arena, &missing);
        return false;
    }
    if (p->statement.node == NULL || session_is_control(p->statement.node) ||
        p->statement.node->kind == SQL_STMT_EXECUTE || p->statement.node->kind == SQL_STMT_PREPARE)
        return sql_error_set(x->error, x->arena, SQLSTATE_FEATURE_NOT_SUPPORTED, n->node.position,
                             "EXECUTE of this statement is not supported yet");
    if (n->args.count != p->parameters.count) {
        sql_error_set(x->error, x->arena, SQLSTATE_SYNTAX_ERROR, n->node.position,
                      "wrong number of parameters for prepared statement \"%s\"", n->name);
        sql_error_detail(x->error, x->arena, "Expected %u parameters but got %u.", p->parameters.count,
                         n->args.count);
        return false;
    }
    struct sql_datum *values = ARENA_ARRAY(x->arena, struct sql_datum, n->args.count + 1);
    if (values == NULL) return sql_error_out_of_memory(x->error);
    if (!execute_arguments(x, n, p, values)) return false;
    struct parameters parameters = {.count = n->args.count, .types = p->parameters.types, .values = values};
    x->parameters = &parameters;
    x->columns = p->columns;
    x->column_count = p->column_count;
    x->expected = p->has_columns;
    p->pins++;
    bool ok = session_execute(s, x, p->statement.node);
    x->parameters = NULL;
    prepared_unpin(s, p);
    return ok;
}

bool session_deallocate(struct sql_session *s, struct exec *x, const struct sql_named *n)
{
    if (n->name == NULL) {
        session_prepared_close_all(s);
        snprintf(x->tag, sizeof x->tag, "DEALLOCATE ALL");
        return true;
    }
    struct sql_error missing = {0};
    struct sql_prepared *p = prepared_named(s, n->name, &missing);
    if (p == NULL) {
        sql_error_copy(x->error, x->arena, &missing);
        return false;
    }
    prepared_close(s, p);
    snprintf(x->tag, sizeof x->tag, "DEALLOCATE");
    return true;
}
