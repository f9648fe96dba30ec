/* Sockets and listeners: what an environment sees of its streams. */
#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "tests/sim/env/sim_stream.h"

#define SEGMENT_BYTES_MAX 65536

static void connected_fire(struct sim *sim, struct sim_event *event);
static void accept_fire(struct sim *sim, struct sim_event *event);
static void received_fire(struct sim *sim, struct sim_event *event);
static void sent_fire(struct sim *sim, struct sim_event *event);
static void closed_fire(struct sim *sim, struct sim_event *event);

/* ---- addresses ---- */

struct env_addr sim_addr(uint64_t node, uint16_t port)
{
    ASSERT(node <= SIM_NODE_MAX);
    struct env_addr addr = {.family = 4, .port = port};
    addr.ip[0] = 10;
    addr.ip[3] = (uint8_t)node;
    return addr;
}

static struct env_addr loopback_addr(uint16_t port)
{
    return (struct env_addr){.family = 4, .ip = {127, 0, 0, 1}, .port = port};
}

static bool is_loopback(const struct env_addr *addr)
{
    static const uint8_t v6[16] = {[15] = 1};
    return addr->family == 6 ? memcmp(addr->ip, v6, 16) == 0 : addr->ip[0] == 127;
}

/* The machine behind an address, or NULL. */
static struct sim_node *node_at(struct sim_env *env, const struct env_addr *addr)
{
    if (is_loopback(addr)) return env->node;
    bool ours = addr->family == 4 && addr->ip[0] == 10 && addr->ip[1] == 0 && addr->ip[2] == 0;
    if (!ours || addr->ip[3] == 0 || addr->ip[3] > SIM_NODE_MAX) return NULL;
    return sim_node_of(env->sim, addr->ip[3]);
}

/* ---- life of a socket ---- */

static struct env_socket *socket_create(struct sim_env *env, struct sim_stream *stream,
                                        unsigned side)
{
    struct env_socket *s = sim_alloc(sizeof *s);
    uint64_t subject = stream != NULL ? stream->id * 2 + side : 0;
    s->env = env;
    s->stream = stream;
    s->side = side;
    s->close_reason = STATUS_CLOSED;
    sim_event_init(&s->connected, SIM_EVENT_CONNECTED, env, subject, connected_fire);
    sim_event_init(&s->accept, SIM_EVENT_ACCEPT, env, subject, accept_fire);
    sim_event_init(&s->received, SIM_EVENT_RECEIVED, env, subject, received_fire);
    sim_event_init(&s->sent, SIM_EVENT_SENT, env, subject, sent_fire);
    sim_event_init(&s->closed, SIM_EVENT_CLOSED, env, subject, closed_fire);
    list_push_back(&env->sockets, &s->link);
    if (stream != NULL) stream->ends[side] = s;
    return s;
}

static void socket_disarm(struct env_socket *s)
{
    struct sim *sim = s->env->sim;
    sim_disarm(sim, &s->connected);
    sim_disarm(sim, &s->accept);
    sim_disarm(sim, &s->received);
    sim_disarm(sim, &s->sent);
    sim_disarm(sim, &s->closed);
}

static void socket_free(struct env_socket *s)
{
    ASSERT(s->stream == NULL);
    socket_disarm(s);
    list_remove(&s->link);
    free(s->rx);
    free(s);
}

static bool rx_empty(const struct env_socket *s)
{
    return s->rx_start == s->rx_end;
}

/* Everything is over but the last callback. */
static void socket_finish(struct env_socket *s, enum status reason)
{
    struct sim *sim = s->env->sim;
    s->state = SIM_SOCKET_CLOSING;
    if (sim_armed(&s->closed)) return;
    sim_disarm(sim, &s->connected);
    sim_disarm(sim, &s->received);
    sim_disarm(sim, &s->sent);
    s->close_reason = reason;
    sim_arm(sim, &s->closed, sim->now_ns);
}

/* Arms what comes next for the owner: bytes, then the end. An orderly end shows only to who reads;
 * a reset shows at once to who does not. */
