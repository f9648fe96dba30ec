/* The frame codec and the assembler, without sockets. */
#include "net/net_frame_int.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/codec.h"
#include "base/hash.h"
#include "base/prng.h"
#include "tests/test.h"

static struct net_message message_of(uint16_t type, const char *text)
{
    return (struct net_message){type, 3, 4, bytes_of_string(text)};
}

static void assert_message(const struct net_message *a, const struct net_message *b)
{
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->from_store, b->from_store);
    assert_int_equal(a->to_store, b->to_store);
    assert_true(bytes_equal(a->payload, b->payload));
}

static struct buf encoded(const struct net_message *m)
{
    struct buf out;
    buf_init(&out, 2 * NET_MESSAGE_BYTES_MAX);
    assert_int_equal(net_message_encode(&out, m), STATUS_OK);
    assert_int_equal(out.size, net_message_wire_size(m->payload.size));
    return out;
}

/* A payload of pseudo-random bytes; the caller frees it. */
static struct bytes noise(size_t size, uint64_t seed)
{
    uint8_t *data = malloc(size + 8);
    struct prng prng;
    prng_init(&prng, seed);
    for (size_t i = 0; i < size; i += 8)
        store_le64(data + i, prng_next(&prng));
    return bytes_make(data, size);
}

/* ---- one frame ---- */

TEST(net_frame, layout_is_the_documented_one)
{
    struct net_message m = {0x0102, 0x0304, 0x0506, BYTES_LITERAL("abc")};
    struct buf out = encoded(&m);
    static const uint8_t head[] = {'O', 'S', 'T', 'K', 3, 0, 0, 0};
    static const uint8_t tail[] = {1, 0, 2, 1, 4, 3, 6, 5, 'a', 'b', 'c'};
    assert_int_equal(out.size, 27);
    assert_memory_equal(out.data, head, 8);
    assert_memory_equal(out.data + 16, tail, 11);
    assert_u64_equal(load_le64(out.data + 8), hash64(tail, 11, load_le64(head)));
    buf_deinit(&out);
}

TEST(net_frame, decodes_what_was_encoded)
{
    const char *texts[] = {"", "x", "a somewhat longer payload"};
    for (size_t i = 0; i < 3; i++) {
        struct net_message m = message_of((uint16_t)i, texts[i]);
        struct buf out = encoded(&m);
        struct net_frame f;
        assert_int_equal(net_frame_decode(buf_view(&out), 100, &f), STATUS_OK);
        assert_message(&f.part, &m);
        assert_false(f.more);
        assert_int_equal(f.wire_size, out.size);
        buf_deinit(&out);
    }
}

TEST(net_frame, every_truncation_waits)
{
    struct net_message m = message_of(7, "truncated at every place");
    struct buf out = encoded(&m);
    for (size_t size = 0; size < out.size; size++) {
        struct net_frame f;
        uint8_t *copy = malloc(size + 1); /* exact, so that a sanitizer sees an overrun */
        memcpy(copy, out.data, size);
        assert_int_equal(net_frame_decode(bytes_make(copy, size), 100, &f), STATUS_WAIT);
        assert_int_equal(f.wire_size, size < NET_FRAME_HEAD_BYTES ? 0 : out.size);
        free(copy);
    }
    buf_deinit(&out);
}

