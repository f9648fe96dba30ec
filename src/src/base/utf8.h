/* Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef OSTRAKA_BASE_UTF8_H
#define OSTRAKA_BASE_UTF8_H

#include "base/bytes.h"

/* The size of the code point that starts at text.data, 1 to 4; 0 when the text is empty or does not
 * start with a well-formed one. *code_out (may be NULL) is written unless 0 is returned. */
size_t utf8_decode(struct bytes text, uint32_t *code_out);
/* True when all of it is well formed. The empty text is; a NUL byte is a code point like any other.
 */
bool utf8_valid(struct bytes text);
/* How many code points a valid text has. */
size_t utf8_length(struct bytes text);

#endif
