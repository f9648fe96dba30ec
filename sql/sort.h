/* Sorting that lets others go on: a statement may hold hundreds of thousands of rows. */
#ifndef OSTRAKA_SQL_SORT_H
#define OSTRAKA_SQL_SORT_H

#include "sql/datum.h"

/* [fiber] Puts `count` items of `size` bytes in order, equal ones as they were. As much room as the items take is borrowed from
 * where `arena` has its own, until it returns. STATUS_NO_MEMORY, or what sql_eval_effort answers; e->error is set then, and
 * the order of the items is any. */
MUST_USE enum status sql_sort(struct sql_eval *e, struct arena *arena, void *items, size_t count, size_t size,
                              int (*compare)(const void *a, const void *b, void *ctx), void *ctx);

#endif
