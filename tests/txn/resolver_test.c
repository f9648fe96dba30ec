/* What was decided about several attempts is carried out together. */
#include "tests/test.h"

#include "tests/txn/ask.h"
#include "txn/txn_state.h"

static uint64_t log_end(struct world *w)
{
    struct raft_status status;
    replica_raft_status(world_range(w)->replica, &status);
    return status.last.index;
}

static void must_read(struct world *w, const char *key, const char *value)
{
    struct actor a;
    actor_begin(&a, w, 2);
    assert_int_equal(actor_get(&a, key), STATUS_OK);
    assert_string_equal(a.value, value);
    actor_end(&a);
}

/* Two attempts, prepared at "k" and at "m". */
static void open_two(struct world *w, struct actor *owner, struct asker *one, struct asker *two, uint64_t lb[2])
{
    world_open_leased(w, 3);
    world_put(w, "k", "old");
    world_put(w, "m", "old");
    world_put(w, "z", "old");
    actor_begin(owner, w, 1);
    assert_int_equal(actor_lock(owner, "z"), STATUS_OK);
    asker_begin(one, owner);
    asker_begin_other(two, owner, one->attempt.tag ^ 2);
    assert_int_equal(ask_prepare(one, "k", "new", &lb[0]), STATUS_OK);
    assert_int_equal(ask_prepare(two, "m", "new", &lb[1]), STATUS_OK);
}

TEST(txn_resolver, one_entry_resolves_several_attempts)
{
    struct world w;
    struct actor owner;
    struct asker one, two;
    uint64_t lb[2];
    open_two(&w, &owner, &one, &two, lb);
    uint64_t before = log_end(&w);
    assert_int_equal(ask_resolve(&one, (struct asked_resolve[]){{&one, lb[0], "k"}, {&two, 0, "m"}}, 2), STATUS_OK);
    assert_u64_equal(log_end(&w), before + 1);
    assert_u64_equal(world_range(&w)->prepared_count, 0);
    must_read(&w, "k", "new");
    must_read(&w, "m", "old");
    actor_end(&owner);
    world_close(&w);
}

/* An intent whose lb lies above ct was not counted. What is not there any more hinders nobody. */
TEST(txn_resolver, each_is_judged_by_its_own_timestamp)
{
    struct world w;
    struct actor owner;
    struct asker one, two;
    uint64_t lb[2];
    open_two(&w, &owner, &one, &two, lb);
    assert_int_equal(ask_resolve(&one, (struct asked_resolve[]){{&one, lb[0] - 1, "k"}}, 1), STATUS_OK);
    assert_int_equal(ask_resolve(&one, (struct asked_resolve[]){{&one, lb[0] - 1, "k"}, {&two, lb[1], "m"}, {&two, lb[1], "m"}}, 3), STATUS_OK);
    assert_u64_equal(world_range(&w)->prepared_count, 0);
    must_read(&w, "k", "old");
    must_read(&w, "m", "new");
    actor_end(&owner);
    world_close(&w);
}

/* More than one entry takes: in several, one after the other. */
TEST(txn_resolver, what_does_not_fit_comes_next)
{
    struct world w;
    struct actor owner;
    struct asker one, two;
    uint64_t lb[2];
    open_two(&w, &owner, &one, &two, lb);
    kv_set_entry_bytes(world_range(&w)->kv, 16);
    uint64_t before = log_end(&w);
    assert_int_equal(ask_resolve(&one, (struct asked_resolve[]){{&one, lb[0], "k"}, {&two, lb[1], "m"}}, 2), STATUS_OK);
    assert_u64_equal(log_end(&w), before + 2);
    must_read(&w, "k", "new");
    must_read(&w, "m", "new");
    actor_end(&owner);
    world_close(&w);
}

/* Half a request says nothing. */
TEST(txn_resolver, a_malformed_request_resolves_nothing)
{
    struct world w;
    struct actor owner;
    struct asker one, two, none;
    uint64_t lb[2];
    open_two(&w, &owner, &one, &two, lb);
    none = two;
    none.attempt.tag = 0;
    assert_int_equal(ask_resolve(&one, (struct asked_resolve[]){{&one, lb[0], "k"}, {&none, lb[1], "m"}}, 2), STATUS_INVALID);
    assert_u64_equal(world_range(&w)->prepared_count, 2);
    actor_end(&owner);
    world_close(&w);
}
