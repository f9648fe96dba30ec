/* Queries: WITH, SELECT, VALUES, TABLE, set operations, and what follows them. */
#include "sql/parser_int.h"

static struct sql_select *query_rest(struct sql_parser *p, const struct sql_with *with,
                                     struct sql_select *first);

static struct sql_select *new_select(struct sql_parser *p, enum sql_select_op op, uint32_t position)
{
    struct sql_select *select = PARSER_NODE(p, sql_select, SQL_STMT_SELECT, position);
    select->op = op;
    return select;
}

bool parser_at_query(struct sql_parser *p)
{
    switch (p->token.keyword) {
    case SQL_KW_SELECT:
    case SQL_KW_TABLE:
    case SQL_KW_WITH: return true;
    case SQL_KW_VALUES: return parser_peek(p, 1)->kind == '('; /* else it is a column */
    default: return false;
    }
}

bool parser_at_query_rest(const struct sql_parser *p)
{
    switch (p->token.keyword) {
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

/* --- The select list --- */

PARSER_APART static void target(struct sql_parser *p, struct sql_target *t)
{
    t->position = p->token.position;
    if (parser_at(p, '*')) {
        t->expr = parser_star(p, t->position);
        parser_next(p);
        return;
    }
    t->expr = parser_expr_flags(p, PARSER_EXPR_TARGET);
    if (parser_accept_kw(p, SQL_KW_AS)) {
        t->alias = parser_name(p, PARSER_COL_LABEL);
    } else if (parser_at(p, SQL_TOKEN_IDENTIFIER) ||
               (parser_at(p, SQL_TOKEN_KEYWORD) &&
                sql_keyword_info(p->token.keyword)->bare_label != 0)) {
        t->alias = parser_name(p, PARSER_COL_LABEL);
    }
}

struct sql_targets parser_targets(struct sql_parser *p)
{
    struct parser_vec targets = {NULL, 0, 0};
    do
        target(p, PARSER_PUSH(p, &targets, struct sql_target));
    while (parser_accept(p, ','));
    return (struct sql_targets){targets.items, targets.count};
}

struct sql_targets parser_opt_returning(struct sql_parser *p)
{
    if (!parser_accept_kw(p, SQL_KW_RETURNING)) return (struct sql_targets){NULL, 0};
    return parser_targets(p);
}

/* SELECT may have no columns at all. */
static bool at_end_of_targets(const struct sql_parser *p)
{
    if (parser_at(p, SQL_TOKEN_END) || parser_at(p, ';') || parser_at(p, ')')) return true;
    if (parser_at_query_rest(p)) return true;
    switch (p->token.keyword) {
    case SQL_KW_FROM:
    case SQL_KW_INTO:
    case SQL_KW_WHERE:
    case SQL_KW_GROUP:
    case SQL_KW_HAVING:
    case SQL_KW_WINDOW:
    case SQL_KW_ON:
    case SQL_KW_RETURNING:
    case SQL_KW_WITH: return true;
    default: return false;
    }
}

PARSER_APART static void distinct(struct sql_parser *p, struct sql_select *select)
{
    select->distinct = true;
    if (!parser_accept_kw(p, SQL_KW_ON)) return;
    parser_expect(p, '(');
    select->distinct_on = parser_expr_list(p);
    parser_expect(p, ')');
}

/* --- GROUP BY, WINDOW, ORDER BY --- */

static const struct sql_node *grouping_set(struct sql_parser *p, enum sql_grouping_kind kind);

static const struct sql_node *grouping_item(struct sql_parser *p)
{
    bool paren_next = parser_peek(p, 1)->kind == '(';
    if (parser_at_kw(p, SQL_KW_CUBE) && paren_next) return grouping_set(p, SQL_GROUPING_CUBE);
    if (parser_at_kw(p, SQL_KW_ROLLUP) && paren_next) return grouping_set(p, SQL_GROUPING_ROLLUP);
    if (parser_at_kw2(p, SQL_KW_GROUPING, SQL_KW_SETS)) {
        parser_next(p);
        return grouping_set(p, SQL_GROUPING_SETS);
    }
    if (!parser_at(p, '(') || parser_peek(p, 1)->kind != ')') return parser_expr(p);
    struct sql_grouping_set *node =
        PARSER_NODE(p, sql_grouping_set, SQL_EXPR_GROUPING_SET, p->token.position);
    node->grouping = SQL_GROUPING_EMPTY;
    parser_next(p);
    parser_next(p);
    return &node->node;
}

/* Stands at the word before the parenthesis. */
static const struct sql_node *grouping_set(struct sql_parser *p, enum sql_grouping_kind kind)
{
    struct sql_grouping_set *node =
        PARSER_NODE(p, sql_grouping_set, SQL_EXPR_GROUPING_SET, p->token.position);
    node->grouping = kind;
    parser_next(p);
    parser_expect(p, '(');
    if (!parser_enter(p)) return &node->node;
    struct parser_vec items = {NULL, 0, 0};
    do
        parser_push_node(p, &items, kind == SQL_GROUPING_SETS ? grouping_item(p) : parser_expr(p));
    while (parser_accept(p, ','));
    parser_leave(p);
    parser_expect(p, ')');
    node->items = parser_list(&items);
    return &node->node;
}

PARSER_APART static void group_by(struct sql_parser *p, struct sql_select *select)
{
    if (!parser_accept_kw(p, SQL_KW_GROUP)) return;
    parser_expect_kw(p, SQL_KW_BY);
    select->group_distinct = parser_accept_kw(p, SQL_KW_DISTINCT);
    if (!select->group_distinct) parser_accept_kw(p, SQL_KW_ALL);
    struct parser_vec items = {NULL, 0, 0};
    do
        parser_push_node(p, &items, grouping_item(p));
    while (parser_accept(p, ','));
    select->group_by = parser_list(&items);
}

PARSER_APART static void windows(struct sql_parser *p, struct sql_select *select)
{
    if (!parser_accept_kw(p, SQL_KW_WINDOW)) return;
    struct parser_vec items = {NULL, 0, 0};
    do {
        struct sql_window *w = PARSER_PUSH(p, &items, struct sql_window);
        w->name = parser_col_id(p);
        parser_expect_kw(p, SQL_KW_AS);
        parser_window(p, w);
    } while (parser_accept(p, ','));
    select->windows = items.items;
    select->window_count = items.count;
}

PARSER_APART static void sort_item(struct sql_parser *p, struct sql_sort *sort)
{
    sort->expr = parser_expr(p);
    if (parser_accept_kw(p, SQL_KW_USING)) {
        uint32_t position = p->token.position;
        const char *schema, *name;
        if (!parser_accept_operator(p, &schema, &name)) parser_fail_here(p);
        sort->using_operator =
            (struct sql_name){.schema = schema, .name = name, .position = position};
    } else {
        sort->descending = parser_accept_kw(p, SQL_KW_DESC);
        if (!sort->descending) parser_accept_kw(p, SQL_KW_ASC);
    }
    sort->nulls_first = parser_accept_kw2(p, SQL_KW_NULLS, SQL_KW_FIRST);
    sort->nulls_last = !sort->nulls_first && parser_accept_kw2(p, SQL_KW_NULLS, SQL_KW_LAST);
}

struct sql_sorts parser_opt_order_by(struct sql_parser *p)
{
    if (!parser_accept_kw(p, SQL_KW_ORDER)) return (struct sql_sorts){NULL, 0};
    parser_expect_kw(p, SQL_KW_BY);
    struct parser_vec sorts = {NULL, 0, 0};
    do
        sort_item(p, PARSER_PUSH(p, &sorts, struct sql_sort));
    while (parser_accept(p, ','));
    return (struct sql_sorts){sorts.items, sorts.count};
}

const struct sql_node *parser_opt_where(struct sql_parser *p)
{
    if (!parser_accept_kw(p, SQL_KW_WHERE)) return NULL;
    return parser_expr(p);
}

/* --- Operands of set operations --- */

bool parser_at_as_of(struct sql_parser *p)
{
    return parser_at_kw2(p, SQL_KW_AS, SQL_KW_OF) && parser_peek(p, 2)->keyword == SQL_KW_SYSTEM;
}

const struct sql_node *parser_opt_as_of(struct sql_parser *p)
{
    if (!parser_at_as_of(p)) return NULL;
    parser_next(p);
    parser_next(p);
    parser_next(p);
    parser_expect_kw(p, SQL_KW_TIME);
    return parser_expr(p);
}

PARSER_APART static struct sql_select *plain_select(struct sql_parser *p)
{
    struct sql_select *select = new_select(p, SQL_SELECT_PLAIN, p->token.position);
    parser_expect_kw(p, SQL_KW_SELECT);
    if (parser_accept_kw(p, SQL_KW_DISTINCT))
        distinct(p, select);
    else
        parser_accept_kw(p, SQL_KW_ALL);
    if (select->distinct || !at_end_of_targets(p)) select->targets = parser_targets(p);
    if (parser_at_kw(p, SQL_KW_INTO)) parser_unsupported(p, p->token.position, "SELECT INTO");
    if (parser_accept_kw(p, SQL_KW_FROM)) {
        select->from = parser_from_list(p);
        select->as_of = parser_opt_as_of(p);
    }
    select->where = parser_opt_where(p);
    group_by(p, select);
    if (parser_accept_kw(p, SQL_KW_HAVING)) select->having = parser_expr(p);
    windows(p, select);
    return select;
}

PARSER_APART static struct sql_select *values(struct sql_parser *p)
{
    struct sql_select *select = new_select(p, SQL_SELECT_VALUES, p->token.position);
    struct parser_vec rows = {NULL, 0, 0};
    parser_expect_kw(p, SQL_KW_VALUES);
    do {
        parser_expect(p, '(');
        struct sql_list row = parser_expr_list(p);
        parser_expect(p, ')');
        *PARSER_PUSH(p, &rows, struct sql_list) = row;
    } while (parser_accept(p, ','));
    select->rows = rows.items;
    select->row_count = rows.count;
    return select;
}

/* TABLE t is SELECT * FROM t. */
PARSER_APART static struct sql_select *table(struct sql_parser *p)
{
    struct sql_select *select = new_select(p, SQL_SELECT_PLAIN, p->token.position);
    parser_expect_kw(p, SQL_KW_TABLE);
    struct parser_vec targets = {NULL, 0, 0}, from = {NULL, 0, 0};
    PARSER_PUSH(p, &targets, struct sql_target)->expr = parser_star(p, 0);
    struct sql_from_table *node = PARSER_NODE(p, sql_from_table, SQL_FROM_TABLE, p->token.position);
    node->name = parser_relation(p, &node->only);
    parser_push_node(p, &from, &node->node);
    select->targets = (struct sql_targets){targets.items, targets.count};
    select->from = parser_list(&from);
    return select;
}

static struct sql_select *query(struct sql_parser *p);

PARSER_APART static struct sql_select *paren_query(struct sql_parser *p)
{
    parser_expect(p, '(');
    struct sql_select *select = query(p);
    parser_expect(p, ')');
    return select;
}

static struct sql_select *operand(struct sql_parser *p)
{
    if (parser_at_kw(p, SQL_KW_SELECT)) return plain_select(p);
    if (parser_at_kw(p, SQL_KW_VALUES)) return values(p);
    if (parser_at_kw(p, SQL_KW_TABLE)) return table(p);
    if (parser_at(p, '(')) return paren_query(p);
    parser_fail_here(p);
    return new_select(p, SQL_SELECT_PLAIN, 0);
}

/* --- Set operations --- */

/* INTERSECT binds tighter than UNION and EXCEPT; all group to the left. */
enum { LEVEL_NONE = 0, LEVEL_UNION = 1, LEVEL_INTERSECT = 2 };

static int set_level(const struct sql_parser *p)
{
    if (parser_at_kw(p, SQL_KW_UNION) || parser_at_kw(p, SQL_KW_EXCEPT)) return LEVEL_UNION;
    return parser_at_kw(p, SQL_KW_INTERSECT) ? LEVEL_INTERSECT : LEVEL_NONE;
}

static enum sql_select_op set_op(const struct sql_parser *p)
{
    if (parser_at_kw(p, SQL_KW_UNION)) return SQL_SELECT_UNION;
    return parser_at_kw(p, SQL_KW_EXCEPT) ? SQL_SELECT_EXCEPT : SQL_SELECT_INTERSECT;
}

static struct sql_select *set_operations(struct sql_parser *p, struct sql_select *left,
                                         int level_min)
{
    for (;;) {
        int level = set_level(p);
        if (level == LEVEL_NONE || level < level_min) return left;
        struct sql_select *select = new_select(p, set_op(p), p->token.position);
        parser_next(p);
        select->all = parser_accept_kw(p, SQL_KW_ALL);
        if (!select->all) parser_accept_kw(p, SQL_KW_DISTINCT);
        select->left = left;
        select->right = set_operations(p, operand(p), level + 1);
        parser_wrap(p);
        left = select;
    }
}

/* --- LIMIT, OFFSET, FETCH --- */

static void fail_multiple(struct sql_parser *p, const char *what, uint32_t position)
{
    parser_fail(p, SQLSTATE_SYNTAX_ERROR, position, "multiple %s clauses not allowed", what);
}

/* What may stand before ROW and ROWS: an operand or a signed number. */
static const struct sql_node *fetch_count(struct sql_parser *p)
{
    if (parser_at(p, '+') || parser_at(p, '-')) return parser_number(p);
    return parser_primary(p);
}

PARSER_APART static void fetch_first(struct sql_parser *p, struct sql_select *select)
{
    parser_expect_kw(p, SQL_KW_FETCH);
    if (!parser_accept_kw(p, SQL_KW_FIRST)) parser_expect_kw(p, SQL_KW_NEXT);
    if (parser_at_kw(p, SQL_KW_ROW) || parser_at_kw(p, SQL_KW_ROWS))
        select->limit = parser_const_integer(p, 1, 0);
    else
        select->limit = fetch_count(p);
    if (!parser_accept_kw(p, SQL_KW_ROW)) parser_expect_kw(p, SQL_KW_ROWS);
    if (parser_accept_kw(p, SQL_KW_ONLY)) return;
    parser_expect_kw(p, SQL_KW_WITH);
    parser_expect_kw(p, SQL_KW_TIES);
    select->with_ties = true;
    if (select->order_by.count == 0)
        parser_fail(p, SQLSTATE_SYNTAX_ERROR, 0,
                    "WITH TIES cannot be specified without ORDER BY clause");
}

static void limit(struct sql_parser *p, struct sql_select *select)
{
    uint32_t position = p->token.position;
    parser_expect_kw(p, SQL_KW_LIMIT);
    if (parser_accept_kw(p, SQL_KW_ALL))
        select->limit = parser_const_null(p, position);
    else
        select->limit = parser_expr(p);
    if (!parser_at(p, ',')) return;
    parser_next(p);
    parser_expr(p);
    parser_fail(p, SQLSTATE_SYNTAX_ERROR, position, "LIMIT #,# syntax is not supported");
    sql_error_hint(p->error, p->arena, "Use separate LIMIT and OFFSET clauses.");
}

static bool at_limit(const struct sql_parser *p)
{
    return parser_at_kw(p, SQL_KW_LIMIT) || parser_at_kw(p, SQL_KW_OFFSET) ||
           parser_at_kw(p, SQL_KW_FETCH);
}

PARSER_APART static void limit_and_offset(struct sql_parser *p, struct sql_select *select)
{
    bool limited = false, skipped = false;
    while (at_limit(p)) {
        bool fetch = parser_at_kw(p, SQL_KW_FETCH);
        uint32_t position = parser_peek(p, fetch ? 2 : 1)->position;
        if ((fetch || parser_at_kw(p, SQL_KW_LIMIT)) && !limited) {
            bool multiple = select->limit != NULL;
            if (fetch)
                fetch_first(p, select);
            else
                limit(p, select);
            if (multiple) fail_multiple(p, "LIMIT", position);
            limited = true;
        } else if (parser_at_kw(p, SQL_KW_OFFSET) && !skipped) {
            bool multiple = select->offset != NULL;
            parser_next(p);
            select->offset = parser_expr(p);
            if (!parser_accept_kw(p, SQL_KW_ROW)) parser_accept_kw(p, SQL_KW_ROWS);
            if (multiple) fail_multiple(p, "OFFSET", position);
            skipped = true;
        } else {
            return;
        }
    }
}

/* --- FOR UPDATE and the like --- */

static enum sql_lock_strength lock_strength(struct sql_parser *p)
{
    if (parser_accept_kw(p, SQL_KW_UPDATE)) return SQL_LOCK_FOR_UPDATE;
    if (parser_accept_kw(p, SQL_KW_SHARE)) return SQL_LOCK_FOR_SHARE;
    if (parser_accept_kw(p, SQL_KW_KEY)) {
        parser_expect_kw(p, SQL_KW_SHARE);
        return SQL_LOCK_FOR_KEY_SHARE;
    }
    parser_expect_kw(p, SQL_KW_NO);
    parser_expect_kw(p, SQL_KW_KEY);
    parser_expect_kw(p, SQL_KW_UPDATE);
    return SQL_LOCK_FOR_NO_KEY_UPDATE;
}

static void locking_clause(struct sql_parser *p, struct sql_locking *l)
{
    l->position = p->token.position;
    parser_expect_kw(p, SQL_KW_FOR);
    l->strength = lock_strength(p);
    if (parser_accept_kw(p, SQL_KW_OF)) l->tables = parser_qualified_names(p);
    if (parser_accept_kw(p, SQL_KW_NOWAIT)) {
        l->wait = SQL_LOCK_NOWAIT;
    } else if (parser_accept_kw(p, SQL_KW_SKIP)) {
        parser_expect_kw(p, SQL_KW_LOCKED);
        l->wait = SQL_LOCK_SKIP_LOCKED;
    }
}

/* A query in parentheses may have some already: these are added. FOR READ ONLY says nothing. */
PARSER_APART static void locking(struct sql_parser *p, struct sql_select *select)
{
    if (!parser_at_kw(p, SQL_KW_FOR)) return;
    if (parser_at_kw2(p, SQL_KW_FOR, SQL_KW_READ)) {
        parser_next(p);
        parser_next(p);
        parser_expect_kw(p, SQL_KW_ONLY);
        return;
    }
    struct parser_vec clauses = {NULL, 0, 0};
    for (uint32_t i = 0; i < select->locking_count; i++)
        *PARSER_PUSH(p, &clauses, struct sql_locking) = select->locking[i];
    while (parser_at_kw(p, SQL_KW_FOR)) {
        struct sql_locking l = {.wait = SQL_LOCK_WAIT};
        locking_clause(p, &l);
        *PARSER_PUSH(p, &clauses, struct sql_locking) = l;
    }
    if (p->failed) return;
    select->locking = clauses.items;
    select->locking_count = clauses.count;
}

/* --- WITH --- */

PARSER_APART static void cte(struct sql_parser *p, struct sql_cte *c)
{
    c->position = p->token.position;
    c->name = parser_col_id(p);
    c->columns = parser_opt_name_list(p);
    parser_expect_kw(p, SQL_KW_AS);
    if (parser_accept_kw(p, SQL_KW_MATERIALIZED)) {
        c->materialized = SQL_MATERIALIZED;
    } else if (parser_accept_kw(p, SQL_KW_NOT)) {
        parser_expect_kw(p, SQL_KW_MATERIALIZED);
        c->materialized = SQL_NOT_MATERIALIZED;
    }
    parser_expect(p, '(');
    c->statement = parser_preparable(p);
    parser_expect(p, ')');
    if (parser_at_kw(p, SQL_KW_SEARCH)) parser_unsupported(p, p->token.position, "SEARCH");
    if (parser_at_kw(p, SQL_KW_CYCLE)) parser_unsupported(p, p->token.position, "CYCLE");
}

void parser_with(struct sql_parser *p, struct sql_with *with)
{
    *with = (struct sql_with){.position = p->token.position};
    parser_expect_kw(p, SQL_KW_WITH);
    /* A CTE may be called recursive. */
    with->recursive =
        parser_at_kw(p, SQL_KW_RECURSIVE) && parser_token_is_name(parser_peek(p, 1), PARSER_COL_ID);
    if (with->recursive) parser_next(p);
    struct parser_vec ctes = {NULL, 0, 0};
    do
        cte(p, PARSER_PUSH(p, &ctes, struct sql_cte));
    while (parser_accept(p, ','));
    with->ctes = ctes.items;
    with->count = ctes.count;
}

/* --- Whole queries --- */

/* As in PostgreSQL, the clauses behind a query in parentheses become clauses of that query. */
static struct sql_select *query_rest(struct sql_parser *p, const struct sql_with *with,
                                     struct sql_select *first)
{
    struct sql_select *select = set_operations(p, first != NULL ? first : operand(p), LEVEL_UNION);
    uint32_t position = parser_at_kw(p, SQL_KW_ORDER) ? parser_peek(p, 2)->position : 0;
    struct sql_sorts order_by = parser_opt_order_by(p);
    if (order_by.count > 0) {
        if (select->order_by.count > 0) fail_multiple(p, "ORDER BY", position);
        select->order_by = order_by;
    }
    locking(p, select);
    limit_and_offset(p, select);
    locking(p, select);
    if (with != NULL && with->count > 0) {
        if (select->with.count > 0) fail_multiple(p, "WITH", with->position);
        select->with = *with;
    }
    if (p->failed) return select; /* perhaps the spare place: nothing in it holds */
    for (uint32_t i = 0; select->with_ties && i < select->locking_count; i++)
        if (select->locking[i].wait == SQL_LOCK_SKIP_LOCKED)
            parser_fail(p, SQLSTATE_SYNTAX_ERROR, 0,
                        "SKIP LOCKED and WITH TIES options cannot be used together");
    return select;
}

static struct sql_select *query(struct sql_parser *p)
{
    if (!parser_enter(p)) return new_select(p, SQL_SELECT_PLAIN, 0);
    struct sql_with with = {.count = 0};
    if (parser_at_kw(p, SQL_KW_WITH)) parser_with(p, &with);
    struct sql_select *select = query_rest(p, &with, NULL);
    parser_leave(p);
    return select;
}

const struct sql_select *parser_query(struct sql_parser *p)
{
    return query(p);
}

const struct sql_select *parser_paren_query(struct sql_parser *p)
{
    return paren_query(p);
}

const struct sql_select *parser_query_rest(struct sql_parser *p, const struct sql_with *with,
                                           const struct sql_select *first)
{
    /* Nobody else has seen the query in parentheses yet: it may still be completed. */
    return query_rest(p, with, (struct sql_select *)(uintptr_t)first);
}
