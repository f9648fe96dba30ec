#include "tests/sim/cluster/range_nemesis.h"

#include <stdlib.h>

#include "base/assert.h"
#include "shard/shard_int.h"
#include "tests/sim/cluster/merges.h"
#include "tests/sim/cluster/meta_check.h"
#include "tests/sim/cluster/splits.h"

#define SPLITS_MAX 12u /* ordered in a run: more ranges than keys show nothing more */
#define SPLITS_MAX_MERGED 40u /* where they are united again */
#define WATCH_NS   (100 * SIM_MS)
#define VOTERS     3u  /* that ranges are moved to */

enum strike {
    STRIKE_SPLIT,
    STRIKE_TRANSFER,
    STRIKE_MOVE,
    STRIKE_DRAIN,
    STRIKE_DECOMMISSION,
    STRIKE_ACTIVATE,   /* drained and decommissioned ones are taken back */
    STRIKE_AWAY,       /* for longer than it takes to be replaced */
    STRIKE_BACK,
    STRIKE_META_KILL,
    STRIKE_META_ALONE, /* who leads the metadata range is cut off */
    STRIKE_COUNT
};

struct range_nemesis {
    struct cluster *cluster;
    struct nemesis *nemesis;
    struct splits *splits;
    struct orders *orders;
    struct merges *merges; /* NULL: nothing is united */
    uint64_t mean_ns;
    uint32_t ordered;
    bool enabled[STRIKE_COUNT];
    bool moves, take_back, healed;
    bool formed; /* the metadata range has once said what all ranges say */
    bool away[CLUSTER_NODE_MAX + 1];
    struct node_id nodes[CLUSTER_NODE_MAX + 1]; /* that ran on a machine last */
    uint32_t replaced;
};

static struct sim *sim_of_ranges(struct range_nemesis *n)
{
    return cluster_sim(n->cluster);
}

static uint64_t any_machine(struct range_nemesis *n)
{
    return 1 + sim_below(sim_of_ranges(n), cluster_size(n->cluster));
}

static struct range_id any_range(struct range_nemesis *n)
{
    return (struct range_id){1 + sim_below(sim_of_ranges(n), cluster_range_max(n->cluster))};
}

static const struct meta_state *metadata(struct range_nemesis *n)
{
    uint64_t leader = cluster_leader(n->cluster, RANGE_META);
    return leader == 0 ? NULL : &cluster_store(n->cluster, leader)->meta;
}

/* ---- machines ---- */

static void bring_back(struct range_nemesis *n, uint64_t machine)
{
    n->away[machine] = false;
    if (n->nemesis != NULL) nemesis_return(n->nemesis, machine);
    else if (cluster_machine(n->cluster, machine)->env == NULL) cluster_start(n->cluster, machine);
}

/* One at a time: more would be gone than the ranges can bear. */
static void go_away(struct range_nemesis *n)
{
    uint64_t machine = any_machine(n);
    for (uint64_t i = 1; i <= cluster_size(n->cluster); i++)
        if (n->away[i]) return;
    if (n->nemesis != NULL) n->away[machine] = nemesis_away(n->nemesis, machine);
}

static void come_back(struct range_nemesis *n)
{
    uint64_t first = any_machine(n);
    for (uint64_t i = 0; i < cluster_size(n->cluster); i++) {
        uint64_t machine = 1 + (first + i) % cluster_size(n->cluster);
        if (!n->away[machine]) continue;
        bring_back(n, machine);
        return;
    }
}

static bool replace(struct range_nemesis *n, uint64_t machine)
{
    if (n->nemesis != NULL) return nemesis_replace(n->nemesis, machine);
    cluster_crash(n->cluster, machine, SIM_CRASH_PROCESS);
    sim_disk_wipe(sim_disk(sim_of_ranges(n), machine));
    cluster_start(n->cluster, machine);
    return true;
}

/* What a person would do: whose node has been removed is started anew with an empty directory, and nodes are taken back
 * when all is over, in some runs. */
