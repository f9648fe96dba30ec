/* What the benchmarks of this machine's disk share: their flags, and a directory that is removed at the end. */
#ifndef OSTRAKA_BENCH_LOCAL_H
#define OSTRAKA_BENCH_LOCAL_H

#include <stdbool.h>
#include <stdint.h>

struct options {
    const char *directory, *io; /* io: auto, uring or epoll */
    uint64_t seconds, entry_bytes;
};

/* Reads the flags, makes a directory for `name` and runs there. Returns the exit status: 0, 1 when run answers false or
 * the directory cannot be made or removed, 2 for wrong flags. */
int local_main(const char *name, int argc, char **argv, bool (*run)(const struct options *o, const char *root));

#endif
