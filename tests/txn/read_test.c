/* Reads at the leader: what they show, and that they come to an end. */
#include "tests/test.h"

#include <stdio.h>

#include "tests/txn/world.h"
#include "txn/txn_state.h"

static void put_many(struct world *w, const char *prefix, uint32_t count, const char *value)
{
    char key[64];
    for (uint32_t first = 0; first < count; first += 1000) {
        struct actor a;
        actor_begin_at_leader(&a, w);
        for (uint32_t i = first; i < first + 1000 && i < count; i++) {
            snprintf(key, sizeof key, "%s%08u", prefix, i);
            actor_put(&a, key, value);
        }
        assert_int_equal(actor_commit(&a), STATUS_OK);
        actor_end(&a);
    }
}

TEST(txn_read, a_transaction_reads_at_one_timestamp)
{
    struct world w;
    world_open(&w, 1, 0);
    world_put(&w, "a", "1");
    world_put(&w, "b", "1");
    struct actor a;
    actor_begin_at_leader(&a, &w);
    assert_int_equal(actor_get(&a, "a"), STATUS_OK);
    uint64_t ts = txn_read_ts(a.txn);
    assert_true(ts > 0);
    world_put(&w, "b", "2");
    world_put(&w, "c", "2");
    world_put(&w, "a", NULL);
    assert_int_equal(actor_get(&a, "b"), STATUS_OK);
    assert_string_equal(a.value, "1");
    assert_int_equal(actor_get(&a, "c"), STATUS_NOT_FOUND);
    assert_int_equal(actor_get(&a, "a"), STATUS_OK);
    assert_int_equal(actor_count(&a, "a", "z"), STATUS_OK);
    assert_u64_equal(a.count, 2);
    assert_u64_equal(txn_read_ts(a.txn), ts);
    actor_end(&a);
    world_close(&w);
}

TEST(txn_read, own_writes_are_seen_by_gets_and_scans)
{
    struct world w;
    world_open(&w, 1, 0);
    world_put(&w, "a", "1");
    world_put(&w, "b", "1");
    struct actor a;
    actor_begin_at_leader(&a, &w);
    actor_put(&a, "c", "own");
    actor_put(&a, "a", "own");
    actor_delete(&a, "b");
    assert_int_equal(actor_get(&a, "a"), STATUS_OK);
    assert_string_equal(a.value, "own");
    assert_int_equal(actor_get(&a, "b"), STATUS_NOT_FOUND);
    actor_must_count(&a, "a", "z", 2);
    actor_end(&a);
    world_close(&w);
}

/* What is acknowledged is seen by whoever begins afterwards, at any node. */
TEST(txn_read, every_node_sees_what_was_acknowledged_before)
{
    struct world w;
    world_open(&w, 3, 0);
    char value[16];
    for (uint64_t i = 0; i < 12; i++) {
        snprintf(value, sizeof value, "%u", (unsigned)i);
        world_put(&w, "a", value);
        struct actor a;
        actor_begin(&a, &w, 1 + i % 3);
        assert_int_equal(actor_get(&a, "a"), STATUS_OK);
        assert_string_equal(a.value, value);
        actor_end(&a);
    }
    world_close(&w);
}

/* The engine gives the core back after 2,048 items that are not to be shown. Begun anew from there, the scan
 * would never have passed them. */
TEST(txn_read, a_scan_passes_any_number_of_rows_that_are_too_new)
{
    struct world w;
    world_open(&w, 1, 0);
    world_put(&w, "z", "1");
    struct actor a;
    actor_begin_at_leader(&a, &w);
    assert_int_equal(actor_get(&a, "z"), STATUS_OK);
    put_many(&w, "m", 7000, "x");
    actor_must_count(&a, "a", "zz", 1);
    actor_end(&a);
    world_close(&w);
}

TEST(txn_read, a_scan_passes_any_number_of_deleted_rows)
{
    struct world w;
    world_open(&w, 1, 0);
    world_put(&w, "l", "1");
    world_put(&w, "n", "1");
    put_many(&w, "m", 20000, "x");
    for (uint32_t first = 0; first < 20000; first += 1000) {
        struct actor a;
        char key[32];
        actor_begin_at_leader(&a, &w);
        for (uint32_t i = first; i < first + 1000; i++) {
            snprintf(key, sizeof key, "m%08u", i);
            actor_delete(&a, key);
        }
        assert_int_equal(actor_commit(&a), STATUS_OK);
        actor_end(&a);
    }
    struct actor a;
    actor_begin_at_leader(&a, &w);
    actor_must_count(&a, "a", "z", 2);
    actor_end(&a);
    world_close(&w);
}

