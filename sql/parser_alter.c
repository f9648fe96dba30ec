/* ALTER: tables, sequences, and renaming. */
#include "sql/parser_int.h"

/* --- Actions of ALTER TABLE --- */

static void add_column(struct sql_parser *p, struct sql_alter_action *a)
{
    struct sql_column_definition *column = parser_alloc(p, sizeof *column);
    a->kind = SQL_ALTER_ADD_COLUMN;
    a->if_exists = parser_accept_if_not_exists(p);
    parser_column_definition(p, column);
    a->name = column->name;
    a->column = column;
}

static void add(struct sql_parser *p, struct sql_alter_action *a)
{
    parser_expect_kw(p, SQL_KW_ADD);
    if (parser_accept_kw(p, SQL_KW_COLUMN) || !parser_at_table_constraint(p)) {
        add_column(p, a);
        return;
    }
    struct sql_constraint *constraint = parser_alloc(p, sizeof *constraint);
    a->kind = SQL_ALTER_ADD_CONSTRAINT;
    parser_table_constraint(p, constraint);
    a->name = constraint->name;
    a->constraint = constraint;
}

static void drop(struct sql_parser *p, struct sql_alter_action *a)
{
    parser_expect_kw(p, SQL_KW_DROP);
    a->kind = SQL_ALTER_DROP_COLUMN;
    if (parser_accept_kw(p, SQL_KW_CONSTRAINT))
        a->kind = SQL_ALTER_DROP_CONSTRAINT;
    else
        parser_accept_kw(p, SQL_KW_COLUMN);
    a->if_exists = parser_accept_if_exists(p);
    a->name = parser_col_id(p);
    a->cascade = parser_accept_cascade(p);
}

static void column_type(struct sql_parser *p, struct sql_alter_action *a)
{
    a->kind = SQL_ALTER_COLUMN_TYPE;
    parser_expect_kw(p, SQL_KW_TYPE);
    parser_type(p, &a->type);
    if (parser_accept_kw(p, SQL_KW_COLLATE)) a->collation = parser_any_name(p);
    if (parser_accept_kw(p, SQL_KW_USING)) a->expr = parser_expr(p);
}

/* What PostgreSQL has beyond: storage, statistics, identity columns. */
static bool at_other_column_set(const struct sql_parser *p)
{
    switch (p->token.keyword) {
    case SQL_KW_AS:
    case SQL_KW_CACHE:
    case SQL_KW_COMPRESSION:
    case SQL_KW_CYCLE:
    case SQL_KW_GENERATED:
    case SQL_KW_INCREMENT:
    case SQL_KW_MAXVALUE:
    case SQL_KW_MINVALUE:
    case SQL_KW_NO:
    case SQL_KW_OWNED:
    case SQL_KW_RESTART:
    case SQL_KW_SEQUENCE:
    case SQL_KW_START:
    case SQL_KW_STATISTICS:
    case SQL_KW_STORAGE: return true;
    default: return parser_at(p, '(');
    }
}

/* ALTER [COLUMN] name SET ..., behind SET. */
static void column_set(struct sql_parser *p, struct sql_alter_action *a)
{
    if (parser_accept_kw(p, SQL_KW_DEFAULT)) {
        a->kind = SQL_ALTER_SET_DEFAULT;
        a->expr = parser_expr(p);
    } else if (parser_accept_kw(p, SQL_KW_NOT)) {
        parser_expect_kw(p, SQL_KW_NULL);
        a->kind = SQL_ALTER_SET_NOT_NULL;
    } else if (parser_at_kw(p, SQL_KW_DATA)) {
        parser_next(p);
        column_type(p, a);
    } else if (at_other_column_set(p)) {
        parser_unsupported(p, a->position, "this form of ALTER COLUMN");
    } else {
        parser_fail_here(p);
    }
}

