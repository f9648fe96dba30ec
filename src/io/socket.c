/* Sockets and listeners as both backends keep them: creation, the flags that calls set and the next
 * poll acts upon, and the one way a socket ends. */
#include "io/io_int.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- addresses ---- */

static socklen_t address_pack(const struct env_addr *addr, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (addr->family == 4) {
        struct sockaddr_in *v4 = (void *)out;
        v4->sin_family = AF_INET;
        v4->sin_port = htons(addr->port);
        memcpy(&v4->sin_addr, addr->ip, 4);
        return sizeof *v4;
    }
    ASSERT(addr->family == 6);
    struct sockaddr_in6 *v6 = (void *)out;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(addr->port);
    memcpy(&v6->sin6_addr, addr->ip, 16);
    return sizeof *v6;
}

static struct env_addr address_unpack(const struct sockaddr_storage *in)
{
    struct env_addr addr = {0};
    if (in->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)in;
        addr.family = 4;
        addr.port = ntohs(v4->sin_port);
        memcpy(addr.ip, &v4->sin_addr, 4);
    } else if (in->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)in;
        addr.family = 6;
        addr.port = ntohs(v6->sin6_port);
        memcpy(addr.ip, &v6->sin6_addr, 16);
    }
    return addr;
}

/* How soon a peer that has silently gone is noticed. Linux counts a receiver that lives and does not read
 * as gone, too (measured: a TCP_USER_TIMEOUT of 5 s ends it after 5.4 s), so clients have none. */
struct patience {
    int idle_s, interval_s, count; /* keepalive: silence, then unanswered probes */
    unsigned unacked_ms;           /* 0: the kernel's, some 15 minutes */
};
static const struct patience node_patience = {5, 1, 3, 5000};
static const struct patience client_patience = {30, 10, 3, 0};

static void patience_set(int fd, const struct patience *p)
{
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &p->idle_s, sizeof p->idle_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &p->interval_s, sizeof p->interval_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &p->count, sizeof p->count);
    if (p->unacked_ms != 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &p->unacked_ms, sizeof p->unacked_ms);
}

/* A stream socket that sends small frames at once. Accepted sockets inherit its options from their
 * listener. */
static int stream_create(const struct io_env *e, uint8_t family, bool to_nodes)
{
    int fd = socket(family == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | e->socket_flags,
                    0);
    if (fd < 0) return -1;
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    patience_set(fd, to_nodes ? &node_patience : &client_patience);
    return fd;
}

/* ---- sockets ---- */

struct env_socket *io_socket_create(struct io_env *e, int fd)
{
    ASSERT(fd >= 0);
    struct env_socket *s = calloc(1, sizeof *s);
    if (s == NULL) return NULL;
    s->fd = fd;
    list_init(&s->dirty);
    list_push_back(&e->sockets, &s->link);
    e->socket_count++;
    return s;
}

void io_socket_destroy(struct io_env *e, struct env_socket *s)
{
    ASSERT(!s->ring.connect && !s->ring.send && !s->ring.receive); /* the kernel holds nothing */
    ASSERT(e->socket_count > 0);
    e->socket_count--;
    list_remove(&s->link);
    list_remove(&s->dirty);
    close(s->fd);
    free(s->ring.buffer);
    buf_deinit(&s->ring.held);
    free(s);
}

void io_socket_mark(struct io_env *e, struct env_socket *s)
{
    if (list_empty(&s->dirty)) list_push_back(&e->dirty, &s->dirty);
}

void io_socket_end(struct io_env *e, struct env_socket *s, enum status reason)
{
    ASSERT(reason != STATUS_OK);
    if (s->closing) return;
    s->closing = true;
    s->close_reason = reason;
    /* To the end of the list, also out of a batch that is being worked off: on_closed comes from a
     * later poll than the one that ended the socket. */
    list_remove(&s->dirty);
    list_push_back(&e->dirty, &s->dirty);
}

void io_socket_finish(struct io_env *e, struct env_socket *s)
{
    ASSERT(e->polling);
    ASSERT(s->closing);
    if (s->handler != NULL) s->handler->on_closed(s->ctx, s, s->close_reason);
    io_socket_destroy(e, s);
}

enum status io_socket_status(int error)
{
    ASSERT(error > 0);
    return error == ECONNRESET || error == EPIPE ? STATUS_CLOSED : STATUS_IO;
}

void io_socket_connected(struct env_socket *s)
{
    ASSERT(s->connecting);
    ASSERT(!s->closing);
    s->connecting = false;
    s->handler->on_connected(s->ctx, s);
}

bool io_socket_sent(struct env_socket *s, size_t sent)
{
    ASSERT(!s->closing);
    ASSERT(sent <= s->send_size - s->send_done);
    s->send_done += sent;
    if (s->send_done < s->send_size) {
        COVER("io_short_send");
        return false;
    }
    s->send_size = s->send_done = 0;
    s->send_data = NULL;
    s->handler->on_sent(s->ctx, s);
    return true;
}

