/* Operators, functions and aggregates. */
#include "sql/bind_int.h"

struct expr *bind_operator_of(struct binder *b, const char *name, struct expr *left,
                              struct expr *right, uint32_t position)
{
    uint32_t left_type, right_type;
    const struct sql_operator *op;
    if (right == NULL) return NULL;
    if (sql_operator_resolve(b->arena, bytes_of_string(name), left == NULL ? 0 : left->type.oid,
                             right->type.oid, &left_type, &right_type, &op,
                             b->error) != STATUS_OK) {
        sql_error_at(b->error, position);
        return NULL;
    }
    uint32_t count = left == NULL ? 1 : 2;
    struct expr *e = bind_new(b, EXPR_OPERATOR, sql_type_of(op->result), position, count);
    if (e == NULL) return NULL;
    e->op = op;
    e->arg_types = ARENA_ARRAY(b->arena, struct sql_type, 2);
    if (e->arg_types == NULL) return bind_no_memory(b);
    if (left != NULL) {
        e->args[0] = bind_cast(b, left, sql_type_of(left_type), SQL_CAST_IMPLICIT, NULL);
        if (e->args[0] == NULL) return NULL;
        e->arg_types[0] = e->args[0]->type;
    }
    e->args[count - 1] = bind_cast(b, right, sql_type_of(right_type), SQL_CAST_IMPLICIT, NULL);
    if (e->args[count - 1] == NULL) return NULL;
    e->arg_types[count - 1] = e->args[count - 1]->type;
    return e;
}

static struct expr *add_aggregate(struct binder *b, const struct sql_call_expr *call,
                                  const struct sql_function *function, struct expr **args,
                                  struct sql_type *types, uint32_t count)
{
    if (b->in_aggregate) {
        sql_error_set(b->error, b->arena, SQLSTATE_GROUPING_ERROR,
                      b->aggregate_position != 0 ? b->aggregate_position : call->node.position,
                      "aggregate function calls cannot be nested");
        return NULL;
    }
    if (!b->aggregates_allowed) {
        sql_error_set(b->error, b->arena, SQLSTATE_GROUPING_ERROR, call->node.position,
                      "aggregate functions are not allowed in %s", b->clause);
        return NULL;
    }
    if (b->aggregate_count == b->aggregate_capacity) {
        uint32_t capacity = b->aggregate_capacity == 0 ? 8 : b->aggregate_capacity * 2;
        struct aggregate *grown = ARENA_ARRAY(b->arena, struct aggregate, capacity);
        if (grown == NULL) return bind_no_memory(b);
        if (b->aggregate_count > 0)
            memcpy(grown, b->aggregates, b->aggregate_count * sizeof *grown);
        b->aggregates = grown;
        b->aggregate_capacity = capacity;
    }
    struct aggregate *a = &b->aggregates[b->aggregate_count];
    *a = (struct aggregate){.function = function,
                            .args = args,
                            .types = types,
                            .arg_count = count,
                            .distinct = call->distinct};
    if (call->filter != NULL) {
        const char *clause = b->clause;
        b->aggregates_allowed = false;
        b->clause = "FILTER";
        a->filter = bind_condition(b, call->filter, "FILTER");
        b->aggregates_allowed = true;
        b->clause = clause;
        if (a->filter == NULL) return NULL;
    }
    struct expr *e =
        bind_new(b, EXPR_AGGREGATE, sql_type_of(function->result), call->node.position, 0);
    if (e != NULL) e->index = b->aggregate_count++;
    b->aggregate_position = call->node.position;
    return e;
}

static bool call_is_plain(struct binder *b, const struct sql_call_expr *call)
{
    const char *what = NULL;
    if (call->over != NULL)
        what = "a window function";
    else if (call->order_by.count > 0)
        what = "ORDER BY in an aggregate";
    else if (call->variadic)
        what = "VARIADIC";
    else if (call->arg_names != NULL)
        what = "named argument notation";
    else if (strcmp(call->name.name, "generate_series") == 0 && (call->args.count == 2 || call->args.count == 3))
        what = "generate_series elsewhere than in FROM";
    if (what == NULL) return true;
    bind_unsupported(b, &call->node, what);
    return false;
}

