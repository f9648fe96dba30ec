/* Whole clusters under faults, as named facts. OSTRAKA_TEST_SIZE (quick, normal, full) says how many seeds. */
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "tests/sim/cluster/run.h"

static uint64_t seed_count(uint64_t quick, uint64_t normal, uint64_t full)
{
    const char *size = getenv("OSTRAKA_TEST_SIZE");
    if (size != NULL && strcmp(size, "quick") == 0) return quick;
    return size != NULL && strcmp(size, "full") == 0 ? full : normal;
}

static bool seed_passes(uint64_t seed, bool loud)
{
    struct run_options options = {.seed = seed};
    struct run_result result;
    run_once(&options, &result, NULL);
    if (!result.passed && loud)
        fprintf(stderr, "seed %llu: %s (ostraka-sim --seed %llu)\n", (unsigned long long)seed, result.failure,
                (unsigned long long)seed);
    return result.passed;
}

TEST(simulation, same_seed_gives_the_same_bytes)
{
    for (uint64_t seed = 1; seed <= seed_count(2, 5, 100); seed++) {
        struct run_options options = {.seed = seed};
        struct run_result first, second;
        run_once(&options, &first, NULL);
        run_once(&options, &second, NULL);
        assert_true(first.passed);
        assert_u64_equal(first.hash, second.hash);
    }
}

TEST(simulation, fixed_seeds_pass)
{
    for (uint64_t seed = 1; seed <= seed_count(5, 60, 1000); seed++) assert_true(seed_passes(seed, true));
}

TEST(simulation, fresh_seeds_pass)
{
    uint64_t first = (uint64_t)time(NULL) * 1000;
    for (uint64_t seed = first; seed < first + seed_count(2, 20, 2000); seed++)
        assert_true(seed_passes(seed, true));
}

/* Machines go down at the steps of commits over several ranges, whose keys are read in the past meanwhile, at replicas too. */
static void read_the_past(const struct run_options *like, uint64_t first, uint64_t count)
{
    struct run_options options = *like;
    uint64_t deaths = 0, two_phase = 0, staged = 0, at_replica = 0;
    for (options.seed = first; options.seed < first + count; options.seed++) {
        struct run_result result;
        run_once(&options, &result, NULL);
        if (!result.passed) fprintf(stderr, "seed %llu: %s\n", (unsigned long long)options.seed, result.failure);
        assert_true(result.passed);
        deaths += result.deaths;
        two_phase += result.two_phase;
        staged += result.staged;
        at_replica += result.at_replica;
    }
    assert_true(deaths > 0 && two_phase > 0 && staged > 0 && at_replica > 0);
}

TEST(simulation, the_past_is_read_while_who_commits_dies_at_each_step)
{
    struct run_options options = {.workload = "past", .range_count = 3, .deaths = true};
    read_the_past(&options, 2, seed_count(2, 6, 200));
}

TEST(simulation, the_past_is_read_while_ranges_divide_unite_and_move)
{
    struct run_options options = {.workload = "past", .range_count = 3, .deaths = true, .splits = true, .merges = true, .moves = true};
    read_the_past(&options, 2, seed_count(2, 4, 200));
}

/* A request frame that the network delivered twice was executed twice: the second execution answered
 * "conflict" for a write that the first had made (rpc.c, RPC-1). */
TEST(simulation, repeated_request_is_executed_once)
{
    for (uint64_t seed = 9; seed <= 15; seed += 6) {
        struct run_options options = {.seed = seed, .no_crashes = true, .workload = "keys"};
        struct run_result result;
        run_once(&options, &result, NULL);
        assert_true(result.passed);
    }
}

/* A node stops while its store is being opened: reads ahead of the engine are still under way, and the store that is
 * refused then may be closed only when they have ended. */
TEST(simulation, a_store_refused_while_it_opens_waits_for_its_reads)
{
    assert_true(seed_passes(10958, true));
}

static bool splits_pass(uint64_t seed, uint32_t ranges)
{
    struct run_options options = {.seed = seed, .range_count = ranges, .splits = true};
    struct run_result result;
    run_once(&options, &result, NULL);
    if (!result.passed) fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, result.failure);
    return result.passed;
}

/* A voter got the left side by a snapshot from after the split, another one lost its disk: a candidate asked for the
 * vote of a replica that only a leader's message would have made (birth.c). */
TEST(simulation, a_right_side_that_a_minority_has_made_finds_its_leader)
{
    assert_true(splits_pass(6, 1));
    assert_true(splits_pass(60, 1));
}

/* It was told that it is out before the metadata range was, and followed its leader peacefully ever after. */
TEST(simulation, who_is_out_of_its_range_is_destroyed)
{
    assert_true(seed_passes(14, true));
}

static bool moves_pass(uint64_t seed)
{
    struct run_options options = {.seed = seed, .moves = true};
    struct run_result result;
    run_once(&options, &result, NULL);
    if (!result.passed) fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, result.failure);
    return result.passed;
}

/* It heard of a new leader, and not that this one took it out: it followed in peace, and was never told. */
TEST(simulation, who_is_out_and_follows_in_peace_is_told)
{
    assert_true(moves_pass(140));
}

/* The node that was to take over was drained meanwhile: the range was left with two voters, and one disk was wiped. */
TEST(simulation, a_leaving_node_keeps_its_replicas_while_nobody_takes_them)
{
    assert_true(moves_pass(196));
}
