/* Which tables a range consists of. A version never changes: an edit makes the next one, and
 * whoever reads pins the one it started with. */
#ifndef OSTRAKA_LSM_VERSION_INT_H
#define OSTRAKA_LSM_VERSION_INT_H

#include "lsm/table_int.h"

#define LSM_LEVELS 7 /* 0: whole memtables, newest first, overlapping; 1..6: sorted, disjoint */

struct version {
    uint32_t refs;
    uint32_t counts[LSM_LEVELS];
    uint64_t bytes, entry_count;       /* of all tables */
    struct table **levels[LSM_LEVELS]; /* into tables */
    struct table *tables[];
};

struct leveled_table {
    struct table *table;
    uint32_t level;
};

/* The base (NULL: empty) without the removed tables and with the added ones; a table in both moves.
 * Pins tables; the caller's pins stay its own. STATUS_NO_MEMORY. */
MUST_USE enum status version_edit(const struct version *base, struct table *const *removed,
                                  uint32_t removed_count, const struct leveled_table *added,
                                  uint32_t added_count, struct version **version_out);
void version_pin(struct version *v);
void version_unpin(struct version *v);
uint32_t version_table_count(const struct version *v);
uint64_t version_level_bytes(const struct version *v, uint32_t level);
bool version_has(const struct version *v, const struct table *t);

#endif
