/* Where a key is served, as this node knows. Wrong answers are harmless: the owner checks (range, epoch)
 * and answers with its own descriptor. */
#include <stdlib.h>

#include "shard/shard_int.h"

#define ROUTES_MAX (sizeof ((struct store *)0)->routes / sizeof ((struct store *)0)->routes[0])

static struct route_entry *route_of(struct store *s, struct range_id range)
{
    for (uint32_t i = 0; i < s->route_count; i++)
        if (s->routes[i].descriptor.range.value == range.value) return &s->routes[i];
    return NULL;
}

void store_route_learn(struct store *s, const struct descriptor *descriptor)
{
    if (descriptor->epoch == 0) return;
    struct route_entry *e = route_of(s, descriptor->range);
    if (e == NULL) {
        if (s->route_count == ROUTES_MAX) return;
        e = &s->routes[s->route_count++];
        e->leader.value = 0;
        e->descriptor.epoch = 0;
    }
    if (e->descriptor.epoch >= descriptor->epoch) return;
    if (descriptor_assign(&e->descriptor, descriptor) != STATUS_OK) COVER("shard_route_no_memory");
}

void store_route_learn_leader(struct store *s, struct range_id range, struct node_id leader)
{
    struct route_entry *e = route_of(s, range);
    if (e != NULL) e->leader = leader;
}

/* A member to try when no leader is known: another one at each attempt. */
static struct node_id some_member(struct store *s, const struct descriptor *d)
{
    uint32_t count = d->config.voter_count;
    if (count == 0) return (struct node_id){0};
    uint32_t first = (uint32_t)prng_below(&s->prng, count);
    for (uint32_t i = 0; i < count; i++) {
        struct node_id node = {d->config.voters[(first + i) % count].node};
        struct node_entry *n = nodes_find(s, node);
        if (node.value == s->identity.node.value || (n != NULL && n->link_up[NET_LINK_DATA])) return node;
    }
    return (struct node_id){0};
}

enum status store_route(struct store *s, struct bytes key, struct route *route_out)
{
    for (uint32_t i = 0; i < s->route_count; i++) {
        struct route_entry *e = &s->routes[i];
        if (!descriptor_contains(&e->descriptor, key)) continue;
        struct replica *local = store_replica(s, e->descriptor.range);
        struct node_id leader = {0};
        if (local != NULL) leader = replica_leader_hint(local);
        if (leader.value == 0) leader = e->leader;
        if (leader.value == 0) leader = some_member(s, &e->descriptor);
        *route_out = (struct route){e->descriptor.range, e->descriptor.epoch, leader};
        return STATUS_OK;
    }
    return STATUS_NOT_FOUND;
}

struct node_id store_meta_leader(const struct store *s)
{
    struct store *mutable = (struct store *)(uintptr_t)s; /* some_member draws a number */
    struct replica *local = store_replica(mutable, RANGE_META);
    if (local != NULL) {
        struct node_id leader = replica_leader_hint(local);
        if (leader.value != 0) return leader;
    }
    struct route_entry *e = route_of(mutable, RANGE_META);
    if (e == NULL) return (struct node_id){0};
    return e->leader.value != 0 ? e->leader : some_member(mutable, &e->descriptor);
}

/* ---- gossip: what this node leads or follows, for those that have no replica ---- */

void route_encode(struct store *s, struct buf *out)
{
    struct buf encoded;
    buf_init(&encoded, 1 << 16);
    LIST_FOR_EACH(item, &s->replicas) {
        struct replica *r = CONTAINER_OF(item, struct replica, link);
        if (r->descriptor.epoch == 0) continue;
        buf_reset(&encoded);
        descriptor_encode(&r->descriptor, &encoded);
        put_sized(out, buf_view(&encoded));
        put_u64(out, replica_leader_hint(r).value);
    }
    buf_deinit(&encoded);
}

void route_on_message(struct store *s, struct bytes payload)
{
    struct reader in = reader_make(payload);
    struct descriptor *d = calloc(1, sizeof *d);
    while (d != NULL && reader_left(&in) > 0) {
        struct bytes encoded = get_sized(&in);
        struct node_id leader = {get_u64(&in)};
        if (in.failed || descriptor_decode(encoded, d) != STATUS_OK) break;
        store_route_learn(s, d);
        struct route_entry *e = route_of(s, d->range);
        /* A replica here knows better, and so does a call that was answered. */
        if (e != NULL && store_replica(s, d->range) == NULL && e->leader.value == 0) e->leader = leader;
    }
    free(d);
}
