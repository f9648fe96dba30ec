/* Staged commits as their leaders see them: PREPAREs are sent one by one, as a coordinator or a late message would. The coordinator is
 * a transaction that no node knows, unless a test says otherwise: whoever waits for its intents finds that it is gone. */
#include "tests/test.h"

#include "tests/sim/cluster/splits.h"
#include "tests/txn/ask.h"

#define LEFT   WORLD_LEFT
#define MIDDLE WORLD_MIDDLE
#define RIGHT  WORLD_RIGHT
#define SOON_NS (60 * SIM_MS) /* a request that nobody answers is given up */

static void open_three(struct world *w)
{
    world_open_three(w, 3);
    world_put(w, "a", "old");
    world_put(w, "c", "old");
    world_put(w, "k", "old");
    world_put(w, "z", "old");
}

/* What the anchor lists is these keys, a letter each. */
static void begin_staged(struct asker *c, struct world *w, uint64_t tag, const char *staged)
{
    asker_begin_unknown(c, w, 1, tag);
    c->staged = staged;
}

static void open_staged(struct world *w, struct asker *c, const char *staged)
{
    open_three(w);
    begin_staged(c, w, 77, staged);
}

/* The same for a coordinator that lives. */
static void open_staged_alive(struct world *w, struct asker *c, struct actor *alive, const char *staged)
{
    open_staged(w, c, staged);
    asker_bring_alive(c, alive);
}

static uint32_t refusals_in(struct world *w, struct range_id range)
{
    uint32_t count = 0;
    const struct range *g = world_range_of(w, range);
    LIST_FOR_EACH(item, &g->refusals) count++;
    return count;
}

/* ---- it is found out about ---- */

TEST(txn_staged, what_is_prepared_everywhere_is_committed_and_nobody_has_to_say_so)
{
    struct world w;
    struct asker c;
    open_staged(&w, &c, "ckz");
    must_prepare(&c, "ac", "new");
    must_prepare(&c, "z", "new");
    must_prepare(&c, "k", "new");
    world_must_read(&w, "k", "new"); /* its reader has waited, asked and had it found out */
    world_must_read(&w, "a", "new");
    world_must_read(&w, "z", "new");
    world_must_read(&w, "c", "new");
    assert_int_equal(ask_decide(&c, DECIDE_ASK), RECORD_COMMITTED);
    assert_int_equal(ask_decide(&c, DECIDE_GIVE_UP), RECORD_COMMITTED); /* it obeys what it finds */
    assert_int_equal(ask_decide(&c, DECIDE_COMMIT), RECORD_COMMITTED);
    assert_int_equal(ask_outcome(&c), TXN_OUTCOME_COMMITTED);
    world_close(&w);
}

TEST(txn_staged, what_misses_a_part_is_aborted_and_never_gets_it)
{
    struct world w;
    struct asker c;
    open_staged(&w, &c, "kz");
    must_prepare(&c, "a", "new");
    must_prepare(&c, "k", "new");
    world_must_read(&w, "k", "old");
    assert_u64_equal(refusals_in(&w, RIGHT), 1);
    assert_int_equal(ask_prepare(&c, "z", "new"), STATUS_CONFLICT);
    assert_int_equal(ask_decide(&c, DECIDE_COMMIT), RECORD_ABORTED);
    assert_int_equal(ask_outcome(&c), TXN_OUTCOME_ABORTED);
    world_must_read(&w, "a", "old");
    world_must_read(&w, "z", "old");
    world_close(&w);
}

/* Neither before it is asked about nor by one of the range that has another part of it. */
TEST(txn_staged, only_what_is_listed_counts_and_only_for_that_key)
{
    struct world w;
    struct asker c;
    bool all;
    uint64_t lb;
    open_staged(&w, &c, "kl");
    must_prepare(&c, "k", "new");
    assert_int_equal(ask_staged(&c, "k", &all, &lb), STATUS_OK);
    assert_true(all);
    assert_u64_equal(lb, c.ct);
    assert_int_equal(ask_staged(&c, "kl", &all, &lb), STATUS_OK);
    assert_false(all);
    assert_u64_equal(refusals_in(&w, MIDDLE), 1);
    assert_int_equal(ask_staged(&c, "kl", &all, &lb), STATUS_OK); /* as often as one likes */
    assert_false(all);
    assert_int_equal(ask_prepare(&c, "l", "new"), STATUS_CONFLICT);
    must_prepare(&c, "m", "new"); /* nobody has asked for that one */
    world_close(&w);
}