static void alter_column(struct sql_parser *p, struct sql_alter_action *a)
{
    parser_expect_kw(p, SQL_KW_ALTER);
    if (parser_at_kw(p, SQL_KW_CONSTRAINT))
        parser_unsupported(p, p->token.position, "ALTER CONSTRAINT");
    parser_accept_kw(p, SQL_KW_COLUMN);
    if (parser_accept(p, SQL_TOKEN_INTEGER)) {
        parser_expect_kw(p, SQL_KW_SET);
        parser_unsupported(p, a->position, "this form of ALTER COLUMN");
    }
    a->name = parser_col_id(p);
    if (parser_at_kw(p, SQL_KW_TYPE)) {
        column_type(p, a);
    } else if (parser_accept_kw(p, SQL_KW_SET)) {
        column_set(p, a);
    } else if (parser_accept_kw(p, SQL_KW_DROP)) {
        if (parser_at_kw(p, SQL_KW_IDENTITY) || parser_at_kw(p, SQL_KW_EXPRESSION))
            parser_unsupported(p, a->position, "this form of ALTER COLUMN");
        a->kind = SQL_ALTER_DROP_DEFAULT;
        if (parser_accept_kw(p, SQL_KW_DEFAULT)) return;
        a->kind = SQL_ALTER_DROP_NOT_NULL;
        parser_expect_kw(p, SQL_KW_NOT);
        parser_expect_kw(p, SQL_KW_NULL);
    } else if (parser_at_kw(p, SQL_KW_ADD) || parser_at_kw(p, SQL_KW_RESET) ||
               parser_at_kw(p, SQL_KW_RESTART)) {
        parser_unsupported(p, a->position, "this form of ALTER COLUMN");
    } else {
        parser_fail_here(p);
    }
}

/* SET (options), SET SCHEMA name; the rest of PostgreSQL's is about storage. */
static void set(struct sql_parser *p, struct sql_alter_action *a)
{
    parser_expect_kw(p, SQL_KW_SET);
    if (parser_at(p, '(')) {
        a->kind = SQL_ALTER_SET_OPTIONS;
        a->options = parser_definition(p);
        a->dry_run = parser_accept_dry_run(p);
    } else if (parser_accept_kw(p, SQL_KW_SCHEMA)) {
        a->kind = SQL_ALTER_SET_SCHEMA;
        a->name = parser_col_id(p);
    } else if (parser_at_kw(p, SQL_KW_LOGGED) || parser_at_kw(p, SQL_KW_UNLOGGED) ||
               parser_at_kw(p, SQL_KW_TABLESPACE) || parser_at_kw(p, SQL_KW_WITHOUT) ||
               parser_at_kw(p, SQL_KW_ACCESS)) {
        parser_unsupported(p, a->position, "this form of ALTER TABLE SET");
    } else {
        parser_fail_here(p);
    }
}

/* SPLIT AT VALUES (..), (..): SPLIT is no key word of PostgreSQL's. */
static void split(struct sql_parser *p, struct sql_alter_action *a)
{
    struct parser_vec rows = {NULL, 0, 0};
    a->kind = SQL_ALTER_SPLIT_AT;
    parser_next(p);
    parser_expect_kw(p, SQL_KW_AT);
    parser_expect_kw(p, SQL_KW_VALUES);
    do {
        parser_expect(p, '(');
        struct sql_list row = parser_expr_list(p);
        parser_expect(p, ')');
        *PARSER_PUSH(p, &rows, struct sql_list) = row;
    } while (parser_accept(p, ','));
    a->split_rows = rows.items;
    a->split_row_count = rows.count;
}

/* What PostgreSQL's ALTER TABLE has beyond. */
static bool at_other_action(const struct sql_parser *p)
{
    switch (p->token.keyword) {
    case SQL_KW_ATTACH:
    case SQL_KW_CLUSTER:
    case SQL_KW_DETACH:
    case SQL_KW_DISABLE:
    case SQL_KW_ENABLE:
    case SQL_KW_FORCE:
    case SQL_KW_INHERIT:
    case SQL_KW_NO:
    case SQL_KW_NOT:
    case SQL_KW_OF:
    case SQL_KW_OPTIONS:
    case SQL_KW_REPLICA: return true;
    default: return false;
    }
}

