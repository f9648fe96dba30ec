/* Programs that are not nodes: visits on one side, guests on the other. */
#include <stdlib.h>

#include "base/buf.h"
#include "net/net_int.h"
#include "tests/net/world.h"
#include "tests/test.h"

TEST(net_visit, asks_and_is_answered)
{
    struct world w;
    world_open(&w, 2);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    b->echo = true;
    struct visit v = {0};
    visit_open(&v, a, b->host);
    assert_int_equal(net_visit_send(v.v, 9, BYTES_LITERAL("early")), STATUS_CLOSED);
    UNTIL(&w, v.opened == 1);
    assert_u64_equal(v.peer.node.value, 2);
    assert_string_equal(v.peer.advertise, b->host);
    assert_int_equal(net_visit_send(v.v, 9, BYTES_LITERAL("hello")), STATUS_OK);
    UNTIL(&w, v.messages == 1);
    assert_int_equal(v.last_type, 9);
    assert_true(bytes_equal(buf_view(&v.last), BYTES_LITERAL("hello")));
    assert_int_equal(b->guest_messages, 1);
    assert_int_equal(b->seen_count, 0); /* a guest is nobody */
    visit_end(&w, &v);
    assert_int_equal(v.reason, STATUS_CLOSED);
    UNTIL(&w, b->guests_closed == 1);
    world_close(&w);
}

TEST(net_visit, may_close_in_its_callbacks)
{
    struct world w;
    world_open(&w, 2);
    w.parties[1].echo = true;
    struct visit v = {.close_on_open = true}, u = {.close_on_message = true};
    visit_open(&v, &w.parties[0], w.parties[1].host);
    visit_open(&u, &w.parties[0], w.parties[1].host);
    UNTIL(&w, v.ended == 1 && u.opened == 1);
    for (int i = 0; i < 10; i++)
        assert_int_equal(net_visit_send(u.v, 9, BYTES_LITERAL("hello")), STATUS_OK);
    UNTIL(&w, u.ended == 1);
    assert_int_equal(u.messages, 1); /* the other nine came with it */
    visit_end(&w, &v);
    visit_end(&w, &u);
    world_close(&w);
}

TEST(net_visit, is_welcome_where_no_cluster_is_yet)
{
    struct world w;
    world_open(&w, 1);
    w.count = 2;
    party_prepare(&w, 1);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    memset(&b->options.identity, 0, sizeof b->options.identity);
    b->echo = a->echo = true;
    party_start(b);
    struct visit v = {0}, u = {0};
    visit_open(&v, a, b->host);
    visit_open(&u, b, a->host);
    UNTIL(&w, v.opened == 1 && u.opened == 1);
    assert_u64_equal(v.peer.node.value, 0);
    visit_end(&w, &v);
    visit_end(&w, &u);
    world_close(&w);
}

TEST(net_visit, learns_why_it_was_refused)
{
    struct world w;
    world_open(&w, 2);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    b->verdict = NET_REFUSAL_NOT_READY;
    struct visit v = {0}, u = {0};
    visit_open(&v, a, b->host);
    UNTIL(&w, v.ended == 1);
    assert_int_equal(v.opened, 0);
    assert_int_equal(v.refusal, NET_REFUSAL_NOT_READY);
    visit_end(&w, &v);
    struct net_identity identity = a->options.identity;
    identity.cluster_id[0]++;
    net_set_identity(a->net, &identity);
    visit_open(&u, a, b->host);
    visit_end(&w, &u); /* closed at once */
    struct visit t = {0};
    visit_open(&t, a, b->host);
    UNTIL(&w, t.ended == 1);
    assert_int_equal(t.refusal, NET_REFUSAL_CLUSTER);
    visit_end(&w, &t);
    world_close(&w);
}

TEST(net_visit, ends_when_there_is_nobody)
{
    static const char *const places[] = {
        "127.0.0.1:1", "no-such-host.invalid:5", "nonsense", ":1",
        "localhost:0", "localhost:65536",        "[::1]:1",  "localhost:1"};
    struct world w;
    world_open(&w, 1);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct visit v = {0};
        visit_open(&v, &w.parties[0], places[i]);
        UNTIL(&w, v.ended == 1);
        assert_int_equal(v.opened, 0);
        assert_int_equal(v.refusal, NET_REFUSAL_NONE);
        assert_int_not_equal(v.reason, STATUS_OK);
        visit_end(&w, &v);
    }
    world_close(&w);
}

