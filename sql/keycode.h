/* Keys that sort as bytes the way their values sort: memcmp on two encodings gives the order of the
 * values (sql_datum_compare), ascending or descending, with NULL first or last. An encoding says
 * where it ends, and none is the beginning of another, so columns are put one behind the other and
 * still sort column by column. Byte by byte: sql/TYPES.md. The format is fixed for ever: keys on
 * disk are never rewritten. */
#ifndef OSTRAKA_SQL_KEYCODE_H
#define OSTRAKA_SQL_KEYCODE_H

#include "base/buf.h"
#include "sql/datum.h"

/* How a column of a key sorts. PostgreSQL's default is ascending with NULL last, and descending
 * with NULL first. */
enum sql_key_order {
    SQL_KEY_ASCENDING = 0,
    SQL_KEY_DESCENDING = 1,
    SQL_KEY_NULLS_FIRST = 2, /* or'ed to either */
};

/* Appends one column. oid is a type that can_be_key. buf_status(key) tells whether it fitted. */
void sql_key_encode(struct buf *key, uint32_t oid, unsigned order, const struct sql_datum *value);

/* Reads one column at the front of *key and moves *key behind it. Values whose bytes are not in the
 * key as they are (texts, numerics, everything descending) are put into the arena. What comes back
 * equals what was encoded but may not be identical: see sql_key_is_exact. STATUS_CORRUPT: no such
 * encoding. STATUS_NO_MEMORY: the arena is full. */
MUST_USE enum status sql_key_decode(struct arena *arena, struct bytes *key, uint32_t oid,
                                    unsigned order, struct sql_datum *out);
/* Moves *key behind one column without building its value. STATUS_CORRUPT. */
MUST_USE enum status sql_key_skip(struct bytes *key, uint32_t oid, unsigned order);

/* False for types of which equal values may look different (numeric 1.0 and 1.00, char(n) with and
 * without padding, -0 of a float, intervals of 24 hours and of a day): their key has what is equal,
 * and the row must keep the value itself. */
bool sql_key_is_exact(uint32_t oid);

/* The least key that is greater than every key beginning with these bytes: increments in place,
 * cutting 0xFF off the end. False when there is none (all 0xFF). For the end of a scan over a
 * prefix. */
bool sql_key_successor(struct buf *key);

#endif
