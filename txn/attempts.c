/* The requests of an attempt that are at the leader of a range: its intents, and what is asked about them. A map from the
 * tag to a ring of them, in the order in which they came; attempts whose tags are the same share a ring. */
#include "txn/two_phase_leader.h"

static struct range_op *op_of(struct list *item)
{
    return CONTAINER_OF(item, struct range_op, attempt_link);
}

enum status attempt_enter(struct range_op *op)
{
    struct range *g = op->range;
    ASSERT(op->attempt.tag != 0);
    ASSERT(!op->listed);
    struct range_op *first = map_get(&g->attempts, op->attempt.tag);
    if (first == NULL && map_put(&g->attempts, op->attempt.tag, op) != STATUS_OK) return STATUS_NO_MEMORY;
    if (first != NULL) list_insert_before(&first->attempt_link, &op->attempt_link);
    op->attempt_first = first == NULL;
    op->listed = true;
    return STATUS_OK;
}

void attempt_leave(struct range_op *op)
{
    struct range *g = op->range;
    if (!op->listed) return;
    struct range_op *next = op_of(op->attempt_link.next);
    if (next == op) map_remove(&g->attempts, op->attempt.tag);
    else if (op->attempt_first && map_put(&g->attempts, op->attempt.tag, next) != STATUS_OK) UNREACHABLE(); /* replaces */
    if (op->attempt_first) next->attempt_first = true;
    list_remove(&op->attempt_link);
    op->listed = false;
}

struct range_op *attempt_next(const struct range *g, struct attempt a, const struct range_op *after)
{
    if (after != NULL && list_empty(&after->attempt_link)) return NULL; /* it is alone in its ring, as most are */
    struct range_op *op = after == NULL ? map_get(&g->attempts, a.tag) : op_of(after->attempt_link.next);
    if (op == NULL || (after != NULL && op->attempt_first)) return NULL;
    do {
        ASSERT(op->listed);
        if (attempt_equal(op->attempt, a)) return op;
        op = op_of(op->attempt_link.next);
    } while (!op->attempt_first);
    return NULL;
}

struct range_op *attempt_beside(const struct range_op *op, const struct range_op *after)
{
    ASSERT(op->listed);
    for (struct list *at = (after == NULL ? op : after)->attempt_link.next; at != &op->attempt_link; at = at->next)
        if (attempt_equal(op_of(at)->attempt, op->attempt)) return op_of(at);
    return NULL;
}
