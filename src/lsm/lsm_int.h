/* The structures of the engine. All state hangs from struct lsm; one core only. */
#ifndef OSTRAKA_LSM_LSM_INT_H
#define OSTRAKA_LSM_LSM_INT_H

#include "base/map.h"
#include "base/prng.h"
#include "lsm/cache_int.h"
#include "lsm/gc_int.h"
#include "lsm/memtable_int.h"
#include "lsm/merge_int.h"
#include "lsm/version_int.h"

#define LSM_SLICE_ITEMS_MAX 2048 /* items looked at in one call, which then asks to be repeated */
#define LSM_FLUSHES_MAX     4    /* of different ranges, side by side */
#define LSM_COMPACTIONS_MAX 2
#define LSM_L0_TABLES       4  /* as many that share a key are merged into the next level */
#define LSM_L0_TABLES_LATE  6 /* those that are small, and would take much along, wait until they are so many */
#define LSM_L0_BYTES        6 /* times table_bytes: not small */
#define LSM_L0_PIECES_MAX   16 /* or what costs least, when there are so many pieces in all */
#define LSM_L0_MERGE_MAX    32 /* at most, at a time */
#define LSM_L0_TABLES_SLOW  8  /* more that share a key slow writers down */
#define LSM_ENDING_TABLES   4  /* times table_bytes: most that goes into an ending table */
#define LSM_ENDING_FULL_PART 2 /* of table_bytes: from that on it stays as it is */
#define LSM_ENDING_RUNS     8  /* as many smaller ones of about one size are merged */
#define LSM_ENDING_MAX      32 /* or the smallest, when there are so many smaller ones */
#define LSM_ENDING_PART     64 /* of table_bytes: less that ends does not get a table of its own */
#define LSM_LEVEL_GROWTH    8  /* a level is so many times as large as the one above */
#define LSM_RETRY_NS        UINT64_C(1000000000) /* after a failure that may pass */

/* What lsm_step tells the owner. */
enum range_event {
    RANGE_EVENT_FLUSHED = 1 << 0,
    RANGE_EVENT_CORRUPT = 1 << 1,
};

/* A memtable that waits for its flush, as one range has it: ranges that were split share it. */
struct frozen {
    uint32_t refs; /* the range's list, the flush */
    struct list link;
    struct memtable *memtable; /* pinned and held */
    uint64_t last_index;       /* of the range when it was frozen */
    struct split *split;       /* becomes durable with its flush; NULL: none */
    bool merges;               /* and so does the merge under way */
    struct buf meta;           /* the owner's record as of then */
};

/* A range was divided and the manifest does not say so yet: it will with the flush of the memtable
 * that was frozen then. Until that the right side shares everything with what is split off (README,
 * Splits). */
struct split {
    struct list link;    /* in left->splits, by index */
    struct range *left;  /* not pinned: it stays while it has splits */
    struct range *right; /* pinned; NULL: the left one only lost its end */
    struct bytes key;    /* first of the right side; behind the struct */
    struct bytes meta;   /* of the right side; behind the key */
};

