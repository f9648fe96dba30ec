/* Where a key is served, as this node knows. Wrong answers are harmless: the owner checks (range, epoch) and answers
 * with its own descriptor.
 *
 * What is known comes from the replicas here and from a cache of what others said. Where both say something about a
 * key the higher epoch is right (meta_range.c says why), and so it is where two entries of the cache would overlap.
 * What nobody knows, the metadata range is asked for, once per key at a time. */
#include <stdlib.h>

#include "shard/nodes.h"

#define ROUTES_MAX        16384
#define LOOKUPS_MAX       16   /* at a time; who comes later tries again anyway */
#define LOOKUP_RANGES     16   /* that are asked for: the next ones are often wanted next */
#define LOOKUP_HOPS_MAX   3
#define LOOKUP_TIMEOUT_NS 1000000000u
#define DOUBT_NS          200000000u /* between questions about a range that nobody serves */
#define SILENT_NS         2500000000u /* everybody says something to everybody each second (gossip.c) */

void routes_init(struct routes *t)
{
    *t = (struct routes){0};
    key_index_init(&t->by_key);
    map_init(&t->by_id);
    list_init(&t->lookups);
}

static struct route_entry *entry_of(struct descriptor *d)
{
    return d == NULL ? NULL : CONTAINER_OF(d, struct route_entry, descriptor);
}

static void entry_drop(struct routes *t, struct route_entry *e)
{
    bool was = key_index_remove(&t->by_key, &e->descriptor);
    ASSERT(was);
    void *removed = map_remove(&t->by_id, e->descriptor.range.value);
    ASSERT(removed == e);
    descriptor_clear(&e->descriptor);
    free(e);
}

/* ---- learning ---- */

/* The hand goes round: who was not used since it passed by last has to go. */
static void make_place(struct routes *t)
{
    while (t->by_key.count >= ROUTES_MAX) {
        if (t->hand >= t->by_key.count) t->hand = 0;
        struct route_entry *e = entry_of(t->by_key.items[t->hand]);
        if (e->used) {
            e->used = false;
            t->hand++;
        } else {
            COVER("shard_route_evicted");
            entry_drop(t, e);
        }
    }
}

static void entry_trim(struct routes *t, struct route_entry *e, struct bytes end)
{
    struct descriptor trimmed = e->descriptor;
    trimmed.end = end;
    if (descriptor_assign(&e->descriptor, &trimmed) != STATUS_OK) entry_drop(t, e);
}

/* Removes or trims what is older than *d and in its way. What is newer trims *d instead; false: nothing is left. */
static bool clear_way(struct routes *t, struct descriptor *d)
{
    uint32_t i = key_index_upto(&t->by_key, d->start);
    if (i > 0) i--;
    while (i < key_index_before(&t->by_key, d->end)) {
        struct route_entry *other = entry_of(t->by_key.items[i]);
        if (other->descriptor.range.value == d->range.value ||
            !descriptor_overlaps(&other->descriptor, d->start, d->end)) {
            i++;
        } else if (other->descriptor.epoch >= d->epoch) {
            if (bytes_compare(other->descriptor.start, d->start) <= 0) return false;
            d->end = other->descriptor.start;
            break;
        } else if (bytes_compare(other->descriptor.start, d->start) < 0) {
            uint32_t count = t->by_key.count;
            entry_trim(t, other, d->start);
            if (t->by_key.count == count) i++;
        } else {
            entry_drop(t, other);
        }
    }
    return true;
}

static void entry_make(struct routes *t, const struct descriptor *d, struct node_id leader)
{
    make_place(t);
    struct route_entry *e = calloc(1, sizeof *e);
    if (e == NULL) return;
    e->leader = leader;
    enum status status = descriptor_assign(&e->descriptor, d);
    if (status == STATUS_OK) status = map_put(&t->by_id, d->range.value, e);
    if (status == STATUS_OK) {
        status = key_index_put(&t->by_key, &e->descriptor);
        if (status == STATUS_OK) return;
        map_remove(&t->by_id, d->range.value);
    }
    COVER("shard_route_no_memory");
    descriptor_clear(&e->descriptor);
    free(e);
}

