/* Reading entries back: from the buffers while they are being written, from the files after. */
#include <stdlib.h>

#include "wal/wal_int.h"

#define READ_AHEAD_BYTES (256u << 10)

struct read {
    struct wal *w;
    struct fio fio;
    struct range_id range;
    uint64_t change;        /* of the range when the read began: it must not change under it */
    struct wal_segment *segment; /* the window is of this one, pinned; NULL: empty */
    uint8_t *window;
    size_t capacity, held;
    uint64_t at;            /* offset of window[0] in the file */
    struct buf stored, payload;
};

/* Where the record of the entry ends that begins at `place`. */
static uint64_t record_end(uint64_t place, const struct wal_entry *entry)
{
    return wal_place_after(place, WAL_RECORD_HEAD_BYTES + (uint64_t)entry->size);
}

static void unpin(struct read *r)
{
    if (r->segment == NULL) return;
    ASSERT(r->segment->reader_count > 0);
    r->segment->reader_count--;
    r->segment = NULL;
    r->held = 0;
}

static enum status window_reserve(struct read *r, size_t size)
{
    if (size <= r->capacity) return STATUS_OK;
    free(r->window);
    r->capacity = r->held = 0;
    r->window = aligned_alloc(WAL_SECTOR_BYTES, size);
    if (r->window == NULL) return STATUS_NO_MEMORY;
    r->capacity = size;
    return STATUS_OK;
}

/* Reads [low, high) of the segment, and ahead towards the end of `last`, into the window. */
static enum status window_fill(struct read *r, struct wal_segment *s, uint64_t low, uint64_t high,
                               const struct wal_entry *last)
{
    uint64_t durable = s->data_offset + (r->w->durable - s->start_lsn);
    uint64_t wanted = s->data_offset + (last->lsn - s->start_lsn) + WAL_RECORD_HEAD_BYTES +
                      last->size;
    uint64_t limit = s == wal_current(r->w) ? durable : s->write_offset;
    if (wanted > limit) wanted = limit;
    if (wanted > low + READ_AHEAD_BYTES) wanted = low + READ_AHEAD_BYTES;
    if (wanted > high) high = wal_sectors_up(wanted);
    ASSERT(high <= s->size_bytes);
    enum status status = window_reserve(r, (size_t)(high - low));
    if (status != STATUS_OK) return status;
    unpin(r);
    r->segment = s;
    s->reader_count++;
    r->at = low;
    status = fio_read(&r->fio, s->file, r->window, (size_t)(high - low), low);
    r->held = status == STATUS_OK ? (size_t)(high - low) : 0;
    return status;
}

/* Finds the bytes of the entry. *part_out and *place_out: where its stream begins. */
static enum status locate(struct read *r, const struct wal_entry *entry,
                          const struct wal_entry *last, const uint8_t **part_out,
                          uint64_t *place_out, uint64_t *used_out)
{
    struct wal *w = r->w;
    for (unsigned i = w->flight_count + 1; i-- > 0;) {
        const struct wal_group *g = &w->groups[wal_ring_place(w, i)];
        if (entry->lsn < g->lsn) continue;
        *part_out = g->data;
        *place_out = entry->lsn - g->lsn;
        *used_out = g->used;
        return STATUS_OK;
    }
    if (entry->lsn >= w->durable) { /* its write failed: nobody knows what is there */
        ASSERT(w->failed);
        return STATUS_FENCED;
    }
    struct wal_segment *s = wal_segment_of(w, entry->lsn);
    ASSERT(s != NULL);
    uint64_t offset = s->data_offset + (entry->lsn - s->start_lsn);
    uint64_t low = offset / WAL_SECTOR_BYTES * WAL_SECTOR_BYTES;
    uint64_t end = record_end(offset - low, entry); /* places count from any sector's start */
    if (s != r->segment || low < r->at || low + end > r->at + r->held) {
        enum status status = window_fill(r, s, low, low + wal_sectors_up(end), last);
        if (status != STATUS_OK) return status;
    }
    *part_out = r->window + (low - r->at);
    *place_out = offset - low;
    *used_out = end;
    return STATUS_OK;
}

