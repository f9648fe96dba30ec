/* Copying entries: conflicts, windows, entries that are on disk only, bounds. */
#include "tests/raft/cluster.h"
#include "tests/raft/lab.h"
#include "tests/test.h"

#define THREE 14u

static void lead(struct lab *l, const struct raft_options *o)
{
    lab_init(l, o, lab_config(THREE, 0, 0));
    lab_lead(l, 1u << 2);
    lab_sync(l);
    lab_ack(l, 2, 2);
    assert_u64_equal(lab_status(l).commit_index, 2);
    lab_forget(l);
}

TEST(raft_replicate, appends_leave_before_the_leader_has_written_them)
{
    struct lab l;
    lead(&l, NULL);
    assert_int_equal(lab_propose(&l, "x"), STATUS_OK);
    assert_u64_equal(lab_sent(&l, RAFT_MESSAGE_APPEND, 2)->entry_count, 1);
    assert_u64_equal(lab_status(&l).persisted_index, 2);
    lab_deinit(&l);
}

TEST(raft_replicate, commands_of_one_moment_share_a_message_and_a_write)
{
    struct lab l;
    lead(&l, NULL);
    for (int i = 0; i < 3; i++) {
        struct raft_event event = {.kind = RAFT_EVENT_PROPOSE};
        event.propose.payload = bytes_of_string("x");
        event.propose.more = true;
        assert_int_equal(lab_step(&l, event), STATUS_OK);
        assert_u64_equal(lab_status(&l).last.index, 3 + (uint64_t)i);
    }
    lab_sync(&l);
    assert_u64_equal(lab_status(&l).persisted_index, 2); /* nothing was handed out yet */
    assert_int_equal(lab_sent_count(&l, RAFT_MESSAGE_APPEND, 0), 0);
    assert_int_equal(lab_step(&l, (struct raft_event){.kind = RAFT_EVENT_FLUSH}), STATUS_OK);
    assert_int_equal(lab_sent_count(&l, RAFT_MESSAGE_APPEND, 2), 1);
    assert_u64_equal(lab_sent(&l, RAFT_MESSAGE_APPEND, 2)->entry_count, 3);
    lab_sync(&l);
    assert_u64_equal(lab_status(&l).persisted_index, 5);
    lab_deinit(&l);
}

static void propose_at(struct lab *l, struct bytes payload, bool joins, uint64_t index)
{
    assert_int_equal(lab_propose_more(l, payload, joins), STATUS_OK);
    assert_u64_equal(lab_status(l).last.index, index);
}

static void flush(struct lab *l)
{
    assert_int_equal(lab_step(l, (struct raft_event){.kind = RAFT_EVENT_FLUSH}), STATUS_OK);
}

/* On the leader's disk. */
static struct bytes written(struct lab *l, uint64_t index)
{
    lab_sync(l);
    const struct sim_records *log = &l->node.durable;
    for (uint32_t i = log->count; i > 0; i--)
        if (log->items[i - 1].kind == SIM_RECORD_ENTRY && log->items[i - 1].entry.index == index) return log->items[i - 1].entry.payload;
    return BYTES_EMPTY;
}

static void assert_entry(struct lab *l, uint64_t index, const char *payload)
{
    assert_true(bytes_equal(written(l, index), bytes_of_string(payload)));
}

TEST(raft_replicate, commands_that_join_share_an_entry_until_it_is_handed_out)
{
    struct lab l;
    lead(&l, NULL);
    propose_at(&l, BYTES_LITERAL("ab"), true, 3);
    propose_at(&l, BYTES_LITERAL("cd"), true, 3);
    propose_at(&l, BYTES_LITERAL("x"), false, 4);
    propose_at(&l, BYTES_LITERAL("ef"), true, 5); /* the one before it stands alone */
    propose_at(&l, BYTES_LITERAL("gh"), true, 5);
    flush(&l);
    assert_u64_equal(lab_sent(&l, RAFT_MESSAGE_APPEND, 2)->entry_count, 3);
    assert_entry(&l, 3, "abcd");
    assert_entry(&l, 4, "x");
    assert_entry(&l, 5, "efgh");
    lab_forget(&l);
    propose_at(&l, BYTES_LITERAL("ij"), true, 6); /* the last one is on its way to others */
    flush(&l);
    assert_u64_equal(lab_sent(&l, RAFT_MESSAGE_APPEND, 2)->entry_count, 1);
    assert_entry(&l, 6, "ij");
    lab_deinit(&l);
}

