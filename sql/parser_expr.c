/* Expressions: operators by precedence climbing, with the levels of PostgreSQL's gram.y.
 * What has a grammar of its own among them is in parser_predicate.c. */
#include "sql/parser_expr_int.h"

static const struct sql_node *parse(struct sql_parser *p, enum level level_min, unsigned flags);

/* --- Which operator it is --- */

/* NOT before one of these makes one operator with it. */
static bool follows_not(enum sql_keyword keyword)
{
    return keyword == SQL_KW_BETWEEN || keyword == SQL_KW_IN || keyword == SQL_KW_LIKE ||
           keyword == SQL_KW_ILIKE || keyword == SQL_KW_SIMILAR;
}

static enum level keyword_level(struct sql_parser *p)
{
    switch (p->token.keyword) {
    case SQL_KW_OR: return LEVEL_OR;
    case SQL_KW_AND: return LEVEL_AND;
    case SQL_KW_IS:
    case SQL_KW_ISNULL:
    case SQL_KW_NOTNULL: return LEVEL_IS;
    case SQL_KW_BETWEEN:
    case SQL_KW_IN:
    case SQL_KW_LIKE:
    case SQL_KW_ILIKE:
    case SQL_KW_SIMILAR: return LEVEL_LIKE;
    case SQL_KW_NOT: return follows_not(parser_peek(p, 1)->keyword) ? LEVEL_LIKE : LEVEL_NONE;
    case SQL_KW_AT: return LEVEL_AT;
    case SQL_KW_COLLATE: return LEVEL_COLLATE;
    case SQL_KW_OPERATOR: return LEVEL_OPERATOR;
    default: return LEVEL_NONE;
    }
}

static enum level infix_level(struct sql_parser *p)
{
    switch (p->token.kind) {
    case SQL_TOKEN_KEYWORD: return keyword_level(p);
    case '<':
    case '>':
    case '=':
    case SQL_TOKEN_LESS_EQUALS:
    case SQL_TOKEN_GREATER_EQUALS:
    case SQL_TOKEN_NOT_EQUALS: return LEVEL_COMPARISON;
    case SQL_TOKEN_OPERATOR: return LEVEL_OPERATOR;
    case '+':
    case '-': return LEVEL_ADD;
    case '*':
    case '/':
    case '%': return LEVEL_MULTIPLY;
    case '^': return LEVEL_POWER;
    case SQL_TOKEN_TYPECAST: return LEVEL_CAST;
    default: return LEVEL_NONE;
    }
}

/* In the select list `SELECT a is FROM t` names the column "is": a key word of an operator is a
 * label when what follows ends the list's item. */
static bool ends_target(const struct sql_token *token)
{
    switch (token->kind) {
    case SQL_TOKEN_END:
    case ',':
    case ')':
    case ';': return true;
    default: break;
    }
    switch (token->keyword) {
    case SQL_KW_FROM:
    case SQL_KW_INTO:
    case SQL_KW_WHERE:
    case SQL_KW_GROUP:
    case SQL_KW_HAVING:
    case SQL_KW_WINDOW:
    case SQL_KW_UNION:
    case SQL_KW_INTERSECT:
    case SQL_KW_EXCEPT:
    case SQL_KW_ORDER:
    case SQL_KW_LIMIT:
    case SQL_KW_OFFSET:
    case SQL_KW_FETCH:
    case SQL_KW_FOR: return true;
    default: return false;
    }
}

static bool is_label(struct sql_parser *p, unsigned flags)
{
    if ((flags & PARSER_EXPR_TARGET) == 0 || !parser_at(p, SQL_TOKEN_KEYWORD)) return false;
    if (sql_keyword_info(p->token.keyword)->bare_label == 0) return false;
    return ends_target(parser_peek(p, 1));
}

/* Of the key words only IS DISTINCT FROM, IS DOCUMENT and OPERATOR() are operators of a b_expr. */
static bool allowed_in_b(struct sql_parser *p)
{
    if (!parser_at(p, SQL_TOKEN_KEYWORD) || parser_at_kw(p, SQL_KW_OPERATOR)) return true;
    if (!parser_at_kw(p, SQL_KW_IS)) return false;
    uint16_t next = parser_peek(p, 1)->keyword;
    if (next == SQL_KW_NOT) next = parser_peek(p, 2)->keyword;
    return next == SQL_KW_DISTINCT || next == SQL_KW_DOCUMENT;
}

