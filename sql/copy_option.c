/* WITH (...) of COPY: what the options mean, and what goes together. */
#include <string.h>

#include "sql/copy_int.h"

/* What options were given: twice is a mistake. */
enum option {
    OPTION_FORMAT = 1 << 0,
    OPTION_DELIMITER = 1 << 1,
    OPTION_NULL = 1 << 2,
    OPTION_HEADER = 1 << 3,
    OPTION_QUOTE = 1 << 4,
    OPTION_ESCAPE = 1 << 5,
    OPTION_FREEZE = 1 << 6,
    OPTION_ENCODING = 1 << 7,
    OPTION_FORCE_NOT_NULL = 1 << 8,
    OPTION_FORCE_NULL = 1 << 9,
    OPTION_FORCE_QUOTE = 1 << 10,
};

static const struct {
    const char *name;
    enum option option;
} option_names[] = {
    {"format", OPTION_FORMAT}, {"delimiter", OPTION_DELIMITER}, {"null", OPTION_NULL}, {"header", OPTION_HEADER},
    {"quote", OPTION_QUOTE}, {"escape", OPTION_ESCAPE}, {"freeze", OPTION_FREEZE}, {"encoding", OPTION_ENCODING},
    {"force_not_null", OPTION_FORCE_NOT_NULL}, {"force_null", OPTION_FORCE_NULL},
    {"force_quote", OPTION_FORCE_QUOTE},
};

static bool wrong(struct copy *c, const char *sqlstate, const char *message)
{
    return sql_error_set(c->x->error, c->x->arena, sqlstate, 0, "%s", message);
}

static const char *option_text(const struct sql_option *o)
{
    if (o->value == NULL || o->value->kind != SQL_EXPR_CONST) return NULL;
    const struct sql_const *c = sql_as_const(o->value);
    return c->type == SQL_CONST_STRING ? c->text : NULL;
}

static bool option_bool(struct copy *c, const struct sql_option *o, bool *out)
{
    *out = true;
    if (o->value == NULL) return true;
    if (o->value->kind == SQL_EXPR_CONST) {
        const struct sql_const *v = sql_as_const(o->value);
        if (v->type == SQL_CONST_BOOL || v->type == SQL_CONST_INTEGER) {
            *out = v->integer != 0;
            return true;
        }
        if (v->type == SQL_CONST_STRING && sql_boolean_parse(&c->x->eval, bytes_of_string(v->text), out) == STATUS_OK)
            return true;
    }
    sql_error_clear(c->x->error);
    bool header = strcmp(o->name, "header") == 0;
    return sql_error_set(c->x->error, c->x->arena, SQLSTATE_SYNTAX_ERROR, 0, "%s requires a Boolean value%s", o->name,
                         header ? " or \"match\"" : "");
}

static bool option_char(struct copy *c, const struct sql_option *o, const char *what, char *out)
{
    const char *text = option_text(o);
    if (text != NULL && strlen(text) == 1) {
        *out = text[0];
        return true;
    }
    return sql_error_set(c->x->error, c->x->arena, SQLSTATE_FEATURE_NOT_SUPPORTED, 0,
                         "COPY %s must be a single one-byte character", what);
}

static bool read_format(struct copy *c, const struct sql_option *o)
{
    const char *text = option_text(o);
    if (text != NULL && strcmp(text, "csv") == 0) c->options.csv = true;
    else if (text != NULL && strcmp(text, "binary") == 0) c->binary = true;
    else if (text == NULL || strcmp(text, "text") != 0)
        return sql_error_set(c->x->error, c->x->arena, SQLSTATE_INVALID_PARAMETER_VALUE, o->position,
                             "COPY format \"%s\" not recognized", text != NULL ? text : "");
    return true;
}

static bool read_header(struct copy *c, const struct sql_option *o)
{
    const char *text = option_text(o);
    if (text == NULL || strcasecmp(text, "match") != 0) return option_bool(c, o, &c->options.header);
    if (!c->node->from)
        return wrong(c, SQLSTATE_FEATURE_NOT_SUPPORTED, "cannot use \"match\" with HEADER in COPY TO");
    c->options.header = c->options.header_match = true;
    return true;
}

