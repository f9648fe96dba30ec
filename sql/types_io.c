/* Text of every type: one switch in, one switch out. */
#include "sql/types_io.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "sql/datetime.h"
#include "sql/numeric.h"
#include "sql/text_ascii.h"

/* --- Lengths --------------------------------------------------------------------------------- */

/* The bytes that the first `count` characters take, or all of them; *left_out is the characters
 * that are missing. */
static size_t prefix_size(struct bytes text, int32_t count, int32_t *missing_out)
{
    size_t at = 0;
    while (count > 0 && at < text.size) {
        size_t size = utf8_decode(bytes_make(text.data + at, text.size - at), NULL);
        at += size == 0 ? 1 : size;
        count--;
    }
    *missing_out = count;
    return at;
}

static bool is_blank(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] != ' ') return false;
    return true;
}

/* Fits a string to n characters: cut (when allowed) or, for char(n), padded. */
static enum status fit_text(struct sql_eval *e, uint32_t oid, struct bytes text, int32_t typmod,
                            bool cut, struct bytes *out)
{
    int32_t length = sql_typmod_length(typmod), missing;
    if (length < 0) {
        *out = text;
        return STATUS_OK;
    }
    size_t size = prefix_size(text, length, &missing);
    if (!cut && !is_blank(bytes_make(text.data + size, text.size - size)))
        return sql_eval_fail(e, SQLSTATE_STRING_DATA_RIGHT_TRUNCATION,
                             "value too long for type %s(%d)", sql_type_find(oid)->sql_name,
                             length);
    *out = bytes_make(text.data, size);
    if (oid != SQL_TYPE_BPCHAR || missing == 0) return STATUS_OK;
    uint8_t *padded = sql_eval_alloc(e, size + (size_t)missing);
    if (padded == NULL) return STATUS_NO_MEMORY;
    if (size > 0) memcpy(padded, text.data, size);
    memset(padded + size, ' ', (size_t)missing);
    *out = bytes_make(padded, size + (size_t)missing);
    return STATUS_OK;
}

static struct bytes cut_name(struct bytes text)
{
    if (text.size <= SQL_NAME_BYTES_MAX) return text;
    size_t size = SQL_NAME_BYTES_MAX;
    while (size > 0 && (text.data[size] & 0xC0) == 0x80)
        size--;
    return bytes_make(text.data, size);
}

enum status sql_type_fit(struct sql_eval *e, struct sql_type type, bool explicitly,
                         const struct sql_datum *value, struct sql_datum *out)
{
    ASSERT(out != NULL);
    struct sql_datum fitted = *value;
    enum status status = STATUS_OK;
    if (!value->is_null && type.typmod != SQL_TYPMOD_NONE) {
        switch (type.oid) {
        case SQL_TYPE_BPCHAR:
        case SQL_TYPE_VARCHAR:
            status = fit_text(e, type.oid, value->bytes, type.typmod, explicitly, &fitted.bytes);
            break;
        case SQL_TYPE_NUMERIC:
            status = sql_numeric_fit(e, value->bytes, type.typmod, &fitted.bytes);
            break;
        case SQL_TYPE_TIME: fitted.integer = sql_time_round(value->integer, type.typmod); break;
        case SQL_TYPE_TIMESTAMP:
        case SQL_TYPE_TIMESTAMPTZ:
            status = sql_timestamp_fit(e, value->integer, type.typmod, &fitted.integer);
            break;
        case SQL_TYPE_INTERVAL:
            status = sql_interval_fit(e, &value->interval, type.typmod, &fitted.interval);
            break;
        default: break;
        }
    }
    if (status == STATUS_OK) *out = fitted;
    return status;
}

/* --- Input ----------------------------------------------------------------------------------- */

static enum status input_text(struct sql_eval *e, struct sql_type type, struct bytes text,
                              struct bytes *out)
{
    if (type.oid == SQL_TYPE_NAME)
        *out = cut_name(text);
    else if (type.oid == SQL_TYPE_BPCHAR || type.oid == SQL_TYPE_VARCHAR)
        return fit_text(e, type.oid, text, type.typmod, false, out);
    else
        *out = text;
    return STATUS_OK;
}

