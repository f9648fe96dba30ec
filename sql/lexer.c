#include "sql/lexer_int.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/utf8.h"

#define SPACE LEXER_SPACE
#define START (LEXER_IDENT_START | LEXER_IDENT)
#define BOTH  (LEXER_OPERATOR | LEXER_SELF)

const uint8_t lexer_classes[256] = {
    [' '] = SPACE,
    ['\t'] = SPACE,
    ['\f'] = SPACE,
    ['\n'] = SPACE | LEXER_NEWLINE,
    ['\r'] = SPACE | LEXER_NEWLINE,
    ['0' ... '9'] = LEXER_IDENT | LEXER_DIGIT | LEXER_HEX,
    ['A' ... 'F'] = START | LEXER_HEX,
    ['G' ... 'Z'] = START,
    ['a' ... 'f'] = START | LEXER_HEX,
    ['g' ... 'z'] = START,
    ['_'] = START,
    [0x80 ... 0xFF] = START,
    ['$'] = LEXER_IDENT,
    [','] = LEXER_SELF,
    ['('] = LEXER_SELF,
    [')'] = LEXER_SELF,
    ['['] = LEXER_SELF,
    [']'] = LEXER_SELF,
    ['.'] = LEXER_SELF,
    [';'] = LEXER_SELF,
    [':'] = LEXER_SELF,
    ['+'] = BOTH,
    ['-'] = BOTH,
    ['*'] = BOTH,
    ['/'] = BOTH,
    ['%'] = BOTH,
    ['^'] = BOTH,
    ['<'] = BOTH,
    ['>'] = BOTH,
    ['='] = BOTH,
    ['~'] = LEXER_OPERATOR,
    ['!'] = LEXER_OPERATOR,
    ['@'] = LEXER_OPERATOR,
    ['#'] = LEXER_OPERATOR,
    ['&'] = LEXER_OPERATOR,
    ['|'] = LEXER_OPERATOR,
    ['`'] = LEXER_OPERATOR,
    ['?'] = LEXER_OPERATOR,
};

#undef SPACE
#undef START
#undef BOTH

void lexer_encoding_error(struct arena *arena, struct sql_error *error, struct bytes text,
                          uint32_t position)
{
    ASSERT(text.size > 0);
    uint8_t first = text.data[0];
    size_t size = first < 0xC0 || first >= 0xF8 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (size > text.size) size = text.size;
    char shown[4 * sizeof " 0xff"];
    int length = 0;
    for (size_t i = 0; i < size; i++)
        length += snprintf(shown + length, sizeof shown - (size_t)length, " 0x%02x", text.data[i]);
    sql_error_set(error, arena, SQLSTATE_CHARACTER_NOT_IN_REPERTOIRE, position,
                  "invalid byte sequence for encoding \"UTF8\":%s", shown);
}

/* Whether any byte is NUL or has its high bit set, eight at a time. */
static bool plain_ascii(struct bytes text)
{
    const uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
    uint64_t seen = 0;
    size_t i = 0;
    for (; i + 8 <= text.size; i += 8) {
        uint64_t word;
        memcpy(&word, text.data + i, 8);
        seen |= word | (word - ones); /* borrows set the high bit above a NUL */
    }
    bool plain = (seen & highs) == 0;
    for (; i < text.size; i++)
        plain = plain && text.data[i] - 1u < 0x7F;
    return plain;
}

static bool check_encoding(struct arena *arena, struct bytes text, struct sql_error *error)
{
    size_t at = 0;
    while (at < text.size) {
        struct bytes rest = bytes_make(text.data + at, text.size - at);
        size_t size = rest.data[0] == 0 ? 0 : utf8_decode(rest, NULL);
        if (size == 0) {
            lexer_encoding_error(arena, error, rest, 0);
            return false;
        }
        at += size;
    }
    ASSERT(at == text.size);
    return true;
}

