/* What a statement looks like without its constants, so that its executions can be counted
 * together. */
#ifndef OSTRAKA_SQL_FINGERPRINT_H
#define OSTRAKA_SQL_FINGERPRINT_H

#include "base/arena.h"
#include "base/buf.h"

#define FINGERPRINT_BYTES_MAX 4096 /* statements that differ only behind this are one */

/* A number for all statements of one such look: computed on the bytes, since it is wanted for every
 * execution. Looks at no more than FINGERPRINT_BYTES_MAX bytes. Never 0. */
uint64_t fingerprint_hash(struct bytes text);

/* Appends the statement's words with single spaces: names folded, constants and parameters as "?",
 * a list of them as "?,
 * ...", and groups that repeat ("(?, ?), (?, ?)") once. Stops at what is no SQL. arena: for the
 * work. */
void fingerprint_normalize(struct arena *arena, struct bytes text, struct buf *out);

#endif
