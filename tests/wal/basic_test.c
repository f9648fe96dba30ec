/* What is appended is there after a restart: entries, overwrites, starts, drops, hard states,
 * facts. */
#include "tests/test.h"
#include "tests/wal/rig.h"

TEST(wal, creates_an_empty_log)
{
    struct rig r;
    rig_create(&r, 1);
    rig_must_open(&r);
    assert_true(r.recovery.created);
    assert_u64_equal(wal_durable(r.wal).value, 0);
    rig_reopen(&r);
    assert_false(r.recovery.created);
    rig_must_be_complete(&r);
    rig_destroy(&r);
}

TEST(wal, entries_come_back_in_order)
{
    struct rig r;
    rig_create(&r, 2);
    rig_must_open(&r);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(rig_next(&r, 1, 3, (size_t)i * 10), STATUS_OK);
        assert_int_equal(rig_next(&r, 2, 4, 100), STATUS_OK);
        if (i % 7 == 0) assert_true(rig_flush(&r));
    }
    assert_true(rig_flush(&r));
    rig_reopen(&r);
    rig_must_be_complete(&r);
    assert_u64_equal(r.recovery.entry_count, 40);
    rig_destroy(&r);
}

TEST(wal, nothing_is_durable_before_it_is_submitted)
{
    struct rig r;
    struct lsn lsn;
    rig_create(&r, 3);
    rig_must_open(&r);
    assert_int_equal(wal_append_marker(r.wal, &lsn), STATUS_OK);
    assert_true(wal_durable(r.wal).value < lsn.value);
    for (int i = 0; i < 100; i++) rig_turn(&r);
    assert_true(wal_durable(r.wal).value < lsn.value);
    wal_submit(r.wal);
    assert_true(wal_durable(r.wal).value < lsn.value);
    while (wal_durable(r.wal).value < lsn.value) assert_true(rig_turn(&r));
    rig_destroy(&r);
}

TEST(wal, random_workloads_come_back)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct rig r;
        struct prng prng;
        prng_init(&prng, seed);
        rig_create(&r, seed);
        r.options.compress = seed % 2 == 0;
        r.options.sync_mode = seed % 3 == 0 ? WAL_SYNC_DSYNC : WAL_SYNC_FDATASYNC;
        rig_must_open(&r);
        for (int round = 0; round < 6; round++) {
            assert_true(rig_workload(&r, &prng, 80));
            rig_close(&r);
            assert_int_equal(rig_open(&r), STATUS_OK);
            rig_must_be_complete(&r);
        }
        rig_destroy(&r);
    }
}

TEST(wal, same_seed_same_bytes_on_disk)
{
    uint64_t hashes[2];
    for (int i = 0; i < 2; i++) {
        struct rig r;
        struct prng prng;
        prng_init(&prng, 5);
        rig_create(&r, 5);
        r.options.sync_mode = WAL_SYNC_AUTO;
        r.options.compress = true;
        rig_must_open(&r);
        assert_true(rig_workload(&r, &prng, 200));
        rig_reopen(&r);
        assert_true(rig_idle(&r));
        hashes[i] = sim_disk_hash(r.disk);
        rig_destroy(&r);
    }
    assert_u64_equal(hashes[0], hashes[1]);
}

TEST(wal, appends_during_two_writes_wait_for_the_next_group)
{
    struct rig r;
    rig_create(&r, 4);
    rig_must_open(&r);
    for (int i = 0; i < 52; i++) { /* the first two fly, and the others come while they do */
        assert_int_equal(rig_next(&r, 1, 1, 10), STATUS_OK);
        wal_submit(r.wal);
    }
    assert_u64_equal(r.wal->flight_count, WAL_FLIGHTS_MAX);
    assert_true(rig_flush(&r));
    assert_u64_equal(wal_metrics(r.wal)->group_count, 3);
    assert_true(r.durable_calls >= 2 && r.durable_calls <= 3);
    assert_u64_equal(wal_metrics(r.wal)->entry_count, 52);
    rig_destroy(&r);
}

