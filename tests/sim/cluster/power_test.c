/* Scenario 29: the power goes on one machine, a minority, a majority, or all at once, and takes what was not
 * synced with it, wholly or in part. No acknowledged write is lost, and all boot. */
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/sim/cluster/scene.h"
#include "tests/sim/cluster/workload.h"

#define ROUNDS 4

struct outage {
    uint64_t seed;
    uint32_t machines, struck;
    uint32_t tear_ppm; /* of the sectors that were being written: not even they are whole */
};

static bool serves(struct cluster *c, void *ctx)
{
    const struct outage *o = ctx;
    return cluster_settled(c, o->machines < 3 ? o->machines : 3);
}

/* Cuts the power of o->struck machines at once, in the middle of whatever they do. */
static void strike(struct cluster *c, const struct outage *o)
{
    struct sim *sim = cluster_sim(c);
    uint64_t steps = sim_below(sim, 400);
    while (steps-- > 0)
        if (!sim_step(sim)) break;
    uint64_t first = sim_below(sim, o->machines);
    for (uint32_t i = 0; i < o->struck; i++)
        cluster_crash(c, 1 + (first + i) % o->machines, SIM_CRASH_POWER);
    cluster_run(c, sim_below(sim, 1500) * SIM_MS);
    for (uint64_t i = 1; i <= o->machines; i++)
        if (!cluster_up(c, i)) cluster_start(c, i);
}

/* Returns how much un-synced data went. */
static uint64_t outage_run(struct outage o)
{
    struct cluster_options options;
    cluster_options_init(&options, o.seed);
    options.node_count = o.machines;
    options.sim.tear_sector_ppm = o.tear_ppm;
    options.wal_segment_bytes = 128u << 10;
    options.log_bytes_max = 32u << 10;
    options.memory_bytes = 2u << 20;
    options.verbose = getenv("OSTRAKA_VERBOSE") != NULL;
    struct cluster *c = cluster_create(&options);
    assert_true(cluster_boot(c, 60 * SIM_SEC));
    struct workload_options wo = {
        .client_count = 12, .key_count = 12, .think_mean_ns = SIM_MS, .operation_max = 100000};
    struct workload *w = workload_create(c, &wo);
    for (int round = 0; round < ROUNDS; round++) {
        cluster_run(c, 300 * SIM_MS);
        strike(c, &o);
        assert_true(cluster_run_until(c, serves, &o, 30 * SIM_SEC));
        uint64_t before = workload_committed(w); /* calls that waited for the dead have to time out first */
        for (int i = 0; i < 300 && workload_committed(w) < before + 10; i++) cluster_run(c, 100 * SIM_MS);
        assert_true(workload_committed(w) >= before + 10);
    }
    workload_stop(w);
    cluster_run(c, 10 * SIM_SEC);
    assert_true(workload_idle(w));
    assert_int_equal(cluster_ended(c), 0); /* all boot */
    assert_true(cluster_await_equal(c, 20, 100 * SIM_MS));
    scene_explain(w);
    struct sim *sim = cluster_sim(c);
    uint64_t gone = sim_fault_hits(sim, SIM_FAULT_UNSYNCED_LOST) + sim_fault_hits(sim, SIM_FAULT_UNSYNCED_TORN);
    cluster_destroy(c);
    workload_destroy(w);
    return gone;
}

static void outages(uint32_t machines, uint32_t struck, uint32_t tear_ppm)
{
    const char *size = getenv("OSTRAKA_TEST_SIZE");
    uint64_t seeds = size != NULL && strcmp(size, "quick") == 0 ? 2 : 6, gone = 0;
    if (size != NULL && strcmp(size, "full") == 0) seeds = 60;
    for (uint64_t seed = 1; seed <= seeds; seed++)
        gone += outage_run((struct outage){100 * struck + seed, machines, struck, tear_ppm});
    if (seeds >= 6) assert_true(gone > 0);
}

TEST(power, of_one_machine) { outages(3, 1, 0); }
TEST(power, of_a_minority) { outages(5, 2, 0); }
TEST(power, of_a_majority) { outages(5, 3, 0); }
TEST(power, of_all_machines) { outages(3, 3, 0); }

/* Sectors that tear leave a tail that may have been acknowledged as far as anybody can tell. All have to agree
 * on a leader then, and do. */
TEST(power, of_all_machines_tears_sectors) { outages(3, 3, 500000); }
