/* Groups at rest: who may be left in peace, and who may not. */
#include "tests/raft/lease_lab.h"
#include "tests/raft/lease_scenarios.h"

#define LAST 2 /* the leader's own entry */

/* `from` answers the heartbeat that was sent to it last. */
static void beat_answered(struct lab *l, uint64_t from, bool uncertain)
{
    const struct raft_message *beat = lab_sent(l, RAFT_MESSAGE_HEARTBEAT, from);
    ASSERT(beat != NULL);
    lease_message(l, (struct raft_message){.kind = RAFT_MESSAGE_HEARTBEAT_REPLY,
                                           .from = from,
                                           .term = lab_status(l).term,
                                           .read_seq = beat->read_seq,
                                           .log_index = LAST,
                                           .hint_index = LAST,
                                           .uncertain = uncertain,
                                           .support_epoch = uncertain ? 77 : 0});
}

/* A leader of three with a lease for long; both have its log. */
static void lead_fortified(struct lab *l)
{
    struct raft_options options = {.silence_ns = 600 * LAB_MS};
    lab_init(l, &options, LEASE_THREE);
    lab_wait(l, 600 * LAB_MS);
    lab_lead(l, 1u << 2);
    lab_ack(l, 2, LAST);
    lab_ack(l, 3, LAST);
    lab_sync(l);
    for (uint64_t id = 2; id <= 3; id++) {
        lease_received(l, id, 5, l->now_ns + 9000 * LAB_MS);
        lease_promised(l, id, 1, 5);
    }
    ASSERT(lab_status(l).commit_index == LAST);
    lab_forget(l);
}

static uint32_t beats_in_a_while(struct lab *l, uint64_t to)
{
    lab_forget(l);
    lab_wait(l, 1000 * LAB_MS);
    return lab_sent_count(l, RAFT_MESSAGE_HEARTBEAT, to);
}

void rest_begins_when_all_know_all(void)
{
    struct lab l;
    lead_fortified(&l);
    lab_wait(&l, 200 * LAB_MS); /* nobody has confirmed the commit index yet */
    ASSERT(lab_sent_count(&l, RAFT_MESSAGE_HEARTBEAT, 2) > 0);
    beat_answered(&l, 2, false);
    ASSERT(beats_in_a_while(&l, 2) == 0);
    ASSERT(lab_sent_count(&l, RAFT_MESSAGE_HEARTBEAT, 3) > 0); /* it has not */
    beat_answered(&l, 3, false);
    ASSERT(beats_in_a_while(&l, 0) == 0);
    ASSERT(lab_status(&l).role == RAFT_ROLE_LEADER);
    ASSERT(lab_propose(&l, "x") == STATUS_OK);
    ASSERT(lab_sent_count(&l, RAFT_MESSAGE_APPEND, 0) == 2);
    lab_ack(&l, 2, LAST + 1);
    lab_ack(&l, 3, LAST + 1);
    lab_sync(&l);
    ASSERT(lab_status(&l).commit_index == LAST + 1);
    ASSERT(beats_in_a_while(&l, 2) > 0); /* they have it, and do not know that it is committed */
    lab_deinit(&l);
}

void rest_needs_a_lease(void)
{
    struct lab l;
    struct raft_options options = {.silence_ns = 600 * LAB_MS};
    lab_init(&l, &options, LEASE_THREE);
    lab_wait(&l, 600 * LAB_MS);
    lab_lead(&l, 1u << 2);
    lab_ack(&l, 2, LAST);
    lab_sync(&l);
    lease_received(&l, 2, 5, l.now_ns + 1 * LAB_MS); /* both are away soon, and with them the lease */
    lease_received(&l, 3, 5, l.now_ns + 1 * LAB_MS);
    lease_promised(&l, 2, 1, 5);
    lab_wait(&l, 10 * LAB_MS);
    ASSERT(beats_in_a_while(&l, 2) > 0);
    lab_deinit(&l);
}

void rest_is_not_begun_by_answers_of_an_earlier_life(void)
{
    struct lab l;
    lead_fortified(&l);
    lab_wait(&l, 200 * LAB_MS);
    beat_answered(&l, 2, false);
    beat_answered(&l, 3, false);
    lab_wait(&l, 200 * LAB_MS);
    lab_forget(&l);
    lease_received(&l, 2, 6, l.now_ns + 9000 * LAB_MS); /* it was started anew */
    lease_promised(&l, 2, 1, 6);
    ASSERT(beats_in_a_while(&l, 2) > 0);
    beat_answered(&l, 2, false);
    ASSERT(beats_in_a_while(&l, 2) == 0);
    lab_deinit(&l);
}