static bool read_encoding(struct copy *c, const struct sql_option *o)
{
    const char *text = option_text(o);
    if (text != NULL && (strcasecmp(text, "utf8") == 0 || strcasecmp(text, "utf-8") == 0)) return true;
    return exec_unsupported(c->x, o->position, "another encoding than UTF8");
}

static bool read_option(struct copy *c, const struct sql_option *o, enum option option)
{
    struct copy_options *out = &c->options;
    bool flag;
    switch (option) {
    case OPTION_FORMAT: return read_format(c, o);
    case OPTION_DELIMITER: return option_char(c, o, "delimiter", &out->delimiter);
    case OPTION_QUOTE: return option_char(c, o, "quote", &out->quote);
    case OPTION_ESCAPE: return option_char(c, o, "escape", &out->escape);
    case OPTION_HEADER: return read_header(c, o);
    case OPTION_FREEZE: return option_bool(c, o, &flag);
    case OPTION_ENCODING: return read_encoding(c, o);
    case OPTION_NULL:
        out->null_text = option_text(o);
        return out->null_text != NULL || wrong(c, SQLSTATE_SYNTAX_ERROR, "null requires a parameter");
    case OPTION_FORCE_NOT_NULL: c->force_not_null = o; return true;
    case OPTION_FORCE_NULL: c->force_null = o; return true;
    case OPTION_FORCE_QUOTE: c->force_quote = o; return true;
    }
    return false;
}

static bool check_force(struct copy *c, unsigned given)
{
    static const struct {
        enum option option;
        bool from;
        const char *only_csv, *only_there;
    } rules[] = {
        {OPTION_FORCE_QUOTE, false, "COPY force quote available only in CSV mode",
         "COPY force quote only available using COPY TO"},
        {OPTION_FORCE_NOT_NULL, true, "COPY force not null available only in CSV mode",
         "COPY force not null only available using COPY FROM"},
        {OPTION_FORCE_NULL, true, "COPY force null available only in CSV mode",
         "COPY force null only available using COPY FROM"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (!(given & rules[i].option)) continue;
        if (!c->options.csv) return wrong(c, SQLSTATE_FEATURE_NOT_SUPPORTED, rules[i].only_csv);
        if (c->node->from != rules[i].from) return wrong(c, SQLSTATE_FEATURE_NOT_SUPPORTED, rules[i].only_there);
    }
    return true;
}

static bool check_characters(struct copy *c)
{
    const struct copy_options *o = &c->options;
    if (o->delimiter == '\r' || o->delimiter == '\n')
        return wrong(c, SQLSTATE_INVALID_PARAMETER_VALUE, "COPY delimiter cannot be newline or carriage return");
    if (strpbrk(o->null_text, "\r\n") != NULL)
        return wrong(c, SQLSTATE_INVALID_PARAMETER_VALUE,
                     "COPY null representation cannot use newline or carriage return");
    if (!o->csv && o->delimiter != 0 && strchr("\\.abcdefghijklmnopqrstuvwxyz0123456789", o->delimiter) != NULL)
        return sql_error_set(c->x->error, c->x->arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                             "COPY delimiter cannot be \"%c\"", o->delimiter);
    return true;
}

/* PostgreSQL's rules for what goes together, in its order (copy.c, ProcessCopyOptions). */
static bool check_options(struct copy *c, unsigned given)
{
    const struct copy_options *o = &c->options;
    if (!check_characters(c)) return false;
    if (c->binary && o->header)
        return wrong(c, SQLSTATE_FEATURE_NOT_SUPPORTED, "cannot specify HEADER in BINARY mode");
    if (!o->csv && (given & OPTION_QUOTE))
        return wrong(c, SQLSTATE_FEATURE_NOT_SUPPORTED, "COPY quote available only in CSV mode");
    if (o->csv && o->delimiter == o->quote)
        return wrong(c, SQLSTATE_INVALID_PARAMETER_VALUE, "COPY delimiter and quote must be different");
    if (!o->csv && (given & OPTION_ESCAPE))
        return wrong(c, SQLSTATE_FEATURE_NOT_SUPPORTED, "COPY escape available only in CSV mode");
    if (!check_force(c, given)) return false;
    if (strchr(o->null_text, o->delimiter) != NULL)
        return wrong(c, SQLSTATE_FEATURE_NOT_SUPPORTED, "COPY delimiter must not appear in the NULL specification");
    if (o->csv && strchr(o->null_text, o->quote) != NULL)
        return wrong(c, SQLSTATE_FEATURE_NOT_SUPPORTED, "CSV quote character must not appear in the NULL specification");
    return true;
}

bool copy_read_options(struct copy *c)
{
    const struct sql_options *list = &c->node->options;
    unsigned given = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct sql_option *o = &list->items[i];
        enum option option = 0;
        for (size_t k = 0; k < sizeof option_names / sizeof option_names[0]; k++)
            if (strcmp(option_names[k].name, o->name) == 0) option = option_names[k].option;
        if (option == 0)
            return sql_error_set(c->x->error, c->x->arena, SQLSTATE_SYNTAX_ERROR, o->position,
                                 "option \"%s\" not recognized", o->name);
        if (given & option)
            return sql_error_set(c->x->error, c->x->arena, SQLSTATE_SYNTAX_ERROR, o->position,
                                 "conflicting or redundant options");
        given |= option;
        if (!read_option(c, o, option)) return false;
    }
    struct copy_options *out = &c->options;
    if (c->binary && (given & OPTION_DELIMITER))
        return wrong(c, SQLSTATE_SYNTAX_ERROR, "cannot specify DELIMITER in BINARY mode");
    if (c->binary && (given & OPTION_NULL)) return wrong(c, SQLSTATE_SYNTAX_ERROR, "cannot specify NULL in BINARY mode");
    if (!(given & OPTION_DELIMITER)) out->delimiter = out->csv ? ',' : '\t';
    if (!(given & OPTION_NULL)) out->null_text = out->csv ? "" : "\\N";
    if (!(given & OPTION_QUOTE)) out->quote = '"';
    if (!(given & OPTION_ESCAPE)) out->escape = out->quote;
    return check_options(c, given);
}

