/* Private to wal/ and its tests: formats, the in-memory index, the log object. */
#ifndef OSTRAKA_WAL_WAL_INT_H
#define OSTRAKA_WAL_WAL_INT_H

#include "base/assert.h"
#include "base/bytes.h"
#include "base/list.h"
#include "base/map.h"
#include "wal/wal.h"

#define WAL_VERSION 1u
#define WAL_SECTOR_BYTES 4096u
#define WAL_STAMP_BYTES 8u
#define WAL_SEGMENT_BYTES_DEFAULT (64u << 20)
#define WAL_SEGMENT_BYTES_MIN (64u << 10)
#define WAL_SEGMENT_BYTES_MAX (1u << 30)
#define WAL_GROUP_BYTES_DEFAULT (5u << 20)
#define WAL_SPARES_MAX 2
#define WAL_FLIGHTS_MAX 2
#define WAL_FACTS_MAX 256
#define WAL_FACT_BYTES_MAX 1024u
#define WAL_PATH_BYTES_MAX 240
#define WAL_COMPRESS_BYTES_MIN 512u
#define WAL_INDEX_MAX (UINT64_C(1) << 62) /* these keep arithmetic on what is read in range */
#define WAL_LSN_MAX (UINT64_C(1) << 62)

/* ---- formats: wal_format.c, wal/README.md ---- */

#define WAL_SEGMENT_MAGIC UINT64_C(0x4c4157415254534f) /* the bytes "OSTRAWAL" */
#define WAL_FRAME_MAGIC UINT32_C(0x5246574f)           /* the bytes "OWFR" */

/* The first sector of a segment file; the rest of the sector is zero. */
struct wal_segment_head {
    uint64_t stamp; /* of frame number 0 */
    uint64_t magic;
    uint32_t version, segment_bytes;
    uint64_t store_id;
    uint64_t hash; /* XXH3 of the sector with hash = 0 */
};
_Static_assert(sizeof(struct wal_segment_head) == 40, "on-disk layout, wal/README.md");

enum wal_frame_flag {
    WAL_FRAME_DAMAGED = 1 << 0,   /* entries were lost, and nobody called wal_append_settled yet */
    WAL_FRAME_UNCERTAIN = 1 << 1, /* the same for a tail that may have been acknowledged */
};
#define WAL_FRAME_FLAGS (WAL_FRAME_DAMAGED | WAL_FRAME_UNCERTAIN)

/* A frame is a checkpoint part (only in the first frame of a segment) and a group part. Each part
 * starts with WAL_PART_HEAD_BYTES and continues with records; the head below lies in the first. */
struct wal_frame_head {
    uint64_t stamp; /* see wal_stamp: generation and number of the frame; every sector repeats it */
    uint32_t magic, flags;
    uint64_t lsn;          /* of the group part's first byte */
    uint64_t durable_upto; /* what was known durable when this was written */
    uint64_t prev_hash;    /* hash of the frame before, across segments */
    uint32_t size_bytes;   /* whole sectors */
    uint32_t group_offset; /* size of the checkpoint part in whole sectors; 0: there is none */
    uint32_t checkpoint_used, group_used;   /* place behind the last record of each part */
    uint32_t checkpoint_count, group_count; /* records in each part */
    uint32_t entry_count;                   /* of them entries */
    uint32_t oldest_generation; /* segments older than that are not needed any more */
    uint32_t prev_generation;   /* first frame of a segment: the segment before; 0: none */
    uint32_t zero;
    uint64_t head_hash; /* XXH3 of the 80 bytes before */
    uint64_t hash;      /* XXH3 of the frame with hash = 0 */
};
_Static_assert(sizeof(struct wal_frame_head) == 96, "on-disk layout, wal/README.md");
#define WAL_PART_HEAD_BYTES 96u
/* The lsn behind the frame. */
static inline uint64_t wal_frame_end(const struct wal_frame_head *head)
{
    return head->lsn + (head->size_bytes - head->group_offset);
}

