#include <stdio.h>
#include <stdlib.h>

#include "lsm/gc_int.h"
#include "tests/lsm/harness.h"

static void expect(struct gc_filter *f, enum lsm_space space, const char *key, uint64_t ts,
                   bool tombstone, bool keep)
{
    struct lsm_item item = {space, bytes_of_string(key), ts, tombstone, BYTES_EMPTY};
    bool kept;
    assert_int_equal(gc_filter_pass(f, &item, &kept), STATUS_OK);
    assert_int_equal(kept, keep);
}

TEST(lsm_gc, keeps_what_a_read_at_or_after_the_timestamp_can_see)
{
    struct gc_filter f;
    struct lsm_options options = {0};
    gc_filter_init(&f, &options, 50);
    expect(&f, LSM_SPACE_VERSIONS, "a", 70, false, true);
    expect(&f, LSM_SPACE_VERSIONS, "a", 51, true, true);
    expect(&f, LSM_SPACE_VERSIONS, "a", 50, false, true); /* what a read at 50 sees */
    expect(&f, LSM_SPACE_VERSIONS, "a", 49, false, false);
    expect(&f, LSM_SPACE_VERSIONS, "a", 1, true, false);
    expect(&f, LSM_SPACE_VERSIONS, "b", 49, true, false); /* nothing is what it says */
    expect(&f, LSM_SPACE_VERSIONS, "b", 48, false, false);
    expect(&f, LSM_SPACE_VERSIONS, "c", 51, false, true);
    expect(&f, LSM_SPACE_INTENTS, "c", 0, false, true);
    expect(&f, LSM_SPACE_INTENTS, "d", 0, true, false);
    gc_filter_deinit(&f);
}

static bool never(__attribute__((unused)) void *ctx,
                  __attribute__((unused)) const struct lsm_item *tombstone)
{
    return false;
}

TEST(lsm_gc, a_tombstone_stays_while_something_older_may_lie_below)
{
    struct gc_filter f;
    struct lsm_options options = {0};
    gc_filter_init(&f, &options, 50);
    f.tombstone_may_go = never;
    expect(&f, LSM_SPACE_VERSIONS, "a", 40, true, true);
    expect(&f, LSM_SPACE_VERSIONS, "a", 30, false, false);
    expect(&f, LSM_SPACE_INTENTS, "a", 0, true, true);
    gc_filter_deinit(&f);
}

static uint64_t first_byte(struct bytes value)
{
    return value.size == 0 ? 0 : value.data[0];
}

static void expect_ending(struct gc_filter *f, const char *key, uint64_t ts, uint8_t end, bool keep)
{
    struct lsm_item item = {LSM_SPACE_VERSIONS, bytes_of_string(key), ts, false, bytes_make(&end, 1)};
    bool kept;
    assert_int_equal(gc_filter_pass(f, &item, &kept), STATUS_OK);
    assert_int_equal(kept, keep);
}

static bool is_k(struct bytes key)
{
    return key.data[0] == 'k';
}

/* Whatever it looks like: lookups of other keys do not ask what keeps values that end. */
TEST(lsm_gc, a_value_ends_only_under_a_key_that_may)
{
    struct gc_filter f;
    struct lsm_options options = {.value_ends = first_byte, .key_may_end = is_k};
    gc_filter_init(&f, &options, 50);
    expect_ending(&f, "j", 40, 45, true);
    expect_ending(&f, "k", 40, 45, false);
    gc_filter_deinit(&f);
}

TEST(lsm_gc, a_value_that_ends_by_itself_goes_at_its_end)
{
    struct gc_filter f;
    struct lsm_options options = {.value_ends = first_byte};
    gc_filter_init(&f, &options, 50);
    expect_ending(&f, "a", 40, 51, true);
    expect_ending(&f, "b", 40, 50, false);
    expect_ending(&f, "c", 51, 45, true); /* a read at 50 does not see it, one at 51 does */
    expect_ending(&f, "d", 40, 0, true);  /* never */
    expect(&f, LSM_SPACE_VERSIONS, "e", 45, true, false);
    expect_ending(&f, "e", 40, 90, false);
    gc_filter_deinit(&f);
}

static void write_round(struct store *s, uint64_t *index, uint64_t keys, uint64_t ts,
                        bool tombstone)
{
    for (uint64_t i = 0; i < keys; i++) {
        char key[32];
        snprintf(key, sizeof key, "key%05llu", (unsigned long long)i);
        store_put(s, 1, ++*index, LSM_SPACE_VERSIONS, key, ts,
                  tombstone ? NULL : "forty bytes of value or thereabouts.....");
    }
}

