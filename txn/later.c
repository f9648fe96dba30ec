/* What can wait for company: a decision that stands whatever becomes of its entry, and what carries out a commit. Nobody waits for these,
 * and alone each would be a write to the disks of three nodes, in the way of whatever comes next. So they go to the log with the next that
 * this node proposes, or as soon as somebody has to wait for the intents that they take away (who only reads a key does not,
 * known.c), or after a moment. For all others that is as if the request had been on its way for longer. */
#include "txn/two_phase_leader.h"

#define LATER_NS 2000000u /* so that who commits one after the other finds the last one's here */

static void on_later(struct timer *t, void *ctx)
{
    (void)t;
    struct kv *kv = ctx;
    struct list batch, *item;
    list_init(&batch);
    while ((item = list_pop_front(&kv->later)) != NULL) list_push_back(&batch, item);
    while ((item = list_pop_front(&batch)) != NULL) range_op_run(CONTAINER_OF(item, struct range_op, blocked_link));
}

bool later_hold(struct range_op *op, bool awaited)
{
    struct kv *kv = op->range->kv;
    if (awaited && !MUTANT("who_waits_is_kept_waiting")) return false;
    if (op->held_back || kv->stopping || MUTANT("company_not_waited_for")) return false;
    COVER("txn_waits_for_company");
    kv->metrics.held_back++;
    op->held_back = true;
    op->state = OP_LATER;
    list_push_back(&kv->later, &op->blocked_link);
    if (!timer_armed(&kv->later_timer)) timer_arm(store_timers(kv->store), &kv->later_timer, env_now_ns(store_env(kv->store)) + LATER_NS);
    return true;
}

void later_go(struct kv *kv)
{
    if (!list_empty(&kv->later) && !MUTANT("company_goes_alone")) timer_arm(store_timers(kv->store), &kv->later_timer, env_now_ns(store_env(kv->store)));
}

void later_attach(struct kv *kv)
{
    list_init(&kv->later);
    timer_init(&kv->later_timer, on_later, kv);
}

void later_stop(struct kv *kv)
{
    timer_cancel(store_timers(kv->store), &kv->later_timer);
}