static void socket_advance(struct env_socket *s)
{
    struct sim *sim = s->env->sim;
    if (s->state != SIM_SOCKET_OPEN || s->handler == NULL || sim_armed(&s->closed)) return;
    if (!rx_empty(s) && s->receive_enabled) {
        if (!sim_armed(&s->received)) sim_arm(sim, &s->received, sim->now_ns);
        return;
    }
    bool seen = s->receive_enabled || s->close_reason != STATUS_CLOSED;
    if (s->ended && seen) socket_finish(s, s->close_reason);
}

/* ---- what wires tell ---- */

static struct env_listener *listener_find(struct sim *sim, const struct sim_node *node,
                                          uint16_t port)
{
    LIST_FOR_EACH(item, &sim->listeners) {
        struct env_listener *l = CONTAINER_OF(item, struct env_listener, link);
        if (l->env->node == node && l->port == port && !l->env->down) return l;
    }
    return NULL;
}

void sim_socket_accept(struct sim_stream *stream)
{
    struct env_listener *listener = listener_find(stream->sim, stream->nodes[1], stream->port);
    if (listener == NULL) {
        if (stream->ends[0] != NULL) sim_wire_push(stream, 1, SIM_SEGMENT_RESET, NULL, 0);
        return;
    }
    struct env_socket *s = socket_create(listener->env, stream, 1);
    s->state = SIM_SOCKET_OPEN;
    s->listener = listener;
    s->client = stream->local ? loopback_addr(stream->client_port)
                              : sim_addr(stream->nodes[0]->id, stream->client_port);
    sim_wire_push(stream, 1, SIM_SEGMENT_ACCEPTED, NULL, 0);
    sim_arm(stream->sim, &s->accept, stream->sim->now_ns);
}

void sim_socket_connected(struct env_socket *s)
{
    ASSERT(s->state == SIM_SOCKET_CONNECTING);
    sim_arm(s->env->sim, &s->connected, s->env->sim->now_ns);
}

void sim_socket_receive(struct env_socket *s, const uint8_t *data, size_t size)
{
    ASSERT(size > 0);
    if (s->state == SIM_SOCKET_CLOSING) return;
    if (rx_empty(s)) s->rx_start = s->rx_end = 0;
    if (s->rx_capacity - s->rx_end < size) {
        size_t held = s->rx_end - s->rx_start;
        if (s->rx_start > 0) memmove(s->rx, s->rx + s->rx_start, held);
        s->rx_start = 0;
        s->rx_end = held;
        while (s->rx_capacity < held + size) s->rx_capacity = s->rx_capacity * 2 + 4096;
        s->rx = realloc(s->rx, s->rx_capacity);
        ASSERT(s->rx != NULL);
    }
    memcpy(s->rx + s->rx_end, data, size);
    s->rx_end += size;
    socket_advance(s);
}

void sim_socket_end(struct env_socket *s, enum status reason)
{
    ASSERT(s->stream == NULL);
    if (s->state == SIM_SOCKET_CLOSING) return;
    s->ended = true;
    s->close_reason = reason;
    sim_disarm(s->env->sim, &s->sent);
    bool pending = sim_armed(&s->connected);
    if (s->state == SIM_SOCKET_CONNECTING && !pending) socket_finish(s, reason);
    else socket_advance(s);
}

/* Takes what fits into the window of the stream; like TCP, not for a sliver of it. */
void sim_socket_pump(struct env_socket *s)
{
    struct sim *sim = s->env->sim;
    size_t window = sim->options.socket_buffer_bytes;
    if (s->stream == NULL || s->send_data == NULL || s->send_taken == s->send_size) return;
    size_t left = s->send_size - s->send_taken;
    if (s->window_used + (left < window / 4 ? left : window / 4) > window) return;
    while (s->send_taken < s->send_size && s->window_used < window) {
        size_t part = s->send_size - s->send_taken;
        if (part > window - s->window_used) part = window - s->window_used;
        if (part > SEGMENT_BYTES_MAX) part = SEGMENT_BYTES_MAX;
        if (part > 1 && sim_chance(sim, sim->options.chunk_split_ppm))
            part = 1 + (size_t)sim_below(sim, part);
        sim_wire_push(s->stream, s->side, SIM_SEGMENT_DATA, s->send_data + s->send_taken, part);
        s->send_taken += part;
        s->window_used += part;
    }
    if (s->send_taken == s->send_size) sim_arm(sim, &s->sent, sim->now_ns + SIM_US);
}

