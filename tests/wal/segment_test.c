/* Segments: rotation, recycling, what pins them, and a disk without room for more. */
#include "base/assert.h"
#include "tests/test.h"
#include "tests/wal/rig.h"
#include "wal/wal_int.h"

static void fill_one_segment(struct rig *r, uint64_t range)
{
    size_t segments = wal_metrics(r->wal)->segment_count;
    while (wal_metrics(r->wal)->segment_count == segments) {
        assert_int_equal(rig_next(r, range, 1, 6000), STATUS_OK);
        assert_true(rig_flush(r));
        assert_true(rig_idle(r));
    }
}

TEST(segment, a_full_one_is_followed_by_a_prepared_one)
{
    struct rig r;
    rig_create(&r, 1);
    rig_must_open(&r);
    wal_submit(r.wal);
    assert_true(rig_idle(&r));
    assert_non_null(r.wal->next);
    for (int i = 0; i < 3; i++) {
        fill_one_segment(&r, 1);
        assert_non_null(r.wal->next); /* ready ahead of need */
    }
    assert_u64_equal(wal_metrics(r.wal)->segment_count, 4);
    rig_reopen(&r);
    rig_must_be_complete(&r);
    rig_destroy(&r);
}

TEST(segment, rotation_never_waits_in_steady_state)
{
    struct rig r;
    struct lsn lsn;
    rig_create(&r, 2);
    rig_must_open(&r);
    wal_submit(r.wal);
    assert_true(rig_idle(&r));
    struct range_id range = {1};
    for (uint64_t i = 1; i <= 300; i++) { /* a group at a time, no pause between two */
        assert_int_equal(wal_append_entry(r.wal, range, 1, i, 1, rig_pattern(i, 3000), &lsn),
                         STATUS_OK);
        wal_submit(r.wal);
        while (wal_durable(r.wal).value < lsn.value) assert_true(rig_turn(&r));
        if (i % 30 == 0)
            assert_int_equal(wal_append_start(r.wal, range, (struct log_pos){1, i - 5}, &lsn),
                             STATUS_OK);
    }
    assert_true(wal_metrics(r.wal)->segments_recycled > 10);
    rig_destroy(&r);
}

TEST(segment, disk_use_stays_level_while_old_entries_go)
{
    struct rig r;
    rig_create(&r, 3);
    rig_must_open(&r);
    uint64_t most = 0;
    for (int i = 0; i < 400; i++) {
        assert_int_equal(rig_next(&r, 1, 1, 4000), STATUS_OK);
        assert_true(rig_flush(&r));
        if (i % 10 == 9) rig_truncate(&r, 1, model_last(&r.model.ranges[1]) - 2);
        uint64_t now = sim_disk_used_bytes(r.disk);
        if (i == 100) most = now;
        if (i > 100) assert_true(now <= most + RIG_SEGMENT_BYTES);
    }
    assert_true(rig_flush(&r));
    assert_true(rig_idle(&r));
    assert_u64_equal(wal_metrics(r.wal)->disk_bytes,
                     (uint64_t)rig_file_count(&r, ".wal") * RIG_SEGMENT_BYTES);
    assert_true(rig_file_count(&r, "spare-") <= WAL_SPARES_MAX);
    rig_reopen(&r);
    rig_must_be_complete(&r);
    rig_destroy(&r);
}

TEST(segment, at_most_two_spares_are_kept)
{
    struct rig r;
    rig_create(&r, 4);
    rig_must_open(&r);
    for (int i = 0; i < 6; i++) fill_one_segment(&r, 1);
    assert_int_equal(rig_truncate(&r, 1, model_last(&r.model.ranges[1])), STATUS_OK);
    assert_true(rig_flush(&r));
    assert_true(rig_idle(&r));
    assert_u64_equal(wal_metrics(r.wal)->segment_count, 1);
    assert_u64_equal(rig_file_count(&r, "spare-"), 2);
    assert_u64_equal(rig_file_count(&r, ".wal"), 4); /* and the current one, and the next */
    rig_destroy(&r);
}

