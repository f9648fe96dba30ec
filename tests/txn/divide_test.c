/* What clients of a range notice when it is split: waiting, at most. */
#include "tests/sim/cluster/splits.h"
#include "tests/test.h"
#include "tests/txn/world.h"

#include <string.h>

struct split_world {
    struct world world;
    struct splits *splits;
    uint64_t leader;
};

static void open_split_world(struct split_world *w)
{
    world_open_leased(&w->world, 3);
    w->splits = splits_create(w->world.cluster);
    w->leader = world_leader(&w->world);
    world_put(&w->world, "a", "1");
    world_put(&w->world, "z", "1");
}

static void close_split_world(struct split_world *w)
{
    world_close(&w->world);
    splits_destroy(w->splits);
}

/* Asks for a split before "m". */
static const struct split_result *order(struct split_world *w)
{
    static const uint8_t key[] = {KEY_PREFIX_TABLE, 'm'};
    const struct split_result *result = splits_order(w->splits, WORLD_RANGE, bytes_make(key, sizeof key));
    assert_non_null(result);
    return result;
}

static struct range *range_on(struct split_world *w, uint64_t machine, uint64_t id)
{
    struct replica *r =
        store_replica(core_store(cluster_machine(w->world.cluster, machine)->core), (struct range_id){id});
    return r == NULL ? NULL : replica_app(r);
}

static uint64_t last_of(const struct range *g)
{
    struct raft_status status;
    replica_raft_status(g->replica, &status);
    return status.last.index;
}

static void await(struct split_world *w, const struct split_result *result)
{
    for (int i = 0; i < 1000 && !result->done; i++) world_run_ms(&w->world, 10);
    assert_true(result->done);
}

/* What is proposed stays where it is. Leases last for a while. */
static void hold(struct split_world *w)
{
    world_isolate(&w->world, w->leader);
}

static void let_go(struct split_world *w)
{
    sim_net_heal(cluster_sim(w->world.cluster));
}

/* The split is proposed and cannot be applied. Runs few steps: the leader shall still be one afterwards. */
static const struct split_result *propose(struct split_world *w)
{
    const struct split_result *result = order(w);
    struct sim *sim = cluster_sim(w->world.cluster);
    struct range *g = range_on(w, w->leader, 2);
    for (int i = 0; i < 100000 && g->latch == NULL; i++) assert_true(sim_step(sim));
    hold(w);
    assert_non_null(g->latch);
    return result;
}

TEST(txn_divide, a_commit_in_the_right_half_waits_and_goes_there)
{
    struct split_world w;
    open_split_world(&w);
    struct actor left, right;
    actor_begin(&left, &w.world, w.leader);
    actor_put(&left, "b", "2");
    actor_begin(&right, &w.world, w.leader);
    actor_put(&right, "y", "2");
    const struct split_result *result = propose(&w);
    uint64_t last = last_of(range_on(&w, w.leader, 2));
    actor_start_commit(&right);
    world_run_ms(&w.world, 50);
    assert_true(right.running);
    assert_u64_equal(last_of(range_on(&w, w.leader, 2)), last); /* nothing is proposed behind the split */
    actor_start_commit(&left);
    world_run_ms(&w.world, 50);
    assert_true(left.running); /* proposed, and not committed */
    assert_u64_equal(last_of(range_on(&w, w.leader, 2)), last + 1);
    let_go(&w);
    assert_int_equal(actor_await(&right), STATUS_OK);
    assert_int_equal(actor_await(&left), STATUS_OK);
    await(&w, result);
    assert_int_equal(result->status, STATUS_OK);
    actor_end(&left);
    actor_end(&right);
    struct actor reader;
    actor_begin(&reader, &w.world, w.leader);
    assert_int_equal(actor_get(&reader, "y"), STATUS_OK);
    assert_string_equal(reader.value, "2");
    assert_int_equal(actor_get(&reader, "b"), STATUS_OK);
    assert_string_equal(reader.value, "2");
    actor_end(&reader);
    close_split_world(&w);
}

TEST(txn_divide, a_split_that_is_lost_with_its_leader_lets_commits_go_on)
{
    struct split_world w;
    open_split_world(&w);
    struct actor a;
    actor_begin(&a, &w.world, w.leader % 3 + 1);
    actor_put(&a, "y", "2");
    propose(&w);
    world_run_ms(&w.world, 3000); /* another one leads, without the split */
    assert_null(range_on(&w, w.leader, 2)->latch);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    let_go(&w);
    world_run_ms(&w.world, 1000);
    for (uint64_t i = 1; i <= 3; i++) assert_null(range_on(&w, i, 3));
    actor_end(&a);
    close_split_world(&w);
}

TEST(txn_divide, a_split_of_another_epoch_does_nothing)
{
    struct split_world w;
    open_split_world(&w);
    const struct split_result *first = order(&w), *second = order(&w);
    await(&w, first);
    await(&w, second);
    assert_int_equal(first->status, STATUS_OK);
    assert_int_equal(second->status, STATUS_BUSY); /* one at a time */
    const struct split_result *third = order(&w);
    await(&w, third);
    assert_int_equal(third->status, STATUS_STALE_ROUTE); /* the key is not its own any more */
    close_split_world(&w);
}

static void on_proposed(struct proposal *p, enum status status, struct bytes result)
{
    int *counted = p->ctx;
    *counted = status == STATUS_OK && result.size == 1 ? result.data[0] : -2;
}