/* ---- events for the owner ---- */

static void connected_fire(struct sim *sim, struct sim_event *event)
{
    struct env_socket *s = CONTAINER_OF(event, struct env_socket, connected);
    (void)sim;
    s->state = SIM_SOCKET_OPEN;
    s->receive_enabled = true;
    s->handler->on_connected(s->ctx, s);
    socket_advance(s);
}

static void refuse(struct env_socket *s)
{
    sim_stream_leave(s, false, !rx_empty(s));
    socket_free(s);
}

static void accept_fire(struct sim *sim, struct sim_event *event)
{
    struct env_socket *s = CONTAINER_OF(event, struct env_socket, accept);
    struct env_listener *listener = s->listener;
    (void)sim;
    s->listener = NULL;
    if (listener == NULL) {
        refuse(s);
        return;
    }
    bool taken = listener->handler->on_accepted(listener->ctx, s, &s->client);
    ASSERT(!taken || s->handler != NULL);
    if (!taken) refuse(s);
    else socket_advance(s);
}

static size_t chunk_size(struct sim *sim, size_t size)
{
    if (size == 1 || !sim_chance(sim, sim->options.chunk_split_ppm)) return size;
    return sim_chance(sim, SIM_ALWAYS / 4) ? 1 : 1 + (size_t)sim_below(sim, size);
}

static void received_fire(struct sim *sim, struct sim_event *event)
{
    struct env_socket *s = CONTAINER_OF(event, struct env_socket, received);
    if (!s->receive_enabled) return;
    ASSERT(!rx_empty(s));
    size_t size = chunk_size(sim, s->rx_end - s->rx_start);
    struct bytes bytes = bytes_make(s->rx + s->rx_start, size);
    s->rx_start += size; /* the bytes stay where they are until the callback is over */
    s->handler->on_received(s->ctx, s, bytes);
    if (s->stream != NULL) sim_wire_credit(&s->stream->wires[1 - s->side], size);
    socket_advance(s);
}

static void sent_fire(struct sim *sim, struct sim_event *event)
{
    struct env_socket *s = CONTAINER_OF(event, struct env_socket, sent);
    (void)sim;
    ASSERT(s->send_taken == s->send_size);
    ASSERT(hash64(s->send_data, s->send_size, 0) == s->send_hash); /* ENV-2 */
    s->send_data = NULL;
    s->handler->on_sent(s->ctx, s);
}

static void closed_fire(struct sim *sim, struct sim_event *event)
{
    struct env_socket *s = CONTAINER_OF(event, struct env_socket, closed);
    (void)sim;
    ASSERT(s->state == SIM_SOCKET_CLOSING);
    s->handler->on_closed(s->ctx, s, s->close_reason);
    socket_free(s);
}

/* ---- the table ---- */

static bool port_taken(struct sim *sim, const struct sim_node *node, uint16_t port)
{
    return listener_find(sim, node, port) != NULL;
}

static enum status table_listen(struct env *e, const struct env_addr *addr,
                                const struct env_listener_handler *handler, void *ctx,
                                struct env_listener **listener_out, uint16_t *port_out)
{
    struct sim_env *env = sim_env_of(e);
    uint16_t port = addr->port;
    if (env->down) return STATUS_CANCELLED;
    if (port == 0) {
        do port = ++env->node->next_port;
        while (port_taken(env->sim, env->node, port));
    }
    if (port_taken(env->sim, env->node, port)) return STATUS_BUSY;
    struct env_listener *l = sim_alloc(sizeof *l);
    *l = (struct env_listener){.env = env, .port = port, .handler = handler, .ctx = ctx};
    list_push_back(&env->sim->listeners, &l->link);
    *listener_out = l;
    *port_out = port;
    return STATUS_OK;
}

