/* Operands: constants, columns, parameters, parentheses, CASE, ARRAY, ROW. */
#include "sql/parser_int.h"

/* --- Indirection --- */

/* Stands at a dot or bracket. */
static void step(struct sql_parser *p, struct sql_step *s)
{
    s->position = p->token.position;
    if (parser_accept(p, '.')) {
        s->kind = parser_at(p, '*') ? SQL_STEP_STAR : SQL_STEP_FIELD;
        if (!parser_accept(p, '*')) s->field = parser_name(p, PARSER_COL_LABEL);
        return;
    }
    parser_expect(p, '[');
    s->kind = SQL_STEP_SUBSCRIPT;
    if (!parser_at(p, ':')) s->low = parser_expr(p);
    if (parser_accept(p, ':')) {
        s->kind = SQL_STEP_SLICE;
        if (!parser_at(p, ']')) s->high = parser_expr(p);
    }
    parser_expect(p, ']');
}

static bool at_step(const struct sql_parser *p)
{
    return parser_at(p, '.') || parser_at(p, '[');
}

struct sql_steps parser_opt_steps(struct sql_parser *p)
{
    struct parser_vec steps = {NULL, 0, 0};
    bool misused = false;
    while (at_step(p)) {
        struct sql_step s = {.position = 0};
        step(p, &s);
        misused = misused || (s.kind == SQL_STEP_STAR && at_step(p));
        *PARSER_PUSH(p, &steps, struct sql_step) = s;
    }
    if (misused) parser_fail_near(p, "improper use of \"*\"");
    return (struct sql_steps){steps.items, steps.count};
}

const struct sql_node *parser_opt_indirection(struct sql_parser *p, const struct sql_node *arg)
{
    if (!at_step(p)) return arg;
    struct sql_indirection *node =
        PARSER_NODE(p, sql_indirection, SQL_EXPR_INDIRECTION, arg->position);
    node->arg = arg;
    node->steps = parser_opt_steps(p);
    parser_wrap(p);
    return &node->node;
}

/* --- Parentheses --- */

PARSER_APART static const struct sql_node *make_subquery(struct sql_parser *p,
                                                         enum sql_subquery_kind kind,
                                                         const struct sql_select *query,
                                                         uint32_t position)
{
    struct sql_subquery *node = PARSER_NODE(p, sql_subquery, SQL_EXPR_SUBQUERY, position);
    node->subquery = kind;
    node->query = query;
    return &node->node;
}

/* Behind the first field of what may be a row; consumes the closing parenthesis. */
PARSER_APART static const struct sql_node *
finish_parentheses(struct sql_parser *p, const struct sql_node *first, uint32_t position)
{
    if (!parser_at(p, ',')) {
        parser_expect(p, ')');
        return parser_opt_indirection(p, first);
    }
    struct sql_row *node = PARSER_NODE(p, sql_row, SQL_EXPR_ROW, position);
    struct parser_vec fields = {NULL, 0, 0};
    parser_push_node(p, &fields, first);
    while (parser_accept(p, ','))
        parser_push_node(p, &fields, parser_expr(p));
    parser_expect(p, ')');
    node->fields = parser_list(&fields);
    return &node->node;
}

/* `((` ...: the inner parentheses hold a query or an expression; what follows them decides whether
 * the outer ones hold that query, a longer query, or an expression that begins with it. */
PARSER_APART static struct parser_content nested_content(struct sql_parser *p)
{
    uint32_t position = p->token.position;
    parser_expect(p, '(');
    struct parser_content inner = parser_paren_content(p);
    const struct sql_node *left;
    if (inner.query != NULL) {
        parser_expect(p, ')');
        if (parser_at(p, ')')) return inner;
        if (parser_at_query_rest(p))
            return (struct parser_content){parser_query_rest(p, NULL, inner.query), NULL};
        left = make_subquery(p, SQL_SUBQUERY_SCALAR, inner.query, position);
        left = parser_opt_indirection(p, left);
    } else {
        left = finish_parentheses(p, inner.expr, position);
    }
    return (struct parser_content){NULL, parser_expr_rest(p, left)};
}

