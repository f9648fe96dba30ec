#include <stdlib.h>

#include "lsm/manifest_int.h"
#include "base/prng.h"
#include "tests/test.h"

#define FRAMES 5

struct file {
    struct buf bytes;
    size_t ends[FRAMES + 1]; /* of frame i; [0] = 0 */
};

static void record_put(struct buf *b, uint64_t range, uint64_t index, size_t meta_size)
{
    struct buf meta;
    buf_init(&meta, 1 << 20);
    for (size_t i = 0; i < meta_size; i++)
        put_u8(&meta, (uint8_t)(i * 7 + index));
    struct manifest_record_head head = {.kind = MANIFEST_RECORD_FLUSH,
                                        .range = {range},
                                        .flushed_index = index,
                                        .meta = buf_view(&meta)};
    manifest_record_put_head(b, &head);
    buf_deinit(&meta);
}

/* Frames of one to many chunks, and zeros behind them, as the engine lays them out. */
static void file_make(struct file *f, int frames)
{
    static const size_t metas[FRAMES] = {10, 3000, 9000, 0, 6000};
    buf_init(&f->bytes, 1 << 20);
    f->ends[0] = 0;
    for (int i = 0; i < frames; i++) {
        struct buf records;
        buf_init(&records, 1 << 20);
        record_put(&records, 1, (uint64_t)i + 1, metas[i]);
        manifest_frame_put(&f->bytes, 7, 99, (uint64_t)i + 1, 1, buf_view(&records));
        f->ends[i + 1] = f->bytes.size;
        buf_deinit(&records);
    }
    buf_append_zero(&f->bytes, 16384);
    assert_false(f->bytes.failed);
}

static enum status visit(void *ctx, uint64_t frame, uint32_t record_count, struct bytes records)
{
    struct manifest_state *s = ctx;
    struct reader r = reader_make(records);
    struct manifest_record record;
    assert_int_equal(record_count, 1);
    assert_int_equal(manifest_record_get(&r, &record), STATUS_OK);
    assert_true(reader_done(&r));
    assert_u64_equal(record.flushed_index, frame);
    return manifest_state_apply(s, &record);
}

/* STATUS_OK: *frames_out frames were accepted, each of them right. */
static enum status scan(const struct file *f, uint64_t *frames_out, bool *torn_out)
{
    struct manifest_scan s;
    struct manifest_state state;
    manifest_state_init(&state);
    enum status status = manifest_scan(buf_view(&f->bytes), &s, visit, &state);
    manifest_state_deinit(&state);
    *frames_out = s.frame_count;
    *torn_out = s.torn;
    return status;
}

TEST(lsm_manifest, frames_come_back_as_written)
{
    struct file f;
    uint64_t frames;
    bool torn;
    file_make(&f, FRAMES);
    assert_int_equal(scan(&f, &frames, &torn), STATUS_OK);
    assert_u64_equal(frames, FRAMES);
    assert_false(torn);
    buf_deinit(&f.bytes);
}

/* Scenario 31: whatever subset of its sectors an unfinished last frame left, it is cut and nothing
 * else. */
TEST(lsm_manifest, an_unfinished_last_frame_is_torn_whatever_part_of_it_was_written)
{
    struct prng p;
    prng_init(&p, 1);
    for (int frames = 2; frames <= FRAMES; frames++) {
        for (int round = 0; round < 300; round++) {
            struct file f;
            uint64_t found;
            bool torn, lost = false, any = false;
            size_t sector = round % 2 == 0 ? 512 : 4096;
            file_make(&f, frames);
            for (size_t at = f.ends[frames - 1]; at < f.ends[frames]; at += sector) {
                bool keep = prng_chance(&p, 1, 2);
                if (!keep) memset(f.bytes.data + at, 0, sector);
                lost = lost || !keep;
                any = any || keep;
            }
            assert_int_equal(scan(&f, &found, &torn), STATUS_OK);
            assert_u64_equal(found, lost ? frames - 1 : frames);
            assert_int_equal(torn, lost && any);
            buf_deinit(&f.bytes);
        }
    }
}

TEST(lsm_manifest, a_sector_torn_in_its_middle_is_torn_too)
{
    struct file f;
    uint64_t found;
    bool torn;
    file_make(&f, 3);
    size_t begin = f.ends[2], size = f.ends[3] - begin;
    uint8_t *last = malloc(size);
    memcpy(last, f.bytes.data + begin, size);
    for (size_t keep = 0; keep < size; keep++) {
        memset(f.bytes.data + begin, 0, size);
        memcpy(f.bytes.data + begin, last, keep);
        assert_int_equal(scan(&f, &found, &torn), STATUS_OK);
        assert_true(found == 2 || memcmp(f.bytes.data + begin, last, size) == 0);
    }
    free(last);
    buf_deinit(&f.bytes);
}

