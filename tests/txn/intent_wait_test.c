/* Who waits for an intent waits as if for a lock: not longer than it said it would. */
#include "tests/test.h"

#include "tests/txn/ask.h"
#include "txn/txn_state.h"

#define MS UINT64_C(1000000)

/* A transaction has prepared a key, and lives: nobody knows yet what becomes of it. */
static void open_prepared(struct world *w, struct actor *a)
{
    world_open_leased(w, 3);
    world_put(w, "k", "old");
    world_put(w, "z", "old");
    actor_begin(a, w, 1);
    assert_int_equal(actor_lock(a, "z"), STATUS_OK);
    struct asker asker;
    asker_begin(&asker, a);
    must_prepare(&asker, "k", "new");
}

static void close_prepared(struct world *w, struct actor *a)
{
    actor_end(a);
    world_close(w);
}

static uint64_t now_on(struct world *w, uint64_t machine)
{
    return env_now_ns(cluster_machine(w->cluster, machine)->env);
}

TEST(txn_intent_wait, a_lock_time_out_counts_before_an_intent)
{
    struct world w;
    struct actor a, b;
    open_prepared(&w, &a);
    actor_begin(&b, &w, 2);
    txn_set_lock_timeout(b.txn, 200 * MS);
    uint64_t start_ns = now_on(&w, 2);
    assert_int_equal(actor_lock(&b, "k"), STATUS_LOCKED);
    uint64_t waited_ns = now_on(&w, 2) - start_ns;
    assert_true(waited_ns >= 200 * MS);
    assert_true(waited_ns < 400 * MS);
    actor_end(&b);
    close_prepared(&w, &a);
}

/* It has locked nothing before. */
TEST(txn_intent_wait, a_commit_gives_up_before_an_intent)
{
    struct world w;
    struct actor a, b;
    open_prepared(&w, &a);
    actor_begin(&b, &w, 2);
    txn_set_lock_timeout(b.txn, 200 * MS);
    actor_put(&b, "k", "newer");
    uint64_t start_ns = now_on(&w, 2);
    assert_int_equal(actor_commit(&b), STATUS_LOCKED);
    uint64_t waited_ns = now_on(&w, 2) - start_ns;
    assert_true(waited_ns >= 200 * MS);
    assert_true(waited_ns < 400 * MS);
    actor_end(&b);
    close_prepared(&w, &a);
}

TEST(txn_intent_wait, without_a_time_out_they_wait_until_it_is_known)
{
    struct world w;
    struct actor a, b, c;
    open_prepared(&w, &a);
    actor_begin(&b, &w, 2);
    actor_begin(&c, &w, 3);
    actor_start_lock(&b, "k");
    actor_put(&c, "k", "newer");
    actor_start_commit(&c);
    world_run_ms(&w, 1500);
    assert_true(b.running);
    assert_true(c.running);
    actor_end(&a); /* nobody answers for the intent: it goes */
    assert_int_equal(actor_await(&b), STATUS_OK);
    assert_string_equal(b.value, "old");
    actor_end(&b);
    assert_int_equal(actor_await(&c), STATUS_OK);
    actor_end(&c);
    world_close(&w);
}