struct parser_content parser_paren_content(struct sql_parser *p)
{
    struct parser_content content = {NULL, &parser_failed_node};
    if (parser_at_query(p)) {
        content = (struct parser_content){parser_query(p), NULL};
    } else if (!parser_at(p, '(')) {
        content.expr = parser_expr(p);
    } else if (parser_enter(p)) {
        content = nested_content(p);
        parser_leave(p);
    }
    return content;
}

PARSER_APART static const struct sql_node *parentheses(struct sql_parser *p)
{
    uint32_t position = p->token.position;
    parser_expect(p, '(');
    struct parser_content content = parser_paren_content(p);
    if (content.query == NULL) return finish_parentheses(p, content.expr, position);
    parser_expect(p, ')');
    const struct sql_node *node = make_subquery(p, SQL_SUBQUERY_SCALAR, content.query, position);
    return parser_opt_indirection(p, node);
}

/* --- CASE, ARRAY, ROW --- */

PARSER_APART static const struct sql_node *case_expr(struct sql_parser *p)
{
    struct sql_case *node = PARSER_NODE(p, sql_case, SQL_EXPR_CASE, p->token.position);
    parser_expect_kw(p, SQL_KW_CASE);
    if (!parser_at_kw(p, SQL_KW_WHEN)) node->arg = parser_expr(p);
    struct parser_vec whens = {NULL, 0, 0};
    do {
        parser_expect_kw(p, SQL_KW_WHEN);
        struct sql_when when = {.condition = parser_expr(p)};
        parser_expect_kw(p, SQL_KW_THEN);
        when.result = parser_expr(p);
        *PARSER_PUSH(p, &whens, struct sql_when) = when;
    } while (parser_at_kw(p, SQL_KW_WHEN));
    if (parser_accept_kw(p, SQL_KW_ELSE)) node->otherwise = parser_expr(p);
    parser_expect_kw(p, SQL_KW_END);
    node->whens = whens.items;
    node->when_count = whens.count;
    return &node->node;
}

/* [a, b] or [[a], [b]] or []. */
PARSER_APART static const struct sql_node *array_items(struct sql_parser *p)
{
    struct sql_expr_list *node = PARSER_NODE(p, sql_expr_list, SQL_EXPR_ARRAY, p->token.position);
    if (!parser_enter(p)) return &node->node;
    parser_expect(p, '[');
    struct parser_vec items = {NULL, 0, 0};
    bool nested = parser_at(p, '[');
    if (!parser_at(p, ']')) {
        do
            parser_push_node(p, &items, nested ? array_items(p) : parser_expr(p));
        while (parser_accept(p, ','));
    }
    parser_expect(p, ']');
    node->list = parser_list(&items);
    parser_leave(p);
    return &node->node;
}

PARSER_APART static const struct sql_node *array(struct sql_parser *p)
{
    uint32_t position = p->token.position;
    parser_expect_kw(p, SQL_KW_ARRAY);
    if (parser_at(p, '('))
        return make_subquery(p, SQL_SUBQUERY_ARRAY, parser_paren_query(p), position);
    return array_items(p);
}

PARSER_APART static const struct sql_node *row(struct sql_parser *p)
{
    struct sql_row *node = PARSER_NODE(p, sql_row, SQL_EXPR_ROW, p->token.position);
    node->explicit_row = true;
    parser_expect_kw(p, SQL_KW_ROW);
    parser_expect(p, '(');
    if (!parser_at(p, ')')) node->fields = parser_expr_list(p);
    parser_expect(p, ')');
    return &node->node;
}

PARSER_APART static const struct sql_node *exists(struct sql_parser *p)
{
    uint32_t position = p->token.position;
    parser_expect_kw(p, SQL_KW_EXISTS);
    return make_subquery(p, SQL_SUBQUERY_EXISTS, parser_paren_query(p), position);
}

PARSER_APART static const struct sql_node *grouping(struct sql_parser *p)
{
    struct sql_expr_list *node =
        PARSER_NODE(p, sql_expr_list, SQL_EXPR_GROUPING, p->token.position);
    parser_expect_kw(p, SQL_KW_GROUPING);
    parser_expect(p, '(');
    node->list = parser_expr_list(p);
    parser_expect(p, ')');
    return &node->node;
}

/* --- Constants --- */

static const struct sql_node *string(struct sql_parser *p)
{
    const struct sql_node *node =
        parser_const_string(p, p->token.text, p->token.text_size, p->token.position);
    parser_next(p);
    return node;
}

