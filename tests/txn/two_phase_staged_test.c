/* The gateway's part of a staged commit: what it lists, when it tells its client, and what it makes of what goes wrong. */
#include "tests/test.h"

#include <stdio.h>

#include "net/net.h"
#include "tests/txn/script.h"
#include "txn/two_phase_leader.h"

static void await_sent(struct script *s, enum rpc_kind kind, uint32_t count)
{
    for (int i = 0; i < 1000 && script_count(s, kind) < count; i++) world_run_ms(&s->w, 1);
    assert_u64_equal(script_count(s, kind), count);
}

/* The decision gets no answer, and nobody waits for one. */
TEST(txn_two_phase_staged, who_has_prepared_all_has_committed)
{
    struct script s;
    struct actor a;
    script_open(&s, true);
    s.lb[RIGHT] = 2000000;
    s.decide.silent = true;
    actor_begin(&a, &s.w, s.gateway);
    assert_int_equal(actor_get(&a, "a"), STATUS_NOT_FOUND); /* it writes that one */
    script_put_both(&a);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    const struct sent *left = script_to_range(&s, RPC_PREPARE, LEFT), *right = script_to_range(&s, RPC_PREPARE, RIGHT);
    assert_true(left != NULL && right != NULL);
    assert_string_equal(left->staged, "b z ");
    assert_string_equal(right->staged, "");
    assert_true(left->gated && right->gated); /* A1 */
    await_sent(&s, RPC_DECIDE, 1);
    const struct sent *decision = script_nth(&s, RPC_DECIDE, 0);
    assert_u64_equal(decision->what, DECIDE_KNOWN);
    assert_u64_equal(decision->range, LEFT);
    assert_u64_equal(decision->ct, a.ts);
    assert_u64_equal(decision->tag, left->tag);
    assert_u64_equal(decision->participants, 2);
    struct txn_id id = txn_id_of(a.txn);
    assert_u64_equal(id.range.value, LEFT);
    assert_u64_equal(id.tag, left->tag);
    assert_u64_equal(id.sent_ts, left->sent_ts);
    assert_u64_equal(script_metrics(&s.w, s.gateway)->staged_commits, 1);
    struct kv *kv = core_kv(s.nodes[s.gateway - 1].core);
    assert_non_null(map_get(&kv->settling, left->tag)); /* its node answers for it */
    actor_end(&a);
    world_run_ms(&s.w, 10000); /* not for ever */
    assert_null(map_get(&kv->settling, left->tag));
    assert_u64_equal(script_count(&s, RPC_RESOLVE), 0);
    world_close(&s.w);
}

/* Who is asked first may lead no more: whoever leads is asked then, and nobody has to meet the intents. */
TEST(txn_two_phase_staged, a_decision_that_is_refused_is_asked_for_again)
{
    struct script s;
    struct actor a;
    script_open(&s, true);
    script_will_answer(&s.decide, STATUS_NOT_LEADER, 0);
    script_will_answer(&s.decide, STATUS_CLOSED, 0);
    script_begin_both(&s, &a);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    await_sent(&s, RPC_DECIDE, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_u64_equal(script_nth(&s, RPC_DECIDE, i)->what, DECIDE_KNOWN);
        assert_u64_equal(script_nth(&s, RPC_DECIDE, i)->tag, script_nth(&s, RPC_DECIDE, 0)->tag);
        assert_u64_equal(script_nth(&s, RPC_DECIDE, i)->ct, a.ts);
    }
    world_run_ms(&s.w, 10);
    assert_u64_equal(core_kv(s.nodes[s.gateway - 1].core)->settling.count, 0);
    actor_end(&a);
    world_close(&s.w);
}

/* Who changes what nodes send each other raises the version by which they know that (net/README.md, Versions). */
TEST(txn_two_phase_staged, a_prepare_is_written_as_this_version_of_the_protocol_has_it)
{
    static const uint8_t tail[] = {1, 2, 4, 'a', 8, 2, 0, 2, 4, 'b', 2, 4, 'z', 0, 0, 0, 0, 2, 0, 0, 0,
                                   0, 2, 4, 'a', 1, '1', 0, 2, 4, 'b', 1, '1'};
    const size_t head = 8 * 8; /* range, epoch, node, number, read ts, sent, tag, highest ct */
    struct script s;
    struct actor a;
    assert_int_equal(NET_VERSION_MAX, 5);
    script_open(&s, true);
    script_begin_both(&s, &a);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    const struct sent *left = script_to_range(&s, RPC_PREPARE, LEFT);
    assert_non_null(left);
    assert_u64_equal(left->size, head + sizeof tail);
    assert_memory_equal(left->body + head, tail, sizeof tail);
    actor_end(&a);
    world_close(&s.w);
}

