/* Names, constants and the small words that many statements share. */
#include "sql/parser_int.h"

#include <stdio.h>

bool parser_token_is_name(const struct sql_token *token, unsigned classes)
{
    if (token->kind == SQL_TOKEN_IDENTIFIER) return true;
    if (token->kind != SQL_TOKEN_KEYWORD) return false;
    return (classes >> sql_keyword_info(token->keyword)->class & 1) != 0;
}

const char *parser_name(struct sql_parser *p, unsigned classes)
{
    const char *name = p->token.text;
    if (!parser_at_name(p, classes)) {
        parser_fail_here(p);
        return "";
    }
    parser_next(p);
    return name;
}

/* Stands behind the third dot. The message shows the whole name, as long as a message may be. */
static void fail_too_many_dots(struct sql_parser *p, const struct sql_name *name)
{
    char shown[4 * (SQL_IDENTIFIER_BYTES_MAX + 1)];
    int size = snprintf(shown, sizeof shown, "%s.%s.%s", name->catalog, name->schema, name->name);
    do {
        const char *part = parser_name(p, PARSER_COL_LABEL);
        if (size < (int)(sizeof shown) - SQL_IDENTIFIER_BYTES_MAX - 2)
            size += snprintf(shown + size, sizeof shown - (size_t)size, ".%s", part);
    } while (parser_accept(p, '.'));
    parser_fail(p, SQLSTATE_SYNTAX_ERROR, name->position,
                "improper qualified name (too many dotted names): %s", shown);
}

struct sql_name parser_any_rest(struct sql_parser *p, const char *first, uint32_t position)
{
    struct sql_name name = {.name = first, .position = position};
    while (parser_accept(p, '.')) {
        if (name.catalog != NULL) {
            fail_too_many_dots(p, &name);
            break;
        }
        name.catalog = name.schema;
        name.schema = name.name;
        name.name = parser_name(p, PARSER_COL_LABEL);
    }
    return name;
}

struct sql_name parser_any_name(struct sql_parser *p)
{
    uint32_t position = p->token.position;
    return parser_any_rest(p, parser_col_id(p), position);
}

/* PostgreSQL reads subscripts and a star behind a relation's name, and only then refuses them: the
 * error is at what follows. */
struct sql_name parser_qualified_name(struct sql_parser *p)
{
    uint32_t position = p->token.position;
    const char *first = parser_col_id(p);
    bool star = parser_at(p, '.') && parser_peek(p, 1)->kind == '*';
    struct sql_name name = {.name = first, .position = position};
    if (!star) name = parser_any_rest(p, first, position);
    if (!star && !parser_at(p, '[')) return name;
    parser_opt_steps(p);
    parser_fail_here(p);
    return name;
}

struct sql_names parser_qualified_names(struct sql_parser *p)
{
    struct parser_vec names = {NULL, 0, 0};
    do
        *PARSER_PUSH(p, &names, struct sql_name) = parser_qualified_name(p);
    while (parser_accept(p, ','));
    return (struct sql_names){names.items, names.count};
}

struct sql_name_list parser_comma_names(struct sql_parser *p)
{
    struct parser_vec names = {NULL, 0, 0};
    do
        *PARSER_PUSH(p, &names, const char *) = parser_col_id(p);
    while (parser_accept(p, ','));
    return parser_name_list(&names);
}

struct sql_name_list parser_paren_name_list(struct sql_parser *p)
{
    parser_expect(p, '(');
    struct sql_name_list names = parser_comma_names(p);
    parser_expect(p, ')');
    return names;
}

struct sql_name_list parser_opt_name_list(struct sql_parser *p)
{
    if (!parser_at(p, '(')) return (struct sql_name_list){NULL, 0};
    return parser_paren_name_list(p);
}

const char *parser_role(struct sql_parser *p)
{
    if (parser_at_kw(p, SQL_KW_CURRENT_USER) || parser_at_kw(p, SQL_KW_SESSION_USER) ||
        parser_at_kw(p, SQL_KW_CURRENT_ROLE))
        return parser_name(p, PARSER_RESERVED);
    uint32_t position = p->token.position;
    const char *name = parser_name(p, PARSER_NON_RESERVED_WORD);
    if (strcmp(name, "none") == 0)
        parser_fail(p, SQLSTATE_RESERVED_NAME, position, "role name \"none\" is reserved");
    return name;
}

const char *parser_string(struct sql_parser *p)
{
    const char *text = p->token.text;
    if (!parser_at(p, SQL_TOKEN_STRING)) {
        parser_fail_here(p);
        return "";
    }
    parser_next(p);
    return text;
}

int32_t parser_integer(struct sql_parser *p)
{
    int64_t value = p->token.integer;
    if (!parser_at(p, SQL_TOKEN_INTEGER) || value > INT32_MAX) {
        parser_fail_here(p);
        return 0;
    }
    parser_next(p);
    return (int32_t)value;
}

int32_t parser_signed_integer(struct sql_parser *p)
{
    bool negative = parser_at(p, '-');
    if (parser_at(p, '-') || parser_at(p, '+')) parser_next(p);
    int32_t value = parser_integer(p);
    return negative ? -value : value;
}

bool parser_accept_if_exists(struct sql_parser *p)
{
    return parser_accept_kw2(p, SQL_KW_IF, SQL_KW_EXISTS);
}

