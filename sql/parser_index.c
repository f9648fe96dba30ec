/* CREATE INDEX, and index elements (also of ON CONFLICT). */
#include "sql/parser_int.h"

/* A column, a call, or any expression in parentheses. */
static void index_key(struct sql_parser *p, struct sql_index_element *e)
{
    uint16_t next = parser_peek(p, 1)->kind;
    bool word = !parser_at_name(p, PARSER_TYPE_FUNCTION_NAME) && !parser_at_special_call(p);
    if (parser_at_name(p, PARSER_COL_ID) && next != '.' && (next != '(' || word)) {
        e->column = parser_col_id(p);
        return;
    }
    if (parser_accept(p, '(')) {
        e->expr = parser_expr(p);
        parser_expect(p, ')');
        return;
    }
    if (parser_at(p, SQL_TOKEN_KEYWORD) && !parser_at_name(p, PARSER_UNRESERVED)) {
        e->expr = parser_keyword_call(p);
        return;
    }
    struct sql_name name = parser_qualified_name(p);
    e->expr = parser_call_rest(p, name, false);
}

static void index_element(struct sql_parser *p, struct sql_index_element *e)
{
    e->position = p->token.position;
    index_key(p, e);
    if (parser_accept_kw(p, SQL_KW_COLLATE)) e->collation = parser_any_name(p);
    bool order = parser_at_kw(p, SQL_KW_NULLS) && (parser_peek(p, 1)->keyword == SQL_KW_FIRST ||
                                                   parser_peek(p, 1)->keyword == SQL_KW_LAST);
    if (!order && parser_at_name(p, PARSER_COL_ID)) {
        e->operator_class = parser_any_name(p);
        if (parser_at(p, '(')) e->operator_class_options = parser_definition(p);
    }
    e->ascending = parser_accept_kw(p, SQL_KW_ASC);
    if (!e->ascending) e->descending = parser_accept_kw(p, SQL_KW_DESC);
    e->nulls_first = parser_accept_kw2(p, SQL_KW_NULLS, SQL_KW_FIRST);
    e->nulls_last = !e->nulls_first && parser_accept_kw2(p, SQL_KW_NULLS, SQL_KW_LAST);
}

struct sql_index_elements parser_index_elements(struct sql_parser *p)
{
    struct parser_vec elements = {NULL, 0, 0};
    do
        index_element(p, PARSER_PUSH(p, &elements, struct sql_index_element));
    while (parser_accept(p, ','));
    return (struct sql_index_elements){elements.items, elements.count};
}

static void index_name(struct sql_parser *p, struct sql_create_index *index)
{
    index->if_not_exists = parser_accept_if_not_exists(p);
    if (index->if_not_exists || !parser_at_kw(p, SQL_KW_ON)) index->name = parser_col_id(p);
    parser_expect_kw(p, SQL_KW_ON);
}

static void nulls_distinct(struct sql_parser *p, struct sql_create_index *index)
{
    if (!parser_accept_kw(p, SQL_KW_NULLS)) return;
    index->nulls_not_distinct = parser_accept_kw(p, SQL_KW_NOT);
    parser_expect_kw(p, SQL_KW_DISTINCT);
}

const struct sql_node *parser_create_index(struct sql_parser *p, uint32_t position)
{
    struct sql_create_index *index =
        PARSER_NODE(p, sql_create_index, SQL_STMT_CREATE_INDEX, position);
    index->unique = parser_accept_kw(p, SQL_KW_UNIQUE);
    parser_expect_kw(p, SQL_KW_INDEX);
    index->concurrently = parser_accept_kw(p, SQL_KW_CONCURRENTLY);
    index_name(p, index);
    index->table = parser_relation(p, &index->only);
    if (parser_accept_kw(p, SQL_KW_USING)) index->access_method = parser_col_id(p);
    parser_expect(p, '(');
    index->elements = parser_index_elements(p);
    parser_expect(p, ')');
    if (parser_accept_kw(p, SQL_KW_INCLUDE)) {
        parser_expect(p, '(');
        index->include = parser_index_elements(p);
        parser_expect(p, ')');
    }
    nulls_distinct(p, index);
    if (parser_accept_kw(p, SQL_KW_WITH)) index->options = parser_definition(p);
    if (parser_accept_kw(p, SQL_KW_TABLESPACE)) index->tablespace = parser_col_id(p);
    index->where = parser_opt_where(p);
    return &index->node;
}
