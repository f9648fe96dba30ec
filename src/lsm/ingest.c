#include "lsm/chunk_int.h"
#include "lsm/lsm_int.h"

#include <stdlib.h>

struct lsm_ingest {
    struct lsm *lsm;
    struct range_id range;
    struct memtable *memtable;
    uint64_t chunk_count, newest_ts;
    bool complete; /* the last chunk has come; no chunk at all makes an empty range */
};

enum status lsm_ingest_begin(struct lsm *l, struct range_id range, struct lsm_ingest **ingest_out)
{
    struct lsm_ingest *in = calloc(1, sizeof *in);
    if (in == NULL) return STATUS_NO_MEMORY;
    in->lsm = l;
    in->range = range;
    in->complete = true;
    enum status status = memtable_create(&in->memtable);
    if (status != STATUS_OK) {
        free(in);
        return status;
    }
    *ingest_out = in;
    return STATUS_OK;
}

enum status lsm_ingest_chunk(struct lsm_ingest *in, struct bytes bytes)
{
    struct chunk chunk;
    enum status status = chunk_open(bytes, &chunk);
    if (status != STATUS_OK) return status;
    if ((in->complete && in->chunk_count > 0) || chunk.sequence != in->chunk_count) return STATUS_CORRUPT;
    struct lsm_item item;
    while ((status = chunk_next(&chunk, &item)) == STATUS_OK) {
        struct lsm_write w = {item.space, item.tombstone, item.key, item.ts, item.value};
        status = memtable_write(in->memtable, 1, &w);
        if (status != STATUS_OK) return status;
    }
    if (status != STATUS_NOT_FOUND) return status;
    in->chunk_count++;
    in->newest_ts = chunk.newest_ts;
    in->complete = chunk.last;
    return STATUS_OK;
}

enum status lsm_ingest_commit(struct lsm_ingest *in, uint64_t index, struct bytes meta)
{
    struct lsm *l = in->lsm;
    enum status status = STATUS_OK;
    if (!in->complete) status = STATUS_INVALID;
    struct range *r = range_find(l, in->range);
    if (status == STATUS_OK && r == NULL) status = range_create(l, in->range, &r);
    if (status != STATUS_OK) {
        lsm_ingest_abort(in);
        return status;
    }
    memtable_unpin(r->active);
    r->active = in->memtable;
    r->active->first_index = r->active->last_index = index;
    r->applied_index = index;
    if (in->newest_ts > r->newest_ts) r->newest_ts = in->newest_ts;
    r->corrupt = false;
    free(in);
    lsm_range_set_meta(l, r->id, meta);
    return STATUS_OK;
}

void lsm_ingest_abort(struct lsm_ingest *in)
{
    memtable_unpin(in->memtable);
    free(in);
}
