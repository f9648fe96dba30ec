/* Sources: tables, queries in FROM, WITH, VALUES, functions. */
#include "sql/explain_int.h"

void source_init(struct source *o, const struct source_ops *ops, struct select *query)
{
    o->ops = ops;
    o->query = query;
    o->made_before = query->made;
    query->made = o;
    arena_init_part(&o->arena, query->x->arena, query->x->arena->size_max);
}

bool source_open(struct source *o)
{
    source_close(o);
    o->is_open = true;
    o->loops++;
    return o->ops->open(o);
}

bool source_passes(struct source *o, const struct expr *condition, bool *passes_out)
{
    struct sql_eval *eval = &o->query->x->eval;
    struct arena *before = eval->arena;
    struct sql_datum v;
    eval->arena = &o->arena;
    bool ok = expr_eval(eval, condition, o->query->row, NULL, &v);
    eval->arena = before;
    if (ok) *passes_out = !v.is_null && v.boolean;
    return ok;
}

bool source_next(struct source *o, bool *found_out)
{
    ASSERT(o->is_open);
    bool passes = false;
    while (!passes) {
        if (!exec_breathe(o->query->x)) return false;
        if (!o->ops->next(o, found_out)) return false;
        if (!*found_out) return true;
        passes = o->filter == NULL || source_is_table(o); /* the access has applied it */
        if (!passes && !source_passes(o, o->filter, &passes)) return false;
    }
    o->rows++;
    return true;
}

void source_close(struct source *o)
{
    if (!o->is_open) return;
    o->is_open = false;
    o->ops->close(o);
}

static void close_nothing(struct source *o) { (void)o; }

static struct sql_datum *part_of(const struct source *o) { return o->query->row + o->offset; }

static struct source *no_memory(struct select *s)
{
    sql_error_out_of_memory(s->x->error);
    return NULL;
}

/* ---- a table ---- */

struct source_table {
    struct source source;
    struct access access;
    struct arena plan_arena; /* of what was planned for the values of the row at its opening */
    struct key_span found;   /* opened at one key */
    struct bytes value;
};

static struct access access_of(struct source *o)
{
    struct source_table *t = (struct source_table *)o;
    return (struct access){.table = o->table, .filter = o->filter, .values = part_of(o), .row = o->query->row,
                           .base = o->offset, .joined = true, .row_arena = &o->arena, .plan_arena = &t->plan_arena};
}

static bool table_open(struct source *o)
{
    struct source_table *t = (struct source_table *)o;
    arena_reset(&t->plan_arena);
    t->access = access_of(o);
    return access_replan(o->query->x, &t->access);
}

bool source_find_key(struct source *o, struct arena *arena, struct bytes *key_out)
{
    struct source_table *t = (struct source_table *)o;
    *key_out = BYTES_EMPTY;
    if (!table_open(o)) return false;
    if (t->access.empty || t->access.span_count != 1 || !t->access.spans[0].point) return true;
    *key_out = arena_copy(arena, t->access.spans[0].start);
    return key_out->data != NULL || sql_error_out_of_memory(o->query->x->error);
}

void source_open_at(struct source *o, struct bytes key, struct bytes value)
{
    struct source_table *t = (struct source_table *)o;
    source_close(o);
    o->is_open = true;
    o->loops++;
    t->found = (struct key_span){.start = key, .point = true};
    t->value = value;
    t->access = access_of(o);
    t->access.spans = &t->found;
    t->access.ahead = &t->value;
    t->access.span_count = t->access.ahead_count = 1;
}

static bool table_next(struct source *o, bool *found_out)
{
    struct source_table *t = (struct source_table *)o;
    if (!access_next(o->query->x, &t->access, found_out)) return false;
    if (!o->keyed || !*found_out) return true;
    struct bytes key = arena_copy(&o->arena, t->access.key);
    part_of(o)[o->count - 1] = sql_bytes(key);
    return key.data != NULL || sql_error_out_of_memory(o->query->x->error);
}

