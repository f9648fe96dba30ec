/* Whoever connects may send anything. Raw sockets against one net. */
#include <errno.h>
#include <stdlib.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/codec.h"
#include "base/prng.h"
#include "net/net_int.h"
#include "tests/net/world.h"
#include "tests/test.h"

/* Far beyond what anything here takes: a test that hangs fails instead. */
#define PATIENCE_NS (UINT64_C(60) * 1000000000)

static int raw_connect(const struct party *p)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(p->port)};
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sin, sizeof sin), 0);
    return fd;
}

static void raw_send(int fd, struct bytes bytes)
{
    ssize_t sent = send(fd, bytes.data, bytes.size, MSG_NOSIGNAL);
    (void)sent; /* the other side may have hung up already */
}

/* Turns until the stream ends; what came before the end goes to `out` (or nowhere). */
static void raw_wait_closed(struct world *w, int fd, struct buf *out)
{
    for (uint64_t until_ns = world_now(w) + PATIENCE_NS;;) {
        assert_true(world_now(w) < until_ns);
        uint8_t data[4096];
        ssize_t size = recv(fd, data, sizeof data, MSG_DONTWAIT);
        if (size > 0 && out != NULL) buf_append(out, data, (size_t)size);
        if (size == 0 || (size < 0 && errno != EAGAIN)) break;
        if (size < 0) world_turn(w);
    }
    close(fd);
}

static struct net_hello hello_of(uint64_t node, uint64_t target)
{
    struct net_hello h = {
        NET_VERSION_MIN, NET_VERSION_MAX, node == 0 ? NET_HELLO_GUEST : NET_LINK_DATA, {target}, {.node = {node}}};
    h.identity.incarnation = 1;
    memset(h.identity.cluster_id, 0xc1, 16);
    return h;
}

static void append_frame(struct buf *out, uint16_t type, struct bytes payload)
{
    struct net_message m = {.type = type, .payload = payload};
    assert_int_equal(net_message_encode(out, &m), STATUS_OK);
}

static void append_hello(struct buf *out, const struct net_hello *h)
{
    struct buf payload;
    buf_init(&payload, 4096);
    net_hello_encode(&payload, h);
    append_frame(out, NET_TYPE_HELLO, buf_view(&payload));
    buf_deinit(&payload);
}

/* Sends it all, waits for the end, and gives the refusal that came (or NONE). */
static enum net_refusal send_and_wait(struct world *w, struct bytes bytes)
{
    struct buf reply;
    buf_init(&reply, 1 << 20);
    int fd = raw_connect(&w->parties[0]);
    raw_send(fd, bytes);
    raw_wait_closed(w, fd, &reply);
    struct net_frame f;
    struct net_hello_reply r = {0};
    enum net_refusal refusal = NET_REFUSAL_NONE;
    if (net_frame_decode(buf_view(&reply), NET_HELLO_BYTES_MAX, &f) == STATUS_OK &&
        f.part.type == NET_TYPE_HELLO_REPLY &&
        net_hello_reply_decode(f.part.payload, &r) == STATUS_OK)
        refusal = r.refusal;
    buf_deinit(&reply);
    return refusal;
}

static void assert_cut_off(struct bytes bytes)
{
    struct world w;
    world_open(&w, 1);
    assert_int_equal(send_and_wait(&w, bytes), NET_REFUSAL_NONE);
    assert_u64_equal(net_metrics(w.parties[0].net)->bad_frames, 1);
    UNTIL(&w, net_metrics(w.parties[0].net)->connections == 0);
    world_close(&w);
}

TEST(net_hostile, text_is_cut_off)
{
    assert_cut_off(BYTES_LITERAL("GET / HTTP/1.1\r\n\r\n"));
}

TEST(net_hostile, a_message_without_a_handshake_is_cut_off)
{
    struct buf b;
    buf_init(&b, 1000);
    append_frame(&b, 5, BYTES_LITERAL("vote for me"));
    assert_cut_off(buf_view(&b));
    buf_deinit(&b);
}

TEST(net_hostile, an_endless_handshake_is_cut_off_by_its_head)
{
    struct buf b;
    buf_init(&b, 10000);
    uint8_t filler[NET_HELLO_BYTES_MAX + 1] = {0};
    append_frame(&b, NET_TYPE_HELLO, bytes_make(filler, sizeof filler));
    buf_truncate(&b, NET_FRAME_HEAD_BYTES);
    assert_cut_off(buf_view(&b));
    buf_deinit(&b);
}

