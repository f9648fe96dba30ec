/* The predicates: IS, BETWEEN, IN, LIKE, = ANY, OVERLAPS. They stand between operands as operators do, but each has a
 * grammar of its own. */
#include "sql/parser_expr_int.h"

/* --- IS --- */

static const struct sql_node *make_is(struct sql_parser *p, const struct sql_node *arg,
                                      enum sql_is_test test, bool negated, uint32_t position)
{
    struct sql_is *node = PARSER_NODE(p, sql_is, SQL_EXPR_IS, position);
    node->test = test;
    node->negated = negated;
    node->arg = arg;
    return &node->node;
}

static enum sql_is_test is_test(enum sql_keyword keyword)
{
    switch (keyword) {
    case SQL_KW_NULL: return SQL_IS_NULL;
    case SQL_KW_TRUE: return SQL_IS_TRUE;
    case SQL_KW_FALSE: return SQL_IS_FALSE;
    case SQL_KW_UNKNOWN: return SQL_IS_UNKNOWN;
    default: return 0;
    }
}

PARSER_APART static void is_distinct(struct sql_parser *p, struct expr_state *s, bool negated,
                                     uint32_t position)
{
    parser_expect_kw(p, SQL_KW_DISTINCT);
    parser_expect_kw(p, SQL_KW_FROM);
    struct sql_is_distinct *node = PARSER_NODE(p, sql_is_distinct, SQL_EXPR_IS_DISTINCT, position);
    node->negated = negated;
    node->left = s->left;
    node->right = parser_right(p, s, LEVEL_IS + 1);
    s->left = &node->node;
    s->nonassoc = LEVEL_IS;
}

/* [NFC] NORMALIZED: the current token is NORMALIZED, or a form with it behind. */
PARSER_APART static void is_normalized(struct sql_parser *p, struct expr_state *s, bool negated,
                                       uint32_t position)
{
    const struct sql_node *args[2] = {s->left, NULL};
    if (!parser_at_kw(p, SQL_KW_NORMALIZED)) args[1] = parser_normal_form(p);
    parser_expect_kw(p, SQL_KW_NORMALIZED);
    s->left = parser_make_call(p, "is_normalized", position, args, args[1] == NULL ? 1 : 2);
    if (!negated) return;
    struct sql_expr_unary *node = PARSER_NODE(p, sql_expr_unary, SQL_EXPR_NOT, position);
    node->arg = s->left;
    s->left = &node->node;
}

static bool at_normalized(struct sql_parser *p)
{
    switch (p->token.keyword) {
    case SQL_KW_NORMALIZED:
    case SQL_KW_NFC:
    case SQL_KW_NFD:
    case SQL_KW_NFKC:
    case SQL_KW_NFKD: return true;
    default: return false;
    }
}

void parser_infix_is(struct sql_parser *p, struct expr_state *s)
{
    uint32_t position = p->token.position;
    if (parser_at_kw(p, SQL_KW_ISNULL) || parser_at_kw(p, SQL_KW_NOTNULL)) {
        bool negated = parser_at_kw(p, SQL_KW_NOTNULL);
        parser_next(p);
        s->left = make_is(p, s->left, SQL_IS_NULL, negated, position);
        return;
    }
    parser_expect_kw(p, SQL_KW_IS);
    bool negated = parser_accept_kw(p, SQL_KW_NOT);
    enum sql_is_test test = is_test(p->token.keyword);
    if (test != 0 && (s->flags & PARSER_EXPR_B) == 0) {
        parser_next(p);
        s->left = make_is(p, s->left, test, negated, position);
    } else if (parser_at_kw(p, SQL_KW_DOCUMENT)) {
        parser_unsupported(p, p->token.position, "IS DOCUMENT");
    } else if (at_normalized(p) && (s->flags & PARSER_EXPR_B) == 0) {
        is_normalized(p, s, negated, position);
    } else {
        is_distinct(p, s, negated, position);
    }
}

/* --- BETWEEN, IN, LIKE --- */

PARSER_APART static void infix_between(struct sql_parser *p, struct expr_state *s, bool negated,
                                       uint32_t position)
{
    struct sql_between *node = PARSER_NODE(p, sql_between, SQL_EXPR_BETWEEN, position);
    node->negated = negated;
    node->symmetric = parser_accept_kw(p, SQL_KW_SYMMETRIC);
    if (!node->symmetric) parser_accept_kw(p, SQL_KW_ASYMMETRIC);
    node->arg = s->left;
    node->low = parser_expr_flags(p, PARSER_EXPR_B);
    parser_expect_kw(p, SQL_KW_AND);
    node->high = parser_right(p, s, LEVEL_LIKE + 1);
    s->left = &node->node;
    s->nonassoc = LEVEL_LIKE;
}

