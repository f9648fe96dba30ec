/* Processes, network and time. Disks: nemesis_disk.c. */
#include <stdlib.h>

#include "tests/sim/cluster/nemesis_int.h"

uint64_t nemesis_any_machine(struct nemesis *n)
{
    return 1 + sim_below(sim_of_nemesis(n), cluster_size(n->cluster));
}

/* ---- processes ---- */

static void start(struct nemesis *n, uint64_t machine)
{
    disk_before_start(n, machine);
    cluster_start(n->cluster, machine);
}

static void on_revive(void *ctx)
{
    struct care *care = ctx;
    care->start_pending = false;
    if (!care->away && cluster_machine(care->nemesis->cluster, care->machine)->env == NULL)
        start(care->nemesis, care->machine);
}

static void revive_later(struct nemesis *n, uint64_t machine, uint64_t mean_ns)
{
    struct care *care = &n->care[machine];
    if (care->start_pending || care->away) return;
    care->start_pending = true;
    sim_call_after(sim_of_nemesis(n), 20 * SIM_MS + sim_exponential(sim_of_nemesis(n), mean_ns),
                   on_revive, care);
}

void nemesis_crash(struct nemesis *n, uint64_t machine, enum sim_crash kind)
{
    if (machine == n->victim && disk_held(n)) return;
    /* A process that ended by itself at this moment is torn down here all the same. */
    struct cluster_machine *m = cluster_machine(n->cluster, machine);
    if (m->env != NULL) n->care[machine].crashed = !m->ended;
    cluster_crash(n->cluster, machine, kind);
    revive_later(n, machine, SIM_SEC);
}

/* A process that is killed loses nothing that it wrote. */
static enum sim_crash power_or_process(struct nemesis *n)
{
    return disk_others_may_doubt(n) ? SIM_CRASH_POWER : SIM_CRASH_PROCESS;
}

static void crash_all(struct nemesis *n)
{
    if (disk_held(n)) return;
    enum sim_crash kind = power_or_process(n);
    for (uint64_t i = 1; i <= cluster_size(n->cluster); i++) nemesis_crash(n, i, kind);
}

void nemesis_kill(struct nemesis *n, uint64_t machine)
{
    nemesis_crash(n, machine, sim_chance(sim_of_nemesis(n), SIM_ALWAYS / 2) ? SIM_CRASH_PROCESS : power_or_process(n));
}

bool nemesis_away(struct nemesis *n, uint64_t machine)
{
    if (machine == n->victim && disk_held(n)) return false;
    n->care[machine].away = true;
    nemesis_crash(n, machine, SIM_CRASH_PROCESS);
    return true;
}

void nemesis_return(struct nemesis *n, uint64_t machine)
{
    n->care[machine].away = false;
    if (cluster_machine(n->cluster, machine)->env == NULL) start(n, machine);
}

bool nemesis_replace(struct nemesis *n, uint64_t machine)
{
    if (machine == n->victim && disk_held(n)) return false;
    nemesis_crash(n, machine, SIM_CRASH_PROCESS);
    disk_renew(n, machine);
    return true;
}

/* Whoever ended by itself is started again, also when all is healed. */
#define CARE_NS (100 * SIM_MS)

static void on_care(void *ctx)
{
    struct nemesis *n = ctx;
    sim_call_after(sim_of_nemesis(n), CARE_NS, on_care, n);
    disk_care(n);
    for (uint64_t i = 1; i <= cluster_size(n->cluster); i++)
        if (cluster_machine(n->cluster, i)->env == NULL)
            revive_later(n, i, n->healed ? 50 * SIM_MS : 500 * SIM_MS);
}

static void on_resume(void *ctx)
{
    struct care *care = ctx;
    care->resume_pending = false;
    sim_node_resume(sim_of_nemesis(care->nemesis), care->machine);
}

