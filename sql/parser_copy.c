/* COPY, with its options in both syntaxes. */
#include "sql/parser_int.h"

static void add_string(struct sql_parser *p, struct parser_vec *options, const char *name,
                       uint32_t position)
{
    parser_accept_kw(p, SQL_KW_AS);
    if (!parser_at(p, SQL_TOKEN_STRING)) {
        parser_fail_here(p);
        return;
    }
    const struct sql_node *value = parser_boolean_or_string(p);
    parser_push_option(p, options, name, position)->value = value;
}

static void add_word(struct sql_parser *p, struct parser_vec *options, const char *name,
                     const char *value, uint32_t position)
{
    const struct sql_node *node = parser_const_word(p, value, position);
    parser_push_option(p, options, name, position)->value = node;
}

/* FORCE QUOTE columns | *, FORCE NOT NULL columns, FORCE NULL columns. */
static void add_force(struct sql_parser *p, struct parser_vec *options, uint32_t position)
{
    const char *name = "force_null";
    if (parser_accept_kw(p, SQL_KW_QUOTE)) {
        name = "force_quote";
    } else {
        if (parser_accept_kw(p, SQL_KW_NOT)) name = "force_not_null";
        parser_expect_kw(p, SQL_KW_NULL);
    }
    struct sql_option *option = parser_push_option(p, options, name, position);
    if (strcmp(name, "force_quote") == 0 && parser_at(p, '*')) {
        option->value = parser_star(p, p->token.position);
        parser_next(p);
        return;
    }
    struct parser_vec values = {NULL, 0, 0};
    do {
        uint32_t at = p->token.position;
        const char *column = parser_col_id(p);
        parser_push_node(p, &values, parser_const_word(p, column, at));
    } while (parser_accept(p, ','));
    option->values = parser_list(&values);
}

/* One option of the syntax without parentheses; false when there is none. */
static bool legacy_option(struct sql_parser *p, struct parser_vec *options)
{
    uint32_t position = p->token.position;
    if (parser_accept_kw(p, SQL_KW_BINARY))
        add_word(p, options, "format", "binary", position);
    else if (parser_accept_kw(p, SQL_KW_CSV))
        add_word(p, options, "format", "csv", position);
    else if (parser_accept_kw(p, SQL_KW_FREEZE))
        add_word(p, options, "freeze", "true", position);
    else if (parser_accept_kw(p, SQL_KW_HEADER))
        add_word(p, options, "header", "true", position);
    else if (parser_accept_kw(p, SQL_KW_DELIMITER))
        add_string(p, options, "delimiter", position);
    else if (parser_accept_kw(p, SQL_KW_NULL))
        add_string(p, options, "null", position);
    else if (parser_accept_kw(p, SQL_KW_QUOTE))
        add_string(p, options, "quote", position);
    else if (parser_accept_kw(p, SQL_KW_ESCAPE))
        add_string(p, options, "escape", position);
    else if (parser_accept_kw(p, SQL_KW_FORCE))
        add_force(p, options, position);
    else if (parser_accept_kw(p, SQL_KW_ENCODING)) {
        if (parser_at_kw(p, SQL_KW_AS)) parser_fail_here(p); /* the one without AS */
        add_string(p, options, "encoding", position);
    } else
        return false;
    return true;
}

static void append_options(struct sql_parser *p, struct parser_vec *options,
                           struct sql_options more)
{
    for (uint32_t i = 0; i < more.count; i++)
        *PARSER_PUSH(p, options, struct sql_option) = more.items[i];
}

static void copy_source(struct sql_parser *p, struct sql_copy *copy)
{
    if (parser_accept(p, '(')) {
        copy->query = parser_preparable(p);
        parser_expect(p, ')');
        parser_expect_kw(p, SQL_KW_TO);
        return;
    }
    copy->table = parser_qualified_name(p);
    copy->columns = parser_opt_name_list(p);
    copy->from = parser_at_kw(p, SQL_KW_FROM);
    parser_expect_kw(p, copy->from ? SQL_KW_FROM : SQL_KW_TO);
}

static void copy_file(struct sql_parser *p, struct sql_copy *copy)
{
    copy->program = parser_accept_kw(p, SQL_KW_PROGRAM);
    if (parser_accept_kw(p, SQL_KW_STDIN) || parser_accept_kw(p, SQL_KW_STDOUT)) {
        if (copy->program)
            parser_fail(p, SQLSTATE_SYNTAX_ERROR, 0, "STDIN/STDOUT not allowed with PROGRAM");
        return;
    }
    copy->file = parser_string(p);
}

const struct sql_node *parser_copy(struct sql_parser *p)
{
    struct sql_copy *copy = PARSER_NODE(p, sql_copy, SQL_STMT_COPY, p->token.position);
    struct parser_vec options = {NULL, 0, 0};
    parser_expect_kw(p, SQL_KW_COPY);
    uint32_t position = p->token.position;
    if (parser_accept_kw(p, SQL_KW_BINARY)) add_word(p, &options, "format", "binary", position);
    if (options.count > 0 && parser_at(p, '(')) parser_fail_here(p);
    copy_source(p, copy);
    copy_file(p, copy);
    position = p->token.position;
    bool delimiters_ahead = copy->query == NULL;
    if (delimiters_ahead && (parser_at_kw(p, SQL_KW_DELIMITERS) || parser_at_kw(p, SQL_KW_USING))) {
        parser_accept_kw(p, SQL_KW_USING);
        parser_expect_kw(p, SQL_KW_DELIMITERS);
        if (parser_at_kw(p, SQL_KW_AS)) parser_fail_here(p);
        add_string(p, &options, "delimiter", position);
    }
    parser_accept_kw(p, SQL_KW_WITH);
    if (parser_at(p, '('))
        append_options(p, &options, parser_generic_options(p, true));
    else
        while (legacy_option(p, &options))
            continue;
    copy->options = parser_options(&options);
    position = p->token.position;
    if (copy->query == NULL) copy->where = parser_opt_where(p);
    if (copy->where != NULL && !copy->from)
        parser_fail(p, SQLSTATE_SYNTAX_ERROR, position, "WHERE clause not allowed with COPY TO");
    return &copy->node;
}
