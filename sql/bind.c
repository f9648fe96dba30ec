/* Binding: from the syntax tree to typed expressions, by PostgreSQL's rules (its documentation, chapter 10). */
#include <string.h>

#include "base/assert.h"
#include "sql/expr.h"

void binder_init(struct binder *b, struct arena *arena, struct sql_error *error, struct sql_eval *eval)
{
    *b = (struct binder){.arena = arena, .error = error, .eval = eval, .clause = "expression"};
}

static struct expr *no_memory(struct binder *b)
{
    sql_error_out_of_memory(b->error);
    return NULL;
}

static struct expr *unsupported(struct binder *b, const struct sql_node *node, const char *what)
{
    sql_error_set(b->error, b->arena, SQLSTATE_FEATURE_NOT_SUPPORTED, node->position,
                  "%s is not supported yet", what);
    return NULL;
}

static struct expr *expr_new(struct binder *b, enum expr_kind kind, struct sql_type type,
                             uint32_t position, uint32_t arg_count)
{
    struct expr *e = ARENA_NEW(b->arena, struct expr);
    struct expr **args = ARENA_ARRAY(b->arena, struct expr *, arg_count + 1);
    if (e == NULL || args == NULL) return no_memory(b);
    e->kind = kind;
    e->type = type;
    e->position = position;
    e->args = args;
    e->arg_count = arg_count;
    return e;
}

bool expr_is_constant(const struct expr *e)
{
    if (e->kind == EXPR_COLUMN || e->kind == EXPR_AGGREGATE) return false;
    if (e->kind == EXPR_FUNCTION && e->function->volatility == SQL_VOLATILE) return false;
    for (uint32_t i = 0; i < e->arg_count; i++)
        if (!expr_is_constant(e->args[i])) return false;
    return true;
}

bool expr_equal(const struct expr *a, const struct expr *b)
{
    if (a->kind != b->kind || a->type.oid != b->type.oid || a->type.typmod != b->type.typmod ||
        a->arg_count != b->arg_count || a->negated != b->negated || a->test != b->test ||
        a->index != b->index || a->op != b->op || a->function != b->function)
        return false;
    if (a->kind == EXPR_CONST) {
        if (a->parameter != b->parameter) return false;
        if (a->value.is_null || b->value.is_null) return a->value.is_null == b->value.is_null;
        const struct sql_type_info *info = sql_type_find(a->type.oid);
        if (info == NULL) return false;
        if (info->storage == SQL_STORAGE_BYTES) return bytes_equal(a->value.bytes, b->value.bytes);
        return info->can_be_key && sql_datum_compare(a->type.oid, &a->value, &b->value) == 0;
    }
    for (uint32_t i = 0; i < a->arg_count; i++)
        if (!expr_equal(a->args[i], b->args[i])) return false;
    return true;
}

/* ---- parameters ---- */

/* Room for parameter `number` while the statement is described. */
static bool parameter_reach(struct binder *b, uint32_t number)
{
    struct parameters *p = b->parameters;
    if (number <= p->count) return true;
    if (p->values != NULL || number > PARAMETERS_MAX) return false;
    if (number > p->capacity) {
        uint32_t capacity = number < 8 ? 8 : number > PARAMETERS_MAX / 2 ? PARAMETERS_MAX : number * 2;
        uint32_t *types = ARENA_ARRAY(p->arena, uint32_t, capacity);
        if (types == NULL) return no_memory(b) != NULL;
        if (p->count > 0) memcpy(types, p->types, p->count * sizeof *types);
        p->types = types;
        p->capacity = capacity;
    }
    while (p->count < number) p->types[p->count++] = SQL_TYPE_UNKNOWN;
    return true;
}

static struct expr *bind_parameter(struct binder *b, const struct sql_param *node)
{
    if (b->parameters == NULL || !parameter_reach(b, node->number)) {
        sql_error_set(b->error, b->arena, SQLSTATE_UNDEFINED_PARAMETER, node->node.position,
                      "there is no parameter $%u", node->number);
        return NULL;
    }
    const struct parameters *p = b->parameters;
    struct expr *e = expr_new(b, EXPR_CONST, sql_type_of(p->types[node->number - 1]), node->node.position, 0);
    if (e == NULL) return NULL;
    e->parameter = node->number;
    e->value = p->values != NULL ? p->values[node->number - 1] : SQL_NULL;
    return e;
}

