/* Streams between simulated machines: bytes, ends, cuts, resets. */
#include <string.h>

#include "base/buf.h"
#include "tests/sim/env/sim.h"
#include "tests/test.h"

#define RECEIVED_MAX (1u << 20)

/* One side of a conversation, and all that it was told. */
struct peer {
    struct env *env;
    struct env_socket *socket;
    struct env_listener *listener;
    struct buf received;
    int connected, sent, closed, chunks;
    enum status reason;
    bool refuse;
};

static void on_connected(void *ctx, struct env_socket *s)
{
    struct peer *p = ctx;
    assert_ptr_equal(p->socket, s);
    p->connected++;
}

static void on_received(void *ctx, struct env_socket *s, struct bytes bytes)
{
    struct peer *p = ctx;
    assert_ptr_equal(p->socket, s);
    assert_int_equal(p->closed, 0);
    buf_append_bytes(&p->received, bytes);
    p->chunks++;
}

static void on_sent(void *ctx, struct env_socket *s)
{
    struct peer *p = ctx;
    assert_ptr_equal(p->socket, s);
    p->sent++;
}

static void on_closed(void *ctx, struct env_socket *s, enum status reason)
{
    struct peer *p = ctx;
    assert_ptr_equal(p->socket, s);
    assert_int_equal(p->closed, 0);
    p->closed++;
    p->reason = reason;
    p->socket = NULL;
}

static const struct env_socket_handler peer_handler = {on_connected, on_received, on_sent,
                                                       on_closed};

static bool on_accepted(void *ctx, struct env_socket *s, const struct env_addr *peer)
{
    struct peer *p = ctx;
    assert_int_equal(peer->family, 4);
    if (p->refuse) return false;
    p->socket = s;
    env_socket_attach(p->env, s, &peer_handler, p);
    return true;
}

static const struct env_listener_handler listener_handler = {on_accepted};

struct pair {
    struct sim *sim;
    struct peer client, server;
};

static void peer_init(struct sim *sim, struct peer *p, uint64_t node)
{
    *p = (struct peer){0};
    buf_init(&p->received, RECEIVED_MAX);
    sim_env_create(sim, node, NULL, &p->env);
}

static void peer_deinit(struct peer *p)
{
    buf_deinit(&p->received);
    if (p->env == NULL) return;
    sim_env_drain(p->env);
    env_destroy(p->env);
}

static void pair_listen(struct pair *t)
{
    uint16_t port;
    struct env_addr addr = sim_addr(2, 7000);
    assert_int_equal(env_listen(t->server.env, &addr, &listener_handler, &t->server,
                                &t->server.listener, &port), STATUS_OK);
    assert_int_equal(port, 7000);
}

static void pair_connect(struct pair *t)
{
    struct env_addr addr = sim_addr(2, 7000);
    assert_int_equal(env_connect(t->client.env, &addr, &peer_handler, &t->client,
                                 &t->client.socket), STATUS_OK);
    assert_int_equal(t->client.connected, 0);
}

static void pair_open(struct pair *t, const struct sim_options *options)
{
    t->sim = sim_create(options);
    peer_init(t->sim, &t->client, 1);
    peer_init(t->sim, &t->server, 2);
    pair_listen(t);
    pair_connect(t);
    sim_run_for(t->sim, 100 * SIM_MS);
}

static void pair_start(struct pair *t, uint64_t seed)
{
    struct sim_options options;
    sim_options_init(&options, seed);
    options.chunk_split_ppm = 200000;
    pair_open(t, &options);
    assert_int_equal(t->client.connected, 1);
    assert_non_null(t->server.socket);
}

static void pair_end(struct pair *t)
{
    peer_deinit(&t->client);
    peer_deinit(&t->server);
    assert_int_equal(sim_net_stream_count(t->sim), 0);
    sim_destroy(t->sim);
}

static uint8_t pattern[300000];

static void pattern_fill(void)
{
    for (size_t i = 0; i < sizeof pattern; i++) pattern[i] = (uint8_t)(i * 7 + (i >> 8));
}

TEST(sim_net, delivers_all_bytes_in_order_in_pieces)
{
    struct pair t;
    pattern_fill();
    pair_start(&t, 3);
    env_send(t.client.env, t.client.socket, pattern, sizeof pattern);
    assert_int_equal(t.client.sent, 0);
    sim_run_for(t.sim, SIM_SEC);
    assert_int_equal(t.client.sent, 1);
    assert_int_equal(t.server.received.size, sizeof pattern);
    assert_memory_equal(t.server.received.data, pattern, sizeof pattern);
    assert_true(t.server.chunks > 3);
    pair_end(&t);
}

