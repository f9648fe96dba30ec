/* Random verbs on some ranges against the model, with open iterators, crashes and restarts. Fails
 * the running test where the two disagree. */
#ifndef OSTRAKA_TESTS_LSM_RANDOM_H
#define OSTRAKA_TESTS_LSM_RANDOM_H

#include "tests/lsm/harness.h"

void random_run_files(uint64_t seed, int steps);
void random_run_sim(uint64_t seed, int steps);

#endif
