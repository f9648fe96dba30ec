#include <stdlib.h>

#include "base/hash.h"
#include "lsm/manifest_int.h"
#include "lsm/open_int.h"

/* ---- lifetime of the structure ---- */

static void set_defaults(struct lsm_options *o)
{
    if (o->table_bytes == 0) o->table_bytes = UINT64_C(8) << 20;
    if (o->block_bytes == 0) o->block_bytes = 8192;
    if (o->manifest_bytes == 0) o->manifest_bytes = MANIFEST_BYTES_DEFAULT;
    ASSERT(o->block_bytes <= 1u << 20);
    ASSERT(o->manifest_bytes % MANIFEST_FRAME_ALIGN == 0);
    ASSERT(o->memtable_bytes > 0);
}

enum status lsm_create(const struct lsm_options *options, struct lsm **lsm_out)
{
    struct lsm *l = calloc(1, sizeof *l);
    if (l == NULL) return STATUS_NO_MEMORY;
    l->options = *options;
    l->options.directory = strdup(options->directory);
    set_defaults(&l->options);
    l->manifest.file = -1;
    l->next_table_number = 1;
    /* Two stores, and two lives of one store, shall not draw the same table uids. */
    prng_init(&l->prng, options->seed ^ hash_u64(options->store_id) ^ env_random_u64(options->env));
    map_init(&l->ranges);
    list_init(&l->durable_ranges);
    list_init(&l->manifest.queue);
    list_init(&l->turn_waiters);
    list_init(&l->paused);
    list_init(&l->flush_queue);
    list_init(&l->compact_queue);
    list_init(&l->events);
    list_init(&l->piled);
    list_init(&l->drops_waiting);
    list_init(&l->drops_done);
    list_init(&l->merging);
    list_init(&l->split_waiters);
    list_init(&l->replacing);
    list_init(&l->closing);
    block_cursor_init(&l->find_top);
    block_cursor_init(&l->find_index);
    block_cursor_init(&l->find_data);
    enum status status = cache_init(&l->cache, l, l->options.cache_bytes);
    if (l->options.directory == NULL) status = STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        *lsm_out = l;
    else
        lsm_destroy(l);
    return status;
}

void lsm_destroy(struct lsm *l)
{
    size_t cursor;
    struct map_slot *slot;
    while (cursor = 0, (slot = map_next(&l->ranges, &cursor)) != NULL) {
        struct range *r = slot->value;
        split_forget_all(r);
        version_detach(range_named(r));
        version_detach(r->version);
        range_leave(r);
    }
    manifest_close(l);
    cache_deinit(&l->cache);
    while (!list_empty(&l->closing)) /* the polls that follow end them */
        CONTAINER_OF(list_pop_front(&l->closing), struct table, closing_link)->lsm = NULL;
    block_cursor_deinit(&l->find_top);
    block_cursor_deinit(&l->find_index);
    block_cursor_deinit(&l->find_data);
    map_deinit(&l->ranges);
    free((void *)(uintptr_t)l->options.directory);
    free(l);
}

void lsm_close(struct lsm *l)
{
    lsm_abandon(l);
    ASSERT(l->flush_count == 0 && l->note_count == 0 && l->compaction_count == 0 && !l->manifest.running);
    ASSERT(cache_idle(&l->cache));
    ASSERT(l->reader_count == 0);
    ASSERT(l->ingest_count == 0);
    lsm_destroy(l);
}

enum status lsm_open(const struct lsm_options *options, const struct lsm_range_visitor *visitor,
                     struct lsm **lsm_out)
{
    ASSERT(options->env != NULL);
    ASSERT(fiber_current(options->fibers) != NULL);
    struct lsm *l;
    enum status status = lsm_create(options, &l);
    if (status != STATUS_OK) return status;
    status = lsm_load(l, false);
    if (status == STATUS_OK) status = lsm_visit_ranges(l, visitor);
    if (status != STATUS_OK) {
        lsm_destroy(l);
        return status;
    }
    *lsm_out = l;
    return STATUS_OK;
}

const struct lsm_metrics *lsm_metrics(const struct lsm *l)
{
    return &l->metrics;
}
