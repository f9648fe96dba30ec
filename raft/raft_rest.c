/* Groups at rest (README, Rest): while the stores support each other, a group in which everybody has everything
 * sends nothing and needs no timer. None of this bears on safety: it only says when nobody has to speak. */
#include "raft/raft_int.h"

#include <stdlib.h>

/* ---- the leader ---- */

static const struct raft_support *support_of(const struct raft *r, uint64_t member)
{
    for (uint32_t i = 0; i < r->support_count; i++)
        if (r->supports[i].member == member) return &r->supports[i];
    return NULL;
}

/* Its store supported ours once and does not now: it is down or cut off, and there is nobody to talk to. It comes
 * back with support, which is news. */
static bool is_away(const struct raft *r, const struct raft_support *s)
{
    return s != NULL && s->received_epoch != 0 && r->now_ns >= s->received_until_ns;
}

/* It keeps its timer still because it promised us to, and takes entries as they come. */
static bool keeps_up(const struct raft *r, const struct progress *p, const struct raft_support *s)
{
    if (s == NULL || r->now_ns >= s->received_until_ns) return false;
    if (p->fortified_epoch == 0 || p->fortified_epoch != s->received_epoch) return false;
    if (p->state != PROGRESS_REPLICATE) return false;
    return p->settle_index == 0 || MUTANT("rest_in_doubt");
}

/* It has the whole log, too. */
static bool has_all(const struct raft *r, const struct progress *p, const struct raft_support *s)
{
    return keeps_up(r, p, s) && p->match == r->log.last_index;
}

/* It also knows that all of it is committed, and has said so in this life of its store. */
static bool is_content(const struct raft *r, const struct progress *p, const struct raft_support *s)
{
    if (!has_all(r, p, s)) return false;
    if (p->commit_acked != r->commit_index && !MUTANT("rest_before_commit_is_known")) return false;
    return p->round_acked >= p->confirm_round;
}

bool rest_allowed(const struct raft *r)
{
    ASSERT(r->role == RAFT_ROLE_LEADER);
    return lease_until(r) > r->now_ns || MUTANT("rest_without_lease");
}

bool rest_skips(const struct raft *r, const struct progress *p)
{
    const struct raft_support *s = support_of(r, p->id);
    return is_away(r, s) || is_content(r, p, s);
}

static bool leader_rests(const struct raft *r)
{
    if (r->transfer_target != 0 || r->pending_read_count > 0 || r->window.pending) return false;
    if (r->commit_index != r->log.last_index) return false;
    for (uint32_t i = 0; i < r->progress_count; i++)
        if (!rest_skips(r, &r->progress[i])) return false;
    return rest_allowed(r);
}

/* After how many heartbeats the next round is due; what can wait for it, and for how long:
 * - Nothing but that some members hear that the last command is committed. The next append says it as well, so whoever writes
 *   now and then needs no round in between. What changes the members, and a new leader's first entry, is told soon.
 * - Entries are on their way to members that keep up, or to their disks. A round says nothing to them that is not on its way
 *   already; it would only find out that something was lost. Where disks are slow, rounds of thousands of groups, each
 *   for one entry, would make them slower. */
static uint32_t round_wait(const struct raft *r)
{
    uint64_t last = r->log.last_index;
    if (r->transfer_target != 0 || r->pending_read_count > 0 || r->window.pending) return 1;
    if (r->commit_index < r->first_own_index || config_pending(r)) return 1;
    bool quiet = r->commit_index == last && last > r->first_own_index && log_config(&r->log)->index != last;
    if (r->commit_index == last && !quiet) return 1;
    for (uint32_t i = 0; i < r->progress_count; i++) {
        const struct progress *p = &r->progress[i];
        const struct raft_support *s = support_of(r, p->id);
        if (is_away(r, s)) continue;
        if (p->round_acked < p->confirm_round && !MUTANT("rest_patient_across_lives")) return 1;
        if (p->lagging || !keeps_up(r, p, s)) {
            if (!MUTANT("rest_patient_with_who_lags")) return 1;
        }
        if (p->match != last && !MUTANT("rest_quiet_while_behind")) quiet = false;
    }
    if (!rest_allowed(r)) return 1;
    if (quiet) return MUTANT("rest_never_quiet") ? 1 : RAFT_QUIET_HEARTBEATS;
    return MUTANT("rest_never_patient") ? 1 : RAFT_PATIENT_HEARTBEATS;
}

/* When the next round is due. */
static void leader_time_round(struct raft *r)
{
    uint32_t wait = round_wait(r);
    uint64_t due_ns = r->now_ns + wait * r->options.heartbeat_ns;
    if (wait > r->round_wait || r->resting || r->heartbeat_deadline_ns > due_ns) r->heartbeat_deadline_ns = due_ns;
    r->round_wait = wait;
}

