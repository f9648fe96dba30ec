/* Each deliberate bug in raft/ (MUTANT sites, traps K1 to K21) must be noticed. A scenario ends
 * well without the bug and aborts with it; both are demanded, since a scenario that fails anyway
 * proves nothing. Children run them, because noticing means to abort. */
#include "base/assert.h"
#include "tests/raft/cluster.h"
#include "tests/raft/lab.h"
#include "tests/raft/lease_scenarios.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define V2    (1u << 2)
#define V3    (1u << 3)
#define V4    (1u << 4)
#define V5    (1u << 5)
#define THREE (2u | V2 | V3)

/* ---- scenarios: one replica ---- */

static void k1_change_waits_for_own_commit(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    lab_lead(&l, V2);
    ASSERT(lab_change(&l, lab_config(THREE, 0, V4)) == STATUS_BUSY);
    lab_ack(&l, 2, 2);
    lab_sync(&l);
    ASSERT(lab_change(&l, lab_config(THREE, 0, V4)) == STATUS_OK);
    lab_deinit(&l);
}

static void what_is_out_is_not_joined(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    lab_lead(&l, V2);
    uint64_t last = lab_status(&l).last.index;
    for (uint64_t i = 1; i <= 2; i++) {
        ASSERT(lab_propose_more(&l, BYTES_LITERAL("x"), true) == STATUS_OK);
        ASSERT(lab_status(&l).last.index == last + i);
        ASSERT(lab_step(&l, (struct raft_event){.kind = RAFT_EVENT_FLUSH}) == STATUS_OK);
    }
    lab_deinit(&l);
}

static void k1_one_change_at_a_time(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    lab_lead(&l, V2);
    lab_ack(&l, 2, 2);
    lab_sync(&l);
    ASSERT(lab_change(&l, lab_config(THREE, 0, V4)) == STATUS_OK);
    ASSERT(lab_change(&l, lab_config(THREE, 0, V4 | V5)) == STATUS_BUSY);
    lab_deinit(&l);
}

static void k1_voters_change_jointly(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    lab_lead(&l, V2);
    lab_ack(&l, 2, 2);
    lab_sync(&l);
    ASSERT(lab_change(&l, lab_config(2u | V4 | V5, 0, 0)) == STATUS_OK);
    ASSERT(lab_status(&l).config->outgoing_count == 3);
    lab_deinit(&l);
}

/* Raft, Figure 8: an entry of an old term on a majority is not committed by that. */
static void k2_old_term_is_not_counted(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    ASSERT(lab_append(&l, 2, 2, (struct log_pos){1, 1}, 1, LAB_TERMS(2)) == STATUS_OK);
    lab_sync(&l);
    lab_wait(&l, 2000 * LAB_MS); /* replica 2 falls silent */
    lab_lead(&l, V3);
    lab_sync(&l);
    lab_ack(&l, 3, 2); /* the entry of term 2, and not yet ours */
    ASSERT(lab_status(&l).commit_index == 1);
    lab_ack(&l, 3, 3);
    ASSERT(lab_status(&l).commit_index == 3);
    lab_deinit(&l);
}

static void k3_learner_answers(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(V2 | V3, 0, 2u));
    struct raft_message m = {
        .kind = RAFT_MESSAGE_VOTE, .from = 2, .term = 2, .log_term = 1, .log_index = 1};
    ASSERT(lab_receive(&l, m) == STATUS_OK);
    lab_sync(&l);
    const struct raft_message *reply = lab_sent(&l, RAFT_MESSAGE_VOTE_REPLY, 2);
    ASSERT(reply != NULL && !reply->reject);
    lab_deinit(&l);
}

static void k4_learner_does_not_campaign(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(V2 | V3, 0, 2u));
    lab_wait(&l, 5000 * LAB_MS);
    ASSERT(lab_status(&l).role == RAFT_ROLE_FOLLOWER);
    ASSERT(lab_sent(&l, RAFT_MESSAGE_PRE_VOTE, 0) == NULL);
    lab_deinit(&l);
}

