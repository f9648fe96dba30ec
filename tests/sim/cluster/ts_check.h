/* A white-box check of histories: the timestamps that the database reports must explain everything. For each
 * key, sorted by commit timestamp, every read at ts saw the newest write at or below ts (TS-1); what
 * returned before another began has the smaller timestamp (TS-2); no two writes of a key share one (TS-3). It
 * complements the black-box checkers, which believe nothing the database says. */
#ifndef OSTRAKA_TESTS_SIM_TS_CHECK_H
#define OSTRAKA_TESTS_SIM_TS_CHECK_H

#include "tests/sim/cluster/workload.h"

/* False writes what is wrong to failure. Where timestamps come from bounds of the clock, a read may be at one that lies a
 * little ahead. */
bool ts_check(const struct workload *w, char *failure, size_t failure_size);
/* The same of a history; reads_ahead: reads may be at timestamps that lie a little ahead. */
bool ts_check_history(const struct operation *history, size_t count, bool reads_ahead, char *failure, size_t failure_size);
/* TS-1 and TS-3 only: for reads at timestamps of the past. */
bool ts_check_values(const struct operation *history, size_t count, char *failure, size_t failure_size);

#endif
