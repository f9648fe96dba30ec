/* Messages on their way out: at once, or when the hard state that they speak for is durable. */
#include "raft/raft_int.h"

static void queue(struct raft *r, const struct raft_message *m, uint64_t first_index,
                  bool from_window)
{
    ASSERT(m->kind != 0);
    ASSERT(m->to != 0 && m->to != r->options.id);
    if (!array_reserve((void **)&r->messages, &r->message_capacity, r->message_count + 1,
                       sizeof *r->messages) ||
        !array_reserve((void **)&r->queued, &r->queued_capacity, r->message_count + 1,
                       sizeof *r->queued))
        return;
    r->queued[r->message_count] = (struct queued_message){first_index, from_window};
    r->messages[r->message_count++] = *m;
}

static struct raft_message stamped(const struct raft *r, const struct raft_message *m)
{
    struct raft_message copy = *m;
    copy.from = r->options.id;
    if (copy.term == 0) copy.term = r->term;
    if (copy.uncertain) copy.support_epoch = r->life;
    return copy;
}

void send_entries(struct raft *r, const struct raft_message *m, uint64_t first_index,
                  bool from_window)
{
    struct raft_message copy = stamped(r, m);
    queue(r, &copy, first_index, from_window);
}

void send_now(struct raft *r, const struct raft_message *m)
{
    ASSERT(m->entry_count == 0);
    send_entries(r, m, 0, false);
}

/* The ticket under which the hard state in force is, or will be, handed out. */
static uint64_t hard_state_due(const struct raft *r)
{
    bool handed = r->term == r->handed_term && r->vote == r->handed_vote;
    return handed ? r->hard_state_ticket : r->ticket + 1;
}

bool hard_state_durable(const struct raft *r)
{
    return hard_state_due(r) <= r->persisted_ticket;
}

void send_when_durable(struct raft *r, const struct raft_message *m)
{
    if (hard_state_durable(r) || MUTANT("k10_vote_before_durable")) {
        send_now(r, m);
        return;
    }
    if (r->held_count == RAFT_HELD_MAX) {
        COVER("raft_held_overflow");
        array_shift(r->held, &r->held_count, 1, sizeof *r->held);
    }
    if (!array_reserve((void **)&r->held, &r->held_capacity, r->held_count + 1, sizeof *r->held))
        return;
    r->held[r->held_count++] = (struct held_message){hard_state_due(r), stamped(r, m)};
}
