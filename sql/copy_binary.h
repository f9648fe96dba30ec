/* COPY's binary format, from bytes in any pieces to rows of fields (PostgreSQL 15, COPY, Binary Format). Pure;
 * bounded by COPY_BINARY_ROW_BYTES_MAX. */
#ifndef OSTRAKA_SQL_COPY_BINARY_H
#define OSTRAKA_SQL_COPY_BINARY_H

#include "base/buf.h"
#include "sql/error.h"

#define COPY_BINARY_ROW_BYTES_MAX (2u << 20)

struct copy_binary {
    struct buf in;
    size_t at;           /* consumed part of in */
    uint32_t column_count;
    bool header_done, trailer_seen, ended;
    uint64_t row;        /* 1-based, of the row that was given last */
    uint32_t announced;  /* size of a field or header that was refused */
    uint32_t column;     /* where an error is; UINT32_MAX: in no column */
};

void copy_binary_init(struct copy_binary *b, uint32_t column_count);
void copy_binary_deinit(struct copy_binary *b);
/* Takes a piece (copied). STATUS_TOO_LARGE: a row is over its bound. */
MUST_USE enum status copy_binary_feed(struct copy_binary *b, struct bytes data);
/* No more pieces follow. */
void copy_binary_end(struct copy_binary *b);
/* The next row: STATUS_OK with column_count fields (data NULL: null), views until the next feed; STATUS_WAIT: feed more;
 * STATUS_NOT_FOUND: the end; STATUS_INVALID: *error is set (22P04). */
MUST_USE enum status copy_binary_next(struct copy_binary *b, struct arena *arena, struct bytes *fields,
                                      struct sql_error *error);
/* Bytes of rows that were not given yet, or the size that the next field is announced with when that is more. */
size_t copy_binary_held(const struct copy_binary *b);
/* What stands before the first row, and behind the last. */
void copy_binary_put_header(struct buf *out);
void copy_binary_put_trailer(struct buf *out);

#endif
