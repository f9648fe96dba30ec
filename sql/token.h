/* Tokens of PostgreSQL's SQL (PostgreSQL 15, src/backend/parser/scan.l). */
#ifndef OSTRAKA_SQL_TOKEN_H
#define OSTRAKA_SQL_TOKEN_H

#include "sql/keywords.h"

#include <stddef.h>
#include <stdint.h>

/* A character that is a token of its own ( ( ) [ ] , ; : . + - * / % ^ < > = ) has its code as
 * kind; all others start above. */
enum sql_token_kind {
    SQL_TOKEN_END = 0,        /* end of the statement text */
    SQL_TOKEN_FAILED = 256,   /* lexical error, or an error was reported before: matches nothing */
    SQL_TOKEN_IDENTIFIER,     /* text: folded, unquoted, cut to 63 bytes */
    SQL_TOKEN_KEYWORD,        /* keyword; text: the word in lower case */
    SQL_TOKEN_STRING,         /* '..', E'..', $tag$..$tag$; text: the value */
    SQL_TOKEN_BIT_STRING,     /* b'..'; text: the digits */
    SQL_TOKEN_HEX_STRING,     /* x'..'; text: the digits */
    SQL_TOKEN_INTEGER,        /* integer: a literal of digits only that fits 64 bits */
    SQL_TOKEN_NUMBER,         /* text: any other number, as written */
    SQL_TOKEN_PARAM,          /* integer: n of $n */
    SQL_TOKEN_OPERATOR,       /* text: an operator with no token of its own */
    SQL_TOKEN_TYPECAST,       /* :: */
    SQL_TOKEN_DOT_DOT,        /* .. */
    SQL_TOKEN_COLON_EQUALS,   /* := */
    SQL_TOKEN_EQUALS_GREATER, /* => */
    SQL_TOKEN_LESS_EQUALS,    /* <= */
    SQL_TOKEN_GREATER_EQUALS, /* >= */
    SQL_TOKEN_NOT_EQUALS,     /* <> and != */
};

struct sql_token {
    uint16_t kind;      /* enum sql_token_kind or a character */
    uint16_t keyword;   /* enum sql_keyword; SQL_KEYWORD_NONE unless kind is KEYWORD */
    uint32_t position;  /* 1-based, in characters of the whole text */
    uint32_t offset;    /* first byte, from the start of the whole text */
    uint32_t size;      /* in bytes, as written */
    uint32_t text_size; /* in bytes */
    int64_t integer;
    const char *text; /* NUL behind it; holds no NUL itself; in the arena or constant */
};

#endif
