/* The node table: what this node knows of the others, and whom it believes. The record with the higher incarnation wins.
 * Two marks for one incarnation mean that a data directory was rolled back or copied; who runs on it may have forgotten
 * votes and acknowledged writes, so it is refused from then on, and a node that hears of a start of its own that it does
 * not know stops (trap K26). */
#include <stdio.h>
#include <stdlib.h>

#include "shard/nodes.h"

#define SEEN_UNLEASED_NS 3000000000u /* when nobody asks for support, there is only gossip to be heard */

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

/* Everybody asks everybody for support at each beat: who has not for as long as it lasts cannot be counted on. If this process
 * stood still it heard nobody, which says nothing of them. */
bool nodes_heard(const struct store *s, struct node_id node)
{
    if (node.value == s->identity.node.value) return true;
    const struct node_entry *n = find(s, node);
    if (n == NULL || n->record.removed || n->last_seen_ns == 0) return false;
    uint64_t since_ns = n->last_seen_ns > s->liveness.gap_ns ? n->last_seen_ns : s->liveness.gap_ns;
    uint64_t bound_ns = s->options.no_leases ? SEEN_UNLEASED_NS : s->options.support_ns;
    return env_now_ns(s->env) - since_ns <= (MUTANT("silence_unnoticed") ? SEEN_UNLEASED_NS : bound_ns);
}

bool store_node_seen(const struct store *s, const struct node_view *n)
{
    return nodes_heard(s, n->record.node);
}

/* ---- who is let in ---- */

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
