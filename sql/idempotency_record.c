#include "sql/idempotency_record.h"

#include <string.h>

#include "base/assert.h"
#include "sql/types_io.h"

#define RECORD_VERSION 1
#define FLAG_EMPTIED 1
#define FLAG_ENDS    2
#define MILLISECONDS_DIGITS 13
#define NS_PER_MS 1000000u

enum item { ITEM_COLUMNS = 1, ITEM_ROW = 2, ITEM_TAG = 3 };

/* ---- keys ---- */

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* RFC 9562, 5.7: the first 48 bits are milliseconds since 1970. */
static uint64_t uuid7_ms(struct bytes key)
{
    if (key.size != SQL_UUID_TEXT_BYTES || key.data[14] != '7') return 0;
    uint64_t ms = 0;
    for (size_t i = 0; i < SQL_UUID_TEXT_BYTES; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        int digit = hex_digit(key.data[i]);
        if (dash ? key.data[i] != '-' : digit < 0) return 0;
        if (!dash && i < 13) ms = ms << 4 | (uint64_t)digit;
    }
    return ms;
}

static uint64_t decimal_ms(struct bytes key)
{
    if (key.size <= MILLISECONDS_DIGITS || key.data[MILLISECONDS_DIGITS] != '/') return 0;
    uint64_t ms = 0;
    for (size_t i = 0; i < MILLISECONDS_DIGITS; i++) {
        if (key.data[i] < '0' || key.data[i] > '9') return 0;
        ms = ms * 10 + (uint64_t)(key.data[i] - '0');
    }
    return ms;
}

uint64_t idempotency_issued_ns(struct bytes key)
{
    uint64_t ms = uuid7_ms(key);
    if (ms == 0) ms = decimal_ms(key);
    return ms > UINT64_MAX / 4 / NS_PER_MS ? UINT64_MAX / 4 : ms * NS_PER_MS;
}

static const uint8_t rows_start[] = {KEY_PREFIX_ONCE}, rows_end[] = {KEY_PREFIX_ONCE + 1};

struct bytes idempotency_rows_start(void) { return bytes_make(rows_start, sizeof rows_start); }
struct bytes idempotency_rows_end(void) { return bytes_make(rows_end, sizeof rows_end); }

struct bytes idempotency_row_key(struct bytes key, uint8_t out[IDEMPOTENCY_ROW_KEY_BYTES_MAX])
{
    ASSERT(key.size > 0 && key.size <= IDEMPOTENCY_KEY_BYTES_MAX);
    out[0] = KEY_PREFIX_ONCE;
    memcpy(out + 1, key.data, key.size);
    return bytes_make(out, 1 + key.size);
}

struct bytes idempotency_key_of_row(struct bytes row_key)
{
    ASSERT(row_key.size > sizeof rows_start);
    return bytes_make(row_key.data + sizeof rows_start, row_key.size - sizeof rows_start);
}

/* ---- the record ---- */

uint64_t idempotency_results_end(const struct idempotency_record *r, uint64_t ts, uint64_t issued_ns)
{
    uint64_t from = ts > issued_ns ? ts : issued_ns;
    return r->ttl_ns > UINT64_MAX - from ? UINT64_MAX : from + r->ttl_ns;
}

void idempotency_record_head(const struct idempotency_record *r, uint8_t *out)
{
    ASSERT(!r->emptied || (r->count == 0 && !r->ends));
    uint8_t *at = out + 2;
    out[0] = RECORD_VERSION;
    out[1] = (uint8_t)((r->emptied ? FLAG_EMPTIED : 0) | (r->ends ? FLAG_ENDS : 0));
    store_le64(at, r->ttl_ns);
    at += 8;
    if (!r->ends) {
        store_le64(at, r->seen_ts);
        store_le64(at + 8, r->row_until);
        at += 16;
    }
    store_le64(at, r->tag);
    store_le32(at + 8, r->count);
    ASSERT((size_t)(at + 8 + sizeof r->count - out) == idempotency_head_bytes(r->ends));
}

enum status idempotency_record_decode(struct bytes encoded, struct idempotency_record *out)
{
    struct reader in = reader_make(encoded);
    struct idempotency_record r = {0};
    if (get_u8(&in) != RECORD_VERSION) return STATUS_VERSION;
    uint8_t flags = get_u8(&in);
    r.emptied = flags == FLAG_EMPTIED;
    r.ends = flags == FLAG_ENDS;
    r.ttl_ns = get_u64(&in);
    r.seen_ts = r.ends ? 0 : get_u64(&in);
    r.row_until = r.ends ? 0 : get_u64(&in);
    r.tag = get_u64(&in);
    r.count = get_u32(&in);
    if (in.failed || flags > FLAG_ENDS) return STATUS_CORRUPT;
    r.statements = bytes_make(in.at, reader_left(&in));
    if (r.emptied && (r.count != 0 || r.statements.size != 0)) return STATUS_CORRUPT;
    *out = r;
    return STATUS_OK;
}

/* ---- a statement's answer ---- */

