/* The course of a request that only asks its leader: it takes a reading of the clock, leadership is confirmed after it (R2's
 * order), it looks at the data, perhaps again after a wait, and is answered, perhaps when the clock is past something. */
#include "txn/leader.h"

void question_begin(struct range_op *op)
{
    op->state = OP_CLOCK;
    clock_now(&op->range->kv->clock, &op->clock, 0, REQUEST_TIMEOUT_NS);
}

void question_run(struct range_op *op, void (*evaluate)(struct range_op *op))
{
    switch (op->state) {
    case OP_CLOCK: range_op_confirm(op); return;
    case OP_EVALUATE:
    case OP_BLOCKED:
    case OP_LOADING: evaluate(op); return;
    case OP_GATE: range_op_answer(op); return;
    default: UNREACHABLE();
    }
}

void question_answer_past(struct range_op *op, uint64_t ct)
{
    op->ct = ct;
    op->state = OP_GATE;
    if (ct == 0 || clock_is_past(&op->range->kv->clock, ct)) range_op_answer(op);
    else clock_wait_past(&op->range->kv->clock, &op->clock, ct, REQUEST_TIMEOUT_NS);
}