struct range {
    struct range_id id;
    struct lsm *lsm;
    uint32_t refs; /* the map's, one per job and edit */
    bool mapped;   /* lsm_range_exists */
    bool dropped;  /* it was, and lsm_range_drop was called */
    bool corrupt;
    uint64_t epoch; /* rises when the whole state is replaced: older work is void */
    struct memtable *active;
    struct list frozen;      /* frozen.link, newest first */
    struct version *version; /* what reads see */
    /* While a split waits for the manifest (range_is_pending). */
    struct version *named; /* what the manifest says of it; NULL: the same as version */
    struct window *window; /* of `named`, or of the range it comes from, and of its frozen
                              memtables; NULL: all */
    struct list splits;    /* split.link: what was split off it, oldest first */
    struct split *born;    /* that makes it */
    struct range
        *merging; /* pinned: what became its right end, gone for callers; the manifest has both */
    struct list merging_link; /* in lsm.merging meanwhile */
    bool resting; /* to be merged into another: not compacted until it is written again */
    struct range_drop *drop; /* waits for the splits */
    uint64_t applied_index, newest_ts, gc_ts;
    uint64_t flush_limit; /* memtables beyond this index wait */
    struct buf meta;      /* as of applied_index */
    bool meta_changed;    /* since the last freeze */
    bool meta_old;        /* the owner knows a newer one: options.on_meta */
    bool meta_is_flushed; /* it is what the manifest says; flushed_meta is empty */
    /* What the manifest says. */
    uint64_t flushed_index, flushed_newest_ts;
    struct buf flushed_meta;
    /* Work. */
    bool freeze_due, flush_wanted, flushing, compacting;
    struct list flush_link, compact_link; /* in lsm.flush_queue, lsm.compact_queue */
    struct list event_link;               /* in lsm.events */
    struct list durable_link;             /* in lsm.durable_ranges while the manifest knows it */
    struct list piled_link;               /* in lsm.piled while it has too much in level 0 */
    uint32_t l0_depth;                    /* then: as level0_depth */
    unsigned events;
    const char *corrupt_what;
};

/* A change of the manifest. Queued; written, synced and applied to memory by one fiber. */
enum edit_kind { EDIT_FLUSH = 1, EDIT_COMPACTION, EDIT_INGEST, EDIT_DROP };

struct edit {
    struct list link;
    enum edit_kind kind;
    struct range *range;       /* pinned until on_done */
    uint64_t epoch;            /* of the range; another one: the edit is void */
    uint64_t index, newest_ts; /* FLUSH, INGEST */
    struct bytes meta;         /* FLUSH, INGEST; borrowed until on_done */
    struct memtable *memtable; /* FLUSH: the one that is on disk now; INGEST: the new active one */
    struct split *split;       /* FLUSH: what ends with that memtable, or NULL */
    bool merges;               /* FLUSH: and the range is one with range->merging */
    struct piece **removed;
    uint32_t removed_count;
    struct leveled_piece *added;
    uint32_t added_count;
    struct version *next;       /* what the range becomes; made before the write */
    struct version *next_right; /* and the one split off */
    enum status status;         /* the outcome, in on_done */
    bool written;               /* the manifest may contain it, whatever the status */
    void (*on_done)(struct edit *e);
    void *ctx;
};

/* lsm_range_drop under way. */
struct range_drop {
    struct list link; /* in lsm.drops_waiting, lsm.drops_done */
    struct edit edit;
    struct env_op *on_done;
    int64_t result;
};

struct manifest {
    env_file file; /* -1: closed */
    uint64_t uid, frame_count, offset, size_bytes;
    struct list queue;    /* edit.link */
    bool running;         /* its fiber is */
    uint64_t retry_at_ns; /* no room to rewrite it: not before */
};

struct lsm {
    struct lsm_options options;
    struct map ranges;          /* id -> struct range */
    struct list durable_ranges; /* all the manifest knows, also those whose drop is under way */
    struct cache cache;
    struct manifest manifest;
    struct prng prng;
    uint64_t next_table_number;
    struct list turn_waiters; /* called by the next lsm_step */
    struct list paused;       /* struct paused: fibers that go on from lsm_step */
    struct list flush_queue, compact_queue, events;
    struct list piled;                      /* ranges with more than LSM_L0_TABLES_SLOW */
    struct list drops_waiting;              /* struct range_drop: of ranges with splits under way */
    struct list drops_done;                 /* struct range_drop: answered by the next lsm_step */
    struct list merging;                    /* range.merging_link */
    struct list split_waiters;              /* struct paused: fibers that wait for splits */
    struct list replacing;                  /* struct lsm_ingest: being committed */
    uint64_t active_bytes;                  /* of all active memtables */
    uint32_t flush_count, compaction_count; /* under way */
    uint32_t note_count;                    /* flushes without a table (flush.c) */
    uint32_t ingest_count, reader_count,
        table_read_count; /* the last: snapshots that read a table */
    struct list closing;  /* table.closing_link: files being closed or unlinked */
    uint32_t l0_excess;   /* most level 0 tables of a range above LSM_L0_TABLES_SLOW */
    bool disk_full;
    uint64_t flush_retry_ns, compaction_retry_ns, fiber_retry_ns;
    uint64_t now_ns;
    bool failed; /* accepts no more work on disk */
    bool failure_told;
    enum status failure;
    const char *failure_what;
    struct block_cursor find_top, find_index, find_data; /* of lsm_get */
    struct lsm_metrics metrics;
};

