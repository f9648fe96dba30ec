#include "sql/keycode.h"

#include <math.h>

#include "base/assert.h"
#include "base/codec.h"
#include "sql/collation.h"
#include "sql/datetime.h"
#include "sql/numeric.h"
#include "sql/types_io.h"

/* First byte of every column. */
#define MARK_NULL_FIRST 0x01
#define MARK_VALUE      0x02
#define MARK_NULL_LAST  0x03

/* First byte of a numeric. */
#define NUMERIC_MINUS_INFINITY 0x01
#define NUMERIC_NEGATIVE       0x02
#define NUMERIC_ZERO           0x03
#define NUMERIC_POSITIVE       0x04
#define NUMERIC_INFINITY       0x05
#define NUMERIC_NAN            0x06

/* In texts 0x00 is escaped, and what ends them sorts below every byte that can go on. */
#define ESCAPE       0x00
#define ESCAPED_ZERO 0xFF
#define TERMINATOR   0x01

#define SIGN64 (UINT64_C(1) << 63)

/* How a type is laid out behind the mark. */
enum layout {
    LAYOUT_BOOL = 1,
    LAYOUT_INT2,
    LAYOUT_INT4,
    LAYOUT_INT8,
    LAYOUT_UNSIGNED,
    LAYOUT_REAL4,
    LAYOUT_REAL8,
    LAYOUT_TEXT,
    LAYOUT_PADDED,
    LAYOUT_UUID,
    LAYOUT_NUMERIC,
    LAYOUT_INTERVAL,
};

static enum layout layout_of(uint32_t oid)
{
    switch (oid) {
    case SQL_TYPE_BOOL: return LAYOUT_BOOL;
    case SQL_TYPE_INT2: return LAYOUT_INT2;
    case SQL_TYPE_INT4:
    case SQL_TYPE_DATE: return LAYOUT_INT4;
    case SQL_TYPE_INT8:
    case SQL_TYPE_TIME:
    case SQL_TYPE_TIMESTAMP:
    case SQL_TYPE_TIMESTAMPTZ: return LAYOUT_INT8;
    case SQL_TYPE_OID:
    case SQL_TYPE_REGPROC:
    case SQL_TYPE_REGCLASS:
    case SQL_TYPE_REGTYPE:
    case SQL_TYPE_REGNAMESPACE:
    case SQL_TYPE_REGROLE: return LAYOUT_UNSIGNED;
    case SQL_TYPE_FLOAT4: return LAYOUT_REAL4;
    case SQL_TYPE_FLOAT8: return LAYOUT_REAL8;
    case SQL_TYPE_TEXT:
    case SQL_TYPE_VARCHAR:
    case SQL_TYPE_NAME:
    case SQL_TYPE_CHAR:
    case SQL_TYPE_BYTEA: return LAYOUT_TEXT;
    case SQL_TYPE_BPCHAR: return LAYOUT_PADDED;
    case SQL_TYPE_UUID: return LAYOUT_UUID;
    case SQL_TYPE_NUMERIC: return LAYOUT_NUMERIC;
    case SQL_TYPE_INTERVAL: return LAYOUT_INTERVAL;
    default: UNREACHABLE();
    }
}

bool sql_key_is_exact(uint32_t oid)
{
    switch (layout_of(oid)) {
    case LAYOUT_REAL4:
    case LAYOUT_REAL8:
    case LAYOUT_PADDED:
    case LAYOUT_NUMERIC:
    case LAYOUT_INTERVAL: return false;
    default: return true;
    }
}

/* --- Encoding -------------------------------------------------------------------------------- */

/* Numbers sort as unsigned ones with the sign bit flipped. */
static void put_signed(struct buf *key, int64_t v, unsigned size)
{
    ASSERT(size == 2 || size == 4 || size == 8);
    uint64_t shifted = (uint64_t)v ^ SIGN64;
    switch (size) {
    case 2: put_be16(key, (uint16_t)((uint16_t)v ^ 0x8000)); break;
    case 4: put_be32(key, (uint32_t)v ^ 0x80000000u); break;
    default: put_be64(key, shifted); break;
    }
}

