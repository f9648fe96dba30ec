/* The manifest: which ranges there are, how far each is on disk, and which tables it consists of.
 * One file of frames; every frame is synced before the next is written, so an unfinished frame can
 * only be the last one (README, Formats). */
#ifndef OSTRAKA_LSM_MANIFEST_INT_H
#define OSTRAKA_LSM_MANIFEST_INT_H

#include "base/codec.h"
#include "base/map.h"
#include "lsm/version_int.h"

#define MANIFEST_VERSION       2
#define MANIFEST_CHUNK_BYTES   512
#define MANIFEST_FRAME_ALIGN   4096
#define MANIFEST_BYTES_DEFAULT (1u << 20)
#define MANIFEST_BYTES_MAX     ((size_t)1 << 30)

/* ---- frames (manifest_frame.c) ---- */

struct manifest_head {
    uint64_t magic;
    uint32_t version, record_count;
    uint64_t store_id, uid; /* uid: drawn for each manifest file */
    uint64_t frame;         /* 1, 2, 3, ... in one file */
    uint32_t size_bytes;    /* of the records behind the head */
    uint32_t head_hash; /* low half of the XXH3 of the fields before: size_bytes is needed first */
    uint64_t hash;      /* XXH3 of the records, seeded with that of the fields before it */
};
_Static_assert(sizeof(struct manifest_head) == 56, "on-disk layout, src/lsm/README.md");

/* Bytes a frame with so many bytes of records takes in the file. */
size_t manifest_frame_size(size_t record_bytes);
/* Appends a frame. A failed buf stays failed. */
void manifest_frame_put(struct buf *out, uint64_t store_id, uint64_t uid, uint64_t frame,
                        uint32_t record_count, struct bytes records);

struct manifest_scan {
    uint64_t store_id, uid, frame_count;
    size_t end;       /* of the last whole frame */
    bool torn;        /* an unfinished frame follows: it was never acknowledged */
    char detail[128]; /* when damaged: what and where */
};
/* Walks the frames of a manifest file. visit gets each frame's records (a view into the file, or
 * into scratch). STATUS_CORRUPT: damage, not a torn tail; STATUS_VERSION. */
MUST_USE enum status manifest_scan(struct bytes file, struct manifest_scan *scan,
                                   enum status (*visit)(void *ctx, uint64_t frame,
                                                        uint32_t record_count,
                                                        struct bytes records),
                                   void *ctx);

/* ---- records and what they add up to (manifest_record.c) ---- */

enum manifest_record_kind {
    MANIFEST_RECORD_RANGE = 1,      /* all there is to know of a range; replaces what was known */
    MANIFEST_RECORD_FLUSH = 2,      /* a later state of a range: index, meta, pieces added */
    MANIFEST_RECORD_COMPACTION = 3, /* pieces removed and added */
    MANIFEST_RECORD_DROP = 4,
};

/* A piece: of which table, and where it is cut. Keys are views into the record, or owned by struct
 * manifest_range. */
struct manifest_piece {
    uint64_t id, number, size_bytes;
    struct table_uid uid;
    uint32_t level;
    struct cut low, high;
};

struct manifest_record {
    enum manifest_record_kind kind;
    struct range_id range;
    uint64_t flushed_index, newest_ts; /* RANGE, FLUSH */
    struct bytes meta;                 /* RANGE, FLUSH */
    struct bytes removed, added;       /* encoded lists */
    uint32_t removed_count, added_count;
};
MUST_USE enum status manifest_record_get(struct reader *r, struct manifest_record *record_out);
/* Takes the next of the lists apart; the reader was made of removed or added. */
uint64_t manifest_removed_get(struct reader *r);
struct manifest_piece manifest_added_get(struct reader *r);

/* Writing: head, removed pieces, added pieces, in this order. */
struct manifest_record_head {
    enum manifest_record_kind kind;
    struct range_id range;
    uint64_t flushed_index, newest_ts;
    struct bytes meta;
    uint32_t removed_count, added_count;
};
void manifest_record_put_head(struct buf *b, const struct manifest_record_head *head);
void manifest_record_put_removed(struct buf *b, const struct piece *p);
void manifest_record_put_added(struct buf *b, const struct piece *p, uint32_t level);

/* The sum of all records. */
struct manifest_range {
    struct range_id range;
    uint64_t flushed_index, newest_ts;
    struct buf meta;
    struct manifest_piece *pieces;
    uint32_t piece_count, piece_capacity;
};
struct manifest_state {
    struct map ranges; /* id -> struct manifest_range */
};
void manifest_state_init(struct manifest_state *s);
void manifest_state_deinit(struct manifest_state *s);
/* STATUS_CORRUPT: the record contradicts those before. */
MUST_USE enum status manifest_state_apply(struct manifest_state *s,
                                          const struct manifest_record *record);
/* Reads a whole manifest file and adds it up. STATUS_NOT_FOUND: there is none. */
MUST_USE enum status manifest_load(struct fio *f, const char *directory, struct manifest_scan *scan,
                                   struct manifest_state *state);
void manifest_path(const char *directory, const char *name, char path[LSM_PATH_BYTES_MAX]);
#define MANIFEST_NAME     "manifest"
#define MANIFEST_NEW_NAME "manifest.new"

#endif
