/* Roles and privileges. */
#include "sql/parser_int.h"

enum sql_role_kind parser_role_kind(const struct sql_parser *p)
{
    switch (p->token.keyword) {
    case SQL_KW_ROLE: return SQL_ROLE;
    case SQL_KW_USER: return SQL_ROLE_USER;
    case SQL_KW_GROUP: return SQL_ROLE_GROUP;
    default: return 0;
    }
}

/* --- CREATE and ALTER ROLE --- */

static const struct {
    const char *word, *name;
    bool value;
} flags[] = {
    {"superuser", "superuser", true},
    {"nosuperuser", "superuser", false},
    {"createdb", "createdb", true},
    {"nocreatedb", "createdb", false},
    {"createrole", "createrole", true},
    {"nocreaterole", "createrole", false},
    {"login", "login", true},
    {"nologin", "login", false},
    {"replication", "replication", true},
    {"noreplication", "replication", false},
    {"bypassrls", "bypassrls", true},
    {"nobypassrls", "bypassrls", false},
    {"noinherit", "inherit", false},
};

/* Words that are no key words: identifiers of a role's properties. */
static bool flag_option(struct sql_parser *p, struct parser_vec *options)
{
    if (!parser_at(p, SQL_TOKEN_IDENTIFIER)) return false;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (strcmp(p->token.text, flags[i].word) != 0) continue;
        uint32_t position = p->token.position;
        const struct sql_node *value = parser_const_bool(p, flags[i].value, position);
        parser_push_option(p, options, flags[i].name, position)->value = value;
        parser_next(p);
        return true;
    }
    parser_fail(p, SQLSTATE_SYNTAX_ERROR, p->token.position, "unrecognized role option \"%s\"",
                p->token.text);
    return false;
}

static void add_roles(struct sql_parser *p, struct parser_vec *options, const char *name,
                      uint32_t position)
{
    struct parser_vec roles = {NULL, 0, 0};
    do {
        uint32_t at = p->token.position;
        const char *role = parser_role(p);
        parser_push_node(p, &roles, parser_const_word(p, role, at));
    } while (parser_accept(p, ','));
    parser_push_option(p, options, name, position)->values = parser_list(&roles);
}

static void add_string(struct sql_parser *p, struct parser_vec *options, const char *name,
                       uint32_t position)
{
    uint32_t at = p->token.position;
    size_t size = p->token.text_size;
    const char *text = parser_string(p);
    if (p->failed) return;
    const struct sql_node *value = parser_const_string(p, text, size, at);
    parser_push_option(p, options, name, position)->value = value;
}

static void add_integer(struct sql_parser *p, struct parser_vec *options, const char *name,
                        uint32_t position)
{
    uint32_t at = p->token.position;
    const struct sql_node *value = parser_const_integer(p, parser_signed_integer(p), at);
    parser_push_option(p, options, name, position)->value = value;
}

static void add_password(struct sql_parser *p, struct parser_vec *options, uint32_t position)
{
    uint32_t at = p->token.position;
    if (!parser_accept_kw(p, SQL_KW_NULL)) {
        add_string(p, options, "password", position);
        return;
    }
    const struct sql_node *value = parser_const_null(p, at);
    parser_push_option(p, options, "password", position)->value = value;
}

/* IN ROLE, ROLE, USER, ADMIN, SYSID: only where a role is made. */
static bool create_option(struct sql_parser *p, struct parser_vec *options, uint32_t position)
{
    if (parser_accept_kw(p, SQL_KW_SYSID)) {
        add_integer(p, options, "sysid", position);
    } else if (parser_accept_kw(p, SQL_KW_ADMIN)) {
        add_roles(p, options, "admin", position);
    } else if (parser_accept_kw(p, SQL_KW_ROLE)) {
        add_roles(p, options, "members", position);
    } else if (parser_accept_kw(p, SQL_KW_IN)) {
        if (!parser_accept_kw(p, SQL_KW_ROLE)) parser_expect_kw(p, SQL_KW_GROUP);
        add_roles(p, options, "in_role", position);
    } else {
        return false;
    }
    return true;
}

