/* Stamps, the stream inside a frame, and readers that nothing can make run wild. */
#include <stdlib.h>

#include "base/codec.h"
#include "base/hash.h"
#include "base/prng.h"
#include "tests/test.h"
#include "wal/wal_int.h"

TEST(format, a_stamp_carries_generation_and_number)
{
    static const uint32_t values[] = {1, 2, 3, 0x1234, 0x7ffffffe, 0x7fffffff};
    for (size_t i = 0; i < 6; i++) {
        for (size_t j = 0; j < 6; j++) {
            uint32_t generation, number;
            assert_true(wal_stamp_read(wal_stamp(values[i], values[j]), &generation, &number));
            assert_int_equal(generation, values[i]);
            assert_int_equal(number, values[j]);
        }
    }
    uint32_t generation, number;
    assert_true(wal_stamp_read(0, &generation, &number)); /* a sector never written */
    assert_int_equal(generation, 0);
    assert_false(wal_stamp_read(0x3, &generation, &number)); /* no generation 0 but that */
}

TEST(format, no_flipped_bit_makes_another_stamp)
{
    for (uint32_t generation = 1; generation < 300; generation += 7) {
        for (uint32_t number = 0; number < 300; number += 11) {
            uint32_t g, n;
            for (int bit = 0; bit < 64; bit++)
                assert_false(wal_stamp_read(wal_stamp(generation, number) ^ UINT64_C(1) << bit,
                                            &g, &n));
        }
    }
}

TEST(format, the_stream_skips_stamps_and_ends_where_it_says)
{
    static uint8_t part[16 * WAL_SECTOR_BYTES], in[40000], out[40000];
    struct prng prng;
    prng_init(&prng, 1);
    for (size_t i = 0; i < sizeof in; i++) in[i] = (uint8_t)(prng_next(&prng) | 1);
    for (int round = 0; round < 300; round++) {
        memset(part, 0, sizeof part);
        uint64_t place = wal_place_after(WAL_PART_HEAD_BYTES, prng_below(&prng, 9000));
        uint64_t start = place, total = 0;
        while (total < 30000) {
            size_t size = (size_t)prng_below(&prng, prng_chance(&prng, 1, 2) ? 60 : 9000);
            uint64_t expected = wal_place_after(place, size);
            place = wal_part_put(part, place, in + total, size);
            assert_u64_equal(place, expected);
            total += size;
        }
        assert_u64_equal(wal_place_after(start, total), place);
        wal_part_stamp(part, sizeof part, UINT64_MAX);
        assert_u64_equal(wal_part_get(part, start, out, (size_t)total), place);
        assert_memory_equal(in, out, total);
    }
}

/* ---- records ---- */

TEST(format, a_record_is_covered_by_its_hash)
{
    static uint8_t part[4 * WAL_SECTOR_BYTES], scratch[4 * WAL_SECTOR_BYTES];
    struct wal_record_head head = {.range = 7, .term = 8, .index = 9, .size = 5000,
                                   .kind = WAL_RECORD_ENTRY, .detail = 1};
    static uint8_t payload[5000];
    memset(payload, 0x5a, sizeof payload);
    wal_record_seal(&head, bytes_make(payload, sizeof payload));
    uint64_t used = wal_part_put(part, WAL_PART_HEAD_BYTES, &head, sizeof head);
    used = wal_part_put(part, used, payload, sizeof payload);
    struct wal_record_head got;
    struct bytes stored;
    uint64_t place = WAL_PART_HEAD_BYTES;
    assert_true(wal_record_get(part, used, &place, &got, scratch, &stored));
    assert_u64_equal(place, used);
    assert_memory_equal(stored.data, payload, sizeof payload);
    for (uint64_t at = WAL_PART_HEAD_BYTES; at < used; at += 3) {
        if (at % WAL_SECTOR_BYTES < WAL_STAMP_BYTES) continue;
        part[at] ^= 0x10;
        place = WAL_PART_HEAD_BYTES;
        assert_false(wal_record_get(part, used, &place, &got, scratch, &stored));
        part[at] ^= 0x10;
    }
    for (uint64_t cut = WAL_PART_HEAD_BYTES + 9; cut < used; cut += 101) {
        if (cut % WAL_SECTOR_BYTES <= WAL_STAMP_BYTES) continue;
        place = WAL_PART_HEAD_BYTES;
        assert_false(wal_record_get(part, cut, &place, &got, scratch, &stored));
    }
}

