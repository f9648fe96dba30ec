/* CREATE TABLE ... AS query. */
#include <stdio.h>
#include <string.h>

#include "sql/ddl_int.h"
#include "sql/write.h"

static bool name_columns(struct exec *x, const struct sql_create_table_as *n, struct sql_table *t,
                         const struct sql_result_column *columns)
{
    if (n->columns.count > t->column_count)
        return sql_error_set(x->error, x->arena, SQLSTATE_SYNTAX_ERROR, 0, "too many column names were specified");
    for (uint32_t i = 0; i < t->column_count; i++) {
        struct sql_table_column *c = &t->columns[i];
        c->name = i < n->columns.count ? n->columns.items[i] : columns[i].name;
        c->id = t->next_column_id++;
        c->type = columns[i].type;
        const struct sql_type_info *info = sql_type_find(c->type.oid);
        if (info == NULL || info->category == SQL_CATEGORY_PSEUDO)
            return sql_error_set(x->error, x->arena, SQLSTATE_INVALID_TABLE_DEFINITION, 0,
                                 "column \"%s\" has pseudo-type %s", c->name, info == NULL ? "?" : info->sql_name);
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(t->columns[k].name, c->name) == 0)
                return sql_error_set(x->error, x->arena, SQLSTATE_DUPLICATE_COLUMN, 0,
                                     "column \"%s\" specified more than once", c->name);
    }
    return true;
}

static struct sql_table *make_table(struct exec *x, const struct sql_create_table_as *n,
                                    const struct sql_result_column *columns, uint32_t count)
{
    struct sql_table *t = ARENA_NEW(x->arena, struct sql_table);
    struct sql_table_column *list = ARENA_ARRAY(x->arena, struct sql_table_column, count + 1);
    if (t == NULL || list == NULL) {
        sql_error_out_of_memory(x->error);
        return NULL;
    }
    *t = (struct sql_table){.name = n->name.name, .columns = list, .column_count = count, .next_column_id = 1};
    if (count > SQL_COLUMNS_MAX) {
        sql_error_set(x->error, x->arena, SQLSTATE_TOO_MANY_COLUMNS, 0, "tables can have at most %d columns",
                      SQL_COLUMNS_MAX);
        return NULL;
    }
    return name_columns(x, n, t, columns) ? t : NULL;
}

/* The rows are of the table's types already. */
static bool fill(struct exec *x, const struct sql_table *t, struct select *query, uint64_t *count_out)
{
    struct writer w;
    const struct sql_datum *row;
    if (!writer_open(x, &w, t) || !query_open(query)) return false;
    bool ok;
    x->eval.arena = x->row_arena;
    *count_out = 0;
    while ((ok = query_next(query, &row)) && row != NULL && (ok = writer_insert(x, &w, row))) ++*count_out;
    x->eval.arena = x->arena;
    query_close(query);
    return ok && writer_flush(x, &w);
}

bool exec_create_table_as(struct exec *x, const struct sql_create_table_as *n)
{
    snprintf(x->tag, sizeof x->tag, "CREATE TABLE AS");
    if (n->persistence == SQL_TEMPORARY) return exec_unsupported(x, n->node.position, "a temporary table");
    if (!ddl_options_serve(x, &n->options)) return false;
    if (n->name.schema != NULL && strcmp(n->name.schema, "public") != 0)
        return sql_error_set(x->error, x->arena, SQLSTATE_INVALID_SCHEMA_NAME, n->name.position,
                             "schema \"%s\" does not exist", n->name.schema);
    struct select *query = query_bind(x, n->query, NULL, 0);
    if (query == NULL) return false;
    uint32_t count;
    const struct sql_result_column *columns = query_columns(query, &count);
    struct sql_table *t = make_table(x, n, columns, count);
    if (t == NULL) return false;
    enum status status = catalog_create(x->txn, x->arena, t);
    if (status == STATUS_EXISTS && n->if_not_exists)
        return exec_notice(x, "NOTICE", SQLSTATE_DUPLICATE_TABLE, "relation \"%s\" already exists, skipping", t->name);
    if (status == STATUS_EXISTS)
        return sql_error_set(x->error, x->arena, SQLSTATE_DUPLICATE_TABLE, 0, "relation \"%s\" already exists",
                             t->name);
    if (status != STATUS_OK) return exec_fail(x, status);
    if (n->with_no_data) return true;
    const struct sql_table *made = exec_table(x, &n->name); /* as it will be read */
    uint64_t rows;
    if (made == NULL || !fill(x, made, query, &rows)) return false;
    exec_tag(x, "SELECT ", rows);
    return true;
}
