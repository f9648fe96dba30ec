/* Commands of the metadata range: read, judged, carried out. The leader judges before it proposes, every replica
 * when it applies; only the latter counts. */
#include <stdlib.h>

#include "shard/meta_int.h"
#include "shard/nodes.h"

void meta_state_init(struct meta_state *m)
{
    *m = (struct meta_state){.next_node_id = 1, .next_range_id = 3, .next_job_id = 1};
    list_init(&m->splits);
    cluster_settings_init(&m->settings);
}

void meta_state_deinit(struct meta_state *m)
{
    for (uint32_t i = 0; i < m->node_count; i++) free(m->nodes[i]);
    meta_ranges_clear(m);
    meta_jobs_clear(m);
    cluster_settings_deinit(&m->settings);
    meta_state_init(m);
}

const char *meta_state_fault(const struct meta_state *m)
{
    for (uint32_t i = 0; i < m->node_count; i++) {
        if (i > 0 && m->nodes[i - 1]->node.value >= m->nodes[i]->node.value) return "node records out of order";
        if (m->nodes[i]->node.value >= m->next_node_id) return "a node id that was never given out";
        if (m->nodes[i]->removed != (m->states[i].state == NODE_STATE_REMOVED)) return "a node half removed";
    }
    for (uint32_t i = 0; i < m->job_count; i++) {
        if (meta_range(m, m->jobs[i]->range) == NULL) return "a job for no range";
        if (m->jobs[i]->id >= m->next_job_id) return "a job id that was never given out";
    }
    return meta_ranges_fault(m);
}

/* ---- reading ---- */

static void parse_job(struct reader *r, struct meta_job *job)
{
    job->range.value = get_u64(r);
    job->reason = get_u8(r);
    job->since_ms = get_u64(r);
    job->node_count = get_u8(r);
    if (job->node_count == 0 || job->node_count > RAFT_VOTERS_MAX) r->failed = true;
    for (uint32_t i = 0; !r->failed && i < job->node_count; i++) job->nodes[i] = get_u64(r);
}

static void parse_rest_as_descriptor(struct reader *r, struct descriptor *d)
{
    struct bytes rest = get_bytes(r, reader_left(r));
    if (!r->failed && descriptor_decode(rest, d) != STATUS_OK) r->failed = true;
    if (!r->failed && (d->epoch == 0 || d->config.voter_count == 0)) r->failed = true;
}

static void parse_init(struct reader *r, struct meta_command *c)
{
    c->cluster_id = get_bytes(r, 16);
    if (!r->failed && node_record_decode(r, &c->node) != STATUS_OK) r->failed = true;
    c->count = get_varint(r);
    c->descriptors = get_bytes(r, reader_left(r));
}

static void parse_body(struct reader *r, struct meta_command *c)
{
    switch (c->kind) {
    case META_INIT: parse_init(r, c); break;
    case META_NODE_PUT:
        if (node_record_decode(r, &c->node) != STATUS_OK) r->failed = true;
        break;
    case META_RANGE_PUT: parse_rest_as_descriptor(r, &c->descriptor); break;
    case META_CLOCK_LIMIT: c->value = get_u64(r); break;
    case META_SPLIT_BEGIN:
        c->range.value = get_u64(r);
        c->epoch = get_u64(r);
        c->key = get_sized(r);
        if (c->key.size == 0 || c->key.size > SHARD_KEY_BYTES_MAX) r->failed = true;
        break;
    case META_NODE_STATE:
        c->node.node.value = get_u64(r);
        c->state = (enum node_state)get_u8(r);
        c->value = get_u64(r);
        if (c->state < NODE_STATE_ACTIVE || c->state > NODE_STATE_REMOVED) r->failed = true;
        break;
    case META_SETTING_PUT:
    case META_SETTING_RESET:
        c->setting = (enum cluster_setting)get_u16(r);
        c->key = get_sized(r);
        c->value = c->kind == META_SETTING_PUT ? get_u64(r) : 0;
        break;
    case META_JOB_PUT: parse_job(r, &c->job); break;
    case META_JOB_END:
        c->range.value = get_u64(r);
        c->value = get_u64(r);
        break;
    }
}

enum status meta_command_parse(struct bytes bytes, struct meta_command *c)
{
    struct reader r = reader_make(bytes);
    *c = (struct meta_command){.kind = (enum meta_command_kind)get_u8(&r)};
    if (r.failed) return STATUS_INVALID;
    if (c->kind < META_INIT || c->kind > META_JOB_END) return STATUS_VERSION;
    parse_body(&r, c);
    return reader_done(&r) ? STATUS_OK : STATUS_INVALID;
}

/* ---- the first command ---- */

/* Its descriptors must cover everything, in order. */
static enum status init_judge(const struct meta_state *m, const struct meta_command *c, bool *news_out)
{
    if (m->initialized) return STATUS_OK; /* proposed twice: the first one counts */
    struct reader r = reader_make(c->descriptors);
    struct bytes at = BYTES_EMPTY;
    uint64_t range_last = 0;
    for (uint64_t i = 0; i < c->count; i++) {
        struct descriptor d;
        if (descriptor_decode(get_sized(&r), &d) != STATUS_OK) return STATUS_INVALID;
        if (i > 0 && at.size == 0) return STATUS_INVALID;
        if (!bytes_equal(at, d.start) || d.range.value <= range_last || d.epoch == 0) return STATUS_INVALID;
        range_last = d.range.value;
        at = d.end;
    }
    if (c->count == 0 || at.size != 0 || !reader_done(&r) || c->node.node.value == 0) return STATUS_INVALID;
    *news_out = true;
    return STATUS_OK;
}

