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

/* The type of a column so far and of one more side; all sides become what both have in common. */
static bool set_column(struct select *s, struct select **sides, uint32_t count, uint32_t at,
                       struct sql_result_column *column)
{
    struct select *last = sides[count - 1];
    struct expr *e = last->targets[at];
    bool same = e->type.oid == column->type.oid && e->type.typmod == column->type.typmod;
    if (same && e->type.oid != SQL_TYPE_UNKNOWN) return true;
    uint32_t oid, types[2] = {column->type.oid, e->type.oid};
    if (sql_type_common(s->x->arena, set_name(s->node), types, 2, &oid, s->x->error) != STATUS_OK) {
        sql_error_at(s->x->error, expr_location(e));
        return false;
    }
    column->type = sql_type_of(oid);
    for (uint32_t i = 0; i < count; i++)
        if (!select_coerce(sides[i], at, column->type)) return false;
    return true;
}

static bool check_comparable(struct select *s, const struct sql_result_column *column)
{
    const struct sql_type_info *info = sql_type_find(column->type.oid);
    if ((s->node->op == SQL_SELECT_UNION && s->node->all) || (info != NULL && info->can_be_key)) return true;
    return sql_error_set(s->x->error, s->x->arena, SQLSTATE_UNDEFINED_FUNCTION, 0,
                         "could not identify an equality operator for type %s",
                         info != NULL ? info->sql_name : "unknown");
}

/* A chain of the same operation on its left side is one operation of many sides. */
static bool goes_on(const struct sql_select *n, const struct sql_select *left)
{
    return left->op == SQL_SELECT_UNION && n->op == SQL_SELECT_UNION && left->all == n->all && left->with.count == 0 &&
           left->order_by.count == 0 && left->limit == NULL && left->offset == NULL && left->locking_count == 0;
}

static struct select *bind_side(struct select *s, const struct sql_select *node)
{
    struct select *side = select_child(&s->binder, s->binder.parent, node, false);
    return side != NULL && select_hand_through(s, side) ? side : NULL;
}

static bool check_side(struct select *s, const struct select *side, uint32_t width)
{
    if (side->target_count == width) return true;
    return sql_error_set(s->x->error, s->x->arena, SQLSTATE_SYNTAX_ERROR,
                         side->target_count > 0 ? expr_location(side->targets[0]) : 0,
                         "each %s query must have the same number of columns", set_name(s->node));
}

static bool bind_sides(struct select *s, struct select **sides, uint32_t count, struct sql_result_column **columns_out)
{
    const struct sql_select *n = s->node;
    for (uint32_t i = count - 1; i > 1; i--) n = n->left;
    sides[0] = bind_side(s, n->left);
    if (sides[0] == NULL) return false;
    uint32_t width = sides[0]->target_count;
    struct sql_result_column *columns = ARENA_ARRAY(s->x->arena, struct sql_result_column, width + 1);
    if (columns == NULL) return sql_error_out_of_memory(s->x->error);
    for (uint32_t k = 0; k < width; k++)
        columns[k] = (struct sql_result_column){.name = sides[0]->columns[k].name, .type = sides[0]->targets[k]->type};
    for (uint32_t i = 1; i < count; i++) {
        n = s->node;
        for (uint32_t k = count - 1; k > i; k--) n = n->left;
        sides[i] = bind_side(s, n->right);
        if (sides[i] == NULL || !check_side(s, sides[i], width)) return false;
        for (uint32_t k = 0; k < width; k++)
            if (!set_column(s, sides, i + 1, k, &columns[k]) || !check_comparable(s, &columns[k])) return false;
    }
    *columns_out = columns;
    return true;
}

bool select_bind_set(struct select *s)
{
    uint32_t count = 2;
    struct sql_result_column *columns = NULL;
    for (const struct sql_select *n = s->node; goes_on(n, n->left); n = n->left) count++;
    struct select **sides = ARENA_ARRAY(s->x->arena, struct select *, count);
    if (sides == NULL) return sql_error_out_of_memory(s->x->error);
    if (!bind_sides(s, sides, count, &columns)) return false;
    for (uint32_t i = 0; i < count; i++)
        if (!select_finish(sides[i])) return false;
    struct source *o = source_of_set(s, sides, count);
    if (o == NULL || !from_add_item(s, "*SELECT*", NULL, o, columns, sides[0]->target_count, NULL)) return false;
    s->root = o;
    return true;
}

struct source_set {
    struct source source;
    struct select **sides;
    uint32_t side_count;
    struct arena kept;
    struct row_table rows; /* UNION: what was given; else: the right side's rows, and those given of the left's */
    uint32_t side;         /* that is being read */
    bool filled;
};

/* A side of UNION is opened when it is its turn. */
static bool open_side(struct source_set *u, uint32_t side)
{
    u->side = side;
    return select_take_outers(u->sides[side], NULL, NULL) && query_open(u->sides[side]);
}

static bool set_open(struct source *o)
{
    struct source_set *u = (struct source_set *)o;
    arena_reset(&u->kept);
    row_table_init(&u->rows, &u->kept, o->query->row_types + o->offset, o->count);
    u->filled = false;
    if (o->query->node->op != SQL_SELECT_UNION && !open_side(u, 1)) return false;
    return open_side(u, 0);
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
        if (values != NULL && !set_take(u, values, &passes)) return false;
        if (values != NULL) continue;
        query_close(u->sides[u->side]);
        if (!is_union || u->side + 1 == u->side_count) return true;
        if (!open_side(u, u->side + 1)) return false;
    }
    if (o->count > 0) memcpy(o->query->row + o->offset, values, o->count * sizeof *values);
    *found_out = true;
    return true;
}

static void set_close(struct source *o)
{
    struct source_set *u = (struct source_set *)o;
    for (uint32_t i = 0; i < u->side_count; i++) query_close(u->sides[i]);
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
    for (uint32_t i = 0; i < u->side_count; i++) explain_query(e, node, u->sides[i]);
}

static const struct source_ops set_ops = {set_open, set_next, set_close, set_release, set_explain};

struct source *source_of_set(struct select *s, struct select **sides, uint32_t count)
{
    struct source_set *u = ARENA_NEW(s->x->arena, struct source_set);
    if (u == NULL) {
        sql_error_out_of_memory(s->x->error);
        return NULL;
    }
    source_init(&u->source, &set_ops, s);
    arena_init_part(&u->kept, s->x->arena, s->x->arena->size_max);
    u->sides = sides;
    u->side_count = count;
    return &u->source;
}
