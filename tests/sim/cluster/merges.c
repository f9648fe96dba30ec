#include "tests/sim/cluster/merges.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/codec.h"
#include "shard/shard_int.h"
#include "tests/sim/cluster/splits.h"

#define ASK_NS (20 * SIM_SEC)

struct merge_request {
    struct merge_request *next;
    struct rpc_call call;
    struct merge_result result;
};

struct merges {
    struct cluster *cluster;
    struct merge_request *requests;
};

struct merges *merges_create(struct cluster *c)
{
    struct merges *s = calloc(1, sizeof *s);
    ASSERT(s != NULL);
    s->cluster = c;
    return s;
}

void merges_destroy(struct merges *s)
{
    while (s->requests != NULL) {
        struct merge_request *q = s->requests;
        s->requests = q->next;
        free(q);
    }
    free(s);
}

uint32_t merges_count(const struct merges *s)
{
    uint32_t count = 0;
    for (const struct merge_request *q = s->requests; q != NULL; q = q->next)
        count += q->result.done && q->result.status == STATUS_OK;
    return count;
}

static void on_reply(struct rpc_call *call, enum status status, struct bytes body)
{
    struct merge_request *q = CONTAINER_OF(call, struct merge_request, call);
    q->result.done = true;
    q->result.status = status;
    if (status == STATUS_OK) {
        ASSERT(body.size == 8);
        q->result.right = load_le64(body.data);
    }
}

const struct merge_result *merges_order(struct merges *s, struct range_id left)
{
    uint64_t leader = cluster_leader(s->cluster, left);
    if (leader == 0) return NULL;
    struct cluster_machine *m = cluster_machine(s->cluster, leader);
    struct store *store = core_store(m->core);
    struct merge_request *q = calloc(1, sizeof *q);
    ASSERT(q != NULL);
    q->call.on_done = on_reply;
    q->next = s->requests;
    s->requests = q;
    uint8_t body[16];
    store_le64(body, left.value);
    store_le64(body + 8, 0);
    enum status status = rpc_start(store_rpc(store), &q->call, store_identity(store)->node, RPC_RANGE_MERGE,
                                   bytes_make(body, sizeof body), ASK_NS);
    if (status != STATUS_OK) q->result = (struct merge_result){.done = true, .status = status};
    sim_env_set_deadline(m->env, env_now_ns(m->env));
    sim_trace(cluster_sim(s->cluster), "merge of range %llu with its neighbour ordered", (unsigned long long)left.value);
    return &q->result;
}

bool merges_strike(struct merges *s)
{
    struct sim *sim = cluster_sim(s->cluster);
    uint64_t range = 2 + sim_below(sim, cluster_range_max(s->cluster) - 1);
    return merges_order(s, (struct range_id){range}) != NULL;
}