/* When the first support ends that a resting leader was told of and relies on. */
static uint64_t leader_rest_until(const struct raft *r)
{
    uint64_t until_ns = UINT64_MAX;
    for (uint32_t i = 0; i < r->progress_count; i++) {
        const struct raft_support *s = support_of(r, r->progress[i].id);
        if (s == NULL || is_away(r, s)) continue;
        if (s->received_until_ns < until_ns) until_ns = s->received_until_ns;
    }
    return until_ns;
}

/* A member whose store has begun a new epoch of support may have a new life in it, which knows other things
 * (doubts, commit): it is content after a round that begins now. */
void rest_begin_anew(struct raft *r, uint64_t member)
{
    struct progress *p = leader_progress(r, member);
    if (p == NULL || MUTANT("rest_across_lives")) return;
    p->confirm_round = r->round + 1;
    p->commit_acked = 0;
}

/* The store of a member that keeps its promise has answered: so much for its silence. Support is counted from
 * the moment at which it was asked for, silence_ns before its end. That may be later than our own last step: a group at
 * rest has none for minutes, and is asked for a transfer then. */
void rest_note_contact(struct raft *r, const struct raft_support *s)
{
    struct progress *p = r->role == RAFT_ROLE_LEADER ? leader_progress(r, s->member) : NULL;
    if (p == NULL || p->fortified_epoch == 0 || p->fortified_epoch != s->received_epoch) return;
    if (s->received_until_ns <= r->options.silence_ns) return;
    uint64_t asked_ns = s->received_until_ns - r->options.silence_ns;
    if (asked_ns > r->now_ns && MUTANT("rest_takes_for_dead")) asked_ns = r->now_ns;
    if (asked_ns > p->contact_ns) p->contact_ns = asked_ns;
}

/* ---- a follower ---- */

/* Bound to the leader it has: standing is not allowed before the support ends. */
bool rest_holds(const struct raft *r)
{
    return r->role == RAFT_ROLE_FOLLOWER && r->leader != 0 && r->promise.member == r->leader &&
           r->promise.term == r->term && !r->uncertain && lease_bound(r);
}

/* Those that were held by one leader are freed at the same time, and two who stand at once win nothing: they
 * take turns, in an order that all know and that changes with the term. */
static uint64_t turn_of(const struct raft *r)
{
    uint64_t ids[RAFT_MEMBERS_MAX];
    uint32_t count = config_members(config_of(r), ids), own = 0, others = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (ids[i] == r->leader || !config_decides(config_of(r), ids[i])) continue;
        if (ids[i] == r->options.id) own = others;
        others++;
    }
    return others == 0 ? 0 : (own + r->term) % others;
}

static void stand_in_turn(struct raft *r)
{
    uint64_t wait_ns = turn_of(r) * RAFT_TURN_HEARTBEATS * r->options.heartbeat_ns;
    if (wait_ns > r->options.election_timeout_ns) wait_ns = r->options.election_timeout_ns;
    r->election_deadline_ns = r->now_ns + wait_ns + prng_below(&r->prng, r->options.heartbeat_ns);
}

/* A leader that stepped down says so once, and the word may be lost; it may then be unable to stand itself. So a
 * held follower that is woken without a reason asks. */
void rest_on_timer(struct raft *r)
{
    ASSERT(r->resting);
    if (r->role == RAFT_ROLE_FOLLOWER && rest_holds(r)) lease_ask_back(r);
}

/* What only an active leader needs: there may be thousands of groups. */
static void rest_give_back(struct raft *r)
{
    for (uint32_t i = 0; i < r->progress_count; i++) {
        struct progress *p = &r->progress[i];
        if (p->ring_count > 0) continue;
        free(p->ring);
        p->ring = NULL;
        p->ring_head = 0;
    }
}

/* Nobody was spoken to while it rested, so silence means nothing yet: a quorum has an election timeout to answer. Where
 * the lease is gone, members are told at once that their leader lives: they are free to stand. */
static void leader_wakes(struct raft *r)
{
    if (!MUTANT("rest_wakes_deposed")) r->awake_ns = r->now_ns;
    if (!rest_allowed(r)) r->heartbeat_deadline_ns = r->now_ns;
}

void rest_update(struct raft *r)
{
    bool rests = r->role == RAFT_ROLE_LEADER ? leader_rests(r) : rest_holds(r);
    if (rests) {
        r->election_deadline_ns = 0; /* not running */
        r->round_wait = 1;
        if (!r->resting) rest_give_back(r);
    } else if (r->role == RAFT_ROLE_LEADER) {
        leader_time_round(r);
        if (r->resting) leader_wakes(r);
    } else if (r->election_deadline_ns == 0) {
        COVER("raft_held_follower_freed");
        stand_in_turn(r);
    }
    r->resting = rests;
}

uint64_t rest_until(const struct raft *r)
{
    ASSERT(r->resting);
    if (r->role == RAFT_ROLE_LEADER) return leader_rest_until(r);
    return support_of(r, r->promise.member)->given_until_ns;
}
