/* Damage after the fact: what was acknowledged is there, or recovery says that it is not (traps K24
 * to K26, scenarios 36 to 41). */
#include "base/hash.h"
#include "tests/test.h"
#include "tests/wal/damage.h"
#include "wal/wal_int.h"

static void must_hold(uint64_t seed, size_t append_count, enum damage_past past)
{
    struct damage d;
    uint64_t runs = 0;
    damage_create(&d, seed, append_count, past);
    const char *wrong = damage_flip_all(&d, &runs);
    if (wrong != NULL) fail_msg("%s", wrong);
    print_message("%llu flips\n", (unsigned long long)runs);
    damage_destroy(&d);
}

TEST(damage, no_flipped_bit_silently_shortens_a_log)
{
    must_hold(1, 90, DAMAGE_NEW);
}

TEST(damage, no_flipped_bit_silently_shortens_a_log_in_recycled_segments)
{
    must_hold(2, 60, DAMAGE_WARM);
}

TEST(damage, no_flipped_bit_silently_shortens_a_log_behind_what_was_cut)
{
    must_hold(3, 40, DAMAGE_CRASHED);
}

TEST(damage, no_garbage_silently_shortens_a_log_or_is_forgotten)
{
    for (uint64_t seed = 1; seed <= 150; seed++) {
        struct prng prng;
        prng_init(&prng, seed);
        for (int round = 0; round < 4; round++) {
            struct damage d; /* a new one each time: going on changes the history */
            damage_create(&d, seed, 20 + (size_t)prng_below(&prng, 150),
                          (enum damage_past)(seed % 3));
            const char *wrong = damage_garbage(&d, &prng);
            if (wrong != NULL) fail_msg("%s: seed %llu", wrong, (unsigned long long)seed);
            damage_destroy(&d);
        }
    }
}

/* ---- one frame of several sectors, damaged by hand ---- */

#define SEGMENT_1 "store/wal/00000001.wal"

/* An acknowledged entry, and one behind it whose frame has three sectors. Returns its place. */
static uint64_t two_frames(struct rig *r)
{
    rig_create(r, 3);
    rig_must_open(r);
    assert_int_equal(rig_next(r, 1, 1, 100), STATUS_OK);
    assert_true(rig_flush(r));
    uint64_t offset = r->wal->segments[0]->write_offset;
    assert_int_equal(rig_next(r, 1, 1, 9000), STATUS_OK);
    assert_true(rig_flush(r));
    assert_u64_equal(r->wal->segments[0]->write_offset, offset + 3 * WAL_SECTOR_BYTES);
    rig_close(r);
    return offset;
}

static void overwrite(struct rig *r, const char *path, uint64_t offset, uint8_t byte)
{
    uint8_t sector[WAL_SECTOR_BYTES];
    memset(sector, byte, sizeof sector);
    assert_int_equal(rig_file_write(r, path, sector, sizeof sector, offset), sizeof sector);
}

TEST(damage, a_missing_sector_proves_that_a_frame_was_never_finished)
{
    for (unsigned lost = 0; lost < 3; lost++) {
        struct rig r;
        uint64_t offset = two_frames(&r);
        overwrite(&r, SEGMENT_1, offset + lost * WAL_SECTOR_BYTES, 0);
        assert_int_equal(rig_open(&r), STATUS_OK);
        assert_true(r.recovery.torn);
        assert_false(r.recovery.uncertain);
        assert_false(r.recovery.damaged);
        assert_u64_equal(r.recovery.entry_count, 1);
        rig_destroy(&r);
    }
}

TEST(damage, a_whole_frame_that_is_bad_at_the_tail_leaves_doubt)
{
    for (unsigned bad = 0; bad < 3; bad++) {
        struct rig r;
        uint64_t offset = two_frames(&r);
        overwrite(&r, SEGMENT_1, offset + bad * WAL_SECTOR_BYTES, 0xa5);
        assert_int_equal(rig_open(&r), STATUS_OK);
        assert_false(r.recovery.torn);
        assert_true(r.recovery.uncertain);
        assert_false(r.recovery.damaged);
        assert_u64_equal(r.recovery.entry_count, 1);
        rig_destroy(&r);
    }
}

