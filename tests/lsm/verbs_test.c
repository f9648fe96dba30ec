#include <stdio.h>
#include <stdlib.h>

#include "lsm/chunk_int.h"
#include "tests/lsm/harness.h"

struct fixture {
    struct sim *sim;
    struct store store;
};

static void open_fixture(struct fixture *f)
{
    struct sim_options options;
    sim_options_init(&options, 1);
    f->sim = sim_create(&options);
    store_init_sim(&f->store, f->sim);
    store_open(&f->store);
    assert_int_equal(lsm_range_create(f->store.l, rid(1)), STATUS_OK);
}

static void close_fixture(struct fixture *f)
{
    store_deinit(&f->store);
    sim_destroy(f->sim);
}

static enum status get(struct fixture *f, enum lsm_space space, const char *key, uint64_t ts,
                       const char *want)
{
    struct lsm_version version = {0};
    struct buf value;
    buf_init(&value, 1 << 20);
    enum status status = store_get(&f->store, 1, space, bytes_of_string(key), ts, &version, &value);
    if (status == STATUS_OK && want == NULL) assert_true(version.tombstone);
    if (status == STATUS_OK && want != NULL)
        assert_true(bytes_equal(buf_view(&value), bytes_of_string(want)));
    buf_deinit(&value);
    return status;
}

/* ---- reads ---- */

static void check_basics(struct fixture *f)
{
    assert_int_equal(get(f, LSM_SPACE_VERSIONS, "a", 9, NULL), STATUS_NOT_FOUND);
    assert_int_equal(get(f, LSM_SPACE_VERSIONS, "a", 10, "a10"), STATUS_OK);
    assert_int_equal(get(f, LSM_SPACE_VERSIONS, "a", 19, "a10"), STATUS_OK);
    assert_int_equal(get(f, LSM_SPACE_VERSIONS, "a", 20, NULL), STATUS_OK); /* a tombstone */
    assert_int_equal(get(f, LSM_SPACE_VERSIONS, "a", LSM_TS_MAX, "a30"), STATUS_OK);
    assert_int_equal(get(f, LSM_SPACE_INTENTS, "a", 0, "intent"), STATUS_OK);
    assert_int_equal(get(f, LSM_SPACE_LOCAL, "a", 0, "second"), STATUS_OK);
    assert_int_equal(get(f, LSM_SPACE_VERSIONS, "", 1, "empty key"), STATUS_OK);
    assert_int_equal(get(f, LSM_SPACE_VERSIONS, "aa", LSM_TS_MAX, NULL), STATUS_NOT_FOUND);
}

TEST(lsm_verbs, get_answers_the_newest_version_at_a_time_from_memory_and_from_tables)
{
    struct fixture f;
    open_fixture(&f);
    store_put(&f.store, 1, 1, LSM_SPACE_VERSIONS, "a", 10, "a10");
    store_put(&f.store, 1, 2, LSM_SPACE_VERSIONS, "a", 20, NULL);
    store_put(&f.store, 1, 3, LSM_SPACE_VERSIONS, "a", 30, "a30");
    store_put(&f.store, 1, 4, LSM_SPACE_INTENTS, "a", 0, "intent");
    store_put(&f.store, 1, 5, LSM_SPACE_LOCAL, "a", 0, "first");
    store_put(&f.store, 1, 6, LSM_SPACE_LOCAL, "a", 0, "second");
    store_put(&f.store, 1, 7, LSM_SPACE_VERSIONS, "", 1, "empty key");
    check_basics(&f);
    store_flush(&f.store, 1);
    check_basics(&f);
    assert_u64_equal(lsm_metrics(f.store.l)->table_count, 1);
    close_fixture(&f);
}

