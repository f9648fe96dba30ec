/* EXPLAIN, prepared statements, cursors, maintenance, notifications, locks. */
#include "sql/parser_int.h"

/* --- EXPLAIN --- */

/* Behind CREATE: what EXPLAIN may have. */
static bool creates_table(enum sql_keyword keyword)
{
    switch (keyword) {
    case SQL_KW_GLOBAL:
    case SQL_KW_LOCAL:
    case SQL_KW_MATERIALIZED:
    case SQL_KW_TABLE:
    case SQL_KW_TEMP:
    case SQL_KW_TEMPORARY:
    case SQL_KW_UNLOGGED: return true;
    default: return false;
    }
}

static const struct sql_node *explainable(struct sql_parser *p)
{
    uint32_t position = p->token.position;
    switch (p->token.keyword) {
    case SQL_KW_DECLARE: return parser_declare(p);
    case SQL_KW_EXECUTE: return parser_execute(p);
    case SQL_KW_CREATE: break;
    case SQL_KW_REFRESH:
        return parser_unsupported_statement(p, "REFRESH MATERIALIZED VIEW", position);
    default: return parser_preparable(p);
    }
    if (!creates_table(parser_peek(p, 1)->keyword)) {
        parser_next(p);
        parser_fail_here(p);
        return &parser_failed_node;
    }
    const struct sql_node *node = parser_create(p);
    if (node->kind != SQL_STMT_CREATE_TABLE_AS && node->kind != SQL_STMT_UNSUPPORTED)
        parser_fail(p, SQLSTATE_SYNTAX_ERROR, position,
                    "EXPLAIN is for queries and changes of rows");
    return node;
}

/* `(` begins the options unless a query stands behind it. */
static bool at_explain_options(struct sql_parser *p)
{
    if (!parser_at(p, '(')) return false;
    const struct sql_token *next = parser_peek(p, 1);
    if (next->keyword == SQL_KW_VALUES) return parser_peek(p, 2)->kind != '(';
    return next->kind != '(' && next->keyword != SQL_KW_SELECT && next->keyword != SQL_KW_WITH &&
           next->keyword != SQL_KW_TABLE;
}

const struct sql_node *parser_explain(struct sql_parser *p)
{
    struct sql_explain *explain = PARSER_NODE(p, sql_explain, SQL_STMT_EXPLAIN, p->token.position);
    struct parser_vec options = {NULL, 0, 0};
    parser_expect_kw(p, SQL_KW_EXPLAIN);
    if (at_explain_options(p)) {
        explain->options = parser_generic_options(p, false);
    } else {
        uint32_t position = p->token.position;
        if (parser_accept_kw(p, SQL_KW_ANALYZE) || parser_accept_kw(p, SQL_KW_ANALYSE))
            parser_push_option(p, &options, "analyze", position);
        position = p->token.position;
        if (parser_accept_kw(p, SQL_KW_VERBOSE))
            parser_push_option(p, &options, "verbose", position);
        explain->options = parser_options(&options);
    }
    explain->statement = explainable(p);
    return &explain->node;
}

/* --- Prepared statements --- */

const struct sql_node *parser_prepare(struct sql_parser *p)
{
    uint32_t position = p->token.position;
    parser_expect_kw(p, SQL_KW_PREPARE);
    if (parser_at_kw(p, SQL_KW_TRANSACTION) && parser_peek(p, 1)->kind == SQL_TOKEN_STRING)
        return parser_unsupported_statement(p, "PREPARE TRANSACTION", position);
    struct sql_prepare *prepare = PARSER_NODE(p, sql_prepare, SQL_STMT_PREPARE, position);
    prepare->name = parser_col_id(p);
    if (parser_accept(p, '(')) {
        struct parser_vec types = {NULL, 0, 0};
        do {
            struct sql_type_name type;
            parser_type(p, &type);
            *PARSER_PUSH(p, &types, struct sql_type_name) = type;
        } while (parser_accept(p, ','));
        parser_expect(p, ')');
        prepare->types = types.items;
        prepare->type_count = types.count;
    }
    parser_expect_kw(p, SQL_KW_AS);
    prepare->offset = p->token.offset;
    prepare->statement = parser_preparable(p);
    if (!p->failed) prepare->size = p->consumed_end - prepare->offset;
    return &prepare->node;
}

const struct sql_node *parser_execute(struct sql_parser *p)
{
    struct sql_execute *execute = PARSER_NODE(p, sql_execute, SQL_STMT_EXECUTE, p->token.position);
    parser_expect_kw(p, SQL_KW_EXECUTE);
    execute->name = parser_col_id(p);
    if (!parser_accept(p, '(')) return &execute->node;
    execute->args = parser_expr_list(p);
    parser_expect(p, ')');
    return &execute->node;
}

/* A name; NULL for ALL. */
static const char *name_or_all(struct sql_parser *p)
{
    return parser_accept_kw(p, SQL_KW_ALL) ? NULL : parser_col_id(p);
}