void rest_waits_for_the_end_of_a_doubt(void)
{
    struct lab l;
    lead_fortified(&l);
    lab_wait(&l, 200 * LAB_MS);
    beat_answered(&l, 3, false);
    beat_answered(&l, 2, true);
    lab_ack(&l, 3, LAST + 1);
    lab_sync(&l); /* the entry that settles it is committed */
    ASSERT(lab_status(&l).commit_index == LAST + 1);
    for (int i = 0; i < 2; i++) {
        lab_wait(&l, 200 * LAB_MS);
        const struct raft_message *beat = lab_sent(&l, RAFT_MESSAGE_HEARTBEAT, 2);
        lease_message(&l, (struct raft_message){.kind = RAFT_MESSAGE_HEARTBEAT_REPLY, .from = 2,
                                                .term = lab_status(&l).term, .read_seq = beat->read_seq,
                                                .log_index = LAST + 1, .hint_index = LAST + 1,
                                                .uncertain = true, .support_epoch = 77});
    }
    ASSERT(beats_in_a_while(&l, 2) > 5); /* it has to be told that it is settled */
    lab_deinit(&l);
}

static void put_everywhere(struct lab *l, uint64_t index)
{
    ASSERT(lab_propose(l, "x") == STATUS_OK);
    lab_ack(l, 2, index);
    lab_ack(l, 3, index);
    lab_sync(l);
    ASSERT(lab_status(l).commit_index == index);
    lab_forget(l);
}

/* Who is written now and then needs no round in between: the next append says what is committed. */
void rest_waits_for_the_next_append(void)
{
    struct lab l;
    lead_fortified(&l);
    lab_wait(&l, 200 * LAB_MS);
    beat_answered(&l, 2, false);
    beat_answered(&l, 3, false);
    for (uint64_t index = LAST + 1; index < LAST + 5; index++) {
        put_everywhere(&l, index);
        lab_wait(&l, 700 * LAB_MS);
        ASSERT(lab_sent_count(&l, RAFT_MESSAGE_HEARTBEAT, 0) == 0);
    }
    lab_wait(&l, 400 * LAB_MS); /* no more: they are told, after all */
    ASSERT(lab_sent_count(&l, RAFT_MESSAGE_HEARTBEAT, 0) >= 2);
    ASSERT(lab_propose(&l, "x") == STATUS_OK);
    lab_ack(&l, 2, LAST + 5);
    lab_sync(&l);
    lab_forget(&l);
    lab_wait(&l, 400 * LAB_MS); /* the third one lags: it is asked sooner */
    ASSERT(lab_sent_count(&l, RAFT_MESSAGE_HEARTBEAT, 3) > 0);
    lab_deinit(&l);
}

/* An entry is on its way to those who keep up: they are not asked at once. Who turns out to lack it is. */
void rest_is_patient_with_who_keeps_up(void)
{
    struct lab l;
    lead_fortified(&l);
    lab_wait(&l, 200 * LAB_MS);
    beat_answered(&l, 2, false);
    beat_answered(&l, 3, false);
    ASSERT(lab_propose(&l, "x") == STATUS_OK);
    lab_sync(&l);
    lab_forget(&l);
    lab_wait(&l, 280 * LAB_MS);
    ASSERT(lab_sent_count(&l, RAFT_MESSAGE_HEARTBEAT, 0) == 0);
    lab_wait(&l, 40 * LAB_MS);
    ASSERT(lab_sent_count(&l, RAFT_MESSAGE_HEARTBEAT, 0) == 2);
    beat_answered(&l, 2, false); /* it has not received what was sent before */
    lab_forget(&l);
    lab_wait(&l, 120 * LAB_MS);
    ASSERT(lab_sent_count(&l, RAFT_MESSAGE_HEARTBEAT, 2) == 1);
    beat_answered(&l, 2, false);
    ASSERT(lab_sent_count(&l, RAFT_MESSAGE_APPEND, 2) == 1); /* so it was lost */
    lab_deinit(&l);
}

