/* FROM: what it names, and what may be named because of it. */
#include "sql/bind_int.h"
#include "sql/select_int.h"

/* ---- the row and the names ---- */

static bool widen(struct select *s, uint32_t count)
{
    if (s->width + count <= s->width_capacity) return true;
    uint32_t capacity = 2 * s->width + count;
    struct arena *arena = s->x->arena;
    struct sql_type *types = ARENA_ARRAY(arena, struct sql_type, capacity + 1);
    const char **names = ARENA_ARRAY(arena, const char *, capacity + 1);
    uint8_t *items = ARENA_ARRAY(arena, uint8_t, capacity + 1);
    if (types == NULL || names == NULL || items == NULL) return sql_error_out_of_memory(s->x->error);
    if (s->width > 0) {
        memcpy(types, s->row_types, s->width * sizeof *types);
        memcpy(names, s->row_names, s->width * sizeof *names);
        memcpy(items, s->row_items, s->width);
    }
    s->row_types = types;
    s->row_names = names;
    s->row_items = items;
    s->width_capacity = capacity;
    return true;
}

struct sql_type select_row_type(const struct select *s, uint32_t index)
{
    return s->table != NULL ? s->table->columns[index].type : s->row_types[index];
}

static struct scope_item *push_item(struct select *s)
{
    struct scope *scope = &s->binder.scope;
    if ((scope->item_count & (scope->item_count - 1)) == 0) { /* a power of two: full */
        uint32_t capacity = scope->item_count == 0 ? 1 : scope->item_count * 2;
        struct scope_item *items = ARENA_ARRAY(s->x->arena, struct scope_item, capacity);
        if (items == NULL) return NULL;
        if (scope->item_count > 0) memcpy(items, scope->items, scope->item_count * sizeof *items);
        scope->items = items;
    }
    scope->end = scope->item_count + 1;
    return &scope->items[scope->item_count++];
}

static bool too_many_aliases(struct select *s, const char *name, uint32_t has, uint32_t given)
{
    return sql_error_set(s->x->error, s->x->arena, SQLSTATE_INVALID_COLUMN_REFERENCE, 0,
                         "table \"%s\" has %u columns available but %u columns specified", name, has, given);
}

/* Gives the source its place in the row. */
static bool place_source(struct select *s, struct source *o, const struct sql_result_column *columns, uint32_t count)
{
    if (s->item_count == FROM_ITEMS_MAX)
        return sql_error_set(s->x->error, s->x->arena, SQLSTATE_PROGRAM_LIMIT_EXCEEDED, 0,
                             "a query can have at most %d tables, functions and subqueries in FROM", FROM_ITEMS_MAX);
    if (s->items == NULL) s->items = ARENA_ARRAY(s->x->arena, struct source *, FROM_ITEMS_MAX);
    if (s->items == NULL) return sql_error_out_of_memory(s->x->error);
    if (!widen(s, count)) return false;
    o->offset = s->width;
    o->count = count;
    o->bits = (uint64_t)1 << s->item_count;
    for (uint32_t i = 0; i < count; i++) {
        s->row_types[s->width + i] = columns[i].type;
        s->row_names[s->width + i] = columns[i].name;
        s->row_items[s->width + i] = (uint8_t)s->item_count;
    }
    s->width += count;
    s->items[s->item_count++] = o;
    return true;
}

bool from_add_item(struct select *s, const char *alias, const char *table_name, struct source *o,
                   const struct sql_result_column *columns, uint32_t count, const struct sql_alias *renamed)
{
    uint32_t given = renamed == NULL ? 0 : renamed->columns.count;
    if (given > count) return too_many_aliases(s, alias, count, given);
    o->alias = alias;
    if (!place_source(s, o, columns, count + o->keyed)) return false;
    struct scope_item *item = push_item(s);
    struct scope_column *named = ARENA_ARRAY(s->x->arena, struct scope_column, count + 1);
    if (item == NULL || named == NULL) return sql_error_out_of_memory(s->x->error);
    *item = (struct scope_item){.name = alias, .table_name = table_name, .columns = named, .column_count = count};
    for (uint32_t i = 0; i < count; i++) {
        named[i] = (struct scope_column){columns[i].name, columns[i].type, o->offset + i, NULL};
        if (i < given) named[i].name = s->row_names[o->offset + i] = renamed->columns.items[i];
    }
    return true;
}

/* ---- leaves ---- */

