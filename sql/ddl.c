/* CREATE TABLE, DROP TABLE, TRUNCATE. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "sql/query.h"

static bool refuse(struct exec *x, uint32_t position, const char *what)
{
    return sql_error_set(x->error, x->arena, SQLSTATE_FEATURE_NOT_SUPPORTED, position,
                         "%s is not supported yet", what);
}

struct building {
    struct exec *x;
    struct sql_table *table;
    const char **checks, **check_names;
};

static bool find_place(struct building *g, const char *name, uint32_t position, uint16_t *out)
{
    for (uint32_t i = 0; i < g->table->column_count; i++) {
        if (strcmp(g->table->columns[i].name, name) != 0) continue;
        *out = (uint16_t)i;
        return true;
    }
    return sql_error_set(g->x->error, g->x->arena, SQLSTATE_UNDEFINED_COLUMN, position,
                         "column \"%s\" named in key does not exist", name);
}

static bool set_key(struct building *g, const struct sql_constraint *c, const char *const *names,
                    uint32_t count)
{
    struct exec *x = g->x;
    struct sql_table *t = g->table;
    if (t->key_count > 0)
        return sql_error_set(x->error, x->arena, SQLSTATE_INVALID_TABLE_DEFINITION, c->position,
                             "multiple primary keys for table \"%s\" are not allowed", t->name);
    if (c->include.count > 0) return refuse(x, c->position, "INCLUDE");
    if (c->deferrable) return refuse(x, c->position, "a deferrable constraint");
    if (count > SQL_KEY_COLUMNS_MAX)
        return sql_error_set(x->error, x->arena, SQLSTATE_TOO_MANY_COLUMNS, c->position,
                             "cannot use more than %d columns in an index", SQL_KEY_COLUMNS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        uint16_t place = 0;
        if (!find_place(g, names[i], c->position, &place)) return false;
        for (uint32_t k = 0; k < i; k++)
            if (t->key[k] == place)
                return sql_error_set(x->error, x->arena, SQLSTATE_DUPLICATE_COLUMN, c->position,
                                     "column \"%s\" appears twice in primary key constraint", names[i]);
        const struct sql_type_info *info = sql_type_find(t->columns[place].type.oid);
        if (info == NULL || !info->can_be_key)
            return sql_error_set(x->error, x->arena, SQLSTATE_UNDEFINED_OBJECT, c->position,
                                 "data type %s has no default operator class for access method \"btree\"",
                                 info == NULL ? "?" : info->sql_name);
        t->columns[place].not_null = true;
        t->key[i] = place;
    }
    t->key_count = count;
    t->key_name = c->name != NULL ? c->name : arena_printf(x->arena, "%.58s_pkey", t->name);
    return t->key_name != NULL || sql_error_out_of_memory(x->error);
}

/* Kept as text that the parser reads again. It has to bind now. */
static const char *keep_expression(struct building *g, const struct sql_node *node, const char *clause,
                                   const struct sql_table *scope, struct sql_type type, const char *column)
{
    struct exec *x = g->x;
    struct binder b;
    binder_init(&b, x->arena, x->error, &x->eval);
    b.clause = clause;
    b.scope = (struct scope){scope, scope == NULL ? NULL : scope->name};
    if (bind_cast(&b, bind_expr(&b, node), type, SQL_CAST_ASSIGNMENT, column) == NULL) return NULL;
    struct buf text;
    buf_init(&text, 1 << 16);
    sql_ast_print(node, &text);
    struct bytes copy = text.failed ? BYTES_EMPTY : arena_copy(x->arena, buf_view(&text));
    if (copy.data == NULL)
        sql_error_set(x->error, x->arena, SQLSTATE_PROGRAM_LIMIT_EXCEEDED, node->position,
                      "an expression kept in the catalog is limited to %d bytes", 1 << 16);
    buf_deinit(&text);
    return (const char *)copy.data;
}

