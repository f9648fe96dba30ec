/* PostgreSQL's binary formats: big-endian, fixed sizes, text as it is. */
#include "base/assert.h"
#include "base/codec.h"
#include "sql/datetime.h"
#include "sql/numeric.h"
#include "sql/types_io.h"

/* --- Receiving ------------------------------------------------------------------------------- */

static enum status fail_format(struct sql_eval *e)
{
    return sql_eval_fail(e, SQLSTATE_INVALID_BINARY_REPRESENTATION, "incorrect binary data format");
}

/* The size a type has on the wire; 0 when it varies. */
static size_t wire_size(uint32_t oid)
{
    switch (oid) {
    case SQL_TYPE_BOOL:
    case SQL_TYPE_CHAR: return 1;
    case SQL_TYPE_INT2: return 2;
    case SQL_TYPE_INT4:
    case SQL_TYPE_OID:
    case SQL_TYPE_REGPROC:
    case SQL_TYPE_REGCLASS:
    case SQL_TYPE_REGTYPE:
    case SQL_TYPE_REGNAMESPACE:
    case SQL_TYPE_REGROLE:
    case SQL_TYPE_FLOAT4:
    case SQL_TYPE_DATE: return 4;
    case SQL_TYPE_INT8:
    case SQL_TYPE_FLOAT8:
    case SQL_TYPE_TIME:
    case SQL_TYPE_TIMESTAMP:
    case SQL_TYPE_TIMESTAMPTZ: return 8;
    case SQL_TYPE_INTERVAL:
    case SQL_TYPE_UUID: return 16;
    default: return 0;
    }
}

static double real_of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static enum status receive_datetime(struct sql_eval *e, uint32_t oid, const uint8_t *wire,
                                    int64_t *out)
{
    bool date = oid == SQL_TYPE_DATE;
    int64_t value = date ? (int32_t)load_be32(wire) : (int64_t)load_be64(wire);
    if (!sql_datetime_check(oid, value))
        return sql_eval_fail(e, SQLSTATE_DATETIME_FIELD_OVERFLOW, "%s out of range",
                             date                   ? "date"
                             : oid == SQL_TYPE_TIME ? "time"
                                                    : "timestamp");
    *out = value;
    return STATUS_OK;
}

/* Types of one size, which has been checked. */
static enum status receive_fixed(struct sql_eval *e, uint32_t oid, const uint8_t *wire,
                                 struct sql_datum *v)
{
    switch (oid) {
    case SQL_TYPE_BOOL: v->boolean = wire[0] != 0; return STATUS_OK;
    case SQL_TYPE_CHAR: v->bytes = bytes_make(wire, wire[0] != 0); return STATUS_OK;
    case SQL_TYPE_INT2: v->integer = (int16_t)load_be16(wire); return STATUS_OK;
    case SQL_TYPE_INT4: v->integer = (int32_t)load_be32(wire); return STATUS_OK;
    case SQL_TYPE_INT8: v->integer = (int64_t)load_be64(wire); return STATUS_OK;
    case SQL_TYPE_FLOAT4: v->real = (double)float_of_bits(load_be32(wire)); return STATUS_OK;
    case SQL_TYPE_FLOAT8: v->real = real_of_bits(load_be64(wire)); return STATUS_OK;
    case SQL_TYPE_UUID: v->bytes = bytes_make(wire, SQL_UUID_BYTES); return STATUS_OK;
    case SQL_TYPE_INTERVAL:
        v->interval = (struct sql_interval){.us = (int64_t)load_be64(wire),
                                            .days = (int32_t)load_be32(wire + 8),
                                            .months = (int32_t)load_be32(wire + 12)};
        return STATUS_OK;
    case SQL_TYPE_DATE:
    case SQL_TYPE_TIME:
    case SQL_TYPE_TIMESTAMP:
    case SQL_TYPE_TIMESTAMPTZ: return receive_datetime(e, oid, wire, &v->integer);
    default: v->integer = load_be32(wire); return STATUS_OK; /* oid and reg* */
    }
}

enum status sql_type_receive(struct sql_eval *e, struct sql_type type, struct bytes wire,
                             struct sql_datum *out)
{
    ASSERT(out != NULL);
    struct sql_datum v = {.is_null = false};
    enum status status;
    size_t size = wire_size(type.oid);
    if (size > 0) {
        if (wire.size < size)
            return sql_eval_fail(e, SQLSTATE_PROTOCOL_VIOLATION, "insufficient data left in message");
        if (wire.size > size) return fail_format(e);
        status = receive_fixed(e, type.oid, wire.data, &v);
        if (status == STATUS_OK) status = sql_type_fit(e, type, false, &v, &v);
    } else {
        switch (type.oid) {
        case SQL_TYPE_NUMERIC: status = sql_numeric_receive(e, wire, type.typmod, &v.bytes); break;
        case SQL_TYPE_BYTEA:
            v.bytes = wire;
            status = STATUS_OK;
            break;
        case SQL_TYPE_TEXT:
        case SQL_TYPE_VARCHAR:
        case SQL_TYPE_BPCHAR:
        case SQL_TYPE_NAME:
        case SQL_TYPE_UNKNOWN: return sql_type_input(e, type, wire, out);
        default: return fail_format(e);
        }
    }
    if (status == STATUS_OK) *out = v;
    return status;
}

/* --- Sending --------------------------------------------------------------------------------- */

static void send_real(uint32_t oid, double value, struct buf *out)
{
    if (oid == SQL_TYPE_FLOAT4) {
        float single = (float)value;
        uint32_t bits;
        memcpy(&bits, &single, sizeof bits);
        put_be32(out, bits);
        return;
    }
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_be64(out, bits);
}

static void send_integer(uint32_t oid, int64_t value, struct buf *out)
{
    switch (wire_size(oid)) {
    case 2: put_be16(out, (uint16_t)value); break;
    case 4: put_be32(out, (uint32_t)value); break;
    case 8: put_be64(out, (uint64_t)value); break;
    default: UNREACHABLE();
    }
}

void sql_type_send(struct sql_eval *e, uint32_t oid, const struct sql_datum *v, struct buf *out)
{
    (void)e;
    ASSERT(!v->is_null);
    ASSERT(out != NULL);
    switch (sql_type_find(oid)->storage) {
    case SQL_STORAGE_BOOLEAN: buf_append_byte(out, v->boolean); break;
    case SQL_STORAGE_INTEGER: send_integer(oid, v->integer, out); break;
    case SQL_STORAGE_REAL: send_real(oid, v->real, out); break;
    case SQL_STORAGE_INTERVAL:
        put_be64(out, (uint64_t)v->interval.us);
        put_be32(out, (uint32_t)v->interval.days);
        put_be32(out, (uint32_t)v->interval.months);
        break;
    case SQL_STORAGE_BYTES:
        if (oid == SQL_TYPE_CHAR)
            buf_append_byte(out, v->bytes.size > 0 ? v->bytes.data[0] : 0);
        else
            buf_append_bytes(out, v->bytes);
        break;
    case SQL_STORAGE_NONE: break; /* void: nothing */
    }
}
