#include "tests/net/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/hash.h"
#include "io/backends.h"
#include "net/net_int.h"
#include "tests/test.h"

/* ---- what a net tells ---- */

static void hook(struct party *p, const char *event, uint64_t peer)
{
    if (p->hook != NULL) p->hook(p, event, peer);
}

static void on_message(void *ctx, struct node_id from, enum net_link link, uint16_t type,
                       uint16_t from_store, uint16_t to_store, struct bytes payload)
{
    struct party *p = ctx;
    ASSERT(p->received_count < RECEIVED_MAX);
    p->received[p->received_count++] = (struct received){
        from.value, hash64(payload.data, payload.size, 0), payload.size, link, type, from_store,
        to_store};
    hook(p, "message", from.value);
}

static void on_guest_message(void *ctx, struct net_guest *guest, uint16_t type,
                             struct bytes payload)
{
    struct party *p = ctx;
    p->guest_messages++;
    p->guest = guest;
    if (p->echo) assert_int_equal(net_guest_reply(guest, type, payload), STATUS_OK);
    hook(p, "guest", 0);
}

static void on_guest_closed(void *ctx, struct net_guest *guest)
{
    struct party *p = ctx;
    p->guests_closed++;
    if (p->guest == guest) p->guest = NULL;
}

static void on_link(void *ctx, struct node_id peer, enum net_link link, bool up)
{
    struct party *p = ctx;
    ASSERT(peer.value < PARTY_MAX + 2);
    unsigned *ups = &p->ups[peer.value][link], *downs = &p->downs[peer.value][link];
    if (up)
        (*ups)++;
    else
        (*downs)++;
    hook(p, up ? "up" : "down", peer.value);
}

static void on_peer_seen(void *ctx, const struct net_identity *peer)
{
    struct party *p = ctx;
    p->seen_count++;
    p->seen = *peer;
    hook(p, "seen", peer->node.value);
}

static void on_refused(void *ctx, struct node_id peer, enum net_refusal refusal)
{
    struct party *p = ctx;
    p->refused_count++;
    p->refused = refusal;
    hook(p, "refused", peer.value);
}

static enum net_refusal admit(void *ctx, const struct net_identity *peer)
{
    struct party *p = ctx;
    p->admit_count++;
    hook(p, "admit", peer->node.value);
    return p->verdict;
}

static const struct net_handler handler = {
    on_message, on_guest_message, on_guest_closed, on_link, on_peer_seen, on_refused, admit};

/* ---- time ---- */

static void party_turn(void *ctx)
{
    struct party *p = ctx;
    if (p->net == NULL) return;
    timer_heap_fire(&p->timers, env_now_ns(p->env));
    net_flush(p->net);
    if (p->w->sim != NULL) sim_env_set_deadline(p->env, timer_heap_next(&p->timers));
}

uint64_t world_now(const struct world *w)
{
    return w->sim != NULL ? sim_now(w->sim) : env_now_ns(w->env);
}

/* Turns outside of events: something may have been asked for since the last. */
static void parties_turn(struct world *w)
{
    for (size_t i = 0; i < w->count; i++)
        party_turn(&w->parties[i]);
}

void world_turn(struct world *w)
{
    parties_turn(w);
    if (w->sim != NULL) {
        if (!sim_step(w->sim)) sim_run_for(w->sim, SIM_MS);
        return;
    }
    uint64_t deadline_ns = env_now_ns(w->env) + 20000000;
    for (size_t i = 0; i < w->count; i++) {
        const struct party *p = &w->parties[i];
        if (p->net != NULL && timer_heap_next(&p->timers) < deadline_ns)
            deadline_ns = timer_heap_next(&p->timers);
    }
    env_poll(w->env, deadline_ns);
}

void world_run_for(struct world *w, uint64_t duration_ns)
{
    uint64_t until_ns = world_now(w) + duration_ns;
    if (w->sim != NULL) {
        parties_turn(w);
        sim_run_until(w->sim, until_ns);
        return;
    }
    while (world_now(w) < until_ns)
        world_turn(w);
}

/* ---- life ---- */

void party_prepare(struct world *w, size_t index)
{
    struct party *p = &w->parties[index];
    *p = (struct party){.w = w, .env = w->env};
    p->received = calloc(RECEIVED_MAX, sizeof *p->received);
    timer_heap_init(&p->timers);
    if (w->sim != NULL) {
        sim_env_create(w->sim, index + 1, NULL, &p->env);
        sim_env_on_turn(p->env, party_turn, p);
    }
    p->options = (struct net_options){.env = p->env, .timers = &p->timers, .handler = &handler};
    p->options.ctx = p;
    p->options.identity.node.value = index + 1;
    p->options.identity.incarnation = 1;
    memset(p->options.identity.cluster_id, 0xc1, 16);
}

void party_start(struct party *p)
{
    struct env_addr addr = {.family = 4, .ip = {127, 0, 0, 1}, .port = p->port};
    if (p->w->sim != NULL) addr = sim_addr(sim_env_node(p->env), p->port);
    ASSERT(p->net == NULL);
    assert_int_equal(net_create(&p->options, &p->net), STATUS_OK);
    assert_int_equal(net_listen(p->net, &addr, &p->port), STATUS_OK);
    addr.port = p->port;
    env_addr_format(&addr, p->host);
    struct net_identity identity = p->options.identity;
    snprintf(identity.advertise, NET_HOST_MAX, "%s", p->host);
    net_set_identity(p->net, &identity);
}

void party_stop(struct party *p)
{
    net_stop(p->net);
    UNTIL(p->w, net_idle(p->net));
    net_destroy(p->net);
    p->net = NULL;
    assert_int_equal(p->timers.count, 0);
}

