/* CREATE TABLE, DROP TABLE, TRUNCATE. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "sql/ddl_int.h"

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

/* "TABLE_COLUMN_label1": the longer of the two names is cut until all fits into a name, as PostgreSQL does it. */
static const char *object_name(struct arena *arena, const char *table, const char *column, const char *label,
                               uint32_t number)
{
    char end[32];
    snprintf(end, sizeof end, number == 0 ? "_%s" : "_%s%u", label, number);
    size_t table_size = strlen(table), column_size = column == NULL ? 0 : strlen(column);
    size_t room = SQL_NAME_BYTES_MAX - strlen(end) - (column != NULL);
    while (table_size + column_size > room) {
        if (table_size > column_size) table_size--;
        else column_size--;
    }
    while (table_size > 0 && ((uint8_t)table[table_size] & 0xc0) == 0x80) table_size--; /* not within a character */
    while (column_size > 0 && ((uint8_t)column[column_size] & 0xc0) == 0x80) column_size--;
    return arena_printf(arena, "%.*s%s%.*s%s", (int)table_size, table, column != NULL ? "_" : "", (int)column_size,
                        column != NULL ? column : "", end);
}

static bool set_key(struct building *g, const struct sql_constraint *c, const char *const *names,
                    uint32_t count)
{
    struct exec *x = g->x;
    struct sql_table *t = g->table;
    if (t->key_count > 0)
        return sql_error_set(x->error, x->arena, SQLSTATE_INVALID_TABLE_DEFINITION, c->position,
                             "multiple primary keys for table \"%s\" are not allowed", t->name);
    if (c->include.count > 0) return exec_unsupported(x, c->position, "INCLUDE");
    if (c->deferrable) return exec_unsupported(x, c->position, "a deferrable constraint");
    if (count > SQL_KEY_COLUMNS_MAX)
        return sql_error_set(x->error, x->arena, SQLSTATE_TOO_MANY_COLUMNS, 0,
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
    t->key_name = c->name != NULL ? c->name : object_name(x->arena, t->name, NULL, "pkey", 0);
    return t->key_name != NULL || sql_error_out_of_memory(x->error);
}

const char *ddl_keep_expression(struct building *g, const struct sql_node *node, const char *clause,
                                const struct sql_table *scope, struct sql_type type, const char *column,
                                struct expr **expr_out)
{
    struct exec *x = g->x;
    struct binder b;
    binder_init(&b, x->arena, x->error, &x->eval);
    b.clause = clause;
    b.scope = (struct scope){.table = scope, .alias = scope->name};
    b.no_subquery = column == NULL ? "check constraint" : "DEFAULT expression";
    b.columns = column == NULL ? BIND_COLUMNS_ALLOWED : BIND_COLUMNS_NOT_IN_DEFAULT;
    struct expr *e = column == NULL ? bind_condition(&b, node, "CHECK")
                                    : bind_cast(&b, bind_expr(&b, node), type, SQL_CAST_ASSIGNMENT, column);
    if (e == NULL) return NULL;
    if (expr_out != NULL) *expr_out = e;
    struct buf text;
    buf_init(&text, 1 << 16);
    sql_ast_print(node, &text);
    struct bytes copy = text.failed ? BYTES_EMPTY : arena_copy(x->arena, buf_view(&text));
    if (copy.data == NULL)
        sql_error_set(x->error, x->arena, SQLSTATE_PROGRAM_LIMIT_EXCEEDED, node->position,
                      "an expression kept in the catalog is limited to %d bytes; this one has %zu", 1 << 16,
                      text.size + text.refused);
    buf_deinit(&text);
    return (const char *)copy.data;
}

bool ddl_constraint_exists(const struct building *g, const char *name)
{
    for (uint32_t i = 0; i < g->table->check_count; i++)
        if (strcmp(g->check_names[i], name) == 0) return true;
    return g->table->key_name != NULL && strcmp(g->table->key_name, name) == 0;
}

/* The one column that an expression reads; NULL: none, or several. */
static const char *only_column(const struct sql_table *t, const struct expr *e, uint32_t *index, bool *several)
{
    if (e->kind == EXPR_COLUMN) {
        if (*index != UINT32_MAX && *index != e->index) *several = true;
        *index = e->index;
    }
    for (uint32_t i = 0; i < e->arg_count; i++) only_column(t, e->args[i], index, several);
    return *several || *index == UINT32_MAX ? NULL : t->columns[*index].name;
}

static const char *check_name(struct building *g, const struct expr *e)
{
    uint32_t index = UINT32_MAX;
    bool several = false;
    const char *column = only_column(g->table, e, &index, &several);
    if (column != g->numbered_column) g->number_free = 0;
    g->numbered_column = column;
    for (;; g->number_free++) {
        const char *name = object_name(g->x->arena, g->table->name, column, "check", g->number_free);
        if (name == NULL || !ddl_constraint_exists(g, name)) return name;
    }
}

bool ddl_add_check(struct building *g, const struct sql_constraint *c)
{
    struct exec *x = g->x;
    struct sql_table *t = g->table;
    struct expr *e;
    const char *text = ddl_keep_expression(g, c->expr, "check constraints", t, sql_type_of(SQL_TYPE_BOOL), NULL, &e);
    if (text == NULL) return false;
    if (t->check_count >= SQL_CHECKS_MAX)
        return sql_error_set(x->error, x->arena, SQLSTATE_PROGRAM_LIMIT_EXCEEDED, 0,
                             "tables can have at most %d check constraints", SQL_CHECKS_MAX);
    if (c->name != NULL && ddl_constraint_exists(g, c->name))
        return sql_error_set(x->error, x->arena, SQLSTATE_DUPLICATE_OBJECT, 0,
                             "check constraint \"%s\" already exists", c->name);
    const char *name = c->name != NULL ? c->name : check_name(g, e);
    if (name == NULL) return sql_error_out_of_memory(x->error);
    g->checks[t->check_count] = text;
    g->check_names[t->check_count++] = name;
    return true;
}

/* NULL and NOT NULL, DEFAULT twice. */
static bool check_repeated(struct building *g, const struct sql_constraints *list, uint32_t at,
                           const struct sql_table_column *column)
{
    enum sql_constraint_kind kind = list->items[at].kind;
    for (uint32_t i = 0; i < at; i++) {
        enum sql_constraint_kind other = list->items[i].kind;
        bool nulls = (kind == SQL_CONSTRAINT_NULL && other == SQL_CONSTRAINT_NOT_NULL) ||
                     (kind == SQL_CONSTRAINT_NOT_NULL && other == SQL_CONSTRAINT_NULL);
        if (!nulls && !(kind == SQL_CONSTRAINT_DEFAULT && other == kind)) continue;
        return sql_error_set(g->x->error, g->x->arena, SQLSTATE_SYNTAX_ERROR, list->items[at].position,
                             nulls ? "conflicting NULL/NOT NULL declarations for column \"%s\" of table \"%s\""
                                   : "multiple default values specified for column \"%s\" of table \"%s\"",
                             column->name, g->table->name);
    }
    return true;
}

static bool add_constraint(struct building *g, const struct sql_constraint *c, struct sql_table_column *column)
{
    struct exec *x = g->x;
    switch (c->kind) {
    case SQL_CONSTRAINT_NOT_NULL: column->not_null = true; return true;
    case SQL_CONSTRAINT_NULL: return true;
    case SQL_CONSTRAINT_DEFAULT:
        column->default_text = ddl_keep_expression(g, c->expr, "DEFAULT expressions", g->table, column->type,
                                               column->name, NULL);
        return column->default_text != NULL;
    case SQL_CONSTRAINT_CHECK: return ddl_add_check(g, c);
    case SQL_CONSTRAINT_PRIMARY_KEY:
        if (column != NULL) return set_key(g, c, &column->name, 1);
        return set_key(g, c, c->columns.items, c->columns.count);
    case SQL_CONSTRAINT_UNIQUE: return exec_unsupported(x, c->position, "a UNIQUE constraint");
    case SQL_CONSTRAINT_FOREIGN_KEY: return exec_unsupported(x, c->position, "a foreign key");
    case SQL_CONSTRAINT_IDENTITY: return exec_unsupported(x, c->position, "an identity column");
    case SQL_CONSTRAINT_GENERATED: return exec_unsupported(x, c->position, "a generated column");
    }
    UNREACHABLE();
}

static bool is_system_column(const char *name)
{
    static const char *const names[] = {"ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

bool ddl_add_column(struct building *g, const struct sql_column_definition *d)
{
    struct exec *x = g->x;
    struct sql_table *t = g->table;
    struct sql_table_column *c = &t->columns[t->column_count];
    struct binder b;
    binder_init(&b, x->arena, x->error, &x->eval);
    if (is_system_column(d->name))
        return sql_error_set(x->error, x->arena, SQLSTATE_DUPLICATE_COLUMN, 0,
                             "column name \"%s\" conflicts with a system column name", d->name);
    if (d->collation.name != NULL) return exec_unsupported(x, d->position, "COLLATE");
    *c = (struct sql_table_column){.name = d->name, .id = t->next_column_id};
    if (!bind_type(&b, &d->type, &c->type)) return false;
    const struct sql_type_info *info = sql_type_find(c->type.oid);
    if (info->category == SQL_CATEGORY_PSEUDO || c->type.oid == SQL_TYPE_UNKNOWN)
        return sql_error_set(x->error, x->arena, SQLSTATE_INVALID_TABLE_DEFINITION, d->position,
                             "column \"%s\" has pseudo-type %s", c->name, info->sql_name);
    t->next_column_id++;
    t->column_count++;
    return true;
}

static bool add_columns(struct building *g, const struct sql_create_table *n)
{
    struct exec *x = g->x;
    for (uint32_t i = 0; i < n->column_count; i++) {
        const char *name = n->columns[i].name;
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(g->table->columns[k].name, name) == 0)
                return sql_error_set(x->error, x->arena, SQLSTATE_DUPLICATE_COLUMN, 0,
                                     "column \"%s\" specified more than once", name);
        if (!ddl_add_column(g, &n->columns[i])) return false;
    }
    return true;
}

bool ddl_add_column_constraints(struct building *g, const struct sql_constraints *list,
                                struct sql_table_column *column)
{
    for (uint32_t k = 0; k < list->count; k++)
        if (!check_repeated(g, list, k, column) || !add_constraint(g, &list->items[k], column)) return false;
    return true;
}

void ddl_sort_checks(struct building *g)
{
    for (uint32_t i = 1; i < g->table->check_count; i++)
        for (uint32_t k = i; k > 0 && strcmp(g->check_names[k - 1], g->check_names[k]) > 0; k--) {
            const char *check = g->checks[k], *name = g->check_names[k];
            g->checks[k] = g->checks[k - 1];
            g->check_names[k] = g->check_names[k - 1];
            g->checks[k - 1] = check;
            g->check_names[k - 1] = name;
        }
}

static bool add_all_constraints(struct building *g, const struct sql_create_table *n)
{
    uint32_t count = n->constraints.count;
    for (uint32_t i = 0; i < n->column_count; i++) count += n->columns[i].constraints.count;
    g->checks = ARENA_ARRAY(g->x->arena, const char *, count + 1);
    g->check_names = ARENA_ARRAY(g->x->arena, const char *, count + 1);
    if (g->checks == NULL || g->check_names == NULL) return sql_error_out_of_memory(g->x->error);
    for (uint32_t i = 0; i < n->column_count; i++)
        if (!ddl_add_column_constraints(g, &n->columns[i].constraints, &g->table->columns[i])) return false;
    for (uint32_t i = 0; i < n->constraints.count; i++)
        if (!add_constraint(g, &n->constraints.items[i], NULL)) return false;
    ddl_sort_checks(g);
    g->table->checks = g->checks;
    g->table->check_names = g->check_names;
    return true;
}

bool ddl_schema_is_ours(const struct sql_name *name)
{
    return name->schema == NULL || strcmp(name->schema, "public") == 0;
}

bool ddl_options_serve(struct exec *x, const struct sql_options *options)
{
    for (uint32_t i = 0; i < options->count; i++) {
        const struct sql_option *o = &options->items[i];
        if (o->name_space != NULL || strcmp(o->name, "replication_factor") != 0) continue;
        (void)exec_unsupported(x, 0, "replication_factor of a table that is being made");
        sql_error_hint(x->error, x->arena, "Make the table, then ALTER TABLE ... SET (replication_factor = ...).");
        return false;
    }
    return true;
}

bool exec_create_table(struct exec *x, const struct sql_create_table *n)
{
    snprintf(x->tag, sizeof x->tag, "CREATE TABLE");
    if (n->persistence == SQL_TEMPORARY) return exec_unsupported(x, n->node.position, "a temporary table");
    if (!ddl_options_serve(x, &n->options)) return false;
    if (virtual_schema(n->name.schema)) {
        sql_error_set(x->error, x->arena, SQLSTATE_INSUFFICIENT_PRIVILEGE, 0, "permission denied to create \"%s.%s\"",
                      n->name.schema, n->name.name);
        sql_error_detail(x->error, x->arena, "System catalog modifications are currently disallowed.");
        return false;
    }
    if (!ddl_schema_is_ours(&n->name))
        return sql_error_set(x->error, x->arena, SQLSTATE_INVALID_SCHEMA_NAME, n->name.position,
                             "schema \"%s\" does not exist", n->name.schema);
    if (n->column_count > SQL_COLUMNS_MAX)
        return sql_error_set(x->error, x->arena, SQLSTATE_TOO_MANY_COLUMNS, 0,
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
    if (status == STATUS_OK) return cluster_table_new(x, t->id);
    if (status != STATUS_EXISTS) return exec_fail(x, status);
    if (n->if_not_exists)
        return exec_notice(x, "NOTICE", SQLSTATE_DUPLICATE_TABLE, "relation \"%s\" already exists, skipping", t->name);
    return sql_error_set(x->error, x->arena, SQLSTATE_DUPLICATE_TABLE, 0,
                         "relation \"%s\" already exists", t->name);
}

static bool drop_one(struct exec *x, const struct sql_drop *n, const struct sql_name *name)
{
    struct sql_table *table;
    if (virtual_schema(name->schema) || virtual_find(name->schema, name->name) != NULL)
        return exec_refuse_system(x, name->name);
    if (!ddl_schema_is_ours(name)) {
        if (n->if_exists)
            return exec_notice(x, "NOTICE", SQLSTATE_SUCCESSFUL_COMPLETION, "schema \"%s\" does not exist, skipping", name->schema);
        return sql_error_set(x->error, x->arena, SQLSTATE_INVALID_SCHEMA_NAME, 0,
                             "schema \"%s\" does not exist", name->schema);
    }
    enum status status = catalog_table(x->txn, x->arena, name->name, &table);
    if (status == STATUS_OK) status = catalog_drop(x->txn, table);
    else if (status == STATUS_NOT_FOUND && n->if_exists)
        return exec_notice(x, "NOTICE", SQLSTATE_SUCCESSFUL_COMPLETION, "table \"%s\" does not exist, skipping", name->name);
    else if (status == STATUS_NOT_FOUND)
        return sql_error_set(x->error, x->arena, SQLSTATE_UNDEFINED_TABLE, 0, "table \"%s\" does not exist",
                             name->name);
    return status == STATUS_OK || exec_fail(x, status);
}

bool exec_drop(struct exec *x, const struct sql_drop *n)
{
    snprintf(x->tag, sizeof x->tag, "DROP TABLE");
    if (n->object != SQL_OBJECT_TABLE)
        return exec_unsupported(x, n->node.position, "dropping anything but a table");
    for (uint32_t i = 0; i < n->names.count; i++) {
        bool again = false; /* named twice, dropped once */
        for (uint32_t k = 0; k < i && !again; k++)
            again = strcmp(n->names.items[k].name, n->names.items[i].name) == 0 &&
                    ddl_schema_is_ours(&n->names.items[k]) && ddl_schema_is_ours(&n->names.items[i]);
        if (!again && !drop_one(x, n, &n->names.items[i])) return false;
    }
    return true;
}

bool exec_truncate(struct exec *x, const struct sql_truncate *n)
{
    snprintf(x->tag, sizeof x->tag, "TRUNCATE TABLE");
    for (uint32_t i = 0; i < n->tables.count; i++) {
        struct sql_name name = n->tables.items[i];
        name.position = 0; /* as PostgreSQL reports it */
        struct sql_table *table = exec_table_to_write(x, &name);
        if (table == NULL) return false;
        struct sql_table changed = *table; /* what the session knows of the table stays as it is */
        enum status status = catalog_truncate(x->txn, &changed);
        if (status != STATUS_OK) return exec_fail(x, status);
        if (!cluster_table_renumbered(x, table->id, changed.id)) return false;
    }
    return true;
}
