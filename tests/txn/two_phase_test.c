/* The gateway's part of a commit over several ranges: what it sends to whom, and what it makes of each answer. The leaders are
 * scripted here; refreshes and locks are asked of the real ones. */
#include "tests/test.h"

#include <stdio.h>

#include "tests/txn/script.h"
#include "txn/two_phase_leader.h"

#define T "\x04"

TEST(txn_two_phase, all_groups_are_prepared_and_one_of_their_ranges_decides)
{
    struct script s;
    struct actor a;
    script_open(&s, false);
    s.lb[RIGHT] = 1000000;
    actor_begin(&a, &s.w, s.gateway);
    assert_int_equal(actor_get(&a, "c"), STATUS_NOT_FOUND);
    assert_int_equal(actor_get(&a, "y"), STATUS_NOT_FOUND);
    assert_int_equal(actor_get(&a, "yy"), STATUS_NOT_FOUND);
    script_put_both(&a);
    uint64_t read_ts = txn_read_ts(a.txn);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    assert_u64_equal(script_count(&s, RPC_PREPARE), 2);
    const struct sent *left = script_to_range(&s, RPC_PREPARE, LEFT), *right = script_to_range(&s, RPC_PREPARE, RIGHT);
    assert_true(left != NULL && right != NULL && left->number != 0 && left->tag != 0);
    assert_string_equal(left->anchor, "a");
    assert_string_equal(right->anchor, "a");
    assert_u64_equal(left->read_ts, read_ts);
    assert_u64_equal(left->writes, 2);
    assert_string_equal(left->low, "a");
    assert_string_equal(left->high, "b");
    assert_u64_equal(right->writes, 1);
    assert_u64_equal(left->spans, 1);
    assert_u64_equal(right->spans, 2);
    assert_u64_equal(left->tag, right->tag);
    assert_u64_equal(left->sent_ts, right->sent_ts);
    assert_u64_equal(left->last_ct, left->sent_ts + OUTCOME_WINDOW_NS);
    const struct sent *decision = script_nth(&s, RPC_DECIDE, 0);
    assert_u64_equal(script_count(&s, RPC_DECIDE), 1);
    assert_u64_equal(decision->range, LEFT);
    assert_u64_equal(decision->what, 1);
    assert_u64_equal(decision->tag, left->tag);
    assert_u64_equal(decision->sent_ts, left->sent_ts);
    assert_u64_equal(decision->participants, 2);
    assert_u64_equal(decision->ct, a.ts);
    assert_u64_equal(script_count(&s, RPC_RESOLVE), 0);
    struct txn_id id = txn_id_of(a.txn);
    assert_u64_equal(id.range.value, LEFT);
    assert_u64_equal(id.tag, left->tag);
    assert_u64_equal(id.sent_ts, left->sent_ts);
    assert_u64_equal(script_metrics(&s.w, s.gateway)->two_phase_commits, 1);
    actor_end(&a);
    world_close(&s.w);
}

/* The first that is led here, so that it is told what it decides without a message; or the first of all. */
TEST(txn_two_phase, the_anchor_lies_where_its_gateway_leads)
{
    static const struct {
        uint64_t range;
        const char *anchor, *others;
    } cases[] = {{LEFT, "a", "b k z "}, {MIDDLE, "k", "a b z "}, {RIGHT, "z", "a b k "}};
    struct script s;
    struct actor a;
    bool elsewhere = false;
    script_open(&s, true);
    for (uint64_t gateway = 1; gateway <= 3; gateway++) {
        uint32_t at = 0;
        while (at < 3 && world_leader_of(&s.w, (struct range_id){cases[at].range}) != gateway) at++;
        if (at == 3) at = 0; /* it leads none of them */
        elsewhere |= at > 0;
        s.count = 0;
        actor_begin(&a, &s.w, gateway);
        script_put_both(&a);
        actor_put(&a, "k", "1");
        assert_int_equal(actor_commit(&a), STATUS_OK);
        world_run_ms(&s.w, 100);
        assert_u64_equal(script_count(&s, RPC_PREPARE), 3);
        for (uint32_t n = 0; n < 3; n++) {
            const struct sent *sent = script_nth(&s, RPC_PREPARE, n);
            assert_string_equal(sent->anchor, cases[at].anchor);
            assert_string_equal(sent->staged, sent->range == cases[at].range ? cases[at].others : "");
        }
        assert_u64_equal(script_count(&s, RPC_DECIDE), 1);
        assert_u64_equal(script_nth(&s, RPC_DECIDE, 0)->range, cases[at].range);
        assert_string_equal(script_nth(&s, RPC_DECIDE, 0)->anchor, cases[at].anchor);
        assert_u64_equal(txn_id_of(a.txn).range.value, cases[at].range);
        actor_end(&a);
    }
    assert_true(elsewhere);
    world_close(&s.w);
}

