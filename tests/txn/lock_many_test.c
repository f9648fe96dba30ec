/* Keys of several ranges, locked by one call: all ranges at once, or one after the other in the order of the keys. */
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/txn/world.h"
#include "txn/lock.h"
#include "txn/txn_state.h"

#define LEFT   WORLD_LEFT
#define MIDDLE WORLD_MIDDLE
#define RIGHT  WORLD_RIGHT
#define MS UINT64_C(1000000)

static uint64_t locks_in(struct world *w, struct range_id range)
{
    return world_range_of(w, range)->locks.lock_count;
}

/* In any order, with keys that are not there. */
TEST(txn_lock_many, keys_of_several_ranges_are_locked_by_one_request_each)
{
    static const char *const keys[] = {"z", "a", "k", "b"};
    struct world w;
    struct actor a;
    world_open_three(&w, 3);
    for (int i = 0; i < 4; i++) world_put(&w, keys[i], keys[i]);
    for (int read_before = 0; read_before < 2; read_before++) {
        actor_begin(&a, &w, 1);
        if (read_before) assert_int_equal(actor_get(&a, "a"), STATUS_OK);
        uint64_t requests = a.txn->interrupt.requests;
        assert_int_equal(actor_lock_many(&a, "z a none k b"), STATUS_OK);
        assert_string_equal(a.value, "z a - k b ");
        assert_u64_equal(a.txn->interrupt.requests - requests, 3);
        assert_u64_equal(locks_in(&w, LEFT), 2);
        assert_u64_equal(locks_in(&w, MIDDLE), 2);
        assert_u64_equal(locks_in(&w, RIGHT), 1);
        actor_put(&a, "a", "a");
        actor_put(&a, "z", "z");
        assert_int_equal(actor_commit(&a), STATUS_OK);
        actor_end(&a);
        world_run_ms(&w, 100);
        assert_u64_equal(locks_in(&w, LEFT) + locks_in(&w, MIDDLE) + locks_in(&w, RIGHT), 0);
    }
    world_close(&w);
}

/* Else whoever holds the first and wants the second would wait for who waits for the first. */
TEST(txn_lock_many, who_waits_holds_nothing_that_comes_behind)
{
    struct world w;
    struct actor a, b, c;
    world_open_three(&w, 3);
    actor_begin(&a, &w, 1);
    actor_begin(&b, &w, 2);
    actor_begin(&c, &w, 3);
    assert_int_equal(actor_lock(&a, "a"), STATUS_NOT_FOUND);
    actor_start_lock_many(&b, "a z");
    world_run_ms(&w, 200);
    assert_true(b.running);
    assert_u64_equal(locks_in(&w, RIGHT), 0);
    c.wait = TXN_LOCK_NOWAIT;
    assert_int_equal(actor_lock(&c, "z"), STATUS_NOT_FOUND);
    actor_end(&a);
    world_run_ms(&w, 200);
    assert_true(b.running); /* it has the first, and waits for the second one */
    assert_u64_equal(locks_in(&w, LEFT), 1);
    actor_put(&c, "z", "c");
    assert_int_equal(actor_commit(&c), STATUS_OK);
    actor_end(&c);
    assert_int_equal(actor_await(&b), STATUS_OK);
    assert_string_equal(b.value, "- c ");
    actor_end(&b);
    world_run_ms(&w, 100);
    assert_u64_equal(locks_in(&w, LEFT) + locks_in(&w, RIGHT), 0);
    world_close(&w);
}

static void add_one(struct actor *a)
{
    int left, right;
    char text[16];
    assert_int_equal(sscanf(a->value, "%d %d", &left, &right), 2);
    snprintf(text, sizeof text, "%d", left + 1);
    actor_put(a, "a", text);
    snprintf(text, sizeof text, "%d", right + 1);
    actor_put(a, "z", text);
}

/* From three gateways: nobody is told of a circle, and nothing is lost. */
TEST(txn_lock_many, those_who_want_the_same_keys_have_them_one_after_the_other)
{
    struct world w;
    struct actor a[3];
    world_open_three(&w, 3);
    world_put(&w, "a", "0");
    world_put(&w, "z", "0");
    for (int round = 0; round < 10; round++) {
        for (uint32_t i = 0; i < 3; i++) {
            actor_begin(&a[i], &w, 1 + i);
            actor_start_lock_many(&a[i], "a z");
        }
        for (uint32_t done = 0; done < 3;) {
            world_run_ms(&w, 1);
            for (uint32_t i = 0; i < 3; i++) {
                if (a[i].txn == NULL || a[i].running) continue;
                if (a[i].verb == VERB_LOCK_MANY) {
                    assert_int_equal(a[i].status, STATUS_OK);
                    add_one(&a[i]);
                    actor_start_commit(&a[i]);
                    continue;
                }
                assert_int_equal(a[i].status, STATUS_OK);
                actor_end(&a[i]);
                a[i].txn = NULL;
                done++;
            }
        }
    }
    actor_begin(&a[0], &w, 1);
    assert_int_equal(actor_lock_many(&a[0], "a z"), STATUS_OK);
    assert_string_equal(a[0].value, "30 30 ");
    actor_end(&a[0]);
    for (uint64_t machine = 1; machine <= 3; machine++) assert_u64_equal(kv_metrics(world_kv(&w, machine))->deadlocks, 0);
    world_close(&w);
}

