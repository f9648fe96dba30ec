/* CREATE TABLE and CREATE TABLE AS. */
#include "sql/parser_int.h"

/* What stands behind the name and the list in parentheses, in both statements. */
struct table_options {
    struct sql_options options;
    const char *access_method, *tablespace;
    enum sql_on_commit on_commit;
};

void parser_column_definition(struct sql_parser *p, struct sql_column_definition *column)
{
    column->position = p->token.position;
    column->name = parser_col_id(p);
    parser_type(p, &column->type);
    if (parser_accept_kw(p, SQL_KW_COMPRESSION) && !parser_accept_kw(p, SQL_KW_DEFAULT))
        parser_col_id(p); /* how PostgreSQL stores long values: nothing to keep */
    if (parser_at_kw(p, SQL_KW_OPTIONS)) parser_unsupported(p, p->token.position, "OPTIONS");
    struct parser_vec constraints = {NULL, 0, 0};
    for (;;) {
        uint32_t position = p->token.position;
        if (parser_accept_kw(p, SQL_KW_COLLATE)) {
            if (column->collation.name != NULL)
                parser_fail(p, SQLSTATE_SYNTAX_ERROR, position,
                            "multiple COLLATE clauses not allowed");
            column->collation = parser_any_name(p);
        } else if (!parser_column_constraint(p, &constraints)) {
            break;
        }
    }
    column->constraints = (struct sql_constraints){constraints.items, constraints.count};
}

static enum sql_on_commit on_commit(struct sql_parser *p)
{
    if (!parser_accept_kw(p, SQL_KW_ON)) return SQL_ON_COMMIT_NONE;
    parser_expect_kw(p, SQL_KW_COMMIT);
    if (parser_accept_kw(p, SQL_KW_DROP)) return SQL_ON_COMMIT_DROP;
    enum sql_on_commit action = SQL_ON_COMMIT_DELETE_ROWS;
    if (!parser_accept_kw(p, SQL_KW_DELETE)) {
        parser_expect_kw(p, SQL_KW_PRESERVE);
        action = SQL_ON_COMMIT_PRESERVE_ROWS;
    }
    parser_expect_kw(p, SQL_KW_ROWS);
    return action;
}

static void table_options(struct sql_parser *p, struct table_options *o)
{
    if (parser_at_kw(p, SQL_KW_INHERITS)) parser_unsupported(p, p->token.position, "INHERITS");
    if (parser_at_kw(p, SQL_KW_PARTITION)) parser_unsupported(p, p->token.position, "PARTITION BY");
    if (parser_accept_kw(p, SQL_KW_USING)) o->access_method = parser_col_id(p);
    if (parser_accept_kw(p, SQL_KW_WITHOUT)) {
        parser_expect_kw(p, SQL_KW_OIDS);
    } else if (parser_accept_kw(p, SQL_KW_WITH)) {
        o->options = parser_definition(p);
    }
    o->on_commit = on_commit(p);
    if (parser_accept_kw(p, SQL_KW_TABLESPACE)) o->tablespace = parser_col_id(p);
}

/* The elements of a table, up to the closing parenthesis. */
static void elements(struct sql_parser *p, struct sql_create_table *table)
{
    struct parser_vec columns = {NULL, 0, 0}, constraints = {NULL, 0, 0};
    if (!parser_at(p, ')')) {
        do {
            if (parser_at_kw(p, SQL_KW_LIKE))
                parser_unsupported(p, p->token.position, "LIKE in CREATE TABLE");
            if (parser_at_table_constraint(p)) {
                struct sql_constraint c = {.name = NULL};
                parser_table_constraint(p, &c);
                *PARSER_PUSH(p, &constraints, struct sql_constraint) = c;
            } else {
                struct sql_column_definition c = {.name = NULL};
                parser_column_definition(p, &c);
                *PARSER_PUSH(p, &columns, struct sql_column_definition) = c;
            }
        } while (parser_accept(p, ','));
    }
    parser_expect(p, ')');
    table->columns = columns.items;
    table->column_count = columns.count;
    table->constraints = (struct sql_constraints){constraints.items, constraints.count};
}

/* The name and what follows it up to here; AS is the current word. */
static const struct sql_node *create_table_as(struct sql_parser *p,
                                              struct sql_create_table_as *table)
{
    parser_expect_kw(p, SQL_KW_AS);
    if (parser_at_kw(p, SQL_KW_EXECUTE))
        parser_unsupported(p, p->token.position, "CREATE TABLE AS EXECUTE");
    table->query = parser_query(p);
    if (parser_accept_kw(p, SQL_KW_WITH)) {
        table->with_no_data = parser_accept_kw(p, SQL_KW_NO);
        parser_expect_kw(p, SQL_KW_DATA);
    }
    return &table->node;
}

/* `(a, b)` names the columns of CREATE TABLE AS; a definition has a type behind each. */
static bool at_column_names(struct sql_parser *p)
{
    if (!parser_at(p, '(') || !parser_token_is_name(parser_peek(p, 1), PARSER_COL_ID)) return false;
    uint16_t after = parser_peek(p, 2)->kind;
    return after == ',' || after == ')';
}

/* The head of both statements, in the terms of the second. */
static struct sql_create_table_as *head(struct sql_parser *p, enum sql_persistence persistence,
                                        uint32_t position)
{
    struct sql_create_table_as *table =
        PARSER_NODE(p, sql_create_table_as, SQL_STMT_CREATE_TABLE_AS, position);
    table->persistence = persistence;
    table->if_not_exists = parser_accept_if_not_exists(p);
    table->name = parser_qualified_name(p);
    if (parser_at_kw(p, SQL_KW_OF)) parser_unsupported(p, p->token.position, "CREATE TABLE OF");
    if (parser_at_kw(p, SQL_KW_PARTITION)) parser_unsupported(p, p->token.position, "PARTITION OF");
    return table;
}

const struct sql_node *parser_create_table(struct sql_parser *p, enum sql_persistence persistence,
                                           uint32_t position)
{
    struct sql_create_table_as *as = head(p, persistence, position);
    struct table_options options = {.access_method = NULL};
    if (!parser_at(p, '(') || at_column_names(p)) {
        as->columns = parser_opt_name_list(p);
        table_options(p, &options);
        as->options = options.options;
        as->access_method = options.access_method;
        as->tablespace = options.tablespace;
        as->on_commit = options.on_commit;
        return create_table_as(p, as);
    }
    struct sql_create_table *table =
        PARSER_NODE(p, sql_create_table, SQL_STMT_CREATE_TABLE, position);
    table->name = as->name;
    table->persistence = persistence;
    table->if_not_exists = as->if_not_exists;
    parser_expect(p, '(');
    elements(p, table);
    table_options(p, &options);
    table->options = options.options;
    table->access_method = options.access_method;
    table->tablespace = options.tablespace;
    table->on_commit = options.on_commit;
    return &table->node;
}
