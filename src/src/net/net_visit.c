/* The dialling side of a guest: a dial without a peer behind it. */
#include <stdlib.h>

#include "net/net_int.h"

struct net_visit {
    struct net_dial dial;
    const struct net_visit_handler *handler;
    void *ctx;
    struct list link; /* net->visits */
};

static struct net_visit *visit_of(struct net_dial *d)
{
    return CONTAINER_OF(d, struct net_visit, dial);
}

/* A guest takes whoever answers; only another cluster than its own is none of its business. */
static enum net_refusal dial_judge(struct net_dial *d, const struct net_identity *peer)
{
    const struct net *n = d->net;
    bool stranger = !net_cluster_is_zero(&n->identity) && !net_cluster_is_zero(peer) &&
                    !net_cluster_equal(&n->identity, peer);
    return stranger ? NET_REFUSAL_CLUSTER : NET_REFUSAL_NONE;
}

static void dial_up(struct net_dial *d, const struct net_identity *peer)
{
    struct net_visit *v = visit_of(d);
    v->handler->on_open(v->ctx, v, peer);
}

static void dial_message(struct net_dial *d, const struct net_message *m)
{
    struct net_visit *v = visit_of(d);
    if (m->type > NET_MESSAGE_TYPE_MAX) {
        net_conn_reject(d->conn, STATUS_INVALID, "a second handshake");
        return;
    }
    d->net->metrics.messages_received++;
    v->handler->on_message(v->ctx, v, m->type, m->payload);
}

static void dial_down(struct net_dial *d, enum status reason, enum net_refusal refusal,
                      bool by_peer)
{
    struct net_visit *v = visit_of(d);
    (void)by_peer;
    list_remove(&v->link);
    v->handler->on_end(v->ctx, v, reason, refusal);
    free(v);
}

static const struct net_dial_ops dial_ops = {dial_judge, dial_up, dial_message, dial_down};

enum status net_visit_open(struct net *n, const char *host_port,
                           const struct net_visit_handler *handler, void *ctx,
                           struct net_visit **visit_out)
{
    ASSERT(handler->on_open != NULL && handler->on_message != NULL && handler->on_end != NULL);
    if (n->stopped) return STATUS_CANCELLED;
    struct net_visit *v = calloc(1, sizeof *v);
    if (v == NULL) return STATUS_NO_MEMORY;
    v->handler = handler;
    v->ctx = ctx;
    list_push_back(&n->visits, &v->link);
    net_dial_init(&v->dial, n, &dial_ops, NET_HELLO_GUEST, (struct node_id){0});
    *visit_out = v;
    net_dial_start(&v->dial, host_port);
    return STATUS_OK;
}

enum status net_visit_send(struct net_visit *v, uint16_t type, struct bytes payload)
{
    ASSERT(type <= NET_MESSAGE_TYPE_MAX);
    if (payload.size > NET_GUEST_MESSAGE_BYTES_MAX) return STATUS_TOO_LARGE;
    if (v->dial.state != NET_DIAL_UP) return STATUS_CLOSED;
    struct net_message m = {.type = type, .payload = payload};
    return net_conn_queue(v->dial.conn, &m);
}

void net_visit_close(struct net_visit *v)
{
    net_dial_end(&v->dial, STATUS_CLOSED);
}

void net_visits_end(struct net *n)
{
    LIST_FOR_EACH(item, &n->visits)
    net_dial_end(&CONTAINER_OF(item, struct net_visit, link)->dial, STATUS_CANCELLED);
}

void net_visits_free(struct net *n)
{
    for (struct list *item; (item = list_pop_front(&n->visits)) != NULL;) {
        struct net_visit *v = CONTAINER_OF(item, struct net_visit, link);
        ASSERT(v->dial.conn == NULL);
        ASSERT(v->dial.resolve == NULL);
        net_dial_stop(&v->dial);
        free(v);
    }
}
