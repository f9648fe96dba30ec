/* Identity and the node table. A node gets its id once, from the metadata range; each start raises its
 * incarnation and draws a mark, durably, before it talks to anybody. What nodes know of each other spreads
 * by gossip: the record with the higher incarnation wins. Two marks for one incarnation mean that a data
 * directory was rolled back or copied; who runs on it may have forgotten votes and acknowledged writes, so
 * it is refused from then on, and a node that hears of a start of its own that it does not know stops
 * (trap K26).
 *
 * SHARD_MESSAGE_NODES: repeated node record. JOIN: token u64, node record. JOIN_REPLY: status u16,
 * cluster id 16 bytes, node id u64, repeated node record. INIT: empty. INIT_REPLY: status u16. PREVIEW: sized locality.
 * PREVIEW_REPLY: status u16, and with OK the reply of RPC_NODE_CHANGE. */
#include <stdio.h>
#include <stdlib.h>

#include "shard/admin.h"
#include "shard/shard_int.h"

#define JOIN_RETRY_NS 300000000u
#define JOIN_TIMEOUT_NS 3000000000u
#define SEED_PAUSE_NS 500000000u /* of a member, between looks at the seeds */
#define GOSSIP_TICKS 10
#define GOSSIP_TABLES 9u /* nodes that are sent all that is known, each time */
#define SEEN_NS 3000000000u /* a node that was silent for longer counts as down */

static struct node_entry *find(const struct store *s, struct node_id node)
{
    uint32_t low = 0, high = s->node_count; /* they stand by id */
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (s->nodes[middle]->record.node.value < node.value) low = middle + 1;
        else high = middle;
    }
    return low < s->node_count && s->nodes[low]->record.node.value == node.value ? s->nodes[low] : NULL;
}

struct node_entry *nodes_find(struct store *s, struct node_id node)
{
    return find(s, node);
}

static struct node_entry *node_insert(struct store *s, struct node_id node)
{
    if (s->node_count == SHARD_NODES_MAX) return NULL;
    struct node_entry *n = calloc(1, sizeof *n);
    if (n == NULL) return NULL;
    n->record.node = node;
    uint32_t at = s->node_count;
    while (at > 0 && s->nodes[at - 1]->record.node.value > node.value) {
        s->nodes[at] = s->nodes[at - 1];
        at--;
    }
    s->nodes[at] = n;
    s->node_count++;
    return n;
}

static void explain_copy(const struct store *s, char *why, size_t size)
{
    snprintf(why, size,
             "this data directory is a copy, or older than what the cluster has seen of node %llu (here it is "
             "at start %llu): it may have forgotten votes and acknowledged writes, so it cannot be that node "
             "any more. Move the directory away and start with an empty --data and --join: the node joins as "
             "a new one, and the others bring it up to date",
             (unsigned long long)s->identity.node.value, (unsigned long long)s->identity.incarnation);
}

void store_explain_refusal(const struct store *s, enum net_refusal refusal, char *why, size_t size)
{
    if (refusal == NET_REFUSAL_INCARNATION) explain_copy(s, why, size);
    else if (refusal == NET_REFUSAL_REMOVED)
        snprintf(why, size,
                 "node %llu was removed from the cluster, for good. To add this machine again, start with an "
                 "empty --data and --join",
                 (unsigned long long)s->identity.node.value);
    else snprintf(why, size, "a peer refuses this node: %s", net_refusal_text(refusal));
}

/* The others know of a start of this node that its disk has no memory of. */
static bool is_copy_of_self(const struct store *s, const struct node_record *record)
{
    return s->net != NULL && record->node.value == s->identity.node.value &&
           !net_identity_continues(&s->identity, record->incarnation, record->start_mark);
}

static bool contradicts(const struct node_record *known, const struct node_record *record)
{
    return known->incarnation == record->incarnation && known->start_mark != 0 &&
           record->start_mark != 0 && known->start_mark != record->start_mark && !MUTANT("k26_start_unmarked");
}

