/* The backend for kernels and containers without io_uring: edge-triggered epoll for sockets, worker
 * threads for files. An edge sets a flag on the socket; a poll gives every socket that has
 * something to do one turn, so that a busy peer cannot starve the others. */
#include "io/io_int.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX 256
#define ACCEPTS_PER_POLL 64
#define RECEIVE_BYTES ((size_t)64 * 1024)

struct epoll_env {
    struct io_env io;
    int epoll_fd;
    bool has_pwait2; /* nanosecond timeouts, Linux 5.11 */
    uint8_t *receive_buffer;
    struct epoll_event events[EVENTS_MAX];
};

/* What an event is about: a socket, a listener (tagged), or the wake-up. */
#define TAG_LISTENER ((uintptr_t)1)
#define TAG_WAKE ((uintptr_t)2)

static bool watch(struct epoll_env *e, int fd, uint32_t events, uintptr_t tagged)
{
    struct epoll_event event = {.events = events | EPOLLET, .data.u64 = tagged};
    return epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* ---- turns of a socket ---- */

static bool socket_watch(struct epoll_env *e, struct env_socket *s)
{
    if (s->edge.registered) return true;
    s->edge.registered = watch(e, s->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP, (uintptr_t)s);
    if (!s->edge.registered) io_socket_end(&e->io, s, STATUS_IO);
    return s->edge.registered;
}

static void socket_connect(struct epoll_env *e, struct env_socket *s)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (!s->started) {
        s->started = true;
        int failed = connect(s->fd, (struct sockaddr *)&s->address, s->address_size);
        if (failed < 0 && errno != EINPROGRESS && errno != EINTR) {
            io_socket_end(&e->io, s, io_socket_status(errno));
            return;
        }
        s->edge.writable = failed == 0;
        if (!socket_watch(e, s)) return;
    } else if (s->edge.writable) {
        (void)getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    if (error != 0) io_socket_end(&e->io, s, io_socket_status(error));
    else if (s->edge.writable) io_socket_connected(s);
}

static void socket_send(struct epoll_env *e, struct env_socket *s)
{
    while (s->send_size > 0 && s->edge.writable) {
        ssize_t sent = send(s->fd, s->send_data + s->send_done, s->send_size - s->send_done,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            if (io_socket_sent(s, (size_t)sent)) return; /* a next send waits for the next turn */
        } else if (errno == EAGAIN) {
            s->edge.writable = false; /* EPOLLOUT comes when that changes */
        } else if (errno != EINTR) {
            io_socket_end(&e->io, s, io_socket_status(errno));
            return;
        }
    }
}

static void socket_receive(struct epoll_env *e, struct env_socket *s)
{
    ssize_t size = recv(s->fd, e->receive_buffer, RECEIVE_BYTES, MSG_DONTWAIT);
    if (size > 0) {
        /* A short read has emptied the socket: the next edge tells of more. After a hang-up there
         * are no more edges, so reading goes on until it says so itself. */
        if ((size_t)size < RECEIVE_BYTES && !s->edge.hung_up) s->edge.readable = false;
        else io_socket_mark(&e->io, s);
        s->handler->on_received(s->ctx, s, bytes_make(e->receive_buffer, (size_t)size));
    } else if (size == 0) {
        io_socket_end(&e->io, s, STATUS_CLOSED);
    } else if (errno == EAGAIN) {
        s->edge.readable = false;
    } else if (errno == EINTR) {
        io_socket_mark(&e->io, s);
    } else {
        io_socket_end(&e->io, s, io_socket_status(errno));
    }
}

static void socket_turn(struct epoll_env *e, struct env_socket *s)
{
    if (s->connecting) {
        socket_connect(e, s);
    } else if (!s->edge.registered) { /* accepted just now; an edge will tell when it is readable */
        s->edge.writable = true;
        (void)socket_watch(e, s);
    }
    if (!s->closing && !s->connecting) socket_send(e, s);
    if (!s->closing && !s->connecting && s->receive_enabled && s->edge.readable)
        socket_receive(e, s);
    /* What ended in this turn is finished in the next poll, as an env_close from a callback is. */
}

/* Each socket that is marked now gets one turn; marks made meanwhile wait for the next poll. */
static void sockets_turn(struct epoll_env *e)
{
    struct list batch;
    io_list_take(&e->io.dirty, &batch);
    for (struct list *item; (item = list_pop_front(&batch)) != NULL;) {
        struct env_socket *s = CONTAINER_OF(item, struct env_socket, dirty);
        if (s->closing) io_socket_finish(&e->io, s);
        else socket_turn(e, s);
    }
}

/* ---- listeners ---- */

static void listener_accept(struct epoll_env *e, struct env_listener *l)
{
    for (int i = 0; i < ACCEPTS_PER_POLL && l->readable && !l->closing; i++) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            io_socket_accepted(&e->io, l, fd);
        } else if (errno == EAGAIN) {
            l->readable = false;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            io_listener_stall(&e->io, l, errno);
            return;
        }
    }
    if (l->readable) e->io.listeners_dirty = true;
}

static void listeners_turn(struct epoll_env *e)
{
    io_listeners_retry(&e->io);
    if (!e->io.listeners_dirty) return;
    e->io.listeners_dirty = false;
    LIST_FOR_EACH_SAFE (item, &e->io.listeners) {
        struct env_listener *l = CONTAINER_OF(item, struct env_listener, link);
        if (l->closing) {
            io_listener_destroy(l);
            continue;
        }
        if (!l->armed) {
            l->armed = watch(e, l->fd, EPOLLIN, (uintptr_t)l | TAG_LISTENER);
            if (!l->armed) io_listener_stall(&e->io, l, errno);
        }
        if (l->readable && !l->stalled && !e->io.shut_down) listener_accept(e, l);
    }
}