static void k4_vote_of_a_stranger_counts_nothing(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(2u | V2 | V3, 0, 0));
    ASSERT(lab_step(&l, (struct raft_event){.kind = RAFT_EVENT_CAMPAIGN}) == STATUS_OK);
    struct raft_message m = *lab_sent(&l, RAFT_MESSAGE_PRE_VOTE, 2);
    struct raft_message reply = {
        .kind = RAFT_MESSAGE_PRE_VOTE_REPLY, .from = 9, .term = m.term, .read_seq = m.read_seq};
    ASSERT(lab_receive(&l, reply) == STATUS_OK);
    ASSERT(lab_status(&l).role == RAFT_ROLE_PRE_CANDIDATE);
    lab_deinit(&l);
}

static void k4_learners_do_not_commit(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, V4 | V5));
    lab_lead(&l, V2);
    lab_sync(&l);
    lab_ack(&l, 4, 2);
    lab_ack(&l, 5, 2);
    ASSERT(lab_status(&l).commit_index == 1);
    lab_deinit(&l);
}

static void k5_candidate_gives_up_its_leader(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    struct raft_message beat = {.kind = RAFT_MESSAGE_HEARTBEAT, .from = 2, .term = 2};
    ASSERT(lab_receive(&l, beat) == STATUS_OK);
    ASSERT(lab_step(&l, (struct raft_event){.kind = RAFT_EVENT_CAMPAIGN}) == STATUS_OK);
    struct raft_message ask = {
        .kind = RAFT_MESSAGE_PRE_VOTE, .from = 3, .term = 3, .log_term = 1, .log_index = 1};
    ASSERT(lab_receive(&l, ask) == STATUS_OK);
    ASSERT(!lab_sent(&l, RAFT_MESSAGE_PRE_VOTE_REPLY, 3)->reject);
    lab_deinit(&l);
}

static void k5_grant_speaks_of_the_term_asked_about(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    struct raft_message ask = {
        .kind = RAFT_MESSAGE_PRE_VOTE, .from = 3, .term = 9, .log_term = 1, .log_index = 1};
    ASSERT(lab_receive(&l, ask) == STATUS_OK);
    ASSERT(lab_sent(&l, RAFT_MESSAGE_PRE_VOTE_REPLY, 3)->term == 9);
    ASSERT(lab_status(&l).term == 1);
    lab_deinit(&l);
}

static void k6_pre_vote_leaves_the_timer(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    uint64_t wake_ns = l.node.wake_at_ns;
    l.now_ns += 300 * LAB_MS;
    struct raft_message ask = {
        .kind = RAFT_MESSAGE_PRE_VOTE, .from = 3, .term = 2, .log_term = 1, .log_index = 1};
    ASSERT(lab_receive(&l, ask) == STATUS_OK);
    ASSERT(!lab_sent(&l, RAFT_MESSAGE_PRE_VOTE_REPLY, 3)->reject);
    ASSERT(l.node.wake_at_ns == wake_ns);
    lab_deinit(&l);
}

static void k7_vote_is_refused_while_a_leader_lives(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    struct raft_message beat = {.kind = RAFT_MESSAGE_HEARTBEAT, .from = 2, .term = 2};
    ASSERT(lab_receive(&l, beat) == STATUS_OK);
    struct raft_message ask = {
        .kind = RAFT_MESSAGE_VOTE, .from = 3, .term = 7, .log_term = 1, .log_index = 1};
    ASSERT(lab_receive(&l, ask) == STATUS_OK);
    ASSERT(lab_status(&l).term == 2);
    ask.force = true; /* a transfer */
    ASSERT(lab_receive(&l, ask) == STATUS_OK);
    ASSERT(lab_status(&l).term == 7);
    lab_deinit(&l);
}

