/* A whole table that comes from another store, byte by byte. */
#ifndef OSTRAKA_LSM_TABLE_TAKE_INT_H
#define OSTRAKA_LSM_TABLE_TAKE_INT_H

#include "lsm/chunk_int.h"
#include "lsm/table_write_int.h"

struct table_take {
    struct worker *worker;
    struct table *table; /* NULL: nothing has come */
    uint8_t *data;       /* the file so far */
    uint64_t at, written;
};

void table_take_init(struct table_take *x, struct worker *w);
/* Drops what has come. */
void table_take_deinit(struct table_take *x);
/* The next bytes, on a fiber. With the last ones the file is checked and its end written, and *table_out
 * is the table, pinned for the caller, which has to be synced (table->unsynced) before anything
 * names it; before that NULL. STATUS_CORRUPT: they do not fit what came before, or are not a table.
 */
MUST_USE enum status table_take_bytes(struct table_take *x, struct range_id range,
                                      const struct chunk_file *part, struct table **table_out);

#endif
