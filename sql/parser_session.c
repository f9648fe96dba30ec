/* Transactions and settings. */
#include "sql/parser_int.h"

/* --- Transactions --- */

static enum sql_isolation isolation_level(struct sql_parser *p)
{
    if (parser_accept_kw(p, SQL_KW_SERIALIZABLE)) return SQL_ISOLATION_SERIALIZABLE;
    if (parser_accept_kw(p, SQL_KW_REPEATABLE)) {
        parser_expect_kw(p, SQL_KW_READ);
        return SQL_ISOLATION_REPEATABLE_READ;
    }
    parser_expect_kw(p, SQL_KW_READ);
    if (parser_accept_kw(p, SQL_KW_COMMITTED)) return SQL_ISOLATION_READ_COMMITTED;
    parser_expect_kw(p, SQL_KW_UNCOMMITTED);
    return SQL_ISOLATION_READ_UNCOMMITTED;
}

static bool transaction_mode(struct sql_parser *p, struct sql_transaction_modes *modes)
{
    if (parser_accept_kw(p, SQL_KW_ISOLATION)) {
        parser_expect_kw(p, SQL_KW_LEVEL);
        modes->isolation = isolation_level(p);
    } else if (parser_accept_kw(p, SQL_KW_READ)) {
        modes->read_only = parser_accept_kw(p, SQL_KW_ONLY) ? SQL_CHOICE_YES : SQL_CHOICE_NO;
        if (modes->read_only == SQL_CHOICE_NO) parser_expect_kw(p, SQL_KW_WRITE);
    } else if (parser_accept_kw(p, SQL_KW_DEFERRABLE)) {
        modes->deferrable = SQL_CHOICE_YES;
    } else if (parser_accept_kw(p, SQL_KW_NOT)) {
        parser_expect_kw(p, SQL_KW_DEFERRABLE);
        modes->deferrable = SQL_CHOICE_NO;
    } else if (parser_at_as_of(p)) {
        modes->as_of = parser_opt_as_of(p);
    } else {
        return false;
    }
    return true;
}

/* Commas between the modes are optional. */
static struct sql_transaction_modes transaction_modes(struct sql_parser *p, bool required)
{
    struct sql_transaction_modes modes = {.isolation = SQL_ISOLATION_NONE};
    bool comma = required;
    while (transaction_mode(p, &modes))
        comma = parser_accept(p, ',');
    if (comma) parser_fail_here(p);
    return modes;
}

static void opt_transaction_word(struct sql_parser *p)
{
    if (!parser_accept_kw(p, SQL_KW_WORK)) parser_accept_kw(p, SQL_KW_TRANSACTION);
}

static bool opt_chain(struct sql_parser *p)
{
    if (!parser_accept_kw(p, SQL_KW_AND)) return false;
    bool chain = !parser_accept_kw(p, SQL_KW_NO);
    parser_expect_kw(p, SQL_KW_CHAIN);
    return chain;
}

/* [SAVEPOINT] name: a savepoint may be called savepoint. */
static const char *savepoint_name(struct sql_parser *p)
{
    if (parser_at_kw(p, SQL_KW_SAVEPOINT) && parser_token_is_name(parser_peek(p, 1), PARSER_COL_ID))
        parser_next(p);
    return parser_col_id(p);
}

static void commit_or_rollback(struct sql_parser *p, struct sql_transaction *t)
{
    bool may_go_back = parser_at_kw(p, SQL_KW_ROLLBACK);
    parser_next(p);
    opt_transaction_word(p);
    if (may_go_back && parser_accept_kw(p, SQL_KW_TO)) {
        t->transaction = SQL_TRANSACTION_ROLLBACK_TO;
        t->savepoint = savepoint_name(p);
        return;
    }
    t->chain = opt_chain(p);
}

static void begin(struct sql_parser *p, struct sql_transaction *t)
{
    if (parser_accept_kw(p, SQL_KW_BEGIN)) {
        t->transaction = SQL_TRANSACTION_BEGIN;
        opt_transaction_word(p);
    } else {
        t->transaction = SQL_TRANSACTION_START;
        parser_expect_kw(p, SQL_KW_START);
        parser_expect_kw(p, SQL_KW_TRANSACTION);
    }
    t->modes = transaction_modes(p, false);
}

