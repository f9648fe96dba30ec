/* Reading a whole table into memory, in the background. */
#ifndef OSTRAKA_LSM_TABLE_LOAD_INT_H
#define OSTRAKA_LSM_TABLE_LOAD_INT_H

#include "lsm/lsm_int.h"

struct table_load {
    struct lsm *lsm;
    struct table *table; /* pinned */
    uint8_t *data;       /* of table->size_bytes, aligned */
    uint64_t at;         /* bytes that are there */
    bool wanted;          /* somebody waits for all of it: it is read without a pause */
    bool reading, closed;
    enum status status;
    struct list waiters; /* struct lsm_waiter */
    struct env_op op;
};

/* Begins with the first part. STATUS_NO_MEMORY. */
MUST_USE enum status table_load_open(struct lsm *l, struct table *t, struct table_load **load_out);
/* STATUS_OK: data holds the file; STATUS_WAIT: the waiter was queued; STATUS_CORRUPT: it cannot be
 * read; STATUS_CANCELLED. */
MUST_USE enum status table_load_wait(struct table_load *x, struct lsm_waiter *waiter);
/* Reads one part more, unless one is under way, or all of it is there: who has time reads as evenly as it goes on. */
void table_load_more(struct table_load *x);
/* Frees it, when the read under way has ended. */
void table_load_close(struct table_load *x);

#endif
