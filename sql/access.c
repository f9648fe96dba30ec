/* From a condition to the keys that have to be looked at.
 *
 * Leading columns of the primary key that the condition gives values for (=, IN, OR of these) make
 * prefixes; inequalities on the column behind them narrow each prefix to a range. What comes of it
 * is a list of spans in key order that holds every row that passes; the whole condition is still
 * applied to each row. */
#include <stdlib.h>

#include "base/assert.h"
#include "sql/keycode.h"
#include "sql/query.h"

#define CONJUNCTS_MAX 256
/* Beyond, fewer columns are used, or an IN counts by its least and greatest item. */
#define SPANS_MAX 4096

struct planner {
    struct exec *x;
    struct access *a;
    const struct sql_table *table;
    struct expr **conjuncts;
    uint32_t conjunct_count;
};

/* Values that a column may have, ascending. */
struct value_set {
    struct sql_datum *values;
    uint32_t count, capacity;
};

static uint32_t collect(struct expr *e, struct expr **out, uint32_t count)
{
    if (e->kind == EXPR_AND) {
        for (uint32_t i = 0; i < e->arg_count; i++)
            count = collect(e->args[i], out, count);
    } else if (count < CONJUNCTS_MAX) {
        out[count++] = e; /* those that do not fit are still in the filter */
    }
    return count;
}

/* ---- constants as values of a column ---- */

static bool is_integer(uint32_t oid)
{
    return oid == SQL_TYPE_INT2 || oid == SQL_TYPE_INT4 || oid == SQL_TYPE_INT8;
}

/* Casts that keep the order and tell different values apart, so that a condition on the cast value
 * is one on the column. (int8 to float8 does not: large neighbours become equal.) */
static bool cast_is_transparent(const struct expr *cast)
{
    uint32_t from = cast->args[0]->type.oid, to = cast->type.oid;
    if (cast->type.typmod != SQL_TYPMOD_NONE) return false; /* may cut or round */
    switch (from) {
    case SQL_TYPE_VARCHAR: return to == SQL_TYPE_TEXT;
    case SQL_TYPE_TEXT: return to == SQL_TYPE_VARCHAR;
    case SQL_TYPE_INT2:
    case SQL_TYPE_INT4: return is_integer(to) || to == SQL_TYPE_NUMERIC || to == SQL_TYPE_FLOAT8;
    case SQL_TYPE_INT8: return to == SQL_TYPE_NUMERIC;
    default: return false;
    }
}

static const struct expr *bare_column(const struct expr *e)
{
    while (e->kind == EXPR_CAST && cast_is_transparent(e))
        e = e->args[0];
    return e->kind == EXPR_COLUMN ? e : NULL;
}

/* Its value is known before the table is looked at: a constant, or what the rows of a join give that were read
 * before (only such are in conditions that a join hands down). */
static bool is_given(const struct access *a, const struct expr *e)
{
    if (!a->joined) return expr_is_constant(e);
    if (e->kind == EXPR_COLUMN)
        return e->index < a->base || e->index >= a->base + a->table->column_count;
    if (e->kind == EXPR_AGGREGATE || (e->kind == EXPR_FUNCTION && e->function->volatility == SQL_VOLATILE))
        return false;
    for (uint32_t i = 0; i < e->arg_count; i++)
        if (!is_given(a, e->args[i])) return false;
    return true;
}

/* Where a constant lies among the values of a column's type. */
enum fit {
    FIT_EXACT, /* it is *out */
    FIT_ABOVE, /* above *out, below the next value */
    FIT_BELOW, /* below *out, above the one before */
    FIT_PAST_ALL,
    FIT_BEFORE_ALL,
    FIT_NULL,
    FIT_UNKNOWN, /* of no use */
    FIT_ERROR,
};

/* For integers: a number that is too large for the type is beyond all of its values. */
static enum fit fit_overflow(struct exec *x, uint32_t oid, const struct sql_datum *v)
{
    struct sql_datum zero, one = sql_integer(0);
    if (sql_cast_find(SQL_TYPE_INT4, oid, SQL_CAST_EXPLICIT) == SQL_CAST_NONE ||
        sql_cast(&x->eval, SQL_TYPE_INT4, sql_type_of(oid), SQL_CAST_EXPLICIT, &one, &zero) !=
            STATUS_OK)
        return FIT_UNKNOWN;
    return sql_datum_compare(oid, v, &zero) > 0 ? FIT_PAST_ALL : FIT_BEFORE_ALL;
}

