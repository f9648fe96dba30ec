#include <stdlib.h>

#include "lsm/flush_cut_int.h"

/* Puts a range's oldest frozen memtable on disk: a table in level 0, or several side by side, then
 * the edit for it. */
struct flush_job {
    struct worker worker;
    struct range *range;   /* pinned */
    struct frozen *frozen; /* pinned */
    struct tables_writer tables, ending; /* what ends by itself has tables of its own */
};

void flush_enqueue(struct range *r)
{
    struct lsm *l = r->lsm;
    bool serves = r->mapped && !r->corrupt;
    bool needed = range_is_pending(r); /* other ranges need it, whatever became of r */
    if ((!serves && !needed) || r->flushing || !list_empty(&r->flush_link)) return;
    list_push_back(&l->flush_queue, &r->flush_link);
}

/* ---- one flush, on its fiber ---- */

/* What no range that shares the memtable may still be asked for. */
static uint64_t shared_gc_ts(struct range *r)
{
    uint64_t gc_ts = UINT64_MAX;
    for (struct range *one = r; one != NULL; one = split_next(r, one))
        if (one->gc_ts < gc_ts) gc_ts = one->gc_ts;
    return gc_ts;
}

static enum status write_items(struct flush_job *job, struct gc_filter *gc)
{
    struct merge merge;
    merge_init(&merge, false);
    enum status status = merge_add_memtable(&merge, job->frozen->memtable, UINT64_MAX, false, NULL, false);
    bool apart = job->frozen->memtable->ending_bytes >= job->worker.lsm->options.table_bytes / LSM_ENDING_PART;
    struct tables_writer *ending = apart && !MUTANT("lsm_ending_beside_rows") ? &job->ending : NULL;
    if (apart) COVER("lsm_flush_ending");
    if (status == STATUS_OK) status = tables_writer_add_merged(&job->tables, ending, &merge, gc);
    if (status == STATUS_OK) status = tables_writer_finish(&job->tables);
    if (status == STATUS_OK) status = tables_writer_finish(&job->ending);
    merge_deinit(&merge);
    return status;
}

/* The whole memtable, also what was split off meanwhile: the manifest does not know of that yet. */
static enum status write_tables(struct flush_job *job)
{
    struct range *r = job->range;
    struct memtable *m = job->frozen->memtable;
    struct version *version = range_named(r);
    struct tombstone_check check = {.version = version, .oldest_ts = memtables_oldest_ts(r, m)};
    uint64_t gc_ts = shared_gc_ts(r);
    struct gc_filter gc;
    struct flush_cuts cuts;
    enum status status = flush_cuts_init(&cuts, version, m, r->lsm->options.table_bytes);
    if (status != STATUS_OK) return status;
    gc_filter_init(&gc, &r->lsm->options, gc_ts);
    gc.tombstone_may_go = tombstone_may_go;
    gc.ctx = &check;
    version_pin(version);
    /* A tombstone is garbage here even when it is covered already: it stayed for what may lie below,
     * and takes that along. */
    tables_writer_init(&job->tables, &job->worker, r->id, 0, UINT64_MAX);
    uint64_t ending_max = LSM_ENDING_TABLES * r->lsm->options.table_bytes;
    tables_writer_init(&job->ending, &job->worker, r->id, 0, ending_max);
    job->tables.cuts_before = flush_cuts_before;
    job->tables.ctx = &cuts;
    status = write_items(job, &gc);
    flush_cuts_deinit(&cuts);
    gc_filter_deinit(&gc);
    version_unpin(version);
    return status;
}

static enum status commit_tables(struct flush_job *job, uint64_t epoch,
                                 struct leveled_piece *added, uint32_t added_count, bool *kept_out)
{
    struct memtable *m = job->frozen->memtable;
    struct edit e = {.kind = EDIT_FLUSH,
                     .range = job->range,
                     .epoch = epoch,
                     .index = job->frozen->last_index,
                     .newest_ts = m->newest_ts > job->range->flushed_newest_ts
                                      ? m->newest_ts
                                      : job->range->flushed_newest_ts,
                     .meta = buf_view(&job->frozen->meta),
                     .memtable = m,
                     .split = job->frozen->split,
                     .merges = job->frozen->merges,
                     .added = added,
                     .added_count = added_count};
    enum status status = edit_commit(&job->worker, &e);
    *kept_out = e.written;
    return status;
}

