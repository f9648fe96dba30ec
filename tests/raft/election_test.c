/* Elections, and who may take part in them. */
#include "tests/raft/cluster.h"
#include "tests/raft/lab.h"
#include "tests/test.h"

#define THREE 14u

TEST(raft_election, an_isolated_node_neither_raises_its_term_nor_deposes_the_leader)
{
    struct cluster *c = cluster_create(11, 3, 3, NULL);
    uint64_t leader = cluster_wait_leader(c);
    uint64_t term = cluster_status(c, leader).term, other = leader % 3 + 1;
    cluster_isolate(c, other, true);
    cluster_run(c, 10000 * MS);
    assert_u64_equal(cluster_status(c, other).term, term);
    cluster_isolate(c, other, false);
    cluster_run(c, 3000 * MS);
    assert_u64_equal(cluster_leader(c), leader);
    assert_u64_equal(cluster_status(c, leader).term, term);
    cluster_destroy(c);
}

TEST(raft_election, a_leader_that_hears_no_majority_steps_down)
{
    struct cluster *c = cluster_create(12, 3, 3, NULL);
    uint64_t old = cluster_wait_leader(c);
    cluster_isolate(c, old, true);
    cluster_run(c, 3000 * MS);
    assert_int_not_equal(cluster_status(c, old).role, RAFT_ROLE_LEADER);
    uint64_t leader = cluster_wait_leader(c);
    assert_true(leader != old);
    cluster_converge(c);
    cluster_destroy(c);
}

TEST(raft_election, a_leader_that_hears_a_majority_stays)
{
    struct cluster *c = cluster_create(13, 5, 5, NULL);
    uint64_t leader = cluster_wait_leader(c), cut = 0;
    uint64_t term = cluster_status(c, leader).term;
    for (uint64_t id = 1; id <= 5 && cut < 2; id++)
        if (id != leader) {
            cluster_isolate(c, id, true);
            cut++;
        }
    cluster_run(c, 10000 * MS);
    assert_u64_equal(cluster_leader(c), leader);
    assert_u64_equal(cluster_status(c, leader).term, term);
    cluster_destroy(c);
}

TEST(raft_election, even_and_odd_groups_elect_and_survive_a_minority)
{
    for (uint32_t size = 1; size <= 7; size++) {
        struct cluster *c = cluster_create(20 + size, size, size, NULL);
        cluster_wait_leader(c);
        for (uint32_t down = 0; down < (size - 1) / 2; down++)
            cluster_crash(c, cluster_leader(c));
        uint64_t leader = cluster_wait_leader(c);
        assert_int_equal(cluster_propose(c, leader, 10), STATUS_OK);
        cluster_converge(c);
        cluster_destroy(c);
    }
}

/* Two of four see each other, one half of the group: nobody may lead there (K9, K27). */
TEST(raft_election, half_of_an_even_group_elects_nobody)
{
    struct cluster *c = cluster_create(30, 4, 4, NULL);
    cluster_wait_leader(c);
    for (uint64_t a = 1; a <= 2; a++)
        for (uint64_t b = 3; b <= 4; b++)
            cluster_cut(c, a, b, true);
    cluster_run(c, 5000 * MS);
    assert_u64_equal(cluster_leader(c), 0);
    cluster_converge(c);
    cluster_destroy(c);
}

/* K27: the leader is cut off from all but one, which everybody still hears. */
TEST(raft_election, a_partial_partition_ends_with_one_working_leader)
{
    struct cluster *c = cluster_create(31, 5, 5, NULL);
    uint64_t leader = cluster_wait_leader(c), hub = leader % 5 + 1;
    for (uint64_t a = 1; a <= 5; a++)
        for (uint64_t b = 1; b <= 5; b++)
            if (a != b && a != hub && b != hub) cluster_cut(c, a, b, true);
    cluster_run(c, 4 * 1200 * MS);
    assert_u64_equal(cluster_leader(c), hub);
    assert_true(cluster_status(c, hub).own_term_committed);
    cluster_destroy(c);
}