static bool add_check(struct building *g, const struct sql_constraint *c, const char *column)
{
    struct exec *x = g->x;
    struct sql_table *t = g->table;
    const char *text = keep_expression(g, c->expr, "check constraints", t, sql_type_of(SQL_TYPE_BOOL), NULL);
    if (text == NULL) return false;
    const char *name = c->name;
    if (name == NULL)
        name = column != NULL ? arena_printf(x->arena, "%.28s_%.28s_check", t->name, column)
                              : arena_printf(x->arena, "%.56s_check", t->name);
    if (name == NULL) return sql_error_out_of_memory(x->error);
    g->checks[t->check_count] = text;
    g->check_names[t->check_count++] = name;
    return true;
}

static bool add_constraint(struct building *g, const struct sql_constraint *c, struct sql_table_column *column)
{
    struct exec *x = g->x;
    switch (c->kind) {
    case SQL_CONSTRAINT_NOT_NULL: column->not_null = true; return true;
    case SQL_CONSTRAINT_NULL: return true;
    case SQL_CONSTRAINT_DEFAULT:
        column->default_text = keep_expression(g, c->expr, "DEFAULT expressions", NULL, column->type, column->name);
        return column->default_text != NULL;
    case SQL_CONSTRAINT_CHECK: return add_check(g, c, column == NULL ? NULL : column->name);
    case SQL_CONSTRAINT_PRIMARY_KEY:
        if (column != NULL) return set_key(g, c, &column->name, 1);
        return set_key(g, c, c->columns.items, c->columns.count);
    case SQL_CONSTRAINT_UNIQUE: return refuse(x, c->position, "a UNIQUE constraint");
    case SQL_CONSTRAINT_FOREIGN_KEY: return refuse(x, c->position, "a foreign key");
    case SQL_CONSTRAINT_IDENTITY: return refuse(x, c->position, "an identity column");
    case SQL_CONSTRAINT_GENERATED: return refuse(x, c->position, "a generated column");
    }
    UNREACHABLE();
}

static bool add_columns(struct building *g, const struct sql_create_table *n)
{
    struct exec *x = g->x;
    struct sql_table *t = g->table;
    struct binder b;
    binder_init(&b, x->arena, x->error, &x->eval);
    for (uint32_t i = 0; i < n->column_count; i++) {
        const struct sql_column_definition *d = &n->columns[i];
        struct sql_table_column *c = &t->columns[i];
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(t->columns[k].name, d->name) == 0)
                return sql_error_set(x->error, x->arena, SQLSTATE_DUPLICATE_COLUMN, d->position,
                                     "column \"%s\" specified more than once", d->name);
        c->name = d->name;
        c->id = t->next_column_id++;
        if (d->collation.name != NULL) return refuse(x, d->position, "COLLATE");
        if (!bind_type(&b, &d->type, &c->type)) return false;
        const struct sql_type_info *info = sql_type_find(c->type.oid);
        if (info->category == SQL_CATEGORY_PSEUDO || c->type.oid == SQL_TYPE_UNKNOWN)
            return sql_error_set(x->error, x->arena, SQLSTATE_INVALID_TABLE_DEFINITION, d->position,
                                 "column \"%s\" has pseudo-type %s", c->name, info->sql_name);
        t->column_count++;
    }
    return true;
}

static bool add_all_constraints(struct building *g, const struct sql_create_table *n)
{
    uint32_t count = n->constraints.count;
    for (uint32_t i = 0; i < n->column_count; i++) count += n->columns[i].constraints.count;
    g->checks = ARENA_ARRAY(g->x->arena, const char *, count + 1);
    g->check_names = ARENA_ARRAY(g->x->arena, const char *, count + 1);
    if (g->checks == NULL || g->check_names == NULL) return sql_error_out_of_memory(g->x->error);
    for (uint32_t i = 0; i < n->column_count; i++)
        for (uint32_t k = 0; k < n->columns[i].constraints.count; k++)
            if (!add_constraint(g, &n->columns[i].constraints.items[k], &g->table->columns[i])) return false;
    for (uint32_t i = 0; i < n->constraints.count; i++)
        if (!add_constraint(g, &n->constraints.items[i], NULL)) return false;
    g->table->checks = g->checks;
    g->table->check_names = g->check_names;
    return true;
}

