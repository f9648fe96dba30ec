/* The payloads of a handshake. */
#include "net/net_hello_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/test.h"

static struct net_hello sample(void)
{
    struct net_hello h = {1, 3, NET_LINK_DATA, {9}, {.node = {7}, .incarnation = 5, .start_marks = {0x77, 0x66}}};
    memset(h.identity.cluster_id, 0xab, 16);
    snprintf(h.identity.advertise, NET_HOST_MAX, "node7.example:7433");
    return h;
}

static struct buf hello_bytes(const struct net_hello *h)
{
    struct buf b;
    buf_init(&b, NET_HELLO_BYTES_MAX);
    net_hello_encode(&b, h);
    assert_int_equal(buf_status(&b), STATUS_OK);
    return b;
}

static void assert_identity(const struct net_identity *a, const struct net_identity *b)
{
    assert_memory_equal(a->cluster_id, b->cluster_id, 16);
    assert_u64_equal(a->node.value, b->node.value);
    assert_u64_equal(a->incarnation, b->incarnation);
    assert_string_equal(a->advertise, b->advertise);
    assert_memory_equal(a->start_marks, b->start_marks, sizeof a->start_marks);
}

TEST(net_hello, survives_the_wire)
{
    struct net_hello h = sample(), got;
    struct buf b = hello_bytes(&h);
    assert_int_equal(net_hello_decode(buf_view(&b), &got), STATUS_OK);
    assert_int_equal(got.version_min, 1);
    assert_int_equal(got.version_max, 3);
    assert_int_equal(got.link, NET_LINK_DATA);
    assert_u64_equal(got.target.value, 9);
    assert_identity(&got.identity, &h.identity);
    buf_deinit(&b);
}

TEST(net_hello, layout_is_the_documented_one)
{
    struct net_hello h = sample();
    struct buf b = hello_bytes(&h);
    static const uint8_t head[] = {1, 0, 3, 0, 1, 9, 0, 0, 0, 0, 0, 0, 0, 0xab};
    static const uint8_t tail[] = {0xab, 7, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 18, 'n'};
    static const uint8_t marks[] = {2, 0x77, 0, 0, 0, 0, 0, 0, 0, 0x66, 0, 0, 0, 0, 0, 0, 0};
    assert_int_equal(b.size, 13 + 16 + 8 + 8 + 1 + 18 + sizeof marks);
    assert_memory_equal(b.data + b.size - sizeof marks, marks, sizeof marks);
    assert_memory_equal(b.data, head, sizeof head);
    assert_memory_equal(b.data + 28, tail, sizeof tail);
    buf_deinit(&b);
}

TEST(net_hello, every_truncation_is_refused)
{
    struct net_hello h = sample();
    struct buf b = hello_bytes(&h);
    for (size_t size = 0; size < b.size; size++) {
        struct net_hello got;
        uint8_t *copy = malloc(size + 1);
        memcpy(copy, b.data, size);
        assert_int_equal(net_hello_decode(bytes_make(copy, size), &got), STATUS_INVALID);
        free(copy);
    }
    buf_deinit(&b);
}

TEST(net_hello, skips_what_a_later_version_adds)
{
    struct net_hello h = sample(), got;
    struct buf b = hello_bytes(&h);
    buf_append_string(&b, "more");
    assert_int_equal(net_hello_decode(buf_view(&b), &got), STATUS_OK);
    buf_deinit(&b);
}

/* Decodes a sample with one byte changed. */
static enum status decode_with(size_t at, uint8_t byte)
{
    struct net_hello h = sample(), got;
    struct buf b = hello_bytes(&h);
    b.data[at] = byte;
    enum status status = net_hello_decode(buf_view(&b), &got);
    buf_deinit(&b);
    return status;
}

