/* CREATE and DROP: which object it is, and the objects with little grammar of their own. */
#include "sql/parser_int.h"

/* --- CREATE --- */

static enum sql_persistence persistence(struct sql_parser *p)
{
    if (parser_accept_kw(p, SQL_KW_UNLOGGED)) return SQL_UNLOGGED;
    bool scope = parser_accept_kw(p, SQL_KW_LOCAL) || parser_accept_kw(p, SQL_KW_GLOBAL);
    if (parser_accept_kw(p, SQL_KW_TEMPORARY) || parser_accept_kw(p, SQL_KW_TEMP))
        return SQL_TEMPORARY;
    if (scope) parser_fail_here(p);
    return SQL_PERMANENT;
}

/* Objects that PostgreSQL creates, alters and drops, and Ostraka does not have. */
static const char *other_object(struct sql_parser *p)
{
    uint16_t next = parser_peek(p, 1)->keyword;
    switch (p->token.keyword) {
    case SQL_KW_ACCESS: return "ACCESS METHOD";
    case SQL_KW_AGGREGATE: return "AGGREGATE";
    case SQL_KW_ASSERTION: return "ASSERTION";
    case SQL_KW_CAST: return "CAST";
    case SQL_KW_COLLATION: return "COLLATION";
    case SQL_KW_CONSTRAINT: return "CONSTRAINT TRIGGER";
    case SQL_KW_CONVERSION: return "CONVERSION";
    case SQL_KW_DEFAULT:
        return next == SQL_KW_PRIVILEGES ? "DEFAULT PRIVILEGES" : "DEFAULT CONVERSION";
    case SQL_KW_DOMAIN: return "DOMAIN";
    case SQL_KW_EVENT: return "EVENT TRIGGER";
    case SQL_KW_EXTENSION: return "EXTENSION";
    case SQL_KW_FOREIGN: return next == SQL_KW_TABLE ? "FOREIGN TABLE" : "FOREIGN DATA WRAPPER";
    case SQL_KW_FUNCTION: return "FUNCTION";
    case SQL_KW_LANGUAGE:
    case SQL_KW_PROCEDURAL:
    case SQL_KW_TRUSTED: return "LANGUAGE";
    case SQL_KW_LARGE: return "LARGE OBJECT";
    case SQL_KW_MATERIALIZED: return "MATERIALIZED VIEW";
    case SQL_KW_OPERATOR: return "OPERATOR";
    case SQL_KW_OWNED: return "OWNED";
    case SQL_KW_POLICY: return "POLICY";
    case SQL_KW_PROCEDURE: return "PROCEDURE";
    case SQL_KW_PUBLICATION: return "PUBLICATION";
    case SQL_KW_RECURSIVE: return "RECURSIVE VIEW";
    case SQL_KW_ROUTINE: return "ROUTINE";
    case SQL_KW_RULE: return "RULE";
    case SQL_KW_SERVER: return "SERVER";
    case SQL_KW_STATISTICS: return "STATISTICS";
    case SQL_KW_SUBSCRIPTION: return "SUBSCRIPTION";
    case SQL_KW_SYSTEM: return "SYSTEM";
    case SQL_KW_TABLESPACE: return "TABLESPACE";
    case SQL_KW_TEXT: return "TEXT SEARCH";
    case SQL_KW_TRANSFORM: return "TRANSFORM";
    case SQL_KW_TRIGGER: return "TRIGGER";
    case SQL_KW_TYPE: return "TYPE";
    case SQL_KW_USER: return next == SQL_KW_MAPPING ? "USER MAPPING" : NULL;
    default: return NULL;
    }
}

const struct sql_node *parser_other_object(struct sql_parser *p, const char *verb,
                                           uint32_t position)
{
    const char *object = other_object(p);
    if (object == NULL) return NULL;
    const char *name = arena_printf(p->arena, "%s %s", verb, object);
    return parser_unsupported_statement(p, name == NULL ? verb : name, position);
}

/* CREATE OR REPLACE: only a view can be. */
static const struct sql_node *create_or_replace(struct sql_parser *p, uint32_t position)
{
    parser_next(p);
    parser_expect_kw(p, SQL_KW_REPLACE);
    const struct sql_node *other = parser_other_object(p, "CREATE", position);
    if (other != NULL) return other;
    enum sql_persistence kind = persistence(p);
    return parser_create_view(p, kind, true, position);
}

