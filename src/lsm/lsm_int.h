/* The structures of the engine. All state hangs from struct lsm; one core only. */
#ifndef OSTRAKA_LSM_LSM_INT_H
#define OSTRAKA_LSM_LSM_INT_H

#include "base/map.h"
#include "lsm/gc_int.h"
#include "lsm/memtable_int.h"
#include "lsm/merge_int.h"

#define LSM_SLICE_ITEMS_MAX 2048 /* items looked at in one call before it asks to be called again */

struct range {
    struct range_id id;
    struct memtable *active;
    struct list frozen; /* memtable.link, newest first */
    uint64_t applied_index, flushed_index, newest_ts, gc_ts;
    struct buf meta;
    bool corrupt;
};

struct range_drop {
    struct list link;
    struct env_op *on_done;
    int64_t result;
};

struct lsm {
    struct lsm_options options;
    struct map ranges;        /* id -> struct range */
    struct list turn_waiters; /* called by the next lsm_step */
    struct list drops;        /* range_drop.link, to be answered by the next lsm_step */
    struct lsm_metrics metrics;
};

/* ---- range.c ---- */
/* NULL: no such range. */
struct range *range_find(const struct lsm *l, struct range_id id);
MUST_USE enum status range_create(struct lsm *l, struct range_id id, struct range **range_out);
void range_destroy(struct range *r);
/* Adds cursors over everything the range holds as of its applied index. */
MUST_USE enum status range_open_cursors(struct lsm *l, struct range *r, bool reverse,
                                        struct merge *m);

/* ---- waiter.c ---- */
/* Queues the waiter unless it is NULL or queued already. */
void waiter_queue(struct list *waiters, struct lsm_waiter *waiter);
/* Calls all that were queued before the call. */
void waiters_call(struct list *waiters);

/* ---- scan.c: what is left of a range under its GC timestamp, in engine order ---- */
struct scan {
    struct lsm *lsm;
    struct merge merge;
    struct gc_filter gc;
    uint64_t index; /* applied index of the view */
    uint64_t newest_ts;
    bool advance;   /* the merge still stands on the item handed out last */
};
MUST_USE enum status scan_open(struct lsm *l, struct range_id range, struct scan *scan_out);
/* As lsm_iter_next; also STATUS_WAIT when a slice of work is done. */
MUST_USE enum status scan_next(struct scan *s, struct lsm_waiter *waiter,
                               const struct lsm_item **item_out);
void scan_close(struct scan *s);

#endif
