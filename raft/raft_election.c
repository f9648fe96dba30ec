/* Elections: randomized timeouts (Raft §3.4), pre-vote (§9.6), stickiness (§6.2, §4.2.3), and votes
 * of replicas that may have forgotten something (README, Uncertain replicas). */
#include "raft/raft_int.h"

void election_reset_timer(struct raft *r)
{
    uint32_t doubled = r->campaigns_in_vain < RAFT_BACK_OFF_MAX ? r->campaigns_in_vain : RAFT_BACK_OFF_MAX;
    uint64_t timeout = r->options.election_timeout_ns << doubled;
    r->election_deadline_ns = r->now_ns + timeout + prng_below(&r->prng, timeout);
}

/* A leader was heard of so lately that helping to depose it would be wrong (K7). A leader hears
 * itself: check-quorum makes it step down when nobody else does. */
bool election_sticky(const struct raft *r)
{
    if (MUTANT("k7_not_sticky")) return false;
    if (r->role == RAFT_ROLE_LEADER) return true;
    return r->leader != 0 && r->now_ns < r->leader_contact_ns + r->options.election_timeout_ns;
}

bool election_may_campaign(const struct raft *r)
{
    if (r->lost) return false;
    if (MUTANT("k4_non_voter_campaigns")) return config_of(r)->voter_count > 0;
    if (config_decides(config_of(r), r->options.id)) return true;
    /* A change that takes us out may need us until it is committed: those who stay can be unable to
     * elect anybody whose log is as long as ours (Raft §4.2.2). */
    return config_pending(r) &&
           config_decides(log_config_at(&r->log, r->commit_index), r->options.id);
}

/* Whose answer matters. An uncertain replica that could decide a half alone may have forgotten that
 * it promoted somebody, and only its learners could tell it; where a majority takes two, another
 * voter of the configuration it remembers holds what followed, and will say no. */
static bool is_asked(const struct raft *r, uint64_t id)
{
    const struct raft_config *c = config_of(r);
    bool alone = c->voter_count == 1 || c->outgoing_count == 1;
    return config_decides(c, id) || (r->uncertain && alone && raft_config_has(c, id));
}

/* ---- counting ---- */

static struct vote_record *vote_of(struct raft *r, uint64_t id)
{
    for (uint32_t i = 0; i < r->vote_count; i++)
        if (r->votes[i].id == id) return &r->votes[i];
    return NULL;
}

static void vote_add(struct raft *r, uint64_t id, bool granted, bool uncertain, uint64_t life)
{
    /* K4: only voters of the configuration in force are counted, whoever answers. */
    bool counts = is_asked(r, id) || MUTANT("k4_count_any_vote");
    if (!counts || vote_of(r, id) != NULL) return;
    ASSERT(r->vote_count < RAFT_MEMBERS_MAX);
    r->votes[r->vote_count++] = (struct vote_record){id, granted, uncertain, life};
}

static const struct vote_record *vote_find(const void *ctx, uint64_t id)
{
    const struct raft *r = ctx;
    for (uint32_t i = 0; i < r->vote_count; i++)
        if (r->votes[i].id == id) return &r->votes[i];
    return NULL;
}

static enum ballot ballot_certain(const void *ctx, uint64_t id)
{
    const struct vote_record *v = vote_find(ctx, id);
    if (v == NULL) return BALLOT_NONE;
    if (!v->granted) return BALLOT_NO;
    if (MUTANT("uncertain_vote_counts")) return BALLOT_YES;
    return v->uncertain ? BALLOT_NONE : BALLOT_YES;
}

/* An uncertain vote may come from one that has forgotten an entry or a vote. It counts only when
 * all who are asked agree: then nobody remembers anything that speaks against it. */
bool election_unanimous(const struct raft *r)
{
    uint64_t ids[RAFT_MEMBERS_MAX];
    const struct raft_config *c = config_of(r);
    uint32_t count = config_members(c, ids);
    for (uint32_t i = 0; i < count; i++) {
        if (!is_asked(r, ids[i])) continue;
        const struct vote_record *v = vote_find(r, ids[i]);
        if (v == NULL || !v->granted) return false;
    }
    return c->voter_count > 0;
}

static enum quorum votes_counted(const struct raft *r)
{
    if (MUTANT("k4_count_any_vote")) { /* heads instead of members */
        uint32_t yes = 0;
        for (uint32_t i = 0; i < r->vote_count; i++)
            yes += r->votes[i].granted;
        return yes > config_of(r)->voter_count / 2 ? QUORUM_WON : QUORUM_PENDING;
    }
    enum quorum q = config_quorum(config_of(r), ballot_certain, r);
    /* Who is uncertain needs all of them: it may have forgotten a vote by which another still wins. A
     * majority that is certain without it elects one of its own (README). */
    if (q == QUORUM_WON && r->uncertain && !MUTANT("uncertain_wins_by_majority")) q = QUORUM_PENDING;
    return q == QUORUM_PENDING && election_unanimous(r) ? QUORUM_WON : q;
}

