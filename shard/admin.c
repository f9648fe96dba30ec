/* Changes of nodes and ranges that people ask for, judged before they are carried out.
 *
 * RPC_NODE_CHANGE: node u64 (0: none), state u8, flags u8; then perhaps what else is tried: adds u8, sized locality, factor
 * u8, sized scope. Reply, with OK and with CONFLICT: version u8 = 1, two
 * outlooks { ranges, unavailable, under, voters_min, voters_max u32, tolerance + 1 u8 }, moves u32, move_bytes u64,
 * stuck u32, fewer u32, stops_now u32, state u8, replicas u32, leaders u32, jobs u32, reported_replicas u32,
 * reported u8, sized text. */
#include "shard/admin.h"

#include <stdlib.h>
#include <string.h>

#include "shard/meta_call.h"
#include "shard/nodes.h"
#include "shard/outlook.h"
#include "shard/placement_int.h"

#define ANSWER_VERSION  1
#define CALL_TIMEOUT_NS 5000000000u
#define REPORT_FRESH_NS 3000000000u
#define LOCALITY_BYTES_MAX 127 /* as a node's record holds */

/* ---- the answer's bytes ---- */

static void put_outlook(struct buf *out, const struct admin_outlook *o)
{
    put_u32(out, o->ranges);
    put_u32(out, o->unavailable);
    put_u32(out, o->under);
    put_u32(out, o->voters_min);
    put_u32(out, o->voters_max);
    put_u8(out, (uint8_t)(o->tolerance + 1));
}

static void get_outlook(struct reader *in, struct admin_outlook *o)
{
    o->ranges = get_u32(in);
    o->unavailable = get_u32(in);
    o->under = get_u32(in);
    o->voters_min = get_u32(in);
    o->voters_max = get_u32(in);
    o->tolerance = (int)get_u8(in) - 1;
}

static void answer_encode(const struct admin_answer *a, struct buf *out)
{
    put_u8(out, ANSWER_VERSION);
    put_outlook(out, &a->now);
    put_outlook(out, &a->then);
    put_u32(out, a->moves);
    put_u64(out, a->move_bytes);
    put_u32(out, a->stuck);
    put_u32(out, a->fewer);
    put_u32(out, a->stops_now);
    put_u8(out, (uint8_t)a->state);
    put_u32(out, a->replicas);
    put_u32(out, a->leaders);
    put_u32(out, a->jobs);
    put_u32(out, a->reported_replicas);
    put_u8(out, a->reported);
    put_sized(out, bytes_of_string(a->text));
}

bool admin_decode(struct bytes body, struct admin_answer *a)
{
    struct reader in = reader_make(body);
    if (get_u8(&in) != ANSWER_VERSION) return false;
    get_outlook(&in, &a->now);
    get_outlook(&in, &a->then);
    a->moves = get_u32(&in);
    a->move_bytes = get_u64(&in);
    a->stuck = get_u32(&in);
    a->fewer = get_u32(&in);
    a->stops_now = get_u32(&in);
    a->state = (enum node_state)get_u8(&in);
    a->replicas = get_u32(&in);
    a->leaders = get_u32(&in);
    a->jobs = get_u32(&in);
    a->reported_replicas = get_u32(&in);
    a->reported = get_u8(&in) != 0;
    struct bytes text = get_sized(&in);
    if (!reader_done(&in) || text.size >= sizeof a->text) return false;
    memcpy(a->text, text.data, text.size);
    a->text[text.size] = '\0';
    return true;
}

/* ---- the answer ---- */

static struct admin_outlook in_short(const struct outlook *o)
{
    return (struct admin_outlook){.ranges = o->ranges,
                                  .unavailable = o->unavailable,
                                  .under = o->under,
                                  .voters_min = o->voters_min,
                                  .voters_max = o->voters_max,
                                  .tolerance = o->tolerance};
}

static void describe_progress(struct placement *p, struct node_id node, struct admin_answer *a)
{
    struct store *s = p->store;
    const struct node_report *report = map_get(&p->nodes, node.value);
    a->state = meta_node_state(&s->meta, node);
    a->jobs = s->meta.job_count;
    for (uint32_t i = 0; i < s->meta.ranges.count && node.value != 0; i++)
        a->replicas += descriptor_member_on(s->meta.ranges.items[i], node) != NULL;
    if (report == NULL) return;
    a->leaders = report->leaders;
    a->reported_replicas = report->replicas;
    a->reported = env_now_ns(s->env) - report->at_ns < REPORT_FRESH_NS;
}

struct assessment {
    struct allocator survey;
    struct outlook_trial trial;
    struct outlook_plan plan;
    char locality[LOCALITY_BYTES_MAX + 1]; /* of the node that is tried */
};

