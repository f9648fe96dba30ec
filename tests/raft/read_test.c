/* ReadIndex: rounds, batching, forwarding, giving up. */
#include "tests/raft/cluster.h"
#include "tests/raft/lab.h"
#include "tests/test.h"

#define THREE 14u

static void read_at(struct lab *l, uint64_t context)
{
    struct raft_event event = {.kind = RAFT_EVENT_READ, .read_context = context};
    assert_int_equal(lab_step(l, event), STATUS_OK);
}

static void beat_back(struct lab *l, uint64_t from, uint64_t round)
{
    struct raft_message m = {.kind = RAFT_MESSAGE_HEARTBEAT_REPLY,
                             .from = from,
                             .term = lab_status(l).term,
                             .read_seq = round};
    assert_int_equal(lab_receive(l, m), STATUS_OK);
}

static void lead(struct lab *l, uint32_t voters)
{
    lab_init(l, NULL, lab_config(voters, 0, 0));
    lab_lead(l, voters);
    lab_sync(l);
    for (uint64_t id = 2; id < 8; id++)
        if (voters >> id & 1) lab_ack(l, id, 2);
    lab_forget(l);
}

TEST(raft_read, many_reads_share_a_round)
{
    struct lab l;
    lead(&l, THREE);
    for (uint64_t context = 1; context <= 8; context++)
        read_at(&l, context);
    assert_int_equal(lab_sent_count(&l, RAFT_MESSAGE_HEARTBEAT, 2),
                     1); /* for the first; the rest wait */
    beat_back(&l, 2, lab_sent(&l, RAFT_MESSAGE_HEARTBEAT, 2)->read_seq);
    assert_int_equal(l.read_count, 1);
    assert_int_equal(lab_sent_count(&l, RAFT_MESSAGE_HEARTBEAT, 2), 2);
    beat_back(&l, 2, lab_sent(&l, RAFT_MESSAGE_HEARTBEAT, 2)->read_seq);
    assert_int_equal(l.read_count, 8);
    for (uint32_t i = 0; i < 8; i++) {
        assert_u64_equal(l.reads[i].context, i + 1);
        assert_true(l.reads[i].ok);
        assert_u64_equal(l.reads[i].index, 2);
    }
    lab_deinit(&l);
}

TEST(raft_read, a_sole_voter_answers_at_once)
{
    struct lab l;
    lead(&l, 2);
    read_at(&l, 1);
    assert_int_equal(l.read_count, 1);
    assert_true(l.reads[0].ok);
    lab_deinit(&l);
}

TEST(raft_read, half_of_an_even_group_confirms_nothing)
{
    struct lab l;
    lead(&l, 30);
    read_at(&l, 1);
    uint64_t round = lab_sent(&l, RAFT_MESSAGE_HEARTBEAT, 2)->read_seq;
    beat_back(&l, 2, round);
    assert_int_equal(l.read_count, 0);
    beat_back(&l, 3, round);
    assert_int_equal(l.read_count, 1);
    lab_deinit(&l);
}

TEST(raft_read, a_lost_round_is_made_up_for_by_the_next_heartbeat)
{
    struct lab l;
    lead(&l, THREE);
    read_at(&l, 1);
    read_at(&l, 2);
    lab_forget(&l);
    lab_wait(&l, 110 * LAB_MS);
    beat_back(&l, 3, lab_sent(&l, RAFT_MESSAGE_HEARTBEAT, 3)->read_seq);
    assert_int_equal(l.read_count, 2);
    lab_deinit(&l);
}

TEST(raft_read, reads_fail_with_the_leadership)
{
    struct lab l;
    lead(&l, THREE);
    read_at(&l, 1);
    struct raft_message beat = {
        .kind = RAFT_MESSAGE_HEARTBEAT, .from = 3, .term = lab_status(&l).term + 1};
    assert_int_equal(lab_receive(&l, beat), STATUS_OK);
    assert_int_equal(l.read_count, 1);
    assert_false(l.reads[0].ok);
    lab_deinit(&l);
}

TEST(raft_read, a_follower_forwards_and_never_takes_an_old_answer)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    read_at(&l, 1);
    assert_false(l.reads[0].ok); /* no leader known */
    struct raft_message beat = {.kind = RAFT_MESSAGE_HEARTBEAT, .from = 2, .term = 2};
    assert_int_equal(lab_receive(&l, beat), STATUS_OK);
    lab_forget(&l);
    read_at(&l, 2);
    uint64_t first = lab_sent(&l, RAFT_MESSAGE_READ_INDEX, 2)->read_seq;
    lab_wait(&l, 300 * LAB_MS);
    assert_int_equal(lab_receive(&l, beat), STATUS_OK);
    lab_wait(&l, 400 * LAB_MS); /* lost: given up after an election timeout */
    assert_int_equal(l.read_count, 1);
    assert_false(l.reads[0].ok);
    read_at(&l, 3);
    struct raft_message reply = {.kind = RAFT_MESSAGE_READ_INDEX_REPLY,
                                 .from = 2,
                                 .term = 2,
                                 .read_seq = first,
                                 .commit = 1};
    assert_int_equal(lab_receive(&l, reply), STATUS_OK); /* K17: late, for the first attempt */
    assert_int_equal(l.read_count, 1);
    reply.read_seq = lab_sent(&l, RAFT_MESSAGE_READ_INDEX, 2)->read_seq;
    assert_true(reply.read_seq != first);
    reply.commit = 9;
    assert_int_equal(lab_receive(&l, reply), STATUS_OK);
    assert_int_equal(l.read_count, 2);
    assert_true(l.reads[1].ok);
    assert_u64_equal(l.reads[1].index, 9);
    lab_deinit(&l);
}

TEST(raft_read, a_deposed_leader_serves_nothing)
{
    struct cluster *c = cluster_create(3, 3, 3, NULL);
    uint64_t old = cluster_wait_leader(c);
    cluster_isolate(c, old, true);
    cluster_run(c, 300 * MS);
    uint64_t ok_before = c->reads_ok;
    for (uint32_t i = 0; i < 10; i++) {
        cluster_read(c, old);
        cluster_run(c, 100 * MS);
    }
    assert_u64_equal(c->reads_ok, ok_before);
    cluster_converge(c);
    cluster_destroy(c);
}
