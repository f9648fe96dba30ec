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
}

static void teardown(struct fixture *f)
{
    store_deinit(&f->store);
    sim_destroy(f->sim);
}

static void put(struct fixture *f, uint64_t range, const char *key, uint64_t ts, const char *value)
{
    store_put(&f->store, range, ++f->index[range], LSM_SPACE_VERSIONS, key, ts, value);
}

static void put_local(struct fixture *f, uint64_t range, const char *key, const char *value)
{
    store_put(&f->store, range, ++f->index[range], LSM_SPACE_LOCAL, key, 0, value);
}

static enum status split(struct fixture *f, uint64_t left, uint64_t right, const char *key)
{
    struct lsm *l = f->store.l;
    assert_int_equal(lsm_apply(l, rid(left), ++f->index[left], NULL, 0), STATUS_OK);
    lsm_range_set_meta(l, rid(left), BYTES_LITERAL("left"));
    enum status status =
        lsm_range_split(l, rid(left), rid(right), bytes_of_string(key), BYTES_LITERAL("right"));
    if (status == STATUS_OK) f->index[right] = f->index[left];
    return status;
}

static void hold(struct fixture *f, uint64_t range, uint64_t index)
{
    lsm_range_set_flush_limit(f->store.l, rid(range), index);
}

static void turns(struct fixture *f, int count)
{
    for (int i = 0; i < count; i++)
        store_turn(&f->store);
}

/* "1aa 3bb": space and key of each item, in engine order. */
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

static bool has(struct fixture *f, uint64_t range, const char *key)
{
    struct lsm_version version;
    enum status status = store_get(&f->store, range, LSM_SPACE_VERSIONS, bytes_of_string(key),
                                   LSM_TS_MAX, &version, NULL);
    assert_true(status == STATUS_OK || status == STATUS_NOT_FOUND);
    return status == STATUS_OK;
}

static void reopen(struct fixture *f)
{
    store_close(&f->store);
    store_open(&f->store);
}

static void crash(struct fixture *f)
{
    store_crash(&f->store, SIM_CRASH_POWER);
    store_restart_env(&f->store);
    store_open(&f->store);
}

static void put_four(struct fixture *f)
{
    put(f, 1, "a", 1, "1");
    put(f, 1, "b", 2, "2");
    put_local(f, 1, "a", "3");
    put_local(f, 1, "b", "4");
}

/* ---- what each side sees ---- */

TEST(lsm_split, each_side_sees_its_keys_in_memory_in_tables_and_after_a_restart)
{
    struct fixture f;
    setup(&f);
    put_four(&f);
    store_flush(&f.store, 1);
    put(&f, 1, "aa", 3, "5");
    put(&f, 1, "bb", 4, "6");
    hold(&f, 1, 0);
    assert_int_equal(split(&f, 1, 2, "b"), STATUS_OK);
    for (int round = 0; round < 3; round++) {
        expect(&f, 1, "1a 1aa 3a");
        expect(&f, 2, "1b 1bb 3b");
        assert_true(has(&f, 1, "aa") && !has(&f, 1, "b") && !has(&f, 1, "bb"));
        assert_true(has(&f, 2, "b") && has(&f, 2, "bb") && !has(&f, 2, "aa"));
        if (round == 0) {
            hold(&f, 1, UINT64_MAX);
            store_settle(&f.store);
        } else {
            reopen(&f);
        }
    }
    assert_u64_equal(f.store.index_at_open[1], f.index[1]);
    assert_u64_equal(f.store.index_at_open[2], f.index[1]);
    assert_true(bytes_equal(buf_view(&f.store.meta_at_open[1]), BYTES_LITERAL("left")));
    assert_true(bytes_equal(buf_view(&f.store.meta_at_open[2]), BYTES_LITERAL("right")));
    teardown(&f);
}

