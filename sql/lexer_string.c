/* Quoted tokens: strings in their four spellings, and identifiers. */
#include "sql/lexer_int.h"

#include "base/assert.h"
#include "base/utf8.h"

/* SQL's rule for one string in pieces: 'a' <white space with a newline> 'b' is 'ab'. Stands behind
 * a closing quote; when a piece follows, goes behind its opening quote and answers true. */
static bool continue_string(struct sql_lexer *l)
{
    uint32_t ahead = 0;
    bool newline = false;
    for (;;) {
        uint8_t byte = lexer_byte(l, ahead);
        if (byte == '-' && lexer_byte(l, ahead + 1) == '-') {
            while (lexer_byte(l, ahead) != 0 && !lexer_is(lexer_byte(l, ahead), LEXER_NEWLINE))
                ahead++;
        } else if (lexer_is(byte, LEXER_SPACE)) {
            newline = newline || lexer_is(byte, LEXER_NEWLINE);
            ahead++;
        } else {
            break;
        }
    }
    if (!newline || lexer_byte(l, ahead) != '\'') return false;
    COVER("sql_string_continued");
    l->at += ahead + 1;
    return true;
}

/* A size that the value cannot be over: that of the token, with its pieces, as written. */
static uint32_t value_size_max(const struct sql_lexer *l, uint32_t start, bool escapes)
{
    struct sql_lexer ahead = *l;
    ahead.at = start;
    while (ahead.at < ahead.size) {
        uint8_t byte = ahead.text[ahead.at++];
        if (byte == '\\' && escapes && ahead.at < ahead.size)
            ahead.at++;
        else if (byte == '\'' && lexer_byte(&ahead, 0) == '\'')
            ahead.at++;
        else if (byte == '\'' && !continue_string(&ahead))
            break;
    }
    return ahead.at - start;
}

/* Room for the value, with a NUL behind it. */
static uint8_t *value_alloc(struct sql_lexer *l, struct sql_token *token, bool escapes)
{
    uint8_t *value = arena_alloc(l->arena, value_size_max(l, l->at, escapes) + 1u);
    if (value == NULL) lexer_fail_memory(l, token);
    return value;
}

static void value_finish(struct sql_lexer *l, struct sql_token *token, enum sql_token_kind kind,
                         uint8_t *value, uint32_t size)
{
    value[size] = 0;
    token->kind = (uint16_t)kind;
    token->size = l->at - token->offset;
    token->text = (const char *)value;
    token->text_size = size;
    ASSERT(token->text_size <= token->size);
}

static const char *unterminated(enum sql_token_kind kind)
{
    if (kind == SQL_TOKEN_BIT_STRING) return "unterminated bit string literal";
    if (kind == SQL_TOKEN_HEX_STRING) return "unterminated hexadecimal string literal";
    return "unterminated quoted string";
}

/* A string in one piece without a quote in it, as nearly all are: one search and one copy. False,
 * and the lexer stays, when it is not. */
static bool plain_string(struct sql_lexer *l, struct sql_token *token, enum sql_token_kind kind)
{
    const uint8_t *start = l->text + l->at;
    const uint8_t *end = memchr(start, '\'', l->size - l->at);
    if (end == NULL) return false;
    uint32_t size = (uint32_t)(end - start), at = l->at;
    l->at += size + 1;
    bool doubled = kind == SQL_TOKEN_STRING && lexer_byte(l, 0) == '\'';
    if (!doubled && !continue_string(l)) {
        lexer_finish(l, token, kind, start, size);
        return true;
    }
    l->at = at;
    return false;
}

void lexer_string(struct sql_lexer *l, struct sql_token *token, enum sql_token_kind kind)
{
    ASSERT(lexer_byte(l, 0) == '\'');
    l->at++;
    if (plain_string(l, token, kind)) return;
    uint8_t *value = value_alloc(l, token, false);
    if (value == NULL) return;
    uint32_t size = 0;
    while (l->at < l->size) {
        uint8_t byte = l->text[l->at++];
        if (byte == '\'') {
            if (kind == SQL_TOKEN_STRING && lexer_byte(l, 0) == '\'') {
                l->at++;
            } else if (continue_string(l)) {
                continue;
            } else {
                value_finish(l, token, kind, value, size);
                return;
            }
        }
        value[size++] = byte;
    }
    lexer_fail(l, token, SQLSTATE_SYNTAX_ERROR, unterminated(kind));
}