const struct sql_node *parser_transaction(struct sql_parser *p)
{
    struct sql_transaction *t =
        PARSER_NODE(p, sql_transaction, SQL_STMT_TRANSACTION, p->token.position);
    switch (p->token.keyword) {
    case SQL_KW_BEGIN:
    case SQL_KW_START: begin(p, t); break;
    case SQL_KW_COMMIT:
        if (parser_peek(p, 1)->keyword == SQL_KW_PREPARED)
            return parser_unsupported_statement(p, "COMMIT PREPARED", t->node.position);
        t->transaction = SQL_TRANSACTION_COMMIT;
        commit_or_rollback(p, t);
        break;
    case SQL_KW_END:
        t->transaction = SQL_TRANSACTION_COMMIT;
        commit_or_rollback(p, t);
        break;
    case SQL_KW_SAVEPOINT:
        parser_next(p);
        t->transaction = SQL_TRANSACTION_SAVEPOINT;
        t->savepoint = parser_col_id(p);
        break;
    case SQL_KW_RELEASE:
        parser_next(p);
        t->transaction = SQL_TRANSACTION_RELEASE;
        t->savepoint = savepoint_name(p);
        break;
    default: /* ROLLBACK, ABORT */
        if (parser_at_kw2(p, SQL_KW_ROLLBACK, SQL_KW_PREPARED))
            return parser_unsupported_statement(p, "ROLLBACK PREPARED", t->node.position);
        t->transaction = SQL_TRANSACTION_ROLLBACK;
        commit_or_rollback(p, t);
        break;
    }
    return &t->node;
}

/* --- Names of settings --- */

/* Without printf: keys of transactions come with a SET each. */
static const char *dotted(struct arena *arena, const char *left, const char *right)
{
    size_t left_size = strlen(left), right_size = strlen(right);
    char *text = arena_alloc(arena, left_size + right_size + 2);
    if (text == NULL) return NULL;
    memcpy(text, left, left_size);
    text[left_size] = '.';
    memcpy(text + left_size + 1, right, right_size + 1);
    return text;
}

/* a.b.c, as one text. */
static const char *setting_name(struct sql_parser *p)
{
    const char *name = parser_col_id(p);
    while (parser_accept(p, '.')) {
        const char *longer = dotted(p->arena, name, parser_col_id(p));
        if (longer == NULL) {
            parser_fail(p, SQLSTATE_OUT_OF_MEMORY, 0, "out of memory");
            return "";
        }
        name = longer;
        if (strlen(name) > SQL_SETTING_BYTES_MAX)
            parser_fail(p, SQLSTATE_NAME_TOO_LONG, p->token.position, "setting name is too long");
    }
    return name;
}

/* What SHOW and RESET call in words of SQL; NULL (nothing consumed) when it is a setting's name. */
static const char *worded_setting(struct sql_parser *p)
{
    if (parser_accept_kw2(p, SQL_KW_TIME, SQL_KW_ZONE)) return "timezone";
    if (parser_accept_kw2(p, SQL_KW_SESSION, SQL_KW_AUTHORIZATION)) return "session_authorization";
    if (parser_accept_kw2(p, SQL_KW_TRANSACTION, SQL_KW_ISOLATION)) {
        parser_expect_kw(p, SQL_KW_LEVEL);
        return "transaction_isolation";
    }
    return NULL;
}

/* --- SET --- */

static const struct sql_node *setting_value(struct sql_parser *p)
{
    return parser_at_number(p) ? parser_number(p) : parser_boolean_or_string(p);
}

static struct sql_list setting_values(struct sql_parser *p)
{
    struct parser_vec values = {NULL, 0, 0};
    do
        parser_push_node(p, &values, setting_value(p));
    while (parser_accept(p, ','));
    return parser_list(&values);
}

static void set_one(struct sql_parser *p, struct sql_set *set, const char *name,
                    const struct sql_node *value)
{
    struct parser_vec values = {NULL, 0, 0};
    set->name = name;
    set->set = SQL_SET_VALUE;
    parser_push_node(p, &values, value);
    set->values = parser_list(&values);
}

/* INTERVAL '...' [HOUR [TO MINUTE]], INTERVAL(n) '...' */
static const struct sql_node *zone_interval(struct sql_parser *p)
{
    struct sql_type_name type;
    parser_own_type(p, &type, true);
    uint32_t position = p->token.position;
    size_t size = p->token.text_size;
    const char *text = parser_string(p);
    if (p->failed) return &parser_failed_node;
    uint32_t fields_position = p->token.position;
    if (type.modifiers.count == 0) parser_interval_fields(p, &type);
    unsigned allowed = SQL_INTERVAL_HOUR | SQL_INTERVAL_MINUTE;
    bool hours = (type.interval_fields & SQL_INTERVAL_HOUR) != 0;
    if (type.interval_fields != 0 && (!hours || (type.interval_fields & ~allowed) != 0))
        parser_fail(p, SQLSTATE_SYNTAX_ERROR, fields_position,
                    "time zone interval must be HOUR or HOUR TO MINUTE");
    return parser_make_cast(p, parser_const_string(p, text, size, position), &type,
                            type.name.position);
}

