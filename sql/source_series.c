/* generate_series: one value after the other, never all of them. */
#include "sql/operator.h"
#include "sql/explain_int.h"
#include "sql/types_io.h"

struct source_series {
    struct source source;
    struct expr **args;      /* start, stop, perhaps step; of one type, but for the interval of moments */
    uint32_t arg_count;
    bool ordinality, done, down;
    struct sql_datum at, stop, step;
    const struct sql_operator *plus; /* but for integers */
    struct arena kept[2];    /* bounds; the value that comes next */
    int64_t number;
};

static uint32_t type_of(const struct source_series *g) { return g->args[0]->type.oid; }
static uint32_t step_type(const struct source_series *g)
{
    return g->arg_count == 3 ? g->args[2]->type.oid : type_of(g);
}

static bool refuse(struct source_series *g, const char *message)
{
    return sql_error_set(g->source.query->x->error, g->source.query->x->arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                         "%s", message);
}

/* 0 or 1 as a value of the step's type. */
static bool small_value(struct source_series *g, int64_t v, struct sql_datum *out)
{
    struct sql_datum number = sql_integer(v);
    if (step_type(g) == SQL_TYPE_INTERVAL) {
        *out = sql_interval((struct sql_interval){0});
        return true;
    }
    return sql_cast(&g->source.query->x->eval, SQL_TYPE_INT4, sql_type_of(step_type(g)), SQL_CAST_EXPLICIT, &number,
                    out) == STATUS_OK;
}

/* numeric: NaN and the infinities are no places to count from or to. */
static bool check_numbers(struct source_series *g)
{
    static const char *const names[] = {"start", "stop", "step size"};
    struct sql_eval *eval = &g->source.query->x->eval;
    const struct sql_datum *values[] = {&g->at, &g->stop, &g->step};
    for (int i = 0; i < 3 && type_of(g) == SQL_TYPE_NUMERIC; i++) {
        struct bytes text;
        if (sql_type_output(eval, SQL_TYPE_NUMERIC, values[i], &text) != STATUS_OK) return false;
        bool nan = text.size == 3 && text.data[0] == 'N';
        bool infinite = text.size > 3 && (text.data[0] == 'I' || text.data[1] == 'I');
        if (!nan && !infinite) continue;
        return refuse(g, arena_printf(g->source.query->x->arena, "%s%s cannot be %s", names[i],
                                      i < 2 ? " value" : "", nan ? "NaN" : "infinity"));
    }
    return true;
}

static bool series_open(struct source *o)
{
    struct source_series *g = (struct source_series *)o;
    struct sql_eval *eval = &o->query->x->eval;
    struct arena *before = eval->arena;
    struct sql_datum zero;
    arena_reset(&g->kept[0]);
    g->number = 0;
    g->done = false;
    eval->arena = &g->kept[0];
    bool ok = expr_eval(eval, g->args[0], o->query->row, NULL, &g->at) &&
              expr_eval(eval, g->args[1], o->query->row, NULL, &g->stop);
    if (ok) ok = g->arg_count == 3 ? expr_eval(eval, g->args[2], o->query->row, NULL, &g->step)
                                   : small_value(g, 1, &g->step);
    if (ok && (g->at.is_null || g->stop.is_null || g->step.is_null)) g->done = true;
    if (ok && !g->done) {
        ok = check_numbers(g) && small_value(g, 0, &zero);
        int sign = ok ? sql_datum_compare(step_type(g), &g->step, &zero) : 0;
        if (ok && sign == 0) ok = refuse(g, "step size cannot equal zero");
        g->down = sign < 0;
    }
    eval->arena = before;
    return ok;
}

/* at + step. An integer that has no next one is the last. */
static bool advance(struct source_series *g)
{
    struct sql_eval *eval = &g->source.query->x->eval;
    uint32_t oid = type_of(g);
    if (oid == SQL_TYPE_INT4 || oid == SQL_TYPE_INT8) {
        int64_t next;
        bool over = __builtin_add_overflow(g->at.integer, g->step.integer, &next);
        g->done = over || (oid == SQL_TYPE_INT4 && next != (int32_t)next);
        g->at.integer = next;
        return true;
    }
    struct sql_type types[2] = {sql_type_of(oid), sql_type_of(step_type(g))};
    struct sql_datum args[2] = {g->at, g->step}, sum;
    struct arena *before = eval->arena;
    eval->arena = &g->source.arena;
    bool ok = sql_operator_call(eval, g->plus, types, args, &sum) == STATUS_OK;
    eval->arena = before;
    if (!ok) return false;
    arena_reset(&g->kept[1]);
    return sql_datum_copy(&g->kept[1], oid, &sum, &g->at) == STATUS_OK ||
           sql_error_out_of_memory(g->source.query->x->error);
}

static bool series_next(struct source *o, bool *found_out)
{
    struct source_series *g = (struct source_series *)o;
    struct sql_datum *out = o->query->row + o->offset;
    *found_out = false;
    if (g->done) return true;
    int order = sql_datum_compare(type_of(g), &g->at, &g->stop);
    if (g->down ? order < 0 : order > 0) {
        g->done = true;
        return true;
    }
    arena_reset(&o->arena);
    if (sql_datum_copy(&o->arena, type_of(g), &g->at, out) != STATUS_OK)
        return sql_error_out_of_memory(o->query->x->error);
    if (g->ordinality) out[1] = sql_integer(++g->number);
    *found_out = true;
    return advance(g);
}

static void series_close(struct source *o) { (void)o; }

static void series_release(struct source *o)
{
    struct source_series *g = (struct source_series *)o;
    arena_deinit(&g->kept[0]);
    arena_deinit(&g->kept[1]);
}

static const struct source_ops series_ops = {series_open, series_next, series_close, series_release,
                                             source_explain_function};

struct source *source_of_series(struct select *s, struct expr **args, uint32_t count, bool ordinality)
{
    struct source_series *g = ARENA_NEW(s->x->arena, struct source_series);
    if (g == NULL) {
        sql_error_out_of_memory(s->x->error);
        return NULL;
    }
    source_init(&g->source, &series_ops, s);
    arena_init_part(&g->kept[0], s->x->arena, s->x->row_arena->size_max);
    arena_init_part(&g->kept[1], s->x->arena, s->x->row_arena->size_max);
    uint32_t left, right, step = count == 3 ? args[2]->type.oid : args[0]->type.oid;
    if (sql_operator_resolve(s->x->arena, BYTES_LITERAL("+"), args[0]->type.oid, step, &left, &right, &g->plus,
                             s->x->error) != STATUS_OK)
        return NULL;
    g->args = args;
    g->arg_count = count;
    g->ordinality = ordinality;
    return &g->source;
}