/* The value of up to digits_max hexadecimal digits where the lexer stands; *count_out: how many. */
static uint32_t read_hex(struct sql_lexer *l, uint32_t digits_max, uint32_t *count_out)
{
    uint32_t value = 0, count = 0;
    for (; count < digits_max && lexer_is(lexer_byte(l, 0), LEXER_HEX); count++) {
        uint8_t byte = l->text[l->at++];
        value = value << 4 | (uint32_t)(byte <= '9' ? byte - '0' : (byte | 0x20) - 'a' + 10);
    }
    *count_out = count;
    return value;
}

static uint32_t encode(uint32_t code, uint8_t *out)
{
    ASSERT(code > 0 && code <= 0x10FFFF);
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    uint32_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (uint32_t i = size - 1; i > 0; i--, code >>= 6)
        out[i] = (uint8_t)(0x80 | (code & 0x3F));
    out[0] = (uint8_t)((0xF00 >> size) | code);
    return size;
}

/* The lexer's error position is that of the escape itself, not of the string. */
static void fail_escape(struct sql_lexer *l, struct sql_token *token, uint32_t start,
                        const char *sqlstate, const char *message)
{
    uint32_t characters = 0;
    for (uint32_t i = token->offset; i < start; i++)
        characters += (l->text[i] & 0xC0) != 0x80;
    token->position += characters;
    token->offset = start;
    lexer_fail(l, token, sqlstate, message);
}

/* \uXXXX or \UXXXXXXXX: reads it (standing behind the letter) and answers the code unit; 0 after a
 * failure. */
static uint32_t read_unicode(struct sql_lexer *l, struct sql_token *token, uint32_t start)
{
    uint32_t digits = l->text[l->at - 1] == 'u' ? 4 : 8, count;
    uint32_t code = read_hex(l, digits, &count);
    if (count < digits) {
        fail_escape(l, token, start, SQLSTATE_INVALID_ESCAPE_SEQUENCE, "invalid Unicode escape");
        l->error.message = "invalid Unicode escape";
        sql_error_hint(&l->error, l->arena, "Unicode escapes must be \\uXXXX or \\UXXXXXXXX.");
        return 0;
    }
    if (code == 0 || code > 0x10FFFF) {
        fail_escape(l, token, start, SQLSTATE_SYNTAX_ERROR, "invalid Unicode escape value");
        return 0;
    }
    return code;
}

static bool is_high_surrogate(uint32_t code)
{
    return code >= 0xD800 && code < 0xDC00;
}
static bool is_low_surrogate(uint32_t code)
{
    return code >= 0xDC00 && code < 0xE000;
}

/* A code point in one escape, or in two that are a surrogate pair. Answers the value's size, 0
 * after a failure. */
static uint32_t read_code_point(struct sql_lexer *l, struct sql_token *token, uint32_t start,
                                uint8_t *out)
{
    uint32_t code = read_unicode(l, token, start);
    if (code == 0) return 0;
    bool paired = false;
    if (is_high_surrogate(code)) {
        uint32_t second_start = l->at, second = 0;
        if (lexer_byte(l, 0) == '\\' && (lexer_byte(l, 1) | 0x20) == 'u') {
            l->at += 2;
            second = read_unicode(l, token, second_start);
            if (second == 0) return 0;
        }
        paired = is_low_surrogate(second);
        if (paired) code = 0x10000 + ((code & 0x3FF) << 10) + (second & 0x3FF);
        if (second_start < l->size) start = second_start;
        if (!paired && second == 0 && l->at < l->size) l->at++;
    }
    if (!paired && (is_high_surrogate(code) || is_low_surrogate(code))) {
        fail_escape(l, token, start, SQLSTATE_SYNTAX_ERROR, "invalid Unicode surrogate pair");
        return 0;
    }
    return encode(code, out);
}

static uint8_t read_octal(struct sql_lexer *l)
{
    uint32_t value = 0;
    for (int i = 0; i < 3 && lexer_byte(l, 0) >= '0' && lexer_byte(l, 0) <= '7'; i++)
        value = value << 3 | (uint32_t)(l->text[l->at++] - '0');
    return (uint8_t)value; /* as PostgreSQL: \777 is \377 */
}

static uint8_t single_escape(uint8_t letter)
{
    switch (letter) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return letter;
    }
}

