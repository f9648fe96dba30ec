/* Jobs: decisions of placement that are being carried out, one per range. They survive whoever decided. */
#include <stdlib.h>

#include "shard/meta_int.h"

static uint32_t place_of(const struct meta_state *m, struct range_id range)
{
    uint32_t low = 0, high = m->job_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (m->jobs[middle]->range.value < range.value) low = middle + 1;
        else high = middle;
    }
    return low;
}

const struct meta_job *meta_job_get(const struct meta_state *m, struct range_id range)
{
    uint32_t at = place_of(m, range);
    return at < m->job_count && m->jobs[at]->range.value == range.value ? m->jobs[at] : NULL;
}

enum status meta_job_set(struct meta_state *m, const struct meta_job *job)
{
    uint32_t at = place_of(m, job->range);
    if (at == m->job_count || m->jobs[at]->range.value != job->range.value) {
        if (m->job_count == m->job_capacity) {
            uint32_t capacity = m->job_capacity == 0 ? 16 : m->job_capacity * 2;
            struct meta_job **jobs = realloc(m->jobs, capacity * sizeof *jobs);
            if (jobs == NULL) return STATUS_NO_MEMORY;
            m->jobs = jobs;
            m->job_capacity = capacity;
        }
        struct meta_job *copy = malloc(sizeof *copy);
        if (copy == NULL) return STATUS_NO_MEMORY;
        memmove(m->jobs + at + 1, m->jobs + at, (m->job_count - at) * sizeof *m->jobs);
        m->jobs[at] = copy;
        m->job_count++;
    }
    *m->jobs[at] = *job;
    return STATUS_OK;
}

enum status meta_job_judge_put(const struct meta_state *m, const struct meta_job *job, bool *news_out)
{
    if (meta_range(m, job->range) == NULL) return STATUS_NOT_FOUND;
    for (uint32_t i = 0; i < job->node_count; i++) {
        enum node_state state = meta_node_state(m, (struct node_id){job->nodes[i]});
        if (state == 0 || state == NODE_STATE_REMOVED) return STATUS_INVALID;
        for (uint32_t k = 0; k < i; k++)
            if (job->nodes[k] == job->nodes[i]) return STATUS_INVALID;
    }
    if (meta_job_get(m, job->range) == NULL && m->job_count >= META_JOBS_MAX) return STATUS_BUSY;
    *news_out = true;
    return STATUS_OK;
}

enum status meta_job_put(struct meta_change *x, const struct meta_job *job)
{
    struct meta_job copy = *job;
    copy.id = x->m->next_job_id;
    enum status status = meta_job_set(x->m, &copy);
    if (status != STATUS_OK) return status;
    x->m->next_job_id++;
    meta_record_put_counters(x);
    meta_record_put_job(x, &copy);
    return STATUS_OK;
}

void meta_job_end(struct meta_change *x, struct range_id range, uint64_t id)
{
    struct meta_state *m = x->m;
    uint32_t at = place_of(m, range);
    if (at == m->job_count || m->jobs[at]->range.value != range.value) return;
    if (id != 0 && m->jobs[at]->id != id) return; /* another one has taken its place */
    free(m->jobs[at]);
    m->job_count--;
    memmove(m->jobs + at, m->jobs + at + 1, (m->job_count - at) * sizeof *m->jobs);
    meta_record_delete_job(x, range);
}

void meta_jobs_clear(struct meta_state *m)
{
    for (uint32_t i = 0; i < m->job_count; i++) free(m->jobs[i]);
    free(m->jobs);
}
