/* Two groups in flight: they become durable in order, whichever is written first; both end when one
 * of them fails; the first frame of a segment flies alone. */
#include "tests/test.h"
#include "tests/wal/detect.h"
#include "tests/wal/flights.h"

static const enum wal_sync_mode modes[] = {WAL_SYNC_DSYNC, WAL_SYNC_FDATASYNC};

static uint64_t started_ns(const struct rig *r, unsigned n)
{
    return r->wal->groups[wal_ring_place(r->wal, n)].flight.started_ns;
}

static void disk_is(struct rig *r, bool slow)
{
    flights_disk(r, slow ? FLIGHTS_SLOW : FLIGHTS_FAST, FLIGHTS_FAST);
}

/* One after the other; a slow one is over long after a fast one. */
static void start_two(struct rig *r, bool first_slow, bool second_slow)
{
    disk_is(r, first_slow);
    flights_entry(r, 100);
    disk_is(r, second_slow);
    flights_entry(r, 200);
    disk_is(r, false);
    assert_u64_equal(r->wal->flight_count, 2);
}

static uint64_t last_lsn(const struct rig *r)
{
    return r->steps[r->step_count - 1].lsn;
}

/* ---- order ---- */

TEST(flight, the_second_to_be_done_first_waits_for_the_first)
{
    for (size_t i = 0; i < 2; i++) {
        struct rig r;
        flights_create(&r, 1, modes[i]);
        uint64_t durable = wal_durable(r.wal).value;
        unsigned calls = r.durable_calls;
        start_two(&r, true, false);
        while (!flights_over(&r, 1)) assert_true(rig_turn(&r));
        for (int turn = 0; turn < 20 && !flights_over(&r, 0); turn++) {
            assert_u64_equal(wal_durable(r.wal).value, durable);
            assert_u64_equal(r.durable_calls, calls);
            sim_run_for(r.sim, 10 * SIM_US);
        }
        assert_false(flights_over(&r, 0));
        while (wal_writing(r.wal)) assert_true(rig_turn(&r));
        assert_true(wal_durable(r.wal).value >= last_lsn(&r));
        assert_u64_equal(r.durable_calls, calls + 1); /* of both at once */
        assert_u64_equal(r.acked, wal_durable(r.wal).value);
        rig_reopen(&r);
        rig_must_be_complete(&r);
        rig_destroy(&r);
    }
}

TEST(flight, the_first_does_not_wait_for_the_second)
{
    for (size_t i = 0; i < 2; i++) {
        struct rig r;
        flights_create(&r, 2, modes[i]);
        start_two(&r, false, true);
        uint64_t end = r.wal->groups[wal_ring_place(r.wal, 1)].lsn;
        while (r.wal->flight_count == 2) assert_true(rig_turn(&r));
        assert_u64_equal(wal_durable(r.wal).value, end);
        assert_u64_equal(r.acked, end);
        assert_true(rig_flush(&r));
        rig_destroy(&r);
    }
}

TEST(flight, a_third_group_follows_by_itself)
{
    struct rig r;
    flights_create(&r, 3, WAL_SYNC_DSYNC);
    start_two(&r, false, true);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rig_next(&r, 1, 1, 50), STATUS_OK);
        wal_submit(r.wal);
    }
    assert_u64_equal(r.wal->flight_count, 2);
    uint64_t groups = wal_metrics(r.wal)->group_count;
    while (wal_metrics(r.wal)->group_count == groups) assert_true(rig_turn(&r));
    assert_u64_equal(r.wal->flight_count, 2); /* the second and the third */
    while (wal_durable(r.wal).value < last_lsn(&r)) assert_true(rig_turn(&r));
    assert_u64_equal(wal_metrics(r.wal)->group_count, groups + 3);
    rig_reopen(&r);
    rig_must_be_complete(&r);
    rig_destroy(&r);
}

static enum status append(struct rig *r, uint64_t index)
{
    struct lsn lsn;
    return wal_append_entry(r->wal, (struct range_id){1}, 1, index, 1, rig_pattern(1, 1000), &lsn);
}

TEST(flight, who_was_refused_is_called_when_one_is_durable_and_not_before)
{
    struct rig r;
    flights_create(&r, 13, WAL_SYNC_DSYNC);
    start_two(&r, true, false);
    unsigned calls = r.durable_calls;
    uint64_t index = 4;
    while (append(&r, index) == STATUS_OK) index++;
    assert_int_equal(append(&r, index), STATUS_BUSY);
    while (!flights_over(&r, 1)) assert_true(rig_turn(&r));
    assert_u64_equal(r.durable_calls, calls);
    assert_int_equal(append(&r, index), STATUS_BUSY);
    while (r.durable_calls == calls) assert_true(rig_turn(&r));
    assert_int_equal(append(&r, index), STATUS_OK); /* nobody submitted: it closes the full group */
    assert_u64_equal(r.wal->flight_count, 1);
    rig_destroy(&r);
}