static enum status init_do(struct meta_change *x, const struct meta_command *c, struct node_record *learnt)
{
    struct meta_state *m = x->m;
    memcpy(m->cluster_id, c->cluster_id.data, sizeof m->cluster_id);
    m->initialized = true;
    m->next_node_id = c->node.node.value + 1;
    *learnt = c->node;
    enum status status = meta_node_set(m, learnt);
    if (status == STATUS_OK) meta_record_put_node(x, learnt);
    struct reader r = reader_make(c->descriptors);
    for (uint64_t i = 0; status == STATUS_OK && i < c->count; i++) {
        struct descriptor d;
        status = descriptor_decode(get_sized(&r), &d);
        if (status == STATUS_OK) status = meta_range_set(m, &d);
        if (status != STATUS_OK) break;
        meta_record_put_range(x, &d);
        if (d.range.value >= m->next_range_id) m->next_range_id = d.range.value + 1;
    }
    meta_record_put_counters(x);
    return status;
}

/* ---- judging and carrying out ---- */

enum status meta_judge(const struct meta_state *m, const struct meta_command *c, bool *news_out)
{
    *news_out = false;
    uint64_t was;
    /* The clock runs before there is a cluster. */
    if (c->kind != META_INIT && c->kind != META_CLOCK_LIMIT && !m->initialized) return STATUS_UNAVAILABLE;
    switch (c->kind) {
    case META_INIT: return init_judge(m, c, news_out);
    case META_NODE_PUT: return meta_node_judge_put(m, &c->node, news_out);
    case META_RANGE_PUT: return meta_range_judge_put(m, &c->descriptor, news_out);
    case META_CLOCK_LIMIT: *news_out = c->value > m->clock_limit; return STATUS_OK;
    case META_SPLIT_BEGIN: return meta_split_judge(m, c, news_out);
    case META_NODE_STATE: return meta_node_judge_state(m, c, news_out);
    case META_SETTING_PUT: *news_out = true; return cluster_settings_judge(&m->settings, c->setting, c->key, c->value);
    case META_SETTING_RESET:
        *news_out = cluster_settings_get(&m->settings, c->setting, c->key, &was);
        return cluster_setting_info(c->setting) == NULL ? STATUS_INVALID : STATUS_OK;
    case META_JOB_PUT: return meta_job_judge_put(m, &c->job, news_out);
    case META_JOB_END: *news_out = meta_job_get(m, c->range) != NULL; return STATUS_OK;
    }
    return STATUS_VERSION;
}

static enum status setting_do(struct meta_change *x, const struct meta_command *c)
{
    struct cluster_settings *t = &x->m->settings;
    if (c->kind == META_SETTING_RESET) {
        if (!cluster_settings_reset(t, c->setting, c->key)) return STATUS_OK;
        meta_record_delete_setting(x, c->setting, c->key);
    } else {
        enum status status = cluster_settings_put(t, c->setting, c->key, c->value);
        if (status != STATUS_OK) return status;
        meta_record_put_setting(x, c->setting, c->key, c->value);
    }
    t->version++;
    meta_record_put_counters(x);
    return STATUS_OK;
}

static enum status change(struct meta_change *x, const struct meta_command *c, struct node_record *learnt)
{
    switch (c->kind) {
    case META_INIT: return init_do(x, c, learnt);
    case META_NODE_PUT: return meta_node_put(x, &c->node, learnt);
    case META_RANGE_PUT: return meta_range_put(x, &c->descriptor);
    case META_CLOCK_LIMIT:
        x->m->clock_limit = c->value;
        meta_record_put_counters(x);
        return STATUS_OK;
    case META_SPLIT_BEGIN: return meta_split_begin(x, c);
    case META_NODE_STATE: meta_node_put_state(x, c, learnt); return STATUS_OK;
    case META_SETTING_PUT:
    case META_SETTING_RESET: return setting_do(x, c);
    case META_JOB_PUT: return meta_job_put(x, &c->job);
    case META_JOB_END: meta_job_end(x, c->range, c->value); return STATUS_OK;
    }
    return STATUS_VERSION;
}

/* What the kind adds to the result, whether the command changed something or came twice. */
static void put_result(const struct meta_state *m, const struct meta_command *c, const struct node_record *learnt,
                       struct buf *result)
{
    if (c->kind == META_NODE_PUT) {
        struct node_id node = c->node.node;
        if (node.value == 0) node = learnt->node;
        if (node.value == 0) node = meta_node_by_token(m, c->node.token)->node;
        put_u64(result, node.value);
    } else if (c->kind == META_SPLIT_BEGIN) {
        put_u64(result, meta_split_right_of(m, c).value);
    } else if (c->kind == META_JOB_PUT) {
        put_u64(result, meta_job_get(m, c->job.range)->id);
    }
}

void meta_result_known(const struct meta_state *m, const struct meta_command *c, struct buf *result)
{
    struct node_record nobody = {0};
    put_result(m, c, &nobody, result);
}

enum status meta_carry_out(struct meta_state *m, const struct meta_command *c, struct shard_batch *batch,
                           struct buf *result, struct node_record *learnt)
{
    *learnt = (struct node_record){0};
    bool news;
    enum status judged = meta_judge(m, c, &news), status = STATUS_OK;
    if (judged == STATUS_OK && news) {
        struct meta_change x = {.m = m, .batch = batch};
        buf_init(&x.scratch, 1 << 20);
        status = change(&x, c, learnt);
        buf_deinit(&x.scratch);
    }
    if (status != STATUS_OK) return status;
    put_u16(result, (uint16_t)judged);
    if (judged == STATUS_OK) put_result(m, c, learnt, result);
    ASSERT_SLOW(m->ranges.count > 1000 || meta_state_fault(m) == NULL); /* META-1 to META-3 */
    return STATUS_OK;
}