TEST(damage, a_bad_frame_before_a_later_one_is_damage)
{
    struct rig r;
    uint64_t offset = two_frames(&r);
    overwrite(&r, SEGMENT_1, offset - WAL_SECTOR_BYTES, 0);
    assert_int_equal(rig_open(&r), STATUS_OK);
    assert_true(r.recovery.damaged);
    assert_u64_equal(r.recovery.entry_count, 0);
    rig_destroy(&r);
}

TEST(damage, doubt_is_repeated_until_it_is_settled)
{
    struct rig r;
    struct lsn lsn;
    uint64_t offset = two_frames(&r);
    overwrite(&r, SEGMENT_1, offset + WAL_SECTOR_BYTES, 0xa5);
    rig_must_open(&r);
    for (int i = 0; i < 3; i++) {
        assert_true(r.recovery.uncertain);
        assert_int_equal(rig_next(&r, 1, 1, 50), STATUS_OK); /* the log goes on meanwhile */
        assert_true(rig_flush(&r));
        rig_close(&r);
        rig_must_open(&r);
    }
    assert_true(r.recovery.uncertain);
    assert_u64_equal(r.recovery.entry_count, 4);
    assert_int_equal(wal_append_settled(r.wal, &lsn), STATUS_OK);
    rig_crash(&r, SIM_CRASH_POWER); /* before that is durable */
    rig_must_open(&r);
    assert_true(r.recovery.uncertain);
    assert_int_equal(wal_append_settled(r.wal, &lsn), STATUS_OK);
    rig_marker(&r);
    assert_true(rig_flush(&r));
    rig_close(&r);
    rig_must_open(&r);
    assert_false(r.recovery.uncertain);
    rig_destroy(&r);
}

/* ---- whole files ---- */

/* Six segments with entries of two ranges, and facts that change all the time. */
static void many_segments(struct rig *r, uint64_t seed)
{
    rig_create(r, seed);
    rig_must_open(r);
    while (wal_metrics(r->wal)->segment_count < 6) {
        rig_next(r, 1, 1, 1500);
        rig_next(r, 2, 1, 700);
        rig_fact(r, 1, rig_pattern(model_last(&r->model.ranges[1]), 20));
        rig_hard_state(r, 2, 1, 1, model_last(&r->model.ranges[2]));
        assert_true(rig_flush(r));
    }
    rig_close(r);
}

static void must_be_damaged(struct rig *r)
{
    rig_must_open(r);
    assert_true(r->recovery.damaged);
    assert_true(r->recovery.detail[0] != '\0');
    assert_true(rig_only_appended_entries(r));
    assert_false(r->recovered.hole);
}

static size_t entries_of_range_1(const struct rig *r)
{
    return r->recovered.ranges[1].count;
}

TEST(damage, a_missing_segment_in_the_middle_is_found)
{
    struct rig r;
    many_segments(&r, 4);
    assert_int_equal(rig_unlink(&r, "store/wal/00000003.wal"), 0);
    struct model appended = {0};
    model_copy(&appended, &r.model);
    must_be_damaged(&r);
    assert_true(entries_of_range_1(&r) > 0); /* those before it */
    assert_true(entries_of_range_1(&r) < appended.ranges[1].count);
    /* The newest facts and votes are kept. */
    assert_u64_equal(r.recovered.facts[1].hash, appended.facts[1].hash);
    assert_u64_equal(r.recovered.ranges[2].commit, appended.ranges[2].commit);
    model_deinit(&appended);
    rig_destroy(&r);
}

