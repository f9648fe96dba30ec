/* Commits over several ranges as their leaders see them: requests are sent one by one, as a coordinator, a late
 * message or somebody who waits would. The coordinator is a transaction that no node knows, unless a test says otherwise:
 * whoever waits for its intents finds that it is gone. */
#include "tests/test.h"

#include "tests/sim/cluster/merges.h"
#include "tests/sim/cluster/splits.h"
#include "tests/txn/ask.h"

#define LEFT   WORLD_LEFT
#define MIDDLE WORLD_MIDDLE
#define STEP_US 20u

static void open_three(struct world *w, struct asker *c)
{
    world_open_three(w, 3);
    world_put(w, "a", "old");
    world_put(w, "k", "old");
    asker_begin_unknown(c, w, 1, 77);
}

static void prepare_both(struct asker *c)
{
    must_prepare(c, "a", "new");
    must_prepare(c, "k", "new");
}

static uint32_t intents_in(struct world *w, struct range_id range)
{
    return world_range_of(w, range)->prepared_count;
}

static void until_gone(struct world *w, struct range_id range)
{
    for (int i = 0; i < 500 && intents_in(w, range) > 0; i++) world_run_ms(w, 10);
    assert_u64_equal(intents_in(w, range), 0);
}

/* ---- one leader ---- */

TEST(txn_prepare, what_is_decided_is_seen_everywhere)
{
    struct world w;
    struct asker c;
    open_three(&w, &c);
    prepare_both(&c);
    assert_int_equal(ask_decide(&c, DECIDE_COMMIT), RECORD_COMMITTED);
    world_must_read(&w, "k", "new");
    world_must_read(&w, "a", "new");
    assert_int_equal(ask_decide(&c, DECIDE_COMMIT), RECORD_COMMITTED); /* as often as one likes */
    assert_int_equal(ask_decide(&c, DECIDE_ABORT), RECORD_COMMITTED);
    assert_int_equal(ask_decide(&c, DECIDE_ASK), RECORD_COMMITTED);
    world_close(&w);
}

/* ---- one round ---- */

static const struct range_op *decision_in(struct world *w, struct range_id range)
{
    LIST_FOR_EACH(item, &world_range_of(w, range)->ops) {
        const struct range_op *op = CONTAINER_OF(item, struct range_op, link);
        if (op->kind == RANGE_OP_DECIDE) return op;
    }
    return NULL;
}

static void all_disks(struct world *w, uint64_t stall_ns)
{
    for (uint64_t machine = 1; machine <= 3; machine++) {
        struct sim_disk *disk = sim_disk(cluster_sim(w->cluster), machine);
        if (stall_ns != 0) sim_disk_stall(disk, stall_ns);
        else sim_disk_heal(disk);
    }
}

/* The entry is on its way to the disks, the wait until the clock is past ct begins beside it: not when the one is there. */
TEST(txn_prepare, a_decision_waits_for_its_entry_and_for_the_clock_at_once)
{
    struct world w;
    struct asker c;
    open_three(&w, &c);
    prepare_both(&c);
    c.ct += 5 * SIM_MS; /* the clock is not past that */
    all_disks(&w, 300 * SIM_MS);
    ask_start_decide(&c, DECIDE_COMMIT);
    const struct range_op *op = NULL;
    for (int i = 0; i < 1000 && op == NULL; i++) {
        sim_run_for(cluster_sim(w.cluster), 10 * SIM_US);
        op = decision_in(&w, LEFT);
    }
    assert_non_null(op);
    assert_false(op->past);
    world_run_ms(&w, 100);
    assert_ptr_equal(decision_in(&w, LEFT), op);
    assert_true(op->state == OP_COMMITTING && !op->applied);
    assert_true(op->past);
    all_disks(&w, 0);
    assert_int_equal(ask_await_decide(&c), RECORD_COMMITTED);
    world_close(&w);
}

