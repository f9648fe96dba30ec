#include "lsm/lsm_int.h"

enum status scan_open(struct lsm *l, struct range_id range, struct scan *scan_out)
{
    struct range *r = range_find(l, range);
    if (r == NULL) return STATUS_NOT_FOUND;
    if (r->corrupt) return STATUS_CORRUPT;
    *scan_out = (struct scan){.lsm = l, .index = r->applied_index, .newest_ts = r->newest_ts};
    scan_out->first = (struct item_key){LSM_SPACE_FIRST, BYTES_EMPTY, LSM_TS_MAX};
    merge_init(&scan_out->merge, false);
    gc_filter_init(&scan_out->gc, &l->options, r->gc_ts);
    l->reader_count++;
    struct view all = {.low = scan_out->first};
    all.high = (struct item_key){(enum lsm_space)(LSM_SPACE_LAST + 1), BYTES_EMPTY, LSM_TS_MAX};
    enum status status = range_open_cursors(r, &all, &scan_out->merge, &scan_out->version);
    if (status != STATUS_OK) {
        scan_close(scan_out);
        return status;
    }
    merge_seek(&scan_out->merge, &scan_out->first);
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
    ASSERT(s->lsm->reader_count > 0);
    s->lsm->reader_count--;
    merge_deinit(&s->merge);
    if (s->version != NULL) version_unpin(s->version);
    gc_filter_deinit(&s->gc);
}
