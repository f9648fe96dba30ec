/* The mirror of the ranges: what may be put, carved and merged, so that it never has a hole or an overlap (META-1).
 *
 * Why an epoch decides: of all ranges that ever held a key, the later owner's epochs are above the earlier's, because
 * a split gives both sides the left's epoch + 1 and a merge one above both. So a descriptor says, for each key in it,
 * at least as much as any of a lower epoch. */
#include <stdlib.h>

#include "shard/meta_int.h"

struct descriptor *meta_range(const struct meta_state *m, struct range_id range)
{
    return map_get(&m->ranges_by_id, range.value);
}

static void range_drop(struct meta_state *m, struct descriptor *d)
{
    bool was = key_index_remove(&m->ranges, d);
    ASSERT(was);
    void *removed = map_remove(&m->ranges_by_id, d->range.value);
    ASSERT(removed == d);
    free(d);
}

enum status meta_range_set(struct meta_state *m, const struct descriptor *d)
{
    struct descriptor *known = meta_range(m, d->range), *next = descriptor_new(d);
    enum status status = next == NULL ? STATUS_NO_MEMORY : key_index_reserve(&m->ranges, m->ranges.count + 1);
    if (status == STATUS_OK && known == NULL) status = map_put(&m->ranges_by_id, d->range.value, next);
    if (status != STATUS_OK) {
        free(next);
        return status;
    }
    if (known != NULL) {
        range_drop(m, known);
        status = map_put(&m->ranges_by_id, d->range.value, next);
        ASSERT(status == STATUS_OK); /* into the place that has just become free */
    }
    status = key_index_put(&m->ranges, next);
    ASSERT(status == STATUS_OK);
    return STATUS_OK;
}

/* ---- pending splits ---- */

struct meta_split *meta_split(const struct meta_state *m, struct range_id right)
{
    LIST_FOR_EACH(item, &m->splits) {
        struct meta_split *split = CONTAINER_OF(item, struct meta_split, link);
        if (split->right.value == right.value) return split;
    }
    return NULL;
}

enum status meta_split_add(struct meta_state *m, const struct meta_split *like)
{
    struct meta_split *split = malloc(sizeof *split + like->key.size);
    if (split == NULL) return STATUS_NO_MEMORY;
    *split = (struct meta_split){.right = like->right, .left = like->left, .epoch = like->epoch};
    memcpy(split->room, like->key.data, like->key.size);
    split->key = bytes_make(split->room, like->key.size);
    list_push_back(&m->splits, &split->link); /* ids rise, and records are read in order of theirs */
    m->split_count++;
    return STATUS_OK;
}

static void split_end(struct meta_change *x, struct meta_split *split)
{
    meta_record_delete_split(x, split->right);
    list_remove(&split->link);
    x->m->split_count--;
    free(split);
}

/* The range is known as of `epoch` to hold the keys up to `end` at least: what should have divided it before, below
 * that end, has not happened and never will. The entry of a split counts at one epoch only. */
static void splits_disprove(struct meta_change *x, struct range_id left, uint64_t epoch)
{
    if (x->m->split_count == 0) return;
    LIST_FOR_EACH_SAFE(item, &x->m->splits) {
        struct meta_split *split = CONTAINER_OF(item, struct meta_split, link);
        if (split->left.value == left.value && split->epoch < epoch) split_end(x, split);
    }
}

static const struct meta_split *split_same(const struct meta_state *m, const struct meta_command *c,
                                           uint32_t *of_left_out)
{
    *of_left_out = 0;
    LIST_FOR_EACH(item, &m->splits) {
        const struct meta_split *split = CONTAINER_OF(item, struct meta_split, link);
        if (split->left.value != c->range.value) continue;
        (*of_left_out)++;
        if (split->epoch == c->epoch && bytes_equal(split->key, c->key)) return split;
    }
    return NULL;
}

static uint64_t ranges_max(const struct meta_state *m)
{
    uint64_t max = cluster_setting_info(SETTING_RANGES_MAX)->fallback;
    (void)cluster_settings_get(&m->settings, SETTING_RANGES_MAX, BYTES_EMPTY, &max);
    return max;
}