static void k8_old_message_cuts_nothing(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    struct log_pos origin = {1, 1};
    ASSERT(lab_append(&l, 2, 2, origin, 1, LAB_TERMS(2, 2, 2)) == STATUS_OK);
    lab_sync(&l);
    ASSERT(lab_append(&l, 2, 2, origin, 1, LAB_TERMS(2)) == STATUS_OK); /* came late, or twice */
    ASSERT(lab_status(&l).last.index == 4);
    ASSERT(lab_status(&l).persisted_index == 4);
    lab_deinit(&l);
}

static void k9_half_of_four_is_no_majority(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE | V4, 0, 0));
    lab_lead(&l, V2 | V3);
    lab_sync(&l);
    lab_ack(&l, 2, 2);
    ASSERT(lab_status(&l).commit_index == 1);
    lab_ack(&l, 3, 2);
    ASSERT(lab_status(&l).commit_index == 2);
    lab_deinit(&l);
}

static void k10_vote_waits_for_the_disk(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    struct raft_message ask = {
        .kind = RAFT_MESSAGE_VOTE, .from = 3, .term = 2, .log_term = 1, .log_index = 1};
    ASSERT(lab_receive(&l, ask) == STATUS_OK);
    ASSERT(lab_sent(&l, RAFT_MESSAGE_VOTE_REPLY, 3) == NULL);
    lab_sync(&l);
    ASSERT(!lab_sent(&l, RAFT_MESSAGE_VOTE_REPLY, 3)->reject);
    lab_deinit(&l);
}

static void k10_ack_waits_for_the_disk(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    ASSERT(lab_append(&l, 2, 2, (struct log_pos){1, 1}, 1, LAB_TERMS(2)) == STATUS_OK);
    ASSERT(lab_sent(&l, RAFT_MESSAGE_APPEND_REPLY, 2) == NULL);
    lab_sync(&l);
    ASSERT(lab_sent(&l, RAFT_MESSAGE_APPEND_REPLY, 2)->log_index == 2);
    lab_deinit(&l);
}

static void k11_candidate_asks_when_its_term_is_durable(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    ASSERT(lab_step(&l, (struct raft_event){.kind = RAFT_EVENT_CAMPAIGN}) == STATUS_OK);
    struct raft_message ask = *lab_sent(&l, RAFT_MESSAGE_PRE_VOTE, 2);
    struct raft_message reply = {
        .kind = RAFT_MESSAGE_PRE_VOTE_REPLY, .from = 2, .term = ask.term, .read_seq = ask.read_seq};
    ASSERT(lab_receive(&l, reply) == STATUS_OK);
    ASSERT(lab_status(&l).role == RAFT_ROLE_CANDIDATE);
    ASSERT(lab_sent(&l, RAFT_MESSAGE_VOTE, 0) == NULL);
    lab_sync(&l);
    ASSERT(lab_sent_count(&l, RAFT_MESSAGE_VOTE, 0) == 2);
    lab_deinit(&l);
}

static void k11_leader_counts_its_disk(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    lab_lead(&l, V2);
    lab_ack(&l, 2, 2); /* one follower, and our own write is under way */
    ASSERT(lab_status(&l).commit_index == 1);
    lab_sync(&l);
    ASSERT(lab_status(&l).commit_index == 2);
    lab_deinit(&l);
}

/* Both followers have it: it is committed, and still not for those who ask here, whose reads would wait for our disk. */
static void leader_commits_what_its_disk_has(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    lab_lead(&l, V2);
    lab_ack(&l, 2, 2);
    lab_ack(&l, 3, 2);
    ASSERT(lab_status(&l).commit_index == 1);
    lab_sync(&l);
    ASSERT(lab_status(&l).commit_index == 2);
    lab_deinit(&l);
}

/* (2,2) is written, replaced by (3,2), and comes back, before the first write completes: that the
 * first write is durable says nothing, since the second will replace it on disk once more. */