/* "char": the first byte, or one that is written \ooo. */
static enum status input_char(struct sql_eval *e, struct bytes text, struct bytes *out)
{
    uint8_t *byte = sql_eval_alloc(e, 1);
    if (byte == NULL) return STATUS_NO_MEMORY;
    const uint8_t *c = text.data;
    bool octal = text.size == 4 && c[0] == '\\' && c[1] >= '0' && c[1] <= '3' && c[2] >= '0' &&
                 c[2] <= '7' && c[3] >= '0' && c[3] <= '7';
    if (octal)
        *byte = (uint8_t)((c[1] - '0') << 6 | (c[2] - '0') << 3 | (c[3] - '0'));
    else
        *byte = text.size > 0 ? c[0] : 0;
    *out = bytes_make(byte, *byte != 0);
    return STATUS_OK;
}

static bool is_number(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!ascii_is_digit(text.data[i])) return false;
    return text.size > 0;
}

/* regtype by name; the others through the catalogue. A number always will do, and - is none. */
static enum status input_object(struct sql_eval *e, uint32_t oid, struct bytes text, int64_t *out)
{
    if (bytes_equal(text, BYTES_LITERAL("-"))) {
        *out = 0;
        return STATUS_OK;
    }
    if (is_number(text)) return sql_integer_parse(e, SQL_TYPE_OID, text, out);
    if (oid == SQL_TYPE_REGTYPE) {
        const struct sql_type_info *info = sql_type_find_name(text, false);
        if (info != NULL) {
            *out = info->oid;
            return STATUS_OK;
        }
    }
    uint32_t object;
    if (e->object_find != NULL) {
        enum status status = e->object_find(e->catalog_ctx, oid, text, &object);
        if (status == STATUS_OK) *out = object;
        if (status != STATUS_NOT_FOUND) return status;
    }
    const char *name = (const char *)text.data;
    int size = (int)(text.size < 200 ? text.size : 200);
    switch (oid) {
    case SQL_TYPE_REGCLASS:
        return sql_eval_fail(e, SQLSTATE_UNDEFINED_TABLE, "relation \"%.*s\" does not exist", size,
                             name);
    case SQL_TYPE_REGPROC:
        return sql_eval_fail(e, SQLSTATE_UNDEFINED_FUNCTION, "function \"%.*s\" does not exist",
                             size, name);
    case SQL_TYPE_REGNAMESPACE:
        return sql_eval_fail(e, SQLSTATE_INVALID_SCHEMA_NAME, "schema \"%.*s\" does not exist",
                             size, name);
    case SQL_TYPE_REGROLE:
        return sql_eval_fail(e, SQLSTATE_UNDEFINED_OBJECT, "role \"%.*s\" does not exist", size,
                             name);
    default:
        return sql_eval_fail(e, SQLSTATE_UNDEFINED_OBJECT, "type \"%.*s\" does not exist", size,
                             name);
    }
}