bool sql_lexer_init(struct sql_lexer *l, struct arena *arena, struct bytes text,
                    struct sql_error *error)
{
    ASSERT(text.size == 0 || text.data != NULL);
    ASSERT(!sql_error_is_set(error));
    if (text.size > SQL_STATEMENT_BYTES_MAX) {
        sql_error_set(error, arena, SQLSTATE_PROGRAM_LIMIT_EXCEEDED, 0,
                      "statement is too long: %zu bytes", text.size);
        sql_error_detail(error, arena, "A statement has at most %u bytes.",
                         SQL_STATEMENT_BYTES_MAX);
        return false;
    }
    bool ascii = plain_ascii(text);
    if (!ascii && !check_encoding(arena, text, error)) return false;
    *l = (struct sql_lexer){
        .arena = arena, .text = text.data, .size = (uint32_t)text.size, .ascii = ascii};
    return true;
}

/* Positions are asked for from left to right, so counting goes on from the last one. */
static uint32_t position_of(struct sql_lexer *l, uint32_t offset)
{
    ASSERT(offset <= l->size);
    if (l->ascii) return offset + 1;
    ASSERT(offset >= l->counted_offset);
    for (uint32_t i = l->counted_offset; i < offset; i++)
        l->counted_position += (l->text[i] & 0xC0) != 0x80;
    l->counted_offset = offset;
    return l->counted_position + 1;
}

void sql_lexer_error_near(const struct sql_lexer *l, const struct sql_token *token,
                          struct sql_error *error, const char *sqlstate, const char *message)
{
    ASSERT(token->offset <= l->size);
    ASSERT(token->size <= l->size - token->offset);
    if (token->offset == l->size) {
        sql_error_set(error, l->arena, sqlstate, token->position, "%s at end of input", message);
        return;
    }
    sql_error_set(error, l->arena, sqlstate, token->position, "%s at or near \"%.*s\"", message,
                  (int)token->size, (const char *)l->text + token->offset);
}

void lexer_fail(struct sql_lexer *l, struct sql_token *token, const char *sqlstate,
                const char *message)
{
    token->kind = SQL_TOKEN_FAILED;
    token->size = l->at - token->offset;
    sql_lexer_error_near(l, token, &l->error, sqlstate, message);
}

void lexer_fail_memory(struct sql_lexer *l, struct sql_token *token)
{
    token->kind = SQL_TOKEN_FAILED;
    token->size = l->at - token->offset;
    sql_error_out_of_memory(&l->error);
}

void lexer_finish(struct sql_lexer *l, struct sql_token *token, enum sql_token_kind kind,
                  const void *text, size_t size)
{
    ASSERT(l->at >= token->offset);
    struct bytes copy = arena_copy(l->arena, bytes_make(text, size));
    if (copy.data == NULL) {
        lexer_fail_memory(l, token);
        return;
    }
    token->kind = (uint16_t)kind;
    token->size = l->at - token->offset;
    token->text = (const char *)copy.data;
    token->text_size = (uint32_t)size;
}

size_t lexer_identifier_size(const uint8_t *text, size_t size)
{
    if (size <= SQL_IDENTIFIER_BYTES_MAX) return size;
    COVER("sql_identifier_cut");
    size = SQL_IDENTIFIER_BYTES_MAX;
    while (size > 0 && (text[size] & 0xC0) == 0x80)
        size--;
    return size;
}

/* Stands at the first star or behind; comments nest. False when it does not end. */
static bool skip_block_comment(struct sql_lexer *l)
{
    uint32_t depth = 0;
    while (l->at < l->size) {
        if (lexer_byte(l, 0) == '/' && lexer_byte(l, 1) == '*') {
            depth++;
            l->at += 2;
        } else if (lexer_byte(l, 0) == '*' && lexer_byte(l, 1) == '/') {
            depth--;
            l->at += 2;
            if (depth == 0) return true;
        } else {
            l->at++;
        }
    }
    return false;
}

/* Stops at the first byte of a token, or at the end. False when it stands behind an unterminated
 * comment, whose first byte is then *start_out. */
