/* Queries within expressions: a scalar, EXISTS, IN, ANY and ALL.
 *
 * What a query takes from the one around it becomes arguments of the expression, over the row around; they are put
 * into slots before it is opened. One that takes nothing is run once, and its answer kept. */
#include "sql/bind_int.h"
#include "sql/explain_int.h"

enum subquery_kind { SUBQUERY_SCALAR = 1, SUBQUERY_EXISTS, SUBQUERY_ANY, SUBQUERY_ALL };

struct subquery {
    enum subquery_kind kind;
    struct exec *x;
    struct select *query;
    bool answered;            /* it takes nothing from around, and its answer is known: */
    struct sql_datum value;   /* of a scalar, of EXISTS */
    struct row_table rows;    /* of ANY and ALL */
    bool has_null;
    struct sql_datum *row;    /* of ANY and ALL: the row that is compared */
    struct sql_type *types;
    uint32_t width;
};

/* ---- binding ---- */

static struct expr *refuse_subquery(struct binder *b, uint32_t position)
{
    sql_error_set(b->error, b->arena, SQLSTATE_FEATURE_NOT_SUPPORTED, position, "cannot use subquery in %s",
                  b->no_subquery != NULL ? b->no_subquery : "this expression");
    return NULL;
}

static struct subquery *subquery_new(struct binder *b, enum subquery_kind kind, const struct sql_select *node)
{
    struct subquery *q = ARENA_NEW(b->arena, struct subquery);
    if (q == NULL) return (void *)bind_no_memory(b);
    q->kind = kind;
    q->x = b->x;
    q->query = select_child(b, b, node, true);
    if (q->query == NULL) return NULL;
    if (b->x->changes && !b->x->describe && !b->x->has_start) {
        b->x->start = txn_mark(b->x->txn);
        b->x->has_start = true;
    }
    q->query->exists_only = kind == SUBQUERY_EXISTS;
    q->width = kind == SUBQUERY_EXISTS ? 0 : q->query->target_count;
    return select_finish(q->query) ? q : NULL;
}

/* The expression itself. test: of ANY and ALL. */
static struct expr *subquery_expr(struct binder *b, struct subquery *q, struct sql_type type, struct expr *test,
                                  uint32_t position)
{
    uint32_t at = 0, count = q->query->binder.outer_count + (test != NULL);
    struct expr *e = bind_new(b, EXPR_SUBQUERY, type, position, count);
    if (e == NULL) return NULL;
    for (struct outer *o = q->query->binder.outers; o != NULL; o = o->next) e->args[at++] = o->value;
    if (test != NULL) e->args[at++] = test;
    ASSERT(at == count);
    e->subquery = q;
    return e;
}

struct expr *bind_subquery(struct binder *b, const struct sql_subquery *n)
{
    if (b->x == NULL) return refuse_subquery(b, n->node.position);
    if (n->subquery == SQL_SUBQUERY_ARRAY) return bind_unsupported(b, &n->node, "an array");
    bool exists = n->subquery == SQL_SUBQUERY_EXISTS;
    struct subquery *q = subquery_new(b, exists ? SUBQUERY_EXISTS : SUBQUERY_SCALAR, n->query);
    if (q == NULL) return NULL;
    if (!exists && q->width != 1) {
        sql_error_set(b->error, b->arena, SQLSTATE_SYNTAX_ERROR, n->node.position,
                      "subquery must return only one column");
        return NULL;
    }
    struct sql_type type = exists ? sql_type_of(SQL_TYPE_BOOL) : q->query->columns[0].type;
    return subquery_expr(b, q, type, NULL, n->node.position);
}

