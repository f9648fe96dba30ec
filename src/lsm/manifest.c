#include "lsm/manifest_int.h"

#include <stdlib.h>

#include "lsm/worker_int.h"

#define RECORDS_PER_FRAME_BYTES ((size_t)256 << 10) /* of a rewritten manifest */

/* ---- a new file with the present state ---- */

static void put_pieces(struct buf *records, const struct version *v)
{
    for (uint32_t level = 0; level < LSM_LEVELS; level++)
        for (uint32_t i = 0; i < v->counts[level]; i++)
            manifest_record_put_added(records, v->levels[level][i], level);
}

static void put_range(struct buf *records, const struct range *r)
{
    const struct version *named = range_named(r);
    struct manifest_record_head head = {.kind = MANIFEST_RECORD_RANGE,
                                        .range = r->id,
                                        .flushed_index = r->flushed_index,
                                        .newest_ts = r->flushed_newest_ts,
                                        .meta = range_flushed_meta(r),
                                        .added_count = version_piece_count(named)};
    manifest_record_put_head(records, &head);
    put_pieces(records, named);
}

/* The frames of a manifest that says what is durable now; dropped ranges stay in it until their
 * drop is durable, since edits of theirs may still be written. */
static enum status put_state(struct lsm *l, struct worker *w, uint64_t uid, struct buf *frames,
                             uint64_t *frame_count_out)
{
    struct buf records;
    buf_init(&records, MANIFEST_BYTES_MAX);
    uint64_t frame = 0;
    uint32_t record_count = 0;
    LIST_FOR_EACH(link, &l->durable_ranges)
    {
        if (records.size >= RECORDS_PER_FRAME_BYTES) {
            manifest_frame_put(frames, l->options.store_id, uid, ++frame, record_count,
                               buf_view(&records));
            buf_reset(&records);
            record_count = 0;
        }
        size_t before = records.size;
        put_range(&records, CONTAINER_OF(link, struct range, durable_link));
        record_count++;
        /* In slices: only this fiber changes what is durable. Opening has no turns to wait for. */
        if (l->manifest.running) worker_handled(w, records.size - before);
        if (!l->failed) continue;
        buf_deinit(&records);
        return STATUS_CANCELLED;
    }
    manifest_frame_put(frames, l->options.store_id, uid, ++frame, record_count, buf_view(&records));
    bool failed = records.failed || frames->failed;
    buf_deinit(&records);
    *frame_count_out = frame;
    return failed ? STATUS_NO_MEMORY : STATUS_OK;
}

/* Frames, then zeros: appending later needs no room on the disk, and every byte that was never
 * written is zero. */
static enum status write_file(struct worker *w, env_file file, const struct buf *frames,
                              uint64_t size_bytes)
{
    static const uint8_t zeros[64 << 10];
    enum status status = WORKER_IO(w, fio_write(&w->fio, file, frames->data, frames->size, 0));
    for (uint64_t at = frames->size; status == STATUS_OK && at < size_bytes;) {
        uint64_t left = size_bytes - at;
        size_t part = left < sizeof zeros ? (size_t)left : sizeof zeros;
        status = WORKER_IO(w, fio_write(&w->fio, file, zeros, part, at));
        at += part;
    }
    return status == STATUS_OK ? WORKER_IO(w, fio_sync(&w->fio, file)) : status;
}

/* Makes and names the file. Before the rename a failure leaves the old manifest in force. */
static enum status install(struct lsm *l, struct worker *w, const struct buf *frames,
                           uint64_t size_bytes, env_file *file_out, bool *renamed_out)
{
    char path[LSM_PATH_BYTES_MAX], new_path[LSM_PATH_BYTES_MAX];
    manifest_path(l->options.directory, MANIFEST_NAME, path);
    manifest_path(l->options.directory, MANIFEST_NEW_NAME, new_path);
    unsigned flags = ENV_OPEN_READ | ENV_OPEN_WRITE | ENV_OPEN_CREATE | ENV_OPEN_TRUNCATE;
    env_file file;
    enum status status = WORKER_IO(w, fio_open(&w->fio, new_path, flags, &file));
    if (status != STATUS_OK) return status;
    status = write_file(w, file, frames, size_bytes);
    if (status == STATUS_OK) {
        *renamed_out = true;
        status = WORKER_IO(w, fio_rename(&w->fio, new_path, path));
    }
    if (status == STATUS_OK && !MUTANT("k23_manifest_name_not_synced"))
        status = WORKER_IO(w, fio_dir_sync(&w->fio, l->options.directory));
    if (status == STATUS_OK) {
        *file_out = file;
        return STATUS_OK;
    }
    file_close_detached(l->options.env, file);
    if (!*renamed_out && WORKER_IO(w, fio_unlink(&w->fio, new_path)) != STATUS_OK)
        LOG_WARN(l->options.logger, "lsm", "cannot remove manifest.new", "errno=%d",
                 w->fio.last_errno);
    return status;
}

