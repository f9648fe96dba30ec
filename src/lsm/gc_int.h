/* What compaction may forget. Items pass in engine order, versions of a key newest first.
 *
 * A version goes when a newer one of its key stands at or below gc_ts: no read at gc_ts or later
 * can see it. The newest version at or below gc_ts goes too when it is a tombstone and nothing
 * older of the key can be left anywhere, which tombstone_may_go decides. A version whose value says
 * when it ends (lsm_options.value_ends) goes when gc_ts is there. What is left of a whole
 * range under one gc_ts does not depend on what earlier compactions removed (LSM-6): snapshots and
 * hashes use that. */
#ifndef OSTRAKA_LSM_GC_INT_H
#define OSTRAKA_LSM_GC_INT_H

#include "lsm/item_int.h"

struct gc_filter {
    uint64_t gc_ts;
    const struct lsm_options *options; /* borrowed: value_ends and key_may_end */
    /* NULL: all the range's items pass, every tombstone may go. */
    bool (*tombstone_may_go)(void *ctx, const struct lsm_item *tombstone);
    void *ctx;
    bool any;     /* key is set */
    bool covered; /* a version of key at or below gc_ts has passed */
    struct buf key;
    uint64_t dropped_count;
};

void gc_filter_init(struct gc_filter *f, const struct lsm_options *options, uint64_t gc_ts);
void gc_filter_deinit(struct gc_filter *f);
/* The GC timestamp from which on the value goes by itself; UINT64_MAX: it does not. */
uint64_t gc_value_ends(const struct lsm_options *options, const struct lsm_item *item);
/* STATUS_OK with *keep_out; STATUS_NO_MEMORY. */
MUST_USE enum status gc_filter_pass(struct gc_filter *f, const struct lsm_item *item,
                                    bool *keep_out);

#endif