static const struct sql_node *create_object(struct sql_parser *p, uint32_t position)
{
    enum sql_persistence kind = persistence(p);
    if (parser_accept_kw(p, SQL_KW_TABLE)) return parser_create_table(p, kind, position);
    if (parser_at_kw(p, SQL_KW_SEQUENCE)) return parser_create_sequence(p, kind, position);
    if (parser_at_kw(p, SQL_KW_VIEW)) return parser_create_view(p, kind, false, position);
    if (parser_at_kw(p, SQL_KW_RECURSIVE)) return parser_other_object(p, "CREATE", position);
    parser_fail_here(p);
    return &parser_failed_node;
}

const struct sql_node *parser_create(struct sql_parser *p)
{
    uint32_t position = p->token.position;
    parser_expect_kw(p, SQL_KW_CREATE);
    if (parser_at_kw(p, SQL_KW_OR)) return create_or_replace(p, position);
    const struct sql_node *other = parser_other_object(p, "CREATE", position);
    if (other != NULL) return other;
    if (parser_at_kw(p, SQL_KW_UNIQUE) || parser_at_kw(p, SQL_KW_INDEX))
        return parser_create_index(p, position);
    if (parser_at_kw(p, SQL_KW_SCHEMA)) return parser_create_schema(p, position);
    if (parser_at_kw(p, SQL_KW_DATABASE)) return parser_create_database(p, position);
    if (parser_role_kind(p) != 0) return parser_create_role(p, position);
    return create_object(p, position);
}

/* --- Sequences --- */

static void add_number(struct sql_parser *p, struct parser_vec *options, const char *name,
                       uint32_t position)
{
    const struct sql_node *value = parser_number(p);
    parser_push_option(p, options, name, position)->value = value;
}

static void add_name(struct sql_parser *p, struct parser_vec *options, const char *name,
                     uint32_t position)
{
    struct sql_column *column = PARSER_NODE(p, sql_column, SQL_EXPR_COLUMN, p->token.position);
    struct parser_vec names = {NULL, 0, 0};
    *PARSER_PUSH(p, &names, const char *) = parser_col_id(p);
    while (parser_accept(p, '.'))
        *PARSER_PUSH(p, &names, const char *) = parser_name(p, PARSER_COL_LABEL);
    column->names = parser_name_list(&names);
    parser_push_option(p, options, name, position)->value = &column->node;
}

static void add_type(struct sql_parser *p, struct parser_vec *options, uint32_t position)
{
    struct sql_type_name type;
    parser_type(p, &type);
    const struct sql_node *value =
        parser_make_cast(p, parser_const_null(p, position), &type, position);
    parser_push_option(p, options, "as", position)->value = value;
}

static void add_no(struct sql_parser *p, struct parser_vec *options, uint32_t position)
{
    if (parser_accept_kw(p, SQL_KW_MAXVALUE)) {
        parser_push_option(p, options, "maxvalue", position);
    } else if (parser_accept_kw(p, SQL_KW_MINVALUE)) {
        parser_push_option(p, options, "minvalue", position);
    } else {
        parser_expect_kw(p, SQL_KW_CYCLE);
        const struct sql_node *no = parser_const_bool(p, false, position);
        parser_push_option(p, options, "cycle", position)->value = no;
    }
}

static void add_restart(struct sql_parser *p, struct parser_vec *options, uint32_t position)
{
    bool with = parser_accept_kw(p, SQL_KW_WITH);
    if (with || parser_at_number(p))
        add_number(p, options, "restart", position);
    else
        parser_push_option(p, options, "restart", position);
}

static bool sequence_option(struct sql_parser *p, struct parser_vec *options)
{
    uint32_t position = p->token.position;
    if (parser_accept_kw(p, SQL_KW_AS)) {
        add_type(p, options, position);
    } else if (parser_accept_kw(p, SQL_KW_CACHE)) {
        add_number(p, options, "cache", position);
    } else if (parser_accept_kw(p, SQL_KW_CYCLE)) {
        const struct sql_node *yes = parser_const_bool(p, true, position);
        parser_push_option(p, options, "cycle", position)->value = yes;
    } else if (parser_accept_kw(p, SQL_KW_INCREMENT)) {
        parser_accept_kw(p, SQL_KW_BY);
        add_number(p, options, "increment", position);
    } else if (parser_accept_kw(p, SQL_KW_MAXVALUE)) {
        add_number(p, options, "maxvalue", position);
    } else if (parser_accept_kw(p, SQL_KW_MINVALUE)) {
        add_number(p, options, "minvalue", position);
    } else if (parser_accept_kw(p, SQL_KW_NO)) {
        add_no(p, options, position);
    } else if (parser_accept_kw(p, SQL_KW_OWNED)) {
        parser_expect_kw(p, SQL_KW_BY);
        add_name(p, options, "owned_by", position);
    } else if (parser_accept_kw(p, SQL_KW_SEQUENCE)) {
        parser_expect_kw(p, SQL_KW_NAME);
        add_name(p, options, "sequence_name", position);
    } else if (parser_accept_kw(p, SQL_KW_START)) {
        parser_accept_kw(p, SQL_KW_WITH);
        add_number(p, options, "start", position);
    } else if (parser_accept_kw(p, SQL_KW_RESTART)) {
        add_restart(p, options, position);
    } else {
        return false;
    }
    return true;
}

