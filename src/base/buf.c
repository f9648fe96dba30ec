#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

#define CAPACITY_MIN 256 /* of what is built once per statement or message nothing grows twice */

static void check(const struct buf *b)
{
    ASSERT(b->size <= b->size_max);
    ASSERT(b->size <= b->capacity);
    ASSERT(b->capacity == 0 || b->data != NULL);
}

void buf_init(struct buf *b, size_t size_max)
{
    ASSERT(size_max < SIZE_MAX);
    *b = (struct buf){.size_max = size_max};
}

void buf_init_lent(struct buf *b, size_t size_max, void *room, size_t size)
{
    ASSERT(room != NULL && size > 0);
    buf_init(b, size_max);
    b->data = room;
    b->capacity = size <= size_max ? size : size_max;
    b->lent = true;
}

void buf_free(struct buf *b)
{
    check(b);
    free(b->data);
}

/* Holds `needed` bytes afterwards, or sets failed. The capacity may exceed size_max by one: that is
 * where buf_printf's NUL goes. */
static bool grow(struct buf *b, size_t needed)
{
    ASSERT(needed <= b->size_max + 1);
    if (needed <= b->capacity && b->capacity > 0) return true;
    size_t capacity = b->capacity < CAPACITY_MIN ? CAPACITY_MIN : b->capacity;
    while (capacity < needed && capacity <= SIZE_MAX / 2)
        capacity *= 2;
    if (capacity < needed || capacity > b->size_max + 1) capacity = b->size_max + 1;
    uint8_t *data = realloc(b->lent ? NULL : b->data, capacity);
    if (data == NULL) {
        b->failed = true;
        return false;
    }
    if (b->lent && b->size > 0) memcpy(data, b->data, b->size);
    b->lent = false;
    b->data = data;
    b->capacity = capacity;
    check(b);
    return true;
}

uint8_t *buf_reserve(struct buf *b, size_t size)
{
    check(b);
    if (size > b->size_max - b->size) b->failed = true;
    if (b->failed) {
        b->refused += size;
        return NULL;
    }
    return grow(b, b->size + size) ? b->data + b->size : NULL;
}

void buf_append_slowly(struct buf *b, const void *data, size_t size)
{
    ASSERT(size == 0 || data != NULL);
    if (size == 0) return;
    uint8_t *place = buf_reserve(b, size);
    if (place == NULL) return;
    memcpy(place, data, size);
    b->size += size;
    check(b);
}

void buf_append_string(struct buf *b, const char *s)
{
    buf_append(b, s, strlen(s));
}

void buf_append_zero(struct buf *b, size_t size)
{
    uint8_t *place = buf_reserve(b, size);
    if (place == NULL) return;
    memset(place, 0, size);
    b->size += size;
    check(b);
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    ASSERT(size >= 0);
    if (buf_reserve(b, (size_t)size) == NULL || !grow(b, b->size + (size_t)size + 1)) return;
    va_start(args, format);
    int written = vsnprintf((char *)b->data + b->size, (size_t)size + 1, format, args);
    va_end(args);
    ASSERT(written == size);
    b->size += (size_t)size;
    check(b);
}

void buf_consume(struct buf *b, size_t size)
{
    ASSERT(size <= b->size);
    if (size == 0) return;
    memmove(b->data, b->data + size, b->size - size);
    b->size -= size;
    check(b);
}

void buf_truncate(struct buf *b, size_t size)
{
    ASSERT(size <= b->size);
    b->size = size;
    check(b);
}

enum status buf_status(const struct buf *b)
{
    check(b);
    return b->failed ? STATUS_TOO_LARGE : STATUS_OK;
}
