#include "lsm/table_take_int.h"

#include <stdlib.h>

#include "lsm/table_verify_int.h"

/* One write at a time and no more than that: the log's synced writes stand behind it on the disk. */
#define WRITE_BYTES  ((size_t)64 << 10)
#define VERIFY_BYTES ((size_t)64 << 10)
#define CHEAP        8 /* copying and checking costs so much less than what worker_handled counts */

void table_take_init(struct table_take *x, struct worker *w)
{
    *x = (struct table_take){.worker = w};
}

static void forget(struct table_take *x)
{
    free(x->data);
    x->data = NULL;
    x->table = NULL;
    x->at = x->written = 0;
}

void table_take_deinit(struct table_take *x)
{
    if (x->table != NULL) {
        x->table->obsolete = x->table->file >= 0; /* else there is nothing to unlink */
        table_unpin(x->table);
    }
    forget(x);
}

static enum status begin(struct table_take *x, struct range_id range, const struct chunk_file *part)
{
    struct lsm *l = x->worker->lsm;
    bool fits = part->size % TABLE_ALIGN == 0 && part->size >= TABLE_ALIGN && part->offset == 0;
    if (!fits) return STATUS_CORRUPT;
    struct table_uid uid = {part->uid_high, part->uid_low};
    x->data = aligned_alloc(TABLE_ALIGN, (size_t)part->size);
    if (x->data == NULL) return STATUS_NO_MEMORY;
    return table_create(l, range, l->next_table_number++, uid, part->size, &x->table);
}

/* The tail says which store the table belongs to: from now on this one. */
static enum status adopt_tail(struct table_take *x)
{
    struct table *t = x->table;
    struct table_tail tail;
    uint8_t *at = x->data + t->size_bytes - sizeof tail;
    memcpy(&tail, at, sizeof tail);
    enum status status = table_tail_check(&tail, t->uid, tail.store_id);
    if (status != STATUS_OK) return status;
    struct block_handle footer = {tail.footer_offset, tail.footer_size};
    table_tail_make(&tail, t->uid, t->lsm->options.store_id, footer);
    memcpy(at, &tail, sizeof tail);
    return STATUS_OK;
}

/* What has come is written as it comes, so the disk has as even a load as the link. Up to `end`, which is the end of the file or
 * that of a whole write. */
static enum status write_up_to(struct table_take *x, uint64_t end)
{
    struct worker *w = x->worker;
    struct table *t = x->table;
    enum status status = STATUS_OK;
    if (t->file < 0 && x->written < end) status = WORKER_IO(w, table_file_create(w, t));
    while (status == STATUS_OK && x->written < end) {
        uint64_t left = end - x->written;
        size_t size = left < WRITE_BYTES ? (size_t)left : WRITE_BYTES;
        status = WORKER_IO(w, fio_write(&w->fio, t->file, x->data + x->written, size, x->written));
        x->written += size;
    }
    t->unsynced = true;
    return status;
}

/* Read as after a restart; then every block against its checksum. */
static enum status check(struct table_take *x)
{
    struct table *t = x->table;
    enum status status = table_open_image(t, bytes_make(x->data, (size_t)t->size_bytes));
    if (status != STATUS_OK) return status;
    if (MUTANT("lsm_taken_table_unverified")) return STATUS_OK;
    struct table_verifier v;
    table_verifier_init(&v, t, bytes_make(x->data, (size_t)t->size_bytes));
    while ((status = table_verifier_step(&v, VERIFY_BYTES)) == STATUS_OK)
        worker_handled(x->worker, VERIFY_BYTES / CHEAP);
    table_verifier_deinit(&v);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status table_take_bytes(struct table_take *x, struct range_id range,
                             const struct chunk_file *part, struct table **table_out)
{
    *table_out = NULL;
    enum status status = x->table == NULL ? begin(x, range, part) : STATUS_OK;
    if (status != STATUS_OK) return status;
    struct table *t = x->table;
    bool same = part->size == t->size_bytes && part->offset == x->at &&
                part->uid_high == t->uid.high && part->uid_low == t->uid.low;
    if (!same) return STATUS_CORRUPT;
    memcpy(x->data + x->at, part->bytes.data, part->bytes.size);
    x->at += part->bytes.size;
    worker_handled(x->worker, part->bytes.size / CHEAP);
    if (x->at < t->size_bytes) return write_up_to(x, x->at - x->at % WRITE_BYTES);
    status = adopt_tail(x); /* it is in the last write, which is still to come */
    if (status == STATUS_OK) status = check(x);
    if (status == STATUS_OK) status = write_up_to(x, t->size_bytes);
    if (status != STATUS_OK) return status;
    *table_out = t;
    forget(x);
    return STATUS_OK;
}