static void k12_replaced_write_acknowledges_nothing(void)
{
    struct lab l;
    struct log_pos origin = {1, 1};
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    ASSERT(lab_append(&l, 2, 2, origin, 1, LAB_TERMS(2)) == STATUS_OK);
    uint32_t first_write = l.node.queued.count;
    ASSERT(lab_append(&l, 3, 3, origin, 1, LAB_TERMS(3)) == STATUS_OK);
    ASSERT(lab_append(&l, 2, 4, origin, 1, LAB_TERMS(2)) == STATUS_OK);
    ASSERT(sim_node_sync(&l.node, first_write, l.now_ns));
    ASSERT(lab_status(&l).persisted_index == 1);
    lab_sync(&l);
    ASSERT(lab_status(&l).persisted_index == 2);
    lab_deinit(&l);
}

static void k13_truncated_previous_entry_proves_nothing(void)
{
    struct lab l;
    struct log_pos origin = {1, 1};
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    ASSERT(lab_append(&l, 2, 2, origin, 1, LAB_TERMS(2, 2)) == STATUS_OK); /* will be of no use */
    lab_sync(&l);
    /* From a leader that has truncated (., 3) and says term 0 about it, with a commit index. */
    ASSERT(lab_append(&l, 3, 3, (struct log_pos){0, 3}, 3, NULL, 0) == STATUS_OK);
    ASSERT(lab_status(&l).commit_index == 1);
    lab_deinit(&l);
}

static void k14_commit_never_falls(void)
{
    struct lab l;
    struct log_pos origin = {1, 1};
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    ASSERT(lab_append(&l, 2, 2, origin, 3, LAB_TERMS(2, 2)) == STATUS_OK);
    lab_sync(&l);
    ASSERT(lab_append(&l, 2, 2, origin, 1, LAB_TERMS(2, 2)) == STATUS_OK); /* an older message */
    ASSERT(lab_status(&l).commit_index == 3);
    lab_deinit(&l);
}

/* What was counted as uncommitted is given back when other entries take its place: else the bound refuses proposals for ever. */
static void k35_replaced_entries_are_not_counted(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    ASSERT(lab_append(&l, 2, 2, (struct log_pos){1, 1}, 1, LAB_TERMS(2, 2)) == STATUS_OK);
    ASSERT(lab_status(&l).uncommitted_bytes > 0);
    ASSERT(lab_append(&l, 3, 3, (struct log_pos){1, 1}, 2, LAB_TERMS(3)) == STATUS_OK);
    ASSERT(lab_status(&l).uncommitted_bytes == 0);
    lab_deinit(&l);
}

/* A leader of {1,2,3} with {1,4,5} to come; the joint entry is number 3. */
static void lead_into_joint(struct lab *l)
{
    lab_init(l, NULL, lab_config(THREE, 0, 0));
    lab_lead(l, V2);
    lab_ack(l, 2, 2);
    lab_sync(l);
    ASSERT(lab_change(l, lab_config(2u | V4 | V5, 0, 0)) == STATUS_OK);
    lab_sync(l);
}

static void k15_joint_needs_both_halves(void)
{
    struct lab l;
    lead_into_joint(&l);
    lab_ack(&l, 4, 3);
    ASSERT(lab_status(&l).commit_index == 2); /* a majority of the new half only */
    lab_ack(&l, 2, 3);
    ASSERT(lab_status(&l).commit_index == 3);
    lab_deinit(&l);
}

static void k15_joint_is_left_when_committed(void)
{
    struct lab l;
    lead_into_joint(&l);
    ASSERT(lab_status(&l).config->outgoing_count == 3);
    ASSERT(lab_status(&l).last.index == 3);
    lab_ack(&l, 4, 3);
    lab_ack(&l, 2, 3);
    ASSERT(lab_status(&l).config->outgoing_count == 0);
    ASSERT(lab_status(&l).last.index == 4); /* once */
    lab_deinit(&l);
}

