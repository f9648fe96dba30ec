/* Linearizability of registers: every key is a register of its own, read, written and swapped by
 * single operations (Wing and Gong 1993, with the cache and the list of Lowe 2017).
 *
 * Operations of unknown outcome may take effect at any time after their invocation, or never.
 * Written values should be unique per key; the checker is right without that, only slower. */
#ifndef OSTRAKA_TESTS_SIM_CHECK_REGISTER_H
#define OSTRAKA_TESTS_SIM_CHECK_REGISTER_H

#include "tests/sim/check/check.h"

/* step_max: bound of the search per key; 0: ten million. HISTORY_READ, WRITE and CAS in
 * transactions of one operation are looked at, all else is ignored. */
enum check_result register_check(const struct history *h, uint64_t step_max, struct buf *report);

#endif
