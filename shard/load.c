/* What nodes tell the metadata leader of themselves, each second: how much they hold, and of the ranges that
 * they lead how large and how busy these are. Many ranges take turns. What is told decides nothing but where
 * replicas and leaders are better off, so a lost report costs a second. The epoch tells that the mirror is what
 * the leader has: nothing is decided about a range before.
 *
 * RPC_NODE_LOAD: version u8 = 2, replicas u32, leaders u32, disk full u8, count u16, repeated { range u64,
 * epoch u64, bytes u64, requests each second u32 }. Answer: empty. */
#include <stdlib.h>

#include "shard/nodes.h"
#include "shard/placement_int.h"
#include "shard/range_change.h"

#define LOAD_VERSION   2
#define REPORT_TICKS   10
#define RANGES_PER_REPORT 512u  /* looked at; those of them that are led here are told */
#define RANGES_OF_NEWS    2048u /* while some change: nothing is decided about a range before its leader has told of it */
#define CALL_TIMEOUT_NS 1000000000u

/* ---- telling ---- */

struct load_call {
    struct rpc_call call;
    struct store *store;
};

static void on_told(struct rpc_call *call, enum status status, struct bytes body)
{
    struct load_call *c = CONTAINER_OF(call, struct load_call, call);
    if (status != STATUS_OK) COVER("shard_load_report_lost");
    if (status != STATUS_CANCELLED) store_route_refused(c->store, RANGE_META, call->to, status, body);
    if (status != STATUS_CANCELLED) c->store->load_busy = false;
    free(c);
}

/* Requests each second since it was looked at last; the older past counts for half. */
static void measure(struct replica *r, uint64_t now_ns)
{
    uint64_t elapsed_ns = now_ns - r->load_since_ns;
    if (elapsed_ns < 500000000u) return;
    uint64_t rate = r->requests * 1000000000u / elapsed_ns;
    r->load = r->load_since_ns == 0 ? 0 : (r->load + rate) / 2;
    r->requests = 0;
    r->load_since_ns = now_ns;
}

uint64_t replica_load(const struct replica *r)
{
    return replica_serving(r) ? r->load : 0;
}

static void put_range(struct store *s, struct replica *r, uint64_t now_ns, struct buf *out)
{
    if (r->told_epoch != r->descriptor.epoch) s->load_news = true;
    r->told_epoch = r->descriptor.epoch;
    struct lsm_range_stats stats;
    if (lsm_range_stats(s->lsm, r->range, &stats) != STATUS_OK) return;
    measure(r, now_ns);
    autosplit_consider(r, stats.table_bytes + stats.memtable_bytes, now_ns);
    automerge_consider(r, stats.table_bytes + stats.memtable_bytes, now_ns);
    put_u64(out, r->range.value);
    put_u64(out, r->descriptor.epoch);
    put_u64(out, stats.table_bytes + stats.memtable_bytes);
    put_u32(out, (uint32_t)r->load);
}

static uint32_t put_ranges(struct store *s, struct buf *out)
{
    uint64_t now_ns = env_now_ns(s->env);
    uint32_t seen = 0, told = 0, most = s->load_news ? RANGES_OF_NEWS : RANGES_PER_REPORT;
    s->load_news = false;
    struct replica *r = store_replica_next(s, store_replica(s, s->load_cursor)); /* from the first, if that one is gone */
    for (; r != NULL && seen < most; r = store_replica_next(s, r), seen++) {
        s->load_cursor = r->range;
        if (!replica_serving(r)) {
            autosplit_forget(r);
            automerge_forget(r);
            r->told_epoch = 0;
            continue;
        }
        s->leaders_seen++;
        size_t before = out->size;
        put_range(s, r, now_ns, out);
        told += out->size > before;
    }
    if (r != NULL) return told;
    s->load_cursor.value = 0;
    s->leaders_told = s->leaders_seen;
    s->leaders_seen = 0;
    return told;
}