/* A node that is not there yet, with an id that will not be given out before it. */
static void try_node(const struct store *s, const struct admin_question *q, struct assessment *x)
{
    struct allocator_node *n = allocator_add(&x->trial.after, (struct node_id){s->meta.next_node_id});
    if (n == NULL) return; /* no more nodes than that can be told apart */
    memcpy(x->locality, q->locality.data, q->locality.size);
    x->locality[q->locality.size] = '\0';
    n->state = ALLOCATOR_ACTIVE;
    n->health = ALLOCATOR_ALIVE;
    n->locality = x->locality;
    allocator_seal(&x->trial.after);
}

/* The settings as they would be. */
static enum status try_settings(const struct store *s, const struct admin_question *q, struct cluster_settings *out)
{
    struct buf b;
    cluster_settings_init(out);
    buf_init(&b, 1u << 20);
    cluster_settings_encode(store_settings(s), &b);
    enum status status = buf_status(&b);
    if (status == STATUS_OK && store_settings(s)->version > 0) status = cluster_settings_adopt(out, buf_view(&b));
    buf_deinit(&b);
    if (status != STATUS_OK || q->factor == 0) return status;
    status = cluster_settings_judge(out, SETTING_REPLICATION_FACTOR, q->scope, q->factor);
    return status != STATUS_OK ? status : cluster_settings_put(out, SETTING_REPLICATION_FACTOR, q->scope, q->factor);
}

static enum status add_ranges(struct placement *p, const struct admin_question *q, struct assessment *x)
{
    struct store *s = p->store;
    struct cluster_settings settings;
    enum status status = try_settings(s, q, &settings);
    for (uint32_t i = 0; i < s->meta.ranges.count && status == STATUS_OK; i++) {
        const struct descriptor *d = s->meta.ranges.items[i];
        struct allocator_range r;
        placement_describe(p, d, &r);
        outlook_plan_add_wanting(&x->trial, &r, placement_factor(s, &settings, d));
    }
    cluster_settings_deinit(&settings);
    return status;
}

static enum status assess(struct placement *p, const struct admin_question *q, struct assessment *x,
                          struct admin_answer *a)
{
    placement_survey(p, &x->survey);
    outlook_plan_begin(&x->trial, &x->survey, &x->plan);
    struct allocator_node *n = allocator_node(&x->trial.after, q->node.value);
    if (n != NULL && (q->flags & ADMIN_ASK) == 0) n->state = (enum allocator_state)q->state;
    if (q->adds) try_node(p->store, q, x);
    outlook_plan_start(&x->trial);
    enum status status = add_ranges(p, q, x);
    if (status != STATUS_OK) return status;
    a->now = in_short(&x->plan.before);
    a->then = in_short(&x->plan.after);
    a->moves = x->plan.moves;
    a->move_bytes = x->plan.move_bytes;
    a->stuck = x->plan.stuck;
    a->fewer = x->plan.fewer;
    a->stops_now = x->plan.stops_now;
    struct buf text;
    buf_init(&text, ADMIN_TEXT_MAX - 1);
    outlook_text(&x->plan.before, &x->survey, &text);
    if (text.size > 0 && !text.failed) memcpy(a->text, text.data, text.size);
    buf_deinit(&text);
    describe_progress(p, q->node, a);
    return STATUS_OK;
}

static bool is_worse(const struct admin_outlook *a, const struct admin_outlook *b)
{
    return a->tolerance < b->tolerance || a->under > b->under;
}

/* Ranges would stay on the node, or end with fewer voters than they have now, or than they would come to have if it stayed:
 * a range that is only just getting its voters has nothing to lose now. */
static enum status costs_safety(struct placement *p, struct assessment *x, const struct admin_answer *a, bool *costs_out)
{
    *costs_out = false;
    if (MUTANT("decommission_unjudged")) return STATUS_OK;
    *costs_out = a->stuck > 0 || is_worse(&a->then, &a->now);
    if (*costs_out || MUTANT("decommission_judged_by_now")) return STATUS_OK;
    static const struct admin_question stays = {.flags = ADMIN_ASK};
    struct admin_answer *otherwise = calloc(1, sizeof *otherwise);
    if (otherwise == NULL) return STATUS_NO_MEMORY;
    enum status status = assess(p, &stays, x, otherwise);
    if (status == STATUS_OK) *costs_out = is_worse(&a->then, &otherwise->then);
    free(otherwise);
    return status;
}

static bool has_majority(const struct allocator *survey, const struct raft_config *c)
{
    uint64_t nodes[RAFT_VOTERS_MAX];
    for (uint32_t i = 0; i < c->voter_count; i++) nodes[i] = c->voters[i].node;
    return allocator_tolerance(survey, nodes, c->voter_count) >= 0;
}

/* Whoever leads a range has told of it since this node decides, and of nothing newer than the mirror: that lags, most of
 * all when the cluster was just founded or another has come to lead the metadata range. A range without a majority
 * has nobody who could tell. */