/* The constant's value is cast to the column's type and back: what comes back tells where it lies.
 */
static enum fit fit_value(struct exec *x, uint32_t source, const struct sql_datum *v,
                          uint32_t target, struct sql_datum *out)
{
    struct sql_datum back;
    const struct sql_type_info *info = sql_type_find(source);
    if (info == NULL || !info->can_be_key ||
        sql_cast_find(source, target, SQL_CAST_ASSIGNMENT) == SQL_CAST_NONE ||
        sql_cast_find(target, source, SQL_CAST_ASSIGNMENT) == SQL_CAST_NONE)
        return FIT_UNKNOWN;
    bool number = is_integer(target) && info->category == SQL_CATEGORY_NUMERIC;
    if (sql_cast(&x->eval, source, sql_type_of(target), SQL_CAST_EXPLICIT, v, out) != STATUS_OK) {
        sql_error_clear(x->eval.error);
        return number ? fit_overflow(x, source, v) : FIT_UNKNOWN;
    }
    if (sql_cast(&x->eval, target, sql_type_of(source), SQL_CAST_EXPLICIT, out, &back) != STATUS_OK)
        return FIT_UNKNOWN;
    int order = sql_datum_compare(source, v, &back);
    if (order == 0) return FIT_EXACT;
    if (!number) return FIT_UNKNOWN;
    return order > 0 ? FIT_ABOVE : FIT_BELOW; /* rounding goes to the nearest */
}

static enum fit fit_integer(int64_t v, uint32_t target, struct sql_datum *out)
{
    int64_t most = target == SQL_TYPE_INT2   ? INT16_MAX
                   : target == SQL_TYPE_INT4 ? INT32_MAX
                                             : INT64_MAX;
    *out = sql_integer(v);
    return v > most ? FIT_PAST_ALL : v < -most - 1 ? FIT_BEFORE_ALL : FIT_EXACT;
}

static enum fit fit_constant(struct planner *p, const struct expr *constant, struct sql_type type,
                             struct sql_datum *out)
{
    struct exec *x = p->x;
    struct sql_datum v;
    if (constant->kind == EXPR_CONST)
        v = constant->value;
    else if (!expr_eval(&x->eval, constant, p->a->row, NULL, &v))
        return FIT_ERROR;
    if (v.is_null) return FIT_NULL;
    if (constant->type.oid == type.oid) {
        *out = v;
        return FIT_EXACT;
    }
    if (is_integer(constant->type.oid) && is_integer(type.oid))
        return fit_integer(v.integer, type.oid, out);
    struct sql_error *error = x->eval.error, aside = {.message = NULL};
    x->eval.error = &aside; /* that the value does not fit is no error of the statement */
    enum fit fit = fit_value(x, constant->type.oid, &v, type.oid, out);
    x->eval.error = error;
    return fit;
}

/* column REL constant: the relation as seen from the column, or NONE. */
static enum sql_relation condition_on(const struct planner *p, const struct expr *e, uint32_t column,
                                      const struct expr **constant_out)
{
    if (e->kind != EXPR_OPERATOR || e->arg_count != 2 || e->op->relation == SQL_RELATION_NONE)
        return SQL_RELATION_NONE;
    for (int side = 0; side < 2; side++) {
        const struct expr *c = bare_column(e->args[side]);
        if (c == NULL || c->index != p->a->base + column || !is_given(p->a, e->args[1 - side])) continue;
        *constant_out = e->args[1 - side];
        return side == 0 ? e->op->relation : sql_relation_swap(e->op->relation);
    }
    return SQL_RELATION_NONE;
}

bool access_binds(const struct expr *e, uint32_t index, const struct expr **other_out)
{
    *other_out = NULL;
    if (e->kind == EXPR_IN && e->items_sorted) {
        const struct expr *c = bare_column(e->args[0]);
        return c != NULL && c->index == index;
    }
    if (e->kind != EXPR_OPERATOR || e->arg_count != 2 || e->op->relation != SQL_RELATION_EQUAL) return false;
    for (int side = 0; side < 2; side++) {
        const struct expr *c = bare_column(e->args[side]);
        if (c == NULL || c->index != index) continue;
        *other_out = e->args[1 - side];
        return true;
    }
    return false;
}