enum wal_record_kind {
    WAL_RECORD_ENTRY = 1,      /* term, index, detail = entry kind, payload */
    WAL_RECORD_HARD_STATE = 2, /* term, index = commit, payload = vote (8 bytes) */
    WAL_RECORD_START = 3,      /* term, index, detail = 1: all entries are gone */
    WAL_RECORD_DROPPED = 4,
    WAL_RECORD_FACT = 5,       /* range = key, payload = value */
    WAL_RECORD_RANGE = 6, /* checkpoint: term, index = start; payload = term, vote, commit, last */
};
enum wal_record_flag { WAL_RECORD_LZ4 = 1 << 0 }; /* stored bytes: u32 size, then an LZ4 block */

struct wal_record_head {
    uint64_t hash; /* XXH3 of the 32 bytes that follow, seeded with XXH3 of the stored bytes */
    uint64_t range, term, index;
    uint32_t size; /* of the stored bytes, which follow */
    uint8_t kind, detail, flags, zero;
};
_Static_assert(sizeof(struct wal_record_head) == 40, "on-disk layout, wal/README.md");
#define WAL_RECORD_HEAD_BYTES 40u
#define WAL_RANGE_RECORD_BYTES (WAL_RECORD_HEAD_BYTES + 32u)

/* generation << 32 | number, with the top bit making the count of ones even: no single flipped bit
 * turns one stamp into another. Generations therefore stay below 2^31. */
#define WAL_GENERATION_MAX UINT32_C(0x7fffffff)
uint64_t wal_stamp(uint32_t generation, uint32_t number);
/* False for bits that no writer ever wrote there. Zero is the stamp of a sector never used. */
bool wal_stamp_read(uint64_t stamp, uint32_t *generation_out, uint32_t *number_out);

/* Records are a stream that skips the stamp at the start of each sector. A place in a part counts
 * all bytes from the start of the part. wal_place_after: where `size` bytes of the stream beginning
 * at `place` end. */
uint64_t wal_place_after(uint64_t place, uint64_t size);
/* Copies into, or out of, the part at `place`; returns the place after. */
uint64_t wal_part_put(uint8_t *part, uint64_t place, const void *data, size_t size);
uint64_t wal_part_get(const uint8_t *part, uint64_t place, void *data, size_t size);
/* Writes the stamp into every sector of the `size` bytes. */
void wal_part_stamp(uint8_t *part, size_t size, uint64_t stamp);
static inline uint32_t wal_sectors_up(uint64_t size)
{
    return (uint32_t)((size + WAL_SECTOR_BYTES - 1) / WAL_SECTOR_BYTES * WAL_SECTOR_BYTES);
}

void wal_segment_head_encode(uint8_t sector[WAL_SECTOR_BYTES], uint32_t generation,
                             uint32_t segment_bytes, uint64_t store_id);
/* STATUS_CORRUPT: no such sector; STATUS_VERSION: a good one that this program does not speak. */
MUST_USE enum status wal_segment_head_decode(const uint8_t sector[WAL_SECTOR_BYTES],
                                             struct wal_segment_head *head_out);

/* Fills the two hashes of a frame whose parts are finished and whose head is at the start of the
 * first part; returns the frame's hash. part_count is 1 or 2. */
uint64_t wal_frame_seal(struct bytes parts[2], uint8_t *head_place);
/* Is this sector the start of a frame that could end within size_max bytes? */
bool wal_frame_head_decode(const uint8_t sector[WAL_SECTOR_BYTES], uint64_t size_max,
                           struct wal_frame_head *head_out);
/* Does the hash of the whole frame hold? Leaves `frame` as it was. */
bool wal_frame_whole(uint8_t *frame, const struct wal_frame_head *head);

/* Seals a record's head over its stored bytes. */
void wal_record_seal(struct wal_record_head *head, struct bytes stored);
bool wal_record_whole(const struct wal_record_head *head, struct bytes stored);
/* Are the fields such as a writer makes them? (Asked after the hash held.) */
bool wal_record_sane(const struct wal_record_head *head, struct bytes stored);
/* Reads the record at *place of a part with `used` bytes into head and, contiguous, into scratch
 * (which holds at least `used` bytes). False: malformed or its hash does not hold. */
bool wal_record_get(const uint8_t *part, uint64_t used, uint64_t *place,
                    struct wal_record_head *head_out, uint8_t *scratch, struct bytes *stored_out);
