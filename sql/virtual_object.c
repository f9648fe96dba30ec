/* Names as values: 'kv'::regclass. */
#include <string.h>

#include "sql/parser.h"
#include "sql/query.h"
#include "sql/session_int.h"

#define T(t) SQL_TYPE_##t

/* "name", "schema.name"; folded unless quoted, as far as names without quotes and points go. */
static bool split_name(struct arena *arena, struct bytes text, const char **schema,
                       const char **name)
{
    char *copy = (char *)(uintptr_t)arena_copy(arena, text).data;
    if (copy == NULL) return false;
    for (char *p = copy; *p != '\0' && copy[0] != '"'; p++)
        if (*p >= 'A' && *p <= 'Z') *p = (char)(*p | 0x20);
    size_t size = strlen(copy);
    if (size > 2 && copy[0] == '"' && copy[size - 1] == '"' &&
        strchr(copy + 1, '"') == copy + size - 1) {
        copy[size - 1] = '\0';
        *schema = NULL;
        *name = copy + 1;
        return true;
    }
    char *point = strchr(copy, '.');
    *schema = point == NULL ? NULL : copy;
    *name = point == NULL ? copy : point + 1;
    if (point != NULL) *point = '\0';
    return true;
}

static enum status find_class(struct exec *x, const char *schema, const char *name, uint32_t *out)
{
    const struct virtual_table *v = virtual_find(schema, name);
    struct sql_table *t;
    if (v != NULL) {
        *out = v->id;
        return STATUS_OK;
    }
    if (schema != NULL && strcmp(schema, "public") != 0) return STATUS_NOT_FOUND;
    enum status status = catalog_table(x->txn, x->arena, name, &t);
    if (status == STATUS_OK) *out = t->id;
    return status;
}

static enum status object_find(struct exec *x, uint32_t oid, struct bytes text, uint32_t *out)
{
    const char *schema, *name;
    if (!split_name(x->arena, text, &schema, &name)) return STATUS_NO_MEMORY;
    if (oid == T(REGCLASS)) return find_class(x, schema, name, out);
    if (oid == T(REGNAMESPACE))
        *out = virtual_schema_oid(name);
    else
        *out = oid == T(REGROLE) && strcmp(name, "postgres") == 0 ? VIRTUAL_OID_OWNER : 0;
    return *out != 0 && schema == NULL ? STATUS_OK : STATUS_NOT_FOUND;
}

/* What is not "there is none" ends the statement. */
static enum status tell(struct exec *x, enum status status)
{
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) exec_fail(x, status);
    return status;
}

enum status virtual_object_find(void *ctx, uint32_t oid, struct bytes text, uint32_t *out)
{
    return tell(ctx, object_find(ctx, oid, text, out));
}

static enum status give_name(struct arena *arena, const char *schema, const char *name,
                             struct bytes *out)
{
    struct buf b;
    buf_init(&b, 4 * SQL_NAME_BYTES_MAX);
    if (schema != NULL) {
        buf_append_string(&b, schema);
        buf_append_byte(&b, '.');
    }
    sql_ast_print_identifier(name, &b);
    *out = b.failed ? BYTES_EMPTY : arena_copy(arena, buf_view(&b));
    buf_deinit(&b);
    return out->data != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

/* A table of ours is looked for among all: there is no key by id. */
static enum status name_class(struct exec *x, uint32_t object, struct arena *arena,
                              struct bytes *name_out)
{
    const struct virtual_table *v = virtual_find_id(object);
    if (v != NULL)
        return give_name(arena, strcmp(v->schema, "pg_catalog") == 0 ? NULL : v->schema, v->name,
                         name_out);
    struct txn_scan *scan;
    struct bytes start, end, key, record;
    struct sql_table *t;
    catalog_tables_span(&start, &end);
    enum status status = txn_scan_open(x->txn, start, end, false, 0, &scan);
    if (status != STATUS_OK) return status;
    while ((status = txn_scan_next(scan, &key, &record)) == STATUS_OK) {
        status = catalog_table_decode(arena, record, &t);
        if (status != STATUS_OK || t->id == object) break;
    }
    txn_scan_close(scan);
    return status == STATUS_OK ? give_name(arena, NULL, t->name, name_out) : status;
}

enum status virtual_object_name(void *ctx, uint32_t oid, uint32_t object, struct arena *arena,
                                struct bytes *name_out)
{
    const char *name = NULL;
    if (oid == T(REGCLASS)) return tell(ctx, name_class(ctx, object, arena, name_out));
    if (oid == T(REGNAMESPACE)) name = virtual_schema_name(object);
    if (oid == T(REGROLE) && object == VIRTUAL_OID_OWNER) name = "postgres";
    if (name == NULL) return STATUS_NOT_FOUND;
    *name_out = bytes_of_string(name);
    return STATUS_OK;
}
