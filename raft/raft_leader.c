/* What a leader does besides copying entries: members, commit, heartbeats, check-quorum, proposals,
 * transfer of leadership. */
#include "raft/raft_int.h"

#include <stdlib.h>

/* ---- members ---- */

struct progress *leader_progress(struct raft *r, uint64_t id)
{
    for (uint32_t i = 0; i < r->progress_count; i++)
        if (r->progress[i].id == id) return &r->progress[i];
    return NULL;
}

static struct progress progress_new(struct raft *r, uint64_t id)
{
    struct progress p = {.id = id, .next = r->log.last_index + 1, .contact_ns = r->now_ns};
    return p;
}

static uint32_t others_at_most(const struct raft *r, const struct raft_config *c)
{
    uint64_t ids[RAFT_MEMBERS_MAX];
    uint32_t count = c == NULL ? 0 : config_members(c, ids), others = 0;
    for (uint32_t i = 0; i < count; i++) others += ids[i] != r->options.id;
    return others;
}

bool progress_reserve(struct raft *r, const struct raft_config *other)
{
    uint32_t count = others_at_most(r, config_of(r)) + others_at_most(r, other);
    if (count > RAFT_MEMBERS_MAX) count = RAFT_MEMBERS_MAX;
    return array_reserve((void **)&r->progress, &r->progress_capacity, count, sizeof *r->progress);
}

/* Makes the table of members follow the configuration in force, keeping what is known. */
void leader_sync_members(struct raft *r)
{
    ASSERT(r->role == RAFT_ROLE_LEADER);
    uint64_t ids[RAFT_MEMBERS_MAX];
    uint32_t count = config_members(config_of(r), ids);
    struct progress kept[RAFT_MEMBERS_MAX];
    uint32_t kept_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (ids[i] == r->options.id) continue;
        struct progress *p = leader_progress(r, ids[i]);
        kept[kept_count++] = p == NULL ? progress_new(r, ids[i]) : *p;
        if (p != NULL) p->ring = NULL; /* moved */
    }
    for (uint32_t i = 0; i < r->progress_count; i++)
        free(r->progress[i].ring);
    ASSERT(kept_count <= r->progress_capacity);
    if (kept_count > 0) memcpy(r->progress, kept, kept_count * sizeof *kept);
    r->progress_count = kept_count;
}

/* All have voted for us in this term and in this life: whatever an uncertain one has forgotten, nobody
 * is left who could use it against us. */
static void vouch(struct raft *r)
{
    for (uint32_t i = 0; i < r->vote_count; i++) {
        struct progress *p = leader_progress(r, r->votes[i].id);
        if (p != NULL && r->votes[i].uncertain) p->vouched_life = r->votes[i].life;
    }
}

void leader_become(struct raft *r)
{
    ASSERT(r->vote == r->options.id);
    ASSERT(r->progress_count == 0);
    role_move(r, RAFT_ROLE_LEADER);
    r->leader = r->options.id;
    r->campaigns_in_vain = 0;
    r->awake_ns = 0;
    r->forced = false;
    r->uncertain = false; /* those who elected us hold nothing that we lack */
    r->verified_index = 0;
    r->ack_due = false;
    r->transfer_target = 0;
    r->transfer_sent = false;
    r->round = 0;
    r->window.pending = false;
    leader_sync_members(r);
    if (election_unanimous(r)) vouch(r);
    append_own(r, RAFT_ENTRY_NOOP,
               BYTES_EMPTY); /* Raft §6.4: what earlier terms left commits with it */
    r->first_own_index = r->log.last_index;
    r->round_wait = 1;
    LOG_INFO(r->options.logger, "raft", "became leader", "replica=%llu term=%llu index=%llu",
             (unsigned long long)r->options.id, (unsigned long long)r->term,
             (unsigned long long)r->log.last_index);
    lease_begin(r);
    leader_heartbeat(r);
}

void leader_leave(struct raft *r)
{
    for (uint32_t i = 0; i < r->progress_count; i++)
        free(r->progress[i].ring);
    r->progress_count = 0;
    r->transfer_target = 0;
    r->transfer_sent = false;
    r->first_own_index = 0;
    r->heir = false;
    /* The load window stays until the next step: messages of this one may point into it. */
}

/* ---- commit ---- */

static uint64_t match_of(const void *ctx, uint64_t id)
{
    const struct raft *r = ctx;
    if (id == r->options.id) {
        /* K11: a leader counts for itself only what its own disk has. */
        return MUTANT("k11_leader_counts_unpersisted") ? r->log.last_index : r->persisted_index;
    }
    for (uint32_t i = 0; i < r->progress_count; i++)
        if (r->progress[i].id == id)
            return progress_counts(&r->progress[i]) ? r->progress[i].match : 0;
    return 0;
}

