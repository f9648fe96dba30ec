/* Streams between two sockets (private to the simulated environment).
 *
 * A stream has two ends and two wires. wire[i] carries segments, in order, from end i to end 1-i. A
 * wire whose link is cut (or whose far machine is dark) keeps its segments until that changes; when
 * it lasts too long the sending end is reset. A segment for nobody is answered by a reset. */
#ifndef OSTRAKA_TESTS_SIM_ENV_SIM_STREAM_H
#define OSTRAKA_TESTS_SIM_ENV_SIM_STREAM_H

#include "tests/sim/env/sim_int.h"

enum sim_segment_kind {
    SIM_SEGMENT_SYN = 1,
    SIM_SEGMENT_ACCEPTED,
    SIM_SEGMENT_DATA,
    SIM_SEGMENT_FIN,
    SIM_SEGMENT_RESET,
};

struct sim_segment {
    struct list link;
    enum sim_segment_kind kind;
    uint64_t arrival_ns;
    size_t size;
    uint8_t data[];
};

struct sim_wire {
    struct sim_stream *stream;
    unsigned side; /* of the sender */
    struct list segments;
    size_t unacked;         /* bytes the receiver took while it could not say so */
    struct sim_event head;  /* the first segment arrives */
    struct sim_event reset; /* stalled for too long */
    bool stalled;           /* the first segment waits for the link */
};

struct sim_stream {
    struct list link;
    struct sim *sim;
    uint64_t id;
    uint16_t port, client_port;
    bool local; /* by a loopback address */
    struct sim_node *nodes[2];
    struct env_socket *ends[2]; /* NULL: no such end (any more) */
    struct sim_wire wires[2];
};

enum sim_socket_state { SIM_SOCKET_CONNECTING = 1, SIM_SOCKET_OPEN, SIM_SOCKET_CLOSING };

struct env_socket {
    struct list link; /* of its environment */
    struct sim_env *env;
    struct sim_stream *stream; /* NULL once closing */
    unsigned side;
    enum sim_socket_state state;
    const struct env_socket_handler *handler; /* NULL until attached */
    void *ctx;
    struct env_listener *listener; /* until accepted */
    struct env_addr client;        /* for on_accepted */
    bool receive_enabled, ended;   /* ended: no more bytes will come */
    enum status close_reason;
    struct sim_event connected, accept, received, sent, closed;
    /* sending */
    const uint8_t *send_data; /* NULL: no send in flight */
    size_t send_size, send_taken, window_used;
    uint64_t send_hash;
    /* receiving */
    uint8_t *rx;
    size_t rx_start, rx_end, rx_capacity;
};

struct env_listener {
    struct list link;
    struct sim_env *env;
    uint16_t port;
    const struct env_listener_handler *handler;
    void *ctx;
};

/* ---- wires (sim_wire.c) ---- */

struct sim_stream *sim_stream_create(struct sim *sim, struct sim_node *client,
                                     struct sim_node *server, uint16_t port, bool local);
/* Frees the stream once both ends are gone and nothing is left to say. */
void sim_stream_release(struct sim_stream *stream);
void sim_wire_push(struct sim_stream *stream, unsigned side, enum sim_segment_kind kind,
                   const void *data, size_t size);
/* The receiving end took bytes; the sender's window opens, if the acknowledgement gets through. */
void sim_wire_credit(struct sim_wire *wire, size_t size);
/* The far end drops its side of the stream: what it sent is still under way. */
void sim_stream_leave(struct env_socket *socket, bool silently, bool reset);

/* ---- sockets (sim_socket.c), called by wires ---- */

void sim_socket_accept(struct sim_stream *stream);
void sim_socket_connected(struct env_socket *socket);
void sim_socket_receive(struct env_socket *socket, const uint8_t *data, size_t size);
/* The stream ended: after what was received (orderly), or now. */
void sim_socket_end(struct env_socket *socket, enum status reason);
void sim_socket_pump(struct env_socket *socket);

#endif