TEST(format, a_record_with_a_good_hash_may_still_be_nonsense)
{
    static const struct wal_record_head nonsense[] = {
        {.range = 0, .index = 1, .kind = WAL_RECORD_ENTRY},
        {.range = 1, .index = 0, .kind = WAL_RECORD_ENTRY},
        {.range = 1, .index = 1, .kind = WAL_RECORD_ENTRY, .flags = WAL_RECORD_LZ4}, /* no size */
        {.range = 1, .index = 1, .kind = WAL_RECORD_ENTRY, .flags = 2},
        {.range = 1, .index = 1, .kind = WAL_RECORD_ENTRY, .zero = 1},
        {.range = 1, .kind = WAL_RECORD_HARD_STATE},
        {.range = 1, .kind = WAL_RECORD_START, .detail = 2},
        {.range = 0, .kind = WAL_RECORD_DROPPED},
        {.range = UINT64_C(1) << 32, .kind = WAL_RECORD_FACT},
        {.range = 1, .kind = WAL_RECORD_RANGE},
        {.range = 1, .kind = 0},
        {.range = 1, .kind = 7},
    };
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++)
        assert_false(wal_record_sane(&nonsense[i], BYTES_EMPTY));
}

TEST(format, a_compressed_payload_that_lies_is_refused)
{
    static uint8_t scratch[70000];
    struct bytes payload;
    struct prng prng;
    prng_init(&prng, 2);
    for (int i = 0; i < 20000; i++) {
        uint8_t stored[64];
        size_t size = 4 + (size_t)prng_below(&prng, 60);
        for (size_t at = 0; at < size; at++) stored[at] = (uint8_t)prng_next(&prng);
        store_le32(stored, (uint32_t)prng_below(&prng, 60000));
        struct wal_record_head head = {.size = (uint32_t)size, .flags = WAL_RECORD_LZ4};
        wal_payload_get(&head, bytes_make(stored, size), scratch, &payload); /* asan watches */
    }
    uint8_t big[4];
    store_le32(big, WAL_PAYLOAD_BYTES_MAX + 1);
    struct wal_record_head head = {.size = 4, .flags = WAL_RECORD_LZ4};
    assert_false(wal_payload_get(&head, bytes_make(big, 4), scratch, &payload));
}

/* ---- heads ---- */

static void seal_frame_head(uint8_t *sector)
{
    store_le64(sector + offsetof(struct wal_frame_head, head_hash),
               hash64(sector, offsetof(struct wal_frame_head, head_hash), 0));
}

TEST(format, frame_heads_that_make_no_sense_are_refused)
{
    uint8_t sector[WAL_SECTOR_BYTES] = {0};
    struct wal_frame_head good = {.stamp = wal_stamp(1, 1), .magic = WAL_FRAME_MAGIC,
                                  .size_bytes = 3 * WAL_SECTOR_BYTES,
                                  .group_offset = WAL_SECTOR_BYTES, .checkpoint_used = 200,
                                  .group_used = 5000, .checkpoint_count = 1, .group_count = 3,
                                  .entry_count = 2};
    struct wal_frame_head got;
    memcpy(sector, &good, sizeof good);
    seal_frame_head(sector);
    assert_true(wal_frame_head_decode(sector, 3 * WAL_SECTOR_BYTES, &got));
    assert_false(wal_frame_head_decode(sector, 2 * WAL_SECTOR_BYTES, &got)); /* beyond the file */

    struct wal_frame_head bad[9];
    for (size_t i = 0; i < 9; i++) bad[i] = good;
    bad[0].size_bytes = 0;
    bad[1].size_bytes += 8;
    bad[2].group_offset = 4 * WAL_SECTOR_BYTES;
    bad[3].group_offset += 1;
    bad[4].checkpoint_used = WAL_SECTOR_BYTES + 100;
    bad[5].group_used = 10;
    bad[6].group_used = WAL_SECTOR_BYTES + 4; /* inside a stamp */
    bad[7].entry_count = 4;
    bad[8].flags = 4;
    for (size_t i = 0; i < 9; i++) {
        memcpy(sector, &bad[i], sizeof bad[i]);
        seal_frame_head(sector);
        assert_false(wal_frame_head_decode(sector, 8 * WAL_SECTOR_BYTES, &got));
    }
}

