/* Parts of a transaction: marks, views, and moving on what was read before a mark (README.md,
 * Marks). */
#include "tests/test.h"

#include <string.h>

#include "tests/txn/world.h"
#include "txn/txn_state.h"

static void begin(struct actor *a, struct world *w)
{
    actor_begin(a, w, world_leader(w));
}

static enum status refresh(struct core *core, void *ctx)
{
    struct actor *a = ctx;
    (void)core;
    return txn_back_and_refresh(a->txn, (struct txn_mark){.writes = write_set_mark(&a->txn->writes), .spilled = UINT64_MAX, .spans = 1});
}

TEST(txn_mark, going_back_forgets_writes_and_keeps_locks)
{
    struct world w;
    struct actor a, b;
    world_open(&w, 1, 0);
    world_put(&w, "k", "1");
    begin(&a, &w);
    actor_put(&a, "other", "1");
    struct txn_mark mark = txn_mark(a.txn);
    assert_int_equal(actor_lock(&a, "k"), STATUS_OK);
    actor_put(&a, "k", "2");
    actor_delete(&a, "other");
    txn_back(a.txn, mark);
    assert_int_equal(actor_get(&a, "k"), STATUS_OK);
    assert_string_equal(a.value, "1");
    assert_int_equal(actor_get(&a, "other"), STATUS_OK);
    begin(&b, &w);
    b.wait = TXN_LOCK_NOWAIT;
    assert_int_equal(actor_lock(&b, "k"), STATUS_LOCKED);
    actor_end(&b);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    actor_end(&a);
    begin(&b, &w);
    assert_int_equal(actor_get(&b, "k"), STATUS_OK);
    assert_string_equal(b.value, "1");
    actor_end(&b);
    world_close(&w);
}

TEST(txn_mark, what_was_read_behind_it_is_validated_all_the_same)
{
    struct world w;
    struct actor a;
    world_open(&w, 1, 0);
    world_put(&w, "k", "1");
    begin(&a, &w);
    actor_put(&a, "mine", "1");
    struct txn_mark mark = txn_mark(a.txn);
    assert_int_equal(actor_get(&a, "k"), STATUS_OK);
    txn_back(a.txn, mark);
    world_put(&w, "k", "2");
    assert_int_equal(actor_commit(&a), STATUS_CONFLICT);
    actor_end(&a);
    world_close(&w);
}

TEST(txn_mark, a_scan_and_a_view_see_the_writes_of_their_moment)
{
    struct world w;
    struct actor a;
    world_open(&w, 1, 0);
    world_put(&w, "a", "1");
    begin(&a, &w);
    actor_put(&a, "b", "2");
    struct txn_mark mark = txn_mark(a.txn);
    actor_put(&a, "b", "3");
    actor_put(&a, "c", "3");
    actor_delete(&a, "a");
    txn_view(a.txn, &mark);
    assert_int_equal(actor_count(&a, "a", "z"), STATUS_OK);
    assert_u64_equal(a.count, 2);
    assert_int_equal(actor_get(&a, "b"), STATUS_OK);
    assert_string_equal(a.value, "2");
    assert_int_equal(actor_get(&a, "c"), STATUS_NOT_FOUND);
    txn_view(a.txn, NULL);
    assert_int_equal(actor_count(&a, "a", "z"), STATUS_OK);
    assert_u64_equal(a.count, 2);
    assert_int_equal(actor_get(&a, "b"), STATUS_OK);
    assert_string_equal(a.value, "3");
    actor_end(&a);
    world_close(&w);
}

/* `early` was read before the mark, `late` behind it. */
static enum status move_on(const char *changed)
{
    struct world w;
    struct actor a;
    world_open(&w, 1, 0);
    world_put(&w, "early", "1");
    world_put(&w, "late", "1");
    begin(&a, &w);
    assert_int_equal(actor_get(&a, "early"), STATUS_OK);
    assert_int_equal(actor_get(&a, "late"), STATUS_OK);
    world_put(&w, changed, "2");
    uint64_t before = txn_read_ts(a.txn);
    enum status status = world_call(&w, a.machine, refresh, &a);
    if (status == STATUS_OK) {
        assert_true(txn_read_ts(a.txn) > before);
        assert_true(world_range(&w)->floor >= txn_read_ts(a.txn)); /* nothing is committed below what was validated */
        assert_int_equal(actor_get(&a, "late"), STATUS_OK);
        assert_string_equal(a.value, strcmp(changed, "late") == 0 ? "2" : "1");
        actor_put(&a, "mine", "1");
        assert_int_equal(actor_commit(&a), STATUS_OK);
    }
    actor_end(&a);
    world_close(&w);
    return status;
}

TEST(txn_mark, what_was_read_before_it_moves_on_when_it_is_unchanged)
{
    assert_int_equal(move_on("late"), STATUS_OK);
    assert_int_equal(move_on("neither"), STATUS_OK);
    assert_int_equal(move_on("early"), STATUS_CONFLICT);
}

TEST(txn_mark, locks_given_back_early_are_free_and_may_be_taken_again)
{
    struct world w;
    struct actor a, b;
    world_open(&w, 3, 0);
    actor_begin(&a, &w, world_leader(&w) % 3 + 1); /* over the network */
    begin(&b, &w);
    assert_int_equal(actor_lock(&a, "k"), STATUS_NOT_FOUND);
    actor_start_lock(&b, "k");
    world_run_ms(&w, 50);
    assert_true(b.running);
    txn_unlock(a.txn);
    assert_int_equal(actor_await(&b), STATUS_NOT_FOUND);
    actor_start_lock(&a, "k");
    world_run_ms(&w, 50);
    assert_true(a.running);
    actor_end(&b);
    assert_int_equal(actor_await(&a), STATUS_NOT_FOUND);
    actor_end(&a);
    world_run_ms(&w, 100);
    assert_int_equal(world_range(&w)->locks.lock_count, 0);
    world_close(&w);
}
