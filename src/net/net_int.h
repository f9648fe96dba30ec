/* Private structs of src/net.
 *
 * Layers inside: net_conn (a socket, its buffers, whole messages) under net_dial (one attempt to
 * reach a place, to the end of the handshake) under net_link (peers, their outgoing links,
 * redialling) and net_visit; net_conn under net_accept (the other side of all these).
 *
 * Lifetime: a net_conn lives until its socket's on_closed, whoever has lost interest in it
 * meanwhile (its `ops` are NULL then). A dial is idle when on_down is called, which is the last
 * thing done with it, so that its owner may free it there. */
#ifndef OSTRAKA_NET_NET_INT_H
#define OSTRAKA_NET_NET_INT_H

#include "base/assert.h"
#include "base/list.h"
#include "base/map.h"
#include "net/net_hello_int.h"

#define NET_MS  UINT64_C(1000000)
#define NET_SEC (1000 * NET_MS)

#define NET_PEERS_MAX             1024
#define NET_STALL_NS              (10 * NET_SEC) /* a full link whose peer takes nothing is given up */
#define NET_GUEST_IDLE_NS         (300 * NET_SEC) /* a guest that says and hears nothing is sent away */
#define NET_BACKOFF_DOUBLINGS_MAX 16
#define NET_LOG_LINES_PER_SEC     20 /* of connections made and broken */
#define NET_TOLD_MAX              32 /* of those that are refused here, by name */

/* ---- one connection: net_conn.c ---- */

struct net_conn_ops {
    void (*on_connected)(void *owner); /* NULL for accepted ones */
    /* Not called again once the connection is closing. */
    void (*on_message)(void *owner, const struct net_message *message);
    /* The connection is gone after the call. */
    void (*on_closed)(void *owner, enum status reason);
};

struct net_conn {
    struct net *net;
    const struct net_conn_ops *ops; /* NULL: nobody listens any more */
    void *owner;
    struct env_socket *socket;
    struct net_assembler in;
    struct buf out[2]; /* out[filling] collects; the other is the environment's while `sending` */
    unsigned filling;
    bool connected, sending, closing, dirty;
    uint64_t sending_since_ns;
    enum status close_reason; /* ours, STATUS_OK: none */
    struct list link;         /* net->conns */
    struct list dirty_link;   /* net->dirty: has something to send at the next flush */
};

MUST_USE enum status net_conn_connect(struct net *n, const struct env_addr *addr,
                                      size_t message_max, const struct net_conn_ops *ops,
                                      void *owner, struct net_conn **conn_out);
struct net_conn *net_conn_accept(struct net *n, struct env_socket *s, size_t message_max,
                                 const struct net_conn_ops *ops, void *owner);
/* Appends to the output. STATUS_BUSY: full. STATUS_CLOSED: closing. */
MUST_USE enum status net_conn_queue(struct net_conn *c, const struct net_message *message);
/* Starts sending now what is queued, unless a send is in flight: then it follows that one. */
void net_conn_push(struct net_conn *c);
static inline size_t net_conn_queued(const struct net_conn *c)
{
    return c->out[0].size + c->out[1].size;
}
/* on_closed follows from a later poll, with this reason. */
void net_conn_close(struct net_conn *c, enum status reason);
/* Closes because of what the peer sent: counts and logs it. */
void net_conn_reject(struct net_conn *c, enum status reason, const char *why);
/* The owner will hear nothing any more. Closes. */
void net_conn_abandon(struct net_conn *c);

/* ---- one attempt to reach a place: net_dial.c ---- */

enum net_dial_state {
    NET_DIAL_IDLE,
    NET_DIAL_RESOLVING,
    NET_DIAL_CONNECTING,
    NET_DIAL_HANDSHAKE,
    NET_DIAL_UP,
    NET_DIAL_FAILING, /* failed at once; the owner learns it from the timer */
};

struct net_dial;
struct net_dial_ops {
    /* Is this the peer that was meant? NONE, or why not. */
    enum net_refusal (*judge)(struct net_dial *d, const struct net_identity *peer);
    void (*on_up)(struct net_dial *d, const struct net_identity *peer);
    void (*on_message)(struct net_dial *d, const struct net_message *message);
    /* by_peer: the refusal (if any) is the peer's, not judge's. */
    void (*on_down)(struct net_dial *d, enum status reason, enum net_refusal refusal, bool by_peer);
};

struct net_resolve;
struct net_dial {
    struct net *net;
    const struct net_dial_ops *ops;
    enum net_dial_state state;
    uint8_t link; /* for HELLO */
    struct node_id target;
    struct net_resolve *resolve;
    struct net_conn *conn;
    struct timer timer; /* ends CONNECTING, HANDSHAKE and FAILING */
    enum status failure;
};

