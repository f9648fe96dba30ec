/* A byte buffer that grows up to a bound given at creation. An append over the bound, or one that
 * the allocator refuses, sets `failed` and changes nothing else: a writer may append many fields
 * and check once at the end. */
#ifndef OSTRAKA_BASE_BUF_H
#define OSTRAKA_BASE_BUF_H

#include "base/bytes.h"
#include "base/status.h"

struct buf {
    uint8_t *data;
    size_t size, capacity, size_max;
    bool failed;
    size_t refused; /* what was to be appended since it failed: so that it can be said what would have been wanted */
    bool lent; /* data is the caller's */
};

void buf_init(struct buf *b, size_t size_max);
/* The same with memory to begin with, which outlives the buffer: what is small, as it mostly is, then needs none of the
 * heap. size is 1 or more. */
void buf_init_lent(struct buf *b, size_t size_max, void *room, size_t size);
void buf_free(struct buf *b); /* of the heap's memory, for buf_deinit */
static inline void buf_deinit(struct buf *b)
{
    if (b->capacity > 0 && !b->lent) buf_free(b);
    *b = (struct buf){.size_max = b->size_max};
}
/* Empties the buffer and clears `failed`; keeps the memory. */
static inline void buf_reset(struct buf *b)
{
    b->size = b->refused = 0;
    b->failed = false;
}
/* Makes room for `size` more bytes and returns where they go, or NULL (failed is set). The caller
 * writes there and then adds what it wrote to b->size; the pointer is good until the next append.
 */
uint8_t *buf_reserve(struct buf *b, size_t size);
/* The way of an append for which there is no room yet. */
void buf_append_slowly(struct buf *b, const void *data, size_t size);
/* Appends; no effect once failed. Inline, since all that is sent, logged and stored passes here field by field. */
static inline void buf_append(struct buf *b, const void *data, size_t size)
{
    bool has_room = !b->failed && size <= b->capacity - b->size && size <= b->size_max - b->size;
    if (!has_room || size == 0) {
        buf_append_slowly(b, data, size);
        return;
    }
    memcpy(b->data + b->size, data, size);
    b->size += size;
}
static inline void buf_append_bytes(struct buf *b, struct bytes bytes)
{
    buf_append(b, bytes.data, bytes.size);
}
static inline void buf_append_byte(struct buf *b, uint8_t byte)
{
    buf_append(b, &byte, 1);
}
void buf_append_string(struct buf *b, const char *s);
void buf_append_zero(struct buf *b, size_t size);
__attribute__((format(printf, 2, 3))) void buf_printf(struct buf *b, const char *format, ...);
/* Drops the first `size` bytes, moving the rest down. size <= b->size. */
void buf_consume(struct buf *b, size_t size);
/* Cuts to `size` bytes. size <= b->size. */
void buf_truncate(struct buf *b, size_t size);
/* STATUS_OK, or STATUS_TOO_LARGE when an append did not fit (or the allocator refused it). */
MUST_USE enum status buf_status(const struct buf *b);

static inline struct bytes buf_view(const struct buf *b)
{
    return bytes_make(b->data, b->size);
}

#endif
