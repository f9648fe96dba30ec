/* Statements at the limits: large, deep, wide. They end with an answer or a clear error, and the
 * session goes on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sql/exec/database.h"
#include "tests/test.h"

static struct database *d;

/* Behind the message of an error: which memory it was. */
#define TOO_MUCH \
    "  detail: The memory of a statement is limited to N bytes; it held N, and N more are too many.\n" \
    "  hint: There is no setting for it: have the statement sort, group or gather less at a time.\n"

/* What a text answers, as far as 200 bytes. */
static void answers(const char *text, const char *expected)
{
    struct buf out;
    buf_init(&out, 256u << 20);
    database_run(d, "a", text, NULL, 0, &out);
    buf_append_byte(&out, 0);
    char *got = (char *)out.data;
    if (strlen(got) > 200) got[200] = 0;
    if (strncmp(got, expected, 200) != 0) fail_msg("%.80s: expected\n%s\ngot\n%s", text, expected, got);
    buf_deinit(&out);
}

static void text_answers(struct buf *text, const char *expected)
{
    buf_append_byte(text, 0);
    assert_false(text->failed);
    answers((const char *)text->data, expected);
    buf_deinit(text);
}

static void start(struct buf *text, const char *words)
{
    buf_init(text, 32u << 20);
    buf_append_string(text, words);
}

static void begin(void)
{
    d = database_create(1);
    answers("CREATE TABLE t (a int PRIMARY KEY, b text)", "CREATE TABLE\n");
    answers("INSERT INTO t VALUES (1, 'x'), (77777, 'y')", "INSERT 0 2\n");
}

static void end(void)
{
    answers("SELECT count(*) FROM t WHERE a = 1",
            "count int8\n| 1 |\nSELECT 1\n"); /* the session goes on */
    database_destroy(d);
}

static void list_of(struct buf *text, const char *before, uint32_t count, const char *item,
                    const char *between, const char *after)
{
    start(text, before);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) buf_append_string(text, between);
        buf_printf(text, item, i);
    }
    buf_append_string(text, after);
}

TEST(limits, lists_may_be_long)
{
    struct buf text;
    begin();
    list_of(&text, "SELECT b FROM t WHERE a IN (", 100000, "%u", ",", ") ORDER BY a");
    text_answers(&text, "b text\n| x |\n| y |\nSELECT 2\n");
    list_of(&text, "SELECT b FROM t WHERE a + 0 IN (", 100000, "%u", ",", ") ORDER BY a");
    text_answers(&text, "b text\n| x |\n| y |\nSELECT 2\n");
    list_of(&text, "SELECT count(*) FROM t WHERE a NOT IN (", 1000000, "%u", ",", ")");
    text_answers(&text, "ERROR 53200: out of memory\n" TOO_MUCH);
    list_of(&text, "SELECT b FROM t WHERE a IN (a, ", 3000, "a + %u", ",", ") ORDER BY a");
    text_answers(&text, "b text\n| x |\n| y |\nSELECT 2\n");
    list_of(&text, "SELECT b FROM t WHERE ", 20000, "a = %u", " OR ", " ORDER BY a");
    text_answers(&text, "b text\n| x |\nSELECT 1\n");
    list_of(&text, "SELECT b FROM t WHERE ", 20000, "a <> %u", " AND ", " ORDER BY a");
    text_answers(&text, "b text\n| y |\nSELECT 1\n");
    list_of(&text, "INSERT INTO t VALUES ", 20000, "(%u + 100000)", ", ", "");
    text_answers(&text, "INSERT 0 20000\n");
    struct buf expected;
    list_of(&expected, "", 100, "?column? int4\n| %u |\n", "SELECT 1\n", "");
    buf_truncate(&expected, 200);
    buf_append_byte(&expected, 0);
    list_of(&text, "", 1000, "SELECT %u", "; ", "");
    text_answers(&text, (const char *)expected.data);
    buf_deinit(&expected);
    end();
}

static void nested(struct buf *text, const char *before, const char *open, uint32_t count,
                   const char *middle, const char *close)
{
    start(text, before);
    for (uint32_t i = 0; i < count; i++)
        buf_append_string(text, open);
    buf_append_string(text, middle);
    for (uint32_t i = 0; i < count; i++)
        buf_append_string(text, close);
}

TEST(limits, depth_ends_with_an_error)
{
    static const char *const opens[][3] = {
        {"(", "1", ")"},
        {"NOT ", "true", ""},
        {"- ", "1", ""},
        {"abs(", "1", ")"},
        {"CASE WHEN true THEN ", "1", " END"},
        {"coalesce(", "1", ", 2)"},
        {"", "1", "::int"},
        {"", "1", " + 1"},
        {"", "'x'", " || 'y'"},
        {"1 IN (1, ", "1", ")::int"},
        {"nullif(", "1", ", 2)"},
    };
    begin();
    for (size_t i = 0; i < sizeof opens / sizeof opens[0]; i++) {
        struct buf text, out;
        nested(&text, "SELECT ", opens[i][0], 100000, opens[i][1], opens[i][2]);
        buf_append_byte(&text, 0);
        buf_init(&out, 64u << 20);
        bool ok = database_run(d, "a", (const char *)text.data, NULL, 0, &out);
        buf_append_byte(&out, 0);
        if (!ok && strncmp((const char *)out.data, "ERROR 54001", 11) != 0)
            fail_msg("%s: %.200s", opens[i][0], (const char *)out.data);
        buf_deinit(&text);
        buf_deinit(&out);
        nested(&text, "SELECT ", opens[i][0], 100, opens[i][1], opens[i][2]);
        buf_append_byte(&text, 0);
        buf_init(&out, 64u << 20);
        ok = database_run(d, "a", (const char *)text.data, NULL, 0, &out);
        buf_append_byte(&out, 0);
        if (!ok) fail_msg("%s: %.200s", opens[i][0], (const char *)out.data);
        buf_deinit(&text);
        buf_deinit(&out);
    }
    end();
}

