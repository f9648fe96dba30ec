/* FROM: tables, subqueries, functions and joins. */
#include "sql/parser_int.h"

static const struct sql_node *table_ref(struct sql_parser *p);

struct sql_name parser_relation(struct sql_parser *p, bool *only_out)
{
    *only_out = parser_accept_kw(p, SQL_KW_ONLY);
    if (*only_out && parser_accept(p, '(')) {
        struct sql_name name = parser_qualified_name(p);
        parser_expect(p, ')');
        return name;
    }
    struct sql_name name = parser_qualified_name(p);
    if (!*only_out) parser_accept(p, '*');
    return name;
}

static bool at_join(const struct sql_parser *p)
{
    switch (p->token.keyword) {
    case SQL_KW_CROSS:
    case SQL_KW_FULL:
    case SQL_KW_INNER:
    case SQL_KW_JOIN:
    case SQL_KW_LEFT:
    case SQL_KW_NATURAL:
    case SQL_KW_RIGHT: return true;
    default: return false;
    }
}

/* --- Aliases --- */

/* [AS] name; false when there is none. */
static bool alias_name(struct sql_parser *p, struct sql_alias *alias)
{
    if (parser_at_as_of(p)) return false;
    if (!parser_accept_kw(p, SQL_KW_AS) && !parser_at_name(p, PARSER_COL_ID)) return false;
    alias->name = parser_col_id(p);
    return true;
}

static void opt_alias(struct sql_parser *p, struct sql_alias *alias)
{
    if (alias_name(p, alias)) alias->columns = parser_opt_name_list(p);
}

/* (name type [COLLATE c], ...) */
PARSER_APART static void function_columns(struct sql_parser *p, struct sql_from_function *node)
{
    struct parser_vec columns = {NULL, 0, 0};
    parser_expect(p, '(');
    do {
        struct sql_column_definition column = {.position = p->token.position};
        column.name = parser_col_id(p);
        parser_type(p, &column.type);
        if (parser_accept_kw(p, SQL_KW_COLLATE)) column.collation = parser_any_name(p);
        *PARSER_PUSH(p, &columns, struct sql_column_definition) = column;
    } while (parser_accept(p, ','));
    parser_expect(p, ')');
    node->columns = columns.items;
    node->column_count = columns.count;
}

/* Like opt_alias, but the columns may have types. */
static void function_alias(struct sql_parser *p, struct sql_from_function *node)
{
    if (parser_at_kw(p, SQL_KW_AS) && parser_peek(p, 1)->kind == '(') {
        parser_next(p);
        function_columns(p, node);
        return;
    }
    if (!alias_name(p, &node->alias) || !parser_at(p, '(')) return;
    uint16_t after_name = parser_peek(p, 2)->kind;
    bool typed = parser_token_is_name(parser_peek(p, 1), PARSER_COL_ID) && after_name != ',' &&
                 after_name != ')';
    if (typed)
        function_columns(p, node);
    else
        node->alias.columns = parser_paren_name_list(p);
}

/* --- Items --- */

static const struct sql_node *from_function(struct sql_parser *p, const struct sql_node *call,
                                            bool lateral, uint32_t position)
{
    struct sql_from_function *node = PARSER_NODE(p, sql_from_function, SQL_FROM_FUNCTION, position);
    node->lateral = lateral;
    node->call = call;
    node->ordinality = parser_accept_kw2(p, SQL_KW_WITH, SQL_KW_ORDINALITY);
    function_alias(p, node);
    return &node->node;
}

static bool at_keyword_call(struct sql_parser *p)
{
    if (!parser_at(p, SQL_TOKEN_KEYWORD)) return false;
    if (parser_at_name(p, PARSER_UNRESERVED)) return false;
    if (!parser_at_name(p, PARSER_COL_NAME)) return true;
    return parser_at_special_call(p);
}

