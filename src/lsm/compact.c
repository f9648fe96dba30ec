#include <stdlib.h>

#include "lsm/compact_int.h"
#include "lsm/table_write_int.h"

struct compact_job {
    struct worker worker;
    struct compaction compaction;
    struct tables_writer tables;
};

void compact_enqueue(struct range *r)
{
    if (!r->mapped || r->corrupt || r->compacting || !list_empty(&r->compact_link)) return;
    list_push_back(&r->lsm->compact_queue, &r->compact_link);
}

/* ---- one compaction, on its fiber ---- */

static enum status add_source(struct compact_job *job, struct merge *merge, struct piece **pieces,
                              uint32_t count)
{
    struct block_source *source;
    struct cursor *cursor;
    if (count == 0) return STATUS_OK;
    enum status status = file_source_open(&job->worker, &source);
    if (status == STATUS_OK) status = run_cursor_open(pieces, count, source, false, &cursor);
    if (status == STATUS_OK) status = merge_add(merge, cursor);
    return status;
}

/* Newest first: each piece of level 0 by itself, then the two levels. */
static enum status add_sources(struct compact_job *job, struct merge *merge)
{
    struct compaction *c = &job->compaction;
    enum status status = STATUS_OK;
    uint32_t upper = c->upper_count;
    if (c->level > 0) status = add_source(job, merge, c->inputs, upper);
    for (uint32_t i = 0; c->level == 0 && i < upper && status == STATUS_OK; i++)
        status = add_source(job, merge, &c->inputs[i], 1);
    if (status != STATUS_OK) return status;
    return add_source(job, merge, c->inputs + upper, c->input_count - upper);
}

static enum status merge_tables(struct compact_job *job)
{
    struct compaction *c = &job->compaction;
    struct range *r = c->range;
    uint64_t gc_ts = r->gc_ts;
    struct tombstone_check check = {.version = c->version,
                                    .inputs = c->inputs,
                                    .input_count = c->input_count,
                                    .oldest_ts = memtables_oldest_ts(r, NULL)};
    struct merge merge;
    struct gc_filter gc;
    merge_init(&merge, false);
    gc_filter_init(&gc, &r->lsm->options, gc_ts);
    gc.tombstone_may_go = tombstone_may_go;
    gc.ctx = &check;
    uint64_t size_max = r->lsm->options.table_bytes * (c->ending ? LSM_ENDING_TABLES : 1);
    tables_writer_init(&job->tables, &job->worker, r->id, gc_ts, size_max);
    enum status status = add_sources(job, &merge);
    if (status == STATUS_OK) status = tables_writer_add_merged(&job->tables, NULL, &merge, &gc);
    if (status == STATUS_OK) status = tables_writer_finish(&job->tables);
    merge_deinit(&merge);
    gc_filter_deinit(&gc);
    return status;
}

static enum status commit(struct compact_job *job, uint64_t epoch, bool *kept_out)
{
    struct compaction *c = &job->compaction;
    uint32_t count = c->moves ? c->input_count : job->tables.count;
    struct leveled_piece *added = calloc(count + 1, sizeof *added);
    if (added == NULL) return STATUS_NO_MEMORY;
    enum status status = STATUS_OK;
    if (!c->moves) status = tables_writer_pieces(&job->tables, c->output_level, added);
    for (uint32_t i = 0; c->moves && i < count; i++)
        added[i] = (struct leveled_piece){c->inputs[i], c->output_level};
    if (status != STATUS_OK) {
        free(added);
        return status;
    }
    struct edit e = {.kind = EDIT_COMPACTION,
                     .range = c->range,
                     .epoch = epoch,
                     .removed = c->inputs,
                     .removed_count = c->input_count,
                     .added = added,
                     .added_count = count};
    status = edit_commit(&job->worker, &e);
    *kept_out = e.written;
    for (uint32_t i = 0; !c->moves && i < count; i++)
        piece_unpin(added[i].piece);
    free(added);
    return status;
}

