/* Texts as sequences of characters (code points): the parts that functions and operators share.
 * Texts are valid UTF-8 (types_io.h checks what comes in); positions count characters from 1. */
#ifndef OSTRAKA_SQL_TEXT_H
#define OSTRAKA_SQL_TEXT_H

#include "sql/datum.h"

/* The size of the character that begins at `at`; at least 1. */
size_t text_char_size(struct bytes text, size_t at);
/* The bytes of the first `count` characters, or of all. */
size_t text_prefix_size(struct bytes text, int64_t count);

/* Case by Unicode's simple mappings: one character for one. */
enum text_case { TEXT_LOWER, TEXT_UPPER, TEXT_INITCAP };
MUST_USE enum status text_change_case(struct sql_eval *e, struct bytes text, enum text_case to,
                                      struct bytes *out);

/* LIKE: % any text, _ one character, \ takes the next as it is. 22025 when a pattern ends in
 * \ where a character of the text was to be matched. `bytewise`: for bytea, _ is one byte. */
MUST_USE enum status text_like(struct sql_eval *e, struct bytes text, struct bytes pattern,
                               bool bytewise, bool *out);
/* Rewrites LIKE ... ESCAPE 'x' to the backslash form. */
MUST_USE enum status text_like_escape(struct sql_eval *e, struct bytes pattern, struct bytes escape,
                                      struct bytes *out);
/* The literal beginning of a pattern: what every match starts with. *exact_out: the pattern is
 * nothing but that. For turning LIKE into a range of an index. */
MUST_USE enum status text_like_prefix(struct sql_eval *e, struct bytes pattern,
                                      struct bytes *prefix_out, bool *exact_out);

/* Where `part` first occurs in text from byte `from` on; SIZE_MAX when it does not. */
size_t text_find(struct bytes text, struct bytes part, size_t from);
/* Identifier and literal as SQL would have to write them. */
MUST_USE enum status text_quote_identifier(struct sql_eval *e, struct bytes text,
                                           struct bytes *out);
MUST_USE enum status text_quote_literal(struct sql_eval *e, struct bytes text, struct bytes *out);

#endif
