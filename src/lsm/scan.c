#include "lsm/lsm_int.h"

enum status scan_open(struct lsm *l, struct range_id range, struct scan *scan_out)
{
    struct range *r = range_find(l, range);
    if (r == NULL) return STATUS_NOT_FOUND;
    if (r->corrupt) return STATUS_CORRUPT;
    struct scan s = {.lsm = l, .index = r->applied_index, .newest_ts = r->newest_ts};
    merge_init(&s.merge, false);
    gc_filter_init(&s.gc, r->gc_ts);
    enum status status = range_open_cursors(l, r, false, &s.merge);
    if (status != STATUS_OK) {
        scan_close(&s);
        return status;
    }
    struct item_key first = {LSM_SPACE_FIRST, BYTES_EMPTY, LSM_TS_MAX};
    merge_seek(&s.merge, &first);
    *scan_out = s;
    return STATUS_OK;
}

enum status scan_next(struct scan *s, struct lsm_waiter *waiter, const struct lsm_item **item_out)
{
    if (s->advance) merge_step(&s->merge);
    s->advance = false;
    for (uint32_t looked = 0; looked < LSM_SLICE_ITEMS_MAX; looked++) {
        const struct lsm_item *item;
        enum status status = merge_settle(&s->merge, waiter, &item);
        if (status != STATUS_OK) return status;
        bool keep;
        status = gc_filter_pass(&s->gc, item, &keep);
        if (status != STATUS_OK) return status;
        if (keep) {
            s->advance = true;
            *item_out = item;
            return STATUS_OK;
        }
        merge_step(&s->merge);
    }
    COVER("lsm_scan_slice_over");
    waiter_queue(&s->lsm->turn_waiters, waiter);
    return STATUS_WAIT;
}

void scan_close(struct scan *s)
{
    merge_deinit(&s->merge);
    gc_filter_deinit(&s->gc);
}
