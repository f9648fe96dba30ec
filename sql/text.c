#include "sql/text.h"

#include <utf8proc.h>

#include "base/assert.h"
#include "base/utf8.h"
#include "sql/text_ascii.h"

size_t text_char_size(struct bytes text, size_t at)
{
    ASSERT(at < text.size);
    size_t size = utf8_decode(bytes_make(text.data + at, text.size - at), NULL);
    return size == 0 ? 1 : size;
}

size_t text_prefix_size(struct bytes text, int64_t count)
{
    size_t at = 0;
    for (; count > 0 && at < text.size; count--) {
        if (text.data[at++] < 0x80) continue;
        while (at < text.size && (text.data[at] & 0xC0) == 0x80) at++;
    }
    return at;
}

/* --- Case ------------------------------------------------------------------------------------ */

static bool is_word_character(uint32_t code)
{
    if (code < 128) return ascii_is_letter((int)code) || ascii_is_digit((int)code);
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code);
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO;
}

static uint32_t change_code(uint32_t code, bool upper)
{
    if (code < 128) return (uint32_t)(upper ? ascii_upper((int)code) : ascii_lower((int)code));
    if (code == 0xDF) return code; /* sharp s: its capital is two letters, and stays as it is */
    utf8proc_int32_t c = (utf8proc_int32_t)code;
    return (uint32_t)(upper ? utf8proc_toupper(c) : utf8proc_tolower(c));
}

enum status text_change_case(struct sql_eval *e, struct bytes text, enum text_case to,
                             struct bytes *out)
{
    ASSERT(out != NULL);
    /* A character of one byte may become one of three, and no other grows more. */
    uint8_t *result = sql_eval_alloc(e, text.size * 3 + 1);
    if (result == NULL) return STATUS_NO_MEMORY;
    size_t size = 0;
    bool inside_word = false;
    for (size_t at = 0, told = 0; at < text.size;) {
        if (at >= told) {
            enum status status = sql_eval_effort(e, SQL_EVAL_PIECE_BYTES);
            if (status != STATUS_OK) return status;
            told += SQL_EVAL_PIECE_BYTES;
        }
        uint32_t code = text.data[at];
        at += code < 128 ? 1 : utf8_decode(bytes_make(text.data + at, text.size - at), &code);
        bool upper = to == TEXT_UPPER || (to == TEXT_INITCAP && !inside_word);
        inside_word = is_word_character(code);
        code = change_code(code, upper);
        if (code < 128)
            result[size++] = (uint8_t)code;
        else
            size += (size_t)utf8proc_encode_char((utf8proc_int32_t)code, result + size);
    }
    ASSERT(size <= text.size * 3);
    *out = bytes_make(result, size);
    return STATUS_OK;
}

/* --- LIKE ------------------------------------------------------------------------------------ */

/* Never looks back further than to the last %: what came before it has matched as early as it can.
 */
enum status text_like(struct sql_eval *e, struct bytes text, struct bytes pattern, bool bytewise,
                      bool *out)
{
    ASSERT(out != NULL);
    size_t t = 0, p = 0, retry_t = 0, retry_p = SIZE_MAX;
    while (t < text.size) {
        if (p < pattern.size && pattern.data[p] == '%') {
            retry_p = ++p;
            retry_t = t;
            continue;
        }
        if (p < pattern.size && pattern.data[p] == '_') {
            t += bytewise ? 1 : text_char_size(text, t);
            p++;
            continue;
        }
        bool escaped = p < pattern.size && pattern.data[p] == '\\';
        if (escaped && p + 1 == pattern.size)
            return sql_eval_fail(e, SQLSTATE_INVALID_ESCAPE_SEQUENCE,
                                 "LIKE pattern must not end with escape character");
        if (p + escaped < pattern.size && pattern.data[p + escaped] == text.data[t]) {
            p += 1 + (size_t)escaped;
            t++;
            continue;
        }
        if (retry_p == SIZE_MAX) {
            *out = false;
            return STATUS_OK;
        }
        /* The last % takes one character more. */
        enum status status = sql_eval_effort(e, t - retry_t + 1);
        if (status != STATUS_OK) return status;
        retry_t += bytewise ? 1 : text_char_size(text, retry_t);
        t = retry_t;
        p = retry_p;
    }
    while (p < pattern.size && pattern.data[p] == '%')
        p++;
    *out = p == pattern.size;
    return STATUS_OK;
}

