/* Who served which keys, as leaders tell it (kv_set_witness), and whether they were theirs.
 *
 * Epochs order all owners of a key: a split and a merge end above the epochs of what they began with. So
 * OWNER-1 every (range, epoch) has one pair of bounds, whoever says so;
 * OWNER-2 what was served by (range, epoch) lies within these bounds;
 * OWNER-3 commits of a key by a later owner have higher timestamps than those by an earlier one;
 * OWNER-4 nothing that an earlier owner has shown at ts lies at or above a commit by a later one. */
#ifndef OSTRAKA_TESTS_SIM_OWNERS_H
#define OSTRAKA_TESTS_SIM_OWNERS_H

#include "shard/descriptor.h"
#include "txn/txn.h"

struct owners;
struct owners *owners_create(void);
void owners_destroy(struct owners *o);
const struct kv_witness *owners_witness(struct owners *o);
/* A replica holds this descriptor. */
void owners_see(struct owners *o, const struct descriptor *d);
/* False writes what is wrong. Looks at everything so far: at the end of a run. */
bool owners_check(struct owners *o, char *failure, size_t failure_size);

#endif
