/* Fortified leases at one replica: what ends them, what frees a voter, who is asked. What must not
 * happen is in lease_scenarios.c; conversations are in tests/data/raft/lease*.txt. */
#include "tests/raft/lease_lab.h"
#include "tests/raft/lease_scenarios.h"
#include "tests/test.h"

TEST(raft_lease, a_sole_voter_needs_nobody)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(2u, 0, 0));
    lab_lead(&l, 0);
    assert_true(lab_status(&l).lease_until_ns == UINT64_MAX);
    lab_deinit(&l);
}

TEST(raft_lease, it_runs_to_the_end_that_a_majority_has_promised)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(0x3e, 0, 0)); /* 1 to 5 */
    lab_lead(&l, 1u << 2 | 1u << 3);
    lab_ack(&l, 2, 2);
    lab_ack(&l, 3, 2);
    lab_sync(&l);
    for (uint64_t id = 2; id <= 4; id++) {
        lease_received(&l, id, 1, l.now_ns + id * 100 * LAB_MS);
        lease_promised(&l, id, 1, 1);
    }
    assert_int_equal(lab_status(&l).lease_until_ns, l.now_ns + 300 * LAB_MS);
    lab_deinit(&l);
}

static struct raft *heir_of_three(void)
{
    struct raft_options options = {.id = 1, .seed = 7};
    struct raft_restore restore = {.hard_state = {.term = 6, .commit = 10}, .start = {5, 10}, .applied_index = 10,
                                   .config = LEASE_THREE, .newborn = true};
    struct raft_event inherit = {.kind = RAFT_EVENT_INHERIT, .now_ns = LAB_MS};
    struct raft_output out;
    struct raft *raft;
    assert_int_equal(raft_create(&options, &restore, &raft), STATUS_OK);
    assert_int_equal(raft_start(raft, LAB_MS, false, &out), STATUS_OK);
    struct raft_event support = {.kind = RAFT_EVENT_SUPPORT, .now_ns = LAB_MS, .support = {2, 0, 0, 4, 100 * LAB_MS}};
    assert_int_equal(raft_step(raft, &support, &out), STATUS_OK);
    assert_int_equal(raft_step(raft, &inherit, &out), STATUS_OK);
    return raft;
}

static enum status heir_hears(struct raft *raft, struct raft_message m)
{
    struct raft_output out;
    m.to = 1;
    struct raft_event event = {.kind = RAFT_EVENT_MESSAGE, .now_ns = LAB_MS, .message = &m};
    return raft_step(raft, &event, &out);
}

TEST(raft_lease, an_heir_needs_promises_only)
{
    struct raft *raft = heir_of_three();
    assert_true(raft_is_heir(raft));
    assert_u64_equal(raft_lease_until(raft), 0);
    struct raft_message promise = {.kind = RAFT_MESSAGE_FORTIFY_REPLY, .from = 2, .term = 6, .read_seq = 1, .support_epoch = 4};
    assert_int_equal(heir_hears(raft, promise), STATUS_OK);
    assert_u64_equal(raft_commit_index(raft), 10); /* its own entry is not committed */
    assert_u64_equal(raft_lease_until(raft), 100 * LAB_MS);
    struct raft_message later = {.kind = RAFT_MESSAGE_APPEND_REPLY, .from = 3, .term = 7, .reject = true};
    assert_int_equal(heir_hears(raft, later), STATUS_OK);
    assert_false(raft_is_heir(raft));
    assert_u64_equal(raft_lease_until(raft), 0);
    raft_destroy(raft);
}

TEST(raft_lease, learners_are_not_asked_and_not_counted)
{
    struct lab l;
    lease_lead(&l, lab_config(2u | 1u << 2 | 1u << 3, 0, 1u << 4));
    lab_forget(&l);
    lease_received(&l, 4, 1, l.now_ns + 500 * LAB_MS);
    assert_null(lab_sent(&l, RAFT_MESSAGE_FORTIFY, 4));
    lease_promised(&l, 4, 1, 1);
    assert_int_equal(lab_status(&l).lease_until_ns, 0);
    lab_deinit(&l);
}

TEST(raft_lease, a_promise_without_support_is_not_given)
{
    struct lab l;
    lab_init(&l, NULL, LEASE_THREE);
    lease_given(&l, 2, 3, l.now_ns); /* lapsed */
    struct raft_message ask = {.kind = RAFT_MESSAGE_FORTIFY, .from = 2, .term = 2, .read_seq = 1};
    lease_message(&l, ask);
    lab_sync(&l);
    assert_null(lab_sent(&l, RAFT_MESSAGE_FORTIFY_REPLY, 2));
    assert_int_equal(lab_status(&l).leader, 2); /* but it is heard as the leader's word */
    lab_deinit(&l);
}

TEST(raft_lease, a_promise_of_an_older_epoch_binds_no_more)
{
    struct lab l;
    lab_init(&l, NULL, LEASE_THREE);
    lease_bind(&l, 2, 2, 1, 7, l.now_ns + 5000 * LAB_MS);
    lab_wait(&l, 1000 * LAB_MS);
    lease_given(&l, 2, 8, l.now_ns + 5000 * LAB_MS); /* its store began anew */
    assert_true(lease_vote_granted(&l, 3, 3, 2, LEASE_NONE));
    lab_deinit(&l);
}

