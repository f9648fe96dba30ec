/* DECLARE, FETCH, MOVE, CLOSE: portals by statements. A cursor sees the transaction's own writes as
 * they were when it was declared, as PostgreSQL's does. It goes forward only. */
#include "sql/session_int.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

#define QUERY_BYTES_MAX (16u << 20)

/* ---- DECLARE ---- */

static bool supported(struct exec *x, const struct sql_declare_cursor *n)
{
    if (n->hold) return exec_unsupported(x, n->node.position, "DECLARE CURSOR ... WITH HOLD");
    if (n->scroll) return exec_unsupported(x, n->node.position, "a SCROLL cursor");
    if (n->binary) return exec_unsupported(x, n->node.position, "a BINARY cursor");
    return true;
}

/* Says what is wrong with the query, at its place in this statement, and learns the types of
 * parameters. DECLARE itself has no result. */
static bool describe(struct exec *x, const struct sql_select *query)
{
    bool before = x->describe;
    x->describe = true;
    bool ok = exec_select(x, query);
    exec_end(x); /* before its memory is used again */
    x->describe = before;
    x->columns = NULL;
    x->column_count = 0;
    return ok;
}

/* The statement's values live as long as it; the cursor lives longer. */
static bool keep_parameters(struct sql_portal *p, const struct sql_datum *values, uint32_t count,
                            struct sql_error *error)
{
    struct sql_datum *kept = ARENA_ARRAY(&p->arena, struct sql_datum, count + 1);
    if (kept == NULL) return sql_error_out_of_memory(error);
    for (uint32_t i = 0; i < count; i++)
        if (sql_datum_copy(&p->arena, p->prepared->parameters.types[i], &values[i], &kept[i]) != STATUS_OK)
            return sql_error_out_of_memory(error);
    p->parameters = (struct parameters){.count = count, .types = p->prepared->parameters.types, .values = kept};
    return true;
}

/* [fiber] Describing uses the statement's arena again: nothing of x but its tag and its error is
 * good afterwards. */
static struct sql_portal *open_portal(struct sql_session *s, struct exec *x, const char *name, struct bytes text,
                                      struct sql_error *error)
{
    struct parameters none = {0};
    const struct parameters *given = x->parameters != NULL ? x->parameters : &none;
    struct sql_prepared *q = session_prepare_query(s, text, given->types, given->count, error);
    if (q == NULL) return NULL;
    struct sql_portal *p = session_portal_new(s, name, q, error);
    if (p != NULL && !keep_parameters(p, given->values, given->count, error)) {
        session_portal_free(p);
        p = NULL;
    }
    session_prepared_unpin(s, q);
    return p;
}

bool session_declare(struct sql_session *s, struct exec *x, const struct sql_declare_cursor *n)
{
    if (x->describe) return describe(x, n->query);
    if (!supported(x, n)) return false;
    if (s->state != TRANSACTION_OPEN) return session_needs_block(x, "DECLARE CURSOR");
    if (session_portal_find(s, n->name) != NULL)
        return sql_error_set(x->error, x->arena, SQLSTATE_DUPLICATE_CURSOR, 0,
                             "cursor \"%s\" already exists", n->name);
    if (!describe(x, n->query)) return false;
    struct buf text;
    struct sql_error error = {0};
    buf_init(&text, QUERY_BYTES_MAX);
    sql_ast_print(&n->query->node, &text);
    struct sql_portal *p = NULL;
    if (text.failed) sql_error_out_of_memory(&error);
    else p = open_portal(s, x, n->name, buf_view(&text), &error);
    buf_deinit(&text);
    if (p == NULL) {
        sql_error_copy(x->error, x->arena, &error);
        return false;
    }
    p->is_cursor = true;
    p->view = txn_mark(s->txn);
    p->has_view = true;
    snprintf(x->tag, sizeof x->tag, "DECLARE CURSOR");
    return true;
}

/* ---- FETCH, MOVE ---- */

static bool discard_row(void *ctx, struct sql_eval *eval, const struct sql_datum *values)
{
    (void)ctx;
    (void)eval;
    (void)values;
    return true;
}

static bool discard_begin(void *ctx, const struct sql_result_column *columns, uint32_t count)
{
    (void)ctx;
    (void)columns;
    (void)count;
    return true;
}

