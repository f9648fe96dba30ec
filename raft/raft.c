/* The frame of a step: take the event, settle what follows from it, hand out what is to be written, sent and applied;
 * and the state that several files move. */
#include "raft/raft_int.h"

#include <stdlib.h>

/* ---- memory ---- */

/* A follower that takes such an event is one afterwards, or has begun to stand by then. */
static bool only_follows(const struct raft *r, const struct raft_event *e)
{
    if (r->role != RAFT_ROLE_FOLLOWER) return false;
    switch (e->kind) {
    case RAFT_EVENT_MESSAGE: return e->message->kind != RAFT_MESSAGE_TIMEOUT_NOW;
    case RAFT_EVENT_TIMER: return r->resting;
    case RAFT_EVENT_SUPPORT:
    case RAFT_EVENT_PERSISTED:
    case RAFT_EVENT_APPLIED:
    case RAFT_EVENT_TRUNCATED:
    case RAFT_EVENT_FLUSH:
    case RAFT_EVENT_SNAPSHOT_INSTALLED: return true;
    default: return false;
    }
}

/* It may append a configuration: one that was asked for, and the one that leaves a joint one. */
static bool config_reserve(struct raft *r, const struct raft_event *e)
{
    if (e->kind != RAFT_EVENT_CHANGE_CONFIG && !config_is_joint(config_of(r))) return true;
    return log_reserve(&r->log, 2, STEP_CONFIGS * RAFT_CONFIG_BYTES_MAX, STEP_CONFIGS) &&
           (r->config_bytes.data != NULL || buf_reserve(&r->config_bytes, RAFT_CONFIG_BYTES_MAX) != NULL);
}

/* What may be asked of those who stand or lead. */
static bool active_reserve(struct raft *r, const struct raft_event *e)
{
    bool stands = r->role != RAFT_ROLE_LEADER;
    return log_reserve(&r->log, 2, 0, 0) && config_reserve(r, e) &&
           (!stands || array_reserve((void **)&r->votes, &r->vote_capacity, RAFT_MEMBERS_MAX, sizeof *r->votes)) &&
           (r->role < RAFT_ROLE_CANDIDATE || progress_reserve(r, NULL));
}

/* What the step may need and cannot do without. Messages may be lost instead. Of thousands of groups most follow, and
 * only hear that nothing is new. */
static bool step_reserve(struct raft *r, const struct raft_event *e)
{
    if (e->kind == RAFT_EVENT_PROPOSE && e->propose.more) return true; /* it only appends, and sees to that by itself */
    bool reads = r->pending_read_count > 0 || e->kind == RAFT_EVENT_READ;
    return array_reserve((void **)&r->marks, &r->mark_capacity, r->mark_count + 1, sizeof *r->marks) &&
           (!reads || array_reserve((void **)&r->reads, &r->read_capacity, r->pending_read_count + 1, sizeof *r->reads)) &&
           (only_follows(r, e) || active_reserve(r, e));
}

/* ---- state that several files move ---- */

uint64_t bytes_between(const struct raft *r, uint64_t first, uint64_t last)
{
    uint64_t sum = 0;
    for (uint64_t i = first; i <= last; i++)
        sum += entry_bytes(log_entry(&r->log, i));
    return sum;
}

bool config_pending(const struct raft *r)
{
    return log_config(&r->log)->index > r->commit_index;
}

/* From row to column. A leader only ever steps down; only a candidate becomes leader. */
static const bool role_moves[4][4] = {
    [RAFT_ROLE_FOLLOWER] = {true, true, true, false},
    [RAFT_ROLE_PRE_CANDIDATE] = {true, true, true, false},
    [RAFT_ROLE_CANDIDATE] = {true, true, false, true},
    [RAFT_ROLE_LEADER] = {true, false, false, false},
};

void role_move(struct raft *r, enum raft_role role)
{
    ASSERT(role_moves[r->role][role]);
    r->role = role;
}

