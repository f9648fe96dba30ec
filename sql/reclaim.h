/* Gives back the space of tables that were dropped or truncated. Dropping writes a record of garbage in the same
 * transaction (catalog_drop, catalog_truncate); the node that leads the range of those records then deletes the
 * rows behind them, a slice per transaction, as ordinary deletes: what still reads an older snapshot sees them as
 * before, and the engine forgets them after the version retention. The record says where the next slice
 * begins, so a crash, or another leader, goes on from there. */
#ifndef OSTRAKA_SQL_RECLAIM_H
#define OSTRAKA_SQL_RECLAIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fiber.h"
#include "base/log.h"
#include "base/timer.h"
#include "io/env.h"
#include "txn/txn.h"

struct sql_reclaimer;

struct sql_reclaimer_options {
    struct kv *kv;
    struct fiber_pool *fibers;
    struct timer_heap *timers;
    struct env *env;
    struct logger *logger;
};

/* Works from now on, in turns of its own. STATUS_NO_MEMORY. */
MUST_USE enum status sql_reclaimer_create(const struct sql_reclaimer_options *options,
                                          struct sql_reclaimer **reclaimer_out);
/* Begins nothing more. */
void sql_reclaimer_stop(struct sql_reclaimer *r);
/* After stop, when what was under way has ended (kv_stop ends it). */
void sql_reclaimer_destroy(struct sql_reclaimer *r);

struct sql_reclaimer_metrics {
    uint64_t slices, rows, tables; /* tables: those that are gone entirely */
};
const struct sql_reclaimer_metrics *sql_reclaimer_metrics(const struct sql_reclaimer *r);

#endif
