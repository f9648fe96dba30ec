/* SELECT: from the syntax tree to what select.c runs. */
#include "sql/select_int.h"

#define TARGETS_MAX 1664 /* PostgreSQL's MaxTupleAttributeNumber */

/* ---- binding ---- */

/* What this executor does not do is refused with its position, never answered wrongly. */
static bool check_supported(struct select *s)
{
    const struct sql_select *n = s->node;
    if (n->window_count > 0) return exec_unsupported(s->x, n->windows[0].position, "a window");
    if (n->as_of != NULL && n->as_of != s->x->as_of) /* as_of.c has taken that of the whole */
        return exec_unsupported(s->x, n->as_of->position, "AS OF SYSTEM TIME of a part of a statement");
    return true;
}

/* One table by its own column names needs no row of several. */
static bool is_one_table(const struct select *s)
{
    if (s->keyed || s->node->from.count != 1 || s->node->from.items[0]->kind != SQL_FROM_TABLE) return false;
    const struct sql_from_table *from = sql_as_from_table(s->node->from.items[0]);
    return from->alias.columns.count == 0 &&
           (from->name.schema != NULL || select_find_cte(&s->binder, from->name.name) == NULL);
}

static bool bind_from(struct select *s)
{
    if (s->node->from.count == 0) return true;
    if (!is_one_table(s)) return from_bind(s);
    const struct sql_from_table *from = sql_as_from_table(s->node->from.items[0]);
    struct sql_table *table = exec_table(s->x, &from->name);
    if (table == NULL) return false;
    s->table = table;
    s->binder.scope.table = table;
    s->binder.scope.alias = from->alias.name != NULL ? from->alias.name : from->name.name;
    return true;
}

/* ---- targets ---- */

static bool is_star(const struct sql_target *t)
{
    return t->expr->kind == SQL_EXPR_COLUMN && sql_as_column(t->expr)->star;
}

static uint32_t count_targets(const struct select *s)
{
    uint32_t count = 0, all = s->table != NULL ? s->table->column_count : 0;
    for (uint32_t i = 0; i < s->binder.scope.item_count; i++) all += s->binder.scope.items[i].column_count;
    for (uint32_t i = 0; i < s->node->targets.count; i++)
        count += is_star(&s->node->targets.items[i]) ? all : 1;
    return count;
}

static bool add_target(struct select *s, struct expr *e, const char *name)
{
    if (e == NULL) return false;
    if (s->target_count == TARGETS_MAX)
        return sql_error_set(s->x->error, s->x->arena, SQLSTATE_TOO_MANY_COLUMNS, 0,
                             "target lists can have at most %d entries", TARGETS_MAX);
    s->columns[s->target_count].name = name;
    s->targets[s->target_count++] = e;
    return true;
}

static bool add_table_columns(struct select *s, uint32_t position)
{
    for (uint32_t i = 0; i < s->table->column_count; i++) {
        struct scope_column c = {.name = s->table->columns[i].name, .type = s->table->columns[i].type, .index = i};
        if (!add_target(s, bind_scope_column(&s->binder, &c, position), c.name)) return false;
    }
    return true;
}

static bool add_item_columns(struct select *s, const struct scope_item *item, uint32_t position)
{
    for (uint32_t i = 0; i < item->column_count; i++)
        if (!add_target(s, bind_scope_column(&s->binder, &item->columns[i], position), item->columns[i].name))
            return false;
    return true;
}

static bool add_star(struct select *s, const struct sql_column *c)
{
    const struct scope *scope = &s->binder.scope;
    uint32_t position = c->node.position;
    if (c->names.count > 0) {
        /* In t.* the qualifier is the last name: bind_qualifier looks at the one before the last. */
        struct sql_column qualified = *c;
        const struct scope_item *item;
        qualified.names.count++;
        if (!bind_qualifier(&s->binder, &qualified, &item)) return false;
        return item != NULL ? add_item_columns(s, item, position) : add_table_columns(s, position);
    }
    if (s->node->from.count == 0)
        return sql_error_set(s->x->error, s->x->arena, SQLSTATE_SYNTAX_ERROR, position,
                             "SELECT * with no tables specified is not valid");
    if (s->table != NULL) return add_table_columns(s, position);
    for (uint32_t i = 0; i < scope->item_count; i++) {
        const struct scope_item *item = &scope->items[i];
        if (!item->only_qualified && !item->unseen && !add_item_columns(s, item, position)) return false;
    }
    return true;
}

