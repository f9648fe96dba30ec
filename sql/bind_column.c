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

/* PostgreSQL's rule: the one or two nearest names, unless more than half of their letters differ.
 */
static void suggest_column(struct binder *b, const char *name)
{
    const struct sql_table *t = b->scope.table;
    uint32_t best = DISTANCE_MAX + 1;
    const char *first = NULL, *second = NULL;
    for (uint32_t i = 0; i < t->column_count; i++) {
        const char *other = t->columns[i].name;
        uint32_t d = distance(other, name);
        if (d > strlen(name) / 2 || d > best) continue;
        if (d < best) {
            best = d;
            first = other;
            second = NULL;
        } else if (second != NULL) { /* too many of them */
            best = d - 1;
            first = second = NULL;
        } else if (first != NULL) {
            second = other;
        } else if (d <= DISTANCE_MAX) {
            first = other;
        }
    }
    if (second != NULL)
        sql_error_hint(
            b->error, b->arena,
            "Perhaps you meant to reference the column \"%s.%s\" or the column \"%s.%s\".",
            b->scope.alias, first, b->scope.alias, second);
    else if (first != NULL)
        sql_error_hint(b->error, b->arena, "Perhaps you meant to reference the column \"%s.%s\".",
                       b->scope.alias, first);
}

static struct expr *no_table(struct binder *b, const char *qualifier, uint32_t position)
{
    const struct sql_table *t = b->scope.table, *hidden = b->scope.hidden;
    bool renamed = t != NULL && strcmp(t->name, qualifier) == 0;
    bool is_hidden = hidden != NULL && strcmp(hidden->name, qualifier) == 0;
    sql_error_set(b->error, b->arena, SQLSTATE_UNDEFINED_TABLE, position,
                  renamed || is_hidden ? "invalid reference to FROM-clause entry for table \"%s\""
                                       : "missing FROM-clause entry for table \"%s\"",
                  qualifier);
    if (renamed)
        sql_error_hint(b->error, b->arena, "Perhaps you meant to reference the table alias \"%s\".",
                       b->scope.alias);
    else if (is_hidden)
        sql_error_hint(b->error, b->arena,
                       "There is an entry for table \"%s\", but it cannot be referenced "
                       "from this part of the query.",
                       qualifier);
    return NULL;
}

static struct expr *no_column(struct binder *b, const char *qualifier, const char *name,
                              uint32_t position)
{
    const struct sql_table *hidden = b->scope.hidden;
    if (qualifier != NULL)
        sql_error_set(b->error, b->arena, SQLSTATE_UNDEFINED_COLUMN, position,
                      "column %s.%s does not exist", qualifier, name);
    else
        sql_error_set(b->error, b->arena, SQLSTATE_UNDEFINED_COLUMN, position,
                      "column \"%s\" does not exist", name);
    if (b->scope.table != NULL) suggest_column(b, name);
    for (uint32_t i = 0; hidden != NULL && i < hidden->column_count; i++)
        if (strcmp(hidden->columns[i].name, name) == 0)
            sql_error_hint(b->error, b->arena,
                           "There is a column named \"%s\" in table \"%s\", but it cannot "
                           "be referenced from this part of the query.",
                           name, hidden->name);
    return NULL;
}

/* ---- columns ---- */

static bool names_excluded(const struct binder *b, const struct sql_column *c)
{
    return b->scope.excluded && c->names.count == 2 && strcmp(c->names.items[0], "excluded") == 0;
}

bool bind_qualifier(struct binder *b, const struct sql_column *c)
{
    uint32_t count = c->names.count;
    if (count < 2) return true;
    if (count > 3) return bind_unsupported(b, &c->node, "a reference to another database") != NULL;
    const char *qualifier = c->names.items[count - 2];
    const struct sql_table *t = b->scope.table;
    bool known = t != NULL && strcmp(qualifier, b->scope.alias) == 0;
    if (count == 2 && names_excluded(b, c)) return true;
    if (count > 2)
        known = known && count == 3 && strcmp(c->names.items[0], "public") == 0 &&
                strcmp(qualifier, t->name) == 0;
    return known || no_table(b, qualifier, c->node.position) != NULL;
}

struct expr *bind_column(struct binder *b, const struct sql_column *c)
{
    if (c->star) return bind_unsupported(b, &c->node, "a row as a value");
    const struct sql_table *t = b->scope.table;
    const char *name = c->names.items[c->names.count - 1];
    if (!bind_qualifier(b, c)) return NULL;
    for (uint32_t i = 0; t != NULL && i < t->column_count; i++) {
        if (strcmp(t->columns[i].name, name) != 0) continue;
        if (b->columns == BIND_COLUMNS_NONE) {
            sql_error_set(b->error, b->arena, SQLSTATE_INVALID_COLUMN_REFERENCE, c->node.position,
                          "argument of %s must not contain variables", b->clause);
            return NULL;
        }
        if (b->columns == BIND_COLUMNS_NOT_IN_DEFAULT) break;
        if (b->scope.excluded && c->names.count == 1) {
            sql_error_set(b->error, b->arena, SQLSTATE_AMBIGUOUS_COLUMN, c->node.position,
                          "column reference \"%s\" is ambiguous", name);
            return NULL;
        }
        struct expr *e = bind_new(b, EXPR_COLUMN, t->columns[i].type, c->node.position, 0);
        if (e != NULL) e->index = names_excluded(b, c) ? t->column_count + i : i;
        return e;
    }
    if (b->columns == BIND_COLUMNS_NOT_IN_DEFAULT) {
        sql_error_set(b->error, b->arena, SQLSTATE_FEATURE_NOT_SUPPORTED, c->node.position,
                      "cannot use column reference in DEFAULT expression");
        return NULL;
    }
    if (c->names.count == 1 && t != NULL && strcmp(name, b->scope.alias) == 0)
        return bind_unsupported(b, &c->node, "a row as a value");
    return no_column(b, c->names.count > 1 ? c->names.items[c->names.count - 2] : NULL, name,
                     c->node.position);
}

/* strong_out: a name that a cast or CASE around it does not replace. NULL: none. */
static const char *column_name(const struct sql_node *node, bool *strong_out)
{
    *strong_out = true;
    switch ((enum sql_node_kind)node->kind) {
    case SQL_EXPR_COLUMN: {
        const struct sql_column *c = sql_as_column(node);
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
