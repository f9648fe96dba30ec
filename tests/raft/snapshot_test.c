/* Truncation, snapshots, restarts in between, and replicas that have forgotten. */
#include "tests/raft/cluster.h"
#include "tests/raft/lab.h"
#include "tests/test.h"

#define THREE 14u

TEST(raft_snapshot, who_is_too_far_behind_gets_one_and_goes_on_with_the_log)
{
    struct cluster *c = cluster_create(1, 3, 3, NULL);
    uint64_t leader = cluster_wait_leader(c), slow = leader % 3 + 1;
    cluster_isolate(c, slow, true);
    for (uint32_t i = 0; i < 50; i++)
        assert_int_equal(cluster_propose(c, leader, 10), STATUS_OK);
    cluster_run(c, 500 * MS);
    sim_node_flush(&c->nodes[leader]);
    assert_int_equal(sim_node_truncate(&c->nodes[leader], 40, c->now_ns), STATUS_OK);
    cluster_heal(c);
    cluster_converge(c);
    assert_true(cluster_status(c, slow).start.index >= 40);
    cluster_destroy(c);
}

static void install(struct lab *l, struct log_pos pos, uint64_t term)
{
    struct sim_state state = {pos, 99, lab_config(THREE | 16, 0, 0)};
    assert_true(sim_node_install(&l->node, &state, 2, term, l->now_ns));
}

static void follow(struct lab *l, uint64_t commit)
{
    lab_init(l, NULL, lab_config(THREE, 0, 0));
    assert_int_equal(lab_append(l, 2, 3, (struct log_pos){1, 1}, commit, LAB_TERMS(2, 2, 3, 3, 3)),
                     STATUS_OK);
    lab_sync(l);
    lab_forget(l);
}

TEST(raft_snapshot, entries_that_continue_it_stay)
{
    struct lab l;
    follow(&l, 2);
    install(&l, (struct log_pos){3, 4}, 3);
    struct raft_status s = lab_status(&l);
    assert_u64_equal(s.start.index, 4);
    assert_u64_equal(s.last.index, 6);
    assert_u64_equal(s.commit_index, 4);
    assert_u64_equal(s.applied_index, 4);
    assert_int_equal(s.config->voter_count, 4);
    assert_u64_equal(lab_sent(&l, RAFT_MESSAGE_APPEND_REPLY, 2)->log_index, 6);
    lab_deinit(&l);
}

TEST(raft_snapshot, entries_of_another_history_go)
{
    struct lab l;
    follow(&l, 2);
    install(&l, (struct log_pos){4, 4}, 4);
    struct raft_status s = lab_status(&l);
    assert_u64_equal(s.last.index, 4);
    assert_u64_equal(s.last.term, 4);
    assert_u64_equal(s.persisted_index, 4);
    assert_u64_equal(s.uncommitted_bytes, 0);
    lab_deinit(&l);
}

TEST(raft_snapshot, is_not_wanted_when_the_log_has_it_committed)
{
    struct lab l;
    follow(&l, 5);
    assert_false(raft_wants_snapshot(l.node.raft, 3, (struct log_pos){3, 5}));
    assert_true(raft_wants_snapshot(l.node.raft, 3, (struct log_pos){3, 6}));
    assert_false(
        raft_wants_snapshot(l.node.raft, 2, (struct log_pos){2, 9})); /* of an older leader */
    lab_deinit(&l);
}

/* The stream was still running when the log caught up: what is committed stays, what is applied
 * rises. */
TEST(raft_snapshot, comes_after_the_log_has_caught_up)
{
    struct lab l;
    follow(&l, 2);
    struct sim_state snapshot = {{3, 4}, 99, lab_config(THREE, 0, 0)};
    l.node.state = l.node.flushed = snapshot;
    struct raft_message beat = {.kind = RAFT_MESSAGE_HEARTBEAT, .from = 2, .term = 3, .commit = 6};
    assert_int_equal(lab_receive(&l, beat), STATUS_OK);
    assert_u64_equal(lab_status(&l).commit_index, 6);
    struct raft_event event = {.kind = RAFT_EVENT_SNAPSHOT_INSTALLED};
    event.installed.from = 2;
    event.installed.term = 3;
    event.installed.pos = snapshot.pos;
    event.installed.config = &snapshot.config;
    assert_int_equal(lab_step(&l, event), STATUS_OK);
    assert_u64_equal(lab_status(&l).applied_index, 4);
    assert_u64_equal(lab_status(&l).commit_index, 6);
    assert_u64_equal(lab_status(&l).last.index, 6);
    lab_deinit(&l);
}