/* A positive float sorts as its bits, a negative one the other way round. -0 is 0, and there is one
 * NaN, above infinity. */
static uint64_t bits_of_real(double v)
{
    if (v == 0) v = 0;
    if (isnan(v)) v = (double)NAN;
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits & SIGN64 ? ~bits : bits | SIGN64;
}

static uint32_t bits_of_float(double v)
{
    float single = (float)v;
    if (single == 0) single = 0;
    if (isnan(single)) single = NAN;
    uint32_t bits;
    memcpy(&bits, &single, sizeof bits);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static void put_text(struct buf *key, struct bytes text)
{
    while (text.size > 0) {
        const uint8_t *zero = memchr(text.data, ESCAPE, text.size);
        size_t plain = zero == NULL ? text.size : (size_t)(zero - text.data);
        buf_append(key, text.data, plain);
        text.data += plain;
        text.size -= plain;
        if (zero == NULL) break;
        buf_append_byte(key, ESCAPE);
        buf_append_byte(key, ESCAPED_ZERO);
        text.data++;
        text.size--;
    }
    buf_append_byte(key, ESCAPE);
    buf_append_byte(key, TERMINATOR);
}

/* Weight, then digits each one more than they are, then 0: a longer number is above its beginning.
 * All of it is inverted for negative numbers. */
static void put_numeric(struct buf *key, struct bytes payload)
{
    int sign = sql_numeric_sign(payload);
    if (!sql_numeric_is_finite(payload)) {
        buf_append_byte(key, sign == 0  ? NUMERIC_NAN
                             : sign > 0 ? NUMERIC_INFINITY
                                        : NUMERIC_MINUS_INFINITY);
        return;
    }
    buf_append_byte(key, sign == 0 ? NUMERIC_ZERO : sign > 0 ? NUMERIC_POSITIVE : NUMERIC_NEGATIVE);
    if (sign == 0) return;
    uint16_t flip = sign < 0 ? 0xFFFF : 0;
    uint16_t count = load_be16(payload.data), weight = load_be16(payload.data + 2);
    put_be16(key, (uint16_t)(weight ^ 0x8000 ^ flip));
    for (uint16_t i = 0; i < count; i++) {
        uint16_t digit = load_be16(payload.data + SQL_NUMERIC_HEAD_BYTES + 2 * i);
        put_be16(key, (uint16_t)((digit + 1) ^ flip));
    }
    put_be16(key, flip);
}

/* The length in us, with months of 30 days: 128 bits. */
static void put_interval(struct buf *key, const struct sql_interval *i)
{
    unsigned __int128 length = (unsigned __int128)sql_interval_length(i);
    put_be64(key, (uint64_t)(length >> 64) ^ SIGN64);
    put_be64(key, (uint64_t)length);
}

static void put_value(struct buf *key, uint32_t oid, const struct sql_datum *v)
{
    switch (layout_of(oid)) {
    case LAYOUT_BOOL: buf_append_byte(key, v->boolean); break;
    case LAYOUT_INT2: put_signed(key, v->integer, 2); break;
    case LAYOUT_INT4: put_signed(key, v->integer, 4); break;
    case LAYOUT_INT8: put_signed(key, v->integer, 8); break;
    case LAYOUT_UNSIGNED: put_be32(key, (uint32_t)v->integer); break;
    case LAYOUT_REAL4: put_be32(key, bits_of_float(v->real)); break;
    case LAYOUT_REAL8: put_be64(key, bits_of_real(v->real)); break;
    case LAYOUT_TEXT: put_text(key, v->bytes); break;
    case LAYOUT_PADDED: put_text(key, sql_collation_trim_padding(v->bytes)); break;
    case LAYOUT_UUID:
        ASSERT(v->bytes.size == SQL_UUID_BYTES);
        buf_append_bytes(key, v->bytes);
        break;
    case LAYOUT_NUMERIC: put_numeric(key, v->bytes); break;
    case LAYOUT_INTERVAL: put_interval(key, &v->interval); break;
    }
}

void sql_key_encode(struct buf *key, uint32_t oid, unsigned order, const struct sql_datum *value)
{
    ASSERT(order <= (SQL_KEY_DESCENDING | SQL_KEY_NULLS_FIRST));
    ASSERT(sql_type_find(oid)->can_be_key);
    if (value->is_null) {
        buf_append_byte(key, order & SQL_KEY_NULLS_FIRST ? MARK_NULL_FIRST : MARK_NULL_LAST);
        return;
    }
    buf_append_byte(key, MARK_VALUE);
    size_t start = key->size;
    put_value(key, oid, value);
    if (key->failed || !(order & SQL_KEY_DESCENDING)) return;
    for (size_t i = start; i < key->size; i++)
        key->data[i] = (uint8_t)~key->data[i];
}

/* --- Decoding -------------------------------------------------------------------------------- */

/* The bytes of a key as they were before descending inverted them. Nothing is read past the end:
 * `failed` is set instead. */
struct source {
    const uint8_t *at, *end;
    uint8_t flip;
    bool failed;
};

static uint8_t take(struct source *s)
{
    if (s->at == s->end) {
        s->failed = true;
        return 0;
    }
    return *s->at++ ^ s->flip;
}

static uint64_t take_number(struct source *s, unsigned size)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < size; i++)
        v = v << 8 | take(s);
    return v;
}

