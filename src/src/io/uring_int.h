/* The io_uring backend: one ring per environment. uring.c has the loop and its life, uring_probe.c
 * finds out what the kernel offers, uring_file.c and uring_socket.c turn requests and sockets into
 * submissions and completions back into callbacks. */
#ifndef OSTRAKA_IO_URING_INT_H
#define OSTRAKA_IO_URING_INT_H

#include <liburing.h>

#include "io/io_int.h"

/* Receive buffers lent to the kernel, shared by all sockets of the ring: one for every 16
 * operations. */
#define URING_BUFFER_GROUP 1
#define URING_BUFFER_BYTES ((size_t)16 * 1024)
#define URING_BUFFER_COUNT_MIN 4
#define URING_BUFFER_COUNT_MAX 256
/* What a socket may hold back while its reception is disabled: no more than the kernel can have had
 * in flight when it was told to stop. */
#define URING_HELD_BYTES_MAX (URING_BUFFER_BYTES * URING_BUFFER_COUNT_MAX)

struct uring_env {
    struct io_env io;
    struct io_uring ring;
    unsigned features;      /* enum uring_feature: found and not masked */
    uint64_t opcodes;       /* bit set of enum io_uring_op that the kernel knows */
    bool defer;             /* IORING_SETUP_DEFER_TASKRUN */
    bool jammed;            /* the kernel takes no submissions until completions are reaped */
    bool wake_armed;
    uint64_t wake_value;    /* the kernel's while wake_armed */
    unsigned in_flight;     /* requests in the ring, at most io.operation_max */
    struct io_uring_buf_ring *buffers; /* NULL without URING_FEATURE_MULTISHOT_RECEIVE */
    uint8_t *buffer_memory;
    unsigned buffer_count; /* a power of two */
};

/* What a completion is about: the low bits of user_data, above it the object's address. */
enum uring_tag {
    URING_TAG_REQUEST = 0,
    URING_TAG_RECEIVE = 1,
    URING_TAG_SEND = 2,
    URING_TAG_CONNECT = 3,
    URING_TAG_ACCEPT = 4,
    URING_TAG_WAKE = 5,
    URING_TAG_CANCEL = 6, /* of an operation that answers for itself: nothing to do */
    URING_TAG_MASK = 7,
};

static inline uint64_t uring_user_data(const void *object, enum uring_tag tag)
{
    ASSERT(((uintptr_t)object & URING_TAG_MASK) == 0);
    return (uint64_t)(uintptr_t)object | (uint64_t)tag;
}

static inline bool uring_has(const struct uring_env *u, enum uring_feature feature)
{
    return (u->features & (unsigned)feature) != 0;
}

/* A free submission entry; when the ring is full, submits first. NULL: the kernel takes no more
 * before completions are reaped; what could not be submitted stays where it was. */
struct io_uring_sqe *uring_sqe(struct uring_env *u);

/* Sets up the ring with the best flags there are. STATUS_UNSUPPORTED, or STATUS_OK. */
MUST_USE enum status uring_setup(struct uring_env *u, const struct env_options *options);
/* Sends what the kernel says it has through a trial. Fills features. */
void uring_probe(struct uring_env *u, unsigned masked);
MUST_USE enum status uring_buffers_create(struct uring_env *u);
void uring_buffers_destroy(struct uring_env *u);
/* Gives buffer `id` to the kernel. */
void uring_buffer_give(struct uring_env *u, unsigned id);

/* Requests into the ring or to the workers. */
void uring_requests_submit(struct uring_env *u);
void uring_request_done(struct uring_env *u, struct io_request *r, int answer);

/* Gives every marked socket its turn; calls on_received for held bytes and on_closed. True when a
 * callback ran. */
bool uring_sockets_turn(struct uring_env *u);
void uring_listeners_turn(struct uring_env *u);
void uring_receive_done(struct uring_env *u, struct env_socket *s, int answer, unsigned flags);
void uring_send_done(struct uring_env *u, struct env_socket *s, int answer);
void uring_connect_done(struct uring_env *u, struct env_socket *s, int answer);
void uring_accept_done(struct uring_env *u, struct env_listener *l, int answer, unsigned flags);

#endif
