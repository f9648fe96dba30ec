#include "lsm/lsm_int.h"

#include <errno.h>
#include <stdlib.h>

/* ---- lifetime ---- */

struct range *range_find(const struct lsm *l, struct range_id id)
{
    ASSERT(id.value != 0);
    return map_get(&l->ranges, id.value);
}

static void range_init(struct range *r, struct lsm *l, struct range_id id)
{
    r->id = id;
    r->lsm = l;
    r->refs = 1;
    r->flush_limit = UINT64_MAX;
    list_init(&r->frozen);
    list_init(&r->splits);
    list_init(&r->flush_link);
    list_init(&r->compact_link);
    list_init(&r->event_link);
    list_init(&r->durable_link);
    list_init(&r->piled_link);
    list_init(&r->merging_link);
    buf_init(&r->meta, SIZE_MAX / 2);
    buf_init(&r->flushed_meta, SIZE_MAX / 2);
}

enum status range_alloc(struct lsm *l, struct range_id id, struct range **range_out)
{
    ASSERT(id.value != 0);
    struct range *r = calloc(1, sizeof *r);
    if (r == NULL) return STATUS_NO_MEMORY;
    range_init(r, l, id);
    enum status status = version_edit(NULL, NULL, 0, NULL, 0, &r->version);
    if (status != STATUS_OK) goto fail;
    status = memtable_create(&r->active);
    if (status != STATUS_OK) goto fail_version;
    *range_out = r;
    return STATUS_OK;
fail_version:
    version_unpin(r->version);
fail:
    ASSERT(status != STATUS_OK);
    free(r);
    return status;
}

/* ---- frozen memtables ---- */

enum status range_add_frozen(struct range *r, struct memtable *m, uint64_t last_index,
                             struct bytes meta)
{
    struct frozen *f = calloc(1, sizeof *f);
    if (f == NULL) return STATUS_NO_MEMORY;
    f->refs = 1;
    f->memtable = m;
    f->last_index = last_index;
    buf_init(&f->meta, SIZE_MAX / 2);
    buf_append_bytes(&f->meta, meta);
    if (f->meta.failed) {
        free(f);
        return STATUS_NO_MEMORY;
    }
    memtable_pin(m);
    m->holders++;
    list_push_front(&r->frozen, &f->link);
    return STATUS_OK;
}

void frozen_unpin(struct frozen *f)
{
    ASSERT(f->refs > 0);
    if (--f->refs > 0) return;
    memtable_unpin(f->memtable);
    buf_deinit(&f->meta);
    free(f);
}

void range_forget_frozen(struct range *r, struct frozen *f)
{
    struct memtable *m = f->memtable;
    struct lsm_metrics *metrics = &r->lsm->metrics;
    ASSERT(m->holders > 0);
    if (--m->holders == 0) {
        ASSERT(metrics->memtable_bytes >= memtable_bytes(m));
        metrics->memtable_bytes -= memtable_bytes(m);
    }
    list_remove(&f->link);
    frozen_unpin(f);
}

static void drop_frozen(struct range *r)
{
    while (!list_empty(&r->frozen))
        range_forget_frozen(r, CONTAINER_OF(r->frozen.next, struct frozen, link));
}

/* ---- lifetime ---- */

void range_pin(struct range *r)
{
    ASSERT(r->refs > 0);
    r->refs++;
}

void range_unpin(struct range *r)
{
    ASSERT(r->refs > 0);
    if (--r->refs > 0) return;
    ASSERT(!r->mapped);
    ASSERT(!r->flushing && !r->compacting);
    ASSERT(!range_is_pending(r));
    drop_frozen(r);
    memtable_unpin(r->active);
    version_unpin(r->version);
    if (r->named != NULL) version_unpin(r->named);
    free(r->window);
    list_remove(&r->durable_link);
    buf_deinit(&r->meta);
    buf_deinit(&r->flushed_meta);
    free(r);
}

/* Most ranges never have much in level 0: those that do are at hand. */
static void note_pile(struct range *r)
{
    const struct version *v = r->version;
    bool piled = r->mapped && v->lasting_count > LSM_L0_TABLES_SLOW;
    r->l0_depth = piled ? level0_depth(v->levels[0], v->lasting_count, LSM_L0_DEPTH_ENOUGH) : 0;
    piled = r->l0_depth > LSM_L0_TABLES_SLOW;
    list_remove(&r->piled_link);
    if (piled) list_push_back(&r->lsm->piled, &r->piled_link);
}