static struct from_node *leaf(struct select *s, struct source *o)
{
    struct from_node *n = ARENA_NEW(s->x->arena, struct from_node);
    if (n == NULL) {
        sql_error_out_of_memory(s->x->error);
        return NULL;
    }
    n->source = o;
    n->bits = o->bits;
    n->needs = o->needs;
    n->offset = o->offset;
    n->count = o->count;
    return n;
}

static struct from_node *bind_cte(struct select *s, const struct sql_from_table *from, struct cte *cte)
{
    const char *alias = from->alias.name != NULL ? from->alias.name : from->name.name;
    uint32_t count;
    const struct sql_result_column *known = query_columns(cte->query, &count);
    struct sql_result_column *columns = ARENA_ARRAY(s->x->arena, struct sql_result_column, count + 1);
    struct source *o = source_of_cte(s, cte);
    if (o == NULL || columns == NULL) return NULL;
    for (uint32_t i = 0; i < count; i++) {
        columns[i] = known[i];
        if (i < cte->name_count) columns[i].name = cte->names[i];
    }
    return from_add_item(s, alias, from->name.name, o, columns, count, &from->alias) ? leaf(s, o) : NULL;
}

static struct from_node *bind_table(struct select *s, const struct sql_from_table *from)
{
    struct cte *cte = from->name.schema == NULL ? select_find_cte(&s->binder, from->name.name) : NULL;
    if (cte != NULL) return bind_cte(s, from, cte);
    const struct sql_table *t = exec_table(s->x, &from->name);
    if (t == NULL) return NULL;
    struct source *o = source_of_table(s, t);
    struct sql_result_column *columns = ARENA_ARRAY(s->x->arena, struct sql_result_column, t->column_count + 1);
    if (o == NULL || columns == NULL) return NULL;
    o->keyed = s->keyed && s->item_count == 0;
    columns[t->column_count] = (struct sql_result_column){.name = "", .type = sql_type_of(SQL_TYPE_BYTEA)};
    for (uint32_t i = 0; i < t->column_count; i++)
        columns[i] = (struct sql_result_column){.name = t->columns[i].name, .type = t->columns[i].type};
    const char *alias = from->alias.name != NULL ? from->alias.name : from->name.name;
    return from_add_item(s, alias, t->name, o, columns, t->column_count, &from->alias) ? leaf(s, o) : NULL;
}

/* Every item so far may be named by what is LATERAL. */
static void see_all(struct select *s)
{
    s->binder.scope.first = 0;
    s->binder.scope.end = s->binder.scope.item_count;
}

static struct from_node *bind_subquery_item(struct select *s, const struct sql_from_subquery *from)
{
    see_all(s);
    struct select *child = select_child(&s->binder, from->lateral ? &s->binder : s->binder.parent, from->query, true);
    if (child == NULL || !select_finish(child)) return NULL;
    struct source *o = source_of_query(s, child);
    if (o == NULL) return NULL;
    for (struct outer *t = child->binder.outers; from->lateral && t != NULL; t = t->next)
        o->needs |= from_bits(s, t->value);
    if (!from->lateral && !select_hand_through(s, child)) return NULL;
    uint32_t count;
    const struct sql_result_column *columns = query_columns(child, &count);
    return from_add_item(s, from->alias.name, NULL, o, columns, count, &from->alias) ? leaf(s, o) : NULL;
}

/* ---- functions ---- */

/* PostgreSQL's errors for a call that no function, or more than one, answers to. */
static bool no_series(struct select *s, const struct sql_call_expr *call, const uint32_t *types, bool several)
{
    struct buf text;
    buf_init(&text, 1024);
    for (uint32_t i = 0; i < call->args.count; i++)
        buf_printf(&text, "%s%s", i > 0 ? ", " : "", sql_type_format(s->x->arena, sql_type_of(types[i])));
    sql_error_set(s->x->error, s->x->arena, several ? SQLSTATE_AMBIGUOUS_FUNCTION : SQLSTATE_UNDEFINED_FUNCTION,
                  call->node.position, "function generate_series(%.*s) %s", (int)text.size, (const char *)text.data,
                  several ? "is not unique" : "does not exist");
    sql_error_hint(s->x->error, s->x->arena,
                   several ? "Could not choose a best candidate function. You might need to add explicit type casts."
                           : "No function matches the given name and argument types. You might need to add explicit "
                             "type casts.");
    buf_deinit(&text);
    return false;
}

