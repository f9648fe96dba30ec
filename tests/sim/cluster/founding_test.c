/* A cluster that is founded with several data ranges: they cover the keyspace, are replicated like any other, and
 * an init that was cut short goes on. */
#include "tests/test.h"

#include <string.h>

#include "tests/sim/cluster/cluster.h"

#define KEYS 7

static struct bytes split_keys[KEYS];
static char key_texts[KEYS][8];

static const struct bytes *keys_make(void)
{
    for (int i = 0; i < KEYS; i++) {
        int size = snprintf(key_texts[i], sizeof key_texts[i], "%c%d", SHARD_SPLIT_BYTE_MIN, i);
        split_keys[i] = bytes_make(key_texts[i], (size_t)size);
    }
    return split_keys;
}

static struct cluster *cluster_make(uint32_t nodes)
{
    struct cluster_options options;
    cluster_options_init(&options, 11);
    options.node_count = nodes;
    options.split_keys = keys_make();
    options.split_count = KEYS;
    return cluster_create(&options);
}

struct walk {
    struct bytes expected; /* where the next range should begin */
    uint8_t end[16];
    uint32_t count;
};

static void visit(void *ctx, const struct descriptor *d)
{
    struct walk *w = ctx;
    assert_int_equal(bytes_compare(w->expected, d->start), 0);
    assert_true(d->end.size <= sizeof w->end);
    if (d->end.size > 0) memcpy(w->end, d->end.data, d->end.size);
    w->expected = bytes_make(w->end, d->end.size);
    w->count++;
}

static void expect_whole(struct cluster *c, uint64_t machine)
{
    struct walk w = {0};
    store_meta_ranges(core_store(cluster_machine(c, machine)->core), visit, &w);
    assert_int_equal(w.count, KEYS + 2);
    assert_int_equal(w.expected.size, 0); /* the last one is unbounded */
}

TEST(founding, several_ranges_cover_the_keys_and_get_all_their_replicas)
{
    struct cluster *c = cluster_make(3);
    assert_true(cluster_boot(c, 30 * SIM_SEC));
    cluster_run(c, SIM_SEC);
    for (uint64_t i = 1; i <= 3; i++) expect_whole(c, i);
    struct replica *r = store_replica_for_key(core_store(cluster_machine(c, 2)->core), split_keys[3]);
    assert_non_null(r);
    assert_int_equal(bytes_compare(replica_descriptor(r)->start, split_keys[3]), 0);
    assert_true(cluster_replicas_equal(c, stderr));
    cluster_destroy(c);
}

struct outcome {
    bool told;
    enum status status;
};

static void on_init(void *ctx, enum status status)
{
    *(struct outcome *)ctx = (struct outcome){true, status};
}

static bool told(struct cluster *c, void *ctx)
{
    (void)c;
    return ((struct outcome *)ctx)->told;
}

static bool store_is_open(struct cluster *c, void *ctx)
{
    (void)ctx;
    return core_store(cluster_machine(c, 1)->core) != NULL;
}

static enum status init(struct cluster *c, const struct bytes *keys, uint32_t count)
{
    struct outcome outcome = {0};
    struct cluster_machine *m = cluster_machine(c, 1);
    store_init_cluster(core_store(m->core), keys, count, on_init, &outcome);
    sim_env_set_deadline(m->env, env_now_ns(m->env));
    assert_true(cluster_run_until(c, told, &outcome, 10 * SIM_SEC));
    return outcome.status;
}

TEST(founding, keys_that_are_out_of_order_or_of_the_system_found_nothing)
{
    struct cluster *c = cluster_make(1);
    cluster_start(c, 1);
    assert_true(cluster_run_until(c, store_is_open, NULL, 10 * SIM_SEC));
    struct bytes twice[] = {split_keys[1], split_keys[1]}, falling[] = {split_keys[2], split_keys[1]};
    struct bytes system = bytes_make("\003z", 2);
    assert_int_equal(init(c, twice, 2), STATUS_INVALID);
    assert_int_equal(init(c, falling, 2), STATUS_INVALID);
    assert_int_equal(init(c, &system, 1), STATUS_INVALID);
    assert_null(store_replica(core_store(cluster_machine(c, 1)->core), RANGE_META));
    assert_int_equal(init(c, split_keys, KEYS), STATUS_OK);
    assert_int_equal(init(c, split_keys, KEYS), STATUS_EXISTS);
    expect_whole(c, 1);
    cluster_destroy(c);
}

static bool some_ranges(struct cluster *c)
{
    return store_metrics(core_store(cluster_machine(c, 1)->core))->replicas > 2;
}

TEST(founding, what_was_cut_short_goes_on_for_the_same_ranges_only)
{
    struct cluster *c = cluster_make(1);
    cluster_start(c, 1);
    assert_true(cluster_run_until(c, store_is_open, NULL, 10 * SIM_SEC));
    struct outcome ignored = {0};
    struct cluster_machine *m = cluster_machine(c, 1);
    store_init_cluster(core_store(m->core), split_keys, KEYS, on_init, &ignored);
    sim_env_set_deadline(m->env, env_now_ns(m->env));
    while (!some_ranges(c)) assert_true(sim_step(cluster_sim(c)));
    cluster_crash(c, 1, SIM_CRASH_POWER);
    cluster_start(c, 1);
    assert_true(cluster_run_until(c, store_is_open, NULL, 10 * SIM_SEC));
    assert_int_equal(store_identity(core_store(m->core))->node.value, 0);
    assert_int_equal(init(c, split_keys, 1), STATUS_INVALID);
    assert_int_equal(init(c, split_keys, KEYS), STATUS_OK);
    expect_whole(c, 1);
    cluster_destroy(c);
}
