/* Ranges that are divided and change hands while clients work: scenarios 64, 68, 69, 73 (README.md). */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/codec.h"
#include "shard/shard_int.h"
#include "tests/sim/cluster/meta_check.h"
#include "tests/sim/cluster/orders.h"
#include "tests/sim/cluster/owners.h"
#include "tests/sim/cluster/run.h"
#include "tests/sim/cluster/splits.h"
#include "tests/sim/scenario/scenario.h"
#include "tests/test.h"

#define KEYS       16u
#define SETTLE_NS  (60 * SIM_SEC)
#define KEY_BYTES  9u

/* As the clients of the key API write them. */
static struct bytes key_of(uint8_t *room, uint64_t key)
{
    room[0] = KEY_PREFIX_TABLE;
    store_be64(room + 1, key);
    return bytes_make(room, KEY_BYTES);
}

/* NULL: nobody leads it, or no range is known to hold the key. */
static const struct descriptor *held_by(struct scenario *s, struct bytes key)
{
    for (uint64_t id = 2; id <= cluster_range_max(s->c); id++) {
        uint64_t leader = cluster_leader(s->c, (struct range_id){id});
        if (leader == 0) continue;
        const struct descriptor *d = replica_descriptor(store_replica(cluster_store(s->c, leader), (struct range_id){id}));
        if (descriptor_contains(d, key)) return d;
    }
    return NULL;
}

static bool metadata_agrees(struct cluster *c, void *ctx)
{
    (void)ctx;
    return meta_check_quiet(c) == NULL && meta_check_orphans(c) == NULL;
}

static void end(struct scenario *s)
{
    char failure[256] = "";
    if (!owners_check(cluster_owners(s->c), failure, sizeof failure)) {
        fprintf(stderr, "%s\n", failure);
        EXPECT(s, !"a range was served by somebody else");
    }
    for (uint64_t i = 1; i <= s->size; i++)
        if (cluster_machine(s->c, i)->env == NULL) cluster_start(s->c, i);
    scenario_heal_network(s);
    EXPECT(s, cluster_run_until(s->c, metadata_agrees, NULL, SETTLE_NS));
    scenario_end(s);
}

/* ---- 64: the hottest key, again and again ---- */

/* The key that was used most since the history had `from` operations, of those that no range begins with. 0: none. */
static uint64_t hottest(struct scenario *s, size_t from)
{
    uint64_t uses[KEYS + 1] = {0}, best = 0;
    size_t count;
    const struct operation *history = workload_history(s->w, &count);
    for (size_t i = from; i < count; i++)
        if (history[i].key <= KEYS) uses[history[i].key]++;
    for (uint64_t key = 1; key <= KEYS; key++) {
        uint8_t room[KEY_BYTES];
        const struct descriptor *d = held_by(s, key_of(room, key));
        if (d == NULL || bytes_equal(d->start, bytes_make(room, KEY_BYTES))) continue;
        if (best == 0 || uses[key] > uses[best]) best = key;
    }
    return best;
}

static void hottest_key_is_split_at(struct scenario *s)
{
    struct cluster_options o;
    scenario_options(s, 3, &o);
    scenario_boot_with(s, &o);
    scenario_load(s, 12, KEYS);
    struct splits *splits = splits_create(s->c);
    for (uint32_t round = 0; round < 8; round++) {
        size_t from;
        workload_history(s->w, &from);
        scenario_run(s, 200 * SIM_MS + sim_below(s->sim, 200 * SIM_MS));
        uint64_t key = hottest(s, from), machine = 1 + sim_below(s->sim, 3);
        if (key == 0) continue;
        uint8_t room[KEY_BYTES];
        struct range_id range = held_by(s, key_of(room, key))->range;
        sim_clock_drift(s->sim, machine, (int32_t)sim_below(s->sim, 1600) - 800);
        sim_wall_set(s->sim, machine, (int64_t)sim_below(s->sim, 600 * SIM_SEC) - 300 * (int64_t)SIM_SEC);
        splits_order(splits, range, key_of(room, key));
        scenario_run(s, sim_below(s->sim, 10 * SIM_MS));
        uint64_t leader = cluster_leader(s->c, range);
        if (round % 2 != 0 || leader == 0) continue;
        cluster_crash(s->c, leader, sim_chance(s->sim, SIM_ALWAYS / 2) ? SIM_CRASH_PROCESS : SIM_CRASH_POWER);
        scenario_run(s, 500 * SIM_MS);
        cluster_start(s->c, leader);
    }
    EXPECT(s, splits_count(splits) >= 2);
    end(s);
    splits_destroy(splits);
}

TEST(scenario_64, the_hottest_key_is_split_at_again_and_again)
{
    scenario_seeds(6, hottest_key_is_split_at);
}

/* ---- 68, 73: everything at once ---- */

static void expect_passes(const struct run_options *options)
{
    struct run_result result;
    run_once(options, &result, NULL);
    if (!result.passed)
        fprintf(stderr, "seed %llu: %s\n", (unsigned long long)options->seed, result.failure);
    assert_true(result.passed);
}