TEST(net_frame, every_flipped_bit_is_noticed)
{
    for (size_t length = 0; length < 40; length += 13) {
        struct bytes payload = noise(length, length);
        struct net_message m = {9, 1, 2, payload};
        struct buf out = encoded(&m);
        for (size_t bit = 0; bit < out.size * 8; bit++) {
            struct net_frame f;
            out.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            enum status status = net_frame_decode(buf_view(&out), NET_FRAME_PAYLOAD_MAX, &f);
            assert_int_not_equal(status, STATUS_OK);
            /* Only a size that has grown may still wait. */
            if (status == STATUS_WAIT) assert_true(bit / 8 >= 4 && bit / 8 < 8);
            out.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        buf_deinit(&out);
        free((void *)(uintptr_t)payload.data);
    }
}

TEST(net_frame, wrong_magic_is_told_by_its_first_byte)
{
    struct net_frame f;
    assert_int_equal(net_frame_decode(BYTES_LITERAL("G"), 100, &f), STATUS_INVALID);
    assert_int_equal(net_frame_decode(BYTES_LITERAL("OSTX"), 100, &f), STATUS_INVALID);
    assert_int_equal(net_frame_decode(BYTES_LITERAL("OST"), 100, &f), STATUS_WAIT);
}

/* Rewrites the hash after a field was changed on purpose. */
static void rehash(struct buf *b)
{
    store_le64(b->data + 8, hash64(b->data + 16, b->size - 16, load_le64(b->data)));
}

TEST(net_frame, refuses_heads_that_make_no_sense)
{
    struct net_message m = message_of(1, "payload");
    struct buf out = encoded(&m);
    struct net_frame f;
    out.data[16] = 2; /* version */
    rehash(&out);
    assert_int_equal(net_frame_decode(buf_view(&out), 100, &f), STATUS_VERSION);
    out.data[16] = 1;
    out.data[17] = 2; /* a flag of tomorrow */
    rehash(&out);
    assert_int_equal(net_frame_decode(buf_view(&out), 100, &f), STATUS_INVALID);
    out.data[17] = 0;
    rehash(&out);
    assert_int_equal(net_frame_decode(buf_view(&out), 100, &f), STATUS_OK);
    assert_int_equal(net_frame_decode(buf_view(&out), 6, &f), STATUS_TOO_LARGE);
    assert_int_equal(net_frame_decode(buf_view(&out), 7, &f), STATUS_OK);
    store_le32(out.data + 4, UINT32_MAX); /* refused by its head alone */
    assert_int_equal(net_frame_decode(bytes_make(out.data, 24), SIZE_MAX, &f), STATUS_TOO_LARGE);
    buf_deinit(&out);
}

TEST(net_frame, refuses_an_empty_part_of_a_longer_message)
{
    struct net_message m = message_of(1, "");
    struct buf out = encoded(&m);
    struct net_frame f;
    out.data[17] = NET_FRAME_MORE;
    rehash(&out);
    assert_int_equal(net_frame_decode(buf_view(&out), 100, &f), STATUS_INVALID);
    buf_deinit(&out);
}

TEST(net_frame, encoding_leaves_a_full_buffer_as_it_was)
{
    struct buf out;
    struct net_message m = message_of(1, "fits once");
    buf_init(&out, net_message_wire_size(m.payload.size) + 10);
    assert_int_equal(net_message_encode(&out, &m), STATUS_OK);
    size_t size = out.size;
    assert_int_equal(net_message_encode(&out, &m), STATUS_TOO_LARGE);
    assert_int_equal(out.size, size);
    assert_int_equal(buf_status(&out), STATUS_OK);
    buf_deinit(&out);
}

/* ---- the assembler ---- */

/* Feeds `stream` in pieces of `piece` bytes and demands the messages in order. */
static void feed_all(struct net_assembler *a, struct bytes stream, size_t piece,
                     const struct net_message *expected, size_t count)
{
    size_t seen = 0;
    for (size_t at = 0; at < stream.size; at += piece) {
        size_t size = stream.size - at < piece ? stream.size - at : piece;
        uint8_t *copy = malloc(size);
        memcpy(copy, stream.data + at, size);
        struct bytes in = bytes_make(copy, size);
        struct net_message m;
        enum status status;
        while ((status = net_assembler_next(a, &in, &m)) == STATUS_OK) {
            assert_true(seen < count);
            assert_message(&m, &expected[seen]);
            seen++;
        }
        assert_int_equal(status, STATUS_WAIT);
        assert_int_equal(in.size, 0);
        free(copy);
    }
    assert_int_equal(seen, count);
}

TEST(net_assembler, finds_messages_in_pieces_of_any_size)
{
    struct net_message all[] = {message_of(1, ""), message_of(2, "two"), message_of(3, ""),
                                message_of(4, "the fourth is the longest of these")};
    struct buf out;
    buf_init(&out, 10000);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(net_message_encode(&out, &all[i]), STATUS_OK);
    for (size_t piece = 1; piece <= out.size; piece++) {
        struct net_assembler a;
        net_assembler_init(&a, 1000);
        feed_all(&a, buf_view(&out), piece, all, 4);
        net_assembler_deinit(&a);
    }
    buf_deinit(&out);
}

TEST(net_assembler, joins_frames_of_large_messages)
{
    static const size_t sizes[] = {NET_FRAME_PAYLOAD_MAX, NET_FRAME_PAYLOAD_MAX + 1,
                                   3 * NET_FRAME_PAYLOAD_MAX, NET_MESSAGE_BYTES_MAX};
    static const size_t pieces[] = {65536, 1000003, 24, SIZE_MAX / 2};
    for (size_t i = 0; i < 4; i++) {
        struct net_message m[2] = {{5, 6, 7, noise(sizes[i], i)}, message_of(8, "after it")};
        struct buf out = encoded(&m[0]);
        assert_int_equal(net_message_encode(&out, &m[1]), STATUS_OK);
        struct net_assembler a;
        net_assembler_init(&a, NET_MESSAGE_BYTES_MAX);
        feed_all(&a, buf_view(&out), pieces[i], m, 2);
        net_assembler_deinit(&a);
        buf_deinit(&out);
        free((void *)(uintptr_t)m[0].payload.data);
    }
}

/* A message of two frames of these payloads, made by hand. */
static struct buf fragmented(const char *first, const char *second, uint16_t second_type)
{
    struct net_message m = message_of(1, first);
    struct buf out = encoded(&m);
    out.data[17] = NET_FRAME_MORE;
    rehash(&out);
    struct net_message next = message_of(second_type, second);
    assert_int_equal(net_message_encode(&out, &next), STATUS_OK);
    return out;
}

TEST(net_assembler, never_hands_out_part_of_a_message)
{
    struct buf out = fragmented("first, ", "second", 1);
    for (size_t size = 0; size <= out.size; size++) {
        struct net_assembler a;
        net_assembler_init(&a, 100);
        struct bytes in = bytes_make(out.data, size);
        struct net_message m;
        enum status status = net_assembler_next(&a, &in, &m);
        assert_int_equal(status, size < out.size ? STATUS_WAIT : STATUS_OK);
        if (status == STATUS_OK)
            assert_true(bytes_equal(m.payload, BYTES_LITERAL("first, second")));
        net_assembler_deinit(&a);
    }
    buf_deinit(&out);
}

TEST(net_assembler, refuses_frames_of_another_message_in_between)
{
    for (size_t piece = 1; piece <= 64; piece += 63) {
        struct buf out = fragmented("first", "second", 2);
        struct net_assembler a;
        net_assembler_init(&a, 100);
        enum status status = STATUS_WAIT;
        struct net_message m;
        for (size_t at = 0; at < out.size && status == STATUS_WAIT; at += piece) {
            size_t size = out.size - at < piece ? out.size - at : piece;
            struct bytes in = bytes_make(out.data + at, size);
            status = net_assembler_next(&a, &in, &m);
        }
        assert_int_equal(status, STATUS_INVALID);
        net_assembler_deinit(&a);
        buf_deinit(&out);
    }
}

TEST(net_assembler, bounds_the_sum_of_all_frames)
{
    struct buf out = fragmented("five5", "six666", 1);
    for (size_t max = 5; max <= 11; max++) {
        struct net_assembler a;
        net_assembler_init(&a, max);
        struct bytes in = buf_view(&out);
        struct net_message m;
        enum status status = net_assembler_next(&a, &in, &m);
        assert_int_equal(status, max < 11 ? STATUS_TOO_LARGE : STATUS_OK);
        net_assembler_deinit(&a);
    }
    buf_deinit(&out);
}

TEST(net_assembler, holds_no_more_than_was_received)
{
    struct net_message m = {1, 2, 3, noise(NET_FRAME_PAYLOAD_MAX, 1)};
    struct buf out = encoded(&m);
    struct net_assembler a;
    net_assembler_init(&a, NET_MESSAGE_BYTES_MAX);
    struct bytes in = bytes_make(out.data, 1000); /* the head promises a mebibyte */
    struct net_message got;
    assert_int_equal(net_assembler_next(&a, &in, &got), STATUS_WAIT);
    assert_int_equal(a.held.size, 1000);
    assert_true(a.held.capacity <= 2048);
    net_assembler_deinit(&a);
    buf_deinit(&out);
    free((void *)(uintptr_t)m.payload.data);
}

TEST(net_assembler, stays_broken)
{
    struct net_message m = message_of(1, "good");
    struct buf out = encoded(&m);
    struct net_assembler a;
    net_assembler_init(&a, 100);
    struct bytes in = BYTES_LITERAL("O");
    assert_int_equal(net_assembler_next(&a, &in, &m), STATUS_WAIT);
    in = BYTES_LITERAL("x");
    assert_int_equal(net_assembler_next(&a, &in, &m), STATUS_INVALID);
    in = buf_view(&out);
    assert_int_equal(net_assembler_next(&a, &in, &m), STATUS_INVALID);
    net_assembler_deinit(&a);
    buf_deinit(&out);
}

TEST(net_assembler, gives_a_large_buffer_back_after_a_while)
{
    struct net_message large = {1, 2, 3, noise(NET_FRAME_PAYLOAD_MAX, 1)};
    struct net_message small = message_of(1, "small");
    struct buf out = encoded(&large), next = encoded(&small);
    struct net_assembler a;
    net_assembler_init(&a, NET_MESSAGE_BYTES_MAX);
    feed_all(&a, buf_view(&out), 65536, &large, 1);
    assert_true(a.held.capacity > NET_FRAME_PAYLOAD_MAX);
    feed_all(&a, buf_view(&next), 1000, &small, 1);
    assert_true(a.held.capacity > NET_FRAME_PAYLOAD_MAX);
    for (int i = 0; i < 100; i++)
        feed_all(&a, buf_view(&next), 1000, &small, 1);
    assert_int_equal(a.held.capacity, 0);
    net_assembler_deinit(&a);
    buf_deinit(&out);
    buf_deinit(&next);
    free((void *)(uintptr_t)large.payload.data);
}

/* Random messages in random pieces, as a socket would deliver them, against a list. */
TEST(net_assembler, survives_random_cuts)
{
    struct prng prng;
    prng_init(&prng, 42);
    for (int round = 0; round < 200; round++) {
        struct net_message all[20];
        struct buf out;
        buf_init(&out, 1 << 22);
        for (size_t i = 0; i < 20; i++) {
            size_t size = (size_t)prng_below(&prng, prng_chance(&prng, 1, 4) ? 5000 : 40);
            all[i] = (struct net_message){(uint16_t)i, 1, 2, noise(size, i)};
            assert_int_equal(net_message_encode(&out, &all[i]), STATUS_OK);
        }
        struct net_assembler a;
        net_assembler_init(&a, 5000);
        feed_all(&a, buf_view(&out), (size_t)prng_between(&prng, 1, 3000), all, 20);
        net_assembler_deinit(&a);
        buf_deinit(&out);
        for (size_t i = 0; i < 20; i++)
            free((void *)(uintptr_t)all[i].payload.data);
    }
}

TEST(net_frame, mutants_are_caught)
{
    struct buf out = fragmented("first, ", "second", 1);
    struct net_assembler a;
    struct net_message m;
    struct bytes in = buf_view(&out);
    assert_int_equal(mutant_select("net_partial_message"), 1);
    net_assembler_init(&a, 100);
    assert_int_equal(net_assembler_next(&a, &in, &m), STATUS_OK);
    assert_int_equal(m.payload.size, 7); /* what never_hands_out_part_of_a_message forbids */
    net_assembler_deinit(&a);
    assert_int_equal(mutant_select("net_hash_unchecked"), 1);
    struct net_frame f;
    out.data[24] ^= 1;
    assert_int_equal(net_frame_decode(buf_view(&out), 100, &f), STATUS_OK);
    (void)mutant_select(NULL);
    assert_int_equal(net_frame_decode(buf_view(&out), 100, &f), STATUS_CORRUPT);
    buf_deinit(&out);
}
