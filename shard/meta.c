/* The metadata range's state: cluster id, node records, mirrored descriptors, id counters, the clock's
 * limit. It is small, so every replica of range 1 keeps all of it in memory and each command is evaluated
 * when it is applied: the same on every replica. Records live in the range-local space of range 1.
 *
 * Command: kind u8, then
 *   1 INIT         cluster id 16 bytes, node record, count varint, sized descriptors
 *   2 NODE_PUT     node record (node 0: allocate an id, unless the token has one)  -> id u64
 *   3 RANGE_PUT    descriptor (ignored unless its epoch is newer)
 *   4 CLOCK_LIMIT  limit u64 (never falls)
 * Keys: "c" counters, "n" + be64 node id, "r" + be64 range id. */
#include <stdlib.h>

#include "shard/shard_int.h"

enum meta_command { META_INIT = 1, META_NODE_PUT = 2, META_RANGE_PUT = 3, META_CLOCK_LIMIT = 4 };

#define META_TIMEOUT_NS 5000000000u

void meta_init(struct meta_state *m)
{
    *m = (struct meta_state){.next_node_id = 1, .next_range_id = 3};
}

static void meta_clear(struct meta_state *m)
{
    for (uint32_t i = 0; i < m->node_count; i++) free(m->nodes[i]);
    for (uint32_t i = 0; i < m->range_count; i++) {
        descriptor_clear(m->ranges[i]);
        free(m->ranges[i]);
    }
    free(m->ranges);
    meta_init(m);
}

void meta_deinit(struct meta_state *m)
{
    meta_clear(m);
}

/* ---- records ---- */

void node_record_encode(const struct node_record *record, struct buf *out)
{
    put_u8(out, 2);
    put_u64(out, record->node.value);
    put_u64(out, record->incarnation);
    put_u64(out, record->start_mark);
    put_u64(out, record->token);
    put_u8(out, record->removed);
    put_sized(out, bytes_of_string(record->peer_address));
    put_sized(out, bytes_of_string(record->sql_address));
    put_sized(out, bytes_of_string(record->http_address));
    put_sized(out, bytes_of_string(record->locality));
}

/* A printable text of less than `size` bytes. */
static bool get_text(struct reader *r, char *text, size_t size)
{
    struct bytes bytes = get_sized(r);
    if (r->failed || bytes.size >= size) return false;
    for (size_t i = 0; i < bytes.size; i++)
        if (bytes.data[i] <= ' ' || bytes.data[i] > '~') return false;
    if (bytes.size > 0) memcpy(text, bytes.data, bytes.size);
    text[bytes.size] = '\0';
    return true;
}

enum status node_record_decode(struct reader *r, struct node_record *record)
{
    struct node_record out = {0};
    if (get_u8(r) != 2) return STATUS_VERSION; /* 1 had no start mark */
    out.node.value = get_u64(r);
    out.incarnation = get_u64(r);
    out.start_mark = get_u64(r);
    out.token = get_u64(r);
    out.removed = get_u8(r) != 0;
    if (!get_text(r, out.peer_address, sizeof out.peer_address) ||
        !get_text(r, out.sql_address, sizeof out.sql_address) ||
        !get_text(r, out.http_address, sizeof out.http_address) ||
        !get_text(r, out.locality, sizeof out.locality))
        return STATUS_INVALID;
    *record = out;
    return STATUS_OK;
}

struct node_record *meta_node(struct meta_state *m, struct node_id node)
{
    for (uint32_t i = 0; i < m->node_count; i++)
        if (m->nodes[i]->node.value == node.value) return m->nodes[i];
    return NULL;
}

static enum status node_set(struct meta_state *m, const struct node_record *record)
{
    struct node_record *n = meta_node(m, record->node);
    if (n == NULL) {
        if (m->node_count == SHARD_NODES_MAX) return STATUS_TOO_LARGE;
        n = malloc(sizeof *n);
        if (n == NULL) return STATUS_NO_MEMORY;
        m->nodes[m->node_count++] = n;
    }
    *n = *record;
    return STATUS_OK;
}

static struct descriptor *range_get(struct meta_state *m, struct range_id range)
{
    for (uint32_t i = 0; i < m->range_count; i++)
        if (m->ranges[i]->range.value == range.value) return m->ranges[i];
    return NULL;
}

const struct descriptor *meta_range(struct meta_state *m, struct range_id range)
{
    return range_get(m, range);
}

