/* Changing members. A change of voters goes through a joint configuration (Ongaro & Ousterhout
 * 2014, §6):
 *
 *   {voters A} --CHANGE_CONFIG--> {voters B, outgoing A} --committed--> {voters B}
 *
 * The leader appends the second entry by itself as soon as the first is committed. A change of
 * learners alone decides nothing and is one entry. A configuration is in force from the moment it
 * is appended and falls with its entry when that is truncated (raft_log.c). */
#include "raft/raft_int.h"

static void append_config(struct raft *r, const struct raft_config *c)
{
    struct buf *b = &r->config_bytes;
    buf_reset(b);
    raft_config_encode(c, b);
    ASSERT(!b->failed); /* raft.c:config_reserve */
    append_own(r, RAFT_ENTRY_CONFIG, buf_view(b));
}

/* K1: two changes at once, or one before the fate of the last term's change is known, could decide
 * by majorities that do not meet. */
static bool change_allowed(const struct raft *r)
{
    if (config_is_joint(config_of(r))) return false;
    if (config_pending(r) && !MUTANT("k1_two_changes")) return false;
    return r->commit_index >= r->first_own_index || MUTANT("k1_change_before_own_commit");
}

enum status change_propose(struct raft *r, const struct raft_config *target)
{
    if (r->role != RAFT_ROLE_LEADER || r->transfer_target != 0) return STATUS_NOT_LEADER;
    if (!config_valid(target) || config_is_joint(target) || target->voter_count == 0)
        return STATUS_INVALID;
    if (!change_allowed(r)) {
        COVER("raft_change_refused");
        return STATUS_BUSY;
    }
    if (!progress_reserve(r, target)) return STATUS_NO_MEMORY;
    struct raft_config next = *target;
    const struct raft_config *now = config_of(r);
    if (!config_same_voters(now, target) && !MUTANT("k1_no_joint")) {
        next.outgoing_count = now->voter_count;
        memcpy(next.outgoing, now->voters, sizeof next.outgoing);
    }
    append_config(r, &next);
    r->proposed_index = r->log.last_index;
    r->proposed_term = r->term;
    return STATUS_OK;
}

void change_finish(struct raft *r)
{
    ASSERT(r->role == RAFT_ROLE_LEADER);
    const struct raft_config *c = config_of(r);
    if (!config_is_joint(c) || r->transfer_target != 0) return;
    /* K15: left once, and only after both halves have agreed to it. */
    if (config_pending(r) && !MUTANT("k15_left_early")) return;
    if (MUTANT("k15_never_left")) return;
    struct raft_config next = *c;
    next.outgoing_count = 0;
    memset(next.outgoing, 0, sizeof next.outgoing);
    COVER("raft_joint_left");
    append_config(r, &next);
}

bool change_removed_leader(struct raft *r)
{
    const struct raft_config *c = config_of(r);
    return !config_decides(c, r->options.id) && !config_pending(r);
}
