#include "node/heap.h"

#include <time.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#define QUIET_PART     10u          /* of one core: used less than a tenth since the last look */
#define WORTH_BYTES    (8u << 20)   /* new free memory that is worth a walk through the heap */
#define MAPPED_BYTES   (1u << 20)   /* blocks from this size on are the machine's own again once they are freed */
#define TOP_KEPT_BYTES (4u << 20)   /* free at the heap's end: it is needed again soon */

void heap_init(struct heap *h)
{
    *h = (struct heap){0};
#ifdef __GLIBC__
    /* Left to itself the library raises both with the largest block that it has seen freed. */
    mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
    mallopt(M_TRIM_THRESHOLD, TOP_KEPT_BYTES);
#endif
}

bool heap_due(const struct heap *h, uint64_t now_ns)
{
    return now_ns - h->looked_ns >= (h->wait_ns == 0 ? HEAP_LOOK_NS : h->wait_ns);
}

bool heap_quiet(const struct heap *h, uint64_t now_ns, uint64_t cpu_ns)
{
    return h->looked_ns != 0 && cpu_ns - h->cpu_ns < (now_ns - h->looked_ns) / QUIET_PART;
}

bool heap_worth_it(struct heap *h, uint64_t free_bytes)
{
    if (free_bytes < h->left_bytes) h->left_bytes = free_bytes; /* used again: it would come back as new */
    if (free_bytes - h->left_bytes < WORTH_BYTES) return false;
    h->left_bytes = free_bytes;
    return true;
}

void heap_looked(struct heap *h, bool in_vain)
{
    if (!in_vain || h->wait_ns < HEAP_LOOK_NS) h->wait_ns = HEAP_LOOK_NS;
    else h->wait_ns = h->wait_ns > HEAP_LOOK_NS_MAX / 2 ? HEAP_LOOK_NS_MAX : 2 * h->wait_ns;
}

static uint64_t cpu_used_ns(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) != 0) return 0;
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Walks through what is free, a millisecond or some for a hundred thousand pieces: so only when nobody waits. False: it was not worth it. */
static bool give_back(struct heap *h)
{
#ifdef __GLIBC__
    if (!heap_worth_it(h, mallinfo2().fordblks)) return false;
    malloc_trim(TOP_KEPT_BYTES);
    return true;
#else
    (void)h;
    return false;
#endif
}

void heap_tick(struct heap *h, uint64_t now_ns)
{
    if (!heap_due(h, now_ns)) return;
    uint64_t cpu_ns = cpu_used_ns();
    heap_looked(h, heap_quiet(h, now_ns, cpu_ns) && !give_back(h));
    h->looked_ns = now_ns;
    h->cpu_ns = cpu_used_ns();
}