/* By start key. */
static enum status range_set(struct meta_state *m, const struct descriptor *d)
{
    struct descriptor *known = range_get(m, d->range);
    if (known == NULL) {
        if (m->range_count == m->range_capacity) {
            uint32_t capacity = m->range_capacity == 0 ? 16 : m->range_capacity * 2;
            struct descriptor **ranges = realloc(m->ranges, capacity * sizeof *ranges);
            if (ranges == NULL) return STATUS_NO_MEMORY;
            m->ranges = ranges;
            m->range_capacity = capacity;
        }
        known = calloc(1, sizeof *known);
        if (known == NULL) return STATUS_NO_MEMORY;
        uint32_t at = m->range_count++;
        while (at > 0 && bytes_compare(m->ranges[at - 1]->start, d->start) > 0) {
            m->ranges[at] = m->ranges[at - 1];
            at--;
        }
        m->ranges[at] = known;
    }
    return descriptor_assign(known, d);
}

/* ---- the engine's side ---- */

static void key_of(uint8_t key[9], char kind, uint64_t id)
{
    key[0] = (uint8_t)kind;
    store_be64(key + 1, id);
}

static void put_record(struct shard_batch *batch, char kind, uint64_t id, const struct buf *value)
{
    uint8_t key[9];
    key_of(key, kind, id);
    shard_batch_put(batch, LSM_SPACE_LOCAL, bytes_make(key, sizeof key), 0, buf_view(value));
}

static void put_counters(const struct meta_state *m, struct shard_batch *batch, struct buf *scratch)
{
    buf_reset(scratch);
    put_u8(scratch, 1);
    buf_append(scratch, m->cluster_id, sizeof m->cluster_id);
    put_u64(scratch, m->next_node_id);
    put_u64(scratch, m->next_range_id);
    put_u64(scratch, m->clock_limit);
    put_record(batch, 'c', 0, scratch);
}

static enum status load_counters(struct meta_state *m, struct bytes value)
{
    struct reader r = reader_make(value);
    if (get_u8(&r) != 1) return STATUS_VERSION;
    struct bytes cluster = get_bytes(&r, sizeof m->cluster_id);
    m->next_node_id = get_u64(&r);
    m->next_range_id = get_u64(&r);
    m->clock_limit = get_u64(&r);
    if (!reader_done(&r)) return STATUS_CORRUPT;
    memcpy(m->cluster_id, cluster.data, cluster.size);
    m->initialized = true;
    return STATUS_OK;
}

static enum status load_item(struct store *s, const struct lsm_item *item)
{
    if (item->tombstone) return STATUS_OK;
    if (item->key.size != 9) return STATUS_CORRUPT;
    struct reader r = reader_make(item->value);
    switch (item->key.data[0]) {
    case 'c': return load_counters(&s->meta, item->value);
    case 'n': {
        struct node_record record;
        enum status status = node_record_decode(&r, &record);
        if (status == STATUS_OK) status = node_set(&s->meta, &record);
        if (status == STATUS_OK) nodes_learn(s, &record);
        return status;
    }
    case 'r': {
        struct descriptor *d = calloc(1, sizeof *d);
        if (d == NULL) return STATUS_NO_MEMORY;
        enum status status = descriptor_decode(item->value, d);
        if (status == STATUS_OK) status = range_set(&s->meta, d);
        free(d);
        return status;
    }
    default: return STATUS_VERSION;
    }
}

struct load_waiter {
    struct lsm_waiter waiter;
    struct fiber *fiber;
};

static void on_block_ready(struct lsm_waiter *w)
{
    fiber_resume(CONTAINER_OF(w, struct load_waiter, waiter)->fiber);
}