static void k15_truncated_change_is_undone(void)
{
    struct lab l;
    lead_into_joint(&l);
    uint64_t term = lab_status(&l).term;
    ASSERT(lab_append(&l, 3, term + 1, (struct log_pos){term, 2}, 2, LAB_TERMS(term + 1)) ==
           STATUS_OK);
    ASSERT(lab_status(&l).config->outgoing_count == 0);
    ASSERT(raft_config_is_voter(lab_status(&l).config, 3));
    lab_deinit(&l);
}

static void k16_read_waits_for_own_commit(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    lab_lead(&l, V2);
    ASSERT(lab_step(&l, (struct raft_event){.kind = RAFT_EVENT_READ, .read_context = 5}) ==
           STATUS_OK);
    const struct raft_message *beat = lab_sent(&l, RAFT_MESSAGE_HEARTBEAT, 2);
    struct raft_message reply = {.kind = RAFT_MESSAGE_HEARTBEAT_REPLY,
                                 .from = 2,
                                 .term = beat->term,
                                 .read_seq = beat->read_seq};
    ASSERT(lab_receive(&l, reply) == STATUS_OK);
    ASSERT(l.read_count == 0);
    lab_sync(&l);
    lab_ack(&l, 2, 2);
    reply.read_seq = lab_sent(&l, RAFT_MESSAGE_HEARTBEAT, 2)->read_seq;
    ASSERT(lab_receive(&l, reply) == STATUS_OK);
    ASSERT(l.read_count == 1 && l.reads[0].ok && l.reads[0].index == 2);
    lab_deinit(&l);
}

static void k17_old_answer_confirms_no_new_read(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    lab_lead(&l, V2);
    lab_ack(&l, 2, 2);
    lab_sync(&l);
    struct raft_message reply = {
        .kind = RAFT_MESSAGE_HEARTBEAT_REPLY, .from = 2, .term = lab_status(&l).term};
    for (uint64_t context = 1; context <= 2; context++) {
        lab_forget(&l);
        struct raft_event read = {.kind = RAFT_EVENT_READ, .read_context = context};
        ASSERT(lab_step(&l, read) == STATUS_OK);
        ASSERT(l.read_count == 0); /* the last round says nothing about now */
        reply.read_seq = lab_sent(&l, RAFT_MESSAGE_HEARTBEAT, 2)->read_seq;
        ASSERT(lab_receive(&l, reply) == STATUS_OK);
        ASSERT(l.read_count == 1 && l.reads[0].ok);
    }
    lab_deinit(&l);
}

static void k27_leader_that_hears_nobody_steps_down(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    lab_lead(&l, V2);
    lab_sync(&l);
    lab_wait(&l, 3000 * LAB_MS);
    ASSERT(lab_status(&l).role != RAFT_ROLE_LEADER);
    lab_deinit(&l);
}

static void k20_no_proposals_during_a_transfer(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    lab_lead(&l, V2);
    lab_sync(&l);
    ASSERT(lab_step(&l, (struct raft_event){.kind = RAFT_EVENT_TRANSFER, .member = 2}) ==
           STATUS_OK);
    ASSERT(lab_propose(&l, "x") == STATUS_NOT_LEADER);
    lab_deinit(&l);
}

static void k21_stale_snapshot_is_ignored(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    ASSERT(lab_append(&l, 2, 2, (struct log_pos){1, 1}, 4, LAB_TERMS(2, 2, 2)) == STATUS_OK);
    lab_sync(&l);
    lab_apply(&l);
    struct raft_config config = lab_config(THREE, 0, 0);
    struct raft_event event = {.kind = RAFT_EVENT_SNAPSHOT_INSTALLED};
    event.installed.from = 2;
    event.installed.term = 2;
    event.installed.pos = (struct log_pos){2, 3};
    event.installed.config = &config;
    ASSERT(lab_step(&l, event) == STATUS_OK);
    ASSERT(lab_status(&l).applied_index == 4);
    ASSERT(lab_status(&l).start.index == 1);
    lab_deinit(&l);
}

/* Replica 2 comes back without the tail it acknowledged: its vote and ours are no majority of what
 * is known. */