PARSER_APART static const struct sql_node *bit_string(struct sql_parser *p)
{
    struct sql_const *node = PARSER_NODE(p, sql_const, SQL_EXPR_CONST, p->token.position);
    node->type = parser_at(p, SQL_TOKEN_BIT_STRING) ? SQL_CONST_BIT : SQL_CONST_HEX;
    node->text = p->token.text;
    node->text_size = p->token.text_size;
    parser_next(p);
    return &node->node;
}

const struct sql_node *parser_typed_literal(struct sql_parser *p, const struct sql_type_name *type)
{
    if (!parser_at(p, SQL_TOKEN_STRING)) {
        parser_fail_here(p);
        return &parser_failed_node;
    }
    return parser_make_cast(p, string(p), type, type->name.position);
}

/* INT '1', INTERVAL '1' DAY, TIMESTAMP WITH TIME ZONE '...'. */
PARSER_APART static const struct sql_node *own_type_literal(struct sql_parser *p)
{
    bool interval = parser_at_kw(p, SQL_KW_INTERVAL);
    struct sql_type_name type;
    parser_own_type(p, &type, true);
    if (!interval || type.modifiers.count > 0) return parser_typed_literal(p, &type);
    if (!parser_at(p, SQL_TOKEN_STRING)) return parser_typed_literal(p, &type);
    const struct sql_node *literal = string(p);
    parser_interval_fields(p, &type);
    return parser_make_cast(p, literal, &type, type.name.position);
}

PARSER_APART static const struct sql_node *param(struct sql_parser *p)
{
    struct sql_param *node = PARSER_NODE(p, sql_param, SQL_EXPR_PARAM, p->token.position);
    int64_t number = p->token.integer;
    if (number < 1 || number > SQL_PARAM_MAX) {
        parser_fail(p, SQLSTATE_UNDEFINED_PARAMETER, p->token.position,
                    "there is no parameter $%lld", (long long)number);
        return &node->node;
    }
    node->number = (uint32_t)number;
    if (node->number > p->param_max) p->param_max = node->number;
    parser_next(p);
    return parser_opt_indirection(p, &node->node);
}

/* --- Names --- */

/* Whether a dotted name goes on: not before a subscript, and a star ends it. */
static bool column_name(struct sql_parser *p, struct parser_vec *names, bool *star_out)
{
    if (!parser_accept(p, '.')) return false;
    if (parser_accept(p, '*')) {
        *star_out = true;
        return false;
    }
    *PARSER_PUSH(p, names, const char *) = parser_name(p, PARSER_COL_LABEL);
    return true;
}

static struct sql_name name_of(struct sql_parser *p, const struct sql_name_list *names,
                               uint32_t position)
{
    const char *const *parts = names->items;
    if (names->count == 1) return (struct sql_name){.name = parts[0], .position = position};
    if (names->count == 2)
        return (struct sql_name){.schema = parts[0], .name = parts[1], .position = position};
    if (names->count > 3)
        parser_fail(p, SQLSTATE_SYNTAX_ERROR, position,
                    "improper qualified name (too many dotted names)");
    if (p->failed) return (struct sql_name){.name = ""};
    return (struct sql_name){
        .catalog = parts[0], .schema = parts[1], .name = parts[2], .position = position};
}

/* The parts of a dotted name. */
PARSER_APART static struct sql_name_list dotted_name(struct sql_parser *p, bool column,
                                                     bool *star_out)
{
    struct parser_vec names = {NULL, 0, 0};
    *PARSER_PUSH(p, &names, const char *) =
        parser_name(p, column ? PARSER_COL_ID : PARSER_TYPE_FUNCTION_NAME);
    while (column && column_name(p, &names, star_out))
        continue;
    return parser_name_list(&names);
}

/* name 'literal' */
PARSER_APART static const struct sql_node *named_literal(struct sql_parser *p,
                                                         const struct sql_name *name)
{
    struct sql_type_name type = {.name = *name};
    return parser_typed_literal(p, &type);
}

