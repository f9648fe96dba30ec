/* INSERT, UPDATE, DELETE, and the statements that may stand in WITH, PREPARE, EXPLAIN and COPY. */
#include "sql/parser_int.h"

static void set_target(struct sql_parser *p, struct sql_set_target *t)
{
    t->position = p->token.position;
    t->column = parser_col_id(p);
    t->steps = parser_opt_steps(p);
}

/* Behind the opening parenthesis; consumes the closing one. */
static struct parser_vec paren_set_targets(struct sql_parser *p)
{
    struct parser_vec targets = {NULL, 0, 0};
    do
        set_target(p, PARSER_PUSH(p, &targets, struct sql_set_target));
    while (parser_accept(p, ','));
    parser_expect(p, ')');
    return targets;
}

PARSER_APART static void set_clause(struct sql_parser *p, struct sql_set_clause *clause)
{
    struct parser_vec targets = {NULL, 0, 0};
    clause->multiple = parser_accept(p, '(');
    if (clause->multiple)
        targets = paren_set_targets(p);
    else
        set_target(p, PARSER_PUSH(p, &targets, struct sql_set_target));
    parser_expect(p, '=');
    clause->expr = parser_expr(p);
    clause->targets = targets.items;
    clause->target_count = targets.count;
}

static struct sql_set_clauses set_clauses(struct sql_parser *p)
{
    struct parser_vec clauses = {NULL, 0, 0};
    parser_expect_kw(p, SQL_KW_SET);
    do
        set_clause(p, PARSER_PUSH(p, &clauses, struct sql_set_clause));
    while (parser_accept(p, ','));
    return (struct sql_set_clauses){clauses.items, clauses.count};
}

/* WHERE of UPDATE and DELETE. */
static const struct sql_node *where_or_current(struct sql_parser *p)
{
    if (parser_at_kw(p, SQL_KW_WHERE)) {
        const struct sql_token *next = parser_peek(p, 1);
        if (next->keyword == SQL_KW_CURRENT && parser_peek(p, 2)->keyword == SQL_KW_OF)
            parser_unsupported(p, next->position, "WHERE CURRENT OF");
    }
    return parser_opt_where(p);
}

/* --- INSERT --- */

static void on_conflict_target(struct sql_parser *p, struct sql_on_conflict *c)
{
    c->target_position = p->token.position;
    if (parser_accept(p, '(')) {
        c->elements = parser_index_elements(p);
        parser_expect(p, ')');
        c->elements_where = parser_opt_where(p);
    } else if (parser_accept_kw(p, SQL_KW_ON)) {
        parser_expect_kw(p, SQL_KW_CONSTRAINT);
        c->constraint = parser_col_id(p);
    }
}

static void opt_on_conflict(struct sql_parser *p, struct sql_on_conflict *c)
{
    c->position = p->token.position;
    if (!parser_accept_kw(p, SQL_KW_ON)) return;
    parser_expect_kw(p, SQL_KW_CONFLICT);
    on_conflict_target(p, c);
    parser_expect_kw(p, SQL_KW_DO);
    if (parser_accept_kw(p, SQL_KW_NOTHING)) {
        c->action = SQL_CONFLICT_NOTHING;
        return;
    }
    parser_expect_kw(p, SQL_KW_UPDATE);
    c->action = SQL_CONFLICT_UPDATE;
    c->set = set_clauses(p);
    c->where = parser_opt_where(p);
}

/* `(` begins a list of columns unless a query stands behind it. */
static bool at_insert_columns(struct sql_parser *p)
{
    if (!parser_at(p, '(')) return false;
    const struct sql_token *next = parser_peek(p, 1);
    if (next->keyword == SQL_KW_VALUES) return parser_peek(p, 2)->kind != '(';
    return next->kind != '(' && next->keyword != SQL_KW_SELECT && next->keyword != SQL_KW_WITH &&
           next->keyword != SQL_KW_TABLE;
}

