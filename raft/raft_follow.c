/* What a follower does for the leader of its term: append, acknowledge, install. */
#include "raft/raft_int.h"

/* ---- acknowledging ---- */

/* What the leader may count on: agreed with it, and durable here. Acks are bound to what is in the
 * log now: verified_index falls with the term, persisted_index with truncation (K12). */
static uint64_t ack_index(const struct raft *r)
{
    if (MUTANT("k10_ack_before_durable")) return r->verified_index;
    return r->verified_index < r->persisted_index ? r->verified_index : r->persisted_index;
}

static void send_ack(struct raft *r)
{
    struct raft_message m = {.kind = RAFT_MESSAGE_APPEND_REPLY, .to = r->leader};
    m.log_index = ack_index(r);
    m.hint_index = r->verified_index;
    m.uncertain = r->uncertain;
    send_now(r, &m);
}

void follow_ack(struct raft *r)
{
    if (!r->ack_due || r->leader == 0 || r->role != RAFT_ROLE_FOLLOWER) return;
    bool durable = hard_state_durable(r) && r->persisted_index >= r->verified_index;
    if (!durable && !MUTANT("k10_ack_before_durable")) return; /* PERSISTED comes back here */
    r->ack_due = false;
    send_ack(r);
}

/* ---- appending ---- */

static void send_reject(struct raft *r, const struct raft_message *m)
{
    struct raft_message reply = {.kind = RAFT_MESSAGE_APPEND_REPLY, .to = m->from, .reject = true};
    reply.log_index = m->log_index;
    reply.uncertain = r->uncertain;
    /* The leader may skip all it has with a greater term than ours (Raft §5.3, fast back-up). */
    reply.hint_index = log_agree_at_most(&r->log, m->log_index, m->log_term);
    if (!log_term_at(&r->log, reply.hint_index, &reply.hint_term)) reply.hint_term = 0;
    send_now(r, &reply);
}

static bool previous_agrees(const struct raft *r, const struct raft_message *m)
{
    /* Committed entries are in the log of every leader (Raft §3.6.3): no need to look. */
    if (m->log_index < r->commit_index) return true;
    if (MUTANT("k13_truncated_is_term_zero") && m->log_term == 0) return true;
    return log_has(&r->log, (struct log_pos){m->log_term, m->log_index});
}

/* Appends what is not there yet. K8: what agrees stays, even behind the last entry of the message:
 * a message may be old, and what it does not mention may have been acknowledged. */
static void take_entries(struct raft *r, const struct raft_message *m)
{
    for (uint32_t i = 0; i < m->entry_count; i++) {
        const struct raft_entry *e = &m->entries[i];
        if (e->index <= r->commit_index) continue;
        bool there = log_has(&r->log, (struct log_pos){e->term, e->index});
        if (there && !MUTANT("k8_truncate_matching")) continue;
        truncate_after(r, e->index - 1);
        append_received(r, e);
    }
}

static enum status entries_reserve(struct raft *r, const struct raft_message *m)
{
    size_t bytes = 0;
    uint32_t configs = 0;
    for (uint32_t i = 0; i < m->entry_count; i++) {
        bytes += m->entries[i].payload.size;
        configs += m->entries[i].kind == RAFT_ENTRY_CONFIG;
    }
    return log_reserve(&r->log, m->entry_count, bytes, configs) ? STATUS_OK : STATUS_NO_MEMORY;
}

void follow_commit(struct raft *r, uint64_t commit)
{
    uint64_t known = r->verified_index > r->commit_index ? r->verified_index : r->commit_index;
    if (MUTANT("k13_truncated_is_term_zero")) known = r->log.last_index;
    if (MUTANT("k14_commit_falls")) known = r->verified_index;
    commit_to(r, commit < known ? commit : known);
}

enum status follow_append(struct raft *r, const struct raft_message *m)
{
    ASSERT(r->role == RAFT_ROLE_FOLLOWER);
    ASSERT(r->leader == m->from);
    if (!previous_agrees(r, m)) {
        COVER("raft_append_rejected");
        send_reject(r, m);
        return STATUS_OK;
    }
    if (entries_reserve(r, m) != STATUS_OK) return STATUS_NO_MEMORY;
    take_entries(r, m);
    uint64_t upto = m->log_index + m->entry_count;
    if (upto < r->commit_index) upto = r->commit_index;
    ASSERT(upto <= r->log.last_index);
    if (upto > r->verified_index) r->verified_index = upto;
    follow_commit(r, m->commit);
    r->ack_due = true;
    return STATUS_OK;
}

void follow_heartbeat(struct raft *r, const struct raft_message *m)
{
    if (r->verified_index < r->commit_index) r->verified_index = r->commit_index;
    follow_commit(r, m->commit);
    struct raft_message reply = {.kind = RAFT_MESSAGE_HEARTBEAT_REPLY, .to = m->from};
    reply.read_seq = m->read_seq;
    reply.log_index = hard_state_durable(r) ? ack_index(r) : 0;
    reply.hint_index = r->verified_index;
    reply.uncertain = r->uncertain;
    send_now(r, &reply);
}

/* ---- snapshots ---- */

/* The engine holds the state at pos now; the log has to follow. Entries after pos stay when they
 * continue the same history, else nothing of the log does (K21). */
static void install(struct raft *r, struct log_pos pos, const struct raft_config *config)
{
    if (log_has(&r->log, pos)) {
        COVER("raft_install_keeps_suffix");
        if (pos.index > r->commit_index) commit_to(r, pos.index);
        log_adopt(&r->log, pos, config);
    } else {
        ASSERT(pos.index > r->commit_index); /* committed history is one */
        r->uncommitted_bytes = 0;
        persisted_clamp(r, pos.index);
        log_reset(&r->log, pos, config);
        r->commit_index = pos.index;
    }
    if (r->persisted_index < pos.index) r->persisted_index = pos.index;
    if (r->handed_index < pos.index) r->handed_index = pos.index;
    r->applied_index = pos.index;
}

enum status follow_installed(struct raft *r, const struct raft_event *event)
{
    uint64_t term = event->installed.term;
    struct log_pos pos = event->installed.pos;
    const struct raft_config *config = event->installed.config;
    if (!config_valid(config) || config->voter_count == 0) return STATUS_INVALID;
    if (pos.term == 0 || pos.term > term || term >= RAFT_NUMBER_MAX) return STATUS_INVALID;
    if (pos.index >= RAFT_NUMBER_MAX) return STATUS_INVALID;
    if (pos.index <= r->applied_index && !MUTANT("k21_stale_snapshot_installed")) {
        COVER("raft_install_stale");
        return STATUS_OK;
    }
    if (term > r->term) become_follower(r, term, 0);
    /* A leader has what is committed; one that finds it has not is none. */
    if (r->role == RAFT_ROLE_LEADER && !log_has(&r->log, pos)) become_follower(r, r->term, 0);
    install(r, pos, config);
    if (r->role != RAFT_ROLE_FOLLOWER || r->leader == 0 || r->leader != event->installed.from)
        return STATUS_OK;
    if (r->verified_index < pos.index) r->verified_index = pos.index;
    r->ack_due = true;
    return STATUS_OK;
}
