/* Constraints of columns and tables. */
#include "sql/parser_int.h"

/* --- Parts --- */

static struct sql_name_list opt_include(struct sql_parser *p)
{
    if (!parser_accept_kw(p, SQL_KW_INCLUDE)) return (struct sql_name_list){NULL, 0};
    return parser_paren_name_list(p);
}

/* What UNIQUE and PRIMARY KEY may say of their index. */
static void index_options(struct sql_parser *p, struct sql_constraint *c)
{
    if (parser_at_kw(p, SQL_KW_WITH) && parser_peek(p, 1)->kind == '(') {
        parser_next(p);
        c->options = parser_definition(p);
    }
    if (parser_accept_kw(p, SQL_KW_USING)) {
        parser_expect_kw(p, SQL_KW_INDEX);
        parser_expect_kw(p, SQL_KW_TABLESPACE);
        c->tablespace = parser_col_id(p);
    }
}

static void opt_nulls_distinct(struct sql_parser *p, struct sql_constraint *c)
{
    if (!parser_accept_kw(p, SQL_KW_NULLS)) return;
    c->nulls_not_distinct = parser_accept_kw(p, SQL_KW_NOT);
    parser_expect_kw(p, SQL_KW_DISTINCT);
}

static enum sql_match opt_match(struct sql_parser *p)
{
    if (!parser_accept_kw(p, SQL_KW_MATCH)) return SQL_MATCH_SIMPLE;
    if (parser_accept_kw(p, SQL_KW_FULL)) return SQL_MATCH_FULL;
    if (parser_at_kw(p, SQL_KW_PARTIAL))
        parser_fail(p, SQLSTATE_FEATURE_NOT_SUPPORTED, p->token.position,
                    "MATCH PARTIAL not yet implemented");
    parser_expect_kw(p, SQL_KW_SIMPLE);
    return SQL_MATCH_SIMPLE;
}

static enum sql_reference_action reference_action(struct sql_parser *p)
{
    if (parser_accept_kw(p, SQL_KW_RESTRICT)) return SQL_REFERENCE_RESTRICT;
    if (parser_accept_kw(p, SQL_KW_CASCADE)) return SQL_REFERENCE_CASCADE;
    if (parser_accept_kw(p, SQL_KW_NO)) {
        parser_expect_kw(p, SQL_KW_ACTION);
        return SQL_REFERENCE_NO_ACTION;
    }
    parser_expect_kw(p, SQL_KW_SET);
    if (parser_accept_kw(p, SQL_KW_NULL)) return SQL_REFERENCE_SET_NULL;
    parser_expect_kw(p, SQL_KW_DEFAULT);
    return SQL_REFERENCE_SET_DEFAULT;
}

/* ON DELETE action, ON UPDATE action, in either order. */
static void reference_actions(struct sql_parser *p, struct sql_constraint *c)
{
    bool deletes = false, updates = false;
    while (parser_at_kw(p, SQL_KW_ON)) {
        uint32_t position = p->token.position;
        parser_next(p);
        bool delete = !deletes && parser_accept_kw(p, SQL_KW_DELETE);
        if (!delete) {
            if (updates) parser_fail_here(p);
            parser_expect_kw(p, SQL_KW_UPDATE);
        }
        enum sql_reference_action action = reference_action(p);
        bool sets = action == SQL_REFERENCE_SET_NULL || action == SQL_REFERENCE_SET_DEFAULT;
        struct sql_name_list columns = {NULL, 0};
        if (sets) columns = parser_opt_name_list(p);
        if (columns.count > 0 && !delete)
            parser_fail(p, SQLSTATE_FEATURE_NOT_SUPPORTED, position,
                        "a column list with %s is only supported for ON DELETE actions",
                        action == SQL_REFERENCE_SET_NULL ? "SET NULL" : "SET DEFAULT");
        if (delete)
            c->on_delete = action;
        else
            c->on_update = action;
        if (delete) c->on_delete_columns = columns;
        deletes = deletes || delete;
        updates = updates || !delete;
    }
}