/* May the same be tried again later? */
static bool is_passing(enum status status)
{
    return status == STATUS_NO_SPACE || status == STATUS_NO_MEMORY;
}

/* Leaves room for a frame of `needed` bytes. On a failure the old file stays in force, unless
 * *fatal_out: then nobody knows which one is, or the disk fails. */
static enum status rewrite(struct lsm *l, struct worker *w, size_t needed, bool *fatal_out)
{
    struct manifest *m = &l->manifest;
    struct buf frames;
    buf_init(&frames, MANIFEST_BYTES_MAX);
    uint64_t uid = prng_next(&l->prng), frame_count = 0, size_bytes = l->options.manifest_bytes;
    env_file file = -1;
    bool renamed = false;
    enum status status = put_state(l, w, uid, &frames, &frame_count);
    while (size_bytes < (frames.size + needed) * 2)
        size_bytes *= 2;
    if (status == STATUS_OK) status = install(l, w, &frames, size_bytes, &file, &renamed);
    *fatal_out = status != STATUS_OK && (renamed || !is_passing(status));
    if (status == STATUS_OK) {
        if (m->file >= 0) file_close_detached(l->options.env, m->file);
        m->file = file;
        m->uid = uid;
        m->frame_count = frame_count;
        m->offset = frames.size;
        m->size_bytes = size_bytes;
        COVER("lsm_manifest_rewritten");
    }
    buf_deinit(&frames);
    return status;
}

enum status manifest_create(struct lsm *l, struct worker *w)
{
    bool fatal;
    return rewrite(l, w, 0, &fatal);
}

/* ---- edits ---- */

/* Both sides of a split as they are from now on; one frame holds both or neither (LSM-11). */
static uint32_t put_split(struct buf *records, const struct edit *e)
{
    struct manifest_record_head left = {.kind = MANIFEST_RECORD_RANGE,
                                        .range = e->range->id,
                                        .flushed_index = e->index,
                                        .newest_ts = e->newest_ts,
                                        .meta = e->meta,
                                        .added_count = version_piece_count(e->next)};
    manifest_record_put_head(records, &left);
    put_pieces(records, e->next);
    if (e->split->right == NULL || MUTANT("lsm_split_edit_without_right")) return 1;
    struct manifest_record_head right = left;
    right.range = e->split->right->id;
    right.meta = e->split->meta;
    right.added_count = version_piece_count(e->next_right);
    manifest_record_put_head(records, &right);
    put_pieces(records, e->next_right);
    return 2;
}

/* The left one with all that was the right one's, and the end of that. */
static uint32_t put_merge(struct buf *records, const struct edit *e)
{
    struct manifest_record_head left = {.kind = MANIFEST_RECORD_RANGE,
                                        .range = e->range->id,
                                        .flushed_index = e->index,
                                        .newest_ts = e->newest_ts,
                                        .meta = e->meta,
                                        .added_count = version_piece_count(e->next)};
    manifest_record_put_head(records, &left);
    put_pieces(records, e->next);
    if (MUTANT("lsm_merge_edit_keeps_right")) return 1;
    struct manifest_record_head right = {.kind = MANIFEST_RECORD_DROP,
                                         .range = e->range->merging->id};
    manifest_record_put_head(records, &right);
    return 2;
}

/* Answers how many records it put. */
static uint32_t put_edit(struct buf *records, const struct edit *e)
{
    if (e->split != NULL) return put_split(records, e);
    if (e->merges) return put_merge(records, e);
    static const enum manifest_record_kind kinds[] = {
        [EDIT_FLUSH] = MANIFEST_RECORD_FLUSH,
        [EDIT_COMPACTION] = MANIFEST_RECORD_COMPACTION,
        [EDIT_INGEST] = MANIFEST_RECORD_RANGE,
        [EDIT_DROP] = MANIFEST_RECORD_DROP,
    };
    bool removes = e->kind == EDIT_COMPACTION; /* the other kinds imply what goes */
    struct manifest_record_head head = {.kind = kinds[e->kind],
                                        .range = e->range->id,
                                        .flushed_index = e->index,
                                        .newest_ts = e->newest_ts,
                                        .meta = e->meta,
                                        .removed_count = removes ? e->removed_count : 0,
                                        .added_count = e->added_count};
    manifest_record_put_head(records, &head);
    for (uint32_t i = 0; i < head.removed_count; i++)
        manifest_record_put_removed(records, e->removed[i]);
    for (uint32_t i = 0; i < e->added_count; i++)
        manifest_record_put_added(records, e->added[i].piece, e->added[i].level);
    return 1;
}

