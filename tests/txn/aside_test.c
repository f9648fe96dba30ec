/* What stands beside rows: scans for rows pass over it, and it goes by itself. */
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

#include "tests/txn/world.h"

#define RETENTION_NS (200 * SIM_MS)

/* The prefix of user tables, when it is there, is that of actor_put. */
static void aside_key(struct buf *key, bool prefix, const char *row, uint32_t number)
{
    uint8_t id[TXN_ASIDE_ID_BYTES];
    memset(id, 'i', sizeof id);
    for (size_t i = 0; i < 6; i++, number /= 10) id[5 - i] = (uint8_t)('0' + number % 10);
    buf_init(key, 256);
    if (prefix) put_u8(key, KEY_PREFIX_TABLE);
    buf_append_string(key, row);
    txn_aside_key(key, id);
}

static enum status get_aside(struct actor *a, const char *row, uint32_t number)
{
    struct buf key;
    aside_key(&key, false, row, number);
    buf_append_byte(&key, 0);
    enum status status = actor_get(a, (const char *)key.data);
    buf_deinit(&key);
    return status;
}

/* Buffers a record beside the row of that key. */
static void put_aside(struct actor *a, const char *row, uint32_t number, uint64_t end)
{
    struct buf key;
    uint8_t value[TXN_ASIDE_HEAD_BYTES + 64] = {0};
    aside_key(&key, true, row, number);
    txn_aside_head(end, value);
    assert_int_equal(txn_put(a->txn, buf_view(&key), bytes_make(value, sizeof value)), STATUS_OK);
    buf_deinit(&key);
}

static void put_asides(struct world *w, const char *row, uint32_t count, uint64_t end)
{
    struct actor a;
    actor_begin_at_leader(&a, w);
    for (uint32_t i = 0; i < count; i++) put_aside(&a, row, i, end);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    actor_end(&a);
}

static uint64_t seen(const struct world *w)
{
    return kv_timestamp_seen(core_kv(cluster_machine(w->cluster, 1)->core));
}

/* An end after everything here. */
static uint64_t late(const struct world *w)
{
    return seen(w) + 3600 * SIM_SEC;
}

static void expect_count(struct world *w, const char *start, const char *end, bool alone, uint64_t count)
{
    struct actor a;
    actor_begin_at_leader(&a, w);
    a.rows_alone = alone;
    actor_must_count(&a, start, end, count);
    actor_end(&a);
}

TEST(txn_aside, a_value_says_what_it_is_and_when_it_ends)
{
    uint8_t head[TXN_ASIDE_HEAD_BYTES];
    txn_aside_head(UINT64_C(0x0102030405060708), head);
    struct bytes value = bytes_make(head, sizeof head);
    assert_true(txn_is_aside(value));
    assert_u64_equal(txn_aside_ends(value), UINT64_C(0x0102030405060708));
    assert_false(txn_is_aside(bytes_make(head, sizeof head - 1)));
    assert_u64_equal(txn_aside_ends(BYTES_EMPTY), 0);
    head[0] = 1; /* a row */
    assert_false(txn_is_aside(value));
    assert_u64_equal(txn_aside_ends(value), 0);
}

TEST(txn_aside, a_key_leads_to_its_row)
{
    struct buf key;
    const uint8_t id[TXN_ASIDE_ID_BYTES] = {7};
    buf_init(&key, 64);
    buf_append_string(&key, "row");
    assert_true(bytes_equal(txn_aside_row(buf_view(&key)), BYTES_LITERAL("row")));
    txn_aside_key(&key, id);
    assert_int_equal(key.size, 3 + TXN_ASIDE_KEY_BYTES);
    assert_true(bytes_equal(txn_aside_row(buf_view(&key)), BYTES_LITERAL("row")));
    struct bytes id_alone = bytes_make(key.data + 3, key.size - 3); /* nothing would be left of it */
    assert_true(bytes_equal(txn_aside_row(id_alone), id_alone));
    buf_deinit(&key);
}

/* In memory, where the engine leaves it out, and in a table with rows, where it does not. */
TEST(txn_aside, scans_for_rows_pass_over_it_in_both_directions)
{
    struct world w;
    world_open_large_tables(&w);
    world_put(&w, "row1", "1");
    world_put(&w, "row2", "2");
    world_put(&w, "row3", "3");
    put_asides(&w, "row0", 40, late(&w)); /* a row that is not there */
    put_asides(&w, "row2", 3, late(&w));
    put_asides(&w, "row3", 500, late(&w));
    for (int flushed = 0; flushed < 2; flushed++) {
        expect_count(&w, "row", "rox", true, 3);
        expect_count(&w, "row", "rox", false, 546);
        expect_count(&w, "row2", "row3", true, 1);
        expect_count(&w, "row0", "row1", true, 0);
        expect_count(&w, "row3", "row3\xfe", true, 1);
        expect_count(&w, "row3\xfe", "row4", true, 0);
        world_flush(&w, 1);
    }
    world_close(&w);
}

