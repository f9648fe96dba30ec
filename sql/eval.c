#include "sql/expr.h"

#include "base/assert.h"

#define ARGS_ON_STACK 8

static bool eval_args(struct sql_eval *eval, const struct expr *e, const struct sql_datum *row,
                      const struct sql_datum *aggregates, struct sql_datum *args)
{
    for (uint32_t i = 0; i < e->arg_count; i++)
        if (!expr_eval(eval, e->args[i], row, aggregates, &args[i])) return false;
    return true;
}

static struct sql_datum *args_for(struct sql_eval *eval, const struct expr *e, struct sql_datum *stack)
{
    if (e->arg_count <= ARGS_ON_STACK) return stack;
    return sql_eval_alloc(eval, e->arg_count * sizeof(struct sql_datum));
}

static bool eval_call(struct sql_eval *eval, const struct expr *e, const struct sql_datum *row,
                      const struct sql_datum *aggregates, struct sql_datum *out)
{
    struct sql_datum stack[ARGS_ON_STACK];
    struct sql_datum *args = args_for(eval, e, stack);
    if (args == NULL || !eval_args(eval, e, row, aggregates, args)) return false;
    enum status status;
    if (e->kind == EXPR_OPERATOR) {
        status = sql_operator_call(eval, e->op, e->arg_types, args, out);
    } else {
        struct sql_call call = {.args = args, .types = e->arg_types, .count = e->arg_count,
                                .result = e->type.oid};
        status = sql_function_call(eval, e->function, &call, out);
    }
    return status == STATUS_OK;
}

/* SQL:2016 6.39: unknown when not decided by one operand. `decides` is what ends the evaluation. */
static bool eval_logic(struct sql_eval *eval, const struct expr *e, bool decides,
                       const struct sql_datum *row, const struct sql_datum *aggregates,
                       struct sql_datum *out)
{
    bool unknown = false;
    for (uint32_t i = 0; i < e->arg_count; i++) {
        struct sql_datum v;
        if (!expr_eval(eval, e->args[i], row, aggregates, &v)) return false;
        if (v.is_null) unknown = true;
        else if (v.boolean == decides) {
            *out = sql_boolean(decides);
            return true;
        }
    }
    *out = unknown ? SQL_NULL : sql_boolean(!decides);
    return true;
}

static bool eval_is(struct sql_eval *eval, const struct expr *e, const struct sql_datum *row,
                    const struct sql_datum *aggregates, struct sql_datum *out)
{
    struct sql_datum v;
    if (!expr_eval(eval, e->args[0], row, aggregates, &v)) return false;
    bool yes = false;
    switch (e->test) {
    case SQL_IS_NULL:
    case SQL_IS_UNKNOWN: yes = v.is_null; break;
    case SQL_IS_TRUE: yes = !v.is_null && v.boolean; break;
    case SQL_IS_FALSE: yes = !v.is_null && !v.boolean; break;
    }
    *out = sql_boolean(yes != e->negated);
    return true;
}

/* args: both sides, cast to one type. */
static bool eval_distinct(struct sql_eval *eval, const struct expr *e, const struct sql_datum *row,
                          const struct sql_datum *aggregates, struct sql_datum *out)
{
    struct sql_datum v[2];
    if (!eval_args(eval, e, row, aggregates, v)) return false;
    bool distinct = v[0].is_null != v[1].is_null;
    if (!v[0].is_null && !v[1].is_null)
        distinct = sql_datum_compare(e->args[0]->type.oid, &v[0], &v[1]) != 0;
    *out = sql_boolean(distinct != e->negated);
    return true;
}

static bool eval_case(struct sql_eval *eval, const struct expr *e, const struct sql_datum *row,
                      const struct sql_datum *aggregates, struct sql_datum *out)
{
    ASSERT(e->arg_count % 2 == 1);
    for (uint32_t i = 0; i + 1 < e->arg_count; i += 2) {
        struct sql_datum condition;
        if (!expr_eval(eval, e->args[i], row, aggregates, &condition)) return false;
        if (!condition.is_null && condition.boolean)
            return expr_eval(eval, e->args[i + 1], row, aggregates, out);
    }
    return expr_eval(eval, e->args[e->arg_count - 1], row, aggregates, out);
}

static bool eval_coalesce(struct sql_eval *eval, const struct expr *e, const struct sql_datum *row,
                          const struct sql_datum *aggregates, struct sql_datum *out)
{
    *out = SQL_NULL;
    for (uint32_t i = 0; i < e->arg_count && out->is_null; i++)
        if (!expr_eval(eval, e->args[i], row, aggregates, out)) return false;
    return true;
}

