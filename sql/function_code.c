/* String functions: codes and encodings, quoting, LIKE. */
#include "base/utf8.h"
#include "sql/function_string_int.h"
#include "sql/text.h"
#include "sql/types_io.h"

/* --- Codes ----------------------------------------------------------------------------------- */

static enum status find_format(struct sql_eval *e, struct bytes name,
                               enum sql_bytea_format *format_out)
{
    static const char *const names[] = {"hex", "base64", "escape"};
    struct bytes lower;
    enum status status = text_change_case(e, name, TEXT_LOWER, &lower);
    if (status != STATUS_OK) return status;
    for (int i = 0; i < 3; i++)
        if (bytes_equal(lower, bytes_of_string(names[i]))) {
            *format_out = (enum sql_bytea_format)i;
            return STATUS_OK;
        }
    return sql_eval_fail(e, SQLSTATE_INVALID_PARAMETER_VALUE, "unrecognized encoding: \"%.*s\"",
                         SQL_SHOWN(name));
}

EVALUATE(encode_bytes)
{
    enum sql_bytea_format format;
    enum status status = find_format(e, function_bytes(call, 1), &format);
    if (status != STATUS_OK) return status;
    return sql_bytea_encode(e, format, function_bytes(call, 0), &out->bytes);
}

EVALUATE(decode_text)
{
    enum sql_bytea_format format;
    enum status status = find_format(e, function_bytes(call, 1), &format);
    if (status != STATUS_OK) return status;
    return sql_bytea_decode(e, format, function_bytes(call, 0), &out->bytes);
}

EVALUATE(ascii_text)
{
    uint32_t code = 0;
    utf8_decode(function_bytes(call, 0), &code);
    out->integer = code;
    return STATUS_OK;
}

EVALUATE(chr_integer)
{
    int64_t code = function_integer(call, 0);
    if (code < 0)
        return sql_eval_fail(e, SQLSTATE_INVALID_PARAMETER_VALUE,
                             "character number must be positive");
    if (code == 0)
        return sql_eval_fail(e, SQLSTATE_PROGRAM_LIMIT_EXCEEDED, "null character not permitted");
    if (code > 0x10FFFF)
        return sql_eval_fail(e, SQLSTATE_PROGRAM_LIMIT_EXCEEDED,
                             "requested character too large for encoding: %u", (unsigned)code);
    if (code >= 0xD800 && code <= 0xDFFF)
        return sql_eval_fail(e, SQLSTATE_PROGRAM_LIMIT_EXCEEDED,
                             "requested character not valid for encoding: %u", (unsigned)code);
    uint8_t *to;
    enum status status = function_make_bytes(e, 4, out, &to);
    if (status != STATUS_OK) return status;
    uint32_t c = (uint32_t)code;
    size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = size - 1; i > 0; i--) {
        to[i] = (uint8_t)(0x80 | (c & 0x3F));
        c >>= 6;
    }
    to[0] = (uint8_t)(lead[size] | c);
    out->bytes.size = size;
    return STATUS_OK;
}

EVALUATE(to_hex)
{
    uint64_t v = (uint64_t)function_integer(call, 0);
    if (call->types[0].oid == SQL_TYPE_INT4) v &= UINT32_MAX;
    const char *text = arena_printf(e->arena, "%llx", (unsigned long long)v);
    if (text == NULL) return sql_eval_no_memory(e);
    out->bytes = bytes_of_string(text);
    return STATUS_OK;
}

static enum status check_byte_index(struct sql_eval *e, const struct sql_call *call)
{
    struct bytes bytes = function_bytes(call, 0);
    int64_t n = function_integer(call, 1);
    if (n >= 0 && (uint64_t)n < bytes.size) return STATUS_OK;
    return sql_eval_fail(e, SQLSTATE_ARRAY_SUBSCRIPT_ERROR,
                         "index %lld out of valid range, 0..%lld", (long long)n,
                         (long long)bytes.size - 1);
}

EVALUATE(get_byte)
{
    enum status status = check_byte_index(e, call);
    if (status == STATUS_OK) out->integer = function_bytes(call, 0).data[function_integer(call, 1)];
    return status;
}

EVALUATE(set_byte)
{
    struct bytes bytes = function_bytes(call, 0);
    uint8_t *to;
    enum status status = check_byte_index(e, call);
    if (status == STATUS_OK) status = function_make_bytes(e, bytes.size, out, &to);
    if (status != STATUS_OK) return status;
    function_put(to, bytes);
    to[function_integer(call, 1)] = (uint8_t)function_integer(call, 2);
    return STATUS_OK;
}

