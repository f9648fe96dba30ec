/* One machine has another source of timestamps than the rest (--clock): it gets none from the master, serves nothing and says why;
 * and when it becomes master itself, nobody relies any more on what the masters before it said (A5). */
#include "tests/test.h"

#include <stdlib.h>

#include "tests/txn/world.h"

#define ODD 3

static void open_world(struct world *w, enum kv_clock_source common)
{
    struct cluster_options o;
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    if (mutant != NULL) assert_true(mutant_select(mutant) > 0);
    cluster_options_init(&o, 8);
    o.node_count = 3;
    o.clock_source = common;
    o.odd_clock = ODD;
    w->cluster = cluster_create(&o);
    assert_true(cluster_boot(w->cluster, 60 * SIM_SEC));
}

static void look(struct world *w)
{
    cluster_check(w->cluster);
    if (cluster_violation(w->cluster) != NULL) fail_msg("%s", cluster_violation(w->cluster));
}

static void run_ms(struct world *w, uint64_t ms)
{
    for (uint64_t i = 0; i < ms; i++) {
        world_run_ms(w, 1);
        look(w);
    }
}

static struct clock *clock_of(struct world *w, uint64_t machine)
{
    return &core_kv(cluster_machine(w->cluster, machine)->core)->clock;
}

static struct kv_clock_status status_of(struct world *w, uint64_t machine)
{
    struct kv_clock_status status;
    kv_clock_status(core_kv(cluster_machine(w->cluster, machine)->core), &status);
    return status;
}

static bool knows(struct world *w, uint64_t machine)
{
    uint64_t low, high;
    return clock_interval_at(clock_of(w, machine), &low, &high);
}

/* Each 10 us is looked at. */
static void lead_metadata(struct world *w, uint64_t to)
{
    if (cluster_leader(w->cluster, RANGE_META) == to) return;
    world_transfer(w, RANGE_META, to);
    for (int i = 0; i < 500000 && !clock_of(w, to)->master.ready; i++) {
        cluster_run(w->cluster, 10 * SIM_US);
        look(w);
    }
    assert_true(clock_of(w, to)->master.ready);
}

static void refused(enum kv_clock_source common)
{
    struct world w;
    open_world(&w, common);
    lead_metadata(&w, 1);
    run_ms(&w, 8000); /* what the odd one led is handed over */
    assert_true(status_of(&w, ODD).differs);
    assert_false(status_of(&w, ODD).known);
    for (uint64_t machine = 1; machine < ODD; machine++) {
        assert_false(status_of(&w, machine).differs);
        assert_true(status_of(&w, machine).known);
    }
    assert_true(world_leader(&w) != ODD);
    assert_true(world_put(&w, "a", "1") > 0);
    world_close(&w);
}

TEST(txn_clock_sources, a_node_that_asks_an_oracle_for_samples_is_told)
{
    refused(KV_CLOCK_ORACLE);
}

TEST(txn_clock_sources, a_node_that_asks_for_readings_where_samples_are_given_is_told)
{
    refused(KV_CLOCK_INTERVAL);
}

TEST(txn_clock_sources, samples_end_when_the_odd_one_becomes_master)
{
    struct world w;
    open_world(&w, KV_CLOCK_INTERVAL);
    lead_metadata(&w, 1);
    run_ms(&w, 2000);
    assert_true(knows(&w, 1) && knows(&w, 2));
    lead_metadata(&w, ODD);
    assert_false(knows(&w, 1) || knows(&w, 2));
    run_ms(&w, 100);
    assert_true(status_of(&w, 1).differs && status_of(&w, 2).differs);
    lead_metadata(&w, 2);
    run_ms(&w, 1000);
    assert_true(knows(&w, 1) && knows(&w, 2));
    assert_false(status_of(&w, 1).differs || status_of(&w, 2).differs);
    world_close(&w);
}

/* The first sample of a master leaves when the limit says that there are samples. */
TEST(txn_clock_sources, samples_are_announced)
{
    struct world w;
    open_world(&w, KV_CLOCK_ORACLE);
    lead_metadata(&w, 1);
    run_ms(&w, 1000);
    lead_metadata(&w, ODD);
    for (uint64_t machine = 1; machine <= 3; machine++) /* the limit takes its time */
        sim_disk_stall(sim_disk(cluster_sim(w.cluster), machine), 80 * SIM_MS);
    for (int i = 0; i < 10000 && !knows(&w, ODD); i++) cluster_run(w.cluster, 100 * SIM_US);
    assert_true(knows(&w, ODD));
    assert_int_equal(store_clock_limit(core_store(cluster_machine(w.cluster, ODD)->core)) % 2, 1);
    uint64_t shown = clock_seen(clock_of(&w, ODD));
    lead_metadata(&w, 2);
    run_ms(&w, 500);
    assert_true(clock_seen(clock_of(&w, 2)) > shown);
    assert_false(knows(&w, ODD));
    world_close(&w);
}