static bool eval_nullif(struct sql_eval *eval, const struct expr *e, const struct sql_datum *row,
                        const struct sql_datum *aggregates, struct sql_datum *out)
{
    struct sql_datum equal;
    if (!expr_eval(eval, e->args[0], row, aggregates, out)) return false;
    if (!expr_eval(eval, e->args[1], row, aggregates, &equal)) return false;
    if (!equal.is_null && equal.boolean) *out = SQL_NULL;
    return true;
}

/* Unknown when nothing is equal and something is null. */
static bool eval_in(struct sql_eval *eval, const struct expr *e, const struct sql_datum *row,
                    const struct sql_datum *aggregates, struct sql_datum *out)
{
    struct sql_datum value;
    uint32_t oid = e->args[0]->type.oid;
    bool found = false, unknown = e->has_null_item;
    if (!expr_eval(eval, e->args[0], row, aggregates, &value)) return false;
    if (value.is_null) {
        *out = SQL_NULL;
        return true;
    }
    if (e->items_sorted) {
        uint32_t low = 1, high = e->arg_count;
        while (low < high && !found) {
            uint32_t middle = low + (high - low) / 2;
            int order = sql_datum_compare(oid, &value, &e->args[middle]->value);
            found = order == 0;
            if (order < 0) high = middle;
            else low = middle + 1;
        }
    } else {
        for (uint32_t i = 1; i < e->arg_count && !found; i++) {
            struct sql_datum item;
            if (!expr_eval(eval, e->args[i], row, aggregates, &item)) return false;
            if (item.is_null) unknown = true;
            else found = sql_datum_compare(oid, &value, &item) == 0;
        }
    }
    *out = found ? sql_boolean(true) : unknown ? SQL_NULL : sql_boolean(false);
    return true;
}

static bool eval_extreme(struct sql_eval *eval, const struct expr *e, const struct sql_datum *row,
                         const struct sql_datum *aggregates, struct sql_datum *out)
{
    *out = SQL_NULL;
    for (uint32_t i = 0; i < e->arg_count; i++) {
        struct sql_datum v;
        if (!expr_eval(eval, e->args[i], row, aggregates, &v)) return false;
        if (v.is_null) continue;
        int order = out->is_null ? 1 : sql_datum_compare(e->type.oid, &v, out);
        if (out->is_null || (e->negated ? order < 0 : order > 0)) *out = v;
    }
    return true;
}

static bool eval_cast(struct sql_eval *eval, const struct expr *e, const struct sql_datum *row,
                      const struct sql_datum *aggregates, struct sql_datum *out)
{
    struct sql_datum v;
    if (!expr_eval(eval, e->args[0], row, aggregates, &v)) return false;
    enum status status = sql_cast(eval, e->args[0]->type.oid, e->type, e->context, &v, out);
    return status == STATUS_OK;
}

bool expr_eval(struct sql_eval *eval, const struct expr *e, const struct sql_datum *row,
               const struct sql_datum *aggregates, struct sql_datum *out)
{
    switch (e->kind) {
    case EXPR_CONST: *out = e->value; return true;
    case EXPR_PARAMETER: *out = eval->parameters[e->parameter - 1]; return true;
    case EXPR_COLUMN: *out = row[e->index]; return true;
    case EXPR_AGGREGATE: *out = aggregates[e->index]; return true;
    case EXPR_OUTER: *out = *e->slot; return true;
    case EXPR_SUBQUERY: return subquery_eval(eval, e, row, aggregates, out);
    case EXPR_OPERATOR:
    case EXPR_FUNCTION: return eval_call(eval, e, row, aggregates, out);
    case EXPR_CAST: return eval_cast(eval, e, row, aggregates, out);
    case EXPR_AND: return eval_logic(eval, e, false, row, aggregates, out);
    case EXPR_OR: return eval_logic(eval, e, true, row, aggregates, out);
    case EXPR_NOT: {
        struct sql_datum v;
        if (!expr_eval(eval, e->args[0], row, aggregates, &v)) return false;
        *out = v.is_null ? SQL_NULL : sql_boolean(!v.boolean);
        return true;
    }
    case EXPR_IS: return eval_is(eval, e, row, aggregates, out);
    case EXPR_DISTINCT: return eval_distinct(eval, e, row, aggregates, out);
    case EXPR_CASE: return eval_case(eval, e, row, aggregates, out);
    case EXPR_COALESCE: return eval_coalesce(eval, e, row, aggregates, out);
    case EXPR_NULLIF: return eval_nullif(eval, e, row, aggregates, out);
    case EXPR_IN: return eval_in(eval, e, row, aggregates, out);
    case EXPR_EXTREME: return eval_extreme(eval, e, row, aggregates, out);
    }
    UNREACHABLE();
}