/* Versions of a key need not arrive in the order of their timestamps. */
TEST(lsm_verbs, an_older_version_written_later_does_not_hide_a_newer_one)
{
    struct fixture f;
    open_fixture(&f);
    store_put(&f.store, 1, 1, LSM_SPACE_VERSIONS, "k", 50, "fifty");
    store_flush(&f.store, 1);
    store_put(&f.store, 1, 2, LSM_SPACE_VERSIONS, "k", 40, "forty");
    assert_int_equal(get(&f, LSM_SPACE_VERSIONS, "k", 100, "fifty"), STATUS_OK);
    assert_int_equal(get(&f, LSM_SPACE_VERSIONS, "k", 45, "forty"), STATUS_OK);
    store_flush(&f.store, 1);
    assert_int_equal(get(&f, LSM_SPACE_VERSIONS, "k", 100, "fifty"), STATUS_OK);
    assert_int_equal(get(&f, LSM_SPACE_VERSIONS, "k", 45, "forty"), STATUS_OK);
    close_fixture(&f);
}

TEST(lsm_verbs, a_state_written_again_replaces_the_one_in_a_table)
{
    struct fixture f;
    open_fixture(&f);
    store_put(&f.store, 1, 1, LSM_SPACE_LOCAL, "k", 0, "old");
    store_put(&f.store, 1, 2, LSM_SPACE_VERSIONS, "v", 5, "old");
    store_flush(&f.store, 1);
    store_put(&f.store, 1, 3, LSM_SPACE_LOCAL, "k", 0, NULL);
    store_put(&f.store, 1, 4, LSM_SPACE_VERSIONS, "v", 5, "new");
    assert_int_equal(get(&f, LSM_SPACE_LOCAL, "k", 0, NULL), STATUS_OK);
    assert_int_equal(get(&f, LSM_SPACE_VERSIONS, "v", 9, "new"), STATUS_OK);
    store_flush(&f.store, 1);
    assert_int_equal(get(&f, LSM_SPACE_VERSIONS, "v", 9, "new"), STATUS_OK);
    assert_true(get(&f, LSM_SPACE_LOCAL, "k", 0, NULL) != STATUS_WAIT);
    close_fixture(&f);
}

static void never_ready(__attribute__((unused)) struct lsm_waiter *w)
{
    fail_msg("a cancelled waiter was called");
}

TEST(lsm_verbs, a_cancelled_waiter_is_not_called)
{
    struct fixture f;
    open_fixture(&f);
    store_put(&f.store, 1, 1, LSM_SPACE_VERSIONS, "k", 5, "v");
    store_flush(&f.store, 1);
    struct lsm_waiter w;
    struct lsm_version version;
    lsm_waiter_init(&w, never_ready);
    assert_int_equal(
        lsm_get(f.store.l, rid(1), LSM_SPACE_VERSIONS, BYTES_LITERAL("k"), 9, &w, &version, NULL),
        STATUS_WAIT);
    lsm_waiter_cancel(&w);
    for (int i = 0; i < 100; i++)
        store_turn(&f.store);
    assert_int_equal(get(&f, LSM_SPACE_VERSIONS, "k", 9, "v"), STATUS_OK);
    close_fixture(&f);
}

/* ---- views ---- */

static void put_many(struct fixture *f, uint64_t *index, uint64_t count, uint64_t ts,
                     const char *value)
{
    for (uint64_t i = 0; i < count; i++) {
        char key[32];
        snprintf(key, sizeof key, "key%05llu", (unsigned long long)i);
        store_put(&f->store, 1, ++*index, LSM_SPACE_VERSIONS, key, ts, value);
    }
}

