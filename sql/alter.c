/* ALTER TABLE: changes of a table's record. Rows stay as they were written: they name their columns
 * by ids that are never used again, and what they lack is in the record (catalog.h, missing). What
 * a change demands of the rows that are there is looked for by reading them, in the same
 * transaction. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "sql/ddl_int.h"
#include "sql/write.h"

struct altering {
    struct building b;
    struct exec *x;
    struct sql_table *table; /* as it will be */
    bool *demand_not_null;   /* per place: the rows that are there have to be looked at */
    bool *demand_check;      /* per check */
    bool demands;
};

static bool no_such_column(struct exec *x, const struct sql_table *t, const char *name)
{
    return sql_error_set(x->error, x->arena, SQLSTATE_UNDEFINED_COLUMN, 0,
                         "column \"%s\" of relation \"%s\" does not exist", name, t->name);
}

static uint32_t place_of(const struct sql_table *t, const char *name)
{
    uint32_t place = 0;
    while (place < t->column_count && strcmp(t->columns[place].name, name) != 0) place++;
    return place;
}

static struct sql_table_column *column_of(struct altering *a, const char *name)
{
    uint32_t place = place_of(a->table, name);
    if (place < a->table->column_count) return &a->table->columns[place];
    no_such_column(a->x, a->table, name);
    return NULL;
}

static bool is_in_key(const struct sql_table *t, uint32_t place)
{
    for (uint32_t i = 0; i < t->key_count; i++)
        if (t->key[i] == place) return true;
    return false;
}

/* ---- columns come and go ---- */

/* The default is computed once, for the rows that are there, as in PostgreSQL. */
static bool keep_missing(struct altering *a, struct sql_table_column *c, const struct sql_constraints *list)
{
    struct exec *x = a->x;
    const struct sql_node *node = NULL;
    for (uint32_t i = 0; i < list->count; i++)
        if (list->items[i].kind == SQL_CONSTRAINT_DEFAULT) node = list->items[i].expr;
    if (node == NULL) return true;
    struct binder b;
    struct sql_datum value;
    binder_init(&b, x->arena, x->error, &x->eval);
    struct expr *e = bind_cast(&b, bind_expr(&b, node), c->type, SQL_CAST_ASSIGNMENT, c->name);
    if (e == NULL) return false;
    if (!expr_is_constant(e)) return exec_unsupported(x, node->position, "adding a column with a volatile default");
    if (!expr_eval(&x->eval, e, NULL, NULL, &value)) return false;
    enum status status = catalog_column_missing(x->arena, c, &value);
    return status == STATUS_OK || exec_fail(x, status);
}

static bool add_column(struct altering *a, const struct sql_alter_action *n)
{
    struct exec *x = a->x;
    struct sql_table *t = a->table;
    if (place_of(t, n->column->name) < t->column_count) {
        if (!n->if_exists)
            return sql_error_set(x->error, x->arena, SQLSTATE_DUPLICATE_COLUMN, 0,
                                 "column \"%s\" of relation \"%s\" already exists", n->column->name, t->name);
        const char *what = arena_printf(x->arena, "column \"%s\" of relation \"%s\"", n->column->name, t->name);
        if (what == NULL) return sql_error_out_of_memory(x->error);
        return exec_notice(x, "NOTICE", SQLSTATE_DUPLICATE_COLUMN, "%s already exists, skipping", what);
    }
    if (t->column_count >= SQL_COLUMNS_MAX || t->next_column_id == UINT16_MAX)
        return sql_error_set(x->error, x->arena, SQLSTATE_TOO_MANY_COLUMNS, 0,
                             "tables can have at most %d columns", SQL_COLUMNS_MAX);
    for (uint32_t i = 0; i < n->column->constraints.count; i++) {
        const struct sql_constraint *c = &n->column->constraints.items[i];
        if (c->kind == SQL_CONSTRAINT_PRIMARY_KEY) return exec_unsupported(x, c->position, "adding a primary key");
    }
    uint32_t checks = t->check_count;
    if (!ddl_add_column(&a->b, n->column)) return false;
    struct sql_table_column *c = &t->columns[t->column_count - 1];
    if (!ddl_add_column_constraints(&a->b, &n->column->constraints, c) ||
        !keep_missing(a, c, &n->column->constraints))
        return false;
    for (; checks < t->check_count; checks++) a->demand_check[checks] = a->demands = true;
    if (c->not_null) a->demand_not_null[t->column_count - 1] = a->demands = true;
    return true;
}

