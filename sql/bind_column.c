/* Columns: which one a name means, what PostgreSQL suggests when it means none, and what results
 * call theirs. */
#include "sql/bind_int.h"

#define DISTANCE_MAX 3 /* PostgreSQL's MAX_FUZZY_DISTANCE */
#define LETTERS_MAX  64

/* ---- suggestions ---- */

static uint32_t letters_of(const char *name, uint32_t *out)
{
    uint32_t count = 0;
    for (const uint8_t *p = (const uint8_t *)name; *p != 0 && count < LETTERS_MAX; p++) {
        if ((*p & 0xc0) == 0x80 && count > 0)
            out[count - 1] = out[count - 1] << 8 | *p;
        else
            out[count++] = *p;
    }
    return count;
}

/* Levenshtein's distance, in characters. */
static uint32_t distance(const char *a, const char *b)
{
    uint32_t x[LETTERS_MAX], y[LETTERS_MAX], row[LETTERS_MAX + 1];
    uint32_t x_count = letters_of(a, x), y_count = letters_of(b, y);
    for (uint32_t k = 0; k <= y_count; k++)
        row[k] = k;
    for (uint32_t i = 1; i <= x_count; i++) {
        uint32_t diagonal = row[0];
        row[0] = i;
        for (uint32_t k = 1; k <= y_count; k++) {
            uint32_t best = diagonal + (x[i - 1] != y[k - 1]);
            if (row[k] + 1 < best) best = row[k] + 1;
            if (row[k - 1] + 1 < best) best = row[k - 1] + 1;
            diagonal = row[k];
            row[k] = best;
        }
    }
    return row[y_count];
}

/* ---- what there is ---- */

static uint32_t column_count(const struct scope_item *item, const struct sql_table *t)
{
    return item != NULL ? item->column_count : t->column_count;
}
static const char *column_at(const struct scope_item *item, const struct sql_table *t, uint32_t at)
{
    return item != NULL ? item->columns[at].name : t->columns[at].name;
}

/* The nearest names so far: of the search for what was meant. */
struct nearest {
    const char *name;
    uint32_t best;
    const char *first, *second, *first_item, *second_item;
};

/* PostgreSQL's rule: the one or two nearest names, unless more than half of their letters differ. A qualifier that is
 * none counts by its distance, too. */
static void look_near(struct nearest *n, const char *item_name, const char *other, uint32_t penalty)
{
    uint32_t d = distance(other, n->name);
    if (d > strlen(n->name) / 2 || (d += penalty) > n->best) return;
    if (d < n->best) {
        n->best = d;
        n->first = other;
        n->first_item = item_name;
        n->second = NULL;
    } else if (n->second != NULL) { /* too many of them */
        n->best = d - 1;
        n->first = n->second = NULL;
    } else if (n->first != NULL) {
        n->second = other;
        n->second_item = item_name;
    } else if (d <= DISTANCE_MAX) {
        n->first = other;
        n->first_item = item_name;
    }
}

static bool hint_exact(struct binder *b, const char *name, const char *item_name)
{
    sql_error_hint(b->error, b->arena,
                   "There is a column named \"%s\" in table \"%s\", but it cannot "
                   "be referenced from this part of the query.",
                   name, item_name);
    return true;
}

static bool has_column(const struct scope_item *item, const struct sql_table *t, const char *name)
{
    for (uint32_t i = 0; i < column_count(item, t); i++)
        if (strcmp(column_at(item, t, i), name) == 0) return true;
    return false;
}

/* A name that this query or one around it has, and that cannot be used where it stands. */
static bool hint_unseen(struct binder *b, const char *name)
{
    for (const struct binder *at = b; at != NULL; at = at->around) {
        const struct scope *s = &at->scope;
        if (s->hidden != NULL && has_column(NULL, s->hidden, name)) return hint_exact(b, name, s->hidden->name);
        if (at != b && s->table != NULL && has_column(NULL, s->table, name)) return hint_exact(b, name, s->alias);
        for (uint32_t i = 0; i < s->item_count; i++)
            if (s->items[i].name != NULL && has_column(&s->items[i], NULL, name))
                return hint_exact(b, name, s->items[i].name);
    }
    return false;
}

