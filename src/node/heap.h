/* What the C library keeps of memory that was freed. Recovery, founding and large answers take memory for a moment;
 * freed between what stays, it remains the process's until somebody says that it may go. */
#ifndef OSTRAKA_NODE_HEAP_H
#define OSTRAKA_NODE_HEAP_H

#include <stdbool.h>
#include <stdint.h>

struct heap {
    uint64_t looked_ns, cpu_ns; /* at the last look; 0: there was none */
    uint64_t left_bytes;        /* free, and given back already, or not worth it */
    uint64_t wait_ns;           /* until the next look; 0: HEAP_LOOK_NS */
};

/* Once, before anything large is allocated. */
void heap_init(struct heap *h);
/* Each turn: now and then, when the process has little to do, gives back what has become free. */
void heap_tick(struct heap *h, uint64_t now_ns);

/* The decision, apart from the process: cpu_ns is what the process has used in all, free_bytes what the library keeps. */
#define HEAP_LOOK_NS     5000000000u
#define HEAP_LOOK_NS_MAX 60000000000u /* a look goes through all that is free: it is rarer where nothing is found */
bool heap_due(const struct heap *h, uint64_t now_ns);
bool heap_quiet(const struct heap *h, uint64_t now_ns, uint64_t cpu_ns);
bool heap_worth_it(struct heap *h, uint64_t free_bytes);
/* After each: was there anything to do, or nobody to do it? */
void heap_looked(struct heap *h, bool in_vain);

#endif
