/* Locks between transactions of a cluster (W2, W4 of txn/README.md). */
#include "tests/test.h"

#include "tests/txn/world.h"
#include "txn/txn_state.h"

TEST(txn_lock, the_second_waits_and_sees_what_the_first_has_written)
{
    struct world w;
    struct actor a, b;
    world_open(&w, 1, 0);
    world_put(&w, "k", "1");
    actor_begin_at_leader(&a, &w);
    actor_begin_at_leader(&b, &w);
    assert_int_equal(actor_lock(&a, "k"), STATUS_OK);
    assert_string_equal(a.value, "1");
    actor_start_lock(&b, "k");
    world_run_ms(&w, 3000); /* longer than one request waits */
    assert_true(b.running);
    actor_put(&a, "k", "2");
    assert_int_equal(actor_commit(&a), STATUS_OK);
    assert_int_equal(actor_await(&b), STATUS_OK);
    assert_string_equal(b.value, "2");
    actor_put(&b, "k", "3");
    assert_int_equal(actor_commit(&b), STATUS_OK);
    actor_end(&a);
    actor_end(&b);
    world_run_ms(&w, 100);
    assert_int_equal(world_range(&w)->locks.lock_count, 0);
    world_close(&w);
}

/* A7: who only reads passes by what is locked, is waited for by nobody, and is refused for nothing that others write. */
TEST(txn_lock, readers_block_no_writer_and_no_writer_blocks_them)
{
    struct world w;
    struct actor writer, reader;
    world_open_leased(&w, 3);
    world_put(&w, "k", "1");
    actor_begin(&writer, &w, 1);
    assert_int_equal(actor_lock(&writer, "k"), STATUS_OK);
    actor_put(&writer, "k", "2");
    actor_begin(&reader, &w, 2);
    actor_start_get(&reader, "k");
    world_run_ms(&w, 40); /* a request that waits for a lock is told so after 50 ms */
    assert_false(reader.running);
    assert_string_equal(reader.value, "1");
    actor_start_commit(&writer);
    world_run_ms(&w, 40);
    assert_false(writer.running);
    assert_int_equal(writer.status, STATUS_OK);
    for (int i = 0; i < 20; i++) world_put(&w, "k", "3");
    assert_int_equal(actor_get(&reader, "k"), STATUS_OK);
    assert_string_equal(reader.value, "1");
    assert_int_equal(actor_count(&reader, "a", "z"), STATUS_OK);
    assert_u64_equal(reader.count, 1);
    assert_int_equal(actor_commit(&reader), STATUS_OK);
    actor_end(&reader);
    actor_end(&writer);
    world_close(&w);
}

TEST(txn_lock, a_transaction_that_ends_gives_its_locks_back)
{
    struct world w;
    struct actor a, b;
    world_open(&w, 3, 0);
    actor_begin(&a, &w, world_leader(&w) % 3 + 1); /* over the network */
    actor_begin_at_leader(&b, &w);
    assert_int_equal(actor_lock(&a, "k"), STATUS_NOT_FOUND);
    actor_start_lock(&b, "k");
    world_run_ms(&w, 50);
    assert_true(b.running);
    actor_end(&a); /* rolled back */
    assert_int_equal(actor_await(&b), STATUS_NOT_FOUND);
    actor_end(&b);
    world_run_ms(&w, 100);
    assert_int_equal(world_range(&w)->locks.lock_count, 0);
    world_close(&w);
}

TEST(txn_lock, the_view_moves_forward_as_a_whole_or_not_at_all)
{
    struct world w;
    struct actor a, b;
    world_open(&w, 1, 0);
    world_put(&w, "k", "1");
    world_put(&w, "other", "1");
    actor_begin_at_leader(&a, &w);
    actor_begin_at_leader(&b, &w);
    assert_int_equal(actor_get(&a, "other"), STATUS_OK);
    assert_int_equal(actor_get(&b, "other"), STATUS_OK);
    world_put(&w, "k", "2");
    assert_int_equal(actor_lock(&a, "k"), STATUS_OK); /* `other` has not changed: the view is that of now */
    assert_true(world_range(&w)->floor >= txn_read_ts(a.txn)); /* nothing will be committed below it */
    assert_string_equal(a.value, "2");
    actor_end(&a);
    world_put(&w, "other", "2");
    assert_int_equal(actor_lock(&b, "k"), STATUS_CONFLICT); /* locked all the same */
    assert_int_equal(txn_restart(b.txn, &b.arena), STATUS_OK);
    assert_int_equal(actor_get(&b, "other"), STATUS_OK);
    assert_string_equal(b.value, "2");
    actor_begin_at_leader(&a, &w);
    a.wait = TXN_LOCK_NOWAIT;
    assert_int_equal(actor_lock(&a, "k"), STATUS_LOCKED);
    actor_put(&b, "k", "3");
    assert_int_equal(actor_commit(&b), STATUS_OK);
    actor_end(&a);
    actor_end(&b);
    world_close(&w);
}

