/* Memory for pieces that come and go with every request: messages, requests under way, transactions. Blocks that are
 * given back wait in a list per size for the next that asks, so a burst of them costs the heap nothing: it keeps seven
 * pieces of a size at hand and searches for the others. Larger pieces come from the heap.
 *
 * One core's: not for several threads. Under AddressSanitizer nothing is kept, so that it sees every use after free. */
#ifndef OSTRAKA_BASE_POOL_H
#define OSTRAKA_BASE_POOL_H

#include <stddef.h>

#define POOL_CLASS_COUNT 16 /* of 128 bytes, 256, ... 2 KiB, with the head of a block */
#define POOL_KEPT_MAX    4096 /* blocks of a size that wait */

struct pool_block;
struct pool {
    struct pool_block *kept[POOL_CLASS_COUNT];
    size_t kept_count[POOL_CLASS_COUNT];
    size_t live_count; /* handed out */
};

void pool_init(struct pool *p);
/* Every piece has been given back. */
void pool_deinit(struct pool *p);
/* 16-byte aligned, contents undefined. NULL: no memory. */
void *pool_alloc(struct pool *p, size_t size);
/* NULL does nothing. */
void pool_free(struct pool *p, void *piece);

#endif