void store_route_learn(struct store *s, const struct descriptor *descriptor)
{
    struct routes *t = &s->routes;
    if (descriptor->epoch == 0) return;
    struct route_entry *e = map_get(&t->by_id, descriptor->range.value);
    struct replica *local = store_replica(s, descriptor->range);
    if (local != NULL && local->descriptor.epoch >= descriptor->epoch) {
        if (e != NULL && e->descriptor.epoch <= local->descriptor.epoch) entry_drop(t, e);
        return; /* it is known without */
    }
    if (e != NULL && e->descriptor.epoch >= descriptor->epoch) return;
    struct descriptor d = *descriptor;
    if (!clear_way(t, &d)) return;
    struct node_id leader = {0};
    if (e != NULL) {
        leader = e->leader;
        entry_drop(t, e);
    }
    entry_make(t, &d, leader);
}

void store_route_learn_leader(struct store *s, struct range_id range, struct node_id leader)
{
    struct route_entry *e = map_get(&s->routes.by_id, range.value);
    if (e != NULL) e->leader = leader;
    struct replica *local = store_replica(s, range);
    if (local != NULL) local->told_leader = leader;
}

static void forget_leader(struct store *s, struct range_id range, struct node_id node)
{
    struct route_entry *e = map_get(&s->routes.by_id, range.value);
    if (e != NULL && e->leader.value == node.value && !MUTANT("route_keeps_dead_address")) e->leader.value = 0;
    struct replica *local = store_replica(s, range);
    if (local != NULL && local->told_leader.value == node.value) local->told_leader.value = 0;
}

void store_route_refused(struct store *s, struct range_id range, struct node_id asked, enum status status,
                         struct bytes body)
{
    bool served = status != STATUS_NOT_LEADER && status != STATUS_UNKNOWN_OUTCOME && status != STATUS_CLOSED &&
                  status != STATUS_UNAVAILABLE && status != STATUS_TIMEOUT;
    if (served) return; /* whatever it said, it leads */
    struct reader in = reader_make(body);
    struct node_id hint = {status == STATUS_NOT_LEADER && body.size == 8 ? get_u64(&in) : 0};
    if (hint.value != 0 && hint.value != asked.value) store_route_learn_leader(s, range, hint);
    else forget_leader(s, range, asked);
}

/* ---- asking the metadata range ---- */

struct route_lookup {
    struct list link;
    struct rpc_call call;
    struct store *store;
    struct range_id range; /* whose members are asked */
    uint32_t hops;
    bool downwards;
    size_t key_size;
    uint8_t key[];
};

static struct bytes key_of(const struct route_lookup *l)
{
    return bytes_make(l->key, l->key_size);
}

static void lookup_end(struct route_lookup *l)
{
    list_remove(&l->link);
    l->store->routes.lookup_count--;
    free(l);
}

void routes_deinit(struct store *s)
{
    struct routes *t = &s->routes;
    while (!list_empty(&t->lookups)) {
        struct route_lookup *l = CONTAINER_OF(t->lookups.next, struct route_lookup, link);
        rpc_cancel(&l->call);
        lookup_end(l);
    }
    while (t->by_key.count > 0) entry_drop(t, entry_of(t->by_key.items[t->by_key.count - 1]));
    key_index_deinit(&t->by_key);
    map_deinit(&t->by_id);
}

static struct node_id some_member(struct store *s, const struct descriptor *d);
static bool is_silent(struct store *s, struct node_id node);
static bool lookup_send(struct route_lookup *l, struct node_id to);

/* Descriptors of a higher level: their members know more. */
static bool walk_down(struct route_lookup *l, struct bytes ranges)
{
    struct reader in = reader_make(ranges);
    struct descriptor d;
    if (descriptor_decode(get_sized(&in), &d) != STATUS_OK || l->hops >= LOOKUP_HOPS_MAX) return false;
    l->hops++;
    l->range = d.range;
    struct node_id to = some_member(l->store, &d);
    return to.value != 0 && lookup_send(l, to);
}

static void learn_all(struct store *s, struct bytes ranges)
{
    struct reader in = reader_make(ranges);
    for (uint32_t i = 0; i < LOOKUP_COUNT_MAX && reader_left(&in) > 0; i++) {
        struct bytes encoded = get_sized(&in);
        struct node_id leader = {get_u64(&in)};
        struct descriptor d;
        if (in.failed || descriptor_decode(encoded, &d) != STATUS_OK) return;
        store_route_learn(s, &d);
        struct route_entry *e = map_get(&s->routes.by_id, d.range.value);
        if (e != NULL && e->leader.value == 0) e->leader = leader;
    }
}