enum status sql_type_input(struct sql_eval *e, struct sql_type type, struct bytes text,
                           struct sql_datum *out)
{
    ASSERT(out != NULL);
    ASSERT(text.size == 0 || text.data != NULL);
    struct sql_datum v = {.is_null = false};
    enum status status = sql_text_check(e, text); /* whatever the type: errors quote it */
    if (status != STATUS_OK) return status;
    switch (type.oid) {
    case SQL_TYPE_BOOL: status = sql_boolean_parse(e, text, &v.boolean); break;
    case SQL_TYPE_INT2:
    case SQL_TYPE_INT4:
    case SQL_TYPE_INT8:
    case SQL_TYPE_OID: status = sql_integer_parse(e, type.oid, text, &v.integer); break;
    case SQL_TYPE_REGPROC:
    case SQL_TYPE_REGCLASS:
    case SQL_TYPE_REGTYPE:
    case SQL_TYPE_REGNAMESPACE:
    case SQL_TYPE_REGROLE: status = input_object(e, type.oid, text, &v.integer); break;
    case SQL_TYPE_FLOAT4:
    case SQL_TYPE_FLOAT8: status = sql_real_parse(e, type.oid, text, &v.real); break;
    case SQL_TYPE_NUMERIC: status = sql_numeric_parse(e, text, type.typmod, &v.bytes); break;
    case SQL_TYPE_TEXT:
    case SQL_TYPE_VARCHAR:
    case SQL_TYPE_BPCHAR:
    case SQL_TYPE_NAME:
    case SQL_TYPE_UNKNOWN: status = input_text(e, type, text, &v.bytes); break;
    case SQL_TYPE_CHAR: status = input_char(e, text, &v.bytes); break;
    case SQL_TYPE_BYTEA: status = sql_bytea_parse(e, text, &v.bytes); break;
    case SQL_TYPE_UUID: status = sql_uuid_parse(e, text, &v.bytes); break;
    case SQL_TYPE_DATE:
    case SQL_TYPE_TIME:
    case SQL_TYPE_TIMESTAMP:
    case SQL_TYPE_TIMESTAMPTZ:
        status = sql_datetime_parse(e, type.oid, text, type.typmod, &v.integer);
        break;
    case SQL_TYPE_INTERVAL: status = sql_interval_parse(e, text, type.typmod, &v.interval); break;
    default: {
        const struct sql_type_info *info = sql_type_find(type.oid);
        return sql_eval_fail(e, SQLSTATE_FEATURE_NOT_SUPPORTED, "cannot accept a value of type %s",
                             info == NULL ? "???" : info->sql_name);
    }
    }
    if (status == STATUS_OK) *out = v;
    return status;
}

/* --- Output ---------------------------------------------------------------------------------- */

/* True when the value is its own text. */
static bool is_own_text(uint32_t oid, const struct sql_datum *v)
{
    switch (oid) {
    case SQL_TYPE_TEXT:
    case SQL_TYPE_VARCHAR:
    case SQL_TYPE_BPCHAR:
    case SQL_TYPE_NAME:
    case SQL_TYPE_UNKNOWN: return true;
    case SQL_TYPE_CHAR: return v->bytes.size == 0 || v->bytes.data[0] < 0x80;
    default: return false;
    }
}

static bool is_object(uint32_t oid)
{
    return oid == SQL_TYPE_REGPROC || oid == SQL_TYPE_REGCLASS || oid == SQL_TYPE_REGTYPE ||
           oid == SQL_TYPE_REGNAMESPACE || oid == SQL_TYPE_REGROLE;
}

/* At least as many bytes as format() writes, a NUL that sprintf adds included. */
static size_t format_bound(uint32_t oid, const struct sql_datum *v)
{
    switch (oid) {
    case SQL_TYPE_NUMERIC: return sql_numeric_text_bound(v->bytes);
    case SQL_TYPE_BYTEA: return v->bytes.size * 2 + 3;
    case SQL_TYPE_FLOAT4:
    case SQL_TYPE_FLOAT8: return SQL_REAL_TEXT_BYTES_MAX;
    default: return SQL_INTERVAL_TEXT_BYTES_MAX;
    }
}

static size_t format_integer(int64_t v, char *to)
{
    char digits[20];
    size_t count = 0, sign = v < 0;
    uint64_t left = v < 0 ? -(uint64_t)v : (uint64_t)v;
    do {
        digits[count++] = (char)('0' + left % 10);
        left /= 10;
    } while (left != 0);
    if (sign) to[0] = '-';
    for (size_t i = 0; i < count; i++)
        to[sign + i] = digits[count - 1 - i];
    return sign + count;
}

