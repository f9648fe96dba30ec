#include "lsm/lsm_int.h"

enum status lsm_apply(struct lsm *l, struct range_id range, uint64_t index,
                      const struct lsm_write *writes, uint32_t count)
{
    struct range *r = range_find(l, range);
    if (r == NULL) return STATUS_NOT_FOUND;
    ASSERT(index > r->applied_index);
    ASSERT(count == 0 || writes != NULL);
    struct memtable *m = r->active;
    uint64_t bytes_before = memtable_bytes(m);
    for (uint32_t i = 0; i < count; i++) {
        enum status status = memtable_write(m, index, &writes[i]);
        if (status != STATUS_OK) return status;
    }
    if (m->first_index == 0) m->first_index = index;
    m->last_index = index;
    if (m->newest_ts > r->newest_ts) r->newest_ts = m->newest_ts;
    l->metrics.memtable_bytes += memtable_bytes(m) - bytes_before;
    r->applied_index = index;
    return STATUS_OK;
}
