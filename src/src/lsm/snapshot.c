#include "lsm/chunk_int.h"
#include "lsm/lsm_int.h"

#include <stdlib.h>

#define CHUNK_BYTES_MAX ((size_t)256 << 20)

struct lsm_snapshot {
    struct scan scan;
    struct buf pending; /* the chunk being filled, kept over STATUS_WAIT */
    struct chunk_writer writer;
    bool filling;
    uint64_t chunk_count;
};

enum status lsm_snapshot_open(struct lsm *l, struct range_id range,
                              struct lsm_snapshot **snapshot_out, uint64_t *index_out)
{
    struct lsm_snapshot *s = calloc(1, sizeof *s);
    if (s == NULL) return STATUS_NO_MEMORY;
    enum status status = scan_open(l, range, &s->scan);
    if (status != STATUS_OK) {
        free(s);
        return status;
    }
    buf_init(&s->pending, CHUNK_BYTES_MAX);
    *index_out = s->scan.index;
    *snapshot_out = s;
    return STATUS_OK;
}

/* Adds items until the chunk is large enough: STATUS_OK, or STATUS_NOT_FOUND when all are in. */
static enum status fill(struct lsm_snapshot *s, size_t size_target, struct lsm_waiter *waiter)
{
    size_t full = CHUNK_HEAD_BYTES + (size_target > 0 ? size_target : 1); /* an item at least */
    for (uint32_t added = 0; s->pending.size < full; added++) {
        if (added == LSM_SLICE_ITEMS_MAX) {
            waiter_queue(&s->scan.lsm->turn_waiters, waiter);
            return STATUS_WAIT;
        }
        const struct lsm_item *item;
        enum status status = scan_next(&s->scan, waiter, &item);
        if (status != STATUS_OK) return status;
        chunk_add(&s->writer, item);
        if (s->pending.failed) return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

enum status lsm_snapshot_read(struct lsm_snapshot *s, size_t size_target, struct lsm_waiter *waiter,
                              struct buf *chunk)
{
    if (!s->filling) {
        buf_reset(&s->pending);
        chunk_begin(&s->writer, &s->pending);
        s->filling = true;
    }
    if (s->pending.failed) return STATUS_NO_MEMORY;
    enum status status = fill(s, size_target, waiter);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) return status;
    chunk_end(&s->writer, s->chunk_count, status == STATUS_NOT_FOUND, s->scan.newest_ts);
    if (s->pending.failed) return STATUS_NO_MEMORY;
    s->filling = false;
    s->chunk_count++;
    buf_append_bytes(chunk, buf_view(&s->pending));
    return chunk->failed ? STATUS_NO_MEMORY : status;
}

void lsm_snapshot_close(struct lsm_snapshot *s)
{
    scan_close(&s->scan);
    buf_deinit(&s->pending);
    free(s);
}
