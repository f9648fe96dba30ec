/* The same log on real files, with the epoll backend. */
#include "wal/wal_int.h"
#include "tests/test.h"
#include "tests/wal/rig.h"

static void lives(enum wal_sync_mode mode)
{
    struct rig r;
    struct prng prng;
    prng_init(&prng, 1);
    rig_create_epoll(&r);
    r.options.sync_mode = mode;
    r.options.compress = true;
    rig_must_open(&r);
    assert_true(wal_metrics(r.wal)->sync_mode != WAL_SYNC_AUTO);
    for (int i = 0; i < 4; i++) {
        assert_true(rig_workload(&r, &prng, 150));
        rig_reopen(&r);
        rig_must_be_complete(&r);
    }
    for (uint64_t range = 1; range <= 3; range++) {
        const struct model_range *m = &r.model.ranges[range];
        if (m->count == 0) continue;
        struct rig_read read = {.range = range, .first = m->start.index + 1,
                                .last = model_last(m)};
        rig_read(&r, &read);
        assert_int_equal(read.status, STATUS_OK);
        assert_u64_equal(read.visited, m->count);
        assert_false(read.wrong);
    }
    rig_destroy(&r);
}

TEST(real, files_with_fdatasync) { lives(WAL_SYNC_FDATASYNC); }
TEST(real, files_with_dsync) { lives(WAL_SYNC_DSYNC); }
TEST(real, one_call_wins_unless_it_is_clearly_slower)
{
    assert_int_equal(wal_sync_mode_for(90000, 100000), WAL_SYNC_DSYNC);
    assert_int_equal(wal_sync_mode_for(110000, 100000), WAL_SYNC_DSYNC);
    assert_int_equal(wal_sync_mode_for(199000, 100000), WAL_SYNC_DSYNC);
    assert_int_equal(wal_sync_mode_for(203000, 100000), WAL_SYNC_FDATASYNC);
    assert_int_equal(wal_sync_mode_for(UINT64_MAX, 100000), WAL_SYNC_FDATASYNC);
}

TEST(real, files_with_whatever_is_faster) { lives(WAL_SYNC_AUTO); }

TEST(real, the_largest_entries_fit_into_default_segments)
{
    struct rig r;
    struct lsn lsn;
    rig_create_epoll(&r);
    r.options.segment_bytes = 0;
    r.options.group_bytes_max = 0;
    rig_must_open(&r);
    for (uint64_t i = 1; i <= 20; i++)
        assert_int_equal(rig_next(&r, 1, 1, WAL_PAYLOAD_BYTES_MAX), STATUS_OK);
    assert_int_equal(wal_append_entry(r.wal, (struct range_id){1}, 1, 21, 1,
                                      rig_pattern(1, WAL_PAYLOAD_BYTES_MAX + 1), &lsn),
                     STATUS_TOO_LARGE);
    assert_true(rig_flush(&r));
    assert_u64_equal(wal_metrics(r.wal)->segment_count, 2);
    rig_reopen(&r);
    rig_must_be_complete(&r);
    rig_destroy(&r);
}
