#include "sql/catalog.h"

#include <string.h>

#include "base/assert.h"
#include "base/codec.h"
#include "sql/keycode.h"

/* Keys: 03 'T' name -> record; 03 'I' -> next table id u32; 03 'G' table id be32 -> garbage; 03 'D' -> a name, or rows, were
 * given up. Rows: 04, database id be32 (1), table id be32, index
 * id be32 (1: the primary key), then the key columns (keycode) or 16 bytes of row id. */
#define DATABASE_ID 1
#define INDEX_ID 1
#define TABLE_ID_FIRST 16384 /* as PostgreSQL's FirstNormalObjectId: below are system tables */
#define RECORD_VERSION 3
#define RECORD_VERSION_PLAIN 1 /* no column has a value for the rows that lack it, */
#define RECORD_VERSION_MISSING 2 /* and there was no other table of its name */
#define GARBAGE_VERSION 1
#define RECORD_BYTES_MAX TXN_VALUE_BYTES_MAX

void catalog_table_key(const char *name, struct buf *key)
{
    put_u8(key, KEY_PREFIX_SYSTEM);
    put_u8(key, 'T');
    buf_append_string(key, name);
}

static const uint8_t tables_start[] = {KEY_PREFIX_SYSTEM, 'T'}, tables_end[] = {KEY_PREFIX_SYSTEM, 'T' + 1};

void catalog_tables_span(struct bytes *start, struct bytes *end)
{
    *start = bytes_make(tables_start, sizeof tables_start);
    *end = bytes_make(tables_end, sizeof tables_end);
}

static const uint8_t garbage_prefix[] = {KEY_PREFIX_SYSTEM, 'G'};
static const uint8_t garbage_prefix_end[] = {KEY_PREFIX_SYSTEM, 'G' + 1};

static void garbage_key(uint32_t table_id, struct buf *key)
{
    buf_append(key, garbage_prefix, sizeof garbage_prefix);
    put_be32(key, table_id);
}

static const uint8_t id_key[] = {KEY_PREFIX_SYSTEM, 'I'};

/* Written whenever a table's name stops to stand for the rows it stood for: its newest version tells when that was last so. */
static const uint8_t given_up_key[] = {KEY_PREFIX_SYSTEM, 'D'};

static enum status given_up_put(struct txn *t)
{
    static const uint8_t version[] = {1};
    return txn_put(t, bytes_make(given_up_key, sizeof given_up_key), bytes_make(version, sizeof version));
}

/* Of all indexes of a table. */
static void table_prefix(uint32_t table_id, struct buf *key)
{
    put_u8(key, KEY_PREFIX_TABLE);
    put_be32(key, DATABASE_ID);
    put_be32(key, table_id);
}

static void row_prefix(const struct sql_table *table, struct buf *key)
{
    table_prefix(table->id, key);
    put_be32(key, INDEX_ID);
}

void catalog_first_table_key(int64_t k, struct buf *key)
{
    struct sql_datum value = {.integer = k};
    row_prefix(&(struct sql_table){.id = TABLE_ID_FIRST}, key);
    sql_key_encode(key, SQL_TYPE_INT8, SQL_KEY_ASCENDING, &value);
}

/* ---- the record ---- */

static void put_text(struct buf *out, const char *text)
{
    put_u8(out, text != NULL);
    if (text != NULL) put_sized(out, bytes_of_string(text));
}

/* The lowest that says it all. */
static uint8_t record_version(const struct sql_table *t)
{
    if (t->keys_after != 0) return RECORD_VERSION;
    return t->has_missing ? RECORD_VERSION_MISSING : RECORD_VERSION_PLAIN;
}