/* The entry as it was appended, or STATUS_CORRUPT. */
static enum status take(struct read *r, const struct wal_entry *entry, uint64_t index,
                        const uint8_t *part, uint64_t place, uint64_t used,
                        struct wal_record_head *head_out, struct bytes *payload_out)
{
    struct bytes stored;
    uint32_t size;
    buf_reset(&r->stored);
    uint8_t *scratch = buf_reserve(&r->stored, entry->size);
    if (scratch == NULL) return STATUS_NO_MEMORY;
    if (!wal_record_get(part, used, &place, head_out, scratch, &stored)) return STATUS_CORRUPT;
    if (head_out->kind != WAL_RECORD_ENTRY || head_out->range != r->range.value ||
        head_out->index != index || head_out->term != entry->term)
        return STATUS_CORRUPT;
    if (!wal_payload_size(head_out, stored, &size)) return STATUS_CORRUPT;
    buf_reset(&r->payload);
    uint8_t *payload = buf_reserve(&r->payload, size);
    if (payload == NULL) return STATUS_NO_MEMORY;
    return wal_payload_get(head_out, stored, payload, payload_out) ? STATUS_OK : STATUS_CORRUPT;
}

static enum status report_bad(struct read *r, uint64_t index, const struct wal_entry *entry)
{
    LOG_ERROR(r->w->options.logger, "wal", "entry is bad on disk",
              "range=%llu index=%llu lsn=%llu", (unsigned long long)r->range.value,
              (unsigned long long)index, (unsigned long long)entry->lsn);
    return STATUS_CORRUPT;
}

typedef void (*visit_entry)(void *ctx, uint64_t term, uint64_t index, uint8_t kind,
                            struct bytes payload);

/* Reads one entry and shows it. STATUS_WAIT: the range has changed meanwhile. */
static enum status read_one(struct read *r, uint64_t index, uint64_t last, uint64_t size_left,
                            bool first, visit_entry visit, void *ctx, uint64_t *size_out)
{
    struct wal_range *range = wal_index_find(&r->w->index, r->range);
    if (range == NULL || range->change != r->change) return STATUS_WAIT;
    const struct wal_entry *found = wal_index_entry(range, index);
    ASSERT(found != NULL);
    struct wal_entry entry = *found, end = *wal_index_entry(range, last);
    const uint8_t *part;
    uint64_t place, used;
    enum status status = locate(r, &entry, &end, &part, &place, &used);
    if (status == STATUS_CORRUPT) return report_bad(r, index, &entry);
    if (status != STATUS_OK) return status;
    range = wal_index_find(&r->w->index, r->range);
    if (range == NULL || range->change != r->change) return STATUS_WAIT;
    struct wal_record_head head;
    struct bytes payload;
    status = take(r, &entry, index, part, place, used, &head, &payload);
    if (status == STATUS_CORRUPT) return report_bad(r, index, &entry);
    if (status != STATUS_OK) return status;
    *size_out = payload.size;
    if (!first && payload.size > size_left) return STATUS_OK;
    visit(ctx, head.term, index, head.detail, payload);
    return STATUS_OK;
}

/* *again_out: the range changed before anything was shown; nothing is lost by starting over. */
static enum status read_all(struct read *r, uint64_t first, uint64_t last, uint64_t size_max,
                            visit_entry visit, void *ctx, bool *again_out)
{
    const struct wal_range *range = wal_index_find(&r->w->index, r->range);
    *again_out = false;
    if (range == NULL || wal_index_entry(range, first) == NULL) return STATUS_NOT_FOUND;
    if (last > wal_range_last(range)) return STATUS_NOT_FOUND;
    r->change = range->change;
    uint64_t left = size_max;
    for (uint64_t index = first; index <= last; index++) {
        uint64_t size = 0;
        enum status status =
            read_one(r, index, last, left, index == first, visit, ctx, &size);
        if (status == STATUS_WAIT) {
            COVER("wal_read_range_changed");
            *again_out = index == first;
            return STATUS_OK;
        }
        if (status != STATUS_OK) return status;
        if (size >= left) return STATUS_OK;
        left -= size;
    }
    return STATUS_OK;
}

enum status wal_read(struct wal *w, struct range_id range, uint64_t first, uint64_t last,
                     uint64_t size_max, visit_entry visit, void *ctx)
{
    ASSERT(fiber_current(w->options.fibers) != NULL);
    ASSERT(first > 0 && first <= last);
    struct read r = {.w = w, .range = range,
                     .fio = {.env = w->options.env, .fibers = w->options.fibers}};
    buf_init(&r.stored, WAL_PAYLOAD_BYTES_MAX);
    buf_init(&r.payload, WAL_PAYLOAD_BYTES_MAX);
    w->read_count++;
    enum status status;
    bool again;
    do status = read_all(&r, first, last, size_max, visit, ctx, &again);
    while (again);
    unpin(&r);
    free(r.window);
    buf_deinit(&r.stored);
    buf_deinit(&r.payload);
    w->read_count--;
    return status;
}
