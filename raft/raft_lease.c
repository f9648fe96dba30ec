/* Fortified leases (README, Leases; tests/model/lease_model.py). Stores promise each other support
 * for a while; the driver tells us by SUPPORT events. A leader asks each voter to fortify it: the
 * voter then helps to depose it in no way while its support for the leader's store lasts. A quorum
 * of such promises is a lease. */
#include "raft/raft_int.h"

/* ---- what the driver says of the other stores ---- */

static struct raft_support *support_of(struct raft *r, uint64_t member)
{
    for (uint32_t i = 0; i < r->support_count; i++)
        if (r->supports[i].member == member) return &r->supports[i];
    return NULL;
}

static const struct raft_support *support_find(const struct raft *r, uint64_t member)
{
    for (uint32_t i = 0; i < r->support_count; i++)
        if (r->supports[i].member == member) return &r->supports[i];
    return NULL;
}

/* A slot for one that is new. Those that left the configuration make room first; the holder of our
 * promise never does. */
static struct raft_support *support_add(struct raft *r, uint64_t member)
{
    if (r->support_count < RAFT_MEMBERS_MAX &&
        array_reserve((void **)&r->supports, &r->support_capacity, r->support_count + 1, sizeof *r->supports)) {
        r->supports[r->support_count] = (struct raft_support){0};
        return &r->supports[r->support_count++];
    }
    for (uint32_t i = 0; i < r->support_count; i++) {
        uint64_t id = r->supports[i].member;
        if (!raft_config_has(config_of(r), id) && id != r->promise.member && id != member)
            return &r->supports[i];
    }
    return NULL;
}

enum status lease_on_support(struct raft *r, const struct raft_support *support)
{
    if (support->member == 0 || support->member == r->options.id) return STATUS_INVALID;
    struct raft_support *known = support_of(r, support->member);
    if (known == NULL) known = support_add(r, support->member);
    if (known == NULL) return STATUS_BUSY;
    bool news =
        known->member != support->member || known->received_epoch != support->received_epoch;
    *known = *support;
    rest_note_contact(r, known);
    if (news && r->role == RAFT_ROLE_LEADER) {
        rest_begin_anew(r, support->member);
        lease_fortify(r);
    }
    return STATUS_OK;
}

bool raft_renew_support(struct raft *r, const struct raft_support *support)
{
    struct raft_support *known = support_of(r, support->member);
    if (known == NULL || known->given_epoch != support->given_epoch ||
        known->received_epoch != support->received_epoch)
        return false;
    *known = *support;
    rest_note_contact(r, known);
    return true;
}

/* ---- the promise of a voter ---- */

/* It binds as long as the support lasts in whose epoch it was given: then the holder may be
 * counting it. */
bool lease_bound(const struct raft *r)
{
    if (r->promise.member == 0) return false;
    const struct raft_support *s = support_find(r, r->promise.member);
    return s != NULL && s->given_epoch == r->promise.epoch && r->now_ns < s->given_until_ns;
}

/* K19: what was promised before a restart is forgotten, so nothing is done that it may have
 * forbidden. */
bool lease_silent(const struct raft *r)
{
    return r->now_ns < r->silent_until_ns && !MUTANT("lease_no_silence");
}

static bool released(const struct raft *r, struct log_pos release)
{
    if (release.term == 0) return false;
    if (MUTANT("lease_release_unnamed")) return true;
    return log_pos_at_least(release, (struct log_pos){r->promise.term, r->promise.seq});
}

bool lease_may_grant(const struct raft *r, uint64_t last_term, struct log_pos release)
{
    if (lease_silent(r)) return false;
    if (!lease_bound(r)) return true;
    /* A log with an entry of a later term: a later leader was elected, so the lease is over. Not
     * one of the same term: that is the holder's own entry. */
    if (last_term > r->promise.term) return true;
    if (last_term == r->promise.term && MUTANT("lease_exception_not_strict")) return true;
    return released(r, release);
}

bool lease_may_campaign(const struct raft *r)
{
    if (lease_silent(r)) return false;
    return !lease_bound(r) || MUTANT("lease_campaigns_while_bound");
}

/* Earliest moment at which standing may be of use again. */
uint64_t lease_free_ns(const struct raft *r)
{
    uint64_t free_ns = r->silent_until_ns;
    if (!lease_bound(r)) return free_ns;
    uint64_t until_ns = support_find(r, r->promise.member)->given_until_ns;
    return until_ns > free_ns ? until_ns : free_ns;
}

/* Whoever is kept from helping asks the holder whether it still leads: it may have stepped down and
 * its word of it been lost, and its store would support us for ever. */
void lease_ask_back(struct raft *r)
{
    if (!lease_bound(r)) return;
    struct raft_message m = {
        .kind = RAFT_MESSAGE_FORTIFY_REPLY, .to = r->promise.member, .reject = true};
    m.hint_term = r->promise.term;
    send_now(r, &m);
}

/* A leader of a later term has been heard of: the lease of the promise has run out. */
void lease_forget_older(struct raft *r)
{
    if (r->promise.member != 0 && r->promise.term < r->term) r->promise = (struct lease_promise){0};
}

