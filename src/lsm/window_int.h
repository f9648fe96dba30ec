/* A part of the key space. */
#ifndef OSTRAKA_LSM_WINDOW_INT_H
#define OSTRAKA_LSM_WINDOW_INT_H

#include "base/bytes.h"

/* Keys [from, to) of every space; an empty `to`: no end. */
struct window {
    struct bytes from, to;
};

static inline bool window_has(const struct window *w, struct bytes key)
{
    if (bytes_compare(key, w->from) < 0) return false;
    return w->to.size == 0 || bytes_compare(key, w->to) < 0;
}

/* keys: room for those of the window. */
static inline void window_copy(const struct window *w, uint8_t *keys, struct window *copy_out)
{
    if (w->from.size > 0) memcpy(keys, w->from.data, w->from.size);
    if (w->to.size > 0) memcpy(keys + w->from.size, w->to.data, w->to.size);
    *copy_out = (struct window){bytes_make(keys, w->from.size), bytes_make(keys + w->from.size, w->to.size)};
}

/* The heap copy of a window, keys behind it; freed with free(). NULL: no memory. */
struct window *window_create(struct bytes from, struct bytes to);

#endif
