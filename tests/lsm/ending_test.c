/* Tables that hold nothing but values which end by themselves. */
#include <stdio.h>

#include "tests/lsm/ending.h"

/* What a round wrote ends at 5000 and `apart` for each round so far. */
static void open_with_rounds(struct ending *e, uint64_t rounds, uint64_t apart)
{
    ending_open(e);
    for (uint64_t round = 1; round <= rounds; round++)
        ending_round(e, 5000 + apart * round);
}

TEST(lsm_ending, rows_are_merged_without_what_stands_beside_them)
{
    ending_run();
}

TEST(lsm_ending, small_ones_are_merged_so_that_there_are_few)
{
    struct ending e;
    uint64_t entries;
    open_with_rounds(&e, 60, 0);
    assert_true(ending_pieces(&e, &entries) < 24);
    assert_u64_equal(entries, 60 * ENDING_ROWS);
    ending_expect(&e, 1, ENDING_ROWS, 60 * ENDING_ROWS);
    ending_close(&e);
}

/* Nothing of them is read for that. */
TEST(lsm_ending, they_go_whole)
{
    struct ending e;
    uint64_t entries;
    open_with_rounds(&e, 5, 1);
    uint64_t written = lsm_metrics(e.store.l)->compaction_write_bytes;
    lsm_range_set_gc(e.store.l, rid(1), 5003);
    store_settle(&e.store);
    assert_int_equal(ending_pieces(&e, &entries), 2);
    ending_expect(&e, 1, ENDING_ROWS, 2 * ENDING_ROWS);
    const struct range *r = range_find(e.store.l, rid(1));
    assert_true(lsm_metrics(e.store.l)->compaction_write_bytes - written <=
                2 * r->version->bytes); /* rows */
    ending_close(&e);
}

TEST(lsm_ending, a_restart_knows_them)
{
    struct ending e;
    uint64_t entries;
    open_with_rounds(&e, 3, 0);
    store_close(&e.store);
    store_open(&e.store);
    assert_int_equal(ending_pieces(&e, &entries), 3);
    ending_expect(&e, 1, ENDING_ROWS, 3 * ENDING_ROWS);
    ending_close(&e);
}

/* Who knows that nothing is so old, or that this key never ends, reads no block of them. */
TEST(lsm_ending, lookups_leave_them_out)
{
    struct ending e;
    struct lsm_version version;
    open_with_rounds(&e, 3, 0);
    store_close(&e.store); /* nothing is in the cache */
    store_open(&e.store);
    struct lsm *l = e.store.l;
    uint64_t read = lsm_metrics(l)->blocks_read;
    assert_int_equal(lsm_find_ending(l, rid(1), BYTES_LITERAL("row0001!9999"), 4, NULL, &version),
                     STATUS_NOT_FOUND);
    assert_u64_equal(lsm_metrics(l)->blocks_read, read);
    while (lsm_find_ending(l, rid(1), BYTES_LITERAL("row0001!0003"), 3, NULL, &version) ==
           STATUS_WAIT)
        store_settle(&e.store);
    assert_u64_equal(version.ts, 3);
    assert_true(lsm_metrics(l)->blocks_read > read);
    struct lsm_iter *it;
    struct model rows;
    assert_int_equal(lsm_iter_open(l, rid(1), LSM_SPACE_VERSIONS, BYTES_EMPTY, BYTES_EMPTY,
                                   LSM_TS_MAX, LSM_ITER_LASTING, false, &it),
                     STATUS_OK);
    assert_int_equal(store_collect(&e.store, it, &rows), STATUS_OK);
    assert_int_equal(rows.count, ENDING_ROWS);
    lsm_iter_close(it);
    model_deinit(&rows);
    ending_close(&e);
}

/* What is merged gets a later number than what was flushed meanwhile, and is older: who looks for what is young may come to an end at
 * the first table without it only where tables stand by what they hold. */
TEST(lsm_ending, what_is_young_is_found_behind_what_was_written_again)
{
    struct ending e;
    struct lsm_version version;
    uint64_t entries;
    enum status status;
    ending_open(&e);
    store_put(&e.store, 1, ++e.index, LSM_SPACE_VERSIONS, "row0001!young", 100, "E5000 young");
    store_flush(&e.store, 1);
    ending_round(&e, 5000);
    assert_int_equal(ending_pieces(&e, &entries), 2);
    do {
        status = lsm_find_ending(e.store.l, rid(1), BYTES_LITERAL("row0001!young"), 50, NULL, &version);
        if (status == STATUS_WAIT) store_settle(&e.store);
    } while (status == STATUS_WAIT);
    assert_int_equal(status, STATUS_OK);
    assert_u64_equal(version.ts, 100);
    ending_close(&e);
}

TEST(lsm_ending, a_split_divides_them_and_a_merge_unites_them)
{
    struct ending e;
    uint64_t entries;
    open_with_rounds(&e, 3, 0);
    struct bytes key = BYTES_LITERAL("row0030");
    assert_int_equal(lsm_apply(e.store.l, rid(1), ++e.index, NULL, 0), STATUS_OK);
    assert_int_equal(lsm_range_split(e.store.l, rid(1), rid(2), key, BYTES_LITERAL("right")),
                     STATUS_OK);
    store_settle(&e.store);
    ending_expect(&e, 1, 30, 90);
    ending_expect(&e, 2, 70, 210);
    while (lsm_range_merge(e.store.l, rid(1), rid(2), key) == STATUS_BUSY)
        store_turn(&e.store);
    store_settle(&e.store);
    ending_expect(&e, 1, ENDING_ROWS, 3 * ENDING_ROWS);
    assert_true(ending_pieces(&e, &entries) >= 3);
    ending_close(&e);
}

