/* The catalog as PostgreSQL shows it, as far as clients ask for it: pg_class and its kind,
 * information_schema. These tables are read within the transaction that asks, like the records that
 * they are made of. */
#include <string.h>

#include "base/assert.h"
#include "sql/parser.h"
#include "sql/query.h"
#include "sql/session_int.h"

#define T(t) SQL_TYPE_##t

enum {
    OID_PG_CATALOG = 11,
    OID_PUBLIC = 2200,
    OID_OSTRAKA = 13000,
    OID_INFORMATION_SCHEMA = 13100
};
enum { OID_OWNER = VIRTUAL_OID_OWNER, OID_DATABASE = 5, OID_HEAP = 2, OID_BTREE = 403, OID_COLLATION = 100 };

static const struct {
    uint32_t oid;
    const char *name;
} schemas[] = {{OID_PG_CATALOG, "pg_catalog"},
               {OID_PUBLIC, "public"},
               {OID_OSTRAKA, "ostraka"},
               {OID_INFORMATION_SCHEMA, "information_schema"}};
#define SCHEMA_COUNT (sizeof schemas / sizeof schemas[0])

uint32_t virtual_schema_oid(const char *name)
{
    for (size_t i = 0; i < SCHEMA_COUNT; i++)
        if (strcmp(schemas[i].name, name) == 0) return schemas[i].oid;
    return 0;
}

const char *virtual_schema_name(uint32_t oid)
{
    for (size_t i = 0; i < SCHEMA_COUNT; i++)
        if (schemas[i].oid == oid) return schemas[i].name;
    return NULL;
}

static void nothing(const struct virtual_source *source, struct virtual_rows *rows)
{
    (void)source;
    (void)rows;
}

/* ---- every table, ours and those that nodes fill ---- */

typedef void table_row(struct virtual_rows *r, const struct sql_table *t, const char *schema);

static bool each_table(struct exec *x, struct virtual_rows *r, table_row *row)
{
    struct txn_scan *scan;
    struct bytes start, end, key, record;
    struct sql_table *t;
    catalog_tables_span(&start, &end);
    enum status status = txn_scan_open(x->txn, start, end, false, 0, &scan);
    if (status != STATUS_OK) return exec_fail(x, status);
    while ((status = txn_scan_next(scan, &key, &record)) == STATUS_OK) {
        status = catalog_table_decode(x->arena, record, &t);
        if (status != STATUS_OK) break;
        row(r, t, "public");
    }
    txn_scan_close(scan);
    if (status != STATUS_NOT_FOUND) return exec_fail(x, status);
    const struct virtual_table *v;
    for (size_t i = 0; (v = virtual_at(i)) != NULL; i++) {
        t = virtual_describe(x->arena, v);
        if (t == NULL) return sql_error_out_of_memory(x->error);
        row(r, t, v->schema);
    }
    return !r->failed || sql_error_out_of_memory(x->error);
}

/* ---- pg_namespace, pg_am, pg_roles, pg_database ---- */

static const struct virtual_column namespace_columns[] = {
    {"oid", T(OID)}, {"nspname", T(NAME)}, {"nspowner", T(OID)}};

static void namespace_fill(const struct virtual_source *source, struct virtual_rows *r)
{
    (void)source;
    for (size_t i = 0; i < SCHEMA_COUNT; i++) {
        virtual_row(r);
        virtual_integer(r, schemas[i].oid);
        virtual_text(r, schemas[i].name);
        virtual_integer(r, OID_OWNER);
    }
}

static const struct virtual_column am_columns[] = {
    {"oid", T(OID)}, {"amname", T(NAME)}, {"amtype", T(CHAR)}};

static void am_fill(const struct virtual_source *source, struct virtual_rows *r)
{
    (void)source;
    virtual_row(r);
    virtual_integer(r, OID_HEAP);
    virtual_text(r, "heap");
    virtual_text(r, "t");
    virtual_row(r);
    virtual_integer(r, OID_BTREE);
    virtual_text(r, "btree");
    virtual_text(r, "i");
}

static const struct virtual_column role_columns[] = {
    {"rolname", T(NAME)},        {"rolsuper", T(BOOL)},     {"rolinherit", T(BOOL)},
    {"rolcreaterole", T(BOOL)},  {"rolcreatedb", T(BOOL)},  {"rolcanlogin", T(BOOL)},
    {"rolreplication", T(BOOL)}, {"rolconnlimit", T(INT4)}, {"oid", T(OID)}};

