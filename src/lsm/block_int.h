/* Blocks: the unit that is compressed, checksummed, read and cached (README, Formats).
 *
 * A raw block is a sorted run of items. Each item's key leaves out what it shares with the key
 * before; every 16th (a restart) is whole, and an array of their offsets at the end allows binary
 * search. Data blocks hold the range's items; index blocks hold, per block below, its last key and
 * its place. */
#ifndef OSTRAKA_LSM_BLOCK_INT_H
#define OSTRAKA_LSM_BLOCK_INT_H

#include "base/codec.h"
#include "lsm/item_int.h"

#define BLOCK_RESTART_INTERVAL 16
#define BLOCK_HEAD_BYTES       8
#define BLOCK_TRAILER_BYTES    8
#define BLOCK_RAW_BYTES_MAX \
    (8u << 20) /* a block is cut at its target size: one large value over it */

enum block_kind {
    BLOCK_KIND_DATA = 1,
    BLOCK_KIND_INDEX = 2, /* points at data blocks */
    BLOCK_KIND_TOP = 3,   /* points at index blocks; in memory while the table is open */
    BLOCK_KIND_FILTER = 4,
    BLOCK_KIND_FOOTER = 5,
};

struct table_uid {
    uint64_t high, low;
};

/* Where a sealed block stands in its table. */
struct block_handle {
    uint64_t offset;
    uint32_t size; /* with head and trailer */
};

/* ---- building ---- */

struct block_builder {
    struct buf raw, restarts, last_key;
    uint64_t last_ts;
    enum lsm_space last_space;
    uint32_t count;
};
void block_builder_init(struct block_builder *b);
void block_builder_deinit(struct block_builder *b);
void block_builder_reset(struct block_builder *b);
/* Items come in engine order. A failed allocation shows in block_builder_failed. */
void block_builder_add(struct block_builder *b, const struct lsm_item *item);
size_t block_builder_size(const struct block_builder *b);
bool block_builder_failed(const struct block_builder *b);
/* Completes the raw block; the view is valid until the next reset. */
struct bytes block_builder_finish(struct block_builder *b);

void block_handle_put(struct buf *b, struct block_handle handle);
MUST_USE enum status block_handle_get(struct bytes bytes, struct block_handle *handle_out);

/* ---- sealing: compression and checksum ---- */

/* Appends the sealed block for its place at `offset` of the table. */
void block_seal(struct buf *out, enum block_kind kind, struct bytes raw, bool compress,
                struct table_uid uid, uint64_t offset);
/* Checks a sealed block that was read from `offset` and tells its raw size. STATUS_CORRUPT: other
 * bytes than were written there (a flipped bit, another table's block, another place). */
MUST_USE enum status block_check(struct bytes sealed, enum block_kind kind, struct table_uid uid,
                                 uint64_t offset, uint32_t *raw_size_out);
/* Decompresses a checked block into raw_size bytes. */
MUST_USE enum status block_unpack(struct bytes sealed, uint8_t *raw_out, uint32_t raw_size);

/* ---- reading: safe on any bytes ---- */

struct block_cursor {
    struct bytes entries;    /* of the raw block */
    const uint8_t *restarts; /* u32 each */
    uint32_t restart_count;
    size_t at, next; /* of the current entry and the one after it */
    struct buf key;  /* of the current entry */
    struct lsm_item item;
};
void block_cursor_init(struct block_cursor *c);
void block_cursor_deinit(struct block_cursor *c);
/* Borrows the raw block. STATUS_CORRUPT: not a block. */
MUST_USE enum status block_cursor_open(struct block_cursor *c, struct bytes raw);
/* STATUS_OK: c->item is the entry; STATUS_NOT_FOUND: none; STATUS_CORRUPT. */
MUST_USE enum status block_cursor_first(struct block_cursor *c);
MUST_USE enum status block_cursor_last(struct block_cursor *c);
/* To the first entry at or after the target. */
MUST_USE enum status block_cursor_seek(struct block_cursor *c, const struct item_key *target);
MUST_USE enum status block_cursor_next(struct block_cursor *c);
MUST_USE enum status block_cursor_prev(struct block_cursor *c);
/* Offset of the entry after the one at *at, whose value goes to *value_out; false at the end. */
bool block_cursor_peek(const struct block_cursor *c, size_t *at, struct bytes *value_out);

#endif
