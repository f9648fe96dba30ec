/* Fibers: pooled stacks with a guard area below and a hand-written switch (x86-64, aarch64), so
 * that a SQL statement or a recovery reads from top to bottom while the core goes on with other
 * work. Cooperative, one core only, nothing preempts. ASan and Valgrind are told about every
 * switch.
 *
 * A fiber is started by fiber_spawn, runs until it calls fiber_suspend or returns, and runs again
 * when somebody calls fiber_resume. Fibers of one pool never nest: what one of them spawns or
 * resumes is put into a ready queue, and the core runs that queue by fiber_run_ready. */
#ifndef OSTRAKA_BASE_FIBER_H
#define OSTRAKA_BASE_FIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct fiber;
struct fiber_pool;

/* stack_bytes is rounded up to pages, and to 16 KiB at least; at most fiber_count_max live fibers
 * at once. A stack is mapped when first needed and kept. NULL: out of memory. */
struct fiber_pool *fiber_pool_create(size_t stack_bytes, size_t fiber_count_max);
/* No fiber may be live. NULL is allowed. */
void fiber_pool_destroy(struct fiber_pool *pool);
size_t fiber_pool_live(const struct fiber_pool *pool);

/* Starts entry(arg) on a fresh fiber at once and returns when it first suspends or ends; called on
 * a fiber of the pool, leaves it to fiber_run_ready instead. *fiber_out (may be NULL) is written
 * before entry runs. STATUS_BUSY: all fibers are in use; STATUS_NO_MEMORY. */
MUST_USE enum status fiber_spawn(struct fiber_pool *pool, void (*entry)(void *arg), void *arg,
                                 struct fiber **fiber_out);
/* The running fiber of this pool, or NULL on the core's own stack. */
struct fiber *fiber_current(const struct fiber_pool *pool);
/* Called on a fiber: goes back to whoever resumed it; returns when resumed. */
void fiber_suspend(struct fiber_pool *pool);
/* Runs a suspended fiber until it suspends again or ends (then it is back in the pool and the
 * pointer is dead); called on a fiber of the same pool, leaves it to fiber_run_ready instead. */
void fiber_resume(struct fiber *fiber);
/* Runs what fibers spawned or resumed, in that order, until the queue is empty. Called once per
 * turn on the core's own stack. True when there was anything. */
bool fiber_run_ready(struct fiber_pool *pool);
/* Another one each time a fiber of the pool goes on, and never 0: as long as it is the same the running fiber has not waited, and
 * nothing has happened but what it did itself. */
uint64_t fiber_turn(const struct fiber_pool *pool);
/* Bytes left on the running fiber's stack, for depth checks; SIZE_MAX on the core's own stack. */
size_t fiber_stack_left(const struct fiber_pool *pool);

#endif
