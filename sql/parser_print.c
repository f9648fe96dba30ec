/* Trees as text: names, types and expressions. */
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

static void print_qualifier(const char *name, struct buf *out)
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

static void print_const(const struct sql_const *c, struct buf *out)
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

/* --- Parts of expressions --- */

void print_list(const struct sql_list *list, struct buf *out)
{
    for (uint32_t i = 0; i < list->count; i++) {
        print_comma(i, out);
        print_expr(list->items[i], out);
    }
}

static void print_paren_list(const char *before, const struct sql_list *list, const char *after,
                             struct buf *out)
{
    print_text(out, before);
    print_list(list, out);
    print_text(out, after);
}

static bool is_negative(const struct sql_node *node)
{
    const struct sql_const *c = sql_as_const(node);
    return (c->type == SQL_CONST_INTEGER && c->integer < 0) ||
           (c->type == SQL_CONST_NUMBER && c->text[0] == '-');
}

static bool is_operand(const struct sql_node *node)
{
    switch (node->kind) {
    case SQL_EXPR_CONST: return !is_negative(node);
    case SQL_EXPR_PARAM:
    case SQL_EXPR_COLUMN:
    case SQL_EXPR_CASE:
    case SQL_EXPR_CAST:
    case SQL_EXPR_CALL:
    case SQL_EXPR_COALESCE:
    case SQL_EXPR_GREATEST:
    case SQL_EXPR_LEAST:
    case SQL_EXPR_NULLIF:
    case SQL_EXPR_ARRAY:
    case SQL_EXPR_ROW:
    case SQL_EXPR_SUBQUERY:
    case SQL_EXPR_INDIRECTION:
    case SQL_EXPR_VALUE_FUNCTION:
    case SQL_EXPR_GROUPING: return true;
    default: return false;
    }
}

void print_operand(const struct sql_node *node, struct buf *out)
{
    bool operand = is_operand(node);
    if (!operand) print_text(out, "(");
    print_expr(node, out);
    if (!operand) print_text(out, ")");
}

bool print_is_call(const struct sql_node *node)
{
    switch (node->kind) {
    case SQL_EXPR_CALL:
    case SQL_EXPR_VALUE_FUNCTION:
    case SQL_EXPR_COALESCE:
    case SQL_EXPR_GREATEST:
    case SQL_EXPR_LEAST:
    case SQL_EXPR_NULLIF: return true;
    default: return false;
    }
}

void print_steps(const struct sql_steps *steps, struct buf *out)
{
    for (uint32_t i = 0; i < steps->count; i++) {
        const struct sql_step *s = &steps->items[i];
        if (s->kind == SQL_STEP_FIELD) {
            print_text(out, ".");
            sql_ast_print_identifier(s->field, out);
        } else if (s->kind == SQL_STEP_STAR) {
            print_text(out, ".*");
        } else {
            print_text(out, "[");
            if (s->low != NULL) print_expr(s->low, out);
            if (s->kind == SQL_STEP_SLICE) print_text(out, ":");
            if (s->high != NULL) print_expr(s->high, out);
            print_text(out, "]");
        }
    }
}

void print_sorts(const struct sql_sorts *sorts, struct buf *out)
{
    if (sorts->count == 0) return;
    print_space(out);
    print_text(out, "ORDER BY ");
    for (uint32_t i = 0; i < sorts->count; i++) {
        const struct sql_sort *sort = &sorts->items[i];
        const struct sql_name *op = &sort->using_operator;
        print_comma(i, out);
        print_operand(sort->expr, out);
        if (op->name != NULL && op->schema != NULL)
            buf_printf(out, " USING OPERATOR(%s.%s)", op->schema, op->name);
        else if (op->name != NULL)
            buf_printf(out, " USING %s", op->name);
        if (sort->descending) print_text(out, " DESC");
        if (sort->nulls_first) print_text(out, " NULLS FIRST");
        if (sort->nulls_last) print_text(out, " NULLS LAST");
    }
}

static void print_bound(enum sql_frame_bound bound, const struct sql_node *offset, struct buf *out)
{
    switch (bound) {
    case SQL_FRAME_UNBOUNDED_PRECEDING: print_text(out, " UNBOUNDED PRECEDING"); break;
    case SQL_FRAME_UNBOUNDED_FOLLOWING: print_text(out, " UNBOUNDED FOLLOWING"); break;
    case SQL_FRAME_CURRENT_ROW: print_text(out, " CURRENT ROW"); break;
    default:
        print_text(out, " (");
        print_expr(offset, out);
        print_text(out, bound == SQL_FRAME_OFFSET_PRECEDING ? ") PRECEDING" : ") FOLLOWING");
    }
}

