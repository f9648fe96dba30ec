/* Lists of options. */
#include "sql/parser_int.h"

struct sql_option *parser_push_option(struct sql_parser *p, struct parser_vec *v, const char *name,
                                      uint32_t position)
{
    struct sql_option *option = PARSER_PUSH(p, v, struct sql_option);
    option->name = name;
    option->position = position;
    return option;
}

/* PostgreSQL's def_arg: a word or type name, a number, a string, NONE, an operator. A type with
 * modifiers or several words is no constant; those come as a cast of NULL. */
static const struct sql_node *definition_value(struct sql_parser *p)
{
    uint32_t position = p->token.position;
    if (parser_at_number(p)) return parser_number(p);
    if (parser_at(p, SQL_TOKEN_STRING)) return parser_boolean_or_string(p);
    const char *schema, *name;
    if (parser_at(p, SQL_TOKEN_OPERATOR) || parser_at(p, '=')) {
        parser_accept_operator(p, &schema, &name);
        return parser_const_word(p, name, position);
    }
    uint16_t next = parser_peek(p, 1)->kind;
    bool single = next == ',' || next == ')';
    bool reserved = parser_at(p, SQL_TOKEN_KEYWORD) && !parser_at_name(p, PARSER_NON_RESERVED_WORD);
    if (reserved || (single && parser_at_name(p, PARSER_COL_LABEL))) {
        const char *word = parser_name(p, PARSER_COL_LABEL);
        return parser_const_word(p, word, position);
    }
    struct sql_type_name type;
    parser_type(p, &type);
    return parser_make_cast(p, parser_const_null(p, position), &type, position);
}

struct sql_options parser_definition(struct sql_parser *p)
{
    struct parser_vec options = {NULL, 0, 0};
    parser_expect(p, '(');
    do {
        uint32_t position = p->token.position;
        const char *name_space = NULL, *name = parser_name(p, PARSER_COL_LABEL);
        if (parser_accept(p, '.')) {
            name_space = name;
            name = parser_name(p, PARSER_COL_LABEL);
        }
        const struct sql_node *value = NULL;
        if (parser_accept(p, '=')) value = definition_value(p);
        struct sql_option *option = parser_push_option(p, &options, name, position);
        option->name_space = name_space;
        option->value = value;
    } while (parser_accept(p, ','));
    parser_expect(p, ')');
    return parser_options(&options);
}

/* (a, b): constants. */
static struct sql_list value_list(struct sql_parser *p)
{
    struct parser_vec values = {NULL, 0, 0};
    parser_expect(p, '(');
    do
        parser_push_node(p, &values, parser_boolean_or_string(p));
    while (parser_accept(p, ','));
    parser_expect(p, ')');
    return parser_list(&values);
}

static void generic_value(struct sql_parser *p, struct sql_option *option, bool lists)
{
    if (lists && parser_at(p, '(')) {
        option->values = value_list(p);
    } else if (lists && parser_at(p, '*')) {
        option->value = parser_star(p, p->token.position);
        parser_next(p);
    } else if (parser_at_number(p)) {
        option->value = parser_number(p);
    } else if (!parser_at(p, ',') && !parser_at(p, ')')) {
        option->value = parser_boolean_or_string(p);
    }
}

struct sql_options parser_generic_options(struct sql_parser *p, bool lists)
{
    struct parser_vec options = {NULL, 0, 0};
    parser_expect(p, '(');
    do {
        uint32_t position = p->token.position;
        unsigned classes = lists ? PARSER_COL_LABEL : PARSER_NON_RESERVED_WORD;
        bool analyse =
            !lists && (parser_at_kw(p, SQL_KW_ANALYZE) || parser_at_kw(p, SQL_KW_ANALYSE));
        const char *name = parser_name(p, analyse ? PARSER_COL_LABEL : classes);
        struct sql_option *option =
            parser_push_option(p, &options, analyse ? "analyze" : name, position);
        generic_value(p, option, lists);
    } while (parser_accept(p, ','));
    parser_expect(p, ')');
    return parser_options(&options);
}