TEST(damage, is_repeated_and_keeps_all_files_until_it_is_settled)
{
    struct rig r;
    struct lsn lsn;
    many_segments(&r, 5);
    overwrite(&r, "store/wal/00000004.wal", 5 * WAL_SECTOR_BYTES, 0x11);
    unsigned files = rig_file_count(&r, ".wal");
    must_be_damaged(&r);
    for (int i = 0; i < 3; i++) { /* refetch one range, lose the other */
        assert_int_equal(rig_start(&r, 1, (struct log_pos){9, 1000 + (uint64_t)i}), STATUS_OK);
        assert_int_equal(rig_next(&r, 1, 9, 3000), STATUS_OK);
        assert_true(rig_flush(&r));
        rig_close(&r);
        must_be_damaged(&r);
        assert_u64_equal(r.recovered.ranges[1].start.index, 1000 + (uint64_t)i);
        assert_u64_equal(entries_of_range_1(&r), 1);
        assert_true(rig_file_count(&r, ".wal") > files);
    }
    assert_int_equal(rig_dropped(&r, 2), STATUS_OK);
    assert_int_equal(wal_append_settled(r.wal, &lsn), STATUS_OK);
    assert_true(rig_flush(&r));
    rig_close(&r);
    rig_must_open(&r);
    assert_false(r.recovery.damaged);
    assert_u64_equal(entries_of_range_1(&r), 1);
    assert_true(rig_idle(&r));
    assert_true(wal_metrics(r.wal)->segment_count <= 3);
    assert_true(rig_file_count(&r, ".wal") < files);
    rig_close(&r);
    rig_must_open(&r);
    assert_false(r.recovery.damaged);
    rig_destroy(&r);
}

/* Copies a whole segment file over another one's place. */
static void copy_file(struct rig *r, const char *from, const char *to)
{
    static uint8_t data[RIG_SEGMENT_BYTES];
    assert_int_equal(rig_file_read(r, from, data, sizeof data, 0), sizeof data);
    assert_int_equal(rig_file_write(r, to, data, sizeof data, 0), sizeof data);
}

TEST(damage, a_segment_in_the_place_of_another_is_found)
{
    struct rig r;
    many_segments(&r, 6);
    copy_file(&r, "store/wal/00000002.wal", "store/wal/00000003.wal");
    must_be_damaged(&r);
    rig_destroy(&r);
}

TEST(damage, a_segment_rolled_back_to_an_earlier_state_is_found)
{
    struct rig r;
    static uint8_t old[RIG_SEGMENT_BYTES];
    rig_create(&r, 7);
    rig_must_open(&r);
    for (int i = 0; i < 4; i++) {
        rig_next(&r, 1, 1, 2000);
        assert_true(rig_flush(&r));
    }
    assert_int_equal(rig_file_read(&r, SEGMENT_1, old, sizeof old, 0), sizeof old);
    while (wal_metrics(r.wal)->segment_count < 3) {
        rig_next(&r, 1, 1, 2000);
        assert_true(rig_flush(&r));
    }
    rig_close(&r);
    assert_int_equal(rig_file_write(&r, SEGMENT_1, old, sizeof old, 0), sizeof old);
    must_be_damaged(&r);
    assert_u64_equal(r.recovery.entry_count, 4);
    rig_destroy(&r);
}

TEST(damage, a_missing_first_segment_leaves_nothing_but_votes_and_facts)
{
    struct rig r;
    many_segments(&r, 8);
    uint64_t fact = r.model.facts[1].hash;
    assert_int_equal(rig_unlink(&r, SEGMENT_1), 0);
    must_be_damaged(&r);
    assert_u64_equal(r.recovery.entry_count, 0);
    assert_u64_equal(r.recovered.facts[1].hash, fact);
    assert_int_equal(rig_next(&r, 1, 1, 10), STATUS_OK);
    assert_true(rig_flush(&r));
    rig_close(&r);
    must_be_damaged(&r);
    assert_u64_equal(r.recovery.entry_count, 1);
    rig_destroy(&r);
}