PARSER_APART static void infix_in(struct sql_parser *p, struct expr_state *s, bool negated,
                                  uint32_t position)
{
    struct sql_in *node = PARSER_NODE(p, sql_in, SQL_EXPR_IN, position);
    node->negated = negated;
    node->left = s->left;
    parser_expect(p, '(');
    struct parser_content content = parser_paren_content(p);
    node->subquery = content.query;
    if (content.query == NULL) {
        struct parser_vec items = {NULL, 0, 0};
        parser_push_node(p, &items, content.expr);
        while (parser_accept(p, ','))
            parser_push_node(p, &items, parser_expr(p));
        node->list = parser_list(&items);
    }
    parser_expect(p, ')');
    s->left = &node->node;
}

static const char *like_operator(enum sql_like_kind like, bool negated)
{
    if (like == SQL_LIKE) return negated ? "!~~" : "~~";
    return negated ? "!~~*" : "~~*";
}

PARSER_APART static void infix_like(struct sql_parser *p, struct expr_state *s,
                                    enum sql_like_kind like, bool negated, uint32_t position)
{
    if (like == SQL_SIMILAR_TO) {
        parser_expect_kw(p, SQL_KW_TO);
    } else if (parser_at_quantifier(p)) {
        s->left = parser_quantified(p, s->left, NULL, like_operator(like, negated), position);
        return;
    }
    struct sql_like *node = PARSER_NODE(p, sql_like, SQL_EXPR_LIKE, position);
    node->like = like;
    node->negated = negated;
    node->left = s->left;
    node->pattern = parser_right(p, s, LEVEL_LIKE + 1);
    if (parser_accept_kw(p, SQL_KW_ESCAPE)) node->escape = parser_right(p, s, LEVEL_LIKE + 1);
    s->left = &node->node;
    s->nonassoc = LEVEL_LIKE;
}

void parser_infix_like(struct sql_parser *p, struct expr_state *s)
{
    uint32_t position = p->token.position;
    bool negated = parser_accept_kw(p, SQL_KW_NOT);
    if (parser_accept_kw(p, SQL_KW_BETWEEN))
        infix_between(p, s, negated, position);
    else if (parser_accept_kw(p, SQL_KW_IN))
        infix_in(p, s, negated, position);
    else if (parser_accept_kw(p, SQL_KW_LIKE))
        infix_like(p, s, SQL_LIKE, negated, position);
    else if (parser_accept_kw(p, SQL_KW_ILIKE))
        infix_like(p, s, SQL_ILIKE, negated, position);
    else if (parser_accept_kw(p, SQL_KW_SIMILAR))
        infix_like(p, s, SQL_SIMILAR_TO, negated, position);
    else
        parser_fail_here(p);
}

/* --- ANY, SOME, ALL --- */

const struct sql_node *parser_quantified(struct sql_parser *p, const struct sql_node *left,
                                         const char *schema, const char *name, uint32_t position)
{
    struct sql_quantified *node = PARSER_NODE(p, sql_quantified, SQL_EXPR_QUANTIFIED, position);
    node->all = parser_at_kw(p, SQL_KW_ALL);
    parser_next(p);
    parser_expect(p, '(');
    struct parser_content content = parser_paren_content(p);
    parser_expect(p, ')');
    node->schema = schema;
    node->name = name;
    node->left = left;
    node->array = content.expr;
    node->subquery = content.query;
    return &node->node;
}

bool parser_at_quantifier(const struct sql_parser *p)
{
    return parser_at_kw(p, SQL_KW_ANY) || parser_at_kw(p, SQL_KW_SOME) ||
           parser_at_kw(p, SQL_KW_ALL);
}

/* --- OVERLAPS --- */

static void wrong_overlaps(struct sql_parser *p, const char *side, uint32_t position)
{
    parser_fail(p, SQLSTATE_SYNTAX_ERROR, position,
                "wrong number of parameters on %s side of OVERLAPS expression", side);
}

/* (a, b) OVERLAPS (c, d): both sides must be written as rows. */
const struct sql_node *parser_overlaps(struct sql_parser *p, const struct sql_node *left)
{
    uint32_t position = p->token.position;
    parser_expect_kw(p, SQL_KW_OVERLAPS);
    if (!parser_at(p, '(') && !parser_at_kw(p, SQL_KW_ROW)) parser_fail_here(p);
    const struct sql_node *other = parser_primary(p);
    if (other->kind != SQL_EXPR_ROW) {
        parser_fail_here(p);
        return &parser_failed_node;
    }
    const struct sql_row *a = sql_as_row(left), *b = sql_as_row(other);
    if (a->fields.count != 2) wrong_overlaps(p, "left", left->position);
    if (b->fields.count != 2) wrong_overlaps(p, "right", other->position);
    if (p->failed) return &parser_failed_node;
    const struct sql_node *const args[] = {a->fields.items[0], a->fields.items[1],
                                           b->fields.items[0], b->fields.items[1]};
    return parser_make_call(p, "overlaps", position, args, 4);
}
