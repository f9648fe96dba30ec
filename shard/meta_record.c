/* The records of the metadata state: written with the command that changes them, read at start and after a
 * snapshot. Formats: README. */
#include <stdlib.h>

#include "shard/meta_int.h"
#include "shard/nodes.h"

enum record_kind {
    RECORD_COUNTERS = 'c',
    RECORD_NODE = 'n',
    RECORD_STATE = 't',
    RECORD_RANGE = 'r',
    RECORD_SPLIT = 'p',
    RECORD_JOB = 'j',
    RECORD_SETTING = 's', /* the scope follows the number */
};

#define COUNTERS_VERSION 2 /* 1 had neither jobs nor settings */
#define RECORD_VERSION   1 /* of states, splits, jobs and settings */
#define KEY_BYTES        9
#define KEY_BYTES_MAX    (KEY_BYTES + SETTING_SCOPE_BYTES_MAX)

static struct bytes key_make(uint8_t key[KEY_BYTES_MAX], enum record_kind kind, uint64_t id, struct bytes scope)
{
    key[0] = (uint8_t)kind;
    store_be64(key + 1, id);
    if (scope.size > 0) memcpy(key + KEY_BYTES, scope.data, scope.size);
    return bytes_make(key, KEY_BYTES + scope.size);
}

static void put(struct meta_change *x, enum record_kind kind, uint64_t id, struct bytes scope)
{
    uint8_t key[KEY_BYTES_MAX];
    ASSERT(!x->scratch.failed);
    shard_batch_put(x->batch, LSM_SPACE_LOCAL, key_make(key, kind, id, scope), 0, buf_view(&x->scratch));
}

static void delete(struct meta_change *x, enum record_kind kind, uint64_t id, struct bytes scope)
{
    uint8_t key[KEY_BYTES_MAX];
    shard_batch_delete(x->batch, LSM_SPACE_LOCAL, key_make(key, kind, id, scope), 0);
}

/* ---- values ---- */

static void encode_counters(const struct meta_state *m, struct buf *out)
{
    put_u8(out, COUNTERS_VERSION);
    put_u8(out, m->initialized);
    buf_append(out, m->cluster_id, sizeof m->cluster_id);
    put_u64(out, m->next_node_id);
    put_u64(out, m->next_range_id);
    put_u64(out, m->next_job_id);
    put_u64(out, m->clock_limit);
    put_u64(out, m->settings.version);
}

static enum status load_counters(struct meta_state *m, struct reader *r)
{
    if (get_u8(r) != COUNTERS_VERSION) return STATUS_VERSION;
    m->initialized = get_u8(r) != 0; /* the clock's limit may have come first */
    struct bytes cluster = get_bytes(r, sizeof m->cluster_id);
    m->next_node_id = get_u64(r);
    m->next_range_id = get_u64(r);
    m->next_job_id = get_u64(r);
    m->clock_limit = get_u64(r);
    m->settings.version = get_u64(r);
    if (!reader_done(r)) return STATUS_CORRUPT;
    memcpy(m->cluster_id, cluster.data, cluster.size);
    return STATUS_OK;
}

static void encode_state(const struct meta_node_state *state, struct buf *out)
{
    put_u8(out, RECORD_VERSION);
    put_u8(out, (uint8_t)state->state);
    put_u64(out, state->since_ms);
}

static enum status load_state(struct meta_state *m, uint64_t id, struct reader *r)
{
    if (get_u8(r) != RECORD_VERSION) return STATUS_VERSION;
    struct meta_node_state state = {.state = (enum node_state)get_u8(r), .since_ms = get_u64(r)};
    if (!reader_done(r) || state.state < NODE_STATE_ACTIVE || state.state > NODE_STATE_REMOVED) return STATUS_CORRUPT;
    if (meta_node(m, (struct node_id){id}) == NULL) return STATUS_CORRUPT; /* node records come before */
    meta_node_state_set(m, (struct node_id){id}, &state);
    return STATUS_OK;
}

static void encode_split(const struct meta_split *split, struct buf *out)
{
    put_u8(out, RECORD_VERSION);
    put_u64(out, split->left.value);
    put_u64(out, split->epoch);
    put_sized(out, split->key);
}

static enum status load_split(struct meta_state *m, uint64_t id, struct reader *r)
{
    if (get_u8(r) != RECORD_VERSION) return STATUS_VERSION;
    struct meta_split split = {.right = {id}, .left = {get_u64(r)}, .epoch = get_u64(r), .key = get_sized(r)};
    if (!reader_done(r) || split.key.size == 0 || split.key.size > SHARD_KEY_BYTES_MAX) return STATUS_CORRUPT;
    return meta_split_add(m, &split);
}

static void encode_job(const struct meta_job *job, struct buf *out)
{
    put_u8(out, RECORD_VERSION);
    put_u64(out, job->id);
    put_u8(out, job->reason);
    put_u64(out, job->since_ms);
    put_u8(out, (uint8_t)job->node_count);
    for (uint32_t i = 0; i < job->node_count; i++) put_u64(out, job->nodes[i]);
}

static enum status load_job(struct meta_state *m, uint64_t id, struct reader *r)
{
    if (get_u8(r) != RECORD_VERSION) return STATUS_VERSION;
    struct meta_job job = {.range = {id}, .id = get_u64(r), .reason = get_u8(r), .since_ms = get_u64(r)};
    job.node_count = get_u8(r);
    if (job.node_count > RAFT_VOTERS_MAX) return STATUS_CORRUPT;
    for (uint32_t i = 0; i < job.node_count; i++) job.nodes[i] = get_u64(r);
    return reader_done(r) ? meta_job_set(m, &job) : STATUS_CORRUPT;
}

