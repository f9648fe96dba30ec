/* PREPARE, EXECUTE, DEALLOCATE: prepared statements in SQL. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/utf8.h"
#include "sql/session_int.h"

/* Places are told within the whole text that held PREPARE. */
static void shift_error(struct sql_error *error, uint32_t shift)
{
    if (error->position > 0) error->position += shift;
}

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
    uint32_t shift = (uint32_t)utf8_length(bytes_make(s->text.data, n->offset));
    struct sql_error error = {0};
    bool ok = session_prepare(s, name, bytes_make(s->text.data + n->offset, n->size), kept, n->type_count, &error);
    free(kept);
    if (ok) {
        session_prepared_find(s, name)->shift = shift;
        snprintf(x->tag, sizeof x->tag, "PREPARE");
        return true;
    }
    sql_error_copy(x->error, x->arena, &error);
    shift_error(x->error, shift);
    return false;
}

static bool execute_arguments(struct exec *x, const struct sql_execute *n, const struct sql_prepared *p,
                              struct sql_datum *values)
{
    struct binder b;
    exec_binder(x, &b);
    b.clause = "EXECUTE";
    b.x = NULL;
    b.no_subquery = "EXECUTE parameter";
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
    struct sql_prepared *p = session_prepared_named(s, n->name, &missing);
    if (p == NULL) {
        sql_error_copy(x->error, x->arena, &missing);
        return false;
    }
    if (p->statement.node == NULL || session_is_control(p->statement.node) ||
        p->statement.node->kind == SQL_STMT_EXECUTE || p->statement.node->kind == SQL_STMT_PREPARE)
        return sql_error_set(x->error, x->arena, SQLSTATE_FEATURE_NOT_SUPPORTED, n->node.position,
                             "EXECUTE of this statement is not supported yet");
    if (n->args.count != p->parameters.count) {
        sql_error_set(x->error, x->arena, SQLSTATE_SYNTAX_ERROR, 0,
                      "wrong number of parameters for prepared statement \"%s\"", n->name);
        sql_error_detail(x->error, x->arena, "Expected %u parameters but got %u.", p->parameters.count,
                         n->args.count);
        return false;
    }
    struct sql_datum *values = ARENA_ARRAY(x->arena, struct sql_datum, n->args.count + 1);
    if (values == NULL) return sql_error_out_of_memory(x->error);
    if (!execute_arguments(x, n, p, values)) return false;
    struct parameters parameters = {.count = n->args.count, .types = p->parameters.types, .values = values};
    struct bindings *bindings = x->bindings; /* of the EXECUTE itself */
    const struct sql_datum *outer = x->eval.parameters;
    x->parameters = &parameters;
    x->eval.parameters = values;
    x->bindings = &p->bindings;
    x->columns = p->columns;
    x->column_count = p->column_count;
    x->expected = p->has_columns;
    p->pins++;
    bool ok = session_execute(s, x, p->statement.node);
    x->parameters = NULL;
    x->eval.parameters = outer;
    x->bindings = bindings;
    if (!ok) shift_error(x->error, p->shift);
    session_prepared_unpin(s, p);
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
    struct sql_prepared *p = session_prepared_named(s, n->name, &missing);
    if (p == NULL) {
        sql_error_copy(x->error, x->arena, &missing);
        return false;
    }
    session_prepared_close(s, p);
    snprintf(x->tag, sizeof x->tag, "DEALLOCATE");
    return true;
}