static void count_work(struct compact_job *job)
{
    struct lsm_metrics *metrics = &job->worker.lsm->metrics;
    metrics->compaction_count++;
    for (uint32_t i = 0; i < job->tables.count; i++)
        metrics->compaction_write_bytes += job->tables.tables[i]->size_bytes;
    if (job->compaction.moves) COVER("lsm_compact_moves");
}

/* Most tables that share a key in level 0 of any range, beyond what is normal. */
static void find_l0_excess(struct lsm *l)
{
    l->l0_excess = 0;
    LIST_FOR_EACH(link, &l->piled)
    {
        const struct range *r = CONTAINER_OF(link, struct range, piled_link);
        ASSERT(r->l0_depth > LSM_L0_TABLES_SLOW);
        uint32_t excess = r->l0_depth - LSM_L0_TABLES_SLOW;
        if (!r->corrupt && excess > l->l0_excess) l->l0_excess = excess;
    }
}

static void note_outcome(struct lsm *l, enum status status)
{
    switch (status) {
    case STATUS_OK:
    case STATUS_CORRUPT: break; /* the range is fenced */
    case STATUS_NO_SPACE:
        COVER("lsm_compact_disk_full");
        l->compaction_retry_ns = l->now_ns + LSM_RETRY_NS;
        break;
    case STATUS_CANCELLED:
    case STATUS_NO_MEMORY:
    case STATUS_EXISTS: l->compaction_retry_ns = l->now_ns + LSM_RETRY_NS / 100; break;
    default: lsm_fail(l, status, "writing a table failed"); break;
    }
}

static void job_free(struct compact_job *job)
{
    struct range *r = job->compaction.range;
    version_unpin(job->compaction.version);
    free(job->compaction.inputs);
    free(job);
    r->compacting = false;
    ASSERT(r->lsm->compaction_count > 0);
    r->lsm->compaction_count--;
    compact_enqueue(r);
    range_unpin(r);
}

static void compact_entry(void *arg)
{
    struct compact_job *job = arg;
    struct lsm *l = job->worker.lsm;
    uint64_t epoch = job->compaction.range->epoch;
    bool kept = false;
    bool reads = !job->compaction.moves && !job->compaction.drops;
    enum status status = reads ? merge_tables(job) : STATUS_OK;
    if (status == STATUS_CANCELLED) lsm_fail(l, status, "shut down");
    if (status == STATUS_OK) {
        count_work(job);
        status = commit(job, epoch, &kept);
    }
    tables_writer_deinit(&job->tables, status != STATUS_OK && !kept);
    note_outcome(l, status);
    job_free(job);
    find_l0_excess(l);
}

/* ---- starting compactions ---- */

static enum status start(struct lsm *l, struct range *r)
{
    struct compact_job *job = calloc(1, sizeof *job);
    if (job == NULL) return STATUS_NO_MEMORY;
    enum status status = compact_pick(r, &job->compaction);
    if (status != STATUS_OK) {
        free(job);
        return status;
    }
    worker_init(&job->worker, l);
    job->compaction.version = r->version;
    version_pin(r->version);
    range_pin(r);
    r->compacting = true;
    l->compaction_count++;
    status = fiber_spawn(l->options.fibers, compact_entry, job, NULL);
    if (status != STATUS_OK) job_free(job);
    return status;
}

void compact_step(struct lsm *l)
{
    if (l->compaction_retry_ns > l->now_ns || l->fiber_retry_ns > l->now_ns) return;
    while (!l->failed && l->compaction_count < LSM_COMPACTIONS_MAX &&
           !list_empty(&l->compact_queue)) {
        struct range *r =
            CONTAINER_OF(list_pop_front(&l->compact_queue), struct range, compact_link);
        enum status status = start(l, r);
        if (status == STATUS_OK || status == STATUS_NOT_FOUND) continue;
        COVER("lsm_no_fiber_for_compaction");
        l->fiber_retry_ns = l->now_ns + 1000000;
        compact_enqueue(r);
        return;
    }
}
