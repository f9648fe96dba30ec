/* Decisions that stand, and what carries them out, wait for company on their way to the log (txn/later.c): for the next that their node
 * proposes, for somebody who has to wait for what they take away, or two milliseconds. */
#include "tests/test.h"

#include "tests/txn/ask.h"
#include "txn/two_phase_leader.h"

#define LEFT   WORLD_LEFT
#define MIDDLE WORLD_MIDDLE
#define STEP_US 10u
#define LATER_US 2000u

/* A staged attempt that writes a and k, all of which is prepared. The disks may stand still. */
struct scene {
    struct world w;
    struct asker c;
    struct actor alive;
};

static void scene_open(struct scene *s)
{
    world_open_three(&s->w, 3);
    asker_begin_unknown(&s->c, &s->w, 1, 77);
    asker_bring_alive(&s->c, &s->alive);
    s->c.staged = "k";
    must_prepare(&s->c, "k", "new");
    must_prepare(&s->c, "a", "new");
}

static void stall_disks(struct scene *s)
{
    for (uint64_t machine = 1; machine <= 3; machine++) sim_disk_stall(sim_disk(cluster_sim(s->w.cluster), machine), 1000 * SIM_MS);
}

static void heal_disks(struct scene *s)
{
    for (uint64_t machine = 1; machine <= 3; machine++) sim_disk_heal(sim_disk(cluster_sim(s->w.cluster), machine));
}

static void scene_close(struct scene *s)
{
    heal_disks(s);
    assert_int_equal(ask_await_decide(&s->c), RECORD_COMMITTED);
    world_must_read(&s->w, "a", "new");
    world_must_read(&s->w, "k", "new");
    actor_end(&s->alive);
    world_close(&s->w);
}

static uint32_t waiting_in(struct scene *s, struct range_id range, enum range_op_kind kind)
{
    uint32_t count = 0;
    LIST_FOR_EACH(item, &world_range_of(&s->w, range)->ops) {
        const struct range_op *op = CONTAINER_OF(item, struct range_op, link);
        count += op->kind == kind && op->state == OP_LATER;
    }
    return count;
}

/* Until it waits there; false: it never did. */
static bool await_waiting(struct scene *s, struct range_id range, enum range_op_kind kind)
{
    for (uint32_t us = 0; us < 10000; us += STEP_US) {
        if (waiting_in(s, range, kind) > 0) return true;
        sim_run_for(cluster_sim(s->w.cluster), STEP_US * SIM_US);
    }
    return false;
}

/* For how long it goes on to wait. */
static uint32_t waits_us(struct scene *s, struct range_id range, enum range_op_kind kind)
{
    uint32_t us = 0;
    for (; us < 10000 && waiting_in(s, range, kind) > 0; us += STEP_US) sim_run_for(cluster_sim(s->w.cluster), STEP_US * SIM_US);
    return us;
}

static void start_decision(struct scene *s, enum decide_what what)
{
    stall_disks(s);
    ask_start_decide(&s->c, what);
}

/* One that waits, and a client of its node. */
static void scene_open_waiting(struct scene *s, struct actor *client)
{
    scene_open(s);
    actor_begin_at_leader(client, &s->w);
    start_decision(s, DECIDE_KNOWN);
    assert_true(await_waiting(s, LEFT, RANGE_OP_DECIDE));
}

static void goes_at_once(struct scene *s)
{
    assert_true(waits_us(s, LEFT, RANGE_OP_DECIDE) < LATER_US / 2);
}

static void scene_close_after(struct scene *s, struct actor *client, enum status status)
{
    heal_disks(s);
    assert_int_equal(actor_await(client), status);
    actor_end(client);
    scene_close(s);
}

