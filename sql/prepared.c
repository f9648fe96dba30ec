/* Prepared statements: parsed and described once, planned anew for every execution, with the values of their parameters
 * as constants. What their expressions were bound to is kept (bindings.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/codec.h"
#include "sql/session_int.h"
#include "sql/types_io.h"

#define PREPARED_BYTES_MAX (64u << 20)

/* ---- what a statement looks like ---- */

void exec_binder(struct exec *x, struct binder *b)
{
    binder_init(b, x->arena, x->error, &x->eval);
    b->parameters = x->parameters;
    b->x = x;
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
    x->bindings = &s->running->prepared->bindings;
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
    case SQL_STMT_DECLARE_CURSOR:
    case SQL_STMT_FETCH:
    case SQL_STMT_SHOW_RANGES:
    case SQL_STMT_EXPLAIN:
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

void session_account(struct sql_session *s, size_t *kept_bytes, size_t bytes)
{
    ASSERT(s->kept_bytes >= *kept_bytes);
    s->kept_bytes = s->kept_bytes - *kept_bytes + bytes;
    *kept_bytes = bytes;
}

/* What this message adds is bounded by itself (a message, an arena): the session holds little more than the limit. */
bool session_check_kept(struct sql_session *s, struct sql_error *error)
{
    if (s->kept_bytes < SESSION_KEPT_BYTES_MAX) return true;
    sql_error_set(error, &s->query_arena, SQLSTATE_OUT_OF_MEMORY, 0,
                  "the prepared statements and portals of a session are limited to %u MiB",
                  SESSION_KEPT_BYTES_MAX >> 20);
    sql_error_hint(error, &s->query_arena, "Close those that are no longer needed: DEALLOCATE, or Close.");
    return false;
}

/* ---- prepared statements ---- */

struct sql_prepared *session_prepared_find(struct sql_session *s, const char *name)
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

struct sql_prepared *session_prepared_named(struct sql_session *s, const char *name, struct sql_error *error)
{
    struct sql_prepared *p = session_prepared_find(s, name);
    if (p == NULL && name[0] == '\0')
        sql_error_set(error, &s->query_arena, SQLSTATE_INVALID_SQL_STATEMENT_NAME, 0,
                      "unnamed prepared statement does not exist");
    else if (p == NULL)
        sql_error_set(error, &s->query_arena, SQLSTATE_INVALID_SQL_STATEMENT_NAME, 0,
                      "prepared statement \"%s\" does not exist", name);
    return p;
}

void session_prepared_unpin(struct sql_session *s, struct sql_prepared *p)
{
    ASSERT(p->pins > 0);
    if (--p->pins > 0) return;
    session_account(s, &p->kept_bytes, 0);
    bindings_deinit(&p->bindings);
    arena_deinit(&p->arena);
    free(p->name);
    free(p);
}

void session_prepared_close(struct sql_session *s, struct sql_prepared *p)
{
    list_remove(&p->link);
    if (s->unnamed == p) s->unnamed = NULL;
    s->prepared_count--;
    session_prepared_unpin(s, p);
}

void session_prepared_close_unnamed(struct sql_session *s)
{
    if (s->unnamed != NULL) session_prepared_close(s, s->unnamed);
}

void session_prepared_close_all(struct sql_session *s)
{
    while (!list_empty(&s->prepared))
        session_prepared_close(s, CONTAINER_OF(s->prepared.next, struct sql_prepared, link));
}

static struct sql_prepared *prepared_new(struct sql_session *s, const char *name, struct sql_error *error)
{
    if (s->prepared_count >= SESSION_PREPARED_MAX) {
        sql_error_set(error, &s->query_arena, SQLSTATE_CONFIGURATION_LIMIT_EXCEEDED, 0,
                      "a session keeps at most %d prepared statements", SESSION_PREPARED_MAX);
        sql_error_hint(error, &s->query_arena, "Close those that are no longer needed: DEALLOCATE, or Close.");
        return NULL;
    }
    if (!session_check_kept(s, error)) return NULL;
    struct sql_prepared *p = calloc(1, sizeof *p);
    if (p != NULL) p->name = strdup(name);
    if (p == NULL || p->name == NULL) {
        free(p);
        sql_error_out_of_memory(error);
        return NULL;
    }
    arena_init(&p->arena, PREPARED_BYTES_MAX);
    arena_share(&p->arena, session_memory_account(s));
    bindings_init(&p->bindings, session_memory_account(s), &s->bindings_bytes);
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
    p->text = copy;
    if (s->state == TRANSACTION_FAILED && script.count == 1 && !session_is_control(p->statement.node))
        return sql_error_set(error, &s->query_arena, SQLSTATE_IN_FAILED_SQL_TRANSACTION, 0,
                             "current transaction is aborted, commands ignored until end of transaction block");
    return prepared_types(s, p, types, count, error) && describe(s, p, error);
}

bool session_prepare(struct sql_session *s, const char *name, struct bytes text, const uint32_t *types,
                    uint32_t count, struct sql_error *error)
{
    if (name[0] == '\0') session_prepared_close_unnamed(s);
    struct sql_prepared *p = prepared_new(s, name, error);
    if (p == NULL) return false;
    bool good = prepared_fill(s, p, text, types, count, error);
    name = p->name; /* the client's may have gone: to describe it may have given way */
    if (good && session_prepared_find(s, name) != NULL) /* whatever else is wrong is said first */
        good = sql_error_set(error, &s->query_arena, SQLSTATE_DUPLICATE_PREPARED_STATEMENT, 0,
                             "prepared statement \"%s\" already exists", name);
    if (!good) {
        session_prepared_unpin(s, p);
        return false;
    }
    session_account(s, &p->kept_bytes, p->arena.size);
    list_push_front(&s->prepared, &p->link);
    if (name[0] == '\0') s->unnamed = p;
    s->prepared_count++;
    return true;
}

struct sql_prepared *session_prepare_query(struct sql_session *s, struct bytes text, const uint32_t *types,
                                           uint32_t count, struct sql_error *error)
{
    struct sql_prepared *p = prepared_new(s, "", error);
    if (p == NULL) return NULL;
    if (prepared_fill(s, p, text, types, count, error)) {
        session_account(s, &p->kept_bytes, p->arena.size);
        return p;
    }
    session_prepared_unpin(s, p);
    return NULL;
}

void session_call_begin(struct sql_session *s, struct sql_error *error)
{
    arena_reset(&s->query_arena);
    sql_error_clear(error);
    s->running = NULL;
}

bool sql_session_parse(struct sql_session *s, const char *name, struct bytes text, const uint32_t *types,
                       uint32_t type_count, struct sql_error *error)
{
    session_call_begin(s, error);
    return session_prepare(s, name, text, types, type_count, error);
}

void session_describe_prepared(const struct sql_prepared *p, struct sql_description *out)
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
    session_call_begin(s, error);
    const struct sql_prepared *p = session_prepared_named(s, name, error);
    if (p == NULL) return false;
    session_describe_prepared(p, out);
    return true;
}

void sql_session_close_statement(struct sql_session *s, const char *name)
{
    struct sql_prepared *p = session_prepared_find(s, name);
    if (p != NULL) session_prepared_close(s, p);
}