TEST(txn_staged, one_that_lives_is_waited_for)
{
    struct world w;
    struct asker c;
    struct actor a, alive;
    open_staged_alive(&w, &c, &alive, "k");
    must_prepare(&c, "a", "new");
    actor_begin(&a, &w, 2);
    actor_start_get(&a, "a");
    world_run_ms(&w, 4000);
    assert_true(a.running);
    assert_u64_equal(refusals_in(&w, MIDDLE), 0);
    must_prepare(&c, "k", "new");
    actor_attempt_again(&alive); /* what it makes now is another attempt */
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_string_equal(a.value, "new");
    actor_end(&a);
    actor_end(&alive);
    world_close(&w);
}

/* A1: its gateway tells its client as soon as all have answered. */
TEST(txn_staged, it_is_answered_when_the_clock_is_past_its_timestamp)
{
    struct world w;
    struct asker c;
    open_three(&w);
    for (uint64_t tag = 77; tag < 80; tag++) {
        begin_staged(&c, &w, tag, "k");
        c.gated = true;
        struct actor alive;
        asker_bring_alive(&c, &alive);
        for (int again = 0; again < 2; again++) { /* asked again, too */
            must_prepare(&c, "a", "new");
            assert_true(kv_timestamp_seen(world_range_of(&w, LEFT)->kv) > c.ct);
        }
        assert_int_equal(ask_decide(&c, DECIDE_GIVE_UP), RECORD_ABORTED);
        actor_end(&alive);
    }
    world_close(&w);
}

/* What it is given lies ahead of the cluster's clock, since something in the range does. */
TEST(txn_staged, a_timestamp_ahead_of_the_clock_is_waited_for)
{
    struct world w;
    struct asker c;
    open_staged(&w, &c, "k");
    c.gated = true;
    must_prepare(&c, "k", "new");
    struct range *g = world_range_of(&w, LEFT);
    g->high = kv_timestamp_seen(g->kv) + SIM_SEC;
    uint64_t high = g->high;
    must_prepare(&c, "a", "new");
    assert_true(c.ct > high);
    assert_true(kv_timestamp_seen(g->kv) > c.ct);
    world_must_read(&w, "a", "new");
    world_must_read(&w, "k", "new");
    world_close(&w);
}

/* ---- it is given up ---- */

TEST(txn_staged, its_coordinator_gives_it_up_and_nothing_of_the_anchor_is_left)
{
    struct world w;
    struct asker c;
    struct actor alive;
    open_staged_alive(&w, &c, &alive, "ck");
    must_prepare(&c, "ac", "new");
    must_prepare(&c, "k", "new");
    assert_int_equal(ask_decide(&c, DECIDE_GIVE_UP), RECORD_ABORTED);
    assert_u64_equal(world_range_of(&w, LEFT)->prepared_count, 0);
    assert_int_equal(ask_prepare(&c, "ac", "new"), STATUS_CONFLICT); /* a late one: the record says more */
    world_must_read(&w, "k", "old");
    world_must_read(&w, "a", "old");
    actor_end(&alive);
    world_close(&w);
}

TEST(txn_staged, malformed_lists_are_refused)
{
    static const char *const lists[] = {"ak", "kc", "cc"};
    struct world w;
    struct asker c;
    open_three(&w);
    asker_begin_unknown(&c, &w, 1, 77);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        c.staged = lists[i];
        assert_int_equal(ask_prepare(&c, "a", "new"), STATUS_INVALID);
    }
    assert_u64_equal(world_range_of(&w, LEFT)->prepared_count, 0);
    world_close(&w);
}

