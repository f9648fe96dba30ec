/* Links: cuts, clogs, and the shapes of partition. */
#include <stdlib.h>

#include "tests/sim/env/sim_int.h"

static struct sim_link *link_at(struct sim *sim, uint64_t from, uint64_t to)
{
    struct sim_link *link = sim_link_of(sim, from, to);
    ASSERT(link != NULL);
    ASSERT(from != to);
    return link;
}

static void set_cut(struct sim *sim, uint64_t from, uint64_t to, bool cut)
{
    link_at(sim, from, to)->cut = cut;
    sim_trace(sim, "link n%llu -> n%llu %s", (unsigned long long)from, (unsigned long long)to,
              cut ? "cut" : "up");
}

void sim_net_cut(struct sim *sim, uint64_t from, uint64_t to)
{
    set_cut(sim, from, to, true);
    sim_fault_hit(sim, SIM_FAULT_CUT_ONE_WAY);
}

void sim_net_uncut(struct sim *sim, uint64_t from, uint64_t to)
{
    set_cut(sim, from, to, false);
    sim_streams_recheck(sim);
}

void sim_net_cut_pair(struct sim *sim, uint64_t a, uint64_t b)
{
    set_cut(sim, a, b, true);
    set_cut(sim, b, a, true);
}

void sim_net_heal(struct sim *sim)
{
    for (size_t i = 0; i < (SIM_NODE_MAX + 1) * (SIM_NODE_MAX + 1); i++) {
        uint64_t busy_until_ns = sim->links[i].busy_until_ns;
        sim->links[i] = (struct sim_link){.busy_until_ns = busy_until_ns};
    }
    sim_trace(sim, "network healed");
    sim_streams_recheck(sim);
}

void sim_net_clog(struct sim *sim, uint64_t from, uint64_t to, uint64_t duration_ns)
{
    struct sim_link *link = link_at(sim, from, to);
    uint64_t until = sim->now_ns + duration_ns;
    if (until > link->clog_until_ns) link->clog_until_ns = until;
    sim_fault_hit(sim, SIM_FAULT_CLOG);
}

void sim_net_delay(struct sim *sim, uint64_t from, uint64_t to, uint64_t extra_ns)
{
    link_at(sim, from, to)->extra_ns = extra_ns;
}

void sim_net_rates(struct sim *sim, uint64_t from, uint64_t to, uint32_t loss_ppm,
                   uint32_t duplicate_ppm, uint32_t delay_ppm)
{
    struct sim_link *link = link_at(sim, from, to);
    link->loss_ppm = loss_ppm;
    link->duplicate_ppm = duplicate_ppm;
    link->delay_ppm = delay_ppm;
}

void sim_net_watch(struct sim *sim, bool (*watch)(void *ctx, struct sim_frame *frame), void *ctx)
{
    sim->watch = watch;
    sim->watch_ctx = ctx;
}

bool sim_net_is_cut(const struct sim *sim, uint64_t from, uint64_t to)
{
    ASSERT(from <= SIM_NODE_MAX);
    ASSERT(to <= SIM_NODE_MAX);
    return from != to && sim->links[from * (SIM_NODE_MAX + 1) + to].cut;
}

/* ---- partitions ---- */

static void shuffle(struct sim *sim, uint64_t *items, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)sim_below(sim, i);
        uint64_t item = items[i - 1];
        items[i - 1] = items[j];
        items[j] = item;
    }
}

/* Whether places i < j of the shuffled machines still talk. */
static bool connected(enum sim_partition shape, size_t i, size_t j, size_t count)
{
    size_t half = count / 2, apart = j - i;
    switch (shape) {
    case SIM_PARTITION_HALVES: return (i < half) == (j < half);
    case SIM_PARTITION_ISOLATE: return i != 0;
    case SIM_PARTITION_BRIDGE: return i == half || j == half || (i < half) == (j < half);
    case SIM_PARTITION_CHAIN: return apart == 1;
    case SIM_PARTITION_RING:
        /* On a circle each sees itself and half of a majority to either side. */
        if (count <= 4) return apart == 1;
        if (apart > count - apart) apart = count - apart;
        return apart <= (count + 2) / 4;
    case SIM_PARTITION_ONE_WAY: case SIM_PARTITION_COUNT: break;
    }
    UNREACHABLE();
}

