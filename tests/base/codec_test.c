#include "tests/test.h"

#include "base/codec.h"
#include "base/prng.h"

TEST(codec, little_and_big_endian_bytes_are_where_they_belong)
{
    struct buf b;
    buf_init(&b, 100);
    put_u8(&b, 0x01);
    put_u16(&b, 0x0203);
    put_u32(&b, 0x04050607);
    put_u64(&b, 0x08090a0b0c0d0e0f);
    put_be16(&b, 0x0203);
    put_be32(&b, 0x04050607);
    put_be64(&b, 0x08090a0b0c0d0e0f);
    assert_true(bytes_equal(
        buf_view(&b), BYTES_LITERAL("\x01\x03\x02\x07\x06\x05\x04\x0f\x0e\x0d\x0c\x0b\x0a\x09\x08"
                                    "\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f")));
    struct reader r = reader_make(buf_view(&b));
    assert_int_equal(get_u8(&r), 0x01);
    assert_int_equal(get_u16(&r), 0x0203);
    assert_int_equal(get_u32(&r), 0x04050607);
    assert_u64_equal(get_u64(&r), 0x08090a0b0c0d0e0f);
    assert_int_equal(get_be16(&r), 0x0203);
    assert_int_equal(get_be32(&r), 0x04050607);
    assert_u64_equal(get_be64(&r), 0x08090a0b0c0d0e0f);
    assert_true(reader_done(&r));
    buf_deinit(&b);
}

TEST(codec, loads_and_stores_are_inverse_at_odd_addresses)
{
    uint8_t memory[9] = {0};
    store_le64(memory + 1, 0x1122334455667788);
    assert_int_equal(memory[1], 0x88);
    assert_u64_equal(load_le64(memory + 1), 0x1122334455667788);
    assert_u64_equal(load_be64(memory + 1), 0x8877665544332211);
    store_be32(memory + 1, 0xa1b2c3d4);
    assert_int_equal(memory[1], 0xa1);
    assert_u64_equal(load_be32(memory + 1), 0xa1b2c3d4);
    assert_u64_equal(load_le32(memory + 1), 0xd4c3b2a1);
    store_be16(memory + 1, 0xa1b2);
    assert_int_equal(load_le16(memory + 1), 0xb2a1);
    assert_int_equal(load_be16(memory + 1), 0xa1b2);
}

static void round_trip(uint64_t value, size_t size)
{
    struct buf b;
    buf_init(&b, 10);
    put_varint(&b, value);
    assert_int_equal(b.size, size);
    struct reader r = reader_make(buf_view(&b));
    assert_u64_equal(get_varint(&r), value);
    assert_true(reader_done(&r));
    for (size_t cut = 0; cut < size; cut++) {
        r = reader_make(bytes_make(b.data, cut));
        assert_u64_equal(get_varint(&r), 0);
        assert_true(r.failed);
    }
    buf_deinit(&b);
}

TEST(codec, varints_take_one_byte_per_seven_bits_and_never_read_past_the_end)
{
    round_trip(0, 1);
    for (unsigned bits = 1; bits <= 64; bits++) {
        size_t size = (bits + 6) / 7;
        round_trip((uint64_t)1 << (bits - 1), size);
        round_trip(UINT64_MAX >> (64 - bits), size);
    }
}

static void refuses(struct bytes encoded)
{
    struct reader r = reader_make(encoded);
    assert_u64_equal(get_varint(&r), 0);
    assert_true(r.failed);
}

TEST(codec, varints_that_are_too_large_or_not_the_shortest_are_refused)
{
    refuses(BYTES_LITERAL("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"));
    refuses(BYTES_LITERAL("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"));
    refuses(BYTES_LITERAL("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"));
    refuses(BYTES_LITERAL("\x80\x00"));
    refuses(BYTES_LITERAL("\xff\x80\x00"));
    refuses(BYTES_EMPTY);
}

TEST(codec, sized_fields_nest_and_may_be_empty)
{
    struct buf b;
    buf_init(&b, 1000);
    put_sized(&b, BYTES_LITERAL("key"));
    put_sized(&b, BYTES_EMPTY);
    struct reader r = reader_make(buf_view(&b));
    assert_true(bytes_equal(get_sized(&r), BYTES_LITERAL("key")));
    assert_true(bytes_equal(get_sized(&r), BYTES_EMPTY));
    assert_true(reader_done(&r));
    buf_deinit(&b);
}

TEST(codec, a_size_larger_than_what_is_left_fails)
{
    struct reader r = reader_make(BYTES_LITERAL("\x05"
                                                "abcd"));
    assert_null(get_sized(&r).data);
    assert_true(r.failed);
    r = reader_make(BYTES_LITERAL("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                                  "abcd"));
    assert_int_equal(get_sized(&r).size, 0);
    assert_true(r.failed);
    r = reader_make(BYTES_LITERAL("abcd"));
    assert_int_equal(get_bytes(&r, SIZE_MAX).size, 0);
    assert_true(r.failed);
}

TEST(codec, after_a_failure_every_read_answers_zero)
{
    struct reader r = reader_make(BYTES_LITERAL("\x01\x02\x03"));
    assert_int_equal(get_u32(&r), 0);
    assert_int_equal(get_u8(&r), 0); /* a byte is left, and must not be read as something else */
    assert_int_equal(get_u16(&r), 0);
    assert_int_equal(get_be16(&r), 0);
    assert_u64_equal(get_varint(&r), 0);
    assert_int_equal(get_bytes(&r, 1).size, 0);
    assert_false(reader_done(&r));
}

TEST(codec, done_means_nothing_is_left_over)
{
    struct reader r = reader_make(BYTES_LITERAL("ab"));
    assert_false(reader_done(&r));
    assert_int_equal(reader_left(&r), 2);
    get_u16(&r);
    assert_true(reader_done(&r));
    r = reader_make(BYTES_EMPTY);
    assert_true(reader_done(&r));
    assert_int_equal(get_bytes(&r, 0).size, 0);
    assert_true(reader_done(&r));
}

TEST(codec, random_bytes_never_lead_a_reader_out_of_bounds)
{
    struct prng p;
    prng_init(&p, 11);
    for (int round = 0; round < 2000; round++) {
        uint8_t data[40];
        size_t size = prng_below(&p, sizeof data + 1);
        for (size_t i = 0; i < size; i++)
            data[i] = (uint8_t)prng_next(&p);
        struct reader r = reader_make(bytes_make(data, size));
        while (!r.failed && !reader_done(&r)) {
            struct bytes field = prng_chance(&p, 1, 2) ? get_sized(&r) : BYTES_EMPTY;
            if (field.size > 0) assert_true(field.data >= data && field.data + field.size <= r.at);
            if (prng_chance(&p, 1, 4)) get_u64(&r);
            if (prng_chance(&p, 1, 4)) get_varint(&r);
            assert_true(r.at <= data + size);
        }
    }
}
