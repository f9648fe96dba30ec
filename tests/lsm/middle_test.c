#include <stdio.h>
#include <stdlib.h>

#include "tests/lsm/harness.h"

struct fixture {
    struct sim *sim;
    struct store store;
    uint64_t index;
    struct prng prng;
};

static void setup_with(struct fixture *f, uint64_t (*value_ends)(struct bytes))
{
    struct sim_options options;
    sim_options_init(&options, 1);
    *f = (struct fixture){.sim = sim_create(&options)};
    store_init_sim(&f->store, f->sim);
    f->store.options.value_ends = value_ends;
    prng_init(&f->prng, 1);
    store_open(&f->store);
    assert_int_equal(lsm_range_create(f->store.l, rid(1)), STATUS_OK);
}

static void setup(struct fixture *f)
{
    setup_with(f, NULL);
}

static void teardown(struct fixture *f)
{
    store_deinit(&f->store);
    sim_destroy(f->sim);
}

/* Keys from..to as four digits. */
static void fill(struct fixture *f, int from, int to, size_t value_bytes)
{
    char key[16], value[4096];
    memset(value, 'v', sizeof value);
    value[value_bytes] = 0;
    for (int i = from; i < to; i++) {
        snprintf(key, sizeof key, "%04d", i);
        for (size_t at = 0; at < value_bytes; at++)
            value[at] = (char)prng_between(&f->prng, 33, 126); /* LZ4 finds nothing */
        store_put(&f->store, 1, ++f->index, LSM_SPACE_VERSIONS, key, (uint64_t)i + 1, value);
    }
}

static int middle(struct fixture *f)
{
    struct buf key;
    buf_init(&key, 100);
    enum status status = store_middle(&f->store, 1, &key);
    assert_true(status == STATUS_OK || status == STATUS_NOT_FOUND);
    int number = -1;
    if (status == STATUS_OK) {
        buf_append(&key, "", 1);
        number = atoi((const char *)key.data);
    }
    buf_deinit(&key);
    return number;
}

static void expect_about(struct fixture *f, int low, int high)
{
    int found = middle(f);
    if (found < low || found > high) fail_msg("%d is not in %d..%d", found, low, high);
}

static uint64_t ends_late(__attribute__((unused)) struct bytes value)
{
    return UINT64_MAX - 1;
}

TEST(lsm_middle, counts_values_that_end)
{
    struct fixture f;
    setup_with(&f, ends_late);
    fill(&f, 0, 400, 100);
    expect_about(&f, 180, 220);
    fill(&f, 1000, 3000, 100);
    expect_about(&f, 1600, 2000);
    teardown(&f);
}

TEST(lsm_middle, halves_the_bytes_in_memory_and_in_tables)
{
    struct fixture f;
    setup(&f);
    fill(&f, 0, 400, 100);
    expect_about(&f, 180, 220);
    store_flush(&f.store, 1);
    store_settle(&f.store);
    expect_about(&f, 190, 210);
    store_close(&f.store);
    store_open(&f.store);
    expect_about(&f, 190, 210); /* index blocks are read */
    teardown(&f);
}

TEST(lsm_middle, counts_bytes_and_not_keys)
{
    struct fixture f;
    setup(&f);
    fill(&f, 0, 300, 10);
    fill(&f, 300, 400, 1000);
    store_flush(&f.store, 1);
    store_settle(&f.store);
    expect_about(&f, 335, 365);
    teardown(&f);
}

TEST(lsm_middle, of_many_tables_the_top_indexes_say_enough)
{
    struct fixture f;
    setup(&f);
    for (int round = 0; round < 10; round++) {
        fill(&f, round * 300, round * 300 + 300, 200);
        store_flush(&f.store, 1);
    }
    store_settle(&f.store);
    store_close(&f.store);
    store_open(&f.store);
    uint64_t read = lsm_metrics(f.store.l)->blocks_read;
    expect_about(&f, 1300, 1700);
    assert_u64_equal(lsm_metrics(f.store.l)->blocks_read, read);
    teardown(&f);
}

TEST(lsm_middle, there_is_none_of_nothing_nor_of_one_key)
{
    struct fixture f;
    setup(&f);
    assert_int_equal(middle(&f), -1);
    fill(&f, 5, 6, 10);
    assert_int_equal(middle(&f), -1);
    store_flush(&f.store, 1);
    assert_int_equal(middle(&f), -1);
    fill(&f, 5, 7, 10);
    assert_int_equal(middle(&f), 6);
    store_flush(&f.store, 1);
    assert_int_equal(middle(&f), 6);
    struct buf key;
    buf_init(&key, 100);
    assert_int_equal(store_middle(&f.store, 7, &key), STATUS_NOT_FOUND);
    teardown(&f);
}

TEST(lsm_middle, sides_of_a_split_have_middles_of_their_own)
{
    struct fixture f;
    setup(&f);
    fill(&f, 0, 400, 100);
    store_flush(&f.store, 1);
    fill(&f, 0, 400, 100);
    lsm_range_set_flush_limit(f.store.l, rid(1), f.index);
    assert_int_equal(lsm_apply(f.store.l, rid(1), ++f.index, NULL, 0), STATUS_OK);
    assert_int_equal(lsm_range_split(f.store.l, rid(1), rid(2), BYTES_LITERAL("0200"), BYTES_EMPTY),
                     STATUS_OK);
    for (int round = 0; round < 2; round++) {
        expect_about(&f, 80, 120);
        struct buf key;
        buf_init(&key, 100);
        assert_int_equal(store_middle(&f.store, 2, &key), STATUS_OK);
        buf_append(&key, "", 1);
        int right = atoi((const char *)key.data);
        if (right < 280 || right > 320) fail_msg("%d is not in 280..320", right);
        buf_deinit(&key);
        lsm_range_set_flush_limit(f.store.l, rid(1), UINT64_MAX);
        store_settle(&f.store);
    }
    teardown(&f);
}
