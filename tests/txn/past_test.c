/* Reads of the past, at leaders and at replicas: what they show, and of what nobody is asked. */
#include "tests/test.h"

#include <stdio.h>

#include "tests/txn/ask.h"
#include "txn/leader.h"

static struct kv *kv_of(struct world *w, uint64_t machine)
{
    return core_kv(cluster_machine(w->cluster, machine)->core);
}

static struct range *range_at(struct world *w, uint64_t machine)
{
    return replica_app(store_replica(core_store(cluster_machine(w->cluster, machine)->core), WORLD_RANGE));
}

struct when {
    struct actor *actor;
    uint64_t ts, age_ns; /* ts 0: stale */
};

static enum status set_when(struct core *core, void *ctx)
{
    const struct when *when = ctx;
    (void)core;
    return when->ts != 0 ? txn_read_at(when->actor->txn, when->ts) : txn_read_stale(when->actor->txn, 0, when->age_ns);
}

/* A transaction at machine that reads as of ts. */
static enum status begin_at(struct actor *a, struct world *w, uint64_t machine, uint64_t ts)
{
    struct when when = {.actor = a, .ts = ts};
    actor_begin(a, w, machine);
    return world_call(w, machine, set_when, &when);
}

static void begin_stale(struct actor *a, struct world *w, uint64_t machine, uint64_t age_ns)
{
    struct when when = {.actor = a, .age_ns = age_ns};
    actor_begin(a, w, machine);
    assert_int_equal(world_call(w, machine, set_when, &when), STATUS_OK);
}

static uint64_t other_than(uint64_t machine) { return machine % 3 + 1; }

/* Reads "a" as of ts. */
static enum status get_at(struct world *w, uint64_t machine, uint64_t ts, char value[64], struct txn_reading *reading)
{
    struct actor a;
    assert_int_equal(begin_at(&a, w, machine, ts), STATUS_OK);
    enum status status = actor_get(&a, "a");
    snprintf(value, 64, "%.60s", a.value);
    txn_reading(a.txn, reading);
    actor_end(&a);
    return status;
}

static enum status get_stale(struct world *w, uint64_t machine, uint64_t age_ns, char value[64], struct txn_reading *reading)
{
    struct actor a;
    begin_stale(&a, w, machine, age_ns);
    enum status status = actor_get(&a, "a");
    snprintf(value, 64, "%.60s", a.value);
    txn_reading(a.txn, reading);
    actor_end(&a);
    return status;
}

/* The replica of machine has a promise of now. */
static void warm(struct world *w, uint64_t machine)
{
    char value[64];
    struct txn_reading reading;
    for (int i = 0; i < 100; i++) {
        enum status status = get_stale(w, machine, 10 * SIM_SEC, value, &reading);
        assert_true(status == STATUS_OK || status == STATUS_NOT_FOUND);
        if (reading.at_leader == 0) return;
        world_run_ms(w, 20);
    }
    fail_msg("no promise");
}

TEST(txn_past, a_read_at_a_timestamp_sees_what_was_there_then)
{
    struct world w;
    char value[64];
    struct txn_reading reading;
    world_open(&w, 3, 0);
    uint64_t first = world_put(&w, "a", "1");
    uint64_t second = world_put(&w, "a", "2");
    uint64_t third = world_put(&w, "a", NULL);
    for (uint64_t machine = 1; machine <= 3; machine++) {
        assert_int_equal(get_at(&w, machine, first, value, &reading), STATUS_OK);
        assert_string_equal(value, "1");
        assert_u64_equal(reading.ts, first);
        assert_int_equal(get_at(&w, machine, first - 1, value, &reading), STATUS_NOT_FOUND);
        assert_int_equal(get_at(&w, machine, second, value, &reading), STATUS_OK);
        assert_string_equal(value, "2");
        assert_int_equal(get_at(&w, machine, third - 1, value, &reading), STATUS_OK);
        assert_string_equal(value, "2");
        assert_int_equal(get_at(&w, machine, third, value, &reading), STATUS_NOT_FOUND);
    }
    world_close(&w);
}

TEST(txn_past, the_future_is_refused_and_the_clock_does_not_jump_there)
{
    struct world w;
    struct actor a;
    world_open(&w, 3, 0);
    uint64_t ct = world_put(&w, "a", "1");
    assert_int_equal(begin_at(&a, &w, 1, ct + 60 * SIM_SEC), STATUS_INVALID);
    actor_end(&a);
    assert_true(world_put(&w, "a", "2") < ct + 30 * SIM_SEC);
    world_close(&w);
}

