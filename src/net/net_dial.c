/* One attempt to reach a place:
 *
 *   IDLE -start-> RESOLVING -> CONNECTING -> HANDSHAKE -> UP
 *     ^                |            |            |         |
 *     +----------------+------------+------------+---------+   on_down
 *
 * A failure inside net_dial_start is told by the timer (FAILING), so that no callback runs inside a
 * call. A lookup or connection that was given up lives on without its dial until it completes. */
#include <errno.h>
#include <stdlib.h>

#include "base/parse.h"
#include "net/net_int.h"

struct net_resolve {
    struct env_op op;
    struct env_addr addr;
    struct net_dial *dial; /* NULL: given up */
    struct list link;      /* net->resolves */
};

/* ---- ends ---- */

static void dial_down(struct net_dial *d, enum status reason, enum net_refusal refusal,
                      bool by_peer)
{
    ASSERT(d->state != NET_DIAL_IDLE);
    ASSERT(d->conn == NULL);
    ASSERT(d->resolve == NULL);
    timer_cancel(d->net->options.timers, &d->timer);
    d->state = NET_DIAL_IDLE;
    d->ops->on_down(d, reason, refusal, by_peer);
}

static void drop_conn(struct net_dial *d)
{
    if (d->conn != NULL) net_conn_abandon(d->conn);
    d->conn = NULL;
}

static void drop_resolve(struct net_dial *d)
{
    if (d->resolve != NULL) d->resolve->dial = NULL;
    d->resolve = NULL;
}

/* on_down comes from the timer, at once. */
static void fail_soon(struct net_dial *d, enum status reason)
{
    ASSERT(reason != STATUS_OK);
    ASSERT(d->conn == NULL);
    d->state = NET_DIAL_FAILING;
    d->failure = reason;
    timer_arm(d->net->options.timers, &d->timer, net_now_ns(d->net));
}

static void timer_fired(struct timer *t, void *ctx)
{
    struct net_dial *d = ctx;
    ASSERT(t == &d->timer);
    ASSERT(d->state != NET_DIAL_IDLE);
    ASSERT(d->state != NET_DIAL_UP);
    drop_conn(d);
    dial_down(d, d->state == NET_DIAL_FAILING ? d->failure : STATUS_TIMEOUT, NET_REFUSAL_NONE,
              false);
}

static void patience(struct net_dial *d)
{
    uint64_t until_ns = net_now_ns(d->net) + d->net->options.connect_timeout_ns;
    timer_arm(d->net->options.timers, &d->timer, until_ns);
}

/* ---- the handshake ---- */

static void conn_connected(void *owner)
{
    struct net_dial *d = owner;
    ASSERT(d->state == NET_DIAL_CONNECTING);
    struct net *n = d->net;
    struct net_hello hello = {n->options.version_min, n->options.version_max, d->link, d->target, n->identity};
    if (d->link == NET_HELLO_GUEST) hello.identity.node.value = 0;
    struct buf payload;
    buf_init(&payload, NET_HELLO_BYTES_MAX);
    net_hello_encode(&payload, &hello);
    struct net_message m = {.type = NET_TYPE_HELLO, .payload = buf_view(&payload)};
    enum status status = payload.failed ? STATUS_NO_MEMORY : net_conn_queue(d->conn, &m);
    buf_deinit(&payload);
    if (status != STATUS_OK) {
        net_conn_close(d->conn, status);
        return;
    }
    d->state = NET_DIAL_HANDSHAKE;
    patience(d);
    net_conn_push(d->conn);
}

static void refuse(struct net_dial *d, enum net_refusal refusal, bool by_peer)
{
    ASSERT(refusal != NET_REFUSAL_NONE);
    if (by_peer) d->net->metrics.refused++;
    drop_conn(d);
    dial_down(d, STATUS_CLOSED, refusal, by_peer);
}

static void handshake_reply(struct net_dial *d, const struct net_message *m)
{
    struct net_hello_reply reply;
    bool good = m->type == NET_TYPE_HELLO_REPLY && m->payload.size <= NET_HELLO_BYTES_MAX &&
                net_hello_reply_decode(m->payload, &reply) == STATUS_OK;
    if (!good) {
        net_conn_reject(d->conn, STATUS_INVALID, "no reply to a handshake");
        return;
    }
    if (reply.refusal != NET_REFUSAL_NONE) {
        refuse(d, reply.refusal, true);
        return;
    }
    const struct net_options *o = &d->net->options;
    if (net_version_choose(o->version_min, o->version_max, reply.version, reply.version) == 0) {
        net_conn_reject(d->conn, STATUS_VERSION, "a version that was not offered");
        return;
    }
    enum net_refusal verdict = d->ops->judge(d, &reply.identity);
    if (verdict != NET_REFUSAL_NONE) {
        refuse(d, verdict, false);
        return;
    }
    timer_cancel(d->net->options.timers, &d->timer);
    d->state = NET_DIAL_UP;
    d->net->metrics.connects++;
    d->ops->on_up(d, &reply.identity);
}