static bool was_staged(const struct script *s)
{
    bool staged = false;
    for (uint32_t i = 0; i < s->count; i++) staged |= s->sent[i].staged[0] != '\0';
    return staged;
}

TEST(txn_two_phase_staged, what_has_to_be_looked_at_again_is_not_staged)
{
    struct script s;
    struct actor a;
    script_open(&s, true);
    for (int i = 0; i < 4; i++) {
        s.count = 0;
        actor_begin(&a, &s.w, s.gateway);
        if (i == 0) assert_int_equal(actor_get(&a, "c"), STATUS_NOT_FOUND);
        if (i == 1) assert_int_equal(actor_count(&a, "a", "b"), STATUS_OK);
        if (i == 2) kv_set_parallel_commit(core_kv(s.nodes[s.gateway - 1].core), false);
        script_put_both(&a);
        for (int k = 0; k < 70 && i == 3; k++) { /* so many keys */
            char key[8];
            snprintf(key, sizeof key, "a%d", k);
            actor_put(&a, key, "1");
        }
        assert_int_equal(actor_commit(&a), STATUS_OK);
        assert_u64_equal(script_count(&s, RPC_DECIDE), 1);
        assert_false(was_staged(&s));
        kv_set_parallel_commit(core_kv(s.nodes[s.gateway - 1].core), true);
        actor_end(&a);
    }
    world_close(&s.w);
}

TEST(txn_two_phase_staged, one_that_is_refused_is_given_up_on_record)
{
    static const enum status refusals[] = {STATUS_CONFLICT, STATUS_EXISTS, STATUS_SNAPSHOT_TOO_OLD};
    struct script s;
    struct actor a;
    script_open(&s, true);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        s.count = 0;
        s.decided = RECORD_ABORTED;
        s.prepare[RIGHT] = (struct answers){0};
        script_will_answer(&s.prepare[RIGHT], refusals[i], 0);
        script_begin_both(&s, &a);
        assert_int_equal(actor_commit(&a), refusals[i]);
        assert_u64_equal(script_count(&s, RPC_DECIDE), 1);
        assert_u64_equal(script_nth(&s, RPC_DECIDE, 0)->what, DECIDE_GIVE_UP);
        assert_u64_equal(script_nth(&s, RPC_DECIDE, 0)->range, LEFT);
        world_run_ms(&s.w, 100);
        assert_u64_equal(script_count(&s, RPC_RESOLVE), 0); /* nothing else may be there */
        actor_end(&a);
    }
    world_close(&s.w);
}

/* Nothing was staged: there is nothing to give up. */
TEST(txn_two_phase_staged, one_whose_anchor_is_refused_is_undone_as_any)
{
    struct script s;
    struct actor a;
    script_open(&s, true);
    script_will_answer(&s.prepare[LEFT], STATUS_CONFLICT, 0);
    script_begin_both(&s, &a);
    assert_int_equal(actor_commit(&a), STATUS_CONFLICT);
    assert_u64_equal(script_count(&s, RPC_DECIDE), 0);
    actor_end(&a);
    world_close(&s.w);
}

TEST(txn_two_phase_staged, who_gives_up_obeys_what_it_finds)
{
    struct script s;
    struct actor a;
    script_open(&s, true);
    script_will_answer(&s.prepare[RIGHT], STATUS_CONFLICT, 0);
    s.decided = RECORD_COMMITTED;
    s.decided_ct = script_clock(&s);
    script_begin_both(&s, &a);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    assert_u64_equal(a.ts, s.decided_ct);
    actor_end(&a);
    for (int i = 0; i < 2; i++) { /* no answer, or that nobody knows any more */
        s.prepare[RIGHT] = (struct answers){0};
        script_will_answer(&s.prepare[RIGHT], STATUS_CONFLICT, 0);
        s.decide = (struct answers){.silent = i == 0};
        s.decided = 0;
        script_begin_both(&s, &a);
        if (i == 1) s.decided = 3;
        assert_int_equal(actor_commit(&a), STATUS_UNKNOWN_OUTCOME);
        assert_u64_equal(script_count(&s, RPC_RESOLVE), 0);
        actor_end(&a);
    }
    world_close(&s.w);
}

/* It makes another attempt, in two rounds. */
TEST(txn_two_phase_staged, who_has_to_wait_stages_nothing_more)
{
    struct script s;
    struct actor a;
    script_open(&s, true);
    script_will_answer(&s.prepare[RIGHT], STATUS_WAIT, 0);
    s.decided = RECORD_ABORTED;
    script_begin_both(&s, &a);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    assert_u64_equal(script_count(&s, RPC_DECIDE), 2);
    assert_u64_equal(script_nth(&s, RPC_DECIDE, 0)->what, DECIDE_GIVE_UP);
    assert_u64_equal(script_nth(&s, RPC_DECIDE, 1)->what, DECIDE_COMMIT);
    assert_true(script_nth(&s, RPC_DECIDE, 0)->tag != script_nth(&s, RPC_DECIDE, 1)->tag);
    const struct sent *last = script_nth(&s, RPC_PREPARE, script_count(&s, RPC_PREPARE) - 1);
    assert_u64_equal(last->tag, script_nth(&s, RPC_DECIDE, 1)->tag);
    assert_string_equal(last->staged, "");
    actor_end(&a);
    world_close(&s.w);
}

