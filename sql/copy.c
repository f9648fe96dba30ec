/* COPY table FROM STDIN. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sql/copy_parse.h"
#include "sql/types_io.h"
#include "sql/write.h"

#define CONTEXT_BYTES_MAX 100

struct copy {
    struct exec *x;
    const struct sql_copy *node;
    const struct sql_table *table;
    struct writer writer;
    struct copy_options options;
    const struct sql_option *force_not_null, *force_null;
    struct copy_parser *parser;
    struct copy_field *fields;
    const char **names;
    uint32_t *places;
    bool *given;
    struct sql_datum *values;
    uint64_t rows;
};

/* ---- options ---- */

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
};

static const struct {
    const char *name;
    enum option option;
} option_names[] = {
    {"format", OPTION_FORMAT}, {"delimiter", OPTION_DELIMITER}, {"null", OPTION_NULL}, {"header", OPTION_HEADER},
    {"quote", OPTION_QUOTE}, {"escape", OPTION_ESCAPE}, {"freeze", OPTION_FREEZE}, {"encoding", OPTION_ENCODING},
    {"force_not_null", OPTION_FORCE_NOT_NULL}, {"force_null", OPTION_FORCE_NULL},
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
    else if (text != NULL && strcmp(text, "binary") == 0)
        return exec_unsupported(c->x, o->position, "the binary format of COPY");
    else if (text == NULL || strcmp(text, "text") != 0)
        return sql_error_set(c->x->error, c->x->arena, SQLSTATE_INVALID_PARAMETER_VALUE, o->position,
                             "COPY format \"%s\" not recognized", text != NULL ? text : "");
    return true;
}

static bool read_header(struct copy *c, const struct sql_option *o)
{
    const char *text = option_text(o);
    if (text == NULL || strcasecmp(text, "match") != 0) return option_bool(c, o, &c->options.header);
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
    }
    return false;
}

/* PostgreSQL's rules for what goes together, in its order (copy.c, ProcessCopyOptions). */
static bool check_options(struct copy *c, unsigned given)
{
    const struct copy_options *o = &c->options;
    const char *null = o->null_text;
    if (o->delimiter == '\r' || o->delimiter == '\n')
        return wrong(c, SQLSTATE_INVALID_PARAMETER_VALUE, "COPY delimiter cannot be newline or carriage return");
    if (strpbrk(null, "\r\n") != NULL)
        return wrong(c, SQLSTATE_INVALID_PARAMETER_VALUE,
                     "COPY null representation cannot use newline or carriage return");
    if (!o->csv && o->delimiter != 0 && strchr("\\.abcdefghijklmnopqrstuvwxyz0123456789", o->delimiter) != NULL)
        return sql_error_set(c->x->error, c->x->arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                             "COPY delimiter cannot be \"%c\"", o->delimiter);
    if (!o->csv && (given & OPTION_QUOTE))
        return wrong(c, SQLSTATE_FEATURE_NOT_SUPPORTED, "COPY quote available only in CSV mode");
    if (o->csv && o->delimiter == o->quote)
        return wrong(c, SQLSTATE_INVALID_PARAMETER_VALUE, "COPY delimiter and quote must be different");
    if (!o->csv && (given & OPTION_ESCAPE))
        return wrong(c, SQLSTATE_FEATURE_NOT_SUPPORTED, "COPY escape available only in CSV mode");
    if (!o->csv && (given & OPTION_FORCE_NOT_NULL))
        return wrong(c, SQLSTATE_FEATURE_NOT_SUPPORTED, "COPY force not null available only in CSV mode");
    if (!o->csv && (given & OPTION_FORCE_NULL))
        return wrong(c, SQLSTATE_FEATURE_NOT_SUPPORTED, "COPY force null available only in CSV mode");
    if (strchr(null, o->delimiter) != NULL)
        return wrong(c, SQLSTATE_FEATURE_NOT_SUPPORTED, "COPY delimiter must not appear in the NULL specification");
    if (o->csv && strchr(null, o->quote) != NULL)
        return wrong(c, SQLSTATE_FEATURE_NOT_SUPPORTED, "CSV quote character must not appear in the NULL specification");
    return true;
}

