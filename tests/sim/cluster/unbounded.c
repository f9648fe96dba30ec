#include "tests/sim/cluster/unbounded.h"

#include <stdlib.h>

#include "base/assert.h"

enum strike { STRIKE_WIPE, STRIKE_ROT, STRIKE_ERRORS, STRIKE_POWER, STRIKE_COUNT };

struct unbounded {
    struct cluster *cluster;
    bool stopped;
    uint64_t mean_ns;
};

static struct sim *sim_of_unbounded(struct unbounded *u)
{
    return cluster_sim(u->cluster);
}

/* Nobody else may have started it meanwhile. */
static void restart(struct unbounded *u, uint64_t machine)
{
    if (cluster_machine(u->cluster, machine)->env == NULL) cluster_start(u->cluster, machine);
}

/* The machine is down for a moment; what is done to its disk is done then. */
static void strike_down(struct unbounded *u, uint64_t machine, enum strike kind)
{
    struct sim *sim = sim_of_unbounded(u);
    struct sim_disk *disk = sim_disk(sim, machine);
    cluster_crash(u->cluster, machine, SIM_CRASH_POWER);
    if (kind == STRIKE_WIPE) sim_disk_wipe(disk);
    uint64_t flips = kind == STRIKE_ROT ? 1 + sim_below(sim, 8) : 0;
    for (uint64_t i = 0; i < flips; i++)
        if (!sim_disk_rot_random(disk, NULL)) break; /* an empty disk */
    restart(u, machine);
}

static void strike_errors(struct unbounded *u, uint64_t machine)
{
    static const enum sim_fault kinds[] = {SIM_FAULT_WRITE_ERROR, SIM_FAULT_SYNC_ERROR,
                                           SIM_FAULT_READ_ERROR};
    struct sim *sim = sim_of_unbounded(u);
    sim_disk_inject(sim_disk(sim, machine),
                    &(struct sim_disk_fault){.kind = kinds[sim_below(sim, 3)],
                                             .skip = sim_below(sim, 50),
                                             .count = 1 + sim_below(sim, 3)});
}

static void on_time(void *ctx)
{
    struct unbounded *u = ctx;
    struct sim *sim = sim_of_unbounded(u);
    if (u->stopped) return;
    enum strike kind = (enum strike)sim_below(sim, STRIKE_COUNT);
    /* One machine, some, or all of them at the same moment. */
    uint64_t count = 1 + sim_below(sim, cluster_size(u->cluster));
    uint64_t first = sim_below(sim, cluster_size(u->cluster));
    for (uint64_t i = 0; i < count; i++) {
        uint64_t machine = 1 + (first + i) % cluster_size(u->cluster);
        if (kind == STRIKE_ERRORS)
            strike_errors(u, machine);
        else
            strike_down(u, machine, kind);
    }
    sim_call_after(sim, sim_exponential(sim, u->mean_ns), on_time, u);
}

struct unbounded *unbounded_create(struct cluster *c)
{
    struct unbounded *u = calloc(1, sizeof *u);
    ASSERT(u != NULL);
    u->cluster = c;
    struct sim *sim = sim_of_unbounded(u);
    u->mean_ns = 500 * SIM_MS + sim_below(sim, 3 * SIM_SEC);
    sim_call_after(sim, sim_exponential(sim, u->mean_ns), on_time, u);
    return u;
}

void unbounded_stop(struct unbounded *u)
{
    u->stopped = true;
    for (uint64_t i = 1; i <= cluster_size(u->cluster); i++) {
        sim_disk_heal(sim_disk(sim_of_unbounded(u), i));
        restart(u, i);
    }
}

void unbounded_destroy(struct unbounded *u)
{
    free(u);
}
