/* What decides who holds what, and how far it is: ostraka.cluster_settings. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/codec.h"
#include "sql/query.h"
#include "sql/session_int.h"

#define T(t) SQL_TYPE_##t
#define SCOPE_TABLE_AT 5 /* 04, database id, table id: catalog_table_scope */

static struct store *store_of(const struct virtual_source *source)
{
    return source->kv == NULL ? NULL : kv_store(source->kv);
}

/* ---- ostraka.cluster_settings ---- */

static const struct virtual_column setting_columns[] = {
    {"name", T(TEXT)},        {"table_name", T(TEXT)}, {"value", T(TEXT)},
    {"default_value", T(TEXT)}, {"is_set", T(BOOL)},   {"description", T(TEXT)}};
enum setting_column { SETTING_TABLE = 1 };

static void put_value(struct virtual_rows *r, const struct cluster_setting_info *info, uint64_t value)
{
    struct buf b;
    buf_init(&b, 64);
    cluster_setting_format(info, value, &b);
    virtual_bytes(r, buf_view(&b));
    buf_deinit(&b);
}

/* table: its id as text for now; NULL: for all keys. */
static void setting_row(struct virtual_rows *r, const struct cluster_setting_info *info, const char *table, uint64_t value,
                        uint64_t fallback, bool is_set)
{
    virtual_row(r);
    virtual_text(r, info->name);
    virtual_text(r, table);
    put_value(r, info, value);
    put_value(r, info, fallback);
    virtual_boolean(r, is_set);
    virtual_text(r, info->help);
}

static void scoped_rows(struct virtual_rows *r, const struct cluster_settings *all, const struct cluster_setting_info *info,
                        uint64_t fallback)
{
    for (uint32_t i = 0; i < all->count; i++) {
        const struct cluster_value *v = &all->values[i];
        char id[24] = "";
        if (v->id != info->id || v->scope_size < SCOPE_TABLE_AT + 4) continue;
        snprintf(id, sizeof id, "%u", load_be32(v->scope + SCOPE_TABLE_AT));
        setting_row(r, info, id, v->value, fallback, true);
    }
}

static void settings_fill(const struct virtual_source *source, struct virtual_rows *r)
{
    struct store *s = store_of(source);
    for (uint32_t i = 0; s != NULL && i < cluster_setting_count(); i++) {
        const struct cluster_setting_info *info = cluster_setting_at(i);
        uint64_t value = store_setting(s, info->id, BYTES_EMPTY), was;
        bool is_set = cluster_settings_find(store_settings(s), info->id, BYTES_EMPTY, &was);
        setting_row(r, info, NULL, value, info->fallback, is_set);
        scoped_rows(r, store_settings(s), info, value);
    }
}

/* [fiber] Names of tables. What was set for one that is dropped meanwhile keeps its number. */
static bool settings_finish(struct exec *x, struct virtual_rows *r)
{
    struct virtual_tables tables = {0};
    for (uint32_t i = 0; i < r->count; i++) {
        struct sql_datum *table = &r->rows[i][SETTING_TABLE];
        if (table->is_null) continue;
        if (tables.count == 0) virtual_tables_read(x, &tables);
        uint32_t id = 0;
        for (size_t k = 0; k < table->bytes.size; k++) id = id * 10 + (uint32_t)(table->bytes.data[k] - '0');
        const struct sql_table *t = virtual_tables_find(&tables, id);
        if (t != NULL) *table = sql_bytes(bytes_of_string(t->name));
    }
    return true;
}

#define TABLE(i, n, where, c, f, end) \
    { \
        .id = (i), .schema = "ostraka", .name = (n), .scope = (where), .columns = (c), \
        .column_count = sizeof(c) / sizeof((c)[0]), .fill = (f), .finish = (end) \
    }

const struct virtual_table virtual_placement_tables[] = {
    TABLE(13014, "cluster_settings", VIRTUAL_HERE, setting_columns, settings_fill, settings_finish),
};
const size_t virtual_placement_table_count = sizeof virtual_placement_tables / sizeof virtual_placement_tables[0];