/* Backwards the engine gathers the versions of a key before it shows the newest. */
TEST(txn_read, a_key_with_any_number_of_versions_is_found_from_both_sides)
{
    struct world w;
    world_open(&w, 1, 0);
    char value[16];
    for (uint32_t i = 0; i <= 5000; i++) {
        snprintf(value, sizeof value, "%u", i);
        world_put(&w, "a", value);
    }
    struct actor a;
    actor_begin_at_leader(&a, &w);
    assert_int_equal(actor_get(&a, "a"), STATUS_OK);
    assert_string_equal(a.value, "5000");
    actor_must_count(&a, "a", "b", 1);
    actor_end(&a);
    world_close(&w);
}

/* A page looks at several times as many blocks as the cache has room for. */
TEST(txn_read, a_page_over_more_blocks_than_the_cache_holds_ends)
{
    struct world w;
    world_open(&w, 1, 0);
    char key[32], value[2000];
    struct prng prng;
    prng_init(&prng, 3);
    for (uint32_t round = 0; round < 60; round++) {
        struct actor a;
        actor_begin_at_leader(&a, &w);
        for (uint32_t i = 0; i < 100; i++) {
            snprintf(key, sizeof key, "k%04u", i);
            for (size_t k = 0; k < sizeof value - 1; k++) value[k] = (char)('!' + prng_next(&prng) % 90);
            value[sizeof value - 1] = '\0';
            actor_put(&a, key, value);
        }
        assert_int_equal(actor_commit(&a), STATUS_OK);
        actor_end(&a);
        if (round % 10 == 9) world_flush(&w, 1);
    }
    const struct lsm_metrics *m = lsm_metrics(store_lsm(core_store(cluster_machine(w.cluster, 1)->core)));
    assert_true(m->table_bytes > 4 * m->cache_bytes);
    struct actor a;
    actor_begin_at_leader(&a, &w);
    actor_must_count(&a, "k", "l", 100);
    actor_end(&a);
    world_close(&w);
}

/* A read raises the floor of its range: one far ahead of the clock, as a message that somebody made up may ask for, would end all writes. */
TEST(txn_read, timestamps_of_nobody_are_refused_and_leave_nothing)
{
    static const uint64_t ahead[] = {UINT64_MAX, UINT64_MAX / 2, UINT64_C(1) << 62};
    struct world w;
    struct actor a;
    world_open(&w, 3, 0);
    world_put(&w, "k", "1");
    for (int i = 0; i < 3; i++) {
        actor_begin_at_leader(&a, &w);
        a.txn->read_ts = ahead[i];
        assert_int_equal(actor_get(&a, "k"), STATUS_INVALID);
        actor_end(&a);
        world_put(&w, "k", "2");
        assert_true(world_range(&w)->floor < ahead[i]);
    }
    world_close(&w);
}

/* A write is on its way to the disks; both followers have it, the leader's own disk takes its time. Who reads something else does not
 * wait for that disk, and who reads the row that is written does: it is not known yet what it holds now. */
TEST(txn_read, a_slow_disk_of_the_leader_holds_up_no_reader_of_other_rows)
{
    struct world w;
    struct actor writer, same, other;
    world_open_leased(&w, 3);
    world_put(&w, "a", "old");
    world_put(&w, "b", "old");
    uint64_t leader = world_leader(&w);
    actor_begin(&writer, &w, leader);
    actor_begin(&same, &w, leader);
    actor_begin(&other, &w, leader);
    actor_put(&writer, "a", "new");
    sim_disk_stall(sim_disk(cluster_sim(w.cluster), leader), 300 * SIM_MS);
    actor_start_commit(&writer);
    world_run_ms(&w, 50); /* the others have acknowledged it */
    actor_start_get(&same, "a");
    actor_start_get(&other, "b");
    world_run_ms(&w, 50);
    assert_true(writer.running);
    assert_true(same.running);
    assert_false(other.running);
    assert_int_equal(actor_await(&other), STATUS_OK);
    assert_string_equal(other.value, "old");
    assert_int_equal(actor_await(&writer), STATUS_OK);
    assert_int_equal(actor_await(&same), STATUS_OK);
    assert_string_equal(same.value, "new");
    actor_end(&writer);
    actor_end(&same);
    actor_end(&other);
    world_close(&w);
}