/* Iterators hold memtables and files over flushes, compactions, ingest and drop. */
TEST(lsm_verbs, an_iterator_outlives_everything_that_replaces_what_it_reads)
{
    struct fixture f;
    uint64_t index = 0;
    open_fixture(&f);
    put_many(&f, &index, 400, 1, "before, before, before, before, before, before, before");
    store_flush(&f.store, 1);
    put_many(&f, &index, 100, 2, "in memory");
    struct lsm_iter *it;
    assert_int_equal(lsm_iter_open(f.store.l, rid(1), LSM_SPACE_VERSIONS, BYTES_EMPTY, BYTES_EMPTY,
                                   LSM_TS_MAX, LSM_ITER_ALL_VERSIONS, false, &it),
                     STATUS_OK);
    struct lsm_item item;
    assert_int_equal(store_next(&f.store, it, &item), STATUS_OK);
    for (uint64_t i = 0; i < 6; i++) {
        put_many(&f, &index, 400, 10 + i, "after, after, after, after, after, after, after, after");
        lsm_range_set_gc(f.store.l, rid(1), 9 + i);
        store_flush(&f.store, 1);
    }
    store_settle(&f.store);
    assert_true(lsm_metrics(f.store.l)->compaction_count > 0);
    assert_int_equal(store_drop(&f.store, 1), STATUS_OK);
    for (uint64_t seen = 1; seen < 500; seen++) {
        assert_int_equal(store_next(&f.store, it, &item), STATUS_OK);
        assert_true(item.ts <= 2);
    }
    assert_int_equal(store_next(&f.store, it, &item), STATUS_NOT_FOUND);
    lsm_iter_close(it);
    store_settle(&f.store);
    close_fixture(&f);
}

TEST(lsm_verbs, many_versions_of_a_key_are_skipped_by_seeking)
{
    struct fixture f;
    open_fixture(&f);
    uint64_t index = 0;
    for (uint64_t ts = 1; ts <= 5000; ts++) {
        store_put(&f.store, 1, ++index, LSM_SPACE_VERSIONS, "hot", ts, "v");
        if (ts == 2500) store_flush(&f.store, 1);
    }
    store_put(&f.store, 1, ++index, LSM_SPACE_VERSIONS, "next", 7, "n");
    for (int reverse = 0; reverse < 2; reverse++) {
        for (uint64_t at = 1; at <= 5000; at += 1234) {
            struct lsm_iter *it;
            struct lsm_item item;
            uint64_t found = 0;
            assert_int_equal(lsm_iter_open(f.store.l, rid(1), LSM_SPACE_VERSIONS, BYTES_EMPTY,
                                           BYTES_EMPTY, at, LSM_ITER_NEWEST, reverse != 0, &it),
                             STATUS_OK);
            while (store_next(&f.store, it, &item) == STATUS_OK) {
                bool hot = bytes_equal(item.key, BYTES_LITERAL("hot"));
                assert_u64_equal(item.ts, hot ? at : 7);
                found++;
            }
            assert_u64_equal(found, at >= 7 ? 2 : 1);
            lsm_iter_close(it);
        }
    }
    close_fixture(&f);
}

/* ---- more than memory ---- */

TEST(lsm_verbs, holds_far_more_than_its_memory)
{
    struct fixture f;
    open_fixture(&f);
    struct model m;
    struct prng p;
    uint64_t ts = 0, index = 0;
    model_init(&m);
    prng_init(&p, 3);
    uint32_t highest = 0;
    while (lsm_metrics(f.store.l)->table_bytes < (6u << 20)) {
        struct random_writes w;
        random_writes_make(&w, &p, 4000, &ts);
        assert_int_equal(lsm_apply(f.store.l, rid(1), ++index, w.writes, w.count), STATUS_OK);
        for (uint32_t i = 0; i < w.count; i++)
            model_write(&m, &w.writes[i]);
        uint32_t pressure = lsm_pressure(f.store.l);
        if (pressure > highest) highest = pressure;
        for (uint32_t slower = pressure / 5; slower > 0; slower--)
            store_turn(&f.store);
        while (lsm_pressure(f.store.l) >= 100)
            store_turn(&f.store);
        if (index % 4 == 0) store_turn(&f.store);
    }
    assert_true(highest > 0);
    assert_true(lsm_metrics(f.store.l)->memtable_bytes < 2 * f.store.options.memtable_bytes);
    assert_true(lsm_metrics(f.store.l)->cache_bytes <= 2 << 20);
    store_check_range(&f.store, 1, &m, 0);
    store_settle(&f.store);
    assert_true(lsm_metrics(f.store.l)->compaction_count > 10);
    assert_u64_equal(lsm_pressure(f.store.l), 0);
    store_check_range(&f.store, 1, &m, 0);
    model_deinit(&m);
    close_fixture(&f);
}