/* --- Building --- */

const struct sql_node *parser_make_operator(struct sql_parser *p, const char *name,
                                            const struct sql_node *left,
                                            const struct sql_node *right, uint32_t position)
{
    ASSERT(right != NULL);
    struct sql_operator_expr *node = PARSER_NODE(p, sql_operator_expr, SQL_EXPR_OPERATOR, position);
    node->name = name;
    node->left = left;
    node->right = right;
    return &node->node;
}

const struct sql_node *parser_make_cast(struct sql_parser *p, const struct sql_node *arg,
                                        const struct sql_type_name *type, uint32_t position)
{
    struct sql_cast *node = PARSER_NODE(p, sql_cast, SQL_EXPR_CAST, position);
    node->arg = arg;
    node->type = *type;
    return &node->node;
}

const struct sql_node *parser_make_call(struct sql_parser *p, const char *name, uint32_t position,
                                        const struct sql_node *const *args, uint32_t count)
{
    struct sql_call_expr *node = PARSER_NODE(p, sql_call_expr, SQL_EXPR_CALL, position);
    struct parser_vec list = {NULL, 0, 0};
    for (uint32_t i = 0; i < count; i++)
        parser_push_node(p, &list, args[i]);
    node->name = (struct sql_name){.schema = "pg_catalog", .name = name, .position = position};
    node->args = parser_list(&list);
    return &node->node;
}

/* --- Operators --- */

/* The name of an operator token; NULL when it is none. */
static const char *operator_name(const struct sql_token *token)
{
    switch (token->kind) {
    case SQL_TOKEN_OPERATOR: return token->text;
    case SQL_TOKEN_LESS_EQUALS: return "<=";
    case SQL_TOKEN_GREATER_EQUALS: return ">=";
    case SQL_TOKEN_NOT_EQUALS: return "<>";
    case '<': return "<";
    case '>': return ">";
    case '=': return "=";
    case '+': return "+";
    case '-': return "-";
    case '*': return "*";
    case '/': return "/";
    case '%': return "%";
    case '^': return "^";
    default: return NULL;
    }
}

/* Stands behind OPERATOR. */
static void qualified_operator(struct sql_parser *p, const char **schema_out, const char **name_out)
{
    parser_expect(p, '(');
    while (parser_at_name(p, PARSER_COL_ID)) {
        if (*schema_out != NULL)
            parser_unsupported(p, p->token.position, "an operator name with a database");
        *schema_out = parser_col_id(p);
        parser_expect(p, '.');
    }
    const char *name = operator_name(&p->token);
    if (name == NULL) {
        parser_fail_here(p);
        return;
    }
    *name_out = name;
    parser_next(p);
    parser_expect(p, ')');
}

bool parser_accept_operator(struct sql_parser *p, const char **schema_out, const char **name_out)
{
    *schema_out = NULL;
    *name_out = operator_name(&p->token);
    if (*name_out == NULL && !parser_at_kw(p, SQL_KW_OPERATOR)) return false;
    bool qualified = *name_out == NULL;
    if (qualified) *name_out = "";
    parser_next(p);
    if (qualified) qualified_operator(p, schema_out, name_out);
    return true;
}

PARSER_APART static void infix_operator(struct sql_parser *p, struct expr_state *s,
                                        enum level level)
{
    uint32_t position = p->token.position;
    const char *schema, *name;
    bool accepted = parser_accept_operator(p, &schema, &name);
    ASSERT(accepted);
    if (parser_at_quantifier(p) && (s->flags & PARSER_EXPR_B) == 0) {
        s->left = parser_quantified(p, s->left, schema, name, position);
        return;
    }
    struct sql_operator_expr *node = PARSER_NODE(p, sql_operator_expr, SQL_EXPR_OPERATOR, position);
    node->schema = schema;
    node->name = name;
    node->left = s->left;
    node->right = parser_right(p, s, level + 1);
    s->left = &node->node;
    if (level == LEVEL_COMPARISON) s->nonassoc = level;
}