TEST(wal, full_buffers_refuse_and_call_back)
{
    struct rig r;
    struct lsn lsn;
    rig_create(&r, 5);
    rig_must_open(&r);
    wal_submit(r.wal);
    assert_true(rig_idle(&r)); /* the next segment is there, and no reason to refuse */
    uint64_t index = 0;
    enum status status = STATUS_OK;
    while (status == STATUS_OK) {
        status = wal_append_entry(r.wal, (struct range_id){1}, 1, index + 1, 1,
                                  rig_pattern(1, 1000), &lsn);
        if (status == STATUS_OK) index++;
    }
    assert_int_equal(status, STATUS_BUSY);
    assert_true(index > 40); /* three groups of 16 KiB, two of them in flight */
    unsigned calls = r.durable_calls;
    while (r.durable_calls == calls) assert_true(rig_turn(&r));
    assert_int_equal(wal_append_entry(r.wal, (struct range_id){1}, 1, index + 1, 1,
                                      rig_pattern(1, 1000), &lsn),
                     STATUS_OK);
    rig_destroy(&r);
}

TEST(wal, a_payload_that_no_group_holds_is_too_large)
{
    struct rig r;
    struct lsn lsn;
    rig_create(&r, 6);
    rig_must_open(&r);
    assert_int_equal(wal_append_entry(r.wal, (struct range_id){1}, 1, 1, 1,
                                      rig_pattern(1, 17000), &lsn),
                     STATUS_TOO_LARGE);
    assert_int_equal(rig_next(&r, 1, 1, 16000), STATUS_OK); /* nothing was half done */
    assert_true(rig_flush(&r));
    rig_reopen(&r);
    rig_must_be_complete(&r);
    rig_destroy(&r);
}

TEST(wal, a_snapshot_of_another_history_clears_the_log)
{
    struct rig r;
    rig_create(&r, 7);
    rig_must_open(&r);
    for (int i = 0; i < 20; i++) assert_int_equal(rig_next(&r, 1, 5, 50), STATUS_OK);
    assert_int_equal(rig_start(&r, 1, (struct log_pos){7, 10}), STATUS_OK); /* 10 had term 5 */
    assert_true(rig_flush(&r));
    assert_u64_equal(r.model.ranges[1].count, 0);
    rig_reopen(&r);
    rig_must_be_complete(&r);
    assert_u64_equal(r.recovery.entry_count, 0);
    rig_destroy(&r);
}

struct drops {
    struct rig *r;
    uint64_t dropped[4];
    size_t count;
    enum status answer;
};

static enum status note_dropped(void *ctx, struct range_id range)
{
    struct drops *d = ctx;
    d->dropped[d->count++] = range.value;
    return d->answer;
}

static void open_noting_drops(void *arg)
{
    struct drops *d = arg;
    struct wal_visitor visitor = {.on_dropped = note_dropped, .ctx = d};
    d->r->open_status = wal_open(&d->r->options, &visitor, &d->r->recovery, &d->r->wal);
}

TEST(wal, dropped_ranges_are_named_unless_they_came_back)
{
    struct rig r;
    rig_create(&r, 8);
    rig_must_open(&r);
    for (uint64_t range = 1; range <= 4; range++) rig_next(&r, range, 1, 10);
    rig_dropped(&r, 4);
    rig_dropped(&r, 2);
    rig_dropped(&r, 3);
    rig_start(&r, 3, (struct log_pos){4, 4});
    assert_true(rig_flush(&r));
    rig_close(&r);
    struct drops d = {.r = &r};
    assert_true(rig_on_fiber(&r, open_noting_drops, &d));
    assert_int_equal(r.open_status, STATUS_OK);
    assert_u64_equal(d.count, 2);
    assert_u64_equal(d.dropped[0], 2);
    assert_u64_equal(d.dropped[1], 4);
    rig_destroy(&r);
}

TEST(wal, a_visitor_that_says_no_ends_recovery)
{
    struct rig r;
    rig_create(&r, 9);
    rig_must_open(&r);
    rig_dropped(&r, 4);
    assert_true(rig_flush(&r));
    rig_close(&r);
    struct drops d = {.r = &r, .answer = STATUS_INVALID};
    assert_true(rig_on_fiber(&r, open_noting_drops, &d));
    assert_int_equal(r.open_status, STATUS_INVALID);
    assert_int_equal(rig_open(&r), STATUS_OK); /* nothing was changed by it */
    rig_must_be_complete(&r);
    rig_destroy(&r);
}
