/* What a transaction has written: an ordered map in an arena (skip list).
 *
 * Every value has a sequence number. A mark ends a sequence: what was there then can be seen (a view) and gone back
 * to. The nodes' memory is the arena's: going back gives none of it back. */
#ifndef OSTRAKA_TXN_WRITE_SET_H
#define OSTRAKA_TXN_WRITE_SET_H

#include "base/prng.h"
#include "txn/span.h"

struct write_node;
struct write_version;
struct write_set {
    struct arena *arena;
    struct write_node *head;
    uint32_t height; /* of its nodes: levels above are empty */
    struct write_version *undo; /* newest change first */
    struct prng prng;
    uint64_t seq;   /* of the next write; only rises */
    uint32_t count;
    uint64_t bytes; /* as encoded in a command */
    uint64_t kept_bytes; /* of values, in the arena: also of those that are not there any more */
};
#define WRITE_SET_NOW UINT64_MAX
MUST_USE enum status write_set_init(struct write_set *ws, struct arena *arena, uint64_t seed);
/* Empty again, in a new arena; marks taken while it was empty stay good. */
MUST_USE enum status write_set_clear(struct write_set *ws, struct arena *arena);
MUST_USE enum status write_set_put(struct write_set *ws, const struct write *write);
/* What is there now, as a view that later writes do not change and as a place to go back to. */
uint64_t write_set_mark(struct write_set *ws);
/* Forgets what came after the mark. Marks and views taken since must not be used any more; this one may. */
void write_set_back(struct write_set *ws, uint64_t mark);
/* The write of exactly this key, or NULL. view: a mark, or WRITE_SET_NOW. */
const struct write *write_set_find(const struct write_set *ws, struct bytes key);
const struct write *write_set_find_at(const struct write_set *ws, struct bytes key, uint64_t view);
/* The first write with key >= (or >, after) key; NULL at the end. */
const struct write *write_set_seek(const struct write_set *ws, struct bytes key, bool after, uint64_t view);
/* The last write with key < key (empty key: the last of all). */
const struct write *write_set_seek_before(const struct write_set *ws, struct bytes key, uint64_t view);
/* All of them, as they are now. */
const struct write *write_set_first(const struct write_set *ws);
const struct write *write_set_next(const struct write *w);

#endif
