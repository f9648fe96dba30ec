/* A group of simulated replicas on a simulated network, with checkers that look after every step:
 *   - at most one leader per term                               (election safety)
 *   - equal (index, term) means equal entry and predecessor     (log matching)
 *   - a new leader has every committed entry                    (leader completeness)
 *   - nobody commits or applies anything else at an index       (state machine safety)
 *   - a read index covers all that was committed when asked     (linearizable reads)
 *   - terms never fall, and hold across crashes
 * A violation prints the seed and aborts. Everything follows from the seed. */
#ifndef OSTRAKA_TESTS_RAFT_CLUSTER_H
#define OSTRAKA_TESTS_RAFT_CLUSTER_H

#include "base/prng.h"
#include "tests/raft/sim_node.h"

#define CLUSTER_NODES_MAX 9
#define CLUSTER_INDEX_MAX 20000
#define CLUSTER_TERM_MAX  5000
#define MS                1000000ull

enum packet_kind { PACKET_MESSAGE, PACKET_SNAPSHOT, PACKET_SNAPSHOT_SENT, PACKET_LOAD };
struct packet {
    enum packet_kind kind;
    uint64_t from, to, deliver_ns, life;
    uint8_t *bytes; /* MESSAGE: encoded */
    size_t size;
    struct sim_state state; /* SNAPSHOT */
    uint64_t term, index;
    bool ok;
};

struct known_entry {
    uint64_t term, previous_term, hash;
};
struct known_index { /* all entries ever written at an index */
    struct known_entry entries[16];
    uint32_t count;
    uint64_t committed_term, applied_hash; /* 0: not yet */
};
struct asked_read {
    uint64_t context, floor; /* floor: what was committed anywhere when it was asked */
    bool open;
};

struct cluster {
    uint64_t seed;
    struct prng prng;
    struct sim_hooks hooks;
    struct sim_node nodes[CLUSTER_NODES_MAX + 1]; /* by id */
    uint64_t sync_due_ns[CLUSTER_NODES_MAX + 1], checked_commit[CLUSTER_NODES_MAX + 1];
    uint64_t least_term[CLUSTER_NODES_MAX + 1];
    bool blocked[CLUSTER_NODES_MAX + 1][CLUSTER_NODES_MAX + 1];
    bool lost_tail[CLUSTER_NODES_MAX + 1], lost_all[CLUSTER_NODES_MAX + 1];
    uint32_t node_count;
    uint64_t now_ns;
    struct packet *packets;
    uint32_t packet_count, packet_capacity;
    struct known_index *known;
    uint64_t leader_of[CLUSTER_TERM_MAX], commit_max;
    struct asked_read reads[1024];
    uint64_t next_context, reads_ok, reads_failed, proposals, elections;
    /* Settings. */
    uint32_t drop_percent, duplicate_percent, slow_percent; /* slow: long delays, so reordering */
    uint64_t delay_max_ns, sync_max_ns;
    bool lazy_apply, keep_logs; /* keep_logs: nodes do not truncate by themselves in chaos */
};

/* Nodes 1..node_count, of which 1..voter_count found the group; the others are newcomers. All run.
 */
struct cluster *cluster_create(uint64_t seed, uint32_t voter_count, uint32_t node_count,
                               const struct raft_options *options);
void cluster_destroy(struct cluster *c);
void cluster_run(struct cluster *c, uint64_t duration_ns);
void cluster_isolate(struct cluster *c, uint64_t id, bool isolated);
void cluster_cut(struct cluster *c, uint64_t a, uint64_t b, bool cut); /* both ways */
void cluster_heal(struct cluster *c);
void cluster_crash(struct cluster *c, uint64_t id);
void cluster_restart(struct cluster *c, uint64_t id);
/* The leader of the highest term, or 0. */
uint64_t cluster_leader(const struct cluster *c);
/* Runs until there is one that has committed in its term; aborts after a long time. */
uint64_t cluster_wait_leader(struct cluster *c);
/* Makes a node leader. */
void cluster_elect(struct cluster *c, uint64_t id);
enum status cluster_propose(struct cluster *c, uint64_t id, size_t size);
enum status cluster_change(struct cluster *c, uint64_t id, uint32_t voters,
                           uint32_t learners); /* bits */
enum status cluster_event(struct cluster *c, uint64_t id, struct raft_event event);
/* Returns the context. */
uint64_t cluster_read(struct cluster *c, uint64_t id);
struct raft_status cluster_status(const struct cluster *c, uint64_t id);
/* Random faults, proposals, reads, changes and transfers; `level` switches kinds of trouble on. */
#define CHAOS_CRASH     1u
#define CHAOS_PARTITION 2u
#define CHAOS_CHANGE    4u
#define CHAOS_TRANSFER  8u
#define CHAOS_TRUNCATE  16u
#define CHAOS_LOST_TAIL 32u
#define CHAOS_ALL       63u
void cluster_chaos(struct cluster *c, uint32_t rounds, uint32_t level);
/* Heals everything and demands that the group comes to rest: one leader, equal logs and states,
 * nothing uncommitted, all reads answered. */
void cluster_converge(struct cluster *c);

#endif
