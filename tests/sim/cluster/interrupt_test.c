/* A call of a transaction that somebody interrupts ends soon, and never says that nothing happened when something
 * did. */
#include "tests/test.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/codec.h"
#include "tests/sim/cluster/cluster.h"

struct attempt {
    struct cluster_machine *machine;
    struct txn *txn;
    struct arena arena;
    uint64_t value, ended_ns;
    enum status status;
    bool done, found, read_only;
};

static const uint8_t key_bytes[] = {KEY_PREFIX_TABLE, 'k'};

static struct bytes key(void)
{
    return bytes_make(key_bytes, sizeof key_bytes);
}

static void attempt_run(void *arg)
{
    struct attempt *a = arg;
    struct bytes value;
    a->status = txn_create(core_kv(a->machine->core), &a->arena, &a->txn);
    ASSERT(a->status == STATUS_OK);
    if (a->read_only) {
        a->status = txn_get(a->txn, key(), &value);
        a->found = a->status == STATUS_OK;
        if (a->found) a->value = load_le64(value.data);
    } else {
        uint8_t bytes[8];
        store_le64(bytes, a->value);
        a->status = txn_put(a->txn, key(), bytes_make(bytes, sizeof bytes));
        ASSERT(a->status == STATUS_OK);
        a->status = txn_commit(a->txn, NULL);
    }
    a->ended_ns = sim_now(cluster_sim(a->machine->cluster));
    a->done = true;
    struct txn *ended = a->txn;
    a->txn = NULL;
    txn_destroy(ended);
    arena_deinit(&a->arena);
}

static void attempt_begin(struct attempt *a, struct cluster_machine *m)
{
    a->machine = m;
    arena_init(&a->arena, 1 << 20);
    enum status status = fiber_spawn(core_fibers(m->core), attempt_run, a, NULL);
    ASSERT(status == STATUS_OK);
    sim_env_set_deadline(m->env, env_now_ns(m->env));
}

static bool is_done(struct cluster *c, void *ctx)
{
    (void)c;
    return ((struct attempt *)ctx)->done;
}

static uint64_t read_value(struct cluster *c, uint64_t number)
{
    struct attempt a = {.read_only = true};
    attempt_begin(&a, cluster_machine(c, number));
    assert_true(cluster_run_until(c, is_done, &a, 20 * SIM_SEC));
    return a.found ? a.value : 0;
}

struct counts {
    int committed, refused, unknown, lies;
};

/* Writes `value` from a machine and interrupts it after a while, the range's leader cut off or not. */
static void write_interrupted(struct cluster *c, uint64_t from, uint64_t value, uint64_t delay_ns, bool cut,
                              struct counts *counts)
{
    uint64_t leader = cluster_leader(c, (struct range_id){2});
    assert_true(leader != 0);
    struct attempt a = {.value = value};
    attempt_begin(&a, cluster_machine(c, from));
    cluster_run(c, delay_ns);
    if (cut)
        for (uint64_t i = 1; i <= 3; i++)
            if (i != leader) sim_net_cut_pair(cluster_sim(c), leader, i);
    uint64_t began = sim_now(cluster_sim(c));
    if (!a.done) txn_interrupt(a.txn);
    assert_true(cluster_run_until(c, is_done, &a, 20 * SIM_SEC));
    if (a.ended_ns > began) assert_true(a.ended_ns - began < 1100 * SIM_MS);
    sim_net_heal(cluster_sim(c));
    cluster_run(c, 3 * SIM_SEC);
    bool there = read_value(c, from) == value;
    if (a.status == STATUS_OK) counts->committed++;
    else if (a.status == STATUS_UNKNOWN_OUTCOME) counts->unknown++;
    else if (a.status == STATUS_TIMEOUT) counts->refused++;
    else fail_msg("ended with %s", status_name(a.status));
    if (a.status == STATUS_OK && !there) counts->lies++;
    if (a.status == STATUS_TIMEOUT && there) counts->lies++;
}

static struct counts interrupt_many(uint64_t seed)
{
    struct counts counts = {0};
    struct cluster_options o;
    cluster_options_init(&o, seed);
    struct cluster *c = cluster_create(&o);
    assert_true(cluster_boot(c, 20 * SIM_SEC));
    for (uint64_t i = 1; i <= 40; i++)
        write_interrupted(c, 1 + i % 3, i, (i / 2) * 500000, i % 2 == 0, &counts);
    cluster_destroy(c);
    return counts;
}

TEST(interrupt, never_lies_about_a_commit)
{
    struct counts all = {0};
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct counts counts = interrupt_many(seed);
        assert_int_equal(counts.lies, 0);
        all.committed += counts.committed;
        all.unknown += counts.unknown;
        all.refused += counts.refused;
    }
    printf("interrupted: %d committed all the same, %d refused, %d unknown\n", all.committed, all.refused,
           all.unknown);
    assert_true(all.committed > 0 && all.unknown > 0);
}

TEST(interrupt, forgetting_a_commit_is_noticed)
{
    assert_true(mutant_select("interrupt_forgets_commit") > 0);
    int lies = 0;
    for (uint64_t seed = 1; seed <= 4; seed++) lies += interrupt_many(seed).lies;
    mutant_select(NULL);
    assert_true(lies > 0);
}

TEST(interrupt, ends_a_read_without_a_quorum_at_once)
{
    struct cluster_options o;
    cluster_options_init(&o, 9);
    struct cluster *c = cluster_create(&o);
    assert_true(cluster_boot(c, 20 * SIM_SEC));
    for (uint64_t i = 2; i <= 3; i++) cluster_crash(c, i, SIM_CRASH_PROCESS);
    cluster_run(c, 3 * SIM_SEC); /* no lease lasts so long */
    struct attempt a = {.read_only = true};
    attempt_begin(&a, cluster_machine(c, 1));
    cluster_run(c, 700 * SIM_MS);
    assert_false(a.done);
    txn_interrupt(a.txn);
    assert_true(cluster_run_until(c, is_done, &a, 10 * SIM_MS));
    assert_int_equal(a.status, STATUS_TIMEOUT);
    cluster_destroy(c);
}