static void print_frame(const struct sql_window *w, struct buf *out)
{
    static const char *const modes[] = {"", "RANGE BETWEEN", "ROWS BETWEEN", "GROUPS BETWEEN"};
    static const char *const exclusions[] = {"", " EXCLUDE CURRENT ROW", " EXCLUDE GROUP",
                                             " EXCLUDE TIES"};
    if (w->frame_mode == SQL_FRAME_NONE) return;
    print_space(out);
    print_text(out, modes[w->frame_mode]);
    print_bound(w->frame_start, w->frame_start_offset, out);
    print_text(out, " AND");
    print_bound(w->frame_end, w->frame_end_offset, out);
    print_text(out, exclusions[w->frame_exclusion]);
}

/* Without what stands before the parenthesis. */
void print_window(const struct sql_window *w, struct buf *out)
{
    print_text(out, "(");
    if (w->base_name != NULL) print_quoted(w->base_name, out); /* may be called ROWS */
    if (w->partition_by.count > 0) {
        print_space(out);
        print_paren_list("PARTITION BY ", &w->partition_by, "", out);
    }
    print_sorts(&w->order_by, out);
    print_frame(w, out);
    print_text(out, ")");
}

/* --- Expressions --- */

static void print_column(const struct sql_column *column, struct buf *out)
{
    for (uint32_t i = 0; i < column->names.count; i++) {
        if (i > 0) print_text(out, ".");
        sql_ast_print_identifier(column->names.items[i], out);
    }
    if (column->star) print_text(out, column->names.count > 0 ? ".*" : "*");
}

static void print_operator_name(const char *schema, const char *name, struct buf *out)
{
    if (schema == NULL) {
        print_text(out, name);
        return;
    }
    print_text(out, "OPERATOR(");
    print_qualifier(schema, out);
    print_text(out, name);
    print_text(out, ")");
}

/* Operators of one level group to the left without parentheses; 0: not these. */
static int operator_level(const struct sql_operator_expr *op)
{
    if (op->schema != NULL) return 1;
    if (strcmp(op->name, "+") == 0 || strcmp(op->name, "-") == 0) return 2;
    if (strcmp(op->name, "*") == 0 || strcmp(op->name, "/") == 0 || strcmp(op->name, "%") == 0)
        return 3;
    if (strcmp(op->name, "^") == 0) return 4;
    bool comparison = strcmp(op->name, "<") == 0 || strcmp(op->name, ">") == 0 ||
                      strcmp(op->name, "=") == 0 || strcmp(op->name, "<=") == 0 ||
                      strcmp(op->name, ">=") == 0 || strcmp(op->name, "<>") == 0;
    return comparison ? 0 : 1;
}

static bool groups_left(const struct sql_operator_expr *op)
{
    int level = operator_level(op);
    if (level == 0 || op->left->kind != SQL_EXPR_OPERATOR) return false;
    const struct sql_operator_expr *left = sql_as_operator_expr(op->left);
    return left->left != NULL && operator_level(left) == level;
}

/* Operators with a token of their own stand before an operand only as OPERATOR(=), save + and -;
 * and - before a number would make a negative number of it. */
static bool prefix_needs_no_word(const struct sql_operator_expr *op)
{
    int level = operator_level(op);
    if (level == 2) return op->name[0] == '+' || op->right->kind != SQL_EXPR_CONST;
    return level == 1;
}

static void print_operator(const struct sql_operator_expr *op, struct buf *out)
{
    if (op->left != NULL) {
        if (groups_left(op))
            print_expr(op->left, out);
        else
            print_operand(op->left, out);
        print_text(out, " ");
    }
    bool word = op->left == NULL && !prefix_needs_no_word(op);
    if (word && op->schema == NULL)
        buf_printf(out, "OPERATOR(%s)", op->name);
    else
        print_operator_name(op->schema, op->name, out);
    print_text(out, " ");
    print_operand(op->right, out);
}

static void print_joined(const struct sql_expr_list *node, const char *word, struct buf *out)
{
    for (uint32_t i = 0; i < node->list.count; i++) {
        if (i > 0) print_text(out, word);
        print_operand(node->list.items[i], out);
    }
}

static void print_is(const struct sql_is *node, struct buf *out)
{
    static const char *const tests[] = {"", "NULL", "TRUE", "FALSE", "UNKNOWN"};
    print_operand(node->arg, out);
    buf_printf(out, " IS %s%s", node->negated ? "NOT " : "", tests[node->test]);
}