PARSER_APART static const struct sql_node *column(struct sql_parser *p, struct sql_name_list names,
                                                  bool star, uint32_t position)
{
    struct sql_column *node = PARSER_NODE(p, sql_column, SQL_EXPR_COLUMN, position);
    node->names = names;
    node->star = star;
    if (!star) return parser_opt_indirection(p, &node->node);
    if (at_step(p)) {
        parser_opt_steps(p);
        parser_fail_near(p, "improper use of \"*\"");
    }
    return &node->node;
}

/* A word: a column, a function's name before `(`, or a type's name before a string. TYPE_FUNC words
 * cannot be columns, and COL_NAME words cannot be functions unless they are qualified. */
PARSER_APART static const struct sql_node *named(struct sql_parser *p)
{
    uint32_t position = p->token.position;
    bool may_be_column = parser_at_name(p, PARSER_COL_ID), star = false;
    bool function = parser_at_name(p, PARSER_TYPE_FUNCTION_NAME);
    struct sql_name_list names = dotted_name(p, may_be_column, &star);
    function = (function || names.count > 1) && !star;
    if (function && parser_at(p, '(')) {
        struct sql_call_expr *call = PARSER_NODE(p, sql_call_expr, SQL_EXPR_CALL, position);
        call->name = name_of(p, &names, position);
        return parser_call_or_literal(p, call);
    }
    if (function && parser_at(p, SQL_TOKEN_STRING)) {
        struct sql_name name = name_of(p, &names, position);
        return named_literal(p, &name);
    }
    if (may_be_column) return column(p, names, star, position);
    parser_fail_here(p);
    return &parser_failed_node;
}

/* --- Value functions --- */

PARSER_APART static const struct sql_node *value_function(struct sql_parser *p,
                                                          enum sql_value_function function)
{
    struct sql_value_function_expr *node =
        PARSER_NODE(p, sql_value_function_expr, SQL_EXPR_VALUE_FUNCTION, p->token.position);
    node->function = function;
    node->precision = -1;
    parser_next(p);
    bool timed = function == SQL_VALUE_CURRENT_TIME || function == SQL_VALUE_CURRENT_TIMESTAMP ||
                 function == SQL_VALUE_LOCALTIME || function == SQL_VALUE_LOCALTIMESTAMP;
    if (timed && parser_accept(p, '(')) {
        node->precision = parser_integer(p);
        parser_expect(p, ')');
    }
    return &node->node;
}

/* Reserved words (and a few more) that start an operand. NULL: it is none of them. */
PARSER_APART static const struct sql_node *keyword_operand(struct sql_parser *p)
{
    uint32_t position = p->token.position;
    switch (p->token.keyword) {
    case SQL_KW_NULL: parser_next(p); return parser_const_null(p, position);
    case SQL_KW_TRUE: parser_next(p); return parser_const_bool(p, true, position);
    case SQL_KW_FALSE: parser_next(p); return parser_const_bool(p, false, position);
    case SQL_KW_CASE: return case_expr(p);
    case SQL_KW_ARRAY: return array(p);
    case SQL_KW_CURRENT_DATE: return value_function(p, SQL_VALUE_CURRENT_DATE);
    case SQL_KW_CURRENT_TIME: return value_function(p, SQL_VALUE_CURRENT_TIME);
    case SQL_KW_CURRENT_TIMESTAMP: return value_function(p, SQL_VALUE_CURRENT_TIMESTAMP);
    case SQL_KW_LOCALTIME: return value_function(p, SQL_VALUE_LOCALTIME);
    case SQL_KW_LOCALTIMESTAMP: return value_function(p, SQL_VALUE_LOCALTIMESTAMP);
    case SQL_KW_CURRENT_ROLE: return value_function(p, SQL_VALUE_CURRENT_ROLE);
    case SQL_KW_CURRENT_USER: return value_function(p, SQL_VALUE_CURRENT_USER);
    case SQL_KW_USER: return value_function(p, SQL_VALUE_USER);
    case SQL_KW_SESSION_USER: return value_function(p, SQL_VALUE_SESSION_USER);
    case SQL_KW_CURRENT_CATALOG: return value_function(p, SQL_VALUE_CURRENT_CATALOG);
    case SQL_KW_CAST: return parser_special_call(p);
    case SQL_KW_NULLS: /* before FIRST and LAST it is no name */
        if (parser_peek(p, 1)->keyword != SQL_KW_FIRST && parser_peek(p, 1)->keyword != SQL_KW_LAST)
            return NULL;
        parser_fail_here(p);
        return &parser_failed_node;
    case SQL_KW_UNIQUE:
        parser_unsupported(p, position, "UNIQUE predicate");
        return &parser_failed_node;
    default: return NULL;
    }
}

