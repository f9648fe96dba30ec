/* The first failed write or sync is the last: nothing is retried, nothing more is acknowledged
 * (K22, scenario 34). */
#include <errno.h>

#include "base/assert.h"
#include "tests/test.h"
#include "tests/wal/detect.h"
#include "tests/wal/rig.h"
#include "wal/wal_int.h"

static void must_fail_at(enum sim_fault kind, uint64_t skip, int error, enum status expected)
{
    struct rig r;
    struct lsn lsn;
    rig_create(&r, skip + 1);
    rig_must_open(&r);
    wal_submit(r.wal);
    assert_true(rig_idle(&r));
    sim_disk_inject(r.disk, &(struct sim_disk_fault){.kind = kind, .skip = skip, .count = 1,
                                                     .error = error, .path_part = ".wal"});
    while (!wal_failed(r.wal) && rig_next(&r, 1, 1, 900) == STATUS_OK)
        if (!rig_flush(&r)) break;
    assert_true(wal_failed(r.wal));
    uint64_t durable = wal_durable(r.wal).value;
    for (int i = 0; i < 200; i++) rig_turn(&r);
    assert_u64_equal(r.failed_calls, 1);
    assert_int_equal(r.failed_status, expected);
    assert_int_equal(wal_append_marker(r.wal, &lsn), STATUS_FENCED);
    assert_int_equal(rig_next(&r, 1, 1, 10), STATUS_FENCED);
    assert_int_equal(rig_hard_state(&r, 1, 1, 1, 1), STATUS_FENCED);
    wal_submit(r.wal);
    for (int i = 0; i < 50; i++) rig_turn(&r);
    assert_u64_equal(wal_durable(r.wal).value, durable);
    assert_true(wal_idle(r.wal));

    rig_crash(&r, SIM_CRASH_POWER);
    assert_int_equal(rig_open(&r), STATUS_OK);
    assert_null(rig_check(&r));
    rig_destroy(&r);
}

TEST(failure, a_write_error_is_the_end)
{
    for (uint64_t skip = 0; skip < 4; skip++)
        must_fail_at(SIM_FAULT_WRITE_ERROR, skip, EIO, STATUS_IO);
}

TEST(failure, a_sync_error_is_the_end)
{
    for (uint64_t skip = 0; skip < 4; skip++)
        must_fail_at(SIM_FAULT_SYNC_ERROR, skip, EIO, STATUS_IO);
}

TEST(failure, no_space_at_a_write_or_sync_is_the_end_too)
{
    must_fail_at(SIM_FAULT_WRITE_ERROR, 2, ENOSPC, STATUS_NO_SPACE);
    must_fail_at(SIM_FAULT_SYNC_ERROR, 2, ENOSPC, STATUS_NO_SPACE);
}

TEST(failure, later_syncs_that_succeed_change_nothing)
{
    assert_null(detect_failed_sync());
}

TEST(failure, an_error_while_preparing_a_segment_fails_the_log)
{
    struct rig r;
    rig_create(&r, 9);
    rig_must_open(&r);
    sim_disk_inject(r.disk, &(struct sim_disk_fault){.kind = SIM_FAULT_WRITE_ERROR,
                                                     .path_part = "new.tmp"});
    wal_submit(r.wal);
    for (int i = 0; i < 200 && !wal_failed(r.wal); i++) rig_turn(&r);
    assert_true(wal_failed(r.wal));
    assert_u64_equal(r.failed_calls, 1);
    rig_destroy(&r);
}

TEST(failure, a_shutdown_is_not_reported_as_one)
{
    struct rig r;
    struct lsn lsn;
    rig_create(&r, 10);
    rig_must_open(&r);
    assert_int_equal(rig_next(&r, 1, 1, 900), STATUS_OK);
    wal_submit(r.wal);
    assert_false(wal_idle(r.wal));
    env_shutdown(r.env);
    while (!wal_idle(r.wal)) assert_true(rig_turn(&r));
    assert_u64_equal(r.failed_calls, 0);
    assert_int_equal(wal_append_marker(r.wal, &lsn), STATUS_FENCED);
    rig_destroy(&r);
}

