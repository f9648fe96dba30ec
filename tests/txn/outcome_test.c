/* What became of a transaction, by its id (txn/outcome.c): committed, aborted for good, not decided, forgotten. */
#include "tests/test.h"

#include <stdlib.h>

#include "tests/txn/world.h"

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
    enum status status = txn_create(core_kv(core), &arena, &t);
    assert_int_equal(status, STATUS_OK);
    status = txn_outcome_of(t, q->id, &q->outcome, &q->ct);
    txn_destroy(t);
    arena_deinit(&arena);
    return status;
}

/* The same, while the test goes on. */
struct asking {
    struct core *core;
    struct question *question;
    enum status status;
    bool done;
};

static void ask_later(void *arg)
{
    struct asking *asking = arg;
    asking->status = ask_on_fiber(asking->core, asking->question);
    asking->done = true;
}

static enum txn_outcome ask(struct world *w, uint64_t machine, struct question *q)
{
    assert_int_equal(world_call(w, machine, ask_on_fiber, q), STATUS_OK);
    return q->outcome;
}

static struct txn_id id_of(const struct actor *a)
{
    char text[TXN_ID_BYTES];
    struct txn_id id;
    txn_id(a->txn, text);
    assert_true(txn_id_parse(bytes_of_string(text), &id));
    return id;
}

TEST(txn_outcome, a_commit_is_known_by_its_id_on_every_node)
{
    struct world w;
    struct actor a;
    world_open(&w, 3, 0);
    actor_begin(&a, &w, 1);
    actor_put(&a, "k", "1");
    assert_int_equal(actor_commit(&a), STATUS_OK);
    struct question q = {.id = id_of(&a)};
    for (uint64_t machine = 1; machine <= 3; machine++) {
        assert_int_equal(ask(&w, machine, &q), TXN_OUTCOME_COMMITTED);
        assert_u64_equal(q.ct, a.ts);
    }
    actor_end(&a);
    world_close(&w);
}

/* After a start the gateway has seen no time at all: it asks before it says since when the commit is under way. */
TEST(txn_outcome, an_id_never_says_time_0)
{
    struct world w;
    struct actor a;
    world_open(&w, 3, 0);
    world_put(&w, "k", "1");
    uint64_t gateway = world_leader(&w) % 3 + 1;
    struct kv *kv = world_kv(&w, gateway);
    actor_begin(&a, &w, gateway);
    actor_put(&a, "k", "2");
    kv->clock.seen = 0;
    assert_int_equal(actor_commit(&a), STATUS_OK);
    assert_true(id_of(&a).sent_ts > 0);
    assert_u64_equal(kv->metrics.retries, 0); /* no attempt was refused for a window that is long over */
    struct question q = {.id = id_of(&a)};
    assert_int_equal(ask(&w, gateway, &q), TXN_OUTCOME_COMMITTED);
    actor_end(&a);
    world_close(&w);
}

TEST(txn_outcome, another_leader_knows_it_too)
{
    struct world w;
    struct actor a;
    world_open(&w, 3, 0);
    uint64_t leader = world_leader(&w), gateway = leader % 3 + 1;
    actor_begin(&a, &w, gateway);
    actor_put(&a, "k", "1");
    assert_int_equal(actor_commit(&a), STATUS_OK);
    struct question q = {.id = id_of(&a)};
    uint64_t ct = a.ts;
    actor_end(&a);
    world_run_ms(&w, 100);
    cluster_crash(w.cluster, leader, SIM_CRASH_PROCESS);
    assert_int_equal(ask(&w, gateway, &q), TXN_OUTCOME_COMMITTED);
    assert_u64_equal(q.ct, ct);
    world_close(&w);
}

/* The gateway's clock says nothing about the leader's: the id is in progress until its window has passed, then
 * aborted, and a commit that comes after that answer is refused. */
TEST(txn_outcome, what_was_not_committed_in_its_window_never_will_be)
{
    struct world w;
    struct actor a;
    world_open(&w, 1, 0);
    world_put(&w, "other", "1"); /* the clock is read */
    actor_begin(&a, &w, 1);
    struct question q = {.id = {.sent_ts = clock_seen(&world_kv(&w, 1)->clock), .tag = 77, .range = {2}}};
    assert_int_equal(ask(&w, 1, &q), TXN_OUTCOME_IN_PROGRESS);
    world_run_ms(&w, 8000);
    assert_int_equal(ask(&w, 1, &q), TXN_OUTCOME_IN_PROGRESS);
    world_run_ms(&w, 2100);
    assert_int_equal(ask(&w, 1, &q), TXN_OUTCOME_ABORTED);
    struct range *g = world_range(&w);
    assert_true(g->floor > q.id.sent_ts + OUTCOME_WINDOW_NS);
    txn_set_last_ct(a.txn, q.id.sent_ts + OUTCOME_WINDOW_NS); /* a late one, as the leader sees it */
    actor_put(&a, "k", "late");
    world_kv(&w, 1)->clock.seen = q.id.sent_ts;
    assert_int_equal(actor_commit(&a), STATUS_EXPIRED);
    assert_u64_equal(g->in_flight_count, 0);
    actor_end(&a);
    actor_begin(&a, &w, 1);
    assert_int_equal(actor_get(&a, "k"), STATUS_NOT_FOUND);
    actor_end(&a);
    world_close(&w);
}