void rest_is_not_patient_across_lives(void)
{
    struct lab l;
    lead_fortified(&l);
    lab_wait(&l, 200 * LAB_MS);
    beat_answered(&l, 2, false);
    beat_answered(&l, 3, false);
    ASSERT(lab_propose(&l, "x") == STATUS_OK);
    lab_forget(&l);
    lease_received(&l, 2, 6, l.now_ns + 9000 * LAB_MS); /* it was started anew, and may be in doubt */
    lease_promised(&l, 2, 1, 6);
    lab_wait(&l, 120 * LAB_MS);
    ASSERT(lab_sent_count(&l, RAFT_MESSAGE_HEARTBEAT, 2) > 0);
    lab_deinit(&l);
}

void held_follower_stands_when_support_has_lapsed(void)
{
    struct lab l;
    lab_init(&l, NULL, LEASE_THREE);
    lease_bind(&l, 2, 2, 1, 7, l.now_ns + 3000 * LAB_MS);
    lab_wait(&l, 2990 * LAB_MS);
    ASSERT(lab_status(&l).leader == 2);
    ASSERT(l.sent_count == 0); /* not a word, although nothing was heard for long */
    lab_wait(&l, 500 * LAB_MS);
    ASSERT(lab_sent(&l, RAFT_MESSAGE_PRE_VOTE, 0) != NULL);
    lab_deinit(&l);
}

/* It was not told that the support went on, and a step that needs no such news freed it. */
void held_follower_freed_by_old_news_is_held_again(void)
{
    struct lab l;
    lab_init(&l, NULL, LEASE_THREE);
    lease_bind(&l, 2, 2, 1, 7, l.now_ns + 3000 * LAB_MS);
    l.now_ns += 3010 * LAB_MS;
    ASSERT(lab_step(&l, (struct raft_event){.kind = RAFT_EVENT_FLUSH}) == STATUS_OK);
    struct raft_support support = {.member = 2, .given_epoch = 7, .given_until_ns = l.now_ns + 60000 * LAB_MS};
    ASSERT(raft_renew_support(l.node.raft, &support));
    lab_forget(&l);
    lab_wait(&l, 5000 * LAB_MS);
    ASSERT(lab_status(&l).leader == 2);
    ASSERT(l.sent_count == 0);
    lab_deinit(&l);
}

/* Support went on without a step of the group: who gave it is in reach. */
void rest_hands_over_to_who_is_there(void)
{
    struct lab l;
    lead_fortified(&l);
    lab_wait(&l, 200 * LAB_MS);
    beat_answered(&l, 2, false);
    beat_answered(&l, 3, false);
    ASSERT(beats_in_a_while(&l, 0) == 0);
    l.now_ns += 5000 * LAB_MS;
    struct raft_support support = {.member = 2, .received_epoch = 5, .received_until_ns = l.now_ns + 600 * LAB_MS};
    ASSERT(raft_renew_support(l.node.raft, &support));
    ASSERT(lab_step(&l, (struct raft_event){.kind = RAFT_EVENT_TRANSFER, .member = 2}) == STATUS_OK);
    lab_deinit(&l);
}

void rest_is_no_silence_of_the_others(void)
{
    struct lab l;
    lead_fortified(&l);
    uint64_t end_ns = l.now_ns + 9000 * LAB_MS; /* of the support */
    lab_wait(&l, 200 * LAB_MS);
    beat_answered(&l, 2, false);
    beat_answered(&l, 3, false);
    ASSERT(beats_in_a_while(&l, 0) == 0);
    lab_wait(&l, end_ns - l.now_ns - 10 * LAB_MS);
    lab_forget(&l);
    lab_wait(&l, 50 * LAB_MS);
    ASSERT(lab_status(&l).role == RAFT_ROLE_LEADER);
    ASSERT(lab_sent_count(&l, RAFT_MESSAGE_HEARTBEAT, 0) >= 2); /* at once: they are free to stand */
    lab_wait(&l, 400 * LAB_MS);
    ASSERT(lab_status(&l).role == RAFT_ROLE_LEADER);
    lab_wait(&l, 400 * LAB_MS);
    ASSERT(lab_status(&l).role == RAFT_ROLE_FOLLOWER); /* nobody has answered for too long */
    lab_deinit(&l);
}
