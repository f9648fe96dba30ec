#include "tests/sim/cluster/range_nemesis.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/codec.h"
#include "shard/shard_int.h"
#include "tests/sim/cluster/splits.h"

#define SPLITS_MAX 12u     /* ordered in a run: more ranges than keys show nothing more */
#define TRANSFER_NS (5 * SIM_SEC)

struct transfer {
    struct rpc_call call;
    struct transfer *next;
};

struct range_nemesis {
    struct cluster *cluster;
    struct splits *splits;
    struct transfer *transfers;
    uint64_t mean_ns;
    uint32_t ordered;
    bool healed;
};

static void on_transferred(struct rpc_call *call, enum status status, struct bytes body)
{
    (void)call, (void)status, (void)body; /* whoever leads then is right */
}

/* To any machine: it may be no member, or lag, or be down. */
static void transfer(struct range_nemesis *n)
{
    struct sim *sim = cluster_sim(n->cluster);
    struct range_id range = {1 + sim_below(sim, cluster_range_max(n->cluster))};
    uint64_t leader = cluster_leader(n->cluster, range), target = 1 + sim_below(sim, cluster_size(n->cluster));
    struct cluster_machine *to = cluster_machine(n->cluster, target);
    if (leader == 0 || to->env == NULL || to->ended || core_store(to->core) == NULL) return;
    struct cluster_machine *m = cluster_machine(n->cluster, leader);
    struct store *store = core_store(m->core);
    struct transfer *t = calloc(1, sizeof *t);
    ASSERT(t != NULL);
    t->call.on_done = on_transferred;
    t->next = n->transfers;
    n->transfers = t;
    uint8_t body[16];
    store_le64(body, range.value);
    store_le64(body + 8, store_identity(core_store(to->core))->node.value);
    enum status status = rpc_start(store_rpc(store), &t->call, store_identity(store)->node, RPC_RANGE_TRANSFER,
                                   bytes_make(body, sizeof body), TRANSFER_NS);
    if (status != STATUS_OK) sim_trace(sim, "transfer not ordered: %s", status_name(status));
    sim_env_set_deadline(m->env, env_now_ns(m->env));
}

static void on_time(void *ctx)
{
    struct range_nemesis *n = ctx;
    struct sim *sim = cluster_sim(n->cluster);
    if (n->healed) return;
    sim_call_after(sim, sim_exponential(sim, n->mean_ns), on_time, n);
    if (n->ordered < SPLITS_MAX && sim_chance(sim, SIM_ALWAYS / 2)) n->ordered += splits_strike(n->splits);
    else transfer(n);
}

struct range_nemesis *range_nemesis_create(struct cluster *c)
{
    struct range_nemesis *n = calloc(1, sizeof *n);
    ASSERT(n != NULL);
    n->cluster = c;
    n->splits = splits_create(c);
    n->mean_ns = 100 * SIM_MS + sim_below(cluster_sim(c), 900 * SIM_MS);
    sim_call_after(cluster_sim(c), sim_exponential(cluster_sim(c), n->mean_ns), on_time, n);
    return n;
}

void range_nemesis_heal(struct range_nemesis *n)
{
    n->healed = true;
}

void range_nemesis_destroy(struct range_nemesis *n)
{
    splits_destroy(n->splits);
    while (n->transfers != NULL) {
        struct transfer *t = n->transfers;
        n->transfers = t->next;
        free(t);
    }
    free(n);
}

uint32_t range_nemesis_splits(const struct range_nemesis *n)
{
    return splits_count(n->splits);
}