TEST(lsm_verbs, large_keys_and_values_are_held)
{
    struct fixture f;
    open_fixture(&f);
    uint8_t *key = malloc(LSM_KEY_BYTES_MAX), *value = malloc(LSM_VALUE_BYTES_MAX);
    memset(key, 'k', LSM_KEY_BYTES_MAX);
    struct prng p;
    prng_init(&p, 1);
    for (size_t i = 0; i < LSM_VALUE_BYTES_MAX; i++)
        value[i] = (uint8_t)prng_next(&p);
    struct lsm_write w = {LSM_SPACE_VERSIONS, false, bytes_make(key, LSM_KEY_BYTES_MAX), 1,
                          bytes_make(value, LSM_VALUE_BYTES_MAX), false};
    struct model m;
    model_init(&m);
    for (uint64_t i = 1; i <= 3; i++) {
        key[LSM_KEY_BYTES_MAX - 1] = (uint8_t)i;
        assert_int_equal(lsm_apply(f.store.l, rid(1), i, &w, 1), STATUS_OK);
        model_write(&m, &w);
    }
    store_flush(&f.store, 1);
    store_close(&f.store);
    store_open(&f.store);
    store_check_range(&f.store, 1, &m, 0);
    model_deinit(&m);
    free(key);
    free(value);
    close_fixture(&f);
}

TEST(lsm_verbs, tables_of_ascending_keys_move_down_as_they_are)
{
    struct fixture f;
    open_fixture(&f);
    f.store.options.compress = false;
    store_close(&f.store);
    store_open(&f.store);
    assert_int_equal(lsm_range_create(f.store.l, rid(1)), STATUS_OK);
    uint64_t index = 0;
    for (uint64_t batch = 0; batch < 24; batch++) {
        for (uint64_t i = 0; i < 200; i++) {
            char key[32];
            snprintf(key, sizeof key, "key%08llu", (unsigned long long)(batch * 200 + i));
            store_put(&f.store, 1, ++index, LSM_SPACE_VERSIONS, key, 1,
                      "a value of a size such that a flush makes a table worth keeping");
        }
        store_flush(&f.store, 1);
    }
    store_settle(&f.store);
    const struct lsm_metrics *metrics = lsm_metrics(f.store.l);
    assert_true(metrics->compaction_count > 4);
    assert_true(metrics->compaction_write_bytes < metrics->flush_bytes / 2);
    assert_int_equal(get(&f, LSM_SPACE_VERSIONS, "key00000000", 1,
                         "a value of a size such that a flush makes a table worth keeping"),
                     STATUS_OK);
    close_fixture(&f);
}

TEST(lsm_verbs, a_scan_through_nothing_but_garbage_gives_way)
{
    struct fixture f;
    uint64_t hash, turns = 0;
    open_fixture(&f);
    for (uint64_t ts = 1; ts <= 10000; ts++)
        store_put(&f.store, 1, ts, LSM_SPACE_VERSIONS, "hot", ts, "v");
    lsm_range_set_gc(f.store.l, rid(1), 10000);
    struct lsm_hash *h;
    assert_int_equal(lsm_hash_open(f.store.l, rid(1), &h), STATUS_OK);
    while (lsm_hash_step(h, NULL, &hash) == STATUS_WAIT)
        turns++;
    assert_true(turns >= 3);
    lsm_hash_close(h);
    close_fixture(&f);
}

/* ---- flushing ---- */

static void hold_entry(void *arg)
{
    fiber_suspend(((struct store *)arg)->fibers);
}

