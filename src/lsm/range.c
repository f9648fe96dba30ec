#include "lsm/lsm_int.h"

#include <errno.h>
#include <stdlib.h>

struct range *range_find(const struct lsm *l, struct range_id id)
{
    ASSERT(id.value != 0);
    return map_get(&l->ranges, id.value);
}

enum status range_create(struct lsm *l, struct range_id id, struct range **range_out)
{
    ASSERT(range_find(l, id) == NULL);
    struct range *r = calloc(1, sizeof *r);
    if (r == NULL) return STATUS_NO_MEMORY;
    r->id = id;
    list_init(&r->frozen);
    buf_init(&r->meta, SIZE_MAX / 2);
    enum status status = memtable_create(&r->active);
    if (status != STATUS_OK) goto fail;
    status = map_put(&l->ranges, id.value, r);
    if (status != STATUS_OK) goto fail_memtable;
    *range_out = r;
    return STATUS_OK;
fail_memtable:
    memtable_unpin(r->active);
fail:
    ASSERT(status != STATUS_OK);
    free(r);
    return status;
}

void range_destroy(struct range *r)
{
    memtable_unpin(r->active);
    while (!list_empty(&r->frozen))
        memtable_unpin(CONTAINER_OF(list_pop_front(&r->frozen), struct memtable, link));
    buf_deinit(&r->meta);
    free(r);
}

static enum status add_memtable(struct memtable *m, uint64_t view_index, bool reverse,
                                struct merge *merge)
{
    if (memtable_entry_count(m) == 0) return STATUS_OK;
    struct cursor *cursor;
    enum status status = memtable_cursor_open(m, view_index, reverse, &cursor);
    if (status != STATUS_OK) return status;
    return merge_add(merge, cursor);
}

enum status range_open_cursors(struct lsm *l, struct range *r, bool reverse, struct merge *m)
{
    ASSERT(m->count == 0);
    (void)l;
    enum status status = add_memtable(r->active, r->applied_index, reverse, m);
    if (status != STATUS_OK) return status;
    LIST_FOR_EACH(link, &r->frozen) {
        struct memtable *frozen = CONTAINER_OF(link, struct memtable, link);
        status = add_memtable(frozen, r->applied_index, reverse, m);
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}

enum status lsm_range_create(struct lsm *l, struct range_id range)
{
    if (range_find(l, range) != NULL) return STATUS_EXISTS;
    struct range *r;
    return range_create(l, range, &r);
}

void lsm_range_drop(struct lsm *l, struct range_id range, struct env_op *on_done)
{
    struct range *r = map_remove(&l->ranges, range.value);
    if (r != NULL) range_destroy(r);
    struct range_drop *drop = malloc(sizeof *drop);
    ASSERT(drop != NULL);
    drop->on_done = on_done;
    drop->result = r == NULL ? -ENOENT : 0;
    list_push_back(&l->drops, &drop->link);
}

bool lsm_range_exists(const struct lsm *l, struct range_id range)
{
    return range_find(l, range) != NULL;
}

void lsm_range_set_meta(struct lsm *l, struct range_id range, struct bytes meta)
{
    struct range *r = range_find(l, range);
    ASSERT(r != NULL);
    buf_reset(&r->meta);
    buf_append_bytes(&r->meta, meta);
    ASSERT(!r->meta.failed);
}

void lsm_range_set_gc(struct lsm *l, struct range_id range, uint64_t ts)
{
    struct range *r = range_find(l, range);
    ASSERT(r != NULL);
    if (ts > r->gc_ts) r->gc_ts = ts;
}

enum status lsm_range_stats(const struct lsm *l, struct range_id range,
                            struct lsm_range_stats *stats_out)
{
    const struct range *r = range_find(l, range);
    if (r == NULL) return STATUS_NOT_FOUND;
    struct lsm_range_stats stats = {
        .applied_index = r->applied_index,
        .flushed_index = r->flushed_index,
        .memtable_bytes = memtable_bytes(r->active),
        .entry_estimate = memtable_entry_count(r->active),
        .newest_ts = r->newest_ts,
        .corrupt = r->corrupt,
    };
    *stats_out = stats;
    return STATUS_OK;
}