/* Others wait there, too. */
TEST(txn_two_phase, the_anchor_lies_where_it_has_waited_for_a_lock)
{
    struct script s;
    struct actor a, b;
    script_open(&s, true);
    actor_begin(&b, &s.w, s.gateway);
    assert_int_equal(actor_lock(&b, "z"), STATUS_NOT_FOUND);
    actor_begin(&a, &s.w, s.gateway);
    assert_int_equal(actor_lock(&a, "a"), STATUS_NOT_FOUND);
    actor_start_lock(&a, "z");
    world_run_ms(&s.w, 5);
    actor_end(&b);
    assert_int_equal(actor_await(&a), STATUS_NOT_FOUND);
    script_put_both(&a);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    world_run_ms(&s.w, 100);
    assert_string_equal(script_nth(&s, RPC_PREPARE, 0)->anchor, "z");
    assert_u64_equal(script_nth(&s, RPC_DECIDE, 0)->range, RIGHT);
    assert_u64_equal(script_nth(&s, RPC_DECIDE, 0)->what, DECIDE_WANTED);
    actor_end(&a);
    world_close(&s.w);
}

/* Its own keys are safe, and those in the range that picked it; the others are asked for. */
TEST(txn_two_phase, what_was_read_is_refreshed_at_the_highest_timestamp)
{
    struct script s;
    struct actor a;
    script_open(&s, false);
    for (int i = 0; i < 2; i++) {
        s.lb[LEFT] = i == 0 ? 2000000 : 0;
        s.lb[RIGHT] = i == 0 ? 0 : 2000000;
        actor_begin(&a, &s.w, s.gateway);
        assert_int_equal(actor_get(&a, "a"), STATUS_NOT_FOUND);
        assert_int_equal(actor_get(&a, "c"), STATUS_NOT_FOUND);
        assert_int_equal(actor_count(&a, "y", "z"), STATUS_OK);
        assert_int_equal(actor_count(&a, "k", "l"), STATUS_OK);
        script_put_both(&a);
        uint64_t before = script_metrics(&s.w, s.gateway)->refreshes;
        assert_int_equal(actor_commit(&a), STATUS_OK);
        assert_u64_equal(script_metrics(&s.w, s.gateway)->refreshes - before, 2);
        assert_true(script_range(&s.w, MIDDLE)->floor >= a.ts);
        assert_true(script_range(&s.w, i == 0 ? RIGHT : LEFT)->floor >= a.ts);
        assert_true(script_range(&s.w, i == 0 ? LEFT : RIGHT)->floor < a.ts); /* these leaders are scripted */
        actor_end(&a);
    }
    /* What it has read alone are keys that it writes. */
    actor_begin(&a, &s.w, s.gateway);
    assert_int_equal(actor_get(&a, "a"), STATUS_NOT_FOUND);
    script_put_both(&a);
    uint64_t before = script_metrics(&s.w, s.gateway)->refreshes;
    assert_int_equal(actor_commit(&a), STATUS_OK);
    assert_u64_equal(script_metrics(&s.w, s.gateway)->refreshes, before);
    actor_end(&a);
    world_close(&s.w);
}

TEST(txn_two_phase, what_has_changed_elsewhere_refuses_it)
{
    struct script s;
    struct actor a;
    script_open(&s, false);
    actor_begin(&a, &s.w, s.gateway);
    assert_int_equal(actor_get(&a, "k"), STATUS_NOT_FOUND);
    script_put_both(&a);
    world_run_ms(&s.w, 10);
    struct actor b;
    actor_begin(&b, &s.w, 2);
    actor_put(&b, "k", "1");
    assert_int_equal(actor_commit(&b), STATUS_OK);
    actor_end(&b);
    s.lb[LEFT] = 10000000;
    assert_int_equal(actor_commit(&a), STATUS_CONFLICT);
    world_run_ms(&s.w, 100);
    assert_u64_equal(script_count(&s, RPC_DECIDE), 0);
    assert_u64_equal(script_count(&s, RPC_RESOLVE), 2);
    actor_end(&a);
    world_close(&s.w);
}

