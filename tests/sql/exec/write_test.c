/* What statements that write cost, and what they say when there is too much of it. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/sql/exec/database.h"
#include "tests/test.h"

static struct database *d;

/* Runs a text with data for COPY; what it answers. */
static void answers_copy(const char *session, const char *text, const char *copy, const char *expected)
{
    struct buf out;
    buf_init(&out, 64u << 20);
    database_run(d, session, text, copy, 0, &out);
    buf_append_byte(&out, 0);
    assert_string_equal((const char *)out.data, expected);
    buf_deinit(&out);
}

static void answers(const char *text, const char *expected)
{
    answers_copy("a", text, NULL, expected);
}

static void costs(const char *text, const char *expected, uint64_t reads, uint64_t commits)
{
    uint64_t reads_before = database_reads(d), commits_before = database_commits(d);
    answers(text, expected);
    assert_u64_equal(database_reads(d) - reads_before, reads);
    assert_u64_equal(database_commits(d) - commits_before, commits);
}

static void begin(void)
{
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    if (mutant != NULL) assert_true(mutant_select(mutant) > 0);
    d = database_create(1);
    answers("CREATE TABLE t (k int PRIMARY KEY, v text)", "CREATE TABLE\n");
    answers("INSERT INTO t VALUES (1, 'one')", "INSERT 0 1\n");
}

/* Whether there is a row makes no difference to what will be there: one request, and no row is looked at. */
TEST(write, an_upsert_of_all_columns_is_one_request)
{
    begin();
    uint64_t rows = sql_session_rows_read(database_session(d, "a"));
    costs("INSERT INTO t VALUES (1, 'a') ON CONFLICT (k) DO UPDATE SET v = excluded.v", "INSERT 0 1\n", 0, 1);
    costs("INSERT INTO t VALUES (2, 'b') ON CONFLICT (k) DO UPDATE SET v = excluded.v", "INSERT 0 1\n", 0, 1);
    costs("INSERT INTO t VALUES (2, 'c') ON CONFLICT (k) DO UPDATE SET v = 'c' RETURNING v",
          "v text\n| c |\nINSERT 0 1\n", 0, 1);
    answers("PREPARE u AS INSERT INTO t VALUES ($1, $2) ON CONFLICT (k) DO UPDATE SET v = $2", "PREPARE\n");
    costs("EXECUTE u (3, 'd')", "INSERT 0 1\n", 0, 1);
    assert_u64_equal(sql_session_rows_read(database_session(d, "a")) - rows, 0);
    database_destroy(d);
}

TEST(write, a_row_that_is_new_is_one_request_with_do_nothing)
{
    begin();
    costs("INSERT INTO t VALUES (5, 'a') ON CONFLICT DO NOTHING", "INSERT 0 1\n", 0, 1);
    answers("INSERT INTO t VALUES (5, 'a'), (6, 'b') ON CONFLICT DO NOTHING", "INSERT 0 1\n");
    answers("INSERT INTO t VALUES (5, 'a'), (6, 'b') ON CONFLICT DO NOTHING", "INSERT 0 0\n");
    database_destroy(d);
}

/* What depends on the old row reads it. */
TEST(write, an_upsert_that_needs_the_old_row_reads_it)
{
    begin();
    uint64_t rows = sql_session_rows_read(database_session(d, "a"));
    answers("INSERT INTO t VALUES (1, 'a') ON CONFLICT (k) DO UPDATE SET v = t.v || excluded.v RETURNING v",
            "v text\n| onea |\nINSERT 0 1\n");
    answers("INSERT INTO t VALUES (1, 'b') ON CONFLICT (k) DO UPDATE SET v = excluded.v WHERE t.v <> 'onea'",
            "INSERT 0 0\n");
    answers("INSERT INTO t VALUES (1, 'b') ON CONFLICT (k) DO UPDATE SET v = upper(excluded.v) RETURNING v",
            "v text\n| B |\nINSERT 0 1\n");
    assert_u64_equal(sql_session_rows_read(database_session(d, "a")) - rows, 3);
    database_destroy(d);
}

/* Inside BEGIN keys are looked for many at a time. */
TEST(write, rows_of_a_transaction_are_looked_for_together)
{
    begin();
    struct buf copy;
    buf_init(&copy, 1u << 20);
    for (int i = 100; i < 1100; i++) buf_printf(&copy, "%d\tx\n", i);
    buf_append_string(&copy, "1\tagain\n");
    buf_append_byte(&copy, 0);
    answers("BEGIN", "BEGIN\n[T]\n");
    answers_copy("a", "COPY t FROM STDIN", (const char *)copy.data,
                 "ERROR 23505: duplicate key value violates unique constraint \"t_pkey\"\n"
                 "  detail: Key (k)=(1) already exists.\n  context: COPY t, line 1001\n[E]\n");
    answers("ROLLBACK", "ROLLBACK\n");
    copy.data[copy.size - 1 - strlen("1\tagain\n")] = 0;
    answers("BEGIN", "BEGIN\n[T]\n");
    answers_copy("a", "COPY t FROM STDIN", (const char *)copy.data, "COPY 1000\n[T]\n");
    answers("COMMIT", "COMMIT\n");
    answers("SELECT count(*) FROM t", "count int8\n| 1001 |\nSELECT 1\n");
    buf_deinit(&copy);
    database_destroy(d);
}

/* COPY is one transaction, which has a limit: the answer names it, and nothing is written. */
TEST(write, copy_of_too_much_is_refused_as_a_whole)
{
    begin();
    answers("SET ostraka.transaction_write_limit = '4MB'", "SET\n");
    struct buf copy;
    buf_init(&copy, 16u << 20);
    for (int i = 100; i < 60100; i++)
        buf_printf(&copy, "%d\t%s\n", i, "a hundred bytes, or nearly so, are a row of the kind that benchmarks load by");
    buf_append_byte(&copy, 0);
    for (int inside = 0; inside < 2; inside++) {
        if (inside) answers("BEGIN", "BEGIN\n[T]\n");
        struct buf out;
        buf_init(&out, 1u << 20);
        assert_false(database_run(d, "a", "COPY t FROM STDIN", (const char *)copy.data, 0, &out));
        buf_append_byte(&out, 0);
        assert_non_null(strstr((const char *)out.data, "ERROR 54000: a transaction is limited to 4194304 bytes of "
                                                       "writes"));
        assert_non_null(strstr((const char *)out.data, "hint: Write in several transactions"));
        assert_non_null(strstr((const char *)out.data, "context: COPY t, line "));
        buf_deinit(&out);
        if (inside) answers("ROLLBACK", "ROLLBACK\n");
    }
    answers("SELECT count(*) FROM t", "count int8\n| 1 |\nSELECT 1\n");
    buf_deinit(&copy);
    database_destroy(d);
}

/* Another session has made the table anew: the commit refuses what was written to the old one, and the statement is run
 * again, which it can be because nobody has seen the row yet. */
TEST(write, returned_rows_wait_for_the_commit)
{
    begin();
    answers_copy("b", "DROP TABLE t; CREATE TABLE t (k int PRIMARY KEY, v text)", NULL, "DROP TABLE\nCREATE TABLE\n");
    answers("INSERT INTO t VALUES (1, 'again') RETURNING v", "v text\n| again |\nINSERT 0 1\n");
    answers("SELECT * FROM t", "k int4, v text\n| 1 | again |\nSELECT 1\n");
    database_destroy(d);
}