struct sql_options parser_sequence_options(struct sql_parser *p)
{
    struct parser_vec options = {NULL, 0, 0};
    while (sequence_option(p, &options))
        continue;
    return parser_options(&options);
}

const struct sql_node *parser_create_sequence(struct sql_parser *p, enum sql_persistence kind,
                                              uint32_t position)
{
    struct sql_sequence *sequence =
        PARSER_NODE(p, sql_sequence, SQL_STMT_CREATE_SEQUENCE, position);
    parser_expect_kw(p, SQL_KW_SEQUENCE);
    sequence->persistence = kind;
    sequence->if_not_exists = parser_accept_if_not_exists(p);
    sequence->name = parser_qualified_name(p);
    sequence->options = parser_sequence_options(p);
    return &sequence->node;
}

/* --- Views, schemas, databases --- */

const struct sql_node *parser_create_view(struct sql_parser *p, enum sql_persistence kind,
                                          bool replace, uint32_t position)
{
    struct sql_create_view *view = PARSER_NODE(p, sql_create_view, SQL_STMT_CREATE_VIEW, position);
    parser_expect_kw(p, SQL_KW_VIEW);
    view->persistence = kind;
    view->replace = replace;
    view->name = parser_qualified_name(p);
    view->columns = parser_opt_name_list(p);
    if (parser_accept_kw(p, SQL_KW_WITH)) view->options = parser_definition(p);
    parser_expect_kw(p, SQL_KW_AS);
    view->query = parser_query(p);
    if (!parser_accept_kw(p, SQL_KW_WITH)) return &view->node;
    view->check_option =
        parser_accept_kw(p, SQL_KW_LOCAL) ? SQL_CHECK_OPTION_LOCAL : SQL_CHECK_OPTION_CASCADED;
    parser_accept_kw(p, SQL_KW_CASCADED);
    parser_expect_kw(p, SQL_KW_CHECK);
    parser_expect_kw(p, SQL_KW_OPTION);
    return &view->node;
}

const struct sql_node *parser_create_schema(struct sql_parser *p, uint32_t position)
{
    struct sql_create_schema *schema =
        PARSER_NODE(p, sql_create_schema, SQL_STMT_CREATE_SCHEMA, position);
    parser_expect_kw(p, SQL_KW_SCHEMA);
    schema->if_not_exists = parser_accept_if_not_exists(p);
    if (!parser_at_kw(p, SQL_KW_AUTHORIZATION)) schema->name = parser_col_id(p);
    if (parser_accept_kw(p, SQL_KW_AUTHORIZATION)) schema->authorization = parser_role(p);
    if (parser_at_kw(p, SQL_KW_CREATE) || parser_at_kw(p, SQL_KW_GRANT))
        parser_unsupported(p, p->token.position, "an object inside CREATE SCHEMA");
    return &schema->node;
}

static const char *database_option_name(struct sql_parser *p)
{
    if (parser_accept_kw(p, SQL_KW_CONNECTION)) {
        parser_expect_kw(p, SQL_KW_LIMIT);
        return "connection_limit";
    }
    switch (p->token.keyword) {
    case SQL_KW_ENCODING:
    case SQL_KW_LOCATION:
    case SQL_KW_OWNER:
    case SQL_KW_TABLESPACE:
    case SQL_KW_TEMPLATE: return parser_name(p, PARSER_UNRESERVED);
    default: break;
    }
    if (!parser_at(p, SQL_TOKEN_IDENTIFIER)) parser_fail_here(p);
    return parser_name(p, 0);
}

const struct sql_node *parser_create_database(struct sql_parser *p, uint32_t position)
{
    struct sql_create_database *database =
        PARSER_NODE(p, sql_create_database, SQL_STMT_CREATE_DATABASE, position);
    struct parser_vec options = {NULL, 0, 0};
    parser_expect_kw(p, SQL_KW_DATABASE);
    database->name = parser_col_id(p);
    parser_accept_kw(p, SQL_KW_WITH);
    while (!parser_at(p, SQL_TOKEN_END) && !parser_at(p, ';') && !p->failed) {
        uint32_t at = p->token.position;
        const char *name = database_option_name(p);
        parser_accept(p, '=');
        const struct sql_node *value = NULL;
        if (parser_at_number(p))
            value = parser_number(p);
        else if (!parser_accept_kw(p, SQL_KW_DEFAULT))
            value = parser_boolean_or_string(p);
        parser_push_option(p, &options, name, at)->value = value;
    }
    database->options = parser_options(&options);
    return &database->node;
}

