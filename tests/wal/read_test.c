/* Entries are read back from wherever they are: the open group, those in flight, the files. */
#include "base/assert.h"
#include "tests/test.h"
#include "tests/wal/rig.h"
#include "wal/wal_int.h"

static void must_read(struct rig *r, uint64_t range, uint64_t first, uint64_t last)
{
    struct rig_read read = {.range = range, .first = first, .last = last};
    rig_read(r, &read);
    assert_int_equal(read.status, STATUS_OK);
    assert_false(read.wrong);
    assert_u64_equal(read.visited, last - first + 1);
}

TEST(read, finds_entries_before_during_and_after_their_write)
{
    struct rig r;
    rig_create(&r, 1);
    rig_must_open(&r);
    for (int i = 0; i < 5; i++) assert_int_equal(rig_next(&r, 1, 1, 700), STATUS_OK);
    must_read(&r, 1, 1, 5); /* in the open group */
    wal_submit(r.wal);
    assert_true(wal_writing(r.wal));
    for (int i = 0; i < 5; i++) assert_int_equal(rig_next(&r, 1, 1, 700), STATUS_OK);
    must_read(&r, 1, 1, 10); /* in both */
    assert_true(rig_flush(&r));
    must_read(&r, 1, 1, 10); /* in the file */
    rig_destroy(&r);
}

TEST(read, spans_segments_and_skips_other_ranges)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct rig r;
        struct prng prng;
        prng_init(&prng, seed);
        rig_create(&r, seed);
        r.options.compress = seed % 2 == 0;
        rig_must_open(&r);
        for (int i = 0; i < 200; i++) {
            uint64_t range = 1 + prng_below(&prng, 3);
            size_t size = prng_chance(&prng, 1, 9) ? 9000 : prng_below(&prng, 300);
            assert_int_equal(rig_next(&r, range, 1, size), STATUS_OK);
            if (prng_chance(&prng, 1, 4)) wal_submit(r.wal);
        }
        assert_true(wal_metrics(r.wal)->segment_count > 2);
        for (int pass = 0; pass < 2; pass++) {
            for (uint64_t range = 1; range <= 3; range++) {
                uint64_t last = model_last(&r.model.ranges[range]);
                must_read(&r, range, 1, last);
                must_read(&r, range, last, last);
                must_read(&r, range, last / 2, last);
            }
            assert_true(rig_flush(&r));
            rig_reopen(&r);
        }
        rig_destroy(&r);
    }
}

TEST(read, compressible_entries_come_back_whole)
{
    struct rig r;
    static uint8_t text[12000];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (uint8_t)("ostraka"[i % 7]);
    rig_create(&r, 2);
    r.options.compress = true;
    rig_must_open(&r);
    for (uint64_t i = 1; i <= 8; i++)
        assert_int_equal(rig_entry(&r, 1, 1, i, bytes_make(text, sizeof text - i)), STATUS_OK);
    assert_true(wal_metrics(r.wal)->appended_bytes < 8 * 1000); /* it did compress */
    must_read(&r, 1, 1, 8);
    assert_true(rig_flush(&r));
    must_read(&r, 1, 1, 8);
    rig_reopen(&r);
    rig_must_be_complete(&r);
    rig_destroy(&r);
}

TEST(read, stops_at_the_size_asked_for_but_gives_one)
{
    struct rig r;
    rig_create(&r, 3);
    rig_must_open(&r);
    for (int i = 0; i < 10; i++) assert_int_equal(rig_next(&r, 1, 1, 100), STATUS_OK);
    assert_true(rig_flush(&r));
    static const struct {
        uint64_t size_max, visited;
    } cases[] = {{1, 1}, {100, 1}, {199, 1}, {200, 2}, {350, 3}, {1000, 10}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig_read read = {.range = 1, .first = 1, .last = 10,
                                .size_max = cases[i].size_max};
        rig_read(&r, &read);
        assert_int_equal(read.status, STATUS_OK);
        assert_u64_equal(read.visited, cases[i].visited);
        assert_false(read.wrong);
    }
    rig_destroy(&r);
}

TEST(read, what_is_gone_is_not_found)
{
    struct rig r;
    rig_create(&r, 4);
    rig_must_open(&r);
    for (int i = 0; i < 10; i++) assert_int_equal(rig_next(&r, 1, 1, 100), STATUS_OK);
    rig_truncate(&r, 1, 4);
    static const uint64_t missing[][3] = {{1, 4, 6}, {1, 5, 11}, {1, 11, 11}, {2, 1, 1}};
    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++) {
        struct rig_read read = {.range = missing[i][0], .first = missing[i][1],
                                .last = missing[i][2]};
        rig_read(&r, &read);
        assert_int_equal(read.status, STATUS_NOT_FOUND);
    }
    must_read(&r, 1, 5, 10);
    rig_destroy(&r);
}

