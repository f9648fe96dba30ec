/* Sockets on the ring. Between a submission and its last completion the kernel owns the buffer and
 * the entry's user_data points at the socket: a socket goes only when nothing of it is outstanding,
 * and a close first cancels what is. */
#include "io/uring_int.h"

#include <errno.h>
#include <stdlib.h>

static bool outstanding(const struct env_socket *s)
{
    return s->ring.connect || s->ring.send || s->ring.receive;
}

/* Cancels one operation; its own completion tells how it ended. False: no room, try again. */
static bool cancel(struct uring_env *u, const void *object, enum uring_tag tag)
{
    struct io_uring_sqe *sqe = uring_sqe(u);
    if (sqe == NULL) return false;
    io_uring_prep_cancel64(sqe, uring_user_data(object, tag), 0);
    sqe->user_data = URING_TAG_CANCEL;
    return true;
}

/* ---- receiving ---- */

static bool receive_arm(struct uring_env *u, struct env_socket *s)
{
    bool multishot = uring_has(u, URING_FEATURE_MULTISHOT_RECEIVE);
    ASSERT(!s->ring.receive);
    if (!multishot && s->ring.buffer == NULL) {
        s->ring.buffer = malloc(URING_BUFFER_BYTES);
        if (s->ring.buffer == NULL) {
            io_socket_end(&u->io, s, STATUS_IO);
            return true;
        }
    }
    struct io_uring_sqe *sqe = uring_sqe(u);
    if (sqe == NULL) return false;
    if (multishot) {
        io_uring_prep_recv_multishot(sqe, s->fd, NULL, 0, 0);
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = URING_BUFFER_GROUP;
    } else {
        io_uring_prep_recv(sqe, s->fd, s->ring.buffer, URING_BUFFER_BYTES, 0);
    }
    sqe->user_data = uring_user_data(s, URING_TAG_RECEIVE);
    s->ring.receive = true;
    s->ring.multishot = multishot;
    s->ring.receive_cancelled = false;
    return true;
}

/* Keeps bytes that arrived after reception was disabled. They are copied, so that a socket that is
 * held back for long does not sit on buffers that all sockets share. */
static void receive_hold(struct uring_env *u, struct env_socket *s, struct bytes bytes)
{
    COVER("uring_receive_held");
    struct buf *held = &s->ring.held;
    if (held->size_max == 0) buf_init(held, URING_HELD_BYTES_MAX);
    buf_append_bytes(held, bytes);
    if (held->failed) io_socket_end(&u->io, s, STATUS_IO);
}

static void receive_bytes(struct uring_env *u, struct env_socket *s, struct bytes bytes)
{
    ASSERT(bytes.size > 0);
    if (s->closing) return;
    if (s->receive_enabled && s->ring.held.size == 0) s->handler->on_received(s->ctx, s, bytes);
    else receive_hold(u, s, bytes);
}

/* The stream is over. A socket that is held back learns so after the bytes before it. */
static void receive_end(struct uring_env *u, struct env_socket *s, enum status reason)
{
    s->ring.ended = true;
    s->ring.end_reason = reason;
    if (s->receive_enabled && s->ring.held.size == 0) io_socket_end(&u->io, s, reason);
}

void uring_receive_done(struct uring_env *u, struct env_socket *s, int answer, unsigned flags)
{
    ASSERT(s->ring.receive);
    if ((flags & IORING_CQE_F_MORE) == 0) {
        s->ring.receive = false;
        io_socket_mark(&u->io, s); /* arms again, or goes on closing */
    }
    if (answer > 0) {
        size_t size = (size_t)answer;
        ASSERT(size <= URING_BUFFER_BYTES);
        if ((flags & IORING_CQE_F_BUFFER) == 0) {
            ASSERT(!s->ring.multishot);
            receive_bytes(u, s, bytes_make(s->ring.buffer, size));
            return;
        }
        unsigned id = flags >> IORING_CQE_BUFFER_SHIFT;
        receive_bytes(u, s, bytes_make(u->buffer_memory + id * URING_BUFFER_BYTES, size));
        uring_buffer_give(u, id);
        return;
    }
    if ((flags & IORING_CQE_F_BUFFER) != 0)
        uring_buffer_give(u, flags >> IORING_CQE_BUFFER_SHIFT);
    if (answer == -ENOBUFS) COVER("uring_out_of_receive_buffers");
    else if (answer == 0) receive_end(u, s, STATUS_CLOSED);
    else if (answer != -ECANCELED && answer != -EINTR && answer != -EAGAIN)
        receive_end(u, s, io_socket_status(-answer));
}

/* Hands out what was held back while reception was disabled. */
static bool held_deliver(struct uring_env *u, struct env_socket *s)
{
    if (!s->receive_enabled) return false;
    bool delivered = s->ring.held.size > 0;
    if (delivered) {
        /* The callback may disable again: all of it is out by then. */
        s->handler->on_received(s->ctx, s, buf_view(&s->ring.held));
        buf_deinit(&s->ring.held);
        s->ring.held = (struct buf){0};
    }
    if (s->ring.ended && s->receive_enabled) io_socket_end(&u->io, s, s->ring.end_reason);
    return delivered;
}

/* ---- sending, connecting ---- */

static bool send_arm(struct uring_env *u, struct env_socket *s)
{
    struct io_uring_sqe *sqe = uring_sqe(u);
    if (sqe == NULL) return false;
    size_t left = s->send_size - s->send_done;
    ASSERT(left > 0);
    io_uring_prep_send(sqe, s->fd, s->send_data + s->send_done,
                       left < IO_CHUNK_BYTES_MAX ? left : IO_CHUNK_BYTES_MAX,
                       MSG_NOSIGNAL | MSG_WAITALL);
    sqe->user_data = uring_user_data(s, URING_TAG_SEND);
    s->ring.send = true;
    return true;
}