/* The floor alone holds it back: the reading that a commit brings along may be older than the answer. */
TEST(txn_outcome, the_answer_raises_the_floor_above_the_window)
{
    struct world w;
    world_open(&w, 1, 0);
    struct question q = {.id = {.sent_ts = clock_seen(&world_kv(&w, 1)->clock), .tag = 77, .range = {2}}};
    world_run_ms(&w, 11000);
    struct range *g = world_range(&w);
    uint64_t before = g->floor;
    assert_int_equal(ask(&w, 1, &q), TXN_OUTCOME_ABORTED);
    assert_true(g->floor > before && g->floor > q.id.sent_ts + OUTCOME_WINDOW_NS);
    world_close(&w);
}

/* The clock that a gateway has seen may be old, when it was cut off: that costs another attempt, nothing else. */
TEST(txn_outcome, a_commit_stamped_too_long_ago_is_stamped_again)
{
    struct world w;
    struct actor a;
    world_open(&w, 1, 0);
    actor_begin(&a, &w, 1);
    actor_put(&a, "k", "1");
    struct kv *kv = world_kv(&w, 1);
    uint64_t seen = kv->clock.seen;
    kv->clock.seen = 1;
    assert_int_equal(actor_commit(&a), STATUS_OK);
    assert_true(id_of(&a).sent_ts >= seen >> OUTCOME_SENT_SHIFT << OUTCOME_SENT_SHIFT);
    assert_true(id_of(&a).sent_ts < a.ts);
    actor_end(&a);
    world_close(&w);
}

TEST(txn_outcome, a_transaction_has_an_end_after_which_it_is_not_wanted)
{
    struct world w;
    struct actor a;
    world_open(&w, 3, 0);
    actor_begin(&a, &w, 2);
    actor_put(&a, "k", "1");
    txn_set_last_ct(a.txn, 1);
    assert_int_equal(actor_commit(&a), STATUS_EXPIRED);
    actor_end(&a);
    actor_begin(&a, &w, 2);
    actor_put(&a, "k", "1");
    txn_set_last_ct(a.txn, UINT64_MAX - 1);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    actor_end(&a);
    world_close(&w);
}

TEST(txn_outcome, an_id_of_the_future_is_none)
{
    struct world w;
    world_open(&w, 1, 0);
    struct question q = {.id = {.sent_ts = UINT64_C(1) << 62, .tag = 1, .range = {2}}};
    assert_int_equal(world_call(&w, 1, ask_on_fiber, &q), STATUS_INVALID);
    q.id.sent_ts = UINT64_MAX;
    assert_int_equal(world_call(&w, 1, ask_on_fiber, &q), STATUS_INVALID);
    world_close(&w);
}

/* After a restart nothing is remembered: what was committed before is not said to be aborted. */
TEST(txn_outcome, what_is_forgotten_is_not_said_to_be_aborted)
{
    struct world w;
    struct actor a;
    world_open(&w, 1, 0);
    actor_begin(&a, &w, 1);
    actor_put(&a, "k", "1");
    assert_int_equal(actor_commit(&a), STATUS_OK);
    struct question q = {.id = id_of(&a)};
    actor_end(&a);
    outcomes_deinit(&world_range(&w)->outcomes);
    assert_int_equal(ask(&w, 1, &q), TXN_OUTCOME_EXPIRED);
    world_run_ms(&w, 11000);
    assert_int_equal(ask(&w, 1, &q), TXN_OUTCOME_EXPIRED);
    world_put(&w, "k", "2"); /* what is remembered begins here */
    assert_int_equal(ask(&w, 1, &q), TXN_OUTCOME_EXPIRED);
    world_close(&w);
}

