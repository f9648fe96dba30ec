/* What is kept under an idempotency key: which statements a transaction consisted of and what they answered.
 *
 * A record is a row of a keyspace of its own, written by the commit of its transaction: `05` key. Its value:
 *   version u8 (1), flags u8 (1: emptied; 2: it ends by itself), ttl u64 ns, seen u64 and row_until u64 (0: for ever) unless it
 *   ends by itself, commit tag u64, statement count u32, statements.
 * Statement: digest of 16 bytes; then items, each behind a byte:
 *   1 columns: count u16, per column: sized name, type oid u32, typmod u32, table oid u32, column number u16
 *   2 a row: per column a varint, 0 for NULL, else 1 + size, and the value in PostgreSQL's binary format
 *   3 sized command tag: the end of the statement
 * An emptied record has no statements: it only says that the key was used. */
#ifndef OSTRAKA_SQL_IDEMPOTENCY_RECORD_H
#define OSTRAKA_SQL_IDEMPOTENCY_RECORD_H

#include "base/buf.h"
#include "base/codec.h"
#include "sql/query.h"

#define IDEMPOTENCY_KEY_BYTES_MAX 128
#define IDEMPOTENCY_RESULT_BYTES_MAX (64u << 10)
#define IDEMPOTENCY_DIGEST_BYTES 16

/* When the key was made, in ns since 1970: what a UUID of version 7 says, or a key that begins with 13 digits
 * (milliseconds) and a slash; 0: the key does not say. */
uint64_t idempotency_issued_ns(struct bytes key);
#define IDEMPOTENCY_ROW_KEY_BYTES_MAX (1 + IDEMPOTENCY_KEY_BYTES_MAX)
/* The key of the key's row; a view of `out`. */
struct bytes idempotency_row_key(struct bytes key, uint8_t out[IDEMPOTENCY_ROW_KEY_BYTES_MAX]);
/* The key that a row's key is made of. */
struct bytes idempotency_key_of_row(struct bytes row_key);
/* All of them: [start, end). */
struct bytes idempotency_rows_start(void), idempotency_rows_end(void);

struct idempotency_record {
    bool emptied;
    bool ends;              /* by itself, beside a row: nobody sweeps it, so it does not say seen_ts and row_until */
    uint64_t ttl_ns;        /* how long results are kept */
    uint64_t seen_ts;       /* of the clock, when the record was made: its commit is later */
    uint64_t row_until;     /* the row goes then; 0: never */
    uint64_t tag;           /* of the id of the transaction that wrote it */
    uint32_t count;
    struct bytes statements;
};
/* When the results of a record end that was committed at ts, or made at its earliest then. */
uint64_t idempotency_results_end(const struct idempotency_record *r, uint64_t ts, uint64_t issued_ns);
/* What stands before the statements of the record; nothing follows in an emptied one. */
#define IDEMPOTENCY_HEAD_BYTES 38
static inline size_t idempotency_head_bytes(bool ends)
{
    return ends ? IDEMPOTENCY_HEAD_BYTES - 16 : IDEMPOTENCY_HEAD_BYTES;
}
/* Writes idempotency_head_bytes(r->ends). */
void idempotency_record_head(const struct idempotency_record *r, uint8_t *out);
/* Views into `encoded`. STATUS_CORRUPT, STATUS_VERSION. */
MUST_USE enum status idempotency_record_decode(struct bytes encoded, struct idempotency_record *out);

/* ---- writing a statement ---- */

void idempotency_put_columns(struct buf *out, const struct sql_result_column *columns, uint32_t count);
void idempotency_put_row(struct buf *out, struct sql_eval *eval, const struct sql_result_column *columns,
                         uint32_t count, const struct sql_datum *values);
void idempotency_put_tag(struct buf *out, const char *tag);

/* ---- reading it ---- */

/* What the next statement of `in` answered, shown to x's sink; its tag is left in x->tag. False: the error is set. */
bool idempotency_replay(struct exec *x, struct reader *in);

#endif
