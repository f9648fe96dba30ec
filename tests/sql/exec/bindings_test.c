/* What a prepared statement's expressions were bound to is kept (sql/bindings.h): from its second execution on, so what each of
 * these tests is about shows in the third. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "sql/session_int.h"
#include "tests/sql/exec/database.h"
#include "tests/test.h"

static struct database *d;

static void run(const char *session, const char *text, const char *expected)
{
    database_must(d, session, text, expected);
}

static void thrice(const char *text, const char *expected)
{
    for (int i = 0; i < 3; i++) run("a", text, expected);
}

static void begin(void)
{
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    if (mutant != NULL) assert_true(mutant_select(mutant) > 0);
    d = database_create(1);
    run("a", "CREATE TABLE t (k int PRIMARY KEY, a text, b text)", "CREATE TABLE\n");
    run("a", "INSERT INTO t VALUES (1, 'a1', 'b1'), (2, 'a2', 'b2')", "INSERT 0 2\n");
}

static size_t kept(const char *session)
{
    return database_session(d, session)->bindings_bytes;
}

/* ---- tables that change ---- */

static const char *const changes[] = {
    "ALTER TABLE t RENAME a TO c; ALTER TABLE t RENAME b TO a; ALTER TABLE t RENAME c TO b",
    "DROP TABLE t; CREATE TABLE t (k int PRIMARY KEY, b text, a text); INSERT INTO t VALUES (1, 'a1', 'b1'), (2, 'a2', 'b2')",
    "BEGIN; DROP TABLE t; CREATE TABLE t (b text, a text, k int PRIMARY KEY); INSERT INTO t VALUES ('a1', 'b1', 1), ('a2', 'b2', 2); COMMIT",
};

static void change(const char *session, const char *text)
{
    struct buf out;
    buf_init(&out, 4096);
    if (!database_run(d, session, text, NULL, 0, &out)) fail_msg("%s", out.data);
    buf_deinit(&out);
}

/* In each of these the columns a and b change places. */
static void after_change(const char *session, const char *text)
{
    begin();
    run("a", "PREPARE get AS SELECT a FROM t WHERE k = $1 AND a <> $2", "PREPARE\n");
    run("a", "PREPARE put AS UPDATE t SET a = a || $2 WHERE k = $1 AND b <> $2 RETURNING a, b", "PREPARE\n");
    run("a", "PREPARE new AS INSERT INTO t (k, a) VALUES ($1, $2) ON CONFLICT (k) DO UPDATE SET a = t.a || excluded.a", "PREPARE\n");
    run("a", "PREPARE gone AS DELETE FROM t WHERE k = $1 AND b = $2", "PREPARE\n");
    thrice("EXECUTE get (1, '')", "a text\n| a1 |\nSELECT 1\n");
    thrice("EXECUTE put (2, '')", "a text, b text\n| a2 | b2 |\nUPDATE 1\n");
    thrice("EXECUTE new (2, '')", "INSERT 0 1\n");
    thrice("EXECUTE gone (2, 'a2')", "DELETE 0\n");
    assert_true(kept("a") > 0);
    change(session, text);
    thrice("EXECUTE get (1, '')", "a text\n| b1 |\nSELECT 1\n");
    thrice("EXECUTE put (2, '')", "a text, b text\n| b2 | a2 |\nUPDATE 1\n");
    thrice("EXECUTE new (2, '')", "INSERT 0 1\n");
    run("b", "SELECT k, a, b FROM t WHERE k = 2", "k int4, a text, b text\n| 2 | b2 | a2 |\nSELECT 1\n");
    thrice("EXECUTE gone (2, 'b2')", "DELETE 0\n");
    run("a", "EXECUTE gone (2, 'a2')", "DELETE 1\n");
    database_destroy(d);
}

TEST(bindings, a_table_that_changes_in_the_same_session)
{
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) after_change("a", changes[i]);
}

TEST(bindings, a_table_that_changes_in_another_session)
{
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) after_change("b", changes[i]);
}