const struct sql_node *parser_deallocate(struct sql_parser *p)
{
    struct sql_named *node = PARSER_NODE(p, sql_named, SQL_STMT_DEALLOCATE, p->token.position);
    parser_expect_kw(p, SQL_KW_DEALLOCATE);
    if (parser_at_kw(p, SQL_KW_PREPARE)) {
        const struct sql_token *next = parser_peek(p, 1);
        if (next->keyword == SQL_KW_ALL || parser_token_is_name(next, PARSER_COL_ID))
            parser_next(p); /* else a statement called prepare */
    }
    node->name = name_or_all(p);
    return &node->node;
}

/* --- Cursors --- */

static void cursor_options(struct sql_parser *p, struct sql_declare_cursor *declare)
{
    for (;;) {
        if (parser_accept_kw(p, SQL_KW_BINARY))
            declare->binary = true;
        else if (parser_accept_kw(p, SQL_KW_INSENSITIVE))
            declare->insensitive = true;
        else if (parser_accept_kw(p, SQL_KW_ASENSITIVE))
            declare->asensitive = true;
        else if (parser_accept_kw(p, SQL_KW_SCROLL))
            declare->scroll = true;
        else if (parser_accept_kw(p, SQL_KW_NO)) {
            parser_expect_kw(p, SQL_KW_SCROLL);
            declare->no_scroll = true;
        } else
            return;
    }
}

const struct sql_node *parser_declare(struct sql_parser *p)
{
    struct sql_declare_cursor *declare =
        PARSER_NODE(p, sql_declare_cursor, SQL_STMT_DECLARE_CURSOR, p->token.position);
    parser_expect_kw(p, SQL_KW_DECLARE);
    declare->name = parser_col_id(p);
    cursor_options(p, declare);
    parser_expect_kw(p, SQL_KW_CURSOR);
    declare->hold = parser_accept_kw(p, SQL_KW_WITH);
    if (declare->hold || parser_accept_kw(p, SQL_KW_WITHOUT)) parser_expect_kw(p, SQL_KW_HOLD);
    parser_expect_kw(p, SQL_KW_FOR);
    declare->query = parser_query(p);
    return &declare->node;
}

static void set_direction(struct sql_fetch *fetch, enum sql_fetch_direction direction,
                          int64_t count)
{
    fetch->direction = direction;
    fetch->count = count;
}

/* FORWARD and BACKWARD: [count | ALL]. */
static void fetch_count(struct sql_parser *p, struct sql_fetch *fetch)
{
    if (parser_accept_kw(p, SQL_KW_ALL))
        fetch->count = SQL_FETCH_ALL;
    else if (parser_at_number(p))
        fetch->count = parser_signed_integer(p);
}

static void fetch_direction(struct sql_parser *p, struct sql_fetch *fetch)
{
    set_direction(fetch, SQL_FETCH_FORWARD, 1);
    /* A cursor may be called like a direction: then nothing follows. */
    uint16_t next = parser_peek(p, 1)->kind;
    if (parser_at_name(p, PARSER_COL_ID) && (next == SQL_TOKEN_END || next == ';')) return;
    if (parser_accept_kw(p, SQL_KW_NEXT)) return;
    if (parser_accept_kw(p, SQL_KW_PRIOR)) {
        set_direction(fetch, SQL_FETCH_BACKWARD, 1);
    } else if (parser_accept_kw(p, SQL_KW_FIRST)) {
        set_direction(fetch, SQL_FETCH_ABSOLUTE, 1);
    } else if (parser_accept_kw(p, SQL_KW_LAST)) {
        set_direction(fetch, SQL_FETCH_ABSOLUTE, -1);
    } else if (parser_accept_kw(p, SQL_KW_ABSOLUTE)) {
        set_direction(fetch, SQL_FETCH_ABSOLUTE, parser_signed_integer(p));
    } else if (parser_accept_kw(p, SQL_KW_RELATIVE)) {
        set_direction(fetch, SQL_FETCH_RELATIVE, parser_signed_integer(p));
    } else if (parser_accept_kw(p, SQL_KW_BACKWARD)) {
        set_direction(fetch, SQL_FETCH_BACKWARD, 1);
        fetch_count(p, fetch);
    } else {
        parser_accept_kw(p, SQL_KW_FORWARD);
        fetch_count(p, fetch);
    }
}

const struct sql_node *parser_fetch(struct sql_parser *p)
{
    struct sql_fetch *fetch = PARSER_NODE(p, sql_fetch, SQL_STMT_FETCH, p->token.position);
    fetch->move = parser_at_kw(p, SQL_KW_MOVE);
    parser_next(p);
    fetch_direction(p, fetch);
    if (!parser_accept_kw(p, SQL_KW_FROM)) parser_accept_kw(p, SQL_KW_IN);
    fetch->cursor = parser_col_id(p);
    return &fetch->node;
}

const struct sql_node *parser_close(struct sql_parser *p)
{
    struct sql_named *node = PARSER_NODE(p, sql_named, SQL_STMT_CLOSE, p->token.position);
    parser_expect_kw(p, SQL_KW_CLOSE);
    node->name = name_or_all(p);
    return &node->node;
}

/* --- VACUUM and ANALYZE --- */

