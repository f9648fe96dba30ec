/* Trees as text: names, constants and types. */
#include "sql/parser_print_int.h"

#include "sql/keywords.h"

/* --- Names --- */

void print_quoted(const char *name, struct buf *out)
{
    buf_append_byte(out, '"');
    for (const char *c = name; *c != 0; c++) {
        if (*c == '"') buf_append_byte(out, '"');
        buf_append_byte(out, (uint8_t)*c);
    }
    buf_append_byte(out, '"');
}

static bool is_plain(const char *name)
{
    bool plain = (name[0] >= 'a' && name[0] <= 'z') || name[0] == '_';
    for (const char *c = name; *c != 0 && plain; c++)
        plain = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '_';
    return plain;
}

static enum sql_keyword_class keyword_class(const char *name)
{
    enum sql_keyword keyword = sql_keyword_find(name, strlen(name));
    if (keyword == SQL_KEYWORD_NONE) return SQL_KEYWORD_UNRESERVED;
    return sql_keyword_info(keyword)->class;
}

void sql_ast_print_identifier(const char *name, struct buf *out)
{
    if (is_plain(name) && keyword_class(name) == SQL_KEYWORD_UNRESERVED)
        print_text(out, name);
    else
        print_quoted(name, out);
}

void print_qualifier(const char *name, struct buf *out)
{
    if (name == NULL) return;
    sql_ast_print_identifier(name, out);
    buf_append_byte(out, '.');
}

void print_name(const struct sql_name *name, struct buf *out)
{
    print_qualifier(name->catalog, out);
    print_qualifier(name->schema, out);
    sql_ast_print_identifier(name->name, out);
}

void print_names(const struct sql_names *names, struct buf *out)
{
    for (uint32_t i = 0; i < names->count; i++) {
        print_comma(i, out);
        print_name(&names->items[i], out);
    }
}

void print_name_list(const struct sql_name_list *names, struct buf *out)
{
    for (uint32_t i = 0; i < names->count; i++) {
        print_comma(i, out);
        sql_ast_print_identifier(names->items[i], out);
    }
}

void print_columns(const struct sql_name_list *names, struct buf *out)
{
    if (names->count == 0) return;
    print_text(out, " (");
    print_name_list(names, out);
    print_text(out, ")");
}

/* --- Constants --- */

static void print_escaped(const char *text, size_t size, struct buf *out)
{
    print_text(out, "E'");
    for (size_t i = 0; i < size; i++) {
        uint8_t c = (uint8_t)text[i];
        if (c == '\'' || c == '\\')
            buf_printf(out, "%c%c", c, c);
        else if (c == '\n')
            print_text(out, "\\n");
        else if (c == '\t')
            print_text(out, "\\t");
        else if (c == '\r')
            print_text(out, "\\r");
        else if (c < 0x20 || c == 0x7F)
            buf_printf(out, "\\%03o", c);
        else
            buf_append_byte(out, c);
    }
    print_text(out, "'");
}

void print_string(const char *text, size_t size, struct buf *out)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t c = (uint8_t)text[i];
        if (c >= 0x20 && c != 0x7F) continue;
        print_escaped(text, size, out);
        return;
    }
    buf_append_byte(out, '\'');
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\'') buf_append_byte(out, '\'');
        buf_append_byte(out, (uint8_t)text[i]);
    }
    buf_append_byte(out, '\'');
}

void print_const(const struct sql_const *c, struct buf *out)
{
    switch (c->type) {
    case SQL_CONST_NULL: print_text(out, "NULL"); break;
    case SQL_CONST_BOOL: print_text(out, c->integer != 0 ? "true" : "false"); break;
    case SQL_CONST_INTEGER: buf_printf(out, "%lld", (long long)c->integer); break;
    case SQL_CONST_NUMBER: print_text(out, c->text); break;
    case SQL_CONST_STRING: print_string(c->text, c->text_size, out); break;
    case SQL_CONST_BIT:
    case SQL_CONST_HEX:
        /* Nothing is escaped in these, and none holds a quote. */
        buf_printf(out, "%c'%s'", c->type == SQL_CONST_BIT ? 'b' : 'x', c->text);
        break;
    }
}

