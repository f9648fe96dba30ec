/* How long old versions stay, and what becomes of those who still want them. */
#include "tests/test.h"

#include <stdio.h>

#include "tests/txn/world.h"

#define RETENTION_MS 200u
#define RETENTION_NS (RETENTION_MS * SIM_MS)
#define SETTLE_MS (1500 + 2 * RETENTION_MS) /* a node without work looks at the clock once a second */
#define KEYS 100u
#define VALUE_BYTES 2000u

/* Bytes that do not compress, different for every (key, round). */
static void fill(char *value, uint64_t key, uint64_t round)
{
    struct prng prng;
    prng_init(&prng, key * 1000003 + round);
    for (size_t i = 0; i < VALUE_BYTES; i++) value[i] = (char)('!' + prng_next(&prng) % 90);
    value[VALUE_BYTES] = '\0';
}

/* Writes all keys once, ten to a transaction; round 0 deletes them. */
static void rewrite_all(struct world *w, uint64_t round)
{
    char key[32], value[VALUE_BYTES + 1];
    for (uint64_t first = 0; first < KEYS; first += 10) {
        struct actor a;
        actor_begin(&a, w, 1);
        for (uint64_t i = first; i < first + 10; i++) {
            snprintf(key, sizeof key, "key%06llu", (unsigned long long)i);
            fill(value, i, round);
            if (round == 0) actor_delete(&a, key);
            else actor_put(&a, key, value);
        }
        assert_int_equal(actor_commit(&a), STATUS_OK);
        actor_end(&a);
    }
}

static uint64_t table_bytes_after(uint64_t retention_ns, uint64_t rounds)
{
    struct world w;
    world_open(&w, 1, retention_ns);
    for (uint64_t round = 1; round <= rounds; round++) {
        rewrite_all(&w, round);
        world_run_ms(&w, RETENTION_MS / 4);
        if (round % 4 == 0) world_flush(&w, 1);
    }
    world_run_ms(&w, SETTLE_MS);
    uint64_t bytes = world_stats(&w, 1).table_bytes;
    struct actor a;
    actor_begin(&a, &w, 1);
    assert_int_equal(actor_count(&a, "key", "kez"), STATUS_OK);
    assert_u64_equal(a.count, KEYS);
    actor_end(&a);
    world_close(&w);
    return bytes;
}

TEST(txn_gc, space_is_bounded_by_live_data_and_not_by_the_number_of_rewrites)
{
    const uint64_t live = KEYS * VALUE_BYTES;
    assert_true(table_bytes_after(RETENTION_NS, 80) < 8 * live);
    assert_true(table_bytes_after(0, 80) > 60 * live); /* ten minutes have not passed */
}

TEST(txn_gc, deleted_rows_leave_nothing_on_disk)
{
    struct world w;
    world_open(&w, 1, RETENTION_NS);
    for (uint64_t round = 1; round <= 8; round++) {
        rewrite_all(&w, round);
        world_flush(&w, 1);
    }
    rewrite_all(&w, 0);
    /* The rows go with the compactions that tombstones take part in. */
    for (int i = 0; i < 8; i++) {
        world_run_ms(&w, SETTLE_MS);
        world_put(&w, "other", "x");
        world_flush(&w, 1);
    }
    world_run_ms(&w, SETTLE_MS);
    assert_true(world_stats(&w, 1).table_bytes < 64 << 10);
    world_close(&w);
}

TEST(txn_gc, a_read_below_the_safe_point_is_refused)
{
    struct world w;
    world_open(&w, 1, RETENTION_NS);
    world_put(&w, "a", "old");
    struct actor a;
    actor_begin(&a, &w, 1);
    assert_int_equal(actor_get(&a, "b"), STATUS_NOT_FOUND); /* its timestamp is fixed */
    world_put(&w, "a", "new");
    world_run_ms(&w, RETENTION_MS / 4);
    assert_int_equal(actor_get(&a, "a"), STATUS_OK);
    assert_string_equal(a.value, "old");
    world_run_ms(&w, SETTLE_MS);
    assert_int_equal(actor_get(&a, "c"), STATUS_SNAPSHOT_TOO_OLD);
    actor_end(&a);
    actor_begin(&a, &w, 1);
    assert_int_equal(actor_get(&a, "a"), STATUS_OK);
    assert_string_equal(a.value, "new");
    actor_end(&a);
    world_close(&w);
}

TEST(txn_gc, a_transaction_that_read_nothing_commits_whenever_it_likes)
{
    struct world w;
    world_open(&w, 1, RETENTION_NS);
    struct actor a;
    actor_begin(&a, &w, 1);
    actor_put(&a, "a", "x");
    world_put(&w, "a", "y");
    world_run_ms(&w, SETTLE_MS);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    assert_true(a.ts > world_range(&w)->safe.applied);
    actor_end(&a);
    world_close(&w);
}

