/* Whole numbers, booleans and OIDs as text. */
#include <stdio.h>

#include "base/assert.h"
#include "base/utf8.h"
#include "sql/text_ascii.h"
#include "sql/types_io.h"

static enum status fail_syntax(struct sql_eval *e, uint32_t oid, struct bytes text)
{
    return sql_eval_fail(e, SQLSTATE_INVALID_TEXT_REPRESENTATION,
                         "invalid input syntax for type %s: \"%.*s\"", sql_type_find(oid)->sql_name,
                         SQL_SHOWN(text));
}

static enum status fail_range(struct sql_eval *e, uint32_t oid, struct bytes text)
{
    return sql_eval_fail(e, SQLSTATE_NUMERIC_VALUE_OUT_OF_RANGE,
                         "value \"%.*s\" is out of range for type %s", SQL_SHOWN(text),
                         sql_type_find(oid)->sql_name);
}

enum status sql_integer_parse(struct sql_eval *e, uint32_t oid, struct bytes text, int64_t *out)
{
    struct bytes inner = ascii_trim(text);
    size_t at = 0;
    bool negative = inner.size > 0 && inner.data[0] == '-';
    if (inner.size > 0 && (inner.data[0] == '-' || inner.data[0] == '+')) at++;
    if (at == inner.size) return fail_syntax(e, oid, text);
    bool fits = true;
    int64_t value = 0; /* built up negative: that side reaches one further */
    for (; at < inner.size; at++) {
        if (!ascii_is_digit(inner.data[at])) return fail_syntax(e, oid, text);
        fits = fits && !__builtin_mul_overflow(value, INT64_C(10), &value) &&
               !__builtin_sub_overflow(value, inner.data[at] - '0', &value);
    }
    int64_t max = oid == SQL_TYPE_INT2 ? INT16_MAX : oid == SQL_TYPE_INT4 ? INT32_MAX : INT64_MAX;
    int64_t least = negative ? -max - 1 : -max;
    /* Of OIDs the upper half may be written as negative numbers: -1 is the last one. */
    if (oid == SQL_TYPE_OID) least = negative ? INT32_MIN : -(int64_t)UINT32_MAX;
    if (!fits || value < least) return fail_range(e, oid, text);
    *out = negative ? value : -value;
    if (oid == SQL_TYPE_OID) *out &= UINT32_MAX;
    return STATUS_OK;
}

/* Any unambiguous beginning of the word, in any case. */
static bool begins_word(struct bytes text, const char *word, size_t size_min)
{
    if (text.size < size_min || text.size > strlen(word)) return false;
    for (size_t i = 0; i < text.size; i++)
        if (ascii_lower(text.data[i]) != word[i]) return false;
    return true;
}

enum status sql_boolean_parse(struct sql_eval *e, struct bytes text, bool *out)
{
    ASSERT(out != NULL);
    struct bytes inner = ascii_trim(text);
    bool yes = begins_word(inner, "true", 1) || begins_word(inner, "yes", 1) ||
               begins_word(inner, "on", 2) || begins_word(inner, "1", 1);
    bool no = begins_word(inner, "false", 1) || begins_word(inner, "no", 1) ||
              begins_word(inner, "off", 2) || begins_word(inner, "0", 1);
    ASSERT(!(yes && no));
    if (!yes && !no) return fail_syntax(e, SQL_TYPE_BOOL, text);
    *out = yes;
    return STATUS_OK;
}

/* How many bytes the lead byte announces: the message shows as many. */
static size_t announced_size(uint8_t lead)
{
    return lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
}

enum status sql_text_check(struct sql_eval *e, struct bytes text)
{
    if (ascii_only(text)) return STATUS_OK;
    bool sound = utf8_valid(text) && (text.size == 0 || memchr(text.data, 0, text.size) == NULL);
    if (sound) return STATUS_OK;
    struct bytes rest = text;
    while (rest.size > 0) {
        size_t size = utf8_decode(rest, NULL);
        if (size == 0 || rest.data[0] == 0) break;
        rest.data += size;
        rest.size -= size;
    }
    ASSERT(rest.size > 0);
    char shown[4 * 5 + 1] = "";
    size_t count = announced_size(rest.data[0]);
    for (size_t i = 0; i < count && i < rest.size; i++)
        snprintf(shown + 5 * i, sizeof shown - 5 * i, " 0x%02x", rest.data[i]);
    return sql_eval_fail(e, SQLSTATE_CHARACTER_NOT_IN_REPERTOIRE,
                         "invalid byte sequence for encoding \"UTF8\":%s", shown);
}