void become_follower(struct raft *r, uint64_t term, uint64_t leader)
{
    ASSERT(term >= r->term);
    ASSERT(leader != r->options.id);
    if (r->role == RAFT_ROLE_LEADER) {
        LOG_INFO(r->options.logger, "raft", "stepped down", "replica=%llu term=%llu",
                 (unsigned long long)r->options.id, (unsigned long long)r->term);
        lease_release_all(r);
        leader_leave(r);
        r->verified_index = 0;
    }
    if (term > r->term) {
        r->term = term;
        r->vote = 0;
        r->verified_index = 0;
        r->ack_due = false;
        r->held_count = 0; /* what was promised to an older term is not owed any more */
        lease_on_term(r);
    }
    role_move(r, RAFT_ROLE_FOLLOWER);
    r->leader = leader;
    if (leader != 0) r->leader_contact_ns = r->now_ns;
    election_reset_timer(r);
}

void append_own(struct raft *r, enum raft_entry_kind kind, struct bytes payload)
{
    ASSERT(r->role == RAFT_ROLE_LEADER);
    struct raft_entry e = {r->term, r->log.last_index + 1, kind, payload};
    append_received(r, &e);
    if (kind == RAFT_ENTRY_CONFIG) leader_sync_members(r);
}

void append_received(struct raft *r, const struct raft_entry *entry)
{
    ASSERT(entry->term <= r->term);
    log_append(&r->log, entry);
    r->uncommitted_bytes += entry_bytes(entry);
}

/* K12: a write under way that holds what is being replaced proves nothing about the replacement,
 * not even when the same entry comes back later: each mark falls to what its write still says
 * truly. */
void persisted_clamp(struct raft *r, uint64_t index)
{
    if (r->persisted_index > index) r->persisted_index = index;
    if (r->handed_index > index) r->handed_index = index;
    if (MUTANT("k12_ack_overwritten")) return;
    for (uint32_t i = 0; i < r->mark_count; i++)
        if (r->marks[i].index > index) r->marks[i].index = index;
}

void truncate_after(struct raft *r, uint64_t index)
{
    ASSERT(index >= r->commit_index);
    ASSERT(r->role != RAFT_ROLE_LEADER);
    if (index >= r->log.last_index) return;
    COVER("raft_conflict_truncated");
    if (!MUTANT("k35_uncommitted_kept")) r->uncommitted_bytes -= bytes_between(r, index + 1, r->log.last_index);
    log_truncate_after(&r->log, index);
    persisted_clamp(r, index);
}

void commit_to(struct raft *r, uint64_t index)
{
    ASSERT(index <= r->log.last_index);
    if (MUTANT("k14_commit_falls") && index < r->commit_index) r->commit_index = index;
    if (index <= r->commit_index) return;
    r->uncommitted_bytes -= bytes_between(r, r->commit_index + 1, index);
    r->commit_index = index;
    log_settle(&r->log, index);
}

/* ---- events ---- */

static void on_stale(struct raft *r, const struct raft_message *m)
{
    struct raft_message reply = {.to = m->from, .reject = true};
    switch (m->kind) {
    case RAFT_MESSAGE_PRE_VOTE: reply.kind = RAFT_MESSAGE_PRE_VOTE_REPLY; break;
    case RAFT_MESSAGE_VOTE: reply.kind = RAFT_MESSAGE_VOTE_REPLY; break;
    case RAFT_MESSAGE_APPEND:
    case RAFT_MESSAGE_HEARTBEAT:
        /* K5: an old leader has to learn of our term, or we stay apart for ever (etcd d4471b2). */
        reply.kind = RAFT_MESSAGE_APPEND_REPLY;
        break;
    case RAFT_MESSAGE_FORTIFY:
        if (MUTANT("lease_fortify_stale")) lease_on_fortify(r, m);
        return;
    case RAFT_MESSAGE_FORTIFY_REPLY:
        if (m->reject) lease_on_fortify_reply(r, m);
        return;
    default: return;
    }
    COVER("raft_stale_term_answered");
    send_now(r, &reply);
}

