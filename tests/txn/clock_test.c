/* Timestamps: what a reading promises, whoever is master. */
#include "tests/test.h"

#include "tests/txn/world.h"

#define WAITS 50
#define DAY_NS 86400000000000u

struct asker {
    struct clock_wait wait;
    bool ended;
    enum status status;
    uint64_t ts;
};

static void on_reading(struct clock_wait *w, enum status status, uint64_t ts)
{
    struct asker *a = w->ctx;
    assert_false(a->ended);
    a->ended = true;
    a->status = status;
    a->ts = ts;
}

static void ask(struct world *w, uint64_t machine, struct asker *a, uint64_t past, uint64_t timeout_ns)
{
    *a = (struct asker){.wait = {.on_done = on_reading}};
    a->wait.ctx = a;
    clock_wait_past(&world_kv(w, machine)->clock, &a->wait, past, timeout_ns);
    struct cluster_machine *m = cluster_machine(w->cluster, machine);
    sim_env_set_deadline(m->env, env_now_ns(m->env));
}

static bool ended(struct cluster *c, void *ctx)
{
    (void)c;
    return ((struct asker *)ctx)->ended;
}

static void await(struct world *w, struct asker *a)
{
    assert_true(cluster_run_until(w->cluster, ended, a, 60 * SIM_SEC));
}

static uint64_t reading(struct world *w, uint64_t machine)
{
    struct asker a;
    ask(w, machine, &a, 0, 30 * SIM_SEC);
    await(w, &a);
    assert_int_equal(a.status, STATUS_OK);
    return a.ts;
}

TEST(txn_clock, those_who_ask_at_once_share_a_round)
{
    struct world w;
    struct asker askers[WAITS];
    world_open(&w, 1, 0);
    uint64_t before = kv_metrics(world_kv(&w, 1))->clock_rounds;
    for (int i = 0; i < WAITS; i++) ask(&w, 1, &askers[i], 0, SIM_SEC);
    for (int i = 0; i < WAITS; i++) await(&w, &askers[i]);
    assert_true(kv_metrics(world_kv(&w, 1))->clock_rounds <= before + 2); /* one may have been under way */
    for (int i = 0; i < WAITS; i++) assert_int_equal(askers[i].status, STATUS_OK);
    assert_u64_equal(askers[0].ts, askers[WAITS - 1].ts);
    world_close(&w);
}

/* Asked for after an answer, at any node: above it. */
TEST(txn_clock, a_later_reading_is_higher_wherever_it_is_taken)
{
    struct world w;
    uint64_t last = 0;
    world_open(&w, 3, 0);
    for (uint64_t i = 0; i < 60; i++) {
        uint64_t ts = reading(&w, 1 + i % 3);
        assert_true(ts > last);
        last = ts;
    }
    world_close(&w);
}

TEST(txn_clock, a_reading_exceeds_what_it_was_asked_to_exceed)
{
    struct world w;
    struct asker a;
    world_open(&w, 3, 0);
    uint64_t now = reading(&w, 1);
    ask(&w, 2, &a, now + 10 * SIM_SEC, 30 * SIM_SEC);
    await(&w, &a);
    assert_int_equal(a.status, STATUS_OK);
    assert_true(a.ts > now + 10 * SIM_SEC);
    assert_true(reading(&w, 3) > a.ts);
    world_close(&w);
}

TEST(txn_clock, a_timestamp_a_day_ahead_is_nobodys_and_moves_nothing)
{
    struct world w;
    struct asker a;
    world_open(&w, 1, 0);
    uint64_t now = reading(&w, 1);
    ask(&w, 1, &a, now + 2 * DAY_NS, 2 * SIM_SEC);
    await(&w, &a);
    assert_int_equal(a.status, STATUS_UNAVAILABLE);
    assert_true(reading(&w, 1) < now + DAY_NS);
    world_close(&w);
}

TEST(txn_clock, a_new_master_goes_on_above_the_old_one)
{
    struct world w;
    uint64_t last = 0;
    world_open(&w, 3, 0);
    for (int round = 0; round < 3; round++) {
        for (uint64_t machine = 1; machine <= 3; machine++) {
            uint64_t ts = reading(&w, machine);
            assert_true(ts > last);
            last = ts;
        }
        uint64_t master = cluster_leader(w.cluster, RANGE_META);
        assert_true(master != 0);
        cluster_crash(w.cluster, master, SIM_CRASH_POWER);
        uint64_t other = master % 3 + 1;
        uint64_t ts = reading(&w, other);
        assert_true(ts > last);
        last = ts;
        cluster_start(w.cluster, master);
        world_run_ms(&w, 3000);
    }
    world_close(&w);
}

static bool open_again(struct cluster *c, void *ctx)
{
    (void)ctx;
    return core_store(cluster_machine(c, 1)->core) != NULL && cluster_leader(c, RANGE_META) != 0;
}

/* The wall clock only says where a new cluster begins. */
TEST(txn_clock, a_wall_clock_that_was_set_back_between_starts_does_not_matter)
{
    struct world w;
    world_open(&w, 1, 0);
    uint64_t last = reading(&w, 1);
    cluster_crash(w.cluster, 1, SIM_CRASH_POWER);
    sim_wall_set(cluster_sim(w.cluster), 1, -(int64_t)DAY_NS);
    cluster_start(w.cluster, 1);
    assert_true(cluster_run_until(w.cluster, open_again, NULL, 30 * SIM_SEC));
    assert_true(reading(&w, 1) > last);
    world_close(&w);
}

static int64_t ahead_ms(struct world *w)
{
    uint64_t ts = reading(w, 1), wall = env_wall_ns(cluster_machine(w->cluster, 1)->env);
    return ((int64_t)ts - (int64_t)wall) / 1000000;
}

/* A new master begins above all that the old one could have issued. */
TEST(txn_clock, readings_ahead_of_the_wall_clock_wait_for_it)
{
    struct world w;
    world_open(&w, 1, 0);
    world_need_oracle(&w); /* samples measure time */
    for (int i = 0; i < 3; i++) {
        cluster_crash(w.cluster, 1, SIM_CRASH_POWER);
        cluster_start(w.cluster, 1);
        assert_true(cluster_run_until(w.cluster, open_again, NULL, 30 * SIM_SEC));
        (void)reading(&w, 1);
    }
    int64_t before = ahead_ms(&w);
    assert_true(before > 1000);
    world_run_ms(&w, 16000);
    int64_t after = ahead_ms(&w);
    assert_true(after < before - 900 && after > before - 1100);
    world_run_ms(&w, 16 * (uint64_t)before);
    assert_in_range(ahead_ms(&w) + 10, 0, 20); /* and not any further */
    world_close(&w);
}

TEST(txn_clock, without_a_quorum_there_is_no_reading)
{
    struct world w;
    struct asker a;
    world_open(&w, 3, 0);
    world_need_oracle(&w); /* samples last a while */
    uint64_t master = cluster_leader(w.cluster, RANGE_META);
    for (uint64_t machine = 1; machine <= 3; machine++)
        if (machine != master) cluster_crash(w.cluster, machine, SIM_CRASH_PROCESS);
    ask(&w, master, &a, 0, 3 * SIM_SEC);
    await(&w, &a);
    assert_int_equal(a.status, STATUS_UNAVAILABLE);
    world_close(&w);
}