/* Series of moments: the third argument is an interval, or a literal that may be one. 0: not such a series. */
static uint32_t moment_type(const uint32_t *types, uint32_t count)
{
    if (count != 3 || (types[2] != SQL_TYPE_INTERVAL && types[2] != SQL_TYPE_UNKNOWN)) return 0;
    bool plain = false, zoned = false;
    for (uint32_t i = 0; i < 2; i++) {
        const struct sql_type_info *info = sql_type_find(types[i]);
        bool moment = info != NULL && info->category == SQL_CATEGORY_DATETIME && types[i] != SQL_TYPE_TIME;
        if (!moment && types[i] != SQL_TYPE_UNKNOWN) return 0;
        plain |= types[i] == SQL_TYPE_TIMESTAMP;
        zoned |= types[i] == SQL_TYPE_TIMESTAMPTZ;
    }
    return plain && !zoned ? SQL_TYPE_TIMESTAMP : SQL_TYPE_TIMESTAMPTZ;
}

/* Casts the arguments to those of one of the functions of that name. */
static bool series_types(struct select *s, const struct sql_call_expr *call, struct expr **args, uint32_t count)
{
    uint32_t oid = 0, types[3];
    bool any = true; /* nothing speaks for one of them */
    for (uint32_t i = 0; i < count; i++) {
        types[i] = args[i]->type.oid;
        any &= types[i] == SQL_TYPE_UNKNOWN || types[i] == SQL_TYPE_INT2;
    }
    if (any) return no_series(s, call, types, true);
    uint32_t moment = moment_type(types, count);
    struct sql_error aside = {.message = NULL};
    if (moment == 0 && sql_type_common(s->x->arena, "", types, count, &oid, &aside) != STATUS_OK) oid = 0;
    if (moment == 0 && oid != SQL_TYPE_INT4 && oid != SQL_TYPE_INT8 && oid != SQL_TYPE_NUMERIC)
        return no_series(s, call, types, false);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t target = moment == 0 ? oid : i == 2 ? SQL_TYPE_INTERVAL : moment;
        args[i] = bind_cast(&s->binder, args[i], sql_type_of(target), SQL_CAST_IMPLICIT, NULL);
        if (args[i] == NULL) return false;
    }
    return true;
}

static struct source *bind_series(struct select *s, const struct sql_call_expr *call, bool ordinality,
                                  struct sql_type *type_out)
{
    uint32_t count = call->args.count;
    struct expr **args = ARENA_ARRAY(s->x->arena, struct expr *, 3);
    if (args == NULL) return NULL;
    for (uint32_t i = 0; i < count; i++)
        if ((args[i] = bind_expr(&s->binder, call->args.items[i])) == NULL) return NULL;
    if (!series_types(s, call, args, count)) return NULL;
    *type_out = args[0]->type;
    struct source *o = source_of_series(s, args, count, ordinality);
    for (uint32_t i = 0; o != NULL && i < count; i++) {
        if (!exec_fold(s->x, args[i])) return NULL;
        o->needs |= from_bits(s, args[i]);
    }
    return o;
}

static bool is_series(const struct sql_call_expr *call)
{
    return strcmp(call->name.name, "generate_series") == 0 && !call->star && !call->distinct &&
           (call->name.schema == NULL || strcmp(call->name.schema, "pg_catalog") == 0) &&
           (call->args.count == 2 || call->args.count == 3);
}

static struct from_node *bind_function(struct select *s, const struct sql_from_function *from)
{
    if (from->column_count > 0) {
        sql_error_set(s->x->error, s->x->arena, SQLSTATE_SYNTAX_ERROR, from->node.position,
                      "a column definition list is only allowed for functions returning \"record\"");
        return NULL;
    }
    see_all(s);
    struct sql_type type;
    struct source *o;
    s->binder.clause = "functions in FROM";
    const struct sql_call_expr *call = from->call->kind == SQL_EXPR_CALL ? sql_as_call_expr(from->call) : NULL;
    if (call != NULL && is_series(call)) {
        o = bind_series(s, call, from->ordinality, &type);
    } else {
        struct expr *e = bind_settle(&s->binder, bind_expr(&s->binder, from->call));
        if (e == NULL || !exec_fold(s->x, e)) return NULL;
        type = e->type;
        o = source_of_call(s, e, from->ordinality);
        if (o != NULL) o->needs = from_bits(s, e);
    }
    if (o == NULL) return NULL;
    const char *name = bind_column_name(from->call);
    const char *alias = from->alias.name != NULL ? from->alias.name : name;
    struct sql_result_column columns[2] = {{.name = alias, .type = type},
                                           {.name = "ordinality", .type = sql_type_of(SQL_TYPE_INT8)}};
    return from_add_item(s, alias, NULL, o, columns, from->ordinality ? 2 : 1, &from->alias) ? leaf(s, o) : NULL;
}