enum status text_like_escape(struct sql_eval *e, struct bytes pattern, struct bytes escape,
                             struct bytes *out)
{
    ASSERT(out != NULL);
    if (escape.size > 0 && text_char_size(escape, 0) != escape.size) {
        sql_eval_fail(e, SQLSTATE_INVALID_ESCAPE_SEQUENCE, "invalid escape string");
        sql_error_hint(e->error, e->arena, "Escape string must be empty or one character.");
        return STATUS_INVALID;
    }
    if (bytes_equal(escape, BYTES_LITERAL("\\"))) {
        *out = pattern;
        return STATUS_OK;
    }
    uint8_t *result = sql_eval_alloc(e, pattern.size * 2 + 1);
    if (result == NULL) return STATUS_NO_MEMORY;
    size_t size = 0;
    bool escaped = false;
    for (size_t at = 0; at < pattern.size;) {
        struct bytes c = bytes_make(pattern.data + at, text_char_size(pattern, at));
        at += c.size;
        if (escape.size > 0 && !escaped && bytes_equal(c, escape)) {
            result[size++] = '\\';
            escaped = true;
            continue;
        }
        if (c.data[0] == '\\' && !escaped) result[size++] = '\\';
        memcpy(result + size, c.data, c.size);
        size += c.size;
        escaped = false;
    }
    *out = bytes_make(result, size);
    return STATUS_OK;
}

enum status text_like_prefix(struct sql_eval *e, struct bytes pattern, struct bytes *prefix_out,
                             bool *exact_out)
{
    ASSERT(prefix_out != NULL);
    ASSERT(exact_out != NULL);
    uint8_t *prefix = sql_eval_alloc(e, pattern.size + 1);
    if (prefix == NULL) return STATUS_NO_MEMORY;
    size_t size = 0, at = 0;
    for (; at < pattern.size; at++) {
        uint8_t c = pattern.data[at];
        if (c == '%' || c == '_') break;
        if (c == '\\') {
            if (at + 1 == pattern.size) break;
            c = pattern.data[++at];
        }
        prefix[size++] = c;
    }
    *exact_out = at == pattern.size;
    *prefix_out = bytes_make(prefix, size);
    return STATUS_OK;
}

/* --- Searching and quoting ------------------------------------------------------------------- */

size_t text_find(struct bytes text, struct bytes part, size_t from)
{
    ASSERT(from <= text.size);
    if (part.size == 0) return from;
    const uint8_t *found = memmem(text.data + from, text.size - from, part.data, part.size);
    return found == NULL ? SIZE_MAX : (size_t)(found - text.data);
}

/* Doubles `quote` inside and puts one at each end. */
static enum status quote(struct sql_eval *e, struct bytes text, uint8_t mark, const char *prefix,
                         struct bytes *out)
{
    size_t prefix_size = strlen(prefix);
    uint8_t *result = sql_eval_alloc(e, text.size * 2 + 2 + prefix_size);
    if (result == NULL) return STATUS_NO_MEMORY;
    memcpy(result, prefix, prefix_size);
    size_t size = prefix_size;
    result[size++] = mark;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == mark || (mark == '\'' && text.data[i] == '\\'))
            result[size++] = text.data[i];
        result[size++] = text.data[i];
    }
    result[size++] = mark;
    *out = bytes_make(result, size);
    return STATUS_OK;
}

/* Words that PostgreSQL reserves or lets stand for types and functions only: as names they need
 * quotes. */
static const char reserved_words[] =
    " all analyse analyze and any array as asc asymmetric authorization between "
    "bigint binary bit boolean both case cast char character check coalesce collate "
    "collation column concurrently constraint create cross current_catalog "
    "current_date current_role current_schema current_time current_timestamp "
    "current_user dec decimal default deferrable desc distinct do else end except "
    "exists extract false fetch float for foreign freeze from full grant greatest "
    "group grouping having ilike in initially inner inout int integer intersect "
    "interval into is isnull join lateral leading least left like limit localtime "
    "localtimestamp national natural nchar none normalize not notnull null nullif "
    "numeric offset on only or order out outer overlaps overlay placing position "
    "precision primary real references returning right row select session_user setof "
    "similar smallint some substring symmetric table tablesample then time timestamp "
    "to trailing treat trim true union unique user using values varchar variadic "
    "verbose when where window with xmlattributes xmlconcat xmlelement xmlexists "
    "xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable ";

static bool is_reserved(struct bytes text)
{
    char word[32];
    if (text.size + 2 > sizeof word) return false;
    word[0] = word[text.size + 1] = ' ';
    memcpy(word + 1, text.data, text.size);
    return memmem(reserved_words, sizeof reserved_words - 1, word, text.size + 2) != NULL;
}

enum status text_quote_identifier(struct sql_eval *e, struct bytes text, struct bytes *out)
{
    bool plain = text.size > 0 && !ascii_is_digit(text.data[0]);
    for (size_t i = 0; i < text.size && plain; i++) {
        uint8_t c = text.data[i];
        plain = (c >= 'a' && c <= 'z') || ascii_is_digit(c) || c == '_';
    }
    if (!plain || is_reserved(text)) return quote(e, text, '"', "", out);
    *out = text;
    return STATUS_OK;
}

enum status text_quote_literal(struct sql_eval *e, struct bytes text, struct bytes *out)
{
    bool backslash = text.size > 0 && memchr(text.data, '\\', text.size) != NULL;
    return quote(e, text, '\'', backslash ? "E" : "", out);
}