static bool skip_space(struct sql_lexer *l, uint32_t *start_out)
{
    while (l->at < l->size) {
        uint8_t byte = l->text[l->at];
        if (lexer_is(byte, LEXER_SPACE)) {
            l->at++;
        } else if (byte == '-' && lexer_byte(l, 1) == '-') {
            while (l->at < l->size && !lexer_is(l->text[l->at], LEXER_NEWLINE))
                l->at++;
        } else if (byte == '/' && lexer_byte(l, 1) == '*') {
            *start_out = l->at;
            if (!skip_block_comment(l)) return false;
        } else {
            return true;
        }
    }
    return true;
}

static void read_word(struct sql_lexer *l, struct sql_token *token)
{
    const uint8_t *word = l->text + l->at;
    uint32_t size = 1;
    while (size < l->size - l->at && lexer_is(word[size], LEXER_IDENT))
        size++;
    l->at += size;
    size_t kept = lexer_identifier_size(word, size);
    char folded[SQL_IDENTIFIER_BYTES_MAX];
    ASSERT(kept <= sizeof folded);
    for (size_t i = 0; i < kept; i++)
        folded[i] = (char)(word[i] >= 'A' && word[i] <= 'Z' ? word[i] + ('a' - 'A') : word[i]);
    enum sql_keyword keyword = sql_keyword_find(folded, kept);
    if (keyword == SQL_KEYWORD_NONE) {
        lexer_finish(l, token, SQL_TOKEN_IDENTIFIER, folded, kept);
        return;
    }
    token->kind = SQL_TOKEN_KEYWORD;
    token->keyword = (uint16_t)keyword;
    token->size = size;
    token->text = sql_keyword_info(keyword)->word;
    token->text_size = size;
}

/* A letter that may announce a string: b'', e'', n'', x'', u&''. */
static void read_word_or_string(struct sql_lexer *l, struct sql_token *token)
{
    uint8_t letter = (uint8_t)(l->text[l->at] | 0x20), next = lexer_byte(l, 1);
    bool quote = next == '\'';
    if (quote && (letter == 'b' || letter == 'x')) {
        l->at++;
        lexer_string(l, token, letter == 'b' ? SQL_TOKEN_BIT_STRING : SQL_TOKEN_HEX_STRING);
    } else if (quote && letter == 'e') {
        l->at++;
        lexer_escape_string(l, token);
    } else if (quote && letter == 'n') {
        /* SQL's national character string: the type name NCHAR, and the string as its own token. */
        l->at++;
        lexer_finish(l, token, SQL_TOKEN_KEYWORD, "nchar", 5);
        if (token->kind == SQL_TOKEN_KEYWORD) token->keyword = SQL_KW_NCHAR;
    } else if (letter == 'u' && next == '&' &&
               (lexer_byte(l, 2) == '\'' || lexer_byte(l, 2) == '"')) {
        l->at += 3;
        token->kind = SQL_TOKEN_FAILED;
        token->size = 3;
        sql_error_set(&l->error, l->arena, SQLSTATE_FEATURE_NOT_SUPPORTED, token->position,
                      "strings and identifiers with U& escapes are not supported");
        sql_error_hint(&l->error, l->arena, "Write E'\\uXXXX' or the character itself.");
    } else {
        read_word(l, token);
    }
}

/* What follows a number or parameter must not look like a part of it. */
static bool check_junk(struct sql_lexer *l, struct sql_token *token, const char *message)
{
    if (!lexer_is(lexer_byte(l, 0), LEXER_IDENT_START)) return true;
    do
        l->at++;
    while ((lexer_byte(l, 0) & 0xC0) == 0x80);
    lexer_fail(l, token, SQLSTATE_SYNTAX_ERROR, message);
    return false;
}

static void skip_digits(struct sql_lexer *l)
{
    while (lexer_is(lexer_byte(l, 0), LEXER_DIGIT))
        l->at++;
}