/* The size of a payload before compression; false: malformed. */
bool wal_payload_size(const struct wal_record_head *head, struct bytes stored, uint32_t *size_out);
/* Undoes the compression into scratch of payload size; without one, the view is into stored. */
bool wal_payload_get(const struct wal_record_head *head, struct bytes stored, uint8_t *scratch,
                     struct bytes *payload_out);

/* ---- the index: wal_index.c ---- */

struct wal_entry {
    uint64_t lsn; /* of the record's first byte */
    uint64_t term;
    uint32_t size; /* stored bytes */
};

struct wal_range {
    struct range_id id;
    struct log_pos start;
    uint64_t term, vote, commit;
    struct wal_entry *entries; /* [head, head + count): indexes first_index and up */
    size_t head, count, capacity;
    uint64_t first_index;
    size_t heap_place; /* 0: no entries; else 1 + place in the heap */
    uint64_t change;   /* serial of the last removal: readers notice */
    bool listed;       /* by the checkpoint that recovery is looking at */
};

struct wal_fact {
    uint32_t key, size;
    uint8_t value[WAL_FACT_BYTES_MAX];
};

struct wal_index {
    struct map ranges;
    struct wal_range **heap; /* ranges with entries, the one with the oldest first entry on top */
    size_t heap_count, heap_capacity;
    struct wal_fact *facts; /* by key */
    size_t fact_count;
    uint64_t checkpoint_bytes; /* of the stream that repeats all this */
    uint64_t change;
};

void wal_index_init(struct wal_index *x);
void wal_index_deinit(struct wal_index *x);
struct wal_range *wal_index_find(const struct wal_index *x, struct range_id id);
/* NULL: no memory. */
struct wal_range *wal_index_make(struct wal_index *x, struct range_id id);
void wal_index_drop(struct wal_index *x, struct range_id id);
/* Makes room for one more entry of that range. */
MUST_USE enum status wal_index_reserve(struct wal_range *r);
/* Replaces the entry of that index and all after it; there is room. */
void wal_index_put(struct wal_index *x, struct wal_range *r, uint64_t index, uint64_t term,
                   uint64_t lsn, uint32_t size);
/* The log of the range starts after pos; `all`: nothing of it is left. */
void wal_index_start(struct wal_index *x, struct wal_range *r, struct log_pos pos, bool all);
/* Removes all entries, or those above `last`, and leaves the rest. */
void wal_index_clear(struct wal_index *x, struct wal_range *r);
void wal_index_cut(struct wal_index *x, struct wal_range *r, uint64_t last);
/* Would a start at pos leave none of the entries? Only a log that holds that very entry goes on. */
bool wal_index_start_clears(const struct wal_range *r, struct log_pos pos);
/* The entry, or NULL. */
const struct wal_entry *wal_index_entry(const struct wal_range *r, uint64_t index);
static inline uint64_t wal_range_last(const struct wal_range *r)
{
    return r->count == 0 ? r->start.index : r->first_index + r->count - 1;
}
/* First byte of the oldest live entry, UINT64_MAX when there is none. */
uint64_t wal_index_oldest(const struct wal_index *x);
/* STATUS_TOO_LARGE: over WAL_FACTS_MAX or WAL_FACT_BYTES_MAX. */
MUST_USE enum status wal_index_set_fact(struct wal_index *x, uint32_t key, struct bytes value);
/* For assertions: are heap and ranges as they have to be? */
bool wal_index_sound(const struct wal_index *x);

/* ---- the log ---- */

struct wal_segment {
    struct list link; /* wal.retired */
    uint32_t generation, size_bytes;
    env_file file;
    uint64_t start_lsn, data_offset; /* byte start_lsn of the log is at data_offset of the file */
    uint64_t write_offset;           /* the next frame goes here */
    uint32_t frame_number;           /* of the last frame; 0: none */
    unsigned reader_count;           /* wal_read on other fibers */
    struct env_op close_op;
};

/* What makes a group durable, once it is closed. */
struct wal_flight {
    unsigned pending;    /* operations that have not completed; 0: it is over */
    int64_t error;       /* the first one, < 0 */
    struct wal_segment *segment;
    bool opens;          /* the first frame of its segment: flies alone */
    uint64_t end_lsn, started_ns;
    uint32_t written_bytes, group_bytes, entry_count, oldest_generation;
    uint8_t *checkpoint; /* being written; freed at the end if the log has a larger one by then */
    struct env_op ops[2];
};