static void print_in(const struct sql_in *node, struct buf *out)
{
    print_operand(node->left, out);
    print_text(out, node->negated ? " NOT IN (" : " IN (");
    if (node->subquery != NULL)
        print_query(node->subquery, out);
    else
        print_list(&node->list, out);
    print_text(out, ")");
}

static void print_between(const struct sql_between *node, struct buf *out)
{
    print_operand(node->arg, out);
    print_text(out, node->negated ? " NOT BETWEEN " : " BETWEEN ");
    if (node->symmetric) print_text(out, "SYMMETRIC ");
    print_operand(node->low, out);
    print_text(out, " AND ");
    print_operand(node->high, out);
}

static void print_like(const struct sql_like *node, struct buf *out)
{
    static const char *const words[] = {"", "LIKE ", "ILIKE ", "SIMILAR TO "};
    print_operand(node->left, out);
    print_text(out, node->negated ? " NOT " : " ");
    print_text(out, words[node->like]);
    print_operand(node->pattern, out);
    if (node->escape == NULL) return;
    print_text(out, " ESCAPE ");
    print_operand(node->escape, out);
}

static void print_quantified(const struct sql_quantified *node, struct buf *out)
{
    print_operand(node->left, out);
    print_text(out, " ");
    print_operator_name(node->schema, node->name, out);
    print_text(out, node->all ? " ALL (" : " ANY (");
    if (node->subquery != NULL)
        print_query(node->subquery, out);
    else
        print_expr(node->array, out);
    print_text(out, ")");
}

static void print_case(const struct sql_case *node, struct buf *out)
{
    print_text(out, "CASE");
    if (node->arg != NULL) print_text(out, " ");
    if (node->arg != NULL) print_operand(node->arg, out);
    for (uint32_t i = 0; i < node->when_count; i++) {
        print_text(out, " WHEN ");
        print_expr(node->whens[i].condition, out);
        print_text(out, " THEN ");
        print_expr(node->whens[i].result, out);
    }
    if (node->otherwise != NULL) print_text(out, " ELSE ");
    if (node->otherwise != NULL) print_expr(node->otherwise, out);
    print_text(out, " END");
}

static void print_call_args(const struct sql_call_expr *call, struct buf *out)
{
    if (call->star) print_text(out, "*");
    if (call->distinct) print_text(out, "DISTINCT ");
    for (uint32_t i = 0; i < call->args.count; i++) {
        print_comma(i, out);
        if (call->variadic && i + 1 == call->args.count) print_text(out, "VARIADIC ");
        if (call->arg_names != NULL && call->arg_names[i] != NULL) {
            sql_ast_print_identifier(call->arg_names[i], out);
            print_text(out, " => ");
        }
        print_expr(call->args.items[i], out);
    }
    if (!call->within_group) print_sorts(&call->order_by, out);
}

static void print_call(const struct sql_call_expr *call, struct buf *out)
{
    print_name(&call->name, out);
    print_text(out, "(");
    print_call_args(call, out);
    print_text(out, ")");
    if (call->within_group) {
        print_text(out, " WITHIN GROUP (");
        print_sorts(&call->order_by, out);
        print_text(out, ")");
    }
    if (call->filter != NULL) {
        print_text(out, " FILTER (WHERE ");
        print_expr(call->filter, out);
        print_text(out, ")");
    }
    if (call->over == NULL) return;
    print_text(out, " OVER ");
    if (call->over->name != NULL)
        sql_ast_print_identifier(call->over->name, out);
    else
        print_window(call->over, out);
}

static void print_subquery(const struct sql_subquery *node, struct buf *out)
{
    static const char *const words[] = {"", "(", "EXISTS (", "ARRAY("};
    print_text(out, words[node->subquery]);
    print_query(node->query, out);
    print_text(out, ")");
}

static void print_indirection(const struct sql_indirection *node, struct buf *out)
{
    bool bare =
        node->arg->kind == SQL_EXPR_PARAM ||
        (node->arg->kind == SQL_EXPR_COLUMN && node->steps.items[0].kind >= SQL_STEP_SUBSCRIPT);
    if (!bare) print_text(out, "(");
    print_expr(node->arg, out);
    if (!bare) print_text(out, ")");
    print_steps(&node->steps, out);
}

static void print_value_function(const struct sql_value_function_expr *node, struct buf *out)
{
    static const char *const names[] = {
        "",          "CURRENT_DATE",   "CURRENT_TIME",    "CURRENT_TIMESTAMP",
        "LOCALTIME", "LOCALTIMESTAMP", "CURRENT_ROLE",    "CURRENT_USER",
        "USER",      "SESSION_USER",   "CURRENT_CATALOG", "CURRENT_SCHEMA"};
    print_text(out, names[node->function]);
    if (node->precision >= 0) buf_printf(out, "(%d)", node->precision);
}