/* ---- leaders change, time goes by ---- */

TEST(txn_staged, the_next_leaders_know_what_is_listed_and_what_is_refused)
{
    struct world w;
    struct asker c, d;
    struct actor alive;
    open_staged_alive(&w, &c, &alive, "kz");
    must_prepare(&c, "a", "new");
    must_prepare(&c, "k", "new");
    must_prepare(&c, "z", "new");
    world_move_leader(&w, LEFT);
    world_move_leader(&w, RIGHT);
    actor_attempt_again(&alive);
    world_must_read(&w, "z", "new");
    world_must_read(&w, "a", "new");
    begin_staged(&d, &w, 78, "k");
    must_prepare(&d, "a", "newer");
    world_must_read(&w, "a", "new");
    world_move_leader(&w, MIDDLE);
    assert_u64_equal(refusals_in(&w, MIDDLE), 1);
    assert_int_equal(ask_prepare(&d, "k", "newer"), STATUS_CONFLICT);
    world_must_read(&w, "k", "new");
    actor_end(&alive);
    world_close(&w);
}

static void go_past_the_window(struct world *w)
{
    for (int i = 0; i < 13; i++) { /* clocks of idle clusters stand still */
        world_put(w, "b", "1");
        world_put(w, "l", "1");
        world_put(w, "x", "1");
        world_run_ms(w, 1000);
    }
}

/* Its coordinator may have told its client long ago. */
TEST(txn_staged, one_that_nobody_has_asked_about_is_committed_however_late)
{
    struct world w;
    struct asker c;
    struct actor alive;
    open_staged_alive(&w, &c, &alive, "k");
    must_prepare(&c, "a", "new");
    must_prepare(&c, "k", "new");
    go_past_the_window(&w);
    world_range_of(&w, LEFT)->floor = c.attempt.sent + 2 * OUTCOME_WINDOW_NS; /* as a record of others, or a read, raises it */
    assert_int_equal(ask_outcome(&c), TXN_OUTCOME_IN_PROGRESS);
    actor_attempt_again(&alive);
    world_must_read(&w, "k", "new");
    world_must_read(&w, "a", "new");
    enum txn_outcome now = ask_outcome(&c);
    assert_true(now == TXN_OUTCOME_COMMITTED || now == TXN_OUTCOME_EXPIRED);
    actor_end(&alive);
    world_close(&w);
}

TEST(txn_staged, refusals_are_forgotten_and_what_they_said_stays_so)
{
    struct world w;
    struct asker c;
    open_staged(&w, &c, "k");
    must_prepare(&c, "a", "new");
    world_must_read(&w, "a", "old");
    world_run_ms(&w, 3000);
    assert_u64_equal(refusals_in(&w, MIDDLE), 1);
    go_past_the_window(&w);
    assert_u64_equal(refusals_in(&w, MIDDLE), 0);
    c.patience_ns = SOON_NS;
    assert_int_not_equal(ask_prepare(&c, "k", "new"), STATUS_OK);
    assert_u64_equal(world_range_of(&w, MIDDLE)->prepared_count, 0);
    /* Nor is its coordinator, who comes late, told that it was aborted: it could as well have been committed, and forgotten. */
    assert_int_equal(ask_decide(&c, DECIDE_GIVE_UP), RECORD_NONE);
    assert_int_equal(ask_decide(&c, DECIDE_ABORT), RECORD_ABORTED);
    world_close(&w);
}

/* ---- bounds change ---- */

/* What lay beside the anchor is in another range by then, and is found. */
TEST(txn_staged, a_split_takes_away_what_was_prepared_with_the_anchor)
{
    struct world w;
    struct asker c;
    struct actor alive;
    open_staged_alive(&w, &c, &alive, "ck");
    struct splits *s = splits_create(w.cluster);
    must_prepare(&c, "ac", "new");
    must_prepare(&c, "k", "new");
    world_split(&w, s, LEFT, "b");
    actor_attempt_again(&alive);
    world_must_read(&w, "a", "new");
    world_must_read(&w, "c", "new");
    world_must_read(&w, "k", "new");
    go_past_the_window(&w); /* its record is gone */
    world_must_read(&w, "c", "new");
    actor_end(&alive);
    world_close(&w);
    splits_destroy(s);
}