/* --- Types --- */

static const struct {
    const char *name, *sql;
    const char *behind; /* the modifiers */
} own_types[] = {
    {"int2", "smallint", ""},
    {"int4", "int", ""},
    {"int8", "bigint", ""},
    {"float4", "real", ""},
    {"float8", "double precision", ""},
    {"bool", "boolean", ""},
    {"numeric", "numeric", ""},
    {"varchar", "varchar", ""},
    {"bpchar", "char", ""},
    {"bit", "bit", ""},
    {"varbit", "bit varying", ""},
    {"time", "time", ""},
    {"timetz", "time", " with time zone"},
    {"timestamp", "timestamp", ""},
    {"timestamptz", "timestamp", " with time zone"},
    {"interval", "interval", ""},
};

static void print_modifiers(const struct sql_list *modifiers, struct buf *out)
{
    if (modifiers->count == 0) return;
    print_text(out, "(");
    print_list(modifiers, out);
    print_text(out, ")");
}

static void print_interval(const struct sql_type_name *type, struct buf *out)
{
    static const char *const names[] = {"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"};
    static const uint16_t bits[] = {SQL_INTERVAL_YEAR, SQL_INTERVAL_MONTH,  SQL_INTERVAL_DAY,
                                    SQL_INTERVAL_HOUR, SQL_INTERVAL_MINUTE, SQL_INTERVAL_SECOND};
    int first = -1, last = -1;
    for (int i = 0; i < 6; i++) {
        if ((type->interval_fields & bits[i]) == 0) continue;
        if (first < 0) first = i;
        last = i;
    }
    print_text(out, "interval");
    if (first >= 0) buf_printf(out, " %s", names[first]);
    if (last > first) buf_printf(out, " TO %s", names[last]);
    print_modifiers(&type->modifiers, out);
}

/* CHAR and BIT without a length have the length 1, so those without a modifier keep their own
 *      names. */
static int own_type_index(const struct sql_type_name *type)
{
    const struct sql_name *name = &type->name;
    if (name->schema == NULL || strcmp(name->schema, "pg_catalog") != 0) return -1;
    bool one = strcmp(name->name, "bpchar") == 0 || strcmp(name->name, "bit") == 0;
    if (name->catalog != NULL || (one && type->modifiers.count == 0)) return -1;
    for (int i = 0; i < (int)(sizeof own_types / sizeof own_types[0]); i++)
        if (strcmp(own_types[i].name, name->name) == 0) return i;
    return -1;
}

static void print_generic_type(const struct sql_type_name *type, struct buf *out)
{
    const struct sql_name *name = &type->name;
    enum sql_keyword_class class = keyword_class(name->name);
    bool word = class == SQL_KEYWORD_UNRESERVED && strcmp(name->name, "double") != 0;
    if (name->schema == NULL && is_plain(name->name) && word)
        print_text(out, name->name);
    else if (name->schema == NULL)
        print_quoted(name->name, out);
    else
        print_name(name, out);
    print_modifiers(&type->modifiers, out);
}

void sql_ast_print_type(const struct sql_type_name *type, struct buf *out)
{
    if (type->setof) print_text(out, "SETOF ");
    int own = own_type_index(type);
    if (own < 0) {
        print_generic_type(type, out);
    } else if (strcmp(type->name.name, "interval") == 0) {
        print_interval(type, out);
    } else {
        print_text(out, own_types[own].sql);
        print_modifiers(&type->modifiers, out);
        print_text(out, own_types[own].behind);
    }
    for (uint32_t i = 0; i < type->array_bound_count; i++) {
        if (type->array_bounds[i] < 0)
            print_text(out, "[]");
        else
            buf_printf(out, "[%d]", type->array_bounds[i]);
    }
}