struct wal_group {
    struct wal *wal;
    uint8_t *data;
    uint64_t lsn;    /* of data[0] */
    uint32_t used;   /* a place; WAL_PART_HEAD_BYTES when empty */
    uint32_t record_count, entry_count;
    bool forced;     /* is written even when empty */
    struct wal_flight flight;
};

/* Keeps a segment ready ahead of need and puts old ones away, on a fiber of its own. */
struct wal_keeper {
    bool running;
    enum status status;       /* of the last run */
    const char *what;
    int error;
    bool no_space;            /* the last run found the disk full */
    uint64_t retry_ns;        /* not before; 0: at once */
    struct fio fio;
    struct wal_segment *made; /* handed over at the end of the run */
    struct env_op end_op;     /* brings the end of the run back to the core's own stack */
};

struct wal {
    struct wal_options options;
    char directory[WAL_PATH_BYTES_MAX];
    uint32_t group_bytes;          /* capacity of a group */
    uint64_t checkpoint_bytes_max; /* what a segment has room for beside a full group */
    enum wal_sync_mode sync_mode;
    bool direct;

    struct wal_index index;
    /* A ring: from `first` on those in flight, oldest first, then the open one. */
    struct wal_group groups[WAL_FLIGHTS_MAX + 1];
    unsigned first, flight_count;
    uint8_t *checkpoint; /* buffer of the checkpoint part */
    size_t checkpoint_capacity;
    void *lz4_state;
    uint8_t *lz4_scratch;
    size_t lz4_capacity;

    struct wal_segment **segments; /* oldest first; the last is written to */
    size_t segment_count, segment_capacity;
    struct wal_segment *next; /* prepared, or NULL */
    struct list retired;      /* not needed any more; the keeper puts them away */
    uint32_t spares[WAL_SPARES_MAX];
    size_t spare_count;
    uint32_t last_generation; /* the highest ever given to a file */

    uint64_t durable, last_hash;
    uint32_t flags;          /* enum wal_frame_flag of the next frame */
    bool submit_wanted;      /* wal_submit came when the open group could not be started */
    bool refused;            /* an append was: on_durable will say when to retry */
    bool failed, told;       /* WAL-4; on_failed was called */
    bool closing;
    size_t close_pending, read_count;
    enum status failure;
    const char *failure_what;
    struct wal_keeper keeper;
    struct wal_metrics metrics;
};

/* Places in the ring: of the n-th group, counted from the oldest in flight, and of the open one. */
static inline unsigned wal_ring_place(const struct wal *w, unsigned n)
{
    ASSERT(n <= w->flight_count);
    return (w->first + n) % (WAL_FLIGHTS_MAX + 1);
}
static inline unsigned wal_open_place(const struct wal *w)
{
    return wal_ring_place(w, w->flight_count);
}
static inline struct wal_group *wal_open_group(struct wal *w)
{
    return &w->groups[wal_open_place(w)];
}
static inline struct wal_segment *wal_current(const struct wal *w)
{
    ASSERT(w->segment_count > 0);
    return w->segments[w->segment_count - 1];
}
/* The segment that holds byte lsn of the log, or NULL. */
struct wal_segment *wal_segment_of(const struct wal *w, uint64_t lsn);
void wal_check(const struct wal *w);

/* ---- wal_write.c ---- */

/* Empties the group, whose first byte will be lsn. */
void wal_group_reset(struct wal_group *g, uint64_t lsn);
/* May the write of the open group be started now? Always when nothing is in flight. */
bool wal_write_may_start(const struct wal *w);
/* Starts it. */
void wal_write_start(struct wal *w);
/* Writes the first frame of the first segment of this start and waits for it. On a fiber. */
MUST_USE enum status wal_write_opening(struct wal *w, struct fio *f, uint32_t prev_generation);
/* Enters the failed state; nothing is ever tried again (WAL-4, trap K22). */
void wal_fail(struct wal *w, enum status status, const char *what, int error);
/* Calls on_failed if that is due. On the core's own stack. */
void wal_tell(struct wal *w);
/* Sizes the checkpoint buffer for an index that may grow by `more` bytes of records. */
MUST_USE enum status wal_checkpoint_reserve(struct wal *w, uint64_t more);
/* Moves segments that nothing needs from the front of the list to `retired`. */
void wal_retire_before(struct wal *w, uint32_t generation);
/* The oldest generation that live entries (or the segment written to) need. */
uint32_t wal_oldest_generation(const struct wal *w);

