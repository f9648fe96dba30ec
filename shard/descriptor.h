/* Range descriptors: which keys a range holds, who replicates it, and the epoch that fences old owners.
 * The copy in the range's own log decides what is served; the mirror in the metadata range decides what
 * may change. Format: shard/formats.md. */
#ifndef OSTRAKA_SHARD_DESCRIPTOR_H
#define OSTRAKA_SHARD_DESCRIPTOR_H

#include "base/buf.h"
#include "base/ids.h"
#include "base/status.h"
#include "raft/raft.h"

#define SHARD_KEY_BYTES_MAX 4224 /* 4 KiB user key + table prefix */
#define DESCRIPTOR_BYTES_MAX (2 * SHARD_KEY_BYTES_MAX + 1024) /* encoded */

#define RANGE_META ((struct range_id){1}) /* the metadata range */
#define RANGE_DATA ((struct range_id){2}) /* the first data range */

/* Ranges begin at no key below, but for the first two: what the system keeps there stays in one range. */
#define SHARD_SPLIT_BYTE_MIN 0x04

/* A value. The bounds are views: into what was decoded, into another descriptor, or into memory of its own (one made
 * by descriptor_new or filled by descriptor_assign, which costs what its keys cost). Copying the struct copies the
 * views, never the ownership. */
struct descriptor {
    struct range_id range;
    struct range_id created;  /* the range that it was split from; 0: one of the first */
    uint64_t epoch;           /* rises with every change of bounds or members */
    uint64_t next_replica_id; /* replica ids are never used twice in a range */
    struct bytes start, end;  /* [start, end); end empty: unbounded; each at most SHARD_KEY_BYTES_MAX */
    struct range_id frozen_for; /* the left neighbour that is about to take it in (merge.c), */
    uint64_t frozen_epoch;    /* at that epoch of its, or not at all; 0, 0: not frozen */
    bool kept;                /* somebody asked for it to begin where it does: only such a wish takes that back */
    struct raft_config config;
    uint8_t *keys;            /* private: of descriptor_assign */
};

/* Gives a copy with keys of its own, to be freed with free(). NULL: no memory. */
struct descriptor *descriptor_new(const struct descriptor *from);
/* Makes `to` (zeroed, or assigned before) a copy with keys of its own; from may be a view into `to`.
 * STATUS_NO_MEMORY leaves `to` as it was. descriptor_clear zeroes it and frees the keys. */
MUST_USE enum status descriptor_assign(struct descriptor *to, const struct descriptor *from);
/* Takes the keys of `from`, which was assigned, and stays usable as a view of `to`. */
void descriptor_move(struct descriptor *to, struct descriptor *from);
void descriptor_clear(struct descriptor *d);

bool descriptor_contains(const struct descriptor *d, struct bytes key);
/* True when [start, end) lies inside; end empty: unbounded. */
bool descriptor_covers(const struct descriptor *d, struct bytes start, struct bytes end);
bool descriptor_overlaps(const struct descriptor *d, struct bytes start, struct bytes end);
/* The order of range ends: an empty one stands behind all others. */
int descriptor_compare_ends(struct bytes a, struct bytes b);

void descriptor_encode(const struct descriptor *d, struct buf *out);
/* The bounds of *d are views into `bytes` afterwards. STATUS_VERSION, STATUS_INVALID. */
MUST_USE enum status descriptor_decode(struct bytes bytes, struct descriptor *d);
/* The member living on a node, or NULL. Looks at voters, outgoing and learners. */
const struct raft_member *descriptor_member_on(const struct descriptor *d, struct node_id node);

#endif