/* ---- joins ---- */

static struct from_node *bind_item(struct select *s, const struct sql_node *node);

/* Two items of one name could not be told apart. */
static bool check_names(struct select *s, uint32_t first, uint32_t middle)
{
    const struct scope *scope = &s->binder.scope;
    for (uint32_t i = first; i < middle; i++)
        for (uint32_t k = middle; k < scope->item_count; k++) {
            const struct scope_item *a = &scope->items[i], *b = &scope->items[k];
            if (a->name == NULL || b->name == NULL || a->unseen || b->unseen || strcmp(a->name, b->name) != 0) continue;
            return sql_error_set(s->x->error, s->x->arena, SQLSTATE_DUPLICATE_ALIAS, 0,
                                 "table name \"%s\" specified more than once", a->name);
        }
    return true;
}

/* The column of a side that USING means; *out NULL: none. False: more than one. */
static bool using_side(struct select *s, uint32_t first, uint32_t end, const char *name, const char *side,
                       const struct scope_column **out)
{
    *out = NULL;
    for (uint32_t i = first; i < end; i++) {
        const struct scope_item *item = &s->binder.scope.items[i];
        if (item->only_qualified || item->unseen) continue;
        for (uint32_t k = 0; k < item->column_count; k++) {
            if (strcmp(item->columns[k].name, name) != 0) continue;
            if (*out != NULL)
                return sql_error_set(s->x->error, s->x->arena, SQLSTATE_AMBIGUOUS_COLUMN, 0,
                                     "common column name \"%s\" appears more than once in %s table", name, side);
            *out = &item->columns[k];
        }
    }
    return true;
}

static bool using_missing(struct select *s, const char *name, const char *side)
{
    return sql_error_set(s->x->error, s->x->arena, SQLSTATE_UNDEFINED_COLUMN, 0,
                         "column \"%s\" specified in USING clause does not exist in %s table", name, side);
}

/* The names that both sides have, in the left side's order. */
static bool natural_names(struct select *s, uint32_t first, uint32_t middle, uint32_t end, struct sql_name_list *out)
{
    uint32_t count = 0, at = 0;
    for (uint32_t i = first; i < middle; i++) count += s->binder.scope.items[i].column_count;
    const char **names = ARENA_ARRAY(s->x->arena, const char *, count + 1);
    if (names == NULL) return sql_error_out_of_memory(s->x->error);
    for (uint32_t i = first; i < middle; i++) {
        const struct scope_item *item = &s->binder.scope.items[i];
        if (item->only_qualified || item->unseen) continue;
        for (uint32_t k = 0; k < item->column_count; k++) {
            const struct scope_column *other;
            if (!using_side(s, middle, end, item->columns[k].name, "right", &other)) return false;
            if (other != NULL) names[at++] = item->columns[k].name;
        }
    }
    *out = (struct sql_name_list){names, at};
    return true;
}

/* The merged column of a pair: the side that is never filled up with nulls, or whichever has a value. */
static bool merge(struct select *s, enum sql_join_type type, struct expr *left, struct expr *right,
                  struct scope_column *out)
{
    struct binder *b = &s->binder;
    uint32_t oid, types[2] = {left->type.oid, right->type.oid};
    if (sql_type_common(s->x->arena, "JOIN/USING", types, 2, &oid, s->x->error) != STATUS_OK) return false;
    bool same = left->type.oid == right->type.oid && left->type.typmod == right->type.typmod;
    struct sql_type common = same ? left->type : sql_type_of(oid);
    left = bind_cast(b, left, common, SQL_CAST_IMPLICIT, NULL);
    right = bind_cast(b, right, common, SQL_CAST_IMPLICIT, NULL);
    if (left == NULL || right == NULL) return false;
    struct expr *merged = type == SQL_JOIN_RIGHT ? right : left;
    if (type == SQL_JOIN_FULL) {
        merged = bind_new(b, EXPR_COALESCE, common, 0, 2);
        if (merged == NULL) return false;
        merged->args[0] = left;
        merged->args[1] = right;
    }
    *out = (struct scope_column){.name = out->name, .type = common, .merged = merged};
    return true;
}