TEST(segment, a_truncation_frees_nothing_before_it_is_durable)
{
    struct rig r;
    rig_create(&r, 5);
    rig_must_open(&r);
    for (int i = 0; i < 2; i++) fill_one_segment(&r, 1);
    unsigned files = rig_file_count(&r, ".wal");
    struct lsn lsn;
    uint64_t last = model_last(&r.model.ranges[1]);
    assert_int_equal(wal_append_start(r.wal, (struct range_id){1}, (struct log_pos){1, last}, &lsn),
                     STATUS_OK);
    for (int i = 0; i < 50; i++) rig_turn(&r);
    assert_u64_equal(rig_file_count(&r, "spare-"), 0);
    assert_u64_equal(rig_file_count(&r, ".wal"), files);
    wal_submit(r.wal);
    while (wal_durable(r.wal).value < lsn.value) assert_true(rig_turn(&r));
    assert_true(rig_idle(&r));
    assert_true(rig_file_count(&r, "spare-") > 0);
    rig_destroy(&r);
}

TEST(segment, the_oldest_pin_names_who_holds_the_oldest)
{
    struct rig r;
    struct range_id range;
    uint64_t last_index;
    rig_create(&r, 6);
    rig_must_open(&r);
    assert_int_equal(wal_oldest_pin(r.wal, &range, &last_index), STATUS_NOT_FOUND);
    for (int i = 0; i < 3; i++) assert_int_equal(rig_next(&r, 2, 1, 50), STATUS_OK);
    fill_one_segment(&r, 1);
    assert_int_equal(rig_next(&r, 2, 1, 50), STATUS_OK); /* in the second segment */
    assert_int_equal(wal_oldest_pin(r.wal, &range, &last_index), STATUS_OK);
    assert_u64_equal(range.value, 2);
    assert_u64_equal(last_index, 3);
    assert_int_equal(rig_truncate(&r, 2, 3), STATUS_OK);
    assert_int_equal(wal_oldest_pin(r.wal, &range, &last_index), STATUS_OK);
    assert_u64_equal(range.value, 1);
    assert_int_equal(rig_truncate(&r, 1, last_index), STATUS_OK);
    assert_int_equal(wal_oldest_pin(r.wal, &range, &last_index), STATUS_NOT_FOUND);
    assert_true(rig_flush(&r));
    assert_true(rig_idle(&r));
    assert_u64_equal(wal_metrics(r.wal)->segment_count, 1);
    rig_destroy(&r);
}

TEST(segment, the_size_may_change_between_starts)
{
    struct rig r;
    rig_create(&r, 7);
    rig_must_open(&r);
    struct prng prng;
    prng_init(&prng, 7);
    static const uint32_t sizes[] = {128u << 10, 64u << 10, 256u << 10};
    for (size_t i = 0; i < 3; i++) {
        assert_true(rig_workload(&r, &prng, 120));
        r.options.segment_bytes = sizes[i];
        rig_reopen(&r);
        rig_must_be_complete(&r);
    }
    rig_destroy(&r);
}

/* ---- a full disk ---- */

/* Leaves no room for another segment, then fills the log until it refuses entries. */
static void fill_disk(struct rig *r)
{
    enum status status = STATUS_OK;
    assert_true(rig_idle(r));
    sim_disk_set_quota(r->disk, sim_disk_used_bytes(r->disk));
    while (status == STATUS_OK) {
        status = rig_next(r, 1, 1, 2000);
        if (status == STATUS_OK) assert_true(rig_flush(r));
    }
    assert_int_equal(status, STATUS_NO_SPACE);
    assert_false(wal_failed(r->wal));
}

TEST(segment, a_full_disk_refuses_entries_first_and_resumes)
{
    struct rig r;
    rig_create(&r, 8);
    rig_must_open(&r);
    fill_disk(&r);
    assert_int_equal(rig_hard_state(&r, 1, 1, 1, 1), STATUS_OK);
    assert_true(rig_flush(&r));
    enum status status = STATUS_OK;
    while (status == STATUS_OK) {
        status = rig_marker(&r);
        if (status == STATUS_OK) assert_true(rig_flush(&r));
    }
    assert_int_equal(status, STATUS_NO_SPACE);
    unsigned calls = r.durable_calls;
    sim_disk_set_quota(r.disk, UINT64_MAX);
    for (int i = 0; i < 20; i++) {
        sim_run_for(r.sim, 100 * SIM_MS);
        wal_submit(r.wal);
    }
    assert_true(r.durable_calls > calls); /* told that it may retry */
    assert_int_equal(rig_next(&r, 1, 1, 2000), STATUS_OK);
    assert_true(rig_flush(&r));
    assert_u64_equal(r.failed_calls, 0);
    rig_reopen(&r);
    rig_must_be_complete(&r);
    rig_destroy(&r);
}