static void print_grouping_set(const struct sql_grouping_set *node, struct buf *out)
{
    static const char *const words[] = {"", "(", "ROLLUP (", "CUBE (", "GROUPING SETS ("};
    print_paren_list(words[node->grouping], &node->items, ")", out);
}

static void print_collate(const struct sql_collate *node, struct buf *out)
{
    print_operand(node->arg, out);
    print_text(out, " COLLATE ");
    print_name(&node->collation, out);
}

static void print_cast(const struct sql_cast *node, struct buf *out)
{
    print_operand(node->arg, out);
    print_text(out, "::");
    sql_ast_print_type(&node->type, out);
}

static void print_is_distinct(const struct sql_is_distinct *node, struct buf *out)
{
    print_operand(node->left, out);
    print_text(out, node->negated ? " IS NOT DISTINCT FROM " : " IS DISTINCT FROM ");
    print_operand(node->right, out);
}

static void print_lists(const struct sql_node *node, struct buf *out)
{
    const struct sql_expr_list *list = sql_as_expr_list(node);
    switch (node->kind) {
    case SQL_EXPR_AND: print_joined(list, " AND ", out); break;
    case SQL_EXPR_OR: print_joined(list, " OR ", out); break;
    case SQL_EXPR_COALESCE: print_paren_list("COALESCE(", &list->list, ")", out); break;
    case SQL_EXPR_GREATEST: print_paren_list("GREATEST(", &list->list, ")", out); break;
    case SQL_EXPR_LEAST: print_paren_list("LEAST(", &list->list, ")", out); break;
    case SQL_EXPR_NULLIF: print_paren_list("NULLIF(", &list->list, ")", out); break;
    case SQL_EXPR_ARRAY: print_paren_list("ARRAY[", &list->list, "]", out); break;
    default: print_paren_list("GROUPING(", &list->list, ")", out); break;
    }
}

void print_expr(const struct sql_node *node, struct buf *out)
{
    switch (node->kind) {
    case SQL_EXPR_CONST: print_const(sql_as_const(node), out); break;
    case SQL_EXPR_PARAM: buf_printf(out, "$%u", sql_as_param(node)->number); break;
    case SQL_EXPR_COLUMN: print_column(sql_as_column(node), out); break;
    case SQL_EXPR_DEFAULT: print_text(out, "DEFAULT"); break;
    case SQL_EXPR_OPERATOR: print_operator(sql_as_operator_expr(node), out); break;
    case SQL_EXPR_NOT:
        print_text(out, "NOT ");
        print_operand(sql_as_expr_unary(node)->arg, out);
        break;
    case SQL_EXPR_IS: print_is(sql_as_is(node), out); break;
    case SQL_EXPR_IS_DISTINCT: print_is_distinct(sql_as_is_distinct(node), out); break;
    case SQL_EXPR_IN: print_in(sql_as_in(node), out); break;
    case SQL_EXPR_BETWEEN: print_between(sql_as_between(node), out); break;
    case SQL_EXPR_LIKE: print_like(sql_as_like(node), out); break;
    case SQL_EXPR_QUANTIFIED: print_quantified(sql_as_quantified(node), out); break;
    case SQL_EXPR_CASE: print_case(sql_as_case(node), out); break;
    case SQL_EXPR_CAST: print_cast(sql_as_cast(node), out); break;
    case SQL_EXPR_COLLATE: print_collate(sql_as_collate(node), out); break;
    case SQL_EXPR_CALL: print_call(sql_as_call_expr(node), out); break;
    case SQL_EXPR_ROW:
        print_paren_list(sql_as_row(node)->explicit_row ? "ROW(" : "(", &sql_as_row(node)->fields,
                         ")", out);
        break;
    case SQL_EXPR_SUBQUERY: print_subquery(sql_as_subquery(node), out); break;
    case SQL_EXPR_INDIRECTION: print_indirection(sql_as_indirection(node), out); break;
    case SQL_EXPR_VALUE_FUNCTION:
        print_value_function(sql_as_value_function_expr(node), out);
        break;
    case SQL_EXPR_GROUPING_SET: print_grouping_set(sql_as_grouping_set(node), out); break;
    default: print_lists(node, out); break;
    }
}

void sql_ast_print(const struct sql_node *node, struct buf *out)
{
    ASSERT(node->kind != SQL_NODE_NONE);
    if (node->kind < SQL_FROM_TABLE)
        print_expr(node, out);
    else if (node->kind < SQL_STMT_SELECT)
        print_from(node, out);
    else
        print_statement(node, out);
}
