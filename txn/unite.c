/* What becomes of two ranges' leader states when they become one (shard/merge.c drives it).
 *
 * The right side takes no commit from the proposal of its freeze on: what is in its log behind the freeze would be on some
 * replicas when the left side takes it in, and not on others. The latch of splits does that, for all keys. Reads go on until
 * the freeze is applied; what they and all before them looked at lies at or below the floor that the left side is told with
 * the merge, so nothing is written below it (K30). Whoever waits here when the left side has the keys is sent there.
 *
 * Locks of the right side are given up, as those of a right half are at a split: who held them finds out when it commits.
 *
 * The app's part of the command: floor u64, high u64. */
#include <stdlib.h>

#include "txn/divide.h"
#include "txn/leader.h"
#include "txn/lock.h"
#include "txn/two_phase_leader.h"

enum status unite_begin(void *state)
{
    struct range *g = state;
    if (!g->ready || g->term != replica_term(g->replica) || g->latch != NULL) return STATUS_BUSY;
    if (MUTANT("k29_write_after_freeze")) return STATUS_OK;
    return latch_close(g, BYTES_EMPTY);
}

void unite_part(void *state, struct buf *part)
{
    const struct range *g = state;
    uint64_t floor = kv_timestamp_seen(g->kv);
    if (floor < g->floor) floor = g->floor;
    if (floor < g->high) floor = g->high;
    if (MUTANT("k30_merge_floor_forgotten")) floor = 0;
    put_u64(part, floor);
    put_u64(part, g->high);
}

bool unite_part_valid(struct bytes part)
{
    return part.size == 16;
}

void unite_reopen(void *state)
{
    struct range *g = state;
    divide_end(g);
    range_run_waiting(g);
}

/* What is committed, and what was read, is answered from here; all else is done by the left side. */
static void move_or_send_away(struct range *left, struct range *right)
{
    struct buf body;
    buf_init(&body, 1 << 16);
    divide_stale_body(left->kv, left->replica, &body);
    while (!list_empty(&right->ops)) {
        struct range_op *op = CONTAINER_OF(right->ops.next, struct range_op, link);
        bool done = op->state == OP_GATE || (op->state == OP_COMMITTING && op->applied);
        if (done) {
            COVER("txn_answered_after_merge");
            range_progress_end(op);
            range_in_flight_remove(op);
            lock_request_cancel(&right->locks, &op->request);
            list_remove(&op->link);
            op->range = left;
            list_push_back(&left->ops, &op->link);
        } else if (op->state == OP_COMMITTING) {
            range_op_reply(op, STATUS_UNKNOWN_OUTCOME, BYTES_EMPTY);
        } else {
            COVER("txn_sent_away_by_merge");
            range_op_reply(op, STATUS_STALE_ROUTE, buf_view(&body));
        }
    }
    buf_deinit(&body);
}

void unite_apply(void *left_state, void *right_state, struct bytes part)
{
    struct range *g = left_state, *h = right_state;
    struct reader in = reader_make(part);
    uint64_t floor = get_u64(&in), high = get_u64(&in);
    ASSERT(reader_done(&in)); /* unite_part_valid */
    if (h->high > high) high = h->high;
    if (g->high < high) g->high = high;
    if (g->asides_end < h->asides_end) g->asides_end = h->asides_end;
    if (g->floor_least < floor) g->floor_least = floor;
    if (g->ready && g->floor < floor) g->floor = floor;
    if (g->answered < h->answered) g->answered = h->answered;
    gc_apply(g, h->safe.applied);
    g->may_hold |= h->may_hold;
    if (g->divided < h->divided) g->divided = h->divided;
    /* Without memory it gives up what it knows of its term and begins as a new leader does. */
    bool holds = h->may_hold && !MUTANT("merge_forgets_intents");
    if (holds) load_again(g);
    if (holds && g->ready && load_more(g, replica_descriptor(h->replica)->start) != STATUS_OK) g->ready = false;
    if (h->latch != NULL) histogram_add(&g->kv->metrics.merge_closed_ns, latch_closed_ns(h));
    locks_unite(g, h);
    move_or_send_away(g, h);
    if (g->ready) locks_take_over(g);
    divide_forget(h);
}