/* Takes up a higher term when the message proves one. False: the message is to be ignored. */
static bool adopt_term(struct raft *r, const struct raft_message *m)
{
    bool from_leader = m->kind == RAFT_MESSAGE_APPEND || m->kind == RAFT_MESSAGE_HEARTBEAT ||
                       m->kind == RAFT_MESSAGE_FORTIFY;
    switch (m->kind) {
    case RAFT_MESSAGE_PRE_VOTE: return true; /* speaks of a term that may never come */
    case RAFT_MESSAGE_PRE_VOTE_REPLY:
        if (!m->reject) return true;
        break;
    case RAFT_MESSAGE_VOTE:
        if (election_sticky(r) && !m->force) {
            COVER("raft_vote_refused_sticky");
            return false;
        }
        if (!election_may_grant(r, m)) {
            COVER("raft_vote_refused_bound");
            return false;
        }
        break;
    default: break;
    }
    become_follower(r, m->term, from_leader ? m->from : 0);
    return true;
}

/* Messages of the one leader of this term. */
static enum status on_leader_message(struct raft *r, const struct raft_message *m)
{
    bool other = r->leader != 0 && r->leader != m->from;
    if (r->role == RAFT_ROLE_LEADER || other) {
        LOG_ERROR(r->options.logger, "raft", "two leaders in one term",
                  "replica=%llu term=%llu leader=%llu other=%llu",
                  (unsigned long long)r->options.id, (unsigned long long)r->term,
                  (unsigned long long)r->leader, (unsigned long long)m->from);
        return STATUS_INVALID;
    }
    if (r->role != RAFT_ROLE_FOLLOWER || r->leader == 0) become_follower(r, r->term, m->from);
    lease_forget_older(r);
    r->leader_contact_ns = r->now_ns;
    r->campaigns_in_vain = 0;
    election_reset_timer(r);
    if (m->settled && r->uncertain && m->support_epoch == r->life) {
        COVER("raft_uncertain_settled");
        r->uncertain = r->lost = false;
    }
    switch (m->kind) {
    case RAFT_MESSAGE_APPEND: return follow_append(r, m);
    case RAFT_MESSAGE_HEARTBEAT: follow_heartbeat(r, m); return STATUS_OK;
    case RAFT_MESSAGE_FORTIFY: lease_on_fortify(r, m); return STATUS_OK;
    default: UNREACHABLE();
    }
}

static enum status on_message(struct raft *r, const struct raft_message *m)
{
    enum status status = message_check(m);
    if (status != STATUS_OK || m->to != r->options.id || m->from == r->options.id)
        return STATUS_INVALID;
    if (m->kind == RAFT_MESSAGE_FORTIFY && m->reject) {
        lease_on_release(r, m); /* of whatever term: it proves none */
        return STATUS_OK;
    }
    if (m->term < r->term) {
        on_stale(r, m);
        return STATUS_OK;
    }
    if (m->term > r->term && !adopt_term(r, m)) return STATUS_OK;
    switch (m->kind) {
    case RAFT_MESSAGE_PRE_VOTE:
    case RAFT_MESSAGE_VOTE: election_on_vote_request(r, m); break;
    case RAFT_MESSAGE_PRE_VOTE_REPLY:
    case RAFT_MESSAGE_VOTE_REPLY: election_on_vote_reply(r, m); break;
    case RAFT_MESSAGE_APPEND:
    case RAFT_MESSAGE_HEARTBEAT:
    case RAFT_MESSAGE_FORTIFY: return on_leader_message(r, m);
    case RAFT_MESSAGE_APPEND_REPLY: replicate_on_append_reply(r, m); break;
    case RAFT_MESSAGE_HEARTBEAT_REPLY: replicate_on_heartbeat_reply(r, m); break;
    case RAFT_MESSAGE_TIMEOUT_NOW: election_on_timeout_now(r, m); break;
    case RAFT_MESSAGE_READ_INDEX: read_on_request(r, m); break;
    case RAFT_MESSAGE_READ_INDEX_REPLY: read_on_reply(r, m); break;
    case RAFT_MESSAGE_FORTIFY_REPLY: lease_on_fortify_reply(r, m); break;
    }
    return STATUS_OK;
}

