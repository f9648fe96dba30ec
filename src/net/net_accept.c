/* The accepting side: who may connect, nodes and guests.
 *
 *   HELLO --known node--> NODE ----+
 *     |----node id 0----> GUEST ---+--> CLOSING
 *     +----refused------> REFUSED -+
 *
 * A refused peer gets the reason, and some time to read it before the connection is closed. */
#include <stdlib.h>

#include "base/hash.h"
#include "net/net_int.h"

/* ---- books ---- */

static uint32_t *counter_of(struct net_inbound *in)
{
    if (in->state == NET_INBOUND_GUEST) return &in->net->guest_count;
    if (in->state == NET_INBOUND_HELLO || in->state == NET_INBOUND_REFUSED)
        return &in->net->handshake_count;
    return NULL;
}

static void inbound_become(struct net_inbound *in, enum net_inbound_state state)
{
    uint32_t *counter = counter_of(in);
    if (counter != NULL) {
        ASSERT(*counter > 0);
        (*counter)--;
    }
    in->state = state;
    counter = counter_of(in);
    if (counter != NULL) (*counter)++;
}

static void arm(struct net_inbound *in, uint64_t wait_ns)
{
    timer_arm(in->net->options.timers, &in->timer, net_now_ns(in->net) + wait_ns);
}

static void leave_peer(struct net_inbound *in)
{
    if (in->peer == NULL) return;
    ASSERT(in->peer->in[in->kind] == in);
    in->peer->in[in->kind] = NULL;
    in->peer = NULL;
}

void net_inbound_close(struct net_inbound *in, enum status reason, const char *why)
{
    leave_peer(in);
    timer_cancel(in->net->options.timers, &in->timer);
    if (!in->conn->closing && net_may_log(in->net))
        LOG_INFO(in->net->options.logger, "net", "closing an accepted connection",
                 "node=%llu reason=\"%s\"", (unsigned long long)in->node.value, why);
    net_conn_close(in->conn, reason);
}

static void timer_fired(struct timer *t, void *ctx)
{
    struct net_inbound *in = ctx;
    ASSERT(t == &in->timer);
    bool guest = in->state == NET_INBOUND_GUEST;
    net_inbound_close(in, STATUS_TIMEOUT, guest ? "idle guest" : "no handshake in time");
}

/* ---- the handshake ---- */

static enum net_refusal judge_guest(const struct net *n, const struct net_hello *hello)
{
    bool stranger = !net_cluster_is_zero(&n->identity) && !net_cluster_is_zero(&hello->identity) &&
                    !net_cluster_equal(&n->identity, &hello->identity);
    if (stranger) return NET_REFUSAL_CLUSTER;
    return n->guest_count < n->options.guests_max ? NET_REFUSAL_NONE : NET_REFUSAL_BUSY;
}

/* NET-2. The order of the questions makes the answer the most telling one. */
static enum net_refusal judge_node(const struct net *n, const struct net_hello *hello)
{
    const struct net_identity *peer = &hello->identity;
    if (!net_is_member(n)) return NET_REFUSAL_NOT_READY;
    if (!net_cluster_equal(&n->identity, peer)) return NET_REFUSAL_CLUSTER;
    bool meant = hello->target.value == n->identity.node.value;
    if (!meant && !MUTANT("net_target_unchecked")) return NET_REFUSAL_TARGET;
    /* Somebody runs under our own id, on a copy of our data. */
    if (peer->node.value == n->identity.node.value) return NET_REFUSAL_INCARNATION;
    const struct net_peer *known = net_peer_find(n, peer->node);
    bool old = known != NULL &&
               !net_identity_continues(peer, known->incarnation, known->start_mark);
    if (old && !MUTANT("k26_old_incarnation")) return NET_REFUSAL_INCARNATION;
    return NET_REFUSAL_NONE;
}

static uint16_t choose_version(const struct net *n, const struct net_hello *hello)
{
    return net_version_choose(n->options.version_min, n->options.version_max, hello->version_min, hello->version_max);
}

static enum net_refusal judge(struct net_inbound *in, const struct net_hello *hello)
{
    const struct net *n = in->net;
    if (choose_version(n, hello) == 0) return NET_REFUSAL_VERSION;
    enum net_refusal refusal =
        hello->identity.node.value == 0 ? judge_guest(n, hello) : judge_node(n, hello);
    if (refusal != NET_REFUSAL_NONE) return refusal;
    return n->options.handler->admit(n->options.ctx, &hello->identity);
}

