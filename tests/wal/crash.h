/* One life of a log that ends in a power loss at a chosen point, and the checks of what comes
 * after. Everything is a function of the plan, so that a failing one can be run again. */
#ifndef OSTRAKA_TESTS_WAL_CRASH_H
#define OSTRAKA_TESTS_WAL_CRASH_H

#include "tests/wal/rig.h"

struct crash_plan {
    uint64_t seed;
    size_t append_count;
    uint64_t crash_at;     /* the power fails before the disk operation after so many */
    uint64_t subset;       /* which un-synced sectors and names survive: bits when there are at most
                            * 20 choices, else the seed of a draw; 0 and UINT64_MAX: none and all */
    uint32_t sector_bytes; /* 4096, or 512: sectors tear inside */
    bool dsync, compress, warm; /* warm: segments have been recycled before */
    bool crash_again;      /* also during recovery */
};

struct crash_result {
    bool reached;       /* the crash point came before the end of the workload */
    bool together;      /* two groups were in flight there */
    size_t choice_count;
    const char *wrong;  /* NULL: all is well */
};

struct crash_count {
    uint64_t runs, together;
};

struct crash_result crash_run(const struct crash_plan *plan);
/* All subsets of every crash point when there are few choices, some of them otherwise. Returns NULL
 * or the first plan that fails, described. Adds to the count of runs. */
const char *crash_all(const struct crash_plan *base, unsigned subset_bits_max,
                      unsigned samples, struct crash_count *count);

#endif
