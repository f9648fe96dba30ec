/* Opening and closing the log. */
#include <lz4.h>
#include <stdlib.h>

#include "wal/wal_int.h"

/* ---- the object ---- */

static void destroy(struct wal *w)
{
    ASSERT(w->flight_count == 0);
    for (size_t i = 0; i < w->segment_count; i++) free(w->segments[i]);
    for (struct list *item; (item = list_pop_front(&w->retired)) != NULL;)
        free(CONTAINER_OF(item, struct wal_segment, link));
    free(w->next);
    free(w->segments);
    wal_index_deinit(&w->index);
    for (size_t i = 0; i <= WAL_FLIGHTS_MAX; i++) free(w->groups[i].data);
    free(w->checkpoint);
    free(w->lz4_state);
    free(w->lz4_scratch);
    free(w);
}

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
    return value != 0 ? value : otherwise;
}

static void set_options(struct wal *w, const struct wal_options *options)
{
    w->options = *options;
    w->options.segment_bytes = or_default(options->segment_bytes, WAL_SEGMENT_BYTES_DEFAULT);
    ASSERT(w->options.segment_bytes % WAL_SECTOR_BYTES == 0);
    ASSERT(w->options.segment_bytes >= WAL_SEGMENT_BYTES_MIN);
    ASSERT(w->options.segment_bytes <= WAL_SEGMENT_BYTES_MAX);
    ASSERT(strlen(options->directory) < sizeof w->directory);
    memcpy(w->directory, options->directory, strlen(options->directory) + 1);
    w->options.directory = w->directory;

    /* Half of a segment for a group and half for a checkpoint, at most: WAL-6. */
    uint32_t half = w->options.segment_bytes / 2 / WAL_SECTOR_BYTES * WAL_SECTOR_BYTES;
    uint32_t wanted = or_default(options->group_bytes_max, WAL_GROUP_BYTES_DEFAULT);
    w->group_bytes = wal_sectors_up(wanted < half ? wanted : half);
    w->checkpoint_bytes_max = w->options.segment_bytes - WAL_SECTOR_BYTES - w->group_bytes;
    w->sync_mode = options->sync_mode;
    w->direct = true;
}

