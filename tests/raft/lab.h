/* One replica under a microscope: every message it gets is written by hand, every message it sends
 * is kept. Its id is 1; it has applied and made durable only what the test says. */
#ifndef OSTRAKA_TESTS_RAFT_LAB_H
#define OSTRAKA_TESTS_RAFT_LAB_H

#include "tests/raft/sim_node.h"

#define LAB_MS       1000000ull
#define LAB_SENT_MAX 256

struct lab {
    struct sim_hooks hooks;
    struct sim_node node;
    uint64_t now_ns;
    struct raft_message sent[LAB_SENT_MAX]; /* since lab_forget; entries are not kept */
    uint32_t sent_count;
    struct raft_read reads[16];
    uint32_t read_count;
    struct raft_snapshot_request snapshots[16];
    uint32_t snapshot_count;
};

/* Bits of `voters` and `learners` name replicas. */
struct raft_config lab_config(uint32_t voters, uint32_t outgoing, uint32_t learners);
void lab_init(struct lab *l, const struct raft_options *options, struct raft_config config);
void lab_deinit(struct lab *l);
void lab_forget(struct lab *l); /* what was sent so far */
enum status lab_step(struct lab *l, struct raft_event event);
enum status lab_receive(struct lab *l, struct raft_message m); /* to is filled in */
enum status lab_propose(struct lab *l, const char *payload);
/* As one of several of a moment: RAFT_EVENT_FLUSH ends it. */
enum status lab_propose_more(struct lab *l, struct bytes payload, bool joins);
enum status lab_change(struct lab *l, struct raft_config config);
void lab_wait(struct lab *l, uint64_t ns); /* time passes, with the timers that are due */
void lab_sync(struct lab *l);              /* all that was written is durable */
void lab_apply(struct lab *l);
struct raft_status lab_status(const struct lab *l);
/* The newest message of that kind to that replica (0: anyone), or NULL. */
const struct raft_message *lab_sent(const struct lab *l, enum raft_message_kind kind, uint64_t to);
uint32_t lab_sent_count(const struct lab *l, enum raft_message_kind kind, uint64_t to);
/* Makes the replica leader of the next term with votes of the replicas in `voters`; the no-op of
 * its term is written but neither durable nor committed. */
void lab_lead(struct lab *l, uint32_t voters);
/* Replica `from` acknowledges everything up to index, on this leader's term. */
void lab_ack(struct lab *l, uint64_t from, uint64_t index);
/* The leader `from` of `term` sends entries of the given terms after (log_term, log_index). */
enum status lab_append(struct lab *l, uint64_t from, uint64_t term, struct log_pos previous,
                       uint64_t commit, const uint64_t *terms, uint32_t count);
#define LAB_TERMS(...) \
    (const uint64_t[]){__VA_ARGS__}, \
        (uint32_t)(sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

#endif