static enum status load_setting(struct meta_state *m, uint64_t id, struct bytes scope, struct reader *r)
{
    if (get_u8(r) != RECORD_VERSION) return STATUS_VERSION;
    uint64_t value = get_u64(r);
    if (!reader_done(r)) return STATUS_CORRUPT;
    return cluster_settings_put(&m->settings, (enum cluster_setting)id, scope, value);
}

static enum status load_node(struct meta_state *m, struct reader *r)
{
    struct node_record record;
    enum status status = node_record_decode(r, &record);
    return status == STATUS_OK ? meta_node_set(m, &record) : status;
}

static enum status load_range(struct meta_state *m, struct bytes value)
{
    struct descriptor d;
    enum status status = descriptor_decode(value, &d);
    return status == STATUS_OK ? meta_range_set(m, &d) : status;
}

enum status meta_record_load(struct meta_state *m, struct bytes key, struct bytes value)
{
    if (key.size < KEY_BYTES || key.size > KEY_BYTES_MAX) return STATUS_CORRUPT;
    struct bytes scope = bytes_make(key.data + KEY_BYTES, key.size - KEY_BYTES);
    if (scope.size > 0 && key.data[0] != RECORD_SETTING) return STATUS_CORRUPT;
    uint64_t id = load_be64(key.data + 1);
    struct reader r = reader_make(value);
    switch (key.data[0]) {
    case RECORD_COUNTERS: return load_counters(m, &r);
    case RECORD_NODE: return load_node(m, &r);
    case RECORD_STATE: return load_state(m, id, &r);
    case RECORD_RANGE: return load_range(m, value);
    case RECORD_SPLIT: return load_split(m, id, &r);
    case RECORD_JOB: return load_job(m, id, &r);
    case RECORD_SETTING: return load_setting(m, id, scope, &r);
    default: return STATUS_VERSION;
    }
}

/* ---- writing ---- */

void meta_record_put_counters(struct meta_change *x)
{
    buf_reset(&x->scratch);
    encode_counters(x->m, &x->scratch);
    put(x, RECORD_COUNTERS, 0, BYTES_EMPTY);
}

void meta_record_put_node(struct meta_change *x, const struct node_record *record)
{
    buf_reset(&x->scratch);
    node_record_encode(record, &x->scratch);
    put(x, RECORD_NODE, record->node.value, BYTES_EMPTY);
}

void meta_record_put_state(struct meta_change *x, struct node_id node, const struct meta_node_state *state)
{
    buf_reset(&x->scratch);
    encode_state(state, &x->scratch);
    put(x, RECORD_STATE, node.value, BYTES_EMPTY);
}

void meta_record_put_range(struct meta_change *x, const struct descriptor *d)
{
    buf_reset(&x->scratch);
    descriptor_encode(d, &x->scratch);
    put(x, RECORD_RANGE, d->range.value, BYTES_EMPTY);
}

void meta_record_put_split(struct meta_change *x, const struct meta_split *split)
{
    buf_reset(&x->scratch);
    encode_split(split, &x->scratch);
    put(x, RECORD_SPLIT, split->right.value, BYTES_EMPTY);
}

void meta_record_put_job(struct meta_change *x, const struct meta_job *job)
{
    buf_reset(&x->scratch);
    encode_job(job, &x->scratch);
    put(x, RECORD_JOB, job->range.value, BYTES_EMPTY);
}

void meta_record_put_setting(struct meta_change *x, enum cluster_setting id, struct bytes scope, uint64_t value)
{
    buf_reset(&x->scratch);
    put_u8(&x->scratch, RECORD_VERSION);
    put_u64(&x->scratch, value);
    put(x, RECORD_SETTING, (uint64_t)id, scope);
}

void meta_record_delete_range(struct meta_change *x, struct range_id range)
{
    delete(x, RECORD_RANGE, range.value, BYTES_EMPTY);
}

void meta_record_delete_split(struct meta_change *x, struct range_id right)
{
    delete(x, RECORD_SPLIT, right.value, BYTES_EMPTY);
}

void meta_record_delete_job(struct meta_change *x, struct range_id range)
{
    delete(x, RECORD_JOB, range.value, BYTES_EMPTY);
}

void meta_record_delete_setting(struct meta_change *x, enum cluster_setting id, struct bytes scope)
{
    delete(x, RECORD_SETTING, (uint64_t)id, scope);
}

/* ---- node records, which gossip carries, too ---- */

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

/* ---- the whole ---- */

static void dump(struct buf *out, struct buf *value)
{
    put_sized(out, buf_view(value));
    buf_reset(value);
}

void meta_state_dump(const struct meta_state *m, struct buf *out)
{
    struct buf value;
    buf_init(&value, 1 << 20);
    encode_counters(m, &value);
    dump(out, &value);
    for (uint32_t i = 0; i < m->node_count; i++) {
        node_record_encode(m->nodes[i], &value);
        encode_state(&m->states[i], &value);
        dump(out, &value);
    }
    for (uint32_t i = 0; i < m->ranges.count; i++) {
        descriptor_encode(m->ranges.items[i], &value);
        dump(out, &value);
    }
    LIST_FOR_EACH(item, &m->splits) {
        const struct meta_split *split = CONTAINER_OF(item, struct meta_split, link);
        put_u64(&value, split->right.value);
        encode_split(split, &value);
        dump(out, &value);
    }
    for (uint32_t i = 0; i < m->job_count; i++) {
        put_u64(&value, m->jobs[i]->range.value);
        encode_job(m->jobs[i], &value);
        dump(out, &value);
    }
    cluster_settings_encode(&m->settings, &value);
    dump(out, &value);
    buf_deinit(&value);
}