static void apply_flushed_state(struct range *r, const struct edit *e, struct bytes meta)
{
    if (list_empty(&r->durable_link)) list_push_back(&r->lsm->durable_ranges, &r->durable_link);
    r->flushed_index = e->index;
    if (e->newest_ts > r->flushed_newest_ts) r->flushed_newest_ts = e->newest_ts;
    if (e->newest_ts > r->newest_ts) r->newest_ts = e->newest_ts;
    range_set_flushed_meta(r, meta);
}

/* What waits to be split off the range sees the change as well. */
static enum status apply_version(struct range *r, struct edit *e)
{
    struct version *next = e->next;
    version_renamed(range_durable(r), next, e->next_right);
    e->next = NULL;
    return split_refresh(r, next);
}

/* Whoever has the memtable reads the table instead. */
static void forget_memtable(struct range *root, const struct memtable *m)
{
    for (struct range *r = root; r != NULL; r = split_next(root, r))
        LIST_FOR_EACH_SAFE(link, &r->frozen)
        {
            struct frozen *f = CONTAINER_OF(link, struct frozen, link);
            if (f->memtable == m) range_forget_frozen(r, f);
        }
}

/* Order: the right side becomes a range of its own before anything may be done to either. */
static enum status apply_split(struct edit *e)
{
    struct range *left = e->range, *right = e->split->right;
    if (right != NULL) {
        range_pin(right);
        apply_flushed_state(right, e, e->split->meta);
    }
    split_end(e->split);
    e->split = NULL;
    enum status status = apply_version(left, e);
    if (right != NULL) {
        struct version *next = e->next_right;
        e->next_right = NULL;
        enum status other = split_refresh(right, next);
        if (status == STATUS_OK) status = other;
        split_settled(right);
        range_event(right, RANGE_EVENT_FLUSHED);
        range_unpin(right);
    }
    split_settled(left);
    return status;
}

static enum status apply_merge(struct edit *e)
{
    struct range *left = e->range, *right = left->merging;
    struct version *next = e->next;
    e->next = NULL;
    version_renamed(range_durable(left), next,
                    NULL); /* before the right one lets go of its tables */
    version_renamed(range_durable(right), NULL, NULL);
    list_remove(&right->durable_link);
    unite_end(left);
    enum status status = split_refresh(left, next);
    split_settled(left);
    return status;
}

static enum status apply_flush(struct edit *e)
{
    struct range *r = e->range;
    apply_flushed_state(r, e, e->meta);
    forget_memtable(r, e->memtable);
    enum status status;
    if (e->split != NULL)
        status = apply_split(e);
    else
        status = e->merges ? apply_merge(e) : apply_version(r, e);
    compact_enqueue(r);
    return status;
}

static enum status apply_ingest(struct range *r, struct edit *e)
{
    r->meta_is_flushed = false;
    buf_reset(&r->meta);
    buf_append_bytes(&r->meta, e->meta);
    ASSERT(!r->meta.failed);
    apply_flushed_state(r, e, e->meta);
    enum status status = apply_version(r, e);
    if (status != STATUS_OK) return status;
    r->epoch++; /* and so is what began while the edit was being written */
    range_replace_memtables(r, e->memtable, e->index);
    r->corrupt = false;
    r->gc_ts = 0;
    return r->mapped || r->dropped ? STATUS_OK : range_enter(r);
}

/* The edit is durable: memory follows. */
static enum status apply(struct edit *e)
{
    struct range *r = e->range;
    switch (e->kind) {
    case EDIT_FLUSH: return apply_flush(e);
    case EDIT_COMPACTION: return apply_version(r, e);
    case EDIT_INGEST: return apply_ingest(r, e);
    case EDIT_DROP:
        version_renamed(range_durable(r), NULL, NULL);
        list_remove(&r->durable_link);
        return STATUS_OK;
    }
    UNREACHABLE();
}

