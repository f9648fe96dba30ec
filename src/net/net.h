/* Peer links of one core: handshake, framing, reconnection, bounded output. A message is a type,
 * the stores it goes between and bytes; messages of one link arrive in order or not at all. Each
 * node dials every peer it has something to say to; a link carries messages one way, from who
 * dialled. Replies of a handshake, and the exchanges of programs that are not nodes (init, join),
 * go back on the connection itself.
 *
 * Invariants: NET-1 a message is delivered whole and unchanged or not at all. NET-2 a peer is who
 * its handshake said, of the same cluster, and no older incarnation than the newest seen. NET-3
 * what one peer sends never costs more memory than NET_MESSAGE_BYTES_MAX (and one frame head) per
 * connection. Formats and the other invariants: README.md.
 *
 * Callbacks come from env_poll and timer_heap_fire only, never from inside a call of this header.
 * They may call anything here but net_destroy. */
#ifndef OSTRAKA_NET_NET_H
#define OSTRAKA_NET_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/ids.h"
#include "base/timer.h"
#include "io/env.h"

/* Of the protocol between nodes: handshake, messages, bodies of requests (README.md, Versions). */
#define NET_VERSION_MIN       5
#define NET_VERSION_MAX       5
#define NET_FRAME_BYTES_MAX   (1u << 20) /* larger messages travel as several frames */
#define NET_MESSAGE_BYTES_MAX (8u << 20)
#define NET_HOST_MAX          256 /* "host:port" with its NUL */
/* What a guest may send; replies to it are bounded by NET_MESSAGE_BYTES_MAX. */
#define NET_GUEST_MESSAGE_BYTES_MAX (1u << 20)
#define NET_START_MARKS             32     /* starts that a node remembers and tells of */
#define NET_MESSAGE_TYPE_MAX        0xfeff /* higher types belong to the handshake */

/* Separate connections, so that a snapshot never delays a vote. */
enum net_link {
    NET_LINK_CONTROL = 0, /* liveness, votes, clock */
    NET_LINK_DATA = 1,    /* appends, requests, replies */
    NET_LINK_BULK = 2,    /* snapshots */
    NET_LINK_COUNT
};

struct net_identity {
    uint8_t cluster_id[16];       /* zero: not a member of a cluster yet */
    struct node_id node;          /* 0: not a node (yet) */
    uint64_t incarnation;         /* rises at every start of the node */
    /* A random number for this start and for those before it, newest first; 0: none. Two starts may
     * claim one incarnation when a data directory was rolled back or copied; never one mark. */
    uint64_t start_marks[NET_START_MARKS];
    char advertise[NET_HOST_MAX]; /* where peers reach it, "" for programs that are not nodes */
};

/* Whether the identity is the start (incarnation, mark), or a later one on the same data directory;
 * mark 0: of that start only the incarnation is known. What lies more than NET_START_MARKS starts
 * back is believed (trap K26). */
bool net_identity_continues(const struct net_identity *identity, uint64_t incarnation,
                            uint64_t mark);

enum net_refusal {
    NET_REFUSAL_NONE = 0,
    NET_REFUSAL_VERSION = 1,
    NET_REFUSAL_CLUSTER = 2,     /* another cluster */
    NET_REFUSAL_INCARNATION = 3, /* not a later start: a copied or rolled-back data directory */
    NET_REFUSAL_REMOVED = 4,     /* this node id was removed from the cluster */
    NET_REFUSAL_NOT_READY = 5,   /* starting, or not initialized */
    NET_REFUSAL_TARGET = 6,      /* the dialler meant another node */
    NET_REFUSAL_BUSY = 7,        /* too many connections or peers */
};
const char *net_refusal_text(enum net_refusal refusal);

struct net;
struct net_guest; /* a connection of a program that is not a node, on the accepting side */

struct net_handler {
    /* A message from a peer node. payload is borrowed for the call. */
    void (*on_message)(void *ctx, struct node_id from, enum net_link link, uint16_t type,
                       uint16_t from_store, uint16_t to_store, struct bytes payload);
    /* A message from a guest (node id 0); answer with net_guest_reply, now or later. */
    void (*on_guest_message)(void *ctx, struct net_guest *guest, uint16_t type,
                             struct bytes payload);
    void (*on_guest_closed)(void *ctx, struct net_guest *guest);
    /* Our link to a peer came up (after its handshake) or broke. net_remove_peer ends links
     * silently. */
    void (*on_link)(void *ctx, struct node_id peer, enum net_link link, bool up);
    /* A handshake taught us who somebody is and where. */
    void (*on_peer_seen)(void *ctx, const struct net_identity *peer);
    /* A peer refuses us for a reason that a retry cannot mend (INCARNATION, REMOVED, CLUSTER,
     * VERSION). The retries go on all the same; it is told again when the reason is another one, or after a link to that peer was
     * up, or to another address. */
    void (*on_refused)(void *ctx, struct node_id peer, enum net_refusal refusal);
    /* May this (validated) identity connect? NONE admits. Guests are asked about too: node id 0. */
    enum net_refusal (*admit)(void *ctx, const struct net_identity *peer);
};