static void roles_fill(const struct virtual_source *source, struct virtual_rows *r)
{
    (void)source;
    virtual_row(r);
    virtual_text(r, "postgres");
    for (int i = 0; i < 5; i++)
        virtual_boolean(r, true);
    virtual_boolean(r, false);
    virtual_integer(r, -1);
    virtual_integer(r, OID_OWNER);
}

static const struct virtual_column database_columns[] = {
    {"oid", T(OID)},           {"datname", T(NAME)},       {"datdba", T(OID)},
    {"encoding", T(INT4)},     {"datistemplate", T(BOOL)}, {"datallowconn", T(BOOL)},
    {"datconnlimit", T(INT4)}, {"datcollate", T(TEXT)},    {"datctype", T(TEXT)}};

static void database_fill(const struct virtual_source *source, struct virtual_rows *r)
{
    (void)source;
    virtual_row(r);
    virtual_integer(r, OID_DATABASE);
    virtual_text(r, "postgres");
    virtual_integer(r, OID_OWNER);
    virtual_integer(r, 6); /* UTF8 */
    virtual_boolean(r, false);
    virtual_boolean(r, true);
    virtual_integer(r, -1);
    virtual_text(r, "C");
    virtual_text(r, "C");
}

/* ---- pg_type ---- */

static const struct virtual_column type_columns[] = {
    {"oid", T(OID)},          {"typname", T(NAME)},        {"typnamespace", T(OID)},
    {"typowner", T(OID)},     {"typlen", T(INT2)},         {"typtype", T(CHAR)},
    {"typcategory", T(CHAR)}, {"typispreferred", T(BOOL)}, {"typisdefined", T(BOOL)},
    {"typdelim", T(CHAR)},    {"typrelid", T(OID)},        {"typelem", T(OID)},
    {"typarray", T(OID)},     {"typnotnull", T(BOOL)},     {"typbasetype", T(OID)},
    {"typtypmod", T(INT4)},   {"typcollation", T(OID)}};

static uint32_t collation_of(const struct sql_type_info *info)
{
    return info->category == SQL_CATEGORY_STRING ? OID_COLLATION : 0;
}

static void type_fill(const struct virtual_source *source, struct virtual_rows *r)
{
    (void)source;
    const struct sql_type_info *info;
    for (size_t i = 0; (info = sql_type_at(i)) != NULL; i++) {
        const char category[2] = {(char)info->category, '\0'};
        virtual_row(r);
        virtual_integer(r, info->oid);
        virtual_text(r, info->name);
        virtual_integer(r, OID_PG_CATALOG);
        virtual_integer(r, OID_OWNER);
        virtual_integer(r, info->size_bytes);
        virtual_text(r, info->category == SQL_CATEGORY_PSEUDO ? "p" : "b");
        virtual_text(r, category);
        virtual_boolean(r, info->preferred);
        virtual_boolean(r, true);
        virtual_text(r, ",");
        virtual_integer(r, 0);
        virtual_integer(r, 0);
        virtual_integer(r, 0); /* there are no arrays */
        virtual_boolean(r, false);
        virtual_integer(r, 0);
        virtual_integer(r, -1);
        virtual_integer(r, collation_of(info));
    }
}

/* ---- pg_class ---- */

static const struct virtual_column class_columns[] = {{"oid", T(OID)},
                                                      {"relname", T(NAME)},
                                                      {"relnamespace", T(OID)},
                                                      {"reltype", T(OID)},
                                                      {"reloftype", T(OID)},
                                                      {"relowner", T(OID)},
                                                      {"relam", T(OID)},
                                                      {"relfilenode", T(OID)},
                                                      {"reltablespace", T(OID)},
                                                      {"relpages", T(INT4)},
                                                      {"reltuples", T(FLOAT4)},
                                                      {"reltoastrelid", T(OID)},
                                                      {"relhasindex", T(BOOL)},
                                                      {"relisshared", T(BOOL)},
                                                      {"relpersistence", T(CHAR)},
                                                      {"relkind", T(CHAR)},
                                                      {"relnatts", T(INT2)},
                                                      {"relchecks", T(INT2)},
                                                      {"relhasrules", T(BOOL)},
                                                      {"relhastriggers", T(BOOL)},
                                                      {"relhassubclass", T(BOOL)},
                                                      {"relrowsecurity", T(BOOL)},
                                                      {"relforcerowsecurity", T(BOOL)},
                                                      {"relispopulated", T(BOOL)},
                                                      {"relreplident", T(CHAR)},
                                                      {"relispartition", T(BOOL)},
                                                      {"relrewrite", T(OID)}};

