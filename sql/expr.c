/* Bound expressions: what can be said of them without a row. */
#include "sql/expr.h"

#include <stdlib.h>

#include "base/assert.h"
#include "sql/sort.h"

uint32_t expr_location(const struct expr *e)
{
    uint32_t location = e->position;
    switch (e->kind) {
    case EXPR_OPERATOR:
    case EXPR_FUNCTION:
    case EXPR_CAST:
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_NOT:
    case EXPR_IS:
    case EXPR_IN:
    case EXPR_DISTINCT:
    case EXPR_NULLIF: break;
    default: return location;
    }
    for (uint32_t i = 0; i < e->arg_count; i++) {
        uint32_t at = expr_location(e->args[i]);
        if (at != 0 && (at < location || location == 0)) location = at;
    }
    return location;
}

bool expr_has_subquery(const struct expr *e)
{
    bool has = e->kind == EXPR_SUBQUERY;
    for (uint32_t i = 0; i < e->arg_count && !has; i++) has = expr_has_subquery(e->args[i]);
    return has;
}

bool expr_is_volatile(const struct expr *e)
{
    if (e->kind == EXPR_FUNCTION && e->function->volatility == SQL_VOLATILE) return true;
    for (uint32_t i = 0; i < e->arg_count; i++)
        if (expr_is_volatile(e->args[i])) return true;
    return false;
}

bool expr_is_constant(const struct expr *e)
{
    if (e->kind == EXPR_COLUMN || e->kind == EXPR_AGGREGATE) return false;
    if (e->kind == EXPR_FUNCTION && e->function->volatility == SQL_VOLATILE) return false;
    for (uint32_t i = 0; i < e->arg_count; i++)
        if (!expr_is_constant(e->args[i])) return false;
    return true;
}

static bool is_value(const struct expr *e)
{
    return e->kind == EXPR_CONST || e->kind == EXPR_PARAMETER;
}

static bool same_type(const struct expr *a, const struct expr *b)
{
    return a->type.oid == b->type.oid && a->type.typmod == b->type.typmod;
}

bool expr_equal(const struct expr *a, const struct expr *b)
{
    /* One parameter has one value, whether it stands there yet or not. */
    if (is_value(a) && is_value(b) && (a->parameter != 0 || b->parameter != 0))
        return a->parameter == b->parameter && same_type(a, b);
    if (a->kind != b->kind || !same_type(a, b) ||
        a->arg_count != b->arg_count || a->negated != b->negated || a->test != b->test ||
        a->index != b->index || a->op != b->op || a->function != b->function || a->slot != b->slot ||
        a->subquery != b->subquery)
        return false;
    if (a->kind == EXPR_CONST) {
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

/* ---- folding ---- */

static bool is_true(const struct expr *e)
{
    return e->kind == EXPR_CONST && !e->value.is_null && e->value.boolean;
}
static bool is_false(const struct expr *e)
{
    return e->kind == EXPR_CONST && !e->value.is_null && !e->value.boolean;
}

static void become_constant(struct expr *e, struct sql_datum value)
{
    e->kind = EXPR_CONST;
    e->value = value;
    e->arg_count = 0;
}

/* An operand that decides ends the work, so that `false AND 1 / 0 = 1` is false. One that cannot
 * matter goes. */
static bool fold_logic(struct sql_eval *eval, struct expr *e)
{
    bool decides = e->kind == EXPR_OR;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < e->arg_count; i++) {
        struct expr *arg = e->args[i];
        if (!expr_fold(eval, arg)) return false;
        if (decides ? is_true(arg) : is_false(arg)) {
            become_constant(e, sql_boolean(decides));
            return true;
        }
        if (!(decides ? is_false(arg) : is_true(arg))) e->args[kept++] = arg;
    }
    e->arg_count = kept;
    if (kept == 0)
        become_constant(e, sql_boolean(!decides));
    else if (kept == 1)
        *e = *e->args[0];
    return true;
}

/* A branch behind a false condition goes unseen; one behind a true condition is the last. */
static bool fold_case(struct sql_eval *eval, struct expr *e)
{
    uint32_t kept = 0;
    struct expr *otherwise = e->args[e->arg_count - 1];
    for (uint32_t i = 0; i + 1 < e->arg_count; i += 2) {
        struct expr *condition = e->args[i], *result = e->args[i + 1];
        if (!expr_fold(eval, condition)) return false;
        if (is_true(condition)) {
            otherwise = result;
            break;
        }
        if (condition->kind == EXPR_CONST) continue; /* false or null */
        if (!expr_fold(eval, result)) return false;
        e->args[kept++] = condition;
        e->args[kept++] = result;
    }
    if (!expr_fold(eval, otherwise)) return false;
    e->args[kept++] = otherwise;
    e->arg_count = kept;
    if (kept == 1) *e = *otherwise;
    return true;
}

static bool fold_coalesce(struct sql_eval *eval, struct expr *e)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < e->arg_count; i++) {
        struct expr *arg = e->args[i];
        if (!expr_fold(eval, arg)) return false;
        if (arg->kind == EXPR_CONST && arg->value.is_null) continue;
        e->args[kept++] = arg;
        if (arg->kind == EXPR_CONST) break;
    }
    e->arg_count = kept;
    if (kept == 0)
        become_constant(e, SQL_NULL);
    else if (kept == 1)
        *e = *e->args[0];
    return true;
}