/* With a promise nobody else is asked, and it is asked for by those only who read. */
TEST(txn_past, a_replica_serves_what_it_was_promised)
{
    struct world w;
    char value[64];
    struct txn_reading reading;
    world_open(&w, 3, 0);
    uint64_t ct = world_put(&w, "a", "1");
    uint64_t machine = other_than(world_leader(&w));
    warm(&w, machine);
    world_isolate(&w, machine);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(get_at(&w, machine, ct, value, &reading), STATUS_OK);
        assert_string_equal(value, "1");
        assert_true(reading.at_replica == 1 && reading.at_leader == 0);
        assert_int_equal(get_stale(&w, machine, 100 * SIM_SEC, value, &reading), STATUS_OK);
        assert_string_equal(value, "1");
        world_run_ms(&w, 1000);
    }
    sim_net_heal(cluster_sim(w.cluster));
    world_run_ms(&w, 15000);
    uint64_t asked = kv_metrics(kv_of(&w, machine))->promises_asked;
    world_run_ms(&w, 5000);
    assert_u64_equal(kv_metrics(kv_of(&w, machine))->promises_asked, asked);
    world_close(&w);
}

/* What was acknowledged longer ago than the bound is seen; without a promise as young as that the leader is asked. */
TEST(txn_past, a_stale_read_is_as_old_as_it_may_be_and_not_older)
{
    struct world w;
    char value[64], wanted[64];
    struct txn_reading reading;
    uint32_t here = 0;
    world_open(&w, 3, 0);
    world_put(&w, "a", "0");
    uint64_t machine = other_than(world_leader(&w));
    warm(&w, machine);
    for (uint32_t i = 1; i <= 40; i++) {
        snprintf(wanted, sizeof wanted, "%u", i);
        world_put(&w, "a", wanted);
        uint64_t age_ns = i % 4 == 0 ? 40 * SIM_MS : 400 * SIM_MS;
        world_run_ms(&w, i % 4 == 0 ? 45 : 405);
        assert_int_equal(get_stale(&w, machine, age_ns, value, &reading), STATUS_OK);
        assert_string_equal(value, wanted);
        here += reading.at_replica == 1;
    }
    world_run_ms(&w, 405);
    for (uint32_t i = 0; i < 40; i++) { /* nothing has changed for long */
        world_run_ms(&w, 20);
        assert_int_equal(get_stale(&w, machine, 400 * SIM_MS, value, &reading), STATUS_OK);
        assert_string_equal(value, wanted);
        here += reading.at_replica == 1;
    }
    assert_true(here > 20);
    world_isolate(&w, machine);
    world_run_ms(&w, 500);
    assert_int_equal(get_stale(&w, machine, 400 * SIM_MS, value, &reading), STATUS_UNAVAILABLE);
    world_close(&w);
}

/* Nothing appears at or below what was promised, by the leader who has promised or by the next. */
TEST(txn_past, what_was_read_stays_as_it_was)
{
    struct world w;
    char value[64], before[64];
    struct txn_reading reading, again;
    world_open(&w, 3, 0);
    world_put(&w, "a", "0");
    for (uint32_t i = 1; i <= 20; i++) {
        uint64_t leader = world_leader(&w), machine = other_than(leader);
        warm(&w, machine);
        assert_int_equal(get_stale(&w, machine, 10 * SIM_SEC, before, &reading), STATUS_OK);
        assert_true(reading.at_replica == 1);
        uint64_t closed = reading.ts;
        snprintf(value, sizeof value, "%u", i);
        if (i % 4 == 0) { /* the next leader is one that has heard of no promise */
            struct replica *r = store_replica(core_store(cluster_machine(w.cluster, leader)->core), WORLD_RANGE);
            assert_int_equal(replica_transfer(r, (struct node_id){other_than(machine)}), STATUS_OK);
            world_run_ms(&w, 500);
        }
        assert_true(world_put(&w, "a", value) > closed);
        assert_int_equal(get_at(&w, world_leader(&w), closed, value, &again), STATUS_OK);
        assert_string_equal(value, before);
    }
    world_close(&w);
}