static void class_row(struct virtual_rows *r, const struct sql_table *t, const char *schema)
{
    bool stored = t->from == NULL;
    virtual_row(r);
    virtual_integer(r, t->id);
    virtual_text(r, t->name);
    virtual_integer(r, virtual_schema_oid(schema));
    virtual_integer(r, 0);
    virtual_integer(r, 0);
    virtual_integer(r, OID_OWNER);
    virtual_integer(r, stored ? OID_HEAP : 0);
    virtual_integer(r, t->id);
    virtual_integer(r, 0);
    virtual_integer(r, 0);
    virtual_real(r, -1); /* nobody has counted */
    virtual_integer(r, 0);
    virtual_boolean(r, t->key_count > 0);
    virtual_boolean(r, false);
    virtual_text(r, "p");
    virtual_text(r, stored ? "r" : "v");
    virtual_integer(r, t->column_count);
    virtual_integer(r, t->check_count);
    for (int i = 0; i < 5; i++)
        virtual_boolean(r, false);
    virtual_boolean(r, true);
    virtual_text(r, stored ? "d" : "n");
    virtual_boolean(r, false);
    virtual_integer(r, 0);
}

static bool class_finish(struct exec *x, struct virtual_rows *r)
{
    return each_table(x, r, class_row);
}

/* ---- pg_attribute, pg_attrdef ---- */

static const struct virtual_column attribute_columns[] = {
    {"attrelid", T(OID)},       {"attname", T(NAME)},     {"atttypid", T(OID)},
    {"attlen", T(INT2)},        {"attnum", T(INT2)},      {"attndims", T(INT4)},
    {"atttypmod", T(INT4)},     {"attnotnull", T(BOOL)},  {"atthasdef", T(BOOL)},
    {"atthasmissing", T(BOOL)}, {"attidentity", T(CHAR)}, {"attgenerated", T(CHAR)},
    {"attisdropped", T(BOOL)},  {"attislocal", T(BOOL)},  {"attinhcount", T(INT4)},
    {"attcollation", T(OID)}};

static void attribute_rows(struct virtual_rows *r, const struct sql_table *t, const char *schema)
{
    (void)schema;
    for (uint32_t i = 0; i < t->column_count; i++) {
        const struct sql_table_column *c = &t->columns[i];
        const struct sql_type_info *info = sql_type_find(c->type.oid);
        virtual_row(r);
        virtual_integer(r, t->id);
        virtual_text(r, c->name);
        virtual_integer(r, c->type.oid);
        virtual_integer(r, info->size_bytes);
        virtual_integer(r, i + 1);
        virtual_integer(r, 0);
        virtual_integer(r, c->type.typmod);
        virtual_boolean(r, c->not_null);
        virtual_boolean(r, c->default_text != NULL);
        virtual_boolean(r, false);
        virtual_text(r, "");
        virtual_text(r, "");
        virtual_boolean(r, false);
        virtual_boolean(r, true);
        virtual_integer(r, 0);
        virtual_integer(r, collation_of(info));
    }
}

static bool attribute_finish(struct exec *x, struct virtual_rows *r)
{
    return each_table(x, r, attribute_rows);
}

static const struct virtual_column attrdef_columns[] = {
    {"oid", T(OID)}, {"adrelid", T(OID)}, {"adnum", T(INT2)}, {"adbin", T(TEXT)}};

static void attrdef_rows(struct virtual_rows *r, const struct sql_table *t, const char *schema)
{
    (void)schema;
    for (uint32_t i = 0; i < t->column_count; i++) {
        if (t->columns[i].default_text == NULL) continue;
        virtual_row(r);
        virtual_integer(r, t->id);
        virtual_integer(r, t->id);
        virtual_integer(r, i + 1);
        virtual_text(r, t->columns[i].default_text);
    }
}

static bool attrdef_finish(struct exec *x, struct virtual_rows *r)
{
    return each_table(x, r, attrdef_rows);
}

/* ---- information_schema ---- */

static const struct virtual_column schemata_columns[] = {
    {"catalog_name", T(NAME)}, {"schema_name", T(NAME)}, {"schema_owner", T(NAME)}};

static void schemata_fill(const struct virtual_source *source, struct virtual_rows *r)
{
    (void)source;
    for (size_t i = 0; i < SCHEMA_COUNT; i++) {
        virtual_row(r);
        virtual_text(r, "postgres");
        virtual_text(r, schemas[i].name);
        virtual_text(r, "postgres");
    }
}