TEST(limits, tables_may_be_wide)
{
    struct buf text;
    begin();
    list_of(&text, "CREATE TABLE w (", 1600, "c%u int", ", ", ")");
    text_answers(&text, "CREATE TABLE\n");
    list_of(&text, "INSERT INTO w VALUES (", 1600, "%u", ", ", ")");
    text_answers(&text, "INSERT 0 1\n");
    answers("SELECT c0, c1599 FROM w", "c0 int4, c1599 int4\n| 0 | 1599 |\nSELECT 1\n");
    answers("SELECT count(*) FROM w WHERE c1599 = 1599", "count int8\n| 1 |\nSELECT 1\n");
    answers("SELECT count(*), 1 FROM w", "count int8, ?column? int4\n| 1 | 1 |\nSELECT 1\n");
    list_of(&text, "SELECT w.*, ", 65, "%u", ", ", " FROM w");
    text_answers(&text, "ERROR 54011: target lists can have at most 1664 entries\n");
    answers("UPDATE w SET c1000 = 0", "UPDATE 1\n");
    list_of(&text, "SELECT ", 1665, "%u", ", ", "");
    text_answers(&text, "ERROR 54011: target lists can have at most 1664 entries\n");
    list_of(&text, "CREATE TABLE x (", 1601, "c%u int", ", ", ")");
    text_answers(&text, "ERROR 54011: tables can have at most 1600 columns\n");
    list_of(&text, "CREATE TABLE x (", 33, "c%u int", ", ", ", PRIMARY KEY (");
    for (uint32_t i = 0; i < 33; i++)
        buf_printf(&text, "%sc%u", i > 0 ? ", " : "", i);
    buf_append_string(&text, "))");
    text_answers(&text, "ERROR 54011: cannot use more than 32 columns in an index\n");
    list_of(&text, "CREATE TABLE checked (a int", 1000, ", CHECK (a > %u)", "", ")");
    text_answers(&text, "CREATE TABLE\n");
    answers("INSERT INTO checked VALUES (998)", "ERROR 23514: new row for relation \"checked\" violates check constraint "
            "\"checked_a_check998\"\n  detail: Failing row contains (998).\n");
    list_of(&text, "CREATE TABLE x (a int", 100000, ", CHECK (a > %u)", "", ")");
    text_answers(&text, "ERROR 54000: tables can have at most 1000 check constraints\n");
    list_of(&text, "WITH ", 1000, "q%u AS (SELECT 1 AS a)", ", ", " SELECT a FROM q999");
    text_answers(&text, "a int4\n| 1 |\nSELECT 1\n");
    list_of(&text, "WITH ", 100000, "q%u AS (SELECT 1)", ", ", " SELECT 1");
    text_answers(&text, "ERROR 54000 at 1: WITH has at most 1000 queries; this one has 100000\n");
    end();
}

TEST(limits, values_and_memory_are_bounded)
{
    begin();
    answers("SELECT length(repeat('x', 15000000))", "length int4\n| 15000000 |\nSELECT 1\n");
    answers("SELECT repeat('x', 100000000)", "ERROR 53200: out of memory\n" TOO_MUCH);
    answers("INSERT INTO t VALUES (2, repeat('x', 1100000))",
            "ERROR 54000: a row is limited to 1048576 bytes; this one has 1100009\n");
    answers("CREATE TABLE k (a text PRIMARY KEY)", "CREATE TABLE\n");
    answers("SELECT count(*) FROM k WHERE a = repeat('x', 5000)", "count int8\n| 0 |\nSELECT 1\n");
    answers("SELECT count(*) FROM k WHERE a > repeat('x', 5000)", "count int8\n| 0 |\nSELECT 1\n");
    for (int i = 10; i < 90; i++) {
        char text[128];
        snprintf(text, sizeof text, "INSERT INTO t VALUES (%d, repeat('%d', 500000))", i, i);
        answers(text, "INSERT 0 1\n");
    }
    answers("SELECT count(*), max(length(b)) FROM t",
            "count int8, max int4\n| 82 | 1000000 |\nSELECT 1\n");
    answers("SELECT b FROM t ORDER BY b DESC OFFSET 80", "ERROR 53200: out of memory\n" TOO_MUCH);
    answers("SELECT DISTINCT b FROM t", "ERROR 53200: out of memory\n" TOO_MUCH);
    answers("SELECT b, count(*) FROM t GROUP BY b", "ERROR 53200: out of memory\n" TOO_MUCH);
    answers("UPDATE t SET b = b || 'x'", "ERROR 53200: out of memory\n" TOO_MUCH);
    answers("SELECT a FROM t ORDER BY length(b) DESC, a LIMIT 1", "a int4\n| 10 |\nSELECT 1\n");
    answers("DELETE FROM t WHERE a BETWEEN 10 AND 89", "DELETE 80\n");
    end();
}