TEST(txn_later, a_decision_that_stands_waits_for_a_moment)
{
    struct scene s;
    scene_open(&s);
    start_decision(&s, DECIDE_KNOWN);
    assert_true(await_waiting(&s, LEFT, RANGE_OP_DECIDE));
    assert_in_range(waits_us(&s, LEFT, RANGE_OP_DECIDE), LATER_US / 2, LATER_US + STEP_US);
    scene_close(&s);
}

/* A client waits for it. */
TEST(txn_later, a_decision_that_decides_does_not_wait)
{
    struct scene s;
    scene_open(&s);
    start_decision(&s, DECIDE_COMMIT);
    assert_false(await_waiting(&s, LEFT, RANGE_OP_DECIDE));
    scene_close(&s);
}

/* Its transaction has waited for locks: others may wait for it now, in ranges that the leader of the anchor does not know of. */
TEST(txn_later, a_decision_that_others_want_does_not_wait)
{
    struct scene s;
    scene_open(&s);
    start_decision(&s, DECIDE_WANTED);
    assert_false(await_waiting(&s, LEFT, RANGE_OP_DECIDE));
    scene_close(&s);
}

TEST(txn_later, it_goes_with_the_next_that_is_proposed)
{
    struct scene s;
    struct actor a;
    scene_open_waiting(&s, &a);
    actor_put(&a, "b", "more");
    actor_start_commit(&a);
    goes_at_once(&s);
    scene_close_after(&s, &a, STATUS_OK);
}

/* Locks do not send it off by themselves: they have to meet its intents. */
TEST(txn_later, it_goes_when_somebody_meets_what_it_takes_away)
{
    struct scene s;
    struct actor a;
    scene_open_waiting(&s, &a);
    actor_start_lock(&a, "a");
    goes_at_once(&s);
    assert_int_equal(actor_await(&a), STATUS_OK); /* while the disks stand still */
    assert_string_equal(a.value, "new");
    actor_end(&a);
    scene_close(&s);
}

/* What it takes away does not keep them waiting (known_read_test.c). */
TEST(txn_later, who_only_reads_does_not_send_it_off)
{
    struct scene s;
    struct actor a;
    scene_open_waiting(&s, &a);
    actor_start_get(&a, "a");
    assert_true(waits_us(&s, LEFT, RANGE_OP_DECIDE) > LATER_US / 2);
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_string_equal(a.value, "new");
    actor_end(&a);
    scene_close(&s);
}

/* In another range it does, for its leader asks; once is enough. */
TEST(txn_later, it_goes_when_somebody_asks)
{
    struct scene s;
    struct actor a;
    scene_open_waiting(&s, &a);
    actor_start_get(&a, "k");
    goes_at_once(&s);
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_string_equal(a.value, "new");
    actor_end(&a);
    scene_close(&s);
}

/* What carries it out in another range waits as well, but for nobody who waits already. */
static void carry_out(bool awaited)
{
    struct scene s;
    struct actor a;
    scene_open(&s);
    actor_begin_at_leader(&a, &s.w);
    if (awaited) actor_start_lock(&a, "k");
    world_run_ms(&s.w, 2);
    stall_disks(&s);
    ask_start_resolve(&s.c, &(struct asked_resolve){.asker = &s.c, .ct = s.c.ct, .key = 'k'}, 1);
    assert_int_equal(await_waiting(&s, MIDDLE, RANGE_OP_RESOLVE), !awaited);
    assert_int_equal(waits_us(&s, MIDDLE, RANGE_OP_RESOLVE) > 0, !awaited);
    heal_disks(&s);
    assert_int_equal(ask_await_resolve(&s.c), STATUS_OK);
    if (awaited) assert_int_equal(actor_await(&a), STATUS_OK);
    actor_end(&a);
    ask_start_decide(&s.c, DECIDE_COMMIT);
    scene_close(&s);
}

TEST(txn_later, what_carries_it_out_waits_for_a_moment)
{
    carry_out(false);
}

TEST(txn_later, it_does_not_wait_while_somebody_else_does)
{
    carry_out(true);
}