static void on_looked_up(struct rpc_call *call, enum status status, struct bytes body)
{
    struct route_lookup *l = CONTAINER_OF(call, struct route_lookup, call);
    struct store *s = l->store;
    struct reader in = reader_make(body);
    (void)get_u8(&in); /* proof: not asked for */
    (void)get_u8(&in);
    uint8_t level = get_u8(&in);
    struct bytes ranges = in.failed ? BYTES_EMPTY : bytes_make(in.at, reader_left(&in));
    if (status == STATUS_OK && !in.failed && level > 0 && walk_down(l, ranges)) return;
    if (status == STATUS_OK && !in.failed && level == 0) learn_all(s, ranges);
    else if (status != STATUS_OK) store_route_refused(s, l->range, call->to, status, body);
    lookup_end(l);
}

static bool lookup_send(struct route_lookup *l, struct node_id to)
{
    struct store *s = l->store;
    l->call = (struct rpc_call){.on_done = on_looked_up};
    struct buf body;
    buf_init(&body, SHARD_KEY_BYTES_MAX + 64);
    lookup_encode_key(&body, key_of(l), l->downwards, LOOKUP_RANGES);
    ASSERT(!body.failed);
    enum status status = rpc_start(s->rpc, &l->call, to, RPC_META_LOOKUP, buf_view(&body), LOOKUP_TIMEOUT_NS);
    buf_deinit(&body);
    return status == STATUS_OK;
}

static bool under_way(const struct routes *t, struct bytes key, bool downwards)
{
    LIST_FOR_EACH(item, &t->lookups) {
        const struct route_lookup *l = CONTAINER_OF(item, struct route_lookup, link);
        if (l->downwards == downwards && bytes_equal(key_of(l), key)) return true;
    }
    return false;
}

/* Any replica of range 1 but this one, which was looked at already; its leader, if that is all there is. */
static struct node_id whom_to_ask(struct store *s)
{
    struct replica *own = store_replica(s, RANGE_META);
    struct route_entry *e = map_get(&s->routes.by_id, RANGE_META.value);
    struct node_id to = {0};
    if (own != NULL && meta_ready(s)) {
        to = route_leader_hint(s, RANGE_META);
        return to.value == s->identity.node.value ? (struct node_id){0} : to;
    }
    if (e != NULL) to = some_member(s, &e->descriptor);
    else if (own != NULL) to = some_member(s, &own->descriptor);
    return to.value != 0 && to.value != s->identity.node.value ? to : store_meta_leader(s);
}

static void ask(struct store *s, struct bytes key, bool downwards)
{
    struct routes *t = &s->routes;
    if (t->lookup_count >= LOOKUPS_MAX || key.size > SHARD_KEY_BYTES_MAX || under_way(t, key, downwards)) return;
    struct node_id to = whom_to_ask(s);
    struct route_lookup *l = to.value == 0 ? NULL : calloc(1, sizeof *l + key.size);
    if (l == NULL) return;
    l->store = s;
    l->range = RANGE_META;
    l->downwards = downwards;
    l->key_size = key.size;
    if (key.size > 0) memcpy(l->key, key.data, key.size);
    list_push_back(&t->lookups, &l->link);
    t->lookup_count++;
    t->lookups_ever++;
    if (!lookup_send(l, to)) lookup_end(l);
}

/* ---- answering ---- */

/* Another member at each attempt, one that can be reached; one that speaks, if there is any. */
static struct node_id some_member(struct store *s, const struct descriptor *d)
{
    uint32_t count = d->config.voter_count;
    if (count == 0) return (struct node_id){0};
    uint32_t first = (uint32_t)prng_below(&s->prng, count);
    struct node_id found = {0};
    for (uint32_t i = 0; i < count; i++) {
        struct node_id node = {d->config.voters[(first + i) % count].node};
        struct node_entry *n = nodes_find(s, node);
        bool linked = node.value == s->identity.node.value || (n != NULL && n->link_up[NET_LINK_DATA]);
        if (linked && !is_silent(s, node)) return node;
        if (linked && found.value == 0) found = node;
    }
    return found;
}

