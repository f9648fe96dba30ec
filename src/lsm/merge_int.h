/* Many sorted sources as one. Of items that stand in several sources the newest source's is shown
 * and the others are skipped. */
#ifndef OSTRAKA_LSM_MERGE_INT_H
#define OSTRAKA_LSM_MERGE_INT_H

#include "lsm/cursor_int.h"

enum merge_state {
    MERGE_STATE_SEEK, /* must seek to the target */
    MERGE_STATE_STEP, /* must step */
    MERGE_STATE_ITEM, /* stands on an item */
    MERGE_STATE_END,
};

struct merge_source {
    struct cursor *cursor;
    enum merge_state state;
};

#define MERGE_NONE UINT32_MAX

struct merge {
    struct merge_source *sources; /* newest first */
    uint32_t count, capacity;
    bool reverse;
    bool settled;             /* current is right */
    uint32_t current, second; /* the first two sources in order, or MERGE_NONE */
    struct item_key target;   /* borrowed from merge_seek's caller until settled */
};

void merge_init(struct merge *m, bool reverse);
void merge_deinit(struct merge *m);
/* Takes the cursor, which is older than all before it. STATUS_NO_MEMORY: closed. */
MUST_USE enum status merge_add(struct merge *m, struct cursor *cursor);
/* Start a move; merge_settle ends it. The target's key is borrowed until then. */
void merge_seek(struct merge *m, const struct item_key *target);
void merge_step(struct merge *m);
/* STATUS_OK: *item_out is the item, its views valid until the next move; STATUS_NOT_FOUND: the end;
 * STATUS_WAIT: call again; STATUS_CORRUPT, STATUS_IO, STATUS_CANCELLED. */
MUST_USE enum status merge_settle(struct merge *m, struct lsm_waiter *waiter,
                                  const struct lsm_item **item_out);

#endif