static void on_watch(void *ctx)
{
    struct range_nemesis *n = ctx;
    sim_call_after(sim_of_ranges(n), WATCH_NS, on_watch, n);
    if (!n->formed) n->formed = meta_check_quiet(n->cluster) == NULL;
    const struct meta_state *m = metadata(n);
    for (uint64_t i = 1; i <= cluster_size(n->cluster); i++) {
        struct node_id now = cluster_node(n->cluster, i);
        if (now.value != 0) n->nodes[i] = now;
        enum node_state state = m == NULL || n->nodes[i].value == 0 ? 0 : meta_node_state(m, n->nodes[i]);
        bool leaves = state == NODE_STATE_DRAINING || state == NODE_STATE_DECOMMISSIONING;
        if (n->healed && n->take_back && leaves) orders_state(n->orders, n->nodes[i], NODE_STATE_ACTIVE, 0);
        if (state != NODE_STATE_REMOVED || n->away[i] || !replace(n, i)) continue;
        sim_trace(sim_of_ranges(n), "machine %llu: node %llu is replaced", (unsigned long long)i,
                  (unsigned long long)n->nodes[i].value);
        n->nodes[i].value = 0;
        n->replaced++;
    }
}

/* ---- orders ---- */

/* To any machine: it may be no member, or lag, or be down. */
static void transfer(struct range_nemesis *n)
{
    struct range_id range = any_range(n);
    orders_transfer(n->orders, range, cluster_node(n->cluster, any_machine(n)));
}

/* To any three that are up; often they are those who have it, or have had it before. */
static void move(struct range_nemesis *n)
{
    struct node_id nodes[VOTERS];
    uint32_t count = 0;
    struct range_id range = any_range(n);
    uint64_t size = cluster_size(n->cluster), left = size;
    for (uint64_t i = 1; i <= size && count < VOTERS; i++, left--) {
        struct node_id node = cluster_node(n->cluster, i);
        if (node.value != 0 && sim_below(sim_of_ranges(n), left) < VOTERS - count) nodes[count++] = node;
    }
    if (count == VOTERS) orders_move(n->orders, range, nodes, count);
}

static void activate(struct range_nemesis *n)
{
    const struct meta_state *m = metadata(n);
    for (uint32_t i = 0; m != NULL && i < m->node_count; i++) {
        enum node_state state = m->states[i].state;
        if (state != NODE_STATE_DRAINING && state != NODE_STATE_DECOMMISSIONING) continue;
        if (sim_chance(sim_of_ranges(n), SIM_ALWAYS / 2)) orders_state(n->orders, m->nodes[i]->node, NODE_STATE_ACTIVE, 0);
    }
}

/* Never forced: with two voters the loss of one disk would be the end. */
static void set_state(struct range_nemesis *n, enum node_state state)
{
    orders_state(n->orders, cluster_node(n->cluster, any_machine(n)), state, 0);
}

static void cut_off_metadata(struct range_nemesis *n)
{
    uint64_t leader = cluster_leader(n->cluster, RANGE_META);
    if (leader == 0) return;
    uint64_t way = sim_below(sim_of_ranges(n), 3);
    for (uint64_t i = 1; i <= cluster_size(n->cluster); i++) {
        if (i == leader) continue;
        if (way != 1) sim_net_cut(sim_of_ranges(n), leader, i);
        if (way != 2) sim_net_cut(sim_of_ranges(n), i, leader);
    }
}

static void strike(struct range_nemesis *n, enum strike kind)
{
    uint64_t leader;
    switch (kind) {
    case STRIKE_SPLIT:
        if (n->ordered < (n->merges == NULL ? SPLITS_MAX : SPLITS_MAX_MERGED)) n->ordered += splits_strike(n->splits);
        break;
    case STRIKE_TRANSFER: transfer(n); break;
    case STRIKE_MOVE: move(n); break;
    case STRIKE_DRAIN: set_state(n, NODE_STATE_DRAINING); break;
    case STRIKE_DECOMMISSION:
        /* While the mirror still has the founder alone, any node may leave: it makes nothing worse. */
        if (n->formed) set_state(n, NODE_STATE_DECOMMISSIONING);
        break;
    case STRIKE_ACTIVATE: activate(n); break;
    case STRIKE_AWAY: go_away(n); break;
    case STRIKE_BACK: come_back(n); break;
    case STRIKE_META_KILL:
        leader = cluster_leader(n->cluster, RANGE_META);
        if (leader != 0) nemesis_kill(n->nemesis, leader);
        break;
    case STRIKE_META_ALONE: cut_off_metadata(n); break;
    case STRIKE_COUNT: UNREACHABLE();
    }
}