static bool is_listed(const struct sql_name_list *names, const char *name)
{
    for (uint32_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) == 0) return true;
    return false;
}

/* What a join has besides the merged columns, from the items [first, end). */
static uint32_t other_columns(struct select *s, uint32_t first, uint32_t end, const struct sql_name_list *merged,
                              struct scope_column *out)
{
    uint32_t count = 0;
    for (uint32_t i = first; i < end; i++) {
        const struct scope_item *item = &s->binder.scope.items[i];
        for (uint32_t k = 0; !item->only_qualified && !item->unseen && k < item->column_count; k++) {
            if (is_listed(merged, item->columns[k].name)) continue;
            if (out != NULL) out[count] = item->columns[k];
            count++;
        }
    }
    return count;
}

static bool join_pairs(struct select *s, const struct sql_from_join *from, struct from_node *n,
                       const struct sql_name_list *names, uint32_t first, uint32_t middle, uint32_t end,
                       struct scope_column *merged)
{
    struct binder *b = &s->binder;
    struct expr *on = NULL;
    for (uint32_t i = 0; i < names->count; i++) {
        const char *name = names->items[i];
        const struct scope_column *sides[2];
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(names->items[k], name) == 0)
                return sql_error_set(s->x->error, s->x->arena, SQLSTATE_DUPLICATE_COLUMN, 0,
                                     "column name \"%s\" appears more than once in USING clause", name);
        if (!using_side(s, first, middle, name, "left", &sides[0])) return false;
        if (sides[0] == NULL) return using_missing(s, name, "left");
        if (!using_side(s, middle, end, name, "right", &sides[1])) return false;
        if (sides[1] == NULL) return using_missing(s, name, "right");
        struct expr *left = bind_scope_column(b, sides[0], 0), *right = bind_scope_column(b, sides[1], 0);
        merged[i].name = name;
        if (left == NULL || right == NULL || !merge(s, from->join, left, right, &merged[i])) return false;
        struct expr *equal = bind_operator_of(b, "=", left, right, 0);
        if (equal == NULL) return false;
        if (on == NULL) {
            on = equal;
        } else {
            struct expr *both = bind_new(b, EXPR_AND, sql_type_of(SQL_TYPE_BOOL), 0, 2);
            if (both == NULL) return false;
            both->args[0] = on;
            both->args[1] = equal;
            on = both;
        }
    }
    if (names->count > 0) n->on = on;
    return true;
}

/* What can be named behind a join: with USING or an alias an item of its own. */
static bool join_item(struct select *s, const struct sql_from_join *from, const struct sql_name_list *names,
                      struct scope_column *merged, uint32_t first, uint32_t middle, uint32_t end)
{
    uint32_t left = other_columns(s, first, middle, names, NULL), right = other_columns(s, middle, end, names, NULL);
    uint32_t count = names->count + left + right;
    struct scope_column *columns = ARENA_ARRAY(s->x->arena, struct scope_column, count + 1);
    if (columns == NULL) return sql_error_out_of_memory(s->x->error);
    if (names->count > 0) memcpy(columns, merged, names->count * sizeof *columns);
    other_columns(s, first, middle, names, columns + names->count);
    other_columns(s, middle, end, names, columns + names->count + left);
    if (from->alias.columns.count > count)
        return sql_error_set(s->x->error, s->x->arena, SQLSTATE_SYNTAX_ERROR, 0,
                             "column alias list for \"%s\" has too many entries", from->alias.name);
    for (uint32_t i = 0; i < from->alias.columns.count; i++) columns[i].name = from->alias.columns.items[i];
    for (uint32_t i = first; i < end; i++) {
        s->binder.scope.items[i].only_qualified = true;
        if (from->alias.name != NULL) s->binder.scope.items[i].unseen = true;
    }
    struct scope_item *item = push_item(s);
    if (item == NULL) return sql_error_out_of_memory(s->x->error);
    *item = (struct scope_item){.name = from->alias.name, .columns = columns, .column_count = count, .join = true};
    if (from->using_alias == NULL) return true;
    item = push_item(s); /* USING (..) AS name: the merged columns alone */
    if (item == NULL) return sql_error_out_of_memory(s->x->error);
    *item = (struct scope_item){.name = from->using_alias, .columns = merged, .column_count = names->count,
                                .join = true, .only_qualified = true};
    return true;
}

