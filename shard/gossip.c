/* What nodes know of each other spreads by gossip, and from it to the records of the metadata range and to the facts in the
 * log.
 *
 * SHARD_MESSAGE_NODES: repeated node record. */
#include <stdlib.h>

#include "shard/nodes.h"

#define GOSSIP_TICKS 10
#define GOSSIP_TABLES 9u /* nodes that are sent all that is known, each time */

void nodes_encode(const struct store *s, struct buf *out)
{
    for (uint32_t i = 0; i < s->node_count; i++)
        if (!s->nodes[i]->partial) node_record_encode(&s->nodes[i]->record, out);
}

/* A new link begins with what we know, so that a copy of a node is found out before it is believed. */
void gossip_on_link_up(struct store *s, struct node_id peer)
{
    struct buf table;
    buf_init(&table, NET_MESSAGE_BYTES_MAX);
    nodes_encode(s, &table);
    if (table.failed || net_send(s->net, peer, NET_LINK_CONTROL, SHARD_MESSAGE_NODES, 1, 1,
                                 buf_view(&table)) != STATUS_OK)
        COVER("shard_gossip_not_sent");
    buf_deinit(&table);
}

/* What everybody is told: who we are, and what has changed since we told last. */
static void news_encode(struct store *s, struct buf *out)
{
    for (uint32_t i = 0; i < s->node_count; i++) {
        struct node_entry *n = s->nodes[i];
        bool self = n->record.node.value == s->identity.node.value;
        if (!n->partial && (self || n->news)) node_record_encode(&n->record, out);
        if (!n->partial) n->news = false; /* else its own record follows */
    }
}

static void gossip_send(struct store *s, struct node_id peer, enum shard_message type, const struct buf *body)
{
    if (body->size == 0 || body->failed) return;
    if (net_send(s->net, peer, NET_LINK_CONTROL, (uint16_t)type, 1, 1, buf_view(body)) != STATUS_OK)
        COVER("shard_gossip_not_sent");
}

/* Every node tells every other one something each second, which also says that it is alive. All that it knows it tells
 * only to some, by turns: to everybody it would be work that grows with the cube of their number, and to each it would
 * say the same as all others do. Whoever missed the news hears of it by and by, and a new link begins with all
 * (gossip_on_link_up). */
static void gossip(struct store *s)
{
    if (s->net == NULL || s->identity.node.value == 0) return;
    struct buf table, news, routes, settings;
    buf_init(&table, NET_MESSAGE_BYTES_MAX);
    buf_init(&news, NET_MESSAGE_BYTES_MAX);
    buf_init(&routes, NET_MESSAGE_BYTES_MAX);
    buf_init(&settings, NET_MESSAGE_BYTES_MAX);
    nodes_encode(s, &table);
    news_encode(s, &news);
    route_encode(s, &routes);
    if (s->settings.version > 0) cluster_settings_encode(&s->settings, &settings);
    bool settings_new = s->settings.version != s->settings_told;
    s->settings_told = s->settings.version;
    for (uint32_t i = 0; i < s->node_count; i++) {
        struct node_id peer = s->nodes[i]->record.node;
        if (peer.value == s->identity.node.value || s->nodes[i]->record.removed) continue;
        bool turn = (i + s->node_count - s->gossip_cursor) % s->node_count < GOSSIP_TABLES;
        gossip_send(s, peer, SHARD_MESSAGE_NODES, turn ? &table : &news);
        gossip_send(s, peer, SHARD_MESSAGE_ROUTES, &routes);
        if (turn || settings_new) gossip_send(s, peer, SHARD_MESSAGE_SETTINGS, &settings);
    }
    s->gossip_cursor = s->node_count == 0 ? 0 : (s->gossip_cursor + GOSSIP_TABLES) % s->node_count;
    buf_deinit(&table);
    buf_deinit(&news);
    buf_deinit(&routes);
    buf_deinit(&settings);
}

void gossip_on_message(struct store *s, struct node_id from, struct bytes payload)
{
    (void)from;
    struct reader r = reader_make(payload);
    while (reader_left(&r) > 0) {
        struct node_record record;
        if (node_record_decode(&r, &record) != STATUS_OK) return;
        nodes_learn(s, &record);
        if (s->failed) return;
    }
}

static void on_record_reported(struct proposal *p, enum status status, struct bytes result)
{
    (void)status;
    (void)result;
    free(p);
}

static void facts_refresh(struct store *s)
{
    for (uint32_t i = 0; i < s->node_count; i++) {
        struct node_entry *n = s->nodes[i];
        if (!n->fact_stale || n->partial) continue;
        n->fact_stale = false;
        buf_reset(&s->scratch);
        node_record_encode(&n->record, &s->scratch);
        nodes_fact(s, FACT_NODE_BASE + (uint32_t)n->record.node.value, buf_view(&s->scratch));
    }
}

/* The metadata leader keeps the replicated node records up to date with what gossip says. */
static void records_refresh(struct store *s)
{
    struct replica *r = store_replica(s, RANGE_META);
    if (r == NULL || !replica_serving(r) || !s->meta.initialized) return;
    for (uint32_t i = 0; i < s->node_count; i++) {
        const struct node_record *seen = &s->nodes[i]->record;
        const struct node_record *known = meta_node(&s->meta, seen->node);
        if (known == NULL || known->removed || known->incarnation >= seen->incarnation || s->nodes[i]->partial) continue;
        struct proposal *p = calloc(1, sizeof *p);
        if (p == NULL) return;
        p->on_done = on_record_reported;
        struct node_record record = *seen;
        record.token = known->token;
        if (meta_propose_node(s, &record, p) != STATUS_OK) free(p);
        return; /* one at a time */
    }
}

/* Tells the others and the metadata range who we are, and keeps the facts in the log fresh. */
void gossip_tick(struct store *s)
{
    if (s->identity.node.value == 0) return;
    facts_refresh(s);
    if (s->tick_count % GOSSIP_TICKS == 0) gossip(s);
    if (s->tick_count % GOSSIP_TICKS == 5) records_refresh(s);
}