static bool mirror_is_told(const struct placement *p, const struct allocator *survey)
{
    const struct meta_state *m = &p->store->meta;
    for (uint32_t i = 0; i < m->ranges.count; i++) {
        const struct descriptor *d = m->ranges.items[i];
        const struct range_report *report = map_get(&p->ranges, d->range.value);
        uint64_t told = report == NULL ? 0 : report->epoch;
        if (told > d->epoch || (told == 0 && has_majority(survey, &d->config))) return false;
    }
    return true;
}

/* STATUS_OK, or why the node cannot leave: CONFLICT, or BUSY while that is not known. */
static enum status judge_decommission(struct placement *p, struct assessment *x, const struct admin_answer *a)
{
    bool told = MUTANT("decommission_from_old_mirror") || mirror_is_told(p, &x->survey), costs;
    if (!told) COVER("shard_decommission_waits_for_reports");
    enum status status = told ? costs_safety(p, x, a, &costs) : STATUS_BUSY;
    return status == STATUS_OK && costs ? STATUS_CONFLICT : status;
}

/* ---- the change ---- */

struct change {
    struct rpc_call call;
    struct store *store;
    struct rpc_token token;
    struct buf answer;
};

static void on_changed(struct rpc_call *call, enum status status, struct bytes body)
{
    struct change *c = CONTAINER_OF(call, struct change, call);
    (void)body;
    if (status != STATUS_CANCELLED) {
        bool ok = status == STATUS_OK;
        if (ok && c->store->placement != NULL) c->store->placement->cursor = 0; /* looked at at once */
        rpc_reply(c->store->rpc, c->token, status, ok ? buf_view(&c->answer) : BYTES_EMPTY);
    }
    buf_deinit(&c->answer);
    free(c);
}

static void change(struct store *s, struct rpc_token token, const struct admin_question *q, const struct admin_answer *a)
{
    struct change *c = calloc(1, sizeof *c);
    if (c == NULL) {
        rpc_reply(s->rpc, token, STATUS_NO_MEMORY, BYTES_EMPTY);
        return;
    }
    c->store = s;
    c->token = token;
    c->call.on_done = on_changed;
    buf_init(&c->answer, 1 << 16);
    answer_encode(a, &c->answer);
    buf_reset(&s->scratch);
    meta_put_node_state(&s->scratch, q->node, q->state, env_wall_ns(s->env) / 1000000u);
    enum status status =
        rpc_start(s->rpc, &c->call, s->identity.node, RPC_META_CHANGE, buf_view(&s->scratch), CALL_TIMEOUT_NS);
    if (status == STATUS_OK) return;
    rpc_reply(s->rpc, token, status, BYTES_EMPTY);
    buf_deinit(&c->answer);
    free(c);
}

static void reply(struct store *s, struct rpc_token token, enum status status, const struct admin_answer *a)
{
    struct buf out;
    buf_init(&out, 1 << 16);
    answer_encode(a, &out);
    ASSERT(!out.failed);
    rpc_reply(s->rpc, token, status, buf_view(&out));
    buf_deinit(&out);
}

/* False: malformed. */
static bool question_decode(struct bytes body, struct admin_question *q)
{
    struct reader in = reader_make(body);
    *q = (struct admin_question){.node = {get_u64(&in)}};
    q->state = (enum node_state)get_u8(&in);
    q->flags = get_u8(&in);
    if (reader_left(&in) > 0) {
        q->adds = get_u8(&in) != 0;
        q->locality = get_sized(&in);
        q->factor = get_u8(&in);
        q->scope = get_sized(&in);
    }
    return reader_done(&in) && q->locality.size <= LOCALITY_BYTES_MAX;
}

static enum status judge_question(struct store *s, const struct admin_question *q)
{
    bool asks = (q->flags & ADMIN_ASK) != 0;
    bool known = meta_node(&s->meta, q->node) != NULL;
    if (asks) return known || q->node.value == 0 ? STATUS_OK : STATUS_NOT_FOUND;
    if (!known) return STATUS_NOT_FOUND;
    if (q->adds || q->factor != 0 || meta_node_state(&s->meta, q->node) == NODE_STATE_REMOVED) return STATUS_INVALID;
    return q->state < NODE_STATE_ACTIVE || q->state > NODE_STATE_DECOMMISSIONING ? STATUS_INVALID : STATUS_OK;
}

