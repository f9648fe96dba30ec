/* RPC_OVERVIEW: empty. Reply: version u8 = 1, ranges, unavailable, under, over, holes, jobs u32, tolerance + 1 u8, bytes u64,
 * load u64, sized text, count u16, repeated { node u64, state u8, health u8, flags u8 (1 reported, 2 full), replicas,
 * leaders, own replicas, incoming, outgoing u32, bytes, load, incoming bytes u64 }, count u16, repeated { range u64, reason u8, since in
 * ms u64, count u8, nodes u64 }. */
#include "shard/overview.h"

#include <stdlib.h>
#include <string.h>

#include "shard/nodes.h"
#include "shard/outlook.h"
#include "shard/placement_int.h"

#define OVERVIEW_VERSION 1
#define CALL_TIMEOUT_NS  3000000000u
#define REPORT_FRESH_NS  3000000000u

/* ---- the bytes ---- */

static void put_node(struct buf *out, const struct overview_node *n)
{
    put_u64(out, n->node.value);
    put_u8(out, (uint8_t)n->state);
    put_u8(out, (uint8_t)n->health);
    put_u8(out, (uint8_t)((n->reported ? 1u : 0u) | (n->full ? 2u : 0u)));
    put_u32(out, n->replicas);
    put_u32(out, n->leaders);
    put_u32(out, n->own_replicas);
    put_u32(out, n->incoming);
    put_u32(out, n->outgoing);
    put_u64(out, n->bytes);
    put_u64(out, n->load);
    put_u64(out, n->incoming_bytes);
}

static void get_node(struct reader *in, struct overview_node *n)
{
    n->node.value = get_u64(in);
    n->state = (enum node_state)get_u8(in);
    n->health = (enum allocator_health)get_u8(in);
    uint8_t flags = get_u8(in);
    n->reported = (flags & 1) != 0;
    n->full = (flags & 2) != 0;
    n->replicas = get_u32(in);
    n->leaders = get_u32(in);
    n->own_replicas = get_u32(in);
    n->incoming = get_u32(in);
    n->outgoing = get_u32(in);
    n->bytes = get_u64(in);
    n->load = get_u64(in);
    n->incoming_bytes = get_u64(in);
}

static void put_job(struct buf *out, const struct overview_job *j)
{
    put_u64(out, j->range.value);
    put_u8(out, (uint8_t)j->reason);
    put_u64(out, j->since_ms);
    put_u8(out, (uint8_t)j->node_count);
    for (uint32_t i = 0; i < j->node_count; i++) put_u64(out, j->nodes[i]);
}

static void get_job(struct reader *in, struct overview_job *j)
{
    j->range.value = get_u64(in);
    j->reason = (enum allocator_reason)get_u8(in);
    j->since_ms = get_u64(in);
    j->node_count = get_u8(in);
    if (j->node_count > RAFT_VOTERS_MAX) in->failed = true;
    for (uint32_t i = 0; i < j->node_count && !in->failed; i++) j->nodes[i] = get_u64(in);
}

static void encode(const struct overview *o, struct buf *out)
{
    put_u8(out, OVERVIEW_VERSION);
    put_u32(out, o->ranges);
    put_u32(out, o->unavailable);
    put_u32(out, o->under);
    put_u32(out, o->over);
    put_u32(out, o->holes);
    put_u32(out, o->jobs);
    put_u8(out, (uint8_t)(o->tolerance + 1));
    put_u64(out, o->bytes);
    put_u64(out, o->load);
    put_sized(out, bytes_of_string(o->text));
    put_u16(out, (uint16_t)o->node_count);
    for (uint32_t i = 0; i < o->node_count; i++) put_node(out, &o->nodes[i]);
    put_u16(out, (uint16_t)o->job_count);
    for (uint32_t i = 0; i < o->job_count; i++) put_job(out, &o->list[i]);
}

bool overview_decode(struct bytes reply, struct overview *o)
{
    struct reader in = reader_make(reply);
    *o = (struct overview){0};
    if (get_u8(&in) != OVERVIEW_VERSION) return false;
    o->ranges = get_u32(&in);
    o->unavailable = get_u32(&in);
    o->under = get_u32(&in);
    o->over = get_u32(&in);
    o->holes = get_u32(&in);
    o->jobs = get_u32(&in);
    o->tolerance = (int)get_u8(&in) - 1;
    o->bytes = get_u64(&in);
    o->load = get_u64(&in);
    struct bytes text = get_sized(&in);
    o->node_count = get_u16(&in);
    if (in.failed || text.size >= sizeof o->text || o->node_count > ALLOCATOR_NODES_MAX) return false;
    memcpy(o->text, text.data, text.size);
    for (uint32_t i = 0; i < o->node_count; i++) get_node(&in, &o->nodes[i]);
    o->job_count = get_u16(&in);
    if (in.failed || o->job_count > OVERVIEW_JOBS_MAX) return false;
    for (uint32_t i = 0; i < o->job_count; i++) get_job(&in, &o->list[i]);
    return reader_done(&in);
}

