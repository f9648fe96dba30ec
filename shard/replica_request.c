/* What is asked of a replica: to have a command in its log, and to confirm that it leads. Each wait ends once, whatever
 * becomes of the replica. */
#include <stdlib.h>

#include "shard/range_change.h"

#define READ_RETRY_NS 20000000u /* a lost ReadIndex round is asked again */

/* ---- proposals ---- */

void shard_command_begin(struct buf *out)
{
    ASSERT(out->size == 0);
    put_u8(out, SHARD_COMMAND_APP);
    put_u32(out, 0);
}

void shard_command_end(struct buf *out)
{
    if (!out->failed) store_le32(out->data + 1, (uint32_t)(out->size - SHARD_COMMAND_HEAD_BYTES));
}

/* The commands of a turn go to the log and to the others together, at its end. */
void replica_flush(struct replica *r)
{
    struct raft_event event = {.kind = RAFT_EVENT_FLUSH};
    bool was_dirty = !list_empty(&r->dirty_link);
    list_remove(&r->held_link); /* also when the store has failed */
    if (replica_step_fed(r, &event) != STATUS_OK) COVER("shard_flush_refused");
    if (!was_dirty && r->applied.index >= r->commit_index) list_remove(&r->dirty_link); /* nothing is new to the turn */
}

enum status replica_propose(struct replica *r, struct bytes command, uint64_t timeout_ns,
                            struct proposal *p)
{
    ASSERT(p->on_done != NULL);
    struct store *s = r->store;
    uint64_t now_ns = env_lately_ns(s->env);
    if (s->failed || s->stopping || r->state != REPLICA_STATE_RUNNING) return STATUS_NOT_LEADER;
    if (merge_closes(r, command)) return STATUS_BUSY;
    if (space_refuses(s, r->range)) {
        s->metrics.proposals_refused++;
        return STATUS_NO_SPACE;
    }
    if (lsm_pressure(s->lsm) >= 100 || s->overflow_bytes > (8u << 20)) {
        s->metrics.proposals_refused++;
        return STATUS_BUSY;
    }
    struct raft_event event = {.kind = RAFT_EVENT_PROPOSE};
    event.propose.payload = command;
    event.propose.more = true;
    event.propose.joins = command.size > 0 && command.data[0] == SHARD_COMMAND_APP;
    /* Nothing is applied inside a step, so the proposal may be listed after it. */
    enum status status = replica_step_proposing(r, &event, &p->pos);
    if (status != STATUS_OK) {
        s->metrics.proposals_refused++;
        return status == STATUS_FENCED ? STATUS_NOT_LEADER : status;
    }
    if (list_empty(&r->held_link)) list_push_back(&s->held, &r->held_link);
    s->metrics.proposals++;
    p->started_ns = now_ns;
    p->deadline_ns = now_ns + timeout_ns;
    list_push_back(&r->proposals, &p->link);
    if (p->deadline_ns < r->proposal_deadline_ns) r->proposal_deadline_ns = p->deadline_ns;
    return STATUS_OK;
}

void proposals_end_all(struct replica *r, enum status status)
{
    struct list *item;
    while ((item = list_pop_front(&r->proposals)) != NULL) {
        struct proposal *p = CONTAINER_OF(item, struct proposal, link);
        p->on_done(p, status, BYTES_EMPTY);
    }
}

void proposals_expire(struct replica *r, uint64_t now_ns)
{
    if (now_ns < r->proposal_deadline_ns) return;
    struct list expired;
    list_init(&expired);
    r->proposal_deadline_ns = TIMER_NEVER;
    LIST_FOR_EACH_SAFE(item, &r->proposals) {
        struct proposal *p = CONTAINER_OF(item, struct proposal, link);
        if (p->deadline_ns <= now_ns) {
            list_remove(item);
            list_push_back(&expired, item);
        } else if (p->deadline_ns < r->proposal_deadline_ns) {
            r->proposal_deadline_ns = p->deadline_ns;
        }
    }
    struct list *item;
    while ((item = list_pop_front(&expired)) != NULL) {
        struct proposal *p = CONTAINER_OF(item, struct proposal, link);
        COVER("shard_proposal_expired");
        p->on_done(p, STATUS_UNKNOWN_OUTCOME, BYTES_EMPTY);
    }
}