/* A leader whose lease still runs and that reaches nobody: what it has proposed is not decided. */
TEST(txn_outcome, what_is_in_flight_is_waited_for)
{
    struct world w;
    struct actor a;
    struct question q = {0};
    world_open_leased(&w, 3);
    world_put(&w, "other", "1");
    uint64_t leader = world_leader(&w);
    struct range *g = world_range(&w);
    actor_begin(&a, &w, leader);
    actor_put(&a, "k", "1");
    for (uint64_t i = 1; i <= 3; i++)
        if (i != leader) sim_net_cut_pair(cluster_sim(w.cluster), leader, i);
    actor_start_commit(&a);
    for (int i = 0; i < 100 && g->in_flight_count == 0; i++) world_run_ms(&w, 1);
    assert_u64_equal(g->in_flight_count, 1);
    q.id = id_of(&a);
    struct asking asking = {.core = cluster_machine(w.cluster, leader)->core, .question = &q};
    assert_int_equal(fiber_spawn(core_fibers(asking.core), ask_later, &asking, NULL), STATUS_OK);
    world_run_ms(&w, 20);
    assert_false(asking.done);
    sim_net_heal(cluster_sim(w.cluster));
    assert_int_equal(actor_await(&a), STATUS_OK);
    world_run_ms(&w, 500);
    assert_true(asking.done);
    assert_int_equal(asking.status, STATUS_OK);
    assert_int_equal(q.outcome, TXN_OUTCOME_COMMITTED);
    assert_u64_equal(q.ct, a.ts);
    actor_end(&a);
    world_close(&w);
}

/* ---- the ring ---- */

TEST(txn_outcome, the_last_commits_are_remembered_and_where_that_begins)
{
    struct outcomes o = {0};
    uint64_t all = (uint64_t)OUTCOME_CHUNKS * OUTCOME_CHUNK_ENTRIES, extra = OUTCOME_CHUNK_ENTRIES + 5;
    for (uint64_t i = 1; i <= all + extra; i++) outcomes_add(&o, i * 7 + 1, i * 10, i * 10 - 1);
    uint64_t kept = o.end - o.begin, first = all + extra - kept + 1;
    assert_true(kept >= all - OUTCOME_CHUNK_ENTRIES && kept <= all);
    assert_u64_equal(o.floor, (first - 1) * 10);
    assert_u64_equal(outcomes_find(&o, first * 7 + 1, first * 10 - 1, first * 10), first * 10);
    assert_u64_equal(outcomes_find(&o, first * 7 + 1, first * 10, UINT64_MAX), 0);      /* above */
    assert_u64_equal(outcomes_find(&o, first * 7 + 1, first * 10 - 1, first * 10 - 1), 0); /* not above */
    assert_u64_equal(outcomes_find(&o, (first - 1) * 7 + 1, 0, UINT64_MAX), 0);
    assert_u64_equal(outcomes_find(&o, (all + extra) * 7 + 1, 0, UINT64_MAX), (all + extra) * 10);
    outcomes_deinit(&o);
    outcomes_add(&o, 5, 100, 99);
    assert_u64_equal(o.floor, 99);
    outcomes_deinit(&o);
}

/* Many ranges share what a node remembers: what is too much goes at the expense of the range that wants it. */
TEST(txn_outcome, what_all_ranges_remember_is_bounded)
{
    uint32_t of_node = OUTCOME_CHUNKS_OF_NODE - 1;
    struct outcomes o = {.of_node = &of_node};
    for (uint64_t i = 1; i <= 10 * OUTCOME_CHUNK_ENTRIES; i++) outcomes_add(&o, i * 7 + 1, i * 10, i * 10 - 1);
    assert_true(of_node <= OUTCOME_CHUNKS_OF_NODE);
    assert_true(o.end - o.begin <= OUTCOME_CHUNK_ENTRIES && o.end - o.begin > 0);
    assert_u64_equal(o.floor, o.begin * 10);
    assert_u64_equal(outcomes_find(&o, 10 * OUTCOME_CHUNK_ENTRIES * 7 + 1, 0, UINT64_MAX), 10 * OUTCOME_CHUNK_ENTRIES * 10);
    outcomes_deinit(&o);
    assert_u64_equal(of_node, OUTCOME_CHUNKS_OF_NODE - 1);
}

TEST(txn_outcome, an_id_is_32_hexadecimal_digits)
{
    struct txn_id id;
    assert_true(txn_id_parse(bytes_of_string("00000000000a000000070000000000ff"), &id));
    assert_u64_equal(id.sent_ts, 10 << OUTCOME_SENT_SHIFT);
    assert_u64_equal(id.range.value, 7);
    assert_u64_equal(id.tag, 255);
    static const char *const none[] = {"", "1", "000000000000000a00000000000000fg", "000000000000000A00000000000000ff",
                                       "000000000000000a00000000000000ff0"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) assert_false(txn_id_parse(bytes_of_string(none[i]), &id));
}