TEST(txn_two_phase, one_that_is_refused_undoes_the_others)
{
    static const enum status refusals[] = {STATUS_CONFLICT, STATUS_EXISTS, STATUS_SNAPSHOT_TOO_OLD, STATUS_NO_SPACE};
    struct script s;
    struct actor a;
    script_open(&s, false);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        s.count = 0;
        s.prepare[RIGHT] = (struct answers){0};
        script_will_answer(&s.prepare[RIGHT], refusals[i], 0);
        script_begin_both(&s, &a);
        assert_int_equal(actor_commit(&a), refusals[i]);
        actor_end(&a); /* nobody waits for that */
        world_run_ms(&s.w, 100);
        assert_u64_equal(script_count(&s, RPC_DECIDE), 0);
        const struct sent *undone = script_to_range(&s, RPC_RESOLVE, LEFT);
        assert_true(undone != NULL && undone->ct == 0);
        assert_u64_equal(undone->tag, script_to_range(&s, RPC_PREPARE, LEFT)->tag);
        assert_string_equal(undone->low, "a");
        assert_string_equal(undone->high, "b");
    }
    world_close(&s.w);
}

/* Who meets others gives way and comes again, under another tag; at the third time it has its keys locked. */
TEST(txn_two_phase, who_has_to_wait_begins_anew_and_then_stands_in_line)
{
    struct script s;
    struct actor a;
    script_open(&s, false);
    script_will_answer(&s.prepare[LEFT], STATUS_WAIT, 0);
    script_will_answer(&s.prepare[LEFT], STATUS_OK, 0);
    script_will_answer(&s.prepare[RIGHT], STATUS_OK, 0);
    script_will_answer(&s.prepare[RIGHT], STATUS_WAIT, 0);
    script_begin_both(&s, &a);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    assert_u64_equal(script_count(&s, RPC_PREPARE), 6);
    assert_u64_equal(script_count(&s, RPC_DECIDE), 1);
    const struct sent *first = script_nth(&s, RPC_PREPARE, 0), *second = script_nth(&s, RPC_PREPARE, 2), *third = script_nth(&s, RPC_PREPARE, 4);
    assert_true(first->tag != second->tag && second->tag != third->tag);
    assert_u64_equal(first->sent_ts, third->sent_ts);
    assert_u64_equal(script_nth(&s, RPC_DECIDE, 0)->tag, third->tag);
    for (uint32_t i = 0; i < s.count; i++) assert_true(s.sent[i].kind != RPC_RESOLVE || s.sent[i].tag != third->tag);
    assert_u64_equal(script_range(&s.w, LEFT)->locks.lock_count, 2);
    assert_u64_equal(script_range(&s.w, RIGHT)->locks.lock_count, 1);
    assert_u64_equal(script_metrics(&s.w, s.gateway)->prepare_repeats, 2);
    actor_end(&a);
    world_close(&s.w);
}

TEST(txn_two_phase, waiting_for_others_ends_with_the_lock_timeout_or_the_deadline)
{
    struct script s;
    struct actor a;
    script_open(&s, false);
    for (int i = 0; i < 2; i++) {
        s.prepare[RIGHT] = (struct answers){0};
        for (int n = 0; n < 16; n++) script_will_answer(&s.prepare[RIGHT], STATUS_WAIT, 0);
        script_begin_both(&s, &a);
        if (i == 0) txn_set_lock_timeout(a.txn, 50000000);
        else txn_set_deadline(a.txn, sim_now(cluster_sim(s.w.cluster)) + 50000000);
        assert_int_equal(actor_commit(&a), i == 0 ? STATUS_LOCKED : STATUS_TIMEOUT);
        actor_end(&a);
    }
    assert_u64_equal(script_count(&s, RPC_DECIDE), 0);
    world_close(&s.w);
}