/* local: the replica here, or NULL. */
static struct node_id told_leader(struct store *s, struct range_id range, const struct replica *local)
{
    if (local != NULL) {
        struct node_id leader = replica_leader_hint(local);
        if (leader.value == 0) leader = local->told_leader;
        if (leader.value != 0) return leader;
    }
    struct route_entry *e = map_get(&s->routes.by_id, range.value);
    return e != NULL ? e->leader : (struct node_id){0};
}

/* It would not answer, though the links to a machine without power seem to be up for long: whoever sends a commit there
 * waits in vain, and does not know what became of it (K28). Somebody else knows who leads by now. */
static bool is_silent(struct store *s, struct node_id node)
{
    if (node.value == s->identity.node.value) return false;
    const struct node_entry *n = nodes_find(s, node);
    if (n == NULL || n->last_seen_ns == 0) return false;
    return env_lately_ns(s->env) - n->last_seen_ns > SILENT_NS && !MUTANT("route_keeps_dead_address");
}

static struct node_id leader_hint(struct store *s, struct range_id range, const struct replica *local)
{
    struct node_id leader = told_leader(s, range, local);
    if (leader.value == 0 || !is_silent(s, leader)) return leader;
    COVER("shard_route_to_silent_node");
    return (struct node_id){0};
}

struct node_id route_leader_hint(struct store *s, struct range_id range)
{
    return leader_hint(s, range, store_replica(s, range));
}

static struct descriptor *find(const struct key_index *x, struct bytes key, bool downwards)
{
    if (!downwards) return key_index_find(x, key);
    uint32_t count = key_index_before(x, key);
    struct descriptor *d = count == 0 ? NULL : x->items[count - 1];
    return d != NULL && descriptor_compare_ends(d->end, key) >= 0 ? d : NULL;
}

/* *local_out: its replica here, or NULL. */
static const struct descriptor *known(struct store *s, struct bytes key, bool downwards, const struct replica **local_out)
{
    struct descriptor *cached = find(&s->routes.by_key, key, downwards);
    struct descriptor *local = find(&s->replicas_by_key, key, downwards);
    *local_out = NULL;
    if (local != NULL && (cached == NULL || local->epoch >= cached->epoch)) {
        *local_out = CONTAINER_OF(local, struct replica, descriptor);
        return local;
    }
    if (cached == NULL) return NULL;
    entry_of(cached)->used = true;
    *local_out = store_replica(s, cached->range);
    return cached;
}

/* The mirror here answers at once, if it knows better than the cache. */
static const struct descriptor *ask_own_mirror(struct store *s, struct bytes key, bool downwards, const struct replica **local_out)
{
    if (!meta_ready(s)) return NULL;
    const struct descriptor *d = find(&s->meta.ranges, key, downwards);
    if (d != NULL) store_route_learn(s, d);
    return known(s, key, downwards, local_out);
}

/* Nobody is known to serve it: perhaps it has moved, and all who could say so are gone. */
static void doubt(struct store *s, const struct descriptor *d, struct bytes key, bool downwards)
{
    struct replica *local = store_replica(s, d->range);
    struct route_entry *e = map_get(&s->routes.by_id, d->range.value);
    uint64_t *asked_ns = e != NULL ? &e->asked_ns : local != NULL ? &local->route_asked_ns : NULL;
    uint64_t now_ns = env_now_ns(s->env);
    if (asked_ns == NULL || (*asked_ns != 0 && now_ns - *asked_ns < DOUBT_NS)) return;
    *asked_ns = now_ns;
    if (d->range.value == RANGE_META.value) return; /* gossip tells */
    /* What is learnt may take the place of d, and of its memory: it is compared by what it says. */
    struct range_id range = d->range;
    uint64_t epoch = d->epoch;
    const struct replica *local_now;
    const struct descriptor *mirrored = ask_own_mirror(s, key, downwards, &local_now);
    bool nothing_new = mirrored == NULL || (mirrored->range.value == range.value && mirrored->epoch == epoch);
    if (nothing_new) ask(s, key, downwards);
}