static void action(struct sql_parser *p, struct sql_alter_action *a)
{
    a->position = p->token.position;
    if (parser_at_kw(p, SQL_KW_ADD)) {
        add(p, a);
    } else if (parser_at_kw(p, SQL_KW_DROP)) {
        drop(p, a);
    } else if (parser_at_kw(p, SQL_KW_ALTER)) {
        alter_column(p, a);
    } else if (parser_at_kw(p, SQL_KW_SET)) {
        set(p, a);
    } else if (parser_accept_kw(p, SQL_KW_RESET)) {
        a->kind = SQL_ALTER_RESET_OPTIONS;
        a->options = parser_definition(p);
        a->dry_run = parser_accept_dry_run(p);
    } else if (parser_accept_kw(p, SQL_KW_VALIDATE)) {
        a->kind = SQL_ALTER_VALIDATE_CONSTRAINT;
        parser_expect_kw(p, SQL_KW_CONSTRAINT);
        a->name = parser_col_id(p);
    } else if (parser_accept_kw(p, SQL_KW_OWNER)) {
        a->kind = SQL_ALTER_OWNER;
        parser_expect_kw(p, SQL_KW_TO);
        a->name = parser_role(p);
    } else if (parser_at_word(p, "split")) {
        split(p, a);
    } else if (at_other_action(p)) {
        parser_unsupported(p, a->position, "this form of ALTER TABLE");
    } else {
        parser_fail_here(p);
    }
}

/* --- RENAME --- */

/* RENAME [COLUMN a | CONSTRAINT a | a] TO b, behind the object's name. */
static const struct sql_node *rename_object(struct sql_parser *p, enum sql_object within,
                                            struct sql_name name, bool if_exists, bool only,
                                            uint32_t position)
{
    struct sql_rename *rename = PARSER_NODE(p, sql_rename, SQL_STMT_RENAME, position);
    bool relation = within == SQL_OBJECT_TABLE || within == SQL_OBJECT_VIEW;
    rename->object = rename->within = within;
    rename->name = name;
    rename->if_exists = if_exists;
    rename->only = only;
    parser_expect_kw(p, SQL_KW_RENAME);
    if (relation && !parser_at_kw(p, SQL_KW_TO)) {
        rename->object = SQL_OBJECT_COLUMN;
        if (within == SQL_OBJECT_TABLE && parser_accept_kw(p, SQL_KW_CONSTRAINT))
            rename->object = SQL_OBJECT_CONSTRAINT;
        else
            parser_accept_kw(p, SQL_KW_COLUMN);
        rename->part = parser_col_id(p);
    }
    parser_expect_kw(p, SQL_KW_TO);
    rename->new_name = parser_col_id(p);
    return &rename->node;
}

/* --- ALTER TABLE, VIEW, INDEX, SEQUENCE --- */

static const struct sql_node *alter_table(struct sql_parser *p, uint32_t position)
{
    struct sql_alter_table *alter = PARSER_NODE(p, sql_alter_table, SQL_STMT_ALTER_TABLE, position);
    parser_expect_kw(p, SQL_KW_TABLE);
    if (parser_at_kw2(p, SQL_KW_ALL, SQL_KW_IN))
        return parser_unsupported_statement(p, "ALTER TABLE ALL", position);
    alter->if_exists = parser_accept_if_exists(p);
    alter->table = parser_relation(p, &alter->only);
    if (parser_at_kw(p, SQL_KW_RENAME))
        return rename_object(p, SQL_OBJECT_TABLE, alter->table, alter->if_exists, alter->only,
                             position);
    struct parser_vec actions = {NULL, 0, 0};
    bool alone;
    do {
        struct sql_alter_action a = {.name = NULL};
        action(p, &a);
        alone = a.kind == SQL_ALTER_SET_SCHEMA || a.kind == SQL_ALTER_SPLIT_AT;
        if (alone && actions.count > 0) parser_fail_here(p);
        *PARSER_PUSH(p, &actions, struct sql_alter_action) = a;
    } while (!alone && parser_accept(p, ','));
    alter->actions = actions.items;
    alter->action_count = actions.count;
    return &alter->node;
}