static void references(struct sql_parser *p, struct sql_constraint *c)
{
    parser_expect_kw(p, SQL_KW_REFERENCES);
    c->kind = SQL_CONSTRAINT_FOREIGN_KEY;
    c->references = parser_qualified_name(p);
    c->reference_columns = parser_opt_name_list(p);
    c->match = opt_match(p);
    reference_actions(p, c);
}

static void paren_expr(struct sql_parser *p, struct sql_constraint *c)
{
    parser_expect(p, '(');
    c->expr = parser_expr(p);
    parser_expect(p, ')');
}

/* --- Attributes behind a constraint --- */

enum {
    NOT_DEFERRABLE = 1,
    DEFERRABLE = 2,
    IMMEDIATE = 4,
    DEFERRED = 8,
    NOT_VALID = 16,
    NO_INHERIT = 32,
};

static bool may_be_deferred(const struct sql_constraint *c)
{
    return c->kind == SQL_CONSTRAINT_PRIMARY_KEY || c->kind == SQL_CONSTRAINT_UNIQUE ||
           c->kind == SQL_CONSTRAINT_FOREIGN_KEY;
}

/* [NOT] DEFERRABLE, INITIALLY DEFERRED | IMMEDIATE; 0 when none stands here. */
static unsigned deferral(struct sql_parser *p)
{
    if (parser_accept_kw(p, SQL_KW_DEFERRABLE)) return DEFERRABLE;
    if (parser_accept_kw2(p, SQL_KW_NOT, SQL_KW_DEFERRABLE)) return NOT_DEFERRABLE;
    if (!parser_accept_kw(p, SQL_KW_INITIALLY)) return 0;
    if (parser_accept_kw(p, SQL_KW_DEFERRED)) return DEFERRED;
    parser_expect_kw(p, SQL_KW_IMMEDIATE);
    return IMMEDIATE;
}

static unsigned attribute(struct sql_parser *p)
{
    if (parser_accept_kw2(p, SQL_KW_NOT, SQL_KW_VALID)) return NOT_VALID;
    if (parser_accept_kw(p, SQL_KW_NOT)) {
        parser_expect_kw(p, SQL_KW_DEFERRABLE);
        return NOT_DEFERRABLE;
    }
    if (parser_accept_kw(p, SQL_KW_NO)) {
        parser_expect_kw(p, SQL_KW_INHERIT);
        return NO_INHERIT;
    }
    return deferral(p);
}

static void add_attribute(struct sql_parser *p, unsigned *attributes, unsigned added,
                          uint32_t position)
{
    *attributes |= added;
    unsigned all = *attributes;
    if ((all & NOT_DEFERRABLE) != 0 && (all & DEFERRED) != 0)
        parser_fail(p, SQLSTATE_SYNTAX_ERROR, position,
                    "constraint declared INITIALLY DEFERRED must be DEFERRABLE");
    if ((all & (NOT_DEFERRABLE | DEFERRABLE)) == (NOT_DEFERRABLE | DEFERRABLE) ||
        (all & (IMMEDIATE | DEFERRED)) == (IMMEDIATE | DEFERRED))
        parser_fail(p, SQLSTATE_SYNTAX_ERROR, position, "conflicting constraint properties");
}

static void set_deferral(struct sql_constraint *c, unsigned attributes)
{
    c->deferrable = (attributes & (DEFERRABLE | DEFERRED)) != 0;
    c->initially_deferred = (attributes & DEFERRED) != 0;
}

static const char *kind_name(enum sql_constraint_kind kind)
{
    switch (kind) {
    case SQL_CONSTRAINT_CHECK: return "CHECK";
    case SQL_CONSTRAINT_UNIQUE: return "UNIQUE";
    case SQL_CONSTRAINT_PRIMARY_KEY: return "PRIMARY KEY";
    default: return "FOREIGN KEY";
    }
}