/* Which of the two is the older cannot be known, so neither may speak for the node. */
static void disbelieve(struct store *s, struct node_entry *n)
{
    if (n->forked) return;
    n->forked = true;
    COVER("shard_node_forked");
    LOG_ERROR(s->logger, "node", "two starts of a node claim one incarnation: a data directory was rolled back or copied",
              "node=%llu incarnation=%llu", (unsigned long long)n->record.node.value,
              (unsigned long long)n->record.incarnation);
    if (s->net == NULL) return;
    net_remove_peer(s->net, n->record.node); /* silently, so it is told here */
    for (int link = 0; link < NET_LINK_COUNT; link++)
        if (n->link_up[link]) store_on_link(s, n->record.node, (enum net_link)link, false);
}

void nodes_learn(struct store *s, const struct node_record *record)
{
    if (record->node.value == 0) return;
    if (is_copy_of_self(s, record)) {
        char why[512];
        explain_copy(s, why, sizeof why);
        store_fail(s, STATUS_FENCED, why);
        return;
    }
    struct node_entry *n = nodes_find(s, record->node);
    if (n == NULL) n = node_insert(s, record->node);
    if (n == NULL) return;
    if (contradicts(&n->record, record)) disbelieve(s, n);
    bool newer = record->incarnation > n->record.incarnation ||
                 (record->removed && !n->record.removed);
    bool fuller = n->partial && record->incarnation == n->record.incarnation;
    if (!newer && !fuller && n->record.peer_address[0] != '\0') return;
    n->partial = false;
    bool removed = n->record.removed || record->removed;
    if (removed && !n->record.removed) n->removed_ns = env_now_ns(s->env);
    n->record = *record;
    n->record.removed = removed;
    n->fact_stale = n->news = true;
    if (s->net == NULL || record->node.value == s->identity.node.value) return;
    if (removed) net_remove_peer(s->net, record->node);
    else if (record->peer_address[0] != '\0' && !n->forked) net_set_peer(s->net, record->node, record->peer_address);
}

void nodes_deinit(struct store *s)
{
    timer_cancel(s->options.timers, &s->join_timer);
    for (uint32_t i = 0; i < s->node_count; i++) free(s->nodes[i]);
    s->node_count = 0;
}

bool nodes_alive(const struct store *s, struct node_id node, uint64_t within_ns)
{
    if (node.value == s->identity.node.value) return true;
    const struct node_entry *n = find(s, node);
    if (n == NULL || n->record.removed) return false;
    return n->last_seen_ns != 0 && env_now_ns(s->env) - n->last_seen_ns <= within_ns;
}

uint32_t store_nodes(const struct store *s, struct node_view *nodes_out, uint32_t max)
{
    uint32_t count = s->node_count < max ? s->node_count : max;
    for (uint32_t i = 0; i < count; i++) {
        const struct node_entry *n = s->nodes[i];
        bool self = n->record.node.value == s->identity.node.value;
        nodes_out[i] = (struct node_view){
            .record = n->record,
            .last_seen_ns = self ? env_now_ns(s->env) : n->last_seen_ns,
            .removed_ns = n->removed_ns,
            .link_up = self || n->link_up[NET_LINK_CONTROL]};
    }
    return count;
}

bool store_node_seen(const struct store *s, const struct node_view *n)
{
    uint64_t now_ns = env_now_ns(s->env);
    return n->last_seen_ns != 0 && now_ns - n->last_seen_ns < SEEN_NS;
}

/* ---- identity ---- */

const struct net_identity *store_identity(const struct store *s)
{
    return &s->identity;
}

