/* Shared by the printers of trees: expressions, queries, statements. */
#ifndef OSTRAKA_SQL_PARSER_PRINT_INT_H
#define OSTRAKA_SQL_PARSER_PRINT_INT_H

#include "sql/ast.h"

static inline void print_text(struct buf *out, const char *text)
{
    buf_append_string(out, text);
}

/* A space, except behind an opening parenthesis. */
static inline void print_space(struct buf *out)
{
    if (out->size > 0 && out->data[out->size - 1] != '(') buf_append_byte(out, ' ');
}

/* parser_print_name.c */
void print_const(const struct sql_const *c, struct buf *out);
void print_string(const char *text, size_t size, struct buf *out); /* with quotes */
void print_quoted(const char *name, struct buf *out);              /* always in quotes */
/* "schema." or nothing. */
void print_qualifier(const char *name, struct buf *out);
void print_name(const struct sql_name *name, struct buf *out);
void print_names(const struct sql_names *names, struct buf *out);
void print_name_list(const struct sql_name_list *names, struct buf *out);
/* ` (a, b)`, or nothing. */
void print_columns(const struct sql_name_list *names, struct buf *out);

/* parser_print.c */
void print_expr(const struct sql_node *node, struct buf *out);
/* In parentheses unless it is a single operand. */
void print_operand(const struct sql_node *node, struct buf *out);
void print_list(const struct sql_list *list, struct buf *out);
void print_steps(const struct sql_steps *steps, struct buf *out);
void print_sorts(const struct sql_sorts *sorts, struct buf *out);
void print_window(const struct sql_window *window, struct buf *out);
bool print_is_call(const struct sql_node *node); /* may stand where PostgreSQL wants a call */
static inline void print_comma(uint32_t index, struct buf *out)
{
    if (index > 0) print_text(out, ", ");
}

/* parser_print_query.c */
void print_query(const struct sql_select *select, struct buf *out);
void print_from(const struct sql_node *node, struct buf *out);
void print_insert(const struct sql_insert *insert, struct buf *out);
void print_update(const struct sql_update *update, struct buf *out);
void print_delete(const struct sql_delete *delete, struct buf *out);
void print_index_elements(const struct sql_index_elements *elements, struct buf *out);
void print_where(const struct sql_node *where, struct buf *out);

/* parser_print_ddl.c: false when it is none of its statements. */
bool print_definition(const struct sql_node *node, struct buf *out);
/* ` KEYWORD (name = value, ...)`, or nothing. */
void print_options(const char *before, const struct sql_options *options, struct buf *out);

/* parser_print_stmt.c */
void print_statement(const struct sql_node *node, struct buf *out);

#endif
