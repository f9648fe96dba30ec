/* The end of idempotency records: results go when their time is over, and the rows of keys that say when they were made
 * go when no transaction may use these any more. On every node's port, at work where the range of the records is
 * led. */
#ifndef OSTRAKA_SQL_IDEMPOTENCY_SWEEP_H
#define OSTRAKA_SQL_IDEMPOTENCY_SWEEP_H

#include "base/fiber.h"
#include "base/timer.h"
#include "sql/idempotency.h"

struct idempotency_sweeper;

struct idempotency_sweeper_options {
    struct kv *kv;
    struct fiber_pool *fibers;
    struct timer_heap *timers;
    struct env *env;
    struct idempotency *idempotency; /* limits, and the counters of what went */
};
/* STATUS_NO_MEMORY. Looks for the first time within life / 1000. */
MUST_USE enum status idempotency_sweeper_create(const struct idempotency_sweeper_options *options,
                                                struct idempotency_sweeper **sweeper_out);
/* Begins nothing more. */
void idempotency_sweeper_stop(struct idempotency_sweeper *w);
/* After stop, when no fiber runs any more. */
void idempotency_sweeper_destroy(struct idempotency_sweeper *w);

#endif