TEST(lsm_verbs, background_work_waits_for_a_free_fiber)
{
    struct fixture f;
    struct fiber *held[64];
    size_t count = 0;
    open_fixture(&f);
    store_put(&f.store, 1, 1, LSM_SPACE_LOCAL, "a", 0, "v");
    while (fiber_spawn(f.store.fibers, hold_entry, &f.store, &held[count]) == STATUS_OK)
        count++;
    lsm_range_flush(f.store.l, rid(1));
    for (int i = 0; i < 50; i++)
        store_turn(&f.store);
    assert_u64_equal(f.store.flushed[1], 0);
    fiber_resume(held[--count]); /* one free fiber: the flush, and then none for the manifest */
    for (int i = 0; i < 50; i++)
        store_turn(&f.store);
    assert_u64_equal(f.store.flushed[1], 0);
    while (count > 0)
        fiber_resume(held[--count]);
    store_settle(&f.store);
    assert_u64_equal(f.store.flushed[1], 1);
    for (uint64_t i = 2; i < 6; i++) {
        store_put(&f.store, 1, i, LSM_SPACE_VERSIONS, "a", i, "v");
        store_flush(&f.store, 1);
    }
    store_settle(&f.store);
    struct lsm_range_stats stats;
    while (fiber_spawn(f.store.fibers, hold_entry, &f.store, &held[count]) == STATUS_OK)
        count++;
    lsm_range_set_gc(f.store.l, rid(1), 5);
    for (int i = 0; i < 50; i++)
        store_turn(&f.store);
    assert_int_equal(lsm_range_stats(f.store.l, rid(1), &stats), STATUS_OK);
    assert_u64_equal(stats.entry_estimate, 5);
    while (count > 0)
        fiber_resume(held[--count]);
    store_settle(&f.store);
    assert_int_equal(lsm_range_stats(f.store.l, rid(1), &stats), STATUS_OK);
    assert_u64_equal(stats.entry_estimate, 2); /* what is left of both keys */
    close_fixture(&f);
}

/* Neither a table nor a fiber: only the manifest's own fiber is needed. */
TEST(lsm_verbs, a_flush_without_items_is_an_edit_and_no_more)
{
    struct fixture f;
    struct fiber *held[64];
    size_t count = 0;
    struct lsm_range_stats stats;
    open_fixture(&f);
    store_put(&f.store, 1, 1, LSM_SPACE_LOCAL, "a", 0, "v");
    store_flush(&f.store, 1);
    assert_int_equal(lsm_apply(f.store.l, rid(1), 9, NULL, 0), STATUS_OK);
    while (fiber_spawn(f.store.fibers, hold_entry, &f.store, &held[count]) == STATUS_OK)
        count++;
    fiber_resume(held[--count]);
    lsm_range_flush(f.store.l, rid(1));
    for (int i = 0; i < 300; i++)
        store_turn(&f.store);
    assert_u64_equal(f.store.flushed[1], 9);
    assert_int_equal(lsm_range_stats(f.store.l, rid(1), &stats), STATUS_OK);
    assert_u64_equal(stats.table_count, 1);
    assert_u64_equal(lsm_metrics(f.store.l)->flush_count, 1);
    while (count > 0)
        fiber_resume(held[--count]);
    store_settle(&f.store);
    close_fixture(&f);
}

TEST(lsm_verbs, the_flush_limit_holds_memtables_back)
{
    struct fixture f;
    open_fixture(&f);
    lsm_range_set_flush_limit(f.store.l, rid(1), 5);
    store_put(&f.store, 1, 5, LSM_SPACE_LOCAL, "a", 0, "v");
    store_flush(&f.store, 1);
    assert_u64_equal(f.store.flushed[1], 5);
    store_put(&f.store, 1, 6, LSM_SPACE_LOCAL, "b", 0, "v");
    lsm_range_flush(f.store.l, rid(1));
    for (int i = 0; i < 300; i++)
        store_turn(&f.store);
    assert_u64_equal(f.store.flushed[1], 5);
    assert_int_equal(get(&f, LSM_SPACE_LOCAL, "b", 0, "v"), STATUS_OK);
    lsm_range_set_flush_limit(f.store.l, rid(1), 6);
    store_settle(&f.store);
    assert_u64_equal(f.store.flushed[1], 6);
    close_fixture(&f);
}

