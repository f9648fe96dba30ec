/* COPY table FROM STDIN. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sql/copy_parse.h"
#include "sql/query.h"
#include "sql/types_io.h"

#define CONTEXT_BYTES_MAX 100

struct copy {
    struct exec *x;
    const struct sql_copy *node;
    const struct sql_table *table;
    struct writer writer;
    struct copy_options options;
    struct copy_parser *parser;
    struct copy_field *fields;
    const char **names;
    uint32_t *places;
    bool *given;
    struct sql_datum *values;
    uint64_t rows;
};

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
    return sql_error_set(c->x->error, c->x->arena, SQLSTATE_SYNTAX_ERROR, o->position,
                         "%s requires a Boolean value", o->name);
}

static bool option_char(struct copy *c, const struct sql_option *o, char *out)
{
    const char *text = option_text(o);
    if (text != NULL && strlen(text) == 1) {
        *out = text[0];
        return true;
    }
    return sql_error_set(c->x->error, c->x->arena, SQLSTATE_FEATURE_NOT_SUPPORTED, o->position,
                         "COPY %s must be a single one-byte character", o->name);
}

static bool read_option(struct copy *c, const struct sql_option *o, bool *escape_given, bool *delimiter_given)
{
    struct copy_options *out = &c->options;
    const char *text = option_text(o);
    bool flag;
    if (strcmp(o->name, "format") == 0) return true; /* read first */
    if (strcmp(o->name, "delimiter") == 0) {
        *delimiter_given = true;
        return option_char(c, o, &out->delimiter);
    }
    if (strcmp(o->name, "null") == 0 && text != NULL) {
        out->null_text = text;
        return true;
    }
    if (strcmp(o->name, "header") == 0) return option_bool(c, o, &out->header);
    if (strcmp(o->name, "quote") == 0) return option_char(c, o, &out->quote);
    if (strcmp(o->name, "escape") == 0) {
        *escape_given = true;
        return option_char(c, o, &out->escape);
    }
    if (strcmp(o->name, "freeze") == 0) return option_bool(c, o, &flag);
    if (strcmp(o->name, "encoding") == 0 && text != NULL &&
        (strcasecmp(text, "utf8") == 0 || strcasecmp(text, "utf-8") == 0))
        return true;
    return exec_unsupported(c->x, o->position, "this option of COPY");
}

static bool read_options(struct copy *c)
{
    bool escape_given = false, delimiter_given = false;
    const struct sql_options *list = &c->node->options;
    for (uint32_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, "format") != 0) continue;
        const char *text = option_text(&list->items[i]);
        if (text != NULL && strcmp(text, "csv") == 0) c->options.csv = true;
        else if (text == NULL || strcmp(text, "text") != 0)
            return exec_unsupported(c->x, list->items[i].position, "this format of COPY");
    }
    c->options.delimiter = c->options.csv ? ',' : '\t';
    c->options.null_text = c->options.csv ? "" : "\\N";
    c->options.quote = c->options.escape = '"';
    for (uint32_t i = 0; i < list->count; i++)
        if (!read_option(c, &list->items[i], &escape_given, &delimiter_given)) return false;
    if (!escape_given) c->options.escape = c->options.quote;
    if (c->options.csv && c->options.delimiter == c->options.quote)
        return sql_error_set(c->x->error, c->x->arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                             "COPY delimiter and quote must be different");
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
            for (place = 0; place < c->table->column_count; place++)
                if (strcmp(c->table->columns[place].name, list->items[i]) == 0) break;
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
    return true;
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
    return writer_put(x, &c->writer, c->values, BYTES_EMPTY);
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
        if (status == STATUS_INVALID || !put_row(c)) return context(c, NULL, copy_parse_row(c->parser));
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
    return true;
}

bool exec_copy(struct exec *x, const struct sql_copy *n)
{
    if (!n->from) return exec_unsupported(x, n->node.position, "COPY TO");
    if (n->file != NULL || n->program)
        return sql_error_set(x->error, x->arena, SQLSTATE_INSUFFICIENT_PRIVILEGE, n->node.position,
                             "COPY reads from STDIN only");
    if (n->where != NULL) return exec_unsupported(x, n->where->position, "COPY with WHERE");
    struct copy c = {.x = x, .node = n};
    c.table = exec_table(x, &n->table);
    if (c.table == NULL || !read_options(&c) || !bind_columns(&c)) return false;
    enum status status = copy_parser_create(&c.options, &c.parser);
    if (status != STATUS_OK) return exec_fail(x, status);
    bool ok = writer_open(x, &c.writer, c.table);
    x->eval.arena = x->row_arena;
    ok = ok && receive(&c);
    x->eval.arena = x->arena;
    writer_close(&c.writer);
    copy_parser_destroy(c.parser);
    if (ok) snprintf(x->tag, sizeof x->tag, "COPY %llu", (unsigned long long)c.rows);
    return ok;
}
