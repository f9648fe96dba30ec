#include "lsm/lsm_int.h"

void lsm_waiter_init(struct lsm_waiter *w, void (*on_ready)(struct lsm_waiter *w))
{
    ASSERT(on_ready != NULL);
    list_init(&w->link);
    w->on_ready = on_ready;
}

void lsm_waiter_cancel(struct lsm_waiter *w)
{
    list_remove(&w->link);
}

void lsm_wait_turn(struct lsm *l, struct lsm_waiter *w)
{
    waiter_queue(&l->turn_waiters, w);
}

void waiter_queue(struct list *waiters, struct lsm_waiter *waiter)
{
    if (waiter == NULL || !list_empty(&waiter->link)) return;
    list_push_back(waiters, &waiter->link);
}

void waiters_call(struct list *waiters)
{
    struct list due; /* a waiter may queue itself again, or cancel another */
    list_init(&due);
    while (!list_empty(waiters))
        list_push_back(&due, list_pop_front(waiters));
    while (!list_empty(&due)) {
        struct lsm_waiter *w = CONTAINER_OF(list_pop_front(&due), struct lsm_waiter, link);
        w->on_ready(w);
    }
}
