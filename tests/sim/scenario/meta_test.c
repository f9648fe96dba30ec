/* About the simulator itself: scenarios 90 and 92 (README.md). Mutants and the canary (89):
 * tests/mutants.txt. Known bad histories (91): tests/sim/check_*_test.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/cluster/run.h"
#include "tests/sim/scenario/scenario.h"
#include "tests/test.h"

/* Every kind of run: with faults beyond tolerance too, and without any. Between builds:
 * check_determinism.sh. */
TEST(scenario_90, the_same_seed_gives_the_same_events_and_the_same_bytes)
{
    for (uint64_t seed = 1000; seed < 1000 + scenario_count(10); seed++)
        for (int kind = 0; kind < 3; kind++) {
            struct run_options options = {.seed = seed,
                                          .fault_phase_ns = 3 * SIM_SEC,
                                          .unbounded = kind == 1,
                                          .no_faults = kind == 2};
            struct run_result first, second, other;
            run_once(&options, &first, NULL);
            run_once(&options, &second, NULL);
            assert_u64_equal(first.hash, second.hash);
            assert_u64_equal(first.events, second.events);
            if (kind != 0) continue;
            options.seed += 500;
            run_once(&options, &other, NULL);
            assert_true(other.hash != first.hash);
        }
}

/* A process must not carry anything from one run to the next. */
TEST(scenario_90, a_run_does_not_depend_on_the_runs_before_it)
{
    struct run_options options = {.seed = 77, .fault_phase_ns = 3 * SIM_SEC},
                       other = {.seed = 78, .unbounded = true};
    struct run_result alone, between, after;
    run_once(&options, &alone, NULL);
    run_once(&other, &between, NULL);
    run_once(&options, &after, NULL);
    assert_u64_equal(alone.hash, after.hash);
}

TEST(scenario_92, no_answer_is_wrong_when_more_fails_than_can_be_tolerated)
{
    for (uint64_t seed = 1; seed <= scenario_count(60); seed++) {
        struct run_options options = {.seed = seed, .unbounded = true};
        struct run_result result;
        run_once(&options, &result, NULL);
        if (!result.passed)
            fprintf(stderr, "seed %llu: %s (ostraka-sim --unbounded --seed %llu)\n",
                    (unsigned long long)seed, result.failure, (unsigned long long)seed);
        assert_true(result.passed);
    }
}