/* Behind TIME ZONE. */
static void set_time_zone(struct sql_parser *p, struct sql_set *set)
{
    set->name = "timezone";
    set->set = SQL_SET_DEFAULT;
    if (parser_accept_kw(p, SQL_KW_DEFAULT) || parser_accept_kw(p, SQL_KW_LOCAL)) return;
    if (parser_at_kw(p, SQL_KW_INTERVAL)) {
        set_one(p, set, "timezone", zone_interval(p));
    } else if (parser_at(p, SQL_TOKEN_STRING) || parser_at(p, SQL_TOKEN_IDENTIFIER)) {
        set_one(p, set, "timezone", parser_boolean_or_string(p));
    } else {
        set_one(p, set, "timezone", parser_number(p));
    }
}

static void set_names(struct sql_parser *p, struct sql_set *set)
{
    set->name = "client_encoding";
    set->set = SQL_SET_DEFAULT;
    if (parser_at(p, SQL_TOKEN_STRING))
        set_one(p, set, "client_encoding", parser_boolean_or_string(p));
    else
        parser_accept_kw(p, SQL_KW_DEFAULT);
}

static void set_word_or_string(struct sql_parser *p, struct sql_set *set, const char *name)
{
    if (!parser_at(p, SQL_TOKEN_STRING) && !parser_at_name(p, PARSER_NON_RESERVED_WORD))
        parser_fail_here(p);
    set_one(p, set, name, parser_boolean_or_string(p));
}

void parser_set_setting(struct sql_parser *p, struct sql_set *set)
{
    set->name = setting_name(p);
    if (parser_accept_kw(p, SQL_KW_FROM)) {
        parser_expect_kw(p, SQL_KW_CURRENT);
        set->set = SQL_SET_FROM_CURRENT;
        return;
    }
    if (!parser_accept_kw(p, SQL_KW_TO)) parser_expect(p, '=');
    set->set = SQL_SET_DEFAULT;
    if (parser_accept_kw(p, SQL_KW_DEFAULT)) return;
    set->set = SQL_SET_VALUE;
    set->values = setting_values(p);
}

/* A word that has a meaning of its own behind SET still names a setting before =, TO and FROM. */
static bool at_setting_name(struct sql_parser *p)
{
    const struct sql_token *next = parser_peek(p, 1);
    return next->kind == '=' || next->kind == '.' || next->keyword == SQL_KW_TO ||
           next->keyword == SQL_KW_FROM;
}

static void set_rest(struct sql_parser *p, struct sql_set *set)
{
    uint32_t position = p->token.position;
    if (at_setting_name(p)) {
        parser_set_setting(p, set);
    } else if (parser_accept_kw(p, SQL_KW_TIME)) {
        parser_expect_kw(p, SQL_KW_ZONE);
        set_time_zone(p, set);
    } else if (parser_accept_kw(p, SQL_KW_NAMES)) {
        set_names(p, set);
    } else if (parser_accept_kw(p, SQL_KW_SCHEMA)) {
        if (!parser_at(p, SQL_TOKEN_STRING)) parser_fail_here(p);
        set_one(p, set, "search_path", parser_boolean_or_string(p));
    } else if (parser_accept_kw(p, SQL_KW_ROLE)) {
        set_word_or_string(p, set, "role");
    } else if (parser_accept_kw(p, SQL_KW_SESSION)) {
        parser_expect_kw(p, SQL_KW_AUTHORIZATION);
        set->name = "session_authorization";
        set->set = SQL_SET_DEFAULT;
        if (!parser_accept_kw(p, SQL_KW_DEFAULT)) set_word_or_string(p, set, set->name);
    } else if (parser_accept_kw(p, SQL_KW_CATALOG)) {
        if (!parser_at(p, SQL_TOKEN_STRING)) parser_fail_here(p);
        parser_fail(p, SQLSTATE_FEATURE_NOT_SUPPORTED, p->token.position,
                    "current database cannot be changed");
    } else if (parser_at_kw(p, SQL_KW_XML)) {
        parser_unsupported(p, position, "XML OPTION");
    } else {
        parser_set_setting(p, set);
    }
}

static const struct sql_node *set_transaction(struct sql_parser *p, bool session, uint32_t position)
{
    struct sql_set_transaction *set =
        PARSER_NODE(p, sql_set_transaction, SQL_STMT_SET_TRANSACTION, position);
    parser_expect_kw(p, SQL_KW_TRANSACTION);
    if (parser_at_kw(p, SQL_KW_SNAPSHOT))
        parser_unsupported(p, p->token.position, "SET TRANSACTION SNAPSHOT");
    set->session = session;
    set->modes = transaction_modes(p, true);
    return &set->node;
}