/* ---- range.c ---- */
/* NULL: no such range. */
struct range *range_find(const struct lsm *l, struct range_id id);
/* An empty range that is not in the map yet, pinned for the caller. */
MUST_USE enum status range_alloc(struct lsm *l, struct range_id id, struct range **range_out);
/* Enters it; the map pins it. STATUS_EXISTS; STATUS_NO_MEMORY. */
MUST_USE enum status range_enter(struct range *r);
void range_leave(struct range *r);
void range_pin(struct range *r);
void range_unpin(struct range *r);
/* Takes the version. */
void range_set_version(struct range *r, struct version *next);
/* The owner's record in the manifest. A range at rest holds it once. */
struct bytes range_flushed_meta(const struct range *r);
void range_fetch_meta(struct range *r); /* from the owner, if it has a newer one */
void range_set_flushed_meta(struct range *r, struct bytes meta);
/* What the manifest says of it, or will when it is told. */
struct version *range_named(const struct range *r);
/* The same; NULL: the manifest does not know it. */
struct version *range_durable(const struct range *r);
/* Takes it off the range's frozen ones. */
void range_forget_frozen(struct range *r, struct frozen *f);
void frozen_unpin(struct frozen *f);
/* The range's hold on a memtable that is frozen. STATUS_NO_MEMORY. */
MUST_USE enum status range_add_frozen(struct range *r, struct memtable *m, uint64_t last_index,
                                      struct bytes meta);
bool range_has_table(const struct range *r, const struct table *t);
void range_damaged(struct lsm *l, struct range *r, const char *what);
void range_event(struct range *r, enum range_event event);
/* Everything in memory belongs to the past: the range is what its version says, as of index. Takes
 * the empty memtable. */
void range_replace_memtables(struct range *r, struct memtable *active, uint64_t index);
/* Moves what the active memtable holds to the frozen ones. STATUS_NO_MEMORY. */
MUST_USE enum status range_freeze(struct range *r);
/* What a reader will look at: places in [low, high). */
struct view {
    struct item_key low, high;
    bool reverse;
    bool lasting; /* ending tables are left out */
};
/* Adds cursors over what the range holds there as of its applied index; pins the version they need,
 * which the caller unpins after closing them. */
MUST_USE enum status range_open_cursors(struct range *r, const struct view *view, struct merge *m,
                                        struct version **version_out);
/* All that the memtable holds, as sources of the merge; lasting: but what ends by itself. */
MUST_USE enum status merge_add_memtable(struct merge *merge, struct memtable *m, uint64_t view_index, bool reverse,
                                        const struct window *window, bool lasting);

/* ---- split.c: divided ranges, until the manifest says so ---- */

bool range_is_pending(const struct range *r);
/* The range whose flushes make this one durable: itself, when no split waits for the manifest. */
struct range *split_root(struct range *r);
/* The range after r of all that were split off root, directly or not, and wait; NULL: it was the
 * last. Starts with root. */
struct range *split_next(const struct range *root, struct range *r);
/* The manifest says of root what `next` holds (taken): all that derives from it follows.
 * STATUS_NO_MEMORY. */
MUST_USE enum status split_refresh(struct range *root, struct version *next);
/* The oldest split of r is durable: forgets it. The right side goes on by itself. */
void split_end(struct split *s);
/* What had to wait for the splits of r goes on, when there are none left. */
void split_settled(struct range *r);
/* A range of this id is gone for callers, but waits for a split or merge before the manifest says
 * so. */