TEST(txn_prepare, a_reader_waits_until_it_is_known_what_becomes_of_an_intent)
{
    struct world w;
    struct asker c;
    struct actor a, b;
    open_three(&w, &c);
    actor_begin(&b, &w, 2);
    assert_int_equal(actor_get(&b, "m"), STATUS_NOT_FOUND);
    prepare_both(&c);
    assert_int_equal(actor_get(&b, "k"), STATUS_OK); /* below it: goes by */
    assert_string_equal(b.value, "old");
    actor_end(&b);
    actor_begin(&a, &w, 2);
    actor_start_get(&a, "k");
    world_run_ms(&w, 3);
    assert_true(a.running);
    assert_int_equal(ask_decide(&c, DECIDE_COMMIT), RECORD_COMMITTED);
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_string_equal(a.value, "new");
    actor_end(&a);
    world_close(&w);
}

TEST(txn_prepare, intents_of_one_that_nobody_answers_for_are_pushed_away)
{
    struct world w;
    struct asker c;
    open_three(&w, &c);
    prepare_both(&c);
    world_must_read(&w, "k", "old"); /* its reader has waited, asked and had it aborted */
    assert_int_equal(ask_decide(&c, DECIDE_COMMIT), RECORD_ABORTED);
    until_gone(&w, LEFT); /* nobody waits for those */
    world_must_read(&w, "a", "old");
    world_close(&w);
}

TEST(txn_prepare, intents_of_one_that_lives_are_waited_for)
{
    struct world w;
    struct asker c;
    struct actor a, b;
    open_three(&w, &c);
    asker_bring_alive(&c, &b);
    prepare_both(&c);
    actor_begin(&a, &w, 2);
    actor_start_get(&a, "k");
    world_run_ms(&w, 4000);
    assert_true(a.running);
    assert_u64_equal(intents_in(&w, MIDDLE), 1);
    actor_attempt_again(&b); /* what it makes now is another attempt */
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_string_equal(a.value, "old");
    actor_end(&a);
    actor_end(&b);
    world_close(&w);
}

/* T3: what it read is validated where it is prepared; of what stands in the way it is told. */
TEST(txn_prepare, what_does_not_hold_is_refused_and_nothing_is_placed)
{
    struct world w;
    struct asker c, d;
    struct actor a;
    open_three(&w, &c);
    uint64_t ct = world_put(&w, "k", "newer");
    assert_int_equal(ask_prepare_read(&c, "k", "new", ct - 1), STATUS_CONFLICT);
    assert_u64_equal(intents_in(&w, MIDDLE), 0);
    actor_begin(&a, &w, 1);
    assert_int_equal(actor_lock(&a, "k"), STATUS_OK);
    assert_int_equal(ask_prepare_read(&c, "k", "new", ct), STATUS_WAIT); /* never waits for locks */
    actor_end(&a);
    world_run_ms(&w, 100);
    assert_int_equal(ask_prepare_read(&c, "k", "new", ct), STATUS_OK);
    assert_int_equal(ask_prepare_read(&c, "k", "new", ct), STATUS_OK); /* asked again */
    assert_u64_equal(intents_in(&w, MIDDLE), 1);
    asker_begin_unknown(&d, &w, 1, 78); /* a younger one does not wait for an older one */
    if (d.attempt.sent == c.attempt.sent) d.attempt.sent += 1u << 16;
    assert_int_equal(ask_prepare(&d, "k", "x"), STATUS_WAIT);
    d.attempt.sent = c.attempt.sent - (1u << 16); /* an older one does, until it is pushed away */
    must_prepare(&d, "k", "x");
    world_close(&w);
}

/* ---- late ---- */

TEST(txn_prepare, an_intent_that_comes_after_the_decision_goes)
{
    struct world w;
    struct asker c;
    open_three(&w, &c);
    prepare_both(&c);
    assert_int_equal(ask_decide(&c, DECIDE_COMMIT), RECORD_COMMITTED);
    until_gone(&w, MIDDLE);
    world_put(&w, "k", "newest");
    struct asker late = c;
    must_prepare(&late, "k", "new");
    assert_true(late.ct > c.ct);
    world_must_read(&w, "k", "newest");
    until_gone(&w, MIDDLE); /* who has met it sees to that */
    assert_int_equal(ask_prepare(&late, "a", "new"), STATUS_CONFLICT); /* the record says more */
    world_close(&w);
}