TEST(net_visit, can_be_closed_at_any_stage)
{
    struct world w;
    world_open(&w, 2);
    for (int turns = 0; turns < 20; turns++) {
        struct visit v[2] = {{0}, {0}};
        visit_open(&v[0], &w.parties[0], w.parties[1].host);
        visit_open(&v[1], &w.parties[0], "localhost:1");
        for (int i = 0; i < turns; i++)
            world_turn(&w);
        visit_end(&w, &v[0]);
        visit_end(&w, &v[1]);
    }
    world_close(&w);
}

TEST(net_visit, ends_with_its_net)
{
    struct world w;
    world_open(&w, 2);
    struct visit v = {0}, u = {0};
    visit_open(&v, &w.parties[0], w.parties[1].host);
    UNTIL(&w, v.opened == 1);
    visit_open(&u, &w.parties[0], "localhost:1");
    party_stop(&w.parties[0]);
    assert_int_equal(v.ended, 1);
    assert_int_equal(v.reason, STATUS_CANCELLED);
    assert_int_equal(u.reason, STATUS_CANCELLED);
    buf_deinit(&v.last);
    buf_deinit(&u.last);
    world_close(&w);
}

TEST(net_guest, limits_its_messages)
{
    struct world w;
    world_open(&w, 2);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    struct visit v = {0};
    uint8_t *data = calloc(1, NET_MESSAGE_BYTES_MAX + 1);
    visit_open(&v, a, b->host);
    UNTIL(&w, v.opened == 1);
    struct bytes most = bytes_make(data, NET_GUEST_MESSAGE_BYTES_MAX);
    assert_int_equal(net_visit_send(v.v, 1, bytes_make(data, most.size + 1)), STATUS_TOO_LARGE);
    assert_int_equal(net_visit_send(v.v, 1, most), STATUS_OK);
    UNTIL(&w, b->guest_messages == 1);
    struct bytes reply = bytes_make(data, NET_MESSAGE_BYTES_MAX);
    assert_int_equal(net_guest_reply(b->guest, 2, bytes_make(data, reply.size + 1)),
                     STATUS_TOO_LARGE);
    assert_int_equal(net_guest_reply(b->guest, 2, reply), STATUS_OK);
    assert_int_equal(net_guest_reply(b->guest, 2, reply), STATUS_BUSY); /* 16 MiB and heads */
    UNTIL(&w, v.messages == 1);
    assert_int_equal(v.last.size, reply.size);
    /* Who sends more than a guest may is cut off. */
    struct net_message m = {.type = 1,
                            .payload = bytes_make(data, NET_GUEST_MESSAGE_BYTES_MAX + 1)};
    struct net_conn *c = CONTAINER_OF(a->net->conns.next, struct net_conn, link);
    assert_int_equal(net_conn_queue(c, &m), STATUS_OK);
    UNTIL(&w, v.ended == 1);
    UNTIL(&w, b->guests_closed == 1);
    assert_u64_equal(net_metrics(b->net)->bad_frames, 1);
    visit_end(&w, &v);
    free(data);
    world_close(&w);
}

TEST(net_guest, are_bounded)
{
    struct world w;
    world_open(&w, 1);
    w.count = 2;
    party_prepare(&w, 1);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    b->options.guests_max = 2;
    party_start(b);
    struct visit v[3] = {{0}, {0}, {0}};
    for (int i = 0; i < 3; i++) {
        visit_open(&v[i], a, b->host);
        UNTIL(&w, v[i].opened + v[i].ended == 1);
    }
    assert_int_equal(v[2].refusal, NET_REFUSAL_BUSY);
    visit_end(&w, &v[0]);
    UNTIL(&w, b->net->guest_count == 1);
    struct visit again = {0};
    visit_open(&again, a, b->host);
    UNTIL(&w, again.opened == 1);
    visit_end(&w, &again);
    visit_end(&w, &v[1]);
    visit_end(&w, &v[2]);
    world_close(&w);
}

TEST(net_guest, late_reply_finds_it_gone)
{
    struct world w;
    world_open(&w, 2);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    struct visit v = {0};
    visit_open(&v, a, b->host);
    UNTIL(&w, v.opened == 1);
    assert_int_equal(net_visit_send(v.v, 1, BYTES_EMPTY), STATUS_OK);
    UNTIL(&w, b->guest_messages == 1);
    net_conn_close(b->guest->inbound->conn, STATUS_TIMEOUT);
    assert_int_equal(net_guest_reply(b->guest, 1, BYTES_EMPTY), STATUS_CLOSED);
    UNTIL(&w, v.ended == 1 && b->guests_closed == 1);
    assert_null(b->guest);
    visit_end(&w, &v);
    world_close(&w);
}