TEST(txn_lock_many, who_does_not_wait_is_told_or_passes_over)
{
    struct world w;
    struct actor a, b;
    world_open_three(&w, 3);
    world_put(&w, "a", "1");
    world_put(&w, "z", "1");
    actor_begin(&a, &w, 1);
    assert_int_equal(actor_lock(&a, "a"), STATUS_OK);
    actor_begin(&b, &w, 2);
    b.wait = TXN_LOCK_NOWAIT;
    assert_int_equal(actor_lock_many(&b, "a z"), STATUS_LOCKED);
    actor_end(&b);
    actor_begin(&b, &w, 2);
    b.wait = TXN_LOCK_SKIP;
    assert_int_equal(actor_lock_many(&b, "z a b"), STATUS_OK);
    assert_string_equal(b.value, "1 * - ");
    actor_end(&b);
    actor_end(&a);
    world_close(&w);
}

TEST(txn_lock_many, the_lock_time_out_counts_once)
{
    struct world w;
    struct actor a, b;
    world_open_three(&w, 3);
    actor_begin(&a, &w, 1);
    assert_int_equal(actor_lock(&a, "a"), STATUS_NOT_FOUND);
    actor_begin(&b, &w, 2);
    txn_set_lock_timeout(b.txn, 200 * MS);
    struct env *env = cluster_machine(w.cluster, 2)->env;
    uint64_t start_ns = env_now_ns(env);
    assert_int_equal(actor_lock_many(&b, "a z"), STATUS_LOCKED);
    uint64_t waited_ns = env_now_ns(env) - start_ns;
    assert_true(waited_ns >= 200 * MS && waited_ns < 300 * MS);
    assert_u64_equal(b.txn->interrupt.lock_calls, 0);
    assert_true(b.txn->interrupt.lock_ns >= 190 * MS && b.txn->interrupt.lock_ns <= waited_ns);
    actor_end(&b);
    actor_end(&a);
    world_close(&w);
}

/* What was read before, in any range, is as it was where the view goes; what is locked is shown as it is. */
TEST(txn_lock_many, the_view_moves_as_a_whole_or_not_at_all)
{
    static const char *const changed[] = {"b", "k", NULL};
    struct world w;
    struct actor a;
    world_open_three(&w, 3);
    world_put(&w, "a", "1");
    for (int i = 0; i < 3; i++) {
        world_put(&w, "z", "1");
        actor_begin(&a, &w, 1 + (uint64_t)i);
        assert_int_equal(actor_get(&a, "b") == STATUS_OK, i > 0);
        assert_int_equal(actor_get(&a, "k") == STATUS_OK, i > 1);
        world_run_ms(&w, 10);
        world_put(&w, "z", "2");
        if (changed[i] != NULL) world_put(&w, changed[i], "2");
        uint64_t read_ts = txn_read_ts(a.txn);
        assert_int_equal(actor_lock_many(&a, "a z"), changed[i] != NULL ? STATUS_CONFLICT : STATUS_OK);
        if (changed[i] == NULL) {
            assert_string_equal(a.value, "1 2 ");
            assert_true(txn_read_ts(a.txn) > read_ts);
            actor_put(&a, "a", "3");
            assert_int_equal(actor_commit(&a), STATUS_OK);
        }
        actor_end(&a);
        world_run_ms(&w, 100);
    }
    world_close(&w);
}

/* Locks that are lost with a leader are no lost update, whichever range it led. */
TEST(txn_lock_many, lost_locks_are_no_lost_update)
{
    static const char *const keys[] = {"a", "z"};
    struct world w;
    struct actor a;
    world_open_three(&w, 3);
    for (int i = 0; i < 2; i++) {
        world_put(&w, "a", "1");
        world_put(&w, "z", "1");
        actor_begin(&a, &w, 1);
        assert_int_equal(actor_lock_many(&a, "a z"), STATUS_OK);
        struct range *g = world_range_of(&w, i == 0 ? LEFT : RIGHT);
        lock_forget(g, a.txn->name);
        world_put(&w, keys[i], "2");
        actor_put(&a, "a", "3");
        actor_put(&a, "z", "3");
        assert_int_equal(actor_commit(&a), STATUS_CONFLICT);
        actor_end(&a);
        world_run_ms(&w, 100);
    }
    world_close(&w);
}