static enum status route_to(struct store *s, struct bytes key, bool downwards, struct route *route_out)
{
    const struct replica *local;
    const struct descriptor *d = known(s, key, downwards, &local);
    bool guessed = false;
    if (d == NULL) {
        s->routes.misses++;
        d = ask_own_mirror(s, key, downwards, &local);
        if (d == NULL) ask(s, key, downwards);
        if (d == NULL) return STATUS_NOT_FOUND;
    }
    struct node_id leader = leader_hint(s, d->range, local);
    if (leader.value == 0) {
        doubt(s, d, key, downwards);
        d = known(s, key, downwards, &local); /* what was learnt may have replaced it */
        if (d == NULL) return STATUS_NOT_FOUND;
        leader = leader_hint(s, d->range, local);
        guessed = leader.value == 0;
        if (guessed) leader = some_member(s, d);
    }
    *route_out = (struct route){d->range, d->epoch, leader, d->start, d->end, guessed};
    return STATUS_OK;
}

enum status store_route(struct store *s, struct bytes key, struct route *route_out)
{
    return route_to(s, key, false, route_out);
}

enum status store_route_before(struct store *s, struct bytes key, struct route *route_out)
{
    return route_to(s, key, true, route_out);
}

/* ---- by id: for what was remembered of a range, wherever its keys are now ---- */

static void on_range_known(struct range_lookup *l, enum status status, enum range_verdict verdict,
                           const struct descriptor *d)
{
    (void)verdict;
    struct store *s = l->ctx;
    s->routes.id_lookup_count--;
    if (status == STATUS_OK && d != NULL) store_route_learn(s, d);
    free(l);
}

static void ask_for_range(struct store *s, struct range_id range)
{
    if (s->routes.id_lookup_count >= LOOKUPS_MAX) return;
    struct range_lookup *l = calloc(1, sizeof *l);
    if (l == NULL) return;
    l->on_done = on_range_known;
    l->ctx = s;
    if (store_range_lookup(s, l, range, false) == STATUS_OK) s->routes.id_lookup_count++;
    else free(l);
}

enum status store_route_of(struct store *s, struct range_id range, struct route *route_out)
{
    struct replica *local = store_replica(s, range);
    struct route_entry *e = map_get(&s->routes.by_id, range.value);
    if (e == NULL && local == NULL && meta_ready(s)) {
        const struct descriptor *mirrored = meta_range(&s->meta, range);
        if (mirrored != NULL) store_route_learn(s, mirrored);
        e = map_get(&s->routes.by_id, range.value);
    }
    const struct descriptor *d = e != NULL ? &e->descriptor : local != NULL ? &local->descriptor : NULL;
    if (d == NULL || d->epoch == 0) {
        ask_for_range(s, range);
        return STATUS_NOT_FOUND;
    }
    struct node_id leader = leader_hint(s, range, local);
    bool guessed = leader.value == 0;
    if (guessed) leader = some_member(s, d);
    *route_out = (struct route){range, d->epoch, leader, d->start, d->end, guessed};
    return STATUS_OK;
}

struct node_id store_meta_leader(const struct store *s)
{
    struct store *mutable = (struct store *)(uintptr_t)s; /* some_member draws a number */
    struct node_id leader = route_leader_hint(mutable, RANGE_META);
    if (leader.value != 0) return leader;
    struct route_entry *e = map_get(&s->routes.by_id, RANGE_META.value);
    struct replica *local = store_replica(mutable, RANGE_META);
    if (e != NULL) return some_member(mutable, &e->descriptor);
    return local != NULL ? some_member(mutable, &local->descriptor) : (struct node_id){0};
}

/* ---- gossip: where the metadata range is, for those that have no replica of it ---- */

void route_encode(struct store *s, struct buf *out)
{
    struct replica *r = store_replica(s, RANGE_META);
    if (r == NULL || r->descriptor.epoch == 0) return;
    struct buf encoded;
    buf_init(&encoded, DESCRIPTOR_BYTES_MAX);
    descriptor_encode(&r->descriptor, &encoded);
    put_sized(out, buf_view(&encoded));
    put_u64(out, route_leader_hint(s, RANGE_META).value);
    buf_deinit(&encoded);
}

void route_on_message(struct store *s, struct bytes payload)
{
    learn_all(s, payload); /* a call that was answered knows better who leads */
}
