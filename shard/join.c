/* A node without an id visits the nodes of --join, one after the other, until one lets it in (join_serve.c); a member looks
 * there for peers that have moved.
 *
 * SHARD_MESSAGE_JOIN: token u64, node record. JOIN_REPLY: status u16, cluster id 16 bytes, node id u64, repeated node
 * record. */
#include <stdio.h>

#include "shard/nodes.h"

#define JOIN_RETRY_NS 300000000u
#define SEED_PAUSE_NS 500000000u /* of a member, between looks at the seeds */

static void join_next(struct store *s);

static void on_join_timer(struct timer *t, void *ctx)
{
    (void)t;
    struct store *s = ctx;
    if (s->visit != NULL) {
        net_visit_close(s->visit); /* its end arms the timer again */
        return;
    }
    join_next(s);
}

static void join_arm(struct store *s, uint64_t delay_ns)
{
    timer_arm(s->options.timers, &s->join_timer, env_now_ns(s->env) + delay_ns);
}

static void on_visit_open(void *ctx, struct net_visit *v, const struct net_identity *peer)
{
    struct store *s = ctx;
    if (s->identity.node.value != 0) { /* a member looks for peers that have moved */
        store_on_peer_seen(s, peer);
        net_visit_close(v);
        return;
    }
    buf_reset(&s->scratch);
    put_u64(&s->scratch, s->join_token);
    struct node_record own;
    nodes_own_record(s, &own);
    node_record_encode(&own, &s->scratch);
    if (net_visit_send(v, SHARD_MESSAGE_JOIN, buf_view(&s->scratch)) != STATUS_OK)
        net_visit_close(v);
}

static void on_visit_message(void *ctx, struct net_visit *v, uint16_t type, struct bytes payload)
{
    struct store *s = ctx;
    struct reader r = reader_make(payload);
    uint16_t status = get_u16(&r);
    struct bytes cluster = get_bytes(&r, 16);
    uint64_t node = get_u64(&r);
    if (type != SHARD_MESSAGE_JOIN_REPLY || r.failed || status != STATUS_OK || node == 0 || s->failed) {
        net_visit_close(v);
        return;
    }
    if (s->identity.node.value == 0) {
        memcpy(s->identity.cluster_id, cluster.data, cluster.size);
        s->identity.node.value = node;
        LOG_INFO(s->logger, "node", "joined the cluster", "id=%llu", (unsigned long long)node);
        identity_write(s);
    }
    struct bytes table = bytes_make(r.at, reader_left(&r));
    gossip_on_message(s, (struct node_id){0}, table);
    net_visit_close(v);
}

/* True when our control links to all known nodes are up. */
static bool all_linked(const struct store *s)
{
    for (uint32_t i = 0; i < s->node_count; i++) {
        const struct node_entry *n = s->nodes[i];
        if (n->record.node.value == s->identity.node.value || n->record.removed) continue;
        if (!n->link_up[NET_LINK_CONTROL]) return false;
    }
    return true;
}

/* The seed at place `at`, or false. */
static bool seed_at(const struct store *s, uint32_t at, char host_port[NET_HOST_MAX])
{
    const char *p = s->seeds;
    for (uint32_t i = 0; *p != '\0'; i++) {
        size_t size = strcspn(p, ",");
        if (i == at && size > 0 && size < NET_HOST_MAX) {
            memcpy(host_port, p, size);
            host_port[size] = '\0';
            return true;
        }
        p += size + (p[size] == ',');
    }
    return false;
}

/* A member that knows where the others are has no use for the seeds; one that knows of no others looks once. */
static bool needs_seeds(const struct store *s)
{
    return !all_linked(s) || (s->node_count <= 1 && !s->seeds_seen);
}

static bool any_linked(const struct store *s)
{
    for (uint32_t i = 0; i < s->node_count; i++)
        if (s->nodes[i]->link_up[NET_LINK_CONTROL]) return true;
    return false;
}

/* Some seed may have been given away to another cluster; when all have, and nobody of ours is there, somebody
 * took the wrong directory or the wrong addresses. */
static void seed_is_stranger(struct store *s)
{
    LOG_ERROR(s->logger, "node", "a node of --join belongs to another cluster than this data directory", "node=%llu",
              (unsigned long long)s->identity.node.value);
    s->seed_strangers++;
    if (any_linked(s)) s->seed_strangers = 0;
    char host_port[NET_HOST_MAX];
    uint32_t others = 0;
    for (uint32_t i = 0; seed_at(s, i, host_port); i++) others += strcmp(host_port, s->options.peer_address) != 0;
    if (s->seed_strangers >= others)
        store_fail(s, STATUS_INVALID,
                   "this data directory belongs to another cluster than the nodes of --join; start with their "
                   "addresses, or with an empty --data to become a new node of that cluster");
}

/* Not at each attempt. */
static void log_join_refused(struct store *s, enum net_refusal refusal)
{
    if (refusal == NET_REFUSAL_NONE || refusal == s->join_refused) return;
    s->join_refused = refusal;
    if (refusal == NET_REFUSAL_VERSION)
        LOG_WARN(s->logger, "node", "join refused: the nodes of --join run another release, whose protocol this one does not speak", "%s", "");
    else
        LOG_INFO(s->logger, "node", "join refused", "reason=\"%s\"", net_refusal_text(refusal));
}

static void on_visit_end(void *ctx, struct net_visit *v, enum status reason, enum net_refusal refusal)
{
    struct store *s = ctx;
    (void)v;
    s->visit = NULL;
    if (s->failed || s->stopping || reason == STATUS_CANCELLED) return;
    if (refusal == NET_REFUSAL_CLUSTER) seed_is_stranger(s);
    else s->seed_strangers = 0;
    if (s->failed) return;
    if (s->identity.node.value != 0) {
        if (needs_seeds(s)) join_arm(s, SEED_PAUSE_NS);
        return;
    }
    log_join_refused(s, refusal);
    join_arm(s, JOIN_RETRY_NS);
}

static const struct net_visit_handler visit_handler = {on_visit_open, on_visit_message, on_visit_end};

static void join_next(struct store *s)
{
    if (s->failed || s->stopping) return;
    if (s->identity.node.value != 0 && !needs_seeds(s)) return;
    char host_port[NET_HOST_MAX];
    if (!seed_at(s, s->seed_next, host_port)) {
        s->seed_next = 0;
        s->seeds_seen = true;
        if (!seed_at(s, 0, host_port)) return;
    }
    s->seed_next++;
    if (strcmp(host_port, s->options.peer_address) == 0) {
        join_arm(s, JOIN_RETRY_NS);
        return;
    }
    if (net_visit_open(s->net, host_port, &visit_handler, s, &s->visit) != STATUS_OK) s->visit = NULL;
    join_arm(s, s->visit == NULL ? JOIN_RETRY_NS : JOIN_TIMEOUT_NS);
}

enum status store_join(struct store *s, const char *seeds)
{
    ASSERT(s->net != NULL);
    if (strlen(seeds) >= sizeof s->seeds) return STATUS_TOO_LARGE;
    snprintf(s->seeds, sizeof s->seeds, "%s", seeds);
    s->join_token = env_random_u64(s->env) | 1;
    timer_init(&s->join_timer, on_join_timer, s);
    join_arm(s, s->identity.node.value == 0 ? 0 : SEED_PAUSE_NS);
    return STATUS_OK;
}