static bool drop_check(struct altering *a, uint32_t at)
{
    struct sql_table *t = a->table;
    t->check_count--;
    for (uint32_t i = at; i < t->check_count; i++) {
        a->b.checks[i] = a->b.checks[i + 1];
        a->b.check_names[i] = a->b.check_names[i + 1];
        a->demand_check[i] = a->demand_check[i + 1];
    }
    return true;
}

static bool reads_column(const struct expr *e, uint32_t place)
{
    if (e->kind == EXPR_COLUMN && e->index == place) return true;
    for (uint32_t i = 0; i < e->arg_count; i++)
        if (reads_column(e->args[i], place)) return true;
    return false;
}

/* Constraints that speak of the column go with it. */
static bool drop_checks_of(struct altering *a, uint32_t place)
{
    struct writer w;
    if (!writer_open(a->x, &w, a->table)) return false;
    for (uint32_t i = a->table->check_count; i-- > 0;)
        if (reads_column(w.checks[i], place)) drop_check(a, i);
    return true;
}

static bool drop_column(struct altering *a, const struct sql_alter_action *n)
{
    struct exec *x = a->x;
    struct sql_table *t = a->table;
    uint32_t place = place_of(t, n->name);
    if (place == t->column_count) {
        if (!n->if_exists) return no_such_column(x, t, n->name);
        const char *what = arena_printf(x->arena, "column \"%s\" of relation \"%s\"", n->name, t->name);
        if (what == NULL) return sql_error_out_of_memory(x->error);
        return exec_notice(x, "NOTICE", SQLSTATE_SUCCESSFUL_COMPLETION, "%s does not exist, skipping", what);
    }
    if (is_in_key(t, place)) return exec_unsupported(x, n->position, "dropping a column of the primary key");
    if (!drop_checks_of(a, place)) return false;
    t->column_count--;
    for (uint32_t i = place; i < t->column_count; i++) {
        t->columns[i] = t->columns[i + 1];
        a->demand_not_null[i] = a->demand_not_null[i + 1];
    }
    for (uint32_t i = 0; i < t->key_count; i++)
        if (t->key[i] > place) t->key[i]--;
    return true;
}

/* ---- what a column demands ---- */

static bool set_default(struct altering *a, const struct sql_alter_action *n)
{
    struct sql_table_column *c = column_of(a, n->name);
    if (c == NULL) return false;
    c->default_text = NULL;
    if (n->kind == SQL_ALTER_DROP_DEFAULT) return true;
    c->default_text = ddl_keep_expression(&a->b, n->expr, "DEFAULT expressions", a->table, c->type, c->name, NULL);
    return c->default_text != NULL;
}

static bool set_not_null(struct altering *a, const struct sql_alter_action *n)
{
    struct exec *x = a->x;
    struct sql_table_column *c = column_of(a, n->name);
    if (c == NULL) return false;
    uint32_t place = (uint32_t)(c - a->table->columns);
    bool on = n->kind == SQL_ALTER_SET_NOT_NULL;
    if (!on && is_in_key(a->table, place))
        return sql_error_set(x->error, x->arena, SQLSTATE_INVALID_TABLE_DEFINITION, 0,
                             "column \"%s\" is in a primary key", n->name);
    a->demand_not_null[place] = on && (a->demand_not_null[place] || !c->not_null);
    if (a->demand_not_null[place]) a->demands = true;
    c->not_null = on;
    return true;
}

/* ---- constraints ---- */

static bool add_constraint(struct altering *a, const struct sql_alter_action *n)
{
    struct exec *x = a->x;
    const struct sql_constraint *c = n->constraint;
    switch (c->kind) {
    case SQL_CONSTRAINT_CHECK: break;
    case SQL_CONSTRAINT_PRIMARY_KEY: return exec_unsupported(x, c->position, "adding a primary key");
    case SQL_CONSTRAINT_UNIQUE: return exec_unsupported(x, c->position, "a UNIQUE constraint");
    default: return exec_unsupported(x, c->position, "a foreign key");
    }
    if (c->not_valid) return exec_unsupported(x, c->position, "NOT VALID");
    if (c->name != NULL && ddl_constraint_exists(&a->b, c->name))
        return sql_error_set(x->error, x->arena, SQLSTATE_DUPLICATE_OBJECT, 0,
                             "constraint \"%s\" for relation \"%s\" already exists", c->name, a->table->name);
    if (!ddl_add_check(&a->b, c)) return false;
    a->demand_check[a->table->check_count - 1] = a->demands = true;
    return true;
}