PARSER_APART static const struct sql_node *table_or_function(struct sql_parser *p, bool lateral)
{
    uint32_t position = p->token.position;
    if (parser_at_kw(p, SQL_KW_XMLTABLE)) parser_unsupported(p, position, "XMLTABLE");
    if (parser_accept_kw2(p, SQL_KW_ROWS, SQL_KW_FROM)) {
        parser_expect(p, '(');
        parser_unsupported(p, position, "ROWS FROM");
    }
    bool only_word = parser_at_kw(p, SQL_KW_ONLY);
    if (!only_word && at_keyword_call(p))
        return from_function(p, parser_keyword_call(p), lateral, position);
    struct sql_from_table *node = PARSER_NODE(p, sql_from_table, SQL_FROM_TABLE, position);
    if (only_word) {
        node->name = parser_relation(p, &node->only);
    } else {
        bool function = parser_at_name(p, PARSER_TYPE_FUNCTION_NAME);
        node->name = parser_qualified_name(p);
        if (parser_at(p, '(') && (function || node->name.schema != NULL))
            return from_function(p, parser_call_rest(p, node->name, false), lateral, position);
    }
    if (lateral) parser_fail_here(p);
    if (!only_word) parser_accept(p, '*');
    opt_alias(p, &node->alias);
    if (parser_at_kw(p, SQL_KW_TABLESAMPLE))
        parser_unsupported(p, p->token.position, "TABLESAMPLE");
    return &node->node;
}

/* Behind the query's closing parenthesis. */
PARSER_APART static const struct sql_node *
subquery(struct sql_parser *p, const struct sql_select *query, bool lateral, uint32_t position)
{
    struct sql_from_subquery *node = PARSER_NODE(p, sql_from_subquery, SQL_FROM_SUBQUERY, position);
    node->lateral = lateral;
    node->query = query;
    opt_alias(p, &node->alias);
    if (node->alias.name != NULL || p->failed) return &node->node;
    bool values = query->op == SQL_SELECT_VALUES;
    parser_fail(p, SQLSTATE_SYNTAX_ERROR, position, "%s in FROM must have an alias",
                values ? "VALUES" : "subquery");
    sql_error_hint(p->error, p->arena, "For example, FROM (%s ...) [AS] foo.",
                   values ? "VALUES" : "SELECT");
    return &node->node;
}

static const struct sql_node *join_steps(struct sql_parser *p, const struct sql_node *left);

struct from_content {
    const struct sql_select *query; /* or */
    struct sql_from_join *join;
};

static struct from_content from_content(struct sql_parser *p);

/* The join that table_ref or join_steps has just made; when they made none, that is an error here:
 * PostgreSQL has no parentheses around a single table. */
static struct sql_from_join *as_join(struct sql_parser *p, const struct sql_node *node)
{
    if (node->kind != SQL_FROM_JOIN) {
        parser_fail_here(p);
        return PARSER_NODE(p, sql_from_join, SQL_FROM_JOIN, 0);
    }
    /* Nobody else has seen it yet: its alias may still be set. */
    return (struct sql_from_join *)(uintptr_t)node;
}

/* `((` ...: what follows the inner parentheses decides whether the outer ones hold their query, a
 * longer query, or a join. */
PARSER_APART static struct from_content nested_content(struct sql_parser *p)
{
    uint32_t position = p->token.position;
    parser_expect(p, '(');
    struct from_content inner = from_content(p);
    parser_expect(p, ')');
    if (parser_at(p, ')')) return inner;
    const struct sql_node *left;
    if (inner.query == NULL) {
        opt_alias(p, &inner.join->alias);
        left = &inner.join->node;
    } else if (parser_at_query_rest(p)) {
        return (struct from_content){parser_query_rest(p, NULL, inner.query), NULL};
    } else {
        bool goes_on = at_join(p) || parser_at_kw(p, SQL_KW_AS) || parser_at_name(p, PARSER_COL_ID);
        if (!goes_on) parser_fail_here(p);
        left = subquery(p, inner.query, false, position);
    }
    if (!at_join(p)) parser_fail_here(p);
    return (struct from_content){NULL, as_join(p, join_steps(p, left))};
}

