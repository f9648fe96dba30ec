/* What an operator asks of nodes and ranges, sent to whoever decides it (shard/admin.h). */
#include "shard/admin.h"
#include "shard/meta_call.h"
#include "shard/overview.h"
#include "txn/txn_state.h"

#define ATTEMPT_NS 6000000000u
#define PAUSE_NS   100000000u
#define ATTEMPTS   20
#define REPORT_PAUSE_NS 300000000u /* leaders tell of their ranges each second */
#define MERGE_PAUSE_NS 300000000u /* a right side that was frozen in vain thaws meanwhile */
#define LOOK_NS    1000000000u /* who only looks rather has half an answer soon */
#define LOOK_ATTEMPTS 8
#define KNOWN_ATTEMPTS 30 /* gossip brings a setting within a second or two */

/* Who decides about the range; 0: about nodes and jobs, which the metadata leader does. */
static struct node_id decider(struct txn *t, struct range_id range)
{
    struct route route;
    if (range.value == 0) return store_meta_leader(t->kv->store);
    return store_route_of(t->kv->store, range, &route) == STATUS_OK ? route.leader : (struct node_id){0};
}

/* t->request is sent as it is; each of these requests may be sent twice. */
static enum status ask_some(struct txn *t, enum rpc_kind kind, struct range_id range, int attempts, uint64_t attempt_ns)
{
    struct gateway_request q = txn_request(t, kind, BYTES_EMPTY);
    enum status status = STATUS_UNAVAILABLE;
    if (t->request.failed) return STATUS_NO_MEMORY;
    for (int i = 0; i < attempts; i++) {
        if (i > 0) gateway_pause(t->kv, PAUSE_NS, &t->interrupt);
        struct node_id to = decider(t, range);
        if (to.value == 0) continue;
        status = gateway_ask(t->kv, &q, to, attempt_ns, &t->reply);
        if (status != STATUS_NOT_LEADER && status != STATUS_CLOSED && status != STATUS_UNAVAILABLE &&
            status != STATUS_UNKNOWN_OUTCOME)
            return status;
        store_route_refused(t->kv->store, range.value == 0 ? RANGE_META : range, to, status, buf_view(&t->reply));
    }
    return STATUS_UNAVAILABLE;
}

static enum status ask(struct txn *t, enum rpc_kind kind, struct range_id range)
{
    return ask_some(t, kind, range, ATTEMPTS, ATTEMPT_NS);
}

enum status txn_admin(struct txn *t, const struct admin_question *q, struct admin_answer *answer_out)
{
    buf_reset(&t->request);
    admin_encode(&t->request, q);
    enum status status = ask(t, RPC_NODE_CHANGE, (struct range_id){0});
    for (int i = 0; i < ATTEMPTS && status == STATUS_BUSY && !t->interrupt.requested; i++) {
        gateway_pause(t->kv, REPORT_PAUSE_NS, &t->interrupt);
        status = ask(t, RPC_NODE_CHANGE, (struct range_id){0});
    }
    if (status != STATUS_OK && status != STATUS_CONFLICT) return status;
    return admin_decode(buf_view(&t->reply), answer_out) ? status : STATUS_VERSION;
}

enum status txn_overview(struct txn *t, struct overview *overview_out)
{
    buf_reset(&t->request);
    enum status status = ask_some(t, RPC_OVERVIEW, (struct range_id){0}, LOOK_ATTEMPTS, LOOK_NS);
    if (status != STATUS_OK) return status;
    return overview_decode(buf_view(&t->reply), overview_out) ? STATUS_OK : STATUS_VERSION;
}

/* It should also be seen by who asks this node next. */
static void await_setting(struct txn *t, enum cluster_setting id, struct bytes scope, bool set, uint64_t value)
{
    for (int i = 0; i < KNOWN_ATTEMPTS && !t->interrupt.requested; i++) {
        uint64_t now = 0;
        bool found = cluster_settings_find(store_settings(t->kv->store), id, scope, &now);
        if (found == set && (!set || now == value)) return;
        gateway_pause(t->kv, PAUSE_NS, &t->interrupt);
    }
}

enum status txn_setting_put(struct txn *t, enum cluster_setting id, struct bytes scope, uint64_t value)
{
    buf_reset(&t->request);
    meta_put_setting(&t->request, id, scope, value);
    enum status status = ask(t, RPC_META_CHANGE, (struct range_id){0});
    if (status == STATUS_OK) await_setting(t, id, scope, true, value);
    return status;
}

enum status txn_setting_reset(struct txn *t, enum cluster_setting id, struct bytes scope)
{
    buf_reset(&t->request);
    meta_put_setting_reset(&t->request, id, scope);
    enum status status = ask(t, RPC_META_CHANGE, (struct range_id){0});
    if (status == STATUS_OK) await_setting(t, id, scope, false, 0);
    return status;
}

struct voters {
    struct range_id range;
    struct node_id nodes[RAFT_VOTERS_MAX];
    uint32_t count;
};

