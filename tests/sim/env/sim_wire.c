/* Wires: latency, order, cuts and resets of streams. */
#include <stdlib.h>

#include "tests/sim/env/sim_stream.h"

static void head_fire(struct sim *sim, struct sim_event *event);
static void reset_fire(struct sim *sim, struct sim_event *event);

struct sim_stream *sim_stream_create(struct sim *sim, struct sim_node *client,
                                     struct sim_node *server, uint16_t port, bool local)
{
    struct sim_stream *stream = sim_alloc(sizeof *stream);
    stream->sim = sim;
    stream->id = ++sim->next_stream;
    stream->port = port;
    stream->client_port = ++client->next_port;
    stream->local = local;
    stream->nodes[0] = client;
    stream->nodes[1] = server;
    for (unsigned side = 0; side < 2; side++) {
        struct sim_wire *wire = &stream->wires[side];
        uint64_t subject = stream->id * 2 + side;
        wire->stream = stream;
        wire->side = side;
        list_init(&wire->segments);
        sim_event_init(&wire->head, SIM_EVENT_WIRE, NULL, subject, head_fire);
        sim_event_init(&wire->reset, SIM_EVENT_RESET, NULL, subject, reset_fire);
    }
    list_push_back(&sim->streams, &stream->link);
    return stream;
}

static void wire_clear(struct sim_wire *wire)
{
    struct sim *sim = wire->stream->sim;
    sim_disarm(sim, &wire->head);
    sim_disarm(sim, &wire->reset);
    wire->stalled = false;
    wire->unacked = 0;
    for (struct list *item; (item = list_pop_front(&wire->segments)) != NULL;)
        free(CONTAINER_OF(item, struct sim_segment, link));
}

static void stream_free(struct sim_stream *stream)
{
    wire_clear(&stream->wires[0]);
    wire_clear(&stream->wires[1]);
    list_remove(&stream->link);
    free(stream);
}

void sim_stream_release(struct sim_stream *stream)
{
    if (stream->ends[0] != NULL || stream->ends[1] != NULL) return;
    /* A connection request that is still under way would make an end. */
    for (unsigned side = 0; side < 2; side++)
        LIST_FOR_EACH(item, &stream->wires[side].segments)
            if (CONTAINER_OF(item, struct sim_segment, link)->kind == SIM_SEGMENT_SYN) return;
    stream_free(stream);
}

void sim_streams_destroy(struct sim *sim)
{
    while (!list_empty(&sim->streams))
        stream_free(CONTAINER_OF(sim->streams.next, struct sim_stream, link));
}

size_t sim_net_stream_count(const struct sim *sim)
{
    size_t count = 0;
    LIST_FOR_EACH(item, &sim->streams) {
        const struct sim_stream *stream = CONTAINER_OF(item, struct sim_stream, link);
        count += stream->ends[0] != NULL || stream->ends[1] != NULL;
    }
    return count;
}

/* ---- stalls ---- */

static struct sim_link *wire_link(const struct sim_wire *wire)
{
    const struct sim_stream *stream = wire->stream;
    return sim_link_of(stream->sim, stream->nodes[wire->side]->id,
                       stream->nodes[1 - wire->side]->id);
}

static bool wire_blocked(const struct sim_wire *wire)
{
    const struct sim_stream *stream = wire->stream;
    if (stream->nodes[1 - wire->side]->dark) return true;
    return stream->nodes[0] != stream->nodes[1] && wire_link(wire)->cut;
}

static void arm_reset(struct sim_wire *wire)
{
    struct sim *sim = wire->stream->sim;
    const struct sim_options *o = &sim->options;
    if (sim_armed(&wire->reset)) return;
    sim_arm(sim, &wire->reset, sim->now_ns + sim_between(sim, o->reset_min_ns, o->reset_max_ns));
}

/* A reset that cannot get through waits for ever; all else only for so long. */
static void wire_stall(struct sim_wire *wire)
{
    ASSERT(!list_empty(&wire->segments));
    ASSERT(!wire->stalled);
    wire->stalled = true;
    sim_fault_hit(wire->stream->sim, SIM_FAULT_LINK_STALL);
    const struct sim_segment *first = CONTAINER_OF(wire->segments.next, struct sim_segment, link);
    if (first->kind != SIM_SEGMENT_RESET) arm_reset(wire);
}

/* Nobody acknowledged anything for too long: the sender gives up. What it had sent is dropped, and
 * the far end hears of it when the link is back. */