TEST(failure, entries_that_never_became_durable_are_not_served_from_the_file)
{
    struct rig r;
    rig_create(&r, 11);
    rig_must_open(&r);
    assert_int_equal(rig_next(&r, 1, 1, 900), STATUS_OK);
    assert_true(rig_flush(&r));
    sim_disk_inject(r.disk, &(struct sim_disk_fault){.kind = SIM_FAULT_SYNC_ERROR});
    assert_int_equal(rig_next(&r, 1, 1, 900), STATUS_OK);
    assert_false(rig_flush(&r));
    struct rig_read read = {.range = 1, .first = 1, .last = 2};
    rig_read(&r, &read);
    assert_int_equal(read.status, STATUS_FENCED);
    assert_u64_equal(read.visited, 1);
    rig_destroy(&r);
}

TEST(failure, read_errors_during_recovery_count_as_damage)
{
    for (uint64_t skip = 0; skip < 12; skip++) {
        struct rig r;
        struct prng prng;
        prng_init(&prng, skip);
        rig_create(&r, 12);
        rig_must_open(&r);
        assert_true(rig_workload(&r, &prng, 100));
        rig_close(&r);
        /* One read of the window, and every read of one sector in it after that. */
        sim_disk_inject(r.disk, &(struct sim_disk_fault){.kind = SIM_FAULT_READ_ERROR,
                                                         .skip = skip, .count = 3});
        enum status status = rig_open(&r);
        assert_true(status == STATUS_OK || status == STATUS_CORRUPT);
        if (status == STATUS_OK && !r.recovery.damaged && !r.recovery.uncertain)
            assert_u64_equal(model_digest(&r.recovered), model_digest(&r.model));
        sim_disk_heal(r.disk);
        rig_destroy(&r);
    }
}

TEST(failure, direct_io_that_is_refused_is_done_without)
{
    struct rig r;
    struct prng prng;
    prng_init(&prng, 3);
    rig_create(&r, 13);
    sim_disk_refuse_direct(r.disk, true);
    rig_must_open(&r);
    assert_true(rig_workload(&r, &prng, 100));
    assert_false(wal_metrics(r.wal)->direct);
    rig_reopen(&r);
    rig_must_be_complete(&r);
    rig_destroy(&r);
}

TEST(failure, without_a_free_fiber_the_next_segment_waits)
{
    struct rig r;
    struct lsn lsn;
    rig_create(&r, 14);
    rig_must_open(&r);
    struct fiber_pool *full = fiber_pool_create((size_t)64 << 10, 1);
    r.wal->options.fibers = full; /* one fiber, and it is taken */
    struct fiber *taken;
    assert_int_equal(fiber_spawn(full, (void (*)(void *))fiber_suspend, full, &taken), STATUS_OK);
    wal_submit(r.wal);
    assert_true(wal_idle(r.wal));
    assert_null(r.wal->next);
    uint64_t index = 0;
    enum status status = STATUS_OK;
    while (status == STATUS_OK) {
        index++;
        status = wal_append_entry(r.wal, (struct range_id){1}, 1, index, 1, rig_pattern(1, 3000),
                                  &lsn);
        if (status != STATUS_OK) break;
        wal_submit(r.wal);
        while (wal_writing(r.wal)) assert_true(rig_turn(&r));
    }
    assert_int_equal(status, STATUS_BUSY);
    fiber_resume(taken);
    unsigned calls = r.durable_calls;
    wal_submit(r.wal);
    while (r.wal->next == NULL) assert_true(rig_turn(&r));
    assert_true(r.durable_calls > calls); /* told to try again */
    assert_int_equal(wal_append_entry(r.wal, (struct range_id){1}, 1, index, 1,
                                      rig_pattern(1, 3000), &lsn),
                     STATUS_OK);
    assert_true(rig_idle(&r));
    r.wal->options.fibers = r.fibers;
    fiber_pool_destroy(full);
    rig_destroy(&r);
}
