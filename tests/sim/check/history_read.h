/* Histories of list-append transactions from files, as `ostraka bench append --history`, `history_write_json`,
 * Jepsen and Elle write them: one JSON object per line, see src/cli/bench_history.h. */
#ifndef OSTRAKA_TESTS_SIM_CHECK_HISTORY_READ_H
#define OSTRAKA_TESTS_SIM_CHECK_HISTORY_READ_H

#include "tests/sim/check/history.h"

/* Reads all lines into h, which is initialized and empty. What has no completion is of unknown outcome. Events of
 * others than clients ("process" is no number) are passed over.
 *
 * False: `problem` says which line is wrong and why. The order of the lines is that of real time and "index" rises;
 * a process does one thing at a time and nothing after "info"; a completion names the operations of its invocation;
 * no number is appended to the same list twice. */
bool history_read_json(struct history *h, FILE *from, char *problem, size_t problem_size);

#endif
