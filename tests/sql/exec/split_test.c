/* Statements whose table is divided while they run: they answer as if nothing had happened, but for writes that lie in two
 * ranges then. */
#include <stdio.h>
#include <string.h>

#include "sql/catalog.h"
#include "tests/sql/exec/database.h"
#include "tests/test.h"


struct divided {
    struct database *d;
    uint64_t split_ns; /* what a split takes */
};

static void run(struct divided *t, const char *session, const char *text, const char *expected)
{
    struct buf out;
    buf_init(&out, 1u << 20);
    database_run(t->d, session, text, NULL, 0, &out);
    buf_append_byte(&out, 0);
    assert_string_equal((const char *)out.data, expected);
    buf_deinit(&out);
}

/* One range holds all of it, and the catalog. */
static void open_table(struct divided *t)
{
    *t = (struct divided){.d = database_create(1)};
    run(t, "a", "CREATE TABLE t (k int8 PRIMARY KEY, v int, p text DEFAULT repeat('.', 300))", "CREATE TABLE\n");
    run(t, "a", "INSERT INTO t SELECT i, i % 10 FROM generate_series(1, 1000) i", "INSERT 0 1000\n");
}

static void close_table(struct divided *t)
{
    database_destroy(t->d);
}

static void split_after(struct divided *t, int64_t row, uint64_t delay_ns)
{
    struct buf key;
    buf_init(&key, 64);
    catalog_first_table_key(row, &key);
    database_split_after(t->d, buf_view(&key), delay_ns);
    buf_deinit(&key);
}

static void split(struct divided *t, int64_t row)
{
    uint64_t start_ns = database_now(t->d);
    split_after(t, row, 0);
    database_split_await(t->d);
    t->split_ns = database_now(t->d) - start_ns;
}

/* Runs the text while a split is under way: that is ordered at most as long before as it takes, and at the latest when the
 * text is done. at: of 1000. */
static bool run_into_split(struct divided *t, const char *text, uint64_t text_ns, int64_t row, uint64_t at, struct buf *out)
{
    uint64_t offset_ns = (t->split_ns + text_ns) * at / 1000;
    bool early = offset_ns < t->split_ns;
    split_after(t, row, early ? 0 : offset_ns - t->split_ns);
    if (early) database_run_ns(t->d, t->split_ns - offset_ns);
    bool ok = database_run(t->d, "a", text, NULL, 0, out);
    database_split_await(t->d);
    buf_append_byte(out, 0);
    return ok;
}

/* Runs the text again and again, each time with a split somewhat later within it. What it says is what it said
 * before there was any. */
static void sweep(const char *text, uint32_t times)
{
    struct divided t;
    struct buf first, out;
    open_table(&t);
    buf_init(&first, 4u << 20);
    buf_init(&out, 4u << 20);
    split(&t, 990);
    database_run(t.d, "a", text, NULL, 0, &out); /* everything is known now */
    uint64_t start_ns = database_now(t.d);
    assert_true(database_run(t.d, "a", text, NULL, 0, &first));
    uint64_t text_ns = database_now(t.d) - start_ns;
    buf_append_byte(&first, 0);
    for (uint32_t i = 0; i < times; i++) {
        buf_reset(&out);
        run_into_split(&t, text, text_ns, 20 + (int64_t)(i * 389 % 960), i * 1000 / times, &out);
        assert_string_equal((const char *)out.data, (const char *)first.data);
    }
    buf_deinit(&first);
    buf_deinit(&out);
    close_table(&t);
}

TEST(sql_split, a_scan_sees_each_row_once)
{
    sweep("SELECT k, v, p FROM t", 24);
}

TEST(sql_split, a_scan_backwards_sees_each_row_once)
{
    sweep("SELECT k, p FROM t ORDER BY k DESC", 24);
}

TEST(sql_split, rows_are_found_by_key_and_joined)
{
    sweep("SELECT sum(a.v), count(*) FROM t a JOIN t b ON b.k = a.k + 500 WHERE a.k IN (1, 20, 100, 400, 500, 700, 999) OR "
          "a.v = 3", 16);
}

TEST(sql_split, copy_writes_each_row_once)
{
    sweep("COPY t TO STDOUT", 16);
    sweep("COPY (SELECT k FROM t WHERE v < 5 ORDER BY k DESC) TO STDOUT", 16);
}

TEST(sql_split, rows_are_locked_in_both_halves)
{
    sweep("SELECT count(*) FROM (SELECT k FROM t WHERE k BETWEEN 10 AND 990 FOR UPDATE) s", 16);
    sweep("BEGIN; SELECT k FROM t WHERE v = 4 FOR UPDATE; COMMIT", 16);
}

TEST(sql_split, a_write_by_key_waits_at_most)
{
    sweep("UPDATE t SET v = v WHERE k = 500", 16);
    sweep("INSERT INTO t VALUES (400, 0) ON CONFLICT (k) DO UPDATE SET v = 0", 16);
    sweep("DELETE FROM t WHERE k = 980; INSERT INTO t VALUES (980, 0)", 16);
}