static const struct sql_node *alter_sequence(struct sql_parser *p, struct sql_name name,
                                             bool if_exists, uint32_t position)
{
    struct sql_sequence *sequence = PARSER_NODE(p, sql_sequence, SQL_STMT_ALTER_SEQUENCE, position);
    sequence->name = name;
    sequence->if_exists = if_exists;
    sequence->options = parser_sequence_options(p);
    if (sequence->options.count == 0) parser_fail_here(p);
    return &sequence->node;
}

/* Objects that can be renamed, and little else. */
static const struct sql_node *alter_other(struct sql_parser *p, enum sql_object object,
                                          uint32_t position)
{
    parser_next(p);
    if (object <= SQL_OBJECT_VIEW && parser_at_kw2(p, SQL_KW_ALL, SQL_KW_IN))
        return parser_unsupported_statement(p, "ALTER ... ALL IN TABLESPACE", position);
    bool schemas = object == SQL_OBJECT_SCHEMA || object == SQL_OBJECT_DATABASE;
    bool if_exists = !schemas && parser_accept_if_exists(p);
    struct sql_name name = {.position = p->token.position};
    if (schemas)
        name.name = parser_col_id(p);
    else
        name = parser_qualified_name(p);
    if (parser_at_kw(p, SQL_KW_RENAME))
        return rename_object(p, object, name, if_exists, false, position);
    bool table_action = parser_at_kw(p, SQL_KW_SET) || parser_at_kw(p, SQL_KW_OWNER) ||
                        parser_at_kw(p, SQL_KW_ADD) || parser_at_kw(p, SQL_KW_ALTER) ||
                        parser_at_kw(p, SQL_KW_DROP);
    if (object == SQL_OBJECT_SEQUENCE && !table_action)
        return alter_sequence(p, name, if_exists, position);
    const char *statement = object == SQL_OBJECT_SEQUENCE ? "this form of ALTER SEQUENCE"
                            : object == SQL_OBJECT_INDEX  ? "this form of ALTER INDEX"
                            : object == SQL_OBJECT_VIEW   ? "this form of ALTER VIEW"
                            : object == SQL_OBJECT_SCHEMA ? "this form of ALTER SCHEMA"
                                                          : "this form of ALTER DATABASE";
    return parser_unsupported_statement(p, statement, position);
}

const struct sql_node *parser_alter(struct sql_parser *p)
{
    uint32_t position = p->token.position;
    parser_expect_kw(p, SQL_KW_ALTER);
    const struct sql_node *cluster = parser_alter_cluster(p, position);
    if (cluster != NULL) return cluster;
    const struct sql_node *other = parser_other_object(p, "ALTER", position);
    if (other != NULL) return other;
    switch (p->token.keyword) {
    case SQL_KW_TABLE: return alter_table(p, position);
    case SQL_KW_INDEX: return alter_other(p, SQL_OBJECT_INDEX, position);
    case SQL_KW_VIEW: return alter_other(p, SQL_OBJECT_VIEW, position);
    case SQL_KW_SEQUENCE: return alter_other(p, SQL_OBJECT_SEQUENCE, position);
    case SQL_KW_SCHEMA: return alter_other(p, SQL_OBJECT_SCHEMA, position);
    case SQL_KW_DATABASE: return alter_other(p, SQL_OBJECT_DATABASE, position);
    default: break;
    }
    if (parser_role_kind(p) != 0) return parser_alter_role(p, position);
    parser_fail_here(p);
    return &parser_failed_node;
}