TEST(raft_election, the_vote_survives_a_crash)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    struct raft_message ask = {
        .kind = RAFT_MESSAGE_VOTE, .from = 2, .term = 5, .log_term = 1, .log_index = 1};
    assert_int_equal(lab_receive(&l, ask), STATUS_OK);
    lab_sync(&l);
    sim_node_crash(&l.node, 0, 0);
    sim_node_start(&l.node, l.now_ns, false);
    lab_forget(&l);
    ask.from = 3;
    assert_int_equal(lab_receive(&l, ask), STATUS_OK);
    assert_true(lab_sent(&l, RAFT_MESSAGE_VOTE_REPLY, 3)->reject);
    ask.from = 2;
    assert_int_equal(lab_receive(&l, ask), STATUS_OK);
    assert_false(lab_sent(&l, RAFT_MESSAGE_VOTE_REPLY, 2)->reject);
    lab_deinit(&l);
}

TEST(raft_election, a_shorter_or_older_log_gets_no_vote)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    assert_int_equal(lab_append(&l, 2, 3, (struct log_pos){1, 1}, 1, LAB_TERMS(2, 3)), STATUS_OK);
    lab_sync(&l);
    lab_wait(&l, 3000 * LAB_MS);
    const struct log_pos refused[] = {{3, 2}, {2, 9}, {1, 1}}, granted[] = {{3, 3}, {4, 2}};
    struct raft_message ask = {.kind = RAFT_MESSAGE_VOTE, .from = 3, .term = 10};
    for (uint32_t i = 0; i < 3; i++) {
        ask.term++;
        ask.log_term = refused[i].term;
        ask.log_index = refused[i].index;
        lab_forget(&l);
        assert_int_equal(lab_receive(&l, ask), STATUS_OK);
        assert_true(lab_sent(&l, RAFT_MESSAGE_VOTE_REPLY, 3)->reject);
    }
    for (uint32_t i = 0; i < 2; i++) {
        ask.term++;
        ask.log_term = granted[i].term;
        ask.log_index = granted[i].index;
        lab_forget(&l);
        assert_int_equal(lab_receive(&l, ask), STATUS_OK);
        lab_sync(&l);
        assert_false(lab_sent(&l, RAFT_MESSAGE_VOTE_REPLY, 3)->reject);
    }
    lab_deinit(&l);
}

TEST(raft_election, an_answer_to_another_campaign_counts_nothing)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    assert_int_equal(lab_step(&l, (struct raft_event){.kind = RAFT_EVENT_CAMPAIGN}), STATUS_OK);
    struct raft_message ask = *lab_sent(&l, RAFT_MESSAGE_PRE_VOTE, 2);
    struct raft_message reply = {.kind = RAFT_MESSAGE_PRE_VOTE_REPLY,
                                 .from = 2,
                                 .term = ask.term,
                                 .read_seq = ask.read_seq - 1};
    assert_int_equal(lab_receive(&l, reply), STATUS_OK);
    assert_int_equal(lab_status(&l).role, RAFT_ROLE_PRE_CANDIDATE);
    reply.read_seq = ask.read_seq;
    assert_int_equal(lab_receive(&l, reply), STATUS_OK);
    assert_int_equal(lab_status(&l).role, RAFT_ROLE_CANDIDATE);
    lab_deinit(&l);
}

static struct raft *begin_group(struct raft_restore restore)
{
    struct raft_options options = {.id = 1, .seed = 7};
    struct raft_output out;
    struct raft *raft;
    restore.hard_state.commit = restore.applied_index = restore.start.index;
    restore.config = lab_config(THREE, 0, 0);
    assert_int_equal(raft_create(&options, &restore, &raft), STATUS_OK);
    assert_int_equal(raft_start(raft, 1, false, &out), STATUS_OK);
    return raft;
}

static enum status inherit(struct raft *raft, struct raft_output *out)
{
    struct raft_event event = {.kind = RAFT_EVENT_INHERIT, .now_ns = 2};
    return raft_step(raft, &event, out);
}

TEST(raft_election, a_newborn_group_is_inherited_in_its_first_term_and_once)
{
    struct raft_output out;
    struct raft_status status;
    struct raft *raft = begin_group((struct raft_restore){.hard_state.term = 6, .start = {5, 10}, .newborn = true});
    assert_int_equal(inherit(raft, &out), STATUS_OK);
    raft_status(raft, &status);
    assert_int_equal(status.role, RAFT_ROLE_LEADER);
    assert_u64_equal(status.term, 6);
    assert_u64_equal(status.last.index, 11);
    assert_u64_equal(status.commit_index, 10);
    assert_true(out.message_count > 0);
    assert_int_equal(inherit(raft, &out), STATUS_NOT_LEADER);
    raft_destroy(raft);
}

