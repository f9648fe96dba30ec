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

/* Two attempts, prepared at "k" and at "m". */
static void open_two(struct world *w, struct actor *owner, struct asker *one, struct asker *two)
{
    world_open_leased(w, 3);
    world_put(w, "k", "old");
    world_put(w, "m", "old");
    world_put(w, "z", "old");
    actor_begin(owner, w, 1);
    assert_int_equal(actor_lock(owner, "z"), STATUS_OK);
    asker_begin(one, owner);
    asker_begin_other(two, owner, one->attempt.tag ^ 2);
    must_prepare(one, "k", "new");
    must_prepare(two, "m", "new");
}

TEST(txn_resolver, one_entry_resolves_several_attempts)
{
    struct world w;
    struct actor owner;
    struct asker one, two;
    open_two(&w, &owner, &one, &two);
    uint64_t before = log_end(&w);
    assert_int_equal(ask_resolve(&one, (struct asked_resolve[]){{&one, one.ct, 'k'}, {&two, 0, 'm'}}, 2), STATUS_OK);
    assert_u64_equal(log_end(&w), before + 1);
    assert_u64_equal(world_range(&w)->prepared_count, 0);
    world_must_read(&w, "k", "new");
    world_must_read(&w, "m", "old");
    actor_end(&owner);
    world_close(&w);
}

/* An intent whose lb lies above ct was not counted. What is not there any more hinders nobody. */
TEST(txn_resolver, each_is_judged_by_its_own_timestamp)
{
    struct world w;
    struct actor owner;
    struct asker one, two;
    open_two(&w, &owner, &one, &two);
    assert_int_equal(ask_resolve(&one, (struct asked_resolve[]){{&one, one.ct - 1, 'k'}}, 1), STATUS_OK);
    assert_int_equal(ask_resolve(&one, (struct asked_resolve[]){{&one, one.ct - 1, 'k'}, {&two, two.ct, 'm'}, {&two, two.ct, 'm'}}, 3), STATUS_OK);
    assert_u64_equal(world_range(&w)->prepared_count, 0);
    world_must_read(&w, "k", "old");
    world_must_read(&w, "m", "new");
    actor_end(&owner);
    world_close(&w);
}

/* More than one entry takes: in several, one after the other. */
TEST(txn_resolver, what_does_not_fit_comes_next)
{
    struct world w;
    struct actor owner;
    struct asker one, two;
    open_two(&w, &owner, &one, &two);
    kv_set_entry_bytes(world_range(&w)->kv, 16);
    uint64_t before = log_end(&w);
    assert_int_equal(ask_resolve(&one, (struct asked_resolve[]){{&one, one.ct, 'k'}, {&two, two.ct, 'm'}}, 2), STATUS_OK);
    assert_u64_equal(log_end(&w), before + 2);
    world_must_read(&w, "k", "new");
    world_must_read(&w, "m", "new");
    actor_end(&owner);
    world_close(&w);
}

/* Half a request says nothing. */
TEST(txn_resolver, a_malformed_request_resolves_nothing)
{
    struct world w;
    struct actor owner;
    struct asker one, two, none;
    open_two(&w, &owner, &one, &two);
    none = two;
    none.attempt.tag = 0;
    assert_int_equal(ask_resolve(&one, (struct asked_resolve[]){{&one, one.ct, 'k'}, {&none, two.ct, 'm'}}, 2), STATUS_INVALID);
    assert_u64_equal(world_range(&w)->prepared_count, 2);
    actor_end(&owner);
    world_close(&w);
}
