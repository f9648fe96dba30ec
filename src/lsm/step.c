#include "lsm/worker_int.h"

#include <stdlib.h>

#define RESUMES_UNDER_PRESSURE 4

void lsm_fail(struct lsm *l, enum status status, const char *what)
{
    ASSERT(status != STATUS_OK);
    if (l->failed) return;
    if (status != STATUS_CANCELLED)
        LOG_ERROR(l->options.logger, "lsm", "store failed", "status=%s what=\"%s\"",
                  status_name(status), what);
    l->failed = true;
    l->failure = status;
    l->failure_what = what;
}

static void resume_paused(struct lsm *l)
{
    uint32_t count = lsm_pressure(l) > 0 ? RESUMES_UNDER_PRESSURE : 1;
    while (count-- > 0 && !list_empty(&l->paused)) {
        struct paused *p = CONTAINER_OF(list_pop_front(&l->paused), struct paused, link);
        fiber_resume(p->fiber);
    }
}

static void answer_drops(struct lsm *l)
{
    while (!list_empty(&l->drops_done)) {
        struct range_drop *drop =
            CONTAINER_OF(list_pop_front(&l->drops_done), struct range_drop, link);
        struct env_op *op = drop->on_done;
        int64_t result = drop->result;
        free(drop);
        op->on_done(op, result);
    }
}

/* A callback may drop ranges, this one too. */
static void tell_event(struct lsm *l, struct range *r)
{
    const struct lsm_options *o = &l->options;
    unsigned events = r->events;
    uint64_t index = r->flushed_index;
    struct range_id id = r->id;
    r->events = 0;
    if ((events & RANGE_EVENT_CORRUPT) != 0 && o->on_corrupt != NULL)
        o->on_corrupt(o->ctx, id, r->corrupt_what);
    if ((events & RANGE_EVENT_FLUSHED) != 0 && o->on_flushed != NULL && range_find(l, id) != NULL)
        o->on_flushed(o->ctx, id, index);
}

static void tell_events(struct lsm *l)
{
    struct list due;
    list_init(&due);
    while (!list_empty(&l->events))
        list_push_back(&due, list_pop_front(&l->events));
    while (!list_empty(&due))
        tell_event(l, CONTAINER_OF(list_pop_front(&due), struct range, event_link));
    if (!l->failed || l->failure_told || l->failure == STATUS_CANCELLED) return;
    l->failure_told = true;
    if (l->options.on_failed != NULL)
        l->options.on_failed(l->options.ctx, l->failure, l->failure_what);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When there will be something to do that no completion announces. */
static uint64_t next_step_ns(const struct lsm *l)
{
    bool now = !list_empty(&l->paused) || !list_empty(&l->turn_waiters) ||
               !list_empty(&l->events) || !list_empty(&l->drops_done);
    if (now) return l->now_ns;
    uint64_t next = UINT64_MAX;
    const struct manifest *m = &l->manifest;
    if (!list_empty(&m->queue) && !m->running) next = m->retry_at_ns;
    if (!l->failed && !list_empty(&l->flush_queue) && l->flush_count < LSM_FLUSHES_MAX)
        next = earlier(next, l->flush_retry_ns);
    if (!l->failed && !list_empty(&l->compact_queue) && l->compaction_count < LSM_COMPACTIONS_MAX)
        next = earlier(next, l->compaction_retry_ns);
    if (next == UINT64_MAX) return next;
    if (next < l->fiber_retry_ns) next = l->fiber_retry_ns;
    return next > l->now_ns ? next : l->now_ns;
}

uint64_t lsm_step(struct lsm *l, uint64_t now_ns)
{
    ASSERT(fiber_current(l->options.fibers) == NULL);
    l->now_ns = now_ns;
    resume_paused(l);
    flush_step(l);
    compact_step(l);
    manifest_step(l);
    answer_drops(l);
    tell_events(l);
    waiters_call(&l->turn_waiters);
    return next_step_ns(l);
}

bool lsm_idle(const struct lsm *l)
{
    return list_empty(&l->paused) && list_empty(&l->manifest.queue) && !l->manifest.running &&
           l->flush_count == 0 && l->note_count == 0 && l->table_read_count == 0 &&
           l->compaction_count == 0 && list_empty(&l->closing) && cache_idle(&l->cache);
}

void lsm_abandon(struct lsm *l)
{
    /* On a fiber nothing can be resumed; an engine that was just opened has nothing to resume. */
    ASSERT(fiber_current(l->options.fibers) == NULL || list_empty(&l->paused));
    lsm_fail(l, STATUS_CANCELLED, "abandoned");
    split_refuse_waiting(l, STATUS_CANCELLED);
    while (!list_empty(&l->paused) || !list_empty(&l->drops_done) ||
           (!list_empty(&l->manifest.queue) && !l->manifest.running)) {
        manifest_step(l);
        resume_paused(l);
        answer_drops(l);
    }
}
