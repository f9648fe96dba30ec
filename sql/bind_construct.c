/* Constructs that are neither operators nor functions. */
#include "sql/bind_int.h"

bool bind_unify(struct binder *b, const char *construct, struct expr **items, uint32_t count,
                struct sql_type *type_out)
{
    uint32_t *types = ARENA_ARRAY(b->arena, uint32_t, count + 1);
    if (types == NULL) return bind_no_memory(b) != NULL;
    for (uint32_t i = 0; i < count; i++)
        types[i] = items[i]->type.oid;
    uint32_t oid;
    if (sql_type_common(b->arena, construct, types, count, &oid, b->error) != STATUS_OK) {
        /* The first that does not go with those before it. */
        struct sql_error aside = {.message = NULL};
        uint32_t bad = 2;
        while (bad < count &&
               sql_type_common(b->arena, construct, types, bad, &oid, &aside) == STATUS_OK)
            bad++;
        sql_error_at(b->error, expr_location(items[bad - 1]));
        return false;
    }
    *type_out = sql_type_of(oid);
    for (uint32_t i = 0; i < count; i++) {
        items[i] = bind_cast(b, items[i], *type_out, SQL_CAST_IMPLICIT, NULL);
        if (items[i] == NULL) return false;
    }
    return true;
}

struct expr *bind_both(struct binder *b, enum expr_kind kind, struct expr *left, struct expr *right, uint32_t position)
{
    if (left == NULL || right == NULL) return NULL;
    struct expr *e = bind_new(b, kind, sql_type_of(SQL_TYPE_BOOL), position, 2);
    if (e == NULL) return NULL;
    e->args[0] = left;
    e->args[1] = right;
    return e;
}

struct expr *bind_not(struct binder *b, struct expr *e)
{
    if (e == NULL) return NULL;
    struct expr *not = bind_new(b, EXPR_NOT, sql_type_of(SQL_TYPE_BOOL), e->position, 1);
    if (not != NULL) not ->args[0] = e;
    return not ;
}

static struct expr *bind_list(struct binder *b, enum expr_kind kind, const struct sql_list *list,
                              uint32_t position, struct sql_type type)
{
    struct expr *e = bind_new(b, kind, type, position, list->count);
    for (uint32_t i = 0; e != NULL && i < list->count; i++) {
        e->args[i] = bind_expr(b, list->items[i]);
        if (e->args[i] == NULL) return NULL;
    }
    return e;
}

struct expr *bind_logic(struct binder *b, const struct sql_expr_list *node, enum expr_kind kind)
{
    struct expr *e =
        bind_new(b, kind, sql_type_of(SQL_TYPE_BOOL), node->node.position, node->list.count);
    for (uint32_t i = 0; e != NULL && i < node->list.count; i++) {
        e->args[i] = bind_condition(b, node->list.items[i], kind == EXPR_AND ? "AND" : "OR");
        if (e->args[i] == NULL) return NULL;
    }
    return e;
}

/* PostgreSQL compares with all items that read no column as values of one type, and with the others
 * one by one. */
static struct expr *in_values(struct binder *b, const struct sql_in *in, struct expr **items,
                              uint32_t count, uint32_t oid)
{
    struct expr *e = bind_new(b, EXPR_IN, sql_type_of(SQL_TYPE_BOOL), in->node.position, count + 1);
    if (e == NULL) return NULL;
    e->args[0] = bind_cast(b, bind_expr(b, in->left), sql_type_of(oid), SQL_CAST_IMPLICIT, NULL);
    if (e->args[0] == NULL) return NULL;
    for (uint32_t i = 0; i < count; i++) {
        e->args[i + 1] = bind_cast(b, items[i], sql_type_of(oid), SQL_CAST_IMPLICIT, NULL);
        if (e->args[i + 1] == NULL) return NULL;
    }
    return e;
}

/* The type that the left side and the items have in common, when there is one and it can be sorted.
 */