static const struct virtual_column tables_columns[] = {
    {"table_catalog", T(NAME)},   {"table_schema", T(NAME)},          {"table_name", T(NAME)},
    {"table_type", T(VARCHAR)},   {"is_insertable_into", T(VARCHAR)}, {"is_typed", T(VARCHAR)},
    {"commit_action", T(VARCHAR)}};

static void put_name(struct virtual_rows *r, const struct sql_table *t, const char *schema)
{
    virtual_text(r, "postgres");
    virtual_text(r, schema);
    virtual_text(r, t->name);
}

static void tables_row(struct virtual_rows *r, const struct sql_table *t, const char *schema)
{
    virtual_row(r);
    put_name(r, t, schema);
    virtual_text(r, t->from == NULL ? "BASE TABLE" : "VIEW");
    virtual_text(r, t->from == NULL ? "YES" : "NO");
    virtual_text(r, "NO");
    virtual_null(r);
}

static bool tables_finish(struct exec *x, struct virtual_rows *r)
{
    return each_table(x, r, tables_row);
}

static const struct virtual_column columns_columns[] = {{"table_catalog", T(NAME)},
                                                        {"table_schema", T(NAME)},
                                                        {"table_name", T(NAME)},
                                                        {"column_name", T(NAME)},
                                                        {"ordinal_position", T(INT4)},
                                                        {"column_default", T(VARCHAR)},
                                                        {"is_nullable", T(VARCHAR)},
                                                        {"data_type", T(VARCHAR)},
                                                        {"character_maximum_length", T(INT4)},
                                                        {"numeric_precision", T(INT4)},
                                                        {"numeric_precision_radix", T(INT4)},
                                                        {"numeric_scale", T(INT4)},
                                                        {"datetime_precision", T(INT4)},
                                                        {"udt_catalog", T(NAME)},
                                                        {"udt_schema", T(NAME)},
                                                        {"udt_name", T(NAME)},
                                                        {"is_identity", T(VARCHAR)},
                                                        {"is_generated", T(VARCHAR)},
                                                        {"is_updatable", T(VARCHAR)}};

static void put_known(struct virtual_rows *r, bool known, int64_t value)
{
    if (known)
        virtual_integer(r, value);
    else
        virtual_null(r);
}

/* Length, precision, radix, scale, and precision of moments: as information_schema says them. */
static void put_measures(struct virtual_rows *r, struct sql_type type)
{
    static const struct {
        uint32_t oid;
        int bits;
    } binary[] = {{T(INT2), 16}, {T(INT4), 32}, {T(INT8), 64}, {T(FLOAT4), 24}, {T(FLOAT8), 53}};
    int bits = 0;
    for (size_t i = 0; i < sizeof binary / sizeof binary[0]; i++)
        if (binary[i].oid == type.oid) bits = binary[i].bits;
    bool text = type.oid == T(VARCHAR) || type.oid == T(BPCHAR);
    bool decimal = type.oid == T(NUMERIC), limited = type.typmod != SQL_TYPMOD_NONE;
    bool moment = type.oid == T(TIMESTAMP) || type.oid == T(TIMESTAMPTZ) || type.oid == T(TIME) ||
                  type.oid == T(INTERVAL);
    put_known(r, text && limited, text && limited ? sql_typmod_length(type.typmod) : 0);
    if (decimal && limited)
        virtual_integer(r, sql_typmod_numeric_precision(type.typmod));
    else
        put_known(r, bits > 0, bits);
    put_known(r, bits > 0 || decimal, decimal ? 10 : 2);
    if (decimal && limited)
        virtual_integer(r, sql_typmod_numeric_scale(type.typmod));
    else
        put_known(r, bits > 0 && type.oid != T(FLOAT4) && type.oid != T(FLOAT8), 0);
    if (type.oid == T(DATE))
        virtual_integer(r, 0);
    else
        put_known(r, moment, limited && type.typmod <= SQL_TIME_PRECISION_MAX ? type.typmod : 6);
}

static void columns_rows(struct virtual_rows *r, const struct sql_table *t, const char *schema)
{
    for (uint32_t i = 0; i < t->column_count; i++) {
        const struct sql_table_column *c = &t->columns[i];
        const struct sql_type_info *info = sql_type_find(c->type.oid);
        virtual_row(r);
        put_name(r, t, schema);
        virtual_text(r, c->name);
        virtual_integer(r, i + 1);
        virtual_text(r, c->default_text);
        virtual_text(r, c->not_null ? "NO" : "YES");
        virtual_text(r, info->sql_name);
        put_measures(r, c->type);
        virtual_text(r, "postgres");
        virtual_text(r, "pg_catalog");
        virtual_text(r, info->name);
        virtual_text(r, "NO");
        virtual_text(r, "NEVER");
        virtual_text(r, t->from == NULL ? "YES" : "NO");
    }
}