/* The first use decides the type (PostgreSQL's variable_coerce_param_hook). */
static struct expr *decide_parameter(struct binder *b, const struct expr *e, struct sql_type target)
{
    uint32_t *type = &b->parameters->types[e->parameter - 1];
    if (*type != SQL_TYPE_UNKNOWN && *type != target.oid) {
        const char *was = sql_type_format(b->arena, sql_type_of(*type));
        const char *is = sql_type_format(b->arena, sql_type_of(target.oid));
        sql_error_set(b->error, b->arena, SQLSTATE_AMBIGUOUS_PARAMETER, e->position,
                      "inconsistent types deduced for parameter $%u", e->parameter);
        sql_error_detail(b->error, b->arena, "%s versus %s", was != NULL ? was : "?", is != NULL ? is : "?");
        return NULL;
    }
    *type = target.oid;
    struct expr *decided = expr_new(b, EXPR_CONST, target, e->position, 0);
    if (decided == NULL) return NULL;
    decided->parameter = e->parameter;
    decided->value = SQL_NULL;
    return decided;
}

static bool is_undecided(const struct expr *e)
{
    return e->kind == EXPR_CONST && e->parameter != 0 && e->type.oid == SQL_TYPE_UNKNOWN;
}

/* ---- types and casts ---- */

bool bind_type(struct binder *b, const struct sql_type_name *name, struct sql_type *type_out)
{
    if (name->array_bound_count > 0 || name->setof) {
        sql_error_set(b->error, b->arena, SQLSTATE_FEATURE_NOT_SUPPORTED, name->name.position,
                      "array types are not supported yet");
        return false;
    }
    bool catalog = name->name.schema != NULL && strcmp(name->name.schema, "pg_catalog") == 0;
    const struct sql_type_info *info = NULL;
    if (name->name.schema == NULL || catalog)
        info = sql_type_find_name(bytes_of_string(name->name.name), catalog);
    if (info == NULL)
        return sql_error_set(b->error, b->arena, SQLSTATE_UNDEFINED_OBJECT, name->name.position,
                             "type \"%s\" does not exist", name->name.name);
    int64_t modifiers[4];
    if (name->modifiers.count > 4)
        return sql_error_set(b->error, b->arena, SQLSTATE_SYNTAX_ERROR, name->name.position,
                             "too many type modifiers");
    for (uint32_t i = 0; i < name->modifiers.count; i++) {
        const struct sql_node *m = name->modifiers.items[i];
        if (m->kind != SQL_EXPR_CONST || sql_as_const(m)->type != SQL_CONST_INTEGER)
            return sql_error_set(b->error, b->arena, SQLSTATE_SYNTAX_ERROR, m->position,
                                 "type modifiers must be simple constants or identifiers");
        modifiers[i] = sql_as_const(m)->integer;
    }
    type_out->oid = info->oid;
    if (sql_type_make_typmod(b->arena, info->oid, modifiers, name->modifiers.count, &type_out->typmod,
                             b->error) == STATUS_OK)
        return true;
    sql_error_at(b->error, name->name.position);
    return false;
}

static struct expr *cast_constant(struct binder *b, struct expr *e, struct sql_type target,
                                  enum sql_cast_context context)
{
    struct sql_datum out;
    if (sql_cast(b->eval, e->type.oid, target, context, &e->value, &out) != STATUS_OK) {
        sql_error_at(b->error, e->position);
        return NULL;
    }
    struct expr *cast = expr_new(b, EXPR_CONST, target, e->position, 0);
    if (cast != NULL) cast->value = out;
    return cast;
}

static struct expr *cast_refused(struct binder *b, const struct expr *e, struct sql_type target,
                                 enum sql_cast_context context, const char *column)
{
    const char *to = sql_type_format(b->arena, sql_type_of(target.oid));
    const char *from = sql_type_format(b->arena, sql_type_of(e->type.oid));
    if (to == NULL || from == NULL) return no_memory(b);
    if (context == SQL_CAST_EXPLICIT) {
        sql_error_set(b->error, b->arena, SQLSTATE_CANNOT_COERCE, e->position,
                      "cannot cast type %s to %s", from, to);
    } else if (column != NULL) {
        sql_error_set(b->error, b->arena, SQLSTATE_DATATYPE_MISMATCH, e->position,
                      "column \"%s\" is of type %s but expression is of type %s", column, to, from);
        sql_error_hint(b->error, b->arena, "You will need to rewrite or cast the expression.");
    } else {
        sql_error_set(b->error, b->arena, SQLSTATE_DATATYPE_MISMATCH, e->position,
                      "an expression of type %s cannot be used as %s", from, to);
    }
    return NULL;
}

