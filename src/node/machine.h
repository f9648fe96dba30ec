/* What the machine, or the container, gives a node. Read once, before the loop runs. */
#ifndef OSTRAKA_NODE_MACHINE_H
#define OSTRAKA_NODE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

struct machine_memory {
    uint64_t physical_bytes;
    uint64_t limit_bytes; /* of the control group, or of one above it; 0: none */
};
/* root: "", or a directory that stands for "/" (tests). Both versions of control groups are looked
 * at, and every group from this process's own to the topmost, as far as they can be seen. */
void machine_memory_read(const char *root, struct machine_memory *out);
/* The lesser of the two. */
uint64_t machine_memory_bytes(const struct machine_memory *m);

/* Parts of it, unless flags say otherwise. */
uint64_t machine_store_memory(
    uint64_t bytes); /* memtables and caches: a quarter, at most 1 GiB, at least 16 MiB */
uint64_t
machine_sql_memory(uint64_t bytes); /* sessions: a quarter, at most 1 GiB, at least 64 MiB */

/* The name of the kernel's clock source, at least 16 bytes; false: it is not told. */
bool machine_clock_source(const char *root, char *name, unsigned size);
/* May it be relied upon to measure time? Not when it may stand still (kvm-clock, K18), nor when it is a timer that others
 * drive or that is slow to read and wraps (hpet, jiffies and the like). */
bool machine_clock_measures(const char *name);

#endif