TEST(raft_lease, a_leader_that_steps_down_releases_and_has_none)
{
    struct lab l;
    lease_lead(&l, LEASE_THREE);
    lease_received(&l, 3, 5, l.now_ns + 500 * LAB_MS);
    lease_promised(&l, 3, 1, 5);
    lab_forget(&l);
    lease_message(&l, (struct raft_message){.kind = RAFT_MESSAGE_READ_INDEX, .from = 2, .term = 9});
    assert_int_equal(lab_status(&l).role, RAFT_ROLE_FOLLOWER);
    assert_int_equal(lab_status(&l).lease_until_ns, 0);
    const struct raft_message *release = lab_sent(&l, RAFT_MESSAGE_FORTIFY, 3);
    assert_true(release != NULL && release->reject && release->hint_term == 2);
    lab_deinit(&l);
}

TEST(raft_lease, a_release_frees_the_voter_whatever_its_term)
{
    struct lab l;
    lab_init(&l, NULL, LEASE_THREE);
    lease_bind(&l, 2, 4, 1, 7, l.now_ns + 5000 * LAB_MS);
    lease_message(&l, (struct raft_message){.kind = RAFT_MESSAGE_READ_INDEX, .from = 3, .term = 6});
    struct raft_message release = {
        .kind = RAFT_MESSAGE_FORTIFY, .from = 2, .term = 5, .reject = true, .hint_term = 3};
    lease_message(&l, release); /* of an earlier term than the promise */
    assert_false(lease_vote_granted(&l, 3, 7, 4, LEASE_NONE));
    release.hint_term = 4;
    lease_message(&l, release);
    assert_true(lease_vote_granted(&l, 3, 7, 4, LEASE_NONE));
    lab_deinit(&l);
}

TEST(raft_lease, who_is_asked_back_releases_what_it_does_not_hold)
{
    struct lab l;
    lease_lead(&l, LEASE_THREE);
    struct raft_message ask = {
        .kind = RAFT_MESSAGE_FORTIFY_REPLY, .from = 3, .term = 2, .reject = true, .hint_term = 2};
    lab_forget(&l);
    lease_message(&l, ask);
    assert_null(lab_sent(&l, RAFT_MESSAGE_FORTIFY, 3)); /* it does hold that one */
    ask.term = ask.hint_term = 1;
    lease_message(&l, ask);
    assert_true(lab_sent(&l, RAFT_MESSAGE_FORTIFY, 3)->reject);
    lab_deinit(&l);
}

TEST(raft_lease, an_aborted_transfer_begins_another_fortification)
{
    struct lab l;
    lease_lead(&l, LEASE_THREE);
    uint64_t until_ns = l.now_ns + 5000 * LAB_MS;
    lease_received(&l, 3, 5, until_ns);
    lease_promised(&l, 3, 1, 5);
    struct raft_event event = {.kind = RAFT_EVENT_TRANSFER, .member = 2};
    assert_int_equal(lab_step(&l, event), STATUS_OK);
    lab_forget(&l);
    lab_wait(&l, 600 * LAB_MS);
    assert_false(lab_status(&l).transferring);
    assert_int_equal(lab_sent(&l, RAFT_MESSAGE_FORTIFY, 3)->read_seq, 2);
    lease_promised(&l, 3, 1, 5); /* late */
    assert_int_equal(lab_status(&l).lease_until_ns, 0);
    lease_promised(&l, 3, 2, 5);
    assert_int_equal(lab_status(&l).lease_until_ns, until_ns);
    lab_deinit(&l);
}

TEST(raft_lease, a_late_forced_vote_does_not_depose_who_was_fortified_anew)
{
    struct lab l;
    lease_lead(&l, LEASE_THREE);
    lease_received(&l, 2, 5, l.now_ns + 5000 * LAB_MS);
    struct raft_event event = {.kind = RAFT_EVENT_TRANSFER, .member = 2};
    assert_int_equal(lab_step(&l, event), STATUS_OK);
    lab_wait(&l, 600 * LAB_MS);
    lease_promised(&l, 2, 2, 5);
    assert_false(lease_vote_granted(&l, 2, 3, 2, (struct log_pos){2, 1}));
    assert_int_equal(lab_status(&l).role, RAFT_ROLE_LEADER);
    lab_deinit(&l);
}

TEST(raft_lease, a_bound_target_ignores_an_older_order_to_stand)
{
    struct lab l;
    lab_init(&l, NULL, LEASE_THREE);
    lease_bind(&l, 2, 2, 2, 7, l.now_ns + 5000 * LAB_MS);
    struct raft_message order = {
        .kind = RAFT_MESSAGE_TIMEOUT_NOW, .from = 2, .term = 2, .read_seq = 1};
    lease_message(&l, order);
    assert_int_equal(lab_status(&l).role, RAFT_ROLE_FOLLOWER);
    order.read_seq = 2;
    lease_message(&l, order);
    assert_int_equal(lab_status(&l).role, RAFT_ROLE_CANDIDATE);
    lab_sync(&l);
    const struct raft_message *vote = lab_sent(&l, RAFT_MESSAGE_VOTE, 3);
    assert_true(vote->force && vote->hint_term == 2 && vote->hint_index == 2);
    lab_deinit(&l);
}

TEST(raft_rest, held_follower_is_quiet_and_stands_when_support_has_lapsed)
{
    held_follower_stands_when_support_has_lapsed();
}