/* Ends behind the terminator. *size_out is the size of the text itself. */
static bool scan_text(struct source *s, size_t *size_out)
{
    for (size_t size = 0;; size++) {
        uint8_t byte = take(s);
        if (s->failed) return false;
        if (byte != ESCAPE) continue;
        byte = take(s);
        if (byte == TERMINATOR && !s->failed) {
            *size_out = size;
            return true;
        }
        if (byte != ESCAPED_ZERO) return false;
    }
}

/* Ends behind the numeric. */
static bool scan_numeric(struct source *s, uint8_t *class_out, size_t *digits_out)
{
    *class_out = take(s);
    *digits_out = 0;
    if (s->failed || *class_out < NUMERIC_MINUS_INFINITY || *class_out > NUMERIC_NAN) return false;
    if (*class_out != NUMERIC_NEGATIVE && *class_out != NUMERIC_POSITIVE) return true;
    uint16_t flip = *class_out == NUMERIC_NEGATIVE ? 0xFFFF : 0;
    take_number(s, 2);
    for (;; (*digits_out)++) {
        uint16_t digit = (uint16_t)take_number(s, 2) ^ flip;
        if (s->failed || digit > 10000) return false;
        if (digit == 0) return *digits_out > 0;
    }
}

static enum status decode_text(struct arena *arena, struct source *s, struct bytes *out)
{
    struct source start = *s;
    size_t size;
    if (!scan_text(s, &size)) return STATUS_CORRUPT;
    uint8_t *text = arena_alloc(arena, size);
    if (text == NULL) return STATUS_NO_MEMORY;
    for (size_t i = 0; i < size; i++) {
        text[i] = take(&start);
        if (text[i] == ESCAPE) take(&start);
    }
    *out = bytes_make(text, size);
    return STATUS_OK;
}