static void one_way(struct sim *sim, const uint64_t *nodes, size_t count)
{
    bool deaf = sim_chance(sim, SIM_ALWAYS / 2);
    for (size_t i = 1; i < count; i++)
        set_cut(sim, deaf ? nodes[i] : nodes[0], deaf ? nodes[0] : nodes[i], true);
}

void sim_net_partition(struct sim *sim, enum sim_partition shape, const uint64_t *nodes,
                       size_t count)
{
    static const enum sim_fault faults[] = {
        [SIM_PARTITION_HALVES] = SIM_FAULT_PARTITION_HALVES,
        [SIM_PARTITION_ISOLATE] = SIM_FAULT_PARTITION_ISOLATE,
        [SIM_PARTITION_RING] = SIM_FAULT_PARTITION_RING,
        [SIM_PARTITION_BRIDGE] = SIM_FAULT_PARTITION_BRIDGE,
        [SIM_PARTITION_CHAIN] = SIM_FAULT_PARTITION_CHAIN,
        [SIM_PARTITION_ONE_WAY] = SIM_FAULT_CUT_ONE_WAY,
    };
    uint64_t order[SIM_NODE_MAX];
    ASSERT(count >= 2);
    ASSERT(count <= SIM_NODE_MAX);
    ASSERT(shape < SIM_PARTITION_COUNT);
    memcpy(order, nodes, count * sizeof *order);
    shuffle(sim, order, count);
    sim_fault_hit(sim, faults[shape]);
    if (shape == SIM_PARTITION_ONE_WAY) {
        one_way(sim, order, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            if (!connected(shape, i, j, count)) sim_net_cut_pair(sim, order[i], order[j]);
}

/* ---- swizzle-clogging ---- */

/* Everything between this machine and the others stands until then. */
struct swizzle {
    struct sim *sim;
    uint64_t node, until_ns;
};

static void swizzle_clog(void *ctx)
{
    struct swizzle *s = ctx;
    struct sim *sim = s->sim;
    for (uint64_t other = 1; other <= SIM_NODE_MAX && s->until_ns > sim->now_ns; other++) {
        if (other == s->node || sim->nodes[other].id == 0) continue;
        struct sim_link *in = link_at(sim, other, s->node), *out = link_at(sim, s->node, other);
        if (in->clog_until_ns < s->until_ns) in->clog_until_ns = s->until_ns;
        if (out->clog_until_ns < s->until_ns) out->clog_until_ns = s->until_ns;
    }
    sim_fault_hit(sim, SIM_FAULT_CLOG);
    free(s);
}

void sim_net_swizzle(struct sim *sim, const uint64_t *nodes, size_t count, uint64_t duration_ns)
{
    uint64_t order[SIM_NODE_MAX], release[SIM_NODE_MAX];
    ASSERT(count >= 1);
    ASSERT(count <= SIM_NODE_MAX);
    memcpy(order, nodes, count * sizeof *order);
    shuffle(sim, order, count);
    size_t chosen = 1 + (size_t)sim_below(sim, count);
    for (size_t i = 0; i < chosen; i++) release[i] = i;
    shuffle(sim, release, chosen);
    sim_fault_hit(sim, SIM_FAULT_SWIZZLE);
    for (size_t i = 0; i < chosen; i++) {
        struct swizzle *s = sim_alloc(sizeof *s);
        uint64_t step = duration_ns / (2 * chosen);
        *s = (struct swizzle){sim, order[i], 0};
        s->until_ns = sim->now_ns + duration_ns / 2 + step * (release[i] + 1);
        sim_call_owned(sim, step * i, swizzle_clog, s);
    }
}