static void complete(struct edit *e, enum status status)
{
    if (e->next != NULL) version_unpin(e->next);
    if (e->next_right != NULL) version_unpin(e->next_right);
    e->next = e->next_right = NULL;
    struct range *r = e->range;
    e->status = status;
    e->on_done(e); /* e may be gone */
    range_unpin(r);
}

static void complete_all(struct list *edits, enum status status)
{
    while (!list_empty(edits))
        complete(CONTAINER_OF(list_pop_front(edits), struct edit, link), status);
}

/* Is the edit still about the range as it is? */
static enum status admit(struct edit *e)
{
    struct range *r = e->range;
    if (e->kind == EDIT_DROP) return STATUS_OK;
    bool taken = e->kind == EDIT_INGEST && !r->mapped && range_find(r->lsm, r->id) != NULL;
    bool stale = e->epoch != r->epoch && !MUTANT("k21_stale_edit_admitted");
    bool needed = e->kind == EDIT_FLUSH && range_is_pending(r);
    if ((r->dropped && !needed) || taken || stale) return STATUS_CANCELLED;
    ASSERT(r->mapped || needed || e->kind == EDIT_INGEST);
    return STATUS_OK;
}

/* What the range will be; depends on the edits before it in the batch, so one edit per range and
 * batch. */
static enum status prepare(struct edit *e)
{
    struct range *r = e->range;
    if (e->kind == EDIT_DROP) return STATUS_OK;
    struct version *base = e->kind == EDIT_INGEST ? NULL : range_named(r), *next;
    enum status status =
        version_edit(base, e->removed, e->removed_count, e->added, e->added_count, &next);
    if (status != STATUS_OK) return status;
    if (e->split == NULL && !e->merges) {
        e->next = next;
        return STATUS_OK;
    }
    if (e->merges) {
        status = version_join(next, r->merging->version, r->merging->window->from, &e->next);
        version_unpin(next);
        return status;
    }
    struct window left = {BYTES_EMPTY, e->split->key}, right = {e->split->key, BYTES_EMPTY};
    status = version_clip(next, &left, &e->next);
    if (status == STATUS_OK && e->split->right != NULL)
        status = version_clip(next, &right, &e->next_right);
    version_unpin(next);
    return status;
}

static bool batch_has(struct list *batch, const struct range *r)
{
    LIST_FOR_EACH(link, batch)
    if (CONTAINER_OF(link, struct edit, link)->range->id.value == r->id.value) return true;
    return false;
}

/* Moves edits from the queue to the batch: up to the second one of a range. Void edits are
 * answered. */
static void take_batch(struct lsm *l, struct list *batch, struct buf *records, uint32_t *count_out)
{
    list_init(batch);
    *count_out = 0;
    LIST_FOR_EACH_SAFE(link, &l->manifest.queue)
    {
        struct edit *e = CONTAINER_OF(link, struct edit, link);
        if (batch_has(batch, e->range)) break;
        list_remove(&e->link);
        enum status status = admit(e);
        if (status == STATUS_OK) status = prepare(e);
        if (status != STATUS_OK) {
            COVER("lsm_edit_void");
            complete(e, status);
            continue;
        }
        bool voids = e->kind == EDIT_INGEST || e->split != NULL || e->merges;
        if (voids) e->range->epoch++; /* older work behind it in line is void */
        *count_out += put_edit(records, e);
        list_push_back(batch, &e->link);
    }
}

static enum status append_frame(struct lsm *l, struct worker *w, const struct buf *records,
                                uint32_t record_count)
{
    struct manifest *m = &l->manifest;
    struct buf frame;
    buf_init(&frame, MANIFEST_BYTES_MAX);
    manifest_frame_put(&frame, l->options.store_id, m->uid, m->frame_count + 1, record_count,
                       buf_view(records));
    enum status status = frame.failed ? STATUS_NO_MEMORY : STATUS_OK;
    ASSERT(m->offset + frame.size <= m->size_bytes);
    if (status == STATUS_OK)
        status = WORKER_IO(w, fio_write(&w->fio, m->file, frame.data, frame.size, m->offset));
    if (status == STATUS_OK && !MUTANT("lsm_manifest_not_synced"))
        status = WORKER_IO(w, fio_sync(&w->fio, m->file));
    if (status == STATUS_IO && MUTANT("k22_manifest_sync_ignored")) status = STATUS_OK;
    m->offset += frame.size;
    m->frame_count++;
    buf_deinit(&frame);
    return status;
}

