/* VALUES; UNION, INTERSECT and EXCEPT. */
#include "sql/bind_int.h"
#include "sql/explain_int.h"

/* ---- VALUES ---- */

static bool value_row(struct select *s, const struct sql_list *list, struct expr **out)
{
    for (uint32_t i = 0; i < list->count; i++) {
        out[i] = bind_expr(&s->binder, list->items[i]);
        if (out[i] == NULL) return false;
    }
    return true;
}

/* Gives a column of VALUES its type. */
static bool value_column(struct select *s, struct expr ***rows, uint32_t count, uint32_t at, struct sql_type *out)
{
    struct expr **items = ARENA_ARRAY(s->x->arena, struct expr *, count + 1);
    if (items == NULL) return sql_error_out_of_memory(s->x->error);
    bool decided = false, same = true;
    for (uint32_t i = 0; i < count; i++) {
        items[i] = rows[i][at];
        decided |= items[i]->type.oid != SQL_TYPE_UNKNOWN;
        same &= items[i]->type.oid == items[0]->type.oid && items[i]->type.typmod == items[0]->type.typmod;
    }
    *out = items[0]->type;
    if (!decided && at < s->want_count) {
        *out = s->want[at];
        for (uint32_t i = 0; i < count; i++)
            if ((items[i] = bind_cast(&s->binder, items[i], *out, SQL_CAST_ASSIGNMENT, NULL)) == NULL) return false;
    } else if (!same || !decided) {
        if (!bind_unify(&s->binder, "VALUES", items, count, out)) return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        rows[i][at] = items[i];
        if (!exec_fold(s->x, items[i])) return false;
    }
    return true;
}

bool select_bind_values(struct select *s)
{
    const struct sql_select *n = s->node;
    struct arena *arena = s->x->arena;
    uint32_t width = n->rows[0].count;
    struct expr ***rows = ARENA_ARRAY(arena, struct expr **, n->row_count + 1);
    struct sql_result_column *columns = ARENA_ARRAY(arena, struct sql_result_column, width + 1);
    if (rows == NULL || columns == NULL) return sql_error_out_of_memory(s->x->error);
    s->binder.clause = "VALUES";
    for (uint32_t i = 0; i < n->row_count; i++) {
        if (n->rows[i].count != width)
            return sql_error_set(s->x->error, arena, SQLSTATE_SYNTAX_ERROR,
                                 n->rows[i].count > 0 ? n->rows[i].items[0]->position : 0,
                                 "VALUES lists must all be the same length");
        rows[i] = ARENA_ARRAY(arena, struct expr *, width + 1);
        if (rows[i] == NULL) return sql_error_out_of_memory(s->x->error);
        if (!value_row(s, &n->rows[i], rows[i])) return false;
    }
    for (uint32_t i = 0; i < width; i++) {
        columns[i].name = arena_printf(arena, "column%u", i + 1);
        if (columns[i].name == NULL) return sql_error_out_of_memory(s->x->error);
        if (!value_column(s, rows, n->row_count, i, &columns[i].type)) return false;
    }
    struct source *o = source_of_values(s, rows, n->row_count, width);
    if (o == NULL || !from_add_item(s, "*VALUES*", NULL, o, columns, width, NULL)) return false;
    s->root = o;
    return true;
}

/* ---- UNION and its kind ---- */

static const char *set_name(const struct sql_select *n)
{
    return n->op == SQL_SELECT_UNION ? "UNION" : n->op == SQL_SELECT_INTERSECT ? "INTERSECT" : "EXCEPT";
}

static bool set_column(struct select *s, struct select *sides[2], uint32_t at, struct sql_result_column *out)
{
    struct expr *pair[2] = {sides[0]->targets[at], sides[1]->targets[at]};
    *out = (struct sql_result_column){.name = sides[0]->columns[at].name, .type = pair[0]->type};
    bool same = pair[0]->type.oid == pair[1]->type.oid && pair[0]->type.typmod == pair[1]->type.typmod;
    if (same && pair[0]->type.oid != SQL_TYPE_UNKNOWN) return true;
    uint32_t oid, types[2] = {pair[0]->type.oid, pair[1]->type.oid};
    if (sql_type_common(s->x->arena, set_name(s->node), types, 2, &oid, s->x->error) != STATUS_OK) {
        sql_error_at(s->x->error, expr_location(pair[1]));
        return false;
    }
    out->type = sql_type_of(oid);
    return select_coerce(sides[0], at, out->type) && select_coerce(sides[1], at, out->type);
}

static bool check_comparable(struct select *s, const struct sql_result_column *column)
{
    const struct sql_type_info *info = sql_type_find(column->type.oid);
    if ((s->node->op == SQL_SELECT_UNION && s->node->all) || (info != NULL && info->can_be_key)) return true;
    return sql_error_set(s->x->error, s->x->arena, SQLSTATE_UNDEFINED_FUNCTION, 0,
                         "could not identify an equality operator for type %s",
                         info != NULL ? info->sql_name : "unknown");
}