static void on_timer(struct raft *r)
{
    read_on_timer(r);
    if (r->resting) {
        rest_on_timer(r);
        return; /* should it be over, the end of the step arms what is due */
    }
    if (r->role == RAFT_ROLE_LEADER)
        leader_on_timer(r);
    else if (r->now_ns >= r->election_deadline_ns && (!rest_holds(r) || MUTANT("rest_ended_by_old_news")))
        election_on_timer(r);
}

static enum status on_persisted(struct raft *r, uint64_t ticket)
{
    if (ticket > r->ticket) return STATUS_INVALID;
    if (ticket <= r->persisted_ticket) return STATUS_OK;
    bool waited = !hard_state_durable(r);
    r->persisted_ticket = ticket;
    /* What depends on a vote or a term leaves only now: others need their time from here on. */
    if (waited && hard_state_durable(r) && r->role != RAFT_ROLE_LEADER && r->leader == 0) election_reset_timer(r);
    uint32_t done = 0;
    while (done < r->mark_count && r->marks[done].ticket <= ticket) {
        if (r->marks[done].index > r->persisted_index) r->persisted_index = r->marks[done].index;
        done++;
    }
    array_shift(r->marks, &r->mark_count, done, sizeof *r->marks);
    done = 0;
    while (done < r->held_count && r->held[done].ticket <= ticket) {
        ASSERT(r->held[done].message.term == r->term);
        send_now(r, &r->held[done++].message);
    }
    array_shift(r->held, &r->held_count, done, sizeof *r->held);
    election_on_persisted(r);
    return STATUS_OK;
}

static enum status on_applied(struct raft *r, uint64_t index)
{
    if (index > r->commit_index || index > r->persisted_index) return STATUS_INVALID;
    if (index > r->applied_index) r->applied_index = index;
    return STATUS_OK;
}

bool raft_note_applied(struct raft *r, uint64_t index)
{
    ASSERT(r->started);
    if (on_applied(r, index) != STATUS_OK) return false;
    raft_check(r);
    return true;
}

static enum status on_truncated(struct raft *r, struct log_pos pos)
{
    if (pos.index > r->applied_index || !log_has(&r->log, pos)) return STATUS_INVALID;
    log_forget(&r->log, pos);
    return STATUS_OK;
}

/* What is committed stays in every log that has it (Raft 5.4), whoever says so. */
static enum status on_committed(struct raft *r, struct log_pos pos)
{
    if (pos.index <= r->commit_index) return STATUS_OK;
    if (pos.index > r->persisted_index || !log_has(&r->log, pos)) return STATUS_NOT_FOUND;
    COVER("raft_commit_known_from_elsewhere");
    commit_to(r, pos.index);
    return STATUS_OK;
}

static enum status on_campaign(struct raft *r)
{
    if (r->role == RAFT_ROLE_LEADER || !election_may_campaign(r)) return STATUS_OK;
    if (!lease_may_campaign(r)) {
        lease_ask_back(r);
        return STATUS_OK;
    }
    if (r->role == RAFT_ROLE_CANDIDATE) become_follower(r, r->term, 0);
    election_start(r, true, false);
    return STATUS_OK;
}

/* README, Newborn groups. Nothing needs to be durable first: what makes this term ours is that we led the group which
 * made this one when we applied the split, and in our next life we do not. */
