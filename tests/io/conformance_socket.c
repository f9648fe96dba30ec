/* Conformance: sockets and listeners. */
#include <stdlib.h>
#include <string.h>

#include "tests/io/conformance_fixture.h"

static void until_received(struct peer *p, uint64_t bytes)
{
    while (p->received < bytes && p->closed == 0)
        fixture_turn(p->f);
    assert_u64_equal(p->received, bytes);
}

static void until_received_some(struct peer *p)
{
    while (p->received == 0) fixture_turn(p->f);
}

void conformance_sockets_connect_and_exchange_bytes(const struct conformance_backend *with)
{
    struct fixture f;
    struct host h;
    struct peer client = {0};
    uint8_t data[1000];
    fixture_begin(&f, with);
    host_begin(&f, &h);
    pattern_fill(data, sizeof data, 0);
    struct peer *server = peer_connect(&h, &client);
    assert_int_equal(server->connected, 0); /* only after env_connect */
    peer_send(&client, data, 600);
    fixture_until(&f, &client.sent, 1);
    until_received(server, 600);
    peer_send(server, data, 1000);
    peer_send(&client, data + 600, 400);
    fixture_until(&f, &client.sent, 2);
    fixture_until(&f, &server->sent, 1);
    until_received(server, 1000);
    until_received(&client, 1000);
    peer_end(&client);
    fixture_until(&f, &server->closed, 1);
    host_end(&h);
    fixture_end(&f);
}

void conformance_a_refused_connect_ends_in_on_closed(const struct conformance_backend *with)
{
    struct fixture f;
    struct host h;
    struct peer client = {0};
    fixture_begin(&f, with);
    host_begin(&f, &h);
    host_end(&h); /* a port that nobody listens on, most likely */
    fixture_idle(&f);
    peer_dial(&h, &client);
    fixture_until(&f, &client.closed, 1);
    assert_int_equal(client.connected, 0);
    assert_int_equal(client.reason, STATUS_IO);
    fixture_idle(&f);
    fixture_end(&f);
}

void conformance_large_streams_cross_both_ways(const struct conformance_backend *with)
{
    const size_t size = 3 << 20;
    struct fixture f;
    struct host h;
    struct peer client = {0};
    fixture_begin(&f, with);
    host_begin(&f, &h);
    uint8_t *data = malloc(size);
    pattern_fill(data, size, 0);
    struct peer *server = peer_connect(&h, &client);
    peer_send(&client, data, size);
    peer_send(server, data, size);
    until_received(server, size);
    until_received(&client, size);
    fixture_until(&f, &client.sent, 1);
    fixture_until(&f, &server->sent, 1);
    peer_end(&client);
    peer_end(server);
    free(data);
    host_end(&h);
    fixture_end(&f);
}

void conformance_many_connections_share_one_listener(const struct conformance_backend *with)
{
    enum { COUNT = ACCEPTED_MAX, SIZE = 300000 };
    struct fixture f;
    struct host h;
    struct peer clients[COUNT] = {0};
    fixture_begin(&f, with);
    host_begin(&f, &h);
    uint8_t *data = malloc(SIZE);
    pattern_fill(data, SIZE, 0);
    for (int i = 0; i < COUNT; i++) peer_dial(&h, &clients[i]);
    fixture_until(&f, &h.count, COUNT);
    for (int i = 0; i < COUNT; i++) fixture_until(&f, &clients[i].connected, 1);
    for (int i = 0; i < COUNT; i++) {
        peer_send(&clients[i], data, SIZE);
        peer_send(&h.accepted[i], data, SIZE);
    }
    for (int i = 0; i < COUNT; i++) {
        until_received(&clients[i], SIZE);
        until_received(&h.accepted[i], SIZE);
        fixture_until(&f, &clients[i].sent, 1);
        fixture_until(&f, &h.accepted[i].sent, 1);
    }
    for (int i = 0; i < COUNT; i++) peer_end(&clients[i]);
    for (int i = 0; i < COUNT; i++) fixture_until(&f, &h.accepted[i].closed, 1);
    free(data);
    host_end(&h);
    fixture_end(&f);
}

