/* Scenarios of changing memberships by their numbers (tests/sim/scenario/README.md): whole groups on a bad network. The
 * checkers of cluster.h look after every step; here stands what makes the trap, and what has to come of it. */
#include <stdlib.h>

#include "base/assert.h"
#include "tests/raft/cluster.h"
#include "tests/test.h"

#define SEEDS 12u
#define BIT(id) (1u << (id))
#define THREE (BIT(1) | BIT(2) | BIT(3))
#define FIVE (THREE | BIT(4) | BIT(5))

static struct cluster *group(uint64_t seed, uint32_t voters, uint32_t nodes)
{
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    if (mutant != NULL) assert_true(mutant_select(mutant) > 0);
    return cluster_create(seed, voters, nodes, NULL);
}

static void cut_from_all_but(struct cluster *c, uint64_t id, uint32_t kept)
{
    for (uint64_t other = 1; other <= c->node_count; other++)
        if (other != id) cluster_cut(c, id, other, (kept & BIT(other)) == 0);
}

/* Somebody else than that one leads and has committed in its term. */
static uint64_t other_leader(struct cluster *c, uint64_t than)
{
    for (uint32_t i = 0; i < 3000; i++) {
        uint64_t leader = cluster_leader(c);
        if (leader != 0 && leader != than && cluster_status(c, leader).own_term_committed) return leader;
        cluster_run(c, 10 * MS);
    }
    fail_msg("seed %llu: nobody leads", (unsigned long long)c->seed);
    return 0;
}

/* The group is left by its joint configuration and has this many voters. */
static bool has_voters(struct cluster *c, uint64_t id, uint32_t count)
{
    const struct raft_status s = cluster_status(c, id);
    return s.config->voter_count == count && s.config->outgoing_count == 0 && !s.config_pending;
}

static void change_until(struct cluster *c, uint32_t voters, uint32_t count)
{
    for (uint32_t i = 0; i < 400; i++) {
        uint64_t leader = cluster_wait_leader(c);
        if (has_voters(c, leader, count)) return;
        (void)!cluster_change(c, leader, voters, 0);
        cluster_run(c, 50 * MS);
    }
    fail_msg("seed %llu: the change to %u voters never ends", (unsigned long long)c->seed, count);
}

/* K1. A leader in a minority has a change that is not committed, the next one has another, and goes the same way; then
 * the first one comes back. Neither change may ever have given two majorities that do not meet. */
TEST(scenario_01, changes_of_two_leaders_never_make_two_logs)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = group(seed, 4, 6);
        uint64_t a = cluster_wait_leader(c), friend = a % 4 + 1;
        cut_from_all_but(c, a, seed % 2 == 0 ? BIT(friend) : 0);
        assert_int_equal(cluster_change(c, a, BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5), 0), STATUS_OK);
        (void)!cluster_propose(c, a, 20);
        uint64_t b = seed % 2 == 0 ? 0 : other_leader(c, a);
        if (b != 0) { /* it removes somebody, and is cut off before or after others hear of it */
            assert_int_equal(cluster_change(c, b, FIVE & ~BIT(5) & ~BIT(a), 0), STATUS_OK);
            (void)!cluster_propose(c, b, 20);
            cluster_run(c, seed % 3 * MS);
            cut_from_all_but(c, b, 0);
        }
        cluster_run(c, 300 * MS);
        for (uint64_t other = 1; other <= c->node_count; other++)
            if (other != a && other != b) cluster_cut(c, a, other, false); /* the first one is back, the second is not */
        uint64_t leader = cluster_wait_leader(c);
        (void)!cluster_propose(c, leader, 20);
        cluster_run(c, 2000 * MS);
        cluster_heal(c);
        leader = cluster_wait_leader(c);
        assert_int_equal(cluster_propose(c, leader, 20), STATUS_OK);
        cluster_converge(c);
        cluster_destroy(c);
    }
}

/* K3. Of four voters one does not know that it was promoted, and one dies: without the vote of the one that does not know
 * there is no majority. */
TEST(scenario_03, a_voter_that_does_not_know_that_it_is_one_votes)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = group(seed, 3, 4);
        uint64_t old = cluster_wait_leader(c);
        assert_int_equal(cluster_change(c, old, THREE, BIT(4)), STATUS_OK);
        cluster_run(c, 1000 * MS);
        cluster_isolate(c, 4, true);
        assert_int_equal(cluster_change(c, old, THREE | BIT(4), 0), STATUS_OK);
        for (uint32_t i = 0; i < 1000 && !has_voters(c, old, 4); i++) cluster_run(c, 1 * MS);
        assert_true(has_voters(c, old, 4));
        assert_int_equal(cluster_status(c, 4).config->voter_count, 3);
        cluster_crash(c, old);
        cluster_isolate(c, 4, false);
        uint64_t leader = other_leader(c, old);
        assert_int_equal(cluster_propose(c, leader, 20), STATUS_OK);
        cluster_restart(c, old);
        cluster_converge(c);
        assert_int_equal(cluster_status(c, 4).config->voter_count, 4);
        cluster_destroy(c);
    }
}