static void pause_machine(struct nemesis *n)
{
    struct sim *sim = sim_of_nemesis(n);
    struct care *care = &n->care[nemesis_any_machine(n)];
    sim_node_pause(sim, care->machine);
    if (care->resume_pending) return;
    care->resume_pending = true;
    sim_call_after(sim, sim_exponential(sim, SIM_SEC), on_resume, care);
}

/* ---- network and time ---- */

static void partition(struct nemesis *n, enum sim_partition shape)
{
    uint64_t nodes[CLUSTER_NODE_MAX];
    for (uint32_t i = 0; i < cluster_size(n->cluster); i++) nodes[i] = i + 1;
    sim_net_partition(sim_of_nemesis(n), shape, nodes, cluster_size(n->cluster));
}

static void clock_fault(struct nemesis *n)
{
    struct sim *sim = sim_of_nemesis(n);
    uint64_t machine = nemesis_any_machine(n);
    if (cluster_leases(n->cluster)) { /* they trust rates, to 1000 ppm, and nothing else */
        if (sim_chance(sim, 500000)) sim_clock_drift(sim, machine, (int32_t)sim_below(sim, 2000) - 1000);
        else sim_wall_set(sim, machine, (int64_t)sim_below(sim, 600 * SIM_SEC) - 300 * (int64_t)SIM_SEC);
        return;
    }
    switch (sim_below(sim, 4)) {
    case 0: sim_clock_jump(sim, machine, sim_exponential(sim, 300 * SIM_MS)); break;
    case 1: sim_clock_drift(sim, machine, (int32_t)sim_below(sim, 100000) - 50000); break;
    case 2: sim_wall_set(sim, machine, (int64_t)sim_below(sim, 600 * SIM_SEC) - 300 * (int64_t)SIM_SEC); break;
    default: sim_clock_freeze(sim, machine, sim_chance(sim, 500000)); break;
    }
}

static void strike(struct nemesis *n, enum nemesis_kind kind)
{
    struct sim *sim = sim_of_nemesis(n);
    struct sim_options *o = sim_options(sim);
    switch (kind) {
    case NEMESIS_CRASH: nemesis_crash(n, nemesis_any_machine(n), SIM_CRASH_PROCESS); break;
    case NEMESIS_POWER: nemesis_crash(n, nemesis_any_machine(n), power_or_process(n)); break;
    case NEMESIS_POWER_ALL: crash_all(n); break;
    case NEMESIS_PARTITION: partition(n, (enum sim_partition)sim_below(sim, SIM_PARTITION_COUNT)); break;
    case NEMESIS_ONE_WAY: partition(n, SIM_PARTITION_ONE_WAY); break;
    case NEMESIS_CLOG: {
        uint64_t from = nemesis_any_machine(n), to = nemesis_any_machine(n);
        if (from != to) sim_net_clog(sim, from, to, sim_exponential(sim, SIM_SEC));
        break;
    }
    case NEMESIS_SWIZZLE: {
        uint64_t nodes[CLUSTER_NODE_MAX];
        for (uint32_t i = 0; i < cluster_size(n->cluster); i++) nodes[i] = i + 1;
        sim_net_swizzle(sim, nodes, cluster_size(n->cluster), 2 * SIM_SEC);
        break;
    }
    case NEMESIS_RESET: {
        uint64_t a = nemesis_any_machine(n), b = nemesis_any_machine(n);
        if (a != b) sim_net_reset(sim, a, b);
        break;
    }
    case NEMESIS_PAUSE: pause_machine(n); break;
    case NEMESIS_SLOW: sim_node_slow(sim, nemesis_any_machine(n), (uint32_t)(1 + sim_below(sim, 20))); break;
    case NEMESIS_FRAMES:
        o->frame_loss_ppm = (uint32_t)sim_below(sim, 60000);
        o->frame_duplicate_ppm = (uint32_t)sim_below(sim, 60000);
        o->frame_delay_ppm = (uint32_t)sim_below(sim, 60000);
        break;
    case NEMESIS_CLOCK: clock_fault(n); break;
    case NEMESIS_DISK_SLOW:
        sim_disk_slow(sim_disk(sim, nemesis_any_machine(n)), (uint32_t)(1 + sim_below(sim, 50)));
        break;
    case NEMESIS_DISK_STALL:
        sim_disk_stall(sim_disk(sim, nemesis_any_machine(n)), sim_exponential(sim, SIM_SEC));
        break;
    default:
        if (!disk_strike(n, kind)) sim_trace(sim, "nemesis: disk kind %d not now", (int)kind);
    }
}

