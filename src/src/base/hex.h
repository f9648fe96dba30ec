/* Bytes as hexadecimal text and back. */
#ifndef OSTRAKA_BASE_HEX_H
#define OSTRAKA_BASE_HEX_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/status.h"

/* Writes 2 * bytes.size lower-case digits and a NUL. */
void hex_encode(struct bytes bytes, char *text_out);
/* Appends 2 * bytes.size lower-case digits (no NUL). */
void hex_append(struct buf *b, struct bytes bytes);
/* Writes text.size / 2 bytes; digits of either case. STATUS_INVALID: an odd size, or a character
 * that is not a digit (then the output is undefined). */
MUST_USE enum status hex_decode(struct bytes text, uint8_t *bytes_out);

#endif
