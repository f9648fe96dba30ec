/* Asking the metadata range for a change, from any node. Each command may be repeated: it is judged by the state it
 * meets, and what it asks for again is there already. */
#ifndef OSTRAKA_SHARD_META_CALL_H
#define OSTRAKA_SHARD_META_CALL_H

#include "shard/shard.h"

struct meta_call {
    struct rpc_call call; /* private until on_done */
    struct store *store;
    /* Called once, never from inside. id: of a job that was put, else 0. STATUS_OK: it is so, and committed. Else the
     * refusal (below), STATUS_NOT_LEADER or STATUS_UNKNOWN_OUTCOME: ask again. */
    void (*on_done)(struct meta_call *c, enum status status, uint64_t id);
    void *ctx;
};
/* command: copied; made by one of those below. STATUS_UNAVAILABLE: no metadata leader is known. STATUS_BUSY. */
MUST_USE enum status store_meta_change(struct store *s, struct meta_call *c, struct bytes command);

/* since_ms: by the clock of whoever asks; kept as it is. Refused: NOT_FOUND; INVALID: it was removed for ever; BUSY: to
 * be removed, and some range still has it as a member. */
void meta_put_node_state(struct buf *out, struct node_id node, enum node_state state, uint64_t since_ms);
/* scope: for keys that begin with it; empty: for all. Refused: INVALID (cluster_setting.h), TOO_LARGE: too many. */
void meta_put_setting(struct buf *out, enum cluster_setting id, struct bytes scope, uint64_t value);
/* Back to what holds without. */
void meta_put_setting_reset(struct buf *out, enum cluster_setting id, struct bytes scope);
/* Replaces the range's job, if there is one; job->id does not matter. Refused: NOT_FOUND: no such range; INVALID: a
 * node that is unknown, removed or named twice; BUSY: too many. */
void meta_put_job(struct buf *out, const struct meta_job *job);
/* id 0: whichever it is. */
void meta_put_job_end(struct buf *out, struct range_id range, uint64_t id);

#endif
