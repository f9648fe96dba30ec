/* Peers and the links to them.
 *
 *   IDLE --dial--> DIALLING --handshake--> UP
 *    ^               |   ^                 |
 *    | (BULK)        v   |                 |
 *    +------------ BACKOFF <---------------+
 *
 * CONTROL and DATA of every peer with a known address are dialled until they are up; BULK when
 * there is something to send. Waiting times double up to a limit and are jittered, so that nodes
 * that lost a peer together do not come back together. */
#include <stdio.h>
#include <stdlib.h>

#include "net/net_int.h"

static const char *link_name(enum net_link link)
{
    static const char *const names[NET_LINK_COUNT] = {"control", "data", "bulk"};
    ASSERT(link < NET_LINK_COUNT);
    return names[link];
}

/* ---- one link ---- */

static bool outbound_up(const struct net_outbound *o)
{
    return o->state == NET_OUTBOUND_UP && !o->dial.conn->closing;
}

static void outbound_dial(struct net_outbound *o)
{
    struct net *n = o->peer->net;
    ASSERT(o->state == NET_OUTBOUND_IDLE || o->state == NET_OUTBOUND_BACKOFF);
    timer_cancel(n->options.timers, &o->backoff);
    o->state = NET_OUTBOUND_IDLE;
    bool possible = !n->stopped && net_is_member(n) && o->peer->host[0] != 0;
    if (!possible || (o->kind == NET_LINK_BULK && !o->wanted)) return;
    o->wanted = false;
    o->state = NET_OUTBOUND_DIALLING;
    net_dial_start(&o->dial, o->peer->host);
}

static void backoff_fired(struct timer *t, void *ctx)
{
    struct net_outbound *o = ctx;
    ASSERT(t == &o->backoff);
    ASSERT(o->state == NET_OUTBOUND_BACKOFF);
    outbound_dial(o);
}

/* The wait before the next attempt: between a half and the whole of min * 2^failures, at most max.
 */
static uint64_t backoff_ns(const struct net_outbound *o)
{
    const struct net_options *options = &o->peer->net->options;
    uint32_t doublings =
        o->failure_count < NET_BACKOFF_DOUBLINGS_MAX ? o->failure_count : NET_BACKOFF_DOUBLINGS_MAX;
    uint64_t full = options->backoff_ns_min;
    for (uint32_t i = 0; i < doublings && full < options->backoff_ns_max; i++)
        full *= 2;
    if (full > options->backoff_ns_max) full = options->backoff_ns_max;
    uint64_t wait_ns = full / 2 + env_random_u64(options->env) % (full / 2 + 1);
    ASSERT(wait_ns <= options->backoff_ns_max);
    return wait_ns;
}

static void outbound_back_off(struct net_outbound *o)
{
    struct net *n = o->peer->net;
    o->state = NET_OUTBOUND_IDLE;
    if (n->stopped) return;
    uint64_t wait_ns = backoff_ns(o);
    o->failure_count++;
    o->state = NET_OUTBOUND_BACKOFF;
    timer_arm(n->options.timers, &o->backoff, net_now_ns(n) + wait_ns);
}

static void log_down(const struct net_outbound *o, bool was_up, enum status reason,
                     enum net_refusal refusal)
{
    struct net *n = o->peer->net;
    /* A peer that stays away is told ever more seldom. */
    uint32_t count = o->failure_count;
    if (!was_up && (count & (count + 1)) != 0) return;
    if (!net_may_log(n)) return;
    LOG_WARN(n->options.logger, "net", was_up ? "link down" : "no link",
             "peer=%llu link=%s at=\"%s\" status=%s refusal=\"%s\" attempts=%u",
             (unsigned long long)o->peer->id.value, link_name(o->kind), o->peer->host,
             status_name(reason), net_refusal_text(refusal), count + 1);
}

/* ---- what the dial tells ---- */

static struct net_outbound *outbound_of(struct net_dial *d)
{
    return CONTAINER_OF(d, struct net_outbound, dial);
}

/* NET-2: somebody else may have got the address meanwhile, or a copy of an old disk answers. */
static enum net_refusal dial_judge(struct net_dial *d, const struct net_identity *peer)
{
    const struct net_outbound *o = outbound_of(d);
    const struct net *n = d->net;
    if (!net_cluster_equal(peer, &n->identity)) return NET_REFUSAL_CLUSTER;
    bool meant = peer->node.value == o->peer->id.value;
    if (!meant && !MUTANT("net_target_unchecked")) return NET_REFUSAL_TARGET;
    if (!net_identity_continues(peer, o->peer->incarnation, o->peer->start_mark))
        return NET_REFUSAL_INCARNATION;
    return n->options.handler->admit(n->options.ctx, peer);
}

