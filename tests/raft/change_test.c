/* Members come and go; leadership is handed over. */
#include "tests/raft/cluster.h"
#include "tests/raft/lab.h"
#include "tests/test.h"

#define THREE 14u

TEST(raft_change, a_learner_is_added_catches_up_and_is_promoted)
{
    struct cluster *c = cluster_create(1, 3, 4, NULL);
    uint64_t leader = cluster_wait_leader(c);
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(cluster_propose(c, leader, 20), STATUS_OK);
    assert_int_equal(cluster_change(c, leader, THREE, 16), STATUS_OK);
    cluster_run(c, 1000 * MS);
    struct raft_progress p;
    assert_int_equal(raft_progress(c->nodes[leader].raft, 4, &p), STATUS_OK);
    assert_u64_equal(p.match_index, cluster_status(c, leader).last.index);
    assert_int_equal(cluster_change(c, leader, THREE | 16, 0), STATUS_OK);
    cluster_converge(c);
    assert_int_equal(cluster_status(c, 4).config->voter_count, 4);
    assert_int_equal(cluster_status(c, 4).config->outgoing_count, 0);
    cluster_destroy(c);
}

TEST(raft_change, a_whole_group_is_replaced)
{
    struct cluster *c = cluster_create(2, 3, 6, NULL);
    uint64_t leader = cluster_wait_leader(c);
    assert_int_equal(cluster_change(c, leader, 0x70, 0), STATUS_OK);
    cluster_run(c, 6000 * MS);
    for (uint64_t id = 1; id <= 3; id++)
        cluster_crash(c, id);
    leader = cluster_wait_leader(c);
    assert_true(leader >= 4);
    assert_int_equal(cluster_propose(c, leader, 20), STATUS_OK);
    cluster_run(c, 500 * MS);
    assert_u64_equal(cluster_status(c, leader).uncommitted_bytes, 0);
    cluster_destroy(c);
}

TEST(raft_change, a_removed_leader_leads_until_that_is_committed_and_names_a_successor)
{
    struct cluster *c = cluster_create(3, 3, 3, NULL);
    uint64_t old = cluster_wait_leader(c);
    uint64_t before_ns = c->now_ns;
    assert_int_equal(cluster_change(c, old, THREE & ~(1u << old), 0), STATUS_OK);
    while (cluster_leader(c) == old || cluster_leader(c) == 0)
        cluster_run(c, 1 * MS);
    assert_true(c->now_ns - before_ns < 200 * MS); /* no election timeout in between */
    uint64_t leader = cluster_wait_leader(c);
    cluster_run(c, 5000 * MS);
    assert_u64_equal(cluster_leader(c), leader); /* the removed one disturbs nobody */
    assert_int_equal(cluster_status(c, leader).config->voter_count, 2);
    cluster_destroy(c);
}

/* Raft §4.2.2. Only replica 1 has the entry that takes it out, uncommitted. The others cannot elect
 * anybody without a log as long as its own, so it has to campaign although it is no member by its
 * own log. */
TEST(raft_change, who_is_being_removed_still_campaigns_until_it_is_committed)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    lab_lead(&l, 4);
    lab_sync(&l);
    lab_ack(&l, 2, 2);
    assert_int_equal(lab_change(&l, lab_config(THREE & ~2u, 0, 0)), STATUS_OK); /* joint, entry 3 */
    lab_sync(&l);
    lab_ack(&l, 2, 3);
    lab_ack(&l, 3, 3); /* committed: entry 4 leaves it, and is only here */
    lab_sync(&l);
    assert_false(raft_config_has(lab_status(&l).config, 1));
    struct raft_message beat = {
        .kind = RAFT_MESSAGE_HEARTBEAT, .from = 3, .term = lab_status(&l).term + 1};
    assert_int_equal(lab_receive(&l, beat), STATUS_OK);
    lab_sync(&l); /* nobody stands while its own disk writes a term */
    lab_wait(&l, 3000 * LAB_MS);
    assert_int_equal(lab_status(&l).role, RAFT_ROLE_PRE_CANDIDATE);
    lab_lead(&l, 4 | 8);
    lab_sync(&l);
    lab_ack(&l, 2, lab_status(&l).last.index);
    lab_ack(&l, 3, lab_status(&l).last.index);
    assert_int_equal(lab_status(&l).role, RAFT_ROLE_FOLLOWER); /* its removal is committed */
    lab_forget(&l);
    lab_wait(&l, 5000 * LAB_MS);
    assert_int_equal(lab_status(&l).role, RAFT_ROLE_FOLLOWER);
    assert_null(lab_sent(&l, RAFT_MESSAGE_PRE_VOTE, 0));
    lab_deinit(&l);
}

TEST(raft_change, a_joint_configuration_is_left_by_whoever_leads_next)
{
    struct cluster *c = cluster_create(4, 3, 5, NULL);
    uint64_t old = cluster_wait_leader(c);
    assert_int_equal(cluster_change(c, old, (THREE & ~(1u << old)) | 0x30, 0), STATUS_OK);
    cluster_run(c, 3 * MS);
    cluster_crash(c, old);
    uint64_t leader = cluster_wait_leader(c);
    cluster_restart(c, old);
    cluster_run(c, 8000 * MS);
    leader = cluster_wait_leader(c);
    assert_int_equal(cluster_status(c, leader).config->outgoing_count, 0);
    cluster_converge(c);
    cluster_destroy(c);
}