TEST(lsm_verbs, an_entry_without_writes_and_a_new_meta_are_flushed_too)
{
    struct fixture f;
    open_fixture(&f);
    assert_int_equal(lsm_apply(f.store.l, rid(1), 9, NULL, 0), STATUS_OK);
    lsm_range_set_meta(f.store.l, rid(1), BYTES_LITERAL("nine"));
    store_flush(&f.store, 1);
    lsm_range_set_meta(f.store.l, rid(1), BYTES_LITERAL("nine, later"));
    f.store.flushed[1] = 0;
    store_flush(&f.store, 1);
    store_flush(&f.store, 1); /* nothing new: told all the same */
    store_close(&f.store);
    store_open(&f.store);
    assert_u64_equal(f.store.index_at_open[1], 9);
    assert_true(bytes_equal(buf_view(&f.store.meta_at_open[1]), BYTES_LITERAL("nine, later")));
    close_fixture(&f);
}

TEST(lsm_verbs, a_noted_record_is_asked_for_once_when_the_memtable_is_frozen)
{
    struct fixture f;
    open_fixture(&f);
    for (uint64_t i = 1; i <= 3; i++) {
        assert_int_equal(lsm_apply(f.store.l, rid(1), i, NULL, 0), STATUS_OK);
        lsm_range_note_meta(f.store.l, rid(1), i);
    }
    assert_u64_equal(f.store.meta_asked, 0);
    f.store.meta_now[1] = BYTES_LITERAL("three");
    store_flush(&f.store, 1);
    assert_u64_equal(f.store.meta_asked, 1);
    store_flush(&f.store, 1);
    assert_u64_equal(f.store.meta_asked, 1);
    store_close(&f.store);
    store_open(&f.store);
    assert_u64_equal(f.store.index_at_open[1], 3);
    assert_true(bytes_equal(buf_view(&f.store.meta_at_open[1]), BYTES_LITERAL("three")));
    close_fixture(&f);
}

TEST(lsm_verbs, a_record_that_was_settled_or_set_since_is_not_asked_for)
{
    struct fixture f;
    open_fixture(&f);
    f.store.meta_now[1] = BYTES_LITERAL("settled");
    assert_int_equal(lsm_apply(f.store.l, rid(1), 1, NULL, 0), STATUS_OK);
    lsm_range_note_meta(f.store.l, rid(1), 1);
    lsm_range_settle_meta(f.store.l, rid(1));
    lsm_range_settle_meta(f.store.l, rid(1));
    f.store.meta_now[1] = BYTES_LITERAL("later");
    store_flush(&f.store, 1);
    assert_u64_equal(f.store.meta_asked, 1);
    store_close(&f.store);
    store_open(&f.store);
    assert_true(bytes_equal(buf_view(&f.store.meta_at_open[1]), BYTES_LITERAL("settled")));
    assert_int_equal(lsm_apply(f.store.l, rid(1), 2, NULL, 0), STATUS_OK);
    lsm_range_note_meta(f.store.l, rid(1), 2);
    lsm_range_set_meta(f.store.l, rid(1), BYTES_LITERAL("set"));
    store_flush(&f.store, 1);
    assert_u64_equal(f.store.meta_asked, 1);
    store_close(&f.store);
    store_open(&f.store);
    assert_true(bytes_equal(buf_view(&f.store.meta_at_open[1]), BYTES_LITERAL("set")));
    close_fixture(&f);
}

TEST(lsm_verbs, an_edit_larger_than_the_manifest_makes_it_grow)
{
    struct fixture f;
    open_fixture(&f);
    struct buf meta;
    buf_init(&meta, 1 << 20);
    for (uint64_t i = 1; i <= 6; i++) {
        buf_append_zero(&meta, f.store.options.manifest_bytes);
        meta.data[meta.size - 1] = (uint8_t)i;
        lsm_range_set_meta(f.store.l, rid(1), buf_view(&meta));
        assert_int_equal(lsm_apply(f.store.l, rid(1), i, NULL, 0), STATUS_OK);
        store_flush(&f.store, 1);
        assert_u64_equal(f.store.flushed[1], i);
    }
    store_close(&f.store);
    store_open(&f.store);
    assert_true(bytes_equal(buf_view(&f.store.meta_at_open[1]), buf_view(&meta)));
    buf_deinit(&meta);
    close_fixture(&f);
}