static void table_listener_close(struct env *e, struct env_listener *l)
{
    LIST_FOR_EACH(item, &sim_env_of(e)->sockets) {
        struct env_socket *s = CONTAINER_OF(item, struct env_socket, link);
        if (s->listener == l) s->listener = NULL;
    }
    list_remove(&l->link);
    free(l);
}

void sim_listeners_free(struct sim_env *env)
{
    LIST_FOR_EACH_SAFE(item, &env->sim->listeners) {
        struct env_listener *l = CONTAINER_OF(item, struct env_listener, link);
        if (l->env == env) table_listener_close(&env->env, l);
    }
}

static enum status table_connect(struct env *e, const struct env_addr *addr,
                                 const struct env_socket_handler *handler, void *ctx,
                                 struct env_socket **socket_out)
{
    struct sim_env *env = sim_env_of(e);
    struct sim_node *server = node_at(env, addr);
    struct sim_stream *stream = NULL;
    if (env->down) return STATUS_CANCELLED;
    if (server != NULL)
        stream = sim_stream_create(env->sim, env->node, server, addr->port, is_loopback(addr));
    struct env_socket *s = socket_create(env, stream, 0);
    s->state = SIM_SOCKET_CONNECTING;
    s->handler = handler;
    s->ctx = ctx;
    if (stream != NULL) sim_wire_push(stream, 0, SIM_SEGMENT_SYN, NULL, 0);
    else socket_finish(s, STATUS_IO);
    *socket_out = s;
    return STATUS_OK;
}

static void table_attach(struct env *e, struct env_socket *s,
                         const struct env_socket_handler *handler, void *ctx)
{
    (void)e;
    ASSERT(s->handler == NULL);
    ASSERT(s->state == SIM_SOCKET_OPEN);
    s->handler = handler;
    s->ctx = ctx;
    s->receive_enabled = true;
}

static void table_send(struct env *e, struct env_socket *s, const void *data, size_t size)
{
    (void)e;
    ASSERT(size > 0);
    ASSERT(s->send_data == NULL); /* one send in flight */
    ASSERT(s->state != SIM_SOCKET_CONNECTING);
    s->send_data = data;
    s->send_size = size;
    s->send_taken = 0;
    s->send_hash = hash64(data, size, 0);
    sim_socket_pump(s);
}

static void table_receive_enable(struct env *e, struct env_socket *s, bool enabled)
{
    (void)e;
    s->receive_enabled = enabled;
    if (enabled) socket_advance(s);
}

static void table_close_socket(struct env *e, struct env_socket *s)
{
    (void)e;
    if (s->state == SIM_SOCKET_CLOSING) return;
    sim_stream_leave(s, false, !rx_empty(s) || s->state == SIM_SOCKET_CONNECTING);
    socket_finish(s, STATUS_CLOSED);
}

void sim_socket_fill_table(struct env_table *table)
{
    table->listen = table_listen;
    table->listener_close = table_listener_close;
    table->connect = table_connect;
    table->socket_attach = table_attach;
    table->send = table_send;
    table->receive_enable = table_receive_enable;
    table->close = table_close_socket;
}

/* ---- the end of a process ---- */

void sim_sockets_abandon(struct sim_env *env, bool silently)
{
    LIST_FOR_EACH_SAFE(item, &env->sockets) {
        struct env_socket *s = CONTAINER_OF(item, struct env_socket, link);
        sim_stream_leave(s, silently, !rx_empty(s) || s->state == SIM_SOCKET_CONNECTING);
        if (s->handler == NULL) socket_free(s);
        else socket_finish(s, STATUS_CANCELLED);
    }
}

void sim_sockets_drain(struct sim_env *env)
{
    while (!list_empty(&env->sockets)) {
        struct env_socket *s = CONTAINER_OF(env->sockets.next, struct env_socket, link);
        ASSERT(s->state == SIM_SOCKET_CLOSING);
        socket_disarm(s);
        s->handler->on_closed(s->ctx, s, s->close_reason);
        socket_free(s);
    }
}