/* Gives the array and pins of the pieces. */
static enum status pieces_of(const struct flush_job *job, struct leveled_piece **added_out, uint32_t *count_out)
{
    uint32_t rows = job->tables.count, count = rows + job->ending.count;
    struct leveled_piece *added = calloc(count + 1, sizeof *added);
    if (added == NULL) return STATUS_NO_MEMORY;
    enum status status = tables_writer_pieces(&job->tables, 0, added);
    if (status != STATUS_OK) goto fail;
    status = tables_writer_pieces(&job->ending, 0, added + rows);
    if (status != STATUS_OK) goto fail_rows;
    *added_out = added;
    *count_out = count;
    return STATUS_OK;
fail_rows:
    for (uint32_t i = 0; i < rows; i++)
        piece_unpin(added[i].piece);
fail:
    free(added);
    return status;
}

/* Names the tables in the manifest. *kept_out: they may be named there now, whatever the status. */
static enum status commit(struct flush_job *job, uint64_t epoch, bool *kept_out)
{
    uint32_t count = 0;
    struct leveled_piece *added;
    enum status status = pieces_of(job, &added, &count);
    if (status == STATUS_OK) {
        struct lsm_metrics *metrics = &job->worker.lsm->metrics;
        metrics->flush_count += count > 0;
        for (uint32_t i = 0; i < count; i++)
            metrics->flush_bytes += added[i].piece->size_bytes;
        status = commit_tables(job, epoch, added, count, kept_out);
        for (uint32_t i = 0; i < count; i++)
            piece_unpin(added[i].piece);
        free(added);
    }
    return status;
}

/* What a failed attempt means for the next one. */
static void note_outcome(struct lsm *l, struct range *r, enum status status)
{
    switch (status) {
    case STATUS_OK:
        l->disk_full = false;
        range_event(r, RANGE_EVENT_FLUSHED);
        break;
    case STATUS_NO_SPACE:
        COVER("lsm_flush_disk_full");
        l->disk_full = true;
        l->flush_retry_ns = l->now_ns + LSM_RETRY_NS;
        break;
    case STATUS_CANCELLED: /* the range was replaced or dropped; or the environment was shut down */
    case STATUS_NO_MEMORY:
    case STATUS_EXISTS: l->flush_retry_ns = l->now_ns + LSM_RETRY_NS / 100; break;
    default: lsm_fail(l, status, "writing a table failed"); break;
    }
}

static void flush_entry(void *arg)
{
    struct flush_job *job = arg;
    struct range *r = job->range;
    struct lsm *l = r->lsm;
    uint64_t epoch = r->epoch;
    bool kept = false;
    enum status status = write_tables(job);
    if (status == STATUS_CANCELLED) lsm_fail(l, status, "shut down");
    if (status == STATUS_OK) status = commit(job, epoch, &kept);
    tables_writer_deinit(&job->tables, status != STATUS_OK && !kept);
    tables_writer_deinit(&job->ending, status != STATUS_OK && !kept);
    frozen_unpin(job->frozen);
    free(job);
    r->flushing = false;
    ASSERT(l->flush_count > 0);
    l->flush_count--;
    note_outcome(l, r, status);
    if (r->freeze_due || !list_empty(&r->frozen)) flush_enqueue(r);
    range_unpin(r);
}

/* ---- flushes of nothing but the owner's record ---- */

/* Most ranges of a store with thousands are empty, and learn no more than who their members are: that takes neither a
 * table nor a fiber, and many share one write of the manifest. */
struct note {
    struct edit edit;
    struct frozen *frozen; /* pinned */
};

static bool is_bare(const struct range *r, const struct frozen *f)
{
    return memtable_entry_count(f->memtable) == 0 && f->split == NULL && !f->merges && !range_is_pending(r);
}

static void on_noted(struct edit *e)
{
    struct note *n = CONTAINER_OF(e, struct note, edit);
    struct range *r = e->range; /* pinned by the edit */
    struct lsm *l = r->lsm;
    enum status status = e->status;
    frozen_unpin(n->frozen);
    free(n);
    r->flushing = false;
    ASSERT(l->note_count > 0);
    l->note_count--;
    note_outcome(l, r, status);
    if (r->freeze_due || !list_empty(&r->frozen)) flush_enqueue(r);
}

