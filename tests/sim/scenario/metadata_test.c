/* The metadata range in trouble: scenario 71 (README.md). It decides what may change, and its leader gives the time; the
 * data ranges have leaders of their own, which go on. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/codec.h"
#include "shard/shard_int.h"
#include "tests/sim/cluster/meta_check.h"
#include "tests/sim/cluster/orders.h"
#include "tests/sim/cluster/owners.h"
#include "tests/sim/cluster/splits.h"
#include "tests/sim/scenario/scenario.h"
#include "tests/test.h"

#define KEYS      16u
#define KEY_BYTES 9u
#define BOUND_NS  (4 * SCENARIO_TIMEOUT_NS)
#define SETTLE_NS (60 * SIM_SEC)

struct trouble {
    struct splits *splits;
    struct orders *orders;
};

static bool holds(struct scenario *s, uint64_t machine, struct range_id range)
{
    uint64_t leader = cluster_leader(s->c, range);
    if (leader == 0) return false;
    return descriptor_member_on(replica_descriptor(scenario_replica(s, leader, range)), cluster_node(s->c, machine)) != NULL;
}

static bool stands_apart(struct cluster *c, void *ctx)
{
    struct scenario *s = ctx;
    (void)c;
    uint32_t alone = 0, both = 0;
    for (uint64_t i = 1; i <= s->size; i++) {
        alone += holds(s, i, RANGE_DATA) && !holds(s, i, RANGE_META);
        both += holds(s, i, RANGE_DATA) && holds(s, i, RANGE_META);
    }
    return alone == 2 && both == 1 && cluster_settled(s->c, 3);
}

/* Five machines. Three have the metadata range; the other two, and one of these, the data range, which one of the two leads. */
static uint64_t begin(struct scenario *s, struct trouble *t)
{
    struct cluster_options o;
    scenario_options(s, 5, &o);
    o.replication_factor = 3;
    scenario_boot_with(s, &o);
    t->splits = splits_create(s->c);
    t->orders = orders_create(s->c);
    for (int tries = 0; tries < 60 && !stands_apart(s->c, s); tries++) {
        struct node_id nodes[3];
        uint32_t count = 0, shared = 0;
        for (uint64_t i = 1; i <= s->size && count < 3; i++)
            if (!holds(s, i, RANGE_META) || (i != cluster_leader(s->c, RANGE_META) && shared++ == 0))
                nodes[count++] = cluster_node(s->c, i);
        if (count == 3) orders_move(t->orders, RANGE_DATA, nodes, 3);
        cluster_run_until(s->c, stands_apart, s, SIM_SEC);
    }
    EXPECT(s, stands_apart(s->c, s));
    for (uint64_t i = 1; i <= s->size; i++)
        if (holds(s, i, RANGE_DATA) && !holds(s, i, RANGE_META)) {
            scenario_lead_range(s, i, RANGE_DATA);
            break;
        }
    scenario_load(s, 10, KEYS);
    uint64_t leader = scenario_leader(s, RANGE_META);
    EXPECT(s, leader != 0 && !holds(s, scenario_leader(s, RANGE_DATA), RANGE_META));
    return leader;
}

static void split(struct scenario *s, struct trouble *t, uint64_t key)
{
    uint8_t room[KEY_BYTES] = {KEY_PREFIX_TABLE};
    store_be64(room + 1, key);
    for (uint64_t id = 2; id <= cluster_range_max(s->c); id++) {
        uint64_t leader = cluster_leader(s->c, (struct range_id){id});
        if (leader == 0) continue;
        const struct replica *r = scenario_replica(s, leader, (struct range_id){id});
        if (descriptor_contains(replica_descriptor(r), bytes_make(room, KEY_BYTES)))
            splits_order(t->splits, (struct range_id){id}, bytes_make(room, KEY_BYTES));
    }
}

static bool metadata_agrees(struct cluster *c, void *ctx)
{
    (void)ctx;
    return meta_check_quiet(c) == NULL && meta_check_orphans(c) == NULL;
}