static bool notice(struct exec *x, const char *sqlstate, const char *format, const char *name)
{
    struct sql_error e = {0};
    sql_error_set(&e, x->arena, sqlstate, 0, format, name);
    x->sink->notice(x->sink->ctx, "NOTICE", &e);
    return true;
}

bool exec_create_table(struct exec *x, const struct sql_create_table *n)
{
    snprintf(x->tag, sizeof x->tag, "CREATE TABLE");
    if (n->persistence == SQL_TEMPORARY) return refuse(x, n->node.position, "a temporary table");
    if (n->name.schema != NULL && strcmp(n->name.schema, "public") != 0)
        return sql_error_set(x->error, x->arena, SQLSTATE_INVALID_SCHEMA_NAME, n->name.position,
                             "schema \"%s\" does not exist", n->name.schema);
    if (n->column_count > SQL_COLUMNS_MAX)
        return sql_error_set(x->error, x->arena, SQLSTATE_TOO_MANY_COLUMNS, n->node.position,
                             "tables can have at most %d columns", SQL_COLUMNS_MAX);
    struct sql_table *t = ARENA_NEW(x->arena, struct sql_table);
    if (t == NULL) return sql_error_out_of_memory(x->error);
    t->name = n->name.name;
    t->next_column_id = 1;
    t->columns = ARENA_ARRAY(x->arena, struct sql_table_column, n->column_count + 1);
    if (t->columns == NULL) return sql_error_out_of_memory(x->error);
    struct building g = {.x = x, .table = t};
    if (!add_columns(&g, n) || !add_all_constraints(&g, n)) return false;
    enum status status = catalog_create(x->txn, x->arena, t);
    if (status == STATUS_OK) return true;
    if (status != STATUS_EXISTS) return exec_fail(x, status);
    if (n->if_not_exists)
        return notice(x, SQLSTATE_DUPLICATE_TABLE, "relation \"%s\" already exists, skipping", t->name);
    return sql_error_set(x->error, x->arena, SQLSTATE_DUPLICATE_TABLE, n->name.position,
                         "relation \"%s\" already exists", t->name);
}

bool exec_drop(struct exec *x, const struct sql_drop *n)
{
    snprintf(x->tag, sizeof x->tag, "DROP TABLE");
    if (n->object != SQL_OBJECT_TABLE) return refuse(x, n->node.position, "dropping anything but a table");
    for (uint32_t i = 0; i < n->names.count; i++) {
        const struct sql_name *name = &n->names.items[i];
        struct sql_table *table;
        enum status status = catalog_table(x->txn, x->arena, name->name, &table);
        if (status == STATUS_OK) {
            status = catalog_drop(x->txn, table);
            if (status != STATUS_OK) return exec_fail(x, status);
        } else if (status == STATUS_NOT_FOUND && n->if_exists) {
            notice(x, SQLSTATE_SUCCESSFUL_COMPLETION, "table \"%s\" does not exist, skipping", name->name);
        } else if (status == STATUS_NOT_FOUND) {
            return sql_error_set(x->error, x->arena, SQLSTATE_UNDEFINED_TABLE, 0,
                                 "table \"%s\" does not exist", name->name);
        } else {
            return exec_fail(x, status);
        }
    }
    return true;
}

bool exec_truncate(struct exec *x, const struct sql_truncate *n)
{
    snprintf(x->tag, sizeof x->tag, "TRUNCATE TABLE");
    for (uint32_t i = 0; i < n->tables.count; i++) {
        struct sql_table *table = exec_table(x, &n->tables.items[i]);
        if (table == NULL) return false;
        enum status status = catalog_truncate(x->txn, table);
        if (status != STATUS_OK) return exec_fail(x, status);
    }
    return true;
}
