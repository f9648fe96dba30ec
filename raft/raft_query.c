/* Questions that change nothing. */
#include "raft/raft_int.h"

void raft_status(const struct raft *r, struct raft_status *status_out)
{
    const struct raft_config *c = config_of(r);
    *status_out = (struct raft_status){
        .role = r->role,
        .id = r->options.id,
        .term = r->term,
        .leader = r->leader,
        .vote = r->vote,
        .leader_node = config_node_of(c, r->leader),
        .start = r->log.start,
        .last = {log_last_term(&r->log), r->log.last_index},
        .commit_index = r->commit_index,
        .applied_index = r->applied_index,
        .persisted_index = r->persisted_index,
        .own_term_committed = r->role == RAFT_ROLE_LEADER && r->commit_index >= r->first_own_index,
        .uncommitted_bytes = r->uncommitted_bytes,
        .cached_bytes = r->log.cached_bytes,
        .lease_until_ns = lease_until(r),
        .promised_to = r->promise.member,
        .transferring = r->transfer_target != 0,
        .transfer_to = r->transfer_target,
        .uncertain = r->uncertain,
        .lost = r->lost,
        .config_pending = config_pending(r),
        .config = c,
    };
}

bool raft_stands(const struct raft *r)
{
    if (r->role == RAFT_ROLE_LEADER) return r->commit_index < r->first_own_index;
    return r->role != RAFT_ROLE_FOLLOWER;
}

bool raft_asks_first(const struct raft *r) { return r->role == RAFT_ROLE_PRE_CANDIDATE; }
bool raft_leads(const struct raft *r) { return r->role == RAFT_ROLE_LEADER; }
bool raft_is_heir(const struct raft *r) { return r->heir; }
uint64_t raft_term(const struct raft *r) { return r->term; }
uint64_t raft_commit_index(const struct raft *r) { return r->commit_index; }
uint64_t raft_persisted_index(const struct raft *r) { return r->persisted_index; }
uint64_t raft_log_start(const struct raft *r) { return r->log.start.index; }
uint64_t raft_lease_until(const struct raft *r) { return lease_until(r); }
const struct raft_config *raft_config(const struct raft *r) { return config_of(r); }

uint64_t raft_leader_node(const struct raft *r)
{
    return config_node_of(config_of(r), r->leader);
}

enum status raft_progress(const struct raft *r, uint64_t member, struct raft_progress *progress_out)
{
    if (r->role != RAFT_ROLE_LEADER) return STATUS_NOT_FOUND;
    for (uint32_t i = 0; i < r->progress_count; i++) {
        const struct progress *p = &r->progress[i];
        if (p->id != member) continue;
        *progress_out =
            (struct raft_progress){p->match, p->next, p->contact_ns, p->state == PROGRESS_PROBE,
                                   p->state == PROGRESS_SNAPSHOT};
        return STATUS_OK;
    }
    return STATUS_NOT_FOUND;
}

enum status raft_entry_at(const struct raft *r, uint64_t index, struct raft_entry *entry_out)
{
    if (index <= r->log.start.index || index > r->log.last_index) return STATUS_NOT_FOUND;
    if (index < log_cache_first(&r->log)) return STATUS_WAIT;
    *entry_out = *log_entry(&r->log, index);
    return STATUS_OK;
}

bool raft_term_at(const struct raft *r, uint64_t index, uint64_t *term_out)
{
    return log_term_at(&r->log, index, term_out);
}

bool raft_wants_snapshot(const struct raft *r, uint64_t term, struct log_pos pos)
{
    if (r->role == RAFT_ROLE_LEADER || term < r->term) return false;
    /* What is committed here needs no snapshot: it is in the log (K21). */
    return pos.index > r->commit_index && pos.term <= term;
}
