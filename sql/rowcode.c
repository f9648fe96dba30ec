#include "sql/rowcode.h"

#include "base/assert.h"
#include "base/codec.h"
#include "base/utf8.h"
#include "sql/collation.h"

/* Low three bits of a column's tag: what follows it, known without its type. */
enum row_kind {
    ROW_NULL = 0,
    ROW_FALSE = 1,
    ROW_TRUE = 2,
    ROW_INTEGER = 3,  /* varint, zigzag */
    ROW_REAL4 = 4,    /* 4 bytes */
    ROW_REAL8 = 5,    /* 8 bytes */
    ROW_BYTES = 6,    /* varint size, bytes */
    ROW_INTERVAL = 7, /* three varints, zigzag: us, days, months */
};
#define KIND_BITS 3

static uint64_t zigzag(int64_t v)
{
    return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}
static int64_t unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* --- Encoding -------------------------------------------------------------------------------- */

static enum row_kind kind_of(uint32_t oid, const struct sql_datum *v)
{
    if (v->is_null) return ROW_NULL;
    switch (sql_type_find(oid)->storage) {
    case SQL_STORAGE_BOOLEAN: return v->boolean ? ROW_TRUE : ROW_FALSE;
    case SQL_STORAGE_INTEGER: return ROW_INTEGER;
    case SQL_STORAGE_REAL: return oid == SQL_TYPE_FLOAT4 ? ROW_REAL4 : ROW_REAL8;
    case SQL_STORAGE_BYTES: return ROW_BYTES;
    case SQL_STORAGE_INTERVAL: return ROW_INTERVAL;
    case SQL_STORAGE_NONE: break;
    }
    UNREACHABLE();
}

static void put_value(struct buf *row, uint32_t oid, enum row_kind kind, const struct sql_datum *v)
{
    switch (kind) {
    case ROW_NULL:
    case ROW_FALSE:
    case ROW_TRUE: break;
    case ROW_INTEGER: put_varint(row, zigzag(v->integer)); break;
    case ROW_REAL4: {
        float single = (float)v->real;
        uint32_t bits;
        memcpy(&bits, &single, sizeof bits);
        put_u32(row, bits);
        break;
    }
    case ROW_REAL8: {
        uint64_t bits;
        memcpy(&bits, &v->real, sizeof bits);
        put_u64(row, bits);
        break;
    }
    case ROW_BYTES:
        /* The padding of char(n) follows from its type. */
        put_sized(row, oid == SQL_TYPE_BPCHAR ? sql_collation_trim_padding(v->bytes) : v->bytes);
        break;
    case ROW_INTERVAL:
        put_varint(row, zigzag(v->interval.us));
        put_varint(row, zigzag(v->interval.days));
        put_varint(row, zigzag(v->interval.months));
        break;
    }
}

void sql_row_encode(struct buf *row, uint32_t schema_version, const struct sql_row_column *columns,
                    const struct sql_datum *values, uint32_t count)
{
    ASSERT(count <= SQL_ROW_COLUMNS_MAX);
    put_u8(row, SQL_ROW_FORMAT);
    put_varint(row, schema_version);
    put_varint(row, count);
    uint32_t last = 0;
    for (uint32_t i = 0; i < count; i++) {
        ASSERT(columns[i].id > last);
        enum row_kind kind = kind_of(columns[i].type.oid, &values[i]);
        put_varint(row, (uint64_t)(columns[i].id - last) << KIND_BITS | kind);
        put_value(row, columns[i].type.oid, kind, &values[i]);
        last = columns[i].id;
    }
}

/* --- Decoding -------------------------------------------------------------------------------- */

/* A value as it stands in the row, before its type is looked at. */
struct raw {
    enum row_kind kind;
    int64_t integers[3];
    uint64_t bits;
    struct bytes bytes;
};

static void take_raw(struct reader *r, enum row_kind kind, struct raw *out)
{
    out->kind = kind;
    switch (kind) {
    case ROW_NULL:
    case ROW_FALSE:
    case ROW_TRUE: break;
    case ROW_INTEGER: out->integers[0] = unzigzag(get_varint(r)); break;
    case ROW_REAL4: out->bits = get_u32(r); break;
    case ROW_REAL8: out->bits = get_u64(r); break;
    case ROW_BYTES: out->bytes = get_sized(r); break;
    case ROW_INTERVAL:
        for (int i = 0; i < 3; i++)
            out->integers[i] = unzigzag(get_varint(r));
        break;
    }
}

/* Puts the padding back. */
static enum status pad(struct arena *arena, int32_t typmod, struct bytes *text)
{
    size_t length = utf8_length(*text);
    int32_t wanted = sql_typmod_length(typmod);
    if (wanted < 0 || length >= (size_t)wanted) return STATUS_OK;
    size_t missing = (size_t)wanted - length;
    uint8_t *padded = arena_alloc(arena, text->size + missing);
    if (padded == NULL) return STATUS_NO_MEMORY;
    if (text->size > 0) memcpy(padded, text->data, text->size);
    memset(padded + text->size, ' ', missing);
    *text = bytes_make(padded, text->size + missing);
    return STATUS_OK;
}

