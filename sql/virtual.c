#include "sql/virtual.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "sql/activity.h"
#include "sql/query.h"
#include "sql/session_int.h"

static const struct {
    const struct virtual_table *tables;
    const size_t *count;
} parts[] = {
    {virtual_session_tables, &virtual_session_table_count},
    {virtual_cluster_tables, &virtual_cluster_table_count},
    {virtual_placement_tables, &virtual_placement_table_count},
    {virtual_prepared_tables, &virtual_prepared_table_count},
    {virtual_catalog_tables, &virtual_catalog_table_count},
};

const struct virtual_table *virtual_at(size_t index)
{
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (index < *parts[i].count) return &parts[i].tables[index];
        index -= *parts[i].count;
    }
    return NULL;
}

bool virtual_schema(const char *schema)
{
    return schema != NULL && (strcmp(schema, "pg_catalog") == 0 || strcmp(schema, "ostraka") == 0 ||
                              strcmp(schema, "information_schema") == 0);
}

const struct virtual_table *virtual_find(const char *schema, const char *name)
{
    if (schema == NULL && strncmp(name, "pg_", 3) != 0) return NULL;
    const struct virtual_table *v;
    for (size_t i = 0; (v = virtual_at(i)) != NULL; i++)
        if (strcmp(v->schema, schema != NULL ? schema : "pg_catalog") == 0 &&
            strcmp(v->name, name) == 0)
            return v;
    return NULL;
}

const struct virtual_table *virtual_find_id(uint32_t id)
{
    const struct virtual_table *v;
    for (size_t i = 0; (v = virtual_at(i)) != NULL; i++)
        if (v->id == id) return v;
    return NULL;
}

struct sql_table *virtual_describe(struct arena *arena, const struct virtual_table *v)
{
    struct sql_table *t = ARENA_NEW(arena, struct sql_table);
    struct sql_table_column *columns = ARENA_ARRAY(arena, struct sql_table_column, v->column_count);
    if (t == NULL || columns == NULL) return NULL;
    for (uint32_t i = 0; i < v->column_count; i++)
        columns[i] = (struct sql_table_column){.name = v->columns[i].name,
                                               .id = (uint16_t)(i + 1),
                                               .type = sql_type_of(v->columns[i].type)};
    t->id = v->id;
    t->name = v->name;
    t->columns = columns;
    t->column_count = v->column_count;
    t->from = v;
    return t;
}

/* ---- rows ---- */

void virtual_rows_init(struct virtual_rows *r, struct arena *arena, const struct virtual_table *v)
{
    ASSERT(v->column_count <= VIRTUAL_COLUMNS_MAX);
    *r = (struct virtual_rows){
        .arena = arena, .column_count = v->column_count, .at = v->column_count};
}

static bool grow(struct virtual_rows *r)
{
    if (r->count < r->capacity) return true;
    uint32_t capacity = r->capacity == 0 ? 16 : 2 * r->capacity;
    struct sql_datum **rows = ARENA_ARRAY(r->arena, struct sql_datum *, capacity);
    if (rows == NULL) return false;
    if (r->count > 0) memcpy(rows, r->rows, r->count * sizeof *rows);
    r->rows = rows;
    r->capacity = capacity;
    return true;
}

void virtual_row(struct virtual_rows *r)
{
    ASSERT(r->failed || r->at == r->column_count);
    struct sql_datum *row =
        r->failed || !grow(r) ? NULL : ARENA_ARRAY(r->arena, struct sql_datum, r->column_count);
    if (row == NULL) {
        r->failed = true;
        return;
    }
    r->rows[r->count++] = row;
    r->at = 0;
}

void virtual_cell(struct virtual_rows *r, struct sql_datum value)
{
    if (r->failed) return;
    ASSERT(r->at < r->column_count);
    r->rows[r->count - 1][r->at++] = value;
}

void virtual_null(struct virtual_rows *r)
{
    virtual_cell(r, SQL_NULL);
}
void virtual_integer(struct virtual_rows *r, int64_t value)
{
    virtual_cell(r, sql_integer(value));
}
void virtual_real(struct virtual_rows *r, double value)
{
    virtual_cell(r, sql_real(value));
}
void virtual_boolean(struct virtual_rows *r, bool value)
{
    virtual_cell(r, sql_boolean(value));
}

void virtual_count(struct virtual_rows *r, uint64_t value)
{
    virtual_cell(r, sql_integer(value > INT64_MAX ? INT64_MAX : (int64_t)value));
}

void virtual_moment(struct virtual_rows *r, int64_t us)
{
    virtual_cell(r, us == INT64_MIN ? SQL_NULL : sql_integer(us));
}

void virtual_bytes(struct virtual_rows *r, struct bytes text)
{
    if (r->failed || text.data == NULL) {
        virtual_cell(r, SQL_NULL);
        return;
    }
    struct bytes copy = arena_copy(r->arena, text);
    if (copy.data == NULL)
        r->failed = true;
    else
        virtual_cell(r, sql_bytes(copy));
}

void virtual_text(struct virtual_rows *r, const char *text)
{
    virtual_bytes(r, text == NULL ? BYTES_EMPTY : bytes_of_string(text));
}

const char *virtual_lock_name(uint64_t node, uint64_t number, char name[LOCK_NAME_BYTES])
{
    if (number == 0) return NULL;
    snprintf(name, LOCK_NAME_BYTES, "%llx/%llx", (unsigned long long)node,
             (unsigned long long)number);
    return name;
}

bool virtual_read(struct exec *x, struct arena *arena, const struct virtual_table *v,
                  struct virtual_rows *rows)
{
    struct virtual_source source = {.activity = x->session->options.activity,
                                    .kv = x->session->options.kv,
                                    .session = x->session};
    virtual_rows_init(rows, arena, v);
    v->fill(&source, rows);
    if (rows->failed) return sql_error_out_of_memory(x->error);
    if (v->scope == VIRTUAL_CLUSTER && !virtual_gather(x, v, rows)) return false;
    return v->finish == NULL || v->finish(x, rows);
}