void conformance_small_messages_go_back_and_forth(const struct conformance_backend *with)
{
    struct fixture f;
    struct host h;
    struct peer client = {0};
    fixture_begin(&f, with);
    host_begin(&f, &h);
    h.echo = true;
    struct peer *server = peer_connect(&h, &client);
    for (unsigned i = 0; i < 500; i++) {
        uint8_t byte = pattern_at(i);
        peer_send(&client, &byte, 1);
        fixture_until(&f, &client.sent, i + 1);
        until_received(&client, i + 1);
        fixture_until(&f, &server->sent, i + 1);
    }
    peer_end(&client);
    fixture_until(&f, &server->closed, 1);
    host_end(&h);
    fixture_end(&f);
}

void conformance_disabled_reception_holds_bytes_back(const struct conformance_backend *with)
{
    const size_t size = 200000;
    struct fixture f;
    struct host h;
    struct peer client = {0};
    fixture_begin(&f, with);
    host_begin(&f, &h);
    uint8_t *data = malloc(size);
    pattern_fill(data, size, 0);
    h.hold_reception = true;
    struct peer *server = peer_connect(&h, &client);
    peer_send(&client, data, 100);
    fixture_idle(&f);
    assert_int_equal(server->receptions, 0); /* disabled from the first byte */
    peer_hold(server, false);
    assert_int_equal(server->receptions, 0); /* ENV-1 */
    until_received(server, 100);
    peer_hold(server, true);
    fixture_until(&f, &client.sent, 1);
    peer_send(&client, data + 100, size - 100);
    fixture_idle(&f);
    assert_u64_equal(server->received, 100);
    peer_hold(server, false); /* and off again before anything happens */
    peer_hold(server, true);
    fixture_idle(&f);
    assert_u64_equal(server->received, 100);
    peer_hold(server, false);
    until_received(server, size);
    fixture_until(&f, &client.sent, 2);
    peer_end(&client);
    fixture_until(&f, &server->closed, 1);
    free(data);
    host_end(&h);
    fixture_end(&f);
}

void conformance_disabled_reception_holds_the_sender_back(const struct conformance_backend *with)
{
    const size_t size = 64 << 20; /* more than the buffers of both ends hold */
    struct fixture f;
    struct host h;
    struct peer client = {0};
    fixture_begin(&f, with);
    host_begin(&f, &h);
    struct peer *server = peer_connect(&h, &client);
    uint8_t *data = malloc(size);
    pattern_fill(data, size, 0);
    peer_send(&client, data, size);
    until_received_some(server);
    peer_hold(server, true); /* in the middle of the stream */
    for (int i = 0; i < 4; i++) fixture_idle(&f);
    assert_int_equal(client.sent, 0);
    assert_int_equal(client.closed + server->closed, 0);
    uint64_t before = server->received;
    peer_hold(server, false);
    while (server->received == before) fixture_turn(&f);
    peer_end(&client);
    fixture_until(&f, &server->closed, 1);
    free(data);
    host_end(&h);
    fixture_end(&f);
}

#define TOGGLERS 4

/* Every reception stops its own socket and lets another one go on, often while completions for both
 * are already there. */
static void toggle(struct peer *p)
{
    struct host *h = p->ctx;
    if (env_random_u64(p->f->env) % 2 == 0) return;
    peer_hold(p, true);
    for (int i = 0; i < 2; i++) {
        struct peer *other = &h->accepted[env_random_u64(p->f->env) % TOGGLERS];
        if (other->held && other->closed == 0) peer_hold(other, false);
    }
}

void conformance_reception_switched_at_random_loses_nothing(const struct conformance_backend *with)
{
    enum { SIZE = 1 << 19 };
    struct fixture f;
    struct host h;
    struct peer clients[TOGGLERS] = {0};
    fixture_begin(&f, with);
    host_begin(&f, &h);
    h.after_received = toggle;
    uint8_t *data = malloc(SIZE);
    pattern_fill(data, SIZE, 0);
    for (int i = 0; i < TOGGLERS; i++) peer_connect(&h, &clients[i])->ctx = &h;
    for (int i = 0; i < TOGGLERS; i++) {
        clients[i].close_on_sent = true;
        peer_send(&clients[i], data, SIZE);
    }
    for (int i = 0; i < TOGGLERS; i++) {
        while (h.accepted[i].closed == 0) {
            fixture_advance(&f, 0);
            for (int j = 0; j < TOGGLERS; j++)
                if (h.accepted[j].held && h.accepted[j].closed == 0)
                    peer_hold(&h.accepted[j], false);
        }
        assert_u64_equal(h.accepted[i].received, SIZE); /* all before the close */
    }
    for (int i = 0; i < TOGGLERS; i++) fixture_until(&f, &clients[i].closed, 1);
    free(data);
    host_end(&h);
    fixture_end(&f);
}

