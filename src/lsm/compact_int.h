/* What one compaction does. */
#ifndef OSTRAKA_LSM_COMPACT_INT_H
#define OSTRAKA_LSM_COMPACT_INT_H

#include "lsm/worker_int.h"

struct compaction {
    struct range *range;     /* pinned */
    struct version *version; /* pinned: as of its start */
    uint32_t level, output_level;
    struct piece **inputs; /* from `level`, then from `output_level`; in the order of the levels */
    uint32_t upper_count, input_count;
    bool moves; /* nothing to merge: the pieces change their level as they are */
};

/* Chooses the most urgent work of a range. STATUS_NOT_FOUND: there is none; STATUS_NO_MEMORY. */
MUST_USE enum status compact_pick(struct range *r, struct compaction *c);

#endif