void nodes_fact(struct store *s, uint32_t key, struct bytes value)
{
    struct lsn lsn;
    enum status status = wal_append_fact(s->wal, key, value, &lsn);
    if (status == STATUS_OK && key == FACT_IDENTITY) {
        s->identity_lsn = lsn.value;
        s->identity_durable = false;
    } else if (status != STATUS_OK && key == FACT_IDENTITY) {
        store_fail(s, status,
                   status == STATUS_NO_SPACE
                       ? "the disk is full, and every start has to write to the log; make room, then start the node "
                         "again: nothing is lost"
                       : "the node's identity cannot be written");
    }
}

void nodes_own_record(const struct store *s, struct node_record *record)
{
    *record = (struct node_record){.node = s->identity.node,
                                   .incarnation = s->identity.incarnation,
                                   .start_mark = s->identity.start_marks[0],
                                   .token = s->join_token};
    const struct store_options *o = &s->options;
    snprintf(record->peer_address, sizeof record->peer_address, "%s", o->peer_address);
    snprintf(record->sql_address, sizeof record->sql_address, "%s", o->sql_address);
    snprintf(record->http_address, sizeof record->http_address, "%s", o->http_address);
    snprintf(record->locality, sizeof record->locality, "%s", o->locality);
}

/* A new mark in front of those of the earlier starts. */
static void draw_mark(struct store *s)
{
    uint64_t *marks = s->identity.start_marks;
    memmove(marks + 1, marks, (NET_START_MARKS - 1) * sizeof *marks);
    marks[0] = env_random_u64(s->env) | 1; /* never 0: that means none */
}

/* Raises the incarnation and writes the identity; on_identity follows when it is durable. */
void identity_write(struct store *s)
{
    ASSERT(s->identity.node.value != 0);
    s->identity.incarnation++;
    draw_mark(s);
    buf_reset(&s->scratch);
    buf_append(&s->scratch, s->identity.cluster_id, sizeof s->identity.cluster_id);
    put_u64(&s->scratch, s->identity.node.value);
    put_u64(&s->scratch, s->identity.incarnation);
    for (int i = 0; i < NET_START_MARKS; i++) put_u64(&s->scratch, s->identity.start_marks[i]);
    nodes_fact(s, FACT_IDENTITY, buf_view(&s->scratch));
    if (s->logger != NULL) s->logger->node_id = s->identity.node.value;
    rpc_set_self(s->rpc, s->identity.node, s->identity.incarnation);
    struct node_record own; /* the network learns of it when it is durable (on_identity) */
    nodes_own_record(s, &own);
    nodes_learn(s, &own);
}

/* ---- gossip ---- */

static void table_encode(struct store *s, struct buf *out)
{
    for (uint32_t i = 0; i < s->node_count; i++)
        if (!s->nodes[i]->partial) node_record_encode(&s->nodes[i]->record, out);
}