bool select_bind_set(struct select *s)
{
    const struct sql_select *n = s->node;
    struct select *sides[2];
    for (int i = 0; i < 2; i++) {
        sides[i] = select_child(&s->binder, s->binder.parent, i == 0 ? n->left : n->right, false);
        if (sides[i] == NULL || !select_hand_through(s, sides[i])) return false;
    }
    uint32_t width = sides[0]->target_count;
    if (width != sides[1]->target_count)
        return sql_error_set(s->x->error, s->x->arena, SQLSTATE_SYNTAX_ERROR,
                             sides[1]->target_count > 0 ? expr_location(sides[1]->targets[0]) : 0,
                             "each %s query must have the same number of columns", set_name(n));
    struct sql_result_column *columns = ARENA_ARRAY(s->x->arena, struct sql_result_column, width + 1);
    if (columns == NULL) return sql_error_out_of_memory(s->x->error);
    for (uint32_t i = 0; i < width; i++)
        if (!set_column(s, sides, i, &columns[i]) || !check_comparable(s, &columns[i])) return false;
    if (!select_finish(sides[0]) || !select_finish(sides[1])) return false;
    struct source *o = source_of_set(s, sides[0], sides[1]);
    if (o == NULL || !from_add_item(s, "*SELECT*", NULL, o, columns, width, NULL)) return false;
    s->root = o;
    return true;
}

struct source_set {
    struct source source;
    struct select *sides[2];
    struct arena kept;
    struct row_table rows; /* UNION: what was given; else: the right side's rows, and those given of the left's */
    uint32_t side;         /* that is being read */
    bool filled;
};

static bool set_open(struct source *o)
{
    struct source_set *u = (struct source_set *)o;
    arena_reset(&u->kept);
    row_table_init(&u->rows, &u->kept, o->query->row_types + o->offset, o->count);
    u->filled = false;
    u->side = 0;
    for (int i = 0; i < 2; i++)
        if (!select_take_outers(u->sides[i], NULL, NULL) || !query_open(u->sides[i])) return false;
    return true;
}

/* The row in the table, made with `count` when it is new. NULL: out of memory. */
static struct row_entry *entry_of(struct source_set *u, const struct sql_datum *values, bool *new_out)
{
    uint64_t hash = row_hash(u->rows.types, values, u->rows.width);
    struct row_entry *e = row_table_find_equal(&u->rows, values, hash);
    *new_out = e == NULL;
    return e != NULL ? e : row_table_add(&u->rows, values, hash);
}

static bool fill_right(struct source_set *u)
{
    const struct sql_datum *values;
    bool new;
    while (query_next(u->sides[1], &values)) {
        if (values == NULL) return true;
        struct row_entry *e = entry_of(u, values, &new);
        if (e == NULL) return sql_error_out_of_memory(u->source.query->x->error);
        e->count++;
    }
    return false;
}

/* Does a row of the left side belong to the result? count: how often the right side has it left; without ALL,
 * UINT32_MAX once it was given. */
static bool belongs(const struct sql_select *n, struct row_entry *e, bool new)
{
    bool except = n->op == SQL_SELECT_EXCEPT;
    if (n->all) {
        bool had = e->count > 0;
        if (had) e->count--;
        return had != except;
    }
    if (e->count == UINT32_MAX || (except ? !new : e->count == 0)) return false;
    e->count = UINT32_MAX;
    return true;
}

static bool set_take(struct source_set *u, const struct sql_datum *values, bool *passes_out)
{
    const struct sql_select *n = u->source.query->node;
    bool new;
    *passes_out = true;
    if (n->op == SQL_SELECT_UNION && n->all) return true;
    struct row_entry *e = entry_of(u, values, &new);
    if (e == NULL) return sql_error_out_of_memory(u->source.query->x->error);
    *passes_out = n->op == SQL_SELECT_UNION ? new : belongs(n, e, new);
    return true;
}

static bool set_next(struct source *o, bool *found_out)
{
    struct source_set *u = (struct source_set *)o;
    bool is_union = o->query->node->op == SQL_SELECT_UNION, passes = false;
    const struct sql_datum *values;
    *found_out = false;
    if (!is_union && !u->filled && !fill_right(u)) return false;
    u->filled = true;
    while (!passes) {
        if (!query_next(u->sides[u->side], &values)) return false;
        if (values == NULL && (!is_union || u->side == 1)) return true;
        if (values == NULL) u->side = 1;
        else if (!set_take(u, values, &passes)) return false;
    }
    if (o->count > 0) memcpy(o->query->row + o->offset, values, o->count * sizeof *values);
    *found_out = true;
    return true;
}

static void set_close(struct source *o)
{
    struct source_set *u = (struct source_set *)o;
    query_close(u->sides[0]);
    query_close(u->sides[1]);
}

static void set_release(struct source *o)
{
    arena_deinit(&((struct source_set *)o)->kept);
}

static void set_explain(struct explain *e, struct explain_node *above, const struct source *o)
{
    const struct source_set *u = (const struct source_set *)o;
    const struct sql_select *n = o->query->node;
    bool append = n->op == SQL_SELECT_UNION;
    struct explain_node *node = explain_node(e, above, append ? "Append" : "SetOp");
    if (node == NULL) return;
    if (!append || !n->all)
        node->title = arena_printf(e->x->arena, "%s%s%s", append ? "HashAggregate Append" : "HashSetOp ",
                                   append ? "" : n->op == SQL_SELECT_INTERSECT ? "Intersect" : "Except",
                                   !append && n->all ? " All" : "");
    node->rows = &o->rows;
    node->loops = &o->loops;
    explain_query(e, node, u->sides[0]);
    explain_query(e, node, u->sides[1]);
}

static const struct source_ops set_ops = {set_open, set_next, set_close, set_release, set_explain};

struct source *source_of_set(struct select *s, struct select *left, struct select *right)
{
    struct source_set *u = ARENA_NEW(s->x->arena, struct source_set);
    if (u == NULL) {
        sql_error_out_of_memory(s->x->error);
        return NULL;
    }
    source_init(&u->source, &set_ops, s);
    arena_init(&u->kept, s->x->arena->size_max);
    u->sides[0] = left;
    u->sides[1] = right;
    return &u->source;
}
