/* What the conformance cases share: an environment on a fresh directory, operations to wait for,
 * and sockets that record what happens to them. */
#ifndef OSTRAKA_TESTS_IO_CONFORMANCE_FIXTURE_H
#define OSTRAKA_TESTS_IO_CONFORMANCE_FIXTURE_H

#include "base/buf.h"
#include "tests/io/conformance.h"

struct fixture {
    const struct conformance_backend *backend;
    struct env *env;
    char root[64];
    unsigned calls_open, peers_open; /* what has not completed yet */
    bool advancing;
};

/* Skips the test when the backend is not offered here. */
void fixture_begin(struct fixture *f, const struct conformance_backend *backend);
/* Shuts down, lets everything complete, destroys, removes the directory. */
void fixture_end(struct fixture *f);
void fixture_advance(struct fixture *f, uint64_t deadline_ns);
/* One turn that waits for something to happen: with a real backend a lost event hangs the test. */
void fixture_turn(struct fixture *f);
/* Takes turns until *counter >= target. */
void fixture_until(struct fixture *f, const unsigned *counter, unsigned target);
/* A few turns in which nothing is expected to happen. */
void fixture_idle(struct fixture *f);

struct call {
    struct env_op op;
    struct fixture *f;
    int64_t result;
    unsigned done; /* times on_done was called */
};

void call_begin(struct fixture *f, struct call *c);
int64_t call_end(struct call *c);

/* Starts an operation, waits for it, gives its result. */
#define AWAIT(f, start, ...)                          \
    (__extension__({                                  \
        struct call call_;                            \
        call_begin((f), &call_);                      \
        start((f)->env, __VA_ARGS__, &call_.op);      \
        call_end(&call_);                             \
    }))

env_file file_open(struct fixture *f, const char *path, unsigned flags);
/* Opens for reading and writing, creating; with `size` bytes of a pattern in it. */
env_file file_make(struct fixture *f, const char *path, size_t size);
void file_close(struct fixture *f, env_file file);
/* The byte that belongs at offset i of a patterned stream or file. */
uint8_t pattern_at(uint64_t i);
void pattern_fill(uint8_t *data, size_t size, uint64_t offset);
bool pattern_matches(const uint8_t *data, size_t size, uint64_t offset);

/* One end of a connection. */
struct peer {
    struct fixture *f;
    struct env_socket *s;
    unsigned connected, sent, closed, receptions;
    enum status reason;
    uint64_t received;   /* bytes, checked against the pattern on the way */
    bool echo, close_on_connected, close_on_received, close_on_sent;
    bool held;           /* reception is disabled: bytes that arrive all the same fail the test */
    void (*after_received)(struct peer *p);
    void *ctx;           /* the case's */
    struct buf echo_out; /* bytes to send back; in flight while echo_busy */
    bool echo_busy;
};

/* A listener whose accepted sockets fill `accepted` in order. */
#define ACCEPTED_MAX 8
struct host {
    struct fixture *f;
    struct env_listener *listener;
    struct env_addr addr;
    struct peer accepted[ACCEPTED_MAX];
    unsigned count, refused;
    bool refuse, echo, hold_reception, close_at_once;
    void (*after_received)(struct peer *p); /* for accepted ones */
};

struct env_addr fixture_address(const struct fixture *f, uint16_t port);
void host_begin(struct fixture *f, struct host *h);
void host_end(struct host *h);
/* Connects p to h and waits until both ends know. The other end, or NULL when h refuses. */
struct peer *peer_connect(struct host *h, struct peer *p);
/* Starts a connection and does not wait. */
void peer_dial(struct host *h, struct peer *p);
void peer_send(struct peer *p, const void *data, size_t size);
/* Disables or enables reception. */
void peer_hold(struct peer *p, bool held);
/* Closes, unless it is closed, and waits for on_closed. */
void peer_end(struct peer *p);

#endif