/* A commit is picked while the leader promises: it is above what is promised, or in front of it in the log. */
TEST(txn_past, a_promise_waits_for_what_stands_before_it)
{
    struct world w;
    char value[64], at_leader[64];
    struct txn_reading reading;
    world_open(&w, 3, 0);
    world_put(&w, "a", "0");
    uint64_t leader = world_leader(&w), machine = other_than(leader);
    for (uint32_t i = 1; i <= 60; i++) {
        struct actor a;
        actor_begin(&a, &w, leader);
        snprintf(value, sizeof value, "%u", i);
        actor_put(&a, "a", value);
        actor_start_commit(&a);
        cluster_run(w.cluster, i * 20 * SIM_US);
        enum status status = get_stale(&w, machine, SIM_MS, value, &reading); /* asks for a promise */
        assert_int_equal(status, STATUS_OK);
        for (uint32_t k = 0; k < 10; k++) {
            cluster_run(w.cluster, 100 * SIM_US);
            assert_int_equal(get_stale(&w, machine, 100 * SIM_SEC, value, &reading), STATUS_OK);
            uint64_t ts = reading.ts;
            bool here = reading.at_replica == 1;
            assert_int_equal(get_at(&w, leader, ts, at_leader, &reading), STATUS_OK);
            if (here) assert_string_equal(value, at_leader);
        }
        assert_int_equal(actor_await(&a), STATUS_OK);
        actor_end(&a);
        world_run_ms(&w, 30);
    }
    world_close(&w);
}

TEST(txn_past, versions_that_are_gone_are_not_read)
{
    struct world w;
    char value[64];
    struct txn_reading reading;
    world_open(&w, 3, 2 * SIM_SEC);
    uint64_t ct = world_put(&w, "a", "1");
    uint64_t machine = other_than(world_leader(&w));
    for (int i = 0; i < 40; i++) {
        world_run_ms(&w, 100);
        world_put(&w, "a", "2");
        warm(&w, machine);
    }
    assert_true(range_at(&w, machine)->safe.applied > ct);
    for (uint64_t m = 1; m <= 3; m++) assert_int_equal(get_at(&w, m, ct, value, &reading), STATUS_SNAPSHOT_TOO_OLD);
    world_close(&w);
}

TEST(txn_past, it_writes_and_locks_nothing)
{
    struct world w;
    struct actor a;
    world_open(&w, 1, 0);
    uint64_t ct = world_put(&w, "a", "1");
    assert_int_equal(begin_at(&a, &w, 1, ct), STATUS_OK);
    assert_int_equal(txn_put(a.txn, bytes_of_string("\x04" "b"), bytes_of_string("x")), STATUS_UNSUPPORTED);
    assert_int_equal(actor_lock(&a, "a"), STATUS_UNSUPPORTED);
    assert_int_equal(actor_get(&a, "a"), STATUS_OK);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    assert_u64_equal(a.ts, ct);
    actor_end(&a);
    world_close(&w);
}

/* ---- what is under way ---- */

/* An intent on "a", of somebody who never comes back to it. Its least timestamp. */
static uint64_t prepare_a(struct world *w)
{
    struct asker asker;
    asker_begin_unknown(&asker, w, world_leader(w), 77);
    must_prepare(&asker, "a", "new");
    return asker.ct;
}

/* A stale read of "b" at machine; true: its replica has served it. */
static bool get_b(struct world *w, uint64_t machine, uint64_t *ts_out)
{
    struct actor a;
    struct txn_reading reading;
    begin_stale(&a, w, machine, 100 * SIM_SEC);
    assert_int_equal(actor_get(&a, "b"), STATUS_OK);
    txn_reading(a.txn, &reading);
    actor_end(&a);
    *ts_out = reading.ts;
    return reading.at_leader == 0;
}

/* Only the record says what becomes of an intent, and when: below it all is known, at and above it the leader is asked. */
TEST(txn_past, an_intent_sends_the_reader_to_the_leader)
{
    struct world w;
    char value[64];
    struct txn_reading reading;
    uint64_t ts = 0;
    world_open(&w, 3, 0);
    world_put(&w, "a", "old");
    world_put(&w, "b", "old");
    uint64_t machine = other_than(world_leader(&w)), lb = prepare_a(&w);
    for (int i = 0; i < 50 && ts <= lb; i++) {
        if (!get_b(&w, machine, &ts)) ts = 0;
        world_run_ms(&w, 10);
    }
    assert_true(ts > lb);
    assert_true(range_at(&w, machine)->may_hold);
    world_isolate(&w, machine);
    assert_int_equal(get_at(&w, machine, lb - 1, value, &reading), STATUS_OK);
    assert_string_equal(value, "old");
    assert_int_equal(get_at(&w, machine, lb, value, &reading), STATUS_UNAVAILABLE);
    assert_int_equal(get_at(&w, machine, ts, value, &reading), STATUS_UNAVAILABLE);
    assert_true(get_b(&w, machine, &ts));
    sim_net_heal(cluster_sim(w.cluster));
    assert_int_equal(get_at(&w, machine, ts, value, &reading), STATUS_OK); /* it is found out: its owner is gone */
    assert_string_equal(value, "old");
    world_close(&w);
}