struct net_options {
    struct env *env;
    struct timer_heap *timers;
    struct logger *logger;
    struct net_identity identity;            /* may be completed later: net_set_identity */
    size_t output_bytes_max;                 /* per link waiting to be sent; default 16 MiB */
    uint64_t connect_timeout_ns;             /* default 1 s */
    uint64_t backoff_ns_min, backoff_ns_max; /* default 50 ms .. 1 s, with jitter */
    uint64_t handshake_timeout_ns;           /* for who connects to us; default 5 s */
    uint32_t handshakes_max;                 /* accepted and not yet known; default 64 */
    uint32_t guests_max;                     /* default 64 */
    uint32_t accepted_max;                   /* of all kinds; default 1024 */
    uint16_t version_min, version_max;       /* spoken; default: all that this program can. Tests play later programs */
    const struct net_handler *handler;
    void *ctx;
};

MUST_USE enum status net_create(const struct net_options *options, struct net **net_out);
/* Closes everything, without callbacks. After an env_shutdown and drain only (sockets are gone
 * then), or before any was opened; else call net_stop first, and poll and fire timers until
 * net_idle. */
void net_destroy(struct net *n);
void net_stop(struct net *n);
bool net_idle(const struct net *n);
MUST_USE enum status net_listen(struct net *n, const struct env_addr *addr, uint16_t *port_out);
void net_set_identity(struct net *n, const struct net_identity *identity);

/* Where a peer is reached ("host:port"; resolved off the loop at each dial). A changed address
 * redials; an empty one, the known one, and our own node id have no effect. */
void net_set_peer(struct net *n, struct node_id peer, const char *host_port);
void net_remove_peer(struct net *n, struct node_id peer);

/* Queues a message and dials when there is no link. STATUS_OK: queued, not a promise of delivery.
 * STATUS_BUSY: the link's output is full; STATUS_CLOSED: the peer is unknown or the link is down
 * (the dial has been started); STATUS_TOO_LARGE. */
MUST_USE enum status net_send(struct net *n, struct node_id peer, enum net_link link, uint16_t type,
                              uint16_t from_store, uint16_t to_store, struct bytes payload);
/* Bytes queued and not yet taken by the kernel (back-pressure for bulk senders). */
size_t net_queued(const struct net *n, struct node_id peer, enum net_link link);
bool net_link_up(const struct net *n, struct node_id peer, enum net_link link);
/* Starts the sends of everything queued. Once at the end of each turn. */
void net_flush(struct net *n);

MUST_USE enum status net_guest_reply(struct net_guest *guest, uint16_t type, struct bytes payload);

/* The dialling side of a guest: one connection to host_port, used by init and by a node that joins.
 * The callbacks get the peer's identity after the handshake, messages, and the end (with the
 * refusal). */
struct net_visit;
struct net_visit_handler {
    void (*on_open)(void *ctx, struct net_visit *v, const struct net_identity *peer);
    void (*on_message)(void *ctx, struct net_visit *v, uint16_t type, struct bytes payload);
    void (*on_end)(void *ctx, struct net_visit *v, enum status reason, enum net_refusal refusal);
};
MUST_USE enum status net_visit_open(struct net *n, const char *host_port,
                                    const struct net_visit_handler *handler, void *ctx,
                                    struct net_visit **visit_out);
MUST_USE enum status net_visit_send(struct net_visit *v, uint16_t type, struct bytes payload);
/* on_end follows, with STATUS_CLOSED. After net_stop or env_shutdown a visit ends with
 * STATUS_CANCELLED. */
void net_visit_close(struct net_visit *v);

struct net_metrics {
    uint64_t messages_sent, messages_received, bytes_sent, bytes_received, messages_dropped;
    uint64_t connects, bad_frames, connections;
    uint64_t refusals; /* of connections, here */
    uint64_t refused;  /* dials, by who was dialled */
};
const struct net_metrics *net_metrics(const struct net *n);

#endif