static bool columns_finish(struct exec *x, struct virtual_rows *r)
{
    return each_table(x, r, columns_rows);
}

static const struct virtual_column constraint_columns[] = {
    {"constraint_catalog", T(NAME)},    {"constraint_schema", T(NAME)},
    {"constraint_name", T(NAME)},       {"table_catalog", T(NAME)},
    {"table_schema", T(NAME)},          {"table_name", T(NAME)},
    {"constraint_type", T(VARCHAR)},    {"is_deferrable", T(VARCHAR)},
    {"initially_deferred", T(VARCHAR)}, {"enforced", T(VARCHAR)}};

static void put_constraint(struct virtual_rows *r, const struct sql_table *t, const char *schema,
                           const char *name, const char *type)
{
    virtual_row(r);
    virtual_text(r, "postgres");
    virtual_text(r, schema);
    virtual_text(r, name);
    put_name(r, t, schema);
    virtual_text(r, type);
    virtual_text(r, "NO");
    virtual_text(r, "NO");
    virtual_text(r, "YES");
}

static void constraint_rows(struct virtual_rows *r, const struct sql_table *t, const char *schema)
{
    if (t->key_count > 0) put_constraint(r, t, schema, t->key_name, "PRIMARY KEY");
    for (uint32_t i = 0; i < t->check_count; i++)
        put_constraint(r, t, schema, t->check_names[i], "CHECK");
}

static bool constraint_finish(struct exec *x, struct virtual_rows *r)
{
    return each_table(x, r, constraint_rows);
}

static const struct virtual_column usage_columns[] = {{"constraint_catalog", T(NAME)},
                                                      {"constraint_schema", T(NAME)},
                                                      {"constraint_name", T(NAME)},
                                                      {"table_catalog", T(NAME)},
                                                      {"table_schema", T(NAME)},
                                                      {"table_name", T(NAME)},
                                                      {"column_name", T(NAME)},
                                                      {"ordinal_position", T(INT4)},
                                                      {"position_in_unique_constraint", T(INT4)}};

static void usage_rows(struct virtual_rows *r, const struct sql_table *t, const char *schema)
{
    for (uint32_t i = 0; i < t->key_count; i++) {
        virtual_row(r);
        virtual_text(r, "postgres");
        virtual_text(r, schema);
        virtual_text(r, t->key_name);
        put_name(r, t, schema);
        virtual_text(r, t->columns[t->key[i]].name);
        virtual_integer(r, i + 1);
        virtual_null(r);
    }
}

static bool usage_finish(struct exec *x, struct virtual_rows *r)
{
    return each_table(x, r, usage_rows);
}

#define TABLE(i, s, n, c, f, end) \
    { \
        .id = (i), .schema = (s), .name = (n), .scope = VIRTUAL_HERE, .columns = (c), \
        .column_count = sizeof(c) / sizeof((c)[0]), .fill = (f), .finish = (end) \
    }

const struct virtual_table virtual_catalog_tables[] = {
    TABLE(2615, "pg_catalog", "pg_namespace", namespace_columns, namespace_fill, NULL),
    TABLE(2601, "pg_catalog", "pg_am", am_columns, am_fill, NULL),
    TABLE(12001, "pg_catalog", "pg_roles", role_columns, roles_fill, NULL),
    TABLE(1262, "pg_catalog", "pg_database", database_columns, database_fill, NULL),
    TABLE(1247, "pg_catalog", "pg_type", type_columns, type_fill, NULL),
    TABLE(1259, "pg_catalog", "pg_class", class_columns, nothing, class_finish),
    TABLE(1249, "pg_catalog", "pg_attribute", attribute_columns, nothing, attribute_finish),
    TABLE(2604, "pg_catalog", "pg_attrdef", attrdef_columns, nothing, attrdef_finish),
    TABLE(13101, "information_schema", "schemata", schemata_columns, schemata_fill, NULL),
    TABLE(13102, "information_schema", "tables", tables_columns, nothing, tables_finish),
    TABLE(13103, "information_schema", "columns", columns_columns, nothing, columns_finish),
    TABLE(13104, "information_schema", "table_constraints", constraint_columns, nothing,
          constraint_finish),
    TABLE(13105, "information_schema", "key_column_usage", usage_columns, nothing, usage_finish),
};
const size_t virtual_catalog_table_count =
    sizeof virtual_catalog_tables / sizeof virtual_catalog_tables[0];
