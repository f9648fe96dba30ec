/* Machines: clocks, pauses, slowness, crashes. */
#include "base/hash.h"
#include "tests/sim/env/sim_disk.h"
#include "tests/sim/env/sim_int.h"

static void clock_start(struct sim_node *node, uint64_t clock_ns)
{
    node->clock.base_virtual_ns = node->sim->now_ns;
    node->clock.base_clock_ns = clock_ns;
}

struct sim_node *sim_node_of(struct sim *sim, uint64_t id)
{
    ASSERT(id >= 1);
    ASSERT(id <= SIM_NODE_MAX);
    struct sim_node *node = &sim->nodes[id];
    if (node->id != 0) return node;
    node->id = id;
    node->sim = sim;
    node->cpu_factor = 1;
    node->next_port = 20000;
    list_init(&node->envs);
    node->disk = sim_disk_create(sim, node);
    /* Machines were booted at some time within the last ten days. */
    uint64_t uptime = hash_u64(sim->options.seed ^ (id * 0x9e3779b97f4a7c15u));
    clock_start(node, SIM_SEC + uptime % (10 * 86400 * SIM_SEC));
    return node;
}

void sim_node_deinit(struct sim_node *node)
{
    ASSERT(list_empty(&node->envs));
    sim_disk_destroy(node->disk);
    node->id = 0;
}

struct sim_link *sim_link_of(struct sim *sim, uint64_t from, uint64_t to)
{
    if (from == 0 || to == 0 || from > SIM_NODE_MAX || to > SIM_NODE_MAX) return NULL;
    return &sim->links[from * (SIM_NODE_MAX + 1) + to];
}

/* ---- clocks ---- */

uint64_t sim_clock_read(const struct sim_node *node)
{
    const struct sim_clock *c = &node->clock;
    if (c->frozen) return c->base_clock_ns;
    uint64_t passed = node->sim->now_ns - c->base_virtual_ns;
    __int128 drift = (__int128)passed * c->drift_ppm / 1000000;
    return c->base_clock_ns + (uint64_t)((__int128)passed + drift);
}

uint64_t sim_clock_when(const struct sim_node *node, uint64_t clock_ns)
{
    const struct sim_clock *c = &node->clock;
    if (clock_ns <= sim_clock_read(node)) return node->sim->now_ns;
    if (c->frozen) return UINT64_MAX;
    unsigned __int128 wanted = clock_ns - c->base_clock_ns;
    unsigned __int128 rate = (unsigned __int128)(1000000 + c->drift_ppm);
    unsigned __int128 passed = (wanted * 1000000 + rate - 1) / rate;
    if (passed > UINT64_MAX / 2) return UINT64_MAX;
    return c->base_virtual_ns + (uint64_t)passed;
}

static void clock_rebase(struct sim_node *node, uint64_t forward_ns)
{
    uint64_t clock_ns = sim_clock_read(node);
    ASSERT(clock_ns + forward_ns >= clock_ns);
    clock_start(node, clock_ns + forward_ns);
}

static void clock_changed(struct sim_node *node)
{
    LIST_FOR_EACH(item, &node->envs)
        sim_env_rearm_deadline(CONTAINER_OF(item, struct sim_env, node_link));
}

void sim_clock_offset(struct sim *sim, uint64_t id, uint64_t ahead_ns)
{
    struct sim_node *node = sim_node_of(sim, id);
    ASSERT(list_empty(&node->envs));
    clock_rebase(node, ahead_ns);
    sim_fault_hit(sim, SIM_FAULT_CLOCK_OFFSET);
}

void sim_clock_jump(struct sim *sim, uint64_t id, uint64_t forward_ns)
{
    struct sim_node *node = sim_node_of(sim, id);
    clock_rebase(node, forward_ns);
    clock_changed(node);
    sim_fault_hit(sim, SIM_FAULT_CLOCK_JUMP);
}

void sim_clock_drift(struct sim *sim, uint64_t id, int32_t ppm)
{
    struct sim_node *node = sim_node_of(sim, id);
    ASSERT(ppm > -1000000);
    clock_rebase(node, 0);
    node->clock.drift_ppm = ppm;
    clock_changed(node);
    if (ppm != 0) sim_fault_hit(sim, SIM_FAULT_CLOCK_DRIFT);
}

void sim_clock_freeze(struct sim *sim, uint64_t id, bool frozen)
{
    struct sim_node *node = sim_node_of(sim, id);
    clock_rebase(node, 0);
    node->clock.frozen = frozen;
    clock_changed(node);
    if (frozen) sim_fault_hit(sim, SIM_FAULT_CLOCK_FREEZE);
}

void sim_wall_set(struct sim *sim, uint64_t id, int64_t offset_ns)
{
    sim_node_of(sim, id)->clock.wall_offset_ns = offset_ns;
    sim_fault_hit(sim, SIM_FAULT_WALL_SET);
}

/* ---- life ---- */

void sim_node_pause(struct sim *sim, uint64_t id)
{
    struct sim_node *node = sim_node_of(sim, id);
    if (node->paused) return;
    node->paused = true;
    sim_fault_hit(sim, SIM_FAULT_PAUSE);
}

void sim_node_resume(struct sim *sim, uint64_t id)
{
    struct sim_node *node = sim_node_of(sim, id);
    node->paused = false;
    LIST_FOR_EACH(item, &node->envs)
        sim_env_release_held(CONTAINER_OF(item, struct sim_env, node_link));
}

void sim_node_slow(struct sim *sim, uint64_t id, uint32_t factor)
{
    ASSERT(factor >= 1);
    sim_node_of(sim, id)->cpu_factor = factor;
    if (factor > 1) sim_fault_hit(sim, SIM_FAULT_SLOW_NODE);
}

void sim_node_crash(struct sim *sim, uint64_t id, enum sim_crash kind)
{
    struct sim_node *node = sim_node_of(sim, id);
    bool power = kind == SIM_CRASH_POWER;
    sim_fault_hit(sim, power ? SIM_FAULT_POWER_LOSS : SIM_FAULT_PROCESS_CRASH);
    sim_disk_crash(node->disk, power);
    node->paused = node->halted = false;
    node->crashed = true;
    node->dark = power;
    LIST_FOR_EACH(item, &node->envs)
        sim_env_take_down(CONTAINER_OF(item, struct sim_env, node_link), power);
    if (!power) return;
    clock_start(node, SIM_SEC * (1 + sim_below(sim, 30)));
    sim_streams_recheck(sim);
}