/* The record that a transaction has written has the version of one that others write, and is another one. */
TEST(bindings, a_change_that_comes_to_nothing)
{
    begin();
    run("a", "PREPARE get AS SELECT a FROM t WHERE k = $1 AND a <> 'x'", "PREPARE\n");
    thrice("EXECUTE get (1)", "a text\n| a1 |\nSELECT 1\n");
    change("a", "BEGIN");
    change("a", changes[0]);
    thrice("EXECUTE get (1)", "a text\n| b1 |\nSELECT 1\n[T]\n");
    change("a", "ROLLBACK");
    change("b", "ALTER TABLE t RENAME b TO c; ALTER TABLE t RENAME c TO d; ALTER TABLE t RENAME d TO e");
    run("a", "SELECT k FROM t WHERE k = 1", "k int4\n| 1 |\nSELECT 1\n"); /* the session has read the record */
    thrice("EXECUTE get (1)", "a text\n| a1 |\nSELECT 1\n");
    change("b", "DROP TABLE t");
    thrice("EXECUTE get (1)", "ERROR 42P01 at 30: relation \"t\" does not exist\n");
    database_destroy(d);
}

TEST(bindings, defaults_and_checks_of_a_table_that_changes)
{
    begin();
    change("a", "DROP TABLE t; CREATE TABLE t (k int PRIMARY KEY, a int DEFAULT 7, CHECK (a < 10))");
    run("a", "PREPARE new AS INSERT INTO t (k) VALUES ($1)", "PREPARE\n");
    run("a", "PREPARE put AS UPDATE t SET a = $1 WHERE k = 1", "PREPARE\n");
    for (int i = 1; i <= 3; i++) {
        char text[64];
        snprintf(text, sizeof text, "EXECUTE new (%d)", i);
        run("a", text, "INSERT 0 1\n");
    }
    thrice("EXECUTE put (9)", "UPDATE 1\n");
    thrice("EXECUTE put (10)", "ERROR 23514: new row for relation \"t\" violates check constraint \"t_a_check\"\n"
                               "  detail: Failing row contains (1, 10).\n");
    change("b", "ALTER TABLE t DROP CONSTRAINT t_a_check; ALTER TABLE t ADD CONSTRAINT more CHECK (a > 6); ALTER TABLE t ALTER a SET DEFAULT 11");
    thrice("EXECUTE put (10)", "UPDATE 1\n");
    thrice("EXECUTE put (6)", "ERROR 23514: new row for relation \"t\" violates check constraint \"more\"\n"
                              "  detail: Failing row contains (1, 6).\n");
    run("a", "EXECUTE new (4)", "INSERT 0 1\n");
    run("a", "SELECT a FROM t WHERE k = 4", "a int4\n| 11 |\nSELECT 1\n");
    database_destroy(d);
}

/* ---- settings and time ---- */