TEST(lsm_verbs, the_newest_timestamp_survives_restarts_and_collection)
{
    struct fixture f;
    struct lsm_range_stats stats;
    open_fixture(&f);
    store_put(&f.store, 1, 1, LSM_SPACE_VERSIONS, "a", 77, NULL);
    lsm_range_set_gc(f.store.l, rid(1), 100);
    store_flush(&f.store, 1);
    store_close(&f.store);
    store_open(&f.store);
    assert_int_equal(lsm_range_stats(f.store.l, rid(1), &stats), STATUS_OK);
    assert_u64_equal(stats.table_count, 0); /* nothing was left of it */
    assert_u64_equal(stats.newest_ts, 77);
    close_fixture(&f);
}

TEST(lsm_verbs, a_dropped_range_can_be_made_again_at_once)
{
    struct fixture f;
    open_fixture(&f);
    store_put(&f.store, 1, 1, LSM_SPACE_LOCAL, "a", 0, "first life");
    store_flush(&f.store, 1);
    int64_t result = 1;
    struct env_op op = {.ctx = &result, .on_done = NULL};
    (void)op;
    assert_int_equal(store_drop(&f.store, 1), STATUS_OK);
    assert_false(lsm_range_exists(f.store.l, rid(1)));
    assert_int_equal(store_drop(&f.store, 1), STATUS_NOT_FOUND);
    assert_int_equal(lsm_range_create(f.store.l, rid(1)), STATUS_OK);
    assert_int_equal(lsm_range_create(f.store.l, rid(1)), STATUS_EXISTS);
    store_put(&f.store, 1, 1, LSM_SPACE_LOCAL, "b", 0, "second life");
    store_flush(&f.store, 1);
    store_close(&f.store);
    store_open(&f.store);
    assert_int_equal(get(&f, LSM_SPACE_LOCAL, "a", 0, NULL), STATUS_NOT_FOUND);
    assert_int_equal(get(&f, LSM_SPACE_LOCAL, "b", 0, "second life"), STATUS_OK);
    close_fixture(&f);
}

/* ---- snapshots ---- */

struct ingestion {
    struct store *store;
    const struct buf *chunks;
    const int *order;
    int count;
    bool commit;
    enum status status;
};

static void ingest_entry(void *ctx)
{
    struct ingestion *n = ctx;
    struct lsm_ingest *in;
    n->status = lsm_ingest_begin(n->store->l, rid(2), &in);
    if (n->status != STATUS_OK) return;
    for (int i = 0; i < n->count && n->status == STATUS_OK; i++)
        n->status = lsm_ingest_chunk(in, buf_view(&n->chunks[n->order[i]]));
    if (n->status == STATUS_OK && n->commit)
        n->status = lsm_ingest_commit(in, 7, BYTES_LITERAL("m"));
    else
        lsm_ingest_abort(in);
}

static enum status ingest(struct fixture *f, const struct buf *chunks, const int *order, int count)
{
    struct ingestion n = {&f->store, chunks, order, count, true, STATUS_OK};
    store_run(&f->store, ingest_entry, &n);
    return n.status;
}

enum { CHUNKS = 3 };

static void take_chunks(struct fixture *f, struct buf chunks[CHUNKS])
{
    struct lsm_snapshot *s;
    uint64_t index;
    assert_int_equal(lsm_snapshot_open(f->store.l, rid(1), &s, &index), STATUS_OK);
    for (int i = 0; i < CHUNKS; i++) {
        buf_init(&chunks[i], 1 << 20);
        size_t size = i == CHUNKS - 1 ? 1 << 20 : 200;
        enum status status = lsm_snapshot_read(s, size, NULL, &chunks[i]);
        assert_int_equal(status, i == CHUNKS - 1 ? STATUS_NOT_FOUND : STATUS_OK);
    }
    lsm_snapshot_close(s);
}