/* K4. The leader hears a learner and nobody else; who was removed campaigns with all its might. */
TEST(scenario_04, learners_and_those_who_were_removed_count_for_nothing)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = group(seed, 4, 5);
        uint64_t leader = cluster_wait_leader(c), gone = leader % 4 + 1;
        uint32_t voters = (THREE | BIT(4)) & ~BIT(gone);
        cluster_isolate(c, gone, true); /* it does not hear that it is none any more */
        assert_int_equal(cluster_change(c, leader, voters, BIT(5)), STATUS_OK);
        for (uint32_t i = 0; i < 2000 && !has_voters(c, leader, 3); i++) cluster_run(c, 1 * MS);
        assert_true(has_voters(c, leader, 3));
        cluster_run(c, 1000 * MS);
        uint64_t committed = cluster_status(c, leader).commit_index;
        for (uint64_t other = 1; other <= 4; other++)
            if (other != leader && other != gone) cluster_cut(c, leader, other, true);
        cluster_isolate(c, gone, false);
        for (uint32_t i = 0; i < 5; i++) {
            (void)!cluster_propose(c, leader, 20); /* the learner has it at once */
            (void)!cluster_event(c, gone, (struct raft_event){.kind = RAFT_EVENT_CAMPAIGN});
            (void)!cluster_event(c, 5, (struct raft_event){.kind = RAFT_EVENT_CAMPAIGN});
            cluster_run(c, 20 * MS);
            assert_u64_equal(cluster_status(c, leader).commit_index, committed);
        }
        for (uint32_t i = 0; i < 20; i++) {
            (void)!cluster_event(c, gone, (struct raft_event){.kind = RAFT_EVENT_CAMPAIGN});
            (void)!cluster_event(c, 5, (struct raft_event){.kind = RAFT_EVENT_CAMPAIGN});
            assert_int_equal(cluster_status(c, 5).role, RAFT_ROLE_FOLLOWER);
            cluster_run(c, 100 * MS);
            assert_int_not_equal(cluster_status(c, gone).role, RAFT_ROLE_LEADER);
            assert_int_equal(cluster_status(c, 5).role, RAFT_ROLE_FOLLOWER);
        }
        cluster_heal(c);
        leader = cluster_wait_leader(c);
        assert_true((voters & BIT(leader)) != 0);
        assert_int_equal(cluster_propose(c, leader, 20), STATUS_OK);
        cluster_run(c, 3000 * MS);
        assert_u64_equal(cluster_status(c, cluster_wait_leader(c)).uncommitted_bytes, 0);
        cluster_destroy(c);
    }
}

/* K20. What is proposed while leadership is handed over is refused; what was before is applied once; a change of members
 * that is under way ends, and none begins. */
TEST(scenario_15, a_transfer_loses_nothing_that_is_in_flight)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = group(seed, 3, 5);
        uint32_t wanted = THREE;
        for (uint32_t round = 0; round < 6; round++) {
            uint64_t leader = cluster_wait_leader(c), target = leader % 3 + 1;
            uint64_t before = cluster_status(c, leader).last.index, accepted = 0;
            for (uint32_t i = 0; i < 5; i++) accepted += cluster_propose(c, leader, 20) == STATUS_OK;
            if (round % 2 == 1) {
                wanted ^= BIT(4) | BIT(5);
                (void)!cluster_change(c, leader, wanted, 0);
            }
            struct raft_event event = {.kind = RAFT_EVENT_TRANSFER, .member = target};
            assert_int_equal(cluster_event(c, leader, event), STATUS_OK);
            assert_int_equal(cluster_propose(c, leader, 20), STATUS_NOT_LEADER);
            assert_int_not_equal(cluster_change(c, leader, THREE, BIT(4)), STATUS_OK);
            cluster_run(c, 3000 * MS);
            leader = cluster_wait_leader(c);
            assert_true(cluster_status(c, leader).commit_index >= before + accepted);
            assert_int_equal(cluster_status(c, leader).config->outgoing_count, 0);
        }
        cluster_converge(c);
        cluster_destroy(c);
    }
}

/* Those who were removed come back from a long absence, under ids that are no members, and disturb nobody; groups of
 * every size on the way, even ones too, have the quorum that they should. */
