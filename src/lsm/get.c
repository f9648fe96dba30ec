#include "lsm/lsm_int.h"

/* A lookup asks the sources from the newest to the oldest. Versions of a key usually grow older on the
 * way, but nothing demands it: a source is left out only when all its timestamps are at or below the
 * best version found so far (an equal one there would be the state that was replaced). */
struct lookup {
    enum lsm_space space;
    struct bytes key;
    uint64_t ts_max;
    bool found;
    struct lsm_version version;
    struct bytes value; /* view into the source */
};

static bool may_hold_better(const struct lookup *k, uint64_t newest_ts)
{
    if (!k->found) return true;
    return k->space == LSM_SPACE_VERSIONS && newest_ts > k->version.ts;
}

static void lookup_take(struct lookup *k, uint64_t ts, bool tombstone, struct bytes value)
{
    ASSERT(ts <= k->ts_max);
    if (k->found && k->version.ts >= ts) return;
    k->found = true;
    k->version = (struct lsm_version){ts, tombstone};
    k->value = value;
}

static void lookup_memtable(struct lookup *k, const struct memtable *m)
{
    if (!may_hold_better(k, m->newest_ts)) return;
    const struct mem_entry *e = memtable_find(m, k->space, k->key, k->ts_max);
    if (e == NULL) return;
    const struct mem_value *v = e->newest;
    lookup_take(k, e->ts, v->tombstone, bytes_make(v->data, v->size));
}

enum status lsm_get(struct lsm *l, struct range_id range, enum lsm_space space, struct bytes key,
                    uint64_t ts_max, struct lsm_waiter *waiter, struct lsm_version *version_out,
                    struct buf *value)
{
    ASSERT(lsm_space_valid(space));
    (void)waiter;
    struct range *r = range_find(l, range);
    if (r == NULL) return STATUS_NOT_FOUND;
    if (r->corrupt) return STATUS_CORRUPT;
    struct lookup k = {.space = space, .key = key, .ts_max = ts_max};
    lookup_memtable(&k, r->active);
    LIST_FOR_EACH(link, &r->frozen)
        lookup_memtable(&k, CONTAINER_OF(link, struct memtable, link));
    if (!k.found) return STATUS_NOT_FOUND;
    if (value != NULL) {
        buf_append_bytes(value, k.value);
        if (value->failed) return STATUS_NO_MEMORY;
    }
    *version_out = k.version;
    return STATUS_OK;
}