static uint32_t in_type(struct binder *b, uint32_t left, struct expr **items, uint32_t count)
{
    uint32_t oid, *types = ARENA_ARRAY(b->arena, uint32_t, count + 1);
    struct sql_error aside = {.message = NULL};
    if (types == NULL || count < 2) return 0;
    types[0] = left;
    for (uint32_t i = 0; i < count; i++)
        types[i + 1] = items[i]->type.oid;
    if (sql_type_common(b->arena, "IN", types, count + 1, &oid, &aside) != STATUS_OK) return 0;
    const struct sql_type_info *info = sql_type_find(oid);
    return info != NULL && info->can_be_key ? oid : 0;
}

struct expr *bind_in(struct binder *b, const struct sql_in *in)
{
    if (in->subquery != NULL) return bind_in_subquery(b, in);
    if (bind_is_row(in->left)) return bind_row_in(b, in);
    uint32_t count = in->list.count, plain = 0, parts = 0;
    struct expr *left = bind_expr(b, in->left);
    struct expr **items = ARENA_ARRAY(b->arena, struct expr *, count + 1);
    /* NOT IN is <> to each, for its messages' sake. */
    struct expr *any = left == NULL
                           ? NULL
                           : bind_new(b, in->negated ? EXPR_AND : EXPR_OR,
                                      sql_type_of(SQL_TYPE_BOOL), in->node.position, count);
    if (any == NULL || items == NULL) return left == NULL ? NULL : bind_no_memory(b);
    for (uint32_t i = 0, other = count; i < count; i++) { /* those without a column in front */
        struct expr *item = bind_expr(b, in->list.items[i]);
        if (item == NULL) return NULL;
        items[expr_is_constant(item) ? plain++ : --other] = item;
    }
    uint32_t oid = in_type(b, left->type.oid, items, plain);
    if (oid != 0) {
        any->args[parts] = in_values(b, in, items, plain, oid);
        if (in->negated) any->args[parts] = bind_not(b, any->args[parts]);
        if (any->args[parts++] == NULL) return NULL;
    }
    for (uint32_t i = oid != 0 ? plain : 0; i < count; i++) {
        struct expr *again = bind_expr(b, in->left);
        if (again == NULL) return NULL;
        any->args[parts] =
            bind_operator_of(b, in->negated ? "<>" : "=", again, items[i], in->node.position);
        if (any->args[parts++] == NULL) return NULL;
    }
    any->arg_count = parts;
    return parts == 1 ? any->args[0] : any;
}

static struct expr *between(struct binder *b, const struct sql_between *n,
                            const struct sql_node *low, const struct sql_node *high)
{
    struct expr *arg = bind_expr(b, n->arg), *again = bind_expr(b, n->arg);
    struct expr *l = arg == NULL ? NULL : bind_expr(b, low);
    struct expr *h = l == NULL ? NULL : bind_expr(b, high);
    if (h == NULL) return NULL;
    struct expr *above = bind_operator_of(b, ">=", arg, l, n->node.position);
    struct expr *below =
        above == NULL ? NULL : bind_operator_of(b, "<=", again, h, n->node.position);
    return bind_both(b, EXPR_AND, above, below, n->node.position);
}

struct expr *bind_between(struct binder *b, const struct sql_between *n)
{
    struct expr *e = between(b, n, n->low, n->high);
    if (n->symmetric && e != NULL)
        e = bind_both(b, EXPR_OR, e, between(b, n, n->high, n->low), n->node.position);
    return n->negated ? bind_not(b, e) : e;
}

struct expr *bind_like(struct binder *b, const struct sql_like *n)
{
    if (n->like == SQL_SIMILAR_TO) return bind_unsupported(b, &n->node, "SIMILAR TO");
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
    return bind_operator_of(b, names[n->like == SQL_ILIKE][n->negated], left, pattern,
                            n->node.position);
}