bool split_holds_id(const struct lsm *l, struct range_id id);
/* The range's splits shall become durable soon. */
void split_push(struct range *r);
/* On a fiber: until nothing of this id waits for a split. STATUS_CANCELLED; STATUS_FENCED. */
MUST_USE enum status split_wait(struct worker *w, struct range_id id);
/* The store has failed: drops and fibers that wait are told. */
void split_refuse_waiting(struct lsm *l, enum status status);
/* ---- merge.c is about cursors; unite.c: two ranges that became one ---- */

/* The merge of r is durable: the right one is gone. */
void unite_end(struct range *r);

/* The end of the store: splits and merges that wait are forgotten. */
void split_forget_all(struct range *r);

/* ---- ingest.c ---- */

/* The edit that replaces the range is under way. */
bool ingest_is_committing(const struct lsm *l, struct range_id id);

/* ---- waiter.c ---- */
/* Queues the waiter unless it is NULL or queued already. */
void waiter_queue(struct list *waiters, struct lsm_waiter *waiter);
/* Calls all that were queued before the call. */
void waiters_call(struct list *waiters);

/* ---- manifest.c ---- */
/* Takes the place in line now; on_done runs on the manifest's fiber. */
void edit_submit(struct edit *e);
/* The same from a fiber, which waits. Answers e->status. */
MUST_USE enum status edit_commit(struct worker *w, struct edit *e);
/* Starts the manifest's fiber when there is something to do. */
void manifest_step(struct lsm *l);
/* Writes the present state as a new manifest file. On the opening fiber. */
MUST_USE enum status manifest_create(struct lsm *l, struct worker *w);
void manifest_close(struct lsm *l);

/* ---- tombstone.c: which tombstones the work on some tables may drop ---- */
struct tombstone_check {
    const struct version *version; /* borrowed; when the work began */
    struct piece *const *inputs;   /* what is being rewritten */
    uint32_t input_count;
    uint64_t oldest_ts; /* of LSM_SPACE_VERSIONS in all memtables not being flushed */
};
/* For struct gc_filter: nothing outside of the inputs may hold what the tombstone hides. */
bool tombstone_may_go(void *ctx, const struct lsm_item *tombstone);
/* Of r and all that waits to be split off it. excluded: the memtable being flushed, or NULL. */
uint64_t memtables_oldest_ts(struct range *r, const struct memtable *excluded);

/* ---- flush.c, compact.c ---- */
void flush_enqueue(struct range *r);
void flush_step(struct lsm *l);
void compact_enqueue(struct range *r);
void compact_step(struct lsm *l);
/* Most of the pieces that share one key; no more than `enough`. */
uint32_t level0_depth(struct piece *const *pieces, uint32_t count, uint32_t enough);
#define LSM_L0_DEPTH_ENOUGH (LSM_L0_TABLES_SLOW + 10) /* lsm_pressure asks no further */
/* The store stops: no disk work any more, the owner is told. */
void lsm_fail(struct lsm *l, enum status status, const char *what);

/* ---- scan.c: what is left of a range under its GC timestamp, in engine order ---- */
struct scan {
    struct lsm *lsm;
    struct merge merge;
    struct version *version; /* pinned */
    struct gc_filter gc;
    struct item_key first; /* of the seek under way */
    uint64_t index;        /* applied index of the view */
    uint64_t newest_ts;
    bool advance; /* the merge still stands on the item handed out last */
};
MUST_USE enum status scan_open(struct lsm *l, struct range_id range, struct scan *scan_out);
/* As lsm_iter_next; also STATUS_WAIT when a slice of work is done. */
MUST_USE enum status scan_next(struct scan *s, struct lsm_waiter *waiter,
                               const struct lsm_item **item_out);
void scan_close(struct scan *s);

#endif