static void votes_decide(struct raft *r)
{
    enum quorum q = votes_counted(r);
    if (q == QUORUM_PENDING) return;
    if (r->role == RAFT_ROLE_PRE_CANDIDATE && q == QUORUM_WON) {
        election_start(r, false, r->forced);
        return;
    }
    if (q == QUORUM_LOST) {
        COVER("raft_election_lost");
        become_follower(r, r->term, 0);
        return;
    }
    /* Only one whose term is durable may lead: else a crash could make it lead the same term twice.
     * Requests wait for that, so there is no answer before it. */
    ASSERT(hard_state_durable(r));
    leader_become(r);
}

/* ---- campaigning ---- */

static void ask_votes(struct raft *r, enum raft_message_kind kind, bool force)
{
    struct raft_message m = {.kind = kind, .force = force, .log_index = r->log.last_index};
    m.read_seq = r->campaign_seq;
    if (force) {
        m.hint_term = r->release.term;
        m.hint_index = r->release.index;
    }
    m.log_term = log_last_term(&r->log);
    m.term = kind == RAFT_MESSAGE_PRE_VOTE ? r->term + 1 : r->term;
    uint64_t ids[RAFT_MEMBERS_MAX];
    const struct raft_config *c = config_of(r);
    uint32_t count = config_members(c, ids);
    for (uint32_t i = 0; i < count; i++) {
        if (ids[i] == r->options.id || !is_asked(r, ids[i])) continue;
        m.to = ids[i];
        /* A request leaves when the term is durable, and with it the log that it speaks of: a
         * candidate that forgot both could collect the answers in its next life (README, What waits
         * for the disk). */
        bool waits = kind == RAFT_MESSAGE_VOTE && !MUTANT("k11_vote_asked_before_durable");
        if (waits)
            send_when_durable(r, &m);
        else
            send_now(r, &m);
    }
}

void election_start(struct raft *r, bool pre_vote, bool force)
{
    ASSERT(r->role != RAFT_ROLE_LEADER);
    ASSERT(!r->uncertain || !force);
    role_move(r, pre_vote ? RAFT_ROLE_PRE_CANDIDATE : RAFT_ROLE_CANDIDATE);
    r->vote_count = 0;
    r->campaign_seq =
        ++r->forward_seq; /* an answer to an earlier campaign, or life, is none to this */
    r->forced = force;
    /* K5: whoever campaigns has given up on its leader, else it would refuse others for its sake.
     */
    if (!MUTANT("k5_candidate_keeps_leader") || !pre_vote) r->leader = 0;
    election_reset_timer(r);
    if (pre_vote) {
        vote_add(r, r->options.id, true, r->uncertain, r->life);
        ask_votes(r, RAFT_MESSAGE_PRE_VOTE, force);
        votes_decide(r); /* a sole voter needs nobody else */
        return;
    }
    r->term++;
    r->vote = r->options.id;
    r->verified_index = 0;
    r->ack_due = false;
    r->held_count = 0;
    ask_votes(r, RAFT_MESSAGE_VOTE, force);
}

/* An election ran out of time. Where the cause is a slow machine, asking sooner than it can answer makes it slower:
 * thousands of groups on one disk would never elect anybody again. */
static void campaign_was_in_vain(struct raft *r)
{
    if (r->role != RAFT_ROLE_CANDIDATE || MUTANT("election_without_back_off")) return;
    COVER("raft_campaign_in_vain");
    if (r->campaigns_in_vain < RAFT_BACK_OFF_MAX) r->campaigns_in_vain++;
}

void election_on_persisted(struct raft *r)
{
    if (r->role != RAFT_ROLE_CANDIDATE || !hard_state_durable(r)) return;
    ASSERT(r->vote == r->options.id);
    vote_add(r, r->options.id, true, r->uncertain, r->life);
    votes_decide(r);
}

bool raft_due_to_stand(struct raft *r, uint64_t now_ns)
{
    if (now_ns > r->now_ns) r->now_ns = now_ns;
    bool due = r->role != RAFT_ROLE_LEADER && !r->resting && r->now_ns >= r->election_deadline_ns;
    return due && election_may_campaign(r) && lease_may_campaign(r);
}

void election_on_timer(struct raft *r)
{
    if (!hard_state_durable(r) && !MUTANT("election_outruns_the_disk")) {
        /* Our own disk still writes the last vote or term, and nobody hears of it before; then the time begins. */
        COVER("raft_election_waits_for_the_disk");
        election_reset_timer(r);
        return;
    }
    campaign_was_in_vain(r);
    if (election_may_campaign(r) && !lease_may_campaign(r)) {
        COVER("raft_bound_voter_waits");
        lease_ask_back(r);
        r->leader = 0;
        election_reset_timer(r);
        /* All who are bound are freed at about the same time; who was due anyway stands soon after. */
        uint64_t free_ns = lease_free_ns(r) + prng_below(&r->prng, r->options.heartbeat_ns);
        if (free_ns < r->election_deadline_ns) r->election_deadline_ns = free_ns;
        return;
    }
    if (election_may_campaign(r)) {
        /* A candidate that found no majority asks first whether it is worth it, like any other. */
        if (r->role == RAFT_ROLE_CANDIDATE) become_follower(r, r->term, 0);
        election_start(r, true, false);
        return;
    }
    r->leader = 0; /* it has been silent for too long to be named */
    election_reset_timer(r);
}