TEST(format, names_are_read_back)
{
    uint32_t generation = 0;
    struct wal_path path = wal_path_segment("d", 0x1f);
    assert_string_equal(path.text, "d/0000001f.wal");
    assert_int_equal(wal_name_parse(path.text + 2, &generation), WAL_NAME_SEGMENT);
    assert_int_equal(generation, 0x1f);
    path = wal_path_spare("d", 0x20);
    assert_int_equal(wal_name_parse(path.text + 2, &generation), WAL_NAME_SPARE);
    assert_int_equal(generation, 0x20);
    assert_int_equal(wal_name_parse("new.tmp", &generation), WAL_NAME_NEW);
    static const char *const others[] = {"", "x", "0000001f.wa", "0000001F.wal", "00000000.wal",
                                         "80000000.wal", "spare-1.wal", "0000001f.wal.bak"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_int_equal(wal_name_parse(others[i], &generation), WAL_NAME_OTHER);
}

/* ---- the index against a plain list ---- */

TEST(index, knows_the_oldest_entry_of_all_ranges)
{
    struct wal_index x;
    struct prng prng;
    wal_index_init(&x);
    prng_init(&prng, 3);
    uint64_t lsn = 0;
    for (int i = 0; i < 20000; i++) {
        struct wal_range *r = wal_index_make(&x, (struct range_id){1 + prng_below(&prng, 20)});
        uint64_t last = wal_range_last(r);
        if (prng_chance(&prng, 1, 40)) {
            wal_index_drop(&x, r->id);
        } else if (prng_chance(&prng, 1, 10) && r->count > 0) {
            uint64_t index = r->start.index + 1 + prng_below(&prng, r->count);
            wal_index_start(&x, r, (struct log_pos){1, index}, prng_chance(&prng, 1, 9));
        } else {
            uint64_t index = last + 1;
            if (r->count > 0 && prng_chance(&prng, 1, 9)) index -= prng_below(&prng, r->count) + 1;
            assert_int_equal(wal_index_reserve(r), STATUS_OK);
            wal_index_put(&x, r, index, 1, lsn += 10, 5);
        }
        assert_true(wal_index_sound(&x));
        uint64_t oldest = UINT64_MAX;
        size_t cursor = 0;
        for (struct map_slot *slot; (slot = map_next(&x.ranges, &cursor)) != NULL;) {
            const struct wal_range *range = slot->value;
            if (range->count > 0 && range->entries[range->head].lsn < oldest)
                oldest = range->entries[range->head].lsn;
        }
        assert_u64_equal(wal_index_oldest(&x), oldest);
    }
    wal_index_deinit(&x);
}

TEST(index, a_start_with_another_term_clears_the_log)
{
    struct wal_index x;
    wal_index_init(&x);
    struct wal_range *r = wal_index_make(&x, (struct range_id){1});
    for (uint64_t i = 1; i <= 10; i++) {
        assert_int_equal(wal_index_reserve(r), STATUS_OK);
        wal_index_put(&x, r, i, 5, i * 10, 0);
    }
    assert_false(wal_index_start_clears(r, (struct log_pos){5, 4}));
    assert_true(wal_index_start_clears(r, (struct log_pos){6, 4}));
    assert_true(wal_index_start_clears(r, (struct log_pos){5, 11}));
    wal_index_start(&x, r, (struct log_pos){5, 4}, false);
    assert_u64_equal(r->count, 6);
    assert_false(wal_index_start_clears(r, (struct log_pos){5, 4}));
    assert_true(wal_index_start_clears(r, (struct log_pos){6, 4}));
    wal_index_start(&x, r, (struct log_pos){6, 7}, true);
    assert_u64_equal(r->count, 0);
    assert_u64_equal(wal_range_last(r), 7);
    wal_index_deinit(&x);
}

TEST(index, facts_are_bounded)
{
    struct wal_index x;
    static uint8_t value[WAL_FACT_BYTES_MAX + 1];
    wal_index_init(&x);
    assert_int_equal(wal_index_set_fact(&x, 1, bytes_make(value, sizeof value)),
                     STATUS_TOO_LARGE);
    for (uint32_t key = WAL_FACTS_MAX; key > 0; key--)
        assert_int_equal(wal_index_set_fact(&x, key, bytes_make(value, key)), STATUS_OK);
    assert_int_equal(wal_index_set_fact(&x, 1000, BYTES_EMPTY), STATUS_TOO_LARGE);
    assert_int_equal(wal_index_set_fact(&x, 7, bytes_make(value, 100)), STATUS_OK);
    assert_int_equal(x.fact_count, WAL_FACTS_MAX);
    for (size_t i = 0; i < x.fact_count; i++) {
        assert_int_equal(x.facts[i].key, i + 1);
        assert_int_equal(x.facts[i].size, i + 1 == 7 ? 100 : i + 1);
    }
    wal_index_deinit(&x);
}
