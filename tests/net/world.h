/* A few nets that talk to each other: over loopback (one environment for all), or in simulation
 * (one machine each). Everything a net tells its owner is recorded. */
#ifndef OSTRAKA_TESTS_NET_WORLD_H
#define OSTRAKA_TESTS_NET_WORLD_H

#include "net/net.h"
#include "tests/sim/env/sim.h"

#define PARTY_MAX    4
#define RECEIVED_MAX 20000

struct received {
    uint64_t from, hash;
    size_t size;
    enum net_link link;
    uint16_t type, from_store, to_store;
};

struct party {
    struct world *w;
    struct env *env;
    struct timer_heap timers;
    struct net_options options;
    struct net *net; /* NULL while it is down */
    uint16_t port;
    char host[NET_HOST_MAX];

    struct received *received;
    size_t received_count;
    unsigned ups[PARTY_MAX + 2][NET_LINK_COUNT], downs[PARTY_MAX + 2][NET_LINK_COUNT];
    unsigned seen_count, refused_count, guest_messages, guests_closed, admit_count;
    struct net_identity seen;          /* the last */
    enum net_refusal refused, verdict; /* the last; what admit answers */
    struct net_guest *guest;           /* the last that sent something and is still there */
    bool echo;                         /* answers guests with what they sent */
    void (*hook)(struct party *p, const char *event, uint64_t peer); /* may be NULL */
};

struct world {
    struct sim *sim; /* NULL: loopback */
    struct env *env; /* of all, but in simulation */
    char root[64];
    struct party parties[PARTY_MAX]; /* [0] is node 1 */
    size_t count;
};

/* `count` members of one cluster that listen and do not know of each other. */
void world_open(struct world *w, size_t count);
/* The same on io_uring; false where there is none. */
MUST_USE bool world_open_ring(struct world *w, size_t count);
void world_open_sim(struct world *w, size_t count, const struct sim_options *options);
/* Stops every net in good order, checks that all is given back. */
void world_close(struct world *w);
/* Shuts the environments down under the nets, drains, destroys. */
void world_crash(struct world *w);
void world_turn(struct world *w);
/* Turns until the condition holds; fails the test when that takes far too long. */
#define UNTIL(w, condition) \
    do { \
        uint64_t until_ns = world_now(w) + UINT64_C(60) * 1000000000; \
        while (!(condition)) { \
            assert_true(world_now(w) < until_ns); \
            world_turn(w); \
        } \
    } while (0)
uint64_t world_now(const struct world *w);
void world_run_for(struct world *w, uint64_t duration_ns);

/* Options with this node's identity; to be changed before party_start. */
void party_prepare(struct world *w, size_t index);
void party_start(struct party *p);
/* Ends in good order and forgets; the port stays its own. */
void party_stop(struct party *p);
/* Tells everybody where everybody is and waits for CONTROL and DATA links. */
void world_connect(struct world *w);
void party_meet(struct party *p, const struct party *peer);
struct node_id party_id(const struct party *p);
bool party_linked(const struct party *p, const struct party *peer);
MUST_USE enum status party_send(struct party *p, const struct party *to, enum net_link link,
                                uint16_t type, struct bytes payload);

/* A visit that records. */
struct visit {
    struct net_visit *v;
    unsigned opened, messages, ended;
    struct net_identity peer;
    enum status reason;
    enum net_refusal refusal;
    struct buf last; /* the last payload */
    uint16_t last_type;
    bool close_on_open, close_on_message;
};
void visit_open(struct visit *v, struct party *p, const char *host_port);
void visit_end(struct world *w, struct visit *v); /* closes, waits, frees */

#endif
