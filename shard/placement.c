/* Who shall hold what: the loop of the metadata leader. It looks at all ranges again and again, some of them
 * each time, and asks the allocator what to do about each. A decision becomes a job, which stays until the
 * mirrored descriptor says that it is done; twice a second the leader of the range is told of it. Leaders that
 * shall go elsewhere are told so. Nothing here is safety: what may be changed, and when, decides the range
 * (move.c). */
#include "shard/placement_int.h"

#include <stdlib.h>

#define ROUND_TICKS      5
#define RANGES_PER_ROUND 512u
#define SUSPECT_NS       3000000000u
#define TRANSFER_AGAIN_NS 3000000000u
#define CALL_TIMEOUT_NS  2000000000u

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
        if (other->node.value > record->node.value && !other->removed && nodes_alive(s, other->node, SUSPECT_NS) &&
            strcmp(other->peer_address, record->peer_address) == 0)
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
    return now_ns - since_ns > s->options.dead_after_ns ? ALLOCATOR_DEAD : ALLOCATOR_SUSPECT;
}

static void describe_node(struct placement *p, const struct node_record *record, struct allocator_node *n)
{
    struct store *s = p->store;
    n->state = record->removed || succeeded(s, record) ? ALLOCATOR_GONE : ALLOCATOR_ACTIVE;
    n->health = health_of(s, record);
    n->locality = record->locality;
    const struct node_report *report = map_get(&p->nodes, record->node.value);
    if (report != NULL && report->full) n->disk_bytes = 1000; /* of which nothing is free */
}

void placement_describe(struct placement *p, const struct descriptor *d, struct allocator_range *r)
{
    const struct range_report *report = map_get(&p->ranges, d->range.value);
    const struct placement_job *job = placement_job(p, d->range);
    *r = (struct allocator_range){.range = d->range,
                                  .config = &d->config,
                                  .factor = p->store->options.replication_factor,
                                  .weightless = d->range.value == RANGE_META.value};
    if (report != NULL) {
        r->leader = report->leader;
        r->bytes = report->bytes;
        r->load = report->load;
    }
    if (job == NULL) return;
    r->target_count = job->target_count;
    memcpy(r->target, job->target, sizeof r->target);
}

/* All nodes as they are, and the sums over all ranges. */
void placement_survey(struct placement *p, struct allocator *a)
{
    struct store *s = p->store;
    allocator_init(a);
    for (uint32_t i = 0; i < s->meta.node_count; i++) {
        struct allocator_node *n = allocator_add(a, s->meta.nodes[i]->node);
        if (n != NULL) describe_node(p, s->meta.nodes[i], n);
    }
    allocator_seal(a);
    for (uint32_t i = 0; i < s->meta.ranges.count; i++) {
        struct allocator_range r;
        placement_describe(p, s->meta.ranges.items[i], &r);
        allocator_count(a, &r, 1);
    }
}

/* ---- jobs ---- */

struct placement_job *placement_job(struct placement *p, struct range_id range)
{
    for (uint32_t i = 0; i < p->job_count; i++)
        if (p->jobs[i].range.value == range.value) return &p->jobs[i];
    return NULL;
}

static void job_end(struct placement *p, struct placement_job *job)
{
    *job = p->jobs[--p->job_count];
}

static bool votes_on(const struct descriptor *d, uint64_t node)
{
    for (uint32_t i = 0; i < d->config.voter_count; i++)
        if (d->config.voters[i].node == node) return true;
    return false;
}

/* Those who fetch the range have so much to do already. */
static void note_incoming(struct placement *p, const struct descriptor *d, const struct placement_job *job)
{
    for (uint32_t i = 0; i < job->target_count; i++) {
        struct allocator_node *n = allocator_node(&p->allocator, job->target[i]);
        if (n != NULL && !votes_on(d, job->target[i])) n->incoming++;
    }
}

static bool job_put(struct placement *p, struct range_id range, const struct allocator_change *c)
{
    struct placement_job *job = placement_job(p, range);
    if (job == NULL && p->job_count == PLACEMENT_JOBS_MAX) return false;
    if (job == NULL) job = &p->jobs[p->job_count++];
    *job = (struct placement_job){.range = range,
                                  .reason = c->reason,
                                  .target_count = c->target_count,
                                  .since_ns = env_now_ns(p->store->env)};
    memcpy(job->target, c->target, sizeof job->target);
    LOG_INFO(p->store->logger, "placement", "a range moves", "range=%llu replicas=%u why=\"%s\"",
             (unsigned long long)range.value, c->target_count, allocator_reason_text(c->reason));
    return true;
}

