/* The metadata range in its store: applying, loading, and serving those who want something of it. */
#include <stdlib.h>

#include "shard/meta_int.h"
#include "shard/nodes.h"

#define META_TIMEOUT_NS 5000000000u

/* ---- applying and loading ---- */

static void settings_note(struct store *s)
{
    if (s->meta.settings.version <= s->settings.version) return;
    struct buf encoded;
    buf_init(&encoded, 1 << 20);
    cluster_settings_encode(&s->meta.settings, &encoded);
    if (encoded.failed || cluster_settings_adopt(&s->settings, buf_view(&encoded)) != STATUS_OK)
        COVER("shard_settings_not_noted"); /* gossip brings them again */
    buf_deinit(&encoded);
}

enum status meta_apply(struct replica *r, struct bytes command, struct shard_batch *batch, struct buf *result)
{
    struct store *s = r->store;
    if (r->range.value != RANGE_META.value) return STATUS_VERSION;
    struct meta_command c;
    struct node_record learnt;
    if (meta_command_parse(command, &c) != STATUS_OK) return STATUS_VERSION;
    enum status status = meta_carry_out(&s->meta, &c, batch, result, &learnt);
    if (status != STATUS_OK) return status;
    if (learnt.node.value != 0) nodes_learn(s, &learnt);
    settings_note(s);
    return STATUS_OK;
}

struct load_waiter {
    struct lsm_waiter waiter;
    struct fiber *fiber;
};

static void on_block_ready(struct lsm_waiter *w)
{
    fiber_resume(CONTAINER_OF(w, struct load_waiter, waiter)->fiber);
}

static enum status load_records(struct store *s, struct lsm_iter *it)
{
    struct load_waiter w = {.fiber = fiber_current(s->options.fibers)};
    lsm_waiter_init(&w.waiter, on_block_ready);
    for (;;) {
        struct lsm_item item;
        enum status status = lsm_iter_next(it, &w.waiter, &item);
        if (status == STATUS_WAIT) {
            fiber_suspend(s->options.fibers);
            continue;
        }
        if (status == STATUS_NOT_FOUND) return STATUS_OK;
        if (status == STATUS_OK && !item.tombstone) status = meta_record_load(&s->meta, item.key, item.value);
        if (status != STATUS_OK) return status;
    }
}

enum status meta_load(struct store *s)
{
    meta_state_deinit(&s->meta);
    struct lsm_iter *it;
    enum status status = lsm_iter_open(s->lsm, RANGE_META, LSM_SPACE_LOCAL, BYTES_EMPTY, BYTES_EMPTY,
                                       LSM_TS_MAX, LSM_ITER_NEWEST, false, &it);
    if (status != STATUS_OK) return status;
    status = load_records(s, it);
    lsm_iter_close(it);
    const char *fault = status == STATUS_OK ? meta_state_fault(&s->meta) : NULL;
    if (fault != NULL) {
        LOG_ERROR(s->logger, "shard", "the metadata contradicts itself", "what=\"%s\"", fault);
        status = STATUS_CORRUPT;
    }
    if (status != STATUS_OK) {
        meta_state_deinit(&s->meta);
        return status;
    }
    for (uint32_t i = 0; i < s->meta.node_count && !s->failed; i++) nodes_learn(s, s->meta.nodes[i]);
    settings_note(s);
    return STATUS_OK;
}

bool meta_ready(const struct store *s)
{
    const struct replica *r = map_get(&s->replicas_by_id, RANGE_META.value);
    return r != NULL && r->state == REPLICA_STATE_RUNNING && s->meta.initialized;
}

bool meta_serving(const struct store *s)
{
    return meta_ready(s) && replica_serving(map_get(&s->replicas_by_id, RANGE_META.value));
}

/* ---- proposing, on the leader ---- */

struct meta_request {
    struct proposal proposal;
    struct store *store;
    struct rpc_token token;
};