const struct sql_node *parser_set(struct sql_parser *p)
{
    uint32_t position = p->token.position;
    struct sql_set *set = PARSER_NODE(p, sql_set, SQL_STMT_SET, position);
    parser_expect_kw(p, SQL_KW_SET);
    if (parser_at_kw(p, SQL_KW_CONSTRAINTS) && !at_setting_name(p))
        return parser_unsupported_statement(p, "SET CONSTRAINTS", position);
    bool scope = parser_at_kw(p, SQL_KW_LOCAL) || parser_at_kw(p, SQL_KW_SESSION);
    bool authorization = parser_at_kw2(p, SQL_KW_SESSION, SQL_KW_AUTHORIZATION);
    bool characteristics = parser_at_kw2(p, SQL_KW_SESSION, SQL_KW_CHARACTERISTICS);
    if (scope && !authorization && !characteristics && !at_setting_name(p)) {
        set->local = parser_at_kw(p, SQL_KW_LOCAL);
        parser_next(p);
        characteristics = parser_at_kw2(p, SQL_KW_SESSION, SQL_KW_CHARACTERISTICS);
    }
    if (characteristics) {
        parser_next(p);
        parser_next(p);
        parser_expect_kw(p, SQL_KW_AS);
        return set_transaction(p, true, position);
    }
    if (parser_at_kw(p, SQL_KW_TRANSACTION) && !at_setting_name(p))
        return set_transaction(p, false, position);
    set_rest(p, set);
    return &set->node;
}

const struct sql_node *parser_reset(struct sql_parser *p)
{
    struct sql_set *set = PARSER_NODE(p, sql_set, SQL_STMT_SET, p->token.position);
    parser_expect_kw(p, SQL_KW_RESET);
    set->set = SQL_SET_RESET_ALL;
    if (parser_accept_kw(p, SQL_KW_ALL)) return &set->node;
    set->set = SQL_SET_RESET;
    set->name = worded_setting(p);
    if (set->name == NULL) set->name = setting_name(p);
    return &set->node;
}

/* --- SHOW, DISCARD --- */

/* Behind SHOW RANGES. */
static const struct sql_node *show_ranges(struct sql_parser *p, uint32_t position)
{
    struct sql_show_ranges *show = PARSER_NODE(p, sql_show_ranges, SQL_STMT_SHOW_RANGES, position);
    if (!parser_accept_kw(p, SQL_KW_FROM)) return &show->node;
    show->object = SQL_OBJECT_INDEX;
    if (!parser_accept_kw(p, SQL_KW_INDEX)) {
        parser_expect_kw(p, SQL_KW_TABLE);
        show->object = SQL_OBJECT_TABLE;
    }
    show->name = parser_qualified_name(p);
    return &show->node;
}

const struct sql_node *parser_show(struct sql_parser *p)
{
    uint32_t position = p->token.position;
    parser_expect_kw(p, SQL_KW_SHOW);
    if (parser_at_word(p, "ranges") && parser_peek(p, 1)->kind != '.') {
        parser_next(p);
        return show_ranges(p, position);
    }
    struct sql_show *show = PARSER_NODE(p, sql_show, SQL_STMT_SHOW, position);
    if (parser_at_kw(p, SQL_KW_CLUSTER) && parser_peek(p, 1)->kind == SQL_TOKEN_IDENTIFIER) {
        parser_next(p);
        if (!parser_at_word(p, "settings")) parser_fail_here(p);
        parser_next(p);
        show->name = "cluster_settings";
        return &show->node;
    }
    if (parser_accept_kw(p, SQL_KW_ALL)) return &show->node;
    show->name = worded_setting(p);
    if (show->name == NULL) show->name = setting_name(p);
    return &show->node;
}

const struct sql_node *parser_discard(struct sql_parser *p)
{
    struct sql_discard *node = PARSER_NODE(p, sql_discard, SQL_STMT_DISCARD, p->token.position);
    parser_expect_kw(p, SQL_KW_DISCARD);
    node->discard = SQL_DISCARD_ALL;
    if (parser_accept_kw(p, SQL_KW_PLANS))
        node->discard = SQL_DISCARD_PLANS;
    else if (parser_accept_kw(p, SQL_KW_SEQUENCES))
        node->discard = SQL_DISCARD_SEQUENCES;
    else if (parser_accept_kw(p, SQL_KW_TEMP) || parser_accept_kw(p, SQL_KW_TEMPORARY))
        node->discard = SQL_DISCARD_TEMP;
    else
        parser_expect_kw(p, SQL_KW_ALL);
    return &node->node;
}
