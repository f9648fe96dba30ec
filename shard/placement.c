/* Who shall hold what: the loop of the metadata leader. It looks at all ranges again and again, some of them
 * each time, and asks the allocator what to do about each. A decision becomes a job, which stays until the
 * mirrored descriptor says that it is done; twice a second the leader of the range is told of it. Leaders that
 * shall go elsewhere are told so. Nothing here is safety: what may be changed, and when, decides the range
 * (move.c). */
#include "shard/placement_int.h"

#include <stdlib.h>

#include "shard/meta_call.h"
#include "shard/nodes.h"

#define ROUND_TICKS      5
#define BUSY_ROUND_TICKS 2 /* while something is under way */
#define RANGES_PER_ROUND 512u
#define SUSPECT_NS       3000000000u
#define TRANSFER_AGAIN_NS 3000000000u
#define CALL_TIMEOUT_NS  2000000000u
#define LOAD_LASTS_NS    UINT64_C(6000000000) /* three times what thousands of ranges take to tell of it */

/* ---- the leader's memory ---- */

static bool in_charge(struct store *s)
{
    struct replica *meta = store_replica(s, RANGE_META);
    return meta != NULL && replica_serving(meta) && s->meta.initialized && !s->failed;
}

void placement_forget(struct store *s)
{
    if (s->placement == NULL) return;
    load_forget(s->placement);
    free(s->placement);
    s->placement = NULL;
}

struct placement *placement_of(struct store *s)
{
    if (!in_charge(s)) return NULL;
    if (s->placement != NULL) return s->placement;
    struct placement *p = calloc(1, sizeof *p);
    if (p == NULL) return NULL;
    p->store = s;
    map_init(&p->ranges);
    map_init(&p->nodes);
    s->placement = p;
    return p;
}

bool placement_knows(struct store *s, struct range_id range)
{
    return meta_range(&s->meta, range) != NULL;
}

/* ---- what the allocator is told ---- */

/* Another node runs where this one ran: a wiped disk comes back as a new node (K26). */
static bool succeeded(const struct store *s, const struct node_record *record)
{
    if (MUTANT("k26_successor_unnoticed")) return false;
    for (uint32_t i = 0; i < s->meta.node_count; i++) {
        const struct node_record *other = s->meta.nodes[i];
        if (other->node.value > record->node.value && !other->removed &&
            strcmp(other->peer_address, record->peer_address) == 0 && nodes_alive(s, other->node, SUSPECT_NS))
            return true;
    }
    return false;
}

static enum allocator_health health_of(struct store *s, const struct node_record *record)
{
    if (nodes_alive(s, record->node, SUSPECT_NS)) return ALLOCATOR_ALIVE;
    const struct node_entry *n = nodes_find(s, record->node);
    uint64_t now_ns = env_now_ns(s->env);
    uint64_t since_ns = n == NULL || n->last_seen_ns == 0 ? s->started_ns : n->last_seen_ns;
    return now_ns - since_ns > store_setting(s, SETTING_DEAD_AFTER, BYTES_EMPTY) ? ALLOCATOR_DEAD : ALLOCATOR_SUSPECT;
}

_Static_assert((int)ALLOCATOR_DRAINING == NODE_STATE_DRAINING && (int)ALLOCATOR_LEAVING == NODE_STATE_DECOMMISSIONING &&
                   (int)ALLOCATOR_GONE == NODE_STATE_REMOVED,
               "states are taken over as they are");

static void describe_node(struct placement *p, const struct node_record *record, struct allocator_node *n)
{
    struct store *s = p->store;
    n->state = (enum allocator_state)meta_node_state(&s->meta, record->node);
    if (record->removed || succeeded(s, record)) n->state = ALLOCATOR_GONE;
    n->health = health_of(s, record);
    n->locality = record->locality;
    const struct node_report *report = map_get(&p->nodes, record->node.value);
    if (report != NULL && report->full) n->disk_bytes = 1000; /* of which nothing is free */
}

/* How many voters the keys of a range want: the most of what was set for any of them. */
uint32_t placement_factor(const struct store *s, const struct cluster_settings *settings, const struct descriptor *d)
{
    uint64_t factor = s->options.replication_factor;
    (void)cluster_settings_get(settings, SETTING_REPLICATION_FACTOR, d->start, &factor);
    for (uint32_t i = 0; i < settings->count; i++) {
        const struct cluster_value *v = &settings->values[i];
        if (v->id != SETTING_REPLICATION_FACTOR || v->scope_size == 0 || v->value <= factor) continue;
        if (descriptor_contains(d, bytes_make(v->scope, v->scope_size))) factor = v->value;
    }
    return factor > RAFT_VOTERS_MAX ? RAFT_VOTERS_MAX : (uint32_t)factor;
}