TEST(flight, the_oldest_write_says_since_when_the_disk_is_busy)
{
    struct rig r;
    flights_create(&r, 4, WAL_SYNC_DSYNC);
    assert_u64_equal(wal_metrics(r.wal)->inflight_since_ns, 0);
    disk_is(&r, true);
    flights_entry(&r, 100);
    sim_run_for(r.sim, SIM_MS);
    flights_entry(&r, 100);
    uint64_t first_ns = started_ns(&r, 0), second_ns = started_ns(&r, 1);
    assert_true(first_ns < second_ns);
    assert_u64_equal(wal_metrics(r.wal)->inflight_since_ns, first_ns);
    while (r.wal->flight_count == 2) assert_true(rig_turn(&r));
    assert_u64_equal(wal_metrics(r.wal)->inflight_since_ns, second_ns);
    while (wal_writing(r.wal)) assert_true(rig_turn(&r));
    assert_u64_equal(wal_metrics(r.wal)->inflight_since_ns, 0);
    rig_destroy(&r);
}

static void must_read(struct rig *r, uint64_t last)
{
    struct rig_read read = {.range = 1, .first = 1, .last = last};
    rig_read(r, &read);
    assert_int_equal(read.status, STATUS_OK);
    assert_false(read.wrong);
    assert_u64_equal(read.visited, last);
}

TEST(flight, entries_of_both_are_read_meanwhile)
{
    struct rig r;
    flights_create(&r, 5, WAL_SYNC_DSYNC);
    start_two(&r, true, false);
    assert_int_equal(rig_next(&r, 1, 1, 300), STATUS_OK);
    must_read(&r, 4); /* from the file, from both in flight, and from the open group */
    while (!flights_over(&r, 1)) assert_true(rig_turn(&r));
    must_read(&r, 4); /* the second is written, and not durable */
    while (wal_writing(r.wal)) assert_true(rig_turn(&r));
    must_read(&r, 4);
    rig_destroy(&r);
}

TEST(flight, through_a_page_cache_one_flies_at_a_time)
{
    for (size_t i = 0; i < 2; i++) {
        struct rig r;
        rig_create(&r, 6);
        r.options.sync_mode = modes[i];
        sim_disk_refuse_direct(r.disk, true);
        rig_must_open(&r);
        for (int n = 0; n < 5; n++) {
            assert_int_equal(rig_next(&r, 1, 1, 100), STATUS_OK);
            wal_submit(r.wal);
            assert_u64_equal(r.wal->flight_count, 1);
        }
        assert_true(rig_flush(&r));
        rig_destroy(&r);
    }
}

/* ---- the first frame of a segment ---- */

TEST(flight, nothing_follows_the_first_frame_of_a_segment_before_it_is_durable)
{
    struct rig r;
    flights_create(&r, 7, WAL_SYNC_DSYNC);
    flights_fill(&r);
    uint32_t generation = wal_current(r.wal)->generation;
    flights_entry(&r, 9000);
    assert_true(wal_current(r.wal)->generation > generation);
    uint64_t end = wal_current(r.wal)->start_lsn + 3 * WAL_SECTOR_BYTES;
    assert_int_equal(rig_next(&r, 1, 1, 100), STATUS_OK);
    wal_submit(r.wal);
    while (wal_durable(r.wal).value < end) {
        assert_u64_equal(r.wal->flight_count, 1);
        assert_true(rig_turn(&r));
    }
    assert_u64_equal(r.wal->flight_count, 1); /* it has begun by itself */
    while (wal_durable(r.wal).value < last_lsn(&r)) assert_true(rig_turn(&r));
    rig_reopen(&r);
    rig_must_be_complete(&r);
    rig_destroy(&r);
}

TEST(flight, a_segment_begins_when_nothing_is_in_flight)
{
    struct rig r;
    flights_create(&r, 8, WAL_SYNC_DSYNC);
    flights_fill(&r);
    uint32_t generation = wal_current(r.wal)->generation;
    flights_entry(&r, 100);
    assert_int_equal(rig_next(&r, 1, 1, 9000), STATUS_OK);
    wal_submit(r.wal);
    while (wal_durable(r.wal).value < r.steps[r.step_count - 2].lsn) {
        assert_u64_equal(r.wal->flight_count, 1);
        assert_u64_equal(wal_current(r.wal)->generation, generation);
        assert_true(rig_turn(&r));
    }
    assert_u64_equal(r.wal->flight_count, 1); /* it has begun by itself */
    assert_true(wal_current(r.wal)->generation > generation);
    while (wal_durable(r.wal).value < last_lsn(&r)) assert_true(rig_turn(&r));
    rig_reopen(&r);
    rig_must_be_complete(&r);
    rig_destroy(&r);
}

TEST(flight, what_an_unfinished_segment_shows_is_no_damage)
{
    assert_null(detect_opening());
}

/* ---- failure ---- */