static void overriding(struct sql_parser *p, struct sql_insert *insert)
{
    if (!parser_accept_kw(p, SQL_KW_OVERRIDING)) return;
    insert->overriding = SQL_OVERRIDING_SYSTEM;
    if (parser_accept_kw(p, SQL_KW_USER))
        insert->overriding = SQL_OVERRIDING_USER;
    else
        parser_expect_kw(p, SQL_KW_SYSTEM);
    parser_expect_kw(p, SQL_KW_VALUE);
}

const struct sql_node *parser_insert(struct sql_parser *p, const struct sql_with *with)
{
    struct sql_insert *insert = PARSER_NODE(p, sql_insert, SQL_STMT_INSERT, p->token.position);
    insert->with = *with;
    parser_expect_kw(p, SQL_KW_INSERT);
    parser_expect_kw(p, SQL_KW_INTO);
    insert->table = parser_qualified_name(p);
    if (parser_accept_kw(p, SQL_KW_AS)) insert->alias = parser_col_id(p);
    bool columns = at_insert_columns(p);
    if (columns) {
        parser_next(p);
        struct parser_vec targets = paren_set_targets(p);
        insert->columns = targets.items;
        insert->column_count = targets.count;
    }
    overriding(p, insert);
    bool defaults = !columns && insert->overriding == SQL_OVERRIDING_NONE &&
                    parser_accept_kw(p, SQL_KW_DEFAULT);
    if (defaults)
        parser_expect_kw(p, SQL_KW_VALUES);
    else
        insert->source = parser_query(p);
    opt_on_conflict(p, &insert->on_conflict);
    insert->returning = parser_opt_returning(p);
    return &insert->node;
}

/* --- UPDATE and DELETE --- */

/* [AS] alias. SET is a name too, but here it begins the assignments. */
static const char *opt_target_alias(struct sql_parser *p)
{
    if (parser_accept_kw(p, SQL_KW_AS)) return parser_col_id(p);
    if (parser_at_kw(p, SQL_KW_SET) || !parser_at_name(p, PARSER_COL_ID)) return NULL;
    return parser_col_id(p);
}

const struct sql_node *parser_update(struct sql_parser *p, const struct sql_with *with)
{
    struct sql_update *update = PARSER_NODE(p, sql_update, SQL_STMT_UPDATE, p->token.position);
    update->with = *with;
    parser_expect_kw(p, SQL_KW_UPDATE);
    update->table = parser_relation(p, &update->only);
    update->alias = opt_target_alias(p);
    update->set = set_clauses(p);
    if (parser_accept_kw(p, SQL_KW_FROM)) update->from = parser_from_list(p);
    update->where = where_or_current(p);
    update->returning = parser_opt_returning(p);
    return &update->node;
}

const struct sql_node *parser_delete(struct sql_parser *p, const struct sql_with *with)
{
    struct sql_delete *delete = PARSER_NODE(p, sql_delete, SQL_STMT_DELETE, p->token.position);
    delete->with = *with;
    parser_expect_kw(p, SQL_KW_DELETE);
    parser_expect_kw(p, SQL_KW_FROM);
    delete->table = parser_relation(p, &delete->only);
    delete->alias = opt_target_alias(p);
    if (parser_accept_kw(p, SQL_KW_USING)) delete->using_from = parser_from_list(p);
    delete->where = where_or_current(p);
    delete->returning = parser_opt_returning(p);
    return &delete->node;
}

/* --- Any of them --- */

static const struct sql_node *preparable(struct sql_parser *p)
{
    struct sql_with with = {.count = 0};
    if (parser_at_kw(p, SQL_KW_WITH)) parser_with(p, &with);
    switch (p->token.keyword) {
    case SQL_KW_INSERT: return parser_insert(p, &with);
    case SQL_KW_UPDATE: return parser_update(p, &with);
    case SQL_KW_DELETE: return parser_delete(p, &with);
    case SQL_KW_MERGE: break;
    default: return &parser_query_rest(p, &with, NULL)->node;
    }
    parser_unsupported(p, p->token.position, "MERGE");
    return &parser_failed_node;
}

const struct sql_node *parser_preparable(struct sql_parser *p)
{
    if (!parser_enter(p)) return &parser_failed_node;
    const struct sql_node *node = preparable(p);
    parser_leave(p);
    return node;
}
