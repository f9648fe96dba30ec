#include "tests/raft/lease_scenarios.h"

#include "tests/raft/lease_lab.h"

static void counts_promises_only(void)
{
    struct lab l;
    lease_lead(&l, LEASE_THREE);
    uint64_t until_ns = l.now_ns + 500 * LAB_MS;
    lease_received(&l, 2, 5, until_ns);
    lease_received(&l, 3, 5, until_ns);
    ASSERT(lab_status(&l).lease_until_ns == 0);
    lease_promised(&l, 2, 1, 5);
    ASSERT(lab_status(&l).lease_until_ns == until_ns);
    lab_deinit(&l);
}

static void counts_promises_of_this_epoch(void)
{
    struct lab l;
    lease_lead(&l, LEASE_THREE);
    lease_received(&l, 2, 5, l.now_ns + 500 * LAB_MS);
    lease_promised(&l, 2, 1, 5);
    ASSERT(lab_status(&l).lease_until_ns != 0);
    lab_forget(&l);
    lease_received(&l, 2, 6, l.now_ns + 900 * LAB_MS); /* it had lapsed, or started anew */
    ASSERT(lab_status(&l).lease_until_ns == 0);
    ASSERT(lab_sent(&l, RAFT_MESSAGE_FORTIFY, 2) != NULL);
    lease_promised(&l, 2, 1, 6);
    ASSERT(lab_status(&l).lease_until_ns == l.now_ns + 900 * LAB_MS);
    lab_deinit(&l);
}

/* Long after the leader was heard of last: nothing but the promise speaks against it. */
static void bound_voter_votes_for_nobody(void)
{
    struct lab l;
    lab_init(&l, NULL, LEASE_THREE);
    lease_bind(&l, 2, 2, 1, 7, l.now_ns + 5000 * LAB_MS);
    lab_wait(&l, 3000 * LAB_MS);
    ASSERT(!lease_vote_granted(&l, 3, 3, 1, LEASE_NONE));
    ASSERT(lab_status(&l).term == 2);
    const struct raft_message *asked = lab_sent(&l, RAFT_MESSAGE_FORTIFY_REPLY, 2);
    ASSERT(asked != NULL && asked->reject && asked->hint_term == 2);
    lab_wait(&l, 2000 * LAB_MS); /* the support has lapsed */
    ASSERT(lease_vote_granted(&l, 3, 9, 1, LEASE_NONE));
    lab_deinit(&l);
}

static void bound_voter_does_not_stand(void)
{
    struct lab l;
    lab_init(&l, NULL, LEASE_THREE);
    lease_bind(&l, 2, 2, 1, 7, l.now_ns + 5000 * LAB_MS);
    lab_wait(&l, 4000 * LAB_MS);
    ASSERT(lab_status(&l).role == RAFT_ROLE_FOLLOWER);
    ASSERT(lab_step(&l, (struct raft_event){.kind = RAFT_EVENT_CAMPAIGN}) == STATUS_OK);
    ASSERT(lab_sent(&l, RAFT_MESSAGE_PRE_VOTE, 0) == NULL);
    lab_wait(&l, 1300 * LAB_MS);
    ASSERT(lab_sent(&l, RAFT_MESSAGE_PRE_VOTE, 0) != NULL); /* soon after it lapsed */
    lab_deinit(&l);
}

static void promise_outlives_a_rumour(void)
{
    struct lab l;
    lab_init(&l, NULL, LEASE_THREE);
    lease_bind(&l, 2, 2, 1, 7, l.now_ns + 5000 * LAB_MS);
    lease_message(&l, (struct raft_message){.kind = RAFT_MESSAGE_READ_INDEX, .from = 3, .term = 5});
    ASSERT(lab_status(&l).term == 5);
    ASSERT(!lease_vote_granted(&l, 3, 6, 1, LEASE_NONE));
    ASSERT(!lease_vote_granted(&l, 3, 5, 1, LEASE_NONE));
    /* Another leader is more than a rumour. */
    lease_message(&l, (struct raft_message){.kind = RAFT_MESSAGE_HEARTBEAT, .from = 3, .term = 5});
    lab_wait(&l, 590 * LAB_MS);
    lease_message(&l, (struct raft_message){.kind = RAFT_MESSAGE_READ_INDEX, .from = 2, .term = 6});
    ASSERT(lease_vote_granted(&l, 2, 7, 1, LEASE_NONE));
    lab_deinit(&l);
}