/* What is left of a table is written again, so that the rest can go. */
TEST(lsm_ending, a_remnant_is_rewritten)
{
    struct ending e;
    uint64_t entries;
    open_with_rounds(&e, 3, 0);
    assert_int_equal(lsm_apply(e.store.l, rid(1), ++e.index, NULL, 0), STATUS_OK);
    assert_int_equal(lsm_range_shrink(e.store.l, rid(1), BYTES_LITERAL("row0010")), STATUS_OK);
    store_settle(&e.store);
    const struct version *v = range_find(e.store.l, rid(1))->version;
    for (uint32_t i = 0; i < v->counts[0]; i++)
        assert_false(piece_is_ending(v->levels[0][i]) && piece_is_part(v->levels[0][i]));
    assert_true(ending_pieces(&e, &entries) > 0);
    assert_u64_equal(entries, 30);
    ending_expect(&e, 1, 10, 30);
    ending_close(&e);
}

TEST(lsm_ending, a_snapshot_takes_them_along)
{
    struct ending e;
    uint64_t a, b;
    open_with_rounds(&e, 3, 1);
    assert_int_equal(store_copy_range(&e.store, 1, &e.store, 2, 4096), STATUS_OK);
    ending_expect(&e, 2, ENDING_ROWS, 3 * ENDING_ROWS);
    lsm_range_set_gc(e.store.l, rid(1), 5002);
    lsm_range_set_gc(e.store.l, rid(2), 5002);
    assert_int_equal(store_hash(&e.store, 1, &a), STATUS_OK);
    assert_int_equal(store_hash(&e.store, 2, &b), STATUS_OK);
    assert_u64_equal(a, b);
    ending_close(&e);
}

/* Tables of the format before do not say when they end; what says so must be possible. */
TEST(lsm_ending, a_footer_says_when_all_has_ended)
{
    struct buf raw;
    struct table_facts facts = {.first = {LSM_SPACE_VERSIONS, BYTES_LITERAL("a"), 9},
                                .last = {LSM_SPACE_VERSIONS, BYTES_LITERAL("b"), 7},
                                .newest_ts = 9,
                                .oldest_ts = 7,
                                .entry_count = 2,
                                .ending_count = 2,
                                .ends_ts = 50,
                                .filter_line_count = 1},
                       found;
    buf_init(&raw, 4096);
    for (int wrong = 0; wrong < 4; wrong++) {
        if (wrong == 1) facts.ends_ts = 8;
        if (wrong == 2) facts.ending_count = 1; /* what does not end may be newer */
        if (wrong == 3) facts.ending_count = 3;
        buf_reset(&raw);
        table_footer_put(&raw, &facts);
        assert_int_equal(table_footer_get(buf_view(&raw), TABLE_VERSION, &found),
                         wrong % 2 == 0 ? STATUS_OK : STATUS_CORRUPT);
        assert_int_equal(table_footer_get(buf_view(&raw), 1, &found), STATUS_CORRUPT);
        if (wrong == 0) assert_u64_equal(found.ends_ts, 50);
    }
    size_t before = 6 * 8, behind = before + 16; /* of the two fields */
    facts = (struct table_facts){0};
    memmove(raw.data + before, raw.data + behind, raw.size - behind);
    raw.size -= 16;
    assert_int_equal(table_footer_get(buf_view(&raw), 1, &facts), STATUS_OK);
    assert_u64_equal(facts.ends_ts, 0);
    buf_deinit(&raw);
}

/* Writes such values alone until the memtable holds so many bytes, or a flush is due. */
static void fill_to(struct ending *e, uint64_t bytes)
{
    const struct range *r = range_find(e->store.l, rid(1));
    while (memtable_bytes(r->active) < bytes && !r->freeze_due) {
        char key[32];
        snprintf(key, sizeof key, "row%04d!%06d", (int)(e->index % 100), (int)e->index);
        e->index++;
        store_put(&e->store, 1, e->index, LSM_SPACE_VERSIONS, key, e->index, "E5000 and some more");
    }
}

/* What a flush brings of rows is rewritten with all below: it should be as much as if there were rows alone. */
TEST(lsm_ending, they_make_a_flush_due_at_twice_the_size)
{
    struct ending e;
    ending_open(&e);
    store_close(&e.store);
    e.store.options.table_bytes = 256u << 10;
    store_open(&e.store);
    assert_int_equal(lsm_range_create(e.store.l, rid(1)), STATUS_OK);
    const struct range *r = range_find(e.store.l, rid(1));
    uint64_t most = 4 * e.store.options.table_bytes; /* of a memtable of rows */
    fill_to(&e, most + most / 2);
    assert_false(r->freeze_due);
    fill_to(&e, 3 * most);
    assert_true(r->freeze_due && memtable_bytes(r->active) >= 2 * most);
    ending_close(&e);
}