/* a AND b AND c is one list; so is (a AND b) AND c. */
PARSER_APART static void infix_list(struct sql_parser *p, struct expr_state *s, enum level level)
{
    enum sql_keyword keyword = p->token.keyword;
    enum sql_node_kind kind = keyword == SQL_KW_AND ? SQL_EXPR_AND : SQL_EXPR_OR;
    struct sql_expr_list *node = PARSER_NODE(p, sql_expr_list, kind, p->token.position);
    struct parser_vec items = {NULL, 0, 0};
    if (s->left->kind == kind) {
        const struct sql_expr_list *left = sql_as_expr_list(s->left);
        for (uint32_t i = 0; i < left->list.count; i++)
            parser_push_node(p, &items, left->list.items[i]);
        node->node.position = left->node.position;
    } else {
        parser_push_node(p, &items, s->left);
    }
    for (;;) {
        if (is_label(p, s->flags) || !parser_accept_kw(p, keyword)) break;
        parser_push_node(p, &items, parser_right(p, s, level + 1));
    }
    node->list = parser_list(&items);
    s->left = &node->node;
}

/* --- AT TIME ZONE, COLLATE, :: --- */

PARSER_APART static void infix_at(struct sql_parser *p, struct expr_state *s)
{
    uint32_t position = p->token.position;
    parser_expect_kw(p, SQL_KW_AT);
    parser_expect_kw(p, SQL_KW_TIME);
    parser_expect_kw(p, SQL_KW_ZONE);
    const struct sql_node *zone = parser_right(p, s, LEVEL_AT + 1);
    s->left = parser_make_call(p, "timezone", position,
                               (const struct sql_node *const[]){zone, s->left}, 2);
}

PARSER_APART static void infix_collate(struct sql_parser *p, struct expr_state *s)
{
    struct sql_collate *node = PARSER_NODE(p, sql_collate, SQL_EXPR_COLLATE, p->token.position);
    parser_expect_kw(p, SQL_KW_COLLATE);
    node->arg = s->left;
    node->collation = parser_any_name(p);
    s->left = &node->node;
}

PARSER_APART static void infix_cast(struct sql_parser *p, struct expr_state *s)
{
    struct sql_cast *node = PARSER_NODE(p, sql_cast, SQL_EXPR_CAST, p->token.position);
    parser_expect(p, SQL_TOKEN_TYPECAST);
    node->arg = s->left;
    parser_type(p, &node->type);
    s->left = &node->node;
}

/* --- Climbing --- */

PARSER_APART static void infix(struct sql_parser *p, struct expr_state *s, enum level level)
{
    s->nonassoc = LEVEL_NONE;
    switch (level) {
    case LEVEL_OR:
    case LEVEL_AND: infix_list(p, s, level); break;
    case LEVEL_IS: parser_infix_is(p, s); break;
    case LEVEL_LIKE: parser_infix_like(p, s); break;
    case LEVEL_AT: infix_at(p, s); break;
    case LEVEL_COLLATE: infix_collate(p, s); break;
    case LEVEL_CAST: infix_cast(p, s); break;
    default: infix_operator(p, s, level); break;
    }
}

/* Takes operators of at least this level while there are any. */
static void climb(struct sql_parser *p, struct expr_state *s, enum level level_min)
{
    for (;;) {
        enum level level = infix_level(p);
        if (level == LEVEL_NONE || level < level_min) return;
        if ((s->flags & PARSER_EXPR_B) != 0 && !allowed_in_b(p)) return;
        if ((s->flags & PARSER_EXPR_SIMILAR) != 0 && parser_at_kw(p, SQL_KW_SIMILAR) &&
            parser_peek(p, 1)->keyword != SQL_KW_TO)
            return;
        if (is_label(p, s->flags)) return;
        if (level == s->nonassoc) {
            parser_fail_here(p);
            return;
        }
        infix(p, s, level);
        parser_wrap(p);
    }
}

