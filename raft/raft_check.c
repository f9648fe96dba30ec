/* The invariants of a group, checked at the end of every step. Numbers as in README.md. */
#include "raft/raft_int.h"

static void check_indexes(const struct raft *r)
{
    const struct raft_log *l = &r->log;
    ASSERT(l->start.index <= r->applied_index);                           /* RAFT-1 */
    ASSERT(r->applied_index <= r->commit_index);                          /* RAFT-1 */
    ASSERT(r->commit_index <= l->last_index);                             /* RAFT-1 */
    ASSERT(r->applied_index <= r->persisted_index);                       /* RAFT-2 */
    ASSERT(r->persisted_index <= r->handed_index);                        /* RAFT-2 */
    ASSERT(r->handed_index <= l->last_index);                             /* RAFT-2 */
    ASSERT(log_last_term(l) <= r->term || !r->started);                   /* RAFT-3 */
    ASSERT(log_cache_first(l) <= r->applied_index + 1);                   /* RAFT-4 */
    ASSERT(log_config(l)->index <= l->last_index);                        /* RAFT-5 */
    ASSERT(r->commit_index < l->last_index || r->uncommitted_bytes == 0); /* RAFT-6 */
}

static void check_role(const struct raft *r)
{
    switch (r->role) {
    case RAFT_ROLE_LEADER:
        ASSERT(r->leader == r->options.id); /* RAFT-7 */
        ASSERT(r->vote == r->options.id);
        ASSERT(hard_state_durable(r)); /* RAFT-8 */
        ASSERT(!r->uncertain && !r->lost);
        ASSERT(log_last_term(&r->log) == r->term);
        break;
    case RAFT_ROLE_CANDIDATE:
        ASSERT(r->leader == 0);
        ASSERT(r->vote == r->options.id); /* RAFT-7 */
        break;
    case RAFT_ROLE_PRE_CANDIDATE:
    case RAFT_ROLE_FOLLOWER:
        ASSERT(r->leader != r->options.id); /* RAFT-7 */
        ASSERT(r->progress_count == 0);
        ASSERT(r->transfer_target == 0);
        break;
    }
    ASSERT(r->verified_index <= r->log.last_index); /* RAFT-9 */
    ASSERT(r->promise.member == 0 || r->promise.term <= r->term); /* RAFT-13 */
    ASSERT(r->promise.member != r->options.id);
    ASSERT(r->role == RAFT_ROLE_LEADER || !r->transfer_sent); /* RAFT-14 */
    ASSERT(r->role == RAFT_ROLE_LEADER || !r->heir);          /* RAFT-15 */
}

static void check_progress(const struct raft *r, const struct progress *p)
{
    ASSERT(p->id != r->options.id);
    ASSERT(p->match < p->next); /* RAFT-10 */
    ASSERT(p->next <= r->log.last_index + 1);
    ASSERT(p->ring_count <= r->options.inflight_count_max); /* RAFT-11 */
    ASSERT(p->ring_count > 0 || p->inflight_bytes == 0);
    ASSERT(p->state == PROGRESS_REPLICATE || p->ring_count == 0);
    ASSERT(p->round_acked <= r->round);
}

#ifdef OSTRAKA_SIM
#define WALK_ALWAYS 64u /* longer ones at every eighth index only: else it would be most of what a simulation costs */

/* Walks the cached entries and the runs of terms side by side. */
static void check_entries(const struct raft *r)
{
    const struct raft_log *l = &r->log;
    uint64_t cached = 0, uncommitted = 0, first = log_cache_first(l);
    uint32_t run = 0;
    if (l->count > WALK_ALWAYS && l->last_index % 8 != 0) return;
    ASSERT(l->last_index < first || first >= l->start.index);
    for (uint64_t i = first; i <= l->last_index; i++) {
        const struct raft_entry *e = &l->items[l->head + (i - first)];
        while (run + 1 < l->run_count && l->runs[run + 1].first_index <= i) run++;
        ASSERT(e->index == i);
        ASSERT(e->term == l->runs[run].term);
        cached += entry_bytes(e);
        if (i > r->commit_index) uncommitted += entry_bytes(e);
    }
    ASSERT(cached == l->cached_bytes);
    ASSERT(uncommitted == r->uncommitted_bytes); /* RAFT-6 */
}

static void check_slow(const struct raft *r)
{
    const struct raft_log *l = &r->log;
    check_entries(r);
    for (uint32_t i = 1; i < l->run_count; i++) {
        ASSERT(l->runs[i - 1].first_index < l->runs[i].first_index);
        ASSERT(l->runs[i - 1].term < l->runs[i].term); /* RAFT-3 */
    }
    for (uint32_t i = 1; i < r->mark_count; i++) {
        ASSERT(r->marks[i - 1].ticket < r->marks[i].ticket);
        ASSERT(r->marks[i - 1].index <= r->marks[i].index); /* RAFT-12 */
    }
}
#endif

void raft_check(const struct raft *r)
{
    check_indexes(r);
    check_role(r);
    for (uint32_t i = 0; i < r->progress_count; i++)
        check_progress(r, &r->progress[i]);
#ifdef OSTRAKA_SIM
    check_slow(r);
#endif
}
