#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/lsm/harness.h"

struct fixture {
    struct sim *sim;
    struct store store;
    uint64_t index[HARNESS_RANGES];
};

static void setup(struct fixture *f)
{
    struct sim_options options;
    sim_options_init(&options, 1);
    *f = (struct fixture){.sim = sim_create(&options)};
    store_init_sim(&f->store, f->sim);
    store_open(&f->store);
    assert_int_equal(lsm_range_create(f->store.l, rid(1)), STATUS_OK);
    assert_int_equal(lsm_range_create(f->store.l, rid(2)), STATUS_OK);
}

static void teardown(struct fixture *f)
{
    store_deinit(&f->store);
    sim_destroy(f->sim);
}

static void put(struct fixture *f, uint64_t range, const char *key, uint64_t ts)
{
    store_put(&f->store, range, ++f->index[range], LSM_SPACE_VERSIONS, key, ts, "value");
    store_put(&f->store, range, ++f->index[range], LSM_SPACE_LOCAL, key, 0, "value");
}

/* Two ranges, the right one from "m" on, with items of several spaces in one table each. */
static void two(struct fixture *f)
{
    setup(f);
    put(f, 1, "a", 1);
    put(f, 1, "b", 2);
    put(f, 2, "m", 3);
    put(f, 2, "n", 4);
    store_flush(&f->store, 1);
    store_flush(&f->store, 2);
}

static enum status merge_now(struct fixture *f)
{
    return lsm_range_merge(f->store.l, rid(1), rid(2), BYTES_LITERAL("m"));
}

static void merge_index(struct fixture *f)
{
    struct lsm *l = f->store.l;
    assert_int_equal(lsm_apply(l, rid(1), ++f->index[1], NULL, 0), STATUS_OK);
    lsm_range_set_meta(l, rid(1), BYTES_LITERAL("both"));
}

static void hold(struct fixture *f, uint64_t index)
{
    lsm_range_set_flush_limit(f->store.l, rid(1), index);
}

static void crash(struct fixture *f)
{
    store_crash(&f->store, SIM_CRASH_POWER);
    store_restart_env(&f->store);
    store_open(&f->store);
}

/* Space and key of each item, in engine order. */
static void expect(struct fixture *f, uint64_t range, const char *text)
{
    struct model m;
    char found[512] = "";
    size_t size = 0;
    assert_int_equal(store_read_all(&f->store, range, &m), STATUS_OK);
    for (size_t i = 0; i < m.count; i++)
        size += (size_t)snprintf(found + size, sizeof found - size, "%s%d%.*s", i == 0 ? "" : " ",
                                 (int)m.items[i].space, (int)m.items[i].key_size, m.items[i].key);
    assert_string_equal(found, text);
    model_deinit(&m);
}

TEST(lsm_unite, the_left_range_has_everything_at_once_and_after_a_restart)
{
    struct fixture f;
    two(&f);
    uint64_t bytes = lsm_metrics(f.store.l)->flush_bytes;
    merge_index(&f);
    assert_int_equal(merge_now(&f), STATUS_OK);
    assert_false(lsm_range_exists(f.store.l, rid(2)));
    put(&f, 1, "z", 9);
    expect(&f, 1, "1a 1b 1m 1n 1z 3a 3b 3m 3n 3z");
    store_settle(&f.store);
    assert_u64_equal(lsm_metrics(f.store.l)->flush_bytes, bytes); /* nothing was copied */
    crash(&f);
    assert_false(f.store.known[2]);
    assert_true(bytes_equal(buf_view(&f.store.meta_at_open[1]), BYTES_LITERAL("both")));
    expect(&f, 1, "1a 1b 1m 1n 3a 3b 3m 3n");
    assert_true(lsm_metrics(f.store.l)->table_count <= 2);
    teardown(&f);
}

TEST(lsm_unite, before_the_edit_a_restart_finds_both)
{
    struct fixture f;
    two(&f);
    hold(&f, f.index[1]);
    merge_index(&f);
    assert_int_equal(merge_now(&f), STATUS_OK);
    for (int i = 0; i < 100; i++)
        store_turn(&f.store);
    crash(&f);
    assert_true(f.store.known[1] && f.store.known[2]);
    expect(&f, 1, "1a 1b 3a 3b");
    expect(&f, 2, "1m 1n 3m 3n");
    f.index[1]--; /* the log again */
    merge_index(&f);
    assert_int_equal(merge_now(&f), STATUS_OK);
    store_settle(&f.store);
    crash(&f);
    assert_false(f.store.known[2]);
    expect(&f, 1, "1a 1b 1m 1n 3a 3b 3m 3n");
    teardown(&f);
}