static void on_time(void *ctx)
{
    struct range_nemesis *n = ctx;
    struct sim *sim = sim_of_ranges(n);
    if (n->healed) return;
    sim_call_after(sim, sim_exponential(sim, n->mean_ns), on_time, n);
    if (n->merges != NULL && sim_chance(sim, SIM_ALWAYS / 2) && merges_strike(n->merges)) return;
    enum strike kind;
    do kind = (enum strike)sim_below(sim, n->moves ? STRIKE_COUNT : STRIKE_MOVE);
    while (!n->enabled[kind]);
    strike(n, kind);
}

/* Which kinds a run has, and who is not there yet. */
static void draw(struct range_nemesis *n, const struct range_nemesis_options *options)
{
    for (int i = STRIKE_MOVE; i < STRIKE_COUNT; i++) n->enabled[i] = sim_chance(sim_of_ranges(n), 600000);
    n->enabled[STRIKE_SPLIT] = options->splits;
    n->enabled[STRIKE_ACTIVATE] = n->enabled[STRIKE_BACK] = true; /* else the others soon have nobody left */
    if (n->nemesis == NULL)
        n->enabled[STRIKE_AWAY] = n->enabled[STRIKE_META_KILL] = n->enabled[STRIKE_META_ALONE] = false;
    n->take_back = sim_chance(sim_of_ranges(n), SIM_ALWAYS / 2);
    for (uint64_t i = 1; i <= cluster_size(n->cluster); i++) {
        n->away[i] = cluster_machine(n->cluster, i)->env == NULL;
        if (n->away[i] && n->nemesis != NULL) n->away[i] = nemesis_away(n->nemesis, i);
    }
    sim_call_after(sim_of_ranges(n), WATCH_NS, on_watch, n);
}

struct range_nemesis *range_nemesis_create(struct cluster *c, struct nemesis *nemesis,
                                           const struct range_nemesis_options *options)
{
    struct range_nemesis *n = calloc(1, sizeof *n);
    ASSERT(n != NULL);
    n->cluster = c;
    n->nemesis = nemesis;
    n->splits = splits_create(c);
    n->orders = orders_create(c);
    if (options->merges) n->merges = merges_create(c);
    n->moves = options->moves;
    n->enabled[STRIKE_SPLIT] = n->enabled[STRIKE_TRANSFER] = true;
    n->mean_ns = 100 * SIM_MS + sim_below(cluster_sim(c), 900 * SIM_MS);
    if (options->moves) {
        n->mean_ns /= 4; /* many of them come to nothing */
        draw(n, options);
    }
    sim_call_after(cluster_sim(c), sim_exponential(cluster_sim(c), n->mean_ns), on_time, n);
    return n;
}

void range_nemesis_heal(struct range_nemesis *n)
{
    n->healed = true;
    for (uint64_t i = 1; i <= cluster_size(n->cluster); i++)
        if (n->away[i]) bring_back(n, i);
}

void range_nemesis_destroy(struct range_nemesis *n)
{
    splits_destroy(n->splits);
    orders_destroy(n->orders);
    if (n->merges != NULL) merges_destroy(n->merges);
    free(n);
}

uint32_t range_nemesis_splits(const struct range_nemesis *n)
{
    return splits_count(n->splits);
}

struct orders_counts range_nemesis_orders(const struct range_nemesis *n)
{
    return orders_counts(n->orders);
}

uint32_t range_nemesis_replaced(const struct range_nemesis *n)
{
    return n->replaced;
}

uint32_t range_nemesis_merges(const struct range_nemesis *n)
{
    return n->merges == NULL ? 0 : merges_count(n->merges);
}