TEST(sim_net, close_reaches_the_peer_after_the_bytes)
{
    struct pair t;
    pair_start(&t, 4);
    env_send(t.client.env, t.client.socket, "last words", 10);
    sim_run_for(t.sim, 2 * SIM_US);
    assert_int_equal(t.client.sent, 1);
    env_close(t.client.env, t.client.socket);
    assert_int_equal(t.client.closed, 0);
    sim_run_for(t.sim, SIM_SEC);
    assert_int_equal(t.client.closed, 1);
    assert_int_equal(t.client.reason, STATUS_CLOSED);
    assert_int_equal(t.server.received.size, 10);
    assert_int_equal(t.server.closed, 1);
    assert_int_equal(t.server.reason, STATUS_CLOSED);
    pair_end(&t);
}

TEST(sim_net, disabled_reception_holds_back_the_sender)
{
    struct pair t;
    pattern_fill();
    pair_start(&t, 5);
    sim_options(t.sim)->socket_buffer_bytes = 100000;
    env_receive_enable(t.server.env, t.server.socket, false);
    env_send(t.client.env, t.client.socket, pattern, sizeof pattern);
    sim_run_for(t.sim, SIM_SEC);
    assert_int_equal(t.client.sent, 0);
    assert_int_equal(t.server.received.size, 0);
    env_receive_enable(t.server.env, t.server.socket, true);
    sim_run_for(t.sim, SIM_SEC);
    assert_int_equal(t.client.sent, 1);
    assert_int_equal(t.server.received.size, sizeof pattern);
    pair_end(&t);
}

TEST(sim_net, connection_without_listener_is_refused)
{
    struct pair t;
    struct sim_options options;
    sim_options_init(&options, 6);
    t.sim = sim_create(&options);
    peer_init(t.sim, &t.client, 1);
    peer_init(t.sim, &t.server, 2);
    pair_connect(&t);
    sim_run_for(t.sim, SIM_SEC);
    assert_int_equal(t.client.connected, 0);
    assert_int_equal(t.client.reason, STATUS_IO);
    assert_u64_equal(sim_fault_hits(t.sim, SIM_FAULT_CONNECTION_REFUSED), 1);
    pair_end(&t);
}

TEST(sim_net, refused_by_the_owner_is_closed)
{
    struct pair t;
    struct sim_options options;
    sim_options_init(&options, 6);
    t.server.refuse = true;
    t.sim = sim_create(&options);
    peer_init(t.sim, &t.client, 1);
    peer_init(t.sim, &t.server, 2);
    t.server.refuse = true;
    pair_listen(&t);
    pair_connect(&t);
    sim_run_for(t.sim, SIM_SEC);
    assert_int_equal(t.client.closed, 1);
    assert_null(t.server.socket);
    pair_end(&t);
}

TEST(sim_net, port_in_use_is_busy)
{
    struct pair t;
    struct env_listener *other;
    uint16_t port;
    struct env_addr addr = sim_addr(2, 7000);
    pair_start(&t, 7);
    assert_int_equal(env_listen(t.server.env, &addr, &listener_handler, &t.server, &other, &port),
                     STATUS_BUSY);
    addr.port = 0;
    assert_int_equal(env_listen(t.server.env, &addr, &listener_handler, &t.server, &other, &port),
                     STATUS_OK);
    assert_int_not_equal(port, 0);
    env_listener_close(t.server.env, other);
    pair_end(&t);
}

TEST(sim_net, cut_holds_bytes_until_healed)
{
    struct pair t;
    pair_start(&t, 8);
    sim_net_cut(t.sim, 1, 2);
    env_send(t.client.env, t.client.socket, "abc", 3);
    sim_run_for(t.sim, SIM_SEC);
    assert_int_equal(t.server.received.size, 0);
    sim_net_heal(t.sim);
    sim_run_for(t.sim, SIM_SEC);
    assert_int_equal(t.server.received.size, 3);
    assert_int_equal(t.client.closed, 0);
    sim_run_for(t.sim, 60 * SIM_SEC);
    assert_int_equal(t.client.closed, 0);
    pair_end(&t);
}

