/* Cuts SQL text into tokens by PostgreSQL 15's lexical rules (standard_conforming_strings on).
 *
 * The whole text is checked once at the start: at most SQL_STATEMENT_BYTES_MAX bytes, well-formed
 * UTF-8, no NUL. Tokens are made one at a time. A malformed token (an unterminated string,
 * `123abc`) is a FAILED token; its error waits in lexer->error for the parser to arrive there, so
 * that a syntax error that stands before it is the one reported. */
#ifndef OSTRAKA_SQL_LEXER_H
#define OSTRAKA_SQL_LEXER_H

#include "base/arena.h"
#include "base/bytes.h"
#include "sql/error.h"
#include "sql/token.h"

#define SQL_STATEMENT_BYTES_MAX  (16u << 20)
#define SQL_IDENTIFIER_BYTES_MAX 63
#define SQL_PARAM_MAX            65535

struct sql_lexer {
    struct arena *arena;       /* texts of tokens go here */
    const uint8_t *text;       /* borrowed */
    uint32_t size, at;         /* in bytes; at: where the next token is looked for */
    bool ascii;                /* a character is a byte */
    uint32_t counted_offset;   /* what position counting has reached: a byte, */
    uint32_t counted_position; /* and the number of characters before it */
    struct sql_error error;    /* of the FAILED token */
};

/* text is borrowed until the last token has been read. False with *error set: 54000 for a text over
 * the limit, 22021 for a NUL or malformed UTF-8. */
MUST_USE bool sql_lexer_init(struct sql_lexer *l, struct arena *arena, struct bytes text,
                             struct sql_error *error);
/* Writes the next token. Behind the last one END comes for ever, and FAILED after a FAILED. */
void sql_lexer_next(struct sql_lexer *l, struct sql_token *token);

/* Sets *error to `message at or near "token"`, or `message at end of input`, at that token. */
void sql_lexer_error_near(const struct sql_lexer *l, const struct sql_token *token,
                          struct sql_error *error, const char *sqlstate, const char *message);

#endif