/* All members counted in one heap, voters or not: what K4 forbids. */
static uint64_t reached_by_any(const struct raft *r)
{
    uint64_t ids[RAFT_MEMBERS_MAX];
    uint32_t count = config_members(config_of(r), ids);
    uint32_t need = config_of(r)->voter_count / 2 + 1;
    uint64_t best = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t value = match_of(r, ids[i]);
        uint32_t reached = 0;
        for (uint32_t k = 0; k < count; k++)
            reached += match_of(r, ids[k]) >= value;
        if (reached >= need && value > best) best = value;
    }
    return best;
}

static void commit_by_counting(struct raft *r)
{
    if (r->commit_index == r->log.last_index) return;
    uint64_t index = MUTANT("k4_learners_commit") ? reached_by_any(r)
                                                  : config_reached(config_of(r), match_of, r);
    /* What the others have and our own disk has not is not called committed either: it cannot be applied here before (RAFT-2), and
     * every read, which waits until what is committed is applied, would wait for this disk's sync. */
    bool capped = !MUTANT("leader_commits_unpersisted") && !MUTANT("k11_leader_counts_unpersisted");
    if (index > r->persisted_index && capped) index = r->persisted_index;
    if (index <= r->commit_index) return;
    uint64_t term;
    bool known = log_term_at(&r->log, index, &term);
    ASSERT(known);
    /* K2, Raft §5.4.2: an entry of an older term commits only below one of ours. */
    if (term != r->term && !MUTANT("k2_commit_old_term")) {
        COVER("raft_old_term_not_counted");
        return;
    }
    commit_to(r, index);
}

/* ---- heartbeats and check-quorum ---- */

void leader_heartbeat(struct raft *r)
{
    ASSERT(r->role == RAFT_ROLE_LEADER);
    r->heartbeat_deadline_ns = r->now_ns + r->options.heartbeat_ns;
    if (r->round_wait == RAFT_PATIENT_HEARTBEATS) r->round_wait = 1; /* begun anew, if it still holds (raft_rest.c) */
    if (!MUTANT("k17_round_reused") || r->round == 0) r->round++;
    read_attach(r);
    bool all = r->pending_read_count > 0 || !rest_allowed(r);
    for (uint32_t i = 0; i < r->progress_count; i++) {
        struct progress *p = &r->progress[i];
        if (!all && rest_skips(r, p)) continue;
        struct raft_message m = {.kind = RAFT_MESSAGE_HEARTBEAT, .to = p->id};
        m.commit = p->match < r->commit_index ? p->match : r->commit_index;
        m.read_seq = r->round;
        p->round_sent = r->round;
        p->round_commit = m.commit;
        m.settled = progress_settled(r, p);
        m.support_epoch = m.settled ? p->life : 0;
        send_now(r, &m);
    }
}

static uint64_t contact_of(const void *ctx, uint64_t id)
{
    const struct raft *r = ctx;
    if (id == r->options.id) return r->now_ns;
    for (uint32_t i = 0; i < r->progress_count; i++)
        if (r->progress[i].id == id)
            return progress_counts(&r->progress[i]) ? r->progress[i].contact_ns : 0;
    return 0;
}

/* A majority that needs an uncertain member decides nothing: an election is the way on, because all can
 * vouch for that member by agreeing (vouch). */
static void check_quorum(struct raft *r)
{
    if (rest_allowed(r)) return; /* a quorum keeps its promises to us: its stores are heard of */
    uint64_t heard_ns = config_reached(config_of(r), contact_of, r);
    if (r->awake_ns > heard_ns) heard_ns = r->awake_ns;
    if (r->now_ns <= heard_ns + r->options.election_timeout_ns || MUTANT("k27_no_check_quorum")) return;
    if (MUTANT("lease_never_ends")) return; /* shard/replica.c has the other half */
    COVER("raft_check_quorum_failed");
    become_follower(r, r->term, 0);
}

void leader_on_timer(struct raft *r)
{
    if (r->transfer_target != 0 && r->now_ns >= r->transfer_deadline_ns) {
        COVER("raft_transfer_aborted");
        r->transfer_target = 0;
        bool gave_up_lease = r->transfer_sent;
        r->transfer_sent = false;
        if (gave_up_lease) lease_begin_anew(r);
    }
    if (r->now_ns < r->heartbeat_deadline_ns) return;
    check_quorum(r);
    if (r->role != RAFT_ROLE_LEADER) return;
    lease_fortify(r); /* those whose answer was lost */
    leader_heartbeat(r);
}

/* ---- proposals ---- */

/* The last entry takes more commands as long as nobody else has it. */
static bool join_last(struct raft *r, struct bytes payload)
{
    bool open = r->joined_index == r->log.last_index && (r->joined_index > r->handed_index || MUTANT("raft_joins_what_is_out"));
    if (!open) return false;
    const struct raft_entry *last = log_entry(&r->log, r->joined_index);
    ASSERT(last->term == r->term);
    if (last->payload.size + payload.size > RAFT_JOINED_BYTES_MAX || !log_extend(&r->log, payload)) return false;
    COVER("raft_joined");
    r->uncommitted_bytes += payload.size;
    return true;
}