TEST(segment, a_full_disk_is_relieved_by_truncation_alone)
{
    struct rig r;
    rig_create(&r, 9);
    rig_must_open(&r);
    fill_one_segment(&r, 1);
    fill_disk(&r);
    while (rig_marker(&r) == STATUS_OK) assert_true(rig_flush(&r));
    assert_int_equal(rig_truncate(&r, 1, model_last(&r.model.ranges[1])), STATUS_OK);
    assert_true(rig_flush(&r));
    assert_true(rig_idle(&r));
    for (int i = 0; i < 100; i++) {
        assert_int_equal(rig_next(&r, 1, 1, 2000), STATUS_OK);
        assert_true(rig_flush(&r));
        if (i % 5 == 0) rig_truncate(&r, 1, model_last(&r.model.ranges[1]));
    }
    assert_true(rig_flush(&r));
    rig_reopen(&r);
    rig_must_be_complete(&r);
    rig_destroy(&r);
}

TEST(segment, a_full_disk_does_not_keep_it_from_starting)
{
    struct rig r;
    rig_create(&r, 10);
    rig_must_open(&r);
    fill_disk(&r);
    rig_reopen(&r);
    rig_must_be_complete(&r);
    uint64_t generation = r.recovery.generation;
    assert_int_equal(rig_next(&r, 1, 1, 10), STATUS_NO_SPACE);
    assert_int_equal(rig_marker(&r), STATUS_NO_SPACE);
    rig_reopen(&r); /* and again */
    rig_must_be_complete(&r);
    assert_u64_equal(r.recovery.generation, generation);

    sim_disk_set_quota(r.disk, UINT64_MAX);
    for (int i = 0; i < 20; i++) {
        wal_submit(r.wal);
        sim_run_for(r.sim, 100 * SIM_MS);
    }
    rig_continue(&r);
    assert_int_equal(rig_next(&r, 1, 1, 2000), STATUS_OK);
    assert_true(rig_flush(&r));
    rig_reopen(&r);
    rig_must_be_complete(&r);
    rig_destroy(&r);
}

TEST(segment, a_new_log_needs_room)
{
    struct rig r;
    rig_create(&r, 11);
    sim_disk_set_quota(r.disk, 5 * 4096);
    assert_int_equal(rig_open(&r), STATUS_NO_SPACE);
    assert_u64_equal(rig_file_count(&r, "new.tmp"), 0);
    sim_disk_set_quota(r.disk, UINT64_MAX);
    rig_must_open(&r);
    rig_destroy(&r);
}

/* ---- checkpoints ---- */

TEST(segment, ranges_beyond_a_checkpoint_are_refused)
{
    struct rig r;
    struct lsn lsn;
    enum status status = STATUS_OK;
    rig_create(&r, 12);
    rig_must_open(&r);
    uint64_t range = 0;
    while (status == STATUS_OK || status == STATUS_BUSY) {
        range++;
        do {
            status = wal_append_hard_state(r.wal, (struct range_id){range}, 1, 1, 0, &lsn);
            wal_submit(r.wal);
        } while (status == STATUS_BUSY && rig_turn(&r));
    }
    assert_int_equal(status, STATUS_TOO_LARGE);
    assert_true(range > 400); /* (64 - 4 - 16) KiB of 64 bytes and stamps */
    assert_int_equal(wal_append_dropped(r.wal, (struct range_id){1}, &lsn), STATUS_OK);
    assert_int_equal(wal_append_hard_state(r.wal, (struct range_id){range}, 1, 1, 0, &lsn),
                     STATUS_OK);
    wal_submit(r.wal);
    while (wal_durable(r.wal).value < lsn.value) assert_true(rig_turn(&r));
    rig_destroy(&r);
}