static enum status on_inherit(struct raft *r)
{
    bool begins = r->newborn && r->role == RAFT_ROLE_FOLLOWER && r->leader == 0 && r->vote == 0 &&
                  r->term == r->log.start.term + 1 && r->log.last_index == r->log.start.index;
    if (!begins || r->uncertain || !election_may_campaign(r)) return STATUS_NOT_LEADER;
    if (!progress_reserve(r, NULL)) return STATUS_NO_MEMORY;
    r->vote = r->handed_vote = r->options.id;
    role_move(r, RAFT_ROLE_CANDIDATE);
    r->vote_count = 0;
    r->heir = true;
    leader_become(r);
    return STATUS_OK;
}

static enum status dispatch(struct raft *r, const struct raft_event *e)
{
    bool leads = r->role == RAFT_ROLE_LEADER;
    switch (e->kind) {
    case RAFT_EVENT_TIMER: on_timer(r); return STATUS_OK;
    case RAFT_EVENT_MESSAGE: return on_message(r, e->message);
    case RAFT_EVENT_PROPOSE: return leader_propose(r, e->propose.payload, e->propose.joins);
    case RAFT_EVENT_FLUSH: return STATUS_OK;
    case RAFT_EVENT_CHANGE_CONFIG: return change_propose(r, e->config);
    case RAFT_EVENT_PERSISTED: return on_persisted(r, e->ticket);
    case RAFT_EVENT_APPLIED: return on_applied(r, e->index);
    case RAFT_EVENT_READ: return read_on_event(r, e->read_context);
    case RAFT_EVENT_TRANSFER: return leader_transfer(r, e->member);
    case RAFT_EVENT_CAMPAIGN: return on_campaign(r);
    case RAFT_EVENT_INHERIT: return on_inherit(r);
    case RAFT_EVENT_TRUNCATED: return on_truncated(r, e->truncated);
    case RAFT_EVENT_LOADED: return leads ? replicate_on_loaded(r, e) : STATUS_OK;
    case RAFT_EVENT_SNAPSHOT_INSTALLED: return follow_installed(r, e);
    case RAFT_EVENT_SNAPSHOT_SENT:
        if (leads)
            replicate_on_snapshot_sent(r, e->snapshot_sent.member, e->snapshot_sent.index,
                                       e->snapshot_sent.ok);
        return STATUS_OK;
    case RAFT_EVENT_UNREACHABLE:
        if (leads) replicate_on_unreachable(r, e->member);
        return STATUS_OK;
    case RAFT_EVENT_ANNOUNCE:
        if (leads) leader_heartbeat(r);
        return STATUS_OK;
    case RAFT_EVENT_RESIGN:
        if (leads) become_follower(r, r->term, 0);
        return STATUS_OK;
    case RAFT_EVENT_SUPPORT: return lease_on_support(r, &e->support);
    case RAFT_EVENT_COMMITTED: return on_committed(r, e->committed);
    }
    return STATUS_INVALID;
}

/* ---- the frame of a step ---- */

struct moment {
    enum raft_role role;
    uint64_t term, leader;
};

static struct moment moment_of(const struct raft *r)
{
    return (struct moment){r->role, r->term, r->leader};
}

static bool moment_differs(struct moment a, struct moment b)
{
    return a.role != b.role || a.term != b.term || a.leader != b.leader;
}

/* What the last output showed may change from here on. */
static void step_begin(struct raft *r, uint64_t now_ns)
{
    if (now_ns > r->now_ns) r->now_ns = now_ns; /* time does not run backwards in here */
    r->message_count = r->read_count = r->snapshot_count = 0;
    r->load = (struct raft_load){0, 0};
    r->proposed_index = r->proposed_term = 0;
    log_evict(&r->log, r->applied_index, r->options.cache_bytes_max);
    if (!raft_stands(r) && r->votes != NULL) array_free((void **)&r->votes, &r->vote_count, &r->vote_capacity);
    if (r->role != RAFT_ROLE_LEADER) window_clear(r);
    if (r->role < RAFT_ROLE_CANDIDATE && r->progress != NULL) {
        free(r->progress);
        r->progress = NULL;
        r->progress_capacity = 0;
    }
}