/* What nothing has decided is of the type that the caller wants there, else text. */
static struct expr *settle_target(struct select *s, struct expr *e)
{
    if (e == NULL || e->type.oid != SQL_TYPE_UNKNOWN) return e;
    if (s->target_count < s->want_count)
        return bind_cast(&s->binder, e, s->want[s->target_count], SQL_CAST_ASSIGNMENT, NULL);
    return s->settles ? bind_settle(&s->binder, e) : e;
}

/* A column that is one of a table says which. */
static void set_origin(struct select *s, struct sql_result_column *column, const struct expr *e)
{
    if (e->kind != EXPR_COLUMN) return;
    if (s->table != NULL) {
        column->table_oid = s->table->id;
        column->column_number = (int16_t)(e->index + 1);
        return;
    }
    const struct source *o = s->items[s->row_items[e->index]];
    uint32_t place = e->index - o->offset;
    if (o->table != NULL) {
        column->table_oid = o->table->id;
        column->column_number = (int16_t)(place + 1);
    } else if (source_child(o) != NULL) {
        column->table_oid = source_child(o)->columns[place].table_oid;
        column->column_number = source_child(o)->columns[place].column_number;
    }
}

static bool allocate_targets(struct select *s, uint32_t count)
{
    if (count > TARGETS_MAX) count = TARGETS_MAX;
    s->targets = ARENA_ARRAY(s->x->arena, struct expr *, count + 1);
    s->columns = ARENA_ARRAY(s->x->arena, struct sql_result_column, count + 1);
    return (s->targets != NULL && s->columns != NULL) || sql_error_out_of_memory(s->x->error);
}

static bool bind_targets(struct select *s)
{
    if (!allocate_targets(s, count_targets(s))) return false;
    s->binder.aggregates_allowed = true;
    s->binder.clause = "SELECT";
    for (uint32_t i = 0; i < s->node->targets.count; i++) {
        const struct sql_target *t = &s->node->targets.items[i];
        if (is_star(t)) {
            if (!add_star(s, sql_as_column(t->expr))) return false;
            continue;
        }
        struct expr *e = settle_target(s, bind_expr_kept(&s->binder, t->expr));
        if (!add_target(s, e, t->alias != NULL ? t->alias : bind_column_name(t->expr))) return false;
    }
    for (uint32_t i = 0; i < s->target_count; i++) {
        s->columns[i].type = s->targets[i]->type;
        set_origin(s, &s->columns[i], s->targets[i]);
    }
    return true;
}

/* VALUES and UNION give all columns they have. */
static bool bind_all_columns(struct select *s)
{
    if (!allocate_targets(s, s->width)) return false;
    for (uint32_t i = 0; i < s->width; i++) {
        struct scope_column c = {.name = s->row_names[i], .type = s->row_types[i], .index = i};
        struct expr *e = settle_target(s, bind_scope_column(&s->binder, &c, 0));
        if (!add_target(s, e, c.name)) return false;
        s->columns[i].type = e->type;
    }
    s->row = ARENA_ARRAY(s->x->arena, struct sql_datum, s->width + 1);
    return s->row != NULL || sql_error_out_of_memory(s->x->error);
}

static bool is_input_column(const struct select *s, const char *name)
{
    for (uint32_t i = 0; s->table != NULL && i < s->table->column_count; i++)
        if (strcmp(s->table->columns[i].name, name) == 0) return true;
    for (uint32_t i = 0; i < s->binder.scope.item_count; i++) {
        const struct scope_item *item = &s->binder.scope.items[i];
        for (uint32_t k = 0; !item->only_qualified && !item->unseen && k < item->column_count; k++)
            if (strcmp(item->columns[k].name, name) == 0) return true;
    }
    return false;
}

