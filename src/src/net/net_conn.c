/* One connection: bytes in become messages, messages out become as few sends as possible. */
#include <stdlib.h>

#include "net/net_int.h"

/* An output buffer that is larger than this goes back to the allocator when a send was small. */
#define OUT_KEEP_BYTES ((size_t)256 * 1024)

static void check(const struct net_conn *c)
{
    ASSERT(c->filling <= 1);
    ASSERT(c->sending || c->out[1 - c->filling].size == 0);
    ASSERT(!c->sending || c->connected);
    ASSERT(net_conn_queued(c) <= c->net->options.output_bytes_max); /* NET-4 */
}

/* ---- life ---- */

static struct net_conn *conn_create(struct net *n, size_t message_max,
                                    const struct net_conn_ops *ops, void *owner)
{
    ASSERT(ops->on_message != NULL);
    ASSERT(ops->on_closed != NULL);
    struct net_conn *c = calloc(1, sizeof *c);
    if (c == NULL) return NULL;
    c->net = n;
    c->ops = ops;
    c->owner = owner;
    net_assembler_init(&c->in, message_max);
    buf_init(&c->out[0], n->options.output_bytes_max);
    buf_init(&c->out[1], n->options.output_bytes_max);
    list_init(&c->dirty_link);
    list_push_back(&n->conns, &c->link);
    n->metrics.connections++;
    return c;
}

static void conn_free(struct net_conn *c)
{
    ASSERT(c->net->metrics.connections > 0);
    c->net->metrics.connections--;
    list_remove(&c->link);
    list_remove(&c->dirty_link);
    net_assembler_deinit(&c->in);
    buf_deinit(&c->out[0]);
    buf_deinit(&c->out[1]);
    free(c);
}

/* ---- output ---- */

/* What a burst needed is not kept by a link that has calmed down. */
static void out_reset(struct buf *b)
{
    bool wasteful = b->capacity > OUT_KEEP_BYTES && b->size < b->capacity / 4;
    if (wasteful)
        buf_deinit(b);
    else
        buf_reset(b);
}

void net_conn_push(struct net_conn *c)
{
    check(c);
    struct buf *full = &c->out[c->filling];
    if (c->closing || c->sending || !c->connected || full->size == 0) return;
    c->filling = 1 - c->filling;
    c->sending = true;
    c->sending_since_ns = net_now_ns(c->net);
    env_send(c->net->options.env, c->socket, full->data, full->size);
    check(c);
}

/* A peer that has not taken anything for so long will not; a new connection may reach it. */
static void close_if_stalled(struct net_conn *c)
{
    if (!c->sending || net_now_ns(c->net) - c->sending_since_ns < NET_STALL_NS) return;
    COVER("net_output_stalled");
    if (net_may_log(c->net))
        LOG_WARN(c->net->options.logger, "net", "peer takes nothing, closing", "queued_bytes=%zu",
                 net_conn_queued(c));
    net_conn_close(c, STATUS_TIMEOUT);
}

enum status net_conn_queue(struct net_conn *c, const struct net_message *message)
{
    ASSERT(c->connected);
    ASSERT(message->payload.size <= NET_MESSAGE_BYTES_MAX);
    if (c->closing) return STATUS_CLOSED;
    size_t room = c->net->options.output_bytes_max - net_conn_queued(c);
    if (net_message_wire_size(message->payload.size) > room) {
        COVER("net_output_full");
        close_if_stalled(c);
        return STATUS_BUSY;
    }
    if (net_message_encode(&c->out[c->filling], message) != STATUS_OK) return STATUS_BUSY;
    c->net->metrics.messages_sent++;
    if (!c->dirty) {
        c->dirty = true;
        list_push_back(&c->net->dirty, &c->dirty_link);
    }
    check(c);
    return STATUS_OK;
}

void net_flush(struct net *n)
{
    for (struct list *item; (item = list_pop_front(&n->dirty)) != NULL;) {
        struct net_conn *c = CONTAINER_OF(item, struct net_conn, dirty_link);
        ASSERT(c->dirty);
        c->dirty = false;
        net_conn_push(c);
    }
}