TEST(raft_snapshot, a_write_of_the_old_history_proves_nothing_about_the_new)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    assert_int_equal(lab_append(&l, 2, 3, (struct log_pos){1, 1}, 1, LAB_TERMS(2, 2, 3, 3, 3)),
                     STATUS_OK); /* not durable */
    install(&l, (struct log_pos){4, 4}, 4);
    assert_int_equal(lab_append(&l, 2, 4, (struct log_pos){4, 4}, 4, LAB_TERMS(4, 4)), STATUS_OK);
    sim_node_sync(&l.node, 7, l.now_ns); /* hard state, five entries, ticket */
    assert_u64_equal(lab_status(&l).persisted_index, 4);
    lab_sync(&l);
    assert_u64_equal(lab_status(&l).persisted_index, 6);
    lab_deinit(&l);
}

static void lead_behind_truncation(struct lab *l)
{
    lab_init(l, NULL, lab_config(THREE, 0, 0));
    lab_lead(l, 4);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(lab_propose(l, "x"), STATUS_OK);
    lab_sync(l);
    lab_ack(l, 2, 7);
    lab_apply(l);
    sim_node_flush(&l->node);
    assert_int_equal(sim_node_truncate(&l->node, 6, l->now_ns), STATUS_OK);
    lab_forget(l);
    struct raft_message reject = {.kind = RAFT_MESSAGE_APPEND_REPLY,
                                  .from = 3,
                                  .reject = true,
                                  .term = lab_status(l).term,
                                  .log_index = 1};
    assert_int_equal(lab_receive(l, reject), STATUS_OK);
}

static void sent(struct lab *l, uint64_t index, bool ok)
{
    struct raft_event event = {.kind = RAFT_EVENT_SNAPSHOT_SENT};
    event.snapshot_sent.member = 3;
    event.snapshot_sent.index = index;
    event.snapshot_sent.ok = ok;
    assert_int_equal(lab_step(l, event), STATUS_OK);
}

static void alive(struct lab *l, uint64_t id, uint64_t match)
{
    struct raft_message m = {.kind = RAFT_MESSAGE_HEARTBEAT_REPLY,
                             .from = id,
                             .term = lab_status(l).term,
                             .log_index = match,
                             .hint_index = match,
                             .read_seq = lab_sent(l, RAFT_MESSAGE_HEARTBEAT, id)->read_seq};
    assert_int_equal(lab_receive(l, m), STATUS_OK);
}

TEST(raft_snapshot, is_asked_for_once_and_followed_by_the_rest)
{
    struct lab l;
    lead_behind_truncation(&l);
    assert_int_equal(l.snapshot_count, 1);
    assert_u64_equal(l.snapshots[0].member, 3);
    assert_u64_equal(l.snapshots[0].node, 103);
    lab_wait(&l, 110 * LAB_MS);
    alive(&l, 3, 0);
    alive(&l, 2, 7);
    assert_int_equal(l.snapshot_count, 1);
    sent(&l, 6, true);
    assert_u64_equal(lab_sent(&l, RAFT_MESSAGE_APPEND, 3)->log_index, 6);
    lab_deinit(&l);
}

TEST(raft_snapshot, a_failed_one_is_tried_again_at_the_next_sign_of_life)
{
    struct lab l;
    lead_behind_truncation(&l);
    sent(&l, 6, false);
    assert_int_equal(l.snapshot_count, 1);
    lab_wait(&l, 110 * LAB_MS);
    alive(&l, 3, 0);
    assert_int_equal(l.snapshot_count, 2);
    lab_deinit(&l);
}

TEST(raft_snapshot, a_silent_one_is_asked_for_again)
{
    struct lab l;
    lead_behind_truncation(&l);
    for (uint32_t i = 0; i < 70; i++) {
        lab_forget(&l);
        lab_wait(&l, 100 * LAB_MS);
        alive(&l, 3, 0);
        alive(&l, 2, 7);
        if (l.snapshot_count > 0) break;
    }
    assert_int_equal(l.snapshot_count, 1);
    lab_deinit(&l);
}