void placement_describe(struct placement *p, const struct descriptor *d, struct allocator_range *r)
{
    const struct range_report *report = map_get(&p->ranges, d->range.value);
    *r = (struct allocator_range){.range = d->range,
                                  .config = &d->config,
                                  .factor = placement_factor(p->store, store_settings(p->store), d),
                                  .weightless = d->range.value == RANGE_META.value};
    if (report != NULL) {
        r->leader = report->leader;
        r->bytes = report->bytes;
        r->load = report->load;
        r->measured = report->at_ns != 0;
    }
    r->target_count = job_target(p->store, d->range, r->target);
}

/* All nodes as they are, with nothing in their sums. */
static void nodes_as_they_are(struct placement *p, struct allocator *a)
{
    struct store *s = p->store;
    allocator_init(a);
    a->repairs_max = (uint32_t)store_setting(s, SETTING_SNAPSHOTS_PER_NODE, BYTES_EMPTY);
    a->balance_replicas = a->balance_leaders = store_setting(s, SETTING_REBALANCE, BYTES_EMPTY) != 0;
    for (uint32_t i = 0; i < s->meta.node_count; i++) {
        struct allocator_node *n = allocator_add(a, s->meta.nodes[i]->node);
        if (n != NULL) describe_node(p, s->meta.nodes[i], n);
    }
    allocator_seal(a);
}

static void count(struct placement *p, const struct range_count *c, int sign)
{
    struct allocator_range r = {.leader = c->leader, .bytes = c->bytes, .load = c->load, .target_count = c->node_count};
    if (c->node_count == 0) return;
    memcpy(r.target, c->nodes, sizeof r.target);
    allocator_count(&p->allocator, &r, sign);
}

/* As it is known now, or will be, in place of what was counted before. */
static void recount(struct placement *p, struct range_report *report, const struct allocator_range *r)
{
    struct range_count *c = &report->counted;
    count(p, c, -1);
    *c = (struct range_count){.leader = r->leader, .bytes = r->bytes, .load = r->load, .node_count = r->target_count};
    if (r->target_count > 0) memcpy(c->nodes, r->target, sizeof c->nodes);
    for (uint32_t i = 0; r->target_count == 0 && i < r->config->voter_count; i++)
        c->nodes[c->node_count++] = r->config->voters[i].node;
    if (r->weightless) c->node_count = 0;
    count(p, c, 1);
}

/* Whoever leads a range has told of it since this node decides. Those of one node come before those of another, most of all
 * when another has come to lead the metadata range: levelled by half of what there is, leaders would all go where nothing is
 * known of yet. A range without a majority has nobody who could tell. */
static bool all_is_told(struct placement *p)
{
    const struct meta_state *m = &p->store->meta;
    if (MUTANT("levelled_by_half_the_reports")) return true;
    for (uint32_t i = 0; i < m->ranges.count; i++) {
        const struct raft_config *c = &m->ranges.items[i]->config;
        const struct range_report *report = map_get(&p->ranges, m->ranges.items[i]->range.value);
        if (report != NULL && report->at_ns != 0) continue;
        uint64_t nodes[RAFT_VOTERS_MAX];
        for (uint32_t v = 0; v < c->voter_count; v++) nodes[v] = c->voters[v].node;
        if (allocator_tolerance(&p->allocator, nodes, c->voter_count) >= 0) return false;
    }
    return true;
}

/* Ranges tell of their load by turns, each as it was over the last seconds. While it rises some nodes seem to have all of it,
 * and leaders would go back and forth: so only what lasts counts. */
static void look_at_loads(struct placement *p)
{
    struct allocator *a = &p->allocator;
    uint64_t now_ns = env_now_ns(p->store->env);
    for (uint32_t i = 0; i < a->node_count; i++) {
        struct allocator_node *n = &a->nodes[i];
        struct node_report *report = map_get(&p->nodes, n->node.value);
        if (report == NULL) continue;
        bool busy = n->load * a->node_count > a->load + a->load / 20;
        if (!busy) report->busy_since_ns = 0;
        else if (report->busy_since_ns == 0) report->busy_since_ns = now_ns;
        n->load_is_news = !busy || now_ns - report->busy_since_ns < LOAD_LASTS_NS;
        if (MUTANT("levelled_by_passing_load")) n->load_is_news = false;
    }
}