/* ---- poll ---- */

static void requests_submit(struct epoll_env *e)
{
    struct list files, resolves;
    if (list_empty(&e->io.requests)) return;
    list_init(&files);
    list_init(&resolves);
    for (struct list *item; (item = list_pop_front(&e->io.requests)) != NULL;)
        io_request_delegate(&e->io, CONTAINER_OF(item, struct io_request, link), &files,
                            &resolves);
    io_workers_submit(e->io.files, &files);
    io_workers_submit(e->io.resolvers, &resolves);
}

static int wait_events(struct epoll_env *e, uint64_t timeout_ns)
{
    if (timeout_ns == 0 || timeout_ns == IO_NEVER)
        return epoll_wait(e->epoll_fd, e->events, EVENTS_MAX, timeout_ns == 0 ? 0 : -1);
    if (e->has_pwait2) {
        struct timespec ts = {.tv_sec = (time_t)(timeout_ns / 1000000000u),
                              .tv_nsec = (long)(timeout_ns % 1000000000u)};
        int count =
            (int)syscall(SYS_epoll_pwait2, e->epoll_fd, e->events, EVENTS_MAX, &ts, NULL, 0);
        if (count >= 0 || errno != ENOSYS) return count;
        e->has_pwait2 = false;
    }
    /* Never early, or the caller would spin. */
    uint64_t timeout_ms = (timeout_ns + 999999) / 1000000;
    return epoll_wait(e->epoll_fd, e->events, EVENTS_MAX,
                      timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms);
}

static void socket_event(struct epoll_env *e, struct env_socket *s, uint32_t events)
{
    bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
    if (broken || (events & (EPOLLIN | EPOLLRDHUP)) != 0) s->edge.readable = true;
    if (broken || (events & EPOLLRDHUP) != 0) s->edge.hung_up = true;
    if (broken || (events & EPOLLOUT) != 0) s->edge.writable = true;
    io_socket_mark(&e->io, s);
}

static void events_note(struct epoll_env *e, int count)
{
    ASSERT(count >= 0 || errno == EINTR);
    for (int i = 0; i < count; i++) {
        uintptr_t tagged = (uintptr_t)e->events[i].data.u64;
        if (tagged == TAG_WAKE) {
            io_wake_seen(&e->io.wake); /* never read: each write is an edge of its own */
        } else if ((tagged & TAG_LISTENER) != 0) {
            struct env_listener *l = (struct env_listener *)(tagged & ~TAG_LISTENER);
            l->readable = true;
            e->io.listeners_dirty = true;
        } else {
            socket_event(e, (struct env_socket *)tagged, e->events[i].events);
        }
    }
}

static void events_sleep(struct io_env *io, uint64_t timeout_ns)
{
    struct epoll_env *e = (struct epoll_env *)io;
    events_note(e, wait_events(e, timeout_ns));
}

static bool events_look(struct io_env *io)
{
    struct epoll_env *e = (struct epoll_env *)io;
    int count = wait_events(e, 0);
    events_note(e, count);
    return count > 0;
}

static void epoll_poll(struct env *env, uint64_t deadline_ns)
{
    struct epoll_env *e = (struct epoll_env *)env;
    io_poll_begin(&e->io);
    requests_submit(e);
    bool busy = !list_empty(&e->io.finished) || !list_empty(&e->io.dirty) || e->io.listeners_dirty;
    io_wait(&e->io, busy ? 0 : io_poll_timeout_ns(&e->io, deadline_ns), events_look, events_sleep);
    io_workers_collect(e->io.files, &e->io.finished);
    io_workers_collect(e->io.resolvers, &e->io.finished);
    io_complete_finished(&e->io);
    listeners_turn(e);
    sockets_turn(e);
    io_poll_end(&e->io);
}

/* ---- life ---- */

static void epoll_destroy(struct env *env)
{
    struct epoll_env *e = (struct epoll_env *)env;
    io_env_deinit(&e->io);
    close(e->epoll_fd);
    free(e->receive_buffer);
    free(e);
}

static const struct env_table epoll_table = {
    .name = "epoll", .destroy = epoll_destroy, .poll = epoll_poll, IO_TABLE_SHARED};

enum status env_epoll_create(const struct env_options *options, struct env **env_out)
{
    struct epoll_env *e = calloc(1, sizeof *e);
    if (e == NULL) return STATUS_NO_MEMORY;
    enum status status = io_env_init(&e->io, &epoll_table, options, SOCK_NONBLOCK, EFD_NONBLOCK);
    if (status != STATUS_OK) goto fail;
    e->has_pwait2 = true;
    e->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    e->receive_buffer = malloc(RECEIVE_BYTES);
    status = e->receive_buffer == NULL ? STATUS_NO_MEMORY : STATUS_IO;
    if (e->receive_buffer == NULL || e->epoll_fd < 0) goto fail_io;
    if (!watch(e, e->io.wake.fd, EPOLLIN, TAG_WAKE)) goto fail_io;
    *env_out = &e->io.base;
    return STATUS_OK;
fail_io:
    free(e->receive_buffer);
    if (e->epoll_fd >= 0) close(e->epoll_fd);
    io_env_deinit(&e->io);
fail:
    free(e);
    ASSERT(status != STATUS_OK);
    return status;
}