/* Its timestamp was taken before the promise's, and it is proposed behind it. */
TEST(txn_past, who_waits_at_the_leader_is_put_above_the_promise)
{
    struct world w;
    char value[64];
    struct txn_reading reading;
    struct actor holder, writer;
    world_open(&w, 3, 0);
    uint64_t ct = world_put(&w, "a", "old");
    world_run_ms(&w, 500); /* everybody knows that it is committed */
    uint64_t leader = world_leader(&w), machine = other_than(leader);
    actor_begin(&holder, &w, leader);
    assert_int_equal(actor_lock(&holder, "a"), STATUS_OK);
    actor_begin(&writer, &w, leader);
    actor_put(&writer, "a", "new");
    actor_start_commit(&writer);
    for (int i = 0; i < 10 && promise_pick(kv_of(&w, machine), 0, 0) == 0; i++) { /* it waits so long before it is sent again */
        cluster_run(w.cluster, 2 * SIM_MS);
        assert_int_equal(get_at(&w, machine, ct, value, &reading), STATUS_OK); /* has it asked for */
    }
    assert_int_equal(get_stale(&w, machine, 10 * SIM_SEC, value, &reading), STATUS_OK);
    assert_true(reading.at_replica == 1);
    assert_string_equal(value, "old");
    actor_end(&holder);
    assert_int_equal(actor_await(&writer), STATUS_OK);
    assert_true(writer.ts > reading.ts);
    actor_end(&writer);
    world_close(&w);
}

/* So whoever relies on it shows nothing that the clock has not passed. */
TEST(txn_past, a_promise_is_given_when_the_clock_is_past_it)
{
    struct world w;
    char value[64];
    struct txn_reading reading;
    uint64_t last = 0, promises = 0;
    world_open(&w, 3, 0);
    world_put(&w, "a", "1");
    uint64_t leader = world_leader(&w), machine = other_than(leader);
    for (int i = 0; i < 400; i++) {
        cluster_run(w.cluster, 7 * SIM_MS);
        assert_int_equal(get_stale(&w, machine, 10 * SIM_SEC, value, &reading), STATUS_OK);
        if (reading.at_replica == 0 || reading.ts == last) continue;
        last = reading.ts;
        promises++;
        assert_true(kv_of(&w, leader)->clock.seen > last);
    }
    assert_true(promises > 3);
    world_close(&w);
}

/* ---- a commit that is held ---- */

static const struct bytes SPLITS[] = {{(const uint8_t *)"\x04" "p", 2}};
#define RIGHT ((struct range_id){3})

TEST(txn_past, a_promise_waits_for_commits_that_are_held)
{
    struct world w;
    char value[64], before[64] = "";
    struct txn_reading reading;
    struct actor a;
    uint64_t ts = 0;
    world_open_split(&w, 3, SPLITS, 1);
    world_run_ms(&w, 10000);
    world_put(&w, "a", "old");
    world_put(&w, "z", "there");
    world_run_ms(&w, 500); /* everybody knows that it is committed */
    uint64_t leader = world_leader(&w), machine = other_than(leader), right = cluster_leader(w.cluster, RIGHT);
    struct late_leader slow;
    late_leader_begin(&slow, &w, right, RPC_REFRESH);
    actor_begin(&a, &w, leader);
    assert_int_equal(actor_get(&a, "z"), STATUS_OK);
    actor_put(&a, "a", "new");
    actor_start_commit(&a);
    for (int i = 0; i < 100 && slow.asked == 0; i++) world_run_ms(&w, 1);
    assert_true(slow.asked > 0);
    for (int i = 0; i < 20; i++) { /* what is read at a replica meanwhile */
        cluster_run(w.cluster, 10 * SIM_MS);
        if (i == 0 || !a.running) continue;
        struct actor other;
        begin_stale(&other, &w, machine, 100 * SIM_SEC);
        actor_start_get(&other, "a");
        cluster_run(w.cluster, 5 * SIM_MS);
        bool waits = other.running; /* at the leader, behind the held one */
        if (waits) txn_interrupt(other.txn);
        enum status status = actor_await(&other);
        txn_reading(other.txn, &reading);
        if (!waits && status == STATUS_OK && reading.at_replica == 1) {
            ts = reading.ts;
            snprintf(before, sizeof before, "%.60s", other.value);
        }
        actor_end(&other);
    }
    late_leader_answer(&slow, STATUS_OK, BYTES_EMPTY);
    assert_int_equal(actor_await(&a), STATUS_OK);
    actor_end(&a);
    if (ts != 0) {
        assert_int_equal(get_at(&w, leader, ts, value, &reading), STATUS_OK);
        assert_string_equal(value, before);
    }
    warm(&w, machine); /* it comes when the commit is done */
    world_close(&w);
}