static void dial_up(struct net_dial *d, const struct net_identity *identity)
{
    struct net_outbound *o = outbound_of(d);
    struct net *n = d->net;
    struct node_id id = o->peer->id;
    enum net_link kind = o->kind;
    ASSERT(o->state == NET_OUTBOUND_DIALLING);
    o->state = NET_OUTBOUND_UP;
    o->up_since_ns = net_now_ns(n);
    o->incarnation = identity->incarnation;
    o->peer->refused = NET_REFUSAL_NONE;
    net_peer_saw(o->peer, identity);
    if (net_may_log(n))
        LOG_INFO(n->options.logger, "net", "link up", "peer=%llu link=%s at=\"%s\"",
                 (unsigned long long)id.value, link_name(kind), o->peer->host);
    n->options.handler->on_link(n->options.ctx, id, kind, true);
    /* The callback may have removed the peer, and o with it. */
    if (net_peer_find(n, id) == NULL)
        COVER("net_peer_removed_in_callback");
    else
        n->options.handler->on_peer_seen(n->options.ctx, identity);
}

static void dial_message(struct net_dial *d, const struct net_message *message)
{
    (void)message;
    net_conn_reject(d->conn, STATUS_INVALID, "a message against the direction of its link");
}

static bool is_permanent(enum net_refusal refusal)
{
    return refusal == NET_REFUSAL_INCARNATION || refusal == NET_REFUSAL_REMOVED ||
           refusal == NET_REFUSAL_CLUSTER || refusal == NET_REFUSAL_VERSION;
}

static void dial_down(struct net_dial *d, enum status reason, enum net_refusal refusal,
                      bool by_peer)
{
    struct net_outbound *o = outbound_of(d);
    struct net *n = d->net;
    struct node_id id = o->peer->id;
    enum net_link kind = o->kind;
    bool was_up = o->state == NET_OUTBOUND_UP;
    ASSERT(was_up || o->state == NET_OUTBOUND_DIALLING);
    bool lasted = was_up && net_now_ns(n) - o->up_since_ns >= n->options.backoff_ns_max;
    if (lasted) o->failure_count = 0;
    log_down(o, was_up, reason, refusal);
    outbound_back_off(o);
    bool news = by_peer && is_permanent(refusal) && refusal != o->peer->refused;
    if (news) o->peer->refused = refusal;
    if (was_up)
        n->options.handler->on_link(n->options.ctx, id, kind, false);
    else if (news)
        n->options.handler->on_refused(n->options.ctx, id, refusal);
}

static const struct net_dial_ops dial_ops = {dial_judge, dial_up, dial_message, dial_down};

/* ---- peers ---- */

struct net_peer *net_peer_find(const struct net *n, struct node_id id)
{
    return map_get(&n->peer_map, id.value);
}

static void outbound_init(struct net_outbound *o, struct net_peer *p, enum net_link kind)
{
    *o = (struct net_outbound){.peer = p, .kind = kind};
    net_dial_init(&o->dial, p->net, &dial_ops, (uint8_t)kind, p->id);
    timer_init(&o->backoff, backoff_fired, o);
}

struct net_peer *net_peer_meet(struct net *n, struct node_id id)
{
    ASSERT(id.value != 0);
    struct net_peer *p = net_peer_find(n, id);
    if (p != NULL) return p;
    if (n->peer_map.count >= NET_PEERS_MAX) return NULL;
    p = calloc(1, sizeof *p);
    if (p == NULL) return NULL;
    p->net = n;
    p->id = id;
    for (int kind = 0; kind < NET_LINK_COUNT; kind++)
        outbound_init(&p->out[kind], p, (enum net_link)kind);
    if (map_put(&n->peer_map, id.value, p) != STATUS_OK) {
        free(p);
        return NULL;
    }
    list_push_back(&n->peers, &p->link);
    return p;
}

void net_peer_free(struct net_peer *p)
{
    struct net *n = p->net;
    for (int kind = 0; kind < NET_LINK_COUNT; kind++) {
        timer_cancel(n->options.timers, &p->out[kind].backoff);
        net_dial_stop(&p->out[kind].dial);
        if (p->in[kind] != NULL) net_inbound_close(p->in[kind], STATUS_CANCELLED, "peer removed");
        ASSERT(p->in[kind] == NULL);
    }
    void *removed = map_remove(&n->peer_map, p->id.value);
    ASSERT(removed == p);
    list_remove(&p->link);
    free(p);
}