bool access_uses(const struct sql_table *t, uint32_t base, const struct expr *filter, const struct expr *condition)
{
    struct expr *all[CONJUNCTS_MAX];
    const struct expr *other;
    uint32_t count = collect((struct expr *)(uintptr_t)filter, all, 0), column = 0;
    for (bool bound = true; bound && column < t->key_count; column += bound) {
        bound = false;
        for (uint32_t i = 0; i < count && !bound; i++) bound = access_binds(all[i], base + t->key[column], &other);
        if (bound && access_binds(condition, base + t->key[column], &other)) return true;
    }
    if (column == t->key_count || condition->kind != EXPR_OPERATOR || condition->arg_count != 2) return false;
    for (int side = 0; side < 2; side++) {
        const struct expr *c = bare_column(condition->args[side]);
        enum sql_relation relation = condition->op->relation;
        if (c != NULL && c->index == base + t->key[column] && relation != SQL_RELATION_NONE &&
            relation != SQL_RELATION_NOT_EQUAL)
            return true;
    }
    return false;
}

/* ---- columns with values ---- */

static bool set_add(struct planner *p, struct value_set *set, const struct sql_datum *v)
{
    if (set->count == set->capacity) {
        uint32_t capacity = set->capacity == 0 ? 4 : set->capacity * 2;
        struct sql_datum *values = ARENA_ARRAY(p->a->plan_arena, struct sql_datum, capacity);
        if (values == NULL) return sql_error_out_of_memory(p->x->error);
        if (set->count > 0) memcpy(values, set->values, set->count * sizeof *values);
        set->values = values;
        set->capacity = capacity;
    }
    set->values[set->count++] = *v;
    return true;
}

/* Adds one constant; *usable false when it cannot be told whether the column can have it. */
static bool set_add_constant(struct planner *p, const struct expr *constant, struct sql_type type,
                             struct value_set *set, bool *usable)
{
    struct sql_datum v;
    enum fit fit = fit_constant(p, constant, type, &v);
    if (fit == FIT_ERROR) return false;
    if (fit == FIT_UNKNOWN || set->count > SPANS_MAX) *usable = false;
    return fit != FIT_EXACT || set_add(p, set, &v);
}

/* The values that a condition leaves to a column. *usable false: it does not tell. */
static bool set_of(struct planner *p, const struct expr *e, uint32_t column, struct value_set *set,
                   bool *usable)
{
    struct sql_type type = p->table->columns[column].type;
    const struct expr *constant;
    if (e->kind == EXPR_OR) {
        for (uint32_t i = 0; i < e->arg_count && *usable; i++)
            if (!set_of(p, e->args[i], column, set, usable)) return false;
        return true;
    }
    if (e->kind == EXPR_IN && e->items_sorted) {
        const struct expr *c = bare_column(e->args[0]);
        *usable = c != NULL && c->index == p->a->base + column && e->arg_count - 1 <= SPANS_MAX;
        for (uint32_t i = 1; i < e->arg_count && *usable; i++)
            if (!set_add_constant(p, e->args[i], type, set, usable)) return false;
        return true;
    }
    *usable = condition_on(p, e, column, &constant) == SQL_RELATION_EQUAL;
    return !*usable || set_add_constant(p, constant, type, set, usable);
}

static int compare_values(const void *a, const void *b, void *ctx)
{
    return sql_datum_compare(*(const uint32_t *)ctx, a, b);
}

static void set_sort(struct value_set *set, uint32_t oid)
{
    bool sorted = true; /* an IN with constants is */
    for (uint32_t i = 1; sorted && i < set->count; i++)
        sorted = sql_datum_compare(oid, &set->values[i - 1], &set->values[i]) < 0;
    if (sorted) return;
    qsort_r(set->values, set->count, sizeof *set->values, compare_values, &oid);
    uint32_t kept = 1;
    for (uint32_t i = 1; i < set->count; i++)
        if (sql_datum_compare(oid, &set->values[i], &set->values[kept - 1]) != 0)
            set->values[kept++] = set->values[i];
    set->count = kept;
}