/* The scale becomes the least that shows all digits. */
static enum status decode_numeric(struct arena *arena, struct source *s, struct bytes *out)
{
    struct source start = *s;
    uint8_t class;
    size_t digits;
    if (!scan_numeric(s, &class, &digits) || digits > UINT16_MAX) return STATUS_CORRUPT;
    size_t size = SQL_NUMERIC_HEAD_BYTES + 2 * digits;
    uint8_t *payload = arena_zalloc(arena, 1, size);
    if (payload == NULL) return STATUS_NO_MEMORY;
    take(&start);
    uint16_t flip = class == NUMERIC_NEGATIVE ? 0xFFFF : 0;
    uint16_t sign = class == NUMERIC_MINUS_INFINITY ? 0xF000
                    : class == NUMERIC_NEGATIVE     ? 0x4000
                    : class == NUMERIC_INFINITY     ? 0xD000
                    : class == NUMERIC_NAN          ? 0xC000
                                                    : 0;
    store_be16(payload, (uint16_t)digits);
    store_be16(payload + 4, sign);
    if (digits > 0) store_be16(payload + 2, (uint16_t)take_number(&start, 2) ^ 0x8000 ^ flip);
    for (size_t i = 0; i < digits; i++) {
        uint16_t digit = (uint16_t)(((uint16_t)take_number(&start, 2) ^ flip) - 1);
        store_be16(payload + SQL_NUMERIC_HEAD_BYTES + 2 * i, digit);
    }
    struct bytes whole = bytes_make(payload, size);
    /* The least scale can only be asked of a sound payload: try the largest first. */
    store_be16(payload + 6, digits > 0 ? SQL_NUMERIC_SCALE_MAX : 0);
    if (!sql_numeric_check(whole)) return STATUS_CORRUPT;
    if (digits > 0) store_be16(payload + 6, (uint16_t)sql_numeric_scale_min(whole));
    *out = whole;
    return STATUS_OK;
}

