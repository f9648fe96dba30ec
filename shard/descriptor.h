/* Range descriptors: which keys a range holds, who replicates it, and the epoch that fences old owners.
 * The copy in the range's own log decides what is served; the mirror in the metadata range decides what
 * may change. Format: shard/README.md. */
#ifndef OSTRAKA_SHARD_DESCRIPTOR_H
#define OSTRAKA_SHARD_DESCRIPTOR_H

#include "base/buf.h"
#include "base/ids.h"
#include "base/status.h"
#include "raft/raft.h"

#define SHARD_KEY_BYTES_MAX 4224 /* 4 KiB user key + table prefix */

#define RANGE_META ((struct range_id){1}) /* the metadata range */
#define RANGE_DATA ((struct range_id){2}) /* the first data range */

struct descriptor {
    struct range_id range;
    uint64_t epoch;           /* rises with every change of bounds or members */
    uint64_t next_replica_id; /* replica ids are never used twice in a range */
    struct bytes start, end;  /* [start, end); end empty: unbounded. Point into `keys` */
    struct raft_config config;
    uint8_t keys[2 * SHARD_KEY_BYTES_MAX];
};

/* Copies the bounds into the descriptor. STATUS_TOO_LARGE. */
MUST_USE enum status descriptor_set_bounds(struct descriptor *d, struct bytes start, struct bytes end);
void descriptor_copy(struct descriptor *to, const struct descriptor *from);
bool descriptor_contains(const struct descriptor *d, struct bytes key);
/* True when [start, end) lies inside; end empty: unbounded. */
bool descriptor_covers(const struct descriptor *d, struct bytes start, struct bytes end);
void descriptor_encode(const struct descriptor *d, struct buf *out);
MUST_USE enum status descriptor_decode(struct bytes bytes, struct descriptor *d);
/* The member living on a node, or NULL. Looks at voters, outgoing and learners. */
const struct raft_member *descriptor_member_on(const struct descriptor *d, struct node_id node);

#endif