void range_set_version(struct range *r, struct version *next)
{
    version_unpin(r->version);
    r->version = next;
    note_pile(r);
}

struct version *range_named(const struct range *r)
{
    return r->named != NULL ? r->named : r->version;
}

struct bytes range_flushed_meta(const struct range *r)
{
    return buf_view(r->meta_is_flushed ? &r->meta : &r->flushed_meta);
}

void range_set_flushed_meta(struct range *r, struct bytes meta)
{
    r->meta_is_flushed = bytes_equal(meta, buf_view(&r->meta));
    if (r->meta_is_flushed) {
        buf_deinit(&r->flushed_meta);
        buf_init(&r->flushed_meta, SIZE_MAX / 2);
        return;
    }
    buf_reset(&r->flushed_meta);
    buf_append_bytes(&r->flushed_meta, meta);
    ASSERT(!r->flushed_meta.failed);
}

/* The record that was both goes on as what the manifest says. */
static void part_meta(struct range *r)
{
    if (!r->meta_is_flushed) return;
    struct buf empty = r->flushed_meta;
    r->flushed_meta = r->meta;
    r->meta = empty;
    r->meta_is_flushed = false;
}

void range_fetch_meta(struct range *r)
{
    const struct lsm_options *o = &r->lsm->options;
    if (!r->meta_old) return;
    part_meta(r);
    buf_reset(&r->meta);
    o->on_meta(o->ctx, r->id, &r->meta);
    ASSERT(!r->meta.failed && r->meta.size > 0);
    r->meta_old = false;
}

struct version *range_durable(const struct range *r)
{
    return list_empty(&r->durable_link) ? NULL : range_named(r);
}

static uint64_t frozen_bytes(const struct range *r)
{
    uint64_t bytes = 0;
    LIST_FOR_EACH(link, &r->frozen)
    bytes += memtable_bytes(CONTAINER_OF(link, struct frozen, link)->memtable);
    return bytes;
}

static void uncount_active(struct range *r)
{
    struct lsm *l = r->lsm;
    uint64_t active = memtable_bytes(r->active);
    ASSERT(l->active_bytes >= active);
    ASSERT(l->metrics.memtable_bytes >= active);
    l->active_bytes -= active;
    l->metrics.memtable_bytes -= active;
}

enum status range_enter(struct range *r)
{
    struct lsm *l = r->lsm;
    ASSERT(!r->mapped);
    if (range_find(l, r->id) != NULL) return STATUS_EXISTS;
    enum status status = map_put(&l->ranges, r->id.value, r);
    if (status != STATUS_OK) return status;
    range_pin(r);
    r->mapped = true;
    note_pile(r);
    return STATUS_OK;
}

void range_leave(struct range *r)
{
    struct lsm *l = r->lsm;
    ASSERT(r->mapped);
    struct range *removed = map_remove(&l->ranges, r->id.value);
    ASSERT(removed == r);
    uncount_active(r);
    if (!range_is_pending(r)) drop_frozen(r);
    list_remove(&r->flush_link);
    list_remove(&r->compact_link);
    list_remove(&r->event_link);
    list_remove(&r->piled_link);
    r->freeze_due = r->flush_wanted = false;
    r->mapped = false;
    r->dropped = true;
    range_unpin(r);
}

void range_replace_memtables(struct range *r, struct memtable *active, uint64_t index)
{
    ASSERT(memtable_entry_count(active) == 0);
    ASSERT(!range_is_pending(r));
    if (r->mapped) uncount_active(r);
    drop_frozen(r);
    memtable_unpin(r->active);
    r->active = active;
    r->applied_index = index;
    r->meta_changed = r->meta_old = false;
}

enum status range_freeze(struct range *r)
{
    struct memtable *m = r->active, *next;
    struct lsm *l = r->lsm;
    ASSERT(r->mapped);
    enum status status = memtable_create(&next);
    if (status != STATUS_OK) return status;
    range_fetch_meta(r);
    status = range_add_frozen(r, m, r->applied_index, buf_view(&r->meta));
    if (status != STATUS_OK) {
        memtable_unpin(next);
        return status;
    }
    m->frozen = true;
    memtable_unpin(m); /* the hold of the active one */
    r->active = next;
    r->meta_changed = false;
    r->freeze_due = false;
    ASSERT(l->active_bytes >= memtable_bytes(m));
    l->active_bytes -= memtable_bytes(m);
    return STATUS_OK;
}