enum status meta_load(struct store *s)
{
    meta_clear(&s->meta);
    struct lsm_iter *it;
    enum status status = lsm_iter_open(s->lsm, RANGE_META, LSM_SPACE_LOCAL, BYTES_EMPTY, BYTES_EMPTY,
                                       LSM_TS_MAX, LSM_ITER_NEWEST, false, &it);
    if (status != STATUS_OK) return status;
    struct load_waiter w = {.fiber = fiber_current(s->options.fibers)};
    lsm_waiter_init(&w.waiter, on_block_ready);
    for (;;) {
        struct lsm_item item;
        status = lsm_iter_next(it, &w.waiter, &item);
        if (status == STATUS_WAIT) {
            fiber_suspend(s->options.fibers);
            continue;
        }
        if (status != STATUS_OK) break;
        status = load_item(s, &item);
        if (status != STATUS_OK) break;
    }
    lsm_iter_close(it);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- commands ---- */

static enum status put_node(struct store *s, const struct node_record *record,
                            struct shard_batch *batch, struct buf *scratch)
{
    enum status status = node_set(&s->meta, record);
    if (status != STATUS_OK) return status;
    buf_reset(scratch);
    node_record_encode(record, scratch);
    put_record(batch, 'n', record->node.value, scratch);
    nodes_learn(s, record);
    return STATUS_OK;
}

static enum status put_range(struct store *s, const struct descriptor *d, struct shard_batch *batch,
                             struct buf *scratch)
{
    const struct descriptor *known = range_get(&s->meta, d->range);
    if (known != NULL && known->epoch >= d->epoch) return STATUS_OK;
    enum status status = range_set(&s->meta, d);
    if (status != STATUS_OK) return status;
    buf_reset(scratch);
    descriptor_encode(d, scratch);
    put_record(batch, 'r', d->range.value, scratch);
    return STATUS_OK;
}

static enum status apply_init(struct store *s, struct reader *r, struct shard_batch *batch,
                              struct buf *scratch)
{
    struct meta_state *m = &s->meta;
    struct bytes cluster = get_bytes(r, sizeof m->cluster_id);
    struct node_record record;
    enum status status = node_record_decode(r, &record);
    if (status != STATUS_OK || r->failed) return STATUS_VERSION;
    if (m->initialized) return STATUS_OK; /* proposed twice: the first one counts */
    memcpy(m->cluster_id, cluster.data, cluster.size);
    m->initialized = true;
    if (m->next_node_id <= record.node.value) m->next_node_id = record.node.value + 1;
    status = put_node(s, &record, batch, scratch);
    struct descriptor *d = calloc(1, sizeof *d);
    if (d == NULL) return STATUS_NO_MEMORY;
    uint64_t count = get_varint(r);
    for (uint64_t i = 0; status == STATUS_OK && i < count; i++) {
        status = descriptor_decode(get_sized(r), d);
        if (status == STATUS_OK) status = put_range(s, d, batch, scratch);
        if (status == STATUS_OK && m->next_range_id <= d->range.value) m->next_range_id = d->range.value + 1;
    }
    free(d);
    put_counters(m, batch, scratch);
    return status;
}

static const struct node_record *node_by_token(const struct meta_state *m, uint64_t token)
{
    for (uint32_t i = 0; i < m->node_count; i++)
        if (m->nodes[i]->token == token) return m->nodes[i];
    return NULL;
}

static enum status apply_node(struct store *s, struct reader *r, struct shard_batch *batch,
                              struct buf *scratch, struct buf *result)
{
    struct meta_state *m = &s->meta;
    struct node_record record;
    enum status status = node_record_decode(r, &record);
    if (status != STATUS_OK) return STATUS_VERSION;
    if (record.node.value == 0) {
        const struct node_record *known = node_by_token(m, record.token);
        if (known != NULL) { /* asked twice */
            put_u64(result, known->node.value);
            return STATUS_OK;
        }
        if (m->node_count == SHARD_NODES_MAX) return STATUS_OK; /* empty result: refused */
        record.node.value = m->next_node_id++;
    }
    put_u64(result, record.node.value);
    const struct node_record *known = meta_node(m, record.node);
    if (known != NULL && known->incarnation >= record.incarnation && !record.removed) return STATUS_OK;
    status = put_node(s, &record, batch, scratch);
    put_counters(m, batch, scratch);
    return status;
}

static enum status apply_range(struct store *s, struct reader *r, struct shard_batch *batch,
                               struct buf *scratch)
{
    struct descriptor *d = calloc(1, sizeof *d);
    if (d == NULL) return STATUS_NO_MEMORY;
    enum status status = descriptor_decode(bytes_make(r->at, reader_left(r)), d);
    status = status == STATUS_OK ? put_range(s, d, batch, scratch) : STATUS_VERSION;
    free(d);
    return status;
}

static enum status apply_limit(struct store *s, struct reader *r, struct shard_batch *batch,
                               struct buf *scratch)
{
    uint64_t limit = get_u64(r);
    if (!reader_done(r)) return STATUS_VERSION;
    if (limit > s->meta.clock_limit) {
        s->meta.clock_limit = limit;
        put_counters(&s->meta, batch, scratch);
    }
    return STATUS_OK;
}

enum status meta_apply(struct replica *r, struct bytes command, struct shard_batch *batch,
                       struct buf *result)
{
    struct store *s = r->store;
    if (r->range.value != RANGE_META.value) return STATUS_VERSION;
    struct buf scratch;
    buf_init(&scratch, 1 << 20);
    struct reader in = reader_make(command);
    enum status status = STATUS_VERSION;
    switch (get_u8(&in)) {
    case META_INIT: status = apply_init(s, &in, batch, &scratch); break;
    case META_NODE_PUT: status = apply_node(s, &in, batch, &scratch, result); break;
    case META_RANGE_PUT: status = apply_range(s, &in, batch, &scratch); break;
    case META_CLOCK_LIMIT: status = apply_limit(s, &in, batch, &scratch); break;
    default: break;
    }
    buf_deinit(&scratch);
    return status;
}

/* ---- proposing, on the leader ---- */

struct meta_request {
    struct proposal proposal;
    struct store *store;
    struct rpc_token token;
};

static void on_request_done(struct proposal *p, enum status status, struct bytes result)
{
    struct meta_request *q = CONTAINER_OF(p, struct meta_request, proposal);
    if (status != STATUS_CANCELLED) rpc_reply(q->store->rpc, q->token, status, result);
    free(q);
}

/* Proposes {META, kind, body} and answers the request with what comes of it. */
static void propose_for(struct store *s, struct rpc_token token, enum meta_command kind,
                        struct bytes body)
{
    struct replica *r = store_replica(s, RANGE_META);
    struct meta_request *q = calloc(1, sizeof *q);
    enum status status = STATUS_NO_MEMORY;
    if (q != NULL) {
        q->store = s;
        q->token = token;
        q->proposal.on_done = on_request_done;
        struct buf command;
        buf_init(&command, 1 << 20);
        put_u8(&command, SHARD_COMMAND_META);
        put_u8(&command, (uint8_t)kind);
        buf_append_bytes(&command, body);
        status = command.failed ? STATUS_TOO_LARGE
                                : replica_propose(r, buf_view(&command), META_TIMEOUT_NS, &q->proposal);
        buf_deinit(&command);
        if (status == STATUS_OK) return;
        free(q);
    }
    rpc_reply(s->rpc, token, status, BYTES_EMPTY);
}

static bool meta_serving(struct store *s)
{
    struct replica *r = store_replica(s, RANGE_META);
    return r != NULL && replica_serving(r) && s->meta.initialized;
}

static void serve_join(void *ctx, struct rpc_token token, struct bytes body)
{
    struct store *s = ctx;
    struct reader in = reader_make(body);
    uint64_t join_token = get_u64(&in);
    struct node_record record;
    if (!meta_serving(s)) {
        rpc_reply(s->rpc, token, STATUS_NOT_LEADER, BYTES_EMPTY);
        return;
    }
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
    propose_for(s, token, META_NODE_PUT, buf_view(&encoded));
    buf_deinit(&encoded);
}

static void serve_range(void *ctx, struct rpc_token token, struct bytes body)
{
    struct store *s = ctx;
    if (!meta_serving(s)) {
        rpc_reply(s->rpc, token, STATUS_NOT_LEADER, BYTES_EMPTY);
        return;
    }
    struct descriptor *d = calloc(1, sizeof *d);
    enum status status = d == NULL ? STATUS_NO_MEMORY : descriptor_decode(body, d);
    const struct descriptor *known = status == STATUS_OK ? range_get(&s->meta, d->range) : NULL;
    bool news = status == STATUS_OK && (known == NULL || known->epoch < d->epoch);
    free(d);
    if (news) propose_for(s, token, META_RANGE_PUT, body);
    else rpc_reply(s->rpc, token, status, BYTES_EMPTY);
}

void meta_serve(struct store *s)
{
    rpc_serve(s->rpc, RPC_META_JOIN, serve_join, s);
    rpc_serve(s->rpc, RPC_META_RANGE, serve_range, s);
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

enum status meta_propose_init(struct store *s, struct proposal *p)
{
    struct replica *r;
    struct buf command;
    buf_init(&command, RAFT_ENTRY_BYTES_MAX);
    put_u8(&command, SHARD_COMMAND_META);
    put_u8(&command, META_INIT);
    buf_append(&command, s->identity.cluster_id, sizeof s->identity.cluster_id);
    struct node_record own;
    nodes_own_record(s, &own);
    node_record_encode(&own, &command);
    put_varint(&command, s->metrics.replicas);
    struct buf encoded;
    buf_init(&encoded, 1 << 16);
    for (r = store_replica_next(s, NULL); r != NULL; r = store_replica_next(s, r)) {
        buf_reset(&encoded);
        descriptor_encode(&r->descriptor, &encoded);
        put_sized(&command, buf_view(&encoded));
    }
    ASSERT(!command.failed && !encoded.failed);
    enum status status = replica_propose(store_replica(s, RANGE_META), buf_view(&command), META_TIMEOUT_NS, p);
    buf_deinit(&encoded);
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

void store_meta_ranges(const struct store *s, void (*visit)(void *ctx, const struct descriptor *d),
                       void *ctx)
{
    for (uint32_t i = 0; i < s->meta.range_count; i++) visit(ctx, s->meta.ranges[i]);
}