static void answer(struct placement *p, struct rpc_token token, const struct admin_question *q, struct assessment *x,
                   const struct admin_answer *a)
{
    struct store *s = p->store;
    bool asks = (q->flags & ADMIN_ASK) != 0;
    bool again = a->state == q->state; /* it was allowed before: who asks wants to know how far it is */
    bool judged = !asks && !again && (q->flags & ADMIN_FORCE) == 0 && q->state == NODE_STATE_DECOMMISSIONING;
    enum status status = judged ? judge_decommission(p, x, a) : STATUS_OK;
    if (status == STATUS_CONFLICT) reply(s, token, status, a);
    else if (status != STATUS_OK) rpc_reply(s->rpc, token, status, BYTES_EMPTY);
    else if (asks || (q->flags & ADMIN_DRY_RUN) != 0) reply(s, token, STATUS_OK, a);
    else change(s, token, q, a);
}

static void serve_change(void *ctx, struct rpc_token token, struct bytes body)
{
    struct store *s = ctx;
    struct admin_question q;
    struct placement *p = placement_of(s);
    enum status status = !question_decode(body, &q) ? STATUS_INVALID : p == NULL ? STATUS_NOT_LEADER : judge_question(s, &q);
    struct assessment *x = status == STATUS_OK ? malloc(sizeof *x) : NULL;
    struct admin_answer *a = x == NULL ? NULL : calloc(1, sizeof *a);
    if (status == STATUS_OK) status = a == NULL ? STATUS_NO_MEMORY : assess(p, &q, x, a);
    if (status == STATUS_OK) answer(p, token, &q, x, a);
    else rpc_reply(s->rpc, token, status, BYTES_EMPTY);
    free(a);
    free(x);
}

void admin_serve(struct store *s)
{
    rpc_serve(s->rpc, RPC_NODE_CHANGE, serve_change, s);
}

/* ---- asking ---- */

static void on_answer(struct rpc_call *call, enum status status, struct bytes body)
{
    struct admin_call *c = CONTAINER_OF(call, struct admin_call, call);
    static const struct admin_answer none; /* zero */
    struct admin_answer *a = NULL;
    if (status == STATUS_OK || status == STATUS_CONFLICT) {
        a = calloc(1, sizeof *a);
        if (a == NULL) status = STATUS_NO_MEMORY;
        else if (!admin_decode(body, a)) status = STATUS_VERSION;
    } else if (status != STATUS_CANCELLED) {
        store_route_refused(c->store, RANGE_META, call->to, status, body);
    }
    c->on_done(c, status, a == NULL ? &none : a);
    free(a);
}

void admin_encode(struct buf *out, const struct admin_question *q)
{
    put_u64(out, q->node.value);
    put_u8(out, (uint8_t)q->state);
    put_u8(out, (uint8_t)q->flags);
    if (!q->adds && q->factor == 0) return;
    put_u8(out, q->adds);
    put_sized(out, q->locality);
    put_u8(out, (uint8_t)q->factor);
    put_sized(out, q->scope);
}

enum status store_admin(struct store *s, struct admin_call *c, const struct admin_question *q)
{
    struct node_id leader = store_meta_leader(s);
    if (leader.value == 0) return STATUS_UNAVAILABLE;
    c->store = s;
    c->call = (struct rpc_call){.on_done = on_answer};
    buf_reset(&s->scratch);
    admin_encode(&s->scratch, q);
    return rpc_start(s->rpc, &c->call, leader, RPC_NODE_CHANGE, buf_view(&s->scratch), CALL_TIMEOUT_NS);
}

void admin_encode_move(const struct store *s, struct buf *out, struct range_id range, const struct node_id *nodes,
                       uint32_t count)
{
    ASSERT(count <= RAFT_VOTERS_MAX);
    struct meta_job job = {.range = range,
                           .reason = ALLOCATOR_ASKED,
                           .since_ms = env_wall_ns(s->env) / 1000000u,
                           .node_count = count};
    for (uint32_t i = 0; i < count; i++) job.nodes[i] = nodes[i].value;
    meta_put_job(out, &job);
}

enum status store_range_move(struct store *s, struct rpc_call *call, struct range_id range, const struct node_id *nodes,
                             uint32_t count)
{
    struct node_id leader = store_meta_leader(s);
    if (leader.value == 0) return STATUS_UNAVAILABLE;
    if (count == 0 || count > RAFT_VOTERS_MAX) return STATUS_INVALID;
    buf_reset(&s->scratch);
    admin_encode_move(s, &s->scratch, range, nodes, count);
    return rpc_start(s->rpc, call, leader, RPC_META_CHANGE, buf_view(&s->scratch), CALL_TIMEOUT_NS);
}

enum status store_range_transfer(struct store *s, struct rpc_call *call, struct range_id range, struct node_id to)
{
    struct node_id leader = route_leader_hint(s, range);
    if (leader.value == 0) return STATUS_UNAVAILABLE;
    uint8_t body[16];
    store_le64(body, range.value);
    store_le64(body + 8, to.value);
    return rpc_start(s->rpc, call, leader, RPC_RANGE_TRANSFER, bytes_make(body, sizeof body), CALL_TIMEOUT_NS);
}