static void record_encode(const struct sql_table *t, struct buf *out)
{
    uint8_t version = record_version(t);
    put_u8(out, version);
    put_u32(out, t->id);
    put_u32(out, t->version);
    put_text(out, t->name);
    put_u16(out, t->next_column_id);
    put_u16(out, (uint16_t)t->column_count);
    for (uint32_t i = 0; i < t->column_count; i++) {
        const struct sql_table_column *c = &t->columns[i];
        put_u16(out, c->id);
        put_u32(out, c->type.oid);
        put_u32(out, (uint32_t)c->type.typmod);
        put_u8(out, c->not_null);
        put_text(out, c->name);
        put_text(out, c->default_text);
        if (version >= RECORD_VERSION_MISSING) put_sized(out, c->missing);
    }
    put_u8(out, (uint8_t)t->key_count);
    for (uint32_t i = 0; i < t->key_count; i++) put_u16(out, t->key[i]);
    put_text(out, t->key_name);
    put_u16(out, (uint16_t)t->check_count);
    for (uint32_t i = 0; i < t->check_count; i++) {
        put_text(out, t->check_names[i]);
        put_text(out, t->checks[i]);
    }
    if (version == RECORD_VERSION) put_u64(out, t->keys_after == UINT64_MAX ? 0 : t->keys_after);
}

static const char *get_text(struct reader *r, struct arena *arena)
{
    if (get_u8(r) == 0) return NULL;
    struct bytes copy = arena_copy(arena, get_sized(r));
    if (copy.data == NULL) r->failed = true;
    return (const char *)copy.data;
}

static enum status decode_missing(struct arena *arena, struct sql_table_column *c)
{
    struct sql_row_column column = {c->id, c->type};
    c->missing_value = SQL_NULL;
    return c->missing.size == 0 ? STATUS_OK : sql_row_decode(arena, c->missing, &column, 1, &c->missing_value);
}

static void decode_column(struct reader *r, struct arena *arena, struct sql_table_column *c, bool has_missing)
{
    c->id = get_u16(r);
    c->type.oid = get_u32(r);
    c->type.typmod = (int32_t)get_u32(r);
    c->not_null = get_u8(r) != 0;
    c->name = get_text(r, arena);
    c->default_text = get_text(r, arena);
    if (c->name == NULL || sql_type_find(c->type.oid) == NULL) r->failed = true;
    if (!has_missing || r->failed) return;
    c->missing = arena_copy(arena, get_sized(r));
    if (r->failed || c->missing.data == NULL || decode_missing(arena, c) != STATUS_OK) r->failed = true;
}

/* Rowcode wants ids in ascending order; columns are only ever added at the end, so they are. */
bool catalog_columns_changed(struct arena *arena, struct sql_table *t)
{
    t->has_missing = false;
    for (uint32_t i = 0; i < t->column_count; i++)
        if (t->columns[i].missing.size > 0) t->has_missing = true;
    t->row_columns = ARENA_ARRAY(arena, struct sql_row_column, t->column_count + 1);
    if (t->row_columns == NULL) return false;
    for (uint32_t i = 0; i < t->column_count; i++) {
        t->row_columns[i] = (struct sql_row_column){t->columns[i].id, t->columns[i].type};
        ASSERT(i == 0 || t->columns[i].id > t->columns[i - 1].id);
    }
    return true;
}