static void conn_message(void *owner, const struct net_message *message)
{
    struct net_dial *d = owner;
    ASSERT(d->state == NET_DIAL_HANDSHAKE || d->state == NET_DIAL_UP);
    if (d->state == NET_DIAL_HANDSHAKE)
        handshake_reply(d, message);
    else
        d->ops->on_message(d, message);
}

static void conn_closed(void *owner, enum status reason)
{
    struct net_dial *d = owner;
    d->conn = NULL;
    dial_down(d, reason, NET_REFUSAL_NONE, false);
}

static const struct net_conn_ops conn_ops = {conn_connected, conn_message, conn_closed};

/* ---- lookup and connection ---- */

static void dial_connect(struct net_dial *d, const struct env_addr *addr)
{
    enum status status =
        net_conn_connect(d->net, addr, NET_MESSAGE_BYTES_MAX, &conn_ops, d, &d->conn);
    if (status != STATUS_OK) {
        COVER("net_connect_failed_at_once");
        fail_soon(d, status);
        return;
    }
    d->state = NET_DIAL_CONNECTING;
    patience(d);
}

static void resolve_done(struct env_op *op, int64_t result)
{
    struct net_resolve *r = CONTAINER_OF(op, struct net_resolve, op);
    struct net_dial *d = r->dial;
    struct env_addr addr = r->addr;
    list_remove(&r->link);
    free(r);
    if (d == NULL) return;
    ASSERT(d->state == NET_DIAL_RESOLVING);
    d->resolve = NULL;
    if (result >= 0)
        dial_connect(d, &addr);
    else
        dial_down(d, result == -ECANCELED ? STATUS_CANCELLED : STATUS_NOT_FOUND, NET_REFUSAL_NONE,
                  false);
}

/* "name:port" -> its parts; brackets around a name that has colons in it are taken off. */
static bool host_split(const char *host_port, char host[NET_HOST_MAX], uint16_t *port_out)
{
    const char *colon = strrchr(host_port, ':');
    uint64_t port = 0;
    if (colon == NULL || colon == host_port || colon - host_port >= NET_HOST_MAX) return false;
    if (parse_u64(bytes_of_string(colon + 1), &port) != STATUS_OK) return false;
    if (port == 0 || port > UINT16_MAX) return false;
    size_t size = (size_t)(colon - host_port);
    bool bracketed = size > 2 && host_port[0] == '[' && host_port[size - 1] == ']';
    memcpy(host, host_port + bracketed, size - 2u * bracketed);
    host[size - 2u * bracketed] = 0;
    *port_out = (uint16_t)port;
    return true;
}

static void dial_resolve(struct net_dial *d, const char *host_port)
{
    char host[NET_HOST_MAX];
    uint16_t port;
    if (!host_split(host_port, host, &port)) {
        fail_soon(d, STATUS_INVALID);
        return;
    }
    struct net_resolve *r = calloc(1, sizeof *r);
    if (r == NULL) {
        fail_soon(d, STATUS_NO_MEMORY);
        return;
    }
    r->op.on_done = resolve_done;
    r->dial = d;
    list_push_back(&d->net->resolves, &r->link);
    d->resolve = r;
    d->state = NET_DIAL_RESOLVING;
    env_resolve(d->net->options.env, host, port, &r->addr, &r->op);
}

/* ---- the owner's verbs ---- */

void net_dial_init(struct net_dial *d, struct net *n, const struct net_dial_ops *ops, uint8_t link,
                   struct node_id target)
{
    ASSERT((link == NET_HELLO_GUEST) == (target.value == 0));
    *d = (struct net_dial){.net = n, .ops = ops, .link = link, .target = target};
    timer_init(&d->timer, timer_fired, d);
}

void net_dial_start(struct net_dial *d, const char *host_port)
{
    ASSERT(d->state == NET_DIAL_IDLE);
    ASSERT(!d->net->stopped);
    struct env_addr addr;
    if (env_addr_parse(bytes_of_string(host_port), &addr) == STATUS_OK)
        dial_connect(d, &addr);
    else
        dial_resolve(d, host_port);
    ASSERT(d->state != NET_DIAL_IDLE);
}

void net_dial_stop(struct net_dial *d)
{
    timer_cancel(d->net->options.timers, &d->timer);
    drop_conn(d);
    drop_resolve(d);
    d->state = NET_DIAL_IDLE;
}

void net_dial_end(struct net_dial *d, enum status reason)
{
    if (d->conn != NULL) {
        timer_cancel(d->net->options.timers, &d->timer);
        net_conn_close(d->conn, reason);
    } else if (d->state == NET_DIAL_RESOLVING) {
        drop_resolve(d);
        fail_soon(d, reason);
    }
}
