/* Scenarios of SQL clients whose transactions write to several ranges, with whatever fails. Each run ends with the checks of
 * ../cluster/run.c: strict serializability, sums, counts, one effect per key, equal replicas, servers that keep no
 * session. ../../txn/two_ranges_test.c has the same message by message. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "tests/sim/cluster/run.h"
#include "tests/sim/scenario/scenario.h"
#include "tests/test.h"

/* Adds up how many commits wrote to several ranges. */
static struct run_result run(const struct run_options *options, uint64_t *two_phase)
{
    struct run_result result;
    const char *mutant = getenv("OSTRAKA_MUTANT");
    if (mutant != NULL) assert_true(mutant_select(mutant) > 0);
    run_once(options, &result, NULL);
    if (!result.passed)
        fprintf(stderr, "seed %llu: %s\n", (unsigned long long)options->seed, result.failure);
    assert_true(result.passed);
    *two_phase += result.two_phase;
    return result;
}

/* Coordinators and leaders go down at the very messages of a commit, which are lost, late, or arrive first. */
static void at_each_step(const char *workload, bool no_faults)
{
    uint64_t deaths = 0, two_phase = 0, staged = 0;
    for (uint64_t seed = 1; seed <= scenario_count(12); seed++) {
        struct run_options options = {.seed = seed, .workload = workload, .focus = "none", .range_count = 4, .deaths = true,
                                      .no_faults = no_faults, .fault_phase_ns = 5 * SIM_SEC};
        struct run_result result = run(&options, &two_phase);
        deaths += result.deaths;
        staged += result.staged;
    }
    assert_true(deaths > 0 && two_phase > 0 && staged > 0 && staged < two_phase);
}

TEST(scenario_51, who_commits_dies_at_each_step_and_lists_explain_it)
{
    at_each_step("append", true);
    at_each_step("append", false);
}

TEST(scenario_51, who_commits_dies_at_each_step_and_the_sum_stays)
{
    at_each_step("bank", true);
    at_each_step("bank", false);
}

/* The record of a key lies in another range than what is done under it; those are divided, united, and move. */
TEST(scenario_53, a_key_has_one_effect_in_whatever_ranges)
{
    uint64_t two_phase = 0;
    for (uint64_t seed = 11; seed < 11 + scenario_count(4); seed++)
        run(&(struct run_options){.seed = seed, .workload = "idem", .focus = "none", .range_count = 4, .splits = true,
                                  .merges = true, .moves = true, .deaths = true}, &two_phase);
    assert_true(two_phase > 0);
}

/* What its leader prepared while it was reading back what a neighbour held that it had taken in was forgotten: a job was done
 * over the value of one that was committed before. */
TEST(scenario_53, what_is_prepared_while_ranges_unite_is_kept)
{
    uint64_t two_phase = 0;
    for (uint64_t seed = 36; seed < 40; seed++)
        run(&(struct run_options){.seed = seed, .workload = "idem", .focus = "none", .range_count = 4, .splits = true,
                                  .merges = true, .moves = true, .deaths = true}, &two_phase);
    assert_true(two_phase > 0);
}

/* On few rows that everybody wants: those who began earlier get through, nothing is applied twice. */
TEST(scenario_55, who_gives_way_tries_again_and_appends_nothing_twice)
{
    uint64_t two_phase = 0;
    uint64_t conflicts = 0;
    for (uint64_t seed = 21; seed < 21 + scenario_count(4); seed++)
        conflicts += run(&(struct run_options){.seed = seed, .workload = "append", .hot = true, .range_count = 4,
                                               .no_faults = true, .fault_phase_ns = 3 * SIM_SEC}, &two_phase)
                         .conflicts;
    assert_true(conflicts > 0);
    assert_true(two_phase > 0);
}

/* Predicates over rows of several ranges; each writes what the others' do not name. */
TEST(scenario_57, predicates_over_ranges_exclude_each_other)
{
    uint64_t two_phase = 0;
    for (uint64_t seed = 31; seed < 31 + scenario_count(6); seed++)
        run(&(struct run_options){.seed = seed, .workload = "skew", .hot = seed % 2 == 0, .range_count = 5,
                                  .no_faults = seed % 3 == 0, .fault_phase_ns = 4 * SIM_SEC}, &two_phase);
}

TEST(scenario_58, accounts_of_many_ranges_are_closed_and_opened_and_the_sum_stays)
{
    uint64_t two_phase = 0;
    for (uint64_t seed = 41; seed < 41 + scenario_count(4); seed++)
        run(&(struct run_options){.seed = seed, .workload = "bank", .range_count = 6, .splits = true, .merges = true}, &two_phase);
    assert_true(two_phase > 0);
}

/* At each step of the protocol in turn. */
TEST(scenario_60, clients_that_walk_away_leave_all_or_nothing_in_all_ranges)
{
    uint64_t two_phase = 0;
    static const char *const workloads[] = {"append", "bank", "skew"};
    for (int cut = SQL_CUT_NONE + 1; cut < SQL_CUT_COUNT; cut++)
        for (uint64_t seed = 51; seed < 51 + scenario_count(1); seed++) {
            struct run_options options = {.seed = seed, .workload = workloads[(uint64_t)cut % 3], .range_count = 4,
                                          .no_faults = true, .cut = (enum sql_cut)cut, .fault_phase_ns = 2 * SIM_SEC};
            assert_true(run(&options, &two_phase).disconnects > 0);
        }
    assert_true(two_phase > 0);
}

TEST(scenario_60, commits_that_are_cancelled_have_happened_in_all_ranges_or_in_none)
{
    uint64_t two_phase = 0;
    static const char *const workloads[] = {"append", "bank", "skew"};
    for (uint64_t seed = 61; seed < 61 + scenario_count(6); seed++)
        run(&(struct run_options){.seed = seed, .workload = workloads[seed % 3], .range_count = 4,
                                  .no_faults = true, .cancel_ppm = SIM_ALWAYS / 5, .fault_phase_ns = 2 * SIM_SEC}, &two_phase);
    assert_true(two_phase > 0);
}

/* Sums and lists in ranges that move, are divided and united; the leader of the metadata range is killed too. */
TEST(scenario_68, ranges_move_under_transactions_that_write_to_several)
{
    uint64_t two_phase = 0;
    static const char *const workloads[] = {"append", "bank"};
    for (uint64_t seed = 71; seed < 71 + scenario_count(4); seed++)
        run(&(struct run_options){.seed = seed, .workload = workloads[seed % 2], .focus = "none", .range_count = 3,
                                  .splits = true, .merges = true, .moves = true, .deaths = true}, &two_phase);
    assert_true(two_phase > 0);
}
