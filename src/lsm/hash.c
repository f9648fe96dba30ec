#include "lsm/lsm_int.h"

#include <stdlib.h>

#include "base/codec.h"
#include "base/hash.h"

struct lsm_hash {
    struct hash_state state; /* first: it is aligned to 64 bytes */
    struct scan scan;
};

enum status lsm_hash_open(struct lsm *l, struct range_id range, struct lsm_hash **hash_out)
{
    struct lsm_hash *h = aligned_alloc(_Alignof(struct lsm_hash), sizeof *h);
    if (h == NULL) return STATUS_NO_MEMORY;
    enum status status = scan_open(l, range, &h->scan);
    if (status != STATUS_OK) {
        free(h);
        return status;
    }
    hash_begin(&h->state, 0);
    *hash_out = h;
    return STATUS_OK;
}

/* Fixed-size fields before the bytes they size, so that no two sequences of items hash the same
 * text. */
static void hash_item(struct hash_state *state, const struct lsm_item *item)
{
    uint8_t head[18];
    head[0] = (uint8_t)item->space;
    head[1] = item->tombstone;
    store_le64(head + 2, item->ts);
    store_le32(head + 10, (uint32_t)item->key.size);
    store_le32(head + 14, (uint32_t)item->value.size);
    hash_more(state, head, sizeof head);
    hash_more(state, item->key.data, item->key.size);
    hash_more(state, item->value.data, item->value.size);
}

enum status lsm_hash_step(struct lsm_hash *h, struct lsm_waiter *waiter, uint64_t *hash_out)
{
    for (uint32_t hashed = 0; hashed < LSM_SLICE_ITEMS_MAX; hashed++) {
        const struct lsm_item *item;
        enum status status = scan_next(&h->scan, waiter, &item);
        if (status == STATUS_NOT_FOUND) {
            *hash_out = hash_end(&h->state);
            return STATUS_OK;
        }
        if (status != STATUS_OK) return status;
        hash_item(&h->state, item);
    }
    waiter_queue(&h->scan.lsm->turn_waiters, waiter);
    return STATUS_WAIT;
}

void lsm_hash_close(struct lsm_hash *h)
{
    scan_close(&h->scan);
    free(h);
}