/* left op the subquery's column, or both rows column by column. */
static struct expr *comparison(struct binder *b, struct subquery *q, const char *op, const struct sql_node *left,
                               uint32_t position)
{
    const struct sql_node *const *fields = &left;
    uint32_t count = 1;
    if (left->kind == SQL_EXPR_ROW) {
        fields = sql_as_row(left)->fields.items;
        count = sql_as_row(left)->fields.count;
    }
    if (count != q->width) {
        sql_error_set(b->error, b->arena, SQLSTATE_SYNTAX_ERROR, position, "subquery has too %s columns",
                      count < q->width ? "many" : "few");
        return NULL;
    }
    bool unequal = strcmp(op, "<>") == 0;
    if (count > 1 && !unequal && strcmp(op, "=") != 0) return bind_unsupported(b, left, "this comparison of rows");
    struct expr *test = bind_new(b, unequal ? EXPR_OR : EXPR_AND, sql_type_of(SQL_TYPE_BOOL), position, count);
    q->row = ARENA_ARRAY(b->arena, struct sql_datum, count + 1);
    q->types = ARENA_ARRAY(b->arena, struct sql_type, count + 1);
    if (test == NULL || q->row == NULL || q->types == NULL) return bind_no_memory(b);
    for (uint32_t i = 0; i < count; i++) {
        struct expr *value = bind_expr(b, fields[i]);
        q->types[i] = q->query->columns[i].type;
        struct expr *column = value == NULL ? NULL : bind_new(b, EXPR_OUTER, q->types[i], position, 0);
        if (column == NULL) return NULL;
        column->slot = &q->row[i];
        test->args[i] = bind_operator_of(b, op, value, column, position);
        if (test->args[i] == NULL) return NULL;
        if (test->args[i]->type.oid != SQL_TYPE_BOOL) {
            sql_error_set(b->error, b->arena, SQLSTATE_DATATYPE_MISMATCH, position,
                          "row comparison operator must yield type boolean, not type %s",
                          sql_type_format(b->arena, test->args[i]->type));
            return NULL;
        }
    }
    return count == 1 ? test->args[0] : test;
}

static struct expr *bind_compared(struct binder *b, enum subquery_kind kind, const char *op,
                                  const struct sql_node *left, const struct sql_select *query, uint32_t position)
{
    if (b->x == NULL) return refuse_subquery(b, position);
    struct subquery *q = subquery_new(b, kind, query);
    if (q == NULL) return NULL;
    struct expr *test = comparison(b, q, op, left, position);
    return test == NULL ? NULL : subquery_expr(b, q, sql_type_of(SQL_TYPE_BOOL), test, position);
}

struct expr *bind_in_subquery(struct binder *b, const struct sql_in *in)
{
    struct expr *e = bind_compared(b, SUBQUERY_ANY, "=", in->left, in->subquery, in->node.position);
    return in->negated ? bind_not(b, e) : e;
}

/* left op ANY (ARRAY[..]): with each of them. */
static struct expr *bind_quantified_list(struct binder *b, const struct sql_quantified *q)
{
    const struct sql_list *list = &sql_as_expr_list(q->array)->list;
    struct expr *e = bind_new(b, q->all ? EXPR_AND : EXPR_OR, sql_type_of(SQL_TYPE_BOOL), q->node.position,
                              list->count);
    for (uint32_t i = 0; e != NULL && i < list->count; i++) {
        struct expr *left = bind_expr(b, q->left);
        struct expr *right = left == NULL ? NULL : bind_expr(b, list->items[i]);
        e->args[i] = right == NULL ? NULL : bind_operator_of(b, q->name, left, right, q->node.position);
        if (e->args[i] == NULL) return NULL;
    }
    return e;
}

struct expr *bind_quantified(struct binder *b, const struct sql_quantified *q)
{
    if (q->schema != NULL && strcmp(q->schema, "pg_catalog") != 0)
        return bind_unsupported(b, &q->node, "an operator of a schema");
    if (q->subquery != NULL)
        return bind_compared(b, q->all ? SUBQUERY_ALL : SUBQUERY_ANY, q->name, q->left, q->subquery,
                             q->node.position);
    if (q->array->kind == SQL_EXPR_ARRAY && sql_as_expr_list(q->array)->list.count > 0)
        return bind_quantified_list(b, q);
    return bind_unsupported(b, &q->node, "ANY and ALL of an array");
}

