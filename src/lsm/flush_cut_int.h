/* Where a flush ends one table and begins the next.
 *
 * One table per flush would be enough for reads. But what overlaps is rewritten together, and two
 * kinds of keys in one table overlap everything between them: rows in random order would drag
 * records in ascending order through every compaction. So (1) a long run of keys that falls between
 * all that the range's tables hold goes into tables of its own, which move down as they are, and
 * (2) no table reaches over much that it holds nothing of. */
#ifndef OSTRAKA_LSM_FLUSH_CUT_INT_H
#define OSTRAKA_LSM_FLUSH_CUT_INT_H

#include "lsm/table_write_int.h"

struct flush_cuts {
    struct piece **pieces; /* of the version, rising by their first places */
    uint32_t count;
    uint32_t next;             /* the first that begins behind the present key */
    const struct piece *reach; /* of those before it the one that goes furthest; NULL: none */
    uint64_t skipped_bytes;    /* of pieces between the key before and the present one */
    uint32_t gap;              /* `next` of the gap that was looked into, or FLUSH_NO_GAP */
    uint32_t skip_cut_count;
    bool in_run;
    struct memtable *memtable; /* borrowed: what is flushed */
    struct merge ahead;        /* a second look at it */
    uint64_t table_bytes;
    uint32_t run_items_min;
};

/* Borrows both, which must stay until the deinit. STATUS_NO_MEMORY: nothing to deinit. */
MUST_USE enum status flush_cuts_init(struct flush_cuts *c, const struct version *v,
                                     struct memtable *m, uint64_t table_bytes);
void flush_cuts_deinit(struct flush_cuts *c);
/* For struct tables_writer: the table under construction (NULL: none) ends before the item. Items
 * come in engine order. */
bool flush_cuts_before(void *ctx, const struct table_writer *t, const struct lsm_item *item);

#endif
