/* Scenarios of SQL clients on healthy clusters: nothing fails but what the clients do themselves. Each run ends with the
 * checks of ../cluster/run.c: strict serializability, sums, equal replicas, servers that keep no session. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/sim/cluster/run.h"
#include "tests/sim/scenario/scenario.h"
#include "tests/test.h"

static struct run_result run(const struct run_options *options)
{
    struct run_result result;
    const char *mutant = getenv("OSTRAKA_MUTANT");
    if (mutant != NULL) assert_true(mutant_select(mutant) > 0);
    run_once(options, &result, NULL);
    if (!result.passed)
        fprintf(stderr, "seed %llu: %s\n", (unsigned long long)options->seed, result.failure);
    assert_true(result.passed);
    return result;
}

/* Transactions over a few rows that everybody wants are run again by the servers, and nothing is applied twice. */
static void retries(const char *workload)
{
    uint64_t conflicts = 0;
    for (uint64_t seed = 1; seed <= scenario_count(4); seed++) {
        struct run_options options = {.seed = seed, .workload = workload, .hot = true, .no_faults = true,
                                      .fault_phase_ns = 3 * SIM_SEC};
        conflicts += run(&options).conflicts;
    }
    assert_true(conflicts > 0);
}

TEST(scenario_55, servers_that_try_again_append_nothing_twice)
{
    retries("append");
}

TEST(scenario_55, servers_that_try_again_move_no_money_twice)
{
    retries("bank");
}

/* Transfers, accounts closed and opened again; every read adds up to the same sum. */
TEST(scenario_58, accounts_are_closed_and_opened_and_the_sum_stays)
{
    for (uint64_t seed = 11; seed < 11 + scenario_count(4); seed++) {
        struct run_options options = {.seed = seed, .workload = "bank", .fault_phase_ns = 4 * SIM_SEC};
        run(&options);
    }
}

/* Each client inserts keys that others insert and delete: one row per key. */
TEST(scenario_59, of_those_who_insert_a_key_one_succeeds)
{
    for (uint64_t seed = 21; seed < 21 + scenario_count(4); seed++) {
        struct run_options options = {.seed = seed, .workload = "register", .hot = true, .no_faults = true,
                                      .fault_phase_ns = 3 * SIM_SEC};
        run(&options);
    }
}

/* All of a log in pages from either end, while rows come in between and ranges divide: none missing, none twice. */
TEST(scenario_61, pages_show_one_moment)
{
    for (uint64_t seed = 1; seed < 1 + scenario_count(4); seed++) {
        struct run_options options = {.seed = seed, .workload = "set", .hot = true, .range_count = 3, .splits = true,
                                      .fault_phase_ns = 3 * SIM_SEC};
        run(&options);
    }
}

/* At each step of the protocol in turn, with what the client had done until then. */
TEST(scenario_60, clients_that_walk_away_leave_all_or_nothing)
{
    static const char *const workloads[] = {"append", "bank", "register"};
    for (int cut = SQL_CUT_NONE + 1; cut < SQL_CUT_COUNT; cut++)
        for (uint64_t seed = 1; seed <= scenario_count(2); seed++) {
            struct run_options options = {.seed = seed, .workload = workloads[(uint64_t)cut % 3], .no_faults = true,
                                          .cut = (enum sql_cut)cut, .fault_phase_ns = 2 * SIM_SEC};
            assert_true(run(&options).disconnects > 0);
        }
}

/* Cancelled statements end with 57014, and then they have done nothing. */
TEST(scenario_60, statements_that_are_cancelled_have_done_nothing)
{
    static const char *const workloads[] = {"append", "bank", "register"};
    for (uint64_t seed = 31; seed < 31 + scenario_count(6); seed++) {
        struct run_options options = {.seed = seed, .workload = workloads[seed % 3], .no_faults = true,
                                      .cancel_ppm = SIM_ALWAYS / 5, .fault_phase_ns = 2 * SIM_SEC};
        run(&options);
    }
}

/* The same from any two nodes of a healthy cluster: readers agree on the order of the writers. */
TEST(scenario_27, readers_on_all_nodes_see_one_order)
{
    for (uint64_t seed = 41; seed < 41 + scenario_count(4); seed++) {
        struct run_options options = {.seed = seed, .node_count = 5, .workload = "append", .no_faults = true,
                                      .fault_phase_ns = 3 * SIM_SEC};
        run(&options);
    }
}