enum status catalog_table_decode(struct arena *arena, struct bytes record, struct sql_table **table_out)
{
    struct reader r = reader_make(record);
    struct sql_table *t = ARENA_NEW(arena, struct sql_table);
    if (t == NULL) return STATUS_NO_MEMORY;
    uint8_t record_version = get_u8(&r);
    if (record_version < RECORD_VERSION_PLAIN || record_version > RECORD_VERSION) return STATUS_VERSION;
    t->id = get_u32(&r);
    t->version = get_u32(&r);
    t->name = get_text(&r, arena);
    t->next_column_id = get_u16(&r);
    t->column_count = get_u16(&r);
    if (r.failed || t->column_count > SQL_COLUMNS_MAX) return STATUS_CORRUPT;
    t->columns = ARENA_ARRAY(arena, struct sql_table_column, t->column_count + 1);
    if (t->columns == NULL) return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < t->column_count && !r.failed; i++) decode_column(&r, arena, &t->columns[i], record_version > 1);
    t->key_count = get_u8(&r);
    if (r.failed || t->key_count > SQL_KEY_COLUMNS_MAX) return STATUS_CORRUPT;
    for (uint32_t i = 0; i < t->key_count; i++) {
        t->key[i] = get_u16(&r);
        if (t->key[i] >= t->column_count) return STATUS_CORRUPT;
    }
    t->key_name = get_text(&r, arena);
    t->check_count = get_u16(&r);
    const char **checks = ARENA_ARRAY(arena, const char *, t->check_count + 1u);
    const char **names = ARENA_ARRAY(arena, const char *, t->check_count + 1u);
    if (checks == NULL || names == NULL) return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < t->check_count && !r.failed; i++) {
        names[i] = get_text(&r, arena);
        checks[i] = get_text(&r, arena);
    }
    t->checks = checks;
    t->check_names = names;
    if (record_version == RECORD_VERSION) {
        t->keys_after = get_u64(&r);
        if (t->keys_after == 0) t->keys_after = UINT64_MAX;
    }
    if (!reader_done(&r)) return STATUS_CORRUPT;
    if (!catalog_columns_changed(arena, t)) return STATUS_NO_MEMORY;
    *table_out = t;
    return STATUS_OK;
}

void catalog_table_written(struct sql_table *table, uint64_t ts)
{
    if (table->keys_after == UINT64_MAX && ts != 0) table->keys_after = ts;
}

static enum status record_put(struct txn *t, const struct sql_table *table)
{
    struct buf key, record;
    buf_init(&key, TXN_KEY_BYTES_MAX);
    buf_init(&record, RECORD_BYTES_MAX);
    catalog_table_key(table->name, &key);
    record_encode(table, &record);
    enum status status = key.failed || record.failed
                             ? STATUS_TOO_LARGE
                             : txn_put(t, buf_view(&key), buf_view(&record));
    buf_deinit(&key);
    buf_deinit(&record);
    return status;
}

/* ---- tables ---- */

enum status catalog_table(struct txn *t, struct arena *arena, const char *name,
                          struct sql_table **table_out)
{
    struct buf key;
    buf_init(&key, TXN_KEY_BYTES_MAX);
    catalog_table_key(name, &key);
    struct bytes record;
    enum status status = key.failed ? STATUS_NOT_FOUND : txn_get(t, buf_view(&key), &record);
    buf_deinit(&key);
    return status == STATUS_OK ? catalog_table_decode(arena, record, table_out) : status;
}

static enum status next_id(struct txn *t, uint32_t *id_out)
{
    struct bytes key = bytes_make(id_key, sizeof id_key), value;
    enum status status = txn_get(t, key, &value);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) return status;
    uint32_t id = TABLE_ID_FIRST;
    if (status == STATUS_OK) {
        if (value.size != 4) return STATUS_CORRUPT;
        id = load_le32(value.data);
    }
    uint8_t next[4];
    store_le32(next, id + 1);
    *id_out = id;
    return txn_put(t, key, bytes_make(next, sizeof next));
}

/* A new table may have the name of one that was given up. How old an idempotency key may be is not asked here: it is
 * enough that most tables are made in clusters where nothing was given up. */
static enum status look_for_given_up(struct txn *t, uint64_t *keys_after_out)
{
    struct bytes value;
    uint64_t ts;
    enum status status = txn_get_version(t, bytes_make(given_up_key, sizeof given_up_key), &value, &ts);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) return status;
    *keys_after_out = status == STATUS_NOT_FOUND ? 0 : ts != 0 ? ts : UINT64_MAX;
    return STATUS_OK;
}

enum status catalog_create(struct txn *t, struct arena *arena, struct sql_table *table)
{
    struct sql_table *existing;
    enum status status = catalog_table(t, arena, table->name, &existing);
    if (status == STATUS_OK) return STATUS_EXISTS;
    if (status != STATUS_NOT_FOUND) return status;
    status = next_id(t, &table->id);
    if (status == STATUS_OK) status = look_for_given_up(t, &table->keys_after);
    table->version = 1;
    return status == STATUS_OK ? record_put(t, table) : status;
}

