/* Which nodes shall hold a range, and which of them shall lead it. Decisions only: who is there, what it
 * holds and what is wanted come in, the next step of one range comes out. Nothing here knows a clock, a
 * store or the network, so every rule can be tried alone (tests/shard/allocator_test.c).
 *
 * The caller keeps the sums of the nodes true: it counts every range once (allocator_count), as it will be
 * when what was decided is done, and counts it anew with each decision. Then decisions about thousands of
 * ranges, made one after another, know of each other before the first of them is carried out.
 *
 * No decision is ever undone by another, as long as what comes in stays the same: each one raises the
 * number of copies towards what is wanted, or sets voters further apart, or, both being equal, brings the
 * fullness of two nodes closer without passing it (ALLOC-1). */
#ifndef OSTRAKA_SHARD_ALLOCATOR_H
#define OSTRAKA_SHARD_ALLOCATOR_H

#include "base/buf.h"
#include "base/ids.h"
#include "raft/raft.h"

#define ALLOCATOR_NODES_MAX 128
#define ALLOCATOR_TIERS_MAX 6 /* of a locality; what is finer is not looked at */
/* A node fetches so many replicas at a time: one of so many bytes, or of a size that nobody knows yet, counts as one;
 * smaller ones for less, but not for nothing. */
#define ALLOCATOR_FETCH_BYTES       (UINT64_C(8) << 20)
#define ALLOCATOR_FETCH_LEAST_BYTES (UINT64_C(32) << 10)

/* What a person, or the end of a node, has made of it. */
enum allocator_state {
    ALLOCATOR_ACTIVE = 1,
    ALLOCATOR_DRAINING, /* keeps its replicas, leads nothing, gets nothing */
    ALLOCATOR_LEAVING,  /* decommissioned: loses its replicas, too */
    ALLOCATOR_GONE,     /* removed, or another runs in its place: it will never answer again */
};

enum allocator_health {
    ALLOCATOR_ALIVE = 1,
    ALLOCATOR_SUSPECT, /* silent for a moment: gets nothing, loses nothing */
    ALLOCATOR_DEAD,    /* silent for so long that it is replaced */
};

struct allocator_node {
    struct node_id node;
    enum allocator_state state;
    enum allocator_health health;
    const char *locality; /* "region=a,rack=b", from the widest to the narrowest; borrowed */
    uint64_t disk_bytes, disk_free_bytes; /* 0, 0: not known */
    uint64_t incoming;    /* replicas that are on their way to it, each as allocator_fetch says */
    /* Sums, as they will be (allocator_count). */
    uint64_t replicas, bytes, leaders, load;
    bool load_is_news;    /* its load may pass: no leader leaves it because of that alone */
    /* Nodes of equal class stand in one place, as far as that tier and all above it go: the slot of the
     * first of them. ALLOCATOR_NODES_MAX + own slot: its locality says nothing of that tier. */
    uint16_t classes[ALLOCATOR_TIERS_MAX];
};

struct allocator {
    struct allocator_node nodes[ALLOCATOR_NODES_MAX]; /* by id */
    uint32_t node_count;
    uint32_t repairs_max;  /* replicas on their way to one node at a time, */
    uint32_t balances_max; /* of those that are only moved for balance */
    uint32_t replica_gap_ppm; /* nodes whose fullness differs by less, of the mean, are balanced */
    uint32_t leader_gap_ppm;
    bool balance_replicas, balance_leaders;
    /* Sums over the nodes, kept by allocator_count. */
    uint64_t replicas, bytes, leaders, load;
};

/* One range, as the metadata range mirrors it. */
struct allocator_range {
    struct range_id range;
    const struct raft_config *config;
    struct node_id leader; /* 0: not known */
    uint32_t factor;       /* voters wanted */
    uint64_t bytes, load;  /* as its leader last reported */
    bool measured;         /* it did: bytes is not just unknown */
    bool weightless;       /* the metadata range: moved when it has to be, never for balance */
    /* Decided before and not done yet; count 0: nothing. */
    uint64_t target[RAFT_VOTERS_MAX];
    uint32_t target_count;
};

enum allocator_reason {
    ALLOCATOR_NOTHING = 0,
    ALLOCATOR_REPAIR = 1,       /* a voter is dead or gone */
    ALLOCATOR_DECOMMISSION = 2, /* a voter's node is leaving */
    ALLOCATOR_GROW = 3,         /* fewer voters than wanted */
    ALLOCATOR_SHRINK = 4,       /* more voters than wanted */
    ALLOCATOR_SPREAD = 5,       /* voters stand closer together than they have to */
    ALLOCATOR_BALANCE = 6,      /* a node is fuller than another */
    ALLOCATOR_CLEAN = 7,        /* learners are left of something that was given up */
    ALLOCATOR_ASKED = 8,        /* a person wants it so */
};

struct allocator_change {
    enum allocator_reason reason;
    uint64_t target[RAFT_VOTERS_MAX]; /* nodes of all voters, afterwards */
    uint32_t target_count;
};

/* Defaults, no nodes. */
void allocator_init(struct allocator *a);
/* Adds a node with zero sums; ids rise from call to call. The rest of the fields is the caller's to set
 * before allocator_seal. Returns NULL when there are too many. */
struct allocator_node *allocator_add(struct allocator *a, struct node_id node);
/* All nodes are there with their localities. */
void allocator_seal(struct allocator *a);
struct allocator_node *allocator_node(struct allocator *a, uint64_t node); /* or NULL */
/* What a replica that is on its way counts for. */
uint64_t allocator_fetch(bool measured, uint64_t bytes);

/* Adds a range to the sums of those who (will) hold and lead it (sign 1), or takes it away (-1). */
void allocator_count(struct allocator *a, const struct allocator_range *r, int sign);

/* What to do about one range. False: nothing, for now. The sums do not change. */
bool allocator_decide(const struct allocator *a, const struct allocator_range *r,
                      struct allocator_change *change_out);
/* Who shall lead it instead; false: nobody else. */
bool allocator_lead(const struct allocator *a, const struct allocator_range *r,
                    struct node_id *to_out);

const char *allocator_reason_text(enum allocator_reason reason);
/* What is wrong with so many voters, as a sentence; NULL: nothing. */
const char *allocator_factor_warning(uint32_t factor);

/* ---- parts of it, for what is told to people (outlook.c) and for tests ---- */

static inline uint32_t allocator_quorum(uint32_t voters)
{
    return voters / 2 + 1;
}
/* It answers: entries can be committed with it. */
bool allocator_live(const struct allocator_node *n);
/* It may be given replicas. */
bool allocator_takes(const struct allocator_node *n);
/* Pairs of those nodes that stand in one place: the widest tier counts most, 0 is best. */
uint64_t allocator_closeness(const struct allocator *a, const uint64_t *nodes, uint32_t count);
/* How many more of those nodes may be lost; negative: too many are. */
int allocator_tolerance(const struct allocator *a, const uint64_t *nodes, uint32_t count);
/* Its share of all replicas and of all bytes, each in millionths of what a node has on average, together. */
uint64_t allocator_fullness(const struct allocator *a, const struct allocator_node *n);

#endif