/* Words that are operands of their own only before a parenthesis. */
PARSER_APART static const struct sql_node *keyword_before_paren(struct sql_parser *p)
{
    switch (p->token.keyword) {
    case SQL_KW_ROW: return row(p);
    case SQL_KW_EXISTS: return exists(p);
    case SQL_KW_GROUPING: return grouping(p);
    default: return parser_special_call(p);
    }
}

/* Whether an own type's word is followed by what its literals may have; if not, it is a column. */
static bool at_own_type_literal(struct sql_parser *p)
{
    if (!parser_at_own_type(p)) return false;
    const struct sql_token *next = parser_peek(p, 1);
    if (next->kind == SQL_TOKEN_STRING || next->kind == '(') return true;
    switch (p->token.keyword) {
    case SQL_KW_DOUBLE: return true;
    case SQL_KW_NATIONAL: return next->keyword == SQL_KW_CHAR || next->keyword == SQL_KW_CHARACTER;
    case SQL_KW_BIT:
    case SQL_KW_CHAR:
    case SQL_KW_CHARACTER:
    case SQL_KW_NCHAR: return next->keyword == SQL_KW_VARYING;
    case SQL_KW_TIME:
    case SQL_KW_TIMESTAMP:
        if (next->keyword == SQL_KW_WITHOUT) return true;
        return next->keyword == SQL_KW_WITH && parser_peek(p, 2)->keyword == SQL_KW_TIME;
    default: return false;
    }
}

const struct sql_node *parser_primary(struct sql_parser *p)
{
    const struct sql_node *node;
    switch (p->token.kind) {
    case SQL_TOKEN_IDENTIFIER: return named(p);
    case SQL_TOKEN_INTEGER:
    case SQL_TOKEN_NUMBER: return parser_number(p);
    case SQL_TOKEN_STRING: return string(p);
    case SQL_TOKEN_PARAM: return param(p);
    case SQL_TOKEN_BIT_STRING:
    case SQL_TOKEN_HEX_STRING: return bit_string(p);
    case '(': return parentheses(p);
    case SQL_TOKEN_KEYWORD: break;
    default: parser_fail_here(p); return &parser_failed_node;
    }
    node = keyword_operand(p);
    if (node != NULL) return node;
    if (at_own_type_literal(p)) return own_type_literal(p);
    if (parser_peek(p, 1)->kind == '(') {
        node = keyword_before_paren(p);
        if (node != NULL) return node;
    }
    if (parser_at_kw2(p, SQL_KW_COLLATION, SQL_KW_FOR) || parser_at_kw(p, SQL_KW_CURRENT_SCHEMA)) {
        node = parser_special_call(p);
        if (node != NULL) return node;
    }
    if (parser_at_name(p, PARSER_NON_RESERVED_WORD)) return named(p);
    parser_fail_here(p);
    return &parser_failed_node;
}

const struct sql_node *parser_keyword_call(struct sql_parser *p)
{
    switch (p->token.keyword) {
    case SQL_KW_ARRAY:
    case SQL_KW_CASE:
    case SQL_KW_FALSE:
    case SQL_KW_NULL:
    case SQL_KW_TRUE:
    case SQL_KW_UNIQUE: parser_fail_here(p); return &parser_failed_node;
    default: break;
    }
    bool cast = parser_at_kw(p, SQL_KW_CAST);
    if (parser_at_name(p, PARSER_TYPE_FUNC) && parser_peek(p, 1)->kind == SQL_TOKEN_STRING)
        parser_next(p); /* LEFT 'a' is a literal: no call */
    const struct sql_node *node = parser_primary(p);
    if (node->kind == SQL_EXPR_CAST && cast) return node;
    switch (node->kind) {
    case SQL_EXPR_CALL:
    case SQL_EXPR_VALUE_FUNCTION:
    case SQL_EXPR_COALESCE:
    case SQL_EXPR_GREATEST:
    case SQL_EXPR_LEAST:
    case SQL_EXPR_NULLIF: break;
    default: parser_fail_here(p);
    }
    return node;
}