/* ---- wal_segment.c: files ---- */

enum wal_name_kind { WAL_NAME_OTHER, WAL_NAME_SEGMENT, WAL_NAME_SPARE, WAL_NAME_NEW };
enum wal_name_kind wal_name_parse(const char *name, uint32_t *generation_out);
struct wal_path {
    char text[WAL_PATH_BYTES_MAX + 32];
};
struct wal_path wal_path_segment(const char *directory, uint32_t generation);
struct wal_path wal_path_spare(const char *directory, uint32_t generation);
struct wal_path wal_path_new(const char *directory);
struct wal_segment *wal_segment_create(uint32_t generation, uint32_t size_bytes);
/* Makes a segment ready for its first frame: from a spare, or from nothing. The name is durable
 * when this returns (K23). On a fiber. *what_out names the step that failed. */
MUST_USE enum status wal_segment_prepare(struct wal *w, struct fio *f,
                                         struct wal_segment **segment_out, const char **what_out);
/* Turns the file into a spare, or removes it. On a fiber. */
MUST_USE enum status wal_file_put_away(struct wal *w, struct fio *f, uint32_t generation,
                                       uint64_t size_bytes);
/* Opens a file as the options and the file system allow. */
MUST_USE enum status wal_file_open(struct wal *w, struct fio *f, const char *path, unsigned flags,
                                   env_file *file_out);
/* Appends to the list of segments, in which wal_segment_prepare made room. */
void wal_segments_push(struct wal *w, struct wal_segment *segment);
MUST_USE enum status wal_segments_reserve(struct wal *w, size_t count);

/* ---- wal_probe.c ---- */

/* Of what one durable write took either way. */
enum wal_sync_mode wal_sync_mode_for(uint64_t dsync_ns, uint64_t fdatasync_ns);
/* Times both ways of making a write durable in the last sector of the file, which is not in use. */
MUST_USE enum status wal_probe_sync(struct wal *w, struct fio *f, const char *path,
                                    enum wal_sync_mode *mode_out);

/* ---- wal_keeper.c ---- */

/* Starts the keeper when there is work for it and nobody is in its way. */
void wal_keeper_wake(struct wal *w);

/* ---- wal_scan.c: reading segment files frame by frame ---- */

struct wal_scan {
    struct fio *fio;
    env_file file;
    uint32_t generation;
    uint64_t size; /* of the file, whole sectors */
    uint8_t *window;
    size_t capacity, held;
    uint64_t at; /* window[0] is this byte of the file */
    uint64_t unreadable_count; /* sectors the disk refused to read */
};

/* Keeps the window of an earlier file. */
void wal_scan_begin(struct wal_scan *s, struct fio *f, env_file file, uint32_t generation,
                    uint64_t size);
void wal_scan_deinit(struct wal_scan *s);
/* A view of [offset, offset + size), which lies in the file; valid until the next call. Sectors
 * that cannot be read come back as 0xff (an impossible stamp). STATUS_CANCELLED,
 * STATUS_NO_MEMORY. */
MUST_USE enum status wal_scan_view(struct wal_scan *s, uint64_t offset, uint64_t size,
                                   uint8_t **view_out);
/* Looks for a whole frame of this generation at offset. *frame_out is NULL when there is none. */
MUST_USE enum status wal_scan_frame(struct wal_scan *s, uint64_t offset,
                                    struct wal_frame_head *head_out, uint8_t **frame_out);

enum wal_tail {
    WAL_TAIL_CLEAN = 0,     /* nothing was written there in this life of the file */
    WAL_TAIL_TORN = 1,      /* a frame that provably was never completed */
    WAL_TAIL_UNCERTAIN = 2, /* a bad frame that may have been completed */
    WAL_TAIL_DAMAGED = 3,   /* a bad frame that was durable: later ones say so */
};
/* Where frame `number` of its segment would begin, at byte lsn of the log. */
struct wal_tail_place {
    uint64_t offset, lsn;
    uint32_t number;
};
/* What is at the place, where no good frame is? */
MUST_USE enum status wal_scan_tail(struct wal_scan *s, const struct wal_tail_place *place,
                                   enum wal_tail *tail_out);