bool parser_accept_if_not_exists(struct sql_parser *p)
{
    if (!parser_at_kw2(p, SQL_KW_IF, SQL_KW_NOT)) return false;
    parser_next(p);
    parser_next(p);
    parser_expect_kw(p, SQL_KW_EXISTS);
    return true;
}

bool parser_accept_cascade(struct sql_parser *p)
{
    if (parser_accept_kw(p, SQL_KW_CASCADE)) return true;
    parser_accept_kw(p, SQL_KW_RESTRICT);
    return false;
}

/* --- Constants --- */

static struct sql_const *new_const(struct sql_parser *p, enum sql_const_type type,
                                   uint32_t position)
{
    struct sql_const *node = PARSER_NODE(p, sql_const, SQL_EXPR_CONST, position);
    node->type = type;
    node->text = "";
    return node;
}

const struct sql_node *parser_const_string(struct sql_parser *p, const char *text, size_t size,
                                           uint32_t position)
{
    ASSERT(size <= SQL_STATEMENT_BYTES_MAX);
    struct sql_const *node = new_const(p, SQL_CONST_STRING, position);
    node->text = text;
    node->text_size = (uint32_t)size;
    return &node->node;
}

const struct sql_node *parser_const_word(struct sql_parser *p, const char *word, uint32_t position)
{
    return parser_const_string(p, word, strlen(word), position);
}

const struct sql_node *parser_const_integer(struct sql_parser *p, int64_t value, uint32_t position)
{
    struct sql_const *node = new_const(p, SQL_CONST_INTEGER, position);
    node->integer = value;
    return &node->node;
}

const struct sql_node *parser_const_bool(struct sql_parser *p, bool value, uint32_t position)
{
    struct sql_const *node = new_const(p, SQL_CONST_BOOL, position);
    node->integer = value;
    return &node->node;
}

const struct sql_node *parser_const_null(struct sql_parser *p, uint32_t position)
{
    return &new_const(p, SQL_CONST_NULL, position)->node;
}

const struct sql_node *parser_star(struct sql_parser *p, uint32_t position)
{
    struct sql_column *node = PARSER_NODE(p, sql_column, SQL_EXPR_COLUMN, position);
    node->star = true;
    return &node->node;
}

/* Puts a minus before a number's text, or takes it away. */
static const struct sql_node *negate_number(struct sql_parser *p, const struct sql_const *number,
                                            uint32_t position)
{
    if (strcmp(number->text, "9223372036854775808") == 0)
        return parser_const_integer(p, INT64_MIN, position);
    const char *text =
        number->text[0] == '-' ? number->text + 1 : arena_printf(p->arena, "-%s", number->text);
    struct sql_const *node = new_const(p, SQL_CONST_NUMBER, position);
    if (text == NULL) {
        parser_fail(p, SQLSTATE_OUT_OF_MEMORY, 0, "out of memory");
        return &node->node;
    }
    node->text = text;
    node->text_size = (uint32_t)strlen(text);
    return &node->node;
}

const struct sql_node *parser_negate(struct sql_parser *p, const struct sql_node *node,
                                     uint32_t position)
{
    if (node->kind != SQL_EXPR_CONST) return NULL;
    const struct sql_const *number = sql_as_const(node);
    if (number->type == SQL_CONST_NUMBER) return negate_number(p, number, position);
    if (number->type != SQL_CONST_INTEGER) return NULL;
    if (number->integer != INT64_MIN) return parser_const_integer(p, -number->integer, position);
    struct sql_const *positive = new_const(p, SQL_CONST_NUMBER, position);
    positive->text = "9223372036854775808";
    positive->text_size = 19;
    return &positive->node;
}

bool parser_at_number(const struct sql_parser *p)
{
    return parser_at(p, SQL_TOKEN_INTEGER) || parser_at(p, SQL_TOKEN_NUMBER) || parser_at(p, '+') ||
           parser_at(p, '-');
}

const struct sql_node *parser_number(struct sql_parser *p)
{
    uint32_t position = p->token.position;
    bool negative = parser_at(p, '-');
    if (parser_at(p, '-') || parser_at(p, '+')) parser_next(p);
    const struct sql_node *node = &parser_failed_node;
    if (parser_at(p, SQL_TOKEN_INTEGER)) {
        node = parser_const_integer(p, p->token.integer, position);
    } else if (parser_at(p, SQL_TOKEN_NUMBER)) {
        struct sql_const *number = new_const(p, SQL_CONST_NUMBER, position);
        number->text = p->token.text;
        number->text_size = p->token.text_size;
        node = &number->node;
    } else {
        parser_fail_here(p);
        return node;
    }
    parser_next(p);
    if (!negative) return node;
    const struct sql_node *negated = parser_negate(p, node, position);
    return negated != NULL ? negated : node;
}

const struct sql_node *parser_boolean_or_string(struct sql_parser *p)
{
    uint32_t position = p->token.position;
    const char *text = p->token.text;
    size_t size = p->token.text_size;
    bool reserved =
        parser_at_kw(p, SQL_KW_TRUE) || parser_at_kw(p, SQL_KW_FALSE) || parser_at_kw(p, SQL_KW_ON);
    if (!reserved && !parser_at(p, SQL_TOKEN_STRING) &&
        !parser_at_name(p, PARSER_NON_RESERVED_WORD)) {
        parser_fail_here(p);
        return &parser_failed_node;
    }
    parser_next(p);
    return parser_const_string(p, text, size, position);
}