/* A name or number in GROUP BY and ORDER BY may mean an output column. UINT32_MAX: it does not. */
static bool output_place(struct select *s, const struct sql_node *node, const char *clause,
                         uint32_t *place_out)
{
    *place_out = UINT32_MAX;
    if (node->kind == SQL_EXPR_CONST && sql_as_const(node)->type != SQL_CONST_INTEGER)
        return sql_error_set(s->x->error, s->x->arena, SQLSTATE_SYNTAX_ERROR, node->position,
                             "non-integer constant in %s", clause);
    if (node->kind == SQL_EXPR_CONST) {
        int64_t n = sql_as_const(node)->integer;
        if (n < 1 || n > (int64_t)s->target_count)
            return sql_error_set(s->x->error, s->x->arena, SQLSTATE_INVALID_COLUMN_REFERENCE, node->position,
                                 "%s position %lld is not in select list", clause, (long long)n);
        *place_out = (uint32_t)n - 1;
        return true;
    }
    if (node->kind != SQL_EXPR_COLUMN || sql_as_column(node)->names.count != 1) return true;
    const char *name = sql_as_column(node)->names.items[0];
    /* GROUP BY prefers input columns, ORDER BY output columns (PostgreSQL, SELECT). */
    if (clause[0] == 'G' && is_input_column(s, name)) return true;
    for (uint32_t i = 0; i < s->target_count; i++) {
        if (strcmp(s->columns[i].name, name) != 0) continue;
        if (*place_out == UINT32_MAX) *place_out = i;
        else if (!expr_equal(s->targets[*place_out], s->targets[i]))
            return sql_error_set(s->x->error, s->x->arena, SQLSTATE_AMBIGUOUS_COLUMN, node->position,
                                 "%s \"%s\" is ambiguous", clause, name);
    }
    return true;
}

static bool check_orderable(struct select *s, const struct expr *e, const char *what)
{
    const struct sql_type_info *info = sql_type_find(e->type.oid);
    if (info != NULL && info->can_be_key) return true;
    return sql_error_set(s->x->error, s->x->arena, SQLSTATE_UNDEFINED_FUNCTION, e->position,
                         "could not identify %s operator for type %s", what,
                         info != NULL ? info->sql_name : "unknown");
}

static bool bind_group_by(struct select *s)
{
    const struct sql_list *list = &s->node->group_by;
    if (list->count > SORT_KEYS_MAX) return exec_unsupported(s->x, s->node->node.position, "so long a GROUP BY");
    if (list->count == 0) return true;
    s->keys = ARENA_ARRAY(s->x->arena, struct expr *, list->count);
    if (s->keys == NULL) return sql_error_out_of_memory(s->x->error);
    s->binder.aggregates_allowed = false;
    s->binder.clause = "GROUP BY";
    for (uint32_t i = 0; i < list->count; i++) {
        const struct sql_node *node = list->items[i];
        if (node->kind == SQL_EXPR_GROUPING_SET) return exec_unsupported(s->x, node->position, "GROUPING SETS");
        uint32_t place;
        if (!output_place(s, node, "GROUP BY", &place)) return false;
        struct expr *e = place != UINT32_MAX ? s->targets[place]
                                             : bind_settle(&s->binder, bind_expr(&s->binder, node));
        if (e == NULL || !check_orderable(s, e, "an equality")) return false;
        if (e->kind == EXPR_AGGREGATE)
            return sql_error_set(s->x->error, s->x->arena, SQLSTATE_GROUPING_ERROR, expr_location(e),
                                 "aggregate functions are not allowed in GROUP BY");
        s->keys[s->key_count++] = e;
    }
    return true;
}

static bool bind_having(struct select *s)
{
    s->binder.aggregates_allowed = true;
    if (s->node->having == NULL) return true;
    s->having = bind_condition(&s->binder, s->node->having, "HAVING");
    return s->having != NULL;
}

/* The primary key decides all other columns of its table. */
static bool key_is_grouped(const struct select *s, const struct sql_table *t, uint32_t offset)
{
    uint32_t found = 0;
    for (uint32_t k = 0; t != NULL && k < t->key_count; k++)
        for (uint32_t i = 0; i < s->key_count; i++)
            if (s->keys[i]->kind == EXPR_COLUMN && s->keys[i]->index == offset + t->key[k]) {
                found++;
                break;
            }
    return t != NULL && t->key_count > 0 && found == t->key_count;
}

static bool refuse_ungrouped(struct select *s, const struct expr *e, const char *alias, const char *name, bool inside)
{
    if (inside)
        return sql_error_set(s->x->error, s->x->arena, SQLSTATE_GROUPING_ERROR, e->position,
                             "subquery uses ungrouped column \"%s.%s\" from outer query", alias, name);
    return sql_error_set(s->x->error, s->x->arena, SQLSTATE_GROUPING_ERROR, e->position,
                         "column \"%s.%s\" must appear in the GROUP BY clause or be used in an "
                         "aggregate function",
                         alias, name);
}