TEST(raft_election, a_group_that_has_begun_is_not_inherited)
{
    struct raft_output out;
    struct raft *raft = begin_group((struct raft_restore){.hard_state.term = 6, .start = {5, 10}});
    assert_int_equal(inherit(raft, &out), STATUS_NOT_LEADER); /* it may have said something in an earlier life */
    raft_destroy(raft);
    raft = begin_group((struct raft_restore){.hard_state.term = 5, .start = {5, 10}, .newborn = true});
    assert_int_equal(inherit(raft, &out), STATUS_NOT_LEADER); /* somebody may stand in term 6 */
    raft_destroy(raft);
    raft = begin_group((struct raft_restore){.hard_state.term = 6, .start = {5, 10}, .newborn = true});
    struct raft_message append = {.kind = RAFT_MESSAGE_APPEND, .from = 2, .to = 1, .term = 6, .log_term = 5, .log_index = 10};
    struct raft_event event = {.kind = RAFT_EVENT_MESSAGE, .now_ns = 2, .message = &append};
    assert_int_equal(raft_step(raft, &event, &out), STATUS_OK);
    assert_int_equal(inherit(raft, &out), STATUS_NOT_LEADER); /* another one leads it */
    raft_destroy(raft);
}

TEST(raft_election, a_newcomer_waits_in_silence)
{
    struct lab l;
    lab_init(&l, NULL, (struct raft_config){0});
    assert_true(l.node.wake_at_ns == UINT64_MAX);
    assert_int_equal(lab_step(&l, (struct raft_event){.kind = RAFT_EVENT_CAMPAIGN}), STATUS_OK);
    assert_int_equal(l.sent_count, 0);
    assert_int_equal(lab_append(&l, 7, 4, (struct log_pos){3, 20}, 20, NULL, 0), STATUS_OK);
    const struct raft_message *reply = lab_sent(&l, RAFT_MESSAGE_APPEND_REPLY, 7);
    assert_true(reply->reject);
    assert_u64_equal(reply->hint_index, 0);
    assert_u64_equal(lab_status(&l).leader, 7);
    lab_deinit(&l);
}

TEST(raft_election, the_term_of_the_last_entry_is_known_even_when_the_hard_state_is_lost)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    assert_int_equal(lab_append(&l, 2, 6, (struct log_pos){1, 1}, 1, LAB_TERMS(6)), STATUS_OK);
    lab_sync(&l);
    sim_node_crash(&l.node, 0, 0);
    for (uint32_t i = 0; i < l.node.durable.count;
         i++) /* as if only the entry had reached the disk */
        if (l.node.durable.items[i].kind == SIM_RECORD_HARD_STATE)
            l.node.durable.items[i].hard_state = (struct raft_hard_state){1, 3, 0};
    sim_node_start(&l.node, l.now_ns, false);
    assert_u64_equal(lab_status(&l).term, 6);
    assert_u64_equal(lab_status(&l).vote, 0);
    lab_deinit(&l);
}

/* K5: a replica whose term ran ahead hears an old leader and says so; silence would keep it out for
 * ever. */
TEST(raft_election, an_old_leader_is_told_of_the_newer_term)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    struct raft_message ask = {
        .kind = RAFT_MESSAGE_VOTE, .from = 3, .term = 9, .log_term = 1, .log_index = 1};
    assert_int_equal(lab_receive(&l, ask), STATUS_OK);
    lab_forget(&l);
    struct raft_message beat = {.kind = RAFT_MESSAGE_HEARTBEAT, .from = 2, .term = 4};
    assert_int_equal(lab_receive(&l, beat), STATUS_OK);
    const struct raft_message *reply = lab_sent(&l, RAFT_MESSAGE_APPEND_REPLY, 2);
    assert_non_null(reply);
    assert_true(reply->reject);
    assert_u64_equal(reply->term, 9);
    assert_u64_equal(lab_status(&l).leader, 0);
    lab_deinit(&l);
}

/* A disk that does not come back must not fill memory with answers that nobody waits for any more.
 */
