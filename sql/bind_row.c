/* Comparisons of rows, column by column: (a, b) = (1, 2), (a, b) < (1, 2), (a, b) IN ((1, 2), (3, 4)). */
#include "sql/bind_int.h"

static struct expr *compare_fields(struct binder *b, const char *op, const struct sql_node *left,
                                   const struct sql_node *right, uint32_t position)
{
    struct expr *l = bind_expr(b, left);
    struct expr *r = l == NULL ? NULL : bind_expr(b, right);
    return r == NULL ? NULL : bind_operator_of(b, op, l, r, position);
}

/* One by one from the last: (a, b) < (c, d) is a < c OR (a = c AND b < d). */
static struct expr *compare_order(struct binder *b, const char *op, const struct sql_list *left,
                                  const struct sql_list *right, uint32_t position)
{
    const char strict[2] = {op[0], 0};
    uint32_t at = left->count - 1;
    struct expr *e = compare_fields(b, op, left->items[at], right->items[at], position);
    while (e != NULL && at-- > 0) {
        struct expr *less = compare_fields(b, strict, left->items[at], right->items[at], position);
        struct expr *same = less == NULL ? NULL : compare_fields(b, "=", left->items[at], right->items[at], position);
        e = bind_both(b, EXPR_OR, less, bind_both(b, EXPR_AND, same, e, position), position);
    }
    return e;
}

bool bind_is_row(const struct sql_node *node) { return node != NULL && node->kind == SQL_EXPR_ROW; }

struct expr *bind_row_comparison(struct binder *b, const char *op, const struct sql_node *left,
                                 const struct sql_node *right, uint32_t position)
{
    static const char *const orders[] = {"<", "<=", ">", ">="};
    if (!bind_is_row(left) || !bind_is_row(right))
        return bind_unsupported(b, bind_is_row(left) ? left : right, "a row as a value");
    const struct sql_list *l = &sql_as_row(left)->fields, *r = &sql_as_row(right)->fields;
    if (l->count != r->count) {
        sql_error_set(b->error, b->arena, SQLSTATE_SYNTAX_ERROR, position,
                      "unequal number of entries in row expressions");
        return NULL;
    }
    if (l->count == 0) {
        sql_error_set(b->error, b->arena, SQLSTATE_FEATURE_NOT_SUPPORTED, position,
                      "cannot compare rows of zero length");
        return NULL;
    }
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        if (strcmp(op, orders[i]) == 0) return compare_order(b, op, l, r, position);
    bool equal = strcmp(op, "=") == 0;
    if (!equal && strcmp(op, "<>") != 0) return bind_unsupported(b, left, "this comparison of rows");
    struct expr *e = compare_fields(b, op, l->items[0], r->items[0], position);
    for (uint32_t i = 1; e != NULL && i < l->count; i++)
        e = bind_both(b, equal ? EXPR_AND : EXPR_OR, e, compare_fields(b, op, l->items[i], r->items[i], position),
                    position);
    return e;
}

struct expr *bind_row_in(struct binder *b, const struct sql_in *in)
{
    struct expr *e = NULL;
    for (uint32_t i = 0; i < in->list.count; i++) {
        struct expr *one = bind_row_comparison(b, in->negated ? "<>" : "=", in->left, in->list.items[i],
                                               in->node.position);
        if (one == NULL) return NULL;
        e = e == NULL ? one : bind_both(b, in->negated ? EXPR_AND : EXPR_OR, e, one, in->node.position);
        if (e == NULL) return NULL;
    }
    return e;
}

/* Rows differ when any of their fields do. */
struct expr *bind_row_distinct(struct binder *b, const struct sql_is_distinct *n)
{
    if (!bind_is_row(n->left) || !bind_is_row(n->right))
        return bind_unsupported(b, bind_is_row(n->left) ? n->left : n->right, "a row as a value");
    const struct sql_list *l = &sql_as_row(n->left)->fields, *r = &sql_as_row(n->right)->fields;
    struct expr *e = NULL;
    if (l->count != r->count || l->count == 0) {
        sql_error_set(b->error, b->arena, SQLSTATE_SYNTAX_ERROR, n->node.position,
                      "unequal number of entries in row expressions");
        return NULL;
    }
    for (uint32_t i = 0; i < l->count; i++) {
        struct sql_is_distinct field = *n;
        field.left = l->items[i];
        field.right = r->items[i];
        struct expr *one = bind_is_distinct(b, &field);
        e = i == 0 ? one : bind_both(b, n->negated ? EXPR_AND : EXPR_OR, e, one, n->node.position);
        if (e == NULL) return NULL;
    }
    return e;
}
