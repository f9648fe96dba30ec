/* INSERT. */
#include <string.h>

#include "base/assert.h"
#include "sql/write.h"

struct insert {
    struct exec *x;
    const struct sql_insert *node;
    const struct sql_table *table;
    struct binder binder;      /* of VALUES */
    struct select *query;      /* the source, when it is not VALUES */
    struct expr **exprs;       /* of VALUES, row by row; NULL: DEFAULT. Of a query: over its rows */
    uint32_t width;
    struct writer writer;
    uint32_t *places;          /* of the columns that are given */
    uint32_t place_count;
    bool *given;               /* per column: the row has its value, or its default is due */
    struct sql_datum *values;  /* of one row */
    struct conflict conflict;
    struct returning returning;
    uint64_t count;
};

/* ---- columns ---- */

static bool target_columns(struct insert *s)
{
    const struct sql_insert *n = s->node;
    struct exec *x = s->x;
    s->place_count = n->column_count == 0 ? s->table->column_count : n->column_count;
    for (uint32_t i = 0; i < s->place_count; i++) {
        s->places[i] = i;
        if (n->column_count == 0) continue;
        const struct sql_set_target *c = &n->columns[i];
        if (c->steps.count > 0) return exec_unsupported(x, c->position, "a part of a column");
        if (!write_find_column(x, s->table, c->column, c->position, &s->places[i])) return false;
        for (uint32_t k = 0; k < i; k++)
            if (s->places[k] == s->places[i])
                return sql_error_set(x->error, x->arena, SQLSTATE_DUPLICATE_COLUMN, c->position,
                                     "column \"%s\" specified more than once", c->column);
    }
    return true;
}

/* A row may be shorter than the table, but only where no columns are named. position: of the first column too many. */
static bool check_width(struct insert *s, uint32_t width, uint32_t position)
{
    const struct sql_insert *n = s->node;
    struct exec *x = s->x;
    if (width > s->place_count)
        return sql_error_set(x->error, x->arena, SQLSTATE_SYNTAX_ERROR, position,
                             "INSERT has more expressions than target columns");
    if (n->column_count > 0 && width < s->place_count)
        return sql_error_set(x->error, x->arena, SQLSTATE_SYNTAX_ERROR,
                             n->columns[width].position,
                             "INSERT has more target columns than expressions");
    return true;
}

/* ---- a row, whatever it comes from ---- */

/* s->values has what was given. */
static bool add_row(struct insert *s)
{
    struct exec *x = s->x;
    for (uint32_t i = 0; i < s->table->column_count; i++)
        if (!s->given[i] && !writer_default(x, &s->writer, i, &s->values[i])) return false;
    if (s->conflict.action != SQL_CONFLICT_NONE)
        return conflict_propose(x, &s->conflict, &s->writer, s->values);
    if (!writer_insert(x, &s->writer, s->values)) return false;
    s->count++;
    return returning_row(x, &s->returning, s->values);
}

/* ---- VALUES ---- */

static bool bind_row(struct insert *s, const struct sql_list *row, uint32_t width, struct expr **out)
{
    struct exec *x = s->x;
    if (row->count != width)
        return sql_error_set(x->error, x->arena, SQLSTATE_SYNTAX_ERROR,
                             row->count > 0 ? row->items[0]->position : 0,
                             "VALUES lists must all be the same length");
    for (uint32_t i = 0; i < row->count; i++) {
        const struct sql_node *node = row->items[i];
        if (node->kind == SQL_EXPR_DEFAULT) continue;
        const struct sql_table_column *c = &s->table->columns[s->places[i]];
        out[i] = bind_cast(&s->binder, bind_expr_kept(&s->binder, node), c->type, SQL_CAST_ASSIGNMENT, c->name);
        if (out[i] == NULL) return false;
    }
    return true;
}

static bool bind_rows(struct insert *s)
{
    const struct sql_select *source = s->node->source;
    const struct sql_list *first = &source->rows[0];
    uint32_t width = first->count;
    if (!check_width(s, width, width > s->place_count ? first->items[s->place_count]->position : 0)) return false;
    struct expr **exprs = ARENA_ARRAY(s->x->arena, struct expr *, (size_t)source->row_count * width + 1);
    if (exprs == NULL) return sql_error_out_of_memory(s->x->error);
    exec_binder(s->x, &s->binder);
    s->binder.clause = "VALUES";
    s->binder.scope.hidden = s->table;
    for (uint32_t i = 0; i < source->row_count; i++)
        if (!bind_row(s, &source->rows[i], width, exprs + (size_t)i * width)) return false;
    s->exprs = exprs;
    s->width = width;
    return true;
}

static bool run_rows(struct insert *s)
{
    for (uint32_t row = 0; row < s->node->source->row_count; row++) {
        memset(s->given, 0, s->table->column_count * sizeof s->given[0]);
        for (uint32_t i = 0; i < s->width; i++) {
            const struct expr *e = s->exprs[(size_t)row * s->width + i];
            if (e == NULL) continue;
            if (!expr_eval(&s->x->eval, e, NULL, NULL, &s->values[s->places[i]])) return false;
            s->given[s->places[i]] = true;
        }
        if (!add_row(s)) return false;
    }
    return true;
}

/* ---- a query ---- */

/* Where the expression of an output column stands; 0: nowhere, or not known. */
static uint32_t target_position(const struct sql_select *n, uint32_t at)
{
    if (n->op == SQL_SELECT_VALUES) return at < n->rows[0].count ? n->rows[0].items[at]->position : 0;
    if (n->op != SQL_SELECT_PLAIN) return 0;
    for (uint32_t i = 0; i < n->targets.count; i++) {
        const struct sql_node *e = n->targets.items[i].expr;
        if (e->kind == SQL_EXPR_COLUMN && sql_as_column(e)->star) return i == at ? e->position : 0;
        if (i == at) return e->position;
    }
    return 0;
}