static enum status make_buffers(struct wal *w)
{
    for (size_t i = 0; i <= WAL_FLIGHTS_MAX; i++) {
        w->groups[i].wal = w;
        w->groups[i].data = aligned_alloc(WAL_SECTOR_BYTES, w->group_bytes);
        if (w->groups[i].data == NULL) return STATUS_NO_MEMORY;
    }
    if (!w->options.compress) return STATUS_OK;
    w->lz4_capacity = w->group_bytes < WAL_PAYLOAD_BYTES_MAX ? w->group_bytes
                                                             : WAL_PAYLOAD_BYTES_MAX;
    w->lz4_state = malloc((size_t)LZ4_sizeofState());
    w->lz4_scratch = malloc(w->lz4_capacity);
    return w->lz4_state != NULL && w->lz4_scratch != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

static struct wal *create(const struct wal_options *options)
{
    struct wal *w = calloc(1, sizeof *w);
    if (w == NULL) return NULL;
    wal_index_init(&w->index);
    list_init(&w->retired);
    set_options(w, options);
    histogram_init(&w->metrics.sync_ns);
    histogram_init(&w->metrics.group_bytes);
    histogram_init(&w->metrics.group_entries);
    if (make_buffers(w) == STATUS_OK) return w;
    destroy(w);
    return NULL;
}

/* ---- recovery's remains ---- */

void wal_recover_deinit(struct wal_recover *r)
{
    for (size_t i = 0; i < r->file_count; i++)
        if (r->files[i].file >= 0) fio_close(r->fio, r->files[i].file);
    wal_scan_deinit(&r->scan);
    buf_deinit(&r->scratch);
    buf_deinit(&r->payload);
    free(r->files);
    free(r->chain);
    free(r->dropped);
}

/* The segments that recovery found to be the log become the log's. */
static enum status adopt_segments(struct wal_recover *r)
{
    struct wal *w = r->w;
    enum status status = wal_segments_reserve(w, r->chain_count + 2);
    for (size_t i = 0; i < r->chain_count && status == STATUS_OK; i++) {
        struct wal_file *file = &r->files[r->chain[i]];
        if (!file->chained) break;
        struct wal_segment *s = wal_segment_create(file->generation, (uint32_t)file->size);
        if (s == NULL) return STATUS_NO_MEMORY;
        s->file = file->file;
        file->file = -1;
        s->start_lsn = file->first.lsn;
        s->data_offset = WAL_SECTOR_BYTES + file->first.group_offset;
        s->write_offset = file->end.offset;
        s->frame_number = file->end.number;
        wal_segments_push(w, s);
        w->metrics.disk_bytes += s->size_bytes;
    }
    return status;
}

/* Writes the last frames of the log once more, as they are. */
static enum status rewrite_frames(struct wal_recover *r, const struct wal_file *file,
                                  env_file handle)
{
    _Static_assert(WAL_FLIGHTS_MAX == 2, "the last frame, and the one whose hash it has");
    wal_scan_begin(&r->scan, r->fio, handle, file->generation, file->size);
    for (uint64_t at = file->doubtful_offset; at < file->end.offset;) {
        uint8_t *frame;
        struct wal_frame_head head;
        enum status status = wal_scan_frame(&r->scan, at, &head, &frame);
        if (status != STATUS_OK || MUTANT("k22_recovered_tail_not_rewritten")) return status;
        /* Read again, it may have come back otherwise: that is not to be made true. */
        if (frame == NULL) return STATUS_CORRUPT;
        bool last = at + head.size_bytes == file->end.offset;
        if (head.hash != (last ? file->last.hash : file->last.prev_hash)) return STATUS_CORRUPT;
        status = fio_write(r->fio, handle, frame, head.size_bytes, at);
        if (status != STATUS_OK) return status;
        at += head.size_bytes;
    }
    return STATUS_OK;
}

/* Whatever was read may still be only in a cache: a process that was killed leaves it there, and after
 * a sync that failed the cache may call it clean, so that no sync would ever write it (K22). Before
 * anything of it is handed out as durable, it is. What a frame calls durable has been: in doubt are
 * only those that the last one does not. */
static enum status sync_tail(struct wal_recover *r)
{
    if (r->end_generation == 0 || MUTANT("k10_recovered_tail_not_synced")) return STATUS_OK;
    const struct wal_segment *last = wal_current(r->w);
    ASSERT(last->generation == r->end_generation);
    const struct wal_file *file = NULL;
    for (size_t i = 0; i < r->segment_count; i++)
        if (r->files[i].generation == last->generation) file = &r->files[i];
    ASSERT(file != NULL && file->chained);
    if (file->end.number == 0) return fio_sync(r->fio, last->file);
    env_file handle;
    struct wal_path path = wal_path_segment(r->w->directory, last->generation);
    enum status status =
        wal_file_open(r->w, r->fio, path.text, ENV_OPEN_READ | ENV_OPEN_WRITE, &handle);
    if (status != STATUS_OK) return status;
    status = rewrite_frames(r, file, handle);
    if (status == STATUS_OK) status = fio_sync(r->fio, handle);
    fio_close(r->fio, handle);
    return status;
}

static struct wal_path file_path(const struct wal *w, const struct wal_file *file)
{
    switch (file->kind) {
    case WAL_NAME_SEGMENT: return wal_path_segment(w->directory, file->generation);
    case WAL_NAME_SPARE: return wal_path_spare(w->directory, file->generation);
    case WAL_NAME_NEW:
    case WAL_NAME_OTHER: return wal_path_new(w->directory);
    }
    UNREACHABLE();
}

/* Files that are not part of the log: spares are kept for use, the rest goes. Nothing is touched
 * that may be needed to understand what happened, or to come to the same verdict after a crash. */
static enum status tidy(struct wal_recover *r)
{
    struct wal *w = r->w;
    bool keep = (r->flags & WAL_FRAME_DAMAGED) != 0 || r->tail >= WAL_TAIL_UNCERTAIN;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < r->file_count && status == STATUS_OK; i++) {
        struct wal_file *file = &r->files[i];
        if (file->chained || (file->kind == WAL_NAME_SEGMENT && keep)) continue;
        w->metrics.disk_bytes += file->size;
        if (file->kind == WAL_NAME_SEGMENT && !r->out->created) {
            status = wal_file_put_away(w, r->fio, file->generation, file->size);
            continue;
        }
        if (file->kind == WAL_NAME_SPARE && file->size == w->options.segment_bytes &&
            w->spare_count < WAL_SPARES_MAX) {
            w->spares[w->spare_count++] = file->generation;
            continue;
        }
        struct wal_path path = file_path(w, file);
        status = fio_unlink(r->fio, path.text);
        w->metrics.disk_bytes -= file->size;
    }
    /* A log that never was begins with segment 1, always: recovery rests on that. */
    if (r->out->created) w->last_generation = 0;
    return status;
}

