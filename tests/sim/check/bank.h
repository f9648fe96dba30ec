/* Sums and counts: checkers for workloads with one invariant. */
#ifndef OSTRAKA_TESTS_SIM_CHECK_BANK_H
#define OSTRAKA_TESTS_SIM_CHECK_BANK_H

#include "tests/sim/check/check.h"

/* Every certain HISTORY_READ_ALL of `key` shows balances whose sum is `total`, and none below zero
 * unless overdrafts are allowed. */
enum check_result bank_check(const struct history *h, uint64_t key, int64_t total,
                             bool overdrafts_allowed, struct buf *report);

/* Every certain HISTORY_READ_ALL of `key` shows one number, from least to most: rows that a predicate names. */
enum check_result count_check(const struct history *h, uint64_t key, int64_t least, int64_t most, struct buf *report);

#endif