/* At the beginning of a sweep: other nodes, perhaps, and sums from nothing. */
static void survey(struct placement *p)
{
    struct store *s = p->store;
    nodes_as_they_are(p, &p->allocator);
    for (uint32_t i = 0; i < s->meta.ranges.count; i++) {
        struct allocator_range r;
        struct range_report *report = load_of_range(p, s->meta.ranges.items[i]->range);
        if (report == NULL) continue;
        report->counted = (struct range_count){.node_count = 0};
        placement_describe(p, s->meta.ranges.items[i], &r);
        recount(p, report, &r);
    }
    look_at_loads(p);
    if (all_is_told(p)) return;
    COVER("shard_levelling_waits_for_reports");
    p->allocator.balance_replicas = p->allocator.balance_leaders = false;
}

/* All nodes as they are, and the sums over all ranges. */
void placement_survey(struct placement *p, struct allocator *a)
{
    struct store *s = p->store;
    nodes_as_they_are(p, a);
    for (uint32_t i = 0; i < s->meta.ranges.count; i++) {
        struct allocator_range r;
        placement_describe(p, s->meta.ranges.items[i], &r);
        allocator_count(a, &r, 1);
    }
}

static bool votes_on(const struct descriptor *d, uint64_t node)
{
    for (uint32_t i = 0; i < d->config.voter_count; i++)
        if (d->config.voters[i].node == node) return true;
    return false;
}

/* Those who fetch the range have so much to do already. */
static void note_incoming(struct placement *p, const struct descriptor *d, const uint64_t *target, uint32_t count)
{
    const struct range_report *report = map_get(&p->ranges, d->range.value);
    uint64_t fetch = report == NULL ? allocator_fetch(false, 0) : allocator_fetch(report->at_ns != 0, report->bytes);
    for (uint32_t i = 0; i < count; i++) {
        struct allocator_node *n = allocator_node(&p->allocator, target[i]);
        if (n != NULL && !votes_on(d, target[i])) n->incoming += fetch;
    }
}

/* ---- orders ---- */

struct order {
    struct rpc_call call;
    struct store *store;
    struct range_id range;
};

/* An order that is lost, or came to the wrong node, is given again. */
static void on_order_done(struct rpc_call *call, enum status status, struct bytes body)
{
    struct order *o = CONTAINER_OF(call, struct order, call);
    struct store *s = o->store;
    if (status != STATUS_OK && status != STATUS_CANCELLED) {
        COVER("shard_order_refused");
        store_route_refused(s, o->range, call->to, status, body);
        struct range_report *report = s->placement == NULL ? NULL : map_get(&s->placement->ranges, o->range.value);
        bool elsewhere = status != STATUS_STALE_ROUTE && status != STATUS_BUSY;
        if (report != NULL && elsewhere && report->leader.value == call->to.value) report->leader.value = 0;
    }
    free(o);
}

/* As its leader told; as others did; or somebody who will know better. */
static struct node_id leader_of(struct placement *p, const struct descriptor *d)
{
    const struct range_report *report = map_get(&p->ranges, d->range.value);
    struct node_id leader = route_leader_hint(p->store, d->range);
    struct replica *local = store_replica(p->store, d->range);
    bool certain = local != NULL && replica_leader_hint(local).value != 0; /* nobody knows better */
    if (!certain && report != NULL && report->leader.value != 0) leader = report->leader;
    const struct raft_config *c = &d->config;
    if (leader.value == 0 && c->voter_count > 0)
        leader.value = c->voters[p->store->tick_count / ROUND_TICKS % c->voter_count].node;
    return leader;
}

/* Sends the body in s->scratch to the leader of a range. */
static void send_order(struct placement *p, const struct descriptor *d, enum rpc_kind kind)
{
    struct store *s = p->store;
    struct node_id leader = leader_of(p, d);
    struct order *o = leader.value == 0 ? NULL : calloc(1, sizeof *o);
    if (o == NULL) return;
    o->store = s;
    o->range = d->range;
    o->call.on_done = on_order_done;
    if (rpc_start(s->rpc, &o->call, leader, kind, buf_view(&s->scratch), CALL_TIMEOUT_NS) != STATUS_OK) free(o);
}

static void order_target(struct placement *p, const struct descriptor *d, const uint64_t *target, uint32_t count)
{
    struct buf *b = &p->store->scratch;
    buf_reset(b);
    put_u64(b, d->range.value);
    put_u64(b, d->epoch);
    put_u8(b, (uint8_t)count);
    for (uint32_t i = 0; i < count; i++) put_u64(b, target[i]);
    note_incoming(p, d, target, count);
    send_order(p, d, RPC_RANGE_TARGET);
}

static void order_transfer(struct placement *p, const struct descriptor *d, struct node_id to)
{
    struct range_report *report = load_of_range(p, d->range);
    uint64_t now_ns = env_now_ns(p->store->env);
    if (report == NULL || (report->transfer_ns != 0 && now_ns - report->transfer_ns < TRANSFER_AGAIN_NS)) return;
    report->transfer_ns = now_ns;
    p->store->metrics.leaders_ordered++;
    buf_reset(&p->store->scratch);
    put_u64(&p->store->scratch, d->range.value);
    put_u64(&p->store->scratch, to.value);
    send_order(p, d, RPC_RANGE_TRANSFER);
}