TEST(damage, of_the_only_first_frame_is_never_taken_for_a_new_log)
{
    struct rig r;
    rig_create(&r, 12);
    rig_must_open(&r);
    while (wal_metrics(r.wal)->segments_recycled < 4) { /* until but one segment is left */
        rig_next(&r, 1, 1, 9000);
        rig_truncate(&r, 1, model_last(&r.model.ranges[1]));
        assert_true(rig_flush(&r));
        assert_true(rig_idle(&r));
    }
    while (wal_current(r.wal)->frame_number != 1) {
        rig_next(&r, 1, 1, 9000);
        assert_true(rig_flush(&r));
        assert_true(rig_idle(&r));
    }
    assert_u64_equal(wal_metrics(r.wal)->segment_count, 1);
    struct wal_path path = wal_path_segment(RIG_DIRECTORY, wal_current(r.wal)->generation);
    rig_close(&r);
    assert_true(sim_disk_rot(r.disk, path.text, WAL_SECTOR_BYTES + 1000, 1));
    must_be_damaged(&r);
    assert_false(r.recovery.created);
    rig_destroy(&r);
}

/* Deletes the segments, and the spares too if asked to. */
static void delete_files(struct rig *r, bool spares)
{
    char path[128];
    uint64_t size;
    while (rig_file_path(r, ".wal", 0, path, &size)) { /* spares come last */
        if (!spares && strstr(path, "spare-") != NULL) return;
        assert_int_equal(rig_unlink(r, path), 0);
    }
}

TEST(damage, spares_without_a_log_are_not_a_new_log)
{
    for (int spares = 0; spares < 2; spares++) {
        struct rig r;
        many_segments(&r, 13);
        rig_must_open(&r);
        rig_dropped(&r, 1);
        rig_dropped(&r, 2);
        assert_true(rig_flush(&r));
        assert_true(rig_idle(&r));
        assert_int_equal(rig_file_count(&r, "spare-"), 2);
        rig_close(&r);
        delete_files(&r, spares != 0);
        assert_int_equal(rig_open(&r), STATUS_OK);
        assert_int_equal(r.recovery.created, spares); /* nothing at all is a new log */
        assert_int_equal(r.recovery.damaged, !spares);
        rig_destroy(&r);
    }
}

TEST(damage, places_in_the_log_never_fall)
{
    struct rig r;
    many_segments(&r, 9);
    uint64_t acked = r.acked;
    overwrite(&r, "store/wal/00000002.wal", 5 * WAL_SECTOR_BYTES, 0x11);
    must_be_damaged(&r);
    assert_true(wal_durable(r.wal).value >= acked);
    rig_destroy(&r);
}

/* ---- heads ---- */

TEST(damage, a_bad_segment_head_alone_loses_nothing)
{
    struct rig r;
    many_segments(&r, 10);
    overwrite(&r, "store/wal/00000003.wal", 0, 0x77);
    overwrite(&r, "store/wal/00000006.wal", 0, 0);
    assert_int_equal(rig_open(&r), STATUS_OK);
    rig_must_be_complete(&r);
    rig_destroy(&r);
}

TEST(damage, another_version_is_refused)
{
    struct rig r;
    uint8_t sector[WAL_SECTOR_BYTES];
    two_frames(&r);
    wal_segment_head_encode(sector, 1, RIG_SEGMENT_BYTES, 77);
    assert_int_equal(rig_file_write(&r, SEGMENT_1, sector, sizeof sector, 0), sizeof sector);
    assert_int_equal(rig_open(&r), STATUS_OK);
    rig_must_be_complete(&r);
    rig_close(&r);
    struct wal_segment_head head;
    memcpy(&head, sector, sizeof head);
    head.version = WAL_VERSION + 1;
    head.hash = 0;
    memcpy(sector, &head, sizeof head);
    head.hash = hash64(sector, sizeof sector, 0);
    memcpy(sector, &head, sizeof head);
    assert_int_equal(rig_file_write(&r, SEGMENT_1, sector, sizeof sector, 0), sizeof sector);
    assert_int_equal(rig_open(&r), STATUS_VERSION);
    rig_destroy(&r);
}

TEST(damage, files_cut_short_are_survived)
{
    static const uint64_t keep[] = {0, 100, 4096, 5000, 8192, 20480};
    for (size_t i = 0; i < sizeof keep / sizeof keep[0]; i++) {
        struct rig r;
        many_segments(&r, 11);
        assert_int_equal(rig_truncate_file(&r, "store/wal/00000004.wal", keep[i]), 0);
        must_be_damaged(&r);
        rig_destroy(&r);
    }
}