struct wal_record {
    struct wal_record_head head;
    struct bytes stored;
    uint64_t lsn;
};
typedef enum status (*wal_record_visit)(void *ctx, const struct wal_record *record);
/* The records of one part of a frame that wal_scan_frame found good, if it has that part.
 * STATUS_CORRUPT: malformed inside although the hash held; else what visit answers. */
MUST_USE enum status wal_checkpoint_visit(const uint8_t *frame, const struct wal_frame_head *head,
                                          wal_record_visit visit, void *ctx, struct buf *scratch);
MUST_USE enum status wal_group_visit(const uint8_t *frame, const struct wal_frame_head *head,
                                     wal_record_visit visit, void *ctx, struct buf *scratch);

/* ---- wal_recover.c, wal_replay.c ---- */

/* Where a walk over the frames of a segment has come to. */
struct wal_walk_end {
    uint64_t offset, lsn, hash; /* behind the last frame, and that frame's hash */
    uint32_t number;            /* of the last frame; 0: none */
};

struct wal_file {
    enum wal_name_kind kind;
    uint32_t generation;
    uint64_t size;
    env_file file;                     /* -1: not open */
    bool first_good;                   /* its first frame is */
    bool chained;                      /* part of the log, up to `end` */
    bool linked;                       /* the segment before is the one its first frame names */
    struct wal_frame_head first, last; /* of the frames that are part of the log */
    struct wal_walk_end end;
    uint64_t doubtful_offset;          /* the last frame knew all before this place durable */
    uint64_t limit_lsn;                /* the log went on here in the next file: see find_limits */
};

struct wal_recover {
    struct wal *w;
    struct fio *fio;
    struct wal_recovery *out;
    struct wal_file *files; /* segments by generation, then other files */
    size_t file_count, file_capacity, segment_count;
    enum status list_status;
    size_t *chain; /* places of the log's segments in files, oldest first */
    size_t chain_count;
    struct wal_scan scan;
    struct buf scratch, payload;

    uint32_t oldest_generation; /* as the newest good frame says */
    struct wal_walk_end end;        /* of the log */
    uint32_t end_generation;    /* the segment it ends in; 0: nowhere */
    uint64_t lsn_max;           /* the highest end of a good frame anywhere */
    uint64_t durable_upto;      /* D: the highest anywhere */
    enum wal_tail tail;
    bool disagreed;             /* a checkpoint does not fit what was before it */
    uint32_t flags;             /* of the last frame, and what was found now */
    uint64_t *dropped;          /* ids of ranges whose last word was "dropped" */
    size_t dropped_count, dropped_capacity;
    const struct wal_visitor *visitor;
};
void wal_recover_deinit(struct wal_recover *r);

/* Finds the extent of the log and builds the index. Runs on a fiber. */
MUST_USE enum status wal_recover(struct wal_recover *r);
/* Hands everything to r->visitor. */
MUST_USE enum status wal_replay(struct wal_recover *r);
/* Applies one record to the index: what recovery rebuilds is what the appends had built. */
MUST_USE enum status wal_apply(struct wal_recover *r, const struct wal_record *record);
/* The same for a record from beyond the damage; its entries are not part of the log any more. */
MUST_USE enum status wal_apply_salvaged(struct wal_recover *r, const struct wal_record *record);
/* The checkpoint of a first frame that comes after others: where the log goes on after damage, it
 * says what is left; elsewhere it has to agree with what the frames before it (and the group behind
 * it) led to, else r->disagreed. */
MUST_USE enum status wal_apply_reset(struct wal_recover *r, const uint8_t *frame,
                                     const struct wal_frame_head *head);
MUST_USE enum status wal_compare(struct wal_recover *r, const uint8_t *frame,
                                 const struct wal_frame_head *head);
void wal_recover_note(struct wal_recover *r, uint32_t generation, uint64_t offset,
                      const char *what);

#endif