TEST(raft_replicate, an_entry_that_is_shared_stays_small)
{
    static const uint8_t piece[4000];
    struct lab l;
    lead(&l, NULL);
    for (uint32_t i = 0; i < 400; i++) assert_int_equal(lab_propose_more(&l, bytes_make(piece, sizeof piece), true), STATUS_OK);
    flush(&l);
    size_t most = 0, all = 0;
    for (uint64_t index = 3; index <= lab_status(&l).last.index; index++) {
        size_t size = written(&l, index).size;
        assert_true(size > 0 && size % sizeof piece == 0);
        if (size > most) most = size;
        all += size;
    }
    assert_int_equal(all, 400 * sizeof piece);
    assert_int_equal(most, RAFT_JOINED_BYTES_MAX / sizeof piece * sizeof piece);
    lab_deinit(&l);
}

TEST(raft_replicate, a_window_closes_and_opens_with_acknowledgements)
{
    struct raft_options o = {.inflight_count_max = 3};
    struct lab l;
    lead(&l, &o);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(lab_propose(&l, "x"), STATUS_OK);
    assert_int_equal(lab_sent_count(&l, RAFT_MESSAGE_APPEND, 2), 3);
    lab_ack(&l, 2, 4);
    assert_int_equal(lab_sent_count(&l, RAFT_MESSAGE_APPEND, 2), 4); /* the rest fits one more */
    assert_u64_equal(lab_sent(&l, RAFT_MESSAGE_APPEND, 2)->entry_count, 7);
    lab_deinit(&l);
}

TEST(raft_replicate, a_window_closes_by_bytes_too)
{
    struct raft_options o = {.inflight_bytes_max = 300};
    struct lab l;
    lead(&l, &o);
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(lab_propose(&l, "0123456789"), STATUS_OK);
    assert_int_equal(lab_sent_count(&l, RAFT_MESSAGE_APPEND, 2),
                     5); /* 74 bytes each, and the one over */
    lab_deinit(&l);
}

TEST(raft_replicate, a_message_holds_no_more_than_it_may)
{
    struct raft_options o = {.append_bytes_max = 200, .inflight_count_max = 64};
    struct lab l;
    lead(&l, &o);
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(lab_propose(&l, "0123456789"), STATUS_OK);
    lab_forget(&l);
    assert_int_equal(lab_step(&l, (struct raft_event){.kind = RAFT_EVENT_UNREACHABLE, .member = 2}),
                     STATUS_OK);
    lab_ack(&l, 2, 2);
    for (uint32_t i = 0; i < l.sent_count; i++)
        if (l.sent[i].kind == RAFT_MESSAGE_APPEND && l.sent[i].to == 2)
            assert_true(l.sent[i].entry_count <= 2);
    assert_true(lab_sent_count(&l, RAFT_MESSAGE_APPEND, 2) >= 10);
    lab_deinit(&l);
}

TEST(raft_replicate, a_refusal_backs_up_over_a_whole_term_at_once)
{
    struct lab l;
    lab_init(&l, NULL, lab_config(THREE, 0, 0));
    assert_int_equal(
        lab_append(&l, 2, 5, (struct log_pos){1, 1}, 1, LAB_TERMS(2, 2, 4, 4, 4, 4, 5, 5)),
        STATUS_OK);
    lab_sync(&l);
    lab_forget(&l);
    /* Another leader has term 3 at index 9: all we have of terms 4 and 5 is of no use. */
    assert_int_equal(lab_append(&l, 3, 6, (struct log_pos){3, 9}, 1, NULL, 0), STATUS_OK);
    const struct raft_message *reply = lab_sent(&l, RAFT_MESSAGE_APPEND_REPLY, 3);
    assert_true(reply->reject);
    assert_u64_equal(reply->hint_index, 3);
    assert_u64_equal(reply->hint_term, 2);
    lab_deinit(&l);
}

TEST(raft_replicate, a_follower_with_another_history_is_brought_over_in_few_messages)
{
    struct raft_options o = {.election_timeout_ns = 600 * MS};
    struct cluster *c = cluster_create(5, 3, 3, &o);
    uint64_t old = cluster_wait_leader(c);
    cluster_isolate(c, old, true);
    for (uint32_t i = 0; i < 200; i++)
        (void)!cluster_propose(c, old, 10); /* goes nowhere */
    cluster_run(c, 3000 * MS);
    uint64_t leader = cluster_wait_leader(c);
    assert_true(leader != old);
    for (uint32_t i = 0; i < 200; i++)
        assert_int_equal(cluster_propose(c, leader, 10), STATUS_OK);
    cluster_run(c, 500 * MS);
    cluster_heal(c);
    cluster_run(c, 600 * MS);
    assert_u64_equal(cluster_status(c, old).last.index, cluster_status(c, leader).last.index);
    cluster_converge(c);
    cluster_destroy(c);
}