static void reply(struct net_inbound *in, enum net_refusal refusal, uint16_t version)
{
    struct net *n = in->net;
    struct net_hello_reply r = {refusal, version, n->identity};
    struct buf payload;
    buf_init(&payload, NET_HELLO_BYTES_MAX);
    net_hello_reply_encode(&payload, &r);
    struct net_message m = {.type = NET_TYPE_HELLO_REPLY, .payload = buf_view(&payload)};
    enum status status = payload.failed ? STATUS_NO_MEMORY : net_conn_queue(in->conn, &m);
    buf_deinit(&payload);
    if (status == STATUS_OK)
        net_conn_push(in->conn);
    else
        net_inbound_close(in, status, "no room for a reply");
}

/* A name, of a node or of a guest; another start is somebody else. */
static uint64_t who_is(const struct net_identity *identity)
{
    uint64_t who = hash64(identity->advertise, strlen(identity->advertise), identity->node.value);
    who = hash64(identity->cluster_id, sizeof identity->cluster_id, who ^ identity->incarnation);
    return who != 0 ? who : 1;
}

static struct net_told *told_find(struct net *n, uint64_t who)
{
    for (size_t i = 0; i < NET_TOLD_MAX; i++)
        if (n->told[i].who == who) return &n->told[i];
    return NULL;
}

/* It is not refused any more. */
static void told_forget(struct net *n, const struct net_identity *identity)
{
    struct net_told *t = told_find(n, who_is(identity));
    if (t != NULL) *t = (struct net_told){0};
}

/* Once, though it will dial again. */
static void log_refusal(struct net *n, const struct net_hello *hello, enum net_refusal refusal)
{
    uint64_t who = who_is(&hello->identity);
    struct net_told *t = told_find(n, who);
    if ((t != NULL && t->refusal == refusal) || !net_may_log(n)) return;
    if (t == NULL) t = &n->told[n->told_next++ % NET_TOLD_MAX];
    *t = (struct net_told){who, refusal};
    if (refusal == NET_REFUSAL_VERSION)
        LOG_WARN(n->options.logger, "net", "connection refused: the other program is of another release, with no protocol version in common",
                 "node=%llu at=\"%s\" versions=%u..%u here=%u..%u", (unsigned long long)hello->identity.node.value,
                 hello->identity.advertise, hello->version_min, hello->version_max, n->options.version_min,
                 n->options.version_max);
    else
        LOG_WARN(n->options.logger, "net", "connection refused",
                 "node=%llu incarnation=%llu at=\"%s\" reason=\"%s\"",
                 (unsigned long long)hello->identity.node.value,
                 (unsigned long long)hello->identity.incarnation, hello->identity.advertise,
                 net_refusal_text(refusal));
}

static void refuse(struct net_inbound *in, const struct net_hello *hello, enum net_refusal refusal)
{
    in->net->metrics.refusals++;
    log_refusal(in->net, hello, refusal);
    inbound_become(in, NET_INBOUND_REFUSED); /* the timer of the handshake runs on */
    reply(in, refusal, 0);
}

static void welcome_guest(struct net_inbound *in, uint16_t version)
{
    inbound_become(in, NET_INBOUND_GUEST);
    net_assembler_raise(&in->conn->in, NET_GUEST_MESSAGE_BYTES_MAX);
    arm(in, NET_GUEST_IDLE_NS);
    reply(in, NET_REFUSAL_NONE, version);
}

static void welcome_node(struct net_inbound *in, struct net_peer *peer,
                         const struct net_hello *hello, uint16_t version)
{
    struct net *n = in->net;
    in->node = peer->id;
    in->kind = (enum net_link)hello->link;
    in->incarnation = hello->identity.incarnation;
    net_peer_saw(peer, &hello->identity);
    /* Its previous connection is lost to it, even if we have not heard of that yet. */
    if (peer->in[in->kind] != NULL)
        net_inbound_close(peer->in[in->kind], STATUS_CLOSED, "replaced by a newer connection");
    in->peer = peer;
    peer->in[in->kind] = in;
    inbound_become(in, NET_INBOUND_NODE);
    net_assembler_raise(&in->conn->in, NET_MESSAGE_BYTES_MAX);
    timer_cancel(n->options.timers, &in->timer);
    reply(in, NET_REFUSAL_NONE, version);
    n->options.handler->on_peer_seen(n->options.ctx, &hello->identity);
}

static void handshake(struct net_inbound *in, const struct net_message *m)
{
    struct net_hello hello;
    if (m->type != NET_TYPE_HELLO || net_hello_decode(m->payload, &hello) != STATUS_OK) {
        net_conn_reject(in->conn, STATUS_INVALID, "no handshake");
        return;
    }
    in->node = hello.identity.node;
    enum net_refusal refusal = judge(in, &hello);
    if (in->conn->closing) return; /* admit stopped everything */
    struct net_peer *peer = NULL;
    if (refusal == NET_REFUSAL_NONE && in->node.value != 0) {
        peer = net_peer_meet(in->net, in->node);
        if (peer == NULL) refusal = NET_REFUSAL_BUSY;
    }
    uint16_t version = choose_version(in->net, &hello);
    if (refusal != NET_REFUSAL_NONE) {
        refuse(in, &hello, refusal);
        return;
    }
    told_forget(in->net, &hello.identity);
    if (peer != NULL)
        welcome_node(in, peer, &hello, version);
    else
        welcome_guest(in, version);
}

