/* What the leader of the metadata range knows beside the metadata, and needs to decide who holds what. All of
 * it is made anew when another leads: reports come again, jobs are records. */
#ifndef OSTRAKA_SHARD_PLACEMENT_INT_H
#define OSTRAKA_SHARD_PLACEMENT_INT_H

#include "base/map.h"
#include "shard/allocator.h"
#include "shard/meta_int.h"

#define PLACEMENT_JOBS_MAX 512 /* under way at a time */

/* What the sums of the nodes have in them for a range. What is known of it may change at any time, and what is taken
 * away has to be what was added. */
struct range_count {
    struct node_id leader;
    uint64_t bytes, load;
    uint64_t nodes[RAFT_VOTERS_MAX];
    uint32_t node_count;
};

/* What the leader of a range last said of it. */
struct range_report {
    struct node_id leader;
    uint64_t epoch;       /* of its descriptor */
    uint64_t bytes, load; /* requests each second */
    uint64_t at_ns, transfer_ns; /* the last order to hand it over */
    struct range_count counted;  /* in placement.allocator */
};

/* What a node last said of itself. */
struct node_report {
    uint64_t at_ns;
    uint32_t replicas, leaders;
    bool full; /* its disk refuses writes */
    uint64_t busy_since_ns; /* the ranges it leads have more than their share of the load since then; 0: they have not */
};

/* A command to the metadata range that is on its way (store.job_calls). */
struct job_call {
    struct list link;
    struct rpc_call call;
    struct store *store;
    struct range_id range;
    bool ends;         /* the job; else: */
    uint64_t target[RAFT_VOTERS_MAX];
    uint32_t target_count;
};

struct placement {
    struct store *store;
    struct allocator allocator;
    struct map ranges; /* range id -> struct range_report */
    struct map nodes;  /* node id -> struct node_report */
    uint32_t cursor;   /* ranges looked at in this sweep */
};

/* NULL: not its leader, or no memory. */
struct placement *placement_of(struct store *s);

/* The range is in the metadata. */
bool placement_knows(struct store *s, struct range_id range);
/* How many voters the range shall have when these settings hold. */
uint32_t placement_factor(const struct store *s, const struct cluster_settings *settings, const struct descriptor *d);
void placement_describe(struct placement *p, const struct descriptor *d, struct allocator_range *r);
/* All nodes as they are, and the sums over all ranges. */
void placement_survey(struct placement *p, struct allocator *a);
/* ---- job.c ---- */
/* The target of the range's job, also of one that was just decided. Returns how many nodes; 0: there is none. */
uint32_t job_target(struct store *s, struct range_id range, uint64_t target_out[RAFT_VOTERS_MAX]);
/* Decides: a job that is recorded by and by. False: too many are on their way. */
bool job_begin(struct store *s, const struct descriptor *d, const struct allocator_change *c);
/* Ends the jobs that are done, or whose range is gone, and calls order for each of the others. */
void jobs_drive(struct placement *p, void (*order)(struct placement *p, const struct descriptor *d,
                                                   const uint64_t *target, uint32_t count));

/* ---- load.c ---- */
struct range_report *load_of_range(struct placement *p, struct range_id range); /* made when it is new; or NULL */
struct node_report *load_of_node(struct placement *p, struct node_id node);     /* the same */
void load_forget(struct placement *p);

#endif
