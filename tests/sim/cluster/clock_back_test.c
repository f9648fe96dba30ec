/* The wall clocks of all machines are set back while the cluster is down: nothing is lost, and time goes on from
 * where it was. */
#include "tests/test.h"

#include "base/assert.h"
#include "base/codec.h"
#include "tests/sim/cluster/cluster.h"

struct step {
    struct cluster_machine *machine;
    uint64_t value, ts;
    bool writes, done;
};

static void step_run(void *arg)
{
    static const uint8_t name[] = {KEY_PREFIX_TABLE, 'k'};
    struct step *s = arg;
    struct arena arena;
    struct txn *t;
    uint8_t bytes[8];
    struct bytes value = bytes_make(bytes, sizeof bytes);
    arena_init(&arena, 1 << 20);
    enum status status = txn_create(core_kv(s->machine->core), &arena, &t);
    ASSERT(status == STATUS_OK);
    if (s->writes) {
        store_le64(bytes, s->value);
        status = txn_put(t, bytes_make(name, sizeof name), value);
        if (status == STATUS_OK) status = txn_commit(t, &s->ts);
    } else {
        status = txn_get(t, bytes_make(name, sizeof name), &value);
        if (status == STATUS_OK) s->value = load_le64(value.data);
        s->ts = txn_read_ts(t);
    }
    ASSERT(status == STATUS_OK);
    txn_destroy(t);
    arena_deinit(&arena);
    s->done = true;
}

static bool is_done(struct cluster *c, void *ctx)
{
    (void)c;
    return ((struct step *)ctx)->done;
}

static bool settled(struct cluster *c, void *ctx)
{
    (void)ctx;
    return cluster_settled(c, 3);
}

static struct step run(struct cluster *c, uint64_t machine, bool writes, uint64_t value)
{
    struct step s = {.machine = cluster_machine(c, machine), .writes = writes, .value = value};
    enum status status = fiber_spawn(core_fibers(s.machine->core), step_run, &s, NULL);
    ASSERT(status == STATUS_OK);
    sim_env_set_deadline(s.machine->env, env_now_ns(s.machine->env));
    assert_true(cluster_run_until(c, is_done, &s, 20 * SIM_SEC));
    return s;
}

TEST(clock_back, time_goes_on_when_wall_clocks_were_set_back)
{
    struct cluster_options o;
    cluster_options_init(&o, 21);
    struct cluster *c = cluster_create(&o);
    assert_true(cluster_boot(c, 20 * SIM_SEC));
    uint64_t last = 0;
    for (uint64_t round = 1; round <= 4; round++) {
        struct step wrote = run(c, 1 + round % 3, true, round);
        assert_true(wrote.ts > last);
        for (uint64_t i = 1; i <= 3; i++) cluster_crash(c, i, round % 2 == 0 ? SIM_CRASH_POWER : SIM_CRASH_PROCESS);
        for (uint64_t i = 1; i <= 3; i++) { /* a day each time, and not all alike */
            sim_wall_set(cluster_sim(c), i, -(int64_t)((round * 86400 + i * 60) * SIM_SEC));
            cluster_start(c, i);
        }
        assert_true(cluster_run_until(c, settled, NULL, 20 * SIM_SEC));
        struct step read = run(c, 1 + (round + 1) % 3, false, 0);
        assert_u64_equal(read.value, round);
        assert_true(read.ts > wrote.ts);
        last = read.ts;
    }
    cluster_destroy(c);
}

TEST(clock_back, trusting_the_wall_clock_is_noticed)
{
    struct cluster_options o;
    cluster_options_init(&o, 21);
    struct cluster *c = cluster_create(&o);
    assert_true(cluster_boot(c, 20 * SIM_SEC));
    uint64_t before = run(c, 1, true, 1).ts;
    for (uint64_t i = 1; i <= 3; i++) cluster_crash(c, i, SIM_CRASH_PROCESS);
    assert_true(mutant_select("clock_master_restarts_at_wall") > 0);
    for (uint64_t i = 1; i <= 3; i++) {
        sim_wall_set(cluster_sim(c), i, -(int64_t)(86400 * SIM_SEC));
        cluster_start(c, i);
    }
    assert_true(cluster_run_until(c, settled, NULL, 20 * SIM_SEC));
    cluster_run(c, 2 * SIM_SEC); /* every node asks the clock master now and then */
    uint64_t seen = kv_timestamp_seen(core_kv(cluster_machine(c, 1)->core));
    mutant_select(NULL);
    assert_true(seen < before);
    cluster_destroy(c);
}