/* In a grouped query a column may stand only inside a key or an aggregate. inside: of a subquery. */
static bool check_grouped(struct select *s, const struct expr *e, bool inside)
{
    for (uint32_t i = 0; i < s->key_count; i++)
        if (expr_equal(e, s->keys[i])) return true;
    if (e->kind == EXPR_COLUMN && s->table != NULL)
        return key_is_grouped(s, s->table, 0) ||
               refuse_ungrouped(s, e, s->binder.scope.alias, s->table->columns[e->index].name, inside);
    if (e->kind == EXPR_COLUMN) {
        const struct source *o = s->items[s->row_items[e->index]];
        return key_is_grouped(s, o->table, o->offset) ||
               refuse_ungrouped(s, e, o->alias, s->row_names[e->index], inside);
    }
    for (uint32_t i = 0; i < e->arg_count; i++)
        if (!check_grouped(s, e->args[i], inside || e->kind == EXPR_SUBQUERY)) return false;
    return true;
}

static bool is_set(const struct select *s)
{
    return s->node->op != SQL_SELECT_PLAIN && s->node->op != SQL_SELECT_VALUES;
}

static bool refuse_set_order(struct select *s, const struct expr *e)
{
    sql_error_set(s->x->error, s->x->arena, SQLSTATE_FEATURE_NOT_SUPPORTED, expr_location(e),
                  "invalid UNION/INTERSECT/EXCEPT ORDER BY clause");
    sql_error_detail(s->x->error, s->x->arena, "Only result column names can be used, not expressions or functions.");
    sql_error_hint(s->x->error, s->x->arena,
                   "Add the expression/function to every SELECT, or move the UNION into a FROM clause.");
    return false;
}

static bool bind_order_by(struct select *s)
{
    const struct sql_sorts *sorts = &s->node->order_by;
    if (sorts->count > SORT_KEYS_MAX) return exec_unsupported(s->x, s->node->node.position, "so long an ORDER BY");
    if (sorts->count == 0) return true;
    s->sorts = ARENA_ARRAY(s->x->arena, struct sort_key, sorts->count + s->node->distinct_on.count);
    if (s->sorts == NULL) return sql_error_out_of_memory(s->x->error);
    s->binder.clause = "ORDER BY";
    for (uint32_t i = 0; i < sorts->count; i++) {
        const struct sql_sort *sort = &sorts->items[i];
        if (sort->using_operator.name != NULL) return exec_unsupported(s->x, sort->expr->position, "ORDER BY USING");
        struct sort_key *key = &s->sorts[s->sort_count++];
        key->descending = sort->descending;
        key->nulls_first = sort->nulls_first || (sort->descending && !sort->nulls_last);
        if (!output_place(s, sort->expr, "ORDER BY", &key->target)) return false;
        if (key->target == UINT32_MAX) {
            key->expr = bind_settle(&s->binder, bind_expr_kept(&s->binder, sort->expr));
            if (key->expr == NULL) return false;
            for (uint32_t k = 0; k < s->target_count && key->target == UINT32_MAX; k++)
                if (expr_equal(key->expr, s->targets[k])) key->target = k;
            if (key->target != UINT32_MAX) key->expr = NULL;
            else if (is_set(s))
                return refuse_set_order(s, key->expr);
            else if (s->node->distinct && s->node->distinct_on.count == 0)
                return sql_error_set(s->x->error, s->x->arena, SQLSTATE_INVALID_COLUMN_REFERENCE,
                                     expr_location(key->expr),
                                     "for SELECT DISTINCT, ORDER BY expressions must appear in select list");
        }
        const struct expr *e = select_sort_expr(s, s->sort_count - 1);
        if (!check_orderable(s, e, "an ordering")) return false;
    }
    return true;
}

static bool refuse_on(struct select *s, uint32_t position)
{
    return sql_error_set(s->x->error, s->x->arena, SQLSTATE_INVALID_COLUMN_REFERENCE, position,
                         "SELECT DISTINCT ON expressions must match initial ORDER BY expressions");
}

