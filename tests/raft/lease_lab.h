/* Short words for leases on top of the lab: replica 1 under a microscope, 2 to 5 written by hand.
 */
#ifndef OSTRAKA_TESTS_RAFT_LEASE_LAB_H
#define OSTRAKA_TESTS_RAFT_LEASE_LAB_H

#include "base/assert.h"
#include "tests/raft/lab.h"

/* The store of `member` supports ours in `epoch` until then. */
static inline void lease_received(struct lab *l, uint64_t member, uint64_t epoch, uint64_t until_ns)
{
    struct raft_event event = {.kind = RAFT_EVENT_SUPPORT};
    event.support = (struct raft_support){member, 0, 0, epoch, until_ns};
    enum status status = lab_step(l, event);
    ASSERT(status == STATUS_OK);
}

/* Our store supports that of `member` in `epoch` until then. */
static inline void lease_given(struct lab *l, uint64_t member, uint64_t epoch, uint64_t until_ns)
{
    struct raft_event event = {.kind = RAFT_EVENT_SUPPORT};
    event.support = (struct raft_support){member, epoch, until_ns, 0, 0};
    enum status status = lab_step(l, event);
    ASSERT(status == STATUS_OK);
}

static inline void lease_message(struct lab *l, struct raft_message m)
{
    enum status status = lab_receive(l, m);
    ASSERT(status == STATUS_OK);
}

/* `from` promises replica 1 its support in `epoch` for fortification `seq`. */
static inline void lease_promised(struct lab *l, uint64_t from, uint64_t seq, uint64_t epoch)
{
    lease_message(l, (struct raft_message){.kind = RAFT_MESSAGE_FORTIFY_REPLY,
                                           .from = from,
                                           .term = lab_status(l).term,
                                           .read_seq = seq,
                                           .support_epoch = epoch});
}

/* Replica 1 promises the leader `from` of `term` its support in `epoch` until then. */
static inline void lease_bind(struct lab *l, uint64_t from, uint64_t term, uint64_t seq,
                              uint64_t epoch, uint64_t until_ns)
{
    lease_given(l, from, epoch, until_ns);
    lease_message(l,
                  (struct raft_message){
                      .kind = RAFT_MESSAGE_FORTIFY, .from = from, .term = term, .read_seq = seq});
    lab_sync(l);
    const struct raft_message *reply = lab_sent(l, RAFT_MESSAGE_FORTIFY_REPLY, from);
    ASSERT(reply != NULL && reply->term == term && reply->read_seq == seq);
    ASSERT(reply->support_epoch == epoch);
    lab_forget(l);
}

/* A leader of term 2 among THREE whose own entry is committed, by replica 2. */
static inline void lease_lead(struct lab *l, struct raft_config config)
{
    lab_init(l, NULL, config);
    lab_lead(l, 1u << 2);
    lab_ack(l, 2, 2);
    lab_sync(l);
    ASSERT(lab_status(l).own_term_committed != 0);
}

/* Replica `from` asks for a vote in `term` with a log that ends at log_term/100. */
static inline bool lease_vote_granted(struct lab *l, uint64_t from, uint64_t term,
                                      uint64_t log_term, struct log_pos release)
{
    lab_forget(l);
    lease_message(l, (struct raft_message){.kind = RAFT_MESSAGE_VOTE,
                                           .from = from,
                                           .term = term,
                                           .log_term = log_term,
                                           .log_index = 100,
                                           .force = release.term != 0,
                                           .hint_term = release.term,
                                           .hint_index = release.index});
    lab_sync(l);
    const struct raft_message *reply = lab_sent(l, RAFT_MESSAGE_VOTE_REPLY, from);
    return reply != NULL && !reply->reject;
}

#define LEASE_THREE lab_config(2u | 1u << 2 | 1u << 3, 0, 0)
#define LEASE_NONE  ((struct log_pos){0, 0})

#endif