/* ---- after it ---- */

static void guest_message(struct net_inbound *in, const struct net_message *m)
{
    struct net *n = in->net;
    arm(in, NET_GUEST_IDLE_NS);
    n->metrics.messages_received++;
    n->options.handler->on_guest_message(n->options.ctx, &in->guest, m->type, m->payload);
}

static void conn_message(void *owner, const struct net_message *m)
{
    struct net_inbound *in = owner;
    bool known = in->state == NET_INBOUND_NODE || in->state == NET_INBOUND_GUEST;
    if (known && m->type > NET_MESSAGE_TYPE_MAX) {
        net_conn_reject(in->conn, STATUS_INVALID, "a second handshake");
        return;
    }
    switch (in->state) {
    case NET_INBOUND_HELLO: handshake(in, m); return;
    case NET_INBOUND_NODE: net_deliver(in, m); return;
    case NET_INBOUND_GUEST: guest_message(in, m); return;
    case NET_INBOUND_REFUSED: return; /* it may not have read the refusal yet */
    case NET_INBOUND_CLOSING: UNREACHABLE();
    }
}

static void conn_closed(void *owner, enum status reason)
{
    struct net_inbound *in = owner;
    struct net *n = in->net;
    bool guest = in->state == NET_INBOUND_GUEST;
    if (in->state == NET_INBOUND_NODE && in->peer != NULL && net_may_log(n))
        LOG_INFO(n->options.logger, "net", "accepted link closed", "node=%llu status=%s",
                 (unsigned long long)in->node.value, status_name(reason));
    leave_peer(in);
    timer_cancel(n->options.timers, &in->timer);
    inbound_become(in, NET_INBOUND_CLOSING);
    list_remove(&in->link);
    ASSERT(n->accepted_count > 0);
    n->accepted_count--;
    if (guest) n->options.handler->on_guest_closed(n->options.ctx, &in->guest);
    free(in);
}

static const struct net_conn_ops conn_ops = {NULL, conn_message, conn_closed};

enum status net_guest_reply(struct net_guest *guest, uint16_t type, struct bytes payload)
{
    struct net_inbound *in = guest->inbound;
    ASSERT(type <= NET_MESSAGE_TYPE_MAX);
    if (in->state != NET_INBOUND_GUEST || in->conn->closing) return STATUS_CLOSED;
    if (payload.size > NET_MESSAGE_BYTES_MAX) return STATUS_TOO_LARGE;
    arm(in, NET_GUEST_IDLE_NS);
    struct net_message m = {.type = type, .payload = payload};
    return net_conn_queue(in->conn, &m);
}

/* ---- listening ---- */

static struct net_inbound *inbound_create(struct net *n, struct env_socket *s)
{
    struct net_inbound *in = calloc(1, sizeof *in);
    if (in == NULL) return NULL;
    in->net = n;
    in->conn = net_conn_accept(n, s, NET_HELLO_BYTES_MAX, &conn_ops, in);
    if (in->conn == NULL) {
        free(in);
        return NULL;
    }
    in->guest.inbound = in;
    in->state = NET_INBOUND_HELLO;
    n->handshake_count++;
    n->accepted_count++;
    list_push_back(&n->inbounds, &in->link);
    timer_init(&in->timer, timer_fired, in);
    arm(in, n->options.handshake_timeout_ns);
    return in;
}

static bool accepted(void *ctx, struct env_socket *s, const struct env_addr *peer)
{
    struct net *n = ctx;
    bool room = n->handshake_count < n->options.handshakes_max &&
                n->accepted_count < n->options.accepted_max;
    if (!n->stopped && room && inbound_create(n, s) != NULL) return true;
    COVER("net_accept_no_room");
    n->metrics.refusals++;
    char at[ENV_ADDR_TEXT_MAX];
    env_addr_format(peer, at);
    if (net_may_log(n))
        LOG_WARN(n->options.logger, "net", "no room for a connection",
                 "from=%s handshakes=%u accepted=%u", at, n->handshake_count, n->accepted_count);
    return false;
}

static const struct env_listener_handler listener_handler = {accepted, true};

enum status net_listen(struct net *n, const struct env_addr *addr, uint16_t *port_out)
{
    ASSERT(n->listener == NULL);
    ASSERT(!n->stopped);
    return env_listen(n->options.env, addr, &listener_handler, n, &n->listener, port_out);
}