void conformance_a_close_by_the_peer_comes_after_its_bytes(const struct conformance_backend *with)
{
    const size_t size = 100000;
    struct fixture f;
    struct host h;
    struct peer client = {0};
    fixture_begin(&f, with);
    host_begin(&f, &h);
    uint8_t *data = malloc(size);
    pattern_fill(data, size, 0);
    struct peer *server = peer_connect(&h, &client);
    peer_send(&client, data, size);
    fixture_until(&f, &client.sent, 1);
    peer_end(&client);
    assert_int_equal(client.reason, STATUS_CLOSED);
    fixture_until(&f, &server->closed, 1);
    assert_u64_equal(server->received, size);
    assert_int_equal(server->reason, STATUS_CLOSED);
    free(data);
    host_end(&h);
    fixture_end(&f);
}

void conformance_a_close_held_back_comes_after_its_bytes(const struct conformance_backend *with)
{
    struct fixture f;
    struct host h;
    struct peer client = {0};
    uint8_t data[5000];
    fixture_begin(&f, with);
    host_begin(&f, &h);
    pattern_fill(data, sizeof data, 0);
    struct peer *server = peer_connect(&h, &client);
    peer_hold(server, true);
    peer_send(&client, data, sizeof data);
    fixture_until(&f, &client.sent, 1);
    peer_end(&client);
    fixture_idle(&f);
    assert_int_equal(server->receptions, 0);
    peer_hold(server, false);
    fixture_until(&f, &server->closed, 1);
    assert_u64_equal(server->received, sizeof data);
    assert_int_equal(server->reason, STATUS_CLOSED);
    host_end(&h);
    fixture_end(&f);
}

void conformance_close_is_late_once_and_final(const struct conformance_backend *with)
{
    struct fixture f;
    struct host h;
    struct peer client = {0}, early = {0};
    fixture_begin(&f, with);
    host_begin(&f, &h);
    struct peer *server = peer_connect(&h, &client);
    peer_send(server, "\0\1\2", 3);
    env_close(f.env, client.s);
    env_close(f.env, client.s); /* idempotent until on_closed */
    env_receive_enable(f.env, client.s, false);
    assert_int_equal(client.closed, 0);
    fixture_until(&f, &client.closed, 1);
    assert_int_equal(client.reason, STATUS_CLOSED);
    assert_int_equal(client.receptions, 0);
    fixture_until(&f, &server->closed, 1);
    peer_dial(&h, &early); /* closed before anybody knows whether it connects */
    env_close(f.env, early.s);
    fixture_until(&f, &early.closed, 1);
    assert_int_equal(early.connected, 0);
    fixture_idle(&f);
    host_end(&h);
    fixture_end(&f);
}

void conformance_close_gives_back_a_send_in_flight(const struct conformance_backend *with)
{
    const size_t size = 32 << 20; /* more than the buffers of both ends hold */
    struct fixture f;
    struct host h;
    struct peer client = {0};
    fixture_begin(&f, with);
    host_begin(&f, &h);
    h.hold_reception = true;
    struct peer *server = peer_connect(&h, &client);
    uint8_t *data = malloc(size);
    pattern_fill(data, size, 0);
    peer_send(&client, data, size);
    fixture_idle(&f);
    assert_int_equal(client.sent, 0);
    env_close(f.env, client.s);
    fixture_until(&f, &client.closed, 1);
    free(data); /* the environment does not touch it any more */
    assert_int_equal(client.sent, 0);
    peer_hold(server, false);
    fixture_until(&f, &server->closed, 1);
    assert_true(server->received < size);
    host_end(&h);
    fixture_end(&f);
}