enum status io_connect(struct env *env, const struct env_addr *addr,
                       const struct env_socket_handler *handler, void *ctx,
                       struct env_socket **socket_out)
{
    struct io_env *e = (struct io_env *)env;
    ASSERT(handler->on_connected != NULL && handler->on_closed != NULL);
    if (e->shut_down) return STATUS_CANCELLED;
    if (addr->family != 4 && addr->family != 6) return STATUS_INVALID;
    if (e->socket_count >= e->operation_max) return STATUS_BUSY;
    int fd = stream_create(e, addr->family, true);
    if (fd < 0) return errno == EMFILE || errno == ENFILE ? STATUS_BUSY : STATUS_IO;
    struct env_socket *s = io_socket_create(e, fd);
    if (s == NULL) {
        close(fd);
        return STATUS_NO_MEMORY;
    }
    s->handler = handler;
    s->ctx = ctx;
    s->peer = *addr;
    s->address_size = address_pack(addr, &s->address);
    s->connecting = true;
    s->receive_enabled = true;
    io_socket_mark(e, s);
    *socket_out = s;
    return STATUS_OK;
}

void io_socket_attach(struct env *env, struct env_socket *s,
                      const struct env_socket_handler *handler, void *ctx)
{
    ASSERT(s->handler == NULL); /* once, inside on_accepted */
    ASSERT(handler->on_received != NULL && handler->on_closed != NULL);
    s->handler = handler;
    s->ctx = ctx;
    s->receive_enabled = true;
    io_socket_mark((struct io_env *)env, s);
}

void io_send(struct env *env, struct env_socket *s, const void *data, size_t size)
{
    ASSERT(size > 0);
    ASSERT(s->send_size == 0); /* at most one in flight */
    ASSERT(s->handler != NULL && s->handler->on_sent != NULL);
    s->send_data = data;
    s->send_size = size;
    s->send_done = 0;
    io_socket_mark((struct io_env *)env, s);
}

void io_receive_enable(struct env *env, struct env_socket *s, bool enabled)
{
    ASSERT(s->handler != NULL);
    if (s->receive_enabled == enabled) return;
    s->receive_enabled = enabled;
    io_socket_mark((struct io_env *)env, s);
}

void io_close(struct env *env, struct env_socket *s)
{
    io_socket_end((struct io_env *)env, s, STATUS_CLOSED);
}

/* ---- listeners ---- */

static int listener_open(const struct io_env *e, const struct env_addr *addr, bool from_nodes,
                         uint16_t *port_out)
{
    int fd = stream_create(e, addr->family, from_nodes);
    if (fd < 0) return -1;
    int on = 1;
    struct sockaddr_storage address;
    socklen_t size = address_pack(addr, &address);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (addr->family == 6) (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, size) < 0) goto fail;
    if (listen(fd, IO_LISTEN_BACKLOG) < 0) goto fail;
    size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0) goto fail;
    *port_out = address_unpack(&address).port;
    return fd;
fail:;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

enum status io_listen(struct env *env, const struct env_addr *addr,
                      const struct env_listener_handler *handler, void *ctx,
                      struct env_listener **listener_out, uint16_t *port_out)
{
    struct io_env *e = (struct io_env *)env;
    ASSERT(handler->on_accepted != NULL);
    if (e->shut_down) return STATUS_CANCELLED;
    if (addr->family != 4 && addr->family != 6) return STATUS_INVALID;
    struct env_listener *l = calloc(1, sizeof *l);
    if (l == NULL) return STATUS_NO_MEMORY;
    uint16_t port = 0;
    l->fd = listener_open(e, addr, handler->from_nodes, &port);
    if (l->fd < 0) {
        enum status status = errno == EADDRINUSE ? STATUS_BUSY : STATUS_IO;
        free(l);
        return status;
    }
    l->handler = handler;
    l->ctx = ctx;
    list_push_back(&e->listeners, &l->link);
    e->listeners_dirty = true;
    *listener_out = l;
    *port_out = port;
    return STATUS_OK;
}

void io_listener_close(struct env *env, struct env_listener *l)
{
    struct io_env *e = (struct io_env *)env;
    ASSERT(!l->closing);
    l->closing = true;
    e->listeners_dirty = true;
}

void io_listener_destroy(struct env_listener *l)
{
    list_remove(&l->link);
    close(l->fd);
    free(l);
}

void io_listener_stall(struct io_env *e, struct env_listener *l, int error)
{
    COVER("io_listener_stalled");
    LOG_WARN(e->base.logger, "io", "accept failed, will retry", "errno=%d", error);
    l->stalled = true;
    e->accept_retry_ns = io_now_ns(&e->base) + IO_ACCEPT_RETRY_NS;
}

void io_listeners_retry(struct io_env *e)
{
    if (e->accept_retry_ns == IO_NEVER || e->accept_retry_ns > io_now_ns(&e->base)) return;
    e->accept_retry_ns = IO_NEVER;
    e->listeners_dirty = true;
    LIST_FOR_EACH (item, &e->listeners)
        CONTAINER_OF(item, struct env_listener, link)->stalled = false;
}

void io_socket_accepted(struct io_env *e, struct env_listener *l, int fd)
{
    ASSERT(fd >= 0);
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    bool welcome = !l->closing && !e->shut_down && e->socket_count < e->operation_max;
    /* A peer that is gone already has no name any more. */
    if (!welcome || getpeername(fd, (struct sockaddr *)&address, &size) < 0) {
        COVER("io_accept_refused");
        close(fd);
        return;
    }
    struct env_socket *s = io_socket_create(e, fd);
    if (s == NULL) {
        close(fd);
        return;
    }
    s->peer = address_unpack(&address);
    ASSERT(e->polling);
    if (l->handler->on_accepted(l->ctx, s, &s->peer)) {
        ASSERT(s->handler != NULL); /* attached */
        return;
    }
    ASSERT(s->handler == NULL); /* refused: it has no one to tell */
    io_socket_end(e, s, STATUS_CLOSED);
}
