#include "lsm/lsm_int.h"

#include <stdlib.h>

enum status lsm_open(const struct lsm_options *options, const struct lsm_range_visitor *visitor,
                     struct lsm **lsm_out)
{
    ASSERT(options->env != NULL);
    (void)visitor;
    struct lsm *l = calloc(1, sizeof *l);
    if (l == NULL) return STATUS_NO_MEMORY;
    l->options = *options;
    map_init(&l->ranges);
    list_init(&l->turn_waiters);
    list_init(&l->drops);
    *lsm_out = l;
    return STATUS_OK;
}

bool lsm_idle(const struct lsm *l)
{
    return list_empty(&l->drops);
}

void lsm_close(struct lsm *l)
{
    ASSERT(lsm_idle(l));
    size_t cursor = 0;
    struct map_slot *slot;
    while ((slot = map_next(&l->ranges, &cursor)) != NULL) range_destroy(slot->value);
    map_deinit(&l->ranges);
    free(l);
}

uint64_t lsm_step(struct lsm *l, uint64_t now_ns)
{
    (void)now_ns;
    while (!list_empty(&l->drops)) {
        struct range_drop *drop = CONTAINER_OF(list_pop_front(&l->drops), struct range_drop, link);
        struct env_op *op = drop->on_done;
        int64_t result = drop->result;
        free(drop);
        op->on_done(op, result);
    }
    waiters_call(&l->turn_waiters);
    return list_empty(&l->turn_waiters) ? UINT64_MAX : now_ns;
}

void lsm_range_flush(struct lsm *l, struct range_id range)
{
    struct range *r = range_find(l, range);
    ASSERT(r != NULL);
    r->flushed_index = r->applied_index;
    if (l->options.on_flushed != NULL) l->options.on_flushed(l->options.ctx, range, r->flushed_index);
}

uint32_t lsm_pressure(const struct lsm *l)
{
    uint64_t used = l->metrics.memtable_bytes * 100 / (l->options.memtable_bytes + 1);
    return used > 100 ? 100 : (uint32_t)used;
}

bool lsm_disk_full(const struct lsm *l)
{
    (void)l;
    return false;
}

const struct lsm_metrics *lsm_metrics(const struct lsm *l)
{
    return &l->metrics;
}

enum status lsm_dump(struct fio *f, const char *directory, void (*line)(void *ctx, const char *text),
                     void *ctx)
{
    (void)f;
    (void)directory;
    line(ctx, "in memory only");
    return STATUS_OK;
}