EVALUATE(bit_count)
{
    struct bytes bytes = function_bytes(call, 0);
    for (size_t i = 0; i < bytes.size; i++)
        out->integer += __builtin_popcount(bytes.data[i]);
    return STATUS_OK;
}

/* --- Quoting and patterns -------------------------------------------------------------------- */

EVALUATE(quote_identifier)
{
    return text_quote_identifier(e, function_bytes(call, 0), &out->bytes);
}

EVALUATE(quote_literal)
{
    return text_quote_literal(e, function_bytes(call, 0), &out->bytes);
}

EVALUATE(quote_nullable)
{
    if (call->args[0].is_null) {
        out->bytes = BYTES_LITERAL("NULL");
        return STATUS_OK;
    }
    return text_quote_literal(e, function_bytes(call, 0), &out->bytes);
}

/* Any value, by its text. */
EVALUATE(quote_any)
{
    struct sql_datum text = call->args[0];
    if (text.is_null) {
        out->bytes = BYTES_LITERAL("NULL");
        return STATUS_OK;
    }
    enum status status = STATUS_OK;
    if (call->types[0].oid != SQL_TYPE_UNKNOWN)
        status = sql_cast(e, call->types[0].oid, sql_type_of(SQL_TYPE_TEXT), SQL_CAST_EXPLICIT,
                          &call->args[0], &text);
    return status != STATUS_OK ? status : text_quote_literal(e, text.bytes, &out->bytes);
}

EVALUATE(like_text)
{
    return text_like(e, function_bytes(call, 0), function_bytes(call, 1), function_takes_bytea(call), &out->boolean);
}

EVALUATE(not_like_text)
{
    enum status status = like_text(e, call, out);
    out->boolean = !out->boolean;
    return status;
}

EVALUATE(like_escape)
{
    return text_like_escape(e, function_bytes(call, 0), function_bytes(call, 1), &out->bytes);
}

#define T(t) SQL_TYPE_##t
#define NOT_STRICT(o, n, f, ...) \
    { \
        .oid = (o), .name = (n), .result = SQL_TYPE_TEXT, .evaluate = (f), \
        .volatility = SQL_STABLE, SIGNATURE(__VA_ARGS__) \
    }

static const struct sql_function rows[] = {
    FUNCTION(1946, "encode", TEXT, encode_bytes, T(BYTEA), T(TEXT)),
    FUNCTION(1947, "decode", BYTEA, decode_text, T(TEXT), T(TEXT)),
    FUNCTION(1620, "ascii", INT4, ascii_text, T(TEXT)),
    FUNCTION(1621, "chr", TEXT, chr_integer, T(INT4)),
    FUNCTION(2089, "to_hex", TEXT, to_hex, T(INT4)),
    FUNCTION(2090, "to_hex", TEXT, to_hex, T(INT8)),
    FUNCTION(721, "get_byte", INT4, get_byte, T(BYTEA), T(INT4)),
    FUNCTION(722, "set_byte", BYTEA, set_byte, T(BYTEA), T(INT4), T(INT4)),
    FUNCTION(6163, "bit_count", INT8, bit_count, T(BYTEA)),
    FUNCTION(1282, "quote_ident", TEXT, quote_identifier, T(TEXT)),
    FUNCTION(1283, "quote_literal", TEXT, quote_literal, T(TEXT)),
    FUNCTION(1285, "quote_literal", TEXT, quote_any, T(ANY)),
    NOT_STRICT(1290, "quote_nullable", quote_any, T(ANY)),
    NOT_STRICT(1289, "quote_nullable", quote_nullable, T(TEXT)),
    FUNCTION(1569, "like", BOOL, like_text, T(TEXT), T(TEXT)),
    FUNCTION(2007, "like", BOOL, like_text, T(BYTEA), T(BYTEA)),
    FUNCTION(1570, "notlike", BOOL, not_like_text, T(TEXT), T(TEXT)),
    FUNCTION(2008, "notlike", BOOL, not_like_text, T(BYTEA), T(BYTEA)),
    FUNCTION(1637, "like_escape", TEXT, like_escape, T(TEXT), T(TEXT)),
};

const struct function_table function_code_table = {rows, sizeof rows / sizeof rows[0]};