/* ---- orders ---- */

static void on_order_done(struct rpc_call *call, enum status status, struct bytes body)
{
    (void)body;
    if (status != STATUS_OK) COVER("shard_order_refused");
    free(call);
}

/* Sends the body in s->scratch to the leader of a range. An order that is lost is given again. */
static void send_order(struct placement *p, const struct descriptor *d, enum rpc_kind kind)
{
    struct store *s = p->store;
    const struct range_report *report = map_get(&p->ranges, d->range.value);
    struct route route = {.leader = {0}};
    struct replica *local = store_replica(s, d->range);
    if (local != NULL) route.leader = replica_leader_hint(local); /* nobody knows better */
    if (route.leader.value != 0) route.range = d->range;
    else if (store_route(s, d->start, &route) != STATUS_OK || route.range.value != d->range.value) route.leader.value = 0;
    if (route.leader.value == 0 && report != NULL) route.leader = report->leader;
    struct rpc_call *call = route.leader.value == 0 ? NULL : calloc(1, sizeof *call);
    if (call == NULL) return;
    call->on_done = on_order_done;
    if (rpc_start(s->rpc, call, route.leader, kind, buf_view(&s->scratch), CALL_TIMEOUT_NS) != STATUS_OK) free(call);
}

static void order_target(struct placement *p, const struct descriptor *d, const struct placement_job *job)
{
    struct buf *b = &p->store->scratch;
    buf_reset(b);
    put_u64(b, d->range.value);
    put_u64(b, d->epoch);
    put_u8(b, (uint8_t)job->target_count);
    for (uint32_t i = 0; i < job->target_count; i++) put_u64(b, job->target[i]);
    send_order(p, d, RPC_RANGE_TARGET);
}

static void order_transfer(struct placement *p, const struct descriptor *d, struct node_id to)
{
    struct range_report *report = load_of_range(p, d->range);
    uint64_t now_ns = env_now_ns(p->store->env);
    if (report == NULL || (report->transfer_ns != 0 && now_ns - report->transfer_ns < TRANSFER_AGAIN_NS)) return;
    report->transfer_ns = now_ns;
    buf_reset(&p->store->scratch);
    put_u64(&p->store->scratch, d->range.value);
    put_u64(&p->store->scratch, to.value);
    send_order(p, d, RPC_RANGE_TRANSFER);
}

/* ---- the round ---- */

static void consider(struct placement *p, const struct descriptor *d)
{
    struct allocator_range r;
    struct allocator_change change;
    struct node_id to;
    placement_describe(p, d, &r);
    if (allocator_decide(&p->allocator, &r, &change)) {
        if (!job_put(p, d->range, &change)) return;
        allocator_count(&p->allocator, &r, -1);
        placement_describe(p, d, &r);
        allocator_count(&p->allocator, &r, 1);
        note_incoming(p, d, placement_job(p, d->range));
    } else if (allocator_lead(&p->allocator, &r, &to)) {
        order_transfer(p, d, to);
        allocator_count(&p->allocator, &r, -1);
        r.leader = to;
        allocator_count(&p->allocator, &r, 1);
    }
}

/* Ends the jobs that are done, or whose range is; repeats the order for the others. */
static void drive_jobs(struct placement *p)
{
    for (uint32_t i = 0; i < p->job_count;) {
        struct placement_job *job = &p->jobs[i];
        const struct descriptor *d = meta_range(&p->store->meta, job->range);
        if (d == NULL || move_settled(&d->config, job->target, job->target_count)) {
            job_end(p, job);
            continue;
        }
        note_incoming(p, d, job);
        order_target(p, d, job);
        i++;
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
    if (p->cursor == 0) placement_survey(p, &p->allocator);
    refresh_nodes(p);
    drive_jobs(p);
    for (uint32_t n = 0; n < RANGES_PER_ROUND && p->cursor < m->ranges.count; n++) consider(p, m->ranges.items[p->cursor++]);
    if (p->cursor >= m->ranges.count) p->cursor = 0;
}

void placement_tick(struct store *s)
{
    move_tick(s);
    load_tick(s);
    struct placement *p = s->stopping ? NULL : placement_of(s);
    if (p == NULL) placement_forget(s);
    else if (s->tick_count % ROUND_TICKS == 0) round_of(p);
}

void placement_serve(struct store *s)
{
    move_serve(s);
    load_serve(s);
}
