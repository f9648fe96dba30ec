/* bytea as text: hexadecimal, base64 and escapes. */
#include "base/assert.h"
#include "base/hex.h"
#include "sql/text_ascii.h"
#include "sql/types_io.h"

#define BASE64_LINE_BYTES 76 /* characters between line breaks, as MIME wants them */

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* --- Hexadecimal ----------------------------------------------------------------------------- */

static int hex_value(uint8_t c)
{
    if (ascii_is_digit(c)) return c - '0';
    int letter = ascii_lower(c);
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

static enum status encode_hex(struct sql_eval *e, struct bytes bytes, uint8_t *to, size_t *size_out)
{
    for (size_t at = 0; at < bytes.size; at += SQL_EVAL_PIECE_BYTES) {
        size_t left = bytes.size - at;
        enum status status = sql_eval_effort_at(e, at);
        if (status != STATUS_OK) return status;
        hex_encode(bytes_make(bytes.data + at, left < SQL_EVAL_PIECE_BYTES ? left : SQL_EVAL_PIECE_BYTES), (char *)to + 2 * at);
    }
    *size_out = bytes.size * 2;
    return STATUS_OK;
}

/* Blanks may stand between pairs. The size is written even when the message is too. */
static enum status decode_hex(struct sql_eval *e, struct bytes text, uint8_t *to, size_t *size_out)
{
    uint8_t *at = to;
    for (size_t i = 0; i < text.size; i++) {
        if (ascii_is_space(text.data[i]) && text.data[i] != '\v' && text.data[i] != '\f') continue;
        int high = hex_value(text.data[i]);
        int low = high < 0 || i + 1 == text.size ? 0 : hex_value(text.data[i + 1]);
        if (high < 0 || low < 0) {
            const uint8_t *bad = text.data + (high < 0 ? i : i + 1);
            size_t size = 1;
            while (bad + size < text.data + text.size && (bad[size] & 0xC0) == 0x80)
                size++;
            return sql_eval_fail(e, SQLSTATE_INVALID_PARAMETER_VALUE,
                                 "invalid hexadecimal digit: \"%.*s\"",
                                 SQL_SHOWN(bytes_make(bad, size)));
        }
        if (i + 1 == text.size)
            return sql_eval_fail(e, SQLSTATE_INVALID_PARAMETER_VALUE,
                                 "invalid hexadecimal data: odd number of digits");
        *at++ = (uint8_t)(high << 4 | low);
        i++;
    }
    *size_out = (size_t)(at - to);
    return STATUS_OK;
}

/* --- Base64 ---------------------------------------------------------------------------------- */

static enum status encode_base64(struct sql_eval *e, struct bytes bytes, uint8_t *to, size_t *size_out)
{
    uint8_t *at = to;
    size_t column = 0;
    for (size_t i = 0; i < bytes.size; i += 3) {
        enum status status = sql_eval_effort(e, 1);
        if (status != STATUS_OK) return status;
        size_t left = bytes.size - i;
        uint32_t group = (uint32_t)bytes.data[i] << 16;
        if (left > 1) group |= (uint32_t)bytes.data[i + 1] << 8;
        if (left > 2) group |= bytes.data[i + 2];
        *at++ = (uint8_t)base64_digits[group >> 18];
        *at++ = (uint8_t)base64_digits[group >> 12 & 63];
        *at++ = left > 1 ? (uint8_t)base64_digits[group >> 6 & 63] : '=';
        *at++ = left > 2 ? (uint8_t)base64_digits[group & 63] : '=';
        column += 4;
        if (column == BASE64_LINE_BYTES) {
            *at++ = '\n';
            column = 0;
        }
    }
    *size_out = (size_t)(at - to);
    return STATUS_OK;
}

static enum status fail_base64(struct sql_eval *e, const uint8_t *symbol)
{
    if (symbol == NULL) {
        sql_eval_fail(e, SQLSTATE_INVALID_PARAMETER_VALUE, "invalid base64 end sequence");
        sql_error_hint(e->error, e->arena,
                       "Input data is missing padding, is truncated, or is otherwise corrupted.");
        return STATUS_INVALID;
    }
    if (*symbol == '=')
        return sql_eval_fail(e, SQLSTATE_INVALID_PARAMETER_VALUE,
                             "unexpected \"=\" while decoding base64 sequence");
    size_t size = *symbol >= 0xF0 ? 4 : *symbol >= 0xE0 ? 3 : *symbol >= 0xC0 ? 2 : 1;
    return sql_eval_fail(e, SQLSTATE_INVALID_PARAMETER_VALUE,
                         "invalid symbol \"%.*s\" found while decoding base64 sequence", (int)size,
                         (const char *)symbol);
}

static enum status decode_base64(struct sql_eval *e, struct bytes text, uint8_t *to,
                                 size_t *size_out)
{
    uint8_t *at = to;
    uint32_t group = 0, digits = 0, bytes_per_group = 3; /* fewer once there is padding */
    for (size_t i = 0; i < text.size; i++) {
        enum status status = sql_eval_effort(e, 1);
        if (status != STATUS_OK) return status;
        uint8_t c = text.data[i];
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') continue;
        const char *found = c == 0 ? NULL : strchr(base64_digits, c);
        if (c == '=') {
            if (bytes_per_group == 3 && digits < 2) return fail_base64(e, &text.data[i]);
            if (bytes_per_group == 3) bytes_per_group = digits - 1;
        } else if (found == NULL) {
            return fail_base64(e, &text.data[i]);
        }
        group = group << 6 | (found == NULL ? 0 : (uint32_t)(found - base64_digits));
        if (++digits < 4) continue;
        *at++ = (uint8_t)(group >> 16);
        if (bytes_per_group > 1) *at++ = (uint8_t)(group >> 8);
        if (bytes_per_group > 2) *at++ = (uint8_t)group;
        group = digits = 0;
    }
    if (digits != 0) return fail_base64(e, NULL);
    *size_out = (size_t)(at - to);
    return STATUS_OK;
}

/* --- Escapes --------------------------------------------------------------------------------- */

static enum status encode_escape(struct sql_eval *e, struct bytes bytes, uint8_t *to, size_t *size_out)
{
    uint8_t *at = to;
    for (size_t i = 0; i < bytes.size; i++) {
        enum status status = sql_eval_effort_at(e, i);
        if (status != STATUS_OK) return status;
        uint8_t c = bytes.data[i];
        if (c == 0 || c >= 0x80) {
            *at++ = '\\';
            *at++ = (uint8_t)('0' + (c >> 6));
            *at++ = (uint8_t)('0' + (c >> 3 & 7));
            *at++ = (uint8_t)('0' + (c & 7));
        } else {
            if (c == '\\') *at++ = '\\';
            *at++ = c;
        }
    }
    *size_out = (size_t)(at - to);
    return STATUS_OK;
}

static bool is_octal(const uint8_t *c)
{
    return c[0] >= '0' && c[0] <= '3' && c[1] >= '0' && c[1] <= '7' && c[2] >= '0' && c[2] <= '7';
}

static enum status decode_escape(struct sql_eval *e, struct bytes text, uint8_t *to,
                                 size_t *size_out)
{
    uint8_t *at = to;
    for (size_t i = 0; i < text.size; i++) {
        size_t left = text.size - i;
        const uint8_t *c = text.data + i;
        if (*c != '\\') {
            *at++ = *c;
        } else if (left >= 4 && is_octal(c + 1)) {
            *at++ = (uint8_t)((c[1] - '0') << 6 | (c[2] - '0') << 3 | (c[3] - '0'));
            i += 3;
        } else if (left >= 2 && c[1] == '\\') {
            *at++ = '\\';
            i++;
        } else {
            return sql_eval_fail(e, SQLSTATE_INVALID_TEXT_REPRESENTATION,
                                 "invalid input syntax for type bytea");
        }
    }
    *size_out = (size_t)(at - to);
    return STATUS_OK;
}

/* --- All three ------------------------------------------------------------------------------- */

enum status sql_bytea_encode(struct sql_eval *e, enum sql_bytea_format format, struct bytes bytes,
                             struct bytes *text_out)
{
    ASSERT(text_out != NULL);
    ASSERT(bytes.size <= SIZE_MAX / 8);
    uint8_t *to = sql_eval_alloc(e, bytes.size * 4 + 8);
    if (to == NULL) return STATUS_NO_MEMORY;
    size_t size = 0;
    enum status status = STATUS_OK;
    switch (format) {
    case SQL_BYTEA_HEX: status = encode_hex(e, bytes, to, &size); break;
    case SQL_BYTEA_BASE64: status = encode_base64(e, bytes, to, &size); break;
    case SQL_BYTEA_ESCAPE: status = encode_escape(e, bytes, to, &size); break;
    }
    if (status != STATUS_OK) return status;
    ASSERT(size <= bytes.size * 4 + 8);
    *text_out = bytes_make(to, size);
    return STATUS_OK;
}

enum status sql_bytea_decode(struct sql_eval *e, enum sql_bytea_format format, struct bytes text,
                             struct bytes *out)
{
    ASSERT(out != NULL);
    uint8_t *to = sql_eval_alloc(e, text.size + 1); /* no format grows when decoded */
    if (to == NULL) return STATUS_NO_MEMORY;
    size_t size = 0;
    enum status status = STATUS_OK;
    switch (format) {
    case SQL_BYTEA_HEX: status = decode_hex(e, text, to, &size); break;
    case SQL_BYTEA_BASE64: status = decode_base64(e, text, to, &size); break;
    case SQL_BYTEA_ESCAPE: status = decode_escape(e, text, to, &size); break;
    }
    if (status != STATUS_OK) return status;
    ASSERT(size <= text.size);
    *out = bytes_make(to, size);
    return STATUS_OK;
}

enum status sql_bytea_parse(struct sql_eval *e, struct bytes text, struct bytes *out)
{
    if (bytes_has_prefix(text, BYTES_LITERAL("\\x")))
        return sql_bytea_decode(e, SQL_BYTEA_HEX, bytes_make(text.data + 2, text.size - 2), out);
    return sql_bytea_decode(e, SQL_BYTEA_ESCAPE, text, out);
}