TEST(lsm_verbs, a_snapshot_with_a_chunk_lost_doubled_cut_or_changed_is_refused)
{
    struct fixture f;
    struct buf chunks[CHUNKS];
    uint64_t index = 0;
    open_fixture(&f);
    put_many(&f, &index, 60, 5, "some value or other");
    take_chunks(&f, chunks);
    static const int all[] = {0, 1, 2}, lost[] = {0, 2}, doubled[] = {0, 1, 1, 2},
                     swapped[] = {1, 0, 2}, cut[] = {0, 1}, more[] = {0, 1, 2, 2};
    assert_int_equal(ingest(&f, chunks, lost, 2), STATUS_CORRUPT);
    assert_int_equal(ingest(&f, chunks, doubled, 4), STATUS_CORRUPT);
    assert_int_equal(ingest(&f, chunks, swapped, 3), STATUS_CORRUPT);
    assert_int_equal(ingest(&f, chunks, cut, 2), STATUS_INVALID);
    assert_int_equal(ingest(&f, chunks, more, 4), STATUS_CORRUPT);
    for (size_t i = 0; i < chunks[1].size * 8; i += 5) {
        chunks[1].data[i / 8] ^= (uint8_t)(1u << (i % 8));
        enum status status = ingest(&f, chunks, all, 3);
        assert_true(status == STATUS_CORRUPT || status == STATUS_VERSION);
        chunks[1].data[i / 8] ^= (uint8_t)(1u << (i % 8));
    }
    assert_false(lsm_range_exists(f.store.l, rid(2)));
    assert_int_equal(ingest(&f, chunks, all, 3), STATUS_OK);
    struct model from, to;
    assert_int_equal(store_read_all(&f.store, 1, &from), STATUS_OK);
    assert_int_equal(store_read_all(&f.store, 2, &to), STATUS_OK);
    assert_true(model_equal(&from, &to));
    model_deinit(&from);
    model_deinit(&to);
    assert_int_equal(ingest(&f, chunks, all, 0), STATUS_OK); /* no chunk: an empty range */
    assert_int_equal(store_read_all(&f.store, 2, &to), STATUS_OK);
    assert_u64_equal(to.count, 0);
    model_deinit(&to);
    for (int i = 0; i < CHUNKS; i++)
        buf_deinit(&chunks[i]);
    close_fixture(&f);
}

TEST(lsm_verbs, an_empty_range_travels_as_one_chunk)
{
    struct fixture f;
    open_fixture(&f);
    assert_int_equal(store_copy_range(&f.store, 1, &f.store, 2, 1000), STATUS_OK);
    uint64_t a, b;
    assert_int_equal(store_hash(&f.store, 1, &a), STATUS_OK);
    assert_int_equal(store_hash(&f.store, 2, &b), STATUS_OK);
    assert_u64_equal(a, b);
    close_fixture(&f);
}

/* ---- inspection ---- */

static void count_line(void *ctx, const char *text)
{
    ++*(int *)ctx;
    assert_true(strlen(text) > 0);
}

struct dumping {
    struct store *store;
    int lines;
    enum status status;
};

static void dump_entry(void *ctx)
{
    struct dumping *d = ctx;
    struct fio fio = {.env = d->store->env, .fibers = d->store->fibers};
    d->status = lsm_dump(&fio, "store/lsm", count_line, &d->lines);
}

TEST(lsm_verbs, dump_prints_ranges_and_tables_and_changes_nothing)
{
    struct fixture f;
    uint64_t index = 0;
    open_fixture(&f);
    put_many(&f, &index, 60, 5, "some value or other");
    store_flush(&f.store, 1);
    store_close(&f.store);
    uint64_t hash = sim_disk_hash(sim_disk(f.sim, 1));
    struct dumping d = {&f.store, 0, STATUS_OK};
    store_run(&f.store, dump_entry, &d);
    assert_int_equal(d.status, STATUS_OK);
    assert_int_equal(d.lines, 3); /* store, range, table */
    assert_u64_equal(sim_disk_hash(sim_disk(f.sim, 1)), hash);
    assert_true(sim_disk_rot(sim_disk(f.sim, 1), "store/lsm/0000000000000001.tbl", 4090, 1));
    store_run(&f.store, dump_entry, &d);
    assert_int_equal(d.status, STATUS_CORRUPT);
    close_fixture(&f);
}