TEST(raft_change, what_is_no_configuration_is_refused)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    assert_int_equal(lab_change(&l, lab_config(THREE, 0, 0)), STATUS_NOT_LEADER);
    lab_lead(&l, 4);
    lab_sync(&l);
    lab_ack(&l, 2, 2);
    assert_int_equal(lab_change(&l, lab_config(0, 0, 0)), STATUS_INVALID);
    assert_int_equal(lab_change(&l, lab_config(THREE, THREE, 0)), STATUS_INVALID);
    assert_int_equal(lab_change(&l, lab_config(THREE, 0, 2)), STATUS_INVALID);
    lab_deinit(&l);
}

TEST(raft_change, a_configuration_is_found_again_after_a_restart)
{
    struct cluster *c = cluster_create(5, 3, 5, NULL);
    uint64_t leader = cluster_wait_leader(c);
    assert_int_equal(cluster_change(c, leader, 0x3e, 0), STATUS_OK);
    cluster_run(c, 3000 * MS);
    for (uint64_t id = 1; id <= 5; id++) {
        if (id % 2 == 0) sim_node_flush(&c->nodes[id]); /* from the state, or from the log */
        cluster_crash(c, id);
    }
    for (uint64_t id = 1; id <= 5; id++)
        cluster_restart(c, id);
    cluster_converge(c);
    for (uint64_t id = 1; id <= 5; id++)
        assert_int_equal(cluster_status(c, id).config->voter_count, 5);
    cluster_destroy(c);
}

/* ---- transfer ---- */

TEST(raft_transfer, leadership_moves_without_an_election_timeout)
{
    struct cluster *c = cluster_create(6, 3, 3, NULL);
    uint64_t old = cluster_wait_leader(c), target = old % 3 + 1;
    uint64_t before_ns = c->now_ns;
    assert_int_equal(
        cluster_event(c, old, (struct raft_event){.kind = RAFT_EVENT_TRANSFER, .member = target}),
        STATUS_OK);
    while (cluster_leader(c) != target)
        cluster_run(c, 1 * MS);
    assert_true(c->now_ns - before_ns < 100 * MS);
    cluster_converge(c);
    cluster_destroy(c);
}

TEST(raft_transfer, the_target_is_brought_up_first)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    lab_lead(&l, 4);
    lab_sync(&l);
    lab_ack(&l, 2, 2);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(lab_propose(&l, "x"), STATUS_OK);
    lab_sync(&l);
    lab_forget(&l);
    assert_int_equal(lab_step(&l, (struct raft_event){.kind = RAFT_EVENT_TRANSFER, .member = 2}),
                     STATUS_OK);
    assert_null(lab_sent(&l, RAFT_MESSAGE_TIMEOUT_NOW, 2));
    lab_ack(&l, 2, 5);
    assert_non_null(lab_sent(&l, RAFT_MESSAGE_TIMEOUT_NOW, 2));
    lab_deinit(&l);
}

TEST(raft_transfer, is_given_up_after_an_election_timeout)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    lab_lead(&l, 4);
    lab_sync(&l);
    lab_ack(&l, 2, 2);
    assert_int_equal(lab_step(&l, (struct raft_event){.kind = RAFT_EVENT_TRANSFER, .member = 3}),
                     STATUS_OK);
    assert_int_equal(lab_propose(&l, "x"), STATUS_NOT_LEADER);
    for (uint32_t i = 0; i < 10; i++) { /* replica 2 keeps us leader, replica 3 is gone */
        lab_forget(&l);
        lab_wait(&l, 100 * LAB_MS);
        lab_ack(&l, 2, 2);
    }
    assert_int_equal(lab_status(&l).role, RAFT_ROLE_LEADER);
    assert_false(lab_status(&l).transferring);
    assert_int_equal(lab_propose(&l, "x"), STATUS_OK);
    lab_deinit(&l);
}

TEST(raft_transfer, goes_to_the_most_caught_up_voter_when_none_is_named)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(30u, 0, 32u));
    lab_lead(&l, 4 | 8);
    lab_sync(&l);
    assert_int_equal(lab_propose(&l, "x"), STATUS_OK);
    lab_sync(&l);
    lab_ack(&l, 2, 2);
    lab_ack(&l, 3, 3);
    lab_ack(&l, 5, 3); /* a learner */
    assert_int_equal(lab_step(&l, (struct raft_event){.kind = RAFT_EVENT_TRANSFER}), STATUS_OK);
    assert_non_null(lab_sent(&l, RAFT_MESSAGE_TIMEOUT_NOW, 3));
    assert_int_equal(lab_sent_count(&l, RAFT_MESSAGE_TIMEOUT_NOW, 0), 1);
    lab_deinit(&l);
}

TEST(raft_transfer, a_learner_or_a_stranger_is_no_target)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 16));
    struct raft_event event = {.kind = RAFT_EVENT_TRANSFER, .member = 4};
    assert_int_equal(lab_step(&l, event), STATUS_NOT_LEADER);
    lab_lead(&l, 4);
    assert_int_equal(lab_step(&l, event), STATUS_NOT_FOUND);
    event.member = 9;
    assert_int_equal(lab_step(&l, event), STATUS_NOT_FOUND);
    event.member = 1;
    assert_int_equal(lab_step(&l, event), STATUS_OK); /* it leads already */
    assert_false(lab_status(&l).transferring);
    lab_deinit(&l);
}