void load_tick(struct store *s)
{
    if (s->tick_count % REPORT_TICKS != 3 || s->load_busy || s->stopping || s->identity.node.value == 0) return;
    struct node_id leader = store_meta_leader(s);
    if (leader.value == 0) return;
    struct load_call *c = calloc(1, sizeof *c);
    if (c == NULL) return;
    c->store = s;
    c->call.on_done = on_told;
    struct buf ranges, body;
    buf_init(&ranges, 1 << 16);
    buf_init(&body, 1 << 16);
    uint32_t told = put_ranges(s, &ranges);
    put_u8(&body, LOAD_VERSION);
    put_u32(&body, (uint32_t)s->metrics.replicas);
    put_u32(&body, s->leaders_told);
    put_u8(&body, s->space.full);
    put_u16(&body, (uint16_t)told);
    buf_append_bytes(&body, buf_view(&ranges));
    ASSERT(!body.failed && !ranges.failed);
    s->load_busy = rpc_start(s->rpc, &c->call, leader, RPC_NODE_LOAD, buf_view(&body), CALL_TIMEOUT_NS) == STATUS_OK;
    if (!s->load_busy) free(c);
    buf_deinit(&ranges);
    buf_deinit(&body);
}

/* ---- listening, on the metadata leader ---- */

static void *report_of(struct map *m, uint64_t id, size_t size)
{
    void *report = map_get(m, id);
    if (report != NULL) return report;
    report = calloc(1, size);
    if (report != NULL && map_put(m, id, report) == STATUS_OK) return report;
    free(report);
    return NULL;
}

struct range_report *load_of_range(struct placement *p, struct range_id range)
{
    return report_of(&p->ranges, range.value, sizeof(struct range_report));
}

struct node_report *load_of_node(struct placement *p, struct node_id node)
{
    return report_of(&p->nodes, node.value, sizeof(struct node_report));
}

static void forget(struct map *m)
{
    size_t cursor = 0;
    for (struct map_slot *slot; (slot = map_next(m, &cursor)) != NULL;) free(slot->value);
    map_deinit(m);
}

void load_forget(struct placement *p)
{
    forget(&p->ranges);
    forget(&p->nodes);
}

static void take_range(struct placement *p, struct node_id from, struct reader *in, uint64_t now_ns)
{
    struct range_id range = {get_u64(in)};
    uint64_t epoch = get_u64(in), bytes = get_u64(in), load = get_u32(in);
    if (in->failed || !placement_knows(p->store, range)) return; /* only so many reports as there are ranges */
    struct range_report *r = load_of_range(p, range);
    if (r == NULL) return;
    r->leader = from;
    r->epoch = epoch;
    r->bytes = bytes;
    r->load = load;
    r->at_ns = now_ns;
}

static enum status take(struct placement *p, struct node_id from, struct bytes body)
{
    struct reader in = reader_make(body);
    if (get_u8(&in) != LOAD_VERSION) return in.failed ? STATUS_INVALID : STATUS_VERSION;
    struct node_report report = {.at_ns = env_now_ns(p->store->env)};
    report.replicas = get_u32(&in);
    report.leaders = get_u32(&in);
    report.full = get_u8(&in) != 0;
    uint16_t count = get_u16(&in);
    if (in.failed || reader_left(&in) != (size_t)count * 28) return STATUS_INVALID;
    struct node_report *known = load_of_node(p, from);
    if (known == NULL) return STATUS_NO_MEMORY;
    report.busy_since_ns = known->busy_since_ns;
    *known = report;
    for (uint16_t i = 0; i < count; i++) take_range(p, from, &in, report.at_ns);
    return STATUS_OK;
}

static void serve_load(void *ctx, struct rpc_token token, struct bytes body)
{
    struct store *s = ctx;
    struct placement *p = placement_of(s);
    bool member = meta_node(&s->meta, token.from) != NULL;
    enum status status = p == NULL ? STATUS_NOT_LEADER : member ? take(p, token.from, body) : STATUS_NOT_FOUND;
    rpc_reply(s->rpc, token, status, BYTES_EMPTY);
}

void load_serve(struct store *s)
{
    rpc_serve(s->rpc, RPC_NODE_LOAD, serve_load, s);
}