struct expr *bind_case(struct binder *b, const struct sql_case *c)
{
    uint32_t count = 2 * c->when_count + 1;
    struct expr *e = bind_new(b, EXPR_CASE, sql_type_of(SQL_TYPE_TEXT), c->node.position, count);
    if (e == NULL) return NULL;
    for (uint32_t i = 0; i < c->when_count; i++) {
        if (c->arg == NULL) {
            e->args[2 * i] = bind_condition(b, c->whens[i].condition, "CASE/WHEN");
        } else {
            struct expr *arg = bind_expr(b, c->arg);
            struct expr *value = arg == NULL ? NULL : bind_expr(b, c->whens[i].condition);
            e->args[2 * i] =
                value == NULL ? NULL : bind_operator_of(b, "=", arg, value, value->position);
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
    if (results == NULL) return bind_no_memory(b);
    results[0] = e->args[count - 1];
    for (uint32_t i = 0; i < c->when_count; i++)
        results[i + 1] = e->args[2 * i + 1];
    if (!bind_unify(b, "CASE", results, c->when_count + 1, &e->type)) return NULL;
    e->args[count - 1] = results[0];
    for (uint32_t i = 0; i < c->when_count; i++)
        e->args[2 * i + 1] = results[i + 1];
    return e;
}

struct expr *bind_unified(struct binder *b, const struct sql_expr_list *node, enum expr_kind kind,
                          const char *construct, bool negated)
{
    struct expr *e =
        bind_list(b, kind, &node->list, node->node.position, sql_type_of(SQL_TYPE_TEXT));
    if (e == NULL || !bind_unify(b, construct, e->args, e->arg_count, &e->type)) return NULL;
    e->negated = negated;
    return e;
}

/* Of the type that its first argument is compared as. */
struct expr *bind_nullif(struct binder *b, const struct sql_expr_list *node)
{
    struct expr *left = bind_expr(b, node->list.items[0]);
    struct expr *right = left == NULL ? NULL : bind_expr(b, node->list.items[1]);
    struct expr *equal =
        right == NULL ? NULL : bind_operator_of(b, "=", left, right, node->node.position);
    if (equal == NULL) return NULL;
    struct expr *e = bind_new(b, EXPR_NULLIF, equal->args[0]->type, node->node.position, 2);
    if (e == NULL) return NULL;
    e->args[0] = equal->args[0];
    e->args[1] = equal;
    return e;
}

struct expr *bind_is(struct binder *b, const struct sql_is *n)
{
    static const char *const names[][2] = {[SQL_IS_NULL] = {"", ""},
                                           [SQL_IS_TRUE] = {"IS TRUE", "IS NOT TRUE"},
                                           [SQL_IS_FALSE] = {"IS FALSE", "IS NOT FALSE"},
                                           [SQL_IS_UNKNOWN] = {"IS UNKNOWN", "IS NOT UNKNOWN"}};
    struct expr *arg = n->test == SQL_IS_NULL
                           ? bind_expr(b, n->arg)
                           : bind_condition(b, n->arg, names[n->test][n->negated]);
    if (arg == NULL) return NULL;
    struct expr *e = bind_new(b, EXPR_IS, sql_type_of(SQL_TYPE_BOOL), n->node.position, 1);
    if (e == NULL) return NULL;
    e->test = n->test;
    e->negated = n->negated;
    e->args[0] = arg;
    return e;
}

struct expr *bind_is_distinct(struct binder *b, const struct sql_is_distinct *n)
{
    if (bind_is_row(n->left) || bind_is_row(n->right)) return bind_row_distinct(b, n);
    struct expr *e = bind_new(b, EXPR_DISTINCT, sql_type_of(SQL_TYPE_BOOL), n->node.position, 2);
    if (e == NULL) return NULL;
    e->negated = n->negated;
    e->args[0] = bind_expr(b, n->left);
    e->args[1] = e->args[0] == NULL ? NULL : bind_expr(b, n->right);
    struct sql_type type;
    if (e->args[1] == NULL) return NULL;
    /* It is "=" that decides what may be compared. */
    if (bind_operator_of(b, "=", e->args[0], e->args[1], n->node.position) == NULL) return NULL;
    if (!bind_unify(b, "IS DISTINCT FROM", e->args, 2, &type)) return NULL;
    return e;
}