void net_peer_saw(struct net_peer *p, const struct net_identity *identity)
{
    uint64_t incarnation = identity->incarnation;
    ASSERT(incarnation >= p->incarnation || MUTANT("k26_old_incarnation"));
    if (incarnation <= p->incarnation) return;
    p->incarnation = incarnation;
    p->start_mark = identity->start_marks[0];
    for (int kind = 0; kind < NET_LINK_COUNT; kind++) {
        struct net_outbound *o = &p->out[kind];
        struct net_inbound *in = p->in[kind];
        if (o->state == NET_OUTBOUND_UP && o->incarnation < incarnation) {
            COVER("net_outbound_to_old_incarnation");
            net_dial_end(&o->dial, STATUS_CLOSED);
        }
        if (in != NULL && in->incarnation < incarnation)
            net_inbound_close(in, STATUS_CLOSED, "replaced by a newer incarnation");
    }
}

void net_peer_dial(struct net_peer *p)
{
    for (int kind = 0; kind < NET_LINK_COUNT; kind++)
        if (p->out[kind].state == NET_OUTBOUND_IDLE) outbound_dial(&p->out[kind]);
}

void net_peer_redial(struct net_peer *p)
{
    p->refused = NET_REFUSAL_NONE;
    for (int kind = 0; kind < NET_LINK_COUNT; kind++) {
        struct net_outbound *o = &p->out[kind];
        o->failure_count = 0;
        if (o->state == NET_OUTBOUND_UP) {
            net_dial_end(&o->dial, STATUS_CLOSED);
            continue;
        }
        if (o->state == NET_OUTBOUND_DIALLING) {
            o->wanted = true; /* as it was */
            net_dial_stop(&o->dial);
        }
        o->state = NET_OUTBOUND_IDLE;
        outbound_dial(o);
    }
}

void net_peer_hang_up(struct net_peer *p)
{
    for (int kind = 0; kind < NET_LINK_COUNT; kind++) {
        struct net_outbound *o = &p->out[kind];
        timer_cancel(p->net->options.timers, &o->backoff);
        if (o->state == NET_OUTBOUND_UP) {
            net_dial_end(&o->dial, STATUS_CANCELLED);
            continue;
        }
        net_dial_stop(&o->dial);
        o->state = NET_OUTBOUND_IDLE;
    }
}

void net_set_peer(struct net *n, struct node_id peer, const char *host_port)
{
    ASSERT(peer.value != 0);
    ASSERT(strlen(host_port) < NET_HOST_MAX);
    if (peer.value == n->identity.node.value || host_port[0] == 0) return;
    struct net_peer *p = net_peer_meet(n, peer);
    if (p == NULL) {
        if (net_may_log(n))
            LOG_ERROR(n->options.logger, "net", "no room for a peer", "peer=%llu",
                      (unsigned long long)peer.value);
        return;
    }
    if (strcmp(p->host, host_port) == 0) return;
    snprintf(p->host, sizeof p->host, "%s", host_port);
    net_peer_redial(p);
}

void net_remove_peer(struct net *n, struct node_id peer)
{
    struct net_peer *p = net_peer_find(n, peer);
    if (p != NULL) net_peer_free(p);
}

/* ---- sending ---- */

/* The link, or NULL when messages cannot be queued now; then a dial is under way where possible. */
static struct net_outbound *outbound_ready(struct net *n, struct node_id peer, enum net_link link)
{
    ASSERT(link < NET_LINK_COUNT);
    struct net_peer *p = net_peer_find(n, peer);
    if (p == NULL) return NULL;
    struct net_outbound *o = &p->out[link];
    if (outbound_up(o)) return o;
    o->wanted = true;
    if (o->state == NET_OUTBOUND_IDLE) outbound_dial(o);
    return NULL;
}

enum status net_send(struct net *n, struct node_id peer, enum net_link link, uint16_t type,
                     uint16_t from_store, uint16_t to_store, struct bytes payload)
{
    ASSERT(type <= NET_MESSAGE_TYPE_MAX);
    if (payload.size > NET_MESSAGE_BYTES_MAX ||
        net_message_wire_size(payload.size) > n->options.output_bytes_max)
        return STATUS_TOO_LARGE;
    struct net_outbound *o = outbound_ready(n, peer, link);
    if (o == NULL) return STATUS_CLOSED;
    struct net_message m = {type, from_store, to_store, payload};
    return net_conn_queue(o->dial.conn, &m);
}

static const struct net_outbound *outbound_find(const struct net *n, struct node_id peer,
                                                enum net_link link)
{
    ASSERT(link < NET_LINK_COUNT);
    const struct net_peer *p = net_peer_find(n, peer);
    return p != NULL && outbound_up(&p->out[link]) ? &p->out[link] : NULL;
}

size_t net_queued(const struct net *n, struct node_id peer, enum net_link link)
{
    const struct net_outbound *o = outbound_find(n, peer, link);
    return o == NULL ? 0 : net_conn_queued(o->dial.conn);
}

bool net_link_up(const struct net *n, struct node_id peer, enum net_link link)
{
    return outbound_find(n, peer, link) != NULL;
}
