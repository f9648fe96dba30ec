/* What parser_expr.c, which climbs, and parser_predicate.c share. */
#ifndef OSTRAKA_SQL_PARSER_EXPR_INT_H
#define OSTRAKA_SQL_PARSER_EXPR_INT_H

#include "sql/parser_int.h"

/* A higher level binds tighter. Between operators of one level, NONASSOC ones may not follow each
 * other and all others group to the left. */
enum level {
    LEVEL_NONE = 0,
    LEVEL_OR = 1,
    LEVEL_AND,
    LEVEL_NOT,
    LEVEL_IS,         /* nonassoc */
    LEVEL_COMPARISON, /* nonassoc */
    LEVEL_LIKE,       /* nonassoc: BETWEEN IN LIKE ILIKE SIMILAR */
    LEVEL_OPERATOR,   /* all operators without a level of their own */
    LEVEL_ADD,
    LEVEL_MULTIPLY,
    LEVEL_POWER,
    LEVEL_AT, /* AT TIME ZONE */
    LEVEL_COLLATE,
    LEVEL_SIGN, /* unary plus and minus */
    LEVEL_CAST,
};

struct expr_state {
    const struct sql_node *left;
    enum level nonassoc; /* level of the operator whose right operand ended `left`, if nonassoc */
    uint16_t flags;
};

/* The operand behind an operator. A key word behind it is no label: the operand's operators take
 * it. */
const struct sql_node *parser_right(struct sql_parser *p, const struct expr_state *s,
                                    enum level level_min);

/* ---- parser_predicate.c ---- */

/* Each takes s->left and what follows it; s->left is what they make. */
PARSER_APART void parser_infix_is(struct sql_parser *p, struct expr_state *s);
PARSER_APART void parser_infix_like(struct sql_parser *p, struct expr_state *s); /* [NOT] BETWEEN, IN, LIKE, ILIKE, SIMILAR TO */
/* At ANY, SOME or ALL, behind an operator. */
bool parser_at_quantifier(const struct sql_parser *p);
PARSER_APART const struct sql_node *parser_quantified(struct sql_parser *p, const struct sql_node *left,
                                                      const char *schema, const char *name, uint32_t position);
/* left is a row. */
PARSER_APART const struct sql_node *parser_overlaps(struct sql_parser *p, const struct sql_node *left);

#endif
