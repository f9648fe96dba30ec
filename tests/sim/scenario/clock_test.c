/* Clocks that show anything, under load: scenario 23 (README.md). Nothing that clients see is wrong; only progress may suffer, and
 * where nothing but wall clocks is set it does not. */
#include "tests/sim/scenario/scenario.h"
#include "tests/test.h"

#define HOUR_NS   (3600 * (int64_t)SIM_SEC)
#define BUMP_NS   (262 * (int64_t)SIM_SEC)
#define DRIFT_PPM 50000

static uint64_t any_machine(struct scenario *s)
{
    return 1 + sim_below(s->sim, s->size);
}

static int64_t around_zero(struct scenario *s, int64_t most)
{
    return (int64_t)sim_below(s->sim, 2 * (uint64_t)most) - most;
}

/* ---- wall clocks ---- */

/* Set anew every 1 ms to 1 s. */
static void strobe(struct scenario *s, uint64_t machine)
{
    for (int i = 0; i < 12; i++) {
        sim_wall_set(s->sim, machine, around_zero(s, BUMP_NS));
        scenario_run(s, SIM_MS << sim_below(s->sim, 10));
    }
}

/* Whoever is clock master starts again, and nobody's wall clock is where it was. */
static void start_in_the_past(struct scenario *s)
{
    uint64_t master = scenario_leader(s, RANGE_META);
    if (master == 0) master = any_machine(s);
    cluster_crash(s->c, master, SIM_CRASH_PROCESS);
    for (uint64_t i = 1; i <= s->size; i++) sim_wall_set(s->sim, i, -2 * HOUR_NS - around_zero(s, BUMP_NS));
    scenario_run(s, SIM_SEC);
    cluster_start(s->c, master);
}

static void wall_clocks(struct scenario *s)
{
    scenario_boot(s, 3);
    for (uint64_t i = 1; i <= s->size; i++) sim_wall_set(s->sim, i, ((int64_t)i - 2) * HOUR_NS);
    scenario_load(s, 8, 3);
    for (int round = 0; round < 4; round++) {
        sim_wall_set(s->sim, any_machine(s), sim_below(s->sim, 2) == 0 ? BUMP_NS : -BUMP_NS);
        EXPECT(s, scenario_commits_in(s, 500 * SIM_MS) > 0);
        strobe(s, any_machine(s));
        EXPECT(s, scenario_commits_in(s, 500 * SIM_MS) > 0);
        start_in_the_past(s);
        scenario_await_leader(s, 4 * SCENARIO_TIMEOUT_NS + SIM_SEC);
        scenario_await_write(s, 10 * SIM_SEC);
        scenario_run(s, 3 * SIM_SEC); /* clients that asked the newcomer wait until it has its links */
    }
    scenario_end(s);
}

TEST(scenario_23, wall_clocks_that_show_anything_cost_nothing)
{
    scenario_seeds(12, wall_clocks);
}

/* ---- clocks that measure time ---- */

/* Nodes that trust no clock: without leases, as where the kernel's may stand still. */
static void boot_without_leases(struct scenario *s)
{
    struct cluster_options o;
    scenario_options(s, 3, &o);
    o.no_leases = true;
    scenario_boot_with(s, &o);
}

/* For as long as a machine thinks that no time has passed others lead in its place. */
static void stand_still(struct scenario *s)
{
    uint64_t leader = scenario_leader(s, RANGE_DATA), machine = sim_below(s->sim, 2) == 0 && leader != 0 ? leader : any_machine(s);
    sim_clock_freeze(s->sim, machine, true);
    scenario_run(s, 100 * SIM_MS + sim_below(s->sim, 3 * SIM_SEC));
    sim_clock_freeze(s->sim, machine, false);
}

static void strange_clocks(struct scenario *s)
{
    boot_without_leases(s);
    scenario_load(s, 8, 3);
    for (int round = 0; round < 12; round++) {
        uint64_t machine = any_machine(s);
        switch (sim_below(s->sim, 4)) {
        case 0: sim_clock_drift(s->sim, machine, (int32_t)around_zero(s, DRIFT_PPM)); break;
        case 1: sim_clock_jump(s->sim, machine, (uint64_t)BUMP_NS); break;
        case 2:
            for (int i = 0; i < 20; i++) {
                sim_clock_jump(s->sim, machine, SIM_MS << sim_below(s->sim, 10));
                scenario_run(s, SIM_MS << sim_below(s->sim, 8));
            }
            break;
        default: stand_still(s);
        }
        scenario_run(s, 200 * SIM_MS + sim_below(s->sim, SIM_SEC));
    }
    for (uint64_t i = 1; i <= s->size; i++) sim_clock_drift(s->sim, i, 0);
    scenario_end(s);
}

TEST(scenario_23, clocks_that_drift_jump_and_stand_still_make_nothing_wrong)
{
    scenario_seeds(24, strange_clocks);
}