/* Scenarios 36, 37: a flipped bit is damage, in the last frame too, and never a torn tail. */
TEST(lsm_manifest, any_flipped_bit_in_any_frame_is_damage)
{
    struct file f;
    uint64_t found;
    bool torn;
    file_make(&f, FRAMES);
    for (size_t i = 0; i < f.ends[FRAMES] * 8; i += 1) {
        f.bytes.data[i / 8] ^= (uint8_t)(1u << (i % 8));
        enum status status = scan(&f, &found, &torn);
        if (status == STATUS_OK) { /* only padding behind the records may be changed unnoticed */
            assert_u64_equal(found, FRAMES);
        } else {
            assert_true(status == STATUS_CORRUPT || status == STATUS_VERSION);
        }
        f.bytes.data[i / 8] ^= (uint8_t)(1u << (i % 8));
        if (i % 512 == 7) i += 97; /* a sample, every bit position of many bytes */
    }
    buf_deinit(&f.bytes);
}

TEST(lsm_manifest, a_lost_frame_before_the_last_is_damage)
{
    for (int lost = 1; lost < FRAMES; lost++) {
        struct file f;
        uint64_t found;
        bool torn;
        file_make(&f, FRAMES);
        memset(f.bytes.data + f.ends[lost - 1], 0, f.ends[lost] - f.ends[lost - 1]);
        assert_int_equal(scan(&f, &found, &torn), STATUS_CORRUPT);
        buf_deinit(&f.bytes);
    }
}

TEST(lsm_manifest, frames_of_another_manifest_are_damage)
{
    struct file f, g;
    uint64_t found;
    bool torn;
    file_make(&f, 2);
    file_make(&g, 2);
    /* The second frame as an older manifest file in the same place would have it. */
    struct buf records;
    buf_init(&records, 1 << 20);
    record_put(&records, 1, 2, 3000);
    struct buf frame;
    buf_init(&frame, 1 << 20);
    manifest_frame_put(&frame, 7, 98, 2, 1, buf_view(&records));
    memcpy(f.bytes.data + f.ends[1], frame.data, frame.size);
    assert_int_equal(scan(&f, &found, &torn), STATUS_CORRUPT);
    buf_deinit(&records);
    buf_deinit(&frame);
    buf_deinit(&f.bytes);
    buf_deinit(&g.bytes);
}

TEST(lsm_manifest, a_truncated_or_foreign_file_is_damage)
{
    struct file f;
    uint64_t found;
    bool torn;
    file_make(&f, 3);
    f.bytes.size = 100;
    assert_int_equal(scan(&f, &found, &torn), STATUS_CORRUPT);
    f.bytes.size = 0;
    assert_int_equal(scan(&f, &found, &torn), STATUS_CORRUPT);
    f.bytes.size = 8192;
    memset(f.bytes.data, 0, 8192);
    assert_int_equal(scan(&f, &found, &torn), STATUS_CORRUPT);
    memset(f.bytes.data, 'x', 8192);
    assert_int_equal(scan(&f, &found, &torn), STATUS_CORRUPT);
    buf_deinit(&f.bytes);
}

TEST(lsm_manifest, records_that_contradict_others_are_refused)
{
    struct manifest_state s;
    manifest_state_init(&s);
    struct manifest_record unknown = {.kind = MANIFEST_RECORD_COMPACTION, .range = {4}};
    assert_int_equal(manifest_state_apply(&s, &unknown), STATUS_CORRUPT);
    struct manifest_record flush = {
        .kind = MANIFEST_RECORD_FLUSH, .range = {4}, .flushed_index = 9};
    assert_int_equal(manifest_state_apply(&s, &flush), STATUS_OK);
    flush.flushed_index = 8;
    assert_int_equal(manifest_state_apply(&s, &flush), STATUS_CORRUPT);
    uint8_t number[8] = {5};
    struct manifest_record removes = {.kind = MANIFEST_RECORD_COMPACTION,
                                      .range = {4},
                                      .removed = bytes_make(number, 8),
                                      .removed_count = 1};
    assert_int_equal(manifest_state_apply(&s, &removes), STATUS_CORRUPT);
    manifest_state_deinit(&s);
}