/* The sort key of an expression of DISTINCT ON: one of ORDER BY, in front, or one more. */
static bool bind_on(struct select *s, const struct sql_node *node, const struct sql_node **used)
{
    struct sort_key key = {.target = UINT32_MAX};
    if (!output_place(s, node, "DISTINCT ON", &key.target)) return false;
    if (key.target == UINT32_MAX) {
        key.expr = bind_settle(&s->binder, bind_expr(&s->binder, node));
        if (key.expr == NULL) return false;
    }
    const struct expr *e = key.expr != NULL ? key.expr : s->targets[key.target];
    if (!check_orderable(s, e, "an ordering")) return false;
    for (uint32_t i = 0; i < s->sort_count; i++) {
        if (!expr_equal(select_sort_expr(s, i), e)) continue;
        used[i] = node;
        return true;
    }
    used[s->sort_count] = node;
    s->sorts[s->sort_count++] = key;
    return true;
}

static bool bind_distinct_on(struct select *s)
{
    const struct sql_list *list = &s->node->distinct_on;
    if (list->count == 0) return true;
    if (list->count > SORT_KEYS_MAX) return exec_unsupported(s->x, s->node->node.position, "so long a DISTINCT ON");
    const struct sql_node *used[2 * SORT_KEYS_MAX] = {NULL};
    if (s->sorts == NULL) s->sorts = ARENA_ARRAY(s->x->arena, struct sort_key, list->count);
    if (s->sorts == NULL) return sql_error_out_of_memory(s->x->error);
    s->binder.clause = "DISTINCT ON";
    for (uint32_t i = 0; i < list->count; i++)
        if (!bind_on(s, list->items[i], used)) return false;
    while (s->on_count < s->sort_count && used[s->on_count] != NULL) s->on_count++;
    for (uint32_t i = s->on_count; i < s->sort_count; i++)
        if (used[i] != NULL) return refuse_on(s, used[i]->position);
    return true;
}

/* The expression of LIMIT or OFFSET; NULL: none. */
static bool bind_count(struct select *s, const struct sql_node *node, const char *clause, struct expr **out)
{
    if (node == NULL) return true;
    s->binder.aggregates_allowed = false;
    s->binder.clause = clause;
    s->binder.columns = BIND_COLUMNS_NONE;
    struct expr *e = bind_expr_kept(&s->binder, node);
    s->binder.columns = BIND_COLUMNS_ALLOWED;
    if (e == NULL) return false;
    if (sql_cast_find(e->type.oid, SQL_TYPE_INT8, SQL_CAST_ASSIGNMENT) == SQL_CAST_NONE)
        return sql_error_set(s->x->error, s->x->arena, SQLSTATE_DATATYPE_MISMATCH, expr_location(e),
                             "argument of %s must be type bigint, not type %s", clause,
                             sql_type_format(s->x->arena, sql_type_of(e->type.oid)));
    *out = bind_cast(&s->binder, e, sql_type_of(SQL_TYPE_INT8), SQL_CAST_ASSIGNMENT, NULL);
    return *out != NULL;
}

bool select_fold(struct select *s)
{
    struct sql_eval *eval = &s->x->eval;
    for (uint32_t i = 0; i < s->target_count; i++)
        if (!expr_fold(eval, s->targets[i])) return false;
    for (uint32_t i = 0; i < s->key_count; i++)
        if (!expr_fold(eval, s->keys[i])) return false;
    for (uint32_t i = 0; i < s->sort_count; i++)
        if (s->sorts[i].expr != NULL && !expr_fold(eval, s->sorts[i].expr)) return false;
    for (uint32_t i = 0; i < s->binder.aggregate_count; i++) {
        const struct aggregate *a = &s->binder.aggregates[i];
        for (uint32_t k = 0; k < a->arg_count; k++)
            if (!expr_fold(eval, a->args[k])) return false;
        if (a->filter != NULL && !expr_fold(eval, a->filter)) return false;
    }
    if (s->limit_expr != NULL && !expr_fold(eval, s->limit_expr)) return false;
    if (s->offset_expr != NULL && !expr_fold(eval, s->offset_expr)) return false;
    return (s->where == NULL || expr_fold(eval, s->where)) && (s->having == NULL || expr_fold(eval, s->having));
}

static bool check_all_grouped(struct select *s)
{
    for (uint32_t i = 0; i < s->target_count; i++)
        if (!check_grouped(s, s->targets[i], false)) return false;
    if (s->having != NULL && !check_grouped(s, s->having, false)) return false;
    for (uint32_t i = 0; i < s->sort_count; i++)
        if (s->sorts[i].expr != NULL && !check_grouped(s, s->sorts[i].expr, false)) return false;
    return true;
}

