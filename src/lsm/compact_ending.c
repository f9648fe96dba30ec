#include "lsm/compact_int.h"

#include <stdlib.h>

#define SOON_PART 8

/* Ending tables lie in level 0 until nothing of them is left (README, Ending tables). Here they are
 * dropped whole; those of about one size are merged, so that there are few; and what outlived most
 * of its table is written again. */
struct endings {
    struct compaction *compaction;
    struct piece **sorted; /* rising by size */
    struct piece **chosen; /* room for all */
    uint32_t count;
};

static int is_smaller_first(const void *a, const void *b)
{
    const struct piece *p = *(struct piece *const *)a, *q = *(struct piece *const *)b;
    if (p->size_bytes != q->size_bytes) return p->size_bytes < q->size_bytes ? -1 : 1;
    return (p->id > q->id) - (p->id < q->id);
}

static enum status take(struct endings *z, struct piece *const *pieces, uint32_t count)
{
    struct compaction *c = z->compaction;
    c->inputs = calloc(count, sizeof(struct piece *));
    if (c->inputs == NULL) return STATUS_NO_MEMORY;
    memcpy(c->inputs, pieces, count * sizeof(struct piece *));
    c->upper_count = c->input_count = count;
    c->level = c->output_level = 0;
    c->ending = true;
    return STATUS_OK;
}

static enum status drop_ended(struct endings *z)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < z->count; i++) {
        const struct table_facts *f = &z->sorted[i]->table->facts;
        uint64_t end = MUTANT("lsm_ending_dropped_early") ? f->garbage_ts : f->ends_ts;
        if (end <= z->compaction->range->gc_ts) z->chosen[count++] = z->sorted[i];
    }
    if (count == 0) return STATUS_NOT_FOUND;
    COVER("lsm_ending_dropped");
    z->compaction->drops = true;
    return take(z, z->chosen, count);
}

/* What the largest memtable leaves is, mostly: under load values that end are written once. */
static bool is_full(const struct endings *z, const struct piece *p)
{
    return p->size_bytes >= z->compaction->range->lsm->options.table_bytes / LSM_ENDING_FULL_PART;
}

static enum status merge_some(struct endings *z)
{
    uint32_t last = LSM_ENDING_RUNS - 1, count = 0;
    while (count < z->count && !is_full(z, z->sorted[count]))
        count++;
    for (uint32_t i = 0; i + last < count; i++) {
        bool alike = z->sorted[i + last]->size_bytes / 4 <= z->sorted[i]->size_bytes;
        if (!alike && count < LSM_ENDING_MAX) continue;
        COVER("lsm_ending_merged");
        return take(z, z->sorted + i, LSM_ENDING_RUNS);
    }
    return STATUS_NOT_FOUND;
}

/* Much of it has ended, and it will not go as a whole soon, compared with how long it lived. */
static bool is_outlived(const struct endings *z, const struct piece *p)
{
    const struct table_facts *f = &p->table->facts;
    const struct range *r = z->compaction->range;
    if (!compact_worth_collecting(r, p)) return false;
    uint64_t lived = f->garbage_ts > f->newest_ts ? f->garbage_ts - f->newest_ts : 0;
    return f->ends_ts - r->gc_ts > lived / SOON_PART;
}

static enum status rewrite_one(struct endings *z)
{
    for (uint32_t i = 0; i < z->count; i++) {
        if (!compact_is_remnant(z->sorted[i]) && !is_outlived(z, z->sorted[i])) continue;
        COVER("lsm_ending_rewritten");
        return take(z, z->sorted + i, 1);
    }
    return STATUS_NOT_FOUND;
}

enum status ending_pick(struct compaction *c)
{
    const struct version *v = c->range->version;
    struct endings z = {.compaction = c};
    z.count = v->counts[0] - v->lasting_count;
    if (z.count == 0) return STATUS_NOT_FOUND;
    z.sorted = malloc(2 * z.count * sizeof *z.sorted);
    if (z.sorted == NULL) return STATUS_NO_MEMORY;
    memcpy(z.sorted, v->levels[0] + v->lasting_count, z.count * sizeof *z.sorted);
    z.chosen = z.sorted + z.count;
    qsort(z.sorted, z.count, sizeof *z.sorted, is_smaller_first);
    enum status status = drop_ended(&z);
    if (status == STATUS_NOT_FOUND) status = merge_some(&z);
    if (status == STATUS_NOT_FOUND) status = rewrite_one(&z);
    free(z.sorted);
    return status;
}
