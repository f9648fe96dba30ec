/* Whole ranges between stores. The sender streams a consistent view of the engine over the bulk link; the
 * receiver builds new tables beside the old state and adopts them by one manifest edit, then resets its
 * log. A crash at any point leaves the old replica or the new one (trap K21; recover.c, settle_start).
 *
 * snapshot.c receives, snapshot_send.c sends.
 *
 * BEGIN: stream u64, range u64, to replica u64, raft term u64, from replica u64, sized range meta (apply.c)
 * CHUNK: stream u64, seq u32, engine chunk.   END: stream u64, seq u32.
 * REPLY: stream u64, status u16, chunks taken u32. STATUS_WAIT: so far; the sender keeps at most SNAPSHOT_WINDOW
 * chunks ahead. Anything else ends the stream. A stream that shows no progress for SNAPSHOT_STALL_NS is given up by both. */
#ifndef OSTRAKA_SHARD_SNAPSHOT_INT_H
#define OSTRAKA_SHARD_SNAPSHOT_INT_H

#include "shard/shard_int.h"

#define SNAPSHOT_STALL_NS 5000000000u
#define SNAPSHOT_WINDOW 32u             /* chunks */
#define SNAPSHOT_PAUSE_NS 100000000u    /* at a time, for the rate: it may end meanwhile */

/* Bytes a second that may go now: the cluster's snapshot_rate unless this store was given its own, as slow as the log's syncs
 * want it (pace.h). */
uint64_t snapshot_rate(const struct store *s);
/* SNAPSHOT_REPLY. */
void snapshot_on_reply(struct store *s, struct node_id from, struct reader *in);

#endif