void lease_on_term(struct raft *r)
{
    /* That a term exists deposes nobody: the leader of the promise may not know of it. */
    if (MUTANT("lease_promise_lost_with_term")) r->promise = (struct lease_promise){0};
}

void lease_on_fortify(struct raft *r, const struct raft_message *m)
{
    ASSERT(m->term == r->term || MUTANT("lease_fortify_stale"));
    const struct raft_support *s = support_find(r, m->from);
    if (s == NULL || r->now_ns >= s->given_until_ns) {
        COVER("raft_fortify_without_support");
        return;
    }
    struct log_pos asked = {m->term, m->read_seq};
    if (!log_pos_at_least(asked, (struct log_pos){r->promise.term, r->promise.seq})) return;
    r->promise = (struct lease_promise){m->from, m->term, m->read_seq, s->given_epoch};
    struct raft_message reply = {.kind = RAFT_MESSAGE_FORTIFY_REPLY, .to = m->from};
    reply.term = m->term;
    reply.read_seq = m->read_seq;
    reply.support_epoch = s->given_epoch;
    send_when_durable(r, &reply);
}

void lease_on_release(struct raft *r, const struct raft_message *m)
{
    if (r->promise.member != m->from || r->promise.term > m->hint_term) return;
    COVER("raft_promise_released");
    r->promise = (struct lease_promise){0};
}

/* ---- the leader ---- */

static void send_release(struct raft *r, uint64_t to, uint64_t term)
{
    struct raft_message m = {.kind = RAFT_MESSAGE_FORTIFY, .to = to, .reject = true};
    m.hint_term = term;
    send_now(r, &m);
}

void lease_release_all(struct raft *r)
{
    ASSERT(r->role == RAFT_ROLE_LEADER);
    for (uint32_t i = 0; i < r->progress_count; i++)
        if (r->progress[i].fortified_epoch != 0) send_release(r, r->progress[i].id, r->term);
}

/* Asks those whose support we have and whose word we lack. Begun anew with each epoch of their
 * support. */
void lease_fortify(struct raft *r)
{
    ASSERT(r->role == RAFT_ROLE_LEADER);
    if (r->transfer_sent) return;
    for (uint32_t i = 0; i < r->progress_count; i++) {
        const struct progress *p = &r->progress[i];
        const struct raft_support *s = support_find(r, p->id);
        if (s == NULL || s->received_epoch == 0 || s->received_epoch == p->fortified_epoch)
            continue;
        if (!config_decides(config_of(r), p->id)) continue;
        struct raft_message m = {.kind = RAFT_MESSAGE_FORTIFY, .to = p->id};
        m.read_seq = r->fortify_seq;
        m.support_epoch = s->received_epoch;
        send_now(r, &m);
    }
}

void lease_on_fortify_reply(struct raft *r, const struct raft_message *m)
{
    if (m->reject) {
        if (r->role != RAFT_ROLE_LEADER || r->term != m->hint_term)
            send_release(r, m->from, m->hint_term);
        return;
    }
    struct progress *p = r->role == RAFT_ROLE_LEADER ? leader_progress(r, m->from) : NULL;
    if (p == NULL || m->term != r->term || m->read_seq != r->fortify_seq) return;
    if (m->support_epoch > p->fortified_epoch) p->fortified_epoch = m->support_epoch;
}

void lease_begin(struct raft *r)
{
    r->fortify_seq = 1;
    lease_fortify(r);
}

/* A transfer gave up the lease and was aborted. Its release, wherever it still travels, does not
 * name what is asked for now. */
void lease_begin_anew(struct raft *r)
{
    ASSERT(r->role == RAFT_ROLE_LEADER);
    r->fortify_seq++;
    for (uint32_t i = 0; i < r->progress_count; i++)
        r->progress[i].fortified_epoch = 0;
    lease_fortify(r);
}

static uint64_t supported_until(const void *ctx, uint64_t id)
{
    const struct raft *r = ctx;
    if (id == r->options.id) return UINT64_MAX;
    const struct raft_support *s = support_find(r, id);
    if (s == NULL) return 0;
    for (uint32_t i = 0; i < r->progress_count; i++) {
        const struct progress *p = &r->progress[i];
        if (p->id != id) continue;
        bool fortified = p->fortified_epoch != 0 || MUTANT("lease_without_fortify");
        bool same = p->fortified_epoch == s->received_epoch || MUTANT("lease_epoch_ignored") ||
                    MUTANT("lease_without_fortify");
        return fortified && same ? s->received_until_ns : 0;
    }
    return 0;
}

uint64_t lease_until(const struct raft *r)
{
    if (r->role != RAFT_ROLE_LEADER) return 0;
    bool knows = r->commit_index >= r->first_own_index || r->heir; /* K16 */
    if (!knows && !MUTANT("lease_before_own_commit")) return 0;
    if (r->transfer_sent && !MUTANT("lease_kept_in_transfer")) return 0;
    if (!MUTANT("lease_one_half")) return config_reached(config_of(r), supported_until, r);
    struct raft_config incoming = *config_of(r);
    incoming.outgoing_count = 0;
    return config_reached(&incoming, supported_until, r);
}