void election_on_timeout_now(struct raft *r, const struct raft_message *m)
{
    bool may = election_may_campaign(r) && !r->uncertain; /* who is uncertain has to ask first */
    if (r->leader != m->from || r->role != RAFT_ROLE_FOLLOWER || !may) {
        COVER("raft_timeout_now_refused");
        return;
    }
    r->release = (struct log_pos){m->term, m->read_seq};
    if (!lease_may_grant(r, 0, r->release)) {
        COVER("raft_timeout_now_bound");
        return;
    }
    election_start(r, false, true);
}

/* ---- answering ---- */

static bool log_as_recent(const struct raft *r, const struct raft_message *m)
{
    struct log_pos theirs = {m->log_term, m->log_index};
    struct log_pos own = {log_last_term(&r->log), r->log.last_index};
    return log_pos_at_least(theirs, own); /* Raft §3.6.1 */
}

/* A vote that a transfer asked for names what was released: the term, and the fortification in it. */
static struct log_pos release_of(const struct raft_message *m)
{
    if (!m->force) return (struct log_pos){0, 0};
    return (struct log_pos){m->hint_term, m->hint_index};
}

bool election_may_grant(struct raft *r, const struct raft_message *m)
{
    if (MUTANT("lease_votes_while_bound") && !lease_silent(r)) return true;
    /* A leader that aborted a transfer and was fortified anew is not deposed by its late vote. */
    bool leads = r->role == RAFT_ROLE_LEADER;
    struct log_pos own = {r->term, r->fortify_seq};
    if (leads && m->force && !log_pos_at_least(release_of(m), own) && lease_until(r) > r->now_ns) return false;
    if (lease_may_grant(r, m->log_term, release_of(m))) return true;
    lease_ask_back(r);
    return false;
}

/* Learners and replicas that nobody has told of their promotion answer like any other: the
 * candidate knows whose vote counts (K3). A lost replica has nothing to judge a log by (FAST'18). */
static bool may_answer(const struct raft *r)
{
    if (r->lost && !MUTANT("lost_replica_votes")) return false;
    return !MUTANT("k3_learner_refuses") || config_decides(config_of(r), r->options.id);
}

static void answer_pre_vote(struct raft *r, const struct raft_message *m)
{
    struct raft_message reply = {.kind = RAFT_MESSAGE_PRE_VOTE_REPLY, .to = m->from};
    reply.read_seq = m->read_seq;
    bool sticky = election_sticky(r) && !m->force;
    bool granted = m->term > r->term && !sticky && log_as_recent(r, m) && may_answer(r);
    if (granted) granted = election_may_grant(r, m);
    reply.reject = !granted;
    reply.uncertain = r->uncertain;
    /* K5: a grant speaks of the term that was asked about, a refusal of our own. */
    if (granted && !MUTANT("k5_pre_vote_own_term")) reply.term = m->term;
    /* K6: a pre-vote promises nothing, so it must not keep us from campaigning. */
    if (granted && MUTANT("k6_pre_vote_resets_timer")) election_reset_timer(r);
    send_now(r, &reply);
}

static void answer_vote(struct raft *r, const struct raft_message *m)
{
    ASSERT(m->term == r->term);
    struct raft_message reply = {.kind = RAFT_MESSAGE_VOTE_REPLY, .to = m->from};
    reply.read_seq = m->read_seq;
    bool free_to_vote = r->vote == m->from || (r->vote == 0 && r->leader == 0);
    if (free_to_vote && log_as_recent(r, m) && may_answer(r) && election_may_grant(r, m)) {
        ASSERT(r->role != RAFT_ROLE_LEADER);
        r->vote = m->from;
        election_reset_timer(r);
        reply.uncertain = r->uncertain;
        send_when_durable(r, &reply); /* K10 */
        return;
    }
    reply.reject = true;
    reply.uncertain = r->uncertain;
    send_now(r, &reply);
}

void election_on_vote_request(struct raft *r, const struct raft_message *m)
{
    if (m->kind == RAFT_MESSAGE_PRE_VOTE)
        answer_pre_vote(r, m);
    else
        answer_vote(r, m);
}

void election_on_vote_reply(struct raft *r, const struct raft_message *m)
{
    bool pre = m->kind == RAFT_MESSAGE_PRE_VOTE_REPLY;
    if (r->role != (pre ? RAFT_ROLE_PRE_CANDIDATE : RAFT_ROLE_CANDIDATE)) return;
    if (m->read_seq != r->campaign_seq) {
        COVER("raft_vote_reply_of_another_campaign");
        return;
    }
    /* A granted pre-vote carries the term we would have; a refusal of our own term is one, too. */
    if (pre && !m->reject && m->term != r->term + 1) return;
    if (!pre && m->term != r->term) return;
    vote_add(r, m->from, !m->reject, m->uncertain, m->uncertain ? m->support_epoch : 0);
    votes_decide(r);
}
