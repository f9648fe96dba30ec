/* What flushes and compactions write: how tables are cut, and what goes down together. */
#include <inttypes.h>

#include "tests/lsm/rewrite.h"

TEST(lsm_rewrite, ascending_keys_go_down_as_they_are)
{
    struct rewrite w;
    rewrite_open(&w);
    for (int flush = 0; flush < 12; flush++)
        rewrite_flush(&w, 0, 400);
    assert_true(rewrite_share(&w) < 20);
    rewrite_close(&w);
}

TEST(lsm_rewrite, rows_in_random_order_do_not_take_ascending_keys_along)
{
    rewrite_run();
}

TEST(lsm_rewrite, nothing_moves_past_the_little_that_it_overlaps)
{
    rewrite_over_little();
}

TEST(lsm_rewrite, versions_of_one_key_are_not_cut_apart)
{
    struct rewrite w;
    rewrite_open(&w);
    for (uint64_t ts = 1; ts <= 400; ts++)
        rewrite_put(&w, "c", ts);
    store_flush(&w.store, 1);
    store_settle(&w.store);
    const struct range *r = range_find(w.store.l, rid(1));
    assert_int_equal(version_piece_count(r->version), 1);
    assert_true(r->version->bytes > 2 * w.store.options.table_bytes);
    rewrite_close(&w);
}

/* Few keys, far from each other: not a table for each of them. */
TEST(lsm_rewrite, a_flush_of_scattered_keys_is_few_tables)
{
    struct rewrite w;
    char key[16];
    rewrite_open(&w);
    for (int flush = 0; flush < 6; flush++)
        rewrite_flush(&w, 0, 400);
    uint32_t before = version_piece_count(range_find(w.store.l, rid(1))->version);
    assert_true(before > 20);
    for (uint64_t i = 1; i < 2400; i += 100) {
        snprintf(key, sizeof key, "b%09" PRIu64, i);
        rewrite_put(&w, key, 100000 + i);
    }
    lsm_range_flush(w.store.l, rid(1));
    store_settle(&w.store);
    uint32_t after = version_piece_count(range_find(w.store.l, rid(1))->version);
    assert_true(after <= before + 10);
    rewrite_close(&w);
}

TEST(lsm_rewrite, much_that_lies_side_by_side_in_level_0_slows_nobody_down)
{
    struct rewrite w;
    char key[16];
    rewrite_open(&w);
    for (int i = 0; i < 14; i++) {
        snprintf(key, sizeof key, "d%02d", i);
        rewrite_put(&w, key, 1);
        store_flush(&w.store, 1);
    }
    store_settle(&w.store);
    const struct version *v = range_find(w.store.l, rid(1))->version;
    assert_int_equal(v->counts[0], 14);
    assert_int_equal(level0_depth(v->levels[0], v->lasting_count, LSM_L0_DEPTH_ENOUGH), 1);
    assert_int_equal(lsm_pressure(w.store.l), 0);
    for (int i = 14; i < 18; i++) {
        snprintf(key, sizeof key, "d%02d", i);
        rewrite_put(&w, key, 1);
        store_flush(&w.store, 1);
        store_settle(&w.store);
    }
    v = range_find(w.store.l, rid(1))->version;
    assert_true(v->counts[0] <= LSM_L0_PIECES_MAX);
    rewrite_close(&w);
}

static void put_two(struct rewrite *w, int first, int second)
{
    char key[16];
    snprintf(key, sizeof key, "m%04d", first);
    rewrite_put(w, key, 2 + w->index);
    snprintf(key, sizeof key, "m%04d", second);
    rewrite_put(w, key, 2 + w->index);
    store_flush(&w->store, 1);
    store_settle(&w->store);
}

static uint32_t depth(const struct rewrite *w)
{
    const struct version *v = range_find(w->store.l, rid(1))->version;
    return level0_depth(v->levels[0], v->lasting_count, LSM_L0_DEPTH_ENOUGH);
}

/* However little goes down, all that lies between its keys is rewritten. */
TEST(lsm_rewrite, little_that_would_take_much_along_waits_for_more)
{
    struct rewrite w;
    char key[16];
    rewrite_open(&w);
    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof key, "m%04d", i);
        rewrite_put(&w, key, 1);
    }
    store_flush(&w.store, 1);
    store_settle(&w.store);
    assert_int_equal(depth(&w), 0);
    for (uint32_t n = 1; n < LSM_L0_TABLES_LATE; n++) {
        put_two(&w, 0, 299);
        assert_int_equal(depth(&w), n);
    }
    put_two(&w, 0, 299);
    assert_int_equal(depth(&w), 0);
    for (uint32_t n = 1; n < LSM_L0_TABLES; n++) {
        put_two(&w, 100, 101);
        assert_int_equal(depth(&w), n);
    }
    put_two(&w, 100, 101);
    assert_int_equal(depth(&w), 0);
    rewrite_close(&w);
}