TEST(raft_restore, refuses_a_log_with_a_hole_or_a_falling_term)
{
    struct raft_options o = {.id = 1};
    struct raft_restore restore = {{3, 0, 0}, {2, 5}, {0}, 5};
    struct raft *r;
    struct raft_output out;
    assert_int_equal(raft_create(&o, &restore, &r), STATUS_OK);
    struct raft_entry e = {3, 7, RAFT_ENTRY_COMMAND, BYTES_EMPTY};
    assert_int_equal(raft_restore_entry(r, &e), STATUS_CORRUPT);
    e.index = 5;
    assert_int_equal(raft_restore_entry(r, &e), STATUS_CORRUPT);
    e.index = 6;
    assert_int_equal(raft_restore_entry(r, &e), STATUS_OK);
    e = (struct raft_entry){2, 7, RAFT_ENTRY_COMMAND, BYTES_EMPTY};
    assert_int_equal(raft_restore_entry(r, &e), STATUS_CORRUPT);
    assert_int_equal(raft_start(r, 0, false, &out), STATUS_OK);
    raft_destroy(r);
    restore.applied_index = 9; /* more applied than the log holds */
    assert_int_equal(raft_create(&o, &restore, &r), STATUS_OK);
    assert_int_equal(raft_start(r, 0, false, &out), STATUS_CORRUPT);
    raft_destroy(r);
}

/* The commit index that goes to disk with a write speaks of what was durable before it: a crash
 * between the two records must not make an entry committed that the write was about to replace. */
TEST(raft_restore, the_commit_index_on_disk_never_runs_ahead_of_the_entries)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    struct log_pos origin = {1, 1};
    assert_int_equal(lab_append(&l, 2, 2, origin, 1, LAB_TERMS(2, 2)), STATUS_OK);
    lab_sync(&l);
    assert_int_equal(lab_append(&l, 3, 3, origin, 3, LAB_TERMS(3, 3)), STATUS_OK);
    assert_u64_equal(lab_status(&l).commit_index, 3);
    sim_node_crash(&l.node, 1, 0); /* the hard state reached the disk, the entries did not */
    sim_node_start(&l.node, l.now_ns, false);
    assert_u64_equal(lab_status(&l).term, 3);
    assert_u64_equal(lab_status(&l).last.term, 2);
    assert_u64_equal(lab_status(&l).commit_index, 1);
    lab_deinit(&l);
}

/* ---- uncertain replicas ---- */

TEST(raft_uncertain, stands_only_with_a_certain_majority_or_with_all)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(6, 0, 0)); /* two voters: both are needed */
    lab_sync(&l);
    sim_node_crash(&l.node, 0, 0);
    sim_node_start(&l.node, l.now_ns, true);
    assert_true(lab_status(&l).uncertain);
    lab_lead(&l, 4);
    assert_false(lab_status(&l).uncertain); /* nobody holds what it lacks */
    lab_deinit(&l);
}

/* Its own vote may be the one that has forgotten: with one certain vote of three it has seen too
 * little. */
TEST(raft_uncertain, does_not_win_by_its_own_vote)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    lab_sync(&l);
    sim_node_crash(&l.node, 0, 0);
    sim_node_start(&l.node, l.now_ns, true);
    assert_int_equal(lab_step(&l, (struct raft_event){.kind = RAFT_EVENT_CAMPAIGN}), STATUS_OK);
    struct raft_message ask = *lab_sent(&l, RAFT_MESSAGE_PRE_VOTE, 2);
    struct raft_message reply = {
        .kind = RAFT_MESSAGE_PRE_VOTE_REPLY, .from = 2, .term = ask.term, .read_seq = ask.read_seq};
    assert_int_equal(lab_receive(&l, reply), STATUS_OK);
    assert_int_equal(lab_status(&l).role, RAFT_ROLE_PRE_CANDIDATE);
    reply.from = 3; /* two certain votes: a majority without its own */
    assert_int_equal(lab_receive(&l, reply), STATUS_OK);
    assert_int_equal(lab_status(&l).role, RAFT_ROLE_CANDIDATE);
    lab_deinit(&l);
}