static bool role_option(struct sql_parser *p, struct parser_vec *options, bool create)
{
    uint32_t position = p->token.position;
    if (parser_accept_kw(p, SQL_KW_PASSWORD)) {
        add_password(p, options, position);
    } else if (parser_accept_kw(p, SQL_KW_ENCRYPTED)) {
        parser_expect_kw(p, SQL_KW_PASSWORD);
        add_string(p, options, "password", position);
    } else if (parser_at_kw(p, SQL_KW_UNENCRYPTED)) {
        parser_fail(p, SQLSTATE_FEATURE_NOT_SUPPORTED, position,
                    "UNENCRYPTED PASSWORD is no longer supported");
        sql_error_hint(p->error, p->arena,
                       "Remove UNENCRYPTED to store the password in encrypted form instead.");
    } else if (parser_accept_kw(p, SQL_KW_INHERIT)) {
        const struct sql_node *value = parser_const_bool(p, true, position);
        parser_push_option(p, options, "inherit", position)->value = value;
    } else if (parser_accept_kw(p, SQL_KW_CONNECTION)) {
        parser_expect_kw(p, SQL_KW_LIMIT);
        add_integer(p, options, "connection_limit", position);
    } else if (parser_accept_kw(p, SQL_KW_VALID)) {
        parser_expect_kw(p, SQL_KW_UNTIL);
        add_string(p, options, "valid_until", position);
    } else if (parser_accept_kw(p, SQL_KW_USER)) {
        add_roles(p, options, "members", position);
    } else if (!create || !create_option(p, options, position)) {
        return flag_option(p, options);
    }
    return true;
}

static void role_options(struct sql_parser *p, struct sql_role_statement *role, bool create)
{
    struct parser_vec options = {NULL, 0, 0};
    parser_accept_kw(p, SQL_KW_WITH);
    while (role_option(p, &options, create))
        continue;
    role->options = parser_options(&options);
}

const struct sql_node *parser_create_role(struct sql_parser *p, uint32_t position)
{
    struct sql_role_statement *role =
        PARSER_NODE(p, sql_role_statement, SQL_STMT_CREATE_ROLE, position);
    role->role = parser_role_kind(p);
    parser_next(p);
    role->name = parser_role(p);
    role_options(p, role, true);
    return &role->node;
}

static const struct sql_node *rename_role(struct sql_parser *p, enum sql_role_kind kind,
                                          struct sql_name name, uint32_t position)
{
    struct sql_rename *rename = PARSER_NODE(p, sql_rename, SQL_STMT_RENAME, position);
    rename->object = kind == SQL_ROLE        ? SQL_OBJECT_ROLE
                     : kind == SQL_ROLE_USER ? SQL_OBJECT_USER
                                             : SQL_OBJECT_GROUP;
    rename->within = rename->object;
    rename->name = name;
    parser_expect_kw(p, SQL_KW_RENAME);
    parser_expect_kw(p, SQL_KW_TO);
    rename->new_name = parser_role(p);
    return &rename->node;
}

const struct sql_node *parser_alter_role(struct sql_parser *p, uint32_t position)
{
    struct sql_role_statement *role =
        PARSER_NODE(p, sql_role_statement, SQL_STMT_ALTER_ROLE, position);
    role->role = parser_role_kind(p);
    parser_next(p);
    if (parser_at_kw(p, SQL_KW_ALL))
        return parser_unsupported_statement(p, "ALTER ROLE ALL", position);
    struct sql_name name = {.position = p->token.position};
    name.name = role->name = parser_role(p);
    if (parser_at_kw(p, SQL_KW_RENAME)) return rename_role(p, role->role, name, position);
    if (parser_at_kw(p, SQL_KW_SET) || parser_at_kw(p, SQL_KW_RESET) || parser_at_kw(p, SQL_KW_IN))
        return parser_unsupported_statement(p, "ALTER ROLE SET", position);
    if (parser_at_kw(p, SQL_KW_ADD) || parser_at_kw(p, SQL_KW_DROP))
        return parser_unsupported_statement(p, "ALTER GROUP", position);
    if (role->role == SQL_ROLE_GROUP) parser_fail_here(p);
    role_options(p, role, false);
    return &role->node;
}

/* --- GRANT and REVOKE --- */

static void privilege(struct sql_parser *p, struct sql_privilege *item)
{
    switch (p->token.keyword) {
    case SQL_KW_SELECT:
    case SQL_KW_REFERENCES:
    case SQL_KW_CREATE: item->name = parser_name(p, PARSER_RESERVED); break;
    default: item->name = parser_col_id(p); break;
    }
    item->columns = parser_opt_name_list(p);
}

static void privileges(struct sql_parser *p, struct sql_grant *grant)
{
    struct parser_vec items = {NULL, 0, 0};
    if (parser_accept_kw(p, SQL_KW_ALL)) {
        parser_accept_kw(p, SQL_KW_PRIVILEGES);
        if (parser_at(p, '(')) parser_unsupported(p, p->token.position, "ALL (columns)");
        return;
    }
    do {
        struct sql_privilege item = {.name = NULL};
        privilege(p, &item);
        *PARSER_PUSH(p, &items, struct sql_privilege) = item;
    } while (parser_accept(p, ','));
    grant->privileges = items.items;
    grant->privilege_count = items.count;
}

/* Schemas and databases have plain names. */
static struct sql_names plain_names(struct sql_parser *p)
{
    struct parser_vec names = {NULL, 0, 0};
    do {
        uint32_t position = p->token.position;
        const char *name = parser_col_id(p);
        *PARSER_PUSH(p, &names, struct sql_name) =
            (struct sql_name){.name = name, .position = position};
    } while (parser_accept(p, ','));
    return (struct sql_names){names.items, names.count};
}