/* Edits that cannot be written for lack of room: drops stay in line, the others are told. */
static void give_back(struct lsm *l, struct list *batch, enum status status)
{
    while (!list_empty(batch)) {
        struct edit *e = CONTAINER_OF(batch->prev, struct edit, link);
        list_remove(&e->link);
        if (e->kind == EDIT_DROP && is_passing(status))
            list_push_front(&l->manifest.queue, &e->link);
        else
            complete(e, status);
    }
}

static enum status write_batch(struct lsm *l, struct worker *w, struct list *batch,
                               const struct buf *records, uint32_t record_count)
{
    struct manifest *m = &l->manifest;
    if (records->failed) return STATUS_NO_MEMORY;
    size_t needed = manifest_frame_size(records->size);
    if (needed > m->size_bytes - m->offset) {
        bool fatal;
        enum status status = rewrite(l, w, needed, &fatal);
        if (fatal) lsm_fail(l, status, "rewriting the manifest failed");
        if (status != STATUS_OK) return status;
    }
    LIST_FOR_EACH(link, batch) CONTAINER_OF(link, struct edit, link)->written = true;
    enum status status = append_frame(l, w, records, record_count);
    if (status != STATUS_OK) lsm_fail(l, status, "writing the manifest failed");
    return status;
}

static void run_batch(struct lsm *l, struct worker *w)
{
    struct list batch;
    struct buf records;
    uint32_t count;
    buf_init(&records, MANIFEST_BYTES_MAX);
    take_batch(l, &batch, &records, &count);
    enum status status = STATUS_OK;
    if (count > 0) {
        status = write_batch(l, w, &batch, &records, count);
        if (is_passing(status)) l->manifest.retry_at_ns = l->now_ns + LSM_RETRY_NS;
        if (status != STATUS_OK) give_back(l, &batch, status);
    }
    while (!list_empty(&batch)) {
        struct edit *e = CONTAINER_OF(list_pop_front(&batch), struct edit, link);
        status = apply(e);
        if (status != STATUS_OK) lsm_fail(l, status, "an edit of the manifest cannot be applied");
        complete(e, status);
    }
    buf_deinit(&records);
}

/* ---- the fiber ---- */

static bool may_run(const struct lsm *l)
{
    return !list_empty(&l->manifest.queue) && l->manifest.retry_at_ns <= l->now_ns;
}

static void refuse_queued(struct lsm *l)
{
    ASSERT(l->failed);
    bool cancelled = l->failure == STATUS_CANCELLED;
    split_refuse_waiting(l, cancelled ? STATUS_CANCELLED : STATUS_FENCED);
    complete_all(&l->manifest.queue, cancelled ? STATUS_CANCELLED : STATUS_FENCED);
}

static void manifest_entry(void *arg)
{
    struct lsm *l = arg;
    struct worker w;
    worker_init(&w, l);
    while (!l->failed && may_run(l))
        run_batch(l, &w);
    if (l->failed) refuse_queued(l);
    l->manifest.running = false;
}

void manifest_step(struct lsm *l)
{
    struct manifest *m = &l->manifest;
    if (m->running) return;
    if (l->failed) {
        refuse_queued(l);
        return;
    }
    if (!may_run(l)) return;
    m->running = true;
    if (fiber_spawn(l->options.fibers, manifest_entry, l, NULL) == STATUS_OK) return;
    COVER("lsm_no_fiber");
    m->running = false;
    l->fiber_retry_ns = l->now_ns + 1000000;
}

void edit_submit(struct edit *e)
{
    ASSERT(e->on_done != NULL);
    range_pin(e->range);
    list_push_back(&e->range->lsm->manifest.queue, &e->link);
}

struct commit {
    struct fiber *fiber;
    bool done;
};

static void commit_done(struct edit *e)
{
    struct commit *c = e->ctx;
    c->done = true;
    fiber_resume(c->fiber);
}

enum status edit_commit(struct worker *w, struct edit *e)
{
    if (w->lsm->failed) return STATUS_CANCELLED;
    struct commit c = {.fiber = fiber_current(w->lsm->options.fibers)};
    ASSERT(c.fiber != NULL);
    e->on_done = commit_done;
    e->ctx = &c;
    edit_submit(e);
    while (!c.done)
        fiber_suspend(w->lsm->options.fibers);
    worker_resumed(w);
    return e->status;
}

void manifest_close(struct lsm *l)
{
    ASSERT(list_empty(&l->manifest.queue));
    if (l->manifest.file >= 0) file_close_detached(l->options.env, l->manifest.file);
    l->manifest.file = -1;
}