const char *explain_subquery(struct explain *e, const struct select *s, const struct expr *expr)
{
    const struct subquery *q = expr->subquery;
    bool alone = q->query->binder.outer_count == 0, compared = q->kind == SUBQUERY_ANY || q->kind == SUBQUERY_ALL;
    const char *name = arena_printf(e->x->arena, "%s %u", alone && !compared ? "InitPlan" : "SubPlan",
                                    ++e->subplan_count);
    struct explain_node *n = e->at == NULL ? NULL : explain_query(e, e->at, q->query);
    if (n != NULL) {
        n->relation = alone && !compared ? "InitPlan" : "SubPlan";
        n->subplan = name;
    }
    if (q->kind == SUBQUERY_EXISTS) return arena_printf(e->x->arena, "EXISTS(%s)", name);
    if (!compared) return arena_printf(e->x->arena, "(%s)", name);
    return arena_printf(e->x->arena, "(%s %s (%s%s))", explain_text(e, s, expr->args[expr->arg_count - 1]),
                        q->kind == SUBQUERY_ANY ? "ANY" : "ALL", alone ? "hashed " : "", name);
}

/* ---- evaluation ---- */

static bool eval_scalar(struct subquery *q, struct arena *arena, struct sql_datum *out)
{
    const struct sql_datum *values;
    *out = SQL_NULL;
    if (!query_open(q->query) || !query_next(q->query, &values)) return false;
    bool exists = values != NULL, ok = true;
    if (q->kind == SUBQUERY_EXISTS) {
        *out = sql_boolean(exists);
    } else if (exists) {
        if (!values[0].is_null &&
            sql_datum_copy(arena, q->query->columns[0].type.oid, &values[0], out) != STATUS_OK)
            return sql_error_out_of_memory(q->x->error);
        ok = query_next(q->query, &values);
        if (ok && values != NULL)
            ok = sql_error_set(q->x->error, q->x->arena, SQLSTATE_CARDINALITY_VIOLATION, 0,
                               "more than one row returned by a subquery used as an expression");
    }
    query_close(q->query);
    return ok;
}

/* Reads all rows of a query that takes nothing from around it, once. */
static bool keep_rows(struct subquery *q)
{
    const struct sql_datum *values;
    row_table_init(&q->rows, q->x->arena, q->types, q->width);
    if (!query_open(q->query)) return false;
    while (query_next(q->query, &values)) {
        if (values == NULL) {
            query_close(q->query);
            q->answered = true;
            return true;
        }
        bool null = false;
        for (uint32_t i = 0; i < q->width; i++) null |= values[i].is_null;
        uint64_t hash = row_hash(q->types, values, q->width);
        if (row_table_find_equal(&q->rows, values, hash) != NULL) continue;
        if (row_table_add(&q->rows, values, hash) == NULL) return sql_error_out_of_memory(q->x->error);
        q->has_null |= null;
    }
    return false;
}

/* One comparison; *decided_out: the others do not matter. */
static bool compare_one(const struct subquery *q, struct sql_eval *eval, const struct expr *test,
                        const struct sql_datum *row, const struct sql_datum *aggregates, struct sql_datum *out,
                        bool *decided_out)
{
    struct sql_datum v;
    if (!expr_eval(eval, test, row, aggregates, &v)) return false;
    *decided_out = !v.is_null && v.boolean == (q->kind == SUBQUERY_ANY);
    if (*decided_out) *out = sql_boolean(v.boolean);
    else if (v.is_null) *out = SQL_NULL;
    return true;
}