/* Behind ON. False when it is an object that Ostraka does not have. */
static bool grant_objects(struct sql_parser *p, struct sql_grant *grant)
{
    switch (p->token.keyword) {
    case SQL_KW_DOMAIN:
    case SQL_KW_FOREIGN:
    case SQL_KW_FUNCTION:
    case SQL_KW_LANGUAGE:
    case SQL_KW_LARGE:
    case SQL_KW_PARAMETER:
    case SQL_KW_PROCEDURE:
    case SQL_KW_ROUTINE:
    case SQL_KW_TABLESPACE:
    case SQL_KW_TYPE: return false;
    default: break;
    }
    grant->object = SQL_OBJECT_TABLE;
    /* A table may be called schema. */
    bool named = parser_token_is_name(parser_peek(p, 1), PARSER_COL_ID);
    if (parser_accept_kw(p, SQL_KW_ALL)) {
        if (parser_accept_kw(p, SQL_KW_SEQUENCES))
            grant->object = SQL_OBJECT_SEQUENCE;
        else if (parser_at_kw(p, SQL_KW_FUNCTIONS) || parser_at_kw(p, SQL_KW_PROCEDURES) ||
                 parser_at_kw(p, SQL_KW_ROUTINES))
            return false;
        else
            parser_expect_kw(p, SQL_KW_TABLES);
        parser_expect_kw(p, SQL_KW_IN);
        parser_expect_kw(p, SQL_KW_SCHEMA);
        grant->all_in_schema = true;
        grant->names = plain_names(p);
    } else if (named && (parser_at_kw(p, SQL_KW_SCHEMA) || parser_at_kw(p, SQL_KW_DATABASE))) {
        grant->object = parser_at_kw(p, SQL_KW_SCHEMA) ? SQL_OBJECT_SCHEMA : SQL_OBJECT_DATABASE;
        parser_next(p);
        grant->names = plain_names(p);
    } else {
        if (named && parser_accept_kw(p, SQL_KW_SEQUENCE))
            grant->object = SQL_OBJECT_SEQUENCE;
        else
            parser_accept_kw(p, SQL_KW_TABLE);
        grant->names = parser_qualified_names(p);
    }
    return true;
}

static struct sql_name_list grantees(struct sql_parser *p)
{
    struct parser_vec names = {NULL, 0, 0};
    do {
        parser_accept_kw(p, SQL_KW_GROUP);
        *PARSER_PUSH(p, &names, const char *) = parser_role(p);
    } while (parser_accept(p, ','));
    return parser_name_list(&names);
}

static void granted_by(struct sql_parser *p)
{
    if (!parser_accept_kw(p, SQL_KW_GRANTED)) return;
    parser_expect_kw(p, SQL_KW_BY);
    parser_role(p);
}

/* REVOKE {GRANT | ADMIN} OPTION FOR, where GRANT could only be that. */
static bool option_for(struct sql_parser *p)
{
    bool admin = parser_at_kw2(p, SQL_KW_ADMIN, SQL_KW_OPTION);
    if (!admin && !parser_at_kw(p, SQL_KW_GRANT)) return false;
    parser_next(p);
    parser_expect_kw(p, SQL_KW_OPTION);
    parser_expect_kw(p, SQL_KW_FOR);
    return true;
}

const struct sql_node *parser_grant(struct sql_parser *p)
{
    uint32_t position = p->token.position;
    struct sql_grant *grant = PARSER_NODE(p, sql_grant, SQL_STMT_GRANT, position);
    grant->revoke = parser_at_kw(p, SQL_KW_REVOKE);
    parser_next(p);
    if (grant->revoke) grant->grant_option = option_for(p);
    bool all = parser_at_kw(p, SQL_KW_ALL);
    privileges(p, grant);
    if (all && !parser_at_kw(p, SQL_KW_ON)) parser_fail_here(p);
    if (parser_accept_kw(p, SQL_KW_ON) && !grant_objects(p, grant))
        return parser_unsupported_statement(
            p, grant->revoke ? "this form of REVOKE" : "this form of GRANT", position);
    parser_expect_kw(p, grant->revoke ? SQL_KW_FROM : SQL_KW_TO);
    grant->grantees = grantees(p);
    if (!grant->revoke && parser_accept_kw(p, SQL_KW_WITH)) {
        parser_expect_kw(p, grant->object == 0 ? SQL_KW_ADMIN : SQL_KW_GRANT);
        parser_expect_kw(p, SQL_KW_OPTION);
        grant->grant_option = true;
    }
    granted_by(p);
    if (grant->revoke) grant->cascade = parser_accept_cascade(p);
    return &grant->node;
}
