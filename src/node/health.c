/* What is wrong with the cluster, as one node sees it: for /metrics and its alerts, and for
 * /status. */
#include "base/assert.h"
#include "node/metrics_int.h"

static bool alive(struct store *s, const struct node_view *nodes, uint32_t count, uint64_t id)
{
    for (uint32_t i = 0; i < count; i++)
        if (nodes[i].record.node.value == id) return store_node_seen(s, &nodes[i]);
    return false;
}

/* One that is about to be filled by a snapshot knows nothing of its range. */
static bool knows_range(const struct replica *r)
{
    return replica_descriptor(r)->epoch != 0;
}

static void look_at_range(struct store *s, const struct replica *r, const struct node_view *nodes,
                          uint32_t count, struct cluster_health *out, int *spare)
{
    struct raft_status raft;
    replica_raft_status(r, &raft);
    uint32_t voters = raft.config->voter_count, here = 0;
    for (uint32_t i = 0; i < voters; i++)
        here += alive(s, nodes, count, raft.config->voters[i].node);
    uint64_t factor = store_setting(s, SETTING_REPLICATION_FACTOR, replica_descriptor(r)->start);
    uint64_t wanted = out->nodes < factor ? out->nodes : factor; /* once there are as many nodes */
    int left = (int)here - (int)(voters / 2 + 1);
    out->ranges++;
    if (raft.leader_node == 0)
        left = left < 0 ? left : -1; /* nodes may be gone for less than it takes to notice */
    out->ranges_without_leader += raft.leader_node == 0;
    out->ranges_under_replicated += here < voters || voters < wanted;
    out->ranges_over_replicated += voters > factor && raft.config->outgoing_count == 0;
    out->replicas_fenced += replica_fenced(r);
    if (left < *spare) *spare = left;
}

void cluster_health(struct store *s, struct cluster_health *out)
{
    struct node_view nodes[SHARD_NODES_MAX];
    *out = (struct cluster_health){0};
    if (store_identity(s)->node.value == 0) return;
    uint32_t count = store_nodes(s, nodes, SHARD_NODES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        out->nodes += !nodes[i].record.removed;
        out->nodes_alive += !nodes[i].record.removed && store_node_seen(s, &nodes[i]);
    }
    int spare = INT16_MAX;
    struct replica *r = NULL;
    while ((r = store_replica_next(s, r)) != NULL)
        if (knows_range(r)) look_at_range(s, r, nodes, count, out, &spare);
    /* One that has no range yet knows nothing of any, but whom to ask. */
    out->quorum = spare >= 0 && (out->ranges > 0 || store_meta_leader(s).value != 0);
    out->can_lose = out->quorum && out->ranges > 0 ? (uint64_t)spare : 0;
}