/* The operation that is over as number skip + 1 fails. */
static void must_fail(enum wal_sync_mode mode, enum sim_fault kind, uint64_t skip, bool first_slow,
                      bool second_slow, bool first_acked)
{
    struct rig r;
    struct lsn lsn;
    flights_create(&r, 9, mode);
    uint64_t durable = wal_durable(r.wal).value;
    sim_disk_inject(r.disk, &(struct sim_disk_fault){.kind = kind, .skip = skip, .count = 1,
                                                     .path_part = ".wal"});
    start_two(&r, first_slow, second_slow);
    uint64_t end = r.wal->groups[wal_ring_place(r.wal, 1)].lsn;
    while (!wal_failed(r.wal)) assert_true(rig_turn(&r));
    assert_u64_equal(r.failed_calls, 1);
    assert_int_equal(wal_append_marker(r.wal, &lsn), STATUS_FENCED);
    while (!wal_idle(r.wal)) assert_true(rig_turn(&r)); /* which is so when both are over */
    assert_false(wal_writing(r.wal));
    for (int i = 0; i < 20; i++) rig_turn(&r);
    wal_submit(r.wal);
    assert_true(wal_idle(r.wal));
    assert_u64_equal(r.failed_calls, 1);
    assert_u64_equal(wal_durable(r.wal).value, first_acked ? end : durable);
    assert_u64_equal(r.acked, wal_durable(r.wal).value);
    rig_crash(&r, SIM_CRASH_POWER);
    assert_int_equal(rig_open(&r), STATUS_OK);
    assert_null(rig_check(&r));
    assert_false(r.recovery.damaged);
    rig_destroy(&r);
}

TEST(flight, when_the_first_fails_the_second_is_not_acknowledged)
{
    for (size_t i = 0; i < 2; i++) {
        must_fail(modes[i], SIM_FAULT_WRITE_ERROR, 1, true, false, false); /* which is over */
        must_fail(modes[i], SIM_FAULT_WRITE_ERROR, 0, false, true, false); /* which is not */
    }
    must_fail(WAL_SYNC_FDATASYNC, SIM_FAULT_SYNC_ERROR, 1, true, false, false);
    must_fail(WAL_SYNC_FDATASYNC, SIM_FAULT_SYNC_ERROR, 0, false, true, false);
}

TEST(flight, when_the_second_fails_the_first_is_acknowledged_only_if_it_was_before)
{
    for (size_t i = 0; i < 2; i++) {
        must_fail(modes[i], SIM_FAULT_WRITE_ERROR, 0, true, false, false);
        must_fail(modes[i], SIM_FAULT_WRITE_ERROR, 1, false, true, true);
    }
    must_fail(WAL_SYNC_FDATASYNC, SIM_FAULT_SYNC_ERROR, 0, true, false, false);
    must_fail(WAL_SYNC_FDATASYNC, SIM_FAULT_SYNC_ERROR, 1, false, true, true);
}

TEST(flight, after_a_failed_sync_there_is_no_other)
{
    struct rig r;
    flights_create(&r, 10, WAL_SYNC_FDATASYNC);
    sim_disk_inject(r.disk, &(struct sim_disk_fault){.kind = SIM_FAULT_SYNC_ERROR, .count = 1});
    start_two(&r, false, true);
    while (!wal_failed(r.wal)) assert_true(rig_turn(&r));
    uint64_t ops = sim_disk_op_count(r.disk);
    while (!wal_idle(r.wal)) assert_true(rig_turn(&r));
    assert_u64_equal(sim_disk_op_count(r.disk), ops + 1); /* the second write itself */
    rig_destroy(&r);
}

TEST(flight, a_shutdown_ends_both_without_a_word)
{
    struct rig r;
    flights_create(&r, 11, WAL_SYNC_DSYNC);
    uint64_t durable = wal_durable(r.wal).value;
    start_two(&r, true, true);
    env_shutdown(r.env);
    while (!wal_idle(r.wal)) assert_true(rig_turn(&r));
    assert_u64_equal(r.failed_calls, 0);
    assert_u64_equal(wal_durable(r.wal).value, durable);
    rig_destroy(&r);
}

/* ---- what recovery makes of them ---- */

TEST(flight, what_proves_a_frame_durable_and_what_does_not)
{
    assert_null(detect_proofs());
}

TEST(flight, a_whole_frame_behind_an_unfinished_one_never_comes_back)
{
    assert_null(detect_cut_frame());
}

TEST(flight, both_are_written_again_before_they_are_handed_out)
{
    assert_null(detect_both_rewritten());
}

/* A head that knows the frame before it durable puts the last frame alone in doubt. */
TEST(flight, what_the_last_frame_knows_durable_is_not_written_again)
{
    for (int together = 0; together < 2; together++) {
        struct rig r;
        flights_create(&r, 12, WAL_SYNC_DSYNC);
        flights_entry(&r, 100);
        if (together == 0) assert_true(rig_flush(&r));
        flights_entry(&r, 100);
        assert_true(rig_flush(&r));
        rig_close(&r);
        /* The first writes of an open are those of the tail. */
        sim_disk_inject(r.disk, &(struct sim_disk_fault){.kind = SIM_FAULT_WRITE_ERROR,
                                                         .path_part = "00000001.wal",
                                                         .skip = 1 + (uint64_t)together});
        assert_int_equal(rig_open(&r), STATUS_OK);
        assert_u64_equal(sim_fault_hits(r.sim, SIM_FAULT_WRITE_ERROR), 0);
        rig_close(&r);
        rig_destroy(&r);
    }
}
