#include "base/pool.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/sanitize_int.h"

#define CLASS_BYTES 128

struct pool_block {
    alignas(16) struct pool_block *next; /* while it waits */
    size_t class;                        /* POOL_CLASS_COUNT: of the heap */
};
_Static_assert(sizeof(struct pool_block) == 16, "pieces follow aligned");

void pool_init(struct pool *p)
{
    *p = (struct pool){.live_count = 0};
}

void pool_deinit(struct pool *p)
{
    ASSERT(p->live_count == 0);
    for (size_t i = 0; i < POOL_CLASS_COUNT; i++) {
        while (p->kept[i] != NULL) {
            struct pool_block *block = p->kept[i];
            p->kept[i] = block->next;
            free(block);
        }
        p->kept_count[i] = 0;
    }
}

static size_t class_of(size_t size)
{
    return (size + sizeof(struct pool_block) - 1) / CLASS_BYTES;
}

void *pool_alloc(struct pool *p, size_t size)
{
    if (size > SIZE_MAX - 2 * CLASS_BYTES) return NULL;
    size_t class = class_of(size);
    struct pool_block *block;
    if (class < POOL_CLASS_COUNT && p->kept[class] != NULL) {
        block = p->kept[class];
        p->kept[class] = block->next;
        __builtin_prefetch(block->next, 1); /* who comes next has it then: it may have waited for long */
        p->kept_count[class]--;
    } else {
        bool pooled = class < POOL_CLASS_COUNT;
        block = malloc(pooled ? (class + 1) * CLASS_BYTES : size + sizeof *block);
        if (block == NULL) return NULL;
        block->class = pooled ? class : POOL_CLASS_COUNT;
    }
    p->live_count++;
    return block + 1;
}

static bool keeps(const struct pool *p, size_t class)
{
#ifdef OSTRAKA_ASAN
    (void)p, (void)class;
    return false;
#else
    return class < POOL_CLASS_COUNT && p->kept_count[class] < POOL_KEPT_MAX;
#endif
}

void pool_free(struct pool *p, void *piece)
{
    if (piece == NULL) return;
    struct pool_block *block = (struct pool_block *)piece - 1;
    ASSERT(p->live_count > 0);
    ASSERT(block->class <= POOL_CLASS_COUNT);
    p->live_count--;
    if (!keeps(p, block->class)) {
        free(block);
        return;
    }
    block->next = p->kept[block->class];
    p->kept[block->class] = block;
    p->kept_count[block->class]++;
}