static void uncertain_vote_alone_does_not_elect(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    ASSERT(lab_step(&l, (struct raft_event){.kind = RAFT_EVENT_CAMPAIGN}) == STATUS_OK);
    struct raft_message ask = *lab_sent(&l, RAFT_MESSAGE_PRE_VOTE, 2);
    struct raft_message reply = {.kind = RAFT_MESSAGE_PRE_VOTE_REPLY,
                                 .from = 2,
                                 .term = ask.term,
                                 .read_seq = ask.read_seq,
                                 .uncertain = true};
    ASSERT(lab_receive(&l, reply) == STATUS_OK);
    ASSERT(lab_status(&l).role == RAFT_ROLE_PRE_CANDIDATE);
    reply.from = 3;
    reply.uncertain = false;
    ASSERT(lab_receive(&l, reply) == STATUS_OK);
    ASSERT(lab_status(&l).role == RAFT_ROLE_CANDIDATE);
    lab_deinit(&l);
}

/* Of five, three are certain and agree; it may have forgotten a vote by which the fifth still wins. */
static void uncertain_candidate_needs_all(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(2 | 4 | 8 | 16 | 32, 0, 0));
    lab_sync(&l);
    sim_node_crash(&l.node, 0, 0);
    sim_node_start(&l.node, l.now_ns, true);
    ASSERT(lab_step(&l, (struct raft_event){.kind = RAFT_EVENT_CAMPAIGN}) == STATUS_OK);
    struct raft_message ask = *lab_sent(&l, RAFT_MESSAGE_PRE_VOTE, 2);
    struct raft_message reply = {
        .kind = RAFT_MESSAGE_PRE_VOTE_REPLY, .term = ask.term, .read_seq = ask.read_seq};
    for (reply.from = 2; reply.from <= 4; reply.from++) ASSERT(lab_receive(&l, reply) == STATUS_OK);
    ASSERT(lab_status(&l).role == RAFT_ROLE_PRE_CANDIDATE);
    reply.from = 5;
    ASSERT(lab_receive(&l, reply) == STATUS_OK);
    ASSERT(lab_status(&l).role == RAFT_ROLE_CANDIDATE);
    lab_deinit(&l);
}

/* Replica 2 has forgotten that it voted for another in a later term, and acknowledges to us. */
static void uncertain_ack_does_not_commit(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    lab_lead(&l, 4);
    lab_sync(&l);
    struct raft_message m = {.kind = RAFT_MESSAGE_HEARTBEAT_REPLY,
                             .from = 2,
                             .term = lab_status(&l).term,
                             .uncertain = true,
                             .support_epoch = 7,
                             .read_seq = lab_sent(&l, RAFT_MESSAGE_HEARTBEAT, 2)->read_seq};
    ASSERT(lab_receive(&l, m) == STATUS_OK);
    lab_sync(&l);
    m.kind = RAFT_MESSAGE_APPEND_REPLY;
    m.log_index = m.hint_index = lab_status(&l).last.index;
    ASSERT(lab_receive(&l, m) == STATUS_OK);
    ASSERT(lab_status(&l).commit_index < m.log_index);
    lab_ack(&l, 3, m.log_index);
    ASSERT(lab_status(&l).commit_index == m.log_index);
    lab_deinit(&l);
}

static void lost_replica_grants_nothing(void)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    lab_sync(&l);
    sim_node_crash(&l.node, 0, 0);
    sim_node_wipe(&l.node);
    sim_node_start(&l.node, l.now_ns, false);
    struct raft_message ask = {.kind = RAFT_MESSAGE_PRE_VOTE, .from = 2, .term = 9, .log_term = 8,
                               .log_index = 99, .read_seq = 1};
    ASSERT(lab_receive(&l, ask) == STATUS_OK);
    ASSERT(lab_sent(&l, RAFT_MESSAGE_PRE_VOTE_REPLY, 2)->reject);
    ask.kind = RAFT_MESSAGE_VOTE;
    ASSERT(lab_receive(&l, ask) == STATUS_OK);
    lab_sync(&l);
    ASSERT(lab_sent(&l, RAFT_MESSAGE_VOTE_REPLY, 2)->reject);
    lab_deinit(&l);
}

