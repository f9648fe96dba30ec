/* Private to bind*.c.
 *   bind.c            types, casts, the dispatch        bind_call.c       operators, functions,
 * aggregates bind_construct.c  IN, BETWEEN, CASE and the like    bind_column.c     columns and
 * their names expr.c            what can be said of a bound expression; folding of constants */
#ifndef OSTRAKA_SQL_BIND_INT_H
#define OSTRAKA_SQL_BIND_INT_H

#include <string.h>

#include "base/assert.h"
#include "sql/expr.h"

/* These answer NULL, with the error set. */
struct expr *bind_no_memory(struct binder *b);
struct expr *bind_unsupported(struct binder *b, const struct sql_node *node, const char *what);

struct expr *bind_new(struct binder *b, enum expr_kind kind, struct sql_type type,
                      uint32_t position, uint32_t arg_count);
/* Finds the operator and casts its operands; left may be NULL (a prefix operator). NULL right:
 * fails on. */
struct expr *bind_operator_of(struct binder *b, const char *name, struct expr *left,
                              struct expr *right, uint32_t position);
struct expr *bind_call(struct binder *b, const struct sql_call_expr *call);
struct expr *bind_value_function(struct binder *b, const struct sql_value_function_expr *f);
struct expr *bind_column(struct binder *b, const struct sql_column *c);
/* bind_row.c */
bool bind_is_row(const struct sql_node *node);
struct expr *bind_row_comparison(struct binder *b, const char *op, const struct sql_node *left,
                                 const struct sql_node *right, uint32_t position);
struct expr *bind_row_in(struct binder *b, const struct sql_in *in);
struct expr *bind_row_distinct(struct binder *b, const struct sql_is_distinct *n);
/* subquery.c */
struct expr *bind_subquery(struct binder *b, const struct sql_subquery *n);
struct expr *bind_in_subquery(struct binder *b, const struct sql_in *in);
struct expr *bind_quantified(struct binder *b, const struct sql_quantified *q);

/* Gives all expressions their common type. */
bool bind_unify(struct binder *b, const char *construct, struct expr **items, uint32_t count,
                struct sql_type *type_out);
/* left AND right, left OR right. NULL when one is NULL. */
struct expr *bind_both(struct binder *b, enum expr_kind kind, struct expr *left, struct expr *right, uint32_t position);
struct expr *bind_not(struct binder *b, struct expr *e);
struct expr *bind_logic(struct binder *b, const struct sql_expr_list *node, enum expr_kind kind);
struct expr *bind_in(struct binder *b, const struct sql_in *in);
struct expr *bind_between(struct binder *b, const struct sql_between *n);
struct expr *bind_like(struct binder *b, const struct sql_like *n);
struct expr *bind_case(struct binder *b, const struct sql_case *c);
struct expr *bind_unified(struct binder *b, const struct sql_expr_list *node, enum expr_kind kind,
                          const char *construct, bool negated);
struct expr *bind_nullif(struct binder *b, const struct sql_expr_list *node);
struct expr *bind_is(struct binder *b, const struct sql_is *n);
struct expr *bind_is_distinct(struct binder *b, const struct sql_is_distinct *n);

#endif