/* ---- opening ---- */

static enum status make_directory(struct wal *w, struct fio *f)
{
    struct wal_path parent = {"."};
    const char *slash = strrchr(w->directory, '/');
    if (slash != NULL) {
        size_t size = (size_t)(slash - w->directory);
        memcpy(parent.text, w->directory, size);
        parent.text[size] = '\0';
    }
    enum status status = fio_dir_make(f, w->directory);
    return status == STATUS_OK ? fio_dir_sync(f, parent.text) : status;
}

/* A full disk is no reason not to start: everything can be read. The last segment counts as full,
 * and the keeper tries to get the next one. */
static void begin_without_room(struct wal_recover *r)
{
    struct wal *w = r->w;
    COVER("wal_open_no_space");
    LOG_WARN(w->options.logger, "wal", "disk full, nothing can be appended for now", "");
    wal_current(w)->write_offset = wal_current(w)->size_bytes;
    wal_group_reset(wal_open_group(w), w->durable);
    w->keeper.no_space = true;
    w->keeper.retry_ns = env_now_ns(w->options.env);
    r->out->generation = wal_current(w)->generation;
}

/* Each start begins a segment of its own: what lies behind the end of the last one is never written
 * over, and never joins the log (WAL-3). */
static enum status begin_segment(struct wal_recover *r)
{
    struct wal *w = r->w;
    struct wal_segment *s;
    const char *what;
    w->durable = r->lsn_max;
    w->last_hash = r->end.hash;
    w->flags = r->flags;
    enum status status = wal_checkpoint_reserve(w, 0);
    if (status != STATUS_OK) return status;
    status = wal_segment_prepare(w, r->fio, &s, &what);
    bool damaged = (r->flags & WAL_FRAME_DAMAGED) != 0; /* then the state has to be written */
    if (status == STATUS_NO_SPACE && w->segment_count > 0 && !damaged) {
        begin_without_room(r);
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        LOG_ERROR(w->options.logger, "wal", "cannot begin a segment",
                  "what=\"%s\" status=%s errno=%d", what, status_name(status),
                  r->fio->last_errno);
        return status;
    }
    wal_segments_push(w, s);
    status = wal_write_opening(w, r->fio, r->end_generation);
    r->out->generation = s->generation;
    return status;
}

static void log_recovery(const struct wal *w, const struct wal_recovery *out)
{
    bool bad = out->damaged || out->uncertain;
    LOG_AT(w->options.logger, bad ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "wal", "opened",
           "created=%d torn=%d uncertain=%d damaged=%d generation=%llu frames=%llu entries=%llu "
           "bytes=%llu durable=%llu detail=\"%s\"",
           out->created, out->torn, out->uncertain, out->damaged,
           (unsigned long long)out->generation, (unsigned long long)out->frame_count,
           (unsigned long long)out->entry_count, (unsigned long long)out->bytes,
           (unsigned long long)w->durable, out->detail);
}

static enum status open_log(struct wal *w, const struct wal_visitor *visitor,
                            struct wal_recovery *out)
{
    struct fio f = {.env = w->options.env, .fibers = w->options.fibers};
    struct wal_recover r = {.w = w, .fio = &f, .out = out, .visitor = visitor};
    buf_init(&r.scratch, WAL_SEGMENT_BYTES_MAX);
    buf_init(&r.payload, WAL_PAYLOAD_BYTES_MAX);
    enum status status = make_directory(w, &f);
    if (status == STATUS_OK) status = wal_recover(&r);
    if (status == STATUS_OK) status = wal_replay(&r);
    if (status == STATUS_OK) status = adopt_segments(&r);
    if (status == STATUS_OK) status = sync_tail(&r);
    if (status == STATUS_OK) status = tidy(&r);
    if (status == STATUS_OK) status = begin_segment(&r);
    wal_recover_deinit(&r);
    return status;
}

