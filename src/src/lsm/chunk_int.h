/* Snapshot chunks, the unit in which a range travels between stores (README, Formats). */
#ifndef OSTRAKA_LSM_CHUNK_INT_H
#define OSTRAKA_LSM_CHUNK_INT_H

#include "base/codec.h"
#include "lsm/item_int.h"

#define CHUNK_HEAD_BYTES 48

/* Writes a chunk into buf: begin, any number of items, end. A failed buf stays failed. */
struct chunk_writer {
    struct buf *out;
    size_t begin; /* of the head in out */
    uint32_t item_count;
};
void chunk_begin(struct chunk_writer *w, struct buf *out);
void chunk_add(struct chunk_writer *w, const struct lsm_item *item);
/* sequence counts the snapshot's chunks from 0; newest_ts is the range's. */
void chunk_end(struct chunk_writer *w, uint64_t sequence, bool last, uint64_t newest_ts);

struct chunk {
    uint64_t sequence, newest_ts;
    bool last;
    uint32_t item_count;
    struct reader items;
};
/* STATUS_CORRUPT: malformed; STATUS_VERSION. */
MUST_USE enum status chunk_open(struct bytes bytes, struct chunk *chunk_out);
/* STATUS_OK; STATUS_NOT_FOUND at the end; STATUS_CORRUPT. Views into the chunk. */
MUST_USE enum status chunk_next(struct chunk *c, struct lsm_item *item_out);

#endif