TEST(lsm_split, both_sides_share_the_tables_and_nothing_is_written_twice)
{
    struct fixture f;
    setup(&f);
    for (char key[] = "a"; key[0] <= 'z'; key[0]++)
        put(&f, 1, key, (uint64_t)key[0], "value");
    store_flush(&f.store, 1);
    uint64_t bytes = lsm_metrics(f.store.l)->flush_bytes;
    assert_int_equal(split(&f, 1, 2, "m"), STATUS_OK);
    struct lsm_range_stats left, right;
    assert_int_equal(lsm_range_stats(f.store.l, rid(1), &left), STATUS_OK);
    assert_int_equal(lsm_range_stats(f.store.l, rid(2), &right), STATUS_OK);
    assert_u64_equal(left.table_count, 1);
    assert_u64_equal(right.table_count, 1);
    assert_true(left.table_bytes + right.table_bytes <= bytes);
    assert_true(left.entry_estimate + right.entry_estimate <= 26);
    store_settle(&f.store);
    assert_u64_equal(lsm_metrics(f.store.l)->flush_bytes, bytes);
    assert_u64_equal(lsm_metrics(f.store.l)->table_count, 1);
    assert_int_equal(store_drop(&f.store, 1), STATUS_OK);
    assert_u64_equal(lsm_metrics(f.store.l)->table_count, 1); /* the right one needs it */
    assert_true(has(&f, 2, "m"));
    assert_int_equal(store_drop(&f.store, 2), STATUS_OK);
    assert_u64_equal(lsm_metrics(f.store.l)->table_count, 0);
    teardown(&f);
}

TEST(lsm_split, a_reader_opened_before_sees_the_undivided_range)
{
    struct fixture f;
    setup(&f);
    put_four(&f);
    store_flush(&f.store, 1);
    put(&f, 1, "c", 5, "5");
    struct lsm_iter *it;
    assert_int_equal(lsm_iter_open(f.store.l, rid(1), LSM_SPACE_VERSIONS, BYTES_EMPTY, BYTES_EMPTY,
                                   LSM_TS_MAX, LSM_ITER_NEWEST, false, &it),
                     STATUS_OK);
    assert_int_equal(split(&f, 1, 2, "b"), STATUS_OK);
    store_settle(&f.store);
    struct model m;
    assert_int_equal(store_collect(&f.store, it, &m), STATUS_OK);
    assert_u64_equal(m.count, 3);
    model_deinit(&m);
    lsm_iter_close(it);
    teardown(&f);
}

TEST(lsm_split, an_iterator_without_an_end_stops_at_its_side_in_both_directions)
{
    struct fixture f;
    setup(&f);
    put_four(&f);
    hold(&f, 1, 0);
    assert_int_equal(split(&f, 1, 2, "b"), STATUS_OK);
    for (int flushed = 0; flushed < 2; flushed++) {
        for (uint64_t range = 1; range <= 2; range++) {
            for (int reverse = 0; reverse < 2; reverse++) {
                struct lsm_iter *it;
                struct model m;
                assert_int_equal(lsm_iter_open(f.store.l, rid(range), LSM_SPACE_VERSIONS,
                                               BYTES_EMPTY, BYTES_EMPTY, LSM_TS_MAX,
                                               LSM_ITER_ALL_VERSIONS, reverse != 0, &it),
                                 STATUS_OK);
                assert_int_equal(store_collect(&f.store, it, &m), STATUS_OK);
                assert_u64_equal(m.count, 1);
                assert_int_equal(m.items[0].key[0], range == 1 ? 'a' : 'b');
                model_deinit(&m);
                lsm_iter_close(it);
            }
        }
        hold(&f, 1, UINT64_MAX);
        store_settle(&f.store);
    }
    teardown(&f);
}

TEST(lsm_split, sides_have_the_hashes_of_ranges_that_were_never_one)
{
    struct fixture f;
    setup(&f);
    put_four(&f);
    store_flush(&f.store, 1);
    put(&f, 1, "bb", 9, "x");
    assert_int_equal(split(&f, 1, 2, "b"), STATUS_OK);
    assert_int_equal(lsm_range_create(f.store.l, rid(3)), STATUS_OK);
    put(&f, 3, "b", 2, "2");
    put_local(&f, 3, "b", "4");
    put(&f, 3, "bb", 9, "x");
    for (int round = 0; round < 2; round++) {
        uint64_t right, alone;
        assert_int_equal(store_hash(&f.store, 2, &right), STATUS_OK);
        assert_int_equal(store_hash(&f.store, 3, &alone), STATUS_OK);
        assert_u64_equal(right, alone);
        store_settle(&f.store);
    }
    teardown(&f);
}

/* ---- durability ---- */