/* Stands behind a backslash. Answers how many bytes of value it gave, 0 after a failure; *raw_out
 * is set when they may be malformed UTF-8 or NUL. */
static uint32_t read_escape(struct sql_lexer *l, struct sql_token *token, uint8_t *out,
                            bool *raw_out)
{
    uint32_t start = l->at - 1;
    uint8_t letter = lexer_byte(l, 0);
    if (letter >= '0' && letter <= '7') {
        *out = read_octal(l);
        *raw_out = true;
        return 1;
    }
    l->at++;
    if (letter == 'x' && lexer_is(lexer_byte(l, 0), LEXER_HEX)) {
        uint32_t count;
        *out = (uint8_t)read_hex(l, 2, &count);
        *raw_out = true;
        return 1;
    }
    if (letter == 'u' || letter == 'U') return read_code_point(l, token, start, out);
    *out = single_escape(letter);
    return 1;
}

/* Octal and hexadecimal escapes can spell anything; what comes out must be text. */
static bool check_value(struct sql_lexer *l, struct sql_token *token, const uint8_t *value,
                        uint32_t size)
{
    for (uint32_t at = 0; at < size;) {
        struct bytes rest = bytes_make(value + at, size - at);
        size_t length = rest.data[0] == 0 ? 0 : utf8_decode(rest, NULL);
        if (length == 0) {
            token->kind = SQL_TOKEN_FAILED;
            lexer_encoding_error(l->arena, &l->error, rest, 0);
            return false;
        }
        at += (uint32_t)length;
    }
    return true;
}

void lexer_escape_string(struct sql_lexer *l, struct sql_token *token)
{
    ASSERT(lexer_byte(l, 0) == '\'');
    l->at++;
    uint8_t *value = value_alloc(l, token, true);
    if (value == NULL) return;
    uint32_t size = 0;
    bool raw = false;
    while (l->at < l->size) {
        uint8_t byte = l->text[l->at++];
        if (byte == '\\' && l->at < l->size) {
            uint32_t count = read_escape(l, token, value + size, &raw);
            if (count == 0) return;
            size += count;
            continue;
        }
        if (byte == '\'') {
            if (lexer_byte(l, 0) == '\'') {
                l->at++;
            } else if (continue_string(l)) {
                continue;
            } else {
                value_finish(l, token, SQL_TOKEN_STRING, value, size);
                if (raw) check_value(l, token, value, size);
                return;
            }
        }
        value[size++] = byte;
    }
    lexer_fail(l, token, SQLSTATE_SYNTAX_ERROR, unterminated(SQL_TOKEN_STRING));
}

void lexer_dollar_string(struct sql_lexer *l, struct sql_token *token, uint32_t tag_size)
{
    ASSERT(lexer_byte(l, 0) == '$');
    ASSERT(tag_size >= 2);
    const uint8_t *tag = l->text + l->at;
    l->at += tag_size;
    const uint8_t *start = l->text + l->at, *end = l->text + l->size;
    const uint8_t *close = memmem(start, (size_t)(end - start), tag, tag_size);
    if (close == NULL) {
        l->at = l->size;
        lexer_fail(l, token, SQLSTATE_SYNTAX_ERROR, "unterminated dollar-quoted string");
        return;
    }
    l->at += (uint32_t)(close - start) + tag_size;
    lexer_finish(l, token, SQL_TOKEN_STRING, start, (size_t)(close - start));
}

void lexer_quoted_identifier(struct sql_lexer *l, struct sql_token *token)
{
    ASSERT(lexer_byte(l, 0) == '"');
    l->at++;
    uint8_t name[SQL_IDENTIFIER_BYTES_MAX + 4]; /* what is kept, and the character it may end in */
    size_t size = 0;
    while (l->at < l->size) {
        uint8_t byte = l->text[l->at++];
        if (byte == '"' && lexer_byte(l, 0) == '"') {
            l->at++;
        } else if (byte == '"') {
            if (size == 0) {
                lexer_fail(l, token, SQLSTATE_SYNTAX_ERROR, "zero-length delimited identifier");
                return;
            }
            lexer_finish(l, token, SQL_TOKEN_IDENTIFIER, name, lexer_identifier_size(name, size));
            return;
        }
        if (size < sizeof name) name[size++] = byte;
    }
    lexer_fail(l, token, SQLSTATE_SYNTAX_ERROR, "unterminated quoted identifier");
}