TEST(txn_gc, a_range_that_nobody_writes_to_gets_no_entries)
{
    struct world w;
    world_open(&w, 1, RETENTION_NS);
    uint64_t ct = world_put(&w, "a", "x");
    world_run_ms(&w, SETTLE_MS);
    assert_true(world_range(&w)->safe.applied >= ct);
    uint64_t applied = world_stats(&w, 1).applied_index;
    world_run_ms(&w, 50 * RETENTION_MS);
    assert_u64_equal(world_stats(&w, 1).applied_index, applied);
    world_close(&w);
}

TEST(txn_gc, the_safe_point_follows_the_clock_at_the_distance_of_the_retention)
{
    struct world w;
    world_open(&w, 1, RETENTION_NS);
    world_need_oracle(&w); /* of which ct is the last reading */
    for (int i = 0; i < 50; i++) {
        uint64_t ct = world_put(&w, "a", "x");
        assert_true(world_range(&w)->safe.applied + RETENTION_NS <= ct);
        world_run_ms(&w, 20);
    }
    uint64_t ct = world_put(&w, "a", "x");
    assert_true(world_range(&w)->safe.applied + 2 * RETENTION_NS > ct);
    world_close(&w);
}

/* From the engine's record of the range, and the log behind it. */
TEST(txn_gc, the_safe_point_survives_a_restart)
{
    for (int flushed = 0; flushed < 2; flushed++) {
        struct world w;
        world_open(&w, 1, RETENTION_NS);
        world_put(&w, "a", "x");
        world_run_ms(&w, SETTLE_MS);
        uint64_t safe_point = world_range(&w)->safe.applied;
        assert_true(safe_point > 0);
        if (flushed) world_flush(&w, 1);
        cluster_crash(w.cluster, 1, SIM_CRASH_POWER);
        cluster_start(w.cluster, 1);
        world_leader(&w);
        assert_u64_equal(world_range(&w)->safe.applied, safe_point);
        assert_u64_equal(world_stats(&w, 1).gc_ts, safe_point);
        world_close(&w);
    }
}

TEST(txn_gc, a_snapshot_brings_the_safe_point)
{
    struct world w;
    world_open(&w, 3, RETENTION_NS);
    uint64_t away = world_leader(&w) % 3 + 1;
    cluster_crash(w.cluster, away, SIM_CRASH_POWER);
    char value[2001];
    struct raft_status raft = {0};
    for (uint64_t i = 0; i < 600 || raft.start.index < 600; i++) { /* until the log has forgotten what it missed */
        assert_true(i < 10000);
        replica_raft_status(world_range(&w)->replica, &raft);
        fill(value, i % 10, i);
        char key[16];
        snprintf(key, sizeof key, "k%u", (unsigned)(i % 10));
        world_put(&w, key, value);
        if (i % 100 == 99) world_flush(&w, world_leader(&w));
    }
    world_run_ms(&w, SETTLE_MS);
    cluster_start(w.cluster, away);
    world_run_ms(&w, 10000);
    const struct store_metrics *m = store_metrics(core_store(cluster_machine(w.cluster, away)->core));
    assert_true(m->snapshots_received > 0);
    assert_u64_equal(world_stats(&w, away).gc_ts, world_range(&w)->safe.applied);
    assert_true(cluster_replicas_equal(w.cluster, stderr));
    world_close(&w);
}

/* The row and its tombstone are both forgotten: nothing is left that contradicts what the transaction read. */
static enum status commit_after_a_delete_without_trace(void)
{
    struct world w;
    world_open(&w, 1, RETENTION_NS);
    world_put(&w, "a", "there");
    struct actor a;
    actor_begin(&a, &w, 1);
    assert_int_equal(actor_get(&a, "a"), STATUS_OK);
    world_put(&w, "a", NULL);
    world_run_ms(&w, SETTLE_MS);
    world_put(&w, "b", "x");
    world_run_ms(&w, SETTLE_MS);
    world_flush(&w, 1);
    struct lsm *lsm = store_lsm(core_store(cluster_machine(w.cluster, 1)->core));
    struct lsm_version version;
    assert_int_equal(lsm_get(lsm, WORLD_RANGE, LSM_SPACE_VERSIONS, bytes_of_string("\x04" "a"), LSM_TS_MAX,
                             NULL, &version, NULL),
                     STATUS_NOT_FOUND);
    actor_put(&a, "c", "because a is there");
    enum status status = actor_commit(&a);
    actor_end(&a);
    world_close(&w);
    return status;
}

TEST(txn_gc, a_commit_that_read_a_row_which_was_deleted_without_trace_is_refused)
{
    assert_int_equal(commit_after_a_delete_without_trace(), STATUS_SNAPSHOT_TOO_OLD);
    assert_true(mutant_select("gc_no_commit_check") > 0);
    enum status status = commit_after_a_delete_without_trace();
    mutant_select(NULL);
    assert_int_equal(status, STATUS_OK); /* so the check is needed */
}
