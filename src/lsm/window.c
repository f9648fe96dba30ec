#include "lsm/window_int.h"

#include <stdlib.h>

struct window *window_create(struct bytes from, struct bytes to)
{
    struct window *w = malloc(sizeof *w + from.size + to.size);
    if (w == NULL) return NULL;
    uint8_t *keys = (uint8_t *)(w + 1);
    if (from.size > 0) memcpy(keys, from.data, from.size);
    if (to.size > 0) memcpy(keys + from.size, to.data, to.size);
    w->from = bytes_make(keys, from.size);
    w->to = bytes_make(keys + from.size, to.size);
    return w;
}