static void look_in_scope(struct nearest *n, const struct scope *s, const char *qualifier)
{
    for (uint32_t i = 0; s->table != NULL && i < s->table->column_count; i++)
        look_near(n, s->alias, s->table->columns[i].name, qualifier == NULL ? 0 : distance(qualifier, s->alias));
    for (uint32_t i = 0; i < s->item_count; i++) {
        const struct scope_item *item = &s->items[i];
        if (item->name == NULL || item->join) continue;
        uint32_t penalty = qualifier == NULL ? 0 : distance(qualifier, item->name);
        for (uint32_t k = 0; k < item->column_count; k++) look_near(n, item->name, item->columns[k].name, penalty);
    }
}

static void suggest_column(struct binder *b, const char *qualifier, const char *name)
{
    struct nearest n = {.name = name, .best = DISTANCE_MAX + 1};
    for (const struct binder *at = b; at != NULL; at = at->around) look_in_scope(&n, &at->scope, qualifier);
    if (n.second != NULL)
        sql_error_hint(
            b->error, b->arena,
            "Perhaps you meant to reference the column \"%s.%s\" or the column \"%s.%s\".",
            n.first_item, n.first, n.second_item, n.second);
    else if (n.first != NULL)
        sql_error_hint(b->error, b->arena, "Perhaps you meant to reference the column \"%s.%s\".",
                       n.first_item, n.first);
}

/* Is there anything of that name, or a table that goes by another one here (*alias_out)? */
static bool is_around(const struct binder *b, const char *name, const char **alias_out, bool *blocked_out)
{
    for (const struct binder *at = b; at != NULL; at = at->around) {
        const struct scope *s = &at->scope;
        if (s->hidden != NULL && strcmp(s->hidden->name, name) == 0) return true;
        if (s->table != NULL && at != b && strcmp(s->alias, name) == 0) return true;
        if (s->table != NULL && strcmp(s->table->name, name) == 0) {
            *alias_out = s->alias;
            return true;
        }
        for (uint32_t i = 0; i < s->item_count; i++) {
            const struct scope_item *item = &s->items[i];
            if (item->name == NULL) continue;
            if (strcmp(item->name, name) == 0) {
                *blocked_out = item->blocked > 0;
                return true;
            }
            if (item->table_name == NULL || strcmp(item->table_name, name) != 0) continue;
            if (!item->unseen) *alias_out = item->name;
            return true;
        }
    }
    return false;
}

static struct expr *no_table(struct binder *b, const char *qualifier, uint32_t position)
{
    const char *alias = NULL;
    bool blocked = false, there = is_around(b, qualifier, &alias, &blocked);
    sql_error_set(b->error, b->arena, blocked ? SQLSTATE_INVALID_COLUMN_REFERENCE : SQLSTATE_UNDEFINED_TABLE, position,
                  there ? "invalid reference to FROM-clause entry for table \"%s\""
                        : "missing FROM-clause entry for table \"%s\"",
                  qualifier);
    if (blocked)
        sql_error_detail(b->error, b->arena, "The combining JOIN type must be INNER or LEFT for a LATERAL reference.");
    else if (alias != NULL)
        sql_error_hint(b->error, b->arena, "Perhaps you meant to reference the table alias \"%s\".", alias);
    else if (there)
        sql_error_hint(b->error, b->arena,
                       "There is an entry for table \"%s\", but it cannot be referenced "
                       "from this part of the query.",
                       qualifier);
    return NULL;
}

static struct expr *no_column(struct binder *b, const char *qualifier, const char *name,
                              uint32_t position)
{
    if (qualifier != NULL)
        sql_error_set(b->error, b->arena, SQLSTATE_UNDEFINED_COLUMN, position,
                      "column %s.%s does not exist", qualifier, name);
    else
        sql_error_set(b->error, b->arena, SQLSTATE_UNDEFINED_COLUMN, position,
                      "column \"%s\" does not exist", name);
    if (qualifier != NULL || !hint_unseen(b, name)) suggest_column(b, qualifier, name);
    return NULL;
}

static struct expr *ambiguous(struct binder *b, const char *name, uint32_t position)
{
    sql_error_set(b->error, b->arena, SQLSTATE_AMBIGUOUS_COLUMN, position, "column reference \"%s\" is ambiguous",
                  name);
    return NULL;
}

/* ---- one query's names ---- */

