/* What a session remembers of tables saves requests, and never decides anything that is not so any
 * more (CAT-1). */
#include <string.h>

#include "base/assert.h"
#include "tests/sql/exec/database.h"
#include "tests/test.h"

/* Requests that a text costs. */
static void run_counted(struct database *d, const char *text, const char *expected, uint64_t reads,
                        uint64_t commits)
{
    uint64_t reads_before = database_reads(d), commits_before = database_commits(d);
    database_must(d, "a", text, expected);
    assert_u64_equal(database_reads(d) - reads_before, reads);
    assert_u64_equal(database_commits(d) - commits_before, commits);
}

TEST(catalog, a_table_that_is_known_costs_no_request)
{
    struct database *d = database_create(1);
    database_must(d, "a", "CREATE TABLE t (a int PRIMARY KEY, b text)", "CREATE TABLE\n");
    run_counted(d, "INSERT INTO t VALUES (1, 'x')", "INSERT 0 1\n", 1, 1);
    run_counted(d, "INSERT INTO t VALUES (2, 'y')", "INSERT 0 1\n", 0, 1);
    run_counted(d, "SELECT b FROM t WHERE a = 1", "b text\n| x |\nSELECT 1\n", 1, 0);
    run_counted(d, "SELECT count(*) FROM t", "count int8\n| 2 |\nSELECT 1\n", 1, 0);
    /* Requests for locks are no reads; they validate the table as well. */
    run_counted(d, "UPDATE t SET b = 'z' WHERE a = 1", "UPDATE 1\n", 0, 1);
    run_counted(d, "SELECT a FROM t WHERE a IN (1, 2, 3, 4, 5, 6, 7, 8)",
                "a int4\n| 1 |\n| 2 |\nSELECT 2\n", 1, 0);
    run_counted(d, "UPDATE t SET b = 'z' WHERE a IN (2, 3, 1)", "UPDATE 2\n", 0, 1);
    run_counted(d, "DELETE FROM t WHERE a = 2", "DELETE 1\n", 0, 1);
    run_counted(d, "DELETE FROM t WHERE false", "DELETE 0\n", 1, 0);
    run_counted(d, "SELECT a FROM t WHERE false", "a int4\nSELECT 0\n", 1, 0);
    database_destroy(d);
}

/* Session a knows the table, session b makes another of it; then a uses it. */
static void after_change(const char *change, const char *text, const char *expected)
{
    struct database *d = database_create(1);
    database_must(d, "a", "CREATE TABLE t (a int PRIMARY KEY, b text)", "CREATE TABLE\n");
    database_must(d, "a", "INSERT INTO t VALUES (1, 'x')", "INSERT 0 1\n");
    database_must(d, "a", "SELECT b FROM t", "b text\n| x |\nSELECT 1\n");
    struct buf out;
    buf_init(&out, 1u << 20);
    assert_true(database_run(d, "b", change, NULL, 0, &out));
    buf_deinit(&out);
    database_must(d, "a", text, expected);
    database_destroy(d);
}

static const char *const drop = "DROP TABLE t";
static const char *const other =
    "DROP TABLE t; CREATE TABLE t (c int PRIMARY KEY); INSERT INTO t VALUES (7)";

TEST(catalog, a_dropped_table_is_not_read_or_written)
{
    after_change(drop, "SELECT b FROM t WHERE a = 1",
                 "ERROR 42P01 at 15: relation \"t\" does not exist\n");
    after_change(drop, "SELECT b FROM t WHERE false",
                 "ERROR 42P01 at 15: relation \"t\" does not exist\n");
    after_change(drop, "SELECT count(*) FROM t WHERE false",
                 "ERROR 42P01 at 22: relation \"t\" does not exist\n");
    after_change(drop, "SELECT b FROM t LIMIT 0",
                 "ERROR 42P01 at 15: relation \"t\" does not exist\n");
    after_change(drop, "SELECT z FROM t", "ERROR 42P01 at 15: relation \"t\" does not exist\n");
    after_change(drop, "INSERT INTO t VALUES (2, 'y')",
                 "ERROR 42P01 at 13: relation \"t\" does not exist\n");
    after_change(drop, "INSERT INTO t VALUES (1, 'y')",
                 "ERROR 42P01 at 13: relation \"t\" does not exist\n");
    after_change(drop, "UPDATE t SET b = 'y'", "ERROR 42P01 at 8: relation \"t\" does not exist\n");
    after_change(drop, "DELETE FROM t WHERE a = 1",
                 "ERROR 42P01 at 13: relation \"t\" does not exist\n");
    after_change(drop, "DELETE FROM t WHERE false",
                 "ERROR 42P01 at 13: relation \"t\" does not exist\n");
    after_change(drop, "TRUNCATE t", "ERROR 42P01: relation \"t\" does not exist\n");
    after_change(drop, "COPY t FROM STDIN", "ERROR 42P01: relation \"t\" does not exist\n");
}

