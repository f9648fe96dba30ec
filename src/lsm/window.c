#include "lsm/window_int.h"

#include <stdlib.h>

struct window *window_create(struct bytes from, struct bytes to)
{
    struct window *w = malloc(sizeof *w + from.size + to.size);
    if (w == NULL) return NULL;
    const struct window given = {from, to};
    window_copy(&given, (uint8_t *)(w + 1), w);
    return w;
}