/* FOR UPDATE and its kind: rows are locked as the scan gives them. */
static bool bind_locking(struct select *s)
{
    const struct sql_select *n = s->node;
    if (n->locking_count == 0) return true;
    const char *refused = is_set(s) ? "UNION/INTERSECT/EXCEPT"
                          : n->op == SQL_SELECT_VALUES ? "VALUES"
                          : s->grouped ? (s->key_count > 0 ? "GROUP BY clause" : "aggregate functions")
                          : n->distinct ? "DISTINCT clause" : NULL;
    static const char *const names[] = {[SQL_LOCK_FOR_KEY_SHARE] = "FOR KEY SHARE", [SQL_LOCK_FOR_SHARE] = "FOR SHARE",
                                        [SQL_LOCK_FOR_NO_KEY_UPDATE] = "FOR NO KEY UPDATE",
                                        [SQL_LOCK_FOR_UPDATE] = "FOR UPDATE"};
    if (s->x->read_only && !s->x->describe)
        return sql_error_set(s->x->error, s->x->arena, SQLSTATE_READ_ONLY_SQL_TRANSACTION, 0,
                             "cannot execute SELECT %s in a read-only transaction", names[n->locking[0].strength]);
    if (refused != NULL)
        return sql_error_set(s->x->error, s->x->arena, SQLSTATE_FEATURE_NOT_SUPPORTED, 0, "%s is not allowed with %s",
                             names[n->locking[0].strength], refused);
    if (s->table == NULL && s->from != NULL)
        return exec_unsupported(s->x, n->locking[0].position, "locking the rows of a join");
    for (uint32_t i = 0; i < n->locking_count; i++) {
        const struct sql_locking *l = &n->locking[i];
        for (uint32_t k = 0; k < l->tables.count; k++)
            if (s->table == NULL || strcmp(l->tables.items[k].name, s->binder.scope.alias) != 0)
                return sql_error_set(s->x->error, s->x->arena, SQLSTATE_UNDEFINED_TABLE, l->tables.items[k].position,
                                     "relation \"%s\" in %s clause not found in FROM clause",
                                     l->tables.items[k].name, names[l->strength]);
        enum txn_lock_mode mode = l->strength >= SQL_LOCK_FOR_NO_KEY_UPDATE ? TXN_LOCK_EXCLUSIVE : TXN_LOCK_SHARED;
        if (mode > s->lock) s->lock = mode;
        /* The stricter one counts (PostgreSQL, SELECT): NOWAIT before SKIP LOCKED before waiting. */
        if (l->wait == SQL_LOCK_NOWAIT) s->lock_wait = TXN_LOCK_NOWAIT;
        else if (l->wait == SQL_LOCK_SKIP_LOCKED && s->lock_wait == TXN_LOCK_WAIT) s->lock_wait = TXN_LOCK_SKIP;
    }
    return true;
}

static bool bind_input(struct select *s)
{
    switch (s->node->op) {
    case SQL_SELECT_PLAIN: return bind_from(s) && bind_targets(s);
    case SQL_SELECT_VALUES: return select_bind_values(s) && bind_all_columns(s);
    default: return select_bind_set(s) && bind_all_columns(s);
    }
}

/* In PostgreSQL's order, so that of several mistakes the same one is told. */
bool select_bind(struct select *s)
{
    if (!check_supported(s) || (s->node->with.count > 0 && !select_bind_with(s)) || !bind_input(s)) return false;
    s->binder.aggregates_allowed = false;
    s->binder.clause = "WHERE";
    if (s->node->where != NULL) {
        s->where = bind_condition_kept(&s->binder, s->node->where, "WHERE");
        if (s->where == NULL) return false;
    }
    if (!bind_having(s) || !bind_order_by(s) || !bind_group_by(s) || !bind_distinct_on(s)) return false;
    if (!bind_count(s, s->node->offset, "OFFSET", &s->offset_expr)) return false;
    if (!bind_count(s, s->node->limit, "LIMIT", &s->limit_expr)) return false;
    s->grouped = s->binder.aggregate_count > 0 || s->key_count > 0 || s->having != NULL;
    if (s->grouped && !check_all_grouped(s)) return false;
    return bind_locking(s);
}