void idempotency_put_columns(struct buf *out, const struct sql_result_column *columns, uint32_t count)
{
    put_u8(out, ITEM_COLUMNS);
    put_u16(out, (uint16_t)count);
    for (uint32_t i = 0; i < count; i++) {
        put_sized(out, bytes_of_string(columns[i].name));
        put_u32(out, columns[i].type.oid);
        put_u32(out, (uint32_t)columns[i].type.typmod);
        put_u32(out, columns[i].table_oid);
        put_u16(out, (uint16_t)columns[i].column_number);
    }
}

void idempotency_put_row(struct buf *out, struct sql_eval *eval, const struct sql_result_column *columns,
                         uint32_t count, const struct sql_datum *values)
{
    struct buf value;
    buf_init(&value, IDEMPOTENCY_RESULT_BYTES_MAX);
    put_u8(out, ITEM_ROW);
    for (uint32_t i = 0; i < count && !out->failed; i++) {
        if (values[i].is_null) {
            put_varint(out, 0);
            continue;
        }
        buf_reset(&value);
        sql_type_send(eval, columns[i].type.oid, &values[i], &value);
        if (value.failed) { /* larger than all results may be */
            out->failed = true;
            out->refused += value.size + value.refused;
        }
        put_varint(out, value.size + 1);
        buf_append_bytes(out, buf_view(&value));
    }
    buf_deinit(&value);
}

void idempotency_put_tag(struct buf *out, const char *tag)
{
    put_u8(out, ITEM_TAG);
    put_sized(out, bytes_of_string(tag));
}

static bool damaged(struct exec *x)
{
    return sql_error_set(x->error, x->arena, SQLSTATE_DATA_CORRUPTED, 0,
                         "stored data cannot be read: the record of an idempotency key");
}

static bool read_columns(struct exec *x, struct reader *in, struct sql_result_column **columns_out,
                         uint32_t *count_out)
{
    uint32_t count = get_u16(in);
    if (in->failed || count > reader_left(in)) return damaged(x);
    struct sql_result_column *columns = ARENA_ARRAY(x->arena, struct sql_result_column, count + 1);
    if (columns == NULL) return sql_error_out_of_memory(x->error);
    for (uint32_t i = 0; i < count; i++) {
        struct bytes name = arena_copy(x->arena, get_sized(in));
        columns[i].name = (const char *)name.data;
        columns[i].type.oid = get_u32(in);
        columns[i].type.typmod = (int32_t)get_u32(in);
        columns[i].table_oid = get_u32(in);
        columns[i].column_number = (int16_t)get_u16(in);
        if (name.data == NULL) return sql_error_out_of_memory(x->error);
        if (in->failed || sql_type_find(columns[i].type.oid) == NULL) return damaged(x);
    }
    *columns_out = columns;
    *count_out = count;
    return exec_columns(x, columns, count) &&
           (x->sink->begin(x->sink->ctx, columns, count) || exec_fail(x, STATUS_CANCELLED));
}

static bool read_value(struct exec *x, struct reader *in, uint32_t oid, struct sql_datum *out)
{
    uint64_t size = get_varint(in);
    *out = SQL_NULL;
    if (in->failed || size > reader_left(in) + 1) return damaged(x);
    if (size == 0) return true;
    struct bytes wire = get_bytes(in, (size_t)size - 1);
    if (sql_type_find(oid)->storage == SQL_STORAGE_NONE) {
        *out = (struct sql_datum){.is_null = false};
        return true;
    }
    return sql_type_receive(&x->eval, (struct sql_type){oid, -1}, wire, out) == STATUS_OK;
}

static bool read_row(struct exec *x, struct reader *in, const struct sql_result_column *columns, uint32_t count)
{
    arena_reset(x->row_arena);
    struct sql_datum *values = ARENA_ARRAY(x->row_arena, struct sql_datum, count + 1);
    if (values == NULL) return sql_error_out_of_memory(x->error);
    for (uint32_t i = 0; i < count; i++)
        if (!read_value(x, in, columns[i].type.oid, &values[i])) return false;
    return x->sink->row(x->sink->ctx, &x->eval, values) || exec_fail(x, STATUS_CANCELLED);
}

bool idempotency_replay(struct exec *x, struct reader *in)
{
    struct sql_result_column *columns = NULL;
    uint32_t count = 0;
    struct arena *before = x->eval.arena;
    x->eval.arena = x->row_arena;
    bool ok = true, ended = false;
    while (ok && !ended) {
        switch (get_u8(in)) {
        case ITEM_COLUMNS: ok = read_columns(x, in, &columns, &count); break;
        case ITEM_ROW: ok = columns != NULL ? read_row(x, in, columns, count) : damaged(x); break;
        case ITEM_TAG: {
            struct bytes tag = get_sized(in);
            ended = !in->failed && tag.size < sizeof x->tag;
            ok = ended || damaged(x);
            if (ended) memcpy(x->tag, tag.data, tag.size);
            if (ended) x->tag[tag.size] = '\0';
            break;
        }
        default: ok = damaged(x);
        }
    }
    x->eval.arena = before;
    return ok;
}
