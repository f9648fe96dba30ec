#include <stdlib.h>

#include "lsm/cache_int.h"
#include "lsm/table_int.h"
#include "lsm/worker_int.h"

#define WINDOW_BYTES ((size_t)128 << 10)

/* Data blocks come from a window that moves forward through the file; index blocks, which stand
 * behind the blocks they describe, are read one by one. */
struct file_source {
    struct block_source source;
    struct worker *worker;
    uint64_t table_number, begin; /* what the window holds */
    size_t size, capacity;
    uint8_t *window;
};

static uint64_t align_down(uint64_t n)
{
    return n / TABLE_ALIGN * TABLE_ALIGN;
}

static uint64_t align_up(uint64_t n)
{
    return align_down(n + TABLE_ALIGN - 1);
}

static enum status read_some(struct file_source *s, struct table *t, uint8_t *data, size_t size,
                             uint64_t offset, size_t *read_out)
{
    struct worker *w = s->worker;
    enum status status =
        WORKER_IO(w, fio_read_some(&w->fio, t->file, data, size, offset, read_out));
    s->worker->lsm->metrics.compaction_read_bytes += size;
    if (status == STATUS_IO) {
        table_damaged(t, "read error", offset);
        return STATUS_CORRUPT;
    }
    return status;
}

/* Moves the window so that it holds the block. */
static enum status window_move(struct file_source *s, struct table *t, struct block_handle handle)
{
    uint64_t begin = align_down(handle.offset);
    size_t needed = (size_t)(align_up(handle.offset + handle.size) - begin);
    size_t size = needed > WINDOW_BYTES ? needed : WINDOW_BYTES;
    if (size > s->capacity) {
        free(s->window);
        s->capacity = 0;
        s->window = aligned_alloc(TABLE_ALIGN, size);
        if (s->window == NULL) return STATUS_NO_MEMORY;
        s->capacity = size;
    }
    s->size = 0;
    size_t read = 0;
    enum status status = read_some(s, t, s->window, size, begin, &read);
    if (status != STATUS_OK) return status;
    s->table_number = t->number;
    s->begin = begin;
    s->size = read;
    return STATUS_OK;
}

static bool window_holds(const struct file_source *s, const struct table *t,
                         struct block_handle handle)
{
    return s->table_number == t->number && handle.offset >= s->begin &&
           handle.offset + handle.size <= s->begin + s->size;
}

static enum status unpack(struct table *t, struct bytes sealed, struct block_handle handle,
                          enum block_kind kind, struct block **block_out)
{
    uint32_t raw_size;
    enum status status = block_check(sealed, kind, t->uid, handle.offset, &raw_size);
    if (status == STATUS_OK) {
        struct block *b = block_create(raw_size);
        if (b == NULL) return STATUS_NO_MEMORY;
        status = block_unpack(sealed, b->raw, raw_size);
        if (status == STATUS_OK)
            *block_out = b;
        else
            block_unpin(b);
    }
    if (status == STATUS_CORRUPT) table_damaged(t, "bad block", handle.offset);
    return status;
}

static enum status load_index(struct file_source *s, struct table *t, struct block_handle handle,
                              enum block_kind kind, struct block **block_out)
{
    uint64_t begin = align_down(handle.offset);
    size_t skip = (size_t)(handle.offset - begin);
    size_t span = (size_t)(align_up(handle.offset + handle.size) - begin), read = 0;
    uint8_t *memory = aligned_alloc(TABLE_ALIGN, span);
    if (memory == NULL) return STATUS_NO_MEMORY;
    enum status status = read_some(s, t, memory, span, begin, &read);
    if (status == STATUS_OK && read < skip + handle.size) {
        table_damaged(t, "file too short", handle.offset);
        status = STATUS_CORRUPT;
    }
    if (status == STATUS_OK)
        status = unpack(t, bytes_make(memory + skip, handle.size), handle, kind, block_out);
    free(memory);
    return status;
}

static enum status file_load(struct block_source *source, struct table *t,
                             struct block_handle handle, enum block_kind kind,
                             __attribute__((unused)) struct lsm_waiter *waiter,
                             struct block **block_out)
{
    struct file_source *s = CONTAINER_OF(source, struct file_source, source);
    if (t->corrupt) return STATUS_CORRUPT;
    if (kind == BLOCK_KIND_INDEX) return load_index(s, t, handle, kind, block_out);
    if (!window_holds(s, t, handle)) {
        enum status status = window_move(s, t, handle);
        if (status != STATUS_OK) return status;
    }
    if (!window_holds(s, t, handle)) {
        table_damaged(t, "file too short", handle.offset);
        return STATUS_CORRUPT;
    }
    struct bytes sealed = bytes_make(s->window + (handle.offset - s->begin), handle.size);
    worker_handled(s->worker, handle.size);
    return unpack(t, sealed, handle, kind, block_out);
}

static void file_close(struct block_source *source)
{
    struct file_source *s = CONTAINER_OF(source, struct file_source, source);
    free(s->window);
    free(s);
}

enum status file_source_open(struct worker *w, struct block_source **source_out)
{
    struct file_source *s = calloc(1, sizeof *s);
    if (s == NULL) return STATUS_NO_MEMORY;
    s->source = (struct block_source){file_load, NULL, file_close};
    s->worker = w;
    *source_out = &s->source;
    return STATUS_OK;
}
