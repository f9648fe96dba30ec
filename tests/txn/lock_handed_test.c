/* Locks go along when a range is divided, united with its neighbour, or handed over on purpose (W4). */
#include "tests/test.h"

#include <string.h>

#include "tests/sim/cluster/merges.h"
#include "tests/sim/cluster/splits.h"
#include "tests/txn/world.h"
#include "txn/lock.h"
#include "txn/txn_state.h"

/* Three machines, one range, in which a transaction holds the locks of `a` and `z`. Its leader and the two others. */
struct stage {
    struct world w;
    struct splits *splits;
    struct merges *merges;
    uint64_t leader, next, third;
    struct actor holder, other;
};

static void open_stage(struct stage *s)
{
    world_open_leased(&s->w, 3);
    s->splits = splits_create(s->w.cluster);
    s->merges = merges_create(s->w.cluster);
    world_put(&s->w, "a", "1");
    world_put(&s->w, "z", "1");
    s->leader = world_leader(&s->w);
    s->next = s->leader % 3 + 1;
    s->third = s->next % 3 + 1;
    actor_begin(&s->holder, &s->w, s->next);
    assert_int_equal(actor_lock(&s->holder, "a"), STATUS_OK);
    assert_int_equal(actor_lock(&s->holder, "z"), STATUS_OK);
}

static void close_stage(struct stage *s)
{
    world_close(&s->w);
    splits_destroy(s->splits);
    merges_destroy(s->merges);
}

static struct node_id node_of(struct stage *s, uint64_t machine)
{
    return store_identity(kv_store(world_kv(&s->w, machine)))->node;
}

/* Says so to the leader, and lets no time pass. */
static void order(struct stage *s)
{
    assert_u64_equal(world_leader(&s->w), s->leader);
    world_transfer(&s->w, WORLD_RANGE, s->next);
}

static void await_next(struct stage *s)
{
    for (int i = 0; i < 2000 && !(cluster_leader(s->w.cluster, WORLD_RANGE) == s->next && world_range(&s->w)->ready); i++)
        world_run_ms(&s->w, 1);
    assert_u64_equal(world_leader(&s->w), s->next);
}

static uint64_t taken_over(struct stage *s, uint64_t machine)
{
    return kv_metrics(world_kv(&s->w, machine))->locks_handed;
}

static void end_holder(struct stage *s)
{
    actor_end(&s->holder);
    for (int i = 0; i < 1000 && world_range(&s->w)->locks.lock_count > 0; i++) world_run_ms(&s->w, 1);
    assert_int_equal(world_range(&s->w)->locks.lock_count, 0);
}

static void expect_locked(struct stage *s, const char *key)
{
    actor_begin(&s->other, &s->w, s->third);
    s->other.wait = TXN_LOCK_NOWAIT;
    assert_int_equal(actor_lock(&s->other, key), STATUS_LOCKED);
    actor_end(&s->other);
}