void conformance_sockets_may_be_closed_in_any_callback(const struct conformance_backend *with)
{
    struct fixture f;
    struct host h;
    fixture_begin(&f, with);
    host_begin(&f, &h);
    struct peer on_connected = {.close_on_connected = true};
    peer_dial(&h, &on_connected);
    fixture_until(&f, &on_connected.closed, 1);
    fixture_until(&f, &h.count, 1);
    fixture_until(&f, &h.accepted[0].closed, 1);
    struct peer on_sent = {.close_on_sent = true};
    struct peer *server = peer_connect(&h, &on_sent);
    peer_send(&on_sent, "\0\1", 2);
    fixture_until(&f, &on_sent.closed, 1);
    fixture_until(&f, &server->closed, 1);
    assert_u64_equal(server->received, 2);
    struct peer on_received = {.close_on_received = true};
    server = peer_connect(&h, &on_received);
    peer_send(server, "\0\1\2", 3);
    fixture_until(&f, &on_received.closed, 1);
    assert_int_equal(on_received.receptions, 1);
    fixture_until(&f, &server->closed, 1);
    h.close_at_once = true; /* inside on_accepted */
    struct peer kicked = {0};
    server = peer_connect(&h, &kicked);
    fixture_until(&f, &kicked.closed, 1);
    fixture_until(&f, &server->closed, 1);
    assert_int_equal(kicked.reason, STATUS_CLOSED);
    host_end(&h);
    fixture_end(&f);
}

void conformance_a_refused_accept_is_closed_silently(const struct conformance_backend *with)
{
    struct fixture f;
    struct host h;
    struct peer client = {0};
    fixture_begin(&f, with);
    host_begin(&f, &h);
    h.refuse = true;
    peer_connect(&h, &client);
    fixture_until(&f, &client.closed, 1);
    assert_int_equal(client.reason, STATUS_CLOSED);
    assert_int_equal(h.refused, 1);
    host_end(&h);
    fixture_end(&f);
}

void conformance_a_closed_listener_accepts_no_more(const struct conformance_backend *with)
{
    struct fixture f;
    struct host h;
    struct peer before = {0}, after = {0};
    fixture_begin(&f, with);
    host_begin(&f, &h);
    struct peer *server = peer_connect(&h, &before);
    host_end(&h);
    fixture_idle(&f);
    peer_dial(&h, &after);
    fixture_until(&f, &after.closed, 1);
    assert_int_equal(after.connected, 0);
    assert_int_equal(h.count, 1);
    peer_send(&before, "\0\1\2", 3); /* what was accepted goes on */
    until_received(server, 3);
    fixture_until(&f, &before.sent, 1);
    fixture_end(&f);
}

void conformance_a_port_in_use_is_busy(const struct conformance_backend *with)
{
    static const struct env_listener_handler handler = {
        (bool (*)(void *, struct env_socket *, const struct env_addr *))abort};
    struct fixture f;
    struct host h;
    fixture_begin(&f, with);
    host_begin(&f, &h);
    struct env_listener *l = NULL;
    uint16_t port = 0;
    assert_int_equal(env_listen(f.env, &h.addr, &handler, NULL, &l, &port), STATUS_BUSY);
    assert_null(l);
    host_end(&h);
    fixture_end(&f);
}

void conformance_shutdown_closes_sockets_as_cancelled(const struct conformance_backend *with)
{
    struct fixture f;
    struct host h;
    struct peer open = {0}, dialing = {0};
    fixture_begin(&f, with);
    host_begin(&f, &h);
    struct peer *server = peer_connect(&h, &open);
    const size_t size = 32 << 20;
    uint8_t *data = calloc(1, size);
    peer_hold(server, true);
    peer_send(&open, data, size);
    fixture_idle(&f);
    peer_dial(&h, &dialing);
    env_shutdown(f.env);
    assert_int_equal(open.closed + server->closed + dialing.closed, 0); /* ENV-1 */
    fixture_until(&f, &open.closed, 1);
    fixture_until(&f, &server->closed, 1);
    fixture_until(&f, &dialing.closed, 1);
    assert_int_equal(open.reason, STATUS_CANCELLED);
    assert_int_equal(server->reason, STATUS_CANCELLED);
    assert_int_equal(dialing.reason, STATUS_CANCELLED);
    assert_int_equal(server->receptions, 0);
    free(data);
    struct peer late = {0};
    struct env_listener *l = NULL;
    uint16_t port = 0;
    static const struct env_socket_handler nothing = {
        .on_connected = (void (*)(void *, struct env_socket *))abort,
        .on_closed = (void (*)(void *, struct env_socket *, enum status))abort};
    static const struct env_listener_handler nobody = {
        (bool (*)(void *, struct env_socket *, const struct env_addr *))abort};
    assert_int_equal(env_connect(f.env, &h.addr, &nothing, NULL, &late.s), STATUS_CANCELLED);
    assert_int_equal(env_listen(f.env, &h.addr, &nobody, NULL, &l, &port), STATUS_CANCELLED);
    host_end(&h); /* a listener is still its owner's to close */
    fixture_end(&f);
}