static bool join_condition(struct select *s, const struct sql_from_join *from, struct from_node *n, uint32_t first,
                           uint32_t middle)
{
    uint32_t end = s->binder.scope.item_count;
    struct sql_name_list names = from->using_columns;
    if (from->natural && !natural_names(s, first, middle, end, &names)) return false;
    if (from->on != NULL) {
        s->binder.scope.first = first;
        s->binder.scope.end = end;
        s->binder.clause = "JOIN conditions";
        n->on = bind_condition(&s->binder, from->on, "JOIN/ON");
        if (n->on == NULL) return false;
    }
    struct scope_column *merged = ARENA_ARRAY(s->x->arena, struct scope_column, names.count + 1);
    if (merged == NULL) return sql_error_out_of_memory(s->x->error);
    if (!join_pairs(s, from, n, &names, first, middle, end, merged)) return false;
    if (names.count == 0 && from->alias.name == NULL) return true;
    return join_item(s, from, &names, merged, first, middle, end);
}

static struct from_node *bind_join(struct select *s, const struct sql_from_join *from)
{
    struct scope *scope = &s->binder.scope;
    uint32_t first = scope->item_count;
    struct from_node *n = ARENA_NEW(s->x->arena, struct from_node);
    if (n == NULL) {
        sql_error_out_of_memory(s->x->error);
        return NULL;
    }
    n->type = from->join == SQL_JOIN_CROSS ? SQL_JOIN_INNER : from->join;
    n->left = bind_item(s, from->left);
    if (n->left == NULL) return NULL;
    uint32_t middle = scope->item_count;
    /* To the right of RIGHT and FULL nothing of the left may be used: it is not there for every row. */
    bool apart = from->join == SQL_JOIN_RIGHT || from->join == SQL_JOIN_FULL;
    for (uint32_t i = first; i < middle && apart; i++) scope->items[i].blocked++;
    n->right = bind_item(s, from->right);
    for (uint32_t i = first; i < middle && apart; i++) scope->items[i].blocked--;
    if (n->right == NULL || !check_names(s, first, middle)) return NULL;
    n->bits = n->left->bits | n->right->bits;
    n->needs = (n->left->needs | n->right->needs) & ~n->bits;
    n->offset = n->left->offset;
    n->count = n->left->count + n->right->count;
    if (!join_condition(s, from, n, first, middle)) return NULL;
    if (n->on != NULL && !exec_fold(s->x, n->on)) return NULL;
    return n;
}

static struct from_node *bind_item(struct select *s, const struct sql_node *node)
{
    switch ((enum sql_node_kind)node->kind) {
    case SQL_FROM_TABLE: return bind_table(s, sql_as_from_table(node));
    case SQL_FROM_SUBQUERY: return bind_subquery_item(s, sql_as_from_subquery(node));
    case SQL_FROM_FUNCTION: return bind_function(s, sql_as_from_function(node));
    case SQL_FROM_JOIN: return bind_join(s, sql_as_from_join(node));
    default: exec_unsupported(s->x, node->position, "this in FROM"); return NULL;
    }
}

bool from_bind(struct select *s)
{
    const struct sql_list *list = &s->node->from;
    for (uint32_t i = 0; i < list->count; i++) {
        uint32_t middle = s->binder.scope.item_count;
        struct from_node *item = bind_item(s, list->items[i]);
        if (item == NULL)
            return sql_error_is_set(s->x->error) ? false : sql_error_out_of_memory(s->x->error);
        if (!check_names(s, 0, middle)) return false;
        if (s->from == NULL) {
            s->from = item;
            continue;
        }
        struct from_node *n = ARENA_NEW(s->x->arena, struct from_node);
        if (n == NULL) return sql_error_out_of_memory(s->x->error);
        *n = (struct from_node){.type = SQL_JOIN_INNER, .left = s->from, .right = item,
                                .bits = s->from->bits | item->bits, .offset = s->from->offset,
                                .count = s->from->count + item->count};
        n->needs = (s->from->needs | item->needs) & ~n->bits;
        s->from = n;
    }
    see_all(s);
    s->row = ARENA_ARRAY(s->x->arena, struct sql_datum, s->width + 1);
    return s->row != NULL || sql_error_out_of_memory(s->x->error);
}