static void flag(struct sql_parser *p, struct parser_vec *options, enum sql_keyword keyword)
{
    uint32_t position = p->token.position;
    if (parser_accept_kw(p, keyword))
        parser_push_option(p, options, sql_keyword_info(keyword)->word, position);
}

static void vacuum_tables(struct sql_parser *p, struct sql_vacuum *vacuum)
{
    struct parser_vec tables = {NULL, 0, 0};
    if (!parser_at_name(p, PARSER_COL_ID)) return;
    do {
        struct sql_vacuum_table table = {.name = parser_qualified_name(p)};
        table.columns = parser_opt_name_list(p);
        *PARSER_PUSH(p, &tables, struct sql_vacuum_table) = table;
    } while (parser_accept(p, ','));
    vacuum->tables = tables.items;
    vacuum->table_count = tables.count;
}

static bool at_analyze(const struct sql_parser *p)
{
    return parser_at_kw(p, SQL_KW_ANALYZE) || parser_at_kw(p, SQL_KW_ANALYSE);
}

const struct sql_node *parser_vacuum(struct sql_parser *p)
{
    struct sql_vacuum *vacuum = PARSER_NODE(p, sql_vacuum, SQL_STMT_VACUUM, p->token.position);
    struct parser_vec options = {NULL, 0, 0};
    vacuum->analyze_only = at_analyze(p);
    parser_next(p);
    if (parser_at(p, '(')) {
        vacuum->options = parser_generic_options(p, false);
    } else {
        if (!vacuum->analyze_only) {
            flag(p, &options, SQL_KW_FULL);
            flag(p, &options, SQL_KW_FREEZE);
        }
        flag(p, &options, SQL_KW_VERBOSE);
        uint32_t position = p->token.position;
        if (!vacuum->analyze_only && at_analyze(p)) {
            parser_next(p);
            parser_push_option(p, &options, "analyze", position);
        }
        vacuum->options = parser_options(&options);
    }
    vacuum_tables(p, vacuum);
    return &vacuum->node;
}

/* --- Notifications --- */

const struct sql_node *parser_listen(struct sql_parser *p)
{
    struct sql_named *node = PARSER_NODE(p, sql_named, SQL_STMT_LISTEN, p->token.position);
    parser_expect_kw(p, SQL_KW_LISTEN);
    node->name = parser_col_id(p);
    return &node->node;
}

const struct sql_node *parser_unlisten(struct sql_parser *p)
{
    struct sql_named *node = PARSER_NODE(p, sql_named, SQL_STMT_UNLISTEN, p->token.position);
    parser_expect_kw(p, SQL_KW_UNLISTEN);
    if (!parser_accept(p, '*')) node->name = parser_col_id(p);
    return &node->node;
}

const struct sql_node *parser_notify(struct sql_parser *p)
{
    struct sql_notify *notify = PARSER_NODE(p, sql_notify, SQL_STMT_NOTIFY, p->token.position);
    parser_expect_kw(p, SQL_KW_NOTIFY);
    notify->channel = parser_col_id(p);
    if (parser_accept(p, ',')) notify->payload = parser_string(p);
    return &notify->node;
}

/* --- LOCK --- */

static const char *lock_mode(struct sql_parser *p)
{
    if (parser_accept_kw(p, SQL_KW_EXCLUSIVE)) return "exclusive";
    if (parser_accept_kw(p, SQL_KW_ACCESS)) {
        if (parser_accept_kw(p, SQL_KW_SHARE)) return "access share";
        parser_expect_kw(p, SQL_KW_EXCLUSIVE);
        return "access exclusive";
    }
    if (parser_accept_kw(p, SQL_KW_ROW)) {
        if (parser_accept_kw(p, SQL_KW_SHARE)) return "row share";
        parser_expect_kw(p, SQL_KW_EXCLUSIVE);
        return "row exclusive";
    }
    parser_expect_kw(p, SQL_KW_SHARE);
    const char *mode = "share";
    if (parser_accept_kw(p, SQL_KW_UPDATE))
        mode = "share update exclusive";
    else if (parser_accept_kw(p, SQL_KW_ROW))
        mode = "share row exclusive";
    else
        return mode;
    parser_expect_kw(p, SQL_KW_EXCLUSIVE);
    return mode;
}

const struct sql_node *parser_lock(struct sql_parser *p)
{
    struct sql_lock *lock = PARSER_NODE(p, sql_lock, SQL_STMT_LOCK, p->token.position);
    struct parser_vec tables = {NULL, 0, 0};
    parser_expect_kw(p, SQL_KW_LOCK);
    parser_accept_kw(p, SQL_KW_TABLE);
    do {
        bool only;
        struct sql_name name = parser_relation(p, &only);
        *PARSER_PUSH(p, &tables, struct sql_name) = name;
    } while (parser_accept(p, ','));
    lock->tables = (struct sql_names){tables.items, tables.count};
    lock->mode = "access exclusive";
    if (parser_accept_kw(p, SQL_KW_IN)) {
        lock->mode = lock_mode(p);
        parser_expect_kw(p, SQL_KW_MODE);
    }
    lock->nowait = parser_accept_kw(p, SQL_KW_NOWAIT);
    return &lock->node;
}