static double real_of_bits(uint64_t bits)
{
    bits = bits & SIGN64 ? bits & ~SIGN64 : ~bits;
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static double real_of_float_bits(uint32_t bits)
{
    bits = bits & 0x80000000u ? bits & 0x7FFFFFFFu : ~bits;
    float v;
    memcpy(&v, &bits, sizeof v);
    return (double)v;
}

/* An interval of that length: months as many as fit, then days, then time. */
static bool decode_interval(struct source *s, struct sql_interval *out)
{
    unsigned __int128 high = take_number(s, 8) ^ SIGN64;
    __int128 length = (__int128)(high << 64 | take_number(s, 8));
    __int128 months = length / (DAYS_PER_MONTH * US_PER_DAY);
    if (months > INT32_MAX) months = INT32_MAX;
    if (months < INT32_MIN) months = INT32_MIN;
    length -= months * (DAYS_PER_MONTH * US_PER_DAY);
    __int128 days = length / US_PER_DAY;
    if (days > INT32_MAX) days = INT32_MAX;
    if (days < INT32_MIN) days = INT32_MIN;
    length -= days * US_PER_DAY;
    if (length > INT64_MAX || length < INT64_MIN) return false;
    *out = (struct sql_interval){(int64_t)length, (int32_t)days, (int32_t)months};
    return true;
}

static enum status decode_integer(uint32_t oid, int64_t v, struct sql_datum *out)
{
    const struct sql_type_info *info = sql_type_find(oid);
    if (info->category == SQL_CATEGORY_DATETIME && !sql_datetime_check(oid, v))
        return STATUS_CORRUPT;
    out->integer = v;
    return STATUS_OK;
}

static enum status decode_value(struct arena *arena, struct source *s, uint32_t oid,
                                struct sql_datum *out)
{
    switch (layout_of(oid)) {
    case LAYOUT_BOOL: {
        uint8_t byte = take(s);
        out->boolean = byte == 1;
        return byte <= 1 ? STATUS_OK : STATUS_CORRUPT;
    }
    case LAYOUT_INT2:
        return decode_integer(oid, (int16_t)((uint16_t)take_number(s, 2) ^ 0x8000), out);
    case LAYOUT_INT4:
        return decode_integer(oid, (int32_t)((uint32_t)take_number(s, 4) ^ 0x80000000u), out);
    case LAYOUT_INT8: {
        uint64_t v = take_number(s, 8);
        return s->failed ? STATUS_CORRUPT : decode_integer(oid, (int64_t)(v ^ SIGN64), out);
    }
    case LAYOUT_UNSIGNED: out->integer = (int64_t)take_number(s, 4); return STATUS_OK;
    case LAYOUT_REAL4:
        out->real = real_of_float_bits((uint32_t)take_number(s, 4));
        return STATUS_OK;
    case LAYOUT_REAL8: out->real = real_of_bits(take_number(s, 8)); return STATUS_OK;
    case LAYOUT_TEXT:
    case LAYOUT_PADDED: return decode_text(arena, s, &out->bytes);
    case LAYOUT_UUID: {
        uint8_t *uuid = arena_alloc(arena, SQL_UUID_BYTES);
        if (uuid == NULL) return STATUS_NO_MEMORY;
        for (size_t i = 0; i < SQL_UUID_BYTES; i++)
            uuid[i] = take(s);
        out->bytes = bytes_make(uuid, SQL_UUID_BYTES);
        return STATUS_OK;
    }
    case LAYOUT_NUMERIC: return decode_numeric(arena, s, &out->bytes);
    case LAYOUT_INTERVAL: return decode_interval(s, &out->interval) ? STATUS_OK : STATUS_CORRUPT;
    }
    UNREACHABLE();
}

/* Takes the mark; *null_out says what it was. */
static bool take_mark(struct bytes *key, unsigned order, bool *null_out)
{
    if (key->size == 0) return false;
    uint8_t mark = key->data[0];
    key->data++;
    key->size--;
    *null_out = mark == (order & SQL_KEY_NULLS_FIRST ? MARK_NULL_FIRST : MARK_NULL_LAST);
    return *null_out || mark == MARK_VALUE;
}

static struct source source_of(struct bytes key, unsigned order)
{
    return (struct source){
        .at = key.data, .end = key.data + key.size, .flip = order & SQL_KEY_DESCENDING ? 0xFF : 0};
}

enum status sql_key_decode(struct arena *arena, struct bytes *key, uint32_t oid, unsigned order,
                           struct sql_datum *out)
{
    ASSERT(out != NULL);
    ASSERT(sql_type_find(oid)->can_be_key);
    struct bytes rest = *key;
    struct sql_datum value = {.is_null = false};
    bool null;
    if (!take_mark(&rest, order, &null)) return STATUS_CORRUPT;
    if (null) {
        value = SQL_NULL;
    } else {
        struct source s = source_of(rest, order);
        enum status status = decode_value(arena, &s, oid, &value);
        if (status != STATUS_OK) return status;
        if (s.failed) return STATUS_CORRUPT;
        rest = bytes_make(s.at, (size_t)(s.end - s.at));
    }
    *key = rest;
    *out = value;
    return STATUS_OK;
}

static size_t fixed_size(enum layout layout)
{
    switch (layout) {
    case LAYOUT_BOOL: return 1;
    case LAYOUT_INT2: return 2;
    case LAYOUT_INT4:
    case LAYOUT_UNSIGNED:
    case LAYOUT_REAL4: return 4;
    case LAYOUT_INT8:
    case LAYOUT_REAL8: return 8;
    case LAYOUT_UUID:
    case LAYOUT_INTERVAL: return 16;
    default: return 0;
    }
}

enum status sql_key_skip(struct bytes *key, uint32_t oid, unsigned order)
{
    ASSERT(sql_type_find(oid)->can_be_key);
    struct bytes rest = *key;
    bool null;
    if (!take_mark(&rest, order, &null)) return STATUS_CORRUPT;
    if (!null) {
        struct source s = source_of(rest, order);
        enum layout layout = layout_of(oid);
        size_t size = fixed_size(layout);
        uint8_t class;
        bool sound = size > 0                   ? rest.size >= size
                     : layout == LAYOUT_NUMERIC ? scan_numeric(&s, &class, &size)
                                                : scan_text(&s, &size);
        if (!sound) return STATUS_CORRUPT;
        if (fixed_size(layout) > 0) s.at += size;
        rest = bytes_make(s.at, (size_t)(s.end - s.at));
    }
    *key = rest;
    return STATUS_OK;
}

bool sql_key_successor(struct buf *key)
{
    size_t size = key->size;
    while (size > 0 && key->data[size - 1] == 0xFF)
        size--;
    if (size == 0) return false;
    key->data[size - 1]++;
    buf_truncate(key, size);
    return true;
}
