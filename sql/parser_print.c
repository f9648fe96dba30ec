/* Trees as text: expressions. */
#include "sql/parser_print_int.h"

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
