/* Locks go along when a range is divided, united with its neighbour, or handed over on purpose (W4). */
#include "tests/test.h"

#include "tests/sim/cluster/merges.h"
#include "tests/sim/cluster/splits.h"
#include "tests/txn/world.h"

struct stage {
    struct world w;
    struct splits *splits;
    struct merges *merges;
    struct actor holder, other;
};

/* One range, in which two keys are locked by a transaction of some node. */
static void open_stage(struct stage *s)
{
    world_open_leased(&s->w, 3);
    s->splits = splits_create(s->w.cluster);
    s->merges = merges_create(s->w.cluster);
    world_put(&s->w, "a", "1");
    world_put(&s->w, "z", "1");
    actor_begin(&s->holder, &s->w, world_leader(&s->w) % 3 + 1);
    assert_int_equal(actor_lock(&s->holder, "a"), STATUS_OK);
    assert_int_equal(actor_lock(&s->holder, "z"), STATUS_OK);
}

static void close_stage(struct stage *s)
{
    world_close(&s->w);
    splits_destroy(s->splits);
    merges_destroy(s->merges);
}

static void divide(struct stage *s)
{
    static const uint8_t key[] = {KEY_PREFIX_TABLE, 'm'};
    const struct split_result *result = splits_order(s->splits, WORLD_RANGE, bytes_make(key, sizeof key));
    assert_non_null(result);
    for (int i = 0; i < 1000 && !result->done; i++) world_run_ms(&s->w, 10);
    assert_true(result->done);
    assert_int_equal(result->status, STATUS_OK);
    world_run_ms(&s->w, 200);
}

static void unite(struct stage *s)
{
    const struct merge_result *result = merges_order(s->merges, WORLD_RANGE);
    assert_non_null(result);
    for (int i = 0; i < 2000 && !result->done; i++) world_run_ms(&s->w, 10);
    assert_true(result->done);
    assert_int_equal(result->status, STATUS_OK);
    world_run_ms(&s->w, 200);
}

static void hand_over(struct stage *s)
{
    uint64_t from = world_leader(&s->w), to = from % 3 + 1;
    struct cluster_machine *m = cluster_machine(s->w.cluster, from);
    struct node_id node = store_identity(kv_store(world_kv(&s->w, to)))->node;
    assert_int_equal(replica_transfer(world_range(&s->w)->replica, node), STATUS_OK);
    sim_env_set_deadline(m->env, env_now_ns(m->env));
    for (int i = 0; i < 1000 && cluster_leader(s->w.cluster, WORLD_RANGE) != to; i++) world_run_ms(&s->w, 1);
    assert_u64_equal(world_leader(&s->w), to);
    world_run_ms(&s->w, 200);
}

/* Nobody else gets one of them; then their holder commits, and whoever waits sees what it has written. */
static void expect_held(struct stage *s)
{
    static const char *const keys[] = {"a", "z"};
    for (int i = 0; i < 2; i++) {
        actor_begin(&s->other, &s->w, world_leader(&s->w));
        s->other.wait = TXN_LOCK_NOWAIT;
        assert_int_equal(actor_lock(&s->other, keys[i]), STATUS_LOCKED);
        actor_end(&s->other);
    }
    actor_begin(&s->other, &s->w, 1);
    actor_start_lock(&s->other, "z");
    world_run_ms(&s->w, 300);
    assert_true(s->other.running);
    actor_put(&s->holder, "a", "2");
    actor_put(&s->holder, "z", "2");
    assert_int_equal(actor_commit(&s->holder), STATUS_OK);
    actor_end(&s->holder);
    assert_int_equal(actor_await(&s->other), STATUS_OK);
    assert_string_equal(s->other.value, "2");
    actor_end(&s->other);
}

TEST(txn_lock_handed, a_split_divides_them)
{
    struct stage s;
    open_stage(&s);
    divide(&s);
    expect_held(&s);
    close_stage(&s);
}

TEST(txn_lock_handed, who_takes_in_its_neighbour_has_those_of_both)
{
    struct stage s;
    open_stage(&s);
    divide(&s);
    unite(&s);
    expect_held(&s);
    close_stage(&s);
}

TEST(txn_lock_handed, who_hands_a_range_over_says_what_is_locked)
{
    struct stage s;
    open_stage(&s);
    hand_over(&s);
    hand_over(&s);
    expect_held(&s);
    close_stage(&s);
}

/* The transaction ends while its locks are on their way: they are found out about. */
TEST(txn_lock_handed, what_nobody_holds_any_more_is_given_back)
{
    struct stage s;
    open_stage(&s);
    struct range *g = world_range(&s.w);
    locks_hand_on(g, BYTES_EMPTY, g); /* as if they had come just now */
    actor_end(&s.holder);
    world_run_ms(&s.w, 100);
    assert_u64_equal(g->locks.lock_count, 0);
    locks_take(g);
    assert_u64_equal(g->locks.lock_count, 2);
    actor_begin(&s.other, &s.w, 1);
    assert_int_equal(actor_lock(&s.other, "z"), STATUS_OK);
    actor_end(&s.other);
    close_stage(&s);
}

TEST(txn_lock_handed, what_comes_too_late_or_is_malformed_is_none)
{
    struct stage s;
    open_stage(&s);
    struct range *g = world_range(&s.w);
    locks_hand_on(g, BYTES_EMPTY, g);
    actor_end(&s.holder);
    world_run_ms(&s.w, 3000);
    locks_take(g);
    assert_u64_equal(g->locks.lock_count, 0);
    buf_append_bytes(&g->handed, bytes_of_string("neither nodes nor keys: something else, of any length"));
    g->handed_ns = env_now_ns(store_env(g->kv->store));
    locks_take(g);
    assert_u64_equal(g->locks.lock_count, 0);
    assert_u64_equal(g->handed.size, 0);
    close_stage(&s);
}
