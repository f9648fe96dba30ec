#include "lsm/lsm_int.h"

#include <stdlib.h>

#define SKIP_STEPS_MAX     16 /* versions stepped over one by one before it is better to seek */
#define GATHERED_BYTES_MAX ((size_t)1 << 30)

/* One version of the key being gathered (reverse only). */
struct gathered {
    uint64_t ts;
    bool tombstone;
    size_t value_at, value_size; /* in values */
};

struct lsm_iter {
    struct lsm *lsm;
    struct merge merge;
    struct version *version; /* pinned */
    enum lsm_space space;
    enum lsm_iter_mode mode;
    bool reverse;
    bool started;
    bool advance; /* the merge still stands on the item handed out last */
    bool has_key;
    uint64_t ts_max;
    struct buf start, end;
    struct buf key;    /* forward: the key handed out last; reverse: the one gathered */
    struct buf target; /* key of a seek under way */
    uint32_t skipped;  /* items passed over since the last one handed out or seek */
    /* Reverse: the merge meets a key's versions oldest first; they are gathered and handed out
     * newest first. */
    struct buf versions, values;
    uint32_t left; /* gathered versions not handed out yet */
};

/* ---- opening ---- */

static void iter_init(struct lsm_iter *it, struct bytes start, struct bytes end)
{
    merge_init(&it->merge, it->reverse);
    buf_init(&it->start, LSM_KEY_BYTES_MAX);
    buf_init(&it->end, LSM_KEY_BYTES_MAX);
    buf_init(&it->key, LSM_KEY_BYTES_MAX);
    buf_init(&it->target, LSM_KEY_BYTES_MAX);
    buf_init(&it->versions, GATHERED_BYTES_MAX);
    buf_init(&it->values, GATHERED_BYTES_MAX);
    buf_append_bytes(&it->start, start);
    buf_append_bytes(&it->end, end);
}

static struct item_key first_place(const struct lsm_iter *it)
{
    return (struct item_key){it->space, buf_view(&it->start), LSM_TS_MAX};
}

static struct item_key end_place(const struct lsm_iter *it)
{
    if (it->end.size > 0) return (struct item_key){it->space, buf_view(&it->end), LSM_TS_MAX};
    return (struct item_key){(enum lsm_space)(it->space + 1), BYTES_EMPTY, LSM_TS_MAX};
}

enum status lsm_iter_open(struct lsm *l, struct range_id range, enum lsm_space space,
                          struct bytes start, struct bytes end, uint64_t ts_max,
                          enum lsm_iter_mode mode, bool reverse, struct lsm_iter **iter_out)
{
    ASSERT(lsm_space_valid(space));
    ASSERT(start.size <= LSM_KEY_BYTES_MAX);
    ASSERT(end.size <= LSM_KEY_BYTES_MAX);
    struct range *r = range_find(l, range);
    if (r == NULL) return STATUS_NOT_FOUND;
    if (r->corrupt) return STATUS_CORRUPT;
    struct lsm_iter *it = calloc(1, sizeof *it);
    if (it == NULL) return STATUS_NO_MEMORY;
    it->lsm = l;
    it->space = space;
    it->mode = mode;
    it->reverse = reverse;
    it->ts_max = ts_max;
    l->reader_count++;
    iter_init(it, start, end);
    enum status status = STATUS_NO_MEMORY;
    if (it->start.failed || it->end.failed) goto fail;
    struct view view = {first_place(it), end_place(it), reverse, mode == LSM_ITER_LASTING};
    status = range_open_cursors(r, &view, &it->merge, &it->version);
    if (status != STATUS_OK) goto fail;
    *iter_out = it;
    return STATUS_OK;
fail:
    ASSERT(status != STATUS_OK);
    lsm_iter_close(it);
    return status;
}

void lsm_iter_close(struct lsm_iter *it)
{
    ASSERT(it->lsm->reader_count > 0);
    it->lsm->reader_count--;
    merge_deinit(&it->merge);
    if (it->version != NULL) version_unpin(it->version);
    buf_deinit(&it->start);
    buf_deinit(&it->end);
    buf_deinit(&it->key);
    buf_deinit(&it->target);
    buf_deinit(&it->versions);
    buf_deinit(&it->values);
    free(it);
}

/* ---- both directions ---- */

static void seek_first(struct lsm_iter *it)
{
    struct item_key target = it->reverse ? end_place(it) : first_place(it); /* reverse: before it */
    merge_seek(&it->merge, &target);
    it->started = true;
}

static bool in_bounds(const struct lsm_iter *it, const struct lsm_item *item)
{
    if (item->space != it->space) return false;
    if (it->reverse) return bytes_compare(item->key, buf_view(&it->start)) >= 0;
    return it->end.size == 0 || bytes_compare(item->key, buf_view(&it->end)) < 0;
}

static bool is_key(const struct lsm_iter *it, struct bytes key)
{
    return it->has_key && bytes_equal(buf_view(&it->key), key);
}

static enum status set_key(struct lsm_iter *it, struct bytes key)
{
    buf_reset(&it->key);
    buf_append_bytes(&it->key, key);
    it->has_key = true;
    return it->key.failed ? STATUS_NO_MEMORY : STATUS_OK;
}