enum status catalog_update(struct txn *t, struct sql_table *table)
{
    table->version++;
    return record_put(t, table);
}

enum status catalog_rename(struct txn *t, struct arena *arena, struct sql_table *table, const char *name)
{
    struct sql_table *existing;
    enum status status = catalog_table(t, arena, name, &existing);
    if (status == STATUS_OK) return STATUS_EXISTS;
    if (status != STATUS_NOT_FOUND) return status;
    struct buf key;
    buf_init(&key, TXN_KEY_BYTES_MAX);
    catalog_table_key(table->name, &key);
    status = txn_delete(t, buf_view(&key));
    buf_deinit(&key);
    table->name = name;
    table->keys_after = UINT64_MAX;
    if (status == STATUS_OK) status = given_up_put(t);
    return status == STATUS_OK ? catalog_update(t, table) : status;
}

enum status catalog_column_missing(struct arena *arena, struct sql_table_column *c, const struct sql_datum *value)
{
    struct sql_row_column column = {c->id, c->type};
    c->missing = BYTES_EMPTY;
    c->missing_value = SQL_NULL;
    if (value->is_null) return STATUS_OK;
    struct buf row;
    buf_init(&row, RECORD_BYTES_MAX);
    sql_row_encode(&row, 0, &column, value, 1);
    enum status status = buf_status(&row);
    if (status == STATUS_OK) {
        c->missing = arena_copy(arena, buf_view(&row));
        status = c->missing.data == NULL ? STATUS_NO_MEMORY : decode_missing(arena, c);
    }
    buf_deinit(&row);
    return status;
}

/* ---- garbage ---- */

static enum status garbage_put(struct txn *t, uint32_t table_id, struct bytes next)
{
    struct buf key, record;
    buf_init(&key, TXN_KEY_BYTES_MAX);
    buf_init(&record, RECORD_BYTES_MAX);
    garbage_key(table_id, &key);
    put_u8(&record, GARBAGE_VERSION);
    put_sized(&record, next);
    enum status status = buf_status(&record);
    if (status == STATUS_OK) status = txn_put(t, buf_view(&key), buf_view(&record));
    buf_deinit(&key);
    buf_deinit(&record);
    return status;
}

static enum status garbage_decode(struct arena *arena, struct bytes key, struct bytes record,
                                  struct catalog_garbage *g)
{
    if (key.size != sizeof garbage_prefix + 4) return STATUS_CORRUPT;
    g->table_id = load_be32(key.data + sizeof garbage_prefix);
    struct reader r = reader_make(record);
    if (get_u8(&r) != GARBAGE_VERSION) return STATUS_VERSION;
    struct bytes next = get_sized(&r);
    if (!reader_done(&r)) return STATUS_CORRUPT;
    struct buf start, end;
    buf_init(&start, TXN_KEY_BYTES_MAX);
    buf_init(&end, TXN_KEY_BYTES_MAX);
    table_prefix(g->table_id, &start);
    table_prefix(g->table_id, &end);
    bool has_end = sql_key_successor(&end);
    ASSERT(has_end); /* the prefix byte is not FF */
    g->next = arena_copy(arena, next.size > 0 ? next : buf_view(&start));
    g->end = arena_copy(arena, buf_view(&end));
    bool inside = bytes_compare(buf_view(&start), g->next) <= 0 && bytes_compare(g->next, g->end) < 0;
    buf_deinit(&start);
    buf_deinit(&end);
    if (g->next.data == NULL || g->end.data == NULL) return STATUS_NO_MEMORY;
    return inside ? STATUS_OK : STATUS_CORRUPT; /* never another table's rows */
}

struct bytes catalog_garbage_key(void)
{
    return bytes_make(garbage_prefix, sizeof garbage_prefix);
}

