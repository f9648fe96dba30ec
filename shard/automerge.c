/* Ranges that unite by themselves, when the cluster's settings let them: small neighbours that are little used. The left one's
 * leader sees that its own range has been cold for a while; then it asks who leads the right one whether that has been, too.
 *
 * So that nothing is divided and united by turns: both together are smaller than range_merge_bytes and than a quarter of what
 * divides a range, have less than a quarter of the load that does, and neither has changed its bounds or members for
 * COLD_NS. A node sees to one merge at a time.
 *
 * A range that begins where somebody wanted it to is not taken in (descriptor.kept).
 *
 * RPC_RANGE_COLD: range u64. Reply: bytes u64, requests each second u64; BUSY: it is not cold, or not for long, or is to stay. */
#include <stdlib.h>

#include "shard/range_change.h"

#define COLD_NS         UINT64_C(30000000000)
#define CALL_TIMEOUT_NS 2000000000u
#define MERGE_TIMEOUT_NS 15000000000u

struct automerge {
    struct rpc_call call;
    struct store *store;
    struct range_id left;
    uint64_t epoch, bytes, load;
};

static uint64_t bytes_max(const struct store *s)
{
    uint64_t merge = store_setting(s, SETTING_RANGE_MERGE_BYTES, BYTES_EMPTY);
    uint64_t split = store_setting(s, SETTING_RANGE_SPLIT_BYTES, BYTES_EMPTY) / 4;
    return merge < split ? merge : split;
}

static uint64_t load_max(const struct store *s)
{
    return store_setting(s, SETTING_RANGE_SPLIT_LOAD, BYTES_EMPTY) / 4;
}

static bool is_small(const struct store *s, uint64_t bytes, uint64_t load)
{
    return bytes <= bytes_max(s) && load <= load_max(s);
}

static bool cold_long_enough(const struct replica *r, uint64_t now_ns)
{
    if (MUTANT("automerge_without_hysteresis")) return true;
    return r->cold_epoch == r->descriptor.epoch && now_ns - r->cold_since_ns >= COLD_NS;
}

static bool is_kept(const struct replica *r)
{
    return r->descriptor.kept && !MUTANT("automerge_undoes_splits_by_hand");
}

void automerge_forget(struct replica *r)
{
    r->cold_epoch = 0;
}

/* ---- asked of the right side's leader ---- */

static void serve_cold(void *ctx, struct rpc_token token, struct bytes body)
{
    struct store *s = ctx;
    struct reader in = reader_make(body);
    struct replica *r = store_replica(s, (struct range_id){get_u64(&in)});
    struct lsm_range_stats stats = {0};
    enum status status = STATUS_OK;
    if (!reader_done(&in)) status = STATUS_INVALID;
    else if (r == NULL || !replica_serving(r)) status = STATUS_NOT_LEADER;
    else if (is_kept(r) || !cold_long_enough(r, env_now_ns(s->env))) status = STATUS_BUSY;
    else status = lsm_range_stats(s->lsm, r->range, &stats);
    uint8_t reply[16];
    store_le64(reply, stats.table_bytes + stats.memtable_bytes);
    store_le64(reply + 8, r == NULL ? 0 : r->load);
    rpc_reply(s->rpc, token, status, bytes_make(reply, status == STATUS_OK ? sizeof reply : 0));
}

void automerge_serve(struct store *s)
{
    rpc_serve(s->rpc, RPC_RANGE_COLD, serve_cold, s);
}

/* ---- the left side's leader ---- */

static void automerge_end(struct automerge *a)
{
    a->store->automerge_busy = false;
    free(a);
}

static void on_merged(struct rpc_call *call, enum status status, struct bytes body)
{
    struct automerge *a = CONTAINER_OF(call, struct automerge, call);
    (void)body;
    if (status == STATUS_OK) COVER("shard_merged_by_itself");
    else COVER("shard_merge_by_itself_refused"); /* it is tried again when the range has been cold for as long once more */
    automerge_end(a);
}

static void on_cold(struct rpc_call *call, enum status status, struct bytes body)
{
    struct automerge *a = CONTAINER_OF(call, struct automerge, call);
    struct store *s = a->store;
    struct reader in = reader_make(body);
    uint64_t bytes = a->bytes + get_u64(&in), load = a->load + get_u64(&in);
    bool small = status == STATUS_OK && reader_done(&in) && is_small(s, bytes, load);
    if (!small || s->failed || s->stopping) {
        automerge_end(a);
        return;
    }
    LOG_INFO(s->logger, "shard", "a range takes in its neighbour", "range=%llu bytes=%llu requests_per_second=%llu",
             (unsigned long long)a->left.value, (unsigned long long)bytes, (unsigned long long)load);
    uint8_t order[16];
    store_le64(order, a->left.value);
    store_le64(order + 8, a->epoch);
    a->call = (struct rpc_call){.on_done = on_merged};
    if (rpc_start(s->rpc, &a->call, s->identity.node, RPC_RANGE_MERGE, bytes_make(order, sizeof order), MERGE_TIMEOUT_NS) !=
        STATUS_OK)
        automerge_end(a);
}

static void ask_right(struct replica *r, struct range_id right, struct node_id leader, uint64_t bytes)
{
    struct store *s = r->store;
    struct automerge *a = calloc(1, sizeof *a);
    if (a == NULL) return;
    *a = (struct automerge){.store = s, .left = r->range, .epoch = r->descriptor.epoch, .bytes = bytes, .load = r->load};
    a->call.on_done = on_cold;
    uint8_t body[8];
    store_le64(body, right.value);
    s->automerge_busy =
        rpc_start(s->rpc, &a->call, leader, RPC_RANGE_COLD, bytes_make(body, sizeof body), CALL_TIMEOUT_NS) == STATUS_OK;
    if (!s->automerge_busy) free(a);
}

void automerge_consider(struct replica *r, uint64_t bytes, uint64_t now_ns)
{
    struct store *s = r->store;
    bool wanted = store_setting(s, SETTING_AUTO_MERGE, BYTES_EMPTY) != 0 && r->range.value != RANGE_META.value;
    bool cold = wanted && is_small(s, bytes, r->load);
    if (!cold || r->cold_epoch != r->descriptor.epoch) {
        r->cold_epoch = cold ? r->descriptor.epoch : 0;
        r->cold_since_ns = now_ns;
        return;
    }
    if (!cold_long_enough(r, now_ns) || s->automerge_busy || !list_empty(&s->merges)) return;
    const struct replica *right = merge_partner(r);
    struct node_id leader = right == NULL || is_kept(right) ? (struct node_id){0} : replica_leader_hint(right);
    if (leader.value == 0) return;
    r->cold_since_ns = now_ns; /* whatever comes of it, not again at once */
    ask_right(r, right->range, leader, bytes);
}