static void promise_yields_to_a_later_term_only(void)
{
    struct lab l;
    lab_init(&l, NULL, LEASE_THREE);
    lease_bind(&l, 2, 2, 1, 7, l.now_ns + 5000 * LAB_MS);
    lab_wait(&l, 2000 * LAB_MS);
    ASSERT(!lease_vote_granted(&l, 3, 9, 2, LEASE_NONE));
    ASSERT(lease_vote_granted(&l, 3, 10, 3, LEASE_NONE));
    lab_deinit(&l);
}

static void restarted_voter_is_silent(void)
{
    struct lab l;
    struct raft_options options = {.silence_ns = 600 * LAB_MS};
    lab_init(&l, &options, LEASE_THREE);
    ASSERT(lab_step(&l, (struct raft_event){.kind = RAFT_EVENT_CAMPAIGN}) == STATUS_OK);
    ASSERT(lab_sent(&l, RAFT_MESSAGE_PRE_VOTE, 0) == NULL);
    lab_wait(&l, 599 * LAB_MS);
    ASSERT(!lease_vote_granted(&l, 3, 3, 1, LEASE_NONE));
    lab_wait(&l, 1 * LAB_MS);
    ASSERT(lease_vote_granted(&l, 3, 4, 1, LEASE_NONE));
    lab_deinit(&l);
}

static void joint_configuration_needs_both_halves(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(2u | 1u << 4 | 1u << 5, 0, 0));
    lab_lead(&l, 1u << 4);
    lab_ack(&l, 4, 2);
    lab_sync(&l);
    ASSERT(lab_change(&l, LEASE_THREE) == STATUS_OK);
    uint64_t until_ns = l.now_ns + 500 * LAB_MS;
    for (uint64_t id = 2; id <= 3; id++) {
        lease_received(&l, id, 1, until_ns);
        lease_promised(&l, id, 1, 1);
    }
    ASSERT(lab_status(&l).lease_until_ns == 0);
    lease_received(&l, 5, 1, until_ns - 7);
    lease_promised(&l, 5, 1, 1);
    ASSERT(lab_status(&l).lease_until_ns == until_ns - 7);
    lab_deinit(&l);
}

static void transfer_ends_the_lease_first(void)
{
    struct lab l;
    lease_lead(&l, LEASE_THREE);
    lease_received(&l, 3, 5, l.now_ns + 5000 * LAB_MS);
    lease_promised(&l, 3, 1, 5);
    ASSERT(lab_status(&l).lease_until_ns != 0);
    struct raft_event event = {.kind = RAFT_EVENT_TRANSFER, .member = 2};
    ASSERT(lab_step(&l, event) == STATUS_OK);
    ASSERT(lab_sent(&l, RAFT_MESSAGE_TIMEOUT_NOW, 2)->read_seq == 1);
    ASSERT(lab_status(&l).lease_until_ns == 0);
    lab_deinit(&l);
}

static void release_names_what_it_releases(void)
{
    struct lab l;
    lab_init(&l, NULL, LEASE_THREE);
    lease_bind(&l, 2, 2, 1, 7, l.now_ns + 5000 * LAB_MS);
    lease_bind(&l, 2, 2, 2, 7, l.now_ns + 5000 * LAB_MS); /* a transfer was aborted */
    ASSERT(!lease_vote_granted(&l, 3, 3, 2, (struct log_pos){2, 1}));
    ASSERT(lab_status(&l).term == 2);
    ASSERT(lease_vote_granted(&l, 3, 3, 2, (struct log_pos){2, 2}));
    lab_deinit(&l);
}

static void no_lease_before_the_own_entry_is_committed(void)
{
    struct lab l;
    lab_init(&l, NULL, LEASE_THREE);
    lab_lead(&l, 1u << 2);
    lease_received(&l, 2, 5, l.now_ns + 500 * LAB_MS);
    lease_promised(&l, 2, 1, 5);
    ASSERT(lab_status(&l).lease_until_ns == 0);
    lab_ack(&l, 2, 2);
    lab_sync(&l);
    ASSERT(lab_status(&l).lease_until_ns != 0);
    lab_deinit(&l);
}