static void socket_sent(void *ctx, struct env_socket *s)
{
    struct net_conn *c = ctx;
    struct buf *sent = &c->out[1 - c->filling];
    ASSERT(c->socket == s);
    ASSERT(c->sending);
    c->sending = false;
    c->net->metrics.bytes_sent += sent->size;
    out_reset(sent);
    net_conn_push(c);
}

/* ---- input ---- */

static const char *broken_text(enum status status)
{
    switch (status) {
    case STATUS_INVALID: return "not a frame";
    case STATUS_VERSION: return "a frame of an unknown version";
    case STATUS_TOO_LARGE: return "a message over the limit";
    case STATUS_CORRUPT: return "a frame whose hash is wrong";
    default: return "out of memory for a message";
    }
}

static void socket_received(void *ctx, struct env_socket *s, struct bytes bytes)
{
    struct net_conn *c = ctx;
    ASSERT(c->socket == s);
    ASSERT(bytes.size > 0);
    c->net->metrics.bytes_received += bytes.size;
    while (!c->closing) {
        struct net_message message;
        enum status status = net_assembler_next(&c->in, &bytes, &message);
        if (status == STATUS_WAIT) return;
        if (status != STATUS_OK) {
            net_conn_reject(c, status, broken_text(status));
            return;
        }
        c->ops->on_message(c->owner, &message);
    }
}

static void socket_connected(void *ctx, struct env_socket *s)
{
    struct net_conn *c = ctx;
    ASSERT(c->socket == s);
    if (c->closing) return;
    c->connected = true;
    c->ops->on_connected(c->owner);
}

/* ---- the end ---- */

void net_conn_close(struct net_conn *c, enum status reason)
{
    ASSERT(reason != STATUS_OK);
    if (c->closing) return;
    c->closing = true;
    c->close_reason = reason;
    env_close(c->net->options.env, c->socket);
}

void net_conn_reject(struct net_conn *c, enum status reason, const char *why)
{
    c->net->metrics.bad_frames++;
    if (!c->closing && net_may_log(c->net))
        LOG_WARN(c->net->options.logger, "net", "closing a connection for what it sent",
                 "reason=\"%s\" status=%s", why, status_name(reason));
    net_conn_close(c, reason);
}

void net_conn_abandon(struct net_conn *c)
{
    c->ops = NULL;
    c->owner = NULL;
    net_conn_close(c, STATUS_CANCELLED);
}

static void socket_closed(void *ctx, struct env_socket *s, enum status reason)
{
    struct net_conn *c = ctx;
    ASSERT(c->socket == s);
    ASSERT(reason != STATUS_OK);
    c->closing = true;
    c->socket = NULL;
    if (c->close_reason != STATUS_OK) reason = c->close_reason;
    if (c->ops != NULL) c->ops->on_closed(c->owner, reason);
    conn_free(c);
}

static const struct env_socket_handler socket_handler = {
    .on_connected = socket_connected,
    .on_received = socket_received,
    .on_sent = socket_sent,
    .on_closed = socket_closed,
};

/* ---- beginnings ---- */

enum status net_conn_connect(struct net *n, const struct env_addr *addr, size_t message_max,
                             const struct net_conn_ops *ops, void *owner,
                             struct net_conn **conn_out)
{
    ASSERT(ops->on_connected != NULL);
    struct net_conn *c = conn_create(n, message_max, ops, owner);
    if (c == NULL) return STATUS_NO_MEMORY;
    enum status status = env_connect(n->options.env, addr, &socket_handler, c, &c->socket);
    if (status != STATUS_OK) {
        conn_free(c);
        return status;
    }
    *conn_out = c;
    return STATUS_OK;
}

struct net_conn *net_conn_accept(struct net *n, struct env_socket *s, size_t message_max,
                                 const struct net_conn_ops *ops, void *owner)
{
    struct net_conn *c = conn_create(n, message_max, ops, owner);
    if (c == NULL) return NULL;
    c->socket = s;
    c->connected = true;
    env_socket_attach(n->options.env, s, &socket_handler, c);
    return c;
}