enum lookup { LOOKUP_FOUND, LOOKUP_NOTHING, LOOKUP_FAILED };

/* What the qualifier means in this query alone: an item, or the scope's table (*item_out NULL). */
static enum lookup find_qualifier(struct binder *b, const char *qualifier, bool schema, uint32_t position,
                                  const struct scope_item **item_out)
{
    const struct scope *s = &b->scope;
    *item_out = NULL;
    if (s->table != NULL && strcmp(qualifier, s->alias) == 0 && (!schema || strcmp(qualifier, s->table->name) == 0))
        return LOOKUP_FOUND;
    for (uint32_t i = s->first; i < s->end; i++) {
        const struct scope_item *item = &s->items[i];
        if (item->unseen || item->blocked > 0 || item->name == NULL || strcmp(item->name, qualifier) != 0) continue;
        if (schema && (item->table_name == NULL || strcmp(item->table_name, qualifier) != 0)) continue;
        if (*item_out != NULL) {
            sql_error_set(b->error, b->arena, SQLSTATE_AMBIGUOUS_ALIAS, position,
                          "table reference \"%s\" is ambiguous", qualifier);
            return LOOKUP_FAILED;
        }
        *item_out = item;
    }
    return *item_out != NULL ? LOOKUP_FOUND : LOOKUP_NOTHING;
}

struct expr *bind_scope_column(struct binder *b, const struct scope_column *c, uint32_t position)
{
    struct expr *e = bind_new(b, EXPR_COLUMN, c->type, position, 0);
    if (e == NULL) return NULL;
    if (c->merged != NULL) {
        *e = *c->merged;
        e->position = position;
        return e;
    }
    e->index = c->index;
    return e;
}

/* The column of that name among those of an item, or of the table. */
static enum lookup find_in(struct binder *b, const struct scope_item *item, const char *name, uint32_t position,
                           struct expr **out)
{
    const struct sql_table *t = b->scope.table;
    if (item == NULL && t == NULL) return LOOKUP_NOTHING;
    for (uint32_t i = 0; i < column_count(item, t); i++) {
        if (strcmp(column_at(item, t, i), name) != 0) continue;
        if (*out != NULL) {
            ambiguous(b, name, position);
            return LOOKUP_FAILED;
        }
        struct scope_column of_table = {.index = i};
        if (item == NULL) of_table.type = t->columns[i].type;
        *out = bind_scope_column(b, item == NULL ? &of_table : &item->columns[i], position);
        if (*out == NULL) return LOOKUP_FAILED;
        if (item == NULL) return LOOKUP_FOUND; /* its names differ */
    }
    return *out != NULL ? LOOKUP_FOUND : LOOKUP_NOTHING;
}

static enum lookup find_anywhere(struct binder *b, const char *name, uint32_t position, struct expr **out)
{
    const struct scope *s = &b->scope;
    if (s->table != NULL) return find_in(b, NULL, name, position, out);
    for (uint32_t i = s->first; i < s->end; i++) {
        if (s->items[i].only_qualified || s->items[i].unseen || s->items[i].blocked > 0) continue;
        if (find_in(b, &s->items[i], name, position, out) == LOOKUP_FAILED) return LOOKUP_FAILED;
    }
    return *out != NULL ? LOOKUP_FOUND : LOOKUP_NOTHING;
}

static bool names_excluded(const struct binder *b, const char *qualifier, bool schema)
{
    return b->scope.excluded && qualifier != NULL && !schema && strcmp(qualifier, "excluded") == 0;
}

/* ON CONFLICT: the row that was to be inserted lies behind the one that is there. */
static enum lookup find_beside_excluded(struct binder *b, const char *qualifier, bool schema, const char *name,
                                        uint32_t position, struct expr **out)
{
    enum lookup found = find_in(b, NULL, name, position, out);
    if (found != LOOKUP_FOUND) return found;
    if (names_excluded(b, qualifier, schema)) {
        (*out)->index += b->scope.table->column_count;
    } else if (qualifier == NULL) {
        ambiguous(b, name, position);
        return LOOKUP_FAILED;
    }
    return LOOKUP_FOUND;
}