static void fail_marked(struct sql_parser *p, const struct sql_constraint *c, const char *mark,
                        uint32_t position)
{
    parser_fail(p, SQLSTATE_FEATURE_NOT_SUPPORTED, position, "%s constraints cannot be marked %s",
                kind_name(c->kind), mark);
}

static void table_attributes(struct sql_parser *p, struct sql_constraint *c)
{
    uint32_t first = p->token.position, position = first;
    unsigned attributes = 0, added;
    while ((added = attribute(p)) != 0) {
        add_attribute(p, &attributes, added, position);
        position = p->token.position;
    }
    set_deferral(c, attributes);
    c->not_valid = (attributes & NOT_VALID) != 0;
    c->no_inherit = (attributes & NO_INHERIT) != 0;
    if (c->deferrable && !may_be_deferred(c)) fail_marked(p, c, "DEFERRABLE", first);
    if (c->no_inherit && c->kind != SQL_CONSTRAINT_CHECK) fail_marked(p, c, "NO INHERIT", first);
    bool may_be_invalid = c->kind == SQL_CONSTRAINT_CHECK || c->kind == SQL_CONSTRAINT_FOREIGN_KEY;
    if (c->not_valid && !may_be_invalid) fail_marked(p, c, "NOT VALID", first);
}

/* --- Table constraints --- */

bool parser_at_table_constraint(const struct sql_parser *p)
{
    switch (p->token.keyword) {
    case SQL_KW_CONSTRAINT:
    case SQL_KW_CHECK:
    case SQL_KW_UNIQUE:
    case SQL_KW_PRIMARY:
    case SQL_KW_FOREIGN:
    case SQL_KW_EXCLUDE: return true;
    default: return false;
    }
}

static void key_columns(struct sql_parser *p, struct sql_constraint *c)
{
    if (parser_accept_kw(p, SQL_KW_USING)) {
        parser_expect_kw(p, SQL_KW_INDEX);
        c->using_index = parser_col_id(p);
        return;
    }
    if (c->kind == SQL_CONSTRAINT_UNIQUE) opt_nulls_distinct(p, c);
    c->columns = parser_paren_name_list(p);
    c->include = opt_include(p);
    index_options(p, c);
}

void parser_table_constraint(struct sql_parser *p, struct sql_constraint *c)
{
    c->position = p->token.position;
    if (parser_accept_kw(p, SQL_KW_CONSTRAINT)) c->name = parser_col_id(p);
    if (parser_accept_kw(p, SQL_KW_CHECK)) {
        c->kind = SQL_CONSTRAINT_CHECK;
        paren_expr(p, c);
    } else if (parser_accept_kw(p, SQL_KW_UNIQUE)) {
        c->kind = SQL_CONSTRAINT_UNIQUE;
        key_columns(p, c);
    } else if (parser_accept_kw(p, SQL_KW_PRIMARY)) {
        parser_expect_kw(p, SQL_KW_KEY);
        c->kind = SQL_CONSTRAINT_PRIMARY_KEY;
        key_columns(p, c);
    } else if (parser_accept_kw(p, SQL_KW_FOREIGN)) {
        parser_expect_kw(p, SQL_KW_KEY);
        c->columns = parser_paren_name_list(p);
        references(p, c);
    } else if (parser_at_kw(p, SQL_KW_EXCLUDE)) {
        parser_unsupported(p, p->token.position, "EXCLUDE constraint");
    } else {
        parser_fail_here(p);
    }
    table_attributes(p, c);
}

/* --- Column constraints --- */