TEST(catalog, a_table_made_anew_is_read_as_it_is)
{
    after_change(other, "SELECT * FROM t", "c int4\n| 7 |\nSELECT 1\n");
    after_change(other, "SELECT c FROM t WHERE c = 7", "c int4\n| 7 |\nSELECT 1\n");
    after_change(other, "INSERT INTO t VALUES (8)", "INSERT 0 1\n");
    after_change(other, "INSERT INTO t VALUES (8, 'y')",
                 "ERROR 42601 at 26: INSERT has more expressions than target columns\n");
    after_change(other, "UPDATE t SET c = 9", "UPDATE 1\n");
    after_change(other, "DELETE FROM t", "DELETE 1\n");
    after_change(other, "BEGIN; INSERT INTO t VALUES (8); COMMIT", "BEGIN\nINSERT 0 1\nCOMMIT\n");
    after_change("TRUNCATE t", "SELECT * FROM t", "a int4, b text\nSELECT 0\n");
    after_change("TRUNCATE t", "INSERT INTO t VALUES (1, 'y')", "INSERT 0 1\n");
}

TEST(catalog, a_row_that_is_inserted_goes_into_the_table_that_is_there)
{
    struct database *d = database_create(1);
    database_must(d, "a", "CREATE TABLE t (a int PRIMARY KEY, b text)", "CREATE TABLE\n");
    database_must(d, "a", "INSERT INTO t VALUES (1, 'x')", "INSERT 0 1\n");
    database_must(d, "b", "TRUNCATE t", "TRUNCATE TABLE\n");
    database_must(d, "a", "INSERT INTO t VALUES (2, 'y')", "INSERT 0 1\n");
    database_must(d, "b", "SELECT a FROM t", "a int4\n| 2 |\nSELECT 1\n");
    database_destroy(d);
}

/* The two checks carry it: without them a session goes on with what it knows. */
static bool loses_a_row(void)
{
    struct database *d = database_create(1);
    database_must(d, "a", "CREATE TABLE t (a int PRIMARY KEY, b text)", "CREATE TABLE\n");
    database_must(d, "a", "INSERT INTO t VALUES (1, 'x')", "INSERT 0 1\n");
    database_must(d, "b", "TRUNCATE t", "TRUNCATE TABLE\n");
    database_must(d, "a", "INSERT INTO t VALUES (2, 'y')", "INSERT 0 1\n");
    struct buf out;
    buf_init(&out, 4096);
    database_run(d, "b", "SELECT a FROM t", NULL, 0, &out);
    buf_append_byte(&out, 0);
    bool lost = strstr((const char *)out.data, "| 2 |") == NULL;
    buf_deinit(&out);
    database_destroy(d);
    return lost;
}

static bool reads_what_was_dropped(void)
{
    struct database *d = database_create(1);
    database_must(d, "a", "CREATE TABLE t (a int PRIMARY KEY, b text)", "CREATE TABLE\n");
    database_must(d, "a", "INSERT INTO t VALUES (1, 'x')", "INSERT 0 1\n");
    database_must(d, "b", "DROP TABLE t", "DROP TABLE\n");
    struct buf out;
    buf_init(&out, 4096);
    bool ok = database_run(d, "a", "SELECT b FROM t WHERE a = 1", NULL, 0, &out);
    buf_deinit(&out);
    database_destroy(d);
    return ok;
}

TEST(catalog, mutants_of_the_checks_are_caught)
{
    assert_false(loses_a_row());
    assert_false(reads_what_was_dropped());
    mutant_select("assumption_uncommitted");
    assert_true(loses_a_row());
    mutant_select("assumption_unread");
    assert_true(reads_what_was_dropped());
    mutant_select("system_write_unnoticed");
    assert_true(reads_what_was_dropped());
    mutant_select(NULL);
}