/* ---- elections on a slow machine ---- */

/* It has found that it may win, and stands; nobody but itself knows yet. */
static void stand(struct lab *l)
{
    lab_init(l, NULL, lab_config(2 | 4 | 8, 0, 0));
    ASSERT(lab_step(l, (struct raft_event){.kind = RAFT_EVENT_CAMPAIGN}) == STATUS_OK);
    const struct raft_message *asked = lab_sent(l, RAFT_MESSAGE_PRE_VOTE, 2);
    ASSERT(asked != NULL);
    struct raft_message yes = {.kind = RAFT_MESSAGE_PRE_VOTE_REPLY, .from = 2, .term = asked->term,
                               .read_seq = asked->read_seq};
    ASSERT(lab_receive(l, yes) == STATUS_OK);
    ASSERT(lab_status(l).role == RAFT_ROLE_CANDIDATE);
}

static void election_waits_for_the_disk(void)
{
    struct lab l;
    stand(&l);
    uint64_t term = lab_status(&l).term;
    lab_wait(&l, 10000 * LAB_MS); /* the disk is slow: nobody was asked yet */
    ASSERT(lab_status(&l).role == RAFT_ROLE_CANDIDATE);
    ASSERT(lab_status(&l).term == term);
    lab_forget(&l);
    lab_sync(&l);
    ASSERT(lab_sent_count(&l, RAFT_MESSAGE_VOTE, 0) == 2);
    lab_wait(&l, 599 * LAB_MS); /* from now on they have their time */
    ASSERT(lab_sent_count(&l, RAFT_MESSAGE_PRE_VOTE, 0) == 0);
    lab_deinit(&l);
}

static void election_backs_off(void)
{
    struct lab l;
    stand(&l);
    lab_sync(&l);
    lab_forget(&l);
    while (lab_sent_count(&l, RAFT_MESSAGE_PRE_VOTE, 2) == 0) lab_wait(&l, 10 * LAB_MS);
    lab_forget(&l);
    lab_wait(&l, 1190 * LAB_MS); /* twice the shortest time out */
    ASSERT(lab_sent_count(&l, RAFT_MESSAGE_PRE_VOTE, 2) == 0);
    lab_wait(&l, 1300 * LAB_MS);
    ASSERT(lab_sent_count(&l, RAFT_MESSAGE_PRE_VOTE, 2) > 0);
    lab_deinit(&l);
}

/* ---- running them ---- */

