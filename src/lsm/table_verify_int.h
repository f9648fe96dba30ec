/* Whether the bytes of a whole table are what was written: its ends, and every block against its
 * checksum, found by the indexes, as a reader would. For tables that travel (snapshot.c, ingest.c). */
#ifndef OSTRAKA_LSM_TABLE_VERIFY_INT_H
#define OSTRAKA_LSM_TABLE_VERIFY_INT_H

#include "lsm/table_int.h"

struct table_verifier {
    const struct table *table; /* opened; borrowed */
    struct bytes file;         /* all of it; borrowed */
    struct block_cursor top, index;
    struct buf index_raw;
    bool begun, in_index, at_filters;
    uint32_t filter_line; /* of the next filter block */
};

void table_verifier_init(struct table_verifier *v, const struct table *t, struct bytes file);
void table_verifier_deinit(struct table_verifier *v);
/* Checks about so many bytes more. STATUS_OK: there are more; STATUS_NOT_FOUND: all is right;
 * STATUS_CORRUPT; STATUS_NO_MEMORY. */
MUST_USE enum status table_verifier_step(struct table_verifier *v, size_t bytes);

#endif