TEST(txn_lock, waiting_can_be_declined_or_limited)
{
    struct world w;
    struct actor a, b;
    world_open(&w, 1, 0);
    actor_begin_at_leader(&a, &w);
    actor_begin_at_leader(&b, &w);
    assert_int_equal(actor_lock(&a, "k"), STATUS_NOT_FOUND);
    b.wait = TXN_LOCK_SKIP;
    assert_int_equal(actor_lock(&b, "k"), STATUS_BUSY);
    b.wait = TXN_LOCK_NOWAIT;
    assert_int_equal(actor_lock(&b, "k"), STATUS_LOCKED);
    b.wait = TXN_LOCK_WAIT;
    txn_set_lock_timeout(b.txn, 200000000);
    actor_start_lock(&b, "k");
    world_run_ms(&w, 150);
    assert_true(b.running);
    assert_int_equal(actor_await(&b), STATUS_LOCKED);
    actor_end(&b);
    actor_end(&a);
    world_close(&w);
}

TEST(txn_lock, the_youngest_of_a_circle_is_told)
{
    struct world w;
    struct actor a, b;
    world_open(&w, 1, 0);
    actor_begin_at_leader(&a, &w);
    actor_begin_at_leader(&b, &w);
    assert_int_equal(actor_lock(&a, "1"), STATUS_NOT_FOUND);
    world_put(&w, "x", "time goes on");
    assert_int_equal(actor_lock(&b, "2"), STATUS_NOT_FOUND);
    actor_start_lock(&b, "1");
    world_run_ms(&w, 5);
    actor_start_lock(&a, "2");
    world_run_ms(&w, 20); /* its leader sees it at once; circles over several ranges take the gateways longer */
    assert_false(b.running);
    assert_int_equal(actor_await(&b), STATUS_DEADLOCK);
    assert_true(a.running);
    actor_end(&b);
    assert_int_equal(actor_await(&a), STATUS_NOT_FOUND);
    actor_end(&a);
    world_close(&w);
}

TEST(txn_lock, a_write_without_locks_lets_the_holder_go_first)
{
    struct world w;
    struct actor a, b;
    world_open(&w, 1, 0);
    world_put(&w, "k", "1");
    actor_begin_at_leader(&a, &w);
    actor_begin_at_leader(&b, &w);
    assert_int_equal(actor_lock(&a, "k"), STATUS_OK);
    actor_put(&b, "k", "blind");
    actor_start_commit(&b);
    world_run_ms(&w, 20000); /* as long as it takes */
    assert_true(b.running);
    actor_put(&a, "k", "2");
    assert_int_equal(actor_commit(&a), STATUS_OK);
    assert_int_equal(actor_await(&b), STATUS_OK);
    assert_true(b.ts > a.ts);
    actor_end(&a);
    actor_end(&b);
    world_close(&w);
}

/* The locks are gone with the leader, and the commit notices what happened in between. */
TEST(txn_lock, a_lost_lock_is_no_lost_update)
{
    struct world w;
    struct actor a, b;
    world_open(&w, 3, 0);
    world_put(&w, "k", "1");
    uint64_t leader = world_leader(&w), gateway = leader % 3 + 1;
    actor_begin(&a, &w, gateway);
    assert_int_equal(actor_lock(&a, "k"), STATUS_OK);
    cluster_crash(w.cluster, leader, SIM_CRASH_POWER);
    world_run_ms(&w, 3000);
    actor_begin(&b, &w, gateway);
    assert_int_equal(actor_lock(&b, "k"), STATUS_OK); /* nobody holds it any more */
    actor_put(&b, "k", "2");
    assert_int_equal(actor_commit(&b), STATUS_OK);
    actor_put(&a, "k", "lost update");
    assert_int_equal(actor_commit(&a), STATUS_CONFLICT);
    actor_end(&a);
    actor_end(&b);
    world_close(&w);
}

/* Who changes a row next need not wait until the last change is committed; the log keeps them in order. */
TEST(txn_lock, writes_in_flight_are_built_upon)
{
    struct world w;
    struct actor a, b;
    world_open_leased(&w, 3);
    world_put(&w, "k", "1");
    uint64_t leader = world_leader(&w);
    actor_begin_at_leader(&a, &w);
    actor_begin_at_leader(&b, &w);
    assert_int_equal(actor_lock(&a, "k"), STATUS_OK);
    actor_put(&a, "k", "2");
    world_isolate(&w, leader); /* nothing can be committed for a moment */
    actor_start_commit(&a);
    b.overlay = true;
    actor_start_lock(&b, "k");
    world_run_ms(&w, 50);
    assert_true(a.running);
    assert_false(b.running);
    {
        assert_string_equal(b.value, "2");
        assert_true(txn_is_pending(b.txn));
        actor_put(&b, "k", "3");
        actor_start_commit(&b);
    }
    sim_net_heal(cluster_sim(w.cluster));
    assert_int_equal(actor_await(&a), STATUS_OK);
    if (b.verb == VERB_COMMIT) {
        assert_int_equal(actor_await(&b), STATUS_OK);
        assert_true(b.ts > a.ts);
    }
    actor_end(&a);
    actor_end(&b);
    world_close(&w);
}