TEST(sql_split, what_is_read_in_all_ranges_is_written_to_one)
{
    sweep("UPDATE t SET v = (SELECT max(v) FROM t) WHERE k = 999", 16);
    sweep("BEGIN; SELECT sum(k) FROM t; UPDATE t SET v = 1 WHERE k = 1 RETURNING k; COMMIT", 24);
}

TEST(sql_split, a_cursor_goes_on)
{
    sweep("BEGIN; DECLARE c CURSOR FOR SELECT k, p FROM t ORDER BY k; FETCH 300 FROM c; MOVE 400 IN c; FETCH ALL FROM c;"
          "DECLARE d CURSOR FOR SELECT k, p FROM t ORDER BY k DESC; FETCH 5 FROM d; FETCH ALL FROM d; COMMIT", 16);
}

TEST(sql_split, an_open_transaction_does_not_notice_it)
{
    struct divided t;
    open_table(&t);
    run(&t, "a", "BEGIN", "BEGIN\n[T]\n");
    run(&t, "a", "SELECT v FROM t WHERE k = 11", "v int4\n| 1 |\nSELECT 1\n[T]\n");
    run(&t, "a", "UPDATE t SET v = 77 WHERE k = 900", "UPDATE 1\n[T]\n");
    run(&t, "a", "DECLARE c CURSOR FOR SELECT k FROM t ORDER BY k", "DECLARE CURSOR\n[T]\n");
    run(&t, "a", "FETCH 1 FROM c", "k int8\n| 1 |\nFETCH 1\n[T]\n");
    split(&t, 500);
    split(&t, 250);
    run(&t, "a", "MOVE 498 IN c", "MOVE 498\n[T]\n");
    run(&t, "a", "FETCH 2 FROM c", "k int8\n| 500 |\n| 501 |\nFETCH 2\n[T]\n");
    run(&t, "a", "SELECT count(*), sum(v) FROM t WHERE k IN (11, 400, 900)", "count int8, sum int8\n| 3 | 78 |\nSELECT 1\n[T]\n");
    run(&t, "a", "COMMIT", "COMMIT\n");
    run(&t, "b", "SELECT v FROM t WHERE k = 900", "v int4\n| 77 |\nSELECT 1\n");
    close_table(&t);
}

TEST(sql_split, a_transaction_whose_writes_are_divided_commits_as_a_whole)
{
    struct divided t;
    open_table(&t);
    run(&t, "a", "BEGIN", "BEGIN\n[T]\n");
    run(&t, "a", "UPDATE t SET v = 77 WHERE k IN (1, 900)", "UPDATE 2\n[T]\n");
    split(&t, 500);
    run(&t, "a", "COMMIT", "COMMIT\n");
    run(&t, "b", "SELECT count(*) FROM t WHERE v = 77", "count int8\n| 2 |\nSELECT 1\n");
    close_table(&t);
}

/* At whatever moment the split comes. */
TEST(sql_split, a_statement_whose_writes_are_divided_is_done)
{
    for (uint64_t i = 0; i < 24; i++) {
        struct divided t;
        struct buf out;
        open_table(&t);
        buf_init(&out, 4096);
        split(&t, 800);
        assert_true(run_into_split(&t, "UPDATE t SET v = 77 WHERE k < 800", 5000000, 500, i * 1000 / 24, &out));
        run(&t, "a", "SELECT count(*) FROM t WHERE v = 77", "count int8\n| 799 |\nSELECT 1\n");
        buf_deinit(&out);
        close_table(&t);
    }
}

/* A circle over two halves of what was one range, whose locks were taken before the split. */
TEST(sql_split, a_deadlock_over_both_halves_ends)
{
    struct divided t;
    struct buf a, b;
    open_table(&t);
    buf_init(&a, 4096);
    buf_init(&b, 4096);
    split(&t, 500);
    run(&t, "a", "BEGIN", "BEGIN\n[T]\n");
    run(&t, "b", "BEGIN", "BEGIN\n[T]\n");
    run(&t, "a", "SELECT k FROM t WHERE k = 1 FOR UPDATE", "k int8\n| 1 |\nSELECT 1\n[T]\n");
    run(&t, "b", "SELECT k FROM t WHERE k = 900 FOR UPDATE", "k int8\n| 900 |\nSELECT 1\n[T]\n");
    struct call *first = database_start(t.d, "a", "SELECT k FROM t WHERE k = 900 FOR UPDATE", &a);
    database_run_ns(t.d, 100000000);
    struct call *second = database_start(t.d, "b", "SELECT k FROM t WHERE k = 1 FOR UPDATE", &b);
    database_run_ns(t.d, 100000000);
    split_after(&t, 250, 0); /* waiting requests are sent anew */
    assert_false(database_await(t.d, second));
    buf_append_byte(&b, 0);
    assert_non_null(strstr((const char *)b.data, "ERROR 40P01"));
    run(&t, "b", "ROLLBACK", "ROLLBACK\n");
    assert_true(database_await(t.d, first));
    database_split_await(t.d);
    run(&t, "a", "COMMIT", "COMMIT\n");
    buf_deinit(&a);
    buf_deinit(&b);
    close_table(&t);
}