static void voters_take(void *ctx, const struct descriptor *d, struct node_id leader)
{
    struct voters *v = ctx;
    (void)leader;
    if (d->range.value != v->range.value) return;
    v->count = d->config.voter_count;
    for (uint32_t i = 0; i < v->count; i++) v->nodes[i].value = d->config.voters[i].node;
}

static uint32_t place_of(const struct voters *v, struct node_id node)
{
    uint32_t i = 0;
    while (i < v->count && v->nodes[i].value != node.value) i++;
    return i;
}

static enum status voters_of(struct txn *t, struct range_id range, struct voters *v)
{
    *v = (struct voters){.range = range};
    enum status status = txn_ranges(t, BYTES_EMPTY, BYTES_EMPTY, voters_take, v);
    return status == STATUS_OK && v->count == 0 ? STATUS_NOT_FOUND : status;
}

enum status txn_range_transfer(struct txn *t, struct range_id range, struct node_id to)
{
    struct voters v;
    enum status status = voters_of(t, range, &v); /* nobody would answer for a range that is not there */
    if (status != STATUS_OK) return status;
    if (place_of(&v, to) == v.count) return STATUS_INVALID;
    buf_reset(&t->request);
    put_u64(&t->request, range.value);
    put_u64(&t->request, to.value);
    return ask(t, RPC_RANGE_TRANSFER, range);
}

static enum status moved(struct txn *t, struct range_id range, struct node_id from, struct node_id to, struct voters *v)
{
    enum status status = voters_of(t, range, v);
    if (status != STATUS_OK) return status;
    uint32_t place = place_of(v, from);
    if (place == v->count || place_of(v, to) < v->count) return STATUS_INVALID;
    v->nodes[place] = to;
    return STATUS_OK;
}

enum status txn_range_may_move(struct txn *t, struct range_id range, struct node_id from, struct node_id to)
{
    struct voters v;
    return moved(t, range, from, to, &v);
}

enum status txn_range_move(struct txn *t, struct range_id range, struct node_id from, struct node_id to)
{
    struct voters v;
    enum status status = moved(t, range, from, to, &v);
    if (status != STATUS_OK) return status;
    buf_reset(&t->request);
    admin_encode_move(t->kv->store, &t->request, range, v.nodes, v.count);
    return ask(t, RPC_META_CHANGE, (struct range_id){0});
}

/* ---- merges ---- */

struct bounds {
    struct range_id range;
    uint64_t epoch;  /* 0: there is no such range */
    struct buf end;
};

static void bounds_take(void *ctx, const struct descriptor *d, struct node_id leader)
{
    struct bounds *b = ctx;
    (void)leader;
    if (d->range.value != b->range.value) return;
    b->epoch = d->epoch;
    buf_reset(&b->end);
    buf_append_bytes(&b->end, d->end);
}

static enum status bounds_of(struct txn *t, struct range_id range, struct bounds *b)
{
    b->range = range;
    b->epoch = 0;
    enum status status = txn_ranges(t, BYTES_EMPTY, BYTES_EMPTY, bounds_take, b);
    if (status == STATUS_OK && b->epoch == 0) status = STATUS_NOT_FOUND;
    return status == STATUS_OK ? buf_status(&b->end) : status;
}

/* Once more, at the epoch that the metadata range knows: whoever asks twice does not unite it with the next one, too. */
static enum status ask_merge(struct txn *t, const struct bounds *b)
{
    buf_reset(&t->request);
    put_u64(&t->request, b->range.value);
    put_u64(&t->request, b->epoch);
    return ask(t, RPC_RANGE_MERGE, b->range);
}

enum status txn_range_merge(struct txn *t, struct range_id range)
{
    struct bounds first, now;
    buf_init(&first.end, SHARD_KEY_BYTES_MAX);
    buf_init(&now.end, SHARD_KEY_BYTES_MAX);
    enum status status = bounds_of(t, range, &first);
    if (status == STATUS_OK && (first.end.size == 0 || range.value == RANGE_META.value)) status = STATUS_UNSUPPORTED;
    for (int i = 0; i < ATTEMPTS && status == STATUS_OK; i++) {
        if (i > 0) gateway_pause(t->kv, MERGE_PAUSE_NS, &t->interrupt);
        status = bounds_of(t, range, &now);
        bool done = status == STATUS_OK && descriptor_compare_ends(buf_view(&now.end), buf_view(&first.end)) > 0;
        if (done || status != STATUS_OK) break;
        status = ask_merge(t, &now);
        bool again = status == STATUS_BUSY || status == STATUS_STALE_ROUTE;
        if (again && i + 1 < ATTEMPTS && !t->interrupt.requested) status = STATUS_OK;
    }
    buf_deinit(&first.end);
    buf_deinit(&now.end);
    return status == STATUS_STALE_ROUTE ? STATUS_BUSY : status;
}