/* Sums that have to stay, accounts that are closed and opened again; whoever leads goes now and then, that of the metadata
 * range among them. tests/sim/cluster/placement_test.c has the same with registers, move by move. */
TEST(scenario_68, ranges_move_under_a_bank_while_nodes_die)
{
    for (uint64_t seed = 1; seed <= scenario_count(6); seed++)
        expect_passes(&(struct run_options){
            .seed = seed, .workload = "bank", .focus = "none", .range_count = 3, .splits = true, .moves = true});
}

/* A long time, with nothing but what is done on purpose: splits, moves, nodes that leave and come. In the end the
 * metadata range says what the ranges say. */
TEST(scenario_73, splits_moves_and_changes_of_nodes_in_any_order)
{
    for (uint64_t seed = 1; seed <= scenario_count(2); seed++)
        expect_passes(&(struct run_options){.seed = seed,
                                            .workload = "keys",
                                            .focus = "none",
                                            .fault_phase_ns = 60 * SIM_SEC,
                                            .range_count = 4,
                                            .no_faults = true,
                                            .splits = true,
                                            .moves = true});
}

/* ---- 69: who was away asks the old owner ---- */

#define MOVED    ((struct range_id){3})
#define ASKER    5u
#define OTHERS   (1 << 1 | 1 << 2 | 1 << 3 | 1 << 4)

struct place {
    uint64_t machines[3];
};

static bool lives_there(struct cluster *c, void *ctx)
{
    const struct place *p = ctx;
    uint64_t leader = cluster_leader(c, MOVED);
    if (leader == 0) return false;
    const struct descriptor *d = replica_descriptor(store_replica(cluster_store(c, leader), MOVED));
    if (d->config.voter_count != 3 || d->config.outgoing_count + d->config.learner_count != 0) return false;
    for (uint32_t i = 0; i < 3; i++)
        if (descriptor_member_on(d, cluster_node(c, p->machines[i])) == NULL) return false;
    return true;
}

/* Asked again until it is so: by a node that is cut off it would come to nothing, and balance may want it otherwise. */
static void move_to(struct scenario *s, struct orders *orders, struct place place)
{
    struct node_id nodes[3];
    for (int tries = 0; tries < 60; tries++) {
        for (uint32_t i = 0; i < 3; i++) nodes[i] = cluster_node(s->c, place.machines[i]);
        orders_move(orders, MOVED, nodes, 3);
        if (cluster_run_until(s->c, lives_there, &place, SIM_SEC)) return;
    }
    EXPECT(s, !"the range does not move");
}

static uint64_t route_epoch(struct scenario *s, uint64_t machine, struct bytes key)
{
    struct route route;
    EXPECT(s, store_route(cluster_store(s->c, machine), key, &route) == STATUS_OK);
    EXPECT(s, route.range.value == MOVED.value);
    return route.epoch;
}

/* The range goes elsewhere and comes back, once or several times; the same node leads it again when the asker, who has
 * seen none of it, sends there what it would have sent then. */
static void stale_router(struct scenario *s)
{
    uint8_t bound[KEY_BYTES], room[KEY_BYTES];
    struct bytes bounds = key_of(bound, KEYS / 2 + 1), key = key_of(room, KEYS);
    struct cluster_options o;
    scenario_options(s, 5, &o);
    o.replication_factor = 3;
    o.split_keys = &bounds;
    o.split_count = 1;
    scenario_boot_with(s, &o);
    struct orders *orders = orders_create(s->c);
    struct place home = {{1, 2, 3}}, away = {{2, 3, 4}};
    move_to(s, orders, home);
    scenario_lead_range(s, 2, MOVED);
    scenario_load(s, 8, KEYS);
    workload_gateways(s->w, 1 << ASKER);
    scenario_await_write(s, 8 * SIM_SEC);
    workload_gateways(s->w, OTHERS);
    uint64_t before = route_epoch(s, ASKER, key);
    for (uint64_t i = 1; i < ASKER; i++) sim_net_cut_pair(s->sim, i, ASKER);
    for (uint64_t k = 0; k <= s->seed % 3; k++) {
        move_to(s, orders, away);
        move_to(s, orders, home);
    }
    scenario_lead_range(s, 2, MOVED);
    EXPECT(s, route_epoch(s, 2, key) > before);
    EXPECT(s, route_epoch(s, ASKER, key) == before);
    scenario_heal_network(s);
    workload_gateways(s->w, 1 << ASKER);
    uint64_t commits = scenario_commits(s);
    for (int i = 0; i < 200 && scenario_commits(s) < commits + 100; i++) scenario_run(s, 100 * SIM_MS);
    EXPECT(s, scenario_commits(s) >= commits + 100);
    EXPECT(s, route_epoch(s, ASKER, key) > before); /* it was told; mutant k31_epoch_ignored */
    end(s);
    orders_destroy(orders);
}

TEST(scenario_69, who_was_away_while_a_range_came_and_went_is_sent_on)
{
    scenario_seeds(4, stale_router);
}