TEST(lsm_split, before_the_edit_the_files_hold_the_undivided_range_and_after_it_both)
{
    struct fixture f;
    setup(&f);
    put_four(&f);
    store_flush(&f.store, 1);
    uint64_t before = f.index[1];
    put(&f, 1, "bb", 5, "6");
    hold(&f, 1, before);
    assert_int_equal(split(&f, 1, 2, "b"), STATUS_OK);
    put(&f, 2, "c", 6, "7");
    lsm_range_flush(f.store.l, rid(2));
    lsm_range_flush(f.store.l, rid(1));
    turns(&f, 200);
    assert_u64_equal(f.store.flushed[1], before);
    assert_u64_equal(f.store.flushed[2], 0);
    crash(&f);
    assert_true(f.store.known[1] && !f.store.known[2]);
    assert_u64_equal(f.store.index_at_open[1], before);
    expect(&f, 1, "1a 1b 3a 3b");
    f.index[1] = before; /* the log again */
    put(&f, 1, "bb", 5, "6");
    assert_int_equal(split(&f, 1, 2, "b"), STATUS_OK);
    store_settle(&f.store);
    assert_u64_equal(f.store.flushed[1], f.index[1]);
    assert_u64_equal(f.store.flushed[2], f.index[1]);
    crash(&f);
    assert_true(f.store.known[1] && f.store.known[2]);
    expect(&f, 1, "1a 3a");
    expect(&f, 2, "1b 1bb 3b");
    teardown(&f);
}

/* What is frozen has no items then, and is no mere record all the same. */
TEST(lsm_split, a_split_of_what_is_all_on_disk_is_durable_with_the_next_flush)
{
    struct fixture f;
    setup(&f);
    put_four(&f);
    store_flush(&f.store, 1);
    assert_int_equal(split(&f, 1, 2, "b"), STATUS_OK);
    store_flush(&f.store, 1);
    assert_u64_equal(f.store.flushed[1], f.index[1]);
    crash(&f);
    assert_true(f.store.known[1] && f.store.known[2]);
    expect(&f, 1, "1a 3a");
    expect(&f, 2, "1b 3b");
    teardown(&f);
}

TEST(lsm_split, splits_of_one_range_and_of_what_was_split_off_become_durable_one_after_the_other)
{
    struct fixture f;
    setup(&f);
    put(&f, 1, "a", 1, "1");
    put(&f, 1, "d", 1, "1");
    put(&f, 1, "g", 1, "1");
    hold(&f, 1, 0);
    assert_int_equal(split(&f, 1, 2, "d"), STATUS_OK); /* 2: d.. */
    put(&f, 1, "b", 2, "2");
    put(&f, 2, "h", 2, "2");
    hold(&f, 2, f.index[1] - 1);
    assert_int_equal(split(&f, 2, 3, "g"), STATUS_OK); /* 3: g.. */
    assert_int_equal(split(&f, 1, 4, "b"), STATUS_OK); /* 4: b..d */
    put(&f, 3, "i", 3, "3");
    assert_int_equal(split(&f, 3, 5, "i"), STATUS_OK); /* 5: i.. */
    hold(&f, 3, 0);
    uint64_t first = f.index[2] - 2;
    hold(&f, 1, first); /* up to the first split */
    turns(&f, 300);
    assert_u64_equal(f.store.flushed[1], first);
    assert_u64_equal(f.store.flushed[2], first);
    assert_u64_equal(f.store.flushed[3] + f.store.flushed[4] + f.store.flushed[5], 0);
    hold(&f, 2, UINT64_MAX);
    turns(&f, 300);
    assert_u64_equal(f.store.flushed[2], f.index[2]);
    assert_u64_equal(f.store.flushed[3], f.index[2]);
    assert_u64_equal(f.store.flushed[4] + f.store.flushed[5], 0);
    hold(&f, 1, UINT64_MAX);
    hold(&f, 3, UINT64_MAX);
    store_settle(&f.store);
    for (int round = 0; round < 2; round++) {
        expect(&f, 1, "1a");
        expect(&f, 4, "1b");
        expect(&f, 2, "1d");
        expect(&f, 3, "1g 1h");
        expect(&f, 5, "1i");
        reopen(&f);
    }
    teardown(&f);
}

TEST(lsm_split, the_right_side_exists_already_so_the_left_one_only_shrinks)
{
    struct fixture f;
    setup(&f);
    put_four(&f);
    assert_int_equal(lsm_range_create(f.store.l, rid(2)), STATUS_OK);
    put(&f, 2, "z", 9, "9");
    assert_int_equal(split(&f, 1, 2, "b"), STATUS_EXISTS);
    store_settle(&f.store);
    expect(&f, 1, "1a 3a");
    expect(&f, 2, "1z");
    reopen(&f);
    expect(&f, 1, "1a 3a");
    assert_false(f.store.known[2]); /* it was never flushed */
    assert_int_equal(lsm_range_split(f.store.l, rid(7), rid(6), BYTES_LITERAL("b"), BYTES_EMPTY),
                     STATUS_NOT_FOUND);
    teardown(&f);
}