/* A new link begins with what we know, so that a copy of a node is found out before it is believed. */
void nodes_on_link_up(struct store *s, struct node_id peer)
{
    struct buf table;
    buf_init(&table, NET_MESSAGE_BYTES_MAX);
    table_encode(s, &table);
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
 * (nodes_on_link_up). */
void nodes_gossip(struct store *s)
{
    if (s->net == NULL || s->identity.node.value == 0) return;
    struct buf table, news, routes, settings;
    buf_init(&table, NET_MESSAGE_BYTES_MAX);
    buf_init(&news, NET_MESSAGE_BYTES_MAX);
    buf_init(&routes, NET_MESSAGE_BYTES_MAX);
    buf_init(&settings, NET_MESSAGE_BYTES_MAX);
    table_encode(s, &table);
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

void nodes_on_message(struct store *s, struct node_id from, struct bytes payload)
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

/* Tells the metadata range who we are, once per start, and keeps the facts in the log fresh. */
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

void nodes_tick(struct store *s)
{
    if (s->identity.node.value == 0) return;
    facts_refresh(s);
    if (s->tick_count % GOSSIP_TICKS == 0) nodes_gossip(s);
    if (s->tick_count % GOSSIP_TICKS == 5) records_refresh(s);
}

void store_on_peer_seen(struct store *s, const struct net_identity *peer)
{
    if (s->failed || peer->node.value == 0) return;
    struct node_entry *n = nodes_find(s, peer->node);
    /* A visit goes to whoever answers, also to one that would not be admitted. */
    if (store_admit(s, peer) != NET_REFUSAL_NONE) return;
    if (n != NULL) n->last_seen_ns = env_now_ns(s->env);
    if (n != NULL && n->record.incarnation >= peer->incarnation) return;
    struct node_record record = n != NULL ? n->record : (struct node_record){.node = peer->node};
    record.incarnation = peer->incarnation;
    record.start_mark = peer->start_marks[0];
    snprintf(record.peer_address, sizeof record.peer_address, "%s", peer->advertise);
    nodes_learn(s, &record);
    n = nodes_find(s, peer->node);
    if (n != NULL && n->record.incarnation == peer->incarnation) n->partial = true; /* its own record follows */
}

enum net_refusal store_admit(struct store *s, const struct net_identity *peer)
{
    if (peer->node.value == 0) return NET_REFUSAL_NONE;
    if (s->identity.node.value == 0 || !s->identity_durable) return NET_REFUSAL_NOT_READY;
    if (memcmp(peer->cluster_id, s->identity.cluster_id, sizeof peer->cluster_id) != 0)
        return NET_REFUSAL_CLUSTER;
    struct node_entry *n = nodes_find(s, peer->node);
    if (n != NULL && n->record.removed) return NET_REFUSAL_REMOVED;
    bool continues = n == NULL || net_identity_continues(peer, n->record.incarnation, n->record.start_mark);
    return continues && (n == NULL || !n->forked) ? NET_REFUSAL_NONE : NET_REFUSAL_INCARNATION;
}

/* ---- joining ---- */

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
    nodes_on_message(s, (struct node_id){0}, table);
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

/* ---- the side that is asked ---- */

struct join_request {
    struct store *store;
    struct net_guest *guest; /* NULL: it left */
    struct rpc_call call;
    struct list link;
};

static void join_answer(struct store *s, struct net_guest *guest, enum status status, uint64_t node)
{
    struct buf out;
    buf_init(&out, NET_MESSAGE_BYTES_MAX);
    put_u16(&out, (uint16_t)status);
    buf_append(&out, s->identity.cluster_id, 16);
    put_u64(&out, node);
    if (status == STATUS_OK) table_encode(s, &out);
    if (out.failed || net_guest_reply(guest, SHARD_MESSAGE_JOIN_REPLY, buf_view(&out)) != STATUS_OK)
        COVER("shard_join_reply_not_sent");
    buf_deinit(&out);
}

static void on_join_done(struct rpc_call *call, enum status status, struct bytes body)
{
    struct join_request *j = call->ctx;
    struct reader r = reader_make(body);
    uint64_t node = status == STATUS_OK ? get_u64(&r) : 0;
    if (r.failed) status = STATUS_INVALID;
    if (status != STATUS_CANCELLED) store_route_refused(j->store, RANGE_META, call->to, status, body);
    if (j->guest != NULL && status != STATUS_CANCELLED) join_answer(j->store, j->guest, status, node);
    list_remove(&j->link);
    free(j);
}

/* Asks the leader of the metadata range for a guest. STATUS_OK: on_done follows. */
static enum status ask_for(struct store *s, struct net_guest *guest, enum rpc_kind kind, struct bytes body,
                           void (*on_done)(struct rpc_call *call, enum status status, struct bytes body))
{
    struct node_id leader = store_meta_leader(s);
    struct join_request *j = leader.value == 0 ? NULL : calloc(1, sizeof *j);
    if (j == NULL) return STATUS_UNAVAILABLE;
    j->store = s;
    j->guest = guest;
    j->call.on_done = on_done;
    j->call.ctx = j;
    list_push_back(&s->joins, &j->link);
    if (rpc_start(s->rpc, &j->call, leader, kind, body, JOIN_TIMEOUT_NS) == STATUS_OK) return STATUS_OK;
    list_remove(&j->link);
    free(j);
    return STATUS_BUSY;
}

static void serve_join(struct store *s, struct net_guest *guest, struct bytes payload)
{
    enum status status = ask_for(s, guest, RPC_META_JOIN, payload, on_join_done);
    if (status != STATUS_OK) join_answer(s, guest, status, 0);
}

/* ---- what a node would change that has not joined yet ---- */

static void preview_answer(struct net_guest *guest, enum status status, struct bytes body)
{
    struct buf out;
    buf_init(&out, NET_MESSAGE_BYTES_MAX);
    put_u16(&out, (uint16_t)status);
    buf_append_bytes(&out, status == STATUS_OK ? body : BYTES_EMPTY);
    if (out.failed || net_guest_reply(guest, SHARD_MESSAGE_PREVIEW_REPLY, buf_view(&out)) != STATUS_OK)
        COVER("shard_preview_not_sent");
    buf_deinit(&out);
}

static void on_preview_done(struct rpc_call *call, enum status status, struct bytes body)
{
    struct join_request *j = call->ctx;
    if (status != STATUS_OK && status != STATUS_CANCELLED) store_route_refused(j->store, RANGE_META, call->to, status, body);
    if (j->guest != NULL && status != STATUS_CANCELLED) preview_answer(j->guest, status, body);
    list_remove(&j->link);
    free(j);
}

/* It costs the leader a walk over all ranges, so a guest asks once at a time. */
static void serve_preview(struct store *s, struct net_guest *guest, struct bytes payload)
{
    struct reader in = reader_make(payload);
    struct admin_question q = {.flags = ADMIN_ASK, .adds = true, .locality = get_sized(&in)};
    LIST_FOR_EACH(item, &s->joins)
        if (CONTAINER_OF(item, struct join_request, link)->guest == guest) return;
    struct buf body;
    buf_init(&body, NET_GUEST_MESSAGE_BYTES_MAX + 64);
    enum status status = reader_done(&in) ? STATUS_OK : STATUS_INVALID;
    if (status == STATUS_OK) admin_encode(&body, &q);
    if (status == STATUS_OK) status = buf_status(&body);
    if (status == STATUS_OK) status = ask_for(s, guest, RPC_NODE_CHANGE, buf_view(&body), on_preview_done);
    buf_deinit(&body);
    if (status != STATUS_OK) preview_answer(guest, status, BYTES_EMPTY);
}

static void on_init_done(void *ctx, enum status status)
{
    struct store *s = ctx;
    if (s->init_guest == NULL) return;
    uint8_t reply[2];
    store_le16(reply, (uint16_t)status);
    if (net_guest_reply(s->init_guest, SHARD_MESSAGE_INIT_REPLY, bytes_make(reply, 2)) != STATUS_OK)
        COVER("shard_init_reply_not_sent");
    s->init_guest = NULL;
}

void store_on_guest_message(struct store *s, struct net_guest *guest, uint16_t type,
                            struct bytes payload)
{
    if (s->failed) return;
    if (type == SHARD_MESSAGE_JOIN) {
        serve_join(s, guest, payload);
    } else if (type == SHARD_MESSAGE_PREVIEW) {
        serve_preview(s, guest, payload);
    } else if (type == SHARD_MESSAGE_INIT) {
        if (s->init_guest != NULL) return;
        s->init_guest = guest;
        bootstrap_init(s, payload, on_init_done, s);
    }
}

void store_on_guest_closed(struct store *s, struct net_guest *guest)
{
    if (s->init_guest == guest) s->init_guest = NULL;
    LIST_FOR_EACH(item, &s->joins) {
        struct join_request *j = CONTAINER_OF(item, struct join_request, link);
        if (j->guest == guest) j->guest = NULL;
    }
}