TEST(scenario_16, five_to_one_to_five_with_new_replicas)
{
    for (uint64_t seed = 1; seed <= SEEDS / 2; seed++) {
        struct cluster *c = group(seed, 5, 9);
        uint64_t leader = cluster_wait_leader(c);
        uint32_t alone = BIT(leader);
        uint32_t away = 0, left = FIVE, count = 5;
        for (uint64_t id = 1; id <= 5 && count > 3; id++) { /* two never hear of it; they go first */
            if (id == leader || (seed + id) % 3 == 0) continue;
            cluster_isolate(c, id, true);
            away |= BIT(id);
            left &= ~BIT(id);
            change_until(c, left, --count);
        }
        for (uint64_t id = 1; id <= 5; id++) {
            if (id == leader || (away & BIT(id)) != 0) continue;
            left &= ~BIT(id);
            change_until(c, left, --count);
        }
        assert_int_equal(count, 1);
        leader = cluster_wait_leader(c);
        assert_int_equal(cluster_propose(c, leader, 20), STATUS_OK);
        cluster_run(c, 200 * MS);
        assert_u64_equal(cluster_status(c, leader).uncommitted_bytes, 0);
        change_until(c, alone | BIT(6), 2);
        cluster_crash(c, 6); /* two voters: one is no majority */
        uint64_t committed = cluster_status(c, leader).commit_index;
        (void)!cluster_propose(c, leader, 20);
        cluster_run(c, 50 * MS);
        assert_u64_equal(cluster_status(c, leader).commit_index, committed);
        cluster_restart(c, 6);
        alone |= BIT(6);
        for (uint64_t id = 7; id <= 9; id++) {
            alone |= BIT(id);
            change_until(c, alone, (uint32_t)id - 4);
        }
        for (uint64_t id = 1; id <= 5; id++) cluster_isolate(c, id, false);
        leader = cluster_wait_leader(c);
        uint64_t term = cluster_status(c, leader).term;
        for (uint32_t i = 0; i < 20; i++) {
            for (uint64_t id = 1; id <= 5; id++)
                if ((alone & BIT(id)) == 0) (void)!cluster_event(c, id, (struct raft_event){.kind = RAFT_EVENT_CAMPAIGN});
            cluster_run(c, 100 * MS);
        }
        assert_u64_equal(cluster_wait_leader(c), leader);
        assert_u64_equal(cluster_status(c, leader).term, term);
        assert_int_equal(cluster_status(c, leader).config->voter_count, 5);
        cluster_destroy(c);
    }
}

/* K15. The joint entry has others behind it when everybody starts anew; it is found again and left once. */
TEST(scenario_17, a_joint_configuration_in_the_middle_of_the_log_survives_and_is_left_once)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = group(seed, 3, 5);
        uint64_t leader = cluster_wait_leader(c);
        cluster_isolate(c, 4, true); /* the new half cannot agree */
        cluster_isolate(c, 5, true);
        assert_int_equal(cluster_change(c, leader, BIT(1) | BIT(4) | BIT(5), 0), STATUS_OK);
        for (uint32_t i = 0; i < 10; i++) (void)!cluster_propose(c, leader, 20);
        cluster_run(c, 100 * MS);
        assert_true(cluster_status(c, leader).config->outgoing_count > 0);
        uint64_t joint = cluster_status(c, leader).last.index;
        for (uint64_t id = 1; id <= 5; id++) cluster_crash(c, id);
        cluster_run(c, 100 * MS);
        for (uint64_t id = 1; id <= 5; id++) cluster_restart(c, id);
        assert_true(cluster_status(c, leader).config->outgoing_count > 0);
        cluster_isolate(c, 4, false);
        cluster_isolate(c, 5, false);
        for (uint32_t i = 0; i < 3000 && !has_voters(c, cluster_wait_leader(c), 3); i++) cluster_run(c, 10 * MS);
        leader = cluster_wait_leader(c);
        assert_true(has_voters(c, leader, 3));
        assert_true(raft_config_has(cluster_status(c, leader).config, 4));
        /* no-ops of the new leaders, and one entry that leaves it */
        assert_true(cluster_status(c, leader).last.index <= joint + 1 + c->elections);
        assert_int_equal(cluster_propose(c, leader, 20), STATUS_OK);
        cluster_run(c, 1000 * MS);
        assert_u64_equal(cluster_status(c, leader).uncommitted_bytes, 0);
        cluster_destroy(c);
    }
}

/* The same by chance, with snapshots: logs are cut while members change, and nodes crash in between. */
TEST(scenario_17, joint_configurations_travel_in_snapshots)
{
    for (uint64_t seed = 1; seed <= SEEDS / 2; seed++) {
        struct cluster *c = group(100 + seed, 3, 6);
        cluster_chaos(c, 60, CHAOS_CHANGE | CHAOS_TRUNCATE | CHAOS_CRASH);
        cluster_converge(c);
        assert_int_equal(cluster_status(c, cluster_wait_leader(c)).config->outgoing_count, 0);
        cluster_destroy(c);
    }
}
