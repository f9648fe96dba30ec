/* Opening and closing a store. */
#ifndef OSTRAKA_LSM_OPEN_INT_H
#define OSTRAKA_LSM_OPEN_INT_H

#include "lsm/lsm_int.h"

/* An engine without ranges, not connected to its directory yet. */
MUST_USE enum status lsm_create(const struct lsm_options *options, struct lsm **lsm_out);
/* Frees it with all its ranges; files are closed by the polls that follow. */
void lsm_destroy(struct lsm *l);
/* Loads what the directory holds, on a fiber. Unless read_only also makes it when missing, writes
 * the manifest anew and removes orphans. */
MUST_USE enum status lsm_load(struct lsm *l, bool read_only);
/* In the order of their ids. */
MUST_USE enum status lsm_visit_ranges(struct lsm *l, const struct lsm_range_visitor *visitor);

#endif