static bool read_options(struct copy *c)
{
    const struct sql_options *list = &c->node->options;
    unsigned given = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct sql_option *o = &list->items[i];
        enum option option = 0;
        for (size_t k = 0; k < sizeof option_names / sizeof option_names[0]; k++)
            if (strcmp(option_names[k].name, o->name) == 0) option = option_names[k].option;
        if (option == 0 && strcmp(o->name, "force_quote") == 0)
            return wrong(c, SQLSTATE_FEATURE_NOT_SUPPORTED, "COPY force quote only available using COPY TO");
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
    if (!(given & OPTION_DELIMITER)) out->delimiter = out->csv ? ',' : '\t';
    if (!(given & OPTION_NULL)) out->null_text = out->csv ? "" : "\\N";
    if (!(given & OPTION_QUOTE)) out->quote = '"';
    if (!(given & OPTION_ESCAPE)) out->escape = out->quote;
    return check_options(c, given);
}

/* ---- columns ---- */

static uint32_t find_column(const struct sql_table *t, const char *name)
{
    uint32_t place = 0;
    while (place < t->column_count && strcmp(t->columns[place].name, name) != 0) place++;
    return place;
}

/* FORCE_NULL (a, b): one flag per column of the data; a star means all of them. */
static bool force_flags(struct copy *c, const struct sql_option *o, const char *what, const bool **out)
{
    struct exec *x = c->x;
    if (o == NULL) return true;
    bool *flags = ARENA_ARRAY(x->arena, bool, c->options.column_count + 1);
    if (flags == NULL) return sql_error_out_of_memory(x->error);
    for (uint32_t i = 0; i < o->values.count; i++) {
        if (o->values.items[i]->kind != SQL_EXPR_CONST) return exec_unsupported(x, o->position, "a star here");
        const char *name = sql_as_const(o->values.items[i])->text;
        uint32_t place = find_column(c->table, name), at = 0;
        if (place == c->table->column_count)
            return sql_error_set(x->error, x->arena, SQLSTATE_UNDEFINED_COLUMN, 0,
                                 "column \"%s\" of relation \"%s\" does not exist", name, c->table->name);
        while (at < c->options.column_count && c->places[at] != place) at++;
        if (at == c->options.column_count)
            return sql_error_set(x->error, x->arena, SQLSTATE_INVALID_COLUMN_REFERENCE, 0,
                                 "%s column \"%s\" not referenced by COPY", what, name);
        flags[at] = true;
    }
    *out = flags;
    return true;
}

static bool bind_columns(struct copy *c)
{
    struct exec *x = c->x;
    const struct sql_name_list *list = &c->node->columns;
    uint32_t count = list->count == 0 ? c->table->column_count : list->count;
    c->options.column_count = count;
    c->places = ARENA_ARRAY(x->arena, uint32_t, count + 1);
    c->names = ARENA_ARRAY(x->arena, const char *, count + 1);
    c->fields = ARENA_ARRAY(x->arena, struct copy_field, count + 1);
    c->given = ARENA_ARRAY(x->arena, bool, c->table->column_count + 1);
    c->values = ARENA_ARRAY(x->arena, struct sql_datum, c->table->column_count + 1);
    if (c->places == NULL || c->names == NULL || c->fields == NULL || c->given == NULL || c->values == NULL)
        return sql_error_out_of_memory(x->error);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = i;
        if (list->count > 0) {
            place = find_column(c->table, list->items[i]);
            if (place == c->table->column_count)
                return sql_error_set(x->error, x->arena, SQLSTATE_UNDEFINED_COLUMN, 0,
                                     "column \"%s\" of relation \"%s\" does not exist", list->items[i],
                                     c->table->name);
            if (c->given[place])
                return sql_error_set(x->error, x->arena, SQLSTATE_DUPLICATE_COLUMN, 0,
                                     "column \"%s\" specified more than once", list->items[i]);
        }
        c->places[i] = place;
        c->given[place] = true;
        c->names[i] = c->table->columns[place].name;
    }
    return force_flags(c, c->force_not_null, "FORCE_NOT_NULL", &c->options.force_not_null) &&
           force_flags(c, c->force_null, "FORCE_NULL", &c->options.force_null);
}

/* What PostgreSQL's context says: the line, and the value or the whole line as far as 100 bytes go. */
static bool context(struct copy *c, const char *column, struct bytes text)
{
    int shown = text.size > CONTEXT_BYTES_MAX ? CONTEXT_BYTES_MAX : (int)text.size;
    while (shown < (int)text.size && shown > 0 && (text.data[shown] & 0xc0) == 0x80) shown--;
    sql_error_context(c->x->error, c->x->arena, "COPY %s, line %llu%s%s: \"%.*s%s\"", c->table->name,
                      (unsigned long long)copy_parse_line(c->parser), column != NULL ? ", column " : "",
                      column != NULL ? column : "", shown, (const char *)text.data,
                      shown < (int)text.size ? "..." : "");
    return false;
}