/* ---- columns ---- */

/* The column's place in the data; UINT32_MAX with the error set. */
static uint32_t find_forced(struct copy *c, const char *name, const char *what)
{
    struct exec *x = c->x;
    for (uint32_t i = 0; i < c->options.column_count; i++)
        if (strcmp(c->names[i], name) == 0) return i;
    bool known = false;
    for (uint32_t i = 0; c->table != NULL && i < c->table->column_count; i++)
        known = known || strcmp(c->table->columns[i].name, name) == 0;
    if (known)
        sql_error_set(x->error, x->arena, SQLSTATE_INVALID_COLUMN_REFERENCE, 0,
                      "%s column \"%s\" not referenced by COPY", what, name);
    else if (c->table != NULL)
        sql_error_set(x->error, x->arena, SQLSTATE_UNDEFINED_COLUMN, 0,
                      "column \"%s\" of relation \"%s\" does not exist", name, c->table->name);
    else
        sql_error_set(x->error, x->arena, SQLSTATE_UNDEFINED_COLUMN, 0, "column \"%s\" does not exist", name);
    return UINT32_MAX;
}

static bool is_star(const struct sql_node *node)
{
    return node != NULL && node->kind == SQL_EXPR_COLUMN && sql_as_column(node)->star;
}

bool copy_force_flags(struct copy *c, const struct sql_option *o, const char *what, const bool **out)
{
    struct exec *x = c->x;
    *out = NULL;
    if (o == NULL) return true;
    bool *flags = ARENA_ARRAY(x->arena, bool, c->options.column_count + 1);
    if (flags == NULL) return sql_error_out_of_memory(x->error);
    bool all = is_star(o->value) || (o->values.count == 1 && is_star(o->values.items[0]));
    if (!all && o->values.count == 0)
        return sql_error_set(x->error, x->arena, SQLSTATE_INVALID_PARAMETER_VALUE, o->position,
                             "argument to option \"%s\" must be a list of column names", o->name);
    for (uint32_t i = 0; i < c->options.column_count; i++) flags[i] = all;
    for (uint32_t i = 0; !all && i < o->values.count; i++) {
        if (o->values.items[i]->kind != SQL_EXPR_CONST) return exec_unsupported(x, o->position, "a star here");
        uint32_t place = find_forced(c, sql_as_const(o->values.items[i])->text, what);
        if (place == UINT32_MAX) return false;
        flags[place] = true;
    }
    *out = flags;
    return true;
}