/* ---- reads ---- */

static void read_ask(struct replica *r, struct read_wait *w)
{
    w->context = r->next_read_context++;
    struct raft_event event = {.kind = RAFT_EVENT_READ, .read_context = w->context};
    if (replica_step(r, &event) != STATUS_OK) w->context = 0;
}

void replica_read(struct replica *r, uint64_t timeout_ns, struct read_wait *w)
{
    ASSERT(w->on_done != NULL);
    w->confirmed = false;
    w->context = 0;
    w->deadline_ns = env_now_ns(r->store->env) + timeout_ns;
    w->leased = replica_leased(r);
    list_push_back(&r->reads, &w->link);
    if (w->leased) {
        w->index = raft_commit_index(r->raft);
    } else {
        read_ask(r, w);
    }
    store_mark_dirty(r->store, r);
}

bool replica_read_at_once(struct replica *r)
{
    if (r->applied.index < raft_commit_index(r->raft) || !replica_leased(r)) return false;
    r->store->metrics.reads_leased++;
    return true;
}

void replica_read_cancel(struct read_wait *w)
{
    if (w->link.next != NULL && !list_empty(&w->link)) list_remove(&w->link);
}

/* The lease is looked at again when the read goes on, in the step that then reads: what stalled in between
 * may have outlived it (R2, K18). Once for all that wait: all their timestamps were taken before. */
static bool read_due(struct replica *r, struct read_wait *w, bool leased)
{
    if (w->leased && !leased) {
        COVER("shard_lease_ran_out_under_a_read");
        w->leased = false;
        w->context = 0; /* a round is asked for below */
        return false;
    }
    if (!w->leased && !w->confirmed && leased) { /* it came before the round that was asked for */
        COVER("shard_lease_comes_under_a_read");
        w->leased = true;
        w->context = 0;
        w->index = raft_commit_index(r->raft);
    }
    if (!w->leased && !w->confirmed) return false;
    return r->applied.index >= w->index;
}

static void read_end(struct read_wait *w, enum status status)
{
    list_remove(&w->link);
    w->on_done(w, status);
}

void reads_end_all(struct replica *r, enum status status)
{
    while (!list_empty(&r->reads))
        read_end(CONTAINER_OF(r->reads.next, struct read_wait, link), status);
}

/* Answers what can be answered, of those that wait now. on_done may add waits, whose turn is the next one, and
 * cancel others. */
void reads_turn(struct replica *r, uint64_t now_ns)
{
    if (list_empty(&r->reads)) return;
    struct list now, waiting;
    list_init(&now);
    list_init(&waiting);
    struct list *item;
    while ((item = list_pop_front(&r->reads)) != NULL) list_push_back(&now, item);
    bool leased = replica_leased(r);
    while ((item = list_pop_front(&now)) != NULL) {
        struct read_wait *w = CONTAINER_OF(item, struct read_wait, link);
        list_push_back(&waiting, item);
        if (read_due(r, w, leased)) {
            if (w->leased) r->store->metrics.reads_leased++;
            else r->store->metrics.reads_confirmed++;
            read_end(w, STATUS_OK);
        } else if (now_ns >= w->deadline_ns) {
            read_end(w, STATUS_TIMEOUT);
        } else if (w->context == 0 && !w->leased && !raft_leads(r->raft)) {
            read_end(w, STATUS_NOT_LEADER);
        }
    }
    while ((item = waiting.prev) != &waiting) { /* in front of those that have come meanwhile */
        struct read_wait *w = CONTAINER_OF(item, struct read_wait, link);
        list_remove(item);
        list_push_front(&r->reads, item);
        if (w->context == 0 && !w->confirmed && !w->leased) read_ask(r, w);
    }
}