TEST(lsm_unite, waits_until_the_right_range_is_on_disk)
{
    struct fixture f;
    two(&f);
    put(&f, 2, "o", 5);
    merge_index(&f);
    assert_int_equal(merge_now(&f), STATUS_BUSY);
    expect(&f, 2, "1m 1n 1o 3m 3n 3o");
    store_settle(&f.store);
    assert_u64_equal(f.store.flushed[2], f.index[2]);
    assert_int_equal(merge_now(&f), STATUS_OK);
    expect(&f, 1, "1a 1b 1m 1n 1o 3a 3b 3m 3n 3o");
    assert_int_equal(merge_now(&f), STATUS_NOT_FOUND);
    teardown(&f);
}

TEST(lsm_unite, what_was_united_divides_again_before_any_of_it_is_durable)
{
    struct fixture f;
    two(&f);
    hold(&f, f.index[1]);
    merge_index(&f);
    assert_int_equal(merge_now(&f), STATUS_OK);
    put(&f, 1, "c", 9);
    assert_int_equal(lsm_apply(f.store.l, rid(1), ++f.index[1], NULL, 0), STATUS_OK);
    assert_int_equal(lsm_range_split(f.store.l, rid(1), rid(3), BYTES_LITERAL("n"), BYTES_EMPTY),
                     STATUS_OK);
    for (int round = 0; round < 3; round++) {
        expect(&f, 1, "1a 1b 1c 1m 3a 3b 3c 3m");
        expect(&f, 3, "1n 3n");
        hold(&f, UINT64_MAX);
        store_settle(&f.store);
        if (round == 1) crash(&f);
    }
    assert_false(f.store.known[2]);
    teardown(&f);
}

static void take_result(struct env_op *op, int64_t result)
{
    *(int64_t *)op->ctx = result;
}

TEST(lsm_unite, a_drop_of_the_united_range_drops_both)
{
    struct fixture f;
    two(&f);
    merge_index(&f);
    assert_int_equal(merge_now(&f), STATUS_OK);
    assert_int_equal(store_drop(&f.store, 1), STATUS_OK);
    store_settle(&f.store);
    assert_u64_equal(lsm_metrics(f.store.l)->table_count, 0);
    crash(&f);
    assert_false(f.store.known[1] || f.store.known[2]);
    teardown(&f);
}

TEST(lsm_unite, a_snapshot_under_the_id_of_the_right_range_waits_for_its_end)
{
    struct fixture f;
    two(&f);
    assert_int_equal(lsm_range_create(f.store.l, rid(3)), STATUS_OK);
    put(&f, 3, "s", 7);
    merge_index(&f);
    assert_int_equal(merge_now(&f), STATUS_OK);
    assert_int_equal(store_copy_range(&f.store, 3, &f.store, 2, 100), STATUS_OK);
    expect(&f, 2, "1s 3s");
    crash(&f);
    expect(&f, 2, "1s 3s");
    expect(&f, 1, "1a 1b 1m 1n 3a 3b 3m 3n");
    teardown(&f);
}

TEST(lsm_unite, the_end_of_the_store_forgets_what_is_not_durable)
{
    struct fixture f;
    two(&f);
    hold(&f, f.index[1]);
    merge_index(&f);
    assert_int_equal(merge_now(&f), STATUS_OK);
    int64_t result = 1;
    struct env_op op = {.on_done = take_result, .ctx = &result};
    lsm_range_drop(f.store.l, rid(1), &op);
    crash(&f);
    assert_int_equal(result, -ECANCELED);
    assert_true(f.store.known[1] && f.store.known[2]);
    teardown(&f);
}

TEST(lsm_unite, a_damaged_range_is_not_united_with_anything)
{
    struct fixture f;
    two(&f);
    table_damaged(range_find(f.store.l, rid(2))->version->pieces[0]->table, "test", 0);
    merge_index(&f);
    assert_int_equal(merge_now(&f), STATUS_CORRUPT);
    expect(&f, 1, "1a 1b 3a 3b");
    teardown(&f);
}
