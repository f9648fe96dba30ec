/* Which tables, and parts of tables, a range consists of. A version never changes: an edit makes
 * the next one, and whoever reads pins the one it started with. */
#ifndef OSTRAKA_LSM_VERSION_INT_H
#define OSTRAKA_LSM_VERSION_INT_H

#include "lsm/piece_int.h"

#define LSM_LEVELS 7 /* 0: whole memtables, newest first, overlapping; 1..6: sorted, disjoint */

struct version {
    uint32_t refs;
    uint32_t counts[LSM_LEVELS];
    uint32_t lasting_count;            /* of level 0: then come ending pieces, by their newest item, newest first */
    uint64_t bytes, entry_count;       /* of all pieces */
    struct piece **levels[LSM_LEVELS]; /* into pieces */
    struct piece *pieces[];
};

struct leveled_piece {
    struct piece *piece;
    uint32_t level;
};

/* The base (NULL: empty) without the removed pieces and with the added ones; a piece in both moves.
 * Pins pieces; the caller's pins stay its own. STATUS_NO_MEMORY. */
MUST_USE enum status version_edit(const struct version *base, struct piece *const *removed,
                                  uint32_t removed_count, const struct leveled_piece *added,
                                  uint32_t added_count, struct version **version_out);
void version_pin(struct version *v);
void version_unpin(struct version *v);
uint32_t version_piece_count(const struct version *v);
uint64_t version_level_bytes(const struct version *v, uint32_t level);
bool version_has(const struct version *v, const struct piece *p);
/* For the end of the store: the files are closed without callbacks. */
void version_detach(const struct version *v);
bool version_has_table(const struct version *v, const struct table *t);
/* What of it lies in the window; shares the pieces that need no cut. STATUS_NO_MEMORY. */
MUST_USE enum status version_clip(const struct version *v, const struct window *w,
                                  struct version **version_out);
/* Of two ranges side by side: the left one's before the key, the right one's from it on. */
MUST_USE enum status version_join(const struct version *left, const struct version *right,
                                  struct bytes key, struct version **version_out);
/* The manifest is about `next` (and `other`) now instead of `old`; each may be NULL. A file that no
 * range names any more goes with its last reader. */
void version_renamed(const struct version *old, const struct version *next,
                     const struct version *other);

#endif