/* Nobody else gets one of them; then their holder commits, and whoever waits sees what it has written. */
static void expect_held(struct stage *s)
{
    expect_locked(s, "a");
    expect_locked(s, "z");
    actor_begin(&s->other, &s->w, s->third);
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

static void note_status(struct rpc_call *call, enum status status, struct bytes body)
{
    (void)body;
    *(enum status *)call->ctx = status;
}

/* Sends that from the third machine, and returns how it was answered. */
static enum status send_to(struct stage *s, uint64_t machine, enum rpc_kind kind, struct bytes body)
{
    enum status status = STATUS_WAIT;
    struct rpc_call call = {.on_done = note_status, .ctx = &status};
    struct rpc *rpc = store_rpc(kv_store(world_kv(&s->w, s->third)));
    assert_int_equal(rpc_start(rpc, &call, node_of(s, machine), kind, body, 1000000000u), STATUS_OK);
    for (int i = 0; i < 2000 && status == STATUS_WAIT; i++) world_run_ms(&s->w, 1);
    return status;
}

/* ---- handed over ---- */

TEST(txn_lock_handed, who_is_handed_a_range_knows_what_is_locked)
{
    struct stage s;
    open_stage(&s);
    order(&s);
    await_next(&s);
    assert_u64_equal(kv_metrics(world_kv(&s.w, s.leader))->locks_shipped, 2);
    assert_u64_equal(taken_over(&s, s.next), 2);
    world_move_leader(&s.w, WORLD_RANGE); /* what came over goes on */
    assert_u64_equal(taken_over(&s, s.third), 2);
    expect_held(&s);
    close_stage(&s);
}

/* The one behind it asks again first, but stands behind it. */
TEST(txn_lock_handed, those_that_wait_keep_their_places)
{
    struct stage s;
    struct actor b, c;
    open_stage(&s);
    actor_begin(&b, &s.w, s.third);
    actor_begin(&c, &s.w, s.leader);
    actor_start_lock(&b, "z");
    world_run_ms(&s.w, 20);
    actor_start_lock(&c, "z");
    world_run_ms(&s.w, 20);
    assert_int_equal(world_range(&s.w)->locks.waiting_count, 2);
    order(&s);
    sim_net_cut_pair(cluster_sim(s.w.cluster), s.third, s.next);
    await_next(&s);
    assert_int_equal(world_range(&s.w)->locks.waiting_count, 2);
    world_run_ms(&s.w, 1000);
    sim_net_heal(cluster_sim(s.w.cluster));
    world_run_ms(&s.w, 1000);
    assert_true(b.running && c.running);
    actor_end(&s.holder);
    assert_int_equal(actor_await(&b), STATUS_OK);
    world_run_ms(&s.w, 300);
    assert_true(c.running);
    actor_end(&b);
    assert_int_equal(actor_await(&c), STATUS_OK);
    actor_end(&c);
    close_stage(&s);
}

/* Who was told leads in the end, but another did in between. */
TEST(txn_lock_handed, what_comes_for_an_earlier_term_is_none)
{
    struct stage s;
    open_stage(&s);
    locks_hand_over(world_range(&s.w), node_of(&s, s.third), 5000000000u);
    world_run_ms(&s.w, 5);
    end_holder(&s);
    world_move_leader(&s.w, WORLD_RANGE);
    assert_u64_equal(taken_over(&s, s.next), 0);
    world_move_leader(&s.w, WORLD_RANGE);
    assert_u64_equal(world_leader(&s.w), s.third);
    assert_u64_equal(taken_over(&s, s.third), 0);
    close_stage(&s);
}

/* What is locked by what came over is locked for others; what was read under it is validated like anything else (T2). */
TEST(txn_lock_handed, a_lock_that_came_over_proves_nothing)
{
    struct stage s;
    open_stage(&s);
    locks_hand_over(world_range(&s.w), node_of(&s, s.next), 5000000000u);
    lock_release(&world_range(&s.w)->locks, s.holder.txn->name);
    world_put(&s.w, "a", "2");
    order(&s); /* nothing is locked any more: what was told before stands, for the same term */
    await_next(&s);
    assert_u64_equal(taken_over(&s, s.next), 2);
    expect_locked(&s, "a");
    actor_put(&s.holder, "a", "lost update");
    assert_int_equal(actor_commit(&s.holder), STATUS_CONFLICT);
    actor_end(&s.holder);
    close_stage(&s);
}

/* It leads in the right term, but long after. */
TEST(txn_lock_handed, what_is_too_old_is_none)
{
    struct stage s;
    open_stage(&s);
    locks_hand_over(world_range(&s.w), node_of(&s, s.next), 5000000000u);
    world_run_ms(&s.w, 5);
    end_holder(&s);
    world_run_ms(&s.w, 5000);
    world_move_leader(&s.w, WORLD_RANGE);
    assert_u64_equal(taken_over(&s, s.next), 0);
    close_stage(&s);
}

/* It ends while its locks are on their way, and what gives them back comes to the leader that was. */
TEST(txn_lock_handed, what_was_given_back_meanwhile_is_free_soon)
{
    struct stage s;
    open_stage(&s);
    order(&s);
    actor_end(&s.holder);
    await_next(&s);
    assert_u64_equal(taken_over(&s, s.next), 2);
    actor_begin(&s.other, &s.w, s.next);
    actor_start_lock(&s.other, "z");
    world_run_ms(&s.w, 500);
    assert_false(s.other.running);
    assert_int_equal(actor_await(&s.other), STATUS_OK);
    actor_end(&s.other);
    close_stage(&s);
}

/* It is not told that it has given back what the next leader will hold for it. */
TEST(txn_lock_handed, who_gives_back_while_the_range_is_handed_over_asks_again)
{
    struct stage s;
    open_stage(&s);
    struct buf body;
    buf_init(&body, 64);
    put_u64(&body, WORLD_RANGE.value);
    put_u64(&body, replica_descriptor(world_range(&s.w)->replica)->epoch);
    put_u64(&body, s.holder.txn->name.node);
    put_u64(&body, s.holder.txn->name.number);
    order(&s);
    sim_net_cut_pair(cluster_sim(s.w.cluster), s.leader, s.next); /* it lasts */
    assert_int_equal(send_to(&s, s.leader, RPC_UNLOCK, buf_view(&body)), STATUS_NOT_LEADER);
    world_run_ms(&s.w, 2000);
    assert_u64_equal(world_leader(&s.w), s.leader);
    assert_int_equal(send_to(&s, s.leader, RPC_UNLOCK, buf_view(&body)), STATUS_OK);
    assert_int_equal(world_range(&s.w)->locks.lock_count, 0);
    sim_net_heal(cluster_sim(s.w.cluster));
    buf_deinit(&body);
    actor_end(&s.holder);
    close_stage(&s);
}

/* The next leader hears of it before it serves; its transaction lives. */
TEST(txn_lock_handed, what_is_given_back_before_it_is_taken_over_is_free)
{
    struct stage s;
    open_stage(&s);
    locks_hand_over(world_range(&s.w), node_of(&s, s.next), 5000000000u);
    lock_release(&world_range(&s.w)->locks, s.holder.txn->name);
    struct range *g = replica_app(store_replica(kv_store(world_kv(&s.w, s.next)), WORLD_RANGE));
    for (int i = 0; i < 1000 && g->handed.records.size == 0; i++) world_run_ms(&s.w, 1);
    locks_handed_forget(g, s.holder.txn->name);
    order(&s);
    await_next(&s);
    assert_u64_equal(taken_over(&s, s.next), 2);
    assert_int_equal(g->locks.lock_count, 0);
    actor_end(&s.holder);
    close_stage(&s);
}

/* The range is closed to those who want locks until another leads. */
TEST(txn_lock_handed, nobody_gets_a_lock_while_the_range_is_handed_over)
{
    struct stage s;
    open_stage(&s);
    order(&s);
    sim_net_cut_pair(cluster_sim(s.w.cluster), s.leader, s.next);
    actor_begin(&s.other, &s.w, s.leader);
    actor_start_lock(&s.other, "free");
    world_run_ms(&s.w, 300);
    assert_u64_equal(world_leader(&s.w), s.leader);
    assert_true(s.other.running);
    sim_net_heal(cluster_sim(s.w.cluster));
    assert_int_equal(actor_await(&s.other), STATUS_NOT_FOUND);
    actor_end(&s.other);
    world_run_ms(&s.w, 3000);
    expect_held(&s);
    close_stage(&s);
}

/* Then who offered it goes on to lead, and its locks stand. */
TEST(txn_lock_handed, an_offer_may_come_to_nothing)
{
    struct stage s;
    open_stage(&s);
    order(&s);
    sim_net_cut_pair(cluster_sim(s.w.cluster), s.leader, s.next);
    actor_begin(&s.other, &s.w, s.leader);
    actor_start_lock(&s.other, "free");
    world_run_ms(&s.w, 3000);
    assert_u64_equal(world_leader(&s.w), s.leader);
    assert_false(s.other.running);
    assert_int_equal(actor_await(&s.other), STATUS_NOT_FOUND);
    actor_end(&s.other);
    expect_locked(&s, "a");
    expect_locked(&s, "z");
    actor_end(&s.holder);
    close_stage(&s);
}

/* So many locks that an offer does not carry all of them. */
static void lock_many(struct stage *s, uint32_t count, size_t size)
{
    struct range *g = world_range(&s->w);
    uint8_t key[4000];
    memset(key, 'k', sizeof key);
    key[0] = KEY_PREFIX_TABLE;
    for (uint32_t i = 0; i < count; i++) {
        store_le64(key + 1, i);
        assert_int_equal(lock_put(&g->locks, s->holder.txn->name, 1, bytes_make(key, size), LOCK_EXCLUSIVE), STATUS_OK);
    }
}

TEST(txn_lock_handed, an_offer_has_bounds_in_number_and_in_bytes)
{
    static const struct { uint32_t count; size_t size; } cases[] = {{5000, 9}, {200, 4000}};
    for (size_t i = 0; i < 2; i++) {
        struct stage s;
        open_stage(&s);
        lock_many(&s, cases[i].count, cases[i].size);
        order(&s);
        await_next(&s);
        if (i == 0) assert_u64_equal(taken_over(&s, s.next), 4096);
        else assert_true(taken_over(&s, s.next) > 50 && taken_over(&s, s.next) < 70);
        actor_end(&s.holder);
        world_run_ms(&s.w, 1000);
        assert_int_equal(world_range(&s.w)->locks.lock_count, 0);
        close_stage(&s);
    }
}

/* Whatever comes: what is whole is taken over, and nothing behind it. */
TEST(txn_lock_handed, a_malformed_offer_is_none)
{
    static const char *const bodies[] = {"", "short", "\1 and what is no owner at all: zeros and more, without an end to it"};
    struct stage s;
    open_stage(&s);
    for (size_t i = 0; i < 3; i++) {
        struct buf body;
        buf_init(&body, 4096);
        put_u64(&body, WORLD_RANGE.value);
        if (i > 0) put_u64(&body, world_range(&s.w)->term + 1);
        if (i > 0) put_u64(&body, UINT64_MAX);
        buf_append_string(&body, bodies[i]);
        assert_int_equal(send_to(&s, s.next, RPC_LOCKS, buf_view(&body)), i == 0 ? STATUS_INVALID : STATUS_OK);
        buf_deinit(&body);
    }
    struct replica *next = store_replica(kv_store(world_kv(&s.w, s.next)), WORLD_RANGE);
    struct range *g = replica_app(next);
    assert_true(g->handed.records.size > 0);
    end_holder(&s); /* the leader itself has nothing to tell */
    order(&s);
    await_next(&s);
    assert_u64_equal(taken_over(&s, s.next), 0);
    assert_u64_equal(g->handed.records.size, 0);
    close_stage(&s);
}

/* ---- divided ---- */

static void divide(struct stage *s)
{
    static const uint8_t key[] = {KEY_PREFIX_TABLE, 'm'};
    const struct split_result *result = splits_order(s->splits, WORLD_RANGE, bytes_make(key, sizeof key));
    assert_non_null(result);
    for (int i = 0; i < 3000 && !result->done; i++) world_run_ms(&s->w, 1);
    assert_true(result->done);
    assert_int_equal(result->status, STATUS_OK);
}

static struct range *right_of(struct stage *s)
{
    struct bytes end = replica_descriptor(world_range(&s->w)->replica)->end;
    struct replica *r = store_replica_for_key(kv_store(world_kv(&s->w, world_leader(&s->w))), end);
    assert_non_null(r);
    return replica_app(r);
}

TEST(txn_lock_handed, a_split_divides_the_locks)
{
    struct stage s;
    open_stage(&s);
    divide(&s);
    world_run_ms(&s.w, 200);
    assert_true(right_of(&s)->ready);
    assert_int_equal(world_range(&s.w)->locks.lock_count, 1);
    assert_int_equal(right_of(&s)->locks.lock_count, 1);
    expect_held(&s);
    close_stage(&s);
}

/* Somebody who asks for the lock of the right side when it is new stands behind those who waited for it. */
TEST(txn_lock_handed, a_split_divides_the_queues)
{
    struct stage s;
    struct actor b, c;
    open_stage(&s);
    actor_begin(&b, &s.w, s.third);
    actor_begin(&c, &s.w, s.leader);
    actor_start_lock(&b, "z");
    world_run_ms(&s.w, 20);
    actor_start_lock(&c, "z");
    world_run_ms(&s.w, 20);
    sim_net_cut_pair(cluster_sim(s.w.cluster), s.third, s.leader);
    divide(&s);
    world_run_ms(&s.w, 500);
    assert_int_equal(right_of(&s)->locks.waiting_count, 2);
    sim_net_heal(cluster_sim(s.w.cluster));
    world_run_ms(&s.w, 1000);
    assert_true(b.running && c.running);
    actor_end(&s.holder);
    assert_int_equal(actor_await(&b), STATUS_OK);
    world_run_ms(&s.w, 300);
    assert_true(c.running);
    actor_end(&b);
    assert_int_equal(actor_await(&c), STATUS_OK);
    actor_end(&c);
    close_stage(&s);
}

/* ---- united ---- */

static void unite(struct stage *s)
{
    const struct merge_result *result = merges_order(s->merges, WORLD_RANGE);
    assert_non_null(result);
    for (int i = 0; i < 20000 && !result->done; i++) world_run_ms(&s->w, 1);
    assert_true(result->done);
    assert_int_equal(result->status, STATUS_OK);
}

TEST(txn_lock_handed, who_takes_in_its_neighbour_has_the_locks_of_both)
{
    struct stage s;
    struct actor b;
    open_stage(&s);
    divide(&s);
    world_run_ms(&s.w, 200);
    actor_begin(&b, &s.w, s.third);
    actor_start_lock(&b, "z");
    world_run_ms(&s.w, 200);
    assert_int_equal(right_of(&s)->locks.waiting_count, 1);
    unite(&s);
    assert_int_equal(world_range(&s.w)->locks.lock_count, 2);
    assert_int_equal(world_range(&s.w)->locks.waiting_count, 1);
    expect_locked(&s, "a");
    expect_locked(&s, "z");
    world_run_ms(&s.w, 4000); /* it has asked again */
    assert_true(b.running);
    actor_end(&s.holder);
    assert_int_equal(actor_await(&b), STATUS_OK);
    actor_end(&b);
    close_stage(&s);
}