static void on_time(void *ctx)
{
    struct nemesis *n = ctx;
    if (n->healed) return;
    struct sim *sim = sim_of_nemesis(n);
    sim_call_after(sim, sim_exponential(sim, n->mean_ns), on_time, n);
    if (sim_chance(sim, 250000)) {
        sim_net_heal(sim);
        return;
    }
    enum nemesis_kind kind = (enum nemesis_kind)sim_below(sim, NEMESIS_DISK_FULL);
    if (n->enabled[kind]) strike(n, kind);
}

static void on_disk_time(void *ctx)
{
    struct nemesis *n = ctx;
    if (n->healed) return;
    struct sim *sim = sim_of_nemesis(n);
    sim_call_after(sim, sim_exponential(sim, n->disk_mean_ns), on_disk_time, n);
    uint64_t draw = sim_below(sim, NEMESIS_KINDS - NEMESIS_DISK_FULL);
    enum nemesis_kind kind = (enum nemesis_kind)(NEMESIS_DISK_FULL + draw);
    if (n->enabled[kind]) strike(n, kind);
}

struct nemesis *nemesis_create(struct cluster *c, bool crashes)
{
    struct nemesis *n = calloc(1, sizeof *n);
    ASSERT(n != NULL);
    n->cluster = c;
    struct sim *sim = cluster_sim(c);
    for (uint64_t i = 1; i <= cluster_size(c); i++)
        n->care[i] = (struct care){.nemesis = n, .machine = i, .opened = true};
    for (int i = 0; i < NEMESIS_KINDS; i++) n->enabled[i] = sim_chance(sim, 600000);
    disk_enable(n);
    if (!crashes) {
        n->enabled[NEMESIS_CRASH] = n->enabled[NEMESIS_POWER] = n->enabled[NEMESIS_POWER_ALL] = false;
        for (int i = NEMESIS_DISK_FULL; i < NEMESIS_KINDS; i++) n->enabled[i] = false;
    }
    n->mean_ns = 100 * SIM_MS + sim_below(sim, 900 * SIM_MS);
    n->disk_mean_ns = 50 * SIM_MS + sim_below(sim, 350 * SIM_MS);
    sim_call_after(sim, sim_exponential(sim, n->disk_mean_ns), on_disk_time, n);
    sim_call_after(sim, sim_exponential(sim, n->mean_ns), on_time, n);
    sim_call_after(sim, CARE_NS, on_care, n);
    return n;
}

void nemesis_destroy(struct nemesis *n)
{
    disk_deinit(n);
    free(n);
}

void nemesis_heal(struct nemesis *n)
{
    struct sim *sim = sim_of_nemesis(n);
    struct sim_options *o = sim_options(sim);
    n->healed = true;
    o->frame_loss_ppm = o->frame_duplicate_ppm = o->frame_delay_ppm = 0;
    sim_net_heal(sim);
    for (uint64_t i = 1; i <= cluster_size(n->cluster); i++) {
        sim_disk_heal(sim_disk(sim, i));
        sim_node_resume(sim, i);
        sim_node_slow(sim, i, 1);
        sim_clock_freeze(sim, i, false);
        sim_clock_drift(sim, i, 0);
        n->care[i].away = false;
        if (cluster_machine(n->cluster, i)->env == NULL) start(n, i);
    }
}
