/* The anchor of an idempotency key: the row that it belongs to, written as TABLE(value, ...) with the values of the
 * primary key. The record then stands beside that row (txn.h, what stands beside rows), whether the row exists or not,
 * and a transaction that writes there writes to one range only. */
#ifndef OSTRAKA_SQL_IDEMPOTENCY_ANCHOR_H
#define OSTRAKA_SQL_IDEMPOTENCY_ANCHOR_H

#include "sql/query.h"
#include "txn/txn.h"

/* An anchored key says when it was made, and may be used for so long; its record goes then. */
#define IDEMPOTENCY_ANCHORED_LIFE_NS UINT64_C(86400000000000) /* 24 hours */
/* It may be made so much ahead of the cluster's clock. A table must not know of keys that were used with its rows, or with
 * those of another one of its name, before they were given up: all that were made until so long after that are refused. */
#define IDEMPOTENCY_ANCHORED_AHEAD_NS UINT64_C(5000000000)
_Static_assert(IDEMPOTENCY_ANCHORED_LIFE_NS + IDEMPOTENCY_ANCHORED_AHEAD_NS < TXN_ASIDE_LIFE_NS_MAX, "else its commit is refused");

struct idempotency_place {
    struct buf *row_key;  /* of the record; filled in */
    uint64_t keys_after;  /* as struct sql_table has it */
};
/* [fiber] Where the record of `key` lies, which was made at issued_ns (not 0). False: the error says what is wrong with the
 * anchor. */
bool idempotency_anchor_place(struct exec *x, const char *anchor, struct bytes key, uint64_t issued_ns,
                              struct idempotency_place *place);

#endif