TEST(sim_net, long_cut_resets_the_sender_and_later_the_receiver)
{
    struct pair t;
    pair_start(&t, 9);
    sim_net_cut(t.sim, 1, 2);
    env_send(t.client.env, t.client.socket, "abc", 3);
    sim_run_for(t.sim, 20 * SIM_SEC);
    assert_int_equal(t.client.closed, 1);
    assert_int_equal(t.client.reason, STATUS_IO);
    assert_int_equal(t.server.closed, 0);
    sim_net_heal(t.sim);
    sim_run_for(t.sim, SIM_SEC);
    assert_int_equal(t.server.received.size, 0);
    assert_int_equal(t.server.closed, 1);
    assert_int_equal(t.server.reason, STATUS_IO);
    pair_end(&t);
}

TEST(sim_net, unheard_acknowledgements_stop_the_sender)
{
    struct pair t;
    pattern_fill();
    pair_start(&t, 10);
    sim_options(t.sim)->socket_buffer_bytes = 1000;
    sim_net_cut(t.sim, 2, 1);
    env_send(t.client.env, t.client.socket, pattern, 5000);
    sim_run_for(t.sim, SIM_SEC);
    assert_int_equal(t.server.received.size, 1000);
    assert_int_equal(t.client.sent, 0);
    sim_net_uncut(t.sim, 2, 1);
    sim_run_for(t.sim, SIM_SEC);
    assert_int_equal(t.server.received.size, 5000);
    assert_int_equal(t.client.sent, 1);
    pair_end(&t);
}

TEST(sim_net, connecting_over_a_cut_times_out)
{
    struct pair t;
    struct sim_options options;
    sim_options_init(&options, 11);
    t.sim = sim_create(&options);
    sim_net_cut_pair(t.sim, 1, 2);
    peer_init(t.sim, &t.client, 1);
    peer_init(t.sim, &t.server, 2);
    pair_listen(&t);
    pair_connect(&t);
    sim_run_for(t.sim, 20 * SIM_SEC);
    assert_int_equal(t.client.connected, 0);
    assert_int_equal(t.client.reason, STATUS_IO);
    assert_u64_equal(sim_fault_hits(t.sim, SIM_FAULT_CONNECTION_TIMEOUT), 1);
    pair_end(&t);
}

TEST(sim_net, reset_delivers_only_a_prefix)
{
    bool partial = false;
    pattern_fill();
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct pair t;
        pair_start(&t, seed);
        env_send(t.client.env, t.client.socket, pattern, 1000);
        sim_net_reset(t.sim, 1, 2);
        sim_run_for(t.sim, SIM_SEC);
        assert_int_equal(t.client.reason, STATUS_IO);
        assert_int_equal(t.server.reason, STATUS_IO);
        assert_true(t.server.received.size < 1000);
        if (t.server.received.size > 0) {
            assert_memory_equal(t.server.received.data, pattern, t.server.received.size);
            partial = true;
        }
        pair_end(&t);
    }
    assert_true(partial);
}

TEST(sim_net, random_resets_break_streams_in_the_middle)
{
    struct pair t;
    pattern_fill();
    pair_start(&t, 12);
    sim_options(t.sim)->connection_reset_ppm = SIM_ALWAYS;
    env_send(t.client.env, t.client.socket, pattern, sizeof pattern);
    sim_run_for(t.sim, SIM_SEC);
    assert_int_equal(t.client.reason, STATUS_IO);
    assert_int_equal(t.server.reason, STATUS_IO);
    assert_true(t.server.received.size < sizeof pattern);
    pair_end(&t);
}

TEST(sim_net, killed_process_resets_its_peers_at_once)
{
    struct pair t;
    pair_start(&t, 13);
    sim_env_crash(t.server.env, SIM_CRASH_PROCESS);
    sim_run_for(t.sim, 10 * SIM_MS);
    assert_int_equal(t.client.closed, 1);
    assert_int_equal(t.server.closed, 0); /* nothing is delivered to a dead process */
    sim_env_drain(t.server.env);
    assert_int_equal(t.server.closed, 1);
    assert_int_equal(t.server.reason, STATUS_CANCELLED);
    pair_end(&t);
}

