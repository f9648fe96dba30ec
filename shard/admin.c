/* Changes of nodes and ranges that people ask for, judged before they are carried out.
 *
 * RPC_NODE_CHANGE: node u64 (0: none), state u8, flags u8. Reply, with OK and with CONFLICT: version u8 = 1, two
 * outlooks { ranges, unavailable, under, voters_min, voters_max u32, tolerance + 1 u8 }, moves u32, move_bytes u64,
 * stuck u32, fewer u32, stops_now u32, state u8, replicas u32, leaders u32, jobs u32, reported_replicas u32,
 * reported u8, sized text. */
#include "shard/admin.h"

#include <stdlib.h>

#include "shard/meta_call.h"
#include "shard/outlook.h"
#include "shard/placement_int.h"

#define ANSWER_VERSION  1
#define CALL_TIMEOUT_NS 5000000000u
#define REPORT_FRESH_NS 3000000000u

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
};

static void assess(struct placement *p, struct node_id node, enum node_state state, struct assessment *x,
                   struct admin_answer *a)
{
    struct store *s = p->store;
    placement_survey(p, &x->survey);
    outlook_plan_begin(&x->trial, &x->survey, &x->plan);
    struct allocator_node *n = allocator_node(&x->trial.after, node.value);
    if (n != NULL && state != 0) n->state = (enum allocator_state)state;
    outlook_plan_start(&x->trial);
    for (uint32_t i = 0; i < s->meta.ranges.count; i++) {
        struct allocator_range r;
        placement_describe(p, s->meta.ranges.items[i], &r);
        outlook_plan_add(&x->trial, &r);
    }
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
    describe_progress(p, node, a);
}

/* Ranges would stay on the node, or end with fewer voters than they have now. */
static bool costs_safety(enum node_state state, const struct admin_answer *a)
{
    if (state != NODE_STATE_DECOMMISSIONING || MUTANT("decommission_unjudged")) return false;
    return a->stuck > 0 || a->then.tolerance < a->now.tolerance || a->then.under > a->now.under;
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

static void change(struct store *s, struct rpc_token token, struct node_id node, enum node_state state,
                   const struct admin_answer *a)
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
    meta_put_node_state(&s->scratch, node, state, env_wall_ns(s->env) / 1000000u);
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

static void serve_change(void *ctx, struct rpc_token token, struct bytes body)
{
    struct store *s = ctx;
    struct reader in = reader_make(body);
    struct node_id node = {get_u64(&in)};
    enum node_state state = (enum node_state)get_u8(&in);
    uint8_t flags = get_u8(&in);
    bool asks = (flags & ADMIN_ASK) != 0;
    struct placement *p = placement_of(s);
    enum status status = STATUS_OK;
    if (!reader_done(&in)) status = STATUS_INVALID;
    else if (p == NULL) status = STATUS_NOT_LEADER;
    else if (node.value != 0 && meta_node(&s->meta, node) == NULL) status = STATUS_NOT_FOUND;
    else if (!asks && (node.value == 0 || state < NODE_STATE_ACTIVE || state > NODE_STATE_DECOMMISSIONING))
        status = STATUS_INVALID;
    struct assessment *x = status == STATUS_OK ? malloc(sizeof *x) : NULL;
    struct admin_answer *a = x == NULL ? NULL : calloc(1, sizeof *a);
    if (a == NULL) {
        free(x);
        rpc_reply(s->rpc, token, status == STATUS_OK ? STATUS_NO_MEMORY : status, BYTES_EMPTY);
        return;
    }
    assess(p, node, asks ? 0 : state, x, a);
    bool refused = !asks && (flags & ADMIN_FORCE) == 0 && costs_safety(state, a);
    if (refused) reply(s, token, STATUS_CONFLICT, a);
    else if (asks || (flags & ADMIN_DRY_RUN) != 0) reply(s, token, STATUS_OK, a);
    else change(s, token, node, state, a);
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

void admin_encode(struct buf *out, struct node_id node, enum node_state state, uint32_t flags)
{
    put_u64(out, node.value);
    put_u8(out, (uint8_t)state);
    put_u8(out, (uint8_t)flags);
}

enum status store_admin(struct store *s, struct admin_call *c, struct node_id node, enum node_state state, uint32_t flags)
{
    struct node_id leader = store_meta_leader(s);
    if (leader.value == 0) return STATUS_UNAVAILABLE;
    c->store = s;
    c->call = (struct rpc_call){.on_done = on_answer};
    buf_reset(&s->scratch);
    admin_encode(&s->scratch, node, state, flags);
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