static void generated(struct sql_parser *p, struct sql_constraint *c)
{
    uint32_t position = p->token.position;
    c->generated_always = parser_accept_kw(p, SQL_KW_ALWAYS);
    if (!c->generated_always) {
        parser_expect_kw(p, SQL_KW_BY);
        parser_expect_kw(p, SQL_KW_DEFAULT);
    }
    parser_expect_kw(p, SQL_KW_AS);
    if (parser_accept_kw(p, SQL_KW_IDENTITY)) {
        c->kind = SQL_CONSTRAINT_IDENTITY;
        if (!parser_accept(p, '(')) return;
        c->options = parser_sequence_options(p);
        if (c->options.count == 0) parser_fail_here(p);
        parser_expect(p, ')');
        return;
    }
    c->kind = SQL_CONSTRAINT_GENERATED;
    paren_expr(p, c);
    parser_expect_kw(p, SQL_KW_STORED);
    if (!c->generated_always)
        parser_fail(p, SQLSTATE_SYNTAX_ERROR, position,
                    "for a generated column, GENERATED ALWAYS must be specified");
}

/* Whether the current token begins a column constraint (behind CONSTRAINT name, if any). */
static bool at_column_constraint(struct sql_parser *p)
{
    switch (p->token.keyword) {
    case SQL_KW_CHECK:
    case SQL_KW_DEFAULT:
    case SQL_KW_GENERATED:
    case SQL_KW_NULL:
    case SQL_KW_PRIMARY:
    case SQL_KW_REFERENCES:
    case SQL_KW_UNIQUE: return true;
    case SQL_KW_NOT: return parser_peek(p, 1)->keyword != SQL_KW_DEFERRABLE;
    default: return false;
    }
}

static void column_constraint_body(struct sql_parser *p, struct sql_constraint *c)
{
    if (parser_at_kw(p, SQL_KW_REFERENCES)) {
        references(p, c);
        return;
    }
    enum sql_keyword keyword = p->token.keyword;
    parser_next(p);
    switch (keyword) {
    case SQL_KW_NOT:
        c->kind = SQL_CONSTRAINT_NOT_NULL;
        parser_expect_kw(p, SQL_KW_NULL);
        break;
    case SQL_KW_NULL: c->kind = SQL_CONSTRAINT_NULL; break;
    case SQL_KW_DEFAULT:
        c->kind = SQL_CONSTRAINT_DEFAULT;
        c->expr = parser_expr_flags(p, PARSER_EXPR_B);
        break;
    case SQL_KW_CHECK:
        c->kind = SQL_CONSTRAINT_CHECK;
        paren_expr(p, c);
        c->no_inherit = parser_accept_kw2(p, SQL_KW_NO, SQL_KW_INHERIT);
        break;
    case SQL_KW_UNIQUE:
        c->kind = SQL_CONSTRAINT_UNIQUE;
        opt_nulls_distinct(p, c);
        index_options(p, c);
        break;
    case SQL_KW_PRIMARY:
        c->kind = SQL_CONSTRAINT_PRIMARY_KEY;
        parser_expect_kw(p, SQL_KW_KEY);
        index_options(p, c);
        break;
    default: generated(p, c); break;
    }
}

bool parser_column_constraint(struct sql_parser *p, struct parser_vec *constraints)
{
    struct sql_constraint c = {.position = p->token.position};
    if (deferral(p) != 0) {
        parser_fail(p, SQLSTATE_SYNTAX_ERROR, c.position, "misplaced DEFERRABLE clause");
        return false;
    }
    if (parser_accept_kw(p, SQL_KW_CONSTRAINT)) {
        c.name = parser_col_id(p);
        if (!at_column_constraint(p)) parser_fail_here(p);
    } else if (!at_column_constraint(p)) {
        return false;
    }
    if (!p->failed) column_constraint_body(p, &c);
    uint32_t position = p->token.position;
    unsigned attributes = 0, added;
    while ((added = deferral(p)) != 0) {
        if (!may_be_deferred(&c))
            parser_fail(p, SQLSTATE_SYNTAX_ERROR, position, "misplaced DEFERRABLE clause");
        add_attribute(p, &attributes, added, position);
        position = p->token.position;
    }
    set_deferral(&c, attributes);
    *PARSER_PUSH(p, constraints, struct sql_constraint) = c;
    return true;
}
