/* Writing tables, on a fiber. */
#ifndef OSTRAKA_LSM_TABLE_WRITE_INT_H
#define OSTRAKA_LSM_TABLE_WRITE_INT_H

#include "lsm/table_int.h"
#include "lsm/worker_int.h"

/* One table under construction. */
struct table_writer {
    struct worker *worker;
    struct table *table;
    uint64_t gc_ts;  /* of the filter its items passed: garbage is what lies above */
    uint64_t offset; /* of the end of what was sealed */
    uint8_t *buffer; /* aligned; holds [written, offset) */
    uint64_t written;
    struct buf sealed; /* one block on its way into the buffer */
    struct block_builder data, index, top;
    struct buf hashes;      /* u64 per key, for the filter */
    struct buf first, last; /* keys */
    struct item_key first_key, last_key;
    struct table_facts facts;
    unsigned __int128 garbage_ts_sum;
    uint64_t ending_count; /* versions that go by themselves; not among the garbage so far */
    unsigned __int128 ending_ts_sum;
};

/* Creates the file. STATUS_NO_SPACE, STATUS_IO, STATUS_CANCELLED, STATUS_NO_MEMORY. */
MUST_USE enum status table_writer_open(struct worker *w, struct range_id range, uint64_t gc_ts,
                                       struct table_writer **writer_out);
/* Items come in engine order. */
MUST_USE enum status table_writer_add(struct table_writer *t, const struct lsm_item *item);
uint64_t table_writer_size(const struct table_writer *t);
/* Completes, writes and syncs the file; the caller syncs the directory before it relies on the
 * name. Ends the writer in any case; *table_out is the open table, pinned for the caller. */
MUST_USE enum status table_writer_finish(struct table_writer *t, struct table **table_out);
/* Drops the file and the writer. */
void table_writer_abort(struct table_writer *t);

/* Creates and opens the file of a new table. */
MUST_USE enum status table_file_create(struct worker *w, struct table *t);

/* A sorted stream of items cut into tables, which stay pinned until the end. */
struct tables_writer {
    struct worker *worker;
    struct range_id range;
    uint64_t gc_ts, size_max;    /* of one table */
    /* NULL, or asked with each item: does the table under construction (NULL: none) end before it? */
    bool (*cuts_before)(void *ctx, const struct table_writer *t, const struct lsm_item *item);
    void *ctx;
    struct table_writer *writer; /* NULL: none open */
    struct table **tables;
    uint32_t count, capacity;
};
void tables_writer_init(struct tables_writer *t, struct worker *w, struct range_id range,
                        uint64_t gc_ts, uint64_t size_max);
MUST_USE enum status tables_writer_add(struct tables_writer *t, const struct lsm_item *item);
/* Completes the table under construction, if there is one. */
MUST_USE enum status tables_writer_cut(struct tables_writer *t);
/* A table that is complete already; takes the pin on STATUS_OK. */
MUST_USE enum status tables_writer_adopt(struct tables_writer *t, struct table *table);
/* All items of the merge that the filter keeps, from the first. What ends by itself goes to `ending`; NULL: all to t. */
MUST_USE enum status tables_writer_add_merged(struct tables_writer *t, struct tables_writer *ending, struct merge *merge,
                                              struct gc_filter *gc);
/* Completes the last table and makes all contents and names durable. */
MUST_USE enum status tables_writer_finish(struct tables_writer *t);
/* Each whole table as a piece for a level, pinned for the caller; count of them. */
MUST_USE enum status tables_writer_pieces(const struct tables_writer *t, uint32_t level,
                                          struct leveled_piece *pieces);
/* Unpins the tables; with `drop` their files go. */
void tables_writer_deinit(struct tables_writer *t, bool drop);

#endif