/* The smallest set that some conjunct gives; *found false: none does. */
static bool find_set(struct planner *p, uint32_t column, struct value_set *best, bool *found)
{
    *found = false;
    for (uint32_t i = 0; i < p->conjunct_count; i++) {
        struct value_set set = {.count = 0};
        bool usable = true;
        if (!set_of(p, p->conjuncts[i], column, &set, &usable)) return false;
        if (!usable) continue;
        set_sort(&set, p->table->columns[column].type.oid);
        if (!*found || set.count < best->count) *best = set;
        *found = true;
    }
    return true;
}

/* ---- the column behind them ---- */

struct bound {
    bool given, inclusive;
    struct sql_datum value;
};

static void tighten(struct bound *b, uint32_t oid, const struct sql_datum *v, bool inclusive,
                    bool lower)
{
    int order = b->given ? sql_datum_compare(oid, v, &b->value) : 0;
    if (!lower) order = -order;
    if (b->given && (order < 0 || (order == 0 && !b->inclusive))) return;
    if (b->given && order == 0 && inclusive) return;
    *b = (struct bound){true, inclusive, *v};
}

static bool bound_by(struct planner *p, enum sql_relation relation, const struct expr *constant,
                     uint32_t column, struct bound *lower, struct bound *upper)
{
    struct sql_type type = p->table->columns[column].type;
    bool up = relation == SQL_RELATION_GREATER || relation == SQL_RELATION_GREATER_EQUAL;
    bool inclusive = relation == SQL_RELATION_GREATER_EQUAL || relation == SQL_RELATION_LESS_EQUAL;
    struct sql_datum v;
    switch (fit_constant(p, constant, type, &v)) {
    case FIT_ERROR: return false;
    case FIT_UNKNOWN: return true;
    case FIT_NULL: p->a->empty = true; return true;
    case FIT_PAST_ALL: p->a->empty |= up; return true;
    case FIT_BEFORE_ALL: p->a->empty |= !up; return true;
    case FIT_EXACT: break;
    case FIT_ABOVE: inclusive = !up; break;
    case FIT_BELOW: inclusive = up; break;
    }
    tighten(up ? lower : upper, type.oid, &v, inclusive, up);
    return true;
}

static bool find_bounds(struct planner *p, uint32_t column, struct bound *lower,
                        struct bound *upper)
{
    for (uint32_t i = 0; i < p->conjunct_count; i++) {
        const struct expr *e = p->conjuncts[i], *constant;
        if (e->kind == EXPR_IN && e->items_sorted && e->arg_count > 1) { /* too long to be a set */
            const struct expr *c = bare_column(e->args[0]);
            if (c == NULL || c->index != p->a->base + column) continue;
            if (!bound_by(p, SQL_RELATION_GREATER_EQUAL, e->args[1], column, lower, upper) ||
                !bound_by(p, SQL_RELATION_LESS_EQUAL, e->args[e->arg_count - 1], column, lower,
                          upper))
                return false;
            continue;
        }
        enum sql_relation relation = condition_on(p, e, column, &constant);
        if (relation == SQL_RELATION_NONE || relation == SQL_RELATION_NOT_EQUAL ||
            relation == SQL_RELATION_EQUAL)
            continue;
        if (!bound_by(p, relation, constant, column, lower, upper)) return false;
    }
    return true;
}

/* ---- spans ---- */

/* parts[0 .. count - 1], and behind all keys that begin so when past. False: no such key can be. */
static bool edge(struct planner *p, const struct sql_datum *parts, uint32_t count, bool past,
                 struct bytes *out)
{
    struct buf *key = p->x->key;
    buf_reset(key);
    if (catalog_key_prefix(p->table, parts, count, key) != STATUS_OK) return false;
    if (past && !sql_key_successor(key)) return false;
    *out = arena_copy(p->a->plan_arena, buf_view(key));
    if (out->data == NULL) sql_error_out_of_memory(p->x->error);
    return out->data != NULL;
}