/* Whoever has been shown them and writes nothing has no commit that would stand behind them in the log. */
TEST(txn_lock, what_was_seen_in_flight_is_nothing_to_rely_on)
{
    struct world w;
    struct actor a, b;
    world_open_leased(&w, 3);
    world_put(&w, "k", "1");
    uint64_t leader = world_leader(&w);
    actor_begin_at_leader(&a, &w);
    actor_begin_at_leader(&b, &w);
    b.overlay = true;
    assert_int_equal(actor_lock(&a, "k"), STATUS_OK);
    actor_put(&a, "k", "2");
    world_isolate(&w, leader);
    actor_start_commit(&a);
    assert_int_equal(actor_lock(&b, "k"), STATUS_OK);
    assert_string_equal(b.value, "2");
    assert_true(a.running);
    assert_int_equal(actor_commit(&b), STATUS_CONFLICT);
    sim_net_heal(cluster_sim(w.cluster));
    actor_await(&a);
    actor_end(&a);
    actor_end(&b);
    world_close(&w);
}

/* The leader that has shown them is gone, and they with it. */
TEST(txn_lock, what_builds_on_lost_writes_is_lost_with_them)
{
    struct world w;
    struct actor a, b;
    world_open_leased(&w, 3);
    world_put(&w, "k", "1");
    uint64_t leader = world_leader(&w), gateway = leader % 3 + 1;
    actor_begin_at_leader(&a, &w);
    actor_begin(&b, &w, leader);
    b.overlay = true;
    assert_int_equal(actor_lock(&a, "k"), STATUS_OK);
    actor_put(&a, "k", "2");
    world_isolate(&w, leader);
    actor_start_commit(&a);
    actor_start_lock(&b, "k");
    world_run_ms(&w, 50);
    bool shown = !b.running && txn_is_pending(b.txn);
    assert_true(shown);
    world_run_ms(&w, 5000); /* the others elect one of them */
    struct actor c;
    actor_begin(&c, &w, gateway);
    assert_int_equal(actor_get(&c, "k"), STATUS_OK);
    assert_string_equal(c.value, "1");
    actor_end(&c);
    sim_net_heal(cluster_sim(w.cluster));
    world_run_ms(&w, 3000);
    if (shown) {
        actor_put(&b, "k", "3");
        assert_int_equal(actor_commit(&b), STATUS_CONFLICT);
    } else {
        actor_await(&b);
    }
    actor_await(&a);
    actor_end(&a);
    actor_end(&b);
    actor_begin(&c, &w, gateway);
    assert_int_equal(actor_get(&c, "k"), STATUS_OK);
    assert_string_equal(c.value, "1");
    actor_end(&c);
    world_close(&w);
}

TEST(txn_lock, locks_of_a_gateway_that_is_gone_are_given_back)
{
    struct world w;
    struct actor a, b;
    world_open(&w, 3, 0);
    uint64_t leader = world_leader(&w), gateway = leader % 3 + 1;
    actor_begin(&a, &w, gateway);
    actor_begin_at_leader(&b, &w);
    assert_int_equal(actor_lock(&a, "k"), STATUS_NOT_FOUND);
    actor_start_lock(&b, "k");
    world_run_ms(&w, 20000);
    assert_true(b.running); /* it lives: the leader asks and hears so */
    sim_net_cut_pair(cluster_sim(w.cluster), leader, gateway);
    actor_end(&a); /* the message that says so is lost */
    assert_int_equal(actor_await(&b), STATUS_NOT_FOUND);
    actor_end(&b);
    sim_net_heal(cluster_sim(w.cluster));
    actor_begin(&a, &w, gateway);
    actor_begin_at_leader(&b, &w);
    assert_int_equal(actor_lock(&a, "k"), STATUS_NOT_FOUND);
    sim_net_cut(cluster_sim(w.cluster), gateway, leader);
    actor_end(&a);
    sim_net_heal(cluster_sim(w.cluster)); /* soon enough for an answer: no such transaction */
    assert_int_equal(actor_lock(&b, "k"), STATUS_NOT_FOUND);
    actor_end(&b);
    world_close(&w);
}

/* Nobody could be asked whether it still lives. */
TEST(txn_lock, a_transaction_of_no_node_gets_none)
{
    struct world w;
    struct actor a;
    world_open(&w, 1, 0);
    actor_begin_at_leader(&a, &w);
    a.txn->name = (struct txn_name){0, 7};
    assert_int_equal(actor_lock(&a, "k"), STATUS_INVALID);
    assert_int_equal(world_range(&w)->locks.owner_count, 0);
    a.txn->name = (struct txn_name){0, 0};
    actor_end(&a);
    world_close(&w);
}