TEST(sim_net, power_loss_is_silent_until_the_machine_is_back)
{
    struct pair t;
    pair_start(&t, 14);
    sim_env_crash(t.server.env, SIM_CRASH_POWER);
    sim_env_drain(t.server.env);
    env_destroy(t.server.env);
    env_send(t.client.env, t.client.socket, "abc", 3);
    sim_run_for(t.sim, SIM_SEC);
    assert_int_equal(t.client.closed, 0);
    sim_env_create(t.sim, 2, NULL, &t.server.env);
    sim_run_for(t.sim, SIM_SEC);
    assert_int_equal(t.client.closed, 1);
    assert_int_equal(t.client.reason, STATUS_IO);
    assert_int_equal(t.server.received.size, 0);
    pair_end(&t);
}

TEST(sim_net, clog_delays_and_loses_nothing)
{
    struct pair t;
    pair_start(&t, 15);
    sim_net_clog(t.sim, 1, 2, SIM_SEC);
    env_send(t.client.env, t.client.socket, "abc", 3);
    sim_run_for(t.sim, 900 * SIM_MS);
    assert_int_equal(t.server.received.size, 0);
    sim_run_for(t.sim, 200 * SIM_MS);
    assert_int_equal(t.server.received.size, 3);
    pair_end(&t);
}

TEST(sim_net, swizzle_clogs_and_lets_go)
{
    struct pair t;
    const uint64_t nodes[] = {1, 2};
    pair_start(&t, 16);
    sim_net_swizzle(t.sim, nodes, 2, SIM_SEC);
    sim_run_for(t.sim, 100 * SIM_MS);
    env_send(t.client.env, t.client.socket, "abc", 3);
    sim_run_for(t.sim, 300 * SIM_MS);
    assert_int_equal(t.server.received.size, 0);
    sim_run_for(t.sim, SIM_SEC);
    assert_int_equal(t.server.received.size, 3);
    assert_true(sim_fault_hits(t.sim, SIM_FAULT_CLOG) >= 1);
    pair_end(&t);
}

TEST(sim_net, paused_machine_gets_everything_when_resumed)
{
    struct pair t;
    pair_start(&t, 17);
    sim_node_pause(t.sim, 2);
    env_send(t.client.env, t.client.socket, "abc", 3);
    sim_run_for(t.sim, SIM_SEC);
    assert_int_equal(t.client.sent, 1);
    assert_int_equal(t.server.received.size, 0);
    sim_node_resume(t.sim, 2);
    sim_run_for(t.sim, SIM_MS);
    assert_int_equal(t.server.received.size, 3);
    pair_end(&t);
}

TEST(sim_net, closing_forgets_bytes_that_wait)
{
    struct pair t;
    pair_start(&t, 17);
    sim_node_pause(t.sim, 2);
    env_send(t.client.env, t.client.socket, "abc", 3);
    sim_run_for(t.sim, 10 * SIM_MS);
    env_close(t.server.env, t.server.socket);
    sim_run_for(t.sim, SIM_MS); /* now both wait for the end of the pause */
    sim_node_resume(t.sim, 2);
    sim_run_for(t.sim, 10 * SIM_MS);
    assert_int_equal(t.server.received.size, 0);
    assert_int_equal(t.server.closed, 1);
    assert_int_equal(t.client.reason, STATUS_IO); /* unread bytes: a reset, not an end */
    pair_end(&t);
}

TEST(sim_net, shutdown_cancels_sockets)
{
    struct pair t;
    pair_start(&t, 18);
    env_send(t.client.env, t.client.socket, "abc", 3);
    env_shutdown(t.client.env);
    assert_int_equal(t.client.closed, 0);
    sim_run_for(t.sim, SIM_SEC);
    assert_int_equal(t.client.closed, 1);
    assert_int_equal(t.client.reason, STATUS_CANCELLED);
    assert_int_equal(t.server.closed, 1);
    pair_end(&t);
}

/* ---- shapes of partition: how many machines each one still talks to ---- */

static void shape_degrees(uint64_t seed, enum sim_partition shape, size_t count, int degree[16])
{
    struct sim_options options;
    uint64_t nodes[16];
    sim_options_init(&options, seed);
    struct sim *sim = sim_create(&options);
    for (size_t i = 0; i < count; i++) nodes[i] = i + 1;
    sim_net_partition(sim, shape, nodes, count);
    for (size_t i = 0; i < count; i++) {
        degree[i] = 0;
        for (size_t j = 0; j < count; j++)
            if (i != j && !sim_net_is_cut(sim, nodes[i], nodes[j]) &&
                !sim_net_is_cut(sim, nodes[j], nodes[i]))
                degree[i]++;
    }
    sim_net_heal(sim);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++) assert_false(sim_net_is_cut(sim, nodes[i], nodes[j]));
    sim_destroy(sim);
}

