#include "lsm/lsm_int.h"

#define APPLY_AHEAD 8 /* writes whose leaves are on their way from memory */

/* One memtable of a range that gets all the writes stays below this share of the budget, and below
 * a few tables, so that a flush and the first compaction stay small. */
static uint64_t memtable_bytes_max(const struct lsm *l)
{
    uint64_t share = l->options.memtable_bytes / 4, tables = 4 * l->options.table_bytes;
    return share < tables ? share : tables;
}

/* Values that end go to tables that nobody merges with others. The rest does not: what a flush brings of it is rewritten with all that
 * lies below, so it should be much, also where a value that ends comes with each. */
static bool is_full(const struct lsm *l, const struct memtable *m)
{
    uint64_t most = memtable_bytes_max(l), bytes = memtable_bytes(m);
    return bytes >= 2 * most || bytes - m->endings.size >= most;
}

static struct mem_hint ask_ahead(const struct lsm *l, const struct memtable *m, const struct lsm_write *w)
{
    const struct lsm_item item = {.space = w->space, .key = w->key, .tombstone = w->tombstone, .value = w->value};
    return memtable_ask_ahead(m, w, gc_value_ends(&l->options, &item) != UINT64_MAX);
}

/* As far as can be said without the disk. Only ASSERT_SLOW asks. */
static __attribute__((unused)) bool is_alone(const struct range *r, const struct lsm_write *w)
{
    uint64_t hash = filter_hash(w->space, w->key);
    const struct mem_entry *e = memtable_find(r->active, w->space, w->key, 0, hash);
    LIST_FOR_EACH(item, &r->frozen) {
        if (e != NULL) break;
        e = memtable_find(CONTAINER_OF(item, struct frozen, link)->memtable, w->space, w->key, 0, hash);
        if (e != NULL) COVER("lsm_alone_above_frozen");
    }
    return e == NULL || e->newest->tombstone;
}

enum status lsm_apply(struct lsm *l, struct range_id range, uint64_t index,
                      const struct lsm_write *writes, uint32_t count)
{
    struct range *r = range_find(l, range);
    if (r == NULL) return STATUS_NOT_FOUND;
    ASSERT(index > r->applied_index);
    ASSERT(count == 0 || writes != NULL);
    struct memtable *m = r->active;
    uint64_t bytes_before = memtable_bytes(m);
    enum status status = STATUS_OK;
    struct mem_hint ahead[APPLY_AHEAD];
    for (uint32_t i = 0; i < count && i < APPLY_AHEAD; i++) ahead[i] = ask_ahead(l, m, &writes[i]);
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        struct mem_hint *hint = &ahead[i % APPLY_AHEAD];
        ASSERT_SLOW(!writes[i].alone || is_alone(r, &writes[i]));
        status = memtable_write(m, index, &writes[i], hint);
        if (i + APPLY_AHEAD < count) *hint = ask_ahead(l, m, &writes[i + APPLY_AHEAD]);
    }
    uint64_t bytes = memtable_bytes(m); /* less than before when intents were swept out */
    l->metrics.memtable_bytes += bytes - bytes_before;
    l->active_bytes += bytes - bytes_before;
    if (status != STATUS_OK) return status;
    if (m->newest_ts > r->newest_ts) r->newest_ts = m->newest_ts;
    r->applied_index = index;
    if (count > 0) r->resting = false;
    if (bytes > bytes_before && is_full(l, m)) {
        r->freeze_due = true;
        flush_enqueue(r);
    }
    return STATUS_OK;
}

/* Between three quarters of the memtable budget and all of it writers are slowed down more and
 * more; ranges whose level 0 piles up slow them as well, and never stop them. */
uint32_t lsm_pressure(const struct lsm *l)
{
    uint64_t budget = l->options.memtable_bytes, used = l->metrics.memtable_bytes;
    if (used >= budget) return 100;
    uint64_t slow_from = budget - budget / 4, memory = 0;
    if (used > slow_from) memory = 1 + (used - slow_from) * 98 / (budget - slow_from);
    uint64_t excess = (uint64_t)l->l0_excess * 10;
    if (excess > 90) excess = 90;
    uint64_t pressure = memory > excess ? memory : excess;
    ASSERT(pressure < 100);
    return (uint32_t)pressure;
}

bool lsm_disk_full(const struct lsm *l)
{
    return l->disk_full;
}
