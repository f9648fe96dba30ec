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
    bool drops; /* nothing of them is left by now */
    bool ending; /* ending tables, which stay in level 0 */
    bool moves; /* nothing to merge: the pieces change their level as they are */
};

/* Chooses the most urgent work of a range. STATUS_NOT_FOUND: there is none; STATUS_NO_MEMORY. */
MUST_USE enum status compact_pick(struct range *r, struct compaction *c);

/* A quarter of its entries may go by now: versions that were overwritten, tombstones. */
bool compact_worth_collecting(const struct range *r, const struct piece *p);

/* Most of its table belongs to other ranges, or to nobody any more: rewriting the rest lets it go. */
bool compact_is_remnant(const struct piece *p);

/* From `upper` of one level into another: with all they overlap there, and with small neighbours,
 * so that small tables do not pile up. STATUS_NO_MEMORY. */
MUST_USE enum status compact_pick_into(struct compaction *c, uint32_t level,
                                       struct piece *const *upper, uint32_t upper_count,
                                       uint32_t output_level);

/* ---- compact_level0.c ---- */

/* Of level 0, into the base level. STATUS_NOT_FOUND: there is nothing to do; STATUS_NO_MEMORY. */
MUST_USE enum status level0_pick(struct compaction *c, uint32_t base);

/* ---- compact_ending.c ---- */

/* Of the ending tables. STATUS_NOT_FOUND: there is nothing to do; STATUS_NO_MEMORY. */
MUST_USE enum status ending_pick(struct compaction *c);

/* ---- compact_bounds.c: overlap, by key without timestamps: versions of one key stay together ----
 */

struct bounds {
    struct item_key first, last;
    bool last_excluded;
};

struct bounds bounds_of_piece(const struct piece *p);
struct bounds bounds_of(struct piece *const *pieces, uint32_t count);
/* Positive when a reaches further than b. */
int bounds_reach(const struct bounds *a, const struct bounds *b);
/* a lies before b and shares no key with it. */
bool bounds_before(const struct bounds *a, const struct bounds *b);
/* The pieces [*begin, *end) of a sorted level that share keys with the bounds. */
void level_overlap(const struct version *v, uint32_t level, const struct bounds *b, uint32_t *begin,
                   uint32_t *end);
uint64_t level_overlap_bytes(const struct version *v, uint32_t level, const struct piece *p);

#endif