/* ---- events and damage ---- */

void range_event(struct range *r, enum range_event event)
{
    if (!r->mapped) return;
    r->events |= event;
    if (list_empty(&r->event_link)) list_push_back(&r->lsm->events, &r->event_link);
}

bool range_has_table(const struct range *r, const struct table *t)
{
    return version_has_table(r->version, t);
}

void range_damaged(struct lsm *l, struct range *r, const char *what)
{
    if (r->corrupt) return;
    LOG_ERROR(l->options.logger, "lsm", "range damaged", "range=%llu what=\"%s\"",
              (unsigned long long)r->id.value, what);
    r->corrupt = true;
    r->corrupt_what = what;
    list_remove(&r->flush_link);
    list_remove(&r->compact_link);
    if (range_is_pending(r)) flush_enqueue(r); /* others wait for it */
    range_event(r, RANGE_EVENT_CORRUPT);
}

/* ---- views ---- */

enum status merge_add_memtable(struct merge *merge, struct memtable *m, uint64_t view_index, bool reverse,
                               const struct window *window, bool lasting)
{
    struct cursor *cursor;
    enum status status = STATUS_OK;
    if (memtable_entry_count(m) > m->ending.count) {
        status = memtable_cursor_open(m, view_index, reverse, window, &cursor);
        if (status == STATUS_OK) status = merge_add(merge, cursor);
    }
    if (status != STATUS_OK || m->ending.count == 0 || lasting) return status;
    status = mem_ending_cursor_open(m, view_index, reverse, window, &cursor);
    return status == STATUS_OK ? merge_add(merge, cursor) : status;
}

static enum status add_memtable(const struct range *r, struct memtable *m, const struct view *view, struct merge *merge)
{
    bool lasting = view->lasting || !mem_ending_reaches(&m->ending, &view->low, &view->high);
    return merge_add_memtable(merge, m, r->applied_index, view->reverse, r->window, lasting);
}

/* Of a run of pieces, those that may hold items in [low, high). */
static enum status add_run(struct range *r, struct piece **pieces, uint32_t count,
                           const struct view *view, struct merge *merge)
{
    while (count > 0 && !piece_begins_before(pieces[count - 1], &view->high))
        count--;
    if (count == 0 || piece_ends_before(pieces[count - 1], &view->low)) return STATUS_OK;
    uint32_t first = run_find(pieces, count, &view->low);
    ASSERT(first < count);
    struct cursor *cursor;
    struct block_source *source = &r->lsm->cache.scan.source;
    enum status status =
        run_cursor_open(pieces + first, count - first, source, view->reverse, &cursor);
    if (status != STATUS_OK) return status;
    return merge_add(merge, cursor);
}

enum status range_open_cursors(struct range *r, const struct view *view, struct merge *m,
                               struct version **version_out)
{
    ASSERT(m->count == 0);
    struct version *v = r->version;
    enum status status = add_memtable(r, r->active, view, m);
    LIST_FOR_EACH(link, &r->frozen)
    {
        if (status != STATUS_OK) return status;
        struct memtable *frozen = CONTAINER_OF(link, struct frozen, link)->memtable;
        status = add_memtable(r, frozen, view, m);
    }
    uint32_t level0_count = view->lasting ? v->lasting_count : v->counts[0];
    for (uint32_t i = 0; status == STATUS_OK && i < level0_count; i++)
        status = add_run(r, &v->levels[0][i], 1, view, m);
    for (uint32_t level = 1; status == STATUS_OK && level < LSM_LEVELS; level++)
        status = add_run(r, v->levels[level], v->counts[level], view, m);
    if (status != STATUS_OK) return status;
    version_pin(v);
    *version_out = v;
    return STATUS_OK;
}

/* ---- the owner's calls ---- */

enum status lsm_range_create(struct lsm *l, struct range_id range)
{
    if (range_find(l, range) != NULL) return STATUS_EXISTS;
    struct range *r;
    enum status status = range_alloc(l, range, &r);
    if (status != STATUS_OK) return status;
    status = range_enter(r);
    range_unpin(r);
    return status;
}