static void old_leader_is_fortified_no_more(void)
{
    struct lab l;
    lab_init(&l, NULL, LEASE_THREE);
    lease_message(&l, (struct raft_message){.kind = RAFT_MESSAGE_HEARTBEAT, .from = 3, .term = 5});
    lab_sync(&l);
    lease_given(&l, 2, 7, l.now_ns + 5000 * LAB_MS);
    lease_message(&l, (struct raft_message){
                          .kind = RAFT_MESSAGE_FORTIFY, .from = 2, .term = 2, .read_seq = 1});
    ASSERT(lab_sent(&l, RAFT_MESSAGE_FORTIFY_REPLY, 2) == NULL);
    lab_deinit(&l);
}

/* A second line behind the lease: who hears no majority leads no longer. */
static void unheard_leader_steps_down(void)
{
    struct lab l;
    lease_lead(&l, LEASE_THREE);
    lab_wait(&l, 2000 * LAB_MS);
    ASSERT(lab_status(&l).role != RAFT_ROLE_LEADER);
    lab_deinit(&l);
}

static struct raft_output newborn_hears_vote(struct raft *raft, uint64_t term, uint64_t now_ns)
{
    struct raft_message vote = {.kind = RAFT_MESSAGE_VOTE, .from = 3, .to = 1, .term = term, .log_term = 5, .log_index = 10};
    struct raft_event event = {.kind = RAFT_EVENT_MESSAGE, .now_ns = now_ns, .message = &vote};
    struct raft_output out;
    enum status status = raft_step(raft, &event, &out);
    ASSERT(status == STATUS_OK);
    return out;
}

/* Its store has just started anew: it may have been born, and have promised, before. */
static void newborn_voter_is_silent_for_an_earlier_life(void)
{
    struct raft_options options = {.id = 1, .seed = 7, .silence_ns = 600 * LAB_MS};
    struct raft_restore restore = {.hard_state = {.term = 6, .commit = 10}, .start = {5, 10}, .applied_index = 10,
                                   .config = LEASE_THREE, .newborn = true, .silent_until_ns = 500 * LAB_MS};
    struct raft *raft;
    struct raft_output out;
    enum status status = raft_create(&options, &restore, &raft);
    ASSERT(status == STATUS_OK);
    status = raft_start(raft, 100 * LAB_MS, false, &out);
    ASSERT(status == STATUS_OK);
    out = newborn_hears_vote(raft, 7, 499 * LAB_MS);
    ASSERT(!out.hard_state_changed);
    out = newborn_hears_vote(raft, 7, 500 * LAB_MS);
    ASSERT(out.hard_state_changed && out.hard_state.vote == 3);
    raft_destroy(raft);
}

const struct lease_scenario lease_scenarios[] = {
    {"lease_without_fortify", counts_promises_only},
    {"lease_epoch_ignored", counts_promises_of_this_epoch},
    {"lease_votes_while_bound", bound_voter_votes_for_nobody},
    {"lease_campaigns_while_bound", bound_voter_does_not_stand},
    {"lease_promise_lost_with_term", promise_outlives_a_rumour},
    {"lease_exception_not_strict", promise_yields_to_a_later_term_only},
    {"lease_no_silence", restarted_voter_is_silent},
    {"lease_newborn_not_silent", newborn_voter_is_silent_for_an_earlier_life},
    {"lease_one_half", joint_configuration_needs_both_halves},
    {"lease_kept_in_transfer", transfer_ends_the_lease_first},
    {"lease_release_unnamed", release_names_what_it_releases},
    {"lease_before_own_commit", no_lease_before_the_own_entry_is_committed},
    {"lease_never_ends", unheard_leader_steps_down},
    {"lease_fortify_stale", old_leader_is_fortified_no_more},
    {"rest_before_commit_is_known", rest_begins_when_all_know_all},
    {"rest_without_lease", rest_needs_a_lease},
    {"rest_ended_by_old_news", held_follower_freed_by_old_news_is_held_again},
    {"rest_takes_for_dead", rest_hands_over_to_who_is_there},
    {"rest_wakes_deposed", rest_is_no_silence_of_the_others},
    {"rest_across_lives", rest_is_not_begun_by_answers_of_an_earlier_life},
    {"rest_in_doubt", rest_waits_for_the_end_of_a_doubt},
    {"rest_never_quiet", rest_waits_for_the_next_append},
    {"rest_quiet_while_behind", rest_waits_for_the_next_append},
    {"rest_never_patient", rest_is_patient_with_who_keeps_up},
    {"rest_patient_with_who_lags", rest_is_patient_with_who_keeps_up},
    {"rest_patient_across_lives", rest_is_not_patient_across_lives},
};
const uint32_t lease_scenario_count = sizeof lease_scenarios / sizeof lease_scenarios[0];
