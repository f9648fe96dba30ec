/* Ranges divide and unite: what their leaders do, and every replica when it applies that (ranges.md). */
#ifndef OSTRAKA_SHARD_RANGE_CHANGE_H
#define OSTRAKA_SHARD_RANGE_CHANGE_H

#include "shard/shard_int.h"

/* ---- split.c ---- */

enum range_command {
    RANGE_COMMAND_SPLIT = 1,
    RANGE_COMMAND_FREEZE = 2, /* the right side of a merge takes nothing more */
    RANGE_COMMAND_THAW = 3,   /* and does again: it was not merged */
    RANGE_COMMAND_BUMP = 4,   /* what was meant for this epoch will not happen */
    RANGE_COMMAND_MERGE = 5,  /* the left side takes the right one in */
};
void split_serve(struct store *s);
void split_forget_replica(struct replica *r);

/* ---- split_apply.c ---- */

struct range_change {
    enum range_command kind;
    uint64_t epoch;          /* of the range, at which alone it counts; not THAW */
    struct range_id right;   /* SPLIT, MERGE */
    struct range_id left;    /* FREEZE, THAW: who takes the range in, */
    uint64_t left_epoch;     /* at that epoch */
    struct log_pos frozen;   /* MERGE: where the freeze stands in the right side's log */
    struct bytes key, part;  /* SPLIT: of the right side; MERGE: where it begins; views into the entry */
    bool kept;               /* SPLIT: somebody asked for it */
};
/* STATUS_VERSION. */
MUST_USE enum status split_decode(struct bytes body, struct range_change *out);
/* The range is what it was when the split was proposed (SHARD-14); else the entry does nothing. */
bool split_counts(const struct replica *r, const struct range_change *c);
/* The entry may not be applied before a birth that is under way here has ended. */
bool split_waits(const struct replica *r, const struct raft_entry *e);
/* The entry is applied to the engine and to r->applied; now the range becomes two. */
MUST_USE enum status split_carry_out(struct replica *r, const struct range_change *c);
/* One of the entries is the split that made `right`, whose log begins at start. */
bool split_made(const struct raft_entry *entries, uint32_t count, struct range_id right, struct log_pos start);
struct unborn *unborn_find(struct store *s, struct range_id range);
void unborn_forget(struct store *s, struct range_id range);
/* Until when a replica that is new here neither votes nor stands. It was born before, perhaps, made a promise, and the store
 * crashed before its log had anything of it: what an earlier life of the store has promised is over by then (K19). */
uint64_t newborn_silent_until(const struct store *s);
void unborn_deinit(struct store *s);

/* ---- merge.c ---- */

void merge_serve(struct store *s);
void merge_tick(struct store *s);
void merges_deinit(struct store *s);
/* The range is one of two that are about to become one: its bounds and members stay as they are. */
bool merge_under_way(const struct store *s, struct range_id range);
/* The range takes no such command: it is frozen, or about to be. */
bool merge_closes(const struct replica *r, struct bytes command);

/* The replica here of the range that it could take in, or NULL. */
const struct replica *merge_partner(const struct replica *left);

/* ---- automerge.c ---- */

/* Its load was measured: takes in its right neighbour when both have been small and cold for a while. */
void automerge_consider(struct replica *r, uint64_t bytes, uint64_t now_ns);
void automerge_forget(struct replica *r);
void automerge_serve(struct store *s);

/* ---- merge_apply.c ---- */

void merge_encode(const struct range_change *c, struct buf *out);
/* Of the kinds but SPLIT. STATUS_VERSION. */
MUST_USE enum status merge_decode(struct bytes body, struct range_change *out);
bool merge_counts(const struct replica *r, const struct range_change *c);
/* The entry may not be applied yet: the right side has to be at rest first. May fence the replica. */
bool merge_waits(struct replica *r, const struct raft_entry *e);
/* What it holds may be wanted by a left side beside it that lags: it is no orphan. */
bool merge_needs(const struct replica *r);
/* It is frozen, or waits for one that is: the tick looks at it. */
void merge_note(struct replica *r);
/* Its next entry waits; it is looked at again in a moment. */
void merge_look_soon(struct replica *r);
void merge_timer_init(struct store *s);
void merge_drop_logs(struct store *s);
/* A snapshot of a range as d says may replace what is here: what lies in its way is part of it now, and at rest. */
bool merge_gives_way(struct store *s, const struct descriptor *d);
/* Takes that out of the way. On a fiber. STATUS_BUSY, STATUS_CANCELLED: not all of it. */
MUST_USE enum status merge_make_way(struct store *s, const struct descriptor *d);
/* Now and then: is a log that no range here begins with of a range that is gone? */
void merge_look_at_unborn(struct store *s);
void merge_forget_united(struct store *s);
/* It is part of another range here, and its end is not all on disk yet. */
bool merge_buried(const struct store *s, struct range_id range);
/* The entry is applied to the engine and to r->applied. */
MUST_USE enum status merge_carry_out(struct replica *r, const struct range_change *c);
/* The engine has the range on disk up to that index: the logs of those it has taken in are of no use any more. */
void merge_on_flushed(struct store *s, struct range_id range, uint64_t index);

/* ---- birth.c ---- */

/* The leader at `from` knows replica `id` of a range that is not here. */
void birth_begin(struct store *s, struct node_id from, struct range_id range, uint64_t id);
/* An empty replica is being made durable. */
bool birth_under_way(struct store *s, struct range_id range, struct range_id waiter);
/* One of another range than `but`, with some of the keys, is on its way into the engine. */
bool birth_keeps(const struct store *s, struct range_id but, struct bytes start, struct bytes end);
void birth_serve_info(void *ctx, struct rpc_token token, struct bytes body);
/* A vote asked for before the range is here; encoded. */
#define BIRTH_EARLY_ENTRIES 8
#define BIRTH_EARLY_BYTES   4096
void birth_keep_early(struct store *s, struct node_id from, struct range_id range, struct bytes message);
void birth_deliver_early(struct replica *r);
void birth_deinit(struct store *s);

/* ---- autosplit.c ---- */

/* Its load was measured: divides it when it is too large or too busy. */
void autosplit_consider(struct replica *r, uint64_t bytes, uint64_t now_ns);
void autosplit_forget(struct replica *r);
/* It was just divided, or has come out of it: for a while it is not divided again, whoever leads it. */
void autosplit_pause(struct replica *r);
/* Cuts a key that was chosen to divide the range at, as the application would rather have it (divide_near). */
void split_near(const struct replica *r, struct buf *key);

#endif