static int64_t errno_of(enum status status)
{
    switch (status) {
    case STATUS_OK: return 0;
    case STATUS_CANCELLED: return -ECANCELED;
    case STATUS_NO_SPACE: return -ENOSPC;
    default: return -EIO;
    }
}

static void drop_done(struct edit *e)
{
    struct range_drop *drop = e->ctx;
    drop->result = errno_of(e->status);
    list_push_back(&e->range->lsm->drops_done, &drop->link);
}

void lsm_range_drop(struct lsm *l, struct range_id range, struct env_op *on_done)
{
    struct range_drop *drop = calloc(1, sizeof *drop);
    ASSERT(drop != NULL);
    drop->on_done = on_done;
    struct range *r = range_find(l, range);
    if (r == NULL) {
        drop->result = -ENOENT;
        list_push_back(&l->drops_done, &drop->link);
        return;
    }
    drop->edit = (struct edit){.kind = EDIT_DROP, .range = r, .on_done = drop_done, .ctx = drop};
    if (range_is_pending(r)) {
        COVER("lsm_drop_waits_for_split");
        r->drop = drop;
        list_push_back(&l->drops_waiting, &drop->link);
        range_pin(r);
        range_leave(r);
        split_push(r);
        return;
    }
    edit_submit(&drop->edit);
    range_leave(r);
}

bool lsm_range_exists(const struct lsm *l, struct range_id range)
{
    return range_find(l, range) != NULL;
}

void lsm_range_set_meta(struct lsm *l, struct range_id range, struct bytes meta)
{
    struct range *r = range_find(l, range);
    ASSERT(r != NULL);
    part_meta(r);
    buf_reset(&r->meta);
    buf_append_bytes(&r->meta, meta);
    ASSERT(!r->meta.failed);
    r->meta_changed = true;
    r->meta_old = false;
}

static void limit_flush(struct range *r, uint64_t index)
{
    bool raised = index > r->flush_limit;
    r->flush_limit = index;
    if (raised && !list_empty(&r->frozen)) flush_enqueue(r);
}

void lsm_range_note_meta(struct lsm *l, struct range_id range, uint64_t flush_limit)
{
    struct range *r = range_find(l, range);
    ASSERT(r != NULL && l->options.on_meta != NULL);
    r->meta_changed = r->meta_old = true;
    limit_flush(r, flush_limit);
}

void lsm_range_settle_meta(struct lsm *l, struct range_id range)
{
    struct range *r = range_find(l, range);
    if (r != NULL) range_fetch_meta(r);
}

void lsm_range_flush(struct lsm *l, struct range_id range)
{
    struct range *r = range_find(l, range);
    ASSERT(r != NULL);
    r->flush_wanted = true;
    r->freeze_due = true;
    flush_enqueue(r);
}

void lsm_range_set_flush_limit(struct lsm *l, struct range_id range, uint64_t index)
{
    struct range *r = range_find(l, range);
    ASSERT(r != NULL);
    limit_flush(r, index);
}

void lsm_range_set_gc(struct lsm *l, struct range_id range, uint64_t ts)
{
    struct range *r = range_find(l, range);
    ASSERT(r != NULL);
    if (ts <= r->gc_ts) return;
    r->gc_ts = ts;
    compact_enqueue(r);
}

enum status lsm_range_stats(const struct lsm *l, struct range_id range,
                            struct lsm_range_stats *stats_out)
{
    const struct range *r = range_find(l, range);
    if (r == NULL) return STATUS_NOT_FOUND;
    struct lsm_range_stats stats = {
        .applied_index = r->applied_index,
        .flushed_index = r->flushed_index,
        .memtable_bytes = memtable_bytes(r->active) + frozen_bytes(r),
        .table_bytes = r->version->bytes,
        .table_count = version_piece_count(r->version),
        .entry_estimate = r->version->entry_count + memtable_entry_count(r->active),
        .newest_ts = r->newest_ts,
        .gc_ts = r->gc_ts,
        .corrupt = r->corrupt,
    };
    LIST_FOR_EACH(link, &r->frozen)
    stats.entry_estimate += memtable_entry_count(CONTAINER_OF(link, struct frozen, link)->memtable);
    *stats_out = stats;
    return STATUS_OK;
}
