/* Snapshot chunks, the unit in which a range travels between stores (README, Formats). */
#ifndef OSTRAKA_LSM_CHUNK_INT_H
#define OSTRAKA_LSM_CHUNK_INT_H

#include "base/codec.h"
#include "lsm/item_int.h"

#define CHUNK_HEAD_BYTES     56
#define CHUNK_FILE_BYTES_MAX ((uint64_t)64 << 20) /* larger tables travel as items */

/* A snapshot is a row of sections: a whole table, or the items of a part of one or of the
 * memtables. Levels come from the last to level 0, there the oldest first. */
struct chunk_section {
    uint32_t number; /* 0, 1, 2, ... */
    uint32_t level;
};
/* What a chunk of a whole table holds of it. */
struct chunk_file {
    uint64_t offset, size; /* of the first byte in the table; of the table */
    uint64_t uid_high, uid_low;
    struct bytes bytes;
};

/* Writes a chunk into buf: begin, any number of items or one piece of a file, end. A failed buf
 * stays failed. */
struct chunk_writer {
    struct buf *out;
    size_t begin; /* of the head in out */
    uint32_t item_count;
    bool file;
};
void chunk_begin(struct chunk_writer *w, struct buf *out);
void chunk_add(struct chunk_writer *w, const struct lsm_item *item);
void chunk_add_file(struct chunk_writer *w, const struct chunk_file *file);
/* sequence counts the snapshot's chunks from 0; newest_ts is the range's. */
void chunk_end(struct chunk_writer *w, uint64_t sequence, struct chunk_section section, bool last,
               uint64_t newest_ts);

struct chunk {
    uint64_t sequence, newest_ts;
    struct chunk_section section;
    bool last, is_file;
    struct chunk_file file; /* when it is one */
    uint32_t item_count;
    struct reader items;
};
/* STATUS_CORRUPT: malformed; STATUS_VERSION. */
MUST_USE enum status chunk_open(struct bytes bytes, struct chunk *chunk_out);
/* STATUS_OK; STATUS_NOT_FOUND at the end; STATUS_CORRUPT. Views into the chunk. */
MUST_USE enum status chunk_next(struct chunk *c, struct lsm_item *item_out);

#endif