enum status meta_split_judge(const struct meta_state *m, const struct meta_command *c, bool *news_out)
{
    if (c->range.value == RANGE_META.value) return STATUS_INVALID;
    uint32_t of_left;
    if (split_same(m, c, &of_left) != NULL) return STATUS_OK;
    const struct descriptor *left = meta_range(m, c->range);
    if (left == NULL) return STATUS_NOT_FOUND;
    /* What the mirror has outgrown cannot happen any more: nobody would ever end such a split. */
    if (c->epoch < left->epoch && !MUTANT("meta_split_resurrected")) return STATUS_STALE_ROUTE;
    if (!descriptor_contains(left, c->key) || bytes_compare(left->start, c->key) == 0) return STATUS_STALE_ROUTE;
    if (m->ranges.count + m->split_count >= ranges_max(m)) return STATUS_TOO_LARGE;
    if (m->split_count >= META_SPLITS_MAX || of_left >= META_SPLITS_LEFT_MAX) return STATUS_BUSY;
    *news_out = true;
    return STATUS_OK;
}

enum status meta_split_begin(struct meta_change *x, const struct meta_command *c)
{
    struct meta_state *m = x->m;
    struct meta_split split = {.right = {m->next_range_id}, .left = c->range, .epoch = c->epoch, .key = c->key};
    enum status status = meta_split_add(m, &split);
    if (status != STATUS_OK) return status;
    m->next_range_id++;
    meta_record_put_counters(x);
    meta_record_put_split(x, &split);
    return STATUS_OK;
}

struct range_id meta_split_right_of(const struct meta_state *m, const struct meta_command *c)
{
    uint32_t of_left;
    return split_same(m, c, &of_left)->right;
}

/* ---- descriptors that ranges report ---- */

/* The range that begins there, if what it holds up to `end` may be part of one of that epoch: its owner is an earlier one. */
static const struct descriptor *taken_in(const struct meta_state *m, struct bytes start, uint64_t epoch, struct bytes end)
{
    const struct descriptor *d = start.size == 0 ? NULL : key_index_find(&m->ranges, start);
    if (d == NULL || !bytes_equal(d->start, start) || d->epoch >= epoch) return NULL;
    return descriptor_compare_ends(d->end, end) <= 0 ? d : NULL;
}

/* It has grown by whole ranges, which were older: it took them in. */
static bool took_in_whole(const struct meta_state *m, const struct descriptor *known, const struct descriptor *d)
{
    struct bytes at = known->end;
    while (descriptor_compare_ends(at, d->end) < 0) {
        const struct descriptor *next = taken_in(m, at, d->epoch, d->end);
        if (next == NULL) return false;
        at = next->end;
    }
    return true;
}

static enum status judge_known(const struct meta_state *m, const struct descriptor *known, const struct descriptor *d,
                               bool *news_out)
{
    if (known->epoch >= d->epoch && !MUTANT("meta_older_epoch_put")) return STATUS_OK; /* META-3: old news */
    if (!bytes_equal(known->start, d->start)) return STATUS_INVALID;
    if (d->next_replica_id < known->next_replica_id && !MUTANT("meta_older_epoch_put")) return STATUS_INVALID;
    int order = descriptor_compare_ends(d->end, known->end);
    /* Shorter: it was split, and who has the rest must be here first. Longer: it took in its neighbours, which must be
     * here as they were when that happened. Until then its leader repeats itself. */
    if ((order < 0 || !took_in_whole(m, known, d)) && !MUTANT("meta_older_epoch_put")) return STATUS_BUSY;
    *news_out = true;
    return STATUS_OK;
}

static enum status judge_newcomer(const struct meta_state *m, const struct descriptor *d, bool *news_out)
{
    const struct meta_split *split = meta_split(m, d->range);
    if (split == NULL) return STATUS_NOT_FOUND; /* never was, or was merged away */
    if (d->created.value != split->left.value || d->epoch <= split->epoch || !bytes_equal(d->start, split->key))
        return STATUS_INVALID;
    const struct descriptor *left = meta_range(m, split->left);
    ASSERT(left != NULL && descriptor_contains(left, split->key)); /* META-2 */
    /* Shorter: an earlier split of the same range is to be told first, or there would be a hole. Longer: the left had
     * taken in its neighbours before. */
    if (descriptor_compare_ends(d->end, left->end) < 0 || !took_in_whole(m, left, d)) return STATUS_BUSY;
    *news_out = true;
    return STATUS_OK;
}

enum status meta_range_judge_put(const struct meta_state *m, const struct descriptor *d, bool *news_out)
{
    const struct descriptor *known = meta_range(m, d->range);
    return known != NULL ? judge_known(m, known, d, news_out) : judge_newcomer(m, d, news_out);
}

