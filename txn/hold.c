/* Commits that have read in other ranges than the one they write to. The leader has validated its own part and picked ct;
 * now it asks the leaders of the others whether what was read there is unchanged at ct, and only then proposes. Meanwhile
 * the commit is held: its writes are in flight, so that readers at or above ct, and other writers of its keys, wait for it.
 * Those that read and write elsewhere in the range go on, and their entries may come first in the log.
 *
 * A held commit has promised nothing: it goes with the leadership, with the bounds, or after HOLD_NS. */
#include <stdlib.h>

#include "txn/gateway.h"
#include "txn/leader.h"

#define HOLD_NS 1000000000u

struct hold {
    struct kv *kv;
    struct range_op *op;      /* NULL: it is gone */
    struct refresh how;
    struct gateway_interrupt interrupt;
    uint32_t span_count;
    struct span *spans;       /* views into what follows the struct */
};

static void hold_free(struct hold *h)
{
    free(h->spans);
    free(h);
}

static void on_refreshed(struct range_op *op, enum status status)
{
    switch (status) {
    case STATUS_OK: commit_go_on(op); return;
    case STATUS_CONFLICT:
    case STATUS_SNAPSHOT_TOO_OLD:
    case STATUS_TOO_LARGE: range_op_reply(op, status, BYTES_EMPTY); return;
    default: /* nothing was proposed; the gateway asks again for as long as it likes */
        COVER("txn_hold_given_up");
        range_op_reply(op, STATUS_UNAVAILABLE, BYTES_EMPTY);
        return;
    }
}

static void run(void *arg)
{
    struct hold *h = arg;
    enum status status = refresh_spans(&h->how, h->spans, h->span_count);
    struct range_op *op = h->op;
    if (op != NULL) op->held = NULL;
    if (op != NULL && !h->kv->stopping) on_refreshed(op, status);
    hold_free(h);
}

/* The op's memory may go before the fiber's work ends: the spans are copied with their keys. */
static struct hold *hold_make(struct range_op *op)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < op->foreign_count; i++) bytes += op->foreign[i].start.size + op->foreign[i].end.size;
    struct hold *h = calloc(1, sizeof *h + bytes);
    struct span *spans = calloc(op->foreign_count, sizeof *spans);
    if (h == NULL || spans == NULL) {
        free(h);
        free(spans);
        return NULL;
    }
    uint8_t *at = (uint8_t *)(h + 1);
    for (uint32_t i = 0; i < op->foreign_count; i++) {
        const struct span *from = &op->foreign[i];
        if (from->start.size > 0) memcpy(at, from->start.data, from->start.size);
        spans[i] = (struct span){.start = bytes_make(at, from->start.size), .point = from->point};
        at += from->start.size;
        if (from->end.size > 0) memcpy(at, from->end.data, from->end.size);
        spans[i].end = bytes_make(at, from->end.size);
        at += from->end.size;
    }
    h->spans = spans;
    h->span_count = op->foreign_count;
    return h;
}

enum status hold_begin(struct range_op *op)
{
    struct kv *kv = op->range->kv;
    struct hold *h = hold_make(op);
    if (h == NULL) return STATUS_NO_MEMORY;
    h->kv = kv;
    h->op = op;
    h->how = (struct refresh){.kv = kv, .read_ts = op->read_ts, .ts = op->ct, .interrupt = &h->interrupt,
                              .deadline_ns = env_now_ns(store_env(kv->store)) + HOLD_NS};
    if (MUTANT("held_commit_refreshed_at_read")) h->how.ts = op->read_ts;
    op->held = h;
    op->state = OP_HELD;
    kv->metrics.held_commits++;
    enum status status = fiber_spawn(store_fibers(kv->store), run, h, NULL);
    if (status == STATUS_OK) return STATUS_OK; /* op may be gone already */
    op->held = NULL;
    hold_free(h);
    return status;
}

void hold_end(struct range_op *op)
{
    struct hold *h = op->held;
    if (h == NULL) return;
    op->held = NULL;
    h->op = NULL;
    gateway_interrupt(&h->interrupt);
}