TEST(bindings, what_settings_and_the_time_decide_is_decided_each_time)
{
    begin();
    change("a", "CREATE TABLE z (k int PRIMARY KEY, at timestamptz); INSERT INTO z VALUES (1, '2020-01-02 00:00+00')");
    run("a", "PREPARE q AS SELECT $1::timestamptz = at, at = '2020-01-02 00:00', at < '01/02/2020'::timestamptz + interval '1 minute' FROM z WHERE k = 1", "PREPARE\n");
    run("a", "PREPARE found AS SELECT k FROM z WHERE at = '2020-01-02 00:00'", "PREPARE\n");
    run("a", "PREPARE s AS SELECT $1 || current_setting('DateStyle'), '01/02/2020'::timestamptz::text", "PREPARE\n");
    run("a", "PREPARE aged AS SELECT at < 'now' AND 'now'::timestamptz <= now() FROM z WHERE k = 1", "PREPARE\n");
    thrice("EXECUTE q ('2020-01-02 00:00+00')", "?column? bool, ?column? bool, ?column? bool\n| t | t | t |\nSELECT 1\n");
    thrice("EXECUTE found", "k int4\n| 1 |\nSELECT 1\n");
    thrice("EXECUTE s ('')", "?column? text, text text\n| ISO, MDY | 2020-01-02 00:00:00+00 |\nSELECT 1\n");
    thrice("EXECUTE aged", "?column? bool\n| t |\nSELECT 1\n");
    change("a", "SET TimeZone = 'Asia/Kolkata'");
    thrice("EXECUTE q ('2020-01-02 00:00+00')", "?column? bool, ?column? bool, ?column? bool\n| t | f | f |\nSELECT 1\n");
    thrice("EXECUTE q ('2020-01-02 00:00')", "?column? bool, ?column? bool, ?column? bool\n| f | f | f |\nSELECT 1\n");
    thrice("EXECUTE found", "k int4\nSELECT 0\n");
    change("a", "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, DMY'");
    thrice("EXECUTE q ('2020-01-02 00:00+00')", "?column? bool, ?column? bool, ?column? bool\n| t | t | t |\nSELECT 1\n");
    thrice("EXECUTE s ('')", "?column? text, text text\n| ISO, DMY | 2020-02-01 00:00:00+00 |\nSELECT 1\n");
    database_destroy(d);
}

/* ---- values ---- */

static void reads(const char *text, const char *expected, uint64_t rows)
{
    struct sql_session *s = database_session(d, "a");
    uint64_t before = sql_session_rows_read(s);
    run("a", text, expected);
    assert_u64_equal(sql_session_rows_read(s) - before, rows);
}

/* As constants they decide what has to be read. */
TEST(bindings, values_of_parameters_still_decide_what_is_read)
{
    begin();
    run("a", "PREPARE q (int, text) AS SELECT a FROM t WHERE ($1 IS NULL OR k = $1) AND ($2 IS NULL OR a = $2)", "PREPARE\n");
    run("a", "PREPARE s AS SELECT k FROM t WHERE a = $1", "PREPARE\n");
    run("a", "PREPARE i AS SELECT a FROM t WHERE k IN ($1, $2)", "PREPARE\n");
    run("a", "PREPARE l AS SELECT a FROM t WHERE k > $1 ORDER BY k LIMIT $2", "PREPARE\n");
    run("a", "PREPARE u AS INSERT INTO t VALUES ($1, $2, 'b3') ON CONFLICT (k) DO UPDATE SET a = $2, b = excluded.b", "PREPARE\n");
    run("a", "EXECUTE u (3, 'c')", "INSERT 0 1\n");
    for (int i = 0; i < 4; i++) {
        reads("EXECUTE q (1, NULL)", "a text\n| a1 |\nSELECT 1\n", 1);
        reads("EXECUTE q (NULL, 'a2')", "a text\n| a2 |\nSELECT 1\n", 3);
        reads("EXECUTE q (NULL, NULL)", "a text\n| a1 |\n| a2 |\n| c |\nSELECT 3\n", 3);
        reads("EXECUTE s ('a2')", "k int4\n| 2 |\nSELECT 1\n", 3);
        reads("EXECUTE s (NULL)", "k int4\nSELECT 0\n", 0);
        reads("EXECUTE i (2, 1)", "a text\n| a1 |\n| a2 |\nSELECT 2\n", 2);
        reads("EXECUTE i (2, 2)", "a text\n| a2 |\nSELECT 1\n", 1);
        reads("EXECUTE i (2, NULL)", "a text\n| a2 |\nSELECT 1\n", 1);
        reads("EXECUTE u (3, 'c')", "INSERT 0 1\n", 0);
        reads("EXECUTE l (0, 1)", "a text\n| a1 |\nSELECT 1\n", 1);
        reads("EXECUTE l (0, NULL)", "a text\n| a1 |\n| a2 |\n| c |\nSELECT 3\n", 3);
    }
    database_destroy(d);
}