/* Asked for by the range that it was prepared in, one whose anchor has moved away is not said to be aborted. */
TEST(txn_staged, a_split_that_takes_the_anchor_away_leaves_its_outcome_unknown)
{
    struct world w;
    struct asker c;
    open_three(&w);
    struct splits *s = splits_create(w.cluster);
    asker_begin_unknown(&c, &w, 1, 77);
    must_prepare(&c, "c", "new"); /* the range holds something */
    asker_begin_unknown(&c, &w, 1, 78);
    uint64_t before = world_range_of(&w, LEFT)->divided;
    world_split(&w, s, LEFT, "b");
    assert_true(world_range_of(&w, LEFT)->divided > before);
    go_past_the_window(&w);
    c.attempt.sent = world_range_of(&w, LEFT)->divided - 1;
    assert_int_equal(ask_outcome(&c), TXN_OUTCOME_EXPIRED);
    world_close(&w);
    splits_destroy(s);
}

/* ---- what is only proposed ---- */

/* The leader of the range cannot commit anything, and still leads. */
static void cut_off(struct world *w, struct range_id range)
{
    world_isolate(w, cluster_leader(w->cluster, range));
}

/* The one machine leads all ranges, so that requests get there. */
static void gather(struct world *w)
{
    static const uint64_t ranges[] = {2, 3, 4};
    for (size_t i = 0; i < 3; i++)
        for (int tries = 0; tries < 3 && cluster_leader(w->cluster, (struct range_id){ranges[i]}) != 1; tries++)
            world_move_leader(w, (struct range_id){ranges[i]});
    for (size_t i = 0; i < 3; i++) assert_u64_equal(cluster_leader(w->cluster, (struct range_id){ranges[i]}), 1);
}

TEST(txn_staged, a_prepare_counts_when_it_is_committed)
{
    struct world w;
    struct asker c;
    bool all = false;
    uint64_t lb;
    open_three(&w);
    gather(&w);
    asker_begin_unknown(&c, &w, 1, 77);
    c.patience_ns = SOON_NS;
    cut_off(&w, MIDDLE);
    assert_int_not_equal(ask_prepare(&c, "k", "new"), STATUS_OK);
    assert_u64_equal(world_range_of(&w, MIDDLE)->prepared_count, 1);
    assert_int_not_equal(ask_staged(&c, "k", &all, &lb), STATUS_OK);
    assert_u64_equal(refusals_in(&w, MIDDLE), 0);
    sim_net_heal(cluster_sim(w.cluster));
    c.patience_ns = 0;
    assert_int_equal(ask_staged(&c, "k", &all, &lb), STATUS_OK);
    world_close(&w);
}

TEST(txn_staged, nothing_is_prepared_behind_a_decision_or_a_refusal_on_its_way)
{
    struct world w;
    struct asker c;
    bool all = false;
    uint64_t lb;
    enum record_state found;
    open_three(&w);
    gather(&w);
    begin_staged(&c, &w, 77, "k");
    c.patience_ns = SOON_NS;
    cut_off(&w, LEFT);
    assert_int_not_equal(ask_try_decide(&c, DECIDE_GIVE_UP, &found), STATUS_OK);
    assert_int_not_equal(ask_prepare(&c, "a", "new"), STATUS_OK);
    assert_u64_equal(world_range_of(&w, LEFT)->prepared_count, 0);
    assert_int_not_equal(ask_staged(&c, "k", &all, &lb), STATUS_OK);
    assert_int_equal(ask_prepare(&c, "k", "new"), STATUS_CONFLICT);
    assert_u64_equal(world_range_of(&w, MIDDLE)->prepared_count, 0);
    sim_net_heal(cluster_sim(w.cluster));
    world_close(&w);
}