TEST(read, every_entry_has_a_checksum_of_its_own)
{
    struct rig r;
    rig_create(&r, 5);
    rig_must_open(&r);
    for (int i = 0; i < 30; i++) assert_int_equal(rig_next(&r, 1, 1, 500), STATUS_OK);
    assert_true(rig_flush(&r));
    const struct wal_range *range = wal_index_find(&r.wal->index, (struct range_id){1});
    const struct wal_entry *e = wal_index_entry(range, 7);
    const struct wal_segment *s = wal_segment_of(r.wal, e->lsn);
    uint64_t offset = s->data_offset + (e->lsn - s->start_lsn);
    char path[128];
    uint64_t size;
    for (uint64_t at = 0; at < 540; at += 9) {
        if ((offset + at) % WAL_SECTOR_BYTES < WAL_STAMP_BYTES) continue;
        assert_true(rig_file_path(&r, "00000001.wal", 0, path, &size));
        assert_true(sim_disk_rot(r.disk, path, offset + at, (unsigned)(at % 8)));
        struct rig_read read = {.range = 1, .first = 1, .last = 30};
        rig_read(&r, &read);
        assert_int_equal(read.status, STATUS_CORRUPT);
        assert_u64_equal(read.visited, 6); /* those before it are good */
        assert_false(read.wrong);
        assert_true(sim_disk_rot(r.disk, path, offset + at, (unsigned)(at % 8)));
    }
    must_read(&r, 1, 1, 30);
    rig_destroy(&r);
}

/* ---- while the log goes on ---- */

struct second {
    struct rig *r;
    struct rig_read read;
    bool ended;
};

static void ignore(void *ctx, uint64_t term, uint64_t index, uint8_t kind, struct bytes payload)
{
    struct second *s = ctx;
    (void)kind;
    (void)payload;
    s->read.visited++;
    s->read.wrong = s->read.wrong || index != s->read.next || term == 0;
    s->read.next = index + 1;
}

static void second_main(void *arg)
{
    struct second *s = arg;
    s->read.status = wal_read(s->r->wal, (struct range_id){s->read.range}, s->read.first,
                              s->read.last, UINT64_MAX, ignore, s);
    s->ended = true;
}

TEST(read, a_truncation_meanwhile_is_noticed)
{
    struct rig r;
    rig_create(&r, 6);
    rig_must_open(&r);
    for (int i = 0; i < 60; i++) assert_int_equal(rig_next(&r, 1, 1, 3000), STATUS_OK);
    assert_true(rig_flush(&r));
    struct second s = {.r = &r, .read = {.range = 1, .first = 1, .last = 60, .next = 1}};
    assert_int_equal(fiber_spawn(r.fibers, second_main, &s, NULL), STATUS_OK);
    assert_false(s.ended);
    assert_int_equal(rig_truncate(&r, 1, 50), STATUS_OK); /* the read is under way */
    while (!s.ended) assert_true(rig_turn(&r));
    assert_int_equal(s.read.status, STATUS_NOT_FOUND);
    assert_u64_equal(s.read.visited, 0);
    rig_destroy(&r);
}

TEST(read, keeps_its_segment_from_being_recycled)
{
    struct rig r;
    rig_create(&r, 7);
    rig_must_open(&r);
    for (int i = 0; i < 60; i++) assert_int_equal(rig_next(&r, 1, 1, 3000), STATUS_OK);
    assert_true(rig_flush(&r));
    assert_true(rig_idle(&r));
    sim_disk_slow(r.disk, 1);
    struct second s = {.r = &r, .read = {.range = 1, .first = 1, .last = 60, .next = 1}};
    assert_int_equal(fiber_spawn(r.fibers, second_main, &s, NULL), STATUS_OK);
    while (s.read.visited == 0) assert_true(rig_turn(&r));
    assert_false(s.ended); /* it has the first segment in its hands */
    assert_int_equal(rig_dropped(&r, 1), STATUS_OK);
    while (!s.ended || !wal_idle(r.wal)) {
        wal_submit(r.wal);
        assert_true(rig_turn(&r));
    }
    assert_int_equal(s.read.status, STATUS_OK);
    assert_false(s.read.wrong);
    wal_submit(r.wal);
    assert_true(rig_idle(&r));
    assert_u64_equal(wal_metrics(r.wal)->segment_count, 1);
    rig_destroy(&r);
}