/* All digits from `at` to where the lexer stands. False when the value is over INT64_MAX. */
static bool read_digits(const struct sql_lexer *l, uint32_t at, int64_t *value_out)
{
    int64_t value = 0;
    for (; at < l->at; at++) {
        ASSERT(lexer_is(l->text[at], LEXER_DIGIT));
        if (__builtin_mul_overflow(value, 10, &value)) return false;
        if (__builtin_add_overflow(value, l->text[at] - '0', &value)) return false;
    }
    *value_out = value;
    return true;
}

/* digits, digits.digits, .digits, digits., each with an exponent or not; `1..2` is 1 and `..`. */
static void read_number(struct sql_lexer *l, struct sql_token *token)
{
    const char *junk = "trailing junk after numeric literal";
    skip_digits(l);
    bool whole = true;
    if (lexer_byte(l, 0) == '.' && !(lexer_byte(l, 1) == '.' && l->at > token->offset)) {
        whole = false;
        l->at++;
        skip_digits(l);
    }
    if ((lexer_byte(l, 0) | 0x20) == 'e') {
        uint32_t sign = lexer_byte(l, 1) == '+' || lexer_byte(l, 1) == '-';
        if (lexer_is(lexer_byte(l, 1 + sign), LEXER_DIGIT)) {
            whole = false;
            l->at += 1 + sign;
            skip_digits(l);
        } else if (sign != 0) {
            l->at += 2;
            lexer_fail(l, token, SQLSTATE_SYNTAX_ERROR, junk);
            return;
        }
    }
    uint32_t end = l->at;
    if (!check_junk(l, token, junk)) return;
    if (whole && read_digits(l, token->offset, &token->integer)) {
        token->kind = SQL_TOKEN_INTEGER;
        token->size = end - token->offset;
        return;
    }
    lexer_finish(l, token, SQL_TOKEN_NUMBER, l->text + token->offset, end - token->offset);
}

/* The size of $tag$ where the lexer stands, or 0. */
static uint32_t dollar_tag_size(const struct sql_lexer *l)
{
    uint32_t size = 1;
    if (lexer_is(lexer_byte(l, size), LEXER_IDENT_START))
        while (lexer_is(lexer_byte(l, size), LEXER_IDENT) && lexer_byte(l, size) != '$')
            size++;
    return lexer_byte(l, size) == '$' ? size + 1 : 0;
}

static void read_single(struct sql_lexer *l, struct sql_token *token)
{
    token->kind = l->text[l->at++];
    token->size = 1;
}

static void read_dollar(struct sql_lexer *l, struct sql_token *token)
{
    if (lexer_is(lexer_byte(l, 1), LEXER_DIGIT)) {
        l->at++;
        skip_digits(l);
        uint32_t end = l->at;
        if (!check_junk(l, token, "trailing junk after parameter")) return;
        token->kind = SQL_TOKEN_PARAM;
        token->size = end - token->offset;
        if (!read_digits(l, token->offset + 1, &token->integer)) token->integer = INT64_MAX;
        return;
    }
    uint32_t tag_size = dollar_tag_size(l);
    if (tag_size > 0)
        lexer_dollar_string(l, token, tag_size);
    else
        read_single(l, token);
}

static void read_colon_or_dot(struct sql_lexer *l, struct sql_token *token)
{
    uint8_t first = lexer_byte(l, 0), second = lexer_byte(l, 1);
    uint16_t kind = 0;
    if (first == ':' && second == ':')
        kind = SQL_TOKEN_TYPECAST;
    else if (first == ':' && second == '=')
        kind = SQL_TOKEN_COLON_EQUALS;
    else if (first == '.' && second == '.')
        kind = SQL_TOKEN_DOT_DOT;
    if (kind == 0) {
        read_single(l, token);
        return;
    }
    token->kind = kind;
    token->size = 2;
    l->at += 2;
}

