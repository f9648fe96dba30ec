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

/* The heap copy of a window, keys behind it; freed with free(). NULL: no memory. */
struct window *window_create(struct bytes from, struct bytes to);

#endif