struct trap {
    const char *mutant;
    void (*scenario)(void);
};
static const struct trap traps[] = {
    {"election_outruns_the_disk", election_waits_for_the_disk},
    {"election_without_back_off", election_backs_off},
    {"raft_joins_what_is_out", what_is_out_is_not_joined},
    {"k1_change_before_own_commit", k1_change_waits_for_own_commit},
    {"k1_two_changes", k1_one_change_at_a_time},
    {"k1_no_joint", k1_voters_change_jointly},
    {"k2_commit_old_term", k2_old_term_is_not_counted},
    {"k3_learner_refuses", k3_learner_answers},
    {"k4_non_voter_campaigns", k4_learner_does_not_campaign},
    {"k4_count_any_vote", k4_vote_of_a_stranger_counts_nothing},
    {"k4_learners_commit", k4_learners_do_not_commit},
    {"k5_candidate_keeps_leader", k5_candidate_gives_up_its_leader},
    {"k5_pre_vote_own_term", k5_grant_speaks_of_the_term_asked_about},
    {"k6_pre_vote_resets_timer", k6_pre_vote_leaves_the_timer},
    {"k7_not_sticky", k7_vote_is_refused_while_a_leader_lives},
    {"k8_truncate_matching", k8_old_message_cuts_nothing},
    {"k9_even_quorum", k9_half_of_four_is_no_majority},
    {"k10_vote_before_durable", k10_vote_waits_for_the_disk},
    {"k10_ack_before_durable", k10_ack_waits_for_the_disk},
    {"k11_vote_asked_before_durable", k11_candidate_asks_when_its_term_is_durable},
    {"k11_leader_counts_unpersisted", k11_leader_counts_its_disk},
    {"k12_ack_overwritten", k12_replaced_write_acknowledges_nothing},
    {"k13_truncated_is_term_zero", k13_truncated_previous_entry_proves_nothing},
    {"k14_commit_falls", k14_commit_never_falls},
    {"k15_joint_counts_one_half", k15_joint_needs_both_halves},
    {"k15_never_left", k15_joint_is_left_when_committed},
    {"k15_left_early", k15_joint_is_left_when_committed},
    {"k15_config_kept_on_truncation", k15_truncated_change_is_undone},
    {"k16_read_before_own_commit", k16_read_waits_for_own_commit},
    {"k17_round_reused", k17_old_answer_confirms_no_new_read},
    {"k20_propose_while_transferring", k20_no_proposals_during_a_transfer},
    {"k27_no_check_quorum", k27_leader_that_hears_nobody_steps_down},
    {"k21_stale_snapshot_installed", k21_stale_snapshot_is_ignored},
    {"k35_uncommitted_kept", k35_replaced_entries_are_not_counted},
    {"uncertain_vote_counts", uncertain_vote_alone_does_not_elect},
    {"uncertain_wins_by_majority", uncertain_candidate_needs_all},
    {"uncertain_ack_counts", uncertain_ack_does_not_commit},
    {"leader_commits_unpersisted", leader_commits_what_its_disk_has},
    {"lost_replica_votes", lost_replica_grants_nothing},
};
#define TRAP_COUNT (sizeof traps / sizeof traps[0])

static bool ends_well(void (*scenario)(void), const char *mutant)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (mutant != NULL && freopen("/dev/null", "w", stderr) == NULL) _exit(2);
        if (mutant_select(mutant) == 0 && mutant != NULL) _exit(0);
        alarm(60);
        scenario();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(raft_mutant, every_trap_is_avoided_and_every_mutant_falls_into_it)
{
    uint32_t failures = 0;
    for (uint32_t i = 0; i < TRAP_COUNT; i++) {
        bool sound = ends_well(traps[i].scenario, NULL);
        bool caught = !ends_well(traps[i].scenario, traps[i].mutant);
        if (!sound) print_error("%s: the scenario fails without the mutant\n", traps[i].mutant);
        if (!caught) print_error("%s: the mutant is not noticed\n", traps[i].mutant);
        failures += !sound || !caught;
    }
    for (uint32_t i = 0; i < lease_scenario_count; i++) {
        bool sound = ends_well(lease_scenarios[i].run, NULL);
        bool caught = !ends_well(lease_scenarios[i].run, lease_scenarios[i].mutant);
        if (!sound) print_error("%s: the scenario fails without the mutant\n", lease_scenarios[i].mutant);
        if (!caught) print_error("%s: the mutant is not noticed\n", lease_scenarios[i].mutant);
        failures += !sound || !caught;
    }
    assert_int_equal(failures, 0);
}

static void check_listed(const struct mutant_site *site, void *ctx)
{
    uint32_t *missing = ctx;
    for (uint32_t i = 0; i < TRAP_COUNT; i++)
        if (strcmp(traps[i].mutant, site->name) == 0) return;
    for (uint32_t i = 0; i < lease_scenario_count; i++)
        if (strcmp(lease_scenarios[i].mutant, site->name) == 0) return;
    print_error("%s: no scenario\n", site->name);
    (*missing)++;
}

TEST(raft_mutant, every_mutant_has_a_scenario)
{
    uint32_t missing = 0;
    mutant_visit(check_listed, &missing);
    assert_int_equal(missing, 0);
}