TEST(lsm_split, a_range_shrinks_in_memory_at_once_and_on_disk_with_its_flush)
{
    struct fixture f;
    setup(&f);
    put_four(&f);
    store_flush(&f.store, 1);
    hold(&f, 1, f.index[1]);
    assert_int_equal(lsm_apply(f.store.l, rid(1), ++f.index[1], NULL, 0), STATUS_OK);
    assert_int_equal(lsm_range_shrink(f.store.l, rid(1), BYTES_LITERAL("b")), STATUS_OK);
    expect(&f, 1, "1a 3a");
    crash(&f);
    expect(&f, 1, "1a 1b 3a 3b");
    assert_int_equal(lsm_apply(f.store.l, rid(1), f.index[1], NULL, 0), STATUS_OK);
    assert_int_equal(lsm_range_shrink(f.store.l, rid(1), BYTES_LITERAL("b")), STATUS_OK);
    store_settle(&f.store);
    crash(&f);
    expect(&f, 1, "1a 3a");
    assert_int_equal(lsm_range_shrink(f.store.l, rid(9), BYTES_LITERAL("b")), STATUS_NOT_FOUND);
    teardown(&f);
}

/* ---- the end of a side ---- */

static void take_result(struct env_op *op, int64_t result)
{
    *(int64_t *)op->ctx = result;
}

TEST(lsm_split, a_drop_of_either_side_waits_for_the_edit)
{
    for (uint64_t gone = 1; gone <= 2; gone++) {
        struct fixture f;
        setup(&f);
        put_four(&f);
        store_flush(&f.store, 1);
        put(&f, 1, "bb", 5, "6");
        assert_int_equal(split(&f, 1, 2, "b"), STATUS_OK);
        assert_int_equal(store_drop(&f.store, gone), STATUS_OK);
        assert_false(lsm_range_exists(f.store.l, rid(gone)));
        expect(&f, 3 - gone, gone == 1 ? "1b 1bb 3b" : "1a 3a");
        crash(&f);
        assert_false(f.store.known[gone]);
        assert_true(f.store.known[3 - gone]);
        expect(&f, 3 - gone, gone == 1 ? "1b 1bb 3b" : "1a 3a");
        teardown(&f);
    }
}

TEST(lsm_split, a_dropped_left_side_is_flushed_for_the_right_one_whatever_its_limit)
{
    struct fixture f;
    setup(&f);
    put_four(&f);
    hold(&f, 1, 0);
    assert_int_equal(split(&f, 1, 2, "b"), STATUS_OK);
    assert_int_equal(store_drop(&f.store, 1), STATUS_OK);
    crash(&f);
    assert_false(f.store.known[1]);
    expect(&f, 2, "1b 3b");
    teardown(&f);
}

TEST(lsm_split, a_range_made_anew_under_the_id_of_one_that_waits_for_its_end_is_not_hit_by_it)
{
    struct fixture f;
    setup(&f);
    put_four(&f);
    assert_int_equal(split(&f, 1, 2, "b"), STATUS_OK);
    int64_t result = 1;
    struct env_op op = {.on_done = take_result, .ctx = &result};
    lsm_range_drop(f.store.l, rid(1), &op);
    assert_int_equal(lsm_range_create(f.store.l, rid(1)), STATUS_OK);
    f.index[1] = 0;
    put(&f, 1, "k", 9, "9");
    store_flush(&f.store, 1);
    assert_int_equal(result, 0);
    expect(&f, 1, "1k");
    crash(&f);
    expect(&f, 1, "1k");
    expect(&f, 2, "1b 3b");
    teardown(&f);
}

TEST(lsm_split, a_snapshot_that_replaces_a_side_waits_for_the_edit)
{
    for (uint64_t replaced = 1; replaced <= 2; replaced++) {
        struct fixture f;
        setup(&f);
        put_four(&f);
        assert_int_equal(lsm_range_create(f.store.l, rid(3)), STATUS_OK);
        put(&f, 3, "s", 7, "7");
        assert_int_equal(split(&f, 1, 2, "b"), STATUS_OK);
        assert_int_equal(store_copy_range(&f.store, 3, &f.store, replaced, 100), STATUS_OK);
        for (int round = 0; round < 2; round++) {
            expect(&f, replaced, "1s");
            expect(&f, 3 - replaced, replaced == 1 ? "1b 3b" : "1a 3a");
            crash(&f);
        }
        teardown(&f);
    }
}