TEST(net_hostile, a_second_handshake_is_cut_off)
{
    for (uint64_t node = 0; node <= 7; node += 7) {
        struct buf b;
        buf_init(&b, 10000);
        struct net_hello h = hello_of(node, node == 0 ? 0 : 1);
        append_hello(&b, &h);
        append_hello(&b, &h);
        assert_cut_off(buf_view(&b));
        buf_deinit(&b);
    }
}

TEST(net_hostile, garbage_after_the_handshake_is_cut_off)
{
    struct buf b;
    buf_init(&b, 10000);
    struct net_hello h = hello_of(7, 1);
    append_hello(&b, &h);
    buf_append_string(&b, "OSTRICH");
    assert_cut_off(buf_view(&b));
    buf_deinit(&b);
}

TEST(net_hostile, every_flipped_bit_of_a_handshake_is_harmless)
{
    struct world w;
    world_open(&w, 1);
    struct buf b;
    buf_init(&b, 10000);
    struct net_hello h = hello_of(7, 1);
    append_hello(&b, &h);
    for (size_t bit = 0; bit < b.size * 8; bit += 3) {
        bool grown = bit / 8 >= 4 && bit / 8 < 8; /* would wait for more: see the time-out */
        if (grown) continue;
        b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(send_and_wait(&w, buf_view(&b)), NET_REFUSAL_NONE);
        b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(w.parties[0].seen_count, 0);
    assert_int_equal(w.parties[0].admit_count, 0);
    buf_deinit(&b);
    world_close(&w);
}

/* ---- refusals that only a foreign program provokes ---- */

static struct world small_world(void)
{
    struct world w = {0};
    world_open(&w, 0);
    return w;
}

/* The refusal that this HELLO gets from node 1. The connection stays until the handshake's time is
 * over, so that the reply is not lost. */
static enum net_refusal refusal_of(const struct net_hello *h)
{
    struct world w = small_world();
    w.count = 1;
    party_prepare(&w, 0);
    w.parties[0].options.handshake_timeout_ns = 200000000;
    party_start(&w.parties[0]);
    struct buf b;
    buf_init(&b, 10000);
    append_hello(&b, h);
    enum net_refusal refusal = send_and_wait(&w, buf_view(&b));
    assert_int_equal(w.parties[0].seen_count, 0);
    assert_u64_equal(net_metrics(w.parties[0].net)->refusals, 1);
    buf_deinit(&b);
    world_close(&w);
    return refusal;
}

TEST(net_refusal, versions_without_overlap)
{
    struct net_hello h = hello_of(7, 1);
    h.version_min = NET_VERSION_MAX + 1;
    h.version_max = NET_VERSION_MAX + 9;
    assert_int_equal(refusal_of(&h), NET_REFUSAL_VERSION);
}

TEST(net_refusal, no_target)
{
    struct net_hello h = hello_of(7, 0); /* a node must know whom it dials */
    assert_int_equal(refusal_of(&h), NET_REFUSAL_TARGET);
}

TEST(net_refusal, another_target)
{
    struct net_hello h = hello_of(7, 2); /* the address has changed hands */
    assert_int_equal(refusal_of(&h), NET_REFUSAL_TARGET);
    assert_true(mutant_select("net_target_unchecked") > 0);
    struct world w;
    struct buf b;
    world_open(&w, 1);
    buf_init(&b, 10000);
    append_hello(&b, &h);
    int fd = raw_connect(&w.parties[0]);
    raw_send(fd, buf_view(&b));
    UNTIL(&w, w.parties[0].seen_count > 0); /* the bug is noticed: it was let in */
    mutant_select(NULL);
    close(fd);
    buf_deinit(&b);
    world_close(&w);
}

TEST(net_refusal, a_node_without_a_cluster)
{
    struct net_hello h = hello_of(7, 1);
    memset(h.identity.cluster_id, 0, 16);
    assert_int_equal(refusal_of(&h), NET_REFUSAL_CLUSTER);
}

TEST(net_refusal, our_own_id)
{
    struct net_hello h = hello_of(1, 1);
    h.identity.incarnation = 1000;
    assert_int_equal(refusal_of(&h), NET_REFUSAL_INCARNATION);
}

/* ---- bounds ---- */

TEST(net_hostile, silence_is_ended_by_the_time_out)
{
    struct world w = small_world();
    w.count = 1;
    party_prepare(&w, 0);
    w.parties[0].options.handshake_timeout_ns = 50000000;
    party_start(&w.parties[0]);
    int fd = raw_connect(&w.parties[0]);
    raw_wait_closed(&w, fd, NULL);
    struct buf b;
    buf_init(&b, 10000);
    struct net_hello h = hello_of(7, 1);
    append_hello(&b, &h);
    fd = raw_connect(&w.parties[0]);
    raw_send(fd, bytes_make(b.data, b.size - 1)); /* the last byte never comes */
    raw_wait_closed(&w, fd, NULL);
    assert_u64_equal(net_metrics(w.parties[0].net)->bad_frames, 0);
    buf_deinit(&b);
    world_close(&w);
}

TEST(net_hostile, connections_without_a_name_are_bounded)
{
    struct world w = small_world();
    w.count = 2;
    for (size_t i = 0; i < 2; i++)
        party_prepare(&w, i);
    w.parties[0].options.handshakes_max = 3;
    w.parties[0].options.handshake_timeout_ns = 300000000;
    for (size_t i = 0; i < 2; i++)
        party_start(&w.parties[i]);
    const struct net_metrics *metrics = net_metrics(w.parties[0].net);
    int fds[10];
    for (int i = 0; i < 10; i++)
        fds[i] = raw_connect(&w.parties[0]);
    UNTIL(&w, metrics->refusals >= 7);
    assert_u64_equal(metrics->connections, 3);
    /* When their time is over there is room again. */
    party_meet(&w.parties[1], &w.parties[0]);
    UNTIL(&w, party_linked(&w.parties[1], &w.parties[0]));
    for (int i = 0; i < 10; i++)
        close(fds[i]);
    world_close(&w);
}

TEST(net_hostile, accepted_connections_are_bounded)
{
    struct world w = small_world();
    w.count = 1;
    party_prepare(&w, 0);
    w.parties[0].options.accepted_max = 2;
    party_start(&w.parties[0]);
    struct buf b;
    buf_init(&b, 10000);
    int fds[3];
    for (uint64_t i = 0; i < 3; i++) {
        struct net_hello h = hello_of(7 + i, 1);
        buf_reset(&b);
        append_hello(&b, &h);
        fds[i] = raw_connect(&w.parties[0]);
        raw_send(fds[i], buf_view(&b));
        UNTIL(&w, w.parties[0].seen_count + net_metrics(w.parties[0].net)->refusals == i + 1);
    }
    assert_int_equal(w.parties[0].seen_count, 2);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    UNTIL(&w, net_metrics(w.parties[0].net)->connections == 0);
    buf_deinit(&b);
    world_close(&w);
}

static int raw_hello(struct world *w, const struct net_hello *h)
{
    struct buf b;
    unsigned seen = w->parties[0].seen_count;
    buf_init(&b, 10000);
    append_hello(&b, h);
    int fd = raw_connect(&w->parties[0]);
    raw_send(fd, buf_view(&b));
    UNTIL(w, w->parties[0].seen_count == seen + 1);
    buf_deinit(&b);
    return fd;
}

TEST(net_link, a_newer_incarnation_ends_all_connections_of_the_older)
{
    struct world w;
    world_open(&w, 1);
    struct net_hello h = hello_of(7, 1);
    int old = raw_hello(&w, &h);
    h.link = NET_LINK_CONTROL; /* the same life on another link: both stay */
    int same = raw_hello(&w, &h);
    world_run_for(&w, 50000000);
    assert_u64_equal(net_metrics(w.parties[0].net)->connections, 2);
    h.link = NET_LINK_BULK;
    h.identity.incarnation++;
    int new = raw_hello(&w, &h);
    raw_wait_closed(&w, old, NULL);
    raw_wait_closed(&w, same, NULL);
    assert_u64_equal(net_metrics(w.parties[0].net)->connections, 1);
    close(new);
    world_close(&w);
}

TEST(net_link, a_change_of_identity_ends_what_came_to_the_old_one)
{
    struct world w;
    world_open(&w, 1);
    struct net_hello h = hello_of(7, 1);
    int fd = raw_hello(&w, &h);
    struct net_identity identity = w.parties[0].options.identity;
    identity.node.value = 2;
    net_set_identity(w.parties[0].net, &identity);
    raw_wait_closed(&w, fd, NULL);
    world_close(&w);
}

/* ---- a false acceptor ---- */

struct acceptor {
    int fd;
    char host[NET_HOST_MAX];
};

static void acceptor_open(struct acceptor *a)
{
    struct sockaddr_in sin = {.sin_family = AF_INET};
    socklen_t size = sizeof sin;
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(a->fd, (struct sockaddr *)&sin, sizeof sin), 0);
    assert_int_equal(listen(a->fd, 16), 0);
    assert_int_equal(getsockname(a->fd, (struct sockaddr *)&sin, &size), 0);
    snprintf(a->host, sizeof a->host, "127.0.0.1:%u", ntohs(sin.sin_port));
}

