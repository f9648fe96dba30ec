#include "lsm/table_load_int.h"

#include <errno.h>
#include <stdlib.h>

/* The log's synced writes stand behind one read on the disk, not behind a whole table. */
#define READ_BYTES ((uint64_t)256 << 10)

static void load_free(struct table_load *x)
{
    ASSERT(!x->reading);
    table_unpin(x->table);
    free(x->data);
    free(x);
}

/* All of it is there, or it cannot be read. */
static bool is_over(const struct table_load *x)
{
    return x->status != STATUS_OK || x->at >= x->table->size_bytes;
}

static void read_next(struct table_load *x);

static void read_done(struct env_op *op, int64_t result)
{
    struct table_load *x = op->ctx;
    x->reading = false;
    ASSERT(x->lsm->table_read_count > 0);
    x->lsm->table_read_count--;
    if (result >= TABLE_ALIGN) /* and whole pages, for the next one */
        x->at += (uint64_t)result / TABLE_ALIGN * TABLE_ALIGN;
    else
        x->status = result == -ECANCELED ? STATUS_CANCELLED : STATUS_CORRUPT;
    if (x->status == STATUS_CORRUPT) table_damaged(x->table, "read error", x->at);
    if (x->closed) {
        load_free(x);
        return;
    }
    if (is_over(x))
        waiters_call(&x->waiters);
    else if (x->wanted)
        read_next(x);
}

static void read_next(struct table_load *x)
{
    uint64_t left = x->table->size_bytes - x->at;
    x->reading = true;
    x->lsm->table_read_count++;
    x->op = (struct env_op){.on_done = read_done, .ctx = x};
    env_file_read(x->table->env, x->table->file, x->data + x->at,
                  (size_t)(left < READ_BYTES ? left : READ_BYTES), x->at, &x->op);
}

enum status table_load_open(struct lsm *l, struct table *t, struct table_load **load_out)
{
    ASSERT(t->size_bytes % TABLE_ALIGN == 0);
    struct table_load *x = calloc(1, sizeof *x);
    if (x == NULL) return STATUS_NO_MEMORY;
    x->data = aligned_alloc(TABLE_ALIGN, (size_t)t->size_bytes);
    if (x->data == NULL) {
        free(x);
        return STATUS_NO_MEMORY;
    }
    x->lsm = l;
    x->table = t;
    table_pin(t);
    list_init(&x->waiters);
    read_next(x);
    *load_out = x;
    return STATUS_OK;
}

enum status table_load_wait(struct table_load *x, struct lsm_waiter *waiter)
{
    if (!x->reading && is_over(x)) return x->status;
    x->wanted = true;
    if (!x->reading) read_next(x);
    waiter_queue(&x->waiters, waiter);
    return STATUS_WAIT;
}

void table_load_more(struct table_load *x)
{
    if (!x->reading && !is_over(x)) read_next(x);
}

void table_load_close(struct table_load *x)
{
    x->closed = true;
    while (!list_empty(&x->waiters))
        (void)list_pop_front(&x->waiters);
    if (!x->reading) load_free(x);
}