/* ---- what is seen ---- */

struct look {
    struct placement *p;
    struct allocator survey;
    struct outlook outlook;
    struct overview o;
};

static void look_at_nodes(struct look *l)
{
    struct store *s = l->p->store;
    for (uint32_t i = 0; i < l->survey.node_count; i++) {
        const struct allocator_node *a = &l->survey.nodes[i];
        enum node_state state = meta_node_state(&s->meta, a->node);
        if (state == NODE_STATE_REMOVED) continue;
        struct overview_node *n = &l->o.nodes[l->o.node_count++];
        const struct node_report *report = map_get(&l->p->nodes, a->node.value);
        *n = (struct overview_node){.node = a->node, .state = state, .health = a->health};
        if (report == NULL) continue;
        n->leaders = report->leaders;
        n->own_replicas = report->replicas;
        n->full = report->full;
        n->reported = env_now_ns(s->env) - report->at_ns < REPORT_FRESH_NS;
    }
}

static struct overview_node *node_of(struct look *l, uint64_t node)
{
    for (uint32_t i = 0; i < l->o.node_count; i++)
        if (l->o.nodes[i].node.value == node) return &l->o.nodes[i];
    return NULL;
}

static void count_members(struct look *l, const struct raft_member *members, uint32_t count, uint64_t bytes)
{
    for (uint32_t i = 0; i < count; i++) {
        struct overview_node *n = node_of(l, members[i].node);
        if (n == NULL) continue;
        n->replicas++;
        n->bytes += bytes;
    }
}

static bool among(const struct raft_config *c, uint64_t node)
{
    for (uint32_t i = 0; i < c->voter_count; i++)
        if (c->voters[i].node == node) return true;
    return false;
}

static bool targeted(const struct allocator_range *r, uint64_t node)
{
    for (uint32_t i = 0; i < r->target_count; i++)
        if (r->target[i] == node) return true;
    return false;
}

/* Who fetches the range, and who will give it up. */
static void count_job(struct look *l, const struct allocator_range *r)
{
    if (r->target_count == 0) return;
    l->o.jobs++;
    for (uint32_t i = 0; i < r->target_count; i++) {
        struct overview_node *n = among(r->config, r->target[i]) ? NULL : node_of(l, r->target[i]);
        if (n == NULL) continue;
        n->incoming++;
        n->incoming_bytes += r->bytes;
    }
    for (uint32_t i = 0; i < r->config->voter_count; i++) {
        struct overview_node *n = targeted(r, r->config->voters[i].node) ? NULL : node_of(l, r->config->voters[i].node);
        if (n != NULL) n->outgoing++;
    }
}

static void look_at_range(struct look *l, const struct descriptor *d)
{
    struct allocator_range r;
    placement_describe(l->p, d, &r);
    outlook_add(&l->outlook, &l->survey, &r);
    l->o.over += d->config.voter_count > r.factor && r.target_count == 0;
    l->o.bytes += r.bytes;
    l->o.load += r.load;
    count_members(l, d->config.voters, d->config.voter_count, r.bytes);
    count_members(l, d->config.learners, d->config.learner_count, r.bytes);
    for (uint32_t i = 0; i < d->config.outgoing_count; i++)
        if (!among(&d->config, d->config.outgoing[i].node)) count_members(l, &d->config.outgoing[i], 1, r.bytes);
    struct overview_node *leader = node_of(l, r.leader.value);
    if (leader != NULL) leader->load += r.load;
    count_job(l, &r);
}

static void look_at_ranges(struct look *l)
{
    const struct key_index *ranges = &l->p->store->meta.ranges;
    struct bytes end = BYTES_EMPTY;
    outlook_begin(&l->outlook, &l->survey);
    for (uint32_t i = 0; i < ranges->count; i++) {
        const struct descriptor *d = ranges->items[i];
        l->o.holes += !bytes_equal(d->start, end) || (i > 0 && end.size == 0);
        end = d->end;
        look_at_range(l, d);
    }
    l->o.holes += end.size != 0;
}