static void output_persist(struct raft *r, struct raft_output *out)
{
    bool hard_state = r->term != r->handed_term || r->vote != r->handed_vote;
    uint64_t count = r->log.last_index - r->handed_index;
    if (!hard_state && count == 0) return;
    out->ticket = ++r->ticket;
    out->hard_state_changed = hard_state;
    /* The commit index on disk may not run ahead of the entries on disk: after a crash between the
     * two it would vouch for what is being overwritten here. */
    out->hard_state = (struct raft_hard_state){r->term, r->vote, out->commit_index};
    if (count > 0) {
        out->entries = log_entry(&r->log, r->handed_index + 1);
        out->entry_count = (uint32_t)count;
    }
    if (hard_state) {
        r->handed_term = r->term;
        r->handed_vote = r->vote;
        r->hard_state_ticket = r->ticket;
    }
    r->handed_index = r->log.last_index;
    ASSERT(r->mark_count < r->mark_capacity);
    r->marks[r->mark_count++] = (struct persist_mark){r->ticket, r->log.last_index};
}

static void output_messages(struct raft *r, struct raft_output *out)
{
    for (uint32_t i = 0; i < r->message_count; i++) {
        struct raft_message *m = &r->messages[i];
        if (m->entry_count == 0) continue;
        uint64_t first = r->queued[i].first_index;
        if (r->queued[i].from_window)
            m->entries = r->window.entries + (first - r->window.entries[0].index);
        else
            m->entries = log_entry(&r->log, first);
        ASSERT(m->entries[0].index == m->log_index + 1);
    }
    out->messages = r->messages;
    out->message_count = r->message_count;
}

static uint64_t wake_at(const struct raft *r)
{
    uint64_t at = read_deadline(r);
    uint64_t other = r->election_deadline_ns;
    if (r->resting) {
        other = rest_until(r);
    } else if (r->role == RAFT_ROLE_LEADER) {
        other = r->heartbeat_deadline_ns;
        if (r->transfer_target != 0 && r->transfer_deadline_ns < other)
            other = r->transfer_deadline_ns;
    } else if (config_of(r)->voter_count == 0 && r->leader == 0) {
        other = UINT64_MAX; /* a newcomer waits to be spoken to */
    }
    return other < at ? other : at;
}

void output_fill(struct raft *r, struct raft_output *out)
{
    *out = (struct raft_output){0};
    out->commit_index = r->commit_index < r->persisted_index ? r->commit_index : r->persisted_index;
    out->hard_state = (struct raft_hard_state){r->handed_term, r->handed_vote, out->commit_index};
    out->wake_at_ns = wake_at(r);
    out->resting = r->resting && r->pending_read_count == 0;
    out->proposed_index = r->proposed_index;
    out->proposed_term = r->proposed_term;
}

static void output_rest(struct raft *r, struct raft_output *out)
{
    output_persist(r, out);
    output_messages(r, out);
    out->reads = r->reads;
    out->read_count = r->read_count;
    out->loads = &r->load;
    out->load_count = r->load.first_index != 0;
    out->snapshots = r->snapshots;
    out->snapshot_count = r->snapshot_count;
}

enum status raft_step(struct raft *r, const struct raft_event *event, struct raft_output *out)
{
    ASSERT(r->started);
    struct moment before = moment_of(r);
    step_begin(r, event->now_ns);
    if (!step_reserve(r, event)) {
        output_fill(r, out);
        return STATUS_NO_MEMORY;
    }
    enum status status = dispatch(r, event);
    if (event->kind == RAFT_EVENT_PROPOSE && event->propose.more) {
        output_fill(r, out);
        raft_check(r);
        return status;
    }
    if (r->role == RAFT_ROLE_LEADER)
        leader_finish(r);
    else
        follow_ack(r);
    rest_update(r);
    bool changed = moment_differs(before, moment_of(r));
    if (changed) read_fail_all(r);
    output_fill(r, out);
    output_rest(r, out);
    out->role_changed = changed;
    raft_check(r);
    return status;
}