static int degrees_equal_to(const int degree[16], size_t count, int wanted)
{
    int found = 0;
    for (size_t i = 0; i < count; i++) found += degree[i] == wanted;
    return found;
}

TEST(sim_net, partitions_have_their_shapes)
{
    int degree[16];
    shape_degrees(1, SIM_PARTITION_HALVES, 5, degree);
    assert_int_equal(degrees_equal_to(degree, 5, 1), 2);
    assert_int_equal(degrees_equal_to(degree, 5, 2), 3);
    shape_degrees(2, SIM_PARTITION_ISOLATE, 5, degree);
    assert_int_equal(degrees_equal_to(degree, 5, 0), 1);
    assert_int_equal(degrees_equal_to(degree, 5, 3), 4);
    shape_degrees(3, SIM_PARTITION_BRIDGE, 5, degree);
    assert_int_equal(degrees_equal_to(degree, 5, 4), 1);
    assert_int_equal(degrees_equal_to(degree, 5, 2), 4);
    shape_degrees(4, SIM_PARTITION_CHAIN, 5, degree);
    assert_int_equal(degrees_equal_to(degree, 5, 1), 2);
    assert_int_equal(degrees_equal_to(degree, 5, 2), 3);
    shape_degrees(5, SIM_PARTITION_RING, 5, degree);
    assert_int_equal(degrees_equal_to(degree, 5, 2), 5); /* three of five with itself */
    shape_degrees(6, SIM_PARTITION_RING, 7, degree);
    assert_int_equal(degrees_equal_to(degree, 7, 4), 7);
    shape_degrees(7, SIM_PARTITION_ONE_WAY, 4, degree);
    assert_int_equal(degrees_equal_to(degree, 4, 0), 1);
}

TEST(sim_net, frames_meet_their_fates)
{
    struct pair t;
    uint64_t delay_ns;
    int fates[3] = {0};
    pair_start(&t, 19);
    sim_net_rates(t.sim, 1, 2, 300000, 300000, 300000);
    const struct env_fault_hooks *hooks = t.server.env->faults;
    bool late = false;
    for (int i = 0; i < 1000; i++) {
        fates[hooks->frame_fate(hooks->ctx, 1, 2, 0, BYTES_EMPTY, &delay_ns)]++;
        late = late || delay_ns > 0;
    }
    assert_true(fates[ENV_FRAME_DROP] > 200 && fates[ENV_FRAME_DUPLICATE] > 100);
    assert_true(fates[ENV_FRAME_DELIVER] > 200 && late);
    for (int i = 0; i < 100; i++)
        assert_int_equal(hooks->frame_fate(hooks->ctx, 2, 1, 0, BYTES_EMPTY, &delay_ns), ENV_FRAME_DELIVER);
    pair_end(&t);
}

/* Type 1 is lost, type 2 late; it counts all. */
static bool watch_frames(void *ctx, struct sim_frame *frame)
{
    ++*(int *)ctx;
    if (frame->type == 2) frame->delay_ns = frame->from + frame->to + frame->payload.size;
    return frame->type != 1;
}

TEST(sim_net, who_watches_frames_decides_on_each)
{
    struct pair t;
    uint64_t delay_ns;
    int seen = 0;
    pair_start(&t, 20);
    const struct env_fault_hooks *hooks = t.server.env->faults;
    sim_net_watch(t.sim, watch_frames, &seen);
    assert_int_equal(hooks->frame_fate(hooks->ctx, 2, 1, 1, BYTES_EMPTY, &delay_ns), ENV_FRAME_DROP);
    assert_int_equal(hooks->frame_fate(hooks->ctx, 2, 1, 2, bytes_of_string("abc"), &delay_ns), ENV_FRAME_DELIVER);
    assert_u64_equal(delay_ns, 6);
    assert_int_equal(hooks->frame_fate(hooks->ctx, 2, 1, 3, BYTES_EMPTY, &delay_ns), ENV_FRAME_DELIVER);
    assert_u64_equal(delay_ns, 0);
    sim_net_watch(t.sim, NULL, NULL);
    assert_int_equal(hooks->frame_fate(hooks->ctx, 2, 1, 1, BYTES_EMPTY, &delay_ns), ENV_FRAME_DELIVER);
    assert_int_equal(seen, 3);
    pair_end(&t);
}