static int compare_items(const void *a, const void *b, void *ctx)
{
    const struct expr *const *x = a, *const *y = b;
    return sql_datum_compare(*(const uint32_t *)ctx, &(*x)->value, &(*y)->value);
}

static bool sort_items(struct sql_eval *eval, struct expr *e)
{
    uint32_t oid = e->args[0]->type.oid, kept = 1;
    for (uint32_t i = 1; i < e->arg_count; i++)
        if (e->args[i]->kind != EXPR_CONST) return true;
    for (uint32_t i = 1; i < e->arg_count; i++) {
        if (e->args[i]->value.is_null)
            e->has_null_item = true;
        else
            e->args[kept++] = e->args[i];
    }
    if (sql_sort(eval, eval->arena, e->args + 1, kept - 1, sizeof *e->args, compare_items, &oid) != STATUS_OK) return false;
    uint32_t unique = kept < 2 ? kept : 2;
    for (uint32_t i = 2; i < kept; i++)
        if (compare_items(&e->args[i], &e->args[unique - 1], &oid) != 0)
            e->args[unique++] = e->args[i];
    e->arg_count = unique;
    e->items_sorted = true;
    return true;
}

static bool all_constant(const struct expr *e)
{
    for (uint32_t i = 0; i < e->arg_count; i++)
        if (e->args[i]->kind != EXPR_CONST) return false;
    return true;
}

/* What is strict is NULL as soon as one argument is, whatever the others would do. */
static bool null_decides(const struct expr *e)
{
    bool strict = e->kind == EXPR_OPERATOR || e->kind == EXPR_CAST ||
                  (e->kind == EXPR_FUNCTION && e->function->strict);
    for (uint32_t i = 0; strict && i < e->arg_count; i++)
        if (e->args[i]->kind == EXPR_CONST && e->args[i]->value.is_null) return true;
    return false;
}

bool expr_fold(struct sql_eval *eval, struct expr *e)
{
    if (e->shared) return true;
    switch (e->kind) {
    case EXPR_CONST:
    case EXPR_PARAMETER:
    case EXPR_COLUMN:
    case EXPR_OUTER:
    case EXPR_AGGREGATE: return true;
    case EXPR_AND:
    case EXPR_OR: return fold_logic(eval, e);
    case EXPR_CASE: return fold_case(eval, e);
    case EXPR_COALESCE: return fold_coalesce(eval, e);
    default: break;
    }
    for (uint32_t i = 0; i < e->arg_count; i++)
        if (!expr_fold(eval, e->args[i])) return false;
    if (e->kind == EXPR_IN && !e->items_sorted && !sort_items(eval, e)) return false;
    if (null_decides(e)) {
        become_constant(e, SQL_NULL);
        return true;
    }
    if (!all_constant(e) || e->kind == EXPR_SUBQUERY || (e->kind == EXPR_FUNCTION && e->function->volatility == SQL_VOLATILE))
        return true;
    struct sql_datum value;
    if (!expr_eval(eval, e, NULL, NULL, &value)) return false;
    become_constant(e, value);
    return true;
}

bool expr_may_fold(const struct expr *e)
{
    uint32_t values = 0, conditions = 0;
    if (is_value(e) || e->kind == EXPR_COLUMN || e->kind == EXPR_OUTER || e->kind == EXPR_AGGREGATE) return false;
    for (uint32_t i = 0; i < e->arg_count; i++) {
        if (expr_may_fold(e->args[i])) return true;
        values += is_value(e->args[i]);
        conditions += is_value(e->args[i]) && i % 2 == 0 && i + 1 < e->arg_count;
    }
    switch (e->kind) {
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_COALESCE: return values > 0 || e->arg_count < 2;
    case EXPR_CASE: return conditions > 0;
    case EXPR_IN: return values > 0; /* sorted */
    default: return values == e->arg_count || null_decides(e);
    }
}