/* What the query's columns become: casts over its rows. */
static bool bind_query_casts(struct insert *s, const struct sql_result_column *columns, uint32_t count)
{
    struct exec *x = s->x;
    exec_binder(x, &s->binder);
    s->width = count;
    s->exprs = ARENA_ARRAY(x->arena, struct expr *, count + 1);
    if (s->exprs == NULL) return sql_error_out_of_memory(x->error);
    for (uint32_t i = 0; i < count; i++) {
        const struct sql_table_column *c = &s->table->columns[s->places[i]];
        struct expr *e = ARENA_NEW(x->arena, struct expr);
        if (e == NULL) return sql_error_out_of_memory(x->error);
        *e = (struct expr){.kind = EXPR_COLUMN, .type = columns[i].type, .index = i,
                           .position = target_position(s->node->source, i)};
        s->exprs[i] = bind_cast(&s->binder, e, c->type, SQL_CAST_ASSIGNMENT, c->name);
        if (s->exprs[i] == NULL) return false;
    }
    return true;
}

static bool bind_source(struct insert *s)
{
    struct exec *x = s->x;
    struct sql_type *want = ARENA_ARRAY(x->arena, struct sql_type, s->place_count + 1);
    if (want == NULL) return sql_error_out_of_memory(x->error);
    for (uint32_t i = 0; i < s->place_count; i++) want[i] = s->table->columns[s->places[i]].type;
    s->query = query_bind(x, s->node->source, want, s->place_count);
    if (s->query == NULL) return false;
    uint32_t count;
    const struct sql_result_column *columns = query_columns(s->query, &count);
    return check_width(s, count, target_position(s->node->source, s->place_count)) &&
           bind_query_casts(s, columns, count);
}

/* The rows are gathered before the first is written: the query must not meet them. */
static bool run_query(struct insert *s)
{
    struct exec *x = s->x;
    const struct sql_datum *row;
    s->writer.deferred = true;
    for (uint32_t i = 0; i < s->width; i++) s->given[s->places[i]] = true;
    if (!query_open(s->query)) return false;
    bool ok;
    x->eval.arena = x->row_arena;
    while ((ok = query_next(s->query, &row)) && row != NULL) {
        for (uint32_t i = 0; ok && i < s->width; i++)
            ok = expr_eval(&x->eval, s->exprs[i], row, NULL, &s->values[s->places[i]]);
        if (!ok || !(ok = add_row(s))) break;
    }
    x->eval.arena = x->arena;
    query_close(s->query);
    return ok;
}

/* ---- the statement ---- */

static bool check_supported(struct exec *x, const struct sql_insert *n)
{
    if (n->with.count > 0) return exec_unsupported(x, n->with.position, "WITH");
    if (n->overriding != SQL_OVERRIDING_NONE) return exec_unsupported(x, n->node.position, "OVERRIDING");
    return true;
}

/* VALUES alone, which may say DEFAULT. */
static bool is_plain_values(const struct sql_select *n)
{
    return n->op == SQL_SELECT_VALUES && n->order_by.count == 0 && n->limit == NULL && n->offset == NULL &&
           n->locking_count == 0 && n->with.count == 0;
}

static bool open_insert(struct insert *s)
{
    struct exec *x = s->x;
    uint32_t columns = s->table->column_count;
    s->places = ARENA_ARRAY(x->arena, uint32_t, columns + s->node->column_count + 1);
    s->given = ARENA_ARRAY(x->arena, bool, columns + 1);
    s->values = ARENA_ARRAY(x->arena, struct sql_datum, columns + 1);
    if (s->places == NULL || s->given == NULL || s->values == NULL) return sql_error_out_of_memory(x->error);
    return writer_open(x, &s->writer, s->table) && target_columns(s);
}

/* ON CONFLICT and RETURNING, which see the table under its alias. */
static bool bind_behind(struct insert *s)
{
    struct binder b;
    exec_binder(s->x, &b);
    b.scope = (struct scope){.table = s->table,
                             .alias = s->node->alias != NULL ? s->node->alias : s->node->table.name};
    return conflict_bind(s->x, &s->conflict, s->node, s->table) &&
           returning_bind(s->x, &s->returning, &b, &s->node->returning);
}

static bool finish(struct insert *s)
{
    struct exec *x = s->x;
    bool ok = s->conflict.action == SQL_CONFLICT_NONE
                  ? writer_flush(x, &s->writer)
                  : conflict_run(x, &s->conflict, &s->writer, &s->returning, &s->count);
    if (ok) exec_tag(x, "INSERT 0 ", s->count);
    return ok;
}

static bool insert_values(struct insert *s)
{
    return bind_rows(s) && bind_behind(s) && (s->x->describe || (run_rows(s) && finish(s)));
}

static bool insert_defaults(struct insert *s)
{
    return bind_behind(s) && (s->x->describe || (add_row(s) && finish(s)));
}

static bool insert_query(struct insert *s)
{
    return bind_source(s) && bind_behind(s) && (s->x->describe || (run_query(s) && finish(s)));
}

bool exec_insert(struct exec *x, const struct sql_insert *n)
{
    if (!check_supported(x, n)) return false;
    struct insert s = {.x = x, .node = n, .table = exec_table_to_write(x, &n->table)};
    if (s.table == NULL || !open_insert(&s)) return false;
    if (n->source == NULL) return insert_defaults(&s);
    return is_plain_values(n->source) ? insert_values(&s) : insert_query(&s);
}
