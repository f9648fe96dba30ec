/* Linearizable reads without writing (Raft §6.4): the leader notes its commit index, makes sure
 * that it is still the leader by one round of heartbeats, and the read may be served once that
 * index is applied. Reads that arrive while a round is under way share the next one. A follower
 * forwards its reads and serves them itself. */
#include "raft/raft_int.h"

static void answer(struct raft *r, const struct pending_read *p, bool ok, uint64_t index)
{
    if (p->from == 0) {
        ASSERT(r->read_count < r->read_capacity); /* step_reserve */
        r->reads[r->read_count++] = (struct raft_read){p->context, index, ok};
        return;
    }
    struct raft_message m = {.kind = RAFT_MESSAGE_READ_INDEX_REPLY, .to = p->from};
    m.read_seq = p->seq;
    m.commit = index;
    m.reject = !ok;
    send_now(r, &m);
}

static bool add(struct raft *r, struct pending_read p)
{
    if (r->pending_read_count == RAFT_READS_MAX) return false;
    if (!array_reserve((void **)&r->pending_reads, &r->pending_read_capacity,
                       r->pending_read_count + 1, sizeof *r->pending_reads))
        return false;
    r->pending_reads[r->pending_read_count++] = p;
    return true;
}

static void forward(struct raft *r, uint64_t seq)
{
    struct raft_message m = {.kind = RAFT_MESSAGE_READ_INDEX, .to = r->leader, .read_seq = seq};
    send_now(r, &m);
}

enum status read_on_event(struct raft *r, uint64_t context)
{
    struct pending_read p = {.context = context, .deadline_ns = UINT64_MAX};
    if (r->role == RAFT_ROLE_LEADER) return add(r, p) ? STATUS_OK : STATUS_BUSY;
    if (r->leader == 0) {
        answer(r, &p, false, 0);
        return STATUS_OK;
    }
    /* K17: a fresh number for each attempt; an answer to an older one would name an older index. */
    p.seq = ++r->forward_seq;
    p.deadline_ns = r->now_ns + r->options.election_timeout_ns;
    if (!add(r, p)) return STATUS_BUSY;
    forward(r, p.seq);
    return STATUS_OK;
}

void read_on_request(struct raft *r, const struct raft_message *m)
{
    struct pending_read p = {.from = m->from, .seq = m->read_seq, .deadline_ns = UINT64_MAX};
    if (r->role == RAFT_ROLE_LEADER && add(r, p)) return;
    answer(r, &p, false, 0);
}

void read_on_reply(struct raft *r, const struct raft_message *m)
{
    if (r->role != RAFT_ROLE_FOLLOWER || m->from != r->leader) return;
    for (uint32_t i = 0; i < r->pending_read_count; i++) {
        struct pending_read p = r->pending_reads[i];
        if (p.from != 0 || p.seq != m->read_seq) continue;
        r->pending_read_count--;
        memmove(r->pending_reads + i, r->pending_reads + i + 1,
                (r->pending_read_count - i) * sizeof p);
        answer(r, &p, !m->reject, m->commit);
        if (!m->reject) follow_commit(r, m->commit);
        return;
    }
    COVER("raft_read_reply_late");
}

/* ---- rounds ---- */

static uint64_t acked_of(const void *ctx, uint64_t id)
{
    const struct raft *r = ctx;
    if (id == r->options.id) return UINT64_MAX;
    for (uint32_t i = 0; i < r->progress_count; i++)
        if (r->progress[i].id == id)
            return progress_counts(&r->progress[i]) ? r->progress[i].round_acked : 0;
    return 0;
}

static void answer_confirmed(struct raft *r, uint64_t round)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < r->pending_read_count; i++) {
        struct pending_read p = r->pending_reads[i];
        if (p.round != 0 && p.round <= round)
            answer(r, &p, true, p.index);
        else
            r->pending_reads[kept++] = p;
    }
    r->pending_read_count = kept;
}

void read_attach(struct raft *r)
{
    /* K16: until an entry of our own term is committed, ours may be behind what clients have seen.
     */
    if (r->commit_index < r->first_own_index && !MUTANT("k16_read_before_own_commit")) return;
    for (uint32_t i = r->pending_read_count; i > 0; i--) {
        struct pending_read *p = &r->pending_reads[i - 1];
        if (p->round != 0) break; /* those before it have theirs */
        p->round = r->round;
        p->index = r->commit_index;
    }
}

void read_finish(struct raft *r)
{
    ASSERT(r->role == RAFT_ROLE_LEADER);
    if (r->pending_read_count == 0) return;
    if (r->commit_index < r->first_own_index && !MUTANT("k16_read_before_own_commit")) return;
    answer_confirmed(r, config_reached(config_of(r), acked_of, r));
    if (r->pending_read_count == 0) return;
    if (r->pending_reads[0].round != 0) return; /* one is under way: the rest share the next */
    leader_heartbeat(r);
    answer_confirmed(r, config_reached(config_of(r), acked_of, r)); /* a sole voter asks nobody */
}

/* ---- giving up ---- */

void read_fail_all(struct raft *r)
{
    for (uint32_t i = 0; i < r->pending_read_count; i++)
        answer(r, &r->pending_reads[i], false, 0);
    r->pending_read_count = 0;
}

void read_on_timer(struct raft *r)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < r->pending_read_count; i++) {
        struct pending_read p = r->pending_reads[i];
        if (p.deadline_ns <= r->now_ns)
            answer(r, &p, false, 0);
        else
            r->pending_reads[kept++] = p;
    }
    r->pending_read_count = kept;
}

uint64_t read_deadline(const struct raft *r)
{
    return r->pending_read_count == 0 ? UINT64_MAX : r->pending_reads[0].deadline_ns;
}