/* A row that was kept is found by its hash when equality with one column is asked for. */
static bool can_look_up(const struct subquery *q, const struct expr *test)
{
    return q->kind == SUBQUERY_ANY && q->width == 1 && test->kind == EXPR_OPERATOR &&
           test->op->relation == SQL_RELATION_EQUAL && test->args[1]->kind == EXPR_OUTER &&
           test->args[1]->slot == q->row && from_key_type(test->args[0]->type.oid, q->types[0].oid) != 0;
}

static bool look_up(const struct subquery *q, struct sql_eval *eval, const struct expr *test,
                    const struct sql_datum *row, const struct sql_datum *aggregates, struct sql_datum *out)
{
    struct sql_datum v;
    if (!expr_eval(eval, test->args[0], row, aggregates, &v)) return false;
    if (q->rows.count == 0) {
        *out = sql_boolean(false);
    } else if (v.is_null) {
        *out = SQL_NULL;
    } else {
        struct sql_type type = sql_type_of(from_key_type(test->args[0]->type.oid, q->types[0].oid));
        uint64_t hash = row_hash(&type, &v, 1);
        const struct row_entry *e = NULL;
        bool found = false;
        while (!found && (e = row_table_find(&q->rows, hash, e)) != NULL) found = row_equal(&type, &v, e->values, 1);
        *out = found ? sql_boolean(true) : q->has_null ? SQL_NULL : sql_boolean(false);
    }
    return true;
}

static bool eval_kept(struct subquery *q, struct sql_eval *eval, const struct expr *test,
                      const struct sql_datum *row, const struct sql_datum *aggregates, struct sql_datum *out)
{
    bool decided = false;
    if (!q->answered && !keep_rows(q)) return false;
    if (can_look_up(q, test)) return look_up(q, eval, test, row, aggregates, out);
    for (uint32_t i = 0; i < q->rows.count && !decided; i++) {
        memcpy(q->row, q->rows.rows[i].values, q->width * sizeof *q->row);
        if (!compare_one(q, eval, test, row, aggregates, out, &decided)) return false;
    }
    return true;
}

static bool eval_compared(struct subquery *q, struct sql_eval *eval, const struct expr *test,
                          const struct sql_datum *row, const struct sql_datum *aggregates, struct sql_datum *out)
{
    const struct sql_datum *values;
    bool decided = false;
    *out = sql_boolean(q->kind == SUBQUERY_ALL);
    if (q->query->binder.outer_count == 0) return eval_kept(q, eval, test, row, aggregates, out);
    if (!query_open(q->query)) return false;
    while (!decided) {
        if (!query_next(q->query, &values)) return false;
        if (values == NULL) break;
        memcpy(q->row, values, q->width * sizeof *q->row);
        if (!compare_one(q, eval, test, row, aggregates, out, &decided)) return false;
    }
    query_close(q->query);
    return true;
}

static bool evaluate(struct sql_eval *eval, const struct expr *e, const struct sql_datum *row,
                     const struct sql_datum *aggregates, struct sql_datum *out)
{
    struct subquery *q = e->subquery;
    bool alone = q->query->binder.outer_count == 0;
    if (!select_take_outers(q->query, row, aggregates)) return false;
    if (q->kind == SUBQUERY_ANY || q->kind == SUBQUERY_ALL)
        return eval_compared(q, eval, e->args[e->arg_count - 1], row, aggregates, out);
    if (!q->answered) {
        if (!eval_scalar(q, alone ? q->x->arena : eval->arena, &q->value)) return false;
        q->answered = alone;
    }
    *out = q->value;
    return true;
}

bool subquery_eval(struct sql_eval *eval, const struct expr *e, const struct sql_datum *row,
                   const struct sql_datum *aggregates, struct sql_datum *out)
{
    struct exec *x = e->subquery->x;
    if (!x->has_start) return evaluate(eval, e, row, aggregates, out);
    if (!MUTANT("subquery_sees_changes")) txn_view(x->txn, &x->start);
    bool ok = evaluate(eval, e, row, aggregates, out);
    txn_view(x->txn, NULL);
    return ok;
}