/* Records go; what they said stays so. */
TEST(txn_prepare, nothing_is_decided_when_its_time_is_over)
{
    struct world w;
    struct asker c, d;
    enum record_state found;
    open_three(&w, &c);
    asker_begin_unknown(&d, &w, 1, 78);
    prepare_both(&c);
    assert_int_equal(ask_decide(&c, DECIDE_COMMIT), RECORD_COMMITTED);
    must_prepare(&d, "b", "new");
    assert_int_equal(ask_decide(&d, DECIDE_ABORT), RECORD_ABORTED);
    for (int i = 0; i < 20; i++) { /* clocks of idle clusters stand still */
        world_put(&w, "y", "1");
        world_run_ms(&w, 1000);
    }
    assert_u64_equal(world_range_of(&w, LEFT)->records.count, 0);
    assert_int_equal(ask_decide(&d, DECIDE_ABORT), RECORD_ABORTED);
    assert_u64_equal(world_range_of(&w, LEFT)->records.count, 0);
    assert_int_not_equal(ask_try_decide(&d, DECIDE_COMMIT, &found), STATUS_OK);
    assert_int_not_equal(ask_try_decide(&c, DECIDE_COMMIT, &found), STATUS_OK);
    world_must_read(&w, "a", "new");
    struct actor a;
    actor_begin(&a, &w, 1);
    assert_int_equal(actor_get(&a, "b"), STATUS_NOT_FOUND);
    actor_end(&a);
    world_close(&w);
}

/* The floor of a new leader may lie above the end of a window that no reading has reached: the next one's may lie below it again,
 * and would take what this one called impossible. */
static uint64_t end_just_ahead(struct world *w, struct asker *a)
{
    struct range *g = world_range_of(w, LEFT);
    uint64_t end = kv_timestamp_seen(g->kv) + CLOCK_WIDTH_NS_MAX;
    a->attempt.sent = end - OUTCOME_WINDOW_NS;
    g->floor = end;
    return end;
}

TEST(txn_prepare, a_window_is_over_by_a_reading_not_by_the_floor)
{
    struct world w;
    struct asker c;
    open_three(&w, &c);
    uint64_t end = end_just_ahead(&w, &c);
    assert_int_equal(ask_decide(&c, DECIDE_ABORT), RECORD_ABORTED);
    assert_true(kv_timestamp_seen(world_range_of(&w, LEFT)->kv) >= end);
    assert_u64_equal(world_range_of(&w, LEFT)->records.count, 0);
    world_close(&w);
}

TEST(txn_prepare, a_record_is_kept_until_a_reading_says_that_its_window_is_over)
{
    struct world w;
    struct asker c;
    open_three(&w, &c);
    must_prepare(&c, "a", "new");
    assert_int_equal(ask_decide(&c, DECIDE_ABORT), RECORD_ABORTED);
    struct range *g = world_range_of(&w, LEFT);
    g->floor = c.attempt.sent + OUTCOME_WINDOW_NS; /* as if it had just begun to lead, much later */
    records_sweep(g, env_now_ns(store_env(g->kv->store)));
    world_run_ms(&w, 100);
    assert_u64_equal(g->records.count, 1);
    world_run_ms(&w, 10000);
    world_put(&w, "y", "1");
    world_run_ms(&w, 2000);
    assert_u64_equal(g->records.count, 0);
    world_close(&w);
}

/* ---- leaders change ---- */

TEST(txn_prepare, the_next_leader_knows_what_is_prepared)
{
    struct world w;
    struct asker c;
    struct actor b, a;
    open_three(&w, &c);
    asker_bring_alive(&c, &b);
    prepare_both(&c);
    uint64_t ct = c.ct;
    world_move_leader(&w, LEFT);
    world_move_leader(&w, MIDDLE);
    actor_begin(&a, &w, 2);
    actor_start_get(&a, "k");
    world_run_ms(&w, 50);
    assert_true(a.running);
    must_prepare(&c, "k", "new"); /* its answer was lost, say */
    assert_u64_equal(c.ct, ct);
    assert_int_equal(ask_decide(&c, DECIDE_COMMIT), RECORD_COMMITTED);
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_string_equal(a.value, "new");
    actor_end(&a);
    actor_end(&b);
    world_move_leader(&w, LEFT);
    assert_u64_equal(world_range_of(&w, LEFT)->records.count, 1);
    assert_int_equal(ask_decide(&c, DECIDE_ABORT), RECORD_COMMITTED);
    world_close(&w);
}