void net_dial_init(struct net_dial *d, struct net *n, const struct net_dial_ops *ops, uint8_t link,
                   struct node_id target);
/* Never calls on_down itself. */
void net_dial_start(struct net_dial *d, const char *host_port);
/* Idle at once; no callback. */
void net_dial_stop(struct net_dial *d);
/* on_down follows, with that reason. No effect when idle. */
void net_dial_end(struct net_dial *d, enum status reason);

/* ---- peers and the links to them: net_link.c ---- */

enum net_outbound_state {
    NET_OUTBOUND_IDLE,
    NET_OUTBOUND_DIALLING,
    NET_OUTBOUND_UP,
    NET_OUTBOUND_BACKOFF
};

struct net_outbound {
    struct net_dial dial;
    struct net_peer *peer;
    enum net_link kind;
    enum net_outbound_state state;
    bool wanted; /* somebody tried to send since the last attempt (BULK is dialled on demand) */
    uint32_t failure_count;
    uint64_t up_since_ns;
    uint64_t incarnation; /* of the peer at the other end while UP */
    struct timer backoff;
};

struct net_inbound;
struct net_peer {
    struct net *net;
    struct node_id id;
    char host[NET_HOST_MAX]; /* "": never told */
    uint64_t incarnation;    /* the newest seen (NET-2), and the mark of that start */
    uint64_t start_mark;
    enum net_refusal refused; /* why it refuses us; NONE: it does not, as far as we know */
    struct net_outbound out[NET_LINK_COUNT];
    struct net_inbound *in[NET_LINK_COUNT];
    struct list link; /* net->peers, in the order they were met */
};

struct net_peer *net_peer_find(const struct net *n, struct node_id id);
/* Finds or makes. NULL: too many, or no memory. */
struct net_peer *net_peer_meet(struct net *n, struct node_id id);
/* Ends whatever is left of older incarnations of the peer. */
void net_peer_saw(struct net_peer *p, const struct net_identity *identity);
void net_peer_free(struct net_peer *p);
/* Dials what should be up and is not. */
void net_peer_dial(struct net_peer *p);
/* Begins anew after a change of address or identity. */
void net_peer_redial(struct net_peer *p);
/* on_link(down) follows for links that are up. */
void net_peer_hang_up(struct net_peer *p);

/* ---- the accepting side: net_accept.c ---- */

struct net_guest {
    struct net_inbound *inbound;
};

enum net_inbound_state {
    NET_INBOUND_HELLO, /* nothing known yet */
    NET_INBOUND_NODE,
    NET_INBOUND_GUEST,
    NET_INBOUND_REFUSED, /* told so; waits for the peer to hang up */
    NET_INBOUND_CLOSING, /* counted out */
};

struct net_inbound {
    struct net *net;
    struct net_conn *conn;
    enum net_inbound_state state;
    enum net_link kind;    /* NODE */
    struct net_peer *peer; /* NODE, until it is forgotten */
    struct node_id node;
    uint64_t incarnation;
    struct timer timer; /* of the handshake; of an idle guest */
    struct net_guest guest;
    struct list link; /* net->inbounds */
};

/* Somebody who is refused here dials again and again: that it is was logged. */
struct net_told {
    uint64_t who; /* a hash of its name; 0: nobody */
    enum net_refusal refusal;
};

/* The end of an inbound connection; its peer forgets it at once. */
void net_inbound_close(struct net_inbound *in, enum status reason, const char *why);

/* ---- visits: net_visit.c ---- */

/* Frees what has neither socket nor lookup any more, without a callback. */
void net_visits_free(struct net *n);
void net_visits_end(struct net *n);

/* ---- faults of the simulation: net_fault.c ---- */

/* Gives a message of a peer to the handler: once, twice, late or never. */
void net_deliver(struct net_inbound *in, const struct net_message *message);
void net_delayed_free(struct net *n);

/* ---- all of it: net.c ---- */

struct net {
    struct net_options options;
    struct net_identity identity;
    struct env_listener *listener;
    bool stopped;
    struct map peer_map; /* node id -> net_peer */
    struct list peers, conns, dirty, resolves, inbounds, visits, delayed;
    uint32_t handshake_count, guest_count, accepted_count;
    uint64_t log_second;
    uint32_t log_count, log_dropped;
    struct net_told told[NET_TOLD_MAX];
    uint32_t told_next; /* the one that is forgotten next */
    struct net_metrics metrics;
};

static inline uint64_t net_now_ns(const struct net *n)
{
    return env_now_ns(n->options.env);
}
/* A member of a cluster: may dial peers and be dialled by them. */
static inline bool net_is_member(const struct net *n)
{
    return n->identity.node.value != 0 && !net_cluster_is_zero(&n->identity);
}
/* False when enough was logged in this second. */
bool net_may_log(struct net *n);

#endif