struct expr *bind_cast(struct binder *b, struct expr *e, struct sql_type target,
                       enum sql_cast_context context, const char *column)
{
    if (e == NULL) return NULL;
    if (target.oid == SQL_TYPE_ANY) return bind_settle(b, e);
    if (is_undecided(e) && target.oid != SQL_TYPE_UNKNOWN) return decide_parameter(b, e, target);
    if (e->type.oid == target.oid &&
        (target.typmod == SQL_TYPMOD_NONE || target.typmod == e->type.typmod))
        return e;
    if (sql_cast_find(e->type.oid, target.oid, context) == SQL_CAST_NONE)
        return cast_refused(b, e, target, context, column);
    if (e->kind == EXPR_CONST) return cast_constant(b, e, target, context);
    struct expr *cast = expr_new(b, EXPR_CAST, target, e->position, 1);
    if (cast == NULL) return NULL;
    cast->context = context;
    cast->args[0] = e;
    return cast;
}

struct expr *bind_settle(struct binder *b, struct expr *e)
{
    if (e == NULL || e->type.oid != SQL_TYPE_UNKNOWN) return e;
    return bind_cast(b, e, sql_type_of(SQL_TYPE_TEXT), SQL_CAST_IMPLICIT, NULL);
}

struct expr *bind_condition(struct binder *b, const struct sql_node *node, const char *clause)
{
    const char *before = b->clause;
    b->clause = clause;
    struct expr *e = bind_expr(b, node);
    b->clause = before;
    if (e == NULL) return NULL;
    if (e->type.oid == SQL_TYPE_BOOL) return e;
    if (e->type.oid == SQL_TYPE_UNKNOWN)
        return bind_cast(b, e, sql_type_of(SQL_TYPE_BOOL), SQL_CAST_IMPLICIT, NULL);
    const char *type = sql_type_format(b->arena, sql_type_of(e->type.oid));
    sql_error_set(b->error, b->arena, SQLSTATE_DATATYPE_MISMATCH, node->position,
                  "argument of %s must be type boolean, not type %s", clause, type == NULL ? "?" : type);
    return NULL;
}

/* Gives all expressions their common type. */
static bool unify(struct binder *b, const char *construct, struct expr **items, uint32_t count,
                  uint32_t step, uint32_t first, struct sql_type *type_out)
{
    uint32_t n = 0;
    uint32_t *types = ARENA_ARRAY(b->arena, uint32_t, count + 1);
    if (types == NULL) return no_memory(b) != NULL;
    for (uint32_t i = first; i < count; i += step) types[n++] = items[i]->type.oid;
    uint32_t oid;
    if (sql_type_common(b->arena, construct, types, n, &oid, b->error) != STATUS_OK) {
        sql_error_at(b->error, items[first]->position);
        return false;
    }
    *type_out = sql_type_of(oid);
    for (uint32_t i = first; i < count; i += step) {
        items[i] = bind_cast(b, items[i], *type_out, SQL_CAST_IMPLICIT, NULL);
        if (items[i] == NULL) return false;
    }
    return true;
}

/* ---- operators and functions ---- */