/* A call that passes over many items without finding one gives the core back. */
static bool slice_over(struct lsm_iter *it, uint32_t *looked, struct lsm_waiter *waiter)
{
    if (++*looked < LSM_SLICE_ITEMS_MAX) return false;
    COVER("lsm_iter_slice_over");
    waiter_queue(&it->lsm->turn_waiters, waiter);
    return true;
}

/* ---- forward ---- */

/* Leaves an item that is not to be shown: by a step, or past all versions that will not be shown
 * either when there seem to be many. */
static enum status pass_over(struct lsm_iter *it, const struct lsm_item *item)
{
    it->skipped++;
    if (it->skipped % SKIP_STEPS_MAX != 0 || item->ts == 0) {
        merge_step(&it->merge);
        return STATUS_OK;
    }
    COVER("lsm_iter_skips_versions");
    buf_reset(&it->target);
    buf_append_bytes(&it->target, item->key);
    if (it->target.failed) return STATUS_NO_MEMORY;
    uint64_t ts = item->ts > it->ts_max ? it->ts_max : 0;
    struct item_key target = {it->space, buf_view(&it->target), ts};
    merge_seek(&it->merge, &target);
    return STATUS_OK;
}

static enum status next_forward(struct lsm_iter *it, struct lsm_waiter *waiter,
                                struct lsm_item *item_out)
{
    for (uint32_t looked = 0;;) {
        const struct lsm_item *item;
        enum status status = merge_settle(&it->merge, waiter, &item);
        if (status != STATUS_OK) return status;
        if (!in_bounds(it, item)) return STATUS_NOT_FOUND;
        bool newest = it->mode != LSM_ITER_ALL_VERSIONS;
        if (item->ts <= it->ts_max && !(newest && is_key(it, item->key))) {
            if (newest) status = set_key(it, item->key);
            if (status != STATUS_OK) return status;
            it->skipped = 0;
            it->advance = true;
            *item_out = *item;
            return STATUS_OK;
        }
        status = pass_over(it, item);
        if (status != STATUS_OK) return status;
        if (slice_over(it, &looked, waiter)) return STATUS_WAIT;
    }
}

/* ---- reverse ---- */

static enum status gather(struct lsm_iter *it, const struct lsm_item *item)
{
    if (item->ts > it->ts_max) return STATUS_OK;
    if (it->mode != LSM_ITER_ALL_VERSIONS) {
        buf_reset(&it->versions);
        buf_reset(&it->values);
        it->left = 0;
    }
    struct gathered g = {item->ts, item->tombstone, it->values.size, item->value.size};
    buf_append_bytes(&it->values, item->value);
    buf_append(&it->versions, &g, sizeof g);
    it->left++;
    return it->values.failed || it->versions.failed ? STATUS_NO_MEMORY : STATUS_OK;
}

/* Gathers the versions of the next key that has any to show. STATUS_NOT_FOUND: there is none. */
static enum status gather_key(struct lsm_iter *it, struct lsm_waiter *waiter)
{
    for (uint32_t looked = 0;;) {
        const struct lsm_item *item;
        enum status status = merge_settle(&it->merge, waiter, &item);
        bool end = status == STATUS_NOT_FOUND || (status == STATUS_OK && !in_bounds(it, item));
        if (end) return it->left > 0 ? STATUS_OK : STATUS_NOT_FOUND;
        if (status != STATUS_OK) return status;
        if (!is_key(it, item->key)) {
            if (it->left > 0) return STATUS_OK;
            status = set_key(it, item->key);
            if (status != STATUS_OK) return status;
        }
        status = gather(it, item);
        if (status != STATUS_OK) return status;
        merge_step(&it->merge);
        if (slice_over(it, &looked, waiter)) return STATUS_WAIT;
    }
}

static enum status next_reverse(struct lsm_iter *it, struct lsm_waiter *waiter,
                                struct lsm_item *item_out)
{
    if (!it->advance) {
        enum status status = gather_key(it, waiter);
        if (status != STATUS_OK) return status;
        it->advance = true; /* handing out until none is left */
    }
    ASSERT(it->left > 0);
    struct gathered g;
    it->left--;
    memcpy(&g, it->versions.data + it->left * sizeof g, sizeof g);
    struct bytes value = BYTES_EMPTY;
    if (g.value_size > 0) value = bytes_make(it->values.data + g.value_at, g.value_size);
    *item_out = (struct lsm_item){it->space, buf_view(&it->key), g.ts, g.tombstone, value};
    return STATUS_OK;
}

enum status lsm_iter_next(struct lsm_iter *it, struct lsm_waiter *waiter, struct lsm_item *item_out)
{
    if (!it->started) seek_first(it);
    if (it->reverse) {
        if (it->advance && it->left == 0) {
            it->advance = false;
            it->has_key = false;
            buf_reset(&it->versions);
            buf_reset(&it->values);
        }
        return next_reverse(it, waiter, item_out);
    }
    if (it->advance) {
        merge_step(&it->merge);
        it->advance = false;
    }
    return next_forward(it, waiter, item_out);
}
