/* Shared by lexer.c (which token comes next) and lexer_string.c (quoted ones). */
#ifndef OSTRAKA_SQL_LEXER_INT_H
#define OSTRAKA_SQL_LEXER_INT_H

#include "sql/lexer.h"

enum {
    LEXER_SPACE = 1,       /* space, tab, newline, return, form feed */
    LEXER_NEWLINE = 2,     /* newline, return */
    LEXER_IDENT_START = 4, /* letter, _, any byte of a non-ASCII character */
    LEXER_IDENT = 8,       /* the same, digit, $ */
    LEXER_DIGIT = 16,
    LEXER_HEX = 32,
    LEXER_OPERATOR = 64, /* may be part of a longer operator */
    LEXER_SELF = 128,    /* is a token of its own */
};

extern const uint8_t lexer_classes[256];

static inline bool lexer_is(uint8_t byte, unsigned classes)
{
    return (lexer_classes[byte] & classes) != 0;
}

/* The byte `ahead` places on; 0 behind the end. */
static inline uint8_t lexer_byte(const struct sql_lexer *l, uint32_t ahead)
{
    return ahead < l->size - l->at ? l->text[l->at + ahead] : 0;
}

/* Makes *token FAILED, ending where the lexer stands, with `message at or near "..."`. */
void lexer_fail(struct sql_lexer *l, struct sql_token *token, const char *sqlstate,
                const char *message);
/* Ends the token where the lexer stands, with this text (copied). */
void lexer_finish(struct sql_lexer *l, struct sql_token *token, enum sql_token_kind kind,
                  const void *text, size_t size);
/* Makes *token FAILED for want of memory. */
void lexer_fail_memory(struct sql_lexer *l, struct sql_token *token);
/* Sets 22021 with the bytes of the character that starts text, as PostgreSQL words it. */
void lexer_encoding_error(struct arena *arena, struct sql_error *error, struct bytes text,
                          uint32_t position);

/* Each reads one token: the lexer stands at the byte named, and behind the token afterwards. */
void lexer_string(struct sql_lexer *l, struct sql_token *token, enum sql_token_kind kind); /* ' */
void lexer_escape_string(struct sql_lexer *l, struct sql_token *token);                    /* ' */
void lexer_dollar_string(struct sql_lexer *l, struct sql_token *token, uint32_t tag_size); /* $ */
void lexer_quoted_identifier(struct sql_lexer *l, struct sql_token *token);                /* " */

/* An identifier's bytes cut to SQL_IDENTIFIER_BYTES_MAX at a character's end. */
size_t lexer_identifier_size(const uint8_t *text, size_t size);

#endif