enum status catalog_garbage_first(struct txn *t, struct arena *arena, struct catalog_garbage *garbage_out)
{
    struct txn_scan *scan;
    struct bytes key, record;
    enum status status = txn_scan_open(t, catalog_garbage_key(),
                                       bytes_make(garbage_prefix_end, sizeof garbage_prefix_end), false, 1,
                                       &scan);
    if (status != STATUS_OK) return status;
    status = txn_scan_next(scan, &key, &record);
    if (status == STATUS_OK) status = garbage_decode(arena, key, record, garbage_out);
    txn_scan_close(scan);
    return status;
}

enum status catalog_garbage_move(struct txn *t, const struct catalog_garbage *garbage)
{
    return garbage_put(t, garbage->table_id, garbage->next);
}

enum status catalog_garbage_end(struct txn *t, const struct catalog_garbage *garbage)
{
    struct buf key;
    buf_init(&key, TXN_KEY_BYTES_MAX);
    garbage_key(garbage->table_id, &key);
    enum status status = txn_delete(t, buf_view(&key));
    buf_deinit(&key);
    return status;
}

enum status catalog_truncate(struct txn *t, struct sql_table *table)
{
    enum status status = garbage_put(t, table->id, BYTES_EMPTY);
    if (status == STATUS_OK) status = next_id(t, &table->id);
    table->keys_after = UINT64_MAX;
    return status == STATUS_OK ? record_put(t, table) : status;
}

enum status catalog_drop(struct txn *t, const struct sql_table *table)
{
    struct buf key;
    buf_init(&key, TXN_KEY_BYTES_MAX);
    catalog_table_key(table->name, &key);
    enum status status = txn_delete(t, buf_view(&key));
    if (status == STATUS_OK) status = garbage_put(t, table->id, BYTES_EMPTY);
    if (status == STATUS_OK) status = given_up_put(t);
    buf_deinit(&key);
    return status;
}

void catalog_table_scope(uint32_t table_id, struct buf *scope)
{
    table_prefix(table_id, scope);
}

void catalog_table_span(const struct sql_table *table, struct buf *start, struct buf *end)
{
    row_prefix(table, start);
    row_prefix(table, end);
    bool has_end = sql_key_successor(end);
    ASSERT(has_end); /* the prefix byte is not FF */
}

/* ---- rows ---- */

enum status catalog_key_prefix(const struct sql_table *table, const struct sql_datum *key_values,
                               uint32_t count, struct buf *key)
{
    ASSERT(count <= table->key_count);
    row_prefix(table, key);
    for (uint32_t i = 0; i < count; i++)
        sql_key_encode(key, table->columns[table->key[i]].type.oid, SQL_KEY_ASCENDING, &key_values[i]);
    return buf_status(key);
}

enum status catalog_row_key(const struct sql_table *table, const struct sql_datum *values,
                            const uint8_t row_id[16], struct buf *key)
{
    if (table->key_count == 0) {
        row_prefix(table, key);
        buf_append(key, row_id, 16);
        return buf_status(key);
    }
    struct sql_datum parts[SQL_KEY_COLUMNS_MAX];
    for (uint32_t i = 0; i < table->key_count; i++) parts[i] = values[table->key[i]];
    return catalog_key_prefix(table, parts, table->key_count, key);
}

enum status catalog_row_value(const struct sql_table *table, const struct sql_datum *values,
                              struct buf *value)
{
    sql_row_encode(value, table->version, table->row_columns, values, table->column_count);
    return buf_status(value);
}

enum status catalog_row_decode(struct arena *arena, const struct sql_table *table, struct bytes value,
                               struct sql_datum *values_out)
{
    for (uint32_t i = 0; i < table->column_count; i++) values_out[i] = SQL_NULL;
    for (uint32_t i = 0; table->has_missing && i < table->column_count; i++)
        if (table->columns[i].missing.size > 0) values_out[i] = table->columns[i].missing_value;
    return sql_row_decode(arena, value, table->row_columns, table->column_count, values_out);
}
