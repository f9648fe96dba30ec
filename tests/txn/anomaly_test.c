/* Anomalies by name that one range can show (tests/sim/scenario/README.md has the table), as short stories. */
#include "tests/test.h"

#include <stdio.h>

#include "tests/txn/world.h"
#include "txn/txn_state.h"

/* Scenario 25: two gateways, one timestamp. Each reads what the other one writes. */
TEST(anomaly, two_that_read_at_one_timestamp_are_serializable)
{
    struct world w;
    struct actor a, b;
    world_open(&w, 3, 0);
    world_put(&w, "x", "0");
    world_put(&w, "y", "0");
    for (uint64_t i = 0; i < 6; i++) {
        actor_begin(&a, &w, 1 + i % 3);
        actor_begin(&b, &w, 1 + (i + 1) % 3);
        assert_int_equal(actor_get(&a, "x"), STATUS_OK);
        b.txn->read_ts = txn_read_ts(a.txn);
        assert_int_equal(actor_get(&b, "y"), STATUS_OK);
        assert_u64_equal(txn_read_ts(a.txn), txn_read_ts(b.txn));
        actor_put(&a, "y", "a");
        actor_put(&b, "x", "b");
        actor_start_commit(&a);
        actor_start_commit(&b);
        enum status first = actor_await(&a), second = actor_await(&b);
        assert_true((first == STATUS_OK) != (second == STATUS_OK));
        assert_int_equal(first == STATUS_OK ? second : first, STATUS_CONFLICT);
        actor_end(&a);
        actor_end(&b);
    }
    world_close(&w);
}

/* Commits that begin at one instant, on all nodes, get timestamps of their own, in the order in which they show. */
TEST(anomaly, commits_of_one_instant_have_an_order)
{
    struct world w;
    struct actor actors[9], reader;
    char value[16];
    world_open(&w, 3, 0);
    for (int i = 0; i < 9; i++) {
        actor_begin(&actors[i], &w, 1 + (uint64_t)i % 3);
        snprintf(value, sizeof value, "%d", i);
        actor_put(&actors[i], "k", value);
        actor_start_commit(&actors[i]);
    }
    int newest = 0;
    for (int i = 0; i < 9; i++) {
        assert_int_equal(actor_await(&actors[i]), STATUS_OK);
        for (int j = 0; j < i; j++) assert_true(actors[i].ts != actors[j].ts);
        if (actors[i].ts > actors[newest].ts) newest = i;
    }
    actor_begin(&reader, &w, 2);
    assert_int_equal(actor_get(&reader, "k"), STATUS_OK);
    snprintf(value, sizeof value, "%d", newest);
    assert_string_equal(reader.value, value);
    actor_end(&reader);
    for (int i = 0; i < 9; i++) actor_end(&actors[i]);
    world_close(&w);
}

/* Scenario 52: requests for locks that arrive twice, out of order, or behind the end of their transaction leave no lock
 * behind, and nothing of what they do is ever a commit. */
TEST(anomaly, lock_requests_that_come_late_or_twice_leave_no_lock)
{
    struct world w;
    world_open(&w, 3, 0);
    struct sim *sim = cluster_sim(w.cluster);
    world_put(&w, "k", "0");
    uint64_t leader = world_leader(&w), gateway = leader % 3 + 1;
    sim_net_rates(sim, gateway, leader, 0, 500000, 500000);
    for (int i = 0; i < 40; i++) {
        struct actor a;
        actor_begin(&a, &w, gateway);
        actor_start_lock(&a, "k");
        cluster_run(w.cluster, sim_below(sim, 2 * SIM_MS));
        if (a.running) txn_interrupt(a.txn);
        actor_await(&a);
        actor_end(&a);
    }
    sim_net_rates(sim, gateway, leader, 0, 0, 0);
    struct actor b;
    actor_begin(&b, &w, leader);
    assert_int_equal(actor_lock(&b, "k"), STATUS_OK); /* those that came behind their end are found out */
    assert_string_equal(b.value, "0");
    actor_end(&b);
    world_run_ms(&w, 15000);
    assert_u64_equal(world_range(&w)->locks.lock_count, 0);
    world_close(&w);
}

/* Scenario 61: pages of a scan, while rows come and go around where it stands. Keys of every kind: the first, the last,
 * those that sort before the minus sign. */
TEST(anomaly, a_scan_in_pages_is_one_snapshot)
{
    struct world w;
    struct actor reader;
    char key[16];
    world_open(&w, 3, 0);
    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof key, "%s%04d", i % 3 == 0 ? "\xff" : i % 3 == 1 ? "-" : "m", i);
        world_put(&w, key, "1");
    }
    for (int reverse = 0; reverse < 2; reverse++) {
        actor_begin(&reader, &w, 1 + world_leader(&w) % 3);
        reader.reverse = reverse != 0;
        assert_int_equal(actor_get(&reader, "-0001"), STATUS_OK); /* its timestamp */
        for (int i = 0; i < 300; i += 7) {
            snprintf(key, sizeof key, "%s%04d", i % 3 == 0 ? "\xff" : i % 3 == 1 ? "-" : "m", i);
            world_put(&w, key, reverse ? "2" : NULL);
            snprintf(key, sizeof key, "n%04d", i);
            world_put(&w, key, reverse ? NULL : "new");
        }
        assert_int_equal(actor_count_bytes(&reader, bytes_of_string("\x04"), bytes_of_string("\x05")), STATUS_OK);
        assert_u64_equal(reader.count, 300);
        actor_end(&reader);
    }
    world_close(&w);
}