/* The leader of the anchor is gone before it could tell anybody: the next one does. */
TEST(txn_prepare, the_next_leader_carries_out_what_was_decided)
{
    struct world w;
    struct asker c;
    open_three(&w, &c);
    uint64_t left = cluster_leader(w.cluster, LEFT), middle = cluster_leader(w.cluster, MIDDLE);
    if (left == middle) world_move_leader(&w, MIDDLE);
    middle = cluster_leader(w.cluster, MIDDLE);
    c.machine = left;
    prepare_both(&c);
    world_range_of(&w, LEFT)->kv->resolvers = RESOLVERS_MAX; /* it tells nobody */
    assert_int_equal(ask_decide(&c, DECIDE_COMMIT), RECORD_COMMITTED);
    assert_u64_equal(intents_in(&w, MIDDLE), 1);
    world_move_leader(&w, LEFT);
    until_gone(&w, MIDDLE);
    world_must_read(&w, "k", "new");
    world_close(&w);
}

/* ---- bounds change ---- */

/* Intents divide by their keys, records by their anchors; both sides are resolved. Then the ranges unite again, with others. */
TEST(txn_prepare, intents_live_through_splits_and_merges)
{
    struct world w;
    struct asker c, d;
    struct actor alive;
    open_three(&w, &c);
    world_put(&w, "c", "old");
    struct splits *s = splits_create(w.cluster);
    struct merges *m = merges_create(w.cluster);
    asker_bring_alive(&c, &alive);
    must_prepare(&c, "ac", "new");
    must_prepare(&c, "k", "new");
    world_split(&w, s, LEFT, "b");
    assert_u64_equal(intents_in(&w, LEFT), 1);
    assert_u64_equal(world_range_of(&w, (struct range_id){cluster_range_max(w.cluster)})->prepared_count, 1);
    assert_int_equal(ask_decide(&c, DECIDE_COMMIT), RECORD_COMMITTED);
    world_must_read(&w, "c", "new");
    world_must_read(&w, "a", "new");
    world_must_read(&w, "k", "new");

    asker_begin_unknown(&d, &w, 1, 78);
    actor_attempt_again(&alive);
    asker_live_as(&d, &alive);
    must_prepare(&d, "a", "newer");
    must_prepare(&d, "c", "newer");
    const struct merge_result *result = merges_order(m, LEFT);
    assert_non_null(result);
    for (int i = 0; i < 20000 && !result->done; i++) world_run_ms(&w, 1);
    assert_int_equal(result->status, STATUS_OK);
    world_run_ms(&w, 1000);
    assert_u64_equal(intents_in(&w, LEFT), 2);
    assert_int_equal(ask_decide(&d, DECIDE_COMMIT), RECORD_COMMITTED);
    world_must_read(&w, "c", "newer");
    world_must_read(&w, "a", "newer");
    actor_end(&alive);
    world_close(&w);
    splits_destroy(s);
    merges_destroy(m);
}

/* A decision is asked for so long after a merge was (0: when that is done), and carried out. When the merge was done. */
static uint64_t decide_beside_merge(uint64_t after_us)
{
    struct world w;
    struct asker c;
    open_three(&w, &c);
    struct merges *m = merges_create(w.cluster);
    prepare_both(&c);
    const struct merge_result *result = merges_order(m, LEFT);
    uint64_t us = 0;
    assert_non_null(result);
    for (; after_us == 0 ? !result->done : us < after_us; us += STEP_US) cluster_run(w.cluster, STEP_US * SIM_US);
    ask_start_decide(&c, DECIDE_COMMIT);
    assert_int_equal(ask_await_decide(&c), RECORD_COMMITTED);
    for (int i = 0; i < 2000 && !result->done; i++) world_run_ms(&w, 1);
    assert_int_equal(result->status, STATUS_OK);
    until_gone(&w, LEFT);
    world_must_read(&w, "a", "new");
    world_must_read(&w, "k", "new");
    world_close(&w);
    merges_destroy(m);
    return us;
}

/* Also when its entry comes right behind that of the merge, and what the right side holds is still being read back. */
TEST(txn_prepare, a_decision_beside_a_merge_is_carried_out)
{
    uint64_t done_us = decide_beside_merge(0);
    for (uint64_t before_us = STEP_US; before_us < 2000; before_us += STEP_US) decide_beside_merge(done_us - before_us);
}