static void table_close(struct source *o)
{
    access_close(&((struct source_table *)o)->access);
}

static void table_release(struct source *o)
{
    arena_deinit(&((struct source_table *)o)->plan_arena);
}

static void table_explain(struct explain *e, struct explain_node *above, const struct source *o)
{
    explain_table(e, above, o->query, o->table, o->alias, o->offset, o->filter, o);
}

static const struct source_ops table_ops = {table_open, table_next, table_close, table_release, table_explain};

struct source *source_of_table(struct select *s, const struct sql_table *table)
{
    struct source_table *t = ARENA_NEW(s->x->arena, struct source_table);
    if (t == NULL) return no_memory(s);
    source_init(&t->source, &table_ops, s);
    arena_init_part(&t->plan_arena, s->x->arena, s->x->arena->size_max);
    t->source.table = table;
    return &t->source;
}

bool source_is_table(const struct source *o) { return o->ops == &table_ops; }

/* ---- a query ---- */

struct source_query {
    struct source source;
    struct select *child;
};

static bool query_source_open(struct source *o)
{
    struct select *child = ((struct source_query *)o)->child;
    return select_take_outers(child, o->query->row, NULL) && query_open(child);
}

static bool query_source_next(struct source *o, bool *found_out)
{
    const struct sql_datum *values;
    arena_reset(&o->arena);
    if (!query_next(((struct source_query *)o)->child, &values)) return false;
    *found_out = values != NULL;
    if (*found_out && o->count > 0) memcpy(part_of(o), values, o->count * sizeof *values);
    return true;
}

static void query_source_close(struct source *o)
{
    query_close(((struct source_query *)o)->child);
}

/* What is scanned under a name. */
static struct explain_node *scan_node(struct explain *e, struct explain_node *above, const struct source *o,
                                      const char *type)
{
    struct explain_node *n = explain_node(e, above, type);
    if (n == NULL) return NULL;
    n->title = arena_printf(e->x->arena, "%s on %s", type, o->alias);
    n->rows = &o->rows;
    n->loops = &o->loops;
    explain_condition(e, n, "Filter", o->query, o->filter);
    return n;
}

static void query_explain(struct explain *e, struct explain_node *above, const struct source *o)
{
    struct explain_node *n = scan_node(e, above, o, "Subquery Scan");
    if (n != NULL) explain_query(e, n, ((const struct source_query *)o)->child);
}

static const struct source_ops query_ops = {query_source_open, query_source_next, query_source_close, NULL,
                                            query_explain};

struct source *source_of_query(struct select *s, struct select *child)
{
    struct source_query *q = ARENA_NEW(s->x->arena, struct source_query);
    if (q == NULL) return no_memory(s);
    source_init(&q->source, &query_ops, s);
    q->child = child;
    return &q->source;
}

const struct select *source_child(const struct source *o)
{
    return o->ops == &query_ops ? ((const struct source_query *)o)->child : NULL;
}

/* ---- WITH: read once, kept when several read it ---- */

struct source_cte {
    struct source source;
    struct cte *cte;
    uint32_t at;
};

static bool cte_open(struct source *o)
{
    struct source_cte *c = (struct source_cte *)o;
    c->at = 0;
    if (c->cte->started && c->cte->uses > 1) return true;
    c->cte->started = true;
    c->cte->complete = false;
    struct select *q = c->cte->query;
    return select_take_outers(q, NULL, NULL) && query_open(q);
}

/* Whoever comes to the end of what was read reads on for all. */
static bool cte_next(struct source *o, bool *found_out)
{
    struct source_cte *c = (struct source_cte *)o;
    struct cte *cte = c->cte;
    const struct sql_datum *values = NULL;
    arena_reset(&o->arena);
    if (cte->uses > 1 && c->at < cte->rows.count) {
        values = cte->rows.rows[c->at].values;
    } else if (!cte->complete) {
        if (!query_next(cte->query, &values)) return false;
        cte->complete = values == NULL;
        if (values != NULL && cte->uses > 1 && row_table_add(&cte->rows, values, 0) == NULL)
            return sql_error_out_of_memory(o->query->x->error);
    }
    c->at++;
    *found_out = values != NULL;
    if (*found_out && o->count > 0) memcpy(part_of(o), values, o->count * sizeof *values);
    return true;
}