enum status wal_open(const struct wal_options *options, const struct wal_visitor *visitor,
                     struct wal_recovery *recovery_out, struct wal **wal_out)
{
    static const struct wal_visitor nobody;
    ASSERT(options->env != NULL && options->fibers != NULL);
    ASSERT(fiber_current(options->fibers) != NULL);
    struct wal_recovery recovery = {0};
    struct wal *w = create(options);
    if (w == NULL) return STATUS_NO_MEMORY;
    enum status status = open_log(w, visitor != NULL ? visitor : &nobody, &recovery);
    *recovery_out = recovery;
    if (status != STATUS_OK) goto fail;
    log_recovery(w, &recovery);
    wal_check(w);
    *wal_out = w;
    return STATUS_OK;
fail:
    ASSERT(status != STATUS_OK);
    for (size_t i = 0; i < w->segment_count; i++) {
        struct fio f = {.env = options->env, .fibers = options->fibers};
        fio_close(&f, w->segments[i]->file);
    }
    for (struct list *item = w->retired.next; item != &w->retired; item = item->next) {
        struct fio f = {.env = options->env, .fibers = options->fibers};
        fio_close(&f, CONTAINER_OF(item, struct wal_segment, link)->file);
    }
    destroy(w);
    return status;
}

/* ---- closing ---- */

bool wal_writing(const struct wal *w)
{
    return w->flight_count > 0;
}

bool wal_idle(const struct wal *w)
{
    return w->flight_count == 0 && !w->keeper.running && w->read_count == 0;
}

static void on_closed(struct env_op *op, int64_t result)
{
    struct wal *w = op->ctx;
    (void)result; /* nothing can be done about a failed close */
    ASSERT(w->close_pending > 0);
    if (--w->close_pending == 0) destroy(w);
}

static void close_segment(struct wal *w, struct wal_segment *s)
{
    w->close_pending++;
    s->close_op = (struct env_op){.on_done = on_closed, .ctx = w};
    env_file_close(w->options.env, s->file, &s->close_op);
}

void wal_close(struct wal *w)
{
    ASSERT(wal_idle(w));
    ASSERT(!w->closing);
    w->closing = true;
    for (size_t i = 0; i < w->segment_count; i++) close_segment(w, w->segments[i]);
    LIST_FOR_EACH (item, &w->retired)
        close_segment(w, CONTAINER_OF(item, struct wal_segment, link));
    if (w->next != NULL) close_segment(w, w->next);
    ASSERT(w->close_pending > 0); /* the last close frees the log */
}

/* ---- questions ---- */

struct lsn wal_durable(const struct wal *w)
{
    return (struct lsn){w->durable};
}

bool wal_failed(const struct wal *w)
{
    return w->failed;
}

bool wal_no_space(const struct wal *w)
{
    return w->keeper.no_space;
}

const struct wal_metrics *wal_metrics(const struct wal *w)
{
    struct wal *mutable = (struct wal *)w; /* two fields that are kept elsewhere */
    mutable->metrics.sync_mode = w->sync_mode;
    mutable->metrics.direct = w->direct;
    return &w->metrics;
}

enum status wal_oldest_pin(const struct wal *w, struct range_id *range_out,
                           uint64_t *last_index_out)
{
    const struct wal_segment *oldest = w->segments[0];
    if (oldest == wal_current(w) || w->index.heap_count == 0) return STATUS_NOT_FOUND;
    const struct wal_range *r = w->index.heap[0];
    uint64_t end_lsn = w->segments[1]->start_lsn;
    const struct wal_entry *first = &r->entries[r->head];
    if (first->lsn >= end_lsn) return STATUS_NOT_FOUND;
    size_t low = 0, high = r->count; /* entries before low lie in the oldest segment */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (first[middle].lsn < end_lsn) low = middle + 1;
        else high = middle;
    }
    ASSERT(low > 0);
    *range_out = r->id;
    *last_index_out = r->first_index + low - 1;
    return STATUS_OK;
}

/* The invariants of the log object, cheap enough for every step. */
void wal_check(const struct wal *w)
{
    const struct wal_segment *s = wal_current(w);
    const struct wal_group *open = &w->groups[wal_open_place(w)];
    ASSERT(w->flight_count <= WAL_FLIGHTS_MAX);                 /* WAL-1 */
    ASSERT(w->durable <= open->lsn);                            /* WAL-1 */
    ASSERT(w->failed || w->durable == w->groups[w->first].lsn); /* WAL-1: in order */
    ASSERT(s->write_offset <= s->size_bytes);
    ASSERT(open->used <= w->group_bytes);
    ASSERT(w->next != NULL || wal_sectors_up(open->used) <= s->size_bytes - s->write_offset ||
           (open->record_count == 0 && !open->forced)); /* WAL-6 */
    ASSERT(w->spare_count <= WAL_SPARES_MAX);
    ASSERT_SLOW(wal_index_sound(&w->index));
}
