#include "lsm/gc_int.h"

void gc_filter_init(struct gc_filter *f, const struct lsm_options *options, uint64_t gc_ts)
{
    *f = (struct gc_filter){.gc_ts = gc_ts, .options = options};
    buf_init(&f->key, LSM_KEY_BYTES_MAX);
}

void gc_filter_deinit(struct gc_filter *f)
{
    buf_deinit(&f->key);
}

static bool may_go(const struct gc_filter *f, const struct lsm_item *tombstone)
{
    if (f->tombstone_may_go == NULL || MUTANT("lsm_tombstone_dropped_above_older")) return true;
    return f->tombstone_may_go(f->ctx, tombstone);
}

static enum status enter_key(struct gc_filter *f, struct bytes key)
{
    if (f->any && bytes_equal(buf_view(&f->key), key)) return STATUS_OK;
    f->any = true;
    f->covered = false;
    buf_reset(&f->key);
    buf_append_bytes(&f->key, key);
    return f->key.failed ? STATUS_NO_MEMORY : STATUS_OK;
}

uint64_t gc_value_ends(const struct lsm_options *o, const struct lsm_item *item)
{
    if (o->value_ends == NULL || item->tombstone || item->space != LSM_SPACE_VERSIONS) return UINT64_MAX;
    if (o->key_may_end != NULL && !o->key_may_end(item->key) && !MUTANT("lsm_ending_by_value_only")) return UINT64_MAX;
    uint64_t end = o->value_ends(item->value);
    return end == 0 ? UINT64_MAX : end < item->ts ? item->ts : end;
}

static bool keep(struct gc_filter *f, const struct lsm_item *item)
{
    bool collectable = item->space != LSM_SPACE_VERSIONS || item->ts <= f->gc_ts;
    if (!collectable) return true;
    if (item->space == LSM_SPACE_VERSIONS) {
        if (f->covered) return false;
        f->covered = true;
        if (gc_value_ends(f->options, item) <= f->gc_ts) {
            COVER("lsm_gc_value_ended");
            return false;
        }
    }
    return !item->tombstone || !may_go(f, item);
}

enum status gc_filter_pass(struct gc_filter *f, const struct lsm_item *item, bool *keep_out)
{
    if (item->space == LSM_SPACE_VERSIONS) {
        enum status status = enter_key(f, item->key);
        if (status != STATUS_OK) return status;
    }
    *keep_out = keep(f, item);
    if (MUTANT("lsm_gc_off_by_one") && item->space == LSM_SPACE_VERSIONS && item->ts == f->gc_ts)
        *keep_out = false;
    if (!*keep_out) f->dropped_count++;
    return STATUS_OK;
}