/* The split has happened. At its epoch the left held all keys up to the old end, so every other split that was meant
 * for that epoch or an earlier one has not happened; and since then it ends at the key. */
static enum status carve(struct meta_change *x, struct meta_split *split)
{
    struct meta_state *m = x->m;
    struct descriptor *left = meta_range(m, split->left);
    struct descriptor trimmed = *left;
    trimmed.end = split->key;
    enum status status = STATUS_OK;
    if (!MUTANT("meta_carve_forgotten")) {
        status = meta_range_set(m, &trimmed);
        if (status != STATUS_OK) return status;
        meta_record_put_range(x, meta_range(m, split->left));
    }
    struct range_id of = split->left;
    uint64_t epoch = split->epoch;
    struct meta_split *done = split;
    LIST_FOR_EACH_SAFE(item, &m->splits) {
        struct meta_split *other = CONTAINER_OF(item, struct meta_split, link);
        if (other == done || other->left.value != of.value) continue;
        if (other->epoch <= epoch || bytes_compare(other->key, done->key) >= 0) split_end(x, other);
    }
    split_end(x, done);
    return STATUS_OK;
}

/* A range is part of its left neighbour now. */
static void end_range(struct meta_change *x, struct range_id range)
{
    splits_disprove(x, range, UINT64_MAX); /* it was frozen before: none of them will happen */
    meta_job_end(x, range, 0);
    range_drop(x->m, meta_range(x->m, range));
    meta_record_delete_range(x, range);
}

/* All that `known`, which d was, or is split from, has grown by. */
static void take_in(struct meta_change *x, const struct descriptor *known, const struct descriptor *d)
{
    struct meta_state *m = x->m;
    if (descriptor_compare_ends(known->end, d->end) >= 0 || !took_in_whole(m, known, d)) return;
    for (;;) {
        uint32_t at = key_index_upto(&m->ranges, known->start);
        const struct descriptor *next = at < m->ranges.count ? m->ranges.items[at] : NULL;
        if (next == NULL || (d->end.size > 0 && bytes_compare(next->start, d->end) >= 0)) return;
        end_range(x, next->range);
    }
}

enum status meta_range_put(struct meta_change *x, const struct descriptor *d)
{
    struct meta_state *m = x->m;
    enum status status = STATUS_OK;
    const struct descriptor *known = meta_range(m, d->range);
    struct meta_split *split = known == NULL ? meta_split(m, d->range) : NULL;
    if (split != NULL) known = meta_range(m, split->left);
    if (known != NULL) take_in(x, known, d);
    if (split != NULL) status = carve(x, split);
    if (status == STATUS_OK) status = meta_range_set(m, d);
    if (status != STATUS_OK) return status;
    meta_record_put_range(x, d);
    splits_disprove(x, d->range, d->epoch);
    return STATUS_OK;
}

/* ---- all of them ---- */

void meta_ranges_clear(struct meta_state *m)
{
    struct list *item;
    while ((item = list_pop_front(&m->splits)) != NULL) free(CONTAINER_OF(item, struct meta_split, link));
    for (uint32_t i = 0; i < m->ranges.count; i++) free(m->ranges.items[i]);
    key_index_deinit(&m->ranges);
    map_deinit(&m->ranges_by_id);
}

const char *meta_ranges_fault(const struct meta_state *m)
{
    if (m->ranges.count != m->ranges_by_id.count) return "a range without a place";
    if (m->ranges.count == 0) return m->initialized ? "no ranges" : NULL;
    struct bytes at = BYTES_EMPTY;
    for (uint32_t i = 0; i < m->ranges.count; i++) {
        const struct descriptor *d = m->ranges.items[i];
        int order = i > 0 && at.size == 0 ? 1 : bytes_compare(at, d->start);
        if (order != 0) return order < 0 ? "a hole between ranges" : "ranges overlap";
        if (d->range.value >= m->next_range_id) return "a range id that was never given out";
        at = d->end;
    }
    if (at.size != 0) return "a hole behind the last range";
    LIST_FOR_EACH(item, &m->splits) {
        const struct meta_split *split = CONTAINER_OF(item, struct meta_split, link);
        const struct descriptor *left = meta_range(m, split->left);
        if (left == NULL || !descriptor_contains(left, split->key) || bytes_equal(left->start, split->key))
            return "a pending split outside of its range";
        if (meta_range(m, split->right) != NULL) return "a pending split that has happened";
        if (split->epoch < left->epoch) return "a pending split that can never happen";
    }
    return NULL;
}