static bool add_span(struct planner *p, struct sql_datum *parts, uint32_t count,
                     const struct bound *lower, const struct bound *upper)
{
    struct access *a = p->a;
    struct key_span span = {.point = count > 0 && count == p->table->key_count};
    bool fits = edge(p, parts, count, false, &span.start);
    if (fits && !span.point) fits = edge(p, parts, count, true, &span.end);
    if (sql_error_is_set(p->x->error)) return false;
    if (!fits) return true; /* longer than any key: no row has it */
    struct bytes narrower;
    if (lower->given) {
        parts[count] = lower->value;
        if (edge(p, parts, count + 1, !lower->inclusive, &narrower)) span.start = narrower;
    }
    if (upper->given) {
        parts[count] = upper->value;
        if (edge(p, parts, count + 1, upper->inclusive, &narrower)) span.end = narrower;
    }
    if (sql_error_is_set(p->x->error)) return false;
    if (span.point || bytes_compare(span.start, span.end) < 0) a->spans[a->span_count++] = span;
    return true;
}

/* Every combination of the sets' values, in order. */
static bool add_spans(struct planner *p, const struct value_set *sets, uint32_t count,
                      const struct bound *lower, const struct bound *upper)
{
    struct sql_datum parts[SQL_KEY_COLUMNS_MAX + 1];
    uint32_t at[SQL_KEY_COLUMNS_MAX] = {0};
    for (;;) {
        for (uint32_t i = 0; i < count; i++)
            parts[i] = sets[i].values[at[i]];
        if (!add_span(p, parts, count, lower, upper)) return false;
        uint32_t place = count;
        while (place > 0 && ++at[place - 1] == sets[place - 1].count)
            at[--place] = 0;
        if (place == 0) return true;
    }
}

static bool plan_spans(struct planner *p)
{
    const struct sql_table *t = p->table;
    struct access *a = p->a;
    struct value_set sets[SQL_KEY_COLUMNS_MAX];
    uint32_t count = 0, product = 1;
    for (; count < t->key_count; count++) {
        bool found;
        if (!find_set(p, t->key[count], &sets[count], &found)) return false;
        if (!found) break;
        if (sets[count].count == 0) a->empty = true;
        if (a->empty || (uint64_t)product * sets[count].count > SPANS_MAX) break;
        product *= sets[count].count;
        a->fixed[count] = sets[count].count == 1;
    }
    struct bound lower = {.given = false}, upper = {.given = false};
    if (!a->empty && count < t->key_count && !find_bounds(p, t->key[count], &lower, &upper))
        return false;
    if (a->empty) return true;
    a->spans = ARENA_ARRAY(p->a->plan_arena, struct key_span, product);
    if (a->spans == NULL) return sql_error_out_of_memory(p->x->error);
    return add_spans(p, sets, count, &lower, &upper);
}

bool access_replan(struct exec *x, struct access *a)
{
    if (a->filter != NULL && a->filter->kind == EXPR_CONST) {
        a->empty = a->filter->value.is_null || !a->filter->value.boolean;
        a->filter = NULL;
    }
    struct planner p = {.x = x, .a = a, .table = a->table};
    p.conjuncts = arena_alloc(a->plan_arena, CONJUNCTS_MAX * sizeof(struct expr *));
    if (p.conjuncts == NULL) return sql_error_out_of_memory(x->error);
    if (a->filter != NULL) p.conjunct_count = collect(a->filter, p.conjuncts, 0);
    for (uint32_t i = 0; i < p.conjunct_count; i++) /* false or null: it holds for no row */
        if (p.conjuncts[i]->kind == EXPR_CONST) a->empty = true;
    struct arena *before = x->eval.arena;
    x->eval.arena = a->plan_arena;
    bool ok = a->empty || a->table->from != NULL || plan_spans(&p);
    x->eval.arena = before;
    return ok;
}

bool access_plan(struct exec *x, struct access *a, const struct sql_table *table,
                 struct expr *filter)
{
    *a = (struct access){.table = table, .filter = filter, .plan_arena = x->arena, .row_arena = x->row_arena};
    a->values = a->row = ARENA_ARRAY(x->arena, struct sql_datum, table->column_count + 1);
    if (a->values == NULL) return sql_error_out_of_memory(x->error);
    return access_replan(x, a);
}
