#include "base/assert.h"
#include "base/hex.h"
#include "sql/text_ascii.h"
#include "sql/types_io.h"

static int digit_value(uint8_t c)
{
    if (ascii_is_digit(c)) return c - '0';
    int letter = ascii_lower(c);
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* 32 digits, with a hyphen after any group of four, all of it in braces or not. */
static bool read_uuid(struct bytes text, uint8_t *uuid_out)
{
    bool braces = text.size > 0 && text.data[0] == '{';
    if (braces) {
        if (text.size < 2 || text.data[text.size - 1] != '}') return false;
        text = bytes_make(text.data + 1, text.size - 2);
    }
    size_t at = 0;
    for (size_t i = 0; i < SQL_UUID_BYTES; i++) {
        if (text.size - at < 2) return false;
        int high = digit_value(text.data[at]), low = digit_value(text.data[at + 1]);
        if (high < 0 || low < 0) return false;
        uuid_out[i] = (uint8_t)(high << 4 | low);
        at += 2;
        if (i % 2 == 1 && i < SQL_UUID_BYTES - 1 && at < text.size && text.data[at] == '-') at++;
    }
    return at == text.size;
}

enum status sql_uuid_parse(struct sql_eval *e, struct bytes text, struct bytes *out)
{
    ASSERT(out != NULL);
    uint8_t *uuid = sql_eval_alloc(e, SQL_UUID_BYTES);
    if (uuid == NULL) return STATUS_NO_MEMORY;
    if (!read_uuid(text, uuid))
        return sql_eval_fail(e, SQLSTATE_INVALID_TEXT_REPRESENTATION,
                             "invalid input syntax for type uuid: \"%.*s\"", SQL_SHOWN(text));
    *out = bytes_make(uuid, SQL_UUID_BYTES);
    return STATUS_OK;
}

void sql_uuid_format(struct bytes uuid, char *text_out)
{
    ASSERT(uuid.size == SQL_UUID_BYTES);
    char digits[2 * SQL_UUID_BYTES + 1];
    hex_encode(uuid, digits);
    char *at = text_out;
    for (size_t i = 0; i < 2 * SQL_UUID_BYTES; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20) *at++ = '-';
        *at++ = digits[i];
    }
    ASSERT(at - text_out == SQL_UUID_TEXT_BYTES);
}
