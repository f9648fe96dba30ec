/* One replica with a simulated disk and state machine, for the tests of raft/. It does what the
 * driver in shard/ does, but every delay and loss is decided by the test. */
#ifndef OSTRAKA_TESTS_RAFT_SIM_NODE_H
#define OSTRAKA_TESTS_RAFT_SIM_NODE_H

#include "raft/raft.h"

/* What the state machine holds: a hash over all commands applied, in order. */
struct sim_state {
    struct log_pos pos;
    uint64_t hash;
    struct raft_config config;
};

enum sim_record_kind {
    SIM_RECORD_HARD_STATE,
    SIM_RECORD_ENTRY,
    SIM_RECORD_START,
    SIM_RECORD_TICKET
};

struct sim_record { /* one record of the log on disk, or on its way there */
    enum sim_record_kind kind;
    struct raft_hard_state hard_state;
    struct raft_entry entry; /* payload owned */
    struct log_pos start;
    uint64_t ticket;
};

struct sim_records {
    struct sim_record *items;
    uint32_t count, capacity;
};

struct sim_node;
struct sim_hooks { /* may not step the node they are called for; NULL: ignored */
    void (*on_message)(void *ctx, struct sim_node *n, const struct raft_message *m);
    void (*on_read)(void *ctx, struct sim_node *n, const struct raft_read *read);
    void (*on_load)(void *ctx, struct sim_node *n, const struct raft_load *load);
    void (*on_snapshot)(void *ctx, struct sim_node *n, const struct raft_snapshot_request *request);
    void (*on_persist)(void *ctx, struct sim_node *n, const struct raft_output *out);
    void (*on_apply)(void *ctx, struct sim_node *n, const struct raft_entry *entry);
    void (*on_role)(void *ctx, struct sim_node *n);
    void *ctx;
    bool trims; /* memory is given back now and then */
};

struct sim_node {
    uint64_t id;
    struct raft_options options;
    const struct sim_hooks *hooks;
    struct raft *raft;                  /* NULL: down */
    uint64_t steps;
    struct sim_state state, flushed;    /* in memory; durable */
    struct sim_records durable, queued; /* the log on disk; what is being written */
    uint64_t commit_index, wake_at_ns;
    uint64_t proposed_index, proposed_term;
    bool load_wanted;
    struct raft_load load;
    uint32_t lives;
    bool wiped; /* its next life begins as a lost replica */
};

/* A founding member: the log starts after (1,1), as bootstrap makes it. voters_count 0: a newcomer.
 */
void sim_node_init(struct sim_node *n, uint64_t id, const struct raft_options *options,
                   const struct sim_hooks *hooks, const struct raft_config *config);
void sim_node_deinit(struct sim_node *n);
/* Starts from what is durable. */
void sim_node_start(struct sim_node *n, uint64_t now_ns, bool uncertain);
/* Loses all but the first `kept` queued records, and the last `lost` durable ones. */
/* While it is down: nothing is left of its disk but its id. */
void sim_node_wipe(struct sim_node *n);
void sim_node_crash(struct sim_node *n, uint32_t kept, uint32_t lost);

enum status sim_node_step(struct sim_node *n, struct raft_event event, uint64_t now_ns);
/* Writes the first `count` queued records and tells the group. True when there was something. */
bool sim_node_sync(struct sim_node *n, uint32_t count, uint64_t now_ns);
/* Applies up to `count` committed entries and tells the group. */
bool sim_node_apply(struct sim_node *n, uint32_t count, uint64_t now_ns);
void sim_node_flush(struct sim_node *n); /* the state becomes durable */
/* Forgets the log up to index, which must be flushed. */
enum status sim_node_truncate(struct sim_node *n, uint64_t index, uint64_t now_ns);
/* Answers the load that is wanted from disk; at most count entries. ok: false lets it fail. */
void sim_node_serve_load(struct sim_node *n, uint32_t count, bool ok, uint64_t now_ns);
/* Takes over a snapshot when the group wants it. */
bool sim_node_install(struct sim_node *n, const struct sim_state *state, uint64_t from,
                      uint64_t term, uint64_t now_ns);
struct raft_status sim_node_status(const struct sim_node *n);

#endif