static bool drop_constraint(struct altering *a, const struct sql_alter_action *n)
{
    struct exec *x = a->x;
    const struct sql_table *t = a->table;
    for (uint32_t i = 0; i < t->check_count; i++)
        if (strcmp(t->check_names[i], n->name) == 0) return drop_check(a, i);
    if (t->key_name != NULL && strcmp(t->key_name, n->name) == 0)
        return exec_unsupported(x, n->position, "dropping the primary key");
    const char *what = arena_printf(x->arena, "constraint \"%s\" of relation \"%s\"", n->name, t->name);
    if (what == NULL) return sql_error_out_of_memory(x->error);
    if (n->if_exists)
        return exec_notice(x, "NOTICE", SQLSTATE_SUCCESSFUL_COMPLETION, "%s does not exist, skipping", what);
    return sql_error_set(x->error, x->arena, SQLSTATE_UNDEFINED_OBJECT, 0, "%s does not exist", what);
}

/* ---- the rows that are there ---- */

static bool check_row(struct altering *a, const struct writer *w, const struct sql_datum *values)
{
    struct exec *x = a->x;
    const struct sql_table *t = a->table;
    for (uint32_t i = 0; i < t->column_count; i++) {
        if (!a->demand_not_null[i] || !values[i].is_null) continue;
        sql_error_set(x->error, x->arena, SQLSTATE_NOT_NULL_VIOLATION, 0,
                      "column \"%s\" of relation \"%s\" contains null values", t->columns[i].name, t->name);
        sql_error_names(x->error, "public", t->name, t->columns[i].name, NULL, NULL);
        return false;
    }
    for (uint32_t i = 0; i < t->check_count; i++) {
        struct sql_datum v;
        if (!a->demand_check[i]) continue;
        if (!expr_eval(&x->eval, w->checks[i], values, NULL, &v)) return false;
        if (v.is_null || v.boolean) continue;
        sql_error_set(x->error, x->arena, SQLSTATE_CHECK_VIOLATION, 0,
                      "check constraint \"%s\" of relation \"%s\" is violated by some row", t->check_names[i],
                      t->name);
        sql_error_names(x->error, "public", t->name, NULL, NULL, t->check_names[i]);
        return false;
    }
    return true;
}

/* [fiber] Rows that others add meanwhile lie in what was read: one of the two transactions begins
 * again. */
static bool check_rows(struct altering *a)
{
    struct exec *x = a->x;
    struct writer w;
    struct access all;
    bool found = true;
    if (!a->demands) return true;
    if (!writer_open(x, &w, a->table) || !access_plan(x, &all, a->table, NULL)) return false;
    x->eval.arena = x->row_arena;
    bool ok = true;
    while (ok && (ok = access_next(x, &all, &found)) && found) ok = check_row(a, &w, all.values);
    x->eval.arena = x->arena;
    access_close(&all);
    return ok;
}

/* ---- the statement ---- */

static bool act(struct altering *a, const struct sql_alter_action *n)
{
    switch (n->kind) {
    case SQL_ALTER_ADD_COLUMN: return add_column(a, n);
    case SQL_ALTER_DROP_COLUMN: return drop_column(a, n);
    case SQL_ALTER_SET_DEFAULT:
    case SQL_ALTER_DROP_DEFAULT: return set_default(a, n);
    case SQL_ALTER_SET_NOT_NULL:
    case SQL_ALTER_DROP_NOT_NULL: return set_not_null(a, n);
    case SQL_ALTER_ADD_CONSTRAINT: return add_constraint(a, n);
    case SQL_ALTER_DROP_CONSTRAINT: return drop_constraint(a, n);
    case SQL_ALTER_COLUMN_TYPE: return exec_unsupported(a->x, n->position, "changing the type of a column");
    case SQL_ALTER_VALIDATE_CONSTRAINT: return exec_unsupported(a->x, n->position, "VALIDATE CONSTRAINT");
    case SQL_ALTER_OWNER: return exec_unsupported(a->x, n->position, "OWNER TO");
    case SQL_ALTER_SET_OPTIONS:
    case SQL_ALTER_RESET_OPTIONS: return exec_unsupported(a->x, n->position, "a storage parameter");
    case SQL_ALTER_SET_SCHEMA: return exec_unsupported(a->x, n->position, "SET SCHEMA");
    case SQL_ALTER_SPLIT_AT: break; /* alone in its statement: exec_alter_table */
    }
    UNREACHABLE();
}