TEST(txn_two_phase, an_attempt_whose_time_is_over_begins_anew_at_a_later_one)
{
    struct script s;
    struct actor a;
    script_open(&s, false);
    uint64_t reading = script_clock(&s) + 3 * OUTCOME_WINDOW_NS;
    script_will_answer(&s.prepare[RIGHT], STATUS_BUSY, reading);
    script_begin_both(&s, &a);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    const struct sent *last = script_nth(&s, RPC_PREPARE, 3);
    assert_true(last->sent_ts >> OUTCOME_SENT_SHIFT == reading >> OUTCOME_SENT_SHIFT);
    assert_true(last->tag != script_nth(&s, RPC_PREPARE, 0)->tag);
    actor_end(&a);
    /* The decision itself may come too late. */
    s.count = 0;
    script_will_answer(&s.decide, STATUS_OK, 0);
    script_will_answer(&s.decide, STATUS_BUSY, reading);
    script_begin_both(&s, &a);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    assert_u64_equal(script_count(&s, RPC_DECIDE), 2);
    assert_true(script_nth(&s, RPC_DECIDE, 0)->tag != script_nth(&s, RPC_DECIDE, 1)->tag);
    actor_end(&a);
    /* Nobody wants it any more then. */
    s.count = 0;
    script_begin_both(&s, &a);
    txn_set_last_ct(a.txn, script_clock(&s) + 1000);
    s.lb[LEFT] = 2000;
    assert_int_equal(actor_commit(&a), STATUS_EXPIRED);
    world_run_ms(&s.w, 100);
    assert_u64_equal(script_count(&s, RPC_DECIDE), 0);
    assert_u64_equal(script_count(&s, RPC_RESOLVE), 2);
    actor_end(&a);
    world_close(&s.w);
}

TEST(txn_two_phase, who_was_aborted_by_somebody_else_begins_anew)
{
    struct script s;
    struct actor a;
    script_open(&s, false);
    s.decided = 2;
    script_begin_both(&s, &a);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    assert_u64_equal(script_count(&s, RPC_DECIDE), 2);
    assert_true(script_nth(&s, RPC_DECIDE, 0)->tag != script_nth(&s, RPC_DECIDE, 1)->tag);
    assert_u64_equal(txn_id_of(a.txn).tag, script_nth(&s, RPC_DECIDE, 1)->tag);
    actor_end(&a);
    world_close(&s.w);
}

/* From the decision on nobody but its record knows: it is asked for again, and never taken back. */
TEST(txn_two_phase, a_decision_without_an_answer_is_of_unknown_outcome_and_not_taken_back)
{
    struct script s;
    struct actor a;
    script_open(&s, false);
    s.decide.silent = true;
    script_begin_both(&s, &a);
    assert_int_equal(actor_commit(&a), STATUS_UNKNOWN_OUTCOME);
    assert_true(script_count(&s, RPC_DECIDE) > 1);
    assert_u64_equal(script_metrics(&s.w, s.gateway)->unknown_outcomes, 1);
    assert_u64_equal(txn_id_of(a.txn).tag, script_nth(&s, RPC_DECIDE, 0)->tag);
    actor_end(&a);
    world_run_ms(&s.w, 2000);
    assert_u64_equal(script_count(&s, RPC_RESOLVE), 0);
    world_close(&s.w);
}

TEST(txn_two_phase, an_interrupt_leaves_a_decision_one_more_second)
{
    struct script s;
    struct actor a;
    script_open(&s, false);
    for (int i = 0; i < 2; i++) {
        s.decide.silent = true;
        script_begin_both(&s, &a);
        actor_start_commit(&a);
        world_run_ms(&s.w, 300);
        txn_interrupt(a.txn);
        world_run_ms(&s.w, 500);
        assert_true(a.running);
        if (i == 0) s.decide.silent = false; /* it is asked for again */
        assert_int_equal(actor_await(&a), i == 0 ? STATUS_OK : STATUS_UNKNOWN_OUTCOME);
        actor_end(&a);
    }
    /* It is refused for certain, and was never in doubt. */
    s.count = 0;
    s.decide.silent = true;
    script_begin_both(&s, &a);
    actor_start_commit(&a);
    world_run_ms(&s.w, 100);
    txn_interrupt(a.txn);
    world_run_ms(&s.w, 50);
    assert_true(a.running);
    script_answer_late(&s, STATUS_NOT_LEADER);
    world_run_ms(&s.w, 50);
    assert_false(a.running);
    assert_int_equal(a.status, STATUS_TIMEOUT);
    assert_u64_equal(script_count(&s, RPC_DECIDE), 1);
    actor_end(&a);
    /* Before it is sent nothing is decided. */
    s.count = 0;
    s.prepare[RIGHT].silent = true;
    script_begin_both(&s, &a);
    actor_start_commit(&a);
    world_run_ms(&s.w, 300);
    txn_interrupt(a.txn);
    world_run_ms(&s.w, 1);
    assert_int_equal(actor_await(&a), STATUS_TIMEOUT);
    actor_end(&a);
    world_run_ms(&s.w, 100);
    assert_u64_equal(script_count(&s, RPC_RESOLVE), 2);
    world_close(&s.w);
}