/* Members may have changed between the proposal and its place in the log. */
TEST(txn_divide, a_split_proposed_for_another_epoch_counts_for_nobody)
{
    struct split_world w;
    open_split_world(&w);
    struct range *g = range_on(&w, w.leader, 2);
    static const uint8_t key[] = {KEY_PREFIX_TABLE, 'm'}, part[16];
    struct buf command;
    buf_init(&command, 1 << 16);
    put_u8(&command, SHARD_COMMAND_RANGE);
    put_u8(&command, 1);
    put_u64(&command, replica_descriptor(g->replica)->epoch - 1);
    put_u64(&command, 9);
    put_sized(&command, bytes_make(key, sizeof key));
    put_sized(&command, bytes_make(part, sizeof part));
    int counted = -1;
    struct proposal p = {.on_done = on_proposed, .ctx = &counted};
    assert_int_equal(replica_propose(g->replica, buf_view(&command), SIM_SEC, &p), STATUS_OK);
    buf_deinit(&command);
    world_put(&w.world, "z", "2"); /* wakes the machine, and comes behind it */
    world_run_ms(&w.world, 1000);
    assert_int_equal(counted, 0);
    for (uint64_t i = 1; i <= 3; i++) assert_null(range_on(&w, i, 9));
    close_split_world(&w);
}

TEST(txn_divide, the_catalog_is_not_divided)
{
    struct split_world w;
    open_split_world(&w);
    static const uint8_t key[] = {KEY_PREFIX_SYSTEM, 'm'};
    const struct split_result *result = splits_order(w.splits, WORLD_RANGE, bytes_make(key, sizeof key));
    await(&w, result);
    assert_int_equal(result->status, STATUS_INVALID);
    const struct split_result *meta = splits_order(w.splits, RANGE_META, bytes_make(key, 1));
    await(&w, meta);
    assert_int_equal(meta->status, STATUS_UNSUPPORTED);
    close_split_world(&w);
}

TEST(txn_divide, locks_in_the_left_half_outlive_it)
{
    struct split_world w;
    open_split_world(&w);
    struct actor holder, other;
    actor_begin(&holder, &w.world, w.leader);
    assert_int_equal(actor_lock(&holder, "a"), STATUS_OK);
    const struct split_result *result = order(&w);
    await(&w, result);
    assert_int_equal(result->status, STATUS_OK);
    actor_begin(&other, &w.world, w.leader);
    actor_start_lock(&other, "a");
    world_run_ms(&w.world, 200);
    assert_true(other.running);
    actor_put(&holder, "a", "2");
    assert_int_equal(actor_commit(&holder), STATUS_OK);
    assert_int_equal(actor_await(&other), STATUS_OK);
    assert_string_equal(other.value, "2");
    actor_end(&holder);
    actor_end(&other);
    close_split_world(&w);
}

struct question {
    struct txn_id id;
    enum txn_outcome outcome;
    uint64_t ct;
};

static enum status ask_on_fiber(struct core *core, void *ctx)
{
    struct question *q = ctx;
    struct arena arena;
    struct txn *t;
    arena_init(&arena, 1 << 16);
    assert_int_equal(txn_create(core_kv(core), &arena, &t), STATUS_OK);
    enum status status = txn_outcome_of(t, q->id, &q->outcome, &q->ct);
    txn_destroy(t);
    arena_deinit(&arena);
    return status;
}

/* Commits at another node than the leader, which is cut off before it has the answer: the id is what it has. */
static struct txn_id commit_unanswered(struct split_world *w, uint64_t machine, const char *key)
{
    struct actor a;
    char text[TXN_ID_BYTES];
    struct txn_id id;
    struct range *g = range_on(w, w->leader, 2);
    actor_begin(&a, &w->world, machine);
    actor_put(&a, key, "2");
    actor_start_commit(&a);
    for (int i = 0; i < 100000 && g->in_flight_count == 0; i++) assert_true(sim_step(cluster_sim(w->world.cluster)));
    assert_true(g->in_flight_count > 0);
    world_isolate(&w->world, machine);
    assert_int_equal(actor_await(&a), STATUS_UNKNOWN_OUTCOME);
    txn_id(a.txn, text);
    assert_true(txn_id_parse(bytes_of_string(text), &id));
    actor_end(&a);
    return id;
}

/* The log it went to has it, whichever side of the split its key is on, and whoever leads that by then. */
TEST(txn_divide, the_outcome_of_a_commit_before_it_is_known_behind_it)
{
    const char *const keys[] = {"b", "y"};
    for (int i = 0; i < 2; i++) {
        struct split_world w;
        open_split_world(&w);
        uint64_t machine = w.leader % 3 + 1;
        struct question q = {.id = commit_unanswered(&w, machine, keys[i])};
        assert_u64_equal(q.id.range.value, 2);
        const struct split_result *result = order(&w);
        await(&w, result);
        assert_int_equal(result->status, STATUS_OK);
        let_go(&w);
        world_run_ms(&w.world, 1000);
        for (uint64_t asked = 1; asked <= 3; asked++) {
            assert_int_equal(world_call(&w.world, asked, ask_on_fiber, &q), STATUS_OK);
            assert_int_equal(q.outcome, TXN_OUTCOME_COMMITTED);
        }
        world_isolate(&w.world, w.leader); /* another one leads, and has applied the same */
        world_run_ms(&w.world, 10000);
        assert_int_equal(world_call(&w.world, machine, ask_on_fiber, &q), STATUS_OK);
        assert_int_equal(q.outcome, TXN_OUTCOME_COMMITTED);
        struct actor reader;
        actor_begin(&reader, &w.world, machine);
        assert_int_equal(actor_get(&reader, keys[i]), STATUS_OK);
        assert_string_equal(reader.value, "2");
        actor_end(&reader);
        close_split_world(&w);
    }
}