static bool split_name(struct binder *b, const struct sql_column *c, const char **qualifier_out, bool *schema_out)
{
    uint32_t count = c->names.count;
    *qualifier_out = NULL;
    *schema_out = false;
    if (count > 3) return bind_unsupported(b, &c->node, "a reference to another database") != NULL;
    *qualifier_out = count > 1 ? c->names.items[count - 2] : NULL;
    *schema_out = count == 3;
    if (count == 3 && strcmp(c->names.items[0], "public") != 0)
        return no_table(b, *qualifier_out, c->node.position) != NULL;
    return true;
}

bool bind_qualifier(struct binder *b, const struct sql_column *c, const struct scope_item **item_out)
{
    const char *qualifier;
    bool schema;
    if (!split_name(b, c, &qualifier, &schema)) return false;
    ASSERT(qualifier != NULL);
    *item_out = NULL;
    if (names_excluded(b, qualifier, schema)) return true;
    switch (find_qualifier(b, qualifier, schema, c->node.position, item_out)) {
    case LOOKUP_FOUND: return true;
    case LOOKUP_FAILED: return false;
    case LOOKUP_NOTHING: break;
    }
    return no_table(b, qualifier, c->node.position) != NULL;
}

/* ---- columns ---- */

struct expr *bind_outer(struct binder *b, struct expr *value)
{
    struct outer **place = &b->outers;
    while (*place != NULL && !expr_equal((*place)->value, value)) place = &(*place)->next;
    if (*place == NULL) {
        struct outer *o = ARENA_NEW(b->arena, struct outer);
        if (o == NULL) return bind_no_memory(b);
        o->value = value;
        o->slot = SQL_NULL;
        *place = o;
        b->outer_count++;
    }
    struct expr *e = bind_new(b, EXPR_OUTER, value->type, value->position, 0);
    if (e != NULL) e->slot = &(*place)->slot;
    return e;
}

static bool may_name_columns(struct binder *b, const struct expr *e)
{
    if (b->columns != BIND_COLUMNS_NONE) return true;
    return sql_error_set(b->error, b->arena, SQLSTATE_INVALID_COLUMN_REFERENCE, e->position,
                         "argument of %s must not contain variables", b->clause);
}

/* In this query alone. `asker` words the errors. */
static enum lookup find_here(struct binder *b, struct binder *asker, const char *qualifier, bool schema,
                             const char *name, uint32_t position, struct expr **out)
{
    const struct scope_item *item = NULL;
    bool excluded = names_excluded(b, qualifier, schema);
    if (qualifier == NULL && !b->scope.excluded) return find_anywhere(b, name, position, out);
    enum lookup found = qualifier == NULL || excluded
                            ? LOOKUP_FOUND
                            : find_qualifier(b, qualifier, schema, position, &item);
    if (found != LOOKUP_FOUND) return found;
    found = qualifier == NULL || excluded ? find_beside_excluded(b, qualifier, schema, name, position, out)
                                          : find_in(b, item, name, position, out);
    if (found != LOOKUP_NOTHING || qualifier == NULL) return found;
    no_column(asker, qualifier, name, position);
    return LOOKUP_FAILED;
}

/* In this query, else in those around it whose names may be used. */
static enum lookup find_column(struct binder *b, struct binder *asker, const char *qualifier, bool schema,
                               const char *name, uint32_t position, struct expr **out)
{
    *out = NULL;
    enum lookup found = find_here(b, asker, qualifier, schema, name, position, out);
    if (found == LOOKUP_FOUND) return may_name_columns(b, *out) ? LOOKUP_FOUND : LOOKUP_FAILED;
    if (found == LOOKUP_FAILED || b->parent == NULL) return found;
    found = find_column(b->parent, asker, qualifier, schema, name, position, out);
    if (found == LOOKUP_FOUND) *out = bind_outer(b, *out);
    return *out == NULL && found == LOOKUP_FOUND ? LOOKUP_FAILED : found;
}

/* A name of an item alone is a row of it. */
static bool names_row(const struct binder *b, const char *name)
{
    for (; b != NULL; b = b->parent) {
        if (b->scope.table != NULL && strcmp(name, b->scope.alias) == 0) return true;
        for (uint32_t i = b->scope.first; i < b->scope.end; i++)
            if (b->scope.items[i].name != NULL && strcmp(name, b->scope.items[i].name) == 0) return true;
    }
    return false;
}

