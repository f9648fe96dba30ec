/* Private to metrics.c and status.c. */
#ifndef OSTRAKA_NODE_METRICS_INT_H
#define OSTRAKA_NODE_METRICS_INT_H

#include "node/metrics.h"

/* What is wrong with the cluster, as far as this node knows; all 0 before it is a member. */
struct cluster_health {
    uint64_t nodes, nodes_alive; /* that were not removed */
    uint64_t ranges, ranges_without_leader, ranges_under_replicated, ranges_over_replicated, replicas_fenced;
    uint64_t can_lose; /* more nodes, before a range has no majority */
    bool quorum;
};
void cluster_health(struct store *s, struct cluster_health *out);

/* Of the file system of the data; 0 when it is not known. */
void disk_room(const char *data, uint64_t *size_out, uint64_t *free_out);

void status_json(const struct metrics_sources *m, struct buf *b);

#endif
