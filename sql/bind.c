/* Binding: from the syntax tree to typed expressions, by PostgreSQL's rules (its documentation, chapter 10). */
#include "sql/bind_int.h"

void binder_init(struct binder *b, struct arena *arena, struct sql_error *error, struct sql_eval *eval)
{
    *b = (struct binder){.arena = arena, .error = error, .eval = eval, .clause = "expression"};
}

struct expr *bind_no_memory(struct binder *b)
{
    sql_error_out_of_memory(b->error);
    return NULL;
}

struct expr *bind_unsupported(struct binder *b, const struct sql_node *node, const char *what)
{
    sql_error_set(b->error, b->arena, SQLSTATE_FEATURE_NOT_SUPPORTED, node->position,
                  "%s is not supported yet", what);
    return NULL;
}

struct expr *bind_new(struct binder *b, enum expr_kind kind, struct sql_type type,
                             uint32_t position, uint32_t arg_count)
{
    struct expr *e = ARENA_NEW(b->arena, struct expr);
    struct expr **args = ARENA_ARRAY(b->arena, struct expr *, arg_count + 1);
    if (e == NULL || args == NULL) return bind_no_memory(b);
    e->kind = kind;
    e->type = type;
    e->position = position;
    e->args = args;
    e->arg_count = arg_count;
    return e;
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
        if (types == NULL) return bind_no_memory(b) != NULL;
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
    struct expr *e = bind_new(b, EXPR_CONST, sql_type_of(p->types[node->number - 1]), node->node.position, 0);
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
    struct expr *decided = bind_new(b, EXPR_CONST, target, e->position, 0);
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
    if (name->interval_fields != 0)
        return sql_error_set(b->error, b->arena, SQLSTATE_FEATURE_NOT_SUPPORTED, name->name.position,
                             "intervals restricted to some fields are not supported yet");
    bool catalog = name->name.schema != NULL && strcmp(name->name.schema, "pg_catalog") == 0;
    const struct sql_type_info *info = NULL;
    if (name->name.schema == NULL || catalog)
        info = sql_type_find_name(bytes_of_string(name->name.name), true);
    if (info == NULL && sql_type_is_known(name->name.name))
        return sql_error_set(b->error, b->arena, SQLSTATE_FEATURE_NOT_SUPPORTED, name->name.position,
                             "type \"%s\" is not supported yet", name->name.name);
    if (info == NULL)
        return sql_error_set(b->error, b->arena, SQLSTATE_UNDEFINED_OBJECT, name->name.position,
                             "type \"%s%s%s\" does not exist", name->name.schema != NULL ? name->name.schema : "",
                             name->name.schema != NULL ? "." : "", name->name.name);
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

/* Types whose texts mean the same whenever and wherever they are read: no time, no zone, no name of the catalog. */
static bool reads_alike(uint32_t oid)
{
    switch (oid) {
    case SQL_TYPE_BOOL:
    case SQL_TYPE_INT2:
    case SQL_TYPE_INT4:
    case SQL_TYPE_INT8:
    case SQL_TYPE_FLOAT4:
    case SQL_TYPE_FLOAT8:
    case SQL_TYPE_NUMERIC:
    case SQL_TYPE_TEXT:
    case SQL_TYPE_VARCHAR:
    case SQL_TYPE_BPCHAR:
    case SQL_TYPE_BYTEA:
    case SQL_TYPE_UUID: return true;
    default: return false;
    }
}

/* A bare literal becomes a value of the type at once: when it is none, that is an error of the text. */
static struct expr *cast_literal(struct binder *b, struct expr *e, struct sql_type target,
                                 enum sql_cast_context context)
{
    if (!reads_alike(target.oid) && !MUTANT("binding_keeps_passing")) b->passing = true;
    struct sql_datum out;
    if (sql_cast(b->eval, e->type.oid, target, context, &e->value, &out) != STATUS_OK) {
        sql_error_at(b->error, e->position);
        return NULL;
    }
    struct expr *cast = bind_new(b, EXPR_CONST, target, e->position, 0);
    if (cast != NULL) cast->value = out;
    return cast;
}

/* Of these, casts depend on nothing but their argument. */
static bool casts_alike(uint32_t oid)
{
    return oid == SQL_TYPE_BOOL || oid == SQL_TYPE_INT2 || oid == SQL_TYPE_INT4 || oid == SQL_TYPE_INT8 ||
           oid == SQL_TYPE_NUMERIC || oid == SQL_TYPE_TEXT || oid == SQL_TYPE_VARCHAR;
}

/* The 1 of `bigint = 1` is of the column's type at once. What cannot be cast fails when it is evaluated: that may be never. */
static bool cast_constant(struct binder *b, const struct expr *e, struct sql_type target, enum sql_cast_context context,
                          struct sql_datum *out)
{
    if (e->kind != EXPR_CONST || e->parameter != 0 || !casts_alike(e->type.oid) || !casts_alike(target.oid)) return false;
    struct sql_error aside = {.message = NULL}, *error = b->eval->error;
    b->eval->error = &aside;
    enum status status = sql_cast(b->eval, e->type.oid, target, context, &e->value, out);
    b->eval->error = error;
    return status == STATUS_OK;
}

static struct expr *cast_refused(struct binder *b, const struct expr *e, struct sql_type target,
                                 enum sql_cast_context context, const char *column)
{
    const char *to = sql_type_format(b->arena, sql_type_of(target.oid));
    const char *from = sql_type_format(b->arena, sql_type_of(e->type.oid));
    if (to == NULL || from == NULL) return bind_no_memory(b);
    uint32_t at = expr_location(e);
    if (context == SQL_CAST_EXPLICIT) {
        sql_error_set(b->error, b->arena, SQLSTATE_CANNOT_COERCE, b->cast_position != 0 ? b->cast_position : at,
                      "cannot cast type %s to %s", from, to);
    } else if (column != NULL) {
        bool kept = strcmp(b->clause, "DEFAULT expressions") == 0;
        sql_error_set(b->error, b->arena, SQLSTATE_DATATYPE_MISMATCH, kept ? 0 : at,
                      "column \"%s\" is of type %s but %sexpression is of type %s", column, to,
                      kept ? "default " : "", from);
        sql_error_hint(b->error, b->arena, "You will need to rewrite or cast the expression.");
    } else {
        sql_error_set(b->error, b->arena, SQLSTATE_DATATYPE_MISMATCH, at,
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
    if (e->kind == EXPR_CONST && e->type.oid == SQL_TYPE_UNKNOWN) {
        e = cast_literal(b, e, sql_type_of(target.oid), context);
        if (e == NULL || target.typmod == SQL_TYPMOD_NONE) return e;
    }
    struct sql_datum value;
    bool constant = cast_constant(b, e, target, context, &value);
    struct expr *cast = bind_new(b, constant ? EXPR_CONST : EXPR_CAST, target, e->position, constant ? 0 : 1);
    if (cast == NULL) return NULL;
    if (constant) {
        cast->value = value;
        return cast;
    }
    cast->context = context;
    cast->args[0] = e;
    return cast;
}

struct expr *bind_settle(struct binder *b, struct expr *e)
{
    if (e == NULL || e->type.oid != SQL_TYPE_UNKNOWN) return e;
    return bind_cast(b, e, sql_type_of(SQL_TYPE_TEXT), SQL_CAST_IMPLICIT, NULL);
}

static struct expr *condition(struct binder *b, struct expr *e, const char *clause)
{
    if (e == NULL) return NULL;
    if (e->type.oid == SQL_TYPE_BOOL) return e;
    if (e->type.oid == SQL_TYPE_UNKNOWN)
        return bind_cast(b, e, sql_type_of(SQL_TYPE_BOOL), SQL_CAST_IMPLICIT, NULL);
    const char *type = sql_type_format(b->arena, sql_type_of(e->type.oid));
    sql_error_set(b->error, b->arena, SQLSTATE_DATATYPE_MISMATCH, expr_location(e),
                  "argument of %s must be type boolean, not type %s", clause, type == NULL ? "?" : type);
    return NULL;
}

struct expr *bind_condition(struct binder *b, const struct sql_node *node, const char *clause)
{
    return condition(b, bind_expr(b, node), clause);
}

struct expr *bind_condition_kept(struct binder *b, const struct sql_node *node, const char *clause)
{
    return condition(b, bind_expr_kept(b, node), clause);
}

static struct expr *bind_const(struct binder *b, const struct sql_const *c)
{
    struct expr *e = bind_new(b, EXPR_CONST, sql_type_of(SQL_TYPE_UNKNOWN), c->node.position, 0);
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
    default: return bind_unsupported(b, &c->node, "a bit string");
    }
    return e;
}

static struct expr *bind_typecast(struct binder *b, const struct sql_cast *c)
{
    struct sql_type type;
    struct expr *arg = bind_expr(b, c->arg);
    if (arg == NULL || !bind_type(b, &c->type, &type)) return NULL;
    uint32_t before = b->cast_position;
    b->cast_position = c->node.position;
    struct expr *e = bind_cast(b, arg, type, SQL_CAST_EXPLICIT, NULL);
    b->cast_position = before;
    if (e != NULL && e != arg && e->kind == EXPR_CAST) e->position = c->node.position;
    return e;
}

static struct expr *bind_operator(struct binder *b, const struct sql_operator_expr *o)
{
    if (o->schema != NULL && strcmp(o->schema, "pg_catalog") != 0)
        return bind_unsupported(b, &o->node, "an operator of a schema");
    if (bind_is_row(o->left) || bind_is_row(o->right))
        return bind_row_comparison(b, o->name, o->left, o->right, o->node.position);
    struct expr *left = NULL;
    if (o->left != NULL) {
        left = bind_expr(b, o->left);
        if (left == NULL) return NULL;
    }
    struct expr *right = o->right == NULL ? NULL : bind_expr(b, o->right);
    return right == NULL ? NULL : bind_operator_of(b, o->name, left, right, o->node.position);
}

struct expr *bind_expr(struct binder *b, const struct sql_node *node)
{
    switch ((enum sql_node_kind)node->kind) {
    case SQL_EXPR_CONST: return bind_const(b, sql_as_const(node));
    case SQL_EXPR_COLUMN: return bind_column(b, sql_as_column(node));
    case SQL_EXPR_OPERATOR: return bind_operator(b, sql_as_operator_expr(node));
    case SQL_EXPR_AND: return bind_logic(b, sql_as_expr_list(node), EXPR_AND);
    case SQL_EXPR_OR: return bind_logic(b, sql_as_expr_list(node), EXPR_OR);
    case SQL_EXPR_NOT: return bind_not(b, bind_condition(b, sql_as_expr_unary(node)->arg, "NOT"));
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
    case SQL_EXPR_SUBQUERY: return bind_subquery(b, sql_as_subquery(node));
    case SQL_EXPR_COLLATE: return bind_unsupported(b, node, "COLLATE");
    case SQL_EXPR_ARRAY: return bind_unsupported(b, node, "an array");
    case SQL_EXPR_ROW: return bind_unsupported(b, node, "a row as a value");
    case SQL_EXPR_QUANTIFIED: return bind_quantified(b, sql_as_quantified(node));
    case SQL_EXPR_INDIRECTION: return bind_unsupported(b, node, "a subscript or field");
    default: return bind_unsupported(b, node, "this expression");
    }
}