/* What was asked for twice may have been prepared the second time when all was over: the record knows when. */
TEST(txn_two_phase_staged, who_had_to_ask_twice_asks_for_the_record)
{
    struct script s;
    struct actor a;
    script_open(&s, true);
    script_will_answer(&s.prepare[RIGHT], STATUS_UNKNOWN_OUTCOME, 0);
    s.lb[RIGHT] = 5000000;
    s.decided = RECORD_COMMITTED;
    s.decided_ct = script_clock(&s);
    script_begin_both(&s, &a);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    assert_u64_equal(script_count(&s, RPC_DECIDE), 1);
    assert_u64_equal(script_nth(&s, RPC_DECIDE, 0)->what, DECIDE_COMMIT); /* it does not know */
    assert_true(script_nth(&s, RPC_DECIDE, 0)->ct > a.ts);
    assert_u64_equal(a.ts, s.decided_ct);
    actor_end(&a);
    world_close(&s.w);
}

/* It is not taken back, and nobody says that nothing happened. */
TEST(txn_two_phase_staged, an_interrupt_between_prepares_gives_it_up_all_the_same)
{
    struct script s;
    struct actor a;
    script_open(&s, true);
    s.prepare[RIGHT].silent = true;
    s.decided = RECORD_ABORTED;
    script_begin_both(&s, &a);
    actor_start_commit(&a);
    world_run_ms(&s.w, 100);
    txn_interrupt(a.txn);
    assert_int_equal(actor_await(&a), STATUS_TIMEOUT);
    assert_u64_equal(script_count(&s, RPC_DECIDE), 1);
    assert_u64_equal(script_nth(&s, RPC_DECIDE, 0)->what, DECIDE_GIVE_UP);
    actor_end(&a);
    world_close(&s.w);
}

/* A missing answer is no failure. */
TEST(txn_two_phase_staged, the_anchor_is_asked_again_with_the_same_list)
{
    struct script s;
    struct actor a;
    script_open(&s, true);
    script_will_answer(&s.prepare[LEFT], STATUS_UNKNOWN_OUTCOME, 0);
    script_will_answer(&s.prepare[LEFT], STATUS_UNKNOWN_OUTCOME, 0);
    script_begin_both(&s, &a);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    uint32_t listed = 0;
    for (uint32_t i = 0; i < s.count; i++) {
        if (s.sent[i].kind != RPC_PREPARE || s.sent[i].range != LEFT) continue;
        assert_string_equal(s.sent[i].staged, "b z ");
        listed++;
    }
    assert_u64_equal(listed, 3);
    actor_end(&a);
    world_close(&s.w);
}

static const uint8_t record[] = {KEY_PREFIX_SYSTEM, KEY_SYSTEM_RECORD, 't'};
#define RECORD bytes_make(record, sizeof record)

/* What it relies on is promised up to a time: none of its parts gets a timestamp above. */
TEST(txn_two_phase_staged, what_it_knows_by_a_lease_bounds_its_timestamp)
{
    struct script s;
    struct actor a;
    script_open(&s, true);
    actor_begin(&a, &s.w, s.gateway);
    assert_int_equal(txn_put(a.txn, RECORD, bytes_of_string("1")), STATUS_OK);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    uint64_t known = a.ts;
    actor_end(&a);
    struct kv *kv = core_kv(s.nodes[s.gateway - 1].core);
    for (int i = 0; i < 2; i++) { /* the first one has no lease yet, and asks for one */
        s.count = 0;
        actor_begin(&a, &s.w, s.gateway);
        assert_int_equal(txn_assume(a.txn, RECORD, known), STATUS_OK);
        script_put_both(&a);
        assert_int_equal(actor_commit(&a), STATUS_OK);
        actor_end(&a);
        world_run_ms(&s.w, 20);
    }
    assert_true(was_staged(&s));
    assert_true(kv->lease.until > script_nth(&s, RPC_PREPARE, 0)->sent_ts);
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(script_nth(&s, RPC_PREPARE, i)->last_ct <= kv->lease.until);
        assert_true(script_nth(&s, RPC_PREPARE, i)->last_ct > script_nth(&s, RPC_PREPARE, i)->sent_ts);
    }
    world_close(&s.w);
}