static void cte_explain(struct explain *e, struct explain_node *above, const struct source *o)
{
    struct explain_node *n = scan_node(e, above, o, "CTE Scan");
    if (n != NULL) explain_add(e, n, "CTE Name", "%s", ((const struct source_cte *)o)->cte->name);
}

static const struct source_ops cte_ops = {cte_open, cte_next, close_nothing, NULL, cte_explain};

struct source *source_of_cte(struct select *s, struct cte *cte)
{
    struct source_cte *c = ARENA_NEW(s->x->arena, struct source_cte);
    if (c == NULL) return no_memory(s);
    source_init(&c->source, &cte_ops, s);
    c->cte = cte;
    cte->uses++;
    return &c->source;
}

/* ---- VALUES ---- */

struct source_values {
    struct source source;
    struct expr ***rows;
    uint32_t row_count, at;
};

static bool values_open(struct source *o)
{
    ((struct source_values *)o)->at = 0;
    return true;
}

static bool values_next(struct source *o, bool *found_out)
{
    struct source_values *v = (struct source_values *)o;
    struct sql_eval *eval = &o->query->x->eval;
    struct arena *before = eval->arena;
    bool ok = true;
    *found_out = v->at < v->row_count;
    arena_reset(&o->arena);
    eval->arena = &o->arena;
    for (uint32_t i = 0; ok && *found_out && i < o->count; i++)
        ok = expr_eval(eval, v->rows[v->at][i], NULL, NULL, &part_of(o)[i]);
    eval->arena = before;
    v->at++;
    return ok;
}

static void values_explain(struct explain *e, struct explain_node *above, const struct source *o)
{
    struct explain_node *n = scan_node(e, above, o, "Values Scan");
    if (n != NULL) explain_add(e, n, "Values", "%u", ((const struct source_values *)o)->row_count);
}

static const struct source_ops values_ops = {values_open, values_next, close_nothing, NULL, values_explain};

struct source *source_of_values(struct select *s, struct expr ***rows, uint32_t row_count, uint32_t width)
{
    struct source_values *v = ARENA_NEW(s->x->arena, struct source_values);
    if (v == NULL) return no_memory(s);
    source_init(&v->source, &values_ops, s);
    v->source.count = width;
    v->rows = rows;
    v->row_count = row_count;
    return &v->source;
}

/* ---- a function: one row ---- */

struct source_call {
    struct source source;
    struct expr *call;
    bool ordinality, done;
};

static bool call_open(struct source *o)
{
    ((struct source_call *)o)->done = false;
    return true;
}

static bool call_next(struct source *o, bool *found_out)
{
    struct source_call *c = (struct source_call *)o;
    struct sql_eval *eval = &o->query->x->eval;
    struct arena *before = eval->arena;
    *found_out = !c->done;
    if (c->done) return true;
    c->done = true;
    arena_reset(&o->arena);
    eval->arena = &o->arena;
    bool ok = expr_eval(eval, c->call, o->query->row, NULL, &part_of(o)[0]);
    eval->arena = before;
    if (c->ordinality) part_of(o)[1] = sql_integer(1);
    return ok;
}

void source_explain_function(struct explain *e, struct explain_node *above, const struct source *o)
{
    scan_node(e, above, o, "Function Scan");
}

static const struct source_ops call_ops = {call_open, call_next, close_nothing, NULL, source_explain_function};

struct source *source_of_call(struct select *s, struct expr *call, bool ordinality)
{
    struct source_call *c = ARENA_NEW(s->x->arena, struct source_call);
    if (c == NULL) return no_memory(s);
    source_init(&c->source, &call_ops, s);
    c->call = call;
    c->ordinality = ordinality;
    return &c->source;
}