TEST(raft_replicate, what_has_left_memory_comes_from_disk)
{
    struct raft_options o = {.cache_bytes_max = 2000};
    struct cluster *c = cluster_create(6, 3, 3, &o);
    uint64_t leader = cluster_wait_leader(c), slow = leader % 3 + 1;
    cluster_isolate(c, slow, true);
    for (uint32_t i = 0; i < 500; i++) {
        assert_int_equal(cluster_propose(c, leader, 100), STATUS_OK);
        if (i % 20 == 0) cluster_run(c, 50 * MS);
    }
    cluster_run(c, 1000 * MS);
    assert_true(cluster_status(c, leader).cached_bytes < 3000);
    cluster_heal(c);
    cluster_converge(c);
    assert_u64_equal(cluster_status(c, slow).start.index, 1); /* no snapshot */
    cluster_destroy(c);
}

TEST(raft_replicate, a_lost_message_is_noticed_by_heartbeats)
{
    struct lab l;
    lead(&l, NULL);
    assert_int_equal(lab_propose(&l, "x"), STATUS_OK);
    lab_forget(&l);
    for (uint32_t i = 0; i < 4; i++) { /* it answers, and has never seen the entry */
        lab_wait(&l, 110 * LAB_MS);
        const struct raft_message *beat = lab_sent(&l, RAFT_MESSAGE_HEARTBEAT, 2);
        struct raft_message reply = {.kind = RAFT_MESSAGE_HEARTBEAT_REPLY,
                                     .from = 2,
                                     .term = beat->term,
                                     .read_seq = beat->read_seq,
                                     .log_index = 2,
                                     .hint_index = 2};
        assert_int_equal(lab_receive(&l, reply), STATUS_OK);
    }
    assert_u64_equal(lab_sent(&l, RAFT_MESSAGE_APPEND, 2)->entry_count, 1);
    lab_deinit(&l);
}

/* Rounds for reads follow each other faster than entries travel: that is no loss, and no reason to
 * send again what is under way. */
TEST(raft_replicate, rounds_of_reads_send_nothing_twice)
{
    struct lab l;
    lead(&l, NULL);
    assert_int_equal(lab_propose(&l, "x"),
                     STATUS_OK); /* 2 gets it by the window, 3 is being probed */
    lab_forget(&l);
    for (uint64_t i = 0; i < 10; i++) {
        l.now_ns += LAB_MS / 10;
        struct raft_event read = {.kind = RAFT_EVENT_READ, .read_context = i};
        assert_int_equal(lab_step(&l, read), STATUS_OK);
        for (uint64_t id = 2; id <= 3; id++) {
            const struct raft_message *beat = lab_sent(&l, RAFT_MESSAGE_HEARTBEAT, id);
            struct raft_message reply = {.kind = RAFT_MESSAGE_HEARTBEAT_REPLY,
                                         .from = id,
                                         .term = beat->term,
                                         .read_seq = beat->read_seq,
                                         .log_index = id == 2 ? 2 : 1,
                                         .hint_index = id == 2 ? 2 : 1};
            assert_int_equal(lab_receive(&l, reply), STATUS_OK);
        }
    }
    assert_int_equal(l.read_count, 10);
    assert_int_equal(lab_sent_count(&l, RAFT_MESSAGE_APPEND, 0), 0);
    lab_deinit(&l);
}

TEST(raft_replicate, uncommitted_bytes_are_bounded_and_return_to_zero)
{
    struct raft_options o = {.uncommitted_bytes_max = 500};
    struct lab l;
    lead(&l, &o);
    uint32_t accepted = 0;
    while (lab_propose(&l, "0123456789") == STATUS_OK)
        accepted++;
    assert_int_equal(lab_propose(&l, "0123456789"), STATUS_BUSY);
    assert_true(accepted >= 2 && accepted < 10);
    assert_true(lab_status(&l).uncommitted_bytes <= 500);
    lab_sync(&l);
    lab_ack(&l, 2, 2 + accepted);
    assert_u64_equal(lab_status(&l).uncommitted_bytes, 0);
    assert_int_equal(lab_propose(&l, "0123456789"), STATUS_OK);
    lab_deinit(&l);
}