/* Gives the table's arrays room for all that may be added. */
static bool make_room(struct altering *a, const struct sql_alter_table *n)
{
    struct arena *arena = a->x->arena;
    struct sql_table *t = a->table;
    uint32_t columns = t->column_count + n->action_count + 1, checks = t->check_count + n->action_count + 1;
    for (uint32_t i = 0; i < n->action_count; i++)
        if (n->actions[i].column != NULL) checks += n->actions[i].column->constraints.count;
    struct sql_table_column *list = ARENA_ARRAY(arena, struct sql_table_column, columns);
    a->b.checks = ARENA_ARRAY(arena, const char *, checks);
    a->b.check_names = ARENA_ARRAY(arena, const char *, checks);
    a->demand_not_null = ARENA_ARRAY(arena, bool, columns);
    a->demand_check = ARENA_ARRAY(arena, bool, checks);
    if (list == NULL || a->b.checks == NULL || a->b.check_names == NULL || a->demand_not_null == NULL ||
        a->demand_check == NULL)
        return sql_error_out_of_memory(a->x->error);
    if (t->column_count > 0) memcpy(list, t->columns, t->column_count * sizeof *list);
    for (uint32_t i = 0; i < t->check_count; i++) {
        a->b.checks[i] = t->checks[i];
        a->b.check_names[i] = t->check_names[i];
    }
    t->columns = list;
    t->checks = a->b.checks;
    t->check_names = a->b.check_names;
    return true;
}

bool ddl_find_table(struct exec *x, const struct sql_name *name, bool if_exists, struct sql_table **table_out)
{
    *table_out = NULL;
    if (virtual_schema(name->schema) || virtual_find(name->schema, name->name) != NULL)
        return exec_refuse_system(x, name->name);
    if (!ddl_schema_is_ours(name)) {
        if (if_exists)
            return exec_notice(x, "NOTICE", SQLSTATE_SUCCESSFUL_COMPLETION,
                               "relation \"%s\" does not exist, skipping", name->name);
        return sql_error_set(x->error, x->arena, SQLSTATE_INVALID_SCHEMA_NAME, 0, "schema \"%s\" does not exist",
                             name->schema);
    }
    enum status status = catalog_table(x->txn, x->arena, name->name, table_out);
    if (status == STATUS_OK) return true;
    if (status != STATUS_NOT_FOUND) return exec_fail(x, status);
    if (if_exists)
        return exec_notice(x, "NOTICE", SQLSTATE_SUCCESSFUL_COMPLETION, "relation \"%s\" does not exist, skipping",
                           name->name);
    return sql_error_set(x->error, x->arena, SQLSTATE_UNDEFINED_TABLE, 0, "relation \"%s\" does not exist",
                         name->name);
}

bool exec_alter_table(struct exec *x, const struct sql_alter_table *n)
{
    struct altering a = {.x = x};
    snprintf(x->tag, sizeof x->tag, "ALTER TABLE");
    if (!ddl_find_table(x, &n->table, n->if_exists, &a.table)) return false;
    if (a.table == NULL) return true;
    if (n->action_count == 1 && n->actions[0].kind == SQL_ALTER_SPLIT_AT) return ddl_split(x, a.table, &n->actions[0]);
    bool options = n->actions[0].kind == SQL_ALTER_SET_OPTIONS || n->actions[0].kind == SQL_ALTER_RESET_OPTIONS;
    if (n->action_count == 1 && options) return cluster_table_option(x, a.table, &n->actions[0]);
    a.b = (struct building){.x = x, .table = a.table};
    if (!make_room(&a, n)) return false;
    for (uint32_t i = 0; i < n->action_count; i++)
        if (!act(&a, &n->actions[i])) return false;
    if (!catalog_columns_changed(x->arena, a.table)) return sql_error_out_of_memory(x->error);
    if (!check_rows(&a)) return false;
    ddl_sort_checks(&a.b);
    enum status status = catalog_update(x->txn, a.table);
    return status == STATUS_OK || exec_fail(x, status);
}