/* How much of a run of operator characters is one operator: it ends before a comment, and has a +
 * or - last only when it also has a character that no operator of the SQL standard has, so that
 * `a=-1` reads as `a = -1`. */
static uint32_t operator_size(const struct sql_lexer *l)
{
    uint32_t size = 0;
    bool unusual = false;
    while (lexer_is(lexer_byte(l, size), LEXER_OPERATOR)) {
        uint8_t byte = lexer_byte(l, size), next = lexer_byte(l, size + 1);
        if (size > 0 && ((byte == '/' && next == '*') || (byte == '-' && next == '-'))) break;
        if (strchr("~!@#^&|`?%", byte) != NULL) unusual = true;
        size++;
    }
    while (size > 1 && !unusual &&
           (lexer_byte(l, size - 1) == '+' || lexer_byte(l, size - 1) == '-'))
        size--;
    ASSERT(size > 0);
    return size;
}

static uint16_t two_character_kind(uint8_t first, uint8_t second)
{
    if (first == '<' && second == '=') return SQL_TOKEN_LESS_EQUALS;
    if (first == '>' && second == '=') return SQL_TOKEN_GREATER_EQUALS;
    if (first == '<' && second == '>') return SQL_TOKEN_NOT_EQUALS;
    if (first == '!' && second == '=') return SQL_TOKEN_NOT_EQUALS;
    if (first == '=' && second == '>') return SQL_TOKEN_EQUALS_GREATER;
    return 0;
}

static void read_operator(struct sql_lexer *l, struct sql_token *token)
{
    uint32_t size = operator_size(l);
    uint8_t first = lexer_byte(l, 0);
    uint16_t kind = 0;
    if (size == 1 && lexer_is(first, LEXER_SELF)) kind = first;
    if (size == 2) kind = two_character_kind(first, lexer_byte(l, 1));
    l->at += size;
    if (kind != 0) {
        token->kind = kind;
        token->size = size;
    } else if (size > SQL_IDENTIFIER_BYTES_MAX) {
        lexer_fail(l, token, SQLSTATE_SYNTAX_ERROR, "operator too long");
    } else {
        lexer_finish(l, token, SQL_TOKEN_OPERATOR, l->text + token->offset, size);
    }
}

static void read_token(struct sql_lexer *l, struct sql_token *token)
{
    uint8_t first = l->text[l->at];
    if (lexer_is(first, LEXER_IDENT_START))
        read_word_or_string(l, token);
    else if (lexer_is(first, LEXER_DIGIT))
        read_number(l, token);
    else if (first == '\'')
        lexer_string(l, token, SQL_TOKEN_STRING);
    else if (first == '"')
        lexer_quoted_identifier(l, token);
    else if (first == '$')
        read_dollar(l, token);
    else if (first == '.' && lexer_is(lexer_byte(l, 1), LEXER_DIGIT))
        read_number(l, token);
    else if (first == '.' || first == ':')
        read_colon_or_dot(l, token);
    else if (lexer_is(first, LEXER_OPERATOR))
        read_operator(l, token);
    else
        read_single(l, token); /* punctuation, or a character that no rule knows */
}

void sql_lexer_next(struct sql_lexer *l, struct sql_token *token)
{
    *token = (struct sql_token){.kind = SQL_TOKEN_FAILED, .offset = l->at};
    if (sql_error_is_set(&l->error)) return;
    uint32_t comment = 0;
    bool ended = skip_space(l, &comment);
    token->offset = ended ? l->at : comment;
    token->position = position_of(l, token->offset);
    if (!ended) {
        lexer_fail(l, token, SQLSTATE_SYNTAX_ERROR, "unterminated /* comment");
        return;
    }
    token->kind = SQL_TOKEN_END;
    if (l->at < l->size) read_token(l, token);
    ASSERT(token->offset <= l->at);
    ASSERT((token->kind == SQL_TOKEN_FAILED) == sql_error_is_set(&l->error));
    ASSERT(token->kind == SQL_TOKEN_END || token->size > 0);
}
