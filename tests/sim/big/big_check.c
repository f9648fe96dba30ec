/* What the metadata range says, compared with the ranges themselves and with the rules of placement. */
#include <stdlib.h>

#include "base/assert.h"
#include "tests/sim/big/big_int.h"
#include "tests/sim/cluster/meta_check.h"

/* Machines by node id, for those that are up: nodes get their ids in the order in which they join. */
static void map_nodes(struct big *b, uint64_t machine_of[SHARD_NODES_MAX + 1])
{
    for (uint64_t i = 0; i <= SHARD_NODES_MAX; i++) machine_of[i] = 0;
    for (uint64_t i = 1; i <= b->machine_count; i++) {
        uint64_t node = big_node(b, i);
        if (node != 0 && node <= SHARD_NODES_MAX) machine_of[node] = i;
    }
}

static const char *voters_misplaced(struct big *b, const struct meta_state *m, const struct descriptor *d,
                                    const uint64_t *machine_of)
{
    const struct raft_config *c = &d->config;
    if (c->voter_count != 3 || c->outgoing_count + c->learner_count > 0) return "a range does not have its three voters";
    for (uint32_t i = 0; i < c->voter_count; i++) {
        uint64_t node = c->voters[i].node, machine = node <= SHARD_NODES_MAX ? machine_of[node] : 0;
        if (machine == 0) return "a voter is on a node that is lost";
        if (meta_node_state(m, (struct node_id){node}) != NODE_STATE_ACTIVE) return "a voter is on a node that leaves";
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(b->machines[machine].locality, b->machines[machine_of[c->voters[j].node]].locality) == 0)
                return "two voters of a range are in one rack";
    }
    return NULL;
}

static const char *range_misplaced(struct big *b, const struct descriptor *d)
{
    uint64_t machine = b->ranges[d->range.value].leader;
    struct store *s = machine == 0 ? NULL : big_store(b, machine);
    const struct replica *r = s == NULL ? NULL : store_replica(s, d->range);
    if (r == NULL || !replica_serving(r)) return "a range has no leader";
    return meta_check_same(d, &r->descriptor) ? NULL : "the metadata differ from a range";
}

const char *big_misplaced(struct big *b)
{
    uint64_t machine_of[SHARD_NODES_MAX + 1];
    struct meta_state *m = big_meta(b);
    if (m == NULL) return "the metadata range has no leader";
    if (m->job_count > 0) return "a job is not done";
    const char *why = meta_state_fault(m);
    map_nodes(b, machine_of);
    for (uint32_t i = 0; i < m->ranges.count && why == NULL; i++) {
        why = voters_misplaced(b, m, m->ranges.items[i], machine_of);
        if (why == NULL) why = range_misplaced(b, m->ranges.items[i]);
    }
    return why;
}

const char *big_orphaned(struct big *b)
{
    struct meta_state *m = big_meta(b);
    if (m == NULL) return "the metadata range has no leader";
    for (uint64_t i = 1; i <= b->machine_count; i++) {
        struct store *s = big_store(b, i);
        for (struct replica *r = NULL; s != NULL && (r = store_replica_next(s, r)) != NULL;) {
            const struct descriptor *d = meta_range(m, r->range);
            if (d == NULL) return "a replica of no range";
            const struct raft_member *member = descriptor_member_on(d, s->identity.node);
            if (member == NULL || member->id != r->id) return "a replica that is no member";
        }
    }
    return NULL;
}