/* --- DROP and TRUNCATE --- */

static enum sql_object droppable(enum sql_keyword keyword)
{
    switch (keyword) {
    case SQL_KW_TABLE: return SQL_OBJECT_TABLE;
    case SQL_KW_INDEX: return SQL_OBJECT_INDEX;
    case SQL_KW_SEQUENCE: return SQL_OBJECT_SEQUENCE;
    case SQL_KW_VIEW: return SQL_OBJECT_VIEW;
    case SQL_KW_SCHEMA: return SQL_OBJECT_SCHEMA;
    case SQL_KW_DATABASE: return SQL_OBJECT_DATABASE;
    case SQL_KW_ROLE: return SQL_OBJECT_ROLE;
    case SQL_KW_USER: return SQL_OBJECT_USER;
    case SQL_KW_GROUP: return SQL_OBJECT_GROUP;
    default: return 0;
    }
}

/* Schemas, databases and roles are not in schemas. */
static struct sql_names plain_names(struct sql_parser *p, enum sql_object object)
{
    struct parser_vec names = {NULL, 0, 0};
    bool role = object != SQL_OBJECT_SCHEMA && object != SQL_OBJECT_DATABASE;
    do {
        uint32_t position = p->token.position;
        const char *name = role ? parser_role(p) : parser_col_id(p);
        *PARSER_PUSH(p, &names, struct sql_name) =
            (struct sql_name){.name = name, .position = position};
    } while (object != SQL_OBJECT_DATABASE && parser_accept(p, ','));
    return (struct sql_names){names.items, names.count};
}

static struct sql_names any_names(struct sql_parser *p)
{
    struct parser_vec names = {NULL, 0, 0};
    do
        *PARSER_PUSH(p, &names, struct sql_name) = parser_any_name(p);
    while (parser_accept(p, ','));
    return (struct sql_names){names.items, names.count};
}

/* DROP DATABASE name [[WITH] (FORCE)] */
static bool opt_force(struct sql_parser *p)
{
    bool with = parser_accept_kw(p, SQL_KW_WITH);
    if (!with && !parser_at(p, '(')) return false;
    parser_expect(p, '(');
    do
        parser_expect_kw(p, SQL_KW_FORCE);
    while (parser_accept(p, ','));
    parser_expect(p, ')');
    return true;
}

const struct sql_node *parser_drop(struct sql_parser *p)
{
    uint32_t position = p->token.position;
    parser_expect_kw(p, SQL_KW_DROP);
    const struct sql_node *other = parser_other_object(p, "DROP", position);
    if (other != NULL) return other;
    struct sql_drop *drop = PARSER_NODE(p, sql_drop, SQL_STMT_DROP, position);
    drop->object = droppable(p->token.keyword);
    if (drop->object == 0) {
        parser_fail_here(p);
        return &drop->node;
    }
    parser_next(p);
    if (drop->object == SQL_OBJECT_INDEX)
        drop->concurrently = parser_accept_kw(p, SQL_KW_CONCURRENTLY);
    drop->if_exists = parser_accept_if_exists(p);
    bool relation = drop->object <= SQL_OBJECT_VIEW;
    drop->names = relation ? any_names(p) : plain_names(p, drop->object);
    if (drop->object <= SQL_OBJECT_SCHEMA) drop->cascade = parser_accept_cascade(p);
    if (drop->object == SQL_OBJECT_DATABASE) drop->force = opt_force(p);
    return &drop->node;
}

const struct sql_node *parser_truncate(struct sql_parser *p)
{
    struct sql_truncate *truncate =
        PARSER_NODE(p, sql_truncate, SQL_STMT_TRUNCATE, p->token.position);
    struct parser_vec tables = {NULL, 0, 0}, only = {NULL, 0, 0};
    parser_expect_kw(p, SQL_KW_TRUNCATE);
    parser_accept_kw(p, SQL_KW_TABLE);
    do {
        bool alone;
        *PARSER_PUSH(p, &tables, struct sql_name) = parser_relation(p, &alone);
        *PARSER_PUSH(p, &only, bool) = alone;
    } while (parser_accept(p, ','));
    truncate->tables = (struct sql_names){tables.items, tables.count};
    truncate->only = only.items;
    truncate->restart_identity = parser_accept_kw(p, SQL_KW_RESTART);
    if (truncate->restart_identity || parser_accept_kw(p, SQL_KW_CONTINUE))
        parser_expect_kw(p, SQL_KW_IDENTITY);
    truncate->cascade = parser_accept_cascade(p);
    return &truncate->node;
}