struct expr *bind_column(struct binder *b, const struct sql_column *c)
{
    if (c->star) return bind_unsupported(b, &c->node, "a row as a value");
    const char *name = c->names.items[c->names.count - 1], *qualifier;
    bool schema;
    struct expr *e = NULL;
    const struct sql_table *t = b->scope.table;
    if (t != NULL && c->names.count == 1 && b->columns == BIND_COLUMNS_ALLOWED && !b->scope.excluded) /* as nearly all do */
        for (uint32_t i = 0; i < t->column_count; i++) {
            if (strcmp(t->columns[i].name, name) != 0) continue;
            e = bind_new(b, EXPR_COLUMN, t->columns[i].type, c->node.position, 0);
            if (e != NULL) e->index = i;
            return e;
        }
    if (!split_name(b, c, &qualifier, &schema)) return NULL;
    if (b->columns == BIND_COLUMNS_NOT_IN_DEFAULT) {
        sql_error_set(b->error, b->arena, SQLSTATE_FEATURE_NOT_SUPPORTED, c->node.position,
                      "cannot use column reference in DEFAULT expression");
        return NULL;
    }
    enum lookup found = find_column(b, b, qualifier, schema, name, c->node.position, &e);
    if (found == LOOKUP_FOUND) return e;
    if (found == LOOKUP_FAILED) return NULL;
    if (qualifier != NULL) return no_table(b, qualifier, c->node.position);
    if (names_row(b, name)) return bind_unsupported(b, &c->node, "a row as a value");
    return no_column(b, NULL, name, c->node.position);
}

static const char *column_name(const struct sql_node *node, bool *strong_out);

/* That of its only column. */
static const char *subquery_name(const struct sql_subquery *n)
{
    if (n->subquery == SQL_SUBQUERY_EXISTS) return "exists";
    if (n->subquery == SQL_SUBQUERY_ARRAY) return "array";
    const struct sql_select *query = n->query;
    while (query->op != SQL_SELECT_PLAIN && query->op != SQL_SELECT_VALUES) query = query->left;
    if (query->op == SQL_SELECT_VALUES) return "column1";
    if (query->targets.count == 0) return "?column?";
    const struct sql_target *t = &query->targets.items[0];
    return t->alias != NULL ? t->alias : bind_column_name(t->expr);
}

/* strong_out: a name that a cast or CASE around it does not replace. NULL: none. */
static const char *column_name(const struct sql_node *node, bool *strong_out)
{
    *strong_out = true;
    switch ((enum sql_node_kind)node->kind) {
    case SQL_EXPR_COLUMN: {
        const struct sql_column *c = sql_as_column(node);
        if (c->star) return NULL;
        return c->names.items[c->names.count - 1];
    }
    case SQL_EXPR_CALL: return sql_as_call_expr(node)->name.name;
    case SQL_EXPR_CAST: {
        const struct sql_cast *c = sql_as_cast(node);
        const char *inner = column_name(c->arg, strong_out);
        if (*strong_out && inner != NULL) return inner;
        *strong_out = false;
        return c->type.name.name;
    }
    case SQL_EXPR_CASE: {
        const struct sql_case *c = sql_as_case(node);
        const char *inner = c->otherwise == NULL ? NULL : column_name(c->otherwise, strong_out);
        if (*strong_out && inner != NULL) return inner;
        *strong_out = false;
        return "case";
    }
    case SQL_EXPR_SUBQUERY: return subquery_name(sql_as_subquery(node));
    case SQL_EXPR_ROW: return "row";
    case SQL_EXPR_COALESCE: return "coalesce";
    case SQL_EXPR_GREATEST: return "greatest";
    case SQL_EXPR_LEAST: return "least";
    case SQL_EXPR_NULLIF: return "nullif";
    case SQL_EXPR_VALUE_FUNCTION: {
        static const char *const names[] = {
            "",          "current_date",   "current_time",    "current_timestamp",
            "localtime", "localtimestamp", "current_role",    "current_user",
            "user",      "session_user",   "current_catalog", "current_schema"};
        return names[sql_as_value_function_expr(node)->function];
    }
    default: return NULL;
    }
}

const char *bind_column_name(const struct sql_node *node)
{
    bool strong;
    const char *name = column_name(node, &strong);
    return name != NULL ? name : "?column?";
}