TEST(net_hello, refuses_nonsense)
{
    assert_int_equal(decode_with(0, 0), STATUS_INVALID);     /* version 0 */
    assert_int_equal(decode_with(0, 4), STATUS_INVALID);     /* from 4 to 3 */
    assert_int_equal(decode_with(4, 3), STATUS_INVALID);     /* no such link */
    assert_int_equal(decode_with(4, 255), STATUS_INVALID);   /* a guest with a node id */
    assert_int_equal(decode_with(29, 0), STATUS_INVALID);    /* a node without one */
    assert_int_equal(decode_with(46, '\n'), STATUS_INVALID); /* an address that forges log lines */
    assert_int_equal(decode_with(46, 0), STATUS_INVALID);
    assert_int_equal(decode_with(46, ' '), STATUS_INVALID);
    assert_int_equal(decode_with(46, 0x80), STATUS_INVALID);
    assert_int_equal(decode_with(46, 'm'), STATUS_OK);
    assert_int_equal(decode_with(64, NET_START_MARKS + 1), STATUS_INVALID);
}

TEST(net_hello, reply_survives_the_wire)
{
    struct net_hello h = sample();
    struct net_hello_reply r = {NET_REFUSAL_NONE, 2, h.identity}, got;
    for (int refused = 0; refused < 2; refused++) {
        struct buf b;
        buf_init(&b, NET_HELLO_BYTES_MAX);
        if (refused) { /* without marks */
            memset(h.identity.start_marks, 0, sizeof h.identity.start_marks);
            r = (struct net_hello_reply){NET_REFUSAL_REMOVED, 0, h.identity};
        }
        net_hello_reply_encode(&b, &r);
        assert_int_equal(net_hello_reply_decode(buf_view(&b), &got), STATUS_OK);
        assert_int_equal(got.refusal, r.refusal);
        assert_int_equal(got.version, r.version);
        assert_identity(&got.identity, &h.identity);
        for (size_t size = 0; size < b.size; size++)
            assert_int_equal(net_hello_reply_decode(bytes_make(b.data, size), &got),
                             STATUS_INVALID);
        b.data[0] ^= NET_REFUSAL_REMOVED; /* a refusal with a version, a welcome without one */
        assert_int_equal(net_hello_reply_decode(buf_view(&b), &got), STATUS_INVALID);
        buf_deinit(&b);
    }
}

static uint16_t choose(uint16_t version_min, uint16_t version_max)
{
    return net_version_choose(NET_VERSION_MIN, NET_VERSION_MAX, version_min, version_max);
}

TEST(net_hello, chooses_the_highest_common_version)
{
    assert_int_equal(choose(NET_VERSION_MIN, NET_VERSION_MAX), NET_VERSION_MAX);
    assert_int_equal(choose(1, 60000), NET_VERSION_MAX);
    assert_int_equal(choose(1, 1), 0); /* it had no start marks */
    assert_int_equal(choose(NET_VERSION_MAX + 1, 60000), 0);
}

TEST(net_hello, every_refusal_has_a_text)
{
    for (int i = 0; i < 10; i++)
        assert_true(strlen(net_refusal_text((enum net_refusal)i)) > 0);
}

/* Identities of before there were marks can be read, so that their version is what they are refused for. */
TEST(net_hello, version_1_had_no_marks)
{
    struct net_hello h = sample(), got;
    h.version_max = 1;
    struct buf b = hello_bytes(&h);
    assert_int_equal(b.size, 13 + 16 + 8 + 8 + 1 + 18);
    assert_int_equal(net_hello_decode(buf_view(&b), &got), STATUS_OK);
    assert_u64_equal(got.identity.start_marks[0], 0);
    buf_deinit(&b);
}

TEST(net_identity, continues_the_starts_that_it_remembers)
{
    struct net_identity i = {.incarnation = 50, .start_marks = {500, 490, 480}};
    assert_true(net_identity_continues(&i, 50, 500));
    assert_true(net_identity_continues(&i, 48, 480));
    assert_false(net_identity_continues(&i, 50, 501)); /* the same number, another start */
    assert_false(net_identity_continues(&i, 49, 491)); /* it comes after a start we never saw end */
    assert_false(net_identity_continues(&i, 51, 500));
    assert_true(net_identity_continues(&i, 49, 0)); /* a start of which only the number is known */
    assert_false(net_identity_continues(&i, 50 - NET_START_MARKS + 1, 7));
    assert_true(net_identity_continues(&i, 50 - NET_START_MARKS, 7)); /* too long ago to tell */
}