static struct expr *operator_of(struct binder *b, const char *name, struct expr *left, struct expr *right,
                                uint32_t position)
{
    uint32_t left_type, right_type;
    const struct sql_operator *op;
    if (right == NULL) return NULL;
    if (sql_operator_resolve(b->arena, bytes_of_string(name), left == NULL ? 0 : left->type.oid,
                             right->type.oid, &left_type, &right_type, &op, b->error) != STATUS_OK) {
        sql_error_at(b->error, position);
        return NULL;
    }
    uint32_t count = left == NULL ? 1 : 2;
    struct expr *e = expr_new(b, EXPR_OPERATOR, sql_type_of(op->result), position, count);
    if (e == NULL) return NULL;
    e->op = op;
    e->arg_types = ARENA_ARRAY(b->arena, struct sql_type, 2);
    if (e->arg_types == NULL) return no_memory(b);
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

static struct expr *logic_of(struct binder *b, enum expr_kind kind, struct expr *left, struct expr *right,
                             uint32_t position)
{
    if (left == NULL || right == NULL) return NULL;
    struct expr *e = expr_new(b, kind, sql_type_of(SQL_TYPE_BOOL), position, 2);
    if (e == NULL) return NULL;
    e->args[0] = left;
    e->args[1] = right;
    return e;
}

static struct expr *negate(struct binder *b, struct expr *e)
{
    if (e == NULL) return NULL;
    struct expr *not = expr_new(b, EXPR_NOT, sql_type_of(SQL_TYPE_BOOL), e->position, 1);
    if (not != NULL) not->args[0] = e;
    return not;
}

static struct expr *bind_list(struct binder *b, enum expr_kind kind, const struct sql_list *list,
                              uint32_t position, struct sql_type type)
{
    struct expr *e = expr_new(b, kind, type, position, list->count);
    for (uint32_t i = 0; e != NULL && i < list->count; i++) {
        e->args[i] = bind_expr(b, list->items[i]);
        if (e->args[i] == NULL) return NULL;
    }
    return e;
}

static struct expr *bind_logic(struct binder *b, const struct sql_expr_list *node, enum expr_kind kind)
{
    struct expr *e = expr_new(b, kind, sql_type_of(SQL_TYPE_BOOL), node->node.position, node->list.count);
    for (uint32_t i = 0; e != NULL && i < node->list.count; i++) {
        e->args[i] = bind_condition(b, node->list.items[i], kind == EXPR_AND ? "AND" : "OR");
        if (e->args[i] == NULL) return NULL;
    }
    return e;
}

static struct expr *add_aggregate(struct binder *b, const struct sql_call_expr *call,
                                  const struct sql_function *function, struct expr **args,
                                  struct sql_type *types, uint32_t count)
{
    if (b->in_aggregate) {
        sql_error_set(b->error, b->arena, SQLSTATE_GROUPING_ERROR, call->node.position,
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
        if (grown == NULL) return no_memory(b);
        if (b->aggregate_count > 0)
            memcpy(grown, b->aggregates, b->aggregate_count * sizeof *grown);
        b->aggregates = grown;
        b->aggregate_capacity = capacity;
    }
    struct aggregate *a = &b->aggregates[b->aggregate_count];
    *a = (struct aggregate){.function = function, .args = args, .types = types, .arg_count = count,
                            .distinct = call->distinct};
    if (call->filter != NULL) {
        b->in_aggregate = true;
        a->filter = bind_condition(b, call->filter, "FILTER");
        b->in_aggregate = false;
        if (a->filter == NULL) return NULL;
    }
    struct expr *e = expr_new(b, EXPR_AGGREGATE, sql_type_of(function->result), call->node.position, 0);
    if (e != NULL) e->index = b->aggregate_count++;
    return e;
}

static bool call_is_plain(struct binder *b, const struct sql_call_expr *call)
{
    const char *what = NULL;
    if (call->over != NULL) what = "a window function";
    else if (call->order_by.count > 0) what = "ORDER BY in an aggregate";
    else if (call->variadic) what = "VARIADIC";
    else if (call->arg_names != NULL) what = "named argument notation";
    if (what == NULL) return true;
    unsupported(b, &call->node, what);
    return false;
}

static struct expr *bind_call(struct binder *b, const struct sql_call_expr *call)
{
    if (!call_is_plain(b, call)) return NULL;
    if (call->name.schema != NULL && strcmp(call->name.schema, "pg_catalog") != 0)
        return unsupported(b, &call->node, "a function of a schema");
    uint32_t count = call->star ? 0 : call->args.count;
    if (count > SQL_ARGUMENTS_MAX) {
        sql_error_set(b->error, b->arena, SQLSTATE_TOO_MANY_ARGUMENTS, call->node.position,
                      "cannot pass more than %d arguments to a function", SQL_ARGUMENTS_MAX);
        return NULL;
    }
    uint32_t types[SQL_ARGUMENTS_MAX], targets[SQL_ARGUMENTS_MAX];
    struct expr *e = expr_new(b, EXPR_FUNCTION, sql_type_of(SQL_TYPE_VOID), call->node.position, count);
    if (e == NULL) return NULL;
    uint32_t aggregates_before = b->aggregate_count;
    for (uint32_t i = 0; i < count; i++) {
        e->args[i] = bind_expr(b, call->args.items[i]);
        if (e->args[i] == NULL) return NULL;
        types[i] = e->args[i]->type.oid;
    }
    struct sql_function_match match;
    if (sql_function_resolve(b->arena, bytes_of_string(call->name.name), types, count, targets, &match,
                             b->error) != STATUS_OK) {
        sql_error_at(b->error, call->node.position);
        return NULL;
    }
    if (match.function == NULL)
        return bind_cast(b, e->args[0], sql_type_of(match.result), SQL_CAST_EXPLICIT, NULL);
    e->arg_types = ARENA_ARRAY(b->arena, struct sql_type, count + 1);
    if (e->arg_types == NULL) return no_memory(b);
    for (uint32_t i = 0; i < count; i++) {
        e->args[i] = bind_cast(b, e->args[i], sql_type_of(targets[i]), SQL_CAST_IMPLICIT, NULL);
        if (e->args[i] == NULL) return NULL;
        e->arg_types[i] = e->args[i]->type;
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
                      call->distinct ? "DISTINCT" : call->star ? "(*)" : "FILTER", call->name.name);
        return NULL;
    }
    e->function = match.function;
    e->type = sql_type_of(match.result);
    return e;
}

/* ---- leaves ---- */

static struct expr *bind_const(struct binder *b, const struct sql_const *c)
{
    struct expr *e = expr_new(b, EXPR_CONST, sql_type_of(SQL_TYPE_UNKNOWN), c->node.position, 0);
    if (e == NULL) return NULL;
    struct bytes text = bytes_make(c->text, c->text_size);
    switch (c->type) {
    case SQL_CONST_NULL: e->value = SQL_NULL; break;
    case SQL_CONST_BOOL:
        e->type.oid = SQL_TYPE_BOOL;
        e->value = sql_boolean(c->integer != 0);
        break;
    case SQL_CONST_INTEGER:
        e->type.oid = c->integer >= INT32_MIN && c->integer <= INT32_MAX ? SQL_TYPE_INT4 : SQL_TYPE_INT8;
        e->value = sql_integer(c->integer);
        break;
    case SQL_CONST_NUMBER:
        e->value = sql_bytes(text);
        return bind_cast(b, e, sql_type_of(SQL_TYPE_NUMERIC), SQL_CAST_IMPLICIT, NULL);
    case SQL_CONST_STRING: e->value = sql_bytes(text); break;
    default: return unsupported(b, &c->node, "a bit string");
    }
    return e;
}

static struct expr *bind_column(struct binder *b, const struct sql_column *c)
{
    if (c->star) return unsupported(b, &c->node, "a row as a value");
    const struct sql_table *t = b->scope.table;
    const char *name = c->names.items[c->names.count - 1];
    if (c->names.count > 1) {
        const char *qualifier = c->names.items[c->names.count - 2];
        if (t == NULL || strcmp(qualifier, b->scope.alias) != 0) {
            sql_error_set(b->error, b->arena, SQLSTATE_UNDEFINED_TABLE, c->node.position,
                          "missing FROM-clause entry for table \"%s\"", qualifier);
            return NULL;
        }
    }
    for (uint32_t i = 0; t != NULL && i < t->column_count; i++) {
        if (strcmp(t->columns[i].name, name) != 0) continue;
        struct expr *e = expr_new(b, EXPR_COLUMN, t->columns[i].type, c->node.position, 0);
        if (e != NULL) e->index = i;
        return e;
    }
    if (c->names.count > 1)
        sql_error_set(b->error, b->arena, SQLSTATE_UNDEFINED_COLUMN, c->node.position,
                      "column %s.%s does not exist", c->names.items[c->names.count - 2], name);
    else
        sql_error_set(b->error, b->arena, SQLSTATE_UNDEFINED_COLUMN, c->node.position,
                      "column \"%s\" does not exist", name);
    return NULL;
}

static struct expr *bind_named_call(struct binder *b, const char *name, uint32_t position)
{
    struct sql_call_expr call = {.node = {.kind = SQL_EXPR_CALL, .position = position},
                                 .name = {.name = name, .position = position}};
    return bind_call(b, &call);
}

static struct expr *bind_value_function(struct binder *b, const struct sql_value_function_expr *f)
{
    uint32_t p = f->node.position;
    switch (f->function) {
    case SQL_VALUE_CURRENT_TIMESTAMP: return bind_named_call(b, "now", p);
    case SQL_VALUE_CURRENT_DATE:
        return bind_cast(b, bind_named_call(b, "now", p), sql_type_of(SQL_TYPE_DATE), SQL_CAST_EXPLICIT, NULL);
    case SQL_VALUE_LOCALTIMESTAMP:
        return bind_cast(b, bind_named_call(b, "now", p), sql_type_of(SQL_TYPE_TIMESTAMP), SQL_CAST_EXPLICIT,
                         NULL);
    case SQL_VALUE_LOCALTIME:
        return bind_cast(b, bind_named_call(b, "now", p), sql_type_of(SQL_TYPE_TIME), SQL_CAST_EXPLICIT, NULL);
    case SQL_VALUE_CURRENT_ROLE:
    case SQL_VALUE_CURRENT_USER:
    case SQL_VALUE_USER: return bind_named_call(b, "current_user", p);
    case SQL_VALUE_SESSION_USER: return bind_named_call(b, "session_user", p);
    case SQL_VALUE_CURRENT_CATALOG: return bind_named_call(b, "current_database", p);
    case SQL_VALUE_CURRENT_SCHEMA: return bind_named_call(b, "current_schema", p);
    default: return unsupported(b, &f->node, "CURRENT_TIME");
    }
}

/* ---- constructs ---- */

static struct expr *bind_in(struct binder *b, const struct sql_in *in)
{
    if (in->subquery != NULL) return unsupported(b, &in->node, "IN with a subquery");
    struct expr *any = NULL;
    for (uint32_t i = 0; i < in->list.count; i++) {
        struct expr *left = bind_expr(b, in->left);
        struct expr *item = left == NULL ? NULL : bind_expr(b, in->list.items[i]);
        struct expr *equal = item == NULL ? NULL : operator_of(b, "=", left, item, in->node.position);
        if (equal == NULL) return NULL;
        any = any == NULL ? equal : logic_of(b, EXPR_OR, any, equal, in->node.position);
        if (any == NULL) return NULL;
    }
    return in->negated ? negate(b, any) : any;
}

static struct expr *between(struct binder *b, const struct sql_between *n, const struct sql_node *low,
                            const struct sql_node *high)
{
    struct expr *arg = bind_expr(b, n->arg), *again = bind_expr(b, n->arg);
    struct expr *l = arg == NULL ? NULL : bind_expr(b, low);
    struct expr *h = l == NULL ? NULL : bind_expr(b, high);
    if (h == NULL) return NULL;
    struct expr *above = operator_of(b, ">=", arg, l, n->node.position);
    struct expr *below = above == NULL ? NULL : operator_of(b, "<=", again, h, n->node.position);
    return logic_of(b, EXPR_AND, above, below, n->node.position);
}

static struct expr *bind_between(struct binder *b, const struct sql_between *n)
{
    struct expr *e = between(b, n, n->low, n->high);
    if (n->symmetric && e != NULL)
        e = logic_of(b, EXPR_OR, e, between(b, n, n->high, n->low), n->node.position);
    return n->negated ? negate(b, e) : e;
}

static struct expr *bind_like(struct binder *b, const struct sql_like *n)
{
    if (n->like == SQL_SIMILAR_TO) return unsupported(b, &n->node, "SIMILAR TO");
    struct expr *left = bind_expr(b, n->left);
    struct expr *pattern = left == NULL ? NULL : bind_expr(b, n->pattern);
    if (pattern == NULL) return NULL;
    if (n->escape != NULL) {
        struct sql_call_expr call = {.node = {.kind = SQL_EXPR_CALL, .position = n->node.position},
                                     .name = {.name = "like_escape", .position = n->node.position}};
        const struct sql_node *args[2] = {n->pattern, n->escape};
        call.args = (struct sql_list){args, 2};
        pattern = bind_call(b, &call);
    }
    static const char *const names[2][2] = {{"~~", "!~~"}, {"~~*", "!~~*"}};
    return operator_of(b, names[n->like == SQL_ILIKE][n->negated], left, pattern, n->node.position);
}

static struct expr *bind_case(struct binder *b, const struct sql_case *c)
{
    uint32_t count = 2 * c->when_count + 1;
    struct expr *e = expr_new(b, EXPR_CASE, sql_type_of(SQL_TYPE_TEXT), c->node.position, count);
    if (e == NULL) return NULL;
    for (uint32_t i = 0; i < c->when_count; i++) {
        if (c->arg == NULL) {
            e->args[2 * i] = bind_condition(b, c->whens[i].condition, "CASE/WHEN");
        } else {
            struct expr *arg = bind_expr(b, c->arg);
            struct expr *value = arg == NULL ? NULL : bind_expr(b, c->whens[i].condition);
            e->args[2 * i] = value == NULL ? NULL : operator_of(b, "=", arg, value, value->position);
        }
        if (e->args[2 * i] == NULL) return NULL;
        e->args[2 * i + 1] = bind_expr(b, c->whens[i].result);
        if (e->args[2 * i + 1] == NULL) return NULL;
    }
    struct sql_const null = {.node = {.kind = SQL_EXPR_CONST, .position = c->node.position},
                             .type = SQL_CONST_NULL};
    e->args[count - 1] = bind_expr(b, c->otherwise != NULL ? c->otherwise : &null.node);
    if (e->args[count - 1] == NULL) return NULL;
    /* Results are the odd places and the last one: bring the last beside them for a moment. */
    struct expr **results = ARENA_ARRAY(b->arena, struct expr *, c->when_count + 1);
    if (results == NULL) return no_memory(b);
    results[0] = e->args[count - 1];
    for (uint32_t i = 0; i < c->when_count; i++) results[i + 1] = e->args[2 * i + 1];
    if (!unify(b, "CASE", results, c->when_count + 1, 1, 0, &e->type)) return NULL;
    e->args[count - 1] = results[0];
    for (uint32_t i = 0; i < c->when_count; i++) e->args[2 * i + 1] = results[i + 1];
    return e;
}

static struct expr *bind_unified(struct binder *b, const struct sql_expr_list *node, enum expr_kind kind,
                                 const char *construct, bool negated)
{
    struct expr *e = bind_list(b, kind, &node->list, node->node.position, sql_type_of(SQL_TYPE_TEXT));
    if (e == NULL || !unify(b, construct, e->args, e->arg_count, 1, 0, &e->type)) return NULL;
    e->negated = negated;
    return e;
}

static struct expr *bind_nullif(struct binder *b, const struct sql_expr_list *node)
{
    struct expr *value = bind_expr(b, node->list.items[0]);
    struct expr *left = value == NULL ? NULL : bind_expr(b, node->list.items[0]);
    struct expr *right = left == NULL ? NULL : bind_expr(b, node->list.items[1]);
    struct expr *equal = right == NULL ? NULL : operator_of(b, "=", left, right, node->node.position);
    if (equal == NULL) return NULL;
    value = bind_settle(b, value);
    struct expr *e = value == NULL ? NULL : expr_new(b, EXPR_NULLIF, value->type, node->node.position, 2);
    if (e == NULL) return NULL;
    e->args[0] = value;
    e->args[1] = equal;
    return e;
}

static struct expr *bind_is(struct binder *b, const struct sql_is *n)
{
    struct expr *arg = n->test == SQL_IS_NULL ? bind_expr(b, n->arg) : bind_condition(b, n->arg, "IS");
    if (arg == NULL) return NULL;
    struct expr *e = expr_new(b, EXPR_IS, sql_type_of(SQL_TYPE_BOOL), n->node.position, 1);
    if (e == NULL) return NULL;
    e->test = n->test;
    e->negated = n->negated;
    e->args[0] = arg;
    return e;
}

static struct expr *bind_is_distinct(struct binder *b, const struct sql_is_distinct *n)
{
    struct expr *e = expr_new(b, EXPR_DISTINCT, sql_type_of(SQL_TYPE_BOOL), n->node.position, 2);
    if (e == NULL) return NULL;
    e->negated = n->negated;
    e->args[0] = bind_expr(b, n->left);
    e->args[1] = e->args[0] == NULL ? NULL : bind_expr(b, n->right);
    struct sql_type type;
    if (e->args[1] == NULL || !unify(b, "IS DISTINCT FROM", e->args, 2, 1, 0, &type)) return NULL;
    return e;
}

static struct expr *bind_typecast(struct binder *b, const struct sql_cast *c)
{
    struct sql_type type;
    struct expr *arg = bind_expr(b, c->arg);
    if (arg == NULL || !bind_type(b, &c->type, &type)) return NULL;
    struct expr *e = bind_cast(b, arg, type, SQL_CAST_EXPLICIT, NULL);
    if (e != NULL && e != arg) e->position = c->node.position;
    return e;
}

static struct expr *bind_operator(struct binder *b, const struct sql_operator_expr *o)
{
    if (o->schema != NULL && strcmp(o->schema, "pg_catalog") != 0)
        return unsupported(b, &o->node, "an operator of a schema");
    struct expr *left = NULL;
    if (o->left != NULL) {
        left = bind_expr(b, o->left);
        if (left == NULL) return NULL;
    }
    struct expr *right = o->right == NULL ? NULL : bind_expr(b, o->right);
    return right == NULL ? NULL : operator_of(b, o->name, left, right, o->node.position);
}

struct expr *bind_expr(struct binder *b, const struct sql_node *node)
{
    switch ((enum sql_node_kind)node->kind) {
    case SQL_EXPR_CONST: return bind_const(b, sql_as_const(node));
    case SQL_EXPR_COLUMN: return bind_column(b, sql_as_column(node));
    case SQL_EXPR_OPERATOR: return bind_operator(b, sql_as_operator_expr(node));
    case SQL_EXPR_AND: return bind_logic(b, sql_as_expr_list(node), EXPR_AND);
    case SQL_EXPR_OR: return bind_logic(b, sql_as_expr_list(node), EXPR_OR);
    case SQL_EXPR_NOT: return negate(b, bind_condition(b, sql_as_expr_unary(node)->arg, "NOT"));
    case SQL_EXPR_IS: return bind_is(b, sql_as_is(node));
    case SQL_EXPR_IS_DISTINCT: return bind_is_distinct(b, sql_as_is_distinct(node));
    case SQL_EXPR_IN: return bind_in(b, sql_as_in(node));
    case SQL_EXPR_BETWEEN: return bind_between(b, sql_as_between(node));
    case SQL_EXPR_LIKE: return bind_like(b, sql_as_like(node));
    case SQL_EXPR_CASE: return bind_case(b, sql_as_case(node));
    case SQL_EXPR_CAST: return bind_typecast(b, sql_as_cast(node));
    case SQL_EXPR_CALL: return bind_call(b, sql_as_call_expr(node));
    case SQL_EXPR_COALESCE:
        return bind_unified(b, sql_as_expr_list(node), EXPR_COALESCE, "COALESCE", false);
    case SQL_EXPR_GREATEST:
        return bind_unified(b, sql_as_expr_list(node), EXPR_EXTREME, "GREATEST", false);
    case SQL_EXPR_LEAST: return bind_unified(b, sql_as_expr_list(node), EXPR_EXTREME, "LEAST", true);
    case SQL_EXPR_NULLIF: return bind_nullif(b, sql_as_expr_list(node));
    case SQL_EXPR_VALUE_FUNCTION: return bind_value_function(b, sql_as_value_function_expr(node));
    case SQL_EXPR_PARAM: return bind_parameter(b, sql_as_param(node));
    case SQL_EXPR_DEFAULT:
        sql_error_set(b->error, b->arena, SQLSTATE_SYNTAX_ERROR, node->position,
                      "DEFAULT is not allowed in this context");
        return NULL;
    case SQL_EXPR_SUBQUERY: return unsupported(b, node, "a subquery as an expression");
    case SQL_EXPR_COLLATE: return unsupported(b, node, "COLLATE");
    case SQL_EXPR_ARRAY: return unsupported(b, node, "an array");
    case SQL_EXPR_ROW: return unsupported(b, node, "a row as a value");
    case SQL_EXPR_QUANTIFIED: return unsupported(b, node, "ANY and ALL");
    case SQL_EXPR_INDIRECTION: return unsupported(b, node, "a subscript or field");
    default: return unsupported(b, node, "this expression");
    }
}

const char *bind_column_name(const struct sql_node *node)
{
    switch ((enum sql_node_kind)node->kind) {
    case SQL_EXPR_COLUMN: {
        const struct sql_column *c = sql_as_column(node);
        return c->names.items[c->names.count - 1];
    }
    case SQL_EXPR_CALL: return sql_as_call_expr(node)->name.name;
    case SQL_EXPR_CAST: {
        const struct sql_cast *c = sql_as_cast(node);
        const char *inner = bind_column_name(c->arg);
        return strcmp(inner, "?column?") != 0 ? inner : c->type.name.name;
    }
    case SQL_EXPR_CASE: {
        const struct sql_case *c = sql_as_case(node);
        const char *inner = c->otherwise == NULL ? "?column?" : bind_column_name(c->otherwise);
        return strcmp(inner, "?column?") != 0 ? inner : "case";
    }
    case SQL_EXPR_COALESCE: return "coalesce";
    case SQL_EXPR_GREATEST: return "greatest";
    case SQL_EXPR_LEAST: return "least";
    case SQL_EXPR_NULLIF: return "nullif";
    case SQL_EXPR_VALUE_FUNCTION: {
        static const char *const names[] = {"", "current_date", "current_time", "current_timestamp",
                                            "localtime", "localtimestamp", "current_role", "current_user",
                                            "user", "session_user", "current_catalog", "current_schema"};
        return names[sql_as_value_function_expr(node)->function];
    }
    default: return "?column?";
    }
}