/* A sole voter may have forgotten that it promoted its learner: only that one can tell it. */
TEST(raft_uncertain, asks_its_learners_when_it_would_decide_alone)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(2, 0, 4));
    lab_sync(&l);
    sim_node_crash(&l.node, 0, 0);
    sim_node_start(&l.node, l.now_ns, true);
    assert_int_equal(lab_step(&l, (struct raft_event){.kind = RAFT_EVENT_CAMPAIGN}), STATUS_OK);
    assert_int_equal(lab_status(&l).role, RAFT_ROLE_PRE_CANDIDATE);
    const struct raft_message *ask = lab_sent(&l, RAFT_MESSAGE_PRE_VOTE, 2);
    assert_non_null(ask);
    struct raft_message reply = {.kind = RAFT_MESSAGE_PRE_VOTE_REPLY,
                                 .from = 2,
                                 .term = ask->term,
                                 .read_seq = ask->read_seq};
    assert_int_equal(lab_receive(&l, reply), STATUS_OK);
    assert_int_equal(lab_status(&l).role, RAFT_ROLE_CANDIDATE);
    lab_deinit(&l);
}

TEST(raft_uncertain, is_settled_by_a_leader_once_it_has_what_that_had)
{
    struct cluster *c = cluster_create(8, 3, 3, NULL);
    uint64_t leader = cluster_wait_leader(c), other = leader % 3 + 1;
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(cluster_propose(c, leader, 10), STATUS_OK);
    cluster_run(c, 500 * MS);
    cluster_crash(c, other);
    c->lost_tail[other] = true;
    cluster_restart(c, other);
    assert_true(cluster_status(c, other).uncertain);
    cluster_run(c, 500 * MS);
    assert_false(cluster_status(c, other).uncertain);
    cluster_converge(c);
    cluster_destroy(c);
}

TEST(raft_uncertain, is_not_settled_by_words_meant_for_another_life)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    lab_sync(&l);
    sim_node_crash(&l.node, 0, 0);
    sim_node_start(&l.node, l.now_ns, true);
    struct raft_message beat = {.kind = RAFT_MESSAGE_HEARTBEAT,
                                .from = 2,
                                .term = 2,
                                .settled = true,
                                .support_epoch = 12345};
    assert_int_equal(lab_receive(&l, beat), STATUS_OK);
    assert_true(lab_status(&l).uncertain);
    beat.support_epoch = lab_sent(&l, RAFT_MESSAGE_HEARTBEAT_REPLY, 2)->support_epoch;
    assert_int_equal(lab_receive(&l, beat), STATUS_OK);
    assert_false(lab_status(&l).uncertain);
    lab_deinit(&l);
}

/* It acknowledged 4, forgot, and says so: what it acknowledged before counts no more, and an old
 * answer that comes late brings nothing back. */
TEST(raft_uncertain, has_the_match_it_says_it_has)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    lab_lead(&l, 4);
    lab_sync(&l);
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(lab_propose(&l, "x"), STATUS_OK);
    lab_ack(&l, 2, 4);
    struct raft_message m = {.kind = RAFT_MESSAGE_HEARTBEAT_REPLY,
                             .from = 2,
                             .term = lab_status(&l).term,
                             .log_index = 2,
                             .hint_index = 2,
                             .uncertain = true,
                             .support_epoch = 7,
                             .read_seq = lab_sent(&l, RAFT_MESSAGE_HEARTBEAT, 2)->read_seq};
    assert_int_equal(lab_receive(&l, m), STATUS_OK);
    lab_ack(&l, 2, 4); /* late, from before */
    struct raft_progress p;
    assert_int_equal(raft_progress(l.node.raft, 2, &p), STATUS_OK);
    assert_u64_equal(p.match_index, 2);
    lab_sync(&l);
    assert_u64_equal(lab_status(&l).commit_index, 2);
    m.kind = RAFT_MESSAGE_APPEND_REPLY;
    m.log_index = m.hint_index = 5; /* it has them again, with the entry that its doubt brought about */
    assert_int_equal(lab_receive(&l, m), STATUS_OK);
    assert_u64_equal(lab_status(&l).commit_index, 2);
    lab_forget(&l);
    lab_wait(&l, 110 * LAB_MS);
    assert_false(lab_sent(&l, RAFT_MESSAGE_HEARTBEAT, 2)->settled);
    lab_ack(&l, 3, 5); /* a majority without it: no vote it has forgotten can win any more */
    assert_u64_equal(lab_status(&l).commit_index, 5);
    lab_forget(&l);
    lab_wait(&l, 110 * LAB_MS);
    assert_true(lab_sent(&l, RAFT_MESSAGE_HEARTBEAT, 2)->settled);
    assert_u64_equal(lab_sent(&l, RAFT_MESSAGE_HEARTBEAT, 2)->support_epoch, 7);
    lab_deinit(&l);
}

