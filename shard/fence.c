/* Replicas whose bytes are damaged: out of service at once, and back by a whole snapshot.
 *
 *   RUNNING --damage--> FENCED --snapshot adopted--> RUNNING, still lost --settled by a leader--> RUNNING
 *      `----leads-----> LEAVING --another leads, or time is over--> FENCED
 *
 * A fenced replica may have acknowledged and voted for what it no longer has. In its group it goes on as a
 * lost replica (raft/README.md): a newcomer under the same id that takes a snapshot and grants nothing. That
 * it is lost stands in its hard state, as the vote HARD_STATE_LOST, until a leader has settled it; so a
 * crash at any point brings it back as lost, never as one that has forgotten and does not know (K25). What is
 * left of its data is not used, and not removed before the snapshot replaces it. */
#include "shard/shard_int.h"

static void serve_no_more(struct replica *r, enum replica_state state)
{
    r->state = state;
    r->was_serving = false;
    proposals_end_all(r, STATUS_UNKNOWN_OUTCOME);
    reads_end_all(r, STATUS_NOT_LEADER);
    r->store->options.app->role_changed(r->app);
}

/* The group begins anew with a lost replica under the same id. */
static void begin_lost(struct replica *r)
{
    struct store *s = r->store;
    struct raft_status old;
    struct raft_event resign = {.kind = RAFT_EVENT_RESIGN};
    if (replica_step_fed(r, &resign) != STATUS_OK) COVER("shard_resign_refused");
    raft_status(r->raft, &old);
    snapshot_forget_replica(r);
    journal_forget_replica(r);
    if (r->applied.index > r->floor) r->floor = r->applied.index;
    if (old.start.index > r->floor) r->floor = old.start.index;
    lsm_range_settle_meta(s->lsm, r->range); /* as long as it is known what that is */
    replica_forget(r);
    struct replica_start start = {.range = r->range, .id = r->id,
                                  .restore = {.hard_state = {.term = old.term}, .lost = true}};
    if (replica_regroup(r, &start) != STATUS_OK)
        store_fail(s, STATUS_NO_MEMORY, "no memory for a fenced replica");
    journal_write_lost(r, old.term);
}

/* A disk that damages what it is given would be written to without end: later ones wait longer. */
#define REFETCH_PAUSE_NS 500000000u
#define REFETCH_PAUSES_MAX 6u

static void fence(struct replica *r)
{
    if (r->state == REPLICA_STATE_LEAVING) r->store->leaving_count--;
    begin_lost(r);
    uint32_t pauses = r->fence_count < REFETCH_PAUSES_MAX ? r->fence_count : REFETCH_PAUSES_MAX;
    uint64_t pause_ns = pauses == 0 ? 0 : (uint64_t)REFETCH_PAUSE_NS << (pauses - 1);
    r->refetch_ns = env_now_ns(r->store->env) + pause_ns;
    r->fence_count++;
    serve_no_more(r, REPLICA_STATE_FENCED);
}

void replica_fence(struct replica *r, const char *why)
{
    struct store *s = r->store;
    if (r->state == REPLICA_STATE_FENCED || r->state == REPLICA_STATE_LEAVING || s->failed) return;
    LOG_ERROR(s->logger, "shard", "replica fenced", "range=%llu why=\"%s\"",
              (unsigned long long)r->range.value, why);
    COVER("shard_replica_fenced");
    s->metrics.replicas_fenced++;
    /* A leader that just fell silent would cost its group an election timeout. */
    if (replica_transfer(r, (struct node_id){0}) == STATUS_OK) {
        COVER("shard_fenced_leader_hands_over");
        r->fence_deadline_ns = env_now_ns(s->env) + s->options.election_timeout_ns;
        r->store->leaving_count++;
        serve_no_more(r, REPLICA_STATE_LEAVING);
        return;
    }
    fence(r);
}

void fence_turn(struct replica *r, uint64_t now_ns)
{
    if (r->state != REPLICA_STATE_LEAVING) return;
    struct raft_status status;
    raft_status(r->raft, &status);
    if (status.role == RAFT_ROLE_LEADER && now_ns < r->fence_deadline_ns) return;
    fence(r);
}

void fence_tick(struct store *s)
{
    if (s->leaving_count == 0) return;
    LIST_FOR_EACH(item, &s->replicas) {
        struct replica *r = CONTAINER_OF(item, struct replica, link);
        if (r->state == REPLICA_STATE_LEAVING) store_mark_dirty(s, r);
    }
}

void fence_note_settled(struct replica *r)
{
    struct raft_status status;
    raft_status(r->raft, &status);
    if (!r->lost || status.lost) return;
    COVER("shard_replica_refetched");
    r->lost = false;
    r->store->metrics.replicas_refetched++;
    journal_write_vote(r, &status);
    LOG_INFO(r->store->logger, "shard", "replica is whole again", "range=%llu index=%llu",
             (unsigned long long)r->range.value, (unsigned long long)status.last.index);
}

bool replica_fenced(const struct replica *r)
{
    return r->lost || r->state == REPLICA_STATE_FENCED || r->state == REPLICA_STATE_LEAVING;
}