static enum status append_command(struct raft *r, struct bytes payload)
{
    /* Beside the one that may leave a joint configuration in this step (raft.c:config_reserve). */
    bool joint = config_is_joint(config_of(r));
    size_t room = payload.size + (joint ? RAFT_CONFIG_BYTES_MAX : 0);
    if (!log_reserve(&r->log, 3, room, joint ? STEP_CONFIGS : 0)) return STATUS_NO_MEMORY;
    append_own(r, RAFT_ENTRY_COMMAND, payload);
    return STATUS_OK;
}

enum status leader_propose(struct raft *r, struct bytes payload, bool joins)
{
    ASSERT(!joins || payload.size > 0);
    if (r->role != RAFT_ROLE_LEADER) return STATUS_NOT_LEADER;
    /* K20: what is proposed during a transfer would race with the new leader. */
    if (r->transfer_target != 0 && !MUTANT("k20_propose_while_transferring"))
        return STATUS_NOT_LEADER;
    if (payload.size > RAFT_ENTRY_BYTES_MAX) return STATUS_TOO_LARGE;
    uint64_t bytes = payload.size + RAFT_ENTRY_OVERHEAD;
    if (r->uncommitted_bytes > 0 &&
        r->uncommitted_bytes + bytes > r->options.uncommitted_bytes_max) {
        COVER("raft_uncommitted_full");
        return STATUS_BUSY;
    }
    if (!joins || !join_last(r, payload)) {
        enum status status = append_command(r, payload);
        if (status != STATUS_OK) return status;
        r->joined_index = joins ? r->log.last_index : 0;
    }
    r->proposed_index = r->log.last_index;
    r->proposed_term = r->term;
    return STATUS_OK;
}

/* ---- transfer (Raft §3.10) ---- */

static bool in_reach(const struct raft *r, const struct progress *p)
{
    return r->now_ns <= p->contact_ns + r->options.election_timeout_ns;
}

static uint64_t best_successor(struct raft *r)
{
    const struct raft_config *c = config_of(r);
    const struct progress *best = NULL;
    for (uint32_t i = 0; i < c->voter_count; i++) {
        const struct progress *p = leader_progress(r, c->voters[i].id);
        if (p == NULL || p->settle_index != 0 || !in_reach(r, p)) continue;
        if (best == NULL || p->match > best->match) best = p;
    }
    return best == NULL ? 0 : best->id;
}

enum status leader_transfer(struct raft *r, uint64_t member)
{
    if (r->role != RAFT_ROLE_LEADER || r->transfer_target != 0) return STATUS_NOT_LEADER;
    if (member == r->options.id) return STATUS_OK;
    if (member == 0) member = best_successor(r);
    if (member == 0 || !raft_config_is_voter(config_of(r), member)) return STATUS_NOT_FOUND;
    /* It would not hear of it, and we would serve nobody until the transfer is given up. */
    if (!in_reach(r, leader_progress(r, member))) return STATUS_NOT_FOUND;
    r->transfer_target = member;
    r->transfer_deadline_ns = r->now_ns + r->options.election_timeout_ns;
    r->transfer_sent = false;
    return STATUS_OK;
}

static void send_timeout_now(struct raft *r, uint64_t member)
{
    struct raft_message m = {.kind = RAFT_MESSAGE_TIMEOUT_NOW, .to = member};
    m.read_seq = r->fortify_seq;
    send_now(r, &m);
}

static void transfer_finish(struct raft *r)
{
    if (r->transfer_target == 0 || r->transfer_sent) return;
    const struct progress *p = leader_progress(r, r->transfer_target);
    if (p == NULL) {
        r->transfer_target = 0; /* removed meanwhile */
        return;
    }
    if (p->match < r->log.last_index) return;
    r->transfer_sent = true;
    send_timeout_now(r, p->id);
}

/* ---- the end of a step ---- */

/* A leader that a committed change took out has nothing left to do (Raft §4.2.2). It says what is
 * committed and asks the best voter to go on, so that nobody has to wait for a timeout. */
static void retire(struct raft *r)
{
    COVER("raft_removed_leader_retires");
    leader_heartbeat(r);
    uint64_t successor = best_successor(r);
    if (successor != 0) send_timeout_now(r, successor);
    become_follower(r, r->term, 0);
}

void leader_finish(struct raft *r)
{
    ASSERT(r->role == RAFT_ROLE_LEADER);
    commit_by_counting(r);
    change_finish(r);
    if (change_removed_leader(r)) {
        retire(r);
        return;
    }
    for (uint32_t i = 0; i < r->progress_count; i++)
        replicate_to(r, &r->progress[i]);
    transfer_finish(r);
    read_finish(r);
}
