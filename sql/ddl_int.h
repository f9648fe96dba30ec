/* Private to ddl.c and alter*.c: a table that is being made or changed. */
#ifndef OSTRAKA_SQL_DDL_INT_H
#define OSTRAKA_SQL_DDL_INT_H

#include "sql/query.h"

/* Arrays have room for what is added. */
struct building {
    struct exec *x;
    struct sql_table *table;
    const char **checks, **check_names; /* the table's, to write to */
    /* Checks without a name of their own get TABLE_COLUMN_check with the least number that is free: all below were taken. */
    const char *numbered_column;
    uint32_t number_free;
};

/* All answer false, or NULL, with the error set. */

/* Appends a column: name and type. */
bool ddl_add_column(struct building *g, const struct sql_column_definition *d);
/* The constraints of a column definition; column: the table's. */
bool ddl_add_column_constraints(struct building *g, const struct sql_constraints *list,
                                struct sql_table_column *column);
bool ddl_add_check(struct building *g, const struct sql_constraint *c);
/* They are looked at in order of their names, as PostgreSQL does. */
void ddl_sort_checks(struct building *g);
/* A constraint of this name is there. */
bool ddl_constraint_exists(const struct building *g, const char *name);
/* An expression as text that parses again, once it has bound: a condition (column NULL), or a
 * column's default. */
const char *ddl_keep_expression(struct building *g, const struct sql_node *node, const char *clause,
                                const struct sql_table *scope, struct sql_type type, const char *column,
                                struct expr **expr_out);
/* [fiber] NULL, after a notice, when there is no such table and none is needed: 42P01 otherwise. */
bool ddl_find_table(struct exec *x, const struct sql_name *name, bool if_exists, struct sql_table **table_out);
/* [fiber] split.c: SPLIT AT. */
bool ddl_split(struct exec *x, const struct sql_table *table, const struct sql_alter_action *n);
/* WITH (..) of a new table: other parameters of storage mean nothing here, but how many nodes hold it is not passed over. */
bool ddl_options_serve(struct exec *x, const struct sql_options *options);
bool ddl_schema_is_ours(const struct sql_name *name);

#endif