static size_t format(const struct sql_eval *e, uint32_t oid, const struct sql_datum *v, char *to)
{
    switch (oid) {
    case SQL_TYPE_BOOL: *to = v->boolean ? 't' : 'f'; return 1;
    case SQL_TYPE_INT2:
    case SQL_TYPE_INT4:
    case SQL_TYPE_INT8:
    case SQL_TYPE_OID: return format_integer(v->integer, to);
    case SQL_TYPE_FLOAT4:
    case SQL_TYPE_FLOAT8: return sql_real_format(oid, v->real, e->extra_float_digits, to);
    case SQL_TYPE_NUMERIC: return sql_numeric_format(v->bytes, to);
    case SQL_TYPE_CHAR: return (size_t)sprintf(to, "\\%03o", v->bytes.data[0]);
    case SQL_TYPE_BYTEA:
        memcpy(to, "\\x", 2);
        hex_encode(v->bytes, to + 2);
        return v->bytes.size * 2 + 2;
    case SQL_TYPE_UUID: sql_uuid_format(v->bytes, to); return SQL_UUID_TEXT_BYTES;
    case SQL_TYPE_DATE:
    case SQL_TYPE_TIME:
    case SQL_TYPE_TIMESTAMP:
    case SQL_TYPE_TIMESTAMPTZ: return sql_datetime_format(e, oid, v->integer, to);
    case SQL_TYPE_INTERVAL: return sql_interval_format(&v->interval, to);
    case SQL_TYPE_VOID: return 0;
    default: UNREACHABLE();
    }
}

static enum status output_object(struct sql_eval *e, uint32_t oid, int64_t object,
                                 struct bytes *text_out)
{
    ASSERT(object >= 0 && object <= UINT32_MAX);
    const char *text = NULL;
    if (object == 0) {
        text = "-";
    } else if (oid == SQL_TYPE_REGTYPE && sql_type_find((uint32_t)object) != NULL) {
        text = sql_type_find((uint32_t)object)->sql_name;
    } else if (e->object_name != NULL) {
        enum status status =
            e->object_name(e->catalog_ctx, oid, (uint32_t)object, e->arena, text_out);
        if (status != STATUS_NOT_FOUND) return status;
    }
    if (text == NULL) text = arena_printf(e->arena, "%lld", (long long)object);
    if (text == NULL) return sql_eval_no_memory(e);
    *text_out = bytes_of_string(text);
    return STATUS_OK;
}

enum status sql_type_output(struct sql_eval *e, uint32_t oid, const struct sql_datum *v,
                            struct bytes *text_out)
{
    ASSERT(!v->is_null);
    ASSERT(text_out != NULL);
    if (is_own_text(oid, v)) {
        *text_out = v->bytes;
        return STATUS_OK;
    }
    if (is_object(oid)) return output_object(e, oid, v->integer, text_out);
    size_t bound = format_bound(oid, v);
    char *text = sql_eval_alloc(e, bound);
    if (text == NULL) return STATUS_NO_MEMORY;
    size_t size = format(e, oid, v, text);
    ASSERT(size <= bound);
    *text_out = bytes_make(text, size);
    return STATUS_OK;
}

void sql_type_write(struct sql_eval *e, uint32_t oid, const struct sql_datum *v, struct buf *out)
{
    ASSERT(!v->is_null);
    if (is_own_text(oid, v)) {
        buf_append_bytes(out, v->bytes);
        return;
    }
    if (is_object(oid)) {
        struct bytes text;
        if (output_object(e, oid, v->integer, &text) == STATUS_OK)
            buf_append_bytes(out, text);
        else
            out->failed = true;
        return;
    }
    size_t bound = format_bound(oid, v);
    char small[SQL_REAL_TEXT_BYTES_MAX];
    if (bound <= sizeof small) { /* a buffer near its limit must not fail for a bound */
        size_t size = format(e, oid, v, small);
        ASSERT(size <= bound);
        buf_append(out, small, size);
        return;
    }
    uint8_t *room = buf_reserve(out, bound);
    if (room == NULL) return;
    size_t size = format(e, oid, v, (char *)room);
    ASSERT(size <= bound);
    out->size += size;
}