/* How many rows to pass over and then to give; false: that would be backwards. */
static bool forward_only(const struct sql_portal *p, const struct sql_fetch *n, uint64_t *skip, uint64_t *count)
{
    bool before_first = p->state == PORTAL_READY, behind_last = p->state == PORTAL_DONE;
    *skip = 0;
    *count = 1;
    switch (n->direction) {
    case SQL_FETCH_FORWARD:
        *count = (uint64_t)n->count;
        return n->count > 0 || (n->count == 0 && (before_first || behind_last));
    case SQL_FETCH_RELATIVE: *skip = (uint64_t)n->count - 1; return n->count > 0;
    case SQL_FETCH_ABSOLUTE:
        *skip = (uint64_t)n->count - p->position - 1;
        return n->count > 0 && (uint64_t)n->count > p->position;
    case SQL_FETCH_BACKWARD: return false;
    }
    UNREACHABLE();
}

/* [fiber] Up to `count` rows; none when the cursor is at its end. */
static bool advance(struct sql_portal *p, uint64_t count, const struct sql_sink *sink, uint64_t *given,
                    struct sql_error *error)
{
    *given = 0;
    if (count == 0 || p->state == PORTAL_DONE) return true;
    return session_portal_run(p, count == (uint64_t)SQL_FETCH_ALL ? 0 : count, sink, given, error);
}

static bool fetch(struct exec *x, struct sql_portal *p, const struct sql_fetch *n, uint64_t skip, uint64_t count)
{
    struct sql_sink nowhere = *x->sink;
    struct sql_error error = {0};
    uint64_t given;
    nowhere.begin = discard_begin;
    nowhere.row = discard_row;
    const struct sql_result_column *columns = p->prepared->columns;
    if (!n->move && !x->sink->begin(x->sink->ctx, columns, p->prepared->column_count))
        return exec_fail(x, STATUS_CANCELLED);
    bool ok = advance(p, skip, &nowhere, &given, &error) &&
              advance(p, count, n->move ? &nowhere : x->sink, &given, &error);
    if (!ok) {
        sql_error_copy(x->error, x->arena, &error);
        return false;
    }
    exec_tag(x, n->move ? "MOVE " : "FETCH ", given);
    return true;
}

bool session_fetch(struct sql_session *s, struct exec *x, const struct sql_fetch *n)
{
    struct sql_portal *p = session_portal_find(s, n->cursor);
    if (x->describe) /* a cursor that is not there may be declared before this runs */
        return p == NULL || n->move || exec_columns(x, p->prepared->columns, p->prepared->column_count);
    if (p == NULL)
        return sql_error_set(x->error, x->arena, SQLSTATE_INVALID_CURSOR_NAME, 0, "cursor \"%s\" does not exist",
                             n->cursor);
    if (!p->is_cursor) return exec_unsupported(x, n->node.position, "FETCH from a portal of the protocol");
    if (p->failed)
        return sql_error_set(x->error, x->arena, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE, 0,
                             "portal \"%s\" cannot be run", p->name);
    uint64_t skip, count;
    if (!forward_only(p, n, &skip, &count))
        return exec_unsupported(x, n->node.position, "fetching backwards");
    if (!n->move && !exec_columns(x, p->prepared->columns, p->prepared->column_count)) return false;
    x->rows_sent = true; /* the cursor moves: not again */
    return fetch(x, p, n, skip, count);
}

/* ---- CLOSE ---- */

static void close_all(struct sql_session *s)
{
    LIST_FOR_EACH_SAFE(item, &s->portals) {
        struct sql_portal *p = CONTAINER_OF(item, struct sql_portal, link);
        if (p->is_cursor) session_portal_free(p);
    }
}

bool session_close_cursor(struct sql_session *s, struct exec *x, const struct sql_named *n)
{
    if (n->name == NULL) {
        close_all(s);
        snprintf(x->tag, sizeof x->tag, "CLOSE CURSOR ALL");
        return true;
    }
    struct sql_portal *p = session_portal_find(s, n->name);
    if (p == NULL || p->state == PORTAL_RUNNING)
        return sql_error_set(x->error, x->arena, SQLSTATE_INVALID_CURSOR_NAME, 0, "cursor \"%s\" does not exist",
                             n->name);
    session_portal_free(p);
    snprintf(x->tag, sizeof x->tag, "CLOSE CURSOR");
    return true;
}