PARSER_APART static const struct sql_node *prefix_not(struct sql_parser *p, unsigned flags)
{
    struct sql_expr_unary *node = PARSER_NODE(p, sql_expr_unary, SQL_EXPR_NOT, p->token.position);
    parser_expect_kw(p, SQL_KW_NOT);
    node->arg = parse(p, LEVEL_NOT, flags);
    return &node->node;
}

PARSER_APART static const struct sql_node *prefix_sign(struct sql_parser *p, unsigned flags)
{
    uint32_t position = p->token.position;
    bool minus = parser_at(p, '-');
    parser_next(p);
    const struct sql_node *arg = parse(p, LEVEL_SIGN + 1, flags);
    if (minus) {
        const struct sql_node *negated = parser_negate(p, arg, position);
        if (negated != NULL) return negated;
    }
    return parser_make_operator(p, minus ? "-" : "+", NULL, arg, position);
}

PARSER_APART static const struct sql_node *prefix_operator(struct sql_parser *p, unsigned flags)
{
    struct sql_operator_expr *node =
        PARSER_NODE(p, sql_operator_expr, SQL_EXPR_OPERATOR, p->token.position);
    bool accepted = parser_accept_operator(p, &node->schema, &node->name);
    ASSERT(accepted);
    node->right = parse(p, LEVEL_OPERATOR + 1, flags);
    return &node->node;
}

/* An operand with the operators before it. */
static const struct sql_node *operand(struct sql_parser *p, unsigned flags)
{
    bool b = (flags & PARSER_EXPR_B) != 0;
    if (parser_at(p, '+') || parser_at(p, '-')) return prefix_sign(p, flags);
    if (parser_at(p, SQL_TOKEN_OPERATOR)) return prefix_operator(p, flags);
    if (parser_at_kw(p, SQL_KW_OPERATOR) && parser_peek(p, 1)->kind == '(')
        return prefix_operator(p, flags);
    if (parser_at_kw(p, SQL_KW_NOT) && !b) return prefix_not(p, flags);
    if (parser_at_kw(p, SQL_KW_DEFAULT) && !b) {
        struct sql_node *node = PARSER_NODE(p, sql_node, SQL_EXPR_DEFAULT, p->token.position);
        parser_next(p);
        return node;
    }
    const struct sql_node *node = parser_primary(p);
    if (node->kind == SQL_EXPR_ROW && !b && parser_at_kw(p, SQL_KW_OVERLAPS))
        return parser_overlaps(p, node);
    return node;
}

/* Parses an expression whose operators all have at least this level. p->height is that of the
 * tallest chain parsed so far on this level of recursion, before and after. */
static const struct sql_node *parse(struct sql_parser *p, enum level level_min, unsigned flags)
{
    if (!parser_enter(p)) return &parser_failed_node;
    uint32_t height = p->height;
    p->height = 0;
    struct expr_state s = {.flags = (uint16_t)flags};
    s.left = operand(p, flags & ~(unsigned)PARSER_EXPR_TARGET);
    climb(p, &s, level_min);
    if (p->height < height) p->height = height;
    parser_leave(p);
    return p->failed ? &parser_failed_node : s.left;
}

const struct sql_node *parser_right(struct sql_parser *p, const struct expr_state *s,
                                    enum level level_min)
{
    return parse(p, level_min, s->flags & ~(unsigned)PARSER_EXPR_TARGET);
}

const struct sql_node *parser_expr_flags(struct sql_parser *p, unsigned flags)
{
    return parse(p, LEVEL_OR, flags);
}

const struct sql_node *parser_expr(struct sql_parser *p)
{
    return parse(p, LEVEL_OR, PARSER_EXPR_FULL);
}

const struct sql_node *parser_expr_rest(struct sql_parser *p, const struct sql_node *left)
{
    struct expr_state s = {.left = left};
    climb(p, &s, LEVEL_OR);
    return p->failed ? &parser_failed_node : s.left;
}

struct sql_list parser_expr_list(struct sql_parser *p)
{
    struct parser_vec items = {NULL, 0, 0};
    do
        parser_push_node(p, &items, parser_expr(p));
    while (parser_accept(p, ','));
    return parser_list(&items);
}
