/* How long the logs of the groups get. A log is cut behind what the engine has on disk, where nobody needs it any more:
 * by the leader, who knows how far the others are, and by everybody when it has grown too long. What has not been flushed
 * for long is flushed, so that it can be cut. */
#include "shard/shard_int.h"

#define LOGS_PER_TICK 64
#define META_LOG_BYTES (2u << 20) /* of range 1, until it is flushed: its replicas hold all of it in memory anyway */
#define IDLE_NS 5000000000u /* a group that took no entries for so long gives memory back */
#define LOG_HELD_FACTOR 16 /* times the longest log: how much is kept for who is sent a snapshot */

static uint64_t slowest_live_match(struct replica *r, const struct raft_status *status, uint64_t now_ns)
{
    uint64_t slowest = UINT64_MAX;
    const struct raft_config *c = status->config;
    for (uint32_t i = 0; i < c->voter_count + c->learner_count; i++) {
        uint64_t id = i < c->voter_count ? c->voters[i].id : c->learners[i - c->voter_count].id;
        struct raft_progress progress;
        if (id == r->id || replica_progress(r, id, &progress) != STATUS_OK) continue;
        if (progress.snapshotting) continue;
        if (now_ns - progress.last_contact_ns > 10000000000u) continue;
        if (progress.match_index < slowest) slowest = progress.match_index;
    }
    return slowest;
}

/* Whoever is sent a snapshot needs the log behind it when it arrives, or the next snapshot would be due at
 * once, and so on for as long as the load lasts. Bounded: a member that is slower than that gets another. */
static bool log_held(const struct replica *r, uint64_t now_ns)
{
    if (r->log_bytes / LOG_HELD_FACTOR > r->store->options.log_bytes_max) {
        COVER("shard_log_held_too_long");
        return false;
    }
    if (MUTANT("log_cut_under_a_snapshot")) return false;
    return r->sends != NULL || now_ns < r->hold_until_ns;
}

/* It took no entries for a while, and its group rests. */
static bool is_idle(const struct replica *r, uint64_t now_ns)
{
    return r->resting && now_ns - r->active_ns > IDLE_NS;
}

/* What the log of a range may hold without a flush. */
static uint64_t log_bytes_most(const struct replica *r)
{
    uint64_t most = r->store->options.log_bytes_max;
    return r->range.value == RANGE_META.value && most > META_LOG_BYTES ? META_LOG_BYTES : most;
}

/* The leader knows who needs the log. The others cut it when it is long, or when nothing has come for a while. */
static void truncate_log(struct replica *r, uint64_t flushed, bool forced, uint64_t now_ns)
{
    uint64_t index = flushed < r->applied.index ? flushed : r->applied.index;
    if (index <= raft_log_start(r->raft)) return; /* most ranges are idle */
    struct raft_status status;
    raft_status(r->raft, &status);
    bool long_log = (forced || r->log_bytes > r->store->options.log_bytes_max) &&
                    (status.role != RAFT_ROLE_LEADER || !log_held(r, now_ns));
    if (!long_log) {
        if (status.role != RAFT_ROLE_LEADER && !is_idle(r, now_ns) && r->log_bytes <= log_bytes_most(r)) return;
        uint64_t slowest = slowest_live_match(r, &status, now_ns), held = snapshot_held_index(r);
        if (slowest < index) index = slowest;
        if (held < index) index = held;
    }
    uint64_t term;
    if (index <= status.start.index || !raft_term_at(r->raft, index, &term)) return;
    ASSERT(index <= status.persisted_index);
    if (!journal_cut(r, (struct log_pos){term, index})) return;
    struct raft_event event = {.kind = RAFT_EVENT_TRUNCATED, .truncated = {term, index}};
    if (replica_step(r, &event) != STATUS_OK) COVER("shard_truncation_refused");
    uint64_t length = status.last.index - status.start.index;
    r->log_bytes = length == 0 ? 0 : r->log_bytes * (status.last.index - index) / length;
}

/* A log that has grown long without a flush gets one. So does one that only told an empty range of leaders and members:
 * that takes no table, and then it can be cut, which thousands of idle ranges would else keep in memory. */
static void look_at_log(struct replica *r, uint64_t now_ns)
{
    struct lsm_range_stats stats;
    if (r->tidy && r->resting) return;
    if (lsm_range_stats(r->store->lsm, r->range, &stats) != STATUS_OK) return;
    if (stats.flushed_index < r->applied.index) {
        bool bare = stats.memtable_bytes == 0 && is_idle(r, now_ns);
        if (bare) COVER("shard_idle_log_flushed");
        if (bare || r->log_bytes > log_bytes_most(r)) lsm_range_flush(r->store->lsm, r->range);
    }
    truncate_log(r, stats.flushed_index, false, now_ns);
    if (!is_idle(r, now_ns)) return;
    raft_trim(r->raft);
    r->tidy = stats.flushed_index == r->applied.index && raft_log_start(r->raft) == r->applied.index;
}

/* The one that holds back the oldest segment. */
static void unpin_log(struct store *s, struct range_id range, uint64_t now_ns)
{
    struct replica *r = store_replica(s, range);
    struct lsm_range_stats stats;
    if (r == NULL || r->state != REPLICA_STATE_RUNNING) return;
    lsm_range_flush(s->lsm, range);
    if (lsm_range_stats(s->lsm, range, &stats) == STATUS_OK) truncate_log(r, stats.flushed_index, true, now_ns);
}

void log_trim_tick(struct store *s, uint64_t now_ns)
{
    struct range_id pinned;
    uint64_t pinned_index;
    bool crowded = wal_metrics(s->wal)->segment_count > 6 || wal_no_space(s->wal);
    if (crowded && wal_oldest_pin(s->wal, &pinned, &pinned_index) == STATUS_OK) unpin_log(s, pinned, now_ns);
    uint64_t count = s->metrics.replicas < LOGS_PER_TICK ? s->metrics.replicas : LOGS_PER_TICK;
    for (uint64_t i = 0; i < count; i++) {
        struct replica *r = store_replica_next(s, store_replica(s, s->log_cursor));
        if (r == NULL) r = store_replica_next(s, NULL);
        s->log_cursor = r->range;
        if (r->state == REPLICA_STATE_RUNNING) look_at_log(r, now_ns);
    }
}