/* What kinds a type's values are stored as. */
static bool kind_suits(uint32_t oid, enum row_kind kind)
{
    switch (sql_type_find(oid)->storage) {
    case SQL_STORAGE_BOOLEAN: return kind == ROW_TRUE || kind == ROW_FALSE;
    case SQL_STORAGE_INTEGER: return kind == ROW_INTEGER;
    case SQL_STORAGE_REAL: return kind == (oid == SQL_TYPE_FLOAT4 ? ROW_REAL4 : ROW_REAL8);
    case SQL_STORAGE_BYTES: return kind == ROW_BYTES;
    case SQL_STORAGE_INTERVAL: return kind == ROW_INTERVAL;
    case SQL_STORAGE_NONE: return false;
    }
    UNREACHABLE();
}

static double real_of(const struct raw *raw)
{
    if (raw->kind == ROW_REAL4) {
        uint32_t bits = (uint32_t)raw->bits;
        float single;
        memcpy(&single, &bits, sizeof single);
        return (double)single;
    }
    double value;
    memcpy(&value, &raw->bits, sizeof value);
    return value;
}

/* The value as one of `type`; a row may hold anything, and nothing of it is taken on trust. */
static enum status value_of(struct arena *arena, struct sql_type type, const struct raw *raw,
                            struct sql_datum *out)
{
    struct sql_datum v = {.is_null = raw->kind == ROW_NULL};
    if (!v.is_null && !kind_suits(type.oid, raw->kind)) return STATUS_CORRUPT;
    switch (raw->kind) {
    case ROW_NULL: break;
    case ROW_FALSE: v.boolean = false; break;
    case ROW_TRUE: v.boolean = true; break;
    case ROW_INTEGER: v.integer = raw->integers[0]; break;
    case ROW_REAL4:
    case ROW_REAL8: v.real = real_of(raw); break;
    case ROW_BYTES: v.bytes = raw->bytes; break;
    case ROW_INTERVAL:
        if (raw->integers[1] != (int32_t)raw->integers[1] ||
            raw->integers[2] != (int32_t)raw->integers[2])
            return STATUS_CORRUPT;
        v.interval = (struct sql_interval){raw->integers[0], (int32_t)raw->integers[1],
                                           (int32_t)raw->integers[2]};
        break;
    }
    if (!sql_datum_check(type.oid, &v)) return STATUS_CORRUPT;
    if (type.oid == SQL_TYPE_BPCHAR && !v.is_null) {
        enum status status = pad(arena, type.typmod, &v.bytes);
        if (status != STATUS_OK) return status;
    }
    *out = v;
    return STATUS_OK;
}

static enum status read_head(struct reader *r, uint32_t *version_out, uint32_t *count_out)
{
    uint8_t format = get_u8(r);
    if (r->failed || format == 0) return STATUS_CORRUPT;
    if (format != SQL_ROW_FORMAT) return STATUS_VERSION;
    uint64_t version = get_varint(r), count = get_varint(r);
    if (r->failed || version > UINT32_MAX || count > SQL_ROW_COLUMNS_MAX) return STATUS_CORRUPT;
    *version_out = (uint32_t)version;
    *count_out = (uint32_t)count;
    return STATUS_OK;
}

enum status sql_row_schema_version(struct bytes row, uint32_t *version_out)
{
    struct reader r = reader_make(row);
    uint32_t count;
    return read_head(&r, version_out, &count);
}

enum status sql_row_decode(struct arena *arena, struct bytes row,
                           const struct sql_row_column *wanted, uint32_t count,
                           struct sql_datum *values_out)
{
    ASSERT(count == 0 || wanted != NULL);
    struct reader r = reader_make(row);
    uint32_t version, column_count, next = 0;
    enum status status = read_head(&r, &version, &column_count);
    if (status != STATUS_OK) return status;
    uint64_t id = 0;
    for (uint32_t i = 0; i < column_count; i++) {
        uint64_t tag = get_varint(&r);
        struct raw raw = {.kind = ROW_NULL};
        id += tag >> KIND_BITS;
        if (r.failed || tag >> KIND_BITS == 0 || id > UINT32_MAX) return STATUS_CORRUPT;
        take_raw(&r, (enum row_kind)(tag & ((1 << KIND_BITS) - 1)), &raw);
        if (r.failed) return STATUS_CORRUPT;
        while (next < count && wanted[next].id < id)
            next++; /* the row has no such column */
        if (next == count || wanted[next].id != id) continue;
        ASSERT(next == 0 || wanted[next - 1].id < wanted[next].id);
        status = value_of(arena, wanted[next].type, &raw, &values_out[next]);
        if (status != STATUS_OK) return status;
        next++;
    }
    return reader_done(&r) ? STATUS_OK : STATUS_CORRUPT;
}
