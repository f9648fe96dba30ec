/* What fortified leases must and must not do, each with the deliberate bug that breaks it. A
 * scenario ends well without the bug and aborts with it; mutant_test.c demands both. */
#ifndef OSTRAKA_TESTS_RAFT_LEASE_SCENARIOS_H
#define OSTRAKA_TESTS_RAFT_LEASE_SCENARIOS_H

#include <stdint.h>

struct lease_scenario {
    const char *mutant;
    void (*run)(void);
};
extern const struct lease_scenario lease_scenarios[];
extern const uint32_t lease_scenario_count;

#endif
