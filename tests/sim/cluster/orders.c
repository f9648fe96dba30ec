#include "tests/sim/cluster/orders.h"

#include <stdlib.h>

#include "base/assert.h"
#include "shard/admin.h"

struct order {
    struct order *next;
    struct rpc_call call;    /* either this */
    struct admin_call admin; /* or that */
    uint64_t *count;
};

struct orders {
    struct cluster *cluster;
    struct order *all;
    struct orders_counts counts;
};

struct store *cluster_store(struct cluster *c, uint64_t number)
{
    struct cluster_machine *m = cluster_machine(c, number);
    return m->env == NULL || m->ended ? NULL : core_store(m->core);
}

struct node_id cluster_node(struct cluster *c, uint64_t number)
{
    struct store *s = cluster_store(c, number);
    return s == NULL ? (struct node_id){0} : store_identity(s)->node;
}

struct orders *orders_create(struct cluster *c)
{
    struct orders *o = calloc(1, sizeof *o);
    ASSERT(o != NULL);
    o->cluster = c;
    return o;
}

void orders_destroy(struct orders *o)
{
    while (o->all != NULL) {
        struct order *r = o->all;
        o->all = r->next;
        free(r);
    }
    free(o);
}

struct orders_counts orders_counts(const struct orders *o)
{
    return o->counts;
}

static void on_done(struct rpc_call *call, enum status status, struct bytes body)
{
    (void)body; /* whatever it came to: the checks at the end know what is right */
    if (status == STATUS_OK) ++*CONTAINER_OF(call, struct order, call)->count;
}

static void on_admin(struct admin_call *call, enum status status, const struct admin_answer *answer)
{
    (void)answer;
    if (status == STATUS_OK) ++*CONTAINER_OF(call, struct order, admin)->count;
}

/* 0: none is up. */
static uint64_t any_store(struct orders *o)
{
    uint64_t first = sim_below(cluster_sim(o->cluster), cluster_size(o->cluster));
    for (uint64_t i = 0; i < cluster_size(o->cluster); i++) {
        uint64_t number = 1 + (first + i) % cluster_size(o->cluster);
        if (cluster_node(o->cluster, number).value != 0) return number;
    }
    return 0;
}

static struct order *begin(uint64_t *count)
{
    struct order *r = calloc(1, sizeof *r);
    ASSERT(r != NULL);
    r->count = count;
    r->call.on_done = on_done;
    r->admin.on_done = on_admin;
    return r;
}

/* What was asked from outside of a turn has to be sent. One that did not start will never be answered. */
static bool end(struct orders *o, struct order *r, uint64_t via, enum status status)
{
    if (status != STATUS_OK) {
        free(r);
        return false;
    }
    r->next = o->all;
    o->all = r;
    struct env *env = cluster_machine(o->cluster, via)->env;
    sim_env_set_deadline(env, env_now_ns(env));
    return true;
}

bool orders_transfer(struct orders *o, struct range_id range, struct node_id to)
{
    uint64_t via = any_store(o);
    if (via == 0 || to.value == 0) return false;
    struct order *r = begin(&o->counts.transfers);
    sim_trace(cluster_sim(o->cluster), "transfer of range %llu ordered", (unsigned long long)range.value);
    return end(o, r, via, store_range_transfer(cluster_store(o->cluster, via), &r->call, range, to));
}

bool orders_move(struct orders *o, struct range_id range, const struct node_id *nodes, uint32_t count)
{
    uint64_t via = any_store(o);
    if (via == 0) return false;
    struct order *r = begin(&o->counts.moves);
    sim_trace(cluster_sim(o->cluster), "move of range %llu ordered", (unsigned long long)range.value);
    return end(o, r, via, store_range_move(cluster_store(o->cluster, via), &r->call, range, nodes, count));
}

bool orders_state(struct orders *o, struct node_id node, enum node_state state, uint32_t flags)
{
    uint64_t via = any_store(o);
    if (via == 0 || node.value == 0) return false;
    struct order *r = begin(&o->counts.states);
    sim_trace(cluster_sim(o->cluster), "node %llu: state %d ordered", (unsigned long long)node.value, (int)state);
    struct admin_question q = {.node = node, .state = state, .flags = flags};
    return end(o, r, via, store_admin(cluster_store(o->cluster, via), &r->admin, &q));
}
