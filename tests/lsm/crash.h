/* Power loss before every single write, sync and change of a name, with many subsets of what was
 * not synced, and once more while recovering. The script flushes, compacts, rewrites the manifest,
 * receives a snapshot and drops a range. Fails the running test when what is found afterwards is
 * not a state that was, or older than one that was told to be durable. */
#ifndef OSTRAKA_TESTS_LSM_CRASH_H
#define OSTRAKA_TESTS_LSM_CRASH_H

#include "tests/lsm/harness.h"

/* Answers how many crash points there were. */
uint64_t crash_points(uint64_t seed, unsigned subset_count);

#endif