static void reset_fire(struct sim *sim, struct sim_event *event)
{
    struct sim_wire *wire = CONTAINER_OF(event, struct sim_wire, reset);
    struct sim_stream *stream = wire->stream;
    struct env_socket *sender = stream->ends[wire->side];
    bool connecting = sender != NULL && sender->state == SIM_SOCKET_CONNECTING;
    sim_fault_hit(sim, connecting ? SIM_FAULT_CONNECTION_TIMEOUT : SIM_FAULT_CONNECTION_RESET);
    wire_clear(wire);
    if (sender != NULL) {
        stream->ends[wire->side] = NULL;
        sender->stream = NULL;
        sim_socket_end(sender, STATUS_IO);
    }
    if (stream->ends[1 - wire->side] != NULL)
        sim_wire_push(stream, wire->side, SIM_SEGMENT_RESET, NULL, 0);
    sim_stream_release(stream);
}

/* ---- sending ---- */

static uint64_t latency(const struct sim_wire *wire, size_t size)
{
    struct sim *sim = wire->stream->sim;
    const struct sim_options *o = &sim->options;
    if (wire->stream->nodes[0] == wire->stream->nodes[1]) return o->loopback_ns;
    struct sim_link *link = wire_link(wire);
    uint64_t queueing = 0;
    if (o->net_bytes_per_sec > 0) {
        uint64_t start = link->busy_until_ns > sim->now_ns ? link->busy_until_ns : sim->now_ns;
        link->busy_until_ns = start + size * SIM_SEC / o->net_bytes_per_sec;
        queueing = link->busy_until_ns - sim->now_ns;
    }
    return queueing + o->net_base_ns + link->extra_ns + sim_exponential(sim, o->net_tail_ns);
}

/* A segment never overtakes the one before it, whatever its own latency. */
static void arm_head(struct sim_wire *wire)
{
    if (list_empty(&wire->segments) || wire->stalled || sim_armed(&wire->head)) return;
    struct sim_segment *first = CONTAINER_OF(wire->segments.next, struct sim_segment, link);
    sim_arm(wire->stream->sim, &wire->head, first->arrival_ns);
}

void sim_wire_push(struct sim_stream *stream, unsigned side, enum sim_segment_kind kind,
                   const void *data, size_t size)
{
    struct sim_wire *wire = &stream->wires[side];
    struct sim_segment *segment = sim_alloc(sizeof *segment + size);
    segment->arrival_ns = stream->sim->now_ns + latency(wire, size);
    segment->kind = kind;
    segment->size = size;
    if (size > 0) memcpy(segment->data, data, size);
    list_push_back(&wire->segments, &segment->link);
    arm_head(wire);
}

void sim_wire_credit(struct sim_wire *wire, size_t size)
{
    struct sim_stream *stream = wire->stream;
    struct env_socket *sender = stream->ends[wire->side];
    if (sender == NULL) return;
    if (wire_blocked(&stream->wires[1 - wire->side])) {
        wire->unacked += size;
        arm_reset(wire);
        return;
    }
    ASSERT(sender->window_used >= size);
    sender->window_used -= size;
    sim_socket_pump(sender);
}

/* ---- arriving ---- */

/* Part of the bytes arrive, then both ends learn that the connection broke. */
static void break_stream(struct sim_stream *stream, unsigned to, const struct sim_segment *segment)
{
    struct sim *sim = stream->sim;
    struct env_socket *receiver = stream->ends[to], *sender = stream->ends[1 - to];
    size_t part = (size_t)sim_below(sim, segment->size);
    sim_fault_hit(sim, SIM_FAULT_CONNECTION_RESET);
    if (part > 0) sim_socket_receive(receiver, segment->data, part);
    stream->ends[0] = stream->ends[1] = NULL;
    receiver->stream = NULL;
    if (sender != NULL) sender->stream = NULL;
    sim_socket_end(receiver, STATUS_IO);
    if (sender != NULL) sim_socket_end(sender, STATUS_IO);
}

static void end_at(struct sim_stream *stream, unsigned to, enum status reason)
{
    struct env_socket *receiver = stream->ends[to];
    if (receiver == NULL) return;
    if (receiver->state == SIM_SOCKET_CONNECTING)
        sim_fault_hit(stream->sim, SIM_FAULT_CONNECTION_REFUSED);
    stream->ends[to] = NULL;
    receiver->stream = NULL;
    wire_clear(&stream->wires[to]);
    sim_socket_end(receiver, reason);
}

static void arrive_data(struct sim_stream *stream, unsigned to, const struct sim_segment *segment)
{
    struct sim *sim = stream->sim;
    struct env_socket *receiver = stream->ends[to];
    if (receiver == NULL) {
        if (stream->ends[1 - to] != NULL) sim_wire_push(stream, to, SIM_SEGMENT_RESET, NULL, 0);
        return;
    }
    if (stream->nodes[0] != stream->nodes[1] && sim_chance(sim, sim->options.connection_reset_ppm))
        break_stream(stream, to, segment);
    else sim_socket_receive(receiver, segment->data, segment->size);
}