TEST(raft_election, few_answers_wait_for_the_disk_and_the_oldest_are_lost)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    struct raft_message ask = {
        .kind = RAFT_MESSAGE_VOTE, .from = 3, .term = 2, .log_term = 1, .log_index = 1};
    for (uint64_t i = 1; i <= 100; i++) {
        ask.read_seq = i;
        assert_int_equal(lab_receive(&l, ask), STATUS_OK);
    }
    assert_int_equal(l.sent_count, 0);
    lab_sync(&l);
    assert_int_equal(lab_sent_count(&l, RAFT_MESSAGE_VOTE_REPLY, 3), 64);
    assert_u64_equal(lab_sent(&l, RAFT_MESSAGE_VOTE_REPLY, 3)->read_seq, 100);
    lab_deinit(&l);
}

/* Scenario 6 (raft-rs 42, etcd 3c7359d): among voters of which one asks for votes at once, as versions without pre-votes do, and
 * does not know what a pre-vote is. Each side learns the other's term, so neither refuses the other for ever. */
TEST(raft_election, voters_with_and_without_pre_votes_elect_somebody)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    lab_wait(&l, 3000 * LAB_MS);
    assert_true(lab_sent_count(&l, RAFT_MESSAGE_PRE_VOTE, 3) > 0); /* 3 says nothing to that; 2 is down */
    uint64_t term = lab_status(&l).term;
    /* It was alone for long, and has the higher term; its log is shorter, so it cannot be elected, but its term counts. */
    struct raft_message ask = {.kind = RAFT_MESSAGE_VOTE, .from = 3, .term = term + 7};
    assert_int_equal(lab_receive(&l, ask), STATUS_OK);
    lab_sync(&l);
    assert_non_null(lab_sent(&l, RAFT_MESSAGE_VOTE_REPLY, 3));
    assert_true(lab_sent(&l, RAFT_MESSAGE_VOTE_REPLY, 3)->reject);
    assert_u64_equal(lab_status(&l).term, term + 7);
    /* 2 comes back, of a version with pre-votes: it is told the term that it has missed, and so are we when it knows a higher one. */
    lab_forget(&l);
    struct raft_message pre = {.kind = RAFT_MESSAGE_PRE_VOTE, .from = 2, .term = term + 1, .log_term = 1, .log_index = 1};
    assert_int_equal(lab_receive(&l, pre), STATUS_OK);
    assert_non_null(lab_sent(&l, RAFT_MESSAGE_PRE_VOTE_REPLY, 2));
    assert_u64_equal(lab_sent(&l, RAFT_MESSAGE_PRE_VOTE_REPLY, 2)->term, term + 7);
    assert_true(lab_sent(&l, RAFT_MESSAGE_PRE_VOTE_REPLY, 2)->reject);
    lab_wait(&l, 3000 * LAB_MS);
    struct raft_message refusal = {.kind = RAFT_MESSAGE_PRE_VOTE_REPLY, .from = 2, .term = term + 11, .reject = true};
    assert_int_equal(lab_receive(&l, refusal), STATUS_OK);
    assert_u64_equal(lab_status(&l).term, term + 11);
    /* Now one of them is enough: the other still says nothing to pre-votes, and votes. */
    lab_sync(&l);
    lab_forget(&l);
    lab_wait(&l, 3000 * LAB_MS);
    assert_non_null(lab_sent(&l, RAFT_MESSAGE_PRE_VOTE, 2));
    assert_u64_equal(lab_sent(&l, RAFT_MESSAGE_PRE_VOTE, 2)->term, term + 12);
    struct raft_message granted = {.kind = RAFT_MESSAGE_PRE_VOTE_REPLY, .from = 2, .term = term + 12,
                                   .read_seq = lab_sent(&l, RAFT_MESSAGE_PRE_VOTE, 2)->read_seq};
    assert_int_equal(lab_receive(&l, granted), STATUS_OK);
    lab_sync(&l);
    assert_non_null(lab_sent(&l, RAFT_MESSAGE_VOTE, 3));
    assert_u64_equal(lab_sent(&l, RAFT_MESSAGE_VOTE, 3)->term, term + 12);
    struct raft_message vote = {.kind = RAFT_MESSAGE_VOTE_REPLY, .from = 3, .term = term + 12,
                                .read_seq = lab_sent(&l, RAFT_MESSAGE_VOTE, 3)->read_seq};
    assert_int_equal(lab_receive(&l, vote), STATUS_OK);
    assert_int_equal(lab_status(&l).role, RAFT_ROLE_LEADER);
    lab_deinit(&l);
}