/* A result is a status and what the kind adds. */
static void reply_result(struct store *s, struct rpc_token token, struct bytes result)
{
    struct reader in = reader_make(result);
    enum status status = (enum status)get_u16(&in);
    ASSERT(!in.failed && status < STATUS_COUNT);
    rpc_reply(s->rpc, token, status, bytes_make(in.at, reader_left(&in)));
}

static void on_request_done(struct proposal *p, enum status status, struct bytes result)
{
    struct meta_request *q = CONTAINER_OF(p, struct meta_request, proposal);
    if (status == STATUS_OK) reply_result(q->store, q->token, result);
    else if (status != STATUS_CANCELLED) rpc_reply(q->store->rpc, q->token, status, BYTES_EMPTY);
    free(q);
}

/* command: the first byte stands for SHARD_COMMAND_META. */
static enum status propose(struct store *s, struct rpc_token token, struct bytes command)
{
    struct meta_request *q = calloc(1, sizeof *q);
    if (q == NULL) return STATUS_NO_MEMORY;
    q->store = s;
    q->token = token;
    q->proposal.on_done = on_request_done;
    enum status status = replica_propose(store_replica(s, RANGE_META), command, META_TIMEOUT_NS, &q->proposal);
    if (status != STATUS_OK) free(q);
    return status;
}

/* Answers a request that is a command. What changes nothing, or is refused, costs no entry: what this replica has
 * applied is committed, and a refusal binds nobody. */
static void serve_command(struct store *s, struct rpc_token token, enum meta_command_kind kind, struct bytes body)
{
    if (!meta_serving(s)) {
        uint8_t hint[8];
        store_le64(hint, route_leader_hint(s, RANGE_META).value);
        rpc_reply(s->rpc, token, STATUS_NOT_LEADER, bytes_make(hint, sizeof hint));
        return;
    }
    struct buf command, result;
    buf_init(&command, RAFT_ENTRY_BYTES_MAX);
    buf_init(&result, 4096);
    put_u8(&command, SHARD_COMMAND_META);
    put_u8(&command, (uint8_t)kind);
    buf_append_bytes(&command, body);
    struct meta_command c;
    bool news = false, answered = false;
    enum status status = buf_status(&command);
    if (status == STATUS_OK) status = meta_command_parse(bytes_make(command.data + 1, command.size - 1), &c);
    if (status == STATUS_OK) status = meta_judge(&s->meta, &c, &news);
    if (status == STATUS_OK && news) {
        status = propose(s, token, buf_view(&command));
        answered = status == STATUS_OK;
    } else if (status == STATUS_OK) {
        meta_result_known(&s->meta, &c, &result);
    }
    if (!answered) rpc_reply(s->rpc, token, status, buf_view(&result));
    buf_deinit(&command);
    buf_deinit(&result);
}

static void serve_join(void *ctx, struct rpc_token token, struct bytes body)
{
    struct store *s = ctx;
    struct reader in = reader_make(body);
    uint64_t join_token = get_u64(&in);
    struct node_record record;
    if (in.failed || join_token == 0 || node_record_decode(&in, &record) != STATUS_OK) {
        rpc_reply(s->rpc, token, STATUS_INVALID, BYTES_EMPTY);
        return;
    }
    record.node.value = 0; /* the apply allocates it */
    record.token = join_token;
    record.incarnation = record.start_mark = 0;
    record.removed = false;
    struct buf encoded;
    buf_init(&encoded, 4096);
    node_record_encode(&record, &encoded);
    serve_command(s, token, META_NODE_PUT, buf_view(&encoded));
    buf_deinit(&encoded);
}

static void serve_range(void *ctx, struct rpc_token token, struct bytes body)
{
    serve_command(ctx, token, META_RANGE_PUT, body);
}

static void serve_split(void *ctx, struct rpc_token token, struct bytes body)
{
    serve_command(ctx, token, META_SPLIT_BEGIN, body);
}

static void serve_change(void *ctx, struct rpc_token token, struct bytes body)
{
    struct store *s = ctx;
    struct reader in = reader_make(body);
    enum meta_command_kind kind = (enum meta_command_kind)get_u8(&in);
    if (in.failed || kind < META_NODE_STATE) {
        rpc_reply(s->rpc, token, STATUS_INVALID, BYTES_EMPTY);
        return;
    }
    serve_command(s, token, kind, bytes_make(in.at, reader_left(&in)));
}