/* After everybody lost power with a torn tail all are in doubt. Once all have agreed nobody is left who
 * remembers anything else, and what they acknowledge from then on counts. */
TEST(raft_uncertain, counts_at_once_when_all_agreed)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    lab_sync(&l);
    sim_node_crash(&l.node, 0, 0);
    sim_node_start(&l.node, l.now_ns, true);
    assert_int_equal(lab_step(&l, (struct raft_event){.kind = RAFT_EVENT_CAMPAIGN}), STATUS_OK);
    for (int round = 0; round < 2; round++) {
        bool pre = round == 0;
        struct raft_message ask =
            *lab_sent(&l, pre ? RAFT_MESSAGE_PRE_VOTE : RAFT_MESSAGE_VOTE, 2);
        struct raft_message reply = {
            .kind = pre ? RAFT_MESSAGE_PRE_VOTE_REPLY : RAFT_MESSAGE_VOTE_REPLY, .term = ask.term,
            .read_seq = ask.read_seq, .uncertain = true};
        for (reply.from = 2; reply.from <= 3; reply.from++) {
            reply.support_epoch = 10 * reply.from + 1;
            assert_int_equal(lab_receive(&l, reply), STATUS_OK);
        }
        lab_sync(&l);
    }
    assert_int_equal(lab_status(&l).role, RAFT_ROLE_LEADER);
    uint64_t last = lab_status(&l).last.index;
    struct raft_message m = {.kind = RAFT_MESSAGE_HEARTBEAT_REPLY, .from = 2,
                             .term = lab_status(&l).term, .log_index = last, .hint_index = last,
                             .uncertain = true, .support_epoch = 21,
                             .read_seq = lab_sent(&l, RAFT_MESSAGE_HEARTBEAT, 2)->read_seq};
    assert_int_equal(lab_receive(&l, m), STATUS_OK);
    assert_u64_equal(lab_status(&l).last.index, last); /* no entry for its doubt */
    assert_u64_equal(lab_status(&l).commit_index, last);
    lab_forget(&l);
    lab_wait(&l, 110 * LAB_MS);
    assert_true(lab_sent(&l, RAFT_MESSAGE_HEARTBEAT, 2)->settled);
    lab_deinit(&l);
}

/* ---- lost replicas ---- */

TEST(raft_lost, comes_back_by_a_snapshot_and_votes_only_then)
{
    struct cluster *c = cluster_create(8, 3, 3, NULL);
    uint64_t leader = cluster_wait_leader(c), other = leader % 3 + 1, third = 6 - leader - other;
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(cluster_propose(c, leader, 10), STATUS_OK);
    cluster_run(c, 500 * MS);
    cluster_crash(c, other);
    c->lost_all[other] = true;
    cluster_crash(c, third);
    uint64_t committed = cluster_status(c, leader).commit_index;
    cluster_restart(c, other);
    cluster_run(c, 5000 * MS); /* the leader is alone with it: nothing is decided */
    assert_true(cluster_status(c, other).lost);
    assert_u64_equal(cluster_status(c, other).vote, 0);
    for (uint64_t id = 1; id <= 3; id++)
        if (id != third) assert_true(cluster_status(c, id).commit_index <= committed);
    cluster_crash(c, other);
    assert_true(c->lost_all[other]);
    cluster_restart(c, third);
    cluster_restart(c, other);
    cluster_run(c, 5000 * MS);
    assert_false(cluster_status(c, other).lost);
    assert_false(cluster_status(c, other).uncertain);
    cluster_converge(c);
    cluster_destroy(c);
}
