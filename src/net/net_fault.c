/* Delivery of messages between nodes, and what the simulation makes of them: loss, duplicates,
 * delay. In production there are no hooks, and this is one call. */
#include <stdlib.h>

#include "net/net_int.h"

struct delayed {
    struct net *net;
    struct list link; /* net->delayed */
    struct timer timer;
    struct node_id from;
    uint64_t incarnation;
    enum net_link kind;
    struct net_message message; /* payload points at data */
    uint8_t data[];
};

static void hand_over(struct net *n, struct node_id from, enum net_link kind,
                      const struct net_message *m)
{
    n->metrics.messages_received++;
    n->options.handler->on_message(n->options.ctx, from, kind, m->type, m->from_store, m->to_store,
                                   m->payload);
}

static void delayed_fired(struct timer *t, void *ctx)
{
    struct delayed *d = ctx;
    ASSERT(t == &d->timer);
    const struct net_peer *peer = net_peer_find(d->net, d->from);
    list_remove(&d->link);
    /* NET-2 also for what comes late. */
    if (peer != NULL && peer->incarnation == d->incarnation) {
        hand_over(d->net, d->from, d->kind, &d->message);
    } else {
        COVER("net_delayed_outlived_its_peer");
        d->net->metrics.messages_dropped++;
    }
    free(d);
}

static void deliver_later(struct net_inbound *in, const struct net_message *m, uint64_t delay_ns)
{
    struct net *n = in->net;
    struct delayed *d = calloc(1, sizeof *d + m->payload.size);
    if (d == NULL) {
        n->metrics.messages_dropped++;
        return;
    }
    d->net = n;
    d->from = in->node;
    d->incarnation = in->incarnation;
    d->kind = in->kind;
    d->message = *m;
    if (m->payload.size > 0) memcpy(d->data, m->payload.data, m->payload.size);
    d->message.payload = bytes_make(d->data, m->payload.size);
    list_push_back(&n->delayed, &d->link);
    timer_init(&d->timer, delayed_fired, d);
    timer_arm(n->options.timers, &d->timer, net_now_ns(n) + delay_ns);
}

void net_deliver(struct net_inbound *in, const struct net_message *m)
{
    struct net *n = in->net;
    const struct env_fault_hooks *faults = n->options.env->faults;
    ASSERT(in->state == NET_INBOUND_NODE);
    ASSERT(m->payload.size <= NET_MESSAGE_BYTES_MAX);
    uint64_t delay_ns = 0;
    enum env_frame_fate fate = ENV_FRAME_DELIVER;
    if (faults != NULL && faults->frame_fate != NULL)
        fate = faults->frame_fate(faults->ctx, in->node.value, n->identity.node.value, m->type, m->payload, &delay_ns);
    if (fate == ENV_FRAME_DROP) {
        n->metrics.messages_dropped++;
        return;
    }
    if (delay_ns > 0) deliver_later(in, m, delay_ns);
    /* The second copy of a duplicate that is not late comes by the timer too: the first call may
     * have ended the peer. */
    if (fate == ENV_FRAME_DUPLICATE && delay_ns == 0) deliver_later(in, m, 0);
    if (fate == ENV_FRAME_DUPLICATE || delay_ns == 0) hand_over(n, in->node, in->kind, m);
}

void net_delayed_free(struct net *n)
{
    for (struct list *item; (item = list_pop_front(&n->delayed)) != NULL;) {
        struct delayed *d = CONTAINER_OF(item, struct delayed, link);
        timer_cancel(n->options.timers, &d->timer);
        free(d);
    }
}