TEST(raft_replicate, uncommitted_bytes_return_to_zero_when_a_new_leader_replaces_them)
{
    struct lab l;
    lead(&l, NULL);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(lab_propose(&l, "x"), STATUS_OK);
    assert_true(lab_status(&l).uncommitted_bytes > 0);
    uint64_t term = lab_status(&l).term;
    assert_int_equal(lab_append(&l, 3, term + 1, (struct log_pos){term, 2}, 3, LAB_TERMS(term + 1)),
                     STATUS_OK);
    assert_u64_equal(lab_status(&l).uncommitted_bytes, 0);
    lab_deinit(&l);
}

TEST(raft_replicate, a_large_entry_passes_and_a_larger_one_does_not)
{
    struct cluster *c = cluster_create(7, 3, 3, NULL);
    uint64_t leader = cluster_wait_leader(c);
    assert_int_equal(cluster_propose(c, leader, RAFT_ENTRY_BYTES_MAX), STATUS_OK);
    assert_int_equal(cluster_propose(c, leader, RAFT_ENTRY_BYTES_MAX + 1), STATUS_TOO_LARGE);
    cluster_converge(c);
    cluster_destroy(c);
}

TEST(raft_replicate, hostile_messages_change_nothing)
{
    struct lab l;
    lead(&l, NULL);
    uint64_t term = lab_status(&l).term;
    struct raft_message m = {.kind = RAFT_MESSAGE_APPEND_REPLY,
                             .from = 2,
                             .term = term,
                             .log_index = 1000,
                             .hint_index = 1000};
    assert_int_equal(lab_receive(&l, m), STATUS_OK); /* acknowledges what nobody sent */
    assert_u64_equal(lab_status(&l).commit_index, 2);
    m = (struct raft_message){.kind = RAFT_MESSAGE_HEARTBEAT, .from = 3, .term = term};
    assert_int_equal(lab_receive(&l, m), STATUS_INVALID); /* a second leader of our term */
    m = (struct raft_message){.kind = RAFT_MESSAGE_HEARTBEAT, .from = 1, .term = term + 1};
    assert_int_equal(lab_receive(&l, m), STATUS_INVALID); /* from ourselves */
    m = (struct raft_message){.kind = 77, .from = 2, .term = term + 1};
    assert_int_equal(lab_receive(&l, m), STATUS_INVALID);
    m = (struct raft_message){.kind = RAFT_MESSAGE_VOTE, .from = 2, .term = UINT64_MAX};
    assert_int_equal(lab_receive(&l, m), STATUS_INVALID);
    assert_u64_equal(lab_status(&l).term, term);
    assert_int_equal(lab_status(&l).role, RAFT_ROLE_LEADER);
    lab_deinit(&l);
}

static void load_answer(struct lab *l, uint64_t first, const struct raft_entry *entries,
                        uint32_t count, bool ok)
{
    struct raft_event event = {.kind = RAFT_EVENT_LOADED};
    event.loaded.first_index = first;
    event.loaded.entries = entries;
    event.loaded.count = count;
    event.loaded.ok = ok;
    assert_int_equal(lab_step(l, event), STATUS_OK);
}

/* The driver answers a load that it cannot serve at once, from inside the step that asked: asking
 * again right away would never end. */
TEST(raft_replicate, a_failed_load_is_not_asked_again_at_once)
{
    struct raft_options o = {.cache_bytes_max = 1};
    struct lab l;
    lead(&l, &o);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(lab_propose(&l, "x"), STATUS_OK);
    lab_sync(&l);
    lab_ack(&l, 2, 12);
    lab_apply(&l);
    struct raft_message ack = {.kind = RAFT_MESSAGE_APPEND_REPLY,
                               .from = 3,
                               .log_index = 1,
                               .hint_index = 1,
                               .term = lab_status(&l).term};
    assert_int_equal(lab_receive(&l, ack), STATUS_OK);
    assert_true(l.node.load_wanted);
    l.node.load_wanted = false;
    load_answer(&l, l.node.load.first_index, NULL, 0, false);
    assert_false(l.node.load_wanted);
    lab_wait(&l, 150 * LAB_MS);
    assert_true(l.node.load_wanted);
    lab_deinit(&l);
}