void meta_serve(struct store *s)
{
    rpc_serve(s->rpc, RPC_META_JOIN, serve_join, s);
    rpc_serve(s->rpc, RPC_META_RANGE, serve_range, s);
    rpc_serve(s->rpc, RPC_META_SPLIT, serve_split, s);
    rpc_serve(s->rpc, RPC_META_CHANGE, serve_change, s);
    lookup_serve(s);
}

enum status meta_propose_node(struct store *s, const struct node_record *record, struct proposal *p)
{
    struct replica *r = store_replica(s, RANGE_META);
    ASSERT(r != NULL);
    buf_reset(&s->scratch);
    put_u8(&s->scratch, SHARD_COMMAND_META);
    put_u8(&s->scratch, META_NODE_PUT);
    node_record_encode(record, &s->scratch);
    return replica_propose(r, buf_view(&s->scratch), META_TIMEOUT_NS, p);
}

/* All ranges that this node made, in order of their ids and keys. */
static void put_own_ranges(struct store *s, struct buf *command)
{
    put_varint(command, s->replicas_by_id.count);
    struct buf encoded;
    buf_init(&encoded, DESCRIPTOR_BYTES_MAX);
    LIST_FOR_EACH(item, &s->replicas) {
        buf_reset(&encoded);
        descriptor_encode(&CONTAINER_OF(item, struct replica, link)->descriptor, &encoded);
        ASSERT(!encoded.failed);
        put_sized(command, buf_view(&encoded));
    }
    buf_deinit(&encoded);
}

enum status meta_propose_init(struct store *s, struct proposal *p)
{
    struct replica *r = store_replica(s, RANGE_META);
    ASSERT(r != NULL);
    struct buf command;
    buf_init(&command, RAFT_ENTRY_BYTES_MAX);
    put_u8(&command, SHARD_COMMAND_META);
    put_u8(&command, META_INIT);
    buf_append(&command, s->identity.cluster_id, sizeof s->identity.cluster_id);
    struct node_record own;
    nodes_own_record(s, &own);
    node_record_encode(&own, &command);
    put_own_ranges(s, &command);
    enum status status = buf_status(&command);
    if (status == STATUS_OK) status = replica_propose(r, buf_view(&command), META_TIMEOUT_NS, p);
    buf_deinit(&command);
    return status;
}

uint64_t store_clock_limit(const struct store *s)
{
    return s->meta.clock_limit;
}

enum status store_clock_limit_raise(struct store *s, uint64_t limit, struct proposal *p)
{
    struct replica *r = store_replica(s, RANGE_META);
    if (r == NULL) return STATUS_NOT_LEADER;
    uint8_t command[10] = {SHARD_COMMAND_META, META_CLOCK_LIMIT};
    store_le64(command + 2, limit);
    return replica_propose(r, bytes_make(command, sizeof command), META_TIMEOUT_NS, p);
}

/* ---- questions ---- */

void store_meta_ranges(const struct store *s, void (*visit)(void *ctx, const struct descriptor *d),
                       void *ctx)
{
    for (uint32_t i = 0; i < s->meta.ranges.count; i++) visit(ctx, s->meta.ranges.items[i]);
}

uint64_t store_setting(const struct store *s, enum cluster_setting id, struct bytes key)
{
    uint64_t value;
    if (cluster_settings_get(&s->settings, id, key, &value)) return value;
    switch (id) {
    case SETTING_REPLICATION_FACTOR: return s->options.replication_factor;
    case SETTING_DEAD_AFTER: return s->options.dead_after_ns;
    default: return cluster_setting_info(id)->fallback;
    }
}

const struct cluster_settings *store_settings(const struct store *s)
{
    return &s->settings;
}

void settings_on_message(struct store *s, struct bytes payload)
{
    if (cluster_settings_adopt(&s->settings, payload) != STATUS_OK) COVER("shard_settings_refused");
}