static void list_jobs(struct look *l)
{
    const struct meta_state *m = &l->p->store->meta;
    for (uint32_t i = 0; i < m->job_count && i < OVERVIEW_JOBS_MAX; i++) {
        const struct meta_job *job = m->jobs[i];
        struct overview_job *j = &l->o.list[l->o.job_count++];
        *j = (struct overview_job){.range = job->range,
                                   .reason = (enum allocator_reason)job->reason,
                                   .since_ms = job->since_ms,
                                   .node_count = job->node_count};
        memcpy(j->nodes, job->nodes, sizeof j->nodes);
    }
}

static void describe(struct look *l)
{
    look_at_nodes(l);
    list_jobs(l);
    look_at_ranges(l);
    l->o.ranges = l->outlook.ranges;
    l->o.unavailable = l->outlook.unavailable;
    l->o.under = l->outlook.under;
    l->o.tolerance = l->outlook.tolerance;
    struct buf text;
    buf_init(&text, ADMIN_TEXT_MAX - 1);
    outlook_text(&l->outlook, &l->survey, &text);
    if (!text.failed && text.size > 0) memcpy(l->o.text, text.data, text.size);
    buf_deinit(&text);
}

uint32_t overview_share(const struct overview *o)
{
    uint64_t replicas = 0, takers = 0;
    for (uint32_t i = 0; i < o->node_count; i++) {
        replicas += o->nodes[i].replicas;
        takers += o->nodes[i].state == NODE_STATE_ACTIVE && o->nodes[i].health != ALLOCATOR_DEAD;
    }
    return takers == 0 ? 0 : (uint32_t)(replicas / takers);
}

const char *overview_state_name(enum node_state state)
{
    switch (state) {
    case NODE_STATE_ACTIVE: return "active";
    case NODE_STATE_DRAINING: return "draining";
    case NODE_STATE_DECOMMISSIONING: return "decommissioning";
    case NODE_STATE_REMOVED: return "removed";
    }
    return "unknown";
}

/* ---- asked and answered ---- */

/* Nothing is decided for a node that is silent for a moment, but it is not there if another is lost now. */
static void leave_out_silent(const struct store *s, struct allocator *survey)
{
    for (uint32_t i = 0; i < survey->node_count; i++) {
        struct allocator_node *n = &survey->nodes[i];
        if (n->health == ALLOCATOR_ALIVE && !nodes_heard(s, n->node)) n->health = ALLOCATOR_SUSPECT;
    }
}

static void serve(void *ctx, struct rpc_token token, struct bytes body)
{
    struct store *s = ctx;
    struct placement *p = placement_of(s);
    if (p == NULL || body.size != 0) {
        rpc_reply(s->rpc, token, p == NULL ? STATUS_NOT_LEADER : STATUS_INVALID, BYTES_EMPTY);
        return;
    }
    struct look *l = calloc(1, sizeof *l);
    if (l == NULL) {
        rpc_reply(s->rpc, token, STATUS_NO_MEMORY, BYTES_EMPTY);
        return;
    }
    l->p = p;
    placement_survey(p, &l->survey);
    leave_out_silent(s, &l->survey);
    describe(l);
    struct buf out;
    buf_init(&out, 1u << 16);
    encode(&l->o, &out);
    ASSERT(!out.failed);
    rpc_reply(s->rpc, token, STATUS_OK, buf_view(&out));
    buf_deinit(&out);
    free(l);
}

void overview_serve(struct store *s)
{
    rpc_serve(s->rpc, RPC_OVERVIEW, serve, s);
}

static void on_answer(struct rpc_call *call, enum status status, struct bytes body)
{
    struct overview_call *c = CONTAINER_OF(call, struct overview_call, call);
    struct overview *o = NULL;
    if (status == STATUS_OK) {
        o = malloc(sizeof *o);
        if (o == NULL) status = STATUS_NO_MEMORY;
        else if (!overview_decode(body, o)) status = STATUS_VERSION;
    } else if (status != STATUS_CANCELLED) {
        store_route_refused(c->store, RANGE_META, call->to, status, body);
    }
    c->on_done(c, status, status == STATUS_OK ? o : NULL);
    free(o);
}

enum status store_overview(struct store *s, struct overview_call *c)
{
    struct node_id leader = store_meta_leader(s);
    if (leader.value == 0) return STATUS_UNAVAILABLE;
    c->store = s;
    c->call = (struct rpc_call){.on_done = on_answer};
    return rpc_start(s->rpc, &c->call, leader, RPC_OVERVIEW, BYTES_EMPTY, CALL_TIMEOUT_NS);
}