TEST(lsm_split, a_side_that_is_damaged_before_the_edit_is_replaced_like_any_other)
{
    for (uint64_t replaced = 1; replaced <= 2; replaced++) {
        struct fixture f;
        setup(&f);
        put_four(&f);
        store_flush(&f.store, 1);
        assert_int_equal(lsm_range_create(f.store.l, rid(3)), STATUS_OK);
        put(&f, 3, "s", 7, "7");
        assert_int_equal(split(&f, 1, 2, "b"), STATUS_OK);
        table_damaged(range_find(f.store.l, rid(1))->version->pieces[0]->table, "test", 0);
        assert_int_equal(store_copy_range(&f.store, 3, &f.store, replaced, 100), STATUS_OK);
        expect(&f, replaced, "1s");
        reopen(&f);
        expect(&f, replaced, "1s");
        teardown(&f);
    }
}

TEST(lsm_split, a_store_that_ends_while_splits_wait_forgets_them)
{
    struct fixture f;
    setup(&f);
    put_four(&f);
    hold(&f, 1, 0);
    assert_int_equal(split(&f, 1, 2, "b"), STATUS_OK);
    hold(&f, 2, 0);
    assert_int_equal(split(&f, 2, 3, "c"), STATUS_OK);
    int64_t result = 1;
    struct env_op op = {.on_done = take_result, .ctx = &result};
    lsm_range_drop(f.store.l, rid(2), &op);
    crash(&f);
    assert_int_equal(result, -ECANCELED);
    assert_false(f.store.known[1] || f.store.known[2] || f.store.known[3]);
    teardown(&f);
}

/* ---- work in the background ---- */

TEST(lsm_split, what_was_written_before_the_gc_timestamp_rose_outlives_a_shared_flush)
{
    struct fixture f;
    setup(&f);
    put(&f, 1, "b", 5, "five");
    put(&f, 1, "b", 9, "nine");
    hold(&f, 1, 0);
    assert_int_equal(split(&f, 1, 2, "b"), STATUS_OK);
    lsm_range_set_gc(f.store.l, rid(1),
                     20); /* the left one's readers are through, the right one's not */
    hold(&f, 1, UINT64_MAX);
    store_settle(&f.store);
    struct lsm_version version;
    assert_int_equal(
        store_get(&f.store, 2, LSM_SPACE_VERSIONS, BYTES_LITERAL("b"), 6, &version, NULL),
        STATUS_OK);
    assert_u64_equal(version.ts, 5);
    teardown(&f);
}

TEST(lsm_split, compaction_drops_what_lies_outside_and_the_shared_tables_go)
{
    struct fixture f;
    setup(&f);
    char key[16], value[200];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = 0;
    for (int i = 0; i < 600; i++) {
        snprintf(key, sizeof key, "%04d", i);
        value[i % 199] = (char)('a' + i % 26);
        put(&f, 1, key, (uint64_t)i + 1, value);
        if (i % 100 == 99) store_flush(&f.store, 1);
    }
    store_settle(&f.store);
    assert_int_equal(split(&f, 1, 2, "0050"), STATUS_OK);
    store_settle(&f.store);
    for (int round = 0; round < 8; round++) {
        for (int i = 0; i < 600; i++) {
            snprintf(key, sizeof key, "%04d", i);
            if (round % 2 == i % 2) put(&f, i < 50 ? 1 : 2, key, (uint64_t)(1000 + round), value);
        }
        store_flush(&f.store, 1);
        store_flush(&f.store, 2);
    }
    store_settle(&f.store);
    for (uint64_t range = 1; range <= 2; range++) {
        const struct version *v = range_find(f.store.l, rid(range))->version;
        for (uint32_t i = 0; i < version_piece_count(v); i++)
            assert_false(piece_is_part(v->pieces[i]) &&
                         v->pieces[i]->size_bytes < v->pieces[i]->table->size_bytes / 2);
    }
    assert_true(has(&f, 1, "0049") && has(&f, 2, "0050") && !has(&f, 1, "0050"));
    teardown(&f);
}

TEST(lsm_split, a_damaged_table_fences_both_sides_and_no_other_range)
{
    struct fixture f;
    setup(&f);
    put_four(&f);
    store_flush(&f.store, 1);
    assert_int_equal(lsm_range_create(f.store.l, rid(3)), STATUS_OK);
    put(&f, 3, "s", 7, "7");
    assert_int_equal(split(&f, 1, 2, "b"), STATUS_OK);
    store_settle(&f.store);
    table_damaged(range_find(f.store.l, rid(2))->version->pieces[0]->table, "test", 0);
    turns(&f, 3);
    assert_true(f.store.corrupt[1] && f.store.corrupt[2] && !f.store.corrupt[3]);
    teardown(&f);
}
