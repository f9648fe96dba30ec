/* Decisions that stand, and what carries them out, wait for company on their way to the log (txn/later.c): for the next that their node
 * proposes, for somebody who meets what they take away, or half a millisecond. */
#include "tests/test.h"

#include "tests/txn/ask.h"

#define LEFT   WORLD_LEFT
#define MIDDLE WORLD_MIDDLE
#define STEP_US 10u
#define LATER_US 500u

/* A staged attempt that writes a and k, all of which is prepared. */
static void open_staged(struct world *w, struct asker *c, struct actor *alive)
{
    world_open_three(w, 3);
    asker_begin_unknown(c, w, 1, 77);
    asker_bring_alive(c, alive);
    c->staged = "k";
    must_prepare(c, "k", "new");
    must_prepare(c, "a", "new");
}

static void close_staged(struct world *w, struct actor *alive)
{
    actor_end(alive);
    world_close(w);
}

static uint32_t waiting_in(struct world *w, struct range_id range, enum range_op_kind kind)
{
    uint32_t count = 0;
    LIST_FOR_EACH(item, &world_range_of(w, range)->ops) {
        const struct range_op *op = CONTAINER_OF(item, struct range_op, link);
        count += op->kind == kind && op->state == OP_LATER;
    }
    return count;
}

/* Until it waits there; false: it never did. */
static bool await_waiting(struct world *w, struct range_id range, enum range_op_kind kind)
{
    for (uint32_t us = 0; us < 10000; us += STEP_US) {
        if (waiting_in(w, range, kind) > 0) return true;
        sim_run_for(cluster_sim(w->cluster), STEP_US * SIM_US);
    }
    return false;
}

/* For how long it goes on to wait. */
static uint32_t waits_us(struct world *w, struct range_id range, enum range_op_kind kind)
{
    uint32_t us = 0;
    while (us < 10000 && waiting_in(w, range, kind) > 0) {
        sim_run_for(cluster_sim(w->cluster), STEP_US * SIM_US);
        us += STEP_US;
    }
    return us;
}

static void is_committed(struct world *w, struct asker *c)
{
    assert_int_equal(ask_await_decide(c), RECORD_COMMITTED);
    world_must_read(w, "a", "new");
    world_must_read(w, "k", "new");
}

TEST(txn_later, a_decision_that_stands_waits_for_a_moment)
{
    struct world w;
    struct asker c;
    struct actor alive;
    open_staged(&w, &c, &alive);
    ask_start_decide(&c, DECIDE_KNOWN);
    assert_true(await_waiting(&w, LEFT, RANGE_OP_DECIDE));
    assert_in_range(waits_us(&w, LEFT, RANGE_OP_DECIDE), LATER_US / 2, LATER_US + STEP_US);
    assert_true(await_waiting(&w, MIDDLE, RANGE_OP_RESOLVE));
    assert_in_range(waits_us(&w, MIDDLE, RANGE_OP_RESOLVE), LATER_US / 2, LATER_US + STEP_US);
    is_committed(&w, &c);
    close_staged(&w, &alive);
}

/* A client waits for it. */
TEST(txn_later, a_decision_that_decides_does_not_wait)
{
    struct world w;
    struct asker c;
    struct actor alive;
    open_staged(&w, &c, &alive);
    ask_start_decide(&c, DECIDE_COMMIT);
    assert_false(await_waiting(&w, LEFT, RANGE_OP_DECIDE));
    is_committed(&w, &c);
    close_staged(&w, &alive);
}

/* Its transaction has waited for locks: others may wait for it now, in ranges that the leader of the anchor does not know of. */
TEST(txn_later, a_decision_that_others_want_does_not_wait)
{
    struct world w;
    struct asker c;
    struct actor alive;
    open_staged(&w, &c, &alive);
    ask_start_decide(&c, DECIDE_WANTED);
    assert_false(await_waiting(&w, LEFT, RANGE_OP_DECIDE));
    is_committed(&w, &c);
    close_staged(&w, &alive);
}

TEST(txn_later, it_goes_with_the_next_that_is_proposed)
{
    struct world w;
    struct asker c;
    struct actor a, alive;
    open_staged(&w, &c, &alive);
    actor_begin_at_leader(&a, &w);
    actor_put(&a, "b", "other");
    ask_start_decide(&c, DECIDE_KNOWN);
    assert_true(await_waiting(&w, LEFT, RANGE_OP_DECIDE));
    actor_start_commit(&a);
    assert_in_range(waits_us(&w, LEFT, RANGE_OP_DECIDE), 0, LATER_US / 2);
    assert_int_equal(actor_await(&a), STATUS_OK);
    actor_end(&a);
    is_committed(&w, &c);
    close_staged(&w, &alive);
}

/* Locks do not send it off by themselves: they have to meet its intents. */
TEST(txn_later, it_goes_when_somebody_meets_what_it_takes_away)
{
    struct world w;
    struct asker c;
    struct actor a, alive;
    open_staged(&w, &c, &alive);
    actor_begin_at_leader(&a, &w);
    ask_start_decide(&c, DECIDE_KNOWN);
    assert_true(await_waiting(&w, LEFT, RANGE_OP_DECIDE));
    actor_start_lock(&a, "a");
    assert_in_range(waits_us(&w, LEFT, RANGE_OP_DECIDE), 0, LATER_US / 2);
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_string_equal(a.value, "new");
    actor_end(&a);
    is_committed(&w, &c);
    close_staged(&w, &alive);
}

/* Whoever waits already is not kept waiting. */
TEST(txn_later, it_does_not_wait_while_somebody_else_does)
{
    struct world w;
    struct asker c;
    struct actor a, alive;
    open_staged(&w, &c, &alive);
    actor_begin_at_leader(&a, &w);
    actor_start_lock(&a, "k");
    world_run_ms(&w, 2);
    assert_true(a.running);
    ask_start_decide(&c, DECIDE_KNOWN);
    assert_true(await_waiting(&w, LEFT, RANGE_OP_DECIDE));
    assert_false(await_waiting(&w, MIDDLE, RANGE_OP_RESOLVE));
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_string_equal(a.value, "new");
    actor_end(&a);
    is_committed(&w, &c);
    close_staged(&w, &alive);
}

/* Its reads elsewhere may meet intents of the same attempt, whose leader does not hear of them before it is decided. */
TEST(txn_later, it_goes_when_a_client_of_its_node_reads)
{
    struct world w;
    struct asker c;
    struct actor a, alive;
    open_staged(&w, &c, &alive);
    actor_begin_at_leader(&a, &w);
    ask_start_decide(&c, DECIDE_KNOWN);
    assert_true(await_waiting(&w, LEFT, RANGE_OP_DECIDE));
    actor_start_get(&a, "x");
    assert_in_range(waits_us(&w, LEFT, RANGE_OP_DECIDE), 0, LATER_US / 2);
    assert_int_equal(actor_await(&a), STATUS_NOT_FOUND);
    actor_end(&a);
    is_committed(&w, &c);
    close_staged(&w, &alive);
}