/* A lost answer of a participant is asked for again under the same tag. */
TEST(txn_two_phase, a_promise_is_asked_for_until_it_comes)
{
    struct script s;
    struct actor a;
    script_open(&s, false);
    s.prepare[RIGHT].silent = true;
    script_begin_both(&s, &a);
    actor_start_commit(&a);
    world_run_ms(&s.w, 1500);
    s.prepare[RIGHT].silent = false;
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_u64_equal(script_nth(&s, RPC_PREPARE, 2)->tag, script_nth(&s, RPC_PREPARE, 0)->tag);
    assert_u64_equal(script_nth(&s, RPC_PREPARE, 2)->range, RIGHT);
    actor_end(&a);
    world_close(&s.w);
}

static enum status split_on_fiber(struct core *core, void *ctx)
{
    struct arena arena;
    struct txn *t;
    arena_init(&arena, 1 << 20);
    enum status status = txn_create(core_kv(core), &arena, &t);
    if (status == STATUS_OK) {
        status = txn_split(t, bytes_of_string(ctx));
        txn_destroy(t);
    }
    arena_deinit(&arena);
    return status;
}

/* A range that is divided before it has answered: its part is cut anew, and goes on under the same tag. The other part is not
 * asked again. */
TEST(txn_two_phase, a_group_whose_range_is_divided_is_cut_anew)
{
    struct script s;
    struct actor a;
    script_open(&s, false);
    s.prepare[RIGHT].silent = true;
    script_begin_both(&s, &a);
    actor_put(&a, "q", "1");
    actor_start_commit(&a);
    world_run_ms(&s.w, 100);
    assert_int_equal(world_call(&s.w, 2, split_on_fiber, T "u"), STATUS_OK);
    s.prepare[RIGHT].silent = false;
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_u64_equal(script_nth(&s, RPC_DECIDE, 0)->participants, 3);
    uint32_t to_left = 0, right_side = 0;
    for (uint32_t i = 0; i < s.count; i++) {
        if (s.sent[i].kind != RPC_PREPARE) continue;
        assert_u64_equal(s.sent[i].tag, s.sent[0].tag);
        to_left += s.sent[i].range == LEFT;
        right_side += s.sent[i].range > RIGHT && strcmp(s.sent[i].low, "z") == 0 && s.sent[i].writes == 1;
    }
    assert_u64_equal(to_left, 1);
    assert_true(right_side > 0);
    actor_end(&a);
    world_close(&s.w);
}

/* Each write is a part of its own here. */
TEST(txn_two_phase, it_has_a_bounded_number_of_parts)
{
    struct script s;
    struct actor a;
    char limit[160];
    script_open(&s, false);
    kv_set_entry_bytes(core_kv(s.nodes[s.gateway - 1].core), 1);
    actor_begin(&a, &s.w, s.gateway);
    actor_put(&a, "z", "1");
    for (int i = 0; i < TXN_PARTS_MAX; i++) {
        char key[8];
        snprintf(key, sizeof key, "a%d", i);
        actor_put(&a, key, "1");
    }
    assert_int_equal(actor_commit(&a), STATUS_TOO_LARGE);
    txn_explain_limit(a.txn, limit, sizeof limit);
    assert_string_equal(limit, "a transaction is limited to writes in 1024 ranges");
    assert_u64_equal(script_count(&s, RPC_PREPARE), 0);
    actor_end(&a);
    world_close(&s.w);
}