/* More of it than one request looks at, also where there is little at each row. */
TEST(txn_aside, pages_go_on_behind_what_was_passed_over)
{
    struct world w;
    world_open_large_tables(&w);
    for (uint32_t first = 0; first < 3000; first += 300) {
        struct actor a;
        actor_begin_at_leader(&a, &w);
        for (uint32_t i = first; i < first + 300; i++) {
            char row[32];
            snprintf(row, sizeof row, "row%08u", i);
            if (i % 2 == 0) actor_put(&a, row, "x");
            for (uint32_t k = 0; k < 4; k++) put_aside(&a, row, k, late(&w));
        }
        assert_int_equal(actor_commit(&a), STATUS_OK);
        actor_end(&a);
    }
    expect_count(&w, "row", "rox", true, 1500);
    world_flush(&w, 1);
    expect_count(&w, "row", "rox", true, 1500);
    world_close(&w);
}

TEST(txn_aside, own_writes_beside_rows_are_passed_over_too)
{
    struct world w;
    world_open(&w, 1, 0);
    world_put(&w, "row1", "1");
    struct actor a;
    actor_begin_at_leader(&a, &w);
    put_aside(&a, "row1", 1, late(&w));
    actor_put(&a, "row2", "2");
    a.rows_alone = true;
    actor_must_count(&a, "row", "rox", 2);
    actor_end(&a);
    world_close(&w);
}

/* Who has read rows does not rely on what stands beside them; who has read the record itself does. */
TEST(txn_aside, it_is_no_conflict_for_those_who_read_rows_around_it)
{
    struct world w;
    world_open(&w, 1, 0);
    world_put(&w, "row1", "1");
    for (int row = 0; row < 2; row++) {
        struct actor a;
        actor_begin_at_leader(&a, &w);
        a.rows_alone = true;
        assert_int_equal(actor_count(&a, "row", "rox"), STATUS_OK);
        put_asides(&w, "row1", 1 + (uint32_t)row, late(&w));
        if (row == 1) world_put(&w, "row2", "2");
        actor_put(&a, "sum", "1");
        assert_int_equal(actor_commit(&a), row == 1 ? STATUS_CONFLICT : STATUS_OK);
        actor_end(&a);
    }
    struct actor a;
    actor_begin_at_leader(&a, &w);
    assert_int_equal(get_aside(&a, "row3", 0), STATUS_NOT_FOUND);
    put_asides(&w, "row3", 1, late(&w));
    actor_put(&a, "sum", "2");
    assert_int_equal(actor_commit(&a), STATUS_CONFLICT);
    actor_end(&a);
    world_close(&w);
}

/* Nobody writes to the range any more. */
TEST(txn_aside, it_goes_when_the_safe_point_has_passed_its_end)
{
    struct world w;
    world_open(&w, 1, RETENTION_NS);
    world_put(&w, "row1", "1");
    put_asides(&w, "row1", 400, seen(&w) + 4 * SIM_SEC);
    world_flush(&w, 1);
    world_run_ms(&w, 2500);
    assert_true(world_stats(&w, 1).entry_estimate >= 400);
    world_run_ms(&w, 5000);
    assert_true(world_stats(&w, 1).entry_estimate < 100);
    expect_count(&w, "row", "rox", false, 1);
    world_close(&w);
}

/* Who inserts one does not look for it in what is older than that. */
TEST(txn_aside, it_is_not_written_longer_before_its_end_than_it_may_live)
{
    struct world w;
    world_open(&w, 1, 0);
    world_put(&w, "row1", "1");
    for (int early = 0; early < 2; early++) {
        struct actor a;
        uint64_t life = TXN_ASIDE_LIFE_NS_MAX + (early != 0 ? 3600 * SIM_SEC : 0);
        actor_begin_at_leader(&a, &w);
        put_aside(&a, "row1", 1, seen(&w) + life);
        assert_int_equal(actor_commit(&a), early != 0 ? STATUS_CONFLICT : STATUS_OK);
        actor_end(&a);
    }
    world_close(&w);
}