static int acceptor_next(struct acceptor *a, struct world *w)
{
    for (uint64_t until_ns = world_now(w) + PATIENCE_NS;;) {
        assert_true(world_now(w) < until_ns);
        struct timeval none = {0, 1000};
        (void)setsockopt(a->fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
        int fd = accept4(a->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) return fd;
        world_turn(w);
    }
}

static void append_reply_of(struct buf *out, uint64_t node, uint64_t incarnation, int cluster)
{
    struct buf payload;
    struct net_hello_reply r = {
        NET_REFUSAL_NONE, NET_VERSION_MAX, {.node = {node}, .incarnation = incarnation}};
    memset(r.identity.cluster_id, cluster, 16);
    buf_init(&payload, 1000);
    net_hello_reply_encode(&payload, &r);
    append_frame(out, NET_TYPE_HELLO_REPLY, buf_view(&payload));
    buf_deinit(&payload);
}

static void append_reply(struct buf *out, uint64_t node, uint64_t incarnation)
{
    append_reply_of(out, node, incarnation, 0xc1);
}

/* Node 1 dials node 5, which answers with these bytes to every connection. Returns node 1's view.
 */
static struct party dial_false_acceptor(struct bytes answer, unsigned connections)
{
    struct world w;
    struct acceptor a;
    world_open(&w, 1);
    acceptor_open(&a);
    net_set_peer(w.parties[0].net, (struct node_id){5}, a.host);
    for (unsigned i = 0; i < connections; i++) {
        int fd = acceptor_next(&a, &w);
        raw_send(fd, answer);
        raw_wait_closed(&w, fd, NULL);
    }
    UNTIL(&w, net_metrics(w.parties[0].net)->connections <= 2);
    struct party end = w.parties[0];
    close(a.fd);
    world_close(&w);
    return end;
}

TEST(net_hostile, an_acceptor_that_talks_nonsense_is_left)
{
    struct party p = dial_false_acceptor(BYTES_LITERAL("220 smtp.example ESMTP\r\n"), 4);
    assert_int_equal(p.ups[5][NET_LINK_DATA] + p.ups[5][NET_LINK_CONTROL], 0);
    assert_int_equal(p.refused_count, 0);
}

TEST(net_hostile, an_acceptor_that_is_another_node_is_left)
{
    struct buf b;
    buf_init(&b, 1000);
    append_reply(&b, 6, 1); /* claims to have taken our word for node 6 */
    struct party p = dial_false_acceptor(buf_view(&b), 4);
    assert_int_equal(p.ups[5][NET_LINK_DATA] + p.ups[5][NET_LINK_CONTROL], 0);
    assert_int_equal(p.seen_count, 0);
    buf_deinit(&b);
}

TEST(net_hostile, an_acceptor_of_another_cluster_is_left)
{
    struct buf b;
    buf_init(&b, 1000);
    append_reply_of(&b, 5, 1, 0xc2);
    struct party p = dial_false_acceptor(buf_view(&b), 4);
    assert_int_equal(p.ups[5][NET_LINK_DATA] + p.ups[5][NET_LINK_CONTROL], 0);
    assert_int_equal(p.seen_count, 0);
    assert_int_equal(p.refused_count, 0); /* it was us who refused */
    buf_deinit(&b);
}

TEST(net_hostile, a_version_that_was_not_offered_is_left)
{
    struct buf payload, b;
    struct net_hello_reply r = {
        NET_REFUSAL_NONE, NET_VERSION_MAX + 1, {.node = {5}, .incarnation = 1}};
    memset(r.identity.cluster_id, 0xc1, 16);
    buf_init(&payload, 1000);
    buf_init(&b, 1000);
    net_hello_reply_encode(&payload, &r);
    append_frame(&b, NET_TYPE_HELLO_REPLY, buf_view(&payload));
    struct party p = dial_false_acceptor(buf_view(&b), 4);
    assert_int_equal(p.ups[5][NET_LINK_DATA] + p.ups[5][NET_LINK_CONTROL], 0);
    buf_deinit(&payload);
    buf_deinit(&b);
}

TEST(net_hostile, an_acceptor_that_sends_messages_is_left)
{
    struct buf b;
    buf_init(&b, 1000);
    append_reply(&b, 5, 1);
    append_frame(&b, 7, BYTES_LITERAL("links go one way"));
    struct party p = dial_false_acceptor(buf_view(&b), 4);
    assert_int_equal(p.ups[5][NET_LINK_DATA], p.downs[5][NET_LINK_DATA]);
    assert_int_equal(p.ups[5][NET_LINK_DATA] + p.ups[5][NET_LINK_CONTROL], 4);
    assert_int_equal(p.received_count, 0);
    buf_deinit(&b);
}

TEST(net_link, a_silent_acceptor_is_given_up)
{
    struct world w;
    struct acceptor a;
    world_open(&w, 0);
    w.count = 1;
    party_prepare(&w, 0);
    w.parties[0].options.connect_timeout_ns = 30000000;
    party_start(&w.parties[0]);
    acceptor_open(&a);
    net_set_peer(w.parties[0].net, (struct node_id){5}, a.host);
    for (int i = 0; i < 4; i++)
        raw_wait_closed(&w, acceptor_next(&a, &w), NULL);
    assert_int_equal(w.parties[0].ups[5][NET_LINK_DATA], 0);
    close(a.fd);
    world_close(&w);
}

/* An acceptor that takes no bytes: the output fills up, and does not grow. */
TEST(net_link, a_peer_that_takes_nothing_costs_no_more_than_the_bound)
{
    struct world w;
    struct acceptor a;
    struct buf b;
    world_open(&w, 0);
    w.count = 1;
    party_prepare(&w, 0);
    w.parties[0].options.output_bytes_max = 1 << 20;
    party_start(&w.parties[0]);
    struct net *n = w.parties[0].net;
    acceptor_open(&a);
    buf_init(&b, 1000);
    append_reply(&b, 5, 1);
    net_set_peer(n, (struct node_id){5}, a.host);
    int fds[2];
    for (int i = 0; i < 2; i++) {
        fds[i] = acceptor_next(&a, &w);
        raw_send(fds[i], buf_view(&b));
    }
    UNTIL(&w, net_link_up(n, (struct node_id){5}, NET_LINK_DATA));
    static const uint8_t block[50000];
    unsigned busy = 0;
    while (busy < 50) {
        enum status status = net_send(n, (struct node_id){5}, NET_LINK_DATA, 1, 1, 1,
                                      bytes_make(block, sizeof block));
        assert_true(status == STATUS_OK || status == STATUS_BUSY);
        if (status == STATUS_BUSY) {
            busy++;
            world_turn(&w);
        }
        assert_true(net_queued(n, (struct node_id){5}, NET_LINK_DATA) <= 1 << 20);
    }
    close(fds[0]);
    close(fds[1]);
    close(a.fd);
    buf_deinit(&b);
    world_close(&w);
}

/* Random bytes, random frames, random cuts: nothing but a count may change. */
TEST(net_hostile, noise_never_becomes_a_message)
{
    struct world w;
    struct prng prng;
    world_open(&w, 1);
    prng_init(&prng, 7);
    for (int round = 0; round < 200; round++) {
        struct buf b;
        buf_init(&b, 100000);
        struct net_hello h = hello_of(7, 1);
        if (prng_chance(&prng, 1, 2)) append_hello(&b, &h);
        size_t good = b.size;
        append_frame(&b, 5, BYTES_LITERAL("payload"));
        size_t at = good + (size_t)prng_below(&prng, b.size - good);
        b.data[at] ^= (uint8_t)prng_between(&prng, 1, 255);
        for (int i = 0; i < 100; i++)
            put_u8(&b, (uint8_t)prng_next(&prng));
        int fd = raw_connect(&w.parties[0]);
        raw_send(fd, buf_view(&b));
        shutdown(fd, SHUT_WR);
        raw_wait_closed(&w, fd, NULL);
        buf_deinit(&b);
    }
    assert_int_equal(w.parties[0].received_count, 0);
    UNTIL(&w, net_metrics(w.parties[0].net)->connections == 0);
    world_close(&w);
}