static void party_free(struct party *p)
{
    timer_heap_deinit(&p->timers);
    free(p->received);
}

static void world_begin(struct world *w, size_t count)
{
    assert_true(count <= PARTY_MAX);
    w->count = count;
    for (size_t i = 0; i < count; i++) {
        party_prepare(w, i);
        party_start(&w->parties[i]);
    }
}

static enum status real_env_create(struct world *w, bool ring)
{
    memset(w, 0, sizeof *w);
    snprintf(w->root, sizeof w->root, "/tmp/ostraka-net-XXXXXX");
    assert_non_null(mkdtemp(w->root));
    struct env_options options = {.root = w->root};
    return ring ? env_uring_create(&options, &w->env) : env_epoll_create(&options, &w->env);
}

void world_open(struct world *w, size_t count)
{
    assert_int_equal(real_env_create(w, false), STATUS_OK);
    world_begin(w, count);
}

bool world_open_ring(struct world *w, size_t count)
{
    if (real_env_create(w, true) != STATUS_OK) {
        assert_int_equal(rmdir(w->root), 0);
        return false;
    }
    world_begin(w, count);
    return true;
}

void world_open_sim(struct world *w, size_t count, const struct sim_options *options)
{
    memset(w, 0, sizeof *w);
    w->sim = sim_create(options);
    world_begin(w, count);
}

static void world_end(struct world *w)
{
    for (size_t i = 0; i < w->count; i++) {
        party_free(&w->parties[i]);
        if (w->sim != NULL) env_destroy(w->parties[i].env);
    }
    if (w->sim != NULL) {
        sim_destroy(w->sim);
        return;
    }
    env_destroy(w->env);
    assert_int_equal(rmdir(w->root), 0);
}

void world_close(struct world *w)
{
    for (size_t i = 0; i < w->count; i++)
        if (w->parties[i].net != NULL) party_stop(&w->parties[i]);
    if (w->sim != NULL) {
        for (size_t i = 0; i < w->count; i++)
            sim_env_drain(w->parties[i].env);
    } else {
        env_shutdown(w->env);
        for (int i = 0; i < 10; i++)
            env_poll(w->env, 1);
    }
    world_end(w);
}

/* Sockets and lookups; timers do not fire any more. */
static bool drained(const struct world *w)
{
    for (size_t i = 0; i < w->count; i++) {
        const struct net *n = w->parties[i].net;
        if (n != NULL && (!list_empty(&n->conns) || !list_empty(&n->resolves))) return false;
    }
    return true;
}

void world_crash(struct world *w)
{
    if (w->sim != NULL) {
        for (size_t i = 0; i < w->count; i++)
            sim_env_crash(w->parties[i].env, SIM_CRASH_POWER);
        for (size_t i = 0; i < w->count; i++)
            sim_env_drain(w->parties[i].env);
    } else {
        env_shutdown(w->env);
        while (!drained(w))
            env_poll(w->env, env_now_ns(w->env) + 10000000);
    }
    for (size_t i = 0; i < w->count; i++) {
        struct party *p = &w->parties[i];
        if (p->net != NULL) net_destroy(p->net);
        assert_int_equal(p->timers.count, 0);
    }
    world_end(w);
}

/* ---- parties ---- */

struct node_id party_id(const struct party *p)
{
    return p->options.identity.node;
}

void party_meet(struct party *p, const struct party *peer)
{
    net_set_peer(p->net, party_id(peer), peer->host);
}

bool party_linked(const struct party *p, const struct party *peer)
{
    return net_link_up(p->net, party_id(peer), NET_LINK_CONTROL) &&
           net_link_up(p->net, party_id(peer), NET_LINK_DATA);
}

void world_connect(struct world *w)
{
    for (size_t i = 0; i < w->count; i++)
        for (size_t j = 0; j < w->count; j++)
            if (i != j) party_meet(&w->parties[i], &w->parties[j]);
    for (size_t i = 0; i < w->count; i++)
        for (size_t j = 0; j < w->count; j++)
            if (i != j) UNTIL(w, party_linked(&w->parties[i], &w->parties[j]));
}

enum status party_send(struct party *p, const struct party *to, enum net_link link, uint16_t type,
                       struct bytes payload)
{
    return net_send(p->net, party_id(to), link, type, 11, 22, payload);
}

/* ---- visits ---- */

static void visit_opened(void *ctx, struct net_visit *nv, const struct net_identity *peer)
{
    struct visit *v = ctx;
    v->opened++;
    v->peer = *peer;
    if (v->close_on_open) net_visit_close(nv);
}

static void visit_message(void *ctx, struct net_visit *nv, uint16_t type, struct bytes payload)
{
    struct visit *v = ctx;
    v->messages++;
    v->last_type = type;
    buf_reset(&v->last);
    buf_append_bytes(&v->last, payload);
    if (v->close_on_message) net_visit_close(nv);
}

static void visit_ended(void *ctx, struct net_visit *nv, enum status reason,
                        enum net_refusal refusal)
{
    struct visit *v = ctx;
    net_visit_close(nv); /* has no effect any more */
    v->ended++;
    v->v = NULL;
    v->reason = reason;
    v->refusal = refusal;
}

static const struct net_visit_handler visit_handler = {visit_opened, visit_message, visit_ended};

void visit_open(struct visit *v, struct party *p, const char *host_port)
{
    buf_init(&v->last, NET_MESSAGE_BYTES_MAX);
    assert_int_equal(net_visit_open(p->net, host_port, &visit_handler, v, &v->v), STATUS_OK);
    assert_int_equal(v->ended, 0); /* never from inside the call */
}

void visit_end(struct world *w, struct visit *v)
{
    if (v->v != NULL) net_visit_close(v->v);
    UNTIL(w, v->ended == 1);
    buf_deinit(&v->last);
}