static bool put_row(struct copy *c)
{
    struct exec *x = c->x;
    for (uint32_t i = 0; i < c->options.column_count; i++) {
        const struct sql_table_column *column = &c->table->columns[c->places[i]];
        struct sql_datum *out = &c->values[c->places[i]];
        *out = SQL_NULL;
        if (c->fields[i].is_null) continue;
        if (sql_type_input(&x->eval, column->type, c->fields[i].text, out) != STATUS_OK) {
            return context(c, column->name, c->fields[i].text);
        }
    }
    for (uint32_t i = 0; i < c->table->column_count; i++)
        if (!c->given[i] && !writer_default(x, &c->writer, i, &c->values[i])) return false;
    c->rows++;
    c->writer.line = copy_parse_line(c->parser);
    return writer_insert(x, &c->writer, c->values);
}

/* The error is about a row that came earlier: its text is gone. */
static bool context_of_line(struct copy *c)
{
    sql_error_context(c->x->error, c->x->arena, "COPY %s, line %llu", c->table->name,
                      (unsigned long long)c->writer.line);
    return false;
}

/* All rows that are complete so far. *end_out: the data has ended by itself. */
static bool put_rows(struct copy *c, bool *end_out)
{
    for (;;) {
        arena_reset(c->x->row_arena);
        enum status status = copy_parse_next(c->parser, c->x->arena, c->names, c->fields, c->x->error);
        if (status == STATUS_NOT_FOUND) *end_out = true;
        if (status == STATUS_WAIT || status == STATUS_NOT_FOUND) return true;
        if (status != STATUS_OK && status != STATUS_INVALID) return exec_fail(c->x, status);
        if (status == STATUS_OK && put_row(c)) continue;
        return c->writer.line_failed ? context_of_line(c) : context(c, NULL, copy_parse_row(c->parser));
    }
}

static bool receive(struct copy *c)
{
    struct exec *x = c->x;
    const struct sql_sink *sink = x->sink;
    if (!sink->copy_begin(sink->ctx, c->options.csv ? SQL_COPY_CSV : SQL_COPY_TEXT, c->options.column_count))
        return exec_fail(x, STATUS_CANCELLED);
    x->rows_sent = true; /* what the client sent is gone: no second try */
    bool over = false, ended = false;
    while (!over) {
        struct bytes data;
        const char *failure = NULL;
        if (!sink->copy_read(sink->ctx, &data, &over, &failure)) {
            if (failure == NULL) return exec_fail(x, STATUS_CANCELLED);
            return sql_error_set(x->error, x->arena, SQLSTATE_QUERY_CANCELED, 0, "COPY from stdin failed: %s",
                                 failure);
        }
        if (ended) continue; /* behind the end marker: passed over */
        if (over) copy_parse_end(c->parser);
        else if (copy_parse_feed(c->parser, data) != STATUS_OK) return exec_fail(x, STATUS_TOO_LARGE);
        if (!put_rows(c, &ended)) return false;
    }
    return writer_flush(x, &c->writer) || context_of_line(c);
}

bool exec_copy(struct exec *x, const struct sql_copy *n)
{
    if (!n->from) return exec_unsupported(x, n->node.position, "COPY TO");
    if (n->file != NULL || n->program)
        return sql_error_set(x->error, x->arena, SQLSTATE_INSUFFICIENT_PRIVILEGE, n->node.position,
                             "COPY reads from STDIN only");
    if (n->where != NULL) return exec_unsupported(x, n->where->position, "COPY with WHERE");
    struct copy c = {.x = x, .node = n};
    struct sql_name name = n->table;
    name.position = 0; /* as PostgreSQL reports it */
    c.table = exec_table(x, &name);
    if (c.table == NULL || !exec_verify(x) || !read_options(&c) || !bind_columns(&c)) return false;
    enum status status = copy_parser_create(&c.options, &c.parser);
    if (status != STATUS_OK) return exec_fail(x, status);
    bool ok = writer_open(x, &c.writer, c.table);
    x->eval.arena = x->row_arena;
    ok = ok && receive(&c);
    x->eval.arena = x->arena;
    copy_parser_destroy(c.parser);
    if (ok) exec_tag(x, "COPY ", c.rows);
    return ok;
}