TEST(bindings, an_error_is_that_of_one_execution)
{
    begin();
    run("a", "PREPARE q (int) AS SELECT k / $1 FROM t WHERE k = 10 / $1", "PREPARE\n");
    run("a", "PREPARE p (int) AS UPDATE t SET a = CASE WHEN k > $1 THEN 1 / (k - k) ELSE $1 END WHERE k = 2 RETURNING a", "PREPARE\n");
    for (int i = 0; i < 4; i++) {
        run("a", "EXECUTE q (0)", "ERROR 22012: division by zero\n");
        run("a", "EXECUTE q (5)", "?column? int4\n| 0 |\nSELECT 1\n");
        run("a", "EXECUTE q (NULL)", "?column? int4\nSELECT 0\n");
        run("a", "EXECUTE p (1)", "ERROR 22012: division by zero\n");
        run("a", "EXECUTE p (2)", "a text\n| 2 |\nUPDATE 1\n");
    }
    database_destroy(d);
}

/* ---- the statement goes ---- */

TEST(bindings, another_statement_of_the_same_name)
{
    begin();
    static const char *const ends[] = {"DEALLOCATE q", "DEALLOCATE ALL", "DISCARD ALL"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        run("a", "PREPARE q AS SELECT a FROM t WHERE k = $1", "PREPARE\n");
        thrice("EXECUTE q (1)", "a text\n| a1 |\nSELECT 1\n");
        assert_true(kept("a") > 0);
        change("a", ends[i]);
        assert_u64_equal(kept("a"), 0);
        run("a", "PREPARE q AS SELECT b FROM t WHERE k = $1", "PREPARE\n");
        thrice("EXECUTE q (1)", "b text\n| b1 |\nSELECT 1\n");
        run("a", "DEALLOCATE q", "DEALLOCATE\n");
    }
    database_destroy(d);
}

/* ---- memory ---- */

static void fill_columns(char *text, size_t size, const char *head, uint32_t count, const char *tail)
{
    size_t at = (size_t)snprintf(text, size, "%s", head);
    for (uint32_t i = 0; i < count; i++) at += (size_t)snprintf(text + at, size - at, "%s$1", i == 0 ? "" : i % 100 == 0 ? ", " : " + ");
    snprintf(text + at, size - at, "%s", tail);
}

TEST(bindings, what_is_too_much_is_not_kept)
{
    begin();
    /* A statement's own bound: 256 KiB of expressions. */
    char *text = malloc(1 << 16);
    fill_columns(text, 1 << 16, "PREPARE q (int) AS SELECT ", 1300, " FROM t WHERE k = 1");
    run("a", text, "PREPARE\n");
    struct buf out;
    buf_init(&out, 1 << 16);
    for (int i = 0; i < 3; i++) assert_true(database_run(d, "a", "EXECUTE q (1)", NULL, 0, &out));
    buf_deinit(&out);
    assert_u64_equal(kept("a"), 0);
    free(text);
    /* That of the session. */
    run("a", "PREPARE p AS SELECT a FROM t WHERE k = $1", "PREPARE\n");
    struct sql_session *s = database_session(d, "a");
    s->bindings_bytes += BINDINGS_SESSION_BYTES_MAX;
    thrice("EXECUTE p (1)", "a text\n| a1 |\nSELECT 1\n");
    assert_u64_equal(kept("a"), BINDINGS_SESSION_BYTES_MAX);
    s->bindings_bytes -= BINDINGS_SESSION_BYTES_MAX;
    run("a", "DEALLOCATE p", "DEALLOCATE\n");
    /* What it takes is counted. */
    run("a", "PREPARE p AS SELECT a FROM t WHERE k = $1", "PREPARE\n");
    run("a", "EXECUTE p (1)", "a text\n| a1 |\nSELECT 1\n");
    assert_u64_equal(kept("a"), 0);
    size_t before = session_memory(s);
    run("a", "EXECUTE p (1)", "a text\n| a1 |\nSELECT 1\n");
    assert_true(kept("a") > 0);
    assert_u64_equal(session_memory(s) - before, kept("a"));
    database_destroy(d);
}