static enum status note_start(struct lsm *l, struct range *r, struct frozen *f)
{
    struct note *n = calloc(1, sizeof *n);
    if (n == NULL) return STATUS_NO_MEMORY;
    n->frozen = f;
    f->refs++;
    n->edit = (struct edit){.kind = EDIT_FLUSH,
                            .range = r,
                            .epoch = r->epoch,
                            .index = f->last_index,
                            .newest_ts = r->flushed_newest_ts,
                            .meta = buf_view(&f->meta),
                            .memtable = f->memtable,
                            .on_done = on_noted};
    r->flushing = true;
    l->note_count++;
    COVER("lsm_flush_of_a_record");
    edit_submit(&n->edit);
    return STATUS_OK;
}

/* ---- starting flushes ---- */

/* The memtable to flush next, or NULL: the newer ones build on it. */
static struct frozen *oldest_frozen(const struct range *r)
{
    if (list_empty(&r->frozen)) return NULL;
    return CONTAINER_OF(r->frozen.prev, struct frozen, link);
}

static enum status start(struct lsm *l, struct range *r)
{
    struct frozen *frozen = oldest_frozen(r);
    if (is_bare(r, frozen)) return note_start(l, r, frozen);
    struct flush_job *job = calloc(1, sizeof *job);
    if (job == NULL) return STATUS_NO_MEMORY;
    worker_init(&job->worker, l);
    job->range = r;
    job->frozen = frozen;
    range_pin(r);
    job->frozen->refs++;
    r->flushing = true;
    l->flush_count++;
    enum status status = fiber_spawn(l->options.fibers, flush_entry, job, NULL);
    if (status == STATUS_OK) return STATUS_OK;
    l->flush_count--;
    r->flushing = false;
    frozen_unpin(job->frozen);
    range_unpin(r);
    free(job);
    return status;
}

static bool has_news(const struct range *r)
{
    return list_empty(&r->durable_link) || r->meta_changed || memtable_entry_count(r->active) > 0 ||
           r->applied_index > r->flushed_index;
}

/* Freezes what is due. True when there is a memtable to flush and it may be. */
static bool prepare(struct range *r)
{
    struct lsm *l = r->lsm;
    if (r->born != NULL) { /* first what it was split from; then it is its turn again */
        flush_enqueue(split_root(r));
        return false;
    }
    if (split_holds_id(l, r->id) && r->mapped) return false; /* resumed when that one is gone */
    bool news = has_news(r);
    if (r->freeze_due && news && range_freeze(r) != STATUS_OK) {
        l->flush_retry_ns = l->now_ns + LSM_RETRY_NS / 100;
        flush_enqueue(r);
        return false;
    }
    if (r->flush_wanted && !news && list_empty(&r->frozen))
        range_event(r, RANGE_EVENT_FLUSHED); /* it is on disk already */
    r->freeze_due = r->flush_wanted = false;
    const struct frozen *f = oldest_frozen(r);
    if (f != NULL && MUTANT("lsm_flush_limit_ignored")) return true;
    if (f != NULL && r->dropped) return true; /* its log is given up */
    return f != NULL &&
           f->last_index <= r->flush_limit; /* else lsm_range_set_flush_limit resumes */
}

/* While the active memtables take more than half of the budget the largest is frozen: flushing it
 * frees the most per table. */
static void freeze_largest(struct lsm *l)
{
    while (l->active_bytes > l->options.memtable_bytes / 2) {
        struct range *largest = NULL;
        size_t cursor = 0;
        struct map_slot *slot;
        while ((slot = map_next(&l->ranges, &cursor)) != NULL) {
            struct range *r = slot->value;
            if (r->corrupt || memtable_entry_count(r->active) == 0) continue;
            if (largest == NULL || memtable_bytes(r->active) > memtable_bytes(largest->active))
                largest = r;
        }
        if (largest == NULL || range_freeze(largest) != STATUS_OK) return;
        flush_enqueue(largest);
    }
}

void flush_step(struct lsm *l)
{
    if (l->failed || l->flush_retry_ns > l->now_ns || l->fiber_retry_ns > l->now_ns) return;
    if (list_empty(&l->flush_queue)) freeze_largest(l);
    uint32_t limit = l->disk_full ? 1 : LSM_FLUSHES_MAX;
    while (!l->failed && l->flush_count < limit && !list_empty(&l->flush_queue)) {
        struct range *r = CONTAINER_OF(list_pop_front(&l->flush_queue), struct range, flush_link);
        if (!prepare(r)) {
            if (l->flush_retry_ns > l->now_ns) return;
            continue;
        }
        if (start(l, r) == STATUS_OK) continue;
        COVER("lsm_no_fiber_for_flush");
        l->fiber_retry_ns = l->now_ns + 1000000;
        flush_enqueue(r);
        return;
    }
}