struct expr *bind_call(struct binder *b, const struct sql_call_expr *call)
{
    if (!call_is_plain(b, call)) return NULL;
    const char *name = call->name.name;
    if (call->name.schema != NULL && strcmp(call->name.schema, "ostraka") == 0) {
        name = arena_printf(b->arena, "ostraka.%s", name); /* as the catalogue of functions names them */
        if (name == NULL) return bind_no_memory(b);
    } else if (call->name.schema != NULL && strcmp(call->name.schema, "pg_catalog") != 0)
        return bind_unsupported(b, &call->node, "a function of a schema");
    uint32_t count = call->star ? 0 : call->args.count;
    if (count > SQL_ARGUMENTS_MAX) {
        sql_error_set(b->error, b->arena, SQLSTATE_TOO_MANY_ARGUMENTS, call->node.position,
                      "cannot pass more than %d arguments to a function", SQL_ARGUMENTS_MAX);
        return NULL;
    }
    uint32_t types[SQL_ARGUMENTS_MAX], targets[SQL_ARGUMENTS_MAX];
    struct expr *e =
        bind_new(b, EXPR_FUNCTION, sql_type_of(SQL_TYPE_VOID), call->node.position, count);
    if (e == NULL) return NULL;
    uint32_t aggregates_before = b->aggregate_count;
    for (uint32_t i = 0; i < count; i++) {
        e->args[i] = bind_expr(b, call->args.items[i]);
        if (e->args[i] == NULL) return NULL;
        types[i] = e->args[i]->type.oid;
    }
    struct sql_function_match match;
    if (sql_function_resolve(b->arena, bytes_of_string(name), types, count, targets,
                             &match, b->error) != STATUS_OK) {
        sql_error_at(b->error, call->node.position);
        return NULL;
    }
    if (match.function == NULL)
        return bind_cast(b, e->args[0], sql_type_of(match.result), SQL_CAST_EXPLICIT, NULL);
    e->arg_types = ARENA_ARRAY(b->arena, struct sql_type, count + 1);
    if (e->arg_types == NULL) return bind_no_memory(b);
    for (uint32_t i = 0; i < count; i++) {
        e->args[i] = bind_cast(b, e->args[i], sql_type_of(targets[i]), SQL_CAST_IMPLICIT, NULL);
        if (e->args[i] == NULL) return NULL;
        e->arg_types[i] = e->args[i]->type;
    }
    if (match.function->aggregate != NULL && count == 0 && !call->star) {
        sql_error_set(b->error, b->arena, SQLSTATE_WRONG_OBJECT_TYPE, call->node.position,
                      "%s(*) must be used to call a parameterless aggregate function",
                      call->name.name);
        return NULL;
    }
    if (match.function->aggregate != NULL) {
        if (b->aggregate_count != aggregates_before) b->in_aggregate = true;
        struct expr *a = add_aggregate(b, call, match.function, e->args, e->arg_types, count);
        b->in_aggregate = false;
        return a;
    }
    if (call->distinct || call->filter != NULL || call->star) {
        sql_error_set(b->error, b->arena, SQLSTATE_WRONG_OBJECT_TYPE, call->node.position,
                      "%s specified, but %s is not an aggregate function",
                      call->distinct ? "DISTINCT"
                      : call->star   ? "(*)"
                                     : "FILTER",
                      call->name.name);
        return NULL;
    }
    e->function = match.function;
    e->type = sql_type_of(match.result);
    return e;
}

static struct expr *bind_named_call(struct binder *b, const char *name, uint32_t position)
{
    struct sql_call_expr call = {.node = {.kind = SQL_EXPR_CALL, .position = position},
                                 .name = {.name = name, .position = position}};
    return bind_call(b, &call);
}

struct expr *bind_value_function(struct binder *b, const struct sql_value_function_expr *f)
{
    uint32_t p = f->node.position;
    switch (f->function) {
    case SQL_VALUE_CURRENT_TIMESTAMP: return bind_named_call(b, "now", p);
    case SQL_VALUE_CURRENT_DATE:
        return bind_cast(b, bind_named_call(b, "now", p), sql_type_of(SQL_TYPE_DATE),
                         SQL_CAST_EXPLICIT, NULL);
    case SQL_VALUE_LOCALTIMESTAMP:
        return bind_cast(b, bind_named_call(b, "now", p), sql_type_of(SQL_TYPE_TIMESTAMP),
                         SQL_CAST_EXPLICIT, NULL);
    case SQL_VALUE_LOCALTIME:
        return bind_cast(b, bind_named_call(b, "now", p), sql_type_of(SQL_TYPE_TIME),
                         SQL_CAST_EXPLICIT, NULL);
    case SQL_VALUE_CURRENT_ROLE:
    case SQL_VALUE_CURRENT_USER:
    case SQL_VALUE_USER: return bind_named_call(b, "current_user", p);
    case SQL_VALUE_SESSION_USER: return bind_named_call(b, "session_user", p);
    case SQL_VALUE_CURRENT_CATALOG: return bind_named_call(b, "current_database", p);
    case SQL_VALUE_CURRENT_SCHEMA: return bind_named_call(b, "current_schema", p);
    default: return bind_unsupported(b, &f->node, "CURRENT_TIME");
    }
}
