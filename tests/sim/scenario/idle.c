/* Nothing waits anywhere: what the end of every scenario demands of every queue and counter (K35).
 */
#include <stdio.h>

#include "shard/shard_int.h"
#include "tests/sim/scenario/scenario.h"
#include "txn/range.h"

#define IDLE_TIMEOUT_NS (20 * SIM_SEC)

/* The first thing that waits in a replica, or NULL. */
static const char *busy_replica(struct replica *r)
{
    struct raft_status status;
    replica_raft_status(r, &status);
    if (r->state != REPLICA_STATE_RUNNING) return "a replica that does not run";
    if (!list_empty(&r->proposals)) return "proposals";
    if (!list_empty(&r->reads)) return "reads of a replica";
    if (status.uncommitted_bytes != 0) return "uncommitted bytes";
    if (status.applied_index != status.commit_index)
        return "committed entries that are not applied";
    if (r->sends != NULL || r->receive != NULL) return "snapshots of a replica";
    return NULL;
}

static const char *busy_store(struct store *s)
{
    if (rpc_in_flight(s->rpc) != 0) return "calls";
    if (!list_empty(&s->tickets)) return "writes that are not durable";
    if (!list_empty(&s->overflow) || s->overflow_bytes != 0) return "log records without room";
    if (!list_empty(&s->incoming_snapshots)) return "incoming snapshots";
    if (!list_empty(&s->joins)) return "join requests";
    LIST_FOR_EACH(item, &s->replicas)
    {
        const char *what = busy_replica(CONTAINER_OF(item, struct replica, link));
        if (what != NULL) return what;
    }
    for (uint32_t i = 0; i < s->node_count; i++)
        for (int link = 0; link < NET_LINK_COUNT; link++)
            if (net_queued(s->net, s->nodes[i]->record.node, (enum net_link)link) != 0)
                return "frames";
    return NULL;
}

static const char *busy_kv(struct kv *kv)
{
    if (!list_empty(&kv->calls)) return "calls of gateways";
    if (!list_empty(&kv->clock.waiting) || !list_empty(&kv->clock.asked))
        return "waits for the clock";
    if (!list_empty(&kv->clock.master.queue) || !list_empty(&kv->clock.master.batch))
        return "requests to the clock master";
    LIST_FOR_EACH(item, &kv->ranges)
    {
        struct range *g = CONTAINER_OF(item, struct range, link);
        if (!list_empty(&g->ops) || !list_empty(&g->waiting)) return "requests at a leader";
        if (g->in_flight_count != 0 || g->in_flight.count != 0) return "writes in flight";
    }
    return NULL;
}

static const char *busy_machine(struct scenario *s, uint64_t machine)
{
    if (!cluster_up(s->c, machine)) return s->lossy ? NULL : "a machine that is down";
    struct core *core = cluster_machine(s->c, machine)->core;
    if (core_store(core) == NULL) return "a store that is not open";
    const char *what = busy_store(core_store(core));
    return what != NULL ? what : busy_kv(core_kv(core));
}

void scenario_expect_idle(struct scenario *s)
{
    uint64_t end = sim_now(s->sim) + IDLE_TIMEOUT_NS;
    /* The clock and gossip come by now and then: each machine must be seen idle once. */
    for (uint64_t machine = 1; machine <= s->size; machine++) {
        const char *what;
        while ((what = busy_machine(s, machine)) != NULL) {
            if (sim_now(s->sim) >= end)
                fprintf(stderr, "machine %llu still has %s\n", (unsigned long long)machine, what);
            EXPECT(s, sim_now(s->sim) < end);
            scenario_run(s, SIM_MS);
        }
    }
}