/* Behind an opening parenthesis: a query or a join. */
static struct from_content from_content(struct sql_parser *p)
{
    struct from_content content = {NULL, NULL};
    if (!parser_enter(p)) {
        content.join = as_join(p, &parser_failed_node);
        return content;
    }
    if (parser_at_query(p))
        content.query = parser_query(p);
    else if (parser_at(p, '('))
        content = nested_content(p);
    else
        content.join = as_join(p, table_ref(p));
    parser_leave(p);
    return content;
}

static const struct sql_node *from_item(struct sql_parser *p)
{
    uint32_t position = p->token.position;
    bool lateral = parser_accept_kw(p, SQL_KW_LATERAL);
    if (lateral && parser_at(p, '(')) {
        position = p->token.position;
        return subquery(p, parser_paren_query(p), true, position);
    }
    if (!parser_accept(p, '(')) return table_or_function(p, lateral);
    struct from_content content = from_content(p);
    parser_expect(p, ')');
    if (content.query != NULL) return subquery(p, content.query, false, position);
    opt_alias(p, &content.join->alias);
    return &content.join->node;
}

/* --- Joins --- */

static enum sql_join_type join_type(struct sql_parser *p)
{
    enum sql_join_type type = SQL_JOIN_INNER;
    if (parser_at_kw(p, SQL_KW_LEFT))
        type = SQL_JOIN_LEFT;
    else if (parser_at_kw(p, SQL_KW_RIGHT))
        type = SQL_JOIN_RIGHT;
    else if (parser_at_kw(p, SQL_KW_FULL))
        type = SQL_JOIN_FULL;
    if (type != SQL_JOIN_INNER) {
        parser_next(p);
        parser_accept_kw(p, SQL_KW_OUTER);
    } else {
        parser_accept_kw(p, SQL_KW_INNER);
    }
    parser_expect_kw(p, SQL_KW_JOIN);
    return type;
}

static void join_condition(struct sql_parser *p, struct sql_from_join *join)
{
    if (parser_accept_kw(p, SQL_KW_USING)) {
        join->using_columns = parser_paren_name_list(p);
        if (parser_at_as_of(p) || !parser_accept_kw(p, SQL_KW_AS)) return;
        join->using_alias = parser_col_id(p);
        return;
    }
    parser_expect_kw(p, SQL_KW_ON);
    join->on = parser_expr(p);
}

static const struct sql_node *join_step(struct sql_parser *p, const struct sql_node *left)
{
    struct sql_from_join *join = PARSER_NODE(p, sql_from_join, SQL_FROM_JOIN, p->token.position);
    join->left = left;
    parser_wrap(p);
    if (parser_accept_kw(p, SQL_KW_CROSS)) {
        parser_expect_kw(p, SQL_KW_JOIN);
        join->join = SQL_JOIN_CROSS;
        join->right = from_item(p);
        return &join->node;
    }
    join->natural = parser_accept_kw(p, SQL_KW_NATURAL);
    join->join = join_type(p);
    join->right = from_item(p);
    if (join->natural) return &join->node;
    /* a JOIN b JOIN c ON .. ON ..: the second join is part of the first one's right side. */
    if (at_join(p) && parser_enter(p)) {
        while (at_join(p))
            join->right = join_step(p, join->right);
        parser_leave(p);
    }
    join_condition(p, join);
    return &join->node;
}

static const struct sql_node *join_steps(struct sql_parser *p, const struct sql_node *left)
{
    while (at_join(p))
        left = join_step(p, left);
    return left;
}

static const struct sql_node *table_ref(struct sql_parser *p)
{
    return join_steps(p, from_item(p));
}

struct sql_list parser_from_list(struct sql_parser *p)
{
    struct parser_vec items = {NULL, 0, 0};
    do
        parser_push_node(p, &items, table_ref(p));
    while (parser_accept(p, ','));
    return parser_list(&items);
}