static uint64_t entries(struct store *s)
{
    struct lsm_range_stats stats;
    assert_int_equal(lsm_range_stats(s->l, rid(1), &stats), STATUS_OK);
    return stats.entry_estimate;
}

/* Compaction finds old versions by itself once they may go, and stops when nothing is to gain. */
TEST(lsm_gc, tables_full_of_garbage_are_rewritten_when_it_may_go)
{
    struct sim_options options;
    sim_options_init(&options, 1);
    struct sim *sim = sim_create(&options);
    struct store s;
    uint64_t index = 0;
    store_init_sim(&s, sim);
    store_open(&s);
    assert_int_equal(lsm_range_create(s.l, rid(1)), STATUS_OK);
    for (uint64_t ts = 1; ts <= 16; ts++) {
        write_round(&s, &index, 200, ts, false);
        store_flush(&s, 1);
    }
    store_settle(&s);
    assert_true(entries(&s) >= 200 * 16);
    lsm_range_set_gc(s.l, rid(1), 16);
    store_settle(&s);
    assert_true(entries(&s) <= 200 * 5); /* level 0 waits for company, the levels below are clean */
    uint64_t compactions = lsm_metrics(s.l)->compaction_count;
    lsm_range_set_gc(s.l, rid(1), 17);
    store_settle(&s);
    assert_u64_equal(lsm_metrics(s.l)->compaction_count, compactions);
    lsm_range_set_gc(s.l, rid(1), 30);
    for (uint64_t ts = 20; ts < 28 && entries(&s) > 0; ts++) { /* deleted, when level 0 has company: nothing is left */
        write_round(&s, &index, 200, ts, true);
        store_flush(&s, 1);
        store_settle(&s);
    }
    assert_u64_equal(entries(&s), 0);
    assert_u64_equal(lsm_metrics(s.l)->table_count, 0);
    store_deinit(&s);
    sim_destroy(sim);
}

/* Nothing supersedes them. What ends late does not keep back what may go early. */
TEST(lsm_gc, tables_full_of_what_has_ended_are_rewritten)
{
    struct sim_options options;
    sim_options_init(&options, 3);
    struct sim *sim = sim_create(&options);
    struct store s;
    uint64_t index = 0;
    store_init_sim(&s, sim);
    s.options.value_ends = first_byte;
    store_open(&s);
    assert_int_equal(lsm_range_create(s.l, rid(1)), STATUS_OK);
    for (uint64_t i = 0; i < 600; i++) { /* two in three end, at 'A' and at 'a'; ends of '~' are beyond the test */
        char key[32];
        snprintf(key, sizeof key, "key%05llu", (unsigned long long)i);
        store_put(&s, 1, ++index, LSM_SPACE_VERSIONS, key, 10, i % 3 == 0 ? "A" : i % 3 == 1 ? "a" : "~");
    }
    store_flush(&s, 1);
    lsm_range_set_gc(s.l, rid(1), 'A' - 1);
    store_settle(&s);
    assert_int_equal(entries(&s), 600);
    lsm_range_set_gc(s.l, rid(1), 'a');
    store_settle(&s);
    assert_int_equal(entries(&s), 200);
    store_deinit(&s);
    sim_destroy(sim);
}

/* A read at the GC timestamp answers the same before and after. */
TEST(lsm_gc, reads_at_the_timestamp_do_not_change)
{
    struct sim_options options;
    sim_options_init(&options, 2);
    struct sim *sim = sim_create(&options);
    struct store s;
    struct prng p;
    struct model m;
    uint64_t index = 0, ts = 0;
    store_init_sim(&s, sim);
    store_open(&s);
    model_init(&m);
    prng_init(&p, 7);
    assert_int_equal(lsm_range_create(s.l, rid(1)), STATUS_OK);
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 15; i++) {
            struct random_writes w;
            random_writes_make(&w, &p, 50, &ts);
            assert_int_equal(lsm_apply(s.l, rid(1), ++index, w.writes, w.count), STATUS_OK);
            for (uint32_t j = 0; j < w.count; j++)
                model_write(&m, &w.writes[j]);
        }
        store_flush(&s, 1);
        uint64_t gc = prng_below(&p, ts);
        lsm_range_set_gc(s.l, rid(1), gc);
        store_settle(&s);
        struct range *r = range_find(s.l, rid(1));
        store_check_range(&s, 1, &m, r->gc_ts);
    }
    model_deinit(&m);
    store_deinit(&s);
    sim_destroy(sim);
}