/* ---- nodes that leave ---- */

static void on_removed(struct rpc_call *call, enum status status, struct bytes body)
{
    (void)body;
    if (status != STATUS_OK) COVER("shard_removal_refused");
    free(call);
}

/* Says itself that it holds nothing any more, or cannot say anything. */
static bool is_empty(const struct placement *p, const struct allocator_node *n)
{
    const struct node_report *report = map_get(&p->nodes, n->node.value);
    uint64_t now_ns = env_now_ns(p->store->env);
    if (n->health == ALLOCATOR_DEAD) return true;
    return report != NULL && report->replicas == 0 && now_ns - report->at_ns < SUSPECT_NS;
}

/* A decommissioned node that holds nothing is removed: it leaves for good. The metadata range refuses while any range
 * counts on it. */
static void remove_empty(struct placement *p)
{
    struct store *s = p->store;
    for (uint32_t i = 0; i < p->allocator.node_count; i++) {
        const struct allocator_node *n = &p->allocator.nodes[i];
        if (n->state != ALLOCATOR_LEAVING || n->replicas > 0 || !is_empty(p, n)) continue;
        struct rpc_call *call = calloc(1, sizeof *call);
        if (call == NULL) return;
        call->on_done = on_removed;
        buf_reset(&s->scratch);
        meta_put_node_state(&s->scratch, n->node, NODE_STATE_REMOVED, env_wall_ns(s->env) / 1000000u);
        if (rpc_start(s->rpc, call, s->identity.node, RPC_META_CHANGE, buf_view(&s->scratch), CALL_TIMEOUT_NS) != STATUS_OK)
            free(call);
    }
}

/* ---- the round ---- */

/* The mirror lags behind the range, most of all when another has come to lead the metadata range: what is decided about
 * members of long ago would be carried out on those of today. */
static bool is_current(const struct placement *p, const struct descriptor *d)
{
    const struct range_report *report = map_get(&p->ranges, d->range.value);
    return MUTANT("decision_from_old_mirror") || (report != NULL && report->epoch == d->epoch);
}

static void consider(struct placement *p, const struct descriptor *d)
{
    struct allocator_range r;
    struct allocator_change change;
    struct node_id to;
    struct range_report *report = load_of_range(p, d->range);
    if (report == NULL) return;
    if (!is_current(p, d)) return;
    placement_describe(p, d, &r);
    recount(p, report, &r);
    if (allocator_decide(&p->allocator, &r, &change)) {
        if (!job_begin(p->store, d, &change)) return;
        placement_describe(p, d, &r);
        recount(p, report, &r);
        note_incoming(p, d, change.target, change.target_count);
    } else if (allocator_lead(&p->allocator, &r, &to)) {
        order_transfer(p, d, to);
        r.leader = to;
        recount(p, report, &r);
    }
}

static void refresh_nodes(struct placement *p)
{
    struct store *s = p->store;
    for (uint32_t i = 0; i < s->meta.node_count; i++) {
        struct allocator_node *n = allocator_node(&p->allocator, s->meta.nodes[i]->node.value);
        if (n == NULL) continue; /* with the next sweep */
        describe_node(p, s->meta.nodes[i], n);
        n->incoming = 0;
    }
}

static void round_of(struct placement *p)
{
    struct meta_state *m = &p->store->meta;
    /* A sweep over thousands of ranges takes seconds: somebody who is new is not kept waiting for the next one. */
    if (p->allocator.node_count < m->node_count && p->allocator.node_count < ALLOCATOR_NODES_MAX) p->cursor = 0;
    if (p->cursor == 0) {
        survey(p);
        remove_empty(p);
    }
    refresh_nodes(p);
    jobs_drive(p, order_target);
    for (uint32_t n = 0; n < RANGES_PER_ROUND && p->cursor < m->ranges.count; n++)
        consider(p, m->ranges.items[p->cursor++]);
    if (p->cursor >= m->ranges.count) p->cursor = 0;
}

void placement_tick(struct store *s)
{
    move_tick(s);
    load_tick(s);
    struct placement *p = s->stopping ? NULL : placement_of(s);
    if (p == NULL) placement_forget(s);
    else if (s->tick_count % (s->meta.job_count > 0 ? BUSY_ROUND_TICKS : ROUND_TICKS) == 0) round_of(p);
}

void placement_serve(struct store *s)
{
    move_serve(s);
    load_serve(s);
}
