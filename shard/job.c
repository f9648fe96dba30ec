/* Jobs: what was decided about a range and is not done yet. They are records of the metadata range, so that whoever
 * leads it next neither forgets nor decides anew. A job ends when the mirrored descriptor says that it is done. */
#include <stdlib.h>

#include "shard/meta_call.h"
#include "shard/nodes.h"
#include "shard/placement_int.h"

#define CALL_TIMEOUT_NS 3000000000u
#define CALLS_MAX       PLACEMENT_JOBS_MAX

static struct job_call *call_of(struct store *s, struct range_id range)
{
    LIST_FOR_EACH(item, &s->job_calls) {
        struct job_call *c = CONTAINER_OF(item, struct job_call, link);
        if (c->range.value == range.value) return c;
    }
    return NULL;
}

static void on_recorded(struct rpc_call *call, enum status status, struct bytes body)
{
    struct job_call *c = CONTAINER_OF(call, struct job_call, call);
    (void)body;
    if (status != STATUS_OK) COVER("shard_job_not_recorded"); /* decided anew */
    if (status != STATUS_CANCELLED) list_remove(&c->link);
    free(c);
}

static struct job_call *call_begin(struct store *s, struct range_id range, struct bytes command)
{
    uint32_t count = 0;
    LIST_FOR_EACH(item, &s->job_calls) count++;
    struct job_call *c = count < CALLS_MAX ? calloc(1, sizeof *c) : NULL;
    if (c == NULL) return NULL;
    c->store = s;
    c->range = range;
    c->call.on_done = on_recorded;
    if (rpc_start(s->rpc, &c->call, s->identity.node, RPC_META_CHANGE, command, CALL_TIMEOUT_NS) != STATUS_OK) {
        free(c);
        return NULL;
    }
    list_push_back(&s->job_calls, &c->link);
    return c;
}

uint32_t job_target(struct store *s, struct range_id range, uint64_t target_out[RAFT_VOTERS_MAX])
{
    const struct job_call *c = call_of(s, range);
    const struct meta_job *job = meta_job_get(&s->meta, range);
    if (c != NULL && !c->ends) {
        memcpy(target_out, c->target, sizeof c->target);
        return c->target_count;
    }
    if (job == NULL || c != NULL) return 0;
    memcpy(target_out, job->nodes, sizeof job->nodes);
    return job->node_count;
}

bool job_begin(struct store *s, const struct descriptor *d, const struct allocator_change *change)
{
    if (call_of(s, d->range) != NULL) return false;
    if (s->meta.job_count >= PLACEMENT_JOBS_MAX && meta_job_get(&s->meta, d->range) == NULL) return false;
    buf_reset(&s->scratch);
    struct meta_job job = {.range = d->range,
                           .reason = (uint8_t)change->reason,
                           .since_ms = env_wall_ns(s->env) / 1000000u,
                           .node_count = change->target_count};
    memcpy(job.nodes, change->target, sizeof job.nodes);
    meta_put_job(&s->scratch, &job);
    struct job_call *c = call_begin(s, d->range, buf_view(&s->scratch));
    if (c == NULL) return false;
    c->target_count = change->target_count;
    memcpy(c->target, change->target, sizeof c->target);
    s->metrics.moves_begun++;
    LOG_INFO(s->logger, "placement", "a range moves", "range=%llu replicas=%u why=\"%s\"",
             (unsigned long long)d->range.value, change->target_count, allocator_reason_text(change->reason));
    return true;
}

static void job_over(struct store *s, const struct meta_job *job)
{
    if (call_of(s, job->range) != NULL) return;
    buf_reset(&s->scratch);
    meta_put_job_end(&s->scratch, job->range, job->id);
    struct job_call *c = call_begin(s, job->range, buf_view(&s->scratch));
    if (c == NULL) return;
    c->ends = true;
    s->metrics.moves_ended++;
}

void jobs_drive(struct placement *p, void (*order)(struct placement *p, const struct descriptor *d,
                                                   const uint64_t *target, uint32_t count))
{
    struct store *s = p->store;
    for (uint32_t i = 0; i < s->meta.job_count; i++) {
        const struct meta_job *job = s->meta.jobs[i];
        const struct descriptor *d = meta_range(&s->meta, job->range);
        if (d == NULL || move_settled(&d->config, job->nodes, job->node_count)) job_over(s, job);
        else order(p, d, job->nodes, job->node_count);
    }
}
