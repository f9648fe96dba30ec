#include "lsm/lsm_int.h"

#include <stdlib.h>

/* lsm_range_merge. The left range reads the right one's pieces at once; the manifest has both until
 * the flush of the memtable that was frozen here, whose edit adds those pieces to the left one and
 * ends the right one (LSM-11). */

/* Everything of it is in its tables, and no work on them is under way. */
static bool is_at_rest(const struct range *r)
{
    return memtable_entry_count(r->active) == 0 && list_empty(&r->frozen) && !r->flushing &&
           !r->compacting;
}

static enum status unite(struct range *left, struct range *right, struct bytes key)
{
    enum status status = range_freeze(left);
    if (status != STATUS_OK) return status;
    struct version *both;
    struct window *window = window_create(key, BYTES_EMPTY);
    if (window == NULL) return STATUS_NO_MEMORY;
    status = version_join(left->version, right->version, key, &both);
    if (status != STATUS_OK) {
        free(window);
        return status;
    }
    ASSERT(right->window == NULL);
    right->window = window;
    ASSERT(left->named == NULL);
    version_pin(left->version);
    left->named = left->version;
    range_set_version(left, both);
    left->merging = right;
    range_pin(right);
    list_push_back(&left->lsm->merging, &left->merging_link);
    CONTAINER_OF(left->frozen.next, struct frozen, link)->merges = true;
    if (right->newest_ts > left->newest_ts) left->newest_ts = right->newest_ts;
    if (right->flushed_newest_ts > left->flushed_newest_ts)
        left->flushed_newest_ts = right->flushed_newest_ts;
    if (right->gc_ts > left->gc_ts) left->gc_ts = right->gc_ts;
    return STATUS_OK;
}

enum status lsm_range_merge_ready(struct lsm *l, struct range_id left, struct range_id right)
{
    struct range *a = range_find(l, left), *b = range_find(l, right);
    if (a == NULL || b == NULL) return STATUS_NOT_FOUND;
    ASSERT(a != b);
    if (ingest_is_committing(l, left) || ingest_is_committing(l, right)) return STATUS_BUSY;
    if (a->corrupt || b->corrupt) return STATUS_CORRUPT;
    if (range_is_pending(a)) split_push(a);
    if (range_is_pending(b)) split_push(b);
    bool rests = is_at_rest(b);
    if (!rests) {
        b->resting = true;
        b->freeze_due = true;
        flush_enqueue(b);
    }
    if (!rests || range_is_pending(a) || range_is_pending(b)) {
        COVER("lsm_merge_waits");
        return STATUS_BUSY;
    }
    return STATUS_OK;
}

enum status lsm_range_merge(struct lsm *l, struct range_id left, struct range_id right,
                            struct bytes key)
{
    ASSERT(key.size > 0 && key.size <= LSM_KEY_BYTES_MAX);
    ASSERT(!ingest_is_committing(l, left) && !ingest_is_committing(l, right));
    enum status status = lsm_range_merge_ready(l, left, right);
    if (status != STATUS_OK) return status;
    struct range *a = range_find(l, left), *b = range_find(l, right);
    status = unite(a, b, key);
    if (status != STATUS_OK) return status;
    range_leave(b);
    flush_enqueue(a);
    return STATUS_OK;
}

void unite_end(struct range *r)
{
    struct range *right = r->merging;
    r->merging = NULL;
    list_remove(&r->merging_link);
    struct range *successor = range_find(r->lsm, right->id);
    if (successor != NULL) flush_enqueue(successor);
    range_unpin(right);
}