void uring_send_done(struct uring_env *u, struct env_socket *s, int answer)
{
    ASSERT(s->ring.send);
    s->ring.send = false;
    if (s->closing || answer == -EINTR || answer == -EAGAIN) {
        io_socket_mark(&u->io, s);
    } else if (answer < 0) {
        io_socket_end(&u->io, s, io_socket_status(-answer));
    } else if (!io_socket_sent(s, (size_t)answer)) {
        io_socket_mark(&u->io, s);
    }
}

static bool connect_arm(struct uring_env *u, struct env_socket *s)
{
    struct io_uring_sqe *sqe = uring_sqe(u);
    if (sqe == NULL) return false;
    io_uring_prep_connect(sqe, s->fd, (struct sockaddr *)&s->address, s->address_size);
    sqe->user_data = uring_user_data(s, URING_TAG_CONNECT);
    s->ring.connect = s->started = true;
    return true;
}

void uring_connect_done(struct uring_env *u, struct env_socket *s, int answer)
{
    ASSERT(s->ring.connect);
    s->ring.connect = false;
    io_socket_mark(&u->io, s);
    if (s->closing) return;
    if (answer == -EINTR || answer == -EAGAIN) s->started = false;
    else if (answer < 0) io_socket_end(&u->io, s, io_socket_status(-answer));
    else io_socket_connected(s);
}

/* ---- turns ---- */

/* False: no room in the ring, the turn is to be taken again. */
static bool close_turn(struct uring_env *u, struct env_socket *s)
{
    if (s->ring.cancelled) return true;
    if (s->ring.connect && !cancel(u, s, URING_TAG_CONNECT)) return false;
    if (s->ring.send && !cancel(u, s, URING_TAG_SEND)) return false;
    if (s->ring.receive && !cancel(u, s, URING_TAG_RECEIVE)) return false;
    s->ring.cancelled = true;
    return true;
}

static bool receive_turn(struct uring_env *u, struct env_socket *s)
{
    if (s->receive_enabled) return s->ring.receive || s->ring.ended || receive_arm(u, s);
    /* A multishot receive goes on by itself and is stopped; a single one ends with one buffer. */
    if (!s->ring.receive || !s->ring.multishot || s->ring.receive_cancelled) return true;
    s->ring.receive_cancelled = cancel(u, s, URING_TAG_RECEIVE);
    return s->ring.receive_cancelled;
}

static bool socket_turn(struct uring_env *u, struct env_socket *s)
{
    if (s->connecting) return s->started || connect_arm(u, s);
    if (s->send_size > 0 && !s->ring.send && !send_arm(u, s)) return false;
    return receive_turn(u, s);
}

bool uring_sockets_turn(struct uring_env *u)
{
    bool called = false;
    struct list batch;
    io_list_take(&u->io.dirty, &batch);
    for (struct list *item; (item = list_pop_front(&batch)) != NULL;) {
        struct env_socket *s = CONTAINER_OF(item, struct env_socket, dirty);
        if (s->closing && !outstanding(s)) {
            io_socket_finish(&u->io, s);
            called = true;
            continue;
        }
        if (!s->closing && held_deliver(u, s)) called = true;
        if (s->closing ? !close_turn(u, s) : !socket_turn(u, s)) io_socket_mark(&u->io, s);
    }
    return called;
}

/* ---- listeners ---- */

static void accept_arm(struct uring_env *u, struct env_listener *l)
{
    struct io_uring_sqe *sqe = uring_sqe(u);
    if (sqe == NULL) {
        u->io.listeners_dirty = true;
        return;
    }
    if (uring_has(u, URING_FEATURE_MULTISHOT_ACCEPT))
        io_uring_prep_multishot_accept(sqe, l->fd, NULL, NULL, SOCK_CLOEXEC);
    else io_uring_prep_accept(sqe, l->fd, NULL, NULL, SOCK_CLOEXEC);
    sqe->user_data = uring_user_data(l, URING_TAG_ACCEPT);
    l->armed = true;
}

static void listener_turn(struct uring_env *u, struct env_listener *l)
{
    bool stop = l->closing || u->io.shut_down;
    if (stop && l->armed) {
        if (!l->cancelled) l->cancelled = cancel(u, l, URING_TAG_ACCEPT);
        if (!l->cancelled) u->io.listeners_dirty = true;
    } else if (l->closing) {
        io_listener_destroy(l);
    } else if (!stop && !l->armed && !l->stalled) {
        accept_arm(u, l);
    }
}

void uring_listeners_turn(struct uring_env *u)
{
    io_listeners_retry(&u->io);
    if (!u->io.listeners_dirty) return;
    u->io.listeners_dirty = false;
    LIST_FOR_EACH_SAFE (item, &u->io.listeners)
        listener_turn(u, CONTAINER_OF(item, struct env_listener, link));
}

void uring_accept_done(struct uring_env *u, struct env_listener *l, int answer, unsigned flags)
{
    ASSERT(l->armed);
    if ((flags & IORING_CQE_F_MORE) == 0) {
        l->armed = false;
        u->io.listeners_dirty = true;
    }
    if (answer >= 0) {
        io_socket_accepted(&u->io, l, answer);
    } else if (answer != -ECANCELED && answer != -EINTR && answer != -EAGAIN &&
               answer != -ECONNABORTED) {
        io_listener_stall(&u->io, l, -answer);
    }
}