static void arrive(struct sim_stream *stream, unsigned to, const struct sim_segment *segment)
{
    struct env_socket *receiver = stream->ends[to];
    switch (segment->kind) {
    case SIM_SEGMENT_SYN: sim_socket_accept(stream); return;
    case SIM_SEGMENT_ACCEPTED:
        if (receiver != NULL) sim_socket_connected(receiver);
        else if (stream->ends[1 - to] != NULL)
            sim_wire_push(stream, to, SIM_SEGMENT_RESET, NULL, 0);
        return;
    case SIM_SEGMENT_DATA: arrive_data(stream, to, segment); return;
    case SIM_SEGMENT_FIN: end_at(stream, to, STATUS_CLOSED); return;
    case SIM_SEGMENT_RESET: end_at(stream, to, STATUS_IO); return;
    }
    UNREACHABLE();
}

static void head_fire(struct sim *sim, struct sim_event *event)
{
    struct sim_wire *wire = CONTAINER_OF(event, struct sim_wire, head);
    struct sim_stream *stream = wire->stream;
    const struct sim_link *link = wire_link(wire);
    if (wire_blocked(wire)) {
        wire_stall(wire);
        return;
    }
    if (stream->nodes[0] != stream->nodes[1] && link->clog_until_ns > sim->now_ns) {
        uint64_t late_ns = sim_exponential(sim, sim->options.net_tail_ns);
        sim_arm(sim, &wire->head, link->clog_until_ns + late_ns);
        return;
    }
    struct list *item = list_pop_front(&wire->segments);
    ASSERT(item != NULL);
    struct sim_segment *segment = CONTAINER_OF(item, struct sim_segment, link);
    sim_trace_mix_bytes(sim, segment->data, segment->size);
    arm_head(wire);
    arrive(stream, 1 - wire->side, segment);
    free(segment);
    sim_stream_release(stream);
}

/* ---- the links changed ---- */

static void wire_recheck(struct sim *sim, struct sim_wire *wire)
{
    struct sim_stream *stream = wire->stream;
    struct env_socket *sender = stream->ends[wire->side];
    if (wire->unacked > 0 && !wire_blocked(&stream->wires[1 - wire->side])) {
        size_t size = wire->unacked;
        wire->unacked = 0;
        if (sender != NULL) {
            ASSERT(sender->window_used >= size);
            sender->window_used -= size;
            sim_socket_pump(sender);
        }
    }
    if (wire->stalled && !wire_blocked(wire)) {
        /* TCP tries again with growing pauses, up to 200 ms here. */
        wire->stalled = false;
        if (!list_empty(&wire->segments))
            sim_arm(sim, &wire->head, sim->now_ns + sim_below(sim, 200 * SIM_MS) + 1);
    }
    if (!wire->stalled && wire->unacked == 0) sim_disarm(sim, &wire->reset);
}

void sim_streams_recheck(struct sim *sim)
{
    LIST_FOR_EACH(item, &sim->streams) {
        struct sim_stream *stream = CONTAINER_OF(item, struct sim_stream, link);
        wire_recheck(sim, &stream->wires[0]);
        wire_recheck(sim, &stream->wires[1]);
    }
}

void sim_net_reset(struct sim *sim, uint64_t a, uint64_t b)
{
    LIST_FOR_EACH_SAFE(item, &sim->streams) {
        struct sim_stream *stream = CONTAINER_OF(item, struct sim_stream, link);
        uint64_t x = stream->nodes[0]->id, y = stream->nodes[1]->id;
        if (!((x == a && y == b) || (x == b && y == a))) continue;
        sim_fault_hit(sim, SIM_FAULT_CONNECTION_RESET);
        for (unsigned side = 0; side < 2; side++) {
            struct sim_wire *wire = &stream->wires[side];
            struct env_socket *receiver = stream->ends[1 - side];
            struct sim_segment *first = list_empty(&wire->segments) ? NULL
                : CONTAINER_OF(wire->segments.next, struct sim_segment, link);
            if (receiver != NULL && first != NULL && first->kind == SIM_SEGMENT_DATA) {
                size_t part = (size_t)sim_below(sim, first->size);
                if (part > 0) sim_socket_receive(receiver, first->data, part);
            }
        }
        for (unsigned side = 0; side < 2; side++) {
            struct env_socket *end = stream->ends[side];
            stream->ends[side] = NULL;
            if (end != NULL) end->stream = NULL;
            if (end != NULL) sim_socket_end(end, STATUS_IO);
        }
        stream_free(stream);
    }
}

void sim_stream_leave(struct env_socket *socket, bool silently, bool reset)
{
    struct sim_stream *stream = socket->stream;
    if (stream == NULL) return;
    socket->stream = NULL;
    stream->ends[socket->side] = NULL;
    if (!silently)
        sim_wire_push(stream, socket->side, reset ? SIM_SEGMENT_RESET : SIM_SEGMENT_FIN, NULL, 0);
    sim_stream_release(stream);
}