/* Afterwards what was wanted meanwhile has happened once, or not at all; nobody owned what somebody else owned. */
static void end(struct scenario *s, struct trouble *t)
{
    char failure[256] = "";
    scenario_heal_network(s);
    for (uint64_t i = 1; i <= s->size; i++)
        if (cluster_machine(s->c, i)->env == NULL) cluster_start(s->c, i);
    EXPECT(s, cluster_run_until(s->c, metadata_agrees, NULL, SETTLE_NS));
    uint32_t before = splits_count(t->splits);
    for (int i = 0; i < 20 && splits_count(t->splits) == before; i++) {
        split(s, t, KEYS); /* it decides again; BUSY while what was asked before is under way */
        scenario_run(s, SIM_SEC);
    }
    EXPECT(s, splits_count(t->splits) > before);
    EXPECT(s, cluster_run_until(s->c, metadata_agrees, NULL, SETTLE_NS));
    if (!owners_check(cluster_owners(s->c), failure, sizeof failure)) {
        fprintf(stderr, "%s\n", failure);
        EXPECT(s, !"a range was served by somebody else");
    }
    scenario_end(s);
    splits_destroy(t->splits);
    orders_destroy(t->orders);
}

/* Its failover is all that the others notice. */
static void leader_dies(struct scenario *s)
{
    struct trouble t;
    uint64_t leader = begin(s, &t), term = scenario_term(s, RANGE_DATA);
    split(s, &t, 4);
    cluster_crash(s->c, leader, s->seed % 2 == 0 ? SIM_CRASH_PROCESS : SIM_CRASH_POWER);
    scenario_await_leader(s, BOUND_NS);
    scenario_await_write(s, BOUND_NS);
    EXPECT(s, scenario_term(s, RANGE_DATA) == term);
    split(s, &t, 12);
    scenario_run(s, SIM_SEC);
    end(s, &t);
}

TEST(scenario_71, its_leader_dies_and_the_data_ranges_keep_theirs)
{
    scenario_seeds(8, leader_dies);
}

/* The old leader still believes that it leads; whoever asks it for a split is not given one, and what the new leader gives is
 * given once. */
static void two_believe_that_they_lead(struct scenario *s)
{
    struct trouble t;
    uint64_t leader = begin(s, &t);
    for (uint64_t i = 1; i <= s->size; i++)
        if (i != leader && holds(s, i, RANGE_META)) sim_net_cut_pair(s->sim, leader, i);
    for (uint64_t key = 2; key < KEYS; key += 3) { /* before the data range's leader knows of another, and after */
        split(s, &t, key);
        scenario_run(s, 50 * SIM_MS + sim_below(s->sim, 400 * SIM_MS));
    }
    scenario_await_leader(s, BOUND_NS);
    EXPECT(s, scenario_leader(s, RANGE_META) != leader);
    scenario_await_write(s, 8 * SIM_SEC);
    end(s, &t);
}

TEST(scenario_71, an_old_leader_that_only_the_data_ranges_hear_gives_nothing_away)
{
    scenario_seeds(8, two_believe_that_they_lead);
}

/* All who have it are cut off from all who do not: nothing can change, and when that is over, nothing is lost. Those data
 * ranges whose majority is on one side go on there once the clock can be asked. */
static void cut_off_from_the_rest(struct scenario *s)
{
    struct trouble t;
    begin(s, &t);
    bool has[CLUSTER_NODE_MAX + 1] = {false};
    for (uint64_t i = 1; i <= s->size; i++) has[i] = holds(s, i, RANGE_META);
    for (uint64_t a = 1; a <= s->size; a++)
        for (uint64_t b = a + 1; b <= s->size; b++)
            if (has[a] != has[b])
                sim_net_cut_pair(s->sim, a, b);
    for (uint64_t key = 3; key < KEYS; key += 4) {
        split(s, &t, key);
        scenario_run(s, SIM_SEC);
    }
    end(s, &t);
}

TEST(scenario_71, cut_off_from_the_data_ranges_it_loses_nothing)
{
    scenario_seeds(6, cut_off_from_the_rest);
}

/* Its leader's disk stands still: the leadership leaves within two seconds, and with it the clock. */
static void disk_stands_still(struct scenario *s)
{
    struct trouble t;
    uint64_t leader = begin(s, &t), term = scenario_term(s, RANGE_DATA);
    sim_disk_stall(sim_disk(s->sim, leader), 6 * SIM_SEC);
    split(s, &t, 6);
    uint64_t start = sim_now(s->sim);
    while (scenario_leader(s, RANGE_META) == leader || scenario_leader(s, RANGE_META) == 0) {
        EXPECT(s, sim_now(s->sim) - start < 2 * SIM_SEC);
        scenario_run(s, 10 * SIM_MS);
    }
    scenario_await_write(s, 8 * SIM_SEC);
    EXPECT(s, scenario_term(s, RANGE_DATA) == term);
    scenario_run(s, 6 * SIM_SEC);
    end(s, &t);
}

TEST(scenario_71, the_disk_of_its_leader_stands_still)
{
    scenario_seeds(6, disk_stands_still);
}
